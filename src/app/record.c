#include "app/record.h"

#include "app/json.h"
#include "app/rows.h"
#include "model/ops.h"

#include <stdlib.h>

static json_t *values(const xt_spec *spec, uint32_t epoch, const xt_epoch *row)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    if (!epoch)
        return json_null();
    json_t *object = json_object();
    xt_metric_columns(spec, names);
    json_object_set_new(object, "epoch", json_integer(epoch));
    json_object_set_new(object, "loss", xt_json_number(row->loss));
    for (size_t i = 0; i < spec->n_metrics; i++)
        json_object_set_new(object, names[i], xt_json_number(row->metrics[i]));
    json_object_set_new(object, "step", json_integer((json_int_t)row->step));
    return object;
}

static json_t *data_of(const xt_dataset *data)
{
    json_t *object = json_object();
    json_object_set_new(object, "origin", xt_json_text(data->origin));
    json_object_set_new(object, "xxh3_128", xt_json_text(data->hash));
    json_object_set_new(object, "rows", json_integer((json_int_t)data->n_rows));
    json_object_set_new(object, "dropped_rows", json_integer((json_int_t)data->n_dropped));
    json_object_set_new(object, "inputs", xt_json_names((const char *const *)data->input_names, data->n_inputs));
    json_object_set_new(object, "targets", xt_json_names((const char *const *)data->target_names, data->n_targets));
    return object;
}

static json_t *engine_of(const xt_engine_facts *facts)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", xt_json_text(facts->engine));
    json_object_set_new(object, "why", xt_json_text(facts->why));
    json_object_set_new(object, "device", xt_json_text(facts->device));
    json_object_set_new(object, "device_index", xt_json_text(facts->device_index));
    json_object_set_new(object, "device_type", xt_json_text(facts->device_type));
    json_object_set_new(object, "platform", xt_json_text(facts->platform));
    json_object_set_new(object, "driver", xt_json_text(facts->driver));
    json_object_set_new(object, "blas", xt_json_text(facts->blas));
    json_object_set_new(object, "form", xt_json_text(facts->form));
    json_object_set_new(object, "built_from_cache", json_boolean(facts->built_from_cache));
    json_object_set_new(object, "device_bytes", json_integer((json_int_t)facts->device_bytes));
    return object;
}

static json_t *seconds_of(const xt_run_seconds *seconds)
{
    json_t *object = json_object();
    json_object_set_new(object, "data", xt_json_number(seconds->data));
    json_object_set_new(object, "open_device", xt_json_number(seconds->open_device));
    json_object_set_new(object, "build", xt_json_number(seconds->build));
    json_object_set_new(object, "first_launch", xt_json_number(seconds->first_launch));
    json_object_set_new(object, "open_engine", xt_json_number(seconds->open_engine));
    json_object_set_new(object, "training", xt_json_number(seconds->training));
    json_object_set_new(object, "output", xt_json_number(seconds->output));
    json_object_set_new(object, "total", xt_json_number(seconds->total));
    return object;
}

xt_status xt_record_print(const xt_run_job *job, const xt_record *record, xt_buf *out, xt_err *err)
{
    const xt_spec *spec = job->plan->spec;
    json_t *root = json_object();
    json_object_set_new(root, "xortrain", json_string(XT_VERSION));
    json_object_set_new(root, "name", xt_json_text(spec->name));
    json_object_set_new(root, "status", json_string(record->status));
    json_object_set_new(root, "started", json_string(record->started));
    json_object_set_new(root, "seconds", seconds_of(&record->seconds));
    json_object_set_new(root, "seed", json_integer((json_int_t)spec->seed));
    json_object_set_new(root, "generator", json_string("threefry2x32, JAX's legacy layout"));
    json_object_set_new(root, "engine", engine_of(&job->engine->facts));
    json_object_set_new(root, "data", data_of(job->data));
    json_object_set_new(root, "parameters", json_integer((json_int_t)job->plan->n_params));
    json_object_set_new(root, "epochs", json_integer(record->epochs));
    json_object_set_new(root, "final", values(spec, record->epochs, &record->last));
    json_object_set_new(root, "best", values(spec, record->best_epoch, &record->best));
    json_object_set_new(root, "loss_column_xxh3_128", xt_json_text(record->loss_hash));
    json_object_set_new(root, "model_xxh3_128", xt_json_text(record->model_hash));
    bool fine = json_object_set_new(root, "config", json_loads(job->config_json, JSON_REJECT_DUPLICATES, NULL)) == 0;
    char *dump = fine ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    if (!dump)
        return xt_fail_memory(err, "run.json", 0);
    xt_buf_puts(out, dump);
    xt_buf_puts(out, "\n");
    free(dump);
    return out->failed ? xt_fail_memory(err, "run.json", out->len) : XT_OK;
}
