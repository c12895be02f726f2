/* emit_lanes.c: a loop over rows, several at once.
 *
 * In: the statements of a loop that lanes.c chose. Out: the same text as for one row, with vectors for what depends on
 * the row: arithmetic is C's own, on GNU vectors; where is a select, a comparison a mask; data is loaded with a stride,
 * and sums over rows are added up per lane and combined after the loop. */
#include "emit.h"
#include <string.h>

const char *lane_type(Type t) { return t == T_REAL ? "lanes" : "ints"; }

const char *lane_sum_name(Emit *e, const Item *it) {
    Item *own = e->p->item.at[it->node->id];
    if (!own->lane_name)
        own->lane_name = name_new(e->ctx, e->scope, arena_printf(e->ctx->arena, "%s_lanes", it->name));
    return own->lane_name;
}

static bool varies(const Emit *e, const Ex *x) { return in_lanes(e->rows, x); }

/* ---------------------------------------------------------------- expressions */

void lane_value(Emit *e, const Ex *x, Type type, Str *out) {
    if (varies(e, x)) {
        emit_ex_at(e, x, ANY, out);
    } else if (type == T_REAL) {
        str_add(out, "ad_splat%s(", e->f);
        emit_ex_at(e, x, ANY, out);
        str_add(out, ")");
    } else if (type == T_BOOL) {
        str_add(out, "ad_truth%s(", e->f);
        emit_ex_at(e, x, ANY, out);
        str_add(out, ")");
    } else {
        str_add(out, "(ints){0} + (lane_int)");
        emit_ex_at(e, x, UNARY, out);
    }
}

/* An operand of C's own operators, which take a scalar beside a vector. */
static void operand(Emit *e, const Ex *x, int level, Str *out) {
    if (varies(e, x) || x->type == T_REAL) {
        emit_ex_at(e, x, level, out);
    } else if (x->type == T_BOOL) {
        lane_value(e, x, T_BOOL, out);
    } else {
        str_add(out, "(lane_int)");
        emit_ex_at(e, x, UNARY, out);
    }
}

static void infix(Emit *e, const Ex *x, const char *op, Str *out) {
    operand(e, x->arg[0], ex_argument_level(x, 0), out);
    str_add(out, " %s ", op);
    operand(e, x->arg[1], ex_argument_level(x, 1), out);
}

static void function(Emit *e, const Ex *x, const char *name, Str *out) {
    str_add(out, "%s%s(", name, e->f);
    for (int k = 0; k < x->nargs; k++) {
        str_add(out, "%s", k ? ", " : "");
        lane_value(e, x->arg[k], x->arg[k]->type, out);
    }
    str_add(out, ")");
}

static void mask(Emit *e, const Ex *x, const char *op, Str *out) {
    operand(e, x->arg[0], ATOM, out);
    str_add(out, " %s ", op);
    operand(e, x->arg[1], ATOM, out);
}

/* &X[i * F + j], and how far apart the rows are. */
static void address(Emit *e, const Item *it, const Ex *const *index, Str *out) {
    int at = strided_axis(e->ctx, e->rows, it, index);
    const Stmt *rows = e->rows;
    e->rows = NULL;
    str_add(out, "&");
    emit_element(e, it, index, out);
    str_add(out, ", ");
    for (int k = at + 1; k < it->nkept; k++) {
        const Axis *a = &it->node->axis[it->kept[k]];
        str_add(out, "%s", k > at + 1 ? " * " : "");
        emit_size(e, a->size, a->dim, it->nkept - at > 2 ? UNARY : ANY, out);
    }
    if (at + 1 == it->nkept)
        str_add(out, "1");
    e->rows = rows;
}

static void read(Emit *e, const Ex *x, Str *out) {
    const Item *it = e->p->item.at[x->node->id];
    if (!item_in_lanes(e->rows, it)) {
        str_add(out, "ad_load%s%s(", x->type == T_INT ? "_int" : "", e->f);
        address(e, it, x->arg, out);
        str_add(out, ")");
    } else if (it->nkept == 1 && varies(e, x->arg[it->kept[0]])) {
        str_add(out, "ad_pick%s(%s, ", e->f, item_name(e, it));
        emit_ex_at(e, x->arg[it->kept[0]], ANY, out);
        str_add(out, ")");
    } else {
        emit_element(e, it, x->arg, out);
    }
}

static void where(Emit *e, const Ex *x, Str *out) {
    if (varies(e, x->arg[0])) {
        function(e, x, "ad_select", out);
        return;
    }
    str_add(out, "(");
    emit_ex_at(e, x->arg[0], OR_, out);
    str_add(out, " ? ");
    lane_value(e, x->arg[1], T_REAL, out);
    str_add(out, " : ");
    lane_value(e, x->arg[2], T_REAL, out);
    str_add(out, ")");
}

