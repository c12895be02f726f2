/* bind.c: what the data says about dims and labels.
 *
 * A dim is bound by the first array that has it as an axis, or before that by the compiler, --dim or a loaded model;
 * every later array must agree, and a message about one that does not names both. Texts of an index(c) axis become
 * numbers in sorted order, over all tables of that axis together, so that equal texts are equal numbers. */
#include "rt.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- labels ---- */

static bool shares_labels(const AdModel *m, const Fetched *f, int d, int dim)
{
    return m->data[d].labels == dim && f[d].table;
}

static const char *label_cell(const Fetched *f, int64_t i)
{
    return f->table->cell[i / f->ncolumns * f->table->ncolumns + f->columns[i % f->ncolumns]];
}

/* The map that a loaded model has for this dim, if any. */
static int stored_labels(const Tensors *stored, const AdModel *m, int dim, Labels *l, Err *err)
{
    char key[300];
    snprintf(key, sizeof key, "adc.labels.%s", m->dims[dim].name);
    const char *json = stored ? tensors_meta(stored, key) : NULL;
    if (!json)
        return EXIT_FINE;
    if (labels_parse(l, json))
        return err_set(err, EXIT_BAD_DATA, "the model file has a damaged list of labels for '%s'", m->dims[dim].name);
    return EXIT_FINE;
}

static int empty_label(const AdModel *m, const Fetched *f, int d, int64_t i, Err *err)
{
    return fetch_error(m, d, &f[d], i, 0, err, "is no label");
}

/* Labels go into the files that are written, which are UTF-8. */
static bool is_utf8(const char *s)
{
    int n = 1;
    for (; *s && n; s += n)
        n = utf8_length(s);
    return n > 0;
}

static int collect_labels(const AdModel *m, const Fetched *f, int dim, Labels *l, Err *err)
{
    int64_t n = 0, at = 0;
    for (int d = 0; d < m->ndata; d++)
        n += shares_labels(m, f, d, dim) ? array_count(&f[d].array) : 0;
    char **text = rt_alloc((size_t)n * sizeof *text);
    int code = EXIT_FINE;
    for (int d = 0; d < m->ndata && !code; d++)
        for (int64_t i = 0; shares_labels(m, f, d, dim) && i < array_count(&f[d].array) && !code; i++) {
            const char *cell = label_cell(&f[d], i);
            text[at++] = (char *)(uintptr_t)cell;
            if (!*cell)
                code = empty_label(m, f, d, i, err);
            else if (!is_utf8(cell))
                code = fetch_error(m, d, &f[d], i, 0, err, "is not UTF-8");
        }
    if (!code)
        code = labels_from(l, text, n);
    free(text);
    return code;
}

static void known_labels(const Labels *l, char *text, size_t room)
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < l->n && at < room; i++) {
        if (i == 12) {
            snprintf(text + at, room - at, ", ... (%d of them)", l->n);
            break;
        }
        at += (size_t)snprintf(text + at, room - at, "%s%.40s", i ? ", " : "", l->label[i]);
    }
}

static int map_labels(const AdModel *m, Fetched *f, int d, const Labels *l, Err *err)
{
    int64_t n = array_count(&f[d].array);
    for (int64_t i = 0; i < n; i++) {
        const char *cell = label_cell(&f[d], i);
        int at = labels_find(l, cell);
        if (at < 0 && !*cell)
            return empty_label(m, f, d, i, err);
        if (at < 0) {
            char known[640], what[700];
            known_labels(l, known, sizeof known);
            snprintf(what, sizeof what, "is not a label that the model knows: %s", known);
            return fetch_error(m, d, &f[d], i, 0, err, what);
        }
        ((int64_t *)f[d].array.data)[i] = at;
    }
    f[d].text = false;
    return EXIT_FINE;
}

