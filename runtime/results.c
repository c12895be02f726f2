/* results.c: the values a command reports and how they are printed.
 *
 * One name a value: loss (the sum of all losses), each named loss, each metric; then the same for the validation and the
 * test part under a prefix. One run prints
 *
 *     loss 15.228833347801062
 *     svd 15.228833347798915
 *
 * and several restarts print a table, one line a name, then the values of the best one as best_loss, best_svd ... */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const results_prefix[] = { "", "validation_", "test_" };

static char *results_name(const char *prefix, const char *name)
{
    size_t n = strlen(prefix) + strlen(name) + 1;
    char *text = rt_alloc(n);
    snprintf(text, n, "%s%s", prefix, name);
    return text;
}

int results_open(Results *r, const Session *s, int64_t restarts)
{
    const AdModel *m = s->model;
    memset(r, 0, sizeof *r);
    r->model = m;
    r->options = s->options;
    r->session = s;
    r->dataset = &s->data;
    r->restarts = restarts;
    r->load_seconds = s->load_seconds;
    r->name = rt_alloc(3 * ((size_t)m->nlosses + (size_t)m->nmetrics + 2) * sizeof *r->name);
    for (int part = PART_TRAIN; part <= PART_TEST; part++) {
        if (!s->part[part].present)
            continue;
        if (m->nlosses)
            r->name[r->nvalues++] = results_name(results_prefix[part], "loss");
        for (int i = 0; i < m->nlosses; i++)
            if (m->losses[i].named)
                r->name[r->nvalues++] = results_name(results_prefix[part], m->losses[i].name);
        for (int i = 0; i < m->nmetrics; i++)
            r->name[r->nvalues++] = results_name(results_prefix[part], m->metrics[i].name);
    }
    r->value = rt_alloc(((size_t)restarts * (size_t)r->nvalues + 1) * sizeof *r->value);
    r->param = rt_alloc(((size_t)m->nparams + 1) * sizeof *r->param);
    r->output = rt_alloc(((size_t)m->noutputs + 1) * sizeof *r->output);
    return EXIT_FINE;
}

void results_values(Worker *w, double *value)
{
    const AdModel *m = w->run.model;
    for (int part = PART_TRAIN; part <= PART_TEST; part++) {
        if (!w->session->part[part].present)
            continue;
        double loss = worker_eval(w, part);
        if (m->nlosses)
            *value++ = loss;
        for (int i = 0; i < m->nlosses; i++)
            if (m->losses[i].named)
                *value++ = w->run.loss[i];
        for (int i = 0; i < m->nmetrics; i++)
            *value++ = w->run.metric[i];
    }
}

void results_params(Results *r, const Worker *w)
{
    for (int p = 0; p < r->model->nparams; p++) {
        size_t bytes = (size_t)w->count[p] * worker_element(w);
        free(r->param[p]);
        r->param[p] = rt_alloc(bytes);
        memcpy(r->param[p], w->run.param[p], bytes);
    }
}

void results_free(Results *r)
{
    for (int i = 0; i < r->nvalues; i++)
        free(r->name[i]);
    for (int p = 0; r->param && p < r->model->nparams; p++)
        free(r->param[p]);
    for (int i = 0; r->output && i < r->model->noutputs; i++)
        array_free(&r->output[i]);
    free(r->name);
    free(r->value);
    free(r->param);
    free(r->output);
    free(r->history);
    memset(r, 0, sizeof *r);
}

/* ---- several restarts ---- */

static int results_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);         /* nan last */
    return (x > y) - (x < y);
}

static double results_quantile(const double *sorted, int64_t n, double q)
{
    double place = q * (double)(n - 1);
    int64_t low = (int64_t)floor(place), high = low + 1 < n ? low + 1 : low;
    double part = place - (double)low;
    return part > 0 ? sorted[low] + part * (sorted[high] - sorted[low]) : sorted[low];
}

