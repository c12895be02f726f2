/* rt.h: the runtime's own header. Types first, then prototypes grouped by file, in the order in which a run uses them.
 *
 * Functions that can fail return 0 or a status of ExitCode and have filled *err with one line that names file, line and
 * column where there are any. Nothing below adrt_main() calls exit, but for memory that is not there. Every file must also compile when all of them are
 * pasted into one translation unit after this header (adc --standalone): static names are unique across files, and a
 * file defines no macro that it does not #undef. */
#ifndef ADRT_RT_H
#define ADRT_RT_H

#include "adrt.h"
#include <stdbool.h>
#include <stdio.h>

typedef enum { EXIT_FINE, EXIT_BAD_DATA, EXIT_USAGE, EXIT_IO, EXIT_DIVERGED = 5, EXIT_GRADIENT, EXIT_INTERRUPTED = 130 } ExitCode;

/* One line without a newline. A message about a place opens with it: 'iris.csv:12:5: error: ...', 'A.npy: error: ...';
 * one that has no ': error: ' in it gets the program's name in front by whoever prints it. */
typedef struct { char text[1024]; } Err;

/* err.c */
int err_set(Err *, ExitCode, const char *format, ...);              /* returns the code */
int utf8_length(const char *);                                      /* bytes of the character there (RFC 3629), 0: no UTF-8 */
void err_say(const AdModel *, const char *text);                    /* on standard error, with the place or the model's name in front */
const char *nearest(const char *word, const char *const *words, int n);     /* within a third of its length, or NULL */

/* array.c: an owned dense array of any element type the file formats know, or a borrowed one */
typedef enum { DT_F64, DT_F32, DT_I64, DT_I32, DT_I16, DT_I8, DT_U8, DT_U16, DT_U32, DT_BOOL } DType;
typedef struct { DType type; int rank; int64_t shape[16]; void *data; bool owned; } Array;
size_t dtype_size(DType);
int64_t array_count(const Array *);
double array_get(const Array *, int64_t i);             /* any type as double; exact below 2^53 */
int64_t array_get_int(const Array *, int64_t i);
void array_free(Array *);
bool array_reserve(Array *);                            /* rank and shape to zeroed data; false: too many elements */
bool rt_fits(size_t bytes);                             /* within the memory of this machine */
void *rt_try(size_t bytes);                             /* zeroed, 64-byte aligned; NULL when there is none */
void *rt_alloc(size_t bytes);                           /* zeroed, 64-byte aligned; status 3 with a message when there is none */
double shown(double v);                                 /* v for printing: a nan without its sign */
double real_get(int f64, const void *a, int64_t i);
void real_set(int f64, void *a, int64_t i, double v);

/* write.c: a file appears whole or not at all (temporary in the same directory, fsync, rename) */
typedef struct { FILE *f; char path[4096], temporary[4128]; } Output;
int output_open(Output *, const char *path, Err *);
int output_close(Output *, Err *);                      /* renames; on any failure removes the temporary */
void output_abandon(Output *);

/* npy.c: NPY 1-3 read, 1.0 written; .npz members (stored or deflated is refused by name) as "file.npz#member" */
int npy_read(const char *path, Array *, Err *);
int npz_read(const char *path, Array *, bool *lacks, Err *);     /* the same; *lacks: it is an archive without that member */
int npy_write(const char *path, const Array *, Err *);
void swap_bytes(void *data, size_t size, int64_t n);    /* of n elements of 1, 2, 4 or 8 bytes */

/* safetensors.c */
typedef struct { char *name; Array array; } Tensor;
typedef struct { Tensor *tensor; int n; char **meta; int nmeta; } Tensors;      /* meta: key, value, key, value ... */
int tensors_read(const char *path, Tensors *, Err *);
int tensors_write(const char *path, const Tensors *, Err *);
const Tensor *tensors_find(const Tensors *, const char *name);
const char *tensors_meta(const Tensors *, const char *key);
void tensors_free(Tensors *);
int tensors_add(Tensors *, const char *name, Array);    /* takes the array over */
void tensors_note(Tensors *, const char *key, const char *value);      /* one metadata pair, copied */
void json_put(FILE *, const char *text);                /* quoted and escaped */
char *json_get(const char **at, const char *end);       /* a quoted string, unescaped, malloced; NULL: not one */

