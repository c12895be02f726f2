/* parse.y: tokens -> syntax tree. The grammar of the language, once, and the wording of its syntax errors.
 *
 *     loss J = sum((U @ V - A)^2)    ->    AST_LOSS J, AST_CALL sum, AST_BINARY ^, ...
 *
 * Lines, brackets and the words whose meaning hangs on their place are settled by layout.c; what is left is LALR(1)
 * without a conflict. A statement that does not parse reports one error and yields AST_POISON with the names that it
 * would have declared, so that nothing that uses them is reported again. */
%code requires {
#include "parser.h"
}

%define api.pure full
%define api.prefix {ad_}
%define api.token.prefix {TOK_}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%locations
%param {Parser *p}
%expect 0

%union { Ast *ast; List list; int op; }

%token END 0
%token NAME INT REAL STRING
%token PRECISION DIM HYPER DATA PARAM LET FN LOSS METRIC OUTPUT ASSERT IMPORT TRAIN SCAN
%token AND OR NOT IN NEW TRUE FALSE REDUCE FROM VJP
%token EQ NE LE GE FLOORDIV
%token SEP BAD NEWLINE COMMENT

%left OR
%left AND
%precedence NOT
%nonassoc EQ NE '<' LE '>' GE
%left '+' '-'
%precedence BODY                /* a reduction's body goes on over * / // % @ and ends before + */
%left '*' '/' FLOORDIV '%' '@'
%precedence SIGN
%right '^'
%precedence '\'' '['

%type <ast> item expr primary slice arg statement precision_word dim_item clause vjp function value block_line
%type <ast> setting name range draw
%type <list> lines line statements_of items items_opt index_items args exprs strings brackets clauses fnargs fnargs_opt
%type <list> block block_lines settings dim_items
%type <ast> fnarg
%type <op> equals

%{
#include "parser.h"
#include "parse.h"

#include <string.h>

#define YYMAXDEPTH 30000
#define YYLLOC_DEFAULT(here, rhs, n) \
    ((here) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) \
                  : (Span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end})

#if defined __GNUC__
#pragma GCC diagnostic ignored "-Wconversion"
#endif

static int ad_lex(AD_STYPE *, Span *, Parser *);
static void ad_error(Span *, Parser *, const char *message);
static List end_of_setting(Parser *, Ast *);
%}

%%

file: lines                             { p->program = $1; }
    ;

lines: %empty                           { $$ = (List){0}; }
    | lines line                        { $$ = list_join($1, $2); }
    ;

line: statements_of SEP                 { $$ = end_of_statement(p, $1); }
    | error SEP                         { $$ = make_poison(p); yyerrok; }
    ;

statements_of: statement                { $$ = list_of($1); }
    | DIM dim_items                     { $$ = $2; $2.first->span = span_join(@1, $2.first->span); }
    ;

/* ---------------------------------------------------------------- statements */

