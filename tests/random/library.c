/* library.c: the functions of the language, for the naive interpreter: each as its definition reads.
 *
 * softmax is exp over a sum of exp, var is a mean of squares, max shares its gradient by being a mean of the tied. */
#include "interp.h"

#include <math.h>
#include <string.h>

static int cell(Interp *I, long double v) { return tape_const(&I->tape, v); }
static int op1(Interp *I, TapeOp op, int a) { return tape_op(&I->tape, op, a, -1); }
static int op2(Interp *I, TapeOp op, int a, int b) { return tape_op(&I->tape, op, a, b); }
static int add(Interp *I, int a, int b) { return op2(I, K_ADD, a, b); }
static int sub(Interp *I, int a, int b) { return op2(I, K_SUB, a, b); }
static int mul(Interp *I, int a, int b) { return op2(I, K_MUL, a, b); }
static int quo(Interp *I, int a, int b) { return op2(I, K_DIV, a, b); }
static int scale(Interp *I, double c, int a) { return mul(I, cell(I, c), a); }
static int sign_of(Interp *I, int a) {
    int c = tape_compare(&I->tape, a, cell(I, 0));
    return c == 2 ? 0 : c;
}
static long double number(Interp *I, int a) { return I->tape.cell.at[a].value; }

const Ast *argument(const Ast *a, int place, const char *name) {
    int k = 0;
    for (const Ast *e = a->items; e; e = e->next) {
        if (e->kind == AST_ARG ? name && strcmp(e->text, name) == 0 : k++ == place)
            return e->kind == AST_ARG ? e->a : e;
    }
    return NULL;
}

/* ---------------------------------------------------------------- scalar functions */

static int softplus(Interp *I, int a) {                     /* max(a, 0) + log1p(exp(-|a|)), one formula a side */
    bool up = number(I, a) > 0;
    int tail = op1(I, K_LOG1P, op1(I, K_EXP, up ? op1(I, K_NEG, a) : a));
    return up ? add(I, a, tail) : tail;
}

static int sigmoid(Interp *I, int a) {
    if (number(I, a) >= 0)
        return quo(I, cell(I, 1), add(I, cell(I, 1), op1(I, K_EXP, op1(I, K_NEG, a))));
    int e = op1(I, K_EXP, a);
    return quo(I, e, add(I, cell(I, 1), e));
}

static int normal_cdf(Interp *I, int a) {
    return scale(I, 0.5, op1(I, K_ERFC, quo(I, op1(I, K_NEG, a), op1(I, K_SQRT, cell(I, 2)))));
}

static int whole(Interp *I, int a, int how) { return cell(I, tape_whole(&I->tape, a, how)); }

static int clamped(Interp *I, int x, int lo, int hi) {
    int c = tape_compare(&I->tape, x, lo);
    if (c < 0)
        return lo;
    return tape_compare(&I->tape, x, hi) == 1 ? hi : x;
}

static int unary(Interp *I, const char *f, int a) {
    static const struct { const char *name; TapeOp op; } plain[] = {
        {"exp", K_EXP}, {"expm1", K_EXPM1}, {"log", K_LOG}, {"log1p", K_LOG1P}, {"sqrt", K_SQRT}, {"sin", K_SIN}, {"cos", K_COS},
        {"tan", K_TAN}, {"asin", K_ASIN}, {"atan", K_ATAN}, {"sinh", K_SINH}, {"cosh", K_COSH}, {"tanh", K_TANH},
        {"asinh", K_ASINH}, {"erf", K_ERF}, {"erfc", K_ERFC}, {"lgamma", K_LGAMMA},
    };
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
        if (strcmp(f, plain[k].name) == 0)
            return op1(I, plain[k].op, a);
    if (strcmp(f, "rsqrt") == 0) return quo(I, cell(I, 1), op1(I, K_SQRT, a));
    if (strcmp(f, "square") == 0) return mul(I, a, a);
    if (strcmp(f, "abs") == 0) return mul(I, cell(I, sign_of(I, a)), a);
    if (strcmp(f, "sign") == 0) return cell(I, sign_of(I, a));
    if (strcmp(f, "floor") == 0) return whole(I, a, -1);
    if (strcmp(f, "ceil") == 0) return whole(I, a, 1);
    if (strcmp(f, "round") == 0) return whole(I, a, 0);
    if (strcmp(f, "digamma") == 0) return tape_op(&I->tape, K_POLYGAMMA, a, 0);
    if (strcmp(f, "sigmoid") == 0) return sigmoid(I, a);
    if (strcmp(f, "softplus") == 0) return softplus(I, a);
    if (strcmp(f, "log_sigmoid") == 0) return op1(I, K_NEG, softplus(I, op1(I, K_NEG, a)));
    if (strcmp(f, "normal_cdf") == 0) return normal_cdf(I, a);
    if (strcmp(f, "log_normal_cdf") == 0) return op1(I, K_LOG, normal_cdf(I, a));
    if (strcmp(f, "gelu") == 0) return mul(I, a, normal_cdf(I, a));
    if (strcmp(f, "silu") == 0) return mul(I, a, sigmoid(I, a));
    if (strcmp(f, "relu") == 0) return sign_of(I, a) > 0 ? a : cell(I, 0);
    if (strcmp(f, "selu") == 0)
        return scale(I, 1.0507009873554804934193349852946,
                     sign_of(I, a) > 0 ? a : scale(I, 1.6732632423543772848170429916717, op1(I, K_EXPM1, a)));
    if (strcmp(f, "hardtanh") == 0) return clamped(I, a, cell(I, -1), cell(I, 1));
    if (strcmp(f, "logit") == 0) return sub(I, op1(I, K_LOG, a), op1(I, K_LOG1P, op1(I, K_NEG, a)));
    return -1;
}

