/* mnist.c: a trainer for mnist.ad, made by adc. Build: cc -O3 -march=native mnist.c -ladrt -lm */
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
    F = 64,    /* dim f, mnist.ad:7 */
    H = 128,    /* dim h, mnist.ad:8 */
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
    real *restrict c3 = run->param[5];
    real *restrict c4 = run->param[7];

    /* mnist.ad:16: param c1[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c1[i] = 0.0f;

    /* mnist.ad:18: param c2[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c2[i] = 0.0f;

    /* mnist.ad:20: param c3[h] = 0 */
    for (int64_t i = 0; i < H; i++)
        c3[i] = 0.0f;

    /* mnist.ad:22: param c4[digits] = 0 */
    for (int64_t d = 0; d < digits; d++)
        c4[d] = 0.0f;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t digits = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict c4 = run->param[7];
    const real *restrict W4 = run->param[6];
    const real *restrict c3 = run->param[5];
    const real *restrict W3 = run->param[4];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    real *restrict dW1 = run->grad[0];
    real *restrict dW2 = run->grad[2];
    real *restrict dW3 = run->grad[4];
    real *restrict dW4 = run->grad[6];
    real *restrict dc4 = run->grad[7];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), digits);
    real *restrict x_sum_part_3 = ad_take(&work, sizeof(real), digits);
    real *restrict dlogits = ad_take(&work, sizeof(real), digits);

    /* mnist.ad:24: let x[n, f] = X / std(X) */
    real m_sum = 0.0f;
    int64_t i = 0;
#ifdef AD_LANES
    lanes m_sum_lanes = {0};
    for (; i < n - n % LANES; i += LANES)
        for (int64_t j = 0; j < F; j++)
            m_sum_lanes += ad_loadf(&X[i * F + j], F);
    m_sum += ad_sumf(m_sum_lanes);
