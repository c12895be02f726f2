/* train.c: one run of training.
 *
 *     for each epoch            one pass over the training rows, in batches or at once
 *         for each batch        loss and gradient (emitted), test of the loss, optimiser
 *         validation, history, patience, tol
 *
 * The loop makes no system call and, after its first steps, allocates nothing: the clock is read every few milliseconds
 * and times in between are interpolated. The loss of an epoch is the mean over its batches, each taken before its
 * update, so with full batches epoch 1 shows the loss of the initial params. The best params are those at which the lowest such loss (or validation
 * loss) was seen: they are what a run that diverges, or runs out of patience, ends with. */
#include "rt.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Trainer {
    Worker *w;
    Progress *progress;
    const Options *options;
    Optim *optim;
    Lbfgs *lbfgs;
    Lm *lm;
    int64_t rows, batch, batches;       /* batch 0: all rows at once */
    int64_t *order;
    void *best;
    size_t kept_bytes;
    bool has_validation, constant;      /* constant: the learning rate */
    RunState at;
    History *history;
    double started, now;                /* seconds */
    int64_t until_clock, clock_every, clocked_rows;
    const char *stopped;                /* why before the end, or NULL */
};

enum { TRAIN_GOES_ON, TRAIN_IS_OVER, TRAIN_DIVERGED, TRAIN_FAILED };

Trainer *trainer_new(Worker *w, Progress *progress, Err *err)
{
    const Session *s = w->session;
    const Options *o = s->options;
    Trainer *t = rt_alloc(sizeof *t);
    t->w = w;
    t->progress = progress;
    t->options = o;
    t->rows = s->part[PART_TRAIN].rows;
    t->batch = o->batch > 0 && o->batch < t->rows ? o->batch : 0;
    t->batches = t->batch ? (t->rows + t->batch - 1) / t->batch : 1;
    t->order = t->batch ? rt_alloc((size_t)t->rows * sizeof *t->order) : NULL;
    t->kept_bytes = (size_t)w->kept * worker_element(w);
    t->best = rt_alloc(t->kept_bytes);
    t->has_validation = s->part[PART_VALIDATION].present;
    t->constant = strcmp(o->schedule.kind, "constant") == 0;
    t->optim = optim_new(&o->optimizer, s->model->f64, w->n);
    w->wants_rows = t->optim && optim_is_rowwise(t->optim, &w->only_rows);
    if (strcmp(o->optimizer.kind, "lbfgs") == 0)
        t->lbfgs = lbfgs_new(&o->optimizer, w);
    else if (!t->optim && !(t->lm = lm_new(w, err))) {
        trainer_free(t);
        return NULL;
    }
    return t;
}

void trainer_free(Trainer *t)
{
    if (!t)
        return;
    optim_free(t->optim);
    lbfgs_free(t->lbfgs);
    lm_free(t->lm);
    free(t->order);
    free(t->best);
    free(t);
}

/* ---- history and clock ---- */

/* Without a file to fill, a long history keeps every second, then every fourth ... row: a curve needs no more. */
void history_add(History *h, HistoryRow row)
{
    enum { ENOUGH = 1 << 15 };
    if (h->stride == 0)
        h->stride = 1;
    if (!h->all && h->n == ENOUGH) {
        for (int64_t i = 0; i < h->n / 2; i++)
            h->row[i] = h->row[2 * i];
        h->n /= 2;
        h->stride *= 2;
    }
    if (h->stride > 1 && (row.epoch - 1) % h->stride != 0)
        return;
    if (h->n == h->size) {
        int64_t size = h->size ? 2 * h->size : 256;
        HistoryRow *longer = rt_alloc((size_t)size * sizeof *longer);
        if (h->n)
            memcpy(longer, h->row, (size_t)h->n * sizeof *longer);
        free(h->row);
        h->row = longer;
        h->size = size;
    }
    h->row[h->n++] = row;
}

/* Reads the clock and spreads the time since the last reading over the rows written since. */
static void trainer_clock(Trainer *t)
{
    const double wanted = 4e-3;
    double before = t->now, now = clock_seconds() - t->started, passed = now - before;
    History *h = t->history;
    int64_t from = t->clocked_rows < h->n ? t->clocked_rows : 0;
    for (int64_t i = from; i < h->n; i++)
        if (h->row[i].seconds >= before)
            h->row[i].seconds = before + passed * (double)(i - from + 1) / (double)(h->n - from);
    t->clocked_rows = h->n;
    t->now = now;
    if (passed < wanted / 2 && t->clock_every < 1 << 20)
        t->clock_every *= 2;
    else if (passed > wanted && t->clock_every > 1)
        t->clock_every /= 2;
    t->until_clock = t->clock_every;
}

