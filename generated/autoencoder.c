/* autoencoder.c: a trainer for autoencoder.ad, made by adc. Build: cc -O3 -march=native autoencoder.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef float real;
#ifdef AD_LANES
typedef ad_lanesf lanes;    /* several rows at once */
typedef ad_intsf ints;
typedef int32_t lane_int;
enum { LANES = (int)(sizeof(lanes) / sizeof(real)) };
#endif

enum {
    F = 64,    /* dim f, autoencoder.ad:7 */
    H = 32,    /* dim h, autoencoder.ad:8 */
    K = 2,    /* dim k, autoencoder.ad:9 */
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
    real *restrict c2 = run->param[3];
    real *restrict c3 = run->param[5];
    real *restrict c4 = run->param[7];

    /* autoencoder.ad:17: param c1[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c1[i] = 0.0f;

    /* autoencoder.ad:19: param c2[k] = 0 */
    for (int64_t i = 0; i < K; i++)
        c2[i] = 0.0f;

    /* autoencoder.ad:21: param c3[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c3[i] = 0.0f;

    /* autoencoder.ad:23: param c4[f] = 0 */
    for (int64_t i = 0; i < F; i++)
        c4[i] = 0.0f;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict c4 = run->param[7];
    const real *restrict W4 = run->param[6];
    const real *restrict c3 = run->param[5];
    const real *restrict W3 = run->param[4];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    real *restrict dW1 = run->grad[0];
    real *restrict dW4 = run->grad[6];

    /* autoencoder.ad:30: metric pca = mean((lowrank(x - mean(x, over = n), k) - (x - mean(x, over = n)))^2) */
    const bool v = 0 <= ad_imin(n, 64) - 2;

    /* backward of autoencoder.ad:29 */
    const real dback_part = 1.0f / (real)(64 * n);

    /* autoencoder.ad:29: loss error = mse(back, x) */
    ad_treef error_sum_total = {0};

    /* backward of autoencoder.ad:29 */
    real dc4[F] = {0};
    memset(dW4, 0, sizeof(real) * (size_t)((int64_t)H * F));
    real dc3[H] = {0};
    real dW3[K * H] = {0};
    real dc2[K] = {0};
    real dW2[H * K] = {0};
    real dc1[H] = {0};
    memset(dW1, 0, sizeof(real) * (size_t)((int64_t)F * H));

