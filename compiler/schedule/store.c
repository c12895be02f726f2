/* store.c: where values are kept.
 *
 * In: items placed in loops. Out: for each the axes that its storage still has. An item all of whose readers stand in
 * the loops it stands in itself needs no room for those loops' axes: a value that is made and used in one turn of the
 * innermost loop is a scalar, one row of a matrix that is made and used row by row is a row. Small constant arrays go on
 * the stack, the others into run->work. */
#include "loops.h"

static int shared_depth(const Item *a, const Item *b) {
    int d = 0;
    while (d < a->depth && d < b->depth && a->path[d] == b->path[d])
        d++;
    return d;
}

/* How many of the loops around the item hold all of its readers too. */
static int common_depth(Program *p, const Item *it) {
    int depth = it->first_red >= 0 ? it->first_red : it->depth;
    if (it->home != HOME_LOCAL || it->traced)
        return 0;
    for (int k = 0; k < p->order.n; k++) {
        const Item *reader = p->order.at[k];
        for (int r = 0; r < reader->read.n; r++) {
            const Item *from = read_item(p, reader->read.at[r]);
            bool via_prev = from->node->kind == N_PREV && from->first == it;
            if (from != it && !via_prev)
                continue;
            int d = shared_depth(it, via_prev ? from->prev : reader);
            if (via_prev && d >= from->prev->nring)         /* it is read before the loop */
                d = from->prev->nring ? from->prev->nring - 1 : 0;
            depth = d < depth ? d : depth;
        }
        if (reader->node->kind == N_OPAQUE && reader->node->input == it->node)
            depth = 0;
    }
    for (int k = 0; k < p->sink.n; k++)
        if (p->sink.at[k].item == it)
            depth = 0;
    return depth;
}

/* A bool counts as a number: its array goes where one of numbers of the same size would. */
static bool small(Program *p, const Item *it) {
    int64_t bytes = element_bytes(p->graph, it->node->type == T_BOOL ? T_REAL : it->node->type), n;
    for (int k = 0; k < it->nkept; k++) {
        if (!known_size(p->ctx, it->node->axis[it->kept[k]].size, &n) || n > STACK_BYTES)
            return false;
        bytes *= n > 0 ? n : 1;
        if (bytes > STACK_BYTES)
            return false;
    }
    return true;
}

static Block *block_at(Program *p, const Item *it, int depth) { return depth == 0 ? p->body : it->path[depth - 1]->body; }

static void keep_axes(Program *p, Item *it, int depth) {
    bool inside[MAX_INDEX] = {false};
    for (int d = 0; d < depth; d++)
        inside[it->path_index[d]] = true;
    it->nkept = 0;
    for (int r = 0; inner_state(it) && r < it->nring; r++) {        /* one step is a row, whatever stands before its index */
        if (!inside[it->ring_index[r]])
            it->kept[it->nkept++] = it->ring_index[r];
        inside[it->ring_index[r]] = true;
    }
    for (int a = 0; a < it->node->rank; a++)
        if (it->node->kind == N_SCATTER || !inside[a])
            it->kept[it->nkept++] = a;
    it->declared = block_at(p, it, depth);
    if (it->home == HOME_LOCAL && it->nkept > 0) {
        it->on_stack = small(p, it);
        it->home = it->on_stack ? HOME_LOCAL : HOME_WORK;
    }
}

/* A reduction accumulates in a scalar when all of its axes are bound before its first reduction loop. */
static bool axes_come_first(const Item *it) {
    if (it->node->kind == N_SCATTER)
        return it->node->rank == 0;
    for (int d = it->first_red; d < it->depth; d++)
        if (it->path_index[d] < it->node->rank)
            return false;
    return true;
}

static void store_prev(Program *p, Item *prev) {
    const Item *state = prev->prev;
    bool run[MAX_RANK] = {false};
    for (int r = 0; r < state->nring; r++)
        run[state->ring_index[r]] = true;
    for (int a = 0; a < prev->node->rank; a++)
        if (!run[a])
            prev->kept[prev->nkept++] = a;
    prev->declared = prev->done = block_at(p, state, state->nring - 1);
    if (prev->all_steps)                                    /* a pointer to where the state has its last step */
        return;
    prev->home = HOME_LOCAL;
    if (prev->nkept > 0) {
        prev->on_stack = small(p, prev);
        prev->home = prev->on_stack ? HOME_LOCAL : HOME_WORK;
    }
}

/* A small result that a loop around it accumulates, a gradient for one, does so on the stack, where a compiler can
 * keep it in registers, and is copied out at the end. */
static void accumulate_near(Program *p, const Sink *sink) {
    Item *it = sink->item;
    if (sink->kind != SINK_ARRAY || sink->home != HOME_GRAD || it->first_red < 0 || it->accumulates || it->node->kind != N_COMPUTE || !small(p, it))
        return;
    it->home = HOME_LOCAL;
    it->on_stack = it->copied_out = true;
    Stmt *s = stmt_new(p, S_SINK, it);
    s->sink = sink;
    block_add(p->body, s);
}

void store_items(Program *p) {
    recurrence_storage(p);
    for (int k = 0; k < p->item.n; k++) {
        Item *it = p->item.at[k];
        if (it->dead)
            continue;
        if (it->node->kind == N_PREV && it->prev && !it->prev->leaf) {
            store_prev(p, it);
        } else if (it->leaf) {
            for (int a = 0; a < it->node->rank; a++)
                it->kept[it->nkept++] = a;
        }
    }
    for (int k = 0; k < p->order.n; k++) {
        Item *it = p->order.at[k];
        bool steps = false;
        for (int i = 0; it->state && i < p->item.n; i++)
            steps |= p->item.at[i]->prev == it && !p->item.at[i]->dead && p->item.at[i]->all_steps;
        int depth = common_depth(p, it), most = it->nring - steps;
        keep_axes(p, it, it->state && depth > most ? most : depth);     /* at its end a step is copied as a whole */
        it->accumulates = it->first_red >= 0 && axes_come_first(it);
    }
    for (int k = 0; k < p->sink.n; k++)
        accumulate_near(p, &p->sink.at[k]);
}
