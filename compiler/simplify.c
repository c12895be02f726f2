/* simplify.c: the same graph with less in it.
 *
 * Everything is rebuilt through the constructors, which apply the algebraic laws and share equal nodes; what no root
 * reaches is dropped. On top of that a read of a node that only renames, or that is a number, is replaced by what it
 * stands for (let b = a; X'; a gradient that is 1 everywhere), a comparison of indices that their ranges decide is
 * replaced by its answer, and two scatters to the same places that are added are one. */
#include "adc.h"

static bool only_names(const Ex *e) {
    if (e->op == OP_REALOF || e->op == OP_INTOF)
        return only_names(e->arg[0]);
    return e->op == OP_READ || e->op == OP_REAL || e->op == OP_INT || e->op == OP_BOOL;
}

/* The node in the new graph is asked: what it reads has been replaced already. */
static const Ex *see_through(void *data, GraphMap *m, const Ex *read) {
    (void)data;
    Node *to = m->node[read->node->id];
    if (to && to->kind == N_SCATTER && ex_is_number(to->body, 0))           /* wherever it would add it: that is not asked */
        return to->body;
    if (!to || to->kind != N_COMPUTE || to->reduce != R_NONE || !only_names(to->body))
        return NULL;
    const Ex *e = ex_at_index(m->ctx, to->body, read->arg, to->rank);
    return read->op == OP_READ_IF ? ex_guarded(m->ctx, e) : e;
}

/* ---------------------------------------------------------------- comparisons of indices that their ranges decide */

typedef struct { Ctx *ctx; Facts facts; const Ex *from[64], *to[64]; int n; } Decide;

static void decide(void *data, const Ex *e) {
    Decide *d = data;
    const Ex *to = compares_ints(e) && e->has_var && !e->has_read && d->n < 64 ? prove_test(d->ctx, e, &d->facts) : e;
    if (to == e)
        return;
    d->from[d->n] = e;
    d->to[d->n++] = to;
}

static const Ex *decided(void *data, GraphMap *m, const Node *n, const Ex *body) {
    Range range[2 * MAX_RANK];
    Decide d = {.ctx = m->ctx, .facts = {.range = range}};
    (void)data;
    for (int k = 0; n->kind == N_COMPUTE && k < n->rank; k++)
        range[d.facts.nranges++] = (Range){k, ex_int(m->ctx, 0), n->axis[k].size};
    for (int k = 0; k < n->nred; k++)
        range[d.facts.nranges++] = (Range){n->rank + k, graph_map_ex(m, n->red[k].lo), graph_map_ex(m, n->red[k].hi)};
    ex_visit(body, decide, &d);
    return d.n ? ex_replace(m->ctx, body, d.from, d.to, d.n) : body;
}

/* ---------------------------------------------------------------- scatter(f) + scatter(g) = scatter(f + g) */

static bool same_places(const Node *a, const Node *b) {
    bool same = a->rank == b->rank && a->nred == b->nred && a->type == b->type;
    for (int k = 0; same && k < a->rank; k++)
        same = a->axis[k].size == b->axis[k].size && a->target[k] == b->target[k];
    for (int k = 0; same && k < a->nred; k++)
        same = a->red[k].lo == b->red[k].lo && a->red[k].hi == b->red[k].hi;
    return same;
}

/* What both add at one place, or NULL: a place that stands under a guard needs one guard for both. */
static const Ex *added(Ctx *ctx, const Node *a, const Node *b) {
    const Ex *x = a->body, *y = b->body;
    bool guarded = false;
    for (int k = 0; k < a->rank; k++)
        guarded |= a->target[k]->has_guarded;
    if (x->op == OP_WHERE && y->op == OP_WHERE && x->arg[0] == y->arg[0] && ex_is_number(x->arg[2], 0) && ex_is_number(y->arg[2], 0))
        return ex_where(ctx, x->arg[0], ex2(ctx, OP_ADD, x->arg[1], y->arg[1]), x->arg[2]);
    return guarded ? NULL : ex2(ctx, OP_ADD, x, y);
}

static Node *one_scatter(GraphMap *m, const Node *a, const Node *b) {
    const Ex *body = same_places(a, b) ? added(m->ctx, a, b) : NULL;
    Index red[MAX_RANK];
    for (int k = 0; k < a->nred; k++)
        red[k] = (Index){.var = a->rank + k, .lo = a->red[k].lo, .hi = a->red[k].hi, .name = a->red[k].name};
    Node *both = body ? node_scatter(m->ctx, m->made, a->rank, a->axis, a->nred, red, a->target, body, NULL, a->span) : NULL;
    if (both)
        both->adjoint_of = a->adjoint_of;
    return both;
}

enum { MANY_TERMS = 64 };
static int terms_of(const Ex *e, const Ex **term, int n) {
    if (e->op == OP_ADD && n < MANY_TERMS)
        return terms_of(e->arg[1], term, terms_of(e->arg[0], term, n));
    if (n < MANY_TERMS)
        term[n] = e;
    return n + 1;
}

static const Ex *join_scatters(GraphMap *m, const Node *n, const Ex *body) {
    const Ex *term[MANY_TERMS], *sum = NULL;
    int count = n->kind == N_COMPUTE && n->reduce == R_NONE && body->op == OP_ADD ? terms_of(body, term, 0) : 0;
    bool joined = false;
    if (count > MANY_TERMS)
        return body;
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++) {
            Node *a = term[i] ? whole_scatter(n, term[i]) : NULL, *b = term[k] ? whole_scatter(n, term[k]) : NULL;
            Node *both = a && b ? one_scatter(m, a, b) : NULL;
            if (!both)
                continue;
            term[i] = ex_read(m->ctx, both, term[i]->arg, false);
            term[k] = NULL;
            joined = true;
        }
    for (int i = 0; joined && i < count; i++)
        if (term[i])
            sum = sum ? ex2(m->ctx, OP_ADD, sum, term[i]) : term[i];
    return joined ? sum : body;
}

static const Ex *simpler(void *data, GraphMap *m, const Node *n, const Ex *body) {
    return join_scatters(m, n, decided(data, m, n, body));
}

/* requires: adjoints. ensures: no equal nodes, no dead ones. keeps: spans, names. */
Graph *simplify(Ctx *ctx, Graph *g) {
    g = graph_map(ctx, g, see_through, simpler, NULL);
    return graph_map(ctx, g, NULL, NULL, NULL);
}