#endif
    for (; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            m_sum += X[i * F + j];
    const real m = m_sum / (real)(64 * n);
    real v_sum = 0.0f;
    int64_t j = 0;
#ifdef AD_LANES
    lanes v_sum_lanes = {0};
    for (; j < n - n % LANES; j += LANES) {
        for (int64_t k = 0; k < F; k++) {
            const lanes t = ad_loadf(&X[j * F + k], F) - m;
            v_sum_lanes += t * t;
        }
    }
    v_sum += ad_sumf(v_sum_lanes);
#endif
    for (; j < n; j++) {
        for (int64_t k = 0; k < F; k++) {
            const real t = X[j * F + k] - m;
            v_sum += t * t;
        }
    }
    const real v = v_sum / (real)(64 * n);

    /* backward of mnist.ad:28 */
    const real dlogits_part = 1.0f / (real)n;

    /* mnist.ad:28: loss error = cross_entropy(logits, y) */
    ad_treef error_sum_total = {0};

    /* backward of mnist.ad:28 */
    memset(dc4, 0, sizeof(real) * (size_t)digits);
    memset(dW4, 0, sizeof(real) * (size_t)((int64_t)H * digits));
    real dc3[H] = {0};
    memset(dW3, 0, sizeof(real) * (size_t)((int64_t)H * H));
    real dc2[H] = {0};
    memset(dW2, 0, sizeof(real) * (size_t)((int64_t)H * H));
    real dc1[H] = {0};
    memset(dW1, 0, sizeof(real) * (size_t)((int64_t)F * H));
    const real t = v == 0.0f ? 0.0f : sqrtf(v);

    for (int64_t k = 0; k < n; k++) {
        /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
        real x_sum_4[H] = {0};
        /* mnist.ad:24: let x[n, f] = X / std(X) */
        real x[F];
        for (int64_t l = 0; l < F; l++) {
            /* mnist.ad:24: let x[n, f] = X / std(X) */
            x[l] = X[k * F + l] / t;
            const real x_l = x[l];
            /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
            for (int64_t q = 0; q < H; q++)
                x_sum_4[q] += W1[l * H + q] * x_l;
        }
        /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
        real x_sum_3[H] = {0};
        real x_sum_part_2[H];
        for (int64_t l = 0; l < H; l++) {
            const real t_2 = c1[l] + x_sum_4[l];
            x_sum_part_2[l] = 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680f4c86090f35), run->step, 128 * k + l) ? (t_2 <= 0.0f ? 0.0f : t_2) / 0.8f : 0.0f;
            const real x_sum_part_2_l = x_sum_part_2[l];
            for (int64_t q = 0; q < H; q++)
                x_sum_3[q] += W2[l * H + q] * x_sum_part_2_l;
        }
        real x_sum_2[H] = {0};
        real x_sum_part[H];
        for (int64_t l = 0; l < H; l++) {
            const real t_2 = c2[l] + x_sum_3[l];
            x_sum_part[l] = 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680c4c86090a1c), run->step, 128 * k + l) ? (t_2 <= 0.0f ? 0.0f : t_2) / 0.8f : 0.0f;
            const real x_sum_part_l = x_sum_part[l];
            for (int64_t q = 0; q < H; q++)
                x_sum_2[q] += W3[l * H + q] * x_sum_part_l;
        }
        /* mnist.ad:26: let logits[n, digits] = z @ W4 + c4 */
        memset(logits_sum, 0, sizeof(real) * (size_t)digits);
        /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
        real logits_sum_part[H];
        for (int64_t l = 0; l < H; l++) {
            const real t_2 = c3[l] + x_sum_2[l];
            /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
            logits_sum_part[l] = 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680d4c86090bcf), run->step, 128 * k + l) ? (t_2 <= 0.0f ? 0.0f : t_2) / 0.8f : 0.0f;
            const real logits_sum_part_l = logits_sum_part[l];
            /* mnist.ad:26: let logits[n, digits] = z @ W4 + c4 */
            for (int64_t d = 0; d < digits; d++)
                logits_sum[d] += W4[l * digits + d] * logits_sum_part_l;
        }
        /* mnist.ad:28: loss error = cross_entropy(logits, y) */
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t l = 0; l < digits; l++) {
            const real t_2 = c4[l] + logits_sum[l];
            if (t_2 > x_argmax_best || (isnan(t_2) && !isnan(x_argmax_best))) {
                x_argmax_best = t_2;
                x_argmax = l;
            }
        }
        real x_sum = 0.0f;
        const real t_2 = c4[x_argmax] + logits_sum[x_argmax];
        for (int64_t l = 0; l < digits; l++) {
            const real t_3 = c4[l] + logits_sum[l];
            x_sum_part_3[l] = ad_expf(t_3 - t_2);
            x_sum += l == x_argmax || t_3 == -INFINITY ? 0.0f : x_sum_part_3[l];
        }
        const int64_t y_k = y[k];
        ad_addf(&error_sum_total, ad_log1pf(x_sum) - (x_argmax == y_k ? 0.0f : c4[y_k] + logits_sum[y_k] - t_2));
        /* backward of mnist.ad:28 */
        const real dlogits_part_2 = dlogits_part / (x_sum + 1.0f);
        /* mnist.ad:28: loss error = cross_entropy(logits, y) */
        real dm_sum = 0.0f;
        for (int64_t l = 0; l < digits; l++)
            dm_sum += l == x_argmax || c4[l] + logits_sum[l] == -INFINITY ? 0.0f : -(x_sum_part_3[l] * dlogits_part_2);
        const bool c = x_argmax != y_k;
        const real dm = dm_sum + (c ? dlogits_part : 0.0f);
        for (int64_t d = 0; d < digits; d++) {
            const bool c_2 = d == x_argmax;
            /* backward of mnist.ad:26 */
            dlogits[d] = (c && d == y_k ? -dlogits_part : 0.0f) + (c_2 || c4[d] + logits_sum[d] == -INFINITY ? 0.0f : x_sum_part_3[d] * dlogits_part_2) + (c_2 ? dm : 0.0f);
            /* backward of mnist.ad:28 */
            dc4[d] += dlogits[d];
        }
        /* backward of mnist.ad:13 */
        real dx_3[H];
        for (int64_t l = 0; l < H; l++) {
            /* backward of mnist.ad:28 */
            real dz = 0.0f;
            const real logits_sum_part_l = logits_sum_part[l];
            for (int64_t q = 0; q < digits; q++) {
                const real dlogits_q = dlogits[q];
                dz += W4[l * digits + q] * dlogits_q;
                dW4[l * digits + q] += logits_sum_part_l * dlogits_q;
            }
            /* backward of mnist.ad:13 */
            dx_3[l] = c3[l] + x_sum_2[l] <= 0.0f ? 0.0f : 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680d4c86090bcf), run->step, 128 * k + l) ? 1.25f * dz : 0.0f;
            /* backward of mnist.ad:28 */
            dc3[l] += dx_3[l];
        }
        /* backward of mnist.ad:13 */
        real dx_2[H];
        for (int64_t l = 0; l < H; l++) {
            /* backward of mnist.ad:28 */
            real dx_part_sum_2 = 0.0f;
            const real x_sum_part_l = x_sum_part[l];
            for (int64_t q = 0; q < H; q++) {
                const real dx_3_q = dx_3[q];
                dx_part_sum_2 += W3[l * H + q] * dx_3_q;
                dW3[l * H + q] += x_sum_part_l * dx_3_q;
            }
            /* backward of mnist.ad:13 */
            dx_2[l] = c2[l] + x_sum_3[l] <= 0.0f ? 0.0f : 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680c4c86090a1c), run->step, 128 * k + l) ? 1.25f * dx_part_sum_2 : 0.0f;
            /* backward of mnist.ad:28 */
            dc2[l] += dx_2[l];
        }
        /* backward of mnist.ad:13 */
        real dx[H];
        for (int64_t l = 0; l < H; l++) {
            /* backward of mnist.ad:28 */
            real dx_part_sum = 0.0f;
            const real x_sum_part_2_l = x_sum_part_2[l];
            for (int64_t q = 0; q < H; q++) {
                const real dx_2_q = dx_2[q];
                dx_part_sum += W2[l * H + q] * dx_2_q;
                dW2[l * H + q] += x_sum_part_2_l * dx_2_q;
            }
            /* backward of mnist.ad:13 */
            dx[l] = c1[l] + x_sum_4[l] <= 0.0f ? 0.0f : 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680f4c86090f35), run->step, 128 * k + l) ? 1.25f * dx_part_sum : 0.0f;
            /* backward of mnist.ad:28 */
            dc1[l] += dx[l];
        }
        /* backward of mnist.ad:28 */
        for (int64_t l = 0; l < F; l++) {
            const real x_l = x[l];
            for (int64_t q = 0; q < H; q++)
                dW1[l * H + q] += x_l * dx[q];
        }
    }

    /* mnist.ad:28: loss error = cross_entropy(logits, y) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;
    run->loss[0] = error;
    memcpy(run->grad[1], dc1, sizeof dc1);
    memcpy(run->grad[3], dc2, sizeof dc2);
    memcpy(run->grad[5], dc3, sizeof dc3);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t digits = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict c4 = run->param[7];
    const real *restrict W4 = run->param[6];
    const real *restrict c3 = run->param[5];
    const real *restrict W3 = run->param[4];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), digits);

    /* mnist.ad:24: let x[n, f] = X / std(X) */
    real m_sum = 0.0f;
    int64_t i = 0;
