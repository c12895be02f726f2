/* poisson.c: a trainer for poisson.ad, made by adc. Build: cc -O3 -march=native poisson.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;

/* Where load keeps its results. */
static void load_offsets(const int64_t *dims, size_t *at)
{
    (void)dims;
    at[0] = 0;
    at[1] = ad_room(at[0], sizeof(real), 1);    /* v */
}

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    const int64_t n = run->dims[0];
    size_t at[2];
    load_offsets(run->dims, at);
    const real *restrict service = run->data[3];
    const real *restrict damages = run->data[4];

    /* poisson.ad:16: assert service > 0 and damages >= 0 */
    bool all = true;
    for (int64_t i = 0; i < n; i++)
        all = all && (0.0 < service[i] && 0.0 <= damages[i]);

    /* backward of poisson.ad:28 */
    const real v_2 = 1.0 / (real)n;
    *(real *)ad_at(run->load, at[0]) = v_2;
    if (!all) {
        adrt_fault(run, AD_FAULT_ASSERT, 16, "assert service > 0 and damages >= 0", 0, 0, 0);
        return;
    }
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    const int64_t types = run->dims[1];
    const int64_t years = run->dims[2];
    const int64_t periods = run->dims[3];
    real *restrict of_kind = run->param[1];
    real *restrict of_built = run->param[2];
    real *restrict of_operated = run->param[3];

    /* poisson.ad:18: param rate = -5 */
    const real v_2 = -5.0;

    /* poisson.ad:19: param of_kind[types - 1] = 0 */
    for (int64_t i = 0; i < types - 1; i++)
        of_kind[i] = 0.0;

    /* poisson.ad:20: param of_built[years - 1] = 0 */
    for (int64_t i = 0; i < years - 1; i++)
        of_built[i] = 0.0;

    /* poisson.ad:21: param of_operated[periods - 1] = 0 */
    for (int64_t i = 0; i < periods - 1; i++)
        of_operated[i] = 0.0;
    *(real *)run->param[0] = v_2;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t types = run->dims[1];
    const int64_t years = run->dims[2];
    const int64_t periods = run->dims[3];
    size_t at[2];
    load_offsets(run->dims, at);
    const real *restrict service = run->data[3];
    const int64_t *restrict kind = run->data[0];
    const int64_t *restrict built = run->data[1];
    const int64_t *restrict operated = run->data[2];
    const real *restrict damages = run->data[4];
    const real rate = *(const real *)run->param[0];
    const real *restrict of_kind = run->param[1];
    const real *restrict of_built = run->param[2];
    const real *restrict of_operated = run->param[3];
    const real v = *(const real *)ad_at(run->load, at[0]);
    real *restrict dof_kind = run->grad[1];
    real *restrict dof_built = run->grad[2];
    real *restrict dof_operated = run->grad[3];

    /* poisson.ad:28: loss error = poisson_nll(log_rate, damages) */
    ad_tree error_sum_total = {0};

    /* backward of poisson.ad:28 */
    memset(dof_operated, 0, sizeof(real) * (size_t)(periods - 1));
    memset(dof_built, 0, sizeof(real) * (size_t)(years - 1));
    memset(dof_kind, 0, sizeof(real) * (size_t)(types - 1));
    ad_tree drate_2_total = {0};

    for (int64_t i = 0; i < n; i++) {
        const int64_t kind_i = kind[i];
        const int64_t built_i = built[i];
        const int64_t operated_i = operated[i];
        /* poisson.ad:25: let log_rate[n] = log(service) + rate + effect(of_kind)[kind] + effect(of_built)[built] + effect(of_operated)[operated] */
        const real log_rate = rate + ad_log(service[i]) + (kind_i < 1 ? 0.0 : of_kind[kind_i - 1]) + (built_i < 1 ? 0.0 : of_built[built_i - 1]) + (operated_i < 1 ? 0.0 : of_operated[operated_i - 1]);
        /* poisson.ad:26: let expected[n] = exp(log_rate) */
        const real x_part = ad_exp(log_rate);
        const real damages_i = damages[i];
        /* poisson.ad:28: loss error = poisson_nll(log_rate, damages) */
        ad_add(&error_sum_total, x_part - log_rate * damages_i);
        /* backward of poisson.ad:25 */
        const real dlog_rate = x_part * v - damages_i * v;
        /* backward of poisson.ad:28 */
        if (1 <= operated_i)
            dof_operated[operated_i - 1] += dlog_rate;
        if (1 <= built_i)
            dof_built[built_i - 1] += dlog_rate;
        if (1 <= kind_i)
            dof_kind[kind_i - 1] += dlog_rate;
        ad_add(&drate_2_total, dlog_rate);
    }

    /* backward of poisson.ad:28 */
    const real drate_2 = ad_total(&drate_2_total);

    /* poisson.ad:28: loss error = poisson_nll(log_rate, damages) */
    const real error_sum = ad_total(&error_sum_total);
    const real error = error_sum / (real)n;
    run->loss[0] = error;
    *(real *)run->grad[0] = drate_2;
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict service = run->data[3];
    const int64_t *restrict kind = run->data[0];
    const int64_t *restrict built = run->data[1];
    const int64_t *restrict operated = run->data[2];
    const real *restrict damages = run->data[4];
    const real rate = *(const real *)run->param[0];
    const real *restrict of_kind = run->param[1];
    const real *restrict of_built = run->param[2];
    const real *restrict of_operated = run->param[3];

    /* poisson.ad:28: loss error = poisson_nll(log_rate, damages) */
    ad_tree error_sum_total = {0};

    /* poisson.ad:29: metric deviance = 2 * sum(where(damages > 0, damages * log(damages / expected), 0) - (damages - expected)) */
    ad_tree deviance_sum_total = {0};

    /* poisson.ad:30: metric pearson = sum((damages - expected)^2 / expected) */
    ad_tree pearson_total = {0};

    for (int64_t i = 0; i < n; i++) {
        const int64_t kind_i = kind[i];
        const int64_t built_i = built[i];
        const int64_t operated_i = operated[i];
        /* poisson.ad:25: let log_rate[n] = log(service) + rate + effect(of_kind)[kind] + effect(of_built)[built] + effect(of_operated)[operated] */
        const real log_rate = rate + ad_log(service[i]) + (kind_i < 1 ? 0.0 : of_kind[kind_i - 1]) + (built_i < 1 ? 0.0 : of_built[built_i - 1]) + (operated_i < 1 ? 0.0 : of_operated[operated_i - 1]);
        /* poisson.ad:26: let expected[n] = exp(log_rate) */
        const real x_part = ad_exp(log_rate);
        const real damages_i = damages[i];
        /* poisson.ad:28: loss error = poisson_nll(log_rate, damages) */
        ad_add(&error_sum_total, x_part - log_rate * damages_i);
        const real t = damages_i - x_part;
        /* poisson.ad:29: metric deviance = 2 * sum(where(damages > 0, damages * log(damages / expected), 0) - (damages - expected)) */
        ad_add(&deviance_sum_total, (0.0 < damages_i ? damages_i * ad_log(damages_i / x_part) : 0.0) - t);
        /* poisson.ad:30: metric pearson = sum((damages - expected)^2 / expected) */
        ad_add(&pearson_total, t * t / x_part);
    }

    /* poisson.ad:30: metric pearson = sum((damages - expected)^2 / expected) */
    const real pearson = ad_total(&pearson_total);

    /* poisson.ad:29: metric deviance = 2 * sum(where(damages > 0, damages * log(damages / expected), 0) - (damages - expected)) */
    const real deviance_sum = ad_total(&deviance_sum_total);

    /* poisson.ad:28: loss error = poisson_nll(log_rate, damages) */
    const real error_sum = ad_total(&error_sum_total);
    const real error = error_sum / (real)n;

    /* poisson.ad:29: metric deviance = 2 * sum(where(damages > 0, damages * log(damages / expected), 0) - (damages - expected)) */
    const real deviance = 2.0 * deviance_sum;
    run->loss[0] = error;
    run->metric[0] = deviance;
    run->metric[1] = pearson;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict service = run->data[3];
    const int64_t *restrict kind = run->data[0];
    const int64_t *restrict built = run->data[1];
    const int64_t *restrict operated = run->data[2];
    const real rate = *(const real *)run->param[0];
    const real *restrict of_kind = run->param[1];
    const real *restrict of_built = run->param[2];
    const real *restrict of_operated = run->param[3];
    real *restrict expected = run->output[0];

    /* poisson.ad:26: let expected[n] = exp(log_rate) */
    for (int64_t i = 0; i < n; i++) {
        const int64_t kind_i = kind[i];
        const int64_t built_i = built[i];
        const int64_t operated_i = operated[i];
        expected[i] = ad_exp(rate + ad_log(service[i]) + (kind_i < 1 ? 0.0 : of_kind[kind_i - 1]) + (built_i < 1 ? 0.0 : of_built[built_i - 1]) + (operated_i < 1 ? 0.0 : of_operated[operated_i - 1]));
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict service = run->data[3];
    const int64_t *restrict kind = run->data[0];
    const int64_t *restrict built = run->data[1];
    const int64_t *restrict operated = run->data[2];
    const real *restrict damages = run->data[4];
    const real rate = *(const real *)run->param[0];
    const real *restrict of_kind = run->param[1];
    const real *restrict of_built = run->param[2];
    const real *restrict of_operated = run->param[3];
    unsigned char *work = run->work;
    real *restrict log_rate = ad_take(&work, sizeof(real), n);
    real *restrict expected_2 = ad_take(&work, sizeof(real), n);

    /* poisson.ad:25: let log_rate[n] = log(service) + rate + effect(of_kind)[kind] + effect(of_built)[built] + effect(of_operated)[operated] */
    for (int64_t i = 0; i < n; i++) {
        const int64_t kind_i = kind[i];
        const int64_t built_i = built[i];
        const int64_t operated_i = operated[i];
        log_rate[i] = rate + ad_log(service[i]) + (kind_i < 1 ? 0.0 : of_kind[kind_i - 1]) + (built_i < 1 ? 0.0 : of_built[built_i - 1]) + (operated_i < 1 ? 0.0 : of_operated[operated_i - 1]);
    }
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(log_rate[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 25, "log_rate", i, 0, log_rate[i]);
            return;
        }

    /* poisson.ad:26: let expected[n] = exp(log_rate) */
    for (int64_t i = 0; i < n; i++)
        expected_2[i] = ad_exp(log_rate[i]);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(expected_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 26, "expected", i, 0, expected_2[i]);
            return;
        }

    /* poisson.ad:28: loss error = poisson_nll(log_rate, damages) */
    ad_tree error_sum_total = {0};
    for (int64_t i = 0; i < n; i++)
        ad_add(&error_sum_total, expected_2[i] - log_rate[i] * damages[i]);
    const real error_sum = ad_total(&error_sum_total);
    const real error = error_sum / (real)n;
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 28, "error", 0, 0, error);
        return;
    }
}

