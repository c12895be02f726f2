/* npy.c: NumPy's array files.
 *
 * NPY: a magic, a version, and a Python dict of exactly three keys, as in
 *
 *     {'descr': '<f8', 'fortran_order': False, 'shape': (150, 4), }
 *
 * followed by the elements, up to the last byte of the file. Stricter than NumPy: shapes are plain decimal, sizes are
 * checked against the file before anything is allocated. Arrays in Fortran order are transposed on the way in.
 * NPZ is a zip archive of such files; 'file.npz#member' reads one that is stored, as numpy.savez writes it. */
#include "rt.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "files hold IEEE floats");

enum { NPY_HEADER_MAX = 1 << 20 };

typedef struct {
    const char *path;       /* as the user gave it, with #member */
    FILE *f;
    int64_t at, size;       /* of the array file within f */
    bool lacks;             /* the archive is sound, and has no such member */
    Err *err;
} NpyIn;

typedef struct { const char *s, *end; } NpyText;

static int npy_error(const NpyIn *in, const char *what)
{
    return err_set(in->err, EXIT_BAD_DATA, "%s: error: %s", in->path, what);
}

static bool host_is_big(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 0;
}

void swap_bytes(void *data, size_t size, int64_t n)
{
    uint8_t *p = data;
    for (int64_t i = 0; i < n; i++, p += size)
        for (size_t j = 0; j < size / 2; j++) {
            uint8_t t = p[j];
            p[j] = p[size - 1 - j];
            p[size - 1 - j] = t;
        }
}

/* ---- the header ---- */

static void npy_blanks(NpyText *t)
{
    while (t->s < t->end && (*t->s == ' ' || *t->s == '\n'))
        t->s++;
}

static bool npy_take(NpyText *t, char c)
{
    npy_blanks(t);
    if (t->s == t->end || *t->s != c)
        return false;
    t->s++;
    return true;
}

static bool npy_word(NpyText *t, const char *word)
{
    size_t n = strlen(word);
    npy_blanks(t);
    if ((size_t)(t->end - t->s) < n || memcmp(t->s, word, n))
        return false;
    t->s += n;
    return true;
}

/* 'text' or "text" without escapes, into a small buffer */
static bool npy_quoted(NpyText *t, char *out, size_t room)
{
    npy_blanks(t);
    if (t->s == t->end || (*t->s != '\'' && *t->s != '"'))
        return false;
    char quote = *t->s++;
    size_t n = 0;
    while (t->s < t->end && *t->s != quote) {
        if (n + 1 == room || *t->s == '\\')
            return false;
        out[n++] = *t->s++;
    }
    out[n] = 0;
    return npy_take(t, quote);
}

static bool npy_size(NpyText *t, int64_t *out)
{
    npy_blanks(t);
    const char *from = t->s;
    int64_t v = 0;
    for (; t->s < t->end && *t->s >= '0' && *t->s <= '9'; t->s++) {
        if (v > (INT64_MAX - 9) / 10)
            return false;
        v = 10 * v + (*t->s - '0');
    }
    *out = v;
    return t->s > from && (from[0] != '0' || t->s == from + 1);
}

static bool npy_shape(NpyText *t, Array *a)
{
    int max = (int)(sizeof a->shape / sizeof a->shape[0]);
    if (!npy_take(t, '('))
        return false;
    a->rank = 0;
    while (!npy_take(t, ')')) {
        if (a->rank == max || !npy_size(t, &a->shape[a->rank]))
            return false;
        a->rank++;
        if (npy_take(t, ','))
            continue;
        return a->rank > 1 && npy_take(t, ')');     /* (3) is an int, (3,) a shape */
    }
    return true;
}

/* Python's name of an element type: byte order, kind, size. uint64 is read as int64 and its range checked. */
static bool npy_type(const char *descr, DType *type, bool *swap, bool *u64)
{
    static const struct { const char *name; DType type; } known[] = {
        { "f8", DT_F64 }, { "f4", DT_F32 }, { "i8", DT_I64 }, { "i4", DT_I32 }, { "i2", DT_I16 }, { "i1", DT_I8 },
        { "u1", DT_U8 }, { "u2", DT_U16 }, { "u4", DT_U32 }, { "b1", DT_BOOL }, { "u8", DT_I64 },
    };
    if (!strchr("<>|=", descr[0]) || !descr[0])
        return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(descr + 1, known[i].name)) {
            *type = known[i].type;
            *u64 = i == sizeof known / sizeof known[0] - 1;
            *swap = dtype_size(*type) > 1 && (descr[0] == '>') != host_is_big() && descr[0] != '=';
            return dtype_size(*type) == 1 || descr[0] != '|';
        }
    return false;
}

typedef struct { Array array; bool swap, u64, fortran; } NpyHead;

