/* diag.c: errors, warnings, notes and hints. In: what a pass found, at spans. Out: text, in the order of the source.
 *
 *     mlp.ad:12:27: error: shapes do not match in '@' [E0203]
 *      12 | let z = X @ W
 *         |         ~ ^ ~
 *         |         |   [h, c]
 *         |         [n, f]
 *         = did you mean W1?
 *
 * Recording and printing are apart: passes add in any order, one run reports all, and what repeats (the same code at
 * the same place) is dropped when it is added. A tab in a label's text parts what is lined up with the other labels'. */
#define _POSIX_C_SOURCE 200809L
#include "front.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 100, PRINTED_MAX = 500, WORD_MAX = 60 };

typedef struct { Span span; const char *text; } Mark;

typedef struct {
    bool warning;
    Span span;
    const char *code;                   /* "E0203", or the flag of a warning */
    const char *message;
    int order;
    VEC(Mark) labels;
    VEC(Mark) notes;
    VEC(const char *) hints;
} Report;

struct Diag {
    VEC(Report *) reports;
    Report *last;                       /* what label_at, note_at and hint add to; NULL: to nothing */
    Report **seen;                      /* open addressing, by place and code */
    int seen_size, errors;
};

Ctx *ctx_new(void)
{
    Arena *arena = arena_new();
    Ctx *ctx = arena_alloc(arena, sizeof *ctx);
    ctx->arena = arena;
    ctx->diag = arena_alloc(arena, sizeof *ctx->diag);
    ctx->options.level = 2;
    return ctx;
}

void ctx_free(Ctx *ctx)
{
    if (ctx)
        arena_free(ctx->arena);
}

/* ---------------------------------------------------------------- recording */

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* A message stays readable when a name has 5000 characters: the middle of so long a word is left out. */
char *shorten(Ctx *ctx, const char *text)
{
    size_t n = strlen(text), out = 0;
    char *copy = arena_alloc(ctx->arena, n + 1);
    for (size_t i = 0; i < n;) {
        size_t word = strcspn(text + i, " \n\t"), gap = strspn(text + i + word, " \n\t");
        if (word <= WORD_MAX) {
            memcpy(copy + out, text + i, word + gap);
            out += word + gap;
        } else {
            size_t head = 40, tail = 12;
            while (head > 0 && is_tail(text[i + head]))
                head--;
            while (tail > 0 && is_tail(text[i + word - tail]))
                tail--;
            memcpy(copy + out, text + i, head);
            memcpy(copy + out + head, "...", 3);
            memcpy(copy + out + head + 3, text + i + word - tail, tail + gap);
            out += head + 3 + tail + gap;
        }
        i += word + gap;
    }
    copy[out] = 0;
    return copy;
}

static char *format_text(Ctx *ctx, const char *format, va_list args)
{
    return shorten(ctx, arena_vprintf(ctx->arena, format, args));
}

static unsigned hash(Span span, const char *code)
{
    unsigned h = 2166136261u;
    h = (h ^ (unsigned)span.file) * 16777619u;
    h = (h ^ (unsigned)span.begin) * 16777619u;
    h = (h ^ (unsigned)span.end) * 16777619u;
    for (; *code; code++)
        h = (h ^ (unsigned char)*code) * 16777619u;
    return h ^ (h >> 15);
}

static Report **slot(const Diag *diag, Span span, const char *code)
{
    unsigned mask = (unsigned)diag->seen_size - 1;
    for (unsigned i = hash(span, code) & mask;; i = (i + 1) & mask) {
        const Report *r = diag->seen[i];
        if (!r || (r->span.file == span.file && r->span.begin == span.begin && r->span.end == span.end
                   && strcmp(r->code, code) == 0))
            return &diag->seen[i];
    }
}

static void make_room(Ctx *ctx)
{
    Diag *diag = ctx->diag;
    if (2 * (diag->reports.n + 1) <= diag->seen_size)
        return;
    diag->seen_size = diag->seen_size ? 2 * diag->seen_size : 64;
    diag->seen = NEWN(ctx, Report *, diag->seen_size);
    for (int i = 0; i < diag->reports.n; i++)
        *slot(diag, diag->reports.at[i]->span, diag->reports.at[i]->code) = diag->reports.at[i];
}

static void record(Ctx *ctx, bool warning, Span span, const char *code, const char *message)
{
    Diag *diag = ctx->diag;
    make_room(ctx);
    Report **place_of = slot(diag, span, code);
    diag->last = NULL;
    if (*place_of)
        return;
    Report *report = NEW(ctx, Report);
    report->warning = warning;
    report->span = span;
    report->code = code;
    report->message = message;
    report->order = diag->reports.n;
    *place_of = diag->last = report;
    vec_push(ctx, &diag->reports, report);
    diag->errors += !warning || ctx->options.werror;
}

