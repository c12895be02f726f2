/* fake_models.h: small models written by hand the way adc emits them, to test the trainer side of the runtime alone.
 *
 *     fake_factorise   A[m, n] ~ U V, f64, no batch dim; metric by lowrank, outputs U and pca scores
 *     fake_logistic    labels y[n] : index(c) from X[n, f], f32, batch dim, split, restarts; output p[n, c]
 *     fake_curve       y ~ a exp(-b x) with a > 0, f64: residuals and Jacobian for lm()
 *     fake_bowl        a smooth function of two params without data (Rosenbrock), f64 */
#ifndef FAKE_MODELS_H
#define FAKE_MODELS_H

#include "../runtime/adrt.h"
#include <math.h>
#include <string.h>

/* ---- factorise: loss J = sum((U @ V - A)^2) ---- */

enum { FACT_M, FACT_N, FACT_R };

static size_t fact_load_bytes(const int64_t *d)
{
    return (size_t)(d[FACT_M] * d[FACT_N] + d[FACT_M] * d[FACT_R]) * sizeof(double);
}

static size_t fact_work_bytes(const int64_t *d)
{
    return (size_t)d[FACT_N] * sizeof(double);
}

static void fact_load(AdRun *run)
{
    const int64_t *d = run->dims;
    double *L = run->load, *P = L + d[FACT_M] * d[FACT_N];
    adrt_lowrank(run, 1, run->data[0], d[FACT_M], d[FACT_N], d[FACT_R], L);
    adrt_pca(run, 1, run->data[0], d[FACT_M], d[FACT_N], d[FACT_R], P);
}

static void fact_init(AdRun *run)
{
    for (int p = 0; p < 2; p++) {
        run->draw[4 * p] = 0;
        run->draw[4 * p + 1] = 1;
    }
}

static double fact_loss(const AdRun *run, double *dU, double *dV)
{
    const int64_t *d = run->dims;
    int64_t M = d[FACT_M], N = d[FACT_N], R = d[FACT_R];
    const double *A = run->data[0], *U = run->param[0], *V = run->param[1];
    double J = 0;
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double e = -A[i * N + j];
            for (int64_t q = 0; q < R; q++)
                e += U[i * R + q] * V[q * N + j];
            J += e * e;
            for (int64_t q = 0; dU && q < R; q++) {
                dU[i * R + q] += 2 * e * V[q * N + j];
                dV[q * N + j] += 2 * e * U[i * R + q];
            }
        }
    return J;
}

static void fact_step(AdRun *run)
{
    const int64_t *d = run->dims;
    memset(run->grad[0], 0, (size_t)(d[FACT_M] * d[FACT_R]) * sizeof(double));
    memset(run->grad[1], 0, (size_t)(d[FACT_R] * d[FACT_N]) * sizeof(double));
    run->loss[0] = fact_loss(run, run->grad[0], run->grad[1]);
}

static void fact_eval(AdRun *run)
{
    const int64_t *d = run->dims;
    const double *A = run->data[0], *L = run->load;
    double svd = 0;
    for (int64_t i = 0; i < d[FACT_M] * d[FACT_N]; i++)
        svd += (L[i] - A[i]) * (L[i] - A[i]);
    run->loss[0] = fact_loss(run, NULL, NULL);
    run->metric[0] = svd;
}

static void fact_output(AdRun *run)
{
    const int64_t *d = run->dims;
    size_t bytes = (size_t)(d[FACT_M] * d[FACT_R]) * sizeof(double);
    memcpy(run->output[0], run->param[0], bytes);
    memcpy(run->output[1], (const double *)run->load + d[FACT_M] * d[FACT_N], bytes);
}

static void fact_trace(AdRun *run)
{
    double J = fact_loss(run, NULL, NULL);
    if (!isfinite(J))
        adrt_fault(run, AD_FAULT_NOT_FINITE, 9, "J", 0, 0, J);
}

