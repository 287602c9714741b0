/* What a cell stands for: the grammar of numbers, their values to the last bit. */
#include "data/cell.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static xt_cell_kind parse(const char *text, float *value)
{
    return xt_cell_parse(text, strlen(text), value);
}

static void assert_value(const char *text, float expected)
{
    float value = 77;
    if (parse(text, &value) != XT_CELL_NUMBER || memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("'%s' gives %.9g, not %.9g", text, (double)value, (double)expected);
}

static void assert_kind(const char *text, xt_cell_kind kind)
{
    float value = 77;
    if (parse(text, &value) != kind || value != 77)
        fail_msg("'%s' is not of kind %d, or its value was touched", text, (int)kind);
}

static void numbers(void **state)
{
    (void)state;
    assert_value("0", 0);
    assert_value("-0", -0.0f);
    assert_value("+1.5", 1.5f);
    assert_value(".5", 0.5f);
    assert_value("1.", 1);
    assert_value("-2.e1", -20);
    assert_value("-.5e1", -5);
    assert_value("1e-4", 1e-4f);
    assert_value("1E+2", 100);
    assert_value("  7\t", 7);
    assert_value("007", 7);
    assert_value("3.4028235e38", 3.4028235e38f);
    /* the last double below the halfway point still rounds to the largest float */
    assert_value("3.4028235677973362e38", 3.4028235e38f);
    assert_value("1e-400", 0);
    assert_value("-1e-99999999999999999999", -0.0f);
    assert_value("0e99999999999999999999", 0);
    assert_value("1e-45", 1e-45f);
}

/* A text column taken for numbers would train on nonsense. */
static void not_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "male", ".", "1.e", "..5", "+", "-", "e5", "1e", "1e+", "1.5.2", "1,5", "0x10", "1_000", "1 2", "--1", "+-1",
        "inf", "Infinity", "-nan", "1f", "1e5.5", "NAN", "na", "\xD9\xA1", ".e1", "1d5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_kind(texts[i], XT_CELL_TEXT);
}

static void missing_values(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "  ", "NA", " NA ", "N/A", "NaN", "nan", "null", "NULL", "?"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_kind(texts[i], XT_CELL_MISSING);
}

/* An infinite input would make every weight nan. */
static void too_large(void **state)
{
    (void)state;
    static const char *const texts[] = {"1e39", "-1e39", "1e400", "3.4028235677973366e38", "9e99999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_kind(texts[i], XT_CELL_HUGE);
}

/* The short way of short numbers and the long way of long ones against strtod,
 * which rounds right. */
static void same_as_strtod(void **state)
{
    (void)state;
    uint64_t x = 1;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t mantissa = x >> (11 + x % 50);
        int exponent = (int)((x >> 33) % 76) - 38, digits = (int)((x >> 40) % 8);
        if (i % 2)
            snprintf(text, sizeof text, "%" PRIu64 "e%d", mantissa, exponent - 15);
        else
            snprintf(text, sizeof text, "%.*f", digits + 2, (double)mantissa / 1048576.0);
        double expected = strtod(text, NULL);
        float value = 0;
        xt_cell_kind kind = parse(text, &value);
        if (fabs(expected) >= 3.4028235677973366e38)
            assert_int_equal(kind, XT_CELL_HUGE);
        else if (kind != XT_CELL_NUMBER || value != (float)expected)
            fail_msg("%s gives %.9g", text, (double)value);
    }
}

/* A cell may hold a mebibyte of digits: none may be lost on the way. */
static void very_long_numbers(void **state)
{
    (void)state;
    enum { N = 300000 };
    static char text[N + 32];
    memset(text, '0', N);
    memcpy(text, "0.", 2);
    snprintf(text + N, 32, "15e%d", N - 1);
    assert_value(text, 1.5f);
    memset(text, '0', N);
    text[0] = '2';
    snprintf(text + N, 32, "e-%d", N - 1);
    assert_value(text, 2);
    /* just above halfway between two doubles, by a digit far beyond those kept */
    memset(text, '0', N);
    memcpy(text, "9007199254740993", 16);
    snprintf(text + N, 32, "1e-%d", N + 1 - 16);
    float value = 0;
    assert_int_equal(parse(text, &value), XT_CELL_NUMBER);
    assert_true(value == (float)9007199254740994.0);
}

/* Makes a locale with a decimal comma in dir, where the tools for it are installed. */
static bool set_comma_locale(const char *dir)
{
    char command[200];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1", dir, dir);
    return system(command) == 0 && setenv("LOCPATH", dir, 1) == 0 && setlocale(LC_ALL, "de_DE.UTF-8");
}

/* With a decimal comma strtod stops at the point, and every fraction is lost. */
static void any_locale(void **state)
{
    (void)state;
    char dir[] = "/tmp/xortrain-number-XXXXXX", command[100];
    assert_non_null(mkdtemp(dir));
    bool made = set_comma_locale(dir);
    if (made) {
        assert_true(strtod("1.5", NULL) == 1.0);
        assert_value("1.5", 1.5f);
        assert_value("0.12345678901234567890123", 0.12345678901234567890123f);
        assert_kind("1,5", XT_CELL_TEXT);
    }
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    if (!made)
        skip();
}

static void assert_prints(float value, const char *expected)
{
    char text[32];
    xt_cell_print(value, text);
    assert_string_equal(text, expected);
}

static void numbers_as_text(void **state)
{
    (void)state;
    assert_prints(30, "30");
    assert_prints(-7, "-7");
    assert_prints(123456784, "123456784");
    assert_prints(0.1f, "0.1");
    assert_prints(1e20f, "1e+20");
    assert_prints(NAN, "nan");
    assert_prints(-INFINITY, "-inf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),        cmocka_unit_test(not_numbers),       cmocka_unit_test(missing_values),
        cmocka_unit_test(too_large),      cmocka_unit_test(same_as_strtod),    cmocka_unit_test(very_long_numbers),
        cmocka_unit_test(any_locale),     cmocka_unit_test(numbers_as_text),
    };
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
