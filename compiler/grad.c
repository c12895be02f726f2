/* grad.c: reverse mode on the graph: the sweep. The calculus is in derive.c, where a contribution goes in adjoint.c.
 *
 * From s down to each x, users before what they read: the adjoint of a node is put together from its readers, then its
 * body is swept from the value to its reads. The result is the same kind of node again, so derivatives can be
 * differentiated. A recurrence's adjoint is a recurrence that runs the other way, whose states are the adjoints of the
 * PREV nodes. Nothing is ever multiplied by a masked zero: where(c, g, 0) h becomes where(c, g h, 0). */
#include "grad.h"
#include <string.h>

enum {
    VAR_PRIME = 40,             /* + v: the other factors of a product run over these */
    VAR_PLACE = 80,             /* + j: what a rule sums over */
};

static const Ex *zero(Ctx *ctx) { return ex_real(ctx, 0); }
static bool is_zero(const Ex *e) { return e->op == OP_REAL && e->real == 0; }

/* d * g that keeps the mask of d outside. */
static const Ex *times(Ctx *ctx, const Ex *d, const Ex *g) {
    if (d->op == OP_WHERE && is_zero(d->arg[2]))
        return ex_where(ctx, d->arg[0], times(ctx, d->arg[1], g), d->arg[2]);
    if (d->op == OP_WHERE && is_zero(d->arg[1]))
        return ex_where(ctx, d->arg[0], d->arg[1], times(ctx, d->arg[2], g));
    if (g->op == OP_DIV && ex_is_number(g->arg[0], 1))              /* d * (1 / y) = d / y, rounded once */
        return ex2(ctx, OP_DIV, d, g->arg[1]);
    return ex2(ctx, OP_MUL, d, g);
}

/* ---------------------------------------------------------------- what matters */

static bool is_x(const Sweep *s, const Node *n) {
    for (int k = 0; k < s->nx; k++)
        if (s->x[k] == n)
            return true;
    return false;
}

typedef struct { Sweep *s; bool found; } Found;
static void reads_dependent(void *data, const Ex *e) {
    Found *f = data;
    if (is_read(e) && e->type == T_REAL)
        f->found |= f->s->dep[e->node->id];
}

static bool now_depends(Sweep *s, const Node *n) {
    if (n->stop || n == s->b.held || n->type != T_REAL)
        return false;
    if (n->kind == N_PREV) {
        const State *st = &n->group->states.at[n->place];
        return (st->init && s->dep[st->init->id]) || (st->state && s->dep[st->state->id]);
    }
    Found f = {s, n->input && s->dep[n->input->id]};
    if (n->vjp)
        for (int k = 0; k < n->vjp->n; k++)
            f.found |= s->dep[n->vjp->arg[k]->node->id];
    else if (n->body)
        ex_visit(n->body, reads_dependent, &f);
    return f.found;
}

static void find_dependent(Sweep *s) {
    for (bool changed = true; changed;) {                           /* again while a recurrence adds something */
        changed = false;
        for (int k = 0; k < s->count; k++)
            if (!s->dep[k] && (is_x(s, s->graph->node.at[k]) || now_depends(s, s->graph->node.at[k])))
                s->dep[k] = changed = true;
    }
}

static void go_up(Sweep *s, const Node *n);
static void up_read(void *data, const Ex *e) {
    if (is_read(e))
        go_up(data, e->node);
}

static void go_up(Sweep *s, const Node *n) {
    if (!n || s->up[n->id] || !s->dep[n->id])
        return;
    s->up[n->id] = true;
    if (is_x(s, n))
        return;
    if (n->kind == N_PREV) {
        go_up(s, n->group->states.at[n->place].init);
        go_up(s, n->group->states.at[n->place].state);
    } else if (n->vjp) {
        for (int k = 0; k < n->vjp->n; k++)
            go_up(s, n->vjp->arg[k]->node);
    } else if (n->body) {
        ex_visit(n->body, up_read, s);
    }
    go_up(s, n->input);
}

/* Nodes inside a recurrence: they depend on what it carries, and what it carries depends on them. What a recurrence
 * inside it carries depends on how that one starts. */
