/* mask.c: what a where leaves out stays out of gradients.
 *
 *     let y = sum(log(x))    where(c, y, 0)            dy = where(c, 1, 0)     dx = dy * (1 / x)
 *
 * Within a body grad.c keeps the condition of a branch in sight. From one node to the next only its effect is left, an
 * adjoint that is 0, and 0 times what is not finite is nan. Here every node that a reverse sweep made is asked under which
 * conditions it can be anything but 0, and a product of it with what may not be finite is put behind them:
 *
 *     dx = where(c, dy * (1 / x), 0)
 *
 * The answer follows the node's own body, with 'or' for + and 'and' for *, and so has the same form: any[k] for sum[k], a
 * count for a scatter, a recurrence of bools for one of adjoints. A short one is written where it is asked, another is a
 * node. Products of what is finite wherever its arguments are, which is most of them, ask for nothing and cost nothing:
 * that a sum or a product can overflow is not counted. */
#include "adc.h"
#include <math.h>
#include <string.h>

enum { SHORT = 4, MOST_VISITS = 50000 };
typedef enum { NEVER, SOMETIMES, ALWAYS } Active;       /* it is 0; it is but where conditions hold; nothing is known */

typedef struct { const Ex *known, *added, *is; int next; } Behind;

typedef struct {
    Ctx *ctx;
    Graph *g;
    int n;                              /* its nodes before any were added */
    unsigned char *active, *active_ex;  /* an Active by node id, by expression id */
    const Ex **when, **when_ex;         /* bools by the same ids, made when asked for; of a node: in its axes */
    bool *risky, *learnt;               /* by node id: may not be finite; depends on a param */
    double *least, *least_ex;           /* by the same ids: no value is below this */
    unsigned char *risky_ex;            /* by expression id, once nodes are settled: 1 no, 2 yes */
    bool settled;
    int at, budget;                     /* the node whose body is rewritten, and the visits that are left for it */
    VEC(Behind) done;                   /* what behind() answered, lists by expression id: */
    int *first;                         /* 1 + its place */
} Masks;

/* ---------------------------------------------------------------- whether there are conditions */

static Active either(Active a, Active b) { return a == b ? a : SOMETIMES; }

static void find_active(void *data, const Ex *e) {
    Masks *m = data;
    Active is = ALWAYS, a[3] = {ALWAYS, ALWAYS, ALWAYS};
    for (int k = 0; k < e->nargs && k < 3 && !is_read(e); k++)
        a[k] = (Active)m->active_ex[e->arg[k]->id];
    switch (e->op) {
    case OP_REAL: is = ex_is_number(e, 0) ? NEVER : ALWAYS; break;
    case OP_WHERE: is = either(a[1], a[2]); break;
    case OP_NEG: case OP_DIV: is = a[0]; break;
    case OP_MUL: is = a[0] < a[1] ? a[0] : a[1]; break;
    case OP_ADD: case OP_SUB: is = a[0] > a[1] ? a[0] : a[1]; break;
    case OP_READ: case OP_READ_IF: is = (Active)m->active[e->node->id]; break;
    default: break;
    }
    m->active_ex[e->id] = (unsigned char)(e->type == T_REAL ? is : ALWAYS);
}

static bool adds(const Node *n) { return n->kind == N_SCATTER || (n->kind == N_COMPUTE && (n->reduce == R_NONE || n->reduce == R_SUM)); }

static Active active_node(Masks *m, const Node *n) {
    if (!n->swept || n->type != T_REAL)
        return ALWAYS;
    if (n->kind == N_PREV) {
        const State *st = &n->group->states.at[n->place];
        return st->state && st->init ? either((Active)m->active[st->state->id], (Active)m->active[st->init->id]) : ALWAYS;
    }
    if (!adds(n))
        return ALWAYS;
    ex_visit(n->body, find_active, m);
    Active active = (Active)m->active_ex[n->body->id];
    return n->kind == N_SCATTER && active == ALWAYS ? SOMETIMES : active;           /* it is 0 where nothing is added */
}

/* ---------------------------------------------------------------- what may not be finite */

