/* fetch.c: the values of each data array from where --data says they are.
 *
 *     --data iris.csv             one file for every array: its 'from' clause, or a column of its name, says which columns
 *     --data X=x.npy              an array by itself, whole: its 'from' clause is only a default place in a table
 *     --data X=iris.csv#0:4       columns lo:hi, or names: #species, #a,b
 *
 * The name of a file says what it is: .npy, .npz (members named as the arrays, or file.npz#member), .libsvm or .svm,
 * .idx or MNIST's ...idx3-ubyte; anything else is a table of text. What comes out has the model's element type, or, for
 * index(c) arrays with cells that are no integers, stays text until bind.c has seen all labels of that axis. */
#include "rt.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { KIND_TABLE, KIND_NPY, KIND_NPZ, KIND_IDX, KIND_SVM } FileKind;

typedef struct {
    const AdModel *model;
    const int64_t *given;
    Sources *sources;
    int d;
    const AdData *data;
    Fetched *f;
    bool whole;                 /* named on the command line: the file is for this array */
    bool may_lack;              /* a target, in a file of new data for all arrays */
    const char *columns;        /* after '#', or NULL */
    Err *err;
} Fetch;

static bool path_ends(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n >= k && !strcmp(path + n - k, end);
}

static FileKind file_kind(const char *path)
{
    const char *idx = strstr(path, "idx");
    if (path_ends(path, ".npy") || strstr(path, ".npz#"))
        return KIND_NPY;
    if (path_ends(path, ".npz"))
        return KIND_NPZ;
    if (path_ends(path, ".libsvm") || path_ends(path, ".svm"))
        return KIND_SVM;
    if (path_ends(path, ".idx") || (idx && idx[3] && !strcmp(idx + 4, "-ubyte")))
        return KIND_IDX;
    return KIND_TABLE;
}

/* ---- messages ---- */

static void element_text(const Array *a, int64_t element, char *text, size_t room)
{
    int64_t index[16];
    size_t at = (size_t)snprintf(text, room, "[");
    for (int i = a->rank - 1; i >= 0; i--) {
        index[i] = element % a->shape[i];
        element /= a->shape[i];
    }
    for (int i = 0; i < a->rank && at < room; i++)
        at += (size_t)snprintf(text + at, room - at, i ? ", %lld" : "%lld", (long long)index[i]);
    if (at < room)
        snprintf(text + at, room - at, "]");
}

int fetch_error(const AdModel *m, int d, const Fetched *f, int64_t element, double value, Err *err, const char *what)
{
    if (f->table)
        return table_error(f->table, element / f->ncolumns, f->columns[element % f->ncolumns], err, what);
    char place[200];
    element_text(&f->array, element, place, sizeof place);
    if (!f->array.rank)
        return err_set(err, EXIT_BAD_DATA, "%s: error: %.9g %s ('%s')", f->path, value, what, m->data[d].name);
    return err_set(err, EXIT_BAD_DATA, "%s: error: %.9g %s (element %s of '%s')", f->path, value, what, place, m->data[d].name);
}

static int fetch_says(const Fetch *x, const char *what)
{
    return err_set(x->err, EXIT_BAD_DATA, "%s: error: '%s' (%s:%d) %s", x->f->path, x->data->name, x->model->file,
                   x->data->line, what);
}

/* ---- element types ---- */

DType fetch_type(const AdModel *m, const AdData *data)
{
    if (data->type == AD_REAL)
        return m->f64 ? DT_F64 : DT_F32;
    return data->type == AD_INT ? DT_I64 : DT_BOOL;
}

/* Why v cannot be an element of this array, or NULL. */
static const char *unfit_value(const AdModel *m, const AdData *data, double v)
{
    switch (data->type) {
    case AD_REAL:
        if (isnan(v))
            return data->missing ? NULL : "is no number: fill such cells, or declare the array 'missing'";
        if (isinf(v))
            return "is not a finite number";
        return !m->f64 && isinf((float)v) ? "is too large for f32: build with --precision=f64" : NULL;
    case AD_INT:
        if (v - v != 0 || v != floor(v))
            return "is not an integer";
        return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? NULL : "is too large for an integer";
    case AD_BOOL:
        return v == 0 || v == 1 ? NULL : "is not a bool: 0 or 1";
    }
    return NULL;
}

