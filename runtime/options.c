/* options.c: what a trainer is told, by its model's train block and by the command line.
 *
 * One table lists every option. Its first rows are the keys of the train block: each key is a flag of the same name, a
 * flag beats the block, the block beats the default. What is in force ends up in Options and, as text with its origin,
 * in options->setting, from which --help, `info`, records and reports are written:
 *
 *     --lr 0.1            { "lr", "0.1", "command line" }
 *     epochs = 1000       { "epochs", "1000", "mlp.ad:20" } */
#include "rt.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first rows are keys of the train block, in this order. */
enum { ROW_DATA, ROW_OPTIMIZER, ROW_LR, ROW_EPOCHS, ROW_STEPS, ROW_BATCH, OPTION_KEYS = 18 };

/* serves: first letters of the commands that the flag has an effect on; info shows what is in force. Texts lie in the
 * rows: pointers would have to be relocated and take as much room again. */
typedef struct { char name[12], serves[8], argument[18], initial[18], help[83]; } OptionRow;

static const OptionRow option_rows[] = {
    { "data", "tepcbi", "FILE | NAME=FILE", "", "where data comes from: one table, or an array by itself (NAME=FILE#COLUMNS)" },
    { "optimizer", "tbi", "SPEC", "adam(lr = 0.001)", "sgd() adam() adamw() rmsprop() adagrad() lbfgs()" },
    { "lr", "tbi", "X", "", "learning rate, in place of the optimizer's" },
    { "epochs", "ti", "N", "100", "passes over the training rows" },
    { "steps", "ti", "N", "", "steps of the optimizer, in place of epochs" },
    { "batch", "tcbi", "N", "", "rows of a mini-batch (default: all; 0: all)" },
    { "shuffle", "ti", "BOOL", "true", "shuffle the rows before each epoch of mini-batches" },
    { "schedule", "ti", "SPEC", "constant()", "constant() cosine(warmup) step(every, factor) exponential(factor) linear(warmup)" },
    { "clip", "ti", "X", "", "largest norm of the gradient" },
    { "split", "ti", "LIST", "", "shares of the rows: [train, validation, test]" },
    { "holdout", "ti", "cells(A, P)", "", "validate on a share P of the cells of the 'missing' array A" },
    { "patience", "ti", "N", "", "stop after N epochs without a better (validation) loss, keep the best" },
    { "tol", "ti", "X", "", "stop when an epoch changes the loss by no more than this share" },
    { "restarts", "ti", "N", "1", "independent runs; seeds SEED, SEED + 1, ..." },
    { "seed", "tepcbi", "N", "0", "of every draw, shuffle and split" },
    { "threads", "ti", "N", "", "threads for restarts (default: one a processor); results do not depend on it" },
    { "progress", "tepcbi", "WHEN", "auto", "auto, bar, lines or none" },
    { "on-nan", "ti", "WHAT", "stop", "stop or continue at a loss that is nan or inf" },
    { "test", "te", "FILE | NAME=FILE", "", "data of its own for the test values" },
    { "set", "tepcbi", "HYPER=X", "", "value of a hyperparameter" },
    { "dim", "tepcb", "NAME=N", "", "size of a dim that data leaves open" },
    { "init", "tepcb", "FILE", "", "initial params (.safetensors)" },
    { "freeze", "tb", "NAMES", "", "params that stay as they are, separated by commas" },
    { "restart", "t", "I", "", "run restart I alone, counted from 0" },
    { "model", "te", "FILE", "", "write the trained params (.safetensors)" },
    { "out", "tep", "NAME=FILE", "", "write an output (.npy or .csv)" },
    { "grad", "e", "NAME=FILE", "", "write the gradient in a param (.npy or .csv)" },
    { "report", "tep", "FILE", "", "write a page about the run (.html)" },
    { "history", "t", "FILE", "", "write the loss of every epoch (.csv or .jsonl)" },
    { "record", "tep", "FILE", "", "write what was run and found (.json)" },
    { "checkpoint", "t", "FILE", "", "write the state of the run now and then, and when interrupted" },
    { "resume", "t", "FILE", "", "go on from a checkpoint" },
    { "quiet", "tepcbi", "", "", "no progress" },
    { "version", "tepcbi", "", "", "of which model this is the trainer" },
    { "help", "tepcbi", "", "", "this text" },
};