static void find_least(void *data, const Ex *e) {
    Masks *m = data;
    double is = -INFINITY, a[3] = {is, is, is};
    for (int k = 0; k < e->nargs && k < 3 && !is_read(e); k++)
        a[k] = m->least_ex[e->arg[k]->id];
    switch (e->op) {
    case OP_REAL: is = e->real; break;
    case OP_REALOF: is = e->arg[0]->type == T_BOOL ? 0 : e->arg[0]->op == OP_DIM || e->arg[0]->op == OP_TOTAL ? 1 : is; break;
    case OP_ADD: is = a[0] + a[1]; break;
    case OP_MUL: is = a[0] >= 0 && a[1] >= 0 ? a[0] * a[1] : e->arg[0] == e->arg[1] ? 0 : is; break;
    case OP_DIV: is = a[0] >= 0 && a[1] >= 0 ? 0 : is; break;
    case OP_WHERE: is = fmin(a[1], a[2]); break;
    case OP_MIN: is = fmin(a[0], a[1]); break;
    case OP_MAX: is = fmax(a[0], a[1]); break;
    case OP_SQRT: is = a[0] > 0 ? sqrt(a[0]) : 0; break;
    case OP_LOG1P: is = a[0] > -1 ? log1p(a[0]) : is; break;
    case OP_ABS: case OP_EXP: case OP_HYPOT: case OP_SIGMOID: case OP_SOFTPLUS: is = 0; break;
    case OP_READ: case OP_READ_IF: is = m->least[e->node->id]; break;
    default: break;
    }
    m->least_ex[e->id] = e->type == T_REAL && !isnan(is) ? is : -INFINITY;
}

static double least_of(Masks *m, const Node *n) {
    if ((n->kind != N_COMPUTE && n->kind != N_SCATTER) || n->type != T_REAL)
        return -INFINITY;
    ex_visit(n->body, find_least, m);
    double is = m->least_ex[n->body->id];
    return n->reduce == R_NONE || n->reduce == R_MIN ? is : n->reduce != R_MAX && is >= 0 ? 0 : -INFINITY;
}

/* The read behind names. */
static const Ex *origin(Ctx *ctx, const Ex *e) {
    while (is_read(e) && e->node->kind == N_COMPUTE && e->node->reduce == R_NONE && is_read(e->node->body))
        e = ex_at_index(ctx, e->node->body, e->arg, e->nargs);
    return e;
}

/* best is the read of a reduction over one whole axis, whose body is x, a read, at some index of it. */
static bool ranges_over(Ctx *ctx, const Ex *best, Reduce reduce, const Ex *x) {
    const Node *n = is_read(best) ? best->node : NULL;
    if (!n || n->kind != N_COMPUTE || n->reduce != reduce || n->nred != 1 || !ex_is_number(n->red[0].lo, 0))
        return false;
    const Ex *body = origin(ctx, n->body), *index[MAX_RANK + 1];
    for (int k = 0; k < x->nargs && is_read(body) && body->node == x->node; k++) {
        if (body->arg[k]->op != OP_VAR || body->arg[k]->var != n->rank || n->red[0].hi != x->node->axis[k].size)
            continue;
        for (int a = 0; a < best->nargs; a++)
            index[a] = best->arg[a];
        index[best->nargs] = x->arg[k];
        return ex_at_index(ctx, body, index, best->nargs + 1) == x;
    }
    return false;
}

/* x - max(x), x - x[argmax(x)] */
static bool is_below_largest(Ctx *ctx, const Ex *e) {
    if (e->op != OP_SUB)
        return false;
    const Ex *x = origin(ctx, e->arg[0]), *most = origin(ctx, e->arg[1]);
    if (!is_read(x))
        return false;
    for (int k = 0; is_read(most) && most->node == x->node && k < most->nargs; k++)
        if (ranges_over(ctx, origin(ctx, most->arg[k]), R_ARGMAX, x))
            return true;
    return ranges_over(ctx, most, R_MAX, x);
}