static void set_value(Array *a, int64_t i, double v)
{
    switch (a->type) {
    case DT_F64: ((double *)a->data)[i] = v; break;
    case DT_F32: ((float *)a->data)[i] = (float)v; break;
    case DT_I64: ((int64_t *)a->data)[i] = (int64_t)v; break;
    default:     ((uint8_t *)a->data)[i] = v != 0;
    }
}

/* x->f->array from the file's element type to the model's; in place when they are the same. */
static int convert(Fetch *x)
{
    Array in = x->f->array, out = in;
    out.type = fetch_type(x->model, x->data);
    int64_t n = array_count(&in);
    bool same = in.type == out.type, exact = in.type == DT_I64 && same;
    if (!same && !array_reserve(&out))
        return fetch_says(x, "has too many elements");
    int code = EXIT_FINE;
    for (int64_t i = 0; i < n && !exact && !code; i++) {
        double v = array_get(&in, i);
        const char *why = unfit_value(x->model, x->data, v);
        if (why)
            code = fetch_error(x->model, x->d, x->f, i, v, x->err, why);
        else if (!same && in.type == DT_I64 && out.type == DT_I64)
            ((int64_t *)out.data)[i] = array_get_int(&in, i);
        else if (!same)
            set_value(&out, i, v);
    }
    if (!same) {
        array_free(&in);
        x->f->array = out;
    }
    return code;
}

/* ---- arrays of numbers ---- */

static bool parse_range(const char *s, int64_t *lo, int64_t *hi)
{
    char *end;
    if (*s < '0' || *s > '9')
        return false;
    *lo = strtol(s, &end, 10);
    if (*end != ':' || end[1] < '0' || end[1] > '9')
        return false;
    *hi = strtol(end + 1, &end, 10);
    return !*end;
}

static int keep_columns(Fetch *x, int64_t lo, int64_t hi)
{
    Array in = x->f->array, out = in;
    if (in.rank != 2 || lo >= hi || hi > in.shape[1])
        return err_set(x->err, EXIT_BAD_DATA, "%s: error: there are no columns %lld:%lld for '%s': the file has %s of %lld",
                       x->f->path, (long long)lo, (long long)hi, x->data->name, in.rank == 2 ? "columns" : "no matrix but rows",
                       (long long)(in.rank == 2 ? in.shape[1] : in.rank ? in.shape[0] : 1));
    out.shape[1] = hi - lo;
    if (x->data->rank == 1 && hi - lo == 1)
        out.rank = 1;
    if (!array_reserve(&out))
        return fetch_says(x, "has too many elements");
    size_t size = dtype_size(in.type), width = (size_t)(hi - lo) * size;
    for (int64_t i = 0; i < in.shape[0]; i++)
        memcpy((char *)out.data + (size_t)i * width, (const char *)in.data + (size_t)(i * in.shape[1] + lo) * size, width);
    array_free(&in);
    x->f->array = out;
    return EXIT_FINE;
}

static int choose_columns(Fetch *x)
{
    int64_t lo, hi;
    if (x->columns) {
        if (parse_range(x->columns, &lo, &hi))
            return keep_columns(x, lo, hi);
        return fetch_says(x, "can take columns of an array file only as lo:hi: it has no names");
    }
    if (x->whole)
        return EXIT_FINE;
    if (x->data->ncolumns)
        return fetch_says(x, "takes its column by name, but this file has no names: give each array its own --data NAME=FILE");
    if (x->data->column_lo < x->data->column_hi)
        return keep_columns(x, x->data->column_lo, x->data->column_hi);
    if (x->model->ndata > 1)
        return fetch_says(x, "has no 'from' clause: give each array its own --data NAME=FILE");
    return EXIT_FINE;
}

static int fetch_npy(Fetch *x)
{
    int code = npy_read(x->f->path, &x->f->array, x->err);
    return code ? code : choose_columns(x);
}

static const char *keep_path(Sources *s, char *path)
{
    s->paths = realloc(s->paths, (size_t)(s->npaths + 1) * sizeof s->paths[0]);
    if (!s->paths || !path)
        abort();
    return s->paths[s->npaths++] = path;
}