enum { OPTION_ROWS = sizeof option_rows / sizeof *option_rows };

static const char *const option_commands[] = { "train", "eval", "predict", "check-grad", "bench", "info", "help" };

static char *option_own(Options *o, const char *text, size_t n)
{
    char *copy = rt_alloc(n + 1);
    char **owned = rt_alloc((size_t)(o->nowned + 1) * sizeof *owned);
    memcpy(copy, text, n);
    if (o->nowned)
        memcpy(owned, o->owned, (size_t)o->nowned * sizeof *owned);
    free(o->owned);
    o->owned = owned;
    o->owned[o->nowned++] = copy;
    return copy;
}

static const char *option_join(Options *o, const char *a, const char *b)
{
    size_t n = strlen(a) + strlen(b) + 2;
    char *text = rt_alloc(n + 1);
    snprintf(text, n + 1, "%s, %s", a, b);
    const char *kept = option_own(o, text, n);
    free(text);
    return kept;
}

/* ---- names of the model ---- */

static const char *option_name_at(const AdModel *m, char kind, int i)
{
    switch (kind) {
    case 'd': return m->data[i].name;
    case 'h': return m->hypers[i].name;
    case 'n': return m->dims[i].name;
    case 'p': return m->params[i].name;
    default: return m->outputs[i].name;
    }
}

static int option_names(const AdModel *m, char kind)
{
    switch (kind) {
    case 'd': return m->ndata;
    case 'h': return m->nhypers;
    case 'n': return m->ndims;
    case 'p': return m->nparams;
    default: return m->noutputs;
    }
}

/* The place of a data array, hyper, dim (n), param or output; -1 and a message when the model has none of that name. */
int option_find(const AdModel *m, char kind, const char *name, const char *where, Err *err)
{
    static const struct { char kind; const char *word; } words[] = {
        { 'd', "data" }, { 'h', "hyper" }, { 'n', "dim" }, { 'p', "param" }, { 'o', "output" },
    };
    int n = option_names(m, kind), w = 0;
    const char **names = rt_alloc((size_t)(n + 1) * sizeof *names), *near;
    for (int i = 0; i < n; i++) {
        names[i] = option_name_at(m, kind, i);
        if (strcmp(names[i], name) == 0) {
            free(names);
            return i;
        }
    }
    while (words[w].kind != kind)
        w++;
    near = nearest(name, names, n);
    if (n == 0)
        err_set(err, EXIT_USAGE, "%s: '%s' is not known; the model has no %s", where, name, words[w].word);
    else
        err_set(err, EXIT_USAGE, "%s: the model has no %s '%s'%s%s%s", where, words[w].word, name,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(names);
    return -1;
}

/* ---- single values ---- */

static int option_count(const char *text, int64_t low, int64_t *v, const char *where, Err *err)
{
    double x;
    if (spec_number(text, &x, where, err))
        return EXIT_USAGE;
    if (x >= 9e18)
        return err_set(err, EXIT_USAGE, "%s: '%s' is too large", where, text);
    if (!(x >= (double)low) || x != floor(x))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a whole number from %lld up", where, text, (long long)low);
    *v = (int64_t)x;
    return EXIT_FINE;
}

static int option_restarts(const char *text, int64_t *v, const char *where, Err *err)
{
    enum { MOST = 10000000 };
    if (option_count(text, 1, v, where, err))
        return EXIT_USAGE;
    return *v > MOST ? err_set(err, EXIT_USAGE, "%s: '%s' is too many: at most %d", where, text, MOST) : EXIT_FINE;
}

static int option_positive(const char *text, double *v, const char *where, Err *err)
{
    if (spec_number(text, v, where, err))
        return EXIT_USAGE;
    if (!(*v > 0))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a positive number", where, text);
    return EXIT_FINE;
}

static int option_seed(const char *text, uint64_t *v, const char *where, Err *err)
{
    char *end;
    errno = 0;
    *v = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno)
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a whole number from 0 to %llu", where, text, (unsigned long long)UINT64_MAX);
    return EXIT_FINE;
}

