/* session.c: everything that all runs of a command share, opened once and read-only afterwards.
 *
 * Data is loaded, dims are bound, rows are dealt to parts, and each part gets its prepared view and its values of the
 * load stage:
 *
 *     split = [2/3, 0, 1/3], 150 rows      ->  training part: 100 rows   test part: 50 rows
 *
 * The split depends on the seed alone, so every restart sees the same one. Column statistics are those of the training
 * rows, or of the loaded model's training rows. */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- params: which of them learn, and what their file says of dims ---- */

static int session_freeze(Session *s, Err *err)
{
    const AdModel *m = s->model;
    const char *p = s->options->freeze;
    for (int i = 0; i < m->nparams; i++)
        s->learns[i] = !m->params[i].frozen;
    while (p && *p) {
        size_t n = strcspn(p, ", ");
        bool found = n == 0;
        for (int i = 0; i < m->nparams; i++)
            if (strlen(m->params[i].name) == n && strncmp(m->params[i].name, p, n) == 0) {
                s->learns[i] = false;
                found = true;
            }
        if (!found) {
            const char **names = rt_alloc((size_t)(m->nparams + 1) * sizeof *names), *near;
            char word[256];
            snprintf(word, sizeof word, "%.*s", (int)n, p);
            for (int i = 0; i < m->nparams; i++)
                names[i] = m->params[i].name;
            near = nearest(word, names, m->nparams);
            free(names);
            return err_set(err, EXIT_USAGE, "--freeze: the model has no param '%s'%s%s%s", word,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        p += n + (p[n] != 0);
    }
    bool some = !s->options->freeze || strcmp(s->options->command, "train") != 0;
    for (int i = 0; i < m->nparams; i++)
        some |= s->learns[i];
    return some ? EXIT_FINE : err_set(err, EXIT_USAGE, "--freeze %s leaves no param that learns", s->options->freeze);
}

/* A dim that only ids name takes its size from a loaded param; a trained model also brings its hypers. */
static int session_from_init(Session *s, int64_t *given, Err *err)
{
    double v = 0;
    const AdModel *m = s->model;
    for (int p = 0; p < m->nparams; p++) {
        const Tensor *t = tensors_find(&s->init, m->params[p].name);
        for (int a = 0; t && a < m->params[p].rank && a < t->array.rank; a++) {
            int d = m->params[p].axes[a];
            if (m->dims[d].kind == AD_DIM_IDS && given[d] < 0)
                given[d] = t->array.shape[a];
        }
    }
    for (int d = 0; d < m->ndims; d++)          /* a libsvm file may end before the last column */
        if (m->dims[d].kind == AD_DIM_DATA && !m->dims[d].batch && given[d] < 0)
            given[d] = stored_dim(&s->init, m->dims[d].name);
    for (int h = 0; h < m->nhypers; h++) {
        char key[300];
        snprintf(key, sizeof key, "adc.hyper.%s", m->hypers[h].name);
        const char *text = tensors_meta(&s->init, key);
        if (text && text_number(text, &v))
            return err_set(err, EXIT_BAD_DATA, "%s: error: '%s' is no value of hyper '%s'", s->options->init, text, m->hypers[h].name);
        if (text && !s->options->hyper_given[h])
            s->hyper[h] = v;
    }
    return EXIT_FINE;
}

/* ---- parts ---- */

static int part_open(Session *s, int which, const Dataset *data, const int64_t *rows, int64_t n, Err *err)
{
    const AdModel *m = s->model;
    Part *part = &s->part[which];
    part->present = true;
    part->dataset = data;
    part->rows = data->batch_dim < 0 ? 0 : rows ? n : data->rows;
    part->dims = rt_alloc((size_t)(m->ndims + 1) * sizeof *part->dims);
    memcpy(part->dims, data->dims, (size_t)m->ndims * sizeof *part->dims);
    if (data->batch_dim >= 0)
        part->dims[data->batch_dim] = part->rows;
    if (m->derive)
        m->derive(part->dims);
    dataset_view(data, rows, n, &part->view);
    part->load = rt_alloc(m->load_bytes ? m->load_bytes(part->dims) : 0);

    AdRun run = { .model = m, .dims = part->dims, .total = part->rows, .hyper = s->hyper, .seed = s->options->seed,
                  .data = (const void **)part->view.data, .mask = (const uint8_t **)part->view.mask, .load = part->load };
    run.work = rt_alloc(m->work_bytes ? m->work_bytes(part->dims) : 0);
    if (m->load)
        m->load(&run);
    free(run.work);
    Worker words = { .run = run };
    return worker_fault(&words, err);
}

/* Sizes of the parts, rounded so that they add up and no wanted part is empty without need. */
static int session_split(Session *s, int64_t n[3], Err *err)
{
    static const char *const names[] = { "training", "validation", "test" };
    const double *share = s->options->split;
    int64_t rows = s->data.rows;
    double edge = 0;
    int64_t from = 0;
    for (int i = 0; i < 3; i++) {
        edge += share[i];
        int64_t to = i == 2 ? rows : (int64_t)floor(edge * (double)rows + 0.5);
        n[i] = (to < rows ? to : rows) - from;
        if (share[i] > 0 && n[i] == 0)
            return err_set(err, EXIT_BAD_DATA, "%s: error: %lld row%s too few to split: the %s part would be empty",
                           s->data.path ? s->data.path : s->model->file, (long long)rows, rows == 1 ? " is" : "s are", names[i]);
        from += n[i];
    }
    return EXIT_FINE;
}

static int session_can_split(const Session *s, Err *err)
{
    const AdModel *m = s->model;
    if (s->data.batch_dim < 0)
        return err_set(err, EXIT_USAGE, "split needs a dim declared with 'batch' in %s", m->file);
    for (int p = 0; p < m->nparams; p++)
        for (int a = 0; a < m->params[p].rank; a++)
            if (m->params[p].axes[a] == s->data.batch_dim)
                return err_set(err, EXIT_USAGE, "split and batch cannot be used: param '%s' (%s:%d) has the batch dim '%s'",
                               m->params[p].name, m->file, m->params[p].line, m->dims[s->data.batch_dim].name);
    return EXIT_FINE;
}

static int session_split_parts(Session *s, bool fit, Err *err)
{
    int64_t n[3], from = 0;
    int bad = session_can_split(s, err);
    if (!bad)
        bad = session_split(s, n, err);
    if (bad)
        return bad;
    s->order = rt_alloc((size_t)(s->data.rows + 1) * sizeof *s->order);
    for (int64_t i = 0; i < s->data.rows; i++)
        s->order[i] = i;
    shuffle(s->order, s->data.rows, s->options->seed, name_key("split"), 0);
    if (fit)
        dataset_fit(&s->data, s->order, n[0]);
    for (int i = 0; i < 3 && !bad; from += n[i++])
        if (n[i] > 0)
            bad = part_open(s, PART_TRAIN + i, &s->data, s->order + from, n[i], err);
    return bad;
}

/* The mask of A for training (the held cells hidden) or for validation (only they show). */
static uint8_t *holdout_mask(const uint8_t *mask, int64_t count, const int64_t *held, int64_t n, bool training)
{
    uint8_t *m = rt_alloc((size_t)count + 1);
    if (training)
        memcpy(m, mask, (size_t)count);
    for (int64_t i = 0; i < n; i++)
        m[held[i]] = !training;
    return m;
}

/* holdout = cells(A, p): a share of the cells of A is missing while training, all others while validating. */
static int session_holdout(Session *s, bool fit, Err *err)
{
    const AdModel *m = s->model;
    int d = 0, bad = EXIT_FINE;
    while (strcmp(m->data[d].name, s->options->holdout_array) != 0)
        d++;
    uint8_t *mask = s->data.mask[d];
    int64_t count = array_count(&s->data.raw[d]), seen = 0;
    int64_t *cell = rt_alloc((size_t)(count + 1) * sizeof *cell);
    for (int64_t i = 0; i < count; i++)
        if (mask[i])
            cell[seen++] = i;
    shuffle(cell, seen, s->options->seed, name_key("holdout"), 0);
    int64_t held = (int64_t)floor(s->options->holdout * (double)seen + 0.5);
    if (held == 0 || held == seen)
        bad = err_set(err, EXIT_BAD_DATA, "%s: error: '%s' has %lld cells, too few to hold out %g of them: the %s part would be empty",
                      s->data.path ? s->data.path : m->file, m->data[d].name, (long long)seen, s->options->holdout,
                      held ? "training" : "validation");
    for (int part = PART_TRAIN; part <= PART_VALIDATION && !bad; part++) {
        s->data.mask[d] = holdout_mask(mask, count, cell, held, part == PART_TRAIN);     /* the view takes it over */
        if (part == PART_TRAIN && fit)
            dataset_fit(&s->data, NULL, 0);
        bad = part_open(s, part, &s->data, NULL, 0, err);
    }
    s->data.mask[d] = mask;
    free(cell);
    return bad;
}

/* ---- data ---- */

static int session_load(Session *s, int64_t *given, Err *err)
{
    const AdModel *m = s->model;
    const Options *o = s->options;
    bool stored = s->has_init && tensors_meta(&s->init, "adc.model");
    int bad = (strcmp(o->command, "predict") == 0 ? dataset_load_new : dataset_load)(&s->data, m, o->data, o->ndata, given,
                                                                                     stored ? &s->init : NULL, err);
    if (bad)
        return bad;
    s->has_data = true;
    bool training = strcmp(o->command, "train") == 0;
    bool batches = training || strcmp(o->command, "bench") == 0 || strcmp(o->command, "check-grad") == 0;
    if (batches && o->batch > 0 && o->batch < s->data.rows && session_can_split(s, err))
        return EXIT_USAGE;
    if (training && o->split_given)
        return session_split_parts(s, !stored, err);
    if (training && o->holdout > 0)
        return session_holdout(s, !stored, err);
    if (!stored)
        dataset_fit(&s->data, NULL, 0);
    return part_open(s, PART_TRAIN, &s->data, NULL, 0, err);
}

/* --test: its own files under the training data's dims, statistics and labels */
static int session_test(Session *s, int64_t *given, Err *err)
{
    const AdModel *m = s->model;
    Tensors stored = { 0 };
    if (s->part[PART_TEST].present)
        return err_set(err, EXIT_USAGE, "--test and a test share of split exclude each other");
    for (int d = 0; d < m->ndims; d++)
        if (d != s->data.batch_dim && (m->dims[d].kind == AD_DIM_DATA || m->dims[d].kind == AD_DIM_IDS))
            given[d] = s->data.dims[d];
    int bad = dataset_store(&s->data, &stored);
    if (!bad)
        bad = dataset_load(&s->test, m, s->options->test, s->options->ntest, given, &stored, err);
    tensors_free(&stored);
    s->has_test = !bad;
    return bad ? bad : part_open(s, PART_TEST, &s->test, NULL, 0, err);
}

/* Outputs are computed after training: whether there is memory for them is better known before. */
static int session_outputs_fit(const Session *s, Err *err)
{
    const AdModel *m = s->model;
    for (int i = 0; i < m->noutputs && (s->options->nout || s->options->report); i++) {
        double bytes = m->f64 || m->outputs[i].type == AD_INT ? 8 : 4;
        for (int a = 0; a < m->outputs[i].rank; a++)
            bytes *= (double)s->data.dims[m->outputs[i].axes[a]];
        if (bytes > 9e18 || !rt_fits((size_t)bytes))
            return err_set(err, EXIT_BAD_DATA, "%s:%d: error: output '%s' would take %.3g bytes", m->file, m->outputs[i].line,
                           m->outputs[i].name, bytes);
    }
    return EXIT_FINE;
}

int session_open(Session *s, const AdModel *m, const Options *o, Err *err)
{
    double start = clock_seconds();
    memset(s, 0, sizeof *s);
    s->model = m;
    s->options = o;
    s->learns = rt_alloc((size_t)(m->nparams + 1) * sizeof *s->learns);
    s->hyper = rt_alloc((size_t)(m->nhypers + 1) * sizeof *s->hyper);
    memcpy(s->hyper, o->hyper, (size_t)m->nhypers * sizeof *s->hyper);
    int64_t *given = rt_alloc((size_t)(m->ndims + 1) * sizeof *given);
    memcpy(given, o->given, (size_t)m->ndims * sizeof *given);

    int bad = session_freeze(s, err);
    if (!bad && o->init) {
        bad = tensors_read(o->init, &s->init, err);
        s->has_init = !bad;
        if (!bad)
            bad = session_from_init(s, given, err);
    }
    if (!bad)
        bad = session_load(s, given, err);
    if (!bad && o->ntest)
        bad = session_test(s, given, err);
    if (!bad)
        bad = session_outputs_fit(s, err);
    free(given);
    s->load_seconds = clock_seconds() - start;
    return bad;
}

int session_part_all(Session *s, Err *err)
{
    if (s->part[PART_ALL].present)
        return EXIT_FINE;
    return part_open(s, PART_ALL, &s->data, NULL, 0, err);
}

void session_close(Session *s)
{
    for (int i = 0; i < PARTS; i++)
        if (s->part[i].present) {
            view_free(s->part[i].dataset, &s->part[i].view);
            free(s->part[i].dims);
            free(s->part[i].load);
        }
    if (s->has_test)
        dataset_free(&s->test);
    if (s->has_data)
        dataset_free(&s->data);
    if (s->has_init)
        tensors_free(&s->init);
    free(s->order);
    free(s->learns);
    free(s->hyper);
    memset(s, 0, sizeof *s);
}
