/* derive.c: the calculus. In: an operation. Out: its derivative by one argument, as an expression.
 *
 * Every row is written from the argument, never from the rounded result, in a form that keeps its digits over the whole
 * range: sigmoid'(x) = sigmoid(x) sigmoid(-x), not y (1 - y). What comes out is an ordinary expression, so derivatives can
 * be differentiated again. At kinks the conventions of docs/language.md hold: where() picks a side, ties share. */
#include "adc.h"
#include <math.h>

typedef const Ex *E;

static E num(Ctx *ctx, double x) { return ex_real(ctx, x); }
static E neg(Ctx *ctx, E a) { return ex1(ctx, OP_NEG, a); }
static E add(Ctx *ctx, E a, E b) { return ex2(ctx, OP_ADD, a, b); }
static E sub(Ctx *ctx, E a, E b) { return ex2(ctx, OP_SUB, a, b); }
static E mul(Ctx *ctx, E a, E b) { return ex2(ctx, OP_MUL, a, b); }
static E quo(Ctx *ctx, E a, E b) { return ex2(ctx, OP_DIV, a, b); }
static E fun(Ctx *ctx, Op op, E a) { return ex1(ctx, op, a); }
static E sqr(Ctx *ctx, E a) { return mul(ctx, a, a); }

/* 1 where a is chosen, 1/2 at a tie, 0 otherwise; for max a is chosen when it is larger. */
static E tie_share(Ctx *ctx, E chosen, E other, bool larger) {
    E wins = larger ? ex2(ctx, OP_LT, other, chosen) : ex2(ctx, OP_LT, chosen, other);
    return ex_where(ctx, wins, num(ctx, 1), ex_where(ctx, ex2(ctx, OP_EQ, chosen, other), num(ctx, 0.5), num(ctx, 0)));
}

/* x^p by x: p x^(p-1), and 0 for p = 0 also at x = 0. By p: x^p log x, and 0 where x^p is 0 by x = 0. */
static E d_pow(Ctx *ctx, E x, E p, int k) {
    if (k == 0) {
        E slope = mul(ctx, p, ex2(ctx, OP_POW, x, sub(ctx, p, num(ctx, 1))));
        E at_zero = ex_and(ctx, ex2(ctx, OP_EQ, p, num(ctx, 0)), ex2(ctx, OP_EQ, x, num(ctx, 0)));     /* 0 * inf */
        E near_zero = quo(ctx, mul(ctx, p, ex2(ctx, OP_POW, x, p)), x);                 /* x^-1 may overflow where 0/x does not */
        slope = p->op == OP_REAL ? slope : ex_where(ctx, ex2(ctx, OP_EQ, p, num(ctx, 0)), near_zero, slope);
        return p->op == OP_REAL ? slope : ex_where(ctx, at_zero, num(ctx, 0), slope);
    }
    E grows = mul(ctx, ex2(ctx, OP_POW, x, p), fun(ctx, OP_LOG, x));
    E at_zero = ex_and(ctx, ex2(ctx, OP_EQ, x, num(ctx, 0)), ex2(ctx, OP_LT, num(ctx, 0), p));
    return x->op == OP_REAL && x->real > 0 ? grows : ex_where(ctx, at_zero, num(ctx, 0), grows);
}

/* sqrt((1 - x)(1 + x)) keeps its digits near 1, where 1 - x^2 does not; one operation, for its derivative is -2x, where
 * that of the product is a difference. */
static E root_1mx2(Ctx *ctx, E x) { return fun(ctx, OP_SQRT, fun(ctx, OP_ONE_MINUS_SQUARE, x)); }

/* He_k(x) exp(-x^2/2) and H_k(x) exp(-x^2): their derivatives are those of the next order, with the other sign. */
static E hermite(Ctx *ctx, Op op, E order, int more, E x) { return ex2(ctx, op, ex2(ctx, OP_ADD, order, ex_int(ctx, more)), x); }

static const double one_over_root_two_pi = 0.39894228040143267794;
static const double two_over_root_pi = 1.12837916709551257390;

