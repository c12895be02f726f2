/* adc.h: the compiler's one internal header. Types first, then prototypes grouped by file, in pipeline order.
 *
 *     model.ad -lex,parse-> Ast -lower-> Graph -grad,simplify,fuse-> Graph -schedule-> Loop tree -emit-> model.c
 *
 * Every function that needs memory, diagnostics or options takes the Ctx first; there is no other state. */
#ifndef ADC_H
#define ADC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---------------------------------------------------------------- arena.c: memory by lifetime, never freed piecewise */

typedef struct Arena Arena;
void *need_memory(void *);                      /* of malloc and calloc: aborts when it is NULL */
Arena *arena_new(void);
void *arena_alloc(Arena *, size_t bytes);                       /* zeroed, aligned to 16; aborts when there is none */
char *arena_strndup(Arena *, const char *text, size_t n);
char *arena_strdup(Arena *, const char *text);
char *arena_printf(Arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_free(Arena *);                                       /* all of it */

#define NEW(ctx, Type) ((Type *)arena_alloc((ctx)->arena, sizeof(Type)))
#define NEWN(ctx, Type, n) ((Type *)arena_alloc((ctx)->arena, sizeof(Type) * (size_t)(n)))

/* A growable array in an arena: VEC(Type) v = {0}; vec_push(ctx, &v, x); v.at[i], v.n */
#define VEC(Type) struct { Type *at; int n, cap; }
#define vec_push(ctx, v, x) \
    ((v)->n == (v)->cap ? (void)((v)->at = vec_grow((ctx)->arena, (v)->at, sizeof *(v)->at, (v)->n, &(v)->cap)) : (void)0, \
     (v)->at[(v)->n++] = (x))
void *vec_grow(Arena *, void *at, size_t size, int n, int *cap);

/* A growing text. */
typedef struct { char *text; size_t n, cap; } Str;
void str_add(Str *, const char *format, ...) __attribute__((format(printf, 2, 3)));     /* malloc'ed; str_free() */
void str_addn(Str *, const char *text, size_t n);
void str_free(Str *);

/* ---------------------------------------------------------------- source.c: model text and places in it */

typedef struct { int file; int begin, end; } Span;              /* bytes [begin, end) of ctx->source.at[file] */

typedef struct {
    const char *name;           /* as messages show it: "models/mlp.ad", "<stdin>", "std.ad" */
    const char *text;           /* NUL-terminated; a NUL inside is a lexical error */
    int len;
    int *line_start, nlines;
} Source;

/* ---------------------------------------------------------------- diag.c: errors, warnings, notes, hints */

typedef struct Diag Diag;

typedef struct { const char *name; const char *value; Span span; } Define;      /* -D NAME=VALUE */

typedef struct {
    VEC(Define) defines;
    VEC(const char *) include;          /* -I */
    int precision;                      /* 0 as the model says, 32, 64 */
    int level;                          /* -O0 .. -O3 */
    int64_t keep;                       /* bytes of a recurrence's steps that are stored and not computed again; 0: what a cache holds */
    bool large;                         /* every size counts as large */
    bool verify, standalone, line_directives, werror;
    VEC(const char *) no_warning;       /* -Wno-NAME */
    VEC(const char *) dump;             /* --dump=PASS, 'all' */
    VEC(const char *) skip;             /* --skip=PASS: passes off, for tests */
    int color;                          /* 0 never, 1 always, 2 when stderr is a terminal */
} CompileOptions;

typedef struct {
    Arena *arena;
    Diag *diag;
    CompileOptions options;
    VEC(Source) source;
    const char *pass;                   /* the pass that runs, for bug() */
    struct ExTable *exprs;              /* expr.c: every expression, made on first use */
} Ctx;

Ctx *ctx_new(void);
void ctx_free(Ctx *);

int source_add(Ctx *, const char *name, const char *text, int len);     /* copies; its file number */
bool source_read(Ctx *, const char *path, int *file);   /* '-' is standard input; false: errno says why */
int span_line(const Ctx *, Span), span_column(const Ctx *, Span);       /* from 1 */
Span span_join(Span, Span);
char *span_text(Ctx *, Span);                   /* the text itself, in the arena */
bool behind_slashes(const Ctx *, Span);                 /* '//' stands before it on its line */
char *span_source_line(Ctx *, Span);            /* the whole first line, trimmed */
char *place(Ctx *, Span);                       /* "12:5" (other file than the model: "layers.ad:12:5") */

/* error_at starts a diagnostic; label_at, note_at and hint add to the last one. Messages are lower case without a final
 * stop. A diagnostic whose span and code repeat an earlier one is dropped. Printed sorted by place. */
void error_at(Ctx *, Span, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));
void warn_at(Ctx *, Span, const char *flag, const char *format, ...) __attribute__((format(printf, 4, 5)));   /* flag "batch-sum": -Wbatch-sum */
void label_at(Ctx *, Span, const char *format, ...) __attribute__((format(printf, 3, 4)));      /* second underlining in the same line */
void note_at(Ctx *, Span, const char *format, ...) __attribute__((format(printf, 3, 4)));       /* "file:line:col: note: ..." */
void hint(Ctx *, const char *format, ...) __attribute__((format(printf, 2, 3)));                /* "= ..." */
int error_count(const Ctx *);
bool last_error_is(const Ctx *, const char *code);
void diag_print(Ctx *, FILE *);                 /* all, in order; then forgets them */
bool is_one_of(const char *word, const char *const *words, int n);
const char *nearest_name(const char *word, const char *const *names, int n);    /* the best match worth suggesting, or NULL */
_Noreturn void bug(const Ctx *, const char *format, ...) __attribute__((format(printf, 2, 3)));
int setting_names(const char **, int most);    /* settings.c: the keys of a train block; how many */
const char *explain(const char *code);          /* the longer text, or NULL */
const char *explain_next(const char *code);     /* code after this one (NULL: the first), for listing; NULL at the end */

