/* interp.c: expressions and statements of the naive interpreter.
 *
 *     let d[i in n, j in n] = (z[i] - z[j])^2        for every i, for every j: bind both, walk the body, keep its cell
 *
 * Both branches of where() are walked and one is kept: an index out of range gives nan or NOWHERE, which only matters
 * when it is kept. */
#include "interp.h"

#include <math.h>
#include <string.h>

_Noreturn Val fail(Interp *I, Span span, const char *what) {
    I->failed = what;
    I->where = span;
    longjmp(I->escape, 1);
}

/* ---------------------------------------------------------------- values */

int64_t val_count(const Val *v) {
    int64_t n = 1;
    for (int k = 0; k < v->rank; k++)
        n *= v->size[k];
    return n;
}

Val val_new(Interp *I, Type type, int rank, const int64_t *size) {
    Val v = {.type = type, .rank = rank};
    for (int k = 0; k < rank; k++)
        v.size[k] = size[k];
    int64_t n = val_count(&v);
    v.at = arena_alloc(I->arena, sizeof(int64_t) * (size_t)(n > 0 ? n : 1));
    return v;
}

Val val_int(Interp *I, int64_t i) {
    Val v = val_new(I, T_INT, 0, NULL);
    v.at[0] = i;
    return v;
}

Val val_cell(Interp *I, int cell) {
    Val v = val_new(I, T_REAL, 0, NULL);
    v.at[0] = cell;
    return v;
}

int64_t scalar_of(Interp *I, const Val *v) {
    if (v->rank != 0)
        fail(I, (Span){0}, "a scalar was needed");
    return v->at[0];
}

static Val like(Interp *I, Type type, const Val *shape) {
    Val v = val_new(I, type, shape->rank, shape->size);
    for (int k = 0; k < v.rank; k++) {
        v.dim[k] = shape->dim[k];
        v.stretch[k] = shape->stretch[k];
    }
    return v;
}

Val val_real(Interp *I, const Val *a) {
    if (a->type == T_REAL)
        return *a;
    Val v = like(I, T_REAL, a);
    for (int64_t i = 0; i < val_count(&v); i++)
        v.at[i] = tape_const(&I->tape, a->at[i] == NOWHERE ? (long double)NAN : (long double)a->at[i]);
    return v;
}

Val joint_shape(Interp *I, const Val *a, const Val *b) {
    const Val *longer = a->rank >= b->rank ? a : b, *other = longer == a ? b : a;
    Val v = *longer;
    int shift = longer->rank - other->rank;
    for (int k = 0; k < other->rank; k++) {
        int l = k + shift;
        if (longer->stretch[l] && !other->stretch[k]) {
            v.size[l] = other->size[k];
            v.dim[l] = other->dim[k];
            v.stretch[l] = false;
        } else if (!other->stretch[k] && longer->size[l] != other->size[k]) {
            fail(I, (Span){0}, "sizes differ");
        } else if (!v.dim[l] && !other->stretch[k]) {
            v.dim[l] = other->dim[k];
        }
    }
    return v;
}

Val spread(Interp *I, const Val *a, const Val *shape) {
    Val v = like(I, a->type, shape);
    int shift = shape->rank - a->rank;
    for (int64_t i = 0; i < val_count(&v); i++) {
        int64_t rest = i, stride = 1, from = 0;
        for (int k = v.rank - 1; k >= 0; k--) {
            int64_t at = rest % v.size[k];
            rest /= v.size[k];
            if (k < shift)
                continue;
            if (a->size[k - shift] == v.size[k])
                from += at * stride;
            stride *= a->size[k - shift];
        }
        v.at[i] = a->at[from];
    }
    return v;
}

Val keep(Interp *I, Val a) {
    int64_t n = val_count(&a);
    if (a.type != T_REAL || n == 0)
        return a;
    Val v = like(I, T_REAL, &a);
    for (int64_t i = 0; i < val_count(&v); i++)
        v.at[i] = tape_op(&I->tape, K_COPY, (int)a.at[i], -1);
    return v;
}

/* ---------------------------------------------------------------- names */

