/* safetensors.c: named arrays and text pairs in one file; what models and checkpoints are kept in.
 *
 *     8 bytes, little-endian: length of the header
 *     the header, JSON: {"__metadata__": {"key": "value"}, "W": {"dtype": "F64", "shape": [4, 2], "data_offsets": [0, 64]}}
 *     the elements, each array from its begin to its end, one after the other, without gaps, to the end of the file
 *
 * The reader takes exactly that grammar and nothing looser. Every size is checked against the file before memory is
 * taken. The writer puts wide types first and pads the header to 8 bytes, so that each array is aligned in the file. */
#include "rt.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HEADER_MAX = 100 * 1000 * 1000 };

typedef struct { const char *path, *s, *end; Err *err; } Json;
typedef struct { int64_t begin, end; } Span;        /* of the tensor of the same place, in the data */

static const struct { const char *name; DType type; } tensor_types[] = {
    { "F64", DT_F64 }, { "F32", DT_F32 }, { "I64", DT_I64 }, { "I32", DT_I32 }, { "I16", DT_I16 }, { "I8", DT_I8 },
    { "U8", DT_U8 }, { "U16", DT_U16 }, { "U32", DT_U32 }, { "BOOL", DT_BOOL },
};
enum { TENSOR_TYPES = sizeof tensor_types / sizeof tensor_types[0] };

/* ---- JSON, as much as is needed ---- */

void json_put(FILE *f, const char *text)
{
    putc('"', f);
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (*s == '"' || *s == '\\')
            fprintf(f, "\\%c", *s);
        else if (*s == '\n')
            fputs("\\n", f);
        else if (*s < ' ')
            fprintf(f, "\\u%04x", *s);
        else
            putc(*s, f);
    }
    putc('"', f);
}

/* Four hexadecimal digits, or -1. */
static int json_hex(const char *s, const char *end)
{
    int v = 0;
    if (end - s < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = s[i], digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        v = 16 * v + digit;
    }
    return v;
}

static char *utf8_put(char *out, int c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 63));
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    }
    return out;
}

/* After the 'u' of an escape; a surrogate needs its other half. Advances; false when malformed or NUL. */
static bool json_unicode(const char **at, const char *end, char **out)
{
    int c = json_hex(*at, end);
    if (c <= 0 || (c >= 0xdc00 && c < 0xe000))
        return false;
    *at += 4;
    if (c >= 0xd800 && c < 0xdc00) {
        int low = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? json_hex(*at + 2, end) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        *at += 6;
    }
    *out = utf8_put(*out, c);
    return true;
}

