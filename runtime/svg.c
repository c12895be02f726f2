/* svg.c: axes, ticks and escaped text for the drawings of a report.
 *
 * Drawings carry no colours of their own: they use the classes of report_style.c, which knows light and dark. */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void html_text(FILE *f, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '&': fputs("&amp;", f); break;
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '"': fputs("&quot;", f); break;
        case '\'': fputs("&#39;", f); break;
        default: fputc(*s, f);
        }
}

/* 1e-5 rather than 1e-05. */
static void number_text(char text[64], double v, int digits)
{
    snprintf(text, 64, "%.*g", digits, shown(v));
    char *e = strchr(text, 'e');
    if (e) {
        char *at = e + 1;
        size_t zeros;
        at += *at == '-';
        zeros = strspn(at, "+0");
        memmove(at, at + zeros, strlen(at + zeros) + 1);
    }
}

/* A true minus sign. */
static void number_put(FILE *f, const char *s)
{
    for (; *s; s++)
        fputs(*s == '-' ? "\xe2\x88\x92" : (char[2]){ *s, 0 }, f);
}

void html_number(FILE *f, double v, int digits)
{
    char text[64];
    number_text(text, v, digits);
    number_put(f, text);
}

/* Values that differ by rounding alone are drawn as equal ones. The bounds of a logarithmic axis are logarithms: those of a
 * run that diverged lie near the largest numbers there are. */
Axis axis_of(double low, double high, bool log, double from, double to)
{
    Axis a = { log ? log10(low) : low, log ? log10(high) : high, from, to, log, false };
    double wide = a.high - a.low, most = fmax(fabs(a.low), fabs(a.high));
    double room = wide > 1e-6 * most ? 0.04 * wide : log ? 0.5 : fmax(0.5 * most, 1e-12);
    a.low -= room;
    a.high += room;
    return a;
}

double axis_place(const Axis *a, double v)
{
    double share = ((a->log ? log10(v) : v) - a->low) / (a->high - a->low);
    return a->from + share * (a->to - a->from);
}

/* The least of 1, 2, 5, 10, 20, 50 ... that is about as large as v. */
static double tick_step(double v)
{
    double unit = pow(10, floor(log10(v))), ratio = v / unit;
    return unit * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
}

static int ticks_log(const Axis *a, double tick[16])
{
    static const double marks[3][3] = { { 1, 2, 5 }, { 1, 3, 3 }, { 1, 1, 1 } };
    double span = ceil(a->high) - floor(a->low), every = span > 7 ? tick_step(span / 6) : 1;
    int n = 0, kind = span <= 2 ? 0 : span <= 4 ? 1 : 2;
    for (double e = every * floor(a->low / every); e <= a->high && n < 15; e += every)
        for (int k = 0; k < 3 - kind && n < 15; k++) {
            double place = e + log10(marks[kind][k]);
            if (place >= a->low && place <= a->high)
                tick[n++] = marks[kind][k] * pow(10, e);
        }
    return n;
}

int axis_ticks(const Axis *a, double tick[16])
{
    if (a->log)
        return ticks_log(a, tick);
    double step = tick_step((a->high - a->low) / 5);
    int n = 0;
    if (a->whole)
        step = fmax(step, 1);
    for (double k = ceil(a->low / step); k * step <= a->high && n < 12; k++)
        tick[n++] = fabs(k * step) < step * 1e-9 ? 0 : k * step;
    return n;
}

/* As many digits as tell neighbours apart, and 3e5 for 300000. */
static void tick_text(char text[64], const Axis *a, const double *tick, int n, int i)
{
    char brief[64];
    double ratio = a->log || n < 2 ? 1 : fmax(fabs(tick[0]), fabs(tick[n - 1])) / (tick[1] - tick[0]);
    int digits = (int)fmin(15, fmax(6, 1 + floor(log10(1.000001 * ratio))));
    number_text(text, tick[i], digits);
    for (int k = 1; k < digits && strlen(text) > 5; k++) {
        number_text(brief, tick[i], k);
        if (strlen(brief) < strlen(text) && fabs(strtod(brief, NULL) - tick[i]) <= 1e-9 * fabs(tick[i]))
            strcpy(text, brief);
    }
}

void svg_open(FILE *f, double width, double height, const char *about)
{
    fprintf(f, "<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"", width, height);
    html_text(f, about);
    fputs("\">", f);
}

static void tick_put(FILE *f, double x, double y, const char *anchor, const char *text)
{
    fprintf(f, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    number_put(f, text);
    fputs("</text>", f);
}

/* A label that would run into the one before it is left out; its line is not. */
void svg_x_axis(FILE *f, const Axis *a, double top, double bottom)
{
    double tick[16], end = -HUGE_VAL;
    char text[64];
    int n = axis_ticks(a, tick);
    for (int i = 0; i < n; i++) {
        double x = axis_place(a, tick[i]);
        tick_text(text, a, tick, n, i);
        double half = 3.9 * (double)strlen(text);
        fprintf(f, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x, top, bottom);
        if (x - half < end)
            continue;
        tick_put(f, x, bottom + 18, "middle", text);
        end = x + half + 5;
    }
    fprintf(f, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>", a->from, bottom, a->to);
}

void svg_y_axis(FILE *f, const Axis *a, double left, double right)
{
    double tick[16];
    char text[64];
    int n = axis_ticks(a, tick);
    for (int i = 0; i < n; i++) {
        double y = axis_place(a, tick[i]);
        tick_text(text, a, tick, n, i);
        fprintf(f, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", left, y, right);
        tick_put(f, left - 7, y + 4, "end", text);
    }
}
