/* common.c: costly parts that several items have in common become items of their own.
 *
 * A value and its derivative often call the same function of the same thing, in loops that cannot be one:
 *
 *     z[i] = sum[j] exp(x[i, j] - m[i])        d[i, j] = exp(x[i, j] - m[i]) / z[i] * ...
 *
 * Two parts are the same when they are equal after their index variables are numbered in the order in which they occur,
 * and these run over the same ranges. Only parts that are valid everywhere are taken (not has_guarded). */
#include "loops.h"
#include <stdlib.h>

enum { ROUNDS = 100, WORTH = 8 };

typedef struct { Program *p; Item *it; const Ex *e; const Ex *shape; int rank, var[MAX_INDEX]; } Part;
typedef struct { Program *p; Item *it; VEC(Part) part; } Parts;

/* ---------------------------------------------------------------- canonical form */

static void number_vars(const Ex *e, Part *part) {
    if (!e->has_var)
        return;
    if (e->op == OP_VAR) {
        for (int k = 0; k < part->rank; k++)
            if (part->var[k] == e->var)
                return;
        if (part->rank < MAX_INDEX)
            part->var[part->rank++] = e->var;
        return;
    }
    for (int k = 0; k < e->nargs; k++)
        number_vars(e->arg[k], part);
}

static const Ex *numbered(void *data, int var) {
    const Part *part = data;
    for (int k = 0; k < part->rank; k++)
        if (part->var[k] == var)
            return ex_var(part->p->ctx, k);
    return NULL;
}

/* The size of the full range that an index runs over, or NULL. */
static const Ex *range_size(const Item *it, int var) {
    const Node *n = it->node;
    if (var < n->rank)
        return n->kind == N_SCATTER ? NULL : n->axis[var].size;
    const Ex *lo = n->red[var - n->rank].lo, *hi = n->red[var - n->rank].hi;
    return ex_is_number(lo, 0) && !hi->has_var && !hi->has_read ? hi : NULL;
}

static bool same_part(const Part *a, const Part *b) {
    if (a->shape != b->shape || a->rank != b->rank)
        return false;
    for (int k = 0; k < a->rank; k++)
        if (range_size(a->it, a->var[k]) != range_size(b->it, b->var[k]))
            return false;
    return true;
}

/* ---------------------------------------------------------------- search */

static void note_part(void *data, const Ex *e) {
    Parts *all = data;
    Part part = {.p = all->p, .it = all->it, .e = e};
    if (!op_has(e->op, P_COSTLY) || e->type != T_REAL || e->has_guarded || !e->has_var)
        return;
    number_vars(e, &part);
    if (part.rank > MAX_RANK)
        return;
    for (int k = 0; k < part.rank; k++)
        if (!range_size(all->it, part.var[k]))
            return;
    part.shape = ex_map_vars(all->p->ctx, e, numbered, &part, false);
    vec_push(all->p->ctx, &all->part, part);
}

/* The dearest part that two items have. */
static bool find(const Parts *all, Part *found) {
    int best = 0;
    for (int k = 0; k < all->part.n; k++) {
        const Part *a = &all->part.at[k];
        int cost = ex_cost(all->p->ctx, a->e);
        if (cost <= best || cost < WORTH)
            continue;
        for (int j = k + 1; j < all->part.n; j++)
            if (all->part.at[j].it != a->it && same_part(a, &all->part.at[j])) {
                best = cost;
                *found = *a;
                break;
            }
    }
    return best > 0;
}

/* ---------------------------------------------------------------- replacement */

typedef struct { Part *one; Item *in; Item *made; const Ex **done; } Replace;      /* done: by expression id */

static const Ex *read_instead(const Replace *r, const Ex *e) {
    Program *p = r->one->p;
    Part part = {.p = p, .it = r->in, .e = e};
    const Ex *index[MAX_INDEX];
    if (e->op != r->one->e->op || e->has_guarded || !e->has_var)
        return NULL;
    number_vars(e, &part);
    for (int k = 0; k < part.rank; k++)
        if (!range_size(r->in, part.var[k]))
            return NULL;
    part.shape = ex_map_vars(p->ctx, e, numbered, &part, false);
    if (!same_part(&part, r->one))
        return NULL;
    for (int k = 0; k < part.rank; k++)
        index[k] = ex_var(p->ctx, part.var[k]);
    return ex_read(p->ctx, r->made->node, index, false);
}

static const Ex *replace(Replace *r, const Ex *e) {
    const Ex *arg[MAX_RANK + 3];
    bool changed = false;
    if (r->done[e->id])
        return r->done[e->id];
    const Ex *made = read_instead(r, e);
    for (int k = 0; !made && k < e->nargs; k++) {
        arg[k] = replace(r, e->arg[k]);
        changed |= arg[k] != e->arg[k];
    }
    made = made ? made : changed ? ex_with_args(r->one->p->ctx, e, arg) : e;
    return r->done[e->id] = made;
}

static void replace_in(Part *one, Item *it, Item *made) {
    const Ex **done = calloc((size_t)it->node->body->id + 1, sizeof *done);
    if (!done)
        abort();
    it->node->body = replace(&(Replace){one, it, made, done}, it->node->body);
    free(done);
    item_reads(one->p, it);
}

static void make_item(Program *p, Part *one) {
    Axis axis[MAX_INDEX];
    for (int k = 0; k < one->rank; k++) {
        const Node *n = one->it->node;
        int v = one->var[k];
        axis[k] = v < n->rank ? n->axis[v] : (Axis){range_size(one->it, v), NULL, n->red[v - n->rank].name};
    }
    Item *made = program_compute(p, one->rank, axis, one->shape, op_name(one->shape->op), one->it->node->span);
    made->node->adjoint_of = one->it->node->adjoint_of;
    made->keep = true;
    for (int k = 0; k < p->item.n - 1; k++) {
        Item *it = p->item.at[k];
        if (it->dead || it->leaf || it->member || it->node->kind == N_OPAQUE)
            continue;
        replace_in(one, it, made);
    }
    item_reads(p, made);
}

void share_parts(Program *p) {
    for (int round = 0; round < ROUNDS && !p->unfused; round++) {
        Parts all = {.p = p};
        Part one;
        for (int k = 0; k < p->item.n; k++) {
            all.it = p->item.at[k];
            if (!all.it->dead && !all.it->leaf && !all.it->member && all.it->node->kind != N_OPAQUE)
                ex_visit(p->ctx, all.it->node->body, note_part, &all);
        }
        if (!find(&all, &one))
            break;
        make_item(p, &one);
    }
    program_prune(p);
}