void error_at(Ctx *ctx, Span span, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(ctx, false, span, code, format_text(ctx, format, args));
    va_end(args);
}

void warn_at(Ctx *ctx, Span span, const char *flag, const char *format, ...)
{
    ctx->diag->last = NULL;
    for (int i = 0; i < ctx->options.no_warning.n; i++)
        if (strcmp(ctx->options.no_warning.at[i], flag) == 0)
            return;
    va_list args;
    va_start(args, format);
    record(ctx, true, span, flag, format_text(ctx, format, args));
    va_end(args);
}

void label_at(Ctx *ctx, Span span, const char *format, ...)
{
    if (!ctx->diag->last)
        return;
    va_list args;
    va_start(args, format);
    Mark mark = {span, format_text(ctx, format, args)};
    va_end(args);
    vec_push(ctx, &ctx->diag->last->labels, mark);
}

void note_at(Ctx *ctx, Span span, const char *format, ...)
{
    if (!ctx->diag->last)
        return;
    va_list args;
    va_start(args, format);
    Mark mark = {span, format_text(ctx, format, args)};
    va_end(args);
    vec_push(ctx, &ctx->diag->last->notes, mark);
}

void hint(Ctx *ctx, const char *format, ...)
{
    if (!ctx->diag->last)
        return;
    va_list args;
    va_start(args, format);
    vec_push(ctx, &ctx->diag->last->hints, format_text(ctx, format, args));
    va_end(args);
}

void diag_mute(Ctx *ctx)
{
    ctx->diag->last = NULL;
}

int error_count(const Ctx *ctx)
{
    return ctx->diag->errors;
}

bool last_error_is(const Ctx *ctx, const char *code)
{
    const Report *last = ctx->diag->last;
    return last && last->code && strcmp(last->code, code) == 0;
}

/* ---------------------------------------------------------------- excerpts */

typedef struct { int from, to; } Columns;               /* of the display, from 0, end exclusive */

typedef struct {
    const Ctx *ctx;
    FILE *out;
    bool color;
    const char *line;                   /* the text of the line shown */
    int length, begin;                  /* its bytes, and where in the source it begins */
    int gutter;                         /* width of the line number */
    int low, high;                      /* the window: display columns that are printed */
    int lead;                           /* columns of the "..." that stands for what is cut off at the left */
} Excerpt;

static const char *paint(const Excerpt *e, const char *code)
{
    return e->color ? code : "";
}

#define RED "\033[1;31m"
#define MAGENTA "\033[1;35m"
#define CYAN "\033[1;36m"
#define BLUE "\033[1;34m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static int advance(int column, char c)
{
    return c == '\t' ? (column / 4 + 1) * 4 : is_tail(c) ? column : column + 1;
}

static int display_column(const Excerpt *e, int offset)
{
    int column = 0;
    for (int i = e->begin; i < offset && i - e->begin < e->length; i++)
        column = advance(column, e->line[i - e->begin]);
    return column;
}

static void find_line(Excerpt *e, Span span)
{
    const Source *source = &e->ctx->source.at[span.file];
    e->begin = source->line_start[span_line(e->ctx, span) - 1];
    e->line = source->text + e->begin;
    int end = e->begin;
    while (end < source->len && source->text[end] != '\n')
        end++;
    while (end > e->begin && strchr(" \t\r", source->text[end - 1]))
        end--;
    e->length = end - e->begin;
}

/* The columns under a span, on this line only: at least one, also behind the end of the line. */
static Columns columns_of(const Excerpt *e, Span span)
{
    int from = display_column(e, span.begin), to = display_column(e, span.end);
    return (Columns){from, to > from ? to : from + 1};
}

static void choose_window(Excerpt *e, Columns caret)
{
    int width = display_column(e, e->begin + e->length);
    e->low = 0;
    e->high = width;
    e->lead = 0;
    if (width <= WINDOW)
        return;
    int low = caret.from - WINDOW / 2;
    if (low > width - WINDOW)
        low = width - WINDOW;
    e->low = low > 3 ? low : 0;
    e->high = e->low + WINDOW;
    e->lead = e->low ? 3 : 0;
}

