/* share.c: a costly term that several nodes hold becomes a node of its own.
 *
 * Expressions are shared within a node; across nodes they are not, and an adjoint is written in the terms of what it
 * reverses: softmax needs exp(x[i, j] - m[i]) for its sum, and again twice on the way back.
 *
 *     %3[i] = sum[j] exp(x[i, j] - m[i])               %7[i, j] = exp(x[i, j] - m[i])
 *     %9[i, j] = d[i] * exp(x[i, j] - m[i])      ->    %3[i] = sum[j] %7[i, j];  %9[i, j] = d[i] * %7[i, j]
 *
 * Only what may be computed for every index, whatever the guards around it, and runs over the same whole ranges
 * in each. Whether the new node is stored, or kept for a row, is the scheduler's decision. */
#include "adc.h"
#include <string.h>

/* term: over the variables 0, 1 ... for its axes, so that nodes which number theirs otherwise hold the same. */
typedef struct { const Ex *term; int rank; const Ex *size[MAX_RANK]; } Key;
typedef struct {
    Key key;
    const Ex *first;            /* as it was met first, and in which node */
    const Node *in;
    bool shared;
    Node *made;
} Shared;

typedef struct { Ctx *ctx; VEC(Shared) list; const Node *node; } Sharing;

static bool is_call(const Ex *e) {
    return e->type == T_REAL && op_has(e->op, P_COSTLY) && !e->has_guarded && e->has_read && e->op != OP_DIV && e->op != OP_FLOORDIV
        && e->op != OP_MOD && e->op != OP_DRAW;
}

/* The axis that variable v of a node would be, or no size when its range does not begin at 0 or depends on others. */
static Axis axis_of(const Node *n, int v) {
    if (v < n->rank)
        return n->axis[v];
    const Ex *lo = n->red[v - n->rank].lo, *hi = n->red[v - n->rank].hi;
    bool whole = ex_is_number(lo, 0) && !hi->has_var && !hi->has_read;
    return (Axis){whole ? hi : NULL, NULL, n->red[v - n->rank].name};
}

static int axes_of_term(const Ex *term, const Node *n, Axis *axis, int *var) {
    bool used[2 * MAX_RANK] = {0};
    int rank = 0;
    ex_vars(term, used, 2 * MAX_RANK);
    for (int v = 0; v < n->rank + n->nred; v++) {
        if (!used[v])
            continue;
        Axis a = axis_of(n, v);
        if (!a.size || rank == MAX_RANK)
            return -1;
        axis[rank] = a;
        var[rank++] = v;
    }
    return rank;
}

typedef struct { Ctx *ctx; const int *var; int rank; } Numbered;
static const Ex *its_axis(void *data, int var) {
    const Numbered *n = data;
    for (int k = 0; k < n->rank; k++)
        if (n->var[k] == var)
            return ex_var(n->ctx, k);
    return NULL;
}

/* False: it cannot be a node of its own. */
static bool key_of(Ctx *ctx, const Ex *term, const Node *n, Key *key, Axis *axis, int *var) {
    key->rank = axes_of_term(term, n, axis, var);
    if (key->rank < 0)
        return false;
    key->term = ex_map_vars(ctx, term, its_axis, &(Numbered){ctx, var, key->rank}, false);
    for (int k = 0; k < key->rank; k++)
        key->size[k] = axis[k].size;
    return true;
}

static Shared *find(Sharing *s, const Key *key) {
    for (int k = 0; k < s->list.n; k++) {
        const Key *known = &s->list.at[k].key;
        if (known->term == key->term && known->rank == key->rank && !memcmp(known->size, key->size, sizeof *key->size * (size_t)key->rank))
            return &s->list.at[k];
    }
    return NULL;
}

static void meet(void *data, const Ex *e) {
    Sharing *s = data;
    Axis axis[MAX_RANK];
    int var[MAX_RANK];
    Key key;
    if (!is_call(e) || !key_of(s->ctx, e, s->node, &key, axis, var))
        return;
    Shared *known = find(s, &key);
    if (!known)
        vec_push(s->ctx, &s->list, ((Shared){.key = key, .first = e, .in = s->node}));
    else if (known->in != s->node || known->first != e)
        known->shared = true;
}

typedef struct { Sharing *s; const Ex *from[64], *to[64]; int n; GraphMap *map; const Node *node; } Use;

static void use_term(void *data, const Ex *e) {
    Use *u = data;
    Axis axis[MAX_RANK];
    int var[MAX_RANK];
    Key key;
    Shared *known = is_call(e) && key_of(u->s->ctx, e, u->node, &key, axis, var) ? find(u->s, &key) : NULL;
    if (!known || !known->shared || u->n == 64)
        return;
    Ctx *ctx = u->s->ctx;
    const Ex *mapped = ex_replace(ctx, graph_map_ex(u->map, e), u->from, u->to, u->n), *index[MAX_RANK];
    if (!known->made)
        known->made = node_compute(ctx, u->map->made, key.rank, axis, var, 0, NULL, R_NONE, mapped, NULL, NULL, u->node->span, 0);
    for (int k = 0; k < key.rank; k++)
        index[k] = ex_var(ctx, var[k]);
    u->from[u->n] = mapped;
    u->to[u->n++] = ex_read(ctx, known->made, index, false);
}

static const Ex *with_shared(void *data, GraphMap *map, const Node *old, const Ex *mapped) {
    Sharing *s = data;
    if (old->kind != N_COMPUTE)
        return mapped;
    Use u = {.s = s, .map = map, .node = old};
    ex_visit(old->body, use_term, &u);
    for (int k = 0; k < u.n; k++)                       /* a shared term inside another one: innermost first */
        mapped = ex_replace(s->ctx, mapped, &u.from[k], &u.to[k], 1);
    return mapped;
}

/* requires: simplify. ensures: no call is written in two nodes. keeps: spans. */
Graph *share(Ctx *ctx, Graph *g) {
    Sharing s = {.ctx = ctx};
    for (int k = 0; k < g->node.n; k++) {
        s.node = g->node.at[k];
        if (s.node->kind == N_COMPUTE)
            ex_visit(s.node->body, meet, &s);
    }
    return graph_map(ctx, g, NULL, with_shared, &s);
}
