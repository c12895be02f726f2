/* constraint.c: constrained params as unconstrained coordinates, in which the optimiser moves freely.
 *
 *     positive   x > 0               u = log x
 *     in(a, b)   a < x < b           u = log((x - a) / (b - x)); an infinite bound: log of the distance to the other
 *     ordered    x[0] < x[1] < ...   u[0] = x[0], u[j] = log(x[j] - x[j-1])
 *     simplex    x > 0, sum 1        u[j] = log x[j] - mean(log x), back by softmax
 *
 * The gradient in u is dx through the derivative of x(u), written in x itself so that nothing is computed twice. There
 * is no log-Jacobian: adc minimises what the model says. Rounding never leaves the open set: from_free pulls a value
 * that lands on the boundary to the next number inside. */
#include "rt.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* The neighbour of x towards `to`, in the element type. */
static double neighbour(int f64, double x, double to)
{
    return f64 ? nextafter(x, to) : (double)nextafterf((float)x, (float)to);
}

static double stored(int f64, double x)
{
    return f64 ? x : (double)(float)x;
}

/* ---- in(a, b) ---- */

static double interval_to_free(double x, double lo, double hi)
{
    if (isinf(lo) && isinf(hi))
        return x;
    if (isinf(hi))
        return log(x - lo);
    if (isinf(lo))
        return -log(hi - x);
    return log((x - lo) / (hi - x));
}

static double interval_from_free(int f64, double u, double lo, double hi)
{
    double x;
    if (isinf(lo) && isinf(hi))
        return u;
    if (isinf(hi))
        x = lo + exp(u);
    else if (isinf(lo))
        x = hi - exp(-u);
    else if (u < 0)                 /* from the nearer bound, which keeps the digits of the distance to it */
        x = lo + (hi - lo) * (exp(u) / (1 + exp(u)));
    else
        x = hi - (hi - lo) * (exp(-u) / (1 + exp(-u)));
    x = stored(f64, x);
    if (x <= lo)
        x = neighbour(f64, lo, INFINITY);
    if (x >= hi)
        x = neighbour(f64, hi, -INFINITY);
    return x;
}

static double interval_slope(double x, double lo, double hi)
{
    if (isinf(lo) && isinf(hi))
        return 1;
    if (isinf(hi))
        return x - lo;
    if (isinf(lo))
        return hi - x;
    return (x - lo) * ((hi - x) / (hi - lo));
}

/* ---- rows of n: ordered, simplex ---- */

static void ordered_to_free(int f64, const void *x, int64_t at, int64_t n, void *u)
{
    double before = real_get(f64, x, at);
    real_set(f64, u, at, before);
    for (int64_t j = at + 1; j < at + n; j++) {
        double now = real_get(f64, x, j);
        real_set(f64, u, j, log(now - before));
        before = now;
    }
}

static void ordered_from_free(int f64, const void *u, int64_t at, int64_t n, void *x)
{
    double before = real_get(f64, u, at);
    real_set(f64, x, at, before);
    for (int64_t j = at + 1; j < at + n; j++) {
        double now = stored(f64, before + exp(real_get(f64, u, j)));
        if (now <= before)
            now = neighbour(f64, before, INFINITY);
        real_set(f64, x, j, now);
        before = now;
    }
}

/* u[j] moves x[j] and everything behind it. */
static void ordered_chain(int f64, const void *x, const void *dx, int64_t at, int64_t n, void *du)
{
    double behind = 0;
    for (int64_t j = at + n - 1; j > at; j--) {
        behind += real_get(f64, dx, j);
        real_set(f64, du, j, behind * (real_get(f64, x, j) - real_get(f64, x, j - 1)));
    }
    real_set(f64, du, at, behind + real_get(f64, dx, at));
}

static void simplex_to_free(int f64, const void *x, int64_t at, int64_t n, void *u)
{
    double mean = 0;
    for (int64_t j = at; j < at + n; j++)
        mean += log(real_get(f64, x, j)) / (double)n;
    for (int64_t j = at; j < at + n; j++)
        real_set(f64, u, j, log(real_get(f64, x, j)) - mean);
}

static void simplex_from_free(int f64, const void *u, int64_t at, int64_t n, void *x)
{
    double top = -INFINITY, sum = 0, least = f64 ? DBL_MIN : (double)FLT_MIN;
    for (int64_t j = at; j < at + n; j++)
        top = fmax(top, real_get(f64, u, j));
    for (int64_t j = at; j < at + n; j++)
        sum += exp(real_get(f64, u, j) - top);
    for (int64_t j = at; j < at + n; j++) {
        double v = exp(real_get(f64, u, j) - top) / sum;
        real_set(f64, x, j, v < least ? least : v);     /* nan passes through */
    }
}

static void simplex_chain(int f64, const void *x, const void *dx, int64_t at, int64_t n, void *du)
{
    double mean = 0;
    for (int64_t j = at; j < at + n; j++)
        mean += real_get(f64, x, j) * real_get(f64, dx, j);
    for (int64_t j = at; j < at + n; j++)
        real_set(f64, du, j, real_get(f64, x, j) * (real_get(f64, dx, j) - mean));
}

/* ---- whole arrays ---- */

