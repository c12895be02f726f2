/* check_runtime_files.c: files in and out: messages, whole-file output, NPY and NPZ, safetensors, tables, labels.
 *
 * Files are written from tables of texts; hostile ones are cut at every length and flipped at every byte. */
#include "runtime_help.h"

/* ---- err.c ---- */

START_TEST(utf8_lengths)
{
    static const struct { const char *text; int length; } rows[] = {
        { "a", 1 }, { "\303\251", 2 }, { "\342\202\254", 3 }, { "\360\237\230\200", 4 }, { "\351t", 0 }, { "\303", 0 },
        { "\300\200", 0 }, { "\340\237\277", 0 }, { "\355\240\200", 0 }, { "\360\217\277\277", 0 }, { "\364\220\200\200", 0 },
    };
    ck_assert_int_eq(utf8_length(rows[_i].text), rows[_i].length);
}
END_TEST

START_TEST(nearest_names)
{
    static const char *const words[] = { "epochs", "lr", "optimizer", "species" };
    static const struct { const char *word, *want; } rows[] = {
        { "epoch", "epochs" }, { "optimiser", "optimizer" }, { "speceis", "species" }, { "rl", "lr" }, { "zebra", NULL },
    };
    const char *got = nearest(rows[_i].word, words, COUNT(words));
    ck_assert_pstr_eq(got, rows[_i].want);
}
END_TEST

/* ---- write.c ---- */

