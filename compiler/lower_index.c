/* lower_index.c: x[...], and what binds index variables: comprehensions.
 *
 * An index is an int expression put in the place of an axis' variable; slices, new and gathers are maps of axes, never
 * copies. Every index is shown to be in range here (prove.c): for all values of the variables; or under the guards where
 * it stands (then the read is a READ_IF, which stays behind its guard); or at load, by an assertion about sizes; or at run
 * time, by a CHECK. What can be seen to be wrong is an error now. */
#include "lower.h"
#include <string.h>

/* ---------------------------------------------------------------- index variables */

static bool encloses(Lower *L, const char *name) {
    for (Scope *s = L->scope; s; s = s->outer) {
        for (Symbol *y = s->symbols; y; y = y->next)
            if (y->kind == SYM_INDEX && strcmp(y->name, name) == 0)
                return true;
        if (s->function)
            return false;
    }
    return false;
}

static void open_scope(Lower *L) {
    Scope *s = NEW(L->ctx, Scope);
    *s = (Scope){.outer = L->scope, .limit = L->scope ? L->scope->limit : L->module->order + 1, .module = L->scope ? L->scope->module : L->module};
    L->scope = s;
}

/* The axis of an index that runs over 0 .. size-1, where that can be told. */
bool positive_axis(Lower *L, const char *index, const Ex *size, Span at) {
    if (size->has_var || !prove_nonnegative(L->ctx, ex1(L->ctx, OP_NEG, size), NULL))
        return true;
    ERR(L, at, "E0214", "the axis of '%s' has size %s, and sizes are at least 1", index, size_text(L, size, NULL));
    return false;
}

/* The variable's name comes into scope; false after an error when an enclosing one has it. */
bool open_index(Lower *L, const Ast *in) {
    bool twice = encloses(L, in->text);
    if (twice)
        ERR(L, in->name_span, "E0202", "the index variable '%s' is bound already", in->text);
    open_scope(L);
    Symbol *s = NEW(L->ctx, Symbol);
    *s = (Symbol){.name = in->text, .kind = twice ? SYM_BAD : SYM_INDEX, .span = in->name_span};
    L->scope->symbols = s;
    return !twice;
}

bool push_index(Lower *L, const Ast *in, bool reduction) {
    Ctx *ctx = L->ctx;
    const Dim *dim = NULL;
    bool fine = true;
    const Ex *lo = ex_int(ctx, 0), *hi;
    if (in->b) {
        lo = lower_scalar(L, in->a, T_INT, "the start of a range");
        hi = lower_scalar(L, in->b, T_INT, "the end of a range");
        if (!reduction && lo && !ex_is_number(lo, 0)) {
            ERR(L, in->span, "E0214", "the axis of '%s' must begin at 0: a range a:b belongs in a reduction", in->text);
            fine = false;
        }
    } else {
        hi = lower_size(L, in->a, &dim);
    }
    if (L->index.n >= MAX_SCOPE / 2) {                  /* the other half is for the functions that are expanded inside */
        ERR(L, in->span, "E0224", "more than %d index variables around one expression", MAX_SCOPE / 2);
        fine = false;
    }
    fine &= lo && hi;
    Index x = {.var = VAR_SCOPE + L->next_var++, .lo = fine ? lo : ex_int(ctx, 0), .hi = fine ? hi : ex_int(ctx, 1), .name = in->text, .dim = dim, .reduces = reduction};
    fine = fine && (reduction || positive_axis(L, in->text, x.hi, in->span));
    vec_push(ctx, &L->index, x);
    fine &= open_index(L, in);
    L->scope->symbols->value = val_scalar(ex_var(ctx, x.var));
    return fine;
}

void pop_index(Lower *L, int to) {
    while (L->index.n > to) {
        L->index.n--;
        L->scope = L->scope->outer;
    }
}

typedef struct { Lower *L; int from, rank; } Close;
static const Ex *closed(void *data, int var) {
    Close *c = data;
    for (int k = c->from; k < c->L->index.n; k++)
        if (c->L->index.at[k].var == var) {
            const Index *x = &c->L->index.at[k];
            const Ex *v = axis_var(c->L, c->rank, k - c->from);
            return ex_is_number(x->lo, 0) ? v : ex2(c->L->ctx, OP_ADD, v, ex_map_vars(c->L->ctx, x->lo, closed, c, false));
        }
    return NULL;
}

