/* lower_decl.c: dims, data, hypers and params: what a model declares about the world outside. Each becomes a row of the
 * graph and a leaf that expressions read; clauses, sizes, draws and constraints are checked here. */
#include "lower.h"
#include "../runtime/adrt.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- dims */

static const Define *define_of(Lower *L, const char *name) {
    for (int k = L->ctx->options.defines.n - 1; k >= 0; k--)
        if (strcmp(L->ctx->options.defines.at[k].name, name) == 0)
            return &L->ctx->options.defines.at[k];
    return NULL;
}

static bool parse_size(const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    *value = v;
    return errno == 0 && end != text && *end == 0 && v >= 1;
}

static bool int_literal(const Ast *a, int64_t *v) {
    if (!a || a->kind != AST_INT)
        return false;
    *v = a->ival;
    return true;
}

/* How many columns a data statement names: 'from columns 0:4' has 4; 0 when it does not say. */
static int64_t columns_of(const Ast *data) {
    for (const Ast *c = data->clauses; c; c = c->next) {
        int64_t lo, hi, n = 0;
        if (strcmp(c->text, "from") != 0)
            continue;
        if (c->a)
            return int_literal(c->a, &lo) && int_literal(c->b, &hi) && lo < hi ? hi - lo : 0;
        for (const Ast *name = c->items; name; name = name->next)
            n++;
        return n;
    }
    return 0;
}

/* The size that some data X[n, f] from columns 0:4, wherever it stands, gives to f. */
static int64_t size_by_columns(const Ast *statements, const char *dim) {
    for (const Ast *a = statements; a; a = a->next) {
        const Ast *last = a->kind == AST_DATA && a->items ? a->items->next : NULL;
        int64_t n = last && !last->next && last->kind == AST_NAME && strcmp(last->text, dim) == 0 ? columns_of(a) : 0;
        if (n)
            return n;
    }
    return 0;
}

static void size_of_dim(Lower *L, const Ast *a, Dim *d) {
    const Define *given = define_of(L, a->text);
    int64_t v;
    if (given) {
        if (!parse_size(given->value, &v)) {
            ERR(L, given->span, "E0214", "'%s' is no size for the dim '%s': a whole number of at least 1 is needed", given->value, a->text);
            d->failed = true;
            return;
        }
        d->size = ex_int(L->ctx, v);
    } else if (a->a) {
        d->size = lower_scalar(L, a->a, T_INT, arena_printf(L->ctx->arena, "the size of '%s'", a->text));
        if (d->size && d->size->has_read) {
            ERR(L, a->a->span, "E0214", "the size of '%s' may use dims and numbers only", a->text);
            d->size = NULL;
        }
        if (d->size && ex_is_int(d->size, &v) && v < 1) {
            ERR(L, a->a->span, "E0214", "the dim '%s' has size %" PRId64 ", and sizes are at least 1", a->text, v);
            d->size = NULL;
        } else if (d->size && !assert_size(L, ex2(L->ctx, OP_SUB, d->size, ex_int(L->ctx, 1)), a->a->span, arena_printf(L->ctx->arena, "the size of '%s' is below 1", a->text))) {
            ERR(L, a->a->span, "E0214", "the dim '%s' has the size %s, which is below 1", a->text, size_text(L, d->size, NULL));
            d->size = NULL;
        }
        d->failed = !d->size;
    } else if (!d->batch && (v = size_by_columns(L->statements, a->text)) > 0) {
        d->size = ex_int(L->ctx, v);
    }
    d->declared_size = d->size != NULL;
}

bool lower_dim(Lower *L, const Ast *a) {
    Dim *d = NEW(L->ctx, Dim);
    *d = (Dim){.name = a->text, .span = a->name_span, .place = L->graph->dims.n, .batch = a->flag};
    if (a->flag && L->graph->batch) {
        ERR(L, a->span, "E0202", "a second batch dim: '%s' is one already, declared at %s", L->graph->batch->name, place(L->ctx, L->graph->batch->span));
        d->batch = false;
    }
    size_of_dim(L, a, d);
    Symbol *s = declare(L, a->text, a->name_span, SYM_DIM);
    if (!s)
        return false;
    s->dim = d;
    if (d->batch)
        L->graph->batch = d;
    if (!L->module->is_std && L->module == L->main)
        vec_push(L->ctx, &L->graph->dims, d);
    else
        d->place = -1;
    return !d->failed;
}

