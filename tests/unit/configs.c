#include "configs.h"

#include "base/number.h"
#include "model/generate.h"
#include "model/metrics.h"
#include "model/ops.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static xt_err err;

#define AROUND(data) data MODEL_2 OPTIMIZER TRAIN

const char *unit_base(const char *path)
{
    static const char files[] = AROUND(
        "data: {train: {file: x.csv, targets: y}, validation: {file: v.csv}, test: {file: t.csv}}\n"
        "early_stopping: {patience: 5}\n");
    static const char generated[] =
        AROUND("data: {train: {generate: xor}, validation: {generate: xor}, test: {generate: xor}}\n");
    static const char split[] =
        AROUND("data: {train: {file: x.csv, targets: y}, validation: {split: 0.1}, test: {split: 0.1}}\n");
    static const char grid[] = AROUND("data: {train: {file: x.csv, targets: y}, validation: {split: 0.1}}\n")
        "sweep: {parameters: {loss: [mse, mae, huber], train.epochs: [1, 2, 3]}}\n";
    static const char random[] = AROUND("data: {train: {file: x.csv, targets: y}}\n")
        "sweep: {method: random, num_trials: 3, parameters: {loss: [mse, mae, huber]}}\n";
    static const char *const of_generators[] = {".generate", ".samples", ".noise", ".seed"};
    if (strncmp(path, "sweep.", 6) == 0)
        return strcmp(path, "sweep.num_trials") == 0 ? random : grid;
    for (size_t i = 0; i < sizeof of_generators / sizeof of_generators[0]; i++)
        if (strstr(path, of_generators[i]))
            return generated;
    return strstr(path, ".split") ? TABLE : strstr(path, ".stratify") ? split : files;
}