/* The innermost index variables become leading axes; call it before pop_index(L, from). */
Val val_close(Lower *L, Val v, int from, Span at) {
    int n = L->index.n - from;
    if (v.bad)
        return v;
    if (v.rank + n > MAX_RANK) {
        too_many_axes(L, at);
        return val_bad();
    }
    Val r = v;
    r.rank = v.rank + n;
    Close c = {L, from, r.rank};
    for (int k = v.rank - 1; k >= 0; k--) {
        r.axis[k + n] = v.axis[k];
        r.axis[k + n].size = ex_map_vars(L->ctx, v.axis[k].size, closed, &c, false);
    }
    for (int k = 0; k < n; k++) {
        const Index *x = &L->index.at[from + k];
        memset(&r.axis[k], 0, sizeof r.axis[k]);
        r.axis[k].size = ex_map_vars(L->ctx, ex2(L->ctx, OP_SUB, x->hi, x->lo), closed, &c, false);
        r.axis[k].dim = x->dim;
        r.axis[k].name = x->name;
    }
    r.body = ex_map_vars(L->ctx, v.body, closed, &c, false);
    return r;
}

Val lower_comprehension(Lower *L, const Ast *s) {
    int from = L->index.n;
    bool fine = true;
    for (const Ast *in = s->items; in; in = in->next) {
        if (in->kind != AST_IN) {
            ERR(L, in->span, "E0210", "expected 'k in K': the axes of a comprehension all have an index");
            fine = false;
        } else {
            fine &= push_index(L, in, false);
        }
    }
    Val v = lower_expr(L, s->a);
    v = fine ? val_close(L, v, from, s->span) : val_bad();
    pop_index(L, from);
    for (int k = 0; !v.bad && k < v.rank; k++)
        if (v.axis[k].size->has_var && L->index.n == 0) {
            ERR(L, s->a->span, "E0204", "the rows of '%s' have different lengths", s->text);
            return val_bad();
        }
    return v;
}

/* ---------------------------------------------------------------- is an index in range */

static Facts facts(Lower *L, Range *range, bool guards) {
    int n = L->index.n < MAX_SCOPE ? L->index.n : MAX_SCOPE;         /* more were refused */
    for (int k = 0; k < n; k++)
        range[k] = (Range){L->index.at[k].var, L->index.at[k].lo, L->index.at[k].hi};
    return (Facts){range, n, guards ? L->guard.at : NULL, guards ? L->guard.n : 0};
}

static void not_affine(void *data, const Ex *e) {
    bool plain = e->op == OP_VAR || e->op == OP_DIM || e->op == OP_TOTAL || e->op == OP_INT || e->op == OP_ADD || e->op == OP_SUB
              || e->op == OP_MUL || e->op == OP_NEG;
    *(bool *)data &= plain;
}

static bool affine(const Ex *e) {
    bool plain = true;
    ex_visit(e, not_affine, &plain);
    return plain;
}

/* Adds the assertion 0 <= e to what is checked at load, unless it is known. False when it can never hold. */
bool assert_size(Lower *L, const Ex *e, Span span, const char *what) {
    Ctx *ctx = L->ctx;
    if (prove_nonnegative(ctx, e, NULL))
        return true;
    if (prove_nonnegative(ctx, ex2(ctx, OP_SUB, ex_int(ctx, -1), e), NULL))
        return false;
    int none[1] = {0};
    Node *n = node_compute(ctx, L->graph, 0, NULL, none, 0, NULL, R_NONE, ex2(ctx, OP_LE, ex_int(ctx, 0), e), NULL, NULL, span, 0);
    vec_push(ctx, &L->graph->asserts, ((Root){.name = what, .span = span, .node = n}));
    return true;
}

static bool says_not_0(const Ex *guard, const Ex *d) {
    if (guard->op == OP_AND)
        return says_not_0(guard->arg[0], d) || says_not_0(guard->arg[1], d);
    return guard->op == OP_NE && guard->arg[0] == d && ex_is_number(guard->arg[1], 0);
}

