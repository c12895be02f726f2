/* plots.c: the figures of a report, each one SVG with a caption.
 *
 *     plot_curve        loss and validation loss by epoch, logarithmic when the losses span more than a factor of 30
 *     plot_histogram    how values spread, their quartiles marked
 *     plot_scatter      points: an output of two columns, or one against data, by the labels that share its first axis
 *     plot_heat         an array, blue below zero and red above, stronger further away */
#include "rt.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void plot_caption(FILE *f, const char *name, const char *text)
{
    fputs("<figcaption><b>", f);
    html_text(f, name);
    fputs("</b> ", f);
    html_text(f, text);
    fputs("</figcaption>", f);
}

static bool spans_decades(double low, double high)
{
    return low > 0 && high / low > 30;
}

/* ---- loss by epoch ---- */

static double row_value(const HistoryRow *h, bool validation)
{
    return validation ? h->validation : h->loss;
}

static void curve_line(FILE *f, const Results *r, const Axis *x, const Axis *y, bool validation)
{
    int64_t stride = r->nhistory > 700 ? r->nhistory / 700 : 1;
    bool pen = false;
    fprintf(f, "<path class=\"line %s\" d=\"", validation ? "b" : "a");
    for (int64_t i = 0; i < r->nhistory; i++) {
        double v = row_value(&r->history[i], validation);
        if (i % stride != 0 && i != r->nhistory - 1)
            continue;
        if (!isfinite(v)) {
            pen = false;
            continue;
        }
        fprintf(f, "%s%.1f %.1f", pen ? "L" : "M", axis_place(x, (double)r->history[i].epoch), axis_place(y, v));
        pen = true;
    }
    fputs("\"/>", f);
}

void plot_curve(FILE *f, const Results *r)
{
    const double width = 720, height = 372, left = 62, right = 700, top = 12, bottom = 340;
    double low = DBL_MAX, high = -DBL_MAX;
    bool validated = false;
    for (int64_t i = 0; i < r->nhistory; i++)
        for (int k = 0; k < 2; k++) {
            double v = row_value(&r->history[i], k == 1);
            if (!isfinite(v))
                continue;
            validated |= k == 1;
            low = fmin(low, v);
            high = fmax(high, v);
        }
    if (r->nhistory < 2 || low > high)
        return;
    double first = (double)r->history[0].epoch, last = (double)r->history[r->nhistory - 1].epoch;
    Axis x = { first, last, left, right, false, true }, y = axis_of(low, high, spans_decades(low, high), bottom, top);
    fputs("<figure class=\"wide\">", f);
    svg_open(f, width, height, "loss by epoch");
    svg_y_axis(f, &y, left, right);
    svg_x_axis(f, &x, top, bottom);
    if (validated)
        curve_line(f, r, &x, &y, true);
    curve_line(f, r, &x, &y, false);
    fputs("</svg>", f);
    fputs("<figcaption><span class=\"key a\"></span>loss by epoch", f);
    if (validated)
        fputs(" <span class=\"key b\"></span>validation", f);
    fprintf(f, "%s%s</figcaption></figure>", y.log ? ", logarithmic" : "", r->restarts > 1 ? ", of the best restart" : "");
}

/* ---- how values spread ---- */

/* Over the bars: the middle half and the median are what one looks for. */
static void histogram_marks(FILE *f, const Summary *s, const Axis *x, double top, double bottom)
{
    const double mark[] = { s->q1, s->median, s->q3 };
    double from = axis_place(x, s->q1), to = axis_place(x, s->q3);
    fprintf(f, "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", from, top, fmax(to - from, 0.5), bottom - top);
    for (int i = 0; i < 3; i++)
        fprintf(f, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>", i == 1 ? "median" : "quartile", axis_place(x, mark[i]), top, bottom);
}

/* The finite ones of n values, which come out sorted. */
void plot_histogram(FILE *f, const char *name, double *v, int64_t n)
{
    enum { MOST = 49 };
    const double width = 400, height = 230, left = 46, right = 388, top = 12, bottom = 196;
    int64_t count[MOST] = { 0 }, finite = 0, most = 1;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i]))
            v[finite++] = v[i];
    if (finite == 0)
        return;
    Summary s = summary_of(v, finite);
    int bins = (int)fmin(MOST, fmax(8, 2.5 * cbrt((double)finite))) | 1;      /* equal values stand in the middle */
    Axis x = axis_of(s.min, s.max, spans_decades(s.min, s.max), left, right);
    for (int64_t i = 0; i < finite; i++) {
        int k = (int)((axis_place(&x, v[i]) - left) / (right - left) * bins);
        k = k < 0 ? 0 : k >= bins ? bins - 1 : k;
        most = ++count[k] > most ? count[k] : most;
    }
    Axis y = { 0, fmax(1.05 * (double)most, 4.2), bottom, top, false, true };
    fputs("<figure>", f);
    svg_open(f, width, height, name);
    svg_y_axis(f, &y, left, right);
    for (int k = 0; k < bins; k++) {
        double step = (right - left) / bins, tall = bottom - axis_place(&y, (double)count[k]);
        if (count[k])
            fprintf(f, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", left + k * step + 0.5,
                    bottom - tall, step - 1, tall);
    }
    histogram_marks(f, &s, &x, top, bottom);
    svg_x_axis(f, &x, bottom, bottom);
    fputs("</svg><figcaption><b>", f);
    html_text(f, name);
    fputs("</b> counts; median ", f);
    html_number(f, s.median, 5);
    fputs(", quartiles ", f);
    html_number(f, s.q1, 5);
    fputs(" and ", f);
    html_number(f, s.q3, 5);
    if (finite < n)
        fprintf(f, "; %lld not finite", (long long)(n - finite));
    fputs("</figcaption></figure>", f);
}