static int best_of_two(Interp *I, int a, int b, int wanted) {
    int c = tape_compare(&I->tape, a, b);
    return c == wanted ? a : c == -wanted ? b : scale(I, 0.5, add(I, a, b));
}

static int binary_function(Interp *I, const char *f, int a, int b) {
    if (strcmp(f, "max") == 0) return best_of_two(I, a, b, 1);
    if (strcmp(f, "min") == 0) return best_of_two(I, a, b, -1);
    if (strcmp(f, "pow") == 0) return op2(I, K_POW, a, b);
    if (strcmp(f, "atan2") == 0) return op2(I, K_ATAN2, a, b);
    if (strcmp(f, "logaddexp") == 0)
        return number(I, a) >= number(I, b) ? add(I, a, softplus(I, sub(I, b, a))) : add(I, b, softplus(I, sub(I, a, b)));
    if (strcmp(f, "lbeta") == 0)
        return sub(I, add(I, op1(I, K_LGAMMA, a), op1(I, K_LGAMMA, b)), op1(I, K_LGAMMA, add(I, a, b)));
    return -1;
}

static bool ints(const Val *a) { return a->type != T_REAL; }

static Val elementwise(Interp *I, const Ast *e, const char *f, Val *v, int n) {
    if (n == 1 && ints(&v[0]) && (strcmp(f, "abs") == 0 || strcmp(f, "sign") == 0)) {
        Val r = spread(I, &v[0], &v[0]);
        r.type = T_INT;
        for (int64_t i = 0; i < val_count(&r); i++)
            r.at[i] = *f == 'a' ? (r.at[i] < 0 ? -r.at[i] : r.at[i]) : (r.at[i] > 0) - (r.at[i] < 0);
        return r;
    }
    Val shape = n == 2 ? joint_shape(I, &v[0], &v[1]) : v[0];
    if (n == 2 && ints(&v[0]) && ints(&v[1]) && (strcmp(f, "max") == 0 || strcmp(f, "min") == 0)) {
        Val x = spread(I, &v[0], &shape), y = spread(I, &v[1], &shape);
        x.type = T_INT;
        for (int64_t i = 0; i < val_count(&x); i++)
            x.at[i] = (x.at[i] > y.at[i]) == (f[1] == 'a') ? x.at[i] : y.at[i];
        return x;
    }
    Val x = val_real(I, &v[0]), y = n == 2 ? val_real(I, &v[1]) : x;
    x = spread(I, &x, &shape);
    y = spread(I, &y, &shape);
    for (int64_t i = 0; i < val_count(&x); i++) {
        int c = n == 2 ? binary_function(I, f, (int)x.at[i], (int)y.at[i]) : unary(I, f, (int)x.at[i]);
        if (c < 0)
            return fail(I, e->span, "a function that the interpreter does not know");
        x.at[i] = c;
    }
    return x;
}

