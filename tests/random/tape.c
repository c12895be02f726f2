/* tape.c: arithmetic that is written down, and the two sweeps over it.
 *
 *     c = a * b       cell c: K_MUL a b        reverse: da += dc * b, db += dc * a (cells again)
 *
 * Every cell bounds the error of the same computation in double precision: what its arguments lost, times the derivative
 * by them, and half a unit of its own. The bound says which models cannot be judged to twelve digits, and which
 * comparisons could have gone either way. */
#include "tape.h"
#include "adrt_math.h"

#include <float.h>

enum { LONGEST = 300000 };

static const long double two_over_root_pi = 1.128379167095512573896158903121545172L;

static int push(Tape *t, Cell c) {
    if (t->cell.n >= LONGEST) {
        t->too_long = true;
        return t->cell.n - 1;
    }
    vec_push(t, &t->cell, c);
    return t->cell.n - 1;
}

int tape_const(Tape *t, long double value) {
    return push(t, (Cell){K_CONST, -1, -1, value, 0});
}

int tape_freeze(Tape *t, int a) {
    Cell c = t->cell.at[a];
    return push(t, (Cell){K_CONST, -1, -1, c.value, c.error});
}

static long double value_of(TapeOp op, long double a, long double b) {
    int sign;
    switch (op) {
    case K_CONST: case K_COPY: return a;
    case K_ADD: return a + b;
    case K_SUB: return a - b;
    case K_MUL: return a * b;
    case K_DIV: return a / b;
    case K_NEG: return -a;
    case K_EXP: return expl(a);
    case K_EXPM1: return expm1l(a);
    case K_LOG: return logl(a);
    case K_LOG1P: return log1pl(a);
    case K_SQRT: return sqrtl(a);
    case K_SIN: return sinl(a);
    case K_COS: return cosl(a);
    case K_TAN: return tanl(a);
    case K_ASIN: return asinl(a);
    case K_ATAN: return atanl(a);
    case K_ATAN2: return atan2l(a, b);
    case K_SINH: return sinhl(a);
    case K_COSH: return coshl(a);
    case K_TANH: return tanhl(a);
    case K_ASINH: return asinhl(a);
    case K_ERF: return erfl(a);
    case K_ERFC: return erfcl(a);
    case K_POW: return powl(a, b);
    case K_POLYGAMMA: return ad_polygamma((double)b, (double)a);
    case K_LGAMMA: return lgamma_r((double)a, &sign);
    }
    return a;
}

/* The size of the derivative by argument k, for error bounds. */
static double slope(TapeOp op, int k, double a, double b, double v) {
    switch (op) {
    case K_CONST: return 0;
    case K_COPY: case K_ADD: case K_SUB: case K_NEG: return 1;
    case K_MUL: return fabs(k ? a : b);
    case K_DIV: return k ? fabs(v / b) : fabs(1 / b);
    case K_EXP: return v;
    case K_EXPM1: return v + 1;
    case K_LOG: return 1 / fabs(a);
    case K_LOG1P: return 1 / fabs(1 + a);
    case K_SQRT: return v > 0 ? 0.5 / v : 0;
    case K_SIN: case K_COS: case K_ATAN: case K_TANH: case K_ASINH: return 1;
    case K_TAN: return 1 + v * v;
    case K_ASIN: return 1 / sqrt(1 - a * a);
    case K_ATAN2: return 1 / hypot(a, b);
    case K_SINH: case K_COSH: return cosh(a);
    case K_ERF: case K_ERFC: return 1.13;
    case K_POW: return k ? (a > 0 ? fabs(v * log(a)) : 0) : fabs(b * pow(a, b - 1));
    case K_POLYGAMMA: return k ? 0 : fabs(ad_polygamma(b + 1, a));
    case K_LGAMMA: return fabs(ad_polygamma(0, a));
    }
    return 1;
}

static bool is_exact(TapeOp op, long double v) {
    return (op == K_ADD || op == K_SUB || op == K_MUL || op == K_NEG || op == K_COPY || op == K_DIV)
        && (long double)(double)v == v && fabsl(v) < 1e6L && rintl(v * 1024) == v * 1024;
}

/* The size of the terms of a sum that is 0. */
static double cancelled(const Tape *t, Cell c) {
    while (c.op == K_COPY || c.op == K_NEG)
        c = t->cell.at[c.a];
    return (c.op == K_ADD || c.op == K_SUB) && !(fabsl(c.value) > 0) ? fabs((double)t->cell.at[c.a].value) : 0;
}

