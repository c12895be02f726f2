/* recur.c: recurrences.
 *
 * In: a program with PREV leaves. Out: for each recurrence its members, the items that depend on a PREV of it and reach
 * one of its states: they run inside one loop over t. What a recurrence inside a step needs and makes is of the outer
 * one too, so its loop stands inside the other's. A state that is known at load or needs no step before is not carried:
 * all of it is there first. Who reads the PREV of such a state, or reads PREV from outside, reads the state itself,
 *
 *     prev[t, j]   becomes   t == 0 ? init[j] : state[t - 1, j]
 *
 * After placing, a state of which outside only the last step is read is not stored for every step: it is computed into
 * the storage of one step and copied to PREV at the end of the step, so that after the loop PREV is the last step. */
#include "loops.h"

bool in_ring(const Item *it, const Group *g) {
    for (int r = 0; r < it->nring; r++)
        if (it->ring[r] == g)
            return true;
    return false;
}

const Group *innermost(const Item *it) { return it->nring ? it->ring[it->nring - 1] : NULL; }

bool inner_state(const Item *it) { return it->state && innermost(it)->axis > 0; }

/* A PREV of a recurrence that can only stand inside a step of g, where all of its states are when one has to be. */
static bool deeper(const Item *it, const Group *g) {
    return it->leaf && it->node->kind == N_PREV && it->prev && it->node->group->axis > g->axis;
}

static bool reads_marked(const Item *it, const Group *g, const bool *mark) {
    const Group *inner = it->node->group;
    for (int i = 0; it->leaf && deeper(it, g) && i < inner->states.n; i++)
        if (mark[inner->states.at[i].state->id] || mark[inner->states.at[i].init->id])
            return true;
    if (it->leaf)
        return false;
    for (int k = 0; k < it->read.n; k++)
        if (mark[it->read.at[k]->node->id])
            return true;
    return false;
}

/* What depends on the step before. */
static void depends(const Program *p, const Group *g, bool *mark) {
    for (int k = 0; k < p->item.n; k++)
        mark[k] = false;
    for (int i = 0; i < g->states.n; i++)
        mark[g->states.at[i].prev->id] = p->item.at[g->states.at[i].prev->id]->carried;
    for (bool again = true; again;) {
        again = false;
        for (int k = 0; k < p->item.n; k++)
            if (!mark[k] && reads_marked(p->item.at[k], g, mark))
                mark[k] = again = true;
    }
}

static void reach(const Program *p, const Group *g, const Item *it, bool *reached) {
    if (reached[it->node->id])
        return;
    reached[it->node->id] = true;
    const Group *inner = it->node->group;
    for (int i = 0; deeper(it, g) && i < inner->states.n; i++) {
        reach(p, g, p->item.at[inner->states.at[i].state->id], reached);
        reach(p, g, p->item.at[inner->states.at[i].init->id], reached);
    }
    for (int k = 0; !it->leaf && k < it->read.n; k++)
        reach(p, g, read_item(p, it->read.at[k]), reached);
}

static void join_ring(Item *it, Group *g, int index) {
    it->ring_index[it->nring] = index;
    it->ring[it->nring++] = g;
}

/* Which index of a member the recurrence runs along: the one at which it reads what runs along it. */
static int index_along(const Item *it, const int *along) {
    for (int k = 0; k < it->read.n; k++) {
        const Ex *e = it->read.at[k];
        int axis = along[e->node->id];
        if (axis >= 0 && axis < e->nargs && e->arg[axis]->op == OP_VAR)
            return e->arg[axis]->var;
    }
    return -1;
}

/* What is known at load, or needs no step before, is not carried from step to step: all of it is there before them. */
static void choose_carried(Program *p, const Group *g, bool *after) {
    for (int i = 0; i < g->states.n; i++)
        p->item.at[g->states.at[i].prev->id]->carried = !p->item.at[g->states.at[i].state->id]->leaf;
    for (bool again = true; again;) {
        again = false;
        depends(p, g, after);
        for (int i = 0; i < g->states.n; i++) {
            Item *prev = p->item.at[g->states.at[i].prev->id];
            if (prev->carried && !after[g->states.at[i].state->id])
                again = !(prev->carried = false);
        }
    }
}

/* A step needs others, or a sum over all of them. Such a read can't be written: it is of a derivative taken under a
 * condition on the state, of what runs along the same index, and is 0 but at one step, which is not seen here. */
void refuse_order(Program *p, const Node *n) {
    error_at(p->ctx, n->span, "E0901", "adc finds no order for the steps of a recurrence that this derivative needs");
    hint(p->ctx, "take it before the recurrence, or outside of the branch whose condition is on its state");
}

