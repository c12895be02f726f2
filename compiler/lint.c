/* lint.c: what is legal but seldom meant.
 *
 * -Wbatch-sum: `sum((X @ w - y)^2) + ridge * sum(w^2)` with a mini-batched n: the first term grows with the batch, the
 * second does not, so the balance between them depends on the batch size. */
#include "lower.h"

typedef struct { Ctx *ctx; const Dim *batch; bool *seen; bool found; } Search;

static bool mentions_batch(const Ex *e, const Dim *batch) {
    if (e->op == OP_DIM)
        return e->dim == batch;
    for (int k = 0; k < e->nargs; k++)
        if (mentions_batch(e->arg[k], batch))
            return true;
    return false;
}

static void search_ex(void *data, const Ex *e);
static void search_node(Search *s, const Node *n) {
    if (s->found || s->seen[n->id])
        return;
    s->seen[n->id] = true;
    for (int k = 0; k < n->rank; k++)
        s->found |= mentions_batch(n->axis[k].size, s->batch);
    for (int k = 0; k < n->nred; k++)
        s->found |= mentions_batch(n->red[k].hi, s->batch);
    if (n->body)
        ex_visit(n->body, search_ex, s);
}

static void search_ex(void *data, const Ex *e) {
    Search *s = data;
    if (is_read(e))
        search_node(s, e->node);
    s->found |= e->op == OP_DIM && e->dim == s->batch;
}

static bool depends_on_batch(Ctx *ctx, const Graph *g, const Ex *e) {
    Search s = {ctx, g->batch, NEWN(ctx, bool, g->node.n + 1), false};
    ex_visit(e, search_ex, &s);
    return s.found;
}

/* A sum over the batch dim, up to factors that know nothing of the batch. */
static bool is_batch_sum(Ctx *ctx, const Graph *g, const Ex *e) {
    switch (e->op) {
    case OP_NEG: case OP_REALOF: return is_batch_sum(ctx, g, e->arg[0]);
    case OP_MUL:
        for (int k = 0; k < 2; k++)
            if (is_batch_sum(ctx, g, e->arg[k]) && !depends_on_batch(ctx, g, e->arg[1 - k]))
                return true;
        return false;
    case OP_DIV: return is_batch_sum(ctx, g, e->arg[0]) && !depends_on_batch(ctx, g, e->arg[1]);
    case OP_ADD: case OP_SUB: return is_batch_sum(ctx, g, e->arg[0]) && is_batch_sum(ctx, g, e->arg[1]);
    case OP_READ: {
        const Node *n = e->node;
        if (n->kind != N_COMPUTE)
            return false;
        if (n->reduce == R_NONE)
            return n->rank == 0 && is_batch_sum(ctx, g, n->body);
        for (int k = 0; n->reduce == R_SUM && k < n->nred; k++)
            if (mentions_batch(n->red[k].hi, g->batch))
                return true;
        return false;
    }
    default: return false;
    }
}

/* The expression of the statement that a node stands for. */
static const Ast *written_at(const Ast *statements, Span span) {
    for (const Ast *a = statements; a; a = a->next)
        if (a->a && a->span.file == span.file && a->span.begin <= span.begin && span.end <= a->span.end)
            return a->a;
    return NULL;
}

/* written: what e was lowered from, as far as the two keep step; the last '+' or '-' of it is pointed at. */
static bool warn_in(Ctx *ctx, const Graph *g, const Ast *statements, const Ex *e, const Ast *written, Span span) {
    if (e->op == OP_ADD || e->op == OP_SUB) {
        bool step = written && written->kind == AST_BINARY && written->op == (e->op == OP_ADD ? '+' : '-');
        span = step ? written->op_span : span;
        for (int k = 0; k < 2; k++)
            if (is_batch_sum(ctx, g, e->arg[k]) && !depends_on_batch(ctx, g, e->arg[1 - k])) {
                warn_at(ctx, span, "batch-sum", "a sum over the batch dim '%s' is added to a term that does not depend on it", g->batch->name);
                hint(ctx, "their balance changes with the batch size: take the mean, or divide the other term by total(%s)", g->batch->name);
                return true;
            }
        return warn_in(ctx, g, statements, e->arg[0], step ? written->a : NULL, span) ||
               warn_in(ctx, g, statements, e->arg[1], step ? written->b : NULL, span);
    }
    if (e->op == OP_READ && e->node->kind == N_COMPUTE && e->node->reduce == R_NONE && e->node->rank == 0)
        return warn_in(ctx, g, statements, e->node->body, written_at(statements, e->node->span), e->node->span);
    return false;
}

void warn_batch_sums(Ctx *ctx, const Graph *g, const Ast *statements) {
    for (int k = 0; g->batch && k < g->losses.n; k++)
        warn_in(ctx, g, statements, ex_read(ctx, g->losses.at[k].node, NULL, false), NULL, g->losses.at[k].span);
}