char *json_get(const char **at, const char *end)
{
    const char *s = *at;
    if (s == end || *s != '"')
        return NULL;
    const char *close = ++s;
    while (close < end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= end)
        return NULL;
    char *text = rt_alloc((size_t)(close - s) + 1), *out = text;    /* unescaping never lengthens */
    while (s < close) {
        static const char escapes[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
        const char *e;
        if ((unsigned char)*s < ' ')
            goto bad;
        if (*s != '\\') {
            *out++ = *s++;
        } else if (s[1] == 'u') {
            s += 2;
            if (!json_unicode(&s, close, &out))
                goto bad;
        } else if ((e = memchr(escapes, s[1], sizeof escapes - 1))) {
            *out++ = values[e - escapes];
            s += 2;
        } else {
            goto bad;
        }
    }
    *out = 0;
    *at = close + 1;
    return text;
bad:
    free(text);
    return NULL;
}

static void json_blanks(Json *j)
{
    while (j->s < j->end && (*j->s == ' ' || *j->s == '\n' || *j->s == '\t' || *j->s == '\r'))
        j->s++;
}

static bool json_take(Json *j, char c)
{
    json_blanks(j);
    if (j->s == j->end || *j->s != c)
        return false;
    j->s++;
    return true;
}

static char *json_string(Json *j)
{
    json_blanks(j);
    return json_get(&j->s, j->end);
}

static bool json_size(Json *j, int64_t *out)
{
    json_blanks(j);
    const char *from = j->s;
    int64_t v = 0;
    for (; j->s < j->end && *j->s >= '0' && *j->s <= '9'; j->s++) {
        if (v > (INT64_MAX - 9) / 10)
            return false;
        v = 10 * v + (*j->s - '0');
    }
    *out = v;
    return j->s > from && (from[0] != '0' || j->s == from + 1);
}

/* ---- reading ---- */

static int tensors_error(const Json *j, const char *what)
{
    return err_set(j->err, EXIT_BAD_DATA, "%s: error: %s", j->path, what);
}

static int tensor_error(const Json *j, const char *name, const char *what)
{
    return err_set(j->err, EXIT_BAD_DATA, "%s: error: tensor '%s' %s", j->path, name, what);
}

static int header_metadata(Json *j, Tensors *t)
{
    if (t->meta)
        return tensors_error(j, "the header has '__metadata__' twice");
    t->meta = rt_alloc(sizeof t->meta[0]);
    if (!json_take(j, '{'))
        return tensors_error(j, "'__metadata__' is no object of texts");
    while (!json_take(j, '}')) {
        if (t->nmeta && !json_take(j, ','))
            return tensors_error(j, "'__metadata__' is no object of texts");
        char *key = json_string(j);
        char *value = key && json_take(j, ':') ? json_string(j) : NULL;
        if (!value) {
            free(key);
            return tensors_error(j, "'__metadata__' is no object of texts");
        }
        t->meta = realloc(t->meta, (size_t)(t->nmeta + 1) * 2 * sizeof t->meta[0]);
        if (!t->meta)
            abort();
        t->meta[2 * t->nmeta] = key;
        t->meta[2 * t->nmeta++ + 1] = value;
    }
    return EXIT_FINE;
}

static int tensor_shape(Json *j, const char *name, Array *a)
{
    int max = (int)(sizeof a->shape / sizeof a->shape[0]);
    if (!json_take(j, '['))
        return tensor_error(j, name, "has a shape that is no list of sizes");
    while (!json_take(j, ']')) {
        if ((a->rank && !json_take(j, ',')) || a->rank == max || !json_size(j, &a->shape[a->rank]))
            return tensor_error(j, name, "has a shape that is no list of sizes (at most 16)");
        a->rank++;
    }
    return EXIT_FINE;
}

static int tensor_dtype(Json *j, const char *name, Array *a)
{
    char *text = json_string(j);
    int code = EXIT_FINE, i = 0;
    while (text && i < TENSOR_TYPES && strcmp(text, tensor_types[i].name))
        i++;
    if (!text)
        code = tensor_error(j, name, "has a dtype that is no text");
    else if (i == TENSOR_TYPES)
        code = err_set(j->err, EXIT_BAD_DATA, "%s: error: tensor '%s' has dtype '%s', which is not supported", j->path, name, text);
    else
        a->type = tensor_types[i].type;
    free(text);
    return code;
}

static int tensor_entry(Json *j, const char *name, Array *a, Span *span)
{
    int seen = 0;
    if (!json_take(j, '{'))
        return tensor_error(j, name, "is no object in the header");
    while (!json_take(j, '}')) {
        char *key = !seen || json_take(j, ',') ? json_string(j) : NULL;
        bool colon = key && json_take(j, ':');
        int bit = !colon ? 0 : !strcmp(key, "dtype") ? 1 : !strcmp(key, "shape") ? 2 : !strcmp(key, "data_offsets") ? 4 : 0;
        free(key);
        if (!bit || (seen & bit))
            return tensor_error(j, name, bit ? "has a key twice" : "has something else than dtype, shape and data_offsets");
        seen |= bit;
        int code = bit == 1 ? tensor_dtype(j, name, a) : bit == 2 ? tensor_shape(j, name, a) : EXIT_FINE;
        if (code)
            return code;
        if (bit == 4 && !(json_take(j, '[') && json_size(j, &span->begin) && json_take(j, ',') &&
                          json_size(j, &span->end) && json_take(j, ']')))
            return tensor_error(j, name, "has data_offsets that are no pair of sizes");
    }
    return seen == 7 ? EXIT_FINE : tensor_error(j, name, "lacks one of dtype, shape and data_offsets");
}

static int header_entries(Json *j, Tensors *t, Span **spans)
{
    int room = 0;
    if (!json_take(j, '{'))
        return tensors_error(j, "the header is no JSON object");
    for (bool first = true; !json_take(j, '}'); first = false) {
        char *name = first || json_take(j, ',') ? json_string(j) : NULL;
        if (!name || !json_take(j, ':')) {
            free(name);
            return tensors_error(j, "the header is malformed");
        }
        if (!strcmp(name, "__metadata__")) {
            free(name);
            int code = header_metadata(j, t);
            if (code)
                return code;
            continue;
        }
        if (t->n == room) {
            room = 2 * room + 16;
            t->tensor = realloc(t->tensor, (size_t)room * sizeof t->tensor[0]);
            *spans = realloc(*spans, (size_t)room * sizeof(Span));
            if (!t->tensor || !*spans)
                abort();
        }
        t->tensor[t->n] = (Tensor){ .name = name };
        int at = t->n++;
        int code = tensor_entry(j, name, &t->tensor[at].array, &(*spans)[at]);
        if (code)
            return code;
    }
    json_blanks(j);
    return j->s == j->end ? EXIT_FINE : tensors_error(j, "text after the JSON object of the header");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first name that stands twice, or NULL. Sorted: a header of 100 MB may hold a million. */
static const char *repeated(char *const *names, int n, int step)
{
    const char **sorted = rt_alloc((size_t)n * sizeof *sorted), *found = NULL;
    for (int i = 0; i < n; i++)
        sorted[i] = names[i * step];
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int i = 1; i < n && !found; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            found = sorted[i];
    free(sorted);
    return found;
}

static int refuse_repeated(const Json *j, const Tensors *t)
{
    char **names = rt_alloc((size_t)t->n * sizeof *names);
    for (int i = 0; i < t->n; i++)
        names[i] = t->tensor[i].name;
    const char *twice = repeated(names, t->n, 1);
    free(names);
    if (!twice)
        twice = repeated(t->meta, t->nmeta, 2);
    return twice ? err_set(j->err, EXIT_BAD_DATA, "%s: error: the header has '%s' twice", j->path, twice) : EXIT_FINE;
}

typedef struct { Span span; int tensor; } Placed;

static int by_begin(const void *a, const void *b)
{
    const Span *x = &((const Placed *)a)->span, *y = &((const Placed *)b)->span;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;      /* an empty tensor may share its place */
}

static int check_span(const Json *j, const Tensor *t, Span s)
{
    int64_t bytes = (int64_t)dtype_size(t->array.type);
    for (int i = 0; i < t->array.rank; i++) {
        if (t->array.shape[i] && bytes > INT64_MAX / t->array.shape[i])
            return tensor_error(j, t->name, "has too many elements");
        bytes *= t->array.shape[i];
    }
    if (s.end < s.begin || s.end - s.begin != bytes)
        return tensor_error(j, t->name, "has data_offsets that do not fit its shape and dtype");
    return EXIT_FINE;
}

/* Tensors in the order of their data, which must cover the rest of the file exactly. */
static int check_layout(const Json *j, const Tensors *t, const Span *spans, int64_t size, Placed *placed)
{
    for (int i = 0; i < t->n; i++) {
        int code = check_span(j, &t->tensor[i], spans[i]);
        if (code)
            return code;
        placed[i] = (Placed){ spans[i], i };
    }
    qsort(placed, (size_t)t->n, sizeof *placed, by_begin);
    int64_t at = 0;
    for (int i = 0; i < t->n; i++) {
        if (placed[i].span.begin != at)
            return tensor_error(j, t->tensor[placed[i].tensor].name, "does not begin where the one before it ends");
        at = placed[i].span.end;
    }
    if (at != size)
        return err_set(j->err, EXIT_BAD_DATA, "%s: error: the file is %s: its header asks for %lld bytes of data, it has %lld",
                       j->path, size < at ? "cut short" : "too long", (long long)at, (long long)size);
    return EXIT_FINE;
}

static int read_data(const Json *j, Tensors *t, const Placed *placed, FILE *f)
{
    for (int i = 0; i < t->n; i++) {
        Array *a = &t->tensor[placed[i].tensor].array;
        size_t bytes = (size_t)(placed[i].span.end - placed[i].span.begin);
        if (!array_reserve(a))
            return tensor_error(j, t->tensor[placed[i].tensor].name, "has too many elements");
        if (bytes && fread(a->data, bytes, 1, f) != 1)
            return err_set(j->err, EXIT_IO, "cannot read '%s'", j->path);
        for (size_t k = 0; a->type == DT_BOOL && k < bytes; k++)
            if (((const uint8_t *)a->data)[k] > 1)
                return tensor_error(j, t->tensor[placed[i].tensor].name, "has a bool that is neither 0 nor 1");
    }
    return EXIT_FINE;
}

static int tensors_parse(Json *j, const char *header, int64_t length, int64_t rest, FILE *f, Tensors *t)
{
    j->s = header;
    j->end = header + length;
    Span *spans = NULL;
    int code = header_entries(j, t, &spans);
    if (!code)
        code = refuse_repeated(j, t);
    if (!code) {
        Placed *placed = rt_alloc((size_t)t->n * sizeof *placed);
        code = check_layout(j, t, spans, rest, placed);
        if (!code)
            code = read_data(j, t, placed, f);
        free(placed);
    }
    free(spans);
    return code;
}

int tensors_read(const char *path, Tensors *t, Err *err)
{
    *t = (Tensors){ .n = 0 };
    Json j = { path, NULL, NULL, err };
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t lead[8];
    uint64_t length = 0;
    int code = EXIT_FINE;
    if (!f || fstat(fileno(f), &st))
        code = err_set(err, EXIT_IO, "cannot read '%s': %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        code = err_set(err, EXIT_IO, "cannot read '%s': it is no regular file", path);
    else if (st.st_size < 8 || fread(lead, 8, 1, f) != 1)
        code = tensors_error(&j, st.st_size ? "this is no safetensors file: it is too short" : "the file is empty");
    if (!code) {
        for (int i = 7; i >= 0; i--)
            length = length << 8 | lead[i];
        if (length > (uint64_t)st.st_size - 8 || length > HEADER_MAX)
            code = tensors_error(&j, length > HEADER_MAX ? "this is no safetensors file: its header would be longer than 100 MB"
                                                         : "the file is cut short within its header");
    }
    if (!code) {
        char *header = rt_alloc((size_t)length);
        if (length && fread(header, (size_t)length, 1, f) != 1)
            code = err_set(err, EXIT_IO, "cannot read '%s'", path);
        else
            code = tensors_parse(&j, header, (int64_t)length, st.st_size - 8 - (int64_t)length, f, t);
        free(header);
    }
    if (f)
        fclose(f);
    if (code)
        tensors_free(t);
    return code;
}

/* ---- writing ---- */

static void put_entry(FILE *f, const Tensor *t, int64_t begin, int64_t end)
{
    int i = 0;
    while (tensor_types[i].type != t->array.type)
        i++;
    json_put(f, t->name);
    fprintf(f, ":{\"dtype\":\"%s\",\"shape\":[", tensor_types[i].name);
    for (int k = 0; k < t->array.rank; k++)
        fprintf(f, k ? ",%lld" : "%lld", (long long)t->array.shape[k]);
    fprintf(f, "],\"data_offsets\":[%lld,%lld]}", (long long)begin, (long long)end);
}

static char *write_header(const Tensors *t, const int *order, size_t *length)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, length);
    if (!f)
        abort();
    putc('{', f);
    if (t->nmeta) {
        fputs("\"__metadata__\":{", f);
        for (int i = 0; i < t->nmeta; i++) {
            fputs(i ? "," : "", f);
            json_put(f, t->meta[2 * i]);
            putc(':', f);
            json_put(f, t->meta[2 * i + 1]);
        }
        putc('}', f);
    }
    int64_t at = 0;
    for (int i = 0; i < t->n; i++) {
        const Tensor *one = &t->tensor[order[i]];
        int64_t bytes = array_count(&one->array) * (int64_t)dtype_size(one->array.type);
        fputs(i || t->nmeta ? "," : "", f);
        put_entry(f, one, at, at + bytes);
        at += bytes;
    }
    putc('}', f);
    fflush(f);
    while (*length % 8) {
        putc(' ', f);
        fflush(f);
    }
    fclose(f);
    return text;
}

int tensors_write(const char *path, const Tensors *t, Err *err)
{
    Output out;
    int code = output_open(&out, path, err), n = 0;
    if (code)
        return code;
    int *order = rt_alloc((size_t)t->n * sizeof *order);
    for (size_t size = 8; size; size /= 2)
        for (int i = 0; i < t->n; i++)
            if (dtype_size(t->tensor[i].array.type) == size)
                order[n++] = i;
    size_t length;
    char *header = write_header(t, order, &length);
    for (int i = 0; i < 8; i++)
        putc((int)((uint64_t)length >> (8 * i) & 255), out.f);
    fwrite(header, 1, length, out.f);
    for (int i = 0; i < n; i++) {
        const Array *a = &t->tensor[order[i]].array;
        fwrite(a->data, dtype_size(a->type), (size_t)array_count(a), out.f);
    }
    free(header);
    free(order);
    return output_close(&out, err);
}

/* ---- in memory ---- */

const Tensor *tensors_find(const Tensors *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->tensor[i].name, name))
            return &t->tensor[i];
    return NULL;
}