/* table.c: CSV (RFC 4180; .tsv with tabs), header or none, cells as text with their place; .libsvm and .idx as arrays */
typedef struct {
    char *path;
    int ncolumns;
    char **header;              /* [ncolumns], NULL when the first row is data */
    int64_t nrows;
    char **cell;                /* [nrows][ncolumns] */
    int *line, *column;         /* of each cell, from 1 */
    char *text;                 /* the file, which header and cells point into */
} Table;
int file_read(const char *path, char **text, size_t *size, Err *);      /* whole, with a 0 behind it */
int table_read(const char *path, Table *, Err *);
void table_promote(Table *);                                    /* the first row is a header after all */
int table_column(const Table *, const char *name, Err *);       /* its place, or -1 with the nearest name */
bool table_missing(const Table *, int64_t row, int column);     /* empty, nan or NA */
int table_number(const Table *, int64_t row, int column, double *, Err *);      /* strict, locale-free */
const char *table_hint(const Table *);                          /* what else its one column may be a sign of, or "" */
int table_error(const Table *, int64_t row, int column, Err *, const char *what);       /* 'f:l:c: error: 'cell' what (column "x")' */
void table_free(Table *);
int text_number(const char *text, double *);            /* 0: a number, 1: not one, 2: out of range; blanks around it allowed */
int idx_read(const char *path, Array *, Err *);         /* MNIST's format */
int libsvm_read(const char *path, int64_t columns, Array *X, Array *y, Err *);      /* columns: at least so many, 0: as found */

/* labels.c: text labels of an index(c) axis, in sorted order */
typedef struct { int dim; int n; char **label; } Labels;
int labels_from(Labels *, char *const *text, int64_t n);        /* distinct values, sorted */
int labels_find(const Labels *, const char *text);              /* place or -1 */
void labels_free(Labels *);
char *labels_json(const Labels *);                              /* ["a", "b"], malloced */
int labels_parse(Labels *, const char *json);                   /* back again: EXIT_FINE or EXIT_BAD_DATA */

/* philox.c (Salmon et al. 2011), draw.c: initial draws of a param in natural units, by name and element, honouring its
 * constraint; an impossible fill or draw is an error. shape as in model->params[p]; a = run->draw + 4 p. */
void philox(uint64_t key, const uint32_t counter[4], uint32_t out[4]);
uint64_t name_key(const char *name);                            /* FNV-1a, 64 bits */
int draw_param(const AdModel *, int p, const int64_t *dims, const double *a, uint64_t seed, void *out, Err *);
void shuffle(int64_t *order, int64_t n, uint64_t seed, uint64_t key, uint64_t epoch);   /* Fisher-Yates by Philox */

/* constraint.c: params in natural units and their unconstrained coordinates, in which the optimiser moves:
 * positive: log; interval: logit; ordered: first value and logs of the differences; simplex: softmax of n coordinates whose
 * mean is held at 0. count: elements, last: length of the last axis. */
void to_free(AdConstraint, int f64, const void *x, double lo, double hi, int64_t count, int64_t last, void *u);
void from_free(AdConstraint, int f64, const void *u, double lo, double hi, int64_t count, int64_t last, void *x);
void chain_free(AdConstraint, int f64, const void *x, const void *dx, double lo, double hi, int64_t count, int64_t last, void *du);
int constraint_check(const AdModel *, int p, const int64_t *dims, const double *a, const void *x, Err *);

/* svd.c: one-sided Jacobi on the smaller side after QR; used by the opaque operations of adrt.h */
int svd(int64_t m, int64_t n, const double *A, double *U, double *s, double *V);    /* A[m,n] = U[m,r] diag(s) V[n,r]', r = min; descending */

/* dataset.c: what the data of a run is, prepared, split and dealt out in batches. fetch.c: an array's values from its
 * file. bind.c: the size of every dim, checked against the arrays. */
typedef struct { const char *name, *file; } DataArg;            /* --data FILE (name NULL) or NAME=FILE[#COLUMNS] */
typedef struct {
    const AdModel *model;
    int64_t *dims;              /* [ndims], batch dim = all rows */
    int batch_dim;              /* -1: none */
    int64_t rows;               /* length of the batch dim over all of the data, 0 when none */
    Array *raw;                 /* [ndata] before preparation: real of the model, int64 or uint8 */
    uint8_t **mask;             /* [ndata] or NULL: 1 where a missing array has a value */
    double **mean, **sd;        /* [ndata] column statistics of prepared arrays, else NULL */
    bool stored_fit;            /* they came with a model: dataset_fit leaves them alone */
    Labels *labels; int nlabels;
    uint64_t hash;              /* of all data, for records and checkpoints */
    char *path;                 /* of the table, for messages */
} Dataset;
/* Prepared rows, ready for AdRun. One made by view_batch shares with its source the arrays without a batch axis. */
typedef struct { int64_t rows, capacity; void **data; uint8_t **mask; bool owned; } View;

