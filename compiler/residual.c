/* residual.c: a loss as a sum of squares, for lm().
 *
 *     loss mse(X @ w, y) + 0.1 * sum(w^2)
 *     r[i] = (sum[k] X[i, k] w[k] - y[i]) / sqrt(n),  r[n + k] = sqrt(0.1) w[k],  loss = sum r^2
 *
 * The loss is taken apart through sums, positive multiples and the lets in between until every term is a product of
 * something with itself, or has no param in it. Each becomes a node; its derivative by every param, one row a residual, is
 * the gradient under an index variable that picks the row. The two results are joined into r[count] and J[count, params]. */
#include "adc.h"
#include <math.h>
#include <string.h>

enum { VAR_TERM = VAR_SCOPE + 3000, VAR_ROW = VAR_SCOPE + 3500, MAX_TERMS = 64 };

typedef struct { Node *r; const Ex *count; Node *d[256]; } Term_;
typedef struct {
    Ctx *ctx;
    Graph *graph;
    Index index[MAX_RANK]; int nindex;
    Term_ term[MAX_TERMS]; int n;
    int next_var;
    bool *learnt;                       /* by node id: depends on a param that can learn */
    const char *reason;                 /* why it is no sum of squares */
} Residuals;

static void mark_read(void *data, const Ex *e) {
    struct { Residuals *z; bool found; } *m = data;
    m->found |= m->z->learnt[e->node->id];
}

static void find_learnt(Residuals *z) {
    Graph *g = z->graph;
    z->learnt = NEWN(z->ctx, bool, g->node.n + 1);
    for (int k = 0; k < g->params.n; k++)
        z->learnt[g->params.at[k].node->id] = !g->params.at[k].frozen;
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = 0; k < g->node.n; k++) {
            struct { Residuals *z; bool found; } m = {z, false};
            Node *n = g->node.at[k];
            node_reads(n, mark_read, &m);
            m.found |= n->kind == N_PREV && n->group->states.at[n->place].state && z->learnt[n->group->states.at[n->place].state->id];
            if (m.found && !z->learnt[k])
                z->learnt[k] = changed = true;
        }
    }
}

static void ex_learnt(void *data, const Ex *e) {
    struct { Residuals *z; bool found; } *m = data;
    m->found |= is_read(e) && m->z->learnt[e->node->id];
}

static bool constant(Residuals *z, const Ex *e) {
    struct { Residuals *z; bool found; } m = {z, false};
    ex_visit(e, ex_learnt, &m);
    return !m.found;
}

typedef struct { const Ex *to[2 * MAX_RANK]; int n; } Place;
static const Ex *placed(void *data, int var) {
    const Place *p = data;
    return var < p->n ? p->to[var] : NULL;
}

static void fail(Residuals *z, const char *reason) {
    if (!z->reason)
        z->reason = reason;
}

/* sqrt(weight) * e over the indices in force: one set of residuals. */
static void add_term(Residuals *z, const Ex *e, const Ex *weight) {
    Ctx *ctx = z->ctx;
    if (z->n == MAX_TERMS) {
        fail(z, "it has too many terms");
        return;
    }
    const Ex *root = weight->op == OP_REAL ? ex_real(ctx, sqrt(weight->real)) : ex1(ctx, OP_SQRT, weight);
    Axis axis[MAX_RANK];
    int var[MAX_RANK];
    const Ex *count = ex_int(ctx, 1);
    for (int k = 0; k < z->nindex; k++) {
        if (z->index[k].lo->has_var || z->index[k].hi->has_var || z->index[k].hi->has_read || z->index[k].lo->has_read) {
            fail(z, "it sums over a range that depends on another index");
            return;
        }
        axis[k] = (Axis){ex2(ctx, OP_SUB, z->index[k].hi, z->index[k].lo), NULL, z->index[k].name};
        var[k] = z->index[k].var;
        if (!ex_is_number(z->index[k].lo, 0)) {
            fail(z, "it sums over a range that does not begin at 0");
            return;
        }
        count = ex2(ctx, OP_MUL, count, axis[k].size);
    }
    Node *r = node_compute(ctx, z->graph, z->nindex, axis, var, 0, NULL, R_NONE, ex2(ctx, OP_MUL, root, e), NULL, NULL, z->graph->losses.at[0].span, 0);
    z->term[z->n++] = (Term_){.r = r, .count = count};
}

static void take_apart(Residuals *z, const Ex *e, const Ex *weight);

