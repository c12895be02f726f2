/* main.c: the whole compiler as a list.
 *
 *     mlp.ad -> syntax tree -> graph -> graph with adjoints -> simpler, fewer nodes -> loops -> mlp.c
 *
 * The table below is the pipeline; run_passes() takes a model through it, checks the graph after every pass so that a
 * broken invariant is blamed on the pass that broke it, and prints what a pass made for --dump=PASS. The rest of the
 * file is what the commands do with the result. Only main() decides the exit status. */
#include "driver.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the pipeline */

static void pass_parse(Compile *c) { c->ast = parse(c->ctx, c->file); }
static void pass_specialise(Compile *c) { specialise(c); }
static void pass_lower(Compile *c) { c->graph = lower(c->ctx, c->ast, c->file); }
static void pass_differentiate(Compile *c) 
{
    c->graph = differentiate(c->ctx, c->graph);
    c->graph = mask_products(c->ctx, c->graph);
}
static void pass_simplify(Compile *c) { c->graph = simplify(c->ctx, c->graph); }
static void pass_share(Compile *c) { c->graph = share(c->ctx, c->graph); }
static void pass_fuse(Compile *c) { c->graph = fuse(c->ctx, c->graph); }
static void pass_schedule(Compile *c) { c->loops = schedule(c->ctx, c->graph); }
static void pass_emit(Compile *c)
{
    emit_c(c->ctx, c->graph, c->loops, c->file, &c->code);
    if (c->ctx->options.standalone && error_count(c->ctx) == 0) {
        Str joined = {0};
        standalone_join(c, &joined);
        str_free(&c->code);
        c->code = joined;
    }
}

enum { REQUIRED, OPTIONAL };            /* OPTIONAL: --skip=PASS leaves it out, and the answers are the same */
enum { AFTER_ERRORS = true };           /* runs in spite of errors, to report the model's other mistakes too */

typedef struct { const char *name; void (*run)(Compile *); int optional; bool after_errors; const char *contract; } Pass;

static const Pass passes[] = {
    {"parse",         pass_parse,         REQUIRED, false,        "text -> syntax tree"},
    {"specialise",    pass_specialise,    REQUIRED, false,        "sizes that the data at hand binds become constants"},
    {"lower",         pass_lower,         REQUIRED, AFTER_ERRORS, "syntax tree -> graph; names, shapes and types are right"},
    {"differentiate", pass_differentiate, REQUIRED, false,        "every param that can learn has its adjoint"},
    {"simplify",      pass_simplify,      OPTIONAL, false,        "algebraic laws; equal nodes are one, dead ones gone"},
    {"share",         pass_share,         OPTIONAL, false,        "a costly term of several nodes is computed once"},
    {"fuse",          pass_fuse,          OPTIONAL, false,        "a node read once is substituted into its reader"},
    {"schedule",      pass_schedule,      REQUIRED, false,        "graph -> loop tree; every decision is made"},
    {"emit",          pass_emit,          REQUIRED, false,        "loop tree -> C text"},
};
enum { NPASSES = sizeof passes / sizeof *passes };

int pass_names(const char **names)
{
    _Static_assert((int)NPASSES <= (int)MAX_PASSES, "a list of all passes fits");
    for (int i = 0; i < NPASSES; i++)
        names[i] = passes[i].name;
    return NPASSES;
}

bool pass_is_optional(const char *name)
{
    for (int i = 0; i < NPASSES; i++)
        if (strcmp(passes[i].name, name) == 0)
            return passes[i].optional == OPTIONAL;
    return false;
}

/* The model as the last pass left it, as text. */
static char *snapshot(const Compile *c)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    if (c->code.n)
        fwrite(c->code.text, 1, c->code.n, f);
    else if (c->loops)
        loops_print(c->ctx, c->loops, f);
    else if (c->graph)
        graph_print(c->ctx, c->graph, f);
    else if (c->ast)
        ast_print(c->ctx, c->ast, f);
    fclose(f);
    return text;
}

