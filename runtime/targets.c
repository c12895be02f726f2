/* targets.c: the files that a run is asked to write.
 *
 * They are looked at before the run starts, so that hours of training do not end at a directory that is not there: the
 * suffix must be that of the format, no path may be named twice, none may be of a file that the run reads, and each must
 * open for writing. At the end every file of results is tried, whatever became of the one before.
 *
 *     --history h.txt         usage: --history is written as .csv or .jsonl
 *     --record -              standard output: then the results go to standard error */
#include "rt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct { const char *flag, *path, *suffix[2]; bool text; int rank; } Target;

static void target_add(Target *t, int *n, Target one)
{
    if (one.path)
        t[(*n)++] = one;
}

static int target_rank(const AdModel *m, const char *name, bool output)
{
    for (int i = 0; i < (output ? m->noutputs : m->nparams); i++)
        if (strcmp(output ? m->outputs[i].name : m->params[i].name, name) == 0)
            return output ? m->outputs[i].rank : m->params[i].rank;
    return 0;
}

/* All of them; the caller frees the list. */
static Target *target_list(const Options *o, const AdModel *m, int *n)
{
    Target *t = rt_alloc((size_t)(o->nout + o->ngrad + 5) * sizeof *t);
    *n = 0;
    for (int i = 0; i < o->nout; i++)
        target_add(t, n, (Target){ "out", o->out[i].file, { ".npy", ".csv" }, true, target_rank(m, o->out[i].name, true) });
    for (int i = 0; i < o->ngrad; i++)
        target_add(t, n, (Target){ "grad", o->grad[i].file, { ".npy", ".csv" }, true, target_rank(m, o->grad[i].name, false) });
    target_add(t, n, (Target){ "model", o->model, { ".safetensors" }, false, 0 });
    target_add(t, n, (Target){ "history", o->history, { ".csv", ".jsonl" }, true, 0 });
    target_add(t, n, (Target){ "record", o->record, { ".json" }, true, 0 });
    target_add(t, n, (Target){ "report", o->report, { ".html" }, true, 0 });
    target_add(t, n, (Target){ "checkpoint", o->checkpoint, { "" }, false, 0 });
    return t;
}

bool path_has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), k = strlen(suffix);
    return n >= k && strcmp(path + n - k, suffix) == 0;
}

/* A pipe or a device: it has no suffix, and opening it may wait for a reader. */
static bool target_is_stream(const Target *t)
{
    struct stat st;
    return (t->text && strcmp(t->path, "-") == 0) || (stat(t->path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

static bool same_file(const char *a, const char *b)
{
    struct stat s, t;
    return stat(a, &s) == 0 && stat(b, &t) == 0 && S_ISREG(s.st_mode) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

static bool same_data(const char *path, const DataArg *data, int n)
{
    bool same = false;
    for (int i = 0; i < n && !same; i++) {
        char *file = strndup(data[i].file, data_path(data[i].file));
        same = file && same_file(path, file);
        free(file);
    }
    return same;
}

/* What reads the file that this target would replace, or NULL. A run may go on from its own checkpoint. */
static const char *target_reader(const Target *t, const Options *o, const AdModel *m)
{
    if (same_data(t->path, o->data, o->ndata))
        return "--data";
    if (same_data(t->path, o->test, o->ntest))
        return "--test";
    if (o->init && same_file(t->path, o->init))
        return "--init";
    if (o->resume && strcmp(t->flag, "checkpoint") != 0 && same_file(t->path, o->resume))
        return "--resume";
    for (int p = 0; p < m->nparams; p++)
        if (m->params[p].file && same_file(t->path, m->params[p].file))
            return m->params[p].name;
    return NULL;
}

FILE *targets_beside(const Options *o, const AdModel *m)
{
    int n;
    bool taken = false;
    Target *t = target_list(o, m, &n);
    for (int i = 0; i < n; i++)
        taken |= strcmp(t[i].path, "-") == 0;
    free(t);
    return taken ? stderr : stdout;
}

int targets_check(const Options *o, const AdModel *m, Err *err)
{
    int n, bad = EXIT_FINE;
    Target *t = target_list(o, m, &n);
    for (int i = 0; i < n && !bad; i++) {
        const char *const *suffix = t[i].suffix;
        bool named = path_has_suffix(t[i].path, suffix[0]) || (suffix[1] && path_has_suffix(t[i].path, suffix[1]));
        if (!named && !target_is_stream(&t[i]))
            bad = err_set(err, EXIT_USAGE, "--%s: '%s' is not written: give a name that ends in %s%s%s", t[i].flag, t[i].path,
                          suffix[0], suffix[1] ? " or " : "", suffix[1] ? suffix[1] : "");
        else if (t[i].rank > 2 && !path_has_suffix(t[i].path, ".npy"))
            bad = err_set(err, EXIT_USAGE, "--%s: '%s' has %d axes, too many for a .csv; write a .npy", t[i].flag, t[i].path, t[i].rank);
        for (int k = 0; k < i && !bad; k++)
            if (strcmp(t[i].path, t[k].path) == 0 && !target_is_stream(&t[i]))
                bad = err_set(err, EXIT_USAGE, "--%s and --%s both write '%s'", t[k].flag, t[i].flag, t[i].path);
        const char *reader = bad ? NULL : target_reader(&t[i], o, m);
        if (reader)
            bad = err_set(err, EXIT_USAGE, "--%s would write over '%s', which %s reads", t[i].flag, t[i].path, reader);
    }
    free(t);
    return bad;
}

int targets_probe(const Options *o, const AdModel *m, Err *err)
{
    int n, bad = EXIT_FINE;
    Target *t = target_list(o, m, &n);
    for (int i = 0; i < n && !bad; i++) {
        Output out;
        if (target_is_stream(&t[i]))
            continue;
        bad = output_open(&out, t[i].path, err);
        if (!bad)
            output_abandon(&out);
    }
    free(t);
    return bad;
}

/* The first error goes to the caller, any more to standard error. */
static int target_failed(const Results *r, int before, int now, const Err *more)
{
    if (before && now)
        err_say(r->model, more->text);
    return before ? before : now;
}

int targets_write(const Results *r, Err *err)
{
    const Options *o = r->options;
    const struct { const char *path; int (*write)(const Results *, const char *, Err *); } files[] = {
        { o->model, model_write }, { o->history, history_write }, { o->record, record_write }, { o->report, report_write },
    };
    int bad = EXIT_FINE;
    for (int i = 0; i < o->nout; i++) {
        Err more;
        int now = output_named(r, &o->out[i], bad ? &more : err);
        bad = target_failed(r, bad, now, &more);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        Err more;
        int now = files[i].path ? files[i].write(r, files[i].path, bad ? &more : err) : EXIT_FINE;
        bad = target_failed(r, bad, now, &more);
    }
    return bad;
}
