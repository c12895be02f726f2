/* loops.h: the back end's own types, from programs to loops.
 *
 *     Graph -program.c-> Program (items) -recur.c,bounds.c,fuse.c-> fewer items -place.c-> loops
 *           -statements.c,split.c-> statements -temps.c,lanes.c-> named values -> a Loops that emit.c lays out
 *
 * A Program is one function of the emitted file. It owns copies of the nodes that it needs, so that every program folds,
 * fuses and contracts by its own uses. An Item is a node that is computed, with the loops it stands in and the place
 * its value is kept. Once an item is placed, its index variables are loop variables: OP_VAR with .var >= LOOP_VAR. */
#ifndef ADC_LOOPS_H
#define ADC_LOOPS_H

#include "../adc.h"

enum { LOOP_VAR = 1024, MAX_INDEX = 2 * MAX_RANK, MAX_PARTS = 3 * MAX_RANK + 4, MAX_RING = MAX_RANK, STACK_BYTES = 4096, SHORT_SUM = 1024 };

typedef enum { RUN_LOAD, RUN_INIT, RUN_STEP, RUN_EVAL, RUN_OUTPUT, RUN_TRACE, RUN_JACOBIAN, RUNS } RunKind;

/* Where values live. The first four are read only. */
typedef enum { HOME_DATA, HOME_MASK, HOME_PARAM, HOME_HYPER, HOME_LOAD, HOME_PREV, HOME_LOCAL, HOME_WORK, HOME_GRAD, HOME_ROWS, HOME_OUTPUT } Home;

typedef struct Item Item;
typedef struct Stmt Stmt;
typedef struct Block Block;
typedef struct Program Program;

struct Item {
    Node *node;                 /* the program's own copy; node->id is the item's place in program->item */
    const Node *origin;         /* the graph's node, or NULL for one made here */
    bool leaf;                  /* not computed in this program */
    bool keep;                  /* never substituted into a reader */
    bool dead;                  /* every reader has it substituted, or nobody reads it */
    bool traced;                /* a value that the trace checks */
    Group *ring[MAX_RING]; int ring_index[MAX_RING], nring;     /* the recurrences that compute it, outermost first, and which index each is */
    bool state;                 /* made step by step */
    bool carried;               /* of a PREV: its state is */
    Item *prev, *first;         /* of a state: its PREV; of a PREV: its state in .prev and its init in .first */
    bool all_steps;             /* of a PREV: its state is stored for every step */
    VEC(const Ex *) read;       /* every distinct READ in it, of leaves too */

    int score[MAX_INDEX];       /* how contiguous accesses are along an index */
    int class_of[MAX_INDEX];    /* indices that run together */
    const Ex *bound[MAX_INDEX]; /* the loop variable, or NULL while not placed */
    Stmt *path[MAX_INDEX]; int path_index[MAX_INDEX], depth;    /* the loops around it and which index each binds */
    int first_red;              /* depth of its first loop over a reduction index, or -1 */
    Block *block, *done;        /* where it is computed; where it is complete */

    Home home; int place;       /* place: in params, data ... */
    int nkept, kept[MAX_RANK];  /* the axes its storage has; the others are those of the loops around */
    bool on_stack;              /* HOME_LOCAL with axes: an array on the stack */
    bool onto;                  /* it adds to what stands there: the runtime clears it */
    bool copied_out;            /* it accumulates on the stack what is a sink's */
    Block *declared;            /* of HOME_LOCAL */
    bool accumulates;           /* in a scalar of its own, stored when complete */
    bool tree;                  /* that scalar is a tree of partial sums: there can be many terms */
    const char *name, *total;   /* C names: of the value; of the scalar it accumulates in */
    const char *best;           /* of an argmax: the best value so far */
    const char *lane_name;      /* what each lane adds up over rows */
    bool used, written;         /* by emitted text */
    bool wanted;                /* some statement reads it, or does more than compute it */
};

