/* place.c: which loops there are, and who stands in them.
 *
 * In: items in dependency order, each with its indices (axes, then reduction indices). Out: a tree of loops with every
 * item placed in it. Items that share an index form a cluster and run in one loop over it; inside it the same is done
 * with the indices that are left, until none is:
 *
 *     E[i, j] = A[i, j] - S[i, j]     loss = sum[i, j] E[i, j]^2      dU[i, k] = sum[j] E[i, j] * V[k, j]
 *     for i { for j { E; loss += } for k { for j dU += } }
 *
 * An item may join a cluster when it reads the cluster's items at exactly the loop's index and nothing that it reads
 * comes after the cluster. It may join by an axis, and has then one element (row, ...) each time round, or by a
 * reduction index: it accumulates, and whoever reads it comes after the loop. Clusters are kept as a graph with its
 * transitive closure; the order of loops is a topological order of it at the end. Which index is outermost is a
 * question of memory: the one along which accesses are least contiguous. */
#include "loops.h"
#include <stdlib.h>

typedef struct {
    VEC(Item *) item; VEC(int) index;
    const Ex *lo, *hi;
    const Group *group;
    bool loop;
    uint64_t *after;            /* a bit for each cluster: this one needs that one's results */
    int class_of;
    int waits_for;              /* so many of them that are not emitted yet */
    bool emitted;
} Cluster;

typedef struct { Program *p; VEC(Cluster *) cluster; int *where; int most; } Level;    /* where: cluster of an item, or -1 */

/* ---------------------------------------------------------------- indices of an item */

static int first_index(const Item *it) { return it->node->kind == N_SCATTER ? it->node->rank : 0; }
static int index_count(const Item *it) { return it->node->kind == N_OPAQUE ? 0 : it->node->rank + it->node->nred; }
static bool is_axis(const Item *it, int index) { return index < it->node->rank; }

typedef struct { Program *p; const Item *it; } Binding;
static const Ex *bound_var(void *data, int var) {
    const Binding *b = data;
    return var < MAX_INDEX ? b->it->bound[var] : NULL;
}

/* A guarded read at the indices of loops over just its axes is in range whatever the guard says. */
static const Ex *unguarded(void *data, const Ex *e) {
    Program *p = data;
    if (e->op != OP_READ_IF)
        return NULL;
    for (int a = 0; a < e->nargs; a++) {
        if (e->arg[a]->op != OP_VAR || e->arg[a]->var < LOOP_VAR)
            return NULL;
        const Stmt *loop = p->loop.at[e->arg[a]->var - LOOP_VAR];
        int64_t lo;
        if (!ex_is_int(loop->lo, &lo) || lo < 0 || loop->hi != e->node->axis[a].size)
            return NULL;
    }
    return ex_read(p->ctx, e->node, e->arg, false);
}

const Ex *bind_ex(Program *p, const Item *it, const Ex *e) {
    const Ex *bound = ex_map_vars(p->ctx, e, bound_var, &(Binding){p, it}, false);
    return bound && bound->has_guarded ? ex_rebuild(p->ctx, bound, unguarded, p) : bound;
}

static const Ex *lo_of(Program *p, const Item *it, int index) {
    return is_axis(it, index) ? ex_int(p->ctx, 0) : bind_ex(p, it, it->node->red[index - it->node->rank].lo);
}

static const Ex *hi_of(Program *p, const Item *it, int index) {
    return is_axis(it, index) ? it->node->axis[index].size : bind_ex(p, it, it->node->red[index - it->node->rank].hi);
}

static bool bounds_known(const Item *it, int index) {
    for (int v = 0; !is_axis(it, index) && v < index_count(it); v++)
        if (!it->bound[v] && (ex_uses_var(it->node->red[index - it->node->rank].lo, v) || ex_uses_var(it->node->red[index - it->node->rank].hi, v)))
            return false;
    return true;
}

static int axes_left(const Item *it) {
    int n = 0;
    for (int a = 0; a < it->node->rank; a++)
        n += !it->bound[a];
    return n;
}

/* Not yet bound, its bounds known; an argmax accumulates only in scalars, so all of its axes come first. */
static bool is_open(const Item *it, int index) {
    if (index < first_index(it) || it->bound[index] || !bounds_known(it, index))
        return false;
    bool arg = it->node->reduce == R_ARGMAX || it->node->reduce == R_ARGMIN;
    return is_axis(it, index) || !arg || axes_left(it) == 0;
}

