/* split.c: loops are cut where a test on their index changes.
 *
 * In: statements, before parts have names. Out: an element-wise loop in whose body a where chooses by the index, and one of
 * whose branches costs something or may be read only there, is several loops, in each of which the choice is made:
 *
 *     for i in 0:2*H   y[i] = where(i < H, a[i], b[i - H])     becomes     for i in 0:H     y[i] = a[i]
 *                                                                          for i in H:2*H   y[i] = b[i - H]
 *
 * Only at places whose order is known. */
#include "loops.h"

enum { MOST_CUTS = 8, MOST_TESTS = 32, MOST_SCALARS = 16, MOST_STATEMENTS = 48, MOST_AROUND = 2 * MAX_SCOPE };

typedef struct {
    Program *p;
    const Stmt *loop;
    const Ex *test[MOST_TESTS]; int ntests;         /* comparisons of the index with what the loop does not change */
    const Ex *cut[MOST_CUTS]; int ncuts;            /* in order, within the loop's range */
    Item *scalar[MOST_SCALARS]; int nscalars;       /* values of one turn; in the piece each is */
    Item *own[MOST_SCALARS];                        /* an item of its own */
    const Ex *number[MOST_SCALARS];                 /* or a number */
    bool used[MOST_SCALARS];                        /* that item is read */
    int statements;
    bool worth;
    Range range[MOST_AROUND]; Facts facts;          /* of the loops around it and, last, of the piece */
    const Ex *to[MOST_TESTS];                       /* what each test is in the piece */
    int var;                                        /* the piece's index */
} Split;

static bool nonnegative(const Split *s, const Ex *a, const Ex *b) {         /* a >= b */
    return prove_nonnegative(s->p->ctx, ex2(s->p->ctx, OP_SUB, a, b), NULL);
}

/* Keeps the cuts in order; one whose place among them is not known is left out. */
static void add_cut(Split *s, const Ex *at) {
    int k = 0;
    if (s->ncuts == MOST_CUTS || !nonnegative(s, at, s->loop->lo) || !nonnegative(s, s->loop->hi, at)
        || prove_equal(s->p->ctx, at, s->loop->lo) || prove_equal(s->p->ctx, at, s->loop->hi))
        return;
    while (k < s->ncuts && nonnegative(s, at, s->cut[k])) {
        if (prove_equal(s->p->ctx, at, s->cut[k]))
            return;
        k++;
    }
    if (k < s->ncuts && !nonnegative(s, s->cut[k], at))
        return;
    for (int j = s->ncuts++; j > k; j--)
        s->cut[j] = s->cut[j - 1];
    s->cut[k] = at;
}

/* Where a comparison changes: var < e at e, e <= var at e, var == e at e and at e + 1. */
static void find_test(void *data, const Ex *e) {
    Split *s = data;
    Ctx *ctx = s->p->ctx;
    const Ex *c, *rest, *one = ex_int(ctx, 1);
    int64_t sign;
    bool equality = e->op == OP_EQ || e->op == OP_NE;
    if (!compares_ints(e) || s->ntests == MOST_TESTS)
        return;
    const Ex *d = ex2(ctx, OP_SUB, e->arg[1], e->arg[0]);
    if (!ex_uses_var(d, s->loop->var) || !linear_in(ctx, d, s->loop->var, &c, &rest) || !ex_is_int(c, &sign) || (sign != 1 && sign != -1)
        || rest->has_var || rest->has_read)
        return;
    const Ex *at = sign < 0 ? rest : ex1(ctx, OP_NEG, rest);
    bool behind = e->op == OP_LT ? sign > 0 : e->op == OP_LE && sign < 0;
    s->test[s->ntests++] = e;
    add_cut(s, behind ? ex2(ctx, OP_ADD, at, one) : at);
    if (equality)
        add_cut(s, ex2(ctx, OP_ADD, at, one));
}

