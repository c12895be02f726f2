/* cache.c: adc run. The trainer is built once for everything it depends on, and from then on found:
 *
 *     ~/.cache/adc/5f0c1e7a90b3d246/mlp        the directory is build_key() of cc.c
 *
 * Then it takes this process over, so its output, signals and exit status are its own. */
#include "driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *cache_directory(Compile *c)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/')
        return arena_printf(c->ctx->arena, "%s/adc", cache);
    if (home && *home)
        return arena_printf(c->ctx->arena, "%s/.cache/adc", home);
    return NULL;
}

/* Trainer options first: they may open with a command such as predict. */
static void become_trainer(Compile *c, const char *path)
{
    VEC(char *) words = {0};
    vec_push(c->ctx, &words, arena_strdup(c->ctx->arena, c->stem));
    for (int i = 0; i < c->command->trainer.n; i++)
        vec_push(c->ctx, &words, c->command->trainer.at[i]);
    for (int i = 0; i < c->data.n; i++) {
        bool own = i < c->data.n - c->command->data.n;
        if (own && c->data_is_trainers)
            continue;
        vec_push(c->ctx, &words, arena_strdup(c->ctx->arena, "--data"));
        vec_push(c->ctx, &words, arena_strdup(c->ctx->arena, c->data.at[i]));
    }
    vec_push(c->ctx, &words, NULL);
    fflush(NULL);
    restore_stack(c->command);
    execv(path, words.at);
}

int run_cached(Compile *c)
{
    Arena *arena = c->ctx->arena;
    const char *cache = cache_directory(c), *key = build_key(c);
    if (!cache)
        return complain(STATUS_FILES, "no place for built trainers: neither XDG_CACHE_HOME nor HOME is set");
    if (!key)
        return STATUS_FILES;
    const char *directory = arena_printf(arena, "%s/%s", cache, key);
    const char *path = arena_printf(arena, "%s/%s", directory, c->stem);
    if (access(path, X_OK) != 0) {
        if (!make_directories(arena, directory))
            return complain(STATUS_FILES, "cannot make the directory '%s': %s", directory, strerror(errno));
        int status = build(c, AS_EXE, path);
        if (status != STATUS_FINE)
            return status;
    }
    become_trainer(c, path);
    return complain(STATUS_FILES, "cannot run '%s': %s", path, strerror(errno));
}
