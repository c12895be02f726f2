/* checkpoint.c: the state of a run on disk, from which it goes on bit for bit as if it had never stopped.
 *
 * One safetensors file: the block of params, the best ones so far, the optimiser's arrays, the history and the params
 * that stay as they are as tensors; the counters, all that shapes the run, hashes of model and data and a checksum over
 * all of it as metadata. Nothing of the random numbers needs saving: draws are functions of seed, epoch and step. The
 * generation before stays beside the newest as FILE.old and serves when the newest is damaged. */
#include "rt.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static uint64_t checkpoint_hash(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;            /* FNV-1a */
    return h;
}

/* Over every tensor's name and bytes and every metadata pair but the checksum itself. */
static uint64_t checkpoint_sum(const Tensors *t)
{
    uint64_t all = 0;
    for (int i = 0; i < t->n; i++) {                /* a sum: the order in the file does not matter */
        uint64_t h = checkpoint_hash(0xcbf29ce484222325u, t->tensor[i].name, strlen(t->tensor[i].name));
        all += checkpoint_hash(h, t->tensor[i].array.data, (size_t)array_count(&t->tensor[i].array) * dtype_size(t->tensor[i].array.type));
    }
    for (int i = 0; i < t->nmeta; i++) {
        if (strcmp(t->meta[2 * i], "adc.checksum") == 0)
            continue;
        uint64_t h = checkpoint_hash(0xcbf29ce484222325u, t->meta[2 * i], strlen(t->meta[2 * i]) + 1);
        all += checkpoint_hash(h, t->meta[2 * i + 1], strlen(t->meta[2 * i + 1]));
    }
    return all;
}

static void checkpoint_add(Tensors *t, const char *name, void *data, size_t bytes)
{
    Array a = { .type = DT_U8, .rank = 1, .shape = { (int64_t)bytes }, .data = data };
    tensors_add(t, name, a);
}

/* ---- what must not change between the run and its resumption, by meaning and not as it was written ---- */

