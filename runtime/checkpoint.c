/* checkpoint.c: the state of a run on disk, from which it goes on bit for bit as if it had never stopped.
 *
 * One safetensors file: the block of params, the best ones so far, the optimiser's arrays and the history as tensors; the
 * counters, settings that shape the run, hashes of model and data and a checksum over all of it as metadata. Nothing of
 * the random numbers needs saving: draws are functions of seed, epoch and step. The generation before stays beside the
 * newest as FILE.old and serves when the newest is damaged. */
#include "rt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const checkpoint_settings[] = { "optimizer", "batch", "shuffle", "split", "holdout", "seed" };

enum { CHECKPOINT_SETTINGS = sizeof checkpoint_settings / sizeof *checkpoint_settings };

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

static const char *checkpoint_setting(const Options *o, const char *key)
{
    for (int i = 0; i < o->nsettings; i++)
        if (strcmp(o->setting[i].key, key) == 0)
            return o->setting[i].value;
    return "";
}

static void checkpoint_add(Tensors *t, const char *name, void *data, size_t bytes)
{
    Array a = { .type = DT_U8, .rank = 1, .shape = { (int64_t)bytes }, .data = data };
    tensors_add(t, name, a);
}

static void checkpoint_counters(char *text, size_t size, const RunState *s, int64_t optim_steps, uint64_t step, const History *h)
{
    snprintf(text, size, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %a %a %a %a %a %" PRId64 " %" PRIu64
             " %" PRId64 " %" PRId64, s->epoch, s->batch, s->steps, s->best_epoch, s->stale, s->finite_epoch, s->sum, s->weight, s->best,
             s->previous, s->finite, optim_steps, step, h->n, h->stride);
}

int checkpoint_write(const Session *s, const Resumable *r, const char *path, Err *err)
{
    Tensors t = { 0 };
    void *state[2];
    int64_t *steps;
    char text[1024], name[32];
    int n = optim_state(r->optim, state, &steps);
    tensors_note(&t, "adc.checkpoint", "1");
    tensors_note(&t, "adc.model", s->model->name);
    snprintf(text, sizeof text, "%016" PRIx64, name_key(s->model->source));
    tensors_note(&t, "adc.model_hash", text);
    snprintf(text, sizeof text, "%016" PRIx64, s->data.hash);
    tensors_note(&t, "adc.data_hash", text);
    checkpoint_counters(text, sizeof text, r->state, *steps, *r->step, r->history);
    tensors_note(&t, "adc.counters", text);
    for (int i = 0; i < CHECKPOINT_SETTINGS; i++)
        tensors_note(&t, checkpoint_settings[i], checkpoint_setting(s->options, checkpoint_settings[i]));
    checkpoint_add(&t, "params", r->kept, r->kept_bytes);
    checkpoint_add(&t, "best", r->best, r->kept_bytes);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "state.%d", i);
        checkpoint_add(&t, name, state[i], (size_t)optim_size(r->optim));
    }
    if (r->history->n > 0)
        checkpoint_add(&t, "history", r->history->row, (size_t)r->history->n * sizeof *r->history->row);
    snprintf(text, sizeof text, "%016" PRIx64, checkpoint_sum(&t));
    tensors_note(&t, "adc.checksum", text);

    char old[4200];
    snprintf(old, sizeof old, "%s.old", path);
    rename(path, old);                              /* fails when this is the first one: nothing to keep */
    int bad = tensors_write(path, &t, err);
    tensors_free(&t);
    return bad;
}

/* ---- reading ---- */

static int checkpoint_load(Tensors *t, const char *path, Err *err)
{
    int bad = tensors_read(path, t, err);
    if (bad)
        return bad;
    const char *version = tensors_meta(t, "adc.checkpoint"), *sum = tensors_meta(t, "adc.checksum");
    if (!version)
        bad = err_set(err, EXIT_BAD_DATA, "%s: error: this is no checkpoint", path);
    else if (strcmp(version, "1") != 0)
        bad = err_set(err, EXIT_BAD_DATA, "%s: error: this checkpoint is of version %s, this trainer reads version 1", path, version);
    else if (!sum || strtoull(sum, NULL, 16) != checkpoint_sum(t))
        bad = err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint is damaged, its checksum does not fit", path);
    if (bad)
        tensors_free(t);
    return bad;
}

static int checkpoint_same(const Session *s, const Tensors *t, const char *path, Err *err)
{
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, name_key(s->model->source));
    const char *model = tensors_meta(t, "adc.model_hash"), *data = tensors_meta(t, "adc.data_hash");
    if (!model || strcmp(model, text) != 0)
        return err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint is of another model than %s", path, s->model->file);
    snprintf(text, sizeof text, "%016" PRIx64, s->data.hash);
    if (!data || strcmp(data, text) != 0)
        return err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint is of a run on other data", path);
    for (int i = 0; i < CHECKPOINT_SETTINGS; i++) {
        const char *then = tensors_meta(t, checkpoint_settings[i]), *now = checkpoint_setting(s->options, checkpoint_settings[i]);
        if (!then || strcmp(then, now) != 0)
            return err_set(err, EXIT_USAGE, "%s: error: the run had %s = %s, now it is %s", path, checkpoint_settings[i],
                           then && *then ? then : "(none)", *now ? now : "(none)");
    }
    return EXIT_FINE;
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
    const char *text = tensors_meta(t, "adc.counters");
    void *state[2];
    int64_t *steps, rows, stride;
    char name[32];
    int n = optim_state(r->optim, state, &steps);
    bool fits = text && sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %la %la %la %la %la %" SCNd64
                               " %" SCNu64 " %" SCNd64 " %" SCNd64, &s->epoch, &s->batch, &s->steps, &s->best_epoch, &s->stale,
                               &s->finite_epoch, &s->sum, &s->weight, &s->best, &s->previous, &s->finite, steps, r->step, &rows,
                               &stride) == 15;
    fits = fits && checkpoint_copy(t, "params", r->kept, r->kept_bytes) && checkpoint_copy(t, "best", r->best, r->kept_bytes);
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

int checkpoint_read(const Session *s, const Resumable *r, const char *path, Err *err)
{
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
        bad = checkpoint_same(s, &t, used, err);
        if (!bad && !checkpoint_restore(r, &t))
            bad = err_set(err, EXIT_BAD_DATA, "%s: error: the checkpoint does not fit this run", used);
        tensors_free(&t);
    }
    return bad;
}