/* Of finite arguments the value may not be, and not only because a sum or a product overflows. */
static bool is_wild(const Masks *m, const Ex *e) {
    const double tiny = 1e-18;
    switch (e->op) {
    case OP_SINH: case OP_COSH: case OP_TAN: case OP_FLOORDIV: case OP_MOD: return true;
    case OP_EXP: case OP_EXPM1: return !is_below_largest(m->ctx, e->arg[0]);
    case OP_DIV: return m->least_ex[e->arg[1]->id] < tiny;
    case OP_SQRT: case OP_LOG: return m->least_ex[e->arg[0]->id] < tiny;
    case OP_LOG1P: return m->least_ex[e->arg[0]->id] < -0.5;
    default: return op_has(e->op, P_UNBOUNDED);
    }
}

typedef struct { const Masks *m; bool found; } Risk;

static void find_learnt(void *data, const Ex *e) {
    Risk *r = data;
    if (is_read(e))
        r->found |= r->m->learnt[e->node->id];
}

static bool is_learnt(const Masks *m, const Ex *e) {
    Risk r = {.m = m};
    ex_visit(e, find_learnt, &r);
    return r.found;
}

/* Or by a size. */
static bool divides_by_number(const Ex *e) {
    const Ex *by = e->op == OP_DIV ? e->arg[1] : NULL;
    return by && (by->op == OP_REAL || (by->op == OP_REALOF && !by->has_var && !by->has_read)) && !ex_is_number(by, 0);
}

static bool is_infinite(const Ex *e) { return e->op == OP_REAL && !isfinite(e->real); }

/* One number of data for all elements, a deviation or a size, would spoil the loss as well. */
static void find_risk(void *data, const Ex *e) {
    Risk *r = data;
    if (e->type != T_REAL || r->found)
        return;
    if (is_read(e))
        r->found = r->m->risky[e->node->id];
    else if (e->op == OP_ADD || e->op == OP_SUB || e->op == OP_MUL || e->op == OP_WHERE)
        r->found = is_infinite(e->arg[e->op == OP_WHERE ? 2 : 0]) || is_infinite(e->arg[1]);
    else if (e->op == OP_DIV && ex_is_number(e->arg[1], 0))
        r->found = true;
    else if (!divides_by_number(e)) {
        const Ex *by = e->op == OP_DIV ? e->arg[1] : e;
        r->found = (by->has_var || is_learnt(r->m, by)) && is_wild(r->m, e);
    }
}

static bool is_risky(const Masks *m, const Ex *e) {
    if (m->settled && m->risky_ex[e->id])
        return m->risky_ex[e->id] == 2;
    Risk r = {.m = m, .found = is_infinite(e)};
    ex_visit(e, find_risk, &r);
    m->risky_ex[e->id] = r.found ? 2 : 1;
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
    return (n->kind == N_COMPUTE || n->kind == N_SCATTER) && n->type == T_REAL && is_risky(m, n->body);
}

/* All begin as the least that they can be and grow, until recurrences change nothing more. */
static void settle(Masks *m) {
    for (int k = 0; k < m->n; k++)
        m->least[k] = least_of(m, m->g->node.at[k]);
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = 0; k < m->n; k++) {
            const Node *n = m->g->node.at[k];
            Active active = active_node(m, n);
            bool learnt = m->learnt[k] || learnt_node(m, n), risky = m->risky[k] || risky_node(m, n);
            changed |= active != m->active[k] || risky != m->risky[k] || learnt != m->learnt[k];
            m->active[k] = (unsigned char)active;
            m->risky[k] = risky;
            m->learnt[k] = learnt;
        }
    }
}

/* ---------------------------------------------------------------- the conditions */

static bool is_among(const Ex *known, const Ex *c) {
    return known == c || (known->op == OP_AND && (is_among(known->arg[0], c) || is_among(known->arg[1], c)));
}

/* c holds where all of known does, an 'and' of conditions. */
static bool holds(const Ex *known, const Ex *c) {
    if (c->op == OP_BOOL)
        return c->i;
    return is_among(known, c) || (c->op == OP_AND && holds(known, c->arg[0]) && holds(known, c->arg[1]))
        || (c->op == OP_OR && (holds(known, c->arg[0]) || holds(known, c->arg[1])));
}