statement: PRECISION precision_word     { $$ = $2; $$->span = @$; }
    | HYPER name '=' expr               { $$ = make_declaration(p, AST_HYPER, @$, $2, (List){0}, NULL, '=', $4); }
    | DATA name brackets clauses        { $$ = with_clauses(make_declaration(p, AST_DATA, @$, $2, plain_brackets(p, $3), NULL, 0, NULL), $4); }
    | PARAM name brackets clauses       { $$ = with_clauses(make_declaration(p, AST_PARAM, @$, $2, plain_brackets(p, $3), NULL, 0, NULL), $4); }
    | PARAM name brackets equals expr clauses
                                        { $$ = with_clauses(make_declaration(p, AST_PARAM, @$, $2, plain_brackets(p, $3), NULL, $4, $5), $6); }
    | LET name brackets equals expr     { $$ = make_declaration(p, AST_LET, @$, $2, $3, NULL, $4, $5); }
    | LET name brackets FROM expr '=' expr
                                        { $$ = make_declaration(p, AST_LET, @$, $2, $3, $5, '=', $7); }
    | function
    | LOSS expr                         { $$ = make_result(p, AST_LOSS, @$, $2, NULL, 0, NULL); }
    | LOSS expr draw                    { $$ = make_result(p, AST_LOSS, @$, $2, $3->from, $3->op, $3->a); }
    | METRIC expr                       { $$ = make_result(p, AST_METRIC, @$, $2, NULL, 0, NULL); }
    | METRIC expr draw                  { $$ = make_result(p, AST_METRIC, @$, $2, $3->from, $3->op, $3->a); }
    | OUTPUT expr                       { $$ = make_result(p, AST_OUTPUT, @$, $2, NULL, 0, NULL); }
    | OUTPUT expr draw                  { $$ = make_result(p, AST_OUTPUT, @$, $2, $3->from, $3->op, $3->a); }
    | ASSERT expr                       { $$ = ast_new(p->ctx, AST_ASSERT, @$); $$->a = $2; }
    | IMPORT STRING                     { $$ = make_leaf(p, AST_STRING, @2); $$->kind = AST_IMPORT; $$->span = @$;
                                          p->broken = p->spoke; }
    | TRAIN '{' settings '}'            { $$ = ast_new(p->ctx, AST_TRAIN, @$); $$->name_span = @1; $$->items = $3.first; }
    | SCAN range block                  { $$ = make_scan(p, @$, $2, $3); }
    ;

/* The right side of a loss, metric or output that declares a name; carried in a node of its own. */
draw: equals expr                       { $$ = ast_new(p->ctx, AST_ARG, @$); $$->op = $1; $$->a = $2; }
    | FROM expr '=' expr                { $$ = ast_new(p->ctx, AST_ARG, @$); $$->op = '='; $$->from = $2; $$->a = $4; }
    ;

equals: '='                             { $$ = '='; }
    | '~'                               { $$ = '~'; }
    ;

name: NAME                              { $$ = make_leaf(p, AST_NAME, @1); }
    ;

precision_word: NAME                    { $$ = make_leaf(p, AST_NAME, @1); make_precision(p, $$); }
    ;

dim_items: dim_item                     { $$ = list_of($1); }
    | dim_items ',' dim_item            { $$ = list_add($1, $3); }
    ;

dim_item: name                          { $$ = make_dim(p, @$, $1, NULL, NULL); }
    | name name                         { $$ = make_dim(p, @$, $1, NULL, $2); }
    | name '=' expr                     { $$ = make_dim(p, @$, $1, $3, NULL); }
    ;

brackets: %empty                        { $$ = (List){0}; }
    | '[' items_opt ']'                 { $$ = $2.first ? $2 : list_of(ast_new(p->ctx, AST_POISON, @$)); }
    ;

clauses: %empty                         { $$ = (List){0}; }
    | clauses clause                    { $$ = list_add($1, $2); }
    | clauses ':' clause                { $$ = list_add($1, $3); }
    ;

clause: NAME                            { $$ = make_clause(p, @$, @1, (List){0}); }
    | NAME '(' args ')'                 { $$ = make_clause(p, @$, @1, $3); }
    | IN '(' args ')'                   { $$ = make_clause(p, @$, @1, $3); }
    | FROM name strings                 { $$ = make_source(p, @$, $2, $3, NULL, NULL); }
    | FROM name INT ':' INT             { $$ = make_source(p, @$, $2, (List){0}, make_leaf(p, AST_INT, @3), make_leaf(p, AST_INT, @5)); }
    ;

strings: STRING                         { $$ = list_of(make_leaf(p, AST_STRING, @1)); }
    | strings ',' STRING                { $$ = list_add($1, make_leaf(p, AST_STRING, @3)); }
    ;

settings: %empty                        { $$ = (List){0}; }
    | settings setting SEP              { $$ = list_join($1, end_of_setting(p, $2)); }
    | settings error SEP                { $$ = $1; make_poison(p); yyerrok; }
    ;

setting: name '=' expr                  { $$ = ast_new(p->ctx, AST_ARG, @$); $$->text = $1->text;
                                          $$->name_span = @1; $$->a = $3; }
    ;

/* ---------------------------------------------------------------- functions and blocks */

