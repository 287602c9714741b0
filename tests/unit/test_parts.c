/* From a table to encoded parts: what each kind of column becomes, what is fitted to
 * which rows, and how rows are refused that do not fit. */
#include "tables.h"

#include "cases.h"

#include <math.h>
#include <string.h>

static xt_err err;

static const xt_source by_name = {.file = "t.csv", .target_columns = NAMES(NAME("y"))};

/* ---- what the target is ---- */

typedef struct target_case {
    const char *name, *activation;
    uint32_t units;
    const char *text;       /* the column y, a cell a row, beside one input */
    const char *classes[4]; /* of the spec */
    /* what it becomes; message: what it is refused with */
    size_t n_classes, n_targets;
    bool are_text;
    const char *expected[4];
    float targets[12];
    xt_status status;
    const char *message;
} target_case;

static const target_case target_cases[] = {
    {.name = "texts are classes, sorted by their bytes", .activation = "softmax", .units = 3, .text = "b a B b",
     .n_classes = 3, .n_targets = 3, .are_text = true, .expected = {"B", "a", "b"},
     .targets = {0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1}},
    {.name = "or in the order that is given", .activation = "softmax", .units = 3, .text = "b a b b",
     .classes = {"c", "b", "a"}, .n_classes = 3, .n_targets = 3, .are_text = true, .expected = {"c", "b", "a"},
     .targets = {0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0}},
    {.name = "classes may look like numbers", .activation = "softmax", .units = 2, .text = "7 3 3",
     .classes = {"7", "3"}, .n_classes = 2, .n_targets = 2, .are_text = true, .expected = {"7", "3"},
     .targets = {1, 0, 0, 1, 0, 1}},
    {.name = "a class that is not given", .activation = "softmax", .units = 2, .text = "a b",
     .classes = {"a", "c"}, .status = XT_BAD_DATA,
     .message = "t.csv:3:3: 'b' is none of the classes 'a', 'c' (column 'y')"},
    {.name = "numbers among texts are texts", .activation = "linear", .units = 2, .text = "a 1 a", .n_classes = 2,
     .n_targets = 2, .are_text = true, .expected = {"1", "a"}, .targets = {0, 1, 1, 0, 0, 1}},
    {.name = "texts among numbers are refused", .activation = "linear", .units = 2, .text = "1 a",
     .status = XT_BAD_DATA, .message = "t.csv:3:3: 'a' is not a number (column 'y')"},
    {.name = "and where they may be classes with a hint", .activation = "softmax", .units = 2, .text = "1 a",
     .status = XT_BAD_DATA,
     .message = "t.csv:3:3: 'a' is not a number (column 'y'); if all are classes, list them in data.classes"},
    {.name = "two classes and one unit are 0 and 1", .activation = "linear", .units = 1, .text = "yes no yes",
     .n_classes = 2, .n_targets = 1, .are_text = true, .expected = {"no", "yes"}, .targets = {1, 0, 1}},
    {.name = "other units than classes", .activation = "softmax", .units = 2, .text = "a b c", .status = XT_BAD_CONFIG,
     .message = "model.layers.0.units: the last layer has 2 units, but the target 'y' has 3 classes: 'a', 'b', 'c'"},
    {.name = "one unit and three classes", .activation = "sigmoid", .units = 1, .text = "a b c",
     .status = XT_BAD_CONFIG,
     .message = "model.layers.0.units: the last layer has 1 unit, but the target 'y' has 3 classes: 'a', 'b', 'c'"},
    {.name = "one class alone", .activation = "linear", .units = 1, .text = "a a", .status = XT_BAD_DATA,
     .message = "t.csv: all targets are of one class, 'a': there is nothing to tell apart"},
    {.name = "softmax takes whole numbers for classes", .activation = "softmax", .units = 3, .text = "2 0 2 1.0",
     .n_classes = 3, .n_targets = 3, .expected = {"0", "1", "2"}, .targets = {0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0}},
    {.name = "with the names that are given", .activation = "softmax", .units = 2, .text = "1 0",
     .classes = {"cat", "dog"}, .n_classes = 2, .n_targets = 2, .expected = {"cat", "dog"}, .targets = {0, 1, 1, 0}},
    {.name = "softmax refuses other numbers", .activation = "softmax", .units = 3, .text = "2 3 -1 0.5",
     .status = XT_BAD_DATA,
     .message = "t.csv:3:3: '3' is no class: expected a whole number from 0 to 2 (column 'y')\n"
                "t.csv:4:3: '-1' is no class: expected a whole number from 0 to 2 (column 'y')\n"
                "t.csv:5:3: '0.5' is no class: expected a whole number from 0 to 2 (column 'y')"},
    {.name = "one sigmoid and zeros and ones", .activation = "sigmoid", .units = 1, .text = "1 0 0", .n_classes = 2,
     .n_targets = 1, .expected = {"0", "1"}, .targets = {1, 0, 0}},
    {.name = "one sigmoid and other numbers", .activation = "sigmoid", .units = 1, .text = "1 0.5 0", .n_targets = 1,
     .targets = {1, 0.5f, 0}},
    {.name = "one linear unit and zeros and ones", .activation = "linear", .units = 1, .text = "1 0", .n_targets = 1,
     .targets = {1, 0}},
    {.name = "given classes make any target one of classes", .activation = "linear", .units = 1, .text = "1 0",
     .classes = {"no", "yes"}, .n_classes = 2, .n_targets = 1, .expected = {"no", "yes"}, .targets = {1, 0}},
};