#ifdef AD_LANES
    lanes m_sum_lanes = {0};
    for (; i < n - n % LANES; i += LANES)
        for (int64_t j = 0; j < F; j++)
            m_sum_lanes += ad_loadf(&X[i * F + j], F);
    m_sum += ad_sumf(m_sum_lanes);
#endif
    for (; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            m_sum += X[i * F + j];
    const real m = m_sum / (real)(64 * n);
    real v_sum = 0.0f;
    int64_t j = 0;
#ifdef AD_LANES
    lanes v_sum_lanes = {0};
    for (; j < n - n % LANES; j += LANES) {
        for (int64_t k = 0; k < F; k++) {
            const lanes t = ad_loadf(&X[j * F + k], F) - m;
            v_sum_lanes += t * t;
        }
    }
    v_sum += ad_sumf(v_sum_lanes);
#endif
    for (; j < n; j++) {
        for (int64_t k = 0; k < F; k++) {
            const real t = X[j * F + k] - m;
            v_sum += t * t;
        }
    }
    const real v = v_sum / (real)(64 * n);

    /* mnist.ad:28: loss error = cross_entropy(logits, y) */
    ad_treef error_sum_total = {0};

    /* mnist.ad:29: metric accuracy = mean(argmax(logits, over = digits) == y) */
    int64_t accuracy_sum = 0;
    const real t = v == 0.0f ? 0.0f : sqrtf(v);

    for (int64_t k = 0; k < n; k++) {
        /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
        real x_sum_4[H] = {0};
        for (int64_t l = 0; l < F; l++) {
            /* mnist.ad:24: let x[n, f] = X / std(X) */
            const real x = X[k * F + l] / t;
            /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
            for (int64_t q = 0; q < H; q++)
                x_sum_4[q] += W1[l * H + q] * x;
        }
        /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
        real x_sum_3[H] = {0};
        for (int64_t l = 0; l < H; l++) {
            const real t_2 = c1[l] + x_sum_4[l];
            const real x_sum_part_part_2 = t_2 <= 0.0f ? 0.0f : t_2;
            for (int64_t q = 0; q < H; q++)
                x_sum_3[q] += W2[l * H + q] * x_sum_part_part_2;
        }
        real x_sum_2[H] = {0};
        for (int64_t l = 0; l < H; l++) {
            const real t_2 = c2[l] + x_sum_3[l];
            const real x_sum_part_part = t_2 <= 0.0f ? 0.0f : t_2;
            for (int64_t q = 0; q < H; q++)
                x_sum_2[q] += W3[l * H + q] * x_sum_part_part;
        }
        /* mnist.ad:26: let logits[n, digits] = z @ W4 + c4 */
        memset(logits_sum, 0, sizeof(real) * (size_t)digits);
        for (int64_t l = 0; l < H; l++) {
            const real t_2 = c3[l] + x_sum_2[l];
            /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
            const real logits_sum_part_part = t_2 <= 0.0f ? 0.0f : t_2;
            /* mnist.ad:26: let logits[n, digits] = z @ W4 + c4 */
            for (int64_t d = 0; d < digits; d++)
                logits_sum[d] += W4[l * digits + d] * logits_sum_part_part;
        }
        /* mnist.ad:28: loss error = cross_entropy(logits, y) */
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t l = 0; l < digits; l++) {
            const real t_2 = c4[l] + logits_sum[l];
            if (t_2 > x_argmax_best || (isnan(t_2) && !isnan(x_argmax_best))) {
                x_argmax_best = t_2;
                x_argmax = l;
            }
        }
        real x_sum = 0.0f;
        const real t_2 = c4[x_argmax] + logits_sum[x_argmax];
        for (int64_t l = 0; l < digits; l++) {
            const real t_3 = c4[l] + logits_sum[l];
            x_sum += l == x_argmax || t_3 == -INFINITY ? 0.0f : ad_expf(t_3 - t_2);
        }
        const int64_t y_k = y[k];
        const bool c = x_argmax == y_k;
        ad_addf(&error_sum_total, ad_log1pf(x_sum) - (c ? 0.0f : c4[y_k] + logits_sum[y_k] - t_2));
        /* mnist.ad:29: metric accuracy = mean(argmax(logits, over = digits) == y) */
        accuracy_sum += (int64_t)c;
    }

    /* mnist.ad:28: loss error = cross_entropy(logits, y) */
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;

    /* mnist.ad:29: metric accuracy = mean(argmax(logits, over = digits) == y) */
    const real accuracy = (real)accuracy_sum / (real)n;
    run->loss[0] = error;
    run->metric[0] = accuracy;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t digits = run->dims[2];
    const real *restrict X = run->data[0];
    const real *restrict c4 = run->param[7];
    const real *restrict W4 = run->param[6];
    const real *restrict c3 = run->param[5];
    const real *restrict W3 = run->param[4];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    real *restrict p = run->output[0];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), digits);
    real *restrict p_part = ad_take(&work, sizeof(real), digits);

    /* mnist.ad:24: let x[n, f] = X / std(X) */
    ad_treef m_sum_total = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            ad_addf(&m_sum_total, X[i * F + j]);
    const real m_sum = ad_totalf(&m_sum_total);
    const real m = m_sum / (real)(64 * n);
    ad_treef v_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++) {
            const real t = X[i * F + j] - m;
            ad_addf(&v_sum_total, t * t);
        }
    }
    const real v_sum = ad_totalf(&v_sum_total);
    const real v = v_sum / (real)(64 * n);
    const real t = v == 0.0f ? 0.0f : sqrtf(v);

    for (int64_t i = 0; i < n; i++) {
        /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
        real x_sum_3[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            /* mnist.ad:24: let x[n, f] = X / std(X) */
            const real x = X[i * F + j] / t;
            /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
            for (int64_t k = 0; k < H; k++)
                x_sum_3[k] += W1[j * H + k] * x;
        }
        /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
        real x_sum_2[H] = {0};
        for (int64_t j = 0; j < H; j++) {
            const real t_2 = c1[j] + x_sum_3[j];
            const real x_sum_part_part_2 = t_2 <= 0.0f ? 0.0f : t_2;
            for (int64_t k = 0; k < H; k++)
                x_sum_2[k] += W2[j * H + k] * x_sum_part_part_2;
        }
        real x_sum[H] = {0};
        for (int64_t j = 0; j < H; j++) {
            const real t_2 = c2[j] + x_sum_2[j];
            const real x_sum_part_part = t_2 <= 0.0f ? 0.0f : t_2;
            for (int64_t k = 0; k < H; k++)
                x_sum[k] += W3[j * H + k] * x_sum_part_part;
        }
        /* mnist.ad:26: let logits[n, digits] = z @ W4 + c4 */
        memset(logits_sum, 0, sizeof(real) * (size_t)digits);
        for (int64_t j = 0; j < H; j++) {
            const real t_2 = c3[j] + x_sum[j];
            /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
            const real logits_sum_part_part = t_2 <= 0.0f ? 0.0f : t_2;
            /* mnist.ad:26: let logits[n, digits] = z @ W4 + c4 */
            for (int64_t d = 0; d < digits; d++)
                logits_sum[d] += W4[j * digits + d] * logits_sum_part_part;
        }
        /* mnist.ad:28: loss error = cross_entropy(logits, y) */
        real p_argmax_best = -INFINITY;
        int64_t p_argmax = 0;
        for (int64_t j = 0; j < digits; j++) {
            const real t_2 = c4[j] + logits_sum[j];
            if (t_2 > p_argmax_best || (isnan(t_2) && !isnan(p_argmax_best))) {
                p_argmax_best = t_2;
                p_argmax = j;
            }
        }
        real q_sum = 0.0f;
        const real t_2 = c4[p_argmax] + logits_sum[p_argmax];
        for (int64_t j = 0; j < digits; j++) {
            const real t_3 = c4[j] + logits_sum[j];
            p_part[j] = ad_expf(t_3 - t_2);
            q_sum += j == p_argmax || t_3 == -INFINITY ? 0.0f : p_part[j];
        }
        /* mnist.ad:30: output p = softmax(logits, over = digits) */
        const real q = 1.0f / (q_sum + 1.0f);
        for (int64_t j = 0; j < digits; j++)
            p[i * digits + j] = c4[j] + logits_sum[j] == -INFINITY ? 0.0f : q * (j == p_argmax ? 1.0f : p_part[j]);
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t digits = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real *restrict c3 = run->param[5];
    const real *restrict W3 = run->param[4];
    const real *restrict c2 = run->param[3];
    const real *restrict W2 = run->param[2];
    const real *restrict c1 = run->param[1];
    const real *restrict W1 = run->param[0];
    const real *restrict c4 = run->param[7];
    const real *restrict W4 = run->param[6];
    unsigned char *work = run->work;
    real *restrict x = ad_take(&work, sizeof(real), n * F);
    real *restrict z = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_part = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_2 = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_part_2 = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_3 = ad_take(&work, sizeof(real), n * H);
    real *restrict logits = ad_take(&work, sizeof(real), n * digits);
    real *restrict logits_sum = ad_take(&work, sizeof(real), n * digits);
    real *restrict x_sum_4 = ad_take(&work, sizeof(real), n);
    int64_t *restrict x_argmax = ad_take(&work, sizeof(int64_t), n);

    /* mnist.ad:24: let x[n, f] = X / std(X) */
    ad_treef m_sum_total = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            ad_addf(&m_sum_total, X[i * F + j]);
    const real m_sum = ad_totalf(&m_sum_total);
    const real m = m_sum / (real)(64 * n);
    ad_treef v_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < F; j++) {
            const real t = X[i * F + j] - m;
            ad_addf(&v_sum_total, t * t);
        }
    }
    const real v_sum = ad_totalf(&v_sum_total);
    const real v = v_sum / (real)(64 * n);
    const real t = v == 0.0f ? 0.0f : sqrtf(v);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < F; j++)
            x[i * F + j] = X[i * F + j] / t;
    for (int64_t i = 0; i < n * F; i++)
        if (!isfinite(x[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 24, "x", i, 0, x[i]);
            return;
        }

    /* mnist.ad:13: fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2) */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum_3[i * H + j] = 0.0f;
        for (int64_t j = 0; j < F; j++) {
            const real x_ij = x[i * F + j];
            for (int64_t k = 0; k < H; k++)
                x_sum_3[i * H + k] += x_ij * W1[j * H + k];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++) {
            const real t_2 = c1[j] + x_sum_3[i * H + j];
            x_sum_part_2[i * H + j] = 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680f4c86090f35), run->step, 128 * i + j) ? (t_2 <= 0.0f ? 0.0f : t_2) / 0.8f : 0.0f;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum_2[i * H + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real x_sum_part_2_ij = x_sum_part_2[i * H + j];
            for (int64_t k = 0; k < H; k++)
                x_sum_2[i * H + k] += W2[j * H + k] * x_sum_part_2_ij;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++) {
            const real t_2 = c2[j] + x_sum_2[i * H + j];
            x_sum_part[i * H + j] = 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680c4c86090a1c), run->step, 128 * i + j) ? (t_2 <= 0.0f ? 0.0f : t_2) / 0.8f : 0.0f;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum[i * H + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real x_sum_part_ij = x_sum_part[i * H + j];
            for (int64_t k = 0; k < H; k++)
                x_sum[i * H + k] += W3[j * H + k] * x_sum_part_ij;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++) {
            const real t_2 = c3[j] + x_sum[i * H + j];
            z[i * H + j] = 0.2f <= (float)adrt_uniform(run->seed, UINT64_C(0xaf680d4c86090bcf), run->step, 128 * i + j) ? (t_2 <= 0.0f ? 0.0f : t_2) / 0.8f : 0.0f;
        }
    }
    for (int64_t i = 0; i < n * H; i++)
        if (!isfinite(z[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 25, "z", i, 0, z[i]);
            return;
        }

    /* mnist.ad:26: let logits[n, digits] = z @ W4 + c4 */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t d = 0; d < digits; d++)
            logits_sum[i * digits + d] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real z_ij = z[i * H + j];
            for (int64_t d = 0; d < digits; d++)
                logits_sum[i * digits + d] += z_ij * W4[j * digits + d];
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < digits; d++)
            logits[i * digits + d] = c4[d] + logits_sum[i * digits + d];
    for (int64_t i = 0; i < n * digits; i++)
        if (!isfinite(logits[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 26, "logits", i, 0, logits[i]);
            return;
        }

    /* mnist.ad:28: loss error = cross_entropy(logits, y) */
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
        real x_sum_4_total = 0.0f;
        const int64_t x_argmax_i = x_argmax[i];
        const real logits_iat = logits[i * digits + x_argmax_i];
        for (int64_t j = 0; j < digits; j++) {
            const real logits_ij = logits[i * digits + j];
            x_sum_4_total += j == x_argmax_i || logits_ij == -INFINITY ? 0.0f : ad_expf(logits_ij - logits_iat);
        }
        x_sum_4[i] = x_sum_4_total;
    }
    ad_treef error_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t x_argmax_i = x_argmax[i];
        const int64_t y_i = y[i];
        ad_addf(&error_sum_total, ad_log1pf(x_sum_4[i]) - (x_argmax_i == y_i ? 0.0f : logits[i * digits + y_i] - logits[i * digits + x_argmax_i]));
    }
    const real error_sum = ad_totalf(&error_sum_total);
    const real error = error_sum / (real)n;
    if (!isfinite(error)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 28, "error", 0, 0, error);
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
    const int64_t digits = dims[2];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), digits);    /* step: logits_sum */
    used = ad_room(used, sizeof(real), digits);    /* step: x_sum_part_3 */
    used = ad_room(used, sizeof(real), digits);    /* step: dlogits */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), digits);    /* eval: logits_sum */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), digits);    /* output: logits_sum */
    used = ad_room(used, sizeof(real), digits);    /* output: p_part */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    const int64_t digits = dims[2];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * F);    /* trace: x */
    used = ad_room(used, sizeof(real), n * H);    /* trace: z */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum_part */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum_2 */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum_part_2 */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum_3 */
    used = ad_room(used, sizeof(real), n * digits);    /* trace: logits */
    used = ad_room(used, sizeof(real), n * digits);    /* trace: logits_sum */
    used = ad_room(used, sizeof(real), n);    /* trace: x_sum_4 */
    used = ad_room(used, sizeof(int64_t), n);    /* trace: x_argmax */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 7},
    {"f", AD_DIM_FIXED, 64, 0, 7},
    {"digits", AD_DIM_IDS, 0, 0, 7},
    {"h", AD_DIM_FIXED, 128, 0, 8},
};