static Val call_where(Interp *I, const Val *c, const Val *a, const Val *b) {
    Val both = joint_shape(I, a, b), shape = joint_shape(I, c, &both);
    Val x = *a, y = *b, k = spread(I, c, &shape);
    if (x.type == T_REAL || y.type == T_REAL) {
        x = val_real(I, &x);
        y = val_real(I, &y);
    }
    Type type = x.type > y.type ? y.type : x.type;          /* T_REAL < T_INT < T_BOOL */
    x = spread(I, &x, &shape);
    y = spread(I, &y, &shape);
    x.type = type;
    for (int64_t i = 0; i < val_count(&x); i++)
        x.at[i] = k.at[i] ? x.at[i] : y.at[i];
    return x;
}

static Val call_clamp(Interp *I, const Val *v) {
    Val lohi = joint_shape(I, &v[1], &v[2]), shape = joint_shape(I, &v[0], &lohi), r[3];
    for (int k = 0; k < 3; k++) {
        r[k] = val_real(I, &v[k]);
        r[k] = spread(I, &r[k], &shape);
    }
    for (int64_t i = 0; i < val_count(&shape); i++)
        r[0].at[i] = clamped(I, (int)r[0].at[i], (int)r[1].at[i], (int)r[2].at[i]);
    return r[0];
}

/* ---------------------------------------------------------------- reductions */

static int sum_of(Interp *I, const int64_t *at, int n) {
    int s = n ? (int)at[0] : cell(I, 0);
    for (int i = 1; i < n; i++)
        s = add(I, s, (int)at[i]);
    return s;
}

/* The mean of the largest (wanted 1) or smallest; *first is its place. */
static int extreme(Interp *I, const int64_t *at, int n, int wanted, int *first) {
    int best = 0, ties = 1;
    for (int i = 1; i < n; i++)
        if (tape_compare(&I->tape, (int)at[i], (int)at[best]) == wanted)
            best = i;
    int s = (int)at[best];
    for (int i = best + 1; i < n; i++)
        if (tape_compare(&I->tape, (int)at[i], (int)at[best]) == 0) {
            s = add(I, s, (int)at[i]);
            ties++;
        }
    *first = best;
    return ties > 1 ? quo(I, s, cell(I, ties)) : s;
}

static int logsumexp(Interp *I, const int64_t *at, int n) {
    int first, m = tape_freeze(&I->tape, extreme(I, at, n, 1, &first)), s = cell(I, 0);
    for (int i = 0; i < n; i++)
        s = add(I, s, op1(I, K_EXP, sub(I, (int)at[i], m)));
    return add(I, m, op1(I, K_LOG, s));
}

static int variance(Interp *I, const int64_t *at, int n, int ddof) {
    int m = quo(I, sum_of(I, at, n), cell(I, n)), s = cell(I, 0);
    for (int i = 0; i < n; i++) {
        int d = sub(I, (int)at[i], m);
        s = add(I, s, mul(I, d, d));
    }
    return quo(I, s, cell(I, n - ddof));
}

static int root_or_zero(Interp *I, int s) { return sign_of(I, s) > 0 ? op1(I, K_SQRT, s) : cell(I, 0); }

static Val reduce_ints(Interp *I, const char *how, const int64_t *at, int n) {
    int64_t v = strcmp(how, "prod") == 0 || strcmp(how, "all") == 0;
    int best = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(how, "sum") == 0) v += at[i];
        else if (strcmp(how, "prod") == 0) v *= at[i];
        else if (strcmp(how, "any") == 0) v = v || at[i];
        else if (strcmp(how, "all") == 0) v = v && at[i];
        else if (strcmp(how, "max") == 0 || strcmp(how, "argmax") == 0) best = at[i] > at[best] ? i : best;
        else best = at[i] < at[best] ? i : best;
    }
    if (how[0] == 'm' && n)
        v = at[best];
    if (strncmp(how, "arg", 3) == 0)
        v = best;
    Val r = val_int(I, v);
    if (strcmp(how, "any") == 0 || strcmp(how, "all") == 0)
        r.type = T_BOOL;
    return r;
}

