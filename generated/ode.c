/* ode.c: a trainer for ode.ad, made by adc. Build: cc -O3 -march=native ode.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;

enum {
    N = 100,    /* dim n, ode.ad:10 */
    H = 16,    /* dim h, ode.ad:10 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* ode.ad:15: param w[h] ~ normal(0, 1) */
    const real w_a = 0.0;
    const real w_b = 1.0;

    /* ode.ad:16: param c[h] ~ uniform(-3, 3) */
    const real c_a = -3.0;
    const real c_b = 3.0;
    run->draw[0] = w_a;
    run->draw[1] = w_b;
    run->draw[4] = c_a;
    run->draw[5] = c_b;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const real *restrict w = run->param[0];
    const real *restrict c = run->param[1];
    const real *restrict v = run->param[2];
    real *restrict dw = run->grad[0];
    real *restrict dc = run->grad[1];
    real *restrict dv = run->grad[2];

    /* ode.ad:32: loss equation = mean(residual^2) */
    real equation_sum = 0.0;

    /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
    real residual[N];
    real t[N];

    /* backward of ode.ad:19 */
    real dw_part_2[N];
    real dw_part_4[N];

    /* backward of ode.ad:21 */
    real dw_part_part[N];

    /* backward of ode.ad:19 */
    real dw_part_5[N];

    for (int64_t i = 0; i < N; i++) {
        /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
        t[i] = (real)(6 * i) / 99.0;
        /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
        real residual_sum = 0.0;
        /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
        real dt_sum_2 = 0.0;
        real dt_sum = 0.0;
        /* ode.ad:21: fn velocity(t[]) = grad(u(t), t) */
        real residual_part_sum = 0.0;
        const real t_i = t[i];
        const real t_2 = t_i * t_i;
        const real t_3 = 2.0 * t_i;
        for (int64_t j = 0; j < H; j++) {
            const real w_j = w[j];
            const real t_4 = c[j] + w_j * t_i;
            /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
            const real dt_sum_part_2 = ad_tanh(t_4);
            const real v_j = v[j];
            residual_sum += v_j * dt_sum_part_2;
            /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
            const real dt_sum_part = ad_sech2(t_4);
            const real t_5 = v_j * t_2;
            const real t_6 = t_i * (v_j * (w_j * dt_sum_part));
            dt_sum_2 += w_j * (-2.0 * (dt_sum_part * dt_sum_part_2) * (w_j * t_5)) + t_6 + t_6;
            dt_sum += w_j * (dt_sum_part * (v_j * t_3));
            /* ode.ad:21: fn velocity(t[]) = grad(u(t), t) */
            residual_part_sum += w_j * (dt_sum_part * t_5);
        }
        /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
        residual[i] = dt_sum + (dt_sum_2 + 2.0 * residual_sum) + 0.6 * (residual_part_sum + 2.0 * (t_i * residual_sum)) + 4.0 * (residual_sum * t_2 + 1.0);
        const real residual_i = residual[i];
        /* ode.ad:32: loss equation = mean(residual^2) */
        equation_sum += residual_i * residual_i;
        const real t_4 = 2.0 * (0.01 * residual_i);
        /* backward of ode.ad:19 */
        dw_part_5[i] = 4.0 * t_4 * t_2;
        /* backward of ode.ad:21 */
        dw_part_part[i] = 0.6 * t_4;
        /* backward of ode.ad:19 */
        dw_part_4[i] = t_i * (2.0 * dw_part_part[i]);
        dw_part_2[i] = 2.0 * t_4;
    }

    /* ode.ad:32: loss equation = mean(residual^2) */
    const real equation = equation_sum / 1e2;

    for (int64_t i = 0; i < H; i++) {
        /* backward of ode.ad:32 */
        real dw_6 = 0.0;
        real dc_6 = 0.0;
        real dv_6 = 0.0;
        real dc_7 = 0.0;
        real dv_7 = 0.0;
        real dw_7 = 0.0;
        real dw_5 = 0.0;
        real dc_5 = 0.0;
        real dv_5 = 0.0;
        real dc_4 = 0.0;
        real dv_4 = 0.0;
        real dw_4 = 0.0;
        real dv_3 = 0.0;
        real dc_3 = 0.0;
        real dw_3 = 0.0;
        real dw_2 = 0.0;
        real dc_2 = 0.0;
        real dv_2 = 0.0;
        const real c_i = c[i];
        const real w_i = w[i];
        const real v_i = v[i];
        for (int64_t j = 0; j < N; j++) {
            const real t_j = t[j];
            const real t_2 = c_i + w_i * t_j;
            /* ode.ad:32: loss equation = mean(residual^2) */
            const real dw_part = ad_sech2(t_2);
            const real dw_part_5_j = dw_part_5[j];
            const real t_3 = dw_part * (v_i * dw_part_5_j);
            /* backward of ode.ad:32 */
            dw_6 += t_j * t_3;
            dc_6 += t_3;
            /* ode.ad:32: loss equation = mean(residual^2) */
            const real dw_part_3 = ad_tanh(t_2);
            /* backward of ode.ad:32 */
            dv_6 += dw_part_3 * dw_part_5_j;
            const real t_4 = -2.0 * (dw_part * dw_part_3);
            const real dw_part_part_j = dw_part_part[j];
            const real t_5 = w_i * dw_part_part_j;
            const real t_6 = t_j * t_j;
            const real t_7 = v_i * t_6;
            const real t_8 = t_4 * (t_5 * t_7);
            dc_7 += t_8;
            dv_7 += t_6 * (dw_part * t_5);
            dw_7 += t_j * t_8 + dw_part_part_j * (dw_part * t_7);
            const real dw_part_4_j = dw_part_4[j];
            const real t_9 = dw_part * (v_i * dw_part_4_j);
            dw_5 += t_j * t_9;
            dc_5 += t_9;
            dv_5 += dw_part_3 * dw_part_4_j;
            const real t_10 = 2.0 * (0.01 * residual[j]);
            const real t_11 = w_i * t_10;
            const real t_12 = 2.0 * t_j;
            const real t_13 = v_i * t_12;
            const real t_14 = t_4 * (t_11 * t_13);
            dc_4 += t_14;
            dv_4 += t_12 * (dw_part * t_11);
            dw_4 += t_j * t_14 + t_10 * (dw_part * t_13);
            const real t_15 = t_j * (2.0 * t_10);
            const real t_16 = t_4 * t_11;
            dv_3 += w_i * dw_part * t_15 + w_i * t_16 * t_6;
            const real t_17 = w_i * t_7;
            const real t_18 = -2.0 * (t_11 * t_17);
            const real t_19 = v_i * t_15;
            const real t_20 = dw_part * (dw_part * t_18) + (w_i * t_19 + dw_part_3 * t_18) * t_4;
            dc_3 += t_20;
            dw_3 += dw_part * t_19 + t_10 * (t_4 * t_17) + t_7 * t_16 + t_j * t_20;
            const real dw_part_2_j = dw_part_2[j];
            const real t_21 = dw_part * (v_i * dw_part_2_j);
            dw_2 += t_j * t_21;
            dc_2 += t_21;
            dv_2 += dw_part_2_j * dw_part_3;
        }
        /* backward of ode.ad:15 */
        dw[i] = dw_2 + (dw_3 + (dw_4 + (dw_5 + (dw_6 + dw_7))));
        /* backward of ode.ad:16 */
        dc[i] = dc_2 + (dc_3 + (dc_4 + (dc_5 + (dc_6 + dc_7))));
        /* backward of ode.ad:17 */
        dv[i] = dv_2 + (dv_3 + (dv_4 + (dv_5 + (dv_6 + dv_7))));
    }
    run->loss[0] = equation;
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const real *restrict w = run->param[0];
    const real *restrict c = run->param[1];
    const real *restrict v = run->param[2];

    /* ode.ad:32: loss equation = mean(residual^2) */
    real equation_sum = 0.0;

    for (int64_t i = 0; i < N; i++) {
        /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
        const real t = (real)(6 * i) / 99.0;
        /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
        real residual_sum = 0.0;
        /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
        real dt_sum_2 = 0.0;
        real dt_sum = 0.0;
        /* ode.ad:21: fn velocity(t[]) = grad(u(t), t) */
        real residual_part_sum = 0.0;
        const real t_3 = t * t;
        for (int64_t j = 0; j < H; j++) {
            const real w_j = w[j];
            const real t_4 = c[j] + w_j * t;
            /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
            const real dt_sum_part_2 = ad_tanh(t_4);
            const real v_j = v[j];
            residual_sum += v_j * dt_sum_part_2;
            /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
            const real dt_sum_part = ad_sech2(t_4);
            const real t_5 = v_j * t_3;
            const real t_6 = t * (v_j * (w_j * dt_sum_part));
            dt_sum_2 += w_j * (-2.0 * (dt_sum_part * dt_sum_part_2) * (w_j * t_5)) + t_6 + t_6;
            dt_sum += w_j * (dt_sum_part * (v_j * (2.0 * t)));
            /* ode.ad:21: fn velocity(t[]) = grad(u(t), t) */
            residual_part_sum += w_j * (dt_sum_part * t_5);
        }
        const real t_4 = dt_sum + (dt_sum_2 + 2.0 * residual_sum) + 0.6 * (residual_part_sum + 2.0 * (t * residual_sum)) + 4.0 * (residual_sum * t_3 + 1.0);
        /* ode.ad:32: loss equation = mean(residual^2) */
        equation_sum += t_4 * t_4;
    }

    /* ode.ad:32: loss equation = mean(residual^2) */
    const real equation = equation_sum / 1e2;

    /* ode.ad:33: metric error = max[i in 10 * n] abs(u(end * i / (10 * n - 1)) - exact(end * i / (10 * n - 1))) */
    real error = -INFINITY;

    for (int64_t i = 0; i < 1000; i++) {
        /* ode.ad:33: metric error = max[i in 10 * n] abs(u(end * i / (10 * n - 1)) - exact(end * i / (10 * n - 1))) */
        const real t_2 = (real)(6 * i) / 999.0;
        /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
        real error_max_sum = 0.0;
        for (int64_t j = 0; j < H; j++)
            error_max_sum += v[j] * ad_tanh(c[j] + w[j] * t_2);
        const real t_3 = 1.977371993328519 * t_2;
        /* ode.ad:33: metric error = max[i in 10 * n] abs(u(end * i / (10 * n - 1)) - exact(end * i / (10 * n - 1))) */
        error = ad_max(error, fabs(error_max_sum * (t_2 * t_2) + 1.0 - (0.15171652122725207 * sin(t_3) + cos(t_3)) * ad_exp(-(0.3 * t_2))));
    }
    run->loss[0] = equation;
    run->metric[0] = error;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const real *restrict v = run->param[2];
    const real *restrict c = run->param[1];
    const real *restrict w = run->param[0];
    real *restrict path = run->output[0];

    for (int64_t i = 0; i < N; i++) {
        /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
        const real t = (real)(6 * i) / 99.0;
        /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
        real path_sum = 0.0;
        for (int64_t j = 0; j < H; j++)
            path_sum += v[j] * ad_tanh(c[j] + w[j] * t);
        /* ode.ad:34: let path[i in n] = u(end * i / (n - 1)) */
        path[i] = path_sum * (t * t) + 1.0;
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const real *restrict w = run->param[0];
    const real *restrict c = run->param[1];
    const real *restrict v = run->param[2];
    unsigned char *work = run->work;
    real *restrict dt_sum_part = ad_take(&work, sizeof(real), (int64_t)N * H);
    real *restrict dt_sum_part_2 = ad_take(&work, sizeof(real), (int64_t)N * H);

    /* ode.ad:11: let a = 0.3 */
    const real a = 0.3;
    if (!isfinite(a)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 11, "a", 0, 0, a);
        return;
    }

    /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
    real t[N];
    for (int64_t i = 0; i < N; i++)
        t[i] = (real)(6 * i) / 99.0;

    /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
    for (int64_t i = 0; i < N; i++) {
        const real t_i = t[i];
        for (int64_t j = 0; j < H; j++)
            dt_sum_part[i * H + j] = ad_sech2(c[j] + w[j] * t_i);
    }
    real dt_sum[N];
    for (int64_t i = 0; i < N; i++) {
        real dt_sum_total = 0.0;
        const real t_2 = 2.0 * t[i];
        for (int64_t j = 0; j < H; j++)
            dt_sum_total += w[j] * (dt_sum_part[i * H + j] * (v[j] * t_2));
        dt_sum[i] = dt_sum_total;
    }

    /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
    for (int64_t i = 0; i < N; i++) {
        const real t_i = t[i];
        for (int64_t j = 0; j < H; j++)
            dt_sum_part_2[i * H + j] = ad_tanh(c[j] + w[j] * t_i);
    }

    /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
    real dt_sum_2[N];
    for (int64_t i = 0; i < N; i++) {
        real dt_sum_2_total = 0.0;
        const real t_i = t[i];
        const real t_2 = t_i * t_i;
        for (int64_t j = 0; j < H; j++) {
            const real w_j = w[j];
            const real dt_sum_part_ij = dt_sum_part[i * H + j];
            const real v_j = v[j];
            const real t_3 = t_i * (v_j * (w_j * dt_sum_part_ij));
            dt_sum_2_total += w_j * (-2.0 * (dt_sum_part_ij * dt_sum_part_2[i * H + j]) * (w_j * (v_j * t_2))) + t_3 + t_3;
        }
        dt_sum_2[i] = dt_sum_2_total;
    }

    /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
    real residual_sum[N];
    for (int64_t i = 0; i < N; i++) {
        real residual_sum_total = 0.0;
        for (int64_t j = 0; j < H; j++)
            residual_sum_total += v[j] * dt_sum_part_2[i * H + j];
        residual_sum[i] = residual_sum_total;
    }

    /* ode.ad:21: fn velocity(t[]) = grad(u(t), t) */
    real residual_part_sum[N];
    for (int64_t i = 0; i < N; i++) {
        real residual_part_sum_total = 0.0;
        const real t_i = t[i];
        const real t_2 = t_i * t_i;
        for (int64_t j = 0; j < H; j++)
            residual_part_sum_total += w[j] * (dt_sum_part[i * H + j] * (v[j] * t_2));
        residual_part_sum[i] = residual_part_sum_total;
    }

    /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
    real residual[N];
    for (int64_t i = 0; i < N; i++) {
        const real residual_sum_i = residual_sum[i];
        const real t_i = t[i];
        residual[i] = dt_sum[i] + (dt_sum_2[i] + 2.0 * residual_sum_i) + 0.6 * (residual_part_sum[i] + 2.0 * (t_i * residual_sum_i)) + 4.0 * (residual_sum_i * (t_i * t_i) + 1.0);
    }
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(residual[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 30, "residual", i, 0, residual[i]);
            return;
        }

    /* ode.ad:34: let path[i in n] = u(end * i / (n - 1)) */
    real path_2[N];
    for (int64_t i = 0; i < N; i++) {
        const real t_i = t[i];
        path_2[i] = residual_sum[i] * (t_i * t_i) + 1.0;
    }
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(path_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 34, "path", i, 0, path_2[i]);
            return;
        }

    /* ode.ad:32: loss equation = mean(residual^2) */
    real equation_sum = 0.0;
    for (int64_t i = 0; i < N; i++) {
        const real residual_i = residual[i];
        equation_sum += residual_i * residual_i;
    }
    const real equation = equation_sum / 1e2;
    if (!isfinite(equation)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 32, "equation", 0, 0, equation);
        return;
    }
}

