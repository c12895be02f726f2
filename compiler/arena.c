/* arena.c: memory by lifetime. In: sizes. Out: zeroed bytes that live until arena_free.
 *
 * An arena is a list of blocks; an allocation is a bump of the newest block's fill. Nothing is freed piecewise, so no
 * pass has to say who owns a node, and running out of memory aborts here, so that no caller has to test for it. */
#include "front.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK ((size_t)1 << 16)
#define LAST_BLOCK ((size_t)1 << 22)

typedef struct Block Block;
struct Block {
    Block *older;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

struct Arena {
    Block *newest;
    size_t next_size;
};

void *need_memory(void *p)
{
    if (!p) {
        fputs("adc: out of memory\n", stderr);
        abort();
    }
    return p;
}

Arena *arena_new(void)
{
    Arena *arena = need_memory(calloc(1, sizeof *arena));
    arena->next_size = FIRST_BLOCK;
    return arena;
}

static void add_block(Arena *arena, size_t bytes)
{
    size_t size = arena->next_size > bytes ? arena->next_size : bytes;
    Block *block = need_memory(calloc(1, sizeof *block + size));
    block->size = size;
    block->older = arena->newest;
    arena->newest = block;
    if (arena->next_size < LAST_BLOCK)
        arena->next_size *= 2;
}

void *arena_alloc(Arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        need_memory(NULL);
    size_t rounded = bytes ? (bytes + 15) & ~(size_t)15 : 16;
    if (!arena->newest || arena->newest->size - arena->newest->used < rounded)
        add_block(arena, rounded);
    void *p = arena->newest->bytes + arena->newest->used;
    arena->newest->used += rounded;
    return p;
}

char *arena_strndup(Arena *arena, const char *text, size_t n)
{
    char *copy = arena_alloc(arena, n + 1);
    if (n)
        memcpy(copy, text, n);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

/* How long the text will be. */
static int measure(const char *format, va_list args)
{
    if (!format)                        /* said for gcc, which imagines it under -fsanitize=undefined */
        abort();
    int n = vsnprintf(NULL, 0, format, args);
    return n < 0 ? 0 : n;
}

char *arena_vprintf(Arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = measure(format, again);
    va_end(again);
    char *text = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, args);
    return text;
}

char *arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void arena_free(Arena *arena)
{
    if (!arena)
        return;
    for (Block *block = arena->newest; block;) {
        Block *older = block->older;
        free(block);
        block = older;
    }
    free(arena);
}

/* The old elements stay behind in the arena: doubling bounds that waste by the final size. */
void *vec_grow(Arena *arena, void *at, size_t size, int n, int *cap)
{
    if (*cap > INT32_MAX / 2)
        need_memory(NULL);
    *cap = *cap ? 2 * *cap : 8;
    void *grown = arena_alloc(arena, size * (size_t)*cap);
    if (n)
        memcpy(grown, at, size * (size_t)n);
    return grown;
}

static void reserve(Str *s, size_t more)
{
    if (s->cap - s->n > more)
        return;
    size_t cap = s->cap ? s->cap : 256;
    while (cap - s->n <= more)
        cap *= 2;
    s->text = need_memory(realloc(s->text, cap));
    s->cap = cap;
}

void str_addn(Str *s, const char *text, size_t n)
{
    reserve(s, n);
    if (n)
        memcpy(s->text + s->n, text, n);
    s->n += n;
    s->text[s->n] = 0;
}

void str_add(Str *s, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = measure(format, again);
    va_end(again);
    reserve(s, (size_t)n);
    vsnprintf(s->text + s->n, (size_t)n + 1, format, args);
    s->n += (size_t)n;
    va_end(args);
}

void str_free(Str *s)
{
    free(s->text);
    *s = (Str){0};
}
