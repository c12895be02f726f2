/* mask.c: what a where leaves out stays out of gradients.
 *
 *     let y = sum(log(x))    where(c, y, 0)            dy = where(c, 1, 0)     dx = dy * (1 / x)
 *
 * Within a body grad.c keeps the condition of a branch in sight. From one node to the next only its effect is left, an
 * adjoint that is 0, and 0 times what is not finite is nan. Here conditions without which it is 0, its mask, are found for
 * every node that a reverse sweep made, through sums, scatters and recurrences; and a product of such a node with what
 * may not be finite is put behind them:
 *
 *     dx = where(c, dy * (1 / x), 0)
 *
 * A condition on an index that is summed over is not followed. */
#include "adc.h"

enum { MOST_CONDITIONS = 4, MOST_ROUNDS = 16 };

/* By node id. mask: in the node's axes; false: it is always 0; NULL: nothing is known. */
typedef struct {
    Ctx *ctx;
    const Graph *g;
    const Ex **mask;
    bool *risky, *learnt;               /* may not be finite; depends on a param */
    int budget;                         /* visits that are left for a body */
} Masks;

static bool is_false(const Ex *e) { return e->op == OP_BOOL && ex_is_number(e, 0); }

/* ---------------------------------------------------------------- conditions */

static bool has_condition(const Ex *m, const Ex *c) {
    return m == c || (m->op == OP_AND && (has_condition(m->arg[0], c) || has_condition(m->arg[1], c)));
}

static const Ex *both(Ctx *ctx, const Ex *a, const Ex *b) { return a && b ? ex_and(ctx, a, b) : a ? a : b; }

/* The conditions that are in both. */
static const Ex *in_both(Ctx *ctx, const Ex *a, const Ex *b) {
    if (!a || !b || is_false(a) || is_false(b))
        return !a || !b ? NULL : is_false(a) ? b : a;
    if (a->op == OP_AND && a != b)
        return both(ctx, in_both(ctx, a->arg[0], b), in_both(ctx, a->arg[1], b));
    return a == b || has_condition(b, a) ? a : NULL;
}

/* Those of m that are not known. */
static const Ex *beyond(Ctx *ctx, const Ex *m, const Ex *known) {
    if (m->op == OP_AND)
        return both(ctx, beyond(ctx, m->arg[0], known), beyond(ctx, m->arg[1], known));
    return known && has_condition(known, m) ? NULL : m;
}

static int count_conditions(const Ex *m) { return m->op == OP_AND ? count_conditions(m->arg[0]) + count_conditions(m->arg[1]) : 1; }

/* Those that can be asked for every element and use neither variable v nor one from `first` on. */
static const Ex *askable(Ctx *ctx, const Ex *m, int v, int first) {
    if (m->op == OP_AND)
        return both(ctx, askable(ctx, m->arg[0], v, first), askable(ctx, m->arg[1], v, first));
    for (int k = first; k < 2 * MAX_RANK; k++)
        if (ex_uses_var(m, k))
            return NULL;
    return m->has_guarded || (v >= 0 && ex_uses_var(m, v)) ? NULL : m;
}

static const Ex *at_args(void *data, int v) {
    const Ex *const *read = data;
    return v < (*read)->nargs ? (*read)->arg[v] : NULL;
}

static const Ex *mask_of(const Masks *m, const Ex *e) {
    Ctx *ctx = m->ctx;
    const Ex *a, *b;
    switch (e->op) {
    case OP_REAL:
        return ex_is_number(e, 0) ? ex_bool(ctx, false) : NULL;
    case OP_WHERE:
        a = both(ctx, e->arg[0], mask_of(m, e->arg[1]));
        b = both(ctx, ex_not(ctx, e->arg[0]), mask_of(m, e->arg[2]));
        return in_both(ctx, a, b);
    case OP_NEG: case OP_DIV:
        return mask_of(m, e->arg[0]);
    case OP_MUL:
        return both(ctx, mask_of(m, e->arg[0]), mask_of(m, e->arg[1]));
    case OP_ADD: case OP_SUB:
        a = mask_of(m, e->arg[0]);
        return a ? in_both(ctx, a, mask_of(m, e->arg[1])) : NULL;
    case OP_READ: case OP_READ_IF:
        a = m->mask[e->node->id];
        a = a ? ex_map_vars(ctx, a, at_args, &e, false) : NULL;
        return a && e->op == OP_READ_IF ? ex_guarded(ctx, a) : a;
    default:
        return NULL;
    }
}

