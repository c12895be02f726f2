/* parser.h: what the rules of parse.y and the makers of parts.c share: the parser's state and lists of nodes. */
#ifndef PARSER_H
#define PARSER_H

#include "front.h"

typedef struct { Ast *first, *last; } List;

typedef struct {
    Ctx *ctx;
    int file;
    Tokens tokens;
    int at;                     /* the next token; the parser's lookahead is the one before */
    int wrong;                  /* the token at which the statement went wrong */
    bool skipping;              /* to the end of that statement, */
    int skip_depth;             /* outside the blocks that it opened */
    bool spoke;                 /* an error of this statement was reported */
    bool broken;                /* by a rule that the grammar does not know: it becomes poison at its end */
    int cut;                    /* the end of line that cut a statement in two, or -1: what follows is its other half */
    VEC(const char *) misnamed; /* reserved words that a statement took for its name */
    Ast *ranged;                /* an index with 'k in K' in its bracket: only a declaration's head may be one */
    List strays;                /* poison: names that the statement meant to declare besides its own */
    List program;
} Parser;

List list_of(Ast *);
List list_add(List, Ast *);
List list_join(List, List);

/* expressions */
Ast *make_leaf(Parser *, AstKind, Span);
Ast *make_unary(Parser *, int op, Span op_span, Ast *);
Ast *make_binary(Parser *, int op, Span op_span, Ast *, Ast *);
Ast *make_index(Parser *, Span, Ast *, List items);
Ast *make_reduction(Parser *, Span, Span word, List items, Ast *body);
Ast *make_call(Parser *, Span, Span name, List args);
Ast *make_group(Parser *, AstKind, Span, List);
Ast *make_range(Parser *, Span, Ast *name, Ast *from, Ast *to);
Ast *make_slice(Parser *, Span, Ast *, Ast *, Ast *);

/* statements */
List plain_brackets(Parser *, List brackets);
Ast *make_declaration(Parser *, AstKind, Span, Ast *name, List brackets, Ast *from, int op, Ast *value);
Ast *make_result(Parser *, AstKind, Span, Ast *head, Ast *from, int op, Ast *value);
Ast *with_clauses(Ast *, List);
Ast *make_dim(Parser *, Span, Ast *name, Ast *size, Ast *batch);
void make_precision(Parser *, Ast *);
Ast *make_clause(Parser *, Span, Span word, List args);
Ast *make_source(Parser *, Span, Ast *word, List strings, Ast *low, Ast *high);
Ast *make_block(Parser *, Span, List lines);
Ast *make_function(Span, Ast *name, List args, Ast *value, Ast *vjp);
Ast *make_scan(Parser *, Span, Ast *range, List lines);
Ast *make_rule(Parser *, Span, Span word, List cotangents, Ast *value);
List make_poison(Parser *);

/* errors: one a statement, the first */
void syntax_error(Parser *, Span, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));
List end_of_statement(Parser *, List);                  /* what is left of it */
void drop_repeated_statements(Ctx *, Ast **list);

#endif
