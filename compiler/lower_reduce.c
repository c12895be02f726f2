/* lower_reduce.c: reductions, in both notations, and functions mapped over axes.
 *
 * sum[k in K] body and sum(x, over = k) are one node with reduction indices. mean, norm, var, std, logsumexp, softmax and
 * their like are library functions of one array or vector: for the axes that are not reduced they are expanded once, under
 * fresh index variables, which become axes again. */
#include "lower.h"
#include <string.h>

static const struct { const char *name; Reduce reduce; } primitive[] = {
    {"sum", R_SUM}, {"prod", R_PROD}, {"max", R_MAX}, {"min", R_MIN}, {"argmax", R_ARGMAX}, {"argmin", R_ARGMIN}, {"any", R_ANY}, {"all", R_ALL},
};

static Reduce primitive_of(const char *name) {
    for (size_t k = 0; k < sizeof primitive / sizeof *primitive; k++)
        if (strcmp(primitive[k].name, name) == 0)
            return primitive[k].reduce;
    return R_NONE;
}

/* The body in the type that the reduction wants, or NULL after a message. */
static const Ex *reducible(Lower *L, Reduce reduce, const Val *v, Span at) {
    Ctx *ctx = L->ctx;
    if (reduce == R_ANY || reduce == R_ALL) {
        if (v->type == T_REAL) {
            const char *behind = ctx->source.at[at.file].text + at.end;
            behind += strspn(behind, " \t");
            ERR(L, at, "E0211", "a condition must be bool or int, not real");
            if (!L->muted && *behind && strchr("<>=!", *behind))
                hint(ctx, "its body ends at '%.*s': put it into parentheses", behind[1] == '=' ? 2 : 1, behind);
            else if (!L->muted)
                hint(ctx, "write x != 0");
            return NULL;
        }
        return v->type == T_BOOL ? v->body : ex2(ctx, OP_NE, v->body, ex_int(ctx, 0));
    }
    return v->type == T_BOOL ? ex_cast(ctx, T_INT, v->body) : v->body;
}

/* The place of an element in row-major order of the reduced indices. */
static const Ex *linear_place(Lower *L, const Index *red, int n) {
    if (n == 1)
        return ex_var(L->ctx, red[0].var);
    const Ex *e = ex_int(L->ctx, 0);
    for (int k = 0; k < n; k++) {
        const Ex *own = ex2(L->ctx, OP_SUB, ex_var(L->ctx, red[k].var), red[k].lo);
        e = ex2(L->ctx, OP_ADD, ex2(L->ctx, OP_MUL, e, ex2(L->ctx, OP_SUB, red[k].hi, red[k].lo)), own);
    }
    return e;
}

static bool ragged(const Index *red, int n);

static Val reduce_vars(Lower *L, Reduce reduce, Val v, const Index *red, int n, Span at) {
    const Ex *body = reducible(L, reduce, &v, at);
    if (!body)
        return val_bad();
    bool places = reduce == R_ARGMAX || reduce == R_ARGMIN;
    if (places && ragged(red, n)) {
        ERR(L, at, "E0210", "rows of different lengths have no place in row-major order");
        if (!L->muted)
            hint(L->ctx, "let every index run over all of its range, and leave out elements: where(i <= j, x[i, j], %s)", reduce == R_ARGMAX ? "-inf" : "inf");
        return val_bad();
    }
    const Ex *place = places ? linear_place(L, red, n) : NULL;
    Val r = v;
    r.body = val_lift(L, &r, n, red, reduce, body, place, at);
    if (!r.body)
        return val_bad();
    r.type = r.body->type;
    r.labels = NULL;
    return r;
}

/* True when a range begins or ends at another one's index: such rows make no array. */
static bool ragged(const Index *red, int n) {
    for (int k = 0; k < n; k++)
        for (int j = 0; j < k; j++)
            if (ex_uses_var(red[k].lo, red[j].var) || ex_uses_var(red[k].hi, red[j].var))
                return true;
    return false;
}