static Val reduce_with(Interp *I, const char *how, Type type, const int64_t *at, int n, int ddof) {
    static const char *const whole_numbers[] = {"sum", "prod", "max", "min", "argmax", "argmin", "any", "all"};
    int first = 0, s;
    for (size_t k = 0; type != T_REAL && k < sizeof whole_numbers / sizeof *whole_numbers; k++)
        if (strcmp(how, whole_numbers[k]) == 0)
            return reduce_ints(I, how, at, n);
    if (type != T_REAL) {
        int64_t *cells = arena_alloc(I->arena, sizeof(int64_t) * (size_t)(n + 1));
        for (int i = 0; i < n; i++)
            cells[i] = cell(I, (long double)at[i]);
        return reduce_with(I, how, T_REAL, cells, n, ddof);
    }
    if (strcmp(how, "sum") == 0) return val_cell(I, sum_of(I, at, n));
    if (strcmp(how, "mean") == 0) return val_cell(I, quo(I, sum_of(I, at, n), cell(I, n)));
    if (strcmp(how, "prod") == 0) {
        s = cell(I, 1);
        for (int i = 0; i < n; i++)
            s = mul(I, s, (int)at[i]);
        return val_cell(I, s);
    }
    if (strcmp(how, "norm") == 0) {
        s = cell(I, 0);
        for (int i = 0; i < n; i++)
            s = add(I, s, mul(I, (int)at[i], (int)at[i]));
        return val_cell(I, root_or_zero(I, s));
    }
    if (n == 0)
        return fail(I, (Span){0}, "a reduction of nothing");
    if (strcmp(how, "max") == 0) return val_cell(I, extreme(I, at, n, 1, &first));
    if (strcmp(how, "min") == 0) return val_cell(I, extreme(I, at, n, -1, &first));
    if (strncmp(how, "arg", 3) == 0) {
        extreme(I, at, n, how[4] == 'a' ? 1 : -1, &first);
        return val_int(I, first);
    }
    if (strcmp(how, "logsumexp") == 0) return val_cell(I, logsumexp(I, at, n));
    if (strcmp(how, "var") == 0) return val_cell(I, variance(I, at, n, ddof));
    if (strcmp(how, "std") == 0) return val_cell(I, root_or_zero(I, variance(I, at, n, ddof)));
    return fail(I, (Span){0}, "a reduction that the interpreter does not know");
}

Val reduce_cells(Interp *I, const char *how, Type type, const int64_t *at, int n) {
    return reduce_with(I, how, type, at, n, 0);
}

/* over = c, over = -1, over = (a, b): marks axes. */
static void mark_axes(Interp *I, const Ast *over, const Env *env, const Val *x, bool *marked) {
    if (over->kind == AST_TUPLE) {
        for (const Ast *e = over->items; e; e = e->next)
            mark_axes(I, e, env, x, marked);
        return;
    }
    const Env *d = over->kind == AST_NAME ? find(env, over->text) : NULL;
    for (int k = 0; d && k < x->rank; k++)
        if (x->dim[k] && strcmp(x->dim[k], d->name) == 0)
            marked[k] = true;
    if (d)
        return;
    Val v = eval(I, over, env);
    int64_t axis = v.at[0] < 0 ? v.at[0] + x->rank : v.at[0];
    if (axis >= 0 && axis < x->rank)
        marked[axis] = true;
}

/* Cells of x along the marked axes, for place i of the others. */
static int gather(Interp *I, const Val *x, const bool *marked, int64_t i, int64_t *at) {
    int n = 0;
    for (int64_t k = 0; k < val_count(x); k++) {
        int64_t rest = k, outer = 0, stride = 1;
        for (int a = x->rank - 1; a >= 0; a--) {
            int64_t place = rest % x->size[a];
            rest /= x->size[a];
            if (marked[a])
                continue;
            outer += place * stride;
            stride *= x->size[a];
        }
        if (outer == i)
            at[n++] = x->at[k];
    }
    (void)I;
    return n;
}

static Val call_reduction(Interp *I, const Ast *a, const Env *env) {
    const Ast *over = argument(a, 99, "over"), *ddof = argument(a, 99, "ddof");
    Val x = eval(I, a->items, env), result = {0};
    bool marked[MAX_AXES] = {0};
    for (int k = 0; k < x.rank; k++)
        marked[k] = over == NULL;
    if (over)
        mark_axes(I, over, env, &x, marked);
    int64_t size[MAX_AXES], *at = arena_alloc(I->arena, sizeof(int64_t) * (size_t)(val_count(&x) + 1));
    const char *dim[MAX_AXES];
    int rank = 0;
    for (int k = 0; k < x.rank; k++)
        if (!marked[k]) {
            dim[rank] = x.dim[k];
            size[rank++] = x.size[k];
        }
    Val shape = val_new(I, T_REAL, rank, size);
    for (int64_t i = 0; i < val_count(&shape); i++) {
        int n = gather(I, &x, marked, i, at);
        Val one = reduce_with(I, a->text, x.type, at, n, ddof ? (int)ddof->ival : 0);
        if (i == 0)
            result = val_new(I, one.type, rank, size);
        result.at[i] = one.at[0];
    }
    for (int k = 0; k < rank; k++)
        result.dim[k] = dim[k];
    return result;
}

