/* report.c: one self-contained page about a run, made to be looked at.
 *
 * From top to bottom: what was run, what came of it, how the loss fell, how the restarts spread, outputs, params, then
 * everything needed to run it again: the model's text, settings, data, sizes, times. No script, no font, no image from
 * elsewhere; every text that is not ours is escaped. */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void report_count(FILE *f, int64_t n, const char *what)
{
    fprintf(f, " \xc2\xb7 %lld %s%s", (long long)n, what, n == 1 ? "" : "s");
}

/* 850 ms, 12.3 s */
static void seconds_text(char *text, size_t size, double seconds)
{
    snprintf(text, size, seconds < 1 ? "%.3g ms" : seconds < 1000 ? "%.3g s" : "%.0f s", seconds < 1 ? 1e3 * seconds : seconds);
}

/* The call with the rate in force, wherever that comes from: adam(lr = 0.003, beta1 = 0.8). */
static void report_optimizer(FILE *f, const Options *o)
{
    const char *s = o->setting[1].value, *lr = o->setting[2].value;
    bool is_rate = o->optimizer.kind[0] != 'l';         /* to lbfgs() it is the length of a step */
    char text[160];
    if (!lr[0] && (!is_rate || o->optimizer.lr_given)) {
        html_text(f, s);
        return;
    }
    snprintf(text, sizeof text, "%.9g", o->optimizer.lr);
    fprintf(f, "%s(lr = ", o->optimizer.kind);
    html_text(f, lr[0] ? lr : text);
    s += strcspn(s, "(");
    for (int place = 0; *s && *s != ')'; place++) {
        s += 1 + strspn(s + 1, " \t\r\n");
        size_t n = strcspn(s, ",)"), key = strcspn(s, " =,)");
        snprintf(text, sizeof text, ", %.*s", (int)n, s);
        if (n && !(key == 2 && strncmp(s, "lr", 2) == 0) && !(is_rate && place == 0 && !strchr(text, '=')))
            html_text(f, text);
        s += n;
    }
    fputc(')', f);
}

static void report_head(FILE *f, const Results *r)
{
    char text[256];
    const AdModel *m = r->model;
    const Options *o = r->options;
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>", f);
    html_text(f, m->name);
    fputs("</title><style>\n", f);
    fputs(report_style, f);
    fputs("</style></head><body>\n<svg class=\"defs\" aria-hidden=\"true\"><defs><circle id=\"m0\" r=\"3.6\"/>"
          "<path id=\"m1\" d=\"M-3.3-3.3h6.6v6.6h-6.6z\"/><path id=\"m2\" d=\"M0-4.4L4.1 3.1H-4.1z\"/>"
          "<path id=\"m3\" d=\"M0-4.8L4.4 0 0 4.8-4.4 0z\"/>"
          "<circle id=\"s0\" r=\"2.2\"/><path id=\"s1\" d=\"M-2-2h4v4h-4z\"/><path id=\"s2\" d=\"M0-2.7L2.5 1.9H-2.5z\"/>"
          "<path id=\"s3\" d=\"M0-2.9L2.7 0 0 2.9-2.7 0z\"/></defs></svg>\n<main><h1>", f);
    html_text(f, m->name);
    fprintf(f, "</h1><p class=\"sub\">%s", m->f64 ? "f64" : "f32");
    if (strcmp(o->command, "train") == 0) {
        fputs(" \xc2\xb7 ", f);
        report_optimizer(f, o);
        if (r->restarts > 1)
            report_count(f, r->done, "restart");
        report_count(f, r->epochs_run, "epoch");
        fputs(r->restarts > 1 ? " in all" : "", f);
        if (r->steps_run != r->epochs_run)
            report_count(f, r->steps_run, "step");
        fprintf(f, " \xc2\xb7 seed %llu \xc2\xb7 trained in ", (unsigned long long)o->seed);
        seconds_text(text, sizeof text, r->train_seconds);
        fputs(text, f);
    }
    if (results_stopped(r, text, sizeof text)) {
        fputs(" \xc2\xb7 stopped by ", f);
        html_text(f, text);
    }
    fputs("</p>\n", f);
    if (r->message[0]) {
        fputs("<p class=\"bad\">", f);
        html_text(f, r->message);
        fputs("</p>\n", f);
    }
}

