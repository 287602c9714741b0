/* src/config: a printed configuration reads back as it was, whatever its texts
 * are; origins; the reference of all keys. */
#include "config/schema.h"
#include "configs.h"
#include "model/init.h"
#include "model/ops.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void assert_printed(const xt_config *config, bool origins, const char *expected)
{
    xt_buf yaml = {0};
    xt_config_print(config, origins, &yaml);
    assert_string_equal(xt_buf_text(&yaml), expected);
    xt_buf_clear(&yaml);
}

/* Every key in the schema's order, parameters with their defaults, numbers as
 * short as they can be, texts in quotes where YAML would take them for more. */
static void printed_text(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT("name: 'a b'\nmetrics: mae\nloss: huber\noptimizer: {type: sgd, lr: +1e-3, nesterov: true, momentum: .90}\n"
             "train: {epochs: 0007}\noutput: {dir: out/x_1}\ndevice: name:GT\nengine: reference\n"
             "data: {train: {inputs: [[0.10, 1.], 2e0], targets: [[1e30], 1e-30]}}\n"
             "model: {layers: [{units: 1, init: {bias: {type: constant, value: 0.1}}}]}\n"),
        SET("data.train.inputs.1=[3, 16777217]")));
    assert_printed(config, false,
                   "name: \"a b\"\n"
                   "seed: 0\n"
                   "device: \"name:GT\"\n"
                   "engine: reference\n"
                   "data:\n"
                   "  train:\n"
                   "    inputs: [[0.1, 1], [3, 16777216]]\n"
                   "    targets: [[1e+30], 1e-30]\n"
                   "  normalize: none\n"
                   "  shuffle: true\n"
                   "model:\n"
                   "  init:\n"
                   "    keys: per_layer\n"
                   "    weight: auto\n"
                   "    bias: zeros\n"
                   "  layers:\n"
                   "    - units: 1\n"
                   "      activation: linear\n"
                   "      init:\n"
                   "        bias:\n"
                   "          type: constant\n"
                   "          value: 0.1\n"
                   "  dropout: 0\n"
                   "  l1: 0\n"
                   "  l2: 0\n"
                   "loss:\n"
                   "  type: huber\n"
                   "  delta: 1\n"
                   "optimizer:\n"
                   "  type: sgd\n"
                   "  learning_rate: 0.001\n"
                   "  momentum: 0.9\n"
                   "  nesterov: true\n"
                   "  weight_decay: 0\n"
                   "schedule:\n"
                   "  type: constant\n"
                   "  unit: epoch\n"
                   "  warmup: 0\n"
                   "train:\n"
                   "  epochs: 7\n"
                   "  batch_size: 32\n"
                   "  loss_report: running\n"
                   "metrics: [mae]\n"
                   "checkpoint:\n"
                   "  keep: 2\n"
                   "log:\n"
                   "  every: auto\n"
                   "output:\n"
                   "  dir: out/x_1\n");
    unit_round_trip(config);
    xt_buf json = {0};
    xt_config_print_json(config, &json);
    assert_string_equal(json.data,
                        "{\"name\":\"a b\",\"seed\":0,\"device\":\"name:GT\",\"engine\":\"reference\",\"data\":{\"train\":"
                        "{\"inputs\":[[0.1,1],[3,16777216]],\"targets\":[[1e+30],1e-30]},\"normalize\":\"none\",\"shuffle\":true},\"model\":"
                        "{\"init\":{\"keys\":\"per_layer\",\"weight\":\"auto\",\"bias\":\"zeros\"},\"layers\":[{\"units\":1,"
                        "\"activation\":\"linear\",\"init\":{\"bias\":{\"type\":\"constant\",\"value\":0.1}}}],\"dropout\":0,\"l1\":0,\"l2\":0},\"loss\":"
                        "{\"type\":\"huber\",\"delta\":1},\"optimizer\":{\"type\":\"sgd\",\"learning_rate\":0.001,"
                        "\"momentum\":0.9,\"nesterov\":true,\"weight_decay\":0},\"schedule\":{\"type\":\"constant\",\"unit\":\"epoch\",\"warmup\":0},\"train\":{\"epochs\":7,\"batch_size\":32,\"loss_report\":"
                        "\"running\"},\"metrics\":[\"mae\"],\"checkpoint\":{\"keep\":2},\"log\":{\"every\":\"auto\"},\"output\":{\"dir\":\"out/x_1\"}}");
    xt_buf_clear(&json);
    xt_config_close(&config);
}

