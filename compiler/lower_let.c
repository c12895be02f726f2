/* lower_let.c: let, loss, metric, output, assert and fn: statements that give names to expressions, and what the model
 * minimises, reports and writes. */
#include "lower.h"
#include <math.h>
#include <string.h>

/* let z[n, c] = e: the note says the axes, and names those without a name. */
bool check_note(Lower *L, const Ast *a, Val *v) {
    return !a->bracketed || check_axes(L, a, a->items, v);
}

bool check_axes(Lower *L, const Ast *a, const Ast *axes, Val *v) {
    Val note = {0};
    if (!lower_axes(L, axes, &note))
        return false;
    bool same = note.rank == v->rank;
    int k = 0;
    for (; same && k < note.rank; k++) {
        same = !v->axis[k].stretch || ex_is_number(note.axis[k].size, 1);
        same = same && same_size(L, note.axis[k].size, note.axis[k].dim, v->axis[k].size, v->axis[k].dim);
        if (!same)
            break;
    }
    if (!same) {
        ERR(L, a->name_span, "E0212", "'%s' is noted as %s, but its value is %s", a->text, shape_text(L, &note), v->rank ? shape_text(L, v) : "a scalar");
        if (!L->muted) {
            const char *noted = k < note.rank ? size_text(L, note.axis[k].size, NULL) : "";
            if (k < note.rank && note.rank == v->rank && strcmp(noted, size_text(L, note.axis[k].size, note.axis[k].dim)) != 0)
                hint(L->ctx, "%s is %s, not %s", size_text(L, note.axis[k].size, note.axis[k].dim), size_text(L, note.axis[k].size, NULL), size_text(L, v->axis[k].size, NULL));
            note_dims(L, &note, v);
        }
        return false;
    }
    for (k = 0; k < note.rank; k++)
        if (note.axis[k].dim) {
            v->axis[k].dim = note.axis[k].dim;
            v->axis[k].stretch = false;
        }
    return true;
}

/* let e[n, z] ~ normal(0, 1): a fresh draw every step. */
static Val lower_draw(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    Val shape = {.type = T_REAL};
    int row = draw_row(L, a->a);
    const Ex *arg[2] = {NULL, NULL};
    const char *file = NULL;
    if (row < 0 || !lower_axes(L, a->items, &shape))
        return val_bad();
    if (row > 1) {
        ERR(L, a->a->span, "E0221", "a fresh draw is uniform(a, b) or normal(mu, sd)");
        return val_bad();
    }
    if (!draw_args(L, a->a, row, arg, &file))
        return val_bad();
    double x = arg[0]->op == OP_REAL ? arg[0]->real : NAN, y = arg[1]->op == OP_REAL ? arg[1]->real : NAN;
    if (!draw_exists(L, a->a, row == 1, row == 0, x, y))
        return val_bad();
    const Ex *z = ex_draw(ctx, row == 1, draw_key(a->text, 0), element_place(L, &shape));
    const Ex *scale = row == 1 ? arg[1] : ex2(ctx, OP_SUB, arg[1], arg[0]);
    shape.body = ex2(ctx, OP_ADD, arg[0], ex2(ctx, OP_MUL, scale, z));
    return shape;
}

static bool is_comprehension(const Ast *a) {
    for (const Ast *i = a->items; i; i = i->next)
        if (i->kind == AST_IN)
            return true;
    return false;
}

/* What stands right of '=' in let, output, loss and metric, as a node with a name. */
Val lower_let_value(Lower *L, const Ast *a, Node **node) {
    const char *naming = L->naming;
    L->naming = a->text;
    Val v;
    if (a->op == '~')
        v = lower_draw(L, a);
    else if (is_comprehension(a))
        v = lower_comprehension(L, a);
    else
        v = lower_expr(L, a->a);
    L->naming = naming;
    Val note = {0};
    if (v.bad && a->op != '~' && !is_comprehension(a))
        lower_axes(L, a->items, &note);             /* its own mistakes are worth a message still */
    if (!v.bad && !is_comprehension(a) && !check_note(L, a, &v))
        v = val_bad();
    return val_let(L, v, a->text, a->span, node);
}

static void keep_let(Lower *L, const Ast *a, Node *node) {
    if (node)
        vec_push(L->ctx, &L->graph->lets, ((Root){.name = a->text, .span = a->span, .node = node, .named = true}));
}

static Symbol *declare_value(Lower *L, const Ast *a, Val v, Node *node) {
    Symbol *s = declare(L, a->text, a->name_span, v.bad ? SYM_BAD : SYM_VALUE);
    if (s) {
        s->value = v;
        s->node = node;
        s->written = a->a;
    }
    return s;
}

bool lower_let(Lower *L, const Ast *a) {
    if (a->from)
        return lower_recurrence(L, a);
    Node *node = NULL;
    Val v = lower_let_value(L, a, &node);
    if (!declare_value(L, a, v, node))
        return false;
    keep_let(L, a, node);
    return !v.bad;
}

