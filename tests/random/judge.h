/* judge.h: one model by two ways: the naive interpreter, and adc with a C compiler behind it. */
#ifndef RANDOM_JUDGE_H
#define RANDOM_JUDGE_H

#include "interp.h"
#include "adrt.h"

typedef enum { FINE, UNDECIDED, TOO_LONG, NOT_FINITE, REJECTED, CRASHED, C_ERROR, DIFFERS, FAULTED, UNKNOWN, VERDICTS } Verdict;
enum { SKIP_SIMPLIFY = 1, SKIP_FUSE = 2, SKIP_SHARE = 4, RECOMPUTE = 8, WAYS = 16 };     /* RECOMPUTE: store no more of recurrences than must be */

typedef struct { const char *cc, *include, *directory; bool keep; } Tools;

typedef struct {
    uint64_t seed;
    int skip;
    const char *text;
    Arena *arena;
    char name[32];
    Interp interp;
    Str code;
    Verdict verdict;
    bool loose;                         /* judged by the error bound, which is above 1e-12 */
    double worst;                       /* the largest difference, in parts of what is allowed */
    char message[512];
} Case;

extern const char *const verdict_names[VERDICTS];

void case_open(Case *, uint64_t seed, int skip, const char *text);
void case_close(Case *);
void interpret_case(Case *);            /* verdict FINE: there is something to compare with */
void compile_case(Case *);              /* text -> code */
bool write_case(const Case *, const Tools *);
void run_case(Case *, const AdModel *); /* compares */
bool is_failure(Verdict);
/* Everything, for one model. */
void judge(Case *, const Tools *);
int run_cc(const Tools *, const char *flags, const char *files, const char *output, const char *log);

#endif
