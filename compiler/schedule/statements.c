/* statements.c: from placed items to statements.
 *
 * In: loops that hold placeholders: an item's element, the begin and the end of its reduction. Out: declarations,
 * assignments and accumulations over loop variables. Also here: how blocks and statements are made. */
#include "loops.h"
#include <math.h>

Block *block_new(Ctx *ctx, Block *up, Stmt *owner) {
    Block *b = NEW(ctx, Block);
    *b = (Block){.up = up, .owner = owner, .depth = up ? up->depth + 1 : 0, .loops = up ? up->loops : 0};
    return b;
}

Stmt *stmt_new(Program *p, StmtKind kind, Item *it) {
    Stmt *s = NEW(p->ctx, Stmt);
    s->kind = kind;
    s->item = it;
    return s;
}

void block_add(Block *b, Stmt *s) {
    s->in = b;
    s->prev = b->last;
    s->next = NULL;
    if (b->last)
        b->last->next = s;
    else
        b->first = s;
    b->last = s;
}

void block_insert(Stmt *before, Stmt *s) {
    Block *b = before->in;
    s->in = b;
    s->prev = before->prev;
    s->next = before;
    if (before->prev)
        before->prev->next = s;
    else
        b->first = s;
    before->prev = s;
}

void block_remove(Stmt *s) {
    Block *b = s->in;
    if (s->prev)
        s->prev->next = s->next;
    else
        b->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    else
        b->last = s->prev;
}

bool block_within(const Block *inner, const Block *outer) {
    while (inner && inner != outer)
        inner = inner->up;
    return inner != NULL;
}

Stmt *loop_make(Program *p, Block *block, const Ex *lo, const Ex *hi, const char *letter, const Dim *dim) {
    Stmt *s = stmt_new(p, S_FOR, NULL);
    s->lo = lo;
    s->hi = hi;
    s->letter = letter;
    s->dim = dim;
    s->var = LOOP_VAR + p->loop.n;
    s->body = block_new(p->ctx, block, s);
    s->body->loops = block->loops + 1;
    vec_push(p->ctx, &p->loop, s);
    return s;
}

Stmt *loop_new(Program *p, Block *block, const Ex *lo, const Ex *hi, const char *letter, const Dim *dim) {
    Stmt *s = loop_make(p, block, lo, hi, letter, dim);
    block_add(block, s);
    return s;
}

/* ---------------------------------------------------------------- one item */

static void all_bound(const Item *it, const Ex **index) {
    for (int a = 0; a < it->node->rank; a++)
        index[a] = it->bound[a];
}

static const Ex *neutral(Program *p, const Item *it) {
    bool real = it->node->type == T_REAL;
    switch (it->node->reduce) {
    case R_SUM: return real ? ex_real(p->ctx, 0) : ex_int(p->ctx, 0);
    case R_PROD: return real ? ex_real(p->ctx, 1) : ex_int(p->ctx, 1);
    case R_MAX: return real ? ex_real(p->ctx, -INFINITY) : ex_int(p->ctx, INT64_MIN);
    case R_MIN: return real ? ex_real(p->ctx, INFINITY) : ex_int(p->ctx, INT64_MAX);
    case R_ANY: return ex_bool(p->ctx, false);
    case R_ALL: return ex_bool(p->ctx, true);
    case R_NONE: case R_ARGMAX: case R_ARGMIN: break;
    }
    bug(p->ctx, "a reduction without a neutral element");
}

static const Ex *at_start(void *data, int var) {
    const Item *it = data;
    return var >= it->node->rank && var < MAX_INDEX ? it->node->red[var - it->node->rank].lo : NULL;
}