static void dump(const Compile *c, const Pass *pass, char **before)
{
    const CompileOptions *o = &c->ctx->options;
    if (o->dump.n == 0)
        return;
    char *after = snapshot(c);
    if (is_one_of(pass->name, o->dump.at, o->dump.n) || is_one_of("all", o->dump.at, o->dump.n)) {
        bool same = *before && after && strcmp(*before, after) == 0;
        fprintf(stderr, "; %s: %s\n%s", pass->name, pass->contract, same ? "(unchanged)\n" : after ? after : "");
    }
    free(*before);
    *before = after;
}

static bool must_verify(const Compile *c)
{
#ifndef NDEBUG
    (void)c;
    return true;
#else
    return c->ctx->options.verify;
#endif
}

/* Runs the passes up to the one called `last`. False after errors. */
static bool run_passes(Compile *c, const char *last)
{
    const CompileOptions *o = &c->ctx->options;
    char *before = NULL;
    for (int i = 0; i < NPASSES && c->status == STATUS_FINE; i++) {
        const Pass *pass = &passes[i];
        if (error_count(c->ctx) > 0 && !pass->after_errors)
            continue;
        c->ctx->pass = pass->name;
        if (!is_one_of(pass->name, o->skip.at, o->skip.n))
            pass->run(c);
        if (c->graph && must_verify(c) && error_count(c->ctx) == 0)
            verify(c->ctx, c->graph);
        dump(c, pass, &before);
        if (strcmp(pass->name, last) == 0)
            break;
    }
    free(before);
    return c->status == STATUS_FINE && error_count(c->ctx) == 0;
}

/* ---------------------------------------------------------------- a model */

/* -D stands in a text of its own, so that a mistake in it has a place to point at. */
static void place_defines(Compile *c)
{
    Str text = {0};
    CompileOptions *o = &c->ctx->options;
    if (o->defines.n == 0)
        return;
    for (int i = 0; i < o->defines.n; i++) {
        Define *d = &o->defines.at[i];
        str_add(&text, "-D ");
        d->span.begin = (int)text.n;
        str_add(&text, "%s=%s", d->name, d->value);
        d->span.end = (int)text.n;
        str_add(&text, "\n");
    }
    int file = source_add(c->ctx, "<command line>", text.text, (int)text.n);
    for (int i = 0; i < o->defines.n; i++)
        o->defines.at[i].span.file = file;
    str_free(&text);
}

static int compile_open(Compile *c, const Command *command, const char *path)
{
    memset(c, 0, sizeof *c);
    c->command = command;
    c->ctx = ctx_new();
    c->ctx->options = command->options;
    c->path = path;
    c->stem = path_stem(c->ctx->arena, path);
    if (!source_read(c->ctx, path, &c->file))
        return c->status = complain(STATUS_FILES, "cannot read '%s': %s", path, strerror(errno));
    /* the command's lists are shared by several models: grow copies of them */
    CompileOptions *o = &c->ctx->options;
    memset(&o->defines, 0, sizeof o->defines);
    for (int i = 0; i < command->options.defines.n; i++)
        vec_push(c->ctx, &o->defines, command->options.defines.at[i]);
    place_defines(c);
    return STATUS_FINE;
}

static void compile_close(Compile *c)
{
    str_free(&c->code);
    ctx_free(c->ctx);
}

/* Says what was wrong, and turns it into a status. */
static int compile_report(Compile *c)
{
    bool failed = error_count(c->ctx) > 0;
    diag_print(c->ctx, stderr);
    if (failed && c->status == STATUS_FINE)
        c->status = STATUS_MODEL;
    return c->status;
}

/* ---------------------------------------------------------------- adc [build] MODEL.ad */

