/* interp.h: the naive interpreter: a walk over the syntax tree, one scalar at a time.
 *
 * It shares the parser with the compiler and nothing else: no shapes are checked, no index is proved, nothing is fused.
 * Values are arrays of cells of a tape (reals) or of numbers (ints, bools). */
#ifndef RANDOM_INTERP_H
#define RANDOM_INTERP_H

#include "tape.h"

#include <setjmp.h>

enum { MAX_AXES = 8 };

typedef struct {
    Type type;
    int rank;
    int64_t size[MAX_AXES];
    const char *dim[MAX_AXES];          /* NULL: unnamed */
    bool stretch[MAX_AXES];             /* made by 'new' */
    int64_t *at;                        /* T_REAL: cells */
} Val;

typedef struct Env Env;
struct Env {
    const Env *outer;
    const char *name;
    enum { ENV_VALUE, ENV_DIM, ENV_FN, ENV_STEPS } kind;
    Val value;                          /* of ENV_STEPS: all steps, filled as they are computed */
    Val from; bool has_from, sized;
    const Ast *ast;                     /* of ENV_FN */
    bool local; const char *origin;     /* of a size variable: the caller's name for it */
};

typedef struct { const char *name; Val value; Val grad; } Result;

typedef struct {
    Arena *arena;
    Tape tape;
    uint64_t seed;
    const Env *env;
    VEC(Result) dims, data, params, losses, metrics, outputs;
    const char *failed;                 /* what the interpreter does not know, or NULL */
    Span where;
    jmp_buf escape;                     /* of interpret(): what fail() jumps to */
} Interp;

/* Runs the statements; data and params are drawn from the seed and their names. False: see ->failed. */
bool interpret(Interp *, const Ast *);

int64_t val_count(const Val *);
Val val_new(Interp *, Type, int rank, const int64_t *size);
Val val_int(Interp *, int64_t), val_cell(Interp *, int cell);
Val val_real(Interp *, const Val *);                            /* bool -> int -> real */
int64_t scalar_of(Interp *, const Val *);
Val spread(Interp *, const Val *a, const Val *shape);           /* a at every place of shape */
Val joint_shape(Interp *, const Val *a, const Val *b);
Val eval(Interp *, const Ast *, const Env *);
Val binary(Interp *, int op, const Val *, const Val *);
Val call(Interp *, const Ast *, const Env *);
Val matmul(Interp *, const Val *, const Val *);
Val reduce_cells(Interp *, const char *how, Type, const int64_t *at, int n);
_Noreturn Val fail(Interp *, Span, const char *);      /* Val: so that it stands where a value does */
const Env *find(const Env *, const char *name);
Env *bind(Interp *, const Env *outer, const char *name, Val);
Val statement_value(Interp *, const Ast *, const Env *);        /* of a let, loss, output ...: comprehension, recurrence */
Val keep(Interp *, Val);                                        /* a name's own cells */
Val derivative_call(Interp *, const Ast *, const Env *);
const Env *run_block(Interp *, const Ast *, const Env *);       /* let and scan, in order */
const Ast *argument(const Ast *call, int place, const char *name);
Val slice_along(Interp *, const Val *, int axis, int64_t begin, int64_t n, int64_t step);

enum { NOWHERE = -1000000007 };         /* an int that was read out of range */

#endif
