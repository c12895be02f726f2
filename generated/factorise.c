/* factorise.c: a trainer for factorise.ad, made by adc. Build: cc -O3 -march=native factorise.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;
#ifdef AD_LANES
typedef ad_lanes lanes;    /* several rows at once */
typedef ad_ints ints;
typedef int64_t lane_int;
enum { LANES = (int)(sizeof(lanes) / sizeof(real)) };
#endif

enum {
    N = 4,    /* dim n, factorise.ad:8 */
    RANK = 2,    /* dim rank, factorise.ad:9 */
};

/* Where load keeps its results. */
static void load_offsets(const int64_t *dims, size_t *at)
{
    (void)dims;
    at[0] = 0;
    at[1] = ad_room(at[0], sizeof(real), 1);    /* sum */
}

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    const int64_t m = run->dims[0];
    size_t at[2];
    load_offsets(run->dims, at);
    const real *restrict A = run->data[0];
    unsigned char *work = run->work;
    real *restrict v = ad_take(&work, sizeof(real), m * N);

    /* factorise.ad:17: metric svd = sum((lowrank(A, rank) - A)^2) */
    const bool v_2 = 0 <= ad_imin(m, 4) - 2;
    adrt_lowrank(run, 1, A, m, N, 2, v);
    ad_tree sum_2_total = {0};
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < N; j++) {
            const real t = v[i * N + j] - A[i * N + j];
            ad_add(&sum_2_total, t * t);
        }
    }
    const real sum_2 = ad_total(&sum_2_total);
    *(real *)ad_at(run->load, at[0]) = sum_2;
    if (!v_2) {
        adrt_fault(run, AD_FAULT_OPAQUE, 17, "the matrix of lowrank has no such rank (metric svd = sum((lowrank(A, rank) - A)^2)    # by truncated SVD: what no rank-2 factorisation can beat)", 0, 0, 0);
        return;
    }
    if (!v_2) {
        adrt_fault(run, AD_FAULT_OPAQUE, 19, "the matrix of pca has no such rank (output P = pca(A, rank))", 0, 0, 0);
        return;
    }
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* factorise.ad:13: param U[m, rank] ~ uniform(0, 1) */
    const real U_a = 0.0;
    const real U_b = 1.0;

    /* factorise.ad:14: param V[rank, n] ~ uniform(0, 1) */
    const real V_a = 0.0;
    const real V_b = 1.0;
    run->draw[0] = U_a;
    run->draw[1] = U_b;
    run->draw[4] = V_a;
    run->draw[5] = V_b;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t m = run->dims[0];
    const real *restrict A = run->data[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    real *restrict dU = run->grad[0];

    /* factorise.ad:16: loss J = sum((U @ V - A)^2) */
    real J = 0.0;

    /* backward of factorise.ad:16 */
    real dV[RANK * N] = {0};

    int64_t i = 0;
#ifdef AD_LANES
    lanes J_lanes = {0};
    lanes dV_lanes[RANK * N] = {{0}};
    for (; i < m - m % LANES; i += LANES) {
        /* factorise.ad:16: loss J = sum((U @ V - A)^2) */
        lanes J_sum_sum[N] = {{0}};
        for (int64_t j = 0; j < RANK; j++) {
            const lanes U_ij = ad_load(&U[i * RANK + j], RANK);
            for (int64_t k = 0; k < N; k++)
                J_sum_sum[k] += U_ij * V[j * N + k];
        }
        /* backward of factorise.ad:16 */
        lanes dU_part[N];
        for (int64_t j = 0; j < N; j++) {
            const lanes t = J_sum_sum[j] - ad_load(&A[i * N + j], N);
            /* factorise.ad:16: loss J = sum((U @ V - A)^2) */
            J_lanes += t * t;
            /* backward of factorise.ad:16 */
            dU_part[j] = 2.0 * t;
        }
        /* backward of factorise.ad:16 */
        for (int64_t r = 0; r < RANK; r++) {
            lanes dU_total = ad_splat(0.0);
            const lanes U_ir = ad_load(&U[i * RANK + r], RANK);
            for (int64_t j = 0; j < N; j++) {
                const lanes dU_part_j = dU_part[j];
                dV_lanes[r * N + j] += U_ir * dU_part_j;
                dU_total += V[r * N + j] * dU_part_j;
            }
            ad_store(&dU[i * RANK + r], RANK, dU_total);
        }
    }
    J += ad_sum(J_lanes);
    for (int64_t k = 0; k < RANK * N; k++)
        dV[k] += ad_sum(dV_lanes[k]);
#endif
    for (; i < m; i++) {
        /* factorise.ad:16: loss J = sum((U @ V - A)^2) */
        real J_sum_sum[N] = {0};
        for (int64_t j = 0; j < RANK; j++) {
            const real U_ij = U[i * RANK + j];
            for (int64_t k = 0; k < N; k++)
                J_sum_sum[k] += U_ij * V[j * N + k];
        }
        /* backward of factorise.ad:16 */
        real dU_part[N];
        for (int64_t j = 0; j < N; j++) {
            const real t = J_sum_sum[j] - A[i * N + j];
            /* factorise.ad:16: loss J = sum((U @ V - A)^2) */
            J += t * t;
            /* backward of factorise.ad:16 */
            dU_part[j] = 2.0 * t;
        }
        /* backward of factorise.ad:16 */
        for (int64_t r = 0; r < RANK; r++) {
            real dU_total = 0.0;
            const real U_ir = U[i * RANK + r];
            for (int64_t j = 0; j < N; j++) {
                const real dU_part_j = dU_part[j];
                dV[r * N + j] += U_ir * dU_part_j;
                dU_total += V[r * N + j] * dU_part_j;
            }
            dU[i * RANK + r] = dU_total;
        }
    }
    run->loss[0] = J;
    memcpy(run->grad[1], dV, sizeof dV);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t m = run->dims[0];
    size_t at[2];
    load_offsets(run->dims, at);
    const real *restrict A = run->data[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    const real sum = *(const real *)ad_at(run->load, at[0]);

    /* factorise.ad:16: loss J = sum((U @ V - A)^2) */
    real J = 0.0;
    int64_t i = 0;
#ifdef AD_LANES
    lanes J_lanes = {0};
    for (; i < m - m % LANES; i += LANES) {
        lanes J_sum_sum[N] = {{0}};
        for (int64_t j = 0; j < RANK; j++) {
            const lanes U_ij = ad_load(&U[i * RANK + j], RANK);
            for (int64_t k = 0; k < N; k++)
                J_sum_sum[k] += U_ij * V[j * N + k];
        }
        for (int64_t j = 0; j < N; j++) {
            const lanes t = J_sum_sum[j] - ad_load(&A[i * N + j], N);
            J_lanes += t * t;
        }
    }
    J += ad_sum(J_lanes);
#endif
    for (; i < m; i++) {
        real J_sum_sum[N] = {0};
        for (int64_t j = 0; j < RANK; j++) {
            const real U_ij = U[i * RANK + j];
            for (int64_t k = 0; k < N; k++)
                J_sum_sum[k] += U_ij * V[j * N + k];
        }
        for (int64_t j = 0; j < N; j++) {
            const real t = J_sum_sum[j] - A[i * N + j];
            J += t * t;
        }
    }
    run->loss[0] = J;
    run->metric[0] = sum;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t m = run->dims[0];
    const real *restrict A = run->data[0];
    const real *restrict U = run->param[0];
    real *restrict U_2 = run->output[0];
    real *restrict P = run->output[1];

    /* factorise.ad:18: output U */
    for (int64_t i = 0; i < m; i++)
        for (int64_t r = 0; r < RANK; r++)
            U_2[i * RANK + r] = U[i * RANK + r];

    /* factorise.ad:19: output P = pca(A, rank) */
    adrt_pca(run, 1, A, m, N, 2, P);
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t m = run->dims[0];
    const real *restrict A = run->data[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    unsigned char *work = run->work;
    real *restrict J_sum_sum = ad_take(&work, sizeof(real), m * N);

    /* factorise.ad:16: loss J = sum((U @ V - A)^2) */
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < N; j++)
            J_sum_sum[i * N + j] = 0.0;
        for (int64_t j = 0; j < RANK; j++) {
            const real U_ij = U[i * RANK + j];
            for (int64_t k = 0; k < N; k++)
                J_sum_sum[i * N + k] += U_ij * V[j * N + k];
        }
    }
    ad_tree J_total = {0};
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < N; j++) {
            const real t = J_sum_sum[i * N + j] - A[i * N + j];
            ad_add(&J_total, t * t);
        }
    }
    const real J = ad_total(&J_total);
    if (!isfinite(J)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 16, "J", 0, 0, J);
        return;
    }
}

