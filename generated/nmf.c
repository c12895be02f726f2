/* nmf.c: a trainer for nmf.ad, made by adc. Build: cc -O3 -march=native nmf.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef float real;
#ifdef AD_LANES
typedef ad_lanesf lanes;    /* several rows at once */
typedef ad_intsf ints;
typedef int32_t lane_int;
enum { LANES = (int)(sizeof(lanes) / sizeof(real)) };
#endif

enum {
    F = 64,    /* dim f, nmf.ad:7 */
    RANK = 16,    /* dim rank, nmf.ad:8 */
};

/* Where load keeps its results. */
static void load_offsets(const int64_t *dims, size_t *at)
{
    const int64_t n = dims[0];
    at[0] = 0;
    at[1] = ad_room(at[0], sizeof(real), n * F);    /* x */
    at[2] = ad_room(at[1], sizeof(real), 1);    /* v */
    at[3] = ad_room(at[2], sizeof(real), 1);    /* svd */
}

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    const int64_t n = run->dims[0];
    size_t at[4];
    load_offsets(run->dims, at);
    const real *restrict X = run->data[0];
    real *restrict x = ad_at(run->load, at[0]);
    unsigned char *work = run->work;
    real *restrict x_part = ad_take(&work, sizeof(real), n * F);

    /* nmf.ad:16: let x[n, f] = X / 16 */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            x[i * F + j] = X[i * F + j] / 16.0f;

    /* nmf.ad:19: metric svd = mse(lowrank(x, rank), x) */
    const bool v_3 = 0 <= ad_imin(n, 64) - 16;
    adrt_lowrank(run, 0, x, n, F, 16, x_part);
    ad_treef svd_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++) {
            const real t = x_part[i * F + j] - x[i * F + j];
            ad_addf(&svd_sum_total, t * t);
        }
    }
    const real svd_sum = ad_totalf(&svd_sum_total);
    const real svd_2 = svd_sum / (real)(64 * n);

    /* backward of nmf.ad:18 */
    const real v_2 = 1.0f / (real)(64 * n);
    *(real *)ad_at(run->load, at[1]) = v_2;
    *(real *)ad_at(run->load, at[2]) = svd_2;
    if (!v_3) {
        adrt_fault(run, AD_FAULT_OPAQUE, 19, "the matrix of lowrank has no such rank (metric svd = mse(lowrank(x, rank), x))", 0, 0, 0);
        return;
    }
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* nmf.ad:13: param amounts[n, rank] ~ uniform(0, 0.3) positive */
    const real amounts_a = 0.0f;
    const real amounts_b = 0.3f;

    /* nmf.ad:14: param parts[rank, f] ~ uniform(0, 0.3) positive */
    const real parts_a = 0.0f;
    const real parts_b = 0.3f;
    run->draw[0] = amounts_a;
    run->draw[1] = amounts_b;
    run->draw[4] = parts_a;
    run->draw[5] = parts_b;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    size_t at[4];
    load_offsets(run->dims, at);
    const real *restrict amounts = run->param[0];
    const real *restrict parts = run->param[1];
    const real *restrict x = ad_at(run->load, at[0]);
    const real v = *(const real *)ad_at(run->load, at[1]);
    real *restrict damounts = run->grad[0];

    /* nmf.ad:18: loss error = mse(amounts @ parts, x) */
    ad_treef error_sum_total = {0};

    /* backward of nmf.ad:18 */
    real dparts[RANK * F] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* nmf.ad:18: loss error = mse(amounts @ parts, x) */
        real x_sum[F] = {0};
        for (int64_t j = 0; j < RANK; j++) {
            const real amounts_ij = amounts[i * RANK + j];
            for (int64_t k = 0; k < F; k++)
                x_sum[k] += amounts_ij * parts[j * F + k];
        }
        /* backward of nmf.ad:18 */
        real damounts_part[F];
        for (int64_t j = 0; j < F; j++) {
            const real t = x_sum[j] - x[i * F + j];
            /* nmf.ad:18: loss error = mse(amounts @ parts, x) */
            ad_addf(&error_sum_total, t * t);
            /* backward of nmf.ad:18 */
            damounts_part[j] = 2.0f * (v * t);
        }
        /* backward of nmf.ad:18 */
        for (int64_t r = 0; r < RANK; r++) {
            real damounts_total = 0.0f;
            const real amounts_ir = amounts[i * RANK + r];
            for (int64_t j = 0; j < F; j++) {
                const real damounts_part_j = damounts_part[j];
                dparts[r * F + j] += amounts_ir * damounts_part_j;
                damounts_total += parts[r * F + j] * damounts_part_j;
            }
            damounts[i * RANK + r] = damounts_total;
        }
    }

    /* nmf.ad:18: loss error = mse(amounts @ parts, x) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)(64 * n);
    run->loss[0] = error;
    memcpy(run->grad[1], dparts, sizeof dparts);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    size_t at[4];
    load_offsets(run->dims, at);
    const real *restrict amounts = run->param[0];
    const real *restrict parts = run->param[1];
    const real *restrict x = ad_at(run->load, at[0]);
    const real svd = *(const real *)ad_at(run->load, at[2]);

    /* nmf.ad:18: loss error = mse(amounts @ parts, x) */
    real error_sum = 0.0f;
    int64_t i = 0;