static const AdDim fact_dims[] = {
    { "m", AD_DIM_DATA, 0, 0, 3 }, { "n", AD_DIM_DATA, 0, 0, 3 }, { "rank", AD_DIM_FIXED, 2, 0, 4 },
};
static const int fact_axes[][2] = { { FACT_M, FACT_N }, { FACT_M, FACT_R }, { FACT_R, FACT_N } };
static const AdData fact_data[] = {
    { .name = "A", .line = 6, .type = AD_REAL, .labels = -1, .rank = 2, .axes = fact_axes[0], .prepare = AD_CENTERED,
      .column_lo = 0, .column_hi = 4 },
};
static const AdParam fact_params[] = {
    { .name = "U", .line = 7, .rank = 2, .axes = fact_axes[1], .init = AD_INIT_UNIFORM },
    { .name = "V", .line = 8, .rank = 2, .axes = fact_axes[2], .init = AD_INIT_UNIFORM },
};
static const AdScalar fact_losses[] = { { "J", 9, 1 } }, fact_metrics[] = { { "svd", 10, 1 } };
static const AdOutput fact_outputs[] = {
    { "U", 11, AD_REAL, -1, 2, fact_axes[1] }, { "P", 12, AD_REAL, -1, 2, fact_axes[1] },
};
static const AdSetting fact_settings[] = { { "optimizer", "sgd(lr = 0.01)", 14 }, { "epochs", "1000", 14 } };

static const AdModel fake_factorise = {
    .name = "factorise", .file = "factorise.ad",
    .source = "# A ~ U V by gradient descent on the summed squared error\nprecision f64\ndim m, n\ndim rank = 2\n\n"
              "data  A[m, n] : centered from columns 0:4\nparam U[m, rank] ~ uniform(0, 1)\nparam V[rank, n] ~ uniform(0, 1)\n"
              "loss   J   = sum((U @ V - A)^2)\nmetric svd = sum((lowrank(A, rank) - A)^2)\noutput U\noutput P = pca(A, rank)\n\n"
              "train { optimizer = sgd(lr = 0.01); epochs = 1000 }\n",
    .f64 = 1, .ndims = 3, .dims = fact_dims, .ndata = 1, .data = fact_data, .nparams = 2, .params = fact_params,
    .nlosses = 1, .losses = fact_losses, .nmetrics = 1, .metrics = fact_metrics, .noutputs = 2, .outputs = fact_outputs,
    .nsettings = 2, .settings = fact_settings, .load_bytes = fact_load_bytes, .work_bytes = fact_work_bytes,
    .load = fact_load, .init = fact_init, .step = fact_step, .eval = fact_eval, .output = fact_output, .trace = fact_trace,
    .lm_reason = "not asked for",
};

/* ---- logistic: z = X @ W + b, loss cross_entropy(z, y), metric accuracy; a frozen temperature; a scaled input ---- */

enum { LOGI_N, LOGI_F, LOGI_C };

static size_t logi_load_bytes(const int64_t *d)
{
    (void)d;
    return 0;
}

static size_t logi_work_bytes(const int64_t *d)
{
    return (size_t)(d[LOGI_N] * d[LOGI_C]) * sizeof(float);
}

static void logi_init(AdRun *run)
{
    run->draw[0] = 0;
    run->draw[1] = 0.1;
    *(float *)run->param[1] = 0;
    *(float *)run->param[2] = 1;
}

static void logi_softmax(const AdRun *run, float *p)
{
    int64_t N = run->dims[LOGI_N], F = run->dims[LOGI_F], C = run->dims[LOGI_C];
    const float *X = run->data[0], *W = run->param[0];
    float b = *(const float *)run->param[1], T = *(const float *)run->param[2];
    for (int64_t i = 0; i < N; i++) {
        float most = -INFINITY, sum = 0;
        for (int64_t c = 0; c < C; c++) {
            float z = b;
            for (int64_t k = 0; k < F; k++)
                z += X[i * F + k] * W[k * C + c];
            p[i * C + c] = z * T;
            most = fmaxf(most, z * T);
        }
        for (int64_t c = 0; c < C; c++)
            sum += p[i * C + c] = expf(p[i * C + c] - most);
        for (int64_t c = 0; c < C; c++)
            p[i * C + c] /= sum;
    }
}

static double logi_loss(const AdRun *run, const float *p)
{
    const int64_t *y = run->data[1];
    int64_t N = run->dims[LOGI_N], C = run->dims[LOGI_C];
    double loss = 0;
    for (int64_t i = 0; i < N; i++)
        loss -= log((double)p[i * C + y[i]]);
    return loss / (double)N;
}

