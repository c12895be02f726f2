/* check_front.c: text, places, messages, the grammar and the formatter.
 *
 * tests/bad_syntax/NAME.ad has its whole diagnostics in NAME.err (ADC_UPDATE=1 rewrites it). What the grammar makes of
 * right text is said by pairs of texts that must give the same tree, one of them with every bracket written out. */
#define _POSIX_C_SOURCE 200809L
#include "adc.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof table / sizeof *table))

/* ---------------------------------------------------------------- what a text gives */

typedef enum { TREE, MESSAGES, FORMATTED, TOKENS } Wanted;

static char *result_of(const char *name, const char *text, int n, Wanted wanted)
{
    char *printed = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);
    Ctx *ctx = ctx_new();
    int file = source_add(ctx, name, text, n);
    if (wanted == TOKENS)
        tokens_print(ctx, file, out);
    if (wanted == FORMATTED) {
        Str formatted = {0};
        format_model(ctx, file, &formatted);
        fwrite(formatted.text, 1, formatted.n, out);
        str_free(&formatted);
    }
    if (wanted == TREE || wanted == MESSAGES) {
        const Ast *ast = parse(ctx, file);
        if (wanted == TREE)
            ast_print(ctx, ast, out);
        diag_print(ctx, out);
    }
    ctx_free(ctx);
    fclose(out);
    return printed;
}

static char *of(const char *text, Wanted wanted)
{
    return result_of("m.ad", text, (int)strlen(text), wanted);
}

static void same(const char *what, const char *got, const char *want)
{
    ck_assert_msg(strcmp(got, want) == 0, "%s\n---- gives\n%s\n---- instead of\n%s", what, got, want);
}

/* ---------------------------------------------------------------- the tree */

static const char *const equal_expressions[][2] = {
    {"-x^2", "-(x^2)"},
    {"x^-2", "x^(-2)"},
    {"2^-a*b", "(2^(-a))*b"},
    {"a^b^c", "a^(b^c)"},
    {"-a*b", "(-a)*b"},
    {"- -a - -b", "(-(-a)) - (-b)"},
    {"a - b - c", "(a - b) - c"},
    {"a / b * c", "(a / b) * c"},
    {"a // b % c @ d", "((a // b) % c) @ d"},
    {"a + b * c", "a + (b * c)"},
    {"x > 0 and y > 0 or b", "((x > 0) and (y > 0)) or b"},
    {"b or x and y", "b or (x and y)"},
    {"not x > 0 and b", "(not (x > 0)) and b"},
    {"not not a == b", "not (not (a == b))"},
    {"x + y > 2 * y - 1", "(x + y) > ((2 * y) - 1)"},
    {"x'^2", "(x')^2"},
    {"-x'[0]", "-((x')[0])"},
    {"W' @ x", "(W') @ x"},
    {"sum[k in K] a[k] * b[k] + c", "(sum[k in K] (a[k] * b[k])) + c"},
    {"sum[i in n] a[i] / sum[j in n] b[j]", "sum[i in n] (a[i] / (sum[j in n] b[j]))"},
    {"sum[i in n] -x[i] * y[i]", "sum[i in n] ((-x[i]) * y[i])"},
    {"any[i in n] x[i] > 0", "(any[i in n] x[i]) > 0"},
    {"2 * sum[i in n] x[i] * y[i] - 1", "(2 * (sum[i in n] (x[i] * y[i]))) - 1"},
    {"2^sum[i in n] x[i] * y", "2^(sum[i in n] (x[i] * y))"},
    {"sum(x)[0]^2", "((sum(x))[0])^2"},
    {"max[i in n] (x[i])^2", "max[i in n] ((x[i])^2)"},
    {"f(a, b = c + 1,)", "f(a, b = (c + 1))"},
    {"x[1:, :-1, ::2, a:b:c, new, -1, :]", "x[1:,:(-1), ::2, (a):(b):(c), new, (-1), :]"},
    {"[[1, a], [exp(b), 4],]", "[[1, a], [exp(b), 4]]"},
    {"a\n", "a"},
    {"a +\n\n # on it goes\n b", "a + b"},
    {"f(a\n # inside\n, b\n)", "f(a, b)"},
    {"from + vjp * batch - column", "from + (vjp * batch) - column"},
    {"sum[i in n] from", "sum[i in n] (from)"},
    {"where(a, data = b, sum = c, in = 3)", "where(a, data = (b), sum = (c), in = (3))"},
    {"1. + .5e-3", "(1.) + (.5e-3)"},
};

