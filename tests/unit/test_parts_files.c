/* Parts and rows of what are numbers from the start: files that are arrays, and generators. */
#include "tables.h"

#include "cases.h"
#include "model/generate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static xt_err err;
static char dir[] = "/tmp/xortrain-parts-XXXXXX", inputs_path[sizeof dir + 16], targets_path[sizeof dir + 16];

static void put_word(xt_buf *out, uint32_t word)
{
    const unsigned char bytes[4] = {(unsigned char)(word >> 24), (unsigned char)(word >> 16),
                                    (unsigned char)(word >> 8), (unsigned char)word};
    xt_buf_add(out, bytes, 4);
}

/* IDX with float numbers. */
static void put_idx(xt_buf *out, uint32_t n_rows, uint32_t n_columns, const float *values)
{
    put_word(out, 0x0D02);
    put_word(out, n_rows);
    put_word(out, n_columns);
    for (size_t i = 0; i < (size_t)n_rows * n_columns; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        put_word(out, bits);
    }
}

static void write_idx(const char *path, uint32_t n_rows, uint32_t n_columns, const float *values)
{
    xt_buf out = {0};
    put_idx(&out, n_rows, n_columns, values);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(out.data, 1, out.len, file), out.len);
    assert_int_equal(fclose(file), 0);
    xt_buf_clear(&out);
}

static xt_parts load_good(const xt_spec *spec)
{
    xt_parts parts = {0};
    if (xt_parts_load(spec, &parts, &err))
        fail_msg("%s", err.text);
    return parts;
}

/* In what is expected, @ stands for the first name, then for the second. */
static void refuse(const xt_spec *spec, xt_status status, const char *expected, const char *first, const char *second)
{
    xt_parts parts = {.train.n_rows = 77};
    xt_buf message = {0};
    for (; *expected; expected++) {
        xt_buf_printf(&message, *expected == '@' ? "%s" : "%.1s", *expected == '@' ? first : expected);
        first = *expected == '@' ? second : first;
    }
    assert_int_equal(xt_parts_load(spec, &parts, &err), status);
    assert_string_equal(err.text, xt_buf_text(&message));
    xt_buf_clear(&message);
    assert_true(parts.train.n_rows == 77 && !parts.train.inputs);
}

static void two_arrays(void **state)
{
    (void)state;
    write_idx(inputs_path, 3, 2, (float[]){1, 2, 3, NAN, 5, 8});
    write_idx(targets_path, 3, 1, (float[]){1, 0, 1});
    xt_source source = {.file = inputs_path, .targets_file = targets_path, .missing = XT_MISSING_MEAN};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "softmax", 2, &layer);
    xt_parts parts = load_good(&spec);
    unit_floats(parts.train.inputs, (float[]){1, 2, 3, 5, 5, 8}, 6);
    unit_floats(parts.train.targets, (float[]){0, 1, 1, 0, 0, 1}, 6);
    assert_string_equal(parts.train.input_names[1], "x2");
    assert_string_equal(parts.train.target_names[0], "y");
    assert_string_equal(parts.train.origin, inputs_path);
    assert_int_equal(strlen(parts.train.hash), 32);
    xt_parts_clear(&parts);
    spec.train.missing = XT_MISSING_ERROR;
    refuse(&spec, XT_BAD_DATA,
           "@: row 2: 'nan' is a missing value (column 1); missing: drop leaves such rows out", inputs_path, NULL);
    spec.train.missing = XT_MISSING_DROP;
    parts = load_good(&spec);
    unit_floats(parts.train.inputs, (float[]){1, 2, 5, 8}, 4);
    unit_floats(parts.train.targets, (float[]){0, 1, 0, 1}, 4);
    assert_int_equal(parts.train.n_dropped, 1);
    xt_parts_clear(&parts);
    write_idx(targets_path, 3, 1, (float[]){1, 0, 2.5f});
    refuse(&spec, XT_BAD_DATA, "@: row 3: '2.5' is no class: expected a whole number from 0 to 1 (column 0)",
           targets_path, NULL);
    write_idx(targets_path, 2, 1, (float[]){1, 0});
    refuse(&spec, XT_BAD_DATA, "@ has 3 rows, but its targets in @ have 2", inputs_path, targets_path);
    spec.train.targets_file = "y.csv";
    refuse(&spec, XT_BAD_DATA, "y.csv: the targets of an array are in an array too, idx or npy", NULL, NULL);
    spec.train.targets_file = "none.npy";
    refuse(&spec, XT_FAILED, "cannot open none.npy: No such file or directory", NULL, NULL);
}