static void target_column(void **state)
{
    const target_case *c = *state;
    xt_buf text = {0};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, c->activation, c->units, &layer);
    spec.classes = c->classes;
    while (spec.n_classes < 4 && c->classes[spec.n_classes])
        spec.n_classes++;
    xt_buf_puts(&text, "x,y\n5,");
    for (const char *at = c->text; *at; at++)
        xt_buf_printf(&text, *at == ' ' ? "\n5," : "%c", *at);
    if (c->message) {
        unit_parts_refused(&spec, text.data, c->status, c->message);
    } else {
        xt_parts parts = unit_parts(&spec, text.data);
        const xt_dataset *train = &parts.train;
        const xt_encoding *encoding = train->encoding;
        size_t class_rows[4] = {0};
        assert_int_equal(encoding->n_classes, c->n_classes);
        assert_int_equal(encoding->n_targets, c->n_targets);
        assert_int_equal(train->n_targets, c->n_targets);
        assert_int_equal(encoding->classes_are_text, c->are_text);
        assert_int_equal(encoding->n_target_columns, 1);
        assert_string_equal(encoding->target_names[0], "y");
        for (size_t i = 0; i < c->n_classes; i++)
            assert_string_equal(encoding->classes[i], c->expected[i]);
        unit_floats(train->targets, c->targets, train->n_rows * c->n_targets);
        for (size_t i = 0; c->n_classes && i < train->n_rows; i++)
            for (size_t j = 0; j < c->n_classes; j++)
                class_rows[j] += c->n_targets == 1 ? train->targets[i] == (float)j : train->targets[i * c->n_targets + j] == 1;
        for (size_t j = 0; j < c->n_classes; j++) {
            assert_int_equal(encoding->class_rows[j], class_rows[j]);
            assert_int_equal(train->class_rows[j], class_rows[j]);
        }
        assert_int_equal(train->target_facts[0].n_values, c->n_classes);
        xt_parts_clear(&parts);
    }
    xt_buf_clear(&text);
}

