/* write.c: a file appears whole or not at all.
 *
 * Output goes to a temporary file in the same directory, which is flushed to the disk and then renamed over the target;
 * the directory is flushed too, so that the name survives a power cut. Whatever fails, the temporary is removed and an
 * older file of that name stays as it was. A target that is no regular file (/dev/stdout, a pipe) is written directly;
 * '-' is standard output. */
#include "rt.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_failed(const Output *o, const char *what, Err *err)
{
    const char *quote = strcmp(o->path, "-") == 0 ? "" : "'", *path = *quote ? o->path : "standard output";
    return err_set(err, EXIT_IO, "cannot %s %s%s%s: %s", what, quote, path, quote, strerror(errno));
}

/* The file a symbolic link stands for: renaming over the link would leave its target as it was. */
static void follow_link(Output *o)
{
    char to[sizeof o->path], joined[2 * sizeof o->path];
    for (int i = 0; i < 8; i++) {
        ssize_t n = readlink(o->path, to, sizeof to - 1);
        if (n < 0)
            return;
        to[n] = 0;
        const char *slash = to[0] == '/' ? NULL : strrchr(o->path, '/');
        int head = slash ? (int)(slash - o->path) + 1 : 0;
        int whole = snprintf(joined, sizeof joined, "%.*s%s", head, o->path, to);
        if (whole >= (int)sizeof o->path)
            return;
        memcpy(o->path, joined, (size_t)whole + 1);
    }
}

/* O_EXCL and the umask's mode: mkstemp would make a file that only its owner can read. */
static int open_temporary(Output *o)
{
    for (int i = 0; i < 100; i++) {
        snprintf(o->temporary, sizeof o->temporary, "%s.%ld.%d.tmp", o->path, (long)getpid(), i);
        int fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

int output_open(Output *o, const char *path, Err *err)
{
    o->f = NULL;
    o->temporary[0] = 0;
    if (strlen(path) >= sizeof o->path)
        return err_set(err, EXIT_IO, "cannot write '%.60s...': the path is too long", path);
    strcpy(o->path, path);
    struct stat st;
    int fd;
    if (strcmp(path, "-") == 0) {
        fflush(stdout);
        fd = dup(STDOUT_FILENO);
    } else if ((follow_link(o), !stat(o->path, &st)) && !S_ISREG(st.st_mode)) {
        fd = open(o->path, O_WRONLY | O_CLOEXEC);
        o->temporary[0] = 0;
    } else {
        fd = open_temporary(o);
    }
    if (fd < 0)
        return write_failed(o, "write", err);
    o->f = fdopen(fd, "wb");
    if (!o->f) {
        int code = write_failed(o, "write", err);
        close(fd);
        if (o->temporary[0])
            unlink(o->temporary);
        return code;
    }
    return EXIT_FINE;
}

static void flush_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);        /* not every file system can; the file itself is safe */
        close(fd);
    }
    free(dir);
}

int output_close(Output *o, Err *err)
{
    bool whole = !ferror(o->f) && !fflush(o->f);
    if (whole && o->temporary[0])
        whole = !fsync(fileno(o->f));
    int saved = errno;
    whole = !fclose(o->f) && whole;
    o->f = NULL;
    if (!whole) {
        if (saved)
            errno = saved;
        int code = write_failed(o, "write", err);
        output_abandon(o);
        return code;
    }
    if (!o->temporary[0])
        return EXIT_FINE;
    if (rename(o->temporary, o->path)) {
        int code = write_failed(o, "replace", err);
        output_abandon(o);
        return code;
    }
    o->temporary[0] = 0;
    flush_directory(o->path);
    return EXIT_FINE;
}

void output_abandon(Output *o)
{
    if (o->f)
        fclose(o->f);
    o->f = NULL;
    if (o->temporary[0])
        unlink(o->temporary);
    o->temporary[0] = 0;
}
