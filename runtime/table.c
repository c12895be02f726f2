/* table.c: tables of text, and the two other plain formats of data sets.
 *
 * CSV as in RFC 4180: fields between commas (tabs in a .tsv), "quoted ones may hold , and "" and newlines", records
 * ended by LF, CRLF or CR, a byte order mark at the front ignored, empty lines skipped. Every record has as many fields
 * as the first. A cell keeps its text and its place: what it means is decided by the array that takes it, and a message
 * about it can say where it stands.
 *
 * Header: the first record is one when it has some text in it and no number. (Empty cells, nan, NA, true and false say
 * nothing either way.) Columns named 1980, 1981, ... are recognised when the model asks for one by name: table_promote. */
#include "rt.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ---- */

int file_read(const char *path, char **text, size_t *size, Err *err)
{
    FILE *f = fopen(path, "rb");
    size_t room = 1 << 16, n = 0, got;
    char *s = f ? malloc(room) : NULL;
    while (s && (got = fread(s + n, 1, room - n - 1, f)) > 0) {
        n += got;
        if (room - n < 2) {
            char *more = room < SIZE_MAX / 2 ? realloc(s, room *= 2) : NULL;
            if (!more)
                free(s);
            s = more;
        }
    }
    if (!f || !s || ferror(f)) {
        int code = err_set(err, EXIT_IO, "cannot read '%s': %s", path, strerror(errno));
        free(s);
        if (f)
            fclose(f);
        return code;
    }
    fclose(f);
    s[n] = 0;
    *text = s;
    *size = n;
    return EXIT_FINE;
}

/* ---- CSV ---- */

typedef struct {
    const char *path;
    char *s, *end;              /* rest of the text */
    const char *line_start;
    int line;
    char delimiter;
    Table *t;
    int64_t cells, room;
    Err *err;
} CsvIn;

static int csv_error(const CsvIn *in, int line, const char *at, const char *line_start, const char *what)
{
    return err_set(in->err, EXIT_BAD_DATA, "%s:%d:%d: error: %s", in->path, line, (int)(at - line_start) + 1, what);
}

static void csv_keep(CsvIn *in, char *text, int line, int column)
{
    Table *t = in->t;
    if (in->cells == in->room) {
        in->room = 2 * in->room + 64;
        t->cell = realloc(t->cell, (size_t)in->room * sizeof t->cell[0]);
        t->line = realloc(t->line, (size_t)in->room * sizeof t->line[0]);
        t->column = realloc(t->column, (size_t)in->room * sizeof t->column[0]);
        if (!t->cell || !t->line || !t->column)
            abort();
    }
    t->cell[in->cells] = text;
    t->line[in->cells] = line;
    t->column[in->cells++] = column;
}

/* A quoted field is unescaped in place: what is left is never longer. */
static int csv_quoted(CsvIn *in)
{
    char *from = in->s, *out = from, *s = from + 1;
    int line = in->line, column = (int)(from - in->line_start) + 1;
    const char *line_start = in->line_start;
    for (;; s++) {
        if (s == in->end)
            return csv_error(in, line, from, line_start, "this quoted field is never closed");
        if (*s == '"' && *++s != '"')
            break;
        if (!*s)
            return csv_error(in, in->line, s, in->line_start, "a zero byte: this is no text file");
        if (*s == '\n') {
            in->line++;
            in->line_start = s + 1;
        }
        *out++ = *s;
    }
    if (s < in->end && *s != in->delimiter && *s != '\n' && *s != '\r')
        return csv_error(in, in->line, s, in->line_start, "text after the closing quote of a field");
    in->s = s;
    csv_keep(in, from, line, column);
    if (out < s)        /* always: there were two quotes. The end is written once the delimiter is read. */
        *out = 0;
    return EXIT_FINE;
}

static int csv_plain(CsvIn *in)
{
    char *from = in->s, *s = from;
    while (s < in->end && *s != in->delimiter && *s != '\n' && *s != '\r') {
        if (*s == '"')
            return csv_error(in, in->line, s, in->line_start, "a quote within an unquoted field");
        if (!*s)
            return csv_error(in, in->line, s, in->line_start, "a zero byte: this is no text file");
        s++;
    }
    in->s = s;
    csv_keep(in, from, in->line, (int)(from - in->line_start) + 1);
    return EXIT_FINE;
}