/* given: dims by --dim (-1: says nothing), or NULL; stored: a loaded model, whose dims, statistics and labels hold, or NULL */
int dataset_load(Dataset *, const AdModel *, const DataArg *, int nargs, const int64_t *given, const Tensors *stored, Err *);
/* as dataset_load, of data to predict from: targets that it lacks are zeros, with a warning */
int dataset_load_new(Dataset *, const AdModel *, const DataArg *, int nargs, const int64_t *given, const Tensors *stored, Err *);
void dataset_fit(Dataset *, const int64_t *train, int64_t n);       /* column statistics over these rows (NULL: all) */
void dataset_view(const Dataset *, const int64_t *rows, int64_t n, View *);         /* prepared copies; rows NULL: all */
void view_batch(const Dataset *, const View *, const int64_t *rows, int64_t n, View *out);   /* gathers into out (at first {0}), reused */
void view_free(const Dataset *, View *);
bool has_batch_axis(const Dataset *, int d);            /* the first axis of data d is the sample axis */
int dataset_store(const Dataset *, Tensors *);          /* adds statistics, label maps and dims to a model file's metadata */
void dataset_free(Dataset *);

typedef struct {                                        /* fetch.c: one array as its file has it */
    Array array;                /* final type; labels not yet mapped: no data, only shape */
    Table *table;               /* where its cells are, or NULL */
    int *columns, ncolumns;     /* of the table */
    const char *path;
    bool text;                  /* some cell of an index(c) array is no integer: labels */
    bool lacking;               /* new data has no such target: no elements yet */
} Fetched;
typedef struct { int n; Table **table; char **paths; int npaths; bool new; } Sources;   /* tables read so far, path names kept; new: data to predict from */
int fetch_all(const AdModel *, const DataArg *, int nargs, const int64_t *given, Fetched *, Sources *, Err *);
int fetch_error(const AdModel *, int d, const Fetched *, int64_t element, double value, Err *, const char *what);   /* with its place */
size_t data_path(const char *file);                     /* the length of FILE in FILE#COLUMNS; all when a file has that very name */
DType fetch_type(const AdModel *, const AdData *);      /* what the model stores it as */
void fetch_free(Fetched *, int n, Sources *);
bool dim_is_named(const AdDim *);                       /* "n", not "n - 1" or "3" */
int64_t stored_dim(const Tensors *, const char *name);  /* the size that a trained model has for it, or -1 */
/* bind.c, in this order: labels to numbers; dims from shapes, labels and ids; every id within its dim. */
int bind_labels(Dataset *, Fetched *, const Tensors *stored, Err *);
int bind_dims(Dataset *, const Fetched *, const int64_t *given, const Tensors *stored, Err *);
int bind_ids(const Dataset *, const Fetched *, Err *);

/* spec.c: the small expressions of settings: numbers, lists, sgd(lr = 0.01). `where` opens every message. text: the whole
 * call in one form, all but lr. */
typedef struct { char kind[16]; double lr, momentum, weight_decay, beta1, beta2, eps, alpha, history; bool lr_given, nesterov, lazy, line_search; char text[160]; } OptimSpec;
typedef struct { char kind[16]; double warmup, every, factor, final; char text[160]; } ScheduleSpec;
int spec_number(const char *text, double *, const char *where, Err *);          /* 2/3, 1e-3: finite */
int spec_list(const char *text, double *, int most, int *n, const char *where, Err *);   /* [a, b] or a,b or a */
int spec_bool(const char *text, bool *, const char *where, Err *);
int spec_optimizer(const char *text, OptimSpec *, const char *where, Err *);
int spec_schedule(const char *text, ScheduleSpec *, const char *where, Err *);
int spec_cells(const char *text, char *array, size_t size, double *fraction, const char *where, Err *);
double schedule_factor(const ScheduleSpec *, int64_t now, int64_t all);         /* of the learning rate */

