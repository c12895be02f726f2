/* newton.c: a trainer for newton.ad, made by adc. Build: cc -O3 -march=native newton.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;

enum {
    F = 30,    /* dim f, newton.ad:10 */
    STEPS = 60,    /* dim steps, newton.ad:11 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* newton.ad:17: param w[f] ~ normal(0, 0.1) */
    const real w_a = 0.0;
    const real w_b = 0.1;
    run->draw[0] = w_a;
    run->draw[1] = w_b;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict X = run->data[0];
    const real *restrict w = run->param[0];
    const real lambda = run->hyper[0];
    real *restrict dw = run->grad[0];

    /* backward of newton.ad:20 */
    const real dw_part_2 = lambda * (1.0 / (real)(2 * run->total));
    const real dw_part_part = 1.0 / (real)n;

    /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
    ad_tree J_sum_total = {0};

    /* backward of newton.ad:21 */
    real dw_2[F] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
        real x_sum = 0.0;
        for (int64_t j = 0; j < F; j++)
            x_sum += X[i * F + j] * w[j];
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const bool c_2 = c && x_sum == INFINITY;
        const bool c_3 = y_i != 1 && x_sum == -INFINITY;
        ad_add(&J_sum_total, (c_2 ? 0.0 : (real)(1 - (int64_t)c) * ad_softplus(x_sum)) + (c_3 ? 0.0 : (real)c * ad_softplus(-x_sum)));
        /* backward of newton.ad:20 */
        const real dw_part = (c_2 ? 0.0 : dw_part_part * (real)(1 - (int64_t)c) * ad_sigmoid(x_sum)) + (c_3 ? 0.0 : -(dw_part_part * (real)c * ad_sigmoid(-x_sum)));
        /* backward of newton.ad:21 */
        for (int64_t j = 0; j < F; j++)
            dw_2[j] += X[i * F + j] * dw_part;
    }

    /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
    const real J_sum = ad_total(&J_sum_total);
    real J_sum_2 = 0.0;

    for (int64_t i = 0; i < F; i++) {
        const real w_i = w[i];
        /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
        J_sum_2 += w_i * w_i;
        /* backward of newton.ad:21 */
        dw[i] = dw_2[i] + 2.0 * (w_i * dw_part_2);
    }

    /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
    const real J = J_sum / (real)n + lambda * J_sum_2 / (real)(2 * run->total);
    run->loss[0] = J;
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict X = run->data[0];
    const real *restrict w = run->param[0];
    const real lambda = run->hyper[0];
    unsigned char *work = run->work;
    real *restrict x_sum = ad_take(&work, sizeof(real), n);
    real *restrict dw_part_3 = ad_take(&work, sizeof(real), n);
    real *restrict dw_part_sum = ad_take(&work, sizeof(real), n);

    /* backward of newton.ad:20 */
    const real dw_part_2 = lambda * (1.0 / (real)(2 * run->total));
    const real dw_part_part = 1.0 / (real)n;

    /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
    ad_tree J_sum_total = {0};

    /* backward of newton.ad:21 */
    real dw_2[F] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
        real x_sum_total = 0.0;
        for (int64_t j = 0; j < F; j++)
            x_sum_total += X[i * F + j] * w[j];
        x_sum[i] = x_sum_total;
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const real x_sum_i = x_sum[i];
        const bool c_2 = c && x_sum_i == INFINITY;
        const bool c_3 = y_i != 1 && x_sum_i == -INFINITY;
        ad_add(&J_sum_total, (c_2 ? 0.0 : (real)(1 - (int64_t)c) * ad_softplus(x_sum_i)) + (c_3 ? 0.0 : (real)c * ad_softplus(-x_sum_i)));
        /* backward of newton.ad:20 */
        const real dw_part = (c_2 ? 0.0 : dw_part_part * (real)(1 - (int64_t)c) * ad_sigmoid(x_sum_i)) + (c_3 ? 0.0 : -(dw_part_part * (real)c * ad_sigmoid(-x_sum_i)));
        /* backward of newton.ad:21 */
        for (int64_t j = 0; j < F; j++)
            dw_2[j] += X[i * F + j] * dw_part;
    }

    /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
    const real J_sum = ad_total(&J_sum_total);
    real J_sum_2 = 0.0;

    /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
    real s = 0.0;

    /* backward of newton.ad:21 */
    real g[F];

    for (int64_t i = 0; i < F; i++) {
        const real w_i = w[i];
        /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
        J_sum_2 += w_i * w_i;
        /* backward of newton.ad:21 */
        g[i] = dw_2[i] + 2.0 * (w_i * dw_part_2);
        const real g_i = g[i];
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        s += g_i * g_i;
    }

    /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
    const real J = J_sum / (real)n + lambda * J_sum_2 / (real)(2 * run->total);

    /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
    real v[F];
    for (int64_t i = 0; i < F; i++)
        v[i] = 0.0;

    /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
    real r_prev[F];
    for (int64_t i = 0; i < F; i++)
        r_prev[i] = g[i];

    /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
    real left_over_prev = s;

    /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
    real p_prev[F];
    for (int64_t i = 0; i < F; i++)
        p_prev[i] = g[i];

    /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
    real step_prev[F];
    for (int64_t i = 0; i < F; i++)
        step_prev[i] = v[i];

    for (int64_t t = 0; t < STEPS; t++) {
        /* backward of newton.ad:24 */
        for (int64_t i = 0; i < n; i++) {
            real dw_part_sum_total = 0.0;
            for (int64_t j = 0; j < F; j++)
                dw_part_sum_total += X[i * F + j] * p_prev[j];
            dw_part_sum[i] = dw_part_sum_total;
        }
        /* backward of newton.ad:20 */
        for (int64_t i = 0; i < n; i++) {
            const int64_t y_i = y[i];
            const bool c = y_i == 1;
            const real x_sum_i = x_sum[i];
            const real t_2 = 0.5 * x_sum_i;
            const real dw_part_sum_i = dw_part_sum[i];
            dw_part_3[i] = (c && x_sum_i == INFINITY ? 0.0 : 0.25 * ad_sech2(t_2) * (dw_part_sum_i * (dw_part_part * (real)(1 - (int64_t)c)))) + (y_i != 1 && x_sum_i == -INFINITY ? 0.0 : 0.25 * ad_sech2(-t_2) * (dw_part_sum_i * (dw_part_part * (real)c)));
        }
        /* backward of newton.ad:24 */
        real dw_3[F] = {0};
        for (int64_t i = 0; i < n; i++) {
            const real dw_part_3_i = dw_part_3[i];
            for (int64_t j = 0; j < F; j++)
                dw_3[j] += X[i * F + j] * dw_part_3_i;
        }
        /* newton.ad:24: let Hp[t, f] = hvp(J, w, p[t-1]) */
        real along_sum_part[F];
        for (int64_t i = 0; i < F; i++)
            along_sum_part[i] = dw_3[i] + dw_part_2 * (2.0 * p_prev[i]);
        /* newton.ad:25: let along[t] = where(left_over[t-1] > 0, left_over[t-1] / dot(p[t-1], Hp[t]), 0) */
        real along_sum = 0.0;
        for (int64_t i = 0; i < F; i++)
            along_sum += p_prev[i] * along_sum_part[i];
        const bool c = 0.0 < left_over_prev;
        const real along = c ? left_over_prev / along_sum : 0.0;
        /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
        real step_[F];
        for (int64_t i = 0; i < F; i++)
            step_[i] = step_prev[i] + p_prev[i] * along;
        /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
        real r[F];
        for (int64_t i = 0; i < F; i++)
            r[i] = r_prev[i] - along * along_sum_part[i];
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        real left_over_sum = 0.0;
        for (int64_t i = 0; i < F; i++) {
            const real r_i = r[i];
            left_over_sum += r_i * r_i;
        }
        const real left_over = left_over_sum;
        /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
        real p[F];
        const real t_2 = c ? left_over_sum / left_over_prev : 0.0;
        for (int64_t i = 0; i < F; i++)
            p[i] = r[i] + p_prev[i] * t_2;
        /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
        for (int64_t i = 0; i < F; i++)
            r_prev[i] = r[i];
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        left_over_prev = left_over;
        /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
        for (int64_t i = 0; i < F; i++)
            p_prev[i] = p[i];
        /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
        for (int64_t i = 0; i < F; i++)
            step_prev[i] = step_[i];
    }

    /* newton.ad:33: metric left = dot(step[-1], g) / 2 */
    real left_sum = 0.0;
    for (int64_t i = 0; i < F; i++)
        left_sum += g[i] * step_prev[i];
    const real left = left_sum / 2.0;

    /* newton.ad:34: metric bottom = J - left */
    const real bottom = J - left;

    /* newton.ad:35: metric slope = norm(g) */
    const real slope = s == 0.0 ? 0.0 : sqrt(s);
    run->loss[0] = J;
    run->metric[0] = left;
    run->metric[1] = bottom;
    run->metric[2] = slope;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict w = run->param[0];
    const real lambda = run->hyper[0];
    real *restrict bowl = run->output[0];
    unsigned char *work = run->work;
    real *restrict dw_part = ad_take(&work, sizeof(real), n);
    real *restrict dw_part_sum = ad_take(&work, sizeof(real), n);
    real *restrict dw_part_sum_2 = ad_take(&work, sizeof(real), n);

    /* backward of newton.ad:20 */
    const real along_sum_part_part = lambda * (1.0 / (real)(2 * run->total));
    const real dw_part_part = 1.0 / (real)n;

    /* backward of newton.ad:21 */
    real dw_3[F] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
        real dw_part_sum_total = 0.0;
        for (int64_t j = 0; j < F; j++)
            dw_part_sum_total += w[j] * X[i * F + j];
        dw_part_sum[i] = dw_part_sum_total;
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const real dw_part_sum_i = dw_part_sum[i];
        /* backward of newton.ad:20 */
        const real dw_part_2 = (c && dw_part_sum_i == INFINITY ? 0.0 : dw_part_part * (real)(1 - (int64_t)c) * ad_sigmoid(dw_part_sum_i)) + (y_i != 1 && dw_part_sum_i == -INFINITY ? 0.0 : -(dw_part_part * (real)c * ad_sigmoid(-dw_part_sum_i)));
        /* backward of newton.ad:21 */
        for (int64_t j = 0; j < F; j++)
            dw_3[j] += X[i * F + j] * dw_part_2;
    }

    /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
    real s = 0.0;

    /* backward of newton.ad:21 */
    real g[F];

    for (int64_t i = 0; i < F; i++) {
        /* backward of newton.ad:21 */
        g[i] = dw_3[i] + 2.0 * (w[i] * along_sum_part_part);
        const real g_i = g[i];
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        s += g_i * g_i;
    }

    /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
    real v[F];
    for (int64_t i = 0; i < F; i++)
        v[i] = 0.0;

    /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
    real r_prev[F];
    for (int64_t i = 0; i < F; i++)
        r_prev[i] = g[i];

    /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
    real left_over_prev = s;

    /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
    real p_prev[F];
    for (int64_t i = 0; i < F; i++)
        p_prev[i] = g[i];

    /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
    real step_prev[F];
    for (int64_t i = 0; i < F; i++)
        step_prev[i] = v[i];

    for (int64_t t = 0; t < STEPS; t++) {
        /* backward of newton.ad:24 */
        for (int64_t i = 0; i < n; i++) {
            real dw_part_sum_2_total = 0.0;
            for (int64_t j = 0; j < F; j++)
                dw_part_sum_2_total += p_prev[j] * X[i * F + j];
            dw_part_sum_2[i] = dw_part_sum_2_total;
        }
        /* backward of newton.ad:20 */
        for (int64_t i = 0; i < n; i++) {
            const int64_t y_i = y[i];
            const bool c = y_i == 1;
            const real dw_part_sum_i = dw_part_sum[i];
            const real t_2 = 0.5 * dw_part_sum_i;
            const real dw_part_sum_2_i = dw_part_sum_2[i];
            dw_part[i] = (c && dw_part_sum_i == INFINITY ? 0.0 : 0.25 * ad_sech2(t_2) * (dw_part_sum_2_i * (dw_part_part * (real)(1 - (int64_t)c)))) + (y_i != 1 && dw_part_sum_i == -INFINITY ? 0.0 : 0.25 * ad_sech2(-t_2) * (dw_part_sum_2_i * (dw_part_part * (real)c)));
        }
        /* backward of newton.ad:24 */
        real dw_2[F] = {0};
        for (int64_t i = 0; i < n; i++) {
            const real dw_part_i = dw_part[i];
            for (int64_t j = 0; j < F; j++)
                dw_2[j] += X[i * F + j] * dw_part_i;
        }
        /* newton.ad:24: let Hp[t, f] = hvp(J, w, p[t-1]) */
        real along_sum_part[F];
        for (int64_t i = 0; i < F; i++)
            along_sum_part[i] = dw_2[i] + along_sum_part_part * (2.0 * p_prev[i]);
        /* newton.ad:25: let along[t] = where(left_over[t-1] > 0, left_over[t-1] / dot(p[t-1], Hp[t]), 0) */
        real along_sum = 0.0;
        for (int64_t i = 0; i < F; i++)
            along_sum += p_prev[i] * along_sum_part[i];
        const bool c = 0.0 < left_over_prev;
        const real along = c ? left_over_prev / along_sum : 0.0;
        /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
        real step_[F];
        for (int64_t i = 0; i < F; i++)
            step_[i] = step_prev[i] + p_prev[i] * along;
        /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
        real r[F];
        for (int64_t i = 0; i < F; i++)
            r[i] = r_prev[i] - along * along_sum_part[i];
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        real left_over_sum = 0.0;
        for (int64_t i = 0; i < F; i++) {
            const real r_i = r[i];
            left_over_sum += r_i * r_i;
        }
        const real left_over = left_over_sum;
        /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
        real p[F];
        const real t_2 = c ? left_over_sum / left_over_prev : 0.0;
        for (int64_t i = 0; i < F; i++)
            p[i] = r[i] + p_prev[i] * t_2;
        /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
        for (int64_t i = 0; i < F; i++)
            r_prev[i] = r[i];
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        left_over_prev = left_over;
        /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
        for (int64_t i = 0; i < F; i++)
            p_prev[i] = p[i];
        /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
        for (int64_t i = 0; i < F; i++)
            step_prev[i] = step_[i];
    }

    /* newton.ad:36: output bowl[f] = w - step[-1] */
    for (int64_t i = 0; i < F; i++)
        bowl[i] = w[i] - step_prev[i];
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict X = run->data[0];
    const real *restrict w = run->param[0];
    const real lambda = run->hyper[0];
    unsigned char *work = run->work;
    real *restrict x_sum = ad_take(&work, sizeof(real), n);
    real *restrict dw_part = ad_take(&work, sizeof(real), n);
    real *restrict Hp = ad_take(&work, sizeof(real), (int64_t)STEPS * F);
    real *restrict Hp_part = ad_take(&work, sizeof(real), (int64_t)STEPS * F);
    real *restrict dw_part_3 = ad_take(&work, sizeof(real), n);
    real *restrict dw_part_sum = ad_take(&work, sizeof(real), n);
    real *restrict step_ = ad_take(&work, sizeof(real), (int64_t)STEPS * F);
    real *restrict r = ad_take(&work, sizeof(real), (int64_t)STEPS * F);
    real *restrict p = ad_take(&work, sizeof(real), (int64_t)STEPS * F);

    /* newton.ad:20: let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n)) */
    for (int64_t i = 0; i < n; i++) {
        real x_sum_total = 0.0;
        for (int64_t j = 0; j < F; j++)
            x_sum_total += X[i * F + j] * w[j];
        x_sum[i] = x_sum_total;
    }
    ad_tree J_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const real x_sum_i = x_sum[i];
        ad_add(&J_sum_total, (c && x_sum_i == INFINITY ? 0.0 : (real)(1 - (int64_t)c) * ad_softplus(x_sum_i)) + (y_i != 1 && x_sum_i == -INFINITY ? 0.0 : (real)c * ad_softplus(-x_sum_i)));
    }
    const real J_sum = ad_total(&J_sum_total);
    real J_sum_2 = 0.0;
    for (int64_t i = 0; i < F; i++) {
        const real w_i = w[i];
        J_sum_2 += w_i * w_i;
    }
    const real J = J_sum / (real)n + lambda * J_sum_2 / (real)(2 * run->total);
    if (!isfinite(J)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 20, "J", 0, 0, J);
        return;
    }
    if (!isfinite(J)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 32, "J", 0, 0, J);
        return;
    }

    /* backward of newton.ad:20 */
    const real dw_part_part = 1.0 / (real)n;
    for (int64_t i = 0; i < n; i++) {
        const int64_t y_i = y[i];
        const bool c = y_i == 1;
        const real x_sum_i = x_sum[i];
        dw_part[i] = (c && x_sum_i == INFINITY ? 0.0 : dw_part_part * (real)(1 - (int64_t)c) * ad_sigmoid(x_sum_i)) + (y_i != 1 && x_sum_i == -INFINITY ? 0.0 : -(dw_part_part * (real)c * ad_sigmoid(-x_sum_i)));
    }

    /* backward of newton.ad:21 */
    real dw_2[F] = {0};
    for (int64_t i = 0; i < n; i++) {
        const real dw_part_i = dw_part[i];
        for (int64_t j = 0; j < F; j++)
            dw_2[j] += X[i * F + j] * dw_part_i;
    }

    /* backward of newton.ad:20 */
    const real dw_part_2 = lambda * (1.0 / (real)(2 * run->total));

    /* backward of newton.ad:21 */
    real g[F];
    for (int64_t i = 0; i < F; i++)
        g[i] = dw_2[i] + 2.0 * (w[i] * dw_part_2);
    for (int64_t i = 0; i < F; i++)
        if (!isfinite(g[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 21, "g", i, 0, g[i]);
            return;
        }

    /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
    real s = 0.0;
    for (int64_t i = 0; i < F; i++) {
        const real g_i = g[i];
        s += g_i * g_i;
    }

    /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
    real v[F];
    for (int64_t i = 0; i < F; i++)
        v[i] = 0.0;

    /* newton.ad:25: let along[t] = where(left_over[t-1] > 0, left_over[t-1] / dot(p[t-1], Hp[t]), 0) */
    real along[STEPS];

    /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
    real left_over[STEPS];

    for (int64_t t = 0; t < STEPS; t++) {
        /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
        const real *p_prev = 0 < t ? &p[(t - 1) * F] : g;
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        const real left_over_prev = 0 < t ? left_over[t - 1] : s;
        /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
        const real *step_prev = 0 < t ? &step_[(t - 1) * F] : v;
        /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
        const real *r_prev = 0 < t ? &r[(t - 1) * F] : g;
        /* backward of newton.ad:24 */
        for (int64_t i = 0; i < n; i++) {
            real dw_part_sum_total = 0.0;
            for (int64_t j = 0; j < F; j++)
                dw_part_sum_total += X[i * F + j] * p_prev[j];
            dw_part_sum[i] = dw_part_sum_total;
        }
        /* backward of newton.ad:20 */
        for (int64_t i = 0; i < n; i++) {
            const int64_t y_i = y[i];
            const bool c = y_i == 1;
            const real x_sum_i = x_sum[i];
            const real t_2 = 0.5 * x_sum_i;
            const real dw_part_sum_i = dw_part_sum[i];
            dw_part_3[i] = (c && x_sum_i == INFINITY ? 0.0 : 0.25 * ad_sech2(t_2) * (dw_part_sum_i * (dw_part_part * (real)(1 - (int64_t)c)))) + (y_i != 1 && x_sum_i == -INFINITY ? 0.0 : 0.25 * ad_sech2(-t_2) * (dw_part_sum_i * (dw_part_part * (real)c)));
        }
        /* backward of newton.ad:24 */
        real dw_3[F] = {0};
        for (int64_t i = 0; i < n; i++) {
            const real dw_part_3_i = dw_part_3[i];
            for (int64_t j = 0; j < F; j++)
                dw_3[j] += X[i * F + j] * dw_part_3_i;
        }
        /* newton.ad:24: let Hp[t, f] = hvp(J, w, p[t-1]) */
        for (int64_t i = 0; i < F; i++)
            Hp_part[t * F + i] = dw_3[i] + dw_part_2 * (2.0 * p_prev[i]);
        /* newton.ad:25: let along[t] = where(left_over[t-1] > 0, left_over[t-1] / dot(p[t-1], Hp[t]), 0) */
        real along_sum = 0.0;
        for (int64_t i = 0; i < F; i++)
            along_sum += Hp_part[t * F + i] * p_prev[i];
        const bool c = 0.0 < left_over_prev;
        along[t] = c ? left_over_prev / along_sum : 0.0;
        const real along_t = along[t];
        /* newton.ad:26: let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i] */
        for (int64_t i = 0; i < F; i++)
            step_[t * F + i] = step_prev[i] + p_prev[i] * along_t;
        /* newton.ad:27: let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i] */
        for (int64_t i = 0; i < F; i++)
            r[t * F + i] = r_prev[i] - Hp_part[t * F + i] * along_t;
        /* newton.ad:28: let left_over[t] from dot(g, g) = dot(r[t], r[t]) */
        real left_over_sum = 0.0;
        for (int64_t i = 0; i < F; i++) {
            const real r_ti = r[t * F + i];
            left_over_sum += r_ti * r_ti;
        }
        left_over[t] = left_over_sum;
        const real t_2 = c ? left_over_sum / left_over_prev : 0.0;
        /* newton.ad:29: let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i] */
        for (int64_t i = 0; i < F; i++)
            p[t * F + i] = r[t * F + i] + p_prev[i] * t_2;
    }
    for (int64_t i = 0; i < STEPS; i++)
        if (!isfinite(along[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 25, "along", i, 0, along[i]);
            return;
        }
    for (int64_t i = 0; i < (int64_t)STEPS * F; i++)
        if (!isfinite(step_[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 26, "step", i, 0, step_[i]);
            return;
        }
    for (int64_t i = 0; i < (int64_t)STEPS * F; i++)
        if (!isfinite(r[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 27, "r", i, 0, r[i]);
            return;
        }
    for (int64_t i = 0; i < STEPS; i++)
        if (!isfinite(left_over[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 28, "left_over", i, 0, left_over[i]);
            return;
        }
    for (int64_t i = 0; i < (int64_t)STEPS * F; i++)
        if (!isfinite(p[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 29, "p", i, 0, p[i]);
            return;
        }

    /* newton.ad:24: let Hp[t, f] = hvp(J, w, p[t-1]) */
    for (int64_t t = 0; t < STEPS; t++)
        for (int64_t i = 0; i < F; i++)
            Hp[t * F + i] = Hp_part[t * F + i];
    for (int64_t i = 0; i < (int64_t)STEPS * F; i++)
        if (!isfinite(Hp[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 24, "Hp", i, 0, Hp[i]);
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
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n);    /* eval: x_sum */
    used = ad_room(used, sizeof(real), n);    /* eval: dw_part_3 */
    used = ad_room(used, sizeof(real), n);    /* eval: dw_part_sum */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), n);    /* output: dw_part */
    used = ad_room(used, sizeof(real), n);    /* output: dw_part_sum */
    used = ad_room(used, sizeof(real), n);    /* output: dw_part_sum_2 */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n);    /* trace: x_sum */
    used = ad_room(used, sizeof(real), n);    /* trace: dw_part */
    used = ad_room(used, sizeof(real), (int64_t)STEPS * F);    /* trace: Hp */
    used = ad_room(used, sizeof(real), (int64_t)STEPS * F);    /* trace: Hp_part */
    used = ad_room(used, sizeof(real), n);    /* trace: dw_part_3 */
    used = ad_room(used, sizeof(real), n);    /* trace: dw_part_sum */
    used = ad_room(used, sizeof(real), (int64_t)STEPS * F);    /* trace: step_ */
    used = ad_room(used, sizeof(real), (int64_t)STEPS * F);    /* trace: r */
    used = ad_room(used, sizeof(real), (int64_t)STEPS * F);    /* trace: p */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 10},
    {"f", AD_DIM_FIXED, 30, 0, 10},
    {"kinds", AD_DIM_IDS, 0, 0, 10},
    {"steps", AD_DIM_FIXED, 60, 0, 11},
};

static const AdHyper model_hypers[] = {
    {"lambda", 1.0, 12},
};

static const AdData model_data[] = {
    {.name = "X", .line = 14, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_SCALED, .missing = 0, .column_lo = 0, .column_hi = 30, .ncolumns = 0, .columns = NULL},
    {.name = "y", .line = 15, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"diagnosis"}},
};

static const AdParam model_params[] = {
    {.name = "w", .line = 17, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"J", 32, 1},
};

static const AdScalar model_metrics[] = {
    {"left", 33, 1},
    {"bottom", 34, 1},
    {"slope", 35, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "bowl", .line = 36, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){1}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/cancer.csv\"", 38},
    {"optimizer", "lbfgs()", 38},
    {"epochs", "100", 38},
};

