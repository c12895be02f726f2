/* parts.c: what the grammar's rules make: nodes of the tree, and the mistakes that only a rule as a whole can see.
 *
 *     'let' name '[' items ']' '=' expr    ->    AST_LET, or an error when the items are not those of a declaration
 *
 * Also what is left of a statement that does not parse (AST_POISON), and what may be stated only once. */
#include "parser.h"
#include "parse.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* One error a statement: the first. */
void syntax_error(Parser *p, Span span, const char *code, const char *format, ...)
{
    if (p->spoke) {
        diag_mute(p->ctx);
        return;
    }
    p->spoke = true;
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(p->ctx->arena, format, args);
    va_end(args);
    error_at(p->ctx, span, code, "%s", text);
}

/* ---------------------------------------------------------------- lists and expressions */

List list_of(Ast *ast)
{
    return (List){ast, ast};
}

List list_join(List a, List b)
{
    if (!a.first)
        return b;
    if (!b.first)
        return a;
    a.last->next = b.first;
    return (List){a.first, b.last};
}

List list_add(List list, Ast *ast)
{
    return list_join(list, list_of(ast));
}

Ast *make_leaf(Parser *p, AstKind kind, Span span)
{
    Ast *ast = ast_new(p->ctx, kind, span);
    const char *source = p->ctx->source.at[span.file].text;
    Span inside = span;
    if (kind == AST_STRING) {
        inside.begin++;
        inside.end -= inside.end > inside.begin && source[inside.end - 1] == '"';      /* it may not be closed */
    }
    ast->text = span_text(p->ctx, inside);
    if (kind == AST_INT)
        ast->ival = strtoll(ast->text, NULL, 10);
    if (kind == AST_REAL)
        ast->rval = strtod(ast->text, NULL);
    if (kind == AST_REAL && ast->rval > DBL_MAX)            /* the lexer spoke */
        p->broken = true;
    return ast;
}

Ast *make_unary(Parser *p, int op, Span op_span, Ast *a)
{
    Ast *ast = ast_new(p->ctx, AST_UNARY, span_join(op_span, a->span));
    ast->op = op;
    ast->op_span = op_span;
    ast->a = a;
    return ast;
}

Ast *make_binary(Parser *p, int op, Span op_span, Ast *a, Ast *b)
{
    Ast *ast = ast_new(p->ctx, AST_BINARY, span_join(a->span, b->span));
    ast->op = op;
    ast->op_span = op_span;
    ast->a = a;
    ast->b = b;
    return ast;
}

Ast *make_group(Parser *p, AstKind kind, Span span, List items)
{
    Ast *ast = ast_new(p->ctx, kind, span);
    ast->items = items.first;
    return ast;
}

Ast *make_index(Parser *p, Span span, Ast *a, List items)
{
    Ast *ast = make_group(p, AST_INDEX, span, items);
    ast->a = a;
    for (Ast *item = ast->items; item && !p->ranged; item = item->next)
        if (item->kind == AST_IN)
            p->ranged = ast;
    return ast;
}

Ast *make_reduction(Parser *p, Span span, Span word, List items, Ast *body)
{
    Ast *ast = make_group(p, AST_REDUCE, span, items);
    ast->text = span_text(p->ctx, word);
    ast->name_span = word;
    ast->a = body;
    for (Ast *item = ast->items; item; item = item->next) {
        if (item->kind == AST_IN)
            continue;
        syntax_error(p, item->span, "E0116", "the brackets of '%s' take ranges such as 'k in K'", ast->text);
        hint(p->ctx, "to reduce an array write '%s(x)' or '%s(x, over = dim)'", ast->text, ast->text);
        p->broken = true;
        break;
    }
    return ast;
}

Ast *make_call(Parser *p, Span span, Span name, List args)
{
    Ast *ast = make_group(p, AST_CALL, span, args);
    ast->text = span_text(p->ctx, name);
    ast->name_span = name;
    return ast;
}

Ast *make_range(Parser *p, Span span, Ast *name, Ast *from, Ast *to)
{
    Ast *ast = ast_new(p->ctx, AST_IN, span);
    ast->text = name->text;
    ast->name_span = name->span;
    ast->a = from;
    ast->b = to;
    return ast;
}

