/* evaluate.c: the commands eval and predict: everything at given params, no training.
 *
 *     eval       prints loss and metrics over all of the data, writes --grad and --out arrays
 *     predict    writes --out arrays for new data, prepared as the training data was */
#include "rt.h"

#include <stdlib.h>
#include <string.h>

/* Gradients with respect to the values the model sees, of the training-mode loss. */
static int grads_write(Worker *w, Err *err)
{
    const AdModel *m = w->run.model;
    const Options *o = w->session->options;
    if (o->ngrad == 0)
        return EXIT_FINE;
    worker_step(w);
    int bad = worker_fault(w, err);
    for (int i = 0; i < o->ngrad && !bad; i++)
        for (int p = 0; p < m->nparams && !bad; p++) {
            if (strcmp(o->grad[i].name, m->params[p].name) != 0)
                continue;
            Array a = { .type = m->f64 ? DT_F64 : DT_F32, .rank = m->params[p].rank, .data = w->run.grad[p] };
            for (int k = 0; k < a.rank; k++)
                a.shape[k] = w->run.dims[m->params[p].axes[k]];
            bad = output_write(&w->session->data, m, m->params[p].name, &a, m->params[p].axes, -1, o->grad[i].file, err);
        }
    return bad;
}

static int evaluate(Session *s, bool print, Err *err)
{
    Worker w = { 0 };
    Results r;
    int bad = results_open(&r, s, 1);
    if (!bad)
        bad = worker_open(&w, s, err);
    if (!bad)
        bad = worker_start(&w, s->options->seed, err);
    if (!bad && print) {
        results_values(&w, r.value);
        bad = worker_fault(&w, err);
        r.done = 1;
    }
    if (!bad && (s->options->nout || s->options->report))
        bad = worker_outputs(&w, PART_TRAIN, r.output, err);
    if (!bad)
        bad = grads_write(&w, err);
    if (!bad && print)
        results_print(&r, targets_beside(s->options, s->model));
    if (!bad) {
        results_params(&r, &w);
        bad = targets_write(&r, err);
    }
    worker_close(&w);
    results_free(&r);
    return bad;
}

int command_eval(Session *s, Err *err)
{
    return evaluate(s, true, err);
}

int command_predict(Session *s, Err *err)
{
    return evaluate(s, false, err);
}