/* options.c: the command line and the train block, one table: name, default, help, check. Unknown: nearest match. */
typedef struct { const char *key, *value, *from; } Setting;     /* in force; from: "default", "mlp.ad:12" or "command line" */
typedef struct {
    char command[16];                   /* train eval predict check-grad bench info help */
    DataArg *data, *test, *out, *grad; int ndata, ntest, nout, ngrad;
    int64_t *given;                     /* [ndims], -1 where --dim says nothing */
    double *hyper; bool *hyper_given;   /* [nhypers] */
    OptimSpec optimizer; ScheduleSpec schedule;
    int64_t first_restart; bool one_restart;
    int64_t epochs, steps, batch, restarts, patience, threads; bool shuffle;    /* epochs or steps is -1; batch, patience: 0 none; threads 0: all */
    double clip, tol, split[3]; bool split_given;           /* clip, tol: 0 none */
    char holdout_array[256]; double holdout;
    uint64_t seed;
    const char *model, *init, *freeze, *checkpoint, *resume, *report, *history, *record;
    char progress[8]; bool quiet, on_nan_continue;
    Setting *setting; int nsettings;    /* every key of the train block */
    char **owned; int nowned;
} Options;
int options_parse(Options *, const AdModel *, int argc, char **argv, Err *);       /* EXIT_FINE; .command "help" after --help or --version was printed */
void options_free(Options *);
void options_help(const AdModel *, const Options *, FILE *);
/* The place of a data array (d), hyper (h), dim (n), param (p) or output (o); -1 and a message when there is none so called */
int option_find(const AdModel *, char kind, const char *name, const char *where, Err *);
int options_agree(Options *, const AdModel *, Err *);   /* agree.c */

/* optim.c: sgd adam adamw rmsprop adagrad on flat arrays (conventions of PyTorch), both element types. rowwise: it leaves
 * alone what has no gradient, so that the stretches of such elements may be left out. */
typedef struct { int64_t from, n; } Stretch;            /* of the flat arrays */
typedef struct Optim Optim;
Optim *optim_new(const OptimSpec *, int f64, int64_t n);
void optim_reset(Optim *);                              /* as new, for the next restart */
bool optim_is_rowwise(const Optim *, bool *only_rows);  /* only_rows: a row must not be visited unless it has one */
void optim_step(Optim *, double lr, void *x, const void *g, const Stretch *, int64_t nstretches);
int optim_state(Optim *, void **state, int64_t **steps);        /* how many arrays of n; for checkpoints */
int64_t optim_size(const Optim *);                      /* bytes of each of them */
void optim_free(Optim *);

/* session.c: what all runs share, read-only once open: data in its parts, the params of --init, which params learn */
enum { PART_TRAIN, PART_VALIDATION, PART_TEST, PART_ALL, PARTS };
typedef struct { bool present; const Dataset *dataset; int64_t rows; int64_t *dims; View view; void *load; } Part;
typedef struct {
    const AdModel *model; const Options *options;
    Dataset data, test; bool has_data, has_test;
    Tensors init; bool has_init;
    Part part[PARTS];
    double *hyper;              /* [nhypers] */
    bool *learns;               /* [nparams] */
    int64_t *order;             /* rows of the training part, then validation, then test */
    double load_seconds;
} Session;
int session_open(Session *, const AdModel *, const Options *, Err *);
void session_close(Session *);
int session_part_all(Session *, Err *);                 /* opens PART_ALL when it is not */
double clock_seconds(void);

/* worker.c: one AdRun with its memory. Learnable params lie in one flat array x, their gradients in g: the free ones in
 * place, then the unconstrained coordinates of the constrained ones, whose natural values follow, then the frozen ones. */