const Env *find(const Env *env, const char *name) {
    while (env && strcmp(env->name, name) != 0)
        env = env->outer;
    return env;
}

Env *bind(Interp *I, const Env *outer, const char *name, Val value) {
    Env *env = arena_alloc(I->arena, sizeof *env);
    env->outer = outer;
    env->name = name;
    env->value = value;
    return env;
}

static Val eval_name(Interp *I, const Ast *a, const Env *env) {
    const Env *e = find(env, a->text);
    if (e)
        return e->value;
    if (strcmp(a->text, "pi") == 0)
        return val_cell(I, tape_op(&I->tape, K_MUL, tape_const(&I->tape, 3.14159265358979323846), tape_const(&I->tape, 1)));
    if (strcmp(a->text, "inf") == 0)
        return val_cell(I, tape_const(&I->tape, (long double)INFINITY));
    return fail(I, a->span, "unknown name");
}

/* ---------------------------------------------------------------- operators */

static int64_t floor_quotient(int64_t a, int64_t b) { return b ? (a - ((a % b) + b) % b) / b : 0; }

static int64_t int_op(Interp *I, int op, int64_t a, int64_t b) {
    if ((a == NOWHERE || b == NOWHERE) && strchr("+-*D%^", op))
        return NOWHERE;
    switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case 'D': return floor_quotient(a, b);
    case '%': return a - b * floor_quotient(a, b);
    case '=': return a == b;
    case 'N': return a != b;
    case '<': return a < b;
    case 'L': return a <= b;
    case '>': return a > b;
    case 'G': return a >= b;
    case '&': return a && b;
    case '|': return a || b;
    case '^': {
        int64_t p = 1;
        for (int64_t k = 0; k < b; k++)
            p *= a;
        return p;
    }
    default: fail(I, (Span){0}, "unknown operator");
    }
}

static int64_t real_compare(Interp *I, int op, int a, int b) {
    int c = tape_compare(&I->tape, a, b);
    if (c == 2)
        return op == 'N';
    return op == '=' ? c == 0 : op == 'N' ? c != 0 : op == '<' ? c < 0 : op == 'L' ? c <= 0 : op == '>' ? c > 0 : c >= 0;
}

static int real_op(Interp *I, int op, int a, int b) {
    Tape *t = &I->tape;
    switch (op) {
    case '+': return tape_op(t, K_ADD, a, b);
    case '-': return tape_op(t, K_SUB, a, b);
    case '*': return tape_op(t, K_MUL, a, b);
    case '/': return tape_op(t, K_DIV, a, b);
    case '^': return tape_op(t, K_POW, a, b);
    case 'D': return tape_const(t, tape_whole(t, tape_op(t, K_DIV, a, b), -1));
    case '%': {                                             /* a - b floor(a / b) */
        int whole = tape_const(t, tape_whole(t, tape_op(t, K_DIV, a, b), -1));
        return tape_op(t, K_SUB, a, tape_op(t, K_MUL, b, whole));
    }
    default: fail(I, (Span){0}, "unknown operator");
    }
}

Val binary(Interp *I, int op, const Val *a, const Val *b) {
    Val shape = joint_shape(I, a, b);
    bool compares = strchr("=N<L>G&|", op) != NULL;
    bool reals = a->type == T_REAL || b->type == T_REAL || op == '/';
    Val x = reals ? val_real(I, a) : *a, y = reals ? val_real(I, b) : *b;
    x = spread(I, &x, &shape);
    y = spread(I, &y, &shape);
    Val v = like(I, compares ? T_BOOL : reals ? T_REAL : T_INT, &shape);
    for (int64_t i = 0; i < val_count(&v); i++)
        v.at[i] = !reals ? int_op(I, op, x.at[i], y.at[i])
                : compares ? real_compare(I, op, (int)x.at[i], (int)y.at[i]) : real_op(I, op, (int)x.at[i], (int)y.at[i]);
    return v;
}