static int fetch_npz(Fetch *x)
{
    size_t room = strlen(x->f->path) + strlen(x->data->name) + 2;
    char *member = malloc(room);
    if (member)
        snprintf(member, room, "%s#%s", x->f->path, x->data->name);
    x->f->path = keep_path(x->sources, member);
    int code = npz_read(x->f->path, &x->f->array, &x->f->lacking, x->err);
    x->f->lacking &= x->may_lack;
    return x->f->lacking ? EXIT_FINE : code;
}

/* Pictures become rows: axes that the model's array does not have are folded into its last. */
static int fetch_idx(Fetch *x)
{
    Array *a = &x->f->array;
    int code = idx_read(x->f->path, a, x->err);
    if (!code && x->may_lack && a->rank > x->data->rank)
        return fetch_says(x, "is no vector");
    if (!code && x->data->rank && a->rank > x->data->rank) {
        for (int i = x->data->rank; i < a->rank; i++)
            a->shape[x->data->rank - 1] *= a->shape[i];
        a->rank = x->data->rank;
    }
    return code;
}

/* Rank 2: the features, at least as wide as the dim is known to be; rank 1: the labels. */
static int fetch_svm(Fetch *x)
{
    Array X, y;
    int64_t columns = 0;
    if (x->data->rank != 1 && x->data->rank != 2)
        return fetch_says(x, "can not come from a libsvm file: that has a matrix and a vector of labels");
    if (x->data->rank == 2) {
        int dim = x->data->axes[1];
        const AdDim *f = &x->model->dims[dim];
        columns = f->kind == AD_DIM_FIXED ? f->value : x->given && x->given[dim] > 0 ? x->given[dim] : 0;
    }
    int code = libsvm_read(x->f->path, columns, &X, &y, x->err);
    if (code)
        return code;
    bool matrix = x->data->rank == 2;
    x->f->array = matrix ? X : y;
    array_free(matrix ? &y : &X);
    return EXIT_FINE;
}

/* ---- tables ---- */

static bool first_row_names(const Table *t, const char *name)
{
    for (int i = 0; i < t->ncolumns && t->nrows; i++)
        if (!strcmp(t->cell[i], name))
            return true;
    return false;
}

/* A first row with numbers in it is a header all the same when the model asks for one of its cells by name. */
static bool header_asked_for(const AdModel *m, const Table *t, const char *columns)
{
    if (columns && first_row_names(t, columns))
        return true;
    for (int d = 0; d < m->ndata; d++)
        for (int i = 0; i < m->data[d].ncolumns; i++)
            if (first_row_names(t, m->data[d].columns[i]))
                return true;
    return false;
}

static int open_table(Fetch *x)
{
    Sources *s = x->sources;
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->table[i]->path, x->f->path)) {
            x->f->table = s->table[i];
            return EXIT_FINE;
        }
    Table *t = rt_alloc(sizeof *t);
    int code = table_read(x->f->path, t, x->err);
    if (code) {
        free(t);
        return code;
    }
    if (!t->header && t->nrows > 1 && header_asked_for(x->model, t, x->columns))
        table_promote(t);
    s->table = realloc(s->table, (size_t)(s->n + 1) * sizeof s->table[0]);
    if (!s->table)
        abort();
    x->f->table = s->table[s->n++] = t;
    return EXIT_FINE;
}

static int take_range(Fetch *x, int64_t lo, int64_t hi)
{
    const Table *t = x->f->table;
    if (lo >= hi || hi > t->ncolumns)
        return err_set(x->err, EXIT_BAD_DATA, "%s: error: '%s' (%s:%d) takes columns %lld:%lld, but the file has %d column%s%s",
                       t->path, x->data->name, x->model->file, x->data->line, (long long)lo, (long long)hi, t->ncolumns,
                       t->ncolumns == 1 ? "" : "s", table_hint(t));
    for (int64_t i = lo; i < hi; i++)
        x->f->columns[x->f->ncolumns++] = (int)i;
    return EXIT_FINE;
}

static int take_name(Fetch *x, const char *name)
{
    int i = table_column(x->f->table, name, x->err);
    if (i < 0)
        return EXIT_BAD_DATA;
    x->f->columns[x->f->ncolumns++] = i;
    return EXIT_FINE;
}

static bool has_column(const Table *t, const char *name)
{
    for (int i = 0; i < t->ncolumns && t->header; i++)
        if (!strcmp(t->header[i], name))
            return true;
    return false;
}

