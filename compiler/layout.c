/* layout.c: raw tokens -> tokens of the grammar. The rules about lines, brackets and words that depend on their place:
 *
 *     let z = f(a,      # more          let z = f ( a , b ) SEP
 *               b)                ->    loss J = z SEP END
 *     loss J = z
 *
 * - A newline ends a statement (TOK_SEP) but inside ( and [, after an operator, '=' or ',', and before a '{' that leads
 *   the next line; '}' and the end of the file end one too. A statement keyword that leads a line begins a statement
 *   whatever is open.
 * - A bracket that nothing closes becomes TOK_BAD where it was opened, so it hides no more than its own statement.
 * - A keyword before '=' in a call or a train block is a name; 'from' and 'vjp' are keywords after an operand only.
 * - Nesting is counted here, before any recursion: brackets, prefixes, powers, bodies of reductions. */
#include "front.h"
#include "parse.h"

#include <string.h>

/* A bracket that is open, or the file itself at the bottom of the stack. The counters are of right-recursive
 * constructs: how much deeper than the bracket an operand would stand here. */
typedef struct {
    int kind;                           /* '(' '[' '{', 0 the file */
    int at;                             /* its raw token */
    bool train, closed, ranges;         /* ranges: of a reduction, so that an operand follows */
    int power, reduction, negation;     /* reset by * and looser, + and looser, 'and' and looser */
    int chain;                          /* operators since the last ',' */
} Level;

typedef struct {
    Ctx *ctx;
    int file;
    const Tokens *raw;
    Tokens *out;
    int *partner;                       /* of every raw bracket: the one that it matches, or -1 */
    VEC(Level) open;
    int depth;                          /* '{' open */
    int nesting, chain;                 /* sums over the open levels */
    int last;                           /* kind of the last token given out */
    bool library;                       /* std.ad, which defines the reductions */
    bool statement_start, reduces;      /* reduces: the last token named a reduction */
} Layout;

bool is_statement_word(int kind)
{
    return kind >= TOK_PRECISION && kind <= TOK_SCAN;
}

bool ends_operand(int kind)
{
    switch (kind) {
    case TOK_NAME: case TOK_INT: case TOK_REAL: case TOK_STRING: case TOK_TRUE: case TOK_FALSE: case TOK_NEW:
    case ')': case ']': case '}': case '\'':
        return true;
    default:
        return false;
    }
}

bool goes_on_after(int kind)
{
    switch (kind) {
    case '+': case '-': case '*': case '/': case '%': case '@': case '^': case '<': case '>': case '=': case '~': case ',':
    case TOK_FLOORDIV: case TOK_EQ: case TOK_NE: case TOK_LE: case TOK_GE: case TOK_AND: case TOK_OR: case TOK_NOT:
        return true;
    default:
        return false;
    }
}

/* ---------------------------------------------------------------- words */

static const char *const statement_words[] = {
    "precision", "dim", "hyper", "data", "param", "let", "fn", "loss", "metric", "output", "assert", "import", "train",
    "scan",
};

int keyword_like(const char *word)
{
    static const struct { const char *word; int kind; } habits[] = {
        {"func", TOK_FN}, {"function", TOK_FN}, {"def", TOK_FN}, {"parameter", TOK_PARAM}, {"dimension", TOK_DIM},
        {"dims", TOK_DIM}, {"minimise", TOK_LOSS}, {"minimize", TOK_LOSS}, {"include", TOK_IMPORT},
    };
    for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
        if (strcmp(word, habits[i].word) == 0)
            return habits[i].kind;
    if (strlen(word) < 2)
        return 0;
    const int n = (int)(sizeof statement_words / sizeof *statement_words);
    const char *best = nearest_name(word, statement_words, n);
    for (int i = 0; best && i < n; i++)
        if (strcmp(best, statement_words[i]) == 0)
            return TOK_PRECISION + i;
    return 0;
}

static Span span_of(const Layout *l, const Token *token)
{
    return (Span){l->file, token->begin, token->end};
}

/* The next raw token that is no comment and no newline. */
static int next_kind(const Layout *l, int i)
{
    do
        i++;
    while (l->raw->at[i].kind == TOK_COMMENT || l->raw->at[i].kind == TOK_NEWLINE);
    return l->raw->at[i].kind;
}

static bool is_reserved(int kind)
{
    return is_statement_word(kind) || kind == TOK_REDUCE || kind == TOK_AND || kind == TOK_OR || kind == TOK_NOT
        || kind == TOK_IN || kind == TOK_NEW || kind == TOK_TRUE || kind == TOK_FALSE;
}

static const Level *top(const Layout *l)
{
    return &l->open.at[l->open.n - 1];
}

