/* graph.c: nodes.
 *
 * In: expressions over any variables. Out: nodes in canonical form, in which variable k is the node's k-th index, so that
 * equal nodes are found by a hash and shared. A graph is an array in dependency order: an operand's id is smaller than
 * its user's, but for PREV, the leaf of a recurrence, whose state comes later and is named in its Group. */
#include "adc.h"
#include <ctype.h>
#include <string.h>

enum { TABLE = (int)(sizeof((Graph *)0)->table / sizeof(Node *)) };

Graph *graph_new(Ctx *ctx) {
    Graph *g = NEW(ctx, Graph);
    g->precision = 32;
    return g;
}

static Node *append(Ctx *ctx, Graph *g, Node *n) {
    n->id = g->node.n;
    n->swept = g->sweeping;
    vec_push(ctx, &g->node, n);
    return n;
}

bool is_leaf(const Node *n) { return n->kind != N_COMPUTE && n->kind != N_SCATTER && n->kind != N_OPAQUE; }
int element_bytes(const Graph *g, Type t) { return t == T_BOOL ? 1 : t == T_REAL && g->precision == 32 ? 4 : 8; }

Node *whole_scatter(const Node *n, const Ex *e) {
    if (e->op != OP_READ || e->node->kind != N_SCATTER || e->nargs != n->rank)
        return NULL;
    for (int a = 0; a < e->nargs; a++)
        if (e->arg[a]->op != OP_VAR || e->arg[a]->var != a)
            return NULL;
    return e->node;
}

/* ---------------------------------------------------------------- index letters */

static bool letter_taken(const Node *n, const char *name, int upto) {
    for (int k = 0; k < upto; k++) {
        const char *other = k < n->rank ? n->axis[k].name : n->red[k - n->rank].name;
        if (other && strcmp(other, name) == 0)
            return true;
    }
    return false;
}

/* A letter for index k: the model's own, else the first of its dim, else the next free one. */
static const char *letter(Ctx *ctx, const Node *n, int k, const char *wanted, const Dim *dim) {
    if (wanted && !letter_taken(n, wanted, k))
        return wanted;
    char first = dim ? (char)tolower((unsigned char)dim->name[0]) : 'i';
    for (int c = 0; c < 26; c++) {
        char *name = arena_printf(ctx->arena, "%c", 'a' + (first - 'a' + c + 26) % 26);
        if (!letter_taken(n, name, k))
            return name;
    }
    return arena_printf(ctx->arena, "i%d", k);
}

static void name_indices(Ctx *ctx, Node *n) {
    for (int k = 0; k < n->rank; k++)
        n->axis[k].name = letter(ctx, n, k, n->axis[k].name, n->axis[k].dim);
    for (int k = 0; k < n->nred; k++)
        n->red[k].name = letter(ctx, n, n->rank + k, n->red[k].name, NULL);
}

/* ---------------------------------------------------------------- construction */

typedef struct { Ctx *ctx; int from[2 * MAX_RANK], n; } Renaming;

static const Ex *renamed(void *data, int var) {
    Renaming *r = data;
    for (int k = 0; k < r->n; k++)
        if (r->from[k] == var)
            return ex_var(r->ctx, k);
    bug(r->ctx, "a node uses the index variable %d, which it does not bind", var);
}

static void copy_axes(Node *n, const Axis *axis, int rank) {
    for (int k = 0; k < rank; k++)
        n->axis[k] = axis[k];
}

static const Ex *rename_ex(Renaming *r, const Ex *e) { return ex_map_vars(r->ctx, e, renamed, r, false); }

static uint64_t node_hash(const Node *n) {
    uint64_t h = (uint64_t)n->kind * 31 + (uint64_t)n->reduce * 7 + (uint64_t)n->let * 1000003u + (uint64_t)n->type;
#define MIX(x) (h = (h ^ (uint64_t)(x)) * 0x9e3779b97f4a7c15u, h ^= h >> 29)
    for (int k = 0; k < n->rank; k++)
        MIX(n->axis[k].size->id);
    for (int k = 0; k < n->nred; k++) {
        MIX(n->red[k].lo->id);
        MIX(n->red[k].hi->id);
    }
    for (int k = 0; n->kind == N_SCATTER && k < n->rank; k++)
        MIX(n->target[k]->id);
    MIX(n->body ? n->body->id : 0);
    MIX(n->arg ? n->arg->id : 0);
    MIX(n->input ? n->input->id + 1 : 0);
    MIX(n->k ? n->k->id : 0);
    MIX(n->opaque);
#undef MIX
    return h;
}

