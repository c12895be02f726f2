/* driver.h: what the files around the pipeline know of each other: the command line, files, the C compiler.
 *
 *     argv -options.c-> Command -main.c-> Compile -deps.c, cc.c-> files, a trainer -cache.c-> the trainer's process */
#ifndef ADC_DRIVER_H
#define ADC_DRIVER_H

#include <signal.h>
#include <sys/resource.h>
#include "adc.h"

#define ADC_VERSION "0.1.0"

enum { STATUS_FINE, STATUS_MODEL, STATUS_USAGE, STATUS_FILES, STATUS_CC, STATUS_BUG = 70 };

/* ---------------------------------------------------------------- options.c: the command line */

typedef enum { CMD_COMPILE, CMD_BUILD, CMD_RUN, CMD_CHECK, CMD_FMT, CMD_EXPLAIN, CMD_HELP, CMD_VERSION } CommandKind;

typedef enum {          /* in the order in which they are written */
    EMIT_TOKENS, EMIT_AST, EMIT_GRAPH, EMIT_LOOPS, EMIT_DOT, EMIT_DEPS, EMIT_MANIFEST, EMIT_HEADER, EMIT_C, EMIT_LIB, EMIT_EXE,
    EMIT_COUNT
} Emit;

typedef struct {
    Arena *arena;
    CommandKind kind;
    const char *name;                   /* of the subcommand, "" when there is none */
    CompileOptions options;
    bool emit[EMIT_COUNT], emit_given;
    const char *output;                 /* -o, or NULL */
    VEC(const char *) file;             /* models; codes of 'explain' */
    VEC(const char *) data;             /* --data: FILE, NAME=FILE or NAME=FILE#COLUMNS */
    VEC(char *) trainer;                /* what follows '--' */
    bool deps_only, deps_beside, deps_phony;            /* -M, -MD, -MP */
    const char *deps_file, *deps_target;                /* -MF, -MT */
    bool in_place, only_check;          /* fmt -w, fmt --check */
    rlim_t stack;                       /* the limit of the stack that adc was started with, for what it starts; 0: none was changed */
} Command;

/* False after a message on standard error. */
bool command_parse(Command *, int argc, char **argv);
void help_print(FILE *);

/* ---------------------------------------------------------------- main.c */

typedef struct {
    const Command *command;
    Ctx *ctx;
    int file;
    const char *path;                   /* as given, '-' for standard input */
    const char *stem;                   /* "mlp" */
    Ast *ast;
    Graph *graph;
    Loops *loops;
    Str code;
    VEC(const char *) data;             /* the data at hand: what --data, the trainer's --data or the train block name */
    bool data_is_trainers;              /* the trainer finds it among its own options */
    int status;
} Compile;

enum { MAX_PASSES = 32 };
int pass_names(const char **names);     /* fills at most MAX_PASSES; how many */
bool pass_is_optional(const char *name);

/* ---------------------------------------------------------------- files.c: reading paths, writing whole files */

const char *path_base(const char *path);                        /* "a/b.ad" -> "b.ad" */
char *path_stem(Arena *, const char *path);                     /* "a/b.ad" -> "b" */
char *path_beside(Arena *, const char *path, const char *relative);     /* "a/b.ad", "d/x.csv" -> "a/d/x.csv" */
const char *path_behind(Arena *, const char *path);        /* of a symbolic link, what it leads to */
char *path_temporary(Arena *, const char *path);                /* a name in the same directory that nobody uses */
bool is_file(const char *path);
bool same_file(const char *a, const char *b);                   /* one file under two names; devices do not count */
/* A file appears whole or not at all; '-' is standard output. False after a message. */
bool write_whole(const char *path, const char *text, size_t n);
/* Signals that end adc wait from hold to release: what happens between leaves no temporary files. */
typedef struct { sigset_t before, held; } Hold;
void signals_hold(Hold *);
void signals_release(const Hold *);
bool read_whole(const char *path, Str *out);                    /* quiet: errno says why */
bool make_directories(Arena *, const char *path);               /* mkdir -p; false: errno says why */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));   /* "adc: ..."; returns the status */

/* ---------------------------------------------------------------- texts.c: other texts */

void deps_print(Compile *, const char *target, bool phony, Str *out);
void manifest_print(Compile *, Str *out);
void standalone_join(Compile *, Str *out);                      /* runtime, then the model's code */

/* ---------------------------------------------------------------- specialise.c: sizes from the data at hand */

const char *data_file(Arena *, const char *word);               /* "X=a.csv#0:4" -> "a.csv" */
const char *block_data(Compile *);                              /* the file of the train block, or NULL */
void specialise(Compile *);                                     /* finds c->data; adds to options.defines; sets c->status */

/* ---------------------------------------------------------------- cc.c: the C compiler; cache.c: adc run */

typedef enum { AS_EXE, AS_LIB } BuildKind;
int build(Compile *, BuildKind, const char *output);            /* compiles c->code; a status */
char *build_key(Compile *);                                     /* 16 hexadecimal digits: everything the executable depends on */
void restore_stack(const Command *);       /* main.c: before another program is started */
int run_cached(Compile *);      /* returns only when it failed */

/* What meson embeds. */
extern const char std_ad[];
extern const size_t std_ad_len;
extern const char runtime_text[];
extern const size_t runtime_text_len;

#endif
