/* lstm.c: a trainer for lstm.ad, made by adc. Build: cc -O3 -march=native lstm.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef float real;

enum {
    N = 32,    /* dim n, lstm.ad:10 */
    T_2 = 30,    /* dim T, lstm.ad:10 */
    H_2 = 16,    /* dim H, lstm.ad:10 */
    G_2 = 64,    /* dim G, lstm.ad:11 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    real *restrict c0 = run->param[2];

    /* lstm.ad:23: param c0[G] = 0 */
    const real c0_part = 0.0f;
    for (int64_t g = 0; g < G_2; g++)
        c0[g] = c0_part;
    *(real *)run->param[4] = c0_part;
}

/* Losses and their gradients. */
/* Every step is kept, for the way back, of h[T_2 * N * H_2], h_part[T_2 * N * H_2], g[T_2 * N * G_2], c[T_2 * N * H_2], c_part[T_2 * N * H_2]: 491520 bytes. */
static void step(AdRun *run)
{
    const real v0 = *(const real *)run->param[4];
    const real *restrict v = run->param[3];
    const real *restrict c0 = run->param[2];
    const real *restrict W = run->param[0];
    const real *restrict R = run->param[1];
    real *restrict dW = run->grad[0];
    unsigned char *work = run->work;
    real *restrict h = ad_take(&work, sizeof(real), (int64_t)T_2 * N * H_2);
    real *restrict h_part = ad_take(&work, sizeof(real), (int64_t)T_2 * N * H_2);
    real *restrict g = ad_take(&work, sizeof(real), (int64_t)T_2 * N * G_2);
    real *restrict g_sum = ad_take(&work, sizeof(real), (int64_t)N * G_2);
    real *restrict c = ad_take(&work, sizeof(real), (int64_t)T_2 * N * H_2);
    real *restrict c_part = ad_take(&work, sizeof(real), (int64_t)T_2 * N * H_2);
    real *restrict dg = ad_take(&work, sizeof(real), (int64_t)N * G_2);

    /* lstm.ad:16: let first[n] = floor(early * T / 2) */
    real first[N];

    /* lstm.ad:17: let second[n] = floor((1 + late) * T / 2) */
    real second[N];

    /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
    real v_2[N * H_2];

    for (int64_t i = 0; i < N; i++) {
        /* lstm.ad:16: let first[n] = floor(early * T / 2) */
        first[i] = floorf(3e1f * (float)adrt_uniform(run->seed, UINT64_C(0x7f3359536a80d41c), run->step, i) / 2.0f);
        /* lstm.ad:17: let second[n] = floor((1 + late) * T / 2) */
        second[i] = floorf(3e1f * ((float)adrt_uniform(run->seed, UINT64_C(0x044cf1ad90502801), run->step, i) + 1.0f) / 2.0f);
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        for (int64_t j = 0; j < H_2; j++)
            v_2[i * H_2 + j] = 0.0f;
    }

    /* lstm.ad:19: let wanted[b in n] = sum[t in T] mark[t, b] * number[t, b] */
    real x_sum[N] = {0};

    /* lstm.ad:13: let number[T, n] ~ uniform(0, 1) */
    real number[T_2 * N];

    /* lstm.ad:18: let mark[t in T, b in n] = first[b] == t or second[b] == t */
    uint8_t mark[T_2 * N];

    for (int64_t t = 0; t < T_2; t++) {
        for (int64_t i = 0; i < N; i++) {
            /* lstm.ad:13: let number[T, n] ~ uniform(0, 1) */
            number[t * N + i] = (float)adrt_uniform(run->seed, UINT64_C(0x8031a80d73f6ebe0), run->step, 32 * t + i);
            /* lstm.ad:18: let mark[t in T, b in n] = first[b] == t or second[b] == t */
            mark[t * N + i] = first[i] == (real)t || second[i] == (real)t;
            /* lstm.ad:19: let wanted[b in n] = sum[t in T] mark[t, b] * number[t, b] */
            x_sum[i] += number[t * N + i] * (real)mark[t * N + i];
        }
    }

    for (int64_t t = 0; t < T_2; t++) {
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        const real *h_prev = 0 < t ? &h[(t - 1) * N * H_2] : v_2;
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        const real *c_prev = 0 < t ? &c[(t - 1) * N * H_2] : v_2;
        /* lstm.ad:31: let g[t, n, G] = input[t] + h[t-1] @ R */
        for (int64_t b = 0; b < N; b++) {
            for (int64_t i = 0; i < G_2; i++)
                g_sum[b * G_2 + i] = 0.0f;
            for (int64_t i = 0; i < H_2; i++) {
                const real h_prev_bi = h_prev[b * H_2 + i];
                for (int64_t j = 0; j < G_2; j++)
                    g_sum[b * G_2 + j] += R[i * G_2 + j] * h_prev_bi;
            }
        }
        for (int64_t b = 0; b < N; b++) {
            const real number_tb = number[t * N + b];
            const bool mark_tb = mark[t * N + b];
            for (int64_t i = 0; i < G_2; i++)
                g[(t * N + b) * G_2 + i] = g_sum[b * G_2 + i] + (c0[i] + (number_tb * W[i] + W[64 + i] * (real)mark_tb) + (real)(i < 16 ? 1 : 0));
        }
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                h_part[(t * N + b) * H_2 + j] = ad_sigmoidf(g[(t * N + b) * G_2 + j + 48]);
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                c_part[(t * N + b) * H_2 + j] = ad_sigmoidf(g[(t * N + b) * G_2 + j]);
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                c[(t * N + b) * H_2 + j] = c_prev[b * H_2 + j] * c_part[(t * N + b) * H_2 + j] + ad_tanhf(g[(t * N + b) * G_2 + j + 32]) * ad_sigmoidf(g[(t * N + b) * G_2 + j + 16]);
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                h[(t * N + b) * H_2 + j] = h_part[(t * N + b) * H_2 + j] * ad_tanhf(c[(t * N + b) * H_2 + j]);
    }

    /* lstm.ad:37: loss error = mse(answer, wanted) */
    real error_sum = 0.0f;

    /* backward of lstm.ad:37 */
    real dv0_2 = 0.0f;
    real dv[H_2] = {0};

    /* backward of lstm.ad:35 */
    real danswer[N];

    for (int64_t b = 0; b < N; b++) {
        /* lstm.ad:35: let answer[n] = h[-1] @ v + v0 */
        real answer_sum = 0.0f;
        for (int64_t i = 0; i < H_2; i++)
            answer_sum += v[i] * h[(928 + b) * H_2 + i];
        const real t = v0 + answer_sum - x_sum[b];
        /* lstm.ad:37: loss error = mse(answer, wanted) */
        error_sum += t * t;
        /* backward of lstm.ad:35 */
        danswer[b] = 2.0f * (0.03125f * t);
        const real danswer_b = danswer[b];
        /* backward of lstm.ad:37 */
        dv0_2 += danswer_b;
        for (int64_t i = 0; i < H_2; i++)
            dv[i] += h[(928 + b) * H_2 + i] * danswer_b;
    }

    /* lstm.ad:37: loss error = mse(answer, wanted) */
    const real error = error_sum / 32.0f;

    /* backward of lstm.ad:37 */
    real dR[H_2 * G_2] = {0};
    real dW_3[G_2] = {0};
    real dW_2[G_2] = {0};
    real dc0[G_2] = {0};

    /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
    real state_prev_2[N * H_2];
    for (int64_t b = 0; b < N; b++)
        for (int64_t j = 0; j < H_2; j++)
            state_prev_2[b * H_2 + j] = v_2[b * H_2 + j];

    /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
    real state_prev[N * H_2];
    for (int64_t b = 0; b < N; b++)
        for (int64_t j = 0; j < H_2; j++)
            state_prev[b * H_2 + j] = v_2[b * H_2 + j];

    for (int64_t t = 29; t >= 0; t--) {
        /* backward of lstm.ad:33 */
        real dh[N * H_2];
        for (int64_t b = 0; b < N; b++) {
            const real danswer_b = danswer[b];
            for (int64_t j = 0; j < H_2; j++)
                dh[b * H_2 + j] = state_prev[b * H_2 + j] + (t == 29 ? v[j] * danswer_b : 0.0f);
        }
        /* backward of lstm.ad:32 */
        real dc[N * H_2];
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                dc[b * H_2 + j] = state_prev_2[b * H_2 + j] + h_part[(t * N + b) * H_2 + j] * dh[b * H_2 + j] * ad_sech2f(c[(t * N + b) * H_2 + j]);
        /* backward of lstm.ad:31 */
        for (int64_t b = 0; b < N; b++) {
            for (int64_t i = 0; i < 16; i++)
                dg[b * G_2 + i] = 0.25f * ad_sech2f(0.5f * g[(t * N + b) * G_2 + i]) * (dc[b * H_2 + i] * (t == 0 ? v_2[b * H_2 + i] : c[((t - 1) * N + b) * H_2 + i]));
            for (int64_t i = 16; i < 32; i++)
                dg[b * G_2 + i] = 0.25f * ad_sech2f(0.5f * g[(t * N + b) * G_2 + i]) * (dc[b * H_2 + i - 16] * ad_tanhf(g[(t * N + b) * G_2 + i + 16]));
            for (int64_t i = 32; i < 48; i++)
                dg[b * G_2 + i] = dc[b * H_2 + i - 32] * ad_sigmoidf(g[(t * N + b) * G_2 + i - 16]) * ad_sech2f(g[(t * N + b) * G_2 + i]);
            for (int64_t i = 48; i < G_2; i++)
                dg[b * G_2 + i] = 0.25f * ad_sech2f(0.5f * g[(t * N + b) * G_2 + i]) * (dh[b * H_2 + i - 48] * ad_tanhf(c[(t * N + b) * H_2 + i - 48]));
        }
        /* backward of lstm.ad:37 */
        real dh_2[N * H_2];
        for (int64_t b = 0; b < N; b++) {
            for (int64_t j = 0; j < H_2; j++) {
                real dh_2_total = 0.0f;
                for (int64_t i = 0; i < G_2; i++)
                    dh_2_total += R[j * G_2 + i] * dg[b * G_2 + i];
                dh_2[b * H_2 + j] = dh_2_total;
            }
        }
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        real v_3[N * H_2];
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                v_3[b * H_2 + j] = dh_2[b * H_2 + j];
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        real v_4[N * H_2];
        for (int64_t b = 0; b < N; b++) {
            for (int64_t j = 0; j < H_2; j++) {
                /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
                v_4[b * H_2 + j] = c_part[(t * N + b) * H_2 + j] * dc[b * H_2 + j];
                const real v_2_bj = v_2[b * H_2 + j];
                /* backward of lstm.ad:37 */
                for (int64_t i = 0; i < G_2; i++)
                    dR[j * G_2 + i] += dg[b * G_2 + i] * (t == 0 ? v_2_bj : h[((t - 1) * N + b) * H_2 + j]);
            }
            const bool mark_tb = mark[t * N + b];
            const real number_tb = number[t * N + b];
            /* backward of lstm.ad:37 */
            for (int64_t i = 0; i < G_2; i++) {
                const real dg_bi = dg[b * G_2 + i];
                dW_3[i] += dg_bi * (real)mark_tb;
                dW_2[i] += number_tb * dg_bi;
                dc0[i] += dg_bi;
            }
        }
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                state_prev_2[b * H_2 + j] = v_4[b * H_2 + j];
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                state_prev[b * H_2 + j] = v_3[b * H_2 + j];
    }

    /* backward of lstm.ad:21 */
    for (int64_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < G_2; j++)
            dW[i * G_2 + j] = (i == 0 ? dW_2[j] : 0.0f) + (i == 1 ? dW_3[j] : 0.0f);
    run->loss[0] = error;
    *(real *)run->grad[4] = dv0_2;
    memcpy(run->grad[1], dR, sizeof dR);
    memcpy(run->grad[2], dc0, sizeof dc0);
    memcpy(run->grad[3], dv, sizeof dv);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const real v0 = *(const real *)run->param[4];
    const real *restrict v = run->param[3];
    const real *restrict c0 = run->param[2];
    const real *restrict W = run->param[0];
    const real *restrict R = run->param[1];
    unsigned char *work = run->work;
    real *restrict input = ad_take(&work, sizeof(real), (int64_t)N * G_2);
    real *restrict g_sum = ad_take(&work, sizeof(real), (int64_t)N * G_2);

    /* lstm.ad:16: let first[n] = floor(early * T / 2) */
    real first[N];

    /* lstm.ad:17: let second[n] = floor((1 + late) * T / 2) */
    real second[N];

    for (int64_t i = 0; i < N; i++) {
        /* lstm.ad:16: let first[n] = floor(early * T / 2) */
        first[i] = floorf(3e1f * (float)adrt_uniform(run->seed, UINT64_C(0x7f3359536a80d41c), UINT64_MAX, i) / 2.0f);
        /* lstm.ad:17: let second[n] = floor((1 + late) * T / 2) */
        second[i] = floorf(3e1f * ((float)adrt_uniform(run->seed, UINT64_C(0x044cf1ad90502801), UINT64_MAX, i) + 1.0f) / 2.0f);
    }

    /* lstm.ad:19: let wanted[b in n] = sum[t in T] mark[t, b] * number[t, b] */
    real x_sum[N] = {0};

    /* lstm.ad:13: let number[T, n] ~ uniform(0, 1) */
    real number[T_2 * N];

    /* lstm.ad:18: let mark[t in T, b in n] = first[b] == t or second[b] == t */
    uint8_t mark[T_2 * N];

    for (int64_t t = 0; t < T_2; t++) {
        for (int64_t i = 0; i < N; i++) {
            /* lstm.ad:13: let number[T, n] ~ uniform(0, 1) */
            number[t * N + i] = (float)adrt_uniform(run->seed, UINT64_C(0x8031a80d73f6ebe0), UINT64_MAX, 32 * t + i);
            /* lstm.ad:18: let mark[t in T, b in n] = first[b] == t or second[b] == t */
            mark[t * N + i] = first[i] == (real)t || second[i] == (real)t;
            /* lstm.ad:19: let wanted[b in n] = sum[t in T] mark[t, b] * number[t, b] */
            x_sum[i] += number[t * N + i] * (real)mark[t * N + i];
        }
    }

    /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
    real v_2[N * H_2];
    for (int64_t b = 0; b < N; b++)
        for (int64_t j = 0; j < H_2; j++)
            v_2[b * H_2 + j] = 0.0f;
    real c_prev[N * H_2];
    for (int64_t b = 0; b < N; b++)
        for (int64_t j = 0; j < H_2; j++)
            c_prev[b * H_2 + j] = v_2[b * H_2 + j];

    /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
    real h_prev[N * H_2];
    for (int64_t b = 0; b < N; b++)
        for (int64_t j = 0; j < H_2; j++)
            h_prev[b * H_2 + j] = v_2[b * H_2 + j];

    for (int64_t t = 0; t < T_2; t++) {
        /* lstm.ad:28: let input[t in T, b in n, g in G] = number[t, b] * W[0, g] + mark[t, b] * W[1, g] + c0[g] + keep[g] */
        for (int64_t b = 0; b < N; b++) {
            const real number_tb = number[t * N + b];
            const bool mark_tb = mark[t * N + b];
            for (int64_t g = 0; g < G_2; g++)
                input[b * G_2 + g] = c0[g] + (number_tb * W[g] + W[64 + g] * (real)mark_tb) + (real)(g < 16 ? 1 : 0);
        }
        /* lstm.ad:31: let g[t, n, G] = input[t] + h[t-1] @ R */
        for (int64_t b = 0; b < N; b++) {
            for (int64_t g = 0; g < G_2; g++)
                g_sum[b * G_2 + g] = 0.0f;
            for (int64_t i = 0; i < H_2; i++) {
                const real h_prev_bi = h_prev[b * H_2 + i];
                for (int64_t g = 0; g < G_2; g++)
                    g_sum[b * G_2 + g] += R[i * G_2 + g] * h_prev_bi;
            }
        }
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        real c[N * H_2];
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                c[b * H_2 + j] = c_prev[b * H_2 + j] * ad_sigmoidf(input[b * G_2 + j] + g_sum[b * G_2 + j]) + ad_tanhf(input[b * G_2 + j + 32] + g_sum[b * G_2 + j + 32]) * ad_sigmoidf(input[b * G_2 + j + 16] + g_sum[b * G_2 + j + 16]);
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        real h[N * H_2];
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                h[b * H_2 + j] = ad_tanhf(c[b * H_2 + j]) * ad_sigmoidf(input[b * G_2 + j + 48] + g_sum[b * G_2 + j + 48]);
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                c_prev[b * H_2 + j] = c[b * H_2 + j];
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                h_prev[b * H_2 + j] = h[b * H_2 + j];
    }

    /* lstm.ad:37: loss error = mse(answer, wanted) */
    real error_sum = 0.0f;

    /* lstm.ad:38: metric worst = max(abs(answer - wanted)) */
    real worst = -INFINITY;

    for (int64_t b = 0; b < N; b++) {
        /* lstm.ad:35: let answer[n] = h[-1] @ v + v0 */
        real answer_sum = 0.0f;
        for (int64_t i = 0; i < H_2; i++)
            answer_sum += v[i] * h_prev[b * H_2 + i];
        const real t = v0 + answer_sum - x_sum[b];
        /* lstm.ad:37: loss error = mse(answer, wanted) */
        error_sum += t * t;
        /* lstm.ad:38: metric worst = max(abs(answer - wanted)) */
        worst = ad_maxf(worst, fabsf(t));
    }

    /* lstm.ad:37: loss error = mse(answer, wanted) */
    const real error = error_sum / 32.0f;
    run->loss[0] = error;
    run->metric[0] = worst;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    (void)run;
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const real *restrict c0 = run->param[2];
    const real *restrict W = run->param[0];
    const real *restrict R = run->param[1];
    const real v0 = *(const real *)run->param[4];
    const real *restrict v = run->param[3];
    unsigned char *work = run->work;
    real *restrict input = ad_take(&work, sizeof(real), (int64_t)T_2 * N * G_2);
    real *restrict g = ad_take(&work, sizeof(real), (int64_t)T_2 * N * G_2);
    real *restrict g_sum = ad_take(&work, sizeof(real), (int64_t)N * G_2);
    real *restrict c = ad_take(&work, sizeof(real), (int64_t)T_2 * N * H_2);
    real *restrict h = ad_take(&work, sizeof(real), (int64_t)T_2 * N * H_2);

    /* lstm.ad:13: let number[T, n] ~ uniform(0, 1) */
    real number[T_2 * N];
    for (int64_t t = 0; t < T_2; t++)
        for (int64_t i = 0; i < N; i++)
            number[t * N + i] = (float)adrt_uniform(run->seed, UINT64_C(0x8031a80d73f6ebe0), run->step, 32 * t + i);
    for (int64_t i = 0; i < (int64_t)T_2 * N; i++)
        if (!isfinite(number[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 13, "number", i, 0, number[i]);
            return;
        }

    /* lstm.ad:14: let early[n] ~ uniform(0, 1) */
    real early[N];
    for (int64_t i = 0; i < N; i++)
        early[i] = (float)adrt_uniform(run->seed, UINT64_C(0x7f3359536a80d41c), run->step, i);
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(early[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 14, "early", i, 0, early[i]);
            return;
        }

    /* lstm.ad:15: let late[n] ~ uniform(0, 1) */
    real late[N];
    for (int64_t i = 0; i < N; i++)
        late[i] = (float)adrt_uniform(run->seed, UINT64_C(0x044cf1ad90502801), run->step, i);
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(late[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 15, "late", i, 0, late[i]);
            return;
        }

    /* lstm.ad:16: let first[n] = floor(early * T / 2) */
    real first[N];
    for (int64_t i = 0; i < N; i++)
        first[i] = floorf(3e1f * early[i] / 2.0f);
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(first[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 16, "first", i, 0, first[i]);
            return;
        }

    /* lstm.ad:17: let second[n] = floor((1 + late) * T / 2) */
    real second[N];
    for (int64_t i = 0; i < N; i++)
        second[i] = floorf(3e1f * (late[i] + 1.0f) / 2.0f);
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(second[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 17, "second", i, 0, second[i]);
            return;
        }

    /* lstm.ad:18: let mark[t in T, b in n] = first[b] == t or second[b] == t */
    uint8_t mark[T_2 * N];
    for (int64_t t = 0; t < T_2; t++)
        for (int64_t b = 0; b < N; b++)
            mark[t * N + b] = first[b] == (real)t || second[b] == (real)t;

    /* lstm.ad:19: let wanted[b in n] = sum[t in T] mark[t, b] * number[t, b] */
    real wanted[N] = {0};
    for (int64_t t = 0; t < T_2; t++)
        for (int64_t b = 0; b < N; b++)
            wanted[b] += number[t * N + b] * (real)mark[t * N + b];
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(wanted[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 19, "wanted", i, 0, wanted[i]);
            return;
        }

    /* lstm.ad:28: let input[t in T, b in n, g in G] = number[t, b] * W[0, g] + mark[t, b] * W[1, g] + c0[g] + keep[g] */
    for (int64_t t = 0; t < T_2; t++) {
        for (int64_t b = 0; b < N; b++) {
            const real number_tb = number[t * N + b];
            const bool mark_tb = mark[t * N + b];
            for (int64_t i = 0; i < G_2; i++)
                input[(t * N + b) * G_2 + i] = c0[i] + (number_tb * W[i] + W[64 + i] * (real)mark_tb) + (real)(i < 16 ? 1 : 0);
        }
    }
    for (int64_t i = 0; i < (int64_t)T_2 * N * G_2; i++)
        if (!isfinite(input[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 28, "input", i, 0, input[i]);
            return;
        }

    /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
    real v_2[N * H_2];
    for (int64_t b = 0; b < N; b++)
        for (int64_t j = 0; j < H_2; j++)
            v_2[b * H_2 + j] = 0.0f;

    for (int64_t t = 0; t < T_2; t++) {
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        const real *h_prev = 0 < t ? &h[(t - 1) * N * H_2] : v_2;
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        const real *c_prev = 0 < t ? &c[(t - 1) * N * H_2] : v_2;
        /* lstm.ad:31: let g[t, n, G] = input[t] + h[t-1] @ R */
        for (int64_t b = 0; b < N; b++) {
            for (int64_t i = 0; i < G_2; i++)
                g_sum[b * G_2 + i] = 0.0f;
            for (int64_t i = 0; i < H_2; i++) {
                const real h_prev_bi = h_prev[b * H_2 + i];
                for (int64_t j = 0; j < G_2; j++)
                    g_sum[b * G_2 + j] += R[i * G_2 + j] * h_prev_bi;
            }
        }
        for (int64_t b = 0; b < N; b++)
            for (int64_t i = 0; i < G_2; i++)
                g[(t * N + b) * G_2 + i] = input[(t * N + b) * G_2 + i] + g_sum[b * G_2 + i];
        /* lstm.ad:32: let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                c[(t * N + b) * H_2 + j] = c_prev[b * H_2 + j] * ad_sigmoidf(g[(t * N + b) * G_2 + j]) + ad_tanhf(g[(t * N + b) * G_2 + j + 32]) * ad_sigmoidf(g[(t * N + b) * G_2 + j + 16]);
        /* lstm.ad:33: let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j]) */
        for (int64_t b = 0; b < N; b++)
            for (int64_t j = 0; j < H_2; j++)
                h[(t * N + b) * H_2 + j] = ad_tanhf(c[(t * N + b) * H_2 + j]) * ad_sigmoidf(g[(t * N + b) * G_2 + j + 48]);
    }
    for (int64_t i = 0; i < (int64_t)T_2 * N * G_2; i++)
        if (!isfinite(g[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 31, "g", i, 0, g[i]);
            return;
        }
    for (int64_t i = 0; i < (int64_t)T_2 * N * H_2; i++)
        if (!isfinite(c[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 32, "c", i, 0, c[i]);
            return;
        }
    for (int64_t i = 0; i < (int64_t)T_2 * N * H_2; i++)
        if (!isfinite(h[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 33, "h", i, 0, h[i]);
            return;
        }

    /* lstm.ad:35: let answer[n] = h[-1] @ v + v0 */
    real answer_sum[N];
    for (int64_t b = 0; b < N; b++) {
        real answer_sum_total = 0.0f;
        for (int64_t i = 0; i < H_2; i++)
            answer_sum_total += h[(928 + b) * H_2 + i] * v[i];
        answer_sum[b] = answer_sum_total;
    }
    real answer[N];
    for (int64_t b = 0; b < N; b++)
        answer[b] = v0 + answer_sum[b];
    for (int64_t i = 0; i < N; i++)
        if (!isfinite(answer[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 35, "answer", i, 0, answer[i]);
            return;
        }

    /* lstm.ad:37: loss error = mse(answer, wanted) */
    real error_sum = 0.0f;
    for (int64_t b = 0; b < N; b++) {
        const real t = answer[b] - wanted[b];
        error_sum += t * t;
    }
    const real error = error_sum / 32.0f;
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 37, "error", 0, 0, error);
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
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), (int64_t)T_2 * N * H_2);    /* step: h */
    used = ad_room(used, sizeof(real), (int64_t)T_2 * N * H_2);    /* step: h_part */
    used = ad_room(used, sizeof(real), (int64_t)T_2 * N * G_2);    /* step: g */
    used = ad_room(used, sizeof(real), (int64_t)N * G_2);    /* step: g_sum */
    used = ad_room(used, sizeof(real), (int64_t)T_2 * N * H_2);    /* step: c */
    used = ad_room(used, sizeof(real), (int64_t)T_2 * N * H_2);    /* step: c_part */
    used = ad_room(used, sizeof(real), (int64_t)N * G_2);    /* step: dg */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), (int64_t)N * G_2);    /* eval: input */
    used = ad_room(used, sizeof(real), (int64_t)N * G_2);    /* eval: g_sum */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    (void)dims;
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), (int64_t)T_2 * N * G_2);    /* trace: input */
    used = ad_room(used, sizeof(real), (int64_t)T_2 * N * G_2);    /* trace: g */
    used = ad_room(used, sizeof(real), (int64_t)N * G_2);    /* trace: g_sum */
    used = ad_room(used, sizeof(real), (int64_t)T_2 * N * H_2);    /* trace: c */
    used = ad_room(used, sizeof(real), (int64_t)T_2 * N * H_2);    /* trace: h */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_FIXED, 32, 0, 10},
    {"T", AD_DIM_FIXED, 30, 0, 10},
    {"H", AD_DIM_FIXED, 16, 0, 10},
    {"G", AD_DIM_FIXED, 64, 0, 11},
    {"2", AD_DIM_FIXED, 2, 0, 0},
};

