/* settings.c: the train block. What comes in are its keys and values as syntax; what goes out is graph->settings, the
 * text of each value as the trainer reads it. Every key and every argument of an optimizer or a schedule is
 * one row of a table that says what its value must be, so that a wrong one is found here and not when the
 * trainer starts:
 *
 *     optimizer = sgd(lr = 1e-2)      ->  { "optimizer", "sgd(lr = 1e-2)" }
 *     split = [2/3, 0,                ->  { "split", "[2/3, 0, 1/3]" }
 *              1/3]   # a comment
 *     epochs = 0                      ->  error: 'epochs' is 0, but must be a whole number from 1 up */
#include "adc.h"

#include <math.h>
#include <string.h>

typedef enum { V_NUMBER, V_WHOLE, V_BOOL, V_WORD, V_STRING, V_OPTIMIZER, V_SCHEDULE, V_SPLIT, V_HOLDOUT } ValueKind;

typedef struct {
    const char *name;
    ValueKind kind;
    double low, high;
    enum { OPEN_LOW = 1, OPEN_HIGH = 2 } open;      /* ends that the range leaves out */
    const char *need;                               /* the range in words */
    const char *words[6];                           /* of V_WORD */
} Want;

#define POSITIVE(name) { name, V_NUMBER, 0, INFINITY, OPEN_LOW | OPEN_HIGH, "a positive number", { 0 } }
#define FROM_ZERO(name) { name, V_NUMBER, 0, INFINITY, OPEN_HIGH, "a number from 0 up", { 0 } }
#define BELOW_ONE(name) { name, V_NUMBER, 0, 1, OPEN_HIGH, "a number from 0 up and below 1", { 0 } }
#define WHOLE(name, low) { name, V_WHOLE, low, 9.2e18, 0, "a whole number from " #low " up", { 0 } }
#define BOOLEAN(name) { name, V_BOOL, 0, 0, 0, "true or false", { 0 } }
#define OTHER(name, kind, need) { name, kind, 0, 0, 0, need, { 0 } }

static const Want keys[] = {
    OTHER("data", V_STRING, "the name of a file such as \"iris.csv\""),
    OTHER("optimizer", V_OPTIMIZER, "an optimizer such as sgd(lr = 0.01)"),
    POSITIVE("lr"),
    WHOLE("epochs", 1),
    WHOLE("steps", 1),
    WHOLE("batch", 1),
    BOOLEAN("shuffle"),
    OTHER("schedule", V_SCHEDULE, "a schedule such as cosine(warmup = 5)"),
    POSITIVE("clip"),
    OTHER("split", V_SPLIT, "three shares that add up to 1: [train, validation, test]"),
    OTHER("holdout", V_HOLDOUT, "cells(A, share) of a 'missing' data array A"),
    WHOLE("patience", 1),
    POSITIVE("tol"),
    WHOLE("restarts", 1),
    WHOLE("seed", 0),
    WHOLE("threads", 1),
    { "progress", V_WORD, 0, 0, 0, "\"auto\", \"bar\", \"lines\" or \"none\"", { "auto", "bar", "lines", "none" } },
    { "on_nan", V_WORD, 0, 0, 0, "\"stop\" or \"continue\"", { "stop", "continue" } },
};
enum { NKEYS = sizeof keys / sizeof *keys };

enum { MAX_ARGUMENTS = 8 };
typedef struct { const char *name; Want argument[MAX_ARGUMENTS]; } Form;

#define ADAM_ARGUMENTS { POSITIVE("lr"), BELOW_ONE("beta1"), BELOW_ONE("beta2"), FROM_ZERO("eps"), \
                         FROM_ZERO("weight_decay"), BOOLEAN("lazy") }

static const Form optimizers[] = {
    { "sgd", { POSITIVE("lr"), FROM_ZERO("momentum"), BOOLEAN("nesterov"), FROM_ZERO("weight_decay") } },
    { "adam", ADAM_ARGUMENTS },
    { "adamw", ADAM_ARGUMENTS },
    { "rmsprop", { POSITIVE("lr"), { "alpha", V_NUMBER, 0, 1, 0, "a number from 0 to 1", { 0 } }, FROM_ZERO("eps"),
                   FROM_ZERO("momentum"), FROM_ZERO("weight_decay") } },
    { "adagrad", { POSITIVE("lr"), FROM_ZERO("eps"), FROM_ZERO("weight_decay") } },
    { "lbfgs", { { "history", V_WHOLE, 1, 10000, 0, "a whole number from 1 to 10000", { 0 } },
                 { "line_search", V_WORD, 0, 0, 0, "\"wolfe\" or \"none\"",
                   { "wolfe", "strong_wolfe", "none", "true", "false" } },
                 POSITIVE("lr") } },
    { "lm", { { 0 } } },
};

