/* dataset.c: the data of a run: loaded and checked, prepared, cut into parts, dealt out in batches.
 *
 *     files --fetch--> arrays as given --bind--> dims and labels --fit--> column statistics --view--> prepared rows
 *
 * The raw arrays stay as they came. A view holds prepared copies of some rows (the training part, the test part): the
 * columns centred and scaled by statistics of the training rows, missing cells 0 with a mask beside them. What needs no
 * preparation and no selection is shared, not copied. A batch gathers rows of a view, one memcpy each, into buffers
 * that are made once. */
#include "rt.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool has_batch_axis(const Dataset *ds, int d)
{
    const AdData *data = &ds->model->data[d];
    return ds->batch_dim >= 0 && data->rank > 0 && data->axes[0] == ds->batch_dim;
}

static int64_t row_count(const Dataset *ds, int d)
{
    return ds->raw[d].rank ? ds->raw[d].shape[0] : 1;
}

/* Elements of one step along the first axis: what the statistics call the columns. */
static int64_t row_width(const Dataset *ds, int d)
{
    return array_count(&ds->raw[d]) / row_count(ds, d);
}

/* ---- column statistics ---- */

typedef struct { const Array *a; const uint8_t *mask; int64_t width, rows; const int64_t *chosen; } Columns;

static int64_t chosen_row(const Columns *c, int64_t i)
{
    return c->chosen ? c->chosen[i] : i;
}

/* Two passes: the mean, then the mean of what it leaves, which takes out its rounding. A constant column is exact. */
static void fit_column(const Columns *c, int64_t column, double *mean, double *sd)
{
    double sum = 0, rest = 0, square = 0, least = INFINITY, most = -INFINITY;
    int64_t n = 0;
    for (int64_t i = 0; i < c->rows; i++) {
        int64_t at = chosen_row(c, i) * c->width + column;
        if (c->mask && !c->mask[at])
            continue;
        double v = array_get(c->a, at);
        sum += v;
        least = fmin(least, v);
        most = fmax(most, v);
        n++;
    }
    *mean = n ? sum / (double)n : 0;
    *sd = 1;
    if (n && least == most)
        *mean = least;
    if (!n || least == most)
        return;
    for (int64_t i = 0; i < c->rows; i++) {
        int64_t at = chosen_row(c, i) * c->width + column;
        if (c->mask && !c->mask[at])
            continue;
        double e = array_get(c->a, at) - *mean;
        rest += e;
        square += e * e;
    }
    rest /= (double)n;
    *mean += rest;
    double deviation = sqrt(fmax(square / (double)n - rest * rest, 0));
    if (deviation > 0)
        *sd = deviation;
}

void dataset_fit(Dataset *ds, const int64_t *train, int64_t n)
{
    for (int d = 0; d < ds->model->ndata && !ds->stored_fit; d++) {
        if (ds->model->data[d].prepare == AD_AS_IS)
            continue;
        bool all = !train || !has_batch_axis(ds, d);
        Columns c = { &ds->raw[d], ds->mask[d], row_width(ds, d), all ? row_count(ds, d) : n, all ? NULL : train };
        if (!ds->mean[d]) {
            ds->mean[d] = rt_alloc((size_t)c.width * sizeof(double));
            ds->sd[d] = rt_alloc((size_t)c.width * sizeof(double));
        }
        for (int64_t j = 0; j < c.width; j++) {
            fit_column(&c, j, &ds->mean[d][j], &ds->sd[d][j]);
            if (ds->model->data[d].prepare == AD_CENTERED)
                ds->sd[d][j] = 1;
        }
    }
}

/* ---- loading ---- */

static void make_mask(Dataset *ds, int d)
{
    int64_t n = array_count(&ds->raw[d]);
    if (!ds->model->data[d].missing)
        return;
    ds->mask[d] = rt_alloc((size_t)n);
    for (int64_t i = 0; i < n; i++)
        if (!isnan(array_get(&ds->raw[d], i)))
            ds->mask[d][i] = 1;
}

