/* lbfgs.c: limited-memory BFGS (Liu and Nocedal 1989) with a line search for the strong Wolfe conditions (Nocedal and
 * Wright 2006, algorithms 3.5 and 3.6, cubic interpolation of Fletcher).
 *
 * One step of the optimiser is one direction and its line search. Constants and tie-breaks are those of PyTorch's LBFGS
 * with max_iter = 1 and line_search_fn = "strong_wolfe", so that trajectories agree: first trial min(1, 1/|g|_1) lr, then
 * lr; c1 = 1e-4, c2 = 0.9; pairs with y's <= 1e-10 are skipped; a slope above -1e-9 or gradients below 1e-7 end it.
 * Vectors are double whatever the model's precision. */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LBFGS_TRIALS = 25 };

struct Lbfgs {
    Worker *w;
    int64_t n;
    int history, pairs;         /* pairs kept, the oldest first */
    bool search;
    double *x, *d, *g, *before; /* start of the line search, direction, gradient, gradient of the step before */
    double **s, **y, *ro, *alpha;
    double t, scale;
    int64_t steps;
};

typedef struct { double t, f, slope; } LbfgsPoint;

Lbfgs *lbfgs_new(const OptimSpec *spec, Worker *w)
{
    Lbfgs *o = rt_alloc(sizeof *o);
    size_t bytes = (size_t)w->n * sizeof(double);
    o->w = w;
    o->n = w->n;
    o->history = (int)spec->history;
    o->search = spec->line_search;
    o->x = rt_alloc(bytes);
    o->d = rt_alloc(bytes);
    o->g = rt_alloc(bytes);
    o->before = rt_alloc(bytes);
    o->s = rt_alloc((size_t)o->history * sizeof *o->s);
    o->y = rt_alloc((size_t)o->history * sizeof *o->y);
    o->ro = rt_alloc((size_t)o->history * sizeof *o->ro);
    o->alpha = rt_alloc((size_t)o->history * sizeof *o->alpha);
    return o;
}

void lbfgs_reset(Lbfgs *o)
{
    o->steps = 0;
    o->pairs = 0;
    o->scale = 1;
}

void lbfgs_free(Lbfgs *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->history; i++) {
        free(o->s[i]);
        free(o->y[i]);
    }
    free(o->s);
    free(o->y);
    free(o->ro);
    free(o->alpha);
    free(o->x);
    free(o->d);
    free(o->g);
    free(o->before);
    free(o);
}

/* ---- vectors ---- */

static double vector_dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void vector_load(double *v, const void *from, int f64, int64_t n)
{
    if (f64)
        memcpy(v, from, (size_t)n * sizeof *v);
    else
        for (int64_t i = 0; i < n; i++)
            v[i] = (double)((const float *)from)[i];
}

static double vector_most(const double *v, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fabs(v[i]) > most ? fabs(v[i]) : most;
    return most;
}

/* ---- the line search ---- */

static void lbfgs_place(Lbfgs *o, double t)
{
    int f64 = o->w->run.model->f64;
    for (int64_t i = 0; i < o->n; i++)
        if (f64)
            ((double *)o->w->x)[i] = o->x[i] + t * o->d[i];
        else
            ((float *)o->w->x)[i] = (float)(o->x[i] + t * o->d[i]);
    worker_moved(o->w);
}

static LbfgsPoint lbfgs_try(Lbfgs *o, double t)
{
    LbfgsPoint p = { .t = t };
    lbfgs_place(o, t);
    p.f = worker_step(o->w);
    vector_load(o->g, o->w->g, o->w->run.model->f64, o->n);
    p.slope = vector_dot(o->g, o->d, o->n);
    return p;
}

/* The minimum of the cubic through two points with slopes, within [low, high]. */
static double cubic_minimum(LbfgsPoint a, LbfgsPoint b, double low, double high)
{
    double d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t), square = d1 * d1 - a.slope * b.slope, d2, t;
    if (!(square >= 0))
        return (low + high) / 2;
    d2 = sqrt(square);
    if (a.t <= b.t)
        t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
    else
        t = a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
    t = t > low ? t : low;
    return t < high ? t : high;
}