static void find_choice(void *data, const Ex *e) {
    Split *s = data;
    int before = s->ncuts;
    if (e->op != OP_WHERE)
        return;
    ex_visit(e->arg[0], find_test, s);
    for (int k = 1; k < 3 && s->ncuts > before; k++)
        s->worth |= e->arg[k]->has_guarded || is_costly(e->arg[k]);
}

/* Nothing but elements of arrays, terms of sums and values of one turn: no loop in it. */
static bool survey(Split *s, const Block *b) {
    for (const Stmt *st = b ? b->first : NULL; st; st = st->next) {
        bool element = (st->kind == S_ASSIGN || st->kind == S_ACCUMULATE) && st->value;
        bool scalar = st->kind == S_DECLARE && st->item && st->value && !st->changes && b == s->loop->body && s->nscalars < MOST_SCALARS;
        if ((!element && !scalar && st->kind != S_IF) || !survey(s, st->body) || !survey(s, st->otherwise))
            return false;
        s->statements++;
        if (scalar)
            s->scalar[s->nscalars++] = st->item;
        if (st->kind == S_IF) {
            int before = s->ncuts;
            ex_visit(st->value, find_test, s);
            s->worth |= s->ncuts > before;
        } else {
            ex_visit(st->value, find_choice, s);
        }
    }
    return true;
}

/* ---------------------------------------------------------------- a piece */

static const Ex *piece_index(void *data, int var) {
    const Split *s = data;
    return var == s->loop->var ? ex_var(s->p->ctx, s->var) : NULL;
}

/* A scalar is the piece's own; a read that the piece has in range needs no guard. */
static const Ex *piece_read(void *data, const Ex *e) {
    const Split *s = data;
    Node *node = e->node;
    if (!is_read(e))
        return NULL;
    for (int k = 0; k < s->nscalars; k++) {
        if (s->scalar[k]->node == e->node && s->number[k])
            return s->number[k];
        if (s->scalar[k]->node == e->node)
            node = s->own[k]->node;
    }
    bool inside = true;
    for (int a = 0; a < e->nargs; a++)
        inside = inside && (e->op == OP_READ || prove_in_range(s->p->ctx, e->arg[a], e->node->axis[a].size, &s->facts));
    return ex_read(s->p->ctx, node, e->arg, !inside);
}

static const Ex *in_piece(Split *s, const Ex *e) {
    if (!e)
        return NULL;
    e = ex_replace(s->p->ctx, e, s->test, s->to, s->ntests);
    e = ex_map_vars(s->p->ctx, e, piece_index, s, false);
    return ex_rebuild(s->p->ctx, e, piece_read, s);
}

static bool is_number(const Ex *e) { return e->op == OP_REAL || e->op == OP_INT || e->op == OP_BOOL; }

/* A value of one turn that is a number in this piece: its readers have the number instead. */
static bool takes_number(Split *s, const Stmt *st, const Ex *value) {
    for (int k = 0; st->kind == S_DECLARE && is_number(value) && k < s->nscalars; k++)
        if (s->scalar[k] == st->item) {
            s->number[k] = value;
            return true;
        }
    return false;
}

static bool adds_nothing(const Stmt *st, const Ex *value) {
    return st->kind == S_ACCUMULATE && st->reduce == R_SUM && is_number(value) && ex_is_number(value, 0);
}

static void copy_block(Split *s, const Block *from, Block *to) {
    for (const Stmt *st = from->first; st; st = st->next) {
        const Ex *value = in_piece(s, st->value);
        if (takes_number(s, st, value) || adds_nothing(st, value))
            continue;
        if (st->kind == S_IF && value->op == OP_BOOL) {
            const Block *taken = ex_is_number(value, 1) ? st->body : st->otherwise;
            if (taken)
                copy_block(s, taken, to);
            continue;
        }
        Stmt *made = stmt_new(s->p, st->kind, st->item);
        *made = *st;
        for (int k = 0; k < s->nscalars; k++)
            if (s->scalar[k] == st->item)
                made->item = s->own[k];
        made->value = value;
        made->arg = in_piece(s, st->arg);
        for (int a = 0; a < MAX_RANK; a++)
            made->index[a] = in_piece(s, st->index[a]);
        block_add(to, made);
        Block **inner[] = {&made->body, &made->otherwise};
        for (int k = 0; k < 2; k++)
            if (*inner[k]) {
                const Block *old = *inner[k];
                *inner[k] = block_new(s->p->ctx, to, made);
                copy_block(s, old, *inner[k]);
            }
    }
}

