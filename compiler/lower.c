/* lower.c: statements. In: the syntax tree. Out: the graph, with data, params, hypers, losses, metrics and outputs.
 *
 * One walk does names, kinds, shapes and types, so every mistake beyond syntax is found here or in the files that this
 * one calls: lower_decl.c and lower_let.c for statements, lower_expr.c and its kin for expressions. A name whose
 * declaration failed stays known as SYM_BAD and silences what follows from it. The order of statements is the order of
 * declaration: a name is visible from its statement on, and a function sees what stood above it. The library is a module
 * like an imported file. */
#define _XOPEN_SOURCE 700                   /* realpath */
#include "lower.h"
#include "front.h"
#include "../runtime/adrt.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const char std_ad[];
extern const size_t std_ad_len;

/* ---------------------------------------------------------------- messages */

static bool in_std(const Lower *L, Span span) { return L->std && span.file == L->std->file; }

static bool within(Span a, Span b) { return a.file == b.file && a.begin >= b.begin && a.end <= b.end; }

enum { MAX_CALLS_SAID = 4 };

/* A mistake inside the library is the caller's: it is reported at the call. */
void lower_error(Lower *L, Span span, const char *code, const char *format, ...) {
    if (L->muted)
        return;
    va_list args;
    va_start(args, format);
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (in_std(L, span) && !in_std(L, L->std_call))
        span = L->std_call;
    error_at(L->ctx, span, code, "%s", text);
    int calls = 0;
    for (const Scope *s = L->scope; s; s = s->outer)        /* in the body of a function: which call made it wrong? */
        if (s->call.end && !s->module->is_std && !within(span, s->call) && ++calls <= MAX_CALLS_SAID)
            note_at(L->ctx, s->call, "called here");
    if (calls > MAX_CALLS_SAID)
        hint(L->ctx, "and by %d calls around these", calls - MAX_CALLS_SAID);
}

void lower_label(Lower *L, Span span, const char *format, ...) {
    if (L->muted || in_std(L, span))
        return;
    va_list args;
    va_start(args, format);
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    label_at(L->ctx, span, "%s", text);
}

/* ---------------------------------------------------------------- names */

/* A file may declare 100000 names, so they are hashed; those of a scope are few. */
static Symbol **bucket_of(Module *m, const char *name) {
    unsigned h = 2166136261u;
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * 16777619u;
    return &m->bucket[(h ^ h >> 15) % NAME_BUCKETS];
}