static const Form schedules[] = {
    { "constant", { { 0 } } },
    { "cosine", { FROM_ZERO("warmup"), FROM_ZERO("final") } },
    { "step", { { "every", V_NUMBER, 1, INFINITY, OPEN_HIGH, "a number from 1 up", { 0 } }, POSITIVE("factor") } },
    { "exponential", { POSITIVE("factor") } },
    { "linear", { FROM_ZERO("warmup"), FROM_ZERO("final") } },
};

typedef struct { Ctx *ctx; const Graph *graph; } Check;

/* ---- values as they stand ---- */

/* Constant arithmetic, as the trainer reads it. False: not a number. */
static bool constant(const Ast *e, double *v)
{
    double a, b;
    switch ((int)e->kind) {
    case AST_INT:
        *v = (double)e->ival;
        return true;
    case AST_REAL:
        *v = e->rval;
        return true;
    case AST_NAME:
        *v = strcmp(e->text, "pi") == 0 ? 3.14159265358979323846 : (double)INFINITY;
        return strcmp(e->text, "pi") == 0 || strcmp(e->text, "inf") == 0;
    case AST_UNARY:
        if (e->op == '!' || !constant(e->a, &a))
            return false;
        *v = e->op == '-' ? -a : a;
        return true;
    case AST_BINARY:
        if (!strchr("+-*/^", e->op) || !constant(e->a, &a) || !constant(e->b, &b))
            return false;
        *v = e->op == '+' ? a + b : e->op == '-' ? a - b : e->op == '*' ? a * b : e->op == '/' ? a / b : pow(a, b);
        return true;
    default:
        return false;
    }
}

/* What stands there, in words. */
static const char *found(const Check *c, const Ast *e)
{
    double v;
    if (e->kind == AST_INT || e->kind == AST_REAL)
        return e->text;
    if (constant(e, &v))
        return arena_printf(c->ctx->arena, "%.9g", v);
    switch ((int)e->kind) {
    case AST_STRING:
        return arena_printf(c->ctx->arena, "the string \"%s\"", e->text);
    case AST_BOOL:
        return e->ival ? "true" : "false";
    case AST_NAME:
        return arena_printf(c->ctx->arena, "the name '%s'", e->text);
    case AST_CALL:
        return arena_printf(c->ctx->arena, "%s(...)", e->text);
    case AST_ARRAY:
        return "a list";
    default:
        return "an expression that is no constant";
    }
}

static void list_text(const Ast *items, Str *out);

/* A value on one line, without comments and needless parentheses. */
static void value_text(const Ast *e, bool inner, Str *out)
{
    switch ((int)e->kind) {
    case AST_BOOL:
        str_add(out, e->ival ? "true" : "false");
        break;
    case AST_STRING:
        str_add(out, "\"%s\"", e->text);
        break;
    case AST_UNARY:
        str_add(out, inner ? "(%c" : "%c", e->op);
        value_text(e->a, true, out);
        str_add(out, inner ? ")" : "");
        break;
    case AST_BINARY:
        str_add(out, inner ? "(" : "");
        value_text(e->a, true, out);
        str_add(out, "%c", e->op);
        value_text(e->b, true, out);
        str_add(out, inner ? ")" : "");
        break;
    case AST_ARRAY:
        str_add(out, "[");
        list_text(e->items, out);
        str_add(out, "]");
        break;
    case AST_CALL:
        str_add(out, "%s(", e->text);
        list_text(e->items, out);
        str_add(out, ")");
        break;
    case AST_ARG:
        str_add(out, "%s = ", e->text);
        value_text(e->a, false, out);
        break;
    default:
        str_add(out, "%s", e->text);
        break;
    }
}

static void list_text(const Ast *items, Str *out)
{
    for (const Ast *e = items; e; e = e->next) {
        value_text(e, false, out);
        str_add(out, e->next ? ", " : "");
    }
}

/* ---- what each kind of value must be ---- */

static bool refuse(const Check *c, const Want *w, const Ast *e, const char *of)
{
    error_at(c->ctx, e->span, "E0302", "'%s'%s%s is %s, but must be %s", w->name, of ? " of " : "", of ? of : "",
             found(c, e), w->need);
    return false;
}

