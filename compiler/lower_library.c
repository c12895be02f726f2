/* lower_library.c: the built-in functions that cannot be written in the language: those that look at names, types and sizes
 * (size, mask, onehot, cross_entropy), rearrange axes (concat, reshape), draw, keep statistics, or run at load. Everything
 * else is in std.ad. */
#include "lower.h"
#include "../runtime/adrt.h"
#include <string.h>

/* cross_entropy, nll, kl: along the last axis, then the mean over all others. */
Val call_rows(Lower *L, const Ast *call) {
    Val v[2] = {lower_expr(L, nth_arg(call, 0)), lower_expr(L, nth_arg(call, 1))};
    if (v[0].bad || v[1].bad)
        return val_bad();
    if (v[0].rank == 0) {
        ERR(L, call->span, "E0205", "'%s' needs an array of %s, not a scalar", call->text, strcmp(call->text, "cross_entropy") == 0 ? "logits" : "log probabilities");
        return val_bad();
    }
    bool labels = v[1].rank == v[0].rank - 1, is_kl = strcmp(call->text, "kl") == 0, entropy = strcmp(call->text, "cross_entropy") == 0;
    bool shares = is_kl || entropy;                 /* may take probabilities */
    const char *name = is_kl ? "_kl" : entropy ? (labels ? "_cross_entropy_labels" : "_cross_entropy_shares") : "_pick";
    const Ast *y = nth_arg(call, 1);
    const char *said = y->kind == AST_NAME ? arena_printf(L->ctx->arena, "'%s'", y->text) : "this";
    if (shares && v[1].labels && v[0].rank == v[1].rank) {
        ERR(L, y->span, "E0211", "'%s' of %s takes probabilities of the same shape, and %s holds labels", call->text, shape_text(L, &v[0]), said);
        if (!L->muted)
            hint(L->ctx, "labels have one axis less; onehot(y) makes probabilities of them");
        return val_bad();
    }
    if (labels && !is_kl && !v[1].labels) {
        const char *type = v[1].type == T_REAL ? "real" : v[1].type == T_INT ? "int" : "bool";
        ERR(L, y->span, "E0211", "'%s' takes labels, an index(c) array, and %s is %s", call->text, said, type);
        if (!L->muted && y->kind == AST_NAME)
            hint(L->ctx, "declare it so: data %s[...] : index(%s)", y->text,
                 v[0].axis[v[0].rank - 1].dim ? v[0].axis[v[0].rank - 1].dim->name : "c");
        return val_bad();
    }
    Val lead = v[0], shape = {0};
    lead.rank = labels ? v[0].rank - 1 : v[0].rank;
    const Dim *last = v[0].axis[v[0].rank - 1].dim;
    if (labels && v[1].labels && v[1].labels != last && !prove_equal(L->ctx, ex_dim(L->ctx, v[1].labels), v[0].axis[v[0].rank - 1].size)) {
        ERR(L, call->span, "E0204", "'%s' of %s takes labels of '%s', not of '%s'", call->text, shape_text(L, &v[0]),
            size_text(L, v[0].axis[v[0].rank - 1].size, last), v[1].labels->name);
        if (!L->muted) {
            if (last)
                hint(L->ctx, "%s", declared_at(L, last));
            hint(L->ctx, "%s", declared_at(L, v[1].labels));
        }
        return val_bad();
    }
    if ((!labels && (!shares || v[0].rank != v[1].rank)) || (is_kl && labels)) {
        const char *wanted = is_kl ? "of the same shape" : entropy ? "labels for all but the last axis, or of the same shape" : "labels for all but the last axis";
        ERR(L, call->span, "E0204", "'%s' of %s and %s: the second must be %s", call->text, shape_text(L, &v[0]), shape_text(L, &v[1]), wanted);
        if (!L->muted)
            note_dims(L, &v[0], &v[1]);
        return val_bad();
    }
    if (!combine_shapes(L, &lead, &v[1], &shape, call->span, arena_printf(L->ctx->arena, "'%s'", call->text), nth_arg(call, 0), nth_arg(call, 1)))
        return val_bad();
    bool chosen[MAX_RANK] = {0};
    chosen[v[0].rank - 1] = true;
    Val rows = call_over(L, std_function(L, name), call, v, 2, chosen);
    if (rows.bad)
        return rows;
    Val m = rows.rank ? call_std(L, "mean", call, &rows, 1) : rows;
    return strcmp(call->text, "nll") == 0 && !m.bad ? val_op(L, OP_NEG, &m, 1, NULL) : m;
}

