/* gen.c: random models, valid by construction.
 *
 * A shape is a list of sizes in the model's own words ("n", "(n - 1)", "2"); expr() makes an expression of exactly that
 * shape: it picks a production, and asks for operands of the shapes that the production needs.
 *
 *     expr([n, f]):  X  |  expr([n, f]) * expr([f])  |  expr([n, k]) @ expr([k, f])  |  sum(expr([n, k, f]), over = k)  |  ...
 *
 * With index variables in scope the same function makes index notation: a read X[i, :] has the shape [f]. Arguments of
 * functions that end somewhere are brought into their domain, and what grows is damped, so that most models can be
 * judged to twelve digits. */
#include "gen.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_AXES = 3, MOST_VALUES = 64, MOST_VARS = 12, MOST_DIMS = 8 };

typedef struct { int rank; const char *at[MOST_AXES + 2]; } Sizes;
typedef struct { const char *name; Type type; Sizes sizes; const char *labels; int depth; } Value;
typedef struct { const char *name, *size; bool below; } Var;    /* below: another variable's range begins or ends here */
typedef struct { const char *name; Sizes result; int n; Sizes arg[3]; int defaults; } Function;

typedef struct {
    Arena *arena;
    uint64_t state;
    Str text;
    VEC(const char *) dims;             /* names; all at least 3 */
    VEC(Value) values;
    VEC(Function) functions;
    Var var[MOST_VARS];
    int nvars, count, first_value;
    bool in_function, quiet;            /* quiet: no derivatives inside */
} Gen;

