/* fuse.c: substitution of one body into another.
 *
 * In: nodes each of which would be an array. Out: fewer of them, with larger bodies, where nothing is computed twice:
 *
 *     a[i, j] = exp(x[i, j])          s[i] = sum[j] a[i, j]       becomes       s[i] = sum[j] exp(x[i, j])
 *
 * Readers come before what they read (last to first), so that what is decided about a node sees its readers' final
 * bodies. A pointwise node goes into its readers when it is trivial, or when its one reader reads it once, at all of its
 * own indices. Storage is cheap for what stays: loops are fused too, and there a value per iteration is a scalar. */
#include "schedule/loops.h"

enum { TRIVIAL = 1 };

typedef struct { Program *p; const Item *from; const Ex *const *index; } Inline;

static const Ex *index_of(void *data, int var) {
    const Inline *in = data;
    return var < in->from->node->rank ? in->index[var] : NULL;
}

static const Ex *guard_read(void *data, const Ex *e) {
    const Inline *in = data;
    return e->op == OP_READ ? ex_read(in->p->ctx, e->node, e->arg, true) : NULL;
}

/* Reads of what stood under a guard stand under it still, also where their index did not change. */
static const Ex *substitute(void *data, const Ex *e) {
    Inline *in = data;
    if (!is_read(e) || e->node != in->from->node)
        return NULL;
    bool guarded = e->op == OP_READ_IF;
    in->index = e->arg;
    const Ex *body = ex_map_vars(in->p->ctx, in->from->node->body, index_of, in, guarded);
    return guarded ? ex_rebuild(in->p->ctx, body, guard_read, in) : body;
}

static bool reads(const Item *reader, const Item *from, int *times, const Ex **one) {
    *times = 0;
    for (int k = 0; k < reader->read.n; k++)
        if (reader->read.at[k]->node == from->node) {
            ++*times;
            *one = reader->read.at[k];
        }
    return *times > 0;
}

/* The read visits each element exactly once while the reader's loops run. */
static bool covers(const Item *reader, const Ex *read) {
    const Node *n = reader->node;
    int first = n->kind == N_SCATTER ? n->rank : 0, indices = n->rank + n->nred - first;
    bool seen[MAX_INDEX] = {false};
    if (read->nargs != indices)
        return false;
    for (int a = 0; a < read->nargs; a++) {
        if (read->arg[a]->op != OP_VAR || seen[read->arg[a]->var])
            return false;
        seen[read->arg[a]->var] = true;
    }
    return true;
}

static bool worth_inlining(Program *p, const Item *it) {
    int cost = ex_cost(it->node->body), readers = 0;
    bool once = true;
    for (int k = 0; k < p->item.n; k++) {
        const Item *reader = p->item.at[k];
        const Ex *one = NULL;
        int times;
        if (reader->dead || reader->leaf || !reads(reader, it, &times, &one))
            continue;
        if (it->nring && innermost(reader) != innermost(it))
            return false;
        readers++;
        once &= times == 1 && covers(reader, one);
    }
    return readers > 0 && (cost <= TRIVIAL || (readers == 1 && once));
}

static void inline_item(Program *p, Item *it) {
    for (int k = 0; k < p->item.n; k++) {
        Item *reader = p->item.at[k];
        const Ex *one;
        int times;
        if (reader->dead || reader->leaf || !reads(reader, it, &times, &one))
            continue;
        node_rewrite(p->ctx, reader->node, substitute, &(Inline){p, it, NULL});
        item_reads(p, reader);
    }
    it->dead = true;
}

/* ---------------------------------------------------------------- copies */

/* All of another node, element by element: dw[n, i in 2] = x[n, i] with x[n, 4] is a slice, and none. */
static Item *copied(const Program *p, const Item *it) {
    const Node *n = it->node;
    if (it->leaf || n->kind != N_COMPUTE || n->reduce != R_NONE || n->body->op != OP_READ || n->body->nargs != n->rank)
        return NULL;
    for (int a = 0; a < n->rank; a++)
        if (n->body->arg[a]->op != OP_VAR || n->body->arg[a]->var != a || !prove_equal(p->ctx, n->axis[a].size, n->body->node->axis[a].size))
            return NULL;
    return p->item.at[n->body->node->id];
}

