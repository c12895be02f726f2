/* emit_expr.c: scalar expressions as C text.
 *
 * Rows of ops.def say what an operation looks like; here are precedence (as few parentheses as C and its warnings
 * allow), element accesses (row-major, by Horner's rule, so that all index arithmetic is 64 bits wide) and sizes, which
 * are written by name. */
#include "emit.h"
#include <inttypes.h>
#include <string.h>

static void ex_at(Emit *, const Ex *, int level, Str *out);

int ex_level(const Ex *e) {
    switch (e->op) {
    case OP_WHERE: return WHERE_;
    case OP_OR: return OR_;
    case OP_AND: return AND_;
    case OP_EQ: case OP_NE: return e->arg[0] == e->arg[1] && e->op == OP_NE ? ATOM : e->arg[0] == e->arg[1] ? UNARY : EQUAL;
    case OP_LT: case OP_LE: return COMPARE;
    case OP_ADD: case OP_SUB: return SUM;
    case OP_MUL: case OP_DIV: return PRODUCT;
    case OP_NEG: case OP_NOT: case OP_REALOF: case OP_INTOF: return UNARY;
    case OP_REAL: return e->real < 0 ? UNARY : ATOM;
    case OP_INT: return e->i < 0 && e->i >= -INT32_MAX ? UNARY : ATOM;
    default: return ATOM;
    }
}

void emit_int(Str *out, int64_t i) {
    if (i == INT64_MIN)
        str_add(out, "INT64_MIN");
    else if (i > INT32_MAX || i < -INT32_MAX)
        str_add(out, "INT64_C(%" PRId64 ")", i);
    else
        str_add(out, "%" PRId64, i);
}

/* ---------------------------------------------------------------- sizes and elements */

static void dim_name(Emit *e, const Dim *dim, Str *out) {
    int row = dim->place;
    e->dim_used[row] = true;
    str_add(out, "%s", e->size[row]);
}

/* Functions' size variables are dims too, but not of the table. */
bool is_row(const Emit *e, const Dim *dim) {
    return dim->place >= 0 && dim->place < e->g->dims.n && e->g->dims.at[dim->place] == dim;
}

void emit_size(Emit *e, const Ex *size, const Dim *dim, int level, Str *out) {
    int64_t n;
    if (ex_is_int(size, &n) && dim && is_row(e, dim) && dim->size == size && n <= INT32_MAX)
        str_add(out, "%s", e->constant[dim->place]);
    else
        ex_at(e, size, level, out);
}

void emit_count(Emit *e, const Item *it, Str *out) {
    int64_t n;
    for (int k = 0; k < it->nkept; k++) {
        const Axis *a = &it->node->axis[it->kept[k]];
        str_add(out, "%s", k ? " * " : "");
        if (k == 0 && it->nkept > 1 && ex_is_int(a->size, &n))
            str_add(out, "(int64_t)");
        emit_size(e, a->size, a->dim, k == 0 && it->nkept == 1 ? SUM : UNARY, out);
    }
    if (it->nkept == 0)
        str_add(out, "1");
}

/* ((i * N) + j) * K + k, without the parentheses that are not needed; leading constants are folded. */
static void offset(Emit *e, const Item *it, const Ex *const *index, Str *out) {
    Str acc = {0};
    int64_t value = 0, v, n;
    bool constant = true, sum = false;
    for (int k = 0; k < it->nkept; k++) {
        const Axis *a = &it->node->axis[it->kept[k]];
        const Ex *i = index[it->kept[k]];
        if (ex_is_number(a->size, 1) && i->op != OP_CHECK)
            continue;
        if (constant && (value == 0 || ex_is_int(a->size, &n)) && ex_is_int(i, &v)) {
            value = value == 0 ? v : value * n + v;
            continue;
        }
        Str next = {0};
        bool more = true;
        if (constant && value == 0) {
            ex_at(e, i, SUM, &next);
            sum = ex_level(i) <= SUM || acc.n > 0;
        } else {
            if (constant && ex_is_int(a->size, &n)) {
                emit_int(&next, value * n);
            } else {
                if (constant)
                    emit_int(&acc, value);
                str_add(&next, sum ? "(%s) * " : "%s * ", acc.text);
                emit_size(e, a->size, a->dim, UNARY, &next);
            }
            more = !ex_is_number(i, 0);
            if (more) {
                str_add(&next, " + ");
                ex_at(e, i, i->op == OP_ADD || i->op == OP_SUB ? SUM : SUM + 1, &next);
            }
            sum = more;
        }
        str_free(&acc);
        acc = next;
        constant = false;
    }
    if (constant)
        emit_int(out, value);
    else
        str_add(out, "%s", acc.text);
    str_free(&acc);
}

const char *item_name(Emit *e, const Item *it) {
    Item *used = e->p->item.at[it->node->id];
    used->used = true;
    return it->name;
}

void emit_element(Emit *e, const Item *it, const Ex *const *index, Str *out) {
    str_add(out, "%s", item_name(e, it));
    if (it->nkept == 0)
        return;
    str_add(out, "[");
    offset(e, it, index, out);
    str_add(out, "]");
}

/* ---------------------------------------------------------------- operations */

int ex_argument_level(const Ex *e, int k) {
    int own = ex_level(e);
    switch (e->op) {
    case OP_WHERE: return k == 0 ? OR_ : k == 1 ? OR_ : WHERE_;
    case OP_AND: return EQUAL;
    case OP_OR: return e->arg[k]->op == OP_AND ? ATOM : OR_;
    case OP_ADD: case OP_MUL: return own + (k > 0);
    case OP_SUB: case OP_DIV: return own + (k > 0);
    case OP_EQ: case OP_NE: case OP_LT: case OP_LE: return SUM;
    case OP_NEG: return ATOM;
    case OP_NOT: return e->arg[k]->op == OP_NOT ? ATOM : UNARY;
    case OP_REALOF: case OP_INTOF: return UNARY;
    default: return ANY;
    }
}