static int stored_column(const Dataset *ds, int d, const char *what, const Tensors *stored, double **out, Err *err)
{
    char key[300];
    snprintf(key, sizeof key, "adc.%s.%s", what, ds->model->data[d].name);
    const Tensor *t = tensors_find(stored, key);
    int64_t width = row_width(ds, d);
    if (!t)
        return EXIT_FINE;
    if (array_count(&t->array) != width)
        return err_set(err, EXIT_BAD_DATA, "the loaded model has statistics of %lld columns of '%s', but the data has %lld",
                       (long long)array_count(&t->array), ds->model->data[d].name, (long long)width);
    *out = rt_alloc((size_t)width * sizeof(double));
    for (int64_t j = 0; j < width; j++) {
        (*out)[j] = array_get(&t->array, j);
        if (!isfinite((*out)[j]) || (what[0] == 's' && !((*out)[j] > 0)))
            return err_set(err, EXIT_BAD_DATA, "the loaded model has no usable %s of '%s', column %lld", what,
                           ds->model->data[d].name, (long long)j);
    }
    return EXIT_FINE;
}

/* Statistics that came with a model hold for all of its arrays; a file of params alone has none and changes nothing. */
static int take_statistics(Dataset *ds, const Tensors *stored, Err *err)
{
    int code = EXIT_FINE, prepared = 0, found = 0;
    for (int d = 0; d < ds->model->ndata && stored && !code; d++) {
        if (ds->model->data[d].prepare == AD_AS_IS)
            continue;
        prepared++;
        code = stored_column(ds, d, "mean", stored, &ds->mean[d], err);
        if (!code)
            code = stored_column(ds, d, "sd", stored, &ds->sd[d], err);
        if (!code && !ds->mean[d] != !ds->sd[d])
            code = err_set(err, EXIT_BAD_DATA, "the loaded model has half of the statistics of '%s'", ds->model->data[d].name);
        found += ds->mean[d] != NULL;
    }
    if (!code && found && found < prepared)
        code = err_set(err, EXIT_BAD_DATA, "the loaded model has statistics of %d of %d centered or scaled arrays", found, prepared);
    ds->stored_fit = !code && found > 0;
    return code;
}

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t word;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15;
        h ^= h >> 32;
    }
    for (; n; n--, p++)
        h = (h ^ *p) * 0x100000001B3;
    return h;
}

static uint64_t hash_data(const Dataset *ds)
{
    uint64_t h = 0xCBF29CE484222325;
    for (int d = 0; d < ds->model->ndata; d++) {
        const Array *a = &ds->raw[d];
        h = hash_bytes(h, ds->model->data[d].name, strlen(ds->model->data[d].name) + 1);
        h = hash_bytes(h, a->shape, (size_t)a->rank * sizeof a->shape[0]);
        h = hash_bytes(h, a->data, (size_t)array_count(a) * dtype_size(a->type));
    }
    return h;
}

static int bind_all(Dataset *ds, Fetched *f, const int64_t *given, const Tensors *stored, Err *err)
{
    int code = bind_labels(ds, f, stored, err);
    if (!code)
        code = bind_dims(ds, f, given, stored, err);
    return code ? code : bind_ids(ds, f, err);
}

static void keep_arrays(Dataset *ds, Fetched *f, const Sources *s)
{
    for (int d = 0; d < ds->model->ndata; d++) {
        ds->raw[d] = f[d].array;
        f[d].array.owned = false;
        make_mask(ds, d);
    }
    if (s->n && !(ds->path = strdup(s->table[0]->path)))
        abort();
    ds->hash = hash_data(ds);
}

/* Whatever an output computes from such an array is not to be trusted, hence the warning. */
static int fill_lacking(const Dataset *ds, Fetched *f, Err *err)
{
    const AdModel *m = ds->model;
    for (int d = 0; d < m->ndata; d++) {
        const AdData *data = &m->data[d];
        if (!f[d].lacking)
            continue;
        f[d].array = (Array){ .type = fetch_type(m, data), .rank = data->rank };
        for (int i = 0; i < data->rank; i++)
            f[d].array.shape[i] = ds->dims[data->axes[i]];
        if (!array_reserve(&f[d].array))
            return err_set(err, EXIT_BAD_DATA, "%s:%d: error: '%s' has too many elements", m->file, data->line, data->name);
        fprintf(stderr, "%s: warning: no data for '%s' (%s:%d): zeros take its place\n", m->name, data->name, m->file, data->line);
    }
    return EXIT_FINE;
}

