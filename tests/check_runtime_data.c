/* check_runtime_data.c: data sets: where arrays come from, how dims and labels are bound, preparation, batches.
 *
 * A model is a few tables here, as adc emits them; a case is a file, a command line and the whole message. */
#include "runtime_help.h"

/* ---- dataset.c, fetch.c, bind.c ---- */

enum { DIM_N, DIM_F, DIM_C, DIM_K, DIM_T };

static void iris_derive(int64_t *dims)
{
    dims[DIM_T] = dims[DIM_N] - 1;
}

static const int axes_nf[] = { DIM_N, DIM_F }, axes_n[] = { DIM_N }, axes_k[] = { DIM_K }, axes_t[] = { DIM_T };
static const char *const species[] = { "species" };

/* dim n batch, f, c, k = 3; X[n, f] : scaled from columns 0:2; y[n] : index(c) from column "species" */
static const AdDim iris_dims[] = {
    { "n", AD_DIM_DATA, 0, 1, 1 }, { "f", AD_DIM_DATA, 0, 0, 1 }, { "c", AD_DIM_IDS, 0, 0, 1 }, { "k", AD_DIM_FIXED, 3, 0, 2 },
    { "n - 1", AD_DIM_DERIVED, 0, 0, 3 },
};
static const AdData iris_data[] = {
    { .name = "X", .line = 4, .type = AD_REAL, .labels = -1, .rank = 2, .axes = axes_nf, .prepare = AD_SCALED, .column_hi = 2 },
    { .name = "y", .line = 5, .type = AD_INT, .labels = DIM_C, .rank = 1, .axes = axes_n, .ncolumns = 1, .columns = species },
    { .name = "w", .line = 6, .type = AD_REAL, .labels = -1, .rank = 1, .axes = axes_k },
    { .name = "d", .line = 7, .type = AD_BOOL, .labels = -1, .rank = 1, .axes = axes_t },
    { .name = "k", .line = 8, .type = AD_INT, .labels = -1, .rank = 0 },
};
static const int axes_fc[] = { DIM_F, DIM_C };
static const AdParam iris_params[] = { { .name = "W", .rank = 2, .axes = axes_fc } };

static AdModel iris_model(int ndata)
{
    return (AdModel){ .name = "mlp", .file = "mlp.ad", .f64 = 1, .ndims = ndata > 3 ? 5 : ndata > 2 ? 4 : 3, .dims = iris_dims,
                      .ndata = ndata, .data = iris_data, .nparams = 1, .params = iris_params, .derive = ndata > 3 ? iris_derive : NULL };
}

#define IRIS "sl,sw,species\n5,3,b\n6,3,a\n7,3,b\n"

