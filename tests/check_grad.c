/* check_grad.c: the derivative of every row of ops.def, and of what is made of them, twice.
 *
 *     check_grad ADC
 *
 * A row of the table below is a function of a vector x of four numbers and the operation that it is there for. Models made
 * of some rows each are built and evaluated once; for every row they print how far the first and second derivatives are
 * from central differences, and both sides of <w, J v> = <J' w, v>, where jvp gives the left one. That a row reaches its
 * operation is seen in its graph; an operation without a row fails. */
#define _XOPEN_SOURCE 700
#include "scratch.h"
#include "adc.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) ((int)(sizeof table / sizeof *table))

/* x: where to look, away from kinks and poles. */
typedef struct { Op op; const char *text; const char *x; } Row;

static const Row rows[] = {
    {OP_NEG, "-(x * x)", "0.3, 1.7, -2.1, 40"},
    {OP_ADD, "x + x * x", "0.3, 1.7, -2.1, 40"},
    {OP_SUB, "x * x - x", "0.3, 1.7, -2.1, 40"},
    {OP_MUL, "x * x * x", "0.3, 1.7, -2.1, 4"},
    {OP_DIV, "1.5 / x", "0.3, 1.7, -2.1, 40"},
    {OP_DIV, "x / (x * x + 2)", "0.3, 1.7, -2.1, 40"},
    {OP_FLOORDIV, "x // 0.7 * x", "0.3, 1.7, -2, 40"},
    {OP_MOD, "(x % 0.7) * x", "0.3, 1.7, -2, 40"},
    {OP_MOD, "7 % x * x", "0.3, 1.7, -2.1, 4"},
    {OP_POW, "pow(x, 2.5)", "0.3, 1.7, 2.1, 4"},
    {OP_POW, "x^-3", "0.3, 1.7, -2.1, 4"},
    {OP_POW, "1.5^x", "0.3, 1.7, -2.1, 4"},
    {OP_POW, "x^(0.3 + 0.9 * x)", "0.3, 1.7, 2.1, 3"},
    {OP_MIN, "min(x * x, 2 * x)", "0.3, 1.7, -2.1, 4"},
    {OP_MAX, "max(x * x, 2 * x)", "0.3, 1.7, -2.1, 4"},
    {OP_ABS, "abs(x) * x", "0.3, 1.7, -2.1, 40"},
    {OP_SIGN, "sign(x) * x * x", "0.3, 1.7, -2.1, 40"},
    {OP_EQ, "where(x == 1.7, x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_NE, "where(x != 2 * x, x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_LT, "where(x < 1, x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_LE, "where(1 >= x, x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_AND, "where(x < 1 and x^2 > 1, x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_OR, "where(x < 0 or x^2 > 4, x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_NOT, "where(x > 0 and not isnan(x), x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_ISNAN, "where(isnan(x), x^2, x^3)", "0.3, 1.6, -2.1, 4"},
    {OP_WHERE, "where(x > 1, log(x), exp(x))", "0.3, 1.6, -2.1, 4"},
    {OP_REALOF, "sum[i in 3] x^2 * i", "0.3, 1.6, -2.1, 4"},
    {OP_INTOF, "x^2 * sum(x > 0)", "0.3, 1.6, -2.1, 4"},
    {OP_EXP, "exp(x)", "0.3, 1.7, -2.1, 4"},
    {OP_EXPM1, "expm1(x)", "1e-5, 1.7, -2.1, 4"},
    {OP_LOG, "log(x)", "0.3, 1.7, 2.1, 40"},
    {OP_LOG1P, "log1p(x)", "1e-5, 1.7, -0.9, 40"},
    {OP_SQRT, "sqrt(x)", "0.3, 1.7, 2.1, 40"},
    {OP_FLOOR, "floor(x) * x^2", "0.3, 1.7, -2.1, 4.5"},
    {OP_CEIL, "ceil(x) * x^2", "0.3, 1.7, -2.1, 4.5"},
    {OP_ROUND, "round(x) * x^2", "0.3, 1.7, -2.1, 4.3"},
    {OP_SIN, "sin(x)", "0.3, 1.7, -2.1, 4"},
    {OP_COS, "cos(x)", "0.3, 1.7, -2.1, 4"},
    {OP_TAN, "tan(x)", "0.3, 1.2, -2.1, 4"},
    {OP_ASIN, "asin(x)", "0.3, 0.7, -0.9, 0.01"},
    {OP_ACOS, "acos(x)", "0.3, 0.7, -0.9, 0.01"},
    {OP_ATAN, "atan(x)", "0.3, 1.7, -2.1, 40"},
    {OP_ATAN2, "atan2(x, 1.2)", "0.3, 1.7, -2.1, 4"},
    {OP_ATAN2, "atan2(-1.2, x)", "0.3, 1.7, -2.1, 4"},
    {OP_ATAN2, "atan2(x, x^2 - 3)", "0.3, 1.2, -2.1, 4"},
    {OP_SINH, "sinh(x)", "0.3, 1.7, -2.1, 4"},
    {OP_COSH, "cosh(x)", "0.3, 1.7, -2.1, 4"},
    {OP_TANH, "tanh(x)", "0.3, 1.7, -2.1, 4"},
    {OP_ASINH, "asinh(x)", "0.3, 1.7, -2.1, 40"},
    {OP_ACOSH, "acosh(x)", "1.3, 1.7, 2.1, 40"},
    {OP_ATANH, "atanh(x)", "0.3, 0.7, -0.9, 0.01"},
    {OP_HYPOT, "grad(sum(asinh(x)), x)", "0.3, 1.7, -2.1, 4"},
    {OP_ERF, "erf(x)", "0.3, 1.7, -2.1, 0.01"},
    {OP_ERFC, "erfc(x)", "0.3, 1.7, -2.1, 0.01"},
    {OP_LGAMMA, "lgamma(x)", "0.3, 1.7, 2.1, 40"},
    {OP_LGAMMA, "lgamma(x)", "-0.3, -1.7, -2.1, 10.5"},
    {OP_POLYGAMMA, "digamma(x)", "0.3, 1.7, 2.1, 40"},
    {OP_POLYGAMMA, "polygamma(2, x)", "0.7, 1.7, 2.1, 40"},
    {OP_SIGMOID, "sigmoid(x)", "0.3, 1.7, -2.1, 4"},
    {OP_SOFTPLUS, "softplus(x)", "0.3, 1.7, -2.1, 4"},
    {OP_SECH2, "grad(sum(tanh(x)), x)", "0.3, 1.7, -2.1, 4"},
    {OP_LOG_NORMAL_CDF, "log_normal_cdf(x)", "0.3, 1.7, -2.1, -9"},
    {OP_MILLS, "grad(sum(log_normal_cdf(x)), x)", "0.3, 1.7, -2.1, -9"},
    {OP_MILLS_SLOPE, "grad(sum(grad(sum(log_normal_cdf(x)), x)), x)", "0.3, 1.7, -2.1, -9"},
    {OP_NORMAL_CDF, "normal_cdf(x)", "0.3, 1.7, -2.1, -9"},
    {OP_HERMITE, "grad(sum(normal_cdf(x)), x)", "0.3, 1.7, -2.1, -4"},
    {OP_HERMITE_ERF, "grad(sum(erf(x)), x)", "0.3, 1.7, -2.1, -3"},
    {OP_LBETA, "lbeta(x, 2.5) + lbeta(1.5, x) + lbeta(x, x^2)", "0.3, 1.7, 12.5, 40"},
    {OP_POLYGAMMA_STEP, "grad(sum(lbeta(x, 2.5 + x)), x)", "0.3, 1.7, 12.5, 40"},
    {OP_UNIT, "grad(sum(grad(sum(asinh(x)), x)), x)", "0.3, 1.7, -2.1, 4"},
    {OP_ONE_MINUS_SQUARE, "grad(sum(atanh(x)), x)", "0.3, 0.7, -0.9, 0.01"},
    /* the library's functions of an element */
    {OP_SQRT, "rsqrt(x) + square(x)", "0.3, 1.7, 2.1, 40"},
    {OP_LBETA, "lbeta(x, x + 1)", "0.3, 1.7, 2.1, 40"},
    {OP_SOFTPLUS, "logaddexp(x, 1 - x^2)", "0.3, 1.7, -2.1, 4"},
    {OP_WHERE, "clamp(x^2, 0.5, 5)", "0.3, 1.7, -2.1, 4"},
    {OP_WHERE, "relu(x^3) + leaky_relu(x^3) + hardtanh(x)", "0.3, 1.7, -2.1, 4"},
    {OP_EXPM1, "elu(x) + selu(x)", "0.3, 1.7, -2.1, -4"},
    {OP_NORMAL_CDF, "gelu(x)", "0.3, 1.7, -2.1, 4"},
    {OP_SIGMOID, "silu(x) + log_sigmoid(x)", "0.3, 1.7, -2.1, 4"},
    {OP_LOG, "logit(x)", "0.3, 0.7, 0.1, 0.99"},
    /* and of the vector */
    {OP_EXP, "softmax(x)", "0.3, 1.7, -2.1, 0.4"},
    {OP_EXP, "log_softmax(x)", "0.3, 1.7, -2.1, 0.4"},
    {OP_EXP, "logsumexp(x)", "0.3, 1.7, -2.1, 0.4"},
    {OP_SQRT, "norm(x)", "0.3, 1.7, -2.1, 0.4"},
    {OP_SQRT, "std(x) + var(x) + std(x, ddof = 1)", "0.3, 1.7, -2.1, 0.4"},
    {OP_DIV, "layer_norm(x)", "0.3, 1.7, -2.1, 0.4"},
    {OP_DIV, "mean(x) * x", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "prod(x)", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "max(x) * min(x)", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "cumsum(x^2, over = 0)", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "reshape(x, [2, 2]) @ reshape(x, [2, 2])", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "outer(x, x) + diag(x^2)", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "trace(reshape(x, [2, 2])')^2", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "concat(x, x[::2]^2, x[1:])", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "x[1:] * x[:-1] * x[-1]", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "sum[i in 4, j in i + 1:4] (x[i] - x[j])^3", "0.3, 1.7, -2.1, 0.4"},
    {OP_MUL, "sum[s in 2] x[s]^2 * x[s + 2]", "0.3, 1.7, -2.1, 0.4"},
    {OP_WHERE, "sum[i in 4, j in 4] where(i < j, x[i] * x[j]^2, 0)", "0.3, 1.7, -2.1, 0.4"},
    {OP_TANH, "{ let r[t in 4] from 0.5 = tanh(x[t] * r[t-1] + 0.2); r }", "0.3, 1.7, -2.1, 0.4"},
    {OP_SIN, "{ scan t in 4 { let r[t] from 0.5 = r[t-1] + 0.1 * q[t-1]; let q[t] from 1 = q[t-1] - sin(r[t]) * x[t] }; r * q }",
     "0.3, 1.7, -2.1, 0.4"},
    {OP_SIN, "{ let r[t in 4] from 0.5 = settle(r[t-1], x[t]); r }", "0.3, 1.7, -2.1, 0.4"},
    {OP_WHERE, "huber(x, 0.2) + mse(x, 1) + hinge(x, 1) + mae(x, 0.1)", "0.3, 1.7, -2.1, 0.4"},
    {OP_SOFTPLUS, "bce(x, 0.3) + poisson_nll(x, 2)", "0.3, 1.7, -2.1, 0.4"},
    {OP_EXP, "cross_entropy(x, [0.1, 0.2, 0.3, 0.4]) + kl(log_softmax(x), [0, 0.5, 0.3, 0.2])", "0.3, 1.7, -2.1, 0.4"},
};
enum { ROWS = COUNT(rows), PER_MODEL = 24 };

static const char prelude[] =
    "precision f64\n"
    "let h = 1 / 131072\n"
    "fn settle(start, a) { let q[s in 3] from start = sin(q[s-1] * a) + 0.3; q[-1] }\n"
    "let u[i in 4] = cos(3.0 * i + 1)\n"
    "let v[i in 4] = sin(5.0 * i + 2)\n";

/* The function is weighed with w, so that one number stands for its whole Jacobian: first_ is <J' w, v>, forward_ is
 * <w, J v>, gap_ a central difference; the others are the same of J' w, weighed with u. */
static void add_row(Str *out, int k)
{
    const char *template =
        "fn f@(x) = EXPRESSION\n"
        "param x@[4] = [ARGUMENTS]\n"
        "let y@ = f@(x@)\n"
        "let w@ = stop(cos(3 * y@ + 1))\n"
        "let g@ = grad(sum(w@ * y@), x@)\n"
        "let p@ = x@ + h * v\n"
        "let m@ = x@ - h * v\n"
        "metric first_@ = sum(g@ * v)\n"
        "metric gap_@ = (sum(w@ * f@(p@)) - sum(w@ * f@(m@))) / (2 * h)\n"
        "metric forward_@ = sum(w@ * jvp(y@, x@, v))\n"
        "metric scale_@ = sum(abs(g@ * v))\n"
        "let H@ = grad(sum(u * g@), x@)\n"
        "metric second_@ = sum(H@ * v)\n"
        "metric gap2_@ = sum(u * (grad(sum(w@ * f@(p@)), p@) - grad(sum(w@ * f@(m@)), m@))) / (2 * h)\n"
        "metric forward2_@ = sum(u * jvp(g@, x@, v))\n"
        "metric scale2_@ = sum(abs(H@ * v))\n";
    for (const char *at = template; *at; ) {
        if (*at == '@')
            str_add(out, "%d", k), at++;
        else if (strncmp(at, "EXPRESSION", 10) == 0)
            str_add(out, "%s", rows[k].text), at += 10;
        else if (strncmp(at, "ARGUMENTS", 9) == 0)
            str_add(out, "%s", rows[k].x), at += 9;
        else
            str_addn(out, at++, 1);
    }
}

static void model_of(Str *out, int from, int to)
{
    str_add(out, "%s", prelude);
    for (int k = from; k < to; k++)
        add_row(out, k);
    str_add(out, "loss sum(x%d)\n", from);
}

/* ---------------------------------------------------------------- which operations a row reaches */

static void mark(void *reached, const Ex *e)
{
    ((bool *)reached)[e->op] = true;
}

static bool reaches(int k)
{
    Ctx *ctx = ctx_new();
    Str text = {0};
    model_of(&text, k, k + 1);
    int file = source_add(ctx, "row.ad", text.text, (int)text.n);
    Graph *graph = lower(ctx, parse(ctx, file), file);
    bool reached[OP_COUNT] = {false};
    if (graph)
        graph = differentiate(ctx, graph);
    for (int n = 0; graph && n < graph->node.n; n++)
        if (graph->node.at[n]->body)
            ex_visit(graph->node.at[n]->body, mark, reached);
    char *said = NULL;
    size_t size;
    FILE *f = open_memstream(&said, &size);
    diag_print(ctx, f);
    fclose(f);
    ck_assert_msg(size == 0, "%s: %s", rows[k].text, said);
    free(said);
    str_free(&text);
    ctx_free(ctx);
    return reached[rows[k].op];
}

START_TEST(row_reaches_its_operation)
{
    ck_assert_msg(reaches(_i), "'%s' does not compute '%s'", rows[_i].text, op_name(rows[_i].op));
}
END_TEST

static const struct { Op op; const char *name; } operations[] = {
#define OP(id, name, args, result, properties, text) {OP_##id, name},
#include "ops.def"
#undef OP
};

START_TEST(operation_has_a_row)
{
    bool found = false;
    for (int k = 0; k < ROWS; k++)
        found |= rows[k].op == operations[_i].op;
    ck_assert_msg(found, "no row of check_grad.c differentiates '%s'", operations[_i].name);
}
END_TEST

/* ---------------------------------------------------------------- what the trainers say */

typedef struct { double first, gap, forward, scale, second, gap2, forward2, scale2; } Answer;
static Answer answer[ROWS];
static const char *adc;

/* 'second_17' is the second derivative of row 17. */
static void put_answer(const char *name, double value)
{
    static const char *const names[] = {"first", "gap", "forward", "scale", "second", "gap2", "forward2", "scale2"};
    const char *bar = strrchr(name, '_');
    for (int n = 0; bar && n < COUNT(names); n++)
        if (strlen(names[n]) == (size_t)(bar - name) && strncmp(name, names[n], strlen(names[n])) == 0)
            ((double *)&answer[atoi(bar + 1)])[n] = value;
}

static void evaluate(const char *directory, int from, int to)
{
    char command[4096], line[256];
    Str text = {0};
    model_of(&text, from, to);
    snprintf(command, sizeof command, "%s/m.ad", directory);
    FILE *f = fopen(command, "w");
    ck_assert_ptr_nonnull(f);
    fwrite(text.text, 1, text.n, f);
    fclose(f);
    str_free(&text);
    snprintf(command, sizeof command, "cd %s && '%s' build m.ad -o m && ./m eval", directory, adc);
    FILE *out = popen(command, "r");
    ck_assert_ptr_nonnull(out);
    while (fgets(line, sizeof line, out)) {
        char name[64];
        double value;
        if (sscanf(line, "%63s %lf", name, &value) == 2)
            put_answer(name, value);
    }
    ck_assert_msg(pclose(out) == 0, "rows %d to %d: adc or the trainer failed", from, to - 1);
}

static void evaluate_all(void)
{
    char directory[SCRATCH], command[SCRATCH + 8];
    ck_assert_ptr_nonnull(scratch(directory));
    for (int k = 0; k < ROWS; k++)
        for (int n = 0; n < 8; n++)
            ((double *)&answer[k])[n] = NAN;
    for (int from = 0; from < ROWS; from += PER_MODEL)
        evaluate(directory, from, from + PER_MODEL < ROWS ? from + PER_MODEL : ROWS);
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(derivatives_are_right)
{
    const Answer *a = &answer[_i];
    const char *text = rows[_i].text;
    struct { const char *what; double got, want, scale, tolerance; } checks[] = {
        {"first derivative and central differences", a->first, a->gap, a->scale, 1e-6},
        {"second derivative and central differences", a->second, a->gap2, a->scale2, 1e-6},
        {"first derivative, backward and forward,", a->first, a->forward, a->scale, 1e-12},
        {"second derivative, backward and forward,", a->second, a->forward2, a->scale2, 1e-12},
    };
    for (int k = 0; k < COUNT(checks); k++)
        ck_assert_msg(fabs(checks[k].got - checks[k].want) <= checks[k].tolerance * fmax(checks[k].scale, 1e-2),
                      "%s at %s: %s are %.17g and %.17g", text, rows[_i].x, checks[k].what, checks[k].got, checks[k].want);
}
END_TEST

int main(int argc, char **argv)
{
    char *path = argc == 2 ? realpath(argv[1], NULL) : NULL;
    if (!(adc = path)) {
        fprintf(stderr, "usage: check_grad ADC\n");
        return 2;
    }
    Suite *suite = suite_create("grad");
    TCase *table = tcase_create("table"), *values = tcase_create("values");
    tcase_add_loop_test(table, operation_has_a_row, 0, COUNT(operations));
    tcase_add_loop_test(table, row_reaches_its_operation, 0, ROWS);
    tcase_add_unchecked_fixture(values, evaluate_all, NULL);
    tcase_add_loop_test(values, derivatives_are_right, 0, ROWS);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, values);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    free(path);
    return failed != 0;
}