/* What // and % divide by: shown not to be 0, or checked at load when it is made of sizes, or where it is reached. */
const Ex *checked_divisor(Lower *L, const Ex *d, Span at) {
    Ctx *ctx = L->ctx;
    const Ex *one = ex_int(ctx, 1);
    Range range[MAX_SCOPE];
    Facts f = facts(L, range, true);
    if (prove_nonnegative(ctx, ex2(ctx, OP_SUB, d, one), &f) || prove_nonnegative(ctx, ex2(ctx, OP_SUB, ex1(ctx, OP_NEG, d), one), &f))
        return d;
    for (int k = 0; k < L->guard.n; k++)
        if (says_not_0(L->guard.at[k], d))
            return d;
    if (d->has_var || d->has_read || L->guard.n > 0)
        return ex_divisor(ctx, d, at);
    int none[1] = {0};
    Node *n = node_compute(ctx, L->graph, 0, NULL, none, 0, NULL, R_NONE, ex2(ctx, OP_NE, d, ex_int(ctx, 0)), NULL, NULL, at, 0);
    vec_push(ctx, &L->graph->asserts, ((Root){.name = "a divisor is 0", .span = at, .node = n}));
    return d;
}

static void out_of_range(Lower *L, bool below, const Ex *size, const Ast *at, const char *of) {
    ERR(L, at->span, "E0209", "index %s of '%s' runs %s: its axis has size %s", span_text(L->ctx, at->span), of,
        below ? "before the start" : "past the end", size_text(L, size, NULL));
}

/* Data decide how far an index variable runs, or one that its range depends on. */
static bool runs_by_data(const Facts *f, const Ex *index) {
    for (int k = 0; k < f->nranges; k++) {
        const Range *r = &f->range[k];
        if (ex_uses_var(index, r->var) && (r->lo->has_read || r->hi->has_read || runs_by_data(f, r->lo) || runs_by_data(f, r->hi)))
            return true;
    }
    return false;
}

static void find_batch(void *data, const Ex *e) { *(bool *)data |= e->op == OP_DIM && e->dim->batch; }

/* It may hold for one batch and not for another, and for the metrics, which see all rows. */
static bool batch_decides(Lower *L, const Ex *e) {
    bool found = false;
    ex_visit(e, find_batch, &found);
    return found && !prove_nonnegative(L->ctx, e, NULL) && !prove_nonnegative(L->ctx, ex2(L->ctx, OP_SUB, ex_int(L->ctx, -1), e), NULL);
}

/* Bounds that hold for every value of the index variables in scope, when they can be told from sizes alone. */
static bool sizes_decide(Lower *L, const Ex *index, const Ex *size, const Ast *at, const char *of, bool *fine) {
    Range range[MAX_SCOPE];
    Facts f = facts(L, range, false);
    if (L->guard.n > 0 || !affine(index) || runs_by_data(&f, index))
        return false;
    const Ex *hi = upper_bound(L->ctx, index, &f), *lo = lower_bound(L->ctx, index, &f);
    if (!hi || !lo || hi->has_var || lo->has_var || hi->has_read || lo->has_read)
        return false;
    const Ex *room = ex2(L->ctx, OP_SUB, ex2(L->ctx, OP_SUB, size, ex_int(L->ctx, 1)), hi);
    if (batch_decides(L, lo) || batch_decides(L, room))
        return false;
    bool below = !assert_size(L, lo, at->span, arena_printf(L->ctx->arena, "an index of '%s' runs before the start", of));
    *fine = !below && assert_size(L, room, at->span, arena_printf(L->ctx->arena, "an index of '%s' runs past the end", of));
    if (!*fine)
        out_of_range(L, below, size, at, of);
    return true;
}

/* The index to use for an axis of this size; guarded: the read must stay behind its guard. NULL after an error. */
OWN_FRAME const Ex *checked_index(Lower *L, const Ex *index, const Ex *size, const Ast *at, const char *of, bool *guarded) {
    Range range[MAX_SCOPE];
    Facts plain = facts(L, range, false);
    if (prove_in_range(L->ctx, index, size, &plain))
        return index;
    Range again[MAX_SCOPE];
    Facts all = facts(L, again, true);
    if (L->guard.n > 0 && prove_in_range(L->ctx, index, size, &all)) {
        *guarded = true;
        return index;
    }
    bool fine = true;
    if (sizes_decide(L, index, size, at, of, &fine))
        return fine ? index : NULL;
    *guarded = true;
    bool library = L->std && at->span.file == L->std->file;     /* whose lines the model's reader does not know */
    return ex_check(L->ctx, index, size, library ? L->std_call : at->span);
}

