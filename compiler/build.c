/* build.c: nodes under index variables in scope.
 *
 * What is found inside `let O[b in n] = softmax(Q[b] @ K[b]', over = -1) @ V[b]` becomes nodes of its own, each indexed by
 * exactly those variables of the scope that it uses, then its own axes:
 *
 *     %1[b, t, s] = sum[e] Q[b, t, e] * K[b, s, e]
 *
 * so what does not depend on b is computed once. A piece that stands under a guard carries the guard, since it is
 * computed for all values of the variables but may be undefined where the guard does not hold; a guard on a variable that
 * the piece does not use is projected: it holds where any value of that variable lets it. */
#include "adc.h"
#include <string.h>

enum { VAR_SHIFTED = 112 };             /* an axis that stands for a variable whose range begins below 0 */

/* used[k]: the builder's outer variable k occurs. */
typedef struct { const Builder *b; bool *used; } Use;
static void mark_outer(void *data, const Ex *e) {
    Use *u = data;
    for (int k = 0; e->op == OP_VAR && k < u->b->nouter; k++)
        u->used[k] |= u->b->outer[k].var == e->var;
}

static void use(const Builder *b, const Ex *e, bool *used) {
    if (e && e->has_var)
        ex_visit(e, mark_outer, &(Use){b, used});
}

static bool risky_op(const Ex *e) { return op_has(e->op, P_UNBOUNDED) || e->op == OP_CHECK || e->op == OP_DIVISOR || e->op == OP_READ_IF; }
static void find_risk(void *data, const Ex *e) { *(bool *)data |= risky_op(e); }

/* Must it stay behind its guard: reads that would be out of range, derivatives that can be infinite. */
static bool needs_guard(const Ex *e) {
    bool risk = false;
    if (e)
        ex_visit(e, find_risk, &risk);
    return risk;
}

/* What a guarded element counts where its guard does not hold. No guard depends on what is reduced over, so there nobody
 * looks at the result; but an adjoint of 0 is multiplied by it, so that it has to be finite. */
static const Ex *outside_value(Ctx *ctx, Reduce reduce, Type type) {
    if (type == T_BOOL)
        return ex_bool(ctx, reduce == R_ALL);
    return ex_cast(ctx, type, ex_int(ctx, reduce == R_PROD));
}

static bool contained(const Ex *g, const Builder *b, const bool *used) {
    for (int k = 0; k < b->nouter; k++)
        if (!used[k] && ex_uses_var(g, b->outer[k].var))
            return false;
    return true;
}

static Facts outer_facts(const Builder *b, Range *range) {
    for (int k = 0; k < b->nouter; k++)
        range[k] = (Range){b->outer[k].var, b->outer[k].lo, b->outer[k].hi};
    return (Facts){.range = range, .nranges = b->nouter};
}

/* There is a value of the variables that are not used for which the guard holds. */
static const Ex *project(const Builder *b, const Ex *guard, const bool *used) {
    Build n = {.reduce = R_ANY, .body = guard};
    for (int k = 0; k < b->nouter; k++)
        if (!used[k] && ex_uses_var(guard, b->outer[k].var))
            n.red[n.nred++] = b->outer[k];
    Builder bare = *b;
    bare.nguards = 0;
    return build_read(&bare, &n);
}

/* ---------------------------------------------------------------- rows of different lengths */

static bool made_of_dims(const Ex *size) { return size && !size->has_var && !size->has_read; }

/* A row whose length depends on an index is stored in a full one: j in i+1:n is an axis over 0..n-1. What is read there
 * in range for j > i may not be for the others, so it becomes a guarded read, and the range a guard. */
typedef struct { const Builder *b; Facts facts; } Full;

static const Ex *read_beyond(void *data, const Ex *e) {
    const Full *full = data;
    for (int a = 0; e->op == OP_READ && a < e->nargs; a++)
        if (e->arg[a]->has_var && !prove_in_range(full->b->ctx, e->arg[a], e->node->axis[a].size, &full->facts))
            return ex_read(full->b->ctx, e->node, e->arg, true);
    return NULL;
}

static bool is_ragged(const Index *x) { return x->lo->has_var || x->hi->has_var || x->lo->has_read || x->hi->has_read; }

