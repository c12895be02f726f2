/* philox.c: random numbers as a function of where they are used.
 *
 * Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a 64-bit
 * key and a 128-bit counter into 128 random bits. There is no state to carry along: a draw is named by the seed, the
 * name of what is drawn, the step and the element, so it depends neither on the order of statements nor on threads. */
#include "rt.h"
#include <math.h>
#include <string.h>

void philox(uint64_t key, const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint64_t name_key(const char *name)
{
    uint64_t h = 0xCBF29CE484222325;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001B3;
    return h;
}

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of x reaches every bit of the result. */
static uint64_t mix_bits(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

/* Two 64-bit words for a draw. For one seed, different keys give different Philox keys: the map is one to one. */
static void draw_words(uint64_t seed, uint64_t key, uint64_t step, int64_t index, uint64_t w[2])
{
    uint64_t at = (uint64_t)index;
    const uint32_t counter[4] = { (uint32_t)at, (uint32_t)(at >> 32), (uint32_t)step, (uint32_t)(step >> 32) };
    uint32_t out[4];
    philox(mix_bits(seed) ^ key, counter, out);
    w[0] = out[0] | (uint64_t)out[1] << 32;
    w[1] = out[2] | (uint64_t)out[3] << 32;
}

/* The middle of one of 2^52 equal cells: never 0 and never 1. */
static double open_unit(uint64_t word)
{
    return ((double)(word >> 12) + 0.5) * 0x1p-52;
}

double adrt_uniform(uint64_t seed, uint64_t key, uint64_t step, int64_t index)
{
    uint64_t w[2];
    draw_words(seed, key, step, index, w);
    return open_unit(w[0]);
}

/* Box and Muller 1958: one of the pair, so that an element needs no neighbour. */
double adrt_normal(uint64_t seed, uint64_t key, uint64_t step, int64_t index)
{
    uint64_t w[2];
    draw_words(seed, key, step, index, w);
    return sqrt(-2 * log(open_unit(w[0]))) * cos(6.283185307179586476925 * open_unit(w[1]));
}

/* Permutes what is in `order`: an epoch's order depends on the start it is given, the seed and the epoch, nothing else. */
void shuffle(int64_t *order, int64_t n, uint64_t seed, uint64_t key, uint64_t epoch)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)(adrt_uniform(seed, key, epoch, i) * (double)(i + 1));
        int64_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}
