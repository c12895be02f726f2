/* logistic.c: a trainer for logistic.ad, made by adc. Build: cc -O3 -march=native logistic.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;

enum {
    F = 30,    /* dim f, logistic.ad:7 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* logistic.ad:14: param b = 0 */
    const real v = 0.0;

    /* logistic.ad:13: param w[f] ~ normal(0, 0.1) */
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
    const int64_t *restrict y = run->data[1];
    const real *restrict X = run->data[0];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];
    const real lambda = run->hyper[0];
    real *restrict dw = run->grad[0];

    /* backward of logistic.ad:20 */
    const real dw_part = lambda * (1.0 / (real)(2 * run->total));

    /* backward of logistic.ad:19 */
    const real dlogit_of_part = 1.0 / (real)n;

    /* logistic.ad:19: loss likelihood = bce(logit_of, malignant) */
    ad_tree likelihood_sum_total = {0};

    /* backward of logistic.ad:19 */
    ad_tree db_2_total = {0};
    real dw_2[F] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* logistic.ad:16: let logit_of[n] = X @ w + b */
        real logit_of_sum = 0.0;
        for (int64_t j = 0; j < F; j++)
            logit_of_sum += X[i * F + j] * w[j];
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const real t = b + logit_of_sum;
        const bool c_2 = c && t == INFINITY;
        const bool c_3 = y_i != 1 && t == -INFINITY;
        /* logistic.ad:19: loss likelihood = bce(logit_of, malignant) */
        ad_add(&likelihood_sum_total, (c_2 ? 0.0 : (real)(1 - (int64_t)c) * ad_softplus(t)) + (c_3 ? 0.0 : (real)c * ad_softplus(-t)));
        /* backward of logistic.ad:16 */
        const real dlogit_of = (c_2 ? 0.0 : dlogit_of_part * (real)(1 - (int64_t)c) * ad_sigmoid(t)) + (c_3 ? 0.0 : -(dlogit_of_part * (real)c * ad_sigmoid(-t)));
        /* backward of logistic.ad:19 */
        ad_add(&db_2_total, dlogit_of);
        for (int64_t j = 0; j < F; j++)
            dw_2[j] += X[i * F + j] * dlogit_of;
    }

    /* backward of logistic.ad:19 */
    const real db_2 = ad_total(&db_2_total);

    /* logistic.ad:19: loss likelihood = bce(logit_of, malignant) */
    const real likelihood_sum = ad_total(&likelihood_sum_total);
    const real likelihood = likelihood_sum / (real)n;

    /* logistic.ad:20: loss ridge = lambda * sum(w^2) / (2 * total(n)) */
    real ridge_sum = 0.0;

    for (int64_t i = 0; i < F; i++) {
        const real w_i = w[i];
        /* logistic.ad:20: loss ridge = lambda * sum(w^2) / (2 * total(n)) */
        ridge_sum += w_i * w_i;
        /* backward of logistic.ad:13 */
        dw[i] = dw_2[i] + 2.0 * (w_i * dw_part);
    }

    /* logistic.ad:20: loss ridge = lambda * sum(w^2) / (2 * total(n)) */
    const real ridge = lambda * ridge_sum / (real)(2 * run->total);
    run->loss[0] = likelihood;
    run->loss[1] = ridge;
    *(real *)run->grad[1] = db_2;
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict X = run->data[0];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];
    const real lambda = run->hyper[0];

    /* logistic.ad:19: loss likelihood = bce(logit_of, malignant) */
    ad_tree likelihood_sum_total = {0};

    /* logistic.ad:21: metric accuracy = mean((logit_of > 0) == malignant) */
    int64_t accuracy_sum = 0;

    /* logistic.ad:22: metric missed = sum(where(malignant and logit_of <= 0, 1, 0)) / sum(malignant) */
    int64_t missed_sum = 0;
    int64_t missed_sum_2 = 0;

    for (int64_t i = 0; i < n; i++) {
        /* logistic.ad:16: let logit_of[n] = X @ w + b */
        real logit_of_sum = 0.0;
        for (int64_t j = 0; j < F; j++)
            logit_of_sum += X[i * F + j] * w[j];
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const real t = b + logit_of_sum;
        /* logistic.ad:19: loss likelihood = bce(logit_of, malignant) */
        ad_add(&likelihood_sum_total, (c && t == INFINITY ? 0.0 : (real)(1 - (int64_t)c) * ad_softplus(t)) + (y_i != 1 && t == -INFINITY ? 0.0 : (real)c * ad_softplus(-t)));
        /* logistic.ad:21: metric accuracy = mean((logit_of > 0) == malignant) */
        accuracy_sum += (int64_t)((int64_t)c == (int64_t)(0.0 < t));
        /* logistic.ad:22: metric missed = sum(where(malignant and logit_of <= 0, 1, 0)) / sum(malignant) */
        missed_sum += c && t <= 0.0 ? 1 : 0;
        missed_sum_2 += (int64_t)c;
    }

    /* logistic.ad:19: loss likelihood = bce(logit_of, malignant) */
    const real likelihood_sum = ad_total(&likelihood_sum_total);
    const real likelihood = likelihood_sum / (real)n;

    /* logistic.ad:20: loss ridge = lambda * sum(w^2) / (2 * total(n)) */
    real ridge_sum = 0.0;
    for (int64_t i = 0; i < F; i++) {
        const real w_i = w[i];
        ridge_sum += w_i * w_i;
    }
    const real ridge = lambda * ridge_sum / (real)(2 * run->total);

    /* logistic.ad:21: metric accuracy = mean((logit_of > 0) == malignant) */
    const real accuracy = (real)accuracy_sum / (real)n;

    /* logistic.ad:22: metric missed = sum(where(malignant and logit_of <= 0, 1, 0)) / sum(malignant) */
    const real missed = (real)missed_sum / (real)missed_sum_2;
    run->loss[0] = likelihood;
    run->loss[1] = ridge;
    run->metric[0] = accuracy;
    run->metric[1] = missed;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];
    real *restrict p = run->output[0];

    for (int64_t i = 0; i < n; i++) {
        /* logistic.ad:16: let logit_of[n] = X @ w + b */
        real logit_of_sum = 0.0;
        for (int64_t j = 0; j < F; j++)
            logit_of_sum += X[i * F + j] * w[j];
        /* logistic.ad:23: output p = sigmoid(logit_of) */
        p[i] = ad_sigmoid(b + logit_of_sum);
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real b = *(const real *)run->param[1];
    const real *restrict w = run->param[0];
    const real lambda = run->hyper[0];
    unsigned char *work = run->work;
    real *restrict logit_of = ad_take(&work, sizeof(real), n);
    real *restrict logit_of_sum = ad_take(&work, sizeof(real), n);

    /* logistic.ad:16: let logit_of[n] = X @ w + b */
    for (int64_t i = 0; i < n; i++) {
        real logit_of_sum_total = 0.0;
        for (int64_t j = 0; j < F; j++)
            logit_of_sum_total += X[i * F + j] * w[j];
        logit_of_sum[i] = logit_of_sum_total;
    }
    for (int64_t i = 0; i < n; i++)
        logit_of[i] = b + logit_of_sum[i];
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(logit_of[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 16, "logit_of", i, 0, logit_of[i]);
            return;
        }

    /* logistic.ad:19: loss likelihood = bce(logit_of, malignant) */
    ad_tree likelihood_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const real logit_of_i = logit_of[i];
        ad_add(&likelihood_sum_total, (c && logit_of_i == INFINITY ? 0.0 : (real)(1 - (int64_t)c) * ad_softplus(logit_of_i)) + (y_i != 1 && logit_of_i == -INFINITY ? 0.0 : (real)c * ad_softplus(-logit_of_i)));
    }
    const real likelihood_sum = ad_total(&likelihood_sum_total);
    const real likelihood = likelihood_sum / (real)n;
    if (!isfinite(likelihood)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 19, "likelihood", 0, 0, likelihood);
        return;
    }

    /* logistic.ad:20: loss ridge = lambda * sum(w^2) / (2 * total(n)) */
    real ridge_sum = 0.0;
    for (int64_t i = 0; i < F; i++) {
        const real w_i = w[i];
        ridge_sum += w_i * w_i;
    }
    const real ridge = lambda * ridge_sum / (real)(2 * run->total);
    if (!isfinite(ridge)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 20, "ridge", 0, 0, ridge);
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
    used = ad_room(0, sizeof(real), n);    /* trace: logit_of */
    used = ad_room(used, sizeof(real), n);    /* trace: logit_of_sum */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 7},
    {"f", AD_DIM_FIXED, 30, 0, 7},
    {"kinds", AD_DIM_IDS, 0, 0, 7},
};