static void logi_step(AdRun *run)
{
    const int64_t *y = run->data[1];
    const float *X = run->data[0];
    int64_t N = run->dims[LOGI_N], F = run->dims[LOGI_F], C = run->dims[LOGI_C];
    float *p = run->work, *dW = run->grad[0], *db = run->grad[1];
    logi_softmax(run, p);
    run->loss[0] = logi_loss(run, p);
    memset(dW, 0, (size_t)(F * C) * sizeof *dW);
    *db = 0;
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < C; c++) {
            float d = (p[i * C + c] - (y[i] == c ? 1.0f : 0.0f)) / (float)N;
            *db += d;
            for (int64_t k = 0; k < F; k++)
                dW[k * C + c] += d * X[i * F + k];
        }
}

static void logi_eval(AdRun *run)
{
    const int64_t *y = run->data[1];
    int64_t N = run->dims[LOGI_N], C = run->dims[LOGI_C], right = 0;
    float *p = run->work;
    logi_softmax(run, p);
    run->loss[0] = logi_loss(run, p);
    for (int64_t i = 0; i < N; i++) {
        int64_t best = 0;
        for (int64_t c = 1; c < C; c++)
            best = p[i * C + c] > p[i * C + best] ? c : best;
        right += best == y[i];
    }
    run->metric[0] = (double)right / (double)N;
}

static void logi_output(AdRun *run)
{
    int64_t N = run->dims[LOGI_N], C = run->dims[LOGI_C];
    float *p = run->output[0];
    logi_softmax(run, p);
    for (int64_t i = 0; i < N; i++) {
        int64_t best = 0;
        for (int64_t c = 1; c < C; c++)
            best = p[i * C + c] > p[i * C + best] ? c : best;
        ((int64_t *)run->output[1])[i] = best;
    }
}

static const AdDim logi_dims[] = {
    { "n", AD_DIM_DATA, 0, 1, 1 }, { "f", AD_DIM_DATA, 0, 0, 1 }, { "c", AD_DIM_IDS, 0, 0, 1 },
};
static const int logi_axes[][2] = { { LOGI_N, LOGI_F }, { LOGI_N, 0 }, { LOGI_F, LOGI_C }, { LOGI_N, LOGI_C } };
static const char *const logi_columns[] = { "species" };
static const AdData logi_data[] = {
    { .name = "X", .line = 3, .type = AD_REAL, .labels = -1, .rank = 2, .axes = logi_axes[0], .prepare = AD_SCALED,
      .column_lo = 0, .column_hi = 4 },
    { .name = "y", .line = 4, .type = AD_INT, .labels = LOGI_C, .rank = 1, .axes = logi_axes[1], .ncolumns = 1,
      .columns = logi_columns },
};
static const AdParam logi_params[] = {
    { .name = "W", .line = 6, .rank = 2, .axes = logi_axes[2], .init = AD_INIT_NORMAL },
    { .name = "b", .line = 7, .rank = 0, .init = AD_INIT_FILL, .scalar_fill = 1 },
    { .name = "T", .line = 8, .rank = 0, .init = AD_INIT_FILL, .scalar_fill = 1, .frozen = 1 },
};
static const AdScalar logi_losses[] = { { "loss", 10, 0 } }, logi_metrics[] = { { "accuracy", 11, 1 } };
static const AdOutput logi_outputs[] = {
    { "p", 12, AD_REAL, -1, 2, logi_axes[3] }, { "guess", 13, AD_INT, LOGI_C, 1, logi_axes[1] },
};
static const AdHyper logi_hypers[] = { { "unused", 0.5, 2 } };
static const AdSetting logi_settings[] = {
    { "optimizer", "sgd(lr = 0.1)", 14 }, { "epochs", "100", 14 }, { "split", "[2/3, 0, 1/3]", 14 }, { "restarts", "20", 14 },
};

static const AdModel fake_logistic = {
    .name = "logistic", .file = "logistic.ad", .source = "dim n batch, f, c\n# the text is only for reports <&>\"'\n",
    .ndims = 3, .dims = logi_dims, .nhypers = 1, .hypers = logi_hypers, .ndata = 2, .data = logi_data, .nparams = 3,
    .params = logi_params, .nlosses = 1, .losses = logi_losses, .nmetrics = 1, .metrics = logi_metrics, .noutputs = 2,
    .outputs = logi_outputs, .nsettings = 4, .settings = logi_settings, .load_bytes = logi_load_bytes,
    .work_bytes = logi_work_bytes, .init = logi_init, .step = logi_step, .eval = logi_eval, .output = logi_output,
    .lm_reason = "cross_entropy is no sum of squares",
};

