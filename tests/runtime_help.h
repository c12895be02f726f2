/* runtime_help.h: what the suites of the runtime's data side share: a directory of its own for every test, so that
 * messages can be compared whole; files from texts; arrays filled with something; a case of a suite. */
#ifndef RUNTIME_HELP_H
#define RUNTIME_HELP_H

#include "rt.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include "scratch.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static char home[SCRATCH];

static inline void enter(void)
{
    ck_assert_ptr_nonnull(scratch(home));
    ck_assert_int_eq(chdir(home), 0);
}

static inline void leave(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    char command[SCRATCH + 8];
    snprintf(command, sizeof command, "rm -r %s", home);
    ck_assert_int_eq(system(command), 0);
}

static inline void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static inline void put_text(const char *path, const char *text)
{
    put(path, text, strlen(text));
}

static inline void close_to(double got, double want, double within)
{
    ck_assert_msg(fabs(got - want) <= within, "%.17g is not %.17g within %g", got, want, within);
}

static inline Array filled(DType type, int rank, const int64_t *shape)
{
    Array a = { .type = type, .rank = rank };
    memcpy(a.shape, shape, (size_t)rank * sizeof *shape);
    ck_assert(array_reserve(&a));
    for (int64_t i = 0; i < array_count(&a); i++)
        switch (type) {
        case DT_F64: ((double *)a.data)[i] = 1.0 / (double)(i + 1); break;
        case DT_F32: ((float *)a.data)[i] = 1.0f / (float)(i + 1); break;
        case DT_I64: ((int64_t *)a.data)[i] = i - INT64_MAX; break;
        case DT_I32: case DT_U32: ((uint32_t *)a.data)[i] = (uint32_t)i * 7; break;
        case DT_I16: case DT_U16: ((uint16_t *)a.data)[i] = (uint16_t)(i * 7); break;
        case DT_I8: case DT_U8: ((uint8_t *)a.data)[i] = (uint8_t)i; break;
        case DT_BOOL: ((uint8_t *)a.data)[i] = i % 2 == 1; break;
        }
    return a;
}

static inline TCase *group(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, enter, leave);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return t;
}

static inline int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
