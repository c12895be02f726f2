/* lm.c: Levenberg-Marquardt for a loss that is a sum of squares, loss = sum r(x)^2 (Marquardt 1963; scaling by More 1978;
 * damping by Nielsen 1999).
 *
 * A step solves   min |J d + r|^2 + lambda |D d|^2   by Householder QR, never by J'J, which would lose half of the digits:
 *
 *     1. J = Q R once                            m x n to at most n x n
 *     2. [R; sqrt(lambda) D] for each lambda     until the loss goes down
 *
 * D holds the largest column norms of J seen so far. A step tries up to LM_TRIALS dampings; when none lowers the loss,
 * the run is where it can get. Everything is double whatever the model's precision. */
#include "rt.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LM_TRIALS = 60 };

struct Lm {
    Worker *w;
    int64_t n, all;             /* columns used; columns the model writes */
    int64_t *at;                /* [n] place in x */
    int64_t *from;              /* [n] column of the model's J */
    int64_t m;                  /* residuals there is room for */
    void *r, *J;                /* the model's precision */
    double *A, *b;              /* column-major copy of J, then R; r, then Q'r */
    double *stack, *rhs, *d, *D, *x;
    double lambda, grow;
};

int lm_refused(const AdModel *m, Err *err)
{
    return err_set(err, EXIT_USAGE, "this trainer has no lm(): %s", m->lm_reason ? m->lm_reason : "its loss is no sum of squares");
}

Lm *lm_new(Worker *w, Err *err)
{
    const AdModel *model = w->run.model;
    if (!model->jacobian) {
        lm_refused(model, err);
        return NULL;
    }
    if ((double)w->n * (double)w->n > 1e17 || !rt_fits(4 * sizeof(double) * (size_t)w->n * (size_t)w->n)) {
        err_set(err, EXIT_USAGE, "lm() solves for all %lld params at once, too many for the memory there is: use lbfgs()", (long long)w->n);
        return NULL;
    }
    Lm *o = rt_alloc(sizeof *o);
    o->w = w;
    o->at = rt_alloc((size_t)(w->n + 1) * sizeof *o->at);
    o->from = rt_alloc((size_t)(w->n + 1) * sizeof *o->from);
    for (int p = 0; p < model->nparams; p++) {
        if (model->params[p].frozen)
            continue;
        for (int64_t i = 0; i < w->count[p] && w->session->learns[p]; i++) {
            o->at[o->n] = w->at[p] + i;
            o->from[o->n++] = o->all + i;
        }
        o->all += w->count[p];
    }
    size_t n = (size_t)o->n;
    o->stack = rt_alloc(2 * n * n * sizeof *o->stack);
    o->rhs = rt_alloc(2 * n * sizeof *o->rhs);
    o->d = rt_alloc(n * sizeof *o->d);
    o->D = rt_alloc(n * sizeof *o->D);
    o->x = rt_alloc(n * sizeof *o->x);
    lm_reset(o);
    return o;
}

void lm_reset(Lm *o)
{
    o->lambda = 1e-3;
    o->grow = 2;
    memset(o->D, 0, (size_t)o->n * sizeof *o->D);
}

static void lm_room(Lm *o, int64_t m)
{
    size_t element = worker_element(o->w);
    if (m <= o->m)
        return;
    free(o->r);
    free(o->J);
    free(o->A);
    free(o->b);
    o->m = m;
    o->r = rt_alloc((size_t)m * element);
    o->J = rt_alloc((size_t)m * (size_t)o->all * element);
    o->A = rt_alloc((size_t)m * (size_t)o->n * sizeof *o->A);
    o->b = rt_alloc((size_t)m * sizeof *o->b);
}

void lm_free(Lm *o)
{
    if (!o)
        return;
    free(o->at);
    free(o->from);
    free(o->r);
    free(o->J);
    free(o->A);
    free(o->b);
    free(o->stack);
    free(o->rhs);
    free(o->d);
    free(o->D);
    free(o->x);
    free(o);
}

/* Householder reflections make the column-major A[m, n] upper triangular (its first n rows) and act on b alike. */
static void householder(double *A, double *b, int64_t m, int64_t n)
{
    for (int64_t k = 0; k < n && k < m - 1; k++) {
        double *v = A + k * m, most = 0, norm = 0;
        for (int64_t i = k; i < m; i++)
            most = fmax(most, fabs(v[i]));
        if (!(most > 0))
            continue;
        for (int64_t i = k; i < m; i++)
            norm += (v[i] / most) * (v[i] / most);
        norm = most * sqrt(norm);
        double alpha = v[k] > 0 ? -norm : norm, head = v[k] - alpha, tail = -head * alpha;      /* v'v / 2 */
        v[k] = head;
        for (int64_t j = k + 1; j <= n; j++) {
            double *column = j < n ? A + j * m : b, dot = 0;
            for (int64_t i = k; i < m; i++)
                dot += v[i] * column[i];
            dot /= tail;
            for (int64_t i = k; i < m; i++)
                column[i] -= dot * v[i];
        }
        v[k] = alpha;
        for (int64_t i = k + 1; i < m; i++)
            v[i] = 0;
    }
}