static void real_of(Emit *e, const Ex *x, Str *out) {
    if (x->arg[0]->type == T_BOOL)
        str_add(out, "ad_select%s(", e->f);
    else
        str_add(out, "__builtin_convertvector(");
    emit_ex_at(e, x->arg[0], ANY, out);
    str_add(out, x->arg[0]->type == T_BOOL ? ", ad_splat%s(1), ad_splat%s(0))" : ", lanes)", e->f, e->f);
}

static void whole(Emit *e, const Ex *x, Str *out) {
    switch (x->op) {
    case OP_READ: read(e, x, out); break;
    case OP_ADD: infix(e, x, "+", out); break;
    case OP_SUB: infix(e, x, "-", out); break;
    case OP_MUL: infix(e, x, "*", out); break;
    case OP_DIV: infix(e, x, "/", out); break;
    case OP_NEG: str_add(out, "-"); emit_ex_at(e, x->arg[0], ATOM, out); break;
    case OP_MIN: function(e, x, "ad_lane_min", out); break;
    case OP_MAX: function(e, x, "ad_lane_max", out); break;
    case OP_ABS: function(e, x, "ad_lane_abs", out); break;
    case OP_EXP: function(e, x, "ad_lane_exp", out); break;
    case OP_LOG: function(e, x, "ad_lane_log", out); break;
    case OP_LOG1P: function(e, x, "ad_lane_log1p", out); break;
    case OP_SQRT: function(e, x, "ad_lane_sqrt", out); break;
    case OP_TANH: function(e, x, "ad_lane_tanh", out); break;
    case OP_SIGMOID: function(e, x, "ad_lane_sigmoid", out); break;
    case OP_SOFTPLUS: function(e, x, "ad_lane_softplus", out); break;
    case OP_SECH2: function(e, x, "ad_lane_sech2", out); break;
    case OP_WHERE: where(e, x, out); break;
    case OP_REALOF: real_of(e, x, out); break;
    case OP_EQ: mask(e, x, "==", out); break;
    case OP_NE: mask(e, x, "!=", out); break;
    case OP_LT: mask(e, x, "<", out); break;
    case OP_LE: mask(e, x, "<=", out); break;
    case OP_AND: mask(e, x, "&", out); break;
    case OP_OR: mask(e, x, "|", out); break;
    case OP_NOT: str_add(out, "~"); emit_ex_at(e, x->arg[0], ATOM, out); break;
    case OP_ISNAN: str_add(out, "ad_lane_isnan%s(", e->f); emit_ex_at(e, x->arg[0], ANY, out); str_add(out, ")"); break;
    default: bug(e->ctx, "'%s' has no text for several rows at once", op_name(x->op));
    }
}

/* Masks have parentheses wherever another operator stands beside them. */
static int level(const Ex *x) {
    switch (x->op) {
    case OP_EQ: case OP_NE: case OP_LT: case OP_LE: case OP_AND: case OP_OR: return WHERE_;
    case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: case OP_NEG: return ex_level(x);
    case OP_NOT: return UNARY;
    default: return ATOM;
    }
}

void lane_ex(Emit *e, const Ex *x, int wanted, Str *out) {
    bool parens = level(x) < wanted;
    str_add(out, parens ? "(" : "");
    whole(e, x, out);
    str_add(out, parens ? ")" : "");
}

/* ---------------------------------------------------------------- statements */

static const char *scalar_name(const Item *it) { return it->nkept == 0 && it->home == HOME_LOCAL ? it->name : it->total; }

static void target(Emit *e, const Stmt *s, Str *out) {
    const Item *it = s->item;
    if (it->first_red == 0) {
        str_add(out, "%s", lane_sum_name(e, it));
        if (!it->accumulates) {
            Item as = *it;
            as.name = "";
            emit_element(e, &as, s->index, out);
        }
    } else if (s->total) {
        str_add(out, "%s", scalar_name(it));
    } else {
        emit_element(e, it, s->index, out);
    }
}

static void accumulate(Emit *e, const Stmt *s, Out *out) {
    Str to = {0}, value = {0};
    target(e, s, &to);
    bool call = s->reduce == R_MAX || s->reduce == R_MIN;
    if (call)
        lane_value(e, s->value, T_REAL, &value);
    else
        emit_ex_at(e, s->value, ANY, &value);
    if (call)
        out_line(out, "%s = ad_lane_%s%s(%s, %s);", to.text, s->reduce == R_MAX ? "max" : "min", e->f, to.text, value.text);
    else
        out_line(out, "%s %s= %s;", to.text, s->reduce == R_PROD ? "*" : "+", value.text);
    str_free(&to);
    str_free(&value);
}

