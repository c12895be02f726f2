/* cc.c: from C text to an executable or a library, with the user's C compiler.
 *
 *     cc -std=c11 -O3 -march=native -ffp-contract=fast -IINCLUDE -o mlp mlp.c libadrt.a -lm -lpthread
 *
 * $CC, $CFLAGS and $LDFLAGS are respected as make does: words between blanks; CFLAGS replaces our choice of flags but
 * not the language. The runtime is where $ADC_RUNTIME says, else beside this executable: in a build tree or installed. */
#include "driver.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What meson says; a compiler built by hand finds its runtime by $ADC_RUNTIME. */
#ifndef ADC_SOURCE_INCLUDE
#define ADC_SOURCE_INCLUDE ""
#endif
#ifndef ADC_LIBDIR
#define ADC_LIBDIR "lib"
#endif
#ifndef ADC_SANITIZE
#define ADC_SANITIZE ""
#endif

extern char **environ;

typedef struct { const char *include, *library, *flags; } RuntimePlace;
typedef VEC(char *) Words;

/* ---------------------------------------------------------------- where the runtime is */

static const char *own_directory(Arena *arena)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return ".";
    path[n] = '\0';
    return arena_strndup(arena, path, (size_t)(path_base(path) - path));
}

static bool runtime_at(Arena *arena, const char *include, const char *library, const char *flags, RuntimePlace *place)
{
    place->include = include;
    place->library = library;
    place->flags = flags;
    return is_file(library) && is_file(arena_printf(arena, "%s/adrt.h", include));
}

/* In a prefix: where meson installs libraries, which Debian calls lib/x86_64-linux-gnu, or in lib. */
static bool runtime_under(Arena *arena, const char *prefix, RuntimePlace *place)
{
    const char *include = arena_printf(arena, "%s/include", prefix);
    return runtime_at(arena, include, arena_printf(arena, "%s/%s/libadrt.a", prefix, ADC_LIBDIR), "", place) ||
           runtime_at(arena, include, arena_printf(arena, "%s/lib/libadrt.a", prefix), "", place);
}

static bool runtime_find(Compile *c, RuntimePlace *place)
{
    Arena *a = c->ctx->arena;
    const char *given = getenv("ADC_RUNTIME"), *own = own_directory(a);
    if (given && *given) {
        if (runtime_under(a, given, place))
            return true;
        complain(STATUS_FILES, "no runtime in '%s', where ADC_RUNTIME points: it needs include/adrt.h and lib/libadrt.a", given);
        return false;
    }
    if (runtime_at(a, ADC_SOURCE_INCLUDE, arena_printf(a, "%sruntime/libadrt.a", own), ADC_SANITIZE, place) ||
        runtime_under(a, arena_printf(a, "%s..", own), place))
        return true;
    complain(STATUS_FILES, "cannot find the runtime (adrt.h and libadrt.a) near '%s'; set ADC_RUNTIME to a directory "
             "with include and lib, or use --standalone", own);
    return false;
}

/* ---------------------------------------------------------------- the command */

static void add_words(Compile *c, Words *words, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, " \t\n");
        if (n)
            vec_push(c->ctx, words, arena_strndup(c->ctx->arena, text, n));
        text += n + (text[n] != '\0');
    }
}

static void add_word(Compile *c, Words *words, const char *word)
{
    vec_push(c->ctx, words, arena_strdup(c->ctx->arena, word));
}

static const char *variable(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* The command without file names: what the key of the cache is made of. */
static void add_compiler(Compile *c, Words *words)
{
    add_words(c, words, variable("CC", "cc"));
    add_word(c, words, "-std=c11");
    add_words(c, words, variable("CFLAGS", "-O3 -march=native -ffp-contract=fast"));
    if (c->ctx->options.line_directives)
        add_word(c, words, "-g");
}

static void add_files(Compile *c, Words *words, const RuntimePlace *runtime, const char *code, const char *out)
{
    if (!c->ctx->options.standalone)
        add_word(c, words, arena_printf(c->ctx->arena, "-I%s", runtime->include));
    add_words(c, words, runtime->flags);
    add_word(c, words, "-o");
    add_word(c, words, out);
    add_word(c, words, code);
}

static void add_libraries(Compile *c, Words *words, const RuntimePlace *runtime)
{
    if (!c->ctx->options.standalone)
        add_word(c, words, runtime->library);
    add_word(c, words, "-Wl,--gc-sections");                /* of the runtime, what the trainer does not reach */
    add_word(c, words, "-Wl,-z,noseparate-code");           /* nor pages that only part code from constants */
    add_words(c, words, getenv("LDFLAGS"));
    add_word(c, words, "-lm");
    add_word(c, words, "-lpthread");
}

/* In a group of its own, so that what the compiler started ends with it, and with the signals that adc holds let through. */
static int start_tool(Words *words, const Hold *hold, pid_t *pid)
{
    posix_spawnattr_t how;
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&how, &hold->before);
    int error = posix_spawnp(pid, words->at[0], NULL, &how, words->at, environ);
    posix_spawnattr_destroy(&how);
    return error;
}