static int option_split(const char *text, Options *o, const char *where, Err *err)
{
    int n;
    double sum = 0, share[3] = { 0, 0, 0 };
    if (spec_list(text, share, 3, &n, where, err))
        return EXIT_USAGE;
    if (n == 1 && share[0] < 1) {           /* one number: training rows, the rest validates */
        share[1] = 1 - share[0];
        n = 2;
    }
    for (int i = 0; i < n; i++) {
        if (!(share[i] >= 0))
            return err_set(err, EXIT_USAGE, "%s: share %g is negative", where, share[i]);
        sum += share[i];
    }
    if (!(fabs(sum - 1) < 1e-6))
        return err_set(err, EXIT_USAGE, "%s: the shares %s add up to %.9g, not to 1", where, text, sum);
    if (!(share[0] > 0))
        return err_set(err, EXIT_USAGE, "%s: the training share is 0", where);
    memcpy(o->split, share, sizeof share);
    o->split_given = share[0] < 1;
    return EXIT_FINE;
}

static int option_word(const char *text, const char *const *words, int n, const char *where, Err *err)
{
    for (int i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0)
            return EXIT_FINE;
    char all[64] = "";
    for (int i = 0, at = 0; i < n; i++)
        at += snprintf(all + at, sizeof all - (size_t)at, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i]);
    return err_set(err, EXIT_USAGE, "%s: '%s' is not %s", where, text, all);
}

/* ---- NAME=FILE ---- */

static void option_append(DataArg **list, int *n, const char *name, const char *file)
{
    DataArg *longer = rt_alloc((size_t)(*n + 1) * sizeof *longer);
    if (*n)
        memcpy(longer, *list, (size_t)*n * sizeof *longer);
    free(*list);
    longer[*n].name = name;
    longer[(*n)++].file = file;
    *list = longer;
}

static bool option_is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return n > 0 && !isdigit((unsigned char)*s);
}

/* FILE, or NAME=FILE when what stands before the first '=' is a name. A given file replaces the block's. */
static int option_data(Options *o, const AdModel *m, DataArg **list, int *n, const char *text, const char *where, Err *err)
{
    const char *equals = strchr(text, '=');
    if (!*text)
        return err_set(err, EXIT_USAGE, "%s: a file is missing", where);
    if (!equals || !option_is_name(text, (size_t)(equals - text))) {
        option_append(list, n, NULL, text);
        return EXIT_FINE;
    }
    const char *name = option_own(o, text, (size_t)(equals - text));
    if (option_find(m, 'd', name, where, err) < 0)
        return EXIT_USAGE;
    option_append(list, n, name, equals + 1);
    return EXIT_FINE;
}

static int option_named(Options *o, const AdModel *m, char kind, const char *text, int *place, const char **value,
                        const char *where, Err *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return err_set(err, EXIT_USAGE, "%s: '%s' does not read as NAME=VALUE", where, text);
    const char *name = option_own(o, text, (size_t)(equals - text));
    *place = option_find(m, kind, name, where, err);
    *value = equals + 1;
    return *place < 0 ? EXIT_USAGE : EXIT_FINE;
}

/* ---- keys of the train block ---- */

/* 'lr = 0.1' of the block serves another optimizer too, unless that brings its own. To lbfgs() lr is no rate but the
 * length it tries first, and lm() has none. */
static void option_keep_lr(Options *o, double lr)
{
    if (!o->setting[ROW_LR].value[0])
        return;
    if (o->optimizer.lr_given || o->optimizer.kind[0] == 'l')
        o->setting[ROW_LR].value = "";
    else
        o->optimizer.lr = lr;
}