START_TEST(output_is_whole_or_absent)
{
    Output o;
    Err err;
    put_text("f", "old");
    ck_assert_int_eq(output_open(&o, "f", &err), EXIT_FINE);
    fputs("half", o.f);
    output_abandon(&o);
    char *text;
    size_t size;
    ck_assert_int_eq(file_read("f", &text, &size, &err), EXIT_FINE);
    ck_assert_str_eq(text, "old");
    free(text);
    ck_assert_int_ne(access(o.temporary, F_OK), 0);

    umask(022);
    ck_assert_int_eq(output_open(&o, "f", &err), EXIT_FINE);
    fputs("new", o.f);
    ck_assert_int_eq(output_close(&o, &err), EXIT_FINE);
    ck_assert_int_eq(file_read("f", &text, &size, &err), EXIT_FINE);
    ck_assert_str_eq(text, "new");
    free(text);
    struct stat st;
    ck_assert_int_eq(stat("f", &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0644);

    ck_assert_int_eq(symlink("f", "link"), 0);
    ck_assert_int_eq(output_open(&o, "link", &err), EXIT_FINE);
    fputs("through", o.f);
    ck_assert_int_eq(output_close(&o, &err), EXIT_FINE);
    ck_assert_int_eq(file_read("f", &text, &size, &err), EXIT_FINE);
    ck_assert_str_eq(text, "through");
    free(text);
    ck_assert_int_eq(output_open(&o, "no/such/f", &err), EXIT_IO);
    ck_assert_str_eq(err.text, "cannot write 'no/such/f': No such file or directory");
    ck_assert_int_eq(output_open(&o, "/dev/full", &err), EXIT_FINE);
    fputs("x", o.f);
    ck_assert_int_eq(output_close(&o, &err), EXIT_IO);
    ck_assert_str_eq(err.text, "cannot write '/dev/full': No space left on device");
}
END_TEST

/* ---- npy.c ---- */

static void same_array(const Array *a, const Array *b)
{
    ck_assert_int_eq(a->type, b->type);
    ck_assert_int_eq(a->rank, b->rank);
    for (int i = 0; i < a->rank; i++)
        ck_assert_int_eq(a->shape[i], b->shape[i]);
    ck_assert_int_eq(memcmp(a->data, b->data, (size_t)array_count(a) * dtype_size(a->type)), 0);
}

static const int64_t shapes[][4] = { { 1 }, { 5 }, { 3, 4 }, { 2, 3, 1, 4 } };
static const int ranks[] = { 0, 1, 2, 4 };

START_TEST(npy_round_trip)
{
    DType type = (DType)(_i / 4);
    Array a = filled(type, ranks[_i % 4], shapes[_i % 4]), b;
    Err err;
    ck_assert_int_eq(npy_write("a.npy", &a, &err), EXIT_FINE);
    ck_assert_msg(npy_read("a.npy", &b, &err) == EXIT_FINE, "%s", err.text);
    same_array(&a, &b);
    array_free(&a);
    array_free(&b);
}
END_TEST

START_TEST(npy_cut_short)
{
    Array a = filled(DT_F64, 2, shapes[2]), b;
    Err err;
    char *bytes;
    size_t size;
    ck_assert_int_eq(npy_write("a.npy", &a, &err), EXIT_FINE);
    ck_assert_int_eq(file_read("a.npy", &bytes, &size, &err), EXIT_FINE);
    for (size_t n = 0; n < size; n++) {
        put("cut.npy", bytes, n);
        ck_assert_msg(npy_read("cut.npy", &b, &err) == EXIT_BAD_DATA, "accepted at %zu of %zu bytes", n, size);
        ck_assert_int_eq(strncmp(err.text, "cut.npy: error: ", 16), 0);
    }
    bytes[size] = 0;
    put("long.npy", bytes, size + 1);
    ck_assert_int_eq(npy_read("long.npy", &b, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "long.npy: error: the file is too long: its header asks for 96 bytes of elements, it has 97");
    free(bytes);
    array_free(&a);
}
END_TEST

static void put_npy(const char *path, const char *header, int version, const void *data, size_t n)
{
    char bytes[1024] = "\x93NUMPY";
    size_t length = strlen(header), skip = version > 1 ? 12 : 10;
    bytes[6] = (char)version;
    bytes[8] = (char)length;
    memcpy(bytes + skip, header, length);
    memcpy(bytes + skip + length, data, n);
    put(path, bytes, skip + length + n);
}

static const struct { const char *header, *want; } npy_headers[] = {
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", NULL },
    { "{\"shape\": (2,), 'fortran_order':False,'descr': '<i4'} \n", NULL },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (2), }", "the shape in the NPY header is no tuple of sizes (at most 16)" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (-2,), }", "the shape in the NPY header is no tuple of sizes (at most 16)" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (0x2,), }", "the shape in the NPY header is no tuple of sizes (at most 16)" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (02,), }", "the shape in the NPY header is no tuple of sizes (at most 16)" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
      "the shape in the NPY header is no tuple of sizes (at most 16)" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
      "the shape in the NPY header has too many elements" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2), }",
      "the shape in the NPY header is no tuple of sizes (at most 16)" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }",
      "the file is cut short: its header asks for 12 bytes of elements, it has 8" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (0,), }",
      "the file is too long: its header asks for 0 bytes of elements, it has 8" },
    { "{'descr': '<i4', 'fortran_order': 0, 'shape': (2,), }", "fortran_order in the NPY header is neither True nor False" },
    { "{'descr': '<c16', 'fortran_order': False, 'shape': (2,), }",
      "elements of type '<c16' are not supported: save as float64, float32, an integer type or bool" },
    { "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,), }",
      "the element type in the NPY header is no name of a simple type" },
    { "{'descr': '|b1', 'fortran_order': False, 'shape': (8,), }", "a bool is neither 0 nor 1" },
    { "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }", "an integer is too large for 64 bits with sign" },
    { "{'descr': '<i4', 'shape': (2,), }", "the NPY header lacks one of descr, fortran_order, shape" },
    { "{'descr': '<i4', 'descr': '<i4', 'shape': (2,), }", "the NPY header has a second key 'descr'" },
    { "{'descr': '<i4', 'colour': 'red', 'shape': (2,), }", "the NPY header has an unknown key 'colour'" },
    { "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), } x", "text after the dict of the NPY header" },
    { "['descr']", "the NPY header is no dict" },
};

START_TEST(npy_header)
{
    static const unsigned char data[8] = { 2, 0, 0, 0, 0, 0, 0, 0x80 };
    Array a;
    Err err;
    for (int version = 1; version <= 3; version++) {
        put_npy("a.npy", npy_headers[_i].header, version, data, 8);
        int code = npy_read("a.npy", &a, &err);
        if (npy_headers[_i].want) {
            ck_assert_int_eq(code, EXIT_BAD_DATA);
            ck_assert_str_eq(err.text + strlen("a.npy: error: "), npy_headers[_i].want);
        } else {
            ck_assert_msg(!code, "%s", err.text);
            ck_assert_int_eq(array_get_int(&a, 0), 2);
            array_free(&a);
        }
    }
}
END_TEST

