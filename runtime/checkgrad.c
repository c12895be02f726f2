/* checkgrad.c: the command check-grad: emitted gradients against central differences.
 *
 *     (loss(x + h) - loss(x - h)) / 2h        extrapolated once over h and h/2 (Richardson 1911)
 *
 * Each element is tried at several h and the best agreement counts: a wrong derivative disagrees at all of them, while a
 * kink between x - h and x + h, or rounding, spoils some. Errors are relative to the larger of the two values and a
 * thousandth of the param's largest gradient, below which differences carry no digits. */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_MOST = 200 };      /* elements of a param, spread evenly over it */

static double loss_near(Worker *w, void *x, int64_t i, double at)
{
    int f64 = w->run.model->f64;
    double loss = 0, kept = real_get(f64, x, i);
    real_set(f64, x, i, at);
    rows_begin(w);
    w->run.model->step(&w->run);
    for (int k = 0; k < w->run.model->nlosses; k++)
        loss += w->run.loss[k];
    real_set(f64, x, i, kept);
    return loss;
}

static double slope(Worker *w, void *x, int64_t i, double h)
{
    int f64 = w->run.model->f64;
    double here = real_get(f64, x, i), up = f64 ? here + h : (double)(float)(here + h), down = f64 ? here - h : (double)(float)(here - h);
    return (loss_near(w, x, i, up) - loss_near(w, x, i, down)) / (up - down);
}

/* The relative error of element i, whose gradient is g; `scale` keeps it from being judged by rounding alone. */
static double check_element(Worker *w, void *x, int64_t i, double g, double scale)
{
    static const double fine[] = { 1e-3, 1e-5, 1e-7 }, coarse[] = { 3e-2, 1e-2, 1e-3 };
    const double *steps = w->run.model->f64 ? fine : coarse;
    double best = INFINITY, size = fmax(fabs(real_get(w->run.model->f64, x, i)), 1);
    for (int k = 0; k < 3; k++) {
        double h = steps[k] * size, wide = slope(w, x, i, h), narrow = slope(w, x, i, h / 2);
        double tries[] = { (4 * narrow - wide) / 3, narrow };
        for (int t = 0; t < 2; t++) {
            double most = fmax(fmax(fabs(g), fabs(tries[t])), scale);
            double error = most > 0 ? fabs(g - tries[t]) / most : 0;
            best = error < best ? error : best;
        }
    }
    return best;
}

static double check_param(Worker *w, int p, double loss)
{
    int f64 = w->run.model->f64;
    int64_t n = w->count[p], checks = n < CHECK_MOST ? n : CHECK_MOST;
    double largest = 0, worst = 0;
    double *g = rt_alloc((size_t)n * sizeof *g);
    for (int64_t i = 0; i < n; i++) {           /* the steps below overwrite run->grad */
        g[i] = real_get(f64, w->run.grad[p], i);
        largest = fmax(largest, fabs(g[i]));
    }
    double scale = fmax(1e-3 * largest, (f64 ? 1e-8 : 1e-4) * fabs(loss));
    for (int64_t c = 0; c < checks; c++) {
        int64_t i = c * n / checks;
        double error = isfinite(g[i]) ? check_element(w, w->run.param[p], i, g[i], scale) : (double)INFINITY;
        worst = error > worst ? error : worst;
    }
    free(g);
    return worst;
}

int command_checkgrad(Session *s, Err *err)
{
    const AdModel *m = s->model;
    const double most = m->f64 ? 1e-5 : 1e-2;
    Worker w = { 0 };
    double worst = 0;
    const char *name = "";
    int bad = worker_open(&w, s, err);
    if (!bad)
        bad = worker_start(&w, s->options->seed, err);
    for (int p = 0; p < m->nparams && !bad; p++) {
        if (m->params[p].frozen)
            continue;
        double loss = worker_step(&w), error = check_param(&w, p, loss);
        bad = worker_fault(&w, err);
        printf("%s %.3g\n", m->params[p].name, error);
        if (error >= worst) {
            worst = error;
            name = m->params[p].name;
        }
    }
    worker_close(&w);
    if (!bad && !(worst <= most))
        bad = err_set(err, EXIT_GRADIENT, "the gradient in '%s' differs from central differences by %.3g of its size, more than %g",
                      name, worst, most);
    return bad;
}
