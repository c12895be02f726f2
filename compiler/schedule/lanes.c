/* lanes.c: loops over samples that run several at once, one sample a lane.
 *
 * In: a program's statements, as they would run one row at a time. Out: .lanes is set on outer loops whose bodies stay
 * the same when every value that depends on the row becomes a vector of values: no control flow or address depends on
 * the row but for strided accesses and the choice of an element of a local array; what is kept for a row fits the stack;
 * results over rows are sums. What is left over after the last full vector runs one row at a time. */
#include "loops.h"
#include <string.h>

enum { LEAST_ROWS = 32, MOST_ELEMENTS = 1024 };

/* known: by expression id, 1 when it fits and 2 when not. */
typedef struct { Program *p; const Stmt *loop; int elements; char *known; int cap; } Lanes;

bool in_lanes(const Stmt *loop, const Ex *e) { return ex_uses_var(e, loop->var); }
bool item_in_lanes(const Stmt *loop, const Item *it) { return it->depth > 0 && it->path[0] == loop && it->first_red != 0; }

static bool fits(Lanes *l, const Ex *e);

/* The kept axis whose index is the row plus something known, when it is the only one that depends on the row; or -1. */
int strided_axis(Ctx *ctx, const Stmt *loop, const Item *it, const Ex *const *index) {
    int found = -1;
    for (int k = 0; k < it->nkept; k++) {
        const Ex *i = index[it->kept[k]], *c, *rest;
        if (!in_lanes(loop, i))
            continue;
        if (found >= 0 || !linear_in(ctx, i, loop->var, &c, &rest) || !ex_is_number(c, 1) || in_lanes(loop, rest))
            return -1;
        found = k;
    }
    return found;
}

static int varying(const Stmt *loop, const Item *it, const Ex *const *index) {
    int n = 0;
    for (int k = 0; k < it->nkept; k++)
        n += in_lanes(loop, index[it->kept[k]]);
    return n;
}

/* Ints ride in lanes of the width of reals: in single precision only those that are known to be small do. */
static bool small_ints(const Lanes *l, const Node *n) {
    int64_t size;
    if (l->p->graph->precision == 64)
        return true;
    return n->labels && n->labels->size && ex_is_int(n->labels->size, &size) && size <= INT32_MAX;
}

static bool read_fits(Lanes *l, const Ex *e) {
    const Item *it = read_item(l->p, e);
    int n = varying(l->loop, it, e->arg);
    if (item_in_lanes(l->loop, it)) {
        if (n == 0)
            return true;
        return n == 1 && it->nkept == 1 && e->type == T_REAL && fits(l, e->arg[it->kept[0]]);
    }
    if (e->type == T_BOOL || (e->type == T_INT && !small_ints(l, e->node)))
        return false;
    return strided_axis(l->p->ctx, l->loop, it, e->arg) >= 0;
}

static bool op_fits(const Ex *e) {
    switch (e->op) {
    case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: case OP_NEG: case OP_MIN: case OP_MAX: case OP_ABS:
    case OP_EXP: case OP_LOG: case OP_LOG1P: case OP_SQRT: case OP_TANH: case OP_SIGMOID: case OP_SOFTPLUS: case OP_SECH2:
        return e->type == T_REAL;
    case OP_WHERE:
        return e->type == T_REAL;
    case OP_REALOF:
        return e->arg[0]->type == T_BOOL || e->arg[0]->op == OP_READ;
    case OP_EQ: case OP_NE: case OP_LT: case OP_LE: case OP_AND: case OP_OR: case OP_NOT: case OP_ISNAN:
        return true;
    default:
        return false;
    }
}

static bool new_fits(Lanes *l, const Ex *e) {
    if (e->has_guarded)
        return false;
    if (is_read(e))
        return read_fits(l, e);
    if (!op_fits(e))
        return false;
    for (int k = 0; k < e->nargs; k++)
        if (!fits(l, e->arg[k]))
            return false;
    return true;
}

static bool fits(Lanes *l, const Ex *e) {
    if (!in_lanes(l->loop, e))
        return true;
    if (e->id >= l->cap) {
        int cap = 2 * e->id + 64;
        char *known = NEWN(l->p->ctx, char, cap);
        if (l->cap)
            memcpy(known, l->known, (size_t)l->cap);
        l->known = known;
        l->cap = cap;
    }
    if (!l->known[e->id]) {
        bool fine = new_fits(l, e);                         /* may make room */
        l->known[e->id] = fine ? 1 : 2;
    }
    return l->known[e->id] == 1;
}

/* Elements that the storage of one row, or of sums over rows, has; false when it is not on the stack. */
static bool holds(Lanes *l, const Item *it) {
    int elements = 1;
    for (int k = 0; k < it->nkept; k++) {
        int64_t n;
        if (!known_size(l->p->ctx, it->node->axis[it->kept[k]].size, &n) || n > MOST_ELEMENTS)
            return false;
        elements *= (int)n;
        if (elements > MOST_ELEMENTS)
            return false;
    }
    l->elements += elements;
    return it->home == HOME_LOCAL && (it->nkept == 0 || it->on_stack);
}

static bool store_fits(Lanes *l, const Stmt *s) {
    const Item *it = s->item;
    if (s->value && !fits(l, s->value))
        return false;
    if (it->home == HOME_LOCAL)
        return item_in_lanes(l->loop, it) && varying(l->loop, it, s->index) == 0;
    return it->node->type == T_REAL && strided_axis(l->p->ctx, l->loop, it, s->index) >= 0;
}

static bool sum_fits(Lanes *l, const Stmt *s) {
    const Item *it = s->item;
    if (it->node->type != T_REAL || it->node->kind == N_SCATTER || !fits(l, s->value))
        return false;
    if (!s->total && varying(l->loop, it, s->index) > 0)
        return false;
    if (it->first_red == 0)                                 /* over rows */
        return s->reduce == R_SUM && holds(l, it);
    return it->home == HOME_LOCAL || s->total;
}

static bool block_fits(Lanes *l, const Block *b);

static bool stmt_fits(Lanes *l, const Stmt *s) {
    switch (s->kind) {
    case S_FOR: return !in_lanes(l->loop, s->lo) && !in_lanes(l->loop, s->hi) && block_fits(l, s->body);
    case S_DECLARE: return s->value && fits(l, s->value) && (!s->item || s->item->node->type != T_BOOL || !s->changes);
    case S_ARRAY: return holds(l, s->item);
    case S_ZERO: return s->item->on_stack;
    case S_ASSIGN: return store_fits(l, s);
    case S_ACCUMULATE: return sum_fits(l, s);
    case S_BEST: return s->value->type == T_REAL && fits(l, s->value) && fits(l, s->arg);
    default: return false;
    }
}

static bool block_fits(Lanes *l, const Block *b) {
    for (const Stmt *s = b->first; s; s = s->next)
        if (!stmt_fits(l, s))
            return false;
    return true;
}

static bool has_loop(const Block *b) {
    for (const Stmt *s = b->first; s; s = s->next)
        if (s->kind == S_FOR)
            return true;
    return false;
}

void find_lanes(Program *p) {
    for (Stmt *s = p->body->first; s; s = s->next) {
        Lanes l = {.p = p, .loop = s};
        int64_t rows;
        if (s->kind != S_FOR || s->down || !ex_is_number(s->lo, 0) || (known_size(p->ctx, s->hi, &rows) && rows < LEAST_ROWS))
            continue;
        s->lanes = (p->kind == RUN_STEP || p->kind == RUN_EVAL) && has_loop(s->body) && block_fits(&l, s->body)
                 && l.elements <= MOST_ELEMENTS;
    }
}
