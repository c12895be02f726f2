/* worker.c: one AdRun with its memory, everything a thread needs to take steps.
 *
 *     x  | free params, in place | unconstrained coordinates |  natural values  | frozen params |
 *        0                                                   n                 kept
 *
 * The optimiser moves x[0..n) and knows nothing of names, shapes or constraints. A param without constraint is updated
 * where the model reads it, so a step costs no copy; one with a constraint has coordinates in x and natural values behind
 * them, which follow each move. g is laid out alike. Every param starts on a 64-byte line; the padding stays 0. */
#include "rt.h"

#include <stdlib.h>
#include <string.h>

size_t worker_element(const Worker *w)
{
    return w->run.model->f64 ? sizeof(double) : sizeof(float);
}

static void *worker_at(const Worker *w, void *block, int64_t place)
{
    return (char *)block + (size_t)place * worker_element(w);
}

/* ---- memory ---- */

static int64_t worker_place(const Worker *w, int64_t *end, int64_t count)
{
    int64_t line = 64 / (int64_t)worker_element(w), at = *end;
    *end += (count + line - 1) / line * line;
    return at;
}

/* 1. free params  2. coordinates of constrained ones  3. their natural values, running statistics  4. frozen ones */
static int64_t worker_layout(Worker *w)
{
    const AdModel *m = w->run.model;
    const bool *learns = w->session->learns;
    int64_t end = 0;
    for (int stage = 1; stage <= 4; stage++) {
        for (int p = 0; p < m->nparams; p++) {
            bool constrained = m->params[p].constraint != AD_FREE;
            int first = m->params[p].running ? 3 : !learns[p] ? 4 : constrained ? 2 : 1;
            if (stage == first)
                w->natural[p] = w->at[p] = worker_place(w, &end, w->count[p]);
            if (stage == 3 && first == 2)
                w->natural[p] = worker_place(w, &end, w->count[p]);
            w->running |= m->params[p].running;
            if (stage == 2 && first == 2)
                w->constrained[w->nconstrained++] = p;
        }
        if (stage == 2)
            w->n = end;
        if (stage == 3)
            w->kept = end;
    }
    return end;
}

