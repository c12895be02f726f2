/* shrink.c: makes a failing model small, by trial: a line less, an expression replaced by one of its parts or by a number.
 *
 *     let z = tanh(X @ W + b)  ->  let z = X @ W + b  ->  let z = X @ W  ->  let z = X
 *
 * A change is kept when the model still fails with the same verdict (and, when it was rejected, the same code). */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

enum { TRIALS = 1500 };

typedef struct { int begin, end; } Piece;

typedef struct {
    const Tools *tools;
    uint64_t seed;
    int skip, trials;
    Verdict wanted;
    char code[8];
    Str text;
    VEC(Piece) pieces;
    Arena *arena;
} Shrink;

static void code_of(const char *message, char *code) {
    const char *at = strstr(message, "[E");
    *code = '\0';
    if (at)
        snprintf(code, 8, "%.6s", at);
    if (!at && strstr(message, "signal"))
        snprintf(code, 8, "%.7s", strchr(message, ':') ? strchr(message, ':') : message);
}

static bool fails_alike(Shrink *s, const char *text) {
    Case c;
    char code[8];
    s->trials++;
    case_open(&c, s->seed, s->skip, text);
    judge(&c, s->tools);
    code_of(c.message, code);
    bool alike = c.verdict == s->wanted && strcmp(code, s->code) == 0;
    case_close(&c);
    return alike;
}

/* Bytes [begin, end) give way to `with`, if the model still fails. */
static bool try(Shrink *s, int begin, int end, const char *with) {
    Str t = {0};
    if (s->trials >= TRIALS || (size_t)(end - begin) <= strlen(with))
        return false;
    str_addn(&t, s->text.text, (size_t)begin);
    str_add(&t, "%s", with);
    str_addn(&t, s->text.text + end, s->text.n - (size_t)end);
    bool kept = fails_alike(s, t.text);
    if (kept) {
        str_free(&s->text);
        s->text = t;
    } else {
        str_free(&t);
    }
    return kept;
}

static bool drop_lines(Shrink *s) {
    bool any = false;
    for (int end = (int)s->text.n; end > 0; ) {
        int begin = end - 1;
        while (begin > 0 && s->text.text[begin - 1] != '\n')
            begin--;
        any = try(s, begin, end, "") || any;
        end = begin;
    }
    return any;
}

static void collect(Shrink *s, const Ast *a) {
    for (; a; a = a->next) {
        Piece p = {a->span.begin, a->span.end};
        if (a->kind <= AST_TUPLE)
            vec_push(s, &s->pieces, p);
        collect(s, a->a);
        collect(s, a->b);
        collect(s, a->c);
        collect(s, a->from);
        collect(s, a->items);
        collect(s, a->clauses);
    }
}

static void find_pieces(Shrink *s) {
    Ctx *ctx = ctx_new();
    int file = source_add(ctx, "model.ad", s->text.text, (int)s->text.n);
    s->pieces.n = 0;
    collect(s, parse(ctx, file));
    ctx_free(ctx);
}

static bool replace_pieces(Shrink *s) {
    static const char *const numbers[] = {"0.5", "1"};
    find_pieces(s);
    for (int i = 0; i < s->pieces.n; i++) {
        Piece p = s->pieces.at[i];
        for (int k = 0; k < 2; k++)
            if (try(s, p.begin, p.end, numbers[k]))
                return true;
        for (int j = 0; j < s->pieces.n; j++) {
            Piece q = s->pieces.at[j];
            if (q.begin < p.begin || q.end > p.end || (q.begin == p.begin && q.end == p.end))
                continue;
            char *part = arena_printf(s->arena, "%.*s", q.end - q.begin, s->text.text + q.begin);
            if (try(s, p.begin, p.end, part))
                return true;
        }
    }
    return false;
}

void shrink(Case *small, const Case *failing, const Tools *tools) {
    Shrink s = {.tools = tools, .seed = failing->seed, .skip = failing->skip, .wanted = failing->verdict, .arena = arena_new()};
    code_of(failing->message, s.code);
    str_add(&s.text, "%s", failing->text);
    if (s.skip && s.wanted != C_ERROR) {                    /* does it take a pass that is off? */
        int skip = s.skip;
        s.skip = 0;
        if (!fails_alike(&s, s.text.text))
            s.skip = skip;
    }
    while (s.trials < TRIALS && drop_lines(&s))
        ;
    while (s.trials < TRIALS && (replace_pieces(&s) || drop_lines(&s)))
        ;
    case_open(small, s.seed, s.skip, s.text.text);
    judge(small, tools);
    str_free(&s.text);
    arena_free(s.arena);
}
