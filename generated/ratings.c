/* ratings.c: a trainer for ratings.ad, made by adc. Build: cc -O3 -march=native ratings.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef float real;

enum {
    TASTES = 2,    /* dim tastes, ratings.ad:10 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    const int64_t people = run->dims[1];
    const int64_t films = run->dims[2];
    real *restrict kind = run->param[1];
    real *restrict good = run->param[2];

    /* ratings.ad:17: param mean_of_all = 3 */
    const real v_2 = 3.0f;

    /* ratings.ad:18: param kind[people] = 0 */
    for (int64_t p = 0; p < people; p++)
        kind[p] = 0.0f;

    /* ratings.ad:19: param good[films] = 0 */
    for (int64_t f = 0; f < films; f++)
        good[f] = 0.0f;

    /* ratings.ad:20: param P[people, tastes] ~ normal(0, 0.1) */
    const real P_a = 0.0f;
    const real P_b = 0.1f;

    /* ratings.ad:21: param Q[films, tastes] ~ normal(0, 0.1) */
    const real Q_a = 0.0f;
    const real Q_b = 0.1f;
    *(real *)run->param[0] = v_2;
    run->draw[12] = P_a;
    run->draw[13] = P_b;
    run->draw[16] = Q_a;
    run->draw[17] = Q_b;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict v = run->data[1];
    const int64_t *restrict u = run->data[0];
    const real *restrict stars = run->data[2];
    const real *restrict good = run->param[2];
    const real mean_of_all = *(const real *)run->param[0];
    const real *restrict kind = run->param[1];
    const real *restrict P = run->param[3];
    const real *restrict Q = run->param[4];
    const real lambda = (real)run->hyper[0];
    real *restrict dkind = run->grad[1];
    real *restrict dgood = run->grad[2];
    real *restrict dP = run->grad[3];
    real *restrict dQ = run->grad[4];
    int64_t *restrict kind_rows = run->rows[0];
    int64_t *restrict good_rows = run->rows[1];
    int64_t *restrict P_rows = run->rows[2];
    int64_t *restrict Q_rows = run->rows[3];

    /* backward of ratings.ad:28 */
    const real dkind_part = lambda / (real)n;

    /* backward of ratings.ad:27 */
    const real dscore_part = 1.0f / (real)n;

    /* ratings.ad:27: loss error = mse(score, stars) */
    ad_treef error_sum_total = {0};

    /* ratings.ad:28: loss ridge = lambda * mean(weight) */
    ad_treef ridge_sum_total = {0};

    /* backward of ratings.ad:27 */
    ad_treef dmean_of_all_2_total = {0};

    for (int64_t k = 0; k < n; k++) {
        const int64_t v_k = v[k];
        const real good_at = good[v_k];
        const int64_t u_k = u[k];
        const real kind_at = kind[u_k];
        /* ratings.ad:23: let bias[k in n] = mean_of_all + kind[u[k]] + good[v[k]] */
        const real bias = good_at + (mean_of_all + kind_at);
        /* ratings.ad:24: let score[k in n] = bias[k] + sum[q in tastes] P[u[k], q] * Q[v[k], q] */
        real score_sum = 0.0f;
        /* ratings.ad:25: let weight[k in n] = kind[u[k]]^2 + good[v[k]]^2 + sum[q in tastes] (P[u[k], q]^2 + Q[v[k], q]^2) */
        real weight_sum = 0.0f;
        for (int64_t q = 0; q < TASTES; q++) {
            const real P_atq = P[u_k * TASTES + q];
            const real Q_atq = Q[v_k * TASTES + q];
            /* ratings.ad:24: let score[k in n] = bias[k] + sum[q in tastes] P[u[k], q] * Q[v[k], q] */
            score_sum += P_atq * Q_atq;
            /* ratings.ad:25: let weight[k in n] = kind[u[k]]^2 + good[v[k]]^2 + sum[q in tastes] (P[u[k], q]^2 + Q[v[k], q]^2) */
            weight_sum += P_atq * P_atq + Q_atq * Q_atq;
        }
        const real t = bias + score_sum - stars[k];
        /* ratings.ad:27: loss error = mse(score, stars) */
        ad_addf(&error_sum_total, t * t);
        /* ratings.ad:28: loss ridge = lambda * mean(weight) */
        ad_addf(&ridge_sum_total, weight_sum + (good_at * good_at + kind_at * kind_at));
        /* backward of ratings.ad:24 */
        const real dscore = 2.0f * (dscore_part * t);
        /* backward of ratings.ad:27 */
        ad_addf(&dmean_of_all_2_total, dscore);
        dkind[u_k] += dscore + 2.0f * (kind_at * dkind_part);
        dgood[v_k] += dscore + 2.0f * (good_at * dkind_part);
        for (int64_t j = 0; j < TASTES; j++) {
            const real P_atj = P[u_k * TASTES + j];
            const real Q_atj = Q[v_k * TASTES + j];
            dP[u_k * TASTES + j] += 2.0f * (P_atj * dkind_part) + Q_atj * dscore;
            dQ[v_k * TASTES + j] += 2.0f * (Q_atj * dkind_part) + P_atj * dscore;
        }
        if (kind_rows) kind_rows[k] = u_k;
        if (good_rows) good_rows[k] = v_k;
        if (P_rows) P_rows[k] = u_k;
        if (Q_rows) Q_rows[k] = v_k;
    }

    /* backward of ratings.ad:27 */
    const real dmean_of_all_2 = ad_totalf(&dmean_of_all_2_total);

    /* ratings.ad:28: loss ridge = lambda * mean(weight) */
    const real ridge_sum = ad_totalf(&ridge_sum_total);

    /* ratings.ad:27: loss error = mse(score, stars) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;

    /* ratings.ad:28: loss ridge = lambda * mean(weight) */
    const real ridge = lambda * (ridge_sum / (real)n);
    run->loss[0] = error;
    run->loss[1] = ridge;
    *(real *)run->grad[0] = dmean_of_all_2;
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict v = run->data[1];
    const int64_t *restrict u = run->data[0];
    const real *restrict stars = run->data[2];
    const real *restrict good = run->param[2];
    const real mean_of_all = *(const real *)run->param[0];
    const real *restrict kind = run->param[1];
    const real *restrict P = run->param[3];
    const real *restrict Q = run->param[4];
    const real lambda = (real)run->hyper[0];

    /* ratings.ad:27: loss error = mse(score, stars) */
    ad_treef error_sum_total = {0};

    /* ratings.ad:28: loss ridge = lambda * mean(weight) */
    ad_treef ridge_sum_total = {0};

    for (int64_t k = 0; k < n; k++) {
        /* ratings.ad:24: let score[k in n] = bias[k] + sum[q in tastes] P[u[k], q] * Q[v[k], q] */
        real score_sum = 0.0f;
        /* ratings.ad:25: let weight[k in n] = kind[u[k]]^2 + good[v[k]]^2 + sum[q in tastes] (P[u[k], q]^2 + Q[v[k], q]^2) */
        real weight_sum = 0.0f;
        const int64_t u_k = u[k];
        const int64_t v_k = v[k];
        for (int64_t q = 0; q < TASTES; q++) {
            const real P_atq = P[u_k * TASTES + q];
            const real Q_atq = Q[v_k * TASTES + q];
            /* ratings.ad:24: let score[k in n] = bias[k] + sum[q in tastes] P[u[k], q] * Q[v[k], q] */
            score_sum += P_atq * Q_atq;
            /* ratings.ad:25: let weight[k in n] = kind[u[k]]^2 + good[v[k]]^2 + sum[q in tastes] (P[u[k], q]^2 + Q[v[k], q]^2) */
            weight_sum += P_atq * P_atq + Q_atq * Q_atq;
        }
        const real good_at = good[v_k];
        const real kind_at = kind[u_k];
        const real t = score_sum + (good_at + (mean_of_all + kind_at)) - stars[k];
        /* ratings.ad:27: loss error = mse(score, stars) */
        ad_addf(&error_sum_total, t * t);
        /* ratings.ad:28: loss ridge = lambda * mean(weight) */
        ad_addf(&ridge_sum_total, weight_sum + (good_at * good_at + kind_at * kind_at));
    }

    /* ratings.ad:28: loss ridge = lambda * mean(weight) */
    const real ridge_sum = ad_totalf(&ridge_sum_total);

    /* ratings.ad:27: loss error = mse(score, stars) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;

    /* ratings.ad:28: loss ridge = lambda * mean(weight) */
    const real ridge = lambda * (ridge_sum / (real)n);

    /* ratings.ad:29: metric rmse = sqrt(mse(score, stars)) */
    const real rmse = sqrtf(error);
    run->loss[0] = error;
    run->loss[1] = ridge;
    run->metric[0] = rmse;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict v = run->data[1];
    const int64_t *restrict u = run->data[0];
    const real *restrict good = run->param[2];
    const real mean_of_all = *(const real *)run->param[0];
    const real *restrict kind = run->param[1];
    const real *restrict P = run->param[3];
    const real *restrict Q = run->param[4];
    real *restrict score = run->output[0];

    /* ratings.ad:24: let score[k in n] = bias[k] + sum[q in tastes] P[u[k], q] * Q[v[k], q] */
    for (int64_t k = 0; k < n; k++) {
        real score_sum = 0.0f;
        const int64_t u_k = u[k];
        const int64_t v_k = v[k];
        for (int64_t q = 0; q < TASTES; q++)
            score_sum += P[u_k * TASTES + q] * Q[v_k * TASTES + q];
        score[k] = score_sum + (good[v_k] + (mean_of_all + kind[u_k]));
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict v = run->data[1];
    const int64_t *restrict u = run->data[0];
    const real *restrict stars = run->data[2];
    const real *restrict good = run->param[2];
    const real mean_of_all = *(const real *)run->param[0];
    const real *restrict kind = run->param[1];
    const real *restrict P = run->param[3];
    const real *restrict Q = run->param[4];
    const real lambda = (real)run->hyper[0];
    unsigned char *work = run->work;
    real *restrict bias = ad_take(&work, sizeof(real), n);
    real *restrict score_2 = ad_take(&work, sizeof(real), n);
    real *restrict score_sum = ad_take(&work, sizeof(real), n);
    real *restrict weight = ad_take(&work, sizeof(real), n);
    real *restrict weight_sum = ad_take(&work, sizeof(real), n);

    /* ratings.ad:23: let bias[k in n] = mean_of_all + kind[u[k]] + good[v[k]] */
    for (int64_t k = 0; k < n; k++)
        bias[k] = good[v[k]] + (mean_of_all + kind[u[k]]);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(bias[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 23, "bias", i, 0, bias[i]);
            return;
        }

    /* ratings.ad:24: let score[k in n] = bias[k] + sum[q in tastes] P[u[k], q] * Q[v[k], q] */
    for (int64_t k = 0; k < n; k++) {
        real score_sum_total = 0.0f;
        const int64_t u_k = u[k];
        const int64_t v_k = v[k];
        for (int64_t q = 0; q < TASTES; q++)
            score_sum_total += P[u_k * TASTES + q] * Q[v_k * TASTES + q];
        score_sum[k] = score_sum_total;
    }
    for (int64_t k = 0; k < n; k++)
        score_2[k] = bias[k] + score_sum[k];
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(score_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 24, "score", i, 0, score_2[i]);
            return;
        }

    /* ratings.ad:25: let weight[k in n] = kind[u[k]]^2 + good[v[k]]^2 + sum[q in tastes] (P[u[k], q]^2 + Q[v[k], q]^2) */
    for (int64_t k = 0; k < n; k++) {
        real weight_sum_total = 0.0f;
        const int64_t u_k = u[k];
        const int64_t v_k = v[k];
        for (int64_t q = 0; q < TASTES; q++) {
            const real P_atq = P[u_k * TASTES + q];
            const real Q_atq = Q[v_k * TASTES + q];
            weight_sum_total += P_atq * P_atq + Q_atq * Q_atq;
        }
        weight_sum[k] = weight_sum_total;
    }
    for (int64_t k = 0; k < n; k++) {
        const real good_at = good[v[k]];
        const real kind_at = kind[u[k]];
        weight[k] = weight_sum[k] + (good_at * good_at + kind_at * kind_at);
    }
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(weight[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 25, "weight", i, 0, weight[i]);
            return;
        }

    /* ratings.ad:27: loss error = mse(score, stars) */
    ad_treef error_sum_total = {0};
    for (int64_t k = 0; k < n; k++) {
        const real t = score_2[k] - stars[k];
        ad_addf(&error_sum_total, t * t);
    }
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 27, "error", 0, 0, error);
        return;
    }

    /* ratings.ad:28: loss ridge = lambda * mean(weight) */
    ad_treef ridge_sum_total = {0};
    for (int64_t k = 0; k < n; k++)
        ad_addf(&ridge_sum_total, weight[k]);
    const real ridge_sum = ad_totalf(&ridge_sum_total);
    const real ridge = lambda * (ridge_sum / (real)n);
    if (!isfinite(ridge)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 28, "ridge", 0, 0, ridge);
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
    used = ad_room(0, sizeof(real), n);    /* trace: bias */
    used = ad_room(used, sizeof(real), n);    /* trace: score_2 */
    used = ad_room(used, sizeof(real), n);    /* trace: score_sum */
    used = ad_room(used, sizeof(real), n);    /* trace: weight */
    used = ad_room(used, sizeof(real), n);    /* trace: weight_sum */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 9},
    {"people", AD_DIM_IDS, 0, 0, 9},
    {"films", AD_DIM_IDS, 0, 0, 9},
    {"tastes", AD_DIM_FIXED, 2, 0, 10},
};