static size_t worker_work_bytes(const Worker *w)
{
    const Session *s = w->session;
    const AdModel *m = s->model;
    size_t most = 0;
    for (int i = 0; m->work_bytes && i < PARTS; i++) {
        size_t bytes = s->part[i].present ? m->work_bytes(s->part[i].dims) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

int worker_open(Worker *w, const Session *s, Err *err)
{
    const AdModel *m = s->model;
    size_t np = (size_t)m->nparams + 1;
    (void)err;
    memset(w, 0, sizeof *w);
    w->session = s;
    w->run.model = m;
    w->at = rt_alloc(np * sizeof *w->at);
    w->natural = rt_alloc(np * sizeof *w->natural);
    w->count = rt_alloc(np * sizeof *w->count);
    w->last = rt_alloc(np * sizeof *w->last);
    w->constrained = rt_alloc(np * sizeof *w->constrained);
    for (int p = 0; p < m->nparams; p++) {
        w->count[p] = w->last[p] = 1;
        for (int a = 0; a < m->params[p].rank; a++)
            w->count[p] *= w->last[p] = s->part[PART_TRAIN].dims[m->params[p].axes[a]];
    }
    w->all = worker_layout(w);
    w->x = rt_alloc((size_t)w->all * worker_element(w));
    w->g = rt_alloc((size_t)w->all * worker_element(w));

    AdRun *run = &w->run;
    run->param = rt_alloc(np * sizeof *run->param);
    run->grad = rt_alloc(np * sizeof *run->grad);
    for (int p = 0; p < m->nparams; p++) {
        run->param[p] = worker_at(w, w->x, w->natural[p]);
        run->grad[p] = worker_at(w, w->g, w->natural[p]);
    }
    run->hyper = s->hyper;
    run->draw = rt_alloc(4 * np * sizeof *run->draw);
    run->output = rt_alloc(((size_t)m->noutputs + 2) * sizeof *run->output);
    run->loss = rt_alloc(((size_t)m->nlosses + 1) * sizeof *run->loss);
    run->metric = rt_alloc(((size_t)m->nmetrics + 1) * sizeof *run->metric);
    run->work = rt_alloc(worker_work_bytes(w));
    run->seed = s->options->seed;
    w->dims = rt_alloc(((size_t)m->ndims + 1) * sizeof *w->dims);
    rows_open(w);
    worker_use(w, PART_TRAIN);
    return EXIT_FINE;
}

void worker_close(Worker *w)
{
    if (!w->session)
        return;
    if (w->batch.data)
        view_free(&w->session->data, &w->batch);
    free(w->at);
    free(w->natural);
    free(w->count);
    free(w->last);
    free(w->constrained);
    free(w->x);
    free(w->g);
    free(w->run.param);
    free(w->run.grad);
    free(w->run.draw);
    free(w->run.output);
    free(w->run.loss);
    free(w->run.metric);
    free(w->run.work);
    free(w->dims);
    rows_close(w);
    memset(w, 0, sizeof *w);
}

/* ---- which rows ---- */

void worker_use(Worker *w, int which)
{
    const Part *part = &w->session->part[which];
    w->run.dims = part->dims;
    w->run.total = part->rows;
    w->run.data = (const void **)part->view.data;
    w->run.mask = (const uint8_t **)part->view.mask;
    w->run.load = part->load;
}

/* Values of the load stage stay those of the whole training part: nothing of that stage may depend on the batch. */
void worker_use_batch(Worker *w, const int64_t *rows, int64_t n)
{
    const Session *s = w->session;
    const Part *part = &s->part[PART_TRAIN];
    view_batch(&s->data, &part->view, rows, n, &w->batch);
    memcpy(w->dims, part->dims, (size_t)s->model->ndims * sizeof *w->dims);
    w->dims[s->data.batch_dim] = n;
    if (s->model->derive)
        s->model->derive(w->dims);
    w->run.dims = w->dims;
    w->run.total = part->rows;
    w->run.data = (const void **)w->batch.data;
    w->run.mask = (const uint8_t **)w->batch.mask;
    w->run.load = part->load;
}

/* ---- initial params ---- */

static int worker_param(Worker *w, int p, uint64_t seed, Err *err)
{
    const AdModel *m = w->run.model;
    const AdParam *param = &m->params[p];
    const double *draw = w->run.draw + 4 * p;
    void *x = w->run.param[p];
    /* statistics that were never gathered begin as ever */
    bool given = w->session->has_init && (!param->running || tensors_find(&w->session->init, param->name));
    int bad = given ? init_param(w->session, p, w->run.dims, x, err)
                                   : draw_param(m, p, w->run.dims, draw, seed, x, err);
    if (!bad && given && param->constraint != AD_FREE)
        bad = constraint_check(m, p, w->run.dims, draw, x, err);
    return bad;
}

int worker_start(Worker *w, uint64_t seed, Err *err)
{
    const AdModel *m = w->run.model;
    int bad = EXIT_FINE;
    worker_use(w, PART_TRAIN);
    w->run.seed = seed;
    w->run.step = 0;
    if (m->init)
        m->init(&w->run);
    bad = worker_fault(w, err);
    for (int p = 0; p < m->nparams && !bad; p++)
        bad = worker_param(w, p, seed, err);
    for (int i = 0; i < w->nconstrained && !bad; i++) {
        int p = w->constrained[i];
        const double *bound = w->run.draw + 4 * p + 2;
        to_free(m->params[p].constraint, m->f64, w->run.param[p], bound[0], bound[1], w->count[p], w->last[p],
                worker_at(w, w->x, w->at[p]));
    }
    return bad;
}

/* ---- steps ---- */

double worker_step(Worker *w)
{
    const AdModel *m = w->run.model;
    double loss = 0;
    rows_begin(w);
    m->step(&w->run);
    for (int i = 0; i < w->nconstrained; i++) {
        int p = w->constrained[i];
        const double *bound = w->run.draw + 4 * p + 2;
        chain_free(m->params[p].constraint, m->f64, w->run.param[p], w->run.grad[p], bound[0], bound[1], w->count[p],
                   w->last[p], worker_at(w, w->g, w->at[p]));
    }
    for (int i = 0; i < m->nlosses; i++)
        loss += w->run.loss[i];
    return loss;
}

void worker_stepped(Worker *w)
{
    const AdModel *m = w->run.model;
    for (int p = 0; p < m->nparams && w->running; p++)
        if (m->params[p].running)
            memcpy(w->run.param[p], w->run.grad[p], (size_t)w->count[p] * worker_element(w));
}

void worker_moved(Worker *w)
{
    const AdModel *m = w->run.model;
    for (int i = 0; i < w->nconstrained; i++) {
        int p = w->constrained[i];
        const double *bound = w->run.draw + 4 * p + 2;
        from_free(m->params[p].constraint, m->f64, worker_at(w, w->x, w->at[p]), bound[0], bound[1], w->count[p], w->last[p],
                  w->run.param[p]);
    }
}

double worker_eval(Worker *w, int part)
{
    const AdModel *m = w->run.model;
    double loss = 0;
    worker_use(w, part);
    if (m->eval)
        m->eval(&w->run);
    for (int i = 0; i < m->nlosses; i++)
        loss += w->run.loss[i];
    worker_use(w, PART_TRAIN);
    return loss;
}

int worker_outputs(Worker *w, int part, Array *outputs, Err *err)
{
    const AdModel *m = w->run.model;
    worker_use(w, part);
    for (int i = 0; i < m->noutputs; i++) {
        const AdOutput *o = &m->outputs[i];
        Array *a = &outputs[i];
        *a = (Array){ .type = o->type == AD_INT ? DT_I64 : o->type == AD_BOOL ? DT_BOOL : m->f64 ? DT_F64 : DT_F32,
                      .rank = o->rank, .owned = true };
        for (int k = 0; k < o->rank; k++)
            a->shape[k] = w->run.dims[o->axes[k]];
        if (!array_reserve(a))
            return err_set(err, EXIT_BAD_DATA, "%s:%d: error: there is no memory for output '%s'", m->file, o->line, o->name);
        w->run.output[i] = a->data;
    }
    if (m->output)
        m->output(&w->run);
    worker_use(w, PART_TRAIN);
    return worker_fault(w, err);
}

int worker_fault(const Worker *w, Err *err)
{
    const AdFault *f = &w->run.fault;
    const char *file = w->run.model->file;
    switch (f->kind) {
    case AD_OK:
        return EXIT_FINE;
    case AD_FAULT_INDEX:
        return err_set(err, EXIT_BAD_DATA, "%s:%d: error: index %lld is out of range, the size is %lld%s%s%s", file, f->line,
                       (long long)f->index, (long long)f->size, f->what ? " (" : "", f->what ? f->what : "", f->what ? ")" : "");
    case AD_FAULT_DIVISION:
        return err_set(err, EXIT_BAD_DATA, "%s:%d: error: division of whole numbers by 0%s%s%s", file, f->line, f->what ? " (" : "",
                       f->what ? f->what : "", f->what ? ")" : "");
    case AD_FAULT_ASSERT:
        return err_set(err, EXIT_BAD_DATA, "%s:%d: error: assertion does not hold: %s", file, f->line, f->what ? f->what : "");
    case AD_FAULT_NOT_FINITE:
        return err_set(err, EXIT_DIVERGED, "%s:%d: error: '%s' is %g", file, f->line, f->what ? f->what : "", shown(f->value));
    case AD_FAULT_OPAQUE:
        return err_set(err, EXIT_BAD_DATA, "%s:%d: error: %s", file, f->line, f->what ? f->what : "");
    }
    return EXIT_FINE;
}
