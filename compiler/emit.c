/* emit.c: the loop tree as C.
 *
 * In: a Loops, in which every decision is taken. Out: one C file, in reading order: sizes, load, init, step, eval,
 * output, trace, the tables and main. A function's body is written first, so that its head declares what the body turned
 * out to use. Above loops stands the model's line that they compute, or whose adjoint they are. */
#include "emit.h"
#include "adrt.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *c_type(Type t) { return t == T_REAL ? "real" : t == T_INT ? "int64_t" : "uint8_t"; }
static const char *local_type(Type t) { return t == T_BOOL ? "bool" : c_type(t); }

/* ---------------------------------------------------------------- where statements come from */

typedef struct { int known; Span span; bool backward; } Source_;         /* known: 0 nothing, 1 one place, 2 several */

static Source_ join(Source_ a, Source_ b, const Ctx *ctx) {
    if (!a.known || b.known == 2)
        return b.known ? b : a;
    if (!b.known || a.known == 2)
        return a;
    bool same = a.span.file == b.span.file && span_line(ctx, a.span) == span_line(ctx, b.span) && a.backward == b.backward;
    return same ? a : (Source_){.known = 2};
}

static Source_ source_of(Emit *e, const Stmt *s) {
    Source_ from = {0};
    if (s->item && s->kind != S_SINK && s->item->node->span.end > s->item->node->span.begin)
        from = (Source_){1, s->item->node->span, s->item->node->adjoint_of != NULL};
    const Block *inner[] = {s->body, s->otherwise};
    for (int k = 0; k < 2; k++)
        for (const Stmt *in = inner[k] ? inner[k]->first : NULL; in; in = in->next)
            from = join(from, source_of(e, in), e->ctx);
    return from;
}

static bool same_source(Emit *e, Source_ a, Source_ b) {
    return a.known == 1 && b.known == 1 && join(a, b, e->ctx).known == 1;
}

/* The model's line without its own comment. */
static const char *statement_text(Emit *e, Span span) {
    char *line = arena_strdup(e->ctx->arena, span_source_line(e->ctx, span));
    bool string = false;
    size_t n = 0;
    for (; line[n] && (string || line[n] != '#'); n++)
        string ^= line[n] == '"';
    while (n && line[n - 1] == ' ')
        n--;
    line[n] = 0;
    return line;
}

static void comment(Emit *e, Source_ from, Out *out) {
    Str text = {0};
    if (e->ctx->options.line_directives) {
        const char *file = base_name(e->ctx->source.at[from.span.file].name);
        out_string(&text, file, (int)strlen(file));
        str_add(&out->text, "#line %d %s\n", span_line(e->ctx, from.span), text.text);
        text.n = 0;
    }
    str_add(&text, "/* ");
    if (from.backward)
        str_add(&text, "backward of %s:%d", base_name(e->ctx->source.at[from.span.file].name), span_line(e->ctx, from.span));
    else
        str_add(&text, "%s:%d: ", base_name(e->ctx->source.at[from.span.file].name), span_line(e->ctx, from.span));
    if (!from.backward)
        out_comment(&text, statement_text(e, from.span));
    str_add(&text, " */");
    out_line(out, "%s", text.text);
    str_free(&text);
}

/* ---------------------------------------------------------------- statements */

static void block(Emit *, const Block *, Source_ context, Out *);

static const char *text_of(Emit *e, const Ex *x, Str *s) {
    s->n = 0;
    str_add(s, "%s", "");
    emit_ex(e, x, s);
    return s->text;
}

static const char *total_name(Emit *e, const Item *it) {
    if (it->tree)
        return it->total;
    return it->nkept == 0 && it->home == HOME_LOCAL ? item_name(e, it) : it->total;
}

/* A name for a part: of a read, the array's with its index letters; else a short one. */
static const char *temp_wish(Emit *e, const Ex *x) {
    if (!is_read(x))
        return x->type == T_REAL ? "t" : x->type == T_INT ? "q" : "c";
    const Item *it = e->p->item.at[x->node->id];
    Str name = {0};
    str_add(&name, "%s_", it->name);
    for (int k = 0; k < it->nkept; k++) {
        const Ex *i = x->arg[it->kept[k]];
        if (i->op == OP_VAR)
            str_add(&name, "%s", e->p->loop.at[i->var - LOOP_VAR]->letter);
        else if (i->op == OP_INT && i->i >= 0)
            str_add(&name, "%" PRId64, i->i);
        else
            str_add(&name, "at");
    }
    const char *wish = arena_strdup(e->ctx->arena, name.text);
    str_free(&name);
    return wish;
}