Val call_size(Lower *L, const Ast *a) {
    const Dim *dim = NULL;
    const Ex *e = lower_size(L, nth_arg(a, 0), &dim);
    if (!e)
        return val_bad();
    if (!dim) {
        ERR(L, nth_arg(a, 0)->span, "E0214", "'%s' takes the name of a dim", a->text);
        return val_bad();
    }
    return val_scalar(strcmp(a->text, "total") == 0 && dim->batch ? ex_total(L->ctx) : e);
}

Val call_mask(Lower *L, const Ast *a) {
    const Ast *x = nth_arg(a, 0);
    Symbol *s = x->kind == AST_NAME ? lookup(L, x->text) : NULL;
    if (s && s->kind == SYM_BAD)
        return val_bad();
    if (x->kind == AST_NAME && !s) {
        unknown_name(L, x);
        return val_bad();
    }
    if (!s || !s->data_only || !s->missing) {
        ERR(L, x->span, "E0211", "mask() takes the name of a data array declared 'missing'");
        return val_bad();
    }
    s->masked = true;
    Node *data = s->node;
    Node *mask = NULL;
    for (int k = 0; k < L->graph->node.n; k++)
        if (L->graph->node.at[k]->kind == N_MASK && L->graph->node.at[k]->place == data->place)
            mask = L->graph->node.at[k];
    if (!mask)
        mask = node_leaf(L->ctx, L->graph, N_MASK, T_BOOL, data->rank, data->axis, data->place, arena_printf(L->ctx->arena, "mask_%s", data->name), data->span);
    return val_cast(L, val_of_node(L, mask, &s->value), T_REAL);
}

Val call_onehot(Lower *L, const Ast *a) {
    Val y = lower_expr(L, nth_arg(a, 0));
    if (y.bad)
        return y;
    if (!y.labels) {
        ERR(L, a->span, "E0211", "onehot takes labels, an index(c) array");
        return val_bad();
    }
    const Ex *to[MAX_RANK];
    for (int k = 0; k < y.rank; k++)
        to[k] = axis_var(L, y.rank + 1, k);
    Val r = val_map_axes(L, &y, to, false);
    r.rank = y.rank + 1;
    memset(&r.axis[y.rank], 0, sizeof r.axis[0]);
    r.axis[y.rank].size = ex_dim(L->ctx, y.labels);
    r.axis[y.rank].dim = y.labels;
    const Ex *hit = ex2(L->ctx, OP_EQ, r.body, axis_var(L, r.rank, y.rank));
    r.body = ex_where(L->ctx, hit, ex_real(L->ctx, 1), ex_real(L->ctx, 0));
    r.type = T_REAL;
    r.labels = NULL;
    return r;
}

static bool axis_number(Lower *L, const Ast *a, int rank, int *axis) {
    const Ex *e = lower_scalar(L, a, T_INT, "an axis");
    int64_t k;
    if (!e)
        return false;
    if (!ex_is_int(e, &k) || k < -rank || k >= rank) {
        ERR(L, a->span, "E0215", "there is no axis %s: the arrays have %d", span_text(L->ctx, a->span), rank);
        return false;
    }
    *axis = (int)(k < 0 ? k + rank : k);
    return true;
}