/* Some of the axis is not of the range. from_zero: an axis that no constant start shifts. */
static bool is_part(const Index *x, bool from_zero) { return is_ragged(x) || (from_zero && !ex_is_number(x->lo, 0)); }

static void guard_reads(const Builder *b, Build *n, const bool *used, bool from_zero) {
    Ctx *ctx = b->ctx;
    Range range[MAX_SCOPE], full[MAX_SCOPE + 2 * MAX_RANK];
    Facts outer = outer_facts(b, range);
    Full f = {.b = b, .facts = {.range = full}};
    int *count = &f.facts.nranges;
    bool any = false;
    for (int k = 0; k < b->nouter; k++) {
        const Index *x = &b->outer[k];
        const Ex *lo = is_ragged(x) ? lower_bound(ctx, x->lo, &outer) : x->lo, *hi = is_ragged(x) ? upper_bound(ctx, x->hi, &outer) : x->hi;
        any |= used[k] && is_part(x, from_zero);
        bool below = lo && (x->lo->has_var || from_zero) && prove_nonnegative(ctx, lo, NULL);     /* stored from 0 on, see add_outer */
        full[(*count)++] = (Range){x->var, below ? ex_int(ctx, 0) : lo ? lo : x->lo, hi ? hi : x->hi};
    }
    for (int k = 0; k < n->rank; k++) {
        const Ex *size = n->axis[k].size, *most = made_of_dims(size) ? size : upper_bound(ctx, size, &outer);
        any |= !made_of_dims(size);
        full[(*count)++] = (Range){n->axis_var[k], ex_int(ctx, 0), most ? most : size};
    }
    for (int k = 0; k < n->nred; k++)
        full[(*count)++] = (Range){n->red[k].var, n->red[k].lo, n->red[k].hi};
    if (!any)
        return;
    n->body = ex_rebuild(ctx, n->body, read_beyond, &f);
    n->arg = n->arg ? ex_rebuild(ctx, n->arg, read_beyond, &f) : NULL;
}

static void find_call(void *data, const Ex *e) { *(bool *)data |= op_has(e->op, P_COSTLY); }

/* What the rest of a full row holds is multiplied by 0 at most, which a value that is not finite survives. */
static bool may_overflow(const Ex *e) {
    bool found = false;
    ex_visit(e, find_call, &found);
    return found;
}

static const Ex *guard_for(const Builder *b, const Build *n, const bool *used, bool from_zero) {
    Ctx *ctx = b->ctx;
    const Ex *all = ex_bool(ctx, true);
    bool needed = needs_guard(n->body) || needs_guard(n->arg);
    if (!needed && !may_overflow(n->body))
        return all;
    for (int k = 0; k < b->nguards && needed; k++) {
        const Ex *g = contained(b->guard[k], b, used) ? b->guard[k] : project(b, b->guard[k], used);
        all = g ? ex_and(ctx, all, g) : all;
    }
    for (int k = 0; k < n->rank; k++)
        if (!made_of_dims(n->axis[k].size))
            all = ex_and(ctx, all, ex2(ctx, OP_LT, ex_var(ctx, n->axis_var[k]), n->axis[k].size));
    for (int k = 0; k < b->nouter; k++) {
        const Index *x = &b->outer[k];
        if (!used[k] || !is_part(x, from_zero))
            continue;
        const Ex *v = ex_var(ctx, x->var);
        const Ex *in = ex_and(ctx, ex2(ctx, OP_LE, x->lo, v), ex2(ctx, OP_LT, v, x->hi));
        if (contained(in, b, used))
            all = ex_and(ctx, all, in);
    }
    return all;
}

/* An axis that holds what a variable runs over, when only data tell how far that is: the longest that the body reads along
 * it. Who reads the node beyond is out of range there too. */
typedef struct { Ctx *ctx; int var; const Ex *size; } Hull;

