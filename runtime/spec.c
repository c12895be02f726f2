/* spec.c: the small expressions in which settings are written.
 *
 * The train block hands its values over as source text and the command line as the user typed them; both come here:
 *
 *     2/3            1e-3            [0.8, 0.1, 0.1]        0.8,0.1,0.1
 *     sgd(lr = 0.01, momentum = 0.9)     cosine(warmup = 5)     cells(A, 0.1)
 *
 * Every message opens with `where`, the place of the text: "mlp.ad:20: error" or "--optimizer". */
#include "rt.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading: a cursor over the text ---- */

static const char *spec_skip(const char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

static bool spec_sum(const char **s, double *v);

static bool spec_word(const char **s, char *word, size_t size)
{
    size_t n = 0;
    const char *p = spec_skip(*s);
    if (!isalpha((unsigned char)*p) && *p != '_')
        return false;
    for (; isalnum((unsigned char)*p) || *p == '_'; p++)
        if (n + 1 < size)
            word[n++] = *p;
    word[n] = 0;
    *s = p;
    return true;
}

static bool spec_atom(const char **s, double *v)
{
    char word[16], *end;
    *s = spec_skip(*s);
    if (**s == '(') {
        ++*s;
        if (!spec_sum(s, v))
            return false;
        *s = spec_skip(*s);
        return *(*s)++ == ')';
    }
    if (spec_word(s, word, sizeof word)) {
        bool is_inf = strcmp(word, "inf") == 0, is_pi = strcmp(word, "pi") == 0;
        *v = is_inf ? (double)INFINITY : 3.14159265358979323846;
        return is_inf || is_pi;
    }
    if (!isdigit((unsigned char)**s) && **s != '.')
        return false;
    *v = strtod(*s, &end);
    if (end == *s)
        return false;
    *s = end;
    return true;
}

/* unary minus binds looser than ^, as in the language */
static bool spec_power(const char **s, double *v)
{
    *s = spec_skip(*s);
    if (**s == '-' || **s == '+') {
        double sign = *(*s)++ == '-' ? -1.0 : 1.0;
        if (!spec_power(s, v))
            return false;
        *v *= sign;
        return true;
    }
    if (!spec_atom(s, v))
        return false;
    *s = spec_skip(*s);
    if (**s == '^') {
        double exponent;
        ++*s;
        if (!spec_power(s, &exponent))
            return false;
        *v = pow(*v, exponent);
    }
    return true;
}

static bool spec_product(const char **s, double *v)
{
    if (!spec_power(s, v))
        return false;
    for (*s = spec_skip(*s); **s == '*' || **s == '/'; *s = spec_skip(*s)) {
        char op = *(*s)++;
        double w;
        if (!spec_power(s, &w))
            return false;
        *v = op == '*' ? *v * w : *v / w;
    }
    return true;
}

static bool spec_sum(const char **s, double *v)
{
    if (!spec_product(s, v))
        return false;
    for (*s = spec_skip(*s); **s == '+' || **s == '-'; *s = spec_skip(*s)) {
        char op = *(*s)++;
        double w;
        if (!spec_product(s, &w))
            return false;
        *v = op == '+' ? *v + w : *v - w;
    }
    return true;
}

int spec_number(const char *text, double *v, const char *where, Err *err)
{
    const char *s = text;
    if (!spec_sum(&s, v) || *spec_skip(s))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a number", where, text);
    if (!isfinite(*v))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a finite number", where, text);
    return EXIT_FINE;
}

int spec_list(const char *text, double *v, int most, int *n, const char *where, Err *err)
{
    const char *s = spec_skip(text);
    bool bracket = *s == '[';
    s += bracket;
    for (*n = 0;;) {
        double item;
        if (!spec_sum(&s, &item))
            return err_set(err, EXIT_USAGE, "%s: '%s' is not a list of numbers such as [0.8, 0.1, 0.1]", where, text);
        if (*n == most)
            return err_set(err, EXIT_USAGE, "%s: '%s' has more than %d numbers", where, text, most);
        v[(*n)++] = item;
        s = spec_skip(s);
        if (*s != ',')
            break;
        s++;
    }
    if (bracket && *s++ != ']')
        return err_set(err, EXIT_USAGE, "%s: ']' is missing in '%s'", where, text);
    if (*spec_skip(s))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a list of numbers such as [0.8, 0.1, 0.1]", where, text);
    return EXIT_FINE;
}

int spec_bool(const char *text, bool *v, const char *where, Err *err)
{
    static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off", "0" };
    for (int i = 0; i < 4; i++)
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *v = strcmp(text, yes[i]) == 0;
            return EXIT_FINE;
        }
    return err_set(err, EXIT_USAGE, "%s: '%s' is neither true nor false", where, text);
}