/* One record; the byte behind each field becomes its terminating zero. */
static int csv_record(CsvIn *in)
{
    int64_t before = in->cells;
    int line = in->line;
    for (;;) {
        int code = in->s < in->end && *in->s == '"' ? csv_quoted(in) : csv_plain(in);
        if (code)
            return code;
        char *behind = in->s;
        bool more = behind < in->end && *behind == in->delimiter;
        if (behind < in->end) {
            in->s += !more && behind[0] == '\r' && behind + 1 < in->end && behind[1] == '\n' ? 2 : 1;
            *behind = 0;
        }
        if (!more)
            break;
    }
    in->line++;
    in->line_start = in->s;
    int64_t n = in->cells - before;
    if (!in->t->ncolumns)
        in->t->ncolumns = (int)n;
    if (n != in->t->ncolumns)
        return err_set(in->err, EXIT_BAD_DATA, "%s:%d:1: error: %lld field%s, but the first row has %d", in->path, line,
                       (long long)n, n == 1 ? "" : "s", in->t->ncolumns);
    return EXIT_FINE;
}

static bool csv_empty_line(CsvIn *in)
{
    if (*in->s != '\n' && *in->s != '\r')
        return false;
    in->s += in->s[0] == '\r' && in->s + 1 < in->end && in->s[1] == '\n' ? 2 : 1;
    in->line++;
    in->line_start = in->s;
    return true;
}

/* ---- what a cell says ---- */

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Short decimals exactly, in one operation on exact operands (Clinger 1990); the rest by strtod, which is correctly
 * rounded, in the C locale, that nothing here ever leaves. */