typedef struct { Sweep *s; const Group *group; bool *below; const bool *mark; bool found; } Inside;

static const State *deeper_state(const Group *group, const Node *n) {
    return n->kind == N_PREV && n->group->axis > group->axis ? &n->group->states.at[n->place] : NULL;
}

static void go_below(Inside *in, const Node *n);
static void mark_below(void *data, const Ex *e) {
    if (is_read(e))
        go_below(data, e->node);
}

static void go_below(Inside *in, const Node *n) {
    if (!n || in->below[n->id])
        return;
    in->below[n->id] = true;
    const State *st = deeper_state(in->group, n);
    if (st) {
        go_below(in, st->init);
        go_below(in, st->state);
    }
    node_reads(n, mark_below, in);
}

static void reads_marked(void *data, const Ex *e) {
    Inside *in = data;
    in->found |= in->mark[e->node->id];
}

static void find_inner(Sweep *s) {
    for (int g = 0; g < s->graph->group.n; g++) {
        const Group *group = s->graph->group.at[g];
        bool *below = NEWN(s->ctx, bool, s->count + 1), *after = NEWN(s->ctx, bool, s->count + 1);
        Inside in = {s, group, below, after, false};
        for (int k = 0; k < group->states.n; k++) {
            const State *st = &group->states.at[k];
            if (!st->state)
                continue;
            go_below(&in, st->state);
            after[st->prev->id] = true;
        }
        for (bool again = true; again;) {           /* a recurrence inside this one is after it when its state is */
            again = false;
            for (int k = 0; k < s->count; k++) {
                const State *st = deeper_state(group, s->graph->node.at[k]);
                in.found = st && st->state && (after[st->init->id] || after[st->state->id]);
                node_reads(s->graph->node.at[k], reads_marked, &in);
                again |= st && in.found && !after[k];
                after[k] |= in.found;
            }
        }
        for (int k = 0; k < s->count; k++)
            s->inner[k] |= after[k] && below[k];
    }
}

static bool active(Sweep *s, const Ex *e) {
    if (e->id >= s->nactive)
        bug(s->ctx, "an expression made during the sweep is differentiated by it");
    if (s->active[e->id])
        return s->active[e->id] > 0;
    bool yes = is_read(e) && e->type == T_REAL && s->up[e->node->id] && s->dep[e->node->id];
    if (!is_read(e))
        for (int k = 0; k < e->nargs; k++)
            yes |= active(s, e->arg[k]);
    s->active[e->id] = yes ? 1 : -1;
    return yes;
}

/* ---------------------------------------------------------------- through one body */

typedef struct { const Ex *e, *guard, *adj; } Item;
typedef struct { Sweep *s; VEC(Item) items; const Range *var; int nvars; bool inner; } BodySweep;

static void push(BodySweep *t, const Ex *e, const Ex *guard, const Ex *adj) {
    if (!active(t->s, e))
        return;
    for (int k = 0; k < t->items.n; k++)
        if (t->items.at[k].e == e && t->items.at[k].guard == guard) {
            t->items.at[k].adj = ex2(t->s->ctx, OP_ADD, t->items.at[k].adj, adj);
            return;
        }
    vec_push(t->s->ctx, &t->items, ((Item){e, guard, adj}));
}

static void through(BodySweep *t, const Item *item) {
    Ctx *ctx = t->s->ctx;
    const Ex *e = item->e;
    if (is_read(e)) {
        contribute(t->s, t->var, t->nvars, t->inner && t->s->inner[e->node->id], e, ex_where(ctx, item->guard, item->adj, zero(ctx)));
        return;
    }
    if (e->op == OP_WHERE) {
        push(t, e->arg[1], ex_and(ctx, item->guard, e->arg[0]), item->adj);
        push(t, e->arg[2], ex_and(ctx, item->guard, ex_not(ctx, e->arg[0])), item->adj);
        return;
    }
    for (int k = 0; k < e->nargs; k++) {
        if (!active(t->s, e->arg[k]))
            continue;
        bool known;
        const Ex *d = derivative(ctx, e, k, &known);
        if (!known) {
            error_at(ctx, t->s->span, "E0217", "no derivative of '%s' is known", op_name(e->op));
            t->s->failed = true;
        }
        if (known && d)
            push(t, e->arg[k], item->guard, times(ctx, item->adj, d));
    }
}