static bool same_node(const Node *a, const Node *b) {
    if (a->hash != b->hash || a->kind != b->kind || a->reduce != b->reduce || a->rank != b->rank || a->nred != b->nred
        || a->body != b->body || a->arg != b->arg || a->let != b->let || a->input != b->input || a->k != b->k
        || a->opaque != b->opaque || a->type != b->type || a->stop != b->stop || a->vjp != b->vjp)
        return false;
    for (int k = 0; k < a->rank; k++)
        if (a->axis[k].size != b->axis[k].size || a->target[k] != b->target[k])
            return false;
    for (int k = 0; k < a->nred; k++)
        if (a->red[k].lo != b->red[k].lo || a->red[k].hi != b->red[k].hi)
            return false;
    return true;
}

/* The equal node that is there already, or this one. */
static Node *unique(Ctx *ctx, Graph *g, Node *n) {
    n->hash = node_hash(n);
    Node **slot = &g->table[n->hash % (uint64_t)TABLE];
    for (Node *old = *slot; old; old = old->chain)
        if (same_node(old, n)) {
            old->swept |= g->sweeping;
            return old;
        }
    n->chain = *slot;
    *slot = n;
    return append(ctx, g, n);
}

static int node_ranges(const Node *n, Range *range) {
    int k = 0;
    for (; n->kind != N_SCATTER && k < n->rank; k++)
        range[k] = (Range){k, NULL, n->axis[k].size};
    for (int r = 0; r < n->nred; r++)
        range[k++] = (Range){n->rank + r, n->red[r].lo, n->red[r].hi};
    return k;
}

/* Bounds of an int node's values, so that it can index without a check. */
static void find_bounds(Ctx *ctx, Node *n) {
    const Ex *value = n->reduce == R_ARGMAX || n->reduce == R_ARGMIN ? n->arg
                    : n->reduce == R_NONE || n->reduce == R_MAX || n->reduce == R_MIN ? n->body : NULL;
    if (n->type != T_INT || !value || value->type != T_INT || n->kind != N_COMPUTE)
        return;
    Range range[2 * MAX_RANK];
    Facts facts = {.range = range, .nranges = node_ranges(n, range)};
    for (int k = 0; k < facts.nranges; k++)
        if (!range[k].lo)
            range[k].lo = ex_int(ctx, 0);
    n->vmin = lower_bound(ctx, value, &facts);
    n->vmax = upper_bound(ctx, value, &facts);
}

Node *node_leaf(Ctx *ctx, Graph *g, NodeKind kind, Type type, int rank, const Axis *axis, int place, const char *name, Span span) {
    Node *n = NEW(ctx, Node);
    *n = (Node){.kind = kind, .type = type, .rank = rank, .place = place, .name = name, .span = span};
    copy_axes(n, axis, rank);
    name_indices(ctx, n);
    return append(ctx, g, n);
}

static Type reduced_type(Reduce reduce, const Ex *body) {
    if (reduce == R_ARGMAX || reduce == R_ARGMIN)
        return T_INT;
    return reduce == R_ANY || reduce == R_ALL ? T_BOOL : body->type;
}

Node *node_compute(Ctx *ctx, Graph *g, int rank, const Axis *axis, const int *axis_var, int nred, const Index *red,
                   Reduce reduce, const Ex *body, const Ex *arg, const char *name, Span span, int let) {
    if (rank > MAX_RANK || nred > MAX_RANK)
        bug(ctx, "a node of rank %d with %d reductions", rank, nred);
    Node *n = NEW(ctx, Node);
    Renaming r = {.ctx = ctx, .n = rank + nred};
    for (int k = 0; k < rank; k++)
        r.from[k] = axis_var[k];
    for (int k = 0; k < nred; k++)
        r.from[rank + k] = red[k].var;
    *n = (Node){.kind = N_COMPUTE, .rank = rank, .nred = nred, .reduce = reduce, .name = name, .span = span,
                .type = reduced_type(reduce, body), .let = let};
    copy_axes(n, axis, rank);
    for (int k = 0; k < nred; k++) {
        n->red[k].lo = rename_ex(&r, red[k].lo);
        n->red[k].hi = rename_ex(&r, red[k].hi);
        n->red[k].name = red[k].name;
    }
    n->body = rename_ex(&r, body);
    n->arg = arg ? rename_ex(&r, arg) : NULL;
    name_indices(ctx, n);
    Node *made = unique(ctx, g, n);
    if (made == n)
        find_bounds(ctx, n);
    return made;
}

