/* verify.c: is this graph legal? Run after every pass; a broken invariant is a bug of the pass that ran last.
 *
 * Operands come before their users; a read has one int index an axis; a body uses only the node's own indices; types fit;
 * every recurrence has its state, of the same shape as what stands for it one step back. */
#include "adc.h"
#include <string.h>

typedef struct { Ctx *ctx; const Graph *graph; const Node *node; } Check;

static void broken(Check *c, const char *what) {
    Str text = {0};
    node_print(c->ctx, c->node, &text);
    bug(c->ctx, "after '%s': %s: %s", c->ctx->pass ? c->ctx->pass : "?", what, text.text);
}

static void check_ex(void *data, const Ex *e) {
    Check *c = data;
    int bound = c->node->rank + c->node->nred;
    if (e->op == OP_VAR && (e->var < 0 || e->var >= bound || (c->node->kind == N_SCATTER && e->var < c->node->rank)))
        broken(c, "a variable that the node does not bind");
    for (int k = 0; k < e->nargs; k++)
        if (!e->arg[k])
            broken(c, "an operation without its argument");
    if (e->op == OP_WHERE && (e->arg[0]->type != T_BOOL || e->arg[1]->type != e->arg[2]->type))
        broken(c, "a where of different types");
    if (op_has(e->op, P_SAME) && e->nargs == 2 && e->arg[0]->type != e->arg[1]->type)
        broken(c, "an operation on different types");
    if (op_has(e->op, P_REAL))
        for (int k = 0; k < e->nargs; k++)
            if (e->arg[k]->type != T_REAL)
                broken(c, "a real operation on something else");
    if (!is_read(e))
        return;
    const Node *n = e->node;
    if (n->id >= c->graph->node.n || c->graph->node.at[n->id] != n)
        broken(c, "a read of a node of another graph");
    if (n->id >= c->node->id)
        broken(c, "a read of a later node");
    if (e->nargs != n->rank)
        broken(c, "a read with the wrong number of indices");
    for (int k = 0; k < e->nargs; k++)
        if (e->arg[k]->type != T_INT)
            broken(c, "an index that is no int");
}

static void check_one(Check *c, const Ex *e) {
    if (e)
        ex_visit(e, check_ex, c);
}

static void check_group(Check *c, const Node *n) {
    const State *s = &n->group->states.at[n->place];
    if (s->prev != n)
        broken(c, "a PREV that its group does not know");
    if (!s->state || !s->init)
        broken(c, "a recurrence without its state or its start");
    if (s->state->rank != n->rank || s->init->rank != n->rank - 1 || s->init->id >= n->id || n->group->axis >= n->rank)
        broken(c, "a recurrence whose state has another shape");
    for (int k = 0; k < n->rank; k++)
        if (!prove_equal(c->ctx, s->state->axis[k].size, n->axis[k].size))
            broken(c, "a recurrence whose state has another size");
}

static bool root_in(const Graph *g, const Node *n) { return !n || (n->id < g->node.n && g->node.at[n->id] == n); }

bool verify(Ctx *ctx, const Graph *g) {
    bool *live = NEWN(ctx, bool, g->node.n);
    graph_live(ctx, g, live);
    for (int k = 0; k < g->node.n; k++) {
        Node *n = g->node.at[k];
        Check c = {ctx, g, n};
        if (n->id != k)
            broken(&c, "a node out of its place");
        check_one(&c, n->body);
        check_one(&c, n->arg);
        for (int r = 0; r < n->nred; r++) {
            check_one(&c, n->red[r].lo);
            check_one(&c, n->red[r].hi);
        }
        for (int r = 0; n->kind == N_SCATTER && r < n->rank; r++)
            check_one(&c, n->target[r]);
        for (int r = 0; r < n->rank; r++)
            if (n->axis[r].size->has_var || n->axis[r].size->has_read)
                broken(&c, "a size that is not made of dims");
        if (n->kind == N_PREV && live[k])           /* lowering gives up a recurrence whose types it has to try again */
            check_group(&c, n);
    }
    for (int k = 0; k < g->losses.n; k++)
        if (!root_in(g, g->losses.at[k].node) || g->losses.at[k].node->rank != 0)
            bug(ctx, "after '%s': a loss that is no scalar of this graph", ctx->pass ? ctx->pass : "?");
    for (int k = 0; k < g->params.n; k++)
        if (!root_in(g, g->params.at[k].grad))
            bug(ctx, "after '%s': a gradient of another graph", ctx->pass ? ctx->pass : "?");
    return true;
}