static const char *last_pass(const bool *emit)
{
    if (emit[EMIT_C] || emit[EMIT_LIB] || emit[EMIT_EXE])
        return "emit";
    if (emit[EMIT_LOOPS])
        return "schedule";
    if (emit[EMIT_GRAPH] || emit[EMIT_DOT] || emit[EMIT_HEADER])
        return "fuse";
    return emit[EMIT_DEPS] || emit[EMIT_MANIFEST] ? "lower" : emit[EMIT_AST] ? "parse" : "";
}

/* Texts for people go to standard output, code into files named after the model. */
static const char *output_path(Compile *c, Emit emit)
{
    Arena *arena = c->ctx->arena;
    bool filter = strcmp(c->path, "-") == 0;
    if (c->command->output)
        return c->command->output;
    switch (emit) {
    case EMIT_HEADER: return filter ? "-" : arena_printf(arena, "%s.h", c->stem);
    case EMIT_C: return filter ? "-" : arena_printf(arena, "%s.c", c->stem);
    case EMIT_LIB: return arena_printf(arena, "lib%s.a", c->stem);
    case EMIT_EXE: return c->stem;
    case EMIT_TOKENS: case EMIT_AST: case EMIT_GRAPH: case EMIT_LOOPS: case EMIT_DOT: case EMIT_DEPS: case EMIT_MANIFEST:
    case EMIT_COUNT: break;
    }
    return "-";
}

/* The file that is written, of several the one made last. */
static const char *main_output(Compile *c)
{
    for (int i = EMIT_COUNT - 1; i >= EMIT_HEADER; i--) {
        const char *path = c->command->emit[i] ? output_path(c, (Emit)i) : "-";
        if (strcmp(path, "-") != 0)
            return path;
    }
    return arena_printf(c->ctx->arena, "%s.c", c->stem);
}

/* What make calls the thing we build. */
static const char *deps_target(Compile *c)
{
    return c->command->deps_target ? c->command->deps_target : main_output(c);
}

/* Of -MD: -MF, else beside the output, whatever the target is called. */
static const char *deps_path(Compile *c)
{
    const char *output = main_output(c), *base = path_base(output), *dot = strrchr(base, '.');
    if (c->command->deps_file)
        return c->command->deps_file;
    size_t n = dot && dot != base ? (size_t)(dot - output) : strlen(output);
    return arena_printf(c->ctx->arena, "%.*s.d", (int)n, output);
}

static void print_form(Compile *c, Emit emit, Str *out)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        bug(c->ctx, "no memory stream");
    switch (emit) {
    case EMIT_TOKENS: tokens_print(c->ctx, c->file, f); break;
    case EMIT_AST: ast_print(c->ctx, c->ast, f); break;
    case EMIT_GRAPH: graph_print(c->ctx, c->graph, f); break;
    case EMIT_LOOPS: loops_print(c->ctx, c->loops, f); break;
    case EMIT_DOT: graph_dot(c->ctx, c->graph, f); break;
    case EMIT_DEPS: deps_print(c, deps_target(c), c->command->deps_phony, out); break;
    case EMIT_MANIFEST: manifest_print(c, out); break;
    case EMIT_HEADER: emit_header(c->ctx, c->graph, out); break;
    case EMIT_C: str_addn(out, c->code.text, c->code.n); break;
    case EMIT_LIB: case EMIT_EXE: case EMIT_COUNT: break;
    }
    fclose(f);
    str_addn(out, text, n);
    free(text);
}

static int write_form(Compile *c, Emit emit)
{
    const char *path = output_path(c, emit);
    if (emit == EMIT_LIB || emit == EMIT_EXE) {
        if (strcmp(path, "-") == 0)
            return complain(STATUS_USAGE, "an executable or a library is not written to standard output: name it with -o");
        return build(c, emit == EMIT_LIB ? AS_LIB : AS_EXE, path);
    }
    Str text = {0};
    print_form(c, emit, &text);
    bool fine = error_count(c->ctx) > 0 || write_whole(path, text.text ? text.text : "", text.n);
    str_free(&text);
    return fine ? STATUS_FINE : STATUS_FILES;
}

