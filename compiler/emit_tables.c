/* emit_tables.c: what the runtime reads about the model: tables of dims, hypers, data, params, results and settings, in
 * the layout of adrt.h, and main(). */
#include "emit.h"
#include "adrt.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static int line_of(Emit *e, Span s) { return s.end > s.begin ? span_line(e->ctx, s) : 0; }

static const char *quoted(Emit *e, const char *text) {
    Str s = {0};
    if (!text)
        return "NULL";
    out_string(&s, text, (int)strlen(text));
    const char *made = arena_strdup(e->ctx->arena, s.text);
    str_free(&s);
    return made;
}

/* ---------------------------------------------------------------- dims */

/* The row of an axis: its dim's, or one for its size, whose text is its name. */
int row_of(Emit *e, const Ex *size, const Dim *dim) {
    if (dim && is_row(e, dim))
        return dim->place;
    for (int k = 0; k < e->g->dims.n; k++)
        if (size->op == OP_DIM && size->dim == e->row.at[k].dim)
            return k;
    for (int k = e->g->dims.n; k < e->row.n; k++)
        if (e->row.at[k].size == size)
            return k;
    Str text = {0};
    ex_print(e->ctx, size, NULL, &text);
    vec_push(e->ctx, &e->row, ((DimRow){NULL, size, arena_strdup(e->ctx->arena, text.text)}));
    str_free(&text);
    return e->row.n - 1;
}

static void rows_of(Emit *e, const Node *n) {
    for (int a = 0; a < n->rank; a++)
        row_of(e, n->axis[a].size, n->axis[a].dim);
}

void emit_rows(Emit *e) {
    const Graph *g = e->g;
    for (int k = 0; k < g->dims.n; k++)
        vec_push(e->ctx, &e->row, ((DimRow){g->dims.at[k], g->dims.at[k]->size, g->dims.at[k]->name}));
    for (int k = 0; k < g->data.n; k++)
        rows_of(e, g->data.at[k].node);
    for (int k = 0; k < g->params.n; k++)
        rows_of(e, g->params.at[k].node);
    for (int k = 0; k < g->outputs.n; k++)
        rows_of(e, g->outputs.at[k].node);
    if (g->residual)
        rows_of(e, g->residual);
    for (int k = 0; k < e->loops->rows.n; k++)
        row_of(e, e->loops->rows.at[k].count, NULL);
}

static void dims(Emit *e, Out *out) {
    if (!e->row.n)
        return;
    out_line(out, "static const AdDim model_dims[] = {");
    for (int k = 0; k < e->row.n; k++) {
        const DimRow *r = &e->row.at[k];
        int64_t n = 0;
        bool fixed = r->size && ex_is_int(r->size, &n);
        const char *kind = fixed ? "FIXED" : r->size ? "DERIVED" : r->dim->bound_by_data ? "DATA" : r->dim->bound_by_ids ? "IDS" : "DATA";
        Str value = {0};
        emit_int(&value, fixed ? n : 0);
        out_line(out, "    {%s, AD_DIM_%s, %s, %d, %d},", quoted(e, r->text), kind, value.text, r->dim && r->dim->batch,
                 r->dim ? line_of(e, r->dim->span) : 0);
        str_free(&value);
    }
    out_line(out, "};\n");
}

static const char *axes(Emit *e, const Node *n) {
    Str s = {0};
    if (n->rank == 0)
        return "NULL";
    str_add(&s, "(const int[]){");
    for (int a = 0; a < n->rank; a++)
        str_add(&s, "%s%d", a ? ", " : "", row_of(e, n->axis[a].size, n->axis[a].dim));
    str_add(&s, "}");
    const char *made = arena_strdup(e->ctx->arena, s.text);
    str_free(&s);
    return made;
}

static const char *element(const Node *n) { return n->type == T_REAL ? "AD_REAL" : n->type == T_INT ? "AD_INT" : "AD_BOOL"; }
static int labels(const Node *n) { return n->labels ? n->labels->place : -1; }

/* ---------------------------------------------------------------- rows of the model */

static void hypers(Emit *e, Out *out) {
    if (!e->g->hypers.n)
        return;
    out_line(out, "static const AdHyper model_hypers[] = {");
    for (int k = 0; k < e->g->hypers.n; k++) {
        const HyperDecl *h = &e->g->hypers.at[k];
        Str value = {0};
        out_real(&value, h->value, 64);
        out_line(out, "    {%s, %s, %d},", quoted(e, h->name), value.text, h->ast ? line_of(e, h->ast->span) : 0);
        str_free(&value);
    }
    out_line(out, "};\n");
}

