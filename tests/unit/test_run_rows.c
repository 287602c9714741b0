/* src/app: rows of a run as text: CSV, JSON, lines, their columns and numbers. */
#include "app/rows.h"
#include "cases.h"
#include "model/metrics.h"

#include <math.h>
#include <string.h>

typedef struct due_row {
    uint32_t epochs, every; /* every 0: about 20 lines */
    const char *due;
} due_row;

static const due_row due_rows[] = {
    {1, 0, "1 "},
    {5, 0, "1 2 3 4 5 "},
    {39, 1, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 "},
    {500, 0, "1 25 50 75 100 125 150 175 200 225 250 275 300 325 350 375 400 425 450 475 500 "},
    {100, 30, "1 30 60 90 100 "},
    {100, 99, "1 99 100 "},
    {100, 100, "1 100 "},
    {100, 1000000000, "1 100 "},
    {41, 0, "1 2 4 6 8 10 12 14 16 18 20 22 24 26 28 30 32 34 36 38 40 41 "},
};

static void lines_are_due(void **state)
{
    const due_row *row = *state;
    const xt_spec spec = {.epochs = row->epochs, .log_every = row->every};
    xt_buf due = {0};
    for (uint32_t epoch = 1; epoch <= row->epochs; epoch++)
        if (xt_line_due(&spec, epoch))
            xt_buf_printf(&due, "%u ", epoch);
    assert_string_equal(xt_buf_text(&due), row->due);
    xt_buf_clear(&due);
}

/* However many epochs: never a flood, never nothing. */
static void about_twenty_lines(void **state)
{
    (void)state;
    for (uint32_t epochs = 1; epochs < 3000; epochs += 7) {
        const xt_spec spec = {.epochs = epochs};
        uint32_t n = 0;
        for (uint32_t epoch = 1; epoch <= epochs; epoch++)
            n += xt_line_due(&spec, epoch);
        assert_true(n <= 41 && n >= (epochs < 20 ? epochs : 20));
    }
}

static void numbers(void **state)
{
    (void)state;
    static const struct { double value; const char *text; } rows[] = {
        {0, "0"}, {-0.0, "-0"}, {1, "1"}, {0.1, "0.1"}, {1.0 / 3, "0.333333333"}, {1e-30, "1e-30"}, {1e300, "1e+300"},
        {123456789, "123456789"}, {1234567891, "1.23456789e+09"}, {-2.5, "-2.5"}, {HUGE_VAL, "inf"}, {-HUGE_VAL, "-inf"},
        {(double)NAN, "nan"}, {-(double)NAN, "nan"}, {0.48233200073242188, "0.482332001"}, {-1.2345678901e-300, "-1.23456789e-300"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];
        xt_csv_number(rows[i].value, text);
        assert_string_equal(text, rows[i].text);
    }
}

static const char *const kinds[] = {"accuracy", "mae", "accuracy", "rmse", "accuracy", "mae", "rmse", "rmse"};

static xt_spec spec_of(xt_choice metrics[8], size_t n)
{
    for (size_t i = 0; i < n; i++)
        metrics[i] = xt_choose(&xt_metrics, kinds[i]);
    return (xt_spec){.epochs = 1000, .n_metrics = n, .metrics = metrics};
}

static void columns(void **state)
{
    (void)state;
    static const char *const expected[] = {"accuracy", "mae", "accuracy_2", "rmse", "accuracy_3", "mae_2", "rmse_2", "rmse_3"};
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    xt_choice metrics[8];
    xt_spec spec = spec_of(metrics, 8);
    xt_metric_columns(&spec, names);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(names[i], expected[i]);
}

static void csv(void **state)
{
    (void)state;
    xt_choice metrics[8];
    xt_spec spec = spec_of(metrics, 0);
    xt_run_row row = {.epoch = 1, .train = {.loss = 0.1, .metrics = {0.5, (double)NAN, 1}, .learning_rate = 0.1f,
                                            .step = UINT64_C(12345678901)}};
    xt_buf text = {0}, losses = {0};
    xt_row_style style;
    xt_row_style_init(&style, &spec);
    xt_csv_header(&spec, &text);
    xt_csv_row(&style, &row, 0.25, &text, &losses);
    assert_string_equal(text.data, "epoch,loss,learning_rate,step,seconds\n1,0.1,0.1,12345678901,0.250000\n");
    spec = spec_of(metrics, 3);
    row.epoch = UINT32_MAX;
    xt_buf_reset(&text);
    xt_csv_header(&spec, &text);
    xt_row_style_init(&style, &spec);
    xt_csv_row(&style, &row, 1e6, &text, &losses);
    assert_string_equal(text.data, "epoch,loss,accuracy,mae,accuracy_2,learning_rate,step,seconds\n"
                                   "4294967295,0.1,0.5,nan,1,0.1,12345678901,1000000.000000\n");
    assert_string_equal(losses.data, "0.1\n0.1\n");
    xt_buf_clear(&text);
    xt_buf_clear(&losses);
}

/* Beside each column its own; empty, and in no line, where it was not measured. */
static void validation(void **state)
{
    (void)state;
    xt_choice metrics[8];
    xt_spec spec = spec_of(metrics, 3);
    spec.validation.given = true;
    xt_run_row row = {.epoch = 7, .train = {.loss = 0.1, .metrics = {0.5, 2, 1}, .learning_rate = 0.25f, .step = 28},
                      .validated = true, .validation = {0.375, {0.75, (double)NAN, -3}}};
    xt_buf text = {0}, losses = {0};
    xt_row_style style;
    xt_row_style_init(&style, &spec);
    xt_csv_header(&spec, &text);
    xt_csv_row(&style, &row, 0, &text, &losses);
    xt_line_row(&style, &row, &text);
    row.validated = false;
    xt_csv_row(&style, &row, 0, &text, &losses);
    xt_line_row(&style, &row, &text);
    xt_line_measured(&spec, &row.validation, &text);
    assert_string_equal(text.data,
                        "epoch,loss,val_loss,accuracy,val_accuracy,mae,val_mae,accuracy_2,val_accuracy_2,learning_rate,"
                        "step,seconds\n"
                        "7,0.1,0.375,0.5,0.75,2,nan,1,-3,0.25,28,0.000000\n"
                        "epoch     7/1000  loss 0.1  val_loss 0.375  accuracy 0.5  val_accuracy 0.75  mae 2  val_mae nan"
                        "  accuracy_2 1  val_accuracy_2 -3\n"
                        "7,0.1,,0.5,,2,,1,,0.25,28,0.000000\n"
                        "epoch     7/1000  loss 0.1  accuracy 0.5  mae 2  accuracy_2 1\n"
                        "loss 0.375  accuracy 0.75  mae nan  accuracy_2 -3");
    assert_string_equal(losses.data, "0.1\n0.1\n");
    xt_buf_clear(&text);
    xt_buf_clear(&losses);
}

/* The CSV's digits under its names; null for all that JSON has no number for. */
static void json(void **state)
{
    (void)state;
    xt_choice metrics[8];
    xt_spec spec = spec_of(metrics, 3);
    xt_run_row row = {.epoch = 1, .train = {.loss = 0.482332001, .metrics = {0.5, (double)NAN, -HUGE_VAL},
                                            .learning_rate = 1e-8f, .step = UINT64_MAX}};
    xt_buf csv = {0}, text = {0}, losses = {0};
    xt_row_style style;
    xt_row_style_init(&style, &spec);
    xt_csv_row(&style, &row, 0.000123, &csv, &losses);
    xt_json_row(&style, csv.data, csv.len, &text);
    spec.n_metrics = 1;
    spec.validation.given = true;
    xt_row_style_init(&style, &spec);
    row = (xt_run_row){.epoch = UINT32_MAX, .train = {.loss = HUGE_VAL, .metrics = {-0.0}, .learning_rate = 0.1f, .step = 4}};
    for (int validated = 0; validated < 2; validated++) {
        row.validated = validated;
        row.validation = (xt_measured){1e20, {-1e-20}};
        xt_buf_reset(&csv);
        xt_csv_row(&style, &row, 1e6, &csv, &losses);
        xt_json_row(&style, csv.data, csv.len, &text);
    }
    assert_string_equal(
        text.data,
        "{\"epoch\":1,\"loss\":0.482332001,\"accuracy\":0.5,\"mae\":null,\"accuracy_2\":null,\"learning_rate\":1e-08,"
        "\"step\":18446744073709551615,\"seconds\":0.000123}\n"
        "{\"epoch\":4294967295,\"loss\":null,\"val_loss\":null,\"accuracy\":-0,\"val_accuracy\":null,"
        "\"learning_rate\":0.1,\"step\":4,\"seconds\":1000000.000000}\n"
        "{\"epoch\":4294967295,\"loss\":null,\"val_loss\":1e+20,\"accuracy\":-0,\"val_accuracy\":-1e-20,"
        "\"learning_rate\":0.1,\"step\":4,\"seconds\":1000000.000000}\n");
    xt_buf_clear(&csv);
    xt_buf_clear(&text);
    xt_buf_clear(&losses);
}

static void values_of_columns(void **state)
{
    (void)state;
    double value = -1;
    xt_run_row row = {.epoch = 2, .train = {.loss = 1, .metrics = {2, 3}}, .validation = {4, {5, 6}}};
    static const struct { xt_watched column; double value; } expected[] = {
        {{false, -1}, 1}, {{false, 0}, 2}, {{false, 1}, 3}, {{true, -1}, 4}, {{true, 0}, 5}, {{true, 1}, 6}};
    assert_false(xt_row_value(&row, (xt_watched){true, -1}, &value));
    row.validated = true;
    for (size_t i = 0; i < 6; i++) {
        assert_true(xt_row_value(&row, expected[i].column, &value));
        assert_true(value == expected[i].value);
    }
    row.epoch = 0;
    assert_false(xt_row_value(&row, (xt_watched){false, -1}, &value));
}

/* Its text is kept from row to row, but never for another. */
static void learning_rates(void **state)
{
    (void)state;
    static const struct { float rate; const char *text; } rows[] = {
        {0, "1,1,0,1,0.000000\n"},       {-0.0f, "1,1,-0,1,0.000000\n"},    {0.1f, "1,1,0.1,1,0.000000\n"},
        {0.1f, "1,1,0.1,1,0.000000\n"},  {1e-8f, "1,1,1e-08,1,0.000000\n"}, {0.1f, "1,1,0.1,1,0.000000\n"},
        {1.0f / 3, "1,1,0.33333334,1,0.000000\n"},
    };
    const xt_spec spec = {.epochs = 10};
    xt_buf text = {0}, losses = {0};
    xt_row_style style;
    xt_row_style_init(&style, &spec);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        xt_csv_row(&style, &(xt_run_row){1, {.loss = 1, .learning_rate = rows[i].rate, .step = 1}, false, {0, {0}}}, 0, &text,
                   &losses);
        assert_string_equal(text.data, rows[i].text);
        xt_buf_reset(&text);
    }
    xt_buf_clear(&text);
    xt_buf_clear(&losses);
}