static void print_source_line(const Excerpt *e, int number)
{
    fprintf(e->out, " %s%*d |%s%s", paint(e, BLUE), e->gutter, number, paint(e, PLAIN), e->length ? " " : "");
    if (e->lead)
        fputs("...", e->out);
    int column = 0;
    bool cut = false;
    for (int i = 0; i < e->length; i++) {
        unsigned char c = (unsigned char)e->line[i];
        int after = advance(column, (char)c), at = is_tail((char)c) ? column - 1 : column;
        cut = cut || at >= e->high;
        if (at >= e->low && at < e->high) {
            if (c == '\t')
                fprintf(e->out, "%*s", after - column, "");
            else
                fputc(c < 0x20 || c == 0x7F ? '?' : c, e->out);
        }
        column = after;
    }
    fputs(cut ? "...\n" : "\n", e->out);
}

static void print_row(const Excerpt *e, Str *row, const char *color)
{
    while (row->n && row->text[row->n - 1] == ' ')
        row->n--;
    str_addn(row, "", 0);
    fprintf(e->out, " %s%*s |%s %s%s%s\n", paint(e, BLUE), e->gutter, "", paint(e, PLAIN), paint(e, color), row->text,
            paint(e, PLAIN));
    row->n = 0;
}

static void put(Str *row, int column, char c)
{
    while ((int)row->n <= column)
        str_addn(row, " ", 1);
    row->text[column] = c;
}

static bool in_window(const Excerpt *e, Columns c)
{
    return c.from >= e->low && c.from <= e->high;
}

static void underline(const Excerpt *e, Str *row, Columns c, char first, char rest)
{
    int to = c.to < e->high || c.to == c.from + 1 ? c.to : e->high;
    for (int i = c.from; i < to; i++)
        put(row, i - e->low + e->lead, i == c.from ? first : rest);
}

typedef struct { Columns at; const char *text; } Label;

static int by_column(const void *a, const void *b)
{
    const Label *left = a, *right = b;
    return (left->at.from > right->at.from) - (left->at.from < right->at.from);
}

static int characters(const char *text, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++)
        count += !is_tail(text[i]);
    return count;
}

/* The texts of labels, the rightmost first; '|' leads down to those still to come. What follows a tab is lined up. */
static void print_labels(const Excerpt *e, Str *row, Label *labels, int n)
{
    qsort(labels, (size_t)n, sizeof *labels, by_column);
    int stop = 0;
    for (int i = 0; i < n; i++) {
        size_t head = strcspn(labels[i].text, "\t");
        int end = labels[i].at.from - e->low + e->lead + characters(labels[i].text, head);
        if (labels[i].text[head] && end > stop)
            stop = end;
    }
    for (int i = n - 1; i >= 0; i--) {
        if (!labels[i].text[0])
            continue;
        for (int k = 0; k < i; k++)
            if (labels[k].text[0])
                put(row, labels[k].at.from - e->low + e->lead, '|');
        int column = labels[i].at.from - e->low + e->lead;
        while ((int)row->n < column)
            str_addn(row, " ", 1);
        row->n = (size_t)column;
        size_t head = strcspn(labels[i].text, "\t");
        str_addn(row, labels[i].text, head);
        if (labels[i].text[head]) {
            for (int at = column + characters(labels[i].text, head); at < stop + 3; at++)
                str_addn(row, " ", 1);
            str_add(row, "%s", labels[i].text + head + 1);
        }
        print_row(e, row, BLUE);
    }
}

static bool on_line(const Excerpt *e, Span span, int file)
{
    return span.file == file && span.begin >= e->begin && span.begin <= e->begin + e->length;
}

/* The line of a span, what is underlined on it, and the labels that fit; the others stay in the list. */
static void print_excerpt(Excerpt *e, Span span, Mark *labels, int *nlabels, const char *color)
{
    find_line(e, span);
    Columns caret = columns_of(e, span);
    choose_window(e, caret);
    print_source_line(e, span_line(e->ctx, span));
    Str row = {0};
    Label *kept = malloc(sizeof *kept * (size_t)(*nlabels + 1));
    int nkept = 0, left = 0;
    for (int i = 0; i < *nlabels && kept; i++) {
        Columns at = on_line(e, labels[i].span, span.file) ? columns_of(e, labels[i].span) : (Columns){-1, -1};
        if (!in_window(e, at)) {
            labels[left++] = labels[i];
            continue;
        }
        underline(e, &row, at, '~', '~');
        kept[nkept++] = (Label){at, labels[i].text};
    }
    *nlabels = left;
    underline(e, &row, caret, '^', '~');
    print_row(e, &row, color);
    print_labels(e, &row, kept, nkept);
    str_free(&row);
    free(kept);
}

/* ---------------------------------------------------------------- printing */

static void print_place(const Excerpt *e, Span span)
{
    fprintf(e->out, "%s%s:%d:%d:%s ", paint(e, BOLD), e->ctx->source.at[span.file].name, span_line(e->ctx, span),
            span_column(e->ctx, span), paint(e, PLAIN));
}

