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
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_KEYS = 18 };      /* the first rows are keys of the train block */

typedef struct { const char *name, *argument, *initial, *help; } OptionRow;

static const OptionRow option_rows[] = {
    { "data", "FILE | NAME=FILE", "", "where data comes from: one table, or an array by itself (NAME=FILE#COLUMNS)" },
    { "optimizer", "SPEC", "adam(lr = 0.001)", "sgd() adam() adamw() rmsprop() adagrad() lbfgs() lm()" },
    { "lr", "X", "", "learning rate, in place of the optimizer's" },
    { "epochs", "N", "100", "passes over the training rows" },
    { "steps", "N", "", "steps of the optimizer, in place of epochs" },
    { "batch", "N", "", "rows of a mini-batch (default: all)" },
    { "shuffle", "BOOL", "true", "shuffle the rows before each epoch of mini-batches" },
    { "schedule", "SPEC", "constant()", "constant() cosine(warmup) step(every, factor) exponential(factor) linear(warmup)" },
    { "clip", "X", "", "largest norm of the gradient" },
    { "split", "LIST", "", "shares of the rows: [train, validation, test]" },
    { "holdout", "cells(A, P)", "", "validate on a share P of the cells of the 'missing' array A" },
    { "patience", "N", "", "stop after N epochs without a better (validation) loss, keep the best" },
    { "tol", "X", "", "stop when an epoch changes the loss by less than this share" },
    { "restarts", "N", "1", "independent runs; seeds SEED, SEED + 1, ..." },
    { "seed", "N", "0", "of every draw, shuffle and split" },
    { "threads", "N", "", "threads for restarts (default: one a processor); results do not depend on it" },
    { "progress", "WHEN", "auto", "auto, bar, lines or none" },
    { "on-nan", "WHAT", "stop", "stop or continue at a loss that is nan or inf" },
    { "test", "FILE | NAME=FILE", NULL, "data of its own for the test values" },
    { "set", "HYPER=X", NULL, "value of a hyperparameter" },
    { "dim", "NAME=N", NULL, "size of a dim that data leaves open" },
    { "init", "FILE", NULL, "initial params (.safetensors)" },
    { "freeze", "NAMES", NULL, "params that stay as they are, separated by commas" },
    { "model", "FILE", NULL, "write the trained params (.safetensors)" },
    { "out", "NAME=FILE", NULL, "write an output (.npy or .csv)" },
    { "grad", "NAME=FILE", NULL, "eval: write the gradient in a param (.npy)" },
    { "report", "FILE", NULL, "write a page about the run (.html)" },
    { "history", "FILE", NULL, "write the loss of every epoch (.csv or .jsonl)" },
    { "record", "FILE", NULL, "write what was run and found (.json)" },
    { "checkpoint", "FILE", NULL, "write the state of the run now and then, and when interrupted" },
    { "resume", "FILE", NULL, "go on from a checkpoint" },
    { "quiet", NULL, NULL, "no progress" },
    { "help", NULL, NULL, "this text" },
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
static int option_find(const AdModel *m, char kind, const char *name, const char *where, Err *err)
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
    if (!(x >= (double)low && x < 9e18) || x != floor(x))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a whole number from %lld up", where, text, (long long)low);
    *v = (int64_t)x;
    return EXIT_FINE;
}

static int option_positive(const char *text, double *v, const char *where, Err *err)
{
    if (spec_number(text, v, where, err))
        return EXIT_USAGE;
    if (!(*v > 0) || isinf(*v))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a positive number", where, text);
    return EXIT_FINE;
}

