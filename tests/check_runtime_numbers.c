/* check_runtime_numbers.c: draws, constraints, decompositions: known answers, identities, finite differences. */
#include "runtime_help.h"

/* ---- philox.c ---- */

/* The answers that the authors of Philox publish with it (Random123, kat_vectors). */
START_TEST(philox_answers)
{
    static const struct { uint64_t key; uint32_t counter[4], want[4]; } rows[] = {
        { 0, { 0, 0, 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { UINT64_MAX, { ~0u, ~0u, ~0u, ~0u }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { 0x299f31d0a4093822, { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    uint32_t out[4];
    philox(rows[_i].key, rows[_i].counter, out);
    for (int k = 0; k < 4; k++)
        ck_assert_uint_eq(out[k], rows[_i].want[k]);
}
END_TEST

START_TEST(draw_moments)
{
    enum { N = 200000 };
    double u = 0, uu = 0, z = 0, zz = 0, zzzz = 0, least = 1, most = 0;
    for (int i = 0; i < N; i++) {
        double a = adrt_uniform(1, name_key("W"), 0, i), b = adrt_normal(1, name_key("W"), 0, i);
        least = fmin(least, a);
        most = fmax(most, a);
        u += a / N;
        uu += a * a / N;
        z += b / N;
        zz += b * b / N;
        zzzz += b * b * b * b / N;
    }
    ck_assert(least > 0 && most < 1 && least < 1e-4 && most > 1 - 1e-4);
    close_to(u, 0.5, 0.003);
    close_to(uu, 1.0 / 3, 0.003);
    close_to(z, 0, 0.01);
    close_to(zz, 1, 0.015);
    close_to(zzzz, 3, 0.12);
    ck_assert_double_ne(adrt_uniform(1, 2, 3, 4), adrt_uniform(2, 2, 3, 4));
    ck_assert_double_ne(adrt_uniform(1, 2, 3, 4), adrt_uniform(1, 3, 3, 4));
    ck_assert_double_ne(adrt_uniform(1, 2, 3, 4), adrt_uniform(1, 2, 4, 4));
}
END_TEST

START_TEST(shuffles)
{
    enum { N = 1000 };
    int64_t a[N], b[N];
    int seen[N] = { 0 }, fixed = 0;
    for (int i = 0; i < N; i++)
        a[i] = b[i] = i;
    shuffle(a, N, 1, 2, 3);
    shuffle(b, N, 1, 2, 3);
    for (int i = 0; i < N; i++) {
        seen[a[i]]++;
        fixed += a[i] == i;
    }
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(seen[i], 1);
    ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
    ck_assert_int_lt(fixed, 10);
    shuffle(b, N, 1, 2, 4);
    ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
    shuffle(a, 1, 0, 0, 0);
    shuffle(a, 0, 0, 0, 0);
}
END_TEST

/* ---- constraint.c ---- */

static const struct { AdConstraint c; double lo, hi; double x[4]; } starts[] = {
    { AD_FREE, 0, 0, { -1, 0, 2, 1e9 } },
    { AD_POSITIVE, 0, 0, { 1e-9, 0.5, 2, 1e9 } },
    { AD_INTERVAL, -1, 3, { -0.999999, 0, 1, 2.9999 } },
    { AD_INTERVAL, -1, INFINITY, { -0.999999, 0, 1, 1e6 } },
    { AD_INTERVAL, -INFINITY, 3, { -1e6, 0, 1, 2.9999 } },
    { AD_ORDERED, 0, 0, { -1, 0, 0.001, 5 } },
    { AD_SIMPLEX, 0, 0, { 0.1, 0.2, 0.3, 0.4 } },
};

START_TEST(constraint_round_trip)
{
    double u[4], x[4];
    const double *from = starts[_i].x;
    to_free(starts[_i].c, 1, from, starts[_i].lo, starts[_i].hi, 4, 4, u);
    from_free(starts[_i].c, 1, u, starts[_i].lo, starts[_i].hi, 4, 4, x);
    for (int k = 0; k < 4; k++)
        close_to(x[k], from[k], 1e-14 * fmax(1, fabs(from[k])));
    if (starts[_i].c == AD_SIMPLEX)
        close_to(u[0] + u[1] + u[2] + u[3], 0, 1e-14);
}
END_TEST

/* s(x) = sum of w * x^2: its gradient in u against central differences */
START_TEST(constraint_chain)
{
    static const double w[4] = { 0.7, -1.3, 0.4, 2.1 };
    double u[4], x[4], dx[4], du[4], lo = starts[_i].lo, hi = starts[_i].hi;
    AdConstraint c = starts[_i].c;
    for (int k = 0; k < 4; k++)
        x[k] = fmax(-20, fmin(20, starts[_i].x[k]));
    to_free(c, 1, x, lo, hi, 4, 4, u);
    for (int k = 0; k < 4; k++)
        dx[k] = 2 * w[k] * x[k];
    chain_free(c, 1, x, dx, lo, hi, 4, 4, du);
    for (int k = 0; k < 4; k++) {
        double s[2], was = u[k], h = 1e-5;
        for (int side = 0; side < 2; side++) {
            double y[4];
            u[k] = was + (side ? h : -h);
            from_free(c, 1, u, lo, hi, 4, 4, y);
            s[side] = 0;
            for (int j = 0; j < 4; j++)
                s[side] += w[j] * y[j] * y[j];
        }
        u[k] = was;
        close_to(du[k], (s[1] - s[0]) / (2 * h), 1e-7 * fmax(1, fabs(du[k])));
    }
}
END_TEST

/* However far the optimiser runs, in either element type, a value stays inside. */
START_TEST(constraint_stays_inside)
{
    static const double far[] = { -1e4, -800, -100, -40, 40, 100, 700 };
    for (int f64 = 0; f64 < 2; f64++)
        for (int k = 0; k < COUNT(far); k++) {
            double u[2], x[2];
            real_set(f64, u, 0, far[k]);
            real_set(f64, u, 1, -1e4);
            from_free(AD_INTERVAL, f64, u, 1, 2, 1, 1, x);
            ck_assert(real_get(f64, x, 0) > 1 && real_get(f64, x, 0) < 2);
            from_free(AD_POSITIVE, f64, u, 0, 0, 1, 1, x);
            ck_assert(real_get(f64, x, 0) > 0);
            from_free(AD_ORDERED, f64, u, 0, 0, 2, 2, x);
            ck_assert(real_get(f64, x, 1) > real_get(f64, x, 0));
            from_free(AD_SIMPLEX, f64, u, 0, 0, 2, 2, x);
            ck_assert(real_get(f64, x, 0) > 0 && real_get(f64, x, 1) > 0);
        }
}
END_TEST

/* ---- draw.c ---- */

static const AdDim draw_dims[] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
static const int draw_axes[] = { 0, 1, 2 };
static const int64_t draw_sizes[] = { 3, 4, 50 };

static AdModel draw_model(AdParam *p, int f64)
{
    return (AdModel){ .name = "d", .file = "d.ad", .f64 = f64, .ndims = 3, .dims = draw_dims, .nparams = 1, .params = p };
}

static const struct {
    AdInit init; double a, b; AdConstraint c; double lo, hi; int rank, scalar; double fill; const char *want;
} draws[] = {
    { AD_INIT_UNIFORM, 2, 3, AD_FREE, 0, 0, 2, 0, 0, NULL },
    { AD_INIT_NORMAL, 0, 1, AD_POSITIVE, 0, 0, 3, 0, 0, NULL },
    { AD_INIT_NORMAL, 0, 1, AD_ORDERED, 0, 0, 3, 0, 0, NULL },
    { AD_INIT_NORMAL, 0, 1, AD_SIMPLEX, 0, 0, 3, 0, 0, NULL },
    { AD_INIT_UNIFORM, 0, 1, AD_INTERVAL, 0, 1, 3, 0, 0, NULL },
    { AD_INIT_UNIFORM, 0, 0, AD_FREE, 0, 0, 0, 0, 0, NULL },
    { AD_INIT_FILL, 0, 0, AD_ORDERED, 0, 0, 2, 1, 5, NULL },
    { AD_INIT_FILL, 0, 0, AD_SIMPLEX, 0, 0, 2, 1, 5, NULL },
    { AD_INIT_FILL, 0, 0, AD_POSITIVE, 0, 0, 2, 1, 5, NULL },
    { AD_INIT_CONSTANT, 7, 0, AD_FREE, 0, 0, 1, 0, 0, NULL },
    { AD_INIT_UNIFORM, 3, 2, AD_FREE, 0, 0, 2, 0, 0, "param 'W' is drawn from uniform(a, b) with a > b" },
    { AD_INIT_NORMAL, 0, -1, AD_FREE, 0, 0, 2, 0, 0, "param 'W' is drawn from normal(mu, sd) with sd < 0" },
    { AD_INIT_ZEROS, 0, 0, AD_POSITIVE, 0, 0, 2, 0, 0, "param 'W', element 0, starts at 0, but it is declared positive" },
    { AD_INIT_ONES, 0, 0, AD_ORDERED, 0, 0, 2, 0, 0,
      "param 'W', element 1, starts at 1, but it is declared ordered and the value before it is 1" },
    { AD_INIT_ZEROS, 0, 0, AD_SIMPLEX, 0, 0, 2, 0, 0, "param 'W' is a simplex, but its initial draw is all 0" },
    { AD_INIT_CONSTANT, 1, 0, AD_INTERVAL, 0, 1, 0, 0, 0, "param 'W' starts at 1, but it is declared in(0, 1), bounds excluded" },
    { AD_INIT_CONSTANT, 1, 0, AD_INTERVAL, 2, 2, 0, 0, 0, "param 'W' is declared in(2, 2), which is empty" },
    { AD_INIT_FILL, 0, 0, AD_POSITIVE, 0, 0, 2, 1, -5, "param 'W', element 0, starts at -5, but it is declared positive" },
    { AD_INIT_FILL, 0, 0, AD_SIMPLEX, 0, 0, 2, 0, 0.3, "param 'W' starts with a sum of 1.2, but values of a simplex sum to 1" },
    { AD_INIT_FILL, 0, 0, AD_FREE, 0, 0, 1, 1, NAN, "param 'W', element 0, starts at nan, but params start at finite values" },
};

START_TEST(draws_and_constraints)
{
    AdParam p = { .name = "W", .line = 4, .rank = draws[_i].rank, .axes = draw_axes, .init = draws[_i].init,
                  .scalar_fill = draws[_i].scalar, .constraint = draws[_i].c };
    AdModel m = draw_model(&p, _i % 2 || draws[_i].want);
    double a[4] = { draws[_i].a, draws[_i].b, draws[_i].lo, draws[_i].hi }, x[600], again[600];
    int64_t n = 1;
    Err err;
    for (int i = 0; i < p.rank; i++)
        n *= draw_sizes[i];
    for (int64_t i = 0; i < n; i++) {
        real_set(m.f64, x, i, draws[_i].fill);
        real_set(m.f64, again, i, draws[_i].fill);
    }
    int code = draw_param(&m, 0, draw_sizes, a, 9, x, &err);
    if (draws[_i].want) {
        ck_assert_int_eq(code, EXIT_BAD_DATA);
        ck_assert_str_eq(err.text + strlen("d.ad:4: error: "), draws[_i].want);
        return;
    }
    ck_assert_msg(!code, "%s", err.text);
    ck_assert_int_eq(draw_param(&m, 0, draw_sizes, a, 9, again, &err), EXIT_FINE);
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq(real_get(m.f64, x, i), real_get(m.f64, again, i));
    if (draws[_i].scalar && p.constraint == AD_ORDERED)
        ck_assert_double_eq(real_get(m.f64, x, 0), 3.5);
    if (draws[_i].scalar && p.constraint == AD_SIMPLEX)
        ck_assert_double_eq(real_get(m.f64, x, 5), 0.25);
}
END_TEST

START_TEST(draw_fans)
{
    static const struct { AdInit init; int rank; double sd; } rows[] = {
        { AD_INIT_GLOROT, 2, 0.5345224838248488 },      /* uniform +-sqrt(6/7): sd sqrt(2/7) */
        { AD_INIT_HE, 3, 0.408248290463863 },           /* in: 3 * 4 */
        { AD_INIT_LECUN, 3, 0.288675134594813 },
        { AD_INIT_GLOROT, 3, 0.111111111111111 },       /* in 12, out 150 */
        { AD_INIT_LECUN, 1, 0.577350269189626 },
    };
    double sum = 0, n = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        double x[600], a[4] = { 0 };
        AdParam p = { .name = "W", .rank = rows[_i].rank, .axes = draw_axes, .init = rows[_i].init };
        AdModel m = draw_model(&p, 1);
        Err err;
        ck_assert_int_eq(draw_param(&m, 0, draw_sizes, a, seed, x, &err), EXIT_FINE);
        int count = p.rank == 1 ? 3 : p.rank == 2 ? 12 : 600;
        for (int i = 0; i < count; i++)
            sum += x[i] * x[i];
        n += count;
    }
    close_to(sqrt(sum / n) / rows[_i].sd, 1, 0.02);
}
END_TEST

START_TEST(draw_orthogonal_frames)
{
    double x[600], a[4] = { 0 };
    AdParam p = { .name = "Q", .rank = _i, .axes = draw_axes, .init = AD_INIT_ORTHOGONAL };
    AdModel m = draw_model(&p, 1);
    Err err;
    int64_t n = 1, last = 1;
    for (int i = 0; i < _i; i++)
        n *= last = draw_sizes[i];
    if (_i < 2)
        last = 1;
    ck_assert_int_eq(draw_param(&m, 0, draw_sizes, a, 3, x, &err), EXIT_FINE);
    int64_t rows = n / last, k = rows < last ? rows : last;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++) {
            double dot = 0;
            for (int64_t q = 0; q < n / k; q++)
                dot += rows < last ? x[i * last + q] * x[j * last + q] : x[q * last + i] * x[q * last + j];
            close_to(dot, i == j, 1e-13);
        }
}
END_TEST

START_TEST(draw_from_file)
{
    static const int64_t shape[] = { 3, 4 };
    Array a = filled(DT_F32, 2, shape);
    double x[12], args[4] = { 0 };
    AdParam p = { .name = "W", .line = 2, .rank = 2, .axes = draw_axes, .init = AD_INIT_FILE, .file = "w.npy" };
    AdModel m = draw_model(&p, 1);
    Err err;
    ck_assert_int_eq(npy_write("w.npy", &a, &err), EXIT_FINE);
    ck_assert_int_eq(draw_param(&m, 0, draw_sizes, args, 1, x, &err), EXIT_FINE);
    ck_assert_double_eq(x[2], (double)(1.0f / 3));
    a.shape[0] = 4, a.shape[1] = 3;
    ck_assert_int_eq(npy_write("w.npy", &a, &err), EXIT_FINE);
    ck_assert_int_eq(draw_param(&m, 0, draw_sizes, args, 1, x, &err), EXIT_BAD_DATA);
    ck_assert_str_eq(err.text, "w.npy: error: the shape is [4, 3], but param 'W' (d.ad:2) needs [3, 4]");
    array_free(&a);
}
END_TEST

/* ---- svd.c, opaque.c ---- */

static const struct { int64_t m, n; int kind; } matrices[] = {
    { 1, 1, 0 }, { 5, 1, 0 }, { 1, 5, 0 }, { 7, 7, 0 }, { 150, 4, 0 }, { 4, 150, 0 }, { 60, 40, 0 }, { 30, 20, 1 }, { 20, 30, 1 },
    { 6, 4, 2 }, { 4, 6, 2 }, { 8, 8, 3 }, { 12, 5, 4 }, { 12, 5, 5 }, { 400, 64, 0 }, { 25, 25, 6 },
};

/* 0 normal, 1 rank 3, 2 zero, 3 Hilbert, 4 huge, 5 tiny, 6 repeated columns and a graded scale */
static double matrix_entry(int kind, int64_t i, int64_t j)
{
    double z = adrt_normal(7, (uint64_t)j, (uint64_t)kind, i), sum = 0;
    switch (kind) {
    case 1:
        for (int q = 0; q < 3; q++)
            sum += adrt_normal(1, (uint64_t)q, 0, i) * adrt_normal(2, (uint64_t)q, 0, j);
        return sum;
    case 2: return 0;
    case 3: return 1 / (double)(i + j + 1);
    case 4: return z * 1e300;
    case 5: return z * 1e-300;
    case 6: return adrt_normal(7, (uint64_t)(j / 2), 6, i) * pow(10, -(double)(j / 2));
    }
    return z;
}

static void orthonormal(const double *Q, int64_t rows, int64_t r)
{
    for (int64_t i = 0; i < r; i++)
        for (int64_t j = i; j < r; j++) {
            double dot = 0;
            for (int64_t k = 0; k < rows; k++)
                dot += Q[k * r + i] * Q[k * r + j];
            close_to(dot, i == j, 1e-13);
        }
}

START_TEST(svd_identities)
{
    int64_t m = matrices[_i].m, n = matrices[_i].n, r = m < n ? m : n;
    double *A = rt_alloc((size_t)(m * n) * 8), *U = rt_alloc((size_t)(m * r) * 8), *V = rt_alloc((size_t)(n * r) * 8);
    double *s = rt_alloc((size_t)r * 8);
    for (int64_t i = 0; i < m * n; i++)
        A[i] = matrix_entry(matrices[_i].kind, i / n, i % n);
    ck_assert_int_eq(svd(m, n, A, U, s, V), 0);
    for (int64_t q = 0; q < r; q++)
        ck_assert(s[q] >= 0 && (!q || s[q] <= s[q - 1]));
    orthonormal(U, m, r);
    orthonormal(V, n, r);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double v = 0;
            for (int64_t q = 0; q < r; q++)
                v += U[i * r + q] * s[q] * V[j * r + q];
            close_to(v, A[i * n + j], 1e-13 * s[0]);
        }
    if (matrices[_i].kind == 1)
        ck_assert(s[2] > 1e-3 * s[0] && s[3] < 1e-14 * s[0]);
    free(A), free(U), free(V), free(s);
}
END_TEST

/* Singular values of the 8 x 8 Hilbert matrix, the smallest included: published condition number 1.52575757e10 */
START_TEST(svd_small_values)
{
    double A[64], U[64], s[8], V[64];
    for (int i = 0; i < 64; i++)
        A[i] = 1 / (double)(i / 8 + i % 8 + 1);
    ck_assert_int_eq(svd(8, 8, A, U, s, V), 0);
    close_to(s[0], 1.6959389969219498, 1e-14);
    close_to(s[0] / s[7], 1.5257575538060041e10, 2e4);
    A[3] = NAN;
    ck_assert_int_eq(svd(8, 8, A, U, s, V), 1);
}
END_TEST

START_TEST(opaque_operations)
{
    static const double A[] = { 2, 0, 0, 3, 0, 0 }, x[] = { 4, 1, 3, 2 };
    double out[6], q;
    AdRun run = { .seed = 0 };
    adrt_svdvals(&run, 1, A, 3, 2, out);
    close_to(out[0], 3, 1e-15);
    close_to(out[1], 2, 1e-15);
    adrt_lowrank(&run, 1, A, 3, 2, 1, out);
    static const double low1[] = { 0, 0, 0, 3, 0, 0 };
    for (int i = 0; i < 6; i++)
        close_to(out[i], low1[i], 1e-15);
    static const float line[] = { 1, 1, 2, 2, 3, 3 };
    float scores[3];
    adrt_pca(&run, 0, line, 3, 2, 1, scores);
    close_to((double)scores[0], -sqrt(2), 1e-6);
    close_to((double)scores[2], sqrt(2), 1e-6);
    static const double qs[] = { 0, 0.25, 0.5, 1 }, want[] = { 1, 1.75, 2.5, 4 };
    for (int i = 0; i < 4; i++) {
        adrt_quantile(&run, 1, x, 4, qs[i], &q);
        close_to(q, want[i], 0);
    }
    ck_assert_int_eq(run.fault.kind, AD_OK);
    adrt_lowrank(&run, 1, A, 3, 2, 3, out);
    ck_assert_int_eq(run.fault.kind, AD_FAULT_OPAQUE);
    ck_assert_int_eq(run.fault.index, 3);
    ck_assert_int_eq(run.fault.size, 2);
    adrt_quantile(&run, 1, x, 4, 2, &q);
    ck_assert_int_eq(run.fault.index, 3);       /* the first fault stays */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("runtime: numbers");
    TCase *draw = group(s, "draws"), *algebra = group(s, "algebra");
    tcase_add_loop_test(draw, philox_answers, 0, 3);
    tcase_add_test(draw, draw_moments);
    tcase_add_test(draw, shuffles);
    tcase_add_loop_test(draw, draws_and_constraints, 0, COUNT(draws));
    tcase_add_loop_test(draw, draw_fans, 0, 5);
    tcase_add_loop_test(draw, draw_orthogonal_frames, 0, 4);
    tcase_add_test(draw, draw_from_file);
    tcase_add_loop_test(algebra, constraint_round_trip, 0, COUNT(starts));
    tcase_add_loop_test(algebra, constraint_chain, 0, COUNT(starts));
    tcase_add_test(algebra, constraint_stays_inside);
    tcase_add_loop_test(algebra, svd_identities, 0, COUNT(matrices));
    tcase_add_test(algebra, svd_small_values);
    tcase_add_test(algebra, opaque_operations);
    return run_suite(s);
}