typedef struct { Ctx *ctx; VEC(const Ex *) ex; } Order;
static void note_order(void *data, const Ex *e) {
    Order *o = data;
    vec_push(o->ctx, &o->ex, e);
}

/* From the body down to its reads, arguments after their users. */
static void body_sweep(Sweep *s, const Node *n, const Range *var, int nvars, const Ex *guard, const Ex *seed) {
    BodySweep t = {.s = s, .var = var, .nvars = nvars, .inner = s->inner[n->id]};
    Order order = {.ctx = s->ctx};
    ex_visit(n->body, note_order, &order);
    push(&t, n->body, guard, seed);
    for (int i = order.ex.n - 1; i >= 0; i--)
        for (int k = 0; k < t.items.n; k++)
            if (t.items.at[k].e == order.ex.at[i]) {
                Item item = t.items.at[k];
                t.items.at[k].e = NULL;
                through(&t, &item);
            }
}

/* ---------------------------------------------------------------- node by node */

static void weigh(void *data, const Ex *e) { *(int *)data += op_has(e->op, P_COSTLY) ? 8 : e->nargs > 0; }

static bool cheap(const Ex *e) {
    int weight = 0;
    ex_visit(e, weigh, &weight);
    return weight <= 3;
}

/* The adjoint of n, as a node of its own unless it is next to nothing; its mask stays visible. */
static const Ex *settled(Sweep *s, const Node *n) {
    Ctx *ctx = s->ctx;
    const Ex *a = s->adj[n->id];
    if (cheap(a))
        return a;
    Build d = {.rank = n->rank, .reduce = R_NONE, .body = a, .span = n->span};
    d.name = n->name ? arena_printf(ctx->arena, "d%s", n->name) : NULL;
    for (int k = 0; k < n->rank; k++) {
        d.axis[k] = n->axis[k];
        d.axis_var[k] = k;
    }
    const Ex *read = build_read(&s->b, &d);
    if (!read) {
        s->failed = true;
        return zero(ctx);
    }
    read->node->adjoint_of = (Node *)(uintptr_t)n;
    if (a->op == OP_WHERE && is_zero(a->arg[2]) && !a->arg[0]->has_guarded)
        return ex_where(ctx, a->arg[0], read, a->arg[2]);
    return read;
}

static int loop_ranges(Ctx *ctx, const Node *n, Range *range) {
    int k = 0;
    for (; n->kind == N_COMPUTE && k < n->rank; k++)
        range[k] = (Range){k, ex_int(ctx, 0), n->axis[k].size};
    for (int r = 0; r < n->nred; r++)
        range[k++] = (Range){n->rank + r, n->red[r].lo, n->red[r].hi};
    return k;
}

static const Ex *read_self(Ctx *ctx, Node *n) {
    const Ex *index[MAX_RANK];
    for (int k = 0; k < n->rank; k++)
        index[k] = ex_var(ctx, k);
    return ex_read(ctx, n, index, false);
}

/* How many elements reach the extreme: they share. */
static const Ex *tie_count(Sweep *s, Node *n, const Ex *best) {
    Ctx *ctx = s->ctx;
    Build c = {.rank = n->rank, .nred = n->nred, .reduce = R_SUM, .span = n->span};
    c.body = ex_where(ctx, best, ex_real(ctx, 1), zero(ctx));
    for (int k = 0; k < n->rank; k++) {
        c.axis[k] = n->axis[k];
        c.axis_var[k] = k;
    }
    for (int k = 0; k < n->nred; k++)
        c.red[k] = (Index){.var = n->rank + k, .lo = n->red[k].lo, .hi = n->red[k].hi};
    return build_read(&s->b, &c);
}

static const Ex *primed(void *data, int v) {
    const struct { Ctx *ctx; const Node *n; } *p = data;
    return v >= p->n->rank && v < p->n->rank + p->n->nred ? ex_var(p->ctx, VAR_PRIME + v) : NULL;
}

