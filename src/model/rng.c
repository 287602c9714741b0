/* Compiled with -ffp-contract=off like all of xortrain: a contracted
 * multiply-add would change the last bits of the initial weights. */
#include "model/rng.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Words that are hashed at once where many are drawn. */
enum { RUN = 256 };

static uint32_t rotate(uint32_t x, unsigned by)
{
    return (x << by) | (x >> (32 - by));
}

xt_key xt_threefry(xt_key key, uint32_t x0, uint32_t x1)
{
    static const unsigned char rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    const uint32_t ks[3] = {key.hi, key.lo, key.hi ^ key.lo ^ 0x1BD11BDAu};
    x0 += ks[0];
    x1 += ks[1];
    for (uint32_t i = 0; i < 5; i++) {
        for (int r = 0; r < 4; r++) {
            x0 += x1;
            x1 = rotate(x1, rotations[i % 2][r]) ^ x0;
        }
        x0 += ks[(i + 1) % 3];
        x1 += ks[(i + 2) % 3] + i + 1;
    }
    return (xt_key){x0, x1};
}

xt_key xt_key_of_seed(uint64_t seed)
{
    return (xt_key){(uint32_t)(seed >> 32), (uint32_t)seed};
}

xt_key xt_key_fold_in(xt_key key, uint32_t data)
{
    return xt_threefry(key, 0, data);
}

/* The counts 0..n-1 (and a padding 0 where n is odd) are cut in two halves:
 * count i of the first half is hashed with its partner of the second. */
uint32_t xt_bits_at(xt_key key, size_t n, size_t index)
{
    size_t half = (n + 1) / 2;
    size_t lane = index < half ? index : index - half;
    size_t partner = lane + half;
    xt_key y = xt_threefry(key, (uint32_t)lane, partner < n ? (uint32_t)partner : 0);
    return index < half ? y.hi : y.lo;
}

xt_key xt_key_split(xt_key key, uint32_t n, uint32_t index)
{
    size_t words = 2 * (size_t)n, at = 2 * (size_t)index;
    return (xt_key){xt_bits_at(key, words, at), xt_bits_at(key, words, at + 1)};
}

/* What the polynomials of erfinv(x) are of: -log(1 - x^2), and beyond 5 its root, from the middle of their range on. */
typedef struct argument {
    float w;
    bool is_far;
} argument;

static argument argument_of(float x)
{
    float square = x * x;
    /* Faster than log1p; what is lost of a small square is nothing beside the 2.5 that it is taken from. */
    float w = (float)-log(1 - (double)square);
    return w < 5.0f ? (argument){w - 2.5f, false} : (argument){sqrtf(w) - 3.0f, true};
}

static inline float polynomial_of(float x, float w, bool is_far)
{
    static const float near[9] = {2.81022636e-08f, 3.43273939e-07f, -3.5233877e-06f,
                                  -4.39150654e-06f, 0.00021858087f, -0.00125372503f,
                                  -0.00417768164f, 0.246640727f, 1.50140941f};
    static const float far[9] = {-0.000200214257f, 0.000100950558f, 0.00134934322f,
                                 -0.00367342844f, 0.00573950773f, -0.0076224613f,
                                 0.00943887047f, 1.00167406f, 2.83297682f};
    float p = is_far ? far[0] : near[0];
    for (int i = 1; i < 9; i++)
        p = (is_far ? far[i] : near[i]) + p * w;
    return p * x;
}

float xt_erfinv(float x)
{
    argument a = argument_of(x);
    return polynomial_of(x, a.w, a.is_far);
}

/* What random words become: uniform in [low, high), and where it is normal the quantile of that, in [least, most]. */
typedef struct distribution {
    float low, high, below; /* below: the float before high */
    bool normal;
    float least, most;
} distribution;

static const float sqrt2 = 1.41421356f;

static distribution uniform(float low, float high)
{
    return (distribution){low, high, nextafterf(high, low), false, 0, 0};
}

static distribution normal_between(float from, float to, float least, float most)
{
    return (distribution){from, to, nextafterf(to, from), true, least, most};
}

static distribution normal(void)
{
    return normal_between(nextafterf(-1.0f, 0.0f), 1.0f, -INFINITY, INFINITY);
}

static distribution truncated_normal(float low, float high)
{
    return normal_between(erff(low / sqrt2), erff(high / sqrt2), nextafterf(low, INFINITY), nextafterf(high, -INFINITY));
}

static inline float uniform_of(const distribution *d, uint32_t bits)
{
    float f;
    bits = bits >> 9 | 0x3F800000u;
    memcpy(&f, &bits, sizeof f);
    f = (f - 1.0f) * (d->high - d->low) + d->low;
    /* Rounding may reach high where low is far from 0. */
    f = f < d->high ? f : d->below;
    return f <= d->low ? d->low : f;
}

static inline float normal_of(const distribution *d, float uniform, float w, bool is_far)
{
    float z = sqrt2 * polynomial_of(uniform, w, is_far);
    z = z > d->most ? d->most : z;
    return z < d->least ? d->least : z;
}

static float value_of(const distribution *d, uint32_t bits)
{
    float f = uniform_of(d, bits);
    argument a = d->normal ? argument_of(f) : (argument){0, false};
    return d->normal ? normal_of(d, f, a.w, a.is_far) : f;
}

