/* masked.c: a trainer for masked.ad, made by adc. Build: cc -O3 -march=native masked.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;

enum {
    N = 13,    /* dim n, masked.ad:8 */
    RANK = 3,    /* dim rank, masked.ad:9 */
};

/* Where load keeps its results. */
static void load_offsets(const int64_t *dims, size_t *at)
{
    (void)dims;
    at[0] = 0;
    at[1] = ad_room(at[0], sizeof(real), 1);    /* sum */
    at[2] = ad_room(at[1], sizeof(real), 1);    /* v */
}

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    const int64_t wines = run->dims[0];
    size_t at[3];
    load_offsets(run->dims, at);
    const uint8_t *restrict A_mask = run->mask[0];

    /* masked.ad:17: let known = sum(mask(A)) */
    ad_tree sum_2_total = {0};
    for (int64_t i = 0; i < wines; i++)
        for (int64_t j = 0; j < N; j++)
            ad_add(&sum_2_total, (real)A_mask[i * N + j]);
    const real sum_2 = ad_total(&sum_2_total);

    /* backward of masked.ad:19 */
    const real v_2 = 1.0 / sum_2;
    *(real *)ad_at(run->load, at[0]) = sum_2;
    *(real *)ad_at(run->load, at[1]) = v_2;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* masked.ad:13: param U[wines, rank] ~ normal(0, 0.3) */
    const real U_a = 0.0;
    const real U_b = 0.3;

    /* masked.ad:14: param V[rank, n] ~ normal(0, 0.3) */
    const real V_a = 0.0;
    const real V_b = 0.3;
    run->draw[0] = U_a;
    run->draw[1] = U_b;
    run->draw[4] = V_a;
    run->draw[5] = V_b;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t wines = run->dims[0];
    size_t at[3];
    load_offsets(run->dims, at);
    const real *restrict A = run->data[0];
    const uint8_t *restrict A_mask = run->mask[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    const real lambda = run->hyper[0];
    const real sum = *(const real *)ad_at(run->load, at[0]);
    const real v = *(const real *)ad_at(run->load, at[1]);
    real *restrict dU = run->grad[0];
    real *restrict dV = run->grad[1];

    /* backward of masked.ad:20 */
    const real dU_part = lambda / (real)wines;

    /* masked.ad:19: loss error = sum(mask(A) * (guess - A)^2) / known */
    ad_tree error_sum_total = {0};

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    ad_tree ridge_sum_total = {0};

    /* backward of masked.ad:19 */
    real dV_2[RANK * N] = {0};

    for (int64_t w = 0; w < wines; w++) {
        /* masked.ad:16: let guess[wines, n] = U @ V */
        real error_sum_sum[N] = {0};
        for (int64_t i = 0; i < RANK; i++) {
            const real U_wi = U[w * RANK + i];
            /* masked.ad:16: let guess[wines, n] = U @ V */
            for (int64_t j = 0; j < N; j++)
                error_sum_sum[j] += U_wi * V[i * N + j];
            /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
            ad_add(&ridge_sum_total, U_wi * U_wi);
        }
        /* backward of masked.ad:16 */
        real dguess[N];
        for (int64_t j = 0; j < N; j++) {
            const real t = error_sum_sum[j] - A[w * N + j];
            /* masked.ad:19: loss error = sum(mask(A) * (guess - A)^2) / known */
            ad_add(&error_sum_total, t * t * (real)A_mask[w * N + j]);
            /* backward of masked.ad:16 */
            dguess[j] = 2.0 * (t * (v * (real)A_mask[w * N + j]));
        }
        for (int64_t r = 0; r < RANK; r++) {
            /* backward of masked.ad:19 */
            real dU_2 = 0.0;
            const real U_wr = U[w * RANK + r];
            for (int64_t i = 0; i < N; i++) {
                const real dguess_i = dguess[i];
                dV_2[r * N + i] += U_wr * dguess_i;
                dU_2 += V[r * N + i] * dguess_i;
            }
            /* backward of masked.ad:13 */
            dU[w * RANK + r] = dU_2 + 2.0 * (U_wr * dU_part);
        }
    }

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    const real ridge_sum = ad_total(&ridge_sum_total);

    /* masked.ad:19: loss error = sum(mask(A) * (guess - A)^2) / known */
    const real error_sum = ad_total(&error_sum_total);
    const real error = error_sum / sum;

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    real ridge_sum_2 = 0.0;

    for (int64_t i = 0; i < RANK; i++) {
        for (int64_t j = 0; j < N; j++) {
            const real V_ij = V[i * N + j];
            /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
            ridge_sum_2 += V_ij * V_ij;
            /* backward of masked.ad:14 */
            dV[i * N + j] = dV_2[i * N + j] + 2.0 * (V_ij * (0.07692307692307693 * lambda));
        }
    }

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    const real ridge = lambda * (ridge_sum / (real)wines + ridge_sum_2 / 13.0);
    run->loss[0] = error;
    run->loss[1] = ridge;
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t wines = run->dims[0];
    size_t at[3];
    load_offsets(run->dims, at);
    const real *restrict A = run->data[0];
    const uint8_t *restrict A_mask = run->mask[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    const real lambda = run->hyper[0];
    const real sum = *(const real *)ad_at(run->load, at[0]);

    /* masked.ad:19: loss error = sum(mask(A) * (guess - A)^2) / known */
    ad_tree error_sum_total = {0};

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    ad_tree ridge_sum_total = {0};

    for (int64_t w = 0; w < wines; w++) {
        /* masked.ad:16: let guess[wines, n] = U @ V */
        real error_sum_sum[N] = {0};
        for (int64_t i = 0; i < RANK; i++) {
            const real U_wi = U[w * RANK + i];
            /* masked.ad:16: let guess[wines, n] = U @ V */
            for (int64_t j = 0; j < N; j++)
                error_sum_sum[j] += U_wi * V[i * N + j];
            /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
            ad_add(&ridge_sum_total, U_wi * U_wi);
        }
        /* masked.ad:19: loss error = sum(mask(A) * (guess - A)^2) / known */
        for (int64_t j = 0; j < N; j++) {
            const real t = error_sum_sum[j] - A[w * N + j];
            ad_add(&error_sum_total, t * t * (real)A_mask[w * N + j]);
        }
    }

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    const real ridge_sum = ad_total(&ridge_sum_total);

    /* masked.ad:19: loss error = sum(mask(A) * (guess - A)^2) / known */
    const real error_sum = ad_total(&error_sum_total);
    const real error = error_sum / sum;

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    real ridge_sum_2 = 0.0;
    for (int64_t i = 0; i < RANK; i++) {
        for (int64_t j = 0; j < N; j++) {
            const real V_ij = V[i * N + j];
            ridge_sum_2 += V_ij * V_ij;
        }
    }
    const real ridge = lambda * (ridge_sum / (real)wines + ridge_sum_2 / 13.0);
    run->loss[0] = error;
    run->loss[1] = ridge;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t wines = run->dims[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    real *restrict guess = run->output[0];

    /* masked.ad:16: let guess[wines, n] = U @ V */
    for (int64_t w = 0; w < wines; w++) {
        for (int64_t i = 0; i < N; i++)
            guess[w * N + i] = 0.0;
        for (int64_t i = 0; i < RANK; i++) {
            const real U_wi = U[w * RANK + i];
            for (int64_t j = 0; j < N; j++)
                guess[w * N + j] += U_wi * V[i * N + j];
        }
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t wines = run->dims[0];
    size_t at[3];
    load_offsets(run->dims, at);
    const real *restrict A = run->data[0];
    const uint8_t *restrict A_mask = run->mask[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    const real lambda = run->hyper[0];
    const real sum = *(const real *)ad_at(run->load, at[0]);
    unsigned char *work = run->work;
    real *restrict guess_2 = ad_take(&work, sizeof(real), wines * N);

    /* masked.ad:16: let guess[wines, n] = U @ V */
    for (int64_t w = 0; w < wines; w++) {
        for (int64_t i = 0; i < N; i++)
            guess_2[w * N + i] = 0.0;
        for (int64_t i = 0; i < RANK; i++) {
            const real U_wi = U[w * RANK + i];
            for (int64_t j = 0; j < N; j++)
                guess_2[w * N + j] += U_wi * V[i * N + j];
        }
    }
    for (int64_t i = 0; i < wines * N; i++)
        if (!isfinite(guess_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 16, "guess", i, 0, guess_2[i]);
            return;
        }

    /* masked.ad:17: let known = sum(mask(A)) */
    const real known = sum;
    if (!isfinite(known)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 17, "known", 0, 0, known);
        return;
    }

    /* masked.ad:19: loss error = sum(mask(A) * (guess - A)^2) / known */
    ad_tree error_sum_total = {0};
    for (int64_t i = 0; i < wines; i++) {
        for (int64_t j = 0; j < N; j++) {
            const real t = guess_2[i * N + j] - A[i * N + j];
            ad_add(&error_sum_total, t * t * (real)A_mask[i * N + j]);
        }
    }
    const real error_sum = ad_total(&error_sum_total);
    const real error = error_sum / sum;
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 19, "error", 0, 0, error);
        return;
    }

    /* masked.ad:20: loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n) */
    ad_tree ridge_sum_total = {0};
    for (int64_t i = 0; i < wines; i++) {
        for (int64_t j = 0; j < RANK; j++) {
            const real U_ij = U[i * RANK + j];
            ad_add(&ridge_sum_total, U_ij * U_ij);
        }
    }
    const real ridge_sum = ad_total(&ridge_sum_total);
    real ridge_sum_2 = 0.0;
    for (int64_t i = 0; i < RANK; i++) {
        for (int64_t j = 0; j < N; j++) {
            const real V_ij = V[i * N + j];
            ridge_sum_2 += V_ij * V_ij;
        }
    }
    const real ridge = lambda * (ridge_sum / (real)wines + ridge_sum_2 / 13.0);
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
    size_t at[3];
    load_offsets(dims, at);
    return at[2];
}

static size_t work_bytes(const int64_t *dims)
{
    (void)dims;
    return 0;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t wines = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), wines * N);    /* trace: guess_2 */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"wines", AD_DIM_DATA, 0, 0, 8},
    {"n", AD_DIM_FIXED, 13, 0, 8},
    {"rank", AD_DIM_FIXED, 3, 0, 9},
};