/* Where only a dim can stand, its unknown name gets a hint of its own. */
static void undeclared_dim(Lower *L, const Ast *name) {
    if (name->kind == AST_NAME && !L->muted && !L->guessed && !lookup(L, name->text) && !declared_later(L->statements, name->text))
        hint(L->ctx, "a dim is declared first: dim %s", name->text);
}

/* The brackets of data and params, and shape notes: plain dims, or int expressions of dims and numbers. */
bool lower_axes(Lower *L, const Ast *items, Val *shape) {
    bool fine = true;
    shape->rank = 0;
    for (const Ast *i = items; i; i = i->next) {
        const Dim *dim = NULL;
        int64_t v;
        if (i->kind == AST_IN || i->kind == AST_SLICE || i->kind == AST_NEW) {
            ERR(L, i->span, "E0214", "expected a size: a dim, or an int expression of dims and numbers");
            fine = false;
            continue;
        }
        const Ex *size = lower_size(L, i, &dim);
        undeclared_dim(L, i);
        if (size && ((ex_is_int(size, &v) && v < 1) || size->has_read)) {
            ERR(L, i->span, "E0214", size->has_read ? "a size may use dims and numbers only" : "sizes are at least 1, not %s", size_text(L, size, NULL));
            size = NULL;
        }
        if (!size) {
            fine = false;
            continue;
        }
        if (shape->rank == MAX_RANK) {
            too_many_axes(L, i->span);
            return false;
        }
        memset(&shape->axis[shape->rank], 0, sizeof shape->axis[0]);
        shape->axis[shape->rank].dim = dim;
        shape->axis[shape->rank++].size = size;
    }
    return fine;
}

static void axes_to_node(const Val *shape, Axis *axis) {
    for (int k = 0; k < shape->rank; k++)
        axis[k] = (Axis){shape->axis[k].size, shape->axis[k].dim, NULL};
}

/* ---------------------------------------------------------------- data */

static void unknown_clause(Lower *L, const Ast *c, const char *what, const char *const *known, int n) {
    ERR(L, c->name_span.end ? c->name_span : c->span, "E0220", "'%s' is no clause of %s", c->text, what);
    const char *near = nearest_name(c->text, known, n);
    if (near && !L->muted)
        hint(L->ctx, "did you mean '%s'?", near);
}

/* A clause that is wrong may have been meant to give a dim its size: that nothing else does is not said then. */
static void may_bind(Lower *L, const Ast *clause) {
    for (const Ast *name = clause->items; name; name = name->next) {
        Symbol *s = name->kind == AST_NAME ? lookup(L, name->text) : NULL;
        if (s && s->kind == SYM_DIM)
            ((Dim *)(uintptr_t)s->dim)->failed |= !s->dim->size;
    }
}

static bool twice(Lower *L, const Ast *c, const Ast **first, const char *what) {
    if (!*first) {
        *first = c;
        return false;
    }
    ERR(L, c->span, "E0220", "a second '%s': %s is given at %s already", c->text, what, place(L->ctx, (*first)->span));
    return true;
}

static bool from_clause(Lower *L, const Ast *c, DataDecl *d) {
    for (const Ast *x = c->a ? NULL : c->items; x; x = x->next)
        for (const Ast *y = c->items; y != x; y = y->next)
            if (strcmp(x->text, y->text) == 0) {
                ERR(L, x->span, "E0220", "the column \"%s\" is named twice", x->text);
                return false;
            }
    if (!c->a) {
        d->columns = c->items;
        return true;
    }
    if (!int_literal(c->a, &d->lo) || !int_literal(c->b, &d->hi) || d->lo >= d->hi) {
        ERR(L, c->span, "E0220", "columns are given as two numbers, the first below the second: from columns 0:4");
        return false;
    }
    return true;
}

/* As many columns as the last axis is long, one for a vector. A size from the command line, or from a file for this array
 * alone (--data X=FILE), wins over the columns of the table: what is loaded then is judged when it is. */
