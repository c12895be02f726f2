/* front.h: what the lexer, the layout rules, the grammar and the formatter share. Nothing behind the parser needs it.
 *
 *     text -lex_all-> raw tokens, comments and newlines too -layout-> tokens of the grammar -parse-> Ast */
#ifndef FRONT_H
#define FRONT_H

#include "adc.h"

/* Why a token is TOK_BAD: what to say when the parser meets it, and what it goes on with, so that the statement may still
 * tell what it declares: a kind of token, ABSENT, or 0 when nothing will do. */
enum { ABSENT = -1 };
typedef struct { const char *code, *message, *hint; int instead; } Problem;

typedef struct {
    int kind;                   /* as the grammar sees it: TOK_... of parse.h or a character */
    int raw;                    /* as the lexer saw it; of TOK_SEP: what ended the statement */
    int begin, end;             /* bytes of the source */
    int depth;                  /* how many '{' are open before it */
    bool first;                 /* nothing but blanks before it on its line */
    bool spoke;                 /* a diagnostic about it was given already */
    const Problem *problem;     /* of TOK_BAD */
} Token;

typedef VEC(Token) Tokens;

enum { NESTING_MAX = 200, CHAIN_MAX = 10000 };

/* arena.c */
char *arena_vprintf(Arena *, const char *format, va_list);

/* lex.re */
void lex_all(Ctx *, int file, Tokens *);                /* ends with TOK_END */

/* layout.c */
void layout(Ctx *, int file, const Tokens *raw, Tokens *);
bool ends_operand(int kind);                            /* may an operator follow it? */
bool goes_on_after(int kind);                           /* does a newline after it not end the statement? */
bool is_statement_word(int kind);
int keyword_like(const char *word);                     /* the statement keyword it is a misspelling of, or 0 */

/* ast.c */
Ast *ast_new(Ctx *, AstKind, Span);
const char *token_name(int kind);                       /* "let", "name", "'('" */

/* diag.c */
void diag_mute(Ctx *);                                  /* what is added to the last diagnostic is for one not given */
char *shorten(Ctx *, const char *text);                 /* words above 60 characters lose their middle */

#endif
