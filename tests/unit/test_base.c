/* src/base: errors, buffers, arenas, tables, ranges, requests and the log. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/request.h"
#include "base/table.h"
#include "cases.h"

#include <errno.h>
#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static xt_err err;

/* ---- err ---- */

static void fail_returns_and_fills(void **state)
{
    (void)state;
    assert_int_equal(xt_fail(&err, XT_BAD_DATA, "%s:%d: expected a number", "a.csv", 3), XT_BAD_DATA);
    assert_int_equal(err.status, XT_BAD_DATA);
    assert_string_equal(err.text, "a.csv:3: expected a number");
    assert_int_equal(xt_fail(NULL, XT_NO_DEVICE, "nobody listens"), XT_NO_DEVICE);
}

static void fail_cuts_long_text(void **state)
{
    (void)state;
    static char text[2 * XT_ERR_BYTES];
    memset(text, 'x', sizeof text - 1);
    xt_fail(&err, XT_FAILED, "%s", text);
    assert_int_equal(strlen(err.text), XT_ERR_BYTES - 1);
    errno = ENOENT;
    xt_fail_errno(&err, "%s", text);
    assert_int_equal(strlen(err.text), XT_ERR_BYTES - 1);
}

static void fail_errno_says_why(void **state)
{
    (void)state;
    errno = ENOENT;
    assert_int_equal(xt_fail_errno(&err, "cannot open %s", "here"), XT_FAILED);
    assert_int_equal(err.status, XT_FAILED);
    assert_string_equal(err.text, "cannot open here: No such file or directory");
    assert_int_equal(xt_fail_errno(NULL, "nobody listens"), XT_FAILED);
}

static void fail_memory_says_what(void **state)
{
    (void)state;
    assert_int_equal(xt_fail_memory(&err, "the rows", 12), XT_FAILED);
    assert_string_equal(err.text, "out of memory: the rows needs 12 bytes");
    xt_fail_memory(&err, "the rows", 0);
    assert_string_equal(err.text, "out of memory: the rows");
}

/* ---- buf ---- */

static void buf_appends(void **state)
{
    (void)state;
    xt_buf buf = {0};
    assert_string_equal(xt_buf_text(&buf), "");
    xt_buf_add(&buf, NULL, 0);
    xt_buf_puts(&buf, "a");
    xt_buf_add(&buf, "b\0c", 3);
    xt_buf_printf(&buf, "%d", 42);
    assert_false(buf.failed);
    assert_int_equal(buf.len, 6);
    assert_memory_equal(buf.data, "ab\0c42", 7);
    xt_buf_reset(&buf);
    assert_string_equal(xt_buf_text(&buf), "");
    assert_int_equal(buf.len, 0);
    xt_buf_clear(&buf);
    assert_null(buf.data);
}

/* Across the sizes at which memory grows. */
static void buf_printf_grows(void **state)
{
    (void)state;
    xt_buf buf = {0};
    for (int i = 0; i < 1000; i++)
        xt_buf_printf(&buf, "%04d,", i);
    assert_int_equal(buf.len, 5000);
    assert_int_equal(strlen(buf.data), 5000);
    assert_memory_equal(buf.data + 5 * 567, "0567,", 5);
    xt_buf_printf(&buf, "%*s", 100000, "x");
    assert_int_equal(buf.len, 105000);
    assert_string_equal(buf.data + buf.len - 2, " x");
    xt_buf_clear(&buf);
}

static void buf_remembers_a_failure(void **state)
{
    (void)state;
    xt_buf buf = {0};
    xt_buf_puts(&buf, "kept");
    xt_buf_add(&buf, "x", SIZE_MAX - 2);
    assert_true(buf.failed);
    xt_buf_puts(&buf, "lost");
    xt_buf_printf(&buf, "%d", 1);
    assert_true(buf.failed);
    assert_string_equal(buf.data, "kept");
    xt_buf_reset(&buf);
    xt_buf_puts(&buf, "new");
    assert_false(buf.failed);
    assert_string_equal(buf.data, "new");
    xt_buf_clear(&buf);
}

/* ---- arena ---- */

static void arena_aligns_and_zeroes(void **state)
{
    (void)state;
    xt_arena arena = {0};
    for (size_t i = 0; i < 5000; i++) {
        unsigned char *at = xt_arena_alloc(&arena, i % 77, 1);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % alignof(max_align_t), 0);
        for (size_t k = 0; k < i % 77; k++)
            assert_int_equal(at[k], 0);
        memset(at, 0xff, i % 77);
    }
    assert_true(arena.n_bytes >= 5000 * 38);
    xt_arena_clear(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.n_bytes, 0);
    xt_arena_clear(&arena);
}

