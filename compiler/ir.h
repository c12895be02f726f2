/* ir.h: the graph. Scalar expressions (Ex), and nodes that are comprehensions over them. Included by adc.h.
 *
 *     %7[i in m, j in n] = sum[k in r] U[i, k] * V[k, j]        ; factorise.ad:9
 *
 * Expressions are immutable and hash-consed: equal ones are the same pointer, and an argument's id is smaller than its
 * user's. A node is one tensor; it reads nodes with smaller ids only, but for a recurrence (Group), whose PREV leaf
 * stands for its state one step back. */
#ifndef ADC_IR_H
#define ADC_IR_H

typedef enum { T_REAL, T_INT, T_BOOL } Type;

/* ---------------------------------------------------------------- expr.c: scalar expressions */

/* Leaves and structure first; then one row of ops.def each: OP_NEG, OP_ADD, OP_EXP ... */
typedef enum {
    OP_REAL,        /* a number: .real */
    OP_INT,         /* .i */
    OP_BOOL,        /* .i */
    OP_VAR,         /* an index variable: .var; see VAR_* below */
    OP_DIM,         /* the size of .dim (int); of the batch dim, the rows of this batch */
    OP_TOTAL,       /* the full length of the batch dim (int) */
    OP_READ,        /* .node at arg[0..rank-1]; in range for all values of the index variables */
    OP_READ_IF,     /* the same, in range only where control reaches it: never to be hoisted out of a branch */
    OP_CHECK,       /* arg[0] when 0 <= arg[0] < arg[1], else a run-time fault at .span: never hoisted either */
    OP_DIVISOR,     /* arg[0] when it is not 0, else a run-time fault at .span: never hoisted either */
    OP_TRAINING,    /* bool: true in the training step, false in evaluation, outputs and prediction; each program folds it */
    OP_DRAW,        /* Philox: arg[0] the linear element index; .i the key; .var 0 uniform in (0, 1), 1 normal */
#define OP(id, name, nargs, result, props, text) OP_##id,
#include "ops.def"
#undef OP
    OP_COUNT
} Op;

enum {              /* properties of operations (ops.def) */
    P_COMMUTES = 1,
    P_SAME = 2,     /* result and arguments share one type, REAL or INT */
    P_REAL = 4,     /* arguments and result are REAL */
    P_COSTLY = 8,   /* a call into libm or a division: worth sharing rather than computing again */
    P_UNBOUNDED = 16,   /* a derivative can be infinite at finite arguments: keep it behind its guard */
};

typedef struct Ex Ex;
typedef struct Node Node;
typedef struct Dim Dim;
struct Ex {
    Op op;
    Type type;
    int id;                 /* grows: arguments first */
    int nargs;
    const Ex *const *arg;
    double real;
    int64_t i;
    int var;
    const Dim *dim;
    Node *node;
    Span span;              /* of OP_CHECK, OP_DIVISOR */
    bool has_var, has_read, has_guarded;    /* somewhere below: OP_VAR; READ, READ_IF; READ_IF, CHECK, DIVISOR */
    uint64_t vars;          /* bit v % 64 for every variable v below: a bit that is not set says that v does not occur */
    Ex *chain;              /* hash table */
    uint64_t hash;
};

/* Index variables. Within a node: 0 .. rank-1 are its axes, rank .. rank+nred-1 its reduction indices. While lowering:
 * VAR_AXIS + p is the axis p places from the right of a value not yet given to a node; VAR_SCOPE + s an index variable
 * of the model in scope. */
enum { MAX_RANK = 16, VAR_AXIS = 64, VAR_SCOPE = 128, MAX_SCOPE = 256 };     /* MAX_SCOPE: index variables in scope at once */

struct Dim {
    const char *name;
    Span span;
    int place;              /* in graph->dims */
    bool batch;
    bool declared_size;     /* = e or -D: .size is set */
    const Ex *size;         /* its value in other dims and numbers; NULL: bound at load */
    bool bound_by_data, bound_by_ids;   /* an axis of a data array; only an index(dim) */
    bool failed;
};

typedef struct ExTable ExTable;             /* of ctx: every expression made so far */

