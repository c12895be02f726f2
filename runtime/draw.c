/* draw.c: where a param starts, in natural units.
 *
 * Each element is drawn for itself, by (seed, name of the param, place of the element): adding a param or reordering a
 * file changes no other draw. A constraint is then met by the map that the language promises: absolute values, sorting,
 * division by the sum; a draw for in(a, b) must fall inside by itself.
 *
 * Fans, as glorot, he and lecun count them: the last two axes are in and out, axes before them (the taps of a
 * convolution, heads) multiply both. A vector has n in and 1 out, a scalar 1 and 1. (Glorot and Bengio 2010, He et al.
 * 2015, LeCun et al. 1998.) */
#include "rt.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const AdModel *model;
    const AdParam *param;
    const double *a;            /* arguments of the draw, then the bounds of an interval */
    uint64_t seed, key;
    int64_t count, last;        /* elements; length of the last axis */
    const int64_t *dims;
    Err *err;
} Draw;

static int draw_error(const Draw *d, const char *what)
{
    return err_set(d->err, EXIT_BAD_DATA, "%s:%d: error: param '%s' %s", d->model->file, d->param->line, d->param->name, what);
}

static void fans(const Draw *d, double *in, double *out)
{
    int rank = d->param->rank;
    double n = (double)d->count, last = (double)d->last;
    if (rank < 2) {
        *in = n;
        *out = 1;
        return;
    }
    double before = (double)d->dims[d->param->axes[rank - 2]];
    *in = n / last;
    *out = n / before;
}

static void draw_uniform(const Draw *d, double lo, double hi, double *x)
{
    for (int64_t i = 0; i < d->count; i++)
        x[i] = lo + (hi - lo) * adrt_uniform(d->seed, d->key, 0, i);
}

static void draw_normal(const Draw *d, double mu, double sd, double *x)
{
    for (int64_t i = 0; i < d->count; i++)
        x[i] = mu + sd * adrt_normal(d->seed, d->key, 0, i);
}

static void draw_constant(const Draw *d, double v, double *x)
{
    for (int64_t i = 0; i < d->count; i++)
        x[i] = v;
}

/* Rows or columns orthonormal, whichever there are fewer of; leading axes count as rows. Gram-Schmidt, each vector
 * twice (enough: Giraud et al. 2005), on a normal matrix: with R's diagonal positive the result is uniformly
 * distributed over all such matrices (Mezzadri 2007). */
static void draw_orthogonal(const Draw *d, double *x)
{
    int64_t cols = d->param->rank < 2 ? 1 : d->last, rows = d->count / cols;
    int64_t n = rows < cols ? rows : cols, length = rows < cols ? cols : rows;
    double *v = rt_alloc((size_t)d->count * sizeof *v);     /* n vectors of `length` */
    draw_normal(d, 0, 1, x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < length; j++)
            v[i * length + j] = rows < cols ? x[i * cols + j] : x[j * cols + i];
    for (int64_t i = 0; i < n; i++) {
        double *vi = v + i * length, norm = 0;
        for (int64_t k = 0; k < 2 * i; k++) {
            const double *vk = v + k % i * length;
            double dot = 0;
            for (int64_t j = 0; j < length; j++)
                dot += vi[j] * vk[j];
            for (int64_t j = 0; j < length; j++)
                vi[j] -= dot * vk[j];
        }
        for (int64_t j = 0; j < length; j++)
            norm += vi[j] * vi[j];
        for (int64_t j = 0; j < length; j++)
            vi[j] /= sqrt(norm);
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < length; j++)
            x[rows < cols ? i * cols + j : j * cols + i] = v[i * length + j];
    free(v);
}

static void draw_shape(int rank, const int64_t *shape, char *text, size_t room)
{
    size_t at = (size_t)snprintf(text, room, "[");
    for (int i = 0; i < rank && at < room; i++)
        at += (size_t)snprintf(text + at, room - at, i ? ", %lld" : "%lld", (long long)shape[i]);
    if (at < room)
        snprintf(text + at, room - at, "]");
}