static void declare(Emit *e, const Stmt *s, Out *out) {
    Str text = {0};
    if (s->temp) {
        s->temp->name = name_new(e->ctx, e->scope, temp_wish(e, s->temp->value));
        bool rows = e->rows && in_lanes(e->rows, s->value);
        if (s->value)
            out_line(out, "const %s %s = %s;", (rows ? lane_type : local_type)(s->value->type), s->temp->name, text_of(e, s->value, &text));
        else
            out_line(out, "%s %s;", local_type(s->temp->value->type), s->temp->name);
        s->temp->ready = true;
    } else if (s->item->tree && s->value) {
        out_line(out, "ad_tree%s %s = {0};", e->f, s->item->total);
    } else if (s->item->tree) {
        out_line(out, "const real %s = ad_total%s(&%s);", item_name(e, s->item), e->f, s->item->total);
    } else {
        bool best = s->reduce != R_NONE;
        Type type = best ? s->value->type : s->item->node->type;
        const char *name = best ? s->item->best : total_name(e, s->item);
        out_line(out, "%s%s %s = %s;", s->changes ? "" : "const ", local_type(type), name, text_of(e, s->value, &text));
        if (!s->changes)
            temp_declared(e->p, s);
    }
    bool total = s->item && s->item->tree && !s->value, lone = s->item && !s->temp && !s->item->tree && s->item->nkept == 0;
    if ((total || lone) && !s->item->wanted)
        out_line(out, "(void)%s;", total ? item_name(e, s->item) : s->reduce != R_NONE ? s->item->best : total_name(e, s->item));
    str_free(&text);
}

static void find_truth(void *data, const Ex *e) { *(bool *)data |= e->op == OP_INTOF && e->arg[0]->type == T_BOOL; }

/* A compiler may see an int in it that a byte does not hold: what is chosen or read, and bools that are reckoned with. */
static bool seems_wide(const Ex *e) {
    bool found = e->op == OP_WHERE || is_read(e);
    if (e->nargs == 2 && e->arg[0]->type == T_INT)
        ex_visit(e, find_truth, &found);
    return found;
}

static void assign(Emit *e, const Stmt *s, Out *out) {
    Str place = {0}, text = {0};
    if (s->item->home == HOME_ROWS)                         /* a list that the runtime may not want */
        str_add(&place, "if (%s) ", item_name(e, s->item));
    emit_element(e, s->item, s->index, &place);
    bool narrow = s->item->node->type == T_BOOL && s->item->nkept > 0;
    if (!s->value && s->item->tree)
        out_line(out, "%s = ad_total%s(&%s);", place.text, e->f, s->item->total);
    else if (!s->value)
        out_line(out, "%s = %s;", place.text, total_name(e, s->item));
    else if (narrow && seems_wide(s->value))
        out_line(out, "%s = (uint8_t)(%s);", place.text, text_of(e, s->value, &text));
    else
        out_line(out, "%s = %s;", place.text, text_of(e, s->value, &text));
    str_free(&place);
    str_free(&text);
}

static void accumulate(Emit *e, const Stmt *s, Out *out) {
    Str place = {0}, text = {0};
    if (s->item->tree) {
        out_line(out, "ad_add%s(&%s, %s);", e->f, s->item->total, text_of(e, s->value, &text));
        str_free(&text);
        return;
    }
    if (s->total)
        str_add(&place, "%s", total_name(e, s->item));
    else
        emit_element(e, s->item, s->index, &place);
    const char *to = place.text;
    const char *kind = s->item->node->type == T_REAL ? "" : "i", *f = s->item->node->type == T_REAL ? e->f : "";
    bool negative = s->reduce == R_SUM && s->value->op == OP_NEG && !temp_find(e->p, s->value, e->at);
    const char *value = text_of(e, negative ? s->value->arg[0] : s->value, &text);
    switch (s->reduce) {
    case R_SUM: out_line(out, "%s %s= %s;", to, negative ? "-" : "+", value); break;
    case R_PROD: out_line(out, "%s *= %s;", to, value); break;
    case R_MAX: out_line(out, "%s = ad_%smax%s(%s, %s);", to, kind, f, to, value); break;
    case R_MIN: out_line(out, "%s = ad_%smin%s(%s, %s);", to, kind, f, to, value); break;
    case R_ANY: out_line(out, "%s = %s || (%s);", to, to, value); break;
    case R_ALL: out_line(out, "%s = %s && (%s);", to, to, value); break;
    case R_NONE: case R_ARGMAX: case R_ARGMIN: break;
    }
    str_free(&place);
    str_free(&text);
}

/* The first of equals wins; a nan wins over numbers. */
static void best(Emit *e, const Stmt *s, Out *out) {
    Str value = {0}, arg = {0};
    const char *v = text_of(e, s->value, &value), *b = s->item->best, *sign = s->reduce == R_ARGMAX ? ">" : "<";
    if (s->value->type == T_REAL)
        out_line(out, "if (%s %s %s || (isnan(%s) && !isnan(%s))) {", v, sign, b, v, b);
    else
        out_line(out, "if (%s %s %s) {", v, sign, b);
    out->indent++;
    out_line(out, "%s = %s;", b, v);
    out_line(out, "%s = %s;", total_name(e, s->item), text_of(e, s->arg, &arg));
    out->indent--;
    out_line(out, "}");
    str_free(&value);
    str_free(&arg);
}