static Val eval_binary(Interp *I, const Ast *a, const Env *env) {
    Val x = eval(I, a->a, env), y = eval(I, a->b, env);
    if (a->op == '@')
        return matmul(I, &x, &y);
    if (a->op == '^' && x.type != T_REAL && y.type != T_REAL && a->b->kind != AST_INT)
        x = val_real(I, &x);
    return binary(I, a->op, &x, &y);
}

static Val eval_unary(Interp *I, const Ast *a, const Env *env) {
    Val x = eval(I, a->a, env);
    if (a->op == '+')
        return x;
    Val v = like(I, a->op == '!' ? T_BOOL : x.type == T_BOOL ? T_INT : x.type, &x);
    for (int64_t i = 0; i < val_count(&v); i++)
        v.at[i] = a->op == '!' ? !x.at[i] : x.type == T_REAL ? tape_op(&I->tape, K_NEG, (int)x.at[i], -1)
                : x.at[i] == NOWHERE ? NOWHERE : -x.at[i];
    return v;
}

static Val transpose(Interp *I, const Val *a) {
    Val v = val_new(I, a->type, 2, (int64_t[]){a->size[1], a->size[0]});
    for (int k = 0; k < 2; k++) {
        v.dim[k] = a->dim[1 - k];
        v.stretch[k] = a->stretch[1 - k];
    }
    for (int64_t i = 0; i < v.size[0]; i++)
        for (int64_t j = 0; j < v.size[1]; j++)
            v.at[i * v.size[1] + j] = a->at[j * a->size[1] + i];
    return v;
}

/* x[.., k] @ y[k] or y[k, j]; a vector on the left acts on the first axis of a matrix. */
Val matmul(Interp *I, const Val *xs, const Val *ys) {
    Val x = val_real(I, xs), y = val_real(I, ys);
    if (x.rank < 1 || y.rank < 1 || y.rank > 2 || x.size[x.rank - 1] != y.size[0])
        return fail(I, (Span){0}, "inner sizes differ");
    int64_t K = y.size[0], columns = y.rank == 2 ? y.size[1] : 1, rows = K ? val_count(&x) / K : 0, size[MAX_AXES];
    for (int k = 0; k < x.rank; k++)
        size[k] = x.size[k];
    size[x.rank - 1] = columns;
    Val v = val_new(I, T_REAL, y.rank == 2 ? x.rank : x.rank - 1, size);
    for (int k = 0; k < x.rank - 1; k++)
        v.dim[k] = x.dim[k];
    if (y.rank == 2)
        v.dim[v.rank - 1] = y.dim[1];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            int sum = tape_const(&I->tape, 0);
            for (int64_t k = 0; k < K; k++)
                sum = tape_op(&I->tape, K_ADD, sum, tape_op(&I->tape, K_MUL, (int)x.at[i * K + k], (int)y.at[k * columns + j]));
            v.at[i * columns + j] = sum;
        }
    return v;
}

/* ---------------------------------------------------------------- brackets */

/* One axis of what is indexed: the places it gives, and the axes they make. */
typedef struct { int rank; int64_t size[MAX_AXES]; const char *dim[MAX_AXES]; bool stretch, is_new; int64_t *place; int64_t n; } Pick;

static int64_t bound(Interp *I, const Ast *e, const Env *env, int64_t size) {
    Val v = eval(I, e, env);
    int64_t at = scalar_of(I, &v);
    return e->kind == AST_UNARY && e->op == '-' && e->a->kind == AST_INT ? at + size : at;
}

