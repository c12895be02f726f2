/* files.c: names of files, and files that appear whole or not at all.
 *
 * An output is written beside its final place under a name of this process and then renamed over it, so a reader never
 * sees half a file and a failure leaves what was there. Devices and pipes cannot be renamed over: they are written as
 * they are. */
#define _XOPEN_SOURCE 700                   /* realpath */
#include "driver.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int complain(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("adc: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_stem(Arena *arena, const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    if (strcmp(path, "-") == 0)
        return arena_strdup(arena, "model");
    return arena_strndup(arena, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

char *path_beside(Arena *arena, const char *path, const char *relative)
{
    if (*relative == '/')
        return arena_strdup(arena, relative);
    return arena_printf(arena, "%.*s%s", (int)(path_base(path) - path), path, relative);
}

char *path_temporary(Arena *arena, const char *path)
{
    return arena_printf(arena, "%.*s.%s.%ld", (int)(path_base(path) - path), path, path_base(path), (long)getpid());
}

bool is_file(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

bool same_file(const char *a, const char *b)
{
    struct stat s, t;
    return stat(a, &s) == 0 && S_ISREG(s.st_mode) && stat(b, &t) == 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

/* Those that whoever started adc ignores, as nohup does, stay ignored. */
void signals_hold(Hold *hold)
{
    static const int fatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    sigemptyset(&hold->held);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        struct sigaction now;
        if (sigaction(fatal[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&hold->held, fatal[i]);
    }
    sigprocmask(SIG_BLOCK, &hold->held, &hold->before);
}

void signals_release(const Hold *hold)
{
    sigprocmask(SIG_SETMASK, &hold->before, NULL);
}

static bool put(FILE *f, const char *text, size_t n)
{
    bool fine = fwrite(text, 1, n, f) == n;
    return fflush(f) == 0 && fine;
}

static bool cannot_write(const char *path)
{
    complain(STATUS_FILES, "cannot write '%s': %s", path, strerror(errno));
    return false;
}

static bool write_in_place(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return cannot_write(path);
    bool fine = put(f, text, n);
    return (fclose(f) == 0 && fine) || cannot_write(path);
}

/* A link stays one: what it leads to is replaced. */
const char *path_behind(Arena *arena, const char *path)
{
    struct stat s;
    char *real = lstat(path, &s) == 0 && S_ISLNK(s.st_mode) ? realpath(path, NULL) : NULL;
    const char *found = real ? arena_strdup(arena, real) : path;
    free(real);
    return found;
}

bool write_whole(const char *path, const char *text, size_t n)
{
    struct stat s;
    if (strcmp(path, "-") == 0)
        return put(stdout, text, n) || cannot_write("standard output");
    bool exists = stat(path, &s) == 0;
    if (exists && !S_ISREG(s.st_mode))
        return write_in_place(path, text, n);

    Arena *arena = arena_new();
    const char *target = path_behind(arena, path), *temporary = path_temporary(arena, target);
    Hold hold;
    signals_hold(&hold);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    bool fine = f && put(f, text, n);
    if (f && exists)                        /* keep the mode of what is replaced */
        fine = fchmod(fd, s.st_mode & 07777) == 0 && fine;
    if (f && fclose(f) != 0)
        fine = false;
    fine = fine && rename(temporary, target) == 0;
    if (!fine) {
        cannot_write(path);
        if (fd >= 0)
            unlink(temporary);
    }
    signals_release(&hold);
    arena_free(arena);
    return fine;
}

bool read_whole(const char *path, Str *out)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    char part[1 << 14];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0; )
        str_addn(out, part, n);
    bool fine = !ferror(f);
    fclose(f);
    return fine;
}

bool make_directories(Arena *arena, const char *path)
{
    char *partial = arena_strdup(arena, path);
    for (char *s = partial + 1; *s; s++) {
        if (*s != '/')
            continue;
        *s = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            return false;
        *s = '/';
    }
    return mkdir(partial, 0777) == 0 || errno == EEXIST;
}
