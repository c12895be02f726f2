/* check_random.c: random models against a naive interpreter.
 *
 *     check_random N [SEED] [--cc "gcc -O0"] [--strict-cc gcc] [--share 10] [--skips 5] [--size 5] [--failures 5]
 *     check_random 0 SEED --file MODEL.ad             one model, with every pass on and off
 *
 * N models, in batches that one run of the C compiler takes; what fails is made as small as possible and printed. */
#include "../scratch.h"
#include "gen.h"
#include "judge.h"
#include "shrink.h"

#include <dlfcn.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 50 };

typedef struct {
    Tools tools, strict;                /* strict: the compiler for the share that must be free of warnings */
    const char *strict_flags;
    int share, skips, size, most_failures;
    uint64_t first;
    long n, count[VERDICTS], loose, lines;
    bool verbose;
} Options;

static void report(const Options *o, const Case *c) {
    Case small;
    printf("\nseed %llu, skip %d: %s: %s\n", (unsigned long long)c->seed, c->skip, verdict_names[c->verdict], c->message);
    if (o->verbose)
        printf("%s\n", c->text);
    if (c->verdict == C_ERROR) {        /* perhaps only a warning, which shrinking does not look for */
        printf("%s\n", c->text);
        fflush(stdout);
        return;
    }
    shrink(&small, c, &o->tools);
    printf("smallest, %s: %s\n%s\n", verdict_names[small.verdict], small.message, small.text);
    fflush(stdout);
    case_close(&small);
}

static void settle(Options *o, Case *c) {
    o->count[c->verdict]++;
    o->loose += c->loose;
    if (is_failure(c->verdict) && o->most_failures-- > 0)
        report(o, c);
    case_close(c);
}

/* Loads a library of models; runs those of the cases that are in it. */
static bool run_library(const char *so, Case *cases, int n) {
    void *handle = dlopen(so, RTLD_NOW | RTLD_LOCAL);
    for (int i = 0; handle && i < n; i++) {
        char symbol[64];
        snprintf(symbol, sizeof symbol, "%s_model", cases[i].name);
        const AdModel *m = cases[i].verdict == FINE ? dlsym(handle, symbol) : NULL;
        if (m)
            run_case(&cases[i], m);
    }
    if (handle)
        dlclose(handle);
    unlink(so);
    return handle != NULL;
}

/* Compiles what is left of the batch together; when that fails, one by one. */
static void finish(Options *o, Case *cases, int n, bool strict) {
    Str files = {0};
    char path[600];
    const Tools *t = strict ? &o->strict : &o->tools;
    const char *flags = strict ? o->strict_flags : "-std=c11 -shared -fPIC";
    for (int i = 0; i < n; i++)
        if (cases[i].verdict == FINE && write_case(&cases[i], t))
            str_add(&files, "%s.c ", cases[i].name);
    snprintf(path, sizeof path, "%s/batch.so", t->directory);
    bool together = files.n && run_cc(t, flags, files.text, path, "log") == 0 && run_library(path, cases, n);
    for (int i = 0; i < n && !together; i++) {
        char source[64];
        if (cases[i].verdict != FINE)
            continue;
        snprintf(source, sizeof source, "%s.c", cases[i].name);
        snprintf(path, sizeof path, "%s/%s.so", t->directory, cases[i].name);
        if (run_cc(t, flags, source, path, cases[i].name) != 0 || !run_library(path, &cases[i], 1)) {
            cases[i].verdict = C_ERROR;
            snprintf(cases[i].message, sizeof cases[i].message, "see %s/%s, by %s %s", t->directory, cases[i].name, t->cc, flags);
        }
    }
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s.c", t->directory, cases[i].name);
        if (cases[i].verdict != C_ERROR)
            unlink(path);
    }
    str_free(&files);
}

