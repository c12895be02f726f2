/* lower_call.c: f(...).
 *
 * A scalar primitive is one operation on every element. A function of the model or of the library (std.ad) is expanded at
 * the call: its arguments become values of its own names, size variables the caller's sizes, and its body is lowered
 * again, which is what makes functions polymorphic in shape. The few that cannot be written in the language stand here. */
#include "lower.h"
#include <string.h>

/* ---------------------------------------------------------------- scalar primitives */

static const struct { const char *name; Op op; int nargs; } scalar[] = {
    {"exp", OP_EXP, 1}, {"expm1", OP_EXPM1, 1}, {"log", OP_LOG, 1}, {"log1p", OP_LOG1P, 1}, {"sqrt", OP_SQRT, 1}, {"abs", OP_ABS, 1},
    {"sign", OP_SIGN, 1}, {"floor", OP_FLOOR, 1}, {"ceil", OP_CEIL, 1}, {"round", OP_ROUND, 1}, {"sin", OP_SIN, 1}, {"cos", OP_COS, 1},
    {"tan", OP_TAN, 1}, {"asin", OP_ASIN, 1}, {"acos", OP_ACOS, 1}, {"atan", OP_ATAN, 1}, {"atan2", OP_ATAN2, 2}, {"sinh", OP_SINH, 1},
    {"cosh", OP_COSH, 1}, {"tanh", OP_TANH, 1}, {"asinh", OP_ASINH, 1}, {"acosh", OP_ACOSH, 1}, {"atanh", OP_ATANH, 1}, {"erf", OP_ERF, 1},
    {"erfc", OP_ERFC, 1}, {"lgamma", OP_LGAMMA, 1}, {"polygamma", OP_POLYGAMMA, 2}, {"sigmoid", OP_SIGMOID, 1}, {"softplus", OP_SOFTPLUS, 1},
    {"normal_cdf", OP_NORMAL_CDF, 1}, {"lbeta", OP_LBETA, 2}, {"log_normal_cdf", OP_LOG_NORMAL_CDF, 1}, {"pow", OP_POW, 2}, {"mod", OP_MOD, 2}, {"isnan", OP_ISNAN, 1}, {"where", OP_WHERE, 3},
};
enum { NSCALAR = (int)(sizeof scalar / sizeof *scalar) };

static const char *const special[] = {
    "size", "total", "mask", "onehot", "concat", "reshape", "cumsum", "diag", "dropout", "batch_norm", "stop", "grad", "jvp", "hvp",
    "lowrank", "pca", "svdvals", "quantile", "cross_entropy", "nll", "kl",
};
static const char *const draws[] = {"uniform", "normal", "glorot", "he", "lecun", "orthogonal", "zeros", "ones", "constant", "file"};
enum { NSPECIAL = (int)(sizeof special / sizeof *special), NDRAWS = (int)(sizeof draws / sizeof *draws) };

static bool listed(const char *name, const char *const *list, int n) {
    for (int k = 0; k < n; k++)
        if (strcmp(list[k], name) == 0)
            return true;
    return false;
}

Symbol *std_function(Lower *L, const char *name) {
    Symbol *s = L->std ? find_global(L->std, name, 1 << 30) : NULL;
    return s && s->kind == SYM_FN ? s : NULL;
}

static int scalar_of(const char *name) {
    for (int k = 0; k < NSCALAR; k++)
        if (strcmp(scalar[k].name, name) == 0)
            return k;
    return -1;
}

bool is_builtin(Lower *L, const char *name) {
    return scalar_of(name) >= 0 || listed(name, special, NSPECIAL) || listed(name, draws, NDRAWS) || is_reduction(name)
        || (name[0] != '_' && std_function(L, name));
}

/* ---------------------------------------------------------------- arguments */

static int count_args(const Ast *call) {
    int n = 0;
    for (const Ast *a = call->items; a; a = a->next)
        n++;
    return n;
}

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
    return axes && listed("over", names, n) ? "over" : nearest_name(word, names, n);
}

