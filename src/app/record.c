#include "app/record.h"

#include "app/rows.h"
#include "model/ops.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* A real with as many digits as its float had, or null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *values(const xt_spec *spec, uint32_t epoch, const xt_epoch *row)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    if (!epoch)
        return json_null();
    json_t *object = json_object();
    xt_metric_columns(spec, names);
    json_object_set_new(object, "epoch", json_integer(epoch));
    json_object_set_new(object, "loss", number(row->loss));
    for (size_t i = 0; i < spec->n_metrics; i++)
        json_object_set_new(object, names[i], number(row->metrics[i]));
    json_object_set_new(object, "step", json_integer((json_int_t)row->step));
    return object;
}

static json_t *names(const char *const *texts, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *text(const char *value)
{
    json_t *string = json_string(value);
    /* Drivers and paths may hold what is no UTF-8. */
    return string ? string : json_null();
}

static json_t *data_of(const xt_dataset *data)
{
    json_t *object = json_object();
    json_object_set_new(object, "origin", text(data->origin));
    json_object_set_new(object, "xxh3_128", data->hash[0] ? json_string(data->hash) : json_null());
    json_object_set_new(object, "rows", json_integer((json_int_t)data->n_rows));
    json_object_set_new(object, "dropped_rows", json_integer((json_int_t)data->n_dropped));
    json_object_set_new(object, "inputs", names((const char *const *)data->input_names, data->n_inputs));
    json_object_set_new(object, "targets", names((const char *const *)data->target_names, data->n_targets));
    return object;
}

static json_t *engine_of(const xt_engine_facts *facts)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", text(facts->engine));
    json_object_set_new(object, "why", text(facts->why));
    json_object_set_new(object, "device", text(facts->device));
    json_object_set_new(object, "device_index", facts->device_index[0] ? text(facts->device_index) : json_null());
    json_object_set_new(object, "device_type", facts->device_type[0] ? text(facts->device_type) : json_null());
    json_object_set_new(object, "platform", facts->platform[0] ? text(facts->platform) : json_null());
    json_object_set_new(object, "driver", facts->driver[0] ? text(facts->driver) : json_null());
    json_object_set_new(object, "blas", facts->blas[0] ? text(facts->blas) : json_null());
    json_object_set_new(object, "device_bytes", json_integer((json_int_t)facts->device_bytes));
    return object;
}

static json_t *seconds_of(const xt_run_job *job, const xt_record *record)
{
    json_t *object = json_object();
    json_object_set_new(object, "data", number(job->data_seconds));
    json_object_set_new(object, "open_engine", number(job->open_seconds));
    json_object_set_new(object, "training", number(record->train_seconds));
    json_object_set_new(object, "output", number(record->output_seconds));
    return object;
}

xt_status xt_record_print(const xt_run_job *job, const xt_record *record, xt_buf *out, xt_err *err)
{
    const xt_spec *spec = job->plan->spec;
    json_t *root = json_object();
    json_object_set_new(root, "xortrain", json_string(XT_VERSION));
    json_object_set_new(root, "name", text(spec->name));
    json_object_set_new(root, "status", json_string(record->status));
    json_object_set_new(root, "started", json_string(record->started));
    json_object_set_new(root, "seconds", seconds_of(job, record));
    json_object_set_new(root, "seed", json_integer((json_int_t)spec->seed));
    json_object_set_new(root, "generator", json_string("threefry2x32, JAX's legacy layout"));
    json_object_set_new(root, "engine", engine_of(&job->engine->facts));
    json_object_set_new(root, "data", data_of(job->data));
    json_object_set_new(root, "parameters", json_integer((json_int_t)job->plan->n_params));
    json_object_set_new(root, "epochs", json_integer(record->epochs));
    json_object_set_new(root, "final", values(spec, record->epochs, &record->last));
    json_object_set_new(root, "best", values(spec, record->best_epoch, &record->best));
    json_object_set_new(root, "loss_column_xxh3_128", json_string(record->loss_hash));
    json_object_set_new(root, "model_xxh3_128",
                        record->model_hash[0] ? json_string(record->model_hash) : json_null());
    bool fine = json_object_set_new(root, "config", json_loads(job->config_json, JSON_REJECT_DUPLICATES, NULL)) == 0;
    char *dump = fine ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    if (!dump)
        return xt_fail_memory(err, "run.json", 0);
    xt_buf_printf(out, "%s\n", dump);
    free(dump);
    return out->failed ? xt_fail_memory(err, "run.json", out->len) : XT_OK;
}
