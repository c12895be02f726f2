/* prove.c: is this index in range?
 *
 * A small decision procedure on int polynomials. To show P >= 0, index variables are replaced, innermost range first, by
 * the end of their range that makes P smallest; //, %, min, max and where terms and reads of int arrays by their bounds;
 * then every dim is at least 1. Guards in scope (i > 0, k - i < M) are facts F >= 0, of which a multiple may be subtracted first.
 * What it cannot show stays a run-time check, so an answer 'no' is never wrong, only slower. */
#include "adc.h"
#include <string.h>

enum { MAX_FACTS = 32, NESTED = 4 };
typedef struct { Ctx *ctx; const Facts *facts; const Ex *known[MAX_FACTS]; int nknown; int budget; } Prover;

static bool constant(const Poly *p, int64_t *value) {
    *value = p->n ? p->term[0].coefficient : 0;
    return p->n == 0 || (p->n == 1 && p->term[0].n == 0);
}

static const Ex *minus(Ctx *ctx, const Ex *a, const Ex *b) { return ex2(ctx, OP_SUB, a, b); }
static const Ex *minus1(Ctx *ctx, const Ex *a) { return minus(ctx, a, ex_int(ctx, 1)); }

static bool by_bounds(Prover *p, const Ex *e);
static bool dims_suffice(Prover *p, const Ex *e);

/* A guard as facts F >= 0. */
static void learn(Prover *p, const Ex *g) {
    Ctx *ctx = p->ctx;
    if (g->op == OP_AND) {
        learn(p, g->arg[0]);
        learn(p, g->arg[1]);
        return;
    }
    if (g->nargs != 2 || g->arg[0]->type != T_INT || g->arg[1]->type != T_INT || p->nknown + 2 > MAX_FACTS)
        return;
    const Ex *d = minus(ctx, g->arg[1], g->arg[0]);
    if (g->op == OP_LE || g->op == OP_EQ)
        p->known[p->nknown++] = d;
    if (g->op == OP_LT)
        p->known[p->nknown++] = minus1(ctx, d);
    if (g->op == OP_EQ)
        p->known[p->nknown++] = ex1(ctx, OP_NEG, d);
    if (g->op == OP_NE)                                     /* not equal, and one side is known: strictly so */
        for (int k = 0; k < 2; k++) {
            const Ex *side = k ? ex1(ctx, OP_NEG, d) : d;
            if (by_bounds(p, side))
                p->known[p->nknown++] = minus1(ctx, side);
        }
}

static const Range *range_of(const Facts *facts, int var) {
    for (int k = 0; facts && k < facts->nranges; k++)
        if (facts->range[k].var == var)
            return &facts->range[k];
    return NULL;
}

static const Ex *atom_bound(Prover *p, const Ex *e, bool up, int depth);

/* The lower of two bounds of which one holds, or the higher; NULL when it is not known which that is. */
static const Ex *outermost(Prover *p, const Ex *a, const Ex *b, bool up, int depth) {
    const Ex *of[2] = {a, b};
    for (int k = 0; k < 2; k++)
        if (of[k]->has_var || of[k]->has_read)
            of[k] = depth > 0 ? atom_bound(p, of[k], up, depth - 1) : NULL;
    if (!of[0] || !of[1])
        return NULL;
    const Ex *more = minus(p->ctx, of[0], of[1]);
    return dims_suffice(p, more) ? of[up ? 0 : 1] : dims_suffice(p, ex1(p->ctx, OP_NEG, more)) ? of[up ? 1 : 0] : NULL;
}

/* The least, or the greatest, value of an atom that is not a dim; NULL when that is not known. */
static const Ex *atom_bound(Prover *p, const Ex *e, bool up, int depth) {
    Ctx *ctx = p->ctx;
    const Ex *zero = ex_int(ctx, 0);
    const Range *r;
    switch (e->op) {
    case OP_VAR:
        r = range_of(p->facts, e->var);
        return !r ? NULL : up ? minus1(ctx, r->hi) : r->lo;
    case OP_READ: case OP_READ_IF:
        return up ? e->node->vmax : e->node->vmin;
    case OP_CHECK:
        return up ? minus1(ctx, e->arg[1]) : zero;
    case OP_INTOF:
        return up ? ex_int(ctx, 1) : zero;
    case OP_MAX: case OP_MIN:                               /* max(a, b) is at least a, and at least b: what is simpler */
        if (up == (e->op == OP_MIN))
            return e->arg[1]->has_var || e->arg[1]->has_read ? e->arg[0] : e->arg[1];
        return outermost(p, e->arg[0], e->arg[1], up, depth);
    case OP_WHERE:
        return outermost(p, e->arg[1], e->arg[2], up, depth);
    case OP_MOD:
        if (e->arg[1]->has_var || e->arg[1]->has_read || !dims_suffice(p, minus1(ctx, e->arg[1])))
            return NULL;
        return up ? minus1(ctx, e->arg[1]) : zero;
    default:
        return NULL;
    }
}