static Pick pick(Interp *I, const Ast *item, const Env *env, const Val *x, int axis) {
    Pick p = {.rank = 1};
    int64_t size = axis < x->rank ? x->size[axis] : 1, begin = 0, end = size, step = 1;
    if (!item || item->kind == AST_SLICE) {
        bool whole = !item || (!item->a && !item->b && !item->c);
        if (item && item->a)
            begin = bound(I, item->a, env, size);
        if (item && item->b)
            end = bound(I, item->b, env, size);
        if (item && item->c)
            step = bound(I, item->c, env, size);
        if (begin < 0 || end > size || step < 1 || begin >= end)
            fail(I, item ? item->span : (Span){0}, "a slice out of range");
        p.n = end > begin ? (end - begin + step - 1) / step : 0;
        p.dim[0] = whole && axis < x->rank ? x->dim[axis] : NULL;
        p.stretch = whole && axis < x->rank && x->stretch[axis];
        p.size[0] = p.n;
        p.place = arena_alloc(I->arena, sizeof(int64_t) * (size_t)(p.n + 1));
        for (int64_t i = 0; i < p.n; i++)
            p.place[i] = begin + i * step;
        return p;
    }
    Val v = eval(I, item, env);
    p.rank = v.rank;
    p.n = val_count(&v);
    p.place = v.at;
    for (int k = 0; k < v.rank; k++) {
        p.size[k] = v.size[k];
        p.dim[k] = v.dim[k];
    }
    if (item->kind == AST_UNARY && item->op == '-' && item->a->kind == AST_INT)
        p.place[0] += size;
    return p;
}

static Val index_value(Interp *I, const Val *x, const Ast *items, const Env *env) {
    Pick picks[2 * MAX_AXES];
    int n = 0, axis = 0;
    int64_t size[2 * MAX_AXES];
    Val shape = {0};
    for (; (items || axis < x->rank) && n < 2 * MAX_AXES; items = items ? items->next : NULL) {
        if (items && items->kind == AST_NEW) {
            picks[n] = (Pick){.rank = 1, .size = {1}, .stretch = true, .is_new = true, .n = 1};
        } else {
            if (axis >= x->rank)
                return fail(I, items->span, "too many indices");
            picks[n] = pick(I, items, env, x, axis++);
        }
        for (int k = 0; k < picks[n].rank; k++) {
            size[shape.rank] = picks[n].size[k];
            shape.dim[shape.rank] = picks[n].dim[k];
            shape.stretch[shape.rank++] = picks[n].stretch;
        }
        n++;
    }
    Val v = val_new(I, x->type, shape.rank, size);
    memcpy(v.dim, shape.dim, sizeof v.dim);
    memcpy(v.stretch, shape.stretch, sizeof v.stretch);
    for (int64_t i = 0; i < val_count(&v); i++) {
        int64_t rest = i, from = 0, stride = 1;
        bool inside = true;
        for (int k = n - 1, a = x->rank; k >= 0; k--) {
            int64_t at = rest % picks[k].n;
            rest /= picks[k].n;
            if (picks[k].is_new)
                continue;
            int64_t place = picks[k].place[at];
            a--;
            inside = inside && place >= 0 && place < x->size[a];
            from += place * stride;
            stride *= x->size[a];
        }
        v.at[i] = inside ? x->at[from] : x->type == T_REAL ? tape_const(&I->tape, (long double)NAN) : NOWHERE;
    }
    return v;
}

/* Inside a recurrence: the step before, 'from' at the first; or a step of a name above. */
static Val index_steps(Interp *I, const Env *e, const Ast *a, const Env *env) {
    Val t = eval(I, a->items, env);
    int64_t at = scalar_of(I, &t);
    Val step;
    if (at < 0 && e->has_from) {
        step = e->from;
    } else {
        if (!e->sized || at < 0 || at >= e->value.size[0])
            return e->has_from ? e->from : val_cell(I, tape_const(&I->tape, (long double)NAN));
        int64_t size[MAX_AXES];
        for (int k = 1; k < e->value.rank; k++)
            size[k - 1] = e->value.size[k];
        step = val_new(I, e->value.type, e->value.rank - 1, size);
        for (int k = 0; k < step.rank; k++)
            step.dim[k] = e->value.dim[k + 1];
        step.at = e->value.at + at * val_count(&step);
    }
    return a->items->next && step.rank ? index_value(I, &step, a->items->next, env) : step;
}

static Val eval_index(Interp *I, const Ast *a, const Env *env) {
    const Env *e = a->a->kind == AST_NAME ? find(env, a->a->text) : NULL;
    if (e && e->kind == ENV_STEPS)
        return index_steps(I, e, a, env);
    Val x = eval(I, a->a, env);
    return index_value(I, &x, a->items, env);
}

