/* rows.c: gradients that are rows.
 *
 * The step of a model that reads a param by an index array, P[u[k]], adds to the rows u[k] of run->grad alone and lists
 * them in run->rows (AdRows of adrt.h). Here the rows that a step listed are cleared before the next one, so that the
 * gradient is 0 everywhere else; and the flat array of learnable elements is cut into stretches: what an optimiser has
 * to visit that leaves alone what has no gradient. A row that is listed twice is one stretch. */
#include "rt.h"

#include <stdlib.h>
#include <string.h>

void rows_open(Worker *w)
{
    const AdModel *m = w->run.model;
    w->run.rows = rt_alloc(((size_t)m->nrows + 1) * sizeof *w->run.rows);
    w->list = rt_alloc(((size_t)m->nrows + 1) * sizeof *w->list);
    w->seen = rt_alloc(((size_t)m->nparams + 1) * sizeof *w->seen);
}

void rows_close(Worker *w)
{
    const AdModel *m = w->run.model;
    for (int k = 0; w->run.rows && k < m->nrows; k++)
        free(w->run.rows[k]);
    for (int p = 0; w->seen && p < m->nparams; p++)
        free(w->seen[p]);
    free(w->run.rows);
    free(w->list);
    free(w->seen);
    free(w->stretch);
}

/* ---- one param ---- */

static int64_t rows_of_param(const Worker *w, int p)
{
    return w->session->part[PART_TRAIN].dims[w->run.model->params[p].axes[0]];
}

/* How many rows the lists of a param name, repetitions counted; -1 without lists. */
static int64_t rows_listed(const Worker *w, int p)
{
    const AdModel *m = w->run.model;
    int64_t n = -1;
    for (int k = 0; k < m->nrows; k++)
        if (m->rows[k].param == p)
            n = (n < 0 ? 0 : n) + w->list[k].n;
    return n;
}

static void clear_param(Worker *w, int p)
{
    const AdModel *m = w->run.model;
    int64_t rows = rows_of_param(w, p);
    size_t bytes = (size_t)(w->count[p] / rows) * worker_element(w);
    char *g = w->run.grad[p];
    if (rows_listed(w, p) >= rows) {
        memset(g, 0, (size_t)rows * bytes);
        return;
    }
    for (int k = 0; k < m->nrows; k++)
        for (int64_t i = 0; m->rows[k].param == p && i < w->list[k].n; i++)
            memset(g + (size_t)w->run.rows[k][i] * bytes, 0, bytes);
}

/* ---- before a step ---- */

void rows_begin(Worker *w)
{
    const AdModel *m = w->run.model;
    for (int p = 0; m->nrows && p < m->nparams; p++)
        if (rows_listed(w, p) > 0)
            clear_param(w, p);
    for (int k = 0; k < m->nrows; k++) {
        w->list[k].n = w->run.dims[m->rows[k].count];
        if (w->list[k].n <= w->list[k].room)
            continue;
        free(w->run.rows[k]);
        w->list[k].room = w->list[k].n;
        w->run.rows[k] = rt_alloc((size_t)w->list[k].room * sizeof **w->run.rows);
    }
}

/* ---- after it ---- */

/* Joined to the last one when it goes on where that ends. */
static void add_stretch(Worker *w, int64_t from, int64_t n)
{
    Stretch *last = w->nstretches ? &w->stretch[w->nstretches - 1] : NULL;
    if (last && last->from + last->n == from) {
        last->n += n;
        return;
    }
    if (w->nstretches == w->stretch_room) {
        int64_t room = w->stretch_room ? 2 * w->stretch_room : 64;
        Stretch *longer = rt_alloc((size_t)room * sizeof *longer);
        if (w->nstretches)
            memcpy(longer, w->stretch, (size_t)w->nstretches * sizeof *longer);
        free(w->stretch);
        w->stretch = longer;
        w->stretch_room = room;
    }
    w->stretch[w->nstretches++] = (Stretch){ from, n };
}

/* The rows of a param in the order of its lists, each once: seen[row] says in which turn it was seen last. */
static void add_rows(Worker *w, int p)
{
    const AdModel *m = w->run.model;
    int64_t rows = rows_of_param(w, p), width = w->count[p] / rows;
    if (!w->seen[p])
        w->seen[p] = rt_alloc((size_t)rows * sizeof **w->seen);
    for (int k = 0; k < m->nrows; k++)
        for (int64_t i = 0; m->rows[k].param == p && i < w->list[k].n; i++) {
            int64_t row = w->run.rows[k][i];
            if (w->seen[p][row] == w->turn)
                continue;
            w->seen[p][row] = w->turn;
            add_stretch(w, w->at[p] + row * width, width);
        }
}

const Stretch *rows_stretches(Worker *w, const Optim *optim, int64_t *n)
{
    const AdModel *m = w->run.model;
    bool only_rows = false, rowwise = m->nrows > 0 && optim && optim_is_rowwise(optim, &only_rows);
    w->nstretches = 0;
    w->turn++;
    if (!rowwise)
        add_stretch(w, 0, w->n);
    for (int p = 0; rowwise && p < m->nparams; p++) {
        int64_t listed = rows_listed(w, p);
        if (!w->session->learns[p] || m->params[p].running)
            continue;
        if (listed < 0 || (!only_rows && listed >= rows_of_param(w, p)))
            add_stretch(w, w->at[p], w->count[p]);
        else
            add_rows(w, p);
    }
    *n = w->nstretches;
    return w->stretch;
}