/* How deep an atom's range stands: variables of later ranges are replaced first. */
static int depth_of(const Facts *facts, const Ex *e) {
    if (e->op == OP_VAR) {
        for (int k = 0; facts && k < facts->nranges; k++)
            if (facts->range[k].var == e->var)
                return k + 2;
        return 1;
    }
    return e->op == OP_DIM || e->op == OP_TOTAL ? 0 : 100;
}

static bool prove(Prover *p, const Ex *e);

/* P with atom replaced: c * atom + rest where the coefficient's sign is known. Returns NULL when it is not linear. */
static const Ex *replace_atom(Prover *p, const Ex *e, const Ex *atom) {
    Ctx *ctx = p->ctx;
    Poly q = poly_of(ctx, e), c = {0}, r = {0};
    c.term = NEWN(ctx, Term, q.n + 1);
    r.term = NEWN(ctx, Term, q.n + 1);
    for (int k = 0; k < q.n; k++) {
        Term t = q.term[k];
        int found = -1, times = 0;
        for (int f = 0; f < t.n; f++)
            if (t.factor[f] == atom)
                found = f, times++;
        if (times > 1)
            return NULL;
        if (!times) {
            r.term[r.n++] = t;
            continue;
        }
        Term without = {.coefficient = t.coefficient, .factor = NEWN(ctx, const Ex *, t.n + 1)};
        for (int f = 0; f < t.n; f++)
            if (f != found)
                without.factor[without.n++] = t.factor[f];
        c.term[c.n++] = without;
    }
    const Ex *factor = poly_ex(ctx, &c), *rest = poly_ex(ctx, &r);
    bool positive = prove(p, factor), negative = !positive && prove(p, ex1(ctx, OP_NEG, factor));
    if (!positive && !negative)
        return NULL;
    int64_t d;
    if (atom->op == OP_FLOORDIV && ex_is_int(atom->arg[1], &d) && d > 0) {  /* d q <= a <= d q + d - 1 */
        const Ex *num = positive ? minus(ctx, atom->arg[0], ex_int(ctx, d - 1)) : atom->arg[0];
        const Ex *bound = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, factor, num), ex2(ctx, OP_MUL, ex_int(ctx, d), rest));
        return ex2(ctx, OP_ADD, bound, ex_int(ctx, d - 1));                 /* d P is a multiple of d: not below 0 when above -d */
    }
    const Ex *bound = atom_bound(p, atom, negative, NESTED);
    return bound ? ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, factor, bound), rest) : NULL;
}

/* All dims at least 1: with d = 1 + d', are all coefficients of P non-negative? */
typedef struct { Ctx *ctx; } Shift;
static const Ex *one_more(void *data, const Ex *e) {
    Shift *s = data;
    return e->op == OP_DIM || e->op == OP_TOTAL ? ex_raw(s->ctx, OP_ADD, T_INT, 2, (const Ex *[]){e, ex_int(s->ctx, 1)}) : NULL;
}

static bool dims_suffice(Prover *p, const Ex *e) {
    const Ex *shifted = ex_rebuild(p->ctx, e, one_more, &(Shift){p->ctx});
    Poly q = poly_of(p->ctx, shifted);
    for (int k = 0; k < q.n; k++) {
        if (q.term[k].coefficient < 0)
            return false;
        for (int f = 0; f < q.term[k].n; f++)
            if (q.term[k].factor[f]->op != OP_DIM && q.term[k].factor[f]->op != OP_TOTAL)
                return false;
    }
    return !q.overflow;
}

/* The atom of e to replace next: the one whose range stands deepest. */
static const Ex *deepest_atom(Prover *p, const Ex *e, bool sizes_too) {
    Poly q = poly_of(p->ctx, e);
    const Ex *best = NULL;
    for (int k = 0; k < q.n; k++)
        for (int f = 0; f < q.term[k].n; f++) {
            const Ex *a = q.term[k].factor[f];
            int d = depth_of(p->facts, a);
            if (!sizes_too && !a->has_var && !a->has_read)
                continue;
            if (d > 0 && (!best || d > depth_of(p->facts, best)))
                best = a;
        }
    return best;
}