Ast *make_slice(Parser *p, Span span, Ast *from, Ast *to, Ast *step)
{
    Ast *ast = ast_new(p->ctx, AST_SLICE, span);
    ast->a = from;
    ast->b = to;
    ast->c = step;
    return ast;
}

/* ---------------------------------------------------------------- statements */

static void stray_item(Parser *p, const Ast *item, const char *wanted)
{
    syntax_error(p, item->span, "E0116", "unexpected %s in a declaration's brackets; expected %s",
                 item->kind == AST_IN ? item->b ? "'a:b'" : "'in'" : item->kind == AST_NEW ? "'new'" : "slice", wanted);
    if (item->kind == AST_IN && item->b)
        hint(p->ctx, "an index of a declaration runs from 0: 'k in b - a', read at 'k + a'");
}

/* Brackets that name dims and sizes only: those of data, param and arguments. */
List plain_brackets(Parser *p, List brackets)
{
    for (Ast *item = brackets.first; item; item = item->next)
        if (item->kind == AST_IN || item->kind == AST_SLICE || item->kind == AST_NEW) {
            stray_item(p, item, "a dim or a size");
            p->broken = true;
            break;
        }
    return brackets;
}

Ast *make_declaration(Parser *p, AstKind kind, Span span, Ast *name, List brackets, Ast *from, int op, Ast *value)
{
    Ast *ast = ast_new(p->ctx, kind, span);
    ast->text = name->text;
    ast->name_span = name->span;
    ast->bracketed = brackets.first != NULL;
    if (brackets.first && brackets.first->kind != AST_POISON)       /* the mark of an empty bracket */
        ast->items = brackets.first;
    ast->from = from;
    ast->op = op;
    ast->a = value;
    for (Ast *item = ast->items; item; item = item->next)
        if (item->kind == AST_SLICE || item->kind == AST_NEW || (item->kind == AST_IN && item->b)) {
            stray_item(p, item, "a dim, a size or 'k in K'");
            p->broken = true;
            break;
        }
    return ast;
}

/* A loss, metric or output: an expression alone, or one that is the head of a declaration. */
Ast *make_result(Parser *p, AstKind kind, Span span, Ast *head, Ast *from, int op, Ast *value)
{
    if (!op) {
        Ast *ast = ast_new(p->ctx, kind, span);
        ast->a = head;
        return ast;
    }
    if (head->kind == AST_NAME)
        return make_declaration(p, kind, span, head, (List){0}, from, op, value);
    if (head->kind == AST_INDEX && head->a->kind == AST_NAME) {
        if (p->ranged == head)
            p->ranged = NULL;
        return make_declaration(p, kind, span, head->a, (List){head->items, NULL}, from, op, value);
    }
    syntax_error(p, head->span, "E0111", "expected a name on the left of '%c'", op);
    p->ranged = NULL;
    return ast_new(p->ctx, AST_POISON, span);
}

Ast *with_clauses(Ast *ast, List clauses)
{
    ast->clauses = clauses.first;
    return ast;
}

Ast *make_dim(Parser *p, Span span, Ast *name, Ast *size, Ast *batch)
{
    Ast *ast = ast_new(p->ctx, AST_DIM, span);
    ast->text = name->text;
    ast->name_span = name->span;
    ast->a = size;
    ast->flag = batch != NULL;
    if (batch) {
        ast->op_span = batch->span;
        if (strcmp(batch->text, "batch") != 0) {            /* 'dim n m': the other one is a dim too */
            syntax_error(p, batch->span, "E0101", "unexpected '%s'; expected 'batch', '=', ',' or end of line", batch->text);
            batch->kind = AST_POISON;
            p->strays = list_add(p->strays, batch);
            ast->flag = false;
        }
    }
    return ast;
}

void make_precision(Parser *p, Ast *ast)
{
    ast->kind = AST_PRECISION;
    if (strcmp(ast->text, "f32") == 0 || strcmp(ast->text, "f64") == 0)
        return;
    syntax_error(p, ast->span, "E0118", "unknown precision '%s'; expected 'f32' or 'f64'", ast->text);
    ast->text = "f32";
    ast->flag = true;                   /* spoken about */
}