function: FN name '(' fnargs_opt ')' value vjp
                                        { $$ = make_function(@$, $2, $4, $6, $7); }
    ;

value: '=' expr                         { $$ = ast_new(p->ctx, AST_FN, @2); $$->a = $2; }
    | '=' block                         { $$ = make_block(p, @2, $2); }
    | block                             { $$ = make_block(p, @1, $1); }
    ;

vjp: %empty                             { $$ = NULL; }
    | VJP '(' fnargs ')' '=' expr       { $$ = make_rule(p, @$, @1, $3, $6); }
    ;

fnargs_opt: %empty                      { $$ = (List){0}; }
    | fnargs
    | fnargs ','
    ;

fnargs: fnarg                           { $$ = list_of($1); }
    | fnargs ',' fnarg                  { $$ = list_add($1, $3); }
    ;

fnarg: name brackets                    { $$ = make_declaration(p, AST_FNARG, @$, $1, plain_brackets(p, $2), NULL, 0, NULL); }
    | name brackets '=' expr            { $$ = make_declaration(p, AST_FNARG, @$, $1, plain_brackets(p, $2), NULL, '=', $4); }
    ;

block: '{' block_lines '}'              { $$ = $2; }
    ;

block_lines: %empty                     { $$ = (List){0}; }
    | block_lines block_line SEP        { $$ = list_join($1, end_of_statement(p, list_of($2))); }
    | block_lines error SEP             { $$ = list_join($1, make_poison(p)); yyerrok; }
    ;

block_line: statement
    | DIM dim_items                     { $$ = $2.first; $$->span = span_join(@1, $$->span); $$->next = NULL; }
    | expr
    ;

/* ---------------------------------------------------------------- expressions */

expr: primary
    | expr OR expr                      { $$ = make_binary(p, '|', @2, $1, $3); }
    | expr AND expr                     { $$ = make_binary(p, '&', @2, $1, $3); }
    | NOT expr                          { $$ = make_unary(p, '!', @1, $2); }
    | expr EQ expr                      { $$ = make_binary(p, '=', @2, $1, $3); }
    | expr NE expr                      { $$ = make_binary(p, 'N', @2, $1, $3); }
    | expr '<' expr                     { $$ = make_binary(p, '<', @2, $1, $3); }
    | expr LE expr                      { $$ = make_binary(p, 'L', @2, $1, $3); }
    | expr '>' expr                     { $$ = make_binary(p, '>', @2, $1, $3); }
    | expr GE expr                      { $$ = make_binary(p, 'G', @2, $1, $3); }
    | expr '+' expr                     { $$ = make_binary(p, '+', @2, $1, $3); }
    | expr '-' expr                     { $$ = make_binary(p, '-', @2, $1, $3); }
    | expr '*' expr                     { $$ = make_binary(p, '*', @2, $1, $3); }
    | expr '/' expr                     { $$ = make_binary(p, '/', @2, $1, $3); }
    | expr FLOORDIV expr                { $$ = make_binary(p, 'D', @2, $1, $3); }
    | expr '%' expr                     { $$ = make_binary(p, '%', @2, $1, $3); }
    | expr '@' expr                     { $$ = make_binary(p, '@', @2, $1, $3); }
    | '-' expr %prec SIGN               { $$ = make_unary(p, '-', @1, $2); }
    | '+' expr %prec SIGN               { $$ = make_unary(p, '+', @1, $2); }
    | expr '^' expr                     { $$ = make_binary(p, '^', @2, $1, $3); }
    | expr '\''                         { $$ = ast_new(p->ctx, AST_TRANSPOSE, @$); $$->op_span = @2; $$->a = $1; }
    | expr '[' index_items ']'          { $$ = make_index(p, @$, $1, $3); }
    | REDUCE '[' items ']' expr %prec BODY
                                        { $$ = make_reduction(p, @$, @1, $3, $5); }
    ;