/* Before the first element of an argmax its place is where the reduction starts: what an all -inf range returns. */
static void begin_best(Program *p, Stmt *at, Item *it) {
    bool max = it->node->reduce == R_ARGMAX, real = it->node->body->type == T_REAL;
    Stmt *best = stmt_new(p, S_DECLARE, it), *place = stmt_new(p, S_DECLARE, it);
    best->value = real ? ex_real(p->ctx, max ? -INFINITY : INFINITY) : ex_int(p->ctx, max ? INT64_MIN : INT64_MAX);
    best->reduce = it->node->reduce;
    const Ex *start = it->node->arg;
    for (int r = 0; r < it->node->nred; r++)                /* a bound may use the reduction indices before it */
        start = ex_map_vars(p->ctx, start, at_start, it, false);
    place->value = bind_ex(p, it, start);
    best->changes = place->changes = place->total = true;
    block_insert(at, best);
    block_insert(at, place);
}

static bool is_zero(const Ex *e) { return (e->op == OP_REAL || e->op == OP_INT || e->op == OP_BOOL) && ex_is_number(e, 0); }

/* Storage that accumulates is set to the neutral element, over the axes that are not bound yet. */
static void begin_array(Program *p, Stmt *at, Item *it) {
    const Ex *init = neutral(p, it), *index[MAX_RANK];
    bool early[MAX_INDEX] = {false};
    Block *block = at->in;
    Stmt *outer = NULL;
    int open = 0;
    for (int d = 0; d < it->first_red; d++)
        early[it->path_index[d]] = true;
    for (int a = 0; a < it->node->rank; a++)
        open += it->node->kind == N_SCATTER || !early[a];
    if (is_zero(init) && open == it->nkept) {
        Stmt *zero = stmt_new(p, S_ZERO, it);
        block_insert(at, zero);
        return;
    }
    for (int a = 0; a < it->node->rank; a++) {
        index[a] = it->bound[a];
        if (it->node->kind != N_SCATTER && early[a])
            continue;
        Stmt *loop = loop_make(p, block, ex_int(p->ctx, 0), it->node->axis[a].size, it->node->axis[a].name, it->node->axis[a].dim);
        if (outer)
            block_add(block, loop);
        else
            block_insert(at, outer = loop);
        block = loop->body;
        index[a] = ex_var(p->ctx, loop->var);
    }
    Stmt *set = stmt_new(p, S_ASSIGN, it);
    set->value = init;
    for (int a = 0; a < it->node->rank; a++)
        set->index[a] = index[a];
    block_add(block, set);
}

static void lower_begin(Program *p, Stmt *at, Item *it) {
    if (it->onto)
        return;
    if (!it->accumulates) {
        begin_array(p, at, it);
    } else if (it->node->reduce == R_ARGMAX || it->node->reduce == R_ARGMIN) {
        begin_best(p, at, it);
    } else {
        Stmt *s = stmt_new(p, S_DECLARE, it);
        s->value = neutral(p, it);
        s->changes = s->total = true;
        block_insert(at, s);
    }
}

static void lower_done(Program *p, Stmt *at, Item *it) {
    if (!it->accumulates || (it->nkept == 0 && it->home == HOME_LOCAL))
        return;
    Stmt *s = stmt_new(p, S_ASSIGN, it);
    s->total = true;                                        /* .value NULL: the scalar it accumulated in */
    all_bound(it, s->index);
    block_insert(at, s);
}

/* where(c, x, neutral) accumulates under an if when x must not be computed, or costs something, where c is false. */
static Stmt *under_guard(Program *p, Stmt *at, const Item *it, const Ex **value) {
    const Ex *e = *value;
    bool guarded = it->node->kind == N_SCATTER;             /* its place may be none where c is false */
    if (e->op != OP_WHERE || e->arg[2] != neutral(p, it) || it->node->reduce == R_PROD)
        return NULL;
    if (!guarded && !e->arg[1]->has_guarded && !is_costly(e->arg[1]))
        return NULL;
    Stmt *s = stmt_new(p, S_IF, NULL);
    s->value = e->arg[0];
    s->body = block_new(p->ctx, at->in, s);
    *value = e->arg[1];
    block_insert(at, s);
    return s;
}

