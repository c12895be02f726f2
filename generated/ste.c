/* ste.c: a trainer for ste.ad, made by adc. Build: cc -O3 -march=native ste.c -ladrt -lm */
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
    F = 64,    /* dim f, ste.ad:10 */
    H = 32,    /* dim h, ste.ad:11 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    const int64_t digits = run->dims[2];
    real *restrict c1 = run->param[1];
    real *restrict c2 = run->param[3];
    real *restrict a1 = run->param[5];
    real *restrict a2 = run->param[7];

    /* ste.ad:27: param c1[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c1[i] = 0.0f;

    /* ste.ad:29: param c2[digits] = 0 */
    for (int64_t d = 0; d < digits; d++)
        c2[d] = 0.0f;

    /* ste.ad:31: param a1[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        a1[i] = 0.0f;

    /* ste.ad:33: param a2[digits] = 0 */
    for (int64_t d = 0; d < digits; d++)
        a2[d] = 0.0f;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t digits = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict a2 = run->param[7];
    const real *restrict V2 = run->param[6];
    const real *restrict a1 = run->param[5];
    const real *restrict V1 = run->param[4];
    real *restrict dW1 = run->grad[0];
    real *restrict dW2 = run->grad[2];
    real *restrict dc2 = run->grad[3];
    real *restrict dV1 = run->grad[4];
    real *restrict dV2 = run->grad[6];
    real *restrict da2 = run->grad[7];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict ternary = ad_take(&work, sizeof(real), (int64_t)H * digits);
    uint8_t *restrict big = ad_take(&work, sizeof(uint8_t), (int64_t)H * digits);
    real *restrict x_sum_2 = ad_take(&work, sizeof(real), n * H);
    real *restrict x = ad_take(&work, sizeof(real), n * F);
    uint8_t *restrict big_2 = ad_take(&work, sizeof(uint8_t), (int64_t)F * H);
    real *restrict x_sum_part = ad_take(&work, sizeof(real), digits);
    real *restrict free_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict x_sum_4 = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_part_2 = ad_take(&work, sizeof(real), digits);
    uint8_t *restrict dx_part = ad_take(&work, sizeof(uint8_t), digits);
    real *restrict dlogits = ad_take(&work, sizeof(real), digits);
    real *restrict dfree = ad_take(&work, sizeof(real), digits);

    for (int64_t i = 0; i < n; i++) {
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t j = 0; j < H; j++)
            x_sum_4[i * H + j] = 0.0f;
        for (int64_t j = 0; j < F; j++) {
            /* ste.ad:35: let x[n, f] = X / 16 */
            x[i * F + j] = X[i * F + j] / 16.0f;
            const real x_ij = x[i * F + j];
            /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
            for (int64_t k = 0; k < H; k++)
                x_sum_4[i * H + k] += x_ij * V1[j * H + k];
        }
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t d = 0; d < digits; d++)
            free_sum[i * digits + d] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real t = a1[j] + x_sum_4[i * H + j];
            const real t_2 = t <= 0.0f ? 0.0f : t;
            for (int64_t d = 0; d < digits; d++)
                free_sum[i * digits + d] += V2[j * digits + d] * t_2;
        }
    }

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    real big_sum_2 = 0.0f;
    int64_t i = 0;
#ifdef AD_LANES
    lanes big_sum_2_lanes = {0};
    for (; i < F - F % LANES; i += LANES)
        for (int64_t j = 0; j < H; j++)
            big_sum_2_lanes += ad_lane_absf(ad_loadf(&W1[i * H + j], H));
    big_sum_2 += ad_sumf(big_sum_2_lanes);
