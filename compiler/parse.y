/* parse.y: tokens -> syntax tree. The grammar of the language, once, and the wording of its syntax errors.
 *
 *     loss J = sum((U @ V - A)^2)    ->    AST_LOSS J, AST_CALL sum, AST_BINARY ^, ...
 *
 * Lines, brackets and the words whose meaning hangs on their place are settled by layout.c; what is left is LALR(1)
 * without a conflict. A statement that does not parse reports one error and yields AST_POISON with the names that it
 * would have declared, so that nothing that uses them is reported again. */
%code requires {
#include "front.h"

typedef struct { Ast *first, *last; } List;
typedef struct Parser Parser;
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
#include "front.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#define YYMAXDEPTH 30000
#define YYLLOC_DEFAULT(here, rhs, n) \
    ((here) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) \
                  : (Span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end})

#if defined __GNUC__
#pragma GCC diagnostic ignored "-Wconversion"
#endif

struct Parser {
    Ctx *ctx;
    int file;
    Tokens tokens;
    int at;                     /* the next token; the parser's lookahead is the one before */
    int wrong;                  /* the token at which the statement went wrong */
    bool skipping;              /* to the end of that statement */
    bool spoke;                 /* an error of this statement was reported */
    Ast *ranged;                /* an index with 'k in K' in its bracket: only a declaration's head may be one */
    int skip_depth;
    List program;
};

static int ad_lex(AD_STYPE *, Span *, Parser *);
static void ad_error(Span *, Parser *, const char *message);
static List one(Ast *);
static List add(List, Ast *);
static List join(List, List);
static Ast *leaf(Parser *, AstKind, Span);
static Ast *unary(Parser *, int op, Span op_span, Ast *);
static Ast *binary(Parser *, int op, Span op_span, Ast *, Ast *);
static Ast *index_of(Parser *, Span, Ast *, List items);
static Ast *reduction(Parser *, Span, Span word, List items, Ast *body);
static Ast *call(Parser *, Span, Span name, List args);
static Ast *group(Parser *, AstKind, Span, List);
static Ast *range_of(Parser *, Span, Ast *name, Ast *from, Ast *to);
static Ast *slice_of(Parser *, Span, Ast *, Ast *, Ast *);
static Ast *declaration(Parser *, AstKind, Span, Ast *name, List brackets, Ast *from, int op, Ast *value);
static Ast *result(Parser *, AstKind, Span, Ast *head, Ast *from, int op, Ast *value);
static Ast *with_clauses(Ast *, List);
static List plain(Parser *, List brackets);
static Ast *function_block(Parser *, Span, List lines);
static Ast *function_of(Parser *, Span, Ast *name, List args, Ast *value, Ast *vjp);
static Ast *scan_of(Parser *, Span, Ast *range, List lines);
static Ast *rule(Parser *, Span, Span word, List cotangents, Ast *value);
static Ast *clause_of(Parser *, Span, Span word, List args);
static Ast *source_of(Parser *, Span, Ast *word, List strings, Ast *low, Ast *high);
static Ast *dim_of(Parser *, Span, Ast *name, Ast *size, Ast *batch);
static void precision_of(Parser *, Ast *);
static List poison(Parser *);
static void end_of_statement(Parser *);
static void syntax_error(Parser *, Span, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
%}

%%

file: lines                             { p->program = $1; }
    ;

lines: %empty                           { $$ = (List){0}; }
    | lines line                        { $$ = join($1, $2); }
    ;

line: statements_of SEP                 { $$ = $1; end_of_statement(p); }
    | error SEP                         { $$ = poison(p); yyerrok; }
    ;

statements_of: statement                { $$ = one($1); }
    | DIM dim_items                     { $$ = $2; $2.first->span = span_join(@1, $2.first->span); }
    ;

/* ---------------------------------------------------------------- statements */

