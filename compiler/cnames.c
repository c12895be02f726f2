/* cnames.c: C names that collide with nothing.
 *
 * In: the name a value has in the model. Out: the same name when C leaves it free, else with a suffix: _ after what C or
 * its library reserves, _2, _3 ... after what is taken already. Names keep to 48 characters, as compilers need only tell
 * the first 63 apart. The result depends on nothing but the names asked for, in order. */
#include "schedule/loops.h"
#include <ctype.h>
#include <string.h>

enum { LONGEST = 48 };

/* A table by hash, of a power of two. next: the first suffix that was not tried on this name, in this scope. */
typedef struct { const char *name; bool taken; int next; } Entry;
struct Names { Names *outer; Entry *entry; int cap, n; };

/* Keywords (also C++'s and C23's that are likely), what <math.h>, <stdlib.h>, <string.h>, <stdint.h> and the compilers'
 * built-ins define, macros of old systems, and the names that emitted files use themselves. */
static const char reserved[] =
    " auto break case char const continue default do double else enum extern float for goto if inline int long register"
    " restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Bool bool true"
    " false asm typeof alignas alignof static_assert thread_local noreturn constexpr nullptr class new delete this template"
    " namespace private public protected virtual friend operator try catch throw export import module concept requires"
    " main real run dims hyper data param grad load init step eval output trace derive work work_bytes trace_bytes load_bytes model"
    " at used room most load_offsets lanes ints lane_int LANES"
    " acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 exp10 expm1 frexp ilogb ldexp log log10 log1p"
    " log2 logb modf scalbn scalbln cbrt fabs hypot pow pow10 sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint"
    " llrint round lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin fma fpclassify"
    " isfinite isinf isnan isnormal signbit isgreater isless isunordered j0 j1 jn y0 y1 yn gamma signgam drem significand scalb"
    " finite isinff isnanf acosf asinf atanf atan2f cosf sinf tanf acoshf asinhf atanhf coshf sinhf tanhf expf exp2f expm1f"
    " frexpf ilogbf ldexpf logf log10f log1pf log2f logbf modff scalbnf cbrtf fabsf hypotf powf sqrtf erff erfcf lgammaf"
    " tgammaf ceilf floorf nearbyintf rintf roundf truncf fmodf remainderf copysignf nanf nextafterf fdimf fmaxf fminf fmaf"
    " float_t double_t math_errhandling lgamma_r sincos roundeven canonicalize fmaximum fminimum"
    " abort abs labs llabs div ldiv lldiv atexit exit quick_exit getenv system malloc calloc realloc free aligned_alloc qsort"
    " bsearch rand srand random srandom atof atoi atol atoll strtod strtof strtol strtoul mblen mbtowc wctomb putenv setenv"
    " mktemp alloca index rindex bcmp bcopy bzero ffs memcpy memmove memcmp memset memchr mempcpy strcpy strncpy strcat strcmp"
    " strcoll strxfrm strchr strcspn strpbrk strrchr strspn strstr strtok strerror strlen strdup strndup stpcpy stpncpy"
    " printf fprintf sprintf snprintf puts putchar getchar scanf time clock read write open close link pipe access select"
    " size_t ssize_t ptrdiff_t wchar_t wint_t max_align_t offsetof int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t"
    " uint64_t intptr_t uintptr_t intmax_t uintmax_t"
    " NULL I INFINITY NAN HUGE_VAL EOF errno assert unix linux i386 vax sun hpux complex imaginary noreturn _Complex_I"
    " DBL_MAX FLT_MAX DBL_EPSILON FLT_EPSILON INT64_MIN INT64_MAX INT64_C SIZE_MAX UINT64_MAX MAXFLOAT DOMAIN SING OVERFLOW"
    " UNDERFLOW PLOSS TLOSS RAND_MAX EXIT_SUCCESS EXIT_FAILURE BUFSIZ stdin stdout stderr environ environment ";

static bool is_reserved(const char *name) {
    char padded[LONGEST + 16];
    if (strncmp(name, "ad_", 3) == 0 || strncmp(name, "adrt", 4) == 0 || strncmp(name, "Ad", 2) == 0 || strncmp(name, "AD_", 3) == 0)
        return true;
    if (strncmp(name, "M_", 2) == 0 || strncmp(name, "FP_", 3) == 0 || strncmp(name, "__", 2) == 0)
        return true;
    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(reserved, padded) != NULL;
}

Names *names_new(Ctx *ctx, Names *outer) {
    Names *n = NEW(ctx, Names);
    n->outer = outer;
    return n;
}

/* The place of a name in the table, or where it would go. */
static Entry *place_of(const Names *names, const char *name) {
    unsigned h = 2166136261u;
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * 16777619u;
    for (h &= (unsigned)names->cap - 1; names->entry[h].name && strcmp(names->entry[h].name, name) != 0; )
        h = (h + 1) & ((unsigned)names->cap - 1);
    return &names->entry[h];
}

static Entry *entry_of(Ctx *ctx, Names *names, const char *name) {
    if (2 * (names->n + 1) > names->cap) {
        const Names old = *names;
        names->cap = old.cap ? 2 * old.cap : 32;
        names->entry = NEWN(ctx, Entry, names->cap);
        for (int k = 0; k < old.cap; k++)
            if (old.entry[k].name)
                *place_of(names, old.entry[k].name) = old.entry[k];
    }
    Entry *e = place_of(names, name);
    if (!e->name) {
        *e = (Entry){name, false, 2};
        names->n++;
    }
    return e;
}

bool name_taken(const Names *names, const char *name) {
    for (; names; names = names->outer)
        if (names->cap && place_of(names, name)->taken)
            return true;
    return false;
}

/* Letters, digits and underscores, a letter first; the model's names have nothing else but may start with _. */
static char *clean(Ctx *ctx, const char *wish) {
    char *name = arena_printf(ctx->arena, "%s%.*s", isalpha((unsigned char)*wish) ? "" : "x", LONGEST, wish);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    if (is_reserved(name))
        name = arena_printf(ctx->arena, "%s_", name);
    return name;
}

const char *name_new(Ctx *ctx, Names *names, const char *wish) {
    const char *base = clean(ctx, wish), *name = base;
    int next = entry_of(ctx, names, base)->next;
    while (name_taken(names, name))
        name = arena_printf(ctx->arena, "%s_%d", base, next++);
    entry_of(ctx, names, name)->taken = true;
    entry_of(ctx, names, base)->next = next;
    return name;
}

/* An index letter: the wish, or the first that is free of those that people use for indices. */
const char *letter_new(Ctx *ctx, Names *names, const char *wish) {
    static const char order[] = "ijklpqrstuvwabcdeghmnoxyz";
    const char *name = clean(ctx, wish);
    for (int k = 0; strlen(wish) == 1 && (name_taken(names, name) || name[1]) && order[k]; k++)
        name = arena_printf(ctx->arena, "%c", order[k]);
    return name_new(ctx, names, name);
}