static const AdHyper model_hypers[] = {
    {"lambda", 1.0, 8},
};

static const AdData model_data[] = {
    {.name = "X", .line = 10, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_SCALED, .missing = 0, .column_lo = 0, .column_hi = 30, .ncolumns = 0, .columns = NULL},
    {.name = "y", .line = 11, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"diagnosis"}},
};

static const AdParam model_params[] = {
    {.name = "w", .line = 13, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b", .line = 14, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"likelihood", 19, 1},
    {"ridge", 20, 1},
};

static const AdScalar model_metrics[] = {
    {"accuracy", 21, 1},
    {"missed", 22, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "p", .line = 23, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/cancer.csv\"", 26},
    {"optimizer", "adam(lr = 0.05)", 27},
    {"epochs", "500", 27},
    {"split", "[0.7, 0, 0.3]", 28},
};

static const char model_source[] =
    "# Logistic regression: is a tumour malignant, judged by thirty measurements of its cells' nuclei?\n"
    "#\n"
    "# 'bce' takes the logit, not the probability, and keeps its digits however sure the model is. The two losses add up; the\n"
    "# second, weighted by a hyperparameter (--set lambda=0.1), keeps the weights from growing without bound where the\n"
    "# classes can be separated. Its factor is divided by the number of rows, so it does not depend on the size of a batch.\n"
    "precision f64\n"
    "dim n batch, f, kinds\n"
    "hyper lambda = 1\n"
    "\n"
    "data X[n, f] : scaled from columns 0:30\n"
    "data y[n] : index(kinds) from column \"diagnosis\"      # in sorted order: 0 benign, 1 malignant\n"
    "\n"
    "param w[f] ~ normal(0, 0.1)\n"
    "param b = 0\n"
    "\n"
    "let logit_of[n] = X @ w + b\n"
    "let malignant[n] = y == 1\n"
    "\n"
    "loss likelihood = bce(logit_of, malignant)\n"
    "loss ridge = lambda * sum(w^2) / (2 * total(n))\n"
    "metric accuracy = mean((logit_of > 0) == malignant)\n"
    "metric missed = sum(where(malignant and logit_of <= 0, 1, 0)) / sum(malignant)     # tumours called benign\n"
    "output p = sigmoid(logit_of)\n"
    "\n"
    "train {\n"
    "    data = \"data/cancer.csv\"\n"
    "    optimizer = adam(lr = 0.05); epochs = 500\n"
    "    split = [0.7, 0, 0.3]\n"
    "}\n"
    ;

const AdModel logistic_model = {
    .name = "logistic", .file = "logistic.ad", .source = model_source, .f64 = 1,
    .ndims = 3, .dims = model_dims,
    .nhypers = 1, .hypers = model_hypers,
    .ndata = 2, .data = model_data,
    .nparams = 2, .params = model_params,
    .nlosses = 2, .losses = model_losses,
    .nmetrics = 2, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 4, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &logistic_model);
}
#endif