statement: PRECISION precision_word     { $$ = $2; $$->span = @$; }
    | HYPER name '=' expr               { $$ = declaration(p, AST_HYPER, @$, $2, (List){0}, NULL, '=', $4); }
    | DATA name brackets clauses        { $$ = with_clauses(declaration(p, AST_DATA, @$, $2, plain(p, $3), NULL, 0, NULL), $4); }
    | PARAM name brackets clauses       { $$ = with_clauses(declaration(p, AST_PARAM, @$, $2, plain(p, $3), NULL, 0, NULL), $4); }
    | PARAM name brackets equals expr clauses
                                        { $$ = with_clauses(declaration(p, AST_PARAM, @$, $2, plain(p, $3), NULL, $4, $5), $6); }
    | LET name brackets equals expr     { $$ = declaration(p, AST_LET, @$, $2, $3, NULL, $4, $5); }
    | LET name brackets FROM expr '=' expr
                                        { $$ = declaration(p, AST_LET, @$, $2, $3, $5, '=', $7); }
    | function
    | LOSS expr                         { $$ = result(p, AST_LOSS, @$, $2, NULL, 0, NULL); }
    | LOSS expr draw                    { $$ = result(p, AST_LOSS, @$, $2, $3->from, $3->op, $3->a); }
    | METRIC expr                       { $$ = result(p, AST_METRIC, @$, $2, NULL, 0, NULL); }
    | METRIC expr draw                  { $$ = result(p, AST_METRIC, @$, $2, $3->from, $3->op, $3->a); }
    | OUTPUT expr                       { $$ = result(p, AST_OUTPUT, @$, $2, NULL, 0, NULL); }
    | OUTPUT expr draw                  { $$ = result(p, AST_OUTPUT, @$, $2, $3->from, $3->op, $3->a); }
    | ASSERT expr                       { $$ = ast_new(p->ctx, AST_ASSERT, @$); $$->a = $2; }
    | IMPORT STRING                     { $$ = leaf(p, AST_STRING, @2); $$->kind = AST_IMPORT; $$->span = @$; }
    | TRAIN '{' settings '}'            { $$ = ast_new(p->ctx, AST_TRAIN, @$); $$->name_span = @1; $$->items = $3.first; }
    | SCAN range block                  { $$ = scan_of(p, @$, $2, $3); }
    ;

/* The right side of a loss, metric or output that declares a name; carried in a node of its own. */
draw: equals expr                       { $$ = ast_new(p->ctx, AST_ARG, @$); $$->op = $1; $$->a = $2; }
    | FROM expr '=' expr                { $$ = ast_new(p->ctx, AST_ARG, @$); $$->op = '='; $$->from = $2; $$->a = $4; }
    ;

equals: '='                             { $$ = '='; }
    | '~'                               { $$ = '~'; }
    ;

name: NAME                              { $$ = leaf(p, AST_NAME, @1); }
    ;

precision_word: NAME                    { $$ = leaf(p, AST_NAME, @1); precision_of(p, $$); }
    ;

dim_items: dim_item                     { $$ = one($1); }
    | dim_items ',' dim_item            { $$ = add($1, $3); }
    ;

dim_item: name                          { $$ = dim_of(p, @$, $1, NULL, NULL); }
    | name name                         { $$ = dim_of(p, @$, $1, NULL, $2); }
    | name '=' expr                     { $$ = dim_of(p, @$, $1, $3, NULL); }
    ;

brackets: %empty                        { $$ = (List){0}; }
    | '[' items_opt ']'                 { $$ = $2.first ? $2 : one(ast_new(p->ctx, AST_POISON, @$)); }
    ;

clauses: %empty                         { $$ = (List){0}; }
    | clauses clause                    { $$ = add($1, $2); }
    | clauses ':' clause                { $$ = add($1, $3); }
    ;

clause: NAME                            { $$ = clause_of(p, @$, @1, (List){0}); }
    | NAME '(' args ')'                 { $$ = clause_of(p, @$, @1, $3); }
    | IN '(' args ')'                   { $$ = clause_of(p, @$, @1, $3); }
    | FROM name strings                 { $$ = source_of(p, @$, $2, $3, NULL, NULL); }
    | FROM name INT ':' INT             { $$ = source_of(p, @$, $2, (List){0}, leaf(p, AST_INT, @3), leaf(p, AST_INT, @5)); }
    ;

strings: STRING                         { $$ = one(leaf(p, AST_STRING, @1)); }
    | strings ',' STRING                { $$ = add($1, leaf(p, AST_STRING, @3)); }
    ;

settings: %empty                        { $$ = (List){0}; }
    | settings setting SEP              { $$ = add($1, $2); end_of_statement(p); }
    | settings error SEP                { $$ = $1; p->spoke = false; yyerrok; }
    ;

