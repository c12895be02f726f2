/* output_plots.c: which figure shows an output best.
 *
 *     z[n, 2]             points, coloured by label                 plot_scatter
 *     p[n, c], guess[n]   and labels y[n] : index(c)                how often each label is taken for which
 *     fit[n]              and data y[n]                             one against the other
 *     parts[k, 64]        few rows of square length: pictures       plot_squares
 *     anything else       a vector: how it spreads; else cells      plot_histogram, plot_heat */
#include "rt.h"

#include <stdlib.h>
#include <string.h>

enum { CONFUSION_MOST = 20 };

bool plot_is_scatter(const Results *r, int output)
{
    const Array *a = &r->output[output];
    return a->data && r->model->outputs[output].type == AD_REAL && a->rank == 2 && a->shape[1] == 2 && a->shape[0] > 2;
}

/* The data vector along the output's first axis that it answers to: labels of dim c, or numbers when c is -1; -1: none. */
static int vector_beside(const Results *r, int output, int c)
{
    const AdModel *m = r->model;
    for (int d = m->ndata - 1; d >= 0; d--)         /* targets come last */
        if (m->data[d].rank == 1 && m->data[d].axes[0] == m->outputs[output].axes[0] && m->data[d].labels == c
            && (c >= 0 || m->data[d].type == AD_REAL) && r->dataset->raw[d].shape[0] == r->output[output].shape[0])
            return d;
    return -1;
}

/* The dim of the labels an output guesses, as scores [n, c] or as numbers [n]; -1: it guesses none. */
static int guessed_dim(const Results *r, int output)
{
    const AdOutput *o = &r->model->outputs[output];
    return o->type == AD_INT && o->rank == 1 ? o->labels : o->type == AD_REAL && o->rank == 2 ? o->axes[1] : -1;
}

static int64_t guess_at(const Array *a, int64_t i)
{
    int64_t c = a->rank == 2 ? a->shape[1] : 1, best = 0;
    if (a->rank == 1)
        return array_get_int(a, i);
    for (int64_t k = 1; k < c; k++)
        best = array_get(a, i * c + k) > array_get(a, i * c + best) ? k : best;
    return best;
}

/* The rows by which an output is judged: those that were not trained on, when a share was set aside. NULL: all of them. */
const int64_t *plot_rows(const Results *r, int output, int64_t *n, const char **what)
{
    const Session *s = r->session;
    const int64_t *rows = s->order;
    const Part *part = s->part;
    *n = r->output[output].shape[0];
    *what = part[PART_TEST].present && part[PART_TEST].dataset != r->dataset ? "training rows" : "rows";
    if (!rows || r->dataset->batch_dim < 0 || r->model->outputs[output].axes[0] != r->dataset->batch_dim || *n != r->dataset->rows)
        return NULL;
    int which = part[PART_TEST].present && part[PART_TEST].dataset == r->dataset ? PART_TEST : PART_VALIDATION;
    if (!part[which].present)
        return NULL;
    *n = part[which].rows;
    *what = which == PART_TEST ? "test rows" : "validation rows";
    for (int i = PART_TRAIN; i < which; i++)
        rows += part[i].present ? part[i].rows : 0;
    return rows;
}

/* A head of the table: what is too long for it ends in an ellipsis, and shows whole when pointed at. */
static void confusion_label(FILE *f, const Results *r, int dim, int64_t k, const char *class)
{
    char text[32];
    const char *label = text;
    const Labels *l = NULL;
    for (int i = 0; i < r->dataset->nlabels; i++)
        l = r->dataset->labels[i].dim == dim ? &r->dataset->labels[i] : l;
    snprintf(text, sizeof text, "%lld", (long long)k);
    if (l && k < l->n)
        label = l->label[k];
    fprintf(f, "<th%s title=\"", class);
    html_text(f, label);
    fputs("\">", f);
    html_text(f, label);
    fputs("</th>", f);
}

static bool plot_confusion(FILE *f, const Results *r, int output, int dim)
{
    int d = dim >= 0 ? vector_beside(r, output, dim) : -1;
    int64_t c = dim >= 0 ? r->dataset->dims[dim] : 0, right = 0, n, count[CONFUSION_MOST][CONFUSION_MOST] = { { 0 } };
    const char *what;
    if (d < 0 || c < 2 || c > CONFUSION_MOST)
        return false;
    const int64_t *rows = plot_rows(r, output, &n, &what);
    for (int64_t k = 0; k < n; k++) {
        int64_t i = rows ? rows[k] : k, y = array_get_int(&r->dataset->raw[d], i), g = guess_at(&r->output[output], i);
        if (y < 0 || y >= c || g < 0 || g >= c)
            return false;
        count[y][g]++;
        right += y == g;
    }
    fputs("<figure><div class=\"scroll plain\"><table class=\"confusion\"><tr><th></th>", f);
    for (int64_t k = 0; k < c; k++)
        confusion_label(f, r, dim, k, " class=\"n\"");
    for (int64_t y = 0; y < c; y++) {
        int64_t all = 0;
        fputs("</tr><tr>", f);
        confusion_label(f, r, dim, y, "");
        for (int64_t g = 0; g < c; g++)
            all += count[y][g];
        for (int64_t g = 0; g < c; g++)
            fprintf(f, "<td class=\"n %s\" style=\"--p:%.0f%%\">%lld</td>", y == g ? "right" : "wrong",
                    all ? 60.0 * (double)count[y][g] / (double)all : 0.0, (long long)count[y][g]);
    }
    fputs("</tr></table></div><figcaption><b>", f);
    html_text(f, r->model->outputs[output].name);
    fputs("</b> each ", f);
    html_text(f, r->model->data[d].name);
    fprintf(f, " (down) and what it is taken for (across); %lld of %lld %s right</figcaption></figure>", (long long)right, (long long)n, what);
    return true;
}

static void plot_spread(FILE *f, const char *name, const Array *a)
{
    int64_t n = array_count(a);
    double *v = rt_alloc((size_t)n * sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i] = array_get(a, i);
    plot_histogram(f, name, v, n);
    free(v);
}

/* 8 for a few rows of 64: pictures, most likely. 0: no square, or too many or too large ones. */
static int square_side(const Array *a)
{
    for (int side = 6; side <= 16 && a->rank == 2 && a->shape[0] <= 32; side++)
        if (a->shape[1] == (int64_t)side * side)
            return side;
    return 0;
}

void plot_output(FILE *f, const Results *r, int output)
{
    const AdOutput *o = &r->model->outputs[output];
    const Array *a = &r->output[output];
    if (plot_confusion(f, r, output, guessed_dim(r, output)))
        return;
    int beside = o->rank == 1 && o->type == AD_REAL ? vector_beside(r, output, -1) : -1;
    if (plot_is_scatter(r, output))
        plot_scatter(f, r, output, NULL, NULL);
    else if (beside >= 0)
        plot_scatter(f, r, output, &r->dataset->raw[beside], r->model->data[beside].name);
    else if (o->rank == 1 && a->shape[0] > 24)
        plot_spread(f, o->name, a);
    else if (square_side(a) > 0)
        plot_squares(f, o->name, a, square_side(a));
    else
        plot_heat(f, o->name, a);
}