static int dataset_open(Dataset *ds, const AdModel *m, const DataArg *args, int nargs, const int64_t *given, const Tensors *stored,
                bool new, Err *err)
{
    size_t n = (size_t)m->ndata;
    *ds = (Dataset){ .model = m, .batch_dim = -1 };
    ds->dims = rt_alloc((size_t)m->ndims * sizeof ds->dims[0]);
    ds->raw = rt_alloc(n * sizeof ds->raw[0]);
    ds->mask = rt_alloc(n * sizeof ds->mask[0]);
    ds->mean = rt_alloc(n * sizeof ds->mean[0]);
    ds->sd = rt_alloc(n * sizeof ds->sd[0]);
    Fetched *f = rt_alloc(n * sizeof *f);
    Sources sources = { .new = new };
    int code = fetch_all(m, args, nargs, given, f, &sources, err);
    if (!code)
        code = bind_all(ds, f, given, stored, err);
    if (!code)
        code = fill_lacking(ds, f, err);
    if (!code) {
        keep_arrays(ds, f, &sources);
        code = take_statistics(ds, stored, err);
    }
    if (!code)
        dataset_fit(ds, NULL, 0);
    fetch_free(f, m->ndata, &sources);
    free(f);
    if (code)
        dataset_free(ds);
    return code;
}

int dataset_load(Dataset *ds, const AdModel *m, const DataArg *args, int nargs, const int64_t *given, const Tensors *stored,
                 Err *err)
{
    return dataset_open(ds, m, args, nargs, given, stored, false, err);
}

int dataset_load_new(Dataset *ds, const AdModel *m, const DataArg *args, int nargs, const int64_t *given, const Tensors *stored,
                     Err *err)
{
    return dataset_open(ds, m, args, nargs, given, stored, true, err);
}

void dataset_free(Dataset *ds)
{
    for (int d = 0; ds->raw && d < ds->model->ndata; d++) {
        array_free(&ds->raw[d]);
        free(ds->mask[d]);
        free(ds->mean[d]);
        free(ds->sd[d]);
    }
    for (int i = 0; i < ds->nlabels; i++)
        labels_free(&ds->labels[i]);
    free(ds->labels);
    free(ds->dims);
    free(ds->raw);
    free(ds->mask);
    free(ds->mean);
    free(ds->sd);
    free(ds->path);
    *ds = (Dataset){ .batch_dim = -1 };
}

/* ---- views ---- */

/* One row of d, prepared. Differences in double whatever real is. */
static void prepare_row(const Dataset *ds, int d, int64_t row, int64_t width, void *out)
{
    const uint8_t *mask = ds->mask[d] ? ds->mask[d] + row * width : NULL;
    const double *mean = ds->mean[d], *sd = ds->sd[d];
    int f64 = ds->model->f64;
    for (int64_t j = 0; j < width; j++) {
        double v = mask && !mask[j] ? 0 : real_get(f64, ds->raw[d].data, row * width + j);
        if (mean && (!mask || mask[j]))
            v = (v - mean[j]) / sd[j];
        real_set(f64, out, j, v);
    }
}

static void view_array(const Dataset *ds, int d, const int64_t *rows, int64_t n, View *v)
{
    const Array *a = &ds->raw[d];
    bool select = rows && has_batch_axis(ds, d), prepare = ds->mean[d] || ds->mask[d];
    int64_t width = row_width(ds, d), count = select ? n : row_count(ds, d);
    size_t bytes = (size_t)width * dtype_size(a->type);
    v->data[d] = a->data;
    v->mask[d] = ds->mask[d];
    if (select || prepare)
        v->data[d] = rt_alloc((size_t)count * bytes);
    if (select && ds->mask[d])
        v->mask[d] = rt_alloc((size_t)(count * width));
    for (int64_t i = 0; i < count && (select || prepare); i++) {
        int64_t row = select ? rows[i] : i;
        char *out = (char *)v->data[d] + (size_t)i * bytes;
        if (prepare)
            prepare_row(ds, d, row, width, out);
        else
            memcpy(out, (const char *)a->data + (size_t)row * bytes, bytes);
        if (select && ds->mask[d])
            memcpy(v->mask[d] + i * width, ds->mask[d] + row * width, (size_t)width);
    }
}

static void view_slots(const Dataset *ds, View *v)
{
    v->data = rt_alloc((size_t)ds->model->ndata * sizeof v->data[0]);
    v->mask = rt_alloc((size_t)ds->model->ndata * sizeof v->mask[0]);
}

void dataset_view(const Dataset *ds, const int64_t *rows, int64_t n, View *v)
{
    *v = (View){ .rows = rows ? n : ds->rows, .owned = true };
    v->capacity = v->rows;
    view_slots(ds, v);
    for (int d = 0; d < ds->model->ndata; d++)
        view_array(ds, d, rows, n, v);
}

