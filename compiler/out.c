/* out.c: the writer: indentation, string literals, comments, numbers. It knows nothing of models. */
#include "schedule/loops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void out_line(Out *out, const char *format, ...) {
    char small[512], *text = small;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n >= (int)sizeof small) {
        text = malloc((size_t)n + 1);
        if (!text)
            abort();
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    if (n > 0)
        str_add(&out->text, "%*s%s\n", 4 * out->indent, "", text);
    else
        str_add(&out->text, "\n");
    if (text != small)
        free(text);
}

/* Octal escapes end after three digits, so that a digit may follow; ?? is broken up: trigraphs. */
void out_string(Str *out, const char *text, int n) {
    str_add(out, "\"");
    for (int k = 0; k < n; k++) {
        unsigned char c = (unsigned char)text[k];
        if (c == '"' || c == '\\')
            str_add(out, "\\%c", c);
        else if (c == '\n')
            str_add(out, "\\n");
        else if (c == '\t')
            str_add(out, "\\t");
        else if (c == '?' && k > 0 && text[k - 1] == '?')
            str_add(out, "\\?");
        else if (c < 32 || c > 126)
            str_add(out, "\\%03o", c);
        else
            str_add(out, "%c", c);
    }
    str_add(out, "\"");
}

void out_comment(Str *out, const char *text) {
    for (const char *c = text; *c; c++) {
        bool pair = (c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*') || (c[0] == '?' && c[1] == '?');
        if (*c == '\n' || *c == '\r' || *c == '\t')
            str_add(out, " ");
        else if ((unsigned char)*c < 32 || (unsigned char)*c > 126)
            str_add(out, ".");
        else
            str_add(out, pair ? "%c " : "%c", *c);
    }
}

static bool reads_back(const char *text, double x, int precision) {
    return precision == 32 ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x;
}

/* 1e+06 as 1e6, 1e-05 as 1e-5; a point when there is neither point nor exponent. */
static void tidy(char *text) {
    char *e = strchr(text, 'e');
    if (!e) {
        if (!strchr(text, '.'))
            strcat(text, ".0");
        return;
    }
    char *from = e + 1, *to = e + 1;
    if (*from == '+')
        from++;
    else if (*from == '-')
        *to++ = *from++;
    while (*from == '0')
        from++;
    memmove(to, from, strlen(from) + 1);
}

void out_real(Str *out, double x, int precision) {
    char text[64];
    if (precision == 32)
        x = (double)(float)x;
    if (isnan(x)) {
        str_add(out, "NAN");
        return;
    }
    if (isinf(x)) {
        str_add(out, x < 0 ? "-INFINITY" : "INFINITY");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, x);
        if (reads_back(text, x, precision))
            break;
    }
    tidy(text);
    str_add(out, "%s%s", text, precision == 32 ? "f" : "");
}