static void checkpoint_note(Tensors *t, const char *key, const char *format, ...)
{
    char name[320], value[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    snprintf(name, sizeof name, "run.%s", key);
    tensors_note(t, name, value);
}

/* With as many digits as bring the same number back. */
static void checkpoint_number(Tensors *t, const char *key, double v)
{
    char text[40];
    int digits = 15;
    do
        snprintf(text, sizeof text, "%.*g", digits, v);
    while (++digits <= 17 && (strtod(text, NULL) < v || strtod(text, NULL) > v));
    checkpoint_note(t, key, "%s", text);
}

/* Schedules that end at a given place depend on how long the run is to be, all others on what they count. */
static void checkpoint_schedule(Tensors *t, const Options *o)
{
    const char *kind = o->schedule.kind, *unit = o->steps >= 0 ? "steps" : "epochs";
    bool ends = strcmp(kind, "cosine") == 0 || strcmp(kind, "linear") == 0;
    if (strcmp(kind, "constant") == 0)
        checkpoint_note(t, "schedule", "%s", o->schedule.text);
    else if (ends)
        checkpoint_note(t, "schedule", "%s over %lld %s", o->schedule.text, (long long)(o->steps >= 0 ? o->steps : o->epochs), unit);
    else
        checkpoint_note(t, "schedule", "%s by %s", o->schedule.text, unit);
}

static void checkpoint_settings(Tensors *t, const Session *s)
{
    const Options *o = s->options;
    bool batches = o->batch > 0 && o->batch < s->part[PART_TRAIN].rows;
    checkpoint_note(t, "optimizer", "%s", o->optimizer.text);
    checkpoint_number(t, "lr", o->optimizer.lr);
    checkpoint_schedule(t, o);
    checkpoint_number(t, "clip", o->clip > 0 ? o->clip : INFINITY);
    checkpoint_note(t, "batch", batches ? "%lld" : "(all rows)", (long long)o->batch);
    checkpoint_note(t, "shuffle", "%s", !batches || o->shuffle ? "true" : "false");
    checkpoint_note(t, "split", o->split_given ? "[%.15g, %.15g, %.15g]" : "(none)", o->split[0], o->split[1], o->split[2]);
    checkpoint_note(t, "holdout", o->holdout > 0 ? "cells(%s, %.15g)" : "(none)", o->holdout_array, o->holdout);
    checkpoint_note(t, "seed", "%" PRIu64, o->seed);
    checkpoint_note(t, "restart", "%lld", (long long)o->first_restart);
}

static void checkpoint_params(Tensors *t, const Worker *w)
{
    const AdModel *m = w->run.model;
    char names[1024] = "", name[320];
    size_t n = 0;
    for (int p = 0; p < m->nparams; p++) {
        if (w->session->learns[p] && n < sizeof names)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", m->params[p].name);
        if (w->session->learns[p] || m->params[p].running)
            continue;
        snprintf(name, sizeof name, "frozen.%s", m->params[p].name);
        checkpoint_add(t, name, w->run.param[p], (size_t)w->count[p] * worker_element(w));
    }
    checkpoint_note(t, "params that learn", "%s", names);
}

static void checkpoint_run(Tensors *t, const Worker *w)
{
    char key[300];
    checkpoint_settings(t, w->session);
    for (int h = 0; h < w->run.model->nhypers; h++) {
        snprintf(key, sizeof key, "hyper %s", w->run.model->hypers[h].name);
        checkpoint_number(t, key, w->run.hyper[h]);
    }
    checkpoint_params(t, w);
}

static int checkpoint_same_run(const Tensors *then, const Worker *w, const char *path, Err *err)
{
    Tensors now = { 0 };
    int bad = EXIT_FINE;
    checkpoint_run(&now, w);
    for (int i = 0; i < now.nmeta && !bad; i++) {
        const char *value = tensors_meta(then, now.meta[2 * i]);
        if (!value || strcmp(value, now.meta[2 * i + 1]) != 0)
            bad = err_set(err, EXIT_USAGE, "%s: error: the run had %s = %s, now it is %s", path, now.meta[2 * i] + 4,
                          value ? value : "(none)", now.meta[2 * i + 1]);
    }
    for (int i = 0; i < now.n && !bad; i++) {
        const Array *a = &now.tensor[i].array;
        const Tensor *t = tensors_find(then, now.tensor[i].name);
        if (!t || t->array.type != DT_U8 || array_count(&t->array) != a->shape[0]
            || memcmp(t->array.data, a->data, (size_t)a->shape[0]) != 0)
            bad = err_set(err, EXIT_USAGE, "%s: error: param '%s', which does not learn, had other values in the run", path,
                          now.tensor[i].name + strlen("frozen."));
    }
    tensors_free(&now);
    return bad;
}

/* ---- writing ---- */

static void checkpoint_counters(char *text, size_t size, const RunState *s, int64_t optim_steps, uint64_t step, const History *h)
{
    snprintf(text, size, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %a %a %a %a %a %" PRId64 " %" PRIu64
             " %" PRId64 " %" PRId64, s->epoch, s->batch, s->steps, s->best_epoch, s->stale, s->finite_epoch, s->sum, s->weight, s->best,
             s->previous, s->finite, optim_steps, step, h->n, h->stride);
}

static int checkpoint_load(Tensors *t, const char *path, Err *err)
{
    int bad = tensors_read(path, t, err);
    if (bad)
        return bad;
    const char *version = tensors_meta(t, "adc.checkpoint"), *sum = tensors_meta(t, "adc.checksum");
    if (!version)
        bad = err_set(err, EXIT_BAD_DATA, "%s: error: this is no checkpoint", path);
    else if (strcmp(version, "2") != 0)
        bad = err_set(err, EXIT_BAD_DATA, "%s: error: this checkpoint is of version %s, this trainer reads version 2", path, version);
    else if (!sum || strtoull(sum, NULL, 16) != checkpoint_sum(t))
        bad = err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint is damaged, its checksum does not fit", path);
    if (bad)
        tensors_free(t);
    return bad;
}

/* The generation before is kept when it is good: a damaged one must not take the place of an older good one. */
static void checkpoint_rotate(const char *path)
{
    Tensors t = { 0 };
    Err err;
    char old[4200];
    snprintf(old, sizeof old, "%s.old", path);
    if (checkpoint_load(&t, path, &err) == EXIT_FINE)
        rename(path, old);
    tensors_free(&t);
}

int checkpoint_write(const Resumable *r, const char *path, Err *err)
{
    const Worker *w = r->worker;
    const Session *s = w->session;
    size_t kept = (size_t)w->kept * worker_element(w);
    Tensors t = { 0 };
    void *state[2];
    int64_t *steps;
    char text[1024], name[32];
    int n = optim_state(r->optim, state, &steps);
    tensors_note(&t, "adc.checkpoint", "2");
    tensors_note(&t, "adc.model", s->model->name);
    snprintf(text, sizeof text, "%016" PRIx64, name_key(s->model->source));
    tensors_note(&t, "adc.model_hash", text);
    snprintf(text, sizeof text, "%016" PRIx64, s->data.hash);
    tensors_note(&t, "adc.data_hash", text);
    checkpoint_counters(text, sizeof text, r->state, *steps, w->run.step, r->history);
    tensors_note(&t, "adc.counters", text);
    checkpoint_run(&t, w);
    checkpoint_add(&t, "params", w->x, kept);
    checkpoint_add(&t, "best", r->best, kept);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "state.%d", i);
        checkpoint_add(&t, name, state[i], (size_t)optim_size(r->optim));
    }
    if (r->history->n > 0)
        checkpoint_add(&t, "history", r->history->row, (size_t)r->history->n * sizeof *r->history->row);
    snprintf(text, sizeof text, "%016" PRIx64, checkpoint_sum(&t));
    tensors_note(&t, "adc.checksum", text);

    checkpoint_rotate(path);
    int bad = tensors_write(path, &t, err);
    tensors_free(&t);
    return bad;
}

