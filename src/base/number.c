#include "base/number.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number taken apart: digits * 10^exponent. */
typedef struct decimal {
    bool negative;
    const char *digits, *end; /* from the first to past the last digit, with a point among them perhaps */
    size_t n_significant;     /* digits from the first that is not 0 */
    uint64_t mantissa;        /* their value when there are at most MANTISSA_DIGITS */
    int64_t exponent;
} decimal;

enum {
    MANTISSA_DIGITS = 19,
    /* More digits than can matter: halfway between two doubles there are at most 767. */
    KEPT_DIGITS = 800,
    /* Past any double even for a cell full of zeros. */
    MAX_EXPONENT = 100000000,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [+-] digits, at the end; false when it is anything else. */
static bool scan_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    int64_t value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        if (value < MAX_EXPONENT)
            value = value * 10 + (*at - '0');
    }
    *exponent += negative ? -value : value;
    return true;
}

/* at < end: the text is NUL-terminated, so looking at *end is safe. */
static bool scan(const char *at, const char *end, decimal *out)
{
    decimal d = {.negative = *at == '-'};
    if (*at == '-' || *at == '+')
        at++;
    d.digits = at;
    const char *point = NULL;
    for (; at < end; at++) {
        if (is_digit(*at)) {
            d.n_significant += d.n_significant || *at != '0';
            if (d.n_significant <= MANTISSA_DIGITS)
                d.mantissa = d.mantissa * 10 + (uint64_t)(*at - '0');
        } else if (*at == '.' && !point)
            point = at;
        else
            break;
    }
    d.end = at;
    /* "1." is a number, "." is none. */
    if (at == d.digits || (point && at - d.digits == 1))
        return false;
    d.exponent = point ? -(int64_t)(at - point - 1) : 0;
    if (at < end && ((*at != 'e' && *at != 'E') || !scan_exponent(at + 1, end, &d.exponent)))
        return false;
    *out = d;
    return true;
}

/* A whole number of at most 53 bits times or over an exact power of ten: one
 * rounding, so the nearest double, as strtod finds it (Clinger 1990). */
static bool convert_exactly(const decimal *d, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (FLT_EVAL_METHOD != 0 || d->n_significant > MANTISSA_DIGITS || d->mantissa > (UINT64_C(1) << 53) ||
        d->exponent < -22 || d->exponent > 22)
        return false;
    double whole = (double)d->mantissa;
    *value = d->exponent < 0 ? whole / powers[-d->exponent] : whole * powers[d->exponent];
    return true;
}

/* strtod looks for the locale's decimal point: it is given a number without one. */
static double convert_any(const decimal *d)
{
    char text[KEPT_DIGITS + 32];
    size_t n = 0, n_seen = 0;
    bool cut = false;
    for (const char *at = d->digits; at < d->end; at++) {
        if (*at == '.' || (!n && *at == '0'))
            continue;
        n_seen++;
        if (n < KEPT_DIGITS)
            text[n++] = *at;
        else
            cut = cut || *at != '0';
    }
    if (!n)
        return 0;
    int64_t exponent = d->exponent + (int64_t)(n_seen - n);
    /* One more digit that is not 0 stands for all that were left out. */
    if (cut) {
        text[n++] = '1';
        exponent--;
    }
    snprintf(text + n, sizeof text - n, "e%lld", (long long)exponent);
    return strtod(text, NULL);
}

xt_number_status xt_number_double(const char *text, size_t n_bytes, double *out)
{
    decimal d;
    double value;
    if (!n_bytes || !scan(text, text + n_bytes, &d))
        return XT_NUMBER_NOT;
    if (!convert_exactly(&d, &value))
        value = convert_any(&d);
    if (!isfinite(value))
        return XT_NUMBER_HUGE;
    *out = d.negative ? -value : value;
    return XT_NUMBER_OK;
}

xt_number_status xt_number_float(const char *text, size_t n_bytes, float *out)
{
    double value;
    xt_number_status status = xt_number_double(text, n_bytes, &value);
    if (status)
        return status;
    /* From halfway between the largest float and the next power of two, rounding gives infinity. */
    if (fabs(value) >= 0x1.ffffffp127)
        return XT_NUMBER_HUGE;
    *out = (float)value;
    return XT_NUMBER_OK;
}