/* Two passes; quartiles interpolate linearly between order statistics. Sorts x. */
Summary summary_of(double *x, int64_t n)
{
    Summary s = { 0 };
    double rest = 0;                        /* of rounding: equal values have their value as mean */
    if (n == 0)
        return s;
    for (int64_t i = 0; i < n; i++)
        s.mean += x[i];
    s.mean /= (double)n;
    for (int64_t i = 0; i < n; i++)
        rest += x[i] - s.mean;
    s.mean += isfinite(rest) ? rest / (double)n : 0;
    for (int64_t i = 0; i < n; i++)
        s.sd += (x[i] - s.mean) * (x[i] - s.mean);
    s.sd = n > 1 ? sqrt(s.sd / (double)(n - 1)) : 0;
    qsort(x, (size_t)n, sizeof *x, results_order);
    s.min = x[0];
    s.q1 = results_quantile(x, n, 0.25);
    s.median = results_quantile(x, n, 0.5);
    s.q3 = results_quantile(x, n, 0.75);
    s.max = x[n - 1];
    return s;
}

Summary results_summary(const Results *r, int v)
{
    double *x = rt_alloc((size_t)(r->done + 1) * sizeof *x);
    for (int64_t i = 0; i < r->done; i++)
        x[i] = r->value[i * r->nvalues + v];
    Summary s = summary_of(x, r->done);
    free(x);
    return s;
}

void results_print(const Results *r, FILE *f)
{
    int digits = r->model->f64 ? 17 : 9;
    const double *best = r->value + r->best * r->nvalues;
    if (r->restarts == 1) {
        for (int v = 0; v < r->nvalues; v++)
            fprintf(f, "%s %.*g\n", r->name[v], digits, shown(best[v]));
        return;
    }
    fprintf(f, r->done < r->restarts ? "# %lld of %lld restarts" : "# %lld restarts", (long long)r->done, (long long)r->restarts);
    fputs(r->done ? ": name mean sd min q1 median q3 max\n" : " were over: what follows is of one that was not\n", f);
    for (int v = 0; v < r->nvalues && r->done; v++) {
        Summary s = results_summary(r, v);
        fprintf(f, "%s %.*g %.*g %.*g %.*g %.*g %.*g %.*g\n", r->name[v], digits, shown(s.mean), digits, shown(s.sd), digits,
                shown(s.min), digits, shown(s.q1), digits, shown(s.median), digits, shown(s.q3), digits, shown(s.max));
    }
    fprintf(f, "# best restart: %lld, of seed %llu; --restart %lld runs it alone\n", (long long)r->best_restart,
            (unsigned long long)(r->options->seed + (uint64_t)r->best_restart), (long long)r->best_restart);
    for (int v = 0; v < r->nvalues; v++)
        fprintf(f, "best_%s %.*g\n", r->name[v], digits, shown(best[v]));
}

bool results_stopped(const Results *r, char *text, size_t size)
{
    const Options *o = r->options;
    if (!r->stopped)
        return false;
    size_t n = (size_t)snprintf(text, size, strcmp(r->stopped, "tol") == 0 ? "tol: an epoch changed the loss by less than its share %g"
                                : strcmp(r->stopped, "patience") == 0 ? (o->patience == 1 ? "patience: no better loss in %.0f epoch" : "patience: no better loss in %.0f epochs")
                                                                      : "the optimizer: no step leads lower",
                                strcmp(r->stopped, "tol") == 0 ? o->tol : (double)o->patience);
    if (n < size && r->restarts > 1)
        snprintf(text + n, size - n, ", in %lld of %lld restarts", (long long)r->nstopped, (long long)r->done);
    else if (n < size && o->steps >= 0)
        snprintf(text + n, size - n, ", after step %lld of %lld", (long long)r->steps_run, (long long)o->steps);
    else if (n < size)
        snprintf(text + n, size - n, ", after epoch %lld of %lld", (long long)r->epochs_run, (long long)o->epochs);
    return true;
}
