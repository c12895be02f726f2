/* lower_call.c: f(...).
 *
 * Which function a name is, and how many arguments a built-in one takes. A scalar primitive, here, is one operation on
 * every element; what cannot be written in the language is in lower_library.c, reductions are in lower_reduce.c, functions
 * with a definition, std.ad's among them, in lower_fn.c. */
#include "lower.h"
#include <string.h>

/* A built-in function that std.ad does not define: at least and at most so many arguments by place, these by name. */
typedef struct { const char *name; int least, most; const char *named[2]; Val (*call)(Lower *, const Ast *); Op op; } Builtin;
static const Builtin *builtin(const char *name);

Symbol *std_function(Lower *L, const char *name) {
    Symbol *s = L->std ? find_global(L->std, name, 1 << 30) : NULL;
    return s && s->kind == SYM_FN ? s : NULL;
}

/* ---------------------------------------------------------------- arguments */

/* No argument is named twice. */
bool named_once(Lower *L, const Ast *call) {
    for (const Ast *a = call->items; a; a = a->next)
        for (const Ast *b = call->items; a->kind == AST_ARG && b != a; b = b->next)
            if (b->kind == AST_ARG && strcmp(a->text, b->text) == 0) {
                ERR(L, a->span, "E0206", "argument '%s' of '%s' is given twice", a->text, call->text);
                return false;
            }
    return true;
}

/* NumPy says axis, PyTorch dim. */
const char *nearest_argument(const char *word, const char *const *names, int n) {
    bool axes = strcmp(word, "axis") == 0 || strcmp(word, "axes") == 0 || strcmp(word, "dim") == 0;
    return axes && is_one_of("over", names, n) ? "over" : nearest_name(word, names, n);
}

/* As many arguments as the table says, and only these names. */
static bool arguments_fit(Lower *L, const Builtin *b, const Ast *call) {
    int n = 0, names = !!b->named[0] + !!b->named[1];
    bool fine = true;
    for (const Ast *a = call->items; a; a = a->next) {
        if (a->kind != AST_ARG) {
            n++;
        } else if (!is_one_of(a->text, b->named, names)) {
            ERR(L, a->name_span, "E0208", "'%s' has no argument '%s'", call->text, a->text);
            const char *near = nearest_argument(a->text, b->named, names);
            if (near && !L->muted)
                hint(L->ctx, "did you mean '%s'?", near);
            else if (!L->muted && (b->op == OP_WHERE || b->call == call_reduction) && lookup(L, a->text))
                hint(L->ctx, "equality is written '=='");
            else if (!L->muted && names == 0)
                hint(L->ctx, "it takes none by name");
            else if (!L->muted)
                hint(L->ctx, names == 1 ? "it has '%s'" : "it has '%s' and '%s'", b->named[0], b->named[1]);
            fine = false;
        }
    }
    if (fine && (n < b->least || n > b->most)) {
        if (b->least == b->most)
            ERR(L, call->span, "E0206", "'%s' takes %d argument%s, not %d", call->text, b->least, b->least == 1 ? "" : "s", n);
        else
            ERR(L, call->span, "E0206", "'%s' takes %d %s %d arguments, not %d", call->text, b->least, b->most == b->least + 1 ? "or" : "to", b->most, n);
        fine = false;
    }
    return fine;
}

const Ast *named_arg(const Ast *call, const char *name) {
    for (const Ast *a = call->items; a; a = a->next)
        if (a->kind == AST_ARG && strcmp(a->text, name) == 0)
            return a->a;
    return NULL;
}

const Ast *nth_arg(const Ast *call, int n) {
    const Ast *a = call->items;
    for (; a; a = a->next)
        if (a->kind != AST_ARG && n-- == 0)
            return a;
    return NULL;
}

/* ---------------------------------------------------------------- scalar primitives */

