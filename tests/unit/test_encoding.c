/* src/app: an encoding as JSON and back, and what is refused of either. */
#include "app/encoding.h"
#include "cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

/* ---- round trips ---- */

static const char *const islands[] = {"Biscoe", "Dream \"x\"", "\xC3\xB6,2"};
static const char *const classes[] = {"no", "a yes"}; /* not in the order of their bytes */
static const char *const targets[] = {"y1", "y2"};
static const size_t class_rows[] = {100, 0};
static const double offset[] = {1.0 / 3, 0, 0, 0, -1e300}, scale[] = {0x1p-1074, 1, 1, 1, 123456789.123456789};
static const xt_input_column columns[] = {
    {.name = "mass", .has_fill = true, .fill = 0.1},
    {.name = "island", .n_values = 3, .values = islands, .at = 1},
    {.name = "\xE2\x82\xAC", .at = 4},
};

static xt_encoding example(void)
{
    return (xt_encoding){.n_columns = 3, .columns = columns, .n_inputs = 5, .offset = offset, .scale = scale,
                         .n_target_columns = 1, .target_names = targets, .n_classes = 2, .classes = classes,
                         .class_rows = class_rows, .classes_are_text = true, .n_targets = 2};
}

static void comes_back(const xt_encoding *encoding)
{
    xt_arena arena = {0};
    xt_encoding read = {0};
    char *text = xt_encoding_print(encoding);
    assert_non_null(text);
    if (xt_encoding_parse("m", text, &arena, &read, &err))
        fail_msg("%s: %s", err.text, text);
    assert_true(xt_encoding_same(&read, encoding));
    for (size_t i = 0; i < encoding->n_columns; i++)
        assert_int_equal(read.columns[i].at, encoding->columns[i].at);
    for (size_t i = 0; i < encoding->n_classes; i++)
        assert_int_equal(read.class_rows[i], encoding->class_rows[i]);
    char *again = xt_encoding_print(&read);
    assert_string_equal(again, text);
    free(again);
    free(text);
    xt_arena_clear(&arena);
}

static void everything_comes_back(void **state)
{
    (void)state;
    xt_encoding encoding = example();
    comes_back(&encoding);
    encoding.classes_are_text = false;
    encoding.n_targets = 1; /* two classes by one output */
    comes_back(&encoding);
    encoding.offset = encoding.scale = NULL;
    comes_back(&encoding);
    encoding.n_classes = 0;
    encoding.n_target_columns = encoding.n_targets = 2;
    comes_back(&encoding);
}

static void plain_columns(void **state)
{
    (void)state;
    xt_arena arena = {0};
    xt_encoding plain;
    assert_int_equal(xt_encoding_plain(islands, 3, targets, 2, &arena, &plain, &err), XT_OK);
    assert_int_equal(xt_encoding_check("m", &plain, &err), XT_OK);
    assert_int_equal(plain.n_inputs, 3);
    assert_int_equal(plain.n_targets, 2);
    assert_string_equal(plain.columns[2].name, islands[2]);
    char *text = xt_encoding_print(&plain);
    assert_string_equal(text, "{\"columns\":[{\"name\":\"Biscoe\"},{\"name\":\"Dream \\\"x\\\"\"},{\"name\":\"\xC3\xB6,2\"}],"
                              "\"targets\":[\"y1\",\"y2\"],\"n_targets\":2}");
    free(text);
    xt_arena_clear(&arena);
}

/* Each field counts. */
static void what_is_not_the_same(void **state)
{
    (void)state;
    xt_input_column other[3];
    static const char *const renamed[] = {"Biscoe", "Dream \"y\"", "\xC3\xB6,2"}, *const swapped[] = {"a yes", "no"};
    double moved[5];
    xt_encoding one = example();
    assert_true(xt_encoding_same(&one, &one));
#define DIFFERS(change) \
    do { \
        xt_encoding two = example(); \
        memcpy(other, columns, sizeof other); \
        memcpy(moved, offset, sizeof moved); \
        change; \
        assert_false(xt_encoding_same(&one, &two)); \
        assert_false(xt_encoding_same(&two, &one)); \
    } while (0)
    DIFFERS((other[0].name = "mess", two.columns = other));
    DIFFERS((other[0].fill = 0.2, two.columns = other));
    DIFFERS((other[0].has_fill = false, two.columns = other));
    DIFFERS((other[1].values = renamed, two.columns = other));
    DIFFERS((other[1].n_values = 2, two.columns = other));
    DIFFERS((moved[4] = -1.0000000000000002e300, two.offset = moved));
    DIFFERS((two.scale = two.offset));
    DIFFERS((two.offset = two.scale = NULL));
    DIFFERS((two.target_names = targets + 1));
    DIFFERS((two.n_classes = 0));
    DIFFERS((two.classes = swapped));
    DIFFERS((two.classes_are_text = false));
    DIFFERS((two.n_targets = 1));
#undef DIFFERS
}