/* What c asks for beyond what is known. */
static const Ex *beyond(Ctx *ctx, const Ex *c, const Ex *known) {
    if (c->op == OP_AND)
        return ex_and(ctx, beyond(ctx, c->arg[0], known), beyond(ctx, c->arg[1], known));
    return holds(known, c) ? ex_bool(ctx, true) : c;
}

static bool is_number(const Ex *e) { return e->op == OP_REAL || e->op == OP_INT; }

/* c and not c, x == 0 and x == 1 */
static bool exclude(Ctx *ctx, const Ex *a, const Ex *b) {
    if (a->op == OP_AND)
        return exclude(ctx, a->arg[0], b) || exclude(ctx, a->arg[1], b);
    if (b->op == OP_AND)
        return exclude(ctx, a, b->arg[0]) || exclude(ctx, a, b->arg[1]);
    if (ex_not(ctx, a) == b)
        return true;
    for (int k = 0; k < 2 && a->op == OP_EQ && b->op == OP_EQ; k++)
        for (int i = 0; i < 2; i++)
            if (a->arg[k] == b->arg[i] && is_number(a->arg[!k]) && is_number(b->arg[!i]) && a->arg[!k] != b->arg[!i])
                return true;
    return false;
}

/* a or b, with what is in both of them outside. */
static const Ex *one_of(Ctx *ctx, const Ex *a, const Ex *b) {
    if (holds(a, b) || holds(b, a))
        return holds(a, b) ? b : a;
    if (exclude(ctx, ex_not(ctx, a), ex_not(ctx, b)))
        return ex_bool(ctx, true);
    const Ex *a_only = beyond(ctx, a, b), *b_only = beyond(ctx, b, a), *common = beyond(ctx, a, a_only);
    if (a->has_guarded || b->has_guarded || a_only == a)
        return ex_or(ctx, a, b);
    return ex_and(ctx, common, one_of(ctx, a_only, b_only));
}

static const Ex *when_node(Masks *m, const Node *n);

static void find_late(void *data, const Ex *e) {
    const Masks **m = data;
    if (*m && is_read(e) && e->node->id >= (*m)->at && e->node->id < (*m)->n)
        *m = NULL;
}

/* A condition that can be asked before the node that is rewritten. In a recurrence it might not. */
static bool is_early(const Masks *m, const Ex *c) {
    ex_visit(c, find_late, &m);
    return m != NULL;
}

static const Ex *when(Masks *m, const Ex *e) {
    Ctx *ctx = m->ctx;
    Active active = (Active)m->active_ex[e->id];
    if (active != SOMETIMES)
        return ex_bool(ctx, active == ALWAYS);
    if (m->when_ex[e->id])
        return m->when_ex[e->id];
    const Ex *is;
    if (is_read(e)) {
        is = ex_at_index(ctx, when_node(m, e->node), e->arg, e->nargs);
        is = e->op == OP_READ_IF ? ex_guarded(ctx, is) : is;
    } else if (e->op == OP_WHERE) {
        is = is_early(m, e->arg[0]) ? one_of(ctx, ex_and(ctx, e->arg[0], when(m, e->arg[1])), ex_and(ctx, ex_not(ctx, e->arg[0]), when(m, e->arg[2])))
                                    : ex_bool(ctx, true);
    } else if (e->op == OP_ADD || e->op == OP_SUB) {
        is = one_of(ctx, when(m, e->arg[0]), when(m, e->arg[1]));
    } else {
        is = when(m, e->arg[0]);
        is = e->op == OP_MUL ? ex_and(ctx, is, when(m, e->arg[1])) : is;
    }
    return m->when_ex[e->id] = is;
}

static int count_conditions(const Ex *c) {
    return c->op == OP_AND || c->op == OP_OR ? count_conditions(c->arg[0]) + count_conditions(c->arg[1]) : 1;
}

