/* emit.h: what the files that write C share: emit.c (functions), emit_expr.c (expressions), emit_lanes.c (the same for
 * several rows at once), emit_memory.c (sizes and places of arrays), emit_tables.c (what the runtime reads about the
 * model). */
#ifndef ADC_EMIT_H
#define ADC_EMIT_H

#include "schedule/loops.h"

/* A row of the table of dims: the model's dims in order, then sizes of axes that are not plain dims. */
typedef struct { const Dim *dim; const Ex *size; const char *text; } DimRow;

typedef struct { const char *line, *name; bool used; } Quote;

typedef struct {
    Ctx *ctx;
    const Graph *g;
    const Loops *loops;
    int file;
    int precision;
    const char *f;                      /* "f" in single precision, "" in double */
    VEC(DimRow) row;
    Names *names;                       /* of the file */
    const char **constant, **size;      /* [row] C names: of a size known now; of one known at load */
    const char **data, **mask, **param, **grad, **hyper, **output, **slot;
    VEC(Quote) quote;                   /* lines of the model that messages at run time name */
    /* the function being written */
    const Program *p;
    Names *scope;
    const char *dims;                   /* "run->dims" or "dims" */
    bool *dim_used;                     /* [row] */
    bool run_used;
    const Stmt *rows;                   /* the loop that runs several rows at once, while that is written */
    const Block *at;                    /* where the expression being written stands */
} Emit;

enum { ANY, WHERE_, OR_, AND_, EQUAL, COMPARE, SUM, PRODUCT, UNARY, ATOM };     /* levels of precedence, loosest first */
void emit_ex(Emit *, const Ex *, Str *out);
void emit_ex_at(Emit *, const Ex *, int level, Str *out);
int ex_level(const Ex *);
int ex_argument_level(const Ex *, int k);

/* emit_lanes.c */
void lane_ex(Emit *, const Ex *, int level, Str *out);          /* of an expression that depends on the row */
void lane_value(Emit *, const Ex *, Type, Str *out);            /* any expression as a vector */
const char *lane_type(Type);
const char *lane_sum_name(Emit *, const Item *);                /* of what a lane adds up over rows */
bool lane_statement(Emit *, const Stmt *, Out *);               /* false: it is written like any other */
void lane_sums_begin(Emit *, const Stmt *loop, Out *);
void lane_sums_end(Emit *, const Stmt *loop, Out *);

void emit_size(Emit *, const Ex *size, const Dim *, int level, Str *out);       /* level: of emit_expr.c, 0 for any */
void emit_count(Emit *, const Item *, Str *out);                /* how many elements its storage has */
void emit_element(Emit *, const Item *, const Ex *const *index, Str *out);
void emit_int(Str *out, int64_t);
Quote *emit_quote(Emit *, Span);                                /* the line of the model there, as a constant of the file */
const char *item_name(Emit *, const Item *);
int row_of(Emit *, const Ex *size, const Dim *);                /* of the table of dims, added when new */
bool is_row(const Emit *, const Dim *);            /* a dim of the model, with a row of its own */
const char *base_name(const char *path);
const char *c_type(Type);
void emit_begin(Emit *, const Program *);                       /* of a function: its names, and which sizes it uses */
void emit_size_lines(Emit *, const char *dims, Out *);          /* declares those */
extern const char *const run_name[RUNS];

/* emit_memory.c */
bool in_work(const Item *);
void emit_steps_kept(Emit *, const Program *, Out *);
void emit_offsets(Emit *, Out *);
void emit_memory(Emit *, Out *);

/* emit_tables.c */
void emit_tables(Emit *, Out *);
void emit_rows(Emit *);
#endif
