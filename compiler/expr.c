/* expr.c: scalar expressions.
 *
 * In: operations and arguments. Out: the one expression that stands for them: equal expressions are the same pointer, so
 * common subexpressions vanish without a pass and equality is a comparison of pointers. The constructors apply the laws
 * that hold for every value, nan and infinities included; sums and products of ints become polynomials in normal form
 * (poly.c), which is what makes sizes comparable: (n - 1) + 1 is n. */
#include "adc.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ExTable { Ex **bucket; uint64_t buckets; int count; };      /* a power of two, as many as expressions at least */

typedef struct { const char *name; int nargs; char result; int props; const char *text; } OpRow;
static const OpRow rows[OP_COUNT] = {
    [OP_REAL] = {"number", 0, 'r', 0, ""},          [OP_INT] = {"int", 0, 'i', 0, ""},
    [OP_BOOL] = {"bool", 0, 'b', 0, ""},            [OP_VAR] = {"var", 0, 'i', 0, ""},
    [OP_DIM] = {"dim", 0, 'i', 0, ""},              [OP_TOTAL] = {"total", 0, 'i', 0, ""},
    [OP_READ] = {"read", -1, 's', 0, ""},           [OP_READ_IF] = {"read_if", -1, 's', 0, ""},
    [OP_CHECK] = {"check", 2, 'i', 0, ""},          [OP_TRAINING] = {"training", 0, 'b', 0, ""},
    [OP_DIVISOR] = {"divisor", 1, 'i', 0, ""},
    [OP_DRAW] = {"draw", 1, 'r', P_COSTLY, ""},
#define OP(id, name, nargs, result, props, text) [OP_##id] = {name, nargs, result, props, text},
#include "ops.def"
#undef OP
};

int ex_count(const Ctx *ctx) { return ctx->exprs ? ctx->exprs->count : 0; }
const char *op_name(Op op) { return rows[op].name; }
bool op_has(Op op, int property) { return (rows[op].props & property) != 0; }
const char *op_text(Op op) { return rows[op].text; }

/* ---------------------------------------------------------------- sharing */

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

static uint64_t hash_of(const Ex *e) {
    uint64_t bits, h = mix((uint64_t)e->op * 31 + (uint64_t)e->type, (uint64_t)e->i);
    memcpy(&bits, &e->real, sizeof bits);
    h = mix(h, bits);
    h = mix(h, (uint64_t)e->var);
    h = mix(h, (uint64_t)(uintptr_t)e->dim);
    h = mix(h, (uint64_t)(uintptr_t)e->node);
    h = mix(h, (uint64_t)e->span.begin);
    for (int k = 0; k < e->nargs; k++)
        h = mix(h, (uint64_t)e->arg[k]->id);
    return h;
}

static bool same(const Ex *a, const Ex *b) {
    if (a->hash != b->hash || a->op != b->op || a->type != b->type || a->i != b->i || a->var != b->var || a->dim != b->dim
        || a->node != b->node || a->nargs != b->nargs || memcmp(&a->real, &b->real, sizeof a->real) != 0
        || a->span.begin != b->span.begin || a->span.file != b->span.file)
        return false;
    for (int k = 0; k < a->nargs; k++)
        if (a->arg[k] != b->arg[k])
            return false;
    return true;
}

static Ex **slot_of(const ExTable *t, uint64_t hash) { return &t->bucket[hash & (t->buckets - 1)]; }

static void grow(Ctx *ctx, ExTable *t) {
    const ExTable old = *t;
    t->buckets = old.buckets ? 4 * old.buckets : 1 << 14;
    t->bucket = NEWN(ctx, Ex *, t->buckets);
    for (uint64_t k = 0; k < old.buckets; k++)
        for (Ex *e = old.bucket[k], *next; e; e = next) {
            Ex **slot = slot_of(t, e->hash);
            next = e->chain;
            e->chain = *slot;
            *slot = e;
        }
}

static const Ex *intern(Ctx *ctx, Ex e, const Ex *const *arg) {
    if (!ctx->exprs)
        ctx->exprs = NEW(ctx, ExTable);
    if ((uint64_t)ctx->exprs->count >= ctx->exprs->buckets)
        grow(ctx, ctx->exprs);
    e.arg = arg;
    e.hash = hash_of(&e);
    Ex **slot = slot_of(ctx->exprs, e.hash);
    for (const Ex *old = *slot; old; old = old->chain)
        if (same(old, &e))
            return old;
    Ex *made = NEW(ctx, Ex);
    if (e.nargs) {
        const Ex **copy = NEWN(ctx, const Ex *, e.nargs);
        memcpy(copy, arg, sizeof *copy * (size_t)e.nargs);
        e.arg = copy;
    }
    e.has_var = e.op == OP_VAR;
    e.vars = e.op == OP_VAR ? UINT64_C(1) << (e.var & 63) : 0;
    e.has_read = e.op == OP_READ || e.op == OP_READ_IF;
    e.has_guarded = e.op == OP_READ_IF || e.op == OP_CHECK || e.op == OP_DIVISOR;
    for (int k = 0; k < e.nargs; k++) {
        e.has_var |= e.arg[k]->has_var;
        e.vars |= e.arg[k]->vars;
        e.has_read |= e.arg[k]->has_read;
        e.has_guarded |= e.arg[k]->has_guarded;
    }
    e.id = ++ctx->exprs->count;
    e.chain = *slot;
    *made = e;
    *slot = made;
    return made;
}