static void arena_refuses_overflow(void **state)
{
    (void)state;
    xt_arena arena = {0};
    assert_null(xt_arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(xt_arena_alloc(&arena, SIZE_MAX / 2 + 2, 2));
    assert_null(xt_arena_alloc(&arena, 3, SIZE_MAX / 2));
    assert_int_equal(arena.n_bytes, 0);
    assert_non_null(xt_arena_alloc(&arena, 3, 0));
    xt_arena_clear(&arena);
}

static void arena_holds_large_and_copies(void **state)
{
    (void)state;
    xt_arena arena = {0};
    char *large = xt_arena_alloc(&arena, 1000, 1000);
    assert_non_null(large);
    memset(large, 'l', 1000000);
    assert_string_equal(xt_arena_copy(&arena, "abcdef", 3), "abc");
    assert_string_equal(xt_arena_strdup(&arena, ""), "");
    char *small = xt_arena_strdup(&arena, "small");
    assert_int_equal(large[999999], 'l');
    assert_string_equal(small, "small");
    xt_arena_clear(&arena);
}

/* ---- table ---- */

typedef struct thing {
    xt_row row;
    int value;
} thing;

static const thing thing_rows[] = {{{"zeros", "h"}, 1}, {{"glorot_uniform", "h"}, 2}, {{"normal", "h"}, 3}, {{"sgd", "h"}, 4}};
static const xt_table things = XT_TABLE("thing", thing_rows);

static void table_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < things.n_rows; i++) {
        assert_int_equal(xt_table_find(&things, thing_rows[i].row.name), i);
        assert_ptr_equal(xt_table_at(&things, i), &thing_rows[i].row);
    }
    assert_int_equal(xt_table_find(&things, "Zeros"), -1);
    assert_int_equal(xt_table_find(&things, "zero"), -1);
    assert_int_equal(xt_table_find(&things, ""), -1);
    xt_buf buf = {0};
    xt_table_names(&things, &buf);
    assert_string_equal(xt_buf_text(&buf), "zeros, glorot_uniform, normal, sgd");
    xt_buf_clear(&buf);
}

typedef struct typo {
    const char *typed, *meant; /* NULL: nothing is near */
} typo;

static const typo typos[] = {
    {"zeroes", "zeros"},
    {"Zeros", "zeros"},
    {"sdg", "sgd"},
    {"nomal", "normal"},
    {"glorot-uniform", "glorot_uniform"},
    {"GlorotUniform", "glorot_uniform"},
    {"glorot", NULL},
    {"adam", NULL},
    {"s", NULL},
    {"", NULL},
    {"a name that is a good deal longer than the sixty-three bytes that any name may have", NULL},
};

static void nearest(void **state)
{
    const typo *row = *state;
    const char *found = xt_table_nearest(&things, row->typed);
    if (row->meant) {
        assert_non_null(found);
        assert_string_equal(found, row->meant);
    } else
        assert_null(found);
}

typedef struct edits {
    const char *a, *b;
    size_t distance;
} edits;

static const edits edit_rows[] = {
    {"", "", 0},        {"", "abc", 3},       {"kitten", "sitting", 3}, {"ab", "ba", 1},
    {"abcd", "acbd", 1}, {"abc", "cab", 2},   {"ca", "abc", 3},         {"LR", "lr", 0},
    {"a-b_c", "A_B-C", 0}, {"a b", "a_b", 1}, {"relu", "relu6", 1},
};

static void edit_distance(void **state)
{
    const edits *row = *state;
    assert_int_equal(xt_edit_distance(row->a, row->b), row->distance);
    assert_int_equal(xt_edit_distance(row->b, row->a), row->distance);
}

static void long_names_are_never_near(void **state)
{
    (void)state;
    char name[65];
    memset(name, 'x', 64);
    name[64] = '\0';
    xt_nearest nearest = {.typed = name};
    xt_nearest_offer(&nearest, name);
    assert_null(nearest.name);
    name[63] = '\0';
    assert_int_equal(xt_edit_distance(name, name), 0);
}

static const char *even(const float *values)
{
    return values[0] == 2 ? NULL : "odd";
}

static const xt_kind kind_rows[] = {
    {{"plain", "h"}, {{0}}, NULL},
    {{"full", "h"}, {{.name = "a", .def = 1.5f}, {.name = "b", .required = true}, {.name = "c", .def = 3}}, even},
};
static const xt_table kinds = XT_TABLE("kind", kind_rows);

static void choices_start_at_their_defaults(void **state)
{
    (void)state;
    xt_choice choice = xt_choose(&kinds, "full");
    assert_int_equal(choice.kind, 1);
    assert_true(choice.values[0] == 1.5f && choice.values[1] == 0 && choice.values[2] == 3);
    choice.values[1] = 7;
    assert_int_equal(xt_choose(&kinds, "plain").kind, 0);
    assert_ptr_equal(xt_kind_at(&kinds, 1)->check, even);
}

/* ---- ranges ---- */

typedef struct range_row {
    xt_range range;
    const char *words;
    double in[3], out[3];
} range_row;

