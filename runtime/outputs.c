/* outputs.c: output and gradient arrays as files, .npy in their own type or .csv for people.
 *
 * In a .csv an output of type index(c) is written as labels where the data had labels, and the columns of an output
 * whose last axis is labelled carry them:
 *
 *     output p = softmax(logits, over = c)        Iris-setosa,Iris-versicolor,Iris-virginica
 *                                                 0.98,0.02,0.00 */
#include "rt.h"

#include <stdlib.h>
#include <string.h>

static const Labels *labels_of(const Dataset *d, int dim)
{
    for (int i = 0; d && i < d->nlabels; i++)
        if (d->labels[i].dim == dim && d->labels[i].n > 0)
            return &d->labels[i];
    return NULL;
}

/* A field of RFC 4180: quoted when it has to be. */
static void csv_text(FILE *f, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, f);
        return;
    }
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

static void csv_value(FILE *f, const Array *a, int64_t i, const Labels *labels)
{
    if (a->type == DT_F64 || a->type == DT_F32) {
        fprintf(f, "%.*g", a->type == DT_F64 ? 17 : 9, shown(array_get(a, i)));
        return;
    }
    int64_t v = array_get_int(a, i);
    if (labels && v >= 0 && v < labels->n)
        csv_text(f, labels->label[v]);
    else
        fprintf(f, "%lld", (long long)v);
}

static int csv_write(const Dataset *d, const char *name, const Array *a, const int *axes, int labels, const char *path, Err *err)
{
    Output out;
    int64_t rows = a->rank > 0 ? a->shape[0] : 1, columns = a->rank > 1 ? a->shape[1] : 1;
    const Labels *head = a->rank > 1 ? labels_of(d, axes[1]) : NULL, *values = labels_of(d, labels);
    int bad = output_open(&out, path, err);
    if (bad)
        return bad;
    for (int64_t c = 0; c < columns; c++) {
        fputs(c ? "," : "", out.f);
        if (a->rank < 2)
            csv_text(out.f, name);
        else if (head && c < head->n)
            csv_text(out.f, head->label[c]);
        else
            fprintf(out.f, "%s_%lld", name, (long long)c);
    }
    fputc('\n', out.f);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            csv_value(out.f, a, r * columns + c, values);
            fputc(c + 1 < columns ? ',' : '\n', out.f);
        }
    return output_close(&out, err);
}

int output_write(const Dataset *d, const AdModel *m, const char *name, const Array *a, const int *axes, int labels,
                 const char *path, Err *err)
{
    (void)m;
    if (path_has_suffix(path, ".npy"))
        return npy_write(path, a, err);
    return csv_write(d, name, a, axes, labels, path, err);
}

int output_named(const Results *r, const DataArg *out, Err *err)
{
    const AdModel *m = r->model;
    int k = 0;
    while (strcmp(out->name, m->outputs[k].name) != 0)
        k++;
    return output_write(r->dataset, m, out->name, &r->output[k], m->outputs[k].axes, m->outputs[k].labels, out->file, err);
}
