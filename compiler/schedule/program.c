/* program.c: what one emitted function has to compute.
 *
 * In: the graph and which of the functions (load, init, step, eval, output, trace) it is for. Out: a Program: copies of
 * the nodes that its results need, with OP_TRAINING folded, cut where load has stored a value already; and the sinks,
 * the places where results go. Also here: which nodes load stores, and the order in which items can be computed. */
#include "loops.h"
#include "adrt.h"

static Item *copy_node(Program *, const Node *);

static const Ex *fold_training(void *data, const Ex *e) {
    Program *p = data;
    return e->op == OP_TRAINING ? ex_bool(p->ctx, p->training) : NULL;
}

static const Ex *read_copy(void *data, const Ex *e) {
    Program *p = data;
    return is_read(e) ? ex_read(p->ctx, copy_node(p, e->node)->node, e->arg, e->op == OP_READ_IF) : NULL;
}

static void copy_read(void *data, const Ex *e) { copy_node(data, e->node); }

static Item *item_new(Program *p, const Node *n, const Node *origin) {
    Item *it = NEW(p->ctx, Item);
    Node *copy = NEW(p->ctx, Node);
    *copy = *n;
    copy->id = p->item.n;
    copy->chain = NULL;
    *it = (Item){.node = copy, .origin = origin, .home = HOME_LOCAL, .first_red = -1};
    vec_push(p->ctx, &p->item, it);
    return it;
}

/* The same value once more, to be computed elsewhere. */
Item *item_copy(Program *p, const Item *it) {
    Item *copy = item_new(p, it->node, it->origin);
    item_reads(p, copy);
    return copy;
}

/* The program's own copy of a recurrence; states are filled in by finish_groups once all of it is copied. */
static Group *copy_group(Program *p, const Group *g) {
    for (int k = 0; k < p->group.n; k++)
        if (p->group_of.at[k] == g)
            return p->group.at[k];
    Group *copy = NEW(p->ctx, Group);
    *copy = (Group){.id = p->group.n, .dir = g->dir, .axis = g->axis, .size = g->size, .name = g->name};
    vec_push(p->ctx, &p->group, copy);
    vec_push(p->ctx, &p->group_of, g);
    return copy;
}

static void leaf_home(Program *p, Item *it) {
    static const Home home[] = {[N_DATA] = HOME_DATA, [N_MASK] = HOME_MASK, [N_PARAM] = HOME_PARAM, [N_HYPER] = HOME_HYPER, [N_PREV] = HOME_PREV};
    it->leaf = true;
    it->home = home[it->node->kind];
    it->place = it->node->place;
    if (it->node->kind == N_PREV)
        it->node->group = copy_group(p, it->node->group);
}

static Item *copy_node(Program *p, const Node *n) {
    if (p->copy[n->id])
        return p->copy[n->id];
    Item *it = p->copy[n->id] = item_new(p, n, n);
    int slot = p->kind == RUN_LOAD ? -1 : p->loops->slot_of[n->id];
    if (slot >= 0) {
        it->leaf = true;
        it->home = HOME_LOAD;
        it->place = slot;
    } else if (is_leaf(n)) {
        leaf_home(p, it);
    } else if (n->kind == N_OPAQUE) {
        Item *input = copy_node(p, n->input);
        it->keep = input->keep = true;
        it->node->input = input->node;
    } else {
        node_rewrite(p->ctx, it->node, fold_training, p);
        node_reads(it->node, copy_read, p);
        node_rewrite(p->ctx, it->node, read_copy, p);
    }
    return it;
}

static void finish_groups(Program *p) {
    for (bool again = true; again; ) {
        again = false;
        for (int k = 0; k < p->group.n; k++) {
            const Group *from = p->group_of.at[k];
            Group *to = p->group.at[k];
            for (int s = 0; s < from->states.n; s++) {
                Item *prev = p->copy[from->states.at[s].prev->id];
                if (!prev || prev->prev)
                    continue;
                prev->prev = copy_node(p, from->states.at[s].state);
                prev->first = copy_node(p, from->states.at[s].init);
                prev->prev->keep = prev->first->keep = true;
                vec_push(p->ctx, &to->states, ((State){prev->node, prev->prev->node, prev->first->node}));
                again = true;
            }
        }
    }
}