static void run(Options *o) {
    Case *cases = calloc(BATCH, sizeof *cases);
    for (long done = 0, batch = 0; done < o->n; done += BATCH, batch++) {
        int n = o->n - done < BATCH ? (int)(o->n - done) : BATCH;
        for (int i = 0; i < n; i++) {
            uint64_t seed = o->first + (uint64_t)(done + i);
            Arena *arena = arena_new();
            const char *text = generate(arena, seed, 1 + (int)(seed % (uint64_t)o->size));
            int skip = o->skips && seed % (uint64_t)o->skips == 1 ? 1 + (int)(seed / (uint64_t)o->skips % (WAYS - 1)) : 0;
            case_open(&cases[i], seed, skip, text);
            arena_free(arena);
            interpret_case(&cases[i]);
            if (!is_failure(cases[i].verdict)) {            /* what cannot be judged must compile all the same */
                Verdict before = cases[i].verdict;
                compile_case(&cases[i]);
                if (!is_failure(cases[i].verdict))
                    cases[i].verdict = before;
            }
        }
        finish(o, cases, n, o->share && batch % o->share == o->share - 1);
        for (int i = 0; i < n; i++)
            settle(o, &cases[i]);
        if (o->verbose) {
            printf("\r%ld", done + n);
            fflush(stdout);
        }
    }
    free(cases);
}

static int summary(const Options *o) {
    long failures = 0;
    printf("\n%ld models from seed %llu:", o->n, (unsigned long long)o->first);
    for (int k = 0; k < VERDICTS; k++) {
        if (o->count[k])
            printf(" %ld %s,", o->count[k], verdict_names[k]);
        failures += is_failure((Verdict)k) ? o->count[k] : 0;
    }
    printf(" %ld judged by a wider bound\n", o->loose);
    return failures ? 1 : 0;
}

/* One model from a file: for what was found once. */
static int judge_file(Options *o, const char *path) {
    Arena *arena = arena_new();
    Ctx *ctx = ctx_new();
    int file;
    Case c;
    if (!source_read(ctx, path, &file)) {
        fprintf(stderr, "check_random: cannot read '%s'\n", path);
        return 3;
    }
    for (int skip = 0; skip < WAYS; skip++) {
        case_open(&c, o->first, skip, ctx->source.at[file].text);
        judge(&c, &o->tools);
        printf("skip %d: %s%s%s\n", skip, verdict_names[c.verdict], *c.message ? ": " : "", c.message);
        o->count[c.verdict]++;
        case_close(&c);
    }
    ctx_free(ctx);
    arena_free(arena);
    rmdir(o->tools.directory);
    return o->count[FINE] == WAYS ? 0 : 1;
}

int main(int argc, char **argv) {
    const char *path = NULL;
    static char directory[SCRATCH];
    Options o = {.n = 100, .first = 1, .share = 10, .skips = 5, .size = 5, .most_failures = 5};
    o.strict_flags = "-std=c11 -O1 -shared -fPIC -Wall -Wextra -Wshadow -Wconversion -Werror";
    o.tools.cc = "gcc -O0";
    o.strict.cc = "gcc";
    for (int i = 1, place = 0; i < argc; i++) {
        bool value = i + 1 < argc;
        if (strcmp(argv[i], "--cc") == 0 && value) o.tools.cc = argv[++i];
        else if (strcmp(argv[i], "--strict-cc") == 0 && value) o.strict.cc = argv[++i];
        else if (strcmp(argv[i], "--share") == 0 && value) o.share = atoi(argv[++i]);
        else if (strcmp(argv[i], "--skips") == 0 && value) o.skips = atoi(argv[++i]);
        else if (strcmp(argv[i], "--size") == 0 && value) o.size = atoi(argv[++i]);
        else if (strcmp(argv[i], "--failures") == 0 && value) o.most_failures = atoi(argv[++i]);
        else if (strcmp(argv[i], "--include") == 0 && value) o.tools.include = argv[++i];
        else if (strcmp(argv[i], "--file") == 0 && value) path = argv[++i];
        else if (strcmp(argv[i], "--verbose") == 0) o.verbose = true;
        else if (strcmp(argv[i], "--print") == 0) {
            Arena *arena = arena_new();
            fputs(generate(arena, o.first, 1 + (int)(o.first % (uint64_t)o.size)), stdout);
            arena_free(arena);
            return 0;
        }
        else if (place++ == 0) o.n = atol(argv[i]);
        else o.first = strtoull(argv[i], NULL, 10);
    }
    mallopt(M_MMAP_THRESHOLD, INT_MAX);         /* tapes are large and short-lived: their pages are kept for the next */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    if (!o.tools.include)
        o.tools.include = ADC_RUNTIME_INCLUDE;
    o.strict.include = o.tools.include;
    o.tools.directory = o.strict.directory = scratch(directory);
    if (!o.tools.directory)
        return 3;
    if (path)
        return judge_file(&o, path);
    run(&o);
    char command[SCRATCH + 8];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (o.count[C_ERROR] == 0 && system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", directory);
    return summary(&o);
}