/* from: "mlp.ad:20" or "command line"; also what is remembered as in force */
static int option_key(Options *o, const AdModel *m, int row, const char *text, const char *where, const char *from, Err *err)
{
    static const char *const whens[] = { "auto", "bar", "lines", "none" }, *const whats[] = { "stop", "continue" };
    const char *key = option_rows[row].name;
    double lr = o->optimizer.lr;
    int bad = EXIT_FINE;
    if (strcmp(key, "data") == 0)
        bad = option_data(o, m, &o->data, &o->ndata, text, where, err);
    else if (strcmp(key, "optimizer") == 0) {
        bad = spec_optimizer(text, &o->optimizer, where, err);
        option_keep_lr(o, lr);
    } else if (strcmp(key, "lr") == 0) {
        bad = option_positive(text, &o->optimizer.lr, where, err);
    } else if (strcmp(key, "epochs") == 0) {
        bad = option_count(text, 1, &o->epochs, where, err);
        o->steps = -1;
    } else if (strcmp(key, "steps") == 0) {
        bad = option_count(text, 1, &o->steps, where, err);
        o->epochs = -1;
    } else if (strcmp(key, "batch") == 0)
        bad = option_count(text, 0, &o->batch, where, err);
    else if (strcmp(key, "shuffle") == 0)
        bad = spec_bool(text, &o->shuffle, where, err);
    else if (strcmp(key, "schedule") == 0)
        bad = spec_schedule(text, &o->schedule, where, err);
    else if (strcmp(key, "clip") == 0)
        bad = option_positive(text, &o->clip, where, err);
    else if (strcmp(key, "split") == 0)
        bad = option_split(text, o, where, err);
    else if (strcmp(key, "holdout") == 0)
        bad = spec_cells(text, o->holdout_array, sizeof o->holdout_array, &o->holdout, where, err);
    else if (strcmp(key, "patience") == 0)
        bad = option_count(text, 1, &o->patience, where, err);
    else if (strcmp(key, "tol") == 0)
        bad = option_positive(text, &o->tol, where, err);
    else if (strcmp(key, "restarts") == 0)
        bad = option_restarts(text, &o->restarts, where, err);
    else if (strcmp(key, "seed") == 0)
        bad = option_seed(text, &o->seed, where, err);
    else if (strcmp(key, "threads") == 0)
        bad = option_count(text, 1, &o->threads, where, err);
    else if (strcmp(key, "progress") == 0) {
        bad = option_word(text, whens, 4, where, err);
        snprintf(o->progress, sizeof o->progress, "%s", text);
    } else if (strcmp(key, "on-nan") == 0) {
        bad = option_word(text, whats, 2, where, err);
        o->on_nan_continue = text[0] == 'c';
    }
    if (bad)
        return bad;
    bool more = row == ROW_DATA && o->setting[row].value[0];
    o->setting[row].value = more ? option_join(o, o->setting[row].value, text) : text;
    o->setting[row].from = from;
    if (row == ROW_EPOCHS)
        o->setting[ROW_STEPS].value = "";
    if (row == ROW_STEPS)
        o->setting[ROW_EPOCHS].value = "";
    return EXIT_FINE;
}

static int option_row(const char *name)
{
    for (int i = 0; i < OPTION_ROWS; i++)
        if (strcmp(option_rows[i].name, name) == 0)
            return i;
    return -1;
}

static int options_default(Options *o, const AdModel *m, Err *err)
{
    memset(o, 0, sizeof *o);
    o->given = rt_alloc((size_t)(m->ndims + 1) * sizeof *o->given);
    o->hyper = rt_alloc((size_t)(m->nhypers + 1) * sizeof *o->hyper);
    o->hyper_given = rt_alloc((size_t)(m->nhypers + 1) * sizeof *o->hyper_given);
    o->setting = rt_alloc(OPTION_KEYS * sizeof *o->setting);
    o->nsettings = OPTION_KEYS;
    for (int i = 0; i < m->ndims; i++)
        o->given[i] = -1;
    for (int i = 0; i < m->nhypers; i++)
        o->hyper[i] = m->hypers[i].value;
    o->split[0] = 1;
    for (int i = 0; i < OPTION_KEYS; i++) {
        char *key = option_own(o, option_rows[i].name, strlen(option_rows[i].name)), *dash = strchr(key, '-');
        if (dash)
            *dash = '_';            /* --on-nan is on_nan in the train block */
        o->setting[i] = (Setting){ key, option_rows[i].initial, "default" };
    }
    for (int i = 0; i < OPTION_KEYS; i++)
        if (option_rows[i].initial[0] && option_key(o, m, i, option_rows[i].initial, "default", "default", err))
            return EXIT_USAGE;
    return EXIT_FINE;
}