#ifdef AD_LANES
    lanes error_sum_lanes = {0};
    for (; i < n - n % LANES; i += LANES) {
        lanes x_sum[F] = {{0}};
        for (int64_t j = 0; j < RANK; j++) {
            const lanes amounts_ij = ad_loadf(&amounts[i * RANK + j], RANK);
            for (int64_t k = 0; k < F; k++)
                x_sum[k] += amounts_ij * parts[j * F + k];
        }
        for (int64_t j = 0; j < F; j++) {
            const lanes t = x_sum[j] - ad_loadf(&x[i * F + j], F);
            error_sum_lanes += t * t;
        }
    }
    error_sum += ad_sumf(error_sum_lanes);
#endif
    for (; i < n; i++) {
        real x_sum[F] = {0};
        for (int64_t j = 0; j < RANK; j++) {
            const real amounts_ij = amounts[i * RANK + j];
            for (int64_t k = 0; k < F; k++)
                x_sum[k] += amounts_ij * parts[j * F + k];
        }
        for (int64_t j = 0; j < F; j++) {
            const real t = x_sum[j] - x[i * F + j];
            error_sum += t * t;
        }
    }
    const real error = error_sum / (real)(64 * n);
    run->loss[0] = error;
    run->metric[0] = svd;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const real *restrict parts = run->param[1];
    real *restrict parts_2 = run->output[0];

    /* nmf.ad:20: output parts */
    for (int64_t r = 0; r < RANK; r++)
        for (int64_t i = 0; i < F; i++)
            parts_2[r * F + i] = parts[r * F + i];
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    size_t at[4];
    load_offsets(run->dims, at);
    const real *restrict amounts = run->param[0];
    const real *restrict parts = run->param[1];
    const real *restrict x = ad_at(run->load, at[0]);
    unsigned char *work = run->work;
    real *restrict x_sum = ad_take(&work, sizeof(real), n * F);

    /* nmf.ad:18: loss error = mse(amounts @ parts, x) */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++)
            x_sum[i * F + j] = 0.0f;
        for (int64_t j = 0; j < RANK; j++) {
            const real amounts_ij = amounts[i * RANK + j];
            for (int64_t k = 0; k < F; k++)
                x_sum[i * F + k] += amounts_ij * parts[j * F + k];
        }
    }
    ad_treef error_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++) {
            const real t = x_sum[i * F + j] - x[i * F + j];
            ad_addf(&error_sum_total, t * t);
        }
    }
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)(64 * n);
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 18, "error", 0, 0, error);
        return;
    }
}

static void derive(int64_t *dims)
{
    (void)dims;
}

static size_t load_bytes(const int64_t *dims)
{
    size_t at[4];
    load_offsets(dims, at);
    return at[3];
}

static size_t work_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * F);    /* load: x_part */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * F);    /* trace: x_sum */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 0, 7},
    {"f", AD_DIM_FIXED, 64, 0, 7},
    {"digits", AD_DIM_IDS, 0, 0, 7},
    {"rank", AD_DIM_FIXED, 16, 0, 8},
};

static const AdData model_data[] = {
    {.name = "X", .line = 10, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 64, .ncolumns = 0, .columns = NULL},
    {.name = "digit", .line = 11, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"digit"}},
};

static const AdParam model_params[] = {
    {.name = "amounts", .line = 13, .rank = 2, .axes = (const int[]){0, 3}, .init = AD_INIT_UNIFORM,
     .scalar_fill = 0, .file = NULL, .constraint = AD_POSITIVE, .frozen = 0},
    {.name = "parts", .line = 14, .rank = 2, .axes = (const int[]){3, 1}, .init = AD_INIT_UNIFORM,
     .scalar_fill = 0, .file = NULL, .constraint = AD_POSITIVE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 18, 1},
};

static const AdScalar model_metrics[] = {
    {"svd", 19, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "parts", .line = 20, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){3, 1}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/digits.csv\"", 22},
    {"optimizer", "adam(lr = 0.2)", 22},
    {"epochs", "1000", 22},
    {"schedule", "cosine()", 22},
};

static const char model_source[] =
    "# Non-negative matrix factorisation: digits as sums of strokes.\n"
    "#\n"
    "# Like factorise.ad, but nothing may be negative, so nothing can cancel: a picture is put together from parts, and the rows of\n"
    "# 'parts' look like pieces of digits where principal components look like ghosts of all. 'positive' keeps both factors\n"
    "# above 0 whatever the optimiser does (it moves their logarithms). See Lee and Seung, \"Learning the parts of objects by\n"
    "# non-negative matrix factorization\", 1999. 'metric svd' is what a rank-16 approximation with any sign leaves.\n"
    "dim n, f, digits\n"
    "dim rank = 16\n"
    "\n"
    "data X[n, f] from columns 0:64\n"
    "data digit[n] : index(digits) from column \"digit\"       # colours the pictures, nothing is learnt from it\n"
    "\n"
    "param amounts[n, rank] ~ uniform(0, 0.3) positive\n"
    "param parts[rank, f] ~ uniform(0, 0.3) positive\n"
    "\n"
    "let x[n, f] = X / 16\n"
    "\n"
    "loss error = mse(amounts @ parts, x)\n"
    "metric svd = mse(lowrank(x, rank), x)\n"
    "output parts\n"
    "\n"
    "train { data = \"data/digits.csv\"; optimizer = adam(lr = 0.2); epochs = 1000; schedule = cosine() }\n"
    ;

const AdModel nmf_model = {
    .name = "nmf", .file = "nmf.ad", .source = model_source, .f64 = 0,
    .ndims = 4, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 2, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 4, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &nmf_model);
}
#endif