/* The value of loss, metric and output: a name known already, or a new one, or (a loss) none. */
static bool rooted_value(Lower *L, const Ast *a, Val *v, Node **node, const char **name) {
    *name = a->text ? a->text : a->a->kind == AST_NAME ? a->a->text : NULL;
    if (a->text && a->from) {
        if (!lower_recurrence(L, a))
            return false;
        Symbol *s = lookup(L, a->text);
        *v = s ? s->value : val_bad();
        *node = s ? s->node : NULL;
        return !v->bad;
    }
    if (a->text) {
        *v = lower_let_value(L, a, node);
        return declare_value(L, a, *v, *node) && !v->bad;
    }
    *v = lower_expr(L, a->a);
    if (v->bad)
        return false;
    Val own = val_let(L, *v, *name, a->span, node);
    return !own.bad;
}

bool lower_root(Lower *L, const Ast *a) {
    Val v;
    Node *node = NULL;
    const char *name;
    bool scalar = a->kind != AST_OUTPUT;
    const char *what = a->kind == AST_LOSS ? "a loss" : a->kind == AST_METRIC ? "a metric" : "an output";
    L->seen_loss |= a->kind == AST_LOSS;
    if (scalar && a->op == '~') {
        ERR(L, a->span, "E0221", "%s is no draw: only let and output take one", what);
        if (a->text)
            declare(L, a->text, a->name_span, SYM_BAD);
        return false;
    }
    if (!rooted_value(L, a, &v, &node, &name))
        return false;
    if (scalar && v.rank > 0) {
        ERR(L, a->a->span, "E0205", "%s must be a scalar, and this has the shape %s", what, shape_text(L, &v));
        if (!L->muted) {
            note_dims(L, &v, NULL);
            hint(L->ctx, "take its sum or its mean");
        }
        return false;
    }
    if (!scalar && !name) {
        ERR(L, a->span, "E0220", "an output needs a name: output p = ...");
        return false;
    }
    if (scalar) {
        v = val_cast(L, v, T_REAL);
        node = val_node(L, &v, NULL, a->span);
    }
    for (int k = 0; k < v.rank; k++)
        if (v.axis[k].size->has_read || v.axis[k].size->has_var) {
            ERR(L, a->span, "E0224", "an output has axes of known sizes, and how long axis %d of '%s' is, data say", k, name);
            return false;
        }
    if (a->kind == AST_METRIC && !name) {
        ERR(L, a->span, "E0220", "a metric needs a name: metric a = ...");
        return false;
    }
    Root r = {.name = name ? name : "loss", .span = a->span, .node = node, .named = name != NULL};
    for (int k = 0; a->kind == AST_OUTPUT && k < L->graph->outputs.n; k++)
        if (strcmp(L->graph->outputs.at[k].name, r.name) == 0) {
            ERR(L, a->span, "E0202", "'%s' is an output already, at %s", r.name, place(L->ctx, L->graph->outputs.at[k].span));
            return false;
        }
    if (a->kind == AST_LOSS)
        vec_push(L->ctx, &L->graph->losses, r);
    else if (a->kind == AST_METRIC)
        vec_push(L->ctx, &L->graph->metrics, r);
    else
        vec_push(L->ctx, &L->graph->outputs, r);
    return true;
}

bool lower_assert(Lower *L, const Ast *a) {
    Val v = lower_condition(L, a->a);
    if (v.bad)
        return false;
    if (v.rank > 0)
        v = reduce_all(L, &v, R_ALL, a->span);
    Node *n = v.bad ? NULL : val_node(L, &v, NULL, a->span);
    if (n && n->body && n->body->op == OP_BOOL) {
        if (!n->body->i)
            ERR(L, a->span, "E0214", "this assertion does not hold");
        return n->body->i != 0;
    }
    if (n)
        vec_push(L->ctx, &L->graph->asserts, ((Root){.name = span_source_line(L->ctx, a->span), .span = a->span, .node = n}));
    return n != NULL;
}

bool lower_fn(Lower *L, const Ast *a) {
    if (is_builtin(L, a->text) && !L->module->is_std) {
        ERR(L, a->name_span, "E0202", "'%s' is a built-in function", a->text);
        return false;
    }
    Symbol *s = declare(L, a->text, a->name_span, SYM_FN);
    bool fine = s != NULL;
    int n = 0;
    for (const Ast *x = a->items; x; x = x->next)
        if (++n == MAX_ARGS + 1) {
            ERR(L, x->span, "E0206", "a function takes at most %d arguments", MAX_ARGS);
            fine = false;
        }
    if (s) {
        s->fn = a;
        s->wrong = !L->module->is_std && (!check_body(L, s) || !fine);
        fine &= !s->wrong;
    }
    return fine;
}
