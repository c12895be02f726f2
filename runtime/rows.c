/* rows.c: gradients that are rows.
 *
 * The step of a model that reads a param by an index array, P[u[k]], adds to the rows u[k] of run->grad alone and lists
 * them in run->rows (AdRows of adrt.h). Here the rows that a step listed are cleared before the next one, so that the
 * gradient is 0 everywhere else; and the flat array of learnable elements is cut into stretches: what an optimiser has
 * to visit that leaves alone what has no gradient. A row that is listed twice is one stretch. For an optimiser that
 * visits every row, or where the lists would be longer than the param, nothing is listed and all is cleared. */
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
    for (int k = 0; w->list && k < m->nrows; k++)
        free(w->list[k].at);
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

static bool has_rows(const AdModel *m, int p)
{
    for (int k = 0; k < m->nrows; k++)
        if (m->rows[k].param == p)
            return true;
    return false;
}

/* The last step listed its rows. */
static bool is_listed(const Worker *w, int p)
{
    const AdModel *m = w->run.model;
    for (int k = 0; k < m->nrows; k++)
        if (m->rows[k].param == p)
            return w->list[k].n >= 0;
    return false;
}

static void clear_param(Worker *w, int p)
{
    const AdModel *m = w->run.model;
    size_t bytes = (size_t)(w->count[p] / rows_of_param(w, p)) * worker_element(w);
    char *g = w->run.grad[p];
    if (!is_listed(w, p))
        memset(g, 0, (size_t)w->count[p] * worker_element(w));
    for (int k = 0; k < m->nrows; k++)
        for (int64_t i = 0; m->rows[k].param == p && i < w->list[k].n; i++)
            memset(g + (size_t)w->list[k].at[i] * bytes, 0, bytes);
}

/* ---- before a step ---- */

/* Worth while for who leaves rows alone, while there are fewer entries than rows. */
static bool wants_lists(const Worker *w, int p)
{
    const AdModel *m = w->run.model;
    int64_t n = 0;
    for (int k = 0; k < m->nrows; k++)
        if (m->rows[k].param == p)
            n += w->run.dims[m->rows[k].count];
    return w->wants_rows && (w->only_rows || n < rows_of_param(w, p));
}

void rows_begin(Worker *w)
{
    const AdModel *m = w->run.model;
    for (int p = 0; m->nrows && p < m->nparams; p++)
        if (has_rows(m, p))
            clear_param(w, p);
    for (int k = 0; k < m->nrows; k++) {
        bool wanted = wants_lists(w, m->rows[k].param);
        w->list[k].n = wanted ? w->run.dims[m->rows[k].count] : -1;
        if (w->list[k].n > w->list[k].room) {
            free(w->list[k].at);
            w->list[k].room = w->list[k].n;
            w->list[k].at = rt_alloc((size_t)w->list[k].room * sizeof *w->list[k].at);
        }
        w->run.rows[k] = wanted ? w->list[k].at : NULL;
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
            int64_t row = w->list[k].at[i];
            if (w->seen[p][row] == w->turn)
                continue;
            w->seen[p][row] = w->turn;
            add_stretch(w, w->at[p] + row * width, width);
        }
}

const Stretch *rows_stretches(Worker *w, int64_t *n)
{
    const AdModel *m = w->run.model;
    bool by_rows = m->nrows > 0 && w->wants_rows;
    w->nstretches = 0;
    w->turn++;
    if (!by_rows)
        add_stretch(w, 0, w->n);
    for (int p = 0; by_rows && p < m->nparams; p++) {
        if (!w->session->learns[p] || m->params[p].running)
            continue;
        if (is_listed(w, p))
            add_rows(w, p);
        else
            add_stretch(w, w->at[p], w->count[p]);
    }
    *n = w->nstretches;
    return w->stretch;
}