Node *node_scatter(Ctx *ctx, Graph *g, int rank, const Axis *axis, int nred, const Index *red, const Ex *const *target,
                   const Ex *body, const char *name, Span span) {
    Node *n = NEW(ctx, Node);
    Renaming r = {.ctx = ctx, .n = rank + nred};
    for (int k = 0; k < rank; k++)
        r.from[k] = -1;
    for (int k = 0; k < nred; k++)
        r.from[rank + k] = red[k].var;
    *n = (Node){.kind = N_SCATTER, .rank = rank, .nred = nred, .reduce = R_SUM, .name = name, .span = span, .type = body->type};
    copy_axes(n, axis, rank);
    for (int k = 0; k < nred; k++) {
        n->red[k].lo = rename_ex(&r, red[k].lo);
        n->red[k].hi = rename_ex(&r, red[k].hi);
        n->red[k].name = red[k].name;
    }
    for (int k = 0; k < rank; k++)
        n->target[k] = ex_only_index(ctx, rename_ex(&r, target[k]), axis[k].size);
    n->body = rename_ex(&r, body);
    name_indices(ctx, n);
    return unique(ctx, g, n);
}

Node *node_opaque(Ctx *ctx, Graph *g, Opaque op, Node *input, const Ex *k, int rank, const Axis *axis, const char *name, Span span) {
    Node *n = NEW(ctx, Node);
    *n = (Node){.kind = N_OPAQUE, .type = T_REAL, .rank = rank, .opaque = op, .input = input, .k = k, .name = name, .span = span};
    copy_axes(n, axis, rank);
    name_indices(ctx, n);
    return unique(ctx, g, n);
}

Group *group_new(Ctx *ctx, Graph *g, int dir, int axis, const Ex *size, const char *name) {
    Group *group = NEW(ctx, Group);
    *group = (Group){.id = g->group.n, .dir = dir, .axis = axis, .size = size, .name = name};
    vec_push(ctx, &g->group, group);
    return group;
}

Node *node_prev(Ctx *ctx, Graph *g, Group *group, Type type, int rank, const Axis *axis, Node *init, const char *name, Span span) {
    Node *n = node_leaf(ctx, g, N_PREV, type, rank, axis, group->states.n, name, span);
    n->group = group;
    vec_push(ctx, &group->states, ((State){.prev = n, .init = init}));
    return n;
}

/* ---------------------------------------------------------------- reads */

typedef struct { void (*visit)(void *, const Ex *); void *data; } Reader;
static void only_reads(void *data, const Ex *e) {
    Reader *r = data;
    if (is_read(e))
        r->visit(r->data, e);
}

static void reads_of(const Ex *e, Reader *r) {
    if (e && e->has_read)
        ex_visit(e, only_reads, r);
}

void node_reads(const Node *n, void (*visit)(void *, const Ex *), void *data) {
    Reader r = {visit, data};
    reads_of(n->body, &r);
    reads_of(n->arg, &r);
    reads_of(n->k, &r);
    for (int k = 0; k < n->nred; k++) {
        reads_of(n->red[k].lo, &r);
        reads_of(n->red[k].hi, &r);
    }
    for (int k = 0; n->kind == N_SCATTER && k < n->rank; k++)
        reads_of(n->target[k], &r);
}

/* ---------------------------------------------------------------- printing */

static const char *const reduce_name[] = {"", "sum", "prod", "max", "min", "argmax", "argmin", "any", "all"};
static const char *const opaque_name[] = {"lowrank", "pca", "svdvals", "quantile"};
static const char *const leaf_name[] = {"data", "mask", "param", "hyper", "prev"};

static void print_ranges(Ctx *ctx, const Node *n, Str *out) {
    str_add(out, "[");
    for (int k = 0; k < n->nred; k++) {
        str_add(out, "%s%s in ", k ? ", " : "", n->red[k].name);
        if (!ex_is_number(n->red[k].lo, 0)) {
            ex_print(ctx, n->red[k].lo, n, out);
            str_add(out, ":");
        }
        ex_print(ctx, n->red[k].hi, n, out);
    }
    str_add(out, "] ");
}