static const char model_source[] =
    "# How far is it to the bottom? Newton's step, and with it a measure of convergence, from products with the Hessian.\n"
    "#\n"
    "# The loss is that of logistic.ad. Near its minimum it is a bowl: with gradient g and Hessian H the bottom is at w - step,\n"
    "# H step = g, and lies step'g / 2 below. 'hvp' multiplies by H without writing it down, for about the price of two gradients,\n"
    "# and the method of conjugate gradients solves the equation by such products alone (Hestenes and Stiefel 1952; for\n"
    "# optimisation, Martens 2010). So 'metric left' says, at any time, how much there is still to gain. Stop early and look:\n"
    "#\n"
    "#     adc run models/newton.ad -- --epochs 20\n"
    "precision f64\n"
    "dim n batch, f, kinds\n"
    "dim steps = 60\n"
    "hyper lambda = 1\n"
    "\n"
    "data X[n, f] : scaled from columns 0:30\n"
    "data y[n] : index(kinds) from column \"diagnosis\"\n"
    "\n"
    "param w[f] ~ normal(0, 0.1)\n"
    "\n"
    "let malignant[n] = y == 1\n"
    "let J = bce(X @ w, malignant) + lambda * sum(w^2) / (2 * total(n))\n"
    "let g[f] = grad(J, w)\n"
    "\n"
    "scan t in steps {\n"
    "    let Hp[t, f] = hvp(J, w, p[t-1])\n"
    "    let along[t] = where(left_over[t-1] > 0, left_over[t-1] / dot(p[t-1], Hp[t]), 0)\n"
    "    let step[t, i in f] from 0 = step[t-1, i] + along[t] * p[t-1, i]\n"
    "    let r[t, i in f] from g = r[t-1, i] - along[t] * Hp[t, i]\n"
    "    let left_over[t] from dot(g, g) = dot(r[t], r[t])\n"
    "    let p[t, i in f] from g = r[t, i] + where(left_over[t-1] > 0, left_over[t] / left_over[t-1], 0) * p[t-1, i]\n"
    "}\n"
    "\n"
    "loss J\n"
    "metric left = dot(step[-1], g) / 2\n"
    "metric bottom = J - left\n"
    "metric slope = norm(g)\n"
    "output bowl[f] = w - step[-1]\n"
    "\n"
    "train { data = \"data/cancer.csv\"; optimizer = lbfgs(); epochs = 100 }\n"
    ;

const AdModel newton_model = {
    .name = "newton", .file = "newton.ad", .source = model_source, .f64 = 1,
    .ndims = 4, .dims = model_dims,
    .nhypers = 1, .hypers = model_hypers,
    .ndata = 2, .data = model_data,
    .nparams = 1, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 3, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 3, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &newton_model);
}
#endif