/* where(c, a, b): a and b are lowered under c and not c. */
OWN_FRAME static Val call_where(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    Val c = lower_condition(L, nth_arg(a, 0)), arm[2];
    bool lazy = !c.bad && c.rank == 0;
    for (int k = 0; k < 2; k++) {
        if (lazy)
            vec_push(ctx, &L->guard, k ? ex_not(ctx, c.body) : c.body);
        L->branches++;
        arm[k] = lower_expr(L, nth_arg(a, k + 1));
        L->branches--;
        if (lazy)
            L->guard.n--;
    }
    Val shape = {0}, all = {0};
    if (c.bad || arm[0].bad || arm[1].bad || !combine_shapes(L, &arm[0], &arm[1], &shape, a->span, "'where'", nth_arg(a, 1), nth_arg(a, 2))
        || !combine_shapes(L, &c, &shape, &all, a->span, "'where'", nth_arg(a, 0), NULL))
        return val_bad();
    Type type = wider_type(arm[0].type, arm[1].type);
    const Dim *labels = arm[0].labels == arm[1].labels ? arm[0].labels : NULL;
    Val r = val_op(L, OP_WHERE, (Val[]){c, val_cast(L, arm[0], type), val_cast(L, arm[1], type)}, 3, &all);
    r.labels = labels;
    return r;
}

static bool is_same_type(Op op) { return op_has(op, P_SAME); }

OWN_FRAME static Val apply_scalar(Lower *L, Op op, Val *v, int n, const Ast *a) {
    Val shape = v[0];
    Type type = T_BOOL;
    for (int k = 0; k < n; k++) {
        if (v[k].bad)
            return val_bad();
        type = wider_type(type, v[k].type);
    }
    if (n == 2 && !combine_shapes(L, &v[0], &v[1], &shape, a->span, arena_printf(L->ctx->arena, "'%s'", a->text), nth_arg(a, 0), nth_arg(a, 1)))
        return val_bad();
    if (op == OP_POLYGAMMA) {
        int64_t order;
        if (v[0].type == T_REAL) {
            ERR(L, a->span, "E0211", "the order of polygamma must be an int");
            return val_bad();
        }
        if (ex_is_int(v[0].body, &order) && order < 0) {
            ERR(L, nth_arg(a, 0)->span, "E0214", "the order of polygamma must be at least 0, not %s", size_text(L, v[0].body, NULL));
            return val_bad();
        }
        v[0] = val_cast(L, v[0], T_INT);
        v[1] = val_cast(L, v[1], T_REAL);
        return val_op(L, op, v, 2, &shape);
    }
    type = is_same_type(op) && type != T_REAL ? T_INT : T_REAL;
    for (int k = 0; k < n; k++)
        v[k] = val_cast(L, v[k], type);
    return val_checked(L, op, v, n, &shape, a->span);
}

/* ---- forms that lose digits, or a derivative, as they are written */

/* log(1 + exp(x)), log1p(exp(x)), log(sigmoid(x)), sqrt(sum(x^2)): the same number from a form that keeps its digits where
 * exp overflows or the logarithm's argument rounds to 1 or 0, and a derivative of 0 at x = 0. NULL: none of these. */
static const Ex *stable_form(Ctx *ctx, Op op, const Ex *x) {
    const Ex *one_more = op == OP_LOG && x->op == OP_ADD && ex_is_number(x->arg[1], 1) ? x->arg[0] : op == OP_LOG1P ? x : NULL;
    if (one_more && one_more->op == OP_EXP)
        return ex1(ctx, OP_SOFTPLUS, one_more->arg[0]);
    if (op == OP_LOG && x->op == OP_SIGMOID)
        return ex1(ctx, OP_NEG, ex1(ctx, OP_SOFTPLUS, ex1(ctx, OP_NEG, x->arg[0])));
    const Node *n = x->op == OP_READ ? x->node : NULL;
    bool squares = n && !n->let && n->kind == N_COMPUTE && n->reduce == R_SUM && n->body->op == OP_MUL && n->body->arg[0] == n->body->arg[1];
    if (op == OP_SQRT && squares)
        return ex_where(ctx, ex2(ctx, OP_LT, ex_real(ctx, 0), x), ex1(ctx, OP_SQRT, x), x);
    return NULL;
}