/* Loops that compilers turn into vectors, but for the logarithms. */
static void values_of(const distribution *d, size_t n, const uint32_t *words, float *out)
{
    float w[RUN];
    bool is_far[RUN];
    for (size_t i = 0; i < n; i++)
        out[i] = uniform_of(d, words[i]);
    if (!d->normal)
        return;
    for (size_t i = 0; i < n; i++) {
        argument a = argument_of(out[i]);
        w[i] = a.w;
        is_far[i] = a.is_far;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = normal_of(d, out[i], w[i], is_far[i]);
}

/* Words first .. of each half of bits(key, n), of which the second has as many or one fewer; a loop that compilers turn
 * into vectors. */
typedef struct run {
    size_t n, n_partners;
    uint32_t words[2][RUN];
} run;

static void draw_run(xt_key key, size_t n, size_t first, run *out)
{
    size_t half = (n + 1) / 2, count = half - first < RUN ? half - first : RUN;
    size_t partners = first + count + half > n ? count - 1 : count;
    for (size_t i = 0; i < partners; i++) {
        xt_key y = xt_threefry(key, (uint32_t)(first + i), (uint32_t)(first + i + half));
        out->words[0][i] = y.hi;
        out->words[1][i] = y.lo;
    }
    if (partners < count)
        out->words[0][partners] = xt_threefry(key, (uint32_t)(first + partners), 0).hi;
    out->n = count;
    out->n_partners = partners;
}

static void fill(const distribution *d, xt_key key, size_t n, float *out)
{
    run drawn;
    size_t half = (n + 1) / 2;
    for (size_t first = 0; first < half; first += RUN) {
        draw_run(key, n, first, &drawn);
        values_of(d, drawn.n, drawn.words[0], out + first);
        values_of(d, drawn.n_partners, drawn.words[1], out + first + half);
    }
}

float xt_uniform_at(xt_key key, size_t n, size_t index, float low, float high)
{
    const distribution d = uniform(low, high);
    return value_of(&d, xt_bits_at(key, n, index));
}

float xt_normal_at(xt_key key, size_t n, size_t index)
{
    const distribution d = normal();
    return value_of(&d, xt_bits_at(key, n, index));
}

float xt_truncated_normal_at(xt_key key, size_t n, size_t index, float low, float high)
{
    const distribution d = truncated_normal(low, high);
    return value_of(&d, xt_bits_at(key, n, index));
}

void xt_uniform_fill(xt_key key, size_t n, float low, float high, float *out)
{
    const distribution d = uniform(low, high);
    fill(&d, key, n, out);
}

void xt_normal_fill(xt_key key, size_t n, float *out)
{
    const distribution d = normal();
    fill(&d, key, n, out);
}

void xt_truncated_normal_fill(xt_key key, size_t n, float low, float high, float *out)
{
    const distribution d = truncated_normal(low, high);
    fill(&d, key, n, out);
}

/* words[i] = bits i of n in the high half and i in the low one. */
static void random_words(xt_key key, size_t n, uint64_t *words)
{
    run drawn;
    size_t half = (n + 1) / 2;
    for (size_t first = 0; first < half; first += RUN) {
        draw_run(key, n, first, &drawn);
        for (size_t i = 0; i < drawn.n; i++)
            words[first + i] = (uint64_t)drawn.words[0][i] << 32 | (uint32_t)(first + i);
        for (size_t i = 0; i < drawn.n_partners; i++)
            words[first + half + i] = (uint64_t)drawn.words[1][i] << 32 | (uint32_t)(first + half + i);
    }
}

/* Sorts by the high half, stably: a radix sort by its bytes, least significant
 * first. other has room for n words too. An even number of passes ends in words. */
static void sort_words(uint64_t *words, uint64_t *other, size_t n)
{
    enum { PASSES = 4, DIGITS = 256 };
    uint32_t starts[PASSES][DIGITS] = {{0}};
    for (size_t i = 0; i < n; i++)
        for (int pass = 0; pass < PASSES; pass++)
            starts[pass][words[i] >> (32 + 8 * pass) & 0xFF]++;
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t before = 0;
        for (int digit = 0; digit < DIGITS; digit++) {
            uint32_t count = starts[pass][digit];
            starts[pass][digit] = before;
            before += count;
        }
        for (size_t i = 0; i < n; i++)
            other[starts[pass][words[i] >> (32 + 8 * pass) & 0xFF]++] = words[i];
        uint64_t *swap = words;
        words = other;
        other = swap;
    }
}

/* Fewer rows than this: the row in the low half makes every word another. */
enum { FEW = 48 };

static void sort_few_words(uint64_t *words, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t word = words[i];
        size_t at = i;
        for (; at && words[at - 1] > word; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
}

void xt_permute(uint64_t seed, uint32_t purpose, uint32_t index, size_t n, uint32_t *order, uint64_t *work)
{
    xt_key key = xt_key_fold_in(xt_key_fold_in(xt_key_of_seed(seed), purpose), index);
    random_words(key, n, work);
    if (n <= FEW)
        sort_few_words(work, n);
    else
        sort_words(work, work + n, n);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)work[i];
}

void xt_shuffle(uint64_t seed, uint32_t epoch, size_t n, uint32_t *order, uint64_t *work)
{
    xt_permute(seed, XT_FOLD_SHUFFLE, epoch, n, order, work);
}