static void array(Emit *e, const Stmt *s, Out *out) {
    Str count = {0};
    for (int k = 0; k < s->item->nkept; k++) {
        const Axis *a = &s->item->node->axis[s->item->kept[k]];
        str_add(&count, "%s", k ? " * " : "");
        emit_size(e, a->size, a->dim, ANY, &count);
    }
    item_name(e, s->item);
    out_line(out, "%s %s[%s]%s;", c_type(s->item->node->type), s->item->name, count.text, s->zero ? " = {0}" : "");
    str_free(&count);
}

static void zero(Emit *e, const Stmt *s, Out *out) {
    Str count = {0};
    emit_count(e, s->item, &count);
    const char *open = strchr(count.text, ' ') ? "(" : "", *close = *open ? ")" : "";
    if (s->item->node->type == T_BOOL)      /* a negative count of bytes is one that gcc warns of; of larger elements it cannot tell */
        out_line(out, "memset(%s, 0, ad_count(%s));", item_name(e, s->item), count.text);
    else
        out_line(out, "memset(%s, 0, sizeof(%s) * (size_t)%s%s%s);", item_name(e, s->item), c_type(s->item->node->type), open, count.text, close);
    str_free(&count);
}

/* One step of what is kept in the item: a scalar, or where its row begins. */
static void row_start(Emit *e, const Item *prev, const Item *it, const Ex *const *index, Str *out) {
    if (prev->nkept > 0 && it->nkept > prev->nkept)
        str_add(out, "&");
    if (prev->nkept > 0 && it->nkept <= prev->nkept)
        str_add(out, "%s", item_name(e, it));
    else
        emit_element(e, it, index, out);
}

/* The state one step back: a scalar, or a pointer to its row. */
static void previous(Emit *e, const Stmt *s, Out *out) {
    const Item *prev = s->item, *state = prev->prev, *first = prev->first;
    const Ex *t = ex_var(e->ctx, s->var), *one = ex_int(e->ctx, 1);
    const Ex *back = ex2(e->ctx, OP_SUB, t, ex_int(e->ctx, s->down ? -1 : 1));
    const Ex *later = s->down ? ex2(e->ctx, OP_LT, t, ex2(e->ctx, OP_SUB, s->hi, one)) : ex2(e->ctx, OP_LT, ex_int(e->ctx, 0), t);
    Str cond = {0}, at = {0}, from = {0};
    text_of(e, later, &cond);
    const char *type = c_type(prev->node->type), *name = item_name(e, prev);
    const Ex *index[MAX_RANK], *start[MAX_RANK];
    for (int a = 0; a < prev->node->rank; a++)
        index[a] = ex_int(e->ctx, 0);
    for (int r = 0; r < state->nring; r++)
        index[state->ring_index[r]] = state->bound[state->ring_index[r]];
    index[prev->node->group->axis] = back;
    for (int a = 0; a + 1 < prev->node->rank; a++)
        start[a] = index[a + (a >= prev->node->group->axis)];
    row_start(e, prev, state, index, &at);
    row_start(e, prev, first, start, &from);
    out_line(out, "const %s %s%s = %s ? %s : %s;", prev->nkept ? type : local_type(prev->node->type), prev->nkept ? "*" : "", name,
             cond.text, at.text, from.text);
    str_free(&cond);
    str_free(&at);
    str_free(&from);
}

static void opaque(Emit *e, const Stmt *s, Out *out) {
    static const char *const name[] = {[O_LOWRANK] = "lowrank", [O_PCA] = "pca", [O_SVDVALS] = "svdvals", [O_QUANTILE] = "quantile"};
    const Node *n = s->item->node;
    const Item *input = e->p->item.at[n->input->id];
    Str sizes = {0};
    e->run_used = true;
    for (int a = 0; a < n->input->rank && n->opaque != O_QUANTILE; a++) {
        str_add(&sizes, ", ");
        emit_size(e, n->input->axis[a].size, n->input->axis[a].dim, ANY, &sizes);
    }
    if (n->opaque == O_QUANTILE) {
        str_add(&sizes, ", ");
        emit_count(e, input, &sizes);
    }
    if (n->k && n->opaque == O_QUANTILE && n->k->op == OP_REAL) {
        str_add(&sizes, ", ");
        out_real(&sizes, n->k->real, 64);
    } else if (n->k) {
        str_add(&sizes, ", ");
        emit_ex(e, n->k, &sizes);
    }
    bool scalar = s->item->nkept == 0;
    if (scalar)
        out_line(out, "real %s = 0;", s->item->name);
    out_line(out, "adrt_%s(run, %d, %s%s%s, %s%s);", name[n->opaque], e->precision == 64, input->nkept == 0 ? "&" : "",
             item_name(e, input), sizes.text, scalar ? "&" : "", item_name(e, s->item));
    str_free(&sizes);
}