static int npy_dict(const NpyIn *in, NpyText t, NpyHead *head)
{
    char key[20], descr[20];
    int seen = 0;
    if (!npy_take(&t, '{'))
        return npy_error(in, "the NPY header is no dict");
    while (!npy_take(&t, '}')) {
        if (!npy_quoted(&t, key, sizeof key) || !npy_take(&t, ':'))
            return npy_error(in, "the NPY header is malformed");
        int bit = !strcmp(key, "descr") ? 1 : !strcmp(key, "fortran_order") ? 2 : !strcmp(key, "shape") ? 4 : 0;
        if (!bit || (seen & bit))
            return err_set(in->err, EXIT_BAD_DATA, "%s: error: the NPY header has %s key '%s'", in->path,
                           bit ? "a second" : "an unknown", key);
        seen |= bit;
        if (bit == 1) {
            if (!npy_quoted(&t, descr, sizeof descr))
                return npy_error(in, "the element type in the NPY header is no name of a simple type");
            if (!npy_type(descr, &head->array.type, &head->swap, &head->u64))
                return err_set(in->err, EXIT_BAD_DATA, "%s: error: elements of type '%s' are not supported: save as "
                               "float64, float32, an integer type or bool", in->path, descr);
        } else if (bit == 2) {
            head->fortran = npy_word(&t, "True");
            if (!head->fortran && !npy_word(&t, "False"))
                return npy_error(in, "fortran_order in the NPY header is neither True nor False");
        } else if (!npy_shape(&t, &head->array)) {
            return npy_error(in, "the shape in the NPY header is no tuple of sizes (at most 16)");
        }
        if (!npy_take(&t, ',')) {
            if (!npy_take(&t, '}'))
                return npy_error(in, "the NPY header is malformed");
            break;
        }
    }
    npy_blanks(&t);
    if (seen != 7 || t.s != t.end)
        return npy_error(in, seen == 7 ? "text after the dict of the NPY header"
                                       : "the NPY header lacks one of descr, fortran_order, shape");
    return EXIT_FINE;
}

/* ---- the elements ---- */

static int npy_check(const NpyIn *in, const Array *a, bool u64)
{
    int64_t n = array_count(a);
    if (a->type == DT_BOOL)
        for (int64_t i = 0; i < n; i++)
            if (((const uint8_t *)a->data)[i] > 1)
                return npy_error(in, "a bool is neither 0 nor 1");
    if (u64)
        for (int64_t i = 0; i < n; i++)
            if (((const int64_t *)a->data)[i] < 0)
                return npy_error(in, "an integer is too large for 64 bits with sign");
    return EXIT_FINE;
}

/* Column-major to row-major: walk the output in order, keeping the index of the input. */
static void npy_to_rows(Array *a)
{
    size_t size = dtype_size(a->type);
    int64_t n = array_count(a), stride[16], index[16] = { 0 }, at = 0, step = 1;
    char *out = rt_alloc((size_t)n * size);
    const char *in = a->data;
    for (int i = 0; i < a->rank; i++) {
        stride[i] = step;
        step *= a->shape[i];
    }
    for (int64_t k = 0; k < n; k++) {
        memcpy(out + (size_t)k * size, in + (size_t)at * size, size);
        for (int i = a->rank - 1; i >= 0; i--) {
            at += stride[i];
            if (++index[i] < a->shape[i])
                break;
            at -= stride[i] * a->shape[i];
            index[i] = 0;
        }
    }
    free(a->data);
    a->data = out;
}

static int npy_elements(const NpyIn *in, int64_t room, NpyHead *head)
{
    Array *a = &head->array;
    int64_t bytes = (int64_t)dtype_size(a->type);
    bool none = false;
    for (int i = 0; i < a->rank; i++)
        none = none || a->shape[i] == 0;
    for (int i = 0; i < a->rank && !none; i++) {
        if (bytes > INT64_MAX / a->shape[i])
            return npy_error(in, "the shape in the NPY header has too many elements");
        bytes *= a->shape[i];
    }
    if (none)
        bytes = 0;
    if (bytes != room)
        return err_set(in->err, EXIT_BAD_DATA, "%s: error: the file is %s: its header asks for %lld bytes of elements, "
                       "it has %lld", in->path, room < bytes ? "cut short" : "too long", (long long)bytes, (long long)room);
    if (!array_reserve(a))
        return npy_error(in, "the shape in the NPY header has too many elements");
    int64_t n = none ? 0 : array_count(a);
    if (bytes && fread(a->data, (size_t)bytes, 1, in->f) != 1) {
        array_free(a);
        return err_set(in->err, EXIT_IO, "cannot read '%s': %s", in->path, ferror(in->f) ? strerror(errno) : "it became shorter");
    }
    if (head->swap)
        swap_bytes(a->data, dtype_size(a->type), n);
    int code = npy_check(in, a, head->u64);
    if (code)
        array_free(a);
    else if (head->fortran && a->rank > 1 && n)
        npy_to_rows(a);
    return code;
}