Val slice_along(Interp *I, const Val *x, int axis, int64_t begin, int64_t n, int64_t step) {
    Val v = *x;
    v.size[axis] = n;
    Val r = like(I, x->type, &v);
    int64_t inner = 1;
    for (int k = axis + 1; k < x->rank; k++)
        inner *= x->size[k];
    for (int64_t i = 0; i < val_count(&r); i++) {
        int64_t low = i % inner, at = i / inner % n, high = i / inner / n;
        r.at[i] = x->at[(high * x->size[axis] + begin + at * step) * inner + low];
    }
    return r;
}

static Val eval_array(Interp *I, const Ast *a, const Env *env) {
    Val part[64] = {{0}}, shape = {.type = T_BOOL};
    int n = 0;
    for (const Ast *e = a->items; e && n < 64; e = e->next) {
        part[n] = eval(I, e, env);
        shape.type = part[n].type == T_REAL || shape.type == T_REAL ? T_REAL
                   : part[n].type == T_INT || shape.type == T_INT ? T_INT : T_BOOL;
        n++;
    }
    int64_t size[MAX_AXES] = {n}, inner = val_count(&part[0]);
    for (int k = 0; k < part[0].rank; k++)
        size[k + 1] = part[0].size[k];
    Val v = val_new(I, shape.type, part[0].rank + 1, size);
    for (int i = 0; i < n; i++) {
        Val p = v.type == T_REAL ? val_real(I, &part[i]) : part[i];
        for (int64_t k = 0; k < inner; k++)
            v.at[i * inner + k] = p.at[k];
    }
    return v;
}

/* ---------------------------------------------------------------- index notation */

typedef struct { VEC(Val) body; VEC(int64_t) index; } Bodies;

/* Every setting of the indices that items declare, in order; the bodies they give. */
static void walk(Interp *I, const Ast *item, const Ast *body, const Env *env, int64_t first, bool outermost, Bodies *out) {
    if (!item) {
        Val v = eval(I, body, env);
        vec_push(I, &out->body, v);
        vec_push(I, &out->index, first);
        return;
    }
    if (item->kind != AST_IN) {
        fail(I, item->span, "a range was needed");
    }
    Val a = eval(I, item->a, env), b = item->b ? eval(I, item->b, env) : val_int(I, 0);
    int64_t lo = item->b ? scalar_of(I, &a) : 0, hi = item->b ? scalar_of(I, &b) : scalar_of(I, &a);
    for (int64_t i = lo; i < hi; i++)
        walk(I, item->next, body, bind(I, env, item->text, val_int(I, i)), outermost ? i : first, false, out);
}

/* Of no settings at all: the neutral element, in the shape that the body would have. */
static Val reduce_nothing(Interp *I, const Ast *a, const Env *env) {
    for (const Ast *item = a->items; item; item = item->next)
        env = bind(I, env, item->text, item->b ? eval(I, item->a, env) : val_int(I, 0));
    Val shape = eval(I, a->a, env), one = reduce_cells(I, a->text, shape.type, NULL, 0);
    return spread(I, &one, &shape);
}

static Val eval_reduce(Interp *I, const Ast *a, const Env *env) {
    Bodies bodies = {0};
    walk(I, a->items, a->a, env, 0, true, &bodies);
    if (bodies.body.n == 0)
        return reduce_nothing(I, a, env);
    bool arg = strcmp(a->text, "argmax") == 0 || strcmp(a->text, "argmin") == 0;
    if (bodies.body.n == 0 || arg || bodies.body.at[0].rank == 0) {
        int64_t *at = arena_alloc(I->arena, sizeof(int64_t) * (size_t)(bodies.body.n + 1));
        for (int i = 0; i < bodies.body.n; i++)
            at[i] = bodies.body.at[i].at[0];
        Val v = reduce_cells(I, a->text, bodies.body.n ? bodies.body.at[0].type : T_REAL, at, bodies.body.n);
        if (arg && bodies.body.n)
            v.at[0] = bodies.index.at[v.at[0]];
        return v;
    }
    Val shape = bodies.body.at[0], result = {0};
    for (int64_t k = 0; k < val_count(&shape); k++) {
        int64_t *at = arena_alloc(I->arena, sizeof(int64_t) * (size_t)bodies.body.n);
        for (int i = 0; i < bodies.body.n; i++)
            at[i] = bodies.body.at[i].at[k];
        Val one = reduce_cells(I, a->text, shape.type, at, bodies.body.n);
        if (k == 0)
            result = like(I, one.type, &shape);
        result.at[k] = one.at[0];
    }
    return result;
}

