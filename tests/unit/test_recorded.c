/* src/app/recorded: a run.json that is read again, what of it is none, and rows held against its loss.csv. */
#include "app/recorded.h"
#include "base/file.h"
#include "cases.h"
#include "model/metrics.h"
#include "runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static xt_err err;

static void write_text(const char *path, const char *text)
{
    assert_int_equal(xt_file_replace(path, text, strlen(text), &err), XT_OK);
}

/* ---- the record ---- */

#define HASH "0123456789abcdef0123456789abcdef"
#define ROWS "\"xxh3_128\": \"" HASH "\", \"targets_xxh3_128\": null, \"rows\": 4"

/* As xortrain writes it, but for what nobody reads again. */
static const char sound[] = "{\n"
                            "  \"xortrain\": \"0.1.0\",\n"
                            "  \"name\": \"a \\\"config\\\": {}\",\n"
                            "  \"status\": \"finished\",\n"
                            "  \"engine\": {\"name\": \"fused\", \"device\": \"d\", \"platform\": \"p\", \"driver\": null},\n"
                            "  \"data\": {" ROWS ", \"validation\": null, \"test\": {" ROWS "}},\n"
                            "  \"epochs\": 3,\n"
                            "  \"changed_when_resumed\": [],\n"
                            "  \"loss_column_xxh3_128\": \"ab\",\n"
                            "  \"weights_xxh3_128\": \"cd\",\n"
                            "  \"config\": {\n"
                            "    \"seed\": 0.10000000000000001,\n"
                            "    \"name\": \"}\"\n"
                            "  }\n"
                            "}\n";

/* The sound record with one text in it replaced by another. */
static void write_changed(const char *from, const char *to)
{
    xt_buf text = {0};
    const char *at = strstr(sound, from);
    assert_non_null(at);
    xt_buf_add(&text, sound, (size_t)(at - sound));
    xt_buf_puts(&text, to);
    xt_buf_puts(&text, at + strlen(from));
    write_text("run.json", xt_buf_text(&text));
    xt_buf_clear(&text);
}

static void reads_what_it_needs(void **state)
{
    xt_recorded recorded = {0};
    assert_int_equal(unit_run_enter(state), 0);
    write_text("run.json", sound);
    assert_int_equal(xt_recorded_open("run.json", &recorded, &err), XT_OK);
    assert_string_equal(recorded.version, "0.1.0");
    assert_string_equal(recorded.status, "finished");
    assert_string_equal(recorded.engine, "fused");
    assert_int_equal(recorded.epochs, 3);
    assert_string_equal(recorded.loss_hash, "ab");
    assert_string_equal(recorded.weights_hash, "cd");
    /* Digit by digit. */
    assert_string_equal(xt_buf_text(&recorded.config), "{\n    \"seed\": 0.10000000000000001,\n    \"name\": \"}\"\n  }");
    xt_recorded_close(&recorded);
    xt_recorded_close(&recorded);
    assert_null(recorded.inside);
    assert_int_equal(unit_run_leave(state), 0);
}

typedef struct changed_row {
    const char *from, *to, *message; /* without "run.json"; NULL: it is fine */
} changed_row;

#define NONE ": not the run.json of a run of xortrain"

