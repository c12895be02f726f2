/* walk.c: small questions about expressions and nodes that every part of the back end asks. */
#include "loops.h"

static void note_costly(void *data, const Ex *e) {
    if (op_has(e->op, P_COSTLY))
        *(bool *)data = true;
}

bool is_costly(const Ex *e) {
    bool costly = false;
    ex_visit(e, note_costly, &costly);
    return costly;
}

static void add_cost(void *data, const Ex *e) {
    int *cost = data;
    if (e->op == OP_CHECK || e->op == OP_DIVISOR)
        *cost += 2;
    else if (e->op == OP_DRAW)
        *cost += 40;
    else if (op_has(e->op, P_COSTLY))
        *cost += 8;
    else if (e->nargs > 0 && !is_read(e) && e->type != T_INT && e->op != OP_REALOF && e->op != OP_NEG)
        *cost += 1;
}

int ex_cost(const Ex *e) {
    int cost = 0;
    ex_visit(e, add_cost, &cost);
    return cost;
}

/* A size that may be found small: known, and --large was not given. */
bool known_size(Ctx *ctx, const Ex *size, int64_t *n) { return ex_is_int(size, n) && !ctx->options.large; }

int node_parts(Node *n, const Ex **part[]) {
    int k = 0;
    if (n->kind == N_OPAQUE || is_leaf(n))
        return 0;
    part[k++] = &n->body;
    if (n->arg)
        part[k++] = &n->arg;
    for (int r = 0; r < n->nred; r++) {
        part[k++] = &n->red[r].lo;
        part[k++] = &n->red[r].hi;
    }
    for (int a = 0; n->kind == N_SCATTER && a < n->rank; a++)
        part[k++] = &n->target[a];
    return k;
}

void node_rewrite(Ctx *ctx, Node *n, ExLeaf leaf, void *data) {
    const Ex **part[MAX_PARTS];
    for (int k = node_parts(n, part) - 1; k >= 0; k--)
        *part[k] = ex_rebuild(ctx, *part[k], leaf, data);
}

void stmt_visit(const Stmt *s, void (*visit)(void *, const Ex *), void *data) {
    const Ex *part[] = {s->value, s->arg, s->lo, s->hi};
    for (int k = 0; k < 4; k++)
        if (part[k])
            ex_visit(part[k], visit, data);
    for (int a = 0; a < MAX_RANK; a++)
        if (s->index[a])
            ex_visit(s->index[a], visit, data);
}