static void check_finite(Emit *e, const Stmt *s, Out *out) {
    Str name = {0}, count = {0};
    const Item *it = s->item;
    int line = span_line(e->ctx, s->sink->span);
    out_string(&name, s->sink->name ? s->sink->name : "loss", (int)strlen(s->sink->name ? s->sink->name : "loss"));
    e->run_used = true;
    if (it->nkept > 0) {
        emit_count(e, it, &count);
        const char *i = letter_new(e->ctx, names_new(e->ctx, e->scope), "i");
        out_line(out, "for (int64_t %s = 0; %s < %s; %s++)", i, i, count.text, i);
        out->indent++;
        str_add(&count, "[%s]", i);
        out_line(out, "if (!isfinite(%s[%s])) {", item_name(e, it), i);
        out->indent++;
        out_line(out, "adrt_fault(run, AD_FAULT_NOT_FINITE, %d, %s, %s, 0, %s[%s]);", line, name.text, i, it->name, i);
    } else {
        out_line(out, "if (!isfinite(%s)) {", item_name(e, it));
        out->indent++;
        out_line(out, "adrt_fault(run, AD_FAULT_NOT_FINITE, %d, %s, 0, 0, %s);", line, name.text, it->name);
    }
    out_line(out, "return;");
    out->indent--;
    out_line(out, "}");
    out->indent -= it->nkept > 0;
    str_free(&name);
    str_free(&count);
}

static const char *sink_place(Emit *e, const Sink *to) {
    if (to->home == HOME_LOAD)
        return e->slot[to->place];
    const char *array = to->home == HOME_GRAD ? "grad" : to->home == HOME_PARAM ? "param" : to->home == HOME_ROWS ? "rows" : "output";
    return arena_printf(e->ctx->arena, "run->%s[%d]", array, to->place);
}

static void sink(Emit *e, const Stmt *s, Out *out) {
    const Sink *to = s->sink;
    const char *type = c_type(s->item->node->type), *cast = s->item->node->type == T_INT ? "(double)" : "";
    if (to->kind != SINK_CHECK)
        item_name(e, s->item);
    const char *name = s->item->name;
    e->run_used = true;
    switch (to->kind) {
    case SINK_LOSS: out_line(out, "run->loss[%d] = %s%s;", to->place, cast, name); break;
    case SINK_METRIC: out_line(out, "run->metric[%d] = %s%s;", to->place, cast, name); break;
    case SINK_DRAW: out_line(out, "run->draw[%d] = %s%s;", to->place, cast, name); break;
    case SINK_SCALAR:
        if (to->home == HOME_ROWS)
            out_line(out, "if (%s) *%s = %s;", sink_place(e, to), sink_place(e, to), name);
        else if (to->home == HOME_LOAD)
            out_line(out, "*(%s *)ad_at(run->load, at[%d]) = %s;", type, to->place, name);
        else
            out_line(out, "*(%s *)%s = %s;", type, sink_place(e, to), name);
        break;
    case SINK_ASSERT: {
        Str text = {0};
        const char *line = span_source_line(e->ctx, to->span);
        bool own = strcmp(to->name, line) == 0;             /* an assert of the model; else adc's, about sizes */
        const char *what = own ? line : arena_printf(e->ctx->arena, "%s (%s)", to->name, line);
        out_string(&text, what, (int)strlen(what));
        out_line(out, "if (!%s) {", name);
        out_line(out, "    adrt_fault(run, %s, %d, %s, 0, 0, 0);", own ? "AD_FAULT_ASSERT" : "AD_FAULT_OPAQUE", span_line(e->ctx, to->span), text.text);
        out_line(out, "    return;");
        out_line(out, "}");
        str_free(&text);
        break;
    }
    case SINK_CHECK: check_finite(e, s, out); break;
    case SINK_ARRAY:
        out_line(out, "memcpy(%s, %s, sizeof %s);", sink_place(e, to), name, name);
        break;
    }
}

/* A body of one plain line needs no braces. */
static bool one_line(const Block *b) {
    const Stmt *s = b->first;
    if (!s || s->next)
        return false;
    if (s->kind == S_FOR)
        return one_line(s->body);
    return s->kind == S_ASSIGN || s->kind == S_ACCUMULATE || s->kind == S_SET;
}

static void body(Emit *e, const Block *b, const char *head, Source_ context, Out *out) {
    Names *outer = e->scope;
    bool braces = !one_line(b);
    out_line(out, "%s%s", head, braces ? " {" : "");
    out->indent++;
    e->scope = names_new(e->ctx, outer);
    block(e, b, context, out);
    e->scope = outer;
    out->indent--;
    if (braces)
        out_line(out, "}");
}

/* Names inside the block are to be declared again. */
static void forget_names(Emit *e, const Block *b) {
    for (int k = 0; k < e->p->temp.n; k++)
        if (block_within(e->p->temp.at[k]->block, b))
            e->p->temp.at[k]->ready = false;
}

