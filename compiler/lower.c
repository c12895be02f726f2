/* lower.c: statements. In: the syntax tree. Out: the graph, with data, params, hypers, losses, metrics and outputs.
 *
 * One walk does names, kinds, shapes and types, so every mistake beyond syntax is found here or in the files that this
 * one calls. A name whose declaration failed stays known as SYM_BAD and silences what follows from it. The order of
 * statements is the order of declaration: a name is visible from its statement on, and a function sees what stood above
 * it. The library is a module like an imported file. */
#include "lower.h"
#include "../runtime/adrt.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const char std_ad[];
extern const size_t std_ad_len;

/* ---------------------------------------------------------------- messages */

static bool in_std(const Lower *L, Span span) { return L->std && span.file == L->std->file; }

/* A mistake inside the library is the caller's: it is reported at the call. */
void lower_error(Lower *L, Span span, const char *code, const char *format, ...) {
    if (L->muted)
        return;
    va_list args;
    va_start(args, format);
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (in_std(L, span) && !in_std(L, L->std_call))
        span = L->std_call;
    error_at(L->ctx, span, code, "%s", text);
}

void lower_label(Lower *L, Span span, const char *format, ...) {
    if (L->muted || in_std(L, span))
        return;
    va_list args;
    va_start(args, format);
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    label_at(L->ctx, span, "%s", text);
}

/* ---------------------------------------------------------------- names */

