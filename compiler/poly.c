/* poly.c: int expressions in normal form.
 *
 * A polynomial with int64 coefficients in atoms: dims, index variables, reads of int arrays, and // and % terms, whose
 * arguments are in normal form themselves. n*(n - 1) and n^2 - n become the same expression, so sizes are compared by
 * pointer. A coefficient that would overflow makes the expression stay as written. */
#include "adc.h"
#include <stdlib.h>
#include <string.h>

static int compare_terms(const Term *a, const Term *b) {
    if (a->n != b->n)                               /* higher products first, the constant last */
        return b->n - a->n;
    for (int k = 0; k < a->n; k++)
        if (a->factor[k] != b->factor[k])
            return ex_compare(a->factor[k], b->factor[k]);
    return 0;
}

static int term_order(const void *a, const void *b) { return compare_terms(a, b); }

/* Sorts, merges equal products, drops zeros. */
static void normalise(Poly *p) {
    if (p->n > 1)
        qsort(p->term, (size_t)p->n, sizeof *p->term, term_order);
    int n = 0;
    for (int k = 0; k < p->n; k++) {
        if (n > 0 && compare_terms(&p->term[n - 1], &p->term[k]) == 0)
            p->overflow |= __builtin_add_overflow(p->term[n - 1].coefficient, p->term[k].coefficient, &p->term[n - 1].coefficient);
        else
            p->term[n++] = p->term[k];
        if (p->term[n - 1].coefficient == 0)
            n--;
    }
    p->n = n;
}

Poly poly_add(Ctx *ctx, const Poly *a, const Poly *b, int64_t scale) {
    Poly r = {.n = a->n + b->n, .overflow = a->overflow || b->overflow};
    r.term = NEWN(ctx, Term, r.n + 1);
    for (int k = 0; k < a->n; k++)
        r.term[k] = a->term[k];
    for (int k = 0; k < b->n; k++) {
        r.term[a->n + k] = b->term[k];
        r.overflow |= __builtin_mul_overflow(b->term[k].coefficient, scale, &r.term[a->n + k].coefficient);
    }
    normalise(&r);
    return r;
}

static int factor_order(const void *a, const void *b) {
    return ex_compare(*(const Ex *const *)a, *(const Ex *const *)b);
}

static Term times(Ctx *ctx, const Term *a, const Term *b, bool *overflow) {
    Term t = {.n = a->n + b->n};
    *overflow |= __builtin_mul_overflow(a->coefficient, b->coefficient, &t.coefficient);
    t.factor = NEWN(ctx, const Ex *, t.n + 1);
    for (int k = 0; k < a->n; k++)
        t.factor[k] = a->factor[k];
    for (int k = 0; k < b->n; k++)
        t.factor[a->n + k] = b->factor[k];
    if (t.n > 1)
        qsort(t.factor, (size_t)t.n, sizeof *t.factor, factor_order);
    return t;
}

Poly poly_mul(Ctx *ctx, const Poly *a, const Poly *b) {
    Poly r = {.overflow = a->overflow || b->overflow};
    if ((int64_t)a->n * b->n > 4096 || (a->n && b->n && a->term[0].n + b->term[0].n > 64)) {
        r.overflow = true;                          /* (a + b + ...)^k written out would fill the memory */
        return r;
    }
    r.term = NEWN(ctx, Term, a->n * b->n + 1);
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < b->n; j++)
            r.term[r.n++] = times(ctx, &a->term[i], &b->term[j], &r.overflow);
    normalise(&r);
    return r;
}

Poly poly_of(Ctx *ctx, const Ex *e) {
    Poly p = {0};
    if (e->op == OP_INT) {
        if (e->i == 0)
            return p;
        p.term = NEWN(ctx, Term, 1);
        p.term[p.n++] = (Term){.coefficient = e->i};
        return p;
    }
    if (e->type == T_INT && (e->op == OP_ADD || e->op == OP_SUB || e->op == OP_MUL || e->op == OP_NEG)) {
        Poly a = poly_of(ctx, e->arg[0]);
        if (e->op == OP_NEG)
            return poly_add(ctx, &p, &a, -1);
        Poly b = poly_of(ctx, e->arg[1]);
        Poly r = e->op == OP_MUL ? poly_mul(ctx, &a, &b) : poly_add(ctx, &a, &b, e->op == OP_ADD ? 1 : -1);
        if (!r.overflow)
            return r;
    }
    p.term = NEWN(ctx, Term, 1);
    p.term[0].coefficient = 1;
    p.term[0].factor = NEWN(ctx, const Ex *, 1);
    p.term[0].factor[0] = e;
    p.term[0].n = p.n = 1;
    return p;
}

static const Ex *term_ex(Ctx *ctx, const Term *t, int64_t coefficient) {
    const Ex *e = t->n == 0 || coefficient != 1 ? ex_int(ctx, coefficient) : NULL;
    for (int k = 0; k < t->n; k++)
        e = e ? ex_raw(ctx, OP_MUL, T_INT, 2, (const Ex *[]){e, t->factor[k]}) : t->factor[k];
    return e;
}

const Ex *poly_ex(Ctx *ctx, const Poly *p) {
    if (p->n == 0)
        return ex_int(ctx, 0);
    int first = 0;                                  /* begin with a positive term: n - i, not -i + n */
    while (first < p->n && p->term[first].coefficient < 0)
        first++;
    first = first == p->n ? 0 : first;
    const Ex *e = term_ex(ctx, &p->term[first], p->term[first].coefficient);
    for (int k = 0; k < p->n; k++) {
        int64_t c = p->term[k].coefficient;
        if (k == first)
            continue;
        bool minus = c < 0 && c != INT64_MIN;
        e = ex_raw(ctx, minus ? OP_SUB : OP_ADD, T_INT, 2, (const Ex *[]){e, term_ex(ctx, &p->term[k], minus ? -c : c)});
    }
    return e;
}

bool prove_equal(Ctx *ctx, const Ex *a, const Ex *b) {
    int64_t d;
    return a == b || (ex_is_int(ex2(ctx, OP_SUB, a, b), &d) && d == 0);
}

/* e = coefficient * var + rest, neither of which mentions var. */
bool linear_in(Ctx *ctx, const Ex *e, int var, const Ex **coefficient, const Ex **rest) {
    Poly p = poly_of(ctx, e), c = {0}, r = {0};
    c.term = NEWN(ctx, Term, p.n + 1);
    r.term = NEWN(ctx, Term, p.n + 1);
    for (int k = 0; k < p.n; k++) {
        Term t = p.term[k];
        int found = -1, other = 0;
        for (int f = 0; f < t.n; f++) {
            if (t.factor[f]->op == OP_VAR && t.factor[f]->var == var)
                found = f, other++;
            else if (ex_uses_var(t.factor[f], var))
                return false;
        }
        if (other > 1)
            return false;
        if (found < 0) {
            r.term[r.n++] = t;
            continue;
        }
        Term without = {.coefficient = t.coefficient, .factor = NEWN(ctx, const Ex *, t.n + 1)};
        for (int f = 0; f < t.n; f++)
            if (f != found)
                without.factor[without.n++] = t.factor[f];
        c.term[c.n++] = without;
    }
    normalise(&c);
    normalise(&r);
    *coefficient = poly_ex(ctx, &c);
    *rest = poly_ex(ctx, &r);
    return true;
}