/* The product of all other factors, without division: right when factors are 0. */
static const Ex *other_factors(Sweep *s, Node *n) {
    Ctx *ctx = s->ctx;
    struct { Ctx *ctx; const Node *n; } p = {ctx, n};
    Index outer[64];
    Builder b = s->b;
    int k = 0;
    for (; k < s->b.nouter && k < 64 - 2 * MAX_RANK; k++)
        outer[k] = s->b.outer[k];
    Build o = {.nred = n->nred, .reduce = R_PROD, .span = n->span};
    const Ex *self = ex_bool(ctx, true);
    for (int i = 0; i < n->rank; i++)       /* outside too: the ranges that follow may begin or end there */
        outer[k++] = (Index){.var = i, .lo = ex_int(ctx, 0), .hi = n->axis[i].size, .name = n->axis[i].name, .dim = n->axis[i].dim};
    for (int r = 0; r < n->nred; r++) {
        const Ex *v = ex_var(ctx, n->rank + r), *w = ex_var(ctx, VAR_PRIME + n->rank + r);
        outer[k++] = (Index){.var = n->rank + r, .lo = n->red[r].lo, .hi = n->red[r].hi};
        o.red[r] = (Index){.var = VAR_PRIME + n->rank + r, .lo = ex_map_vars(ctx, n->red[r].lo, primed, &p, false),
                           .hi = ex_map_vars(ctx, n->red[r].hi, primed, &p, false)};
        self = ex_and(ctx, self, ex2(ctx, OP_EQ, v, w));
    }
    b.outer = outer;
    b.nouter = k;
    o.body = ex_where(ctx, self, ex_real(ctx, 1), ex_map_vars(ctx, n->body, primed, &p, false));
    return build_read(&b, &o);
}

static void through_compute(Sweep *s, Node *n) {
    Ctx *ctx = s->ctx;
    Range range[2 * MAX_RANK];
    int nvars = loop_ranges(ctx, n, range);
    const Ex *d = settled(s, n), *always = ex_bool(ctx, true);
    if (n->reduce == R_NONE || n->reduce == R_SUM) {
        body_sweep(s, n, range, nvars, always, d);
    } else if (n->reduce == R_MAX || n->reduce == R_MIN) {
        const Ex *best = ex2(ctx, OP_EQ, n->body, read_self(ctx, n));
        const Ex *count = tie_count(s, n, best);
        if (count)
            body_sweep(s, n, range, nvars, best, times(ctx, d, ex2(ctx, OP_DIV, ex_real(ctx, 1), count)));
        s->failed |= !count;
    } else if (n->reduce == R_PROD) {
        const Ex *others = other_factors(s, n);
        if (others)
            body_sweep(s, n, range, nvars, always, times(ctx, d, others));
        s->failed |= !others;
    } else {
        bug(ctx, "a derivative through a reduction to an int");
    }
}

static const Ex *at_target(void *data, int v) {
    const Node *n = data;
    return v < n->rank ? n->target[v] : NULL;
}

static void through_scatter(Sweep *s, Node *n) {
    Range range[2 * MAX_RANK];
    int nvars = loop_ranges(s->ctx, n, range);
    body_sweep(s, n, range, nvars, ex_bool(s->ctx, true), ex_map_vars(s->ctx, settled(s, n), at_target, n, false));
}

/* ---------------------------------------------------------------- a function's own rule */

typedef struct { Sweep *s; const Ex **made; const Ex *value, *adjoint; const Node *cotangent; } Clone;
typedef struct { Ctx *ctx; const Ex *const *to; int n; } Positional;
static const Ex *positional(void *data, int v) {
    const Positional *p = data;
    return v < p->n ? p->to[v] : NULL;
}

static const Ex *cloned_read(void *data, const Ex *e) {
    Clone *c = data;
    if (!is_read(e))
        return NULL;
    const Ex *template = e->node == c->cotangent ? c->adjoint : c->made[e->node->id];
    const Ex *made = ex_map_vars(c->s->ctx, template, positional, &(Positional){c->s->ctx, e->arg, e->nargs}, false);
    return e->op == OP_READ_IF ? ex_guarded(c->s->ctx, made) : made;
}