uint64_t next_random(uint64_t *state) {
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int below(Gen *g, int n) { return n > 0 ? (int)(next_random(&g->state) % (uint64_t)n) : 0; }
static bool chance(Gen *g, int percent) { return below(g, 100) < percent; }

#define say(g, ...) arena_printf((g)->arena, __VA_ARGS__)

static const char *fresh(Gen *g, const char *stem) { return say(g, "%s%d", stem, ++g->count); }

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

static bool same_sizes(const Sizes *a, const Sizes *b) {
    if (a->rank != b->rank)
        return false;
    for (int k = 0; k < a->rank; k++)
        if (!same(a->at[k], b->at[k]))
            return false;
    return true;
}

static bool is_name(const char *size) { return (*size >= 'a' && *size <= 'z'); }
static const char *any_dim(Gen *g) { return g->dims.at[below(g, g->dims.n)]; }

static Sizes any_sizes(Gen *g, int most) {
    Sizes s = {.rank = below(g, most + 1)};
    for (int k = 0; k < s.rank; k++)
        s.at[k] = any_dim(g);
    return s;
}

static Sizes drop_axis(const Sizes *s, int axis) {
    Sizes r = {0};
    for (int k = 0; k < s->rank; k++)
        if (k != axis)
            r.at[r.rank++] = s->at[k];
    return r;
}

static Sizes insert_axis(const Sizes *s, int axis, const char *size) {
    Sizes r = {.rank = s->rank + 1};
    for (int k = 0, from = 0; k < r.rank; k++)
        r.at[k] = k == axis ? size : s->at[from++];
    return r;
}

static Sizes vector(const char *a) { return (Sizes){1, {a}}; }
static Sizes matrix(const char *a, const char *b) { return (Sizes){2, {a, b}}; }

static const char *expr(Gen *g, const Sizes *s, int depth);
static const char *scalar(Gen *g, int depth) {
    Sizes none = {0};
    return expr(g, &none, depth);
}

/* ---------------------------------------------------------------- ints and conditions */

static Var *any_var(Gen *g, const char *size) {
    Var *fit[MOST_VARS];
    int n = 0;
    for (int k = 0; k < g->nvars; k++)
        if (!size || same(g->var[k].size, size))
            fit[n++] = &g->var[k];
    return n ? fit[below(g, n)] : NULL;
}

static const Value *any_value(Gen *g, Type type, const char *labels) {
    const Value *fit[MOST_VALUES];
    int n = 0;
    for (int k = g->first_value; k < g->values.n; k++) {
        const Value *v = &g->values.at[k];
        if (v->type == type && (!labels ? !v->labels || type != T_INT : v->labels && same(v->labels, labels)) && n < MOST_VALUES)
            fit[n++] = v;
    }
    return n ? fit[below(g, n)] : NULL;
}

static const char *index_into(Gen *g, const char *size, int depth);

/* The value at scalar places. */
static const char *element(Gen *g, const Value *v, int depth) {
    if (v->sizes.rank == 0)
        return v->name;
    const char *s = say(g, "%s[", v->name);
    for (int k = 0; k < v->sizes.rank; k++)
        s = say(g, "%s%s%s", s, k ? ", " : "", index_into(g, v->sizes.at[k], depth - 1));
    return say(g, "%s]", s);
}

static const char *some_int(Gen *g, int depth) {
    Var *v = any_var(g, NULL), *w = any_var(g, NULL);
    const Value *q = any_value(g, T_INT, NULL);
    switch (below(g, depth > 0 ? 6 : 3)) {
    case 0: return say(g, "%d", 1 + below(g, 3));
    case 1: if (v) return v->name; /* fall through */
    case 2: return say(g, "%s", any_dim(g));
    case 3: if (q) return element(g, q, depth); /* fall through */
    case 4: if (v) return say(g, "(%s + %s)", v->name, w->name); /* fall through */
    default: return say(g, "(2 * %s - %d)", v ? v->name : any_dim(g), below(g, 3));
    }
}

/* An int that is in range of an axis. */
static const char *index_into(Gen *g, const char *size, int depth) {
    Var *v = any_var(g, size), *w = any_var(g, NULL);
    const Value *u = any_value(g, T_INT, size);
    if (v && chance(g, 60))
        return v->name;
    switch (below(g, depth > 0 ? is_name(size) ? 9 : 8 : 4)) {
    case 0: return "0";
    case 1: return "-1";
    case 2: if (v) return say(g, "%s - 1 - %s", size, v->name); /* fall through */
    case 3: if (v) return v->name;
        return !is_name(size) ? "0" : chance(g, 50) ? "1" : "-2";
    case 4: if (u) return element(g, u, depth - 1); /* fall through */
    case 5: return say(g, "%s %% %s", some_int(g, depth - 1), size);
    case 6: if (w) return say(g, "min(%s, %s - 1)", w->name, size); /* fall through */
    case 7:
        if (v || !is_name(size))
            return v ? say(g, "%s // 2", v->name) : "0";
        /* fall through */
    default: {
        Sizes along = vector(size);
        return say(g, "%s(%s)", chance(g, 50) ? "argmax" : "argmin", expr(g, &along, depth - 2));
    }
    }
}

static const char *condition(Gen *g, const Sizes *s, int depth) {
    Var *v = any_var(g, NULL), *w = any_var(g, NULL);
    static const char *const compare[] = {"<", "<=", ">", ">=", "==", "!="};
    switch (below(g, depth > 0 ? 7 : 3)) {
    case 0: if (v) return say(g, "%s %s %s", v->name, compare[below(g, 6)], v != w ? w->name : "1"); /* fall through */
    case 1:
        for (int k = g->first_value; k < g->values.n; k++)
            if (g->values.at[k].type == T_BOOL && same_sizes(&g->values.at[k].sizes, s))
                return g->values.at[k].name;
        /* fall through */
    case 2: return say(g, "%s %s %s", expr(g, s, depth - 2), compare[below(g, 4)], chance(g, 50) ? "0.1" : scalar(g, depth - 2));
    case 3: return say(g, "not (%s)", condition(g, s, depth - 1));
    case 4: return say(g, "(%s) and (%s)", condition(g, s, depth - 1), condition(g, s, depth - 1));
    case 5: return say(g, "(%s) or (%s)", condition(g, s, depth - 1), condition(g, s, depth - 1));
    default: if (s->rank == 0) return say(g, "%s %s %s", some_int(g, depth - 1), compare[below(g, 6)], some_int(g, depth - 1));
        return say(g, "%s %s %s", expr(g, s, depth - 2), compare[below(g, 4)], expr(g, s, depth - 2));
    }
}

/* ---------------------------------------------------------------- leaves */

static const char *literal(Gen *g) {
    static const char *const some[] = {"0.5", "1.25", "-0.75", "0.3", "1", "2", "-1.5", "0.1", "0", "0.7"};
    return some[below(g, 10)];
}

/* v[...] with the shape s: axes of s in order are kept, the others are given a place. NULL: it does not fit. */
static const char *read_of(Gen *g, const Value *v, const Sizes *s, int depth) {
    bool kept[MOST_AXES + 2] = {0};
    int from = v->sizes.rank - 1;
    for (int k = s->rank - 1; k >= 0; k--) {
        while (from >= 0 && !same(v->sizes.at[from], s->at[k]))
            from--;
        if (from < 0)
            return NULL;
        kept[from--] = true;
    }
    if (s->rank == v->sizes.rank && chance(g, 90))
        return v->name;
    const char *text = say(g, "%s[", v->name);
    for (int k = 0; k < v->sizes.rank; k++)
        text = say(g, "%s%s%s", text, k ? ", " : "", kept[k] ? ":" : index_into(g, v->sizes.at[k], depth));
    return v->sizes.rank ? say(g, "%s]", text) : v->name;
}

static bool fits(const Value *v, const Sizes *s) {
    int from = v->sizes.rank - 1;
    for (int k = s->rank - 1; k >= 0; k--, from--) {
        while (from >= 0 && !same(v->sizes.at[from], s->at[k]))
            from--;
        if (from < 0)
            return false;
    }
    return true;
}

static const char *any_read(Gen *g, const Sizes *s, int depth) {
    const Value *fit[MOST_VALUES];
    int n = 0;
    for (int k = g->values.n - 1; k >= g->first_value && n < MOST_VALUES; k--) {
        const Value *v = &g->values.at[k];
        if (v->type == T_REAL && v->sizes.rank <= s->rank + 2 && fits(v, s)
            && (v->sizes.rank == s->rank || g->nvars || chance(g, 50)))
            fit[n++] = v;
    }
    return n ? read_of(g, fit[below(g, n)], s, depth) : NULL;
}

/* Something of the shape, whatever there is: rows and columns of values, and outer products of them. */
static const char *surely(Gen *g, const Sizes *s) {
    if (s->rank == 0)
        return literal(g);
    if (s->rank == 1) {
        for (int k = g->values.n - 1; k >= g->first_value; k--) {
            const Value *v = &g->values.at[k];
            const char *r = v->type == T_REAL && v->sizes.rank && v->sizes.rank < 3 ? read_of(g, v, s, 0) : NULL;
            if (r)
                return r;
        }
        return NULL;
    }
    Sizes lead = drop_axis(s, s->rank - 1), last = vector(s->at[s->rank - 1]);
    const char *a = surely(g, &lead), *b = surely(g, &last);
    if (!a || !b)
        return NULL;
    return s->rank == 2 ? say(g, "outer(%s, %s)", a, b) : say(g, "((%s)[:, :, new] * %s)", a, b);
}

static const char *leaf(Gen *g, const Sizes *s, int depth) {
    const char *r = chance(g, 90) || s->rank ? any_read(g, s, depth) : NULL;
    if (r)
        return r;
    if (s->rank == 0 && g->nvars && chance(g, 30))
        return say(g, "(0.25 * %s)", any_var(g, NULL)->name);
    return surely(g, s);
}

/* ---------------------------------------------------------------- productions; NULL: try another */

static const char *product_unary(Gen *g, const Sizes *s, int depth) {
    static const char *const anywhere[] = {
        "sin(%s)", "cos(%s)", "tanh(%s)", "sigmoid(%s)", "softplus(%s)", "atan(%s)", "abs(%s)", "relu(%s)", "leaky_relu(%s)",
        "elu(%s)", "selu(%s)", "gelu(%s)", "silu(%s)", "log_sigmoid(%s)", "hardtanh(%s)", "asinh(%s)", "erf(%s)", "normal_cdf(%s)",
        "square(%s)", "(-%s)", "floor(%s)", "ceil(%s)", "round(%s)", "sign(%s)", "stop(%s)", "exp(sin(%s))", "log(1.5 + square(%s))",
        "sqrt(0.5 + square(%s))", "rsqrt(1 + square(%s))", "exp(-abs(%s))", "expm1(-abs(%s))", "log1p(abs(%s))", "sinh(sin(%s))",
        "cosh(cos(%s))", "tan(sin(%s))", "asin(0.9 * sin(%s))", "lgamma(1.5 + abs(%s))", "digamma(1.5 + abs(%s))", "(%s ^ 2)",
        "(%s ^ 3)", "((1.2 + abs(%s)) ^ 1.5)", "((2 + sin(%s)) ^ -1)", "clamp(%s, -0.5, 0.75)", "elu(%s, alpha = 0.5)",
        "log_normal_cdf(%s)", "logit(0.1 + 0.8 * sigmoid(%s))", "leaky_relu(%s, slope = 0.2)", "(2 ^ sin(%s))", "(1 / (1 + square(%s)))",
    };
    const char *text = anywhere[below(g, (int)(sizeof anywhere / sizeof *anywhere))], *hole = strstr(text, "%s");
    const char *arg = expr(g, s, depth - 1);
    return arg ? say(g, "%.*s(%s)%s", (int)(hole - text), text, arg, hole + 2) : NULL;
}

/* A second operand: the same shape, its last axes only, or stretched by 'new'. */
static const char *partner(Gen *g, const Sizes *s, int depth) {
    if (s->rank == 2 && chance(g, 25)) {
        Sizes v = vector(s->at[0]);
        const char *x = expr(g, &v, depth);
        return x ? say(g, "(%s)[:, new]", x) : NULL;
    }
    if (s->rank >= 1 && chance(g, 30)) {
        Sizes last = {0};
        int from = below(g, s->rank + 1);
        for (int k = from; k < s->rank; k++)
            last.at[last.rank++] = s->at[k];
        return expr(g, &last, depth);
    }
    return expr(g, s, depth);
}

static const char *product_binary(Gen *g, const Sizes *s, int depth) {
    static const struct { const char *open, *middle, *close; bool turns; } forms[] = {
        {"(", " + ", ")", true}, {"(", " - ", ")", true}, {"(", " * ", ")", true}, {"(", " * ", ")", true}, {"max(", ", ", ")", true},
        {"min(", ", ", ")", true}, {"logaddexp(", ", ", ")", true}, {"(", " / (1.5 + square(", ")))", false},
        {"(", " % (2 + abs(", ")))", false}, {"atan2(", ", 2 + square(", "))", false}, {"(", " // (1.25 + abs(", ")))", false},
        {"(", " - 0.5 * ", ")", true}, {"pow(1.5 + sin(", "), ", ")", false}, {"(", " / (2 + cos(", ")))", false},
    };
    int which = below(g, (int)(sizeof forms / sizeof *forms));
    const char *a = expr(g, s, depth - 1), *b = partner(g, s, depth - 1);
    if (!a || !b)
        return NULL;
    bool turn = forms[which].turns && chance(g, 30);
    return say(g, "%s%s%s%s%s", forms[which].open, turn ? b : a, forms[which].middle, turn ? a : b, forms[which].close);
}

static const char *product_where(Gen *g, const Sizes *s, int depth) {
    Sizes none = {0};
    const char *a = expr(g, s, depth - 1), *b = partner(g, s, depth - 1);
    const char *c = condition(g, chance(g, 60) ? s : &none, depth - 1);
    if (a && b && c)
        return chance(g, 50) ? say(g, "where(%s, %s, %s)", c, a, b) : say(g, "where(%s, %s, %s)", c, b, a);
    return NULL;
}

/* where(i > 0, X[i - 1], other): the guard protects the index. */
static const char *product_guarded(Gen *g, const Sizes *s, int depth) {
    Var *v = any_var(g, NULL);
    if (!v || s->rank)
        return NULL;
    for (int tries = 0; tries < 6; tries++) {
        const Value *x = any_value(g, T_REAL, NULL);
        if (!x || x->sizes.rank == 0 || !same(x->sizes.at[0], v->size))
            continue;
        Sizes rest = drop_axis(&x->sizes, 0);
        const char *more = "", *other = scalar(g, depth - 1);
        Var *w = any_var(g, NULL);
        for (int k = 0; k < rest.rank; k++)
            more = say(g, "%s, %s", more, index_into(g, rest.at[k], depth - 1));
        switch (below(g, 6)) {
        case 0: return say(g, "where(%s > 0, %s[%s - 1%s], %s)", v->name, x->name, v->name, more, other);
        case 1: return say(g, "where(%s == 0, %s, %s[%s - 1%s])", v->name, other, x->name, v->name, more);
        case 2: return say(g, "where(%s + 1 < %s, %s[%s + 1%s], %s)", v->name, v->size, x->name, v->name, more, other);
        case 3: return say(g, "where(%s + %s < %s, %s[%s + %s%s], %s)", v->name, w->name, v->size, x->name, v->name, w->name, more, other);
        case 4: return say(g, "where(%s >= %s and %s - %s < %s, %s[%s - %s%s], %s)", v->name, w->name, v->name, w->name, v->size, x->name,
                           v->name, w->name, more, other);
        default: return say(g, "where(2 * %s < %s, %s[2 * %s%s], %s)", v->name, v->size, x->name, v->name, more, other);
        }
    }
    return NULL;
}

static const char *const real_reductions[] = {
    "sum", "sum", "sum", "mean", "mean", "prod", "max", "min", "logsumexp", "norm", "var", "std",
};

static const char *product_reduce(Gen *g, const Sizes *s, int depth) {
    if (s->rank >= MOST_AXES)
        return NULL;
    const char *how = real_reductions[below(g, 12)];
    int axis = below(g, s->rank + 1);
    Sizes more = insert_axis(s, axis, any_dim(g));
    const char *x = expr(g, &more, depth - 1);
    if (!x)
        return NULL;
    int twice = 0;
    for (int k = 0; k < more.rank; k++)
        twice += same(more.at[k], more.at[axis]);
    const char *ddof = same(how, "var") && chance(g, 30) ? ", ddof = 1" : "";
    if (s->rank == 0 && chance(g, 60))
        return say(g, "%s(%s%s)", how, x, ddof);
    if (twice == 1 && !g->in_function && chance(g, 60))      /* a call may give two of its sizes one dim */
        return say(g, "%s(%s, over = %s%s)", how, x, more.at[axis], ddof);
    return say(g, "%s(%s, over = %d%s)", how, x, chance(g, 50) ? axis : axis - more.rank, ddof);
}

/* sum[q in n] body, with ranges that may hang on the variables outside. */
static const char *product_sum(Gen *g, const Sizes *s, int depth) {
    if (g->nvars + 2 >= MOST_VARS || s->rank > 1)
        return NULL;
    const char *q = fresh(g, "q"), *size = any_dim(g), *range = size;
    Var *v = any_var(g, size);
    bool empty = false;
    if (v && chance(g, 45)) {
        switch (below(g, 4)) {
        case 0: range = say(g, "%s:%s", v->name, size); break;
        case 1: range = say(g, "0:%s + 1", v->name); break;
        case 2: range = say(g, "%s+1:%s", v->name, size); empty = true; break;
        default: range = say(g, "0:%s", v->name); empty = true; break;
        }
    } else if (chance(g, 15)) {
        range = say(g, "1:%s", size);
    }
    g->var[g->nvars++] = (Var){q, size, false};
    const char *how = s->rank || empty ? (chance(g, 80) ? "sum" : "prod") : real_reductions[below(g, 9)];
    const char *second = "";
    if (chance(g, 25)) {
        const char *p = fresh(g, "q"), *z = any_dim(g);
        bool tail = same(z, size) && chance(g, 50);
        second = tail ? say(g, ", %s in %s:%s", p, q, z) : say(g, ", %s in %s", p, z);
        g->var[g->nvars++] = (Var){p, z, false};
    }
    const char *body = expr(g, s, depth - 1);
    g->nvars -= *second ? 2 : 1;
    return body ? say(g, "(%s[%s in %s%s] %s)", how, q, range, second, body) : NULL;
}

static const char *product_matmul(Gen *g, const Sizes *s, int depth) {
    const char *k = any_dim(g);
    Sizes a, b;
    if (s->rank == 0) {
        a = b = vector(k);
    } else if (s->rank == 1 && chance(g, 50)) {
        a = matrix(s->at[0], k);
        b = vector(k);
    } else {
        a = *s;
        a.at[a.rank - 1] = k;
        b = matrix(k, s->at[s->rank - 1]);
    }
    const char *x = expr(g, &a, depth - 1), *y = expr(g, &b, depth - 1);
    return x && y ? say(g, "(%s @ %s)", x, y) : NULL;
}

static const char *product_transpose(Gen *g, const Sizes *s, int depth) {
    if (s->rank != 2)
        return NULL;
    Sizes t = matrix(s->at[1], s->at[0]);
    const char *x = expr(g, &t, depth - 1);
    return x ? say(g, "(%s)'", x) : NULL;
}

/* A shorter axis out of a longer one. Sizes of slices are written "(n - 1)". */
static const char *product_slice(Gen *g, const Sizes *s, int depth) {
    for (int k = 0; k < s->rank; k++) {
        const char *size = s->at[k];
        if (*size != '(')
            continue;
        int cut = atoi(strchr(size, '-') + 1), end = (int)strcspn(size + 1, " ");
        Sizes full = *s;
        full.at[k] = say(g, "%.*s", end, size + 1);
        const char *x = expr(g, &full, depth - 1), *lead = "";
        if (!x)
            return NULL;
        for (int j = 0; j < k; j++)
            lead = say(g, "%s:, ", lead);
        if (cut == 1)
            return say(g, chance(g, 50) ? "(%s)[%s1:]" : "(%s)[%s:-1]", x, lead);
        return say(g, chance(g, 30) ? "(%s)[%s1:-1]" : chance(g, 50) ? "(%s)[%s2:]" : "(%s)[%s:-2]", x, lead);
    }
    return NULL;
}

static const char *product_gather(Gen *g, const Sizes *s, int depth) {
    if (s->rank == 0)
        return NULL;
    for (int k = g->first_value; k < g->values.n; k++) {
        const Value *u = &g->values.at[k];
        if (u->type != T_INT || !u->labels || u->sizes.rank != 1 || !same(u->sizes.at[0], s->at[0]) || !chance(g, 70))
            continue;
        Sizes from = *s;
        from.at[0] = u->labels;
        const char *x = expr(g, &from, depth - 1);
        return x ? say(g, "(%s)[%s]", x, u->name) : NULL;
    }
    return NULL;
}

static const char *product_row(Gen *g, const Sizes *s, int depth) {
    const char *x = s->rank ? expr(g, s, depth - 1) : NULL;
    int axis = below(g, s->rank);
    if (!x)
        return NULL;
    switch (below(g, 5)) {
    case 0: return say(g, "softmax(%s)", x);
    case 1: return say(g, "log_softmax(%s)", x);
    case 2: return say(g, "(0.5 * cumsum(%s, over = %d))", x, axis);
    case 3: return say(g, "layer_norm(%s)", x);
    default: return say(g, "softmax(%s, over = %d)", x, axis - s->rank);
    }
}

static const char *product_shape(Gen *g, const Sizes *s, int depth) {
    if (s->rank == 2 && chance(g, 40) && !same(s->at[0], s->at[1])) {
        Sizes a = vector(s->at[0]), b = vector(s->at[1]);
        const char *x = expr(g, &a, depth - 1), *y = expr(g, &b, depth - 1);
        return x && y ? say(g, "outer(%s, %s)", x, y) : NULL;
    }
    if (s->rank == 1 && chance(g, 40)) {
        Sizes a = matrix(s->at[0], s->at[0]);
        const char *x = expr(g, &a, depth - 1);
        return x ? say(g, "diag(%s)", x) : NULL;
    }
    if (s->rank == 2 && same(s->at[0], s->at[1])) {
        Sizes a = vector(s->at[0]);
        const char *x = expr(g, &a, depth - 1);
        return x ? say(g, "diag(%s)", x) : NULL;
    }
    if (s->rank == 0 && chance(g, 50)) {
        const char *a = any_dim(g), *b = any_dim(g);
        Sizes x = vector(a), y = vector(b);
        const char *p = expr(g, &x, depth - 1), *q = expr(g, &y, depth - 1);
        return p && q ? say(g, "sum(square(concat(%s, %s)))", p, q) : NULL;
    }
    if (s->rank == 0) {
        const char *a = any_dim(g), *b = any_dim(g);
        Sizes x = matrix(a, b);
        const char *p = expr(g, &x, depth - 1);
        return p ? say(g, "norm(reshape(%s, [%s * %s]))", p, a, b) : NULL;
    }
    return NULL;
}

static const char *product_loss(Gen *g, const Sizes *s, int depth) {
    static const char *const forms[] = {"mse", "sse", "mae", "huber", "bce", "poisson_nll", "hinge"};
    if (s->rank)
        return NULL;
    int which = below(g, 7);
    Sizes shape = any_sizes(g, 2);
    const char *a = expr(g, &shape, depth - 1), *b = expr(g, &shape, depth - 1);
    if (!a || !b)
        return NULL;
    return say(g, which == 4 ? "%s(%s, sigmoid(%s))" : which == 5 ? "%s(sin(%s), %s)" : "%s(%s, %s)", forms[which], a, b);
}

/* A derivative of something in a named value. */
static const char *product_derivative(Gen *g, const Sizes *s, int depth) {
    const Value *x = any_value(g, T_REAL, NULL);
    if (!x || g->quiet)
        return NULL;
    g->quiet = chance(g, 75);           /* seldom nested */
    const char *r = NULL;
    if (same_sizes(&x->sizes, s)) {
        const char *y = expr(g, s, depth - 2), *z = scalar(g, depth - 2), *v = expr(g, s, 0);
        if (y && z && chance(g, 50))
            r = say(g, "grad(sum(sin(%s) * %s) + %s, %s)", x->name, y, z, x->name);
        else if (y && v)
            r = say(g, "hvp(sum(tanh(%s) * %s), %s, %s)", x->name, y, x->name, v);
    } else {
        const char *y = expr(g, s, depth - 1), *v = expr(g, &x->sizes, 0);
        if (y && v)
            r = say(g, "jvp(%s * sum(sin(%s)), %s, %s)", y, x->name, x->name, v);
    }
    g->quiet = false;
    return r;
}

/* f(args), its size variables bound so that the result has the shape. */
static const char *product_call(Gen *g, const Sizes *s, int depth) {
    if (g->functions.n == 0 || g->in_function)
        return NULL;
    const Function *f = &g->functions.at[below(g, g->functions.n)];
    const char *from[4], *to[4];
    int n = 0;
    if (f->result.rank != s->rank)
        return NULL;
    for (int k = 0; k < s->rank; k++) {
        int i = 0;
        while (i < n && !same(from[i], f->result.at[k]))
            i++;
        if (i < n && !same(to[i], s->at[k]))
            return NULL;
        if (i == n && n < 4) {
            from[n] = f->result.at[k];
            to[n++] = s->at[k];
        }
    }
    const char *text = say(g, "%s(", f->name);
    for (int a = 0; a < f->n; a++) {
        Sizes shape = f->arg[a];
        for (int k = 0; k < shape.rank; k++) {
            int i = 0;
            while (i < n && !same(from[i], shape.at[k]))
                i++;
            if (i == n && n < 4) {
                from[n] = shape.at[k];
                to[n++] = any_dim(g);
            }
            shape.at[k] = to[i < n ? i : 0];
        }
        const char *x = expr(g, &shape, depth - 1);
        if (!x)
            return NULL;
        text = say(g, shape.rank ? "%s%s%s" : "%s%s0.25 + %s", text, a ? ", " : "", x);
    }
    return f->defaults && chance(g, 50) ? say(g, "%s, k = 0.5 * %s)", text, literal(g)) : say(g, "%s)", text);
}

static const char *expr(Gen *g, const Sizes *s, int depth) {
    typedef const char *(*Product)(Gen *, const Sizes *, int);
    static const Product products[] = {
        product_unary, product_unary, product_binary, product_binary, product_binary, product_where, product_guarded, product_guarded,
        product_reduce, product_sum, product_sum, product_matmul, product_transpose, product_slice, product_gather, product_row,
        product_shape, product_loss, product_derivative, product_call,
    };
    for (int tries = 0; tries < 12; tries++) {
        const char *r = NULL;
        bool sliced = false;
        for (int k = 0; k < s->rank; k++)
            sliced = sliced || *s->at[k] == '(';
        if (depth <= 0 && !sliced)
            r = leaf(g, s, depth == 0);
        else if (sliced && (depth <= 0 || chance(g, 60)))
            r = product_slice(g, s, depth);
        else if (chance(g, 15))
            r = leaf(g, s, 1);
        else if (depth > 0)
            r = products[below(g, (int)(sizeof products / sizeof *products))](g, s, depth);
        if (r)
            return r;
    }
    return surely(g, s);
}

/* ---------------------------------------------------------------- statements */

static void line(Gen *g, const char *text) { str_add(&g->text, "%s\n", text); }

static const char *bracket(Gen *g, const Sizes *s) {
    const char *text = "";
    for (int k = 0; k < s->rank; k++)
        text = say(g, "%s%s%s", text, k ? ", " : "", s->at[k]);
    return s->rank ? say(g, "[%s]", text) : "";
}

static void add_value(Gen *g, const char *name, Type type, Sizes s, const char *labels) {
    Value v = {name, type, s, labels, 0};
    vec_push(g, &g->values, v);
}

static void declarations(Gen *g) {
    const char *names = "dim ";
    int n = 2 + below(g, 2);
    for (int k = 0; k < n; k++) {
        const char *d = fresh(g, "n");
        names = say(g, "%s%s%s", names, k ? ", " : "", d);
        vec_push(g, &g->dims, d);
    }
    line(g, "precision f64");
    line(g, names);
    if (chance(g, 60)) {
        const char *d = fresh(g, "n");
        line(g, say(g, "dim %s = %d", d, 1 + below(g, 4) + 2));
        vec_push(g, &g->dims, d);
    }
    for (int k = 0; k < n; k++)                             /* every dim is bound */
        for (int more = 1 + chance(g, 40); more > 0; more--) {
            Sizes s = vector(g->dims.at[k]);
            if (chance(g, 50))
                s = chance(g, 50) ? insert_axis(&s, 1, any_dim(g)) : insert_axis(&s, 0, any_dim(g));
            const char *x = fresh(g, "x");
            line(g, say(g, "data %s%s", x, bracket(g, &s)));
            add_value(g, x, T_REAL, s, NULL);
        }
    for (int k = 0; k < 3; k++) {
        Sizes s = vector(any_dim(g));
        const char *u = fresh(g, "u"), *kind = "int", *labels = NULL;
        Type type = T_INT;
        if (chance(g, 60))
            kind = say(g, "index(%s)", labels = any_dim(g));
        else if (chance(g, 40))
            type = T_BOOL, kind = "bool";
        if (chance(g, 20))
            s = insert_axis(&s, 1, any_dim(g));
        line(g, say(g, "data %s%s : %s", u, bracket(g, &s), kind));
        add_value(g, u, type, s, labels);
    }
    for (int k = 0; k < g->dims.n; k++) {                   /* something learnt of every shape up to two axes */
        Sizes s = vector(g->dims.at[k]);
        const char *w = fresh(g, "w");
        line(g, say(g, "param %s%s ~ normal(0, 1)", w, bracket(g, &s)));
        add_value(g, w, T_REAL, s, NULL);
        for (int j = 0; j < g->dims.n; j++) {
            if (!chance(g, 50))
                continue;
            Sizes t = matrix(g->dims.at[k], g->dims.at[j]);
            w = fresh(g, "w");
            line(g, say(g, "param %s%s ~ normal(0, 1)", w, bracket(g, &t)));
            add_value(g, w, T_REAL, t, NULL);
        }
    }
    const char *w = fresh(g, "w");
    line(g, say(g, "param %s = 0.5", w));
    add_value(g, w, T_REAL, (Sizes){0}, NULL);
}

/* Inside a function the arguments are the only values, and their sizes the only dims. */
static void function(Gen *g) {
    Function f = {.name = fresh(g, "f")};
    Gen inner = *g;
    inner.in_function = true;
    inner.first_value = g->values.n;
    inner.dims.at = NULL;
    inner.dims.n = inner.dims.cap = 0;
    const char *a = fresh(&inner, "m"), *b = fresh(&inner, "m");
    vec_push(&inner, &inner.dims, a);
    vec_push(&inner, &inner.dims, b);
    inner.values.at = arena_alloc(g->arena, sizeof(Value) * MOST_VALUES);
    inner.values.cap = MOST_VALUES;
    memcpy(inner.values.at, g->values.at, sizeof(Value) * (size_t)g->values.n);
    f.n = 2 + chance(g, 40);
    f.arg[0] = chance(g, 50) ? matrix(a, b) : vector(a);
    f.arg[1] = vector(b);
    f.arg[2] = chance(g, 50) ? (Sizes){0} : vector(a);
    f.result = chance(g, 40) ? (Sizes){0} : chance(g, 50) ? vector(a) : matrix(a, b);
    f.defaults = chance(g, 40);
    const char *head = say(g, "fn %s(", f.name);
    for (int k = 0; k < f.n; k++) {
        const char *x = fresh(&inner, "a");
        head = say(g, "%s%s%s%s", head, k ? ", " : "", x, f.arg[k].rank ? bracket(g, &f.arg[k]) : "[]");
        add_value(&inner, x, T_REAL, f.arg[k], NULL);
    }
    if (f.defaults) {
        head = say(g, "%s, k = 0.5", head);
        add_value(&inner, "k", T_REAL, (Sizes){0}, NULL);
    }
    const char *local = "";
    if (chance(g, 50)) {
        Sizes s = chance(g, 50) ? vector(a) : vector(b);
        const char *name = fresh(&inner, "b"), *e = expr(&inner, &s, 2);
        if (e) {
            local = say(g, "let %s%s = %s; ", name, bracket(g, &s), e);
            add_value(&inner, name, T_REAL, s, NULL);
        }
    }
    const char *body = expr(&inner, &f.result, 2);
    g->count = inner.count;
    g->state = inner.state;
    if (!body)
        return;
    line(g, *local ? say(g, "%s) { %s%s }", head, local, body) : say(g, "%s) = %s", head, body));
    vec_push(g, &g->functions, f);
}

static void let_array(Gen *g, int depth) {
    Sizes s = any_sizes(g, chance(g, 20) ? 3 : 2);
    if (s.rank && chance(g, 15) && is_name(s.at[0]))
        s.at[below(g, s.rank)] = say(g, "(%s - %d)", s.at[0], 1 + chance(g, 30));
    const char *name = fresh(g, "z"), *e = expr(g, &s, depth);
    if (!e)
        return;
    bool plain = true;
    for (int k = 0; k < s.rank; k++)
        plain = plain && is_name(s.at[k]);
    line(g, say(g, s.rank ? "let %s%s = %s" : "let %s%s = 0.75 + %s", name, plain ? bracket(g, &s) : "", e));
    add_value(g, name, T_REAL, s, NULL);
}

static const char *open_indices(Gen *g, const Sizes *s) {
    const char *text = "";
    for (int k = 0; k < s->rank; k++) {
        const char *i = fresh(g, "i");
        text = say(g, "%s%s%s in %s", text, k ? ", " : "", i, s->at[k]);
        g->var[g->nvars++] = (Var){i, s->at[k], false};
    }
    return text;
}

static void let_indexed(Gen *g, int depth) {
    Sizes s = any_sizes(g, 2), inner = {0};
    if (s.rank == 0)
        s = vector(any_dim(g));
    const char *name = fresh(g, "z"), *indices = open_indices(g, &s);
    if (chance(g, 25) && s.rank < 3)
        inner = vector(any_dim(g));
    const char *e = expr(g, &inner, depth);
    g->nvars = 0;
    if (!e)
        return;
    line(g, say(g, inner.rank ? "let %s[%s] = %s" : "let %s[%s] = 1.0 * %s", name, indices, e));    /* not an int */
    for (int k = 0; k < inner.rank; k++)
        s = insert_axis(&s, s.rank, inner.at[k]);
    add_value(g, name, T_REAL, s, NULL);
}

/* One state, by element or by row. */
static void let_recurrence(Gen *g, int depth) {
    const char *name = fresh(g, "h"), *T = any_dim(g), *H = any_dim(g), *t = fresh(g, "i"), *j = fresh(g, "i");
    Sizes step = vector(H);
    const char *from = chance(g, 50) ? "0.25" : expr(g, &step, 1), *start = expr(g, &step, 0);
    if (!from)
        return;
    g->var[g->nvars++] = (Var){t, T, false};
    if (chance(g, 40)) {
        Sizes square = matrix(H, H);
        const char *W = expr(g, &square, 1), *e = expr(g, &step, depth - 1);
        if (e && W && start)
            line(g, say(g, "let %s[%s in %s] from %s = tanh(%s + 0.5 * %s[%s-1] @ %s)", name, t, T, start, e, name, t, W));
        else
            name = NULL;
    } else {
        g->var[g->nvars++] = (Var){j, H, false};
        const char *e = scalar(g, depth - 1), *f = scalar(g, depth - 2), *at = index_into(g, H, 1);
        line(g, say(g, "let %s[%s in %s, %s in %s] from %s = sin(%s + %s[%s-1, %s] * tanh(%s))", name, t, T, j, H, from, e, name, t, at, f));
    }
    g->nvars = 0;
    if (name)
        add_value(g, name, T_REAL, matrix(T, H), NULL);
}

/* A state of labels, or of bools. */
static void let_counter(Gen *g, int depth) {
    const char *name = fresh(g, "c"), *T = any_dim(g), *H = any_dim(g), *L = any_dim(g), *t = fresh(g, "i"), *j = fresh(g, "i"), *e = NULL;
    bool truth = chance(g, 35);
    Sizes none = {0};
    g->var[g->nvars++] = (Var){t, T, false};
    g->var[g->nvars++] = (Var){j, H, false};
    const char *c = say(g, "%s[%s-1, %s]", name, t, index_into(g, H, 1)), *test = condition(g, &none, depth), *k = some_int(g, depth);
    switch (below(g, 3)) {
    case 0: e = truth ? say(g, "where(%s, not %s, %s)", test, c, c) : say(g, "where(%s, (%s + 1) %% %s, %s)", test, c, L, c); break;
    case 1: e = truth ? say(g, "%s or (%s)", c, test) : say(g, "max(%s, %s %% %s)", c, k, L); break;
    default: e = truth ? say(g, "not (%s and (%s))", c, test) : say(g, "(2 * %s + %s) %% %s", c, k, L); break;
    }
    const char *from = truth ? chance(g, 50) ? "false" : "true" : chance(g, 50) ? "0" : say(g, "%s - 1", L);
    line(g, say(g, "let %s[%s in %s, %s in %s] from %s = %s", name, t, T, j, H, from, e));
    g->nvars = 0;
    add_value(g, name, truth ? T_BOOL : T_INT, matrix(T, H), truth ? NULL : L);
}

/* A name of a scan: a scalar or a row, real, labels of an axis, or bool. */
typedef struct { const char *name, *size, *labels; Type type; bool from; } Carried;
enum { MOST_STATES = 4 };

/* What another name, or the same, is at this step (when it stands above) or one step back; as a real, an int below its
 * labels or a condition. NULL: it has no such value. */
static const char *state_read(Gen *g, const Carried *s, int at, int now, Type type, const char *t) {
    const Carried *r = &s[at];
    bool back = at >= now || (r->from && chance(g, 50));
    if (back && !r->from)
        return NULL;
    const char *read = r->size ? say(g, "%s[%s%s, %s]", r->name, t, back ? "-1" : "", index_into(g, r->size, 1))
                               : say(g, "%s[%s%s]", r->name, t, back ? "-1" : "");
    switch (type) {
    case T_REAL: return r->type == T_REAL ? read : r->type == T_INT ? say(g, "0.25 * %s", read) : say(g, "where(%s, 0.5, -0.75)", read);
    case T_INT: return r->type == T_INT ? read : r->type == T_BOOL ? say(g, "where(%s, 1, 2)", read) : say(g, "where(%s > 0.1, 1, 0)", read);
    default: return r->type == T_BOOL ? read : r->type == T_INT ? say(g, "(%s %% 2 == 1)", read) : say(g, "(%s < 0.2)", read);
    }
}

static const char *state_step(Gen *g, const Carried *s, int n, int now, const char *t, int depth) {
    static const char *const real[] = {"tanh(%s + %s)", "sin(%s * %s)", "(%s) - 0.5 * %s", "sigmoid(%s) * %s", "max(sin(%s), %s)"};
    static const char *const bools[] = {"(%s) and %s", "(%s) or %s", "(%s) != %s", "not (%s) and %s"};
    Type type = s[now].type;
    Sizes none = {0};
    const char *own = type == T_REAL ? scalar(g, depth) : type == T_INT ? some_int(g, depth) : condition(g, &none, depth), *read = NULL;
    for (int tries = 0; !read && tries < 4; tries++)
        read = state_read(g, s, chance(g, 40) ? now : below(g, n), now, type, t);
    if (!read || chance(g, 10))                             /* a step that needs none before it */
        read = type == T_REAL ? "0.3" : type == T_INT ? "1" : "true";
    const char *form = type == T_REAL ? real[below(g, 5)] : type == T_BOOL ? bools[below(g, 4)] : "(%s + %s)", *hole = strstr(form, "%s");
    const char *e = say(g, "%.*s%s%s", (int)(hole - form), form, own, hole + 2);
    hole = strstr(e + (hole - form) + strlen(own), "%s");
    e = say(g, "%.*s%s%s", (int)(hole - e), e, read, hole + 2);
    const char *test = chance(g, 25) ? state_read(g, s, below(g, n), now, T_BOOL, t) : NULL;
    if (test)
        e = say(g, "where(%s, %s, %s)", test, e, read);
    return type == T_INT ? say(g, "(%s) %% %s", e, s[now].labels) : e;
}

static void let_scan(Gen *g, int depth) {
    const char *T = any_dim(g), *t = fresh(g, "i"), *from[MOST_STATES];
    Carried s[MOST_STATES];
    int n = 2 + below(g, MOST_STATES - 1);
    for (int k = 0; k < n; k++) {
        Sizes step = {0};
        s[k] = (Carried){fresh(g, "h"), chance(g, 60) ? any_dim(g) : NULL, NULL, chance(g, 60) ? T_REAL : chance(g, 60) ? T_INT : T_BOOL, chance(g, 75)};
        if (s[k].type == T_INT)
            s[k].labels = any_dim(g);
        if (s[k].size)
            step = vector(s[k].size);
        from[k] = s[k].type == T_BOOL ? chance(g, 50) ? "true" : "false" : s[k].type == T_INT ? chance(g, 50) ? "0" : say(g, "%s - 1", s[k].labels)
                : chance(g, 50) ? expr(g, &step, below(g, 2)) : literal(g);
        if (s[k].type == T_REAL && strcmp(from[k], "0") == 0)
            from[k] = "0.25";                               /* an int is what a state may stay */
    }
    line(g, say(g, "scan %s in %s {", t, T));
    for (int k = 0; k < n; k++) {
        const char *j = fresh(g, "i");
        g->var[g->nvars++] = (Var){t, T, false};
        if (s[k].size)
            g->var[g->nvars++] = (Var){j, s[k].size, false};
        const char *e = state_step(g, s, n, k, t, depth - 1);
        line(g, say(g, "    let %s[%s%s] %s%s%s= %s", s[k].name, t, s[k].size ? say(g, ", %s in %s", j, s[k].size) : "", s[k].from ? "from " : "",
                    s[k].from ? from[k] : "", s[k].from ? " " : "", s[k].type == T_REAL && !s[k].from ? say(g, "1.0 * (%s)", e) : e));
        g->nvars = 0;
    }
    line(g, "}");
    for (int k = 0; k < n; k++)
        add_value(g, s[k].name, s[k].type, s[k].size ? matrix(T, s[k].size) : vector(T), s[k].labels);
}

/* What is not finite outside of a domain, and is asked for inside it only, however far from there: by element, twice, by
 * element times what an index chooses, below a sum, all of it at once, through a gather, as what a recurrence goes on with. */
static void let_partial(Gen *g, int depth) {
    static const char *const wild[] = {"log(%s)", "sqrt(%s)", "(1 / relu(%s))", "exp(999 * (%s - 0.7))", "asin(1.4 * %s)", "(%s ^ 0.5)",
                                       "log1p(-1.5 * %s)", "log(%s - 0.05)", "rsqrt(relu(%s))", "lgamma(relu(%s))"};
    const char *form = wild[below(g, (int)(sizeof wild / sizeof *wild))], *hole = strstr(form, "%s");
    const char *rows = any_dim(g), *columns = chance(g, 50) ? any_dim(g) : NULL;
    Sizes s = columns ? matrix(rows, columns) : vector(rows), result = s;
    const char *x = fresh(g, "p"), *y = fresh(g, "p"), *z = fresh(g, "z"), *i = fresh(g, "i"), *j = fresh(g, "i");
    const char *e = expr(g, &s, depth), *other = expr(g, &s, depth - 1), *sizes = bracket(g, &s);
    if (!e || !other)
        return;
    line(g, say(g, "let %s%s = %s", x, sizes, e));
    line(g, say(g, "let %s%s = %.*s%s%s", y, sizes, (int)(hole - form), form, x, hole + 2));
    if (chance(g, 50)) {
        const char *more = fresh(g, "p"), *factor = chance(g, 40) ? say(g, "(%s)", other) : chance(g, 50) ? y : say(g, "sin(%s)", y);
        line(g, say(g, "let %s%s = %s * %s", more, sizes, y, factor));
        y = more;
    }
    g->var[g->nvars++] = (Var){i, rows, false};
    const char *factor = scalar(g, 1), *chosen = index_into(g, columns ? columns : rows, 1);
    g->nvars = 0;
    const char *at = columns ? say(g, "[%s, %s]", i, j) : say(g, "[%s]", i), *there = columns ? say(g, "[%s, %s]", i, chosen) : say(g, "[%s]", chosen);
    const char *inside = say(g, "%s > 0.1 and %s < 0.6", x, x), *inside_at = say(g, "%s%s > 0.1 and %s%s < 0.6", x, at, x, at);
    const char *inside_there = say(g, "%s%s > 0.1 and %s%s < 0.6", x, there, x, there);
    const char *indices = columns ? say(g, "%s in %s, %s in %s", i, rows, j, columns) : say(g, "%s in %s", i, rows);
    switch (below(g, 7)) {
    case 0:
        line(g, say(g, "let %s%s = where(%s, %s, %s)", z, sizes, inside, y, other));
        break;
    case 1:
        line(g, say(g, "let %s%s = where(%s, %s, 0.5) + where(%s and %s > 0.3, %s, %s)", z, sizes, inside, y, inside, x, y, other));
        break;
    case 2:
        line(g, say(g, "let %s[%s] = where(%s, %s%s, 0) * %s", z, indices, inside_at, y, at, factor));
        break;
    case 3:
        result = drop_axis(&s, s.rank - 1);
        line(g, columns ? say(g, "let %s[%s in %s] = sum[%s in %s] where(%s, %s%s * %s, 0.1)", z, i, rows, j, columns, inside_at, y, at, factor)
                        : say(g, "let %s = 0.5 + sum(where(%s, %s * %s, 0.1))", z, inside, y, scalar(g, 1)));
        break;
    case 4:
        line(g, say(g, "let %s%s = where(min(%s) > 0.05 and max(%s) < 0.65, sum(%s) * (%s), %s)", z, sizes, x, x, y, other, other));
        break;
    case 5:
        result = vector(rows);
        line(g, say(g, "let %s[%s in %s] = where(%s, %s%s, 0.25)", z, i, rows, inside_there, y, there));
        break;
    default:
        result = vector(rows);
        line(g, say(g, "let %s[%s in %s] from 0.5 = where(%s, tanh(%s%s * %s[%s-1]), 0.5 * %s[%s-1])", z, i, rows, inside_there, y, there, z, i, z, i));
        break;
    }
    add_value(g, z, T_REAL, result, NULL);
}

/* The last statements: what is learnt from, and what is looked at. <w, J v> and <J' w, v> are two metrics. */
static void results(Gen *g, int depth) {
    Sizes s = any_sizes(g, 2);
    const char *learnt = NULL, *factor = NULL;      /* every loss must depend on a param */
    for (int k = 0; k < g->values.n; k++)
        if (g->values.at[k].name[0] == 'w')
            *(g->values.at[k].sizes.rank ? &learnt : &factor) = g->values.at[k].name;
    line(g, say(g, "loss J%d = %s + 0.1 * sum(square(%s))", ++g->count, scalar(g, depth), learnt));
    line(g, say(g, "loss J%d = mean(tanh(%s)) * (1 + %s)", ++g->count, expr(g, &s, depth), factor ? factor : say(g, "sum(%s)", learnt)));
    const Value *x = any_value(g, T_REAL, NULL);
    Sizes shape = any_sizes(g, 2);
    const char *e = expr(g, &shape, depth - 1), *w = expr(g, &shape, 0), *v = expr(g, &x->sizes, 0);
    if (e && w && v) {
        const char *k = say(g, "%d", ++g->count);
        line(g, say(g, "let r%s = %s + mean(sin(%s))", k, e, x->name));
        line(g, say(g, "let d%s = stop(%s + 0.3)", k, w));
        line(g, say(g, "let v%s = stop(%s + 0.7)", k, v));
        line(g, say(g, "metric forward%s = sum(d%s * jvp(r%s, %s, v%s))", k, k, k, x->name, k));
        line(g, say(g, "metric reverse%s = sum(grad(sum(r%s * d%s), %s) * v%s)", k, k, k, x->name, k));
    }
    for (int k = 0; k < 2; k++) {
        shape = any_sizes(g, 2);
        e = expr(g, &shape, depth);
        if (e)
            line(g, say(g, "output o%d = %s", ++g->count, e));
    }
}

char *generate(Arena *arena, uint64_t seed, int statements) {
    Gen g = {.arena = arena, .state = seed * UINT64_C(0x632be59bd9b4e019) + 7};
    declarations(&g);
    for (int k = below(&g, 3); k > 0; k--)
        function(&g);
    for (int k = 0; k < statements; k++) {
        int depth = 1 + below(&g, 3);
        switch (below(&g, 10)) {
        case 0: case 1: case 2: let_array(&g, depth); break;
        case 3: case 4: case 5: let_indexed(&g, depth + 1); break;
        case 6: let_recurrence(&g, depth); break;
        case 7: let_counter(&g, depth); break;
        case 8: let_partial(&g, depth); break;
        default: let_scan(&g, depth); break;
        }
    }
    results(&g, 2);
    char *text = arena_strndup(arena, g.text.text, g.text.n);
    str_free(&g.text);
    return text;
}