/* ---- what is refused ---- */

typedef struct bad_row {
    const char *name, *text, *message;
} bad_row;

#define COLUMN "\"columns\":[{\"name\":\"a\"}]"
#define TARGET "\"targets\":[\"y\"]"
#define END "," TARGET ",\"n_targets\":1}"
#define CLASSES(names, rows, text) \
    "{" COLUMN "," TARGET ",\"classes\":" names ",\"class_rows\":" rows ",\"classes_are_text\":" text ",\"n_targets\":1}"

static const bad_row bad_rows[] = {
    {"nothing", "", "it is no JSON object"},
    {"a list", "[]", "it is no JSON object"},
    {"cut off", "{" COLUMN, "it is no JSON object"},
    {"a key twice", "{" COLUMN "," COLUMN END, "it is no JSON object"},
    {"a NUL in a name", "{\"columns\":[{\"name\":\"a\\u0000b\"}]" END, "it is no JSON object"},
    {"a number beyond double", "{" COLUMN ",\"offset\":[1e999],\"scale\":[1]" END, "it is no JSON object"},
    {"nan", "{" COLUMN ",\"offset\":[NaN],\"scale\":[1]" END, "it is no JSON object"},
    {"an empty object", "{}", "there are no columns, or too many"},
    {"no columns", "{\"columns\":[]" END, "there are no columns, or too many"},
    {"columns that are no list", "{\"columns\":7" END, "there are no columns, or too many"},
    {"a column that is a text", "{\"columns\":[\"a\"]" END, "a column has no printable name"},
    {"a column without a name", "{\"columns\":[{\"name\":\"\"}]" END, "a column has no printable name"},
    {"a name with an escape", "{\"columns\":[{\"name\":\"\\u001b[2J\"}]" END, "a column has no printable name"},
    {"no values", "{\"columns\":[{\"name\":\"a\",\"values\":[]}]" END, "a column has no list of values"},
    {"values that are no list", "{\"columns\":[{\"name\":\"a\",\"values\":\"b\"}]" END, "a column has no list of values"},
    {"a value that is a number", "{\"columns\":[{\"name\":\"a\",\"values\":[1]}]" END,
     "a value of a column is no printable text"},
    {"values out of order", "{\"columns\":[{\"name\":\"a\",\"values\":[\"c\",\"b\"]}]" END,
     "the values of a column are not sorted"},
    {"a value twice", "{\"columns\":[{\"name\":\"a\",\"values\":[\"b\",\"b\"]}]" END,
     "the values of a column are not sorted"},
    {"a fill that is a text", "{\"columns\":[{\"name\":\"a\",\"fill\":\"1\"}]" END,
     "a column is filled with what is no number"},
    {"a fill of an encoded column", "{\"columns\":[{\"name\":\"a\",\"values\":[\"b\"],\"fill\":1}]" END,
     "a column is filled with what is no number"},
    {"an offset alone", "{" COLUMN ",\"offset\":[1]" END,
     "there is an offset without a scale, or a scale without an offset"},
    {"a scale alone", "{" COLUMN ",\"scale\":[1]" END,
     "there is an offset without a scale, or a scale without an offset"},
    {"too many offsets", "{" COLUMN ",\"offset\":[1,2],\"scale\":[1]" END,
     "there is not one offset and one scale an input"},
    {"no scales", "{" COLUMN ",\"offset\":[1],\"scale\":[]" END, "there is not one offset and one scale an input"},
    {"an offset that is null", "{" COLUMN ",\"offset\":[null],\"scale\":[1]" END, "an offset or a scale is out of range"},
    {"a scale of 0", "{" COLUMN ",\"offset\":[1],\"scale\":[0]" END, "an offset or a scale is out of range"},
    {"a scale below 0", "{" COLUMN ",\"offset\":[1],\"scale\":[-1]" END, "an offset or a scale is out of range"},
    {"an encoded column that is normalised",
     "{\"columns\":[{\"name\":\"a\",\"values\":[\"b\"]}],\"offset\":[0],\"scale\":[2]" END,
     "an encoded column is normalised"},
    {"no targets", "{" COLUMN ",\"n_targets\":1}", "there are no targets, or too many"},
    {"no n_targets", "{" COLUMN "," TARGET "}", "there are not as many targets as target columns"},
    {"n_targets below 0", "{" COLUMN "," TARGET ",\"n_targets\":-1}", "there are not as many targets as target columns"},
    {"n_targets that is a text", "{" COLUMN "," TARGET ",\"n_targets\":\"1\"}",
     "there are not as many targets as target columns"},
    {"other n_targets", "{" COLUMN "," TARGET ",\"n_targets\":2}", "there are not as many targets as target columns"},
    {"no classes", CLASSES("[]", "[]", "true"), "its classes are not complete"},
    {"classes that are no list", CLASSES("{}", "[]", "true"), "its classes are not complete"},
    {"classes of no kind", CLASSES("[\"a\",\"b\"]", "[1,2]", "1"), "its classes are not complete"},
    {"one class", CLASSES("[\"a\"]", "[1]", "true"), "there is one class, or there are too many"},
    {"three classes, one output", CLASSES("[\"a\",\"b\",\"c\"]", "[1,2,3]", "true"), "the targets do not fit the classes"},
    {"a class twice", CLASSES("[\"a\",\"a\"]", "[1,2]", "true"), "two classes have one name"},
    {"a class that is a number", CLASSES("[\"a\",2]", "[1,2]", "true"), "a class has no printable name"},
    {"too few rows", CLASSES("[\"a\",\"b\"]", "[1]", "true"), "there is not one number of rows a class"},
    {"rows below 0", CLASSES("[\"a\",\"b\"]", "[1,-2]", "true"), "a class has no number of rows"},
    {"rows that are no whole number", CLASSES("[\"a\",\"b\"]", "[1,2.5]", "true"), "a class has no number of rows"},
    {"classes of two columns",
     "{" COLUMN ",\"targets\":[\"y\",\"z\"],\"classes\":[\"a\",\"b\"],\"class_rows\":[1,2],\"classes_are_text\":true,"
     "\"n_targets\":2}",
     "the targets do not fit the classes"},
};