/* reduce[n's ranges] body, in those of n's axes and ranges that are needed; read at all of them. */
static const Ex *made_like(Masks *m, const Node *n, Reduce reduce, const Ex *body) {
    Ctx *ctx = m->ctx;
    bool used[2 * MAX_RANK] = {false};
    Axis axis[MAX_RANK];
    int var[MAX_RANK], rank = 0, nred = 0;
    Index red[MAX_RANK];
    const Ex *index[MAX_RANK];
    ex_vars(body, used, 2 * MAX_RANK);
    for (int k = n->nred - 1; k >= 0; k--)
        if (used[n->rank + k]) {
            ex_vars(n->red[k].lo, used, 2 * MAX_RANK);
            ex_vars(n->red[k].hi, used, 2 * MAX_RANK);
        }
    for (int k = 0; k < n->rank; k++)
        if (used[k]) {
            axis[rank] = n->axis[k];
            index[rank] = ex_var(ctx, k);
            var[rank++] = k;
        }
    for (int k = 0; k < n->nred; k++)
        if (used[n->rank + k])
            red[nred++] = (Index){.var = n->rank + k, .lo = n->red[k].lo, .hi = n->red[k].hi, .name = n->red[k].name};
    return ex_read(ctx, node_compute(ctx, m->g, rank, axis, var, nred, red, nred ? reduce : R_NONE, body, NULL, NULL, n->span, 0), index, false);
}

/* The conditions of c that use one of n's reduction indices, or those that use none; true: there are none. */
static const Ex *part(Ctx *ctx, const Ex *c, const Node *n, bool uses) {
    if (c->op == OP_AND)
        return ex_and(ctx, part(ctx, c->arg[0], n, uses), part(ctx, c->arg[1], n, uses));
    bool found = false;
    for (int k = 0; k < n->nred; k++)
        found |= ex_uses_var(c, n->rank + k);
    return found == uses ? c : ex_bool(ctx, true);
}

/* any[n's ranges] c. What must not be asked without the conditions before it stays behind them. */
static const Ex *when_any(Masks *m, const Node *n, const Ex *c) {
    const Ex *outer = c->has_guarded ? ex_bool(m->ctx, true) : part(m->ctx, c, n, false), *inner = c->has_guarded ? c : part(m->ctx, c, n, true);
    return inner->op == OP_BOOL ? outer : ex_and(m->ctx, outer, made_like(m, n, R_ANY, inner));
}

/* Along axis a something is added to every element alike: its target is a range of its own, the whole axis, and nothing
 * else asks where in it. */
static bool is_even(const Node *n, const Ex *c, int a) {
    const Ex *to = n->target[a];
    int r = to->op == OP_VAR ? to->var - n->rank : -1;
    if (r < 0 || !ex_is_number(n->red[r].lo, 0) || n->red[r].hi != n->axis[a].size || ex_uses_var(c, to->var))
        return false;
    bool used = false;
    for (int k = 0; k < n->rank; k++)
        used |= k != a && ex_uses_var(n->target[k], to->var);
    for (int k = 0; k < n->nred; k++)
        used |= ex_uses_var(n->red[k].lo, to->var) || ex_uses_var(n->red[k].hi, to->var);
    return !used;
}

/* Something was added there: how often is counted in the same way. */
static const Ex *when_added(Masks *m, const Node *n, const Ex *c) {
    Ctx *ctx = m->ctx;
    const Ex *index[MAX_RANK], *target[MAX_RANK];
    Axis axis[MAX_RANK];
    Index red[MAX_RANK];
    bool even[2 * MAX_RANK] = {false};
    int rank = 0, nred = 0;
    for (int k = 0; k < n->rank; k++) {
        if (n->target[k]->has_guarded && ex_is_number(c, 1))        /* nothing is left of what guards it */
            return c;
        if (is_even(n, c, k)) {
            even[n->target[k]->var] = true;
            continue;
        }
        axis[rank] = n->axis[k];
        target[rank] = n->target[k];
        index[rank++] = ex_var(ctx, k);
    }
    for (int k = 0; k < n->nred; k++)
        if (!even[n->rank + k])
            red[nred++] = (Index){.var = n->rank + k, .lo = n->red[k].lo, .hi = n->red[k].hi, .name = n->red[k].name};
    const Ex *one = ex_where(ctx, c, ex_real(ctx, 1), ex_real(ctx, 0));
    Node *count = node_scatter(ctx, m->g, rank, axis, nred, red, target, one, NULL, n->span);
    return ex2(ctx, OP_LT, ex_real(ctx, 0), ex_read(ctx, count, index, false));
}