void to_free(AdConstraint c, int f64, const void *x, double lo, double hi, int64_t count, int64_t last, void *u)
{
    switch (c) {
    case AD_FREE:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, u, i, real_get(f64, x, i));
        break;
    case AD_POSITIVE:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, u, i, log(real_get(f64, x, i)));
        break;
    case AD_INTERVAL:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, u, i, interval_to_free(real_get(f64, x, i), lo, hi));
        break;
    case AD_ORDERED:
        for (int64_t i = 0; i < count; i += last)
            ordered_to_free(f64, x, i, last, u);
        break;
    case AD_SIMPLEX:
        for (int64_t i = 0; i < count; i += last)
            simplex_to_free(f64, x, i, last, u);
        break;
    }
}

void from_free(AdConstraint c, int f64, const void *u, double lo, double hi, int64_t count, int64_t last, void *x)
{
    double least = f64 ? DBL_MIN : (double)FLT_MIN;
    switch (c) {
    case AD_FREE:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, x, i, real_get(f64, u, i));
        break;
    case AD_POSITIVE:
        for (int64_t i = 0; i < count; i++) {
            double v = exp(real_get(f64, u, i));
            real_set(f64, x, i, v < least ? least : v);
        }
        break;
    case AD_INTERVAL:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, x, i, interval_from_free(f64, real_get(f64, u, i), lo, hi));
        break;
    case AD_ORDERED:
        for (int64_t i = 0; i < count; i += last)
            ordered_from_free(f64, u, i, last, x);
        break;
    case AD_SIMPLEX:
        for (int64_t i = 0; i < count; i += last)
            simplex_from_free(f64, u, i, last, x);
        break;
    }
}

void chain_free(AdConstraint c, int f64, const void *x, const void *dx, double lo, double hi, int64_t count, int64_t last,
                void *du)
{
    switch (c) {
    case AD_FREE:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, du, i, real_get(f64, dx, i));
        break;
    case AD_POSITIVE:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, du, i, real_get(f64, dx, i) * real_get(f64, x, i));
        break;
    case AD_INTERVAL:
        for (int64_t i = 0; i < count; i++)
            real_set(f64, du, i, real_get(f64, dx, i) * interval_slope(real_get(f64, x, i), lo, hi));
        break;
    case AD_ORDERED:
        for (int64_t i = 0; i < count; i += last)
            ordered_chain(f64, x, dx, i, last, du);
        break;
    case AD_SIMPLEX:
        for (int64_t i = 0; i < count; i += last)
            simplex_chain(f64, x, dx, i, last, du);
        break;
    }
}

/* ---- does a start satisfy its constraint? ---- */

typedef struct { const AdModel *model; const AdParam *param; int64_t last; Err *err; } Check;

static int unfit(const Check *c, int64_t i, double v, const char *needed)
{
    char place[64] = "";
    if (c->param->rank)
        snprintf(place, sizeof place, ", element %lld,", (long long)i);
    return err_set(c->err, EXIT_BAD_DATA, "%s:%d: error: param '%s'%s starts at %.9g, but %s", c->model->file, c->param->line,
                   c->param->name, place, v, needed);
}

static int check_simplex(const Check *c, int64_t at, const void *x)
{
    double sum = 0, within = c->model->f64 ? 1e-9 : 1e-5;
    for (int64_t j = at; j < at + c->last; j++) {
        double v = real_get(c->model->f64, x, j);
        if (!(c->param->frozen ? v >= 0 : v > 0))
            return unfit(c, j, v, "values of a simplex are positive");
        sum += v;
    }
    if (fabs(sum - 1) <= within)
        return EXIT_FINE;
    return err_set(c->err, EXIT_BAD_DATA, "%s:%d: error: param '%s' starts with a sum of %.9g, but values of a simplex sum to 1",
                   c->model->file, c->param->line, c->param->name, sum);
}

static int check_value(const Check *c, const double *a, int64_t i, const void *x)
{
    double v = real_get(c->model->f64, x, i);
    char needed[120];
    if (v - v != 0)
        return unfit(c, i, v, "params start at finite values");
    if (c->param->constraint == AD_POSITIVE && !(v > 0))
        return unfit(c, i, v, "it is declared positive");
    if (c->param->constraint == AD_INTERVAL && !(v > a[2] && v < a[3])) {
        snprintf(needed, sizeof needed, "it is declared in(%g, %g), bounds excluded", a[2], a[3]);
        return unfit(c, i, v, needed);
    }
    if (c->param->constraint == AD_ORDERED && i % c->last && !(v > real_get(c->model->f64, x, i - 1))) {
        snprintf(needed, sizeof needed, "it is declared ordered and the value before it is %.9g",
                 real_get(c->model->f64, x, i - 1));
        return unfit(c, i, v, needed);
    }
    return EXIT_FINE;
}

int constraint_check(const AdModel *m, int p, const int64_t *dims, const double *a, const void *x, Err *err)
{
    const AdParam *param = &m->params[p];
    Check c = { m, param, 1, err };
    int64_t count = 1;
    for (int i = 0; i < param->rank; i++) {
        c.last = dims[param->axes[i]];
        count *= c.last;
    }
    if (param->constraint == AD_INTERVAL && !(a[2] < a[3]))
        return err_set(err, EXIT_BAD_DATA, "%s:%d: error: param '%s' is declared in(%g, %g), which is empty", m->file,
                       param->line, param->name, a[2], a[3]);
    for (int64_t i = 0; i < count; i++) {
        int code = check_value(&c, a, i, x);
        if (!code && param->constraint == AD_SIMPLEX && i % c.last == 0)
            code = check_simplex(&c, i, x);
        if (code)
            return code;
    }
    return EXIT_FINE;
}
