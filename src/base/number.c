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

void xt_number_print(float value, char *out)
{
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(out, 32, "%.*g", precision, (double)value);
        if (strtof(out, NULL) == value)
            return;
    }
}
