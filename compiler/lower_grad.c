/* lower_grad.c: grad, jvp and hvp inside expressions.
 *
 * grad(s, x) is built on the graph as it stands, by grad.c, and is an ordinary expression from then on. x is a name: a
 * param, hyper or data array, or a let or argument, whose definition is cut. hvp is the gradient of <grad(s, x), v>; jvp
 * is the gradient, in u, of <v, d<u, e>/dx>, which is linear in u, so what is built does not depend on u any more: both
 * need reverse mode alone. */
#include "lower.h"
#include <string.h>

/* What is differentiated in: its symbol, which has a node. */
static Symbol *variable(Lower *L, const Ast *a, const char *what) {
    Symbol *s = a->kind == AST_NAME ? lookup(L, a->text) : NULL;
    if (a->kind == AST_NAME && !name_is_known(L, a->text)) {
        unknown_name(L, a);
        return NULL;
    }
    if (s && s->kind == SYM_BAD)
        return NULL;
    if (!s || s->kind != SYM_VALUE || (!s->node && s->value.type == T_REAL)) {
        ERR(L, a->span, "E0217", "%s differentiates in a name, and '%s' is none", what, span_text(L->ctx, a->span));
        if (!L->muted)
            hint(L->ctx, "give it a name first: let z = %s, and use z in what is differentiated", span_text(L->ctx, a->span));
        return NULL;
    }
    if (s->value.type != T_REAL) {
        ERR(L, a->span, "E0217", "%s differentiates in real values, and '%s' is %s", what, a->text, s->value.type == T_INT ? "int" : "bool");
        if (!L->muted && s->written && s->written->kind == AST_INT)
            hint(L->ctx, "a number with a point is real: %s.0", span_text(L->ctx, s->written->span));
        return NULL;
    }
    return s;
}

/* The scalar as a node, and what its adjoint is: 1 at the present values of the index variables that the variable does
 * not share (each row of a Jacobian), 1 everywhere along those that it does. */
static Node *seeded(Lower *L, Val s, const Ex *x_read, Span span, const Ex **seed) {
    Ctx *ctx = L->ctx;
    Node *node = NULL;
    Val read = val_let(L, s, NULL, span, &node);
    if (read.bad)
        return NULL;
    const Ex *here = ex_bool(ctx, true);
    for (int k = 0; k < read.body->nargs; k++) {
        bool shared = false;
        for (int j = 0; j < x_read->nargs; j++)
            shared |= x_read->arg[j] == read.body->arg[k];
        if (!shared)
            here = ex_and(ctx, here, ex2(ctx, OP_EQ, ex_var(ctx, k), read.body->arg[k]));
    }
    *seed = ex_where(ctx, here, ex_real(ctx, 1), ex_real(ctx, 0));
    return node;
}

/* d s / d x as a value of x's shape, with what is held taken as constant. */
static Val derivative_in(Lower *L, Val s, Node *x, const Val *shape, const Node *held, Span span) {
    const Ex *seed, *dx = NULL, *x_read = shape->body;
    Node *node = seeded(L, val_cast(L, s, T_REAL), x_read, span, &seed);
    if (!node)
        return val_bad();
    Builder b = builder(L);
    b.nguards = 0;
    b.held = held;
    if (L->muted)
        return *shape;
    if (!gradient(&b, node, seed, &x, 1, &dx, span))
        return val_bad();
    Val r = *shape;
    r.type = T_REAL;
    r.labels = NULL;
    node = NULL;
    r.body = dx ? ex_at_index(L->ctx, dx, x_read->arg, x_read->nargs) : ex_real(L->ctx, 0);
    r = val_shared(L, r, NULL, span, &node);
    if (node)
        node->swept = true;
    return r;
}

static bool is_scalar(Lower *L, const Ast *a, const Val *s, const char *what) {
    if (s->bad)
        return false;
    if (s->rank == 0)
        return true;
    ERR(L, a->span, "E0205", "%s differentiates a scalar, and this has the shape %s", what, shape_text(L, s));
    if (!L->muted) {
        note_dims(L, s, NULL);
        hint(L->ctx, "sum it, or take one row at a time in index notation");
    }
    return false;
}

Val call_grad(Lower *L, const Ast *a) {
    const Ast *arg[2] = {nth_arg(a, 0), nth_arg(a, 1)};
    Val s = lower_expr(L, arg[0]);
    Symbol *x = variable(L, arg[1], "grad");
    if (!is_scalar(L, arg[0], &s, "grad") || !x)
        return val_bad();
    return derivative_in(L, s, x->node, &x->value, NULL, a->span);
}

/* sum(a * b) over all axes */
static Val inner(Lower *L, Val a, Val b, Span span) {
    Val p = a;
    p.body = ex2(L->ctx, OP_MUL, a.body, b.body);
    return reduce_all(L, &p, R_SUM, span);
}

static bool direction(Lower *L, const Ast *a, Val *v, const Symbol *x, const char *what) {
    Val shape = {0};
    *v = val_cast(L, lower_expr(L, a), T_REAL);
    if (v->bad)
        return false;
    bool same = v->rank == x->value.rank;
    for (int k = 0; same && k < v->rank; k++)
        same = same_size(L, v->axis[k].size, v->axis[k].dim, x->value.axis[k].size, x->value.axis[k].dim);
    if (same)
        return combine_shapes(L, &x->value, v, &shape, a->span, what, NULL, a);
    ERR(L, a->span, "E0204", "the direction of %s has the shape %s, but '%s' has %s", what, shape_text(L, v), x->name, shape_text(L, &x->value));
    if (!L->muted)
        note_dims(L, v, &x->value);
    return false;
}

Val call_hvp(Lower *L, const Ast *a) {
    const Ast *arg[3] = {nth_arg(a, 0), nth_arg(a, 1), nth_arg(a, 2)};
    Val s = lower_expr(L, arg[0]), v;
    Symbol *x = variable(L, arg[1], "hvp");
    if (!x || !direction(L, arg[2], &v, x, "hvp") || !is_scalar(L, arg[0], &s, "hvp"))
        return val_bad();
    Node *held = NULL;
    v = val_let(L, v, NULL, a->span, &held);
    Val g = derivative_in(L, s, x->node, &x->value, NULL, a->span);
    if (g.bad || v.bad)
        return val_bad();
    return derivative_in(L, inner(L, g, v, a->span), x->node, &x->value, held, a->span);
}

Val call_jvp(Lower *L, const Ast *a) {
    const Ast *arg[3] = {nth_arg(a, 0), nth_arg(a, 1), nth_arg(a, 2)};
    Val e = val_cast(L, lower_expr(L, arg[0]), T_REAL), v;
    Symbol *x = variable(L, arg[1], "jvp");
    if (!x || !direction(L, arg[2], &v, x, "jvp") || e.bad)
        return val_bad();
    Node *node = NULL;
    Val shape = e;
    e = val_let(L, e, NULL, a->span, &node);
    if (e.bad)
        return e;
    Node *u = node_leaf(L->ctx, L->graph, N_PARAM, T_REAL, node->rank, node->axis, -1, NULL, a->span);
    shape.body = ex_read(L->ctx, u, e.body->arg, false);
    Val g = derivative_in(L, inner(L, e, shape, a->span), x->node, &x->value, NULL, a->span);
    if (g.bad)
        return g;
    return derivative_in(L, inner(L, g, v, a->span), u, &shape, NULL, a->span);
}