static const AdData model_data[] = {
    {.name = "X", .line = 10, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_CENTERED, .missing = 0, .column_lo = 0, .column_hi = 64, .ncolumns = 0, .columns = NULL},
    {.name = "y", .line = 11, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"digit"}},
};

static const AdParam model_params[] = {
    {.name = "W1", .line = 15, .rank = 2, .axes = (const int[]){1, 3}, .init = AD_INIT_HE,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c1", .line = 16, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W2", .line = 17, .rank = 2, .axes = (const int[]){3, 3}, .init = AD_INIT_HE,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c2", .line = 18, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W3", .line = 19, .rank = 2, .axes = (const int[]){3, 3}, .init = AD_INIT_HE,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c3", .line = 20, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W4", .line = 21, .rank = 2, .axes = (const int[]){3, 2}, .init = AD_INIT_GLOROT,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "c4", .line = 22, .rank = 1, .axes = (const int[]){2}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"error", 28, 1},
};

static const AdScalar model_metrics[] = {
    {"accuracy", 29, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "p", .line = 30, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 2}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/digits.csv\"", 33},
    {"optimizer", "adamw(weight_decay = 0.01)", 34},
    {"lr", "0.003", 34},
    {"schedule", "cosine(warmup = 3)", 34},
    {"epochs", "40", 35},
    {"batch", "64", 35},
    {"split", "[0.8, 0, 0.2]", 35},
};