const Ex *ex_raw(Ctx *ctx, Op op, Type type, int n, const Ex *const *arg) {
    return intern(ctx, (Ex){.op = op, .type = type, .nargs = n}, arg);
}

/* ---------------------------------------------------------------- leaves */

const Ex *ex_real(Ctx *ctx, double x) { return intern(ctx, (Ex){.op = OP_REAL, .type = T_REAL, .real = x}, NULL); }
const Ex *ex_int(Ctx *ctx, int64_t i) { return intern(ctx, (Ex){.op = OP_INT, .type = T_INT, .i = i}, NULL); }
const Ex *ex_bool(Ctx *ctx, bool b) { return intern(ctx, (Ex){.op = OP_BOOL, .type = T_BOOL, .i = b}, NULL); }
const Ex *ex_var(Ctx *ctx, int var) { return intern(ctx, (Ex){.op = OP_VAR, .type = T_INT, .var = var}, NULL); }
const Ex *ex_total(Ctx *ctx) { return intern(ctx, (Ex){.op = OP_TOTAL, .type = T_INT}, NULL); }
const Ex *ex_training(Ctx *ctx) { return intern(ctx, (Ex){.op = OP_TRAINING, .type = T_BOOL}, NULL); }

const Ex *ex_dim(Ctx *ctx, const Dim *dim) {
    return dim->size ? dim->size : intern(ctx, (Ex){.op = OP_DIM, .type = T_INT, .dim = dim}, NULL);
}

/* Along an axis of length 1 every index in range is 0. A variable stays: that loops agree is seen by it. */
const Ex *ex_only_index(Ctx *ctx, const Ex *index, const Ex *size) {
    bool one = ex_is_number(size, 1) && index->op != OP_VAR && index->op != OP_CHECK;
    return one ? ex_int(ctx, 0) : index;
}

const Ex *ex_read(Ctx *ctx, Node *node, const Ex *const *index, bool guarded) {
    Op op = guarded && node->rank > 0 ? OP_READ_IF : OP_READ;
    const Ex *only[MAX_RANK];
    for (int a = 0; a < node->rank; a++)
        only[a] = ex_only_index(ctx, index[a], node->axis[a].size);
    return intern(ctx, (Ex){.op = op, .type = node->type, .node = node, .nargs = node->rank}, only);
}

const Ex *ex_check(Ctx *ctx, const Ex *index, const Ex *size, Span span) {
    int64_t i, n;
    if (ex_is_int(index, &i) && ex_is_int(size, &n) && i >= 0 && i < n)
        return index;
    return intern(ctx, (Ex){.op = OP_CHECK, .type = T_INT, .nargs = 2, .span = span}, (const Ex *[]){index, size});
}

const Ex *ex_divisor(Ctx *ctx, const Ex *d, Span span) {
    int64_t v;
    if (ex_is_int(d, &v) && v != 0)
        return d;
    return intern(ctx, (Ex){.op = OP_DIVISOR, .type = T_INT, .nargs = 1, .span = span}, &d);
}

const Ex *ex_draw(Ctx *ctx, int normal, uint64_t key, const Ex *index) {
    return intern(ctx, (Ex){.op = OP_DRAW, .type = T_REAL, .i = (int64_t)key, .var = normal, .nargs = 1}, &index);
}

bool ex_is_int(const Ex *e, int64_t *value) {
    if (e->op != OP_INT)
        return false;
    *value = e->i;
    return true;
}

bool is_read(const Ex *e) { return e->op == OP_READ || e->op == OP_READ_IF; }

bool ex_is_number(const Ex *e, double value) {
    return (e->op == OP_REAL && e->real == value) || ((e->op == OP_INT || e->op == OP_BOOL) && (double)e->i == value);
}

/* ---------------------------------------------------------------- laws */

static bool is_const(const Ex *e) { return e->op == OP_REAL || e->op == OP_INT || e->op == OP_BOOL; }
static double number(const Ex *e) { return e->op == OP_REAL ? e->real : (double)e->i; }
static bool is_true(const Ex *e) { return e->op == OP_BOOL && e->i; }
static bool is_false(const Ex *e) { return e->op == OP_BOOL && !e->i; }

