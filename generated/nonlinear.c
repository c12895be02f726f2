/* nonlinear.c: a trainer for nonlinear.ad, made by adc. Build: cc -O3 -march=native nonlinear.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* nonlinear.ad:17: param b1 = 1000 */
    const real v = 1e3;

    /* nonlinear.ad:19: param b3 = 400 */
    const real v_2 = 4e2;

    /* nonlinear.ad:20: param b4 = 40 */
    const real v_3 = 4e1;

    /* nonlinear.ad:21: param b5 = 0.7 */
    const real v_4 = 0.7;

    /* nonlinear.ad:22: param b6 = 0.3 */
    const real v_5 = 0.3;

    /* nonlinear.ad:23: param b7 = 0.03 */
    const real v_6 = 0.03;
    *(real *)run->param[0] = v;
    *(real *)run->param[1] = v;
    *(real *)run->param[2] = v_2;
    *(real *)run->param[3] = v_3;
    *(real *)run->param[4] = v_4;
    *(real *)run->param[5] = v_5;
    *(real *)run->param[6] = v_6;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict x = run->data[0];
    const real *restrict y = run->data[1];
    const real b1 = *(const real *)run->param[0];
    const real b2 = *(const real *)run->param[1];
    const real b3 = *(const real *)run->param[2];
    const real b4 = *(const real *)run->param[3];
    const real b5 = *(const real *)run->param[4];
    const real b6 = *(const real *)run->param[5];
    const real b7 = *(const real *)run->param[6];

    /* nonlinear.ad:27: loss residual = sse(fit, y) */
    ad_tree residual_total = {0};

    /* backward of nonlinear.ad:27 */
    ad_tree db7_2_total = {0};
    ad_tree db6_2_total = {0};
    ad_tree db5_2_total = {0};
    ad_tree db4_2_total = {0};
    ad_tree db3_2_total = {0};
    ad_tree db2_2_total = {0};
    ad_tree db1_2_total = {0};

    for (int64_t i = 0; i < n; i++) {
        const real x_i = x[i];
        const real t = x_i * x_i;
        const real t_2 = x_i * t;
        const real t_3 = x_i * b5 + 1.0 + b6 * t + b7 * t_2;
        /* nonlinear.ad:25: let fit[n] = (b1 + b2 * x + b3 * x^2 + b4 * x^3) / (1 + b5 * x + b6 * x^2 + b7 * x^3) */
        const real fit_2 = (b1 + x_i * b2 + b3 * t + b4 * t_2) / t_3;
        const real t_4 = fit_2 - y[i];
        /* nonlinear.ad:27: loss residual = sse(fit, y) */
        ad_add(&residual_total, t_4 * t_4);
        /* backward of nonlinear.ad:25 */
        const real dfit = 2.0 * t_4;
        const real t_5 = dfit * (fit_2 / t_3);
        /* backward of nonlinear.ad:27 */
        ad_add(&db7_2_total, -(t_2 * t_5));
        ad_add(&db6_2_total, -(t * t_5));
        ad_add(&db5_2_total, -(x_i * t_5));
        const real t_6 = dfit / t_3;
        ad_add(&db4_2_total, t_2 * t_6);
        ad_add(&db3_2_total, t * t_6);
        ad_add(&db2_2_total, x_i * t_6);
        ad_add(&db1_2_total, t_6);
    }

    /* backward of nonlinear.ad:27 */
    const real db1_2 = ad_total(&db1_2_total);
    const real db2_2 = ad_total(&db2_2_total);
    const real db3_2 = ad_total(&db3_2_total);
    const real db4_2 = ad_total(&db4_2_total);
    const real db5_2 = ad_total(&db5_2_total);
    const real db6_2 = ad_total(&db6_2_total);
    const real db7_2 = ad_total(&db7_2_total);

    /* nonlinear.ad:27: loss residual = sse(fit, y) */
    const real residual = ad_total(&residual_total);
    run->loss[0] = residual;
    *(real *)run->grad[0] = db1_2;
    *(real *)run->grad[1] = db2_2;
    *(real *)run->grad[2] = db3_2;
    *(real *)run->grad[3] = db4_2;
    *(real *)run->grad[4] = db5_2;
    *(real *)run->grad[5] = db6_2;
    *(real *)run->grad[6] = db7_2;
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict x = run->data[0];
    const real *restrict y = run->data[1];
    const real b1 = *(const real *)run->param[0];
    const real b2 = *(const real *)run->param[1];
    const real b3 = *(const real *)run->param[2];
    const real b4 = *(const real *)run->param[3];
    const real b5 = *(const real *)run->param[4];
    const real b6 = *(const real *)run->param[5];
    const real b7 = *(const real *)run->param[6];

    /* nonlinear.ad:27: loss residual = sse(fit, y) */
    ad_tree residual_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const real x_i = x[i];
        const real t = x_i * x_i;
        const real t_2 = x_i * t;
        const real t_3 = (b1 + x_i * b2 + b3 * t + b4 * t_2) / (x_i * b5 + 1.0 + b6 * t + b7 * t_2) - y[i];
        ad_add(&residual_total, t_3 * t_3);
    }
    const real residual = ad_total(&residual_total);

    /* nonlinear.ad:28: metric spread = sqrt(sse(fit, y) / (n - 7)) */
    const real spread = sqrt(residual / (real)(n - 7));
    run->loss[0] = residual;
    run->metric[0] = spread;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict x = run->data[0];
    const real b1 = *(const real *)run->param[0];
    const real b2 = *(const real *)run->param[1];
    const real b3 = *(const real *)run->param[2];
    const real b4 = *(const real *)run->param[3];
    const real b5 = *(const real *)run->param[4];
    const real b6 = *(const real *)run->param[5];
    const real b7 = *(const real *)run->param[6];
    real *restrict b = run->output[0];
    real *restrict fit = run->output[1];

    /* nonlinear.ad:25: let fit[n] = (b1 + b2 * x + b3 * x^2 + b4 * x^3) / (1 + b5 * x + b6 * x^2 + b7 * x^3) */
    for (int64_t i = 0; i < n; i++) {
        const real x_i = x[i];
        const real t = x_i * x_i;
        const real t_2 = x_i * t;
        fit[i] = (b1 + b2 * x_i + b3 * t + b4 * t_2) / (b5 * x_i + 1.0 + b6 * t + b7 * t_2);
    }

    /* nonlinear.ad:29: output b = [b1, b2, b3, b4, b5, b6, b7] */
    for (int64_t i = 0; i < 7; i++)
        b[i] = i == 0 ? b1 : i == 1 ? b2 : i == 2 ? b3 : i == 3 ? b4 : i == 4 ? b5 : i == 5 ? b6 : b7;
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict x = run->data[0];
    const real *restrict y = run->data[1];
    const real b1 = *(const real *)run->param[0];
    const real b2 = *(const real *)run->param[1];
    const real b3 = *(const real *)run->param[2];
    const real b4 = *(const real *)run->param[3];
    const real b5 = *(const real *)run->param[4];
    const real b6 = *(const real *)run->param[5];
    const real b7 = *(const real *)run->param[6];
    unsigned char *work = run->work;
    real *restrict fit_2 = ad_take(&work, sizeof(real), n);

    /* nonlinear.ad:25: let fit[n] = (b1 + b2 * x + b3 * x^2 + b4 * x^3) / (1 + b5 * x + b6 * x^2 + b7 * x^3) */
    for (int64_t i = 0; i < n; i++) {
        const real x_i = x[i];
        const real t = x_i * x_i;
        const real t_2 = x_i * t;
        fit_2[i] = (b1 + x_i * b2 + b3 * t + b4 * t_2) / (x_i * b5 + 1.0 + b6 * t + b7 * t_2);
    }
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(fit_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 25, "fit", i, 0, fit_2[i]);
            return;
        }

    /* nonlinear.ad:27: loss residual = sse(fit, y) */
    ad_tree residual_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const real t = fit_2[i] - y[i];
        ad_add(&residual_total, t * t);
    }
    const real residual = ad_total(&residual_total);
    if (!isfinite(residual)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 27, "residual", 0, 0, residual);
        return;
    }
}