/* ---- calls ---- */

typedef struct { const char *name; const char *key[8]; double value[8]; } SpecKind;    /* keys in order, with defaults */

static const SpecKind optimizers[] = {
    { "sgd", { "lr", "momentum", "nesterov", "weight_decay" }, { 0.01, 0, 0, 0 } },
    { "adam", { "lr", "beta1", "beta2", "eps", "weight_decay", "lazy" }, { 1e-3, 0.9, 0.999, 1e-8, 0, 0 } },
    { "adamw", { "lr", "beta1", "beta2", "eps", "weight_decay", "lazy" }, { 1e-3, 0.9, 0.999, 1e-8, 1e-2, 0 } },
    { "rmsprop", { "lr", "alpha", "eps", "momentum", "weight_decay" }, { 1e-2, 0.99, 1e-8, 0, 0 } },
    { "adagrad", { "lr", "eps", "weight_decay" }, { 1e-2, 1e-10, 0 } },
    { "lbfgs", { "history", "line_search", "lr" }, { 10, 1, 1 } },
    { "lm", { NULL }, { 0 } },
};

static const SpecKind schedules[] = {
    { "constant", { NULL }, { 0 } },
    { "cosine", { "warmup", "final" }, { 0, 0 } },
    { "step", { "every", "factor" }, { 30, 0.1 } },
    { "exponential", { "factor" }, { 0.95 } },
    { "linear", { "warmup", "final" }, { 0, 0 } },
};

static const SpecKind *spec_kind(const char *name, const SpecKind *kinds, int n, const char *what, const char *where, Err *err)
{
    const char *names[8], *near;
    for (int i = 0; i < n; i++) {
        names[i] = kinds[i].name;
        if (strcmp(name, names[i]) == 0)
            return &kinds[i];
    }
    near = nearest(name, names, n);
    err_set(err, EXIT_USAGE, "%s: no %s is called '%s'%s%s%s", where, what, name, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "");
    return NULL;
}

static int spec_keys(const SpecKind *kind)
{
    int n = 0;
    while (n < 8 && kind->key[n])
        n++;
    return n;
}

/* A switch is true, false, 0, 1 or, of line_search, "wolfe" or "none". */
static bool spec_value(const char **s, double *v)
{
    static const struct { const char *word; double value; } words[] = {
        { "true", 1 }, { "false", 0 }, { "wolfe", 1 }, { "strong_wolfe", 1 }, { "none", 0 },
    };
    const char *p = spec_skip(*s);
    char word[32];
    bool quoted = *p == '"';
    p += quoted;
    if (spec_word(&p, word, sizeof word))
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strcmp(word, words[i].word) == 0 && (!quoted || *p == '"')) {
                *s = p + quoted;
                *v = words[i].value;
                return true;
            }
    return spec_sum(s, v);
}

