/* Rows to predict: columns found by name, blocks, and the text that --keep passes on. */
#include "data/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FILL "; a model trained with missing: mean fills it"

static xt_err err;
static const xt_input_column columns[] = {{.name = "x1", .at = 0}, {.name = "x2", .at = 1}};
static const xt_encoding numbers = {.n_columns = 2, .columns = columns, .n_inputs = 2};
enum { N_NAMES = 2, BLOCK = 2 };

typedef struct opened {
    xt_input input;
    xt_rows *rows;
} opened;

static void open_rows(opened *file, const char *path, const char *text)
{
    file->input = xt_input_of_memory(path, text, strlen(text));
    file->rows = NULL;
    if (xt_rows_open_input(path, &file->input, NULL, &numbers, &file->rows, &err))
        fail_msg("%s", err.text);
}

/* The next block must be these inputs and this text, n_rows of each. */
static void expect_block(xt_rows *rows, size_t n_rows, const float *inputs, const char *const *kept)
{
    float got[BLOCK * N_NAMES];
    xt_buf text[BLOCK] = {{0}};
    size_t n = 77;
    assert_int_equal(xt_rows_read(rows, BLOCK, got, text, &n, &err), XT_OK);
    assert_int_equal(n, n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        assert_memory_equal(got + i * N_NAMES, inputs + i * N_NAMES, N_NAMES * sizeof *got);
        assert_string_equal(xt_buf_text(text + i), kept[i]);
    }
    for (size_t i = 0; i < BLOCK; i++)
        xt_buf_clear(text + i);
}

/* The columns of a new file may stand in any order among others. */
static void by_name(void **state)
{
    (void)state;
    opened file;
    open_rows(&file, "t.csv", "x2,\"id,\",x1\n1,a,2\n3,\"b \"\"q\"\"\",4\n\n5,\" c\",6\n");
    assert_string_equal(xt_rows_header(file.rows), "x2,\"id,\",x1");
    expect_block(file.rows, 2, (float[]){2, 1, 4, 3}, (const char *[]){"1,a,2", "3,\"b \"\"q\"\"\",4"});
    expect_block(file.rows, 1, (float[]){6, 5}, (const char *[]){"5,\" c\",6"});
    expect_block(file.rows, 0, NULL, NULL);
    expect_block(file.rows, 0, NULL, NULL);
    xt_rows_close(&file.rows);
    assert_null(file.rows);
    xt_rows_close(&file.rows);
}

/* What --keep passes on must read back as the same cells. */
static void quotes_where_they_are_needed(void **state)
{
    (void)state;
    opened file;
    open_rows(&file, "t.tsv", "\xEF\xBB\xBF\xEF\xBB\xBF" "a\tx1\tx2\n\" a\t\"\t1\t2\n\t3\t4\n");
    assert_string_equal(xt_rows_header(file.rows), "\"\xEF\xBB\xBF" "a\",x1,x2");
    expect_block(file.rows, 2, (float[]){1, 2, 3, 4}, (const char *[]){"\" a\t\",1,2", ",3,4"});
    xt_rows_close(&file.rows);
}

/* The first row is a row when it holds nothing but numbers: it must not be lost. */
static void by_place(void **state)
{
    (void)state;
    opened file;
    open_rows(&file, "t.tsv", "1\t2\n3\t4");
    assert_string_equal(xt_rows_header(file.rows), "c1,c2");
    expect_block(file.rows, 2, (float[]){1, 2, 3, 4}, (const char *[]){"1,2", "3,4"});
    expect_block(file.rows, 0, NULL, NULL);
    xt_rows_close(&file.rows);
}

/* A model may be trained on columns named 2019 and 2020. */
static void names_that_are_numbers(void **state)
{
    (void)state;
    static const xt_input_column year_columns[] = {{.name = "2019", .at = 0}, {.name = "2020", .at = 1}};
    static const xt_encoding years = {.n_columns = 2, .columns = year_columns, .n_inputs = 2};
    static const char text[] = "2020,2019\n1,2\n";
    xt_input input = xt_input_of_memory("t.csv", text, sizeof text - 1);
    xt_rows *rows = NULL;
    assert_int_equal(xt_rows_open_input("t.csv", &input, NULL, &years, &rows, &err), XT_OK);
    expect_block(rows, 1, (float[]){2, 1}, (const char *[]){"1,2"});
    xt_rows_close(&rows);
}