/* Rows of J to coordinates of the optimiser: a constrained param's columns follow the chain rule. */
static void lm_chain(Lm *o, int64_t m)
{
    const Worker *w = o->w;
    const AdModel *model = w->run.model;
    size_t element = worker_element(w);
    int64_t column = 0;
    for (int p = 0; p < model->nparams; p++) {
        if (model->params[p].frozen)
            continue;
        const double *bound = w->run.draw + 4 * p + 2;
        void *row = rt_alloc((size_t)w->count[p] * element);
        for (int64_t i = 0; i < m && w->session->learns[p] && model->params[p].constraint != AD_FREE; i++) {
            char *at = (char *)o->J + (size_t)(i * o->all + column) * element;
            chain_free(model->params[p].constraint, model->f64, w->run.param[p], at, bound[0], bound[1], w->count[p], w->last[p], row);
            memcpy(at, row, (size_t)w->count[p] * element);
        }
        free(row);
        column += w->count[p];
    }
}

/* J = Q R: leaves R and Q'r in the first rows of A and b and renews D; how many rows R has */
static int64_t lm_factor(Lm *o, int64_t m)
{
    int f64 = o->w->run.model->f64;
    for (int64_t j = 0; j < o->n; j++) {
        double norm = 0;
        for (int64_t i = 0; i < m; i++) {
            double v = real_get(f64, o->J, i * o->all + o->from[j]);
            o->A[j * m + i] = v;
            norm += v * v;
        }
        o->D[j] = fmax(o->D[j], sqrt(norm));
    }
    for (int64_t i = 0; i < m; i++)
        o->b[i] = real_get(f64, o->r, i);
    householder(o->A, o->b, m, o->n);
    return m < o->n ? m : o->n;
}

/* Solves for d at the present lambda; the decrease of the loss that the linear model promises. */
static double lm_solve(Lm *o, int64_t m, int64_t k)
{
    int64_t n = o->n, rows = k + n;
    double promised = 0;
    memset(o->stack, 0, (size_t)(2 * n * n) * sizeof *o->stack);
    memset(o->rhs, 0, (size_t)(2 * n) * sizeof *o->rhs);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < k; i++)
            o->stack[j * rows + i] = o->A[j * m + i];
        o->stack[j * rows + k + j] = sqrt(o->lambda) * (o->D[j] > 0 ? o->D[j] : 1);
    }
    for (int64_t i = 0; i < k; i++)
        o->rhs[i] = -o->b[i];
    householder(o->stack, o->rhs, rows, n);
    for (int64_t j = n - 1; j >= 0; j--) {
        double v = o->rhs[j];
        for (int64_t i = j + 1; i < n; i++)
            v -= o->stack[i * rows + j] * o->d[i];
        o->d[j] = v / o->stack[j * rows + j];
    }
    for (int64_t i = 0; i < k; i++) {               /* |b|^2 - |b + R d|^2 = -(R d)' (2 b + R d) */
        double v = 0;
        for (int64_t j = 0; j < n; j++)
            v += o->A[j * m + i] * o->d[j];
        promised -= v * (2 * o->b[i] + v);
    }
    return promised;
}

static void lm_place(Lm *o, double t)
{
    for (int64_t j = 0; j < o->n; j++)
        real_set(o->w->run.model->f64, o->w->x, o->at[j], o->x[j] + t * o->d[j]);
    worker_moved(o->w);
}

/* Nielsen's rule: the better the linear model was, the less damping next time. */
static void lm_damp(Lm *o, double gain)
{
    double c = 2 * gain - 1;
    o->lambda *= fmax(1.0 / 3, 1 - c * c * c);
    o->lambda = fmax(o->lambda, 1e-30);
    o->grow = 2;
}

int lm_step(Lm *o, double loss)
{
    const AdModel *model = o->w->run.model;
    int64_t m = o->w->run.dims[model->residuals];
    lm_room(o, m);
    o->w->run.output[model->noutputs] = o->r;
    o->w->run.output[model->noutputs + 1] = o->J;
    model->jacobian(&o->w->run);
    lm_chain(o, m);
    int64_t k = lm_factor(o, m);
    for (int64_t j = 0; j < o->n; j++)
        o->x[j] = real_get(model->f64, o->w->x, o->at[j]);
    for (int trial = 0; trial < LM_TRIALS; trial++) {
        double promised = lm_solve(o, m, k), now;
        if (!(promised > DBL_EPSILON * 1e-3 * loss))
            break;
        lm_place(o, 1);
        now = worker_step(o->w);
        if (now < loss) {
            lm_damp(o, (loss - now) / promised);
            return 1;
        }
        o->lambda *= o->grow;
        o->grow *= 2;
    }
    lm_place(o, 0);
    return 0;
}