static void lower_compute(Program *p, Stmt *at, Item *it) {
    const Node *n = it->node;
    Stmt *s;
    if (n->reduce == R_NONE && n->kind == N_COMPUTE) {
        bool scalar = it->nkept == 0 && it->home == HOME_LOCAL;
        s = stmt_new(p, scalar ? S_DECLARE : S_ASSIGN, it);
        s->value = bind_ex(p, it, n->body);
        s->total = scalar;
        all_bound(it, s->index);
        block_insert(at, s);
        return;
    }
    bool best = n->reduce == R_ARGMAX || n->reduce == R_ARGMIN;
    const Ex *value = bind_ex(p, it, n->body);
    s = stmt_new(p, best ? S_BEST : S_ACCUMULATE, it);
    Stmt *guard = best ? NULL : under_guard(p, at, it, &value);
    s->value = value;
    s->arg = best ? bind_ex(p, it, n->arg) : NULL;
    s->reduce = n->reduce;
    s->total = it->accumulates;
    all_bound(it, s->index);
    for (int a = 0; n->kind == N_SCATTER && a < n->rank; a++)
        s->index[a] = bind_ex(p, it, n->target[a]);
    if (guard)
        block_add(guard->body, s);
    else
        block_insert(at, s);
}

/* ---------------------------------------------------------------- recurrences */

/* Copies one step's array element by element: into PREV before the first step and at the end of each. */
static void copy_step(Program *p, Stmt *before, Block *block, Item *prev, Item *from, bool drop_first, const Ex *t) {
    const Node *n = prev->node;
    const Ex *index[MAX_RANK] = {0}, *start[MAX_RANK];
    Stmt *outer = NULL;
    Block *in = block;
    int own = n->group->axis;
    for (int r = 0; r < prev->prev->nring; r++)
        index[prev->prev->ring_index[r]] = prev->prev->bound[prev->prev->ring_index[r]];
    index[own] = t;
    for (int a = 0; a < n->rank; a++) {
        if (index[a])
            continue;
        Stmt *loop = loop_make(p, in, ex_int(p->ctx, 0), n->axis[a].size, n->axis[a].name, n->axis[a].dim);
        if (outer || !before)
            block_add(in, loop);
        else
            block_insert(before, loop);
        outer = loop;
        in = loop->body;
        index[a] = ex_var(p->ctx, loop->var);
    }
    for (int a = 0; a + 1 < n->rank; a++)
        start[a] = index[a + (a >= own)];
    bool declare = drop_first && prev->nkept == 0;
    Stmt *s = stmt_new(p, declare ? S_DECLARE : S_ASSIGN, prev);
    s->value = ex_read(p->ctx, from->node, drop_first ? start : index, false);
    s->changes = s->total = declare;
    for (int a = 0; a < n->rank; a++)
        s->index[a] = index[a];
    if (outer || !before)
        block_add(in, s);
    else
        block_insert(before, s);
}

static void lower_recurrences(Program *p) {
    for (int k = p->item.n - 1; k >= 0; k--) {
        Item *prev = p->item.at[k];
        if (prev->dead || prev->node->kind != N_PREV || !prev->prev || prev->prev->leaf)
            continue;
        Stmt *loop = prev->prev->path[prev->prev->nring - 1];
        if (prev->all_steps) {
            Stmt *s = stmt_new(p, S_PREV, prev);
            s->var = loop->var;
            s->lo = loop->lo;
            s->hi = loop->hi;
            s->down = loop->down;
            if (loop->body->first)
                block_insert(loop->body->first, s);
            else
                block_add(loop->body, s);
            continue;
        }
        copy_step(p, loop, loop->in, prev, prev->first, true, ex_int(p->ctx, 0));
        copy_step(p, NULL, loop->body, prev, prev->prev, false, ex_var(p->ctx, loop->var));
    }
}

/* ---------------------------------------------------------------- all of it */