Val call_concat(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    int n = 0, axis = 0;
    for (const Ast *arg = a->items; arg; arg = arg->next)
        n++;
    Val *part = NEWN(ctx, Val, n);
    n = 0;
    bool bad = false;
    Type type = T_BOOL;
    for (; nth_arg(a, n); n++) {
        part[n] = lower_expr(L, nth_arg(a, n));
        bad |= part[n].bad;
        type = part[n].bad ? type : wider_type(type, part[n].type);
    }
    if (bad)
        return val_bad();
    for (int k = 0; k < n; k++)
        if (part[k].rank == 0 || part[k].rank != part[0].rank) {
            ERR(L, a->span, "E0204", "concat joins arrays with the same number of axes, not %s and %s", shape_text(L, &part[0]), shape_text(L, &part[k]));
            return val_bad();
        }
    const Ast *which = named_arg(a, "axis");
    if (which && !axis_number(L, which, part[0].rank, &axis))
        return val_bad();
    Val r = val_cast(L, part[0], type);
    const Dim *labels = part[0].labels;
    const Ex *end[MAX_ARGS + 1];
    end[0] = ex_int(ctx, 0);
    for (int k = 0; k < n; k++) {
        labels = part[k].labels == labels ? labels : NULL;
        end[k + 1] = ex2(ctx, OP_ADD, end[k], part[k].axis[axis].size);
        for (int i = 0; i < r.rank; i++) {
            if (i == axis)
                continue;
            if (!same_size(L, r.axis[i].size, r.axis[i].dim, part[k].axis[i].size, part[k].axis[i].dim)) {
                ERR(L, a->span, "E0204", "concat along axis %d: the other axes differ, %s and %s", axis, shape_text(L, &part[0]), shape_text(L, &part[k]));
                if (!L->muted)
                    note_dims(L, &part[0], &part[k]);
                return val_bad();
            }
            if (!r.axis[i].dim)
                r.axis[i] = part[k].axis[i];
        }
    }
    memset(&r.axis[axis], 0, sizeof r.axis[axis]);
    r.axis[axis].size = end[n];
    const Ex *v = axis_var(L, r.rank, axis), *to[MAX_RANK];
    for (int k = n - 1; k >= 0; k--) {
        for (int i = 0; i < r.rank; i++)
            to[i] = axis_var(L, r.rank, i);
        to[axis] = ex2(ctx, OP_SUB, v, end[k]);
        Val p = val_cast(L, part[k], type);
        const Ex *body = ex_guarded(ctx, val_map_axes(L, &p, to, false).body);
        r.body = k == n - 1 ? body : ex_where(ctx, ex2(ctx, OP_LT, v, end[k + 1]), body, r.body);
    }
    r.labels = labels;
    return r;
}

Val call_reshape(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    Val x = lower_expr(L, nth_arg(a, 0));
    const Ast *list = nth_arg(a, 1);
    if (x.bad)
        return x;
    if (list->kind != AST_ARRAY) {
        ERR(L, list->span, "E0214", "reshape takes the new shape as a list, as in reshape(x, [a, b])");
        return val_bad();
    }
    Val r = {.type = x.type, .labels = x.labels};
    const Ex *old = ex_int(ctx, 1), *made = ex_int(ctx, 1), *to[MAX_RANK];
    for (int k = 0; k < x.rank; k++)
        old = ex2(ctx, OP_MUL, old, x.axis[k].size);
    for (const Ast *s = list->items; s; s = s->next) {
        const Dim *dim = NULL;
        const Ex *size = lower_size(L, s, &dim);
        if (!size)
            return val_bad();
        if (r.rank == MAX_RANK) {
            too_many_axes(L, s->span);
            return val_bad();
        }
        memset(&r.axis[r.rank], 0, sizeof r.axis[0]);
        r.axis[r.rank].size = size;
        r.axis[r.rank++].dim = dim;
        made = ex2(ctx, OP_MUL, made, size);
    }
    if (!prove_equal(ctx, old, made)) {
        int64_t p, q;
        const Ex *d = ex2(ctx, OP_SUB, old, made);
        bool sure = ex_is_int(old, &p) && ex_is_int(made, &q);
        if (sure || !assert_size(L, d, a->span, "reshape changes the number of elements") || !assert_size(L, ex1(ctx, OP_NEG, d), a->span, "reshape changes the number of elements")) {
            ERR(L, a->span, "E0204", "reshape of %s, which has %s elements, to %s, which has %s", shape_text(L, &x), size_text(L, old, NULL), shape_text(L, &r), size_text(L, made, NULL));
            return val_bad();
        }
    }
    const Ex *flat = ex_int(ctx, 0);
    for (int k = 0; k < r.rank; k++)
        flat = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, flat, r.axis[k].size), axis_var(L, r.rank, k));
    for (int k = x.rank - 1; k >= 0; k--) {
        to[k] = k ? ex2(ctx, OP_MOD, flat, x.axis[k].size) : flat;
        flat = k ? ex2(ctx, OP_FLOORDIV, flat, x.axis[k].size) : flat;
    }
    r.body = val_map_axes(L, &x, to, false).body;
    return r;
}

