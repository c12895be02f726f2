/* check_poly.c: ints in normal form, and what the prover makes of them.
 *
 * Sizes are compared by their normal forms, so those are printed. Whether an index needs a check at run time is asked of
 * models: a read under a guard, in ranges, is
 * proved, asserted of the sizes at load, checked where it is reached, or refused. */
#define _POSIX_C_SOURCE 200809L
#include "compile_help.h"

static const char *const forms[][2] = {
    {"n * (n - 1)", "n*n - n"},
    {"n^2 - n - n * (n - 1) + 3", "3"},
    {"(n + m) * (n - m)", "n*n - m*m"},
    {"m + n", "n + m"},
    {"2 * (n + 1) - n", "n + 2"},
    {"n // 1 + n % 1", "n"},
    {"(n - 1 + 1) // 2", "n // 2"},
    {"7 // 2 + -7 // 2 + 7 % -3", "-3"},
    {"n * m * n - m * n * n", "0"},
    {"-(n - 1)", "1 - n"},
    {"min(n, n) + max(m, m)", "n + m"},
    {"abs(-4) + sign(-9)", "3"},
    {"(n // 2) * 2 - 2 * (n // 2)", "0"},
    {"9223372036854775807 - 1 + 1", "9223372036854775807"},
};

START_TEST(normal_form)
{
    Ctx *ctx = ctx_new();
    char *text = arena_printf(ctx->arena, "dim n, m\ndata x[n, m]\noutput r = %s\n", forms[_i][0]);
    Graph *graph = lowered(ctx, "form.ad", text);
    ck_assert_msg(graph != NULL, "%s", text);
    Str printed = {0};
    ex_print(ctx, output_of(graph, "r")->body, NULL, &printed);
    ck_assert_msg(strcmp(printed.text, forms[_i][1]) == 0, "%s becomes %s, not %s", forms[_i][0], printed.text, forms[_i][1]);
    str_free(&printed);
    ctx_free(ctx);
}
END_TEST

/* Beyond 2^63 an expression stays as it was written. */
START_TEST(overflow_is_left_alone)
{
    Ctx *ctx = ctx_new();
    Graph *graph = lowered(ctx, "over.ad", "dim n\ndata x[n]\n"
                           "output a = 9223372036854775807 * n + n\noutput b = 9223372036854775807 * (4 * n)\n");
    ck_assert_ptr_nonnull(graph);
    ck_assert_int_eq(output_of(graph, "a")->body->op, OP_ADD);
    ck_assert_int_eq(output_of(graph, "b")->body->op, OP_MUL);
    ctx_free(ctx);
}
END_TEST

/* e = coefficient * var + rest */
START_TEST(linear_forms)
{
    Ctx *ctx = ctx_new();
    const Ex *i = ex_var(ctx, 0), *j = ex_var(ctx, 1), *three = ex_int(ctx, 3);
    const Ex *e = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, ex2(ctx, OP_ADD, j, three), i), ex2(ctx, OP_MUL, j, three));
    const Ex *coefficient, *rest;
    ck_assert(linear_in(ctx, e, 0, &coefficient, &rest));
    ck_assert_ptr_eq(coefficient, ex2(ctx, OP_ADD, j, three));
    ck_assert_ptr_eq(rest, ex2(ctx, OP_MUL, three, j));
    ck_assert(linear_in(ctx, j, 0, &coefficient, &rest));
    ck_assert(ex_is_number(coefficient, 0));
    ck_assert(!linear_in(ctx, ex2(ctx, OP_MUL, i, i), 0, &coefficient, &rest));
    ck_assert(!linear_in(ctx, ex2(ctx, OP_FLOORDIV, i, three), 0, &coefficient, &rest));
    ctx_free(ctx);
}
END_TEST

typedef enum { PROVED, AT_LOAD, CHECKED, REFUSED } Verdict;