int tape_op(Tape *t, TapeOp op, int a, int b) {
    Cell x = t->cell.at[a], y = b >= 0 && op != K_POLYGAMMA ? t->cell.at[b] : (Cell){.value = b};
    long double v = value_of(op, x.value, y.value);
    double error = 0;
    if (x.error > 0)
        error += x.error * slope(op, 0, (double)x.value, (double)y.value, (double)v);
    if (y.error > 0)
        error += y.error * slope(op, 1, (double)x.value, (double)y.value, (double)v);
    if (op == K_MUL)
        error += x.error * y.error;     /* all there is of a square at 0 */
    if (op == K_MUL)                    /* a factor may go into a sum: 0 exactly here, rounded terms there */
        error += DBL_EPSILON * ((y.error > 0 ? cancelled(t, x) * fabs((double)y.value) : 0)
                                + (x.error > 0 ? cancelled(t, y) * fabs((double)x.value) : 0));
    if (op == K_POW && y.value > 1)
        error += pow(x.error, (double)y.value);
    if (x.error > 0 || y.error > 0 || !is_exact(op, v))
        error += fabs((double)v) * DBL_EPSILON * (op <= K_NEG ? 0.5 : op >= K_POW ? 8 : 2);
    if (op == K_COPY || op == K_NEG)
        error = x.error;
    if (isnan(error))
        error = INFINITY;
    return push(t, (Cell){op, a, b, v, error});
}

int tape_compare(Tape *t, int a, int b) {
    const Cell *x = &t->cell.at[a], *y = &t->cell.at[b];
    double distance = fabs((double)(x->value - y->value)), error = x->error + y->error;
    if (isnan(x->value) || isnan(y->value))
        return 2;
    if (error > 0 && distance <= 32 * error)
        t->undecided = true;
    if (x->value != y->value && distance < DBL_MIN)         /* doubles may both be 0 where long doubles are not */
        t->undecided = true;
    return x->value < y->value ? -1 : x->value > y->value;
}

long double tape_whole(Tape *t, int a, int how) {
    const Cell *x = &t->cell.at[a];
    long double v = how == 0 ? x->value * 2 : x->value;
    if (x->error > 0 && fabs((double)(v - rintl(v))) <= 64 * x->error)
        t->undecided = true;
    if (v != 0 && fabsl(v) < DBL_MIN)                       /* a double may be 0 */
        t->undecided = true;
    return how < 0 ? floorl(x->value) : how > 0 ? ceill(x->value) : rintl(x->value);
}

/* ---------------------------------------------------------------- derivatives */

static int one_over(Tape *t, int a) { return tape_op(t, K_DIV, tape_const(t, 1), a); }
static int square(Tape *t, int a) { return tape_op(t, K_MUL, a, a); }
static int times(Tape *t, long double c, int a) { return tape_op(t, K_MUL, tape_const(t, c), a); }
static int negative(Tape *t, int a) { return tape_op(t, K_NEG, a, -1); }

static int partial_pow(Tape *t, int id, int k) {
    int a = t->cell.at[id].a, b = t->cell.at[id].b;
    if (k == 0 && t->cell.at[b].value == 0 && t->cell.at[a].value == 0)
        return -1;
    if (k == 0)
        return tape_op(t, K_MUL, b, tape_op(t, K_POW, a, tape_op(t, K_SUB, b, tape_const(t, 1))));
    return t->cell.at[a].value == 0 ? -1 : tape_op(t, K_MUL, id, tape_op(t, K_LOG, a, -1));
}