/* Narrows the bracket p[0], p[1] until its lower end meets both conditions; returns that end. */
static LbfgsPoint lbfgs_zoom(Lbfgs *o, LbfgsPoint start, LbfgsPoint p[2], int trial)
{
    double size = vector_most(o->d, o->n);
    int low = p[0].f <= p[1].f ? 0 : 1;
    bool stuck = false;
    while (trial++ < LBFGS_TRIALS && fabs(p[1].t - p[0].t) * size >= 1e-9) {
        double left = fmin(p[0].t, p[1].t), right = fmax(p[0].t, p[1].t), edge = 0.1 * (right - left);
        double t = cubic_minimum(p[0], p[1], left, right);
        if (fmin(right - t, t - left) < edge) {         /* close to an end, a second time: step away from it */
            bool away = stuck || t >= right || t <= left;
            if (away)
                t = fabs(t - right) < fabs(t - left) ? right - edge : left + edge;
            stuck = !away;
        } else
            stuck = false;
        LbfgsPoint now = lbfgs_try(o, t);
        if (now.f > start.f + 1e-4 * t * start.slope || now.f >= p[low].f) {
            p[1 - low] = now;
            low = p[0].f <= p[1].f ? 0 : 1;
            continue;
        }
        bool done = fabs(now.slope) <= -0.9 * start.slope;
        if (!done && now.slope * (p[1 - low].t - p[low].t) >= 0)
            p[1 - low] = p[low];
        p[low] = now;
        if (done)
            break;
    }
    return p[low];
}

static LbfgsPoint lbfgs_search(Lbfgs *o, double loss, double slope, double t)
{
    LbfgsPoint start = { 0, loss, slope }, before = start, now = lbfgs_try(o, t);
    int trial = 0;
    for (; trial < LBFGS_TRIALS; trial++) {
        if (now.f > start.f + 1e-4 * now.t * start.slope || (trial > 1 && now.f >= before.f))
            return lbfgs_zoom(o, start, (LbfgsPoint[2]){ before, now }, trial);
        if (fabs(now.slope) <= -0.9 * start.slope)
            return now;
        if (now.slope >= 0)
            return lbfgs_zoom(o, start, (LbfgsPoint[2]){ before, now }, trial);
        double next = cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10);
        before = now;
        now = lbfgs_try(o, next);
    }
    return start.f <= now.f ? start : now;
}

/* ---- the direction ---- */

/* The pair of the last step, s = t d and y = g - before, as long as the curvature along it is positive. */
static void lbfgs_remember(Lbfgs *o)
{
    double ys = 0, yy = 0;
    for (int64_t i = 0; i < o->n; i++) {
        double y = o->g[i] - o->before[i];
        ys += y * (o->d[i] * o->t);
        yy += y * y;
    }
    if (!(ys > 1e-10))
        return;
    bool full = o->pairs == o->history;
    int k = full ? o->history - 1 : o->pairs++;
    if (full) {                                         /* the oldest pair's memory serves the newest */
        double *s = o->s[0], *y = o->y[0];
        for (int i = 0; i < k; i++) {
            o->s[i] = o->s[i + 1];
            o->y[i] = o->y[i + 1];
            o->ro[i] = o->ro[i + 1];
        }
        o->s[k] = s;
        o->y[k] = y;
    }
    if (!o->s[k]) {
        o->s[k] = rt_alloc((size_t)o->n * sizeof(double));
        o->y[k] = rt_alloc((size_t)o->n * sizeof(double));
    }
    for (int64_t i = 0; i < o->n; i++) {
        o->s[k][i] = o->d[i] * o->t;
        o->y[k][i] = o->g[i] - o->before[i];
    }
    o->ro[k] = 1 / ys;
    o->scale = ys / yy;
}

/* d = -H g by the two loops */
static void lbfgs_direction(Lbfgs *o)
{
    for (int64_t i = 0; i < o->n; i++)
        o->d[i] = -o->g[i];
    for (int k = o->pairs - 1; k >= 0; k--) {
        o->alpha[k] = vector_dot(o->s[k], o->d, o->n) * o->ro[k];
        for (int64_t i = 0; i < o->n; i++)
            o->d[i] -= o->alpha[k] * o->y[k][i];
    }
    for (int64_t i = 0; i < o->n; i++)
        o->d[i] *= o->scale;
    for (int k = 0; k < o->pairs; k++) {
        double step = o->alpha[k] - vector_dot(o->y[k], o->d, o->n) * o->ro[k];
        for (int64_t i = 0; i < o->n; i++)
            o->d[i] += step * o->s[k][i];
    }
}

int lbfgs_step(Lbfgs *o, double lr, double loss)
{
    int f64 = o->w->run.model->f64;
    double t = lr;
    vector_load(o->g, o->w->g, f64, o->n);
    if (vector_most(o->g, o->n) <= 1e-7)
        return 0;
    if (o->steps++ > 0)
        lbfgs_remember(o);
    lbfgs_direction(o);
    memcpy(o->before, o->g, (size_t)o->n * sizeof *o->g);
    if (o->steps == 1) {
        double sum = 0;
        for (int64_t i = 0; i < o->n; i++)
            sum += fabs(o->g[i]);
        t = fmin(1, 1 / sum) * lr;
    }
    double slope = vector_dot(o->g, o->d, o->n);
    if (slope > -1e-9)
        return 0;
    vector_load(o->x, o->w->x, f64, o->n);
    o->t = o->search ? lbfgs_search(o, loss, slope, t).t : t;
    lbfgs_place(o, o->t);
    return 1;
}