static bool columns_fit(Lower *L, const Ast *a, const Val *shape, const Ast *from) {
    int64_t n = from ? columns_of(a) : 0, wanted = 1;
    if (from && shape->rank > 2) {
        ERR(L, from->span, "E0220", "columns of a table make vectors and matrices, and '%s' has %d axes", a->text, shape->rank);
        return false;
    }
    if (shape->rank == 2 && shape->axis[1].dim && define_of(L, shape->axis[1].dim->name))
        return true;
    if (n == 0 || shape->rank == 0 || shape->rank > 2 || (shape->rank == 2 && !ex_is_int(shape->axis[1].size, &wanted)) || n == wanted)
        return true;
    ERR(L, from->span, "E0220", "'%s' has %" PRId64 " column%s, and %" PRId64 " are named here", a->text, wanted, wanted == 1 ? "" : "s", n);
    return false;
}

bool lower_data(Lower *L, const Ast *a) {
    static const char *const clauses[] = {"index", "bool", "int", "centered", "scaled", "missing", "from"};
    Ctx *ctx = L->ctx;
    DataDecl d = {.name = a->text, .ast = a};
    const Ast *type_clause = NULL, *prepare = NULL, *missing = NULL, *from = NULL;
    const Dim *labels = NULL;
    Type type = T_REAL;
    Val shape = {0};
    bool known = lower_axes(L, a->items, &shape), fine = known;
    for (const Ast *c = a->clauses; c; c = c->next) {
        const char *t = c->text;
        if (strcmp(t, "index") == 0 || strcmp(t, "bool") == 0 || strcmp(t, "int") == 0) {
            if (twice(L, c, &type_clause, "an element type")) {
                fine = false;
                continue;
            }
            type = strcmp(t, "bool") == 0 ? T_BOOL : T_INT;
            if (t[1] == 'n' && t[2] == 'd') {
                const Ast *name = c->items;
                Symbol *s = name && name->kind == AST_NAME && !name->next ? lookup(L, name->text) : NULL;
                if (name && name->kind == AST_NAME && !s) {
                    unknown_name(L, name);
                    undeclared_dim(L, name);
                    fine = false;
                } else if (!s || (s->kind != SYM_DIM && s->kind != SYM_BAD)) {
                    ERR(L, c->span, "E0220", "index(c) takes the name of a dim");
                    fine = false;
                } else if (s->kind == SYM_DIM) {
                    labels = s->dim;
                    ((Dim *)(uintptr_t)s->dim)->bound_by_ids = true;
                } else {
                    fine = false;
                }
            }
        } else if (strcmp(t, "centered") == 0 || strcmp(t, "scaled") == 0) {
            fine &= !twice(L, c, &prepare, "a preparation");
            d.prepare = t;
        } else if (strcmp(t, "missing") == 0) {
            fine &= !twice(L, c, &missing, "'missing'");
            d.missing = true;
        } else if (strcmp(t, "from") == 0) {
            if (twice(L, c, &from, "'from'"))
                fine = false;
            else
                fine &= from_clause(L, c, &d);
        } else {
            unknown_clause(L, c, "data", clauses, 7);
            may_bind(L, c);
            fine = false;
        }
    }
    if (type != T_REAL && (prepare || missing)) {
        ERR(L, (prepare ? prepare : missing)->span, "E0220", "'%s' is for real arrays only", (prepare ? prepare : missing)->text);
        fine = false;
    }
    fine = known && columns_fit(L, a, &shape, from) && fine;
    Symbol *s = declare(L, a->text, a->name_span, fine ? SYM_VALUE : SYM_BAD);
    for (int k = 0; k < shape.rank; k++)
        if (shape.axis[k].dim)
            ((Dim *)(uintptr_t)shape.axis[k].dim)->bound_by_data = true;
    if (!s || !fine)
        return false;
    Axis axis[MAX_RANK];
    axes_to_node(&shape, axis);
    d.node = node_leaf(ctx, L->graph, N_DATA, type, shape.rank, axis, L->graph->data.n, a->text, a->span);
    if (!countable(L, d.node, a->span)) {
        s->kind = SYM_BAD;
        return false;
    }
    d.node->labels = labels;
    if (labels) {
        d.node->vmin = ex_int(ctx, 0);
        d.node->vmax = ex2(ctx, OP_SUB, ex_dim(ctx, labels), ex_int(ctx, 1));
    }
    s->value = val_of_node(L, d.node, NULL);
    s->node = d.node;
    s->data_only = true;
    s->missing = d.missing;
    vec_push(ctx, &L->graph->data, d);
    return true;
}

/* ---------------------------------------------------------------- hypers and params */