primary: INT                            { $$ = make_leaf(p, AST_INT, @1); }
    | REAL                              { $$ = make_leaf(p, AST_REAL, @1); }
    | STRING                            { $$ = make_leaf(p, AST_STRING, @1); p->broken |= p->spoke; }
    | TRUE                              { $$ = make_leaf(p, AST_BOOL, @1); $$->ival = 1; }
    | FALSE                             { $$ = make_leaf(p, AST_BOOL, @1); }
    | NAME                              { $$ = make_leaf(p, AST_NAME, @1); }
    | NAME '(' args ')'                 { $$ = make_call(p, @$, @1, $3); }
    | REDUCE '(' args ')'               { $$ = make_call(p, @$, @1, $3); }
    | '(' expr ')'                      { $$ = $2; $$->span = @$; }
    | '(' expr ',' ')'                  { $$ = make_group(p, AST_TUPLE, @$, list_of($2)); }
    | '(' expr ',' exprs ')'            { $$ = make_group(p, AST_TUPLE, @$, list_join(list_of($2), $4)); }
    | '(' expr ',' exprs ',' ')'        { $$ = make_group(p, AST_TUPLE, @$, list_join(list_of($2), $4)); }
    | '[' exprs ']'                     { $$ = make_group(p, AST_ARRAY, @$, $2); }
    | '[' exprs ',' ']'                 { $$ = make_group(p, AST_ARRAY, @$, $2); }
    ;

exprs: expr                             { $$ = list_of($1); }
    | exprs ',' expr                    { $$ = list_add($1, $3); }
    ;

args: %empty                            { $$ = (List){0}; }
    | exprs_args
    ;

%type <list> exprs_args;
exprs_args: arg_list
    | arg_list ','
    ;

%type <list> arg_list;
arg_list: arg                           { $$ = list_of($1); }
    | arg_list ',' arg                  { $$ = list_add($1, $3); }
    ;

arg: expr
    | NAME '=' expr                     { $$ = make_leaf(p, AST_NAME, @1); $$->kind = AST_ARG; $$->span = @$; $$->a = $3; }
    ;

index_items: items
    | items ','
    ;

items_opt: %empty                       { $$ = (List){0}; }
    | items
    | items ','
    ;

items: item                             { $$ = list_of($1); }
    | items ',' item                    { $$ = list_add($1, $3); }
    ;

item: expr
    | slice
    | range
    | NEW                               { $$ = ast_new(p->ctx, AST_NEW, @1); }
    ;

range: name IN expr                     { $$ = make_range(p, @$, $1, $3, NULL); }
    | name IN expr ':' expr             { $$ = make_range(p, @$, $1, $3, $5); }
    ;

slice: ':'                              { $$ = make_slice(p, @$, NULL, NULL, NULL); }
    | ':' expr                          { $$ = make_slice(p, @$, NULL, $2, NULL); }
    | expr ':'                          { $$ = make_slice(p, @$, $1, NULL, NULL); }
    | expr ':' expr                     { $$ = make_slice(p, @$, $1, $3, NULL); }
    | ':' ':'                           { $$ = make_slice(p, @$, NULL, NULL, NULL); }
    | ':' ':' expr                      { $$ = make_slice(p, @$, NULL, NULL, $3); }
    | ':' expr ':'                      { $$ = make_slice(p, @$, NULL, $2, NULL); }
    | ':' expr ':' expr                 { $$ = make_slice(p, @$, NULL, $2, $4); }
    | expr ':' ':'                      { $$ = make_slice(p, @$, $1, NULL, NULL); }
    | expr ':' ':' expr                 { $$ = make_slice(p, @$, $1, NULL, $4); }
    | expr ':' expr ':'                 { $$ = make_slice(p, @$, $1, $3, NULL); }
    | expr ':' expr ':' expr            { $$ = make_slice(p, @$, $1, $3, $5); }
    ;

%%

/* ---------------------------------------------------------------- what is said about syntax */

typedef struct { bool symbol[YYNTOKENS]; } Expected;

static bool expects(const Expected *expected, int kind)
{
    return expected->symbol[YYTRANSLATE(kind)];
}

