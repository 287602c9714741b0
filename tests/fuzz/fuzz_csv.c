/* Any bytes as a table: they load to finite numbers or fail with a message, load
 * again to the same under the encoding that they gave, and what --keep writes reads
 * back as it was. */
#include "data/load.h"
#include "model/ops.h"

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

static void check_rows(const xt_dataset *data)
{
    const xt_encoding *encoding = data->encoding;
    REQUIRE(data->n_rows && data->n_inputs == encoding->n_inputs && data->n_targets == encoding->n_targets);
    require_finite(data->inputs, data->n_rows * data->n_inputs);
    require_finite(data->targets, data->n_rows * data->n_targets);
    for (size_t i = 0; i < encoding->n_columns; i++)
        REQUIRE(data->input_names[i][0]);
}

/* The same bytes by the encoding's names, or by the choices that gave it. */
static void load_again(const xt_source *source, const xt_dataset *before, const uint8_t *bytes, size_t n_bytes)
{
    xt_dataset data = {0};
    xt_input input = xt_input_of_memory("fuzz", bytes, n_bytes);
    xt_status status = xt_data_load_like_input(source, &input, before->encoding, &data, &err);
    xt_input_close(&input);
    if (status) {
        require_message(status);
        return;
    }
    check_rows(&data);
    if (data.n_rows == before->n_rows) {
        REQUIRE(!memcmp(data.inputs, before->inputs, data.n_rows * data.n_inputs * sizeof *data.inputs));
        REQUIRE(!memcmp(data.targets, before->targets, data.n_rows * data.n_targets * sizeof *data.targets));
    }
    xt_dataset_clear(&data);
}

static void load(const xt_source *source, const char *activation, uint32_t units, const uint8_t *bytes, size_t n_bytes)
{
    xt_parts parts = {.train.n_rows = 77};
    const xt_layer layer = {.units = units, .activation = xt_choose(&xt_activations, activation)};
    const xt_spec spec = {.train = *source, .n_layers = 1, .layers = &layer, .normalize = XT_NORMALIZE_STANDARD};
    xt_input input = xt_input_of_memory("fuzz", bytes, n_bytes);
    xt_status status = xt_parts_load_input(&spec, &input, &parts, &err);
    xt_input_close(&input);
    if (status) {
        require_message(status);
        REQUIRE(parts.train.n_rows == 77 && !parts.train.inputs && !parts.arena.blocks);
        return;
    }
    REQUIRE(strlen(parts.train.hash) == 32);
    check_rows(&parts.train);
    load_again(source, &parts.train, bytes, n_bytes);
    xt_parts_clear(&parts);
}

/* x2 is encoded: a and b are known. */
static const char *const texts[] = {"a", "b"};
static const xt_input_column columns[] = {{.name = "x1", .at = 0},
                                          {.name = "x2", .at = 1, .n_values = 2, .values = texts}};
static const xt_encoding numbers = {.n_columns = 1, .columns = columns, .n_inputs = 1},
                         both = {.n_columns = 2, .columns = columns, .n_inputs = 3};
enum { MAX_INPUTS = 3, BLOCK = 3 };

/* All rows' inputs, appended as bytes to values; their text, a line each, to
 * text. XT_OK when all of it was read. */
static xt_status read_rows(const xt_encoding *encoding, const void *bytes, size_t n_bytes, xt_buf *values,
                           xt_buf *text)
{
    xt_rows *rows = NULL;
    xt_input input = xt_input_of_memory("fuzz", bytes, n_bytes);
    xt_status status = xt_rows_open_input("fuzz.csv", &input, NULL, encoding, &rows, &err);
    if (status) {
        require_message(status);
        REQUIRE(!rows);
        xt_input_close(&input);
        return status;
    }
    /* Names c1, c2 are made up for a file that has no header. */
    if (strcmp(xt_rows_header(rows), encoding->n_columns == 1 ? "c1" : "c1,c2") != 0)
        xt_buf_printf(text, "%s\n", xt_rows_header(rows));
    for (size_t n_rows = BLOCK; !status && n_rows == BLOCK;) {
        float inputs[BLOCK * MAX_INPUTS];
        size_t n = encoding->n_inputs;
        xt_buf kept[BLOCK] = {{0}};
        status = xt_rows_read(rows, BLOCK, inputs, kept, &n_rows, &err);
        if (status)
            require_message(status);
        for (size_t i = 0; i < BLOCK; i++) {
            if (!status && i < n_rows) {
                require_finite(inputs + i * n, n);
                xt_buf_add(values, inputs + i * n, n * sizeof *inputs);
                xt_buf_printf(text, "%s\n", xt_buf_text(kept + i));
            }
            xt_buf_clear(kept + i);
        }
    }
    xt_rows_close(&rows);
    xt_input_close(&input);
    REQUIRE(!rows);
    return status;
}

static void predict(const xt_encoding *encoding, const uint8_t *bytes, size_t n_bytes)
{
    xt_buf values = {0}, text = {0}, values_again = {0}, text_again = {0};
    if (read_rows(encoding, bytes, n_bytes, &values, &text) == XT_OK) {
        REQUIRE(read_rows(encoding, xt_buf_text(&text), text.len, &values_again, &text_again) == XT_OK);
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
    static const xt_column first = {NULL, 0}, second = {NULL, 1}, y = {"y", 0}, other = {"sex", 0};
    load(&(xt_source){.file = "fuzz.csv", .target_columns = {&first, 1}}, "linear", 1, bytes, n_bytes);
    load(&(xt_source){.file = "fuzz.csv", .missing = XT_MISSING_DROP, .target_columns = {&y, 1}}, "linear", 2, bytes, n_bytes);
    load(&(xt_source){.file = "fuzz.csv", .target_columns = {&y, 1}, .ignore_columns = {&other, 1}}, "sigmoid", 1, bytes,
         n_bytes);
    load(&(xt_source){.file = "fuzz.tsv", .header = XT_HEADER_FALSE, .skip_rows = 1, .target_columns = {&first, 1}},
         "linear", 3, bytes, n_bytes);
    load(&(xt_source){.file = "fuzz.csv", .header = XT_HEADER_TRUE, .missing = XT_MISSING_MEAN,
                      .target_columns = {&first, 1}, .encode_columns = {&second, 1}},
         "linear", 1, bytes, n_bytes);
    predict(&numbers, bytes, n_bytes);
    predict(&both, bytes, n_bytes);
    return 0;
}