/* ---- points ---- */

/* Colour never stands alone: each of the first classes has a shape of its own as well. */
/* The first ten classes have colours of their own, the next ten the same in other shapes. */
static int class_shape(int64_t class)
{
    return (int)((class + class / 10) % 4);
}

static void scatter_point(FILE *f, double x, double y, int64_t class, bool many)
{
    fprintf(f, "<use href=\"#%c%d\" class=\"c%d\" x=\"%.1f\" y=\"%.1f\"/>", many ? 's' : 'm', class_shape(class), (int)(class % 10), x, y);
}

static Axis scatter_axis(const Array *a, int64_t step, int64_t from, double start, double end)
{
    double low = DBL_MAX, high = -DBL_MAX;
    for (int64_t i = from; i < array_count(a); i += step) {
        double v = array_get(a, i);
        low = isfinite(v) ? fmin(low, v) : low;
        high = isfinite(v) ? fmax(high, v) : high;
    }
    return low > high ? axis_of(0, 1, false, start, end) : axis_of(low, high, false, start, end);
}

static void scatter_legend(FILE *f, const Classes *c)
{
    char spare[32];
    if (!c->id)
        return;
    fputs("<div class=\"legend\">", f);
    for (int64_t k = 0; k < c->n; k++) {
        fprintf(f, "<span><svg viewBox=\"-6 -6 12 12\"><use href=\"#m%d\" class=\"c%d\"/></svg>", class_shape(k), (int)(k % 10));
        html_text(f, classes_name(c, k, spare, sizeof spare));
        fputs("</span>", f);
    }
    fputs("</div>", f);
}

/* The second column of an output against its first, or, when `given` is not NULL, an output against what the data has in
 * its place, with the diagonal on which they would agree. */
void plot_scatter(FILE *f, const Results *r, int output, const Array *given, const char *given_name)
{
    const double width = 440, height = 396, left = 50, right = 428, top = 10, bottom = 366;
    const Array *a = &r->output[output], *b = given ? given : a;
    int64_t n = a->shape[0], step = given ? 1 : 2, second = given ? 0 : 1;
    char text[400];
    const char *what = "";
    const int64_t *rows = given ? plot_rows(r, output, &n, &what) : NULL;
    int64_t stride = n > 4000 ? (n + 3999) / 4000 : 1;
    Classes classes;
    Axis x = scatter_axis(b, step, 0, left, right), y = scatter_axis(a, step, second, bottom, top);
    classes_open(&classes, r, output);
    snprintf(text, sizeof text, "%s%.200s%s%s%s", given ? "against " : "second column against first", given ? given_name : "",
             rows ? ", " : "", rows ? what : "", stride > 1 ? ", a sample of the rows" : "");
    fputs("<figure>", f);
    svg_open(f, width, height, text);
    svg_y_axis(f, &y, left, right);
    svg_x_axis(f, &x, top, bottom);
    double low = fmax(x.low, y.low), high = fmin(x.high, y.high);
    if (given && low < high)
        fprintf(f, "<path class=\"axis\" d=\"M%.1f %.1fL%.1f %.1f\"/>", axis_place(&x, low), axis_place(&y, low), axis_place(&x, high),
                axis_place(&y, high));
    for (int64_t k = 0; k < n; k += stride) {
        int64_t i = rows ? rows[k] : k;
        double u = array_get(b, step * i), v = array_get(a, step * i + second);
        if (isfinite(u) && isfinite(v))
            scatter_point(f, axis_place(&x, u), axis_place(&y, v), classes.id ? classes.id[i] : 0, n > 400);
    }
    fputs("</svg>", f);
    plot_caption(f, r->model->outputs[output].name, text);
    scatter_legend(f, &classes);
    classes_close(&classes);
    fputs("</figure>", f);
}

