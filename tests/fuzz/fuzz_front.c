/* fuzz_front.c: a libFuzzer target for everything that reads a model. In: any bytes. It must neither crash nor take long;
 * and a text without a mistake must mean the same after 'adc fmt', which must change nothing the second time.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined ... -o fuzz_front
 *     ./fuzz_front -dict=tests/fuzz/ad.dict -max_len=4096 -max_total_time=60 CORPUS models */
#include "adc.h"

#include <stdlib.h>
#include <string.h>

/* The checker joins in where it is linked. */
extern Graph *lower(Ctx *, const Ast *, int) __attribute__((weak));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct { char *text; size_t n; int errors; } Printed;

static Printed read_and_print(const char *text, size_t size)
{
    Printed printed = {0};
    FILE *out = open_memstream(&printed.text, &printed.n);
    if (!out)
        abort();
    Ctx *ctx = ctx_new();
    int file = source_add(ctx, "fuzz.ad", text, (int)size);
    const Ast *ast = parse(ctx, file);
    ast_print(ctx, ast, out);
    printed.errors = error_count(ctx);
    if (&lower && !printed.errors)
        (void)lower(ctx, ast, file);
    diag_print(ctx, out);
    ctx_free(ctx);
    fclose(out);
    return printed;
}

static Str format(const char *text, size_t size)
{
    Ctx *ctx = ctx_new();
    Str out = {0};
    format_model(ctx, source_add(ctx, "fuzz.ad", text, (int)size), &out);
    if (!out.text)
        str_addn(&out, "", 0);
    ctx_free(ctx);
    return out;
}

static void must_be_equal(const char *what, const char *a, size_t na, const char *b, size_t nb)
{
    if (na == nb && memcmp(a, b, na) == 0)
        return;
    fprintf(stderr, "%s:\n%.*s\n---- against\n%.*s\n", what, (int)na, a, (int)nb, b);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 << 20)
        return 0;
    const char *text = (const char *)data;
    Printed before = read_and_print(text, size);
    Str once = format(text, size);
    if (!before.errors) {
        Printed after = read_and_print(once.text, once.n);
        Str twice = format(once.text, once.n);
        if (&lower == NULL)             /* its messages name places */
            must_be_equal("formatting changes the meaning", before.text, before.n, after.text, after.n);
        must_be_equal("formatting twice differs", once.text, once.n, twice.text, twice.n);
        str_free(&twice);
        free(after.text);
    }
    str_free(&once);
    free(before.text);
    return 0;
}