static void note_axis(void *data, const Ex *e) {
    Hull *h = data;
    for (int a = 0; is_read(e) && a < e->nargs; a++) {
        const Ex *at = e->arg[a]->op == OP_CHECK ? e->arg[a]->arg[0] : e->arg[a], *coefficient, *rest;
        const Ex *size = e->node->axis[a].size;
        if (h->size || !ex_uses_var(at, h->var) || !linear_in(h->ctx, at, h->var, &coefficient, &rest) || !ex_is_number(coefficient, 1))
            continue;
        if (made_of_dims(size))             /* x[off[i] + e]: where the row begins below 0, its first element says so */
            h->size = rest->op == OP_INT ? ex2(h->ctx, OP_SUB, size, rest) : size;
    }
}

static const Ex *full_size(const Builder *b, const Ex *size, int var, const Build *n, bool *beyond) {
    Range range[MAX_SCOPE];
    Facts facts = outer_facts(b, range);
    const Ex *full = made_of_dims(size) ? size : upper_bound(b->ctx, size, &facts);
    Hull h = {.ctx = b->ctx, .var = var};
    if (made_of_dims(full))
        return full;
    ex_visit(n->body, note_axis, &h);
    for (int k = 0; k < n->nred && !h.size; k++)            /* sum[l in j:K] x[l], or l over the same: no l is beyond x, so no j is */
        if (n->red[k].lo == ex_var(b->ctx, var) || n->red[k].hi == size) {
            h.var = n->red[k].var;
            ex_visit(n->body, note_axis, &h);
        }
    *beyond = true;
    return h.size;
}

const Ex *build_size(const Builder *b, const Ex *size, int var, const Build *n) {
    bool beyond = false;
    const Ex *full = full_size(b, size, var, n, &beyond);
    return beyond ? NULL : full;
}

void build_guarded(const Builder *b, Build *n) {
    bool used[MAX_SCOPE];
    memset(used, 1, sizeof used);
    guard_reads(b, n, used, true);
    n->body = ex_where(b->ctx, guard_for(b, n, used, true), n->body, outside_value(b->ctx, n->reduce, n->body->type));
}

typedef struct { int from[MAX_RANK]; const Ex *to[MAX_RANK]; int n; } Replace;
static const Ex *replaced(void *data, int var) {
    Replace *r = data;
    for (int k = 0; k < r->n; k++)
        if (r->from[k] == var)
            return r->to[k];
    return NULL;
}

/* As many elements as the range has at most: that of a reduction may be empty. C has no arrays of 0. */
static const Ex *room_for(Ctx *ctx, const Index *x, const Ex *size) {
    int64_t n;
    if (ex_is_int(size, &n))
        return n < 1 && is_ragged(x) ? ex_int(ctx, 1) : size;
    return !x->reduces || prove_nonnegative(ctx, size, NULL) ? size : ex2(ctx, OP_MAX, size, ex_int(ctx, 0));
}

/* The outer variables that are used, those of recurrences or the others, become axes. */
static bool add_outer(const Builder *b, const bool *used, bool sequential, Build *n, const Ex **index, Replace *shift) {
    Ctx *ctx = b->ctx;
    Range range[MAX_SCOPE];
    Facts facts = outer_facts(b, range);
    int rank = n->rank;
    for (int k = 0; k < b->nouter; k++) {
        const Index *x = &b->outer[k];
        if (!used[k] || x->sequential != sequential)
            continue;
        bool beyond = false;
        const Ex *hi = full_size(b, x->hi, x->var, n, &beyond);
        const Ex *lo = ex_int(ctx, 0), *v = ex_var(ctx, x->var);
        if (!x->lo->has_var)
            lo = x->lo->has_read ? lo : x->lo;
        else if (!prove_nonnegative(ctx, x->lo, &facts))
            lo = lower_bound(ctx, x->lo, &facts);
        if (!made_of_dims(lo) && x->lo->has_read) {         /* data say where it begins: not below 0, or the check tells */
            lo = ex_int(ctx, 0);
            beyond = true;
        }
        if (!hi || !made_of_dims(lo) || rank >= MAX_RANK)
            return false;
        n->axis[rank] = (Axis){room_for(ctx, x, ex2(ctx, OP_SUB, hi, lo)), ex_is_number(lo, 0) && !x->hi->has_var ? x->dim : NULL, x->name};
        n->axis_var[rank] = x->var;
        if (!ex_is_number(lo, 0)) {
            n->axis_var[rank] = VAR_SHIFTED + shift->n;
            shift->from[shift->n] = x->var;
            shift->to[shift->n] = ex2(ctx, OP_ADD, ex_var(ctx, VAR_SHIFTED + shift->n), lo);
            shift->n++;
        }
        index[rank] = ex2(ctx, OP_SUB, v, lo);
        if (beyond || x->lo->has_read)
            index[rank] = ex_check(ctx, index[rank], n->axis[rank].size, n->span);
        rank++;
    }
    n->rank = rank;
    return true;
}