static void reads_clone(void *data, const Ex *e) {
    struct { Clone *c; bool found; } *f = data;
    f->found |= e->node == f->c->cotangent || f->c->made[e->node->id];
}

/* The nodes between the cotangent and the rule's expressions, with the adjoint in the cotangent's place. */
static void clone_rule(Clone *c) {
    Sweep *s = c->s;
    for (int k = c->cotangent->id + 1; k < s->count; k++) {
        Node *n = s->graph->node.at[k];
        struct { Clone *c; bool found; } f = {c, false};
        node_reads(n, reads_clone, &f);
        if (!f.found || n->kind != N_COMPUTE)
            continue;
        Build b = {.rank = n->rank, .nred = n->nred, .reduce = n->reduce, .span = n->span};
        b.body = ex_rebuild(s->ctx, n->body, cloned_read, c);
        b.arg = ex_rebuild(s->ctx, n->arg, cloned_read, c);
        for (int i = 0; i < n->rank; i++) {
            b.axis[i] = n->axis[i];
            b.axis_var[i] = i;
        }
        for (int r = 0; r < n->nred; r++)
            b.red[r] = (Index){.var = n->rank + r, .lo = n->red[r].lo, .hi = n->red[r].hi};
        c->made[k] = build_read(&s->b, &b);
    }
}

/* A node is read at its own axes: at a variable of the place, or that less where its range begins. */
static bool is_own_axis(Ctx *ctx, const Ex *index, int v, const Ex **less) {
    const Ex *coefficient;
    index = index->op == OP_CHECK ? index->arg[0] : index;
    return ex_uses_var(index, v) && linear_in(ctx, index, v, &coefficient, less) && ex_is_number(coefficient, 1) && !(*less)->has_var;
}

/* From the variables of the place of expansion to those of the argument's node; to summed[j] from one that the argument
 * lacks. The place may be where the sweep stands, and then its variables mean something else in the adjoint. */
typedef struct { Ctx *ctx; const Ex *arg; int nsummed, summed[MAX_RANK]; } ToArgument;

static const Ex *to_argument(void *data, int v) {
    const ToArgument *m = data;
    const Ex *less;
    for (int k = 0; k < m->arg->nargs; k++)
        if (is_own_axis(m->ctx, m->arg->arg[k], v, &less))
            return ex2(m->ctx, OP_SUB, ex_var(m->ctx, VAR_TARGET + k), less);
    for (int j = 0; j < m->nsummed; j++)
        if (m->summed[j] == v)
            return ex_var(m->ctx, VAR_PLACE + j);
    return NULL;
}

/* The variable of the place that an index of the value is, or -1; where its range begins. */
static int place_var(Ctx *ctx, const Ex *index, const Ex **begin) {
    const Ex *less;
    bool used[VAR_SCOPE + 4096] = {0};
    ex_vars(index, used, VAR_SCOPE + 4096);
    for (int v = VAR_SCOPE; v < VAR_SCOPE + 4096; v++)
        if (used[v] && is_own_axis(ctx, index, v, &less)) {
            *begin = ex1(ctx, OP_NEG, less);
            return v;
        }
    return -1;
}

static void through_rule(Sweep *s, Node *n) {
    Ctx *ctx = s->ctx;
    const Rule *rule = n->vjp;
    Clone c = {s, NEWN(ctx, const Ex *, s->count + 1), rule->value, settled(s, n), rule->cotangent};
    clone_rule(&c);
    for (int k = 0; k < rule->n; k++) {
        const Node *to = rule->arg[k]->node;
        if (!s->up[to->id] || !s->dep[to->id])
            continue;
        ToArgument m = {.ctx = ctx, .arg = rule->arg[k]};
        Index red[MAX_RANK];
        for (int j = 0; j < rule->value->nargs; j++) {          /* indices of the value that the argument lacks */
            const Ex *begin;
            int v = place_var(ctx, rule->value->arg[j], &begin);
            if (v < 0 || to_argument(&m, v) || !ex_uses_var(rule->rule[k], v))
                continue;
            red[m.nsummed] = (Index){.var = VAR_PLACE + m.nsummed, .lo = begin, .hi = ex2(ctx, OP_ADD, begin, n->axis[j].size)};
            m.summed[m.nsummed++] = v;
        }
        const Ex *e = ex_rebuild(ctx, ex_map_vars(ctx, rule->rule[k], to_argument, &m, false), cloned_read, &c);
        e = m.nsummed ? sum_at_targets(s, to, e, red, m.nsummed) : e;
        if (e)
            accumulate(s, to, from_targets(s, e));
        s->failed |= !e;
    }
}

