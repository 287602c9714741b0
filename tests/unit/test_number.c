/* Numbers as text: the fast ways against printf, byte for byte. */
#include "base/number.h"
#include "cases.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
enum { N = 6000 };
#else
enum { N = 60000 };
#endif

/* splitmix64 */
static uint64_t seed;

static uint64_t draw(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void same(double value, const char *got, const char *end, const char *expected)
{
    if ((size_t)(end - got) != strlen(expected) || memcmp(got, expected, strlen(expected)) != 0)
        fail_msg("%a: '%.*s', not '%s'", value, (int)(end - got), got, expected);
}

static void same_general(double value, int digits)
{
    char got[XT_NUMBER_BYTES], expected[XT_NUMBER_BYTES];
    const char *end = xt_number_put(got, value, digits);
    assert_true(end - got < XT_NUMBER_BYTES);
    snprintf(expected, sizeof expected, "%.*g", digits, value);
    same(value, got, end, expected);
}

/* As the program writes them; other numbers of digits in turn. */
static void same_as_printf(double value)
{
    static int digits;
    digits = digits % 7 + 1;
    same_general(value, 9);
    same_general(-value, 8);
    same_general(value, digits);
}

static void same_micros(double value)
{
    char got[XT_NUMBER_BYTES], expected[XT_NUMBER_BYTES];
    if (fabs(value) >= 1e15)
        return;
    const char *end = xt_number_put_micros(got, value);
    snprintf(expected, sizeof expected, "%.6f", value);
    same(value, got, end, expected);
}

/* Of any magnitude, nan and inf among them. */
static double any_bits(void)
{
    return of_bits(draw());
}

/* Where losses, metrics and seconds are: 2^-40 to 2^23. */
static double usual(void)
{
    return ldexp((double)(draw() >> 11 | UINT64_C(1) << 52), (int)(draw() % 64) - 92);
}

static double usual_float(void)
{
    return (double)(float)usual();
}

static double any_float(void)
{
    uint32_t bits = (uint32_t)draw();
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static double whole(void)
{
    return (double)(draw() >> draw() % 64);
}

/* A few bits only: many of these lie halfway exactly. */
static double few_bits(void)
{
    return ldexp((double)(draw() >> draw() % 64 >> 20), -(int)(draw() % 60));
}

/* A double beside the one nearest to a decimal that lies halfway. */
static double near_halfway(void)
{
    char text[64];
    uint64_t n = draw() % UINT64_C(1000000000) / (draw() % 3 ? 1 : 10);
    snprintf(text, sizeof text, "%" PRIu64 "5e%d", n, (int)(draw() % 40) - 30);
    return nextafter(strtod(text, NULL), draw() % 2 ? HUGE_VAL : 0);
}

/* The double nearest to a decimal with one digit more than is written, a 5. */
static double halfway(void)
{
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64 "5e%d", draw() % UINT64_C(1000000000), (int)(draw() % 40) - 30);
    return strtod(text, NULL);
}

static double subnormal(void)
{
    return of_bits(draw() >> 12 >> draw() % 52);
}

static double seconds(void)
{
    return (double)(draw() >> 20) * 1e-9 / (double)(1 + draw() % 1000000);
}

typedef struct source {
    double (*next)(void);
    const char *name;
} source;

static const source sources[] = {
    {any_bits, "any bits"},   {usual, "usual numbers"},  {usual_float, "usual floats"}, {any_float, "any float"},
    {whole, "whole numbers"}, {few_bits, "few bits"},    {halfway, "halfway"},          {near_halfway, "near halfway"},
    {subnormal, "subnormals"}, {seconds, "seconds"},
};

static void random_numbers(void **state)
{
    const source *row = *state;
    seed = UINT64_C(20240607);
    print_message("seed %" PRIu64 "\n", seed);
    for (int i = 0; i < N; i++) {
        double value = row->next();
        if (value != value)
            continue;
        same_as_printf(value);
        same_micros(value);
        same_micros(-value);
    }
}

/* Each with its neighbours: where the number of digits changes. */
static void powers(void **state)
{
    (void)state;
    for (int base = 2; base <= 10; base += 8)
        for (int power = -1080; power <= 1023; power++) {
            char text[16];
            snprintf(text, sizeof text, "1e%d", power);
            double value = base == 2 ? ldexp(1, power) : strtod(text, NULL);
            for (int digits = 1; digits <= 9; digits++) {
                same_general(value, digits);
                same_general(nextafter(value, 0), digits);
                same_general(nextafter(value, HUGE_VAL), digits);
                same_general(value * (1 - 5e-10), digits);
                same_general(value * 9.9999999949999, digits);
            }
            same_micros(value);
            same_micros(nextafter(value, 0));
        }
}

static void special(void **state)
{
    (void)state;
    static const double rows[] = {0, -0.0, 0.5, 1, 9.5, 99999999.5, 999999999.5, 999999999.4, 1e9, 0.0001, 0.00001,
                                  0.00009999999995, 0.0001220703125, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
                                  HUGE_VAL, -HUGE_VAL, 0.0000005, 0.0000015, 0.0000025, 0.9999995, 0.99999949, 123456.0000005,
                                  18446744073709.551615, 18446744073709.551616, 999999999999999};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int digits = 1; digits <= 9; digits++)
            same_general(rows[i], digits);
        same_micros(rows[i]);
        same_micros(-rows[i]);
    }
}

static void same_uint(uint64_t value)
{
    char got[XT_NUMBER_BYTES], expected[XT_NUMBER_BYTES];
    const char *end = xt_number_put_uint(got, value);
    snprintf(expected, sizeof expected, "%" PRIu64, value);
    same((double)value, got, end, expected);
}

static void whole_numbers(void **state)
{
    (void)state;
    seed = 7;
    for (uint64_t i = 0; i < 100000; i++)
        same_uint(i);
    for (uint64_t ten = 1; ten <= UINT64_MAX / 10; ten *= 10) {
        same_uint(ten - 1);
        same_uint(ten * 10);
    }
    for (int i = 0; i < N; i++)
        same_uint(draw() >> draw() % 64);
    same_uint(UINT64_MAX);
}

/* The definition: the first number of digits that reads back. */
static void shortest(void **state)
{
    (void)state;
    seed = UINT64_C(99);
    print_message("seed %" PRIu64 "\n", seed);
    for (int i = 0; i < N / 4; i++) {
        float value = (float)(i % 2 ? any_float() : usual());
        char got[XT_NUMBER_BYTES], expected[XT_NUMBER_BYTES];
        if (!isfinite(value))
            continue;
        xt_number_print(value, got);
        for (int digits = 1; digits <= 9; digits++) {
            snprintf(expected, sizeof expected, "%.*g", digits, (double)value);
            if (strtof(expected, NULL) == value)
                break;
        }
        assert_string_equal(got, expected);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        unit_case(random_numbers, &sources[i], "%s", sources[i].name);
    UNIT_CASE(powers);
    UNIT_CASE(special);
    UNIT_CASE(whole_numbers);
    UNIT_CASE(shortest);
    return unit_run("numbers");
}