typedef enum {
    S_COMPUTE, S_BEGIN, S_DONE,     /* placeholders of place.c: element, before and after its reduction; gone after statements.c */
    S_FOR,          /* .var from .lo to .hi (.down: from above), .body */
    S_IF,           /* .value, .body, .otherwise or NULL */
    S_DECLARE,      /* a name for .value (of .temp), or of .item's scalar; .value NULL: declared only; .changes: not const */
    S_SET,          /* a S_DECLAREd .temp gets .value */
    S_ARRAY,        /* .item's array on the stack; .zero */
    S_ZERO,         /* all of .item's array */
    S_ASSIGN,       /* .item[.index] = .value; .total: its scalar */
    S_ACCUMULATE,   /* the same with .reduce */
    S_BEST,         /* argmax, argmin: .value and .arg against .item's best */
    S_PREV,         /* at the head of a step: the state one step back */
    S_CALL,         /* the opaque operation of .item */
    S_SINK,         /* a scalar result, an assertion or a check that values are finite: .sink */
} StmtKind;

struct Block { Block *up; Stmt *owner; Stmt *first, *last; int depth, loops; };    /* blocks and loops around it */

typedef struct Temp {
    const Ex *value; const char *name; Block *block;
    Item *item;                 /* whose name it has */
    bool ready;                 /* declared above */
    struct Temp *older;         /* of the same value */
} Temp;

typedef enum { SINK_LOSS, SINK_METRIC, SINK_DRAW, SINK_SCALAR, SINK_ASSERT, SINK_CHECK, SINK_ARRAY } SinkKind;
typedef struct { SinkKind kind; Home home; int place; Item *item; Span span; const char *name; } Sink;

struct Stmt {
    StmtKind kind;
    Block *in;
    Stmt *prev, *next;
    Item *item;
    int var; const char *letter; const Ex *lo, *hi; const Dim *dim; bool down; Block *body;
    bool lanes;                             /* of S_FOR: runs several rows at once (lanes.c) */
    Stmt *cut;                              /* the last of the loops that split.c made of it */
    Block *otherwise;
    Temp *temp;
    const Ex *value, *arg;
    const Ex *index[MAX_RANK];
    Reduce reduce;
    bool total, changes, zero;
    const Sink *sink;
};

struct Program {
    Ctx *ctx;
    const Graph *graph;
    Loops *loops;
    RunKind kind;
    bool training, unfused;
    VEC(Item *) item;
    VEC(Item *) order;          /* items to compute, in dependency order */
    VEC(Sink) sink;
    VEC(Group *) group;         /* copies */
    VEC(const Group *) group_of;
    Item **copy;                /* by the graph's node id */
    VEC(Stmt *) loop;           /* by .var - LOOP_VAR */
    Block *body;
    VEC(Temp *) temp; Temp **temp_of; int temp_cap;     /* temp_of: the latest of a value, by its id */
};

/* Of a param: the scatters that its gradient is the sum of, or none (sparse.c). A list of the rows that one adds to. */
typedef struct { VEC(const Node *) term; } Sparse;
typedef struct { int param, rank; Axis axis[MAX_RANK]; const Ex *row, *count; Span span; } Rows;

struct Loops {
    const Graph *graph;
    const Stage *stage;
    Program *run[RUNS];
    VEC(const Node *) slot;     /* nodes that load stores, in this order in run->load */
    int *slot_of;               /* by the graph's node id: place in slot, or -1 */
    Sparse *sparse;             /* by param */
    VEC(Rows) rows;
};

/* walk.c: over expressions */
int ex_cost(const Ex *);                                  /* rough count of its real work; reads and index arithmetic are free */
bool is_costly(const Ex *);
bool known_size(Ctx *, const Ex *size, int64_t *n);
int node_parts(Node *, const Ex **part[]);                  /* addresses of all expressions of a node: how many, MAX_PARTS at most */
void node_rewrite(Ctx *, Node *, ExLeaf, void *);           /* ex_rebuild of all of them */
void stmt_visit(const Stmt *, void (*)(void *, const Ex *), void *);       /* ex_visit of all that a statement has, but of its blocks */

