/* adjoint.c: the adjoint of a read.
 *
 *     out[i] = sum[k] body(X[f(i, k)], ...)      gives      dX[m] += sum[i, k : f(i, k) = m] dout[i] * d body / d X
 *
 * The shape of f decides the form of what is added, not the operation that it came from: distinct variables are renamed to
 * m; an affine f is solved for one of its variables under a range guard, with another coefficient than 1 under a
 * divisibility guard; a constant gives an equality guard; what cannot be solved (index arrays) becomes a scatter, or,
 * inside a recurrence, where a step stands alone, an equality guard on every element. */
#include "grad.h"
#include <string.h>

static const Ex *zero(Ctx *ctx) { return ex_real(ctx, 0); }

typedef struct {
    Sweep *s;
    const Node *to;                         /* X */
    Range var[2 * MAX_RANK]; int nvars;     /* i, k with their ranges */
    const Ex *solved[2 * MAX_RANK];
    const Ex *guard[4 * MAX_RANK]; int nguards;
    const Ex *f[MAX_RANK]; bool done[MAX_RANK];
} Solve;

static const Ex *solution(void *data, int v) {
    const Solve *z = data;
    for (int k = 0; k < z->nvars; k++)
        if (z->var[k].var == v)
            return z->solved[k];
    return NULL;
}

static const Ex *substitute(Solve *z, const Ex *e, bool guarded) { return ex_map_vars(z->s->ctx, e, solution, z, guarded); }

typedef struct { int var; const Ex *to; } One;
static const Ex *one_var(void *data, int v) {
    const One *o = data;
    return v == o->var ? o->to : NULL;
}

/* Variable k of the solve is e; what was said before in terms of it follows. */
static void set_solved(Solve *z, int k, const Ex *e) {
    One o = {z->var[k].var, e};
    for (int j = 0; j < z->nvars; j++)
        if (z->solved[j])
            z->solved[j] = ex_map_vars(z->s->ctx, z->solved[j], one_var, &o, false);
    for (int j = 0; j < z->nguards; j++)
        z->guard[j] = ex_map_vars(z->s->ctx, z->guard[j], one_var, &o, false);
    z->solved[k] = e;
}

static const Ex *target(Solve *z, int p) { return ex_var(z->s->ctx, VAR_TARGET + p); }

static bool has_unsolved(Solve *z, const Ex *e) {
    for (int k = 0; k < z->nvars; k++)
        if (!z->solved[k] && ex_uses_var(e, z->var[k].var))
            return true;
    return false;
}

/* (v + rest) % H, v in 0..H-1: v = (m - rest) % H. */
static bool solve_wrapped(Solve *z, int p, const Ex *e) {
    Ctx *ctx = z->s->ctx;
    if (e->op != OP_MOD || has_unsolved(z, e->arg[1]) || !prove_equal(ctx, e->arg[1], z->to->axis[p].size))
        return false;
    for (int k = 0; k < z->nvars; k++) {
        const Ex *c, *rest;
        int64_t sign;
        if (z->solved[k] || !ex_is_number(z->var[k].lo, 0) || !linear_in(ctx, e->arg[0], z->var[k].var, &c, &rest)
            || !ex_is_int(c, &sign) || (sign != 1 && sign != -1)
            || !prove_nonnegative(ctx, ex2(ctx, OP_SUB, e->arg[1], z->var[k].hi), NULL))
            continue;
        const Ex *back = ex2(ctx, OP_MUL, c, ex2(ctx, OP_SUB, target(z, p), rest));
        set_solved(z, k, ex2(ctx, OP_MOD, back, e->arg[1]));
        return true;
    }
    return false;
}

/* One position, as far as this pass goes: 0 a variable itself, 1 coefficient +-1, 2 another coefficient, 3 nothing left
 * to solve for. */
