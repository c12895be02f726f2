/* embed.c: a build-time tool. Files in, one C file out that holds their text as an array.
 *
 *     embed NAME OUT FILE...      const char NAME[] = "..."; const size_t NAME_len;
 *     embed -r NAME OUT FILE...   the same of C sources to be pasted into one translation unit: the lines that
 *                                 include one another ('#include "..."') are dropped
 *
 * The text is written as an initialiser of bytes: no limit on the length of a string literal applies. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const char *what, const char *path)
{
    fprintf(stderr, "embed: cannot %s '%s'\n", what, path);
    exit(1);
}

/* '  #  include "x.h"' */
static bool includes_own_header(const char *line)
{
    line += strspn(line, " \t");
    if (*line++ != '#')
        return false;
    line += strspn(line, " \t");
    if (strncmp(line, "include", 7) != 0)
        return false;
    line += 7;
    line += strspn(line, " \t");
    return *line == '"';
}

static size_t embed_bytes(FILE *out, const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        fprintf(out, "%d,", (unsigned char)line[i]);
    fputc('\n', out);
    return length;
}

static size_t embed_file(FILE *out, const char *path, bool pasted)
{
    char line[4096];
    size_t total = 0;
    FILE *in = fopen(path, "r");
    if (!in)
        fail("read", path);
    while (fgets(line, sizeof line, in)) {
        if (pasted && includes_own_header(line))
            continue;
        total += embed_bytes(out, line, strlen(line));
    }
    if (ferror(in))
        fail("read", path);
    fclose(in);
    return total;
}

int main(int argc, char **argv)
{
    bool pasted = argc > 1 && strcmp(argv[1], "-r") == 0;
    if (argc < 4 + pasted) {
        fprintf(stderr, "usage: embed [-r] NAME OUT FILE...\n");
        return 2;
    }
    const char *name = argv[1 + pasted], *path = argv[2 + pasted];
    FILE *out = fopen(path, "w");
    if (!out)
        fail("write", path);
    fprintf(out, "#include <stddef.h>\nextern const char %s[];\nextern const size_t %s_len;\n", name, name);
    fprintf(out, "const char %s[] = {\n", name);
    size_t total = 0;
    for (int i = 3 + pasted; i < argc; i++)
        total += embed_file(out, argv[i], pasted);
    fprintf(out, "0 };\nconst size_t %s_len = %zu;\n", name, total);
    if (fclose(out) != 0)
        fail("write", path);
    return 0;
}