/* Residuals and their Jacobian. */
static void jacobian(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict x = run->data[0];
    const real *restrict y = run->data[1];
    const real b1 = *(const real *)run->param[0];
    const real b2 = *(const real *)run->param[1];
    const real b3 = *(const real *)run->param[2];
    const real b4 = *(const real *)run->param[3];
    const real b5 = *(const real *)run->param[4];
    const real b6 = *(const real *)run->param[5];
    const real b7 = *(const real *)run->param[6];
    real *restrict residual_out = run->output[2];
    real *restrict jacobian_out = run->output[3];
    unsigned char *work = run->work;
    real *restrict db7_2 = ad_take(&work, sizeof(real), n);
    real *restrict db6_2 = ad_take(&work, sizeof(real), n);
    real *restrict db5_2 = ad_take(&work, sizeof(real), n);
    real *restrict db4_2 = ad_take(&work, sizeof(real), n);
    real *restrict db3_2 = ad_take(&work, sizeof(real), n);
    real *restrict db2_2 = ad_take(&work, sizeof(real), n);
    real *restrict db1_2 = ad_take(&work, sizeof(real), n);

    for (int64_t i = 0; i < n; i++) {
        const real x_i = x[i];
        const real t = x_i * x_i;
        const real t_2 = x_i * t;
        const real t_3 = x_i * b5 + 1.0 + b6 * t + b7 * t_2;
        const real t_4 = (b1 + x_i * b2 + b3 * t + b4 * t_2) / t_3;
        /* nonlinear.ad:27: loss residual = sse(fit, y) */
        residual_out[i] = t_4 - y[i];
        const real t_5 = t_4 / t_3;
        /* backward of nonlinear.ad:27 */
        db7_2[i] = -(t_2 * t_5);
        db6_2[i] = -(t * t_5);
        db5_2[i] = -(x_i * t_5);
        const real t_6 = 1.0 / t_3;
        db4_2[i] = t_2 * t_6;
        db3_2[i] = t * t_6;
        db2_2[i] = x_i * t_6;
        db1_2[i] = t_6;
    }

    /* nonlinear.ad:27: loss residual = sse(fit, y) */
    for (int64_t j = 0; j < 7; j++)
        for (int64_t i = 0; i < n; i++)
            jacobian_out[i * 7 + j] = 6 <= j ? db7_2[i] : 5 <= j && j < 6 ? db6_2[i] : 4 <= j && j < 5 ? db5_2[i] : 3 <= j && j < 4 ? db4_2[i] : 2 <= j && j < 3 ? db3_2[i] : 1 <= j && j < 2 ? db2_2[i] : j < 1 ? db1_2[i] : 0.0;
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
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n);    /* jacobian: db7_2 */
    used = ad_room(used, sizeof(real), n);    /* jacobian: db6_2 */
    used = ad_room(used, sizeof(real), n);    /* jacobian: db5_2 */
    used = ad_room(used, sizeof(real), n);    /* jacobian: db4_2 */
    used = ad_room(used, sizeof(real), n);    /* jacobian: db3_2 */
    used = ad_room(used, sizeof(real), n);    /* jacobian: db2_2 */
    used = ad_room(used, sizeof(real), n);    /* jacobian: db1_2 */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n);    /* trace: fit_2 */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 0, 12},
    {"7", AD_DIM_FIXED, 7, 0, 0},
};

