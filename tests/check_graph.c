/* check_graph.c: what must hold of every graph, over all models there are: the shipped ones, the goldens, the conformance
 * cases.
 *
 * After every pass the graph is legal; simplifying twice is simplifying once; another context makes the same text; and a
 * few small models say which nodes are shared and which are dropped. */
#define _POSIX_C_SOURCE 200809L
#include "compile_help.h"
#include <dirent.h>

/* ---------------------------------------------------------------- sharing and dropping */

START_TEST(equal_nodes_are_one)
{
    Ctx *ctx = ctx_new();
    Graph *g = lowered(ctx, "m.ad", "dim n, m\ndata A[n, m]\noutput a = sum(A^2, over = m)\noutput b[i in n] = sum[j in m] A[i, j] * A[i, j]\n");
    g = simplify(ctx, g);
    ck_assert_str_eq(computed(ctx, output_of(g, "a")), computed(ctx, output_of(g, "b")));
    int sums = 0;
    for (int k = 0; k < g->node.n; k++)
        sums += g->node.at[k]->reduce == R_SUM;
    ck_assert_int_eq(sums, 1);
    ctx_free(ctx);
}
END_TEST

START_TEST(dead_nodes_are_dropped)
{
    Ctx *ctx = ctx_new();
    Graph *g = lowered(ctx, "m.ad", "dim n\ndata x[n]\nfn f(v[k]) { let unused = sum(exp(v)); let also = unused^2; sum(v) }\noutput y = f(x)\n");
    g = simplify(ctx, g);
    for (int k = 0; k < g->node.n; k++) {
        const Node *n = g->node.at[k];
        ck_assert_msg(!n->name || (strcmp(n->name, "unused") && strcmp(n->name, "also")), "'%s' is still there", n->name);
        ck_assert_msg(!strstr(computed(ctx, n), "exp"), "%s", computed(ctx, n));
    }
    ctx_free(ctx);
}
END_TEST

/* Two draws that look alike are two draws; a name read twice has one value. */
START_TEST(draws_are_never_shared)
{
    Ctx *ctx = ctx_new();
    Graph *g = lowered(ctx, "m.ad", "dim n\ndata x[n]\nlet a[n] ~ normal(0, 1)\nlet b[n] ~ normal(0, 1)\n"
                       "output d = a - b\noutput z = a - a\n");
    g = simplify(ctx, g);
    ck_assert_str_ne(computed(ctx, output_of(g, "d")), computed(ctx, output_of(g, "z")));
    ctx_free(ctx);
}
END_TEST

START_TEST(operands_come_first)
{
    Ctx *ctx = ctx_new();
    Graph *g = lowered(ctx, "m.ad", "dim n\ndata x[n]\nparam w[n] ~ normal(0, 1)\nloss J = sum(softmax(w * x)^2)\n");
    g = fuse(ctx, share(ctx, simplify(ctx, differentiate(ctx, g))));
    ck_assert(verify(ctx, g));
    ck_assert_ptr_nonnull(g->params.at[0].grad);
    ck_assert_str_eq(g->params.at[0].grad->name, "dw");
    ctx_free(ctx);
}
END_TEST

/* ---------------------------------------------------------------- all models */

typedef struct { char **at; int n; } Paths;
static Paths models;

static void find_models(const char *directory, int depth)
{
    DIR *d = opendir(directory);
    for (struct dirent *f; d && (f = readdir(d)); ) {
        char path[4096];
        size_t n = strlen(f->d_name);
        snprintf(path, sizeof path, "%s/%s", directory, f->d_name);
        if (n > 3 && strcmp(f->d_name + n - 3, ".ad") == 0) {
            models.at = realloc(models.at, (size_t)(models.n + 1) * sizeof *models.at);
            models.at[models.n++] = strdup(path);
        } else if (depth && f->d_name[0] != '.') {
            find_models(path, depth - 1);
        }
    }
    if (d)
        closedir(d);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static char *printed(Ctx *ctx, const Graph *g)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    graph_print(ctx, g, f);
    fclose(f);
    return text;
}

/* Those that are refused without -D are left out: NULL. */
static Graph *passes(Ctx *ctx, const char *path)
{
    static const struct { const char *name; Graph *(*run)(Ctx *, Graph *); } all[] = {
        {"differentiate", differentiate}, {"simplify", simplify}, {"share", share}, {"fuse", fuse},
    };
    int file;
    ck_assert_msg(source_read(ctx, path, &file), "cannot read %s", path);
    ctx->pass = "lower";
    Graph *g = lower(ctx, parse(ctx, file), file);
    if (error_count(ctx) > 0)
        return NULL;
    for (int k = 0; k < COUNT(all) && error_count(ctx) == 0; k++) {
        verify(ctx, g);
        ctx->pass = all[k].name;
        g = all[k].run(ctx, g);
        if (all[k].run == simplify && error_count(ctx) == 0) {
            char *once = printed(ctx, g), *twice = printed(ctx, simplify(ctx, g));
            ck_assert_msg(strcmp(once, twice) == 0, "%s: simplified twice is not simplified once:\n%s\n%s", path, once, twice);
            free(once), free(twice);
        }
    }
    ck_assert_msg(error_count(ctx) == 0, "%s is refused", path);
    verify(ctx, g);
    return g;
}

START_TEST(passes_keep_the_invariants)
{
    Ctx *first = ctx_new(), *second = ctx_new();
    Graph *g = passes(first, models.at[_i]), *h = passes(second, models.at[_i]);
    if (g && h) {
        char *a = printed(first, g), *b = printed(second, h);
        ck_assert_msg(strcmp(a, b) == 0, "%s: the graph differs from one run to the next", models.at[_i]);
        free(a), free(b);
    }
    ctx_free(first), ctx_free(second);
}
END_TEST

int main(void)
{
    const char *tests = getenv("ADC_TESTS");
    char path[4096];
    static const char *const places[] = {"../models", "good", "conformance/cases"};
    for (int k = 0; k < COUNT(places); k++) {
        snprintf(path, sizeof path, "%s/%s", tests ? tests : "tests", places[k]);
        find_models(path, k == 2);
    }
    if (models.n)
        qsort(models.at, (size_t)models.n, sizeof *models.at, by_text);
    Suite *suite = suite_create("graph");
    TCase *nodes = tcase_create("nodes"), *all = tcase_create("models");
    tcase_add_test(nodes, equal_nodes_are_one);
    tcase_add_test(nodes, dead_nodes_are_dropped);
    tcase_add_test(nodes, draws_are_never_shared);
    tcase_add_test(nodes, operands_come_first);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, passes_keep_the_invariants, 0, models.n);
    suite_add_tcase(suite, nodes);
    suite_add_tcase(suite, all);
    int status = run_suite(suite);
    for (int k = 0; k < models.n; k++)
        free(models.at[k]);
    free(models.at);
    return status;
}