    for (int64_t i = 0; i < n; i++) {
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real x_sum_2[H] = {0};
        /* autoencoder.ad:25: let x[n, f] = X / 16 */
        real x_3[F];
        for (int64_t j = 0; j < F; j++) {
            /* autoencoder.ad:25: let x[n, f] = X / 16 */
            x_3[j] = X[i * F + j] / 16.0f;
            const real x_3_j = x_3[j];
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < H; l++)
                x_sum_2[l] += W1[j * H + l] * x_3_j;
        }
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real code_sum[K] = {0};
        /* autoencoder.ad:26: let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2) */
        real x_2[H];
        for (int64_t j = 0; j < H; j++) {
            /* autoencoder.ad:26: let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2) */
            x_2[j] = ad_tanhf(c1[j] + x_sum_2[j]);
            const real x_2_j = x_2[j];
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < K; l++)
                code_sum[l] += W2[j * K + l] * x_2_j;
        }
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real x_sum[H] = {0};
        for (int64_t j = 0; j < K; j++) {
            const real t = c2[j] + code_sum[j];
            for (int64_t l = 0; l < H; l++)
                x_sum[l] += W3[j * H + l] * t;
        }
        real back_sum[F] = {0};
        /* autoencoder.ad:27: let back[n, f] = layer(tanh(layer(code, W3, c3)), W4, c4) */
        real x[H];
        for (int64_t j = 0; j < H; j++) {
            /* autoencoder.ad:27: let back[n, f] = layer(tanh(layer(code, W3, c3)), W4, c4) */
            x[j] = ad_tanhf(c3[j] + x_sum[j]);
            const real x_j = x[j];
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < F; l++)
                back_sum[l] += W4[j * F + l] * x_j;
        }
        /* backward of autoencoder.ad:27 */
        real dback[F];
        for (int64_t j = 0; j < F; j++) {
            const real t = c4[j] + back_sum[j] - x_3[j];
            /* autoencoder.ad:29: loss error = mse(back, x) */
            ad_addf(&error_sum_total, t * t);
            /* backward of autoencoder.ad:27 */
            dback[j] = 2.0f * (dback_part * t);
            /* backward of autoencoder.ad:29 */
            dc4[j] += dback[j];
        }
        /* backward of autoencoder.ad:14 */
        real dcode_part[H];
        for (int64_t j = 0; j < H; j++) {
            /* backward of autoencoder.ad:29 */
            real dx_2 = 0.0f;
            const real x_j = x[j];
            for (int64_t l = 0; l < F; l++) {
                const real dback_l = dback[l];
                dx_2 += W4[j * F + l] * dback_l;
                dW4[j * F + l] += x_j * dback_l;
            }
            const real t = dx_2 * ad_sech2f(c3[j] + x_sum[j]);
            dc3[j] += t;
            /* backward of autoencoder.ad:14 */
            dcode_part[j] = t;
        }
        /* backward of autoencoder.ad:29 */
        real dcode[K];
        for (int64_t j = 0; j < K; j++) {
            real dcode_total = 0.0f;
            const real t = c2[j] + code_sum[j];
            for (int64_t l = 0; l < H; l++) {
                const real dcode_part_l = dcode_part[l];
                dcode_total += W3[j * H + l] * dcode_part_l;
                dW3[j * H + l] += dcode_part_l * t;
            }
            dcode[j] = dcode_total;
            dc2[j] += dcode[j];
        }
        /* backward of autoencoder.ad:14 */
        real dW1_part[H];
        for (int64_t j = 0; j < H; j++) {
            /* backward of autoencoder.ad:29 */
            real dx = 0.0f;
            const real x_2_j = x_2[j];
            for (int64_t l = 0; l < K; l++) {
                const real dcode_l = dcode[l];
                dx += W2[j * K + l] * dcode_l;
                dW2[j * K + l] += x_2_j * dcode_l;
            }
            const real t = dx * ad_sech2f(c1[j] + x_sum_2[j]);
            dc1[j] += t;
            /* backward of autoencoder.ad:14 */
            dW1_part[j] = t;
        }
        /* backward of autoencoder.ad:29 */
        for (int64_t j = 0; j < F; j++) {
            const real x_3_j = x_3[j];
            for (int64_t l = 0; l < H; l++)
                dW1[j * H + l] += x_3_j * dW1_part[l];
        }
    }

    /* autoencoder.ad:29: loss error = mse(back, x) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)(64 * n);
    if (!v) {
        adrt_fault(run, AD_FAULT_OPAQUE, 30, "the matrix of lowrank has no such rank (metric pca = mean((lowrank(x - mean(x, over = n), k) - (x - mean(x, over = n)))^2))", 0, 0, 0);
        return;
    }
    run->loss[0] = error;
    memcpy(run->grad[1], dc1, sizeof dc1);
    memcpy(run->grad[2], dW2, sizeof dW2);
    memcpy(run->grad[3], dc2, sizeof dc2);
    memcpy(run->grad[4], dW3, sizeof dW3);
    memcpy(run->grad[5], dc3, sizeof dc3);
    memcpy(run->grad[7], dc4, sizeof dc4);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict c4 = run->param[7];
    const real *restrict W4 = run->param[6];
    const real *restrict c3 = run->param[5];
    const real *restrict W3 = run->param[4];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    unsigned char *work = run->work;
    real *restrict x_3 = ad_take(&work, sizeof(real), n * F);
    real *restrict x_part = ad_take(&work, sizeof(real), n * F);
    real *restrict v_2 = ad_take(&work, sizeof(real), n * F);

    /* autoencoder.ad:29: loss error = mse(back, x) */
    ad_treef error_sum_total = {0};

    /* autoencoder.ad:30: metric pca = mean((lowrank(x - mean(x, over = n), k) - (x - mean(x, over = n)))^2) */
    real x_sum_3[F] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real x_sum_2[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            /* autoencoder.ad:25: let x[n, f] = X / 16 */
            x_3[i * F + j] = X[i * F + j] / 16.0f;
            const real x_3_ij = x_3[i * F + j];
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < H; l++)
                x_sum_2[l] += W1[j * H + l] * x_3_ij;
        }
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real code_sum[K] = {0};
        for (int64_t j = 0; j < H; j++) {
            /* autoencoder.ad:26: let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2) */
            const real x_2 = ad_tanhf(c1[j] + x_sum_2[j]);
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < K; l++)
                code_sum[l] += W2[j * K + l] * x_2;
        }
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real x_sum[H] = {0};
        for (int64_t j = 0; j < K; j++) {
            const real t = c2[j] + code_sum[j];
            for (int64_t l = 0; l < H; l++)
                x_sum[l] += W3[j * H + l] * t;
        }
        real back_sum[F] = {0};
        for (int64_t j = 0; j < H; j++) {
            /* autoencoder.ad:27: let back[n, f] = layer(tanh(layer(code, W3, c3)), W4, c4) */
            const real x = ad_tanhf(c3[j] + x_sum[j]);
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < F; l++)
                back_sum[l] += W4[j * F + l] * x;
        }
        for (int64_t j = 0; j < F; j++) {
            const real x_3_ij = x_3[i * F + j];
            const real t = c4[j] + back_sum[j] - x_3_ij;
            /* autoencoder.ad:29: loss error = mse(back, x) */
            ad_addf(&error_sum_total, t * t);
            /* autoencoder.ad:30: metric pca = mean((lowrank(x - mean(x, over = n), k) - (x - mean(x, over = n)))^2) */
            x_sum_3[j] += x_3_ij;
        }
    }

    /* autoencoder.ad:29: loss error = mse(back, x) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)(64 * n);

    /* autoencoder.ad:30: metric pca = mean((lowrank(x - mean(x, over = n), k) - (x - mean(x, over = n)))^2) */
    int64_t i = 0;