/* 'param b = 0  // the bias' is a whole division by 'the', and then an unknown clause. */
static void refuse_comment(Parser *p, const Ast *clause)
{
    static const char *const known[] = {"positive", "in", "ordered", "simplex", "frozen"};
    if (is_one_of(clause->text, known, sizeof known / sizeof *known) || !behind_slashes(p->ctx, clause->span))
        return;
    syntax_error(p, clause->span, "E0101", "unexpected '%s'", clause->text);
    hint(p->ctx, "a comment begins with '#'");
    p->broken = true;
}

Ast *make_clause(Parser *p, Span span, Span word, List args)
{
    Ast *ast = make_group(p, AST_CLAUSE, span, args);
    ast->text = span_text(p->ctx, word);
    ast->name_span = word;
    refuse_comment(p, ast);
    return ast;
}

Ast *make_source(Parser *p, Span span, Ast *word, List strings, Ast *low, Ast *high)
{
    Ast *ast = make_group(p, AST_CLAUSE, span, strings);
    ast->text = "from";
    ast->name_span = (Span){span.file, span.begin, span.begin + (int)strlen("from")};
    ast->a = low;
    ast->b = high;
    ast->flag = strcmp(word->text, "columns") == 0;
    if (!ast->flag && strcmp(word->text, "column") != 0)
        syntax_error(p, word->span, "E0101", "unexpected '%s'; expected 'columns' or 'column'", word->text);
    return ast;
}

/* ---------------------------------------------------------------- functions and scans */

static Span keyword_span(const Ast *statement)
{
    static const char *const words[] = {
        [AST_PRECISION] = "precision", [AST_DIM] = "dim", [AST_HYPER] = "hyper", [AST_DATA] = "data",
        [AST_PARAM] = "param", [AST_LET] = "let", [AST_FN] = "fn", [AST_LOSS] = "loss", [AST_METRIC] = "metric",
        [AST_OUTPUT] = "output", [AST_ASSERT] = "assert", [AST_IMPORT] = "import", [AST_TRAIN] = "train",
        [AST_SCAN] = "scan",
    };
    Span span = statement->span;
    if (statement->kind < AST_PRECISION || !words[statement->kind])
        return span;
    span.end = span.begin + (int)strlen(words[statement->kind]);
    return span;
}

static bool is_expression(const Ast *ast)
{
    return ast->kind < AST_IN;
}

static void misplaced(Parser *p, const Ast *statement, const char *holder)
{
    Span word = keyword_span(statement);
    if (is_expression(statement))
        error_at(p->ctx, word, "E0112", "a value cannot stand in %s", holder);
    else
        error_at(p->ctx, word, "E0112", "'%s' cannot stand in %s", span_text(p->ctx, word), holder);
}

/* The lines of a function's block: lets and scans, then its value. */
Ast *make_block(Parser *p, Span span, List lines)
{
    Ast *ast = ast_new(p->ctx, AST_FN, span), *next;
    List kept = {0};
    bool failed = false;
    for (Ast *line = lines.first; line; line = next) {
        next = line->next;
        line->next = NULL;
        if (line->kind == AST_LET || line->kind == AST_SCAN) {
            kept = list_add(kept, line);
        } else if (line->kind == AST_POISON) {
            kept = list_add(kept, line);
            failed = !next;
        } else if (!is_expression(line)) {
            misplaced(p, line, "a function's block, which holds 'let' and 'scan' and ends with its value");
        } else if (next) {
            error_at(p->ctx, line->span, "E0113", "a value must be the last line of a function's block");
        } else {
            ast->a = line;
        }
    }
    if (!ast->a) {
        Span end = {span.file, span.end - 1, span.end};
        if (!failed)
            error_at(p->ctx, end, "E0113", "the function's block has no value: its last line must be an expression");
        p->broken = true;
    }
    ast->clauses = kept.first;
    return ast;
}

Ast *make_function(Span span, Ast *name, List args, Ast *value, Ast *vjp)
{
    value->span = span;
    value->text = name->text;
    value->name_span = name->span;
    value->items = args.first;
    value->vjp = vjp;
    return value;
}