/* The key of an argument, or its place when it has none. -1: unknown. */
static int spec_argument(const char **s, const SpecKind *kind, int place, const char *where, Err *err)
{
    const char *p = spec_skip(*s), *near;
    char key[32];
    int n = spec_keys(kind);
    if (spec_word(&p, key, sizeof key)) {
        p = spec_skip(p);
        if (*p == '=') {
            for (int i = 0; i < n; i++)
                if (strcmp(key, kind->key[i]) == 0) {
                    *s = p + 1;
                    return i;
                }
            near = nearest(key, kind->key, n);
            err_set(err, EXIT_USAGE, "%s: %s has no argument '%s'%s%s%s", where, kind->name, key,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
            return -1;
        }
    }
    if (place < n)
        return place;
    err_set(err, EXIT_USAGE, "%s: %s takes at most %d arguments", where, kind->name, n);
    return -1;
}

/* What an argument must be: the ranges and words of the compiler (settings.c), which reads the same calls in a train block.
 * switched: true or false, or a word for it. A low end that is left out is the least number above it. */
typedef struct { char key[13]; bool whole, switched; double low, high; char need[36]; } SpecNeed;

static const SpecNeed spec_needs[] = {
    { "lr", false, false, DBL_TRUE_MIN, DBL_MAX, "a positive number" },
    { "factor", false, false, DBL_TRUE_MIN, DBL_MAX, "a positive number" },
    { "beta1", false, false, 0, 1 - DBL_EPSILON / 2, "a number from 0 up and below 1" },
    { "beta2", false, false, 0, 1 - DBL_EPSILON / 2, "a number from 0 up and below 1" },
    { "alpha", false, false, 0, 1, "a number from 0 to 1" },
    { "every", false, false, 1, DBL_MAX, "a number from 1 up" },
    { "history", true, false, 1, 10000, "a whole number from 1 to 10000" },
    { "nesterov", true, true, 0, 1, "true or false" },
    { "lazy", true, true, 0, 1, "true or false" },
    { "line_search", true, true, 0, 1, "\"wolfe\" or \"none\"" },
    { "", false, false, 0, DBL_MAX, "a number from 0 up" },      /* all others */
};

/* The value of an argument at *s, which moves behind it. */
static int spec_fitting(const char **s, const SpecKind *kind, const char *key, double *v, const char *where, Err *err)
{
    const SpecNeed *need = spec_needs;
    while (need->key[0] && strcmp(need->key, key) != 0)
        need++;
    const char *from = spec_skip(*s);
    bool reads = need->switched ? spec_value(s, v) : spec_sum(s, v);
    if (reads && *v >= need->low && *v <= need->high && (!need->whole || *v == floor(*v)))
        return EXIT_FINE;
    int n = (int)(reads ? (size_t)(*s - from) : strcspn(from, ",)"));
    if (n == 0)
        return err_set(err, EXIT_USAGE, "%s: '%s' of %s needs a value: %s", where, key, kind->name, need->need);
    return err_set(err, EXIT_USAGE, "%s: '%s' of %s is %.*s, but must be %s", where, key, kind->name, n, from, need->need);
}

static const SpecKind *spec_call(const char *text, const SpecKind *kinds, int nkinds, const char *what, double value[8],
                                 bool given[8], const char *where, Err *err)
{
    char name[32] = "";
    const char *s = text;
    const SpecKind *kind;
    if (!spec_word(&s, name, sizeof name)) {
        err_set(err, EXIT_USAGE, "%s: '%s' is no %s such as %s()", where, text, what, kinds[0].name);
        return NULL;
    }
    kind = spec_kind(name, kinds, nkinds, what, where, err);
    if (!kind)
        return NULL;
    memcpy(value, kind->value, sizeof kind->value);
    memset(given, 0, 8 * sizeof *given);
    s = spec_skip(s);
    if (*s == '(') {
        s = spec_skip(s + 1);
        for (int place = 0; *s != ')'; place++) {
            int i = spec_argument(&s, kind, place, where, err);
            if (i < 0)
                return NULL;
            if (given[i])
                err_set(err, EXIT_USAGE, "%s: %s is given '%s' twice", where, kind->name, kind->key[i]);
            if (given[i] || spec_fitting(&s, kind, kind->key[i], &value[i], where, err))
                return NULL;
            given[i] = true;
            s = spec_skip(s);
            if (*s == ',')
                s = spec_skip(s + 1);
            else if (*s != ')')
                goto bad;
        }
        s++;
    }
    if (!*spec_skip(s))
        return kind;
bad:
    err_set(err, EXIT_USAGE, "%s: '%s' does not read as %s(key = number, ...)", where, text, kind->name);
    return NULL;
}

static double spec_get(const SpecKind *kind, const double value[8], const char *key, double otherwise)
{
    for (int i = 0; i < 8 && kind->key[i]; i++)
        if (strcmp(kind->key[i], key) == 0)
            return value[i];
    return otherwise;
}

/* All of a call in one form, however it was written and whatever was left out; without lr, which may come from elsewhere. */
static void spec_say(const SpecKind *kind, const double value[8], char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "%s(", kind->name);
    for (int i = 0; i < spec_keys(kind) && n < size; i++)
        if (strcmp(kind->key[i], "lr") != 0)
            n += (size_t)snprintf(text + n, size - n, "%s%s = %.15g", text[n - 1] == '(' ? "" : ", ", kind->key[i], value[i]);
    if (n < size)
        snprintf(text + n, size - n, ")");
}

