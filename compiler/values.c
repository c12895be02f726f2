/* values.c: values with a shape, as expressions have them while they are lowered.
 *
 * A value is a scalar expression in the variables of its axes: `X @ W + b` is built from scalar pieces, without nodes for
 * anything that needs none. Here are the rules of language.md 2: which shapes combine, what a shape is called in a
 * message, and how a value becomes a node. */
#include "lower.h"
#include <string.h>

/* bool becomes int becomes real. */
Type wider_type(Type a, Type b) { return a == T_REAL || b == T_REAL ? T_REAL : a == T_INT || b == T_INT ? T_INT : T_BOOL; }

Val val_bad(void) { return (Val){.bad = true}; }
Val val_scalar(const Ex *e) { return (Val){.type = e->type, .body = e}; }

void too_many_axes(Lower *L, Span at) { ERR(L, at, "E0224", "an array of more than %d axes", MAX_RANK); }

const Ex *axis_var(Lower *L, int rank, int k) { return ex_var(L->ctx, VAR_AXIS + rank - 1 - k); }

char *size_text(Lower *L, const Ex *size, const Dim *dim) {
    if (dim)
        return arena_strdup(L->ctx->arena, dim->name);
    Str s = {0};
    ex_print(L->ctx, size, NULL, &s);
    char *text = arena_strdup(L->ctx->arena, s.text);
    str_free(&s);
    return text;
}

char *shape_text(Lower *L, const Val *v) {
    Str s = {0};
    str_add(&s, "[");
    for (int k = 0; k < v->rank; k++)
        str_add(&s, "%s%s", k ? ", " : "", v->axis[k].stretch ? "new" : size_text(L, v->axis[k].size, v->axis[k].dim));
    str_add(&s, "]");
    char *text = arena_strdup(L->ctx->arena, s.text);
    str_free(&s);
    return text;
}

Val val_cast(Lower *L, Val v, Type type) {
    if (v.bad || v.type == type)
        return v;
    v.body = ex_cast(L->ctx, type, v.body);
    v.type = type;
    v.labels = NULL;
    return v;
}

typedef struct { int rank; const Ex *const *to; } AxisMap;
static const Ex *axis_to(void *data, int var) {
    AxisMap *m = data;
    int p = var - VAR_AXIS;
    return p >= 0 && p < m->rank ? m->to[m->rank - 1 - p] : NULL;
}

Val val_map_axes(Lower *L, const Val *v, const Ex *const *to, bool guarded) {
    Val r = *v;
    r.body = ex_map_vars(L->ctx, v->body, axis_to, &(AxisMap){v->rank, to}, guarded);
    return r;
}

bool same_size(Lower *L, const Ex *a, const Dim *da, const Ex *b, const Dim *db) {
    return (da && da == db) || prove_equal(L->ctx, a, b);
}

char *declared_at(Lower *L, const Dim *d) {
    return arena_printf(L->ctx->arena, "%s is declared at %s", d->name, place(L->ctx, d->span));
}

/* The dims that two shapes mention, each with the place of its declaration. */
void note_dims(Lower *L, const Val *a, const Val *b) {
    const Dim *seen[2 * MAX_RANK];
    int n = 0;
    for (int which = 0; which < 2; which++) {
        const Val *v = which ? b : a;
        for (int k = 0; v && k < v->rank; k++) {
            const Dim *d = v->axis[k].dim;
            bool known = !d;
            for (int j = 0; j < n; j++)
                known |= seen[j] == d;
            if (known)
                continue;
            seen[n++] = d;
            hint(L->ctx, "%s", declared_at(L, d));
        }
    }
}

/* Aligned at the right: the same name, provably the same size, or made by new. */
/* "'mse'": the library function that the model calls where the library is being expanded. */
static const char *called(Lower *L) {
    const char *call = span_text(L->ctx, L->std_call);
    return arena_printf(L->ctx->arena, "'%.*s'", (int)strcspn(call, "([ "), call);
}

bool combine_shapes(Lower *L, const Val *a, const Val *b, Val *shape, Span at, const char *what, const Ast *ast_a, const Ast *ast_b) {
    int rank = a->rank > b->rank ? a->rank : b->rank;
    shape->rank = rank;
    for (int p = 0; p < rank; p++) {
        int ka = a->rank - 1 - p, kb = b->rank - 1 - p, k = rank - 1 - p;
        if (ka < 0 || (kb >= 0 && a->axis[ka].stretch && !b->axis[kb].stretch)) {
            shape->axis[k] = b->axis[kb];
            continue;
        }
        shape->axis[k] = a->axis[ka];
        if (kb < 0 || b->axis[kb].stretch)
            continue;
        if (!shape->axis[k].dim)
            shape->axis[k].dim = b->axis[kb].dim, shape->axis[k].name = b->axis[kb].name;
        if (same_size(L, a->axis[ka].size, a->axis[ka].dim, b->axis[kb].size, b->axis[kb].dim))
            continue;
        if (L->std && at.file == L->std->file && L->std_call.end)       /* the model says 'mse', not the '-' in it */
            what = called(L);
        ERR(L, at, "E0204", "shapes do not combine in %s: %s and %s", what, shape_text(L, a), shape_text(L, b));
        if (!L->muted) {
            if (ast_a)
                lower_label(L, ast_a->span, "%s", shape_text(L, a));
            if (ast_b)
                lower_label(L, ast_b->span, "%s", shape_text(L, b));
            hint(L->ctx, "axes are aligned at the right, and %s is not %s", size_text(L, a->axis[ka].size, a->axis[ka].dim),
                 size_text(L, b->axis[kb].size, b->axis[kb].dim));
            note_dims(L, a, b);
            if (a->rank != b->rank)
                hint(L->ctx, "to stretch along an axis say so: x[:, new]");
        }
        return false;
    }
    return true;
}