static bool add_own(const Builder *b, const Build *own, Build *n, const Ex **index) {
    for (int k = 0; k < own->rank; k++) {
        if (n->rank == MAX_RANK)
            return false;
        Axis *axis = &n->axis[n->rank];
        *axis = own->axis[k];
        bool beyond = false;
        axis->size = full_size(b, axis->size, own->axis_var[k], own, &beyond);
        if (!axis->size)
            return false;
        n->axis_var[n->rank] = own->axis_var[k];
        index[n->rank] = ex_var(b->ctx, own->axis_var[k]);
        if (beyond)
            index[n->rank] = ex_check(b->ctx, index[n->rank], axis->size, own->span);
        n->rank++;
    }
    return true;
}

static void collect(const Builder *b, const Build *n, bool *used) {
    use(b, n->body, used);
    use(b, n->arg, used);
    for (int k = 0; k < n->nred; k++) {
        use(b, n->red[k].lo, used);
        use(b, n->red[k].hi, used);
    }
}

/* ---------------------------------------------------------------- sum[k in K] where(k == e, x, 0) is x at e */

/* An equality among the conditions that hold that says what variable v is: *value, without v. */
static bool says(Ctx *ctx, const Ex *c, int v, const Ex **value) {
    const Ex *coefficient, *rest;
    int64_t sign;
    if (c->op == OP_AND)
        return says(ctx, c->arg[0], v, value) || says(ctx, c->arg[1], v, value);
    if (c->op != OP_EQ || c->arg[0]->type != T_INT || c->arg[1]->type != T_INT || !ex_uses_var(c, v))
        return false;
    if (!linear_in(ctx, ex2(ctx, OP_SUB, c->arg[0], c->arg[1]), v, &coefficient, &rest) || !ex_is_int(coefficient, &sign)
        || (sign != 1 && sign != -1))
        return false;
    *value = ex2(ctx, OP_MUL, ex_int(ctx, -sign), rest);
    return true;
}

/* Other ranges may not depend on v when the value depends on them. */
static bool independent(const Build *n, int at, const Ex *value) {
    for (int k = 0; k < n->nred; k++)
        if (k != at && ex_uses_var(value, n->red[k].var) && (ex_uses_var(n->red[k].lo, n->red[at].var) || ex_uses_var(n->red[k].hi, n->red[at].var)))
            return false;
    for (int k = 0; k < n->nred; k++)
        if (k != at && ex_uses_var(value, n->red[k].var) && (ex_uses_var(n->red[at].lo, n->red[k].var) || ex_uses_var(n->red[at].hi, n->red[k].var)) && k > at)
            return false;
    return true;
}

static const Ex *in_range(const Builder *b, const Build *n, const Ex *value, const Index *x) {
    Ctx *ctx = b->ctx;
    Range range[MAX_SCOPE + 2 * MAX_RANK];
    int count = outer_facts(b, range).nranges;
    for (int k = 0; k < n->rank; k++)
        range[count++] = (Range){n->axis_var[k], ex_int(ctx, 0), n->axis[k].size};
    for (int k = 0; k < n->nred; k++)
        if (n->red[k].var != x->var)
            range[count++] = (Range){n->red[k].var, n->red[k].lo, n->red[k].hi};
    Facts facts = {.range = range, .nranges = count};
    const Ex *all = ex_bool(ctx, true);
    if (!prove_nonnegative(ctx, ex2(ctx, OP_SUB, value, x->lo), &facts))
        all = ex_and(ctx, all, ex2(ctx, OP_LE, x->lo, value));
    if (!prove_nonnegative(ctx, ex2(ctx, OP_SUB, ex2(ctx, OP_SUB, x->hi, value), ex_int(ctx, 1)), &facts))
        all = ex_and(ctx, all, ex2(ctx, OP_LT, value, x->hi));
    return all;
}