int spec_optimizer(const char *text, OptimSpec *o, const char *where, Err *err)
{
    double value[8];
    bool given[8];
    const SpecKind *k = spec_call(text, optimizers, sizeof optimizers / sizeof *optimizers, "optimizer", value, given, where, err);
    if (!k)
        return EXIT_USAGE;
    memset(o, 0, sizeof *o);
    snprintf(o->kind, sizeof o->kind, "%s", k->name);
    spec_say(k, value, o->text, sizeof o->text);
    o->lr = spec_get(k, value, "lr", 1);
    for (int i = 0; i < 8 && k->key[i]; i++)
        o->lr_given |= given[i] && strcmp(k->key[i], "lr") == 0;
    o->momentum = spec_get(k, value, "momentum", 0);
    o->weight_decay = spec_get(k, value, "weight_decay", 0);
    o->beta1 = spec_get(k, value, "beta1", 0);
    o->beta2 = spec_get(k, value, "beta2", 0);
    o->eps = spec_get(k, value, "eps", 0);
    o->alpha = spec_get(k, value, "alpha", 0);
    o->history = spec_get(k, value, "history", 10);
    o->nesterov = spec_get(k, value, "nesterov", 0) != 0;
    o->lazy = spec_get(k, value, "lazy", 0) != 0;
    o->line_search = spec_get(k, value, "line_search", 1) != 0;
    if (o->nesterov && !(o->momentum > 0))
        return err_set(err, EXIT_USAGE, "%s: nesterov needs a momentum", where);
    return EXIT_FINE;
}

int spec_schedule(const char *text, ScheduleSpec *o, const char *where, Err *err)
{
    double value[8];
    bool given[8];
    const SpecKind *k = spec_call(text, schedules, sizeof schedules / sizeof *schedules, "schedule", value, given, where, err);
    if (!k)
        return EXIT_USAGE;
    snprintf(o->kind, sizeof o->kind, "%s", k->name);
    spec_say(k, value, o->text, sizeof o->text);
    o->warmup = spec_get(k, value, "warmup", 0);
    o->every = spec_get(k, value, "every", 1);
    o->factor = spec_get(k, value, "factor", 1);
    o->final = spec_get(k, value, "final", 0);
    return EXIT_FINE;
}

int spec_cells(const char *text, char *array, size_t size, double *fraction, const char *where, Err *err)
{
    char word[16] = "";
    const char *s = text;
    bool fits = spec_word(&s, word, sizeof word) && strcmp(word, "cells") == 0 && *(s = spec_skip(s)) == '('
                && (s++, spec_word(&s, array, size)) && *(s = spec_skip(s)) == ',' && (s++, spec_sum(&s, fraction))
                && *(s = spec_skip(s)) == ')' && !*spec_skip(s + 1);
    if (!fits)
        return err_set(err, EXIT_USAGE, "%s: '%s' does not read as cells(ARRAY, FRACTION)", where, text);
    if (!(*fraction > 0 && *fraction < 1))
        return err_set(err, EXIT_USAGE, "%s: the fraction is %.9g but must lie between 0 and 1", where, *fraction);
    return EXIT_FINE;
}

/* The learning rate at epoch (or step) `now` of `all`, as a factor of the one given. Warm-up climbs to 1 in equal steps. */
double schedule_factor(const ScheduleSpec *s, int64_t now, int64_t all)
{
    double t = (double)now, left = (double)all - s->warmup, done;
    if (s->kind[1] == 't')                          /* step */
        return pow(s->factor, floor(t / s->every));
    if (s->kind[0] == 'e')                          /* exponential */
        return pow(s->factor, t);
    if (s->kind[0] == 'c' && s->kind[2] == 'n')     /* constant */
        return 1;
    if (t < s->warmup)
        return (t + 1) / s->warmup;
    done = left > 0 ? (t - s->warmup) / left : 0;
    if (s->kind[0] == 'c')                          /* cosine (Loshchilov and Hutter 2017) */
        return s->final + (1 - s->final) * 0.5 * (1 + cos(3.14159265358979323846 * done));
    return 1 + (s->final - 1) * done;               /* linear */
}