static bool wants_real(const Ex *e, int k) {
    if (e->type != T_REAL || e->op == OP_REALOF || e->op == OP_WHERE || is_read(e))
        return false;
    return e->arg[k]->type != T_REAL && e->arg[k]->op != OP_INT;
}

static void argument(Emit *e, const Ex *x, int k, Str *out) {
    if (wants_real(x, k)) {
        str_add(out, "(real)");
        ex_at(e, x->arg[k], UNARY, out);
    } else {
        ex_at(e, x->arg[k], ex_argument_level(x, k), out);
    }
}

static void operation(Emit *e, const Ex *x, Str *out) {
    const char *text = op_text(x->op), *bar = x->op == OP_OR ? NULL : strchr(text, '|');
    bool ints = x->nargs > 0 && x->arg[0]->type == T_INT;
    const char *end = bar && !ints ? bar : text + strlen(text);
    for (const char *c = bar && ints ? bar + 1 : text; c < end; c++) {
        if (*c == '%')
            argument(e, x, *++c - 'a', out);
        else if (*c == '@')
            str_add(out, "%s", e->f);
        else
            str_add(out, "%c", *c);
    }
}

/* The name of the constant that holds the line of the model: long lines would drown what stands around them. */
Quote *emit_quote(Emit *e, Span span) {
    const char *line = span_source_line(e->ctx, span);
    for (int k = 0; k < e->quote.n; k++)
        if (strcmp(e->quote.at[k].line, line) == 0)
            return &e->quote.at[k];
    const char *name = name_new(e->ctx, e->names, arena_printf(e->ctx->arena, "line_%d", span_line(e->ctx, span)));
    vec_push(e->ctx, &e->quote, ((Quote){line, name, false}));
    return &e->quote.at[e->quote.n - 1];
}

static const char *quoted(Emit *e, Span span) {
    Quote *q = emit_quote(e, span);
    q->used = true;
    return q->name;
}

static void check(Emit *e, const Ex *x, Str *out) {
    e->run_used = true;
    str_add(out, "ad_check(run, ");
    ex_at(e, x->arg[0], ANY, out);
    str_add(out, ", ");
    ex_at(e, x->arg[1], ANY, out);
    str_add(out, ", %d, %s)", span_line(e->ctx, x->span), quoted(e, x->span));
}

static void divisor(Emit *e, const Ex *x, Str *out) {
    e->run_used = true;
    str_add(out, "ad_divisor(run, ");
    ex_at(e, x->arg[0], ANY, out);
    str_add(out, ", %d, %s)", span_line(e->ctx, x->span), quoted(e, x->span));
}

static void draw(Emit *e, const Ex *x, Str *out) {
    e->run_used = true;
    str_add(out, "%sadrt_%s(run->seed, UINT64_C(0x%016" PRIx64 "), %s, ", e->precision == 32 ? "(float)" : "",
            x->var ? "normal" : "uniform", (uint64_t)x->i, e->p->training ? "run->step" : "UINT64_MAX");
    ex_at(e, x->arg[0], ANY, out);
    str_add(out, ")");
}

/* x == x and the like are questions about nan; compilers warn of the other spelling. */
static bool same_both(Emit *e, const Ex *x, Str *out) {
    if (x->nargs != 2 || x->arg[0] != x->arg[1])
        return false;
    bool real = x->arg[0]->type == T_REAL;
    switch (x->op) {
    case OP_EQ: str_add(out, real ? "!isnan(" : "true"); break;
    case OP_NE: str_add(out, real ? "isnan(" : "false"); break;
    case OP_LE: str_add(out, real ? "!isnan(" : "true"); break;
    case OP_LT: str_add(out, "false"); return true;
    default: return false;
    }
    if (real) {
        ex_at(e, x->arg[0], ANY, out);
        str_add(out, ")");
    }
    return true;
}

static void atom(Emit *e, const Ex *x, Str *out) {
    switch (x->op) {
    case OP_REAL: out_real(out, x->real, e->precision); break;
    case OP_INT: emit_int(out, x->i); break;
    case OP_BOOL: str_add(out, x->i ? "true" : "false"); break;
    case OP_VAR: str_add(out, "%s", e->p->loop.at[x->var - LOOP_VAR]->letter); break;
    case OP_DIM: dim_name(e, x->dim, out); break;
    case OP_TOTAL: e->run_used = true; str_add(out, "run->total"); break;
    case OP_READ: case OP_READ_IF: emit_element(e, e->p->item.at[x->node->id], x->arg, out); break;
    case OP_CHECK: check(e, x, out); break;
    case OP_DIVISOR: divisor(e, x, out); break;
    case OP_DRAW: draw(e, x, out); break;
    default: operation(e, x, out); break;
    }
}

static void ex_at(Emit *e, const Ex *x, int level, Str *out) {
    const Temp *t = e->p ? temp_find(e->p, x, e->at) : NULL;
    if (t) {
        str_add(out, "%s", t->item ? item_name(e, t->item) : t->name);
        return;
    }
    if (e->rows && in_lanes(e->rows, x)) {
        lane_ex(e, x, level, out);
        return;
    }
    if (same_both(e, x, out))
        return;
    bool parens = ex_level(x) < level;
    str_add(out, parens ? "(" : "");
    atom(e, x, out);
    str_add(out, parens ? ")" : "");
}

void emit_ex_at(Emit *e, const Ex *x, int level, Str *out) { ex_at(e, x, level, out); }
void emit_ex(Emit *e, const Ex *x, Str *out) { ex_at(e, x, ANY, out); }
