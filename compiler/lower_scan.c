/* lower_scan.c: recurrences.
 *
 *     let h[t in T, j in H] from h0 = tanh(a[t, j] + sum[q in H] h[t-1, q] * W[q, j])
 *
 * becomes a Group with the index t: a PREV node stands for "h one step back", and the node of h reads it at t. Nothing
 * else is special: whatever has t free has t as its first axis, and a scheduler sees from the reads what must stand inside
 * the loop. A scan is several such lets; a single recurrence is a scan of one. Inside a step of another recurrence the
 * outer one's index is the first axis and the inner one's the second. */
#include "lower.h"
#include <string.h>

/* open: it starts from a scalar and names no axes of a step, so the step itself says what it fills. */
typedef struct { const Ast *let; Symbol *symbol; Val init, rest; Node *node; Type type; bool open; } Part;
typedef struct { Lower *L; const Ast *t; Index index; Part part[128]; int n; Group *group; int outer; bool grew, refused; } Scan;

/* A state has all variables in scope as axes, then its own index and the axes of a step. */
static bool state_fits(Lower *L, int outer, int rank, Span at) {
    if (outer + 1 + rank > MAX_RANK)
        too_many_axes(L, at);
    return outer + 1 + rank <= MAX_RANK;
}

/* [t, n, H]: the axes of a step are noted, not indexed. */
static bool is_noted(const Part *p) {
    const Ast *second = p->let->items->next;
    return second && second->kind != AST_IN;
}

/* The indices of one step, [t, i in n, j in H], come into scope. */
static bool push_indices(Lower *L, const Part *p) {
    bool fine = true;
    for (const Ast *in = p->let->items->next; in; in = in->next) {
        if (in->kind == AST_IN) {
            fine &= push_index(L, in, false);
        } else {
            ERR(L, in->span, "E0210", "the axes behind the first have an index each, as in 'j in J', or none has one");
            fine = false;
        }
    }
    return fine;
}

/* The axes of one step: those that the brackets name, then what the 'from' value has more. */
static bool step_shape(Lower *L, Part *p) {
    int from = L->index.n;
    bool noted = is_noted(p), fine;
    if (noted) {
        p->rest = val_scalar(ex_int(L->ctx, 0));
        fine = lower_axes(L, p->let->items->next, &p->rest);
    } else {
        fine = push_indices(L, p);
        p->rest = fine ? val_close(L, val_scalar(ex_int(L->ctx, 0)), from, p->let->span) : val_bad();
        pop_index(L, from);
    }
    if (!fine || p->init.bad)
        return false;
    for (int k = p->rest.rank; k < p->init.rank && !noted; k++)
        p->rest.axis[p->rest.rank++] = p->init.axis[k];
    Val shape = {0};
    if (p->init.rank > 0 && p->init.rank != p->rest.rank) {
        ERR(L, p->let->from->span, "E0216", "'%s' starts from %s, but one step of it is %s", p->let->text, shape_text(L, &p->init), shape_text(L, &p->rest));
        return false;
    }
    if (!state_fits(L, L->index.n, p->rest.rank, p->let->span))
        return false;
    return combine_shapes(L, &p->rest, &p->init, &shape, p->let->from->span, "'from'", NULL, p->let->from);
}

/* The variables of scope: what recurrences run along, outermost first, their own last of these when with_t; the others. */
static int scope_order(const Scan *s, bool with_t, Index *order) {
    int n = 0;
    for (int k = 0; k < s->outer; k++)
        if (s->L->index.at[k].sequential)
            order[n++] = s->L->index.at[k];
    if (with_t)
        order[n++] = s->index;
    for (int k = 0; k < s->outer; k++)
        if (!s->L->index.at[k].sequential)
            order[n++] = s->L->index.at[k];
    return n;
}

/* How many recurrences this one stands inside of: its index is that axis of its states. */
static int nesting(const Scan *s) {
    int n = 0;
    for (int k = 0; k < s->outer; k++)
        n += s->L->index.at[k].sequential;
    return n;
}