/* Buffers for n rows of every batched array; the others are the source's. */
static void batch_room(const Dataset *ds, const View *from, int64_t n, View *out)
{
    view_slots(ds, out);
    out->capacity = n;
    for (int d = 0; d < ds->model->ndata; d++) {
        out->data[d] = from->data[d];
        out->mask[d] = from->mask[d];
        if (!has_batch_axis(ds, d))
            continue;
        int64_t count = n * row_width(ds, d);
        out->data[d] = rt_alloc((size_t)count * dtype_size(ds->raw[d].type));
        if (from->mask[d])
            out->mask[d] = rt_alloc((size_t)count);
    }
}

static void gather_rows(void *out, const void *from, const int64_t *rows, int64_t n, size_t bytes)
{
    char *to = out;
    for (int64_t i = 0; i < n; i++, to += bytes)
        memcpy(to, (const char *)from + (size_t)rows[i] * bytes, bytes);
}

void view_batch(const Dataset *ds, const View *from, const int64_t *rows, int64_t n, View *out)
{
    if (!out->data || out->capacity < n) {
        view_free(ds, out);
        batch_room(ds, from, n, out);
    }
    out->rows = n;
    for (int d = 0; d < ds->model->ndata; d++) {
        if (!has_batch_axis(ds, d))
            continue;
        size_t width = (size_t)row_width(ds, d), size = dtype_size(ds->raw[d].type);
        if (size == 8 && width == 1)            /* the usual vector of labels or targets: no call for each */
            for (int64_t i = 0; i < n; i++)
                ((uint64_t *)out->data[d])[i] = ((const uint64_t *)from->data[d])[rows[i]];
        else
            gather_rows(out->data[d], from->data[d], rows, n, width * size);
        if (out->mask[d])
            gather_rows(out->mask[d], from->mask[d], rows, n, width);
    }
}

void view_free(const Dataset *ds, View *v)
{
    for (int d = 0; v->data && d < ds->model->ndata; d++) {
        bool own = v->owned || has_batch_axis(ds, d);
        if (own && v->data[d] != ds->raw[d].data)
            free(v->data[d]);
        if (own && v->mask[d] != ds->mask[d])
            free(v->mask[d]);
    }
    free(v->data);
    free(v->mask);
    *v = (View){ .rows = 0 };
}

/* ---- into a model file ---- */

static void store_column(const Dataset *ds, int d, const char *what, const double *values, Tensors *t)
{
    char name[300];
    snprintf(name, sizeof name, "adc.%s.%s", what, ds->model->data[d].name);
    Array a = { .type = DT_F64, .rank = 1, .shape = { row_width(ds, d) } };
    if (array_reserve(&a))
        memcpy(a.data, values, (size_t)a.shape[0] * sizeof *values);
    tensors_add(t, name, a);
}

/* Sizes that params have, and of ids: what new data must fit. Sizes of data alone may differ there. */
static bool dim_is_kept(const Dataset *ds, int dim)
{
    const AdModel *m = ds->model;
    bool kept = m->dims[dim].kind == AD_DIM_IDS;
    for (int p = 0; p < m->nparams; p++)
        for (int i = 0; i < m->params[p].rank; i++)
            kept = kept || m->params[p].axes[i] == dim;
    for (int d = 0; d < m->ndata; d++)
        kept = kept || m->data[d].labels == dim;
    return kept && m->dims[dim].kind != AD_DIM_DERIVED && !m->dims[dim].batch;
}

int dataset_store(const Dataset *ds, Tensors *t)
{
    char key[300], size[32];
    for (int d = 0; d < ds->model->ndata; d++)
        if (ds->mean[d]) {
            store_column(ds, d, "mean", ds->mean[d], t);
            store_column(ds, d, "sd", ds->sd[d], t);
        }
    for (int i = 0; i < ds->nlabels; i++) {
        char *json = labels_json(&ds->labels[i]);
        snprintf(key, sizeof key, "adc.labels.%s", ds->model->dims[ds->labels[i].dim].name);
        tensors_note(t, key, json);
        free(json);
    }
    for (int i = 0; i < ds->model->ndims; i++)
        if (dim_is_kept(ds, i)) {
            snprintf(key, sizeof key, "adc.dim.%s", ds->model->dims[i].name);
            snprintf(size, sizeof size, "%lld", (long long)ds->dims[i]);
            tensors_note(t, key, size);
        }
    return EXIT_FINE;
}