size_t unit_needs(const char *kind, xt_config_source out[UNIT_MAX_NEEDS])
{
    static const struct {
        const char *kind, *sets[UNIT_MAX_NEEDS];
    } needs[] = {
        {"softmax", {"model.layers=[{units: 2}]", "loss=cross_entropy"}},
        {"cross_entropy", {"model.layers=[{units: 2, activation: softmax}]", NULL}},
        {"binary_cross_entropy", {"model.layers=[{units: 1, activation: sigmoid}]", NULL}},
        {"plateau", {"data.validation={split: 0.25}", NULL}},
        {"random", {"sweep.num_trials=3", NULL}},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        for (size_t k = 0; k < UNIT_MAX_NEEDS && strcmp(needs[i].kind, kind) == 0 && needs[i].sets[k]; k++)
            out[n++] = (xt_config_source){XT_CONFIG_SET, needs[i].sets[k], needs[i].sets[k]};
    return n;
}

/* In range, and another for each i where the range lets it. */
static float a_number(const xt_param *param, size_t i)
{
    const float tries[] = {param->whole ? 2 + (float)i : 0.25f + 0.125f * (float)i, 1, (float)param->range.min,
                           (float)param->range.max};
    for (size_t k = 0; k < sizeof tries / sizeof tries[0]; k++)
        if (xt_range_holds(&param->range, (double)tries[k]))
            return tries[k];
    fail_msg("no number that %s takes is known", param->name);
    return 0;
}

void unit_param_value(const xt_param *param, size_t i, xt_choice *choice, xt_buf *out)
{
    static float list[2];
    char text[32], other[32];
    choice->values[i] = 1;
    switch (param->type) {
    case XT_PARAM_NUMBER:
        choice->values[i] = a_number(param, i);
        xt_number_print(choice->values[i], text);
        xt_buf_puts(out, text);
        return;
    case XT_PARAM_LIST:
        list[0] = a_number(param, i);
        list[1] = a_number(param, i + 1);
        xt_number_print(list[0], text);
        xt_number_print(list[1], other);
        xt_buf_printf(out, "[%s, %s]", text, other);
        choice->values[i] = XT_LISTED;
        choice->list = list;
        choice->n_list = 2;
        return;
    case XT_PARAM_BOOL: xt_buf_puts(out, "true"); return;
    case XT_PARAM_NAME: xt_buf_puts(out, param->names[1]); return;
    case XT_PARAM_TEXT:
        choice->values[i] = param->def;
        choice->text = "loss";
        xt_buf_puts(out, choice->text);
    }
}

xt_config *unit_config(const xt_config_source *sources, size_t n)
{
    xt_config *config = NULL;
    if (xt_config_open(sources, n, &config, &err))
        fail_msg("%s", err.text);
    return config;
}

const char *unit_refusal(const xt_config_source *sources, size_t n)
{
    /* *out may hold another configuration, and nobody may listen. */
    xt_config *const before = (xt_config *)(uintptr_t)&err, *config = before;
    err = (xt_err){.status = XT_OK};
    xt_status status = xt_config_open(sources, n, &config, &err);
    assert_ptr_equal(config, before);
    assert_int_not_equal(status, XT_OK);
    assert_int_equal(status, err.status);
    assert_int_equal(xt_config_open(sources, n, &config, NULL), status);
    assert_ptr_equal(config, before);
    return err.text;
}

void unit_refused(const xt_config_source *sources, size_t n, xt_status status, const char *message)
{
    assert_string_equal(unit_refusal(sources, n), message);
    assert_int_equal(err.status, status);
}

/* The message with the names of a table where it says <losses> or the like: they grow. */
static void expand(const char *message, xt_buf *out)
{
    static const struct {
        const char *word;
        const xt_table *table;
    } words[] = {{"<losses>", &xt_losses}, {"<metrics>", &xt_metrics}, {"<generators>", &xt_generators}};
    while (*message) {
        size_t n = 0;
        for (size_t i = 0; !n && i < sizeof words / sizeof words[0]; i++)
            if (strncmp(message, words[i].word, strlen(words[i].word)) == 0) {
                xt_table_names(words[i].table, out);
                n = strlen(words[i].word);
            }
        if (!n)
            xt_buf_add(out, message, n = 1);
        message += n;
    }
}

void unit_row_is_refused(void **state)
{
    const unit_refused_row *row = *state;
    char label[300];
    xt_buf message = {0};
    expand(row->message, &message);
    snprintf(label, sizeof label, "--set %s", row->set ? row->set : "");
    const xt_config_source sources[] = {TEXT(row->yaml), {XT_CONFIG_SET, row->set, label}};
    unit_refused(sources, row->set ? 2 : 1, XT_BAD_CONFIG, xt_buf_text(&message));
    xt_buf_clear(&message);
}

bool unit_chose(const xt_table *table, const xt_choice *choice, const char *name)
{
    return choice->kind >= 0 && strcmp(xt_table_at(table, (size_t)choice->kind)->name, name) == 0;
}

static void same_text(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

void unit_same_choice(const xt_choice *a, const xt_choice *b)
{
    assert_int_equal(a->kind, b->kind);
    for (size_t i = 0; i < XT_MAX_PARAMS; i++)
        if (a->values[i] != b->values[i])
            fail_msg("value %zu is %.9g, not %.9g", i, (double)a->values[i], (double)b->values[i]);
    assert_int_equal(a->n_list, b->n_list);
    assert_int_equal(!a->list, !b->list);
    for (size_t i = 0; i < a->n_list; i++)
        assert_true(a->list[i] == b->list[i]);
    same_text(a->text, b->text);
}

static void same_columns(const xt_columns *a, const xt_columns *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        same_text(a->at[i].name, b->at[i].name);
        assert_int_equal(a->at[i].index, b->at[i].index);
    }
}

/* A printed path is absolute: b, read back, may have a directory before a. */
static void same_file(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (!a || strcmp(a, b) == 0)
        return;
    size_t n = strlen(a), m = strlen(b);
    if (b[0] != '/' || n + 1 > m || b[m - n - 1] != '/' || strcmp(b + m - n, a) != 0)
        fail_msg("the path '%s' reads back as '%s'", a, b);
}

static void same_source(const xt_source *a, const xt_source *b)
{
    unit_same_choice(&a->generator, &b->generator);
    assert_int_equal(a->samples, b->samples);
    assert_true(a->noise == b->noise && a->generate_seed == b->generate_seed);
    same_file(a->file, b->file);
    same_file(a->targets_file, b->targets_file);
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_inputs, b->n_inputs);
    assert_int_equal(a->n_targets, b->n_targets);
    assert_int_equal(!a->inputs, !b->inputs);
    if (a->inputs)
        assert_memory_equal(a->inputs, b->inputs, a->n_rows * a->n_inputs * sizeof *a->inputs);
    if (a->targets)
        assert_memory_equal(a->targets, b->targets, a->n_rows * a->n_targets * sizeof *a->targets);
    assert_int_equal(a->format, b->format);
    assert_int_equal(a->header, b->header);
    assert_int_equal(a->delimiter, b->delimiter);
    assert_int_equal(a->skip_rows, b->skip_rows);
    assert_int_equal(a->missing, b->missing);
    same_columns(&a->input_columns, &b->input_columns);
    same_columns(&a->target_columns, &b->target_columns);
    same_columns(&a->ignore_columns, &b->ignore_columns);
    same_columns(&a->encode_columns, &b->encode_columns);
}

static void same_part(const xt_part *a, const xt_part *b)
{
    assert_int_equal(a->given, b->given);
    same_source(&a->source, &b->source);
    assert_true(a->split == b->split && a->stratify == b->stratify);
}

