/* ast.c: the syntax tree and the tokens, made and printed. The printed forms are for people and for tests:
 *
 *     let z[n] = -X @ w        1:1   let      let              let z
 *                              1:5   name     z                  bracket
 *                              ...                                 name n
 *                                                                = binary @
 *                                                                    unary - ... */
#include "front.h"
#include "parse.h"

#include <string.h>

Ast *ast_new(Ctx *ctx, AstKind kind, Span span)
{
    Ast *ast = NEW(ctx, Ast);
    ast->kind = kind;
    ast->span = span;
    ast->name_span = ast->op_span = span;
    return ast;
}

/* ---------------------------------------------------------------- tokens */

const char *token_name(int kind)
{
    switch (kind) {
    case TOK_END: return "end of file";
    case TOK_NAME: return "name";
    case TOK_INT: return "integer";
    case TOK_REAL: return "number";
    case TOK_STRING: return "string";
    case TOK_PRECISION: return "precision";
    case TOK_DIM: return "dim";
    case TOK_HYPER: return "hyper";
    case TOK_DATA: return "data";
    case TOK_PARAM: return "param";
    case TOK_LET: return "let";
    case TOK_FN: return "fn";
    case TOK_LOSS: return "loss";
    case TOK_METRIC: return "metric";
    case TOK_OUTPUT: return "output";
    case TOK_ASSERT: return "assert";
    case TOK_IMPORT: return "import";
    case TOK_TRAIN: return "train";
    case TOK_SCAN: return "scan";
    case TOK_AND: return "and";
    case TOK_OR: return "or";
    case TOK_NOT: return "not";
    case TOK_IN: return "in";
    case TOK_NEW: return "new";
    case TOK_TRUE: return "true";
    case TOK_FALSE: return "false";
    case TOK_REDUCE: return "reduction";
    case TOK_FROM: return "from";
    case TOK_VJP: return "vjp";
    case TOK_EQ: return "==";
    case TOK_NE: return "!=";
    case TOK_LE: return "<=";
    case TOK_GE: return ">=";
    case TOK_FLOORDIV: return "//";
    case TOK_SEP: return "end";
    case TOK_BAD: return "bad";
    case TOK_NEWLINE: return "newline";
    case TOK_COMMENT: return "comment";
    case '(': return "(";
    case ')': return ")";
    case '[': return "[";
    case ']': return "]";
    case '{': return "{";
    case '}': return "}";
    case '+': return "+";
    case '-': return "-";
    case '*': return "*";
    case '/': return "/";
    case '%': return "%";
    case '@': return "@";
    case '^': return "^";
    case '<': return "<";
    case '>': return ">";
    case '=': return "=";
    case '~': return "~";
    case ',': return ",";
    case ':': return ":";
    case ';': return ";";
    case '\'': return "'";
    default: return "?";
    }
}

void tokens_print(Ctx *ctx, int file, FILE *out)
{
    Tokens raw = {0}, tokens = {0};
    lex_all(ctx, file, &raw);
    layout(ctx, file, &raw, &tokens);
    for (int i = 0; i < tokens.n; i++) {
        const Token *token = &tokens.at[i];
        Span span = {file, token->begin, token->end};
        char *at = arena_printf(ctx->arena, "%d:%d", span_line(ctx, span), span_column(ctx, span));
        bool text = token->kind != TOK_SEP && token->kind != TOK_END;
        fprintf(out, "%-8s%s%s%s\n", at, token_name(token->kind), text ? " " : "", text ? span_text(ctx, span) : "");
    }
}

/* ---------------------------------------------------------------- the tree */

