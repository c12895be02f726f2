/* linear.c: a trainer for linear.ad, made by adc. Build: cc -O3 -march=native linear.c -ladrt -lm */
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
    F = 3,    /* dim f, linear.ad:7 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* linear.ad:13: param b = 0 */
    const real v = 0.0;

    /* linear.ad:12: param w[f] ~ normal(0, 0.1) */
    const real w_a = 0.0;
    const real w_b = 0.1;
    run->draw[0] = w_a;
    run->draw[1] = w_b;
    *(real *)run->param[1] = v;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict y = run->data[1];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];

    /* backward of linear.ad:17 */
    const real dfit_part = 1.0 / (real)n;

    /* linear.ad:17: loss error = mse(fit, y) */
    real error_sum = 0.0;

    /* backward of linear.ad:17 */
    real db_2 = 0.0;
    real dw[F] = {0};

    int64_t i = 0;
#ifdef AD_LANES
    lanes error_sum_lanes = {0};
    lanes dw_lanes[F] = {{0}};
    lanes db_2_lanes = {0};
    for (; i < n - n % LANES; i += LANES) {
        /* linear.ad:15: let fit[n] = X @ w + b */
        lanes fit_sum = ad_splat(0.0);
        for (int64_t j = 0; j < F; j++)
            fit_sum += ad_load(&X[i * F + j], F) * w[j];
        const lanes t = b + fit_sum - ad_load(&y[i], 1);
        /* linear.ad:17: loss error = mse(fit, y) */
        error_sum_lanes += t * t;
        /* backward of linear.ad:15 */
        const lanes dfit = 2.0 * (dfit_part * t);
        /* backward of linear.ad:17 */
        db_2_lanes += dfit;
        for (int64_t j = 0; j < F; j++)
            dw_lanes[j] += ad_load(&X[i * F + j], F) * dfit;
    }
    error_sum += ad_sum(error_sum_lanes);
    for (int64_t k = 0; k < F; k++)
        dw[k] += ad_sum(dw_lanes[k]);
    db_2 += ad_sum(db_2_lanes);
#endif
    for (; i < n; i++) {
        /* linear.ad:15: let fit[n] = X @ w + b */
        real fit_sum = 0.0;
        for (int64_t j = 0; j < F; j++)
            fit_sum += X[i * F + j] * w[j];
        const real t = b + fit_sum - y[i];
        /* linear.ad:17: loss error = mse(fit, y) */
        error_sum += t * t;
        /* backward of linear.ad:15 */
        const real dfit = 2.0 * (dfit_part * t);
        /* backward of linear.ad:17 */
        db_2 += dfit;
        for (int64_t j = 0; j < F; j++)
            dw[j] += X[i * F + j] * dfit;
    }

    /* linear.ad:17: loss error = mse(fit, y) */
    const real error = error_sum / (real)n;
    run->loss[0] = error;
    *(real *)run->grad[1] = db_2;
    memcpy(run->grad[0], dw, sizeof dw);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict y = run->data[1];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];

    /* linear.ad:17: loss error = mse(fit, y) */
    real error_sum = 0.0;

    /* linear.ad:18: metric r2 = 1 - sse(fit, y) / sum((y - mean(y))^2) */
    real r2_sum = 0.0;
    real r2_sum_sum = 0.0;

    int64_t i = 0;
#ifdef AD_LANES
    lanes error_sum_lanes = {0};
    lanes r2_sum_lanes = {0};
    lanes r2_sum_sum_lanes = {0};
    for (; i < n - n % LANES; i += LANES) {
        /* linear.ad:15: let fit[n] = X @ w + b */
        lanes fit_sum = ad_splat(0.0);
        for (int64_t j = 0; j < F; j++)
            fit_sum += ad_load(&X[i * F + j], F) * w[j];
        const lanes y_i = ad_load(&y[i], 1);
        const lanes t = b + fit_sum - y_i;
        const lanes t_2 = t * t;
        /* linear.ad:17: loss error = mse(fit, y) */
        error_sum_lanes += t_2;
        /* linear.ad:18: metric r2 = 1 - sse(fit, y) / sum((y - mean(y))^2) */
        r2_sum_lanes += t_2;
        r2_sum_sum_lanes += y_i;
    }
    error_sum += ad_sum(error_sum_lanes);
    r2_sum += ad_sum(r2_sum_lanes);
    r2_sum_sum += ad_sum(r2_sum_sum_lanes);
