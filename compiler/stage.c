/* stage.c: when a value can be known.
 *
 * In: a graph. Out: for each node the earliest stage at which everything that it reads is there: functions of data
 * without the batch axis at load, once; functions of hypers when a run starts; what mentions a param, a draw or the rows
 * of the batch at every step. A recurrence has one stage: that of the latest thing any of its states reads. */
#include "adc.h"

typedef struct { const Stage *of; Stage latest; } Latest;

static void note(void *data, const Ex *e) {
    Latest *l = data;
    Stage s = STAGE_COMPILE;
    if (e->op == OP_DIM)
        s = e->dim->batch ? STAGE_STEP : STAGE_LOAD;
    else if (e->op == OP_TOTAL)
        s = STAGE_LOAD;
    else if (e->op == OP_DRAW)
        s = STAGE_STEP;
    else if (is_read(e))
        s = l->of[e->node->id];
    l->latest = s > l->latest ? s : l->latest;
}

static void note_ex(const Ex *e, Latest *l) {
    if (e)
        ex_visit(e, note, l);
}

static Stage stage_of(const Node *n, const Stage *of) {
    Latest l = {of, n->kind == N_COMPUTE || n->kind == N_SCATTER ? STAGE_COMPILE : STAGE_LOAD};
    if (n->kind == N_PARAM)
        return STAGE_STEP;
    if (n->kind == N_HYPER)
        return STAGE_RUN;
    for (int a = 0; a < n->rank; a++) {
        note_ex(n->axis[a].size, &l);
        note_ex(n->kind == N_SCATTER ? n->target[a] : NULL, &l);
    }
    for (int r = 0; r < n->nred; r++) {
        note_ex(n->red[r].lo, &l);
        note_ex(n->red[r].hi, &l);
    }
    note_ex(n->body, &l);
    note_ex(n->arg, &l);
    if (n->kind == N_OPAQUE && of[n->input->id] > l.latest)
        l.latest = of[n->input->id];
    return l.latest;
}

/* A PREV is known when the states and inits of its group are. */
static bool stage_group(const Group *g, Stage *of) {
    Stage latest = STAGE_COMPILE;
    bool changed = false;
    for (int s = 0; s < g->states.n; s++) {
        const Node *state = g->states.at[s].state, *init = g->states.at[s].init;
        if (state && of[state->id] > latest)
            latest = of[state->id];
        if (init && of[init->id] > latest)
            latest = of[init->id];
    }
    for (int s = 0; s < g->states.n; s++) {
        const Node *prev = g->states.at[s].prev;
        changed |= of[prev->id] < latest;
        of[prev->id] = of[prev->id] < latest ? latest : of[prev->id];
    }
    return changed;
}

Stage *stage(Ctx *ctx, const Graph *g) {
    Stage *of = NEWN(ctx, Stage, g->node.n + 1);
    for (bool again = true; again; ) {
        again = false;
        for (int k = 0; k < g->node.n; k++) {
            Stage s = stage_of(g->node.at[k], of);
            of[k] = s > of[k] ? s : of[k];
        }
        for (int k = 0; k < g->group.n; k++)
            again |= stage_group(g->group.at[k], of);
    }
    return of;
}
