/* recur.c: recurrences.
 *
 * In: a program with PREV leaves. Out: for each recurrence its members, the items that depend on a PREV of it and reach
 * one of its states: they run inside one loop over t. Everybody else that reads PREV reads the state itself instead,
 *
 *     prev[t, j]   becomes   t == 0 ? init[j] : state[t - 1, j]
 *
 * After placing, a state of which outside only the last step is read is not stored for every step: it is computed into
 * the storage of one step and copied to PREV at the end of the step, so that after the loop PREV is the last step. */
#include "loops.h"

typedef struct { Program *p; const Group *g; char *mark; } Search;

static bool depends(Search *s, Item *it) {
    char *mark = &s->mark[it->node->id];
    if (*mark)
        return *mark == 2;
    *mark = 1;
    bool found = it->node->kind == N_PREV && it->leaf && it->node->group == s->g;
    for (int k = 0; !it->leaf && k < it->read.n; k++)
        if (depends(s, read_item(s->p, it->read.at[k])))
            found = true;
    if (it->leaf && it->node->kind == N_PREV && it->node->group != s->g && it->prev)
        found = depends(s, it->prev) || depends(s, it->first) || found;
    *mark = found ? 2 : 1;
    return found;
}

static void reach(Search *s, Item *it, bool *reached) {
    if (reached[it->node->id] || it->leaf)
        return;
    reached[it->node->id] = true;
    for (int k = 0; k < it->read.n; k++)
        reach(s, read_item(s->p, it->read.at[k]), reached);
}

static const Ex *outside_prev(void *data, const Ex *e) {
    Search *s = data;
    Ctx *ctx = s->p->ctx;
    if (!is_read(e) || e->node->kind != N_PREV || !read_item(s->p, e)->prev || e->node->group == s->g)
        return NULL;
    Item *prev = read_item(s->p, e);
    const Group *g = e->node->group;
    const Ex *t = e->arg[0], *index[MAX_RANK];
    const Ex *first = g->dir > 0 ? ex_int(ctx, 0) : ex2(ctx, OP_SUB, g->size, ex_int(ctx, 1));
    for (int a = 1; a < e->nargs; a++)
        index[a] = e->arg[a];
    index[0] = ex2(ctx, OP_SUB, t, ex_int(ctx, g->dir));
    return ex_where(ctx, ex2(ctx, OP_EQ, t, first), ex_read(ctx, prev->first->node, index + 1, true),
                    ex_read(ctx, prev->prev->node, index, true));
}

void recurrences(Program *p) {
    int n = p->item.n + 1;
    for (int k = 0; k < p->group.n; k++) {
        Search s = {p, p->group.at[k], NEWN(p->ctx, char, n)};
        bool *reached = NEWN(p->ctx, bool, n);
        for (int i = 0; i < s.g->states.n; i++)
            reach(&s, p->item.at[s.g->states.at[i].state->id], reached);
        for (int i = 0; i < p->item.n; i++)
            if (reached[i] && (depends(&s, p->item.at[i])))
                p->item.at[i]->member = p->group.at[k];
        for (int i = 0; i < s.g->states.n; i++) {
            Item *state = p->item.at[s.g->states.at[i].state->id];
            state->state = !state->leaf;
            if (!state->leaf)
                state->member = p->group.at[k];
        }
    }
    for (int i = 0; p->group.n && i < p->item.n; i++) {
        Item *it = p->item.at[i];
        if (it->leaf)
            continue;
        node_rewrite(p->ctx, it->node, outside_prev, &(Search){p, it->member, NULL});
        item_reads(p, it);
    }
    program_prune(p);
}

/* ---------------------------------------------------------------- storage, after placing */

static bool reads_inside(const Item *state, const Item *reader, const Ex *e) {
    return reader->depth > 0 && reader->path[0] == state->path[0] && e->arg[0]->op == OP_VAR
        && reader->path_index[0] == e->arg[0]->var;
}

static const Ex *last_step(Ctx *ctx, const Group *g) {
    return g->dir > 0 ? ex2(ctx, OP_SUB, g->size, ex_int(ctx, 1)) : ex_int(ctx, 0);
}

typedef struct { Program *p; Item *prev; const Ex *last; } Last;
static const Ex *read_last(void *data, const Ex *e) {
    Last *l = data;
    bool it = is_read(e) && e->node == l->prev->prev->node && e->arg[0] == l->last;
    return it ? ex_read(l->p->ctx, l->prev->node, e->arg, e->op == OP_READ_IF) : NULL;
}

void recurrence_storage(Program *p) {
    for (int k = 0; k < p->item.n; k++) {
        Item *prev = p->item.at[k];
        if (prev->dead || prev->node->kind != N_PREV || !prev->prev)
            continue;
        Item *state = prev->prev;
        const Ex *last = last_step(p->ctx, prev->node->group);
        prev->all_steps = state->leaf || state->home != HOME_LOCAL || state->traced;
        for (int i = 0; i < p->order.n; i++)
            for (int r = 0; r < p->order.at[i]->read.n; r++) {
                const Ex *e = p->order.at[i]->read.at[r];
                if (e->node == state->node && !reads_inside(state, p->order.at[i], e) && e->arg[0] != last)
                    prev->all_steps = true;
            }
        if (prev->all_steps)
            continue;
        for (int i = 0; i < p->order.n; i++) {
            Item *it = p->order.at[i];
            if (it->depth > 0 && it->path[0] == state->path[0])
                continue;
            node_rewrite(p->ctx, it->node, read_last, &(Last){p, prev, last});
            item_reads(p, it);
        }
    }
}