/* ---- the best params so far ---- */

static bool trainer_judge(Trainer *t, double loss)
{
    if (!(loss < t->at.best))
        return false;
    t->at.best = loss;
    t->at.best_epoch = t->at.epoch + 1;
    memcpy(t->best, t->w->x, t->kept_bytes);
    return true;
}

static void trainer_restore_best(Trainer *t)
{
    memcpy(t->w->x, t->best, t->kept_bytes);
}

static int trainer_stops(Trainer *t, const char *why)
{
    t->stopped = why;
    return TRAIN_IS_OVER;
}

/* ---- one step ---- */

static double squares(const void *g, int f64, Stretch at)
{
    double sum = 0;
    if (f64)
        for (int64_t i = at.from; i < at.from + at.n; i++)
            sum += ((const double *)g)[i] * ((const double *)g)[i];
    else
        for (int64_t i = at.from; i < at.from + at.n; i++)
            sum += (double)((const float *)g)[i] * (double)((const float *)g)[i];
    return sum;
}

static void scale(void *g, int f64, Stretch at, double factor)
{
    for (int64_t i = at.from; i < at.from + at.n; i++)
        if (f64)
            ((double *)g)[i] *= factor;
        else
            ((float *)g)[i] *= (float)factor;
}

/* Scales the gradient so that its norm is at most `most` (Pascanu et al. 2013; PyTorch's 1e-6 included). */
static void trainer_clip(Trainer *t, double most, const Stretch *stretch, int64_t n)
{
    int f64 = t->w->run.model->f64;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += squares(t->w->g, f64, stretch[i]);
    double factor = most / (sqrt(sum) + 1e-6);
    for (int64_t i = 0; factor < 1 && i < n; i++)
        scale(t->w->g, f64, stretch[i], factor);
}

static double trainer_rate(const Trainer *t)
{
    const Options *o = t->options;
    double lr = o->optimizer.lr;
    if (t->constant)
        return lr;
    return o->steps >= 0 ? lr * schedule_factor(&o->schedule, t->at.steps, o->steps)
                         : lr * schedule_factor(&o->schedule, t->at.epoch, o->epochs);
}

/* false: the optimiser has nowhere to go */
static bool trainer_move(Trainer *t, double loss)
{
    bool moved = true;
    int64_t n;
    const Stretch *stretch = rows_stretches(t->w, &n);
    if (t->options->clip > 0)
        trainer_clip(t, t->options->clip, stretch, n);
    if (t->optim)
        optim_step(t->optim, trainer_rate(t), t->w->x, t->w->g, stretch, n);
    else if (t->lbfgs)
        moved = lbfgs_step(t->lbfgs, trainer_rate(t), loss) != 0;
    else
        moved = lm_step(t->lm, loss) != 0;
    if (t->optim && t->w->nconstrained)
        worker_moved(t->w);
    if (t->w->running)
        worker_stepped(t->w);
    t->w->run.step++;
    t->at.steps++;
    return moved;
}

/* Batches of one epoch from where the run stands. A signal stops between steps. */
static int trainer_epoch(Trainer *t, double *epoch_loss, Err *err)
{
    Worker *w = t->w;
    RunState *at = &t->at;
    const Options *o = t->options;
    bool moved = true;
    if (t->batch && (at->batch == 0 || t->order[0] < 0)) {
        for (int64_t i = 0; i < t->rows; i++)
            t->order[i] = i;
        if (o->shuffle)
            shuffle(t->order, t->rows, w->run.seed, name_key("epoch"), (uint64_t)at->epoch);
    }
    while (at->batch < t->batches) {
        int64_t from = at->batch * t->batch, n = t->batch ? t->rows - from : 1;
        if (t->batch) {
            n = n < t->batch ? n : t->batch;
            worker_use_batch(w, t->order + from, n);
        }
        double loss = worker_step(w);
        if (w->run.fault.kind != AD_OK) {
            worker_fault(w, err);
            return TRAIN_FAILED;
        }
        at->sum += loss * (double)n;
        at->weight += (double)n;
        *epoch_loss = t->batch ? at->sum / at->weight : loss;
        if (!(fabs(loss) <= DBL_MAX) && !o->on_nan_continue) {
            *epoch_loss = loss;
            return TRAIN_DIVERGED;
        }
        at->batch++;
        if (at->batch == t->batches && !t->has_validation && trainer_judge(t, *epoch_loss))
            at->stale = -1;
        moved = trainer_move(t, loss);
        if (at->steps == o->steps || !moved || signals_seen())
            break;
    }
    return moved ? TRAIN_GOES_ON : trainer_stops(t, "no descent");
}