static int option_seed(const char *text, uint64_t *v, const char *where, Err *err)
{
    char *end;
    *v = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end)
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a whole number from 0 up", where, text);
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
    const char *near = nearest(text, words, n);
    return err_set(err, EXIT_USAGE, "%s: '%s' is not possible%s%s%s", where, text, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
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

/* from: "mlp.ad:20" or "command line"; also what is remembered as in force */
static int option_key(Options *o, const AdModel *m, int row, const char *text, const char *where, const char *from, Err *err)
{
    static const char *const whens[] = { "auto", "bar", "lines", "none" }, *const whats[] = { "stop", "continue" };
    const char *key = option_rows[row].name;
    double lr = o->optimizer.lr;
    bool lr_given = o->optimizer.lr_given;
    int bad = EXIT_FINE;
    if (strcmp(key, "data") == 0)
        bad = option_data(o, m, &o->data, &o->ndata, text, where, err);
    else if (strcmp(key, "optimizer") == 0) {
        bad = spec_optimizer(text, &o->optimizer, where, err);
        if (!o->optimizer.lr_given && lr_given && o->setting[2].value[0])
            o->optimizer.lr = lr;           /* 'lr = 0.1' of the block serves another optimizer too */
    } else if (strcmp(key, "lr") == 0) {
        bad = option_positive(text, &o->optimizer.lr, where, err);
        o->optimizer.lr_given = true;
    } else if (strcmp(key, "epochs") == 0) {
        bad = option_count(text, 0, &o->epochs, where, err);
        o->steps = -1;
    } else if (strcmp(key, "steps") == 0) {
        bad = option_count(text, 0, &o->steps, where, err);
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
        bad = option_count(text, 1, &o->restarts, where, err);
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
    o->setting[row].value = text;
    o->setting[row].from = from;
    if (strcmp(key, "epochs") == 0)
        o->setting[row + 1].value = "";
    if (strcmp(key, "steps") == 0)
        o->setting[row - 1].value = "";
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
    for (int i = 0; i < OPTION_KEYS; i++)
        o->setting[i] = (Setting){ option_rows[i].name, option_rows[i].initial, "default" };
    for (int i = 0; i < OPTION_KEYS; i++)
        if (option_rows[i].initial[0] && option_key(o, m, i, option_rows[i].initial, "default", "default", err))
            return EXIT_USAGE;
    return EXIT_FINE;
}

static int options_block(Options *o, const AdModel *m, Err *err)
{
    for (int i = 0; i < m->nsettings; i++) {
        const AdSetting *s = &m->settings[i];
        char where[512], from[256];
        size_t n = strlen(s->value);
        bool quoted = n > 1 && s->value[0] == '"' && s->value[n - 1] == '"';
        const char *text = quoted ? option_own(o, s->value + 1, n - 2) : s->value;
        int row = option_row(s->key);
        if (strcmp(s->key, "on_nan") == 0)
            row = option_row("on-nan");
        snprintf(from, sizeof from, "%s:%d", m->file, s->line);
        snprintf(where, sizeof where, "%s: error: %s", from, s->key);
        if (row < 0 || row >= OPTION_KEYS)
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
    snprintf(where, sizeof where, "--%s", name);
    if (!option_rows[row].argument) {
        if (text)
            return err_set(err, EXIT_USAGE, "%s takes no value", where);
        o->quiet |= strcmp(name, "quiet") == 0;
        if (strcmp(name, "help") == 0)
            snprintf(o->command, sizeof o->command, "help");
        return EXIT_FINE;
    }
    if (!text && ++*i < argc)
        text = argv[*i];
    if (!text)
        return err_set(err, EXIT_USAGE, "%s needs a value: %s", where, option_rows[row].argument);
    if (row >= OPTION_KEYS)
        return option_other(o, m, name, text, where, err);
    if (row == 0 && !*data_given) {         /* the block's data is only a default */
        o->ndata = 0;
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
                i += !equals && row >= 0 && option_rows[row].argument;
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

/* What one command cannot do, said at once and not after training. */
static int options_agree(const Options *o, const AdModel *m, Err *err)
{
    if (o->holdout > 0 && o->split_given && o->split[1] > 0)
        return err_set(err, EXIT_USAGE, "holdout and a validation share of split exclude each other");
    if (o->holdout > 0 && option_find(m, 'd', o->holdout_array, "holdout", err) < 0)
        return EXIT_USAGE;
    if (o->ngrad && strcmp(o->command, "eval") != 0)
        return err_set(err, EXIT_USAGE, "--grad belongs to the command eval");
    if ((o->checkpoint || o->resume) && (o->restarts > 1 || o->optimizer.kind[0] == 'l'))
        return err_set(err, EXIT_USAGE, "--checkpoint and --resume serve a single run and no %s",
                       o->restarts > 1 ? "restarts" : "lbfgs() or lm()");
    if (strcmp(o->command, "predict") == 0 && !o->init)
        return err_set(err, EXIT_USAGE, "predict needs --init FILE, a trained model");
    if (strcmp(o->command, "predict") == 0 && o->nout == 0 && m->noutputs > 0)
        return err_set(err, EXIT_USAGE, "predict needs --out %s=FILE: which outputs, and where to", m->outputs[0].name);
    if (strcmp(o->command, "train") == 0 && strcmp(o->optimizer.kind, "lm") == 0 && !m->jacobian)
        return err_set(err, EXIT_USAGE, "lm() needs a loss that is a sum of squares: %s",
                       m->lm_reason ? m->lm_reason : "this one is none");
    return EXIT_FINE;
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
    if (!bad && strcmp(o->command, "help") == 0)
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

static void help_model(const AdModel *m, FILE *f)
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
        fprintf(f, "  %s = %.9g   %s:%d\n", m->hypers[i].name, m->hypers[i].value, m->file, m->hypers[i].line);
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
        snprintf(left, sizeof left, "--%s %s", r->name, r->argument ? r->argument : "");
        if (i == OPTION_KEYS)
            fprintf(f, "\nfiles and the rest\n");
        fprintf(f, "  %-26s %s\n", left, r->help);
        if (i < OPTION_KEYS && o->setting[i].value[0])
            fprintf(f, "  %-26s   = %s   (%s)\n", "", o->setting[i].value, o->setting[i].from);
    }
    help_model(m, f);
    fprintf(f, "\nexit status: 0 fine, 1 bad data or model, 2 usage, 3 input or output, 5 diverged, 6 wrong gradient,\n"
               "130 interrupted after saving\n");
}
