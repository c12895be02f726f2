/* recompute.c: what the reverse sweep of a recurrence computes again.
 *
 * In: recurrences with their members. The sweep that runs down reads states, and values local to a step, which then have
 * to be stored for all steps:
 *
 *     up:    g[t] = x[t] + h[t-1] R     c[t] = f(g[t], c[t-1])          down:    dg[t] = dc[t] * f'(g[t], c[t-1])
 *
 * Out: when these do not fit the cache, a copy of the local values in the loop that runs down, where they last for a step
 * and are made from the states of the step before; then only states have an element for each step:
 *
 *     down:  g'[t] = x[t] + h[t-1] R    dg[t] = dc[t] * f'(g'[t], c[t-1])
 *
 * A third of the arithmetic more, for memory that no longer grows with what a step computes, but with its states alone. */
#include "loops.h"

enum { UNKNOWN_SIZE = 1000 };           /* of a dim that only the data tell */
static const double CACHE_BYTES = 32e6; /* what the last level holds; below, storing was faster by a fifth where it was measured */

typedef struct {
    Program *p;
    const Group *up, *down;
    bool *chosen;               /* by item: it gets a copy */
    bool *wanted;               /* by item: a state that then is stored for all steps */
    Item **copy;
} Recompute;

static double bytes_of(const Program *p, const Node *n) {
    double bytes = element_bytes(p->graph, n->type);
    for (int a = 0; a < n->rank; a++) {
        int64_t size;
        bytes *= ex_is_int(n->axis[a].size, &size) ? (double)size : UNKNOWN_SIZE;
    }
    return bytes;
}

/* A value of one step of the recurrence that runs up, and of no other. */
static bool is_local(const Recompute *r, const Item *it) {
    return !it->leaf && !it->state && !it->keep && !it->traced && it->nring == 1 && it->ring[0] == r->up;
}

/* At which step the read is; NULL: of a sum over the steps, which has no index for them. */
static const Ex *step_read(const Item *from, const Ex *e) { return from->ring_index[0] < e->nargs ? e->arg[from->ring_index[0]] : NULL; }

/* Which index of the reader is the step of the recurrence that runs down, or -1: it is a member, or reads one. */
static int step_index(const Recompute *r, const Item *reader) {
    if (reader->leaf || reader->dead || (reader->nring && (reader->nring > 1 || reader->ring[0] != r->down)))
        return -1;
    if (reader->nring)
        return reader->ring_index[0];
    for (int k = 0; k < reader->read.n; k++) {
        const Ex *e = reader->read.at[k];
        const Item *from = read_item(r->p, e);
        const Ex *at = from->nring == 1 && from->ring[0] == r->down ? step_read(from, e) : NULL;
        if (at && at->op == OP_VAR)
            return at->var;
    }
    return -1;
}

/* The read is of a local value at the reader's own step. */
static bool same_step(const Recompute *r, const Ex *e, int step) {
    const Item *from = read_item(r->p, e);
    const Ex *at = is_local(r, from) ? step_read(from, e) : NULL;
    return at && at->op == OP_VAR && at->var == step;
}

/* The value and all that it is made of within its step; false when that can't be done. */
static bool choose(Recompute *r, Item *it) {
    if (r->chosen[it->node->id])
        return true;
    r->chosen[it->node->id] = true;
    for (int k = 0; k < it->read.n; k++) {
        const Ex *e = it->read.at[k];
        Item *from = read_item(r->p, e);
        if (from->node->kind == N_PREV && from->node->group == r->up)
            r->wanted[from->prev->node->id] = r->wanted[from->first->node->id] = true;
        else if (!from->leaf && in_ring(from, r->up) && from->state)
            r->wanted[from->node->id] = true;
        else if (!from->leaf && in_ring(from, r->up) && (!same_step(r, e, it->ring_index[0]) || !choose(r, from)))
            return false;
    }
    return true;
}

static bool read_outside(const Recompute *r, const Item *it) {
    for (int k = 0; k < r->p->item.n; k++) {
        const Item *reader = r->p->item.at[k];
        for (int i = 0; !reader->dead && !reader->leaf && !in_ring(reader, r->up) && i < reader->read.n; i++)
            if (reader->read.at[i]->node == it->node)
                return true;
    }
    return false;
}

/* ---------------------------------------------------------------- the copies */

typedef struct { Recompute *r; int step; } Redirect;

static const Ex *to_copy(void *data, const Ex *e) {
    const Redirect *d = data;
    Item *copy = is_read(e) ? d->r->copy[e->node->id] : NULL;
    if (!copy || step_read(d->r->p->item.at[e->node->id], e) != ex_var(d->r->p->ctx, d->step))
        return NULL;
    return ex_read(d->r->p->ctx, copy->node, e->arg, e->op == OP_READ_IF);
}

static void redirect(Recompute *r, Item *it, int step) {
    node_rewrite(r->p->ctx, it->node, to_copy, &(Redirect){r, step});
    item_reads(r->p, it);
}

static void make_copies(Recompute *r) {
    int n = r->p->item.n;
    for (int k = 0; k < n; k++)
        if (r->chosen[k]) {
            r->copy[k] = item_copy(r->p, r->p->item.at[k]);
            r->copy[k]->ring[0] = (Group *)r->down;
            r->copy[k]->ring_index[0] = r->p->item.at[k]->ring_index[0];
            r->copy[k]->nring = 1;
        }
    for (int k = 0; k < n; k++) {
        Item *it = r->p->item.at[k];
        int step = step_index(r, it);
        if (r->copy[k]) {
            redirect(r, r->copy[k], it->ring_index[0]);
            read_states(r->p, r->copy[k]);
        }
        if (step >= 0)
            redirect(r, it, step);
    }
}

static void recompute_in(Program *p, const Group *up, const Group *down) {
    int n = p->item.n;
    Recompute r = {p, up, down, NEWN(p->ctx, bool, n + 1), NEWN(p->ctx, bool, n + 1), NEWN(p->ctx, Item *, n + 1)};
    double saved = 0, added = 0;
    for (int k = 0; k < n; k++) {
        int step = p->item.at[k]->nring ? step_index(&r, p->item.at[k]) : -1;    /* members only: the others follow them */
        for (int i = 0; step >= 0 && i < p->item.at[k]->read.n; i++) {
            const Ex *e = p->item.at[k]->read.at[i];
            if (same_step(&r, e, step) && !choose(&r, read_item(p, e)))
                return;
        }
    }
    for (int k = 0; k < n; k++) {
        if (r.chosen[k] && read_outside(&r, p->item.at[k]))
            saved += bytes_of(p, p->item.at[k]->node);
        if (r.wanted[k] && !p->item.at[k]->leaf && p->item.at[k]->state && !read_outside(&r, p->item.at[k]))
            added += bytes_of(p, p->item.at[k]->node);
    }
    const CompileOptions *o = &p->ctx->options;
    double most = o->keep ? (double)o->keep : CACHE_BYTES;
    if ((saved > most || o->large) && saved > 2 * added)            /* not to store more states than it saves values */
        make_copies(&r);
}

void recompute_steps(Program *p) {
    for (int up = 0; up < p->group.n; up++)
        for (int down = 0; down < p->group.n; down++)
            if (up != down && p->group.at[up]->axis == 0 && p->group.at[down]->axis == 0)
                recompute_in(p, p->group.at[up], p->group.at[down]);
    program_prune(p);
}
