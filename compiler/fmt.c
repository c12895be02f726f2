/* fmt.c: the canonical layout of a model, for 'adc fmt'. In: any text. Out: the same tokens and comments, laid out.
 *
 *     let  D=where( a>b,x [1 : n],            let D = where(a > b, x[1:n],
 *           0 )#note                    ->                  0)  # note
 *
 * It works on tokens, not on the tree, so comments, blank lines (one at a time) and the author's line breaks stay; so
 * does the choice between 'a*b' and 'a * b'. Doing it twice changes nothing. */
#include "front.h"
#include "parse.h"

#include <string.h>

typedef struct {
    int kind;                           /* '(' '[' '{' */
    bool reduction;                     /* of sum[...]: an operand follows it */
    int align;                          /* where lines inside it begin */
    int indent;                         /* of the line that opened it */
} Bracket;

typedef struct {
    Ctx *ctx;
    int file;
    const Token *raw;
    Tokens tokens;                      /* as the grammar sees them */
    int at;                             /* the token of it that comes next */
    Str *out;
    VEC(Bracket) open;
    int column, indent;                 /* of the line being written */
    int assign;                         /* where the statement's value begins, or -1 */
    int statement;                      /* keyword of the statement */
    int last, before_last;              /* kinds of the tokens written last on this line, 0 at its start */
    bool operand;                       /* has an operand just ended? */
    bool tight;                         /* the operator just written stands without blanks */
    int ahead;                          /* the raw token behind the comments and newlines at hand */
    int comment_from, comment_to;       /* source and output column of the last line's comment, or -1 */
} Fmt;

enum { INDENT = 4 };

static void put(Fmt *f, const char *text, size_t n)
{
    str_addn(f->out, text, n);
    for (size_t i = 0; i < n; i++)
        f->column += ((unsigned char)text[i] & 0xC0) != 0x80;
}

static void pad(Fmt *f, int column)
{
    while (f->column < column)
        put(f, " ", 1);
}

/* ---------------------------------------------------------------- blanks between two tokens */

static bool blank_between(const Fmt *f, const Token *a, const Token *b)
{
    for (int i = a->end; i < b->begin; i++)
        if (strchr(" \t\r\n", f->ctx->source.at[f->file].text[i]))
            return true;
    return false;
}

static bool in_brackets(const Fmt *f)
{
    return f->open.n && f->open.at[f->open.n - 1].kind != '{';
}

static bool in_slice(const Fmt *f)
{
    return in_brackets(f) || f->statement == TOK_SCAN;
}

static bool is_arithmetic(int kind)
{
    return kind == '+' || kind == '-' || kind == '*' || kind == '/' || kind == '%' || kind == '@' || kind == TOK_FLOORDIV;
}

/* A binary operator keeps the author's choice when it is the same on both sides. */
static bool stands_tight(const Fmt *f, int i)
{
    int kind = f->raw[i].kind;
    if (kind == '^')
        return true;
    return is_arithmetic(kind) && !blank_between(f, &f->raw[i - 1], &f->raw[i]) && !blank_between(f, &f->raw[i], &f->raw[i + 1])
        && f->raw[i + 1].kind != TOK_COMMENT;
}

static bool colon_is_tight(const Fmt *f, int i)
{
    return in_slice(f) || (f->last == TOK_INT && f->raw[i + 1].kind == TOK_INT);
}

/* Is there a blank between the token written last and the one at i? Both stand on one line. */
static bool blank_before(const Fmt *f, int i, int kind)
{
    if (f->last == 0 || f->last == '(' || f->last == '[')
        return false;
    if (kind == ')' || kind == ']' || kind == ',' || kind == ';' || kind == '\'')
        return false;
    if (kind == '{' || kind == '}')
        return f->last != '{';
    if (kind == '(' || kind == '[') {
        if (f->last == TOK_NAME || f->last == TOK_REDUCE)
            return false;
        if (f->last == TOK_IN && kind == '(' && !in_slice(f))
            return false;
        if (f->operand)
            return kind == '(';
    }
    if (kind == ':')
        return f->last == ',' || !colon_is_tight(f, i);
    if (f->last == ':')
        return !f->tight;
    if (goes_on_after(kind) && f->operand && kind != '=' && kind != '~')
        return !stands_tight(f, i);
    return !f->tight;
}

