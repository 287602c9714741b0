/* Which rows are held back: by numbers worked out by hand from the seed's permutation. */
#include "data/split.h"

#include "cases.h"

#include <string.h>

static xt_err err;

enum { MAX_ROWS = 15 };

/* parts: a letter a row, v and t for those held back. class_of: a digit a row. */
typedef struct split_case {
    const char *name;
    uint64_t seed;
    float validation, test;
    bool stratify_validation, stratify_test;
    const char *class_of;
    const char *parts;
} split_case;

/* The permutations, from an independent program: of 10 rows and seed 0
 * 3 1 6 5 4 0 2 7 9 8; of 15 8 2 3 5 6 10 7 9 0 1 14 11 12 13 4; of 12 and seed 3
 * 6 11 7 8 4 1 2 0 3 9 10 5. */
static const split_case cases[] = {
    {"test rows come first, then validation", 0, 0.3f, 0.2f, false, false, NULL, ".t.tvvv..."},
    {"validation alone", 0, 0.2f, 0, false, false, NULL, ".v.v......"},
    {"test alone", 0, 0, 0.2f, false, false, NULL, ".t.t......"},
    {"nothing", 0, 0, 0, false, false, NULL, ".........."},
    {"one row at least", 0, 0.01f, 0, false, false, NULL, "...v......"},
    {"a half is rounded up", 0, 0.25f, 0, false, false, NULL, ".v.v..v..."},
    {"a share is the number as written", 0, 0.7f, 0, false, false, NULL, "vvvv.vvvvvv...v"},
    /* 3 of 6, 4 and 2: 1.5, 1, 0.5; then 3 of 4, 3 and 2: 1.33, 1, 0.67 */
    {"largest remainder", 3, 0.25f, 0.25f, true, true, "000000111122", ".tv.t.tv...v"},
    {"test stratified, validation not", 3, 0.25f, 0.25f, false, true, "000000111122", ".t..t.tvv..v"},
    {"validation stratified, test not", 3, 0.25f, 0.25f, true, false, "000000111122", ".v..v.ttv..t"},
    {"all but one row", 0, 0.9f, 0, true, false, "0000011111", "vvvvvvvv.v"},
};

static xt_status split(const split_case *c, size_t n, char *parts)
{
    xt_spec spec = {.seed = c->seed,
                    .validation = {.given = c->validation > 0, .split = c->validation, .stratify = c->stratify_validation},
                    .test = {.given = c->test > 0, .split = c->test, .stratify = c->stratify_test}};
    uint32_t class_of[MAX_ROWS] = {0}, n_classes = 0;
    unsigned char part[MAX_ROWS];
    for (size_t i = 0; c->class_of && i < n; i++) {
        class_of[i] = (uint32_t)(c->class_of[i] - '0');
        n_classes = class_of[i] + 1 > n_classes ? class_of[i] + 1 : n_classes;
    }
    xt_status status = xt_split(&spec, n, c->class_of ? class_of : NULL, n_classes, part, &err);
    for (size_t i = 0; i < n && !status; i++)
        parts[i] = ".vt"[part[i]];
    parts[n] = '\0';
    return status;
}

static void rows_of_parts(void **state)
{
    const split_case *c = *state;
    char parts[MAX_ROWS + 1];
    assert_int_equal(split(c, strlen(c->parts), parts), XT_OK);
    assert_string_equal(parts, c->parts);
}

static void refuse(const split_case *c, size_t n, const char *message)
{
    char parts[MAX_ROWS + 1];
    assert_int_equal(split(c, n, parts), XT_BAD_CONFIG);
    assert_string_equal(err.text, message);
}

static void what_cannot_be_split(void **state)
{
    (void)state;
    refuse(&(split_case){.validation = 0.96f}, 10,
           "data.validation.split: no row is left to train on: the split takes 10 of 10 rows");
    refuse(&(split_case){.test = 0.5f}, 1, "data.test.split: no row is left to train on: the split takes 1 of 1 row");
    refuse(&(split_case){.test = 0.5f, .validation = 0.5f}, 10,
           "data.validation.split: no row is left to train on: the split takes 10 of 10 rows");
    refuse(&(split_case){.test = 0.5f, .stratify_test = true}, 10,
           "data.test.stratify: the rows have no classes to stratify by: the targets are numbers as they are");
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        unit_case(rows_of_parts, &cases[i], "%s", cases[i].name);
    UNIT_CASE(what_cannot_be_split);
    return unit_run("split");
}