static void add_members(Program *p, Group *g) {
    int n = p->item.n;
    bool *after = NEWN(p->ctx, bool, n + 1), *before = NEWN(p->ctx, bool, n + 1);
    int *along = NEWN(p->ctx, int, n + 1);
    choose_carried(p, g, after);
    for (int i = 0; i < g->states.n; i++)
        if (p->item.at[g->states.at[i].prev->id]->carried) {
            p->item.at[g->states.at[i].state->id]->state = true;
            reach(p, g, p->item.at[g->states.at[i].state->id], before);
        }
    for (int k = 0; k < n; k++)
        along[k] = after[k] && before[k] && p->item.at[k]->leaf ? g->axis : -1;
    for (int i = 0; i < g->states.n; i++)
        if (p->item.at[g->states.at[i].prev->id]->carried)
            along[g->states.at[i].state->id] = along[g->states.at[i].prev->id] = g->axis;
    for (bool again = true; again;) {
        again = false;
        for (int k = 0; k < n; k++)
            if (after[k] && before[k] && along[k] < 0 && (along[k] = index_along(p->item.at[k], along)) >= 0)
                again = true;
    }
    for (int k = 0; k < n; k++)
        if (after[k] && before[k] && !p->item.at[k]->leaf) {
            const Node *node = p->item.at[k]->node;
            join_ring(p->item.at[k], g, along[k] < 0 ? g->axis : along[k]);
            if (node->kind == N_COMPUTE && along[k] >= node->rank)
                refuse_order(p, node);
        }
}

/* ---------------------------------------------------------------- reads of PREV from outside */

typedef struct { Program *p; const Item *it; } Reader;

static const Ex *outside_prev(void *data, const Ex *e) {
    Reader *reader = data;
    Ctx *ctx = reader->p->ctx;
    if (!is_read(e) || e->node->kind != N_PREV || !read_item(reader->p, e)->prev)
        return NULL;
    Item *prev = read_item(reader->p, e);
    if (in_ring(reader->it, e->node->group) && prev->carried)
        return NULL;
    const Group *g = e->node->group;
    const Ex *t = e->arg[g->axis], *index[MAX_RANK], *start[MAX_RANK];
    const Ex *first = g->dir > 0 ? ex_int(ctx, 0) : ex2(ctx, OP_SUB, g->size, ex_int(ctx, 1));
    for (int a = 0; a < e->nargs; a++) {
        index[a] = e->arg[a];
        if (a != g->axis)
            start[a - (a > g->axis)] = e->arg[a];
    }
    index[g->axis] = ex2(ctx, OP_SUB, t, ex_int(ctx, g->dir));
    return ex_where(ctx, ex2(ctx, OP_EQ, t, first), ex_read(ctx, prev->first->node, start, true),
                    ex_read(ctx, prev->prev->node, index, true));
}

static bool anyone_reads(const Program *p, const Item *from) {
    for (int k = 0; k < p->item.n; k++)
        for (int r = 0; !p->item.at[k]->dead && r < p->item.at[k]->read.n; r++)
            if (p->item.at[k]->read.at[r]->node == from->node)
                return true;
    for (int k = 0; k < p->sink.n; k++)
        if (p->sink.at[k].item == from)
            return true;
    return false;
}

/* Every recurrence that starts so stands inside the same others. */
static bool one_place(const Program *p, const Item *first, const Item *state) {
    for (int k = 0; k < p->item.n; k++) {
        const Item *prev = p->item.at[k];
        if (prev->dead || prev->first != first)
            continue;
        if (prev->prev->nring != state->nring)
            return false;
        for (int r = 0; r + 1 < state->nring; r++)
            if (prev->prev->ring[r] != state->ring[r])
                return false;
    }
    return true;
}

/* A start that no step of the outer recurrence changes is set in each of them all the same, beside the loop that needs
 * it, not in an array for all steps. */
static void bring_starts_in(Program *p) {
    for (int k = 0; k < p->item.n; k++) {
        const Item *prev = p->item.at[k];
        if (prev->dead || prev->node->kind != N_PREV || !prev->prev || prev->prev->nring < 2)
            continue;
        Item *first = prev->first;
        const Item *state = prev->prev;
        if (first->leaf || first->nring || first->node->nred || anyone_reads(p, first) || !one_place(p, first, state))
            continue;
        for (int r = 0; r + 1 < state->nring; r++)
            join_ring(first, state->ring[r], state->ring_index[r]);
    }
}

