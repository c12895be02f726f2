/* vae.c: a trainer for vae.ad, made by adc. Build: cc -O3 -march=native vae.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef float real;

enum {
    F = 64,    /* dim f, vae.ad:7 */
    H = 64,    /* dim h, vae.ad:8 */
    K = 6,    /* dim k, vae.ad:9 */
    MANY = 64,    /* dim many, vae.ad:10 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    real *restrict c1 = run->param[1];
    real *restrict cm = run->param[3];
    real *restrict cs = run->param[5];
    real *restrict c2 = run->param[7];
    real *restrict c3 = run->param[9];

    /* vae.ad:16: param c1[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c1[i] = 0.0f;

    /* vae.ad:18: param cm[k] = 0 */
    for (int64_t i = 0; i < K; i++)
        cm[i] = 0.0f;

    /* vae.ad:20: param cs[k] = 0 */
    for (int64_t i = 0; i < K; i++)
        cs[i] = 0.0f;

    /* vae.ad:22: param c2[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c2[i] = 0.0f;

    /* vae.ad:24: param c3[f] = 0 */
    for (int64_t i = 0; i < F; i++)
        c3[i] = 0.0f;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict c3 = run->param[9];
    const real *restrict W3 = run->param[8];
    const real *restrict c2 = run->param[7];
    const real *restrict W2 = run->param[6];
    const real *restrict cm = run->param[3];
    const real *restrict Wm = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict cs = run->param[5];
    const real *restrict Ws = run->param[4];
    real *restrict dW1 = run->grad[0];
    real *restrict dW3 = run->grad[8];

    /* backward of vae.ad:40 */
    const real dlog_spread_part = 1.0f / (real)n;

    /* backward of vae.ad:39 */
    const real dlogits_part = 64.0f / (real)(64 * n);

    /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
    ad_treef reconstruction_sum_total = {0};

    /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
    ad_treef divergence_sum_total = {0};

    /* backward of vae.ad:39 */
    real dc3[F] = {0};
    memset(dW3, 0, sizeof(real) * (size_t)((int64_t)H * F));
    real dc2[H] = {0};
    real dW2[K * H] = {0};
    real dcs[K] = {0};
    real dWs[H * K] = {0};
    real dcm[K] = {0};
    real dWm[H * K] = {0};
    real dc1[H] = {0};
    memset(dW1, 0, sizeof(real) * (size_t)((int64_t)F * H));
    const real t = 0.5f * dlog_spread_part;

    for (int64_t i = 0; i < n; i++) {
        /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
        real seen_sum[H] = {0};
        /* vae.ad:34: let x[n, f] = X / 16 */
        real x[F];
        for (int64_t j = 0; j < F; j++) {
            /* vae.ad:34: let x[n, f] = X / 16 */
            x[j] = X[i * F + j] / 16.0f;
            const real x_j = x[j];
            /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
            for (int64_t l = 0; l < H; l++)
                seen_sum[l] += x_j * W1[j * H + l];
        }
        /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
        real code_sum[K] = {0};
        /* vae.ad:37: let log_spread[n, k] = seen @ Ws + cs */
        real log_spread_sum[K] = {0};
        /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
        real seen[H];
        for (int64_t j = 0; j < H; j++) {
            /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
            seen[j] = ad_tanhf(c1[j] + seen_sum[j]);
            const real seen_j = seen[j];
            for (int64_t l = 0; l < K; l++) {
                /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
                code_sum[l] += Wm[j * K + l] * seen_j;
                /* vae.ad:37: let log_spread[n, k] = seen @ Ws + cs */
                log_spread_sum[l] += seen_j * Ws[j * K + l];
            }
        }
        /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
        real drawn_sum[H] = {0};
        /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
        real divergence_sum_sum = 0.0f;
        /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
        real z[K];
        /* vae.ad:31: let noise[n, k] ~ normal(0, 1) */
        real noise[K];
        /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
        real z_part[K];
        /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
        real divergence_sum_sum_part[K];
        for (int64_t j = 0; j < K; j++) {
            /* vae.ad:31: let noise[n, k] ~ normal(0, 1) */
            noise[j] = (float)adrt_normal(run->seed, UINT64_C(0x6c092771d20768d1), run->step, 6 * i + j);
            const real t_2 = cs[j] + log_spread_sum[j];
            /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
            z_part[j] = ad_expf(t_2);
            const real t_3 = cm[j] + code_sum[j];
            z[j] = t_3 + noise[j] * z_part[j];
            const real z_j = z[j];
            /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
            for (int64_t l = 0; l < H; l++)
                drawn_sum[l] += W2[j * H + l] * z_j;
            /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
            divergence_sum_sum_part[j] = ad_expf(2.0f * t_2);
            divergence_sum_sum += (divergence_sum_sum_part[j] + t_3 * t_3 - 1.0f) / 2.0f - t_2;
        }
        /* vae.ad:28: drawn @ W3 + c3 */
        real logits_sum[F] = {0};
        /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
        real drawn[H];
        for (int64_t j = 0; j < H; j++) {
            /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
            drawn[j] = ad_tanhf(c2[j] + drawn_sum[j]);
            const real drawn_j = drawn[j];
            /* vae.ad:28: drawn @ W3 + c3 */
            for (int64_t l = 0; l < F; l++)
                logits_sum[l] += W3[j * F + l] * drawn_j;
        }
        /* backward of vae.ad:39 */
        real dlogits[F];
        for (int64_t j = 0; j < F; j++) {
            const real x_j = x[j];
            const real t_2 = c3[j] + logits_sum[j];
            const bool c = x_j == 0.0f && t_2 == -INFINITY;
            const bool c_2 = x_j == 1.0f && t_2 == INFINITY;
            const real t_3 = 1.0f - x_j;
            /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
            ad_addf(&reconstruction_sum_total, (c ? 0.0f : x_j * ad_softplusf(-t_2)) + (c_2 ? 0.0f : t_3 * ad_softplusf(t_2)));
            /* backward of vae.ad:39 */
            dlogits[j] = (c ? 0.0f : -(x_j * dlogits_part * ad_sigmoidf(-t_2))) + (c_2 ? 0.0f : dlogits_part * t_3 * ad_sigmoidf(t_2));
            dc3[j] += dlogits[j];
        }
        /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
        ad_addf(&divergence_sum_total, divergence_sum_sum);
        /* backward of vae.ad:27 */
        real dz_part[H];
        for (int64_t j = 0; j < H; j++) {
            /* backward of vae.ad:39 */
            real ddrawn = 0.0f;
            const real drawn_j = drawn[j];
            for (int64_t l = 0; l < F; l++) {
                const real dlogits_l = dlogits[l];
                ddrawn += W3[j * F + l] * dlogits_l;
                dW3[j * F + l] += drawn_j * dlogits_l;
            }
            const real t_2 = ddrawn * ad_sech2f(c2[j] + drawn_sum[j]);
            dc2[j] += t_2;
            /* backward of vae.ad:27 */
            dz_part[j] = t_2;
        }
        /* backward of vae.ad:37 */
        real dlog_spread[K];
        /* backward of vae.ad:36 */
        real dcode[K];
        for (int64_t j = 0; j < K; j++) {
            /* backward of vae.ad:39 */
            real dz = 0.0f;
            const real z_j = z[j];
            for (int64_t l = 0; l < H; l++) {
                const real dz_part_l = dz_part[l];
                dz += W2[j * H + l] * dz_part_l;
                dW2[j * H + l] += z_j * dz_part_l;
            }
            /* backward of vae.ad:37 */
            dlog_spread[j] = 2.0f * (divergence_sum_sum_part[j] * t) - dlog_spread_part + z_part[j] * (noise[j] * dz);
            /* backward of vae.ad:39 */
            dcs[j] += dlog_spread[j];
            /* backward of vae.ad:36 */
            dcode[j] = dz + 2.0f * ((cm[j] + code_sum[j]) * t);
            /* backward of vae.ad:39 */
            dcm[j] += dcode[j];
        }
        /* backward of vae.ad:35 */
        real dW1_part[H];
        for (int64_t j = 0; j < H; j++) {
            /* backward of vae.ad:39 */
            real dseen = 0.0f;
            real dseen_2 = 0.0f;
            const real seen_j = seen[j];
            for (int64_t l = 0; l < K; l++) {
                const real dlog_spread_l = dlog_spread[l];
                dseen += Ws[j * K + l] * dlog_spread_l;
                dWs[j * K + l] += seen_j * dlog_spread_l;
                const real dcode_l = dcode[l];
                dseen_2 += Wm[j * K + l] * dcode_l;
                dWm[j * K + l] += seen_j * dcode_l;
            }
            const real t_2 = (dseen + dseen_2) * ad_sech2f(c1[j] + seen_sum[j]);
            dc1[j] += t_2;
            /* backward of vae.ad:35 */
            dW1_part[j] = t_2;
        }
        /* backward of vae.ad:39 */
        for (int64_t j = 0; j < F; j++) {
            const real x_j = x[j];
            for (int64_t l = 0; l < H; l++)
                dW1[j * H + l] += x_j * dW1_part[l];
        }
    }

    /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
    const real divergence_sum = ad_totalf(&divergence_sum_total);

    /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
    const real reconstruction_sum = ad_totalf(&reconstruction_sum_total);
    const real reconstruction = 64.0f * (reconstruction_sum / (real)(64 * n));

    /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
    const real divergence = divergence_sum / (real)n;
    run->loss[0] = reconstruction;
    run->loss[1] = divergence;
    memcpy(run->grad[1], dc1, sizeof dc1);
    memcpy(run->grad[2], dWm, sizeof dWm);
    memcpy(run->grad[3], dcm, sizeof dcm);
    memcpy(run->grad[4], dWs, sizeof dWs);
    memcpy(run->grad[5], dcs, sizeof dcs);
    memcpy(run->grad[6], dW2, sizeof dW2);
    memcpy(run->grad[7], dc2, sizeof dc2);
    memcpy(run->grad[9], dc3, sizeof dc3);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict c3 = run->param[9];
    const real *restrict W3 = run->param[8];
    const real *restrict c2 = run->param[7];
    const real *restrict W2 = run->param[6];
    const real *restrict cm = run->param[3];
    const real *restrict Wm = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict cs = run->param[5];
    const real *restrict Ws = run->param[4];

    /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
    ad_treef reconstruction_sum_total = {0};

    /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
    ad_treef divergence_sum_total = {0};

    for (int64_t i = 0; i < n; i++) {
        /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
        real seen_sum[H] = {0};
        /* vae.ad:34: let x[n, f] = X / 16 */
        real x[F];
        for (int64_t j = 0; j < F; j++) {
            /* vae.ad:34: let x[n, f] = X / 16 */
            x[j] = X[i * F + j] / 16.0f;
            const real x_j = x[j];
            /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
            for (int64_t l = 0; l < H; l++)
                seen_sum[l] += x_j * W1[j * H + l];
        }
        /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
        real code_sum[K] = {0};
        /* vae.ad:37: let log_spread[n, k] = seen @ Ws + cs */
        real log_spread_sum[K] = {0};
        for (int64_t j = 0; j < H; j++) {
            /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
            const real seen = ad_tanhf(c1[j] + seen_sum[j]);
            for (int64_t l = 0; l < K; l++) {
                /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
                code_sum[l] += Wm[j * K + l] * seen;
                /* vae.ad:37: let log_spread[n, k] = seen @ Ws + cs */
                log_spread_sum[l] += seen * Ws[j * K + l];
            }
        }
        /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
        real drawn_sum[H] = {0};
        /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
        real divergence_sum_sum = 0.0f;
        for (int64_t j = 0; j < K; j++) {
            const real t = cm[j] + code_sum[j];
            const real t_2 = cs[j] + log_spread_sum[j];
            /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
            const real z = t + (float)adrt_normal(run->seed, UINT64_C(0x6c092771d20768d1), UINT64_MAX, 6 * i + j) * ad_expf(t_2);
            /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
            for (int64_t l = 0; l < H; l++)
                drawn_sum[l] += W2[j * H + l] * z;
            /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
            divergence_sum_sum += (t * t + ad_expf(2.0f * t_2) - 1.0f) / 2.0f - t_2;
        }
        /* vae.ad:28: drawn @ W3 + c3 */
        real logits_sum[F] = {0};
        for (int64_t j = 0; j < H; j++) {
            /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
            const real drawn = ad_tanhf(c2[j] + drawn_sum[j]);
            /* vae.ad:28: drawn @ W3 + c3 */
            for (int64_t l = 0; l < F; l++)
                logits_sum[l] += W3[j * F + l] * drawn;
        }
        /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
        for (int64_t j = 0; j < F; j++) {
            const real x_j = x[j];
            const real t = c3[j] + logits_sum[j];
            ad_addf(&reconstruction_sum_total, (x_j == 0.0f && t == -INFINITY ? 0.0f : x_j * ad_softplusf(-t)) + (x_j == 1.0f && t == INFINITY ? 0.0f : (1.0f - x_j) * ad_softplusf(t)));
        }
        /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
        ad_addf(&divergence_sum_total, divergence_sum_sum);
    }

    /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
    const real divergence_sum = ad_totalf(&divergence_sum_total);

    /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
    const real reconstruction_sum = ad_totalf(&reconstruction_sum_total);
    const real reconstruction = 64.0f * (reconstruction_sum / (real)(64 * n));

    /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
    const real divergence = divergence_sum / (real)n;
    run->loss[0] = reconstruction;
    run->loss[1] = divergence;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict cm = run->param[3];
    const real *restrict Wm = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict c3 = run->param[9];
    const real *restrict W3 = run->param[8];
    const real *restrict c2 = run->param[7];
    const real *restrict W2 = run->param[6];
    real *restrict code = run->output[0];
    real *restrict dreams = run->output[1];

    for (int64_t m = 0; m < MANY; m++) {
        /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
        real drawn_sum[H] = {0};
        for (int64_t i = 0; i < K; i++) {
            /* vae.ad:32: let new_noise[many, k] ~ normal(0, 1) */
            const real new_noise = (float)adrt_normal(run->seed, UINT64_C(0xc30929a40f8e8b74), UINT64_MAX, 6 * m + i);
            /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
            for (int64_t j = 0; j < H; j++)
                drawn_sum[j] += W2[i * H + j] * new_noise;
        }
        /* vae.ad:28: drawn @ W3 + c3 */
        real dreams_sum[F] = {0};
        for (int64_t i = 0; i < H; i++) {
            /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
            const real drawn = ad_tanhf(c2[i] + drawn_sum[i]);
            /* vae.ad:28: drawn @ W3 + c3 */
            for (int64_t j = 0; j < F; j++)
                dreams_sum[j] += W3[i * F + j] * drawn;
        }
        /* vae.ad:42: output dreams[many, f] = sigmoid(decode(new_noise)) */
        for (int64_t i = 0; i < F; i++)
            dreams[m * F + i] = ad_sigmoidf(c3[i] + dreams_sum[i]);
    }

    for (int64_t i = 0; i < n; i++) {
        /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
        real seen_sum[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            /* vae.ad:34: let x[n, f] = X / 16 */
            const real x = X[i * F + j] / 16.0f;
            /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
            for (int64_t l = 0; l < H; l++)
                seen_sum[l] += W1[j * H + l] * x;
        }
        /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
        real code_sum[K] = {0};
        for (int64_t j = 0; j < H; j++) {
            /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
            const real seen = ad_tanhf(c1[j] + seen_sum[j]);
            /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
            for (int64_t l = 0; l < K; l++)
                code_sum[l] += Wm[j * K + l] * seen;
        }
        /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
        for (int64_t j = 0; j < K; j++)
            code[i * K + j] = cm[j] + code_sum[j];
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict cm = run->param[3];
    const real *restrict Wm = run->param[2];
    const real *restrict cs = run->param[5];
    const real *restrict Ws = run->param[4];
    const real *restrict c3 = run->param[9];
    const real *restrict W3 = run->param[8];
    const real *restrict c2 = run->param[7];
    const real *restrict W2 = run->param[6];
    unsigned char *work = run->work;
    real *restrict noise = ad_take(&work, sizeof(real), n * K);
    real *restrict x = ad_take(&work, sizeof(real), n * F);
    real *restrict seen = ad_take(&work, sizeof(real), n * H);
    real *restrict seen_sum = ad_take(&work, sizeof(real), n * H);
    real *restrict code_2 = ad_take(&work, sizeof(real), n * K);
    real *restrict code_sum = ad_take(&work, sizeof(real), n * K);
    real *restrict log_spread = ad_take(&work, sizeof(real), n * K);
    real *restrict log_spread_sum = ad_take(&work, sizeof(real), n * K);
    real *restrict logits_sum = ad_take(&work, sizeof(real), n * F);
    real *restrict drawn = ad_take(&work, sizeof(real), n * H);
    real *restrict drawn_sum = ad_take(&work, sizeof(real), n * H);
    real *restrict z = ad_take(&work, sizeof(real), n * K);
    real *restrict divergence_sum_sum = ad_take(&work, sizeof(real), n);

    /* vae.ad:31: let noise[n, k] ~ normal(0, 1) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < K; j++)
            noise[i * K + j] = (float)adrt_normal(run->seed, UINT64_C(0x6c092771d20768d1), run->step, 6 * i + j);
    for (int64_t i = 0; i < n * K; i++)
        if (!isfinite(noise[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 31, "noise", i, 0, noise[i]);
            return;
        }

    /* vae.ad:32: let new_noise[many, k] ~ normal(0, 1) */
    real new_noise[MANY * K];
    for (int64_t m = 0; m < MANY; m++)
        for (int64_t i = 0; i < K; i++)
            new_noise[m * K + i] = (float)adrt_normal(run->seed, UINT64_C(0xc30929a40f8e8b74), run->step, 6 * m + i);
    for (int64_t i = 0; i < (int64_t)MANY * K; i++)
        if (!isfinite(new_noise[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 32, "new_noise", i, 0, new_noise[i]);
            return;
        }

    /* vae.ad:34: let x[n, f] = X / 16 */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            x[i * F + j] = X[i * F + j] / 16.0f;
    for (int64_t i = 0; i < n * F; i++)
        if (!isfinite(x[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 34, "x", i, 0, x[i]);
            return;
        }

    /* vae.ad:35: let seen[n, h] = tanh(x @ W1 + c1) */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            seen_sum[i * H + j] = 0.0f;
        for (int64_t j = 0; j < F; j++) {
            const real x_ij = x[i * F + j];
            for (int64_t l = 0; l < H; l++)
                seen_sum[i * H + l] += x_ij * W1[j * H + l];
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < H; j++)
            seen[i * H + j] = ad_tanhf(c1[j] + seen_sum[i * H + j]);
    for (int64_t i = 0; i < n * H; i++)
        if (!isfinite(seen[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 35, "seen", i, 0, seen[i]);
            return;
        }

    /* vae.ad:36: let code[n, k] = seen @ Wm + cm */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < K; j++)
            code_sum[i * K + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real seen_ij = seen[i * H + j];
            for (int64_t l = 0; l < K; l++)
                code_sum[i * K + l] += seen_ij * Wm[j * K + l];
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < K; j++)
            code_2[i * K + j] = cm[j] + code_sum[i * K + j];
    for (int64_t i = 0; i < n * K; i++)
        if (!isfinite(code_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 36, "code", i, 0, code_2[i]);
            return;
        }

    /* vae.ad:37: let log_spread[n, k] = seen @ Ws + cs */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < K; j++)
            log_spread_sum[i * K + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real seen_ij = seen[i * H + j];
            for (int64_t l = 0; l < K; l++)
                log_spread_sum[i * K + l] += seen_ij * Ws[j * K + l];
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < K; j++)
            log_spread[i * K + j] = cs[j] + log_spread_sum[i * K + j];
    for (int64_t i = 0; i < n * K; i++)
        if (!isfinite(log_spread[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 37, "log_spread", i, 0, log_spread[i]);
            return;
        }

    /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < K; j++)
            z[i * K + j] = code_2[i * K + j] + noise[i * K + j] * ad_expf(log_spread[i * K + j]);

    /* vae.ad:27: let drawn = tanh(z @ W2 + c2) */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            drawn_sum[i * H + j] = 0.0f;
        for (int64_t j = 0; j < K; j++) {
            const real z_ij = z[i * K + j];
            for (int64_t l = 0; l < H; l++)
                drawn_sum[i * H + l] += W2[j * H + l] * z_ij;
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < H; j++)
            drawn[i * H + j] = ad_tanhf(c2[j] + drawn_sum[i * H + j]);

    /* vae.ad:28: drawn @ W3 + c3 */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++)
            logits_sum[i * F + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real drawn_ij = drawn[i * H + j];
            for (int64_t l = 0; l < F; l++)
                logits_sum[i * F + l] += W3[j * F + l] * drawn_ij;
        }
    }

    /* vae.ad:39: loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x) */
    ad_treef reconstruction_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++) {
            const real x_ij = x[i * F + j];
            const real t = c3[j] + logits_sum[i * F + j];
            ad_addf(&reconstruction_sum_total, (x_ij == 0.0f && t == -INFINITY ? 0.0f : x_ij * ad_softplusf(-t)) + (x_ij == 1.0f && t == INFINITY ? 0.0f : (1.0f - x_ij) * ad_softplusf(t)));
        }
    }
    const real reconstruction_sum = ad_totalf(&reconstruction_sum_total);
    const real reconstruction = 64.0f * (reconstruction_sum / (real)(64 * n));
    if (!isfinite(reconstruction)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 39, "reconstruction", 0, 0, reconstruction);
        return;
    }

    /* vae.ad:40: loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k)) */
    for (int64_t i = 0; i < n; i++) {
        real divergence_sum_sum_total = 0.0f;
        for (int64_t j = 0; j < K; j++) {
            const real code_2_ij = code_2[i * K + j];
            const real log_spread_ij = log_spread[i * K + j];
            divergence_sum_sum_total += (code_2_ij * code_2_ij + ad_expf(2.0f * log_spread_ij) - 1.0f) / 2.0f - log_spread_ij;
        }
        divergence_sum_sum[i] = divergence_sum_sum_total;
    }
    ad_treef divergence_sum_total = {0};
    for (int64_t i = 0; i < n; i++)
        ad_addf(&divergence_sum_total, divergence_sum_sum[i]);
    const real divergence_sum = ad_totalf(&divergence_sum_total);
    const real divergence = divergence_sum / (real)n;
    if (!isfinite(divergence)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 40, "divergence", 0, 0, divergence);
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
    used = ad_room(0, sizeof(real), n * K);    /* trace: noise */
    used = ad_room(used, sizeof(real), n * F);    /* trace: x */
    used = ad_room(used, sizeof(real), n * H);    /* trace: seen */
    used = ad_room(used, sizeof(real), n * H);    /* trace: seen_sum */
    used = ad_room(used, sizeof(real), n * K);    /* trace: code_2 */
    used = ad_room(used, sizeof(real), n * K);    /* trace: code_sum */
    used = ad_room(used, sizeof(real), n * K);    /* trace: log_spread */
    used = ad_room(used, sizeof(real), n * K);    /* trace: log_spread_sum */
    used = ad_room(used, sizeof(real), n * F);    /* trace: logits_sum */
    used = ad_room(used, sizeof(real), n * H);    /* trace: drawn */
    used = ad_room(used, sizeof(real), n * H);    /* trace: drawn_sum */
    used = ad_room(used, sizeof(real), n * K);    /* trace: z */
    used = ad_room(used, sizeof(real), n);    /* trace: divergence_sum_sum */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 7},
    {"f", AD_DIM_FIXED, 64, 0, 7},
    {"digits", AD_DIM_IDS, 0, 0, 7},
    {"h", AD_DIM_FIXED, 64, 0, 8},
    {"k", AD_DIM_FIXED, 6, 0, 9},
    {"many", AD_DIM_FIXED, 64, 0, 10},
};