/* ---- the end of an epoch ---- */

static int trainer_after_epoch(Trainer *t, double loss, bool signalled)
{
    RunState *at = &t->at;
    const Options *o = t->options;
    double validation = NAN;
    int over = TRAIN_GOES_ON;
    if (signalled && at->batch < t->batches)
        return TRAIN_IS_OVER;           /* the epoch is not over: a resumed run finishes it */
    if (t->has_validation) {
        validation = worker_eval(t->w, PART_VALIDATION);
        if (trainer_judge(t, validation))
            at->stale = -1;
    }
    at->stale++;
    at->epoch++;
    at->batch = 0;
    at->sum = at->weight = 0;
    if (o->tol > 0 && isfinite(at->previous) && fabs(at->previous - loss) <= o->tol * fabs(at->previous))
        over = trainer_stops(t, "tol");         /* the first epoch has none before it to compare with */
    if (o->patience > 0 && at->stale >= o->patience)
        over = trainer_stops(t, "patience");
    at->previous = at->finite = loss;
    at->finite_epoch = at->epoch;
    history_add(t->history, (HistoryRow){ at->epoch, at->steps, loss, validation, t->now });
    if (--t->until_clock <= 0) {
        trainer_clock(t);
        progress_tick(t->progress, o->steps >= 0 ? at->steps : at->epoch, loss, validation);
    }
    return signalled ? TRAIN_IS_OVER : over;
}

/* ---- divergence ---- */

/* 8.1e+11 as people write it: 8.1e11 */
static void short_number(char *text, size_t size, double v)
{
    snprintf(text, size, "%.2g", v);
    char *e = strchr(text, 'e');
    if (!e)
        return;
    e++;
    e += *e == '-';
    size_t skip = strspn(e, "+0");
    memmove(e, e + skip, strlen(e + skip) + 1);
}

/* Which value went wrong first: every value at once needs memory, and without it nobody is told. */
static bool trainer_trace(AdRun *run)
{
    void *work = run->work, *room = rt_try(run->model->trace_bytes ? run->model->trace_bytes(run->dims) : 0);
    if (!room || !run->model->trace) {
        free(room);
        return false;
    }
    run->work = room;
    run->model->trace(run);
    run->work = work;
    free(room);
    return true;
}

static void trainer_say_diverged(Trainer *t, double loss, Outcome *outcome)
{
    enum { ROOM = 1024 };
    const RunState *at = &t->at;
    AdRun *run = &t->w->run;
    char batch[64] = "", last[64], finite[96] = "", line[512] = "";
    const char *kept = at->best_epoch ? "parameters of the best epoch kept" : "initial parameters kept";
    if (t->batch)
        snprintf(batch, sizeof batch, ", step %lld (batch %lld)", (long long)at->steps + 1, (long long)at->batch + 1);
    short_number(last, sizeof last, at->finite);
    if (at->finite_epoch)
        snprintf(finite, sizeof finite, " (last finite %s at epoch %lld)", last, (long long)at->finite_epoch);
    if (run->fault.kind == AD_OK && trainer_trace(run)) {
        if (run->fault.kind == AD_FAULT_NOT_FINITE)
            snprintf(line, sizeof line, "; first non-finite value: '%s' at %s:%d", run->fault.what ? run->fault.what : "?",
                     run->model->file, run->fault.line);
        run->fault = (AdFault){ 0 };
    }
    outcome->diverged = true;
    outcome->unsaved = false;           /* which was said when it happened; this is worse */
    free(outcome->message);
    outcome->message = rt_alloc(ROOM);
    snprintf(outcome->message, ROOM, "loss is %s at epoch %lld%s%s; %s%s",
             isnan(loss) ? "nan" : loss > 0 ? "inf" : "-inf", (long long)at->epoch + 1, batch, finite, kept, line);
}

/* ---- a run ---- */

static Resumable trainer_state(Trainer *t)
{
    return (Resumable){ t->w, &t->at, t->best, t->optim, t->history };
}

static int trainer_begin(Trainer *t, int64_t restart, History *history, Err *err)
{
    const Options *o = t->options;
    history->n = 0;
    history->stride = 1;
    t->history = history;
    t->at = (RunState){ .best = INFINITY, .previous = INFINITY };
    t->started = clock_seconds();
    t->now = 0;
    t->clock_every = t->until_clock = 1;
    t->clocked_rows = 0;
    t->stopped = NULL;
    if (t->optim)
        optim_reset(t->optim);
    if (t->lbfgs)
        lbfgs_reset(t->lbfgs);
    if (t->lm)
        lm_reset(t->lm);
    int bad = worker_start(t->w, o->seed + (uint64_t)(o->first_restart + restart), err);
    memcpy(t->best, t->w->x, t->kept_bytes);
    if (t->order)
        t->order[0] = -1;
    if (!bad && o->resume) {
        Resumable r = trainer_state(t);
        bad = checkpoint_read(&r, o->resume, err);
    }
    return bad;
}

