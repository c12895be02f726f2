/* err.c: one-line messages, and the nearest match for a misspelt name.
 *
 * A function that fails words its message where it finds the fault and returns its exit status; callers pass both
 * upward untouched. */
#include "rt.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int utf8_length(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    int n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    bool longer = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);     /* surrogates, the last plane */
    return longer || beyond ? 0 : n;
}

int err_set(Err *err, ExitCode code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= (int)sizeof err->text)         /* cut, and say so */
        memcpy(err->text + sizeof err->text - 4, "...", 4);
    for (char *s = err->text; *s;) {        /* a message is one line of text, whatever file it quotes */
        int length = utf8_length(s);
        if (!length || (unsigned char)*s < ' ')
            *s = '?';
        s += length ? length : 1;
    }
    return (int)code;
}

/* Length of "FILE:LINE" or "FILE:LINE:COLUMN" with its ": " at the start of a message, 0 when there is none. */
static size_t place_length(const char *text)
{
    const char *end = strstr(text, ": ");
    const char *p = end;
    while (p && p > text && (isdigit((unsigned char)p[-1]) || p[-1] == ':'))
        p--;
    return p && p > text && *p == ':' && isdigit((unsigned char)p[1]) ? (size_t)(end - text) + 2 : 0;
}

void err_say(const AdModel *m, const char *text)
{
    size_t place = place_length(text);
    fflush(stdout);
    if (strncmp(text, "interrupted ", 12) == 0)
        fprintf(stderr, "%s: %s\n", m->name, text);
    else if (strstr(text, ": error: "))
        fprintf(stderr, "%s\n", text);
    else if (place)
        fprintf(stderr, "%.*serror: %s\n", (int)place, text, text + place);
    else
        fprintf(stderr, "%s: error: %s\n", m->name, text);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words: Damerau 1964, by rows. */
static int edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    int la = (int)strlen(a), lb = (int)strlen(b);
    if (la > LONGEST || lb > LONGEST)
        return LONGEST;
    int row[3][LONGEST + 1];
    for (int j = 0; j <= lb; j++)
        row[0][j] = j;
    for (int i = 1; i <= la; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= lb; j++) {
            now[j] = least(least(up[j], now[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], up2[j - 2] + 1);
        }
    }
    return row[la % 3][lb];
}

const char *nearest(const char *word, const char *const *words, int n)
{
    const char *best = NULL;
    int within = (int)strlen(word) / 3;
    if (within < 1)
        within = 1;
    for (int i = 0; i < n; i++) {
        int d = edit_distance(word, words[i]);
        if (d <= within && d < (int)strlen(words[i])) {
            best = words[i];
            within = d - 1;
        }
    }
    return best;
}