/* Guards come with "" when there is none. output z[RANGES] = where(GUARD, READ, 0) */
static const struct { const char *ranges, *guard, *read; Verdict verdict; } reads[] = {
    {"i in n", "", "x[i]", PROVED},
    {"i in n", "", "x[n - 1 - i]", PROVED},
    {"i in n", "", "x[i // 2]", PROVED},
    {"i in n", "", "x[i % 3]", CHECKED},
    {"i in n", "", "x[(i + 5) % n]", PROVED},
    {"i in n", "", "x[i + 1]", REFUSED},
    {"i in n", "", "x[i - 1]", REFUSED},
    {"i in n", "", "x[n]", REFUSED},
    {"i in n", "i > 0", "x[i - 1]", PROVED},
    {"i in n", "i >= 1", "x[i - 1]", PROVED},
    {"i in n", "0 < i and i < n - 1", "x[i - 1] + x[i + 1]", PROVED},
    {"i in n", "i != 0", "x[i - 1]", PROVED},
    {"i in n", "not (i == 0)", "x[i - 1]", PROVED},
    {"i in n", "i + 1 < n", "x[i + 1]", PROVED},
    {"i in n", "i == 0", "x[i]", PROVED},
    {"i in n - 1", "", "x[i + 1] - x[i]", PROVED},
    {"i in n, j in n", "j < i", "x[i - j - 1]", PROVED},
    {"i in n, j in n", "j <= i", "x[i - j]", PROVED},
    {"i in n, j in n", "", "x[i - j]", AT_LOAD},
    {"i in n, j in m", "", "w[i * m + j]", PROVED},
    {"i in n, j in m", "", "w[j * n + i]", PROVED},
    {"i in n, j in m", "", "w[i * n + j]", AT_LOAD},
    {"i in n, j in m", "i < m", "y[i]", PROVED},
    {"i in n", "", "y[i]", AT_LOAD},
    {"i in n", "", "sum[j in i + 1:n] x[j - 1]", PROVED},
    {"i in n", "", "sum[j in i:n] x[j - i]", PROVED},
    {"i in n", "", "sum[j in 0:i] x[i - 1 - j]", PROVED},
    {"i in n", "", "x[u[i]]", PROVED},
    {"i in n", "", "x[k[i]]", CHECKED},
    {"i in n", "0 <= k[i] and k[i] < n", "x[k[i]]", PROVED},
    {"i in n", "k[i] < n", "x[k[i]]", CHECKED},
    {"t in n - m + 1, s in m", "", "x[t + s]", PROVED},
    {"i in 2 * n", "i < n", "x[i]", PROVED},
    {"i in 2 * n", "i >= n", "x[i - n]", PROVED},
    {"i in 2 * n", "", "x[i // 2]", PROVED},
    {"a in n, b in n", "b < a", "q[a * (a - 1) // 2 + b]", CHECKED},
    {"i in 4", "", "f[i]", PROVED},
    {"i in 4", "", "f[3 - i]", PROVED},
    {"i in 4", "", "f[2 * i]", REFUSED},
    {"i in 4", "i < 2", "f[2 * i + 1]", PROVED},
    {"i in 5", "", "f[i]", REFUSED},
    {"i in 9", "", "f[i % 4]", PROVED},
    {"i in 9", "", "f[i // 3]", PROVED},
};

static void find_check(void *found, const Ex *e)
{
    *(bool *)found |= e->op == OP_CHECK;
}

static Verdict judge(Ctx *ctx, const char *text)
{
    Graph *graph = lowered(ctx, "read.ad", text);
    bool checks = false;
    if (!graph)
        return REFUSED;
    for (int n = 0; n < graph->node.n; n++)
        if (graph->node.at[n]->body)
            ex_visit(graph->node.at[n]->body, find_check, &checks);
    return checks ? CHECKED : graph->asserts.n ? AT_LOAD : PROVED;
}

START_TEST(reads_are_in_range)
{
    static const char *const verdicts[] = {"proved", "asserted of the sizes", "checked at run time", "refused"};
    Ctx *ctx = ctx_new();
    char *text = arena_printf(ctx->arena,
        "dim n, m\ndata x[n]\ndata y[m]\ndata w[n * m]\ndata q[n * (n - 1) // 2]\ndata f[4]\n"
        "data u[n] : index(n)\ndata k[n] : int\noutput z[%s] = %s%s%s%s\n", reads[_i].ranges, *reads[_i].guard ? "where(" : "",
        reads[_i].guard, *reads[_i].guard ? ", " : reads[_i].read, *reads[_i].guard ? arena_printf(ctx->arena, "%s, 0)", reads[_i].read) : "");
    Verdict verdict = judge(ctx, text);
    char *said = messages(ctx);
    ck_assert_msg(verdict == reads[_i].verdict, "[%s] where(%s) %s is %s, not %s\n%s", reads[_i].ranges, reads[_i].guard, reads[_i].read,
                  verdicts[verdict], verdicts[reads[_i].verdict], said);
    ck_assert_msg(verdict != REFUSED || strstr(said, "E0209"), "%s", said);
    free(said);
    ctx_free(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poly");
    TCase *poly = tcase_create("poly"), *prove = tcase_create("prove");
    tcase_add_loop_test(poly, normal_form, 0, COUNT(forms));
    tcase_add_test(poly, overflow_is_left_alone);
    tcase_add_test(poly, linear_forms);
    tcase_add_loop_test(prove, reads_are_in_range, 0, COUNT(reads));
    suite_add_tcase(suite, poly);
    suite_add_tcase(suite, prove);
    return run_suite(suite);
}