#ifdef AD_LANES
    for (; i < n - n % LANES; i += LANES)
        for (int64_t j = 0; j < F; j++)
            ad_storef(&v_2[i * F + j], F, ad_loadf(&x_3[i * F + j], F) - x_sum_3[j] / (real)n);
#endif
    for (; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            v_2[i * F + j] = x_3[i * F + j] - x_sum_3[j] / (real)n;
    const bool v = 0 <= ad_imin(n, 64) - 2;
    adrt_lowrank(run, 0, v_2, n, F, 2, x_part);
    real pca_sum = 0.0f;
    int64_t j = 0;
#ifdef AD_LANES
    lanes pca_sum_lanes = {0};
    for (; j < n - n % LANES; j += LANES) {
        for (int64_t l = 0; l < F; l++) {
            const lanes t = ad_loadf(&x_part[j * F + l], F) - (ad_loadf(&x_3[j * F + l], F) - x_sum_3[l] / (real)n);
            pca_sum_lanes += t * t;
        }
    }
    pca_sum += ad_sumf(pca_sum_lanes);
#endif
    for (; j < n; j++) {
        for (int64_t l = 0; l < F; l++) {
            const real t = x_part[j * F + l] - (x_3[j * F + l] - x_sum_3[l] / (real)n);
            pca_sum += t * t;
        }
    }
    const real pca = pca_sum / (real)(64 * n);
    if (!v) {
        adrt_fault(run, AD_FAULT_OPAQUE, 30, "the matrix of lowrank has no such rank (metric pca = mean((lowrank(x - mean(x, over = n), k) - (x - mean(x, over = n)))^2))", 0, 0, 0);
        return;
    }
    run->loss[0] = error;
    run->metric[0] = pca;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    real *restrict code = run->output[0];

    for (int64_t i = 0; i < n; i++) {
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real x_sum[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            /* autoencoder.ad:25: let x[n, f] = X / 16 */
            const real x_2 = X[i * F + j] / 16.0f;
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < H; l++)
                x_sum[l] += W1[j * H + l] * x_2;
        }
        /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
        real code_sum[K] = {0};
        for (int64_t j = 0; j < H; j++) {
            /* autoencoder.ad:26: let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2) */
            const real x = ad_tanhf(c1[j] + x_sum[j]);
            /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
            for (int64_t l = 0; l < K; l++)
                code_sum[l] += W2[j * K + l] * x;
        }
        /* autoencoder.ad:26: let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2) */
        for (int64_t j = 0; j < K; j++)
            code[i * K + j] = c2[j] + code_sum[j];
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict c4 = run->param[7];
    const real *restrict W4 = run->param[6];
    const real *restrict c3 = run->param[5];
    const real *restrict W3 = run->param[4];
    unsigned char *work = run->work;
    real *restrict x = ad_take(&work, sizeof(real), n * F);
    real *restrict code_2 = ad_take(&work, sizeof(real), n * K);
    real *restrict code_sum = ad_take(&work, sizeof(real), n * K);
    real *restrict x_2 = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum = ad_take(&work, sizeof(real), n * H);
    real *restrict back = ad_take(&work, sizeof(real), n * F);
    real *restrict back_sum = ad_take(&work, sizeof(real), n * F);
    real *restrict x_3 = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_2 = ad_take(&work, sizeof(real), n * H);

    /* autoencoder.ad:25: let x[n, f] = X / 16 */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            x[i * F + j] = X[i * F + j] / 16.0f;
    for (int64_t i = 0; i < n * F; i++)
        if (!isfinite(x[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 25, "x", i, 0, x[i]);
            return;
        }

    /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum[i * H + j] = 0.0f;
        for (int64_t j = 0; j < F; j++) {
            const real x_ij = x[i * F + j];
            for (int64_t l = 0; l < H; l++)
                x_sum[i * H + l] += x_ij * W1[j * H + l];
        }
    }

    /* autoencoder.ad:26: let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < H; j++)
            x_2[i * H + j] = ad_tanhf(c1[j] + x_sum[i * H + j]);

    /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < K; j++)
            code_sum[i * K + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real x_2_ij = x_2[i * H + j];
            for (int64_t l = 0; l < K; l++)
                code_sum[i * K + l] += W2[j * K + l] * x_2_ij;
        }
    }

    /* autoencoder.ad:26: let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < K; j++)
            code_2[i * K + j] = c2[j] + code_sum[i * K + j];
    for (int64_t i = 0; i < n * K; i++)
        if (!isfinite(code_2[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 26, "code", i, 0, code_2[i]);
            return;
        }

    /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum_2[i * H + j] = 0.0f;
        for (int64_t j = 0; j < K; j++) {
            const real code_2_ij = code_2[i * K + j];
            for (int64_t l = 0; l < H; l++)
                x_sum_2[i * H + l] += code_2_ij * W3[j * H + l];
        }
    }

    /* autoencoder.ad:27: let back[n, f] = layer(tanh(layer(code, W3, c3)), W4, c4) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < H; j++)
            x_3[i * H + j] = ad_tanhf(c3[j] + x_sum_2[i * H + j]);

    /* autoencoder.ad:14: fn layer(x[b, i], W[i, o], c[o]) = x @ W + c */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++)
            back_sum[i * F + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real x_3_ij = x_3[i * H + j];
            for (int64_t l = 0; l < F; l++)
                back_sum[i * F + l] += W4[j * F + l] * x_3_ij;
        }
    }

    /* autoencoder.ad:27: let back[n, f] = layer(tanh(layer(code, W3, c3)), W4, c4) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            back[i * F + j] = c4[j] + back_sum[i * F + j];
    for (int64_t i = 0; i < n * F; i++)
        if (!isfinite(back[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 27, "back", i, 0, back[i]);
            return;
        }

    /* autoencoder.ad:29: loss error = mse(back, x) */
    ad_treef error_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++) {
            const real t = back[i * F + j] - x[i * F + j];
            ad_addf(&error_sum_total, t * t);
        }
    }
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)(64 * n);
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 29, "error", 0, 0, error);
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
    used = ad_room(0, sizeof(real), n * F);    /* eval: x_3 */
    used = ad_room(used, sizeof(real), n * F);    /* eval: x_part */
    used = ad_room(used, sizeof(real), n * F);    /* eval: v_2 */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * F);    /* trace: x */
    used = ad_room(used, sizeof(real), n * K);    /* trace: code_2 */
    used = ad_room(used, sizeof(real), n * K);    /* trace: code_sum */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_2 */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum */
    used = ad_room(used, sizeof(real), n * F);    /* trace: back */
    used = ad_room(used, sizeof(real), n * F);    /* trace: back_sum */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_3 */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum_2 */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 7},
    {"f", AD_DIM_FIXED, 64, 0, 7},
    {"digits", AD_DIM_IDS, 0, 0, 7},
    {"h", AD_DIM_FIXED, 32, 0, 8},
    {"k", AD_DIM_FIXED, 2, 0, 9},
};

