/* bench.c: the command bench: the time of one step, and of one step with the optimiser's update, in microseconds.
 *
 * A step is one of training: of the batch in force, whose rows are gathered anew each time, in order.
 * Each figure is the median of several batches of steps long enough for the clock; nothing else runs in between. The
 * params move as in training, so the numbers are those of real values. */
#include "rt.h"

#include <stdlib.h>

enum { BENCH_ROUNDS = 11 };

static int bench_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct { Worker w; int64_t batch, rows, from, *order; } Bench;      /* batch 0: all rows at once */

static void bench_open_batches(Bench *b)
{
    const Session *s = b->w.session;
    b->rows = s->part[PART_TRAIN].rows;
    b->batch = s->options->batch < b->rows ? s->options->batch : 0;
    b->order = rt_alloc((size_t)(b->rows + 1) * sizeof *b->order);
    for (int64_t i = 0; i < b->rows; i++)
        b->order[i] = i;
}

static void bench_step(Bench *b)
{
    int64_t left = b->rows - b->from, n = b->batch < left ? b->batch : left;
    if (b->batch) {
        worker_use_batch(&b->w, b->order + b->from, n);
        b->from = n < left ? b->from + n : 0;
    }
    worker_step(&b->w);
}

static double bench_median(Bench *b, Optim *optim, double lr, int64_t steps)
{
    Worker *w = &b->w;
    double took[BENCH_ROUNDS];
    for (int r = 0; r < BENCH_ROUNDS; r++) {
        double start = clock_seconds();
        for (int64_t i = 0; i < steps; i++) {
            bench_step(b);
            if (optim) {
                int64_t n;
                const Stretch *stretch = rows_stretches(w, &n);
                optim_step(optim, lr, w->x, w->g, stretch, n);
                if (w->nconstrained)
                    worker_moved(w);
            }
        }
        took[r] = (clock_seconds() - start) / (double)steps;
    }
    qsort(took, BENCH_ROUNDS, sizeof *took, bench_order);
    return took[BENCH_ROUNDS / 2];
}

int command_bench(Session *s, Err *err)
{
    Bench b = { .order = NULL };
    Worker *w = &b.w;
    int64_t steps = 1;
    int bad = worker_open(w, s, err);
    if (!bad)
        bad = worker_start(w, s->options->seed, err);
    if (!bad) {
        Optim *optim = optim_new(&s->options->optimizer, s->model->f64, w->n);
        w->wants_rows = optim && optim_is_rowwise(optim, &w->only_rows);
        double start = clock_seconds();
        bench_open_batches(&b);
        do                              /* how many steps fill about 20 ms */
            bench_step(&b);
        while (clock_seconds() - start < 0.02 && ++steps);
        printf("step_us %.4g\n", 1e6 * bench_median(&b, NULL, 0, steps));
        if (optim)
            printf("step_and_update_us %.4g\n", 1e6 * bench_median(&b, optim, s->options->optimizer.lr, steps));
        printf("load_ms %.4g\n", 1e3 * s->load_seconds);
        optim_free(optim);
        bad = worker_fault(w, err);
    }
    free(b.order);
    worker_close(w);
    return bad;
}