Ast *make_scan(Parser *p, Span span, Ast *range, List lines)
{
    Ast *ast = ast_new(p->ctx, AST_SCAN, span), *next;
    ast->text = range->text;
    ast->name_span = range->name_span;
    ast->a = range->a;
    ast->b = range->b;
    List kept = {0};
    for (Ast *line = lines.first; line; line = next) {
        next = line->next;
        line->next = NULL;
        if (line->kind == AST_LET || line->kind == AST_POISON)
            kept = list_add(kept, line);
        else
            misplaced(p, line, "a scan, which holds 'let' only");
    }
    if (!lines.first)
        error_at(p->ctx, keyword_span(ast), "E0112", "the scan is empty: it must hold a 'let'");
    ast->clauses = kept.first;
    return ast;
}

Ast *make_rule(Parser *p, Span span, Span word, List cotangents, Ast *value)
{
    const Ast *cotangent = cotangents.first;
    Ast *ast = ast_new(p->ctx, AST_VJP, span);
    p->broken |= cotangent->next || cotangent->a;
    if (cotangent->next) {
        syntax_error(p, cotangent->next->span, "E0114", "a vjp rule has one cotangent, shaped as the function's value");
        label_at(p->ctx, cotangent->span, "this one is it");
    } else if (cotangent->a) {
        syntax_error(p, cotangent->a->span, "E0114", "the cotangent of a vjp rule has no default");
    }
    ast->text = cotangent->text;
    ast->name_span = cotangent->name_span;
    ast->op_span = word;
    ast->items = cotangent->items;
    ast->bracketed = cotangent->bracketed;
    ast->clauses = value->kind == AST_TUPLE ? value->items : value;
    return ast;
}

/* ---------------------------------------------------------------- statements that do not parse */

static Ast *poison_named(Parser *p, const Token *token)
{
    Span span = {p->file, token->begin, token->end};
    Ast *ast = ast_new(p->ctx, AST_POISON, span);
    ast->text = span_text(p->ctx, span);
    return ast;
}

/* 'loss J sum(w)', 'loss J: e': a '=' forgotten, or another sign for it. */
static bool lacks_equals(int raw)
{
    return raw == ':' || raw == TOK_NAME || raw == TOK_REDUCE || raw == TOK_INT || raw == TOK_REAL || raw == TOK_NOT;
}

/* Does the statement whose keyword is at i give a value to the name that follows it? 'loss f(' does not declare f. */
static bool gives_value(const Tokens *tokens, int i, int end)
{
    int depth = 0;
    for (i += 2; i < end && !is_statement_word(tokens->at[i].kind); i++) {
        int raw = tokens->at[i].raw;
        depth += raw == '[';
        depth -= raw == ']';
        if (depth == 0 && raw != ']')
            return raw == '=' || raw == '~' || tokens->at[i].kind == TOK_FROM || lacks_equals(raw);
    }
    return false;
}

static bool declares(const Tokens *tokens, int i, int end)
{
    switch (tokens->at[i].kind) {
    case TOK_DIM: case TOK_HYPER: case TOK_DATA: case TOK_PARAM: case TOK_LET: case TOK_FN:
        return true;
    case TOK_LOSS: case TOK_METRIC: case TOK_OUTPUT:
        return gives_value(tokens, i, end);
    default:
        return false;
    }
}

/* 'let a = 1, b = 2' is no statement, but it means to declare both. */
static bool declares_several(int keyword)
{
    return keyword == TOK_DIM || keyword == TOK_LET || keyword == TOK_PARAM || keyword == TOK_DATA || keyword == TOK_HYPER;
}

/* The statement around the token that went wrong, as poison: its own name, the other names of a list, and what a
 * keyword further along (an end of line forgotten) would have declared. Of a function only its own name: the rest is local. */