static bool check_number(const Check *c, const Want *w, const Ast *e, const char *of)
{
    double v;
    if (!constant(e, &v) || !(v >= w->low && v <= w->high) || (w->kind == V_WHOLE && v != floor(v))
        || (v <= w->low && (w->open & OPEN_LOW)) || (v >= w->high && (w->open & OPEN_HIGH)))
        return refuse(c, w, e, of);
    return true;
}

static bool check_word(const Check *c, const Want *w, const Ast *e, const char *of)
{
    const char *word = e->kind == AST_STRING || e->kind == AST_NAME ? e->text : e->kind == AST_BOOL ? found(c, e) : "";
    int n = 0;
    for (; n < 6 && w->words[n]; n++)
        if (strcmp(word, w->words[n]) == 0)
            return true;
    const char *near = nearest_name(word, w->words, n);
    refuse(c, w, e, of);
    if (near)
        hint(c->ctx, "did you mean '%s'?", near);
    return false;
}

static bool check_scalar(const Check *c, const Want *w, const Ast *e, const char *of)
{
    if (w->kind == V_NUMBER || w->kind == V_WHOLE)
        return check_number(c, w, e, of);
    if (w->kind == V_WORD)
        return check_word(c, w, e, of);
    if (e->kind != (w->kind == V_BOOL ? AST_BOOL : AST_STRING) || (w->kind == V_STRING && !*e->text))
        return refuse(c, w, e, of);
    return true;
}

/* ---- forms: sgd(lr = 0.01), cosine(5) ---- */

/* What other programs call by names that are not near ours. */
static const char *said_elsewhere(const char *word)
{
    static const struct { const char *word, *here; } table[] = {
        {"learning_rate", "lr"}, {"batch_size", "batch"}, {"num_epochs", "epochs"}, {"iterations", "steps"}, {"max_iter", "steps"},
        {"optim", "optimizer"}, {"scheduler", "schedule"}, {"early_stopping", "patience"}, {"grad_clip", "clip"}, {"random_state", "seed"},
        {"eta", "lr"}, {"l2", "weight_decay"}, {"decay", "weight_decay"}, {"epsilon", "eps"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].word, word) == 0)
            return table[i].here;
    return NULL;
}

/* "lr, momentum and nesterov" */
static const char *list_of(Ctx *ctx, const char *const *names, int n)
{
    const char *text = n ? names[0] : "";
    for (int i = 1; i < n; i++)
        text = arena_printf(ctx->arena, "%s%s%s", text, i == n - 1 ? " and " : ", ", names[i]);
    return text;
}

static int form_arguments(const Form *f, const char **names)
{
    int n = 0;
    for (; n < MAX_ARGUMENTS && f->argument[n].name; n++)
        names[n] = f->argument[n].name;
    return n;
}

/* The row of an argument, by its name or its place; NULL after an error. */
static const Want *find_argument(const Check *c, const Form *f, const Ast *item, int at)
{
    const char *names[MAX_ARGUMENTS];
    int n = form_arguments(f, names);
    if (item->kind != AST_ARG) {
        if (at < n)
            return &f->argument[at];
        error_at(c->ctx, item->span, "E0303", "%s takes %s%d argument%s, this is one more", f->name,
                 n ? "at most " : "", n, n == 1 ? "" : "s");
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], item->text) == 0)
            return &f->argument[i];
    const char *near = said_elsewhere(item->text);
    near = near && is_one_of(near, names, n) ? near : nearest_name(item->text, names, n);
    error_at(c->ctx, item->name_span, "E0303", "%s has no argument '%s'", f->name, item->text);
    if (near)
        hint(c->ctx, "did you mean '%s'?", near);
    else
        hint(c->ctx, "it %s%s", n ? "has " : "takes none", list_of(c->ctx, names, n));
    return NULL;
}

static bool check_arguments(const Check *c, const Form *f, const Ast *call)
{
    const Ast *given[MAX_ARGUMENTS] = { 0 };
    bool fine = true;
    int at = 0;
    for (const Ast *item = call->kind == AST_CALL ? call->items : NULL; item; item = item->next, at++) {
        const Want *w = find_argument(c, f, item, at);
        const Ast **first = w ? &given[w - f->argument] : NULL;
        if (first && *first) {
            error_at(c->ctx, item->span, "E0303", "'%s' of %s is already given at %s", w->name, f->name,
                     place(c->ctx, (*first)->span));
            fine = false;
        } else if (w)
            fine &= check_scalar(c, w, item->kind == AST_ARG ? item->a : item, f->name);
        else
            fine = false;
        if (first && !*first)
            *first = item;
    }
    return fine;
}