/* mean, norm, var and std over a ragged set, from sums over it. */
static Val reduce_ragged(Lower *L, const Ast *a, Val v, const Index *red, int n) {
    Val count = reduce_vars(L, R_SUM, val_scalar(ex_real(L->ctx, 1)), red, n, a->span);
    bool mean = strcmp(a->text, "mean") == 0, norm = strcmp(a->text, "norm") == 0;
    v = val_cast(L, v, T_REAL);
    if (!norm) {
        Val sum = reduce_vars(L, R_SUM, v, red, n, a->span);
        Val m = sum.bad || count.bad ? val_bad() : val_op(L, OP_DIV, (Val[]){sum, count}, 2, NULL);
        if (mean || m.bad)
            return m;
        v = val_op(L, OP_SUB, (Val[]){v, m}, 2, NULL);
    }
    if (v.bad)
        return v;
    Val square = val_op(L, OP_MUL, (Val[]){v, v}, 2, NULL);
    Val s = square.bad ? square : reduce_vars(L, R_SUM, square, red, n, a->span);
    if (!norm && !s.bad)
        s = val_op(L, OP_DIV, (Val[]){s, count}, 2, NULL);
    return s.bad || strcmp(a->text, "var") == 0 ? s : call_std(L, "_root", a, &s, 1);
}

Val lower_reduce(Lower *L, const Ast *a) {
    int from = L->index.n, n = 0;
    bool fine = true;
    for (const Ast *in = a->items; in; in = in->next, n++) {
        if (in->kind != AST_IN) {
            ERR(L, in->span, "E0210", "expected 'k in K': %s[...] names the indices that it runs over", a->text);
            fine = false;
        } else {
            fine &= push_index(L, in, true);
        }
    }
    if (n > MAX_RANK) {
        ERR(L, a->span, "E0224", "a reduction over more than %d indices", MAX_RANK);
        fine = false;
    }
    Val v = lower_expr(L, a->a);
    Reduce reduce = primitive_of(a->text);
    Val r = val_bad();
    if (fine && !v.bad && reduce != R_NONE) {
        Index red[MAX_RANK];
        memcpy(red, L->index.at + from, sizeof *red * (size_t)n);
        L->index.n = from;                          /* bound by the node itself from here on */
        r = reduce_vars(L, reduce, v, red, n, a->span);
        L->index.n = from + n;
        pop_index(L, from);
        L->ended = a;
        return r;
    }
    L->ended = a;
    Index red[MAX_RANK];
    memcpy(red, L->index.at + from, sizeof *red * (size_t)(fine ? n : 0));
    if (fine && !v.bad && ragged(red, n)) {
        bool exps = strcmp(a->text, "logsumexp") == 0;
        for (int k = n - 1; exps && k >= 0 && !v.bad; k--) {    /* a row at a time: the last index first */
            bool one[MAX_RANK] = {true};
            Val row = val_close(L, v, from + k, a->span);
            L->index.n = from + k;
            v = row.bad ? row : call_over(L, NULL, a, &row, 1, one);
        }
        L->index.n = from;
        if (!exps)
            v = reduce_ragged(L, a, v, red, n);
        L->index.n = from + n;
        pop_index(L, from);
        return v;
    }
    Val whole = fine ? val_close(L, v, from, a->span) : val_bad();
    pop_index(L, from);
    if (whole.bad)
        return whole;
    bool chosen[MAX_RANK] = {0};
    for (int k = 0; k < n; k++)
        chosen[k] = true;
    if (strcmp(a->text, "logsumexp") != 0 || n == 1)
        return call_over(L, NULL, a, &whole, 1, chosen);
    for (int k = n - 1; k >= 0 && !whole.bad; k--) {            /* a vector at a time: the last index first */
        bool one[MAX_RANK] = {0};
        one[k] = true;
        whole = call_over(L, NULL, a, &whole, 1, one);
    }
    return whole;
}

/* ---------------------------------------------------------------- over = ... */