static const changed_row changed_rows[] = {
    {"\"0.1.0\"", "\"9.9\"", NULL},
    {"\"finished\"", "\"diverged\"", NULL},
    {"\"finished\"", "\"max_time\"", NULL},
    {"\"cd\"", "null", NULL},
    {"3,", "0,", NULL},
    {"3,", "4294967295,", NULL},
    {"[]", "null", NULL},
    {"\"finished\"", "\"running\"", ": its status is 'running': there is no result to compare with"},
    {"\"finished\"", "\"failed\"", ": its status is 'failed': there is no result to compare with"},
    {"[]", "[\"epoch 2: loss: mae, was mse\", \"epoch 3: x\"]",
     ": cannot be trained again in one run: it was resumed with other settings, epoch 2: loss: mae, was mse"},
    {"[]", "[7]", ": cannot be trained again in one run: it was resumed with other settings, which it does not tell"},
    {"\"ab\"", "null", ": has no checksum of the loss column: its loss.csv does not begin with epoch 1"},
    {"\"ab\"", "12", ": has no checksum of the loss column: its loss.csv does not begin with epoch 1"},
    {"\"0.1.0\"", "1", NONE},
    {"\"xortrain\"", "\"xor\"", NONE},
    {"\"finished\"", "true", NONE},
    {"\"status\"", "\"state\"", NONE},
    {"\"fused\"", "null", NONE},
    {"\"engine\": {\"name\"", "\"engine\": {\"nome\"", NONE},
    {"{\"name\": \"fused\", \"device\": \"d\", \"platform\": \"p\", \"driver\": null}", "\"fused\"", NONE},
    {"3,", "-1,", NONE},
    {"3,", "4294967296,", NONE},
    {"3,", "3.0,", NONE},
    {"3,", "\"3\",", NONE},
    {"3,", "null,", NONE},
    {"\"epochs\"", "\"Epochs\"", NONE},
    {"  \"config\": {\n", "  \"konfig\": {\n", NONE},
    {"  }\n}\n", "  },\n  \"config\": {}\n}\n", ":15:10: not JSON: duplicate object key near '\"config\"'"},
    {"3,", "3, \"epochs\": 3,", ":7:23: not JSON: duplicate object key near '\"epochs\"'"},
    {"3,", "NaN,", ":7:15: not JSON: invalid token near 'NaN'"},
    {"3,", "3", ":8:24: not JSON: '}' expected"},
    {"  }\n}\n", "", ":14:0: not JSON: '}' expected near end of file"},
    {"  }\n}\n", "  }\n", ":15:0: not JSON: '}' expected near end of file"},
    {"  }\n}\n", "  }\n}\n{}", ":16:1: not JSON: end of file expected near '{'"},
    {"\"d\"", "\"\xff\"", ":5:41: not JSON: unable to decode byte 0xff near '\"'"},
};

static void is_taken_or_refused(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    const changed_row *row = *state;
    xt_recorded recorded = {.status = "untouched"};
    char expected[256];
    write_changed(row->from, row->to);
    err = (xt_err){.status = XT_OK};
    xt_status status = xt_recorded_open("run.json", &recorded, &err);
    if (!row->message) {
        assert_int_equal(status, XT_OK);
        xt_recorded_close(&recorded);
    } else {
        snprintf(expected, sizeof expected, "run.json%s", row->message);
        assert_int_equal(status, XT_BAD_DATA);
        assert_string_equal(err.text, expected);
        assert_string_equal(recorded.status, "untouched");
    }
    assert_int_equal(unit_run_leave(state), 0);
}