static void lower_block(Program *p, Block *b) {
    for (Stmt *s = b->first, *next; s; s = next) {
        next = s->next;
        switch (s->kind) {
        case S_FOR: lower_block(p, s->body); break;
        case S_BEGIN: lower_begin(p, s, s->item); block_remove(s); break;
        case S_COMPUTE: lower_compute(p, s, s->item); block_remove(s); break;
        case S_DONE: lower_done(p, s, s->item); block_remove(s); break;
        default: break;
        }
    }
}

/* Arrays on the stack are declared right before the first statement of their block that holds a use of them. */
static bool mentions(const Program *p, const Stmt *s, const Item *it);

static bool ex_mentions(const Ex *e, const Node *n) {
    if (!e || !e->has_read)
        return false;
    if (is_read(e) && e->node == n)
        return true;
    for (int k = 0; k < e->nargs; k++)
        if (ex_mentions(e->arg[k], n))
            return true;
    return false;
}

static bool block_mentions(const Program *p, const Block *b, const Item *it) {
    for (const Stmt *s = b ? b->first : NULL; s; s = s->next)
        if (mentions(p, s, it))
            return true;
    return false;
}

static bool mentions(const Program *p, const Stmt *s, const Item *it) {
    if (s->item == it || ex_mentions(s->value, it->node))
        return true;
    return block_mentions(p, s->body, it) || block_mentions(p, s->otherwise, it);
}

static void declare_arrays(Program *p) {
    for (int k = 0; k < p->item.n; k++) {
        Item *it = p->item.at[k];
        if (it->dead || !it->on_stack)
            continue;
        Stmt *first = it->declared->first;
        while (first && !mentions(p, first, it))
            first = first->next;
        if (!first)
            continue;
        Stmt *s = stmt_new(p, S_ARRAY, it);
        block_insert(first, s);
        if (first->kind == S_ZERO && first->item == it) {
            s->zero = true;
            block_remove(first);
        }
    }
}

void lower_items(Program *p) {
    lower_block(p, p->body);
    lower_recurrences(p);
    declare_arrays(p);
}

/* ---------------------------------------------------------------- long sums */

static bool is_rows(const Program *p, const Ex *size) {
    for (int k = 0; k < p->graph->data.n; k++)
        if (p->graph->data.at[k].node->rank > 0 && p->graph->data.at[k].node->axis[0].size == size)
            return true;
    return false;
}

/* Few terms, as far as that is known: a size that only data tell is large when it counts their rows, or when the sum is
 * not part of a loop; in a loop, over another axis, it is a row of a matrix. */
static bool is_short(const Program *p, const Item *it) {
    int64_t terms = 1, lo, hi;
    for (int d = it->first_red; d < it->depth; d++) {
        const Stmt *loop = it->path[d];
        if (!ex_is_int(loop->lo, &lo) || !known_size(p->ctx, loop->hi, &hi)) {
            if (it->first_red == 0 || is_rows(p, loop->hi))
                return false;
            continue;
        }
        terms = hi - lo > SHORT_SUM ? hi - lo : terms * (hi > lo ? hi - lo : 1);
        if (terms > SHORT_SUM)
            return false;
    }
    return true;
}

/* Sums in a scalar of their own over axes that may be long are trees; a vector of rows has a sum for each lane instead. */
void find_trees(Program *p) {
    for (int k = 0; k < p->order.n; k++) {
        Item *it = p->order.at[k];
        if (it->dead || !it->accumulates || it->node->reduce != R_SUM || it->node->type != T_REAL || it->first_red >= it->depth)
            continue;
        if (it->path[0]->lanes || is_short(p, it))
            continue;
        it->tree = true;
        if (it->nkept > 0 || it->home != HOME_LOCAL)
            continue;
        Stmt *loop = it->path[it->first_red], *total = stmt_new(p, S_DECLARE, it);
        loop = loop->cut ? loop->cut : loop;
        total->total = true;
        if (loop->next)
            block_insert(loop->next, total);
        else
            block_add(loop->in, total);
    }
}
