/* lower.h: what the files of the lowering share: lower.c (names, files), lower_decl.c and lower_let.c (statements), values.c
 * (shapes), lower_expr.c (expressions), lower_index.c (indexing, comprehensions), lower_scan.c (recurrences), lower_reduce.c
 * (reductions), lower_call.c (functions), lower_body.c (their names),
 * lower_library.c (built-in ones), lower_grad.c (derivatives). */
#ifndef ADC_LOWER_H
#define ADC_LOWER_H

#include "adc.h"

/* A value: for axes a0 .. a(rank-1) the scalar `body`, in which axis k is the variable VAR_AXIS + (rank - 1 - k): aligned
 * at the right, so that values of different rank combine without renaming. Index variables of the model in scope occur
 * free. `bad`: an error was reported, nothing that follows from it is. */
typedef struct {
    Type type;
    int rank;
    struct { const Ex *size; const Dim *dim; const char *name; bool stretch; } axis[MAX_RANK];     /* stretch: made by new */
    const Ex *body;
    const Dim *labels;          /* index(c): the dim c */
    bool bad;
} Val;

/* Of what lower_expr recurses through: a Val takes half a kilobyte, and only those of the way down shall be on the stack. */
#define OWN_FRAME __attribute__((noinline))

enum { MAX_ARGS = 64 };             /* of a function */

typedef enum { SYM_DIM, SYM_VALUE, SYM_FN, SYM_INDEX, SYM_STATE, SYM_BAD } SymbolKind;

typedef struct Symbol Symbol;
struct Symbol {
    const char *name;
    SymbolKind kind;
    Span span;
    const Dim *dim;             /* SYM_DIM */
    Val value;                  /* SYM_VALUE: what a read of it is; SYM_INDEX: the variable */
    Node *node;                 /* SYM_VALUE: what grad() may differentiate in, or NULL */
    const Ast *fn;              /* SYM_FN */
    const Ast *written;         /* SYM_VALUE of a let: what stands right of '=' */
    struct Module *module;      /* SYM_FN: where it was declared */
    int order;                  /* position among the statements of its module */
    int fn_order;               /* SYM_FN that was imported: its position in its own module */
    bool wrong;                 /* SYM_FN: its body has mistakes of its own, which are said */
    bool expanding;             /* SYM_FN: being expanded, so a call is a recursion */
    bool data_only;             /* SYM_VALUE: a data array itself */
    bool missing, masked;       /* a 'missing' array; mask() of it was taken */
    bool pseudo;
    /* SYM_STATE: a name of the recurrence being lowered: x[t] above its definition, x[t-1] through prev */
    Node *prev; Val now; bool defined; int index_var;
    Symbol *next, *chain;       /* of all names; of those in the same bucket */
};

enum { NAME_BUCKETS = 1 << 12 };
typedef struct Module { Symbol *symbols; Symbol *bucket[NAME_BUCKETS]; bool is_std; int order; int file; const char *path;
    bool loading;               /* an import of it now is one of itself */
    bool incomplete;            /* an import failed, or a statement did not parse: what is unknown may have been there */
} Module;

typedef struct Scope { Symbol *symbols; struct Scope *outer; bool function; int limit; Module *module; Span call; } Scope;

typedef struct {
    Ctx *ctx;
    Graph *graph;
    Module *module, *main, *std;
    const Ast *statements;              /* of the file being lowered, for what is declared further down */
    bool seen_loss;
    Scope *scope;                       /* NULL at file level */
    VEC(Index) index;                   /* index variables in scope, outermost first */
    VEC(const Ex *) guard;              /* conditions under which the current expression stands */
    int branches;                       /* of where that it stands in, those with a condition for every element too */
    VEC(Module *) modules;
    int next_var, lets, draws, norms, depth;
    int nested;                         /* expressions around this one */
    const char *naming;                 /* the name being defined, for draws */
    bool muted;                         /* a trial lowering: report nothing */
    bool guessing;                      /* of the shape of a recurrence's step: a state without axes may be a row in '@' */
    const Ast *ended;                   /* the last reduction in brackets of this statement: its indices are known no more */
    VEC(const char *) unknown;          /* names that were reported */
    bool guessed;                       /* the last unknown name resembles one that is known */
    Span std_call;                      /* where the model calls the library function that is being expanded */
    int expansions;
    bool exhausted;
} Lower;