/* The optimizer comes first: 'lr' is meant for it, wherever it stands. */
static int options_block(Options *o, const AdModel *m, Err *err)
{
    for (int i = 0; i < 2 * m->nsettings; i++) {
        const AdSetting *s = &m->settings[i % m->nsettings];
        if ((strcmp(s->key, "optimizer") == 0) != (i < m->nsettings))
            continue;
        char where[512], from[256];
        size_t n = strlen(s->value);
        bool quoted = n > 1 && s->value[0] == '"' && s->value[n - 1] == '"';
        const char *text = quoted ? option_own(o, s->value + 1, n - 2) : s->value;
        int row = 0;
        while (row < OPTION_KEYS && strcmp(o->setting[row].key, s->key) != 0)
            row++;
        snprintf(from, sizeof from, "%s:%d", m->file, s->line);
        snprintf(where, sizeof where, "%s: error: %s", from, s->key);
        if (row == OPTION_KEYS)
            return err_set(err, EXIT_BAD_DATA, "%s: no setting has this name", where);
        if (option_key(o, m, row, text, where, option_own(o, from, strlen(from)), err))
            return EXIT_BAD_DATA;
    }
    return EXIT_FINE;
}

/* ---- the command line ---- */

static int option_other(Options *o, const AdModel *m, const char *name, const char *text, const char *where, Err *err)
{
    static const char *const files[] = { "init", "freeze", "model", "report", "history", "record", "checkpoint", "resume" };
    const char **places[] = { &o->init, &o->freeze, &o->model, &o->report, &o->history, &o->record, &o->checkpoint, &o->resume };
    const char *value = "";
    int place = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(name, files[i]) == 0) {
            if (!*text)
                return err_set(err, EXIT_USAGE, "%s: a value is missing", where);
            *places[i] = text;
            return EXIT_FINE;
        }
    if (strcmp(name, "restart") == 0) {
        o->one_restart = true;
        return option_count(text, 0, &o->first_restart, where, err);
    }
    if (strcmp(name, "test") == 0)
        return option_data(o, m, &o->test, &o->ntest, text, where, err);
    char kind = strcmp(name, "set") == 0 ? 'h' : strcmp(name, "dim") == 0 ? 'n' : strcmp(name, "out") == 0 ? 'o' : 'p';
    if (option_named(o, m, kind, text, &place, &value, where, err))
        return EXIT_USAGE;
    if (kind == 'o')
        option_append(&o->out, &o->nout, m->outputs[place].name, value);
    else if (kind == 'p')
        option_append(&o->grad, &o->ngrad, m->params[place].name, value);
    else if (kind == 'n')
        return option_count(value, 1, &o->given[place], where, err);
    else {
        o->hyper_given[place] = true;
        return spec_number(value, &o->hyper[place], where, err);
    }
    return EXIT_FINE;
}

static int option_unknown(const char *flag, Err *err)
{
    const char *names[OPTION_ROWS], *near;
    for (int i = 0; i < OPTION_ROWS; i++)
        names[i] = option_rows[i].name;
    near = nearest(flag, names, OPTION_ROWS);
    return err_set(err, EXIT_USAGE, "unknown option '--%s'%s%s%s", flag, near ? "; did you mean '--" : "; see --help",
                   near ? near : "", near ? "'?" : "");
}

/* A flag without effect is a misunderstanding. */
static int option_serves(const Options *o, const OptionRow *row, Err *err)
{
    char names[100] = "";
    size_t n = 0;
    if (strchr(row->serves, o->command[0]) || strcmp(o->command, "help") == 0 || strcmp(o->command, "version") == 0)
        return EXIT_FINE;
    for (int i = 0; i < 5; i++)         /* info is not worth naming: it only shows settings */
        if (strchr(row->serves, option_commands[i][0]))
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", option_commands[i]);
    return err_set(err, EXIT_USAGE, "--%s belongs to the command%s %s, not to %s", row->name, strchr(names, ',') ? "s" : "",
                   names, o->command);
}

/* What follows a flag is its value, but for another flag. */
static bool option_has_value(int argc, char **argv, int i)
{
    return i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0;
}

