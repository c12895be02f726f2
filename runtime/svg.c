/* svg.c: axes, ticks and escaped text for the drawings of a report.
 *
 * Drawings carry no colours of their own: they use the classes of report_style.c, which knows light and dark. */
#include "rt.h"

#include <math.h>
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

/* A true minus sign, and 1e-5 rather than 1e-05. */
void html_number(FILE *f, double v, int digits)
{
    char text[64], *e;
    snprintf(text, sizeof text, "%.*g", digits, shown(v));
    e = strchr(text, 'e');
    if (e) {
        char *at = e + 1;
        size_t zeros;
        at += *at == '-';
        zeros = strspn(at, "+0");
        memmove(at, at + zeros, strlen(at + zeros) + 1);
    }
    for (const char *s = text; *s; s++)
        fputs(*s == '-' ? "\xe2\x88\x92" : (char[2]){ *s, 0 }, f);
}

Axis axis_of(double low, double high, bool log, double from, double to)
{
    Axis a = { low, high, from, to, log };
    if (log) {
        double room = 0.04 * (log10(high) - log10(low));
        room = room > 0 ? room : 0.5;
        a.low = low / pow(10, room);
        a.high = high * pow(10, room);
        return a;
    }
    double room = high > low ? 0.04 * (high - low) : fmax(0.5 * fabs(high), 1e-12);
    a.low = low - room;
    a.high = high + room;
    return a;
}

double axis_place(const Axis *a, double v)
{
    double share = a->log ? (log10(v) - log10(a->low)) / (log10(a->high) - log10(a->low)) : (v - a->low) / (a->high - a->low);
    return a->from + share * (a->to - a->from);
}

static int ticks_log(const Axis *a, double tick[16])
{
    static const double marks[3][3] = { { 1, 2, 5 }, { 1, 3, 3 }, { 1, 1, 1 } };
    int n = 0, first = (int)floor(log10(a->low)), last = (int)ceil(log10(a->high)), span = last - first;
    int kind = span <= 2 ? 0 : span <= 4 ? 1 : 2, every = span > 7 ? (span + 6) / 7 : 1;
    for (int e = first; e <= last && n < 15; e += every)
        for (int k = 0; k < 3 - kind && n < 15; k++) {
            double v = marks[kind][k] * pow(10, e);
            if (v >= a->low && v <= a->high)
                tick[n++] = v;
        }
    return n;
}

int axis_ticks(const Axis *a, double tick[16])
{
    if (a->log) {
        int n = ticks_log(a, tick);
        if (n >= 2)
            return n;
    }
    double rough = (a->high - a->low) / 5, unit = pow(10, floor(log10(rough))), ratio = rough / unit;
    double step = unit * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
    int n = 0;
    for (double k = ceil(a->low / step); k * step <= a->high && n < 12; k++)
        tick[n++] = fabs(k * step) < step * 1e-9 ? 0 : k * step;
    return n;
}

void svg_open(FILE *f, double width, double height, const char *about)
{
    fprintf(f, "<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"", width, height);
    html_text(f, about);
    fputs("\">", f);
}

void svg_x_axis(FILE *f, const Axis *a, double top, double bottom, const char *name)
{
    double tick[16];
    int n = axis_ticks(a, tick);
    for (int i = 0; i < n; i++) {
        double x = axis_place(a, tick[i]);
        fprintf(f, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/><text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                x, top, bottom, x, bottom + 18);
        html_number(f, tick[i], 6);
        fputs("</text>", f);
    }
    fprintf(f, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>", a->from, bottom, a->to);
    if (name) {
        fprintf(f, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", a->to, bottom + 36);
        html_text(f, name);
        fputs("</text>", f);
    }
}

void svg_y_axis(FILE *f, const Axis *a, double left, double right)
{
    double tick[16];
    int n = axis_ticks(a, tick);
    for (int i = 0; i < n; i++) {
        double y = axis_place(a, tick[i]);
        fprintf(f, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/><text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                left, y, right, left - 7, y + 4);
        html_number(f, tick[i], 6);
        fputs("</text>", f);
    }
}