/* Text labels, when some array of the axis has a cell that is no integer, or the model was trained on texts. */
static int bind_label_axis(Dataset *ds, Fetched *f, int dim, const Tensors *stored, Err *err)
{
    const AdModel *m = ds->model;
    Labels l = { .dim = dim };
    bool text = false;
    int code = stored_labels(stored, m, dim, &l, err);
    bool known = l.n > 0;
    for (int d = 0; d < m->ndata; d++)
        text = text || (m->data[d].labels == dim && f[d].text);
    if (!code && text && !known)
        code = collect_labels(m, f, dim, &l, err);
    for (int d = 0; d < m->ndata && !code && l.n; d++)
        if (shares_labels(m, f, d, dim))
            code = map_labels(m, f, d, &l, err);
    if (!code && l.n)
        ds->labels[ds->nlabels++] = l;
    else
        labels_free(&l);
    return code;
}

int bind_labels(Dataset *ds, Fetched *f, const Tensors *stored, Err *err)
{
    const AdModel *m = ds->model;
    ds->labels = rt_alloc((size_t)m->ndims * sizeof ds->labels[0]);
    int code = EXIT_FINE;
    for (int dim = 0; dim < m->ndims && !code; dim++) {
        bool used = false;
        for (int d = 0; d < m->ndata; d++)
            used = used || m->data[d].labels == dim;
        if (used)
            code = bind_label_axis(ds, f, dim, stored, err);
    }
    return code;
}

/* ---- dims ---- */

enum { BY_COMMAND = -1 };       /* --dim or the loaded model; else the data array that came first */

typedef struct { Dataset *ds; const Fetched *f; int *by; const Tensors *stored; Err *err; } Binding;

/* "n" or "n_users", not "n - 1" or "3": something that -D can set */
bool dim_is_named(const AdDim *dim)
{
    const char *s = dim->name;
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return !*s;
}

static int built_for(const Binding *b, ExitCode code, const char *path, const AdDim *dim, const char *who, int64_t size)
{
    return err_set(b->err, code, "%s%sthis trainer was built for %s = %lld, but %s has %lld: "
                   "rebuild it with 'adc build %s -D %s=%lld'", path ? path : "", path ? ": error: " : "", dim->name,
                   (long long)dim->value, who, (long long)size, b->ds->model->file, dim->name, (long long)size);
}

static int built_for_loaded(const Binding *b, const AdDim *dim, int64_t size)
{
    const char *other = other_model(b->stored, b->ds->model);
    if (!other)
        return built_for(b, EXIT_BAD_DATA, NULL, dim, "the loaded model", size);
    return err_set(b->err, EXIT_BAD_DATA, "the loaded model is of '%s', with %s = %lld: this trainer is of '%s', with %s = %lld", other,
                   dim->name, (long long)size, b->ds->model->name, dim->name, (long long)dim->value);
}

static int dim_conflict(const Binding *b, int dim, int d, int64_t size)
{
    const AdModel *m = b->ds->model;
    const AdDim *x = &m->dims[dim];
    const char *path = b->f[d].path, *name = m->data[d].name;
    long long here = size, there = b->ds->dims[dim];
    char by[300];
    if (x->kind == AD_DIM_FIXED && dim_is_named(x)) {
        snprintf(by, sizeof by, "'%s'", name);
        return built_for(b, EXIT_BAD_DATA, path, x, by, size);
    }
    if (x->kind == AD_DIM_FIXED)
        return err_set(b->err, EXIT_BAD_DATA, "%s: error: '%s' (%s:%d) has %lld along an axis of size %lld", path, name, m->file,
                       m->data[d].line, here, there);
    if (x->kind == AD_DIM_DERIVED)
        return err_set(b->err, EXIT_BAD_DATA, "%s: error: '%s' (%s:%d) has %lld along an axis whose size '%s' is %lld", path,
                       name, m->file, m->data[d].line, here, x->name, there);
    if (b->by[dim] >= 0)
        snprintf(by, sizeof by, "in '%s'", m->data[b->by[dim]].name);
    else
        snprintf(by, sizeof by, b->stored ? "in training" : "on the command line");
    return err_set(b->err, EXIT_BAD_DATA, "%s: error: dim '%s' is %lld %s but %lld in '%s'", path, x->name, there, by, here, name);
}