static Symbol *find_local(Symbol *list, const char *name) {
    for (Symbol *s = list; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

Symbol *find_global(Module *m, const char *name, int limit) {
    for (Symbol *s = *bucket_of(m, name); s; s = s->chain)
        if (s->order < limit && strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

Symbol *lookup_local(Lower *L, const char *name) { return L->scope ? find_local(L->scope->symbols, name) : NULL; }

Symbol *lookup(Lower *L, const char *name) {
    Module *m = L->module;
    int limit = 1 << 30;
    for (Scope *s = L->scope; s; s = s->outer) {
        Symbol *y = find_local(s->symbols, name);
        if (y)
            return y;
        if (s->function) {
            m = s->module;
            limit = s->limit;
            break;
        }
    }
    return find_global(m, name, limit);
}

static bool declared_twice(Lower *L, const Symbol *first, const char *name, Span span) {
    if (!first || first->kind == SYM_INDEX)
        return false;
    ERR(L, span, "E0202", "'%s' is declared already, at %s", name, place(L->ctx, first->span));
    return true;
}

static Symbol *new_symbol(Lower *L, Symbol **list, const char *name, Span span, SymbolKind kind) {
    Symbol *s = NEW(L->ctx, Symbol);
    *s = (Symbol){.name = name, .kind = kind, .span = span, .next = *list, .module = L->module};
    *list = s;
    return s;
}

Symbol *declare_global(Lower *L, const char *name, Span span, SymbolKind kind) {
    Symbol **bucket = bucket_of(L->module, name);
    if (declared_twice(L, find_global(L->module, name, 1 << 30), name, span))
        return NULL;
    Symbol *s = new_symbol(L, &L->module->symbols, name, span, kind);
    s->order = ++L->module->order;
    s->chain = *bucket;
    *bucket = s;
    return s;
}

Symbol *declare(Lower *L, const char *name, Span span, SymbolKind kind) {
    if (!L->scope)
        return declare_global(L, name, span, kind);
    if (declared_twice(L, find_local(L->scope->symbols, name), name, span))
        return NULL;
    return new_symbol(L, &L->scope->symbols, name, span, kind);
}

static void collect_names(Lower *L, const Symbol *s, void *names) {
    VEC(const char *) *v = names;
    for (; s; s = s->next)
        if (s->kind != SYM_FN || s->module == L->module)
            vec_push(L->ctx, v, s->name);
}

/* Where a statement further down declares it. */
const Ast *declared_later(const Ast *list, const char *name) {
    for (const Ast *a = list; a; a = a->next) {
        if (a->kind == AST_SCAN) {
            const Ast *inner = declared_later(a->clauses, name);
            if (inner)
                return inner;
        } else if (a->text && a->kind != AST_IMPORT && a->kind != AST_PRECISION && a->kind != AST_POISON && strcmp(a->text, name) == 0) {
            return a;
        }
    }
    return NULL;
}

static const char *const built_in[] = {"pi", "inf", "nan", "eps"};
enum { NBUILT_IN = (int)(sizeof built_in / sizeof *built_in) };

bool name_is_known(Lower *L, const char *name) {
    for (int k = 0; k < NBUILT_IN; k++)
        if (strcmp(name, built_in[k]) == 0)
            return true;
    return lookup(L, name) != NULL;
}

/* A name that nobody declared is reported where it is used first. */
static bool said_unknown(const Lower *L, const char *name) {
    for (int k = 0; k < L->unknown.n; k++)
        if (strcmp(L->unknown.at[k], name) == 0)
            return true;
    return false;
}

void unknown_name(Lower *L, const Ast *a) {
    VEC(const char *) names = {0};
    const Module *m = L->module;
    for (Scope *s = L->scope; s; s = s->outer) {
        collect_names(L, s->symbols, &names);
        if (s->function)
            m = s->module;
    }
    collect_names(L, m->symbols, &names);
    if (L->naming && strcmp(a->text, L->naming) == 0) {
        ERR(L, a->span, "E0216", "'%s' reads itself, which needs a 'from'", a->text);
        if (!L->muted)
            hint(L->ctx, "a recurrence starts from a value: let %s[t in T] from 0 = ...", a->text);
        return;
    }
    if (!L->muted && said_unknown(L, a->text)) {
        diag_mute(L->ctx);
        return;
    }
    if (!L->muted)
        vec_push(L->ctx, &L->unknown, a->text);
    const Ast *later = m == L->module ? declared_later(L->statements, a->text) : NULL;
    if (later) {
        ERR(L, a->span, "E0218", "'%s' is used before its definition at %s", a->text, place(L->ctx, later->name_span));
        return;
    }
    if (is_builtin(L, a->text)) {
        ERR(L, a->span, "E0211", "'%s' is a function: call it, as %s(...)", a->text, a->text);
        return;
    }
    const char *shown = strlen(a->text) > 60 ? arena_printf(L->ctx->arena, "%.57s...", a->text) : a->text;
    ERR(L, a->span, "E0201", "unknown name '%s'", shown);
    for (int k = 0; k < NBUILT_IN; k++)
        vec_push(L->ctx, &names, built_in[k]);
    for (const Ast *in = L->ended ? L->ended->items : NULL; in; in = in->next)
        if (in->kind == AST_IN && strcmp(in->text, a->text) == 0) {
            if (!L->muted)
                hint(L->ctx, "the body of %s[...] ends at '+', '-' and looser: put it into parentheses", L->ended->text);
            return;
        }
    const char *near = nearest_name(a->text, names.at, names.n), *here = strcmp(a->text, "None") == 0 ? "new" : NULL;
    here = strcmp(a->text, "True") == 0 ? "true" : strcmp(a->text, "False") == 0 ? "false" : here;
    L->guessed = near || here || behind_slashes(L->ctx, a->span);
    if (L->muted)
        return;
    if (here)
        hint(L->ctx, strcmp(here, "new") == 0 ? "an axis of length 1 is made by '%s'" : "it is written '%s'", here);
    else if (near)
        hint(L->ctx, "did you mean '%s'?", near);
    else if (behind_slashes(L->ctx, a->span))
        hint(L->ctx, "'//' is whole division; a comment begins with '#'");
}

/* ---------------------------------------------------------------- files */

static void lower_statement(Lower *L, const Ast *a);

static char *path_beside(Ctx *ctx, const char *model, const char *path) {
    const char *slash = strrchr(model, '/');
    return path[0] == '/' || !slash ? arena_strdup(ctx->arena, path) : arena_printf(ctx->arena, "%.*s/%s", (int)(slash - model), model, path);
}

static bool all_parsed(const Ast *statements) {
    for (const Ast *a = statements; a; a = a->next)
        if (a->kind == AST_POISON)
            return false;
    return true;
}

/* One name for a file, however the path to it is written. */
static const char *real_path(Ctx *ctx, const char *path) {
    char *real = realpath(path, NULL);
    const char *kept = arena_strdup(ctx->arena, real ? real : path);
    free(real);
    return kept;
}

static Module *find_module(Lower *L, const char *path) {
    const char *real = real_path(L->ctx, path);
    for (int k = 0; k < L->modules.n; k++)
        if (strcmp(L->modules.at[k]->path, real) == 0)
            return L->modules.at[k];
    return NULL;
}

static Module *load_module(Lower *L, int file, const char *path) {
    Module *m = NEW(L->ctx, Module), *before = L->module;
    const Ast *statements = L->statements;
    *m = (Module){.file = file, .path = path, .loading = true};
    vec_push(L->ctx, &L->modules, m);
    L->module = m;
    L->statements = parse(L->ctx, file);
    for (const Ast *a = L->statements; a; a = a->next) {
        bool draw = a->kind == AST_LET && a->op == '~';
        if (draw || (a->kind != AST_FN && a->kind != AST_DIM && a->kind != AST_LET && a->kind != AST_IMPORT && a->kind != AST_POISON))
            ERR(L, a->span, "E0225", "an imported file gives functions: besides them it may hold imports, dims and constants");
        else
            lower_statement(L, a);
    }
    m->incomplete |= !all_parsed(L->statements);
    m->loading = false;
    L->module = before;
    L->statements = statements;
    return m;
}

static bool import_function(Lower *L, const Ast *a, const Symbol *s) {
    Symbol *there = find_global(L->module, s->name, 1 << 30);
    if (there) {
        if (there->fn == s->fn)                     /* the same file again */
            return true;
        ERR(L, a->name_span.end ? a->name_span : a->span, "E0202", "'%s' of this file, at %s, is declared already, at %s", s->name,
            place(L->ctx, s->span), place(L->ctx, there->span));
        return false;
    }
    Symbol *mine = declare(L, s->name, a->span, SYM_FN);
    mine->fn = s->fn;
    mine->span = s->span;
    mine->module = s->module;
    mine->wrong = s->wrong;
    mine->fn_order = s->order;
    return true;
}

static bool lower_import(Lower *L, const Ast *a) {
    Ctx *ctx = L->ctx;
    Span at = a->name_span.end ? a->name_span : a->span;
    char *path = path_beside(ctx, ctx->source.at[a->span.file].name, a->text);
    int file = -1;
    Module *m = find_module(L, path);
    bool found = m || source_read(ctx, path, &file);
    for (int k = 0; !found && k < ctx->options.include.n; k++) {
        path = arena_printf(ctx->arena, "%s/%s", ctx->options.include.at[k], a->text);
        m = find_module(L, path);
        found = m || source_read(ctx, path, &file);
    }
    if (!found || (m && m->loading)) {
        L->module->incomplete = true;
        if (found)
            ERR(L, at, "E0225", "\"%s\" imports itself, here or by what it imports", a->text);
        else
            ERR(L, at, "E0225", "cannot read \"%s\": %s", a->text, strerror(errno));
        return false;
    }
    if (!m)
        m = load_module(L, file, real_path(ctx, path));
    L->module->incomplete |= m->incomplete;
    bool fine = true;
    for (Symbol *s = m->symbols; s; s = s->next)
        if (s->kind == SYM_FN && s->module == m)
            fine &= import_function(L, a, s);
    return fine;
}

static void load_library(Lower *L) {
    int file = source_add(L->ctx, "std.ad", std_ad, (int)std_ad_len);
    Module *m = NEW(L->ctx, Module), *before = L->module;
    *m = (Module){.file = file, .is_std = true, .path = "std.ad"};
    L->std = m;
    L->module = m;
    for (const Ast *a = parse(L->ctx, file); a; a = a->next)
        lower_statement(L, a);
    L->module = before;
}

static bool dispatch(Lower *L, const Ast *a) {
    switch (a->kind) {
    case AST_DIM: return lower_dim(L, a);
    case AST_HYPER: return lower_hyper(L, a);
    case AST_DATA: return lower_data(L, a);
    case AST_PARAM: return lower_param(L, a);
    case AST_LET: return lower_let(L, a);
    case AST_SCAN: return lower_scan(L, a);
    case AST_FN: return lower_fn(L, a);
    case AST_LOSS: case AST_METRIC: case AST_OUTPUT: return lower_root(L, a);
    case AST_ASSERT: return lower_assert(L, a);
    case AST_IMPORT: return lower_import(L, a);
    case AST_POISON:
        if (a->text && !lookup(L, a->text))
            declare(L, a->text, a->span, SYM_BAD);
        return false;
    case AST_PRECISION: case AST_TRAIN: return true;
    default: bug(L->ctx, "a statement of kind %d", (int)a->kind);
    }
}

/* What fails without a word would be left out of the model. */
static void lower_statement(Lower *L, const Ast *a) {
    L->ended = NULL;
    if (!dispatch(L, a) && error_count(L->ctx) == 0)
        bug(L->ctx, "the statement at %s failed, and nothing was reported", place(L->ctx, a->span));
}

/* ---------------------------------------------------------------- the whole */

static void find_precision(Lower *L, const Ast *statements) {
    const Ast *first = NULL;
    for (const Ast *a = statements; a; a = a->next) {
        if (a->kind != AST_PRECISION)
            continue;
        if (first)
            ERR(L, a->span, "E0202", "a second precision: it is given at %s already", place(L->ctx, first->span));
        else if (strcmp(a->text, "f64") == 0)
            L->graph->precision = 64;
        else if (strcmp(a->text, "f32") != 0)
            ERR(L, a->span, "E0211", "the precision is f32 or f64, not '%s'", a->text);
        first = first ? first : a;
    }
    if (L->ctx->options.precision)
        L->graph->precision = L->ctx->options.precision;
}

static void check_dims(Lower *L) {
    bool whole = all_parsed(L->statements);         /* else what would bind a dim may be what did not parse */
    for (int k = 0; whole && k < L->graph->dims.n; k++) {
        const Dim *d = L->graph->dims.at[k];
        if (!d->size && !d->failed && !d->bound_by_data && !d->bound_by_ids && !said_unknown(L, d->name)) {
            ERR(L, d->span, "E0213", "nothing gives the dim '%s' a size", d->name);
            hint(L->ctx, "it needs an axis of data, an index(%s) array, '= ...' or -D %s=...", d->name, d->name);
        }
    }
    const char *names[256];
    int n = 0;
    for (int k = 0; k < L->graph->dims.n && n < 256; k++)
        names[n++] = L->graph->dims.at[k]->name;
    for (int k = 0; k < L->ctx->options.defines.n; k++) {
        const Define *d = &L->ctx->options.defines.at[k];
        Symbol *s = lookup(L, d->name);
        if (s && (s->kind == SYM_DIM || s->kind == SYM_BAD))
            continue;
        ERR(L, d->span, "E0201", "-D %s: the model has no dim of that name", d->name);
        const char *near = nearest_name(d->name, names, n);
        if (near)
            hint(L->ctx, "did you mean '%s'?", near);
    }
}

static const Ast *find_train(Lower *L, const Ast *statements) {
    const Ast *train = NULL;
    for (const Ast *a = statements; a; a = a->next)
        if (a->kind == AST_TRAIN && train)
            ERR(L, a->span, "E0202", "a second train block: the first is at %s", place(L->ctx, train->span));
        else if (a->kind == AST_TRAIN)
            train = a;
    return train;
}

static const ParamDecl *first_learnable(const Graph *g) {
    for (int k = 0; k < g->params.n; k++)
        if (!g->params.at[k].frozen)
            return &g->params.at[k];
    return NULL;
}

static void warn_missing(Lower *L) {
    for (const Symbol *s = L->module->symbols; s; s = s->next)
        if (s->missing && !s->masked) {
            warn_at(L->ctx, s->span, "missing", "'%s' has missing cells, which read as 0, and no mask(%s) tells them apart", s->name, s->name);
            hint(L->ctx, "multiply what they enter by mask(%s)", s->name);
        }
}

/* The model's name as a C identifier: the file's name without directories and '.ad'; 'model' of what is in no file. */
static const char *model_name(Ctx *ctx, int file) {
    const char *path = ctx->source.at[file].name, *slash = strrchr(path, '/');
    if (strcmp(path, "<stdin>") == 0)
        return "model";
    char *name = arena_strdup(ctx->arena, slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = 0;
    for (char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    return name[0] >= '0' && name[0] <= '9' ? arena_printf(ctx->arena, "m%s", name) : name[0] ? name : "model";
}

Graph *lower(Ctx *ctx, const Ast *statements, int file) {
    Lower *L = NEW(ctx, Lower);
    L->ctx = ctx;
    L->graph = graph_new(ctx);
    L->graph->name = model_name(ctx, file);
    load_library(L);
    L->main = L->module = NEW(ctx, Module);
    *L->main = (Module){.file = file, .path = real_path(ctx, ctx->source.at[file].name), .loading = true};
    vec_push(ctx, &L->modules, L->main);
    L->statements = statements;
    find_precision(L, statements);
    for (const Ast *a = statements; a; a = a->next)
        lower_statement(L, a);
    check_dims(L);
    const Ast *train = find_train(L, statements);
    if (train)
        check_settings(ctx, L->graph, train);
    const ParamDecl *p = first_learnable(L->graph);
    if (p && !L->seen_loss && all_parsed(statements))
        error_at(ctx, p->ast->span, "E0222", "the model has a param that can learn, '%s', but no loss to minimise", p->name);
    if (error_count(ctx) > 0) {
        differentiate(ctx, L->graph);               /* for what is to be said of the losses that are right */
        return NULL;
    }
    warn_batch_sums(ctx, L->graph, statements);
    warn_missing(L);
    return L->graph;
}