/* ---------------------------------------------------------------- recurrences */

/* A node over n's axes but axis skip (-1: all of them) and all outer variables that the sweep uses, in that order. */
static Node *full_node(Sweep *s, const Node *n, int skip, const Ex *body) {
    Axis axis[MAX_RANK];
    int var[MAX_RANK], rank = 0;
    for (int k = 0; k < n->rank; k++)
        if (k != skip) {
            axis[rank] = n->axis[k];
            var[rank++] = k;
        }
    for (int k = 0; k < s->nouter_used; k++) {
        const Index *o = &s->b.outer[s->outer_used[k]];
        const Ex *size = build_size(&s->b, o->hi, o->var, &(Build){.body = body});
        s->failed |= !size;
        axis[rank] = (Axis){size ? size : ex_int(s->ctx, 1), o->hi->has_var ? NULL : o->dim, o->name};
        var[rank++] = o->var;
    }
    return node_compute(s->ctx, s->graph, rank, axis, var, 0, NULL, R_NONE, body, NULL, NULL, n->span, 0);
}

static const Ex *full_read(Sweep *s, Node *made, const Ex *const *index, int n) {
    const Ex *at[MAX_RANK];
    for (int k = 0; k < n; k++)
        at[k] = index[k];
    for (int k = 0; k < s->nouter_used; k++)
        at[n + k] = ex_var(s->ctx, s->b.outer[s->outer_used[k]].var);
    return ex_read(s->ctx, made, at, false);
}

static const Ex *const *own_vars(Ctx *ctx, int from, int n) {
    const Ex **v = NEWN(ctx, const Ex *, n + 1);
    for (int k = 0; k < n; k++)
        v[k] = ex_var(ctx, from + k);
    return v;
}

static bool fits(Sweep *s, const Node *n) {
    s->failed |= n->rank + s->nouter_used > MAX_RANK;
    return !s->failed;
}

/* What reads a state one step on adds to it there, without a recurrence: its definition is cut, or needs no step before. */
static bool adds_directly(const Sweep *s, const State *st) {
    return st->state && (is_x(s, st->state) || st->state->id < st->prev->id);
}

/* A state is reached: from now on its adjoint has what the step after it carries back. */
static void carry_back(Sweep *s, Node *n) {
    for (int g = 0; g < s->graph->group.n; g++) {
        Group *group = s->graph->group.at[g];
        for (int k = 0; k < group->states.n; k++) {
            const State *st = &group->states.at[k];
            if (st->state != n || st->prev->id >= s->count || !s->up[st->prev->id] || !s->dep[st->prev->id] || adds_directly(s, st))
                continue;
            if (!fits(s, n))
                return;
            Back *back = &s->back[g];
            if (!back->group)
                back->group = group_new(s->ctx, s->graph, -group->dir, group->axis, group->size, group->name);
            Node *init = full_node(s, n, group->axis, zero(s->ctx)), *shape = full_node(s, n, -1, zero(s->ctx));
            back->carried[k] = node_prev(s->ctx, s->graph, back->group, T_REAL, shape->rank, shape->axis, init, NULL, n->span);
            accumulate(s, n, full_read(s, back->carried[k], own_vars(s->ctx, 0, n->rank), n->rank));
        }
    }
}

static const Ex *next_step(void *data, int v) {
    const struct { Ctx *ctx; int dir, axis; } *m = data;
    return v == m->axis ? ex2(m->ctx, OP_ADD, ex_var(m->ctx, v), ex_int(m->ctx, m->dir)) : NULL;
}