/* Its state in the end. A signal meanwhile is passed on to all of its group, a second one kills it: the signal comes back. */
static int wait_for_tool(pid_t pid, const sigset_t *waited, int *state)
{
    int signal_number, stopped_by = 0;
    for (;;) {
        pid_t ended = waitpid(pid, state, WNOHANG);
        if (ended != 0)
            return ended < 0 ? -1 : stopped_by;
        if (sigwait(waited, &signal_number) != 0 || signal_number == SIGCHLD)
            continue;
        kill(-pid, stopped_by ? SIGKILL : signal_number);
        stopped_by = signal_number;
    }
}

/* Runs it and waits. A tool that cannot be run or fails is status 4; its own words are on standard error. A signal gives
 * the status of shells, above 128. */
static int run_tool(Compile *c, Words *words, const Hold *hold)
{
    pid_t pid;
    int state = 0, error, stopped_by;
    sigset_t waited = hold->held;
    vec_push(c->ctx, words, NULL);
    fflush(NULL);
    restore_stack(c->command);
    signal(SIGCHLD, SIG_DFL);               /* ignored, it would take the state away */
    sigaddset(&waited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &waited, NULL);
    error = start_tool(words, hold, &pid);
    if (error)
        return complain(STATUS_CC, "cannot run the C compiler '%s': %s (set CC to name another)", words->at[0], strerror(error));
    stopped_by = wait_for_tool(pid, &waited, &state);
    if (stopped_by)
        return stopped_by < 0 ? complain(STATUS_CC, "lost the C compiler: %s", strerror(errno)) : 128 + stopped_by;
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return STATUS_FINE;
    Str line = {0};
    for (int i = 0; words->at[i]; i++)
        str_add(&line, "%s%s", i ? " " : "", words->at[i]);
    complain(STATUS_CC, "the C compiler failed: %s\nadc: to see the C: adc %s -o -", line.text, c->path);
    str_free(&line);
    return STATUS_CC;
}

/* ---------------------------------------------------------------- building */

static int compile_exe(Compile *c, const RuntimePlace *runtime, const char *code, const char *out, const Hold *hold)
{
    Words words = {0};
    add_compiler(c, &words);
    add_files(c, &words, runtime, code, out);
    add_libraries(c, &words, runtime);
    return run_tool(c, &words, hold);
}

/* An object with everything but main, alone in an archive. */
static int compile_lib(Compile *c, const RuntimePlace *runtime, const char *code, const char *out, const Hold *hold)
{
    Words words = {0}, archive = {0};
    const char *object = arena_printf(c->ctx->arena, "%.*so", (int)strlen(code) - 1, code);
    add_compiler(c, &words);
    add_word(c, &words, "-c");
    add_word(c, &words, "-DAD_NO_MAIN");
    add_files(c, &words, runtime, code, object);
    int status = run_tool(c, &words, hold);
    add_words(c, &archive, variable("AR", "ar"));
    add_word(c, &archive, "rcs");
    add_word(c, &archive, out);
    add_word(c, &archive, object);
    if (status == STATUS_FINE)
        status = run_tool(c, &archive, hold);
    unlink(object);
    return status;
}