static Symbol *find(Symbol *list, const char *name, int limit) {
    for (Symbol *s = list; s; s = s->next)
        if (s->kind != SYM_FN && s->order < limit && strcmp(s->name, name) == 0)
            return s;
    for (Symbol *s = list; s; s = s->next)
        if (s->kind == SYM_FN && s->order < limit && strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

Symbol *lookup(Lower *L, const char *name) {
    const Module *m = L->module;
    int limit = 1 << 30;
    for (Scope *s = L->scope; s; s = s->outer) {
        Symbol *y = find(s->symbols, name, 1 << 30);
        if (y)
            return y;
        if (s->function) {
            m = s->module;
            limit = s->limit;
            break;
        }
    }
    return find(m->symbols, name, limit);
}

static Symbol *declare_in(Lower *L, Symbol **list, const char *name, Span span, SymbolKind kind) {
    for (Symbol *s = *list; s; s = s->next)
        if (strcmp(s->name, name) == 0 && s->kind != SYM_INDEX && (s->kind != SYM_FN || s->module == L->module)) {
            ERR(L, span, "E0202", "'%s' is declared already, at %s", name, place(L->ctx, s->span));
            return NULL;
        }
    Symbol *s = NEW(L->ctx, Symbol);
    *s = (Symbol){.name = name, .kind = kind, .span = span, .order = ++L->module->order, .next = *list, .module = L->module};
    *list = s;
    return s;
}

Symbol *declare_global(Lower *L, const char *name, Span span, SymbolKind kind) { return declare_in(L, &L->module->symbols, name, span, kind); }

Symbol *declare(Lower *L, const char *name, Span span, SymbolKind kind) {
    if (!L->scope)
        return declare_global(L, name, span, kind);
    int order = L->module->order;
    Symbol *s = declare_in(L, &L->scope->symbols, name, span, kind);
    L->module->order = order;
    return s;
}

static void collect_names(Lower *L, const Symbol *s, void *names) {
    VEC(const char *) *v = names;
    for (; s; s = s->next)
        if (s->kind != SYM_FN || s->module == L->module)
            vec_push(L->ctx, v, s->name);
}

/* Where a statement further down declares it. */
static const Ast *declared_later(const Ast *list, const char *name) {
    for (const Ast *a = list; a; a = a->next) {
        if (a->kind == AST_SCAN) {
            const Ast *inner = declared_later(a->clauses, name);
            if (inner)
                return inner;
        } else if (a->text && a->kind != AST_IMPORT && a->kind != AST_PRECISION && a->kind != AST_POISON && strcmp(a->text, name) == 0) {
            return a;
        }
    }
    return NULL;
}

void unknown_name(Lower *L, const Ast *a) {
    VEC(const char *) names = {0};
    const Module *m = L->module;
    for (Scope *s = L->scope; s; s = s->outer) {
        collect_names(L, s->symbols, &names);
        if (s->function)
            m = s->module;
    }
    collect_names(L, m->symbols, &names);
    if (L->naming && strcmp(a->text, L->naming) == 0) {
        ERR(L, a->span, "E0216", "'%s' reads itself, which needs a 'from'", a->text);
        if (!L->muted)
            hint(L->ctx, "a recurrence starts from a value: let %s[t in T] from 0 = ...", a->text);
        return;
    }
    const Ast *later = m == L->module ? declared_later(L->statements, a->text) : NULL;
    if (later) {
        ERR(L, a->span, "E0218", "'%s' is used before its definition at %s", a->text, place(L->ctx, later->name_span));
        return;
    }
    const char *shown = strlen(a->text) > 60 ? arena_printf(L->ctx->arena, "%.57s...", a->text) : a->text;
    ERR(L, a->span, "E0201", "unknown name '%s'", shown);
    static const char *const built_in[] = {"pi", "inf", "nan", "eps"};
    for (int k = 0; k < 4; k++)
        vec_push(L->ctx, &names, built_in[k]);
    for (const Ast *in = L->ended ? L->ended->items : NULL; in; in = in->next)
        if (in->kind == AST_IN && strcmp(in->text, a->text) == 0) {
            if (!L->muted)
                hint(L->ctx, "the body of %s[...] ends at '+', '-' and looser: put it into parentheses", L->ended->text);
            return;
        }
    const char *near = nearest_name(a->text, names.at, names.n);
    L->guessed = near != NULL;
    if (near && !L->muted)
        hint(L->ctx, "did you mean '%s'?", near);
}

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

static void lower_dim(Lower *L, const Ast *a) {
    Dim *d = NEW(L->ctx, Dim);
    *d = (Dim){.name = a->text, .span = a->name_span, .place = L->graph->dims.n, .batch = a->flag};
    if (a->flag && L->graph->batch) {
        ERR(L, a->span, "E0202", "a second batch dim: '%s' is one already, declared at %s", L->graph->batch->name, place(L->ctx, L->graph->batch->span));
        d->batch = false;
    }
    size_of_dim(L, a, d);
    Symbol *s = declare(L, a->text, a->name_span, SYM_DIM);
    if (!s)
        return;
    s->dim = d;
    if (d->batch)
        L->graph->batch = d;
    if (!L->module->is_std && L->module == L->main)
        vec_push(L->ctx, &L->graph->dims, d);
    else
        d->place = -1;
}

/* Where only a dim can stand, its unknown name gets a hint of its own. */
static void undeclared_dim(Lower *L, const Ast *name) {
    if (name->kind == AST_NAME && !L->muted && !L->guessed && !lookup(L, name->text) && !declared_later(L->statements, name->text))
        hint(L->ctx, "a dim is declared first: dim %s", name->text);
}

/* The brackets of data and params, and shape notes: plain dims, or int expressions of dims and numbers. */
static bool lower_axes(Lower *L, const Ast *items, Val *shape) {
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
        if (!size || shape->rank == MAX_RANK - 4) {
            fine = false;
            continue;
        }
        memset(&shape->axis[shape->rank], 0, sizeof shape->axis[0]);
        shape->axis[shape->rank].dim = dim;
        shape->axis[shape->rank++].size = size;
    }
    return fine;
}

/* The number of elements must stay below 2^63; checked when all sizes are known. */
static bool countable(Lower *L, const Val *shape, Span span, const char *name) {
    int64_t n = 1, v;
    for (int k = 0; k < shape->rank; k++)
        if (ex_is_int(shape->axis[k].size, &v) && __builtin_mul_overflow(n, v, &n)) {
            ERR(L, span, "E0224", "'%s' would have more than 2^63 elements", name);
            return false;
        }
    return true;
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

static bool twice(Lower *L, const Ast *c, const Ast **first, const char *what) {
    if (!*first) {
        *first = c;
        return false;
    }
    ERR(L, c->span, "E0220", "a second '%s': %s is given at %s already", c->text, what, place(L->ctx, (*first)->span));
    return true;
}

static bool from_clause(Lower *L, const Ast *c, DataDecl *d) {
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

/* As many columns as the last axis is long, one for a vector. */
static bool columns_fit(Lower *L, const Ast *a, const Val *shape, const Ast *from) {
    int64_t n = from ? columns_of(a) : 0, wanted = 1;
    if (n == 0 || shape->rank == 0 || shape->rank > 2 || (shape->rank == 2 && !ex_is_int(shape->axis[1].size, &wanted)) || n == wanted)
        return true;
    ERR(L, from->span, "E0220", "'%s' has %" PRId64 " column%s, and %" PRId64 " are named here", a->text, wanted, wanted == 1 ? "" : "s", n);
    return false;
}

static void lower_data(Lower *L, const Ast *a) {
    static const char *const known[] = {"index", "bool", "int", "centered", "scaled", "missing", "from"};
    Ctx *ctx = L->ctx;
    DataDecl d = {.name = a->text, .ast = a};
    const Ast *type_clause = NULL, *prepare = NULL, *missing = NULL, *from = NULL;
    const Dim *labels = NULL;
    Type type = T_REAL;
    Val shape = {0};
    bool fine = lower_axes(L, a->items, &shape);
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
            unknown_clause(L, c, "data", known, 7);
            fine = false;
        }
    }
    if (type != T_REAL && (prepare || missing)) {
        ERR(L, (prepare ? prepare : missing)->span, "E0220", "'%s' is for real arrays only", (prepare ? prepare : missing)->text);
        fine = false;
    }
    fine &= countable(L, &shape, a->span, a->text) && columns_fit(L, a, &shape, from);
    Symbol *s = declare(L, a->text, a->name_span, fine ? SYM_VALUE : SYM_BAD);
    for (int k = 0; k < shape.rank; k++)
        if (shape.axis[k].dim)
            ((Dim *)(uintptr_t)shape.axis[k].dim)->bound_by_data = true;
    if (!s || !fine)
        return;
    Axis axis[MAX_RANK];
    axes_to_node(&shape, axis);
    d.node = node_leaf(ctx, L->graph, N_DATA, type, shape.rank, axis, L->graph->data.n, a->text, a->span);
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
}

/* ---------------------------------------------------------------- hypers and params */

static void lower_hyper(Lower *L, const Ast *a) {
    Val v = lower_expr(L, a->a);
    Symbol *s = declare(L, a->text, a->name_span, v.bad ? SYM_BAD : SYM_VALUE);
    if (v.bad || !s)
        return;
    const Ex *e = v.rank == 0 ? ex_cast(L->ctx, T_REAL, v.body) : NULL;
    if (!e || e->op != OP_REAL) {
        ERR(L, a->a->span, "E0205", "the default of a hyper must be a scalar number, not %s", v.rank ? shape_text(L, &v) : "an expression");
        s->kind = SYM_BAD;
        return;
    }
    HyperDecl h = {.name = a->text, .value = e->real, .ast = a};
    h.node = node_leaf(L->ctx, L->graph, N_HYPER, T_REAL, 0, NULL, L->graph->hypers.n, a->text, a->span);
    vec_push(L->ctx, &L->graph->hypers, h);
    s->value = val_of_node(L, h.node, NULL);
    s->node = h.node;
}

static const struct { const char *name; int init, least, most; } draw_rows[] = {
    {"uniform", AD_INIT_UNIFORM, 2, 2}, {"normal", AD_INIT_NORMAL, 2, 2}, {"glorot", AD_INIT_GLOROT, 0, 0}, {"he", AD_INIT_HE, 0, 0},
    {"lecun", AD_INIT_LECUN, 0, 0}, {"orthogonal", AD_INIT_ORTHOGONAL, 0, 0}, {"zeros", AD_INIT_ZEROS, 0, 0}, {"ones", AD_INIT_ONES, 0, 0},
    {"constant", AD_INIT_CONSTANT, 1, 1}, {"file", AD_INIT_FILE, 1, 1},
};
enum { NDRAW = (int)(sizeof draw_rows / sizeof *draw_rows) };

static int draw_row(Lower *L, const Ast *call) {
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
    const char *near = nearest_name(call->text, names, NDRAW);
    if (near && !L->muted)
        hint(L->ctx, "did you mean '%s'?", near);
    return -1;
}

/* uniform(a, b), normal(mu, sd): scalars of data, hypers and numbers. */
static bool draw_args(Lower *L, const Ast *call, int row, const Ex **arg, const char **file) {
    static const char *const arg_names[][2] = {{"a", "b"}, {"mu", "sd"}};
    int n = 0;
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
    node_reads(s->L->ctx, e->node, param_read, data);
}

static bool node_uses_params(Lower *L, const Node *n) {
    struct { Lower *L; bool found; bool *seen; } s = {L, n->kind == N_PARAM, NEWN(L->ctx, bool, L->graph->node.n + 1)};
    node_reads(L->ctx, n, param_read, &s);
    return s.found;
}

static void visit_param(void *data, const Ex *e) {
    struct { Lower *L; bool found; } *s = data;
    if (e->op == OP_READ || e->op == OP_READ_IF)
        s->found |= node_uses_params(s->L, e->node);
}

static bool depends_on_params(Lower *L, const Ex *e) {
    struct { Lower *L; bool found; } s = {L, false};
    ex_visit(L->ctx, e, visit_param, &s);
    return s.found;
}

static bool lower_fill(Lower *L, const Ast *a, ParamDecl *p, const Val *shape) {
    Val v = val_cast(L, lower_expr(L, a->a), T_REAL), all = {0};
    if (v.bad)
        return false;
    if (depends_on_params(L, v.body)) {
        ERR(L, a->a->span, "E0221", "the fill of '%s' may use data, hypers and numbers, not params", a->text);
        return false;
    }
    p->init = AD_INIT_FILL;
    if (v.rank > 0) {
        if (v.rank > shape->rank || !combine_shapes(L, shape, &v, &all, a->a->span, "the fill", NULL, a->a))
            return false;
        for (int k = 0; k < shape->rank; k++)
            all.axis[k] = shape->axis[k];
        all.body = v.body;
        all.type = T_REAL;
        v = all;
    }
    p->fill = val_node(L, &v, NULL, a->a->span);
    return p->fill != NULL;
}

static bool constraint_clause(Lower *L, const Ast *c, ParamDecl *p, const Val *shape) {
    bool vector = strcmp(c->text, "ordered") == 0 || strcmp(c->text, "simplex") == 0;
    if (vector && shape->rank == 0) {
        ERR(L, c->span, "E0223", "'%s' is a constraint along the last axis, and '%s' is a scalar", c->text, p->name);
        return false;
    }
    p->constraint = strcmp(c->text, "positive") == 0 ? AD_POSITIVE : strcmp(c->text, "ordered") == 0 ? AD_ORDERED
                  : strcmp(c->text, "simplex") == 0 ? AD_SIMPLEX : AD_INTERVAL;
    if (p->constraint != AD_INTERVAL)
        return true;
    int n = 0;
    for (const Ast *a = c->items; a; a = a->next, n++)
        if (n < 2 && !(p->bound[n] = lower_scalar(L, a, T_REAL, "a bound")))
            return false;
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

static void lower_param(Lower *L, const Ast *a) {
    static const char *const known[] = {"positive", "in", "ordered", "simplex", "frozen"};
    ParamDecl p = {.name = a->text, .ast = a};
    Val shape = {.type = T_REAL};
    const Ast *constraint = NULL, *frozen = NULL;
    bool fine = lower_axes(L, a->items, &shape) && countable(L, &shape, a->span, a->text);
    for (const Ast *c = a->clauses; c; c = c->next) {
        if (strcmp(c->text, "frozen") == 0) {
            fine &= !twice(L, c, &frozen, "it");
            p.frozen = true;
        } else if (strcmp(c->text, "positive") == 0 || strcmp(c->text, "in") == 0 || strcmp(c->text, "ordered") == 0 || strcmp(c->text, "simplex") == 0) {
            fine = !twice(L, c, &constraint, "a constraint") && constraint_clause(L, c, &p, &shape) && fine;
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
    } else if (a->op == '=') {
        fine = lower_fill(L, a, &p, &shape) && fine;
    } else {
        ERR(L, a->span, "E0221", "the param '%s' has no initial value", a->text);
        if (!L->muted)
            hint(L->ctx, "give it a draw, as in ~ normal(0, 0.1), or a fill, as in = 0");
        fine = false;
    }
    Symbol *s = declare(L, a->text, a->name_span, fine ? SYM_VALUE : SYM_BAD);
    if (!s || !fine)
        return;
    Axis axis[MAX_RANK];
    axes_to_node(&shape, axis);
    p.node = node_leaf(L->ctx, L->graph, N_PARAM, T_REAL, shape.rank, axis, L->graph->params.n, a->text, a->span);
    vec_push(L->ctx, &L->graph->params, p);
    s->value = val_of_node(L, p.node, NULL);
    s->node = p.node;
}

/* ---------------------------------------------------------------- values */

/* let z[n, c] = e: the note says the axes, and names those without a name. */
bool check_note(Lower *L, const Ast *a, Val *v) {
    Val note = {0};
    if (!a->bracketed)
        return true;
    if (!lower_axes(L, a->items, &note))
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
    const Ex *at = ex_int(ctx, 0);
    for (int k = 0; k < L->index.n; k++)
        at = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, at, L->index.at[k].hi), ex_var(ctx, L->index.at[k].var));
    for (int k = 0; k < shape.rank; k++)
        at = ex2(ctx, OP_ADD, ex2(ctx, OP_MUL, at, shape.axis[k].size), axis_var(L, shape.rank, k));
    uint64_t key = 0xcbf29ce484222325u;
    for (const char *c = a->text; *c; c++)
        key = (key ^ (unsigned char)*c) * 0x100000001b3u;
    const Ex *z = ex_draw(ctx, row == 1, key, at);
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
    }
    return s;
}