static void origins_of_every_line(void **state)
{
    (void)state;
    xt_config *config = unit_config(
        SOURCES(TEXT(SMALL "output:\n  dir: a-very-long-directory/with-a-long-name/inside\n"),
                OTHER("metrics: [mae,\n  {type: accuracy, threshold: 0.25}]\nloss: huber\n"), SET("seed=7"),
                VALUE("--epochs\n9\xEF\xBF\xBF", "train.epochs=9"), SET("metrics.0=rmse")));
    assert_printed(config, true,
                   "name: run                               # default\n"
                   "seed: 7                                 # --set seed=7\n"
                   "device: auto                            # default\n"
                   "engine: auto                            # default\n"
                   "data:\n"
                   "  train:\n"
                   "    inputs: [[0, 1]]                    # t.yaml:1\n"
                   "    targets: [1]                        # t.yaml:1\n"
                   "  normalize: none                       # default\n"
                   "  shuffle: true                         # default\n"
                   "model:\n"
                   "  init:\n"
                   "    keys: per_layer                     # default\n"
                   "    weight: auto                        # default\n"
                   "    bias: zeros                         # default\n"
                   "  layers:\n"
                   "    - units: 1                          # t.yaml:2\n"
                   "      activation: linear                # default\n"
                   "  dropout: 0                            # default\n"
                   "  l1: 0                                 # default\n"
                   "  l2: 0                                 # default\n"
                   "loss:\n"
                   "  type: huber                           # u.yaml:3\n"
                   "  delta: 1                              # default\n"
                   "optimizer:\n"
                   "  type: sgd                             # t.yaml:3\n"
                   "  learning_rate: 0.5                    # t.yaml:3\n"
                   "  momentum: 0                           # default\n"
                   "  nesterov: false                       # default\n"
                   "  weight_decay: 0                       # default\n"
                   "schedule:\n"
                   "  type: constant                        # default\n"
                   "  unit: epoch                           # default\n"
                   "  warmup: 0                             # default\n"
                   "train:\n"
                   "  epochs: 9                             # --epochs?9???\n"
                   "  batch_size: 32                        # default\n"
                   "  loss_report: running                  # default\n"
                   "metrics:\n"
                   "  - rmse                                # --set metrics.0=rmse\n"
                   "  - type: accuracy                      # u.yaml:2\n"
                   "    threshold: 0.25                     # u.yaml:2\n"
                   "    positive: above                     # default\n"
                   "checkpoint:\n"
                   "  keep: 2                               # default\n"
                   "log:\n"
                   "  every: auto                           # default\n"
                   "output:\n"
                   "  dir: a-very-long-directory/with-a-long-name/inside # t.yaml:6\n");
    unit_round_trip(config);
    xt_config_close(&config);
}

/* ---- awkward texts ---- */

typedef struct text_row {
    const char *yaml, *text;
} text_row;

#define QUOTED(text) {"\"" text "\"", text}

static const text_row texts[] = {
    QUOTED("plain"), QUOTED("a b"), QUOTED(" a"), QUOTED("a "), QUOTED("a: b"), QUOTED("a:"), QUOTED(":a"),
    QUOTED("a #b"), QUOTED("#a"), QUOTED("a#b"), QUOTED("- a"), QUOTED("-"), QUOTED("-a"), QUOTED("--- a"),
    QUOTED("..."), QUOTED("? a"), QUOTED("!a"), QUOTED("&a"), QUOTED("*a"), QUOTED("%a"), QUOTED("@a"), QUOTED("`a`"),
    QUOTED("'a'"), QUOTED("{a"), QUOTED("[a]"), QUOTED("a, b"), QUOTED("|"), QUOTED(">"), QUOTED("="), QUOTED("<<"),
    QUOTED("~"), QUOTED("true"), QUOTED("false"), QUOTED("True"), QUOTED("TRUE"), QUOTED("yes"), QUOTED("Yes"),
    QUOTED("no"), QUOTED("on"), QUOTED("off"), QUOTED("y"), QUOTED("n"), QUOTED("null"), QUOTED("Null"), QUOTED("3"),
    QUOTED("007"), QUOTED("-3"), QUOTED("+1"), QUOTED("1e5"), QUOTED(".5"), QUOTED("1."), QUOTED("0x10"), QUOTED("1_000"),
    QUOTED("nan"), QUOTED(".nan"), QUOTED(".inf"), QUOTED("2001-01-01"), QUOTED("12:30:45"), {"\"a\\\\b\"", "a\\b"},
    {"\"a\\\"b\"", "a\"b"}, {"\"\\\"\"", "\""}, {"\"a\\tb\"", "a\tb"}, {"\"a\\nb\"", "a\nb"}, {"\"\\n\"", "\n"},
    {"\"a\\rb\"", "a\rb"}, {"\"\\x01\"", "\x01"}, {"\"\\e[31m\"", "\x1b[31m"}, {"\"\\x7f\"", "\x7f"},
    {"\"a\\x85\"", "a\xC2\x85"}, {"\"\\x9b\"", "\xC2\x9B"}, {"\"\\_\"", "\xC2\xA0"}, {"\"\\L\\P\"", "\xE2\x80\xA8\xE2\x80\xA9"},
    {"\"\\uFEFF\"", "\xEF\xBB\xBF"}, {"\"\\uFFFE\"", "\xEF\xBF\xBE"}, {"\"\\uFFFF\"", "\xEF\xBF\xBF"},
    {"\"\\uFFFD\"", "\xEF\xBF\xBD"}, {"\"\\U0001F600\"", "\xF0\x9F\x98\x80"}, {"\"\\U0010FFFF\"", "\xF4\x8F\xBF\xBF"},
    {"gr\xC3\xB6\xC3\x9F" "e", "gr\xC3\xB6\xC3\x9F" "e"}, {"it''s", "it''s"}, {"'it''s'", "it's"}, {"a\\nb", "a\\nb"},
    {"1.50", "1.50"}, {"1e3", "1e3"}, {"65536x", "65536x"}, {"null", "null"}, {"yes", "yes"}, {"-x", "-x"},
};