const char *tensors_meta(const Tensors *t, const char *key)
{
    for (int i = 0; i < t->nmeta; i++)
        if (!strcmp(t->meta[2 * i], key))
            return t->meta[2 * i + 1];
    return NULL;
}

int tensors_add(Tensors *t, const char *name, Array a)
{
    t->tensor = realloc(t->tensor, (size_t)(t->n + 1) * sizeof t->tensor[0]);
    char *copy = strdup(name);
    if (!t->tensor || !copy)
        abort();
    t->tensor[t->n++] = (Tensor){ copy, a };
    return EXIT_FINE;
}

void tensors_note(Tensors *t, const char *key, const char *value)
{
    t->meta = realloc(t->meta, (size_t)(t->nmeta + 1) * 2 * sizeof t->meta[0]);
    char *k = strdup(key), *v = strdup(value);
    if (!t->meta || !k || !v)
        abort();
    t->meta[2 * t->nmeta] = k;
    t->meta[2 * t->nmeta++ + 1] = v;
}

void tensors_free(Tensors *t)
{
    for (int i = 0; i < t->n; i++) {
        free(t->tensor[i].name);
        array_free(&t->tensor[i].array);
    }
    for (int i = 0; i < 2 * t->nmeta; i++)
        free(t->meta[i]);
    free(t->tensor);
    free(t->meta);
    *t = (Tensors){ .n = 0 };
}