Val call_cumsum(Lower *L, const Ast *a) {
    Val x = lower_expr(L, nth_arg(a, 0));
    const Ast *over = named_arg(a, "over");
    bool chosen[MAX_RANK] = {0};
    int n = 0, axis = 0;
    if (x.bad || (over && !axes_of(L, over, &x, chosen, "cumsum")))
        return val_bad();
    for (int k = 0; k < x.rank; k++)
        if (chosen[k])
            axis = k, n++;
    if (x.rank == 0 || n > 1 || (!over && x.rank > 1)) {
        ERR(L, a->span, "E0215", "cumsum runs over one axis: say which, over = t");
        return val_bad();
    }
    return val_cumsum(L, x, axis, a->span);
}

Val call_diag(Lower *L, const Ast *a) {
    Val x = lower_expr(L, nth_arg(a, 0));
    if (x.bad)
        return x;
    if (x.rank != 1 && x.rank != 2) {
        ERR(L, a->span, "E0204", "diag takes a vector or a square matrix, not %s", x.rank ? shape_text(L, &x) : "a scalar");
        return val_bad();
    }
    return call_std(L, x.rank == 1 ? "_diag_matrix" : "_diag_vector", a, &x, 1);
}

uint64_t draw_key(const char *name, int ordinal) {
    uint64_t h = 0xcbf29ce484222325u + (uint64_t)ordinal;
    for (const char *c = name ? name : ""; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    return h;
}

/* The row-major place of an element among the value's axes and the index variables in scope. */
const Ex *element_place(Lower *L, const Val *v) {
    Ctx *ctx = L->ctx;
    const Ex *e = ex_int(ctx, 0);
    for (int k = 0; k < L->index.n; k++)
        e = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, e, L->index.at[k].hi), ex_var(ctx, L->index.at[k].var));
    for (int k = 0; k < v->rank; k++)
        e = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, e, v->axis[k].size), axis_var(L, v->rank, k));
    return e;
}

/* Kept with probability 1 - p and scaled by 1 / (1 - p); in evaluation the value itself. */
Val call_dropout(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    Val x = val_cast(L, lower_expr(L, nth_arg(a, 0)), T_REAL);
    const Ast *given = nth_arg(a, 1) ? nth_arg(a, 1) : named_arg(a, "p");
    if (!given) {
        ERR(L, a->span, "E0206", "dropout needs the probability p of dropping an element");
        return val_bad();
    }
    const Ex *p = lower_scalar(L, given, T_REAL, "the probability");
    if (x.bad || !p)
        return val_bad();
    if (p->op == OP_REAL && !(p->real >= 0 && p->real < 1)) {
        ERR(L, given->span, "E0214", "the probability of dropping an element must be in 0 <= p < 1");
        return val_bad();
    }
    x = val_let(L, x, NULL, a->span, NULL);
    const Ex *draw = ex_draw(ctx, 0, draw_key(L->naming, 1000 + L->draws++), element_place(L, &x));
    const Ex *kept = ex2(ctx, OP_DIV, x.body, ex2(ctx, OP_SUB, ex_real(ctx, 1), p));
    x.body = ex_where(ctx, ex_training(ctx), ex_where(ctx, ex2(ctx, OP_LE, p, draw), kept, ex_real(ctx, 0)), x.body);
    return val_let(L, x, NULL, a->span, NULL);
}

