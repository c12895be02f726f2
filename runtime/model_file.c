/* model_file.c: trained params on disk (safetensors) and initial ones from there.
 *
 * A model file holds each param under its name, in natural units and the model's precision; dataset.c adds what data was
 * prepared with (statistics, label maps, dims). Metadata: adc.model, and adc.hyper.NAME for each hyper, so that predict
 * and eval see the values the model was trained with. Any file with tensors of the right names and shapes will do for
 * --init, in F64 or F32. */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static Array param_array(const AdModel *m, int p, const int64_t *dims, void *data)
{
    Array a = { .type = m->f64 ? DT_F64 : DT_F32, .rank = m->params[p].rank, .data = data };
    for (int i = 0; i < a.rank; i++)
        a.shape[i] = dims[m->params[p].axes[i]];
    return a;
}

int model_write(const Results *r, const char *path, Err *err)
{
    const AdModel *m = r->model;
    Tensors t = { 0 };
    char key[300], value[64];
    tensors_note(&t, "adc.model", m->name);
    for (int h = 0; h < m->nhypers; h++) {
        snprintf(key, sizeof key, "adc.hyper.%s", m->hypers[h].name);
        snprintf(value, sizeof value, "%.17g", r->session->hyper[h]);
        tensors_note(&t, key, value);
    }
    int bad = dataset_store(r->dataset, &t);
    if (bad)
        err_set(err, EXIT_IO, "%s: error: cannot store the preparation of the data", path);
    for (int p = 0; p < m->nparams; p++)
        tensors_add(&t, m->params[p].name, param_array(m, p, r->session->part[PART_TRAIN].dims, r->param[p]));
    if (!bad)
        bad = tensors_write(path, &t, err);
    tensors_free(&t);
    return bad;
}

/* ---- --init ---- */

static void shape_text(char *text, size_t size, const int64_t *shape, int rank)
{
    size_t n = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (n < size)
        snprintf(text + n, size - n, "]");
}

const char *other_model(const Tensors *t, const AdModel *m)
{
    const char *name = t ? tensors_meta(t, "adc.model") : NULL;
    return name && strcmp(name, m->name) != 0 ? name : NULL;
}

int init_param(const Session *s, int p, const int64_t *dims, void *out, Err *err)
{
    const AdModel *m = s->model;
    const AdParam *param = &m->params[p];
    const char *file = s->options->init;
    const Tensor *t = tensors_find(&s->init, param->name);
    const char *other = other_model(&s->init, m);
    if (!t)
        return err_set(err, EXIT_BAD_DATA, "%s: error: no tensor '%s', which param '%s' (%s:%d) needs%s%s%s", file, param->name,
                       param->name, m->file, param->line, other ? ": the file is of '" : "", other ? other : "", other ? "'" : "");
    Array want = param_array(m, p, dims, NULL);
    const Array *a = &t->array;
    bool same = a->rank == want.rank;
    for (int i = 0; same && i < want.rank; i++)
        same = a->shape[i] == want.shape[i];
    if (!same) {
        char found[128], needed[128];
        shape_text(found, sizeof found, a->shape, a->rank);
        shape_text(needed, sizeof needed, want.shape, want.rank);
        return err_set(err, EXIT_BAD_DATA, "%s: error: tensor '%s' has shape %s, but the param (%s:%d) has %s%s%s%s", file,
                       param->name, found, m->file, param->line, needed, other ? ": the file is of '" : "", other ? other : "",
                       other ? "'" : "");
    }
    if (a->type != DT_F64 && a->type != DT_F32)
        return err_set(err, EXIT_BAD_DATA, "%s: error: tensor '%s' is neither F64 nor F32", file, param->name);
    int64_t count = array_count(a);
    for (int64_t i = 0; i < count; i++) {
        real_set(m->f64, out, i, array_get(a, i));
        if (!isfinite(real_get(m->f64, out, i)))
            return err_set(err, EXIT_BAD_DATA, "%s: error: element %lld of '%s' is %g", file, (long long)i, param->name,
                           shown(array_get(a, i)));
    }
    return EXIT_FINE;
}