/* A start has no step's axis. */
static const Ex *around_axis(void *data, int v) {
    const struct { Ctx *ctx; int axis; } *s = data;
    return ex_var(s->ctx, v + (v >= s->axis));
}

static const Ex *node_mask(const Masks *m, const Node *n) {
    const Ex *a = NULL;
    if (!n->swept)
        return NULL;
    if (n->kind == N_COMPUTE && (n->reduce == R_NONE || n->reduce == R_SUM)) {
        a = mask_of(m, n->body);
        a = a ? askable(m->ctx, a, -1, n->rank) : NULL;
    } else if (n->kind == N_SCATTER) {
        a = mask_of(m, n->body);
        a = a ? askable(m->ctx, a, -1, 0) : NULL;
    } else if (n->kind == N_PREV) {
        const State *st = &n->group->states.at[n->place];
        struct { Ctx *ctx; int axis; } s = {m->ctx, n->group->axis};
        const Ex *state = st->state ? m->mask[st->state->id] : NULL, *start = st->init ? m->mask[st->init->id] : NULL;
        state = state ? askable(m->ctx, state, s.axis, n->rank) : NULL;
        a = state && start ? in_both(m->ctx, state, ex_map_vars(m->ctx, start, around_axis, &s, false)) : NULL;
    }
    return a && count_conditions(a) <= MOST_CONDITIONS ? a : NULL;
}

/* ---------------------------------------------------------------- what may not be finite */

/* Of finite arguments the value may not be, and not only because a sum or a product overflows. */
static bool is_wild(Op op) {
    switch (op) {
    case OP_EXP: case OP_EXPM1: case OP_SINH: case OP_COSH: case OP_TAN: case OP_FLOORDIV: case OP_MOD: return true;
    default: return op_has(op, P_UNBOUNDED);
    }
}

typedef struct { const Masks *m; bool partial, found; } Risk;      /* partial: of what masked reads are multiplied by */

static void find_learnt(void *data, const Ex *e) {
    Risk *r = data;
    if (e->op == OP_READ || e->op == OP_READ_IF)
        r->found |= r->m->learnt[e->node->id];
}

static bool is_learnt(const Masks *m, const Ex *e) {
    Risk r = {.m = m};
    ex_visit(e, find_learnt, &r);
    return r.found;
}

static bool divides_by_number(const Ex *e) {
    return e->op == OP_DIV && (e->arg[1]->op == OP_REAL || e->arg[1]->op == OP_REALOF) && !ex_is_number(e->arg[1], 0);
}

/* One number of data for all elements, a deviation or a size, would spoil the loss as well. */
static void find_risk(void *data, const Ex *e) {
    Risk *r = data;
    bool read = e->op == OP_READ || e->op == OP_READ_IF;
    if (e->type != T_REAL || r->found)
        return;
    if (read)
        r->found = r->m->risky[e->node->id] && !(r->partial && r->m->mask[e->node->id]);
    else if (is_wild(e->op) && !divides_by_number(e)) {
        const Ex *by = e->op == OP_DIV ? e->arg[1] : e;
        r->found = by->has_var || is_learnt(r->m, by);
    }
}

static bool risky_ex(const Masks *m, const Ex *e, bool partial) {
    Risk r = {m, partial, false};
    ex_visit(e, find_risk, &r);
    return r.found;
}

static bool learnt_node(const Masks *m, const Node *n) {
    if (n->kind == N_PREV) {
        const State *st = &n->group->states.at[n->place];
        return (st->state && m->learnt[st->state->id]) || (st->init && m->learnt[st->init->id]);
    }
    return n->kind == N_PARAM || (n->body && is_learnt(m, n->body));
}