static bool in_column_1(const Layout *l, const Token *token)
{
    return token->begin == 0 || l->ctx->source.at[l->file].text[token->begin - 1] == '\n';
}

static bool is_name_here(const Layout *l, int i)
{
    const Token *token = &l->raw->at[i];
    if (l->library && token->kind == TOK_REDUCE && i > 0 && l->raw->at[i - 1].kind == TOK_FN)
        return true;
    if (!is_reserved(token->kind))
        return false;
    return ((top(l)->kind == '(' && !in_column_1(l, token)) || top(l)->train) && next_kind(l, i) == '=';
}

/* Does this '{' open a train block? A misspelt 'train' counts, when it begins its line. */
static bool opens_train(const Layout *l, int i)
{
    if (i == 0)
        return false;
    const Token *before = &l->raw->at[i - 1];
    if (before->kind == TOK_TRAIN)
        return true;
    return before->kind == TOK_NAME && before->first && keyword_like(span_text(l->ctx, span_of(l, before))) == TOK_TRAIN;
}

/* ---------------------------------------------------------------- brackets */

static void push(Layout *l, int i)
{
    Level level = {.kind = l->raw->at[i].kind, .at = i, .closed = l->partner[i] >= 0};
    level.train = level.kind == '{' && opens_train(l, i);
    level.ranges = level.kind == '[' && l->reduces;
    vec_push(l->ctx, &l->open, level);
    l->nesting++;
}

static void settle(Layout *l);

static void pop(Layout *l)
{
    settle(l);
    l->open.n--;
    l->nesting--;
}

static bool in_brackets(const Layout *l)
{
    return top(l)->kind == '(' || top(l)->kind == '[';
}

/* Which open bracket does this one close? Its index in the stack, or -1. A ']' may close a '(' when no '[' is open: the
 * grammar complains about it, and the brackets are in step again. 'open' counts '(' and '[' above the last '{'. */
static int closes(const Layout *l, int kind, const int open[2])
{
    int i = l->open.n - 1;
    if (kind == '}') {
        if (!l->depth)
            return -1;
        while (l->open.at[i].kind != '{')
            i--;
        return i;
    }
    int want = kind == ')' ? '(' : '[';
    if (!open[want == '[']) {
        if (!in_brackets(l))
            return -1;
        return i;
    }
    while (l->open.at[i].kind != want)
        i--;
    return i;
}

static bool resets(const Layout *l, int i)
{
    const Token *token = &l->raw->at[i];
    return is_statement_word(token->kind) && !is_name_here(l, i)
        && (token->first || (i > 0 && l->raw->at[i - 1].kind == ';'));
}

/* First pass: find the partner of every bracket. Each bracket is pushed and popped once. */
static void match(Layout *l)
{
    int open[2] = {0, 0};
    VEC(int) saved = {0};               /* the counts below each '{' */
    for (int i = 0; i < l->raw->n; i++) {
        int kind = l->raw->at[i].kind;
        l->partner[i] = -1;
        if (resets(l, i)) {
            for (; in_brackets(l); l->open.n--)
                ;
            open[0] = open[1] = 0;
        }
        if (kind == '{') {
            vec_push(l->ctx, &saved, open[0]);
            vec_push(l->ctx, &saved, open[1]);
            open[0] = open[1] = 0;
            l->depth++;
        }
        if (kind == '(' || kind == '[' || kind == '{') {
            push(l, i);
            if (kind != '{')
                open[kind == '[']++;
        }
        if (kind != ')' && kind != ']' && kind != '}')
            continue;
        int found = closes(l, kind, open);
        if (found < 0)
            continue;
        l->partner[i] = l->open.at[found].at;
        l->partner[l->open.at[found].at] = i;
        while (l->open.n > found) {
            int opener = top(l)->kind;
            l->open.n--;
            if (opener != '{')
                open[opener == '[']--;
        }
        if (kind == '}') {
            l->depth--;
            open[1] = saved.at[--saved.n];
            open[0] = saved.at[--saved.n];
        }
    }
    l->open.n = 1;
    l->depth = l->nesting = 0;
}

/* ---------------------------------------------------------------- nesting */

static Level *level(Layout *l)
{
    return &l->open.at[l->open.n - 1];
}

static void reset_to(Layout *l, bool reduction, bool negation)
{
    Level *here = level(l);
    l->nesting -= here->power;
    here->power = 0;
    if (reduction) {
        l->nesting -= here->reduction;
        here->reduction = 0;
    }
    if (negation) {
        l->nesting -= here->negation;
        here->negation = 0;
    }
}

static void settle(Layout *l)
{
    reset_to(l, true, true);
    l->chain -= level(l)->chain;
    level(l)->chain = 0;
}