static void through_prev(Sweep *s, Node *n) {
    Ctx *ctx = s->ctx;
    const Group *group = n->group;
    const State *st = &group->states.at[n->place];
    const Ex *a = s->adj[n->id] ? s->adj[n->id] : zero(ctx);
    if (adds_directly(s, st) && s->up[st->state->id]) {
        struct { Ctx *ctx; int dir, axis; } m = {ctx, group->dir, group->axis};
        const Ex *t = ex_var(ctx, group->axis), *on = ex2(ctx, OP_ADD, t, ex_int(ctx, group->dir));
        const Ex *in = group->dir > 0 ? ex2(ctx, OP_LT, on, group->size) : ex2(ctx, OP_LE, ex_int(ctx, 0), on);
        accumulate(s, st->state, ex_where(ctx, in, ex_map_vars(ctx, a, next_step, &m, true), zero(ctx)));
    }
    Back *back = &s->back[group->id];
    if (!fits(s, n))
        return;
    Node *d = full_node(s, n, -1, a);
    if (back->group && back->carried[n->place])
        back->group->states.at[back->carried[n->place]->place].state = d;
    if (st->init && s->up[st->init->id] && s->dep[st->init->id]) {
        const Ex *index[MAX_RANK];
        for (int k = 0; k < n->rank; k++)
            index[k] = ex_var(ctx, k - (k > group->axis));
        index[group->axis] = group->dir > 0 ? ex_int(ctx, 0) : ex2(ctx, OP_SUB, group->size, ex_int(ctx, 1));
        accumulate(s, st->init, full_read(s, d, index, n->rank));
    }
}

/* ---------------------------------------------------------------- the sweep */

static void start_sweep(Sweep *s, const Builder *b, Node *const *x, int n, Span span) {
    Ctx *ctx = b->ctx;
    *s = (Sweep){.ctx = ctx, .graph = b->graph, .b = *b, .count = b->graph->node.n, .x = x, .nx = n, .span = span};
    s->b.outer_last = true;
    s->b.nguards = 0;
    s->dep = NEWN(ctx, bool, s->count + 1);
    s->up = NEWN(ctx, bool, s->count + 1);
    s->inner = NEWN(ctx, bool, s->count + 1);
    s->adj = NEWN(ctx, const Ex *, s->count + 1);
    s->back = NEWN(ctx, Back, s->graph->group.n + 1);
    s->nactive = ex_count(ctx) + 1;
    for (int k = 0; k < s->graph->group.n; k++)
        if (s->graph->group.at[k]->states.n > 64)
            bug(ctx, "a recurrence of more than 64 states");
}

static void visit_node(Sweep *s, Node *n) {
    carry_back(s, n);
    if (n->kind == N_PREV && !is_x(s, n)) {
        through_prev(s, n);
        return;
    }
    if (!s->adj[n->id] || is_x(s, n) || (is_leaf(n) && n->kind != N_PREV))
        return;
    if (n->vjp)
        through_rule(s, n);
    else if (n->kind == N_COMPUTE)
        through_compute(s, n);
    else if (n->kind == N_SCATTER)
        through_scatter(s, n);
    else {
        error_at(s->ctx, s->span, "E0226", "lowrank, pca, svdvals and quantile are computed at load and have no derivative");
        s->failed = true;
    }
}

/* The outer variables that the seed uses, and those that the ranges of these use, outermost first. */
static void find_outer(Sweep *s, const Builder *b, const Ex *seed) {
    bool *used = NEWN(b->ctx, bool, b->nouter + 1);
    for (int k = b->nouter - 1; k >= 0; k--) {
        used[k] |= ex_uses_var(seed, b->outer[k].var);
        for (int earlier = 0; used[k] && earlier < k; earlier++)
            used[earlier] |= ex_uses_var(b->outer[k].lo, b->outer[earlier].var) || ex_uses_var(b->outer[k].hi, b->outer[earlier].var);
    }
    for (int k = 0; k < b->nouter && s->nouter_used < 64; k++)
        if (used[k])
            s->outer_used[s->nouter_used++] = k;
}