/* '#lo:hi', '#name' or '#name,3,other': a number that is no name is a place */
static int take_given(Fetch *x)
{
    int64_t lo, hi;
    int code = EXIT_FINE;
    if (has_column(x->f->table, x->columns))
        return take_name(x, x->columns);
    if (parse_range(x->columns, &lo, &hi))
        return take_range(x, lo, hi);
    char *list = strdup(x->columns);
    int room = x->f->table->ncolumns;
    for (char *s = list, *next; s && !code; s = next) {
        next = strchr(s, ',');
        if (next)
            *next++ = 0;
        if (x->f->ncolumns == room)
            code = fetch_says(x, "is given more columns than the file has");
        else if (!has_column(x->f->table, s) && *s && strspn(s, "0123456789") == strlen(s))
            code = take_range(x, atoi(s), atoi(s) + 1);
        else
            code = take_name(x, s);
    }
    free(list);
    return code;
}

static bool is_numeric_column(const Table *t, int column)
{
    double v;
    for (int64_t row = 0; row < t->nrows; row++)
        if (!table_missing(t, row, column) && text_number(t->cell[row * t->ncolumns + column], &v))
            return false;
    return true;
}

/* Neither '#...' nor 'from': a column of the array's name, else everything that there is for it. */
static int take_default(Fetch *x)
{
    const Table *t = x->f->table;
    int matrices = 0;
    if (has_column(t, x->data->name))
        return take_name(x, x->data->name);
    for (int d = 0; d < x->model->ndata; d++)
        matrices += x->model->data[d].rank == 2;
    if (t->ncolumns == 1 && (x->whole || x->model->ndata == 1))
        return take_range(x, 0, 1);
    if (x->data->rank == 2 && x->whole)
        return take_range(x, 0, t->ncolumns);
    if (x->data->rank == 2 && matrices == 1) {
        for (int i = 0; i < t->ncolumns; i++)
            if (is_numeric_column(t, i))
                x->f->columns[x->f->ncolumns++] = i;
        if (x->f->ncolumns)
            return EXIT_FINE;
        return fetch_says(x, "needs columns of numbers, and the file has none");
    }
    return fetch_says(x, "has no 'from' clause and the file no column of that name: say which, as in --data NAME=FILE#COLUMN");
}

static int take_columns(Fetch *x)
{
    const Table *t = x->f->table;
    const AdData *data = x->data;
    int64_t asked = data->ncolumns ? data->ncolumns : data->column_hi - data->column_lo;
    if (x->columns)
        return take_given(x);
    if (asked <= 0)
        return take_default(x);
    bool fits = data->ncolumns || data->column_hi <= t->ncolumns;
    for (int i = 0; i < data->ncolumns; i++)
        fits = fits && has_column(t, data->columns[i]);
    if (x->whole && !fits && asked == t->ncolumns)      /* a file of its own that has just these */
        return take_range(x, 0, t->ncolumns);
    if (!data->ncolumns)
        return take_range(x, data->column_lo, data->column_hi);
    int code = EXIT_FINE;
    for (int i = 0; i < data->ncolumns && !code; i++)
        code = i < t->ncolumns ? take_name(x, data->columns[i]) : fetch_says(x, "takes more columns than the file has");
    return code;
}

static int table_shape(Fetch *x)
{
    Array *a = &x->f->array;
    int64_t rows = x->f->table->nrows, columns = x->f->ncolumns;
    a->rank = x->data->rank;
    if (a->rank > 2)
        return fetch_says(x, "has more than two axes, which no table gives: use .npy");
    if (a->rank == 2) {
        a->shape[0] = rows;
        a->shape[1] = columns;
    } else if (columns > 1 && !(a->rank == 1 && rows == 1)) {
        return err_set(x->err, EXIT_BAD_DATA, "%s: error: '%s' (%s:%d) takes one column, not %lld: say which, as in --data %s=FILE#COLUMN",
                       x->f->path, x->data->name, x->model->file, x->data->line, (long long)columns, x->data->name);
    } else if (a->rank == 1) {
        a->shape[0] = rows * columns;
    } else if (rows != 1) {
        return fetch_says(x, "is one number, but the file has more than one row");
    }
    return EXIT_FINE;
}