static void lower_let(Lower *L, const Ast *a) {
    if (a->from) {
        lower_recurrence(L, a);
        return;
    }
    Node *node = NULL;
    Val v = lower_let_value(L, a, &node);
    if (declare_value(L, a, v, node))
        keep_let(L, a, node);
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

static void lower_root(Lower *L, const Ast *a) {
    Val v;
    Node *node = NULL;
    const char *name;
    bool scalar = a->kind != AST_OUTPUT;
    const char *what = a->kind == AST_LOSS ? "a loss" : a->kind == AST_METRIC ? "a metric" : "an output";
    L->seen_loss |= a->kind == AST_LOSS;
    if (!rooted_value(L, a, &v, &node, &name))
        return;
    if (scalar && v.rank > 0) {
        ERR(L, a->a->span, "E0205", "%s must be a scalar, and this has the shape %s", what, shape_text(L, &v));
        if (!L->muted) {
            note_dims(L, &v, NULL);
            hint(L->ctx, "take its sum or its mean");
        }
        return;
    }
    if (!scalar && !name) {
        ERR(L, a->span, "E0220", "an output needs a name: output p = ...");
        return;
    }
    if (scalar) {
        v = val_cast(L, v, T_REAL);
        node = val_node(L, &v, NULL, a->span);
    }
    if (a->kind == AST_METRIC && !name) {
        ERR(L, a->span, "E0220", "a metric needs a name: metric a = ...");
        return;
    }
    Root r = {.name = name ? name : "loss", .span = a->span, .node = node, .named = name != NULL};
    for (int k = 0; a->kind == AST_OUTPUT && k < L->graph->outputs.n; k++)
        if (strcmp(L->graph->outputs.at[k].name, r.name) == 0) {
            ERR(L, a->span, "E0202", "'%s' is an output already, at %s", r.name, place(L->ctx, L->graph->outputs.at[k].span));
            return;
        }
    if (a->kind == AST_LOSS)
        vec_push(L->ctx, &L->graph->losses, r);
    else if (a->kind == AST_METRIC)
        vec_push(L->ctx, &L->graph->metrics, r);
    else
        vec_push(L->ctx, &L->graph->outputs, r);
}

static void lower_assert(Lower *L, const Ast *a) {
    Val v = lower_condition(L, a->a);
    if (v.bad)
        return;
    if (v.rank > 0)
        v = reduce_all(L, &v, R_ALL, a->span);
    Node *n = v.bad ? NULL : val_node(L, &v, NULL, a->span);
    if (n && n->body && n->body->op == OP_BOOL) {
        if (!n->body->i)
            ERR(L, a->span, "E0214", "this assertion does not hold");
        return;
    }
    if (n)
        vec_push(L->ctx, &L->graph->asserts, ((Root){.name = span_source_line(L->ctx, a->span), .span = a->span, .node = n}));
}

static void lower_fn(Lower *L, const Ast *a) {
    if (is_builtin(L, a->text) && !L->module->is_std) {
        ERR(L, a->name_span, "E0202", "'%s' is a built-in function", a->text);
        return;
    }
    Symbol *s = declare(L, a->text, a->name_span, SYM_FN);
    if (s)
        s->fn = a;
    for (const Ast *x = a->items; x; x = x->next)
        for (const Ast *y = a->items; y != x; y = y->next)
            if (strcmp(x->text, y->text) == 0)
                ERR(L, x->name_span, "E0202", "the argument '%s' is declared already, at %s", x->text, place(L->ctx, y->name_span));
}

/* ---------------------------------------------------------------- files */

static void lower_statement(Lower *L, const Ast *a);

static char *path_beside(Ctx *ctx, const char *model, const char *path) {
    const char *slash = strrchr(model, '/');
    return path[0] == '/' || !slash ? arena_strdup(ctx->arena, path) : arena_printf(ctx->arena, "%.*s/%s", (int)(slash - model), model, path);
}

static Module *load_module(Lower *L, int file, const char *path) {
    Module *m = NEW(L->ctx, Module), *before = L->module;
    const Ast *statements = L->statements;
    *m = (Module){.file = file, .path = path};
    vec_push(L->ctx, &L->modules, m);
    L->module = m;
    L->statements = parse(L->ctx, file);
    for (const Ast *a = L->statements; a; a = a->next) {
        if (a->kind != AST_FN && a->kind != AST_DIM && a->kind != AST_LET && a->kind != AST_IMPORT && a->kind != AST_POISON)
            ERR(L, a->span, "E0225", "an imported file gives functions: besides them it may hold imports, dims and constants");
        else
            lower_statement(L, a);
    }
    L->module = before;
    L->statements = statements;
    return m;
}

static void lower_import(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    const char *self = ctx->source.at[a->span.file].name;
    char *path = path_beside(ctx, self, a->text);
    int file = -1;
    Module *m = NULL;
    for (int k = 0; k < L->modules.n; k++)
        if (L->modules.at[k]->path && strcmp(L->modules.at[k]->path, path) == 0)
            m = L->modules.at[k];
    bool found = m || source_read(ctx, path, &file);
    for (int k = 0; !found && k < ctx->options.include.n; k++) {
        path = arena_printf(ctx->arena, "%s/%s", ctx->options.include.at[k], a->text);
        found = source_read(ctx, path, &file);
    }
    if (!found) {
        ERR(L, a->name_span.end ? a->name_span : a->span, "E0225", "cannot read \"%s\": %s", a->text, strerror(errno));
        return;
    }
    if (!m)
        m = load_module(L, file, path);
    for (Symbol *s = m->symbols; s; s = s->next) {
        if (s->kind != SYM_FN || s->module != m)
            continue;
        Symbol *mine = declare(L, s->name, a->span, SYM_FN);
        if (mine) {
            int order = mine->order;
            Symbol *next = mine->next;
            *mine = *s;
            mine->order = order;
            mine->next = next;
            mine->span = s->span;
            mine->fn_order = s->order;
        }
    }
}

static void load_library(Lower *L) {
    int file = source_add(L->ctx, "std.ad", std_ad, (int)std_ad_len);
    Module *m = NEW(L->ctx, Module), *before = L->module;
    *m = (Module){.file = file, .is_std = true, .path = "std.ad"};
    L->std = m;
    L->module = m;
    for (const Ast *a = parse(L->ctx, file); a; a = a->next)
        lower_statement(L, a);
    L->module = before;
}

static void lower_statement(Lower *L, const Ast *a) {
    L->ended = NULL;
    switch (a->kind) {
    case AST_DIM: lower_dim(L, a); break;
    case AST_HYPER: lower_hyper(L, a); break;
    case AST_DATA: lower_data(L, a); break;
    case AST_PARAM: lower_param(L, a); break;
    case AST_LET: lower_let(L, a); break;
    case AST_SCAN: lower_scan(L, a); break;
    case AST_FN: lower_fn(L, a); break;
    case AST_LOSS: case AST_METRIC: case AST_OUTPUT: lower_root(L, a); break;
    case AST_ASSERT: lower_assert(L, a); break;
    case AST_IMPORT: lower_import(L, a); break;
    case AST_POISON:
        if (a->text && !lookup(L, a->text))
            declare(L, a->text, a->span, SYM_BAD);
        break;
    case AST_PRECISION: case AST_TRAIN: break;
    default: bug(L->ctx, "a statement of kind %d", (int)a->kind);
    }
}

/* ---------------------------------------------------------------- the whole */

static void find_precision(Lower *L, const Ast *statements) {
    const Ast *first = NULL;
    for (const Ast *a = statements; a; a = a->next) {
        if (a->kind != AST_PRECISION)
            continue;
        if (first)
            ERR(L, a->span, "E0202", "a second precision: it is given at %s already", place(L->ctx, first->span));
        else if (strcmp(a->text, "f64") == 0)
            L->graph->precision = 64;
        else if (strcmp(a->text, "f32") != 0)
            ERR(L, a->span, "E0211", "the precision is f32 or f64, not '%s'", a->text);
        first = first ? first : a;
    }
    if (L->ctx->options.precision)
        L->graph->precision = L->ctx->options.precision;
}

static bool all_parsed(const Ast *statements) {
    for (const Ast *a = statements; a; a = a->next)
        if (a->kind == AST_POISON)
            return false;
    return true;
}

static void check_dims(Lower *L) {
    bool whole = all_parsed(L->statements);         /* else what would bind a dim may be what did not parse */
    for (int k = 0; whole && k < L->graph->dims.n; k++) {
        const Dim *d = L->graph->dims.at[k];
        if (!d->size && !d->failed && !d->bound_by_data && !d->bound_by_ids) {
            ERR(L, d->span, "E0213", "nothing gives the dim '%s' a size", d->name);
            hint(L->ctx, "it needs an axis of data, an index(%s) array, '= ...' or -D %s=...", d->name, d->name);
        }
    }
    const char *names[256];
    int n = 0;
    for (int k = 0; k < L->graph->dims.n && n < 256; k++)
        names[n++] = L->graph->dims.at[k]->name;
    for (int k = 0; k < L->ctx->options.defines.n; k++) {
        const Define *d = &L->ctx->options.defines.at[k];
        Symbol *s = lookup(L, d->name);
        if (s && (s->kind == SYM_DIM || s->kind == SYM_BAD))
            continue;
        ERR(L, d->span, "E0201", "-D %s: the model has no dim of that name", d->name);
        const char *near = nearest_name(d->name, names, n);
        if (near)
            hint(L->ctx, "did you mean '%s'?", near);
    }
}

static const Ast *find_train(Lower *L, const Ast *statements) {
    const Ast *train = NULL;
    for (const Ast *a = statements; a; a = a->next)
        if (a->kind == AST_TRAIN && train)
            ERR(L, a->span, "E0202", "a second train block: the first is at %s", place(L->ctx, train->span));
        else if (a->kind == AST_TRAIN)
            train = a;
    return train;
}

static bool any_learnable(const Graph *g) {
    for (int k = 0; k < g->params.n; k++)
        if (!g->params.at[k].frozen)
            return true;
    return false;
}

static void warn_missing(Lower *L) {
    for (const Symbol *s = L->module->symbols; s; s = s->next)
        if (s->missing && !s->masked) {
            warn_at(L->ctx, s->span, "missing", "'%s' has missing cells, which read as 0, and no mask(%s) tells them apart", s->name, s->name);
            hint(L->ctx, "multiply what they enter by mask(%s)", s->name);
        }
}

/* The model's name as a C identifier: the file's name without directories and '.ad'. */
static const char *model_name(Ctx *ctx, int file) {
    const char *path = ctx->source.at[file].name, *slash = strrchr(path, '/');
    char *name = arena_strdup(ctx->arena, slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = 0;
    for (char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    return name[0] >= '0' && name[0] <= '9' ? arena_printf(ctx->arena, "m%s", name) : name[0] ? name : "model";
}

Graph *lower(Ctx *ctx, const Ast *statements, int file) {
    Lower *L = NEW(ctx, Lower);
    L->ctx = ctx;
    L->graph = graph_new(ctx);
    L->graph->name = model_name(ctx, file);
    load_library(L);
    L->main = L->module = NEW(ctx, Module);
    L->module->file = file;
    L->statements = statements;
    find_precision(L, statements);
    for (const Ast *a = statements; a; a = a->next)
        lower_statement(L, a);
    check_dims(L);
    const Ast *train = find_train(L, statements);
    if (train)
        check_settings(ctx, L->graph, train);
    if (error_count(ctx) == 0 && !L->seen_loss && any_learnable(L->graph)) {
        const ParamDecl *p = &L->graph->params.at[0];
        error_at(ctx, p->ast->span, "E0222", "the model has a param that can learn, '%s', but no loss to minimise", p->name);
    }
    if (error_count(ctx) > 0)
        return NULL;
    warn_batch_sums(ctx, L->graph);
    warn_missing(L);
    return L->graph;
}
