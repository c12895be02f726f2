/* checkgrad.c: the command check-grad: emitted gradients against central differences, in f64 only.
 *
 *     (loss(x + h) - loss(x - h)) / 2h        extrapolated once over h and h/2 (Richardson 1911)
 *
 * Each difference is tried at several h and the best agreement counts: a wrong derivative disagrees at all of them, while
 * a kink between x - h and x + h, or rounding, spoils some. Errors are relative to the larger of the two values and a
 * thousandth of the param's largest gradient, below which differences carry no digits.
 *
 * Of a large param a sample is checked: CHECK_MOST elements, one out of each of equal stretches and always the same, but
 * for the last, which is the one with the largest gradient. Then all elements of all params move at once, along a random direction:
 *
 *     (loss(x + h d) - loss(x - h d)) / 2h    against g'd */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_MOST = 64 };       /* elements of a param */

/* Below this the next h is not tried. */
static const double check_good = 1e-7;

typedef struct {
    Worker w;
    int64_t *order;             /* of the rows of the batch in force */
    double **g, **d, **x;       /* [nparams] gradients, a direction, params before they move */
    int64_t elements;
    bool sampled;
    double worst;
    char name[256];             /* where the worst is */
} GradCheck;

static double check_loss(GradCheck *c)
{
    double loss = 0;
    rows_begin(&c->w);
    c->w.run.model->step(&c->w.run);
    for (int k = 0; k < c->w.run.model->nlosses; k++)
        loss += c->w.run.loss[k];
    return loss;
}

/* The loss with element i of param p at x[i] + h, or, with p < 0, everything at x + h d. */
static double check_at(GradCheck *c, int p, int64_t i, double h)
{
    const AdModel *m = c->w.run.model;
    double loss = 0;
    if (p >= 0) {
        double *x = c->w.run.param[p], kept = x[i];
        x[i] = kept + h;
        loss = check_loss(c);
        x[i] = kept;
        return loss;
    }
    for (int turn = 1; turn >= 0; turn--) {
        for (int q = 0; q < m->nparams; q++)
            for (int64_t k = 0; c->d[q] && k < c->w.count[q]; k++)
                ((double *)c->w.run.param[q])[k] = c->x[q][k] + turn * h * c->d[q][k];
        if (turn)
            loss = check_loss(c);
    }
    return loss;
}

static double check_slope(GradCheck *c, int p, int64_t i, double h)
{
    return (check_at(c, p, i, h) - check_at(c, p, i, -h)) / (2 * h);
}

/* The relative error of a derivative g; `scale` keeps it from being judged by rounding alone. */
static double check_one(GradCheck *c, int p, int64_t i, double g, double size, double scale)
{
    static const double steps[] = { 1e-5, 1e-3, 1e-7 };
    double best = INFINITY;
    for (int k = 0; k < 3 && best > check_good; k++) {
        double h = steps[k] * size, wide = check_slope(c, p, i, h), narrow = check_slope(c, p, i, h / 2);
        double tries[] = { (4 * narrow - wide) / 3, narrow };
        for (int t = 0; t < 2; t++) {
            double most = fmax(fmax(fabs(g), fabs(tries[t])), scale);
            double error = most > 0 ? fabs(g - tries[t]) / most : 0;
            best = error < best ? error : best;
        }
    }
    return isfinite(g) ? best : (double)INFINITY;
}

static void check_worst(GradCheck *c, double error, const char *name)
{
    if (error >= c->worst) {
        c->worst = error;
        snprintf(c->name, sizeof c->name, strchr(name, ' ') ? "%s" : "'%s'", name);
    }
}

static int64_t check_place(const GradCheck *c, int p, int64_t k, int64_t largest)
{
    int64_t n = c->w.count[p];
    if (n <= CHECK_MOST)
        return k;
    if (k == CHECK_MOST - 1)
        return largest;
    double u = adrt_uniform(0, name_key("check-grad"), (uint64_t)p, k);
    return (int64_t)(((double)k + u) * ((double)n / CHECK_MOST));
}