static const Form *find_form(const Check *c, const Want *w, const Ast *e, const Form *forms, int n)
{
    const char *names[MAX_ARGUMENTS];
    if (e->kind != AST_CALL && e->kind != AST_NAME) {
        refuse(c, w, e, NULL);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        names[i] = forms[i].name;
        if (strcmp(forms[i].name, e->text) == 0)
            return &forms[i];
    }
    const char *near = nearest_name(e->text, names, n);
    error_at(c->ctx, e->kind == AST_CALL ? e->name_span : e->span, "E0303", "unknown %s '%s'", w->name, e->text);
    if (near)
        hint(c->ctx, "did you mean '%s'?", near);
    else
        hint(c->ctx, w->kind == V_OPTIMIZER ? "there are sgd, adam, adamw, rmsprop, adagrad, lbfgs and lm"
                                            : "there are constant, cosine, step, exponential and linear");
    return NULL;
}

/* The argument of a call with this name, or NULL. */
static const Ast *argument(const Form *f, const Ast *call, const char *name)
{
    int at = 0;
    for (const Ast *item = call->kind == AST_CALL ? call->items : NULL; item; item = item->next, at++)
        if (strcmp(item->kind == AST_ARG ? item->text : f->argument[at].name, name) == 0)
            return item->kind == AST_ARG ? item->a : item;
    return NULL;
}

static bool check_optimizer(const Check *c, const Want *w, const Ast *e)
{
    const Form *f = find_form(c, w, e, optimizers, sizeof optimizers / sizeof *optimizers);
    double momentum = 0;
    if (!f || !check_arguments(c, f, e))
        return false;
    const Ast *nesterov = argument(f, e, "nesterov"), *m = argument(f, e, "momentum");
    if (nesterov && nesterov->ival && !(m && constant(m, &momentum) && momentum > 0)) {
        error_at(c->ctx, nesterov->span, "E0302",
                 "nesterov needs a momentum, as in sgd(momentum = 0.9, nesterov = true)");
        return false;
    }
    return true;
}

static bool check_schedule(const Check *c, const Want *w, const Ast *e)
{
    const Form *f = find_form(c, w, e, schedules, sizeof schedules / sizeof *schedules);
    return f && check_arguments(c, f, e);
}

/* ---- settings about the data ---- */

static bool needs_batch_axis(const Check *c, const char *name, const Ast *key)
{
    if (c->graph->batch)
        return true;
    error_at(c->ctx, key->name_span, "E0302", "'%s' needs a sample axis, but no dim is declared 'batch'", name);
    hint(c->ctx, "declare one, as in dim n batch");
    return false;
}

static bool check_split(const Check *c, const Want *w, const Ast *key)
{
    const Ast *e = key->a, *last = NULL;
    double share, sum = 0, train = 0;
    int n = 0;
    if (e->kind != AST_ARRAY)
        return refuse(c, w, e, NULL);
    for (const Ast *item = e->items; item; item = item->next, n++) {
        last = item;
        if (!constant(item, &share) || !(share >= 0 && share <= 1)) {
            error_at(c->ctx, item->span, "E0302", "a share of 'split' is %s, but must be a number from 0 to 1",
                     found(c, item));
            return false;
        }
        train = n == 0 ? share : train;
        sum += share;
    }
    if (n != 3)
        error_at(c->ctx, n > 3 ? last->span : e->span, "E0302",
                 "'split' has %d number%s, but needs three: [train, validation, test]", n, n == 1 ? "" : "s");
    else if (fabs(sum - 1) > 1e-6)
        error_at(c->ctx, e->span, "E0302", "the shares of 'split' add up to %.9g, but must add up to 1", sum);
    else if (!(train > 0))
        error_at(c->ctx, e->items->span, "E0302", "the training share of 'split' is 0, but must be positive");
    else
        return needs_batch_axis(c, "split", key);
    return false;
}

static const DataDecl *find_data(const Check *c, const Ast *name)
{
    const Graph *g = c->graph;
    const char **names = NEWN(c->ctx, const char *, g->data.n + 1);
    for (int i = 0; i < g->data.n; i++) {
        names[i] = g->data.at[i].name;
        if (strcmp(names[i], name->text) == 0)
            return &g->data.at[i];
    }
    const char *near = nearest_name(name->text, names, g->data.n);
    error_at(c->ctx, name->span, "E0302", "'holdout' needs a data array, and no data is called '%s'", name->text);
    if (near)
        hint(c->ctx, "did you mean '%s'?", near);
    return NULL;
}

