/* history.c: the loss of every epoch as a table: .csv, or .jsonl with one object a line. */
#include "rt.h"

#include <math.h>
#include <string.h>

static void history_number(FILE *f, double v, const char *none)
{
    if (isnan(v) || isinf(v))
        fputs(none, f);
    else
        fprintf(f, "%.17g", v);
}

int history_write(const Results *r, const char *path, Err *err)
{
    Output out;
    size_t n = strlen(path);
    bool lines = n > 6 && strcmp(path + n - 6, ".jsonl") == 0;
    int bad = output_open(&out, path, err);
    if (bad)
        return bad;
    if (!lines)
        fputs("epoch,step,loss,validation,seconds\n", out.f);
    for (int64_t i = 0; i < r->nhistory; i++) {
        const HistoryRow *h = &r->history[i];
        fprintf(out.f, lines ? "{\"epoch\": %lld, \"step\": %lld, \"loss\": " : "%lld,%lld,", (long long)h->epoch, (long long)h->step);
        history_number(out.f, h->loss, lines ? "null" : "");
        fputs(lines ? ", \"validation\": " : ",", out.f);
        history_number(out.f, h->validation, lines ? "null" : "");
        fprintf(out.f, lines ? ", \"seconds\": %.6f}\n" : ",%.6f\n", h->seconds);
    }
    return output_close(&out, err);
}