/* The C lies in a directory of its own, under its own name: that is what a compiler's messages show. */
static int compile_in(Compile *c, const char *directory, BuildKind kind, const char *out, const Hold *hold)
{
    RuntimePlace runtime = {"", "", ""};
    const char *code = arena_printf(c->ctx->arena, "%s/%s.c", directory, c->stem);
    if (!c->ctx->options.standalone && !runtime_find(c, &runtime))
        return STATUS_FILES;
    if (!write_whole(code, c->code.text, c->code.n))
        return STATUS_FILES;
    int status = kind == AS_EXE ? compile_exe(c, &runtime, code, out, hold) : compile_lib(c, &runtime, code, out, hold);
    unlink(code);
    return status;
}

/* Can a file be made there? Asked of the system by making one: a mode says little of /proc, or of a disk mounted read-only. */
static bool can_make(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    return fd >= 0 && close(fd) == 0 && unlink(path) == 0;
}

static int build_held(Compile *c, BuildKind kind, const char *output, const Hold *hold)
{
    Arena *arena = c->ctx->arena;
    const char *target = path_behind(arena, output), *temporary = path_temporary(arena, target);
    char *directory = arena_printf(arena, "%s/adc-XXXXXX", variable("TMPDIR", "/tmp"));
    struct stat s;
    if (stat(output, &s) == 0 && S_ISDIR(s.st_mode))
        return complain(STATUS_FILES, "cannot write '%s': it is a directory (-o names the file)", output);
    if (!can_make(temporary))
        return complain(STATUS_FILES, "cannot write '%s': %s", output, strerror(errno));
    if (!mkdtemp(directory))
        return complain(STATUS_FILES, "cannot make a directory '%s': %s", directory, strerror(errno));
    int status = compile_in(c, directory, kind, temporary, hold);
    rmdir(directory);
    if (status == STATUS_FINE && rename(temporary, target) != 0)
        status = complain(STATUS_FILES, "cannot write '%s': %s", output, strerror(errno));
    if (status != STATUS_FINE)
        unlink(temporary);
    return status;
}

/* A signal ends adc once its temporary files are gone, and whoever waits for adc sees that it was the signal. */
int build(Compile *c, BuildKind kind, const char *output)
{
    Hold hold;
    signals_hold(&hold);
    int status = build_held(c, kind, output, &hold);
    signals_release(&hold);
    if (status > 128)
        raise(status - 128);
    return status;
}

/* ---------------------------------------------------------------- the key of the cache */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)     /* FNV-1a */
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

static uint64_t hash_file(uint64_t hash, const char *path)
{
    Str text = {0};
    if (read_whole(path, &text))
        hash = hash_bytes(hash, text.text ? text.text : "", text.n);
    str_free(&text);
    return hash;
}

/* A compiler that was replaced makes other code: its place, size and age count. */
static uint64_t hash_compiler(Compile *c, uint64_t hash, const char *name)
{
    const char *path = strchr(name, '/') ? "" : variable("PATH", "/usr/bin:/bin");
    do {
        size_t n = strcspn(path, ":");
        const char *file = arena_printf(c->ctx->arena, "%.*s%s%s", (int)n, path, n ? "/" : "", name);
        struct stat s;
        if (stat(file, &s) == 0 && S_ISREG(s.st_mode)) {
            int64_t facts[] = {(int64_t)s.st_size, (int64_t)s.st_mtime};
            return hash_bytes(hash_text(hash, file), facts, sizeof facts);
        }
        path += n + (path[n] == ':');
    } while (*path);
    return hash;
}

/* -march=native means this processor: a home directory may be shared with another. */
static uint64_t hash_processor(uint64_t hash)
{
    char line[8192];
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0 || strncmp(line, "model name", 10) == 0) {
            hash = hash_text(hash, line);
            if (*line != 'm')
                break;
        }
    if (f)
        fclose(f);
    return hash;
}

char *build_key(Compile *c)
{
    RuntimePlace runtime = {"", "", ""};
    Words words = {0};
    if (!c->ctx->options.standalone && !runtime_find(c, &runtime))
        return NULL;
    uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), ADC_VERSION);
    add_compiler(c, &words);
    add_words(c, &words, runtime.flags);
    for (int i = 0; i < words.n; i++)
        hash = hash_text(hash, words.at[i]);
    hash = hash_compiler(c, hash_text(hash, getenv("LDFLAGS")), words.at[0]);
    hash = hash_processor(hash_file(hash, runtime.library));
    hash = hash_bytes(hash, c->code.text, c->code.n);
    return arena_printf(c->ctx->arena, "%016llx", (unsigned long long)hash);
}