static void columns_of_one_array(void **state)
{
    (void)state;
    write_idx(inputs_path, 3, 4, (float[]){1, 2, 30, 4, 5, 6, 7, 8, 9, 10, 30, 12});
    xt_source source = {.file = inputs_path, .target_columns = NAMES(AT(1)), .ignore_columns = NAMES(AT(3)),
                        .encode_columns = NAMES(AT(2))};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = load_good(&spec);
    unit_floats(parts.train.targets, (float[]){2, 6, 10}, 3);
    unit_floats(parts.train.inputs, (float[]){1, 1, 0, 5, 0, 1, 9, 1, 0}, 9);
    assert_string_equal(parts.train.encoding->columns[1].values[0], "30");
    xt_parts_clear(&parts);
    spec.train.target_columns = (xt_columns)NAMES(AT(4));
    refuse(&spec, XT_BAD_DATA, "@: there is no column 4: the columns are 0 to 3", inputs_path, NULL);
    spec.train.target_columns = (xt_columns)NAMES(NAME("y"));
    refuse(&spec, XT_BAD_CONFIG,
           "@: column 'y' is selected by name, but the columns of an array have none: write its index, from 0",
           inputs_path, NULL);
}

/* Under an encoding, targets stand behind the inputs where nothing says where they are. */
static void arrays_like_those(void **state)
{
    (void)state;
    xt_source source = {.file = "t.csv", .target_columns = NAMES(NAME("y"))}, other = {.file = inputs_path};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = unit_parts(&spec, "a,b,y\n1,2,3\n");
    xt_dataset data = {0};
    write_idx(inputs_path, 2, 3, (float[]){1, 2, 3, 4, 5, 6});
    assert_int_equal(xt_data_load_like(&other, parts.train.encoding, &data, &err), XT_OK);
    unit_floats(data.inputs, (float[]){1, 2, 4, 5}, 4);
    unit_floats(data.targets, (float[]){3, 6}, 2);
    xt_dataset_clear(&data);
    write_idx(inputs_path, 1, 2, (float[]){1, 2});
    assert_int_equal(xt_data_load_like(&other, parts.train.encoding, &data, &err), XT_BAD_DATA);
    assert_non_null(strstr(err.text, ": 2 columns, but the model has 2 inputs and 1 target"));
    xt_source in_line = {.n_rows = 1, .n_inputs = 1, .n_targets = 1, .inputs = (float[]){1}, .targets = (float[]){2}};
    assert_int_equal(xt_data_load_like(&in_line, parts.train.encoding, &data, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "inline data: 1 input and 1 target a row, but those trained on have 2 and 1");
    xt_parts_clear(&parts);
}

static void rows_of_an_array(void **state)
{
    (void)state;
    static const xt_input_column columns[] = {{.name = "x1", .at = 0, .has_fill = true, .fill = 6}, {.name = "x2", .at = 1}};
    static const double offset[] = {2, 0}, scale[] = {4, 1};
    static const xt_encoding encoding = {.n_columns = 2, .columns = columns, .n_inputs = 2, .offset = offset,
                                         .scale = scale};
    float inputs[8];
    xt_buf kept[4] = {{0}};
    size_t n = 77;
    xt_rows *rows = NULL;
    write_idx(inputs_path, 3, 2, (float[]){2, 0.1f, NAN, 4, 10, 5});
    assert_int_equal(xt_rows_open(inputs_path, NULL, &encoding, &rows, &err), XT_OK);
    assert_string_equal(xt_rows_header(rows), "c1,c2");
    assert_int_equal(xt_rows_read(rows, 2, inputs, kept, &n, &err), XT_OK);
    assert_int_equal(n, 2);
    unit_floats(inputs, (float[]){0, 0.1f, 1, 4}, 4);
    assert_string_equal(xt_buf_text(kept), "2,0.1");
    assert_string_equal(xt_buf_text(kept + 1), "nan,4");
    assert_int_equal(xt_rows_read(rows, 2, inputs, NULL, &n, &err), XT_OK);
    assert_int_equal(n, 1);
    unit_floats(inputs, (float[]){2, 5}, 2);
    assert_int_equal(xt_rows_read(rows, 2, inputs, NULL, &n, &err), XT_OK);
    assert_int_equal(n, 0);
    xt_rows_close(&rows);
    for (size_t i = 0; i < 4; i++)
        xt_buf_clear(kept + i);
    write_idx(inputs_path, 1, 2, (float[]){2, NAN});
    assert_int_equal(xt_rows_open(inputs_path, NULL, &encoding, &rows, &err), XT_OK);
    assert_int_equal(xt_rows_read(rows, 2, inputs, NULL, &n, &err), XT_BAD_DATA);
    assert_non_null(strstr(err.text, ": row 1: 'nan' is a missing value (column 'x2'); a model trained with missing: mean"));
    xt_rows_close(&rows);
    write_idx(inputs_path, 1, 3, (float[]){1, 2, 3});
    assert_int_equal(xt_rows_open(inputs_path, NULL, &encoding, &rows, &err), XT_BAD_DATA);
    assert_non_null(strstr(err.text, ": the model has 2 inputs, the array has 3 columns"));
    assert_null(rows);
}

static xt_source generated(const char *generator, uint32_t samples)
{
    return (xt_source){.generator = xt_choose(&xt_generators, generator), .samples = samples, .generate_seed = 1};
}

static void generators(void **state)
{
    (void)state;
    xt_source source = generated("moons", 10);
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "softmax", 2, &layer);
    spec.validation = (xt_part){.given = true, .source = generated("moons", 4)};
    spec.test = (xt_part){.given = true, .split = 0.2f, .stratify = true};
    xt_parts parts = load_good(&spec);
    assert_int_equal(parts.train.n_rows, 8);
    assert_int_equal(parts.train.encoding->n_classes, 2);
    assert_int_equal(parts.train.class_rows[0], 4);
    assert_int_equal(parts.test.class_rows[1], 1);
    assert_int_equal(parts.validation.n_rows, 4);
    unit_floats(parts.validation.targets, (float[]){1, 0, 0, 1, 1, 0, 0, 1}, 8);
    assert_string_equal(parts.train.origin, "moons");
    xt_parts_clear(&parts);
    /* One unit, whatever its activation, gets 0 and 1; a number has no classes. */
    spec = unit_table_spec(&source, "linear", 1, &layer);
    parts = load_good(&spec);
    assert_int_equal(parts.train.n_targets, 1);
    assert_int_equal(parts.train.encoding->n_classes, 2);
    unit_floats(parts.train.targets, (float[]){0, 1, 0, 1}, 4);
    xt_parts_clear(&parts);
    spec.train = generated("sine", 5);
    parts = load_good(&spec);
    assert_int_equal(parts.train.encoding->n_classes, 0);
    xt_parts_clear(&parts);
    spec = unit_table_spec(&source, "linear", 3, &layer);
    refuse(&spec, XT_BAD_CONFIG,
           "model.layers.0.units: the last layer has 3 units, but the target 'y' has 2 classes: '0', '1'", NULL, NULL);
    spec.n_classes = 3;
    spec.classes = (const char *const[]){"a", "b", "c"};
    refuse(&spec, XT_BAD_CONFIG, "data.classes: the generator moons makes 2 classes, these are 3", NULL, NULL);
}

static int make_dir(void)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(inputs_path, sizeof inputs_path, "%s/x.idx", dir);
    snprintf(targets_path, sizeof targets_path, "%s/y.idx", dir);
    return 0;
}

int main(void)
{
    if (make_dir())
        return 1;
    UNIT_CASE(two_arrays);
    UNIT_CASE(columns_of_one_array);
    UNIT_CASE(arrays_like_those);
    UNIT_CASE(rows_of_an_array);
    UNIT_CASE(generators);
    int status = unit_run("parts of files");
    unlink(inputs_path);
    unlink(targets_path);
    rmdir(dir);
    return status;
}
