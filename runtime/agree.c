/* agree.c: what a command cannot do with the options it was given, said at once and not after training. */
#include "rt.h"

#include <string.h>

static Setting *setting_of(Options *o, const char *key)
{
    Setting *s = o->setting;
    while (strcmp(s->key, key) != 0)
        s++;
    return s;
}

/* What these optimizers have no use for: asked for by a flag it is refused, from the block it is left out with a note. */
static int options_unused(Options *o, Err *err)
{
    static const struct { const char *optimizer, *key, *why; } unused[] = {
        { "lbfgs", "batch", "takes all rows at once" }, { "lm", "batch", "takes all rows at once" },
        { "lbfgs", "clip", "needs the whole gradient" }, { "lm", "clip", "uses no gradient" },
        { "lm", "lr", "finds the length of its steps" }, { "lm", "schedule", "finds the length of its steps" },
    };
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        Setting *s = setting_of(o, unused[i].key);
        bool none = !s->value[0] || strcmp(s->value, "0") == 0 || strcmp(s->from, "default") == 0;
        if (none || strcmp(o->optimizer.kind, unused[i].optimizer) != 0)
            continue;
        if (strcmp(s->from, "command line") == 0)
            return err_set(err, EXIT_USAGE, "--%s cannot go with %s(), which %s", s->key, o->optimizer.kind, unused[i].why);
        fprintf(stderr, "%s: note: %s is ignored: %s() %s\n", s->from, s->key, o->optimizer.kind, unused[i].why);
        s->value = "";
        if (strcmp(s->key, "batch") == 0)
            o->batch = 0;
        else if (strcmp(s->key, "clip") == 0)
            o->clip = 0;
    }
    return EXIT_FINE;
}

static int options_holdout(const Options *o, const AdModel *m, Err *err)
{
    int d = option_find(m, 'd', o->holdout_array, "holdout", err);
    if (d < 0)
        return EXIT_USAGE;
    if (!m->data[d].missing)
        return err_set(err, EXIT_USAGE, "holdout: '%s' (%s:%d) is not declared 'missing'", m->data[d].name, m->file, m->data[d].line);
    if (o->split_given)
        return err_set(err, EXIT_USAGE, "holdout and split exclude each other; --split 1 takes a split away");
    return EXIT_FINE;
}

static int options_train(Options *o, const AdModel *m, Err *err)
{
    bool flag = strcmp(setting_of(o, "restarts")->from, "command line") == 0;       /* else there may have been more than now */
    if (flag && o->one_restart && o->first_restart >= o->restarts)
        return err_set(err, EXIT_USAGE, "--restart %lld: counted from 0, the last of %lld restarts is %lld",
                       (long long)o->first_restart, (long long)o->restarts, (long long)o->restarts - 1);
    if (o->one_restart)
        o->restarts = 1;
    if (o->holdout > 0 && options_holdout(o, m, err))
        return EXIT_USAGE;
    if ((o->checkpoint || o->resume) && (o->restarts > 1 || o->optimizer.kind[0] == 'l'))
        return err_set(err, EXIT_USAGE, "--checkpoint and --resume serve a single run and no %s",
                       o->restarts > 1 ? "restarts" : "lbfgs() or lm()");
    if (strcmp(o->optimizer.kind, "lm") == 0 && !m->jacobian)
        return lm_refused(m, err);
    return options_unused(o, err);
}

int options_agree(Options *o, const AdModel *m, Err *err)
{
    bool predict = strcmp(o->command, "predict") == 0;
    if (targets_check(o, m, err))
        return EXIT_USAGE;
    if (strcmp(o->command, "train") == 0)
        return options_train(o, m, err);
    if (strcmp(o->command, "bench") == 0)
        return options_unused(o, err);
    if (predict && !o->init)
        return err_set(err, EXIT_USAGE, "predict needs --init FILE, a trained model");
    if (predict && o->nout == 0 && m->noutputs > 0)
        return err_set(err, EXIT_USAGE, "predict needs --out %s=FILE: which outputs, and where to", m->outputs[0].name);
    if (strcmp(o->command, "check-grad") == 0 && !m->f64)
        return err_set(err, EXIT_USAGE, "differences have too few digits in f32: adc run --precision=f64 %s -- check-grad", m->file);
    return EXIT_FINE;
}