static const struct {
    int ndata, nargs; DataArg args[4]; const char *file, *text; int code; const char *want;
} loads[] = {
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", IRIS, 0, NULL },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw\n5,3\n", 1, "i.csv:1:1: error: there is no column \"species\"; there are sl, sw" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "5,3,a\n", 1, "i.csv: error: there is no column \"species\": the file has no header" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,specie\n5,3,a\n", 1,
      "i.csv:1:1: error: there is no column \"species\"; did you mean \"specie\"?" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "1,2,species\n5,3,a\n", 0, NULL },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl,species\n5,b\n", 1, "i.csv:2:3: error: 'b' is not a number (column \"species\")" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "species\nb\n", 1, "i.csv: error: 'X' (mlp.ad:4) takes columns 0:2, but the file has 1 column" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl;sw;species\n5;3;b\n", 1,
      "i.csv: error: 'X' (mlp.ad:4) takes columns 0:2, but the file has 1 column: separate its fields by commas, not by ';'" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species\n5,,b\n", 1, "i.csv:2:3: error: an empty cell is no number: fill such cells, or declare the array 'missing' (column \"sw\")" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species\n5,NA,b\n", 1, "i.csv:2:3: error: 'NA' is no number: fill such cells, or declare the array 'missing' (column \"sw\")" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species\n5,3,b\n5,3,\n", 1, "i.csv:3:5: error: an empty cell is no label (column \"species\")" },
    { 2, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species\n5,3,-1\n", 1, "i.csv:2:5: error: '-1' is negative: ids count from 0 (column \"species\")" },
    { 2, 1, { { NULL, "none.csv" } }, NULL, NULL, 3, "cannot read 'none.csv': No such file or directory" },
    { 2, 0, { { NULL, NULL } }, NULL, NULL, 2,
      "no data for 'X' (mlp.ad:4): give --data X=FILE, or --data FILE with a table that has its columns" },
    { 2, 2, { { NULL, "i.csv" }, { NULL, "j.csv" } }, "i.csv", IRIS, 2, "--data is given twice for one table: 'i.csv' and 'j.csv'" },
    { 2, 2, { { NULL, "i.csv" }, { "Z", "j.csv" } }, "i.csv", IRIS, 2, "--data Z=...: the model has no data 'Z'" },
    { 2, 2, { { NULL, "i.csv" }, { "y", "y.csv" } }, "y.csv", "a\nb\n", 3, "cannot read 'i.csv': No such file or directory" },
    { 2, 2, { { "X", "i.csv" }, { "y", "i.csv#species" } }, "i.csv", IRIS, 0, NULL },
    { 2, 2, { { "X", "i.csv#sl,1" }, { "y", "i.csv#2" } }, "i.csv", IRIS, 0, NULL },
    { 2, 2, { { "X", "i.csv#0:9" }, { "y", "i.csv#2" } }, "i.csv", IRIS, 1, "i.csv: error: 'X' (mlp.ad:4) takes columns 0:9, but the file has 3 columns" },
    { 2, 2, { { "X", "i.csv" }, { "y", "i.csv#0:2" } }, "i.csv", IRIS, 1,
      "i.csv: error: 'y' (mlp.ad:5) takes one column, not 2: say which, as in --data y=FILE#COLUMN" },
    { 3, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species,w\n5,3,b,1\n6,3,a,2\n", 1,
      "i.csv: error: this trainer was built for k = 3, but 'w' has 2: rebuild it with 'adc build mlp.ad -D k=2'" },
    { 3, 1, { { NULL, "i.csv" } }, "i.csv", IRIS, 1,
      "i.csv: error: 'w' (mlp.ad:6) has no 'from' clause and the file no column of that name: say which, as in --data NAME=FILE#COLUMN" },
    { 4, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species,w,d\n5,3,b,1,true\n6,3,a,2,0\n6,3,a,2,2\n", 1,
      "i.csv:4:9: error: '2' is not a bool: 0 or 1 (column \"d\")" },
    { 4, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species,w,d\n5,3,b,1,true\n6,3,a,2,0\n6,3,a,2,yes\n", 1,
      "i.csv:4:9: error: 'yes' is not a bool: 0, 1, true or false (column \"d\")" },
    { 4, 1, { { NULL, "i.csv" } }, "i.csv", "sl,sw,species,w,d\n5,3,b,1,true\n6,3,a,2,0\n6,3,a,2,1\n", 1,
      "i.csv: error: 'd' (mlp.ad:7) has 3 along an axis whose size 'n - 1' is 2" },
    { 5, 4, { { NULL, "i.csv" }, { "d", "d.npy" }, { "w", "i.csv#0" }, { "k", "k.csv" } }, "k.csv", "k\n2.5\n", 3,
      "cannot read 'i.csv': No such file or directory" },
};

START_TEST(dataset_messages)
{
    if (loads[_i].file)
        put_text(loads[_i].file, loads[_i].text);
    AdModel m = iris_model(loads[_i].ndata);
    Dataset ds;
    Err err = { "" };
    int code = dataset_load(&ds, &m, loads[_i].args, loads[_i].nargs, NULL, NULL, &err);
    ck_assert_str_eq(err.text, loads[_i].want ? loads[_i].want : "");
    ck_assert_int_eq(code, loads[_i].code);
    if (!code)
        dataset_free(&ds);
}
END_TEST

START_TEST(fixed_size_without_a_name)
{
    static AdDim dims[5];
    DataArg args[] = { { NULL, "i.csv" } };
    Dataset ds;
    Err err;
    AdModel m = iris_model(3);
    memcpy(dims, iris_dims, sizeof dims);
    dims[DIM_K].name = "3";
    m.dims = dims;
    put_text("i.csv", "sl,sw,species,w\n5,3,b,1\n6,3,a,2\n");
    ck_assert_int_eq(dataset_load(&ds, &m, args, 1, NULL, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "i.csv: error: 'w' (mlp.ad:6) has 2 along an axis of size 3");
}
END_TEST

static void load_iris(Dataset *ds, AdModel *m, const char *text, const Tensors *stored)
{
    DataArg arg = { NULL, "i.csv" };
    Err err = { "" };
    put_text("i.csv", text);
    *m = iris_model(2);
    ck_assert_msg(dataset_load(ds, m, &arg, 1, NULL, stored, &err) == EXIT_FINE, "%s", err.text);
}

START_TEST(dataset_values)
{
    AdModel m;
    Dataset ds;
    View v, b = { .rows = 0 };
    load_iris(&ds, &m, IRIS, NULL);
    ck_assert_int_eq(ds.rows, 3);
    ck_assert_int_eq(ds.dims[DIM_F], 2);
    ck_assert_int_eq(ds.dims[DIM_C], 2);
    ck_assert_str_eq(ds.path, "i.csv");
    dataset_view(&ds, NULL, 0, &v);
    const double *X = v.data[0];
    double z = 1 / sqrt(2.0 / 3);
    close_to(X[0], -z, 1e-15);
    close_to(X[4], z, 1e-15);
    ck_assert_double_eq(X[1], 0);               /* a constant column: sd 1 */
    ck_assert_ptr_eq(v.data[1], ds.raw[1].data);        /* nothing to prepare: shared */
    ck_assert_int_eq(((int64_t *)v.data[1])[0], 1);
    static const int64_t rows[] = { 2, 0, 2 }, train[] = { 0, 1 };
    view_batch(&ds, &v, rows, 3, &b);
    ck_assert_double_eq(((double *)b.data[0])[0], X[4]);
    ck_assert_double_eq(((double *)b.data[0])[2], X[0]);
    view_batch(&ds, &v, rows + 1, 1, &b);
    ck_assert_int_eq(b.rows, 1);
    ck_assert_double_eq(((double *)b.data[0])[0], X[0]);
    ck_assert_int_eq(((int64_t *)b.data[1])[0], 1);
    view_free(&ds, &b);
    view_free(&ds, &v);
    dataset_fit(&ds, train, 2);
    close_to(ds.mean[0][0], 5.5, 0);
    close_to(ds.sd[0][0], 0.5, 0);
    dataset_view(&ds, rows, 2, &v);
    close_to(((double *)v.data[0])[0], 3, 1e-15);
    ck_assert_int_eq(v.rows, 2);
    view_free(&ds, &v);
    dataset_free(&ds);
}
END_TEST

START_TEST(dataset_stored)
{
    AdModel m;
    Dataset ds, new;
    Tensors t = { .n = 0 }, back;
    Err err;
    load_iris(&ds, &m, IRIS, NULL);
    dataset_store(&ds, &t);
    ck_assert_str_eq(tensors_meta(&t, "adc.labels.c"), "[\"a\", \"b\"]");
    ck_assert_str_eq(tensors_meta(&t, "adc.dim.c"), "2");
    ck_assert_ptr_null(tensors_meta(&t, "adc.dim.n"));
    ck_assert_int_eq(tensors_write("m", &t, &err), EXIT_FINE);
    ck_assert_int_eq(tensors_read("m", &back, &err), EXIT_FINE);
    load_iris(&new, &m, "sl,sw,species\n9,1,b\n", &back);
    ck_assert_int_eq(((int64_t *)new.raw[1].data)[0], 1);
    ck_assert_int_eq(new.dims[DIM_C], 2);
    ck_assert_double_eq(new.mean[0][0], 6);
    dataset_fit(&new, NULL, 0);
    ck_assert_double_eq(new.mean[0][0], 6);
    dataset_free(&new);
    DataArg arg = { NULL, "i.csv" };
    put_text("i.csv", "sl,sw,species\n9,1,zz\n");
    ck_assert_int_eq(dataset_load(&new, &m, &arg, 1, NULL, &back, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "i.csv:2:5: error: 'zz' is not a label that the model knows: a, b (column \"species\")");
    DataArg wide[] = { { "X", "i.csv#0:1" }, { "y", "i.csv#2" } };
    put_text("i.csv", "sl,sw,species\n9,1,a\n");
    ck_assert_int_eq(dataset_load(&new, &m, wide, 2, NULL, &back, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "i.csv: error: dim 'f' is 2 in training but 1 in 'X'");
    tensors_free(&t);
    tensors_free(&back);
    dataset_free(&ds);
}
END_TEST

/* NPY for each array: the 'from' clause is only the default place in a table */
START_TEST(dataset_from_npy)
{
    static const int64_t nf[] = { 3, 5 }, n[] = { 3 }, n4[] = { 4 };
    static const float yf[] = { 0, 2, 1 };
    static const double bad[] = { 0, 2.5, 1 };
    Array X = filled(DT_F32, 2, nf), y = { .type = DT_F32, .rank = 1, .shape = { 3 }, .data = (void *)(uintptr_t)yf };
    DataArg args[] = { { "X", "X.npy" }, { "y", "y.npy" } };
    AdModel m = iris_model(2);
    Dataset ds;
    Err err = { "" };
    (void)n;
    ck_assert_int_eq(npy_write("X.npy", &X, &err), EXIT_FINE);
    ck_assert_int_eq(npy_write("y.npy", &y, &err), EXIT_FINE);
    ck_assert_msg(dataset_load(&ds, &m, args, 2, NULL, NULL, &err) == EXIT_FINE, "%s", err.text);
    ck_assert_int_eq(ds.dims[DIM_F], 5);
    ck_assert_int_eq(ds.dims[DIM_C], 3);
    ck_assert_int_eq(ds.raw[0].type, DT_F64);
    dataset_free(&ds);

    int64_t given[] = { -1, -1, 2 };
    ck_assert_int_eq(dataset_load(&ds, &m, args, 2, given, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "y.npy: error: 2 is outside 0..1 of index(c) (element [1] of 'y')");
    given[DIM_C] = 7;
    ck_assert_int_eq(dataset_load(&ds, &m, args, 2, given, NULL, &err), EXIT_FINE);
    ck_assert_int_eq(ds.dims[DIM_C], 7);
    dataset_free(&ds);

    y.type = DT_F64;
    y.data = (void *)(uintptr_t)bad;
    ck_assert_int_eq(npy_write("y.npy", &y, &err), EXIT_FINE);
    ck_assert_int_eq(dataset_load(&ds, &m, args, 2, NULL, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "y.npy: error: 2.5 is not an integer (element [1] of 'y')");
    Array longer = filled(DT_U8, 1, n4);
    ck_assert_int_eq(npy_write("y.npy", &longer, &err), EXIT_FINE);
    ck_assert_int_eq(dataset_load(&ds, &m, args, 2, NULL, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "y.npy: error: dim 'n' is 3 in 'X' but 4 in 'y'");
    ck_assert_int_eq(npy_write("y.npy", &X, &err), EXIT_FINE);
    ck_assert_int_eq(dataset_load(&ds, &m, args, 2, NULL, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "y.npy: error: the file has 2 axes, but 'y' (mlp.ad:5) has 1");
    ((float *)X.data)[7] = NAN;
    ck_assert_int_eq(npy_write("X.npy", &X, &err), EXIT_FINE);
    ck_assert_int_eq(dataset_load(&ds, &m, args, 2, NULL, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "X.npy: error: nan is no number: fill such cells, or declare the array 'missing' (element [1, 2] of 'X')");
    array_free(&X);
    array_free(&longer);
}
END_TEST

/* A[n, f] : centered missing, without a from clause: all numeric columns of the table; f32 */
START_TEST(dataset_missing)
{
    static const AdData data[] = {
        { .name = "A", .line = 2, .type = AD_REAL, .labels = -1, .rank = 2, .axes = axes_nf, .prepare = AD_CENTERED, .missing = 1 },
    };
    AdModel m = { .name = "m", .file = "m.ad", .ndims = 2, .dims = iris_dims, .ndata = 1, .data = data };
    DataArg arg = { NULL, "a.csv" };
    Dataset ds;
    View v;
    Err err = { "" };
    put_text("a.csv", "who,p,q\nann,1,\nbob,NA,4\ncid,3,nan\ndan,5,6\n");
    ck_assert_msg(dataset_load(&ds, &m, &arg, 1, NULL, NULL, &err) == EXIT_FINE, "%s", err.text);
    ck_assert_int_eq(ds.dims[DIM_F], 2);
    ck_assert_double_eq(ds.mean[0][0], 3);
    ck_assert_double_eq(ds.mean[0][1], 5);
    static const int64_t rows[] = { 3, 1 };
    dataset_view(&ds, rows, 2, &v);
    static const float want[] = { 2, 1, 0, -1 };
    static const uint8_t mask[] = { 1, 1, 0, 1 };
    ck_assert_int_eq(memcmp(v.data[0], want, sizeof want), 0);
    ck_assert_int_eq(memcmp(v.mask[0], mask, sizeof mask), 0);
    View b = { .rows = 0 };
    static const int64_t last[] = { 1 };
    view_batch(&ds, &v, last, 1, &b);
    ck_assert_int_eq(memcmp(b.mask[0], mask + 2, 2), 0);
    view_free(&ds, &b);
    view_free(&ds, &v);
    dataset_free(&ds);
    put_text("a.csv", "p\n1e39\n");
    ck_assert_int_eq(dataset_load(&ds, &m, &arg, 1, NULL, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "a.csv:2:1: error: '1e39' is too large for f32: build with --precision=f64 (column \"p\")");
}
END_TEST

START_TEST(dataset_dims)
{
    static const AdDim dims[] = { { "n", AD_DIM_DATA, 0, 0, 1 }, { "r", AD_DIM_DATA, 0, 0, 9 } };
    static const AdData data[] = { { .name = "k", .type = AD_INT, .labels = -1, .rank = 0 } };
    AdModel m = { .name = "m", .file = "m.ad", .f64 = 1, .ndims = 2, .dims = dims, .ndata = 1, .data = data };
    DataArg arg = { "k", "k.csv" };
    int64_t given[] = { 2, -1 };
    Dataset ds;
    Err err;
    put_text("k.csv", "k\n12\n");
    ck_assert_int_eq(dataset_load(&ds, &m, &arg, 1, given, NULL, &err), EXIT_USAGE);
    ck_assert_str_eq(err.text, "dim 'r' (m.ad:9) is not bound: no data has it as an axis; give --dim r=SIZE");
    given[1] = 4;
    ck_assert_int_eq(dataset_load(&ds, &m, &arg, 1, given, NULL, &err), EXIT_FINE);
    ck_assert_int_eq(array_get_int(&ds.raw[0], 0), 12);
    ck_assert_int_eq(ds.batch_dim, -1);
    dataset_free(&ds);
    put_text("k.csv", "k\n12\n13\n");
    ck_assert_int_eq(dataset_load(&ds, &m, &arg, 1, given, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "k.csv: error: 'k' (m.ad:0) is one number, but the file has more than one row");
    put_text("k.csv", "k\n2.5\n");
    ck_assert_int_eq(dataset_load(&ds, &m, &arg, 1, given, NULL, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "k.csv:2:1: error: '2.5' is not an integer (column \"k\")");
}
END_TEST

static const struct { DataArg arg; bool has_labels; } new_data[] = {
    { { NULL, "new.csv" }, false }, { { "X", "new.csv" }, false }, { { "X", "i.csv#0:2" }, false }, { { "X", "new.npy" }, false },
    { { NULL, "new.npy" }, false }, { { NULL, "i.csv" }, true }, { { NULL, "new.libsvm" }, true },
};

/* Data to predict from: targets that it lacks are zeros, whatever kind of file it comes in. */
START_TEST(new_data_may_lack_targets)
{
    AdModel m = iris_model(2);
    Dataset ds;
    Err err = { "" };
    const int64_t given[] = { -1, -1, 2 };
    double x[] = { 5, 3, 6, 3, 7, 3 };
    Array a = { .type = DT_F64, .rank = 2, .shape = { 3, 2 }, .data = x };
    put_text("i.csv", IRIS);
    put_text("new.csv", "sl,sw\n5,3\n6,3\n7,3\n");
    put_text("new.libsvm", "1 1:5 2:3\n0 1:6 2:3\n1 1:7 2:3\n");
    ck_assert_int_eq(npy_write("new.npy", &a, &err), EXIT_FINE);
    if (!new_data[_i].has_labels)
        ck_assert_int_ne(dataset_load(&ds, &m, &new_data[_i].arg, 1, given, NULL, &err), EXIT_FINE);
    ck_assert_msg(dataset_load_new(&ds, &m, &new_data[_i].arg, 1, given, NULL, &err) == EXIT_FINE, "%s", err.text);
    ck_assert_int_eq(ds.rows, 3);
    ck_assert_int_eq(ds.raw[1].shape[0], 3);
    ck_assert_double_eq(array_get(&ds.raw[0], 4), 7);
    ck_assert_int_eq(array_get_int(&ds.raw[1], 0), new_data[_i].has_labels);
    dataset_free(&ds);
}
END_TEST

START_TEST(labels_are_trimmed)
{
    AdModel m;
    Dataset ds;
    load_iris(&ds, &m, "sl,sw,species\n5,3, b \n6,3,a\n7,3,\"b\"\n", NULL);
    ck_assert_int_eq(ds.labels[0].n, 2);
    ck_assert_int_eq(array_get_int(&ds.raw[1], 0), array_get_int(&ds.raw[1], 2));
    dataset_free(&ds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("runtime: data sets");
    TCase *sets = group(s, "data sets");
    tcase_add_loop_test(sets, dataset_messages, 0, COUNT(loads));
    tcase_add_test(sets, fixed_size_without_a_name);
    tcase_add_test(sets, dataset_values);
    tcase_add_test(sets, dataset_stored);
    tcase_add_test(sets, dataset_from_npy);
    tcase_add_test(sets, dataset_missing);
    tcase_add_test(sets, dataset_dims);
    tcase_add_loop_test(sets, new_data_may_lack_targets, 0, COUNT(new_data));
    tcase_add_test(sets, labels_are_trimmed);
    return run_suite(s);
}