/* A node over all variables in scope, then the axes of one step. */
static Node *state_node(Scan *s, const Val *rest, const Ex *body, bool with_t, const char *name, Span span, int let) {
    Lower *L = s->L;
    Builder b = builder(L);
    Build step = {.body = body};
    Axis axis[MAX_RANK];
    int var[MAX_RANK], rank = 0, scope;
    Index order[MAX_RANK];
    scope = scope_order(s, with_t, order);
    for (int k = 0; k < scope; k++) {
        axis[rank] = (Axis){build_size(&b, order[k].hi, order[k].var, &step), order[k].hi->has_var ? NULL : order[k].dim, order[k].name};
        var[rank++] = order[k].var;
    }
    for (int k = 0; k < rest->rank; k++) {
        step.axis[k] = (Axis){rest->axis[k].size, rest->axis[k].dim, rest->axis[k].name};
        step.axis_var[k] = var[rank] = VAR_AXIS + rest->rank - 1 - k;
        axis[rank] = step.axis[k];
        axis[rank].size = build_size(&b, rest->axis[k].size, var[rank], &step);
        rank++;
    }
    step.rank = rest->rank;
    build_guarded(&b, &step);
    for (int k = 0; k < rank; k++)
        if (!axis[k].size) {
            if (!s->refused && k < scope)
                ERR(L, span, "E0224", "a recurrence cannot stand in a range that data end, as the one of '%s' is", order[k].name);
            else if (!s->refused)
                ERR(L, span, "E0224", "a step of '%s' would have an axis whose size data say", name);
            s->refused = !L->muted;
            axis[k].size = ex_int(L->ctx, 1);
        }
    Node *n = node_compute(L->ctx, L->graph, rank, axis, var, 0, NULL, R_NONE, step.body, NULL, name, span, let);
    countable(L, n, span);
    return n;
}

/* Reads a node of the recurrence at the current step. */
static Val at_step(Scan *s, Node *n, const Val *rest) {
    Lower *L = s->L;
    const Ex *index[MAX_RANK];
    Index order[MAX_RANK];
    int k = scope_order(s, true, order);
    for (int o = 0; o < k; o++)
        index[o] = ex_var(L->ctx, order[o].var);
    for (int r = 0; r < rest->rank; r++)
        index[k++] = axis_var(L, rest->rank, r);
    Val v = *rest;
    v.body = ex_read(L->ctx, n, index, false);
    v.type = n->type;
    v.labels = NULL;
    return v;
}

/* The state one step back: over the axes of its start, with the recurrence's own among them. */
static Node *prev_node(Scan *s, Node *init, Type type, const char *name, Span span) {
    Axis axis[MAX_RANK];
    int t = s->group->axis;
    memcpy(axis, init->axis, sizeof *axis * (size_t)t);
    axis[t] = (Axis){s->index.hi, s->index.dim, s->index.name};
    memcpy(axis + t + 1, init->axis + t, sizeof *axis * (size_t)(init->rank - t));
    return node_prev(s->L->ctx, s->L->graph, s->group, type, init->rank + 1, axis, init, name, span);
}

static bool start_states(Scan *s) {
    Lower *L = s->L;
    bool fine = true;
    s->group = group_new(L->ctx, L->graph, 1, nesting(s), s->index.hi, s->index.name);
    for (int k = 0; k < s->n; k++) {
        Part *p = &s->part[k];
        Symbol *y = NEW(L->ctx, Symbol);
        *y = (Symbol){.name = p->let->text, .kind = SYM_STATE, .span = p->let->name_span, .index_var = s->index.var};
        p->symbol = y;
        if (!p->let->from)
            continue;
        if (p->init.bad || p->rest.bad) {
            y->kind = SYM_BAD;
            fine = false;
            continue;
        }
        Node *init = state_node(s, &p->rest, ex_cast(L->ctx, p->type, p->init.body), false, NULL, p->let->from->span, ++L->lets);
        y->prev = prev_node(s, init, p->type, p->let->text, p->let->span);
        y->value = at_step(s, y->prev, &p->rest);
    }
    return fine;
}

/* After a message on shapes: the step did not say which it has. */
static void hint_axes(const Scan *s, const Part *p) {
    Ctx *ctx = s->L->ctx;
    if (last_error_is(ctx, "E0203") || last_error_is(ctx, "E0204") || last_error_is(ctx, "E0210"))
        hint(ctx, "a step of '%s' is a scalar, as what it starts from; axes are written: let %s[%s, n] from ...", p->let->text, p->let->text, s->index.name);
}

/* The step has axes that what it starts from lacks, or is wide where that has one element that stretches. */
static bool grows(const Scan *s, Part *p, const Val *v) {
    bool wider = p->open && v->rank > p->rest.rank;
    for (int k = 0; k < v->rank; k++)
        if (ex_uses_var(v->axis[k].size, s->index.var))     /* no step may be of another length */
            return false;
    for (int k = 0; k < v->rank && v->rank == p->rest.rank; k++)
        wider |= p->rest.axis[k].stretch && !v->axis[k].stretch;
    if (wider) {
        p->rest.rank = v->rank;
        memcpy(p->rest.axis, v->axis, sizeof v->axis);
    }
    return wider;
}