xt_number_status xt_number_uint(const char *text, uint64_t *out)
{
    const char *at = text + (*text == '+');
    if (!*at || at[strspn(at, "0123456789")])
        return XT_NUMBER_NOT;
    errno = 0;
    unsigned long long value = strtoull(at, NULL, 10);
    if (errno)
        return XT_NUMBER_HUGE;
    *out = value;
    return XT_NUMBER_OK;
}

/* ---- writing ---- */

enum {
    MAX_DIGITS = 9,
    MAX_POWER = 27, /* of 5, in 64 bits */
    FRACTION_BITS = 52,
    MAX_BIASED = 2047,
    BIAS = 1075 /* value = mantissa * 2^(biased - BIAS) */
};

/* a * b, which has up to 128 bits. */
static void multiply(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
    uint64_t a0 = a & UINT32_MAX, a1 = a >> 32, b0 = b & UINT32_MAX, b1 = b >> 32;
    uint64_t bottom = a0 * b0, middle = a1 * b0 + (bottom >> 32), other = a0 * b1 + (middle & UINT32_MAX);
    *high = a1 * b1 + (middle >> 32) + (other >> 32);
    *low = other << 32 | (bottom & UINT32_MAX);
}

/* Drops the lowest `shift` bits of high:low, 1 to 127, and rounds as printf does:
 * to the nearest, halves to even. False when 64 bits may be too few for it. */
static bool drop_bits(uint64_t high, uint64_t low, int shift, uint64_t *out)
{
    uint64_t whole, half, below;
    if (shift < 64) {
        if (high >> shift)
            return false;
        whole = high << (64 - shift) | low >> shift;
        half = low >> (shift - 1) & 1;
        below = low & ((UINT64_C(1) << (shift - 1)) - 1);
    } else if (shift == 64) {
        whole = high;
        half = low >> 63;
        below = low << 1;
    } else {
        whole = high >> (shift - 64);
        half = high >> (shift - 65) & 1;
        below = (high & ((UINT64_C(1) << (shift - 65)) - 1)) | low;
    }
    if (whole == UINT64_MAX)
        return false;
    *out = whole + (half && (below || whole & 1));
    return true;
}

/* value * 10^power as a whole number, correctly rounded: 5^power is exact in 64
 * bits, the product with 53 bits of mantissa in 128, and the rest is a shift.
 * value is finite and not negative. False where it does not work out so. */