static const Ex *const *all_axes(Ctx *ctx, int rank) {
    const Ex **index = NEWN(ctx, const Ex *, rank + 1);
    for (int a = 0; a < rank; a++)
        index[a] = ex_var(ctx, a);
    return index;
}

Item *program_compute(Program *p, int rank, const Axis *axis, const Ex *body, const char *name, Span span) {
    Node n = {.kind = N_COMPUTE, .type = body->type, .rank = rank, .body = body, .name = name, .span = span};
    for (int a = 0; a < rank; a++)
        n.axis[a] = axis[a];
    return item_new(p, &n, NULL);
}

/* ---------------------------------------------------------------- sinks */

static void sink(Program *p, SinkKind kind, Home home, int place, Item *it, Span span, const char *name) {
    it->keep = true;
    vec_push(p->ctx, &p->sink, ((Sink){kind, home, place, it, span, name}));
}

static void sink_scalar(Program *p, SinkKind kind, Home home, int place, const Node *n, Span span, const char *name) {
    sink(p, kind, home, place, copy_node(p, n), span, name);
}

/* Its storage may have its axes in another order. */
static bool of_inner_recurrence(const Program *p, const Node *n) {
    for (int g = 0; g < p->graph->group.n; g++)
        for (int s = 0; s < p->graph->group.at[g]->states.n; s++)
            if (p->graph->group.at[g]->states.at[s].state == n && p->graph->group.at[g]->axis > 0)
                return true;
    return false;
}

/* An array result is computed where it goes; a second one of the same node, or one of a leaf, is a copy. */
static void sink_array(Program *p, Home home, int place, const Node *n, int rank, const Axis *axis, Span span, const char *name) {
    Item *it = copy_node(p, n);
    if (rank == 0) {
        sink(p, SINK_SCALAR, home, place, it, span, name);
        return;
    }
    if (it->leaf || it->home != HOME_LOCAL || n->rank != rank || of_inner_recurrence(p, n))
        it = program_compute(p, rank, axis, ex_read(p->ctx, it->node, all_axes(p->ctx, n->rank), false), name, span);
    it->home = home;
    it->place = place;
    sink(p, SINK_ARRAY, home, place, it, span, name);
}

static const Ex *program_ex(Program *p, const Ex *e) {
    Node n = {.kind = N_COMPUTE, .type = e->type, .body = e};
    node_rewrite(p->ctx, &n, fold_training, p);
    node_reads(&n, copy_read, p);
    node_rewrite(p->ctx, &n, read_copy, p);
    return n.body;
}

/* A gradient that is rows: its scatters add to it where it stands. */
static void sinks_of_rows(Program *p, int param) {
    const Sparse *s = &p->loops->sparse[param];
    const ParamDecl *d = &p->graph->params.at[param];
    for (int k = 0; k < s->term.n; k++) {
        Item *it = copy_node(p, s->term.at[k]);
        it->home = HOME_GRAD;
        it->place = param;
        it->onto = true;
        sink(p, SINK_ARRAY, HOME_GRAD, param, it, d->node->span, d->grad->name);
    }
    for (int k = 0; k < p->loops->rows.n; k++) {
        const Rows *list = &p->loops->rows.at[k];
        if (list->param != param)
            continue;
        const char *name = arena_printf(p->ctx->arena, "%s_rows", d->name);
        Item *it = program_compute(p, list->rank, list->axis, program_ex(p, list->row), name, list->span);
        it->home = list->rank ? HOME_ROWS : HOME_LOCAL;
        it->place = k;
        it->node->adjoint_of = d->node;
        sink(p, list->rank ? SINK_ARRAY : SINK_SCALAR, HOME_ROWS, k, it, list->span, name);
    }
}

static void sinks_of_gradients(Program *p) {
    for (int k = 0; k < p->graph->params.n; k++) {
        const ParamDecl *d = &p->graph->params.at[k];
        const Node *n = d->running ? d->running : d->grad;
        if (p->loops->sparse[k].term.n)
            sinks_of_rows(p, k);
        else if (n && (d->running || !d->frozen))
            sink_array(p, HOME_GRAD, k, n, n->rank, n->axis, d->node->span, n->name);
    }
}

