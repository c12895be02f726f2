/* gmm.c: a trainer for gmm.ad, made by adc. Build: cc -O3 -march=native gmm.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef double real;

enum {
    D = 4,    /* dim d, gmm.ad:9 */
    KINDS = 3,    /* dim kinds, gmm.ad:10 */
    BELOW = 6,    /* dim below, gmm.ad:11 */
};

static const char line_24[] = "let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b])";

/* Where load keeps its results. */
static void load_offsets(const int64_t *dims, size_t *at)
{
    (void)dims;
    at[0] = 0;
    at[1] = ad_room(at[0], sizeof(real), 1);    /* v */
    at[2] = ad_room(at[1], sizeof(real), 1);    /* dwishart */
}

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    const int64_t n = run->dims[0];
    size_t at[3];
    load_offsets(run->dims, at);

    /* backward of gmm.ad:28 */
    const real v_2 = -1.0 / (real)n;

    /* backward of gmm.ad:26 */
    const real dwishart_2 = 1.0 / (real)n;
    *(real *)ad_at(run->load, at[0]) = v_2;
    *(real *)ad_at(run->load, at[1]) = dwishart_2;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    real *restrict share = run->param[0];
    real *restrict scale = run->param[2];
    real *restrict lower = run->param[3];

    /* gmm.ad:18: param share[kinds] = 1 : simplex */
    for (int64_t k = 0; k < KINDS; k++)
        share[k] = 1.0;

    /* gmm.ad:19: param mu[kinds, d] ~ normal(0, 1) */
    const real mu_a = 0.0;
    const real mu_b = 1.0;

    /* gmm.ad:20: param scale[kinds, d] = 0 */
    for (int64_t k = 0; k < KINDS; k++)
        for (int64_t i = 0; i < D; i++)
            scale[k * D + i] = 0.0;

    /* gmm.ad:21: param lower[kinds, below] = 0 */
    for (int64_t k = 0; k < KINDS; k++)
        for (int64_t b = 0; b < BELOW; b++)
            lower[k * BELOW + b] = 0.0;
    run->draw[4] = mu_a;
    run->draw[5] = mu_b;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    size_t at[3];
    load_offsets(run->dims, at);
    const real *restrict X = run->data[0];
    const real *restrict scale = run->param[2];
    const real *restrict share = run->param[0];
    const real *restrict lower = run->param[3];
    const real *restrict mu = run->param[1];
    const real gamma_ = run->hyper[0];
    const real freedom = run->hyper[1];
    const real v = *(const real *)ad_at(run->load, at[0]);
    const real dwishart = *(const real *)ad_at(run->load, at[1]);
    real *restrict dmu = run->grad[1];
    real *restrict dscale = run->grad[2];
    real *restrict dlower = run->grad[3];
    unsigned char *work = run->work;
    real *restrict density = ad_take(&work, sizeof(real), n * KINDS);
    real *restrict z = ad_take(&work, sizeof(real), n * KINDS * D);

    /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
    real wishart_sum = 0.0;
    real wishart_sum_2 = 0.0;
    real wishart_sum_3 = 0.0;

    /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
    real z_part[KINDS * D];

    /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
    real wishart_sum_part[KINDS * D];

    for (int64_t k = 0; k < KINDS; k++) {
        /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
        real density_sum = 0.0;
        for (int64_t a = 0; a < D; a++) {
            const real scale_ka = scale[k * D + a];
            /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
            z_part[k * D + a] = ad_exp(scale_ka);
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            density_sum += scale_ka;
            /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
            wishart_sum_part[k * D + a] = ad_exp(2.0 * scale_ka);
            wishart_sum += wishart_sum_part[k * D + a];
            wishart_sum_3 += scale_ka;
        }
        const real t = density_sum + ad_log(share[k]);
        for (int64_t i = 0; i < n; i++) {
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            real density_sum_2 = 0.0;
            for (int64_t a = 0; a < D; a++) {
                /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
                real z_sum = 0.0;
                const int64_t q = ad_ifloordiv(a * a - a, 2);
                for (int64_t b = 0; b < a; b++)
                    z_sum += lower[k * BELOW + ad_check(run, b + q, 6, 24, line_24)] * (X[i * D + b] - mu[k * D + b]);
                z[(i * KINDS + k) * D + a] = z_sum + z_part[k * D + a] * (X[i * D + a] - mu[k * D + a]);
                const real z_ika = z[(i * KINDS + k) * D + a];
                /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
                density_sum_2 += z_ika * z_ika / 2.0;
            }
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            density[i * KINDS + k] = t - density_sum_2;
        }
        /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
        for (int64_t j = 0; j < BELOW; j++) {
            const real lower_kj = lower[k * BELOW + j];
            wishart_sum_2 += lower_kj * lower_kj;
        }
    }

    /* gmm.ad:28: loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds)) */
    ad_tree likelihood_sum_total = {0};

    /* backward of gmm.ad:28 */
    real dshare[KINDS] = {0};
    real dscale_sum[KINDS] = {0};
    real dscale_2[KINDS * D] = {0};
    real dmu_2[KINDS * D] = {0};
    real dmu_3[KINDS * D] = {0};
    real dlower_2[KINDS * BELOW] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* gmm.ad:28: loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds)) */
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t k = 0; k < KINDS; k++) {
            const real density_ik = density[i * KINDS + k];
            if (density_ik > x_argmax_best || (isnan(density_ik) && !isnan(x_argmax_best))) {
                x_argmax_best = density_ik;
                x_argmax = k;
            }
        }
        real x_sum = 0.0;
        real x_sum_part[KINDS];
        const real density_iat = density[i * KINDS + x_argmax];
        for (int64_t j = 0; j < KINDS; j++) {
            const real density_ij = density[i * KINDS + j];
            x_sum_part[j] = ad_exp(density_ij - density_iat);
            x_sum += j == x_argmax || density_ij == -INFINITY ? 0.0 : x_sum_part[j];
        }
        ad_add(&likelihood_sum_total, density_iat == -INFINITY ? -INFINITY : density_iat + ad_log1p(x_sum));
        const bool c = density_iat != -INFINITY;
        /* backward of gmm.ad:28 */
        const real ddensity_part = c ? v / (x_sum + 1.0) : 0.0;
        /* gmm.ad:28: loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds)) */
        real dm_sum = 0.0;
        for (int64_t j = 0; j < KINDS; j++)
            dm_sum += j == x_argmax || density[i * KINDS + j] == -INFINITY ? 0.0 : c ? -(x_sum_part[j] * ddensity_part) : 0.0;
        const real dm = dm_sum + (c ? v : 0.0);
        for (int64_t k = 0; k < KINDS; k++) {
            const bool c_2 = k == x_argmax;
            const bool c_3 = c_2 || density[i * KINDS + k] == -INFINITY;
            /* backward of gmm.ad:25 */
            const real ddensity = (c_2 ? dm : 0.0) + (c_3 ? 0.0 : c ? x_sum_part[k] * ddensity_part : 0.0);
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            const bool dshare_part = (c_2 && density[i * KINDS + x_argmax] != -INFINITY) || (!c_3 && c);
            /* backward of gmm.ad:28 */
            if (dshare_part)
                dshare[k] += ddensity / share[k];
            dscale_sum[k] += ddensity;
            /* backward of gmm.ad:24 */
            real dz[D];
            for (int64_t a = 0; a < D; a++) {
                /* backward of gmm.ad:24 */
                dz[a] = -(dshare_part ? 2.0 * (z[(i * KINDS + k) * D + a] * (0.5 * ddensity)) : 0.0);
                const real z_part_ka = z_part[k * D + a];
                const real dz_a = dz[a];
                /* backward of gmm.ad:28 */
                dscale_2[k * D + a] += dshare_part ? z_part_ka * (dz_a * (X[i * D + a] - mu[k * D + a])) : 0.0;
                dmu_2[k * D + a] -= dshare_part ? z_part_ka * dz_a : 0.0;
            }
            /* backward of gmm.ad:28 */
            for (int64_t j = 0; j < D; j++) {
                for (int64_t l = j + 1; l < D; l++)
                    dmu_3[k * D + j] -= lower[k * BELOW + ad_check(run, j + ad_ifloordiv(l * l - l, 2), 6, 24, line_24)] * dz[l];
                const real dz_j = dz[j];
                const int64_t q = ad_ifloordiv(j * j - j, 2);
                for (int64_t m = 0; m < j; m++)
                    dlower_2[k * BELOW + ad_check(run, m + q, 6, 24, line_24)] += dz_j * (X[i * D + m] - mu[k * D + m]);
            }
        }
    }

    /* gmm.ad:28: loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds)) */
    const real likelihood_sum = ad_total(&likelihood_sum_total);
    const real likelihood = 3.6757541328186907 - likelihood_sum / (real)n;
    const real t = gamma_ * gamma_ / 2.0;

    /* gmm.ad:29: loss prior = wishart / n */
    const real prior = ((wishart_sum + wishart_sum_2) * t - freedom * wishart_sum_3) / (real)n;

    /* backward of gmm.ad:26 */
    const real dscale_part = dwishart * t;

    for (int64_t k = 0; k < KINDS; k++) {
        const real dscale_sum_k = dscale_sum[k];
        for (int64_t i = 0; i < D; i++) {
            /* backward of gmm.ad:19 */
            dmu[k * D + i] = dmu_2[k * D + i] + dmu_3[k * D + i];
            /* backward of gmm.ad:20 */
            dscale[k * D + i] = dscale_2[k * D + i] + (dscale_sum_k + (2.0 * (wishart_sum_part[k * D + i] * dscale_part) - freedom * dwishart));
        }
        /* backward of gmm.ad:21 */
        for (int64_t b = 0; b < BELOW; b++)
            dlower[k * BELOW + b] = dlower_2[k * BELOW + b] + 2.0 * (lower[k * BELOW + b] * dscale_part);
    }
    run->loss[0] = likelihood;
    run->loss[1] = prior;
    memcpy(run->grad[0], dshare, sizeof dshare);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict scale = run->param[2];
    const real *restrict share = run->param[0];
    const real *restrict lower = run->param[3];
    const real *restrict mu = run->param[1];
    const real gamma_ = run->hyper[0];
    const real freedom = run->hyper[1];
    unsigned char *work = run->work;
    real *restrict density = ad_take(&work, sizeof(real), n * KINDS);

    /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
    real wishart_sum = 0.0;
    real wishart_sum_2 = 0.0;
    real wishart_sum_3 = 0.0;

    for (int64_t k = 0; k < KINDS; k++) {
        /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
        real density_sum = 0.0;
        /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
        real z_part[D];
        for (int64_t a = 0; a < D; a++) {
            const real scale_ka = scale[k * D + a];
            /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
            z_part[a] = ad_exp(scale_ka);
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            density_sum += scale_ka;
            /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
            wishart_sum += ad_exp(2.0 * scale_ka);
            wishart_sum_3 += scale_ka;
        }
        const real t = density_sum + ad_log(share[k]);
        for (int64_t i = 0; i < n; i++) {
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            real density_sum_2 = 0.0;
            for (int64_t a = 0; a < D; a++) {
                /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
                real z_sum = 0.0;
                const int64_t q = ad_ifloordiv(a * a - a, 2);
                for (int64_t b = 0; b < a; b++)
                    z_sum += lower[k * BELOW + ad_check(run, b + q, 6, 24, line_24)] * (X[i * D + b] - mu[k * D + b]);
                const real t_2 = z_sum + z_part[a] * (X[i * D + a] - mu[k * D + a]);
                /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
                density_sum_2 += t_2 * t_2 / 2.0;
            }
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            density[i * KINDS + k] = t - density_sum_2;
        }
        /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
        for (int64_t j = 0; j < BELOW; j++) {
            const real lower_kj = lower[k * BELOW + j];
            wishart_sum_2 += lower_kj * lower_kj;
        }
    }

    /* gmm.ad:28: loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds)) */
    ad_tree likelihood_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t k = 0; k < KINDS; k++) {
            const real density_ik = density[i * KINDS + k];
            if (density_ik > x_argmax_best || (isnan(density_ik) && !isnan(x_argmax_best))) {
                x_argmax_best = density_ik;
                x_argmax = k;
            }
        }
        real x_sum = 0.0;
        const real density_iat = density[i * KINDS + x_argmax];
        for (int64_t j = 0; j < KINDS; j++) {
            const real density_ij = density[i * KINDS + j];
            x_sum += j == x_argmax || density_ij == -INFINITY ? 0.0 : ad_exp(density_ij - density_iat);
        }
        ad_add(&likelihood_sum_total, density_iat == -INFINITY ? -INFINITY : density_iat + ad_log1p(x_sum));
    }
    const real likelihood_sum = ad_total(&likelihood_sum_total);
    const real likelihood = 3.6757541328186907 - likelihood_sum / (real)n;

    /* gmm.ad:29: loss prior = wishart / n */
    const real prior = ((wishart_sum + wishart_sum_2) * (gamma_ * gamma_ / 2.0) - freedom * wishart_sum_3) / (real)n;
    run->loss[0] = likelihood;
    run->loss[1] = prior;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict scale = run->param[2];
    const real *restrict share = run->param[0];
    const real *restrict lower = run->param[3];
    const real *restrict mu = run->param[1];
    real *restrict belongs = run->output[0];
    unsigned char *work = run->work;
    real *restrict density = ad_take(&work, sizeof(real), n * KINDS);

    for (int64_t k = 0; k < KINDS; k++) {
        /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
        real density_sum = 0.0;
        /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
        real z_part[D];
        for (int64_t a = 0; a < D; a++) {
            const real scale_ka = scale[k * D + a];
            /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
            z_part[a] = ad_exp(scale_ka);
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            density_sum += scale_ka;
        }
        const real t = density_sum + ad_log(share[k]);
        for (int64_t i = 0; i < n; i++) {
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            real density_sum_2 = 0.0;
            for (int64_t a = 0; a < D; a++) {
                /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
                real z_sum = 0.0;
                const int64_t q_2 = ad_ifloordiv(a * a - a, 2);
                for (int64_t b = 0; b < a; b++)
                    z_sum += lower[k * BELOW + ad_check(run, b + q_2, 6, 24, line_24)] * (X[i * D + b] - mu[k * D + b]);
                const real t_2 = z_sum + z_part[a] * (X[i * D + a] - mu[k * D + a]);
                /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
                density_sum_2 += t_2 * t_2 / 2.0;
            }
            /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
            density[i * KINDS + k] = t - density_sum_2;
        }
    }

    for (int64_t i = 0; i < n; i++) {
        /* gmm.ad:28: loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds)) */
        real p_argmax_best = -INFINITY;
        int64_t p_argmax = 0;
        for (int64_t k = 0; k < KINDS; k++) {
            const real density_ik = density[i * KINDS + k];
            if (density_ik > p_argmax_best || (isnan(density_ik) && !isnan(p_argmax_best))) {
                p_argmax_best = density_ik;
                p_argmax = k;
            }
        }
        real q_sum = 0.0;
        real p_part[KINDS];
        const real density_iat = density[i * KINDS + p_argmax];
        for (int64_t j = 0; j < KINDS; j++) {
            const real density_ij = density[i * KINDS + j];
            p_part[j] = ad_exp(density_ij - density_iat);
            q_sum += j == p_argmax || density_ij == -INFINITY ? 0.0 : p_part[j];
        }
        /* gmm.ad:30: output belongs[n, kinds] = softmax(density, over = kinds) */
        const real q = 1.0 / (q_sum + 1.0);
        for (int64_t j = 0; j < KINDS; j++)
            belongs[i * KINDS + j] = density[i * KINDS + j] == -INFINITY ? 0.0 : q * (j == p_argmax ? 1.0 : p_part[j]);
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict X = run->data[0];
    const real *restrict lower = run->param[3];
    const real *restrict mu = run->param[1];
    const real *restrict scale = run->param[2];
    const real *restrict share = run->param[0];
    const real gamma_ = run->hyper[0];
    const real freedom = run->hyper[1];
    unsigned char *work = run->work;
    real *restrict z = ad_take(&work, sizeof(real), n * KINDS * D);
    real *restrict z_sum = ad_take(&work, sizeof(real), n * KINDS * D);
    real *restrict density = ad_take(&work, sizeof(real), n * KINDS);
    real *restrict density_sum_2 = ad_take(&work, sizeof(real), n * KINDS);
    int64_t *restrict x_argmax = ad_take(&work, sizeof(int64_t), n);
    real *restrict x_sum = ad_take(&work, sizeof(real), n);

    /* gmm.ad:24: let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b]) */
    for (int64_t k = 0; k < KINDS; k++) {
        for (int64_t i = 0; i < n; i++) {
            for (int64_t a = 0; a < D; a++) {
                real z_sum_total = 0.0;
                const int64_t q = ad_ifloordiv(a * a - a, 2);
                for (int64_t b = 0; b < a; b++)
                    z_sum_total += lower[k * BELOW + ad_check(run, b + q, 6, 24, line_24)] * (X[i * D + b] - mu[k * D + b]);
                z_sum[(i * KINDS + k) * D + a] = z_sum_total;
            }
        }
    }
    real z_part[KINDS * D];
    for (int64_t k = 0; k < KINDS; k++)
        for (int64_t a = 0; a < D; a++)
            z_part[k * D + a] = ad_exp(scale[k * D + a]);
    for (int64_t k = 0; k < KINDS; k++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t a = 0; a < D; a++)
                z[(i * KINDS + k) * D + a] = z_sum[(i * KINDS + k) * D + a] + z_part[k * D + a] * (X[i * D + a] - mu[k * D + a]);
    for (int64_t i = 0; i < n * KINDS * D; i++)
        if (!isfinite(z[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 24, "z", i, 0, z[i]);
            return;
        }

    /* gmm.ad:25: let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2 */
    real density_sum[KINDS];
    for (int64_t k = 0; k < KINDS; k++) {
        real density_sum_total = 0.0;
        for (int64_t a = 0; a < D; a++)
            density_sum_total += scale[k * D + a];
        density_sum[k] = density_sum_total;
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < KINDS; k++) {
            real density_sum_2_total = 0.0;
            for (int64_t a = 0; a < D; a++) {
                const real z_ika = z[(i * KINDS + k) * D + a];
                density_sum_2_total += z_ika * z_ika / 2.0;
            }
            density_sum_2[i * KINDS + k] = density_sum_2_total;
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < KINDS; k++)
            density[i * KINDS + k] = density_sum[k] + ad_log(share[k]) - density_sum_2[i * KINDS + k];
    for (int64_t i = 0; i < n * KINDS; i++)
        if (!isfinite(density[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 25, "density", i, 0, density[i]);
            return;
        }

    /* gmm.ad:26: let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale) */
    real wishart_sum = 0.0;
    for (int64_t i = 0; i < KINDS; i++)
        for (int64_t j = 0; j < D; j++)
            wishart_sum += ad_exp(2.0 * scale[i * D + j]);
    real wishart_sum_2 = 0.0;
    for (int64_t i = 0; i < KINDS; i++) {
        for (int64_t j = 0; j < BELOW; j++) {
            const real lower_ij = lower[i * BELOW + j];
            wishart_sum_2 += lower_ij * lower_ij;
        }
    }
    real wishart_sum_3 = 0.0;
    for (int64_t i = 0; i < KINDS; i++)
        for (int64_t j = 0; j < D; j++)
            wishart_sum_3 += scale[i * D + j];
    const real wishart = (wishart_sum + wishart_sum_2) * (gamma_ * gamma_ / 2.0) - freedom * wishart_sum_3;
    if (!isfinite(wishart)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 26, "wishart", 0, 0, wishart);
        return;
    }

    /* gmm.ad:28: loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds)) */
    for (int64_t i = 0; i < n; i++) {
        real x_argmax_best = -INFINITY;
        int64_t x_argmax_total = 0;
        for (int64_t k = 0; k < KINDS; k++) {
            const real density_ik = density[i * KINDS + k];
            if (density_ik > x_argmax_best || (isnan(density_ik) && !isnan(x_argmax_best))) {
                x_argmax_best = density_ik;
                x_argmax_total = k;
            }
        }
        x_argmax[i] = x_argmax_total;
    }
    for (int64_t i = 0; i < n; i++) {
        real x_sum_total = 0.0;
        const int64_t x_argmax_i = x_argmax[i];
        const real density_iat = density[i * KINDS + x_argmax_i];
        for (int64_t j = 0; j < KINDS; j++) {
            const real density_ij = density[i * KINDS + j];
            x_sum_total += j == x_argmax_i || density_ij == -INFINITY ? 0.0 : ad_exp(density_ij - density_iat);
        }
        x_sum[i] = x_sum_total;
    }
    ad_tree likelihood_sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const real density_iat = density[i * KINDS + x_argmax[i]];
        ad_add(&likelihood_sum_total, density_iat == -INFINITY ? -INFINITY : density_iat + ad_log1p(x_sum[i]));
    }
    const real likelihood_sum = ad_total(&likelihood_sum_total);
    const real likelihood = 3.6757541328186907 - likelihood_sum / (real)n;
    if (!isfinite(likelihood)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 28, "likelihood", 0, 0, likelihood);
        return;
    }

    /* gmm.ad:29: loss prior = wishart / n */
    const real prior = wishart / (real)n;
    if (!isfinite(prior)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 29, "prior", 0, 0, prior);
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
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * KINDS);    /* step: density */
    used = ad_room(used, sizeof(real), n * KINDS * D);    /* step: z */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), n * KINDS);    /* eval: density */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), n * KINDS);    /* output: density */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * KINDS * D);    /* trace: z */
    used = ad_room(used, sizeof(real), n * KINDS * D);    /* trace: z_sum */
    used = ad_room(used, sizeof(real), n * KINDS);    /* trace: density */
    used = ad_room(used, sizeof(real), n * KINDS);    /* trace: density_sum_2 */
    used = ad_room(used, sizeof(int64_t), n);    /* trace: x_argmax */
    used = ad_room(used, sizeof(real), n);    /* trace: x_sum */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 0, 9},
    {"d", AD_DIM_FIXED, 4, 0, 9},
    {"species", AD_DIM_IDS, 0, 0, 9},
    {"kinds", AD_DIM_FIXED, 3, 0, 10},
    {"below", AD_DIM_FIXED, 6, 0, 11},
};