static const char *shown(Parser *p, const Token *token)
{
    Span span = {p->file, token->begin, token->end};
    if (token->kind == TOK_END || (token->kind == TOK_SEP && token->raw == TOK_END))
        return "end of file";
    if (token->kind == TOK_SEP && token->raw == TOK_NEWLINE)
        return "end of line";
    if (token->kind == TOK_SEP)
        return token->raw == '}' ? "'}'" : "';'";
    if (token->kind == TOK_STRING)
        return arena_printf(p->ctx->arena, "string %s", shorten(p->ctx, span_text(p->ctx, span)));
    return arena_printf(p->ctx->arena, "'%s'", shorten(p->ctx, span_text(p->ctx, span)));
}

static bool starts_operand(int kind)
{
    switch (kind) {
    case TOK_NAME: case TOK_INT: case TOK_REAL: case TOK_STRING: case TOK_TRUE: case TOK_FALSE: case TOK_REDUCE:
    case TOK_NOT: case '(': case '[': case '-': case '+':
        return true;
    default:
        return false;
    }
}

static bool is_operator(int kind)
{
    return kind == '\'' || kind == '[' || kind == '(' || (goes_on_after(kind) && kind != '=' && kind != '~' && kind != ',');
}

/* "an expression, ':' or 'new'": what could have stood here, in at most four words, or NULL. Operators go without saying
 * where something else could end the operand. */
static const char *wanted(Parser *p, const Expected *expected)
{
    static const int order[] = {
        TOK_FROM, TOK_VJP, TOK_IN, TOK_NEW, TOK_NAME, TOK_INT, TOK_STRING, '(', '[', '{', '=', '~', ':', ',', ')', ']', '}',
        TOK_SEP,
    };
    const char *words[16];
    int n = 0;
    bool statement = expects(expected, TOK_LET), operand = expects(expected, TOK_REAL);
    bool operators = expects(expected, '*'), closed = false;
    if (statement && !expects(expected, '}'))
        words[n++] = "a statement";
    else if (statement)
        words[n++] = "'let', 'scan'";
    if (operand)
        words[n++] = statement ? "a value" : "an expression";
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        int kind = order[i];
        if (!expects(expected, kind) || (operand && starts_operand(kind)) || (operators && is_operator(kind)))
            continue;
        if (operators && (kind == '=' || kind == '~' || kind == TOK_FROM))      /* of a head that has ended by now */
            continue;
        closed = closed || kind == ',' || kind == ')' || kind == ']';
        words[n++] = kind == TOK_SEP ? "end of line" : kind == TOK_NAME ? "a name" : kind == TOK_INT ? "an integer"
                   : kind == TOK_STRING ? "a string" : arena_printf(p->ctx->arena, "'%s'", token_name(kind));
    }
    if (operators && !closed) {
        memmove(words + 1, words, sizeof *words * (size_t)n);
        words[0] = "an operator";
        n++;
    }
    if (n == 0 || n > 4)
        return NULL;
    char *text = arena_strdup(p->ctx->arena, words[0]);
    for (int i = 1; i < n; i++)
        text = arena_printf(p->ctx->arena, "%s%s%s", text, i == n - 1 ? " or " : ", ", words[i]);
    return text;
}

static bool is_comparison(int kind)
{
    return kind == TOK_EQ || kind == TOK_NE || kind == TOK_LE || kind == TOK_GE || kind == '<' || kind == '>';
}

static bool is_word(int kind)
{
    return is_statement_word(kind) || kind == TOK_REDUCE || (kind >= TOK_AND && kind <= TOK_FALSE);
}

static bool is_text(Parser *p, const Token *token, const char *text)
{
    return strcmp(span_text(p->ctx, (Span){p->file, token->begin, token->end}), text) == 0;
}

/* ---- what is said of mistakes that have a name: habits of other languages, and slips */

static const Token *statement_begin(const Parser *p, const Token *token)
{
    const Token *begin = token;
    while (begin > p->tokens.at && begin[-1].kind != TOK_SEP && begin[-1].kind != '{')
        begin--;
    return begin;
}

static bool touches(const Token *a, const Token *b)
{
    return a->end == b->begin;
}