/* ---------------------------------------------------------------- along one axis */

typedef void (*RowMap)(Interp *, const int64_t *in, int n, int64_t *out);

static void row_softmax(Interp *I, const int64_t *in, int n, int64_t *out) {
    int first, m = tape_freeze(&I->tape, extreme(I, in, n, 1, &first)), s = cell(I, 0);
    for (int i = 0; i < n; i++)
        s = add(I, s, (int)(out[i] = op1(I, K_EXP, sub(I, (int)in[i], m))));
    for (int i = 0; i < n; i++)
        out[i] = quo(I, (int)out[i], s);
}

static void row_log_softmax(Interp *I, const int64_t *in, int n, int64_t *out) {
    int l = logsumexp(I, in, n);
    for (int i = 0; i < n; i++)
        out[i] = sub(I, (int)in[i], l);
}

static void row_layer_norm(Interp *I, const int64_t *in, int n, int64_t *out) {
    int m = quo(I, sum_of(I, in, n), cell(I, n));
    int s = op1(I, K_SQRT, add(I, variance(I, in, n, 0), cell(I, 1e-5)));
    for (int i = 0; i < n; i++)
        out[i] = quo(I, sub(I, (int)in[i], m), s);
}

static void row_cumsum(Interp *I, const int64_t *in, int n, int64_t *out) {
    for (int i = 0; i < n; i++)
        out[i] = i ? add(I, (int)out[i - 1], (int)in[i]) : in[i];
}

static Val along(Interp *I, const Ast *a, const Env *env, RowMap map) {
    const Ast *over = argument(a, 1, "over");
    Val x = eval(I, a->items, env);
    x = val_real(I, &x);
    if (x.rank == 0)
        fail(I, a->span, "an array was needed");
    bool marked[MAX_AXES] = {0};
    if (over)
        mark_axes(I, over, env, &x, marked);
    else
        marked[x.rank - 1] = true;
    int axis = 0;
    while (axis < x.rank && !marked[axis])
        axis++;
    int64_t inner = 1, n = x.size[axis];
    for (int k = axis + 1; k < x.rank; k++)
        inner *= x.size[k];
    Val v = spread(I, &x, &x);
    int64_t *in = arena_alloc(I->arena, sizeof(int64_t) * (size_t)(2 * n)), *out = in + n;
    for (int64_t row = 0; row < val_count(&x) / n; row++) {
        int64_t base = row / inner * inner * n + row % inner;
        for (int64_t i = 0; i < n; i++)
            in[i] = x.at[base + i * inner];
        map(I, in, (int)n, out);
        for (int64_t i = 0; i < n; i++)
            v.at[base + i * inner] = out[i];
    }
    return v;
}

/* ---------------------------------------------------------------- losses */

static int loss_element(Interp *I, const char *f, int a, int b) {
    int e = sub(I, a, b), one = cell(I, 1);
    if (strcmp(f, "mse") == 0 || strcmp(f, "sse") == 0) return mul(I, e, e);
    if (strcmp(f, "mae") == 0) return unary(I, "abs", e);
    if (strcmp(f, "huber") == 0) {
        int size = unary(I, "abs", e);
        return tape_compare(&I->tape, size, one) <= 0 ? scale(I, 0.5, mul(I, e, e)) : sub(I, size, cell(I, 0.5));
    }
    if (strcmp(f, "bce") == 0)
        return add(I, mul(I, b, softplus(I, op1(I, K_NEG, a))), mul(I, sub(I, one, b), softplus(I, a)));
    if (strcmp(f, "hinge") == 0) return unary(I, "relu", sub(I, one, mul(I, b, a)));
    if (strcmp(f, "poisson_nll") == 0) return sub(I, op1(I, K_EXP, a), mul(I, b, a));
    return -1;
}