static const char *columns(Emit *e, const DataDecl *d, int *n) {
    Str s = {0};
    *n = 0;
    const Ast *list = d->columns && d->columns->kind != AST_STRING ? d->columns->items : d->columns;
    for (const Ast *c = list; c; c = c->next)
        if (c->kind == AST_STRING)
            str_add(&s, "%s%s", (*n)++ ? ", " : "(const char *const[]){", quoted(e, c->text));
    if (!*n)
        return "NULL";
    str_add(&s, "}");
    const char *made = arena_strdup(e->ctx->arena, s.text);
    str_free(&s);
    return made;
}

static const char *prepare(const DataDecl *d) {
    if (!d->prepare)
        return "AD_AS_IS";
    return strcmp(d->prepare, "centered") == 0 ? "AD_CENTERED" : "AD_SCALED";
}

static void data(Emit *e, Out *out) {
    if (!e->g->data.n)
        return;
    out_line(out, "static const AdData model_data[] = {");
    for (int k = 0; k < e->g->data.n; k++) {
        const DataDecl *d = &e->g->data.at[k];
        int n;
        const char *names = columns(e, d, &n);
        out_line(out, "    {.name = %s, .line = %d, .type = %s, .labels = %d, .rank = %d, .axes = %s,", quoted(e, d->name),
                 line_of(e, d->node->span), element(d->node), labels(d->node), d->node->rank, axes(e, d->node));
        out_line(out, "     .prepare = %s, .missing = %d, .column_lo = %" PRId64 ", .column_hi = %" PRId64 ", .ncolumns = %d, .columns = %s},",
                 prepare(d), d->missing, d->lo, d->hi, n, names);
    }
    out_line(out, "};\n");
}

static void params(Emit *e, Out *out) {
    static const char *const init[] = {
        [AD_INIT_FILL] = "FILL", [AD_INIT_UNIFORM] = "UNIFORM", [AD_INIT_NORMAL] = "NORMAL", [AD_INIT_GLOROT] = "GLOROT",
        [AD_INIT_HE] = "HE", [AD_INIT_LECUN] = "LECUN", [AD_INIT_ORTHOGONAL] = "ORTHOGONAL", [AD_INIT_ZEROS] = "ZEROS",
        [AD_INIT_ONES] = "ONES", [AD_INIT_CONSTANT] = "CONSTANT", [AD_INIT_FILE] = "FILE",
    };
    static const char *const constraint[] = {
        [AD_FREE] = "AD_FREE", [AD_POSITIVE] = "AD_POSITIVE", [AD_INTERVAL] = "AD_INTERVAL", [AD_ORDERED] = "AD_ORDERED", [AD_SIMPLEX] = "AD_SIMPLEX",
    };
    if (!e->g->params.n)
        return;
    out_line(out, "static const AdParam model_params[] = {");
    for (int k = 0; k < e->g->params.n; k++) {
        const ParamDecl *d = &e->g->params.at[k];
        out_line(out, "    {.name = %s, .line = %d, .rank = %d, .axes = %s, .init = AD_INIT_%s,", quoted(e, d->name),
                 line_of(e, d->node->span), d->node->rank, axes(e, d->node), init[d->init]);
        out_line(out, "     .scalar_fill = %d, .file = %s, .constraint = %s, .frozen = %d%s},", d->fill && d->fill->rank == 0 && d->node->rank > 0,
                 quoted(e, d->file), constraint[d->constraint], d->frozen || !d->grad,
                 d->running ? ", .running = 1" : "");
    }
    out_line(out, "};\n");
}

static void rows(Emit *e, Out *out) {
    if (!e->loops->rows.n)
        return;
    out_line(out, "static const AdRows model_rows[] = {");
    for (int k = 0; k < e->loops->rows.n; k++)
        out_line(out, "    {%d, %d},    /* %s */", e->loops->rows.at[k].param, row_of(e, e->loops->rows.at[k].count, NULL),
                 e->g->params.at[e->loops->rows.at[k].param].name);
    out_line(out, "};\n");
}

static void losses(Emit *e, Out *out) {
    if (e->g->losses.n) {
        out_line(out, "static const AdScalar model_losses[] = {");
        for (int k = 0; k < e->g->losses.n; k++) {
            const Root *r = &e->g->losses.at[k];
            out_line(out, "    {%s, %d, %d},", quoted(e, r->name ? r->name : "loss"), line_of(e, r->span), r->named);
        }
        out_line(out, "};\n");
    }
    if (e->g->metrics.n) {
        out_line(out, "static const AdScalar model_metrics[] = {");
        for (int k = 0; k < e->g->metrics.n; k++) {
            const Root *r = &e->g->metrics.at[k];
            out_line(out, "    {%s, %d, 1},", quoted(e, r->name ? r->name : "metric"), line_of(e, r->span));
        }
        out_line(out, "};\n");
    }
}

