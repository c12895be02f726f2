/* lower_expr.c: expressions become values.
 *
 * In: syntax and what is in scope. Out: a Val, or a bad one after a message. Shapes and types are checked here, once for
 * every place where a function is expanded. `where`, `and` and `or` of scalars are lazy: what they guard is lowered under
 * the guard, so an index that the guard makes good needs no check and a derivative stays on its side. */
#include "lower.h"
#include <math.h>
#include <string.h>

static const char *op_words(int op) {
    static const char *const words[][2] = {{"D", "//"}, {"=", "=="}, {"N", "!="}, {"L", "<="}, {"G", ">="}, {"&", "and"}, {"|", "or"}};
    static const char *const plain[] = {"+", "-", "*", "/", "%", "@", "^", "<", ">"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (words[k][0][0] == op)
            return words[k][1];
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
        if (plain[k][0] == op)
            return plain[k];
    return "?";
}

/* ---------------------------------------------------------------- scalars and sizes */

const Ex *lower_scalar(Lower *L, const Ast *a, Type type, const char *what) {
    Val v = lower_expr(L, a);
    if (v.bad)
        return NULL;
    if (v.rank > 0) {
        ERR(L, a->span, "E0205", "%s must be a scalar, not %s", what, shape_text(L, &v));
        if (!L->muted)
            note_dims(L, &v, NULL);
        return NULL;
    }
    if (type == T_INT && v.type == T_REAL) {
        ERR(L, a->span, "E0211", "%s must be an int, not a real", what);
        if (!L->muted && a->kind == AST_BINARY && a->op == '/')
            hint(L->ctx, "'/' always gives a real; write '//' for whole division");
        else if (!L->muted && strstr(span_text(L->ctx, a->span), "/"))
            hint(L->ctx, "'/' always gives a real; write '//' for whole division");
        return NULL;
    }
    return ex_cast(L->ctx, wider_type(v.type, type), v.body);
}

/* A size: an int expression of dims and numbers, and of index variables where a range may use them. */
const Ex *lower_size(Lower *L, const Ast *a, const Dim **plain) {
    if (plain)
        *plain = NULL;
    if (a->kind == AST_NAME) {
        Symbol *s = lookup(L, a->text);
        if (s && s->kind == SYM_DIM && plain)
            *plain = s->dim;
    }
    return lower_scalar(L, a, T_INT, "a size");
}

static Val condition(Lower *L, Val v, const Ast *a) {
    if (!v.bad && v.type == T_REAL) {
        ERR(L, a->span, "E0211", "a condition must be bool or int, not real");
        if (!L->muted)
            hint(L->ctx, "write x != 0");
        return val_bad();
    }
    if (!v.bad && v.type == T_INT) {
        v.body = ex2(L->ctx, OP_NE, v.body, ex_int(L->ctx, 0));
        v.type = T_BOOL;
    }
    return v;
}

Val lower_condition(Lower *L, const Ast *a) { return condition(L, lower_expr(L, a), a); }

/* ---------------------------------------------------------------- names and numbers */

static Val built_in_value(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    if (strcmp(a->text, "pi") == 0)
        return val_scalar(ex_real(ctx, 3.14159265358979323846));
    if (strcmp(a->text, "inf") == 0)
        return val_scalar(ex_real(ctx, INFINITY));
    if (strcmp(a->text, "nan") == 0)
        return val_scalar(ex_real(ctx, NAN));
    if (strcmp(a->text, "eps") == 0)
        return val_scalar(ex_real(ctx, L->graph->precision == 64 ? 0x1p-52 : 0x1p-23));
    unknown_name(L, a);
    return val_bad();
}

OWN_FRAME static Val lower_name(Lower *L, const Ast *a) {
    Symbol *s = lookup(L, a->text);
    if (!s)
        return built_in_value(L, a);
    switch (s->kind) {
    case SYM_DIM: return s->dim->failed ? val_bad() : val_scalar(ex_dim(L->ctx, s->dim));
    case SYM_VALUE: case SYM_INDEX: return s->value;
    case SYM_STATE:
        ERR(L, a->span, "E0216", "'%s' is being defined: inside its recurrence read it at an index, as %s[t-1]", a->text, a->text);
        return val_bad();
    case SYM_FN:
        ERR(L, a->span, "E0211", "'%s' is a function: call it, as %s(...)", a->text, a->text);
        return val_bad();
    case SYM_BAD: break;
    }
    return val_bad();
}

/* ---------------------------------------------------------------- operators */

OWN_FRAME static Val arithmetic(Lower *L, int op, Val a, Val b, const Ast *ast) {
    static const struct { int c; Op op; } table[] = {
        {'+', OP_ADD}, {'-', OP_SUB}, {'*', OP_MUL}, {'/', OP_DIV}, {'D', OP_FLOORDIV}, {'%', OP_MOD}, {'^', OP_POW},
        {'=', OP_EQ}, {'N', OP_NE}, {'<', OP_LT}, {'L', OP_LE}, {'>', OP_LT}, {'G', OP_LE},
    };
    Val shape = {0};
    char *what = arena_printf(L->ctx->arena, "'%s'", op_words(op));
    if (!combine_shapes(L, &a, &b, &shape, ast ? (ast->op_span.end ? ast->op_span : ast->span) : (Span){0}, what,
                        ast && ast->kind == AST_BINARY ? ast->a : NULL, ast && ast->kind == AST_BINARY ? ast->b : NULL))
        return val_bad();
    Op code = OP_ADD;
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        if (table[k].c == op)
            code = table[k].op;
    bool compare = code == OP_EQ || code == OP_NE || code == OP_LT || code == OP_LE;
    Type type = wider_type(a.type, b.type);
    if (op == '/' || op == '^')
        type = T_REAL;
    else if (type == T_BOOL && !compare)
        type = T_INT;
    else if (type == T_BOOL)
        type = T_INT;
    Val args[2] = {val_cast(L, a, type), val_cast(L, b, type)};
    if (op == '>' || op == 'G') {
        Val t = args[0];
        args[0] = args[1], args[1] = t;
    }
    return val_checked(L, code, args, 2, &shape, ast ? ast->op_span.end ? ast->op_span : ast->span : (Span){0});
}

/* Of numbers, an int operation is folded into its value: unless there is none, or none below 2^63. That is a mistake where
 * nothing keeps it from being reached. */
static bool has_value(Lower *L, Op op, const Ex *const *arg, int n, const Ex *made, Span at) {
    int64_t v;
    if (made->type != T_INT || L->guard.n > 0 || !ex_is_int(arg[n - 1], &v))
        return true;
    bool by_zero = (op == OP_FLOORDIV || op == OP_MOD) && v == 0;
    if (!by_zero && (made->op == OP_INT || !ex_is_int(arg[0], &v)))
        return true;
    ERR(L, at, "E0214", by_zero ? "division by 0" : "this whole number is beyond 2^63");
    return false;
}

/* An operation on scalars or arrays of one type, with its divisor and its result checked. */
Val val_checked(Lower *L, Op op, const Val *args, int n, const Val *shape, Span at) {
    Val own[2] = {args[0], args[n - 1]};
    const Ex *arg[2] = {own[0].body, own[1].body};
    if ((op == OP_FLOORDIV || op == OP_MOD) && own[1].type == T_INT && !ex_is_number(own[1].body, 0))
        own[1].body = checked_divisor(L, own[1].body, at);
    Val v = val_op(L, op, own, n, shape);
    return v.bad || has_value(L, op, arg, n, v.body, at) ? v : val_bad();
}

/* An int to the power of a non-negative int literal is an int. */
OWN_FRAME static Val power(Lower *L, Val a, Val b, const Ast *ast) {
    int64_t k;
    bool literal = ast && ast->b && ast->b->kind == AST_INT;
    if (a.type != T_REAL && literal && b.rank == 0 && b.body && ex_is_int(b.body, &k) && k >= 0) {
        Val x = val_cast(L, a, T_INT), p = a;
        p.body = ex_int(L->ctx, 1);
        p.type = T_INT;
        p.labels = NULL;
        Span at = ast->op_span.end ? ast->op_span : ast->span;
        for (; k > 0 && !p.bad; k /= 2) {                   /* x, x^2, x^4 ... */
            if (k % 2)
                p = val_checked(L, OP_MUL, (Val[]){p, x}, 2, &p, at);
            if (k > 1 && !p.bad)
                x = val_checked(L, OP_MUL, (Val[]){x, x}, 2, &x, at);
            if (x.bad)
                return x;
        }
        return p;
    }
    return arithmetic(L, '^', a, b, ast);
}

Val val_binary(Lower *L, int op, Val a, Val b, const Ast *ast) {
    if (a.bad || b.bad)
        return val_bad();
    return op == '^' ? power(L, a, b, ast) : op == '@' ? val_matmul(L, a, b, ast) : arithmetic(L, op, a, b, ast);
}

static void matmul_error(Lower *L, const Val *a, const Val *b, int ka, int kb, const Ast *ast) {
    Span at = ast->op_span.end ? ast->op_span : ast->span;
    ERR(L, at, "E0203", "shapes do not match in '@': %s and %s", shape_text(L, a), shape_text(L, b));
    if (L->muted)
        return;
    if (ast->a)
        lower_label(L, ast->a->span, "%s", shape_text(L, a));
    if (ast->b)
        lower_label(L, ast->b->span, "%s", shape_text(L, b));
    hint(L->ctx, "inner dimensions are '%s' and '%s'", size_text(L, a->axis[ka].size, a->axis[ka].dim),
         size_text(L, b->axis[kb].size, b->axis[kb].dim));
    note_dims(L, a, b);
}

/* While the shape of a recurrence's step is guessed its state is a scalar: in a product with a matrix, a row or a column. */
static Val guessed_product(const Val *a, const Val *b, Lower *L) {
    Val v = val_scalar(ex_real(L->ctx, 0));
    v.rank = 1;
    v.axis[0] = a->rank == 0 ? b->axis[1] : a->axis[0];
    return v;
}

/* a[.., k] @ b[k, ..]: the last axis of a against the first of b. */
OWN_FRAME Val val_matmul(Lower *L, Val a, Val b, const Ast *ast) {
    if (a.bad || b.bad)
        return val_bad();
    if (L->guessing && ((a.rank == 0 && b.rank == 2) || (a.rank == 2 && b.rank == 0)))
        return guessed_product(&a, &b, L);
    if (a.rank < 1 || b.rank < 1 || b.rank > 2 || (a.rank > 2 && b.rank != 2)) {
        ERR(L, ast->span, "E0203", "'@' takes vectors and matrices, or any array with a matrix, not %s and %s", shape_text(L, &a), shape_text(L, &b));
        if (!L->muted)
            hint(L->ctx, "for anything else use index notation: sum[k in K] a[i, k] * b[k, j]");
        return val_bad();
    }
    int ka = a.rank - 1;
    if (!same_size(L, a.axis[ka].size, a.axis[ka].dim, b.axis[0].size, b.axis[0].dim) || a.axis[ka].stretch || b.axis[0].stretch) {
        matmul_error(L, &a, &b, ka, 0, ast);
        return val_bad();
    }
    Type type = wider_type(wider_type(a.type, b.type), T_INT);
    a = val_cast(L, a, type);
    b = val_cast(L, b, type);
    Val r = {.type = type, .rank = a.rank + b.rank - 2};
    int k = L->next_var++;
    Index red = {.var = VAR_SCOPE + k, .lo = ex_int(L->ctx, 0), .hi = a.axis[ka].size, .dim = a.axis[ka].dim};
    const Ex *to_a[MAX_RANK], *to_b[2];
    for (int i = 0; i < ka; i++) {
        r.axis[i] = a.axis[i];
        to_a[i] = axis_var(L, r.rank, i);
    }
    to_a[ka] = ex_var(L->ctx, red.var);
    to_b[0] = to_a[ka];
    if (b.rank == 2) {
        r.axis[r.rank - 1] = b.axis[1];
        to_b[1] = axis_var(L, r.rank, r.rank - 1);
    }
    const Ex *row = val_map_axes(L, &a, to_a, false).body, *column = val_map_axes(L, &b, to_b, false).body;
    const Ex *body = ex2(L->ctx, OP_MUL, row, column);
    r.body = val_lift(L, &r, 1, &red, R_SUM, body, NULL, ast ? ast->span : (Span){0});
    return r.body ? r : val_bad();
}

/* left and e, left or e: e stands under what left has to be for it to count. */
OWN_FRAME static Val lower_logic(Lower *L, Val left, const Ast *a) {
    Ctx *ctx = L->ctx;
    left = condition(L, left, a->a);
    bool lazy = !left.bad && left.rank == 0;
    if (lazy)
        vec_push(ctx, &L->guard, a->op == '&' ? left.body : ex_not(ctx, left.body));
    Val right = lower_condition(L, a->b);
    if (lazy)
        L->guard.n--;
    Val shape = {0};
    if (left.bad || right.bad || !combine_shapes(L, &left, &right, &shape, a->op_span, a->op == '&' ? "'and'" : "'or'", a->a, a->b))
        return val_bad();
    return val_op(L, a->op == '&' ? OP_AND : OP_OR, (Val[]){left, right}, 2, &shape);
}

static bool is_logic(const Ast *a) { return a->op == '&' || a->op == '|'; }

/* a + b + c + ... leans to the left, ten thousand operators deep: from its first operand on, not by recursion. */
OWN_FRAME static Val lower_binary(Lower *L, const Ast *a) {
    VEC(const Ast *) spine = {0};
    for (; a->kind == AST_BINARY; a = a->a)
        vec_push(L->ctx, &spine, a);
    Val left = lower_expr(L, a);
    for (int k = spine.n - 1; k >= 0; k--) {
        const Ast *op = spine.at[k];
        left = is_logic(op) ? lower_logic(L, left, op) : val_binary(L, op->op, left, lower_expr(L, op->b), op);
    }
    return left;
}

OWN_FRAME static Val lower_unary(Lower *L, const Ast *a) {
    if (a->op == '!') {
        Val v = lower_condition(L, a->a);
        return v.bad ? v : val_op(L, OP_NOT, &v, 1, NULL);
    }
    Val v = lower_expr(L, a->a);
    if (v.bad)
        return v;
    v = val_cast(L, v, wider_type(v.type, T_INT));
    return a->op == '-' ? val_checked(L, OP_NEG, &v, 1, NULL, a->span) : v;
}

OWN_FRAME static Val lower_transpose(Lower *L, const Ast *a) {
    Val v = lower_expr(L, a->a);
    if (v.bad)
        return v;
    if (v.rank != 2) {
        ERR(L, a->span, "E0203", "a transpose needs a matrix, not %s", v.rank ? shape_text(L, &v) : "a scalar");
        if (!L->muted) {
            lower_label(L, a->a->span, "%s", shape_text(L, &v));
            note_dims(L, &v, NULL);
            if (v.rank == 1)
                hint(L->ctx, "a vector has no rows and columns: w @ w is the inner product");
        }
        return val_bad();
    }
    const Ex *to[2] = {axis_var(L, 2, 1), axis_var(L, 2, 0)};
    Val r = val_map_axes(L, &v, to, false);
    r.axis[0] = v.axis[1];
    r.axis[1] = v.axis[0];
    return r;
}

/* Element `which` of parts from .. from + n - 1: one comparison after the other; of many, which half it is in first. */
static const Ex *select_part(Ctx *ctx, const Ex *which, const Val *part, int from, int n) {
    if (n == 1)
        return part[from].body;
    int first = n > 16 ? n / 2 : 1;
    Op op = first == 1 ? OP_EQ : OP_LT;
    const Ex *here = ex2(ctx, op, which, ex_int(ctx, first == 1 ? from : from + first));
    return ex_where(ctx, here, select_part(ctx, which, part, from, first), select_part(ctx, which, part, from + first, n - first));
}

/* [e0, e1, ...]: an axis whose element k is e_k; nested literals add axes. */
OWN_FRAME static Val lower_array(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    VEC(Val) part = {0};
    Type type = T_BOOL;
    bool bad = false;
    for (const Ast *item = a->items; item; item = item->next) {
        Val v = lower_expr(L, item);
        bad |= v.bad;
        if (!v.bad)
            type = wider_type(type, v.type);
        if (!bad && v.rank > 0 && item->kind != AST_ARRAY) {
            ERR(L, item->span, "E0205", "an element of an array literal must be a scalar, not %s", shape_text(L, &v));
            bad = true;
        }
        vec_push(ctx, &part, v);
    }
    for (int k = 1; !bad && k < part.n; k++) {
        bool same = part.at[k].rank == part.at[0].rank;
        for (int i = 0; same && i < part.at[0].rank; i++)
            same = prove_equal(ctx, part.at[k].axis[i].size, part.at[0].axis[i].size);
        if (!same) {
            ERR(L, a->span, "E0204", "rows of an array literal differ: %s and %s", shape_text(L, &part.at[0]), shape_text(L, &part.at[k]));
            bad = true;
        }
    }
    if (bad || part.n == 0)
        return val_bad();
    Val r = val_cast(L, part.at[0], type);
    int rank = r.rank + 1;
    if (rank > MAX_RANK) {
        too_many_axes(L, a->span);
        return val_bad();
    }
    for (int k = rank - 1; k > 0; k--)
        r.axis[k] = r.axis[k - 1];
    memset(&r.axis[0], 0, sizeof r.axis[0]);
    r.axis[0].size = ex_int(ctx, part.n);
    r.rank = rank;
    const Ex *which = axis_var(L, rank, 0);
    for (int k = 0; k < part.n; k++)
        part.at[k] = val_cast(L, part.at[k], type);
    r.body = select_part(ctx, which, part.at, 0, part.n);
    r.labels = NULL;
    return r;
}

static Val lower_any(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    switch (a->kind) {
    case AST_INT: return a->ival < 0 ? val_bad() : val_scalar(ex_int(ctx, a->ival));
    case AST_REAL: return val_scalar(ex_real(ctx, a->rval));
    case AST_BOOL: return val_scalar(ex_bool(ctx, a->ival != 0));
    case AST_NAME: return lower_name(L, a);
    case AST_UNARY: return lower_unary(L, a);
    case AST_TRANSPOSE: return lower_transpose(L, a);
    case AST_INDEX: return lower_indexing(L, a);
    case AST_CALL: return lower_call(L, a);
    case AST_REDUCE: return lower_reduce(L, a);
    case AST_ARRAY: return lower_array(L, a);
    case AST_BINARY: return lower_binary(L, a);
    case AST_STRING:
        ERR(L, a->span, "E0211", "a string is no value here");
        return val_bad();
    case AST_TUPLE:
        ERR(L, a->span, "E0211", "a list in parentheses is no value; an array is written [a, b]");
        return val_bad();
    default:
        ERR(L, a->span, "E0211", "this is no value");
        return val_bad();
    }
}

/* Brackets nest up to 200 deep (layout.c), indices and transposes may follow each other, and functions stand in functions:
 * all of it together has its limit here, well before the stack ends. */
enum { MAX_NESTED = 1000 };

Val lower_expr(Lower *L, const Ast *a) {
    if (L->nested == MAX_NESTED) {
        ERR(L, a->span, "E0107", "nested too deeply, with the functions that are expanded around it");
        return val_bad();
    }
    L->nested++;
    Val v = lower_any(L, a);
    L->nested--;
    return L->guessing && v.bad ? val_scalar(ex_real(L->ctx, 0)) : v;      /* it needs what is guessed: the rest may tell */
}