static void check_param(GradCheck *c, int p, double loss)
{
    const char *name = c->w.run.model->params[p].name;
    const double *g = c->g[p], *x = c->w.run.param[p];
    int64_t n = c->w.count[p], checks = n < CHECK_MOST ? n : CHECK_MOST, largest = 0;
    double worst = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fabs(g[i]) > fabs(g[largest]) ? i : largest;
    double scale = fmax(1e-3 * (n ? fabs(g[largest]) : 0), 1e-8 * fabs(loss));
    for (int64_t k = 0; k < checks; k++) {
        int64_t i = check_place(c, p, k, largest);
        double error = check_one(c, p, i, g[i], fmax(fabs(x[i]), 1), scale);
        worst = error > worst ? error : worst;
    }
    if (n > checks)
        printf("# %lld of %lld elements of %s:\n", (long long)checks, (long long)n, name);
    printf("%s %.3g\n", name, worst);
    fflush(stdout);
    c->sampled |= n > checks;
    check_worst(c, worst, name);
}

static void check_direction(GradCheck *c, double loss)
{
    const AdModel *m = c->w.run.model;
    double slope = 0, square = 0;
    for (int p = 0; p < m->nparams; p++) {
        if (!c->g[p])
            continue;
        size_t bytes = (size_t)c->w.count[p] * sizeof(double);
        c->d[p] = rt_alloc(bytes);
        c->x[p] = memcpy(rt_alloc(bytes), c->w.run.param[p], bytes);
        for (int64_t i = 0; i < c->w.count[p]; i++) {
            c->d[p][i] = adrt_normal(1, name_key("check-grad"), (uint64_t)p, i);
            slope += c->g[p][i] * c->d[p][i];
            square += c->g[p][i] * c->g[p][i];
        }
    }
    double error = check_one(c, -1, 0, slope, 1 / sqrt((double)c->elements), fmax(1e-2 * sqrt(square), 1e-8 * fabs(loss)));
    printf("# all %lld elements at once, along a random direction: %.3g\n", (long long)c->elements, error);
    check_worst(c, error, "all params at once");
}

/* The batch in force, of the first rows: what a step of training sees. */
static void check_use_batch(GradCheck *c)
{
    const Session *s = c->w.session;
    int64_t n = s->options->batch;
    if (n <= 0 || n >= s->part[PART_TRAIN].rows)
        return;
    c->order = rt_alloc((size_t)n * sizeof *c->order);
    for (int64_t i = 0; i < n; i++)
        c->order[i] = i;
    worker_use_batch(&c->w, c->order, n);
    printf("# the first %lld of %lld rows\n", (long long)n, (long long)s->part[PART_TRAIN].rows);
}

static int check_all(GradCheck *c, Err *err)
{
    const AdModel *m = c->w.run.model;
    check_use_batch(c);
    double loss = check_loss(c);
    for (int p = 0; p < m->nparams; p++) {      /* the steps of the checks write over run->grad */
        size_t bytes = (size_t)c->w.count[p] * sizeof(double);
        if (m->params[p].frozen)
            continue;
        c->g[p] = memcpy(rt_alloc(bytes), c->w.run.grad[p], bytes);
        c->elements += c->w.count[p];
    }
    int bad = worker_fault(&c->w, err);
    for (int p = 0; p < m->nparams && !bad; p++)
        if (c->g[p])
            check_param(c, p, loss);
    if (!bad && c->sampled)
        check_direction(c, loss);
    return bad ? bad : worker_fault(&c->w, err);
}

static int check_differs(const GradCheck *c, double most, Err *err)
{
    const char *own = c->w.run.model->own_slope;
    return err_set(err, EXIT_GRADIENT, "the gradient in %s differs from central differences by %.3g of its size, more than %g%s%s%s",
                   c->name, c->worst, most, own ? "; " : "", own ? own : "", own ? ", which may be why" : "");
}

int command_checkgrad(Session *s, Err *err)
{
    const double most = 1e-5;
    size_t np = (size_t)s->model->nparams + 1;
    GradCheck c = { .g = rt_alloc(np * sizeof *c.g), .d = rt_alloc(np * sizeof *c.d), .x = rt_alloc(np * sizeof *c.x) };
    int bad = worker_open(&c.w, s, err);
    if (!bad)
        bad = worker_start(&c.w, s->options->seed, err);
    if (!bad)
        bad = check_all(&c, err);
    if (!bad && !(c.worst <= most))
        bad = check_differs(&c, most, err);
    worker_close(&c.w);
    for (int p = 0; p < s->model->nparams; p++) {
        free(c.g[p]);
        free(c.d[p]);
        free(c.x[p]);
    }
    free(c.g);
    free(c.d);
    free(c.x);
    free(c.order);
    return bad;
}
