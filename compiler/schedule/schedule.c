/* schedule.c: every program from the graph to its statements, in one row of calls; and the loop tree as text. */
#include "loops.h"

/* requires: fused graph with gradients. ensures: for each emitted function a tree of loops; keeps: spans. */
Loops *schedule(Ctx *ctx, const Graph *g) {
    Loops *l = NEW(ctx, Loops);
    l->graph = g;
    l->stage = stage(ctx, g);
    choose_slots(ctx, l);
    choose_sparse(ctx, l);
    for (int k = 0; k < RUNS; k++) {
        Program *p = l->run[k] = program_new(ctx, l, (RunKind)k);
        recurrences(p);
        if (error_count(ctx))
            return l;
        recompute_steps(p);
        guards_to_bounds(p);
        fuse_items(p);
        guards_to_bounds(p);
        place_items(p);
        if (error_count(ctx))
            return l;
        store_items(p);
        lower_items(p);
        split_loops(p);
        share_values(p);
        find_lanes(p);
        find_trees(p);
        find_wanted(p);
    }
    return l;
}