static void report_tiles(FILE *f, const Results *r)
{
    char text[64];
    const double *value = r->value + r->best * r->nvalues;
    fputs("<div class=\"tiles\">", f);
    for (int v = 0; v < r->nvalues && v < 12; v++) {
        fputs("<div class=\"tile\"><span>", f);
        html_text(f, r->name[v]);
        int digits = 6;
        bool fits = false;                  /* 8 characters, counting e-06 as e-6 */
        while (!fits && --digits > 3) {
            snprintf(text, sizeof text, "%.*g", digits, value[v]);
            fits = strlen(text) < (strstr(text, "e-0") ? 10 : 9);
        }
        fputs(fits ? "</span><b>" : "</span><b class=\"long\">", f);
        html_number(f, value[v], fits ? digits : 4);
        fputs("</b></div>", f);
    }
    fputs("</div>\n", f);
}

/* A line of its own, without the blanks around it. */
static void report_part(FILE *f, const char *s, size_t n)
{
    char text[400];
    for (; n && *s == ' '; n--)
        s++;
    while (n && s[n - 1] == ' ')
        n--;
    snprintf(text, sizeof text, "%.*s", (int)n, s);
    fputs("<small>", f);
    html_text(f, text);
    fputs("</small>", f);
}

/* A row on what the model says a value is: its expression, and the comment behind it. */
static void report_meaning(FILE *f, const AdModel *m, const char *name)
{
    int line = 0;
    for (int i = 0; i < m->nlosses && !line; i++)
        line = m->losses[i].named && strcmp(m->losses[i].name, name) == 0 ? m->losses[i].line : 0;
    for (int i = 0; i < m->nmetrics && !line; i++)
        line = strcmp(m->metrics[i].name, name) == 0 ? m->metrics[i].line : 0;
    const char *s = m->source;
    for (int at = 1; s && line && at < line; at++)
        s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL;
    if (!s || !line)
        return;
    size_t end = strcspn(s, "\r\n"), hash = strcspn(s, "#\r\n"), from = strcspn(s, "=\r\n");
    from = from < hash ? from + 1 : hash;
    fputs("<tr><td class=\"w why\" colspan=\"2\">", f);
    report_part(f, s + from, hash - from);
    if (hash < end)
        report_part(f, s + hash + 1, end - hash - 1);
    fputs("</td></tr>", f);
}

static void report_values(FILE *f, const Results *r)
{
    static const char *const columns[] = { "mean", "sd", "min", "lower quartile", "median", "upper quartile", "max" };
    int digits = r->restarts > 1 ? 9 : r->model->f64 ? 17 : 9;
    fputs("<div class=\"scroll\"><table><tr><th>name</th>", f);
    fprintf(f, "<th class=\"n\">%s</th>", r->restarts > 1 ? "best restart" : "value");
    for (int k = 0; k < 7 && r->restarts > 1; k++)
        fprintf(f, "<th class=\"n\">%s</th>", columns[k]);
    fputs("</tr>", f);
    for (int v = 0; v < r->nvalues; v++) {
        fputs(r->restarts > 1 ? "<tr><td>" : "<tr><td class=\"w\">", f);
        html_text(f, r->name[v]);
        fputs("</td><td class=\"n\">", f);
        html_number(f, r->value[r->best * r->nvalues + v], digits);
        fputs("</td>", f);
        if (r->restarts > 1) {
            Summary s = results_summary(r, v);
            const double part[] = { s.mean, s.sd, s.min, s.q1, s.median, s.q3, s.max };
            for (int k = 0; k < 7; k++) {
                fputs("<td class=\"n\">", f);
                html_number(f, part[k], 6);
                fputs("</td>", f);
            }
        }
        fputs("</tr>", f);
        if (r->restarts < 2)
            report_meaning(f, r->model, r->name[v]);
    }
    fputs("</table></div>\n", f);
}

