/* Any bytes as a table: they load to finite numbers or fail with a message, and
 * what --keep writes reads back as it was. */
#include "data/input.h"

#include "fuzz.h"

#include <math.h>
#include <string.h>

static xt_err err;

static void require_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        REQUIRE(isfinite(values[i]));
}

static void require_message(xt_status status)
{
    REQUIRE(status == err.status && err.text[0]);
}

static void load(const xt_source *source, const uint8_t *bytes, size_t n_bytes)
{
    xt_dataset data = {.n_rows = 77};
    xt_input input = xt_input_of_memory("fuzz", bytes, n_bytes);
    xt_status status = xt_data_load_input(source, &input, &data, &err);
    xt_input_close(&input);
    if (status) {
        require_message(status);
        REQUIRE(data.n_rows == 77 && !data.inputs && !data.arena.blocks);
        return;
    }
    REQUIRE(data.n_rows && data.n_inputs && data.n_targets == source->target_columns.n && strlen(data.hash) == 32);
    require_finite(data.inputs, data.n_rows * data.n_inputs);
    require_finite(data.targets, data.n_rows * data.n_targets);
    for (size_t i = 0; i < data.n_inputs; i++)
        REQUIRE(data.input_names[i][0]);
    xt_dataset_clear(&data);
}

static const char *const names[] = {"x1", "x2"};
enum { N_NAMES = 2, BLOCK = 3 };

/* All rows' inputs, appended as bytes to values; their text, a line each, to
 * text. XT_OK when all of it was read. */
static xt_status read_rows(const void *bytes, size_t n_bytes, xt_buf *values, xt_buf *text)
{
    xt_rows *rows = NULL;
    xt_input input = xt_input_of_memory("fuzz", bytes, n_bytes);
    xt_status status = xt_rows_open_input("fuzz.csv", &input, NULL, names, N_NAMES, &rows, &err);
    if (status) {
        require_message(status);
        REQUIRE(!rows);
        xt_input_close(&input);
        return status;
    }
    /* Names c1, c2 are made up for a file that has no header. */
    if (strcmp(xt_rows_header(rows), "c1,c2") != 0)
        xt_buf_printf(text, "%s\n", xt_rows_header(rows));
    for (size_t n_rows = BLOCK; !status && n_rows == BLOCK;) {
        float inputs[BLOCK * N_NAMES];
        xt_buf kept[BLOCK] = {{0}};
        status = xt_rows_read(rows, BLOCK, inputs, kept, &n_rows, &err);
        if (status)
            require_message(status);
        for (size_t i = 0; i < BLOCK; i++) {
            if (!status && i < n_rows) {
                require_finite(inputs + i * N_NAMES, N_NAMES);
                xt_buf_add(values, inputs + i * N_NAMES, N_NAMES * sizeof *inputs);
                xt_buf_printf(text, "%s\n", xt_buf_text(kept + i));
            }
            xt_buf_clear(kept + i);
        }
    }
    xt_rows_close(&rows);
    REQUIRE(!rows);
    xt_input_close(&input);
    return status;
}

static void predict(const uint8_t *bytes, size_t n_bytes)
{
    xt_buf values = {0}, text = {0}, values_again = {0}, text_again = {0};
    if (read_rows(bytes, n_bytes, &values, &text) == XT_OK) {
        REQUIRE(read_rows(xt_buf_text(&text), text.len, &values_again, &text_again) == XT_OK);
        REQUIRE(values.len == values_again.len && text.len == text_again.len);
        REQUIRE(!values.len || memcmp(values.data, values_again.data, values.len) == 0);
        REQUIRE(!text.len || memcmp(text.data, text_again.data, text.len) == 0);
    }
    xt_buf_clear(&values);
    xt_buf_clear(&text);
    xt_buf_clear(&values_again);
    xt_buf_clear(&text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const xt_column first = {NULL, 0}, y = {"y", 0}, other = {"sex", 0};
    load(&(xt_source){.file = "fuzz.csv", .target_columns = {&first, 1}}, bytes, n_bytes);
    load(&(xt_source){.file = "fuzz.csv", .missing = XT_MISSING_DROP, .target_columns = {&y, 1}}, bytes, n_bytes);
    load(&(xt_source){.file = "fuzz.csv", .target_columns = {&y, 1}, .ignore_columns = {&other, 1}}, bytes, n_bytes);
    load(&(xt_source){.file = "fuzz.tsv", .header = XT_HEADER_FALSE, .skip_rows = 1, .target_columns = {&first, 1}},
         bytes, n_bytes);
    predict(bytes, n_bytes);
    return 0;
}