/* c is encoded: red and blue; a is normalised, and filled where it is missing. */
static const char *const colours[] = {"blue", "red"};
static const xt_input_column mixed_columns[] = {{.name = "c", .at = 0, .n_values = 2, .values = colours},
                                                {.name = "a", .at = 2, .has_fill = true, .fill = 5}};
static const double mixed_offset[] = {0, 0, 1}, mixed_scale[] = {1, 1, 4};
static const xt_encoding mixed = {.n_columns = 2, .columns = mixed_columns, .n_inputs = 3, .offset = mixed_offset,
                                  .scale = mixed_scale};

static void expect_mixed(const char *text, const xt_source *like, const char *path)
{
    xt_input input = xt_input_of_memory(path, text, strlen(text));
    xt_rows *rows = NULL;
    float got[3 * 3];
    size_t n = 77;
    if (xt_rows_open_input(path, &input, like, &mixed, &rows, &err) || xt_rows_read(rows, 3, got, NULL, &n, &err))
        fail_msg("%s", err.text);
    assert_int_equal(n, 2);
    assert_memory_equal(got, ((float[]){0, 1, 0.5f, 1, 0, 1}), 6 * sizeof *got);
    xt_rows_close(&rows);
}

static void encoded_rows(void **state)
{
    (void)state;
    xt_source like = {.file = "train.txt", .delimiter = ';', .skip_rows = 1};
    expect_mixed("c,a\nred,3\nblue,NA\n", NULL, "t.csv");
    expect_mixed("x,a,c\n,3,red\n?,,blue\n", NULL, "t.csv");
    /* texts in an encoded column are no header */
    expect_mixed("red,3\nblue,\n", NULL, "t.csv");
    /* what the training data were read with goes for files of their kind */
    expect_mixed("title\nc;a\nred;3\nblue;\n", &like, "t.csv");
    expect_mixed("title\nc;a\nred;3\nblue;\n", &like, "-");
    expect_mixed("c\ta\nred\t3\nblue\t\n", &like, "t.tsv");
    like.format = XT_FORMAT_TSV;
    like.delimiter = 0;
    expect_mixed("title\nc\ta\nred\t3\nblue\t\n", &like, "t.txt");
}