static bool solve_position(Solve *z, int p, int pass) {
    Ctx *ctx = z->s->ctx;
    const Ex *e = substitute(z, z->f[p], pass == 3);        /* then in a guard, behind those that bring it into range */
    if (pass == 3) {
        if (has_unsolved(z, e))
            return false;
        z->guard[z->nguards++] = ex2(ctx, OP_EQ, target(z, p), e);
        return true;
    }
    if (pass == 1 && solve_wrapped(z, p, e))
        return true;
    for (int k = 0; k < z->nvars; k++) {
        const Ex *c, *rest;
        int64_t n;
        if (z->solved[k] || !ex_uses_var(e, z->var[k].var) || !linear_in(ctx, e, z->var[k].var, &c, &rest) || !ex_is_int(c, &n) || n == 0)
            continue;
        if (pass == 0 && !(n == 1 && ex_is_number(rest, 0)))
            continue;
        if (pass == 1 && n != 1 && n != -1)
            continue;
        const Ex *left = ex2(ctx, OP_SUB, target(z, p), rest);
        if (pass < 2) {
            set_solved(z, k, ex2(ctx, OP_MUL, c, left));
            return true;
        }
        z->guard[z->nguards++] = ex2(ctx, OP_EQ, ex2(ctx, OP_MOD, left, c), ex_int(ctx, 0));
        set_solved(z, k, ex2(ctx, OP_FLOORDIV, left, c));
        return true;
    }
    return false;
}

static bool solve_all(Solve *z, int rank) {
    for (int pass = 0; pass < 4; pass++)
        for (int p = 0; p < rank; p++)
            if (!z->done[p])
                z->done[p] = solve_position(z, p, pass);
    for (int p = 0; p < rank; p++)
        if (!z->done[p])
            return false;
    return true;
}

static Facts facts_of(Solve *z, Range *range, const Index *red, int nred) {
    int n = 0;
    for (int k = 0; k < z->s->b.nouter && n < MAX_RANK; k++)
        range[n++] = (Range){z->s->b.outer[k].var, z->s->b.outer[k].lo, z->s->b.outer[k].hi};
    for (int p = 0; p < z->to->rank; p++)
        range[n++] = (Range){VAR_TARGET + p, ex_int(z->s->ctx, 0), z->to->axis[p].size};
    for (int k = 0; k < nred; k++)
        range[n++] = (Range){red[k].var, red[k].lo, red[k].hi};
    return (Facts){.range = range, .nranges = n, .guard = z->guard, .nguards = z->nguards};
}

static void add_range_guard(Solve *z, const Ex *v, const Ex *lo, const Ex *hi, const Index *red, int nred) {
    Ctx *ctx = z->s->ctx;
    Range range[4 * MAX_RANK];
    Facts f = facts_of(z, range, red, nred);
    bool low = prove_nonnegative(ctx, ex2(ctx, OP_SUB, v, lo), &f);
    bool high = prove_nonnegative(ctx, ex2(ctx, OP_SUB, ex2(ctx, OP_SUB, hi, v), ex_int(ctx, 1)), &f);
    if (!low)
        z->guard[z->nguards++] = ex2(ctx, OP_LE, lo, v);
    if (!high)
        z->guard[z->nguards++] = ex2(ctx, OP_LT, v, hi);
}

/* The end of range k may read at a target that the ranges of what was solved leave out: only where their guards hold. */
static const Ex *end_in_range(Solve *z, const Ex *end, const Index *red, int k, int n) {
    Ctx *ctx = z->s->ctx;
    const Ex *inside = ex_bool(ctx, true);
    for (int j = 0; j < z->nguards && end->has_read && end->has_var; j++) {
        bool before = !z->guard[j]->has_guarded;
        for (int later = k; later < n; later++)
            before &= !ex_uses_var(z->guard[j], red[later].var);
        if (before)
            inside = ex_and(ctx, inside, z->guard[j]);
    }
    return inside->op == OP_BOOL ? end : ex_where(ctx, inside, ex_guarded(ctx, end), ex_int(ctx, 0));
}