static bool choose_axis(Lower *L, const Ast *o, int axis, bool *chosen) {
    if (chosen[axis])
        ERR(L, o->span, "E0215", "the axis '%s' is named twice", span_text(L->ctx, o->span));
    bool fresh = !chosen[axis];
    chosen[axis] = true;
    return fresh;
}

static bool choose(Lower *L, const Ast *o, const Val *v, bool *chosen, const char *what) {
    if (o->kind == AST_NAME) {
        Symbol *s = lookup(L, o->text);
        const Dim *dim = s && s->kind == SYM_DIM ? s->dim : NULL;
        int found = 0, at = 0;
        if (!s) {
            unknown_name(L, o);
            return false;
        }
        if (s->kind == SYM_BAD || (dim && dim->failed))
            return false;
        for (int k = 0; dim && k < v->rank; k++)
            if (v->axis[k].dim == dim) {
                at = k;
                found++;
            }
        if (dim && found == 1)
            return choose_axis(L, o, at, chosen);
        if (dim && found > 1)
            ERR(L, o->span, "E0215", "the value of shape %s has the axis '%s' twice: give its number", shape_text(L, v), o->text);
        else if (dim || s->kind != SYM_VALUE)
            ERR(L, o->span, "E0215", "%s over '%s', but the value has the shape %s", what, o->text, shape_text(L, v));
        if (dim) {
            if (!L->muted)
                note_dims(L, v, NULL);
            return false;
        }
    }
    const Ex *e = lower_scalar(L, o, T_INT, "an axis");
    int64_t k;
    if (!e)
        return false;
    if (!ex_is_int(e, &k) || k < -v->rank || k >= v->rank) {
        ERR(L, o->span, "E0215", "axis %s of a value with the shape %s", span_text(L->ctx, o->span), shape_text(L, v));
        return false;
    }
    return choose_axis(L, o, (int)(k < 0 ? k + v->rank : k), chosen);
}

/* Of a value that failed already: the names at least. */
void known_axes(Lower *L, const Ast *over) {
    if (over && over->kind == AST_NAME && !lookup(L, over->text))
        unknown_name(L, over);
    for (const Ast *o = over && over->kind == AST_TUPLE ? over->items : NULL; o; o = o->next)
        known_axes(L, o);
}

bool axes_of(Lower *L, const Ast *over, const Val *v, bool *chosen, const char *what) {
    if (over->kind != AST_TUPLE && over->kind != AST_ARRAY)
        return choose(L, over, v, chosen, what);
    bool fine = true;
    for (const Ast *o = over->items; o; o = o->next)
        fine &= choose(L, o, v, chosen, what);
    return fine;
}

/* Index variables for some axes of a value: to[k] is the variable, or the place among the axes that stay. */
typedef struct { Index red[MAX_RANK]; int n, rest; const Ex *to[MAX_RANK]; } Split;

static Split split_axes(Lower *L, const Val *v, const bool *take) {
    Split s = {0};
    for (int k = 0; k < v->rank; k++)
        s.rest += !take[k];
    for (int k = 0, r = 0; k < v->rank; k++) {
        if (!take[k]) {
            s.to[k] = axis_var(L, s.rest, r++);
            continue;
        }
        Index x = {.var = VAR_SCOPE + L->next_var++, .lo = ex_int(L->ctx, 0), .hi = v->axis[k].size, .name = v->axis[k].name, .dim = v->axis[k].dim};
        s.red[s.n++] = x;
        s.to[k] = ex_var(L->ctx, x.var);
    }
    return s;
}

static Val without(Lower *L, const Val *v, const bool *take, const Split *s) {
    Val r = val_map_axes(L, v, s->to, false);
    r.rank = 0;
    for (int k = 0; k < v->rank; k++)
        if (!take[k])
            r.axis[r.rank++] = v->axis[k];
    return r;
}

Val reduce_axes(Lower *L, Reduce reduce, const Val *v, const bool *chosen, Span at) {
    Split s = split_axes(L, v, chosen);
    return reduce_vars(L, reduce, without(L, v, chosen, &s), s.red, s.n, at);
}