START_TEST(expressions_bind)
{
    char *left = malloc(4096), *right = malloc(4096);
    snprintf(left, 4096, "let z = %s", equal_expressions[_i][0]);
    snprintf(right, 4096, "let z = %s", equal_expressions[_i][1]);
    char *a = of(left, TREE), *b = of(right, TREE);
    ck_assert_msg(!strstr(a, "error"), "%s\n%s", left, a);
    same(left, a, b);
    free(left), free(right), free(a), free(b);
}
END_TEST

static const char *const equal_models[][2] = {
    {"dim m, n batch, k = 3", "dim m,\n  n batch, # the samples\n  k = 3;"},
    {"let a = 1\nlet b = 2", ";;let a = 1;\n\n;let b = 2;;"},
    {"fn f(x) { let y = x; y }", "fn f(x) = {\n  let y = x\n\n  y\n}\n"},
    {"fn f(x) { x }", "fn f(x)\n# what it does\n{ x }"},
    {"train { lr = 0.1; epochs = 3 }", "train {\nlr = 0.1 # slow\nepochs = 3\n}"},
    {"data X[n, f] : centered missing from columns 0:4", "data X[n, f] centered : missing\tfrom columns 0:4\r\n"},
    {"param w = 0.5 : in(0, 1) frozen", "param w = (0.5) in(0, 1) : frozen"},
    {"let h[t in T] from h0 = a", "let h[t in T] from (h0) = (a)"},
    {"loss mse(a, b)", "\xEF\xBB\xBFloss mse(a,\nb)"},
    {"fn f(x) = x vjp (dy) = (a, b)", "fn f(x) = { x } vjp (dy) = (a, b,)"},
    {"output G[i in 3] = F[i]", "output G[i in 3,] =\nF[i]"},
};

START_TEST(lines_go_on)
{
    char *a = of(equal_models[_i][0], TREE), *b = of(equal_models[_i][1], TREE);
    ck_assert_msg(!strstr(a, "error"), "%s\n%s", equal_models[_i][0], a);
    same(equal_models[_i][1], b, a);
    free(a), free(b);
}
END_TEST

static const char every_statement[] =
    "precision f64\n"
    "dim n batch, k = 2\n"
    "hyper lambda = 1e-3\n"
    "data X[n, k] : scaled from column \"a\", \"b\"\n"
    "param W[k, 3] ~ normal(0, 1) : positive\n"
    "let h[t in k] from 0 = h[t-1]\n"
    "fn f(x[b], s[], r = 2) = x' vjp (dy[b]) = dy\n"
    "output U\n"
    "assert true\n"
    "import \"l.ad\"\n"
    "scan t in 1:k { let q[t] from 0 = 1 }\n"
    "train { data = \"d.csv\" }\n";

static const char every_tree[] =
    "precision f64\n"
    "dim n batch\n"
    "dim k\n"
    "  int 2\n"
    "hyper lambda\n"
    "  = real 1e-3\n"
    "data X\n"
    "  [] name n\n"
    "  [] name k\n"
    "  clause scaled\n"
    "  clause from\n"
    "    string \"a\"\n"
    "    string \"b\"\n"
    "param W\n"
    "  [] name k\n"
    "  [] int 3\n"
    "  ~ call normal\n"
    "    int 0\n"
    "    int 1\n"
    "  clause positive\n"
    "let h\n"
    "  [] in t\n"
    "    name k\n"
    "  from int 0\n"
    "  = index\n"
    "    binary -\n"
    "      name t\n"
    "      int 1\n"
    "    name h\n"
    "fn f\n"
    "  argument x\n"
    "    [] name b\n"
    "  argument s []\n"
    "  argument r\n"
    "    = int 2\n"
    "  transpose\n"
    "    name x\n"
    "  vjp dy\n"
    "    [] name b\n"
    "    name dy\n"
    "output\n"
    "  name U\n"
    "assert\n"
    "  bool true\n"
    "import \"l.ad\"\n"
    "scan t\n"
    "  int 1\n"
    "  name k\n"
    "  let q\n"
    "    [] name t\n"
    "    from int 0\n"
    "    = int 1\n"
    "train\n"
    "  arg data\n"
    "    string \"d.csv\"\n";

START_TEST(statements_have_trees)
{
    char *tree = of(every_statement, TREE);
    same(every_statement, tree, every_tree);
    free(tree);
}
END_TEST

