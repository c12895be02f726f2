/* restarts.c: the command train: one run or many, on one thread or several, then everything that was asked for.
 *
 * Restart i draws and shuffles by seed + i. Threads take the next restart as they come free, each with one worker whose
 * memory serves all its runs; a run depends on its number alone, and the best is the lowest (validation) loss and among
 * equals the lowest number, so the results do not depend on how many threads there are. A run that a signal cut off
 * counts only when none was over. */
#include "rt.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    Session *session;
    Results *results;
    Progress *progress;
    int score;                      /* place of the value that decides which restart is best, -1: none */
    int64_t next;
    int status;
    Err err;
    Outcome *outcome;               /* [restarts] */
    bool *finished;
    pthread_mutex_t lock;
} Pool;

typedef struct { int64_t restart; bool cut; double score; } Rank;      /* restart -1: none yet */

typedef struct {                    /* one thread's */
    Pool *pool;
    Worker worker;
    Trainer *trainer;
    History now, best_history;
    Rank best;
    void *best_x;                   /* the whole block of params */
} Hand;

static double pool_score(const Pool *pool, int64_t restart)
{
    const Results *r = pool->results;
    double v = pool->score < 0 ? 0 : r->value[restart * r->nvalues + pool->score];
    return isnan(v) ? (double)INFINITY : v;
}

static bool is_better(Rank a, Rank b)
{
    if (a.restart < 0 || b.restart < 0)
        return a.restart >= 0;
    if (a.cut != b.cut)
        return b.cut;
    return a.score < b.score || (a.score <= b.score && a.restart < b.restart);
}

static void hand_keep(Hand *h, int64_t restart)
{
    Rank now = { restart, h->pool->outcome[restart].cut, pool_score(h->pool, restart) };
    if (!is_better(now, h->best))
        return;
    h->best = now;
    memcpy(h->best_x, h->worker.x, (size_t)h->worker.all * worker_element(&h->worker));
    History swap = h->best_history;
    h->best_history = h->now;
    h->now = swap;
}

static int64_t pool_take(Pool *pool)
{
    int64_t i = -1;
    pthread_mutex_lock(&pool->lock);
    if (pool->status == EXIT_FINE && pool->next < pool->results->restarts && !signals_seen())
        i = pool->next++;
    pthread_mutex_unlock(&pool->lock);
    return i;
}

static void *hand_work(void *context)
{
    Hand *h = context;
    Pool *pool = h->pool;
    for (int64_t i = pool_take(pool); i >= 0; i = pool_take(pool)) {
        Err err;
        double *value = pool->results->value + i * pool->results->nvalues;
        int bad = trainer_run(h->trainer, i, &h->now, &pool->outcome[i], value, &err);
        if (bad) {
            pthread_mutex_lock(&pool->lock);
            if (pool->status == EXIT_FINE) {
                pool->status = bad;
                pool->err = err;
            }
            pthread_mutex_unlock(&pool->lock);
            return NULL;
        }
        pool->finished[i] = true;
        hand_keep(h, i);
        const Outcome *o = &pool->outcome[i];
        if (o->cut && pool->results->restarts > 1)
            break;
        progress_done(pool->progress, pool->session->options->steps >= 0 ? o->steps : o->epochs, pool->results->nvalues ? value[0] : 0);
    }
    return NULL;
}

static int hand_open(Hand *h, Pool *pool, Err *err)
{
    h->pool = pool;
    h->best.restart = -1;
    int bad = worker_open(&h->worker, pool->session, err);
    if (bad)
        return bad;
    h->now.all = h->best_history.all = pool->session->options->history != NULL;
    h->best_x = rt_alloc((size_t)h->worker.all * worker_element(&h->worker));
    h->trainer = trainer_new(&h->worker, pool->progress, err);
    return h->trainer ? EXIT_FINE : EXIT_USAGE;
}

static void hand_close(Hand *h)
{
    trainer_free(h->trainer);
    worker_close(&h->worker);
    free(h->now.row);
    free(h->best_history.row);
    free(h->best_x);
}

static int pool_threads(const Options *o)
{
    int64_t n = o->threads > 0 ? o->threads : (int64_t)sysconf(_SC_NPROCESSORS_ONLN);
    n = n < o->restarts ? n : o->restarts;
    return n < 1 ? 1 : n > 256 ? 256 : (int)n;
}

/* Runs all hands; the calling thread is the first. */
static int pool_run(Pool *pool, Hand *hands, int n, Err *err)
{
    pthread_t *thread = rt_alloc((size_t)n * sizeof *thread);
    int started = 1;
    while (started < n && pthread_create(&thread[started], NULL, hand_work, &hands[started]) == 0)
        started++;                  /* fewer threads than wanted: the others do their work */
    hand_work(&hands[0]);
    for (int i = 1; i < started; i++)
        pthread_join(thread[i], NULL);
    free(thread);
    if (pool->status)
        *err = pool->err;
    return pool->status;
}

/* ---- what came of it ---- */