static void through_node(Residuals *z, const Ex *e, const Ex *weight) {
    Ctx *ctx = z->ctx;
    const Node *n = e->node;
    Place p = {.n = n->rank + n->nred};
    if (n->kind != N_COMPUTE || (n->reduce != R_NONE && n->reduce != R_SUM)) {
        fail(z, n->kind == N_PARAM ? "it has a param that is not squared" : "it has a reduction that is no sum");
        return;
    }
    for (int k = 0; k < n->rank; k++)
        p.to[k] = e->arg[k];
    int before = z->nindex;
    for (int k = 0; k < n->nred; k++) {
        if (z->nindex == MAX_RANK) {
            fail(z, "it sums over too many indices");
            return;
        }
        int v = VAR_TERM + z->next_var++ % 400;
        p.to[n->rank + k] = ex_var(ctx, v);
        Place upto = p;
        upto.n = n->rank + k;
        z->index[z->nindex++] = (Index){.var = v, .lo = ex_map_vars(ctx, n->red[k].lo, placed, &upto, false),
                                        .hi = ex_map_vars(ctx, n->red[k].hi, placed, &upto, false), .name = n->red[k].name};
    }
    const Ex *body = ex_map_vars(ctx, n->body, placed, &p, false);
    take_apart(z, e->op == OP_READ_IF ? ex_guarded(ctx, body) : body, weight);
    z->nindex = before;
}

static void take_apart(Residuals *z, const Ex *e, const Ex *weight) {
    Ctx *ctx = z->ctx;
    if (z->reason || constant(z, e))                        /* what has no param in it does not matter to the minimum */
        return;
    switch (e->op) {
    case OP_READ: case OP_READ_IF:
        through_node(z, e, weight);
        return;
    case OP_ADD:
        take_apart(z, e->arg[0], weight);
        take_apart(z, e->arg[1], weight);
        return;
    case OP_SUB:
        if (constant(z, e->arg[1]))
            take_apart(z, e->arg[0], weight);
        else
            fail(z, "a term is subtracted");
        return;
    case OP_MUL:
        if (e->arg[0] == e->arg[1]) {
            add_term(z, e->arg[0], weight);
            return;
        }
        for (int k = 0; k < 2; k++)
            if (constant(z, e->arg[k])) {
                if (e->arg[k]->op == OP_REAL && e->arg[k]->real < 0)
                    fail(z, "it has a negative multiple of a term");
                take_apart(z, e->arg[1 - k], ex2(ctx, OP_MUL, weight, e->arg[k]));
                return;
            }
        fail(z, "it has a product of different things");
        return;
    case OP_DIV:
        if (constant(z, e->arg[1]))
            take_apart(z, e->arg[0], ex2(ctx, OP_DIV, weight, e->arg[1]));
        else
            fail(z, "it divides by something that depends on a param");
        return;
    case OP_WHERE:
        if (!constant(z, e->arg[0])) {
            bool root = e->arg[1]->op == OP_SQRT || e->arg[2]->op == OP_SQRT;       /* norm(x) is its root, or 0 */
            fail(z, root ? "it takes a square root, as norm(x) does; the sum of squares itself is sum(x^2)"
                         : "it chooses by what depends on a param, as 'where' does and what is made of it, such as relu(x)");
            return;
        }
        for (int k = 1; k < 3; k++) {
            const Ex *c = k == 1 ? e->arg[0] : ex_not(ctx, e->arg[0]);
            if (!ex_is_number(e->arg[k], 0))
                take_apart(z, e->arg[k], ex_where(ctx, c, weight, ex_real(ctx, 0)));
        }
        return;
    default:
        fail(z, arena_printf(ctx->arena, "'%s' is no square", op_name(e->op)));
    }
}

/* d r / d params, one row for every residual. */
static bool differentiate_term(Residuals *z, Term_ *t) {
    Ctx *ctx = z->ctx;
    Graph *g = z->graph;
    Index outer[MAX_RANK];
    Node *x[256];
    const Ex *dx[256] = {0}, *seed = ex_bool(ctx, true);
    int n = 0;
    for (int k = 0; k < t->r->rank; k++) {
        outer[k] = (Index){.var = VAR_ROW + k, .lo = ex_int(ctx, 0), .hi = t->r->axis[k].size, .name = t->r->axis[k].name};
        seed = ex_and(ctx, seed, ex2(ctx, OP_EQ, ex_var(ctx, k), ex_var(ctx, VAR_ROW + k)));
    }
    for (int k = 0; k < g->params.n; k++)
        if (g->params.at[k].grad && n < 256)
            x[n++] = g->params.at[k].node;
    Builder b = {.ctx = ctx, .graph = g, .outer = outer, .nouter = t->r->rank};
    if (!gradient(&b, t->r, ex_where(ctx, seed, ex_real(ctx, 1), ex_real(ctx, 0)), x, n, dx, g->losses.at[0].span))
        return false;
    for (int k = 0; k < n; k++) {
        Axis axis[MAX_RANK];
        int var[MAX_RANK], rank = 0;
        for (int a = 0; a < t->r->rank; a++, rank++) {
            axis[rank] = t->r->axis[a];
            var[rank] = VAR_ROW + a;
        }
        if (rank + x[k]->rank > MAX_RANK)
            return false;
        for (int a = 0; a < x[k]->rank; a++, rank++) {
            axis[rank] = x[k]->axis[a];
            var[rank] = a;
        }
        if (!dx[k])
            continue;
        t->d[k] = node_compute(ctx, g, rank, axis, var, 0, NULL, R_NONE, dx[k], NULL, NULL, t->r->span, 0);
        t->d[k]->swept = true;
    }
    return true;
}