#endif
    for (; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            big_sum_2 += fabsf(W1[i * H + j]);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_3_total = {0};
    int64_t size_sum_4 = 0;
    const real t = 0.7f * (big_sum_2 / 2048.0f);

    for (int64_t j = 0; j < F; j++) {
        for (int64_t k = 0; k < H; k++) {
            const real t_2 = fabsf(W1[j * H + k]);
            /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
            big_2[j * H + k] = t < t_2;
            const bool big_2_jk = big_2[j * H + k];
            /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
            ad_addf(&size_sum_3_total, big_2_jk ? t_2 : 0.0f);
            size_sum_4 += (int64_t)big_2_jk;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    const real size_sum_3 = ad_totalf(&size_sum_3_total);
    const real size_2 = size_sum_3 / (real)size_sum_4;

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    memset(x_sum_2, 0, sizeof(real) * (size_t)(n * H));

    for (int64_t j = 0; j < F; j++) {
        /* ste.ad:17: fn ternary(W[i, o]) { */
        real ternary_2[H];
        for (int64_t k = 0; k < H; k++)
            ternary_2[k] = big_2[j * H + k] ? size_2 * ad_signf(W1[j * H + k]) : 0.0f;
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t k = 0; k < n; k++) {
            const real x_kj = x[k * F + j];
            for (int64_t l = 0; l < H; l++)
                x_sum_2[k * H + l] += x_kj * ternary_2[l];
        }
    }

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    real big_sum = 0.0f;
    int64_t j = 0;
#ifdef AD_LANES
    lanes big_sum_lanes = {0};
    for (; j < H - H % LANES; j += LANES)
        for (int64_t k = 0; k < digits; k++)
            big_sum_lanes += ad_lane_absf(ad_loadf(&W2[j * digits + k], digits));
    big_sum += ad_sumf(big_sum_lanes);
#endif
    for (; j < H; j++)
        for (int64_t k = 0; k < digits; k++)
            big_sum += fabsf(W2[j * digits + k]);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_total = {0};
    int64_t size_sum_2 = 0;
    const real t_2 = 0.7f * (big_sum / (real)(32 * digits));

    for (int64_t k = 0; k < H; k++) {
        for (int64_t d = 0; d < digits; d++) {
            const real t_3 = fabsf(W2[k * digits + d]);
            /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
            big[k * digits + d] = t_2 < t_3;
            const bool big_kd = big[k * digits + d];
            /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
            ad_addf(&size_sum_total, big_kd ? t_3 : 0.0f);
            size_sum_2 += (int64_t)big_kd;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    const real size_sum = ad_totalf(&size_sum_total);
    const real size = size_sum / (real)size_sum_2;

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    memset(logits_sum, 0, sizeof(real) * (size_t)(n * digits));

    for (int64_t k = 0; k < H; k++) {
        /* ste.ad:17: fn ternary(W[i, o]) { */
        for (int64_t d = 0; d < digits; d++)
            ternary[k * digits + d] = big[k * digits + d] ? size * ad_signf(W2[k * digits + d]) : 0.0f;
        const real c1_k = c1[k];
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t l = 0; l < n; l++) {
            const real t_3 = c1_k + x_sum_2[l * H + k];
            const real t_4 = t_3 <= 0.0f ? 0.0f : t_3;
            for (int64_t d = 0; d < digits; d++)
                logits_sum[l * digits + d] += ternary[k * digits + d] * t_4;
        }
    }

    /* backward of ste.ad:40 */
    const real dlogits_part = 1.0f / (real)n;

    /* ste.ad:39: loss error = cross_entropy(logits, y) */
    ad_treef error_sum_total = {0};

    /* ste.ad:40: loss error_free = cross_entropy(free, y) */
    ad_treef error_free_sum_total = {0};

    /* backward of ste.ad:39 */
    memset(da2, 0, sizeof(real) * (size_t)digits);
    memset(dV2, 0, sizeof(real) * (size_t)((int64_t)H * digits));
    real da1[H] = {0};
    memset(dV1, 0, sizeof(real) * (size_t)((int64_t)F * H));
    memset(dc2, 0, sizeof(real) * (size_t)digits);
    memset(dW2, 0, sizeof(real) * (size_t)((int64_t)H * digits));
    real dc1[H] = {0};
    memset(dW1, 0, sizeof(real) * (size_t)((int64_t)F * H));

    for (int64_t k = 0; k < n; k++) {
        /* ste.ad:39: loss error = cross_entropy(logits, y) */
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t l = 0; l < digits; l++) {
            const real t_3 = c2[l] + logits_sum[k * digits + l];
            if (t_3 > x_argmax_best || (isnan(t_3) && !isnan(x_argmax_best))) {
                x_argmax_best = t_3;
                x_argmax = l;
            }
        }
        real x_sum = 0.0f;
        const real t_3 = c2[x_argmax] + logits_sum[k * digits + x_argmax];
        for (int64_t l = 0; l < digits; l++) {
            const real t_4 = c2[l] + logits_sum[k * digits + l];
            x_sum_part[l] = ad_expf(t_4 - t_3);
            x_sum += l == x_argmax || t_4 == -INFINITY ? 0.0f : x_sum_part[l];
        }
        const int64_t y_k = y[k];
        ad_addf(&error_sum_total, ad_log1pf(x_sum) - (x_argmax == y_k ? 0.0f : c2[y_k] + logits_sum[k * digits + y_k] - t_3));
        /* ste.ad:40: loss error_free = cross_entropy(free, y) */
        real x_argmax_2_best = -INFINITY;
        int64_t x_argmax_2 = 0;
        for (int64_t l = 0; l < digits; l++) {
            const real t_4 = a2[l] + free_sum[k * digits + l];
            if (t_4 > x_argmax_2_best || (isnan(t_4) && !isnan(x_argmax_2_best))) {
                x_argmax_2_best = t_4;
                x_argmax_2 = l;
            }
        }
        real x_sum_3 = 0.0f;
        const real t_4 = a2[x_argmax_2] + free_sum[k * digits + x_argmax_2];
        for (int64_t l = 0; l < digits; l++) {
            const real t_5 = a2[l] + free_sum[k * digits + l];
            x_sum_part_2[l] = ad_expf(t_5 - t_4);
            x_sum_3 += l == x_argmax_2 || t_5 == -INFINITY ? 0.0f : x_sum_part_2[l];
        }
        ad_addf(&error_free_sum_total, ad_log1pf(x_sum_3) - (y_k == x_argmax_2 ? 0.0f : a2[y_k] + free_sum[k * digits + y_k] - t_4));
        /* backward of ste.ad:40 */
        const real dfree_part = dlogits_part / (x_sum_3 + 1.0f);
        /* ste.ad:39: loss error = cross_entropy(logits, y) */
        real dm_sum_2 = 0.0f;
        for (int64_t l = 0; l < digits; l++)
            dm_sum_2 += l == x_argmax_2 || a2[l] + free_sum[k * digits + l] == -INFINITY ? 0.0f : -(x_sum_part_2[l] * dfree_part);
        const bool c = y_k != x_argmax_2;
        /* ste.ad:40: loss error_free = cross_entropy(free, y) */
        const real dm_2 = dm_sum_2 + (c ? dlogits_part : 0.0f);
        /* backward of ste.ad:39 */
        const real dlogits_part_2 = dlogits_part / (x_sum + 1.0f);
        /* ste.ad:39: loss error = cross_entropy(logits, y) */
        real dm_sum = 0.0f;
        for (int64_t l = 0; l < digits; l++)
            dm_sum += l == x_argmax || c2[l] + logits_sum[k * digits + l] == -INFINITY ? 0.0f : -(x_sum_part[l] * dlogits_part_2);
        const bool c_2 = x_argmax != y_k;
        const real dm = dm_sum + (c_2 ? dlogits_part : 0.0f);
        /* backward of ste.ad:39 */
        real dx_2[H] = {0};
        for (int64_t d = 0; d < digits; d++) {
            const bool c_3 = d == x_argmax_2;
            /* backward of ste.ad:37 */
            dfree[d] = (c && d == y_k ? -dlogits_part : 0.0f) + (c_3 || a2[d] + free_sum[k * digits + d] == -INFINITY ? 0.0f : x_sum_part_2[d] * dfree_part) + (c_3 ? dm_2 : 0.0f);
            const real dfree_d = dfree[d];
            /* backward of ste.ad:39 */
            da2[d] += dfree_d;
            for (int64_t l = 0; l < H; l++)
                dx_2[l] += a1[l] + x_sum_4[k * H + l] <= 0.0f ? 0.0f : V2[l * digits + d] * dfree_d;
        }
        /* backward of ste.ad:39 */
        for (int64_t l = 0; l < H; l++) {
            const real t_5 = a1[l] + x_sum_4[k * H + l];
            const real t_6 = t_5 <= 0.0f ? 0.0f : t_5;
            for (int64_t d = 0; d < digits; d++)
                dV2[l * digits + d] += dfree[d] * t_6;
            da1[l] += dx_2[l];
        }
        /* ste.ad:39: loss error = cross_entropy(logits, y) */
        bool dx_part_any = false;
        for (int64_t d = 0; d < digits; d++) {
            const bool c_3 = d == x_argmax;
            const bool c_4 = c_3 || c2[d] + logits_sum[k * digits + d] == -INFINITY;
            /* backward of ste.ad:36 */
            dlogits[d] = (c_2 && d == y_k ? -dlogits_part : 0.0f) + (c_4 ? 0.0f : x_sum_part[d] * dlogits_part_2) + (c_3 ? dm : 0.0f);
            /* backward of ste.ad:39 */
            dc2[d] += dlogits[d];
            /* ste.ad:39: loss error = cross_entropy(logits, y) */
            dx_part_any = dx_part_any || (!c_4);
        }
        const bool c_3 = dx_part_any || c_2;
        /* ste.ad:36: let logits[n, digits] = net(x, ternary(W1), c1, ternary(W2), c2) */
        for (int64_t d = 0; d < digits; d++) {
            const bool c_4 = d == x_argmax;
            dx_part[d] = (c_2 && d == y_k) || !(c_4 || c2[d] + logits_sum[k * digits + d] == -INFINITY) || (c_4 && c_3);
        }
        /* backward of ste.ad:39 */
        real dx[H];
        for (int64_t l = 0; l < H; l++) {
            real dx_total = 0.0f;
            const real t_5 = c1[l] + x_sum_2[k * H + l];
            const bool c_4 = t_5 <= 0.0f;
            for (int64_t p = 0; p < digits; p++) {
                const bool dx_part_p = dx_part[p];
                const real dlogits_p = dlogits[p];
                dx_total += c_4 ? 0.0f : dx_part_p ? ternary[l * digits + p] * dlogits_p : 0.0f;
                dW2[l * digits + p] += dx_part_p && !c_4 ? dlogits_p * t_5 : 0.0f;
            }
            dx[l] = dx_total;
            dc1[l] += dx[l];
        }
        for (int64_t l = 0; l < F; l++) {
            const real x_kl = x[k * F + l];
            for (int64_t p = 0; p < H; p++)
                dV1[l * H + p] += x_kl * dx_2[p];
            for (int64_t p = 0; p < H; p++)
                dW1[l * H + p] += x_kl * dx[p];
        }
    }

    /* ste.ad:40: loss error_free = cross_entropy(free, y) */
    const real error_free_sum = ad_totalf(&error_free_sum_total);

    /* ste.ad:39: loss error = cross_entropy(logits, y) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;

    /* ste.ad:40: loss error_free = cross_entropy(free, y) */
    const real error_free = error_free_sum / (real)n;
    run->loss[0] = error;
    run->loss[1] = error_free;
    memcpy(run->grad[1], dc1, sizeof dc1);
    memcpy(run->grad[5], da1, sizeof da1);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t digits = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict a2 = run->param[7];
    const real *restrict V2 = run->param[6];
    const real *restrict a1 = run->param[5];
    const real *restrict V1 = run->param[4];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict ternary = ad_take(&work, sizeof(real), digits);
    uint8_t *restrict big = ad_take(&work, sizeof(uint8_t), (int64_t)H * digits);
    real *restrict x_sum_2 = ad_take(&work, sizeof(real), n * H);
    real *restrict x = ad_take(&work, sizeof(real), n * F);
    uint8_t *restrict big_2 = ad_take(&work, sizeof(uint8_t), (int64_t)F * H);
    real *restrict free_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict z_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict ternary_3 = ad_take(&work, sizeof(real), digits);
    uint8_t *restrict big_3 = ad_take(&work, sizeof(uint8_t), (int64_t)H * digits);
    real *restrict x_sum_5 = ad_take(&work, sizeof(real), n * H);
    uint8_t *restrict big_4 = ad_take(&work, sizeof(uint8_t), (int64_t)F * H);

    for (int64_t i = 0; i < n; i++) {
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        real x_sum_4[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            /* ste.ad:35: let x[n, f] = X / 16 */
            x[i * F + j] = X[i * F + j] / 16.0f;
            const real x_ij = x[i * F + j];
            /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
            for (int64_t k = 0; k < H; k++)
                x_sum_4[k] += x_ij * V1[j * H + k];
        }
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t d = 0; d < digits; d++)
            free_sum[i * digits + d] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real t = a1[j] + x_sum_4[j];
            const real t_2 = t <= 0.0f ? 0.0f : t;
            for (int64_t d = 0; d < digits; d++)
                free_sum[i * digits + d] += V2[j * digits + d] * t_2;
        }
    }

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    real big_sum_2 = 0.0f;
    int64_t i = 0;
