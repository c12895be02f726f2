/* simplify.c: the same graph with less in it.
 *
 * Everything is rebuilt through the constructors, which apply the algebraic laws and share equal nodes; what no root
 * reaches is dropped. On top of that a read of a node that only renames, or that is a number, is replaced by what it
 * stands for (let b = a; X'; a gradient that is 1 everywhere), and a comparison of indices that their ranges decide is
 * replaced by its answer. */
#include "adc.h"

static bool only_names(const Ex *e) {
    if (e->op == OP_REALOF || e->op == OP_INTOF)
        return only_names(e->arg[0]);
    return e->op == OP_READ || e->op == OP_REAL || e->op == OP_INT || e->op == OP_BOOL;
}

typedef struct { const Ex *const *to; int n; } At;
static const Ex *at_index(void *data, int var) {
    const At *a = data;
    return var < a->n ? a->to[var] : NULL;
}

/* The node in the new graph is asked: what it reads has been replaced already. */
static const Ex *see_through(void *data, GraphMap *m, const Ex *read) {
    (void)data;
    Node *to = m->node[read->node->id];
    if (!to || to->kind != N_COMPUTE || to->reduce != R_NONE || !only_names(to->body))
        return NULL;
    const Ex *e = ex_map_vars(m->ctx, to->body, at_index, &(At){read->arg, to->rank}, false);
    return read->op == OP_READ_IF ? ex_guarded(m->ctx, e) : e;
}

/* ---------------------------------------------------------------- comparisons of indices that their ranges decide */

typedef struct { Ctx *ctx; Facts facts; const Ex *from[64], *to[64]; int n; } Decide;

static bool never_negative(Decide *d, const Ex *e) { return prove_nonnegative(d->ctx, e, &d->facts); }

static void decide(void *data, const Ex *e) {
    Decide *d = data;
    Ctx *ctx = d->ctx;
    bool compares = e->op == OP_LT || e->op == OP_LE || e->op == OP_EQ || e->op == OP_NE;
    if (!compares || e->arg[0]->type != T_INT || e->arg[1]->type != T_INT || !e->has_var || e->has_read || d->n == 64)
        return;
    const Ex *one = ex_int(ctx, 1), *up = ex2(ctx, OP_SUB, e->arg[1], e->arg[0]), *down = ex1(ctx, OP_NEG, up);
    bool below = never_negative(d, ex2(ctx, OP_SUB, up, one)), above = never_negative(d, ex2(ctx, OP_SUB, down, one));
    bool apart = below || above, yes, no;
    switch (e->op) {
    case OP_LT: yes = below, no = above || never_negative(d, down); break;
    case OP_LE: yes = below || never_negative(d, up), no = above; break;
    case OP_EQ: yes = false, no = apart; break;
    default: yes = apart, no = false; break;
    }
    if (!yes && !no)
        return;
    d->from[d->n] = e;
    d->to[d->n++] = ex_bool(ctx, yes);
}

static const Ex *decided(void *data, GraphMap *m, const Node *n, const Ex *body) {
    Range range[2 * MAX_RANK];
    Decide d = {.ctx = m->ctx, .facts = {.range = range}};
    (void)data;
    for (int k = 0; n->kind == N_COMPUTE && k < n->rank; k++)
        range[d.facts.nranges++] = (Range){k, ex_int(m->ctx, 0), n->axis[k].size};
    for (int k = 0; k < n->nred; k++)
        range[d.facts.nranges++] = (Range){n->rank + k, graph_map_ex(m, n->red[k].lo), graph_map_ex(m, n->red[k].hi)};
    ex_visit(m->ctx, body, decide, &d);
    return d.n ? ex_replace(m->ctx, body, d.from, d.to, d.n) : body;
}

/* requires: adjoints. ensures: no equal nodes, no dead ones. keeps: spans, names. */
Graph *simplify(Ctx *ctx, Graph *g) {
    g = graph_map(ctx, g, see_through, decided, NULL);
    return graph_map(ctx, g, NULL, NULL, NULL);
}