/* ---------------------------------------------------------------- x[...] */

typedef struct { enum { WHOLE, SLICE, GATHER, INSERT } kind; const Ex *at, *lo, *size; int64_t step; Val gather; const Ast *ast; } Item;

/* A bound of a slice or a whole index: a negative literal counts from the end. */
static const Ex *bound(Lower *L, const Ast *a, const Ex *size) {
    const Ex *e = lower_scalar(L, a, T_INT, "a bound");
    bool literal = a->kind == AST_UNARY && a->op == '-' && a->a->kind == AST_INT && a->a->ival > 0;
    return e && literal ? ex2(L->ctx, OP_ADD, size, e) : e;
}

OWN_FRAME static bool slice_item(Lower *L, Item *item, const Ast *s, const Ex *size, const char *of) {
    Ctx *ctx = L->ctx;
    const Ex *lo = s->a ? bound(L, s->a, size) : ex_int(ctx, 0), *hi = s->b ? bound(L, s->b, size) : size;
    const Ex *step = s->c ? lower_scalar(L, s->c, T_INT, "the step") : ex_int(ctx, 1);
    if (!lo || !hi || !step)
        return false;
    if (!ex_is_int(step, &item->step) || item->step < 1) {
        ERR(L, s->c->span, "E0214", "the step of a slice must be a positive number");
        return false;
    }
    const Ex *span = ex2(ctx, OP_SUB, hi, lo);
    if ((s->a && lo->has_read) || (s->b && hi->has_read)) {
        ERR(L, s->span, "E0224", "the slice of '%s' needs bounds that are known before run time, and data say these", of);
        if (!L->muted)
            hint(ctx, "a reduction may have such a range, as in sum[i in a:b] %s[i]", of);
        return false;
    }
    Range range[MAX_SCOPE];
    Facts f = facts(L, range, true);
    char *what = arena_printf(ctx->arena, "a slice of '%s' runs past the end, or is empty", of);
    const Ex *needs[3] = {lo, ex2(ctx, OP_SUB, size, hi), ex2(ctx, OP_SUB, span, ex_int(ctx, 1))};
    for (int k = 0; k < 3 && (s->a || s->b); k++) {
        if (prove_nonnegative(ctx, needs[k], &f))
            continue;
        const Ex *least = lower_bound(ctx, needs[k], &f);
        bool ragged = needs[k]->has_var && k == 2;          /* a row may be empty */
        if (ragged)
            continue;
        if (!least || least->has_var || least->has_read || !assert_size(L, least, s->span, what)) {
            ERR(L, s->span, "E0209", "the slice %s:%s of '%s' runs past the end or is empty: the axis has size %s", size_text(L, lo, NULL),
                size_text(L, hi, NULL), of, size_text(L, size, NULL));
            return false;
        }
    }
    item->kind = SLICE;
    item->lo = lo;
    item->size = item->step == 1 ? span : ex2(ctx, OP_FLOORDIV, ex2(ctx, OP_ADD, span, ex_int(ctx, item->step - 1)), ex_int(ctx, item->step));
    return true;
}

