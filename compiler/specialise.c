/* specialise.c: sizes that the data at hand binds become constants, as if they had been given by -D.
 *
 *     data X[n, f]; data y[n] : index(c)  and iris.csv   ->   -D f=4 -D c=3     (n is the sample axis: it stays free)
 *
 * Which file feeds which array is the runtime's business (peek.c asks it). Here the syntax tree's dims and data become
 * the tables that the runtime wants, and what it found becomes definitions. Arrays that no file at hand feeds are left
 * out; what they alone would bind stays open until the trainer runs. */
#include "driver.h"
#include "peek.h"
#include <string.h>

typedef struct {
    Compile *c;
    Arena *arena;
    VEC(AdDim) dims;
    VEC(AdData) arrays;
} Peeked;

/* ---------------------------------------------------------------- which data is at hand */

static bool data_names(const char *word, const char *array)
{
    size_t n = strlen(array);
    return strncmp(word, array, n) == 0 && word[n] == '=';
}

/* FILE alone: what a 'from' clause reads */
static bool is_bare(const char *word)
{
    size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n == 0 || word[n] != '=';
}

static void find_trainer_data(Compile *c)
{
    const Command *command = c->command;
    for (int i = 0; i < command->trainer.n; i++) {
        const char *word = command->trainer.at[i];
        const char *value = NULL;
        if (strncmp(word, "--data=", 7) == 0)
            value = word + 7;
        else if (strcmp(word, "--data") == 0 && i + 1 < command->trainer.n)
            value = command->trainer.at[++i];
        if (value)
            vec_push(c->ctx, &c->data, value);
    }
}

const char *data_file(Arena *arena, const char *word)
{
    const char *file = is_bare(word) ? word : word + strcspn(word, "=") + 1, *columns = strrchr(file, '#');
    return columns && !is_file(file) ? arena_strndup(arena, file, (size_t)(columns - file)) : file;
}

/* train { data = "iris.csv" }: found beside the model */
const char *block_data(Compile *c)
{
    for (const Ast *s = c->ast; s; s = s->next)
        for (const Ast *key = s->kind == AST_TRAIN ? s->items : NULL; key; key = key->next)
            if (key->kind == AST_ARG && strcmp(key->text, "data") == 0 && key->a && key->a->kind == AST_STRING)
                return path_beside(c->ctx->arena, strcmp(c->path, "-") ? c->path : "", key->a->text);
    return NULL;
}

static void find_data(Compile *c)
{
    const Command *command = c->command;
    if (command->kind == CMD_RUN)
        find_trainer_data(c);
    c->data_is_trainers = c->data.n > 0;
    for (int i = 0; i < command->data.n; i++)
        vec_push(c->ctx, &c->data, command->data.at[i]);
    const char *own = command->kind == CMD_RUN && c->data.n == 0 ? block_data(c) : NULL;
    if (own)
        vec_push(c->ctx, &c->data, own);
}

/* ---------------------------------------------------------------- the runtime's tables from the syntax tree */

static const Ast *find_dim(const Compile *c, const char *name)
{
    for (const Ast *s = c->ast; s; s = s->next)
        if (s->kind == AST_DIM && s->text && strcmp(s->text, name) == 0)
            return s;
    return NULL;
}

static const Define *find_define(const Compile *c, const char *name)
{
    const CompileOptions *o = &c->ctx->options;
    for (int i = 0; i < o->defines.n; i++)
        if (strcmp(o->defines.at[i].name, name) == 0)
            return &o->defines.at[i];
    return NULL;
}

static const Ast *find_clause(const Ast *data, const char *name)
{
    for (const Ast *s = data->clauses; s; s = s->next)
        if (s->kind == AST_CLAUSE && strcmp(s->text, name) == 0)
            return s;
    return NULL;
}

static int add_dim(Peeked *p, AdDim dim)
{
    vec_push(p, &p->dims, dim);
    return p->dims.n - 1;
}

/* The place of a dim by name; a new one at its first use. `kind` is what this use makes of it. */
static int place_dim(Peeked *p, const Ast *e, AdDimKind kind)
{
    const Ast *dim = e->kind == AST_NAME ? find_dim(p->c, e->text) : NULL;
    if (!dim)           /* the size of an unnamed axis: whatever the file has */
        return add_dim(p, (AdDim){.name = "", .kind = AD_DIM_DATA});
    for (int i = 0; i < p->dims.n; i++) {
        if (strcmp(p->dims.at[i].name, e->text) != 0)
            continue;
        if (p->dims.at[i].kind == AD_DIM_IDS && kind == AD_DIM_DATA)    /* an axis decides, ids only when there is none */
            p->dims.at[i].kind = AD_DIM_DATA;
        return i;
    }
    AdDim new = {.name = e->text, .kind = kind, .batch = dim->flag, .line = span_line(p->c->ctx, dim->span)};
    if (dim->a && dim->a->kind == AST_INT && !find_define(p->c, e->text)) {
        new.kind = AD_DIM_FIXED;
        new.value = dim->a->ival;
    }
    return add_dim(p, new);
}