static void add_chain(Layout *l)
{
    level(l)->chain++;
    l->chain++;
}

/* Count what the token adds to the depth of the tree. What stands inside a looser construct stays counted with it. */
static void count(Layout *l, int kind)
{
    Level *here = level(l);
    bool operand_before = ends_operand(l->last);
    switch (kind) {
    case '-': case '+':
        if (!operand_before) {
            here->power++;
            l->nesting++;
        } else {
            reset_to(l, true, false);
            add_chain(l);
        }
        break;
    case '^':
        here->power++;
        l->nesting++;
        break;
    case TOK_NOT:
        here->negation += here->power + here->reduction + 1;
        here->power = here->reduction = 0;
        l->nesting++;
        break;
    case TOK_REDUCE:
        here->reduction += here->power + 1;
        here->power = 0;
        l->nesting++;
        break;
    case '*': case '/': case '%': case '@': case TOK_FLOORDIV:
        reset_to(l, false, false);
        add_chain(l);
        break;
    case TOK_EQ: case TOK_NE: case TOK_LE: case TOK_GE: case '<': case '>':
        reset_to(l, true, false);
        add_chain(l);
        break;
    case TOK_AND: case TOK_OR:
        reset_to(l, true, true);
        add_chain(l);
        break;
    case '\'':
        add_chain(l);
        break;
    case '[':
        if (operand_before)
            add_chain(l);
        break;
    case ',': case ':': case '=': case '~':
        settle(l);
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------------- giving out */

static const Problem *problem(Layout *l, const char *code, const char *message)
{
    Problem *p = NEW(l->ctx, Problem);
    *p = (Problem){.code = code, .message = message};
    return p;
}

static void give(Layout *l, const Token *raw, int kind)
{
    Token token = *raw;
    token.kind = kind;
    token.depth = l->depth;
    if (l->nesting > NESTING_MAX && kind != TOK_BAD && kind != TOK_END) {
        token.kind = TOK_BAD;
        token.problem = problem(l, "E0107", "nested too deeply: more than 200 levels");
    } else if (l->chain > CHAIN_MAX && kind != TOK_BAD && kind != TOK_END) {
        token.kind = TOK_BAD;
        token.problem = problem(l, "E0107", "expression too long: more than 10000 operators in a row");
    }
    vec_push(l->ctx, l->out, token);
    if (kind == TOK_BAD && token.problem->instead == ABSENT)
        return;
    l->last = kind == TOK_BAD && token.problem->instead ? token.problem->instead : kind;
    l->statement_start = kind == '{';
    l->reduces = kind == TOK_REDUCE;
}

/* A statement ends behind the last token; 'why' is what ended it. */
static void end_statement(Layout *l, const Token *why)
{
    Token token = *why;
    token.kind = TOK_SEP;
    token.depth = l->depth;
    if (l->out->n && why->kind != ';' && why->kind != '}')
        token.begin = token.end = l->out->at[l->out->n - 1].end;
    if (why->kind != ';' && why->kind != '}' && why->kind != TOK_END)
        token.raw = TOK_NEWLINE;
    settle(l);
    vec_push(l->ctx, l->out, token);
    l->last = TOK_SEP;
    l->statement_start = true;
}

static void end_statement_if_any(Layout *l, const Token *why)
{
    bool bad_alone = l->out->n && l->out->at[l->out->n - 1].kind == TOK_BAD;
    if ((l->last != TOK_SEP && l->last != '{') || bad_alone)
        end_statement(l, why);
}

static void close_brackets(Layout *l)
{
    while (in_brackets(l))
        pop(l);
}

/* A statement keyword in column 1 also ends a block that nothing closes. */
static void close_open_blocks(Layout *l, const Token *why)
{
    for (;;) {
        close_brackets(l);
        if (top(l)->kind != '{' || top(l)->closed)
            break;
        pop(l);
        l->depth--;
        end_statement(l, why);
    }
}

static void opener(Layout *l, int i)
{
    Token token = l->raw->at[i];
    int kind = token.kind;
    count(l, kind);
    if (l->partner[i] < 0) {
        token.problem = problem(l, "E0106", arena_printf(l->ctx->arena, "unclosed '%c'", kind));
        kind = TOK_BAD;
    }
    l->nesting++;                       /* as push() will: the bracket itself may be the one too deep */
    bool reduces = l->reduces;
    give(l, &token, kind);
    l->nesting--;
    l->reduces = reduces;
    push(l, i);
    l->reduces = false;
    if (token.kind == '{') {
        l->depth++;
        l->last = '{';
        l->statement_start = true;
    }
}

static void closer(Layout *l, int i)
{
    const Token *token = &l->raw->at[i];
    while (l->partner[i] >= 0 && top(l)->at > l->partner[i])
        pop(l);
    if (l->partner[i] < 0 || top(l)->at != l->partner[i]) {
        give(l, token, token->kind);
        return;
    }
    if (token->kind == '}') {
        end_statement_if_any(l, token);
        give(l, token, token->kind);
        l->depth--;
    }
    bool ranges = top(l)->ranges;
    pop(l);
    if (token->kind != '}')
        give(l, token, token->kind);
    if (ranges)
        l->last = TOK_REDUCE;           /* an operand is still to come */
}

/* 'parm W[n] ~ ...' is an error, but goes on as 'param' so that W is known. In a block only 'lett a = 3' can be one: two
 * names in a row, which no expression has. */
static bool misspelt(Layout *l, int i)
{
    const Token *token = &l->raw->at[i];
    int next = next_kind(l, i);
    bool suspect = l->depth == 0 ? next != '=' && next != '[' : next == TOK_NAME;
    if (token->kind != TOK_NAME || !l->statement_start || !suspect || top(l)->train)
        return false;
    const char *word = span_text(l->ctx, span_of(l, token));
    int kind = keyword_like(word);
    if (!kind)
        return false;
    error_at(l->ctx, span_of(l, token), "E0108", "unknown statement '%s'; did you mean '%s'?", word, token_name(kind));
    Token right = *token;
    right.spoke = true;
    give(l, &right, kind);
    return true;
}

static bool is_word(const Layout *l, const Token *token, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(token->end - token->begin) == n
        && memcmp(l->ctx->source.at[l->file].text + token->begin, word, n) == 0;
}

static int name_kind(const Layout *l, const Token *token)
{
    bool after_operand = ends_operand(l->last) && l->last != TOK_NEW;
    if (is_word(l, token, "vjp") && after_operand)
        return TOK_VJP;
    if (is_word(l, token, "from") && (after_operand || (l->last == ':' && !in_brackets(l))))
        return TOK_FROM;
    return TOK_NAME;
}

static void semicolon(Layout *l, int i)
{
    const Token *token = &l->raw->at[i];
    while (in_brackets(l) && !top(l)->closed)
        pop(l);
    if (in_brackets(l))                         /* a slip inside brackets that do close */
        give(l, token, ';');
    else
        end_statement_if_any(l, token);
}

/* Of lines without a token the first newline decides. A '\' at the end is an error that means to go on. */
static void newline(Layout *l, int i)
{
    const Token *before = i ? &l->raw->at[i - 1] : NULL;
    if (before && (before->kind == TOK_NEWLINE || (before->kind == TOK_COMMENT && before->first)))
        return;
    if (before && before->kind == TOK_BAD && is_word(l, before, "\\"))
        return;
    if (!in_brackets(l) && !goes_on_after(l->last) && next_kind(l, i) != '{')
        end_statement_if_any(l, &l->raw->at[i]);
}

static void word_or_operator(Layout *l, int i)
{
    const Token *token = &l->raw->at[i];
    if (is_name_here(l, i)) {
        give(l, token, TOK_NAME);
        return;
    }
    if (resets(l, i)) {
        Span span = span_of(l, token);
        close_brackets(l);
        if (token->first && span_column(l->ctx, span) == 1)
            close_open_blocks(l, token);
        end_statement_if_any(l, token);
    }
    if (misspelt(l, i))
        return;
    count(l, token->kind);
    give(l, token, token->kind == TOK_NAME ? name_kind(l, token) : token->kind);
}

static void end_of_file(Layout *l, const Token *end)
{
    while (l->open.n > 1) {
        bool block = top(l)->kind == '{';
        pop(l);
        if (block) {
            l->depth--;
            end_statement(l, end);
        }
    }
    end_statement_if_any(l, end);
    give(l, end, TOK_END);
}

void layout(Ctx *ctx, int file, const Tokens *raw, Tokens *out)
{
    Layout l = {.ctx = ctx, .file = file, .raw = raw, .out = out, .last = TOK_SEP, .statement_start = true};
    l.library = strcmp(ctx->source.at[file].name, "std.ad") == 0;
    l.partner = NEWN(ctx, int, raw->n);
    vec_push(ctx, &l.open, (Level){.at = -1});
    match(&l);
    for (int i = 0; i < raw->n; i++)
        switch (raw->at[i].kind) {
        case TOK_COMMENT: break;
        case TOK_NEWLINE: newline(&l, i); break;
        case ';': semicolon(&l, i); break;
        case '(': case '[': case '{': opener(&l, i); break;
        case ')': case ']': case '}': closer(&l, i); break;
        case TOK_END: end_of_file(&l, &raw->at[i]); break;
        default: word_or_operator(&l, i); break;
        }
}