typedef struct { Program *p; const Item *from, *to; } Redirect;
static const Ex *redirected(void *data, const Ex *e) {
    const Redirect *r = data;
    bool it = is_read(e) && e->node == r->from->node;
    return it ? ex_read(r->p->ctx, r->to->node, e->arg, e->op == OP_READ_IF) : NULL;
}

/* Whoever wanted the copy gets the original: its readers, its sinks, its place. */
static void take_over(Program *p, Item *copy, Item *of) {
    for (int k = 0; k < p->item.n; k++) {
        Item *reader = p->item.at[k];
        if (reader->dead || reader->leaf || reader == copy)
            continue;
        if (reader->node->kind == N_OPAQUE && reader->node->input == copy->node)
            reader->node->input = of->node;
        node_rewrite(p->ctx, reader->node, redirected, &(Redirect){p, copy, of});
        item_reads(p, reader);
    }
    for (int k = 0; k < p->item.n; k++)
        if (p->item.at[k]->first == copy)
            p->item.at[k]->first = of;
    for (int k = 0; k < p->sink.n; k++)
        if (p->sink.at[k].item == copy)
            p->sink.at[k].item = of;
    if (copy->home != HOME_LOCAL) {
        of->home = copy->home;
        of->place = copy->place;
    }
    of->keep |= copy->keep;
    of->traced |= copy->traced;
    if (!of->leaf && copy->node->name)
        of->node->name = copy->node->name;
    copy->dead = true;
}

static void drop_copies(Program *p) {
    for (int k = 0; k < p->item.n; k++) {
        Item *copy = p->item.at[k], *of = copied(p, copy);
        if (copy->dead || !of || copy->state || inner_state(of) || innermost(of) != innermost(copy) || of->node->kind == N_PREV)
            continue;
        if (copy->home == HOME_ROWS)                        /* a list that may not be wanted, while the value is */
            continue;
        if (copy->home == HOME_LOCAL ? !copy->keep || (of->leaf && copy->traced) : of->leaf || of->home != HOME_LOCAL)
            continue;
        take_over(p, copy, of);
    }
    program_prune(p);
}

void fuse_items(Program *p) {
    drop_copies(p);
    program_order(p);
    for (int k = p->order.n - 1; k >= 0; k--) {
        Item *it = p->order.at[k];
        bool pointwise = it->node->kind == N_COMPUTE && it->node->reduce == R_NONE;
        if (pointwise && !it->keep && !it->traced && !it->state && worth_inlining(p, it))
            inline_item(p, it);
    }
    program_prune(p);
}

/* The pass on the whole graph: names for values that nobody named and that are nothing but a read, a number or a cast
 * go away; everything else is decided program by program, where it is known who reads what. */
typedef struct { Ctx *ctx; const Ex *const *index; const Node *node; } Expand;

static const Ex *expand_index(void *data, int var) {
    const Expand *x = data;
    return var < x->node->rank ? x->index[var] : NULL;
}

static const Ex *expand_guard(void *data, const Ex *e) {
    const Expand *x = data;
    return e->op == OP_READ ? ex_read(x->ctx, e->node, e->arg, true) : NULL;
}

static const Ex *expand(void *data, GraphMap *map, const Ex *e) {
    (void)data;
    const Node *n = map->node[e->node->id];
    bool pointwise = n->kind == N_COMPUTE && n->reduce == R_NONE && !n->name && !n->let;
    if (!pointwise || ex_cost(n->body) > 0)
        return NULL;
    Expand x = {map->ctx, e->arg, n};
    const Ex *body = ex_map_vars(map->ctx, n->body, expand_index, &x, e->op == OP_READ_IF);
    return e->op == OP_READ_IF ? ex_rebuild(map->ctx, body, expand_guard, &x) : body;
}

Graph *fuse(Ctx *ctx, Graph *g) { return graph_map(ctx, g, expand, NULL, NULL); }