/* The end of a range that hung on the index: what it reads may only be asked for where that index was. */
static const Ex *end_at(Ctx *ctx, const Ex *end, Replace *r, const Ex *inside) {
    bool reads = end->has_read && ex_uses_var(end, r->from[0]);
    end = ex_map_vars(ctx, end, replaced, r, reads && inside->op != OP_BOOL);
    return reads ? ex_where(ctx, inside, end, ex_int(ctx, 0)) : end;
}

/* Removes one such index; false when there is none. */
static bool drop_index(const Builder *b, Build *n) {
    Ctx *ctx = b->ctx;
    const Ex *body = n->body, *value = NULL;
    if (n->reduce != R_SUM || body->op != OP_WHERE || !ex_is_number(body->arg[2], 0))
        return false;
    for (int k = 0; k < n->nred; k++) {
        if (!says(ctx, body->arg[0], n->red[k].var, &value) || !independent(n, k, value))
            continue;
        Index gone = n->red[k];
        Replace r = {.from = {gone.var}, .to = {value}, .n = 1};
        const Ex *inside = in_range(b, n, value, &gone);
        bool guarded = inside->op != OP_BOOL || body->has_guarded;
        for (int j = k; j + 1 < n->nred; j++)
            n->red[j] = n->red[j + 1];
        n->nred--;
        for (int j = 0; j < n->nred; j++) {
            n->red[j].lo = end_at(ctx, n->red[j].lo, &r, inside);
            n->red[j].hi = end_at(ctx, n->red[j].hi, &r, inside);
        }
        n->body = ex_where(ctx, ex_and(ctx, inside, ex_map_vars(ctx, body->arg[0], replaced, &r, guarded)),
                           ex_map_vars(ctx, body->arg[1], replaced, &r, guarded), body->arg[2]);
        n->reduce = n->nred ? R_SUM : R_NONE;
        return true;
    }
    return false;
}

const Ex *build_read(const Builder *b, const Build *given) {
    Ctx *ctx = b->ctx;
    bool used[MAX_SCOPE] = {0};
    Build simpler = *given;
    while (drop_index(b, &simpler))
        continue;
    const Build *own = &simpler;
    collect(b, own, used);
    for (int k = 0; k < own->rank; k++)
        if (!made_of_dims(own->axis[k].size))
            use(b, own->axis[k].size, used);
    guard_reads(b, &simpler, used, false);
    const Ex *guard = guard_for(b, own, used, false);
    Build n = {.name = own->name, .span = own->span, .reduce = own->reduce, .arg = own->arg, .nred = own->nred};
    n.body = ex_where(ctx, guard, own->body, outside_value(ctx, own->reduce, own->body->type));
    memcpy(n.red, own->red, sizeof n.red);
    use(b, guard, used);
    const Ex *index[2 * MAX_RANK];
    Replace shift = {0};
    /* A scheduler finds the steps of a recurrence along the first axis, whoever builds the node. */
    bool fits = add_outer(b, used, true, &n, index, &shift) && (b->outer_last || add_outer(b, used, false, &n, index, &shift))
                && add_own(b, own, &n, index) && (!b->outer_last || add_outer(b, used, false, &n, index, &shift));
    if (!fits)
        return NULL;
    if (shift.n) {
        n.body = ex_map_vars(ctx, n.body, replaced, &shift, false);
        n.arg = ex_map_vars(ctx, n.arg, replaced, &shift, false);
        for (int k = 0; k < n.nred; k++) {
            n.red[k].lo = ex_map_vars(ctx, n.red[k].lo, replaced, &shift, false);
            n.red[k].hi = ex_map_vars(ctx, n.red[k].hi, replaced, &shift, false);
        }
    }
    Node *node = node_compute(ctx, b->graph, n.rank, n.axis, n.axis_var, n.nred, n.red, n.reduce, n.body, n.arg, n.name, n.span,
                              own->let);
    return ex_read(ctx, node, index, false);
}