int64_t stored_dim(const Tensors *stored, const char *name)
{
    char key[300], *end;
    snprintf(key, sizeof key, "adc.dim.%s", name);
    const char *text = stored ? tensors_meta(stored, key) : NULL;
    long long v = text ? strtoll(text, &end, 10) : -1;
    return v > 0 && !*end ? v : -1;
}

/* What is known before any array is looked at. */
static int bind_known(Binding *b, const int64_t *given)
{
    const AdModel *m = b->ds->model;
    for (int i = 0; i < m->ndims; i++) {
        const AdDim *dim = &m->dims[i];
        int64_t asked = given ? given[i] : -1, kept = dim->batch ? -1 : stored_dim(b->stored, dim->name);
        if (dim->batch)
            b->ds->batch_dim = i;
        if (dim->kind == AD_DIM_DERIVED)
            continue;
        if (asked == 0)
            return err_set(b->err, EXIT_USAGE, "--dim %s=0: sizes are at least 1", dim->name);
        if (dim->kind == AD_DIM_FIXED) {
            b->ds->dims[i] = dim->value;
            if (asked > 0 && asked != dim->value)
                return built_for(b, EXIT_USAGE, NULL, dim, "--dim", asked);
            if (kept > 0 && kept != dim->value)
                return built_for_loaded(b, dim, kept);
            continue;
        }
        b->by[i] = BY_COMMAND;
        b->ds->dims[i] = asked > 0 ? asked : kept > 0 ? kept : 0;
    }
    return EXIT_FINE;
}

/* Takes or checks the axes of every array: those of derived dims once these are known, or all others. */
static int bind_axes(Binding *b, bool derived)
{
    const AdModel *m = b->ds->model;
    for (int d = 0; d < m->ndata; d++)
        for (int i = 0; i < m->data[d].rank && !b->f[d].lacking; i++) {
            int dim = m->data[d].axes[i];
            int64_t size = b->f[d].array.shape[i];
            if ((m->dims[dim].kind == AD_DIM_DERIVED) != derived)
                continue;
            if (!b->ds->dims[dim] && !derived) {
                b->by[dim] = d;
                b->ds->dims[dim] = size;
            } else if (b->ds->dims[dim] != size) {
                return dim_conflict(b, dim, d, size);
            }
        }
    return EXIT_FINE;
}

/* Ids are places: none below 0, none that only a slip can explain. */
static int refuse_wild_ids(const Binding *b)
{
    const AdModel *m = b->ds->model;
    for (int d = 0; d < m->ndata; d++) {
        const int64_t *id = b->f[d].array.data;
        for (int64_t i = 0, n = array_count(&b->f[d].array); m->data[d].labels >= 0 && i < n; i++)
            if (id[i] < 0)
                return fetch_error(m, d, &b->f[d], i, (double)id[i], b->err, "is negative: ids count from 0");
            else if (id[i] >= INT32_MAX)
                return fetch_error(m, d, &b->f[d], i, (double)id[i], b->err, "is too large: ids count from 0, and none is above 2147483646");
    }
    return EXIT_FINE;
}

/* An axis of labels or ids that nothing has bound takes as many as there are; one that is bound must have room. */
static int bind_label_dims(Binding *b)
{
    const AdModel *m = b->ds->model;
    for (int i = 0; i < b->ds->nlabels; i++) {
        const Labels *l = &b->ds->labels[i];
        int64_t *size = &b->ds->dims[l->dim];
        if (!*size) {
            *size = l->n;
        } else if (*size < l->n) {
            char known[640];
            known_labels(l, known, sizeof known);
            return err_set(b->err, EXIT_BAD_DATA, "dim '%s' is %lld, but the data has %d labels of it: %s",
                           m->dims[l->dim].name, (long long)*size, l->n, known);
        }
    }
    for (int i = 0; i < m->ndims; i++) {
        if (m->dims[i].kind == AD_DIM_DERIVED || b->ds->dims[i])
            continue;
        for (int d = 0; d < m->ndata; d++) {
            const int64_t *id = b->f[d].array.data;
            for (int64_t k = 0, n = array_count(&b->f[d].array); m->data[d].labels == i && k < n; k++)
                if (id[k] >= b->ds->dims[i] && id[k] < INT64_MAX)
                    b->ds->dims[i] = id[k] + 1;
        }
    }
    return EXIT_FINE;
}