/* The indices of element `flat` of an array with these axes. */
static void unflatten(Ctx *ctx, const Ex *flat, const Axis *axis, int rank, const Ex **index) {
    for (int k = rank - 1; k >= 0; k--) {
        index[k] = k ? ex2(ctx, OP_MOD, flat, axis[k].size) : flat;
        flat = k ? ex2(ctx, OP_FLOORDIV, flat, axis[k].size) : flat;
    }
}

static const Ex *size_of(Ctx *ctx, const Node *n) {
    const Ex *count = ex_int(ctx, 1);
    for (int k = 0; k < n->rank; k++)
        count = ex2(ctx, OP_MUL, count, n->axis[k].size);
    return count;
}

static void join(Residuals *z) {
    Ctx *ctx = z->ctx;
    Graph *g = z->graph;
    const Ex *row = ex_var(ctx, 0), *column = ex_var(ctx, 1), *first = ex_int(ctx, 0), *r = ex_real(ctx, 0), *J = ex_real(ctx, 0), *columns = ex_int(ctx, 0);
    for (int t = 0; t < z->n; t++) {
        const Ex *index[2 * MAX_RANK], *end = ex2(ctx, OP_ADD, first, z->term[t].count), *own = ex_real(ctx, 0);
        const Ex *left = ex_int(ctx, 0);
        unflatten(ctx, ex2(ctx, OP_SUB, row, first), z->term[t].r->axis, z->term[t].r->rank, index);
        const Ex *here = ex_and(ctx, ex2(ctx, OP_LE, first, row), ex2(ctx, OP_LT, row, end));
        here = z->n == 1 ? ex_bool(ctx, true) : here;
        r = ex_where(ctx, here, ex_read(ctx, z->term[t].r, index, z->n > 1), r);
        for (int k = 0, p = 0; k < g->params.n; k++) {
            if (!g->params.at[k].grad)
                continue;
            const Node *x = g->params.at[k].node;
            Node *d = z->term[t].d[p++];
            const Ex *right = ex2(ctx, OP_ADD, left, size_of(ctx, x));
            const Ex *mine = ex_and(ctx, ex2(ctx, OP_LE, left, column), ex2(ctx, OP_LT, column, right));
            unflatten(ctx, ex2(ctx, OP_SUB, column, left), x->axis, x->rank, index + z->term[t].r->rank);
            if (d)
                own = ex_where(ctx, mine, ex_read(ctx, d, index, true), own);
            left = right;
        }
        J = ex_where(ctx, here, own, J);
        first = end;
        columns = left;
    }
    Axis axis[2] = {{first, NULL, "i"}, {columns, NULL, "j"}};
    int var[2] = {0, 1};
    Span span = g->losses.at[0].span;
    g->residual = node_compute(ctx, g, 1, axis, var, 0, NULL, R_NONE, r, NULL, "residual", span, 0);
    g->jacobian = node_compute(ctx, g, 2, axis, var, 0, NULL, R_NONE, J, NULL, "jacobian", span, 0);
}

static const Setting *lm_setting(const Graph *g) {
    for (int k = 0; k < g->settings.n; k++) {
        const Setting *s = &g->settings.at[k];
        if (strcmp(s->key, "optimizer") == 0 && s->value && s->value->kind == AST_CALL && strcmp(s->value->text, "lm") == 0)
            return s;
    }
    return NULL;
}

/* requires: params[].grad. False, after an error at lm(), when the loss is no sum of squares. */
bool find_residuals(Ctx *ctx, Graph *g) {
    const Setting *s = lm_setting(g);
    if (!s)
        return true;
    Residuals *z = NEW(ctx, Residuals);
    *z = (Residuals){.ctx = ctx, .graph = g};
    find_learnt(z);
    for (int k = 0; k < g->losses.n; k++)
        take_apart(z, ex_read(ctx, g->losses.at[k].node, NULL, false), ex_real(ctx, 1));
    for (int t = 0; t < z->n && !z->reason; t++)
        if (!differentiate_term(z, &z->term[t]))
            fail(z, "its Jacobian has too many axes");
    if (z->reason) {
        error_at(ctx, s->value->span, "E0304", "lm() needs a loss that is a sum of squares, and this one is not: %s", z->reason);
        note_at(ctx, g->losses.at[0].span, "the loss");
        return false;
    }
    join(z);
    return true;
}