/* What is left to sum over, with bounds in terms of what comes before it; and the guards that the ranges ask for. */
static int remaining(Solve *z, Index *red) {
    Ctx *ctx = z->s->ctx;
    int n = 0;
    bool boxed[2 * MAX_RANK] = {0};
    Facts plain = {.range = z->var, .nranges = z->nvars};
    for (int k = 0; k < z->nvars; k++) {
        if (z->solved[k])
            continue;
        const Ex *lo = substitute(z, z->var[k].lo, false), *hi = substitute(z, z->var[k].hi, false);
        bool circular = false;
        for (int j = k; j < z->nvars; j++)
            circular |= !z->solved[j] && (ex_uses_var(lo, z->var[j].var) || ex_uses_var(hi, z->var[j].var));
        if (circular) {
            lo = lower_bound(ctx, z->var[k].lo, &plain);
            hi = upper_bound(ctx, z->var[k].hi, &plain);
            boxed[k] = true;
        }
        if (!lo || !hi) {
            z->s->failed = true;
            return 0;
        }
        red[n++] = (Index){.var = z->var[k].var, .lo = lo, .hi = hi};
    }
    for (int k = 0; k < z->nvars; k++) {
        const Ex *v = z->solved[k] ? z->solved[k] : boxed[k] ? ex_var(ctx, z->var[k].var) : NULL;
        if (v)
            add_range_guard(z, v, substitute(z, z->var[k].lo, false), substitute(z, z->var[k].hi, false), red, n);
    }
    for (int k = 0; k < n; k++) {
        red[k].lo = end_in_range(z, red[k].lo, red, k, n);
        red[k].hi = end_in_range(z, red[k].hi, red, k, n);
    }
    return n;
}

static bool mentions_target(const Ex *e, int p) { return ex_uses_var(e, VAR_TARGET + p); }

/* Guards of targets that nothing else mentions stay outside of the sum. */
static const Ex *outer_guard(Solve *z, const Ex *body, const Index *red, int nred) {
    Ctx *ctx = z->s->ctx;
    const Ex *outside = ex_bool(ctx, true);
    for (int j = 0; j < z->nguards; j++) {
        bool free_of = true;
        for (int k = 0; k < nred; k++)
            free_of &= !ex_uses_var(z->guard[j], red[k].var);
        for (int p = 0; p < z->to->rank && free_of; p++) {
            if (!mentions_target(z->guard[j], p))
                continue;
            free_of &= !mentions_target(body, p);
            for (int k = 0; k < nred; k++)
                free_of &= !mentions_target(red[k].lo, p) && !mentions_target(red[k].hi, p);
            for (int i = 0; i < z->nguards; i++)
                free_of &= i == j || !z->guard[i] || !mentions_target(z->guard[i], p);
        }
        if (free_of && z->guard[j]->op == OP_EQ && !z->guard[j]->has_guarded && nred > 0) {
            outside = ex_and(ctx, outside, z->guard[j]);
            z->guard[j] = NULL;
        }
    }
    return outside;
}

static const Ex *from_target(void *data, int v) {
    Sweep *s = data;
    return v >= VAR_TARGET && v < VAR_TARGET + MAX_RANK ? ex_var(s->ctx, v - VAR_TARGET) : NULL;
}

const Ex *from_targets(Sweep *s, const Ex *e) { return ex_map_vars(s->ctx, e, from_target, s, false); }

void accumulate(Sweep *s, const Node *to, const Ex *e) {
    const Ex **adj = &s->adj[to->id];
    *adj = *adj ? ex2(s->ctx, OP_ADD, *adj, e) : e;
}

/* sum over what remains, as a node over the targets that the body uses. */
const Ex *sum_at_targets(Sweep *s, const Node *to, const Ex *body, const Index *red, int nred) {
    Build n = {.nred = nred, .reduce = R_SUM, .body = body, .span = s->span};
    for (int p = 0; p < to->rank; p++) {
        bool used = mentions_target(body, p);
        for (int k = 0; k < nred; k++)
            used |= mentions_target(red[k].lo, p) || mentions_target(red[k].hi, p);
        if (!used)
            continue;
        n.axis[n.rank] = to->axis[p];
        n.axis_var[n.rank++] = VAR_TARGET + p;
    }
    memcpy(n.red, red, sizeof *red * (size_t)nred);
    const Ex *read = build_read(&s->b, &n);
    if (read && !read->node->adjoint_of)
        read->node->adjoint_of = (Node *)(uintptr_t)to;
    return read;
}

/* Which outer variables a contribution varies with: those that it uses, and those that the ranges of these use. */
static void varies_with(const Sweep *s, const Ex *const *f, int nf, const Ex *contribution, bool *used) {
    for (int k = s->b.nouter - 1; k >= 0; k--) {
        int v = s->b.outer[k].var;
        used[k] = ex_uses_var(contribution, v);
        for (int p = 0; p < nf; p++)
            used[k] |= ex_uses_var(f[p], v);
        for (int later = k + 1; later < s->b.nouter; later++)
            used[k] |= used[later] && (ex_uses_var(s->b.outer[later].lo, v) || ex_uses_var(s->b.outer[later].hi, v));
    }
}