/* Residuals and their Jacobian. */
static void jacobian(AdRun *run)
{
    const real *restrict w = run->param[0];
    const real *restrict c = run->param[1];
    const real *restrict v = run->param[2];
    real *restrict residual_out = run->output[1];
    real *restrict jacobian_out = run->output[2];
    unsigned char *work = run->work;
    real *restrict jacobian_part = ad_take(&work, sizeof(real), (int64_t)N * H);
    real *restrict dv_part_2 = ad_take(&work, sizeof(real), (int64_t)H * N);
    real *restrict dv_part_3 = ad_take(&work, sizeof(real), (int64_t)N * N);
    real *restrict dv_part_part = ad_take(&work, sizeof(real), (int64_t)N * N);
    real *restrict dv_part_4 = ad_take(&work, sizeof(real), (int64_t)N * N);
    real *restrict jacobian_part_2 = ad_take(&work, sizeof(real), (int64_t)N * H);
    real *restrict dw_2 = ad_take(&work, sizeof(real), (int64_t)H * N);
    real *restrict dw_3 = ad_take(&work, sizeof(real), (int64_t)H * N);
    real *restrict dw_4 = ad_take(&work, sizeof(real), (int64_t)H * N);

    /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
    real t[N];

    for (int64_t i = 0; i < N; i++) {
        /* ode.ad:30: let residual[i in n] = equation_at(end * i / (n - 1)) */
        t[i] = (real)(6 * i) / 99.0;
        /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
        real residual_sum = 0.0;
        /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
        real dt_sum_2 = 0.0;
        real dt_sum = 0.0;
        /* ode.ad:21: fn velocity(t[]) = grad(u(t), t) */
        real residual_part_sum = 0.0;
        const real t_i = t[i];
        const real t_2 = t_i * t_i;
        const real t_3 = 2.0 * t_i;
        for (int64_t j = 0; j < H; j++) {
            const real w_j = w[j];
            const real t_4 = c[j] + w_j * t_i;
            /* ode.ad:19: fn net(t[]) = sum(v * tanh(w * t + c)) */
            const real dt_sum_part_2 = ad_tanh(t_4);
            const real v_j = v[j];
            residual_sum += v_j * dt_sum_part_2;
            /* ode.ad:22: fn acceleration(t[]) = grad(velocity(t), t) */
            const real dt_sum_part = ad_sech2(t_4);
            const real t_5 = v_j * t_2;
            const real t_6 = t_i * (v_j * (w_j * dt_sum_part));
            dt_sum_2 += w_j * (-2.0 * (dt_sum_part * dt_sum_part_2) * (w_j * t_5)) + t_6 + t_6;
            dt_sum += w_j * (dt_sum_part * (v_j * t_3));
            /* ode.ad:21: fn velocity(t[]) = grad(u(t), t) */
            residual_part_sum += w_j * (dt_sum_part * t_5);
        }
        /* ode.ad:32: loss equation = mean(residual^2) */
        residual_out[i] = 0.1 * (dt_sum + (dt_sum_2 + 2.0 * residual_sum) + 0.6 * (residual_part_sum + 2.0 * (t_i * residual_sum)) + 4.0 * (residual_sum * t_2 + 1.0));
        const real t_4 = 0.4 * t_2;
        for (int64_t j = 0; j < N; j++) {
            /* backward of ode.ad:19 */
            dv_part_4[i * N + j] = i == j ? t_4 : 0.0;
            /* backward of ode.ad:21 */
            dv_part_part[i * N + j] = i == j ? 0.06 : 0.0;
            /* backward of ode.ad:19 */
            dv_part_3[i * N + j] = i == j ? t_i * (2.0 * dv_part_part[i * N + j]) : 0.0;
        }
    }

    for (int64_t i = 0; i < H; i++) {
        /* backward of ode.ad:32 */
        for (int64_t j = 0; j < N; j++)
            dw_4[i * N + j] = 0.0;
        /* ode.ad:32: loss equation = mean(residual^2) */
        real dv_part[N];
        const real c_i = c[i];
        const real w_i = w[i];
        const real v_i = v[i];
        for (int64_t j = 0; j < N; j++) {
            const real t_j = t[j];
            const real t_2 = c_i + w_i * t_j;
            /* ode.ad:32: loss equation = mean(residual^2) */
            dv_part_2[i * N + j] = ad_sech2(t_2);
            dv_part[j] = ad_tanh(t_2);
            const real dv_part_2_ij = dv_part_2[i * N + j];
            const real t_3 = -2.0 * (dv_part[j] * dv_part_2_ij);
            const real t_4 = v_i * (t_j * t_j);
            const real t_5 = dv_part_2_ij * t_4;
            /* backward of ode.ad:32 */
            for (int64_t k = 0; k < N; k++) {
                const real dv_part_part_jk = dv_part_part[j * N + k];
                dw_4[i * N + k] += (j == k ? t_j * (t_3 * (w_i * dv_part_part_jk * t_4)) : 0.0) + (j == k ? dv_part_part_jk * t_5 : 0.0);
            }
        }
        const real t_2 = 0.1 * w_i;
        const real t_3 = 0.2 * v_i;
        for (int64_t j = 0; j < N; j++) {
            /* backward of ode.ad:32 */
            real dw_3_total = 0.0;
            real dv_2 = 0.0;
            real dc_2 = 0.0;
            real dw_2_total = 0.0;
            for (int64_t k = 0; k < N; k++) {
                const real dv_part_2_ik = dv_part_2[i * N + k];
                const real t_k = t[k];
                const real t_4 = v_i * (2.0 * t_k);
                const real dv_part_k = dv_part[k];
                const real t_5 = -2.0 * (dv_part_k * dv_part_2_ik);
                dw_3_total += (j == k ? 0.1 * (dv_part_2_ik * t_4) : 0.0) + (j == k ? t_k * (t_5 * (t_2 * t_4)) : 0.0);
                const real t_6 = t_k * (2.0 * (j == k ? 0.1 : 0.0));
                const real t_7 = t_5 * t_2;
                const real t_8 = t_k * t_k;
                dv_2 += w_i * dv_part_2_ik * t_6 + (j == k ? w_i * t_7 * t_8 : 0.0);
                const real t_9 = v_i * t_6;
                const real t_10 = v_i * t_8;
                const real t_11 = w_i * t_10;
                const real t_12 = -2.0 * (t_2 * t_11);
                const real t_13 = (w_i * t_9 + (j == k ? dv_part_k * t_12 : 0.0)) * t_5 + (j == k ? dv_part_2_ik * (dv_part_2_ik * t_12) : 0.0);
                dc_2 += t_13;
                dw_2_total += dv_part_2_ik * t_9 + (j == k ? 0.1 * (t_5 * t_11) : 0.0) + (j == k ? t_10 * t_7 : 0.0) + t_k * t_13;
            }
            dw_3[i * N + j] = dw_3_total;
            dw_2[i * N + j] = dw_2_total;
            const real dv_part_2_ij = dv_part_2[i * N + j];
            const real dv_part_4_jj = dv_part_4[j * N + j];
            const real dv_part_j = dv_part[j];
            const real t_4 = -2.0 * (dv_part_j * dv_part_2_ij);
            const real t_5 = w_i * dv_part_part[j * N + j];
            const real t_j = t[j];
            const real t_6 = t_j * t_j;
            const real dv_part_3_jj = dv_part_3[j * N + j];
            const real t_7 = 2.0 * t_j;
            /* ode.ad:32: loss equation = mean(residual^2) */
            jacobian_part_2[j * H + i] = dc_2 + (dv_part_2_ij * (v_i * dv_part_4_jj) + t_4 * (t_5 * (v_i * t_6)) + dv_part_2_ij * (v_i * dv_part_3_jj) + t_4 * (t_2 * (v_i * t_7))) + dv_part_2_ij * t_3;
            jacobian_part[j * H + i] = dv_2 + (dv_part_j * dv_part_4_jj + t_6 * (dv_part_2_ij * t_5) + dv_part_j * dv_part_3_jj + t_7 * (dv_part_2_ij * t_2)) + 0.2 * dv_part_j;
        }
    }

    /* ode.ad:32: loss equation = mean(residual^2) */
    for (int64_t j = 0; j < 48; j++) {
        for (int64_t i = 0; i < N; i++) {
            const real t_i = t[i];
            jacobian_out[i * 48 + j] = 32 <= j ? jacobian_part[i * H + j - 32] : 16 <= j && j < 32 ? jacobian_part_2[i * H + j - 16] : j < 16 ? dw_2[j * N + i] + (dw_3[j * N + i] + (dw_4[j * N + i] + t_i * (dv_part_2[j * N + i] * (dv_part_4[i * N + i] * v[j])) + t_i * (dv_part_2[j * N + i] * (dv_part_3[i * N + i] * v[j])))) + t_i * (dv_part_2[j * N + i] * (0.2 * v[j])) : 0.0;
        }
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
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), (int64_t)N * H);    /* jacobian: jacobian_part */
    used = ad_room(used, sizeof(real), (int64_t)H * N);    /* jacobian: dv_part_2 */
    used = ad_room(used, sizeof(real), (int64_t)N * N);    /* jacobian: dv_part_3 */
    used = ad_room(used, sizeof(real), (int64_t)N * N);    /* jacobian: dv_part_part */
    used = ad_room(used, sizeof(real), (int64_t)N * N);    /* jacobian: dv_part_4 */
    used = ad_room(used, sizeof(real), (int64_t)N * H);    /* jacobian: jacobian_part_2 */
    used = ad_room(used, sizeof(real), (int64_t)H * N);    /* jacobian: dw_2 */
    used = ad_room(used, sizeof(real), (int64_t)H * N);    /* jacobian: dw_3 */
    used = ad_room(used, sizeof(real), (int64_t)H * N);    /* jacobian: dw_4 */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    (void)dims;
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), (int64_t)N * H);    /* trace: dt_sum_part */
    used = ad_room(used, sizeof(real), (int64_t)N * H);    /* trace: dt_sum_part_2 */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_FIXED, 100, 0, 10},
    {"h", AD_DIM_FIXED, 16, 0, 10},
    {"100", AD_DIM_FIXED, 100, 0, 0},
};

