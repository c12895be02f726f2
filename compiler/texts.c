/* texts.c: the smaller texts made of a model: rules for make, a manifest for programs, the file that needs no runtime.
 *
 *     --emit=deps       mlp.c: mlp.ad layers.ad
 *     --emit=manifest   {"model": "mlp", "dims": [{"name": "n", "batch": true}, ...], "data": [...], ...} */
#include "driver.h"
#include <string.h>

/* ---------------------------------------------------------------- dependencies */

/* A path as make reads it. */
static void add_path(Str *out, const char *path)
{
    for (; *path; path++) {
        if (*path == '$')
            str_add(out, "$");
        else if (strchr(" \t#:", *path))
            str_add(out, "\\");
        str_addn(out, path, 1);
    }
}

/* Not what stands in adc itself or on the command line. */
static bool is_dependency(const Source *s)
{
    return s->name[0] != '<' && strcmp(s->name, "std.ad") != 0;
}

void deps_print(Compile *c, const char *target, bool phony, Str *out)
{
    add_path(out, target);
    str_add(out, ":");
    for (int i = 0; i < c->ctx->source.n; i++) {
        if (!is_dependency(&c->ctx->source.at[i]))
            continue;
        str_add(out, " ");
        add_path(out, c->ctx->source.at[i].name);
    }
    str_add(out, "\n");
    for (int i = 0; phony && i < c->ctx->source.n; i++) {
        if (i == c->file || !is_dependency(&c->ctx->source.at[i]))
            continue;
        str_add(out, "\n");
        add_path(out, c->ctx->source.at[i].name);
        str_add(out, ":\n");
    }
}

/* ---------------------------------------------------------------- the manifest */

static void add_json(Str *out, const char *text)
{
    str_add(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            str_add(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            str_add(out, "\\u%04x", (unsigned)(unsigned char)*text);
        else
            str_addn(out, text, 1);
    }
    str_add(out, "\"");
}

static void add_shape(Compile *c, const Node *node, Str *out)
{
    static const char *const types[] = {[T_REAL] = "real", [T_INT] = "int", [T_BOOL] = "bool"};
    if (!node)
        return;
    str_add(out, ", \"type\": \"%s\", \"shape\": [", types[node->type]);
    for (int i = 0; i < node->rank; i++) {
        const Axis *axis = &node->axis[i];
        int64_t size;
        str_add(out, i ? ", " : "");
        if (axis->dim) {
            add_json(out, axis->dim->name);
        } else if (ex_is_int(axis->size, &size)) {
            str_add(out, "%lld", (long long)size);
        } else {
            Str text = {0};
            ex_print(c->ctx, axis->size, NULL, &text);
            add_json(out, text.text);
            str_free(&text);
        }
    }
    str_add(out, "]");
    if (node->labels) {
        str_add(out, ", \"index\": ");
        add_json(out, node->labels->name);
    }
}

static void add_entry(Compile *c, bool first, const char *name, const Node *node, Span span, Str *out)
{
    str_add(out, "%s\n    {\"name\": ", first ? "" : ",");
    add_json(out, name ? name : "loss");
    add_shape(c, node, out);
    str_add(out, ", \"line\": %d", span_line(c->ctx, span));
}

static void add_dims(Compile *c, Str *out)
{
    const Graph *g = c->graph;
    for (int i = 0; i < g->dims.n; i++) {
        const Dim *d = g->dims.at[i];
        int64_t size;
        add_entry(c, i == 0, d->name, NULL, d->span, out);
        if (d->size && ex_is_int(d->size, &size))
            str_add(out, ", \"size\": %lld", (long long)size);
        str_add(out, "%s}", d->batch ? ", \"batch\": true" : "");
    }
}

void manifest_print(Compile *c, Str *out)
{
    const Graph *g = c->graph;
    const struct { const char *key; const Root *at; int n; } roots[] = {
        {"losses", g->losses.at, g->losses.n}, {"metrics", g->metrics.at, g->metrics.n}, {"outputs", g->outputs.at, g->outputs.n},
    };
    str_add(out, "{\n  \"model\": ");
    add_json(out, c->stem);
    str_add(out, ",\n  \"precision\": \"f%d\",\n  \"dims\": [", g->precision);
    add_dims(c, out);
    str_add(out, "],\n  \"hypers\": [");
    for (int i = 0; i < g->hypers.n; i++) {
        add_entry(c, i == 0, g->hypers.at[i].name, NULL, g->hypers.at[i].ast->span, out);
        str_add(out, ", \"value\": %.17g}", g->hypers.at[i].value);
    }
    str_add(out, "],\n  \"data\": [");
    for (int i = 0; i < g->data.n; i++) {
        add_entry(c, i == 0, g->data.at[i].name, g->data.at[i].node, g->data.at[i].ast->span, out);
        str_add(out, "%s}", g->data.at[i].missing ? ", \"missing\": true" : "");
    }
    str_add(out, "],\n  \"params\": [");
    for (int i = 0; i < g->params.n; i++) {
        add_entry(c, i == 0, g->params.at[i].name, g->params.at[i].node, g->params.at[i].ast->span, out);
        str_add(out, "%s}", g->params.at[i].frozen ? ", \"frozen\": true" : "");
    }
    for (size_t r = 0; r < sizeof roots / sizeof *roots; r++) {
        str_add(out, "],\n  \"%s\": [", roots[r].key);
        for (int i = 0; i < roots[r].n; i++) {
            add_entry(c, i == 0, roots[r].at[i].name, roots[r].at[i].node, roots[r].at[i].span, out);
            str_add(out, "}");
        }
    }
    str_add(out, "],\n  \"settings\": {");
    for (int i = 0; i < g->settings.n; i++) {
        str_add(out, "%s\n    ", i ? "," : "");
        add_json(out, g->settings.at[i].key);
        str_add(out, ": ");
        add_json(out, g->settings.at[i].text);
    }
    str_add(out, "}\n}\n");
}

/* ---------------------------------------------------------------- one file that needs no runtime */

/* '#include "adrt.h"', '#include <adrt_math.h>': pasted above */
static bool includes_runtime(const char *line)
{
    return strncmp(line, "#include \"", 10) == 0 || strncmp(line, "#include <adrt", 14) == 0;
}

/* The runtime's text comes in front, under the feature test that it is built with; the model keeps its own lines. */
void standalone_join(Compile *c, Str *out)
{
    str_add(out, "/* %s: made by adc from %s, with its runtime: cc -O3 -march=native %s.c -lm\n"
                 " * The model begins below the runtime; look for \"the model\". */\n"
                 "#ifndef _POSIX_C_SOURCE\n#define _POSIX_C_SOURCE 200809L\n#endif\n\n",
            c->stem, path_base(c->path), c->stem);
    str_addn(out, runtime_text, runtime_text_len);
    str_add(out, "\n/* ---------------------------------------------------------------- the model */\n\n");
    for (const char *line = c->code.text; line && *line; ) {
        size_t n = strcspn(line, "\n");
        n += line[n] == '\n';
        if (!includes_runtime(line))
            str_addn(out, line, n);
        line += n;
    }
}