#ifdef AD_LANES
    lanes big_sum_2_lanes = {0};
    for (; i < F - F % LANES; i += LANES)
        for (int64_t j = 0; j < H; j++)
            big_sum_2_lanes += ad_lane_absf(ad_loadf(&W1[i * H + j], H));
    big_sum_2 += ad_sumf(big_sum_2_lanes);
#endif
    for (; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            big_sum_2 += fabsf(W1[i * H + j]);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_3_total = {0};
    int64_t size_sum_4 = 0;
    const real t = 0.7f * (big_sum_2 / 2048.0f);

    for (int64_t j = 0; j < F; j++) {
        for (int64_t k = 0; k < H; k++) {
            const real t_2 = fabsf(W1[j * H + k]);
            /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
            big_2[j * H + k] = t < t_2;
            const bool big_2_jk = big_2[j * H + k];
            /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
            ad_addf(&size_sum_3_total, big_2_jk ? t_2 : 0.0f);
            size_sum_4 += (int64_t)big_2_jk;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    const real size_sum_3 = ad_totalf(&size_sum_3_total);
    const real size_2 = size_sum_3 / (real)size_sum_4;

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    memset(x_sum_2, 0, sizeof(real) * (size_t)(n * H));

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    ad_treef big_sum_4_total = {0};

    for (int64_t j = 0; j < F; j++) {
        /* ste.ad:17: fn ternary(W[i, o]) { */
        real ternary_2[H];
        for (int64_t k = 0; k < H; k++)
            ternary_2[k] = big_2[j * H + k] ? size_2 * ad_signf(W1[j * H + k]) : 0.0f;
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t k = 0; k < n; k++) {
            const real x_kj = x[k * F + j];
            for (int64_t l = 0; l < H; l++)
                x_sum_2[k * H + l] += x_kj * ternary_2[l];
        }
        /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
        for (int64_t k = 0; k < H; k++)
            ad_addf(&big_sum_4_total, fabsf(V1[j * H + k]));
    }

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    const real big_sum_4 = ad_totalf(&big_sum_4_total);
    real big_sum = 0.0f;
    int64_t j = 0;
#ifdef AD_LANES
    lanes big_sum_lanes = {0};
    for (; j < H - H % LANES; j += LANES)
        for (int64_t k = 0; k < digits; k++)
            big_sum_lanes += ad_lane_absf(ad_loadf(&W2[j * digits + k], digits));
    big_sum += ad_sumf(big_sum_lanes);
#endif
    for (; j < H; j++)
        for (int64_t k = 0; k < digits; k++)
            big_sum += fabsf(W2[j * digits + k]);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_total = {0};
    int64_t size_sum_2 = 0;
    const real t_2 = 0.7f * (big_sum / (real)(32 * digits));

    for (int64_t k = 0; k < H; k++) {
        for (int64_t d = 0; d < digits; d++) {
            const real t_3 = fabsf(W2[k * digits + d]);
            /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
            big[k * digits + d] = t_2 < t_3;
            const bool big_kd = big[k * digits + d];
            /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
            ad_addf(&size_sum_total, big_kd ? t_3 : 0.0f);
            size_sum_2 += (int64_t)big_kd;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    const real size_sum = ad_totalf(&size_sum_total);
    const real size = size_sum / (real)size_sum_2;

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    memset(logits_sum, 0, sizeof(real) * (size_t)(n * digits));

    for (int64_t k = 0; k < H; k++) {
        /* ste.ad:17: fn ternary(W[i, o]) { */
        for (int64_t d = 0; d < digits; d++)
            ternary[d] = big[k * digits + d] ? size * ad_signf(W2[k * digits + d]) : 0.0f;
        const real c1_k = c1[k];
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t l = 0; l < n; l++) {
            const real t_3 = c1_k + x_sum_2[l * H + k];
            const real t_4 = t_3 <= 0.0f ? 0.0f : t_3;
            for (int64_t d = 0; d < digits; d++)
                logits_sum[l * digits + d] += ternary[d] * t_4;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_7_total = {0};
    int64_t size_sum_8 = 0;
    const real t_3 = 0.7f * (big_sum_4 / 2048.0f);

    for (int64_t k = 0; k < F; k++) {
        for (int64_t l = 0; l < H; l++) {
            const real t_4 = fabsf(V1[k * H + l]);
            /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
            big_4[k * H + l] = t_3 < t_4;
            const bool big_4_kl = big_4[k * H + l];
            /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
            ad_addf(&size_sum_7_total, big_4_kl ? t_4 : 0.0f);
            size_sum_8 += (int64_t)big_4_kl;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    const real size_sum_7 = ad_totalf(&size_sum_7_total);
    const real size_4 = size_sum_7 / (real)size_sum_8;

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    memset(x_sum_5, 0, sizeof(real) * (size_t)(n * H));

    for (int64_t k = 0; k < F; k++) {
        /* ste.ad:17: fn ternary(W[i, o]) { */
        real ternary_4[H];
        for (int64_t l = 0; l < H; l++)
            ternary_4[l] = big_4[k * H + l] ? size_4 * ad_signf(V1[k * H + l]) : 0.0f;
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t l = 0; l < n; l++) {
            const real x_lk = x[l * F + k];
            for (int64_t p = 0; p < H; p++)
                x_sum_5[l * H + p] += x_lk * ternary_4[p];
        }
    }

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    real big_sum_3 = 0.0f;
    int64_t k = 0;
#ifdef AD_LANES
    lanes big_sum_3_lanes = {0};
    for (; k < H - H % LANES; k += LANES)
        for (int64_t l = 0; l < digits; l++)
            big_sum_3_lanes += ad_lane_absf(ad_loadf(&V2[k * digits + l], digits));
    big_sum_3 += ad_sumf(big_sum_3_lanes);
#endif
    for (; k < H; k++)
        for (int64_t l = 0; l < digits; l++)
            big_sum_3 += fabsf(V2[k * digits + l]);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_5_total = {0};
    int64_t size_sum_6 = 0;
    const real t_4 = 0.7f * (big_sum_3 / (real)(32 * digits));

    for (int64_t l = 0; l < H; l++) {
        for (int64_t d = 0; d < digits; d++) {
            const real t_5 = fabsf(V2[l * digits + d]);
            /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
            big_3[l * digits + d] = t_4 < t_5;
            const bool big_3_ld = big_3[l * digits + d];
            /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
            ad_addf(&size_sum_5_total, big_3_ld ? t_5 : 0.0f);
            size_sum_6 += (int64_t)big_3_ld;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    const real size_sum_5 = ad_totalf(&size_sum_5_total);
    const real size_3 = size_sum_5 / (real)size_sum_6;

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    memset(z_sum, 0, sizeof(real) * (size_t)(n * digits));

    for (int64_t l = 0; l < H; l++) {
        /* ste.ad:17: fn ternary(W[i, o]) { */
        for (int64_t d = 0; d < digits; d++)
            ternary_3[d] = big_3[l * digits + d] ? size_3 * ad_signf(V2[l * digits + d]) : 0.0f;
        const real a1_l = a1[l];
        /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
        for (int64_t p = 0; p < n; p++) {
            const real t_5 = a1_l + x_sum_5[p * H + l];
            const real t_6 = t_5 <= 0.0f ? 0.0f : t_5;
            for (int64_t d = 0; d < digits; d++)
                z_sum[p * digits + d] += ternary_3[d] * t_6;
        }
    }

    /* ste.ad:39: loss error = cross_entropy(logits, y) */
    ad_treef error_sum_total = {0};

    /* ste.ad:40: loss error_free = cross_entropy(free, y) */
    ad_treef error_free_sum_total = {0};

    /* ste.ad:24: fn hits(z[b, q], t[b]) = mean(argmax(z, over = q) == t) */
    int64_t aware_sum = 0;
    int64_t unrounded_sum = 0;
    int64_t rounded_sum = 0;

    for (int64_t l = 0; l < n; l++) {
        /* ste.ad:39: loss error = cross_entropy(logits, y) */
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t p = 0; p < digits; p++) {
            const real t_5 = c2[p] + logits_sum[l * digits + p];
            if (t_5 > x_argmax_best || (isnan(t_5) && !isnan(x_argmax_best))) {
                x_argmax_best = t_5;
                x_argmax = p;
            }
        }
        real x_sum = 0.0f;
        const real t_5 = c2[x_argmax] + logits_sum[l * digits + x_argmax];
        for (int64_t p = 0; p < digits; p++) {
            const real t_6 = c2[p] + logits_sum[l * digits + p];
            x_sum += p == x_argmax || t_6 == -INFINITY ? 0.0f : ad_expf(t_6 - t_5);
        }
        const int64_t y_l = y[l];
        const bool c = x_argmax == y_l;
        ad_addf(&error_sum_total, ad_log1pf(x_sum) - (c ? 0.0f : c2[y_l] + logits_sum[l * digits + y_l] - t_5));
        /* ste.ad:40: loss error_free = cross_entropy(free, y) */
        real x_argmax_2_best = -INFINITY;
        int64_t x_argmax_2 = 0;
        for (int64_t p = 0; p < digits; p++) {
            const real t_6 = a2[p] + free_sum[l * digits + p];
            if (t_6 > x_argmax_2_best || (isnan(t_6) && !isnan(x_argmax_2_best))) {
                x_argmax_2_best = t_6;
                x_argmax_2 = p;
            }
        }
        real x_sum_3 = 0.0f;
        /* ste.ad:24: fn hits(z[b, q], t[b]) = mean(argmax(z, over = q) == t) */
        real x_argmax_3_best = -INFINITY;
        int64_t x_argmax_3 = 0;
        const real t_6 = a2[x_argmax_2] + free_sum[l * digits + x_argmax_2];
        for (int64_t p = 0; p < digits; p++) {
            const real a2_p = a2[p];
            const real t_7 = a2_p + free_sum[l * digits + p];
            /* ste.ad:40: loss error_free = cross_entropy(free, y) */
            x_sum_3 += p == x_argmax_2 || t_7 == -INFINITY ? 0.0f : ad_expf(t_7 - t_6);
            const real t_8 = a2_p + z_sum[l * digits + p];
            /* ste.ad:24: fn hits(z[b, q], t[b]) = mean(argmax(z, over = q) == t) */
            if (t_8 > x_argmax_3_best || (isnan(t_8) && !isnan(x_argmax_3_best))) {
                x_argmax_3_best = t_8;
                x_argmax_3 = p;
            }
        }
        const bool c_2 = y_l == x_argmax_2;
        /* ste.ad:40: loss error_free = cross_entropy(free, y) */
        ad_addf(&error_free_sum_total, ad_log1pf(x_sum_3) - (c_2 ? 0.0f : a2[y_l] + free_sum[l * digits + y_l] - t_6));
        /* ste.ad:24: fn hits(z[b, q], t[b]) = mean(argmax(z, over = q) == t) */
        aware_sum += (int64_t)c;
        unrounded_sum += (int64_t)c_2;
        rounded_sum += (int64_t)(y_l == x_argmax_3);
    }

    /* ste.ad:40: loss error_free = cross_entropy(free, y) */
    const real error_free_sum = ad_totalf(&error_free_sum_total);

    /* ste.ad:39: loss error = cross_entropy(logits, y) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;

    /* ste.ad:40: loss error_free = cross_entropy(free, y) */
    const real error_free = error_free_sum / (real)n;

    /* ste.ad:41: metric aware = hits(logits, y) */
    const real aware = (real)aware_sum / (real)n;

    /* ste.ad:42: metric unrounded = hits(free, y) */
    const real unrounded = (real)unrounded_sum / (real)n;

    /* ste.ad:43: metric rounded = hits(net(x, ternary(V1), a1, ternary(V2), a2), y) */
    const real rounded = (real)rounded_sum / (real)n;
    run->loss[0] = error;
    run->loss[1] = error_free;
    run->metric[0] = aware;
    run->metric[1] = unrounded;
    run->metric[2] = rounded;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const real *restrict W1 = run->param[0];
    real *restrict W = run->output[0];
    unsigned char *work = run->work;
    uint8_t *restrict big = ad_take(&work, sizeof(uint8_t), (int64_t)F * H);

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    ad_treef big_sum_total = {0};
    for (int64_t i = 0; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            ad_addf(&big_sum_total, fabsf(W1[i * H + j]));
    const real big_sum = ad_totalf(&big_sum_total);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_total = {0};
    int64_t size_sum_2 = 0;
    const real t = 0.7f * (big_sum / 2048.0f);

    for (int64_t i = 0; i < F; i++) {
        for (int64_t j = 0; j < H; j++) {
            const real t_2 = fabsf(W1[i * H + j]);
            /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
            big[i * H + j] = t < t_2;
            const bool big_ij = big[i * H + j];
            /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
            ad_addf(&size_sum_total, big_ij ? t_2 : 0.0f);
            size_sum_2 += (int64_t)big_ij;
        }
    }

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    const real size_sum = ad_totalf(&size_sum_total);
    const real size = size_sum / (real)size_sum_2;

    /* ste.ad:17: fn ternary(W[i, o]) { */
    for (int64_t i = 0; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            W[i * H + j] = big[i * H + j] ? size * ad_signf(W1[i * H + j]) : 0.0f;
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t digits = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict a2 = run->param[7];
    const real *restrict V2 = run->param[6];
    const real *restrict a1 = run->param[5];
    const real *restrict V1 = run->param[4];
    unsigned char *work = run->work;
    real *restrict x = ad_take(&work, sizeof(real), n * F);
    real *restrict logits = ad_take(&work, sizeof(real), n * digits);
    real *restrict logits_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict ternary = ad_take(&work, sizeof(real), (int64_t)H * digits);
    uint8_t *restrict big = ad_take(&work, sizeof(uint8_t), (int64_t)H * digits);
    real *restrict x_sum = ad_take(&work, sizeof(real), n * H);
    real *restrict ternary_2 = ad_take(&work, sizeof(real), (int64_t)F * H);
    uint8_t *restrict big_2 = ad_take(&work, sizeof(uint8_t), (int64_t)F * H);
    real *restrict free_ = ad_take(&work, sizeof(real), n * digits);
    real *restrict free_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict x_sum_2 = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_3 = ad_take(&work, sizeof(real), n);
    int64_t *restrict x_argmax = ad_take(&work, sizeof(int64_t), n);
    real *restrict x_sum_4 = ad_take(&work, sizeof(real), n);
    int64_t *restrict x_argmax_2 = ad_take(&work, sizeof(int64_t), n);

    /* ste.ad:35: let x[n, f] = X / 16 */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            x[i * F + j] = X[i * F + j] / 16.0f;
    for (int64_t i = 0; i < n * F; i++)
        if (!isfinite(x[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 35, "x", i, 0, x[i]);
            return;
        }

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    ad_treef big_sum_total = {0};
    for (int64_t i = 0; i < H; i++)
        for (int64_t j = 0; j < digits; j++)
            ad_addf(&big_sum_total, fabsf(W2[i * digits + j]));
    const real big_sum = ad_totalf(&big_sum_total);
    const real t = 0.7f * (big_sum / (real)(32 * digits));
    for (int64_t i = 0; i < H; i++)
        for (int64_t d = 0; d < digits; d++)
            big[i * digits + d] = t < fabsf(W2[i * digits + d]);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_total = {0};
    for (int64_t i = 0; i < H; i++)
        for (int64_t j = 0; j < digits; j++)
            ad_addf(&size_sum_total, big[i * digits + j] ? fabsf(W2[i * digits + j]) : 0.0f);
    const real size_sum = ad_totalf(&size_sum_total);
    int64_t size_sum_2 = 0;
    for (int64_t i = 0; i < H; i++)
        for (int64_t j = 0; j < digits; j++)
            size_sum_2 += (int64_t)big[i * digits + j];
    const real size = size_sum / (real)size_sum_2;

    /* ste.ad:17: fn ternary(W[i, o]) { */
    for (int64_t i = 0; i < H; i++)
        for (int64_t d = 0; d < digits; d++)
            ternary[i * digits + d] = big[i * digits + d] ? size * ad_signf(W2[i * digits + d]) : 0.0f;

    /* ste.ad:18: let big = abs(W) > 0.7 * mean(abs(W)) */
    ad_treef big_sum_2_total = {0};
    for (int64_t i = 0; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            ad_addf(&big_sum_2_total, fabsf(W1[i * H + j]));
    const real big_sum_2 = ad_totalf(&big_sum_2_total);
    const real t_2 = 0.7f * (big_sum_2 / 2048.0f);
    for (int64_t i = 0; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            big_2[i * H + j] = t_2 < fabsf(W1[i * H + j]);

    /* ste.ad:19: let size = sum(where(big, abs(W), 0)) / sum(big) */
    ad_treef size_sum_3_total = {0};
    for (int64_t i = 0; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            ad_addf(&size_sum_3_total, big_2[i * H + j] ? fabsf(W1[i * H + j]) : 0.0f);
    const real size_sum_3 = ad_totalf(&size_sum_3_total);
    int64_t size_sum_4 = 0;
    for (int64_t i = 0; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            size_sum_4 += (int64_t)big_2[i * H + j];
    const real size_2 = size_sum_3 / (real)size_sum_4;

    /* ste.ad:17: fn ternary(W[i, o]) { */
    for (int64_t i = 0; i < F; i++)
        for (int64_t j = 0; j < H; j++)
            ternary_2[i * H + j] = big_2[i * H + j] ? size_2 * ad_signf(W1[i * H + j]) : 0.0f;

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum[i * H + j] = 0.0f;
        for (int64_t j = 0; j < F; j++) {
            const real x_ij = x[i * F + j];
            for (int64_t k = 0; k < H; k++)
                x_sum[i * H + k] += x_ij * ternary_2[j * H + k];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t d = 0; d < digits; d++)
            logits_sum[i * digits + d] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real t_3 = c1[j] + x_sum[i * H + j];
            const real t_4 = t_3 <= 0.0f ? 0.0f : t_3;
            for (int64_t d = 0; d < digits; d++)
                logits_sum[i * digits + d] += ternary[j * digits + d] * t_4;
        }
    }

    /* ste.ad:36: let logits[n, digits] = net(x, ternary(W1), c1, ternary(W2), c2) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < digits; d++)
            logits[i * digits + d] = c2[d] + logits_sum[i * digits + d];
    for (int64_t i = 0; i < n * digits; i++)
        if (!isfinite(logits[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 36, "logits", i, 0, logits[i]);
            return;
        }

    /* ste.ad:23: fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2 */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum_2[i * H + j] = 0.0f;
        for (int64_t j = 0; j < F; j++) {
            const real x_ij = x[i * F + j];
            for (int64_t k = 0; k < H; k++)
                x_sum_2[i * H + k] += x_ij * V1[j * H + k];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t d = 0; d < digits; d++)
            free_sum[i * digits + d] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real t_3 = a1[j] + x_sum_2[i * H + j];
            const real t_4 = t_3 <= 0.0f ? 0.0f : t_3;
            for (int64_t d = 0; d < digits; d++)
                free_sum[i * digits + d] += V2[j * digits + d] * t_4;
        }
    }

    /* ste.ad:37: let free[n, digits] = net(x, V1, a1, V2, a2) */
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < digits; d++)
            free_[i * digits + d] = a2[d] + free_sum[i * digits + d];
    for (int64_t i = 0; i < n * digits; i++)
        if (!isfinite(free_[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 37, "free", i, 0, free_[i]);
            return;
        }

    /* ste.ad:39: loss error = cross_entropy(logits, y) */
    for (int64_t i = 0; i < n; i++) {
        real x_argmax_best = -INFINITY;
        int64_t x_argmax_total = 0;
        for (int64_t j = 0; j < digits; j++) {
            const real logits_ij = logits[i * digits + j];
            if (logits_ij > x_argmax_best || (isnan(logits_ij) && !isnan(x_argmax_best))) {
                x_argmax_best = logits_ij;
                x_argmax_total = j;
            }
        }
        x_argmax[i] = x_argmax_total;
    }
    for (int64_t i = 0; i < n; i++) {
        real x_sum_3_total = 0.0f;
        const int64_t x_argmax_i = x_argmax[i];
        const real logits_iat = logits[i * digits + x_argmax_i];
        for (int64_t j = 0; j < digits; j++) {
            const real logits_ij = logits[i * digits + j];
            x_sum_3_total += j == x_argmax_i || logits_ij == -INFINITY ? 0.0f : ad_expf(logits_ij - logits_iat);
        }
        x_sum_3[i] = x_sum_3_total;
    }
    ad_treef error_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t x_argmax_i = x_argmax[i];
        const int64_t y_i = y[i];
        ad_addf(&error_sum_total, ad_log1pf(x_sum_3[i]) - (x_argmax_i == y_i ? 0.0f : logits[i * digits + y_i] - logits[i * digits + x_argmax_i]));
    }
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 39, "error", 0, 0, error);
        return;
    }

    /* ste.ad:40: loss error_free = cross_entropy(free, y) */
    for (int64_t i = 0; i < n; i++) {
        real x_argmax_2_best = -INFINITY;
        int64_t x_argmax_2_total = 0;
        for (int64_t j = 0; j < digits; j++) {
            const real free__ij = free_[i * digits + j];
            if (free__ij > x_argmax_2_best || (isnan(free__ij) && !isnan(x_argmax_2_best))) {
                x_argmax_2_best = free__ij;
                x_argmax_2_total = j;
            }
        }
        x_argmax_2[i] = x_argmax_2_total;
    }
    for (int64_t i = 0; i < n; i++) {
        real x_sum_4_total = 0.0f;
        const int64_t x_argmax_2_i = x_argmax_2[i];
        const real free__iat = free_[i * digits + x_argmax_2_i];
        for (int64_t j = 0; j < digits; j++) {
            const real free__ij = free_[i * digits + j];
            x_sum_4_total += j == x_argmax_2_i || free__ij == -INFINITY ? 0.0f : ad_expf(free__ij - free__iat);
        }
        x_sum_4[i] = x_sum_4_total;
    }
    ad_treef error_free_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t y_i = y[i];
        const int64_t x_argmax_2_i = x_argmax_2[i];
        ad_addf(&error_free_sum_total, ad_log1pf(x_sum_4[i]) - (y_i == x_argmax_2_i ? 0.0f : free_[i * digits + y_i] - free_[i * digits + x_argmax_2_i]));
    }
    const real error_free_sum = ad_totalf(&error_free_sum_total);
    const real error_free = error_free_sum / (real)n;
    if (!isfinite(error_free)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 40, "error_free", 0, 0, error_free);
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
    const int64_t digits = dims[2];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * digits);    /* step: logits_sum */
    used = ad_room(used, sizeof(real), (int64_t)H * digits);    /* step: ternary */
    used = ad_room(used, sizeof(uint8_t), (int64_t)H * digits);    /* step: big */
    used = ad_room(used, sizeof(real), n * H);    /* step: x_sum_2 */
    used = ad_room(used, sizeof(real), n * F);    /* step: x */
    used = ad_room(used, sizeof(uint8_t), (int64_t)F * H);    /* step: big_2 */
    used = ad_room(used, sizeof(real), digits);    /* step: x_sum_part */
    used = ad_room(used, sizeof(real), n * digits);    /* step: free_sum */
    used = ad_room(used, sizeof(real), n * H);    /* step: x_sum_4 */
    used = ad_room(used, sizeof(real), digits);    /* step: x_sum_part_2 */
    used = ad_room(used, sizeof(uint8_t), digits);    /* step: dx_part */
    used = ad_room(used, sizeof(real), digits);    /* step: dlogits */
    used = ad_room(used, sizeof(real), digits);    /* step: dfree */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), n * digits);    /* eval: logits_sum */
    used = ad_room(used, sizeof(real), digits);    /* eval: ternary */
    used = ad_room(used, sizeof(uint8_t), (int64_t)H * digits);    /* eval: big */
    used = ad_room(used, sizeof(real), n * H);    /* eval: x_sum_2 */
    used = ad_room(used, sizeof(real), n * F);    /* eval: x */
    used = ad_room(used, sizeof(uint8_t), (int64_t)F * H);    /* eval: big_2 */
    used = ad_room(used, sizeof(real), n * digits);    /* eval: free_sum */
    used = ad_room(used, sizeof(real), n * digits);    /* eval: z_sum */
    used = ad_room(used, sizeof(real), digits);    /* eval: ternary_3 */
    used = ad_room(used, sizeof(uint8_t), (int64_t)H * digits);    /* eval: big_3 */
    used = ad_room(used, sizeof(real), n * H);    /* eval: x_sum_5 */
    used = ad_room(used, sizeof(uint8_t), (int64_t)F * H);    /* eval: big_4 */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(uint8_t), (int64_t)F * H);    /* output: big */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    const int64_t digits = dims[2];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * F);    /* trace: x */
    used = ad_room(used, sizeof(real), n * digits);    /* trace: logits */
    used = ad_room(used, sizeof(real), n * digits);    /* trace: logits_sum */
    used = ad_room(used, sizeof(real), (int64_t)H * digits);    /* trace: ternary */
    used = ad_room(used, sizeof(uint8_t), (int64_t)H * digits);    /* trace: big */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum */
    used = ad_room(used, sizeof(real), (int64_t)F * H);    /* trace: ternary_2 */
    used = ad_room(used, sizeof(uint8_t), (int64_t)F * H);    /* trace: big_2 */
    used = ad_room(used, sizeof(real), n * digits);    /* trace: free_ */
    used = ad_room(used, sizeof(real), n * digits);    /* trace: free_sum */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum_2 */
    used = ad_room(used, sizeof(real), n);    /* trace: x_sum_3 */
    used = ad_room(used, sizeof(int64_t), n);    /* trace: x_argmax */
    used = ad_room(used, sizeof(real), n);    /* trace: x_sum_4 */
    used = ad_room(used, sizeof(int64_t), n);    /* trace: x_argmax_2 */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 10},
    {"f", AD_DIM_FIXED, 64, 0, 10},
    {"digits", AD_DIM_IDS, 0, 0, 10},
    {"h", AD_DIM_FIXED, 32, 0, 11},
};