/* ---- curve: loss sum((a exp(-b x) - y)^2) ---- */

static void curve_init(AdRun *run)
{
    *(double *)run->param[0] = 500;
    *(double *)run->param[1] = 0.0001;
}

static void curve_jacobian(AdRun *run)
{
    double *r = run->output[0], *J = run->output[1];
    const double *x = run->data[0], *y = run->data[1];
    double a = *(const double *)run->param[0], b = *(const double *)run->param[1];
    for (int64_t i = 0; i < run->dims[0]; i++) {
        double e = exp(-b * x[i]);
        r[i] = a * e - y[i];
        J[2 * i] = e;
        J[2 * i + 1] = -a * x[i] * e;
    }
}

static void curve_step(AdRun *run)
{
    const double *x = run->data[0], *y = run->data[1];
    double a = *(const double *)run->param[0], b = *(const double *)run->param[1], loss = 0, da = 0, db = 0;
    for (int64_t i = 0; i < run->dims[0]; i++) {
        double e = exp(-b * x[i]), r = a * e - y[i];
        loss += r * r;
        da += 2 * r * e;
        db -= 2 * r * a * x[i] * e;
    }
    run->loss[0] = loss;
    *(double *)run->grad[0] = da;
    *(double *)run->grad[1] = db;
}

static void curve_eval(AdRun *run)
{
    curve_step(run);
}

static const AdDim curve_dims[] = { { "n", AD_DIM_DATA, 0, 0, 1 } };
static const int curve_axes[] = { 0 };
static const AdData curve_data[] = {
    { .name = "x", .line = 2, .type = AD_REAL, .labels = -1, .rank = 1, .axes = curve_axes, .column_hi = 1 },
    { .name = "y", .line = 3, .type = AD_REAL, .labels = -1, .rank = 1, .axes = curve_axes, .column_lo = 1, .column_hi = 2 },
};
static const AdParam curve_params[] = {
    { .name = "a", .line = 4, .rank = 0, .init = AD_INIT_FILL, .scalar_fill = 1, .constraint = AD_POSITIVE },
    { .name = "b", .line = 5, .rank = 0, .init = AD_INIT_FILL, .scalar_fill = 1 },
};
static const AdScalar curve_losses[] = { { "sse", 6, 1 } };
static const AdSetting curve_settings[] = { { "optimizer", "lm()", 7 }, { "epochs", "50", 7 } };

static const AdModel fake_curve = {
    .name = "curve", .file = "curve.ad", .source = "", .f64 = 1, .ndims = 1, .dims = curve_dims, .ndata = 2, .data = curve_data,
    .nparams = 2, .params = curve_params, .nlosses = 1, .losses = curve_losses, .nsettings = 2, .settings = curve_settings,
    .init = curve_init, .step = curve_step, .eval = curve_eval, .residuals = 0, .jacobian = curve_jacobian,
};

/* ---- bowl: Rosenbrock's function ---- */

static void bowl_init(AdRun *run)
{
    *(double *)run->param[0] = -1.2;
    *(double *)run->param[1] = 1;
}

static void bowl_step(AdRun *run)
{
    double x = *(const double *)run->param[0], y = *(const double *)run->param[1], e = y - x * x;
    run->loss[0] = 100 * e * e + (1 - x) * (1 - x);
    *(double *)run->grad[0] = -400 * x * e - 2 * (1 - x);
    *(double *)run->grad[1] = 200 * e;
}

static const AdParam bowl_params[] = {
    { .name = "x", .line = 2, .rank = 0, .init = AD_INIT_FILL, .scalar_fill = 1 },
    { .name = "y", .line = 3, .rank = 0, .init = AD_INIT_FILL, .scalar_fill = 1 },
};
static const AdScalar bowl_losses[] = { { "f", 4, 1 } };

static const AdModel fake_bowl = {
    .name = "bowl", .file = "bowl.ad", .source = "", .f64 = 1, .nparams = 2, .params = bowl_params, .nlosses = 1,
    .losses = bowl_losses, .init = bowl_init, .step = bowl_step, .eval = bowl_step,
};

#endif