static void derive(int64_t *dims)
{
    const int64_t types = dims[1];
    const int64_t years = dims[2];
    const int64_t periods = dims[3];
    dims[4] = types - 1;
    dims[5] = years - 1;
    dims[6] = periods - 1;
}

static size_t load_bytes(const int64_t *dims)
{
    size_t at[2];
    load_offsets(dims, at);
    return at[1];
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
    used = ad_room(0, sizeof(real), n);    /* trace: log_rate */
    used = ad_room(used, sizeof(real), n);    /* trace: expected_2 */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 0, 9},
    {"types", AD_DIM_IDS, 0, 0, 9},
    {"years", AD_DIM_IDS, 0, 0, 9},
    {"periods", AD_DIM_IDS, 0, 0, 9},
    {"types - 1", AD_DIM_DERIVED, 0, 0, 0},
    {"years - 1", AD_DIM_DERIVED, 0, 0, 0},
    {"periods - 1", AD_DIM_DERIVED, 0, 0, 0},
};

static const AdData model_data[] = {
    {.name = "kind", .line = 11, .type = AD_INT, .labels = 1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"type"}},
    {.name = "built", .line = 12, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"built"}},
    {.name = "operated", .line = 13, .type = AD_INT, .labels = 3, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"operated"}},
    {.name = "service", .line = 14, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"service"}},
    {.name = "damages", .line = 15, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"damages"}},
};