static const AdData model_data[] = {
    {.name = "X", .line = 12, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 64, .ncolumns = 0, .columns = NULL},
    {.name = "digit", .line = 13, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"digit"}},
};

static const AdParam model_params[] = {
    {.name = "W1", .line = 15, .rank = 2, .axes = (const int[]){1, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c1", .line = 16, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "Wm", .line = 17, .rank = 2, .axes = (const int[]){3, 4}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "cm", .line = 18, .rank = 1, .axes = (const int[]){4}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "Ws", .line = 19, .rank = 2, .axes = (const int[]){3, 4}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "cs", .line = 20, .rank = 1, .axes = (const int[]){4}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W2", .line = 21, .rank = 2, .axes = (const int[]){4, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c2", .line = 22, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W3", .line = 23, .rank = 2, .axes = (const int[]){3, 1}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c3", .line = 24, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"reconstruction", 39, 1},
    {"divergence", 40, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "code", .line = 41, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 4}},
    {.name = "dreams", .line = 42, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){5, 1}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/digits.csv\"", 45},
    {"optimizer", "adam(lr = 0.003)", 46},
    {"epochs", "100", 46},
    {"batch", "100", 46},
    {"schedule", "cosine()", 46},
};

static const char model_source[] =
    "# A variational autoencoder: pictures of digits as clouds, from which new ones can be drawn.\n"
    "#\n"
    "# Where autoencoder.ad gives every picture a point, this gives it a cloud: a mean and a spread for each of 'k' numbers. In every\n"
    "# training step 'noise' is drawn anew and picks a point of the cloud, from which the picture must be found again. The\n"
    "# divergence keeps the clouds near the standard normal, so they overlap and leave no gaps: a point drawn from there decodes\n"
    "# to a digit that nobody wrote ('dreams'). Their sum bounds -log p(picture) from above (Kingma and Welling 2014).\n"
    "dim n batch, f, digits\n"
    "dim h = 64\n"
    "dim k = 6\n"
    "dim many = 64\n"
    "\n"
    "data X[n, f] from columns 0:64\n"
    "data digit[n] : index(digits) from column \"digit\"       # colours the pictures, nothing is learnt from it\n"
    "\n"
    "param W1[f, h] ~ glorot()\n"
    "param c1[h] = 0\n"
    "param Wm[h, k] ~ glorot()\n"
    "param cm[k] = 0\n"
    "param Ws[h, k] ~ glorot()\n"
    "param cs[k] = 0\n"
    "param W2[k, h] ~ glorot()\n"
    "param c2[h] = 0\n"
    "param W3[h, f] ~ glorot()\n"
    "param c3[f] = 0\n"
    "\n"
    "fn decode(z[b, i]) {\n"
    "    let drawn = tanh(z @ W2 + c2)\n"
    "    drawn @ W3 + c3\n"
    "}\n"
    "\n"
    "let noise[n, k] ~ normal(0, 1)\n"
    "let new_noise[many, k] ~ normal(0, 1)\n"
    "\n"
    "let x[n, f] = X / 16\n"
    "let seen[n, h] = tanh(x @ W1 + c1)\n"
    "let code[n, k] = seen @ Wm + cm\n"
    "let log_spread[n, k] = seen @ Ws + cs\n"
    "\n"
    "loss reconstruction = f * bce(decode(code + exp(log_spread) * noise), x)\n"
    "loss divergence = mean(sum((code^2 + exp(2 * log_spread) - 1) / 2 - log_spread, over = k))\n"
    "output code\n"
    "output dreams[many, f] = sigmoid(decode(new_noise))\n"
    "\n"
    "train {\n"
    "    data = \"data/digits.csv\"\n"
    "    optimizer = adam(lr = 0.003); epochs = 100; batch = 100; schedule = cosine()\n"
    "}\n"
    ;

const AdModel vae_model = {
    .name = "vae", .file = "vae.ad", .source = model_source, .f64 = 0,
    .ndims = 6, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 10, .params = model_params,
    .nlosses = 2, .losses = model_losses,
    .noutputs = 2, .outputs = model_outputs,
    .nsettings = 5, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &vae_model);
}
#endif