static bool shares_atom(Prover *p, const Ex *a, const Ex *b) {
    Poly x = poly_of(p->ctx, a), y = poly_of(p->ctx, b);
    for (int i = 0; i < x.n; i++)
        for (int j = 0; j < y.n; j++)
            for (int f = 0; f < x.term[i].n; f++)
                for (int g = 0; g < y.term[j].n; g++)
                    if (x.term[i].factor[f] == y.term[j].factor[g])
                        return true;
    return false;
}

static bool by_bounds(Prover *p, const Ex *e) {
    for (int steps = 0; steps < 24; steps++) {
        Poly q = poly_of(p->ctx, e);
        int64_t v;
        if (constant(&q, &v))
            return v >= 0;
        const Ex *atom = deepest_atom(p, e, true);
        if (!atom)
            return dims_suffice(p, e);
        e = replace_atom(p, e, atom);
        if (!e)
            return false;
    }
    return false;
}

static bool with_facts(Prover *p, const Ex *e, int depth) {
    if (by_bounds(p, e))
        return true;
    if (depth == 0)
        return false;
    for (int k = 0; k < p->nknown; k++)
        if (shares_atom(p, e, p->known[k]) && with_facts(p, minus(p->ctx, e, p->known[k]), depth - 1))
            return true;
    return false;
}

static bool prove(Prover *p, const Ex *e) {
    if (p->budget-- <= 0)
        return false;
    Poly q = poly_of(p->ctx, e);
    int64_t v;
    if (constant(&q, &v))
        return v >= 0;
    return with_facts(p, e, p->nknown ? 2 : 0);
}

static void start(Prover *p, Ctx *ctx, const Facts *facts) {
    *p = (Prover){.ctx = ctx, .facts = facts, .budget = 400};
    for (int k = 0; facts && k < facts->nguards; k++)
        learn(p, facts->guard[k]);
    for (int k = 0; facts && k < facts->nranges && p->nknown < MAX_FACTS; k++)     /* reached, so no range is empty */
        p->known[p->nknown++] = minus1(ctx, minus(ctx, facts->range[k].hi, facts->range[k].lo));
}

bool prove_nonnegative(Ctx *ctx, const Ex *e, const Facts *facts) {
    Prover p;
    start(&p, ctx, facts);
    return prove(&p, e);
}

bool prove_in_range(Ctx *ctx, const Ex *index, const Ex *size, const Facts *facts) {
    Prover p;
    start(&p, ctx, facts);
    if (p.nknown < MAX_FACTS)                       /* no axis is empty */
        p.known[p.nknown++] = minus1(ctx, size);
    return prove(&p, index) && prove(&p, minus1(ctx, minus(ctx, size, index)));
}

bool compares_ints(const Ex *e) {
    bool compares = e->op == OP_LT || e->op == OP_LE || e->op == OP_EQ || e->op == OP_NE;
    return compares && e->arg[0]->type == T_INT && e->arg[1]->type == T_INT;
}

const Ex *prove_test(Ctx *ctx, const Ex *test, const Facts *facts) {
    Prover p;
    start(&p, ctx, facts);
    const Ex *up = minus(ctx, test->arg[1], test->arg[0]), *down = ex1(ctx, OP_NEG, up);
    bool less = prove(&p, minus1(ctx, up)), more = !less && prove(&p, minus1(ctx, down));
    bool not_more = less || (!more && prove(&p, up)), not_less = more || (!less && prove(&p, down));
    bool yes, no;
    switch (test->op) {
    case OP_LT: yes = less, no = not_less; break;
    case OP_LE: yes = not_more, no = more; break;
    case OP_EQ: yes = not_more && not_less, no = less || more; break;
    default: yes = less || more, no = not_more && not_less; break;
    }
    return yes || no ? ex_bool(ctx, yes) : test;
}

/* Removes the facts' variables and bounded atoms from e, upwards or downwards. */
static const Ex *extreme(Ctx *ctx, const Ex *e, const Facts *facts, bool up) {
    Prover p;
    start(&p, ctx, facts);
    const Ex *x = up ? ex1(ctx, OP_NEG, e) : e;
    for (int steps = 0; x && steps < 24; steps++) {
        const Ex *atom = deepest_atom(&p, x, false);
        if (!atom)
            return up ? ex1(ctx, OP_NEG, x) : x;
        x = atom->op == OP_FLOORDIV ? NULL : replace_atom(&p, x, atom);
    }
    return NULL;
}

const Ex *upper_bound(Ctx *ctx, const Ex *e, const Facts *facts) { return extreme(ctx, e, facts, true); }
const Ex *lower_bound(Ctx *ctx, const Ex *e, const Facts *facts) { return extreme(ctx, e, facts, false); }