static int64_t floordiv(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

/* The value of an operation on real numbers; false when it is left to run time. */
static bool fold_real(Op op, double a, double b, double *out) {
    switch (op) {
    case OP_NEG: *out = -a; return true;
    case OP_ADD: *out = a + b; return true;
    case OP_SUB: *out = a - b; return true;
    case OP_MUL: *out = a * b; return true;
    case OP_DIV: *out = a / b; return true;
    case OP_FLOORDIV: *out = floor(a / b); return b != 0;
    case OP_MOD: *out = a - b * floor(a / b); return b != 0;
    case OP_POW: *out = pow(a, b); return true;
    case OP_MIN: *out = isnan(a) || a < b ? a : b; return true;
    case OP_MAX: *out = isnan(a) || a > b ? a : b; return true;
    case OP_ABS: *out = fabs(a); return true;
    case OP_SIGN: *out = sign_of(a); return true;
    case OP_EXP: *out = exp(a); return true;
    case OP_LOG: *out = log(a); return true;
    case OP_SQRT: *out = sqrt(a); return true;
    case OP_FLOOR: *out = floor(a); return true;
    case OP_CEIL: *out = ceil(a); return true;
    case OP_ROUND: *out = rint(a); return true;
    default: return false;
    }
}

static bool fold_compare(Op op, double a, double b, bool *out) {
    switch (op) {
    case OP_EQ: *out = a == b; return true;
    case OP_NE: *out = a != b; return true;
    case OP_LT: *out = a < b; return true;
    case OP_LE: *out = a <= b; return true;
    default: return false;
    }
}

/* Small whole powers are products: exact where pow() rounds, and cheap. */
static const Ex *power(Ctx *ctx, const Ex *x, const Ex *k) {
    double p = k->op == OP_REAL ? k->real : NAN;
    if (p == 1)                                                     /* x^1 = x */
        return x;
    if (p == 2)                                                     /* x^2 = x x */
        return ex2(ctx, OP_MUL, x, x);
    if (p == 3)
        return ex2(ctx, OP_MUL, ex2(ctx, OP_MUL, x, x), x);
    if (p == 4)
        return power(ctx, ex2(ctx, OP_MUL, x, x), ex_real(ctx, 2));
    if (p == -1 || p == -2)
        return ex2(ctx, OP_DIV, ex_real(ctx, 1), power(ctx, x, ex_real(ctx, -p)));
    return NULL;
}

static const Ex *real_laws(Ctx *ctx, Op op, const Ex *a, const Ex *b) {
    double folded;
    if (is_const(a) && (!b || is_const(b)) && fold_real(op, number(a), b ? number(b) : 0, &folded))
        return ex_real(ctx, folded);
    switch (op) {
    case OP_NEG:                                                    /* --x = x; -(a - b) stays: signs of zero */
        return a->op == OP_NEG ? a->arg[0] : NULL;
    case OP_ADD:                                                    /* x + 0 = x; x + -y = x - y */
        if (ex_is_number(b, 0) && !signbit(b->real))
            return a;
        if (ex_is_number(a, 0) && !signbit(a->real))
            return b;
        if (a == b)                                                 /* x + x = 2 x */
            return ex2(ctx, OP_MUL, ex_real(ctx, 2), a);
        if (b->op == OP_NEG)
            return ex2(ctx, OP_SUB, a, b->arg[0]);
        return a->op == OP_NEG ? ex2(ctx, OP_SUB, b, a->arg[0]) : NULL;
    case OP_SUB:                                                    /* x - 0 = x; x - -y = x + y; 0 - x = -x */
        if (ex_is_number(b, 0))
            return a;
        return b->op == OP_NEG ? ex2(ctx, OP_ADD, a, b->arg[0]) : NULL;
    case OP_MUL:                                                    /* 1 x = x; -1 x = -x; -x y = -(x y) */
        if (ex_is_number(a, 1))
            return b;
        if (ex_is_number(b, 1))
            return a;
        if (ex_is_number(a, -1))
            return ex1(ctx, OP_NEG, b);
        if (ex_is_number(b, -1))
            return ex1(ctx, OP_NEG, a);
        if (a->op == OP_NEG)
            return ex1(ctx, OP_NEG, ex2(ctx, OP_MUL, a->arg[0], b));
        if (b->op == OP_NEG)
            return ex1(ctx, OP_NEG, ex2(ctx, OP_MUL, a, b->arg[0]));
        return NULL;
    case OP_DIV:                                                    /* x / 1 = x; x / -1 = -x */
        if (ex_is_number(b, 1))
            return a;
        return ex_is_number(b, -1) ? ex1(ctx, OP_NEG, a) : NULL;
    case OP_POW:
        if (ex_is_number(b, 0))                                     /* x^0 = 1, of nan too (C99) */
            return ex_real(ctx, 1);
        return power(ctx, a, b);
    case OP_MIN:
    case OP_MAX:
        return a == b ? a : NULL;
    default:
        return NULL;
    }
}

/* a // 1 = a, (a // z) // y = a // (z * y), (y * q + c) // y = q + c // y. */
static const Ex *floordiv_laws(Ctx *ctx, const Ex *a, int64_t y) {
    int64_t z, zy, rest = 0;
    if (y == 1)
        return a;
    if (a->op == OP_FLOORDIV && ex_is_int(a->arg[1], &z) && z > 0 && !__builtin_mul_overflow(z, y, &zy))
        return ex2(ctx, OP_FLOORDIV, a->arg[0], ex_int(ctx, zy));
    Poly p = poly_of(ctx, a);
    for (int k = 0; k < p.n; k++) {
        if (p.term[k].n == 0)
            rest = floordiv(p.term[k].coefficient, y);
        else if (p.term[k].coefficient % y != 0)
            return NULL;
    }
    Poly q = {.n = p.n, .term = NEWN(ctx, Term, p.n + 1), .overflow = p.overflow};
    for (int k = 0; k < p.n; k++) {
        q.term[k] = p.term[k];
        q.term[k].coefficient = p.term[k].n == 0 ? rest : p.term[k].coefficient / y;
    }
    if (q.n > 0 && q.term[q.n - 1].n == 0 && rest == 0)
        q.n--;
    return q.overflow ? NULL : poly_ex(ctx, &q);
}

static const Ex *int_laws(Ctx *ctx, Op op, const Ex *a, const Ex *b) {
    int64_t x = 0, y = 0;
    bool ca = ex_is_int(a, &x), cb = b && ex_is_int(b, &y);
    switch (op) {
    case OP_NEG:
    case OP_ADD:
    case OP_SUB:
    case OP_MUL: {
        Poly p = poly_of(ctx, a), q = b ? poly_of(ctx, b) : (Poly){0}, zero = {0};
        Poly r = op == OP_NEG ? poly_add(ctx, &zero, &p, -1) : op == OP_MUL ? poly_mul(ctx, &p, &q)
               : poly_add(ctx, &p, &q, op == OP_ADD ? 1 : -1);
        return r.overflow ? NULL : poly_ex(ctx, &r);
    }
    case OP_FLOORDIV:
        if (cb && y > 0 && !ca)
            return floordiv_laws(ctx, a, y);
        return ca && cb && y != 0 && !(x == INT64_MIN && y == -1) ? ex_int(ctx, floordiv(x, y)) : NULL;
    case OP_MOD:
        if (cb && y == 1)
            return ex_int(ctx, 0);
        return ca && cb && y != 0 && y != -1 ? ex_int(ctx, x - y * floordiv(x, y)) : NULL;
    case OP_MIN:
    case OP_MAX:
        if (a == b)
            return a;
        return ca && cb ? ex_int(ctx, (op == OP_MIN) == (x < y) ? x : y) : NULL;
    case OP_ABS: return ca && x != INT64_MIN ? ex_int(ctx, x < 0 ? -x : x) : NULL;
    case OP_SIGN: return ca ? ex_int(ctx, (x > 0) - (x < 0)) : NULL;
    default: return NULL;
    }
}

/* A bool as an int beside numbers, d = c * b + k compared with 0: true, false, the bool or its opposite. */
static const Ex *compare_truth(Ctx *ctx, Op op, const Ex *d) {
    Poly q = poly_of(ctx, d);
    const Ex *truth = NULL;
    double c = 0, k = 0;
    bool of[2] = {false, false};
    for (int t = 0; t < q.n; t++) {
        const Term *term = &q.term[t];
        bool is_truth = term->n == 1 && term->factor[0]->op == OP_INTOF && term->factor[0]->arg[0]->type == T_BOOL;
        if ((term->n > 0 && (!is_truth || truth)) || term->coefficient > INT32_MAX || term->coefficient < -INT32_MAX)
            return NULL;
        truth = is_truth ? term->factor[0]->arg[0] : truth;
        *(is_truth ? &c : &k) = (double)term->coefficient;
    }
    if (!truth || q.overflow)
        return NULL;
    for (int x = 0; x < 2; x++)
        fold_compare(op, c * x + k, 0, &of[x]);
    return of[0] == of[1] ? ex_bool(ctx, of[0]) : of[1] ? truth : ex_not(ctx, truth);
}

static const Ex *compare_laws(Ctx *ctx, Op op, const Ex *a, const Ex *b) {
    bool folded;
    if (a->type == T_INT && b->type == T_INT) {                     /* n + 1 > n */
        const Ex *d = ex2(ctx, OP_SUB, a, b);
        int64_t v;
        if (ex_is_int(d, &v) && fold_compare(op, (double)v, 0, &folded))
            return ex_bool(ctx, folded);
        if (d->op == OP_INT || d->has_var || d->has_read)
            return d->op == OP_INT ? NULL : compare_truth(ctx, op, d);
        const Ex *test = ex_raw(ctx, op, T_BOOL, 2, (const Ex *[]){a, b}), *answer = prove_test(ctx, test, NULL);
        return answer != test ? answer : NULL;                      /* 0 < n, whatever the sizes */
    } else if (is_const(a) && is_const(b) && fold_compare(op, number(a), number(b), &folded)) {
        return ex_bool(ctx, folded);
    } else if (a == b && op == OP_LT) {                             /* x < x, of nan too */
        return ex_bool(ctx, false);
    }
    return NULL;
}

/* A total order that does not depend on when expressions were made (C leaves the order of arguments open, and the C that
 * adc writes must not depend on the compiler that built adc). */
int ex_compare(const Ex *a, const Ex *b) {
    if (a == b)
        return 0;
#define BY(x) if (a->x != b->x) return a->x < b->x ? -1 : 1
    BY(op);
    BY(type);
    BY(var);
    BY(i);
    BY(real);
    if (a->dim != b->dim)
        return a->dim->place != b->dim->place ? a->dim->place - b->dim->place : strcmp(a->dim->name, b->dim->name);
    if (a->node != b->node)
        return a->node->id - b->node->id;
    BY(nargs);
#undef BY
    for (int k = 0; k < a->nargs; k++) {
        int order = ex_compare(a->arg[k], b->arg[k]);
        if (order)
            return order;
    }
    return a->span.begin - b->span.begin;
}

/* Arguments of a commutative operation: a constant factor first, a constant summand last. */
static bool swapped(Op op, const Ex *a, const Ex *b) {
    if (is_const(a) != is_const(b))
        return is_const(b) == (op == OP_MUL);
    return ex_compare(a, b) > 0;
}

static Type result_type(Op op, const Ex *const *arg) {
    switch (rows[op].result) {
    case 'r': return T_REAL;
    case 'i': return T_INT;
    case 'b': return T_BOOL;
    default: return op == OP_WHERE ? arg[1]->type : arg[0]->type;
    }
}

const Ex *ex_op(Ctx *ctx, Op op, const Ex *const *arg) {
    int n = rows[op].nargs;
    const Ex *a = arg[0], *b = n > 1 ? arg[1] : NULL, *law = NULL;
    switch (op) {
    case OP_WHERE: return ex_where(ctx, arg[0], arg[1], arg[2]);
    case OP_AND: return ex_and(ctx, a, b);
    case OP_OR: return ex_or(ctx, a, b);
    case OP_NOT: return ex_not(ctx, a);
    case OP_REALOF:
        law = is_const(a) ? ex_real(ctx, number(a)) : a->type == T_REAL ? a : NULL;
        break;
    case OP_INTOF:
        law = is_const(a) ? ex_int(ctx, a->i) : a->type == T_INT ? a : NULL;
        break;
    case OP_EQ: case OP_NE: case OP_LT: case OP_LE:
        law = compare_laws(ctx, op, a, b);
        break;
    default:
        law = a->type == T_REAL ? real_laws(ctx, op, a, b) : rows[op].result == 's' ? int_laws(ctx, op, a, b) : NULL;
        break;
    }
    if (law)
        return law;
    const Ex *ordered[2];
    if (op_has(op, P_COMMUTES) && swapped(op, a, b)) {
        ordered[0] = b, ordered[1] = a;
        arg = ordered;
    }
    return ex_raw(ctx, op, result_type(op, arg), n, arg);
}

const Ex *ex1(Ctx *ctx, Op op, const Ex *a) { return ex_op(ctx, op, (const Ex *[]){a}); }
const Ex *ex2(Ctx *ctx, Op op, const Ex *a, const Ex *b) { return ex_op(ctx, op, (const Ex *[]){a, b}); }
const Ex *ex3(Ctx *ctx, Op op, const Ex *a, const Ex *b, const Ex *c) { return ex_op(ctx, op, (const Ex *[]){a, b, c}); }

const Ex *ex_cast(Ctx *ctx, Type type, const Ex *e) {
    if (e->type >= T_BOOL && type == T_BOOL)
        return e;
    if (e->type == type)
        return e;
    return ex1(ctx, type == T_REAL ? OP_REALOF : OP_INTOF, e);
}

const Ex *ex_where(Ctx *ctx, const Ex *c, const Ex *a, const Ex *b) {
    if (is_true(c) || a == b)                                       /* where(c, a, a) = a */
        return a;
    if (is_false(c))
        return b;
    if (c->op == OP_NOT)                                            /* where(not c, a, b) = where(c, b, a) */
        return ex_where(ctx, c->arg[0], b, a);
    if (a->op == OP_WHERE && a->arg[0] == c)                        /* where(c, where(c, a, _), b) = where(c, a, b) */
        return ex_where(ctx, c, a->arg[1], b);
    if (b->op == OP_WHERE && b->arg[0] == c)
        return ex_where(ctx, c, a, b->arg[2]);
    if (a->op == OP_WHERE && a->arg[2] == b)                        /* where(c, where(d, a, b), b) = where(c and d, a, b) */
        return ex_where(ctx, ex_and(ctx, c, a->arg[0]), a->arg[1], b);
    if (a->type == T_INT && c->op == OP_LT) {
        const Ex *x = c->arg[0], *y = c->arg[1];
        if (a == x && b == y)                                       /* where(x < y, x, y) = min(x, y) */
            return ex2(ctx, OP_MIN, x, y);
        if (a == y && b == x)
            return ex2(ctx, OP_MAX, x, y);
        if (a == y && b->op == OP_MIN && (b->arg[0] == x || b->arg[1] == x)
            && prove_nonnegative(ctx, ex2(ctx, OP_SUB, b->arg[b->arg[0] == x], y), NULL))
            return ex2(ctx, OP_MAX, y, b);                          /* where(x < y, y, min(x, z)) = max(y, min(x, z)) if y <= z */
    }
    return ex_raw(ctx, OP_WHERE, a->type, 3, (const Ex *[]){c, a, b});
}

/* e >= 0 is what a comparison of ints says; NULL of another condition. */
static const Ex *says_at_least_zero(Ctx *ctx, const Ex *c) {
    if ((c->op != OP_LT && c->op != OP_LE) || c->arg[0]->type != T_INT || c->arg[1]->type != T_INT)
        return NULL;
    const Ex *d = ex2(ctx, OP_SUB, c->arg[1], c->arg[0]);
    return c->op == OP_LT ? ex2(ctx, OP_SUB, d, ex_int(ctx, 1)) : d;
}

/* The same of an equality, which says two such things. */
static int facts_of(Ctx *ctx, const Ex *c, const Ex *fact[2]) {
    if (c->op == OP_EQ && c->arg[0]->type == T_INT && c->arg[1]->type == T_INT) {
        fact[0] = ex2(ctx, OP_SUB, c->arg[0], c->arg[1]);
        fact[1] = ex1(ctx, OP_NEG, fact[0]);
        return 2;
    }
    fact[0] = says_at_least_zero(ctx, c);
    return fact[0] != NULL;
}

/* i < 1 and 1 <= i, i == 0 and i == 1: what both say adds up to less than nothing. */
static bool contradict(Ctx *ctx, const Ex *a, const Ex *b) {
    const Ex *of_a[2], *of_b[2];
    int64_t sum;
    bool opposite = (a->op == OP_EQ && b->op == OP_NE) || (a->op == OP_NE && b->op == OP_EQ);
    if (opposite && a->arg[0] == b->arg[0] && a->arg[1] == b->arg[1])
        return true;
    if (a->op == OP_AND)
        return contradict(ctx, a->arg[0], b) || contradict(ctx, a->arg[1], b);
    if (b->op == OP_AND)
        return contradict(ctx, a, b->arg[0]) || contradict(ctx, a, b->arg[1]);
    for (int i = facts_of(ctx, a, of_a) - 1; i >= 0; i--)
        for (int k = facts_of(ctx, b, of_b) - 1; k >= 0; k--)
            if (ex_is_int(ex2(ctx, OP_ADD, of_a[i], of_b[k]), &sum) && sum < 0)
                return true;
    return false;
}

const Ex *ex_and(Ctx *ctx, const Ex *a, const Ex *b) {
    if (is_true(a) || a == b || is_false(b))
        return b;
    if (is_false(a) || is_true(b))
        return a;
    if (!a->has_read && !b->has_read && contradict(ctx, a, b))
        return ex_bool(ctx, false);
    if (b->op == OP_AND && b->arg[0] == a)
        return b;
    if (a->op == OP_AND && (a->arg[0] == b || a->arg[1] == b))
        return a;
    return ex_raw(ctx, OP_AND, T_BOOL, 2, (const Ex *[]){a, b});
}

const Ex *ex_or(Ctx *ctx, const Ex *a, const Ex *b) {
    if (is_false(a) || a == b || is_true(b))
        return b;
    if (!a->has_read && !b->has_read && a->type == T_BOOL && b->type == T_BOOL && contradict(ctx, ex_not(ctx, a), ex_not(ctx, b)))
        return ex_bool(ctx, true);                                  /* i < 1 or 1 <= i */
    return is_true(a) || is_false(b) ? a : ex_raw(ctx, OP_OR, T_BOOL, 2, (const Ex *[]){a, b});
}

const Ex *ex_not(Ctx *ctx, const Ex *a) {
    if (a->op == OP_BOOL)
        return ex_bool(ctx, !a->i);
    if (a->op == OP_NOT)
        return a->arg[0];
    if (a->op == OP_EQ || a->op == OP_NE)                           /* not (x == y) is x != y, of nan too */
        return ex_op(ctx, a->op == OP_EQ ? OP_NE : OP_EQ, a->arg);
    if ((a->op == OP_LT || a->op == OP_LE) && a->arg[0]->type == T_INT && a->arg[1]->type == T_INT)
        return ex2(ctx, a->op == OP_LT ? OP_LE : OP_LT, a->arg[1], a->arg[0]);
    return ex_raw(ctx, OP_NOT, T_BOOL, 1, &a);
}

/* ---------------------------------------------------------------- walking */

/* What was made of each expression so far, by id: a small open hash table. */
typedef struct { const Ex **from, **to; int cap, n; } Memo;

static const Ex **memo_slot(Memo *m, const Ex *e) {
    if (2 * (m->n + 1) > m->cap) {
        Memo old = *m;
        m->cap = old.cap ? 2 * old.cap : 32;
        m->from = need_memory(calloc(2 * (size_t)m->cap, sizeof *m->from));
        m->to = m->from + m->cap;
        m->n = 0;
        for (int k = 0; k < old.cap; k++)
            if (old.from[k])
                *memo_slot(m, old.from[k]) = old.to[k];
        free(old.from);
    }
    int k = (int)((unsigned)e->id * 2654435761u % (unsigned)m->cap);
    while (m->from[k] && m->from[k] != e)
        k = (k + 1) % m->cap;
    if (!m->from[k]) {
        m->from[k] = e;
        m->n++;
    }
    return &m->to[k];
}

/* The same operation on other arguments. */
static const Ex *with_args(Ctx *ctx, const Ex *e, const Ex *const *arg, bool guarded) {
    switch (e->op) {
    case OP_READ: return ex_read(ctx, e->node, arg, guarded);
    case OP_READ_IF: return ex_read(ctx, e->node, arg, true);
    case OP_CHECK: return ex_check(ctx, arg[0], arg[1], e->span);
    case OP_DIVISOR: return ex_divisor(ctx, arg[0], e->span);
    case OP_DRAW: return ex_draw(ctx, e->var, (uint64_t)e->i, arg[0]);
    default: return e->nargs ? ex_op(ctx, e->op, arg) : e;
    }
}

typedef struct {
    Ctx *ctx;
    Memo memo;
    VarMap map; ExLeaf leaf; void *data;
    const Ex *const *from, *const *to; int n;           /* ex_replace */
    bool guarded;
} Walk;

static const Ex *walk(Walk *w, const Ex *e) {
    if (w->map && !e->has_var)
        return e;
    const Ex *done = *memo_slot(&w->memo, e);
    if (done)
        return done;
    const Ex *made = NULL;
    for (int k = 0; k < w->n; k++)
        if (e == w->from[k])
            return w->to[k];
    if (e->op == OP_VAR && w->map) {
        made = w->map(w->data, e->var);
        made = made ? made : e;
    } else {
        const Ex *few[8], **arg = e->nargs <= 8 ? few : NEWN(w->ctx, const Ex *, e->nargs);
        bool changed = false;
        for (int k = 0; k < e->nargs; k++) {
            arg[k] = walk(w, e->arg[k]);
            changed |= arg[k] != e->arg[k];
        }
        made = changed ? with_args(w->ctx, e, arg, w->guarded) : e;
        bool leaf = is_read(e) || e->op == OP_DRAW || e->nargs == 0;
        const Ex *other = w->leaf && leaf ? w->leaf(w->data, made) : NULL;      /* a law may have made anything of the rest */
        made = other ? other : made;
    }
    *memo_slot(&w->memo, e) = made;
    return made;
}

static const Ex *walked(Walk *w, const Ex *e) {
    const Ex *made = walk(w, e);
    free(w->memo.from);
    return made;
}

const Ex *ex_map_vars(Ctx *ctx, const Ex *e, VarMap map, void *data, bool guarded) {
    return e ? walked(&(Walk){.ctx = ctx, .map = map, .data = data, .guarded = guarded}, e) : NULL;
}

typedef struct { const Ex *const *index; int n; } At;
static const Ex *at_index(void *data, int var) {
    const At *at = data;
    return var < at->n ? at->index[var] : NULL;
}

const Ex *ex_at_index(Ctx *ctx, const Ex *e, const Ex *const *index, int n) { return ex_map_vars(ctx, e, at_index, &(At){index, n}, false); }

const Ex *ex_rebuild(Ctx *ctx, const Ex *e, ExLeaf leaf, void *data) {
    return e ? walked(&(Walk){.ctx = ctx, .leaf = leaf, .data = data}, e) : NULL;
}

static const Ex *guarded_read(void *data, const Ex *e) { return e->op == OP_READ && e->has_var ? ex_read(data, e->node, e->arg, true) : NULL; }
const Ex *ex_guarded(Ctx *ctx, const Ex *e) { return ex_rebuild(ctx, e, guarded_read, ctx); }

const Ex *ex_replace(Ctx *ctx, const Ex *e, const Ex *const *from, const Ex *const *to, int n) {
    return e ? walked(&(Walk){.ctx = ctx, .from = from, .to = to, .n = n}, e) : NULL;
}

static void visit(const Ex *e, Memo *seen, void (*f)(void *, const Ex *), void *data) {
    if (*memo_slot(seen, e))
        return;
    *memo_slot(seen, e) = e;
    for (int k = 0; k < e->nargs; k++)
        visit(e->arg[k], seen, f, data);
    f(data, e);
}

void ex_visit(const Ex *e, void (*f)(void *, const Ex *), void *data) {
    Memo seen = {0};
    visit(e, &seen, f, data);
    free(seen.from);
}

typedef struct { bool *used; int n; } VarSet;
static void mark_var(void *data, const Ex *e) {
    VarSet *s = data;
    if (e->op == OP_VAR && e->var < s->n)
        s->used[e->var] = true;
}

void ex_vars(const Ex *e, bool *used, int n) {
    if (e->has_var)
        ex_visit(e, mark_var, &(VarSet){used, n});
}

bool ex_uses_var(const Ex *e, int var) {
    if (!(e->vars >> (var & 63) & 1))
        return false;
    if (e->op == OP_VAR)
        return e->var == var;
    for (int k = 0; k < e->nargs; k++)
        if (ex_uses_var(e->arg[k], var))
            return true;
    return false;
}

/* ---------------------------------------------------------------- printing */

enum { LEVEL_WHERE, LEVEL_OR, LEVEL_AND, LEVEL_NOT, LEVEL_COMPARE, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_MINUS, LEVEL_ATOM };

static int level_of(const Ex *e) {
    switch (e->op) {
    case OP_OR: return LEVEL_OR;
    case OP_AND: return LEVEL_AND;
    case OP_NOT: return LEVEL_NOT;
    case OP_EQ: case OP_NE: case OP_LT: case OP_LE: return LEVEL_COMPARE;
    case OP_ADD: case OP_SUB: return LEVEL_SUM;
    case OP_MUL: case OP_DIV: case OP_MOD: case OP_FLOORDIV: return LEVEL_PRODUCT;
    case OP_NEG: return LEVEL_MINUS;
    case OP_REAL: return e->real < 0 ? LEVEL_MINUS : LEVEL_ATOM;
    case OP_INT: return e->i < 0 ? LEVEL_MINUS : LEVEL_ATOM;
    default: return LEVEL_ATOM;
    }
}

static void print_at(Ctx *ctx, const Ex *e, const Node *in, Str *out, int level);

static void print_var(const Ex *e, const Node *in, Str *out) {
    int v = e->var;
    const char *name = NULL;
    if (in && v < in->rank)
        name = in->axis[v].name;
    else if (in && v < in->rank + in->nred)
        name = in->red[v - in->rank].name;
    if (name)
        str_add(out, "%s", name);
    else
        str_add(out, v >= VAR_SCOPE ? "s%d" : v >= VAR_AXIS ? "a%d" : "i%d", v >= VAR_SCOPE ? v - VAR_SCOPE : v >= VAR_AXIS ? v - VAR_AXIS : v);
}

static void print_args(Ctx *ctx, const Ex *e, const Node *in, Str *out, const char *open, const char *close) {
    str_add(out, "%s", open);
    for (int k = 0; k < e->nargs; k++) {
        str_add(out, "%s", k ? ", " : "");
        print_at(ctx, e->arg[k], in, out, LEVEL_WHERE);
    }
    str_add(out, "%s", close);
}

void print_node_name(const Node *n, Str *out) {
    if (n->name)
        str_add(out, n->kind == N_PREV ? "prev.%s" : "%s", n->name);
    else
        str_add(out, "%%%d", n->id);
}

static void print_real(double x, Str *out) {
    char text[40];
    if (x == floor(x) && fabs(x) < 1e15) {
        str_add(out, "%.0f", x);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        double back;
        if (sscanf(text, "%lf", &back) == 1 && back == x)
            break;
    }
    str_add(out, "%s", text);
}

static void print_atom(Ctx *ctx, const Ex *e, const Node *in, Str *out) {
    switch (e->op) {
    case OP_REAL: print_real(e->real, out); break;
    case OP_INT: str_add(out, "%" PRId64, e->i); break;
    case OP_BOOL: str_add(out, e->i ? "true" : "false"); break;
    case OP_VAR: print_var(e, in, out); break;
    case OP_DIM: str_add(out, "%s", e->dim->name); break;
    case OP_TOTAL: str_add(out, "total()"); break;
    case OP_TRAINING: str_add(out, "training"); break;
    case OP_READ:
    case OP_READ_IF:
        print_node_name(e->node, out);
        if (e->nargs)
            print_args(ctx, e, in, out, e->op == OP_READ ? "[" : "?[", "]");
        break;
    case OP_DRAW:
        str_add(out, "%s", e->var ? "normal" : "uniform");
        print_args(ctx, e, in, out, "{", "}");
        break;
    default:
        str_add(out, "%s", op_name(e->op));
        print_args(ctx, e, in, out, "(", ")");
    }
}

static const char *infix(Op op) {
    switch (op) {
    case OP_OR: return " or ";
    case OP_AND: return " and ";
    case OP_EQ: return " == ";
    case OP_NE: return " != ";
    case OP_LT: return " < ";
    case OP_LE: return " <= ";
    case OP_ADD: return " + ";
    case OP_SUB: return " - ";
    case OP_MUL: return "*";
    case OP_DIV: return " / ";
    case OP_MOD: return " % ";
    case OP_FLOORDIV: return " // ";
    default: return NULL;
    }
}

static void print_at(Ctx *ctx, const Ex *e, const Node *in, Str *out, int level) {
    int own = level_of(e);
    if (own < level)
        str_add(out, "(");
    if (infix(e->op)) {
        bool right = e->op == OP_SUB || own == LEVEL_PRODUCT || own == LEVEL_COMPARE;
        print_at(ctx, e->arg[0], in, out, own + (own == LEVEL_COMPARE));
        str_add(out, "%s", infix(e->op));
        print_at(ctx, e->arg[1], in, out, own + right);
    } else if (e->op == OP_NEG || e->op == OP_NOT) {
        str_add(out, e->op == OP_NEG ? "-" : "not ");
        print_at(ctx, e->arg[0], in, out, own);
    } else {
        print_atom(ctx, e, in, out);
    }
    if (own < level)
        str_add(out, ")");
}

void ex_print(Ctx *ctx, const Ex *e, const Node *in, Str *out) { print_at(ctx, e, in, out, LEVEL_WHERE); }