setting: name '=' expr                  { $$ = ast_new(p->ctx, AST_ARG, @$); $$->text = $1->text;
                                          $$->name_span = @1; $$->a = $3; }
    ;

/* ---------------------------------------------------------------- functions and blocks */

function: FN name '(' fnargs_opt ')' value vjp
                                        { $$ = function_of(p, @$, $2, $4, $6, $7); }
    ;

value: '=' expr                         { $$ = ast_new(p->ctx, AST_FN, @2); $$->a = $2; }
    | '=' block                         { $$ = function_block(p, @2, $2); }
    | block                             { $$ = function_block(p, @1, $1); }
    ;

vjp: %empty                             { $$ = NULL; }
    | VJP '(' fnargs ')' '=' expr       { $$ = rule(p, @$, @1, $3, $6); }
    ;

fnargs_opt: %empty                      { $$ = (List){0}; }
    | fnargs
    | fnargs ','
    ;

fnargs: fnarg                           { $$ = one($1); }
    | fnargs ',' fnarg                  { $$ = add($1, $3); }
    ;

fnarg: name brackets                    { $$ = declaration(p, AST_FNARG, @$, $1, plain(p, $2), NULL, 0, NULL); }
    | name brackets '=' expr            { $$ = declaration(p, AST_FNARG, @$, $1, plain(p, $2), NULL, '=', $4); }
    ;

block: '{' block_lines '}'              { $$ = $2; }
    ;

block_lines: %empty                     { $$ = (List){0}; }
    | block_lines block_line SEP        { $$ = add($1, $2); end_of_statement(p); }
    | block_lines error SEP             { $$ = join($1, poison(p)); yyerrok; }
    ;

block_line: statement
    | DIM dim_items                     { $$ = $2.first; $$->span = span_join(@1, $$->span); $$->next = NULL; }
    | expr
    ;

/* ---------------------------------------------------------------- expressions */

expr: primary
    | expr OR expr                      { $$ = binary(p, '|', @2, $1, $3); }
    | expr AND expr                     { $$ = binary(p, '&', @2, $1, $3); }
    | NOT expr                          { $$ = unary(p, '!', @1, $2); }
    | expr EQ expr                      { $$ = binary(p, '=', @2, $1, $3); }
    | expr NE expr                      { $$ = binary(p, 'N', @2, $1, $3); }
    | expr '<' expr                     { $$ = binary(p, '<', @2, $1, $3); }
    | expr LE expr                      { $$ = binary(p, 'L', @2, $1, $3); }
    | expr '>' expr                     { $$ = binary(p, '>', @2, $1, $3); }
    | expr GE expr                      { $$ = binary(p, 'G', @2, $1, $3); }
    | expr '+' expr                     { $$ = binary(p, '+', @2, $1, $3); }
    | expr '-' expr                     { $$ = binary(p, '-', @2, $1, $3); }
    | expr '*' expr                     { $$ = binary(p, '*', @2, $1, $3); }
    | expr '/' expr                     { $$ = binary(p, '/', @2, $1, $3); }
    | expr FLOORDIV expr                { $$ = binary(p, 'D', @2, $1, $3); }
    | expr '%' expr                     { $$ = binary(p, '%', @2, $1, $3); }
    | expr '@' expr                     { $$ = binary(p, '@', @2, $1, $3); }
    | '-' expr %prec SIGN               { $$ = unary(p, '-', @1, $2); }
    | '+' expr %prec SIGN               { $$ = unary(p, '+', @1, $2); }
    | expr '^' expr                     { $$ = binary(p, '^', @2, $1, $3); }
    | expr '\''                         { $$ = ast_new(p->ctx, AST_TRANSPOSE, @$); $$->op_span = @2; $$->a = $1; }
    | expr '[' index_items ']'          { $$ = index_of(p, @$, $1, $3); }
    | REDUCE '[' items ']' expr %prec BODY
                                        { $$ = reduction(p, @$, @1, $3, $5); }
    ;