/* ---------------------------------------------------------------- tokens */

static void open_bracket(Fmt *f, int i, int kind)
{
    int next = f->raw[i + 1].kind;
    bool hangs = next == TOK_NEWLINE || next == TOK_COMMENT;
    Bracket bracket = {.kind = kind, .reduction = kind == '[' && f->before_last == TOK_REDUCE, .indent = f->indent};
    bracket.align = hangs ? f->indent + INDENT : f->column;
    vec_push(f->ctx, &f->open, bracket);
}

/* What the next blank depends on. A sign or 'not' keeps to its operand; ':' and operators keep the form they were given. */
static void remember(Fmt *f, int i, int kind)
{
    bool was_operand = f->operand;
    f->operand = ends_operand(kind);
    f->tight = false;
    if (goes_on_after(kind) && kind != '=' && kind != '~' && kind != ',' && kind != TOK_NOT)
        f->tight = !was_operand ? f->raw[i + 1].kind != '-' && f->raw[i + 1].kind != '+' : stands_tight(f, i);
    if (kind == ':')
        f->tight = colon_is_tight(f, i);
    f->before_last = f->last;
    f->last = kind;
    if (kind == '(' || kind == '[' || kind == '{')
        open_bracket(f, i, kind);
    if ((kind == ')' || kind == ']' || kind == '}') && f->open.n) {
        f->operand = !f->open.at[f->open.n - 1].reduction;
        f->open.n--;
    }
    bool last = f->raw[i + 1].kind == TOK_NEWLINE || f->raw[i + 1].kind == TOK_COMMENT;
    if ((kind == '=' || kind == '~') && !in_brackets(f) && f->assign < 0 && !last)
        f->assign = f->column + 1;
}

static void token(Fmt *f, int i)
{
    int kind = f->at < f->tokens.n ? f->tokens.at[f->at].kind : f->raw[i].kind;
    if (f->raw[i].kind == ';')
        kind = ';';
    if (blank_before(f, i, kind))
        put(f, " ", 1);
    put(f, f->ctx->source.at[f->file].text + f->raw[i].begin, (size_t)(f->raw[i].end - f->raw[i].begin));
    remember(f, i, kind);
}

/* ---------------------------------------------------------------- lines */

/* Moves to the grammar's token for the raw one at i. True when a statement (or the end of a block) begins with it. */
static bool advance(Fmt *f, int i)
{
    bool begins = f->at < 0;
    for (f->at++; f->at < f->tokens.n; f->at++) {
        const Token *token = &f->tokens.at[f->at];
        if (token->kind != TOK_SEP && token->begin == f->raw[i].begin)
            break;
        begins = begins || token->kind == TOK_SEP;
    }
    if (f->at > 0 && f->at < f->tokens.n && f->tokens.at[f->at - 1].kind == '{')
        begins = true;
    if (begins) {
        f->statement = f->at < f->tokens.n ? f->tokens.at[f->at].kind : 0;
        f->assign = -1;
    }
    return begins;
}

static int indent_of(const Fmt *f, bool begins, int kind)
{
    int depth = 0;
    for (int k = 0; k < f->open.n; k++)
        depth += f->open.at[k].kind == '{';
    if (begins || !f->open.n || !in_brackets(f)) {
        if (begins)
            return INDENT * (depth - (kind == '}' && depth > 0));
        return f->assign >= 0 ? f->assign : INDENT * (depth + 1);
    }
    const Bracket *bracket = &f->open.at[f->open.n - 1];
    if ((kind == ')' || kind == ']') && bracket->align == bracket->indent + INDENT)
        return bracket->indent;
    return bracket->align;
}