static void derive(int64_t *dims)
{
    (void)dims;
}

static size_t load_bytes(const int64_t *dims)
{
    size_t at[2];
    load_offsets(dims, at);
    return at[1];
}

static size_t work_bytes(const int64_t *dims)
{
    const int64_t m = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), m * N);    /* load: v */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t m = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), m * N);    /* trace: J_sum_sum */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"m", AD_DIM_DATA, 0, 0, 8},
    {"n", AD_DIM_FIXED, 4, 0, 8},
    {"kinds", AD_DIM_IDS, 0, 0, 8},
    {"rank", AD_DIM_FIXED, 2, 0, 9},
};

static const AdData model_data[] = {
    {.name = "A", .line = 11, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_CENTERED, .missing = 0, .column_lo = 0, .column_hi = 4, .ncolumns = 0, .columns = NULL},
    {.name = "species", .line = 12, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"species"}},
};

static const AdParam model_params[] = {
    {.name = "U", .line = 13, .rank = 2, .axes = (const int[]){0, 3}, .init = AD_INIT_UNIFORM,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "V", .line = 14, .rank = 2, .axes = (const int[]){3, 1}, .init = AD_INIT_UNIFORM,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"J", 16, 1},
};

static const AdScalar model_metrics[] = {
    {"svd", 17, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "U", .line = 18, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 3}},
    {.name = "P", .line = 19, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 3}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/iris.csv\"", 21},
    {"optimizer", "sgd(lr = 0.01)", 21},
    {"epochs", "1000", 21},
};