/* A statement that does not parse keeps the names that it would have declared. */
static const char *const poisons[][2] = {
    {"let a[n] = $", "a"},
    {"dim a, b = , c", "a b c"},
    {"parm w = + ", "w"},
    {"let a = 1 let b = 2", "a b"},
    {"W = 3", "W"},
    {"let a = x \\\n  + $y", ""},
    {"data y[n] : index(c) from column \"species", ""},
    {"foo W[n] = 3", "W"},
    {"loss f(x $)", ""},
    {"metric m[i in n] = $", "m"},
    {"fn f(x, 3) = { let z = x; z }", "f"},
    {"scan t in T 3 { let h[t] = 1; let g[t] = 2 }", "h g"},
};

START_TEST(broken_statements_keep_names)
{
    char *tree = of(poisons[_i][0], TREE);
    char got[256] = "";
    for (char *at = tree; (at = strstr(at, "poison")); at += strlen("poison")) {
        char name[64] = "";
        if (at[strlen("poison")] == ' ')
            sscanf(at + strlen("poison"), " %63s", name);
        if (name[0] && got[0])
            strcat(got, " ");
        strcat(got, name);
    }
    same(poisons[_i][0], got, poisons[_i][1]);
    free(tree);
}
END_TEST

START_TEST(tokens_print_their_places)
{
    char *tokens = of("let z =\n  -x # note\n", TOKENS);
    same("tokens", tokens,
         "1:1     let let\n1:5     name z\n1:7     = =\n2:3     - -\n2:4     name x\n2:5     end\n3:1     end of file\n");
    free(tokens);
}
END_TEST

/* ---------------------------------------------------------------- messages */

static const char *tests_directory(void)
{
    const char *tests = getenv("ADC_TESTS");
    return tests ? tests : "tests";
}

static char *golden_path(const char *name, const char *ending)
{
    size_t n = strlen(tests_directory()) + strlen(name) + 32;
    char *path = malloc(n);
    snprintf(path, n, "%s/bad_syntax/%s%s", tests_directory(), name, ending);
    return path;
}

static char *read_file(const char *path, int *n)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return NULL;
    char *text = malloc(1 << 16);
    *n = (int)fread(text, 1, (1 << 16) - 1, in);
    text[*n] = 0;
    fclose(in);
    return text;
}

static void check_golden(const char *name)
{
    int n = 0, nwant = 0;
    char *model = golden_path(name, ".ad"), *golden = golden_path(name, ".err"), *file = malloc(strlen(name) + 4);
    sprintf(file, "%s.ad", name);
    char *text = read_file(model, &n);
    ck_assert_ptr_nonnull(text);
    char *got = result_of(file, text, n, MESSAGES);
    if (getenv("ADC_UPDATE")) {
        FILE *out = fopen(golden, "wb");
        fputs(got, out);
        fclose(out);
    }
    char *want = read_file(golden, &nwant);
    same(model, got, want ? want : "(no golden)");
    free(model), free(golden), free(file), free(text), free(got), free(want);
}

START_TEST(mistakes_are_told)
{
    char *path = golden_path("", "");
    DIR *directory = opendir(path);
    ck_assert_msg(directory != NULL, "no %s", path);
    int n = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".ad") != 0)
            continue;
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)(dot - entry->d_name), entry->d_name);
        check_golden(name);
        n++;
    }
    closedir(directory);
    free(path);
    ck_assert_int_ge(n, 20);
}
END_TEST

static Span span_of(Ctx *ctx, const char *needle, int nth)
{
    const char *at = strstr(ctx->source.at[0].text, needle);
    while (nth-- > 0)
        at = strstr(at + 1, needle);
    int begin = (int)(at - ctx->source.at[0].text);
    return (Span){0, begin, begin + (int)strlen(needle)};
}

static char *printed_messages(Ctx *ctx)
{
    char *printed = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);
    diag_print(ctx, out);
    fclose(out);
    return printed;
}