OWN_FRAME static bool index_item(Lower *L, Item *item, const Ast *a, const Val *base, int axis, const char *of) {
    const Ex *size = base->axis[axis].size;
    Val v = lower_expr(L, a);
    if (v.bad)
        return false;
    if (v.type == T_REAL) {
        ERR(L, a->span, "E0211", "an index must be an int, and %s is real%s", a->kind == AST_NAME ? a->text : "this", v.rank ? shape_text(L, &v) : "");
        if (!L->muted && strchr(span_text(L->ctx, a->span), '/'))
            hint(L->ctx, "'/' always gives a real; write '//' for whole division");
        else if (!L->muted && a->kind == AST_NAME)
            hint(L->ctx, "declare it so: data %s[...] : index(%s)", a->text, base->axis[axis].dim ? base->axis[axis].dim->name : "c");
        return false;
    }
    if (v.labels && base->axis[axis].dim && v.labels != base->axis[axis].dim
        && !prove_equal(L->ctx, ex_dim(L->ctx, v.labels), size)) {
        ERR(L, a->span, "E0211", "an index(%s) array cannot index the axis '%s' of '%s'", v.labels->name, base->axis[axis].dim->name, of);
        if (!L->muted) {
            hint(L->ctx, "%s", declared_at(L, v.labels));
            hint(L->ctx, "%s", declared_at(L, base->axis[axis].dim));
        }
        return false;
    }
    v = val_cast(L, v, T_INT);
    item->ast = a;
    if (v.rank > 0) {
        item->kind = GATHER;
        item->gather = v;
        return true;
    }
    bool literal = a->kind == AST_UNARY && a->op == '-' && a->a->kind == AST_INT && a->a->ival > 0;
    item->kind = WHOLE;
    item->at = literal ? ex2(L->ctx, OP_ADD, size, v.body) : v.body;
    return true;
}

static int consumed(const Ast *items) {
    int n = 0;
    for (; items; items = items->next)
        n += items->kind != AST_NEW;
    return n;
}

/* What base[items] is, axis by axis: result axes first, then the map of base's axes. */
static Val apply_items(Lower *L, const Val *base, const Ast *items, const char *of, Span span) {
    Ctx *ctx = L->ctx;
    int n = 0, axis = 0, gathers = 0;
    for (const Ast *i = items; i && n < 2 * MAX_RANK; i = i->next)
        n++;
    Item *item = NEWN(ctx, Item, n);                /* not on the stack: indices stand in indices */
    n = 0;
    bool fine = true;
    if (consumed(items) > base->rank) {
        ERR(L, span, "E0210", "'%s' has %d ax%s, and %d indices were given", of, base->rank, base->rank == 1 ? "is" : "es", consumed(items));
        if (!L->muted)
            hint(L->ctx, "its shape is %s", shape_text(L, base));
        return val_bad();
    }
    for (; items && n < 2 * MAX_RANK; items = items->next, n++) {
        item[n] = (Item){.ast = items};
        if (items->kind == AST_NEW) {
            item[n].kind = INSERT;
            continue;
        }
        if (items->kind == AST_IN) {
            ERR(L, items->span, "E0210", "'%s in ...' binds an index only on the left of '=' and in reductions", items->text);
            fine = false;
        } else if (items->kind == AST_SLICE) {
            fine &= slice_item(L, &item[n], items, base->axis[axis].size, of);
        } else {
            fine &= index_item(L, &item[n], items, base, axis, of);
            gathers += item[n].kind == GATHER;
        }
        axis++;
    }
    if (gathers > 1) {
        ERR(L, span, "E0210", "one index array at a time: for pairs write index notation, x[u[i], v[i]]");
        fine = false;
    }
    if (!fine)
        return val_bad();
    Val r = {.type = base->type, .labels = base->labels};
    int place[2 * MAX_RANK], rank = 0;
    axis = 0;
    for (int k = 0; k < n; k++) {
        place[k] = rank;
        int room = item[k].kind == GATHER ? item[k].gather.rank : item[k].kind != WHOLE;
        if (rank + room + base->rank - axis > MAX_RANK) {
            too_many_axes(L, span);
            return val_bad();
        }
        if (item[k].kind == SLICE) {
            bool all = ex_is_number(item[k].lo, 0) && item[k].step == 1 && item[k].size == base->axis[axis].size;
            memset(&r.axis[rank], 0, sizeof r.axis[rank]);
            if (all)
                r.axis[rank] = base->axis[axis];
            r.axis[rank].size = item[k].size;
        } else if (item[k].kind == INSERT) {
            memset(&r.axis[rank], 0, sizeof r.axis[rank]);
            r.axis[rank].size = ex_int(ctx, 1);
            r.axis[rank].stretch = true;
        }
        for (int j = 0; item[k].kind == GATHER && j < room; j++)
            r.axis[rank + j] = item[k].gather.axis[j];
        rank += room;
        axis += item[k].kind != INSERT;
    }
    int rest = rank;
    for (int k = axis; k < base->rank; k++)
        r.axis[rank++] = base->axis[k];
    r.rank = rank;
    const Ex *to[MAX_RANK];
    bool guarded = false;
    int from = 0;
    for (int k = 0; k < n; k++) {
        const Ex *size = item[k].kind == INSERT ? NULL : base->axis[from].size;
        if (item[k].kind == INSERT)
            continue;
        if (item[k].kind == SLICE) {
            const Ex *v = axis_var(L, rank, place[k]);
            to[from] = ex2(ctx, OP_ADD, item[k].lo, ex2(ctx, OP_MUL, ex_int(ctx, item[k].step), v));
        } else if (item[k].kind == WHOLE) {
            to[from] = checked_index(L, item[k].at, size, item[k].ast, of, &guarded);
        } else {
            const Val *g = &item[k].gather;
            const Ex *move[MAX_RANK];
            for (int j = 0; j < g->rank; j++)
                move[j] = axis_var(L, rank, place[k] + j);
            const Ex *at = val_map_axes(L, g, move, false).body;
            to[from] = checked_index(L, at, size, item[k].ast, of, &guarded);
        }
        if (!to[from])
            return val_bad();
        from++;
    }
    for (int k = rest; from < base->rank; k++, from++)
        to[from] = axis_var(L, rank, k);
    r.body = val_map_axes(L, base, to, guarded).body;
    return r;
}