static bool check_holdout(const Check *c, const Want *w, const Ast *e)
{
    const Ast *name = e->kind == AST_CALL ? e->items : NULL, *share = name ? name->next : NULL;
    double v;
    if (e->kind != AST_CALL || strcmp(e->text, "cells") != 0 || !share || share->next || name->kind != AST_NAME)
        return refuse(c, w, e, NULL);
    if (!constant(share, &v) || !(v > 0 && v < 1)) {
        error_at(c->ctx, share->span, "E0302", "the share of 'holdout' is %s, but must lie between 0 and 1",
                 found(c, share));
        return false;
    }
    const DataDecl *data = find_data(c, name);
    if (!data || data->missing)
        return data != NULL;
    error_at(c->ctx, name->span, "E0302", "'holdout' hides cells of '%s', which is not declared 'missing'", data->name);
    if (data->ast)
        hint(c->ctx, "'%s' is declared at %s", data->name, place(c->ctx, data->ast->name_span));
    return false;
}

/* ---- the block ---- */

int setting_names(const char **names, int most)
{
    int n = 0;
    for (; n < NKEYS && n < most; n++)
        names[n] = keys[n].name;
    return n;
}

static const Want *find_key(const Check *c, const Ast *key)
{
    const char *names[NKEYS];
    for (int i = 0; i < NKEYS; i++) {
        names[i] = keys[i].name;
        if (strcmp(names[i], key->text) == 0)
            return &keys[i];
    }
    const char *near = said_elsewhere(key->text);
    near = near ? near : nearest_name(key->text, names, NKEYS);
    error_at(c->ctx, key->name_span, "E0301", "unknown setting '%s'", key->text);
    if (near)
        hint(c->ctx, "did you mean '%s'?", near);
    return NULL;
}

static bool check_setting(const Check *c, const Want *w, const Ast *key)
{
    switch (w->kind) {
    case V_OPTIMIZER:
        return check_optimizer(c, w, key->a);
    case V_SCHEDULE:
        return check_schedule(c, w, key->a);
    case V_SPLIT:
        return check_split(c, w, key);
    case V_HOLDOUT:
        return check_holdout(c, w, key->a);
    default:
        return check_scalar(c, w, key->a, NULL) && (strcmp(w->name, "batch") != 0 || needs_batch_axis(c, "batch", key));
    }
}

static const Ast *find_item(const Ast *train, const char *name)
{
    for (const Ast *key = train->items; key; key = key->next)
        if (strcmp(key->text, name) == 0)
            return key;
    return NULL;
}

/* Settings that contradict each other: said at the second. */
static bool exclude(const Check *c, const Ast *train, const char *a, const char *b)
{
    const Ast *first = find_item(train, a), *second = find_item(train, b);
    if (!first || !second)
        return true;
    if (second->span.begin < first->span.begin) {
        const Ast *swap = first;
        first = second;
        second = swap;
    }
    error_at(c->ctx, second->name_span, "E0302", "'%s' and '%s' exclude each other; '%s' is set at %s",
             second->text, first->text, first->text, place(c->ctx, first->name_span));
    return false;
}

static const char *setting_text(Ctx *ctx, const Want *w, const Ast *e)
{
    double v;
    Str text = { 0 };
    if (w->kind == V_WHOLE && e->kind != AST_INT && constant(e, &v))
        str_add(&text, "%.0f", v);              /* 60 * 24 and 1e4: the trainer reads digits */
    else
        value_text(e, false, &text);
    const char *copy = arena_strdup(ctx->arena, text.text);
    str_free(&text);
    return copy;
}

/* requires: data and dims of the graph. ensures: graph->settings, one for each key, in order. */
bool check_settings(Ctx *ctx, Graph *graph, const Ast *train)
{
    Check c = { ctx, graph };
    bool fine = true;
    if (!train)
        return true;
    for (const Ast *key = train->items; key; key = key->next) {
        if (key->kind != AST_ARG || !key->a || key->a->kind == AST_POISON)
            continue;                   /* the parser has spoken */
        const Want *w = find_key(&c, key);
        if (!w || !check_setting(&c, w, key)) {
            fine = false;
            continue;
        }
        Setting setting = { key->text, setting_text(ctx, w, key->a), key->span, key->a };
        vec_push(ctx, &graph->settings, setting);
    }
    return exclude(&c, train, "epochs", "steps") && fine;
}