primary: INT                            { $$ = leaf(p, AST_INT, @1); }
    | REAL                              { $$ = leaf(p, AST_REAL, @1); }
    | STRING                            { $$ = leaf(p, AST_STRING, @1); }
    | TRUE                              { $$ = leaf(p, AST_BOOL, @1); $$->ival = 1; }
    | FALSE                             { $$ = leaf(p, AST_BOOL, @1); }
    | NAME                              { $$ = leaf(p, AST_NAME, @1); }
    | NAME '(' args ')'                 { $$ = call(p, @$, @1, $3); }
    | REDUCE '(' args ')'               { $$ = call(p, @$, @1, $3); }
    | '(' expr ')'                      { $$ = $2; $$->span = @$; }
    | '(' expr ',' ')'                  { $$ = group(p, AST_TUPLE, @$, one($2)); }
    | '(' expr ',' exprs ')'            { $$ = group(p, AST_TUPLE, @$, join(one($2), $4)); }
    | '(' expr ',' exprs ',' ')'        { $$ = group(p, AST_TUPLE, @$, join(one($2), $4)); }
    | '[' exprs ']'                     { $$ = group(p, AST_ARRAY, @$, $2); }
    | '[' exprs ',' ']'                 { $$ = group(p, AST_ARRAY, @$, $2); }
    ;

exprs: expr                             { $$ = one($1); }
    | exprs ',' expr                    { $$ = add($1, $3); }
    ;

args: %empty                            { $$ = (List){0}; }
    | exprs_args
    ;

%type <list> exprs_args;
exprs_args: arg_list
    | arg_list ','
    ;

%type <list> arg_list;
arg_list: arg                           { $$ = one($1); }
    | arg_list ',' arg                  { $$ = add($1, $3); }
    ;

arg: expr
    | NAME '=' expr                     { $$ = leaf(p, AST_NAME, @1); $$->kind = AST_ARG; $$->span = @$; $$->a = $3; }
    ;

index_items: items
    | items ','
    ;

items_opt: %empty                       { $$ = (List){0}; }
    | items
    | items ','
    ;

items: item                             { $$ = one($1); }
    | items ',' item                    { $$ = add($1, $3); }
    ;

item: expr
    | slice
    | range
    | NEW                               { $$ = ast_new(p->ctx, AST_NEW, @1); }
    ;

range: name IN expr                     { $$ = range_of(p, @$, $1, $3, NULL); }
    | name IN expr ':' expr             { $$ = range_of(p, @$, $1, $3, $5); }
    ;

slice: ':'                              { $$ = slice_of(p, @$, NULL, NULL, NULL); }
    | ':' expr                          { $$ = slice_of(p, @$, NULL, $2, NULL); }
    | expr ':'                          { $$ = slice_of(p, @$, $1, NULL, NULL); }
    | expr ':' expr                     { $$ = slice_of(p, @$, $1, $3, NULL); }
    | ':' ':'                           { $$ = slice_of(p, @$, NULL, NULL, NULL); }
    | ':' ':' expr                      { $$ = slice_of(p, @$, NULL, NULL, $3); }
    | ':' expr ':'                      { $$ = slice_of(p, @$, NULL, $2, NULL); }
    | ':' expr ':' expr                 { $$ = slice_of(p, @$, NULL, $2, $4); }
    | expr ':' ':'                      { $$ = slice_of(p, @$, $1, NULL, NULL); }
    | expr ':' ':' expr                 { $$ = slice_of(p, @$, $1, NULL, $4); }
    | expr ':' expr ':'                 { $$ = slice_of(p, @$, $1, $3, NULL); }
    | expr ':' expr ':' expr            { $$ = slice_of(p, @$, $1, $3, $5); }
    ;

%%

/* ---------------------------------------------------------------- lists and expressions */

static List one(Ast *ast)
{
    return (List){ast, ast};
}

static List join(List a, List b)
{
    if (!a.first)
        return b;
    if (!b.first)
        return a;
    a.last->next = b.first;
    return (List){a.first, b.last};
}

static List add(List list, Ast *ast)
{
    return join(list, one(ast));
}

static Ast *leaf(Parser *p, AstKind kind, Span span)
{
    Ast *ast = ast_new(p->ctx, kind, span);
    Span inside = span;
    if (kind == AST_STRING) {
        inside.begin++;
        inside.end--;
    }
    ast->text = span_text(p->ctx, inside);
    if (kind == AST_INT)
        ast->ival = strtoll(ast->text, NULL, 10);
    if (kind == AST_REAL)
        ast->rval = strtod(ast->text, NULL);
    return ast;
}