static const AdHyper model_hypers[] = {
    {"gamma", 0.1, 12},
    {"freedom", 0.0, 13},
};

static const AdData model_data[] = {
    {.name = "X", .line = 15, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_SCALED, .missing = 0, .column_lo = 0, .column_hi = 4, .ncolumns = 0, .columns = NULL},
    {.name = "flower", .line = 16, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"species"}},
};

static const AdParam model_params[] = {
    {.name = "share", .line = 18, .rank = 1, .axes = (const int[]){3}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_SIMPLEX, .frozen = 0},
    {.name = "mu", .line = 19, .rank = 2, .axes = (const int[]){3, 1}, .init = AD_INIT_NORMAL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "scale", .line = 20, .rank = 2, .axes = (const int[]){3, 1}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "lower", .line = 21, .rank = 2, .axes = (const int[]){3, 4}, .init = AD_INIT_FILL,
     .scalar_fill = 1, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"likelihood", 28, 1},
    {"prior", 29, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "belongs", .line = 30, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 3}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/iris.csv\"", 32},
    {"optimizer", "lbfgs()", 32},
    {"epochs", "600", 32},
    {"restarts", "10", 32},
};

static const char model_source[] =
    "# A mixture of Gaussians with full covariances: the species of iris, found without being told.\n"
    "#\n"
    "# Every flower is taken to come from one of three Gaussians, and nobody says from which: its density is their sum, weighted\n"
    "# by 'share'. The inverse of a covariance is L L', where the triangular L is kept as the logarithms of its diagonal\n"
    "# ('scale') and a row of what stands below it ('lower'), so whatever an optimiser does to them it stays a covariance.\n"
    "# A Gaussian on a single flower would have an infinite density; the Wishart prior on L L' forbids that. The objective is\n"
    "# that of Srajer, Kukelova and Fitzgibbon, \"A benchmark of selected algorithmic differentiation tools\", 2018.\n"
    "precision f64\n"
    "dim n, d, species\n"
    "dim kinds = 3\n"
    "dim below = d * (d - 1) // 2\n"
    "hyper gamma = 0.1               # the prior's scale: small is weak\n"
    "hyper freedom = 0               # its degrees of freedom beyond d + 1\n"
    "\n"
    "data X[n, d] : scaled from columns 0:4\n"
    "data flower[n] : index(species) from column \"species\"       # colours the pictures, nothing is learnt from it\n"
    "\n"
    "param share[kinds] = 1 : simplex\n"
    "param mu[kinds, d] ~ normal(0, 1)\n"
    "param scale[kinds, d] = 0\n"
    "param lower[kinds, below] = 0\n"
    "\n"
    "# L'(x - mu): its square is the distance that a Gaussian sees\n"
    "let z[i in n, k in kinds, a in d] = exp(scale[k, a]) * (X[i, a] - mu[k, a]) + sum[b in 0:a] lower[k, a * (a - 1) // 2 + b] * (X[i, b] - mu[k, b])\n"
    "let density[i in n, k in kinds] = log(share[k]) + sum[a in d] scale[k, a] - sum[a in d] z[i, k, a]^2 / 2\n"
    "let wishart = gamma^2 / 2 * (sum(exp(2 * scale)) + sum(lower^2)) - freedom * sum(scale)\n"
    "\n"
    "loss likelihood = d * log(2 * pi) / 2 - mean(logsumexp(density, over = kinds))\n"
    "loss prior = wishart / n\n"
    "output belongs[n, kinds] = softmax(density, over = kinds)\n"
    "\n"
    "train { data = \"data/iris.csv\"; optimizer = lbfgs(); epochs = 600; restarts = 10 }\n"
    ;

const AdModel gmm_model = {
    .name = "gmm", .file = "gmm.ad", .source = model_source, .f64 = 1,
    .ndims = 5, .dims = model_dims,
    .nhypers = 2, .hypers = model_hypers,
    .ndata = 2, .data = model_data,
    .nparams = 4, .params = model_params,
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
    return adrt_main(argc, argv, &gmm_model);
}
#endif
