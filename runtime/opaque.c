/* opaque.c: the operations that run once, at load, on data alone; and how emitted code reports what went wrong.
 *
 * The compiler sees them as black boxes: no derivative flows through. All compute in double, whatever real is. */
#include "rt.h"
#include <math.h>
#include <stdlib.h>

/* The first fault counts: what follows it is noise. */
void adrt_fault(AdRun *run, AdFaultKind kind, int line, const char *what, int64_t index, int64_t size, double value)
{
    if (run->fault.kind == AD_OK)
        run->fault = (AdFault){ kind, line, what, index, size, value };
}

static double *opaque_copy(int f64, const void *a, int64_t n)
{
    double *x = rt_alloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = real_get(f64, a, i);
    return x;
}

typedef struct { int64_t m, n, r; double *U, *s, *V; } Svd;

static bool opaque_svd(AdRun *run, const char *who, double *A, int64_t m, int64_t n, Svd *d)
{
    d->m = m;
    d->n = n;
    d->r = m < n ? m : n;
    d->U = rt_alloc((size_t)(m * d->r) * sizeof(double));
    d->s = rt_alloc((size_t)d->r * sizeof(double));
    d->V = rt_alloc((size_t)(n * d->r) * sizeof(double));
    int failed = svd(m, n, A, d->U, d->s, d->V);
    if (failed)
        adrt_fault(run, AD_FAULT_OPAQUE, 0, who, 0, 0, 0);
    return !failed;
}

static void svd_free(Svd *d)
{
    free(d->U);
    free(d->s);
    free(d->V);
}

/* 1 <= k <= min(m, n), or a fault that carries both numbers. */
static bool rank_fits(AdRun *run, const char *who, int64_t m, int64_t n, int64_t k)
{
    int64_t r = m < n ? m : n;
    if (k < 1 || k > r)
        adrt_fault(run, AD_FAULT_OPAQUE, 0, who, k, r, 0);
    return k >= 1 && k <= r;
}

void adrt_lowrank(AdRun *run, int f64, const void *A, int64_t m, int64_t n, int64_t k, void *out)
{
    if (!rank_fits(run, "the rank of lowrank must be from 1 to the smaller side of the matrix", m, n, k))
        return;
    double *copy = opaque_copy(f64, A, m * n);
    Svd d;
    if (opaque_svd(run, "lowrank of a matrix that is not finite", copy, m, n, &d))
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double v = 0;
                for (int64_t q = k - 1; q >= 0; q--)        /* small terms first */
                    v += d.U[i * d.r + q] * d.s[q] * d.V[j * d.r + q];
                real_set(f64, out, i * n + j, v);
            }
    svd_free(&d);
    free(copy);
}

static void centre_columns(double *A, int64_t m, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        double sum = 0, rest = 0;
        for (int64_t i = 0; i < m; i++)
            sum += A[i * n + j];
        for (int64_t i = 0; i < m; i++)         /* a second pass takes the rounding out of the mean */
            rest += A[i * n + j] - sum / (double)m;
        double mean = sum / (double)m + rest / (double)m;
        for (int64_t i = 0; i < m; i++)
            A[i * n + j] -= mean;
    }
}

/* The sign of an axis is free: the one whose largest loading is positive. */
static double axis_sign(const Svd *d, int64_t q)
{
    double most = 0;
    for (int64_t j = 0; j < d->n; j++)
        if (fabs(d->V[j * d->r + q]) > fabs(most) * (1 + 1e-9))     /* equal but for rounding: the first */
            most = d->V[j * d->r + q];
    return most < 0 ? -1 : 1;
}

void adrt_pca(AdRun *run, int f64, const void *A, int64_t m, int64_t n, int64_t k, void *out)
{
    if (!rank_fits(run, "the number of axes of pca must be from 1 to the smaller side of the matrix", m, n, k))
        return;
    double *copy = opaque_copy(f64, A, m * n);
    centre_columns(copy, m, n);
    Svd d;
    if (opaque_svd(run, "pca of a matrix that is not finite", copy, m, n, &d))
        for (int64_t q = 0; q < k; q++) {
            double scale = d.s[q] * axis_sign(&d, q);
            for (int64_t i = 0; i < m; i++)
                real_set(f64, out, i * k + q, d.U[i * d.r + q] * scale);
        }
    svd_free(&d);
    free(copy);
}

void adrt_svdvals(AdRun *run, int f64, const void *A, int64_t m, int64_t n, void *out)
{
    double *copy = opaque_copy(f64, A, m * n);
    Svd d;
    if (opaque_svd(run, "svdvals of a matrix that is not finite", copy, m, n, &d))
        for (int64_t q = 0; q < d.r; q++)
            real_set(f64, out, q, d.s[q]);
    svd_free(&d);
    free(copy);
}

static int opaque_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void adrt_quantile(AdRun *run, int f64, const void *x, int64_t n, double q, void *out)
{
    if (!(q >= 0 && q <= 1) || n < 1) {
        adrt_fault(run, AD_FAULT_OPAQUE, 0, "the q of quantile must be from 0 to 1", 0, 0, q);
        return;
    }
    double *sorted = opaque_copy(f64, x, n);
    qsort(sorted, (size_t)n, sizeof *sorted, opaque_order);
    double at = q * (double)(n - 1);
    int64_t below = (int64_t)at, above = below + 1 < n ? below + 1 : below;
    double part = at - (double)below;
    real_set(f64, out, 0, part > 0 ? sorted[below] + part * (sorted[above] - sorted[below]) : sorted[below]);
    free(sorted);
}