static void pool_outcomes(Pool *pool)
{
    Results *r = pool->results;
    int64_t done = 0;
    r->epochs_run = r->steps_run = 0;
    for (int64_t i = 0; i < r->restarts; i++) {
        const Outcome *o = &pool->outcome[i];
        if (!pool->finished[i])
            continue;
        r->epochs_run += o->epochs;
        r->steps_run += o->steps;
        r->signal = o->signal ? o->signal : r->signal;
        if (o->cut && r->restarts > 1)
            continue;
        memmove(r->value + done * r->nvalues, r->value + i * r->nvalues, (size_t)r->nvalues * sizeof *r->value);
        if (o->stopped && r->nstopped++ == 0)
            r->stopped = o->stopped;
        r->unsaved |= o->unsaved;
        r->ndiverged += o->diverged;
        if (o->message && !r->message[0])
            snprintf(r->message, sizeof r->message, "%s", o->message);
        if (r->best_restart == i)
            r->best = done;
        done++;
    }
    r->done = done;
    r->diverged = r->ndiverged > 0 && r->ndiverged == done;
}

static int pool_best(Pool *pool, Hand *hands, int n, Err *err)
{
    Results *r = pool->results;
    Hand *best = NULL;
    for (int i = 0; i < n; i++) {
        Hand *h = &hands[i];
        if (h->best.restart >= 0 && (!best || is_better(h->best, best->best)))
            best = h;
    }
    if (!best)
        return err_set(err, EXIT_INTERRUPTED, "interrupted before the first run was over");
    Worker *w = &best->worker;
    memcpy(w->x, best->best_x, (size_t)w->all * worker_element(w));
    w->run.seed = pool->session->options->seed + (uint64_t)(pool->session->options->first_restart + best->best.restart);
    r->best = r->best_restart = best->best.restart;
    results_params(r, w);
    r->history = best->best_history.row;
    r->nhistory = best->best_history.n;
    best->best_history = (History){ 0 };
    if (pool->session->options->nout == 0 && !pool->session->options->report)
        return EXIT_FINE;
    bool split = pool->session->options->split_given || pool->session->options->holdout > 0;
    int bad = split ? session_part_all(pool->session, err) : EXIT_FINE;
    Worker whole = { 0 };           /* of its own: its work memory must fit all rows */
    if (!bad && split) {
        bad = worker_open(&whole, pool->session, err);
        memcpy(whole.x, w->x, (size_t)w->all * worker_element(w));
        memcpy(whole.run.draw, w->run.draw, 4 * (size_t)r->model->nparams * sizeof *w->run.draw);
        whole.run.seed = w->run.seed;
    }
    if (!bad)
        bad = worker_outputs(split ? &whole : w, split ? PART_ALL : PART_TRAIN, r->output, err);
    worker_close(&whole);
    return bad;
}

static void train_say_stopped(const Results *r)
{
    char why[256];
    if (!r->options->quiet && results_stopped(r, why, sizeof why))
        fprintf(stderr, "%s: note: stopped by %s\n", r->model->name, why);
}

static int train_status(const Results *r, Err *err)
{
    if (r->unsaved)
        return err_set(err, EXIT_IO, "%s", r->message);
    if (r->signal) {
        err_set(err, EXIT_INTERRUPTED, "interrupted after %lld epochs; what was asked for is saved", (long long)r->epochs_run);
        return 128 + r->signal;
    }
    if (r->restarts > 1 && r->ndiverged > 0) {
        int status = r->diverged ? EXIT_DIVERGED : EXIT_FINE;
        char first[sizeof r->message];
        snprintf(first, sizeof first, "%s", r->message);
        err_set(err, EXIT_DIVERGED, "%lld of %lld restarts diverged, the first like this: %s", (long long)r->ndiverged,
                (long long)r->done, first);
        if (status == EXIT_FINE)
            fprintf(stderr, "%s: warning: %s\n", r->model->name, err->text);
        return status;
    }
    return r->diverged ? err_set(err, EXIT_DIVERGED, "%s", r->message) : EXIT_FINE;
}

static int score_of(const Results *r)
{
    int score = r->model->nlosses ? 0 : -1;
    for (int v = 0; v < r->nvalues; v++)
        if (strcmp(r->name[v], "validation_loss") == 0)
            score = v;
    return score;
}

int command_train(Session *s, Err *err)
{
    const Options *o = s->options;
    Results r;
    int n = pool_threads(o), opened = 0;
    int bad = results_open(&r, s, o->restarts);
    Hand *hands = rt_alloc((size_t)n * sizeof *hands);
    Pool pool = { .session = s, .results = &r, .score = score_of(&r) };
    pthread_mutex_init(&pool.lock, NULL);
    pool.outcome = rt_alloc((size_t)o->restarts * sizeof *pool.outcome);
    pool.finished = rt_alloc((size_t)o->restarts * sizeof *pool.finished);
    pool.progress = progress_start(o);
    while (!bad && opened < n)
        bad = hand_open(&hands[opened++], &pool, err);

    signals_watch();
    double start = clock_seconds();
    if (!bad)
        bad = pool_run(&pool, hands, n, err);
    r.train_seconds = clock_seconds() - start;
    progress_end(pool.progress);
    if (!bad)
        bad = pool_best(&pool, hands, n, err);
    if (!bad) {
        pool_outcomes(&pool);
        train_say_stopped(&r);
        results_print(&r, targets_beside(o, r.model));
        bad = targets_write(&r, err);
    }
    if (!bad)
        bad = train_status(&r, err);

    for (int i = 0; i < opened; i++)
        hand_close(&hands[i]);
    pthread_mutex_destroy(&pool.lock);
    free(hands);
    for (int64_t i = 0; i < o->restarts; i++)
        free(pool.outcome[i].message);
    free(pool.outcome);
    free(pool.finished);
    results_free(&r);
    return bad;
}