static bool finished(const Item *it) {
    for (int k = first_index(it); k < index_count(it); k++)
        if (!it->bound[k])
            return false;
    return true;
}

/* ---------------------------------------------------------------- memory: scores and classes */

static void score_access(Program *p, Item *it, const Ex *const *arg, int rank) {
    for (int a = 0; a < rank; a++)
        for (int v = 0; v < index_count(it); v++) {
            const Ex *c, *rest;
            int64_t one;
            if (!ex_uses_var(arg[a], v))
                continue;
            bool unit = a == rank - 1 && linear_in(p->ctx, arg[a], v, &c, &rest) && ex_is_int(c, &one) && (one == 1 || one == -1);
            it->score[v] += unit ? 2 : -2;
        }
}

static void score_item(Program *p, Item *it) {
    const Node *n = it->node;
    const Ex *axis[MAX_RANK];
    for (int a = 0; a < n->rank; a++)
        axis[a] = ex_var(p->ctx, a);
    for (int k = 0; k < it->read.n; k++)
        score_access(p, it, it->read.at[k]->arg, it->read.at[k]->nargs);
    score_access(p, it, n->kind == N_SCATTER ? n->target : axis, n->rank);
    for (int r = 0; r < n->nred; r++)
        it->score[n->rank + r]--;
}

static int find_class(int *up, int c) {
    while (up[c] != c)
        c = up[c] = up[up[c]];
    return c;
}

/* An axis that nobody named has the dim of the others of its class, when it is of that size. */
static void name_axes(Program *p, const Dim **dim_of) {
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < p->item.n; k++)
            for (int a = 0; a < p->item.at[k]->node->rank; a++) {
                Axis *axis = &p->item.at[k]->node->axis[a];
                const Dim **dim = &dim_of[p->item.at[k]->class_of[a]];
                if (axis->dim && !*dim)
                    *dim = axis->dim;
                if (pass && !axis->dim && *dim && (*dim)->size == axis->size)
                    axis->dim = *dim;
            }
}

/* Two indices are of one class when one item reads another (or both a third) at that index. */
static void find_classes(Program *p) {
    int n = p->item.n * MAX_INDEX;
    int *up = NEWN(p->ctx, int, n + 1);
    for (int c = 0; c < n; c++)
        up[c] = c;
    for (int k = 0; k < p->item.n; k++)
        for (int r = 0; r < p->item.at[k]->read.n && !p->item.at[k]->dead; r++) {
            const Ex *e = p->item.at[k]->read.at[r];
            for (int a = 0; a < e->nargs; a++)
                if (e->arg[a]->op == OP_VAR)
                    up[find_class(up, k * MAX_INDEX + e->arg[a]->var)] = find_class(up, e->node->id * MAX_INDEX + a);
        }
    for (int k = 0; k < p->item.n; k++)
        for (int v = 0; v < MAX_INDEX; v++)
            p->item.at[k]->class_of[v] = find_class(up, k * MAX_INDEX + v);
    name_axes(p, NEWN(p->ctx, const Dim *, n + 1));
}

/* ---------------------------------------------------------------- clusters */

static bool comes_after(const Cluster *c, int other) { return c->after[other / 64] >> (other % 64) & 1; }

static void add_needs(Level *l, int cluster, int needed) {
    Cluster *c = l->cluster.at[cluster];
    if (needed < 0 || needed == cluster || comes_after(c, needed))
        return;
    for (int d = 0; d < l->cluster.n; d++) {
        Cluster *later = l->cluster.at[d];
        if (d != cluster && !comes_after(later, cluster))
            continue;
        for (int w = 0; w <= l->most / 64; w++)
            later->after[w] |= l->cluster.at[needed]->after[w];
        later->after[needed / 64] |= UINT64_C(1) << (needed % 64);
    }
}