static Ast *unary(Parser *p, int op, Span op_span, Ast *a)
{
    Ast *ast = ast_new(p->ctx, AST_UNARY, span_join(op_span, a->span));
    ast->op = op;
    ast->op_span = op_span;
    ast->a = a;
    return ast;
}

static Ast *binary(Parser *p, int op, Span op_span, Ast *a, Ast *b)
{
    Ast *ast = ast_new(p->ctx, AST_BINARY, span_join(a->span, b->span));
    ast->op = op;
    ast->op_span = op_span;
    ast->a = a;
    ast->b = b;
    return ast;
}

static Ast *group(Parser *p, AstKind kind, Span span, List items)
{
    Ast *ast = ast_new(p->ctx, kind, span);
    ast->items = items.first;
    return ast;
}

static Ast *index_of(Parser *p, Span span, Ast *a, List items)
{
    Ast *ast = group(p, AST_INDEX, span, items);
    ast->a = a;
    for (Ast *item = ast->items; item && !p->ranged; item = item->next)
        if (item->kind == AST_IN)
            p->ranged = ast;
    return ast;
}

static Ast *reduction(Parser *p, Span span, Span word, List items, Ast *body)
{
    Ast *ast = group(p, AST_REDUCE, span, items);
    ast->text = span_text(p->ctx, word);
    ast->name_span = word;
    ast->a = body;
    for (Ast *item = ast->items; item; item = item->next) {
        if (item->kind == AST_IN)
            continue;
        syntax_error(p, item->span, "E0116", "the brackets of '%s' take ranges such as 'k in K'", ast->text);
        hint(p->ctx, "to reduce an array write '%s(x)' or '%s(x, over = dim)'", ast->text, ast->text);
        ast->kind = AST_POISON;
        break;
    }
    return ast;
}

static Ast *call(Parser *p, Span span, Span name, List args)
{
    Ast *ast = group(p, AST_CALL, span, args);
    ast->text = span_text(p->ctx, name);
    ast->name_span = name;
    return ast;
}

static Ast *range_of(Parser *p, Span span, Ast *name, Ast *from, Ast *to)
{
    Ast *ast = ast_new(p->ctx, AST_IN, span);
    ast->text = name->text;
    ast->name_span = name->span;
    ast->a = from;
    ast->b = to;
    return ast;
}

static Ast *slice_of(Parser *p, Span span, Ast *from, Ast *to, Ast *step)
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
static List plain(Parser *p, List brackets)
{
    for (Ast *item = brackets.first; item; item = item->next)
        if (item->kind == AST_IN || item->kind == AST_SLICE || item->kind == AST_NEW) {
            stray_item(p, item, "a dim or a size");
            return (List){0};
        }
    return brackets;
}

static Ast *declaration(Parser *p, AstKind kind, Span span, Ast *name, List brackets, Ast *from, int op, Ast *value)
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
            ast->kind = AST_POISON;
            break;
        }
    return ast;
}

/* A loss, metric or output: an expression alone, or one that is the head of a declaration. */
static Ast *result(Parser *p, AstKind kind, Span span, Ast *head, Ast *from, int op, Ast *value)
{
    if (!op) {
        Ast *ast = ast_new(p->ctx, kind, span);
        ast->a = head;
        return ast;
    }
    if (head->kind == AST_NAME)
        return declaration(p, kind, span, head, (List){0}, from, op, value);
    if (head->kind == AST_INDEX && head->a->kind == AST_NAME) {
        if (p->ranged == head)
            p->ranged = NULL;
        return declaration(p, kind, span, head->a, (List){head->items, NULL}, from, op, value);
    }
    if (head->kind != AST_POISON)
        syntax_error(p, head->span, "E0111", "expected a name on the left of '%c'", op);
    return ast_new(p->ctx, AST_POISON, span);
}

static Ast *with_clauses(Ast *ast, List clauses)
{
    ast->clauses = clauses.first;
    return ast;
}