static bool trainer_wants_more(const Trainer *t)
{
    const Options *o = t->options;
    return o->steps >= 0 ? t->at.steps < o->steps : t->at.epoch < o->epochs;
}

/* A checkpoint that cannot be written is no reason to give up the run. */
static void trainer_save(Trainer *t, Outcome *outcome)
{
    Resumable r = trainer_state(t);
    Err err;
    free(outcome->message);
    outcome->message = NULL;
    outcome->unsaved = checkpoint_write(&r, t->options->checkpoint, &err) != EXIT_FINE;
    if (!outcome->unsaved)
        return;
    fprintf(stderr, "%s: warning: %s; going on\n", t->w->run.model->name, err.text);
    outcome->message = strdup(err.text);
}

static int trainer_loop(Trainer *t, Outcome *outcome, Err *err)
{
    int now = TRAIN_GOES_ON;
    double loss = NAN, saved = t->started;
    bool saves = t->options->checkpoint != NULL;
    while (now == TRAIN_GOES_ON && trainer_wants_more(t)) {
        now = trainer_epoch(t, &loss, err);
        if (now == TRAIN_DIVERGED)
            trainer_say_diverged(t, loss, outcome);
        if (now == TRAIN_DIVERGED || now == TRAIN_FAILED)
            break;
        outcome->signal = signals_seen();
        bool cut = t->at.steps == t->options->steps && t->at.batch < t->batches;
        if (cut && t->options->checkpoint)
            trainer_save(t, outcome);       /* within an epoch, which is over here alone: a run that goes on ends it */
        saves &= !cut;
        int after = trainer_after_epoch(t, loss, outcome->signal != 0);
        now = now == TRAIN_IS_OVER ? now : after;
        if (t->options->checkpoint && now == TRAIN_GOES_ON && t->started + t->now - saved > 30) {
            saved = t->started + t->now;
            trainer_save(t, outcome);
        }
    }
    trainer_clock(t);
    if (now == TRAIN_FAILED)
        return EXIT_BAD_DATA;
    if (saves && now != TRAIN_DIVERGED)
        trainer_save(t, outcome);
    return EXIT_FINE;
}

/* With patience a run ends with the best params. Without validation the loss of an epoch is that of the params before its
 * last step, and of batches a mean along the way: the last params have not been judged yet and meet the best ones here. */
static void trainer_keep_better(Trainer *t)
{
    Worker *w = t->w;
    if (t->has_validation) {
        trainer_restore_best(t);
        return;
    }
    void *last = rt_alloc(t->kept_bytes);
    double loss = worker_eval(w, PART_TRAIN);
    memcpy(last, w->x, t->kept_bytes);
    trainer_restore_best(t);
    if (loss <= worker_eval(w, PART_TRAIN))
        memcpy(w->x, last, t->kept_bytes);
    free(last);
}

int trainer_run(Trainer *t, int64_t restart, History *history, Outcome *outcome, double *value, Err *err)
{
    Worker *w = t->w;
    memset(outcome, 0, sizeof *outcome);
    int bad = trainer_begin(t, restart, history, err);
    if (!bad && w->run.model->nlosses > 0 && w->n > 0)
        bad = trainer_loop(t, outcome, err);
    if (bad)
        return bad;
    worker_use(w, PART_TRAIN);
    outcome->epochs = t->at.epoch;
    outcome->steps = t->at.steps;
    outcome->stopped = trainer_wants_more(t) ? t->stopped : NULL;
    outcome->cut = outcome->signal && trainer_wants_more(t) && !t->stopped && !outcome->diverged;
    if (outcome->diverged)
        trainer_restore_best(t);
    else if (t->options->patience > 0 && t->at.best_epoch)
        trainer_keep_better(t);
    results_values(w, value);
    bool finite = w->run.model->nlosses == 0 || fabs(value[0]) <= DBL_MAX;
    if (!finite && !outcome->diverged && !t->options->on_nan_continue) {
        trainer_say_diverged(t, value[0], outcome);     /* the last step went over the edge */
        trainer_restore_best(t);
        results_values(w, value);
    }
    return worker_fault(w, err);
}