static const AdData model_data[] = {
    {.name = "X", .line = 13, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 64, .ncolumns = 0, .columns = NULL},
    {.name = "y", .line = 14, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"digit"}},
};

static const AdParam model_params[] = {
    {.name = "W1", .line = 26, .rank = 2, .axes = (const int[]){1, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c1", .line = 27, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W2", .line = 28, .rank = 2, .axes = (const int[]){3, 2}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c2", .line = 29, .rank = 1, .axes = (const int[]){2}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "V1", .line = 30, .rank = 2, .axes = (const int[]){1, 3}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "a1", .line = 31, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "V2", .line = 32, .rank = 2, .axes = (const int[]){3, 2}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "a2", .line = 33, .rank = 1, .axes = (const int[]){2}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 39, 1},
    {"error_free", 40, 1},
};

static const AdScalar model_metrics[] = {
    {"aware", 41, 1},
    {"unrounded", 42, 1},
    {"rounded", 43, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "W", .line = 44, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){1, 3}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/digits.csv\"", 47},
    {"optimizer", "adam(lr = 0.005)", 48},
    {"epochs", "60", 48},
    {"batch", "100", 48},
    {"schedule", "cosine()", 48},
    {"split", "[0.8, 0, 0.2]", 49},
};

static const char model_source[] =
    "# Weights of -1, 0 and 1: a network trained for being rounded.\n"
    "#\n"
    "# Rounding has the derivative 0, so nothing could be learnt through it. 'ternary' has a rule of its own: the value is\n"
    "# rounded, the gradient goes straight through, as if it were not (Bengio, Leonard and Courville 2013). The step sees what\n"
    "# the rounded network does wrong and moves the weights behind it, until they round to something else. For comparison the\n"
    "# same network is trained without rounding, and rounded at the end: 'rounded' against 'aware'.\n"
    "#\n"
    "# 'check-grad' disagrees with the gradient in W1 and W2, as it should: it is not that of the loss. In c1 it meets kinks: sums\n"
    "# of a few equal weights and grey values are often exactly 0, where relu bends.\n"
    "dim n batch, f, digits\n"
    "dim h = 32\n"
    "\n"
    "data X[n, f] from columns 0:64\n"
    "data y[n] : index(digits) from column \"digit\"\n"
    "\n"
    "# round(W / size) in -1, 0, 1; the sizes are those of Li, Zhang and Liu, \"Ternary weight networks\", 2016\n"
    "fn ternary(W[i, o]) {\n"
    "    let big = abs(W) > 0.7 * mean(abs(W))\n"
    "    let size = sum(where(big, abs(W), 0)) / sum(big)\n"
    "    where(big, size * sign(W), 0)\n"
    "} vjp (dW) = dW\n"
    "\n"
    "fn net(x[b, i], V1[i, o], b1[o], V2[o, q], b2[q]) = relu(x @ V1 + b1) @ V2 + b2\n"
    "fn hits(z[b, q], t[b]) = mean(argmax(z, over = q) == t)\n"
    "\n"
    "param W1[f, h] ~ glorot()\n"
    "param c1[h] = 0\n"
    "param W2[h, digits] ~ glorot()\n"
    "param c2[digits] = 0\n"
    "param V1[f, h] ~ glorot()\n"
    "param a1[h] = 0\n"
    "param V2[h, digits] ~ glorot()\n"
    "param a2[digits] = 0\n"
    "\n"
    "let x[n, f] = X / 16\n"
    "let logits[n, digits] = net(x, ternary(W1), c1, ternary(W2), c2)\n"
    "let free[n, digits] = net(x, V1, a1, V2, a2)\n"
    "\n"
    "loss error = cross_entropy(logits, y)\n"
    "loss error_free = cross_entropy(free, y)\n"
    "metric aware = hits(logits, y)\n"
    "metric unrounded = hits(free, y)\n"
    "metric rounded = hits(net(x, ternary(V1), a1, ternary(V2), a2), y)\n"
    "output W = ternary(W1)\n"
    "\n"
    "train {\n"
    "    data = \"data/digits.csv\"\n"
    "    optimizer = adam(lr = 0.005); epochs = 60; batch = 100; schedule = cosine()\n"
    "    split = [0.8, 0, 0.2]\n"
    "}\n"
    ;

const AdModel ste_model = {
    .name = "ste", .file = "ste.ad", .source = model_source, .f64 = 0,
    .ndims = 4, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 8, .params = model_params,
    .nlosses = 2, .losses = model_losses,
    .nmetrics = 3, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 6, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .own_slope = "'ternary' has a vjp of its own",
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &ste_model);
}
#endif