/* log(p) of a p that is a softmax or a sigmoid: p has a name, so it is read as it is; -Wlog-of says what to write. In a
 * branch of where it may be guarded against p = 0. */
static void warn_log_of(Lower *L, const Ast *arg) {
    Symbol *s = arg && arg->kind == AST_NAME ? lookup(L, arg->text) : NULL;
    const Ast *from = s && s->kind == SYM_VALUE ? s->written : NULL;
    if (!from || from->kind != AST_CALL || L->muted || L->branches > 0 || (L->scope && L->scope->module->is_std))
        return;
    bool soft = strcmp(from->text, "softmax") == 0;
    if (!soft && strcmp(from->text, "sigmoid") != 0)
        return;
    warn_at(L->ctx, arg->span, "log-of", "log(%s) of %s = %s(...) is -inf, without a gradient, where %s rounds to 0", arg->text, arg->text, from->text, arg->text);
    hint(L->ctx, "write %s(...) of the same argument", soft ? "log_softmax" : "log_sigmoid");
}

static Val along_axis(Lower *L, const Ast *call, const char *name);

OWN_FRAME static Val call_scalar(Lower *L, const Ast *a) {
    const Builtin *b = builtin(a->text);
    int n = b->most;
    Op op = b->op;
    const Ast *first = nth_arg(a, 0);
    if (op == OP_LOG && first->kind == AST_CALL && strcmp(first->text, "softmax") == 0)
        return arguments_fit(L, builtin("softmax"), first) ? along_axis(L, first, "log_softmax") : val_bad();
    Val v[3];
    for (int k = 0; k < n; k++)
        v[k] = lower_expr(L, nth_arg(a, k));
    if (op == OP_LOG)
        warn_log_of(L, first);
    const Ex *better = n == 1 && !v[0].bad && v[0].type == T_REAL ? stable_form(L->ctx, op, v[0].body) : NULL;
    if (better) {
        v[0].body = better;
        return v[0];
    }
    return apply_scalar(L, op, v, n, a);
}

/* max(a, b), min(a, b), and max(x, over = c) */
OWN_FRAME static Val call_extreme(Lower *L, const Ast *a) {
    if (!nth_arg(a, 1))
        return call_reduction(L, a);
    const Ast *over = named_arg(a, "over");
    if (over) {
        ERR(L, over->span, "E0208", "'%s' of two values has no argument 'over'", a->text);
        return val_bad();
    }
    Val v[2] = {lower_expr(L, nth_arg(a, 0)), lower_expr(L, nth_arg(a, 1))};
    return apply_scalar(L, strcmp(a->text, "max") == 0 ? OP_MAX : OP_MIN, v, 2, a);
}

/* ---------------------------------------------------------------- along an axis */

/* A library function of a vector, along one axis: the last, or that which 'over' says. */
OWN_FRAME static Val along_axis(Lower *L, const Ast *call, const char *name) {
    Val x = lower_expr(L, nth_arg(call, 0));
    bool chosen[MAX_RANK] = {0};
    if (x.bad) {
        known_axes(L, named_arg(call, "over"));
        return x;
    }
    if (x.rank == 0) {
        ERR(L, call->span, "E0205", "'%s' needs an array, not a scalar", call->text);
        return val_bad();
    }
    const Ast *over = named_arg(call, "over");
    if (over && !axes_of(L, over, &x, chosen, call->text))
        return val_bad();
    if (!over)
        chosen[x.rank - 1] = true;
    int n = 0;
    for (int k = 0; k < x.rank; k++)
        n += chosen[k];
    if (n != 1) {
        ERR(L, call->span, "E0215", "'%s' runs over one axis, not %d", call->text, n);
        return val_bad();
    }
    return call_over(L, std_function(L, name), call, &x, 1, chosen);
}

static Val call_along(Lower *L, const Ast *a) { return along_axis(L, a, a->text); }