static Val elementwise_loss(Interp *I, const char *f, const Val *v) {
    Val shape = joint_shape(I, &v[0], &v[1]), x = val_real(I, &v[0]), y = val_real(I, &v[1]);
    x = spread(I, &x, &shape);
    y = spread(I, &y, &shape);
    for (int64_t i = 0; i < val_count(&x); i++)
        x.at[i] = loss_element(I, f, (int)x.at[i], (int)y.at[i]);
    return reduce_cells(I, strcmp(f, "sse") == 0 ? "sum" : "mean", T_REAL, x.at, (int)val_count(&x));
}

static Val cross_entropy(Interp *I, const Val *v) {
    Val x = val_real(I, &v[0]);
    int64_t n = x.size[x.rank - 1], rows = val_count(&x) / n;
    int s = cell(I, 0);
    for (int64_t i = 0; i < rows; i++)
        s = add(I, s, sub(I, logsumexp(I, x.at + i * n, (int)n), (int)x.at[i * n + v[1].at[i]]));
    return val_cell(I, quo(I, s, cell(I, (long double)rows)));
}

/* ---------------------------------------------------------------- vectors and matrices */

static Val call_diag(Interp *I, const Val *x) {
    int64_t n = x->size[0];
    Val v = val_new(I, x->type, x->rank == 1 ? 2 : 1, (int64_t[]){n, n});
    v.dim[0] = v.dim[1] = x->dim[0];
    for (int64_t i = 0; i < val_count(&v); i++)
        v.at[i] = x->rank == 2 ? x->at[i * n + i] : i / n == i % n ? x->at[i / n] : cell(I, 0);
    return v;
}

static Val call_trace(Interp *I, const Val *x) {
    Val d = call_diag(I, x);
    return reduce_cells(I, "sum", x->type, d.at, (int)x->size[0]);
}

static Val call_outer(Interp *I, const Val *x, const Val *y) {
    Val a = val_real(I, x), b = val_real(I, y), v = val_new(I, T_REAL, 2, (int64_t[]){a.size[0], b.size[0]});
    v.dim[0] = a.dim[0];
    v.dim[1] = b.dim[0];
    for (int64_t i = 0; i < val_count(&v); i++)
        v.at[i] = mul(I, (int)a.at[i / b.size[0]], (int)b.at[i % b.size[0]]);
    return v;
}

static Val call_concat(Interp *I, const Ast *a, const Env *env) {
    const Ast *which = argument(a, 99, "axis");
    Val part[16], w = which ? eval(I, which, env) : val_int(I, 0);
    int n = 0;
    int64_t total = 0, inner = 1, size[MAX_AXES];
    for (const Ast *e = a->items; e && n < 16; e = e->next)
        if (e->kind != AST_ARG) {
            part[n] = eval(I, e, env);
            part[n] = val_real(I, &part[n]);
            n++;
        }
    int axis = (int)(w.at[0] < 0 ? w.at[0] + part[0].rank : w.at[0]);
    for (int k = 0; k < n; k++)
        total += part[k].size[axis];
    for (int k = 0; k < part[0].rank; k++)
        size[k] = k == axis ? total : part[0].size[k];
    for (int k = axis + 1; k < part[0].rank; k++)
        inner *= size[k];
    Val v = val_new(I, T_REAL, part[0].rank, size);
    for (int k = 0; k < v.rank; k++)
        v.dim[k] = k == axis ? NULL : part[0].dim[k];
    for (int64_t i = 0; i < val_count(&v); i++) {
        int64_t low = i % inner, at = i / inner % total, high = i / inner / total;
        int k = 0;
        while (at >= part[k].size[axis])
            at -= part[k++].size[axis];
        v.at[i] = part[k].at[(high * part[k].size[axis] + at) * inner + low];
    }
    return v;
}

static Val call_reshape(Interp *I, const Ast *a, const Env *env) {
    Val x = eval(I, a->items, env), shape = eval(I, a->items->next, env);
    Val v = val_new(I, x.type, (int)shape.size[0], shape.at);
    int k = 0;
    for (const Ast *e = a->items->next->items; e; e = e->next, k++) {
        const Env *d = e->kind == AST_NAME ? find(env, e->text) : NULL;
        v.dim[k] = d && d->kind == ENV_DIM ? d->name : NULL;
    }
    v.at = x.at;
    return v;
}