START_TEST(labels_share_the_excerpt)
{
    const char *text = "# a\ndim n\nlet logits[n, c] = relu(X @ W2 + b1) @ W1 + b2\n";
    Ctx *ctx = ctx_new();
    source_add(ctx, "mlp.ad", text, (int)strlen(text));
    error_at(ctx, span_of(ctx, "@", 0), "E0203", "shapes do not match in '%s'", "@");
    label_at(ctx, span_of(ctx, "X", 0), "[n, f]\tf is declared at %s", place(ctx, span_of(ctx, "n", 0)));
    label_at(ctx, span_of(ctx, "W2", 0), "[h, c]\th is declared at 2:5");
    note_at(ctx, span_of(ctx, "n", 0), "'n' is declared here");
    hint(ctx, "did you mean W1[f, h]?");
    error_at(ctx, span_of(ctx, "@", 0), "E0203", "again");              /* dropped, with what belongs to it */
    hint(ctx, "again");
    warn_at(ctx, span_of(ctx, "dim", 0), "missing", "nothing much");
    ck_assert_int_eq(error_count(ctx), 1);
    char *got = printed_messages(ctx);
    same("labels", got,
         "mlp.ad:2:1: warning: nothing much [-Wmissing]\n"
         "  2 | dim n\n"
         "    | ^~~\n"
         "mlp.ad:3:27: error: shapes do not match in '@' [E0203]\n"
         "  3 | let logits[n, c] = relu(X @ W2 + b1) @ W1 + b2\n"
         "    |                         ~ ^ ~~\n"
         "    |                         |   [h, c]   h is declared at 2:5\n"
         "    |                         [n, f]       f is declared at 2:5\n"
         "    = did you mean W1[f, h]?\n"
         "mlp.ad:2:5: note: 'n' is declared here\n"
         "  2 | dim n\n"
         "    |     ^\n");
    free(got);
    ck_assert_int_eq(error_count(ctx), 0);
    ctx_free(ctx);
}
END_TEST

START_TEST(warnings_can_be_errors_or_silent)
{
    Ctx *ctx = ctx_new();
    source_add(ctx, "m.ad", "dim n", 5);
    ctx->options.werror = true;
    vec_push(ctx, &ctx->options.no_warning, "quiet");
    warn_at(ctx, (Span){0, 0, 3}, "quiet", "not said");
    hint(ctx, "nor this");
    warn_at(ctx, (Span){0, 0, 3}, "loud", "said");
    ck_assert_int_eq(error_count(ctx), 1);
    char *got = printed_messages(ctx);
    same("werror", got, "m.ad:1:1: error: said [-Werror,-Wloud]\n  1 | dim n\n    | ^~~\n");
    free(got);
    ctx_free(ctx);
}
END_TEST

static const struct { const char *word, *names[6], *best; } nears[] = {
    {"lgits", {"logits", "labels"}, "logits"},
    {"unifrom", {"normal", "uniform"}, "uniform"},
    {"bais", {"weights", "bias"}, "bias"},
    {"ovr", {"axis", "over"}, "over"},
    {"epoch", {"epochs", "steps"}, "epochs"},
    {"parm", {"param", "data"}, "param"},
    {"rmsporp", {"adam", "rmsprop"}, "rmsprop"},
    {"w3", {"w1", "b"}, "w1"},
    {"a", {"b", "A"}, "A"},
    {"a", {"b", "ab"}, NULL},
    {"logits", {"logits", "logit"}, "logit"},
    {"target", {"fitted", "weights"}, NULL},
    {"", {"a"}, NULL},
};

START_TEST(near_names_are_found)
{
    int n = 0;
    while (nears[_i].names[n])
        n++;
    const char *best = nearest_name(nears[_i].word, nears[_i].names, n);
    ck_assert_str_eq(best ? best : "(none)", nears[_i].best ? nears[_i].best : "(none)");
}
END_TEST

START_TEST(codes_are_explained)
{
    int n = 0;
    for (const char *code = explain_next(NULL); code; code = explain_next(code), n++) {
        const char *text = explain(code);
        ck_assert_ptr_nonnull(text);
        ck_assert_int_eq(text[strlen(text) - 1], '\n');
    }
    ck_assert_int_ge(n, 45);
    ck_assert_ptr_null(explain("E9999"));
    ck_assert_ptr_nonnull(explain("-Wbatch-sum"));
}
END_TEST

/* ---------------------------------------------------------------- hard input */

static char *repeated(const char *head, const char *part, int n, const char *tail)
{
    char *text = malloc(strlen(head) + strlen(part) * (size_t)n + strlen(tail) + 1), *at = text;
    at += sprintf(at, "%s", head);
    for (int i = 0; i < n; i++, at += strlen(part))
        memcpy(at, part, strlen(part) + 1);
    strcpy(at, tail);
    return text;
}

static const struct { const char *head, *part; int n; const char *tail; } floods[] = {
    {"loss ", "(", 100000, ""}, {"loss ", "-", 100000, "1"}, {"loss ", "1^", 50000, "1"}, {"loss ", "not ", 30000, "1"},
    {"loss ", "1+", 50000, "1"}, {"loss ", "sum[i in n] -", 5000, "x"}, {"loss x", "'", 60000, ""}, {"", "{(", 30000, "})"},
    {"", "fn f() {", 8000, "}"}, {"", "a;", 32000, ""}, {"let x = f(", "1;", 30000, ")"}, {"let x", "\n", 60000, "{"},
    {"", "let x = $;", 6000, ""}, {"", "\xFF", 60000, ""}, {"", "]", 60000, ""}, {"let ", "w", 60000, " = = 3"},
    {"train {", "a = 1;", 10000, "}"}, {"let a = [", "1, ", 20000, "1]"},
};