static const AdHyper model_hypers[] = {
    {"lambda", 0.03, 10},
};

static const AdData model_data[] = {
    {.name = "A", .line = 12, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_SCALED, .missing = 1, .column_lo = 0, .column_hi = 13, .ncolumns = 0, .columns = NULL},
};

static const AdParam model_params[] = {
    {.name = "U", .line = 13, .rank = 2, .axes = (const int[]){0, 2}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "V", .line = 14, .rank = 2, .axes = (const int[]){2, 1}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 19, 1},
    {"ridge", 20, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "guess", .line = 21, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/wine.csv\"", 23},
    {"optimizer", "lbfgs()", 23},
    {"epochs", "300", 23},
    {"holdout", "cells(A, 0.1)", 23},
};

static const char model_source[] =
    "# A table with holes: fill them in by a factorisation that has seen only the cells that are there.\n"
    "#\n"
    "# Three numbers for every wine and three for every measurement, whose products should give the table. 'mask(A)' is 1\n"
    "# where a cell has a value, so empty ones pull at nothing. One cell in ten of the rest is kept back (holdout): the error in\n"
    "# these says how good the guesses are where nothing is known. Guessing every column's mean would have an error of 1.\n"
    "# Without the ridge, the three numbers of a wine with few measurements could be anything.\n"
    "precision f64\n"
    "dim wines, n\n"
    "dim rank = 3\n"
    "hyper lambda = 0.03\n"
    "\n"
    "data A[wines, n] : scaled missing from columns 0:13\n"
    "param U[wines, rank] ~ normal(0, 0.3)\n"
    "param V[rank, n] ~ normal(0, 0.3)\n"
    "\n"
    "let guess[wines, n] = U @ V\n"
    "let known = sum(mask(A))\n"
    "\n"
    "loss error = sum(mask(A) * (guess - A)^2) / known\n"
    "loss ridge = lambda * (sum(U^2) / wines + sum(V^2) / n)\n"
    "output guess\n"
    "\n"
    "train { data = \"data/wine.csv\"; optimizer = lbfgs(); epochs = 300; holdout = cells(A, 0.1) }\n"
    ;

const AdModel masked_model = {
    .name = "masked", .file = "masked.ad", .source = model_source, .f64 = 1,
    .ndims = 3, .dims = model_dims,
    .nhypers = 1, .hypers = model_hypers,
    .ndata = 1, .data = model_data,
    .nparams = 2, .params = model_params,
    .nlosses = 2, .losses = model_losses,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 4, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &masked_model);
}
#endif