/* Its shape may be another than that of what it starts from. */
static bool is_open(const Part *p) {
    bool open = p->open;
    for (int k = 0; k < p->rest.rank && p->let->from && !p->init.bad; k++)
        open |= p->rest.axis[k].stretch;
    return open;
}

/* One let of the block, at one step; its value becomes a node with t as first axis. */
static bool lower_part(Scan *s, Part *p) {
    Lower *L = s->L;
    int from = L->index.n;
    bool noted = is_noted(p), fine = noted || push_indices(L, p);
    const char *naming = L->naming;
    L->naming = p->let->text;
    int errors = error_count(L->ctx);
    Val v = lower_expr(L, p->let->a);
    if (p->open && p->rest.rank == 0 && !L->muted && error_count(L->ctx) > errors)
        hint_axes(s, p);
    v = fine ? val_close(L, v, from, p->let->span) : val_bad();
    pop_index(L, from);
    L->naming = naming;
    if (noted && !v.bad && !p->let->from && !check_axes(L, p->let, p->let->items->next, &v))
        v = val_bad();
    if (v.bad) {
        p->symbol->kind = SYM_BAD;
        return false;
    }
    if (!p->let->from) {
        p->symbol->now = state_fits(L, s->outer, v.rank, p->let->span) ? val_let(L, v, p->let->text, p->let->span, &p->node) : val_bad();
        if (p->node && !ex_uses_var(p->symbol->now.body, s->index.var)) {       /* the same at every step, but an element each */
            p->node = state_node(s, &v, v.body, true, p->let->text, p->let->span, ++L->lets);
            p->symbol->now = at_step(s, p->node, &v);
        }
        p->symbol->defined = !p->symbol->now.bad;
        return p->symbol->defined;
    }
    if (wider_type(v.type, p->type) != p->type) {
        p->type = v.type;                           /* it starts from an int, and becomes real: lower again */
        s->grew = true;
        return false;
    }
    if (L->guessing && grows(s, p, &v))
        return !(s->grew = true);
    for (int k = 0; k < v.rank; k++)
        if (ex_uses_var(v.axis[k].size, s->index.var)) {
            ERR(L, p->let->span, "E0216", "all steps of '%s' have one shape, and the length of its axis %d depends on '%s'", p->let->text, k, s->index.name);
            p->symbol->kind = SYM_BAD;
            return false;
        }
    Val shape = {0};
    if (v.rank != p->rest.rank) {
        ERR(L, p->let->span, "E0216", "one step of '%s' is %s, but it starts from %s", p->let->text, shape_text(L, &v), shape_text(L, &p->rest));
        p->symbol->kind = SYM_BAD;
        return false;
    }
    if (!combine_shapes(L, &p->rest, &v, &shape, p->let->span, "a recurrence", NULL, p->let->a)) {
        p->symbol->kind = SYM_BAD;
        return false;
    }
    Node *n = state_node(s, &p->rest, ex_cast(L->ctx, p->type, v.body), true, p->let->text, p->let->span, ++L->lets);
    s->group->states.at[p->symbol->prev->place].state = n;
    p->node = n;
    p->symbol->now = at_step(s, n, &p->rest);
    p->symbol->defined = true;
    return true;
}

/* The block once, with the states' types as assumed. */
static bool lower_parts(Scan *s) {
    Lower *L = s->L;
    Scope *outer = L->scope;
    bool fine = start_states(s);
    vec_push(L->ctx, &L->index, s->index);
    Scope *scope = NEW(L->ctx, Scope);
    *scope = (Scope){.outer = outer, .limit = outer ? outer->limit : L->module->order + 1, .module = outer ? outer->module : L->module};
    L->scope = scope;
    Symbol *t = NEW(L->ctx, Symbol);
    const Ex *tv = ex_var(L->ctx, s->index.var);
    *t = (Symbol){.name = s->index.name, .kind = SYM_INDEX, .span = s->t->name_span, .value = val_scalar(tv)};
    scope->symbols = t;
    for (int k = 0; k < s->n; k++) {
        s->part[k].symbol->next = scope->symbols;
        scope->symbols = s->part[k].symbol;
    }
    for (int k = 0; k < s->n; k++)
        if (s->part[k].symbol->kind != SYM_BAD)
            fine &= lower_part(s, &s->part[k]);
    return fine;
}

static void unwind(Scan *s, Scope *outer) {
    s->L->index.n = s->outer;
    s->L->scope = outer;
}