/* The scatter form: loops over all of i, k; outer variables become leading axes. */
static const Ex *scattered(Solve *z, const Ex *const *f, const Ex *contribution) {
    Sweep *s = z->s;
    Ctx *ctx = s->ctx;
    Index red[2 * MAX_RANK];
    Axis axis[MAX_RANK];
    const Ex *at[MAX_RANK], *index[MAX_RANK];
    int nred = 0, rank = 0;
    Facts plain = {.range = z->var, .nranges = z->nvars};
    bool inside = true;             /* wherever the loops go, not only where the guard of the read holds */
    for (int k = 0; k < z->to->rank; k++)
        inside = inside && prove_in_range(ctx, f[k], z->to->axis[k].size, &plain);
    for (int k = 0; k < z->to->rank; k++) {
        axis[rank] = z->to->axis[k];
        at[rank] = inside ? f[k] : ex_guarded(ctx, f[k]);
        index[rank++] = target(z, k);
    }
    bool *used = NEWN(ctx, bool, s->b.nouter + 1);
    varies_with(s, f, z->to->rank, contribution, used);
    for (int k = 0; k < s->b.nouter && rank < MAX_RANK; k++) {
        const Index *o = &s->b.outer[k];
        const Ex *size = used[k] ? build_size(&s->b, o->hi, o->var, &(Build){.body = contribution}) : NULL;
        if (!used[k])
            continue;
        s->failed |= !size;
        red[nred++] = *o;
        axis[rank] = (Axis){size ? size : ex_int(ctx, 1), o->hi->has_var ? NULL : o->dim, o->name};
        at[rank] = index[rank] = ex_var(ctx, o->var);
        rank++;
    }
    for (int k = 0; k < z->nvars; k++)
        red[nred++] = (Index){.var = z->var[k].var, .lo = z->var[k].lo, .hi = z->var[k].hi};
    if (nred > MAX_RANK || rank > MAX_RANK) {
        s->failed = true;
        return zero(ctx);
    }
    Node *n = node_scatter(ctx, s->graph, rank, axis, nred, red, at, contribution, NULL, s->span);
    n->adjoint_of = (Node *)(uintptr_t)z->to;
    return ex_read(ctx, n, index, false);
}

/* Adds sum[vars : f = m] contribution to the adjoint of what `read` reads. */
void contribute(Sweep *s, const Range *var, int nvars, bool inner, const Ex *read, const Ex *contribution) {
    Ctx *ctx = s->ctx;
    Solve z = {.s = s, .to = read->node, .nvars = nvars};
    memcpy(z.var, var, sizeof *var * (size_t)nvars);
    for (int p = 0; p < read->node->rank; p++)
        z.f[p] = read->arg[p];
    if (ex_is_number(contribution, 0))
        return;
    if (!solve_all(&z, read->node->rank)) {
        if (!inner) {
            accumulate(s, read->node, from_targets(s, scattered(&z, z.f, contribution)));
            return;
        }
        for (int p = 0; p < read->node->rank; p++)              /* inside a recurrence: element by element */
            if (!z.done[p])
                z.guard[z.nguards++] = ex2(ctx, OP_EQ, target(&z, p), substitute(&z, z.f[p], true));
    }
    Index red[2 * MAX_RANK];
    int nred = remaining(&z, red);
    bool guarded = z.nguards > 0;
    const Ex *body = substitute(&z, contribution, guarded);
    const Ex *outside = outer_guard(&z, body, red, nred), *inside = ex_bool(ctx, true);
    for (int late = 0; late < 2; late++) {              /* what may fault comes behind the ranges and the guard that it needs */
        for (int j = 0; j < z.nguards; j++)
            if (z.guard[j] && z.guard[j]->has_guarded == late)
                inside = ex_and(ctx, inside, z.guard[j]);
        if (!late && body->op == OP_WHERE && ex_is_number(body->arg[2], 0)) {
            inside = ex_and(ctx, inside, body->arg[0]);
            body = body->arg[1];
        }
    }
    body = ex_where(ctx, inside, body, zero(ctx));
    const Ex *e = nred ? sum_at_targets(s, z.to, body, red, nred) : body;
    if (!e || s->failed) {
        s->failed = true;
        return;
    }
    e = ex_where(ctx, outside, e, zero(ctx));
    accumulate(s, read->node, from_targets(s, e));
}