Val val_op(Lower *L, Op op, const Val *args, int n, const Val *shape) {
    const Ex *arg[3];
    Val r = shape ? *shape : args[0];
    for (int k = 0; k < n; k++) {
        if (args[k].bad)
            return val_bad();
        arg[k] = args[k].body;
    }
    r.body = ex_op(L->ctx, op, arg);
    r.type = r.body->type;
    r.labels = NULL;
    r.bad = false;
    return r;
}

/* ---------------------------------------------------------------- nodes */

Builder builder(Lower *L) {
    return (Builder){.ctx = L->ctx, .graph = L->graph, .outer = L->index.at, .nouter = L->index.n < MAX_SCOPE ? L->index.n : MAX_SCOPE, .guard = L->guard.at, .nguards = L->guard.n};
}

/* The number of elements of an array, and of what is reduced, stays below 2^63; checked where the sizes are known. */
bool countable(Lower *L, const Node *n, Span at) {
    int64_t elements = 1, reduced = 1, v, lo;
    bool many = false;
    for (int k = 0; k < n->rank; k++)
        many |= ex_is_int(n->axis[k].size, &v) && __builtin_mul_overflow(elements, v, &elements);
    for (int k = 0; k < n->nred; k++)
        many |= ex_is_int(n->red[k].hi, &v) && ex_is_int(n->red[k].lo, &lo) && v > lo && __builtin_mul_overflow(reduced, v - lo, &reduced);
    if (many)
        ERR(L, at, "E0224", "%s would have more than 2^63 elements", n->name ? arena_printf(L->ctx->arena, "'%s'", n->name) : "this");
    return !many;
}

/* A node over the value's axes (and what it uses of the scope); the read of it at the value's axis variables. */
static const Ex *lift_axes(Lower *L, const Val *own, int nred, const Index *red, Reduce reduce, const Ex *body, const Ex *arg,
                           const char *name, Span span, int let) {
    Build n = {.rank = own->rank, .nred = nred, .reduce = reduce, .body = body, .arg = arg, .name = name, .let = let};
    n.span = L->std && span.file == L->std->file ? L->std_call : span;      /* the model's line, not the library's */
    for (int k = 0; k < own->rank; k++) {
        n.axis[k] = (Axis){own->axis[k].size, own->axis[k].dim, own->axis[k].name};
        n.axis_var[k] = VAR_AXIS + own->rank - 1 - k;
    }
    for (int k = 0; k < nred; k++)
        n.red[k] = red[k];
    Builder b = builder(L);
    return build_read(&b, &n);
}

/* The same where there must be one. */
static const Ex *must_lift(Lower *L, const Ex *read, Span span) {
    if (!read) {
        ERR(L, span, "E0224", "this needs an array whose size is not known before run time, or of more than %d axes", MAX_RANK);
        return NULL;
    }
    return countable(L, read->node, span) ? read : NULL;
}

const Ex *val_lift(Lower *L, const Val *own, int nred, const Index *red, Reduce reduce, const Ex *body, const Ex *arg, Span span) {
    return must_lift(L, lift_axes(L, own, nred, red, reduce, body, arg, NULL, span, 0), span);
}

/* An axis made by new has one element: what stretches reads it, whatever the index. */
static const Ex *unstretched(Lower *L, const Val *v, const Ex *read) {
    const Ex *to[MAX_RANK];
    bool any = false;
    for (int k = 0; k < v->rank; k++) {
        to[k] = v->axis[k].stretch ? ex_int(L->ctx, 0) : axis_var(L, v->rank, k);
        any |= v->axis[k].stretch;
    }
    return any ? ex_map_vars(L->ctx, read, axis_to, &(AxisMap){v->rank, to}, false) : read;
}

static Val bound(Lower *L, Val v, const char *name, Span span, int let, Node **node) {
    if (node)
        *node = NULL;
    if (v.bad)
        return v;
    const Ex *read = lift_axes(L, &v, 0, NULL, R_NONE, v.body, NULL, name, span, let);
    if (!read && !let)                              /* it is only shared: without an array it is computed again */
        return v;
    read = must_lift(L, read, span);
    if (!read)
        return val_bad();
    if (node)
        *node = read->node;
    if (!read->node->labels)
        read->node->labels = v.labels;
    bool size = v.type == T_INT && v.rank == 0 && !v.body->has_var && !v.body->has_read;        /* let k = 3: k is a size wherever one is wanted */
    v.body = size ? v.body : unstretched(L, &v, read);
    return v;
}

Val val_let(Lower *L, Val v, const char *name, Span span, Node **node) { return bound(L, v, name, span, ++L->lets, node); }
Val val_shared(Lower *L, Val v, const char *name, Span span, Node **node) { return bound(L, v, name, span, 0, node); }

Node *val_node(Lower *L, const Val *v, const char *name, Span span) {
    const Ex *read = must_lift(L, lift_axes(L, v, 0, NULL, R_NONE, v->body, NULL, name, span, 0), span);
    if (read)
        read->node->labels = v->labels;
    return read ? read->node : NULL;
}

Val val_of_node(Lower *L, Node *n, const Val *shape) {
    Val v = {.type = n->type, .rank = n->rank, .labels = n->labels};
    const Ex *index[MAX_RANK];
    for (int k = 0; k < n->rank; k++) {
        v.axis[k].size = n->axis[k].size;
        v.axis[k].dim = n->axis[k].dim;
        v.axis[k].name = NULL;
        if (shape)
            v.axis[k] = shape->axis[k];
        index[k] = v.axis[k].stretch ? ex_int(L->ctx, 0) : axis_var(L, n->rank, k);
    }
    v.body = ex_read(L->ctx, n, index, false);
    return v;
}