/* c in all of n's axes. */
static Node *whole(Masks *m, const Node *n, const Ex *c) {
    int var[MAX_RANK];
    for (int k = 0; k < n->rank; k++)
        var[k] = k;
    return node_compute(m->ctx, m->g, n->rank, n->axis, var, 0, NULL, R_NONE, c, NULL, NULL, n->span, 0);
}

/* A recurrence of bools beside one of adjoints. The reads of its states one step back are known before the states are. */
static void when_group(Masks *m, const Group *group) {
    Ctx *ctx = m->ctx;
    Group *made = group_new(ctx, m->g, group->dir, group->axis, group->size, group->name);
    const Ex *index[MAX_RANK];
    for (int k = 0; k < MAX_RANK; k++)
        index[k] = ex_var(ctx, k);
    for (int k = 0; k < group->states.n; k++) {
        const State *st = &group->states.at[k];
        if (st->prev->id >= m->n || m->active[st->prev->id] != SOMETIMES)
            continue;
        Node *start = whole(m, st->init, when_node(m, st->init));
        Node *prev = node_prev(ctx, m->g, made, T_BOOL, st->prev->rank, st->prev->axis, start, NULL, st->prev->span);
        m->when[st->prev->id] = ex_read(ctx, prev, index, false);
    }
    for (int k = 0, to = 0; k < group->states.n; k++) {
        const State *st = &group->states.at[k];
        if (m->active[st->prev->id] == SOMETIMES)
            made->states.at[to++].state = whole(m, st->state, when_node(m, st->state));
    }
}

static const Ex *when_node(Masks *m, const Node *n) {
    Active active = (Active)m->active[n->id];
    if (active != SOMETIMES)
        return ex_bool(m->ctx, active == ALWAYS);
    if (m->when[n->id])
        return m->when[n->id];
    if (n->kind == N_PREV) {
        when_group(m, n->group);
        return m->when[n->id];
    }
    const Ex *c = when(m, n->body);
    c = n->kind == N_SCATTER ? when_added(m, n, c) : when_any(m, n, c);
    return m->when[n->id] = count_conditions(c) <= SHORT ? c : made_like(m, n, R_NONE, c);
}

/* ---------------------------------------------------------------- products behind their conditions */

/* Of a product's factors: those that conditions can make 0, those that may not be finite, those that are both. */
typedef struct { int masked, risky, both; } Factors;

static void count_factors(const Masks *m, const Ex *e, Factors *f) {
    if (e->op == OP_MUL || e->op == OP_DIV || e->op == OP_NEG)
        count_factors(m, e->arg[0], f);
    if (e->op == OP_MUL)
        count_factors(m, e->arg[1], f);
    else if (e->op == OP_DIV) {         /* by the reciprocal of the other argument */
        Risk r = {.m = m, .found = is_risky(m, e->arg[1])};
        find_risk(&r, e);
        f->risky += r.found;
    } else if (e->op != OP_NEG) {
        bool masked = m->active_ex[e->id] == SOMETIMES, risky = is_risky(m, e);
        f->masked += masked;
        f->risky += risky;
        f->both += masked && risky;
    }
}

/* One can be 0 where another is not finite. */
static bool is_torn(const Masks *m, const Ex *e) {
    Factors f = {0};
    if (e->op == OP_MUL || e->op == OP_DIV)
        count_factors(m, e, &f);
    return f.masked > 1 ? f.risky > 0 : f.masked == 1 && f.risky > f.both;
}

/* known: what holds where e stands; added: that which was put there here. */
static const Ex *behind(Masks *m, const Ex *e, const Ex *known, const Ex *added);

static const Ex *args_behind(Masks *m, const Ex *e, const Ex *known, const Ex *added) {
    const Ex *arg[3];
    bool changed = false;
    for (int k = 0; k < e->nargs; k++) {
        arg[k] = behind(m, e->arg[k], known, added);
        changed |= arg[k] != e->arg[k];
    }
    return changed ? ex_op(m->ctx, e->op, arg) : e;
}