static Ast *dim_of(Parser *p, Span span, Ast *name, Ast *size, Ast *batch)
{
    Ast *ast = ast_new(p->ctx, AST_DIM, span);
    ast->text = name->text;
    ast->name_span = name->span;
    ast->a = size;
    ast->flag = batch != NULL;
    if (batch) {
        ast->op_span = batch->span;
        if (strcmp(batch->text, "batch") != 0)
            syntax_error(p, batch->span, "E0101", "unexpected '%s'; expected 'batch', '=', ',' or end of line", batch->text);
    }
    return ast;
}

static void precision_of(Parser *p, Ast *ast)
{
    ast->kind = AST_PRECISION;
    if (strcmp(ast->text, "f32") == 0 || strcmp(ast->text, "f64") == 0)
        return;
    syntax_error(p, ast->span, "E0118", "unknown precision '%s'; expected 'f32' or 'f64'", ast->text);
    ast->text = "f32";
}

static Ast *clause_of(Parser *p, Span span, Span word, List args)
{
    Ast *ast = group(p, AST_CLAUSE, span, args);
    ast->text = span_text(p->ctx, word);
    ast->name_span = word;
    return ast;
}

static Ast *source_of(Parser *p, Span span, Ast *word, List strings, Ast *low, Ast *high)
{
    Ast *ast = group(p, AST_CLAUSE, span, strings);
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
static Ast *function_block(Parser *p, Span span, List lines)
{
    Ast *ast = ast_new(p->ctx, AST_FN, span), *next;
    List kept = {0};
    bool failed = false;
    for (Ast *line = lines.first; line; line = next) {
        next = line->next;
        line->next = NULL;
        if (line->kind == AST_LET || line->kind == AST_SCAN) {
            kept = add(kept, line);
        } else if (line->kind == AST_POISON) {
            kept = add(kept, line);
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
        ast->a = ast_new(p->ctx, AST_POISON, end);
    }
    ast->clauses = kept.first;
    return ast;
}

static Ast *function_of(Parser *p, Span span, Ast *name, List args, Ast *value, Ast *vjp)
{
    (void)p;
    value->span = span;
    value->text = name->text;
    value->name_span = name->span;
    value->items = args.first;
    value->vjp = vjp;
    return value;
}

static Ast *scan_of(Parser *p, Span span, Ast *range, List lines)
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
            kept = add(kept, line);
        else
            misplaced(p, line, "a scan, which holds 'let' only");
    }
    if (!lines.first)
        error_at(p->ctx, keyword_span(ast), "E0112", "the scan is empty: it must hold a 'let'");
    ast->clauses = kept.first;
    return ast;
}