static const char model_source[] =
    "# A deep perceptron: four layers, dropout, Adam, and a learning rate that warms up and fades out.\n"
    "#\n"
    "# Dropout leaves out half of the units at random in every training step, and none in evaluation: there is no switch to\n"
    "# forget. It comes with 8 x 8 pictures, of 1797 digits. For the 28 x 28 pictures of MNIST give its files in place of these:\n"
    "#\n"
    "#     adc run models/mnist.ad --data X=train-images-idx3-ubyte --data y=train-labels-idx1-ubyte\n"
    "dim n batch, f, digits\n"
    "dim h = 128\n"
    "\n"
    "data X[n, f] : centered from columns 0:64\n"
    "data y[n] : index(digits) from column \"digit\"\n"
    "\n"
    "fn hidden(x[b, i], W[i, o], c[o]) = dropout(relu(x @ W + c), 0.2)\n"
    "\n"
    "param W1[f, h] ~ he()\n"
    "param c1[h] = 0\n"
    "param W2[h, h] ~ he()\n"
    "param c2[h] = 0\n"
    "param W3[h, h] ~ he()\n"
    "param c3[h] = 0\n"
    "param W4[h, digits] ~ glorot()\n"
    "param c4[digits] = 0\n"
    "\n"
    "let x[n, f] = X / std(X)                        # one scale for all pixels: many of them hardly vary\n"
    "let z[n, h] = hidden(hidden(hidden(x, W1, c1), W2, c2), W3, c3)\n"
    "let logits[n, digits] = z @ W4 + c4\n"
    "\n"
    "loss error = cross_entropy(logits, y)\n"
    "metric accuracy = mean(argmax(logits, over = digits) == y)\n"
    "output p = softmax(logits, over = digits)\n"
    "\n"
    "train {\n"
    "    data = \"data/digits.csv\"\n"
    "    optimizer = adamw(weight_decay = 0.01); lr = 0.003; schedule = cosine(warmup = 3)\n"
    "    epochs = 40; batch = 64; split = [0.8, 0, 0.2]\n"
    "}\n"
    ;

const AdModel mnist_model = {
    .name = "mnist", .file = "mnist.ad", .source = model_source, .f64 = 0,
    .ndims = 4, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 8, .params = model_params,
    .nlosses = 1, .losses = model_losses,
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
    return adrt_main(argc, argv, &mnist_model);
}
#endif