int ex_count(const Ctx *);                   /* the largest id */
const char *op_name(Op);
bool op_has(Op, int property);
const char *op_text(Op);                            /* C text of ops.def */

const Ex *ex_real(Ctx *, double), *ex_int(Ctx *, int64_t), *ex_bool(Ctx *, bool);
const Ex *ex_var(Ctx *, int var);
const Ex *ex_dim(Ctx *, const Dim *);               /* its normal form when it has one */
const Ex *ex_total(Ctx *);
const Ex *ex_only_index(Ctx *, const Ex *index, const Ex *size);
const Ex *ex_read(Ctx *, Node *, const Ex *const *index, bool guarded);
const Ex *ex_check(Ctx *, const Ex *index, const Ex *size, Span);
const Ex *ex_divisor(Ctx *, const Ex *, Span);
const Ex *ex_training(Ctx *);
const Ex *ex_draw(Ctx *, int normal, uint64_t key, const Ex *index);
const Ex *ex_op(Ctx *, Op, const Ex *const *arg);   /* canonical: laws that always hold are applied; ints are polynomials in normal form */
const Ex *ex_raw(Ctx *, Op, Type, int nargs, const Ex *const *arg);             /* as it stands, no law applied */
const Ex *ex1(Ctx *, Op, const Ex *), *ex2(Ctx *, Op, const Ex *, const Ex *), *ex3(Ctx *, Op, const Ex *, const Ex *, const Ex *);
const Ex *ex_cast(Ctx *, Type, const Ex *);         /* bool -> int -> real */
const Ex *ex_where(Ctx *, const Ex *c, const Ex *a, const Ex *b);
const Ex *ex_and(Ctx *, const Ex *, const Ex *), *ex_or(Ctx *, const Ex *, const Ex *), *ex_not(Ctx *, const Ex *);
int ex_compare(const Ex *, const Ex *);              /* a total order, by structure */
bool ex_is_int(const Ex *, int64_t *value);         /* an int constant */
bool is_read(const Ex *);                            /* of a node, guarded or not */
bool ex_is_number(const Ex *, double value);        /* the constant value, of any type */
void ex_visit(const Ex *, void (*visit)(void *, const Ex *), void *);    /* each once, arguments first */
bool ex_uses_var(const Ex *, int var);
void ex_vars(const Ex *, bool *used, int n);  /* marks used[v] for v < n */

/* Replaces index variables: map(data, var) gives what stands for it, or NULL to keep it. guarded: reads whose index
 * changed become OP_READ_IF (the new index is in range only under a guard that the caller adds). */
typedef const Ex *(*VarMap)(void *data, int var);
const Ex *ex_map_vars(Ctx *, const Ex *, VarMap, void *data, bool guarded);
const Ex *ex_at_index(Ctx *, const Ex *, const Ex *const *index, int n);       /* index[k] for variable k: of a node, its value there */
/* Rebuilds bottom-up; leaf(data, e) may give another expression for a READ, READ_IF, DIM ... (its arguments already
 * rebuilt), or NULL to keep it. */
typedef const Ex *(*ExLeaf)(void *data, const Ex *e);
const Ex *ex_rebuild(Ctx *, const Ex *, ExLeaf, void *data);
const Ex *ex_guarded(Ctx *, const Ex *);                /* every read of it at an index becomes a READ_IF */
const Ex *ex_replace(Ctx *, const Ex *, const Ex *const *from, const Ex *const *to, int n);
void ex_print(Ctx *, const Ex *, const Node *in, Str *out);     /* names of in's indices; in may be NULL */

/* ---------------------------------------------------------------- poly.c, prove.c: index arithmetic */


/* poly.c: ints in normal form, a sum of products of atoms (dims, variables, reads, // and %) */
typedef struct { int64_t coefficient; int n; const Ex **factor; } Term;        /* factors sorted by ex_compare */
typedef struct { int n; Term *term; bool overflow; } Poly;
Poly poly_of(Ctx *, const Ex *);
const Ex *poly_ex(Ctx *, const Poly *);
Poly poly_add(Ctx *, const Poly *, const Poly *, int64_t scale);              /* a + scale * b */
Poly poly_mul(Ctx *, const Poly *, const Poly *);