typedef struct {
    AdRun run;
    const Session *session;
    int64_t n, kept, all;       /* elements the optimiser moves; with the natural values behind them; with the frozen ones */
    void *x, *g;
    int *constrained, nconstrained;
    bool running;               /* the model has running statistics */
    int64_t *at, *count, *last; /* [nparams] place in x or behind, elements, length of the last axis */
    int64_t *natural;           /* [nparams] place of the natural values; at[] itself when not constrained */
    int64_t *dims;              /* of a mini-batch */
    View batch;
    bool wants_rows, only_rows;             /* the optimiser's: see optim_is_rowwise */
    struct { int64_t *at, n, room; } *list; /* [nrows] what run.rows may point to, entries of the last step (-1: not listed), and room */
    uint64_t **seen, turn;      /* [nparams][row]; see rows.c */
    Stretch *stretch; int64_t nstretches, stretch_room;
} Worker;
int worker_open(Worker *, const Session *, Err *);
void worker_close(Worker *);
void worker_use(Worker *, int part);
void worker_use_batch(Worker *, const int64_t *rows, int64_t n);        /* rows of the training part */
int worker_start(Worker *, uint64_t seed, Err *);       /* initial params: --init, else draws */
double worker_step(Worker *);                           /* loss, and g at x */
void worker_moved(Worker *);                            /* x has moved: natural values follow */
void worker_stepped(Worker *);                          /* running statistics take their next values */
double worker_eval(Worker *, int part);                 /* loss and metrics of a part in evaluation mode */
int worker_outputs(Worker *, int part, Array *outputs, Err *);
int worker_fault(const Worker *, Err *);                /* words run->fault; EXIT_FINE when there is none */
size_t worker_element(const Worker *);

/* rows.c: gradients that are rows */
void rows_open(Worker *);
void rows_close(Worker *);
void rows_begin(Worker *);                              /* before a step: clears what the last one listed */
const Stretch *rows_stretches(Worker *, int64_t *n);    /* what the optimiser visits after a step; valid until the next call */

/* lbfgs.c (Liu and Nocedal 1989, strong Wolfe), lm.c (Marquardt 1963, More 1978): one step from x, loss and g at x known;
 * 1 moved, 0 nowhere to go, -1 the loss around is not finite */
typedef struct Lbfgs Lbfgs;
Lbfgs *lbfgs_new(const OptimSpec *, Worker *);
void lbfgs_reset(Lbfgs *);
int lbfgs_step(Lbfgs *, double lr, double loss);
void lbfgs_free(Lbfgs *);
typedef struct Lm Lm;
int lm_refused(const AdModel *, Err *);                 /* says why there is none */
Lm *lm_new(Worker *, Err *);                            /* NULL: no sum of squares, the reason is in err */
void lm_reset(Lm *);
int lm_step(Lm *, double loss);
void lm_free(Lm *);

/* train.c: one run: steps, epochs, validation, patience, divergence */
typedef struct { int64_t epoch, step; double loss, validation; double seconds; } HistoryRow;
typedef struct { HistoryRow *row; int64_t n, size, stride; bool all; } History;     /* all: never thinned */
typedef struct { int64_t epochs, steps; bool diverged; int signal; bool cut; const char *stopped; bool unsaved; char *message; } Outcome;
/* cut: by the signal, before its end; stopped: "tol", "patience" or "no descent" when a run ended before its epochs or steps were over; message: of one that
 * diverged, or whose checkpoint could not be written (unsaved), allocated; else NULL */
typedef struct {                            /* where a run stands; with x and the optimiser's state all that a resume needs */
    int64_t epoch, batch, steps;            /* done: epochs, batches of the next one, steps of the optimiser */
    int64_t best_epoch, stale, finite_epoch;
    double sum, weight, best, previous, finite;
} RunState;
typedef struct Progress Progress;
typedef struct Trainer Trainer;
Trainer *trainer_new(Worker *, Progress *, Err *);
int trainer_run(Trainer *, int64_t restart, History *, Outcome *, double *value, Err *);   /* value: see results_values */
void trainer_free(Trainer *);
void history_add(History *, HistoryRow);

/* checkpoint.c: the state of one run on disk; bit-identical resume */
typedef struct { Worker *worker; RunState *state; void *best; Optim *optim; History *history; } Resumable;
int checkpoint_write(const Resumable *, const char *path, Err *);
int checkpoint_read(const Resumable *, const char *path, Err *);

/* signals.c */
void signals_watch(void);
int signals_seen(void);                                 /* the number of the first one, 0 when none came */

