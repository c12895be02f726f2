/* sparse.c: gradients of gathered params.
 *
 * In: the gradient of a param that the model reads by an index array, which is a scatter, or a sum of scatters:
 *
 *     dP[p, q] = scatter[u[k], q] sum[k, q] ...        grad P = dP
 *
 * Out: what the step makes of it. Every scatter adds to run->grad where that stands, and a list says which rows it adds
 * to, here u. So nothing of the size of P is cleared, added up or copied, and an optimiser that leaves alone what has no
 * gradient touches those rows only: a step costs what its batch costs. A gradient with a dense part, of a constrained
 * param, that load computes, or whose rows cannot be listed beforehand, is an array like others. */
#include "loops.h"
#include "adrt.h"

static bool add_terms(Ctx *ctx, const Node *n, const Ex *e, Sparse *to) {
    if (e->op == OP_ADD)
        return add_terms(ctx, n, e->arg[0], to) && add_terms(ctx, n, e->arg[1], to);
    const Node *term = whole_scatter(n, e);
    if (term)
        vec_push(ctx, &to->term, term);
    return term != NULL;
}

/* The rows can be listed: an index array in the scatter's own indices, each of which runs over a whole range. */
static bool listable(const Node *n) {
    const Ex *row = n->target[0];
    bool used[2 * MAX_RANK] = {false};
    if (!row->has_read || row->has_guarded)
        return false;
    ex_vars(row, used, 2 * MAX_RANK);
    for (int k = 0; k < n->nred; k++)
        if (used[n->rank + k] && (!ex_is_number(n->red[k].lo, 0) || n->red[k].hi->has_var || n->red[k].hi->has_read))
            return false;
    return true;
}

static const Ex *to_axis(void *data, int var) {
    const Ex *const *axis = data;
    return axis[var];
}

/* list[k] = u[k], over those of the scatter's indices that say the row; one list is enough for scatters to the same rows. */
static void add_list(Ctx *ctx, Loops *l, int param, const Node *n) {
    Rows list = {.param = param, .span = n->span, .count = ex_int(ctx, 1)};
    const Ex *axis[2 * MAX_RANK] = {0};
    bool used[2 * MAX_RANK] = {false};
    ex_vars(n->target[0], used, 2 * MAX_RANK);
    for (int k = 0; k < n->nred; k++) {
        if (!used[n->rank + k])
            continue;
        axis[n->rank + k] = ex_var(ctx, list.rank);
        list.axis[list.rank++] = (Axis){.size = n->red[k].hi, .name = n->red[k].name};
        list.count = ex2(ctx, OP_MUL, list.count, n->red[k].hi);
    }
    list.row = ex_map_vars(ctx, n->target[0], to_axis, axis, false);
    for (int k = 0; k < l->rows.n; k++)
        if (l->rows.at[k].param == param && l->rows.at[k].row == list.row && l->rows.at[k].count == list.count)
            return;
    vec_push(ctx, &l->rows, list);
}

static void count_reader(void *readers, const Ex *e) { ((int *)readers)[e->node->id]++; }

/* Storage of their own for scatters that something else reads too, unless there is one alone. */
static bool shared(const Sparse *s, const Node *grad, const int *readers) {
    bool found = s->term.n > 1 && readers[grad->id] > 0;
    for (int k = 0; k < s->term.n; k++)
        found |= s->term.n > 1 && readers[s->term.at[k]->id] > 1;
    return found;
}

void choose_sparse(Ctx *ctx, Loops *l) {
    const Graph *g = l->graph;
    int *readers = NEWN(ctx, int, g->node.n + 1);
    bool *taken = NEWN(ctx, bool, g->node.n + 1);
    l->sparse = NEWN(ctx, Sparse, g->params.n + 1);
    for (int k = 0; k < g->node.n; k++)
        node_reads(g->node.at[k], count_reader, readers);
    for (int p = 0; p < g->params.n; p++) {
        const ParamDecl *d = &g->params.at[p];
        const Node *grad = d->grad;
        Sparse s = {0};
        bool fine = grad && !d->frozen && !d->running && d->constraint == AD_FREE && grad->rank > 0;
        if (fine && grad->kind == N_SCATTER)
            vec_push(ctx, &s.term, grad);
        else
            fine = fine && grad->kind == N_COMPUTE && grad->reduce == R_NONE && add_terms(ctx, grad, grad->body, &s);
        fine = fine && !shared(&s, grad, readers);
        for (int k = 0; fine && k < s.term.n; k++)
            fine = listable(s.term.at[k]) && !taken[s.term.at[k]->id] && l->slot_of[s.term.at[k]->id] < 0;
        if (!fine)
            continue;
        l->sparse[p] = s;
        for (int k = 0; k < s.term.n; k++) {
            taken[s.term.at[k]->id] = true;
            add_list(ctx, l, p, s.term.at[k]);
        }
    }
}
