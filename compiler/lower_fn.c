/* lower_fn.c: functions with a definition, of the model or of the library (std.ad).
 *
 * Such a function is expanded at the call: its arguments become values of its own names, size variables the caller's
 * sizes, and its body is lowered again, which is what makes functions polymorphic in shape. */
#include "lower.h"
#include <string.h>

enum { MAX_EXPANSIONS = 20000, MAX_DEPTH = 200 };

/* Does it call grad, jvp or hvp: then names stay nodes, of which a derivative can be taken. */
static bool differentiates(const Ast *a) {
    static const char *const names[] = {"grad", "jvp", "hvp"};
    if (!a)
        return false;
    if (a->kind == AST_CALL && is_one_of(a->text, names, 3))
        return true;
    const Ast *parts[] = {a->a, a->b, a->c, a->from, a->items, a->clauses, a->vjp};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (const Ast *p = parts[k]; p; p = k >= 4 ? p->next : NULL)
            if (differentiates(p))
                return true;
    return false;
}

/* grad(.., x) and the like in this name stand in it: an int that it is given becomes real. */
static bool differentiates_in(const Ast *a, const char *x) {
    if (!a)
        return false;
    const Ast *second = a->kind == AST_CALL && differentiates(a) ? nth_arg(a, 1) : NULL;
    if (second && second->kind == AST_NAME && strcmp(second->text, x) == 0)
        return true;
    const Ast *parts[] = {a->a, a->b, a->c, a->from, a->items, a->clauses, a->vjp};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        for (const Ast *p = parts[k]; p; p = k >= 4 ? p->next : NULL)
            if (differentiates_in(p, x))
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

/* An element that was stretched gets the sum of what its copies get. */
static Val over_stretched(Lower *L, const Val *r, const Val *arg, Span span) {
    bool chosen[MAX_RANK] = {false}, any = false;
    const Ex *to[MAX_RANK];
    int n = 0;
    for (int j = 0; j < r->rank; j++) {
        chosen[j] = arg->axis[j].stretch && !r->axis[j].stretch;
        any |= chosen[j];
        if (!chosen[j])
            to[n++] = axis_var(L, r->rank, j);
    }
    if (!any)
        return *r;
    Val sum = reduce_axes(L, R_SUM, r, chosen, span);
    return sum.bad ? sum : val_map_axes(L, &sum, to, false);
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
            shape.body = over_stretched(L, &r, &args[k], e->span).body;
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
    if (!scope->module->is_std && !L->graph->own_slope)
        L->graph->own_slope = arena_printf(ctx->arena, "'%s' has a vjp of its own", fn->text);
    return fine ? out : val_bad();
}

/* A call may be expanded: no recursion, and not too many. */
static bool may_expand(Lower *L, const Symbol *fn, const Ast *call) {
    const char *name = fn->fn->text;
    if (fn->wrong)
        return false;
    if (fn->expanding) {
        ERR(L, call->span, "E0219", "'%s' calls itself: functions are expanded, so there is no recursion", name);
        return false;
    }
    if (L->exhausted)                               /* said once */
        return false;
    bool deep = L->depth > MAX_DEPTH, many = ++L->expansions > MAX_EXPANSIONS;
    if (deep)
        ERR(L, call->span, "E0219", "functions stand in functions more than %d deep at '%s'", MAX_DEPTH, name);
    else if (many)
        ERR(L, call->span, "E0219", "functions are expanded more than %d times at '%s'", MAX_EXPANSIONS, name);
    L->exhausted = (deep || many) && !L->muted;
    return !deep && !many;
}

/* The name of an argument stands for v. keep: as a node, of which the body takes a derivative or has a rule. */
static Val bind_argument(Lower *L, const Ast *def, const Ast *arg, Val v, Node *node, const Ast *call, bool keep) {
    bool guess = L->guessing && !v.bad && v.rank == 0 && guess_axes(L, arg, &v);
    if (!v.bad && arg->bracketed && !guess && !bind_sizes(L, def, arg, &v, call))
        v = val_bad();
    if (keep && !v.bad && v.type == T_INT && differentiates_in(def, arg->text))
        v = val_cast(L, v, T_REAL);
    bool size = v.type == T_INT && v.rank == 0 && !v.bad && !v.body->has_var && !v.body->has_read;      /* stays an expression of dims */
    if (!v.bad && !size && (keep ? v.type == T_REAL : !trivial(v.body)))
        v = keep ? val_let(L, v, arg->text, call->span, &node) : val_shared(L, v, arg->text, call->span, &node);
    local(L, arg->text, arg->name_span, v, node);
    return v;
}

/* Lowers the body for these arguments. given[k]: argument k was passed; otherwise its default is taken. */
Val expand(Lower *L, Symbol *fn, const Ast *call, const Val *args, const bool *given, Node *const *nodes, int n) {
    Ctx *ctx = L->ctx;
    const Ast *def = fn->fn;
    if (!may_expand(L, fn, call))
        return val_bad();
    Scope *scope = NEW(ctx, Scope), *before = L->scope;
    Span site = L->std_call;
    bool enters_std = fn->module->is_std && !(L->scope ? L->scope->module->is_std : L->module->is_std);
    *scope = (Scope){.outer = L->scope, .function = true, .limit = fn->fn_order ? fn->fn_order : fn->order, .module = fn->module, .call = call->span};
    L->scope = scope;
    if (enters_std)
        L->std_call = call->span;
    fn->expanding = true;
    L->depth++;
    bool keep = def->vjp || differentiates(def->a);
    for (const Ast *s = def->clauses; s; s = s->next)
        keep |= differentiates(s);
    int needed, k = 0;
    Val *bound = NEWN(ctx, Val, count_parameters(def, &needed) + 1);
    bool fine = true;
    for (int late = 0; late <= L->guessing; late++) {       /* what is guessed by the sizes that the others tell */
        k = 0;
        for (const Ast *arg = def->items; arg; arg = arg->next, k++) {
            Val v = k < n && (!given || given[k]) ? args[k] : arg->a ? lower_expr(L, arg->a) : val_bad();
            bool guess = L->guessing && !v.bad && v.rank == 0 && arg->items;
            if (guess == late) {
                bound[k] = bind_argument(L, def, arg, v, nodes && k < n ? nodes[k] : NULL, call, keep);
                fine &= !bound[k].bad;
            }
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

static int by_place(const Ast *call) {
    int n = 0;
    for (const Ast *a = call->items; a; a = a->next)
        n += a->kind != AST_ARG;
    return n;
}

/* Positional arguments first, then by name, then defaults. */
OWN_FRAME static bool bind_arguments(Lower *L, const Symbol *fn, const Ast *call, Val *args, bool *given) {
    int needed, n = count_parameters(fn->fn, &needed), at = 0;
    bool fine = true;
    for (const Ast *a = call->kind == AST_CALL ? call->items : NULL; a; a = a->next) {
        int place = at;
        if (a->kind != AST_ARG) {
            at++;
        } else if (!parameter(fn->fn, a->text, &place)) {
            unknown_argument(L, a, fn->fn);
            fine = false;
            continue;
        }
        if (place >= n) {
            ERR(L, call->span, "E0206", "'%s' takes %d argument%s, not %d", call->text, n, n == 1 ? "" : "s", by_place(call));
            return false;
        }
        if (given[place]) {
            const Ast *p = fn->fn->items;
            for (int k = 0; k < place; k++)
                p = p->next;
            ERR(L, a->span, "E0206", "argument '%s' of '%s' is given twice", p->text, call->text);
            fine = false;
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

OWN_FRAME Val call_function(Lower *L, Symbol *fn, const Ast *call) {
    if (fn->wrong) {                                    /* its arguments' own mistakes */
        for (const Ast *a = call->items; a; a = a->next)
            lower_expr(L, a->kind == AST_ARG ? a->a : a);
        return val_bad();
    }
    int needed, n = count_parameters(fn->fn, &needed);
    Val *args = NEWN(L->ctx, Val, n + 1);               /* not on the stack, where calls within calls would fill it */
    bool given[MAX_ARGS] = {0};
    Node *nodes[MAX_ARGS] = {0};
    if (!bind_arguments(L, fn, call, args, given))
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

/* What bind_arguments says, as far as it can be told without the arguments' values. */
bool defined_args(Lower *L, const Symbol *fn, const Ast *a) {
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
        ERR(L, a->span, "E0206", "'%s' takes %d argument%s, not %d", a->text, n, n == 1 ? "" : "s", at);
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