Val reduce_all(Lower *L, const Val *v, Reduce reduce, Span at) {
    bool chosen[MAX_RANK];
    memset(chosen, 1, sizeof chosen);
    return v->rank == 0 && (reduce == R_SUM || reduce == R_PROD) && v->type != T_BOOL ? *v : reduce_axes(L, reduce, v, chosen, at);
}

Val call_reduction(Lower *L, const Ast *a) {
    const Ast *over = named_arg(a, "over");
    Val v = lower_expr(L, nth_arg(a, 0));
    if (v.bad) {
        known_axes(L, over);
        return v;
    }
    bool chosen[MAX_RANK] = {0};
    if (over && !axes_of(L, over, &v, chosen, a->text))
        return val_bad();
    for (int k = 0; !over && k < v.rank; k++)
        chosen[k] = true;
    Reduce reduce = primitive_of(a->text);
    if (reduce != R_NONE)
        return reduce_axes(L, reduce, &v, chosen, a->span);
    if (strcmp(a->text, "logsumexp") != 0)
        return call_over(L, NULL, a, &v, 1, chosen);
    if (v.rank == 0)
        return val_cast(L, v, T_REAL);
    for (int k = v.rank - 1; k >= 0 && !v.bad; k--)
        if (chosen[k]) {
            bool one[MAX_RANK] = {0};
            one[k] = true;
            v = call_over(L, NULL, a, &v, 1, one);
        }
    return v;
}

/* A library function of the chosen axes of its first argument, expanded once for the others. Further arguments share the
 * leading axes that are not chosen, or are scalars. The result's axes, if any, take the chosen ones' place. */
Val call_over(Lower *L, const Symbol *fn, const Ast *call, Val *args, int n, const bool *chosen) {
    const Val *x = &args[0];
    bool others[MAX_RANK];
    int from = L->index.n, kept = 0;
    for (int k = 0; k < x->rank; k++) {
        others[k] = !chosen[k];
        kept += !chosen[k];
    }
    Split s = split_axes(L, x, others);
    Val inner[4];
    inner[0] = without(L, x, others, &s);
    for (int i = 1; i < n; i++) {                   /* its leading axes are x's that are not chosen */
        const Ex *to[MAX_RANK];
        int rest = args[i].rank - kept;
        inner[i] = args[i];
        if (rest < 0)
            continue;
        for (int k = 0; k < args[i].rank; k++) {
            to[k] = k < kept ? ex_var(L->ctx, s.red[k].var) : axis_var(L, rest, k - kept);
        }
        inner[i] = val_map_axes(L, &args[i], to, false);
        inner[i].rank = 0;
        for (int k = kept; k < args[i].rank; k++)
            inner[i].axis[inner[i].rank++] = args[i].axis[k];
    }
    Scope *scope = L->scope;
    for (int k = 0; k < s.n; k++)
        vec_push(L->ctx, &L->index, s.red[k]);
    Val r = call_std(L, fn ? fn->name : call->text, call, inner, n);
    if (r.bad) {
        L->index.n = from;
        return r;
    }
    Val closed = val_close(L, r, from, call->span);
    L->index.n = from;
    L->scope = scope;
    if (closed.bad || r.rank == 0 || kept == 0) {
        for (int k = 0, j = 0; !closed.bad && k < x->rank; k++)
            if (!chosen[k])
                closed.axis[j++] = x->axis[k];
        return closed;
    }
    const Ex *to[MAX_RANK];                         /* [others, chosen] back into x's order */
    Val ordered = closed;
    for (int k = 0, o = 0, c = kept; k < x->rank; k++) {
        int place = chosen[k] ? c++ : o++;
        ordered.axis[k] = chosen[k] ? closed.axis[place] : x->axis[k];
        to[place] = axis_var(L, x->rank, k);
    }
    ordered.body = val_map_axes(L, &closed, to, false).body;
    return ordered;
}