Val eval(Interp *I, const Ast *a, const Env *env) {
    if (I->tape.too_long)
        fail(I, a->span, "too long");
    switch ((int)a->kind) {
    case AST_INT: return val_int(I, a->ival);
    case AST_REAL: return val_cell(I, tape_const(&I->tape, (long double)a->rval));
    case AST_BOOL: { Val v = val_int(I, a->ival); v.type = T_BOOL; return v; }
    case AST_NAME: return eval_name(I, a, env);
    case AST_UNARY: return eval_unary(I, a, env);
    case AST_BINARY: return eval_binary(I, a, env);
    case AST_TRANSPOSE: { Val x = eval(I, a->a, env); return transpose(I, &x); }
    case AST_INDEX: return eval_index(I, a, env);
    case AST_CALL: return call(I, a, env);
    case AST_REDUCE: return eval_reduce(I, a, env);
    case AST_ARRAY: return eval_array(I, a, env);
    default: return fail(I, a->span, "an expression that the interpreter does not know");
    }
}

/* ---------------------------------------------------------------- statements */

static bool is_comprehension(const Ast *items) { return items && items->kind == AST_IN; }

static const char *dim_name(const Ast *e, const Env *env) {
    const Env *d = e && e->kind == AST_NAME ? find(env, e->text) : NULL;
    return d && d->kind == ENV_DIM ? d->name : NULL;
}

static Val comprehension(Interp *I, const Ast *items, const Ast *body, const Env *env) {
    Bodies bodies = {0};
    int64_t size[2 * MAX_AXES];
    Val v, shape = {0};
    walk(I, items, body, env, 0, true, &bodies);
    if (I->tape.too_long)
        fail(I, body->span, "too long");
    if (bodies.body.n == 0)
        return fail(I, body->span, "an empty comprehension");
    for (const Ast *e = items; e; e = e->next) {
        Val n = eval(I, e->a, env);
        shape.dim[shape.rank] = dim_name(e->a, env);
        size[shape.rank++] = n.at[0];
    }
    for (int k = 0; k < bodies.body.at[0].rank; k++) {
        shape.dim[shape.rank] = bodies.body.at[0].dim[k];
        size[shape.rank++] = bodies.body.at[0].size[k];
    }
    v = val_new(I, bodies.body.at[0].type, shape.rank, size);
    memcpy(v.dim, shape.dim, sizeof v.dim);
    int64_t inner = val_count(&bodies.body.at[0]);
    if (bodies.body.n != val_count(&v) / (inner ? inner : 1))
        fail(I, body->span, "rows of different lengths");
    for (int i = 0; i < bodies.body.n; i++)
        for (int64_t k = 0; k < inner; k++)
            v.at[i * inner + k] = bodies.body.at[i].at[k];
    return v;
}

static void note_shape(const Ast *items, const Env *env, Val *v) {
    int k = 0;
    for (const Ast *e = items; e && k < v->rank; e = e->next, k++)
        if (!v->dim[k])
            v->dim[k] = dim_name(e, env);
}