bool gradient(const Builder *b, Node *node, const Ex *seed, Node *const *x, int n, const Ex **dx, Span span) {
    Sweep *s = NEW(b->ctx, Sweep);
    start_sweep(s, b, x, n, span);
    find_outer(s, b, seed);
    find_dependent(s);
    go_up(s, node);
    find_inner(s);
    s->active = NEWN(b->ctx, signed char, s->nactive);
    s->graph->sweeping = true;
    s->adj[node->id] = s->dep[node->id] ? seed : NULL;
    for (int k = s->count - 1; k >= 0 && !s->failed; k--)
        if (s->up[k])
            visit_node(s, s->graph->node.at[k]);
    for (int k = 0; k < n; k++)
        dx[k] = s->adj[x[k]->id];
    s->graph->sweeping = false;
    if (s->failed && error_count(b->ctx) == 0)
        error_at(b->ctx, span, "E0217", "this derivative needs an array whose size is not known before run time, or of more than %d axes", MAX_RANK);
    return !s->failed;
}

/* ---------------------------------------------------------------- the training step */

static Node *total_loss(Ctx *ctx, Graph *g) {
    const Ex *sum = NULL;
    for (int k = 0; k < g->losses.n; k++) {
        const Ex *e = ex_read(ctx, g->losses.at[k].node, NULL, false);
        sum = sum ? ex2(ctx, OP_ADD, sum, e) : e;
    }
    return g->losses.n == 1 ? g->losses.at[0].node
                            : node_compute(ctx, g, 0, NULL, NULL, 0, NULL, R_NONE, sum, NULL, NULL, g->losses.at[0].span, 0);
}

/* dx: of the learnable params x, in natural order; NULL where nothing flows. */
static bool learns(Ctx *ctx, const Root *loss, const Ex *const *dx, int n) {
    for (int k = 0; k < n; k++)
        if (dx[k])
            return true;
    error_at(ctx, loss->span, "E0222", "no param gets a gradient from this loss");
    return false;
}

/* From each loss alone some param gets a gradient. What is built for the question is forgotten. */
static bool each_teaches(Ctx *ctx, Graph *g, Node *const *x, int n, const Ex **dx) {
    const Graph before = *g;
    bool fine = true;
    for (int k = 0; k < before.losses.n; k++) {
        const Root *loss = &before.losses.at[k];
        Builder b = {.ctx = ctx, .graph = g};
        fine &= gradient(&b, loss->node, ex_real(ctx, 1), x, n, dx, loss->span) && learns(ctx, loss, dx, n);
        *g = before;
    }
    return fine;
}

/* requires: losses. ensures: params[].grad of every param that a loss depends on. */
Graph *differentiate(Ctx *ctx, Graph *g) {
    if (g->losses.n == 0)
        return g;
    VEC(Node *) x = {0};
    VEC(int) place = {0};
    for (int k = 0; k < g->params.n; k++)
        if (!g->params.at[k].frozen) {
            vec_push(ctx, &x, g->params.at[k].node);
            vec_push(ctx, &place, k);
        }
    Builder b = {.ctx = ctx, .graph = g};
    const Ex **dx = NEWN(ctx, const Ex *, x.n + 1);
    const Root *first = &g->losses.at[0];
    if (g->losses.n > 1 && !each_teaches(ctx, g, x.at, x.n, dx))
        return g;
    if (!gradient(&b, total_loss(ctx, g), ex_real(ctx, 1), x.at, x.n, dx, first->span) || !learns(ctx, first, dx, x.n))
        return g;
    for (int k = 0; k < x.n; k++) {
        ParamDecl *p = &g->params.at[place.at[k]];
        if (!dx[k])
            continue;
        int var[MAX_RANK];
        for (int i = 0; i < p->node->rank; i++)
            var[i] = i;
        p->grad = node_compute(ctx, g, p->node->rank, p->node->axis, var, 0, NULL, R_NONE, dx[k], NULL,
                               arena_printf(ctx->arena, "d%s", p->name), p->node->span, 0);
        p->grad->adjoint_of = p->node;
        p->grad->swept = true;
    }
    find_residuals(ctx, g);
    return g;
}
