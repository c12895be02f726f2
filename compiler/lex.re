/* lex.re: text -> raw tokens. In: a source, NUL-terminated. Out: an array of tokens, comments and newlines among them.
 *
 *     let y = -x'  # note   ->   let, y, =, -, x, ', comment, newline
 *
 * Pure: all state is the cursor. A lexical mistake becomes a TOK_BAD that carries its message; whether the message is
 * given is the parser's decision, for a statement reports one mistake at most. */
#include "front.h"
#include "parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char Byte;

typedef struct {
    Ctx *ctx;
    const Byte *start, *end, *at;
    const Problem *problem;             /* of the token just scanned */
} Lexer;

static int bad(Lexer *lex, int instead, const char *code, const char *hint, const char *message)
{
    Problem *problem = NEW(lex->ctx, Problem);
    *problem = (Problem){code, message, hint, instead};
    lex->problem = problem;
    return TOK_BAD;
}

/* What people type, or paste from a paper, for something that the language writes in ASCII. */
static const char *character_hint(const char *text)
{
    static const char *const table[][2] = {
        {"\xC3\x97", "write '*' for a product"},            {"\xC2\xB7", "write '*' for a product"},
        {"\xE2\x88\x92", "write '-' for minus"},            {"\xE2\x80\x93", "write '-' for minus"},
        {"\xE2\x89\xA4", "write '<='"},                     {"\xE2\x89\xA5", "write '>='"},
        {"\xE2\x89\xA0", "write '!='"},                     {"\xC2\xB2", "write '^2' for a square"},
        {"\xE2\x80\x9C", "strings stand in '\"'"},          {"\xE2\x80\x9D", "strings stand in '\"'"},
        {"\xE2\x88\x91", "write 'sum[k in K]' for a sum"},  {"\xC2\xA0", "this is a no-break space; write a plain one"},
        {"\\", "a statement goes on over a newline inside brackets and after an operator"},
        {"?", "a choice is written where(condition, a, b)"}, {"&", "write 'and'"}, {"&&", "write 'and'"}, {"|", "write 'or'"}, {"||", "write 'or'"},
        {"!", "write 'not'"}, {".", "nothing has parts: a transpose is x', a size is the dim's name"}, {"**", "write '^' for a power"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(text, table[i][0]) == 0)
            return table[i][1];
    return NULL;
}

/* Of 3 bytes: what is invisible, breaks the line or turns the writing around, U+200B to U+200F, U+2028 to U+202F, U+2060 to
 * U+206F and U+FEFF, is named by its number. */
static const char *character_name(Lexer *lex, const Byte *c, const char *text)
{
    int code = text[0] && text[1] && text[2] && !text[3] ? (c[0] & 0xF) << 12 | (c[1] & 0x3F) << 6 | (c[2] & 0x3F) : 0;
    bool unseen = (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202F) || (code >= 0x2060 && code <= 0x206F)
               || code == 0xFEFF;
    return unseen ? arena_printf(lex->ctx->arena, "U+%04X", (unsigned)code) : arena_printf(lex->ctx->arena, "'%s'", text);
}

static int bad_character(Lexer *lex, const Byte *begin, const Byte *end)
{
    char *text = arena_strndup(lex->ctx->arena, (const char *)begin, (size_t)(end - begin));
    const char *message;
    if (*begin == 0)
        message = "unexpected NUL byte";
    else if (*begin < 0x20 || *begin == 0x7F)
        message = arena_printf(lex->ctx->arena, "unexpected control character 0x%02x", *begin);
    else if (*begin < 0x80)
        message = arena_printf(lex->ctx->arena, "unexpected character '%s'", text);
    else
        message = arena_printf(lex->ctx->arena, "unexpected character %s outside a string or comment", character_name(lex, begin, text));
    return bad(lex, *begin == '|' ? 0 : ABSENT, "E0102", character_hint(text), message);
}

static int bad_number(Lexer *lex, const Byte *begin, const Byte *end)
{
    char *text = arena_strndup(lex->ctx->arena, (const char *)begin, (size_t)(end - begin));
    size_t digits = strspn(text, "0123456789.");
    const char *hint = NULL;
    if (text[digits] && strspn(text, "0123456789") == digits && text[0] != '0' && text[digits] != '_' && end - begin < 60)
        hint = arena_printf(lex->ctx->arena, "a product is written with '*': %.*s * %s", (int)digits, text, text + digits);
    return bad(lex, 0, "E0103", hint,
               arena_printf(lex->ctx->arena, "malformed number '%s'", shorten(lex->ctx, text)));
}

static int integer(Lexer *lex, const Byte *begin, const Byte *end)
{
    int64_t value = 0;
    for (const Byte *c = begin; c < end; c++) {
        if (value > (INT64_MAX - (*c - '0')) / 10)
            return bad(lex, 0, "E0104", NULL, "integer too large: the largest is 9223372036854775807 (2^63 - 1)");
        value = 10 * value + (*c - '0');
    }
    return TOK_INT;
}

static int real(Lexer *lex, const Byte *begin)
{
    if (isinf(strtod((const char *)begin, NULL)))
        return bad(lex, TOK_REAL, "E0104", "infinity is written 'inf'", "number too large for a real");
    return TOK_REAL;
}

/* A string may hold any UTF-8 but a newline; it has no escapes. */
static int string(Lexer *lex, const Byte *c, const Byte *end)
{
    while (c < end) {
        int more = *c < 0x80 ? 0 : *c >= 0xC2 && *c < 0xE0 ? 1 : *c >= 0xE0 && *c < 0xF0 ? 2
                 : *c >= 0xF0 && *c < 0xF5 ? 3 : -1;
        int lead = *c++;
        bool fine = more >= 0 && !(lead == 0xE0 && *c < 0xA0) && !(lead == 0xED && *c > 0x9F)
                 && !(lead == 0xF0 && *c < 0x90) && !(lead == 0xF4 && *c > 0x8F);
        for (int i = 0; fine && i < more; i++, c++)
            fine = (*c & 0xC0) == 0x80;
        if (!fine)
            return bad(lex, TOK_STRING, "E0102", NULL, "string is not valid UTF-8");
    }
    return TOK_STRING;
}

static int scan(Lexer *lex, const Byte **from)
{
    const Byte *c = lex->at, *marker = c, *begin = c;
    int kind;
    (void)marker;
again:
    begin = c;
    /*!re2c
    re2c:define:YYCTYPE = "Byte";
    re2c:define:YYCURSOR = "c";
    re2c:define:YYMARKER = "marker";
    re2c:yyfill:enable = 0;
    re2c:indent:string = "    ";

    digit    = [0-9];
    letter   = [A-Za-z_];
    name     = letter (letter | digit)*;
    exponent = [eE] [+-]? digit+;
    mantissa = digit+ ("." digit*)? | "." digit+;
    real     = digit+ "." digit* exponent? | "." digit+ exponent? | digit+ exponent;
    tail     = [\x80-\xBF];
    utf8     = [\xC2-\xDF] tail | "\xE0" [\xA0-\xBF] tail | [\xE1-\xEC\xEE\xEF] tail tail | "\xED" [\x80-\x9F] tail
             | "\xF0" [\x90-\xBF] tail tail | [\xF1-\xF3] tail tail tail | "\xF4" [\x80-\x8F] tail tail;

    "\x00"      { if (begin == lex->end) { c = begin; kind = TOK_END; } else kind = bad_character(lex, begin, c);
                  goto done; }
    [ \t\r]+    { goto again; }
    "\n"        { kind = TOK_NEWLINE; goto done; }
    "#" [^\n\x00]*      { kind = TOK_COMMENT; goto done; }

    "precision" { kind = TOK_PRECISION; goto done; }
    "dim"       { kind = TOK_DIM; goto done; }
    "hyper"     { kind = TOK_HYPER; goto done; }
    "data"      { kind = TOK_DATA; goto done; }
    "param"     { kind = TOK_PARAM; goto done; }
    "let"       { kind = TOK_LET; goto done; }
    "fn"        { kind = TOK_FN; goto done; }
    "loss"      { kind = TOK_LOSS; goto done; }
    "metric"    { kind = TOK_METRIC; goto done; }
    "output"    { kind = TOK_OUTPUT; goto done; }
    "assert"    { kind = TOK_ASSERT; goto done; }
    "import"    { kind = TOK_IMPORT; goto done; }
    "train"     { kind = TOK_TRAIN; goto done; }
    "scan"      { kind = TOK_SCAN; goto done; }
    "and"       { kind = TOK_AND; goto done; }
    "or"        { kind = TOK_OR; goto done; }
    "not"       { kind = TOK_NOT; goto done; }
    "in"        { kind = TOK_IN; goto done; }
    "new"       { kind = TOK_NEW; goto done; }
    "true"      { kind = TOK_TRUE; goto done; }
    "false"     { kind = TOK_FALSE; goto done; }
    "sum" | "mean" | "prod" | "max" | "min" | "argmax" | "argmin" | "logsumexp" | "any" | "all" | "norm" | "var" | "std"
                { kind = TOK_REDUCE; goto done; }
    name        { kind = TOK_NAME; goto done; }

    digit+      { kind = integer(lex, begin, c); goto done; }
    real        { kind = real(lex, begin); goto done; }
    mantissa [eE] [+-]?
                { kind = bad(lex, TOK_REAL, "E0103", "write digits after the 'e', as in 1e-3",
                             arena_printf(lex->ctx->arena, "exponent without digits in '%s'",
                                          shorten(lex->ctx, arena_strndup(lex->ctx->arena, (const char *)begin,
                                                                          (size_t)(c - begin)))));
                  goto done; }
    (digit+ | real) name
                { kind = bad_number(lex, begin, c); goto done; }

    ["] [^"\n\x00]* ["] { kind = string(lex, begin + 1, c - 1); goto done; }
    ["] [^"\n\x00]*     { kind = bad(lex, TOK_STRING, "E0105", NULL, "string not closed: no '\"' before the end of the line");
                          while (c > begin + 1 && c[-1] == '\r') c--;
                          goto done; }

    "\xE2\x80\x9C" [^\n\x00\xE2"]* "\xE2\x80\x9D"                  /* the quotes of a word processor */
                { kind = bad(lex, TOK_STRING, "E0102", "strings stand in '\"'",
                             arena_printf(lex->ctx->arena, "unexpected character '%.3s' outside a string or comment", (const char *)begin));
                  goto done; }

    "=="        { kind = TOK_EQ; goto done; }
    "!="        { kind = TOK_NE; goto done; }
    "<="        { kind = TOK_LE; goto done; }
    ">="        { kind = TOK_GE; goto done; }
    "//"        { kind = TOK_FLOORDIV; goto done; }
    [-+*/%@^<>=~',:;()[\]{}]
                { kind = *begin; goto done; }

    "**" | "&&" | "||"
                { kind = bad(lex, *begin == '|' ? 0 : ABSENT, "E0102", character_hint((char[]){(char)begin[0], (char)begin[1], 0}),
                             arena_printf(lex->ctx->arena, "unexpected '%c%c'", begin[0], begin[1]));
                  goto done; }
    utf8        { kind = bad_character(lex, begin, c); goto done; }
    [\x80-\xFF] { kind = bad(lex, ABSENT, "E0102", NULL, arena_printf(lex->ctx->arena, "byte 0x%02x is not valid UTF-8", *begin));
                  goto done; }
    *           { kind = bad_character(lex, begin, c); goto done; }
    */
done:
    lex->at = c;
    *from = begin;
    return kind;
}

void lex_all(Ctx *ctx, int file, Tokens *tokens)
{
    const Source *source = &ctx->source.at[file];
    const Byte *text = (const Byte *)source->text;
    Lexer lex = {.ctx = ctx, .start = text, .end = text + source->len, .at = text};
    if (source->len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)       /* a byte-order mark */
        lex.at += 3;
    bool first = true;
    for (;;) {
        const Byte *begin;
        lex.problem = NULL;
        int kind = scan(&lex, &begin);
        Token token = {
            .kind = kind, .raw = kind, .first = first, .problem = lex.problem,
            .begin = (int)(begin - text), .end = (int)(lex.at - text),
        };
        vec_push(ctx, tokens, token);
        first = kind == TOK_NEWLINE;
        if (kind == TOK_END)
            return;
    }
}