static int npy_body(const NpyIn *in, Array *out)
{
    uint8_t lead[12];
    size_t skip = 10;
    if (in->size < 10 || fread(lead, 10, 1, in->f) != 1 || memcmp(lead, "\x93NUMPY", 6))
        return npy_error(in, in->size ? "this is no NPY file" : "the file is empty");
    if (lead[6] < 1 || lead[6] > 3 || lead[7])
        return err_set(in->err, EXIT_BAD_DATA, "%s: error: NPY version %d.%d is not supported: 1.0 to 3.0 are",
                       in->path, lead[6], lead[7]);
    uint32_t length = lead[8] | (uint32_t)lead[9] << 8;
    if (lead[6] > 1) {
        skip = 12;
        if (in->size < 12 || fread(lead + 10, 2, 1, in->f) != 1)
            return npy_error(in, "the file is cut short within its header");
        length |= (uint32_t)lead[10] << 16 | (uint32_t)lead[11] << 24;
    }
    int64_t room = in->size - (int64_t)skip - (int64_t)length;
    if (room < 0)
        return npy_error(in, "the file is cut short within its header");
    if (length > NPY_HEADER_MAX)
        return npy_error(in, "the NPY header is longer than 1 MiB");
    char *text = rt_alloc(length);
    NpyHead head = { .array = { .owned = false } };
    int code = EXIT_FINE;
    if (length && fread(text, length, 1, in->f) != 1)
        code = err_set(in->err, EXIT_IO, "cannot read '%s'", in->path);
    if (!code)
        code = npy_dict(in, (NpyText){ text, text + length }, &head);
    if (!code)
        code = npy_elements(in, room, &head);
    free(text);
    if (!code)
        *out = head.array;
    return code;
}

/* ---- NPZ: the zip directory at the end of the file names the members ---- */

static uint32_t zip_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t zip_u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

/* The last bytes of the file, up to 64 KiB of archive comment included, hold the end record 'PK 5 6'. */
static const uint8_t *zip_end(const uint8_t *tail, int64_t n)
{
    for (int64_t i = n - 22; i >= 0; i--)
        if (!memcmp(tail + i, "PK\5\6", 4) && (int64_t)zip_u16(tail + i + 20) == n - i - 22)
            return tail + i;
    return NULL;
}

/* CRC-32, four bits at a time, of the n bytes that come next in the file. */
static uint32_t zip_crc(FILE *f, int64_t n)
{
    uint32_t crc = UINT32_MAX, table[16];
    uint8_t bytes[1 << 14];
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int k = 0; k < 4; k++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320 : 0);
    }
    while (n > 0) {
        size_t got = fread(bytes, 1, n < (int64_t)sizeof bytes ? (size_t)n : sizeof bytes, f);
        for (size_t i = 0; i < got; i++) {
            crc ^= bytes[i];
            crc = crc >> 4 ^ table[crc & 15];
            crc = crc >> 4 ^ table[crc & 15];
        }
        n = got ? n - (int64_t)got : 0;
    }
    return ~crc;
}

static int zip_member(NpyIn *in, const uint8_t *entry)
{
    uint8_t local[30];
    int64_t stored = zip_u32(entry + 20), size = zip_u32(entry + 24), at = zip_u32(entry + 42);
    if (zip_u16(entry + 10) != 0)
        return npy_error(in, "this member is compressed: save it with numpy.savez, not savez_compressed");
    if (stored != size || size == UINT32_MAX || at == UINT32_MAX)
        return npy_error(in, "archives above 4 GB are not supported: save this array as .npy");
    if (fseek(in->f, (long)at, SEEK_SET) || fread(local, 30, 1, in->f) != 1 || memcmp(local, "PK\3\4", 4))
        return npy_error(in, "the archive is damaged");
    int64_t start = at + 30 + zip_u16(local + 26) + zip_u16(local + 28);
    if (start + size > in->size || fseek(in->f, (long)start, SEEK_SET))
        return npy_error(in, "the archive is cut short");
    if (zip_crc(in->f, size) != zip_u32(entry + 16) || fseek(in->f, (long)start, SEEK_SET))
        return npy_error(in, "this member is damaged: its checksum does not fit");
    in->at = start;
    in->size = size;
    return EXIT_FINE;
}

