#include "app/record.h"

#include "app/json.h"
#include "app/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

typedef struct field {
    const char *key;
    json_t *value; /* goes to the object */
} field;

static json_t *object_of(const field *fields, size_t n)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(object, fields[i].key, fields[i].value);
    return object;
}

#define OBJECT(...) object_of((const field[]){__VA_ARGS__}, sizeof((const field[]){__VA_ARGS__}) / sizeof(field))

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *values(const xt_spec *spec, const xt_run_row *row)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES], name[XT_COLUMN_BYTES + 8];
    if (!row->epoch)
        return json_null();
    json_t *object = OBJECT({"epoch", count(row->epoch)});
    xt_metric_columns(spec, names);
    for (int i = -1; i < (int)spec->n_metrics; i++) {
        double value = 0;
        xt_row_value(row, (xt_watched){false, i}, &value);
        json_object_set_new(object, i < 0 ? "loss" : names[i], xt_json_number(value));
        if (!spec->validation.given)
            continue;
        bool measured = xt_row_value(row, (xt_watched){true, i}, &value);
        snprintf(name, sizeof name, "val_%s", i < 0 ? "loss" : names[i]);
        json_object_set_new(object, name, measured ? xt_json_number(value) : json_null());
    }
    json_object_set_new(object, "learning_rate", xt_json_number((double)row->train.learning_rate));
    json_object_set_new(object, "step", count(row->train.step));
    return object;
}

static json_t *test_of(const xt_spec *spec, const xt_run_result *result)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    if (!result->tested)
        return json_null();
    json_t *object = OBJECT({"loss", xt_json_number(result->test.loss)});
    xt_metric_columns(spec, names);
    for (size_t i = 0; i < spec->n_metrics; i++)
        json_object_set_new(object, names[i], xt_json_number(result->test.metrics[i]));
    return object;
}

/* The table's columns: of one that is encoded there are more inputs than columns. */
static size_t input_columns(const xt_dataset *data)
{
    return data->encoding ? data->encoding->n_columns : data->n_inputs;
}

static size_t target_columns(const xt_dataset *data)
{
    return data->encoding ? data->encoding->n_target_columns : data->n_targets;
}

static json_t *data_of(const xt_run_job *job)
{
    const xt_dataset *data = job->data;
    json_t *object = xt_json_rows(data);
    json_object_set_new(object, "inputs",
                        xt_json_names((const char *const *)data->input_names, input_columns(data)));
    json_object_set_new(object, "targets",
                        xt_json_names((const char *const *)data->target_names, target_columns(data)));
    json_object_set_new(object, "validation", xt_json_rows(job->validation));
    json_object_set_new(object, "test", xt_json_rows(job->test));
    return object;
}

static json_t *engine_of(const xt_engine_facts *facts)
{
    return OBJECT({"name", xt_json_text(facts->engine)},
                  {"why", xt_json_text(facts->why)},
                  {"device", xt_json_text(facts->device)},
                  {"device_index", xt_json_text(facts->device_index)},
                  {"device_type", xt_json_text(facts->device_type)},
                  {"platform", xt_json_text(facts->platform)},
                  {"driver", xt_json_text(facts->driver)},
                  {"blas", xt_json_text(facts->blas)},
                  {"products", xt_json_text(facts->products)},
                  {"form", xt_json_text(facts->form)},
                  {"built_from_cache", json_boolean(facts->built_from_cache)},
                  {"device_bytes", count(facts->device_bytes)});
}

/* What the bits of the host's own arithmetic depend on. */
static json_t *host(void)
{
    struct utsname system;
    bool known = uname(&system) == 0;
    json_t *libc = json_null();
#ifdef __GLIBC__
    libc = json_sprintf("glibc %s", gnu_get_libc_version());
#endif
    return OBJECT({"system", xt_json_text(known ? system.sysname : "")},
                  {"machine", xt_json_text(known ? system.machine : "")},
                  {"libc", libc},
                  {"compiler", xt_json_text(__VERSION__)});
}

/* An array of the lines of a text. */
static json_t *lines_of(const char *text)
{
    json_t *array = json_array();
    while (*text) {
        size_t n = strcspn(text, "\n");
        json_array_append_new(array, json_stringn(text, n));
        text += n + (text[n] == '\n');
    }
    return array;
}

static json_t *seconds_of(const xt_run_seconds *seconds)
{
    return OBJECT({"data", xt_json_number(seconds->data)},
                  {"open_device", xt_json_number(seconds->open_device)},
                  {"build", xt_json_number(seconds->build)},
                  {"first_launch", xt_json_number(seconds->first_launch)},
                  {"open_engine", xt_json_number(seconds->open_engine)},
                  {"training", xt_json_number(seconds->training)},
                  {"evaluation", xt_json_number(seconds->evaluation)},
                  {"output", xt_json_number(seconds->output)},
                  {"total", xt_json_number(seconds->total)});
}

xt_status xt_record_print(const xt_run_job *job, const xt_record *record, xt_buf *out, xt_err *err)
{
    const xt_spec *spec = job->plan->spec;
    const xt_run_result *result = record->result;
    json_t *root = OBJECT({"xortrain", json_string(XT_VERSION)},
                          {"name", xt_json_text(spec->name)},
                          {"status", json_string(record->status)},
                          {"stopped", xt_json_text(result->stopped)},
                          {"started", json_string(record->started)},
                          {"seconds", seconds_of(&result->seconds)},
                          {"seed", count(spec->seed)},
                          {"generator", json_string("threefry2x32, JAX's legacy layout")},
                          {"engine", engine_of(&job->engine->facts)},
                          {"host", host()},
                          {"data", data_of(job)},
                          {"parameters", count(job->plan->n_params)},
                          {"epochs", count(result->epochs)},
                          {"kept_epoch", result->saved ? count(result->kept_epoch) : json_null()},
                          {"checkpoint_epoch", record->checkpoint ? count(record->checkpoint) : json_null()},
                          {"resumed", count(record->moment->resumed)},
                          {"changed_when_resumed", lines_of(record->moment->changes)},
                          {"final", values(spec, &record->last)},
                          {"best", values(spec, &record->best)},
                          {"test", test_of(spec, result)},
                          {"loss_column_xxh3_128", xt_json_text(result->loss_hash)},
                          {"model_xxh3_128", xt_json_text(result->model_hash)},
                          {"weights_xxh3_128", xt_json_text(result->weights_hash)});
    char *dump = xt_json_dump(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (!dump)
        return xt_fail_memory(err, "run.json", 0);
    /* The configuration comes last as it is: numbers would lose digits on another way. */
    xt_buf_add(out, dump, strlen(dump) - 2);
    xt_buf_puts(out, ",\n  \"config\": ");
    xt_json_indent(job->config_json, 1, out);
    xt_buf_puts(out, "\n}\n");
    free(dump);
    return out->failed ? xt_fail_memory(err, "run.json", out->len) : XT_OK;
}

bool xt_record_is_finished(const char *path)
{
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const char *status = json_string_value(json_object_get(root, "status"));
    bool finished = status && (strcmp(status, "finished") == 0 || strcmp(status, "diverged") == 0);
    json_decref(root);
    return finished;
}