/* values.c */
Type wider_type(Type, Type);
Val val_bad(void);
Val val_scalar(const Ex *);
const Ex *axis_var(Lower *, int rank, int k);                   /* the variable of axis k */
bool countable(Lower *, const Node *, Span);
void too_many_axes(Lower *, Span);
char *shape_text(Lower *, const Val *);                         /* "[n, f]" in the user's names */
char *size_text(Lower *, const Ex *, const Dim *);
Val val_cast(Lower *, Val, Type);
Val val_map_axes(Lower *, const Val *, const Ex *const *to, bool guarded);     /* body with axis k replaced by to[k] */
bool combine_shapes(Lower *, const Val *a, const Val *b, Val *shape, Span at, const char *what, const Ast *ast_a, const Ast *ast_b);
Val val_op(Lower *, Op, const Val *args, int n, const Val *shape);
bool same_size(Lower *, const Ex *, const Dim *, const Ex *, const Dim *);
Val val_let(Lower *, Val, const char *name, Span, Node **node);         /* a node of its own; the value that reads it */
Val val_shared(Lower *, Val, const char *name, Span, Node **node);      /* the same, of an equal node when there is one */
Node *val_node(Lower *, const Val *, const char *name, Span);           /* the node, without index variables in scope */
Val val_of_node(Lower *, Node *, const Val *shape);
Builder builder(Lower *);
const Ex *val_lift(Lower *, const Val *own, int nred, const Index *red, Reduce, const Ex *body, const Ex *arg, Span);

/* lower_expr.c */
Val lower_expr(Lower *, const Ast *);
const Ex *lower_scalar(Lower *, const Ast *, Type, const char *what);   /* NULL after an error */
const Ex *lower_size(Lower *, const Ast *, const Dim **plain);          /* int expression of dims and numbers */
Val lower_condition(Lower *, const Ast *);
Val val_binary(Lower *, int op, Val a, Val b, const Ast *);
Val val_checked(Lower *, Op, const Val *args, int n, const Val *shape, Span);    /* val_op, with a value where ints are divided or large */
Val val_matmul(Lower *, Val, Val, const Ast *);

/* lower_index.c */
Val lower_indexing(Lower *, const Ast *);
bool open_index(Lower *, const Ast *in);                         /* its name into scope */
bool push_index(Lower *, const Ast *in, bool reduction);        /* k in K, k in a:b: into scope */
bool positive_axis(Lower *, const char *index, const Ex *size, Span);
void pop_index(Lower *, int to);
Val lower_comprehension(Lower *, const Ast *statement);         /* let x[k in K, ...] = e */
bool lower_recurrence(Lower *, const Ast *let);
bool lower_scan(Lower *, const Ast *scan);
Val val_close(Lower *, Val, int from, Span at);                 /* index variables from..top become leading axes */
const Ex *checked_index(Lower *, const Ex *index, const Ex *size, const Ast *at, const char *of, bool *guarded);
const Ex *checked_divisor(Lower *, const Ex *, Span);
Val val_cumsum(Lower *, Val x, int axis, Span);
bool assert_size(Lower *, const Ex *nonnegative, Span, const char *what);       /* known at load at the latest */

/* lower_reduce.c */
Val lower_reduce(Lower *, const Ast *);                         /* sum[k in K] body */
Val call_reduction(Lower *, const Ast *);                       /* sum(x, over = c) */
Val reduce_axes(Lower *, Reduce, const Val *, const bool *chosen, Span);
Val reduce_all(Lower *, const Val *, Reduce, Span);
void known_axes(Lower *, const Ast *over);
bool axes_of(Lower *, const Ast *over, const Val *, bool *chosen, const char *what);
Val call_over(Lower *, const Symbol *fn, const Ast *call, Val *args, int n, const bool *chosen);