static int write_deps_beside(Compile *c)
{
    Str text = {0};
    deps_print(c, deps_target(c), c->command->deps_phony, &text);
    bool fine = write_whole(deps_path(c), text.text, text.n);
    str_free(&text);
    return fine ? STATUS_FINE : STATUS_FILES;
}

/* What adc reads under this name, however the name is written, or NULL. */
static const char *input_at(Compile *c, const char *path)
{
    const char *data = block_data(c);
    if (same_file(path, strcmp(c->path, "-") == 0 ? "/dev/stdin" : c->path))
        return "the model";
    for (int i = 0; i < c->ctx->source.n; i++)
        if (same_file(path, c->ctx->source.at[i].name))
            return "a file that the model imports";
    for (int i = 0; i < c->command->data.n; i++)
        if (same_file(path, data_file(c->ctx->arena, c->command->data.at[i])))
            return "its data";
    return data && same_file(path, data) ? "its data" : NULL;
}

static int refuse_input(Compile *c, const char *path)
{
    const char *input = strcmp(path, "-") == 0 ? NULL : input_at(c, path);
    return input ? complain(STATUS_USAGE, "writing '%s' would overwrite %s", path, input) : STATUS_FINE;
}

/* All that is to be written, or nothing when some of it would replace what was read. */
static int write_outputs(Compile *c)
{
    const Command *command = c->command;
    for (int i = 0; i < EMIT_COUNT && c->status == STATUS_FINE; i++)
        if (command->emit[i])
            c->status = refuse_input(c, output_path(c, (Emit)i));
    if (command->deps_beside && c->status == STATUS_FINE)
        c->status = refuse_input(c, deps_path(c));
    for (int i = 0; i < EMIT_COUNT && c->status == STATUS_FINE; i++)
        if (command->emit[i])
            c->status = write_form(c, (Emit)i);
    if (command->deps_beside && c->status == STATUS_FINE)
        c->status = write_deps_beside(c);
    return c->status;
}

static int command_compile(const Command *command)
{
    Compile c;
    if (compile_open(&c, command, command->file.at[0]) == STATUS_FINE) {
        const char *last = last_pass(command->emit);
        bool fine = !*last || run_passes(&c, last);
        compile_report(&c);             /* warnings come before what the C compiler may say */
        if (fine)
            write_outputs(&c);
        compile_report(&c);
    }
    int status = c.status;
    compile_close(&c);
    return status;
}

/* ---------------------------------------------------------------- the other commands */

static int command_run(const Command *command)
{
    Compile c;
    if (compile_open(&c, command, command->file.at[0]) == STATUS_FINE) {
        run_passes(&c, "emit");
        if (compile_report(&c) == STATUS_FINE)
            c.status = run_cached(&c);
    }
    int status = c.status;
    compile_close(&c);
    return status;
}

static int check_one(const Command *command, const char *path)
{
    Compile c;
    if (compile_open(&c, command, path) == STATUS_FINE) {
        run_passes(&c, "schedule");
        compile_report(&c);
    }
    int status = c.status;
    compile_close(&c);
    return status;
}

static int format_write(Compile *c, const Str *text)
{
    const Source *old = &c->ctx->source.at[c->file];
    bool same = (size_t)old->len == text->n && memcmp(old->text, text->text, text->n) == 0;
    if (c->command->only_check) {
        if (!same)
            fprintf(stderr, "%s: not in canonical layout (adc fmt -w)\n", old->name);
        return same ? STATUS_FINE : STATUS_MODEL;
    }
    if (c->command->in_place && strcmp(c->path, "-") != 0)
        return same || write_whole(c->path, text->text, text->n) ? STATUS_FINE : STATUS_FILES;
    return write_whole("-", text->text, text->n) ? STATUS_FINE : STATUS_FILES;
}