static void mark_used(void *data, const Ex *e) {
    Split *s = data;
    for (int k = 0; is_read(e) && k < s->nscalars; k++)
        s->used[k] |= s->own[k]->node == e->node;
}

/* Values that nothing behind them reads any more go, and branches without a statement. */
static void drop_unused(Split *s, Block *b) {
    for (Stmt *st = b ? b->last : NULL, *before; st; st = before) {
        before = st->prev;
        drop_unused(s, st->body);
        drop_unused(s, st->otherwise);
        bool wanted = st->kind != S_DECLARE && (st->kind != S_IF || st->body->first || (st->otherwise && st->otherwise->first));
        for (int k = 0; st->kind == S_DECLARE && k < s->nscalars; k++)
            wanted |= s->own[k] == st->item && s->used[k];
        if (!wanted) {
            block_remove(st);
            continue;
        }
        stmt_visit(st, mark_used, s);
    }
}

static void loops_around(Split *s) {
    const Stmt *around[MOST_AROUND];
    int n = 0;
    for (const Block *b = s->loop->in; b; b = b->up)
        if (b->owner && b->owner->kind == S_FOR && n < MOST_AROUND - 1)
            around[n++] = b->owner;
    for (int k = 0; k < n; k++)
        s->range[k] = (Range){around[n - 1 - k]->var, around[n - 1 - k]->lo, around[n - 1 - k]->hi};
    s->facts = (Facts){.range = s->range, .nranges = n + 1};
}

/* The first piece has the scalars themselves, others have copies. */
static void own_scalars(Split *s, Stmt *piece, bool first) {
    for (int k = 0; k < s->nscalars; k++) {
        const Item *it = s->scalar[k];
        s->own[k] = first ? s->scalar[k] : item_copy(s->p, it);
        Node *node = s->own[k]->node;
        if (!first) {
            *s->own[k] = *it;
            s->own[k]->node = node;
        }
        s->number[k] = NULL;
        s->used[k] = false;
        s->own[k]->block = s->own[k]->done = s->own[k]->declared = piece->body;
    }
}

static void cut_loop(Split *s, Stmt *loop) {
    loops_around(s);
    for (int k = 0; k <= s->ncuts; k++) {
        const Ex *lo = k ? s->cut[k - 1] : loop->lo, *hi = k < s->ncuts ? s->cut[k] : loop->hi;
        Stmt *piece = loop_make(s->p, loop->in, lo, hi, loop->letter, loop->dim);
        s->range[s->facts.nranges - 1] = (Range){loop->var, lo, hi};
        for (int t = 0; t < s->ntests; t++)
            s->to[t] = prove_test(s->p->ctx, s->test[t], &s->facts);
        s->var = piece->var;
        s->range[s->facts.nranges - 1].var = piece->var;
        own_scalars(s, piece, k == 0);
        copy_block(s, loop->body, piece->body);
        drop_unused(s, piece->body);
        if (!piece->body->first && (loop->cut || k < s->ncuts))
            continue;
        block_insert(loop, piece);
        loop->cut = piece;
    }
    block_remove(loop);
}

static void split_block(Program *p, Block *b) {
    for (Stmt *st = b ? b->first : NULL, *next; st; st = next) {
        next = st->next;
        Split s = {.p = p, .loop = st};
        if (st->kind == S_FOR && !st->down && survey(&s, st->body) && s.worth && s.statements * s.ncuts <= MOST_STATEMENTS) {
            cut_loop(&s, st);
            continue;
        }
        split_block(p, st->body);
        split_block(p, st->otherwise);
    }
}

void split_loops(Program *p) { split_block(p, p->body); }