/* program.c */
bool has_run(const Graph *, RunKind);                       /* RUN_JACOBIAN is there for lm() alone */
void choose_slots(Ctx *, Loops *);                          /* which nodes load stores */
Program *program_new(Ctx *, Loops *, RunKind);
Item *program_compute(Program *, int rank, const Axis *, const Ex *body, const char *name, Span);   /* a pointwise node made here */
Item *item_copy(Program *, const Item *);
void item_reads(Program *, Item *);                         /* fills .read again */
Item *read_item(const Program *, const Ex *read);
void program_prune(Program *);                              /* marks what no sink needs as dead */
void program_order(Program *);

/* sparse.c */
void choose_sparse(Ctx *, Loops *);                         /* which gradients are rows */

/* recur.c */
bool in_ring(const Item *, const Group *);
const Group *innermost(const Item *);                        /* of its recurrences, or NULL */
bool inner_state(const Item *);                             /* of a recurrence inside another: stored with its index in front */
void read_states(Program *, Item *);                        /* for an item outside of recurrences that it reads PREV of */
void recurrences(Program *);                                /* who belongs to which loop; what others read of its PREV */
void refuse_order(Program *, const Node *);                 /* E0901: its steps need each other */
void recurrence_storage(Program *);                         /* which states are stored for every step */

/* recompute.c */
void recompute_steps(Program *);                            /* what a sweep reads of another's steps, again in its own */

/* bounds.c */
void guards_to_bounds(Program *);

/* fuse.c */
void fuse_items(Program *);

/* place.c, store.c, statements.c, split.c, temps.c */
void place_items(Program *);
void store_items(Program *);
void lower_items(Program *);
void split_loops(Program *);
void share_values(Program *);

/* lanes.c */
void find_lanes(Program *);
void find_trees(Program *);                                 /* after it: which sums are long */
bool in_lanes(const Stmt *loop, const Ex *);                /* depends on the row */
bool item_in_lanes(const Stmt *loop, const Item *);         /* one value a row */
int strided_axis(Ctx *, const Stmt *loop, const Item *, const Ex *const *index);

Block *block_new(Ctx *, Block *up, Stmt *owner);
Stmt *stmt_new(Program *, StmtKind, Item *);
void block_add(Block *, Stmt *);
void block_insert(Stmt *before, Stmt *);
void block_remove(Stmt *);
bool block_within(const Block *inner, const Block *outer);
Stmt *loop_make(Program *, Block *, const Ex *lo, const Ex *hi, const char *letter, const Dim *);     /* for a place in the block */
Stmt *loop_new(Program *, Block *, const Ex *lo, const Ex *hi, const char *letter, const Dim *);
const Ex *bind_ex(Program *, const Item *, const Ex *);        /* index variables to the loop variables of a placed item */
Temp *temp_find(const Program *, const Ex *, const Block *);
void temp_declared(const Program *, const Stmt *);             /* the item of the statement has been: so has its value */
void find_wanted(Program *);

/* cnames.c: C names that collide with nothing */
typedef struct Names Names;
Names *names_new(Ctx *, Names *outer);                      /* a scope within outer; NULL: of the file, with what C reserves */
const char *name_new(Ctx *, Names *, const char *wish);     /* the wish, or the wish with a suffix */
const char *letter_new(Ctx *, Names *, const char *wish);  /* for an index */
bool name_taken(const Names *, const char *name);

/* out.c: text */
typedef struct { Str text; int indent; } Out;
void out_line(Out *, const char *format, ...) __attribute__((format(printf, 2, 3)));   /* indented; "" is an empty line */
void out_string(Str *, const char *text, int n);            /* as a C string literal */
void out_comment(Str *, const char *text);                  /* what may stand inside a C comment */
void out_real(Str *, double, int precision);                /* shortest literal that reads back as the same value */

#endif