/* ---- reading ---- */

static int checkpoint_same(const Worker *w, const Tensors *t, const char *path, Err *err)
{
    const Session *s = w->session;
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, name_key(s->model->source));
    const char *model = tensors_meta(t, "adc.model_hash"), *data = tensors_meta(t, "adc.data_hash");
    if (!model || strcmp(model, text) != 0)
        return err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint is of another model than %s", path, s->model->file);
    snprintf(text, sizeof text, "%016" PRIx64, s->data.hash);
    if (!data || strcmp(data, text) != 0)
        return err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint is of a run on other data", path);
    return checkpoint_same_run(t, w, path, err);
}

static bool checkpoint_copy(const Tensors *t, const char *name, void *to, size_t bytes)
{
    const Tensor *from = tensors_find(t, name);
    if (!from || from->array.type != DT_U8 || from->array.rank != 1 || from->array.shape[0] != (int64_t)bytes)
        return false;
    memcpy(to, from->array.data, bytes);
    return true;
}

static bool checkpoint_restore(const Resumable *r, const Tensors *t)
{
    RunState *s = r->state;
    History *h = r->history;
    Worker *w = r->worker;
    size_t kept = (size_t)w->kept * worker_element(w);
    const char *text = tensors_meta(t, "adc.counters");
    void *state[2];
    int64_t *steps, rows, stride;
    char name[32];
    int n = optim_state(r->optim, state, &steps);
    bool fits = text && sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %la %la %la %la %la %" SCNd64
                               " %" SCNu64 " %" SCNd64 " %" SCNd64, &s->epoch, &s->batch, &s->steps, &s->best_epoch, &s->stale,
                               &s->finite_epoch, &s->sum, &s->weight, &s->best, &s->previous, &s->finite, steps, &w->run.step, &rows,
                               &stride) == 15;
    fits = fits && checkpoint_copy(t, "params", w->x, kept) && checkpoint_copy(t, "best", r->best, kept);
    for (int i = 0; i < n && fits; i++) {
        snprintf(name, sizeof name, "state.%d", i);
        fits = checkpoint_copy(t, name, state[i], (size_t)optim_size(r->optim));
    }
    if (!fits || rows < 0 || rows > 1 << 30)
        return false;
    free(h->row);
    h->row = rt_alloc((size_t)(rows + 1) * sizeof *h->row);
    h->n = h->size = rows;
    h->stride = stride;
    return rows == 0 || checkpoint_copy(t, "history", h->row, (size_t)rows * sizeof *h->row);
}

int checkpoint_read(const Resumable *r, const char *path, Err *err)
{
    const Session *s = r->worker->session;
    Tensors t = { 0 };
    char old[4200];
    const char *used = path;
    int bad = checkpoint_load(&t, path, err);
    if (bad) {
        Err older;
        snprintf(old, sizeof old, "%s.old", path);
        if (checkpoint_load(&t, old, &older) == EXIT_FINE) {
            fprintf(stderr, "%s: warning: %s; going on from %s\n", s->model->name, err->text, old);
            used = old;
            bad = EXIT_FINE;
        }
    }
    if (!bad) {
        bad = checkpoint_same(r->worker, &t, used, err);
        if (!bad && !checkpoint_restore(r, &t))
            bad = err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint does not fit this run", used);
        tensors_free(&t);
    }
    return bad;
}