/* Calls visit for everything of this program that must be there before the item. A read of PREV stands for its init. */
static void each_need(Level *l, const Item *it, void (*visit)(Level *, int cluster, int arg), int arg) {
    for (int k = 0; k < it->read.n; k++) {
        const Item *from = read_item(l->p, it->read.at[k]);
        if (from->node->kind == N_PREV && from->first) {
            visit(l, l->where[from->first->node->id], arg);
            if (!in_ring(it, from->node->group))
                visit(l, l->where[from->prev->node->id], arg);
        } else {
            visit(l, l->where[from->node->id], arg);
        }
    }
    if (it->node->kind == N_OPAQUE)
        visit(l, l->where[it->node->input->id], arg);
}

static void need_visit(Level *l, int cluster, int arg) { add_needs(l, arg, cluster); }

static int cluster_new(Level *l, const Group *group) {
    Cluster *c = NEW(l->p->ctx, Cluster);
    c->after = NEWN(l->p->ctx, uint64_t, l->most / 64 + 1);
    c->group = group;
    c->class_of = -1;
    vec_push(l->p->ctx, &l->cluster, c);
    return l->cluster.n - 1;
}

static void cluster_add(Level *l, int cluster, Item *it, int index) {
    Cluster *c = l->cluster.at[cluster];
    if (index >= 0 && !c->loop) {
        c->loop = true;
        c->lo = lo_of(l->p, it, index);
        c->hi = hi_of(l->p, it, index);
        c->class_of = it->class_of[index];
    }
    vec_push(l->p->ctx, &c->item, it);
    vec_push(l->p->ctx, &c->index, index);
    l->where[it->node->id] = cluster;
    each_need(l, it, need_visit, cluster);
}

static int index_in(const Cluster *c, const Item *it) {
    for (int k = 0; k < c->item.n; k++)
        if (c->item.at[k] == it)
            return c->index.at[k];
    return -1;
}

/* Everything of the cluster that the item reads, it reads at this index; *rows: such a read is of a row or more. */
static bool reads_at(Level *l, const Item *it, int index, int cluster, bool *rows) {
    const Cluster *c = l->cluster.at[cluster];
    *rows = false;
    for (int k = 0; k < it->read.n; k++) {
        const Ex *e = it->read.at[k];
        const Item *from = read_item(l->p, e);
        if (from->node->kind == N_PREV && from->first && l->where[from->first->node->id] == cluster)
            return false;
        if (from->leaf || l->where[from->node->id] != cluster)
            continue;
        int at = index_in(c, from);
        if (!is_axis(from, at) || from->node->kind == N_SCATTER || e->arg[at]->op != OP_VAR || e->arg[at]->var != index)
            return false;
        *rows |= axes_left(from) > 1;
    }
    return true;
}

static bool is_later(const Level *l, const Item *needed, int cluster) {
    int k = l->where[needed->node->id];
    return k >= 0 && k != cluster && comes_after(l->cluster.at[k], cluster);
}

static bool needs_later(const Level *l, const Item *it, int cluster) {
    for (int r = 0; r < it->read.n; r++) {
        const Item *from = read_item(l->p, it->read.at[r]);
        bool prev = from->node->kind == N_PREV && from->first;
        if (is_later(l, from, cluster) || (prev && is_later(l, from->first, cluster))
            || (prev && !in_ring(it, from->node->group) && is_later(l, from->prev, cluster)))
            return true;
    }
    return false;
}

static int best_score(const Item *it) {
    int best = 0;
    bool any = false;
    for (int k = first_index(it); k < index_count(it); k++)
        if (is_open(it, k) && (!any || it->score[k] < best)) {
            best = it->score[k];
            any = true;
        }
    return best;
}

static bool same_range(Level *l, const Cluster *c, const Item *it, int index) {
    const Ex *lo = lo_of(l->p, it, index), *hi = hi_of(l->p, it, index);
    return (lo == c->lo || prove_equal(l->p->ctx, lo, c->lo)) && (hi == c->hi || prove_equal(l->p->ctx, hi, c->hi));
}

/* The index by which the item joins the cluster, or -1. */
static int joins(Level *l, const Item *it, int cluster) {
    const Cluster *c = l->cluster.at[cluster];
    if (!c->loop || it->nring || it->node->kind == N_OPAQUE || needs_later(l, it, cluster))
        return -1;
    for (int k = first_index(it); k < index_count(it); k++) {
        bool rows;
        if (!is_open(it, k) || it->class_of[k] != c->class_of || !same_range(l, c, it, k) || !reads_at(l, it, k, cluster, &rows))
            continue;
        if (it->score[k] == best_score(it) || rows)
            return k;
    }
    return -1;
}