static void several_targets(void **state)
{
    (void)state;
    xt_source source = {.file = "t.csv", .target_columns = NAMES(NAME("p"), NAME("q"))};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 2, &layer);
    xt_parts parts = unit_parts(&spec, "x,p,q\n1,-2,3\n");
    unit_floats(parts.train.targets, (float[]){-2, 3}, 2);
    assert_int_equal(parts.train.encoding->n_classes, 0);
    xt_parts_clear(&parts);
    spec = unit_table_spec(&source, "softmax", 2, &layer);
    parts = unit_parts(&spec, "x,p,q\n1,0.25,0.75\n1,0.99995,0\n");
    unit_floats(parts.train.targets, (float[]){0.25f, 0.75f, 0.99995f, 0}, 4);
    xt_parts_clear(&parts);
    unit_parts_refused(&spec, "x,p,q\n1,0.25,0.7\n1,1,0\n1,-1,2\n", XT_BAD_DATA,
                       "t.csv:2:3: '0.25' and the row's other targets sum to 0.95: where the last layer is softmax they "
                       "are probabilities that sum to 1 (column 'p')\n"
                       "t.csv:4:3: '-1' and the row's other targets are not all positive and sum to 1: where the last "
                       "layer is softmax they are probabilities that sum to 1 (column 'p')");
    unit_parts_refused(&spec, "x,p,q\n1,a,b\n", XT_BAD_DATA,
                       "t.csv:2:3: 'a' is not a number (column 'p')\nt.csv:2:5: 'b' is not a number (column 'q')");
}

/* ---- inputs ---- */

static void encoded_inputs(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.encode_columns = (xt_columns)NAMES(NAME("c"), NAME("e"));
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = unit_parts(&spec, "c,d,e,y\nred,7,2,0\nblue,8,10,0\nred,9,2,0\n");
    const xt_encoding *encoding = parts.train.encoding;
    assert_int_equal(encoding->n_columns, 3);
    assert_int_equal(encoding->n_inputs, 5);
    assert_int_equal(encoding->columns[0].n_values, 2);
    assert_string_equal(encoding->columns[0].values[0], "blue");
    assert_int_equal(encoding->columns[1].n_values, 0);
    assert_int_equal(encoding->columns[1].at, 2);
    /* texts, so 10 comes before 2 */
    assert_string_equal(encoding->columns[2].values[0], "10");
    assert_int_equal(encoding->columns[2].at, 3);
    unit_floats(parts.train.inputs, (float[]){0, 1, 7, 0, 1, 1, 0, 8, 1, 0, 0, 1, 9, 0, 1}, 15);
    assert_int_equal(parts.train.input_facts[0].n_values, 2);
    assert_true(isnan(parts.train.input_facts[0].mean) && parts.train.input_facts[1].mean == 8);
    xt_parts_clear(&parts);
    source.encode_columns = (xt_columns)NAMES(NAME("y"), AT(1), NAME("z"));
    spec = unit_table_spec(&source, "linear", 1, &layer);
    unit_parts_refused(&spec, "c,y\n1,2\n", XT_BAD_DATA,
                       "t.csv: column 'y' is to be encoded, but is no input\n"
                       "t.csv: column 1 is to be encoded, but is no input\n"
                       "t.csv:1: there is no column 'z'\nt.csv:1: the columns are 'c', 'y'");
}

/* A column of texts is told of once, a wrong cell of a column of numbers each time. */
static void texts_that_are_not_encoded(void **state)
{
    (void)state;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "linear", 1, &layer);
    unit_parts_refused(&spec, "a,b,y\nred,1,0\nblue,x,0\n3,x,0\n", XT_BAD_DATA,
                       "t.csv:2:1: 'red' is not a number (column 'a'); encode makes an input of each value of a column, "
                       "ignore leaves it out\n"
                       "t.csv:3:6: 'x' is not a number (column 'b')\nt.csv:4:3: 'x' is not a number (column 'b')");
}

static void texts_that_cannot_be_kept(void **state)
{
    (void)state;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "linear", 2, &layer);
    unit_parts_refused(&spec, "a,y\n1,b\x01\n1,\xFF\n", XT_BAD_DATA,
                       "t.csv:2:3: 'b\\x01' cannot be told from others by a name: it is long, or not printable UTF-8 "
                       "(column 'y')\n"
                       "t.csv:3:3: '\\xff' cannot be told from others by a name: it is long, or not printable UTF-8 "
                       "(column 'y')");
}