static void print_note(Excerpt *e, const Mark *note)
{
    int none = 0;
    print_place(e, note->span);
    fprintf(e->out, "%snote:%s %s\n", paint(e, CYAN), paint(e, PLAIN), note->text);
    print_excerpt(e, note->span, NULL, &none, CYAN);
}

static int digits(int number)
{
    int n = 1;
    while (number >= 10) {
        number /= 10;
        n++;
    }
    return n;
}

static int gutter(const Ctx *ctx, const Report *report)
{
    int line = span_line(ctx, report->span);
    for (int i = 0; i < report->notes.n; i++)
        if (span_line(ctx, report->notes.at[i].span) > line)
            line = span_line(ctx, report->notes.at[i].span);
    return digits(line) > 2 ? digits(line) : 2;
}

static void print_report(Ctx *ctx, const Report *report, FILE *out, bool color)
{
    Excerpt e = {.ctx = ctx, .out = out, .color = color, .gutter = gutter(ctx, report)};
    const char *shade = report->warning ? MAGENTA : RED;
    print_place(&e, report->span);
    if (!report->warning)
        fprintf(out, "%serror:%s %s [%s]\n", paint(&e, shade), paint(&e, PLAIN), report->message, report->code);
    else
        fprintf(out, "%s%s:%s %s [%s-W%s]\n", paint(&e, shade), ctx->options.werror ? "error" : "warning",
                paint(&e, PLAIN), report->message, ctx->options.werror ? "-Werror," : "", report->code);
    int elsewhere = report->labels.n;
    print_excerpt(&e, report->span, report->labels.at, &elsewhere, shade);
    for (int i = 0; i < report->hints.n; i++)
        fprintf(out, " %*s %s=%s %s\n", e.gutter, "", paint(&e, BLUE), paint(&e, PLAIN), report->hints.at[i]);
    for (int i = 0; i < elsewhere; i++)
        print_note(&e, &report->labels.at[i]);
    for (int i = 0; i < report->notes.n; i++)
        print_note(&e, &report->notes.at[i]);
}

static int by_place(const void *a, const void *b)
{
    const Report *x = *(Report *const *)a, *y = *(Report *const *)b;
    if (x->span.file != y->span.file)
        return x->span.file < y->span.file ? -1 : 1;
    if (x->span.begin != y->span.begin)
        return x->span.begin < y->span.begin ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

void diag_print(Ctx *ctx, FILE *out)
{
    Diag *diag = ctx->diag;
    bool color = ctx->options.color == 1 || (ctx->options.color == 2 && isatty(fileno(out)));
    if (diag->reports.n)
        qsort(diag->reports.at, (size_t)diag->reports.n, sizeof *diag->reports.at, by_place);
    for (int i = 0; i < diag->reports.n && i < PRINTED_MAX; i++)
        print_report(ctx, diag->reports.at[i], out, color);
    if (diag->reports.n > PRINTED_MAX)
        fprintf(out, "adc: and %d more messages\n", diag->reports.n - PRINTED_MAX);
    *diag = (Diag){0};
}

/* ---------------------------------------------------------------- near names */

enum { NEAR_MAX = 64 };

static int folded(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment (Damerau 1964, Levenshtein 1966): insert, delete, replace, swap neighbours. Case is free. */
static int distance(const char *a, int na, const char *b, int nb)
{
    int rows[3][NEAR_MAX + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= nb; j++)
        last[j] = j;
    for (int i = 1; i <= na; i++) {
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            int replace = last[j - 1] + (folded(a[i - 1]) != folded(b[j - 1]));
            now[j] = least(replace, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

bool is_one_of(const char *word, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

const char *nearest_name(const char *word, const char *const *names, int n)
{
    size_t length = strlen(word);
    const char *best = NULL;
    int best_distance = length < 6 ? 2 : (int)length / 3 + 1;          /* what it must be below */
    if (length > NEAR_MAX)
        return NULL;
    for (int i = 0; i < n; i++) {
        size_t other = strlen(names[i]);
        if (other > NEAR_MAX || strcmp(word, names[i]) == 0)
            continue;
        int d = distance(word, (int)length, names[i], (int)other);
        if (d > 0 && (length < 2 || other < 2))                         /* any letter is near any other */
            continue;
        if (d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

/* ---------------------------------------------------------------- our own mistakes */

void bug(const Ctx *ctx, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "adc: bug in '%s': ", ctx && ctx->pass ? ctx->pass : "adc");
    vfprintf(stderr, format, args);
    fputs("\nadc: please report it, with the model\n", stderr);
    va_end(args);
    abort();
}