static int outermost(const Item *it) {
    for (int k = first_index(it); k < index_count(it); k++)
        if (is_open(it, k) && it->score[k] == best_score(it))
            return k;
    return -1;
}

static void assign(Level *l, Item *it) {
    if (finished(it)) {
        cluster_add(l, cluster_new(l, NULL), it, -1);
        return;
    }
    for (int r = 0; r < it->nring; r++) {                   /* a recurrence is a cluster of its own, over t */
        if (it->bound[it->ring_index[r]])
            continue;
        for (int k = l->cluster.n - 1; k >= 0; k--)
            if (l->cluster.at[k]->group == it->ring[r]) {
                cluster_add(l, k, it, it->ring_index[r]);
                return;
            }
        cluster_add(l, cluster_new(l, it->ring[r]), it, it->ring_index[r]);
        return;
    }
    for (int k = l->cluster.n - 1; k >= 0 && !l->p->unfused; k--) {
        int index = joins(l, it, k);
        if (index >= 0) {
            cluster_add(l, k, it, index);
            return;
        }
    }
    int index = outermost(it);
    if (index < 0)
        bug(l->p->ctx, "no index of '%s' can run first", it->node->name ? it->node->name : "a node");
    cluster_add(l, cluster_new(l, NULL), it, index);
}

/* ---------------------------------------------------------------- loops */

static void place_level(Program *p, Block *block, Item **item, int n);

static void begin_reduction(Program *p, Block *block, Item *it, int index) {
    if (it->first_red >= 0 || is_axis(it, index))
        return;
    it->first_red = it->depth;
    it->done = block;
    block_add(block, stmt_new(p, S_BEGIN, it));
}

/* The letter and the dim of a loop: those of the first item that has them. */
static void name_loop(const Cluster *c, const char **letter, const Dim **dim) {
    for (int k = c->item.n - 1; k >= 0; k--) {
        const Node *n = c->item.at[k]->node;
        int i = c->index.at[k];
        const char *name = i < n->rank ? n->axis[i].name : n->red[i - n->rank].name;
        *letter = name ? name : *letter;
        if (i < n->rank && n->axis[i].dim)
            *dim = n->axis[i].dim;
        for (int r = 0; r < c->item.at[k]->read.n; r++) {
            const Ex *e = c->item.at[k]->read.at[r];
            for (int a = 0; a < e->nargs; a++)
                if (e->arg[a]->op == OP_VAR && e->arg[a]->var == i && e->node->axis[a].size == c->hi && e->node->axis[a].dim)
                    *dim = e->node->axis[a].dim;
        }
    }
}

static void place_loop(Program *p, Block *block, Cluster *c) {
    const char *letter = "i";
    const Dim *dim = NULL;
    name_loop(c, &letter, &dim);
    if (c->group && c->group->name)
        letter = c->group->name;
    for (int k = 0; k < c->item.n; k++)
        begin_reduction(p, block, c->item.at[k], c->index.at[k]);
    Stmt *loop = loop_new(p, block, c->lo, c->hi, letter, dim);
    loop->down = c->group && c->group->dir < 0;
    for (int k = 0; k < c->item.n; k++) {
        Item *it = c->item.at[k];
        it->bound[c->index.at[k]] = ex_var(p->ctx, loop->var);
        it->path[it->depth] = loop;
        it->path_index[it->depth++] = c->index.at[k];
    }
    place_level(p, loop->body, c->item.at, c->item.n);
    for (int k = 0; k < c->item.n; k++) {
        Item *it = c->item.at[k];
        if (it->first_red >= 0 && it->path[it->first_red] == loop)
            block_add(block, stmt_new(p, S_DONE, it));
    }
}

static void place_cluster(Program *p, Block *block, Cluster *c) {
    if (c->loop) {
        place_loop(p, block, c);
        return;
    }
    Item *it = c->item.at[0];
    it->block = block;
    it->done = it->done ? it->done : block;
    if (it->first_red < 0 && it->node->reduce != R_NONE) {  /* a reduction over nothing but guards: its range became a test */
        it->first_red = it->depth;
        block_add(block, stmt_new(p, S_BEGIN, it));
        block_add(block, stmt_new(p, S_COMPUTE, it));
        block_add(block, stmt_new(p, S_DONE, it));
        return;
    }
    block_add(block, stmt_new(p, it->node->kind == N_OPAQUE ? S_CALL : S_COMPUTE, it));
}