static void is_refused(void **state)
{
    const bad_row *row = *state;
    xt_arena arena = {0};
    xt_encoding encoding, before;
    char message[200];
    memset(&encoding, 0x5A, sizeof encoding);
    before = encoding;
    assert_int_equal(xt_encoding_parse("m", row->text, &arena, &encoding, &err), XT_BAD_DATA);
    assert_int_equal(err.status, XT_BAD_DATA);
    snprintf(message, sizeof message, "m: the encoding of its columns is not sound: %s", row->message);
    assert_string_equal(err.text, message);
    assert_memory_equal(&encoding, &before, sizeof encoding);
    xt_arena_clear(&arena);
}

/* What JSON cannot say, but a program could make. */
static void the_check_alone(void **state)
{
    (void)state;
    xt_encoding encoding = example();
    double nans[] = {0, 0, 0, 0, (double)NAN};
    xt_input_column other[3];
    assert_int_equal(xt_encoding_check("m", &encoding, &err), XT_OK);
    encoding.offset = nans;
    assert_int_equal(xt_encoding_check("m", &encoding, &err), XT_BAD_DATA);
    encoding = example();
    encoding.n_inputs = 6;
    assert_int_equal(xt_encoding_check("m", &encoding, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "m: the encoding of its columns is not sound: there are not as many inputs as the "
                                  "columns make");
    encoding = example();
    memcpy(other, columns, sizeof other);
    other[2].at = 3;
    encoding.columns = other;
    assert_int_equal(xt_encoding_check("m", &encoding, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "m: the encoding of its columns is not sound: the columns do not follow one another");
    memcpy(other, columns, sizeof other);
    other[0].fill = HUGE_VAL;
    assert_int_equal(xt_encoding_check("m", &encoding, &err), XT_BAD_DATA);
    other[0].has_fill = false;
    assert_int_equal(xt_encoding_check("m", &encoding, &err), XT_OK);
    /* More values than there are may be inputs; none of them is looked at. */
    other[1].n_values = (size_t)1 << 60;
    assert_int_equal(xt_encoding_check("m", &encoding, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "m: the encoding of its columns is not sound: there are too many inputs");
}

int main(void)
{
    UNIT_CASE(everything_comes_back);
    UNIT_CASE(plain_columns);
    UNIT_CASE(what_is_not_the_same);
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++)
        unit_case(is_refused, &bad_rows[i], "encoding: %s", bad_rows[i].name);
    UNIT_CASE(the_check_alone);
    return unit_run("encoding");
}