/* What the recurrence of a state calls its index. */
static const char *step_name(const Lower *L, const Symbol *s) {
    for (int k = 0; k < L->index.n; k++)
        if (L->index.at[k].var == s->index_var)
            return L->index.at[k].name;
    return "t";
}

/* x[t] and x[t-1] of a name of the recurrence being lowered. */
static bool state_item(Lower *L, const Ast *a, const Symbol *s, Val *base) {
    const char *t = step_name(L, s);
    if (!a->items || a->items->kind == AST_SLICE || a->items->kind == AST_NEW || a->items->kind == AST_IN) {
        ERR(L, a->span, "E0216", "inside its recurrence '%s' is read one step at a time: %s[%s] or %s[%s-1]", s->name, s->name, t, s->name, t);
        return false;
    }
    const Ex *e = lower_scalar(L, a->items, T_INT, "an index");
    int64_t back = 1;
    if (!e)
        return false;
    bool step = ex_is_int(ex2(L->ctx, OP_SUB, e, ex_var(L->ctx, s->index_var)), &back);
    if (step && back == 0) {
        if (!s->defined && s->prev)
            ERR(L, a->span, "E0216", "'%s' of this step is read before its definition; only %s[%s-1] is known here", s->name, s->name, t);
        else if (!s->defined)
            ERR(L, a->span, "E0216", "'%s' is read before its definition: move that above", s->name);
        if (!s->defined && s->prev && a->items->next && !L->muted)
            hint(L->ctx, "a recurrence runs along its first index, '%s'", t);
        *base = s->now;
        return s->defined;
    }
    if (step && back == -1 && s->prev) {
        *base = s->value;
        return true;
    }
    if (step && back == -1)
        ERR(L, a->span, "E0216", "'%s' has no value one step back: it needs a 'from'", s->name);
    else
        ERR(L, a->span, "E0216", "a recurrence may read '%s' at this step or one step back, not at %s", s->name, span_text(L->ctx, a->items->span));
    if (!L->muted && step && back < -1)
        hint(L->ctx, "to look further back carry another state: let q[%s] from 0 = %s[%s-1]", t, s->name, t);
    return false;
}

Val lower_indexing(Lower *L, const Ast *a) {
    const char *of = a->a->kind == AST_NAME ? a->a->text : "this";
    if (a->a->kind == AST_NAME) {
        Symbol *s = lookup(L, a->a->text);
        Val base;
        if (s && s->kind == SYM_STATE)
            return state_item(L, a, s, &base) ? apply_items(L, &base, a->items->next, of, a->span) : val_bad();
    }
    Val base = lower_expr(L, a->a);
    if (base.bad) {
        for (const Ast *i = a->items; i; i = i->next)           /* its own mistakes are worth a message still */
            if (i->kind != AST_SLICE && i->kind != AST_NEW && i->kind != AST_IN)
                lower_expr(L, i);
        return base;
    }
    return apply_items(L, &base, a->items, of, a->span);
}