#endif
    for (; i < n; i++) {
        /* linear.ad:15: let fit[n] = X @ w + b */
        real fit_sum = 0.0;
        for (int64_t j = 0; j < F; j++)
            fit_sum += X[i * F + j] * w[j];
        const real y_i = y[i];
        const real t = b + fit_sum - y_i;
        const real t_2 = t * t;
        /* linear.ad:17: loss error = mse(fit, y) */
        error_sum += t_2;
        /* linear.ad:18: metric r2 = 1 - sse(fit, y) / sum((y - mean(y))^2) */
        r2_sum += t_2;
        r2_sum_sum += y_i;
    }

    /* linear.ad:17: loss error = mse(fit, y) */
    const real error = error_sum / (real)n;

    /* linear.ad:18: metric r2 = 1 - sse(fit, y) / sum((y - mean(y))^2) */
    ad_tree r2_sum_2_total = {0};
    const real t = r2_sum_sum / (real)n;
    for (int64_t j = 0; j < n; j++) {
        const real t_2 = y[j] - t;
        ad_add(&r2_sum_2_total, t_2 * t_2);
    }
    const real r2_sum_2 = ad_total(&r2_sum_2_total);
    const real r2 = 1.0 - r2_sum / r2_sum_2;
    run->loss[0] = error;
    run->metric[0] = r2;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];
    real *restrict fit = run->output[0];

    /* linear.ad:15: let fit[n] = X @ w + b */
    for (int64_t i = 0; i < n; i++) {
        real fit_sum = 0.0;
        for (int64_t j = 0; j < F; j++)
            fit_sum += X[i * F + j] * w[j];
        fit[i] = b + fit_sum;
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict y = run->data[1];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];
    unsigned char *work = run->work;
    real *restrict fit_2 = ad_take(&work, sizeof(real), n);
    real *restrict fit_sum = ad_take(&work, sizeof(real), n);

    /* linear.ad:15: let fit[n] = X @ w + b */
    for (int64_t i = 0; i < n; i++) {
        real fit_sum_total = 0.0;
        for (int64_t j = 0; j < F; j++)
            fit_sum_total += X[i * F + j] * w[j];
        fit_sum[i] = fit_sum_total;
    }
    for (int64_t i = 0; i < n; i++)
        fit_2[i] = b + fit_sum[i];
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(fit_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 15, "fit", i, 0, fit_2[i]);
            return;
        }

    /* linear.ad:17: loss error = mse(fit, y) */
    ad_tree error_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const real t = fit_2[i] - y[i];
        ad_add(&error_sum_total, t * t);
    }
    const real error_sum = ad_total(&error_sum_total);
    const real error = error_sum / (real)n;
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 17, "error", 0, 0, error);
        return;
    }
}

static void derive(int64_t *dims)
{
    (void)dims;
}

static size_t load_bytes(const int64_t *dims)
{
    (void)dims;
    return 0;
}

static size_t work_bytes(const int64_t *dims)
{
    (void)dims;
    return 0;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n);    /* trace: fit_2 */
    used = ad_room(used, sizeof(real), n);    /* trace: fit_sum */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 7},
    {"f", AD_DIM_FIXED, 3, 0, 7},
};

static const AdData model_data[] = {
    {.name = "X", .line = 9, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_SCALED, .missing = 0, .column_lo = 0, .column_hi = 3, .ncolumns = 0, .columns = NULL},
    {.name = "y", .line = 10, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"petal_width"}},
};

static const AdParam model_params[] = {
    {.name = "w", .line = 12, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b", .line = 13, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 17, 1},
};

static const AdScalar model_metrics[] = {
    {"r2", 18, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "fit", .line = 19, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/iris.csv\"", 21},
    {"optimizer", "sgd(lr = 0.1)", 21},
    {"epochs", "2000", 21},
};

static const char model_source[] =
    "# Linear regression: the width of a petal from the other three measurements.\n"
    "#\n"
    "# The smallest complete model: data, parameters, a value, a loss. 'scaled' brings every column to mean 0 and standard\n"
    "# deviation 1, so the weights can be compared with each other and one learning rate serves them all. The loss has a single\n"
    "# minimum: every seed ends at the least-squares solution.\n"
    "precision f64\n"
    "dim n batch, f\n"
    "\n"
    "data X[n, f] : scaled from columns 0:3\n"
    "data y[n] from column \"petal_width\"\n"
    "\n"
    "param w[f] ~ normal(0, 0.1)\n"
    "param b = 0\n"
    "\n"
    "let fit[n] = X @ w + b\n"
    "\n"
    "loss error = mse(fit, y)\n"
    "metric r2 = 1 - sse(fit, y) / sum((y - mean(y))^2)    # the share of y's variance that is explained\n"
    "output fit\n"
    "\n"
    "train { data = \"data/iris.csv\"; optimizer = sgd(lr = 0.1); epochs = 2000 }\n"
    ;

const AdModel linear_model = {
    .name = "linear", .file = "linear.ad", .source = model_source, .f64 = 1,
    .ndims = 2, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 2, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 3, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &linear_model);
}
#endif