/* A running statistic: a frozen param of its own that keeps 9/10 of itself at every step of training. */
static Val running_statistic(Lower *L, const Ast *a, const Val *batch, const char *name, double start) {
    Ctx *ctx = L->ctx;
    Axis axis[MAX_RANK];
    for (int k = 0; k < batch->rank; k++)
        axis[k] = (Axis){batch->axis[k].size, batch->axis[k].dim, NULL};
    ParamDecl p = {.name = name, .ast = a, .init = AD_INIT_FILL, .frozen = true};
    p.node = node_leaf(ctx, L->graph, N_PARAM, T_REAL, batch->rank, axis, L->graph->params.n, name, a->span);
    Val fill = val_scalar(ex_real(ctx, start)), old = val_of_node(L, p.node, batch), next = *batch;
    p.fill = val_node(L, &fill, NULL, a->span);
    next.body = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, ex_real(ctx, 0.9), old.body), ex2(ctx, OP_MUL, ex_real(ctx, 0.1), batch->body));
    p.running = val_node(L, &next, NULL, a->span);
    vec_push(ctx, &L->graph->params, p);
    old.body = ex_where(ctx, ex_training(ctx), batch->body, old.body);
    return old;
}

/* Over the chosen axes mean 0 and variance 1: of the batch in training, by running statistics in evaluation. */
Val call_batch_norm(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    bool chosen[MAX_RANK] = {0};
    const Ast *over = named_arg(a, "over"), *given = named_arg(a, "eps");
    Val x = val_shared(L, val_cast(L, lower_expr(L, nth_arg(a, 0)), T_REAL), NULL, a->span, NULL);
    const Ex *eps = given ? lower_scalar(L, given, T_REAL, "eps") : ex_real(ctx, 1e-5);
    if (x.bad || !eps || (over && !axes_of(L, over, &x, chosen, "batch_norm")))
        return val_bad();
    if (!over || x.rank == 0) {
        ERR(L, a->span, "E0215", "batch_norm needs the axes that it runs over, as in batch_norm(x, over = n)");
        return val_bad();
    }
    if (L->index.n > 0) {
        ERR(L, a->span, "E0215", "batch_norm keeps statistics of whole arrays: it cannot stand under an index");
        return val_bad();
    }
    Val mean = call_over(L, std_function(L, "mean"), a, &x, 1, chosen), var = call_over(L, std_function(L, "_spread"), a, &x, 1, chosen);
    if (mean.bad || var.bad)
        return val_bad();
    int k = ++L->norms;
    mean = running_statistic(L, a, &mean, arena_printf(ctx->arena, "batch_norm%d.mean", k), 0);
    var = running_statistic(L, a, &var, arena_printf(ctx->arena, "batch_norm%d.var", k), 1);
    const Ex *to[MAX_RANK];
    for (int i = 0, r = 0; i < x.rank; i++)
        if (!chosen[i])
            to[r++] = axis_var(L, x.rank, i);
    const Ex *m = val_map_axes(L, &mean, to, false).body, *v = val_map_axes(L, &var, to, false).body;
    x.body = ex2(ctx, OP_DIV, ex2(ctx, OP_SUB, x.body, m), ex1(ctx, OP_SQRT, ex2(ctx, OP_ADD, v, eps)));
    return x;
}

Val call_stop(Lower *L, const Ast *a) {
    Val x = lower_expr(L, nth_arg(a, 0));
    Node *node = NULL;
    Val r = val_let(L, x, NULL, a->span, &node);
    if (node)
        node->stop = true;
    if (!(L->scope && L->scope->module->is_std) && !L->graph->own_slope)
        L->graph->own_slope = arena_printf(L->ctx->arena, "'stop' at %s lets no gradient through", place(L->ctx, a->span));
    return r;
}

static void depends_on_learnt(void *data, const Ex *read);
typedef struct { Lower *L; bool *seen; bool learnt; } Search;
static void search(Search *s, const Node *n) {
    if (s->seen[n->id])
        return;
    s->seen[n->id] = true;
    s->learnt |= n->kind == N_PARAM || n->kind == N_HYPER;
    node_reads(n, depends_on_learnt, s);
    if (n->input)
        search(s, n->input);
}
static void depends_on_learnt(void *data, const Ex *read) { search(data, read->node); }