/* An identifier by mistake must not fill the memory. */
static void too_many_values(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "linear", 2, &layer);
    xt_buf_puts(&text, "x,y\n");
    for (int i = 0; i <= 65536; i++)
        xt_buf_printf(&text, "1,n%d\n", i);
    xt_buf_puts(&text, "1,again\n");
    unit_parts_refused(&spec, text.data, XT_BAD_DATA,
                       "t.csv:65538:3: 'n65536' is one value too many for a column of texts, which may have 65536 "
                       "(column 'y')\n... and more");
    xt_buf_clear(&text);
}

/* ---- missing values ---- */

static void missing_values(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.missing = XT_MISSING_MEAN;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = unit_parts(&spec, "a,b,y\n1,,0\n2,4,0\nNA,8,0\n6,0,0\n");
    const xt_encoding *encoding = parts.train.encoding;
    assert_true(encoding->columns[0].has_fill && encoding->columns[0].fill == 3);
    assert_true(encoding->columns[1].has_fill && encoding->columns[1].fill == 4);
    unit_floats(parts.train.inputs, (float[]){1, 4, 2, 4, 3, 8, 6, 0}, 8);
    assert_int_equal(parts.train.input_facts[1].n_missing, 1);
    assert_true(parts.train.input_facts[1].low == 0 && parts.train.input_facts[1].high == 8);
    xt_parts_clear(&parts);
    unit_parts_refused(&spec, "a,y\n1,?\n", XT_BAD_DATA,
                       "t.csv:2:3: '?' is a missing value (column 'y'); missing: mean does not fill targets");
    unit_parts_refused(&spec, "a,b,y\n1,,2\n", XT_BAD_DATA, "t.csv: column 'b' has no value in the rows to train on");
    source.encode_columns = (xt_columns)NAMES(NAME("a"));
    spec = unit_table_spec(&source, "linear", 1, &layer);
    unit_parts_refused(&spec, "a,y\nu,1\n,2\n", XT_BAD_DATA,
                       "t.csv:3:1: '' is a missing value (column 'a'); missing: mean does not fill columns of texts");
    /* A class, or a value, that was only there in rows left out is none. */
    spec.train.missing = XT_MISSING_DROP;
    parts = unit_parts(&spec, "a,b,y\nu,1,p\nv,,q\nw,2,r\n");
    assert_int_equal(parts.train.n_dropped, 1);
    assert_int_equal(parts.train.encoding->n_classes, 2);
    assert_string_equal(parts.train.encoding->classes[1], "r");
    assert_string_equal(parts.train.encoding->columns[0].values[1], "w");
    assert_int_equal(parts.train.input_facts[1].n_missing, 1);
    xt_parts_clear(&parts);
}

/* ---- normalisation ---- */

/* 1, 2, 3, 6: mean 3, population variance (4 + 1 + 0 + 9) / 4 = 3.5. */
static void standardised(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.encode_columns = (xt_columns)NAMES(NAME("e"));
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    spec.normalize = XT_NORMALIZE_STANDARD;
    xt_parts parts = unit_parts(&spec, "a,e,c,y\n1,u,0.1,9\n2,u,0.1,9\n3,u,0.1,9\n6,u,0.1,9\n");
    const xt_encoding *encoding = parts.train.encoding;
    assert_true(encoding->offset[0] == 3);
    unit_near(encoding->scale[0], 1.8708286933869707, 1e-15, "the standard deviation");
    /* encoded, and constant */
    assert_true(encoding->offset[1] == 0 && encoding->scale[1] == 1);
    assert_true(encoding->offset[2] == (double)0.1f && encoding->scale[2] == 1);
    for (size_t i = 0; i < 4; i++) {
        const float a[] = {1, 2, 3, 6};
        const float *row = parts.train.inputs + 3 * i;
        assert_true(row[0] == (float)(((double)a[i] - 3) / encoding->scale[0]) && row[1] == 1 && row[2] == 0);
    }
    /* targets are not, facts are from before */
    assert_true(parts.train.targets[0] == 9 && parts.train.input_facts[0].high == 6);
    xt_parts_clear(&parts);
}