static bool any_narrow(const Scan *s) {
    for (int k = 0; k < s->n; k++)
        if (s->part[k].let->from && !s->part[k].init.bad && s->part[k].type != T_REAL)
            return true;
    return false;
}

/* States that start from a bool or an int are of that type only when every step of them is: tried silently first. */
static void settle_types(Scan *s) {
    Lower *L = s->L;
    Scope *outer = L->scope;
    bool muted = L->muted;
    int asserts = L->graph->asserts.n;
    L->muted = true;
    for (int rounds = 0; rounds < 2 * s->n + 1 && any_narrow(s); rounds++) {
        Type before[128];
        bool changed = false;
        for (int k = 0; k < s->n; k++)
            before[k] = s->part[k].type;
        lower_parts(s);
        unwind(s, outer);
        L->graph->asserts.n = asserts;
        for (int k = 0; k < s->n; k++)
            changed |= before[k] != s->part[k].type;
        if (!changed)
            break;
    }
    L->muted = muted;
}

/* let h[t in T] from 0 = tanh(x[t] + h[t-1] @ W): the step is lowered with h a scalar, silently, for its shape. What a
 * scalar cannot do, h[t-1, j], counts as a scalar too, and a function is given what its argument's brackets ask for. */
static void settle_shapes(Scan *s) {
    Lower *L = s->L;
    Scope *outer = L->scope;
    bool muted = L->muted, guessing = L->guessing, any = false;
    int asserts = L->graph->asserts.n;
    Type type[128];
    for (int k = 0; k < s->n; k++) {
        any |= is_open(&s->part[k]);
        type[k] = s->part[k].type;
    }
    if (!any)
        return;
    L->muted = L->guessing = true;
    for (int rounds = 0; any && rounds < 2 * s->n + 1; rounds++) {
        s->grew = false;
        lower_parts(s);
        unwind(s, outer);
        L->graph->asserts.n = asserts;
        any = s->grew;
    }
    L->muted = muted;
    L->guessing = guessing;
    for (int k = 0; k < s->n; k++)
        s->part[k].type = type[k];                  /* a guess has no type */
}

static void declare_parts(Scan *s, Scope *outer) {
    Lower *L = s->L;
    Val closed[128];
    for (int k = 0; k < s->n; k++) {
        Part *p = &s->part[k];
        closed[k] = p->symbol->kind == SYM_STATE && p->symbol->defined ? val_close(L, p->symbol->now, s->outer, p->let->span) : val_bad();
        if (!closed[k].bad && p->node)
            closed[k].labels = p->node->labels;
    }
    unwind(s, outer);
    for (int k = 0; k < s->n; k++) {
        Part *p = &s->part[k];
        Symbol *y = declare(L, p->let->text, p->let->name_span, closed[k].bad ? SYM_BAD : SYM_VALUE);
        if (!y)
            continue;
        y->value = closed[k];
        y->node = p->node;
        if (!L->scope && p->node)
            vec_push(L->ctx, &L->graph->lets, ((Root){.name = p->let->text, .span = p->let->span, .node = p->node, .named = true}));
    }
}

static bool run_scan(Scan *s) {
    Lower *L = s->L;
    Scope *outer = L->scope;
    s->outer = L->index.n;
    const Dim *dim = NULL;
    const Ex *lo = ex_int(L->ctx, 0), *hi;
    if (s->t->b) {
        lo = lower_scalar(L, s->t->a, T_INT, "the start of a range");
        hi = lower_scalar(L, s->t->b, T_INT, "the end of a range");
    } else {
        hi = lower_size(L, s->t->a, &dim);
    }
    bool fine = lo && hi;
    if (fine && !ex_is_number(lo, 0)) {
        ERR(L, s->t->span, "E0214", "a recurrence must begin at 0");
        fine = false;
    }
    fine = fine && positive_axis(L, s->t->text, hi, s->t->span);
    if (fine && (hi->has_var || hi->has_read)) {
        ERR(L, s->t->a->span, "E0224", "the length of a recurrence is made of dims and numbers, and this one, of '%s', is not", s->t->text);
        for (int k = 0; k < s->n; k++)
            declare(L, s->part[k].let->text, s->part[k].let->name_span, SYM_BAD);
        return false;
    }
    s->index = (Index){.var = VAR_SCOPE + L->next_var++, .lo = ex_int(L->ctx, 0), .hi = hi ? hi : ex_int(L->ctx, 1), .name = s->t->text, .dim = dim, .sequential = true};
    for (int k = 0; k < s->n; k++) {
        Part *p = &s->part[k];
        p->type = T_REAL;
        p->init = p->let->from ? lower_expr(L, p->let->from) : val_bad();
        if (p->let->from && !p->init.bad) {
            p->type = p->init.type;
            if (!step_shape(L, p))
                p->init = val_bad();
            p->open = !p->init.bad && p->rest.rank == 0 && !p->let->items->next;
        }
    }
    settle_shapes(s);
    settle_types(s);
    fine &= lower_parts(s);
    declare_parts(s, outer);
    return fine;
}