static void sinks_of_init(Program *p) {
    for (int k = 0; k < p->graph->params.n; k++) {
        const ParamDecl *d = &p->graph->params.at[k];
        if (d->fill && d->init == AD_INIT_FILL)
            sink_array(p, HOME_PARAM, k, d->fill, d->node->rank, d->node->axis, d->node->span, d->name);
        for (int j = 0; j < 4; j++) {
            const Ex *e = j < 2 ? d->draw[j] : d->bound[j - 2];
            if (!e)
                continue;
            const char *name = arena_printf(p->ctx->arena, "%s_%s", d->name, (const char *[]){"a", "b", "lo", "hi"}[j]);
            sink(p, SINK_DRAW, HOME_LOCAL, 4 * k + j, program_compute(p, 0, NULL, program_ex(p, e), name, d->node->span), d->node->span, name);
        }
    }
}

static void sinks_of_asserts(Program *p) {
    for (int k = 0; k < p->graph->asserts.n; k++) {
        const Root *r = &p->graph->asserts.at[k];
        bool at_load = p->loops->stage[r->node->id] <= STAGE_LOAD;
        if (at_load == (p->kind == RUN_LOAD))
            sink_scalar(p, SINK_ASSERT, HOME_LOCAL, k, r->node, r->span, r->name);
    }
}

static void sinks_of_losses(Program *p) {
    for (int k = 0; k < p->graph->losses.n; k++) {
        const Root *r = &p->graph->losses.at[k];
        sink_scalar(p, SINK_LOSS, HOME_LOCAL, k, r->node, r->span, r->name);
    }
}

static void sink_checked(Program *p, int place, const Root *r) {
    if (!r->node || r->node->type != T_REAL || is_leaf(r->node))
        return;
    Item *it = copy_node(p, r->node);
    it->traced = true;
    sink(p, SINK_CHECK, HOME_LOCAL, place, it, r->span, r->name);
}

/* Every let in order, then the losses. */
static void sinks_of_trace(Program *p) {
    for (int k = 0; k < p->graph->lets.n; k++)
        sink_checked(p, k, &p->graph->lets.at[k]);
    for (int k = 0; k < p->graph->losses.n; k++)
        sink_checked(p, p->graph->lets.n + k, &p->graph->losses.at[k]);
}

static void sinks(Program *p) {
    const Graph *g = p->graph;
    switch (p->kind) {
    case RUN_LOAD:
        for (int k = 0; k < p->loops->slot.n; k++) {
            const Node *n = p->loops->slot.at[k];
            sink_array(p, HOME_LOAD, k, n, n->rank, n->axis, n->span, n->name);
        }
        sinks_of_asserts(p);
        break;
    case RUN_INIT:
        sinks_of_init(p);
        break;
    case RUN_STEP:
        sinks_of_asserts(p);
        sinks_of_losses(p);
        sinks_of_gradients(p);
        break;
    case RUN_EVAL:
        sinks_of_asserts(p);
        sinks_of_losses(p);
        for (int k = 0; k < g->metrics.n; k++)
            sink_scalar(p, SINK_METRIC, HOME_LOCAL, k, g->metrics.at[k].node, g->metrics.at[k].span, g->metrics.at[k].name);
        break;
    case RUN_OUTPUT:
        for (int k = 0; k < g->outputs.n; k++) {
            const Node *n = g->outputs.at[k].node;
            sink_array(p, HOME_OUTPUT, k, n, n->rank, n->axis, g->outputs.at[k].span, g->outputs.at[k].name);
        }
        break;
    case RUN_TRACE:
        sinks_of_trace(p);
        break;
    case RUN_JACOBIAN:                              /* behind the model's own outputs, see adrt.h */
        if (g->residual) {
            sink_array(p, HOME_OUTPUT, g->outputs.n, g->residual, 1, g->residual->axis, g->residual->span, "residual");
            sink_array(p, HOME_OUTPUT, g->outputs.n + 1, g->jacobian, 2, g->jacobian->axis, g->residual->span, "jacobian");
        }
        break;
    case RUNS:
        break;
    }
}