static void to_the_unit_interval(void **state)
{
    (void)state;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "linear", 1, &layer);
    spec.normalize = XT_NORMALIZE_MINMAX;
    xt_parts parts = unit_parts(&spec, "a,c,y\n-2,5,9\n6,5,9\n0,5,9\n");
    assert_true(parts.train.encoding->offset[0] == -2 && parts.train.encoding->scale[0] == 8);
    assert_true(parts.train.encoding->offset[1] == 5 && parts.train.encoding->scale[1] == 1);
    unit_floats(parts.train.inputs, (float[]){0, 0, 1, 0, 0.25f, 0}, 6);
    xt_parts_clear(&parts);
}

/* Far from 0 the squares of one pass would cancel. */
static void far_from_zero(void **state)
{
    (void)state;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "linear", 1, &layer);
    spec.normalize = XT_NORMALIZE_STANDARD;
    xt_parts parts = unit_parts(&spec, "a,y\n16777216,0\n16777218,0\n16777220,0\n");
    assert_true(parts.train.encoding->offset[0] == 16777218);
    unit_near(parts.train.encoding->scale[0], sqrt(8.0 / 3), 1e-15, "the standard deviation");
    xt_parts_clear(&parts);
}

/* A missing value is filled before: it is where the mean is. 1, 3, and one at 2: variance 2/3. */
static void filled_and_standardised(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.missing = XT_MISSING_MEAN;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    spec.normalize = XT_NORMALIZE_STANDARD;
    xt_parts parts = unit_parts(&spec, "a,y\n1,0\n,0\n3,0\n");
    unit_near(parts.train.encoding->scale[0], sqrt(2.0 / 3), 1e-15, "the standard deviation");
    assert_true(parts.train.inputs[1] == 0);
    xt_parts_clear(&parts);
}

/* ---- splits ---- */

#define TEN "x,y\n0,a\n10,b\n20,a\n30,b\n40,a\n50,b\n60,a\n70,b\n80,a\n90,b\n"

/* Of 10 rows and seed 0 the test's are 3 and 1, validation's 6, 5 and 4 (test_split.c). */
static void parts_of_a_split(void **state)
{
    (void)state;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "softmax", 2, &layer);
    spec.test = (xt_part){.given = true, .split = 0.2f};
    spec.validation = (xt_part){.given = true, .split = 0.3f};
    xt_parts parts = unit_parts(&spec, TEN);
    unit_floats(parts.train.inputs, (float[]){0, 20, 70, 80, 90}, 5);
    unit_floats(parts.validation.inputs, (float[]){40, 50, 60}, 3);
    unit_floats(parts.test.inputs, (float[]){10, 30}, 2);
    assert_int_equal(parts.train.n_rows, 5);
    assert_int_equal(parts.validation.n_rows, 3);
    assert_int_equal(parts.test.n_rows, 2);
    unit_floats(parts.validation.targets, (float[]){1, 0, 0, 1, 1, 0}, 6);
    assert_true(parts.validation.encoding == parts.train.encoding && parts.test.encoding == parts.train.encoding);
    assert_int_equal(parts.train.class_rows[0], 3);
    assert_int_equal(parts.train.encoding->class_rows[1], 2);
    assert_int_equal(parts.test.class_rows[0], 0);
    assert_null(parts.test.input_facts);
    assert_true(parts.train.input_facts[0].mean == 52);
    xt_parts_clear(&parts);
    spec.normalize = XT_NORMALIZE_MINMAX;
    parts = unit_parts(&spec, TEN);
    assert_true(parts.train.encoding->offset[0] == 0 && parts.train.encoding->scale[0] == 90);
    assert_true(parts.test.inputs[0] == (float)(10.0 / 90));
    xt_parts_clear(&parts);
}