/* The one recurrence whose steps read it, each at its own index, and nobody else does; *index: which of its axes that is. */
static Group *used_by(const Program *p, const Item *it, int *index) {
    Group *g = NULL;
    for (int k = 0; k < p->item.n; k++) {
        const Item *reader = p->item.at[k];
        for (int r = 0; !reader->dead && !reader->leaf && r < reader->read.n; r++) {
            const Ex *e = reader->read.at[r];
            int at = -1;
            if (e->node != it->node)
                continue;
            if (reader->nring != 1 || (g && reader->ring[0] != g))
                return NULL;
            g = reader->ring[0];
            for (int a = 0; a < e->nargs; a++)
                if (e->arg[a]->op == OP_VAR && e->arg[a]->var == reader->ring_index[0])
                    at = a;
            if (at < 0 || (*index >= 0 && *index != at) || !prove_equal(p->ctx, it->node->axis[at].size, g->size))
                return NULL;
            *index = at;
        }
        if (!reader->dead && reader->node->kind == N_PREV && reader->first == it)
            return NULL;
    }
    return g;
}

/* What the steps of one recurrence alone read, each at its own index, is made in the step, and needs no array for all. */
static void bring_inputs_in(Program *p) {
    for (int k = p->item.n - 1; k >= 0; k--) {              /* readers first */
        Item *it = p->item.at[k];
        int index = -1;
        if (it->dead || it->leaf || it->nring || it->keep || it->traced || it->node->kind != N_COMPUTE || it->node->reduce != R_NONE)
            continue;
        Group *g = used_by(p, it, &index);
        if (g)
            join_ring(it, g, index);
    }
}

void read_states(Program *p, Item *it) {
    node_rewrite(p->ctx, it->node, outside_prev, &(Reader){p, it});
    item_reads(p, it);
}

void recurrences(Program *p) {
    for (int axis = 0; axis < MAX_RANK; axis++)
        for (int k = 0; k < p->group.n; k++)
            if (p->group.at[k]->axis == axis)
                add_members(p, p->group.at[k]);
    for (int i = 0; p->group.n && i < p->item.n; i++) {
        if (!p->item.at[i]->leaf)
            read_states(p, p->item.at[i]);
    }
    program_prune(p);
    bring_starts_in(p);
    bring_inputs_in(p);
}

/* ---------------------------------------------------------------- storage, after placing */

/* The reader stands in the state's first n recurrences and reads what this turn of them has made. */
static bool same_turn(const Item *state, const Item *reader, const Ex *e, int n) {
    for (int r = 0; r < n; r++) {
        const Ex *at = e->arg[state->ring_index[r]];
        if (reader->depth <= r || reader->path[r] != state->path[r] || at->op != OP_VAR || at->var != reader->path_index[r])
            return false;
    }
    return true;
}

static bool in_loop(const Item *it, const Stmt *loop) {
    for (int d = 0; d < it->depth; d++)
        if (it->path[d] == loop)
            return true;
    return false;
}

static const Ex *last_step(Ctx *ctx, const Group *g) {
    return g->dir > 0 ? ex2(ctx, OP_SUB, g->size, ex_int(ctx, 1)) : ex_int(ctx, 0);
}

typedef struct { Program *p; Item *prev; const Ex *last; int axis; } Last;
static const Ex *read_last(void *data, const Ex *e) {
    Last *l = data;
    bool it = is_read(e) && e->node == l->prev->prev->node && e->arg[l->axis] == l->last;
    return it ? ex_read(l->p->ctx, l->prev->node, e->arg, e->op == OP_READ_IF) : NULL;
}

void recurrence_storage(Program *p) {
    for (int k = 0; k < p->item.n; k++) {
        Item *prev = p->item.at[k];
        if (prev->dead || prev->node->kind != N_PREV || !prev->prev)
            continue;
        Item *state = prev->prev;
        const Ex *last = last_step(p->ctx, prev->node->group);
        int axis = prev->node->group->axis;
        prev->all_steps = state->leaf || state->home != HOME_LOCAL || state->traced;
        for (int i = 0; i < p->order.n; i++)
            for (int r = 0; r < p->order.at[i]->read.n; r++) {
                const Ex *e = p->order.at[i]->read.at[r];
                if (e->node == state->node && !same_turn(state, p->order.at[i], e, state->nring)
                    && (e->arg[axis] != last || !same_turn(state, p->order.at[i], e, state->nring - 1)))
                    prev->all_steps = true;
            }
        if (prev->all_steps)
            continue;
        for (int i = 0; i < p->order.n; i++) {
            Item *it = p->order.at[i];
            if (in_loop(it, state->path[state->nring - 1]))
                continue;
            Last l = {p, prev, last, axis};
            node_rewrite(p->ctx, it->node, read_last, &l);
            for (int d = 0; d < it->depth; d++) {               /* a state may say how far a loop goes */
                it->path[d]->lo = ex_rebuild(p->ctx, it->path[d]->lo, read_last, &l);
                it->path[d]->hi = ex_rebuild(p->ctx, it->path[d]->hi, read_last, &l);
            }
            item_reads(p, it);
        }
    }
}