/* As long as they can be: the room that a row takes is enough. */
static void longest(void **state)
{
    (void)state;
    xt_choice metrics[8];
    xt_spec spec = spec_of(metrics, 8);
    spec.epochs = UINT32_MAX;
    spec.validation.given = true;
    xt_run_row row = {.epoch = UINT32_MAX, .validated = true,
                      .train = {.loss = -1.2345678901e-300, .learning_rate = -1.23456789e-38f, .step = UINT64_MAX}};
    row.validation.loss = row.train.loss;
    for (size_t i = 0; i < 8; i++)
        row.train.metrics[i] = row.validation.metrics[i] = row.train.loss;
    xt_buf csv = {0}, json_text = {0}, line = {0}, scores = {0}, losses = {0};
    xt_row_style style;
    xt_row_style_init(&style, &spec);
    xt_csv_row(&style, &row, 1e14, &csv, &losses);
    xt_json_row(&style, csv.data, csv.len, &json_text);
    xt_line_row(&style, &row, &line);
    xt_line_measured(&spec, &row.validation, &scores);
    assert_string_equal(strrchr(json_text.data, ':'), ":100000000000000.000000}\n");
    assert_string_equal(strrchr(losses.data, 'e'), "e-300\n");
    assert_non_null(strstr(csv.data, ",-1.2345679e-38,18446744073709551615,100000000000000.000000\n"));
    assert_int_equal(strlen(line.data), line.len);
    assert_memory_equal(line.data, "epoch  4294967295/4294967295  loss -1.2345679e-300  val_loss -1.2345679e-300  accuracy "
                                   "-1.2345679e-300", 100);
    assert_string_equal(strrchr(scores.data, ' '), " -1.2345679e-300");
    xt_buf_clear(&csv);
    xt_buf_clear(&json_text);
    xt_buf_clear(&line);
    xt_buf_clear(&scores);
    xt_buf_clear(&losses);
}

