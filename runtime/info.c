/* info.c: the command info: what this trainer is, without any data. */
#include "rt.h"

#include <stdlib.h>

static void info_shape(const AdModel *m, int rank, const int *axes, FILE *f)
{
    for (int i = 0; i < rank; i++)
        fprintf(f, "%s%s%s", i ? ", " : "[", m->dims[axes[i]].name, i + 1 == rank ? "]" : "");
}

static void info_data(const AdModel *m, FILE *f)
{
    static const char *const types[] = { "real", "int", "bool" }, *const prepared[] = { "", " centered", " scaled" };
    for (int i = 0; i < m->ndata; i++) {
        const AdData *d = &m->data[i];
        fprintf(f, "data %s", d->name);
        info_shape(m, d->rank, d->axes, f);
        if (d->labels >= 0)
            fprintf(f, " : index(%s)", m->dims[d->labels].name);
        else
            fprintf(f, " : %s", types[d->type]);
        fprintf(f, "%s%s\n", prepared[d->prepare], d->missing ? " missing" : "");
    }
}

static void info_params(const AdModel *m, FILE *f)
{
    static const char *const constraints[] = { "", " positive", " in an interval", " ordered", " simplex" };
    for (int i = 0; i < m->nparams; i++) {
        fprintf(f, "param %s", m->params[i].name);
        info_shape(m, m->params[i].rank, m->params[i].axes, f);
        fprintf(f, "%s%s\n", constraints[m->params[i].constraint], m->params[i].frozen ? " frozen" : "");
    }
}

/* How much a step needs besides data, params and their gradients, when every size is known. */
static void info_memory(const AdModel *m, FILE *f)
{
    int64_t *dims = rt_alloc(((size_t)m->ndims + 1) * sizeof *dims);
    bool known = m->work_bytes && m->load_bytes;
    for (int i = 0; i < m->ndims; i++) {
        known = known && (m->dims[i].kind == AD_DIM_FIXED || m->dims[i].kind == AD_DIM_DERIVED);
        dims[i] = m->dims[i].value;
    }
    if (known) {
        m->derive(dims);
        fprintf(f, "memory %zu bytes for intermediate values, %zu for what is computed once\n", m->work_bytes(dims), m->load_bytes(dims));
    }
    free(dims);
}

int command_info(const AdModel *m, const Options *o, FILE *f)
{
    fprintf(f, "model %s (%s), %s\n", m->name, m->file, m->f64 ? "f64" : "f32");
    for (int i = 0; i < m->ndims; i++) {
        const AdDim *d = &m->dims[i];
        if (!dim_is_named(d))
            continue;
        fprintf(f, "dim %s", d->name);
        if (d->kind == AD_DIM_FIXED)
            fprintf(f, " = %lld", (long long)d->value);
        fprintf(f, "%s%s\n", d->kind == AD_DIM_DERIVED ? " (derived)" : d->kind == AD_DIM_IDS ? " (from ids)" : "",
                d->batch ? " batch" : "");
    }
    for (int i = 0; i < m->nhypers; i++)
        fprintf(f, "hyper %s = %.9g\n", m->hypers[i].name, o->hyper[i]);
    info_data(m, f);
    info_params(m, f);
    for (int i = 0; i < m->nlosses; i++)
        fprintf(f, "loss %s\n", m->losses[i].named ? m->losses[i].name : "(unnamed)");
    for (int i = 0; i < m->nmetrics; i++)
        fprintf(f, "metric %s\n", m->metrics[i].name);
    for (int i = 0; i < m->noutputs; i++) {
        fprintf(f, "output %s", m->outputs[i].name);
        info_shape(m, m->outputs[i].rank, m->outputs[i].axes, f);
        fputc('\n', f);
    }
    info_memory(m, f);
    for (int i = 0; i < o->nsettings; i++)
        if (o->setting[i].value[0])
            fprintf(f, "setting %s = %s (%s)\n", o->setting[i].key, o->setting[i].value, o->setting[i].from);
    return EXIT_FINE;
}
