/* absent.c: predict on data without targets.
 *
 * New data has what the outputs need and usually no labels. An array over the sample axis alone (y[n]) whose columns the
 * table does not have, or that no file was given for, is replaced by zeros, with a warning: as a temporary .npy beside
 * the other arguments, so that loading stays what it is. Whatever an output computes from such an array is not to be
 * trusted, hence the warning. */
#include "rt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const DataArg *argument_of(const DataArg *args, int nargs, const char *name)
{
    for (int i = 0; i < nargs; i++)
        if (name ? args[i].name && strcmp(args[i].name, name) == 0 : !args[i].name)
            return &args[i];
    return NULL;
}

static bool table_lacks(const Table *t, const AdData *d)
{
    for (int c = 0; c < d->ncolumns; c++)
        for (int k = 0; t->header && k < t->ncolumns; k++)
            if (strcmp(t->header[k], d->columns[c]) == 0)
                return false;
    return d->ncolumns > 0 || d->column_lo >= t->ncolumns;
}

/* Rows of a table or of an .npy; -1: neither. */
static int64_t rows_of(const char *path)
{
    Err err;
    Array a = { 0 };
    Table t = { 0 };
    int64_t rows = -1;
    size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".npy") == 0) {
        if (npy_read(path, &a, &err) == EXIT_FINE) {
            rows = a.rank ? a.shape[0] : -1;
            array_free(&a);
        }
    } else if (table_read(path, &t, &err) == EXIT_FINE) {
        rows = t.nrows;
        table_free(&t);
    }
    return rows;
}

static int64_t rows_given(const AdModel *m, const DataArg *args, int nargs)
{
    const DataArg *table = argument_of(args, nargs, NULL);
    if (table)
        return rows_of(table->file);
    for (int d = 0; d < m->ndata; d++) {
        const DataArg *a = argument_of(args, nargs, m->data[d].name);
        if (a && m->data[d].rank > 0 && m->dims[m->data[d].axes[0]].batch)
            return rows_of(a->file);
    }
    return -1;
}

static int absent_add(Absent *a, const AdData *d, const AdModel *m, int64_t rows, Err *err)
{
    char *file = a->file[a->nfiles];
    const char *dir = getenv("TMPDIR");
    snprintf(file, sizeof a->file[0] - 4, "%s/adc-zeros-XXXXXX", dir && strlen(dir) < 30 ? dir : "/tmp");
    int fd = mkstemp(file);                 /* takes the name; the array goes beside it under the suffix that tells its format */
    if (fd < 0)
        return err_set(err, EXIT_IO, "%s: error: cannot create this temporary file", file);
    close(fd);
    unlink(file);
    strcat(file, ".npy");
    a->nfiles++;
    Array zeros = { .type = d->type == AD_INT ? DT_I64 : d->type == AD_BOOL ? DT_BOOL : m->f64 ? DT_F64 : DT_F32, .rank = 1,
                    .shape = { rows }, .owned = true };
    zeros.data = rt_alloc((size_t)rows * dtype_size(zeros.type));
    int bad = npy_write(file, &zeros, err);
    array_free(&zeros);
    a->args[a->n].name = d->name;
    a->args[a->n++].file = file;
    fprintf(stderr, "%s: warning: no data for '%s' (%s:%d): zeros take its place\n", m->name, d->name, m->file, d->line);
    return bad;
}

int absent_fill(Absent *a, const AdModel *m, const DataArg *args, int nargs, Err *err)
{
    Table t = { 0 };
    const DataArg *table = argument_of(args, nargs, NULL);
    int bad = table ? table_read(table->file, &t, err) : EXIT_FINE;
    *a = (Absent){ .n = nargs };
    a->args = rt_alloc((size_t)(nargs + m->ndata + 1) * sizeof *a->args);
    a->file = rt_alloc((size_t)(m->ndata + 1) * sizeof *a->file);
    if (nargs)
        memcpy(a->args, args, (size_t)nargs * sizeof *args);
    int64_t rows = bad ? -1 : rows_given(m, args, nargs);
    for (int d = 0; d < m->ndata && !bad && rows > 0; d++) {
        const AdData *data = &m->data[d];
        bool target = data->rank == 1 && m->dims[data->axes[0]].batch && !argument_of(args, nargs, data->name);
        if (target && (!table || table_lacks(&t, data)))
            bad = absent_add(a, data, m, rows, err);
    }
    if (table)
        table_free(&t);
    return bad;
}

void absent_free(Absent *a)
{
    for (int i = 0; i < a->nfiles; i++)
        unlink(a->file[i]);
    free(a->file);
    free(a->args);
    *a = (Absent){ 0 };
}