/* '//' and '/ *' of other languages; '//' between two operands is whole division. */
static bool begins_comment(const Parser *p, const Token *token)
{
    for (const Token *at = statement_begin(p, token); at <= token; at++)
        if (at->kind == TOK_FLOORDIV || (at->kind == '/' && at[1].kind == '*' && touches(at, at + 1)))
            return true;
    return false;
}

/* 'W[k] = 3': a head without its keyword. */
static bool is_head(const Token *begin, const Token *equals)
{
    return begin->kind == TOK_NAME && equals->kind == '=' && (begin + 1 == equals || (begin[1].kind == '[' && equals[-1].kind == ']'));
}

static const char *hint_at_statement(Parser *p, const Token *token, const Expected *expected)
{
    const Token *before = token > p->tokens.at ? token - 1 : token, *begin = statement_begin(p, token);
    if (token->kind == ',' && before->kind == TOK_INT && token[1].kind == TOK_INT && touches(before, token) && touches(token, token + 1))
        return "the decimals of a number follow a '.'";
    if (begin->kind == TOK_ASSERT && token->kind == ',')
        return "'assert' takes a condition alone, without a text";
    if (before->kind == TOK_IMPORT && token->kind == TOK_NAME)
        return "'import' takes the name of a file in quotes; what is built in needs none";
    if ((before->kind == TOK_LOSS || before->kind == TOK_METRIC || before->kind == TOK_OUTPUT) && token->kind == '=')
        return "a value without a name follows at once: loss e; with one it is loss J = e";
    if (begin->kind == TOK_PARAM && token->kind == '=' && expects(expected, ':'))
        return "the value stands before the clauses: param w[n] = 1 : positive";
    if ((token->kind == TOK_INT && expects(expected, TOK_STRING)) || (before->kind == TOK_INT && expects(expected, ':') && !expects(expected, TOK_SEP)
                                                                     && !expects(expected, '+')))
        return "one column is named by a text, columns may be counted: from columns 3:4";
    if (begin + 1 == before && before->kind == TOK_NAME && begin->kind >= TOK_LET && begin->kind <= TOK_OUTPUT && begin->kind != TOK_FN
        && token->kind != '(' && (token->kind == ':' || starts_operand(token->kind)))
        return "a name gets its value by '='";
    return token->kind == '=' && is_head(begin, token) ? "a value is declared with 'let'" : NULL;
}

static const char *hint_at_word(Parser *p, const Token *token, const Expected *expected)
{
    const Token *before = token > p->tokens.at ? token - 1 : NULL;
    if (before && is_text(p, before, "return"))
        return "a function's value is the last line of its block, without a keyword";
    if (is_text(p, token, "if") || (before && is_text(p, before, "if")))
        return "a choice is written where(condition, a, b)";
    if (token->kind == TOK_NAME && (is_text(p, token, "for") || is_text(p, token, "while")))
        return "there are no loops: let x[k in K] = ... says what every element is, 'scan' goes step by step";
    if (token->kind == '>' && before && before->kind == '<' && touches(before, token))
        return "write '!='";
    if ((token->kind == '<' || token->kind == '>') && before && before->kind == '=' && touches(before, token))
        return token->kind == '<' ? "write '<='" : "write '>='";
    if (token->kind == '~' && expects(expected, TOK_NOT))
        return "write 'not'";
    if (begins_comment(p, token))
        return "a comment begins with '#'";
    if (goes_on_after(token->kind) && expects(expected, TOK_LET))
        return "a statement goes on over a newline inside brackets and after an operator";
    return NULL;
}