static const AdParam model_params[] = {
    {.name = "W", .line = 21, .rank = 2, .axes = (const int[]){4, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "R", .line = 22, .rank = 2, .axes = (const int[]){2, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c0", .line = 23, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "v", .line = 24, .rank = 1, .axes = (const int[]){2}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "v0", .line = 25, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 37, 1},
};

static const AdScalar model_metrics[] = {
    {"worst", 38, 1},
};

static const AdSetting model_settings[] = {
    {"optimizer", "adam(lr = 0.01)", 40},
    {"epochs", "2000", 40},
    {"clip", "1", 40},
    {"schedule", "cosine()", 40},
};

static const char model_source[] =
    "# Long short-term memory: add two numbers of a sequence, thirty steps after having seen the first.\n"
    "#\n"
    "# At every step the network gets a number and a mark, which is 1 at two steps of the sequence and 0 elsewhere. After the\n"
    "# last step it shall say the sum of the two marked numbers. Saying 1 every time has an error of 1/6; to do better it must keep a\n"
    "# number in its cells 'c', through steps that have nothing to do with it, and that is what the gates are for. From\n"
    "# Hochreiter and Schmidhuber, \"Long short-term memory\", 1997, section 5.4.\n"
    "#\n"
    "# There is no data: the sequences are drawn, new ones in every step, so there is nothing to learn by heart. The C for a\n"
    "# thousand steps is as long as that for thirty.\n"
    "dim n = 32, T = 30, H = 16\n"
    "dim G = 4 * H\n"
    "\n"
    "let number[T, n] ~ uniform(0, 1)\n"
    "let early[n] ~ uniform(0, 1)\n"
    "let late[n] ~ uniform(0, 1)\n"
    "let first[n] = floor(early * T / 2)\n"
    "let second[n] = floor((1 + late) * T / 2)\n"
    "let mark[t in T, b in n] = first[b] == t or second[b] == t\n"
    "let wanted[b in n] = sum[t in T] mark[t, b] * number[t, b]\n"
    "\n"
    "param W[2, G] ~ glorot()\n"
    "param R[H, G] ~ glorot()\n"
    "param c0[G] = 0\n"
    "param v[H] ~ glorot()\n"
    "param v0 = 0\n"
    "\n"
    "let keep[i in G] = where(i < H, 1, 0)           # gates of memory begin open\n"
    "let input[t in T, b in n, g in G] = number[t, b] * W[0, g] + mark[t, b] * W[1, g] + c0[g] + keep[g]\n"
    "\n"
    "scan t in T {\n"
    "    let g[t, n, G] = input[t] + h[t-1] @ R\n"
    "    let c[t, b in n, j in H] from 0 = sigmoid(g[t, b, j]) * c[t-1, b, j] + sigmoid(g[t, b, j + H]) * tanh(g[t, b, j + 2 * H])\n"
    "    let h[t, b in n, j in H] from 0 = sigmoid(g[t, b, j + 3 * H]) * tanh(c[t, b, j])\n"
    "}\n"
    "let answer[n] = h[-1] @ v + v0\n"
    "\n"
    "loss error = mse(answer, wanted)\n"
    "metric worst = max(abs(answer - wanted))\n"
    "\n"
    "train { optimizer = adam(lr = 0.01); epochs = 2000; clip = 1; schedule = cosine() }\n"
    ;

const AdModel lstm_model = {
    .name = "lstm", .file = "lstm.ad", .source = model_source, .f64 = 0,
    .ndims = 5, .dims = model_dims,
    .nparams = 5, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .nsettings = 4, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &lstm_model);
}
#endif
