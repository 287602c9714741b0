/* rng.h: Threefry-2x32 with 20 rounds and JAX's legacy layout of its stream.
 *
 * Randomness is a pure function of (key, index): nothing here has state. A
 * value's float forms equal JAX's to 1e-6 relative, its integers exactly.
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
 * and the layout of jax.random with jax_threefry_partitionable=False. */
#ifndef XT_MODEL_RNG_H
#define XT_MODEL_RNG_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct xt_key {
    uint32_t hi, lo;
} xt_key;

/* What a key is folded with for each purpose, after key(seed). */
enum { XT_FOLD_SHUFFLE = 0x5348, XT_FOLD_SPLIT = 0x5350, XT_FOLD_DROPOUT = 0x4452, XT_FOLD_SWEEP = 0x5357 };

/* The block cipher: two counter words under a key. */
xt_key xt_threefry(xt_key key, uint32_t x0, uint32_t x1);

xt_key xt_key_of_seed(uint64_t seed);
/* Row `index` of split(key, n); index < n < 2^31. It depends on n. */
xt_key xt_key_split(xt_key key, uint32_t n, uint32_t index);
xt_key xt_key_fold_in(xt_key key, uint32_t data);

/* Word `index` of bits(key, n); index < n. */
uint32_t xt_bits_at(xt_key key, size_t n, size_t index);
/* Element `index` of uniform(key, n) in [low, high) and of normal(key, n). */
float xt_uniform_at(xt_key key, size_t n, size_t index, float low, float high);
float xt_normal_at(xt_key key, size_t n, size_t index);
/* Element of a normal distribution cut off at low and high standard deviations. */
float xt_truncated_normal_at(xt_key key, size_t n, size_t index, float low, float high);
/* All n elements of each, the same bits in a fraction of the time. */
void xt_uniform_fill(xt_key key, size_t n, float low, float high, float *out);
void xt_normal_fill(xt_key key, size_t n, float *out);
void xt_truncated_normal_fill(xt_key key, size_t n, float low, float high, float *out);
/* The inverse error function: Giles' single-precision polynomial as XLA has it. |x| < 1. */
float xt_erfinv(float x);

/* order[i] becomes the row that comes i-th: the stable argsort of n words of bits
 * of fold_in(fold_in(key(seed), purpose), index). work has room for 2 n words.
 * n < 2^32. */
void xt_permute(uint64_t seed, uint32_t purpose, uint32_t index, size_t n, uint32_t *order, uint64_t *work);
/* The order of rows in the (0-based) epoch: XT_FOLD_SHUFFLE is its purpose. */
void xt_shuffle(uint64_t seed, uint32_t epoch, size_t n, uint32_t *order, uint64_t *work);

#endif