/* As many rows at once as a vector has lanes, then what is left one by one: all of it for a compiler without vectors. */
static void loop_in_lanes(Emit *e, Stmt *s, Source_ context, Out *out) {
    Str hi = {0}, whole = {0}, head = {0};
    emit_size(e, s->hi, s->dim, SUM, &hi);
    emit_size(e, s->hi, s->dim, ATOM, &whole);
    s->letter = letter_new(e->ctx, e->scope, s->letter);
    out_line(out, "int64_t %s = 0;", s->letter);
    str_add(&out->text, "#ifdef AD_LANES\n");
    lane_sums_begin(e, s, out);
    str_add(&head, "for (; %s < %s - %s %% LANES; %s += LANES)", s->letter, hi.text, whole.text, s->letter);
    e->rows = s;
    body(e, s->body, head.text, context, out);
    e->rows = NULL;
    lane_sums_end(e, s, out);
    str_add(&out->text, "#endif\n");
    forget_names(e, s->body);
    head.n = 0;
    str_add(&head, "for (; %s < %s; %s++)", s->letter, hi.text, s->letter);
    body(e, s->body, head.text, context, out);
    str_free(&hi);
    str_free(&whole);
    str_free(&head);
}

static void find_check(void *data, const Ex *e) { *(bool *)data |= e->op == OP_CHECK || e->op == OP_DIVISOR; }

static bool ex_checks(const Ex *e) {
    bool found = false;
    if (e && e->has_guarded)
        ex_visit(e, find_check, &found);
    return found;
}

/* Something in it may fault. */
static bool checks(const Block *b) {
    bool found = false;
    for (const Stmt *s = b ? b->first : NULL; s && !found; s = s->next) {
        found = ex_checks(s->value) || ex_checks(s->arg) || checks(s->body) || checks(s->otherwise);
        for (int k = 0; s->item && (s->kind == S_ASSIGN || s->kind == S_ACCUMULATE) && k < s->item->node->rank; k++)
            found = found || ex_checks(s->index[k]);
    }
    return found;
}

static void loop(Emit *e, Stmt *s, Source_ context, Out *out) {
    if (s->lanes) {
        loop_in_lanes(e, s, context, out);
        return;
    }
    Names *outer = e->scope;
    Str lo = {0}, hi = {0}, head = {0};
    emit_ex(e, s->lo, &lo);
    e->scope = names_new(e->ctx, outer);
    s->letter = letter_new(e->ctx, e->scope, s->letter);
    if (s->down) {
        emit_ex(e, ex2(e->ctx, OP_SUB, s->hi, ex_int(e->ctx, 1)), &hi);
        str_add(&head, "for (int64_t %s = %s; %s >= %s; %s--)", s->letter, hi.text, s->letter, lo.text, s->letter);
    } else {
        bool stops = s->hi->has_read && checks(s->body);       /* how far data want it to run may be very far */
        e->run_used |= stops;
        emit_size(e, s->hi, s->dim, SUM, &hi);
        str_add(&head, "for (int64_t %s = %s; %s < %s%s; %s++)", s->letter, lo.text, s->letter, hi.text,
                stops ? " && run->fault.kind == AD_OK" : "", s->letter);
    }
    body(e, s->body, head.text, context, out);
    e->scope = outer;
    str_free(&lo);
    str_free(&hi);
    str_free(&head);
}

static void branch(Emit *e, const Stmt *s, Source_ context, Out *out) {
    Str head = {0}, text = {0};
    str_add(&head, "if (%s)", text_of(e, s->value, &text));
    body(e, s->body, head.text, context, out);
    if (s->otherwise)
        body(e, s->otherwise, "else", context, out);
    str_free(&head);
    str_free(&text);
}

static void statement(Emit *e, Stmt *s, Source_ context, Out *out) {
    Str text = {0};
    if (e->rows && lane_statement(e, s, out))
        return;
    switch (s->kind) {
    case S_FOR: loop(e, s, context, out); break;
    case S_IF: branch(e, s, context, out); break;
    case S_DECLARE: declare(e, s, out); break;
    case S_SET: out_line(out, "%s = %s;", s->temp->name, text_of(e, s->value, &text)); break;
    case S_ARRAY: array(e, s, out); break;
    case S_ZERO: zero(e, s, out); break;
    case S_ASSIGN: assign(e, s, out); break;
    case S_ACCUMULATE: accumulate(e, s, out); break;
    case S_BEST: best(e, s, out); break;
    case S_PREV: previous(e, s, out); break;
    case S_CALL: opaque(e, s, out); break;
    case S_SINK: sink(e, s, out); break;
    case S_COMPUTE: case S_BEGIN: case S_DONE: bug(e->ctx, "a placeholder is left in the loops");
    }
    str_free(&text);
}

/* A comment where the place in the model changes; statements that hold several places have theirs inside. */
static void block(Emit *e, const Block *b, Source_ context, Out *out) {
    const Block *outer = e->at;
    for (Stmt *s = b->first; s; s = s->next) {
        Source_ from = source_of(e, s);
        if (from.known == 1 && !same_source(e, from, context)) {
            if (s->prev && b->depth == 0)
                out_line(out, "%s", "");
            comment(e, from, out);
            context = from;
        } else if (from.known == 2) {
            if (s->prev && b->depth == 0)
                out_line(out, "%s", "");
            context = (Source_){0};
        }
        e->at = b;
        statement(e, s, context, out);
    }
    e->at = outer;
}