static int check_sizes(const Binding *b)
{
    const AdModel *m = b->ds->model;
    for (int i = 0; i < m->ndims; i++) {
        long long size = b->ds->dims[i];
        if (size > 0)
            continue;
        if (m->dims[i].kind == AD_DIM_DERIVED)
            return err_set(b->err, EXIT_BAD_DATA, "%s:%d: error: '%s' is %lld for this data: sizes are at least 1", m->file,
                           m->dims[i].line, m->dims[i].name, size);
        return err_set(b->err, EXIT_USAGE, "dim '%s' (%s:%d) is not bound: no data has it as an axis; give --dim %s=SIZE",
                       m->dims[i].name, m->file, m->dims[i].line, m->dims[i].name);
    }
    return EXIT_FINE;
}

/* The place of the first param with more elements than there can be memory for, by the dim that makes it so. */
static int check_room(const Binding *b)
{
    const AdModel *m = b->ds->model;
    for (int p = 0; p < m->nparams; p++) {
        const AdParam *param = &m->params[p];
        double bytes = m->f64 ? 8 : 4;
        int largest = 0;
        for (int i = 0; i < param->rank; i++) {
            bytes *= (double)b->ds->dims[param->axes[i]];
            largest = b->ds->dims[param->axes[i]] > b->ds->dims[param->axes[largest]] ? i : largest;
        }
        if (bytes > 9e18 || !rt_fits((size_t)bytes))
            return err_set(b->err, EXIT_BAD_DATA, "%s:%d: error: param '%s' would take %.3g bytes: dim '%s' is %lld", m->file,
                           param->line, param->name, bytes, m->dims[param->axes[largest]].name,
                           (long long)b->ds->dims[param->axes[largest]]);
    }
    return EXIT_FINE;
}

/* Derived dims wait for all others: model->derive may divide by them. */
static int bind_in_order(Binding *b, const int64_t *given)
{
    const AdModel *m = b->ds->model;
    int code = bind_known(b, given);
    if (!code)
        code = bind_axes(b, false);
    if (!code)
        code = refuse_wild_ids(b);
    if (!code)
        code = bind_label_dims(b);
    for (int i = 0; i < m->ndims && !code; i++)     /* so that check_sizes looks at the others only */
        if (m->dims[i].kind == AD_DIM_DERIVED)
            b->ds->dims[i] = 1;
    if (!code)
        code = check_sizes(b);
    if (!code && m->derive)
        m->derive(b->ds->dims);
    if (!code)
        code = check_sizes(b);
    if (!code)
        code = check_room(b);
    return code ? code : bind_axes(b, true);
}

int bind_dims(Dataset *ds, const Fetched *f, const int64_t *given, const Tensors *stored, Err *err)
{
    Binding b = { ds, f, rt_alloc((size_t)ds->model->ndims * sizeof(int)), stored, err };
    ds->batch_dim = -1;
    int code = bind_in_order(&b, given);
    if (!code && ds->batch_dim >= 0)
        ds->rows = ds->dims[ds->batch_dim];
    free(b.by);
    return code;
}

/* ---- ids ---- */

int bind_ids(const Dataset *ds, const Fetched *f, Err *err)
{
    const AdModel *m = ds->model;
    for (int d = 0; d < m->ndata; d++) {
        int dim = m->data[d].labels;
        const int64_t *id = f[d].array.data;
        for (int64_t i = 0, n = array_count(&f[d].array); dim >= 0 && i < n; i++) {
            if (id[i] >= 0 && id[i] < ds->dims[dim])
                continue;
            char what[400];
            snprintf(what, sizeof what, "is outside 0..%lld of index(%s)", (long long)ds->dims[dim] - 1, m->dims[dim].name);
            return fetch_error(m, d, &f[d], i, (double)id[i], err, what);
        }
    }
    return EXIT_FINE;
}