static int draw_file(const Draw *d, double *x)
{
    Array a;
    int64_t shape[16] = { 0 };
    int rank = d->param->rank, code = npy_read(d->param->file, &a, d->err);
    if (code)
        return code;
    bool same = a.rank == rank;
    for (int i = 0; i < rank && i < 16; i++) {
        shape[i] = d->dims[d->param->axes[i]];
        same = same && a.shape[i] == shape[i];
    }
    if (!same) {
        char found[200], needed[200];
        draw_shape(a.rank, a.shape, found, sizeof found);
        draw_shape(rank, shape, needed, sizeof needed);
        code = err_set(d->err, EXIT_BAD_DATA, "%s: error: the shape is %s, but param '%s' (%s:%d) needs %s", d->param->file,
                       found, d->param->name, d->model->file, d->param->line, needed);
    }
    for (int64_t i = 0; !code && i < d->count; i++) {
        x[i] = array_get(&a, i);
        if (x[i] - x[i] != 0)
            code = err_set(d->err, EXIT_BAD_DATA, "%s: error: element %lld of param '%s' is %g", d->param->file, (long long)i,
                           d->param->name, x[i]);
    }
    array_free(&a);
    return code;
}

static int draw_values(const Draw *d, double *x)
{
    double in, out, a = d->a[0], b = d->a[1];
    fans(d, &in, &out);
    switch (d->param->init) {
    case AD_INIT_FILL:
        break;
    case AD_INIT_UNIFORM:
        if (!(a <= b))
            return draw_error(d, "is drawn from uniform(a, b) with a > b");
        draw_uniform(d, a, b, x);
        break;
    case AD_INIT_NORMAL:
        if (!(b >= 0))
            return draw_error(d, "is drawn from normal(mu, sd) with sd < 0");
        draw_normal(d, a, b, x);
        break;
    case AD_INIT_GLOROT:
        draw_uniform(d, -sqrt(6 / (in + out)), sqrt(6 / (in + out)), x);
        break;
    case AD_INIT_HE:
        draw_normal(d, 0, sqrt(2 / in), x);
        break;
    case AD_INIT_LECUN:
        draw_normal(d, 0, sqrt(1 / in), x);
        break;
    case AD_INIT_ORTHOGONAL:
        draw_orthogonal(d, x);
        break;
    case AD_INIT_ZEROS:
        draw_constant(d, 0, x);
        break;
    case AD_INIT_ONES:
        draw_constant(d, 1, x);
        break;
    case AD_INIT_CONSTANT:
        draw_constant(d, a, x);
        break;
    case AD_INIT_FILE:
        return draw_file(d, x);
    }
    return EXIT_FINE;
}

static int draw_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int draw_constrain(const Draw *d, double *x)
{
    switch (d->param->constraint) {
    case AD_FREE: case AD_INTERVAL:
        break;
    case AD_POSITIVE:
        for (int64_t i = 0; i < d->count; i++)
            x[i] = fabs(x[i]);
        break;
    case AD_ORDERED:
        for (int64_t i = 0; i < d->count; i += d->last)
            qsort(x + i, (size_t)d->last, sizeof *x, draw_order);
        break;
    case AD_SIMPLEX:
        for (int64_t i = 0; i < d->count; i += d->last) {
            double sum = 0;
            for (int64_t j = i; j < i + d->last; j++)
                sum += x[j] = fabs(x[j]);
            if (!(sum > 0))
                return draw_error(d, "is a simplex, but its initial draw is all 0");
            for (int64_t j = i; j < i + d->last; j++)
                x[j] /= sum;
        }
        break;
    }
    return EXIT_FINE;
}

/* One number fills an ordered or simplex param with values around it that satisfy the constraint. */
static void draw_spread(const Draw *d, double *x)
{
    for (int64_t i = 0; i < d->count; i++) {
        int64_t j = i % d->last;
        if (d->param->constraint == AD_ORDERED)
            x[i] += (double)j - (double)(d->last - 1) / 2;
        else if (d->param->constraint == AD_SIMPLEX)
            x[i] = 1 / (double)d->last;
    }
}

int draw_param(const AdModel *m, int p, const int64_t *dims, const double *a, uint64_t seed, void *out, Err *err)
{
    const AdParam *param = &m->params[p];
    Draw d = { m, param, a, seed, name_key(param->name), 1, 1, dims, err };
    for (int i = 0; i < param->rank; i++) {
        d.last = dims[param->axes[i]];
        d.count *= d.last;
    }
    double *x = rt_alloc((size_t)d.count * sizeof *x);
    int code = EXIT_FINE;
    if (param->init == AD_INIT_FILL) {
        for (int64_t i = 0; i < d.count; i++)
            x[i] = real_get(m->f64, out, i);
        if (param->scalar_fill)
            draw_spread(&d, x);
    } else {
        code = draw_values(&d, x);
        if (!code)
            code = draw_constrain(&d, x);
    }
    for (int64_t i = 0; !code && i < d.count; i++)
        real_set(m->f64, out, i, x[i]);
    free(x);
    return code ? code : constraint_check(m, p, dims, a, out, err);
}