static void assign(Emit *e, const Stmt *s, Out *out) {
    Str to = {0}, value = {0};
    if (s->value)
        lane_value(e, s->value, s->item->node->type, &value);
    else
        str_add(&value, "%s", scalar_name(s->item));
    if (s->item->home == HOME_LOCAL) {
        emit_element(e, s->item, s->index, &to);
        out_line(out, "%s = %s;", to.text, value.text);
    } else {
        address(e, s->item, s->index, &to);
        out_line(out, "ad_store%s(%s, %s);", e->f, to.text, value.text);
    }
    str_free(&to);
    str_free(&value);
}

static void best(Emit *e, const Stmt *s, Out *out) {
    Str value = {0}, arg = {0};
    const char *b = s->item->best, *place = scalar_name(s->item), *sign = s->reduce == R_ARGMAX ? ">" : "<";
    const char *better = name_new(e->ctx, e->scope, "better");
    lane_value(e, s->value, T_REAL, &value);
    lane_value(e, s->arg, T_INT, &arg);
    out_line(out, "const ints %s = (%s %s %s) | (ad_lane_isnan%s(%s) & ~ad_lane_isnan%s(%s));", better, value.text, sign, b, e->f, value.text, e->f, b);
    out_line(out, "%s = ad_select%s(%s, %s, %s);", b, e->f, better, value.text, b);
    out_line(out, "%s = ad_select_int%s(%s, %s, %s);", place, e->f, better, arg.text, place);
    str_free(&value);
    str_free(&arg);
}

static void declare(Emit *e, const Stmt *s, Out *out) {
    Str value = {0};
    bool is_best = s->reduce != R_NONE;
    Type type = is_best ? s->value->type : s->item->node->type;
    lane_value(e, s->value, type, &value);
    item_name(e, s->item);
    out_line(out, "%s%s %s = %s;", s->changes ? "" : "const ", lane_type(type), is_best ? s->item->best : scalar_name(s->item), value.text);
    if (!s->changes)
        temp_declared(e->p, s);
    str_free(&value);
}

static void count_text(Emit *e, const Item *it, Str *out) {
    for (int k = 0; k < it->nkept; k++) {
        const Axis *a = &it->node->axis[it->kept[k]];
        str_add(out, "%s", k ? " * " : "");
        emit_size(e, a->size, a->dim, ANY, out);
    }
}

static void array(Emit *e, const Stmt *s, Out *out) {
    Str count = {0};
    count_text(e, s->item, &count);
    out_line(out, "%s %s[%s]%s;", lane_type(s->item->node->type), item_name(e, s->item), count.text, s->zero ? " = {{0}}" : "");
    str_free(&count);
}

bool lane_statement(Emit *e, const Stmt *s, Out *out) {
    switch (s->kind) {
    case S_DECLARE:
        if (!s->item)
            return false;
        declare(e, s, out);
        return true;
    case S_ARRAY: array(e, s, out); return true;
    case S_ZERO:
        out_line(out, "memset(%s, 0, sizeof %s);", item_name(e, s->item), s->item->name);
        return true;
    case S_ASSIGN: assign(e, s, out); return true;
    case S_ACCUMULATE: accumulate(e, s, out); return true;
    case S_BEST: best(e, s, out); return true;
    default: return false;
    }
}

/* ---------------------------------------------------------------- sums over rows */

static bool sums_in(const Stmt *loop, const Item *it) { return !it->dead && !it->leaf && it->depth > 0 && it->path[0] == loop && it->first_red == 0; }

void lane_sums_begin(Emit *e, const Stmt *loop, Out *out) {
    for (int k = 0; k < e->p->item.n; k++) {
        Item *it = e->p->item.at[k];
        Str count = {0};
        if (!sums_in(loop, it))
            continue;
        it->lane_name = NULL;
        count_text(e, it, &count);
        if (it->nkept == 0)
            out_line(out, "lanes %s = {0};", lane_sum_name(e, it));
        else
            out_line(out, "lanes %s[%s] = {{0}};", lane_sum_name(e, it), count.text);
        str_free(&count);
    }
}

void lane_sums_end(Emit *e, const Stmt *loop, Out *out) {
    for (int k = 0; k < e->p->item.n; k++) {
        const Item *it = e->p->item.at[k];
        Str count = {0};
        if (!sums_in(loop, it))
            continue;
        count_text(e, it, &count);
        const char *i = letter_new(e->ctx, names_new(e->ctx, e->scope), "k");
        if (it->nkept == 0) {
            out_line(out, "%s += ad_sum%s(%s);", it->name, e->f, it->lane_name);
        } else {
            out_line(out, "for (int64_t %s = 0; %s < %s; %s++)", i, i, count.text, i);
            out_line(out, "    %s[%s] += ad_sum%s(%s[%s]);", item_name(e, it), i, e->f, it->lane_name, i);
        }
        str_free(&count);
    }
}