static void hint_at_syntax(Parser *p, const Token *token, const Expected *expected)
{
    const Token *next = token->kind == TOK_END ? token : token + 1;
    const Token *before = token > p->tokens.at ? token - 1 : NULL;
    const char *known = hint_at_statement(p, token, expected);
    known = known ? known : hint_at_word(p, token, expected);
    if (known)
        hint(p->ctx, "%s", known);
    else if (token->kind == '=' && (next->kind == '<' || next->kind == '>') && next->begin == token->end)
        hint(p->ctx, "write '%c='", next->kind);
    else if (token->kind == '=' && expects(expected, TOK_EQ))
        hint(p->ctx, "equality is written '=='");
    else if (token->kind == '(' && expects(expected, '[') && !expects(expected, TOK_REAL) && !expects(expected, '*'))
        hint(p->ctx, "axes stand in brackets: %s[...]", before ? span_text(p->ctx, (Span){p->file, before->begin, before->end}) : "");
    else if (token->kind == '\'' && expects(expected, TOK_STRING))
        hint(p->ctx, "strings stand in '\"'");
    else if (expects(expected, TOK_LET) && ((token->kind == TOK_NAME && (next->kind == '=' || next->kind == '['))
                                            || (token->kind == TOK_REDUCE && next->kind == TOK_NAME)))
        hint(p->ctx, "a value is declared with 'let'");
    else if (token->kind == ',' && expects(expected, TOK_SEP) && !expects(expected, TOK_LET))
        hint(p->ctx, "settings and statements are separated by ';' or a new line");
    else if (token->kind == ':' && expects(expected, TOK_IN))
        hint(p->ctx, "a range is written 'k in a:b'");
}

/* The word of letters, digits and "./-_" around a place: data/iris.csv */
static Span path_around(const char *text, Span at)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./-_";
    while (at.begin > 0 && text[at.begin - 1] && strchr(letters, text[at.begin - 1]))
        at.begin--;
    at.end += (int)strspn(text + at.end, letters);
    return at;
}

static bool is_file_name(const char *word)
{
    static const char *const endings[] = {".csv", ".tsv", ".npy", ".npz", ".idx", ".libsvm", ".safetensors", ".ad", ".txt"};
    const char *dot = strrchr(word, '.');
    return dot && is_one_of(dot, endings, sizeof endings / sizeof *endings);
}

/* What '.' and '|' are meant to be depends on what is around them. */
static const char *hint_at_character(Parser *p, const Token *token)
{
    const char *text = p->ctx->source.at[p->file].text;
    bool operand = token > p->tokens.at && ends_operand(token[-1].kind);
    if (text[token->begin] == '|' && !operand)
        return token->end - token->begin == 2 ? "a norm is written norm(x)" : "an absolute value is written abs(x)";
    if (text[token->begin] != '.')
        return token->problem->hint;
    Span path = path_around(text, (Span){p->file, token->begin, token->end});
    if (is_file_name(span_text(p->ctx, path)))
        return "the name of a file stands in quotes";
    if ((token->begin > 0 && text[token->begin - 1] == '.') || text[token->end] == '.')
        return "a range is written a:b";
    if (token[1].kind == TOK_NAME || token[1].kind == TOK_REDUCE)
        return token[2].kind == '(' ? "a function is called as f(x): there are no modules and no methods" : token->problem->hint;
    return token->problem->hint;
}

static void bad_token(Parser *p, const Token *token)
{
    syntax_error(p, (Span){p->file, token->begin, token->end}, token->problem->code, "%s", token->problem->message);
    const char *known = hint_at_character(p, token);
    if (known)
        hint(p->ctx, "%s", known);
}

/* The parser met a token that fits nowhere. */
static void unexpected(Parser *p, const Token *token, const Expected *expected)
{
    Span span = {p->file, token->begin, token->end};
    const Token *before = token > p->tokens.at ? token - 1 : token;
    Span behind = {p->file, before->begin, before->end};
    bool name = expects(expected, TOK_NAME) && !expects(expected, TOK_SEP) && !expects(expected, TOK_LET);
    if (token->problem && name && !expects(expected, TOK_REAL) && strcmp(token->problem->code, "E0103") == 0) {
        syntax_error(p, span, "E0103", "a name cannot begin with a digit: '%s'", shorten(p->ctx, span_text(p->ctx, span)));
    } else if (token->problem) {
        bad_token(p, token);
    } else if (before->kind == TOK_REDUCE && before != token) {
        syntax_error(p, behind, "E0109", "'%s' is reserved for a reduction; expected '(' or '[' behind it",
                     span_text(p->ctx, behind));
    } else if (name && (expects(expected, TOK_REAL) ? is_statement_word(token->kind) : is_word(token->kind))) {
        syntax_error(p, span, "E0109", "'%s' is reserved and cannot be a name", span_text(p->ctx, span));
        if (is_file_name(span_text(p->ctx, path_around(p->ctx->source.at[p->file].text, span))))
            hint(p->ctx, "the name of a file stands in quotes");
        vec_push(p->ctx, &p->misnamed, span_text(p->ctx, span));
    } else if (is_comparison(token->kind) && expects(expected, '+') && !expects(expected, TOK_EQ)
               && !expects(expected, TOK_REAL)) {
        syntax_error(p, span, "E0110", "comparisons do not chain");
        hint(p->ctx, "write 'a < b and b < c'");
    } else {
        const char *want = wanted(p, expected);
        syntax_error(p, span, "E0101", "unexpected %s%s%s", shown(p, token), want ? "; expected " : "", want ? want : "");
        hint_at_syntax(p, token, expected);
    }
}