static const range_row range_rows[] = {
    {XT_RANGE_ANY, "a number", {0, -1e300, 1e300}, {HUGE_VAL, -HUGE_VAL, (double)NAN}},
    {XT_RANGE_POSITIVE, "a number greater than 0", {5e-324, 1, 1e300}, {0, -1, HUGE_VAL}},
    {XT_RANGE_NON_NEGATIVE, "a number of at least 0", {0, 1, 1e300}, {-5e-324, (double)NAN, HUGE_VAL}},
    {XT_RANGE_UNIT, "a number of at least 0 and less than 1", {0, 0.5, 0.999}, {1, -0.001, (double)NAN}},
    {{1, 10, false, false}, "a number from 1 to 10", {1, 5, 10}, {0.999, 10.001, (double)NAN}},
    {{1, 10, true, false}, "a number greater than 1 and at most 10", {1.001, 5, 10}, {1, 10.001, (double)NAN}},
    {{-HUGE_VAL, 10, true, true}, "a number less than 10", {-1e300, 0, 9.999}, {10, -HUGE_VAL, (double)NAN}},
    {{-HUGE_VAL, 0.1, true, false}, "a number at most 0.1", {-1e300, 0, 0.1}, {0.11, -HUGE_VAL, (double)NAN}},
};

static void range(void **state)
{
    const range_row *row = *state;
    xt_buf buf = {0};
    xt_range_describe(&row->range, "a number", &buf);
    assert_string_equal(xt_buf_text(&buf), row->words);
    xt_buf_clear(&buf);
    for (size_t i = 0; i < 3; i++) {
        if (!xt_range_holds(&row->range, row->in[i]))
            fail_msg("%g is not in the range", row->in[i]);
        if (xt_range_holds(&row->range, row->out[i]))
            fail_msg("%g is in the range", row->out[i]);
    }
}

/* ---- requests ---- */

typedef struct request_row {
    const char *text;
    bool ok, numbers;
    unsigned platform, device;
} request_row;

static const request_row request_rows[] = {
    {"auto", true, false, 0, 0},
    {"cpu", true, false, 0, 0},
    {"gpu", true, false, 0, 0},
    {"0:1", true, true, 0, 1},
    {"12:345", true, true, 12, 345},
    {"name:NVIDIA", true, false, 0, 0},
    {"platform:pocl", true, false, 0, 0},
    {"", false, false, 0, 0},
    {"CPU", false, false, 0, 0},
    {"auto ", false, false, 0, 0},
    {"name:", false, false, 0, 0},
    {"platform:", false, false, 0, 0},
    {"0", false, false, 0, 0},
    {"0:", false, false, 0, 0},
    {":1", false, false, 0, 0},
    {"0:1x", false, false, 0, 0},
    {"0: 1", false, false, 0, 0},
    {"-1:0", false, false, 0, 0},
    {"0:-1", false, false, 0, 0},
    {"0:1000", false, false, 0, 0},
    {"99999999999999999999999:0", false, false, 0, 0},
};

static void request(void **state)
{
    const request_row *row = *state;
    unsigned platform = 77, device = 77;
    assert_int_equal(xt_request_ok(row->text, &platform, &device), row->ok);
    if (row->numbers) {
        assert_int_equal(platform, row->platform);
        assert_int_equal(device, row->device);
    }
}

/* ---- log ---- */

typedef struct log_row {
    const char *name;
    xt_log_level level;
    const char *expected;
} log_row;

static const log_row log_rows[] = {
    {"quiet", XT_QUIET, ""},
    {"normal", XT_NORMAL, "xortrain: warning: w 1\nxortrain: n 2\n"},
    {"verbose", XT_VERBOSE, "xortrain: warning: w 1\nxortrain: n 2\nxortrain: d 3\n"},
};

static void log_level(void **state)
{
    const log_row *row = *state;
    char text[256] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    xt_log_set(row->level);
    xt_warn("w %d", 1);
    xt_note("n %d", 2);
    xt_detail("d %d", 3);
    xt_log_set(XT_NORMAL);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, row->expected);
}

#define ROWS(rows, test, label) \
    for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
        unit_case(test, &(rows)[i], #test " '%.40s'", (rows)[i].label)

int main(void)
{
    UNIT_CASE(fail_returns_and_fills);
    UNIT_CASE(fail_cuts_long_text);
    UNIT_CASE(fail_errno_says_why);
    UNIT_CASE(fail_memory_says_what);
    UNIT_CASE(buf_appends);
    UNIT_CASE(buf_printf_grows);
    UNIT_CASE(buf_remembers_a_failure);
    UNIT_CASE(arena_aligns_and_zeroes);
    UNIT_CASE(arena_refuses_overflow);
    UNIT_CASE(arena_holds_large_and_copies);
    UNIT_CASE(table_finds);
    ROWS(typos, nearest, typed);
    ROWS(edit_rows, edit_distance, a);
    UNIT_CASE(long_names_are_never_near);
    UNIT_CASE(choices_start_at_their_defaults);
    ROWS(range_rows, range, words);
    ROWS(request_rows, request, text);
    ROWS(log_rows, log_level, name);
    return unit_run("base");
}