typedef struct { int var; const Ex *lo, *hi; } Range;           /* lo <= var < hi */
typedef struct {                                                /* what is known where an index stands */
    const Range *range; int nranges;                            /* later ranges may use earlier variables */
    const Ex *const *guard; int nguards;                        /* bool expressions that hold */
} Facts;
bool prove_nonnegative(Ctx *, const Ex *, const Facts *);       /* of an int expression, for all dims >= 1 */
bool prove_in_range(Ctx *, const Ex *index, const Ex *size, const Facts *);    /* 0 <= index < size */
bool prove_equal(Ctx *, const Ex *, const Ex *);                /* sizes: equality of normal forms */
bool compares_ints(const Ex *);                                 /* == != < <= of ints, the tests that can be proved */
const Ex *prove_test(Ctx *, const Ex *test, const Facts *);     /* true or false where the facts decide it, else itself */
bool linear_in(Ctx *, const Ex *, int var, const Ex **coefficient, const Ex **rest);    /* e = coefficient * var + rest */
const Ex *upper_bound(Ctx *, const Ex *, const Facts *);        /* without the facts' variables, or NULL */
const Ex *lower_bound(Ctx *, const Ex *, const Facts *);

/* ---------------------------------------------------------------- graph.c: nodes */

typedef enum {
    N_DATA,         /* an input array (prepared); .place in graph->data */
    N_MASK,         /* of the same array: bool, where it has a value */
    N_PARAM,        /* .place in graph->params */
    N_HYPER,        /* .place in graph->hypers; rank 0 */
    N_PREV,         /* in .group: its state .place one step back; axis .group->axis is the sequential index */
    N_COMPUTE,      /* out[axes] = reduce[red] body */
    N_SCATTER,      /* out[target(red)] += body(red): zero elsewhere; axes are not used by the body */
    N_OPAQUE,       /* .opaque of .input, once at load */
} NodeKind;

typedef enum { R_NONE, R_SUM, R_PROD, R_MAX, R_MIN, R_ARGMAX, R_ARGMIN, R_ANY, R_ALL } Reduce;
typedef enum { O_LOWRANK, O_PCA, O_SVDVALS, O_QUANTILE } Opaque;
typedef enum { STAGE_COMPILE, STAGE_LOAD, STAGE_RUN, STAGE_EPOCH, STAGE_STEP } Stage;

typedef struct { const Ex *size; const Dim *dim; const char *name; } Axis;     /* dim: the axis' name or NULL; name: its index letter */

typedef struct { Node *prev, *state, *init; } State;            /* prev[t] is state[t - dir], at the first step init */
typedef struct Group {
    int id;
    int dir;                /* 1: t runs up from 0; -1: down from size - 1 */
    int axis;               /* which axis of PREV and state t is: 0, or 1 for a recurrence inside a step of another ... */
    const Ex *size;
    const char *name;       /* of the index */
    VEC(State) states;
} Group;

/* A function's own reverse rule: with the adjoint of the value in place of .cotangent, the adjoint of what .arg[k] reads is
 * .rule[k]. All are reads, in the variables of the place where the function was expanded. */
typedef struct Rule { Node *cotangent; const Ex *value; int n; const Ex **arg, **rule; } Rule;

struct Node {
    int id;
    NodeKind kind;
    Type type;
    int rank;
    Axis axis[MAX_RANK];
    int nred;
    struct { const Ex *lo, *hi; const char *name; } red[MAX_RANK];      /* bounds may use axes and earlier reduction indices */
    Reduce reduce;
    const Ex *body;
    const Ex *arg;                      /* of R_ARGMAX, R_ARGMIN: what is returned for the best element (the first of equals) */
    const Ex *target[MAX_RANK];         /* of N_SCATTER */
    const Dim *labels;                  /* values are labels of this dim, 0 .. size-1 */
    const Ex *vmin, *vmax;              /* ints: inclusive bounds when known, in dims */
    Group *group;                       /* of N_PREV */
    int place;
    Opaque opaque; Node *input; const Ex *k;    /* of N_OPAQUE; k: rank (int) or quantile (real, constant) */
    Span span;
    const char *name;                   /* of the model, or NULL; adjoints: 'dW' is the adjoint of W */
    Node *adjoint_of;
    int let;                            /* ordinal of a let, > 0: a name of the model, kept apart from equal nodes while lowering */
    bool stop;                          /* no gradient flows */
    bool swept;                         /* made by a reverse sweep: an adjoint, or on the way to one */
    const struct Rule *vjp;             /* a reverse rule that replaces the table */
    uint64_t hash; Node *chain;
};