static bool scale(double value, int power, uint64_t *out)
{
    static const uint64_t fives[MAX_POWER + 1] = {
        UINT64_C(1), UINT64_C(5), UINT64_C(25), UINT64_C(125), UINT64_C(625), UINT64_C(3125), UINT64_C(15625),
        UINT64_C(78125), UINT64_C(390625), UINT64_C(1953125), UINT64_C(9765625), UINT64_C(48828125),
        UINT64_C(244140625), UINT64_C(1220703125), UINT64_C(6103515625), UINT64_C(30517578125),
        UINT64_C(152587890625), UINT64_C(762939453125), UINT64_C(3814697265625), UINT64_C(19073486328125),
        UINT64_C(95367431640625), UINT64_C(476837158203125), UINT64_C(2384185791015625),
        UINT64_C(11920928955078125), UINT64_C(59604644775390625), UINT64_C(298023223876953125),
        UINT64_C(1490116119384765625), UINT64_C(7450580596923828125)};
    uint64_t bits, high, low;
    if (power < 0 || power > MAX_POWER)
        return false;
    memcpy(&bits, &value, sizeof bits);
    int biased = (int)(bits >> FRACTION_BITS) & MAX_BIASED;
    uint64_t mantissa = bits & ((UINT64_C(1) << FRACTION_BITS) - 1);
    if (biased)
        mantissa |= UINT64_C(1) << FRACTION_BITS;
    int shift = BIAS - (biased ? biased : 1) - power;
    multiply(mantissa, fives[power], &high, &low);
    if (shift > 127) { /* the product has at most 116 bits: less than a half */
        *out = 0;
        return true;
    }
    if (shift > 0)
        return drop_bits(high, low, shift, out);
    if (high || -shift > 63 || low > UINT64_MAX >> -shift)
        return false;
    *out = low << -shift;
    return true;
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "404142434445464748495051525354555657585960616263646566676869"
                            "707172737475767778798081828384858687888990919293949596979899";

/* The last n digits of value, with zeros before them. */
static void put_digits(char *at, uint64_t value, int n)
{
    for (; n >= 2; n -= 2, value /= 100)
        memcpy(at + n - 2, pairs + 2 * (value % 100), 2);
    if (n)
        *at = (char)('0' + value % 10);
}

char *xt_number_put_uint(char *at, uint64_t value)
{
    int n = 1;
    for (uint64_t rest = value; rest >= 10; rest /= 10)
        n++;
    put_digits(at, value, n);
    return at + n;
}

/* "0.", zeros and the digits, or digits with a point after `exponent` + 1 of them. */
static char *put_plain(char *at, const char *digits, int n, int exponent)
{
    if (exponent < 0) {
        memcpy(at, "0.000", 5);
        at += 1 - exponent;
    } else {
        memcpy(at, digits, MAX_DIGITS);
        at += exponent + 1;
        digits += exponent + 1;
        n -= exponent + 1;
        if (n <= 0)
            return at;
        *at++ = '.';
    }
    memcpy(at, digits, (size_t)n);
    return at + n;
}

static char *put_exponent(char *at, const char *digits, int n, int exponent)
{
    *at++ = digits[0];
    if (n > 1) {
        *at++ = '.';
        memcpy(at, digits + 1, (size_t)n - 1);
        at += n - 1;
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    put_digits(at, (uint64_t)abs(exponent), 2);
    return at + 2;
}

static const uint64_t tens[MAX_DIGITS + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

/* value > 0 in so many digits: the whole number that they are, and the power of
 * ten of the first. False where that cannot be had exactly here. */
static bool take_digits(double value, int n_digits, uint64_t *digits, int *exponent)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int binary = (int)(bits >> FRACTION_BITS) - (MAX_BIASED / 2);
    /* Near 10^27 is as far as a scaling goes. */
    if (binary < -90 || binary > 90)
        return false;
    /* floor(binary * log10(2)): the power of ten, or one less than that. */
    int k = (binary * 1233 - (binary < 0 ? 4095 : 0)) / 4096;
    if (!scale(value, n_digits - 1 - k, digits))
        return false;
    *exponent = k;
    if (*digits < tens[n_digits])
        return true;
    *exponent = k + 1;
    return scale(value, n_digits - 2 - k, digits);
}

char *xt_number_put(char *at, double value, int n_digits)
{
    char text[MAX_DIGITS + 1] = {0};
    uint64_t digits;
    int exponent, n = n_digits;
    if (value == 0) {
        if (signbit(value))
            *at++ = '-';
        *at++ = '0';
        return at;
    }
    if (!isfinite(value) || !take_digits(fabs(value), n_digits, &digits, &exponent))
        return at + snprintf(at, XT_NUMBER_BYTES, "%.*g", n_digits, value);
    if (value < 0)
        *at++ = '-';
    put_digits(text, digits, n_digits);
    while (n > 1 && text[n - 1] == '0')
        n--;
    return exponent < -4 || exponent >= n_digits ? put_exponent(at, text, n, exponent) : put_plain(at, text, n, exponent);
}

char *xt_number_put_micros(char *at, double value)
{
    uint64_t micros;
    if (!isfinite(value) || signbit(value) || !scale(value, 6, &micros)) {
        int n = snprintf(at, XT_NUMBER_BYTES, "%.6f", value);
        return at + (n < XT_NUMBER_BYTES ? n : XT_NUMBER_BYTES - 1);
    }
    at = xt_number_put_uint(at, micros / 1000000);
    *at = '.';
    put_digits(at + 1, micros % 1000000, 6);
    return at + 7;
}

void xt_number_print_double(double value, char *out)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, XT_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

void xt_number_print(float value, char *out)
{
    for (int precision = 1; precision <= MAX_DIGITS; precision++) {
        *xt_number_put(out, (double)value, precision) = '\0';
        if (strtof(out, NULL) == value)
            return;
    }
}