bool plain_args(Lower *L, const Ast *call, int least, int most, const char *const *named, int nnamed) {
    int n = 0;
    bool fine = true;
    for (const Ast *a = call->items; a; a = a->next) {
        if (a->kind != AST_ARG) {
            n++;
        } else if (!listed(a->text, named, nnamed)) {
            ERR(L, a->name_span, "E0208", "'%s' has no argument '%s'", call->text, a->text);
            const char *near = nearest_argument(a->text, named, nnamed);
            if (near && !L->muted)
                hint(L->ctx, "did you mean '%s'?", near);
            fine = false;
        }
    }
    if (fine && (n < least || n > most)) {
        if (least == most)
            ERR(L, call->span, "E0206", "'%s' takes %d argument%s, not %d", call->text, least, least == 1 ? "" : "s", n);
        else
            ERR(L, call->span, "E0206", "'%s' takes %d to %d arguments, not %d", call->text, least, most, n);
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

/* where(c, a, b): a and b are lowered under c and not c. */
OWN_FRAME static Val call_where(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    if (!plain_args(L, a, 3, 3, NULL, 0))
        return val_bad();
    Val c = lower_condition(L, nth_arg(a, 0)), arm[2];
    bool lazy = !c.bad && c.rank == 0;
    for (int k = 0; k < 2; k++) {
        if (lazy)
            vec_push(ctx, &L->guard, k ? ex_not(ctx, c.body) : c.body);
        arm[k] = lower_expr(L, nth_arg(a, k + 1));
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

/* log(p) of a p that is a softmax or a sigmoid: p has a name, so it is read as it is; -Wlog-of says what to write. */
static void warn_log_of(Lower *L, const Ast *arg) {
    Symbol *s = arg && arg->kind == AST_NAME ? lookup(L, arg->text) : NULL;
    const Ast *from = s && s->kind == SYM_VALUE ? s->written : NULL;
    if (!from || from->kind != AST_CALL || L->muted || (L->scope && L->scope->module->is_std))
        return;
    bool soft = strcmp(from->text, "softmax") == 0;
    if (!soft && strcmp(from->text, "sigmoid") != 0)
        return;
    warn_at(L->ctx, arg->span, "log-of", "log(%s) of %s = %s(...) is -inf, without a gradient, where %s rounds to 0", arg->text, arg->text, from->text, arg->text);
    hint(L->ctx, "write %s(...) of the same argument", soft ? "log_softmax" : "log_sigmoid");
}

static Val call_vector(Lower *L, const Ast *call, const char *name, int over_default);

OWN_FRAME static Val call_scalar(Lower *L, int row, const Ast *a) {
    int n = scalar[row].nargs;
    Op op = scalar[row].op;
    if (!plain_args(L, a, n, n, NULL, 0))
        return val_bad();
    const Ast *first = nth_arg(a, 0);
    if (op == OP_LOG && first->kind == AST_CALL && strcmp(first->text, "softmax") == 0)
        return call_vector(L, first, "log_softmax", -1);
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

/* max(a, b), min(a, b) */
OWN_FRAME static Val call_min_max(Lower *L, const Ast *a) {
    Val v[2] = {lower_expr(L, nth_arg(a, 0)), lower_expr(L, nth_arg(a, 1))};
    return apply_scalar(L, strcmp(a->text, "max") == 0 ? OP_MAX : OP_MIN, v, 2, a);
}

/* ---------------------------------------------------------------- functions of the model and the library */

enum { MAX_EXPANSIONS = 20000, MAX_DEPTH = 200 };

static bool mentions(const Ast *a, const char *const *names, int n) {
    if (!a)
        return false;
    if (a->kind == AST_CALL && listed(a->text, names, n))
        return true;
    const Ast *parts[] = {a->a, a->b, a->c, a->from, a->items, a->clauses, a->vjp};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (const Ast *p = parts[k]; p; p = k >= 4 ? p->next : NULL)
            if (mentions(p, names, n))
                return true;
    return false;
}

static Symbol *local(Lower *L, const char *name, Span span, Val v, Node *node) {
    Symbol *s = declare(L, name, span, v.bad ? SYM_BAD : SYM_VALUE);
    if (s) {
        s->value = v;
        s->node = node;
    }
    return s;
}

/* Where the call gives this argument; the call itself when it does not. */
static Span given_at(const Ast *fn, const Ast *arg, const Ast *call) {
    const Ast *given = call->kind == AST_CALL ? named_arg(call, arg->text) : NULL;
    int place = 0;
    for (const Ast *p = fn->items; p && p != arg; p = p->next)
        place++;
    if (!given && call->kind == AST_CALL)
        given = nth_arg(call, place);
    return given ? given->span : call->span;
}

/* x[b, i]: a number or a dim declared above is that; any other name is a size of the caller's. */
static bool bind_sizes(Lower *L, const Ast *fn, const Ast *arg, Val *v, const Ast *call) {
    Ctx *ctx = L->ctx;
    int rank = 0;
    for (const Ast *i = arg->items; i; i = i->next)
        rank++;
    if (rank != v->rank) {
        ERR(L, given_at(fn, arg, call), "E0204", "argument '%s' of '%s' must %s, not have the shape %s", arg->text, call->text,
            rank == 0 ? "be a scalar" : arena_printf(ctx->arena, "have %d ax%s", rank, rank == 1 ? "is" : "es"), shape_text(L, v));
        if (!L->muted)
            note_dims(L, v, NULL);
        return false;
    }
    int k = 0;
    for (const Ast *i = arg->items; i; i = i->next, k++) {
        Symbol *s = i->kind == AST_NAME ? lookup(L, i->text) : NULL;
        if (s && s->kind != SYM_DIM && s->kind != SYM_BAD && !lookup_local(L, i->text))      /* a value above may be called as a size is */
            s = NULL;
        if (i->kind == AST_NAME && !s) {
            Symbol *size = declare(L, i->text, i->span, SYM_DIM);
            Dim *d = NEW(ctx, Dim);
            *d = (Dim){.name = i->text, .span = i->span, .size = v->axis[k].size, .place = -1};
            size->dim = v->axis[k].dim ? v->axis[k].dim : d;
            if (!v->axis[k].dim)
                v->axis[k].dim = d;
            continue;
        }
        const Dim *dim = NULL;
        const Ex *size = lower_size(L, i, &dim);
        if (!size)
            return false;
        if (!same_size(L, size, dim, v->axis[k].size, v->axis[k].dim) || v->axis[k].stretch) {
            ERR(L, given_at(fn, arg, call), "E0204", "argument '%s' of '%s' has the shape %s, but its axis %d must be '%s', which is %s here", arg->text,
                call->text, shape_text(L, v), k, span_text(ctx, i->span), size_text(L, size, NULL));
            if (!L->muted) {
                if (dim && dim->place >= 0)
                    hint(ctx, "%s", declared_at(L, dim));
                if (v->axis[k].dim && v->axis[k].dim->place >= 0)
                    hint(ctx, "%s", declared_at(L, v->axis[k].dim));
            }
            return false;
        }
        if (!v->axis[k].dim)
            v->axis[k].dim = dim;
    }
    return true;
}

/* While a shape is guessed, a scalar stands for whatever the brackets ask for, once the other arguments have told the sizes. */
static bool guess_axes(Lower *L, const Ast *arg, Val *v) {
    int rank = 0;
    for (const Ast *i = arg->items; i; i = i->next, rank++) {
        const Dim *dim = NULL;
        const Ex *size = rank < MAX_RANK && (i->kind != AST_NAME || lookup(L, i->text)) ? lower_size(L, i, &dim) : NULL;
        if (!size)
            return false;
        v->axis[rank].size = size;
        v->axis[rank].dim = dim;
    }
    v->rank = rank;
    return true;
}

static bool trivial(const Ex *e) {
    if (e->op == OP_REALOF || e->op == OP_INTOF || e->op == OP_NEG)
        return trivial(e->arg[0]);
    return e->nargs == 0 || e->op == OP_READ;
}

/* Names of sizes that a function gave to unnamed axes end with it. */
static Val unnamed(Val v) {
    for (int k = 0; !v.bad && k < v.rank; k++)
        if (v.axis[k].dim && v.axis[k].dim->place < 0)
            v.axis[k].dim = NULL;
    return v;
}

static bool lower_block(Lower *L, const Ast *statements) {
    bool fine = true;
    for (const Ast *s = statements; s; s = s->next) {
        if (s->kind == AST_SCAN) {
            fine &= lower_scan(L, s);
        } else if (s->kind == AST_LET && s->from) {
            fine &= lower_recurrence(L, s);
        } else if (s->kind == AST_LET) {
            Node *node = NULL;
            Val v = lower_let_value(L, s, &node);
            local(L, s->text, s->name_span, v, node);
            fine &= !v.bad;
        } else if (s->kind == AST_POISON) {
            if (s->text)
                declare(L, s->text, s->span, SYM_BAD);
            fine = false;
        }
    }
    return fine;
}

static int count_parameters(const Ast *fn, int *needed) {
    int n = 0;
    *needed = 0;
    for (const Ast *arg = fn->items; arg; arg = arg->next, n++)
        *needed += !arg->a;
    return n;
}

/* The value with its own reverse rule: a node that keeps what the rule says of its arguments. */
OWN_FRAME static Val with_rule(Lower *L, const Ast *fn, Val value, const Val *args, int n) {
    Ctx *ctx = L->ctx;
    const Ast *vjp = fn->vjp;
    Node *node = NULL;
    value = val_cast(L, value, T_REAL);
    Val out = val_let(L, value, fn->text, fn->span, &node);
    if (out.bad)
        return out;
    Node *dy = node_leaf(ctx, L->graph, N_PARAM, T_REAL, node->rank, node->axis, -1, vjp->text, vjp->span);
    Val cotangent = out;
    cotangent.body = ex_read(ctx, dy, out.body->arg, false);
    Scope *scope = NEW(ctx, Scope);
    *scope = (Scope){.outer = L->scope, .limit = L->scope->limit, .module = L->scope->module};
    L->scope = scope;
    local(L, vjp->text, vjp->name_span, cotangent, dy);
    Rule *rule = NEW(ctx, Rule);
    rule->arg = NEWN(ctx, const Ex *, n + 1);
    rule->rule = NEWN(ctx, const Ex *, n + 1);
    rule->cotangent = dy;
    rule->value = out.body;
    const Ast *e = vjp->clauses;
    bool fine = true;
    int k = 0, spare = 0;               /* rules for arguments that happen to be ints in this call */
    for (const Ast *r = e; r; r = r->next)
        spare++;
    for (const Ast *arg = fn->items; arg; arg = arg->next, k++)
        spare -= !arg->a && args[k].type == T_REAL;
    k = 0;
    for (const Ast *arg = fn->items; arg; arg = arg->next, k++) {
        if (!arg->a && args[k].type != T_REAL && spare > 0 && e) {
            e = e->next;
            spare--;
        }
        if (arg->a || args[k].type != T_REAL)
            continue;
        if (!e) {
            ERR(L, vjp->span, "E0217", "vjp of '%s' has no expression for the argument '%s'", fn->text, arg->text);
            fine = false;
            break;
        }
        Val r = val_cast(L, lower_expr(L, e), T_REAL), shape = {0};
        bool fits = !r.bad && r.rank == args[k].rank;
        if (!r.bad && !fits)
            ERR(L, e->span, "E0217", "vjp of '%s': the adjoint of '%s' must have its shape %s, not %s", fn->text, arg->text, shape_text(L, &args[k]), shape_text(L, &r));
        if (!fits || !combine_shapes(L, &args[k], &r, &shape, e->span, "'vjp'", NULL, e)) {
            fine = false;
        } else {
            for (int j = 0; j < args[k].rank; j++)
                shape.axis[j] = args[k].axis[j];
            shape.body = r.body;
            shape.type = T_REAL;
            Val made = fine ? val_let(L, shape, NULL, e->span, NULL) : val_bad();
            rule->arg[rule->n] = args[k].body;
            rule->rule[rule->n++] = made.body;
            fine &= !made.bad;
        }
        e = e->next;
    }
    if (fine && e) {
        ERR(L, e->span, "E0217", "vjp of '%s' has more expressions than arguments that it is differentiated in", fn->text);
        fine = false;
    }
    L->scope = scope->outer;
    node->vjp = rule;
    return fine ? out : val_bad();
}

/* Lowers the body for these arguments. given[k]: argument k was passed; otherwise its default is taken. */
Val expand(Lower *L, Symbol *fn, const Ast *call, const Val *args, const bool *given, Node *const *nodes, int n) {
    Ctx *ctx = L->ctx;
    static const char *const derivative_calls[] = {"grad", "jvp", "hvp"};
    const Ast *def = fn->fn;
    if (fn->wrong)
        return val_bad();
    if (fn->expanding) {
        ERR(L, call->span, "E0219", "'%s' calls itself: functions are expanded, so there is no recursion", def->text);
        return val_bad();
    }
    if (L->exhausted)                               /* said once */
        return val_bad();
    if (++L->expansions > MAX_EXPANSIONS || L->depth > MAX_DEPTH) {
        if (L->depth > MAX_DEPTH)
            ERR(L, call->span, "E0219", "functions stand in functions more than %d deep at '%s'", MAX_DEPTH, def->text);
        else
            ERR(L, call->span, "E0219", "functions are expanded more than %d times at '%s'", MAX_EXPANSIONS, def->text);
        L->exhausted = !L->muted;
        return val_bad();
    }
    Scope *scope = NEW(ctx, Scope), *before = L->scope;
    Span site = L->std_call;
    bool enters_std = fn->module->is_std && !(L->scope ? L->scope->module->is_std : L->module->is_std);
    *scope = (Scope){.outer = L->scope, .function = true, .limit = fn->fn_order ? fn->fn_order : fn->order, .module = fn->module, .call = call->span};
    L->scope = scope;
    if (enters_std)
        L->std_call = call->span;
    fn->expanding = true;
    L->depth++;
    bool keep = def->vjp || mentions(def->a, derivative_calls, 3);
    for (const Ast *s = def->clauses; s; s = s->next)
        keep |= mentions(s, derivative_calls, 3);
    int needed;
    Val *bound = NEWN(ctx, Val, count_parameters(def, &needed) + 1);
    bool fine = true;
    int k = 0;
    for (int late = 0; late <= L->guessing; late++) {
        k = 0;
        for (const Ast *arg = def->items; arg; arg = arg->next, k++) {
            Val v = k < n && (!given || given[k]) ? args[k] : arg->a ? lower_expr(L, arg->a) : val_bad();
            Node *node = nodes && k < n ? nodes[k] : NULL;
            bool guess = L->guessing && !v.bad && v.rank == 0 && arg->items;
            if (guess != late)
                continue;
            if (!v.bad && arg->bracketed && !(guess && guess_axes(L, arg, &v)) && !bind_sizes(L, def, arg, &v, call))
                v = val_bad();
            bool size = v.type == T_INT && v.rank == 0 && !v.bad && !v.body->has_var && !v.body->has_read;      /* stays an expression of dims */
            if (!v.bad && !size && (keep ? v.type == T_REAL : !trivial(v.body)))
                v = keep ? val_let(L, v, arg->text, call->span, &node) : val_shared(L, v, arg->text, call->span, &node);
            bound[k] = v;
            fine &= !v.bad;
            local(L, arg->text, arg->name_span, v, node);
        }
    }
    Val value = val_bad();
    if (fine && lower_block(L, def->clauses))
        value = lower_expr(L, def->a);
    if (!value.bad && def->vjp)
        value = with_rule(L, def, value, bound, k);
    L->depth--;
    fn->expanding = false;
    L->std_call = site;
    L->scope = before;
    return unnamed(value);
}

static const Ast *parameter(const Ast *fn, const char *name, int *place) {
    *place = 0;
    for (const Ast *arg = fn->items; arg; arg = arg->next, (*place)++)
        if (strcmp(arg->text, name) == 0)
            return arg;
    return NULL;
}

static void unknown_argument(Lower *L, const Ast *arg, const Ast *fn) {
    const char *names[MAX_ARGS + 2];
    int n = 0;
    for (const Ast *p = fn->items; p && n < MAX_ARGS; p = p->next)
        names[n++] = p->text;
    if (fn->text && (strstr(fn->text, "softmax") || strcmp(fn->text, "layer_norm") == 0))
        names[n++] = "over";
    ERR(L, arg->name_span, "E0208", "'%s' has no argument '%s'", fn->text, arg->text);
    const char *near = nearest_name(arg->text, names, n);
    if (near && !L->muted)
        hint(L->ctx, "did you mean '%s'?", near);
}

/* Positional arguments first, then by name, then defaults. skip: a name taken care of by the caller ('over'). */
OWN_FRAME static bool bind_arguments(Lower *L, const Symbol *fn, const Ast *call, Val *args, bool *given, const char *skip, int first) {
    int needed, n = count_parameters(fn->fn, &needed), at = first;
    bool fine = true;
    for (const Ast *a = call->kind == AST_CALL ? call->items : NULL; a; a = a->next) {
        int place = at;
        if (a->kind == AST_ARG && skip && strcmp(a->text, skip) == 0)
            continue;
        if (a->kind == AST_ARG && !parameter(fn->fn, a->text, &place)) {
            unknown_argument(L, a, fn->fn);
            fine = false;
            continue;
        }
        if (a->kind != AST_ARG && first && at++ < 2 * first && place < first)
            continue;
        if (a->kind != AST_ARG && !first)
            at++;
        if (place >= n) {
            ERR(L, call->span, "E0206", "'%s' takes %d argument%s", call->text, n, n == 1 ? "" : "s");
            return false;
        }
        if (given[place]) {
            if (!first || a->kind == AST_ARG) {
                const Ast *p = fn->fn->items;
                for (int k = 0; k < place; k++)
                    p = p->next;
                ERR(L, a->span, "E0206", "argument '%s' of '%s' is given twice", p->text, call->text);
                fine = false;
            }
            continue;
        }
        args[place] = lower_expr(L, a->kind == AST_ARG ? a->a : a);
        given[place] = true;
        fine &= !args[place].bad;
    }
    int k = 0;
    for (const Ast *p = fn->fn->items; p; p = p->next, k++)
        if (!given[k] && !p->a && fine) {
            ERR(L, call->span, "E0206", "'%s' needs its argument '%s'", call->text, p->text);
            if (!L->muted)
                hint(L->ctx, "it takes %d argument%s", n, n == 1 ? "" : "s");
            fine = false;
        }
    return fine;
}

static Node *node_of_arg(Lower *L, const Ast *a) {
    if (a && a->kind == AST_NAME) {
        Symbol *s = lookup(L, a->text);
        return s && s->kind == SYM_VALUE ? s->node : NULL;
    }
    return NULL;
}

OWN_FRAME static Val call_function(Lower *L, Symbol *fn, const Ast *call) {
    if (fn->wrong) {                                    /* its arguments' own mistakes */
        for (const Ast *a = call->items; a; a = a->next)
            lower_expr(L, a->kind == AST_ARG ? a->a : a);
        return val_bad();
    }
    int needed, n = count_parameters(fn->fn, &needed);
    Val *args = NEWN(L->ctx, Val, n + 1);               /* not on the stack, where calls within calls would fill it */
    bool given[MAX_ARGS] = {0};
    Node *nodes[MAX_ARGS] = {0};
    if (!bind_arguments(L, fn, call, args, given, NULL, 0))
        return val_bad();
    int at = 0;
    for (const Ast *a = call->items; a; a = a->next) {
        int place = at;
        if (a->kind == AST_ARG)
            parameter(fn->fn, a->text, &place);
        else
            at++;
        nodes[place] = node_of_arg(L, a->kind == AST_ARG ? a->a : a);
    }
    return expand(L, fn, call, args, given, nodes, n);
}

/* A library function with its first n arguments already lowered; the rest of the call by name. */
Val call_std(Lower *L, const char *name, const Ast *call, const Val *args, int n) {
    Symbol *fn = std_function(L, name);
    if (!fn)
        bug(L->ctx, "std.ad has no function '%s'", name);
    int needed, count = count_parameters(fn->fn, &needed);
    Val *all = NEWN(L->ctx, Val, count + 1);
    bool given[MAX_ARGS] = {0};
    for (int k = 0; k < n; k++) {
        all[k] = args[k];
        given[k] = true;
    }
    for (const Ast *a = call->kind == AST_CALL ? call->items : NULL; a; a = a->next) {
        int place;
        if (a->kind != AST_ARG || strcmp(a->text, "over") == 0 || !parameter(fn->fn, a->text, &place) || place < n)
            continue;
        all[place] = lower_expr(L, a->a);
        given[place] = true;
    }
    return expand(L, fn, call, all, given, NULL, count);
}

/* softmax(x, over = -1) and the like: a vector function along one axis. */
OWN_FRAME static Val call_vector(Lower *L, const Ast *call, const char *name, int over_default) {
    static const char *const named[] = {"over", "eps"};
    if (!plain_args(L, call, 1, 1, named, strcmp(call->text, "layer_norm") == 0 ? 2 : 1))
        return val_bad();
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
        chosen[over_default < 0 ? x.rank + over_default : over_default] = true;
    int n = 0;
    for (int k = 0; k < x.rank; k++)
        n += chosen[k];
    if (n != 1) {
        ERR(L, call->span, "E0215", "'%s' runs over one axis, not %d", call->text, n);
        return val_bad();
    }
    return call_over(L, std_function(L, name), call, &x, 1, chosen);
}

/* ---------------------------------------------------------------- which function */

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
    for (int k = 0; k < NSCALAR; k++)
        vec_push(L->ctx, &names, scalar[k].name);
    for (int k = 0; k < NSPECIAL; k++)
        vec_push(L->ctx, &names, special[k]);
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

/* So many arguments does a built-in function take, and these by name. */
static bool builtin_args(Lower *L, const Ast *a) {
    static const struct { const char *name; int least, most; const char *named[2]; } table[] = {
        {"softmax", 1, 1, {"over"}}, {"log_softmax", 1, 1, {"over"}}, {"layer_norm", 1, 1, {"over", "eps"}}, {"batch_norm", 1, 1, {"over", "eps"}},
        {"cumsum", 1, 1, {"over"}}, {"concat", 1, MAX_ARGS, {"axis"}}, {"dropout", 1, 2, {"p"}}, {"var", 1, 1, {"over", "ddof"}},
        {"std", 1, 1, {"over", "ddof"}}, {"max", 1, 2, {"over"}}, {"min", 1, 2, {"over"}}, {"reshape", 2, 2, {0}}, {"grad", 2, 2, {0}},
        {"jvp", 3, 3, {0}}, {"hvp", 3, 3, {0}}, {"lowrank", 2, 2, {0}}, {"pca", 2, 2, {0}}, {"quantile", 2, 2, {0}},
        {"cross_entropy", 2, 2, {0}}, {"nll", 2, 2, {0}}, {"kl", 2, 2, {0}},
    };
    static const char *const over[] = {"over"};
    int row = scalar_of(a->text);
    if (row >= 0)
        return plain_args(L, a, scalar[row].nargs, scalar[row].nargs, NULL, 0);
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        if (strcmp(table[k].name, a->text) == 0)
            return plain_args(L, a, table[k].least, table[k].most, table[k].named, !!table[k].named[0] + !!table[k].named[1]);
    return plain_args(L, a, 1, 1, over, is_reduction(a->text));
}

/* The same for a function with a definition, as far as it can be told without its arguments. */
static bool defined_args(Lower *L, const Symbol *fn, const Ast *a) {
    int needed, n = count_parameters(fn->fn, &needed), at = 0, place;
    bool given[MAX_ARGS] = {0}, fine = true;
    for (const Ast *arg = a->items; arg; arg = arg->next) {
        place = arg->kind == AST_ARG ? 0 : at++;
        if (arg->kind == AST_ARG && !parameter(fn->fn, arg->text, &place)) {
            unknown_argument(L, arg, fn->fn);
            fine = false;
        } else if (place < n && place < MAX_ARGS) {
            given[place] = true;
        }
    }
    if (fine && at > n) {
        ERR(L, a->span, "E0206", "'%s' takes %d argument%s", a->text, n, n == 1 ? "" : "s");
        return false;
    }
    int k = 0;
    for (const Ast *p = fn->fn->items; fine && p && k < MAX_ARGS; p = p->next, k++)
        if (!given[k] && !p->a) {
            ERR(L, a->span, "E0206", "'%s' needs its argument '%s'", a->text, p->text);
            if (!L->muted)
                hint(L->ctx, "it takes %d argument%s", n, n == 1 ? "" : "s");
            fine = false;
        }
    return fine;
}

bool call_is_known(Lower *L, const Ast *a) {
    if (!named_once(L, a))
        return false;
    const char *name = a->text;
    static const char *const along[] = {"softmax", "log_softmax", "layer_norm"};
    if (scalar_of(name) >= 0 || is_reduction(name) || listed(name, special, NSPECIAL) || listed(name, along, 3))
        return builtin_args(L, a);
    Symbol *fn = find_function(L, name), *other = lookup(L, name);
    if (!fn && name[0] != '_')
        fn = std_function(L, name);
    if (fn && fn->order == L->scope->limit && fn->module == L->scope->module) {
        ERR(L, a->span, "E0219", "'%s' calls itself: functions are expanded, so there is no recursion", name);
        return false;
    }
    if (fn)
        return defined_args(L, fn, a);
    if (listed(name, draws, NDRAWS))
        ERR(L, a->span, "E0211", "'%s' is a draw: it stands only after '~'", name);
    else if (!other || other->kind != SYM_BAD)
        unknown_function(L, a);
    return false;
}

Val lower_call(Lower *L, const Ast *a) {
    bool in_std = L->scope && L->scope->module->is_std;
    if (!named_once(L, a))
        return val_bad();
    int row = scalar_of(a->text);
    if (strcmp(a->text, "where") == 0)
        return call_where(L, a);
    if (row >= 0)
        return call_scalar(L, row, a);
    if ((strcmp(a->text, "max") == 0 || strcmp(a->text, "min") == 0) && count_args(a) == 2 && nth_arg(a, 1))
        return call_min_max(L, a);
    if (is_reduction(a->text))
        return call_reduction(L, a);
    if (listed(a->text, special, NSPECIAL))
        return call_special(L, a);
    if (in_std && strcmp(a->text, "_count") == 0)
        return call_count(L, a);
    Symbol *fn = find_function(L, a->text);
    if (fn && !fn->module->is_std)
        return call_function(L, fn, a);
    fn = in_std || a->text[0] != '_' ? std_function(L, a->text) : NULL;
    if (fn && (strcmp(a->text, "softmax") == 0 || strcmp(a->text, "log_softmax") == 0 || strcmp(a->text, "layer_norm") == 0))
        return call_vector(L, a, a->text, -1);
    if (fn)
        return call_function(L, fn, a);
    if (listed(a->text, draws, NDRAWS)) {
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