static void lines(void **state)
{
    (void)state;
    xt_choice metrics[8];
    xt_spec spec = spec_of(metrics, 3);
    xt_run_row row = {.epoch = 10, .train = {.loss = 0.482332000732, .metrics = {0.5, HUGE_VAL, 1}}};
    xt_buf text = {0};
    xt_row_style style;
    xt_row_style_init(&style, &spec);
    xt_line_row(&style, &row, &text);
    row.epoch = 1000;
    xt_line_row(&style, &row, &text);
    spec.n_metrics = 0;
    spec.epochs = 3;
    xt_row_style_init(&style, &spec);
    xt_line_row(&style, &(xt_run_row){3, {.loss = -(double)NAN}, false, {0, {0}}}, &text);
    assert_string_equal(text.data, "epoch    10/1000  loss 0.482332  accuracy 0.5  mae inf  accuracy_2 1\n"
                                   "epoch  1000/1000  loss 0.482332  accuracy 0.5  mae inf  accuracy_2 1\n"
                                   "epoch  3/3  loss nan\n");
    xt_buf_clear(&text);
}

int main(void)
{
    for (size_t i = 0; i < sizeof due_rows / sizeof due_rows[0]; i++)
        unit_case(lines_are_due, &due_rows[i], "lines of %u epochs, every %u", due_rows[i].epochs, due_rows[i].every);
    UNIT_CASE(about_twenty_lines);
    UNIT_CASE(numbers);
    UNIT_CASE(columns);
    UNIT_CASE(csv);
    UNIT_CASE(validation);
    UNIT_CASE(json);
    UNIT_CASE(values_of_columns);
    UNIT_CASE(learning_rates);
    UNIT_CASE(longest);
    UNIT_CASE(lines);
    return unit_run("run rows");
}
