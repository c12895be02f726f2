/* grad.h: what the files of reverse mode share: grad.c (the sweep over the nodes), adjoint.c (where a contribution goes). */
#ifndef ADC_GRAD_H
#define ADC_GRAD_H

#include "adc.h"

enum { VAR_TARGET = 96 };        /* + p: the p-th axis of what is read, while an index is solved for it */

typedef struct { Group *group; Node *carried[64]; } Back;      /* the recurrence that runs the other way */

typedef struct {
    Ctx *ctx;
    Graph *graph;
    Builder b;
    int count;                      /* nodes when the sweep began */
    Node *const *x; int nx;
    bool *dep, *up, *inner;         /* depends on an x; s depends on it; stands inside a recurrence */
    const Ex **adj;                 /* over the node's own variables and outer ones */
    signed char *active;            /* by expression id: 1 it reads something that depends on an x, -1 it does not */
    int nactive;
    Back *back;                     /* by group id */
    int outer_used[64], nouter_used;
    Span span;
    bool failed;
} Sweep;

/* adjoint.c */
void contribute(Sweep *, const Range *var, int nvars, bool inner, const Ex *read, const Ex *contribution);   /* sum[vars : f = m] of it to dX[m] */
void accumulate(Sweep *, const Node *to, const Ex *);               /* adj[to] += e */
const Ex *sum_at_targets(Sweep *, const Node *to, const Ex *body, const Index *red, int nred);
const Ex *from_targets(Sweep *, const Ex *);                        /* VAR_TARGET + p becomes the node's own variable p */

#endif