bool lower_hyper(Lower *L, const Ast *a) {
    Val v = lower_expr(L, a->a);
    Symbol *s = declare(L, a->text, a->name_span, v.bad ? SYM_BAD : SYM_VALUE);
    if (v.bad || !s)
        return false;
    const Ex *e = v.rank == 0 ? ex_cast(L->ctx, T_REAL, v.body) : NULL;
    if (!e || e->op != OP_REAL) {
        ERR(L, a->a->span, "E0205", "the default of a hyper must be a scalar number, not %s", v.rank ? shape_text(L, &v) : "an expression");
        s->kind = SYM_BAD;
        return false;
    }
    HyperDecl h = {.name = a->text, .value = e->real, .ast = a};
    h.node = node_leaf(L->ctx, L->graph, N_HYPER, T_REAL, 0, NULL, L->graph->hypers.n, a->text, a->span);
    vec_push(L->ctx, &L->graph->hypers, h);
    s->value = val_of_node(L, h.node, NULL);
    s->node = h.node;
    return true;
}

static const struct { const char *name; int init, least, most; } draw_rows[] = {
    {"uniform", AD_INIT_UNIFORM, 2, 2}, {"normal", AD_INIT_NORMAL, 2, 2}, {"glorot", AD_INIT_GLOROT, 0, 0}, {"he", AD_INIT_HE, 0, 0},
    {"lecun", AD_INIT_LECUN, 0, 0}, {"orthogonal", AD_INIT_ORTHOGONAL, 0, 0}, {"zeros", AD_INIT_ZEROS, 0, 0}, {"ones", AD_INIT_ONES, 0, 0},
    {"constant", AD_INIT_CONSTANT, 1, 1}, {"file", AD_INIT_FILE, 1, 1},
};
enum { NDRAW = (int)(sizeof draw_rows / sizeof *draw_rows) };

static bool is_draw(const char *name) {
    for (int k = 0; k < NDRAW; k++)
        if (strcmp(draw_rows[k].name, name) == 0)
            return true;
    return false;
}

/* Of a draw's numbers: is there such a distribution? */
bool draw_exists(Lower *L, const Ast *call, bool normal, bool uniform, double x, double y) {
    if (normal && y < 0)
        ERR(L, call->span, "E0221", "normal(mu, sd) with a negative sd of %g", y);
    if (uniform && x > y)
        ERR(L, call->span, "E0221", "uniform(a, b) with a = %g above b = %g", x, y);
    return !(normal && y < 0) && !(uniform && x > y);
}

int draw_row(Lower *L, const Ast *call) {
    const char *names[NDRAW];
    for (int k = 0; k < NDRAW; k++) {
        names[k] = draw_rows[k].name;
        if (call->kind == AST_CALL && strcmp(call->text, names[k]) == 0)
            return k;
    }
    if (call->kind != AST_CALL) {
        ERR(L, call->span, "E0221", "after '~' stands a draw, as in ~ normal(0, 1); a fill is written with '='");
        return -1;
    }
    ERR(L, call->name_span.end ? call->name_span : call->span, "E0207", "unknown draw '%s'", call->text);
    const char *near = strcmp(call->text, "gaussian") == 0 ? "normal" : strcmp(call->text, "xavier") == 0 ? "glorot"
                     : nearest_name(call->text, names, NDRAW);
    if (near && !L->muted)
        hint(L->ctx, "did you mean '%s'?", near);
    return -1;
}

/* uniform(a, b), normal(mu, sd): scalars of data, hypers and numbers. */
bool draw_args(Lower *L, const Ast *call, int row, const Ex **arg, const char **file) {
    static const char *const arg_names[][2] = {{"a", "b"}, {"mu", "sd"}};
    int n = 0;
    if (!named_once(L, call))
        return false;
    for (const Ast *a = call->items; a; a = a->next, n++) {
        int at = n;
        const Ast *e = a;
        if (a->kind == AST_ARG) {
            at = row < 2 && strcmp(a->text, arg_names[row][0]) == 0 ? 0 : row < 2 && strcmp(a->text, arg_names[row][1]) == 0 ? 1 : -1;
            if (at < 0) {
                ERR(L, a->name_span, "E0208", "'%s' has no argument '%s'", call->text, a->text);
                return false;
            }
            e = a->a;
        }
        if (at >= draw_rows[row].most)
            continue;
        if (draw_rows[row].init == AD_INIT_FILE) {
            if (e->kind != AST_STRING) {
                ERR(L, e->span, "E0211", "file() takes a path in quotes");
                return false;
            }
            *file = e->text;
        } else if (arg[at]) {
            ERR(L, a->span, "E0206", "argument '%s' of '%s' is given twice", arg_names[row][at], call->text);
            return false;
        } else if (!(arg[at] = lower_scalar(L, e, T_REAL, "an argument of a draw"))) {
            return false;
        }
    }
    if (n < draw_rows[row].least || n > draw_rows[row].most) {
        ERR(L, call->span, "E0206", "'%s' takes %d argument%s, not %d", call->text, draw_rows[row].most, draw_rows[row].most == 1 ? "" : "s", n);
        return false;
    }
    return true;
}