/* One flag at argv[*i], which moves past its value. */
static int option_flag(Options *o, const AdModel *m, int argc, char **argv, int *i, bool *data_given, Err *err)
{
    const char *flag = argv[*i] + 2, *equals = strchr(flag, '='), *text = equals ? equals + 1 : NULL;
    size_t n = equals ? (size_t)(equals - flag) : strlen(flag);
    const char *name = option_own(o, flag, n);
    char where[64];
    int row = option_row(name);
    if (row < 0)
        return option_unknown(name, err);
    if (option_serves(o, &option_rows[row], err))
        return EXIT_USAGE;
    snprintf(where, sizeof where, "--%s", name);
    if (!option_rows[row].argument[0]) {
        if (text)
            return err_set(err, EXIT_USAGE, "%s takes no value", where);
        o->quiet |= strcmp(name, "quiet") == 0;
        if (strcmp(name, "quiet") != 0)
            snprintf(o->command, sizeof o->command, "%s", name);
        return EXIT_FINE;
    }
    if (!text && option_has_value(argc, argv, *i))
        text = argv[++*i];
    if (!text)
        return err_set(err, EXIT_USAGE, "%s needs a value: %s", where, option_rows[row].argument);
    if (row >= OPTION_KEYS)
        return option_other(o, m, name, text, where, err);
    if (row == ROW_DATA && !*data_given) {         /* the block's data is only a default */
        o->ndata = 0;
        o->setting[ROW_DATA].value = "";
        *data_given = true;
    }
    return option_key(o, m, row, text, where, "command line", err);
}

static int option_stray(const char *word, Err *err)
{
    for (size_t i = 0; i < sizeof option_commands / sizeof *option_commands; i++)
        if (strcmp(word, option_commands[i]) == 0)
            return err_set(err, EXIT_USAGE, "'%s' is a command: it comes before the options", word);
    return err_set(err, EXIT_USAGE, "'%s' is not an option; see --help", word);
}

/* The optimizer comes first, so that --lr holds whatever the order. */
static int option_flags(Options *o, const AdModel *m, int argc, char **argv, int first, Err *err)
{
    bool data_given = false;
    for (int pass = 0; pass < 2; pass++)
        for (int i = first; i < argc; i++) {
            if (strcmp(argv[i], "-h") == 0) {
                snprintf(o->command, sizeof o->command, "help");
                continue;
            }
            if (strncmp(argv[i], "--", 2) != 0 || !argv[i][2])
                return option_stray(argv[i], err);
            bool is_optimizer = strcmp(argv[i], "--optimizer") == 0 || strncmp(argv[i], "--optimizer=", 12) == 0;
            if (is_optimizer == (pass == 0)) {
                if (option_flag(o, m, argc, argv, &i, &data_given, err))
                    return EXIT_USAGE;
            } else {
                int row;
                const char *equals = strchr(argv[i], '=');
                const char *name = option_own(o, argv[i] + 2, equals ? (size_t)(equals - argv[i] - 2) : strlen(argv[i] + 2));
                row = option_row(name);
                if (row < 0)
                    return option_unknown(name, err);
                i += !equals && option_rows[row].argument[0] && option_has_value(argc, argv, i);
            }
        }
    return EXIT_FINE;
}

static int options_command(Options *o, const char *word, Err *err)
{
    int n = sizeof option_commands / sizeof *option_commands;
    for (int i = 0; i < n; i++)
        if (strcmp(word, option_commands[i]) == 0) {
            snprintf(o->command, sizeof o->command, "%s", word);
            return EXIT_FINE;
        }
    const char *near = nearest(word, option_commands, n);
    return err_set(err, EXIT_USAGE, "unknown command '%s'%s%s%s", word, near ? "; did you mean '" : "; see --help",
                   near ? near : "", near ? "'?" : "");
}

int options_parse(Options *o, const AdModel *m, int argc, char **argv, Err *err)
{
    int first = 1, bad = options_default(o, m, err);
    snprintf(o->command, sizeof o->command, "train");
    if (!bad)
        bad = options_block(o, m, err);
    if (!bad && argc > 1 && argv[1][0] != '-') {
        bad = options_command(o, argv[1], err);
        first = 2;
    }
    if (!bad)
        bad = option_flags(o, m, argc, argv, first, err);
    if (!bad && strcmp(o->command, "version") == 0) {
        printf("%s: a trainer of %s in %s, made by adc\n", m->name, m->file, m->f64 ? "f64" : "f32");
        strcpy(o->command, "help");
    } else if (!bad && strcmp(o->command, "help") == 0)
        options_help(m, o, stdout);
    else if (!bad)
        bad = options_agree(o, m, err);
    return bad;
}