/* All lets of a scan, or one recurrence, step by step. */
static const Env *recur(Interp *I, const Ast *range, const Ast *lets, bool one, const Env *env) {
    Val n = eval(I, range->a, env);
    int64_t steps = scalar_of(I, &n);
    const Env *inner = env;
    Env *state[16];
    int count = 0;
    for (const Ast *let = lets; let && count < 16; let = one ? NULL : let->next) {
        Env *e = bind(I, inner, let->text, (Val){0});
        e->kind = ENV_STEPS;
        e->has_from = let->from != NULL;
        if (let->from)
            e->from = eval(I, let->from, env);
        inner = state[count++] = e;
    }
    for (int64_t t = 0; t < steps; t++) {
        int k = 0;
        for (const Ast *let = lets; let && k < count; let = one ? NULL : let->next, k++) {
            const Env *here = bind(I, inner, range->text, val_int(I, t));
            Val v = let->items->next && let->items->next->kind == AST_IN ? comprehension(I, let->items->next, let->a, here)
                                                                        : eval(I, let->a, here);
            Env *e = state[k];
            if (let->from && e->from.type != v.type) {
                v = val_real(I, &v);
                e->from = val_real(I, &e->from);
            }
            if (let->from && e->from.rank < v.rank)
                e->from = spread(I, &e->from, &v);
            if (!e->sized) {
                int64_t size[2 * MAX_AXES] = {steps};
                for (int j = 0; j < v.rank; j++)
                    size[j + 1] = v.size[j];
                e->value = val_new(I, v.type, v.rank + 1, size);
                e->value.dim[0] = dim_name(range->a, env);
                for (int j = 0; j < v.rank; j++)
                    e->value.dim[j + 1] = v.dim[j];
                note_shape(let->items, env, &e->value);
                e->sized = true;
            }
            for (int64_t j = 0; j < val_count(&v); j++)
                e->value.at[t * val_count(&v) + j] = v.type == T_REAL ? tape_op(&I->tape, K_COPY, (int)v.at[j], -1) : v.at[j];
        }
    }
    const Env *after = env;
    for (int k = 0; k < count; k++)
        after = bind(I, after, state[k]->name, state[k]->value);
    return after;
}

Val statement_value(Interp *I, const Ast *s, const Env *env) {
    if (s->from)
        return recur(I, s->items, s, true, env)->value;
    if (is_comprehension(s->items))
        return comprehension(I, s->items, s->a, env);
    Val v = eval(I, s->a, env);
    note_shape(s->items, env, &v);
    return v;
}

const Env *run_block(Interp *I, const Ast *s, const Env *env) {
    for (; s; s = s->next) {
        if (s->kind == AST_SCAN)
            env = recur(I, s->a->kind == AST_IN ? s->a : s, s->clauses, false, env);
        else if (s->kind == AST_LET)
            env = bind(I, env, s->text, s->from ? statement_value(I, s, env) : keep(I, statement_value(I, s, env)));
        else
            fail(I, s->span, "a statement that the interpreter does not know");
    }
    return env;
}

/* ---------------------------------------------------------------- inputs, from names and the seed */

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t name_hash(const Interp *I, const char *name) {
    uint64_t h = mix(I->seed + 1);
    while (*name)
        h = mix(h ^ (uint64_t)(unsigned char)*name++);
    return h;
}

/* Three names in four: any number; the others: quarters, which tie. */
static double draw_real(uint64_t h, int64_t i) {
    uint64_t r = mix(h + (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15));
    if (h % 4 == 0)
        return (double)(int64_t)(r % 13) / 4 - 1.5;
    return (double)(r >> 11) * 0x1p-53 * 3 - 1.5;
}

static const Ast *clause(const Ast *s, const char *word) {
    for (const Ast *c = s->clauses; c; c = c->next)
        if (c->text && strcmp(c->text, word) == 0)
            return c;
    return NULL;
}

static Val declared_shape(Interp *I, const Ast *s) {
    int64_t size[MAX_AXES];
    Val shape = {0};
    for (const Ast *e = s->items; e && shape.rank < MAX_AXES; e = e->next) {
        Val n = eval(I, e, I->env);
        shape.dim[shape.rank] = dim_name(e, I->env);
        size[shape.rank++] = n.at[0];
    }
    Val v = val_new(I, T_REAL, shape.rank, size);
    memcpy(v.dim, shape.dim, sizeof v.dim);
    return v;
}