static bool depends_on_params(Lower *L, const Ex *e);
static void param_read(void *data, const Ex *e) {
    struct { Lower *L; bool found; bool *seen; } *s = data;
    if (s->seen[e->node->id])
        return;
    s->seen[e->node->id] = true;
    s->found |= e->node->kind == N_PARAM;
    node_reads(e->node, param_read, data);
}

static bool node_uses_params(Lower *L, const Node *n) {
    struct { Lower *L; bool found; bool *seen; } s = {L, n->kind == N_PARAM, NEWN(L->ctx, bool, L->graph->node.n + 1)};
    node_reads(n, param_read, &s);
    return s.found;
}

static void visit_param(void *data, const Ex *e) {
    struct { Lower *L; bool found; } *s = data;
    if (is_read(e))
        s->found |= node_uses_params(s->L, e->node);
}

static bool depends_on_params(Lower *L, const Ex *e) {
    struct { Lower *L; bool found; } s = {L, false};
    ex_visit(e, visit_param, &s);
    return s.found;
}

static bool lower_fill(Lower *L, const Ast *a, ParamDecl *p, const Val *shape, Val *fill) {
    Val v = val_cast(L, lower_expr(L, a->a), T_REAL), all = {0};
    if (v.bad)
        return false;
    if (depends_on_params(L, v.body)) {
        ERR(L, a->a->span, "E0221", "the fill of '%s' may use data, hypers and numbers, not params", a->text);
        return false;
    }
    p->init = AD_INIT_FILL;
    if (v.rank > shape->rank) {
        ERR(L, a->a->span, "E0204", "the fill of '%s' has the shape %s, and '%s' is declared as %s", a->text, shape_text(L, &v), a->text,
            shape->rank ? shape_text(L, shape) : "a scalar");
        if (!L->muted && !a->bracketed)
            hint(L->ctx, "say its shape: param %s%s", a->text, shape_text(L, &v));
        return false;
    }
    if (v.rank > 0) {
        if (!combine_shapes(L, shape, &v, &all, a->a->span, "the fill", NULL, a->a))
            return false;
        for (int k = 0; k < shape->rank; k++)
            all.axis[k] = shape->axis[k];
        all.body = v.body;
        all.type = T_REAL;
        v = all;
    }
    *fill = v;
    p->fill = val_node(L, &v, NULL, a->a->span);
    return p->fill != NULL;
}

/* ---- does a param start where its constraint wants it? Told here of numbers, by the trainer of all else. */

static double number_of(const Ex *e) { return e && e->op == OP_REAL ? e->real : NAN; }

static const Ex *element(void *data, int var) {
    const struct { Ctx *ctx; int rank; const int64_t *at; } *m = data;
    int p = var - VAR_AXIS;
    return p >= 0 && p < m->rank ? ex_int(m->ctx, m->at[m->rank - 1 - p]) : NULL;
}

static bool unfit(Lower *L, const Ast *a, double v, const char *needed) {
    ERR(L, a->a->span, "E0223", "'%s' starts at %g, but %s", a->text, v, needed);
    return false;
}

static bool value_fits(Lower *L, const Ast *a, const ParamDecl *p, double v, double before) {
    double lo = number_of(p->bound[0]), hi = number_of(p->bound[1]);
    if (!isfinite(v))
        return unfit(L, a, v, "params start at finite values");
    if (p->constraint == AD_POSITIVE && v <= 0)
        return unfit(L, a, v, "it is declared positive");
    if (p->constraint == AD_INTERVAL && (v <= lo || v >= hi))
        return unfit(L, a, v, arena_printf(L->ctx->arena, "it is declared in(%g, %g), bounds excluded", lo, hi));
    if (p->constraint == AD_ORDERED && v <= before)
        return unfit(L, a, v, arena_printf(L->ctx->arena, "it is declared ordered, and the value before it is %g", before));
    if (p->constraint == AD_SIMPLEX && (p->frozen ? v < 0 : v <= 0))
        return unfit(L, a, v, "values of a simplex are positive");
    return true;
}