static void set_columns(Peeked *p, AdData *data, const Ast *from)
{
    if (from->a && from->b && from->a->kind == AST_INT && from->b->kind == AST_INT) {
        data->column_lo = from->a->ival;
        data->column_hi = from->b->ival;
        return;
    }
    VEC(const char *) names = {0};
    for (const Ast *s = from->items; s; s = s->next)
        if (s->kind == AST_STRING)
            vec_push(p, &names, s->text);
    data->ncolumns = names.n;
    data->columns = names.at;
}

static void add_array(Peeked *p, const Ast *s)
{
    const Ast *from = find_clause(s, "from"), *labels = find_clause(s, "index");
    VEC(int) axes = {0};
    for (const Ast *e = s->items; e; e = e->next) {
        int place = place_dim(p, e, AD_DIM_DATA);
        vec_push(p, &axes, place);
    }
    AdData data = {
        .name = s->text, .line = span_line(p->c->ctx, s->span), .labels = -1, .rank = axes.n, .axes = axes.at,
        .type = labels || find_clause(s, "int") ? AD_INT : find_clause(s, "bool") ? AD_BOOL : AD_REAL,
        .missing = find_clause(s, "missing") != NULL,
    };
    if (labels && labels->items)
        data.labels = place_dim(p, labels->items, AD_DIM_IDS);
    if (from)
        set_columns(p, &data, from);
    vec_push(p, &p->arrays, data);
}

static bool at_hand(const Compile *c, const Ast *s)
{
    for (int i = 0; i < c->data.n; i++)
        if (data_names(c->data.at[i], s->text) || (find_clause(s, "from") && is_bare(c->data.at[i])))
            return true;
    return false;
}

/* ---------------------------------------------------------------- what it binds */

static bool is_axis_of_data(const Compile *c, const char *name)
{
    for (const Ast *s = c->ast; s; s = s->next)
        for (const Ast *e = s->kind == AST_DATA ? s->items : NULL; e; e = e->next)
            if (e->kind == AST_NAME && strcmp(e->text, name) == 0)
                return true;
    return false;
}

/* A dim that some data's axis binds never takes its size from ids. */
static bool may_define(const Compile *c, const AdDim *dim)
{
    const Ast *declared = find_dim(c, dim->name);
    return declared && !declared->a && !dim->batch && !find_define(c, dim->name) &&
           (dim->kind == AD_DIM_DATA || (dim->kind == AD_DIM_IDS && !is_axis_of_data(c, dim->name)));
}

static void define_dims(Peeked *p, const int64_t *dims)
{
    Ctx *ctx = p->c->ctx;
    for (int i = 0; i < p->dims.n; i++) {
        if (!may_define(p->c, &p->dims.at[i]) || dims[i] < 1)
            continue;
        char *text = arena_printf(p->arena, "%s=%lld", p->dims.at[i].name, (long long)dims[i]);
        int n = (int)strlen(text), file = source_add(ctx, "<data>", text, n);
        Define define = {p->dims.at[i].name, text + strlen(p->dims.at[i].name) + 1, {file, 0, n}};
        vec_push(ctx, &ctx->options.defines, define);
    }
}

/* A name before '=' is that of a data array. */
static bool check_names(Compile *c)
{
    VEC(const char *) names = {0};
    for (const Ast *s = c->ast; s; s = s->next)
        if (s->kind == AST_DATA && s->text)
            vec_push(c->ctx, &names, s->text);
    for (int i = 0; i < c->data.n; i++) {
        const char *word = c->data.at[i];
        const char *name = arena_strndup(c->ctx->arena, word, strcspn(word, "="));
        if (is_bare(word) || is_one_of(name, names.at, names.n))
            continue;
        const char *near = nearest_name(name, names.at, names.n);
        c->status = complain(STATUS_USAGE, "'--data %s': the model has no data '%s'%s%s%s", word, name,
                             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        return false;
    }
    return true;
}

void specialise(Compile *c)
{
    find_data(c);
    if (c->data.n == 0 || !check_names(c))
        return;
    Peeked p = {.c = c, .arena = c->ctx->arena};
    for (const Ast *s = c->ast; s; s = s->next)
        if (s->kind == AST_DATA && s->text && at_hand(c, s))
            add_array(&p, s);
    if (p.arrays.n == 0)
        return;
    int64_t *given = NEWN(c->ctx, int64_t, p.dims.n), *dims = NEWN(c->ctx, int64_t, p.dims.n);
    for (int i = 0; i < p.dims.n; i++) {
        const Define *d = find_define(c, p.dims.at[i].name);
        given[i] = -1;
        for (const char *s = d ? d->value : ""; *s; s++)
            given[i] = (given[i] < 0 ? 0 : given[i]) * 10 + (*s - '0');
    }
    AdModel model = {
        .name = c->stem, .file = c->path, .source = "", .f64 = 1,
        .ndims = p.dims.n, .dims = p.dims.at, .ndata = p.arrays.n, .data = p.arrays.at,
    };
    char message[1024];
    c->status = peek_dims(&model, c->data.at, c->data.n, given, dims, message, sizeof message);
    if (c->status == STATUS_FINE)
        define_dims(&p, dims);
    else if (strstr(message, ": error: "))
        fprintf(stderr, "%s\n", message);
    else
        complain(c->status, "%s", message);
}