/* A use of 'mean' where 'let mean = 3' was refused. */
static bool taken_for_a_name(Parser *p, const Token *token)
{
    const Token *before = token > p->tokens.at ? token - 1 : token;
    for (int i = 0; i < p->misnamed.n; i++)
        if (before->kind == TOK_REDUCE && is_text(p, before, p->misnamed.at[i]))
            return true;
    return false;
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p)
{
    const Token *token = &p->tokens.at[p->at - 1];
    p->wrong = p->at - 1;
    p->skipping = token->kind != TOK_SEP;
    p->skip_depth = token->depth;
    bool other_half = p->cut >= 0 && p->wrong == p->cut + 1;
    p->cut = token->kind == TOK_SEP && token->raw == TOK_NEWLINE ? p->wrong : -1;
    p->spoke |= other_half || taken_for_a_name(p, token);
    if (p->spoke)
        return 0;
    yysymbol_kind_t symbols[YYNTOKENS];
    int n = yypcontext_expected_tokens(context, symbols, YYNTOKENS);
    Expected expected = {0};
    for (int i = 0; i < n; i++)
        expected.symbol[symbols[i]] = true;
    unexpected(p, token, &expected);
    return 0;
}

/* Bison's own voice: out of stack. Nesting is limited long before. */
static void ad_error(Span *span, Parser *p, const char *message)
{
    (void)span;
    bug(p->ctx, "the parser gave up: %s", message);
}

/* ---------------------------------------------------------------- the parser */

/* A broken setting is left out: what it sets keeps its default. */
static List end_of_setting(Parser *p, Ast *setting)
{
    List list = end_of_statement(p, list_of(setting));
    return list.first->kind == AST_POISON ? (List){0} : list;
}

static const Token *next_token(Parser *p)
{
    const Token *token = &p->tokens.at[p->at];
    while (p->skipping && token->kind != TOK_END && !(token->kind == TOK_SEP && token->depth <= p->skip_depth))
        token = &p->tokens.at[++p->at];
    p->skipping = false;
    p->at = token->kind == TOK_END ? p->tokens.n : p->at + 1;
    return token;
}

/* The next token. After an error: the end of the statement that it is in, past the blocks that it opened. A bad token
 * that something can stand in for is told here. */
static int ad_lex(AD_STYPE *value, Span *span, Parser *p)
{
    (void)value;
    const Token *token = next_token(p);
    while (token->problem && token->problem->instead) {
        bad_token(p, token);
        if (token->problem->instead != ABSENT)
            break;
        token = next_token(p);
    }
    if (token->spoke)
        p->spoke = true;
    *span = (Span){p->file, token->begin, token->end};
    return token->problem && token->problem->instead ? token->problem->instead : token->kind;
}

Ast *parse(Ctx *ctx, int file)
{
    Parser p = {.ctx = ctx, .file = file, .cut = -1};
    Tokens raw = {0};
    lex_all(ctx, file, &raw);
    layout(ctx, file, &raw, &p.tokens);
    ad_parse(&p);
    drop_repeated_statements(ctx, &p.program.first);
    return p.program.first;
}
