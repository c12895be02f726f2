/* compile_help.h: what the suites of the middle share: a text to its graph, the first words of what was wrong with it. */
#ifndef COMPILE_HELP_H
#define COMPILE_HELP_H

#include "adc.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof table / sizeof *table))

/* The graph as lowering leaves it, or NULL after errors. */
static inline Graph *lowered(Ctx *ctx, const char *name, const char *text)
{
    int file = source_add(ctx, name, text, (int)strlen(text));
    const Ast *ast = parse(ctx, file);
    ctx->pass = "lower";
    Graph *graph = lower(ctx, ast, file);
    return error_count(ctx) ? NULL : graph;
}

/* What was said, to be freed. */
static inline char *messages(Ctx *ctx)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    diag_print(ctx, f);
    fclose(f);
    return text;
}

/* A node's line without its number and name and without the place it comes from: what it computes. In the arena. */
static inline const char *computed(Ctx *ctx, const Node *n)
{
    Str text = {0};
    node_print(ctx, n, &text);
    char *from = strstr(text.text, " = "), *to = strstr(text.text, "  ;");
    const char *made = arena_strndup(ctx->arena, from ? from + 3 : text.text, (size_t)((to ? to : text.text + text.n) - (from ? from + 3 : text.text)));
    str_free(&text);
    for (size_t n_kept = strlen(made); n_kept && made[n_kept - 1] == ' '; n_kept--)
        ((char *)made)[n_kept - 1] = '\0';
    return made;
}

static inline const Node *output_of(const Graph *g, const char *name)
{
    for (int k = 0; k < g->outputs.n; k++)
        if (strcmp(g->outputs.at[k].name, name) == 0)
            return g->outputs.at[k].node;
    ck_abort_msg("no output '%s'", name);
    return NULL;
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