/* ---------------------------------------------------------------- derivatives */

static Val derivative_at(Interp *I, const Val *s, const Val *x) {
    Val v = *x;
    int n = (int)val_count(x), *from = arena_alloc(I->arena, sizeof(int) * (size_t)n * 2), *to = from + n;
    v.at = arena_alloc(I->arena, sizeof(int64_t) * (size_t)n);
    for (int i = 0; i < n; i++)
        from[i] = (int)x->at[i];
    tape_reverse(&I->tape, (int)s->at[0], from, n, to);
    for (int i = 0; i < n; i++)
        v.at[i] = to[i];
    return v;
}

static Val along_direction(Interp *I, const Val *e, const Val *x, const Val *direction) {
    Val v = *e, along_x = val_real(I, direction);
    along_x = spread(I, &along_x, x);
    int n = (int)val_count(x), m = (int)val_count(e);
    int *from = arena_alloc(I->arena, sizeof(int) * (size_t)(2 * n + 2 * m)), *dx = from + n, *to = dx + n, *de = to + m;
    for (int i = 0; i < n; i++) {
        from[i] = (int)x->at[i];
        dx[i] = (int)along_x.at[i];
    }
    for (int j = 0; j < m; j++)
        to[j] = (int)e->at[j];
    tape_forward(&I->tape, to, m, from, n, dx, de);
    v.at = arena_alloc(I->arena, sizeof(int64_t) * (size_t)m);
    for (int j = 0; j < m; j++)
        v.at[j] = de[j];
    return v;
}

Val derivative_call(Interp *I, const Ast *a, const Env *env) {
    const Ast *which = argument(a, 1, NULL), *dir = argument(a, 2, NULL);
    Val s = eval(I, a->items, env), x = eval(I, which, env), v = dir ? eval(I, dir, env) : x;
    s = val_real(I, &s);
    if (strcmp(a->text, "grad") == 0)
        return derivative_at(I, &s, &x);
    if (strcmp(a->text, "jvp") == 0)
        return along_direction(I, &s, &x, &v);
    Val g = derivative_at(I, &s, &x);
    return along_direction(I, &g, &x, &v);
}

/* ---------------------------------------------------------------- calls */

/* Function arguments get cells of their own, so that grad() can tell them from what was passed. */
static Val call_user(Interp *I, const Ast *a, const Env *fn, const Env *env) {
    const Env *inner = fn;
    int place = 0;
    for (const Ast *p = fn->ast->items; p; p = p->next, place++) {
        const Ast *given = argument(a, place, p->text);
        for (const Ast *e = given ? NULL : a->items; e; e = e->next)
            if (e->kind == AST_ARG && strcmp(e->text, p->text) == 0)
                given = e->a;
        Val v = given ? eval(I, given, env) : eval(I, p->a, fn);
        int k = 0;
        for (const Ast *e = p->items; e && k < v.rank; e = e->next, k++) {
            if (e->kind != AST_NAME)
                continue;
            const Env *known = find(inner, e->text);
            if (!known || known->kind != ENV_DIM) {         /* a size variable: the caller's axis under this name */
                Env *d = bind(I, inner, e->text, val_int(I, v.size[k]));
                d->kind = ENV_DIM;
                d->local = true;
                d->origin = v.dim[k];
                inner = d;
            }
        }
        inner = bind(I, inner, p->text, keep(I, v));
        if (inner->value.rank)
            for (k = 0; k < v.rank; k++) {
                int i = 0;
                for (const Ast *e = p->items; e; e = e->next, i++)
                    if (i == k && e->kind == AST_NAME)
                        ((Env *)(uintptr_t)inner)->value.dim[k] = e->text;
            }
    }
    const Ast *body = fn->ast;
    if (body->clauses)
        inner = run_block(I, body->clauses, inner);
    Val v = eval(I, body->a, inner);
    for (int k = 0; k < v.rank; k++) {
        const Env *d = v.dim[k] ? find(inner, v.dim[k]) : NULL;
        v.dim[k] = d && d->local ? d->origin : v.dim[k];
    }
    return v;
}

static const char *const reductions =
    " sum mean prod max min argmax argmin logsumexp any all norm var std ";