/* One cell as a number: 0, or 1 when it is none (an error is then worded by the caller's type). */
static int cell_value(const Fetch *x, int64_t row, int column, double *v, bool *bad)
{
    const Table *t = x->f->table;
    const char *s = t->cell[row * t->ncolumns + column];
    *bad = false;
    if (x->data->type == AD_BOOL && (!strcmp(s, "true") || !strcmp(s, "false"))) {
        *v = s[0] == 't';
        return EXIT_FINE;
    }
    if (x->data->missing && table_missing(t, row, column)) {
        *v = NAN;
        return EXIT_FINE;
    }
    if (x->data->labels >= 0 && !*s)
        return table_error(t, row, column, x->err, "is no label");
    if (x->data->labels >= 0 && text_number(s, v)) {
        *bad = true;
        return EXIT_FINE;
    }
    if (x->data->type == AD_BOOL && text_number(s, v))
        return table_error(t, row, column, x->err, "is not a bool: 0, 1, true or false");
    return table_number(t, row, column, v, x->err);
}

/* Blanks around a label are not part of it, as those around a number are not. */
static void trim_cells(const Fetched *f, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        char **cell = &f->table->cell[i / f->ncolumns * f->table->ncolumns + f->columns[i % f->ncolumns]];
        size_t length = strlen(*cell += strspn(*cell, " \t"));
        while (length && strchr(" \t", (*cell)[length - 1]))
            length--;
        (*cell)[length] = 0;
    }
}

static int table_values(Fetch *x)
{
    Fetched *f = x->f;
    f->array.type = fetch_type(x->model, x->data);
    if (!array_reserve(&f->array))
        return fetch_says(x, "has too many elements");
    int64_t n = array_count(&f->array);
    if (x->data->labels >= 0)
        trim_cells(f, n);
    for (int64_t i = 0; i < n; i++) {
        double v = 0;
        bool bad;
        int code = cell_value(x, i / f->ncolumns, f->columns[i % f->ncolumns], &v, &bad);
        if (code)
            return code;
        const char *why = bad ? NULL : unfit_value(x->model, x->data, v);
        f->text = f->text || bad || (why && x->data->labels >= 0);
        if (why && x->data->labels < 0)
            return fetch_error(x->model, x->d, f, i, v, x->err, why);
        if (!f->text)
            set_value(&f->array, i, v);
    }
    return EXIT_FINE;
}

/* A target is a vector along the sample axis, or where the model has none, along an axis of other arrays. */
static bool is_target(const AdModel *m, int d)
{
    int axis = m->data[d].rank == 1 ? m->data[d].axes[0] : -1;
    bool batch = false, shared = false;
    for (int i = 0; i < m->ndims; i++)
        batch |= m->dims[i].batch != 0;
    for (int k = 0; k < m->ndata; k++)
        shared |= k != d && m->data[k].rank > 0 && m->data[k].axes[0] == axis;
    return axis >= 0 && (batch ? m->dims[axis].batch != 0 : shared);
}

static bool table_lacks(const Table *t, const AdData *data)
{
    for (int i = 0; i < data->ncolumns; i++)
        if (has_column(t, data->columns[i]))
            return false;
    if (data->ncolumns == 0 && data->column_lo >= data->column_hi)
        return t->ncolumns > 1 && !has_column(t, data->name);
    return data->ncolumns > 0 || data->column_lo >= t->ncolumns;
}

static int fetch_table(Fetch *x)
{
    int code = open_table(x);
    if (code)
        return code;
    if (x->may_lack && table_lacks(x->f->table, x->data)) {
        x->f->table = NULL;
        x->f->lacking = true;
        return EXIT_FINE;
    }
    x->f->columns = rt_alloc((size_t)x->f->table->ncolumns * sizeof(int));
    code = take_columns(x);
    if (!code)
        code = table_shape(x);
    return code ? code : table_values(x);
}

/* ---- */

static int fetch_one(Fetch *x)
{
    FileKind kind = file_kind(x->f->path);
    if (kind == KIND_TABLE)
        return fetch_table(x);
    int code = kind == KIND_NPY ? fetch_npy(x) : kind == KIND_NPZ ? fetch_npz(x) : kind == KIND_IDX ? fetch_idx(x) : fetch_svm(x);
    if (code == EXIT_BAD_DATA && x->may_lack && kind != KIND_NPZ) {         /* no such column */
        array_free(&x->f->array);
        x->f->lacking = true;
        return EXIT_FINE;
    }
    if (code || x->f->lacking)
        return code;
    Array *a = &x->f->array;
    if (a->rank != x->data->rank)
        return err_set(x->err, EXIT_BAD_DATA, "%s: error: the file has %d ax%cs, but '%s' (%s:%d) has %d", x->f->path, a->rank,
                       a->rank == 1 ? 'i' : 'e', x->data->name, x->model->file, x->data->line, x->data->rank);
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] < 1)
            return fetch_says(x, "is empty in this file: sizes are at least 1");
    return convert(x);
}