typedef struct { const char *name; const Ast *ast; Node *node; int axes_known; const char *prepare; bool missing; int64_t lo, hi; const Ast *columns; } DataDecl;
typedef struct {
    const char *name; const Ast *ast; Node *node;
    int init;                           /* AdInit of adrt.h */
    const Ex *draw[2];                  /* real scalars; arguments of the draw */
    const char *file;
    Node *fill;                         /* shape of the param, or rank 0 */
    int constraint; const Ex *bound[2];
    bool frozen;
    Node *running;                      /* a running statistic: its next value, or NULL */
    Node *grad;                         /* of the sum of losses; NULL: nothing flows */
} ParamDecl;
typedef struct { const char *name; double value; Node *node; const Ast *ast; } HyperDecl;
typedef struct { const char *name; Span span; Node *node; bool named; } Root;   /* losses, metrics: rank 0; outputs; asserts: bool rank 0; lets */
typedef struct { const char *key, *text; Span span; const Ast *value; } Setting;

typedef struct Graph {
    VEC(Node *) node;                   /* in dependency order */
    VEC(Group *) group;
    VEC(Dim *) dims;
    VEC(DataDecl) data; VEC(ParamDecl) params; VEC(HyperDecl) hypers;
    VEC(Root) losses, metrics, outputs, asserts, lets;
    VEC(Setting) settings;
    Node *residual, *jacobian;          /* r[count], J[count, learnable elements]: when the train block asks for lm() */
    int precision;                      /* 32 or 64 */
    const char *own_slope;              /* why a gradient need not be that of differences: "'f' has a vjp of its own", or NULL */
    const char *name;                   /* of the model: file name without .ad, as a C identifier */
    Dim *batch;                         /* or NULL */
    Node *table[4096];                  /* sharing */
    bool sweeping;                      /* what is made now, or is there already, is a reverse sweep's */
} Graph;

Graph *graph_new(Ctx *);
Node *node_leaf(Ctx *, Graph *, NodeKind, Type, int rank, const Axis *, int place, const char *name, Span);
/* Builds a comprehension from expressions in any variables: axes[p] stands for var axis_var[p], reductions likewise. */
typedef struct { int var; const Ex *lo, *hi; const char *name; const Dim *dim; bool sequential, reduces; } Index;
Node *node_compute(Ctx *, Graph *, int rank, const Axis *, const int *axis_var, int nred, const Index *red, Reduce, const Ex *body, const Ex *arg, const char *name, Span,
                   int let);        /* > 0: a name of the model, never shared with an equal node */
Node *node_scatter(Ctx *, Graph *, int rank, const Axis *, int nred, const Index *red, const Ex *const *target, const Ex *body, const char *name, Span);
Node *node_opaque(Ctx *, Graph *, Opaque, Node *input, const Ex *k, int rank, const Axis *, const char *name, Span);
Group *group_new(Ctx *, Graph *, int dir, int axis, const Ex *size, const char *name);
Node *node_prev(Ctx *, Graph *, Group *, Type, int rank, const Axis *, Node *init, const char *name, Span);
/* Variables that may occur free in what is built: the model's index variables in scope, outermost first, and the guards
 * under which it stands. build_read makes a node with those that it uses as further axes (the sequential ones first, as a
 * Group wants), and returns the read of it at all of them. */
