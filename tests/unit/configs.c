#include "configs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static xt_err err;

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

void unit_row_is_refused(void **state)
{
    const unit_refused_row *row = *state;
    char label[300];
    snprintf(label, sizeof label, "--set %s", row->set ? row->set : "");
    const xt_config_source sources[] = {TEXT(row->yaml), {XT_CONFIG_SET, row->set, label}};
    unit_refused(sources, row->set ? 2 : 1, XT_BAD_CONFIG, row->message);
}

bool unit_chose(const xt_table *table, const xt_choice *choice, const char *name)
{
    return choice->kind >= 0 && strcmp(xt_table_at(table, (size_t)choice->kind)->name, name) == 0;
}

void unit_same_choice(const xt_choice *a, const xt_choice *b, size_t n_values)
{
    assert_int_equal(a->kind, b->kind);
    for (size_t i = 0; i < n_values; i++)
        if (a->values[i] != b->values[i])
            fail_msg("value %zu is %.9g, not %.9g", i, (double)a->values[i], (double)b->values[i]);
}

static void same_text(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
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
    same_file(a->file, b->file);
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
}

void unit_same_spec(const xt_spec *a, const xt_spec *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->seed, b->seed);
    assert_string_equal(a->device, b->device);
    assert_int_equal(a->engine, b->engine);
    same_source(&a->train, &b->train);
    assert_int_equal(a->shuffle, b->shuffle);
    assert_int_equal(a->keys, b->keys);
    assert_int_equal(a->n_layers, b->n_layers);
    for (size_t i = 0; i < a->n_layers; i++) {
        assert_int_equal(a->layers[i].units, b->layers[i].units);
        unit_same_choice(&a->layers[i].activation, &b->layers[i].activation, XT_MAX_PARAMS);
        unit_same_choice(&a->layers[i].weight, &b->layers[i].weight, XT_MAX_PARAMS);
        unit_same_choice(&a->layers[i].bias, &b->layers[i].bias, XT_MAX_PARAMS);
    }
    unit_same_choice(&a->loss, &b->loss, XT_MAX_PARAMS);
    unit_same_choice(&a->optimizer, &b->optimizer, XT_MAX_PARAMS);
    assert_int_equal(a->epochs, b->epochs);
    assert_int_equal(a->batch_size, b->batch_size);
    assert_int_equal(a->loss_report, b->loss_report);
    assert_int_equal(a->n_metrics, b->n_metrics);
    for (size_t i = 0; i < a->n_metrics; i++)
        unit_same_choice(&a->metrics[i], &b->metrics[i], XT_MAX_PARAMS);
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