static double decimal(const char *text, uint64_t digits, int ndigits, int exponent)
{
    static const double power[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (ndigits > 15 || exponent < -22 || exponent > 22)
        return strtod(text, NULL);
    return exponent < 0 ? (double)digits / power[-exponent] : (double)digits * power[exponent];
}

int text_number(const char *text, double *out)
{
    const char *s = text;
    while (blank(*s))
        s++;
    const char *from = s;
    bool negative = *s == '-', any = false;
    if (*s == '-' || *s == '+')
        s++;
    uint64_t digits = 0;
    int ndigits = 0, point = 0;
    for (bool after = false; digit(*s) || (*s == '.' && !after); s++) {
        if (*s == '.') {
            after = true;
            continue;
        }
        any = true;
        point -= after;
        if (ndigits || *s != '0')
            ndigits++;
        digits = 10 * digits + (uint64_t)(*s - '0');        /* wraps beyond 15 digits, where it is not used */
    }
    if (!any)
        return 1;
    int exponent = 0;
    if (*s == 'e' || *s == 'E') {
        bool down = *++s == '-';
        if (*s == '-' || *s == '+')
            s++;
        if (!digit(*s))
            return 1;
        for (; digit(*s); s++)
            if (exponent < 100000)
                exponent = 10 * exponent + (*s - '0');
        exponent = down ? -exponent : exponent;
    }
    while (blank(*s))
        s++;
    if (*s)
        return 1;
    double v = decimal(from, digits, ndigits, exponent + point);
    if (ndigits <= 15 && exponent + point >= -22 && exponent + point <= 22 && negative)
        v = -v;
    *out = v;
    return v - v == 0 ? 0 : 2;
}

static bool is_word(const char *s, const char *lower)
{
    while (blank(*s))
        s++;
    for (; *lower; s++, lower++)
        if ((*s | 32) != *lower)
            return false;
    while (blank(*s))
        s++;
    return !*s;
}

static bool says_missing(const char *s)
{
    return is_word(s, "") || is_word(s, "nan") || is_word(s, "na");
}

bool table_missing(const Table *t, int64_t row, int column)
{
    return says_missing(t->cell[row * t->ncolumns + column]);
}

int table_error(const Table *t, int64_t row, int column, Err *err, const char *what)
{
    int64_t at = row * t->ncolumns + column;
    char which[160];
    if (t->header)
        snprintf(which, sizeof which, "column \"%s\"", t->header[column]);
    else
        snprintf(which, sizeof which, "column %d", column);
    if (!*t->cell[at])
        return err_set(err, EXIT_BAD_DATA, "%s:%d:%d: error: an empty cell %s (%s)", t->path, t->line[at], t->column[at], what, which);
    return err_set(err, EXIT_BAD_DATA, "%s:%d:%d: error: '%.100s' %s (%s)", t->path, t->line[at], t->column[at], t->cell[at], what, which);
}

int table_number(const Table *t, int64_t row, int column, double *out, Err *err)
{
    switch (text_number(t->cell[row * t->ncolumns + column], out)) {
    case 0:
        return EXIT_FINE;
    case 2:
        return table_error(t, row, column, err, "is too large for a number");
    }
    return table_error(t, row, column, err, table_missing(t, row, column)
                       ? "is no number: fill such cells, or declare the array 'missing'" : "is not a number");
}

const char *table_hint(const Table *t)
{
    const char *first = t->header ? t->header[0] : t->cell[0];
    if (t->ncolumns > 1 || !strpbrk(first, ";\t"))
        return "";
    return strchr(first, ';') ? ": separate its fields by commas, not by ';'" : ": separate its fields by commas, or call it .tsv";
}

/* ---- the header ---- */

void table_promote(Table *t)
{
    if (t->header || !t->nrows)
        return;
    t->header = rt_alloc((size_t)t->ncolumns * sizeof t->header[0]);
    memcpy(t->header, t->cell, (size_t)t->ncolumns * sizeof t->header[0]);
    t->nrows--;
    size_t rest = (size_t)(t->nrows * t->ncolumns);
    memmove(t->cell, t->cell + t->ncolumns, rest * sizeof t->cell[0]);
    memmove(t->line, t->line + t->ncolumns, rest * sizeof t->line[0]);
    memmove(t->column, t->column + t->ncolumns, rest * sizeof t->column[0]);
    for (int i = 0; i < t->ncolumns; i++) {     /* "a, b": the blank is no part of the name */
        char *s = t->header[i], *end;
        while (blank(*s))
            s++;
        t->header[i] = s;
        for (end = s + strlen(s); end > s && blank(end[-1]); end--)
            end[-1] = 0;
    }
}

/* In a table without a single number, a first row whose text comes again in its column is data: labels alone. */
static bool first_row_recurs(const Table *t)
{
    double v;
    bool again = false;
    for (int64_t row = 1; row < t->nrows; row++)
        for (int i = 0; i < t->ncolumns; i++) {
            const char *s = t->cell[row * t->ncolumns + i];
            if (text_number(s, &v) != 1)
                return false;
            again = again || (*s && !strcmp(s, t->cell[i]));
        }
    return again;
}

static bool first_row_is_header(const Table *t)
{
    bool text = false;
    double v;
    for (int i = 0; i < t->ncolumns; i++) {
        const char *s = t->cell[i];
        if (text_number(s, &v) != 1)
            return false;
        text = text || !(says_missing(s) || is_word(s, "true") || is_word(s, "false"));
    }
    return text && !first_row_recurs(t);
}

int table_column(const Table *t, const char *name, Err *err)
{
    if (!t->header) {
        err_set(err, EXIT_BAD_DATA, "%s: error: there is no column \"%s\": the file has no header%s", t->path, name, table_hint(t));
        return -1;
    }
    int found = -1;
    for (int i = t->ncolumns - 1; i >= 0; i--) {
        if (strcmp(t->header[i], name))
            continue;
        if (found >= 0) {
            err_set(err, EXIT_BAD_DATA, "%s:1:1: error: two columns are called \"%s\": %d and %d, counted from 0", t->path, name, i, found);
            return -1;
        }
        found = i;
    }
    if (found >= 0)
        return found;
    const char *near = nearest(name, (const char *const *)t->header, t->ncolumns);
    char names[300] = "";
    size_t at = 0;
    int shown = 0;
    for (; shown < t->ncolumns && shown < 12 && at < sizeof names - 64; shown++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%.60s", shown ? ", " : "", t->header[shown]);
    if (near)
        err_set(err, EXIT_BAD_DATA, "%s:1:1: error: there is no column \"%s\"; did you mean \"%s\"?", t->path, name, near);
    else
        err_set(err, EXIT_BAD_DATA, "%s:1:1: error: there is no column \"%s\"; there are %s%s%s", t->path, name, names,
                shown < t->ncolumns ? ", ..." : "", table_hint(t));
    return -1;
}

/* ---- */

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n >= k && !strcmp(path + n - k, end);
}

static int table_parse(Table *t, const char *path, size_t size, Err *err)
{
    CsvIn in = { .path = path, .s = t->text, .end = t->text + size, .line = 1, .t = t, .err = err,
                 .delimiter = ends_with(path, ".tsv") ? '\t' : ',' };
    if (size >= 3 && !memcmp(in.s, "\xEF\xBB\xBF", 3))
        in.s += 3;
    in.line_start = in.s;
    while (in.s < in.end) {
        if (csv_empty_line(&in))
            continue;
        int code = csv_record(&in);
        if (code)
            return code;
    }
    if (!in.cells)
        return err_set(err, EXIT_BAD_DATA, "%s: error: the file is empty", path);
    t->nrows = in.cells / t->ncolumns;
    if (first_row_is_header(t))
        table_promote(t);
    if (!t->nrows)
        return err_set(err, EXIT_BAD_DATA, "%s: error: the file has a header but no rows", path);
    return EXIT_FINE;
}

int table_read(const char *path, Table *t, Err *err)
{
    *t = (Table){ .ncolumns = 0 };
    size_t size;
    int code = file_read(path, &t->text, &size, err);
    if (!code) {
        t->path = strdup(path);
        code = t->path ? table_parse(t, path, size, err) : EXIT_IO;
    }
    if (code)
        table_free(t);
    return code;
}

void table_free(Table *t)
{
    free(t->path);
    free(t->header);
    free(t->cell);
    free(t->line);
    free(t->column);
    free(t->text);
    *t = (Table){ .ncolumns = 0 };
}

/* ---- IDX: 0 0 type rank, the sizes as 4 bytes each, the elements, all with the high byte first ---- */

int idx_read(const char *path, Array *a, Err *err)
{
    static const struct { int code; DType type; } types[] = {
        { 0x08, DT_U8 }, { 0x09, DT_I8 }, { 0x0B, DT_I16 }, { 0x0C, DT_I32 }, { 0x0D, DT_F32 }, { 0x0E, DT_F64 },
    };
    *a = (Array){ .owned = false };
    char *text;
    size_t size;
    int code = file_read(path, &text, &size, err);
    if (code)
        return code;
    const uint8_t *p = (const uint8_t *)text;
    size_t i = 0, head = size >= 4 ? 4 + 4 * (size_t)p[3] : 4;
    while (size >= 4 && i < 6 && types[i].code != p[2])
        i++;
    if (size < 4 || p[0] || p[1] || i == 6 || p[3] > 8)
        code = err_set(err, EXIT_BAD_DATA, size ? "%s: error: this is no IDX file" : "%s: error: the file is empty", path);
    else if (size < head)
        code = err_set(err, EXIT_BAD_DATA, "%s: error: the file is cut short within its header", path);
    size_t bytes = 1;
    bool fits = true;
    if (!code) {
        a->type = types[i].type;
        a->rank = p[3];
        bytes = dtype_size(a->type);
        for (int k = 0; k < a->rank; k++) {
            const uint8_t *q = p + 4 + 4 * k;
            a->shape[k] = (int64_t)((uint32_t)q[0] << 24 | (uint32_t)q[1] << 16 | (uint32_t)q[2] << 8 | q[3]);
            fits = fits && (!a->shape[k] || bytes <= (size_t)PTRDIFF_MAX / (size_t)a->shape[k]);
            bytes = fits ? bytes * (size_t)a->shape[k] : bytes;
        }
        if (!fits || bytes != size - head)
            code = err_set(err, EXIT_BAD_DATA, "%s: error: the file has %zu bytes of elements, its header asks for %s%zu",
                           path, size - head, fits ? "" : "more than ", bytes);
    }
    if (!code && array_reserve(a)) {
        memcpy(a->data, text + head, bytes);
        const uint16_t one = 1;
        if (*(const uint8_t *)&one)
            swap_bytes(a->data, dtype_size(a->type), array_count(a));
    }
    free(text);
    if (code)
        *a = (Array){ .owned = false };
    return code;
}

/* ---- libsvm: 'label place:value place:value', places from 1, ascending; '#' begins a comment ---- */

typedef struct { const char *path, *s; int line; const char *line_start; int64_t rows, columns; Err *err; } SvmIn;

static int svm_error(const SvmIn *in, const char *what)
{
    return err_set(in->err, EXIT_BAD_DATA, "%s:%d:%d: error: %s", in->path, in->line, (int)(in->s - in->line_start) + 1, what);
}

/* A number up to a blank, a colon or the end of the line, which is left to be read. */
static bool svm_number(SvmIn *in, double *out)
{
    char word[64];
    size_t n = strcspn(in->s, " \t\r\n:#");
    if (!n || n >= sizeof word)
        return false;
    memcpy(word, in->s, n);
    word[n] = 0;
    if (text_number(word, out))
        return false;
    in->s += n;
    return true;
}

static int svm_line(SvmIn *in, Array *X, Array *y)
{
    double label, place, v;
    int64_t last = 0;
    if (!svm_number(in, &label))
        return svm_error(in, "the label is not a number");
    if (y->data)
        ((double *)y->data)[in->rows] = label;
    for (;;) {
        while (blank(*in->s) || *in->s == '\r')
            in->s++;
        if (*in->s == '#')
            in->s += strcspn(in->s, "\n");
        if (!*in->s || *in->s == '\n')
            break;
        if (!svm_number(in, &place) || *in->s != ':' || !(place >= 1 && place <= INT32_MAX) || place != (double)(int32_t)place
            || (int64_t)place <= last)
            return svm_error(in, "expected place:value, with places from 1 in ascending order");
        in->s++;
        if (!svm_number(in, &v))
            return svm_error(in, "the value is not a number");
        last = (int64_t)place;
        if (last > in->columns)
            in->columns = last;
        if (X->data)
            ((double *)X->data)[in->rows * X->shape[1] + last - 1] = v;
    }
    in->rows++;
    return EXIT_FINE;
}

static int svm_lines(SvmIn *in, const char *text, const char *end, Array *X, Array *y)
{
    in->s = text;
    in->rows = 0;
    for (in->line = 1; in->s < end; in->line++) {
        in->line_start = in->s;
        while (blank(*in->s) || *in->s == '\r')
            in->s++;
        if (*in->s == '#')
            in->s += strcspn(in->s, "\n");
        if (*in->s && *in->s != '\n') {
            int code = svm_line(in, X, y);
            if (code)
                return code;
        }
        if (!*in->s && in->s < end)
            return svm_error(in, "a zero byte: this is no text file");
        in->s += *in->s == '\n';
    }
    return in->rows ? EXIT_FINE : err_set(in->err, EXIT_BAD_DATA, "%s: error: the file is empty", in->path);
}

/* Twice over the text: the first pass finds the size, the second fills. */
int libsvm_read(const char *path, int64_t columns, Array *X, Array *y, Err *err)
{
    *X = *y = (Array){ .type = DT_F64 };
    char *text;
    size_t size;
    int code = file_read(path, &text, &size, err);
    if (code)
        return code;
    SvmIn in = { .path = path, .columns = columns, .err = err };
    code = svm_lines(&in, text, text + size, X, y);
    if (!code) {
        X->rank = 2;
        y->rank = 1;
        X->shape[0] = y->shape[0] = in.rows;
        X->shape[1] = in.columns ? in.columns : 1;
        if (!array_reserve(y) || X->shape[1] > ((int64_t)1 << 40) / X->shape[0] || !array_reserve(X))
            code = err_set(err, EXIT_BAD_DATA, "%s: error: %lld rows of %lld columns are too many for a dense array", path,
                           (long long)in.rows, (long long)in.columns);
        else
            code = svm_lines(&in, text, text + size, X, y);
    }
    free(text);
    if (code) {
        array_free(X);
        array_free(y);
    }
    return code;
}