static json_t *parse_json(const xt_config *config)
{
    xt_buf text = {0};
    json_error_t error;
    xt_config_print_json(config, &text);
    json_t *json = json_loads(text.data, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %s", error.text, text.data);
    xt_buf_clear(&text);
    return json;
}

/* As names of columns; through YAML, and through JSON as a JSON reader has it. */
static void text_survives(void **state)
{
    const text_row *row = *state;
    char set[200];
    const char *text = row->text;
    snprintf(set, sizeof set, "data.train.targets=[%s, %s]", row->yaml, row->yaml);
    xt_config *config = unit_config(SOURCES(TEXT(TABLE), {XT_CONFIG_SET, set, "--set"}));
    const xt_columns *columns = &xt_config_spec(config)->train.target_columns;
    assert_int_equal(columns->n, 2);
    assert_non_null(columns->at[1].name);
    assert_string_equal(columns->at[1].name, text);
    unit_round_trip(config);
    json_t *json = parse_json(config), *train = json_object_get(json_object_get(json, "data"), "train");
    const char *back = json_string_value(json_array_get(json_object_get(train, "targets"), 1));
    assert_non_null(back);
    assert_string_equal(back, text);
    json_decref(json);
    xt_config_close(&config);
}

/* As the run's name, its directory, an input file and a device, where those take it. */
static void text_survives_elsewhere(void **state)
{
    const text_row *row = *state;
    static const char *const keys[] = {"name", "output.dir", "data.train.file"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char set[200];
        xt_config *config = NULL;
        snprintf(set, sizeof set, "%s=%s", keys[i], row->yaml);
        if (xt_config_open(SOURCES(TEXT(TABLE), {XT_CONFIG_SET, set, "--set"}), &config, NULL))
            continue;
        unit_round_trip(config);
        xt_config_close(&config);
    }
    char set[200];
    snprintf(set, sizeof set, "device=name:%s", row->text);
    xt_config *config = NULL;
    /* Texts with controls are refused there. */
    if (xt_config_open(SOURCES(TEXT(TABLE), {XT_CONFIG_VALUE, set, "-d"}), &config, NULL))
        return;
    assert_string_equal(xt_config_spec(config)->device, set + strlen("device="));
    unit_round_trip(config);
    xt_config_close(&config);
}

/* We type by the schema, but other readers of config.yaml go by how a value looks. */
static void texts_look_like_texts(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT(TABLE), SET("data.train.targets=[true, True, 'FALSE', null, Null, yes, YES, no, On, off, y, N, nan, a, true1, "
                         "'3', ~, .inf, 1.5, 2001-01-01, '-', a-b/c_d.e]")));
    xt_buf yaml = {0};
    xt_config_print(config, false, &yaml);
    assert_non_null(strstr(yaml.data,
                           "    targets: [\"true\", \"True\", \"FALSE\", \"null\", \"Null\", \"yes\", \"YES\", \"no\", "
                           "\"On\", \"off\", \"y\", \"N\", nan, a, true1, \"3\", \"~\", \".inf\", \"1.5\", "
                           "\"2001-01-01\", \"-\", a-b/c_d.e]\n"));
    unit_round_trip(config);
    xt_buf_clear(&yaml);
    xt_config_close(&config);
}

/* A byte order mark starts a file; in a value it is a character. */
static void a_mark_in_a_value(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(TEXT("\xEF\xBB\xBF" SMALL), VALUE("-o", "output.dir=\xEF\xBB\xBFo")));
    assert_string_equal(xt_config_spec(config)->output_dir, "\xEF\xBB\xBFo");
    unit_round_trip(config);
    xt_config_close(&config);
}

/* ---- many configurations ---- */