static int zip_search(NpyIn *in, const uint8_t *directory, uint32_t length, uint32_t entries, const char *member)
{
    size_t want = strlen(member);
    uint32_t at = 0;
    for (uint32_t i = 0; i < entries; i++) {
        const uint8_t *e = directory + at;
        if (length - at < 46 || memcmp(e, "PK\1\2", 4))
            return npy_error(in, "the archive is damaged");
        uint32_t name = zip_u16(e + 28), rest = zip_u16(e + 30) + zip_u16(e + 32);
        if (length - at - 46 < name + rest)
            return npy_error(in, "the archive is damaged");
        bool plain = name == want && !memcmp(e + 46, member, want);
        if (plain || (name == want + 4 && !memcmp(e + 46, member, want) && !memcmp(e + 46 + want, ".npy", 4)))
            return zip_member(in, e);
        at += 46 + name + rest;
    }
    in->lacks = true;
    return err_set(in->err, EXIT_BAD_DATA, "%s: error: the archive has no member '%s'", in->path, member);
}

static int zip_find(NpyIn *in, const char *member)
{
    int64_t tail = in->size < 65557 ? in->size : 65557;
    uint8_t *text = rt_alloc((size_t)tail), *directory = NULL;
    int code = EXIT_FINE;
    const uint8_t *end = NULL;
    if (fseek(in->f, (long)(in->size - tail), SEEK_SET) || (tail && fread(text, (size_t)tail, 1, in->f) != 1))
        code = err_set(in->err, EXIT_IO, "cannot read '%s'", in->path);
    else if (!(end = zip_end(text, tail)))
        code = npy_error(in, "this is no NPZ archive");
    if (!code) {
        uint32_t length = zip_u32(end + 12), at = zip_u32(end + 16);
        if ((int64_t)at + length > in->size) {
            code = npy_error(in, "the archive is damaged");
        } else {
            directory = rt_alloc(length);
            if (fseek(in->f, (long)at, SEEK_SET) || (length && fread(directory, length, 1, in->f) != 1))
                code = err_set(in->err, EXIT_IO, "cannot read '%s'", in->path);
            else
                code = zip_search(in, directory, length, zip_u16(end + 10), member);
        }
    }
    free(directory);
    free(text);
    return code;
}

/* ---- */

int npz_read(const char *path, Array *out, bool *lacks, Err *err)
{
    *out = (Array){ .owned = false };
    const char *hash = strstr(path, ".npz#");
    char *file = hash ? strndup(path, (size_t)(hash - path) + 4) : strdup(path);
    NpyIn in = { .path = path, .f = file ? fopen(file, "rb") : NULL, .err = err };
    struct stat st;
    int code = EXIT_FINE;
    if (!in.f || fstat(fileno(in.f), &st))
        code = err_set(err, EXIT_IO, "cannot read '%s': %s", file ? file : path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        code = err_set(err, EXIT_IO, "cannot read '%s': it is no regular file", file);
    if (!code) {
        in.size = st.st_size;
        if (hash)
            code = zip_find(&in, hash + 5);
        if (!code)
            code = npy_body(&in, out);
    }
    if (in.f)
        fclose(in.f);
    free(file);
    *lacks = in.lacks;
    return code;
}

int npy_read(const char *path, Array *out, Err *err)
{
    bool lacks;
    return npz_read(path, out, &lacks, err);
}

static const char *npy_descr(DType type)
{
    switch (type) {
    case DT_F64: return "f8";
    case DT_F32: return "f4";
    case DT_I64: return "i8";
    case DT_I32: return "i4";
    case DT_I16: return "i2";
    case DT_I8:  return "i1";
    case DT_U8:  return "u1";
    case DT_U16: return "u2";
    case DT_U32: return "u4";
    case DT_BOOL: return "b1";
    }
    return "";
}

int npy_write(const char *path, const Array *a, Err *err)
{
    char head[640], shape[400] = "";
    size_t size = dtype_size(a->type), at = 0;
    for (int i = 0; i < a->rank; i++)
        at += (size_t)snprintf(shape + at, sizeof shape - at, i ? ", %lld" : "%lld", (long long)a->shape[i]);
    int n = snprintf(head, sizeof head, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s%s), }",
                     size == 1 ? '|' : host_is_big() ? '>' : '<', npy_descr(a->type), shape, a->rank == 1 ? "," : "");
    int whole = (10 + n + 1 + 63) / 64 * 64 - 10;       /* elements begin at a multiple of 64 */
    memset(head + n, ' ', (size_t)(whole - n));
    head[whole - 1] = '\n';
    const char lead[10] = { '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(whole & 255), (char)(whole >> 8) };
    Output out;
    int code = output_open(&out, path, err);
    if (code)
        return code;
    fwrite(lead, 1, sizeof lead, out.f);
    fwrite(head, 1, (size_t)whole, out.f);
    fwrite(a->data, size, (size_t)array_count(a), out.f);
    return output_close(&out, err);
}