static int format_one(const Command *command, const char *path)
{
    Compile c;
    if (compile_open(&c, command, path) == STATUS_FINE) {
        Str text = {0};
        if (run_passes(&c, "parse"))
            format_model(c.ctx, c.file, &text);
        if (compile_report(&c) == STATUS_FINE)
            c.status = format_write(&c, &text);
        str_free(&text);
    }
    int status = c.status;
    compile_close(&c);
    return status;
}

static int for_each_file(const Command *command, int (*one)(const Command *, const char *))
{
    int worst = STATUS_FINE;
    for (int i = 0; i < command->file.n; i++) {
        int status = one(command, command->file.at[i]);
        if (status > worst)
            worst = status;
    }
    return worst;
}

/* "{settings}" stands for the list that a train block is checked by. */
static void print_explanation(const char *text)
{
    static const char mark[] = "{settings}";
    const char *at = strstr(text, mark), *names[64];
    int n = at ? setting_names(names, 64) : 0;
    printf("%.*s", at ? (int)(at - text) : (int)strlen(text), text);
    for (int i = 0; i < n; i++)
        printf("%s%s", i == n / 2 ? "\n" : i ? " " : "", names[i]);
    printf("%s%s", at ? at + strlen(mark) : "", *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

/* Of each code its text; without a code, every code with its first line. */
static int command_explain(const Command *command)
{
    int status = STATUS_FINE;
    for (const char *code = NULL; command->file.n == 0 && (code = explain_next(code)); ) {
        const char *text = explain(code);
        printf("%s  %.*s\n", code, (int)strcspn(text, "\n"), text);
    }
    for (int i = 0; i < command->file.n; i++) {
        const char *text = explain(command->file.at[i]);
        if (i > 0)
            putchar('\n');
        if (text)
            print_explanation(text);
        else
            status = complain(STATUS_USAGE, "no error has the code '%s'; 'adc explain' lists them all", command->file.at[i]);
    }
    return status;
}

static int run_command(const Command *command)
{
    switch (command->kind) {
    case CMD_COMPILE: case CMD_BUILD: return command_compile(command);
    case CMD_RUN: return command_run(command);
    case CMD_CHECK: return for_each_file(command, check_one);
    case CMD_FMT: return for_each_file(command, format_one);
    case CMD_EXPLAIN: return command_explain(command);
    case CMD_HELP: help_print(stdout); return STATUS_FINE;
    case CMD_VERSION: puts("adc " ADC_VERSION); return STATUS_FINE;
    }
    return STATUS_BUG;
}

/* bug() has said what happened and aborts: to the caller that is a status, not a signal. */
static void on_abort(int signal_number)
{
    (void)signal_number;
    _exit(STATUS_BUG);
}

/* Trees are walked by recursion, and long sums are deep trees: a deeper stack, where the system lets us have one. */
static rlim_t deepen_stack(void)
{
    struct rlimit limit;
    rlim_t before;
    const rlim_t wanted = (rlim_t)64 << 20;
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted)
        return 0;
    before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
    return setrlimit(RLIMIT_STACK, &limit) == 0 ? before : 0;
}

/* The C compiler and the trainer get the stack that adc was given: threads take it for theirs. */
void restore_stack(const Command *command)
{
    struct rlimit limit;
    if (command->stack == 0 || getrlimit(RLIMIT_STACK, &limit) != 0)
        return;
    limit.rlim_cur = command->stack;
    setrlimit(RLIMIT_STACK, &limit);
}

int main(int argc, char **argv)
{
    Command command = {.arena = arena_new(), .stack = deepen_stack()};
    struct sigaction action = {.sa_handler = on_abort};
    sigaction(SIGABRT, &action, NULL);
    int status = command_parse(&command, argc, argv) ? run_command(&command) : STATUS_USAGE;
    if (fflush(stdout) != 0 && status == STATUS_FINE)
        status = complain(STATUS_FILES, "cannot write standard output: %s", strerror(errno));
    arena_free(command.arena);
    return status;
}