/* lower_call.c */
Val lower_call(Lower *, const Ast *);
bool is_builtin(Lower *, const char *name);
Symbol *std_function(Lower *, const char *name);
const char *nearest_argument(const char *word, const char *const *names, int n);
bool named_once(Lower *, const Ast *call);
const Ast *named_arg(const Ast *call, const char *name), *nth_arg(const Ast *call, int n);

bool call_is_known(Lower *, const Ast *call);                   /* such a function, with so many arguments */

/* lower_fn.c */
Val expand(Lower *, Symbol *fn, const Ast *call, const Val *args, const bool *given, Node *const *nodes, int n);
Val call_function(Lower *, Symbol *fn, const Ast *call);
Val call_std(Lower *, const char *name, const Ast *call, const Val *args, int n);
bool defined_args(Lower *, const Symbol *fn, const Ast *call);

/* lower_body.c */
bool check_body(Lower *, const Symbol *fn);                     /* what is wrong at every call of it */

/* lower_library.c */
Val call_size(Lower *, const Ast *), call_mask(Lower *, const Ast *), call_onehot(Lower *, const Ast *), call_concat(Lower *, const Ast *);
Val call_reshape(Lower *, const Ast *), call_cumsum(Lower *, const Ast *), call_diag(Lower *, const Ast *), call_dropout(Lower *, const Ast *);
Val call_batch_norm(Lower *, const Ast *), call_stop(Lower *, const Ast *), call_opaque(Lower *, const Ast *), call_rows(Lower *, const Ast *);
Val call_count(Lower *, const Ast *);
uint64_t draw_key(const char *name, int ordinal);
const Ex *element_place(Lower *, const Val *);                  /* row-major place of an element, for draws */

/* lower_decl.c */
/* Of every statement: false after an error. */
bool lower_dim(Lower *, const Ast *), lower_data(Lower *, const Ast *), lower_hyper(Lower *, const Ast *), lower_param(Lower *, const Ast *);
bool lower_axes(Lower *, const Ast *items, Val *shape);         /* the brackets of data and params, and shape notes */
int draw_row(Lower *, const Ast *call);                         /* which draw; 0 uniform, 1 normal, -1 after an error */
bool draw_exists(Lower *, const Ast *call, bool normal, bool uniform, double x, double y);
bool draw_args(Lower *, const Ast *call, int row, const Ex **arg, const char **file);

/* lower_let.c */
bool lower_let(Lower *, const Ast *), lower_root(Lower *, const Ast *), lower_assert(Lower *, const Ast *), lower_fn(Lower *, const Ast *);

/* lint.c */
void warn_batch_sums(Ctx *, const Graph *, const Ast *statements);

/* lower_grad.c: grad, jvp, hvp */
Val call_grad(Lower *, const Ast *), call_jvp(Lower *, const Ast *), call_hvp(Lower *, const Ast *);

/* lower.c */
Symbol *lookup(Lower *, const char *name);
Symbol *lookup_local(Lower *, const char *name);                /* in the innermost scope alone */
Symbol *find_global(Module *, const char *name, int limit);     /* of those declared before the limit */
Symbol *declare(Lower *, const char *name, Span, SymbolKind);   /* an error and NULL when it is there already */
Symbol *declare_global(Lower *, const char *name, Span, SymbolKind);
bool name_is_known(Lower *, const char *name);
void unknown_name(Lower *, const Ast *name);
const Ast *declared_later(const Ast *statements, const char *name);      /* where a statement further down declares it, or NULL */
Val lower_let_value(Lower *, const Ast *, Node **node);         /* shape note, comprehension, recurrence or plain */
bool check_note(Lower *, const Ast *, Val *);
bool check_axes(Lower *, const Ast *let, const Ast *axes, Val *);
void lower_error(Lower *, Span, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));
#define ERR(L, span, code, ...) lower_error(L, span, code, __VA_ARGS__)
void lower_label(Lower *, Span, const char *format, ...) __attribute__((format(printf, 3, 4)));
char *declared_at(Lower *, const Dim *);                        /* "n is declared at 2:5" */
void note_dims(Lower *, const Val *a, const Val *b);

#endif