static Val declared(Interp *I, const Ast *s) {
    Val v = declared_shape(I, s);
    uint64_t h = name_hash(I, s->text);
    const Ast *labels = clause(s, "index");
    v.type = labels || clause(s, "int") ? T_INT : clause(s, "bool") ? T_BOOL : T_REAL;
    int64_t ids = 7;
    if (labels) {
        Val n = eval(I, labels->items, I->env);
        ids = n.at[0];
    }
    for (int64_t i = 0; i < val_count(&v); i++) {
        uint64_t r = mix(h + (uint64_t)i * 7919);
        v.at[i] = v.type == T_REAL ? tape_op(&I->tape, K_COPY, tape_const(&I->tape, (long double)draw_real(h, i)), -1)
                : v.type == T_BOOL ? (int64_t)(r % 2) : labels ? (int64_t)(r % (uint64_t)ids) : (int64_t)(r % 7) - 3;
    }
    return v;
}

static Val dim_size(Interp *I, const Ast *s) {
    if (s->a)
        return eval(I, s->a, I->env);
    return val_int(I, 3 + (int64_t)(name_hash(I, s->text) % 3));
}

static void run_statement(Interp *I, const Ast *s) {
    Result r = {.name = s->text ? s->text : s->a && s->a->kind == AST_NAME ? s->a->text : NULL};     /* 'output h' */
    Env *e;
    switch ((int)s->kind) {
    case AST_PRECISION: case AST_TRAIN: return;
    case AST_DIM:
        r.value = dim_size(I, s);
        vec_push(I, &I->dims, r);
        I->env = e = bind(I, I->env, s->text, r.value);
        e->kind = ENV_DIM;
        return;
    case AST_DATA: case AST_PARAM:
        r.value = declared(I, s);
        if (s->kind == AST_DATA)
            vec_push(I, &I->data, r);
        else
            vec_push(I, &I->params, r);
        I->env = bind(I, I->env, s->text, r.value);
        return;
    case AST_FN:
        I->env = e = bind(I, I->env, s->text, (Val){0});
        e->kind = ENV_FN;
        e->ast = s;
        return;
    case AST_LOSS: case AST_METRIC: case AST_OUTPUT:
        r.value = keep(I, statement_value(I, s, I->env));
        if (s->kind != AST_OUTPUT)
            r.value = val_real(I, &r.value);
        if (s->kind == AST_LOSS)
            vec_push(I, &I->losses, r);
        else if (s->kind == AST_METRIC)
            vec_push(I, &I->metrics, r);
        else
            vec_push(I, &I->outputs, r);
        if (s->text)
            I->env = bind(I, I->env, s->text, r.value);
        return;
    default: {
        Ast alone = *s;
        alone.next = NULL;
        I->env = run_block(I, &alone, I->env);
    }
    }
}

/* The gradient of the sum of losses, as the trainer sees it. */
static void gradients(Interp *I) {
    int total = tape_const(&I->tape, 0), n = 0, *x, *dx;
    for (int i = 0; i < I->losses.n; i++)
        total = tape_op(&I->tape, K_ADD, total, (int)I->losses.at[i].value.at[0]);
    for (int i = 0; i < I->params.n; i++)
        n += (int)val_count(&I->params.at[i].value);
    x = arena_alloc(I->arena, sizeof(int) * (size_t)(n + 1));
    dx = arena_alloc(I->arena, sizeof(int) * (size_t)(n + 1));
    n = 0;
    for (int i = 0; i < I->params.n; i++)
        for (int64_t k = 0; k < val_count(&I->params.at[i].value); k++)
            x[n++] = (int)I->params.at[i].value.at[k];
    tape_reverse(&I->tape, total, x, n, dx);
    n = 0;
    for (int i = 0; i < I->params.n; i++) {
        Result *r = &I->params.at[i];
        r->grad = like(I, T_REAL, &r->value);
        for (int64_t k = 0; k < val_count(&r->value); k++)
            r->grad.at[k] = dx[n++];
    }
}

bool interpret(Interp *I, const Ast *program) {
    I->tape.arena = I->arena;
    if (setjmp(I->escape))
        return false;
    for (const Ast *s = program; s; s = s->next)
        run_statement(I, s);
    gradients(I);
    return !I->tape.too_long;
}
