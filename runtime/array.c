/* array.c: dense row-major arrays of the element types that the file formats know.
 *
 * Everything outside the hot loops goes through array_get and real_get: one element as a double, whatever it is stored
 * as. Shapes are checked where they come from, so array_count need not be. */
#include "rt.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t dtype_size(DType type)
{
    switch (type) {
    case DT_F64: case DT_I64:
        return 8;
    case DT_F32: case DT_I32: case DT_U32:
        return 4;
    case DT_I16: case DT_U16:
        return 2;
    case DT_I8: case DT_U8: case DT_BOOL:
        return 1;
    }
    return 0;
}

int64_t array_count(const Array *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= a->shape[i];
    return n;
}

double array_get(const Array *a, int64_t i)
{
    switch (a->type) {
    case DT_F64: return ((const double *)a->data)[i];
    case DT_F32: return (double)((const float *)a->data)[i];
    case DT_I64: return (double)((const int64_t *)a->data)[i];
    case DT_I32: return ((const int32_t *)a->data)[i];
    case DT_I16: return ((const int16_t *)a->data)[i];
    case DT_I8:  return ((const int8_t *)a->data)[i];
    case DT_U8:  return ((const uint8_t *)a->data)[i];
    case DT_U16: return ((const uint16_t *)a->data)[i];
    case DT_U32: return ((const uint32_t *)a->data)[i];
    case DT_BOOL: return ((const uint8_t *)a->data)[i];
    }
    return 0;
}

/* A real outside the range of int64_t gives the nearest end: the caller has checked, this is no undefined behaviour. */
int64_t array_get_int(const Array *a, int64_t i)
{
    if (a->type == DT_I64)
        return ((const int64_t *)a->data)[i];
    double v = array_get(a, i);
    if (!(v > -9223372036854775808.0))
        return INT64_MIN;
    if (v >= 9223372036854775808.0)
        return INT64_MAX;
    return (int64_t)v;
}

void array_free(Array *a)
{
    if (a->owned)
        free(a->data);
    *a = (Array){ .owned = false };
}

bool array_reserve(Array *a)
{
    size_t bytes = dtype_size(a->type);
    for (int i = 0; i < a->rank; i++) {
        if (a->shape[i] < 0 || (a->shape[i] && bytes > (size_t)PTRDIFF_MAX / (size_t)a->shape[i]))
            return false;
        bytes *= (size_t)a->shape[i];
    }
    if (!rt_fits(bytes))
        return false;
    a->data = rt_alloc(bytes);
    a->owned = true;
    return true;
}

/* Less than the machine has: more may be promised, but taking it would end in a kill. */
bool rt_fits(size_t bytes)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return bytes <= PTRDIFF_MAX && (pages <= 0 || size <= 0 || bytes / (size_t)size <= (size_t)pages);
}

void *rt_try(size_t bytes)
{
    size_t whole = bytes ? (bytes + 63) / 64 * 64 : 64;
    void *p = rt_fits(bytes) ? aligned_alloc(64, whole) : NULL;
    return p ? memset(p, 0, whole) : NULL;
}

void *rt_alloc(size_t bytes)
{
    void *p = rt_try(bytes);
    if (!p) {
        fprintf(stderr, "error: out of memory: %zu bytes wanted\n", bytes);
        exit(EXIT_IO);
    }
    return p;
}

/* C prints the sign of a nan, which means nothing. */
double shown(double v)
{
    return v != v ? (double)NAN : v;
}

double real_get(int f64, const void *a, int64_t i)
{
    return f64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

void real_set(int f64, void *a, int64_t i, double v)
{
    if (f64)
        ((double *)a)[i] = v;
    else
        ((float *)a)[i] = (float)v;
}