/* results.c: what a command found, for printing, history, record and report */
typedef struct {
    const AdModel *model; const Options *options; const Session *session; const Dataset *dataset;
    HistoryRow *history; int64_t nhistory;
    int64_t restarts, done, best, best_restart; /* done: finished; best: place in value of the one that all below is of */
    char **name; int nvalues;                   /* loss, metrics, validation_* and test_* ones */
    double *value;                              /* [restarts][nvalues] */
    void **param;                               /* [nparams] final (best) natural values */
    Array *output;                              /* [noutputs] over all rows; data NULL when not computed */
    int64_t epochs_run, steps_run; double load_seconds, train_seconds;
    int64_t ndiverged; bool diverged, unsaved; int signal; char message[1024];
    const char *stopped; int64_t nstopped;      /* see Outcome: of the first of so many restarts */
} Results;
int results_open(Results *, const Session *, int64_t restarts);         /* names of the values */
void results_values(Worker *, double *value);                           /* evaluates every part */
void results_params(Results *, const Worker *);
void results_free(Results *);
void results_print(const Results *, FILE *);                    /* 'name value' lines; with restarts the summary */
bool results_stopped(const Results *, char *text, size_t size); /* why a run ended early, in words; false: it did not */
typedef struct { double mean, sd, min, q1, median, q3, max; } Summary;
Summary summary_of(double *, int64_t n);
Summary results_summary(const Results *, int value);
int history_write(const Results *, const char *path, Err *);    /* .csv or .jsonl */
int record_write(const Results *, const char *path, Err *);     /* .json */

/* svg.c: what the report's drawings share. An axis maps values to pixels, linearly or by logarithm:
 * its bounds are logarithms then. whole: ticks at whole numbers only. */
typedef struct { double low, high, from, to; bool log, whole; } Axis;
Axis axis_of(double low, double high, bool log, double from, double to);    /* bounds moved out to look right */
double axis_place(const Axis *, double v);
int axis_ticks(const Axis *, double tick[16]);
void html_text(FILE *, const char *);                   /* escaped */
void html_number(FILE *, double, int digits);
void svg_open(FILE *, double width, double height, const char *about);
void svg_x_axis(FILE *, const Axis *, double top, double bottom);
void svg_y_axis(FILE *, const Axis *, double left, double right);

/* classes.c: a class for each row of an output, for its colour */
typedef struct { int64_t *id, n; const char *what; const Labels *known; Labels own; } Classes;
void classes_open(Classes *, const Results *, int output);
const char *classes_name(const Classes *, int64_t k, char *spare, size_t size);
void classes_close(Classes *);

/* plots.c: one figure each; report.c: the page, one self-contained .html; report_style.c: its style sheet */
void plot_curve(FILE *, const Results *);
void plot_histogram(FILE *, const char *name, double *v, int64_t n);     /* sorts v */
void plot_scatter(FILE *, const Results *, int output, const Array *given, const char *given_name);
void plot_heat(FILE *, const char *name, const Array *);
void plot_squares(FILE *, const char *name, const Array *, int side);
bool plot_is_scatter(const Results *, int output);
const int64_t *plot_rows(const Results *, int output, int64_t *n, const char **what);   /* NULL: all */
void plot_output(FILE *, const Results *, int output);      /* output_plots.c */
int report_write(const Results *, const char *path, Err *);
extern const char *const report_style;

/* model_file.c: trained params with all that predict needs */
int model_write(const Results *, const char *path, Err *);
const char *other_model(const Tensors *, const AdModel *);      /* whose params a file holds when they are not this model's, or NULL */
int init_param(const Session *, int p, const int64_t *dims, void *out, Err *);  /* from the file of --init */

/* outputs.c: arrays of --out and --grad as .npy or .csv */
int output_write(const Dataset *, const AdModel *, const char *name, const Array *, const int *axes, int labels, const char *path, Err *);
int output_named(const Results *, const DataArg *out, Err *);

/* targets.c: the files to be written */
bool path_has_suffix(const char *path, const char *suffix);
int targets_check(const Options *, const AdModel *, Err *);     /* suffixes, no path twice, none that is read */
FILE *targets_beside(const Options *, const AdModel *);         /* where results go: standard error when a file is '-' */
int targets_probe(const Options *, const AdModel *, Err *);     /* each can be opened */
int targets_write(const Results *, Err *);                      /* every one is tried */

/* one file a command: restarts.c evaluate.c checkgrad.c info.c bench.c; main.c picks one */
int command_train(Session *, Err *);
int command_eval(Session *, Err *);
int command_predict(Session *, Err *);
int command_checkgrad(Session *, Err *);
int command_bench(Session *, Err *);
int command_info(const AdModel *, const Options *, FILE *);

/* progress.c: on standard error; silent when mode says so */
Progress *progress_start(const Options *);
void progress_tick(Progress *, int64_t done, double loss, double validation);       /* often, from any thread */
void progress_done(Progress *, int64_t done, double loss);      /* a restart is over, after so many epochs or steps */
void progress_end(Progress *);

#endif