typedef struct {
    Ctx *ctx; Graph *graph;
    const Index *outer; int nouter;
    const Ex *const *guard; int nguards;
    bool outer_last;            /* the node's own axes come before those of outer indices, but recurrences' */
    const Node *held;           /* gradient(): taken as constant, whatever it depends on */
} Builder;
typedef struct {
    int rank; Axis axis[MAX_RANK]; int axis_var[MAX_RANK];
    int nred; Index red[MAX_RANK];
    Reduce reduce; const Ex *body, *arg;
    const char *name; Span span; int let;
} Build;
const Ex *build_read(const Builder *, const Build *);
/* The same care for nodes that are built over all variables in scope: a row's length as that of the longest, or NULL; a
 * body that stands behind what it needs for all values of the variables. */
const Ex *build_size(const Builder *, const Ex *size, int var, const Build *);
void build_guarded(const Builder *, Build *);
bool is_leaf(const Node *);
int element_bytes(const Graph *, Type);          /* of an element in the emitted C */
void node_reads(const Node *, void (*visit)(void *, const Ex *read), void *);    /* every READ in body, arg, target and bounds; input */
void print_node_name(const Node *, Str *);
void node_print(Ctx *, const Node *, Str *), graph_print(Ctx *, const Graph *, FILE *), graph_dot(Ctx *, const Graph *, FILE *);
bool verify(Ctx *, const Graph *);      /* bug() naming ctx->pass when an invariant is broken */

/* Rebuilds the graph: live nodes in the order of old->node, whatever their ids, each of their expressions with its reads
 * (arguments first) replaced by read(data, map, e): an expression over new nodes, or NULL for the plain read of
 * map->node[e->node->id]. Drops what no root reaches. The base of every pass: with read NULL it is the empty pass, which
 * shares and prunes. */
typedef struct { Ctx *ctx; const Graph *old; Graph *made; Node **node; bool *live; void *mapping; } GraphMap;
typedef const Ex *(*ReadMap)(void *data, GraphMap *, const Ex *read);
typedef const Ex *(*BodyMap)(void *data, GraphMap *, const Node *old, const Ex *mapped);    /* a last word on a body */
Graph *graph_map(Ctx *, const Graph *, ReadMap, BodyMap, void *data);
const Ex *graph_map_ex(GraphMap *, const Ex *old);      /* while mapping: the same over new nodes */
void graph_live(Ctx *, const Graph *, bool *live);      /* [node id] what the roots reach */
Node *whole_scatter(const Node *, const Ex *);              /* in a body of the node: a read of all of a scatter, element by element, or NULL */

/* ---------------------------------------------------------------- the middle */

Graph *lower(Ctx *, const Ast *, int file);             /* names, shapes, types; every mistake beyond syntax is found here. NULL after errors */
bool check_settings(Ctx *, Graph *, const Ast *train);  /* settings.c: the train block */

/* derive.c: d op / d arg[k] as an expression, NULL when it is zero everywhere; *known is false when there is none */
const Ex *derivative(Ctx *, const Ex *e, int k, bool *known);

/* grad.c: d s / d x[k] for each of n nodes x, in x's own variables 0 .. rank-1 and the builder's outer ones; NULL where s
 * does not depend on x. seed: what s's adjoint is, in s's own variables. Errors are reported at the span. */
bool gradient(const Builder *, Node *s, const Ex *seed, Node *const *x, int n, const Ex **dx, Span);

bool find_residuals(Ctx *, Graph *);         /* residual.c: graph->residual and ->jacobian when the optimizer is lm() */
Graph *differentiate(Ctx *, Graph *);       /* requires: losses. ensures: params[].grad */
Graph *mask_products(Ctx *, Graph *);         /* requires: gradients. ensures: no masked 0 is multiplied by what may not be finite */
Graph *simplify(Ctx *, Graph *);            /* algebraic laws, sharing, pruning */
Graph *share(Ctx *, Graph *);               /* a costly term of several nodes becomes a node of its own */
Graph *fuse(Ctx *, Graph *);                /* substitutes nodes into their only reader where nothing is computed twice */
Stage *stage(Ctx *, const Graph *);         /* [node id] the earliest stage at which it can be known */

/* ---------------------------------------------------------------- the back end */

typedef struct Loops Loops;
Loops *schedule(Ctx *, const Graph *);
void loops_print(Ctx *, const Loops *, FILE *);
void emit_c(Ctx *, const Graph *, const Loops *, int file, Str *out);
void emit_header(Ctx *, const Graph *, Str *out);

#endif