static const AdParam model_params[] = {
    {.name = "rate", .line = 18, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "of_kind", .line = 19, .rank = 1, .axes = (const int[]){4}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "of_built", .line = 20, .rank = 1, .axes = (const int[]){5}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "of_operated", .line = 21, .rank = 1, .axes = (const int[]){6}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 28, 1},
};

static const AdScalar model_metrics[] = {
    {"deviance", 29, 1},
    {"pearson", 30, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "expected", .line = 31, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/ships.csv\"", 33},
    {"optimizer", "lbfgs()", 33},
    {"epochs", "200", 33},
};

static const char model_source[] =
    "# Poisson regression: how often are ships damaged by waves?\n"
    "#\n"
    "# Counts are not measured, they happen: at a rate that is a product of effects, for as long as a ship is at sea. A product\n"
    "# of effects is a sum of logarithms, so the months of service, the exposure, enter as log(service) with no coefficient.\n"
    "# Each first kind is the one that others are compared with. The data and the model are in McCullagh and Nelder, \"Generalized\n"
    "# linear models\", 1989, section 6.3.2; their deviance is 38.70. It should be near 25, the rows less the params: ships of a\n"
    "# kind differ more than the model thinks.\n"
    "precision f64\n"
    "dim n, types, years, periods\n"
    "\n"
    "data kind[n] : index(types) from column \"type\"\n"
    "data built[n] : index(years) from column \"built\"\n"
    "data operated[n] : index(periods) from column \"operated\"\n"
    "data service[n] from column \"service\"\n"
    "data damages[n] from column \"damages\"\n"
    "assert service > 0 and damages >= 0\n"
    "\n"
    "param rate = -5\n"
    "param of_kind[types - 1] = 0\n"
    "param of_built[years - 1] = 0\n"
    "param of_operated[periods - 1] = 0\n"
    "\n"
    "fn effect(others[k]) = concat([0], others)\n"
    "\n"
    "let log_rate[n] = log(service) + rate + effect(of_kind)[kind] + effect(of_built)[built] + effect(of_operated)[operated]\n"
    "let expected[n] = exp(log_rate)\n"
    "\n"
    "loss error = poisson_nll(log_rate, damages)\n"
    "metric deviance = 2 * sum(where(damages > 0, damages * log(damages / expected), 0) - (damages - expected))\n"
    "metric pearson = sum((damages - expected)^2 / expected)\n"
    "output expected\n"
    "\n"
    "train { data = \"data/ships.csv\"; optimizer = lbfgs(); epochs = 200 }\n"
    ;

const AdModel poisson_model = {
    .name = "poisson", .file = "poisson.ad", .source = model_source, .f64 = 1,
    .ndims = 7, .dims = model_dims,
    .ndata = 5, .data = model_data,
    .nparams = 4, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 2, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 3, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &poisson_model);
}
#endif