void node_print(Ctx *ctx, const Node *n, Str *out) {
    str_add(out, "%%%d", n->id);
    if (n->name) {
        str_add(out, " ");
        print_node_name(n, out);
    }
    for (int k = 0; k < n->rank; k++) {
        str_add(out, "%s%s in ", k ? ", " : "[", n->axis[k].name);
        ex_print(ctx, n->axis[k].size, NULL, out);
    }
    str_add(out, n->rank ? "] = " : " = ");
    if (n->kind == N_PREV) {
        State s = n->group->states.at[n->place];
        str_add(out, "prev(%%%d) in group %d %s", s.state ? s.state->id : -1, n->group->id, n->group->dir > 0 ? "up" : "down");
        if (s.init)
            str_add(out, " from %%%d", s.init->id);
    } else if (n->kind == N_OPAQUE) {
        str_add(out, "%s(%%%d", opaque_name[n->opaque], n->input->id);
        if (n->k) {
            str_add(out, ", ");
            ex_print(ctx, n->k, NULL, out);
        }
        str_add(out, ")");
    } else if (is_leaf(n)) {
        str_add(out, "%s", leaf_name[n->kind]);
    } else {
        if (n->kind == N_SCATTER) {
            str_add(out, "scatter");
            for (int k = 0; k < n->rank; k++) {
                str_add(out, k ? ", " : "[");
                ex_print(ctx, n->target[k], n, out);
            }
            str_add(out, n->rank ? "] " : " ");
        }
        if (n->reduce != R_NONE) {
            str_add(out, "%s", reduce_name[n->reduce]);
            print_ranges(ctx, n, out);
        }
        ex_print(ctx, n->body, n, out);
        if (n->arg) {
            str_add(out, " at ");
            ex_print(ctx, n->arg, n, out);
        }
    }
    if (n->span.end > n->span.begin)
        str_add(out, "        ; %s:%d", ctx->source.at[n->span.file].name, span_line(ctx, n->span));
    str_add(out, "\n");
}

static void print_root(const char *what, const char *name, const Node *n, Str *out) {
    if (n)
        str_add(out, "%s %s = %%%d\n", what, name ? name : "", n->id);
}

void graph_print(Ctx *ctx, const Graph *g, FILE *file) {
    Str out = {0};
    for (int k = 0; k < g->node.n; k++)
        node_print(ctx, g->node.at[k], &out);
    for (int k = 0; k < g->losses.n; k++)
        print_root("loss", g->losses.at[k].name, g->losses.at[k].node, &out);
    for (int k = 0; k < g->params.n; k++)
        print_root("grad", g->params.at[k].name, g->params.at[k].grad, &out);
    for (int k = 0; k < g->metrics.n; k++)
        print_root("metric", g->metrics.at[k].name, g->metrics.at[k].node, &out);
    for (int k = 0; k < g->outputs.n; k++)
        print_root("output", g->outputs.at[k].name, g->outputs.at[k].node, &out);
    for (int k = 0; k < g->asserts.n; k++)
        print_root("assert", NULL, g->asserts.at[k].node, &out);
    fputs(out.text ? out.text : "", file);
    str_free(&out);
}

typedef struct { FILE *file; const Node *to; } Arrow;
static void print_arrow(void *data, const Ex *read) {
    Arrow *a = data;
    fprintf(a->file, "  n%d -> n%d;\n", read->node->id, a->to->id);
}

