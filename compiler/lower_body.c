/* lower_body.c: the body of a function, before anybody calls it.
 *
 * In: a function's syntax. Out: messages on what is wrong whatever its arguments are: names and functions that nobody
 * declared, calls with too many arguments, names declared twice, recursion. Shapes and types are checked at every call,
 * where the body is lowered; what was said here is not repeated there, since a diagnostic stands at its place once.
 * Arguments, sizes and local names are known here and no more: SYM_BAD, about which nothing is said. */
#include "lower.h"
#include <string.h>

static void check(Lower *L, const Ast *a);

static void check_all(Lower *L, const Ast *list) {
    for (const Ast *a = list; a; a = a->next)
        check(L, a);
}

/* Index variables, k in K: each in a scope of its own, as in push_index. */
static void open_indices(Lower *L, const Ast *items) {
    for (const Ast *in = items; in; in = in->next) {
        if (in->kind != AST_IN) {
            check(L, in);
            continue;
        }
        if (in->a)
            check(L, in->a);
        if (in->b)
            check(L, in->b);
        open_index(L, in);
    }
}

static void check_arguments(Lower *L, const Ast *call) {
    for (const Ast *arg = call->items; arg; arg = arg->next)
        check(L, arg->kind == AST_ARG ? arg->a : arg);
}

static void check(Lower *L, const Ast *a) {
    Scope *scope = L->scope;
    switch (a->kind) {
    case AST_NAME:
        if (!name_is_known(L, a->text))
            unknown_name(L, a);
        break;
    case AST_BINARY:                                    /* a long chain leans to the left */
        for (; a->kind == AST_BINARY; a = a->a)
            check(L, a->b);
        check(L, a);
        break;
    case AST_CALL:
        call_is_known(L, a);
        check_arguments(L, a);
        break;
    case AST_REDUCE:
        open_indices(L, a->items);
        check(L, a->a);
        L->scope = scope;
        L->ended = a;
        break;
    default: {
        const Ast *parts[] = {a->a, a->b, a->c};
        for (int k = 0; k < 3; k++)
            if (parts[k])
                check(L, parts[k]);
        check_all(L, a->items);
    }
    }
}

static void check_let(Lower *L, const Ast *let, bool known) {
    Scope *scope = L->scope;
    const char *naming = L->naming;
    L->naming = let->text;
    if (let->from)
        check(L, let->from);
    open_indices(L, let->items);
    if (let->from && !known)                            /* a recurrence knows itself */
        declare(L, let->text, let->name_span, SYM_BAD);
    if (let->op == '~' && let->a)                       /* of a draw, its arguments */
        check_arguments(L, let->a);
    else if (let->a)
        check(L, let->a);
    L->scope = scope;
    L->naming = naming;
}

static void check_block(Lower *L, const Ast *statements) {
    for (const Ast *s = statements; s; s = s->next) {
        if (s->kind == AST_LET)
            check_let(L, s, false);
        if (s->kind == AST_LET || (s->kind == AST_POISON && s->text))
            declare(L, s->text, s->name_span, SYM_BAD);
        if (s->kind != AST_SCAN)
            continue;
        Scope *scope = L->scope;
        for (const Ast *let = s->clauses; let; let = let->next)
            if (let->text)
                declare(L, let->text, let->name_span, SYM_BAD);
        const Ast *t = s->a && s->a->kind == AST_IN ? s->a : s;
        if (t->a)
            check(L, t->a);
        if (t->b)
            check(L, t->b);
        open_index(L, t);
        for (const Ast *let = s->clauses; let; let = let->next)
            if (let->kind == AST_LET)
                check_let(L, let, true);
        L->scope = scope;
    }
}

/* Size variables of brackets, x[b, 2*k]: a name that is known is a number, another one a size of the caller's. */
static void declare_sizes(Lower *L, const Ast *arg) {
    for (const Ast *i = arg->items; i; i = i->next)
        if (i->kind != AST_NAME)
            check(L, i);
        else if (!lookup(L, i->text))
            declare(L, i->text, i->span, SYM_BAD);
}

bool check_body(Lower *L, const Symbol *fn) {
    const Ast *def = fn->fn;
    int errors = error_count(L->ctx);
    Scope *scope = NEW(L->ctx, Scope), *before = L->scope;
    *scope = (Scope){.function = true, .limit = fn->order, .module = fn->module};
    L->scope = scope;
    for (const Ast *arg = def->items; arg; arg = arg->next) {
        if (arg->a)
            check(L, arg->a);
        declare_sizes(L, arg);
        declare(L, arg->text, arg->name_span, SYM_BAD);
    }
    check_block(L, def->clauses);
    if (def->a)
        check(L, def->a);
    if (def->vjp) {
        declare(L, def->vjp->text, def->vjp->name_span, SYM_BAD);
        check_all(L, def->vjp->clauses);
    }
    L->scope = before;
    return error_count(L->ctx) == errors;
}
