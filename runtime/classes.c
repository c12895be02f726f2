/* classes.c: what colours the points of a scatter: a class for each row.
 *
 * The labels that the model knows come first: an index(c) array over the same axis as the output. A model without any
 * (a factorisation of measurements alone) still comes from a table, and a column of words in it, species say, with as
 * many rows as there are points, tells what the points are: the last such column serves. */
#include "rt.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES_MOST = 12 };

static bool classes_from_model(const Results *r, int output, Classes *c)
{
    const AdModel *m = r->model;
    int64_t rows = r->output[output].shape[0];
    for (int d = 0; d < m->ndata; d++) {
        const Array *raw = &r->dataset->raw[d];
        if (m->data[d].labels < 0 || m->data[d].rank != 1 || m->data[d].axes[0] != m->outputs[output].axes[0] || !raw->data
            || raw->shape[0] != rows)
            continue;
        c->id = rt_alloc((size_t)rows * sizeof *c->id);
        for (int64_t i = 0; i < rows; i++) {
            c->id[i] = array_get_int(raw, i);
            c->n = c->id[i] >= c->n ? c->id[i] + 1 : c->n;
        }
        c->what = m->data[d].name;
        for (int i = 0; i < r->dataset->nlabels; i++)
            if (r->dataset->labels[i].dim == m->data[d].labels)
                c->known = &r->dataset->labels[i];
        return true;
    }
    return false;
}

static bool column_is_words(const Table *t, int column)
{
    Err err;
    double v;
    for (int64_t i = 0; i < t->nrows; i++)
        if (table_number(t, i, column, &v, &err) == EXIT_FINE)
            return false;
    return t->nrows > 0;
}

static bool classes_from_table(const Results *r, int output, Classes *c)
{
    Err err;
    Table t = { 0 };
    int64_t rows = r->output[output].shape[0];
    const char *path = r->dataset->path;
    size_t n = path ? strlen(path) : 0;
    if (n < 4 || (strcmp(path + n - 4, ".csv") != 0 && strcmp(path + n - 4, ".tsv") != 0) || table_read(path, &t, &err))
        return false;
    for (int column = t.ncolumns - 1; column >= 0 && t.nrows == rows && !c->id; column--) {
        if (!column_is_words(&t, column))
            continue;
        char **text = rt_alloc((size_t)rows * sizeof *text);
        for (int64_t i = 0; i < rows; i++)
            text[i] = t.cell[i * t.ncolumns + column];
        labels_from(&c->own, text, rows);
        if (c->own.n <= CLASSES_MOST) {
            c->id = rt_alloc((size_t)rows * sizeof *c->id);
            for (int64_t i = 0; i < rows; i++)
                c->id[i] = labels_find(&c->own, text[i]);
            c->n = c->own.n;
            c->known = &c->own;
        } else
            labels_free(&c->own);
        free(text);
    }
    table_free(&t);
    return c->id != NULL;
}

/* Fills *c; c->id is NULL when nothing tells the points apart, or too many classes would. */
void classes_open(Classes *c, const Results *r, int output)
{
    memset(c, 0, sizeof *c);
    if (!classes_from_model(r, output, c))
        classes_from_table(r, output, c);
    if (c->n > CLASSES_MOST)
        classes_close(c);
}

const char *classes_name(const Classes *c, int64_t k, char *spare, size_t size)
{
    if (c->known && k < c->known->n)
        return c->known->label[k];
    snprintf(spare, size, "%lld", (long long)k);
    return spare;
}

void classes_close(Classes *c)
{
    free(c->id);
    labels_free(&c->own);
    memset(c, 0, sizeof *c);
}