static void values_that_are_not_known(void **state)
{
    (void)state;
    static const char text[] = "c,a\ngreen,x\n,3\n";
    xt_input input = xt_input_of_memory("t.csv", text, sizeof text - 1);
    xt_rows *rows = NULL;
    float got[3 * 3];
    size_t n = 77;
    assert_int_equal(xt_rows_open_input("t.csv", &input, NULL, &mixed, &rows, &err), XT_OK);
    assert_int_equal(xt_rows_read(rows, 3, got, NULL, &n, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "t.csv:2:1: 'green' was not there in training, only 'blue', 'red' (column 'c')\n"
                                  "t.csv:2:7: 'x' is not a number (column 'a')\n"
                                  "t.csv:3:1: '' is a missing value (column 'c'); missing: mean does not fill columns "
                                  "of texts");
    xt_rows_close(&rows);
}

static void nothing_to_predict(void **state)
{
    (void)state;
    opened file;
    open_rows(&file, "t.csv", "x1,x2\n");
    expect_block(file.rows, 0, NULL, NULL);
    xt_rows_close(&file.rows);
    open_rows(&file, "t.csv", "");
    assert_string_equal(xt_rows_header(file.rows), "");
    expect_block(file.rows, 0, NULL, NULL);
    xt_rows_close(&file.rows);
}

static void refuse_open(const char *text, const char *message)
{
    xt_rows *const untouched = (xt_rows *)(uintptr_t)64, *rows = untouched;
    xt_input input = xt_input_of_memory("t.csv", text, strlen(text));
    assert_int_equal(xt_rows_open_input("t.csv", &input, NULL, &numbers, &rows, &err), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    assert_ptr_equal(rows, untouched);
}

static void files_that_do_not_fit(void **state)
{
    (void)state;
    refuse_open("a,b\n1,2\n", "t.csv:1: the header lacks the model's inputs 'x1', 'x2'; the columns are 'a', 'b'");
    refuse_open("x1,y\n1,2\n", "t.csv:1: the header lacks the model's input 'x2'; the columns are 'x1', 'y'");
    refuse_open("x1,x2,x1\n1,2,3\n", "t.csv:1:1: column 'x1' is there twice, as column 0 and as column 2");
    refuse_open("1,2,3\n",
                "t.csv:1: the model has 2 inputs, the file has 3 columns and no header to find them by");
    refuse_open("\n\"1\n", "t.csv:2:1: the quote that opens here is never closed");
}

static void refuse_read(const char *text, bool keep, const char *message)
{
    opened file;
    open_rows(&file, "t.csv", text);
    float got[8 * N_NAMES];
    xt_buf kept[8] = {{0}};
    size_t n = 77;
    assert_int_equal(xt_rows_read(file.rows, 8, got, keep ? kept : NULL, &n, &err), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    assert_int_equal(n, 77);
    for (size_t i = 0; i < 8; i++)
        xt_buf_clear(kept + i);
    xt_rows_close(&file.rows);
}

/* One prediction a row: a row left out would shift all that follow. */
static void rows_that_are_wrong(void **state)
{
    (void)state;
    refuse_read("x1,x2\n1,NA\n1,2,3\n1\n1,a\n1e39,1\n", true,
                "t.csv:2:3: 'NA' is a missing value (column 'x2')" FILL "\n"
                "t.csv:3:5: expected 2 cells as in line 1, found 3\n"
                "t.csv:4:2: expected 2 cells as in line 1, found 1\n"
                "t.csv:5:3: 'a' is not a number (column 'x2')\n"
                "t.csv:6:1: '1e39' is too large for single precision (column 'x1')");
    refuse_read("1,2\n3,a\n4,\"5\n", false,
                "t.csv:2:3: 'a' is not a number (column 1)\n"
                "t.csv:3:3: the quote that opens here is never closed");
    refuse_read("1,\n", false, "t.csv:1:3: '' is a missing value (column 1)" FILL);
}

/* What was read before an error stays good, so that it can be written. */
static void error_in_a_later_block(void **state)
{
    (void)state;
    opened file;
    open_rows(&file, "t.csv", "1,2\n3,4\n5,6\n7,bad\n");
    expect_block(file.rows, 2, (float[]){1, 2, 3, 4}, (const char *[]){"1,2", "3,4"});
    float got[BLOCK * N_NAMES];
    size_t n = 77;
    assert_int_equal(xt_rows_read(file.rows, BLOCK, got, NULL, &n, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "t.csv:4:3: 'bad' is not a number (column 1)");
    xt_rows_close(&file.rows);
}

static void real_files(void **state)
{
    (void)state;
    xt_rows *rows = NULL;
    assert_int_equal(xt_rows_open("data/none.csv", NULL, &numbers, &rows, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot open data/none.csv: No such file or directory");
    assert_int_equal(xt_rows_open("data", NULL, &numbers, &rows, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot read data: Is a directory");
    assert_null(rows);
    assert_int_equal(xt_rows_open("data/xor.csv", NULL, &numbers, &rows, &err), XT_OK);
    assert_string_equal(xt_rows_header(rows), "x1,x2,y");
    expect_block(rows, 2, (float[]){0, 0, 0, 1}, (const char *[]){"0,0,1", "0,1,0"});
    xt_rows_close(&rows);
}

static void standard_input(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs("x2,x1\n1,2\n", file);
    rewind(file);
    int saved = dup(STDIN_FILENO);
    dup2(fileno(file), STDIN_FILENO);
    xt_rows *rows = NULL;
    assert_int_equal(xt_rows_open("-", NULL, &numbers, &rows, &err), XT_OK);
    expect_block(rows, 1, (float[]){2, 1}, (const char *[]){"1,2"});
    xt_rows_close(&rows);
    dup2(saved, STDIN_FILENO);
    close(saved);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_name),                cmocka_unit_test(by_place),
        cmocka_unit_test(names_that_are_numbers), cmocka_unit_test(nothing_to_predict),
        cmocka_unit_test(files_that_do_not_fit),  cmocka_unit_test(rows_that_are_wrong),
        cmocka_unit_test(error_in_a_later_block), cmocka_unit_test(real_files),
        cmocka_unit_test(encoded_rows),           cmocka_unit_test(values_that_are_not_known),
        cmocka_unit_test(standard_input),         cmocka_unit_test(quotes_where_they_are_needed),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
