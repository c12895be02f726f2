/* gen.h: random models that are valid by construction. */
#ifndef RANDOM_GEN_H
#define RANDOM_GEN_H

#include "adc.h"

/* The text of model `seed`, of about `statements` statements; from the arena. */
char *generate(Arena *, uint64_t seed, int statements);

uint64_t next_random(uint64_t *state);

#endif