static Ast *rule(Parser *p, Span span, Span word, List cotangents, Ast *value)
{
    const Ast *cotangent = cotangents.first;
    Ast *ast = ast_new(p->ctx, AST_VJP, span);
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

/* Does the statement whose keyword is at i give a value to the name that follows it? 'loss f(' does not declare f. */
static bool gives_value(const Tokens *tokens, int i, int end)
{
    int depth = 0;
    for (i += 2; i < end && !is_statement_word(tokens->at[i].kind); i++) {
        int raw = tokens->at[i].raw;
        depth += raw == '[';
        depth -= raw == ']';
        if (depth == 0 && raw != ']')
            return raw == '=' || raw == '~' || tokens->at[i].kind == TOK_FROM;
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

/* The statement around the token that went wrong, as poison: its own name, the other names of a dim list, and what a
 * keyword further along (an end of line forgotten) would have declared. Of a function only its own name: the rest is local. */
static List poison(Parser *p)
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
    if (tokens->at[begin].kind == TOK_NAME) {       /* 'foo W[n] ~ ...', 'W = 3' */
        if (tokens->at[begin + 1].kind == TOK_NAME)
            list = add(list, poison_named(p, &tokens->at[begin + 1]));
        else if (tokens->at[begin + 1].kind == '=')
            list = add(list, poison_named(p, &tokens->at[begin]));
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
        if (next_is_name && (declares(tokens, i, end) || (keyword == TOK_DIM && open == 0 && token->kind == ',')))
            list = add(list, poison_named(p, &tokens->at[i + 1]));
        if (tokens->at[begin].kind == TOK_FN && list.first)
            break;
    }
    p->ranged = NULL;
    p->spoke = false;
    return list.first ? list : one(ast_new(p->ctx, AST_POISON, (Span){p->file, tokens->at[begin].begin, tokens->at[end].end}));
}

static void end_of_statement(Parser *p)
{
    if (p->ranged) {
        const Ast *range = p->ranged->items;
        while (range->kind != AST_IN)
            range = range->next;
        syntax_error(p, range->span, "E0116",
                     "a range stands only in a declaration's brackets and in a reduction's, as in sum[k in K]");
        p->ranged->kind = AST_POISON;
        p->ranged = NULL;
    }
    p->spoke = false;
}

/* ---------------------------------------------------------------- what is said about syntax */

/* One error a statement: the first. */
static void syntax_error(Parser *p, Span span, const char *code, const char *format, ...)
{
    if (p->spoke) {
        diag_mute(p->ctx);
        return;
    }
    p->spoke = true;
    va_list args;
    va_start(args, format);
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_at(p->ctx, span, code, "%s", text);
}

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

static void hint_at_syntax(Parser *p, const Token *token, const Expected *expected)
{
    const Token *next = token->kind == TOK_END ? token : token + 1;
    if (token->kind == '=' && expects(expected, TOK_EQ))
        hint(p->ctx, "equality is written '=='");
    else if (token->kind == '\'' && expects(expected, TOK_STRING))
        hint(p->ctx, "strings stand in '\"'");
    else if (token->kind == TOK_NAME && expects(expected, TOK_LET) && (next->kind == '=' || next->kind == '['))
        hint(p->ctx, "a value is declared with 'let'");
    else if (token->kind == ':' && expects(expected, TOK_IN))
        hint(p->ctx, "a range is written 'k in a:b'");
}

/* The parser met a token that fits nowhere. */
static void unexpected(Parser *p, const Token *token, const Expected *expected)
{
    Span span = {p->file, token->begin, token->end};
    const Token *before = token > p->tokens.at ? token - 1 : token;
    Span behind = {p->file, before->begin, before->end};
    bool name = expects(expected, TOK_NAME) && !expects(expected, TOK_SEP) && !expects(expected, TOK_LET);
    if (token->problem) {
        syntax_error(p, span, token->problem->code, "%s", token->problem->message);
        if (token->problem->hint)
            hint(p->ctx, "%s", token->problem->hint);
    } else if (before->kind == TOK_REDUCE && before != token) {
        syntax_error(p, behind, "E0109", "'%s' is reserved for a reduction; expected '(' or '[' behind it",
                     span_text(p->ctx, behind));
    } else if (name && (expects(expected, TOK_REAL) ? is_statement_word(token->kind) : is_word(token->kind))) {
        syntax_error(p, span, "E0109", "'%s' is reserved and cannot be a name", span_text(p->ctx, span));
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

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p)
{
    const Token *token = &p->tokens.at[p->at - 1];
    p->wrong = p->at - 1;
    p->skipping = token->kind != TOK_SEP;
    p->skip_depth = token->depth;
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

/* The next token. After an error: the end of the statement that it is in, past the blocks that it opened. */
static int ad_lex(AD_STYPE *value, Span *span, Parser *p)
{
    (void)value;
    const Token *token = &p->tokens.at[p->at];
    while (p->skipping && token->kind != TOK_END && !(token->kind == TOK_SEP && token->depth <= p->skip_depth))
        token = &p->tokens.at[++p->at];
    p->skipping = false;
    if (token->kind != TOK_END)
        p->at++;
    else
        p->at = p->tokens.n;
    if (token->spoke)
        p->spoke = true;
    *span = (Span){p->file, token->begin, token->end};
    return token->kind;
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

static void drop_repeated_statements(Ctx *ctx, Ast **list)
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
            say_twice(ctx, keyword_span(ast), keyword_span(*first), first == &train ? "'train'" : "'precision'");
            *at = ast->next;
            continue;
        }
        if (first && !*first)
            *first = ast;
        at = &ast->next;
    }
}

Ast *parse(Ctx *ctx, int file)
{
    Parser p = {.ctx = ctx, .file = file};
    Tokens raw = {0};
    lex_all(ctx, file, &raw);
    layout(ctx, file, &raw, &p.tokens);
    ad_parse(&p);
    drop_repeated_statements(ctx, &p.program.first);
    return p.program.first;
}