static const AdData model_data[] = {
    {.name = "X", .line = 11, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 64, .ncolumns = 0, .columns = NULL},
    {.name = "digit", .line = 12, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"digit"}},
};

static const AdParam model_params[] = {
    {.name = "W1", .line = 16, .rank = 2, .axes = (const int[]){1, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c1", .line = 17, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W2", .line = 18, .rank = 2, .axes = (const int[]){3, 4}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c2", .line = 19, .rank = 1, .axes = (const int[]){4}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W3", .line = 20, .rank = 2, .axes = (const int[]){4, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c3", .line = 21, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W4", .line = 22, .rank = 2, .axes = (const int[]){3, 1}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c4", .line = 23, .rank = 1, .axes = (const int[]){1}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 29, 1},
};

static const AdScalar model_metrics[] = {
    {"pca", 30, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "code", .line = 31, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 4}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/digits.csv\"", 34},
    {"optimizer", "adam(lr = 0.005)", 35},
    {"epochs", "100", 35},
    {"batch", "100", 35},
};

static const char model_source[] =
    "# An autoencoder: pictures of digits through a bottleneck of two numbers, and back.\n"
    "#\n"
    "# The network is asked for its own input. All it can keep of a picture's 64 pixels are the two numbers of 'code', so it\n"
    "# must find out what tells the pictures apart. It never sees which digit a picture shows; 'digit' only colours the report,\n"
    "# in which the kinds form islands. Without the two tanh layers it would find the plane of the first two principal\n"
    "# components ('metric pca' is that plane's error on the same data).\n"
    "dim n batch, f, digits\n"
    "dim h = 32\n"
    "dim k = 2\n"
    "\n"
    "data X[n, f] from columns 0:64                        # grey values from 0 to 16\n"
    "data digit[n] : index(digits) from column \"digit\"\n"
    "\n"
    "fn layer(x[b, i], W[i, o], c[o]) = x @ W + c\n"
    "\n"
    "param W1[f, h] ~ glorot()\n"
    "param c1[h] = 0\n"
    "param W2[h, k] ~ glorot()\n"
    "param c2[k] = 0\n"
    "param W3[k, h] ~ glorot()\n"
    "param c3[h] = 0\n"
    "param W4[h, f] ~ glorot()\n"
    "param c4[f] = 0\n"
    "\n"
    "let x[n, f] = X / 16\n"
    "let code[n, k] = layer(tanh(layer(x, W1, c1)), W2, c2)\n"
    "let back[n, f] = layer(tanh(layer(code, W3, c3)), W4, c4)\n"
    "\n"
    "loss error = mse(back, x)\n"
    "metric pca = mean((lowrank(x - mean(x, over = n), k) - (x - mean(x, over = n)))^2)\n"
    "output code\n"
    "\n"
    "train {\n"
    "    data = \"data/digits.csv\"\n"
    "    optimizer = adam(lr = 0.005); epochs = 100; batch = 100\n"
    "}\n"
    ;

const AdModel autoencoder_model = {
    .name = "autoencoder", .file = "autoencoder.ad", .source = model_source, .f64 = 0,
    .ndims = 5, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 8, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 4, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &autoencoder_model);
}
#endif