void options_free(Options *o)
{
    for (int i = 0; i < o->nowned; i++)
        free(o->owned[i]);
    free(o->owned);
    free(o->data);
    free(o->test);
    free(o->out);
    free(o->grad);
    free(o->given);
    free(o->hyper);
    free(o->hyper_given);
    free(o->setting);
    memset(o, 0, sizeof *o);
}

/* ---- --help ---- */

static void help_shape(const AdModel *m, int rank, const int *axes, FILE *f)
{
    for (int i = 0; i < rank; i++)
        fprintf(f, "%s%s%s", i ? ", " : "[", m->dims[axes[i]].name, i == rank - 1 ? "]" : "");
}

static void help_model(const AdModel *m, const Options *o, FILE *f)
{
    if (m->ndata)
        fprintf(f, "\ndata\n");
    for (int i = 0; i < m->ndata; i++) {
        const AdData *d = &m->data[i];
        fprintf(f, "  %s", d->name);
        help_shape(m, d->rank, d->axes, f);
        if (d->labels >= 0)
            fprintf(f, " : index(%s)", m->dims[d->labels].name);
        for (int c = 0; c < d->ncolumns; c++)
            fprintf(f, "%s\"%s\"", c ? ", " : " from ", d->columns[c]);
        if (d->column_lo < d->column_hi)
            fprintf(f, " from columns %lld:%lld", (long long)d->column_lo, (long long)d->column_hi);
        fprintf(f, "   %s:%d\n", m->file, d->line);
    }
    if (m->nhypers)
        fprintf(f, "\nhyperparameters (--set NAME=X)\n");
    for (int i = 0; i < m->nhypers; i++)
        if (o->hyper_given[i])
            fprintf(f, "  %s = %.9g   (command line)\n", m->hypers[i].name, o->hyper[i]);
        else
            fprintf(f, "  %s = %.9g   %s:%d\n", m->hypers[i].name, o->hyper[i], m->file, m->hypers[i].line);
    if (m->nparams)
        fprintf(f, "\nparams\n");
    for (int i = 0; i < m->nparams; i++) {
        fprintf(f, "  %s", m->params[i].name);
        help_shape(m, m->params[i].rank, m->params[i].axes, f);
        fprintf(f, "%s   %s:%d\n", m->params[i].frozen ? " (frozen)" : "", m->file, m->params[i].line);
    }
    if (m->noutputs)
        fprintf(f, "\noutputs (--out NAME=FILE)\n");
    for (int i = 0; i < m->noutputs; i++) {
        fprintf(f, "  %s", m->outputs[i].name);
        help_shape(m, m->outputs[i].rank, m->outputs[i].axes, f);
        fprintf(f, "   %s:%d\n", m->file, m->outputs[i].line);
    }
}

void options_help(const AdModel *m, const Options *o, FILE *f)
{
    fprintf(f, "usage: %s [train|eval|predict|check-grad|bench|info] [options]\n\nsettings, each with what is in force\n", m->name);
    for (int i = 0; i < OPTION_ROWS; i++) {
        const OptionRow *r = &option_rows[i];
        char left[48];
        snprintf(left, sizeof left, "--%.11s %.17s", r->name, r->argument);
        if (i == OPTION_KEYS)
            fprintf(f, "\nfiles and the rest\n");
        fprintf(f, "  %-26s %s%s\n", left, r->help, i == ROW_OPTIMIZER && m->jacobian ? " lm()" : "");
        if (i < OPTION_KEYS && o->setting[i].value[0])
            fprintf(f, "  %-26s   = %s   (%s)\n", "", o->setting[i].value, o->setting[i].from);
    }
    help_model(m, o, f);
    fprintf(f, "\nexit status: 0 fine, 1 bad data or model, 2 usage, 3 input or output, 5 diverged, 6 wrong gradient,\n"
               "130 interrupted after saving (143 by SIGTERM)\n");
}
