/* progress.c: how far a run is, on standard error.
 *
 *     bar      one line, drawn again at most ten times a second     epoch 420/1000 ########........  loss 15.23  2 s left
 *     lines    about ten lines over the run, for logs
 *
 * `auto` draws a bar on a terminal and lines elsewhere. Restarts report from several threads, hence the lock. */
#include "rt.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Progress {
    enum { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_LINES } mode;
    int64_t all, done, next_line;
    const char *unit;
    bool restarts, drawn;
    double started, last;
    pthread_mutex_t lock;
};

/* What is counted: restarts, else steps when these bound the run, else epochs. */
Progress *progress_start(const Options *o)
{
    Progress *p = rt_alloc(sizeof *p);
    bool is_bar = strcmp(o->progress, "bar") == 0 || (strcmp(o->progress, "auto") == 0 && isatty(2));
    p->mode = o->quiet || strcmp(o->progress, "none") == 0 ? PROGRESS_NONE : is_bar ? PROGRESS_BAR : PROGRESS_LINES;
    p->restarts = o->restarts > 1;
    p->all = p->restarts ? o->restarts : o->steps >= 0 ? o->steps : o->epochs;
    p->unit = p->restarts ? "restart" : o->steps >= 0 ? "step" : "epoch";
    p->started = p->last = clock_seconds();
    p->next_line = 1;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void progress_bar(Progress *p, double now, double loss, double validation)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    double share = p->all > 0 ? (double)p->done / (double)p->all : 1, left = (now - p->started) * (1 / fmax(share, 1e-9) - 1);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = (double)i < share * WIDTH ? '#' : '.';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r\033[K%s %lld/%lld %s loss %.6g", p->unit, (long long)p->done, (long long)p->all, bar, shown(loss));
    if (!isnan(validation))
        fprintf(stderr, " validation %.6g", validation);
    if (share < 1)
        fprintf(stderr, " %.0f s left", left);
    fflush(stderr);
    p->drawn = true;
    p->last = now;
}

static void progress_line(Progress *p, double now, double loss, double validation)
{
    fprintf(stderr, "%s %lld/%lld: loss %.6g", p->unit, (long long)p->done, (long long)p->all, shown(loss));
    if (!isnan(validation))
        fprintf(stderr, ", validation %.6g", validation);
    fprintf(stderr, ", %.2f s\n", now - p->started);
    while (p->next_line <= p->done)
        p->next_line += p->all / 10 > 0 ? p->all / 10 : 1;
    p->last = now;
}

static void progress_show(Progress *p, double loss, double validation)
{
    double now = clock_seconds();
    if (p->mode == PROGRESS_BAR && now - p->last >= 0.1)
        progress_bar(p, now, loss, validation);
    else if (p->mode == PROGRESS_LINES && (p->done >= p->next_line || p->done == p->all) && now - p->last >= 0.2)
        progress_line(p, now, loss, validation);
}

void progress_tick(Progress *p, int64_t done, double loss, double validation)
{
    if (p->mode == PROGRESS_NONE || p->restarts)
        return;
    p->done = done;
    progress_show(p, loss, validation);
}

/* A run may be over before its last epoch, and then says so by its number. */
void progress_done(Progress *p, int64_t done, double loss)
{
    pthread_mutex_lock(&p->lock);
    p->done = p->restarts ? p->done + 1 : done;
    if (p->mode != PROGRESS_NONE)
        progress_show(p, loss, NAN);
    pthread_mutex_unlock(&p->lock);
}

void progress_end(Progress *p)
{
    if (!p)
        return;
    if (p->drawn)
        fputs("\r\033[K", stderr);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
