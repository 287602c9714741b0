/* random.h: the random words of dropout, the same as the host's model/rng.h draws.
 *
 * Threefry-2x32 with 20 rounds (Salmon et al. 2011). Where values are vectors the
 * prelude defines XT_WORDS and xt_word, as wide: a value's word is at its place; and
 * where each of them has a key of its own xt_key_word too. Whether an
 * output is dropped depends on the update's key, the layer, the unit and the row
 * in the batch, and on nothing else: word 0 of the pair (layer << 24 | unit,
 * row). */

#ifndef XT_WORDS
#define xt_word uint
#endif
#ifndef xt_key_word
#define xt_key_word uint
#endif

typedef struct xt_key {
    xt_key_word hi, lo;
} xt_key;

#define XT_ROUND(word, r) x0 += x1; x1 = rotate(x1, (word)(r)) ^ x0;
#define XT_FOUR_ROUNDS(word, a, b, c, d) XT_ROUND(word, a) XT_ROUND(word, b) XT_ROUND(word, c) XT_ROUND(word, d)

/* The first word of a pair's hash; *second becomes the other. */
#define XT_THREEFRY(name, word) \
    static inline word name(xt_key key, word x0, word *second) \
    { \
        xt_key_word k0 = key.hi, k1 = key.lo, k2 = k0 ^ k1 ^ 0x1BD11BDAu; \
        word x1 = *second + k1; \
        x0 += k0; \
        XT_FOUR_ROUNDS(word, 13, 15, 26, 6)  x0 += k1; x1 += k2 + 1u; \
        XT_FOUR_ROUNDS(word, 17, 29, 16, 24) x0 += k2; x1 += k0 + 2u; \
        XT_FOUR_ROUNDS(word, 13, 15, 26, 6)  x0 += k0; x1 += k1 + 3u; \
        XT_FOUR_ROUNDS(word, 17, 29, 16, 24) x0 += k1; x1 += k2 + 4u; \
        XT_FOUR_ROUNDS(word, 13, 15, 26, 6)  x0 += k2; x1 += k0 + 5u; \
        *second = x1; \
        return x0; \
    }
XT_THREEFRY(xt_threefry_1, xt_key_word)
#ifdef XT_WORDS
XT_THREEFRY(xt_threefry, xt_word)
#else
#define xt_threefry xt_threefry_1
#endif

/* What an output is multiplied by: 0 where 24 bits of its word are below drop_below, else scale. */
static inline xt_real xt_kept(xt_key key, int layer, xt_word unit, int row, xt_key_word drop_below, xt_number scale)
{
    xt_word second = (xt_word)((uint)row);
    xt_word bits = xt_threefry(key, (xt_word)((uint)layer << 24) | unit, &second) >> (xt_word)(8u);
    return bits < (xt_word)(drop_below) ? XT_R(0) : XT_R(scale);
}