/* ---------------------------------------------------------------- functions */

static const char *wish_of(const Item *it) {
    static const char *const by_reduce[] = {"v", "sum", "prod", "top", "least", "where_max", "where_min", "any", "all"};
    return it->node->name ? it->node->name : it->node->kind == N_SCATTER ? "scattered" : by_reduce[it->node->reduce];
}

static void name_items(Emit *e, const Program *p) {
    for (int k = 0; k < p->item.n; k++) {
        Item *it = p->item.at[k];
        it->used = false;
        if (it->dead)
            continue;
        switch (it->home) {
        case HOME_DATA: it->name = e->data[it->place]; break;
        case HOME_MASK: it->name = e->mask[it->place]; break;
        case HOME_PARAM: it->name = e->param[it->place]; break;
        case HOME_HYPER: it->name = e->hyper[it->place]; break;
        case HOME_LOAD: it->name = e->slot[it->place]; break;
        case HOME_GRAD: it->name = e->grad[it->place]; break;
        case HOME_OUTPUT: it->name = e->output[it->place]; break;
        case HOME_ROWS: it->name = name_new(e->ctx, e->scope, it->node->name); break;
        case HOME_PREV: case HOME_LOCAL: case HOME_WORK:
            if (it->copied_out)
                it->name = e->grad[it->place];
            else if (it->node->kind == N_PREV)
                it->name = name_new(e->ctx, e->scope, arena_printf(e->ctx->arena, "%s_prev", it->prev->node->name ? it->prev->node->name : "state"));
            else
                it->name = name_new(e->ctx, e->scope, wish_of(it));
            break;
        }
        if (it->accumulates && (it->nkept > 0 || it->home != HOME_LOCAL || it->tree))
            it->total = name_new(e->ctx, e->scope, arena_printf(e->ctx->arena, "%s_total", it->name));
        if (it->node->reduce == R_ARGMAX || it->node->reduce == R_ARGMIN)
            it->best = name_new(e->ctx, e->scope, arena_printf(e->ctx->arena, "%s_best", it->name));
    }
}

static void head_leaf(Emit *e, const Item *it, Out *out) {
    static const char *const from[] = {[HOME_DATA] = "data", [HOME_MASK] = "mask", [HOME_PARAM] = "param", [HOME_GRAD] = "grad", [HOME_ROWS] = "rows", [HOME_OUTPUT] = "output"};
    const char *type = it->home == HOME_MASK ? "uint8_t" : c_type(it->node->type), *write = it->leaf ? "const " : "";
    e->run_used = true;
    if (it->home == HOME_HYPER)
        out_line(out, "const real %s = %srun->hyper[%d];", it->name, e->precision == 32 ? "(real)" : "", it->place);
    else if (it->home == HOME_LOAD && it->nkept == 0)
        out_line(out, "const %s %s = *(const %s *)ad_at(run->load, at[%d]);", type, it->name, type, it->place);
    else if (it->home == HOME_LOAD)
        out_line(out, "%s%s *restrict %s = ad_at(run->load, at[%d]);", write, type, it->name, it->place);
    else if (it->nkept == 0)
        out_line(out, "const %s %s = *(const %s *)run->%s[%d];", type, it->name, type, from[it->home], it->place);
    else
        out_line(out, "%s%s *restrict %s = run->%s[%d];", write, type, it->name, from[it->home], it->place);
}

static void head_work(Emit *e, const Item *it, bool *first, Out *out) {
    Str count = {0};
    emit_count(e, it, &count);
    if (*first)
        out_line(out, "unsigned char *work = run->work;");
    *first = false;
    e->run_used = true;
    out_line(out, "%s *restrict %s = ad_take(&work, sizeof(%s), %s);", c_type(it->node->type), it->name, c_type(it->node->type), count.text);
    str_free(&count);
}

/* Several scatters can add to one gradient. */
static bool has_head(const Program *p, int k) {
    const Item *it = p->item.at[k];
    for (int i = 0; it->onto && i < k; i++)
        if (p->item.at[i]->onto && p->item.at[i]->used && p->item.at[i]->place == it->place)
            return true;
    return false;
}

bool in_work(const Item *it) { return !it->dead && it->home == HOME_WORK; }

static void heads(Emit *e, const Program *p, Out *out) {
    bool first = true, at = false;
    for (int k = 0; k < p->sink.n; k++)
        at |= p->sink.at[k].kind == SINK_SCALAR && p->sink.at[k].home == HOME_LOAD;
    for (int k = 0; k < p->item.n; k++)
        at |= p->item.at[k]->used && p->item.at[k]->home == HOME_LOAD;
    if (at) {
        out_line(out, "size_t at[%d];", e->loops->slot.n + 1);
        out_line(out, "load_offsets(run->dims, at);");
        e->run_used = true;
    }
    for (Home h = HOME_DATA; h <= HOME_OUTPUT; h++)
        for (int k = 0; k < p->item.n; k++)
            if (p->item.at[k]->used && p->item.at[k]->home == h && h != HOME_PREV && h != HOME_LOCAL && h != HOME_WORK && !has_head(p, k))
                head_leaf(e, p->item.at[k], out);
    for (int k = 0; k < p->item.n; k++)
        if (in_work(p->item.at[k]))
            head_work(e, p->item.at[k], &first, out);
}