static const Ex *rewritten(Masks *m, const Ex *e, const Ex *known, const Ex *added) {
    Ctx *ctx = m->ctx;
    if (e->op == OP_WHERE) {
        const Ex *yes = e->arg[0], *no = ex_not(ctx, yes);
        if (holds(added, yes) || holds(added, no))
            return behind(m, e->arg[holds(added, yes) ? 1 : 2], known, added);
        return ex_where(ctx, yes, behind(m, e->arg[1], ex_and(ctx, known, yes), added), behind(m, e->arg[2], ex_and(ctx, known, no), added));
    }
    const Ex *more = is_torn(m, e) ? beyond(ctx, when(m, e), known) : ex_bool(ctx, true);
    if (ex_is_number(more, 1))
        return args_behind(m, e, known, added);
    return ex_where(ctx, more, args_behind(m, e, ex_and(ctx, known, more), ex_and(ctx, added, more)), ex_real(ctx, 0));
}

static const Ex *behind(Masks *m, const Ex *e, const Ex *known, const Ex *added) {
    if (e->type == T_REAL && m->active_ex[e->id] == NEVER)
        return ex_real(m->ctx, 0);
    if (e->nargs == 0 || e->type != T_REAL || is_read(e))
        return e;
    for (int k = m->first[e->id]; k; k = m->done.at[k - 1].next)
        if (m->done.at[k - 1].known == known && m->done.at[k - 1].added == added)
            return m->done.at[k - 1].is;
    if (m->budget-- <= 0)
        return e;
    const Ex *is = rewritten(m, e, known, added);
    vec_push(m->ctx, &m->done, ((Behind){known, added, is, m->first[e->id]}));
    m->first[e->id] = m->done.n;
    return is;
}

/* requires: a graph with its gradients. ensures: no masked 0 is multiplied by what may not be finite. keeps: all else. */
Graph *mask_products(Ctx *ctx, Graph *g) {
    int n = g->node.n, nex = ex_count(ctx) + 1, *upto = NEWN(ctx, int, n + 1);
    Masks m = {.ctx = ctx, .g = g, .n = n, .active = NEWN(ctx, unsigned char, n + 1), .active_ex = NEWN(ctx, unsigned char, nex + 1),
               .when = NEWN(ctx, const Ex *, n + 1), .when_ex = NEWN(ctx, const Ex *, nex + 1),
               .risky = NEWN(ctx, bool, n + 1), .learnt = NEWN(ctx, bool, n + 1),
               .least = NEWN(ctx, double, n + 1), .least_ex = NEWN(ctx, double, nex + 1),
               .risky_ex = NEWN(ctx, unsigned char, nex + 1), .first = NEWN(ctx, int, nex + 1)};
    const Ex **body = NEWN(ctx, const Ex *, n + 1);
    memset(m.active_ex, ALWAYS, (size_t)nex + 1);      /* until it is asked for */
    settle(&m);
    memset(m.risky_ex, 0, (size_t)nex + 1);
    m.settled = true;
    for (m.at = 0; m.at < n; m.at++) {
        const Node *node = g->node.at[m.at];
        m.budget = MOST_VISITS;
        body[m.at] = node->swept && node->body ? behind(&m, node->body, ex_bool(ctx, true), ex_bool(ctx, true)) : node->body;
        upto[m.at] = g->node.n;
    }
    for (int k = 0; k < n; k++)         /* only now, for every one was asked about the others' */
        g->node.at[k]->body = body[k];
    if (g->node.n == n)
        return g;
    Node **made = NEWN(ctx, Node *, g->node.n);
    for (int k = 0, to = 0, next = n; k < n; k++) {
        while (next < upto[k])                  /* what was made for a node stands before it */
            made[to++] = g->node.at[next++];
        made[to++] = g->node.at[k];
    }
    memcpy(g->node.at, made, sizeof(Node *) * (size_t)g->node.n);
    return graph_map(ctx, g, NULL, NULL, NULL);
}