static int first_ready(const Level *l) {
    for (int k = 0; k < l->cluster.n; k++)
        if (!l->cluster.at[k]->emitted && l->cluster.at[k]->waits_for == 0)
            return k;
    return -1;
}

/* Who needs cluster k waits for one more (by = 1), or one less: it is placed. */
static void count_waiting(Level *l, int k, int by) {
    for (int d = 0; d < l->cluster.n; d++)
        if (comes_after(l->cluster.at[d], k))
            l->cluster.at[d]->waits_for += by;
}

/* Loops that need each other: of what waits in a recurrence, that which is written in the fewest words is named. */
static void refuse(const Level *l) {
    const Node *named = NULL;
    bool inside = false;
    for (int k = 0; k < l->cluster.n; k++)
        for (int i = 0; !l->cluster.at[k]->emitted && i < l->cluster.at[k]->item.n; i++) {
            const Item *it = l->cluster.at[k]->item.at[i];
            const Span s = it->node->span;
            if (!named || (it->nring && !it->state && (!inside || s.end - s.begin < named->span.end - named->span.begin))) {
                inside = it->nring && !it->state;
                named = it->node;
            }
        }
    refuse_order(l->p, named);
}

/* Clusters in an order that respects what they need, the earliest first. */
static void place_level(Program *p, Block *block, Item **item, int n) {
    Level l = {.p = p, .where = NEWN(p->ctx, int, p->item.n + 1), .most = n};
    for (int k = 0; k < p->item.n; k++)
        l.where[k] = -1;
    for (int k = 0; k < n; k++)
        assign(&l, item[k]);
    for (int k = 0; k < l.cluster.n; k++)
        count_waiting(&l, k, 1);
    for (int left = l.cluster.n, k = 0; left > 0; left--) {
        k = first_ready(&l);
        if (k < 0) {
            refuse(&l);
            return;
        }
        l.cluster.at[k]->emitted = true;
        count_waiting(&l, k, -1);
        place_cluster(p, block, l.cluster.at[k]);
    }
}

static void place_sinks(Program *p) {
    for (int k = 0; k < p->sink.n; k++)
        if (p->sink.at[k].kind != SINK_ARRAY) {
            Stmt *s = stmt_new(p, S_SINK, p->sink.at[k].item);
            s->sink = &p->sink.at[k];
            block_add(p->body, s);
        }
}

/* The trace computes value by value and checks each as soon as it is there. */
static void place_in_order(Program *p) {
    int done = 0, next = 0;
    bool *checked = NEWN(p->ctx, bool, p->sink.n + 1);
    while (done < p->order.n) {
        int upto = done + 1;
        const Group *g = p->order.at[done]->nring ? p->order.at[done]->ring[0] : NULL;
        while (g && upto < p->order.n && in_ring(p->order.at[upto], g))
            upto++;
        place_level(p, p->body, p->order.at + done, upto - done);
        done = upto;
        for (next = 0; next < p->sink.n; next++)
            for (int k = 0; !checked[next] && p->sink.at[next].kind == SINK_CHECK && k < done; k++)
                if (p->order.at[k] == p->sink.at[next].item) {
                    Stmt *s = stmt_new(p, S_SINK, p->sink.at[next].item);
                    s->sink = &p->sink.at[next];
                    block_add(p->body, s);
                    checked[next] = true;
                }
    }
    for (int k = 0; k < p->sink.n; k++)
        if (p->sink.at[k].kind == SINK_LOSS) {
            Stmt *s = stmt_new(p, S_SINK, p->sink.at[k].item);
            s->sink = &p->sink.at[k];
            block_add(p->body, s);
        }
}

void place_items(Program *p) {
    p->body = block_new(p->ctx, NULL, NULL);
    program_order(p);
    for (int k = 0; k < p->order.n; k++)
        score_item(p, p->order.at[k]);
    find_classes(p);
    if (p->unfused) {
        place_in_order(p);
        return;
    }
    place_level(p, p->body, p->order.at, p->order.n);
    place_sinks(p);
}
