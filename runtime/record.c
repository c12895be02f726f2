/* record.c: what was run and what came of it, as one JSON object: enough to run it again and to compare runs. */
#include "rt.h"

#include <math.h>

static void record_text(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", f);
        else if (c < 32)
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

/* JSON has no nan and no inf */
static void record_number(FILE *f, double v)
{
    if (isfinite(v))
        fprintf(f, "%.17g", v);
    else
        fputs("null", f);
}

/* What has no key in the train block and yet shapes the run. */
static void record_flags(const Options *o, FILE *f)
{
    const char *const flags[][2] = { { "init", o->init }, { "freeze", o->freeze }, { "resume", o->resume } };
    for (int i = 0; i < 3; i++)
        if (flags[i][1]) {
            fprintf(f, "  \"%s\": ", flags[i][0]);
            record_text(f, flags[i][1]);
            fputs(",\n", f);
        }
    for (int i = 0; i < o->ntest; i++) {
        fputs(i ? ", " : "  \"test\": [", f);
        char text[4200];
        snprintf(text, sizeof text, "%s%s%s", o->test[i].name ? o->test[i].name : "", o->test[i].name ? "=" : "", o->test[i].file);
        record_text(f, text);
        fputs(i + 1 == o->ntest ? "],\n" : "", f);
    }
    if (o->one_restart)
        fprintf(f, "  \"restart\": %lld,\n", (long long)o->first_restart);
}

static void record_settings(const Results *r, FILE *f)
{
    const Options *o = r->options;
    const char *comma = "";
    fputs("  \"settings\": {", f);
    for (int i = 0; i < o->nsettings; i++) {
        if (!o->setting[i].value[0])
            continue;
        fprintf(f, "%s\n    ", comma);
        record_text(f, o->setting[i].key);
        fputs(": ", f);
        record_text(f, o->setting[i].value);
        comma = ",";
    }
    fputs("\n  },\n  \"hypers\": {", f);
    for (int i = 0; i < r->model->nhypers; i++) {
        fputs(i ? ", " : "", f);
        record_text(f, r->model->hypers[i].name);
        fputs(": ", f);
        record_number(f, r->session->hyper[i]);
    }
    fputs("},\n  \"dims\": {", f);
    const char *between = "";
    for (int i = 0; i < r->model->ndims; i++) {
        if (!dim_is_named(&r->model->dims[i]))
            continue;
        fputs(between, f);
        record_text(f, r->model->dims[i].name);
        fprintf(f, ": %lld", (long long)r->dataset->dims[i]);
        between = ", ";
    }
    fputs("},\n", f);
}

static void record_results(const Results *r, FILE *f)
{
    fputs("  \"results\": {", f);
    for (int v = 0; v < r->nvalues; v++) {
        fputs(v ? ", " : "", f);
        record_text(f, r->name[v]);
        fputs(": ", f);
        record_number(f, r->value[r->best * r->nvalues + v]);
    }
    fputs("}", f);
    if (r->restarts > 1) {
        fprintf(f, ",\n  \"best_restart\": %lld,\n  \"restarts\": {", (long long)r->best_restart);
        for (int v = 0; v < r->nvalues; v++) {
            fputs(v ? ",\n    " : "\n    ", f);
            record_text(f, r->name[v]);
            fputs(": [", f);
            for (int64_t i = 0; i < r->done; i++) {
                fputs(i ? ", " : "", f);
                record_number(f, r->value[i * r->nvalues + v]);
            }
            fputs("]", f);
        }
        fputs("\n  }", f);
    }
}

int record_write(const Results *r, const char *path, Err *err)
{
    Output out;
    int bad = output_open(&out, path, err);
    if (bad)
        return bad;
    FILE *f = out.f;
    fputs("{\n  \"model\": ", f);
    record_text(f, r->model->name);
    fputs(",\n  \"file\": ", f);
    record_text(f, r->model->file);
    fprintf(f, ",\n  \"precision\": \"%s\",\n  \"command\": ", r->model->f64 ? "f64" : "f32");
    record_text(f, r->options->command);
    fprintf(f, ",\n  \"seed\": %llu,\n  \"data_hash\": \"%016llx\",\n  \"data\": ", (unsigned long long)r->options->seed,
            (unsigned long long)r->dataset->hash);
    record_text(f, r->dataset->path ? r->dataset->path : "");
    fputs(",\n", f);
    record_flags(r->options, f);
    record_settings(r, f);
    fprintf(f, "  \"epochs\": %lld,\n  \"steps\": %lld,\n  \"load_seconds\": %.6f,\n  \"train_seconds\": %.6f,\n",
            (long long)r->epochs_run, (long long)r->steps_run, r->load_seconds, r->train_seconds);
    char why[256];
    fprintf(f, "  \"diverged\": %s,\n  \"stopped\": ", r->diverged ? "true" : "false");
    if (results_stopped(r, why, sizeof why))
        record_text(f, why);
    else
        fputs("null", f);
    fputs(",\n", f);
    record_results(r, f);
    fputs("\n}\n", f);
    return output_close(&out, err);
}