E derivative(Ctx *ctx, E e, int k, bool *known) {
    E a = e->arg[0], b = e->nargs > 1 ? e->arg[1] : NULL, one = num(ctx, 1);
    *known = true;
    switch (e->op) {
    case OP_NEG: return num(ctx, -1);
    case OP_ADD: return one;
    case OP_SUB: return num(ctx, k ? -1 : 1);
    case OP_MUL: return k ? a : b;
    case OP_DIV:                                    /* 1/b, -a/b^2 = -(a/b)/b: no b^2, which overflows early */
        return k ? neg(ctx, quo(ctx, e, b)) : quo(ctx, one, b);
    case OP_FLOORDIV: return NULL;
    case OP_MOD:                                    /* a - b floor(a/b) */
        return k ? neg(ctx, ex2(ctx, OP_FLOORDIV, a, b)) : one;
    case OP_POW: return d_pow(ctx, a, b, k);
    case OP_MAX: return tie_share(ctx, e->arg[k], e->arg[1 - k], true);
    case OP_MIN: return tie_share(ctx, e->arg[k], e->arg[1 - k], false);
    case OP_ABS: return fun(ctx, OP_SIGN, a);       /* sign(0) = 0 */
    case OP_SIGN: case OP_FLOOR: case OP_CEIL: case OP_ROUND: return NULL;
    case OP_EQ: case OP_NE: case OP_LT: case OP_LE: case OP_AND: case OP_OR: case OP_NOT: case OP_ISNAN:
    case OP_REALOF: case OP_INTOF:
        return NULL;
    case OP_EXP: return e;
    case OP_EXPM1: return fun(ctx, OP_EXP, a);
    case OP_LOG: return quo(ctx, one, a);
    case OP_LOG1P: return quo(ctx, one, add(ctx, one, a));
    case OP_SQRT: return quo(ctx, num(ctx, 0.5), e);
    case OP_SIN: return fun(ctx, OP_COS, a);
    case OP_COS: return neg(ctx, fun(ctx, OP_SIN, a));
    case OP_TAN: return quo(ctx, one, sqr(ctx, fun(ctx, OP_COS, a)));
    case OP_ASIN: return quo(ctx, one, root_1mx2(ctx, a));
    case OP_ACOS: return quo(ctx, num(ctx, -1), root_1mx2(ctx, a));
    case OP_ATAN:                                   /* 1/(1 + x^2), without overflow: (1/h)/h, h = hypot(1, x) */
        return quo(ctx, quo(ctx, one, ex2(ctx, OP_HYPOT, one, a)), ex2(ctx, OP_HYPOT, one, a));
    case OP_ATAN2:                                  /* atan2(y, x): (x/r)/r, -(y/r)/r */
        return quo(ctx, k ? neg(ctx, ex2(ctx, OP_UNIT, a, b)) : ex2(ctx, OP_UNIT, b, a), ex2(ctx, OP_HYPOT, a, b));
    case OP_SINH: return fun(ctx, OP_COSH, a);
    case OP_COSH: return fun(ctx, OP_SINH, a);
    case OP_TANH: return fun(ctx, OP_SECH2, a);
    case OP_SECH2: return mul(ctx, num(ctx, -2), mul(ctx, fun(ctx, OP_TANH, a), e));
    case OP_ASINH: return quo(ctx, one, ex2(ctx, OP_HYPOT, one, a));
    case OP_ACOSH:                                  /* 1/sqrt((x - 1)(x + 1)), factor by factor: no overflow */
        return quo(ctx, quo(ctx, one, fun(ctx, OP_SQRT, sub(ctx, a, one))), fun(ctx, OP_SQRT, add(ctx, a, one)));
    case OP_ATANH: return quo(ctx, one, fun(ctx, OP_ONE_MINUS_SQUARE, a));
    case OP_ONE_MINUS_SQUARE: return mul(ctx, num(ctx, -2), a);
    case OP_HYPOT: return ex2(ctx, OP_UNIT, e->arg[k], e->arg[1 - k]);          /* 0 at the origin, as the norm's */
    case OP_UNIT: {                                 /* a/r by a: (b/r)^2/r; by b: -(a/r)(b/r)/r */
        E r = ex2(ctx, OP_HYPOT, a, b), u = ex2(ctx, OP_UNIT, b, a);
        E slope = quo(ctx, k ? neg(ctx, mul(ctx, e, u)) : sqr(ctx, u), r);
        return ex_where(ctx, ex2(ctx, OP_EQ, r, num(ctx, 0)), num(ctx, 0), slope);
    }
    case OP_ERF: case OP_ERFC:
        return mul(ctx, num(ctx, e->op == OP_ERF ? two_over_root_pi : -two_over_root_pi), hermite(ctx, OP_HERMITE_ERF, ex_int(ctx, 0), 0, a));
    case OP_HERMITE: case OP_HERMITE_ERF: return k ? neg(ctx, hermite(ctx, e->op, a, 1, b)) : NULL;
    case OP_NORMAL_CDF: return mul(ctx, num(ctx, one_over_root_two_pi), hermite(ctx, OP_HERMITE, ex_int(ctx, 0), 0, a));
    case OP_LGAMMA: return ex2(ctx, OP_POLYGAMMA, ex_int(ctx, 0), a);
    case OP_POLYGAMMA: return k ? ex2(ctx, OP_POLYGAMMA, ex2(ctx, OP_ADD, a, ex_int(ctx, 1)), b) : NULL;
    case OP_LBETA: return neg(ctx, ex3(ctx, OP_POLYGAMMA_STEP, ex_int(ctx, 0), e->arg[k], e->arg[1 - k]));
    case OP_POLYGAMMA_STEP:                         /* by x the next order's; by h the end's */
        if (k == 0)
            return NULL;
        a = ex2(ctx, OP_ADD, a, ex_int(ctx, 1));
        return k == 1 ? ex3(ctx, OP_POLYGAMMA_STEP, a, b, e->arg[2]) : ex2(ctx, OP_POLYGAMMA, a, add(ctx, b, e->arg[2]));
    case OP_SIGMOID:                                /* s(x) s(-x) = sech(x/2)^2 / 4, whose derivative is no difference */
        return mul(ctx, num(ctx, 0.25), fun(ctx, OP_SECH2, mul(ctx, num(ctx, 0.5), a)));
    case OP_SOFTPLUS: return fun(ctx, OP_SIGMOID, a);
    case OP_LOG_NORMAL_CDF: return fun(ctx, OP_MILLS, a);
    case OP_MILLS: return neg(ctx, fun(ctx, OP_MILLS_SLOPE, a));
    case OP_MILLS_SLOPE: {                          /* s = m g, g = x + m: s' = m (1 - s) - s g */
        E m = fun(ctx, OP_MILLS, a);
        return sub(ctx, mul(ctx, m, sub(ctx, one, e)), mul(ctx, e, add(ctx, a, m)));
    }
    case OP_WHERE:                                  /* grad.c keeps each side behind its condition */
    case OP_REAL: case OP_INT: case OP_BOOL: case OP_VAR: case OP_DIM: case OP_TOTAL: case OP_READ: case OP_READ_IF:
    case OP_CHECK: case OP_DIVISOR: case OP_TRAINING: case OP_DRAW: case OP_COUNT:
        break;
    }
    *known = false;
    return NULL;
}