static const AdHyper model_hypers[] = {
    {"lambda", 0.02, 11},
};

static const AdData model_data[] = {
    {.name = "u", .line = 13, .type = AD_INT, .labels = 1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"person"}},
    {.name = "v", .line = 14, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"film"}},
    {.name = "stars", .line = 15, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"stars"}},
};

static const AdParam model_params[] = {
    {.name = "mean_of_all", .line = 17, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "kind", .line = 18, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "good", .line = 19, .rank = 1, .axes = (const int[]){2}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "P", .line = 20, .rank = 2, .axes = (const int[]){1, 3}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "Q", .line = 21, .rank = 2, .axes = (const int[]){2, 3}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdRows model_rows[] = {
    {1, 0},    /* kind */
    {2, 0},    /* good */
    {3, 0},    /* P */
    {4, 0},    /* Q */
};

static const AdScalar model_losses[] = {
    {"error", 27, 1},
    {"ridge", 28, 1},
};

static const AdScalar model_metrics[] = {
    {"rmse", 29, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "score", .line = 30, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/ratings.csv\"", 33},
    {"optimizer", "sgd()", 34},
    {"lr", "1", 34},
    {"batch", "100", 34},
    {"epochs", "60", 34},
    {"schedule", "linear()", 34},
    {"split", "[0.8, 0, 0.2]", 35},
};

static const char model_source[] =
    "# What would you think of this film? Ratings explained by who rates, by what is rated, and by how the two agree.\n"
    "#\n"
    "# A rating is the mean, plus how kind the person is, plus how good the film is, plus the product of a person's tastes and a\n"
    "# film's kinds. None of these is in the data, which is triples: a person, a film, stars. 'P[u[k], q]' reads the row of the\n"
    "# person of rating k, and its derivative goes to that row alone, so a step costs what its mini-batch costs, however many\n"
    "# people there are. See Koren, Bell and Volinsky, \"Matrix factorization techniques for recommender systems\", 2009.\n"
    "#\n"
    "# These ratings are invented, from two tastes and with an error of 0.47 that no model can foresee (data/README.md).\n"
    "dim n batch, people, films\n"
    "dim tastes = 2\n"
    "hyper lambda = 0.02\n"
    "\n"
    "data u[n] : index(people) from column \"person\"\n"
    "data v[n] : index(films) from column \"film\"\n"
    "data stars[n] from column \"stars\"\n"
    "\n"
    "param mean_of_all = 3\n"
    "param kind[people] = 0\n"
    "param good[films] = 0\n"
    "param P[people, tastes] ~ normal(0, 0.1)\n"
    "param Q[films, tastes] ~ normal(0, 0.1)\n"
    "\n"
    "let bias[k in n] = mean_of_all + kind[u[k]] + good[v[k]]\n"
    "let score[k in n] = bias[k] + sum[q in tastes] P[u[k], q] * Q[v[k], q]\n"
    "let weight[k in n] = kind[u[k]]^2 + good[v[k]]^2 + sum[q in tastes] (P[u[k], q]^2 + Q[v[k], q]^2)\n"
    "\n"
    "loss error = mse(score, stars)\n"
    "loss ridge = lambda * mean(weight)             # of every rating's rows, as often as they are rated\n"
    "metric rmse = sqrt(mse(score, stars))\n"
    "output score\n"
    "\n"
    "train {\n"
    "    data = \"data/ratings.csv\"\n"
    "    optimizer = sgd(); lr = 1; batch = 100; epochs = 60; schedule = linear()\n"
    "    split = [0.8, 0, 0.2]\n"
    "}\n"
    ;

const AdModel ratings_model = {
    .name = "ratings", .file = "ratings.ad", .source = model_source, .f64 = 0,
    .ndims = 4, .dims = model_dims,
    .nhypers = 1, .hypers = model_hypers,
    .ndata = 3, .data = model_data,
    .nparams = 5, .params = model_params,
    .nrows = 4, .rows = model_rows,
    .nlosses = 2, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 7, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &ratings_model);
}
#endif
