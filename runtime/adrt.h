/* adrt.h: what an emitted trainer and the runtime know of each other.
 *
 * adc emits one C file a model. That file describes the model in tables (AdModel and what it points to) and holds its
 * mathematics as a handful of functions over an AdRun; main() hands the tables to adrt_main(), which does the rest:
 * options, data, initial draws, optimisers, training, models on disk, reports. No mathematics of a model lives here.
 *
 * The element type of every real array is float or double, model->f64 says which; `void *` below points to such an
 * array. Arrays are dense and row-major. Sizes are int64_t. */
#ifndef ADRT_H
#define ADRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { AD_REAL, AD_INT, AD_BOOL } AdType;          /* stored as real, int64_t, uint8_t */

typedef enum {
    AD_DIM_DATA,        /* bound by the axes of the data that name it */
    AD_DIM_FIXED,       /* known when the model was compiled: .value */
    AD_DIM_DERIVED,     /* computed from other dims by model->derive */
    AD_DIM_IDS,         /* largest id + 1 over the data of type index(dim); --dim or a loaded param may give it */
} AdDimKind;

typedef struct {
    const char *name;   /* as the model says; an expression such as "n - 1" for the size of an unnamed axis */
    AdDimKind kind;
    int64_t value;      /* of a FIXED dim */
    int batch;          /* the sample axis (at most one) */
    int line;           /* of its declaration */
} AdDim;

typedef struct { const char *name; double value; int line; } AdHyper;

typedef enum { AD_AS_IS, AD_CENTERED, AD_SCALED } AdPrepare;

typedef struct {
    const char *name;
    int line;
    AdType type;
    int labels;             /* the dim c of an index(c) array (AD_INT), else -1 */
    int rank;
    const int *axes;        /* [rank] places in model->dims */
    AdPrepare prepare;      /* column means (and sds) over the first axis, fitted on the training rows */
    int missing;            /* nan allowed; such a cell reads as 0 after preparation, run->mask tells */
    int64_t column_lo, column_hi;       /* 'from columns lo:hi' (lo < hi), else 0, 0 */
    int ncolumns;                       /* 'from column(s) "a", ...' */
    const char *const *columns;
} AdData;

typedef enum {
    AD_INIT_FILL,       /* written by model->init */
    AD_INIT_UNIFORM, AD_INIT_NORMAL, AD_INIT_GLOROT, AD_INIT_HE, AD_INIT_LECUN, AD_INIT_ORTHOGONAL,
    AD_INIT_ZEROS, AD_INIT_ONES, AD_INIT_CONSTANT, AD_INIT_FILE,
} AdInit;

typedef enum { AD_FREE, AD_POSITIVE, AD_INTERVAL, AD_ORDERED, AD_SIMPLEX } AdConstraint;   /* the last two: last axis */

typedef struct {
    const char *name;
    int line;
    int rank;
    const int *axes;
    AdInit init;            /* its arguments: run->draw[4*p], run->draw[4*p + 1], written by model->init */
    int scalar_fill;        /* AD_INIT_FILL by a scalar: spreads over 'ordered' and 'simplex' */
    const char *file;       /* of AD_INIT_FILE */
    AdConstraint constraint;/* bounds of AD_INTERVAL: run->draw[4*p + 2], run->draw[4*p + 3], written by model->init */
    int frozen;             /* declared so, or no loss depends on it: run->grad of it stays 0 */
    int running;            /* a running statistic: frozen, and after a step of training it takes the value in run->grad */
} AdParam;

/* A list of rows: the first indices at which the step adds to the gradient of a param that is read by an index array. */
typedef struct { int param, count; } AdRows;        /* place in params; place in dims of the list's length */

typedef struct { const char *name; int line; int named; } AdScalar;     /* a loss (named 0: plain 'loss e') or a metric */

typedef struct {
    const char *name;
    int line;
    AdType type;
    int labels;             /* as in AdData */
    int rank;
    const int *axes;
} AdOutput;

/* A key of the train block, value in its source form: "sgd(lr = 0.01)", "1000", "[0.8, 0.1, 0.1]", "true", "data.csv" */
typedef struct { const char *key, *value; int line; } AdSetting;

typedef struct AdRun AdRun;