static void report_spread(FILE *f, const Results *r, int value)
{
    double *v = rt_alloc((size_t)(r->done + 1) * sizeof *v);
    for (int64_t i = 0; i < r->done; i++)
        v[i] = r->value[i * r->nvalues + value];
    plot_histogram(f, r->name[value], v, r->done);
    free(v);
}

/* The curve, and beside it what it led to: the values of one run, or how the losses of many spread. */
static void report_loss(FILE *f, const Results *r)
{
    if (r->nhistory >= 2) {
        fputs("<h2>Loss</h2><div class=\"hero\">", f);
        plot_curve(f, r);
        if (r->restarts > 1 && r->nvalues > 0)
            report_spread(f, r, 0);
        else
            report_values(f, r);
        fputs("</div>\n", f);
    }
    if (r->nvalues > 0 && (r->nhistory < 2 || r->restarts > 1)) {
        fputs("<h2>Values</h2>", f);
        report_values(f, r);
    }
}

static void report_restarts(FILE *f, const Results *r)
{
    if (r->restarts < 2 || r->done < 1)
        return;
    fprintf(f, "<h2>%lld restarts</h2><p class=\"note sub\">The shaded band holds the middle half, the line is the median. "
               "The best restart is number %lld.</p><div class=\"grid3\">", (long long)r->done, (long long)r->best_restart);
    for (int v = r->nhistory >= 2 ? 1 : 0; v < r->nvalues; v++)      /* the loss itself stands beside the curve */
        report_spread(f, r, v);
    fputs("</div>\n", f);
}

/* ---- outputs ---- */

typedef struct { double M[2][2], c[2], residual, determinant; } LinearMap;

/* Least squares for U = P M + c over the rows; residual relative to U about its mean. */
static bool map_fit(const Array *U, const Array *P, LinearMap *map)
{
    int64_t n = U->shape[0];
    double mu[2] = { 0, 0 }, mp[2] = { 0, 0 }, G[2][2] = { { 0, 0 }, { 0, 0 } }, B[2][2] = { { 0, 0 }, { 0, 0 } }, total = 0, left = 0;
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 2; c++) {
            mu[c] += array_get(U, 2 * i + c) / (double)n;
            mp[c] += array_get(P, 2 * i + c) / (double)n;
        }
    for (int64_t i = 0; i < n; i++)
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) {
                G[a][b] += (array_get(P, 2 * i + a) - mp[a]) * (array_get(P, 2 * i + b) - mp[b]);
                B[a][b] += (array_get(P, 2 * i + a) - mp[a]) * (array_get(U, 2 * i + b) - mu[b]);
            }
    double det = G[0][0] * G[1][1] - G[0][1] * G[1][0];
    if (!(fabs(det) > 1e-14 * G[0][0] * G[1][1]))
        return false;
    for (int b = 0; b < 2; b++) {
        map->M[0][b] = (G[1][1] * B[0][b] - G[0][1] * B[1][b]) / det;
        map->M[1][b] = (G[0][0] * B[1][b] - G[1][0] * B[0][b]) / det;
        map->c[b] = mu[b] - mp[0] * map->M[0][b] - mp[1] * map->M[1][b];
    }
    for (int64_t i = 0; i < n; i++)
        for (int b = 0; b < 2; b++) {
            double u = array_get(U, 2 * i + b);
            double e = u - map->c[b] - array_get(P, 2 * i) * map->M[0][b] - array_get(P, 2 * i + 1) * map->M[1][b];
            left += e * e;
            total += (u - mu[b]) * (u - mu[b]);
        }
    map->residual = total > 0 ? sqrt(left / total) : 0;
    map->determinant = map->M[0][0] * map->M[1][1] - map->M[0][1] * map->M[1][0];
    return isfinite(map->residual);
}