START_TEST(floods_are_survived)
{
    char *text = repeated(floods[_i].head, floods[_i].part, floods[_i].n, floods[_i].tail);
    char *tree = of(text, TREE), *messages = of(text, MESSAGES), *formatted = of(text, FORMATTED);
    free(text), free(tree), free(messages), free(formatted);
}
END_TEST

START_TEST(bytes_of_zero_are_told)
{
    char *messages = result_of("m.ad", "let a = 1\0 + 2\nlet b = 2\n", 25, MESSAGES);
    same("NUL", messages, "m.ad:1:10: error: unexpected NUL byte [E0102]\n  1 | let a = 1? + 2\n    |          ^\n");
    free(messages);
}
END_TEST

/* ---------------------------------------------------------------- layout */

static const char *const formatted[][2] = {
    {"let  D=where( a>b,x [1 : n],\n 0 )#note", "let D = where(a > b, x[1:n],\n              0)  #note\n"},
    {"\n\ndim n,m ;\n\n\n\ndata X[ n ]:scaled;", "dim n, m\n\ndata X[n] : scaled\n"},
    {"let y = a*b - c *d", "let y = a*b - c * d\n"},
    {"let y = - x^ 2 + - -3", "let y = -x^2 + - -3\n"},
    {"let z=x [ 1 : n,::2 , new,-1]' and  not(true)", "let z = x[1:n, ::2, new, -1]' and not (true)\n"},
    {"train{lr=0.1;\n # slow\n epochs=3}", "train { lr = 0.1\n    # slow\n    epochs = 3 }\n"},
    {"fn f(x[b],k=2)={let q=3 ;q+x}vjp(dy[b])=(dy,-2)", "fn f(x[b], k = 2) = { let q = 3; q+x } vjp (dy[b]) = (dy, -2)\n"},
    {"let s=max [ i in n ](x[i])*-sum[j in n]-x[j]", "let s = max[i in n] (x[i])*-sum[j in n] -x[j]\n"},
    {"let u =\n X @ w +   # more\n   1\n", "let u =\n    X @ w +  # more\n    1\n"},
    {"loss mean(\nx,\ny\n)", "loss mean(\n    x,\n    y\n)\n"},
    {"scan t in T{\n# c\nlet h[t] from 0=h[t-1]}", "scan t in T {\n    # c\n    let h[t] from 0 = h[t-1] }\n"},
    {"dim a   # one\n        # two\ndim b\n", "dim a   # one\n        # two\ndim b\n"},
    {"param w=2 in(0, 1)\ndata X[n]:index(c)   from columns 0:4:missing",
     "param w = 2 in(0, 1)\ndata X[n] : index(c) from columns 0:4 : missing\n"},
    {"", ""},
    {"# only this", "# only this\n"},
};

START_TEST(models_are_laid_out)
{
    char *once = of(formatted[_i][0], FORMATTED);
    same(formatted[_i][0], once, formatted[_i][1]);
    char *twice = of(once, FORMATTED);
    same("twice", twice, once);
    free(once), free(twice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("front");
    TCase *tree = tcase_create("tree"), *messages = tcase_create("messages"), *layout = tcase_create("layout");
    tcase_set_timeout(messages, 60);
    tcase_add_loop_test(tree, expressions_bind, 0, COUNT(equal_expressions));
    tcase_add_loop_test(tree, lines_go_on, 0, COUNT(equal_models));
    tcase_add_test(tree, statements_have_trees);
    tcase_add_test(tree, tokens_print_their_places);
    tcase_add_loop_test(tree, broken_statements_keep_names, 0, COUNT(poisons));
    tcase_add_test(messages, mistakes_are_told);
    tcase_add_test(messages, labels_share_the_excerpt);
    tcase_add_test(messages, warnings_can_be_errors_or_silent);
    tcase_add_loop_test(messages, near_names_are_found, 0, COUNT(nears));
    tcase_add_test(messages, codes_are_explained);
    tcase_add_test(messages, bytes_of_zero_are_told);
    tcase_add_loop_test(messages, floods_are_survived, 0, COUNT(floods));
    tcase_add_loop_test(layout, models_are_laid_out, 0, COUNT(formatted));
    suite_add_tcase(suite, tree);
    suite_add_tcase(suite, messages);
    suite_add_tcase(suite, layout);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