typedef struct {
    const char *name;           /* "mlp" */
    const char *file;           /* "mlp.ad", as given to adc */
    const char *source;         /* the model's text */
    const char *own_slope;      /* why a gradient need not be that of differences: "'f' has a vjp of its own", or NULL */
    int f64;                    /* real is double, else float */
    int ndims;      const AdDim *dims;
    int nhypers;    const AdHyper *hypers;
    int ndata;      const AdData *data;
    int nparams;    const AdParam *params;
    int nrows;      const AdRows *rows;
    int nlosses;    const AdScalar *losses;
    int nmetrics;   const AdScalar *metrics;
    int noutputs;   const AdOutput *outputs;
    int nsettings;  const AdSetting *settings;

    void (*derive)(int64_t *dims);                      /* fills the DERIVED dims from the others */
    size_t (*load_bytes)(const int64_t *dims);          /* of run->load */
    size_t (*work_bytes)(const int64_t *dims);          /* of run->work, enough for every function but trace */
    size_t (*trace_bytes)(const int64_t *dims);         /* of run->work for trace */
    void (*load)(AdRun *);      /* what depends on data alone, once: fills run->load; asserts about data */
    void (*init)(AdRun *);      /* fills of params, arguments of draws, bounds (after load) */
    void (*step)(AdRun *);      /* run->loss[] and run->grad[] at run->param[], training mode */
    void (*eval)(AdRun *);      /* run->loss[] and run->metric[], evaluation mode */
    void (*output)(AdRun *);    /* run->output[], evaluation mode */
    void (*trace)(AdRun *);     /* like step, but visits every value in order and faults at the first non-finite one */
    /* residuals of a loss that is a sum of squares, for lm(): NULL when it is none, lm_reason says why */
    int residuals;              /* place in dims of their number */
    void (*jacobian)(AdRun *);  /* run->output[noutputs] is r[count], the next one J[count, learnable elements in order]; loss = sum r^2 */
    const char *lm_reason;
} AdModel;

typedef enum { AD_OK, AD_FAULT_INDEX, AD_FAULT_DIVISION, AD_FAULT_ASSERT, AD_FAULT_NOT_FINITE, AD_FAULT_OPAQUE } AdFaultKind;

/* The first thing that went wrong in an emitted function; the runtime words the message. */
typedef struct {
    AdFaultKind kind;
    int line;               /* of the model */
    const char *what;       /* the source line, or the name of the value */
    int64_t index, size;    /* of AD_FAULT_INDEX */
    double value;           /* of AD_FAULT_NOT_FINITE */
} AdFault;

/* Everything an emitted function reads and writes. One per thread: emitted code has no other state. */
struct AdRun {
    const AdModel *model;
    int64_t *dims;              /* [ndims] sizes; the batch dim holds the rows of this batch */
    int64_t total;              /* full length of the batch dim: what total(n) says */
    const double *hyper;        /* [nhypers] */
    const void **data;          /* [ndata] prepared arrays, this batch's rows when the first axis is the batch dim */
    const uint8_t **mask;       /* [ndata] 1 where a missing array has a value; NULL unless declared missing */
    void **param, **grad;       /* [nparams] real; natural units. step writes all of a gradient, but adds to one that has
                                   rows: it must be 0 before */
    int64_t **rows;             /* [nrows] written by step: see AdRows; a row may come more than once. NULL: not wanted */
    double *draw;               /* [4 * nparams] see AdParam */
    void **output;              /* [noutputs] */
    double *loss, *metric;      /* [nlosses], [nmetrics] */
    void *load, *work;          /* 64-byte aligned */
    uint64_t seed;              /* of every draw */
    uint64_t step;              /* counts steps from 0; fresh draws of training mode depend on it */
    AdFault fault;
};

int adrt_main(int argc, char **argv, const AdModel *model);

/* ---- called by emitted code ---- */

void adrt_fault(AdRun *, AdFaultKind, int line, const char *what, int64_t index, int64_t size, double value);

/* Opaque operations, once, on data alone. `f64` is the element type of A and out.
 * lowrank: best rank-k approximation of A[m, n] (truncated SVD, not centred). pca: scores [m, k] of the centred columns on
 * the first k principal axes. svdvals: min(m, n) singular values, descending. quantile: linear between order statistics. */
void adrt_lowrank(AdRun *, int f64, const void *A, int64_t m, int64_t n, int64_t k, void *out);
void adrt_pca(AdRun *, int f64, const void *A, int64_t m, int64_t n, int64_t k, void *out);
void adrt_svdvals(AdRun *, int f64, const void *A, int64_t m, int64_t n, void *out);
void adrt_quantile(AdRun *, int f64, const void *x, int64_t n, double q, void *out);

/* Philox 4x32-10 draws, keyed by (seed, key, step) at counter index: uniform in (0, 1), standard normal. */
double adrt_uniform(uint64_t seed, uint64_t key, uint64_t step, int64_t index);
double adrt_normal(uint64_t seed, uint64_t key, uint64_t step, int64_t index);

#ifdef __cplusplus
}
#endif
#endif