static void report_map(FILE *f, const Results *r, int first, int second)
{
    const char *u = r->model->outputs[first].name, *p = r->model->outputs[second].name;
    LinearMap map;
    if (!map_fit(&r->output[first], &r->output[second], &map))
        return;
    bool holds = map.residual < 0.05 && fabs(map.determinant) > 0;
    fputs("<p class=\"note\"><b>", f);
    html_text(f, u);
    fputs(holds ? " is " : " is not ", f);
    html_text(f, p);
    fputs(holds ? " up to an invertible 2 \xc3\x97 2 map</b>: relative residual " : " up to a 2 \xc3\x97 2 map</b>: relative residual ", f);
    html_number(f, map.residual, 3);
    fputs(" of the least-squares fit ", f);
    html_text(f, u);
    fputs(" = ", f);
    html_text(f, p);
    fputs(" M + c, with M = [[", f);
    for (int k = 0; k < 4; k++) {
        html_number(f, map.M[k / 2][k % 2], 5);
        fputs(k == 1 ? "], [" : k == 3 ? "]]" : ", ", f);
    }
    fputs(" (determinant ", f);
    html_number(f, map.determinant, 4);
    fputs(") and c = [", f);
    html_number(f, map.c[0], 4);
    fputs(", ", f);
    html_number(f, map.c[1], 4);
    fputs("].</p>\n", f);
}

static void report_outputs(FILE *f, const Results *r)
{
    const AdModel *m = r->model;
    int shown = 0;
    for (int i = 0; i < m->noutputs; i++) {
        if (!r->output[i].data)
            continue;
        fputs(shown++ ? "" : "<h2>Outputs</h2><div class=\"grid2\">", f);
        plot_output(f, r, i);
    }
    fputs(shown ? "</div>\n" : "", f);
    for (int i = 0; i < m->noutputs; i++)
        for (int k = i + 1; k < m->noutputs; k++)
            if (plot_is_scatter(r, i) && plot_is_scatter(r, k) && r->output[i].shape[0] == r->output[k].shape[0])
                report_map(f, r, i, k);
}

static void report_params(FILE *f, const Results *r)
{
    enum { MOST = 40 };
    int n = r->model->nparams;
    if (n == 0)
        return;
    fputs("<h2>Parameters</h2><p class=\"note sub\">Red above zero, blue below, stronger further away.</p><div class=\"grid3\">", f);
    for (int p = 0; p < n && p < MOST; p++) {
        const AdParam *param = &r->model->params[p];
        Array a = { .type = r->model->f64 ? DT_F64 : DT_F32, .rank = param->rank, .data = r->param[p] };
        for (int i = 0; i < a.rank; i++)
            a.shape[i] = r->session->part[PART_TRAIN].dims[param->axes[i]];
        plot_heat(f, param->name, &a);
    }
    fputs("</div>\n", f);
    if (n > MOST)
        fprintf(f, "<p class=\"sub\">and %d more</p>\n", n - MOST);
}

/* ---- how to run it again ---- */

static void report_row(FILE *f, const char *name, const char *value, const char *from)
{
    fputs("<tr><th>", f);
    html_text(f, name);
    fputs("</th><td class=\"w\"><code>", f);
    html_text(f, value);
    fputs("</code></td><td class=\"sub\">", f);
    html_text(f, from);
    fputs("</td></tr>", f);
}