static const char model_source[] =
    "# A ~ U V by gradient descent on the summed squared error: matrix factorisation, and what it finds.\n"
    "#\n"
    "# The best rank-2 approximation of a matrix is known (Eckart and Young 1936): keep two terms of its singular value\n"
    "# decomposition. Gradient descent, told only to make the error small, arrives at the same error; 'metric svd' prints it for\n"
    "# comparison. U is not the principal component scores P, but spans the same plane: U and P differ by an invertible 2 x 2\n"
    "# map, and the report draws the two side by side, each flower in the colour of its species.\n"
    "precision f64\n"
    "dim m, n, kinds\n"
    "dim rank = 2\n"
    "\n"
    "data A[m, n] : centered from columns 0:4\n"
    "data species[m] : index(kinds) from column \"species\"    # colours the pictures, nothing is learnt from it\n"
    "param U[m, rank] ~ uniform(0, 1)\n"
    "param V[rank, n] ~ uniform(0, 1)\n"
    "\n"
    "loss J = sum((U @ V - A)^2)                   # by gradient descent\n"
    "metric svd = sum((lowrank(A, rank) - A)^2)    # by truncated SVD: what no rank-2 factorisation can beat\n"
    "output U\n"
    "output P = pca(A, rank)\n"
    "\n"
    "train { data = \"data/iris.csv\"; optimizer = sgd(lr = 0.01); epochs = 1000 }\n"
    ;

const AdModel factorise_model = {
    .name = "factorise", .file = "factorise.ad", .source = model_source, .f64 = 1,
    .ndims = 4, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 2, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 2, .outputs = model_outputs,
    .nsettings = 3, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &factorise_model);
}
#endif