static bool is_reduction(const char *name) {
    char padded[64];
    if (strlen(name) > 40)
        return false;
    padded[0] = ' ';
    strcpy(padded + 1, name);
    strcat(padded, " ");
    return strstr(reductions, padded) != NULL;
}

static Val stopped(Interp *I, const Val *a) {
    Val v = spread(I, a, a);
    for (int64_t i = 0; v.type == T_REAL && i < val_count(&v); i++)
        v.at[i] = tape_freeze(&I->tape, (int)v.at[i]);
    return v;
}

/* leaky_relu(x, slope) and elu(x, alpha): x above 0, else the slope times x or expm1(x). */
static Val call_bent(Interp *I, const Ast *a, const Env *env, const Val *v) {
    bool leaky = a->text[0] == 'l';
    const Ast *given = argument(a, 1, leaky ? "slope" : "alpha");
    for (const Ast *e = a->items; e; e = e->next)
        given = e->kind == AST_ARG ? e->a : given;
    Val k = given ? eval(I, given, env) : val_cell(I, cell(I, leaky ? 0.01 : 1)), x = val_real(I, v);
    k = val_real(I, &k);
    x = spread(I, &x, &x);
    for (int64_t i = 0; i < val_count(&x); i++)
        if (sign_of(I, (int)x.at[i]) <= 0)
            x.at[i] = mul(I, (int)k.at[0], leaky ? (int)x.at[i] : op1(I, K_EXPM1, (int)x.at[i]));
    return x;
}

static Val call_array(Interp *I, const Ast *a, const Env *env, const Val *v, int n) {
    const char *f = a->text;
    if (strcmp(f, "where") == 0 && n == 3) return call_where(I, &v[0], &v[1], &v[2]);
    if (strcmp(f, "clamp") == 0 && n == 3) return call_clamp(I, v);
    if (strcmp(f, "mod") == 0 && n == 2) return binary(I, '%', &v[0], &v[1]);
    if (strcmp(f, "stop") == 0) return stopped(I, &v[0]);
    if (strcmp(f, "diag") == 0) return call_diag(I, &v[0]);
    if (strcmp(f, "trace") == 0) return call_trace(I, &v[0]);
    if (strcmp(f, "outer") == 0) return call_outer(I, &v[0], &v[1]);
    if (strcmp(f, "dot") == 0) return matmul(I, &v[0], &v[1]);
    if (strcmp(f, "cross_entropy") == 0) return cross_entropy(I, v);
    if (strcmp(f, "size") == 0 || strcmp(f, "total") == 0) return v[0];
    if (n == 2 && strstr(" mse sse mae huber bce hinge poisson_nll ", f) && loss_element(I, f, cell(I, 0), cell(I, 0)) >= 0)
        return elementwise_loss(I, f, v);
    if (strcmp(f, "leaky_relu") == 0 || strcmp(f, "elu") == 0) return call_bent(I, a, env, v);
    return elementwise(I, a, f, (Val *)(uintptr_t)v, n);
}

Val call(Interp *I, const Ast *a, const Env *env) {
    const Env *fn = find(env, a->text);
    while (fn && fn->kind != ENV_FN)
        fn = find(fn->outer, a->text);
    if (fn)
        return call_user(I, a, fn, env);
    int n = 0;
    Val v[8];
    if (strcmp(a->text, "softmax") == 0) return along(I, a, env, row_softmax);
    if (strcmp(a->text, "log_softmax") == 0) return along(I, a, env, row_log_softmax);
    if (strcmp(a->text, "layer_norm") == 0) return along(I, a, env, row_layer_norm);
    if (strcmp(a->text, "cumsum") == 0) return along(I, a, env, row_cumsum);
    if (strcmp(a->text, "concat") == 0) return call_concat(I, a, env);
    if (strcmp(a->text, "reshape") == 0) return call_reshape(I, a, env);
    if (strcmp(a->text, "grad") == 0 || strcmp(a->text, "jvp") == 0 || strcmp(a->text, "hvp") == 0)
        return derivative_call(I, a, env);
    const Ast *second = argument(a, 1, NULL);
    if (is_reduction(a->text) && !second)
        return call_reduction(I, a, env);
    for (const Ast *e = a->items; e && n < 8; e = e->next)
        if (e->kind != AST_ARG)
            v[n++] = eval(I, e, env);
    if (n == 0)
        return fail(I, a->span, "a call that the interpreter does not know");
    return call_array(I, a, env, v, n);
}