size_t data_path(const char *file)
{
    const char *npz = strstr(file, ".npz#"), *hash = npz ? npz + 4 : strrchr(file, '#');
    return hash && (npz || access(file, F_OK)) ? (size_t)(hash - file) : strlen(file);
}

/* FILE#COLUMNS apart; a member of an archive stays with its name */
static const char *split_columns(Sources *s, const char *file, const char **columns)
{
    size_t n = data_path(file);
    *columns = NULL;
    if (!file[n] || strstr(file, ".npz#"))
        return file;
    *columns = file + n + 1;
    return keep_path(s, strndup(file, n));
}

static int unknown_array(const AdModel *m, const char *name, Err *err)
{
    const char *names[256];
    int n = m->ndata < 256 ? m->ndata : 256;
    for (int d = 0; d < n; d++)
        names[d] = m->data[d].name;
    const char *near = nearest(name, names, n);
    return err_set(err, EXIT_USAGE, near ? "--data %s=...: the model has no data '%s'; did you mean '%s'?"
                                         : "--data %s=...: the model has no data '%s'", name, name, near);
}

static int check_args(const AdModel *m, const DataArg *args, int nargs, Err *err)
{
    for (int i = 0; i < nargs; i++) {
        bool known = !args[i].name;
        for (int d = 0; d < m->ndata && !known; d++)
            known = !strcmp(m->data[d].name, args[i].name);
        if (!known)
            return unknown_array(m, args[i].name, err);
        for (int k = 0; k < i; k++)
            if (!args[i].name ? !args[k].name : args[k].name && !strcmp(args[i].name, args[k].name))
                return err_set(err, EXIT_USAGE, "--data is given twice for %s%s: '%s' and '%s'", args[i].name ? "" : "one table",
                               args[i].name ? args[i].name : "", args[k].file, args[i].file);
    }
    return EXIT_FINE;
}

static const DataArg *source_of(const AdData *data, const DataArg *args, int nargs)
{
    const DataArg *all = NULL;
    for (int i = 0; i < nargs; i++) {
        if (!args[i].name)
            all = &args[i];
        else if (!strcmp(args[i].name, data->name))
            return &args[i];
    }
    return all;
}

int fetch_all(const AdModel *m, const DataArg *args, int nargs, const int64_t *given, Fetched *f, Sources *s, Err *err)
{
    int code = check_args(m, args, nargs, err);
    for (int d = 0; d < m->ndata && !code; d++) {
        const AdData *data = &m->data[d];
        const DataArg *arg = source_of(data, args, nargs);
        bool may_lack = s->new && is_target(m, d) && (!arg || !arg->name);
        if (!arg && may_lack) {
            f[d].lacking = true;
            f[d].array = (Array){ .rank = 1 };
            continue;
        }
        if (!arg) {
            bool from = data->ncolumns || data->column_lo < data->column_hi;
            return err_set(err, EXIT_USAGE, "no data for '%s' (%s:%d): give --data %s=FILE%s", data->name, m->file, data->line,
                           data->name, from ? ", or --data FILE with a table that has its columns" : "");
        }
        Fetch x = { m, given, s, d, data, &f[d], arg->name != NULL, may_lack, NULL, err };
        f[d].path = split_columns(s, arg->file, &x.columns);
        code = fetch_one(&x);
        if (f[d].lacking)
            f[d].array = (Array){ .rank = 1 };          /* of length 0, until its dim is known */
    }
    return code;
}

void fetch_free(Fetched *f, int n, Sources *s)
{
    for (int d = 0; d < n; d++) {
        array_free(&f[d].array);
        free(f[d].columns);
    }
    for (int i = 0; i < s->n; i++) {
        table_free(s->table[i]);
        free(s->table[i]);
    }
    for (int i = 0; i < s->npaths; i++)
        free(s->paths[i]);
    free(s->table);
    free(s->paths);
}