/* Rows 1 and 3 are the test's: a value that is only there has no input; a class has. */
static void values_outside_training(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.encode_columns = (xt_columns)NAMES(NAME("x"));
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "softmax", 2, &layer);
    spec.test = (xt_part){.given = true, .split = 0.2f};
    unit_parts_refused(&spec, "x,y\nu,a\nw,b\nv,a\nw,b\nu,a\nu,a\nu,a\nu,a\nu,a\nu,a\n", XT_BAD_DATA,
                       "t.csv:3:1: 'w' was not there in training, only 'u', 'v' (column 'x')");
    xt_parts parts = unit_parts(&spec, "x,y\nu,a\nv,b\nv,a\nv,b\nu,a\nu,a\nu,a\nu,a\nu,a\nu,a\n");
    assert_int_equal(parts.train.class_rows[1], 0);
    assert_int_equal(parts.test.class_rows[1], 2);
    unit_floats(parts.test.inputs, (float[]){0, 1, 0, 1}, 4);
    xt_parts_clear(&parts);
}

static void splits_that_cannot_be(void **state)
{
    (void)state;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "linear", 1, &layer);
    spec.validation = (xt_part){.given = true, .split = 0.2f, .stratify = true};
    unit_parts_refused(&spec, "x,y\n1,2\n3,4\n", XT_BAD_CONFIG,
                       "data.validation.stratify: the rows have no classes to stratify by: the targets are numbers as "
                       "they are");
}

/* ---- rows under an encoding ---- */

static xt_status load_like(const xt_source *source, const xt_encoding *encoding, const char *text, xt_dataset *out)
{
    xt_input input = xt_input_of_memory("v.csv", text, strlen(text));
    return xt_data_load_like_input(source, &input, encoding, out, &err);
}

static void like_good(const xt_source *source, const xt_encoding *encoding, const char *text, const float *inputs,
                      const float *targets, size_t n_rows)
{
    xt_dataset data = {0};
    if (load_like(source, encoding, text, &data))
        fail_msg("%s", err.text);
    assert_int_equal(data.n_rows, n_rows);
    unit_floats(data.inputs, inputs, n_rows * encoding->n_inputs);
    unit_floats(data.targets, targets, n_rows * encoding->n_targets);
    xt_dataset_clear(&data);
}

