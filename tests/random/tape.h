/* tape.h: real scalars that remember how they were computed, for the naive interpreter.
 *
 * A cell is a number in long double, the operation that made it, and a bound on what the same operation in double
 * precision may have lost. Derivatives are recorded as cells too, so they can be differentiated again. */
#ifndef RANDOM_TAPE_H
#define RANDOM_TAPE_H

#include "adc.h"

typedef enum {
    K_CONST, K_COPY, K_ADD, K_SUB, K_MUL, K_DIV, K_NEG, K_EXP, K_EXPM1, K_LOG, K_LOG1P, K_SQRT, K_SIN, K_COS, K_TAN, K_ASIN,
    K_ATAN, K_ATAN2, K_SINH, K_COSH, K_TANH, K_ASINH, K_ERF, K_ERFC, K_POW, K_POLYGAMMA, K_LGAMMA,
} TapeOp;

typedef struct { TapeOp op; int a, b; long double value; double error; } Cell;

typedef struct {
    Arena *arena;
    VEC(Cell) cell;
    bool undecided;             /* a comparison hung on rounding: nothing can be said about this model */
    bool too_long;
} Tape;

int tape_const(Tape *, long double);
int tape_op(Tape *, TapeOp, int a, int b);          /* b: -1 for one argument; K_POLYGAMMA: the order */
int tape_freeze(Tape *, int a);                     /* the same number, without its history */
int tape_compare(Tape *, int a, int b);             /* -1, 0, 1; 2 when either is nan */
long double tape_whole(Tape *, int a, int how);     /* floor (-1), rint (0), ceil (1) */

/* d s / d x[k]: cells, for every path from x[k] to s. */
void tape_reverse(Tape *, int s, const int *x, int n, int *dx);
/* The derivative of e[j] along v. */
void tape_forward(Tape *, const int *e, int m, const int *x, int n, const int *v, int *de);

#endif