/* 'adc run' names the file of the train block in full: that is nobody's choice of the command line. */
static const char *report_from(const AdModel *m, const Setting *s, char *text, size_t size)
{
    for (int i = 0; i < m->nsettings && strcmp(s->key, "data") == 0; i++) {
        const char *own = m->settings[i].value;
        size_t n = strlen(own), all = strlen(s->value);
        if (strcmp(m->settings[i].key, "data") != 0 || n < 3 || all < n - 2 || strncmp(s->value + all - (n - 2), own + 1, n - 2) != 0)
            continue;
        if (all == n - 2 || s->value[all - (n - 1)] == '/') {
            snprintf(text, size, "%s:%d", m->file, m->settings[i].line);
            return text;
        }
    }
    return s->from;
}

static void report_settings(FILE *f, const Results *r)
{
    const AdModel *m = r->model;
    const Options *o = r->options;
    char text[512];
    fputs("<h2>Settings</h2><div class=\"scroll\"><table>", f);
    for (int i = 0; i < o->nsettings; i++)
        if (o->setting[i].value[0])
            report_row(f, o->setting[i].key, o->setting[i].value, report_from(m, &o->setting[i], text, sizeof text));
    for (int h = 0; h < m->nhypers; h++) {
        snprintf(text, sizeof text, "%.9g", r->session->hyper[h]);
        report_row(f, m->hypers[h].name, text, o->hyper_given[h] ? "command line" : "hyper");
    }
    fputs("</table></div>\n", f);
}

static void report_data(FILE *f, const Results *r)
{
    const AdModel *m = r->model;
    char text[128];
    fputs("<h2>Data and times</h2><div class=\"scroll\"><table>", f);
    if (r->dataset->path)
        report_row(f, "data", r->dataset->path, "");
    snprintf(text, sizeof text, "%016llx", (unsigned long long)r->dataset->hash);
    if (m->ndata)
        report_row(f, "hash", text, "");
    for (int d = 0; d < m->ndims; d++) {
        if (!dim_is_named(&m->dims[d]))
            continue;
        snprintf(text, sizeof text, "%lld", (long long)r->dataset->dims[d]);
        report_row(f, m->dims[d].name, text, m->dims[d].batch ? "dim, batch" : "dim");
    }
    static const char *const parts[] = { "training rows", "validation rows", "test rows" };
    for (int i = PART_TRAIN; i <= PART_TEST; i++)
        if (r->session->part[i].present && r->session->part[i].rows > 0) {
            snprintf(text, sizeof text, "%lld", (long long)r->session->part[i].rows);
            report_row(f, parts[i], text, "");
        }
    seconds_text(text, sizeof text, r->load_seconds);
    report_row(f, "loading", text, "");
    seconds_text(text, sizeof text, r->train_seconds);
    report_row(f, "training", text, "");
    if (r->steps_run > 0) {
        snprintf(text, sizeof text, "%.3f \xc2\xb5s", 1e6 * r->train_seconds / (double)r->steps_run);
        report_row(f, "a step", text, "");
    }
    fputs("</table></div>\n", f);
}

static void report_source(FILE *f, const AdModel *m)
{
    int line = 1;
    fputs("<h2>Model</h2><div class=\"scroll\"><pre>", f);
    for (const char *s = m->source; s && *s; line++) {
        size_t n = strcspn(s, "\n");
        char *text = rt_alloc(n + 1);
        memcpy(text, s, n);
        fprintf(f, "<i>%3d  </i>", line);
        html_text(f, text);
        fputc('\n', f);
        free(text);
        s += n + (s[n] == '\n');
    }
    fputs("</pre></div>\n", f);
}

int report_write(const Results *r, const char *path, Err *err)
{
    Output out;
    int bad = output_open(&out, path, err);
    if (bad)
        return bad;
    report_head(out.f, r);
    report_tiles(out.f, r);
    report_loss(out.f, r);
    report_restarts(out.f, r);
    report_outputs(out.f, r);
    report_params(out.f, r);
    report_source(out.f, r->model);
    report_settings(out.f, r);
    report_data(out.f, r);
    fputs("</main></body></html>\n", out.f);
    return output_close(&out, err);
}