/* ---------------------------------------------------------------- which function */

#define SCALAR(name, op, n) {name, n, n, {0}, call_scalar, op}
static const Builtin builtins[] = {
    SCALAR("exp", OP_EXP, 1), SCALAR("expm1", OP_EXPM1, 1), SCALAR("log", OP_LOG, 1), SCALAR("log1p", OP_LOG1P, 1), SCALAR("sqrt", OP_SQRT, 1),
    SCALAR("abs", OP_ABS, 1), SCALAR("sign", OP_SIGN, 1), SCALAR("floor", OP_FLOOR, 1), SCALAR("ceil", OP_CEIL, 1), SCALAR("round", OP_ROUND, 1),
    SCALAR("sin", OP_SIN, 1), SCALAR("cos", OP_COS, 1), SCALAR("tan", OP_TAN, 1), SCALAR("asin", OP_ASIN, 1), SCALAR("acos", OP_ACOS, 1),
    SCALAR("atan", OP_ATAN, 1), SCALAR("atan2", OP_ATAN2, 2), SCALAR("sinh", OP_SINH, 1), SCALAR("cosh", OP_COSH, 1), SCALAR("tanh", OP_TANH, 1),
    SCALAR("asinh", OP_ASINH, 1), SCALAR("acosh", OP_ACOSH, 1), SCALAR("atanh", OP_ATANH, 1), SCALAR("erf", OP_ERF, 1), SCALAR("erfc", OP_ERFC, 1),
    SCALAR("lgamma", OP_LGAMMA, 1), SCALAR("polygamma", OP_POLYGAMMA, 2), SCALAR("sigmoid", OP_SIGMOID, 1), SCALAR("softplus", OP_SOFTPLUS, 1),
    SCALAR("normal_cdf", OP_NORMAL_CDF, 1), SCALAR("lbeta", OP_LBETA, 2), SCALAR("log_normal_cdf", OP_LOG_NORMAL_CDF, 1), SCALAR("pow", OP_POW, 2),
    SCALAR("mod", OP_MOD, 2), SCALAR("isnan", OP_ISNAN, 1), {"where", 3, 3, {0}, call_where, OP_WHERE},
    {"max", 1, 2, {"over"}, call_extreme, OP_MAX}, {"min", 1, 2, {"over"}, call_extreme, OP_MIN},
    {"sum", 1, 1, {"over"}, call_reduction, 0}, {"prod", 1, 1, {"over"}, call_reduction, 0}, {"argmax", 1, 1, {"over"}, call_reduction, 0},
    {"argmin", 1, 1, {"over"}, call_reduction, 0}, {"any", 1, 1, {"over"}, call_reduction, 0}, {"all", 1, 1, {"over"}, call_reduction, 0},
    {"mean", 1, 1, {"over"}, call_reduction, 0}, {"norm", 1, 1, {"over"}, call_reduction, 0},
    {"var", 1, 1, {"over", "ddof"}, call_reduction, 0}, {"std", 1, 1, {"over", "ddof"}, call_reduction, 0},
    {"logsumexp", 1, 1, {"over"}, call_reduction, 0},
    {"softmax", 1, 1, {"over"}, call_along, 0}, {"log_softmax", 1, 1, {"over"}, call_along, 0}, {"layer_norm", 1, 1, {"over", "eps"}, call_along, 0},
    {"batch_norm", 1, 1, {"over", "eps"}, call_batch_norm, 0}, {"cumsum", 1, 1, {"over"}, call_cumsum, 0}, {"dropout", 1, 2, {"p"}, call_dropout, 0},
    {"size", 1, 1, {0}, call_size, 0}, {"total", 1, 1, {0}, call_size, 0}, {"mask", 1, 1, {0}, call_mask, 0}, {"onehot", 1, 1, {0}, call_onehot, 0},
    {"concat", 1, MAX_ARGS, {"axis"}, call_concat, 0}, {"reshape", 2, 2, {0}, call_reshape, 0}, {"diag", 1, 1, {0}, call_diag, 0},
    {"stop", 1, 1, {0}, call_stop, 0}, {"grad", 2, 2, {0}, call_grad, 0}, {"jvp", 3, 3, {0}, call_jvp, 0}, {"hvp", 3, 3, {0}, call_hvp, 0},
    {"lowrank", 2, 2, {0}, call_opaque, 0}, {"pca", 2, 2, {0}, call_opaque, 0}, {"svdvals", 1, 1, {0}, call_opaque, 0}, {"quantile", 2, 2, {0}, call_opaque, 0},
    {"cross_entropy", 2, 2, {0}, call_rows, 0}, {"nll", 2, 2, {0}, call_rows, 0}, {"kl", 2, 2, {0}, call_rows, 0},
};
enum { NBUILTINS = (int)(sizeof builtins / sizeof *builtins) };