static void like_refused(const xt_source *source, const xt_encoding *encoding, const char *text, const char *message)
{
    xt_dataset data = {.n_rows = 77};
    assert_int_equal(load_like(source, encoding, text, &data), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    assert_true(data.n_rows == 77 && !data.inputs);
}

static void rows_like_those(void **state)
{
    (void)state;
    xt_source source = by_name, bare = {.file = "v.csv"};
    source.encode_columns = (xt_columns)NAMES(NAME("e"));
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "softmax", 2, &layer);
    spec.normalize = XT_NORMALIZE_MINMAX;
    xt_parts parts = unit_parts(&spec, "e,a,y\nu,0,p\nv,4,q\n");
    const xt_encoding *encoding = parts.train.encoding;
    const float inputs[] = {0, 1, 0.5f, 1, 0, 2}, targets[] = {1, 0, 0, 1};
    like_good(&source, encoding, "e,a,y\nv,2,p\nu,8,q\n", inputs, targets, 2);
    like_good(&bare, encoding, "e,a,y\nv,2,p\nu,8,q\n", inputs, targets, 2);
    like_good(&bare, encoding, "y,other,a,e\np,1,2,v\nq,1,8,u\n", inputs, targets, 2);
    like_good(&bare, encoding, "v,2,p\nu,8,q\n", inputs, targets, 2);
    xt_source by_index = {.file = "v.csv", .header = XT_HEADER_FALSE, .target_columns = NAMES(AT(0))};
    like_good(&by_index, encoding, "p,v,2\nq,u,8\n", inputs, targets, 2);
    xt_source renamed = {.file = "v.csv", .target_columns = NAMES(NAME("class"))};
    like_good(&renamed, encoding, "class,a,e\np,2,v\nq,8,u\n", inputs, targets, 2);
    like_refused(&bare, encoding, "e,b,y\nv,2,p\n",
                 "v.csv:1: the header lacks the model's input 'a'; the columns are 'e', 'b', 'y'");
    like_refused(&renamed, encoding, "v,2,p\n",
                 "v.csv:1: the header lacks the model's inputs 'e', 'a'; the columns are 'v', '2', 'p'");
    like_refused(&bare, encoding, "e,a,z\nv,2,p\n",
                 "v.csv:1: the header lacks the model's target 'y'; the columns are 'e', 'a', 'z'");
    like_refused(&bare, encoding, "1,2,3,4\n",
                 "v.csv:1: the model has 2 inputs and 1 target, the file has 4 columns and no header to find them by");
    like_refused(&by_index, encoding, "p,v,2,3\n", "v.csv: 3 input columns, but those trained on have 2");
    like_refused(&bare, encoding, "e,a,y\nw,1,p\nu,NA,r\n",
                 "v.csv:2:1: 'w' was not there in training, only 'u', 'v' (column 'e')\n"
                 "v.csv:3:3: 'NA' is a missing value (column 'a'); missing: drop leaves such rows out\n"
                 "v.csv:3:6: 'r' is none of the classes 'p', 'q' (column 'y')");
    like_refused(&bare, encoding, "e,a,y\n", "v.csv: no rows after the header");
    xt_parts_clear(&parts);
}

/* Trained on one part of a millionth, a large number is beyond single precision. */
static void rows_too_far(void **state)
{
    (void)state;
    xt_source bare = {.file = "v.csv"};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&by_name, "sigmoid", 1, &layer);
    spec.normalize = XT_NORMALIZE_MINMAX;
    xt_parts parts = unit_parts(&spec, "a,y\n0,0\n1e-6,1\n");
    like_refused(&bare, parts.train.encoding, "a,y\n0,1\n1e35,0\n",
                 "v.csv: row 2: an input is too far from those that normalize was fitted to: single precision cannot "
                 "hold it");
    like_refused(&bare, parts.train.encoding, "a,y\n0,0.5\n",
                 "v.csv:2:3: '0.5' is no class: expected a whole number from 0 to 1 (column 'y')");
    xt_parts_clear(&parts);
}

static void missing_like_those(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.missing = XT_MISSING_MEAN;
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = unit_parts(&spec, "a,y\n1,0\n4,0\n");
    like_good(&source, parts.train.encoding, "a,y\n,7\n2,8\n", (float[]){2.5f, 2}, (float[]){7, 8}, 2);
    source.missing = XT_MISSING_DROP;
    like_good(&source, parts.train.encoding, "a,y\n,7\n2,8\n", (float[]){2}, (float[]){8}, 1);
    xt_parts_clear(&parts);
}

int main(void)
{
    for (size_t i = 0; i < sizeof target_cases / sizeof target_cases[0]; i++)
        unit_case(target_column, &target_cases[i], "%s", target_cases[i].name);
    UNIT_CASE(several_targets);
    UNIT_CASE(encoded_inputs);
    UNIT_CASE(texts_that_are_not_encoded);
    UNIT_CASE(texts_that_cannot_be_kept);
    UNIT_CASE(too_many_values);
    UNIT_CASE(missing_values);
    UNIT_CASE(standardised);
    UNIT_CASE(to_the_unit_interval);
    UNIT_CASE(far_from_zero);
    UNIT_CASE(filled_and_standardised);
    UNIT_CASE(parts_of_a_split);
    UNIT_CASE(values_outside_training);
    UNIT_CASE(splits_that_cannot_be);
    UNIT_CASE(rows_like_those);
    UNIT_CASE(rows_too_far);
    UNIT_CASE(missing_like_those);
    return unit_run("parts");
}