/* The derivative of cell id by its argument k, as a cell; -1: none. */
static int partial(Tape *t, int id, int k) {
    Cell c = t->cell.at[id];
    int a = c.a, b = c.b, one = -1;
    switch (c.op) {
    case K_CONST: return -1;
    case K_COPY: case K_ADD: return tape_const(t, 1);
    case K_SUB: return tape_const(t, k ? -1 : 1);
    case K_NEG: return tape_const(t, -1);
    case K_MUL: return k ? a : b;
    case K_DIV: return k ? negative(t, tape_op(t, K_DIV, id, b)) : one_over(t, b);
    case K_EXP: return id;
    case K_EXPM1: return tape_op(t, K_EXP, a, -1);
    case K_LOG: return one_over(t, a);
    case K_LOG1P: return one_over(t, tape_op(t, K_ADD, tape_const(t, 1), a));
    case K_SQRT: return tape_op(t, K_DIV, tape_const(t, 0.5L), id);
    case K_SIN: return tape_op(t, K_COS, a, -1);
    case K_COS: return negative(t, tape_op(t, K_SIN, a, -1));
    case K_TAN: return one_over(t, square(t, tape_op(t, K_COS, a, -1)));
    case K_ASIN: return one_over(t, tape_op(t, K_SQRT, tape_op(t, K_SUB, tape_const(t, 1), square(t, a)), -1));
    case K_ATAN: return one_over(t, tape_op(t, K_ADD, tape_const(t, 1), square(t, a)));
    case K_ATAN2:
        one = tape_op(t, K_ADD, square(t, a), square(t, b));
        return k ? negative(t, tape_op(t, K_DIV, a, one)) : tape_op(t, K_DIV, b, one);
    case K_SINH: return tape_op(t, K_COSH, a, -1);
    case K_COSH: return tape_op(t, K_SINH, a, -1);
    case K_TANH: return one_over(t, square(t, tape_op(t, K_COSH, a, -1)));
    case K_ASINH: return one_over(t, tape_op(t, K_SQRT, tape_op(t, K_ADD, tape_const(t, 1), square(t, a)), -1));
    case K_ERF: return times(t, two_over_root_pi, tape_op(t, K_EXP, negative(t, square(t, a)), -1));
    case K_ERFC: return times(t, -two_over_root_pi, tape_op(t, K_EXP, negative(t, square(t, a)), -1));
    case K_POW: return partial_pow(t, id, k);
    case K_POLYGAMMA: return k ? -1 : tape_op(t, K_POLYGAMMA, a, b + 1);
    case K_LGAMMA: return tape_op(t, K_POLYGAMMA, a, 0);
    }
    return -1;
}

static bool has_second(const Cell *c) { return c->b >= 0 && c->op != K_POLYGAMMA; }

/* Which cells up to `last` depend on x: x itself is where a path begins. */
static bool *depends(Tape *t, int last, const int *x, int n) {
    bool *on = arena_alloc(t->arena, (size_t)last + 2);
    for (int i = 0; i < n; i++)
        if (x[i] <= last)
            on[x[i]] = true;
    for (int i = 0; i <= last; i++) {
        const Cell *c = &t->cell.at[i];
        on[i] = on[i] || (c->a >= 0 && on[c->a]) || (has_second(c) && on[c->b]);
    }
    return on;
}

static void add_to(Tape *t, int *sum, int term) { *sum = *sum < 0 ? term : tape_op(t, K_ADD, *sum, term); }

void tape_reverse(Tape *t, int s, const int *x, int n, int *dx) {
    bool *on = depends(t, s, x, n), *is_x = arena_alloc(t->arena, (size_t)s + 1);
    int *d = arena_alloc(t->arena, sizeof(int) * ((size_t)s + 1));
    for (int i = 0; i <= s; i++)
        d[i] = -1;
    for (int i = 0; i < n; i++)
        if (x[i] <= s)
            is_x[x[i]] = true;
    d[s] = tape_const(t, 1);
    for (int i = s; i >= 0; i--) {
        if (d[i] < 0 || !on[i] || is_x[i])
            continue;
        for (int k = 0; k < 2; k++) {
            Cell c = t->cell.at[i];
            int arg = k ? (has_second(&c) ? c.b : -1) : c.a;
            if (arg < 0 || !on[arg])
                continue;
            int p = partial(t, i, k);
            if (p >= 0)
                add_to(t, &d[arg], tape_op(t, K_MUL, d[i], p));
        }
    }
    for (int i = 0; i < n; i++)
        dx[i] = x[i] <= s && d[x[i]] >= 0 ? d[x[i]] : tape_const(t, 0);
}

void tape_forward(Tape *t, const int *e, int m, const int *x, int n, const int *v, int *de) {
    int last = 0;
    for (int j = 0; j < m; j++)
        last = e[j] > last ? e[j] : last;
    bool *on = depends(t, last, x, n);
    int *d = arena_alloc(t->arena, sizeof(int) * ((size_t)last + 1));
    for (int i = 0; i <= last; i++)
        d[i] = -1;
    for (int i = 0; i < n; i++)
        if (x[i] <= last)
            d[x[i]] = v[i];
    for (int i = 0; i <= last; i++) {
        for (int k = 0, known = d[i] >= 0; k < 2 && on[i] && !known; k++) {
            Cell c = t->cell.at[i];
            int arg = k ? (has_second(&c) ? c.b : -1) : c.a;
            int p = arg >= 0 && on[arg] && d[arg] >= 0 ? partial(t, i, k) : -1;
            if (p >= 0)
                add_to(t, &d[i], tape_op(t, K_MUL, p, d[arg]));
        }
    }
    for (int j = 0; j < m; j++)
        de[j] = d[e[j]] >= 0 ? d[e[j]] : tape_const(t, 0);
}