static const char *const draws[] = {"uniform", "normal", "glorot", "he", "lecun", "orthogonal", "zeros", "ones", "constant", "file"};
enum { NDRAWS = (int)(sizeof draws / sizeof *draws) };

static const Builtin *builtin(const char *name) {
    for (int k = 0; k < NBUILTINS; k++)
        if (strcmp(builtins[k].name, name) == 0)
            return &builtins[k];
    return NULL;
}

bool is_builtin(Lower *L, const char *name) { return builtin(name) || is_one_of(name, draws, NDRAWS) || (name[0] != '_' && std_function(L, name)); }

static Symbol *find_function(Lower *L, const char *name) {
    Symbol *s = find_global(L->scope ? L->scope->module : L->module, name, L->scope ? L->scope->limit + 1 : 1 << 30);
    return s && s->kind == SYM_FN ? s : NULL;
}

/* What other languages call by names that are not near ours. */
static const char *said_elsewhere(const char *name) {
    static const struct { const char *name, *here; } table[] = {
        {"matmul", "a matrix product is written a @ b"}, {"mm", "a matrix product is written a @ b"},
        {"bmm", "a product for each of many is written in index notation"}, {"einsum", "index notation says it: sum[k in K] a[i, k] * b[k, j]"},
        {"transpose", "a transpose is written x'"}, {"len", "the size of a dim is its name, or size(n)"}, {"shape", "the size of a dim is its name, or size(n)"},
        {"if", "a choice is written where(condition, a, b)"}, {"ifelse", "a choice is written where(condition, a, b)"},
        {"cat", "arrays are joined by concat(a, b, axis = 0)"}, {"concatenate", "arrays are joined by concat(a, b, axis = 0)"},
        {"stack", "an array of scalars is written [a, b]; arrays are joined by concat(a, b, axis = 0)"},
        {"zeros_like", "0 * x, or 0 where a scalar fits"}, {"detach", "stop(x) lets no gradient through"}, {"stop_gradient", "stop(x) lets no gradient through"},
        {"average", "it is called mean"}, {"batch_norm1d", "it is called batch_norm"}, {"one_hot", "it is called onehot"}, {"ln", "it is called log"},
        {"range", "a range is written k in a:b, in the brackets of a let or of a reduction"}, {"arange", "let x[k in n] = k counts from 0"},
        {"gaussian", "a draw is written ~ normal(mu, sd)"}, {"xavier", "it is called glorot, and stands after '~'"},
        {"variance", "it is called var"}, {"stddev", "it is called std"}, {"avg", "it is called mean"}, {"power", "a power is written x^p"},
        {"absolute", "it is called abs"}, {"logistic", "it is called sigmoid"}, {"mean_squared_error", "it is called mse"},
        {"binary_cross_entropy", "it is called bce, and takes logits"}, {"swish", "it is called silu"},
        {"heaviside", "write where(x > 0, 1, 0)"}, {"maximum", "it is called max"}, {"minimum", "it is called min"}, {"fabs", "it is called abs"},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        if (strcmp(table[k].name, name) == 0)
            return table[k].here;
    return NULL;
}

static const Ast *last_of(const Ast *list) {
    while (list->next)
        list = list->next;
    return list;
}

static void unknown_function(Lower *L, const Ast *a) {
    VEC(const char *) names = {0};
    Module *m = L->scope ? L->scope->module : L->module;
    if (m->incomplete)
        return;
    for (int k = 0; k < NBUILTINS; k++)
        vec_push(L->ctx, &names, builtins[k].name);
    for (Symbol *s = m->symbols; s; s = s->next)
        if (s->kind == SYM_FN)
            vec_push(L->ctx, &names, s->name);
    for (Symbol *s = L->std->symbols; s; s = s->next)
        if (s->kind == SYM_FN && s->name[0] != '_')
            vec_push(L->ctx, &names, s->name);
    const Ast *later = m == L->module ? declared_later(L->statements, a->text) : NULL;
    if (later && later->kind == AST_FN) {
        ERR(L, a->name_span.end ? a->name_span : a->span, "E0218", "'%s' is used before its definition at %s", a->text, place(L->ctx, later->name_span));
        return;
    }
    const Symbol *value = lookup(L, a->text);
    if (value) {
        const char *args = a->items ? span_text(L->ctx, span_join(a->items->span, last_of(a->items)->span)) : "...";
        ERR(L, a->name_span.end ? a->name_span : a->span, "E0207", "'%s' is no function", a->text);
        if (!L->muted)
            hint(L->ctx, "an element of an array is written %s[%s]", a->text, args);
        return;
    }
    ERR(L, a->name_span.end ? a->name_span : a->span, "E0207", "unknown function '%s'", a->text);
    const char *near = nearest_name(a->text, names.at, names.n), *known = said_elsewhere(a->text);
    if (known && !L->muted)
        hint(L->ctx, "%s", known);
    else if (near && !L->muted)
        hint(L->ctx, "did you mean '%s'?", near);
}

bool call_is_known(Lower *L, const Ast *a) {
    if (!named_once(L, a))
        return false;
    const char *name = a->text;
    const Builtin *b = builtin(name);
    if (b)
        return arguments_fit(L, b, a);
    Symbol *fn = find_function(L, name), *other = lookup(L, name);
    if (!fn && name[0] != '_')
        fn = std_function(L, name);
    if (fn && fn->order == L->scope->limit && fn->module == L->scope->module) {
        ERR(L, a->span, "E0219", "'%s' calls itself: functions are expanded, so there is no recursion", name);
        return false;
    }
    if (fn)
        return defined_args(L, fn, a);
    if (is_one_of(name, draws, NDRAWS))
        ERR(L, a->span, "E0211", "'%s' is a draw: it stands only after '~'", name);
    else if (!other || other->kind != SYM_BAD)
        unknown_function(L, a);
    return false;
}

Val lower_call(Lower *L, const Ast *a) {
    bool in_std = L->scope && L->scope->module->is_std;
    if (!named_once(L, a))
        return val_bad();
    const Builtin *b = builtin(a->text);
    if (b)
        return arguments_fit(L, b, a) ? b->call(L, a) : val_bad();
    if (in_std && strcmp(a->text, "_count") == 0)
        return call_count(L, a);
    Symbol *fn = find_function(L, a->text);
    if (fn && !fn->module->is_std)
        return call_function(L, fn, a);
    fn = in_std || a->text[0] != '_' ? std_function(L, a->text) : NULL;
    if (fn)
        return call_function(L, fn, a);
    if (is_one_of(a->text, draws, NDRAWS)) {
        ERR(L, a->span, "E0211", "'%s' is a draw: it stands only after '~'", a->text);
        return val_bad();
    }
    Symbol *other = lookup(L, a->text);
    if (other && other->kind == SYM_BAD)
        return val_bad();
    for (const Ast *arg = a->items; arg; arg = arg->next)           /* its arguments' own mistakes */
        lower_expr(L, arg->kind == AST_ARG ? arg->a : arg);
    unknown_function(L, a);
    return val_bad();
}
