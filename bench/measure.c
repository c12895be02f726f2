/* measure.c: runs a command and says what it took. For bench/run.sh.
 *
 *     measure FILE COMMAND ARGUMENT...      writes "seconds kilobytes" to FILE: wall clock, largest resident set */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    double start = now();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 3;
    double seconds = now() - start;
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    FILE *f = fopen(argv[1], "w");
    if (!f || fprintf(f, "%.6f %ld\n", seconds, used.ru_maxrss) < 0 || fclose(f) != 0)
        return 3;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
