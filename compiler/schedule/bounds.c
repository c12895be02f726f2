/* bounds.c: guards become bounds.
 *
 * In: reductions whose body is where(c, x, neutral). Out: the part of c that compares a reduction index with what is
 * known before it is in the range of the loop; an equality is a single access:
 *
 *     sum[j in 0:n] where(i < j, x[j], 0)        becomes     sum[j in max(0, i + 1):n] x[j]
 *     sum[k in 0:n] where(k == e, x[k], 0)       becomes     where(0 <= e and e < n, x[e], 0)
 */
#include "loops.h"
#include <math.h>

static const Ex *neutral(Ctx *ctx, const Node *n) {
    bool real = n->body->type == T_REAL;
    switch (n->reduce) {
    case R_SUM: return real ? ex_real(ctx, 0) : ex_int(ctx, 0);
    case R_MAX: return real ? ex_real(ctx, -INFINITY) : NULL;
    case R_MIN: return real ? ex_real(ctx, INFINITY) : NULL;
    default: return NULL;
    }
}

static const Ex *larger(Ctx *ctx, const Facts *f, const Ex *a, const Ex *b) {
    if (prove_nonnegative(ctx, ex2(ctx, OP_SUB, a, b), f))
        return a;
    return prove_nonnegative(ctx, ex2(ctx, OP_SUB, b, a), f) ? b : ex2(ctx, OP_MAX, a, b);
}

static const Ex *smaller(Ctx *ctx, const Facts *f, const Ex *a, const Ex *b) {
    if (prove_nonnegative(ctx, ex2(ctx, OP_SUB, b, a), f))
        return a;
    return prove_nonnegative(ctx, ex2(ctx, OP_SUB, a, b), f) ? b : ex2(ctx, OP_MIN, a, b);
}

/* What is known of the indices that come before reduction index r. A scatter's axes are not among them. */
static Facts known_indices(Ctx *ctx, const Node *n, int r, Range *range) {
    int count = 0;
    for (int a = 0; n->kind == N_COMPUTE && a < n->rank; a++)
        range[count++] = (Range){a, ex_int(ctx, 0), n->axis[a].size};
    for (int k = 0; k < r; k++)
        range[count++] = (Range){n->rank + k, n->red[k].lo, n->red[k].hi};
    return (Facts){.range = range, .nranges = count};
}

/* The value that a comparison of a reduction index compares with uses only axes and earlier reduction indices. */
static bool known_before(const Node *n, const Ex *e, int var) {
    for (int v = var; v < n->rank + n->nred; v++)
        if (ex_uses_var(e, v))
            return false;
    for (int v = 0; n->kind == N_SCATTER && v < n->rank; v++)
        if (ex_uses_var(e, v))
            return false;
    return !e->has_guarded;
}

typedef struct { Ctx *ctx; int var; const Ex *value; } Single;
static const Ex *single_value(void *data, int var) {
    const Single *s = data;
    return var == s->var ? s->value : var > s->var ? ex_var(s->ctx, var - 1) : NULL;
}

/* The end of a range that hangs on the index reads where that was in its range alone. */
static const Ex *end_at(const Single *s, const Ex *end, const Ex *inside) {
    bool reads = end->has_read && ex_uses_var(end, s->var);
    if (reads)
        end = ex_where(s->ctx, inside, end, ex_int(s->ctx, 0));
    return ex_map_vars(s->ctx, end, single_value, (void *)s, true);
}

/* The index takes one value only: it goes, and what was its range becomes a test. */
static void pin(Ctx *ctx, Node *n, int r, const Ex *value, const Ex *rest, const Ex *none) {
    const Ex *part[] = {ex2(ctx, OP_LE, n->red[r].lo, value), ex2(ctx, OP_LT, value, n->red[r].hi)};
    const Ex *inside = ex_and(ctx, part[0], part[1]);
    const Ex *body = ex_where(ctx, inside, ex_where(ctx, rest, n->body->arg[1], none), none);
    Single s = {ctx, n->rank + r, value};
    n->body = ex_map_vars(ctx, body, single_value, &s, true);
    for (int a = 0; n->kind == N_SCATTER && a < n->rank; a++)
        n->target[a] = ex_map_vars(ctx, n->target[a], single_value, &s, true);
    for (int k = r + 1; k < n->nred; k++) {
        n->red[k - 1] = n->red[k];
        n->red[k - 1].lo = end_at(&s, n->red[k].lo, inside);
        n->red[k - 1].hi = end_at(&s, n->red[k].hi, inside);
    }
    if (--n->nred == 0 && n->kind == N_COMPUTE)
        n->reduce = R_NONE;
}

static const Ex *without(Ctx *ctx, const Ex *c, const Ex *drop) {
    if (c == drop)
        return ex_bool(ctx, true);
    if (c->op != OP_AND)
        return c;
    return ex_and(ctx, without(ctx, c->arg[0], drop), without(ctx, c->arg[1], drop));
}

/* Takes one comparison out of the guard; false when it says nothing that a range can. */
static bool take(Ctx *ctx, Node *n, const Ex *test, const Ex *none) {
    if ((test->op != OP_LT && test->op != OP_LE && test->op != OP_EQ) || test->arg[0]->type != T_INT || test->arg[1]->type != T_INT)
        return false;
    const Ex *d = ex2(ctx, OP_SUB, test->arg[1], test->arg[0]), *c, *rest, *one = ex_int(ctx, 1);
    for (int r = n->nred - 1; r >= 0; r--) {
        int var = n->rank + r;
        int64_t sign;
        if (!ex_uses_var(d, var))
            continue;
        if (!linear_in(ctx, d, var, &c, &rest) || !ex_is_int(c, &sign) || (sign != 1 && sign != -1) || !known_before(n, rest, var))
            return false;
        const Ex *guard = without(ctx, n->body->arg[0], test);
        Range range[2 * MAX_RANK];
        Facts f = known_indices(ctx, n, r, range);
        if (test->op == OP_EQ) {
            pin(ctx, n, r, sign < 0 ? rest : ex1(ctx, OP_NEG, rest), guard, none);
            return true;
        }
        if (sign < 0)
            n->red[r].hi = smaller(ctx, &f, n->red[r].hi, test->op == OP_LT ? rest : ex2(ctx, OP_ADD, rest, one));
        else
            n->red[r].lo = larger(ctx, &f, n->red[r].lo, test->op == OP_LT ? ex2(ctx, OP_SUB, one, rest) : ex1(ctx, OP_NEG, rest));
        n->body = ex_where(ctx, guard, n->body->arg[1], none);
        return true;
    }
    return false;
}

static bool take_any(Ctx *ctx, Node *n, const Ex *c, const Ex *none) {
    if (c->op == OP_AND)
        return take_any(ctx, n, c->arg[0], none) || take_any(ctx, n, c->arg[1], none);
    return take(ctx, n, c, none);
}

void guards_to_bounds(Program *p) {
    for (int k = 0; k < p->item.n; k++) {
        Item *it = p->item.at[k];
        Node *n = it->node;
        if (it->dead || it->leaf || n->kind == N_OPAQUE || n->reduce == R_NONE)
            continue;
        const Ex *none = neutral(p->ctx, n);
        bool changed = false;
        while (none && n->reduce != R_NONE && n->body->op == OP_WHERE && n->body->arg[2] == none
               && take_any(p->ctx, n, n->body->arg[0], none))
            changed = true;
        if (changed)
            item_reads(p, it);
    }
    program_prune(p);
}
