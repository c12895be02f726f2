/* source.c: the text of models, and places in it. In: files or strings. Out: Source records whose number, with two byte
 * offsets, makes a Span; line and column are worked out from the table of line starts when a message needs them.
 *
 *     Span {0, 27, 30} of "dim n\nlet z = ..."  ->  line 2, column 22, text "..." */
#include "adc.h"

#include <errno.h>
#include <string.h>

static void find_lines(Ctx *ctx, Source *source)
{
    int lines = 1;
    for (int i = 0; i < source->len; i++)
        lines += source->text[i] == '\n';
    source->line_start = NEWN(ctx, int, lines + 1);
    source->nlines = lines;
    int line = 1;
    for (int i = 0; i < source->len; i++)
        if (source->text[i] == '\n')
            source->line_start[line++] = i + 1;
}

int source_add(Ctx *ctx, const char *name, const char *text, int len)
{
    Source source = {
        .name = arena_strdup(ctx->arena, name),
        .text = arena_strndup(ctx->arena, text, (size_t)len),
        .len = len,
    };
    find_lines(ctx, &source);
    vec_push(ctx, &ctx->source, source);
    return ctx->source.n - 1;
}

static bool read_all(FILE *in, Str *text)
{
    char buffer[1 << 14];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0) {
        str_addn(text, buffer, n);
        if (text->n > INT32_MAX / 4) {
            errno = EFBIG;
            return false;
        }
    }
    return !ferror(in);
}

bool source_read(Ctx *ctx, const char *path, int *file)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *in = standard ? stdin : fopen(path, "rb");
    if (!in)
        return false;
    Str text = {0};
    bool fine = read_all(in, &text);
    int reason = errno;
    if (!standard)
        fclose(in);
    if (fine)
        *file = source_add(ctx, standard ? "<stdin>" : path, text.text ? text.text : "", (int)text.n);
    str_free(&text);
    errno = reason;
    return fine;
}

int span_line(const Ctx *ctx, Span span)
{
    const Source *source = &ctx->source.at[span.file];
    int low = 0, high = source->nlines;         /* line_start[low] <= begin < line_start[high] */
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (source->line_start[middle] <= span.begin)
            low = middle;
        else
            high = middle;
    }
    return low + 1;
}

/* Columns count characters: the continuation bytes of UTF-8 are not counted. */
int span_column(const Ctx *ctx, Span span)
{
    const Source *source = &ctx->source.at[span.file];
    int column = 1;
    for (int i = source->line_start[span_line(ctx, span) - 1]; i < span.begin && i < source->len; i++)
        column += ((unsigned char)source->text[i] & 0xC0) != 0x80;
    return column;
}

Span span_join(Span a, Span b)
{
    Span joined = a;
    if (b.file == a.file) {
        joined.begin = a.begin < b.begin ? a.begin : b.begin;
        joined.end = a.end > b.end ? a.end : b.end;
    }
    return joined;
}

char *span_text(Ctx *ctx, Span span)
{
    return arena_strndup(ctx->arena, ctx->source.at[span.file].text + span.begin, (size_t)(span.end - span.begin));
}

bool behind_slashes(const Ctx *ctx, Span span)
{
    const Source *source = &ctx->source.at[span.file];
    for (int i = source->line_start[span_line(ctx, span) - 1]; i + 1 < span.begin; i++)
        if (source->text[i] == '/' && source->text[i + 1] == '/')
            return true;
    return false;
}

char *span_source_line(Ctx *ctx, Span span)
{
    const Source *source = &ctx->source.at[span.file];
    int begin = source->line_start[span_line(ctx, span) - 1], end = begin;
    while (end < source->len && source->text[end] != '\n')
        end++;
    while (begin < end && strchr(" \t\r", source->text[begin]))
        begin++;
    while (end > begin && strchr(" \t\r", source->text[end - 1]))
        end--;
    return arena_strndup(ctx->arena, source->text + begin, (size_t)(end - begin));
}

/* The model is the first file that was added; a place in it needs no file name. */
char *place(Ctx *ctx, Span span)
{
    int line = span_line(ctx, span), column = span_column(ctx, span);
    if (span.file == 0)
        return arena_printf(ctx->arena, "%d:%d", line, column);
    return arena_printf(ctx->arena, "%s:%d:%d", ctx->source.at[span.file].name, line, column);
}