void emit_size_lines(Emit *e, const char *dims, Out *out) {
    for (int k = 0; k < e->row.n; k++)
        if (e->dim_used[k])
            out_line(out, "const int64_t %s = %s[%d];", e->size[k], dims, k);
}

void emit_begin(Emit *e, const Program *p) {
    e->p = p;
    e->scope = names_new(e->ctx, e->names);
    e->run_used = false;
    e->at = NULL;
    memset(e->dim_used, 0, sizeof *e->dim_used * (size_t)(e->row.n + 1));
}

const char *const run_name[RUNS] = {"load", "init", "step", "eval", "output", "trace", "jacobian"};
static const char *const run_purpose[RUNS] = {
    "What depends on data alone: once.", "Fills of params, arguments of draws, bounds.", "Losses and their gradients.",
    "Losses and metrics, in evaluation mode.", "Outputs, in evaluation mode.", "Every value in order, up to the first that is not finite.",
    "Residuals and their Jacobian.",
};

static void function(Emit *e, RunKind kind, Out *out) {
    const Program *p = e->loops->run[kind];
    Out inside = {.indent = 1}, head = {.indent = 1};
    emit_begin(e, p);
    name_items(e, p);
    block(e, p->body, (Source_){0}, &inside);
    e->at = NULL;                                           /* no name of the body is known in its head */
    heads(e, p, &head);
    out_line(out, "/* %s */", run_purpose[kind]);
    if (kind == RUN_STEP)
        emit_steps_kept(e, p, out);
    out_line(out, "static void %s(AdRun *run)\n{", run_name[kind]);
    out->indent++;
    emit_size_lines(e, "run->dims", out);
    bool sizes = false;
    for (int k = 0; k < e->row.n; k++)
        sizes |= e->dim_used[k];
    if (!sizes && !e->run_used)
        out_line(out, "(void)run;");
    out->indent--;
    str_addn(&out->text, head.text.text, head.text.n);
    if ((sizes || head.text.n) && inside.text.n)
        out_line(out, "%s", "");
    str_addn(&out->text, inside.text.text, inside.text.n);
    out_line(out, "}\n");
    str_free(&inside.text);
    str_free(&head.text);
}

/* ---------------------------------------------------------------- the file */

static void legend(Emit *e, Out *out) {
    bool any = false;
    for (int k = 0; k < e->g->dims.n; k++) {
        const Dim *d = e->g->dims.at[k];
        int64_t n;
        if (!d->size || !ex_is_int(d->size, &n) || n > INT32_MAX)
            continue;
        if (!any)
            out_line(out, "enum {");
        any = true;
        out_line(out, "    %s = %" PRId64 ",%*s/* dim %s, %s:%d */", e->constant[k], n, 4, "", d->name,
                 base_name(e->ctx->source.at[d->span.file].name), span_line(e->ctx, d->span));
    }
    if (any)
        out_line(out, "};\n");
}

/* What checks quote, once that is known. */
static void quotes(const Emit *e, Out *out) {
    bool any = false;
    for (int k = 0; k < e->quote.n; k++) {
        Str text = {0};
        if (!e->quote.at[k].used)
            continue;
        any = true;
        out_string(&text, e->quote.at[k].line, (int)strlen(e->quote.at[k].line));
        out_line(out, "static const char %s[] = %s;", e->quote.at[k].name, text.text);
        str_free(&text);
    }
    if (any)
        out_line(out, "%s", "");
}

static void name_quote(void *data, const Ex *x) {
    if (x->op == OP_CHECK || x->op == OP_DIVISOR)
        emit_quote(data, x->span);
}

/* Before anything inside of functions has a name. */
static void name_quotes(Emit *e) {
    const Ex **part[MAX_PARTS];
    for (int r = 0; r < RUNS; r++) {
        const Program *p = e->loops->run[r];
        for (int k = 0; k < p->item.n; k++)
            for (int i = node_parts(p->item.at[k]->node, part) - 1; i >= 0; i--)
                ex_visit(*part[i], name_quote, e);
    }
}

static const char **names_of(Emit *e, int n) { return NEWN(e->ctx, const char *, n + 1); }