static void same_stopping(const xt_spec *a, const xt_spec *b)
{
    const xt_early_stopping *x = &a->early_stopping, *y = &b->early_stopping;
    assert_int_equal(x->given, y->given);
    same_text(x->monitor, y->monitor);
    assert_int_equal(x->patience, y->patience);
    assert_true(x->min_delta == y->min_delta && x->mode == y->mode && x->restore_best == y->restore_best);
    assert_int_equal(a->n_limits, b->n_limits);
    for (size_t i = 0; i < a->n_limits; i++) {
        assert_string_equal(a->limits[i].column, b->limits[i].column);
        assert_true(a->limits[i].above == b->limits[i].above && a->limits[i].value == b->limits[i].value);
    }
}

void unit_same_spec(const xt_spec *a, const xt_spec *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->seed, b->seed);
    assert_string_equal(a->device, b->device);
    assert_int_equal(a->engine, b->engine);
    same_source(&a->train, &b->train);
    same_part(&a->validation, &b->validation);
    same_part(&a->test, &b->test);
    assert_int_equal(a->normalize, b->normalize);
    assert_int_equal(a->n_classes, b->n_classes);
    for (size_t i = 0; i < a->n_classes; i++)
        assert_string_equal(a->classes[i], b->classes[i]);
    assert_int_equal(a->shuffle, b->shuffle);
    assert_int_equal(a->keys, b->keys);
    assert_int_equal(a->n_layers, b->n_layers);
    for (size_t i = 0; i < a->n_layers; i++) {
        assert_int_equal(a->layers[i].units, b->layers[i].units);
        unit_same_choice(&a->layers[i].activation, &b->layers[i].activation);
        unit_same_choice(&a->layers[i].weight, &b->layers[i].weight);
        unit_same_choice(&a->layers[i].bias, &b->layers[i].bias);
        assert_true(a->layers[i].dropout == b->layers[i].dropout);
        assert_true(a->layers[i].l1 == b->layers[i].l1 && a->layers[i].l2 == b->layers[i].l2);
    }
    unit_same_choice(&a->loss, &b->loss);
    unit_same_choice(&a->optimizer, &b->optimizer);
    unit_same_choice(&a->schedule, &b->schedule);
    assert_true(a->clip_norm == b->clip_norm && a->clip_value == b->clip_value);
    assert_int_equal(a->validate_every, b->validate_every);
    same_stopping(a, b);
    assert_int_equal(a->epochs, b->epochs);
    assert_int_equal(a->batch_size, b->batch_size);
    assert_int_equal(a->loss_report, b->loss_report);
    assert_int_equal(a->n_metrics, b->n_metrics);
    for (size_t i = 0; i < a->n_metrics; i++)
        unit_same_choice(&a->metrics[i], &b->metrics[i]);
    assert_int_equal(a->log_every, b->log_every);
    assert_string_equal(a->output_template, b->output_template);
    assert_string_equal(a->output_dir, b->output_dir);
}

/* Reads a printed configuration and prints it again. */
static void same_again(const xt_config *config, const char *text, const xt_buf *yaml, const xt_buf *json)
{
    xt_buf yaml_again = {0}, json_again = {0};
    xt_config *again = unit_config(SOURCES({XT_CONFIG_TEXT, text, "printed"}));
    unit_same_spec(xt_config_spec(config), xt_config_spec(again));
    xt_config_print(again, false, &yaml_again);
    xt_config_print_json(again, &json_again);
    assert_string_equal(xt_buf_text(&yaml_again), xt_buf_text(yaml));
    assert_string_equal(xt_buf_text(&json_again), xt_buf_text(json));
    xt_buf_clear(&yaml_again);
    xt_buf_clear(&json_again);
    xt_config_close(&again);
    assert_null(again);
}

void unit_round_trip(const xt_config *config)
{
    xt_buf yaml = {0}, origins = {0}, json = {0};
    json_error_t error;
    xt_config_print(config, false, &yaml);
    xt_config_print(config, true, &origins);
    xt_config_print_json(config, &json);
    same_again(config, xt_buf_text(&yaml), &yaml, &json);
    same_again(config, xt_buf_text(&origins), &yaml, &json);
    /* JSON is YAML too; a JSON reader must take it as well. */
    same_again(config, xt_buf_text(&json), &yaml, &json);
    json_t *object = json_loads(xt_buf_text(&json), JSON_REJECT_DUPLICATES, &error);
    if (!object)
        fail_msg("%s: %s", error.text, xt_buf_text(&json));
    assert_string_equal(json_string_value(json_object_get(object, "name")), xt_config_spec(config)->name);
    json_decref(object);
    xt_buf_clear(&yaml);
    xt_buf_clear(&origins);
    xt_buf_clear(&json);
}