/* ---- matrices ---- */

/* The mean of a block of cells: a large array is shown coarser, never in part. */
static double heat_cell(const Array *a, int64_t columns, int64_t r0, int64_t r1, int64_t c0, int64_t c1)
{
    double sum = 0;
    for (int64_t i = r0; i < r1; i++)
        for (int64_t j = c0; j < c1; j++)
            sum += array_get(a, i * columns + j);
    return sum / (double)((r1 - r0) * (c1 - c0));
}

static void heat_caption(FILE *f, const char *name, const Array *a, double low, double high, bool turned, bool coarse)
{
    fputs("<figcaption><b>", f);
    html_text(f, name);
    fputs("</b> ", f);
    for (int i = 0; i < a->rank; i++)
        fprintf(f, "%lld%s", (long long)a->shape[i], i + 1 < a->rank ? " \xc3\x97 " : ", ");
    html_number(f, low, 4);
    if (high > low) {
        fputs(" to ", f);
        html_number(f, high, 4);
    }
    fputs(turned ? ", transposed" : "", f);
    fputs(coarse ? ", means of blocks" : "", f);
    fputs("</figcaption>", f);
}

static void heat_rect(FILE *f, double v, double most, double x, double y, double wide, double tall)
{
    fprintf(f, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.2f\"/>",
            v < 0 ? "neg" : "pos", x, y, wide, tall, isfinite(v) ? fabs(v) / most : 0.0);
}

/* Rows of side x side numbers, few enough to be looked at one by one: each a square, as pictures are stored. */
void plot_squares(FILE *f, const char *name, const Array *a, int side)
{
    enum { ACROSS = 8 };
    int64_t rows = a->shape[0], down = (rows + ACROSS - 1) / ACROSS;
    const double tile = 48, cell = 44.0 / side;
    fputs("<figure>", f);
    svg_open(f, tile * ACROSS, tile * (double)down, name);
    for (int64_t r = 0; r < rows; r++) {
        double most = DBL_MIN, left = tile * (double)(r % ACROSS), top = tile * (double)(r / ACROSS);
        for (int64_t i = 0; i < side * side; i++)
            most = fmax(most, fabs(array_get(a, r * side * side + i)));
        fprintf(f, "<path class=\"grid\" d=\"M%g %gh46v46h-46z\"/>", left, top);
        for (int i = 0; i < side * side; i++)
            heat_rect(f, array_get(a, r * side * side + i), most, left + 1 + cell * (i % side), top + 1 + cell * (i / side), cell, cell);
    }
    fputs("</svg><figcaption><b>", f);
    html_text(f, name);
    fprintf(f, "</b> each row of %d as %d \xc3\x97 %d, by its own largest value</figcaption></figure>", side * side, side, side);
}

void plot_heat(FILE *f, const char *name, const Array *a)
{
    enum { MOST_ROWS = 24, MOST_CELLS = 1600 };
    int64_t columns = a->rank ? a->shape[a->rank - 1] : 1, rows = columns ? array_count(a) / columns : 0;
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < rows * columns; i++) {
        low = fmin(low, array_get(a, i));
        high = fmax(high, array_get(a, i));
    }
    double most = DBL_MIN;
    bool turned = rows > 3 * columns;
    int64_t across = turned ? rows : columns, down = turned ? columns : rows;
    int64_t h = down < MOST_ROWS ? down : MOST_ROWS, w = across * h < MOST_CELLS ? across : MOST_CELLS / h;
    w = w < 190 ? w : 190;
    double cell = fmin(26, 380.0 / (double)w), tall = fmin(26, fmax(cell, 48.0 / (double)h));
    double gap = cell > 5 ? 0.8 : 0;
    fputs("<figure>", f);
    if (a->rank > 0) {                      /* a number needs no picture */
        svg_open(f, 380, tall * (double)h + 8, name);
        for (int64_t k = 0; k < 2 * h * w; k++) {       /* first the largest cell shown: means are smaller than what they are of */
            int64_t i = k / w % h, j = k % w;
            int64_t r0 = i * down / h, r1 = (i + 1) * down / h, c0 = j * across / w, c1 = (j + 1) * across / w;
            double v = turned ? heat_cell(a, columns, c0, c1, r0, r1) : heat_cell(a, columns, r0, r1, c0, c1);
            if (k < h * w)
                most = fmax(most, fabs(v));
            else
                heat_rect(f, v, most, cell * (double)j, 4 + tall * (double)i, cell - gap, tall - gap);
        }
        fputs("</svg>", f);
    }
    heat_caption(f, name, a, low, high, turned, w < across || h < down);
    fputs("</figure>", f);
}