START_TEST(npy_orders)
{
    static const unsigned char fortran[] = { 0, 2, 4, 1, 3, 5 }, big[] = { 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0 };
    Array a;
    Err err;
    put_npy("f.npy", "{'descr': '|u1', 'fortran_order': True, 'shape': (3, 2), }", 1, fortran, 6);
    ck_assert_int_eq(npy_read("f.npy", &a, &err), EXIT_FINE);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(array_get_int(&a, i), i);
    array_free(&a);
    put_npy("b.npy", "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 2, big, 8);
    ck_assert_int_eq(npy_read("b.npy", &a, &err), EXIT_FINE);
    ck_assert_double_eq(array_get(&a, 0), 1);
    ck_assert_double_eq(array_get(&a, 1), -2);
    array_free(&a);
    put_npy("v.npy", "{}", 4, big, 8);
    ck_assert_int_eq(npy_read("v.npy", &a, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "v.npy: error: NPY version 4.0 is not supported: 1.0 to 3.0 are");
    ck_assert_int_eq(npy_read("none.npy", &a, &err), EXIT_IO);
    ck_assert_str_eq(err.text, "cannot read 'none.npy': No such file or directory");
    ck_assert_int_eq(npy_read(".", &a, &err), EXIT_IO);
    ck_assert_str_eq(err.text, "cannot read '.': it is no regular file");
}
END_TEST

/* ---- NPZ: an archive of one member, built by hand ---- */

static void low(unsigned char *p, size_t v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

static size_t crc32_of(const unsigned char *p, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

static size_t make_npz(unsigned char *z, const char *name, const void *member, size_t size, int method)
{
    size_t length = strlen(name), at = 0, directory;
    memset(z, 0, 30 + 46 + 22);
    memcpy(z, "PK\3\4", 4);
    low(z + 8, (size_t)method, 2);
    low(z + 26, length, 2);
    memcpy(z + 30, name, length);
    memcpy(z + 30 + length, member, size);
    directory = at = 30 + length + size;
    memset(z + at, 0, 46 + 22 + length);
    memcpy(z + at, "PK\1\2", 4);
    low(z + at + 10, (size_t)method, 2);
    low(z + at + 16, crc32_of(member, size), 4);
    low(z + at + 20, size, 4);
    low(z + at + 24, size, 4);
    low(z + at + 28, length, 2);
    memcpy(z + at + 46, name, length);
    at += 46 + length;
    memcpy(z + at, "PK\5\6", 4);
    low(z + at + 8, 1, 2);
    low(z + at + 10, 1, 2);
    low(z + at + 12, at - directory, 4);
    low(z + at + 16, directory, 4);
    return at + 22;
}

START_TEST(npz_members)
{
    unsigned char z[2048];
    Array a = filled(DT_F64, 1, shapes[1]), b;
    Err err;
    char *bytes;
    size_t size;
    ck_assert_int_eq(npy_write("a.npy", &a, &err), EXIT_FINE);
    ck_assert_int_eq(file_read("a.npy", &bytes, &size, &err), EXIT_FINE);
    size_t n = make_npz(z, "X.npy", bytes, size, 0);
    put("a.npz", z, n);
    ck_assert_msg(npy_read("a.npz#X", &b, &err) == EXIT_FINE, "%s", err.text);
    same_array(&a, &b);
    array_free(&b);
    ck_assert_int_eq(npy_read("a.npz#Y", &b, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "a.npz#Y: error: the archive has no member 'Y'");
    bool lacks;
    ck_assert(npz_read("a.npz#Y", &b, &lacks, &err) == EXIT_BAD_DATA && lacks);
    for (size_t i = 0; i < n; i++) {
        put("cut.npz", z, i);
        ck_assert_msg(npz_read("cut.npz#X", &b, &lacks, &err) == EXIT_BAD_DATA, "accepted at %zu of %zu", i, n);
        ck_assert_msg(!lacks, "damaged at %zu, and taken for lacking", i);
    }
    for (size_t i = 0; i < n; i++) {        /* any byte: never a crash */
        z[i] ^= 0xff;
        put("flip.npz", z, n);
        if (!npy_read("flip.npz#X", &b, &err)) {
            ck_assert_msg(i < 35 || i >= 35 + size, "byte %zu of the member was not missed", i);
            array_free(&b);
        }
        z[i] ^= 0xff;
    }
    put("d.npz", z, make_npz(z, "X.npy", bytes, size, 8));
    ck_assert_int_eq(npy_read("d.npz#X", &b, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "d.npz#X: error: this member is compressed: save it with numpy.savez, not savez_compressed");
    free(bytes);
    array_free(&a);
}
END_TEST

/* ---- safetensors.c ---- */

START_TEST(tensors_round_trip)
{
    Tensors t = { .n = 0 }, back;
    Err err;
    tensors_add(&t, "f", filled(DT_F32, 1, shapes[1]));
    tensors_add(&t, "a \"name\"\n\xc3\xa9", filled(DT_F64, 2, shapes[2]));
    tensors_add(&t, "b", filled(DT_BOOL, 0, shapes[0]));
    tensors_add(&t, "i", filled(DT_I64, 4, shapes[3]));
    tensors_note(&t, "adc.labels.c", "[\"a\", \"b\\\\\"]");
    tensors_note(&t, "plain", "");
    ck_assert_int_eq(tensors_write("t.safetensors", &t, &err), EXIT_FINE);
    ck_assert_msg(tensors_read("t.safetensors", &back, &err) == EXIT_FINE, "%s", err.text);
    ck_assert_int_eq(back.n, t.n);
    for (int i = 0; i < t.n; i++) {
        const Tensor *one = tensors_find(&back, t.tensor[i].name);
        ck_assert_ptr_nonnull(one);
        same_array(&one->array, &t.tensor[i].array);
    }
    ck_assert_str_eq(tensors_meta(&back, "adc.labels.c"), "[\"a\", \"b\\\\\"]");
    ck_assert_str_eq(tensors_meta(&back, "plain"), "");
    ck_assert_ptr_null(tensors_meta(&back, "none"));
    tensors_free(&back);

    char *bytes;
    size_t size;
    ck_assert_int_eq(file_read("t.safetensors", &bytes, &size, &err), EXIT_FINE);
    for (size_t n = 0; n < size; n++) {
        put("cut", bytes, n);
        ck_assert_msg(tensors_read("cut", &back, &err) == EXIT_BAD_DATA, "accepted at %zu of %zu", n, size);
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)~bytes[i];
        put("flip", bytes, size);
        if (!tensors_read("flip", &back, &err))
            tensors_free(&back);
        bytes[i] = (char)~bytes[i];
    }
    free(bytes);
    tensors_free(&t);
}
END_TEST

static const struct { const char *header; size_t data; const char *want; } tensor_headers[] = {
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL },
    { " { } ", 0, NULL },
    { "{\"a\":{\"shape\":[],\"dtype\":\"U8\",\"data_offsets\":[0,1]},\"e\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[1,1]}}  ", 1, NULL },
    { "{\"\\u0061\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, NULL },
    { "", 0, "the header is no JSON object" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8, "the header is malformed" },
    { "{} x", 0, "text after the JSON object of the header" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "the file is too long: its header asks for 8 bytes of data, it has 9" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has data_offsets that do not fit its shape and dtype" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has a shape that is no list of sizes (at most 16)" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has a shape that is no list of sizes (at most 16)" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has too many elements" },
    { "{\"a\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has dtype 'F16', which is not supported" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "tensor 'a' does not begin where the one before it ends" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
      "tensor 'b' does not begin where the one before it ends" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
      "the header has 'a' twice" },
    { "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "the header has 'k' twice" },
    { "{\"__metadata__\":{\"k\":1}}", 0, "'__metadata__' is no object of texts" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "the header has '__metadata__' twice" },
    { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has a key twice" },
    { "{\"a\":{\"dtype\":\"F32\",\"x\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor 'a' has something else than dtype, shape and data_offsets" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor 'a' lacks one of dtype, shape and data_offsets" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "tensor 'a' has data_offsets that do not fit its shape and dtype" },
    { "{\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "tensor 'a' has a bool that is neither 0 nor 1" },
    { "{\"\\ud83d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "the header is malformed" },
    { "{\"\\u0000\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "the header is malformed" },
};

START_TEST(tensor_header)
{
    unsigned char bytes[1024];
    size_t length = strlen(tensor_headers[_i].header), n = 8 + length + tensor_headers[_i].data;
    memset(bytes, 7, sizeof bytes);
    low(bytes, length, 8);
    memcpy(bytes + 8, tensor_headers[_i].header, length);
    put("t", bytes, n);
    Tensors t;
    Err err;
    int code = tensors_read("t", &t, &err);
    if (tensor_headers[_i].want) {
        ck_assert_int_eq(code, EXIT_BAD_DATA);
        ck_assert_str_eq(err.text + strlen("t: error: "), tensor_headers[_i].want);
    } else {
        ck_assert_msg(!code, "%s", err.text);
        tensors_free(&t);
    }
}
END_TEST

START_TEST(tensor_header_too_long)
{
    unsigned char bytes[16] = { 0 };
    Tensors t;
    Err err;
    low(bytes, 200000000, 8);
    put("t", bytes, 16);
    ck_assert_int_eq(tensors_read("t", &t, &err), EXIT_BAD_DATA);
    memset(bytes, 0xff, 8);
    put("t", bytes, 16);
    ck_assert_int_eq(tensors_read("t", &t, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "t: error: this is no safetensors file: its header would be longer than 100 MB");
}
END_TEST

/* ---- table.c ---- */

START_TEST(numbers)
{
    static const struct { const char *text; int code; double v; } rows[] = {
        { "0", 0, 0 }, { "-0", 0, 0 }, { "1", 0, 1 }, { " 5.1 ", 0, 5.1 }, { "+.5", 0, 0.5 }, { "5.", 0, 5 }, { "-1e-3", 0, -1e-3 },
        { "1E22", 0, 1e22 }, { "123456789012345678901234567890", 0, 123456789012345678901234567890.0 },
        { "0.1", 0, 0.1 }, { "3.14159265358979323846", 0, 3.14159265358979323846 }, { "1e-400", 0, 0 }, { "4.9e-324", 0, 4.9e-324 },
        { "9007199254740993", 0, 9007199254740992.0 }, { "0e99999999999", 0, 0 }, { "1.7976931348623157e308", 0, 1.7976931348623157e308 },
        { "1e309", 2, 0 }, { "", 1, 0 }, { "-", 1, 0 }, { ".", 1, 0 }, { "1e", 1, 0 }, { "1e+", 1, 0 }, { "0x10", 1, 0 },
        { "nan", 1, 0 }, { "inf", 1, 0 }, { "1,5", 1, 0 }, { "1 2", 1, 0 }, { "1.2.3", 1, 0 }, { "1f", 1, 0 }, { "--1", 1, 0 },
    };
    for (int i = 0; i < COUNT(rows); i++) {
        double v = 0;
        int code = text_number(rows[i].text, &v);
        ck_assert_msg(code == rows[i].code, "'%s' gives %d", rows[i].text, code);
        ck_assert_msg(code || v == rows[i].v, "'%s' reads %.17g", rows[i].text, v);
    }
}
END_TEST

/* 1e6 numbers as printed come back as they were, by both ways of decimal() */
START_TEST(numbers_round_trip)
{
    char text[40];
    for (int i = 0; i < 200000; i++) {
        double want = (adrt_uniform(1, 2, 3, i) - 0.5) * pow(10, i % 40 - 20), got;
        snprintf(text, sizeof text, "%.*g", 1 + i % 17, want);
        ck_assert_int_eq(text_number(text, &got), 0);
        ck_assert_msg(got == strtod(text, NULL), "%s", text);
    }
}
END_TEST

static const struct { const char *name, *text, *want; } tables[] = {
    { "t.csv", "a,b\n1,2\n3,4\n", "a|b / 1|2 / 3|4" },
    { "t.csv", "\xEF\xBB\xBF" "a,b\r\n1,2\r\n3,4", "a|b / 1|2 / 3|4" },
    { "t.csv", "1,2\n3,4\n", "/ 1|2 / 3|4" },
    { "t.csv", "1,x\n3,y\n", "/ 1|x / 3|y" },
    { "t.csv", "x\nx\ny\n", "/ x / x / y" },
    { "t.csv", "label\nx\ny\n", "label / x / y" },
    { "t.csv", "nan,\n1,2\n", "/ nan| / 1|2" },
    { "t.csv", "true\nfalse\n", "/ true / false" },
    { "t.csv", "a, b \n\n1,\"2\"\n\n\n", "a|b / 1|2" },
    { "t.csv", "a,b\n\"x, \"\"y\"\"\nz\",2\n,\n", "a|b / x, \"y\"\nz|2 / |" },
    { "t.tsv", "a\tb\n1,5\t2\n", "a|b / 1,5|2" },
    { "t.csv", "", "t.csv: error: the file is empty" },
    { "t.csv", "\n\r\n", "t.csv: error: the file is empty" },
    { "t.csv", "a,b\n", "t.csv: error: the file has a header but no rows" },
    { "t.csv", "a,b\n1,2\n3\n", "t.csv:3:1: error: 1 field, but the first row has 2" },
    { "t.csv", "a,b\n1,2\n\n3,4,5\n", "t.csv:4:1: error: 3 fields, but the first row has 2" },
    { "t.csv", "a,b\n1,2,\n", "t.csv:2:1: error: 3 fields, but the first row has 2" },
    { "t.csv", "a,b\n1,\"2\n3,4\n", "t.csv:2:3: error: this quoted field is never closed" },
    { "t.csv", "a,b\n1,\"2\n\"3\n", "t.csv:3:2: error: text after the closing quote of a field" },
    { "t.csv", "a,b\n1,2\"3\n", "t.csv:2:4: error: a quote within an unquoted field" },
};

START_TEST(table_texts)
{
    put_text(tables[_i].name, tables[_i].text);
    Table t;
    Err err;
    int code = table_read(tables[_i].name, &t, &err);
    char got[1024] = "";
    if (code) {
        ck_assert_int_eq(code, EXIT_BAD_DATA);
        ck_assert_str_eq(err.text, tables[_i].want);
        return;
    }
    for (int i = 0; i < t.ncolumns && t.header; i++) {
        strcat(got, i ? "|" : "");
        strcat(got, t.header[i]);
    }
    for (int64_t k = 0; k < t.nrows * t.ncolumns; k++) {
        strcat(got, k % t.ncolumns ? "|" : got[0] ? " / " : "/ ");
        strcat(got, t.cell[k]);
    }
    ck_assert_str_eq(got, tables[_i].want);
    table_free(&t);
}
END_TEST

START_TEST(table_places)
{
    Table t;
    Err err;
    double v;
    put_text("r.csv", "user,rating\n\"a\nb\",3\nc,abc\n d,1e999\ne,\n");
    ck_assert_int_eq(table_read("r.csv", &t, &err), EXIT_FINE);
    ck_assert_int_eq(table_number(&t, 0, 1, &v, &err), EXIT_FINE);
    ck_assert_double_eq(v, 3);
    ck_assert_int_eq(table_number(&t, 1, 1, &v, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "r.csv:4:3: error: 'abc' is not a number (column \"rating\")");
    ck_assert_int_eq(table_number(&t, 2, 1, &v, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "r.csv:5:4: error: '1e999' is too large for a number (column \"rating\")");
    ck_assert_int_eq(table_number(&t, 3, 1, &v, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "r.csv:6:3: error: an empty cell is no number: fill such cells, or declare the array 'missing' (column \"rating\")");
    ck_assert_int_eq(table_column(&t, "ratign", &err), -1);
    ck_assert_str_eq(err.text, "r.csv:1:1: error: there is no column \"ratign\"; did you mean \"rating\"?");
    ck_assert_int_eq(table_column(&t, "zzz", &err), -1);
    ck_assert_str_eq(err.text, "r.csv:1:1: error: there is no column \"zzz\"; there are user, rating");
    table_free(&t);
    put("z.csv", "a\n1\0\n", 5);
    ck_assert_int_eq(table_read("z.csv", &t, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "z.csv:2:2: error: a zero byte: this is no text file");
    ck_assert_int_eq(table_read("none.csv", &t, &err), EXIT_IO);
    ck_assert_str_eq(err.text, "cannot read 'none.csv': No such file or directory");
    ck_assert_int_eq(table_read(".", &t, &err), EXIT_IO);
    ck_assert_str_eq(err.text, "cannot read '.': Is a directory");
}
END_TEST

START_TEST(idx_and_libsvm)
{
    static const unsigned char idx[] = { 0, 0, 0x0B, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 5, 0xff, 0xfe };
    Array a, y;
    Err err;
    put("a.idx", idx, sizeof idx);
    ck_assert_int_eq(idx_read("a.idx", &a, &err), EXIT_FINE);
    ck_assert_int_eq(array_get_int(&a, 0), 5);
    ck_assert_int_eq(array_get_int(&a, 1), -2);
    array_free(&a);
    for (size_t n = 0; n < sizeof idx; n++) {
        put("a.idx", idx, n);
        ck_assert_int_eq(idx_read("a.idx", &a, &err), EXIT_BAD_DATA);
    }
    put_text("a.svm", "# made up\n1 1:0.5 3:2\n\n0 2:-1 # two\n");
    ck_assert_msg(libsvm_read("a.svm", 0, &a, &y, &err) == EXIT_FINE, "%s", err.text);
    ck_assert_int_eq(a.shape[0], 2);
    ck_assert_int_eq(a.shape[1], 3);
    static const double want[] = { 0.5, 0, 2, 0, -1, 0 };
    ck_assert_int_eq(memcmp(a.data, want, sizeof want), 0);
    ck_assert_double_eq(array_get(&y, 0), 1);
    array_free(&a);
    array_free(&y);
    put_text("a.svm", "1 1:0.5\n1 3:1 2:1\n");
    ck_assert_int_eq(libsvm_read("a.svm", 0, &a, &y, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "a.svm:2:8: error: expected place:value, with places from 1 in ascending order");
}
END_TEST

/* ---- labels.c ---- */

START_TEST(label_maps)
{
    char *texts[] = { "b", "a\"", "c", "b", "a\"", "\xc3\xa9" };
    Labels l = { .dim = 0 }, back = { .dim = 0 };
    labels_from(&l, texts, 6);
    ck_assert_int_eq(l.n, 4);
    ck_assert_int_eq(labels_find(&l, "a\""), 0);
    ck_assert_int_eq(labels_find(&l, "\xc3\xa9"), 3);
    ck_assert_int_eq(labels_find(&l, "bb"), -1);
    char *json = labels_json(&l);
    ck_assert_str_eq(json, "[\"a\\\"\", \"b\", \"c\", \"\xc3\xa9\"]");
    ck_assert_int_eq(labels_parse(&back, json), EXIT_FINE);
    ck_assert_int_eq(back.n, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(back.label[i], l.label[i]);
    labels_free(&back);
    static const char *const bad[] = { "", "[", "[\"a\"", "[\"b\", \"a\"]", "[1]", "[\"a\"]x", "[\"a\" \"b\"]" };
    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_int_eq(labels_parse(&back, bad[i]), EXIT_BAD_DATA);
        labels_free(&back);
    }
    free(json);
    labels_free(&l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("runtime: files");
    TCase *files = group(s, "files");
    tcase_add_loop_test(files, utf8_lengths, 0, 11);
    tcase_add_loop_test(files, nearest_names, 0, 5);
    tcase_add_test(files, output_is_whole_or_absent);
    tcase_add_loop_test(files, npy_round_trip, 0, 40);
    tcase_add_test(files, npy_cut_short);
    tcase_add_loop_test(files, npy_header, 0, COUNT(npy_headers));
    tcase_add_test(files, npy_orders);
    tcase_add_test(files, npz_members);
    tcase_add_test(files, tensors_round_trip);
    tcase_add_loop_test(files, tensor_header, 0, COUNT(tensor_headers));
    tcase_add_test(files, tensor_header_too_long);
    tcase_add_test(files, numbers);
    tcase_add_test(files, numbers_round_trip);
    tcase_add_loop_test(files, table_texts, 0, COUNT(tables));
    tcase_add_test(files, table_places);
    tcase_add_test(files, idx_and_libsvm);
    tcase_add_test(files, label_maps);
    return run_suite(s);
}