bool has_run(const Graph *g, RunKind kind) { return kind != RUN_JACOBIAN || g->jacobian; }

/* ---------------------------------------------------------------- what load stores */

typedef struct { Ctx *ctx; Loops *loops; bool *seen; } Storing;

static void store_at_load(Storing *, const Node *);
static void store_read(void *data, const Ex *e) { store_at_load(data, e->node); }

/* With a state the others of its recurrence: who wants one of those later must not run half of it. */
static void store_states(Storing *s, const Node *n) {
    const Graph *g = s->loops->graph;
    for (int k = 0; k < g->group.n; k++) {
        bool member = false;
        for (int j = 0; j < g->group.at[k]->states.n; j++)
            member |= g->group.at[k]->states.at[j].state == n;
        for (int j = 0; member && j < g->group.at[k]->states.n; j++)
            store_at_load(s, g->group.at[k]->states.at[j].state);
    }
}

/* Stored: every function of data alone that costs more to compute again than to read. */
static void store_at_load(Storing *s, const Node *n) {
    if (!n || s->seen[n->id])
        return;
    s->seen[n->id] = true;
    bool cheap = n->kind == N_COMPUTE && n->reduce == R_NONE && ex_cost(n->body) <= 2;
    if (s->loops->stage[n->id] == STAGE_LOAD && !is_leaf(n) && !cheap) {
        s->loops->slot_of[n->id] = s->loops->slot.n;
        vec_push(s->ctx, &s->loops->slot, n);
        store_states(s, n);
        return;
    }
    if (n->kind == N_PREV) {
        store_at_load(s, n->group->states.at[n->place].state);
        store_at_load(s, n->group->states.at[n->place].init);
    }
    if (n->kind == N_OPAQUE)
        store_at_load(s, n->input);
    node_reads(n, store_read, s);
}

void choose_slots(Ctx *ctx, Loops *l) {
    const Graph *g = l->graph;
    Storing s = {ctx, l, NEWN(ctx, bool, g->node.n + 1)};
    l->slot_of = NEWN(ctx, int, g->node.n + 1);
    for (int k = 0; k < g->node.n; k++)
        l->slot_of[k] = -1;
    for (int k = 0; k < g->losses.n; k++)
        store_at_load(&s, g->losses.at[k].node);
    for (int k = 0; k < g->params.n; k++)
        store_at_load(&s, g->params.at[k].grad);
    for (int k = 0; k < g->metrics.n; k++)
        store_at_load(&s, g->metrics.at[k].node);
    store_at_load(&s, g->jacobian);
    store_at_load(&s, g->residual);
    for (int k = 0; k < g->asserts.n; k++)
        if (l->stage[g->asserts.at[k].node->id] > STAGE_LOAD)
            store_at_load(&s, g->asserts.at[k].node);
}

/* ---------------------------------------------------------------- reads, pruning, order */

Item *read_item(const Program *p, const Ex *read) { return p->item.at[read->node->id]; }

typedef struct { Program *p; Item *it; } Collect;
static void collect_read(void *data, const Ex *e) {
    Collect *c = data;
    for (int k = 0; k < c->it->read.n; k++)
        if (c->it->read.at[k] == e)
            return;
    vec_push(c->p->ctx, &c->it->read, e);
}

void item_reads(Program *p, Item *it) {
    it->read.n = 0;
    if (it->leaf)
        return;
    node_reads(it->node, collect_read, &(Collect){p, it});
}

static void need(Program *p, Item *it) {
    if (!it->dead)
        return;
    it->dead = false;
    for (int k = 0; k < it->read.n; k++)
        need(p, read_item(p, it->read.at[k]));
    if (it->node->kind == N_OPAQUE && !it->leaf)
        need(p, p->item.at[it->node->input->id]);
    if (it->node->kind == N_PREV) {
        need(p, it->prev);
        need(p, it->first);
    }
}