bool lower_recurrence(Lower *L, const Ast *let) {
    Scan *s = NEW(L->ctx, Scan);
    s->L = L;
    s->t = let->items;
    if (!let->items || let->items->kind != AST_IN) {
        ERR(L, let->name_span, "E0216", "a recurrence needs an index to run along: let %s[t in T] from ... = ...", let->text);
        declare(L, let->text, let->name_span, SYM_BAD);
        return false;
    }
    s->part[s->n++] = (Part){.let = let};
    return run_scan(s);
}

bool lower_scan(Lower *L, const Ast *scan) {
    Scan *s = NEW(L->ctx, Scan);
    s->L = L;
    s->t = scan->a && scan->a->kind == AST_IN ? scan->a : scan;
    for (const Ast *let = scan->clauses; let; let = let->next) {
        if (let->kind == AST_POISON || let->kind != AST_LET) {
            if (let->text)
                declare(L, let->text, let->span, SYM_BAD);
            continue;
        }
        const Ast *first = let->items;
        bool right = first && ((first->kind == AST_NAME && strcmp(first->text, s->t->text) == 0)
                               || (first->kind == AST_IN && strcmp(first->text, s->t->text) == 0));
        if (right && first->kind == AST_IN) {
            ERR(L, first->name_span, "E0202", "the index variable '%s' is bound already", first->text);
            if (!L->muted)
                hint(L->ctx, "its range stands behind 'scan': let %s[%s%s", let->text, first->text, first->next ? ", ..." : "]");
            declare(L, let->text, let->name_span, SYM_BAD);
        } else if (!right) {
            ERR(L, let->name_span, "E0216", "the brackets of '%s' must begin with the scan's index '%s'", let->text, s->t->text);
            declare(L, let->text, let->name_span, SYM_BAD);
        } else if (s->n < 128) {
            s->part[s->n++] = (Part){.let = let};
        }
    }
    return run_scan(s);
}

/* y[.., t, ..] = x[.., 0, ..] + .. + x[.., t, ..], as a recurrence along the axis. */
Val val_cumsum(Lower *L, Val x, int axis, Span span) {
    Ctx *ctx = L->ctx;
    if (!state_fits(L, L->index.n, x.rank - 1, span))
        return val_bad();
    Type type = x.type == T_REAL ? T_REAL : T_INT;
    x = val_cast(L, x, type);
    int t = VAR_SCOPE + L->next_var++;
    const Ex *to[MAX_RANK];
    Val rest = {.type = type, .rank = 0};
    for (int k = 0; k < x.rank; k++)
        if (k != axis)
            rest.axis[rest.rank++] = x.axis[k];
    for (int k = 0, r = 0; k < x.rank; k++)
        to[k] = k == axis ? ex_var(ctx, t) : axis_var(L, rest.rank, r++);
    const Ex *body = val_map_axes(L, &x, to, false).body;
    Scan *s = NEW(ctx, Scan);
    s->L = L;
    s->outer = L->index.n;
    s->index = (Index){.var = t, .lo = ex_int(ctx, 0), .hi = x.axis[axis].size, .name = x.axis[axis].name, .dim = x.axis[axis].dim, .sequential = true};
    s->group = group_new(ctx, L->graph, 1, nesting(s), s->index.hi, "t");
    Node *init = state_node(s, &rest, ex_cast(ctx, type, ex_int(ctx, 0)), false, NULL, span, ++L->lets);
    Node *prev = prev_node(s, init, type, NULL, span);
    Node *state = state_node(s, &rest, ex2(ctx, OP_ADD, at_step(s, prev, &rest).body, body), true, NULL, span, ++L->lets);
    s->group->states.at[0].state = state;
    const Ex *index[MAX_RANK];
    Index order[MAX_RANK];
    int n = scope_order(s, true, order);
    for (int o = 0; o < n; o++)
        index[o] = order[o].var == t ? axis_var(L, x.rank, axis) : ex_var(ctx, order[o].var);
    for (int k = 0; k < x.rank; k++)
        if (k != axis)
            index[n++] = axis_var(L, x.rank, k);
    Val y = x;
    y.body = ex_read(ctx, state, index, false);
    y.labels = NULL;
    return y;
}