static void outputs(Emit *e, Out *out) {
    if (!e->g->outputs.n)
        return;
    out_line(out, "static const AdOutput model_outputs[] = {");
    for (int k = 0; k < e->g->outputs.n; k++) {
        const Root *r = &e->g->outputs.at[k];
        out_line(out, "    {.name = %s, .line = %d, .type = %s, .labels = %d, .rank = %d, .axes = %s},", quoted(e, r->name),
                 line_of(e, r->span), element(r->node), labels(r->node), r->node->rank, axes(e, r->node));
    }
    out_line(out, "};\n");
}

static void settings(Emit *e, Out *out) {
    if (!e->g->settings.n)
        return;
    out_line(out, "static const AdSetting model_settings[] = {");
    for (int k = 0; k < e->g->settings.n; k++) {
        const Setting *s = &e->g->settings.at[k];
        out_line(out, "    {%s, %s, %d},", quoted(e, s->key), quoted(e, s->text), line_of(e, s->span));
    }
    out_line(out, "};\n");
}

static void source(Emit *e, Out *out) {
    const Source *s = &e->ctx->source.at[e->file];
    out_line(out, "static const char model_source[] =");
    for (int at = 0; at < s->len; ) {
        int end = at;
        Str text = {0};
        while (end < s->len && s->text[end] != '\n')
            end++;
        end += end < s->len;
        out_string(&text, s->text + at, end - at);
        out_line(out, "    %s", text.text);
        str_free(&text);
        at = end;
    }
    out_line(out, s->len ? "    ;\n" : "    \"\";\n");
}

static void table(Out *out, const char *name, int n) {
    if (n)
        out_line(out, "    .n%s = %d, .%s = model_%s,", name, n, name, name);
}

void emit_tables(Emit *e, Out *out) {
    const Graph *g = e->g;
    dims(e, out);
    hypers(e, out);
    data(e, out);
    params(e, out);
    rows(e, out);
    losses(e, out);
    outputs(e, out);
    settings(e, out);
    source(e, out);
    out_line(out, "const AdModel %s_model = {", g->name);
    out_line(out, "    .name = %s, .file = %s, .source = model_source, .f64 = %d,", quoted(e, g->name),
             quoted(e, base_name(e->ctx->source.at[e->file].name)), g->precision == 64);
    table(out, "dims", e->row.n);
    table(out, "hypers", g->hypers.n);
    table(out, "data", g->data.n);
    table(out, "params", g->params.n);
    table(out, "rows", e->loops->rows.n);
    table(out, "losses", g->losses.n);
    table(out, "metrics", g->metrics.n);
    table(out, "outputs", g->outputs.n);
    table(out, "settings", g->settings.n);
    out_line(out, "    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,");
    out_line(out, "    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,");
    if (g->own_slope)
        out_line(out, "    .own_slope = %s,", quoted(e, g->own_slope));
    if (g->jacobian)
        out_line(out, "    .residuals = %d, .jacobian = jacobian,", row_of(e, g->residual->axis[0].size, g->residual->axis[0].dim));
    else
        out_line(out, "    .lm_reason = \"say optimizer = lm() in the model's train block, then its residuals are compiled in\",");
    out_line(out, "};\n");
    out_line(out, "#ifndef AD_NO_MAIN");
    out_line(out, "int main(int argc, char **argv)\n{\n    return adrt_main(argc, argv, &%s_model);\n}\n#endif", g->name);
}

/* For programs that bring their own main: compile the .c with -DAD_NO_MAIN. */
void emit_header(Ctx *ctx, const Graph *g, Str *out) {
    (void)ctx;
    str_add(out, "/* %s.h: the model '%s' for programs that link it. */\n#include \"adrt.h\"\n\n", g->name, g->name);
    if (g->params.n) {
        str_add(out, "enum {      /* places in AdRun.param and .grad */\n");
        for (int k = 0; k < g->params.n; k++)
            str_add(out, "    %s_%s = %d,\n", g->name, g->params.at[k].name, k);
        str_add(out, "};\n\n");
    }
    str_add(out, "extern const AdModel %s_model;\n", g->name);
}