void program_prune(Program *p) {
    for (int k = 0; k < p->item.n; k++)
        p->item.at[k]->dead = true;
    for (int k = 0; k < p->sink.n; k++)
        need(p, p->sink.at[k].item);
}

/* Depth first, in the model's own order; the members of a recurrence come together, after all that any of them needs;
 * among them the same goes for a recurrence inside it. */
typedef struct { Program *p; bool *done, *begun; } Sorting;     /* by item; by group */

static void sort_item(Sorting *, Item *, int level);

static void sort_needs(Sorting *s, Item *it, const Group *but, int level) {
    for (int k = 0; k < it->read.n; k++) {
        Item *from = read_item(s->p, it->read.at[k]);
        Item *wanted[2] = {from, NULL};
        if (from->node->kind == N_PREV) {
            wanted[0] = from->first;
            wanted[1] = in_ring(it, from->node->group) ? NULL : from->prev;
        }
        for (int i = 0; i < 2; i++)
            if (wanted[i] && (!but || !in_ring(wanted[i], but)))
                sort_item(s, wanted[i], level);
    }
    if (it->node->kind == N_OPAQUE && !it->leaf)
        sort_item(s, s->p->item.at[it->node->input->id], level);
}

static void sort_item(Sorting *s, Item *it, int level) {
    const Group *g = it->nring > level ? it->ring[level] : NULL;
    if (it->leaf || it->dead || s->done[it->node->id] || (g && s->begun[g->id]))
        return;
    if (!g) {
        s->done[it->node->id] = true;
        sort_needs(s, it, NULL, level);
        vec_push(s->p->ctx, &s->p->order, it);
        return;
    }
    s->begun[g->id] = true;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < s->p->item.n; k++) {
            Item *member = s->p->item.at[k];
            if (member->dead || !in_ring(member, g))
                continue;
            if (pass == 0)
                sort_needs(s, member, g, level);
            else
                sort_item(s, member, level + 1);
        }
}

void program_order(Program *p) {
    Sorting s = {p, NEWN(p->ctx, bool, p->item.n + 1), NEWN(p->ctx, bool, p->group.n + 1)};
    p->order.n = 0;
    for (int k = 0; p->unfused && k < p->sink.n; k++)
        sort_item(&s, p->sink.at[k].item, 0);
    for (int k = 0; k < p->graph->node.n; k++)
        if (p->copy[k])
            sort_item(&s, p->copy[k], 0);
    for (int k = 0; k < p->item.n; k++)
        sort_item(&s, p->item.at[k], 0);
}

/* What the model does not name is named after its first reader: what logits adds its bias to is logits_sum. */
static void name_unnamed(Program *p) {
    static const char *const part[] = {"part", "sum", "prod", "max", "min", "argmax", "argmin", "any", "all"};
    for (int k = 0; k < p->item.n; k++) {
        Item *it = p->item.at[k];
        const Node *of = it->node->adjoint_of;
        if (!it->node->name && !it->leaf && of && of->name)
            it->node->name = arena_printf(p->ctx->arena, "d%s", of->name);
    }
    for (int k = 0; k < p->item.n; k++)
        for (int r = 0; r < p->item.at[k]->read.n; r++) {
            Node *from = read_item(p, p->item.at[k]->read.at[r])->node;
            const char *name = p->item.at[k]->node->name;
            if (name && !from->name && !is_leaf(from))
                from->name = arena_printf(p->ctx->arena, "%s_%s", name, part[from->reduce]);
        }
}

Program *program_new(Ctx *ctx, Loops *loops, RunKind kind) {
    Program *p = NEW(ctx, Program);
    *p = (Program){.ctx = ctx, .graph = loops->graph, .loops = loops, .kind = kind};
    p->training = kind == RUN_STEP || kind == RUN_TRACE || kind == RUN_JACOBIAN;
    p->unfused = kind == RUN_TRACE;
    p->copy = NEWN(ctx, Item *, loops->graph->node.n + 1);
    sinks(p);
    finish_groups(p);
    for (int k = 0; k < p->item.n; k++)
        item_reads(p, p->item.at[k]);
    program_prune(p);
    name_unnamed(p);
    return p;
}