static const AdData model_data[] = {
    {.name = "x", .line = 14, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"log_density"}},
    {.name = "y", .line = 15, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"mobility"}},
};

static const AdParam model_params[] = {
    {.name = "b1", .line = 17, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b2", .line = 18, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b3", .line = 19, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b4", .line = 20, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b5", .line = 21, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b6", .line = 22, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b7", .line = 23, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"residual", 27, 1},
};

static const AdScalar model_metrics[] = {
    {"spread", 28, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "b", .line = 29, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){1}},
    {.name = "fit", .line = 30, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/thurber.csv\"", 32},
    {"optimizer", "lm()", 32},
    {"epochs", "100", 32},
};

static const char model_source[] =
    "# A curve fit that is known to be hard: the mobility of electrons in silicon, as a quotient of two cubics.\n"
    "#\n"
    "# The National Institute of Standards and Technology (NIST) has certified its answer to eleven digits, in its collection of\n"
    "# reference problems (StRD), where it counts among those of higher difficulty:\n"
    "#\n"
    "#     b1 1288.1396800  b2 1491.0792535  b3 583.23836877  b4 75.416644291\n"
    "#     b5 0.96629502864 b6 0.39797285797 b7 0.049727297349    sum of squares 5642.7082397\n"
    "#\n"
    "# 'lm' knows that the loss is a sum of squares: from the derivative of every residual it has the loss's curvature without\n"
    "# a second derivative, and needs some dozen steps where a gradient alone would need thousands.\n"
    "precision f64\n"
    "dim n\n"
    "\n"
    "data x[n] from column \"log_density\"\n"
    "data y[n] from column \"mobility\"\n"
    "\n"
    "param b1 = 1000\n"
    "param b2 = 1000\n"
    "param b3 = 400\n"
    "param b4 = 40\n"
    "param b5 = 0.7\n"
    "param b6 = 0.3\n"
    "param b7 = 0.03\n"
    "\n"
    "let fit[n] = (b1 + b2 * x + b3 * x^2 + b4 * x^3) / (1 + b5 * x + b6 * x^2 + b7 * x^3)\n"
    "\n"
    "loss residual = sse(fit, y)\n"
    "metric spread = sqrt(sse(fit, y) / (n - 7))         # of a measurement around the curve; certified: 13.714600784\n"
    "output b = [b1, b2, b3, b4, b5, b6, b7]\n"
    "output fit\n"
    "\n"
    "train { data = \"data/thurber.csv\"; optimizer = lm(); epochs = 100 }\n"
    ;

const AdModel nonlinear_model = {
    .name = "nonlinear", .file = "nonlinear.ad", .source = model_source, .f64 = 1,
    .ndims = 2, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 7, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 2, .outputs = model_outputs,
    .nsettings = 3, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .residuals = 0, .jacobian = jacobian,
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &nonlinear_model);
}
#endif