static bool risky_node(const Masks *m, const Node *n) {
    if (n->kind == N_PREV) {
        const State *st = &n->group->states.at[n->place];
        return (st->state && m->risky[st->state->id]) || (st->init && m->risky[st->init->id]);
    }
    return (n->kind == N_COMPUTE || n->kind == N_SCATTER) && n->type == T_REAL && risky_ex(m, n->body, false);
}

/* Masks begin as all there can be and shrink, risks begin as none and grow, until recurrences change nothing more. */
static bool settle(Masks *m) {
    int n = m->g->node.n;
    for (int k = 0; k < n; k++)
        if (m->g->node.at[k]->swept)
            m->mask[k] = ex_bool(m->ctx, false);
    for (int round = 0; round < MOST_ROUNDS; round++) {
        bool changed = false;
        for (int k = 0; k < n; k++) {
            const Ex *mask = node_mask(m, m->g->node.at[k]);
            bool learnt = m->learnt[k] || learnt_node(m, m->g->node.at[k]);
            bool risky = m->risky[k] || risky_node(m, m->g->node.at[k]);
            changed |= mask != m->mask[k] || risky != m->risky[k] || learnt != m->learnt[k];
            m->mask[k] = mask;
            m->risky[k] = risky;
            m->learnt[k] = learnt;
        }
        if (!changed)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- products behind their masks */

/* What a sweep made is in it as a factor: its mask. */
static const Ex *factor_mask(const Masks *m, const Ex *e) {
    switch (e->op) {
    case OP_NEG: case OP_DIV: return factor_mask(m, e->arg[0]);
    case OP_MUL: return both(m->ctx, factor_mask(m, e->arg[0]), factor_mask(m, e->arg[1]));
    case OP_ADD: case OP_SUB: return in_both(m->ctx, factor_mask(m, e->arg[0]), factor_mask(m, e->arg[1]));
    case OP_READ: case OP_READ_IF: return mask_of(m, e);
    default: return NULL;
    }
}

static const Ex *behind(Masks *m, const Ex *e, const Ex *known) {
    Ctx *ctx = m->ctx;
    if (e->nargs == 0 || e->type != T_REAL || e->op == OP_READ || e->op == OP_READ_IF || m->budget-- <= 0)
        return e;
    if (e->op == OP_WHERE)
        return ex_where(ctx, e->arg[0], behind(m, e->arg[1], both(ctx, known, e->arg[0])),
                        behind(m, e->arg[2], both(ctx, known, ex_not(ctx, e->arg[0]))));
    if (e->op == OP_MUL || e->op == OP_DIV) {
        const Ex *mask = risky_ex(m, e, true) ? factor_mask(m, e) : NULL, *more = mask ? beyond(ctx, mask, known) : NULL;
        if (more)
            return ex_where(ctx, more, behind(m, e, both(ctx, known, more)), ex_real(ctx, 0));
    }
    const Ex *arg[3];
    bool changed = false;
    for (int k = 0; k < e->nargs; k++) {
        arg[k] = behind(m, e->arg[k], known);
        changed |= arg[k] != e->arg[k];
    }
    return changed ? ex_op(ctx, e->op, arg) : e;
}

/* requires: a graph with its gradients. ensures: no masked 0 is multiplied by what may not be finite. keeps: all else. */
void mask_products(Ctx *ctx, Graph *g) {
    int n = g->node.n;
    bool any = false;
    Masks m = {.ctx = ctx, .g = g, .mask = NEWN(ctx, const Ex *, n + 1), .risky = NEWN(ctx, bool, n + 1), .learnt = NEWN(ctx, bool, n + 1)};
    for (int k = 0; k < n; k++)
        any |= g->node.at[k]->swept;
    if (!any || !settle(&m))
        return;
    for (int k = 0; k < n; k++) {
        Node *node = g->node.at[k];
        m.budget = 2000;
        if (node->swept && node->body)
            node->body = behind(&m, node->body, NULL);
    }
}