static const char *kind_name(AstKind kind)
{
    switch (kind) {
    case AST_INT: return "int";
    case AST_REAL: return "real";
    case AST_STRING: return "string";
    case AST_BOOL: return "bool";
    case AST_NAME: return "name";
    case AST_UNARY: return "unary";
    case AST_BINARY: return "binary";
    case AST_TRANSPOSE: return "transpose";
    case AST_INDEX: return "index";
    case AST_CALL: return "call";
    case AST_REDUCE: return "reduce";
    case AST_ARRAY: return "array";
    case AST_TUPLE: return "tuple";
    case AST_IN: return "in";
    case AST_SLICE: return "slice";
    case AST_NEW: return "new";
    case AST_ARG: return "arg";
    case AST_PRECISION: return "precision";
    case AST_DIM: return "dim";
    case AST_HYPER: return "hyper";
    case AST_DATA: return "data";
    case AST_PARAM: return "param";
    case AST_LET: return "let";
    case AST_FN: return "fn";
    case AST_FNARG: return "argument";
    case AST_VJP: return "vjp";
    case AST_LOSS: return "loss";
    case AST_METRIC: return "metric";
    case AST_OUTPUT: return "output";
    case AST_ASSERT: return "assert";
    case AST_IMPORT: return "import";
    case AST_TRAIN: return "train";
    case AST_SCAN: return "scan";
    case AST_CLAUSE: return "clause";
    case AST_POISON: return "poison";
    }
    return "?";
}

static const char *sign_of(int op)
{
    switch (op) {
    case '+': return "+";
    case '-': return "-";
    case '*': return "*";
    case '/': return "/";
    case 'D': return "//";
    case '%': return "%";
    case '@': return "@";
    case '^': return "^";
    case '=': return "==";
    case 'N': return "!=";
    case '<': return "<";
    case 'L': return "<=";
    case '>': return ">";
    case 'G': return ">=";
    case '&': return "and";
    case '|': return "or";
    case '!': return "not";
    case '~': return "~";
    default: return "?";
    }
}

typedef struct { Ctx *ctx; FILE *out; } Printer;

static void print_node(const Printer *p, const Ast *ast, int indent, const char *role);

static void print_list(const Printer *p, const Ast *list, int indent, const char *role)
{
    for (; list; list = list->next)
        print_node(p, list, indent, role);
}

static void print_head(const Printer *p, const Ast *ast)
{
    fputs(kind_name(ast->kind), p->out);
    if (ast->kind == AST_UNARY || ast->kind == AST_BINARY)
        fprintf(p->out, " %s", sign_of(ast->op));
    if (ast->kind == AST_BOOL)
        fputs(ast->ival ? " true" : " false", p->out);
    else if (ast->kind == AST_STRING || ast->kind == AST_IMPORT)
        fprintf(p->out, " \"%s\"", ast->text);
    else if (ast->text && ast->kind != AST_BOOL)
        fprintf(p->out, " %s", ast->text);
    if (ast->flag)
        fputs(ast->kind == AST_DIM ? " batch" : " columns", p->out);
    if (ast->bracketed && !ast->items)
        fputs(" []", p->out);
}

/* The roles 'a', 'b', 'c' of a slice tell which of its parts are there; "=" and "~" lead what a statement is given. */
static void print_node(const Printer *p, const Ast *ast, int indent, const char *role)
{
    bool given = ast->kind >= AST_PRECISION && (ast->op == '=' || ast->op == '~');
    bool parts = ast->kind == AST_SLICE;
    fprintf(p->out, "%*s%s", indent, "", role);
    print_head(p, ast);
    fputc('\n', p->out);
    indent += 2;
    print_list(p, ast->items, indent, ast->bracketed ? "[] " : "");
    if (ast->from)
        print_node(p, ast->from, indent, "from ");
    if (ast->kind == AST_FN)
        print_list(p, ast->clauses, indent, "");
    if (ast->a)
        print_node(p, ast->a, indent, parts ? "a " : given ? ast->op == '=' ? "= " : "~ " : "");
    if (ast->b)
        print_node(p, ast->b, indent, parts ? "b " : "");
    if (ast->c)
        print_node(p, ast->c, indent, parts ? "c " : "");
    if (ast->kind != AST_FN)
        print_list(p, ast->clauses, indent, "");
    if (ast->vjp)
        print_node(p, ast->vjp, indent, "");
}

void ast_print(Ctx *ctx, const Ast *ast, FILE *out)
{
    Printer p = {ctx, out};
    print_list(&p, ast, 0, "");
}