static int source_column(const Fmt *f, const Token *token)
{
    const char *text = f->ctx->source.at[f->file].text;
    int begin = token->begin, column = 0;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    for (; begin < token->begin; begin++)
        column = text[begin] == '\t' ? (column / 8 + 1) * 8 : column + (((unsigned char)text[begin] & 0xC0) != 0x80);
    return column;
}

static void comment(Fmt *f, const Token *token)
{
    const char *text = f->ctx->source.at[f->file].text;
    int end = token->end, column = source_column(f, token);
    while (end > token->begin && strchr(" \t\r", text[end - 1]))
        end--;
    if (f->last)
        pad(f, column > f->column + 2 ? column : f->column + 2);
    f->comment_from = column;
    f->comment_to = f->column;
    put(f, text + token->begin, (size_t)(end - token->begin));
}

/* A line that is a comment alone stands as the line that it precedes; one under a comment stays under it. */
static void lone_comment(Fmt *f, int i)
{
    if (f->comment_from > 0 && f->comment_from == source_column(f, &f->raw[i])) {
        pad(f, f->comment_to);
    } else {
        int at = f->at, statement = f->statement, assign = f->assign;
        if (f->ahead < i)
            f->ahead = i;
        while (f->raw[f->ahead].kind == TOK_COMMENT || f->raw[f->ahead].kind == TOK_NEWLINE || f->raw[f->ahead].kind == ';')
            f->ahead++;
        bool begins = advance(f, f->ahead) || f->raw[f->ahead].kind == TOK_END;
        pad(f, indent_of(f, begins, begins ? 0 : f->raw[f->ahead].kind));
        f->at = at;
        f->statement = statement;
        f->assign = assign;
    }
    comment(f, &f->raw[i]);
}

/* ';' is kept only between two statements of a line. */
static bool is_idle(const Fmt *f, int i)
{
    int next = f->raw[i + 1].kind;
    return f->raw[i].kind == ';' && !in_brackets(f)
        && (!f->last || next == ';' || next == TOK_NEWLINE || next == TOK_COMMENT || next == TOK_END || next == '}');
}

static void line(Fmt *f, int from, int to)
{
    bool commented = false;
    f->column = f->indent = f->last = f->before_last = 0;
    f->tight = false;
    for (int i = from; i < to; i++) {
        if (f->raw[i].kind == TOK_COMMENT) {
            if (f->last)
                comment(f, &f->raw[i]);
            else
                lone_comment(f, i);
            commented = true;
            continue;
        }
        if (is_idle(f, i))
            continue;
        bool begins = f->raw[i].kind != ';' && advance(f, i);
        if (!f->last) {
            int kind = f->at < f->tokens.n ? f->tokens.at[f->at].kind : 0;
            f->indent = indent_of(f, begins, kind);
            pad(f, f->indent);
        }
        if (begins)
            f->operand = false;
        token(f, i);
    }
    if (!commented)
        f->comment_from = -1;
    if (f->column)
        put(f, "\n", 1);
}

void format_model(Ctx *ctx, int file, Str *out)
{
    Tokens raw = {0};
    lex_all(ctx, file, &raw);
    Fmt f = {.ctx = ctx, .file = file, .raw = raw.at, .at = -1, .out = out, .assign = -1, .comment_from = -1};
    layout(ctx, file, &raw, &f.tokens);
    str_addn(out, "", 0);               /* a text, also when it is empty */
    bool blank = false;
    for (int i = 0; raw.at[i].kind != TOK_END;) {
        int end = i;
        while (raw.at[end].kind != TOK_NEWLINE && raw.at[end].kind != TOK_END)
            end++;
        size_t before = out->n;
        if (blank && before && end > i)
            str_addn(out, "\n", 1);
        size_t start = out->n;
        line(&f, i, end);
        if (out->n == start)
            out->n = before;            /* nothing on it but ';' */
        blank = end == i || (blank && out->n == before);
        i = raw.at[end].kind == TOK_NEWLINE ? end + 1 : end;
    }
}
