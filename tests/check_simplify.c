/* check_simplify.c: pairs of expressions that become the same, and pairs that must not.
 *
 * Both sides are outputs of one small model; what they compute is compared once simplified. The second table is of
 * laws that hold for numbers on paper but not for those of a machine: nan, inf, the sign of zero, rounding. */
#define _POSIX_C_SOURCE 200809L
#include "compile_help.h"

static const char preamble[] =
    "precision f64\n"
    "dim n, m\n"
    "data x[n]\n"
    "data y[n]\n"
    "data A[n, m]\n"
    "data B[m, n]\n"
    "data k[n] : int\n"
    "data b[n] : bool\n"
    "data d[n] : bool\n";

static const char *const same[][2] = {
    {"x*1 + 0", "x"},
    {"1 * x", "x"},
    {"-1 * x", "-x"},
    {"x / 1", "x"},
    {"x / -1", "-x"},
    {"--x", "x"},
    {"x + -y", "x - y"},
    {"x - -y", "x + y"},
    {"-x + y", "y - x"},
    {"-x * y", "-(x * y)"},
    {"x + x", "2 * x"},
    {"x + y", "y + x"},
    {"x * y", "y * x"},
    {"min(x, x)", "x"},
    {"max(x, y)", "max(y, x)"},
    {"x^1", "x"},
    {"x^2", "x * x"},
    {"x^3", "x * x * x"},
    {"x^0", "1.0 + 0 * k"},
    {"x^-1", "1 / x"},
    {"square(x)", "x * x"},
    {"x * (2 * 3)", "6 * x"},
    {"x + (exp(0) + log(1))", "x + 1"},
    {"x * (7 // 2)", "3 * x"},
    {"x * (-7 % 3)", "2 * x"},
    /* ints are polynomials */
    {"k + k + k", "3 * k"},
    {"k - k", "0 * k"},
    {"(k + 1)^2", "k * k + 2 * k + 1"},
    {"(k + 1) * (k - 1)", "k^2 - 1"},
    {"k // 1", "k"},
    {"k % 1", "0 * k"},
    {"x * (n - n + 2)", "2 * x"},
    /* conditions */
    {"where(true, x, y)", "x"},
    {"where(1 > 2, x, y)", "y"},
    {"where(b, x, x)", "x"},
    {"where(not b, x, y)", "where(b, y, x)"},
    {"where(b, where(b, x, y), 1)", "where(b, x, 1)"},
    {"where(b, x, where(b, x, y))", "where(b, x, y)"},
    {"where(b, where(d, x, y), y)", "where(b and d, x, y)"},
    {"not not b", "b"},
    {"not (x == y)", "x != y"},
    {"not (k < 3)", "k >= 3"},
    {"b and true", "b"},
    {"b or false", "b"},
    {"b and false", "k != k"},
    {"b or true", "k == k"},
    {"x > y", "y < x"},
    {"x >= y", "y <= x"},
    {"n + 1 > n", "true"},
    {"k == k", "k + 1 > k"},
    /* whole arrays */
    {"A''", "A"},
    {"x[:]", "x"},
    {"x[0:n]", "x"},
    {"sum(A, over = (n, m))", "sum(A)"},
    {"sum(A')", "sum[j in m, i in n] A[i, j]"},
    {"sum(A, over = m)", "sum(A, over = -1)"},
};

static const char *const different[][2] = {
    {"x * 0", "0 * k"},
    {"x - x", "0 * k"},
    {"x / x", "1 + 0 * k"},
    {"0 - x", "-x"},
    {"x + y + 1", "x + (y + 1)"},
    {"x * y / y", "x"},
    {"x / 3", "x * (1 / 3)"},
    {"2 * (x + y)", "2 * x + 2 * y"},
    {"-(x - y)", "y - x"},
    {"sqrt(x^2)", "abs(x)"},
    {"exp(log(x))", "x"},
    {"not (x < y)", "x >= y"},
    {"x == x", "k == k"},
    {"x^0.5", "sqrt(x)"},
    {"k // 2 * 2", "k"},
    {"sum(x) + sum(y)", "sum(x + y)"},
};

/* Equal expressions are one, so the nodes need only be compared piece by piece. */
static bool same_node(const Node *a, const Node *b)
{
    bool equal = a->kind == b->kind && a->type == b->type && a->rank == b->rank && a->nred == b->nred
              && a->reduce == b->reduce && a->body == b->body && a->arg == b->arg;
    for (int k = 0; equal && k < a->nred; k++)
        equal = a->red[k].lo == b->red[k].lo && a->red[k].hi == b->red[k].hi;
    return equal;
}

static void compare(const char *left, const char *right, bool equal)
{
    Ctx *ctx = ctx_new();
    char *text = arena_printf(ctx->arena, "%soutput l = %s\noutput r = %s\n", preamble, left, right);
    Graph *graph = lowered(ctx, "pair.ad", text);
    char *said = messages(ctx);
    ck_assert_msg(graph != NULL, "%s\n%s", text, said);
    graph = simplify(ctx, simplify(ctx, graph));
    verify(ctx, graph);
    const Node *l = output_of(graph, "l"), *r = output_of(graph, "r");
    ck_assert_msg(same_node(l, r) == equal, "'%s' and '%s' become '%s' and '%s'", left, right, computed(ctx, l), computed(ctx, r));
    free(said);
    ctx_free(ctx);
}

START_TEST(law_holds)
{
    compare(same[_i][0], same[_i][1], true);
}
END_TEST

START_TEST(law_is_not_applied)
{
    compare(different[_i][0], different[_i][1], false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("simplify");
    TCase *laws = tcase_create("laws");
    tcase_add_loop_test(laws, law_holds, 0, COUNT(same));
    tcase_add_loop_test(laws, law_is_not_applied, 0, COUNT(different));
    suite_add_tcase(suite, laws);
    return run_suite(suite);
}