static void is_no_record(void **state)
{
    static const struct { const char *text, *message; } rows[] = {
        {"", "run.json:1:0: not JSON: '[' or '{' expected near end of file"},
        {"null", "run.json:1:4: not JSON: '[' or '{' expected near 'null'"},
        {"[]", "run.json" NONE},
        {"{}", "run.json" NONE},
        {"epoch,loss\n", "run.json:1:5: not JSON: '[' or '{' expected near 'epoch'"},
    };
    xt_recorded recorded = {0};
    assert_int_equal(unit_run_enter(state), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_text("run.json", rows[i].text);
        assert_int_equal(xt_recorded_open("run.json", &recorded, &err), XT_BAD_DATA);
        assert_string_equal(err.text, rows[i].message);
    }
    assert_int_equal(xt_recorded_open("none.json", &recorded, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot open none.json: No such file or directory");
    /* Half of a record, wherever it was cut. */
    for (size_t n = 0; n < sizeof sound - 3; n++) {
        assert_int_equal(xt_file_replace("run.json", sound, n, &err), XT_OK);
        assert_int_equal(xt_recorded_open("run.json", &recorded, &err), XT_BAD_DATA);
    }
    assert_int_equal(unit_run_leave(state), 0);
}

/* ---- what it holds true for ---- */

typedef struct then_row {
    const char *name, *from, *to; /* in the record */
    const char *data, *engine;    /* what is told; data NULL: it is refused */
} then_row;

static const then_row then_rows[] = {
    {"the same", "\"ab\"", "\"ab\"", "", ""},
    {"other contents", "{\"xxh3_128\": \"" HASH, "{\"xxh3_128\": \"ff",
     "data.train: other contents (XXH3-128 " HASH ", was ff)\n", ""},
    {"a targets file", "\"targets_xxh3_128\": null", "\"targets_xxh3_128\": \"ee\"",
     "data.train.targets_file: other contents (XXH3-128 none, was ee)\n", ""},
    {"other rows", "\"rows\": 4,", "\"rows\": 5,", "data.train: 4 rows, was 5\n", ""},
    {"validation rows", "\"validation\": null", "\"validation\": {" ROWS "}", "data.validation: is no longer there\n", ""},
    {"no test rows", "\"test\": {" ROWS "}", "\"test\": null", "data.test: was not there\n", ""},
    {"another engine", "\"fused\"", "\"gemm\"", "", "engine fused, was gemm\n"},
    {"another device", "\"d\"", "\"e\"", "", "device d, was e\n"},
    {"a driver", "\"driver\": null", "\"driver\": \"3\"", "", "driver none, was 3\n"},
    {"products of another set", "\"driver\": null", "\"driver\": null, \"products\": \"square\"", "",
     "products none, was square\n"},
    {"no platform", "\"p\"", "null", "", "platform p, was none\n"},
    {"no data", "\"data\": {", "\"dota\": {", NULL, NULL},
    {"data as a text", "\"validation\": null", "\"validation\": \"none\"", NULL, NULL},
    {"no test", "\"test\"", "\"tast\"", NULL, NULL},
    {"rows as a text", "\"rows\": 4,", "\"rows\": \"4\",", NULL, NULL},
};

static void differs_from_now(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    const then_row *row = *state;
    const xt_dataset rows = {.n_rows = 4, .hash = HASH};
    const xt_engine_facts facts = {.engine = "fused", .device = "d", .platform = "p"};
    const xt_circumstances now = {.train = &rows, .test = &rows, .facts = &facts};
    xt_recorded recorded = {0};
    xt_buf data = {0}, engine = {0};
    write_changed(row->from, row->to);
    assert_int_equal(xt_recorded_open("run.json", &recorded, &err), XT_OK);
    xt_status status = xt_recorded_compare(&recorded, "run.json", &now, &data, &engine, &err);
    if (row->data) {
        assert_int_equal(status, XT_OK);
        assert_string_equal(xt_buf_text(&data), row->data);
        assert_string_equal(xt_buf_text(&engine), row->engine);
    } else {
        assert_int_equal(status, XT_BAD_DATA);
        assert_string_equal(err.text, "run.json: does not say what its data were");
    }
    xt_buf_clear(&data);
    xt_buf_clear(&engine);
    xt_recorded_close(&recorded);
    assert_int_equal(unit_run_leave(state), 0);
}

/* ---- rows ---- */

#define HEADER "epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds\n"
#define ROW1 "1,1,,0.5,,0.1,4,0.25\n"
#define ROW2 "2,0.5,0.25,0.5,nan,0.1,8,0.5\n"
#define ROW3 "3,0.125,,0.5,,0.1,12,0.75\n"

typedef struct csv_row {
    const char *csv; /* beside the record; what is held against it are the three rows */
    xt_status status;
    const char *message;
} csv_row;

static const csv_row csv_rows[] = {
    {HEADER ROW1 ROW2 ROW3, XT_OK, NULL},
    {HEADER "1,1,,0.5,,0.1,4,99\n2,0.5,0.25,0.5,nan,0.1,8,\n3,0.125,,0.5,,0.1,12,x\n", XT_OK, NULL},
    {HEADER, XT_DIFFERS, "epoch 1: is not in dir/loss.csv, which ends before it"},
    {HEADER ROW1 ROW2, XT_DIFFERS, "epoch 3: is not in dir/loss.csv, which ends before it"},
    {HEADER ROW1 ROW2 "3,0.125,,0.5,,0.1,12,0.75", XT_DIFFERS, "epoch 3: is not in dir/loss.csv, which ends before it"},
    {HEADER ROW1 ROW2 ROW3 "4,0.125,,0.5,,0.1,16,1\n", XT_DIFFERS, "dir/loss.csv:5: goes on after epoch 3, the last one"},
    {HEADER ROW1 ROW2 ROW3 "4,0.1", XT_DIFFERS, "dir/loss.csv:5: goes on after epoch 3, the last one"},
    {HEADER ROW1 ROW2 ROW3 "\n", XT_DIFFERS, "dir/loss.csv:5: goes on after epoch 3, the last one"},
    {HEADER ROW2 ROW1 ROW3, XT_DIFFERS, "epoch 1: epoch is 1, and 2 in dir/loss.csv:2"},
    {HEADER ROW1 ROW1 ROW2 ROW3, XT_DIFFERS, "epoch 2: epoch is 2, and 1 in dir/loss.csv:3"},
    {HEADER ROW1 "\n" ROW2 ROW3, XT_DIFFERS, "epoch 2: epoch is 2, and empty in dir/loss.csv:3"},
    {HEADER "1,1.0,,0.5,,0.1,4,0.25\n", XT_DIFFERS, "epoch 1: loss is 1, and 1.0 in dir/loss.csv:2"},
    {HEADER ROW1 "2,0.5000001,0.25,0.5,nan,0.1,8,0.5\n", XT_DIFFERS,
     "epoch 2: loss is 0.5, and 0.5000001 in dir/loss.csv:3"},
    {HEADER ROW1 "2,0.5,,0.5,nan,0.1,8,0.5\n", XT_DIFFERS, "epoch 2: val_loss is 0.25, and empty in dir/loss.csv:3"},
    {HEADER "1,1,0,0.5,,0.1,4,0.25\n", XT_DIFFERS, "epoch 1: val_loss is empty, and 0 in dir/loss.csv:2"},
    {HEADER ROW1 "2,0.5,0.25,0.5,-nan,0.1,8,0.5\n", XT_DIFFERS,
     "epoch 2: val_accuracy is nan, and -nan in dir/loss.csv:3"},
    {HEADER ROW1 ROW2 "3,0.125,,0.5,,0.1,13,0.75\n", XT_DIFFERS, "epoch 3: step is 12, and 13 in dir/loss.csv:4"},
    {HEADER "1,1,,0.5,,0.1,4\n", XT_DIFFERS, "epoch 1: has fewer columns in dir/loss.csv:2"},
    {HEADER "1\n", XT_DIFFERS, "epoch 1: has fewer columns in dir/loss.csv:2"},
    {HEADER "1,1,,0.5,,0.1,4,0.25,\n", XT_DIFFERS, "epoch 1: has more columns in dir/loss.csv:2"},
    {HEADER "1,1,,0.5,,0.1,4,0.5,7\n", XT_DIFFERS, "epoch 1: has more columns in dir/loss.csv:2"},
    {HEADER "1,1,,0.5,,0.1,4,0.25\r\n2\r\n", XT_DIFFERS, "epoch 2: epoch is 2, and 2\r in dir/loss.csv:3"},
    {HEADER "1,1000000000000000000000000000000000000000000000000\n", XT_DIFFERS,
     "epoch 1: loss is 1, and 1000000000000000000000000000000000000000 in dir/loss.csv:2"},
    {"", XT_BAD_DATA, "dir/loss.csv:1: its columns are not those of the run"},
    {"epoch,loss\n", XT_BAD_DATA, "dir/loss.csv:1: its columns are not those of the run"},
    {ROW1 ROW2 ROW3, XT_BAD_DATA, "dir/loss.csv:1: its columns are not those of the run"},
    {"epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds", XT_BAD_DATA,
     "dir/loss.csv:1: its columns are not those of the run"},
    {"epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds\r\n", XT_BAD_DATA,
     "dir/loss.csv:1: its columns are not those of the run"},
};

static xt_choice metric;
static xt_spec spec;

static void make_spec(void)
{
    metric = xt_choose(&xt_metrics, "accuracy");
    spec = (xt_spec){.epochs = 3, .n_metrics = 1, .metrics = &metric, .validation.given = true};
}

static void rows_are_held_against_it(void **state)
{
    static const char text[] = ROW1 ROW2 ROW3;
    assert_int_equal(unit_run_enter(state), 0);
    const csv_row *row = *state;
    size_t parts[] = {sizeof ROW1 - 1, sizeof ROW2 + sizeof ROW3 - 2}; /* a chunk of epochs each */
    xt_recorded_rows *rows = NULL;
    make_spec();
    assert_int_equal(mkdir("dir", 0777), 0);
    write_text("dir/loss.csv", row->csv);
    err = (xt_err){.status = XT_OK};
    xt_status status = xt_recorded_rows_open("dir/run.json", &spec, &rows, &err);
    assert_true(status ? rows == NULL : rows != NULL);
    const char *at = text;
    for (size_t i = 0; !status && i < 2; at += parts[i++])
        status = xt_recorded_rows_compare(rows, at, parts[i], &err);
    if (!status)
        status = xt_recorded_rows_end(rows, &err);
    assert_int_equal(status, row->status);
    if (status)
        assert_string_equal(err.text, row->message);
    if (status && rows && !strstr(row->message, "goes on")) {
        /* The first difference stays the one that is told. */
        err.text[0] = '\0';
        assert_int_equal(xt_recorded_rows_compare(rows, text, sizeof text - 1, &err), XT_DIFFERS);
        assert_string_equal(err.text, row->message);
    }
    xt_recorded_rows_close(&rows);
    xt_recorded_rows_close(&rows);
    assert_null(rows);
    assert_int_equal(unit_run_leave(state), 0);
}

static void a_csv_may_be_missing(void **state)
{
    xt_recorded_rows *rows = NULL;
    assert_int_equal(unit_run_enter(state), 0);
    make_spec();
    assert_int_equal(xt_recorded_rows_open("run.json", &spec, &rows, &err), XT_OK);
    assert_null(rows);
    assert_int_equal(symlink("loss.csv", "loss.csv"), 0);
    assert_int_equal(xt_recorded_rows_open("run.json", &spec, &rows, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot open loss.csv: Too many levels of symbolic links");
    assert_null(rows);
    assert_int_equal(unit_run_leave(state), 0);
}

int main(void)
{
    UNIT_CASE(reads_what_it_needs);
    UNIT_CASE(is_no_record);
    for (size_t i = 0; i < sizeof changed_rows / sizeof *changed_rows; i++)
        unit_case(is_taken_or_refused, &changed_rows[i], "changed %zu: %s", i,
                  changed_rows[i].message ? changed_rows[i].message : "fine");
    for (size_t i = 0; i < sizeof then_rows / sizeof *then_rows; i++)
        unit_case(differs_from_now, &then_rows[i], "then: %s", then_rows[i].name);
    for (size_t i = 0; i < sizeof csv_rows / sizeof *csv_rows; i++)
        unit_case(rows_are_held_against_it, &csv_rows[i], "rows %zu", i);
    UNIT_CASE(a_csv_may_be_missing);
    return unit_run("recorded");
}