List make_poison(Parser *p)
{
    const Tokens *tokens = &p->tokens;
    int depth = tokens->at[p->wrong].depth, begin = p->wrong, end = p->wrong;
    while (begin > 0 && !(tokens->at[begin - 1].kind == TOK_SEP && tokens->at[begin - 1].depth <= depth)
           && !(tokens->at[begin - 1].kind == '{' && tokens->at[begin - 1].depth < depth))
        begin--;
    while (tokens->at[end].kind != TOK_END && !(tokens->at[end].kind == TOK_SEP && tokens->at[end].depth <= depth))
        end++;
    List list = {0};
    int keyword = 0, open = 0;
    if (tokens->at[begin].kind == TOK_NAME || tokens->at[begin].kind == TOK_REDUCE) {       /* 'foo W[n] ~ ...', 'var a = 1', 'W = 3' */
        if (tokens->at[begin + 1].kind == TOK_NAME)
            list = list_add(list, poison_named(p, &tokens->at[begin + 1]));
        else if (tokens->at[begin + 1].kind == '=')
            list = list_add(list, poison_named(p, &tokens->at[begin]));
    }
    for (int i = begin; i < end; i++) {
        const Token *token = &tokens->at[i];
        open += token->raw == '(' || token->raw == '[';
        open -= token->raw == ')' || token->raw == ']';
        if (is_statement_word(token->kind)) {
            keyword = token->kind;
            open = 0;
        }
        bool next_is_name = tokens->at[i + 1].kind == TOK_NAME;
        bool another = open == 0 && (token->kind == ',' ? declares_several(keyword) : keyword == TOK_DIM && token->kind == TOK_NAME);
        if (next_is_name && (declares(tokens, i, end) || another))
            list = list_add(list, poison_named(p, &tokens->at[i + 1]));
        if (tokens->at[begin].kind == TOK_FN && list.first)
            break;
    }
    p->ranged = NULL;
    p->strays = (List){0};
    p->spoke = p->broken = false;
    return list.first ? list : list_of(ast_new(p->ctx, AST_POISON, (Span){p->file, tokens->at[begin].begin, tokens->at[end].end}));
}

/* What a broken statement leaves: itself as poison, of a scan the names of its block. */
static List poisoned(List list)
{
    if (list.first && list.first->kind == AST_SCAN)
        list.first = list.first->clauses;
    for (Ast *ast = list.first; ast; ast = ast->next) {
        if (ast->kind == AST_IMPORT || ast->kind == AST_PRECISION)
            ast->text = NULL;
        ast->kind = AST_POISON;
        list.last = ast;
    }
    return list;
}

List end_of_statement(Parser *p, List list)
{
    if (p->ranged) {
        const Ast *range = p->ranged->items;
        while (range->kind != AST_IN)
            range = range->next;
        syntax_error(p, range->span, "E0116",
                     "a range stands only in a declaration's brackets and in a reduction's, as in sum[k in K]");
        p->broken = true;
    }
    if (p->broken)
        list = poisoned(list);
    list = list_join(list, p->strays);
    p->strays = (List){0};
    p->ranged = NULL;
    p->spoke = p->broken = false;
    return list;
}

/* Drops from a list what repeats an earlier one, with an error that names the first's place. */
static void say_twice(Ctx *ctx, Span span, Span first, const char *what)
{
    error_at(ctx, span, "E0115", "%s is stated twice; the first is at %s", what, place(ctx, first));
    note_at(ctx, first, "the first one");
}

static void drop_repeated(Ctx *ctx, Ast **list, const char *what)
{
    for (Ast *first = *list; first; first = first->next)
        for (Ast **at = &first->next; *at;) {
            if (strcmp((*at)->text, first->text) != 0) {
                at = &(*at)->next;
                continue;
            }
            say_twice(ctx, (*at)->name_span, first->name_span, arena_printf(ctx->arena, "%s '%s'", what, first->text));
            *at = (*at)->next;
        }
}

void drop_repeated_statements(Ctx *ctx, Ast **list)
{
    const Ast *precision = NULL, *train = NULL, *batch = NULL;
    for (Ast **at = list; *at;) {
        Ast *ast = *at;
        const Ast **first = ast->kind == AST_PRECISION ? &precision : ast->kind == AST_TRAIN ? &train
                          : ast->kind == AST_DIM && ast->flag ? &batch : NULL;
        if (ast->kind == AST_TRAIN)
            drop_repeated(ctx, &ast->items, "setting");
        if (ast->kind == AST_DATA || ast->kind == AST_PARAM)
            drop_repeated(ctx, &ast->clauses, "clause");
        if (first && *first && first == &batch) {
            say_twice(ctx, ast->op_span, batch->op_span, "'batch'");
            ast->flag = false;
        } else if (first && *first) {
            if (first == &train || !ast->flag)
                say_twice(ctx, keyword_span(ast), keyword_span(*first), first == &train ? "'train'" : "'precision'");
            *at = ast->next;
            continue;
        }
        if (first && !*first)
            *first = ast;
        at = &ast->next;
    }
}