static bool data_only(Lower *L, const Node *n) {
    Search s = {L, NEWN(L->ctx, bool, L->graph->node.n + 1), false};
    search(&s, n);
    return !s.learnt;
}

/* lowrank, pca, svdvals, quantile: once, at load, in the runtime. */
Val call_opaque(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    bool svd = strcmp(a->text, "svdvals") == 0, quantile = strcmp(a->text, "quantile") == 0;
    Val x = val_cast(L, lower_expr(L, nth_arg(a, 0)), T_REAL);
    const Ex *k = NULL;
    if (!svd) {
        k = lower_scalar(L, nth_arg(a, 1), quantile ? T_REAL : T_INT, quantile ? "the level of quantile" : "the rank");
        if (!k)
            return val_bad();
    }
    if (x.bad)
        return x;
    if (quantile ? x.rank != 1 : x.rank != 2) {
        ERR(L, a->span, "E0204", "%s takes a %s, not %s", a->text, quantile ? "vector" : "matrix", x.rank ? shape_text(L, &x) : "a scalar");
        return val_bad();
    }
    if (L->index.n > 0 || (k && (k->has_read || k->has_var))) {
        ERR(L, a->span, "E0226", "%s is computed once, at load, from data and numbers alone", a->text);
        return val_bad();
    }
    Node *input = val_node(L, &x, NULL, a->span);
    if (!input)
        return val_bad();
    if (!data_only(L, input)) {
        ERR(L, a->span, "E0226", "%s is computed once, at load, from data alone; it has no derivative, and this depends on a param or hyper", a->text);
        return val_bad();
    }
    Val r = {.type = T_REAL};
    const Ex *least = ex2(ctx, OP_MIN, x.axis[0].size, x.rank > 1 ? x.axis[1].size : x.axis[0].size);
    Opaque op = quantile ? O_QUANTILE : svd ? O_SVDVALS : strcmp(a->text, "pca") == 0 ? O_PCA : O_LOWRANK;
    if (op == O_LOWRANK || op == O_PCA) {
        r = x;
        char *what = arena_printf(ctx->arena, "the matrix of %s has no such rank", a->text);
        if (!assert_size(L, ex2(ctx, OP_SUB, k, ex_int(ctx, 1)), a->span, what) || !assert_size(L, ex2(ctx, OP_SUB, least, k), a->span, what)) {
            ERR(L, a->span, "E0214", "%s cannot have rank %s: the matrix is %s", a->text, size_text(L, k, NULL), shape_text(L, &x));
            return val_bad();
        }
    }
    if (op == O_PCA) {
        const Dim *dim = NULL;
        lower_size(L, nth_arg(a, 1), &dim);
        memset(&r.axis[1], 0, sizeof r.axis[1]);
        r.axis[1].size = k;
        r.axis[1].dim = dim;
    } else if (op == O_SVDVALS) {
        r.rank = 1;
        memset(&r.axis[0], 0, sizeof r.axis[0]);
        r.axis[0].size = least;
    } else if (op == O_QUANTILE && k->op == OP_REAL && !(k->real >= 0 && k->real <= 1)) {
        ERR(L, nth_arg(a, 1)->span, "E0214", "the level of quantile must be in 0..1");
        return val_bad();
    }
    Axis axis[2] = {{0}};
    for (int i = 0; i < r.rank; i++)
        axis[i] = (Axis){r.axis[i].size, r.axis[i].dim, NULL};
    Node *n = node_opaque(ctx, L->graph, op, input, k, r.rank, axis, NULL, a->span);
    return val_of_node(L, n, &r);
}

/* _count(x): how many elements; for std.ad */
Val call_count(Lower *L, const Ast *a) {
    Val x = lower_expr(L, nth_arg(a, 0));
    const Ex *n = ex_int(L->ctx, 1);
    for (int k = 0; !x.bad && k < x.rank; k++)
        n = ex2(L->ctx, OP_MUL, n, x.axis[k].size);
    return x.bad ? x : val_scalar(n);
}