/* Elements of the fill, one after the other, while they are numbers. */
static bool fill_fits(Lower *L, const Ast *a, const ParamDecl *p, const Val *shape, const Val *fill) {
    int64_t at[MAX_RANK] = {0}, size[MAX_RANK] = {0}, count = 1;
    double before = NAN, sum = 0, within = L->graph->precision == 64 ? 1e-9 : 1e-5;
    if (fill->rank == 0)                            /* one number: ordered and simplex spread it */
        return p->constraint == AD_ORDERED || p->constraint == AD_SIMPLEX || fill->body->op != OP_REAL || value_fits(L, a, p, number_of(fill->body), NAN);
    for (int k = 0; k < shape->rank; k++) {
        if (!ex_is_int(shape->axis[k].size, &size[k]) || count > 4096 || size[k] > 4096)
            return true;
        count *= size[k];
    }
    int64_t last = size[shape->rank - 1];
    for (int64_t i = 0; i < count && count <= 4096; i++) {
        struct { Ctx *ctx; int rank; const int64_t *at; } m = {L->ctx, shape->rank, at};
        for (int64_t k = shape->rank - 1, rest = i; k >= 0; rest /= size[k--])
            at[k] = rest % size[k];
        const Ex *e = ex_map_vars(L->ctx, fill->body, element, &m, false);
        if (e->op != OP_REAL)
            return true;
        if (i % last == 0)
            before = NAN, sum = 0;
        if (!value_fits(L, a, p, e->real, before))
            return false;
        before = e->real;
        sum += e->real;
        if (p->constraint == AD_SIMPLEX && i % last == last - 1 && fabs(sum - 1) > within) {
            ERR(L, a->a->span, "E0223", "'%s' starts with a sum of %.9g, but values of a simplex sum to 1", a->text, sum);
            return false;
        }
    }
    return true;
}

static bool draw_fits(Lower *L, const Ast *a, const ParamDecl *p, const Val *shape) {
    double x = number_of(p->draw[0]), y = number_of(p->draw[1]), lo = number_of(p->bound[0]), hi = number_of(p->bound[1]);
    int64_t last = 1;
    bool same = p->init == AD_INIT_ZEROS || p->init == AD_INIT_ONES || p->init == AD_INIT_CONSTANT;
    if (!draw_exists(L, a->a, p->init == AD_INIT_NORMAL, p->init == AD_INIT_UNIFORM, x, y))
        return false;
    if (p->init == AD_INIT_UNIFORM && p->constraint == AD_INTERVAL && (y <= lo || x >= hi)) {
        ERR(L, a->a->span, "E0223", "'%s' is declared in(%g, %g), and no draw from uniform(%g, %g) is inside", a->text, lo, hi, x, y);
        return false;
    }
    if (!same)
        return true;
    double v = p->init == AD_INIT_CONSTANT ? x : p->init == AD_INIT_ONES;
    if (p->constraint == AD_POSITIVE || p->constraint == AD_SIMPLEX)        /* draws take absolute values */
        v = fabs(v);
    bool row = shape->rank > 0 && ex_is_int(shape->axis[shape->rank - 1].size, &last) && last > 1;
    return isnan(v) || value_fits(L, a, p, v, row ? v : NAN);
}

/* A clause without arguments has none. */
static bool bare_clause(Lower *L, const Ast *c) {
    if (!c->items)
        return true;
    ERR(L, c->span, "E0220", "'%s' takes no arguments", c->text);
    return false;
}