/* ---------------------------------------------------------------- ast.c: the syntax tree */

typedef enum {
    /* expressions */
    AST_INT,            /* 12                   .text, .ival (-1 and a diagnostic when above 2^63 - 1) */
    AST_REAL,           /* 1e-3                 .text, .rval */
    AST_STRING,         /* "species"            .text without quotes */
    AST_BOOL,           /* true false           .ival */
    AST_NAME,           /* W                    .text */
    AST_UNARY,          /* -a +a not a          .op '-' '+' '!'; .a */
    AST_BINARY,         /* a + b                .op: + - * / D(//) % @ ^ = (==) N(!=) < L(<=) > G(>=) & (and) | (or); .a .b; .op_span */
    AST_TRANSPOSE,      /* a'                   .a */
    AST_INDEX,          /* a[items]             .a, .items */
    AST_CALL,           /* f(args)              .text the name, .name_span, .items (AST_ARG or expressions) */
    AST_REDUCE,         /* sum[k in K] body     .text "sum", .items (AST_IN), .a the body */
    AST_ARRAY,          /* [1, 2, x]            .items */
    AST_TUPLE,          /* (n, c)               .items */
    /* items of brackets and calls */
    AST_IN,             /* k in K, k in a:b     .text the variable, .name_span, .a .b (b NULL: 0..a) */
    AST_SLICE,          /* a:b:s                .a .b .c, each may be NULL */
    AST_NEW,            /* new */
    AST_ARG,            /* name = e             .text, .name_span, .a */
    /* statements */
    AST_PRECISION,      /* .text "f64" */
    AST_DIM,            /* one a name: .text, .name_span, .a the size or NULL, .flag batch */
    AST_HYPER,          /* .text .name_span .a */
    AST_DATA,           /* .text .name_span .items (brackets) .bracketed .clauses */
    AST_PARAM,          /* .text .name_span .items .bracketed, .op '~' or '=' or 0 (neither), .a the draw or fill, .clauses */
    AST_LET,            /* .text .name_span .items .bracketed, .from or NULL, .op '=' or '~', .a */
    AST_FN,             /* .text .name_span, .items (AST_FNARG), .a the value, .clauses (the block's let and scan), .vjp or NULL */
    AST_FNARG,          /* .text .name_span, .items .bracketed (x[] is bracketed without items), .a default or NULL */
    AST_VJP,            /* .text the cotangent, .name_span, .items/.bracketed its brackets, .clauses: one expression each */
    AST_LOSS, AST_METRIC, AST_OUTPUT,   /* like AST_LET; .text NULL when it is an expression alone (a name included: then .a is it) */
    AST_ASSERT,         /* .a */
    AST_IMPORT,         /* .text the path, .name_span of the string */
    AST_TRAIN,          /* .items: AST_ARG */
    AST_SCAN,           /* .text the index, .name_span, .a .b its range as AST_IN, .clauses: AST_LET */
    AST_CLAUSE,         /* .text "index" "bool" "int" "centered" "scaled" "missing" "from" "positive" "in" "ordered" ...;
                           .items its arguments; of 'from': .items (strings) or .a .b (range lo:hi), .flag 1 'columns' */
    AST_POISON,         /* a statement that did not parse: .text a name it may have declared, or NULL */
} AstKind;

typedef struct Ast Ast;
struct Ast {
    AstKind kind;
    Span span;                  /* all of it */
    Span name_span, op_span;
    Ast *next;                  /* in a list */
    const char *text;
    int op;
    int64_t ival;
    double rval;
    bool flag, bracketed;
    Ast *a, *b, *c, *from, *vjp;
    Ast *items, *clauses;       /* lists by ->next */
};

/* lex.re, parse.y. Statements in order (std.ad and imports are parsed by the same call); diagnostics recorded; never NULL
 * but for an empty file. Grammar and lexical rules: docs/language.md. */
Ast *parse(Ctx *, int file);
void ast_print(Ctx *, const Ast *, FILE *);             /* --emit=ast: one node a line, indented */
void tokens_print(Ctx *, int file, FILE *);             /* --emit=tokens: line:column kind text */
void format_model(Ctx *, int file, Str *out);           /* adc fmt: canonical layout; keeps comments and blank lines */

#include "ir.h"
#endif
