/* simplify.c: the same graph with less in it.
 *
 * Everything is rebuilt through the constructors, which apply the algebraic laws and share equal nodes; what no root
 * reaches is dropped. On top of that a read of a node that only renames, or that is a number, is replaced by what it
 * stands for: let b = a; X' ; a gradient that is 1 everywhere. */
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
    return ex_map_vars(m->ctx, to->body, at_index, &(At){read->arg, to->rank}, read->op == OP_READ_IF);
}

/* requires: adjoints. ensures: no equal nodes, no dead ones. keeps: spans, names. */
Graph *simplify(Ctx *ctx, Graph *g) {
    g = graph_map(ctx, g, see_through, NULL, NULL);
    return graph_map(ctx, g, NULL, NULL, NULL);
}