static bool constraint_clause(Lower *L, const Ast *c, ParamDecl *p, const Val *shape) {
    bool vector = strcmp(c->text, "ordered") == 0 || strcmp(c->text, "simplex") == 0;
    if (vector && shape->rank == 0 && !p->ast->items) {
        ERR(L, c->span, "E0223", "'%s' is a constraint along the last axis, and '%s' is a scalar", c->text, p->name);
        return false;
    }
    if (strcmp(c->text, "in") != 0 && !bare_clause(L, c))
        return false;
    p->constraint = strcmp(c->text, "positive") == 0 ? AD_POSITIVE : strcmp(c->text, "ordered") == 0 ? AD_ORDERED
                  : strcmp(c->text, "simplex") == 0 ? AD_SIMPLEX : AD_INTERVAL;
    if (p->constraint != AD_INTERVAL)
        return true;
    int n = 0;
    for (const Ast *a = c->items; a; a = a->next, n++)
        if (n < 2 && !(p->bound[n] = lower_scalar(L, a, T_REAL, "a bound")))
            return false;
    for (int k = 0; k < 2 && k < n; k++)
        if (depends_on_params(L, p->bound[k])) {
            ERR(L, c->span, "E0223", "the bounds of '%s' may use data, hypers and numbers, not params", p->name);
            return false;
        }
    if (n != 2) {
        ERR(L, c->span, "E0223", "in(a, b) takes two bounds, not %d", n);
        return false;
    }
    if (p->bound[0]->op == OP_REAL && p->bound[1]->op == OP_REAL && !(p->bound[0]->real < p->bound[1]->real)) {
        ERR(L, c->span, "E0223", "the interval of '%s' is empty: %g is not below %g", p->name, p->bound[0]->real, p->bound[1]->real);
        return false;
    }
    return true;
}

bool lower_param(Lower *L, const Ast *a) {
    static const char *const known[] = {"positive", "in", "ordered", "simplex", "frozen"};
    ParamDecl p = {.name = a->text, .ast = a};
    Val shape = {.type = T_REAL};
    const Ast *constraint = NULL, *frozen = NULL;
    bool drawn = false;                             /* as a clause: param W[f] normal(0, 1) */
    bool fine = lower_axes(L, a->items, &shape);
    for (const Ast *c = a->clauses; c; c = c->next) {
        if (strcmp(c->text, "frozen") == 0) {
            fine = !twice(L, c, &frozen, "it") && bare_clause(L, c) && fine;
            p.frozen = true;
        } else if (strcmp(c->text, "positive") == 0 || strcmp(c->text, "in") == 0 || strcmp(c->text, "ordered") == 0 || strcmp(c->text, "simplex") == 0) {
            fine = !twice(L, c, &constraint, "a constraint") && constraint_clause(L, c, &p, &shape) && fine;
        } else if (!a->op && is_draw(c->text)) {
            ERR(L, c->span, "E0221", "a draw is written '~ %s'", span_text(L->ctx, c->span));
            drawn = true;
            fine = false;
        } else {
            unknown_clause(L, c, "a param, which is always real", known, 5);
            fine = false;
        }
    }
    if (a->op == '~') {
        int row = draw_row(L, a->a);
        fine = row >= 0 && draw_args(L, a->a, row, p.draw, &p.file) && fine;
        p.init = row >= 0 ? draw_rows[row].init : 0;
        for (int k = 0; k < 2; k++)
            if (p.draw[k] && depends_on_params(L, p.draw[k])) {
                ERR(L, a->a->span, "E0221", "the draw of '%s' may use data, hypers and numbers, not params", a->text);
                fine = false;
            }
        fine = fine && draw_fits(L, a, &p, &shape);
    } else if (a->op == '=') {
        Val fill;
        fine = lower_fill(L, a, &p, &shape, &fill) && fine && fill_fits(L, a, &p, &shape, &fill);
    } else if (!drawn) {
        ERR(L, a->span, "E0221", "the param '%s' has no initial value", a->text);
        if (!L->muted)
            hint(L->ctx, "give it a draw, as in ~ normal(0, 0.1), or a fill, as in = 0");
        fine = false;
    }
    Symbol *s = declare(L, a->text, a->name_span, fine ? SYM_VALUE : SYM_BAD);
    if (!s || !fine)
        return false;
    Axis axis[MAX_RANK];
    axes_to_node(&shape, axis);
    p.node = node_leaf(L->ctx, L->graph, N_PARAM, T_REAL, shape.rank, axis, L->graph->params.n, a->text, a->span);
    if (!countable(L, p.node, a->span)) {
        s->kind = SYM_BAD;
        return false;
    }
    vec_push(L->ctx, &L->graph->params, p);
    s->value = val_of_node(L, p.node, NULL);
    s->node = p.node;
    return true;
}