static const char *upper(Emit *e, const char *name) {
    char *text = arena_strdup(e->ctx->arena, name);
    for (char *c = text; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return text;
}

/* One table of names for the file: what the model declares first, so that it keeps its own. */
static void name_all(Emit *e) {
    const Graph *g = e->g;
    Ctx *ctx = e->ctx;
    e->constant = names_of(e, g->dims.n), e->size = names_of(e, g->dims.n);
    e->data = names_of(e, g->data.n), e->mask = names_of(e, g->data.n);
    e->param = names_of(e, g->params.n), e->grad = names_of(e, g->params.n);
    e->hyper = names_of(e, g->hypers.n), e->output = names_of(e, g->outputs.n + 2), e->slot = names_of(e, e->loops->slot.n);
    for (int k = 0; k < g->data.n; k++)
        e->data[k] = name_new(ctx, e->names, g->data.at[k].name);
    for (int k = 0; k < g->params.n; k++)
        e->param[k] = name_new(ctx, e->names, g->params.at[k].name);
    for (int k = 0; k < g->hypers.n; k++)
        e->hyper[k] = name_new(ctx, e->names, g->hypers.at[k].name);
    for (int k = 0; k < g->dims.n; k++)
        e->size[k] = name_new(ctx, e->names, g->dims.at[k]->name);
    for (int k = 0; k < g->dims.n; k++)
        e->constant[k] = name_new(ctx, e->names, upper(e, g->dims.at[k]->name));
    for (int k = 0; k < g->params.n; k++)
        e->grad[k] = name_new(ctx, e->names, arena_printf(ctx->arena, "d%s", g->params.at[k].name));
    for (int k = 0; k < g->data.n; k++)
        e->mask[k] = g->data.at[k].missing ? name_new(ctx, e->names, arena_printf(ctx->arena, "%s_mask", g->data.at[k].name)) : "";
    for (int k = 0; k < g->outputs.n; k++)
        e->output[k] = name_new(ctx, e->names, arena_printf(ctx->arena, "%s", g->outputs.at[k].name ? g->outputs.at[k].name : "out"));
    for (int k = 0; k < 2 && g->jacobian; k++)
        e->output[g->outputs.n + k] = name_new(ctx, e->names, k ? "jacobian_out" : "residual_out");
    for (int k = 0; k < e->loops->slot.n; k++) {
        Item it = {.node = (Node *)e->loops->slot.at[k]};
        e->slot[k] = name_new(ctx, e->names, wish_of(&it));
    }
}

static void emit_open(Emit *e, Ctx *ctx, const Graph *g, const Loops *loops, int file) {
    *e = (Emit){.ctx = ctx, .g = g, .loops = loops, .file = file, .precision = g->precision, .f = g->precision == 32 ? "f" : ""};
    e->names = names_new(ctx, NULL);
    name_all(e);
    name_quotes(e);
    emit_rows(e);
    e->dim_used = NEWN(ctx, bool, e->row.n + 1);
}

static bool any_lanes(const Loops *loops) {
    for (int k = 0; k < RUNS; k++)
        for (const Stmt *s = loops->run[k]->body->first; s; s = s->next)
            if (s->kind == S_FOR && s->lanes)
                return true;
    return false;
}

void emit_c(Ctx *ctx, const Graph *g, const Loops *loops, int file, Str *text) {
    Emit e;
    Out out = {0};
    emit_open(&e, ctx, g, loops, file);
    out_line(&out, "/* %s.c: a trainer for %s, made by adc. Build: cc -O3 -march=native %s.c -ladrt -lm */", g->name,
             base_name(ctx->source.at[file].name), g->name);
    out_line(&out, "#include \"adrt.h\"\n#include \"adrt_math.h\"\n#include <string.h>\n");
    out_line(&out, "typedef %s real;%s", g->precision == 64 ? "double" : "float", any_lanes(loops) ? "" : "\n");
    if (any_lanes(loops)) {
        out_line(&out, "#ifdef AD_LANES");
        out_line(&out, "typedef ad_lanes%s lanes;    /* several rows at once */", e.f);
        out_line(&out, "typedef ad_ints%s ints;", e.f);
        out_line(&out, "typedef int%d_t lane_int;", g->precision);
        out_line(&out, "enum { LANES = (int)(sizeof(lanes) / sizeof(real)) };");
        out_line(&out, "#endif\n");
    }
    Out body = {0};
    legend(&e, &out);
    emit_offsets(&e, &body);
    for (int k = 0; k < RUNS; k++)
        if (has_run(g, (RunKind)k))
            function(&e, (RunKind)k, &body);
    emit_memory(&e, &body);
    emit_tables(&e, &body);
    quotes(&e, &out);
    str_addn(text, out.text.text, out.text.n);
    str_addn(text, body.text.text, body.text.n);
    str_free(&out.text);
    str_free(&body.text);
}

/* The loop tree as text: the functions' bodies alone. */
void loops_print(Ctx *ctx, const Loops *loops, FILE *f) {
    Emit e;
    emit_open(&e, ctx, loops->graph, loops, 0);
    for (int k = 0; k < RUNS; k++) {
        Out out = {.indent = 1};
        emit_begin(&e, loops->run[k]);
        name_items(&e, loops->run[k]);
        block(&e, loops->run[k]->body, (Source_){0}, &out);
        fprintf(f, "%s%s:\n%s", k ? "\n" : "", run_name[k], out.text.text ? out.text.text : "");
        for (int t = 0; t < loops->run[k]->temp.n; t++)
            loops->run[k]->temp.at[t]->ready = false;
        str_free(&out.text);
    }
}