static const char *const pieces[] = {
    "seed=3", "name=x y", "device=gpu", "engine=gemm", "data.shuffle=false", "model.init.keys=shared",
    "model.init.weight={type: normal, stddev: 0.3}", "model.init.bias={type: uniform, low: -1e-7, high: 0.1}",
    "model.layers=[{units: 3, activation: {type: elu, alpha: 0.1}}, {units: 1, init: {weight: orthogonal}}]",
    "model.layers.0.init.bias=pytorch", "model.layers.0.activation=gelu", "loss={type: huber, delta: 1e-3}", "loss=log_cosh",
    "optimizer={type: sgd, lr: 0.3333333, momentum: 0.99, nesterov: true}", "train.epochs=0", "train.batch_size=1",
    "train.loss_report=eval", "metrics=accuracy", "metrics=[mae, {type: accuracy, positive: below}, accuracy]", "log.every=10",
    "output.dir={name}-{seed}/{hash}", "data.train.inputs=[[1e-45, -0, 3.4028235e38]]", "data.train={file: a.csv, targets: [0, b]}",
    "model.dropout=0.25", "model.l2=1e-4", "model.layers.0.l1=0", "data.normalize=standard", "data.classes=[a, '1', yes]",
    "data.validation={split: 0.25, stratify: true}", "data.test={split: 0.1}", "data.test={file: t.csv, header: true}",
    "data.train={generate: {type: blobs, classes: 4}, noise: 0.125}", "data.validation={generate: xor}",
    "schedule={type: multistep, milestones: [3, 100]}", "schedule=constant", "train.clip_norm=1", "train.clip_value=0.1",
    "train.validate_every=4", "early_stopping={patience: 2}", "stop_when={loss: {below: 1e-7}}",
    "checkpoint={every: 3, every_seconds: 1e-3, keep: 1}", "checkpoint.best=loss",
    "data.train.ignore=[z, 9]", "data.train.delimiter=\"\\t\"", "data.train.missing=drop", "data.train.header=false",
};
enum { N_PIECES = sizeof pieces / sizeof pieces[0] };

static void many_configurations(void **state)
{
    (void)state;
    uint32_t seed = 1;
    size_t n_good = 0;
    for (size_t i = 0; i < 600; i++) {
        xt_config_source sources[1 + N_PIECES] = {TEXT(SMALL)};
        size_t n = 1;
        for (size_t k = 0; k < N_PIECES; k++) {
            seed = seed * 1664525 + 1013904223;
            if (seed >> 30 == 0)
                sources[n++] = (xt_config_source){XT_CONFIG_SET, pieces[k], pieces[k]};
        }
        xt_config *config = NULL;
        /* Keys that need `file` may have none: refused, as they should. */
        if (xt_config_open(sources, n, &config, NULL))
            continue;
        n_good++;
        unit_round_trip(config);
        xt_config_close(&config);
    }
    assert_true(n_good > 100);
}

/* ---- the reference of all keys ---- */

static void require_keys(const xt_field *fields, const char *above, const char *text)
{
    for (; fields->name; fields++) {
        char path[200], cell[210];
        bool list = fields->type == &xt_type_sections;
        snprintf(path, sizeof path, "%s%s%s", above, fields->name, list ? ".N" : "");
        if (list || xt_is_section(fields)) {
            strcat(path, ".");
            require_keys(fields->fields, path, text);
            continue;
        }
        snprintf(cell, sizeof cell, "| `%s` |", path);
        if (!strstr(text, cell))
            fail_msg("%s is not documented", path);
        for (size_t i = 0; fields->table && i < fields->table->n_rows; i++) {
            snprintf(cell, sizeof cell, "- `%s`: %.100s", xt_table_at(fields->table, i)->name,
                     xt_table_at(fields->table, i)->help);
            if (!strstr(text, cell))
                fail_msg("%s of %s is not documented", xt_table_at(fields->table, i)->name, path);
        }
    }
}

static void document(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_config_document(&text);
    assert_false(text.failed);
    require_keys(xt_schema, "", text.data);
    assert_non_null(strstr(text.data, "| `train.epochs` | a whole number from 0 to 1000000000 | required | passes over the "
                                      "training rows; 0 writes the untrained model |\n"));
    assert_non_null(strstr(text.data, "  - `delta`: a number greater than 0, error at which it turns linear; default `1`\n"));
    assert_non_null(strstr(text.data, "  - `positive`: above or below, which side of the threshold is the positive "
                                      "class; default `above`\n"));
    xt_buf_clear(&text);
}

int main(void)
{
    UNIT_CASE(printed_text);
    UNIT_CASE(origins_of_every_line);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        unit_case(text_survives, &texts[i], "column %s", texts[i].yaml);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        unit_case(text_survives_elsewhere, &texts[i], "text %s", texts[i].yaml);
    UNIT_CASE(texts_look_like_texts);
    UNIT_CASE(a_mark_in_a_value);
    UNIT_CASE(many_configurations);
    UNIT_CASE(document);
    return unit_run("config print");
}