static const AdParam model_params[] = {
    {.name = "w", .line = 15, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c", .line = 16, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_UNIFORM,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "v", .line = 17, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"equation", 32, 1},
};

static const AdScalar model_metrics[] = {
    {"error", 33, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "path", .line = 35, .type = AD_REAL, .labels = -1, .rank = 1, .axes = (const int[]){0}},
};

static const AdSetting model_settings[] = {
    {"optimizer", "lm()", 37},
    {"epochs", "300", 37},
};

static const char model_source[] =
    "# A differential equation, solved by a network that has seen no data: a weight on a spring, with friction.\n"
    "#\n"
    "#     u'' + 2 a u' + k u = 0,   u(0) = 1,   u'(0) = 0\n"
    "#\n"
    "# u(t) = 1 + t^2 net(t) meets both conditions whatever the network says, and the loss is how far it is from the equation\n"
    "# at a hundred times. Both derivatives in it are of the network with respect to its input; training takes a third, with respect\n"
    "# to its weights. See Lagaris, Likas and Fotiadis, \"Artificial neural networks for solving ordinary and partial differential\n"
    "# equations\", 1998. This equation can be solved by hand: 'metric error' is the largest distance to that solution.\n"
    "precision f64\n"
    "dim n = 100, h = 16\n"
    "let a = 0.3\n"
    "let k = 4\n"
    "let end = 6\n"
    "\n"
    "param w[h] ~ normal(0, 1)\n"
    "param c[h] ~ uniform(-3, 3)\n"
    "param v[h] ~ glorot()\n"
    "\n"
    "fn net(t[]) = sum(v * tanh(w * t + c))\n"
    "fn u(t[]) = 1 + t^2 * net(t)\n"
    "fn velocity(t[]) = grad(u(t), t)\n"
    "fn acceleration(t[]) = grad(velocity(t), t)\n"
    "fn exact(t[]) {\n"
    "    let omega = sqrt(k - a^2)\n"
    "    exp(-a * t) * (cos(omega * t) + a / omega * sin(omega * t))\n"
    "}\n"
    "\n"
    "fn equation_at(t[]) = acceleration(t) + 2 * a * velocity(t) + k * u(t)\n"
    "\n"
    "let residual[i in n] = equation_at(end * i / (n - 1))\n"
    "\n"
    "loss equation = mean(residual^2)\n"
    "metric error = max[i in 10 * n] abs(u(end * i / (10 * n - 1)) - exact(end * i / (10 * n - 1)))\n"
    "let path[i in n] = u(end * i / (n - 1))\n"
    "output path\n"
    "\n"
    "train { optimizer = lm(); epochs = 300 }\n"
    ;

const AdModel ode_model = {
    .name = "ode", .file = "ode.ad", .source = model_source, .f64 = 1,
    .ndims = 3, .dims = model_dims,
    .nparams = 3, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 2, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .residuals = 2, .jacobian = jacobian,
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &ode_model);
}
#endif