void graph_dot(Ctx *ctx, const Graph *g, FILE *file) {
    fprintf(file, "digraph model {\n  node [shape=box, fontname=\"monospace\"];\n");
    for (int k = 0; k < g->node.n; k++) {
        const Node *n = g->node.at[k];
        Str text = {0};
        node_print(ctx, n, &text);
        fprintf(file, "  n%d [label=\"", n->id);
        for (const char *c = text.text; *c && *c != '\n'; c++)
            fprintf(file, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        fprintf(file, "\"];\n");
        str_free(&text);
        Arrow a = {file, n};
        node_reads(n, print_arrow, &a);
        if (n->input)
            fprintf(file, "  n%d -> n%d;\n", n->input->id, n->id);
        if (n->kind == N_PREV && n->group->states.at[n->place].state)
            fprintf(file, "  n%d -> n%d [style=dashed];\n", n->group->states.at[n->place].state->id, n->id);
    }
    fprintf(file, "}\n");
}

/* ---------------------------------------------------------------- what the roots reach, rebuilding */

typedef struct { Ctx *ctx; bool *live; } Live;
static void live_node(Live *l, const Node *n);
static void live_read(void *data, const Ex *e) { live_node(data, e->node); }

static void live_node(Live *l, const Node *n) {
    if (!n || l->live[n->id])
        return;
    l->live[n->id] = true;
    node_reads(n, live_read, l);
    live_node(l, n->input);
    if (n->kind == N_PREV) {
        const State *s = &n->group->states.at[n->place];
        live_node(l, s->init);
        live_node(l, s->state);
    }
}

static void live_ex(Live *l, const Ex *e) {
    if (e)
        ex_visit(e, only_reads, &(Reader){live_read, l});
}

#define EACH_ROOT(g, do_node)                                                                          \
    for (int k_ = 0; k_ < (g)->losses.n; k_++) do_node((g)->losses.at[k_].node);                       \
    for (int k_ = 0; k_ < (g)->metrics.n; k_++) do_node((g)->metrics.at[k_].node);                     \
    for (int k_ = 0; k_ < (g)->outputs.n; k_++) do_node((g)->outputs.at[k_].node);                     \
    for (int k_ = 0; k_ < (g)->asserts.n; k_++) do_node((g)->asserts.at[k_].node);                     \
    for (int k_ = 0; k_ < (g)->lets.n; k_++) do_node((g)->lets.at[k_].node);                           \
    for (int k_ = 0; k_ < (g)->data.n; k_++) do_node((g)->data.at[k_].node);                           \
    for (int k_ = 0; k_ < (g)->hypers.n; k_++) do_node((g)->hypers.at[k_].node);                       \
    for (int k_ = 0; k_ < (g)->params.n; k_++) {                                                       \
        do_node((g)->params.at[k_].node);                                                              \
        do_node((g)->params.at[k_].fill);                                                              \
        do_node((g)->params.at[k_].running);                                                           \
        do_node((g)->params.at[k_].grad);                                                              \
    }                                                                                                  \
    do_node((g)->residual);                                                                            \
    do_node((g)->jacobian);

void graph_live(Ctx *ctx, const Graph *g, bool *live) {
    Live l = {ctx, live};
#define MARK(n) live_node(&l, n)
    EACH_ROOT(g, MARK)
#undef MARK
    for (int k = 0; k < g->params.n; k++)
        for (int j = 0; j < 2; j++) {
            live_ex(&l, g->params.at[k].draw[j]);
            live_ex(&l, g->params.at[k].bound[j]);
        }
}

typedef struct { GraphMap *map; ReadMap read; BodyMap body; void *data; } Mapping;

static const Ex *mapped_read(void *data, const Ex *e) {
    Mapping *m = data;
    if (!is_read(e))
        return NULL;
    const Ex *other = m->read ? m->read(m->data, m->map, e) : NULL;
    if (other)
        return other;
    Node *to = m->map->node[e->node->id];
    if (!to)
        bug(m->map->ctx, "a read of a node that comes later or was dropped");
    return ex_read(m->map->ctx, to, e->arg, e->op == OP_READ_IF);
}

static const Ex *map_ex(Mapping *m, const Ex *e) { return ex_rebuild(m->map->ctx, e, mapped_read, m); }
const Ex *graph_map_ex(GraphMap *map, const Ex *e) { return map_ex(map->mapping, e); }

static const Ex *map_body(Mapping *m, const Node *n) {
    const Ex *e = map_ex(m, n->body);
    return m->body ? m->body(m->data, m->map, n, e) : e;
}

static Node *map_compute(Mapping *m, const Node *n) {
    Ctx *ctx = m->map->ctx;
    int var[MAX_RANK];
    Index red[MAX_RANK];
    for (int k = 0; k < n->rank; k++)
        var[k] = k;
    for (int k = 0; k < n->nred; k++)
        red[k] = (Index){.var = n->rank + k, .lo = map_ex(m, n->red[k].lo), .hi = map_ex(m, n->red[k].hi), .name = n->red[k].name};
    if (n->kind == N_COMPUTE)
        return node_compute(ctx, m->map->made, n->rank, n->axis, var, n->nred, red, n->reduce, map_body(m, n),
                            n->arg ? map_ex(m, n->arg) : NULL, n->name, n->span, 0);
    const Ex *target[MAX_RANK];
    for (int k = 0; k < n->rank; k++)
        target[k] = map_ex(m, n->target[k]);
    return node_scatter(ctx, m->map->made, n->rank, n->axis, n->nred, red, target, map_body(m, n), n->name, n->span);
}

static Node *map_node(Mapping *m, const Node *n, Group **groups) {
    GraphMap *map = m->map;
    Ctx *ctx = map->ctx;
    Node *to;
    if (n->kind == N_COMPUTE || n->kind == N_SCATTER) {
        to = map_compute(m, n);
    } else if (n->kind == N_OPAQUE) {
        to = node_opaque(ctx, map->made, n->opaque, map->node[n->input->id], n->k ? map_ex(m, n->k) : NULL, n->rank, n->axis, n->name, n->span);
    } else if (n->kind == N_PREV) {
        if (!groups[n->group->id])
            groups[n->group->id] = group_new(ctx, map->made, n->group->dir, n->group->axis, n->group->size, n->group->name);
        const Node *init = n->group->states.at[n->place].init;
        to = node_prev(ctx, map->made, groups[n->group->id], n->type, n->rank, n->axis, init ? map->node[init->id] : NULL, n->name, n->span);
    } else {
        to = node_leaf(ctx, map->made, n->kind, n->type, n->rank, n->axis, n->place, n->name, n->span);
    }
    to->labels = to->labels ? to->labels : n->labels;
    to->vmin = to->vmin ? to->vmin : n->vmin;
    to->vmax = to->vmax ? to->vmax : n->vmax;
    if (!to->name && n->name)
        to->name = n->name;
    if (n->adjoint_of && map->node[n->adjoint_of->id])
        to->adjoint_of = map->node[n->adjoint_of->id];
    return to;
}

static void map_roots(Mapping *m, Graph *g) {
    const GraphMap *map = m->map;
#define MOVE(n) ((n) = (n) ? map->node[(n)->id] : NULL)
    EACH_ROOT(g, MOVE)
#undef MOVE
    for (int k = 0; k < g->params.n; k++)
        for (int j = 0; j < 2; j++) {
            g->params.at[k].draw[j] = map_ex(m, g->params.at[k].draw[j]);
            g->params.at[k].bound[j] = map_ex(m, g->params.at[k].bound[j]);
        }
}

#define COPY_VEC(ctx, to, from) for (int k_ = 0; k_ < (from).n; k_++) vec_push(ctx, &(to), (from).at[k_])

Graph *graph_map(Ctx *ctx, const Graph *old, ReadMap read, BodyMap body, void *data) {
    Graph *g = graph_new(ctx);
    GraphMap map = {.ctx = ctx, .old = old, .made = g, .node = NEWN(ctx, Node *, old->node.n + 1), .live = NEWN(ctx, bool, old->node.n + 1)};
    Mapping m = {&map, read, body, data};
    map.mapping = &m;
    Group **groups = NEWN(ctx, Group *, old->group.n + 1);
    g->precision = old->precision;
    g->own_slope = old->own_slope;
    g->name = old->name;
    g->batch = old->batch;
    g->residual = old->residual;
    g->jacobian = old->jacobian;
    COPY_VEC(ctx, g->dims, old->dims);
    COPY_VEC(ctx, g->data, old->data);
    COPY_VEC(ctx, g->params, old->params);
    COPY_VEC(ctx, g->hypers, old->hypers);
    COPY_VEC(ctx, g->losses, old->losses);
    COPY_VEC(ctx, g->metrics, old->metrics);
    COPY_VEC(ctx, g->outputs, old->outputs);
    COPY_VEC(ctx, g->asserts, old->asserts);
    COPY_VEC(ctx, g->lets, old->lets);
    COPY_VEC(ctx, g->settings, old->settings);
    graph_live(ctx, old, map.live);
    for (int k = 0; k < old->node.n; k++) {
        const Node *n = old->node.at[k];
        if (map.live[n->id])
            map.node[n->id] = map_node(&m, n, groups);
    }
    for (int k = 0; k < old->group.n; k++)
        for (int s = 0; groups[k] && s < old->group.at[k]->states.n; s++) {
            const State *from = &old->group.at[k]->states.at[s];
            if (map.node[from->prev->id])
                groups[k]->states.at[map.node[from->prev->id]->place].state = map.node[from->state->id];
        }
    map_roots(&m, g);
    return g;
}
