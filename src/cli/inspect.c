#include "app/encoding.h"
#include "app/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/model.h"
#include "model/schedule.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- where a training stands ---- */

/* A value as it is in the JSON, but with fewer digits; "none" for null and what is not there. */
static void put_json(const json_t *value, xt_buf *out)
{
    const char *string = json_string_value(value);
    bool dumped = value && !string && !json_is_null(value);
    char *text = dumped ? xt_json_dump(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    out->failed = out->failed || (dumped && !text);
    xt_buf_puts(out, text ? text : string ? string : "none");
    free(text);
}

static void put_member(const char *before, const json_t *object, const char *key, xt_buf *out)
{
    xt_buf_puts(out, before);
    put_json(json_object_get(object, key), out);
}

/* "data.train  4 rows, XXH3-128 ..." */
static void describe_part(const char *name, const json_t *part, xt_buf *out)
{
    const char *origin = json_string_value(json_object_get(part, "origin"));
    const char *hash = json_string_value(json_object_get(part, "xxh3_128"));
    if (!json_is_object(part))
        return;
    xt_describe_label(name, out);
    put_member("", part, "rows", out);
    xt_buf_printf(out, " rows of %s%s%s\n", origin ? origin : "an unnamed source", hash ? ", XXH3-128 " : "",
                  hash ? hash : "");
}

static void describe_changes(const char *changes, xt_buf *out)
{
    while (*changes) {
        size_t n = strcspn(changes, "\n");
        xt_describe_label("changed", out);
        xt_buf_printf(out, "%.*s\n", (int)n, changes);
        changes += n + (changes[n] == '\n');
    }
}

static void describe_watched(const json_t *watched, const json_t *plateau, const xt_spec *spec, xt_buf *out)
{
    const char *column = spec->early_stopping.given ? spec->early_stopping.monitor : spec->checkpoint.best;
    xt_describe_label("best", out);
    xt_buf_printf(out, "%s ", column ? column : "loss");
    put_member("", watched, "best", out);
    put_member(" at epoch ", watched, "best_epoch", out);
    if (spec->early_stopping.given) {
        put_member(", ", watched, "waited", out);
        xt_buf_printf(out, " of %u epochs of patience since", spec->early_stopping.patience);
    }
    xt_buf_puts(out, "\n");
    if (!xt_plateau_monitor(&spec->schedule))
        return;
    xt_describe_label("plateau", out);
    put_member("factor ", plateau, "factor", out);
    put_member(" on the learning rate; best ", plateau, "best", out);
    put_member(", ", plateau, "waited", out);
    xt_buf_puts(out, " epochs since\n");
}

static void describe_progress(const char *progress, const xt_spec *spec, xt_buf *out)
{
    json_t *root = json_loads(progress, JSON_REJECT_DUPLICATES, NULL);
    out->failed = out->failed || xt_json_starved();
    const json_t *watched = json_object_get(root, "watched"), *plateau = json_object_get(root, "plateau");
    const json_t *last = json_object_get(root, "last"), *data = json_object_get(root, "data");
    const json_t *engine = json_object_get(root, "engine");
    const char *changes = json_string_value(json_object_get(root, "changes"));
    xt_describe_label("progress", out);
    put_member("epoch ", root, "epoch", out);
    xt_buf_printf(out, " of %u", spec->epochs);
    put_member(", update ", last, "step", out);
    put_member(", loss ", last, "loss", out);
    put_member(", learning rate ", last, "learning_rate", out);
    put_member("; ", root, "seconds", out);
    put_member(" s, resumed ", root, "resumed", out);
    xt_buf_puts(out, json_integer_value(json_object_get(root, "resumed")) == 1 ? " time\n" : " times\n");
    describe_watched(watched, plateau, spec, out);
    describe_part("training", json_object_get(data, "train"), out);
    describe_part("validation", json_object_get(data, "validation"), out);
    describe_part("test", json_object_get(data, "test"), out);
    xt_describe_label("engine", out);
    put_member("", engine, "name", out);
    put_member(" on ", engine, "device", out);
    put_member(", driver ", engine, "driver", out);
    xt_buf_puts(out, "\n");
    describe_changes(changes ? changes : "", out);
    json_decref(root);
}

/* ---- tensors ---- */

static void describe_tensors(const xt_model *model, xt_buf *out)
{
    size_t n;
    const xt_tensor *tensors = xt_model_tensors(&model->file, &n);
    for (size_t i = 0; i < n; i++) {
        const xt_tensor *tensor = &tensors[i];
        size_t n_values = tensor->dims[0] * (tensor->n_dims == 2 ? tensor->dims[1] : 1);
        size_t n_odd = 0;
        float low = INFINITY, high = -INFINITY;
        for (size_t k = 0; k < n_values; k++) {
            float value = tensor->values[k];
            n_odd += isfinite(value) ? 0 : 1;
            low = isfinite(value) && value < low ? value : low;
            high = isfinite(value) && value > high ? value : high;
        }
        xt_describe_label(i ? "" : "tensors", out);
        xt_describe_padded(tensor->name, 30, out);
        xt_buf_printf(out, " (%zu", tensor->dims[0]);
        if (tensor->n_dims == 2)
            xt_buf_printf(out, ", %zu", tensor->dims[1]);
        xt_buf_puts(out, ")");
        if (n_odd < n_values)
            xt_buf_printf(out, "  %.6g to %.6g", (double)low, (double)high);
        if (n_odd)
            xt_buf_printf(out, "  %zu not finite", n_odd);
        xt_buf_puts(out, "\n");
    }
}

/* ---- the command ---- */

static xt_status check_progress(const xt_model *model, xt_err *err)
{
    if (!model->file.progress)
        return XT_OK;
    json_t *root = json_loads(model->file.progress, JSON_REJECT_DUPLICATES, NULL);
    bool sound = json_is_object(root);
    json_decref(root);
    return sound ? XT_OK : xt_fail(err, XT_BAD_DATA, "%s: its progress is not that of a training", model->path);
}

static void describe(const xt_options *options, const xt_model *model, xt_buf *out)
{
    const xt_spec *spec = xt_config_spec(model->config);
    xt_describe_label(model->file.progress ? "checkpoint" : "model", out);
    xt_buf_printf(out, "%s\n", options->args[0]);
    xt_describe_label("run", out);
    xt_buf_printf(out, "%s, seed %" PRIu64 ", after %lu epoch%s\n", spec->name, spec->seed, model->file.epoch,
                  model->file.epoch == 1 ? "" : "s");
    xt_describe_encoding(model->file.encoding, spec->normalize, out);
    xt_describe_network(&model->plan, false, out);
    xt_describe_objective(spec, out);
    if (model->file.progress)
        describe_progress(model->file.progress, spec, out);
    describe_tensors(model, out);
    xt_describe_label("written by", out);
    xt_buf_printf(out, "xortrain %s\n", model->file.version);
    xt_describe_label("checksum", out);
    xt_buf_printf(out, "%s (verified)\n", model->file.checksum);
}

static json_t *list_tensors(const xt_model *model)
{
    size_t n;
    const xt_tensor *tensors = xt_model_tensors(&model->file, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *shape = json_array();
        for (size_t k = 0; k < tensors[i].n_dims; k++)
            json_array_append_new(shape, json_integer((json_int_t)tensors[i].dims[k]));
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", tensors[i].name, "shape", shape));
    }
    return list;
}

/* Everything: the texts of the file stay as they are, so that no number loses digits. */
static xt_status print_json(const xt_options *options, const xt_model *model, xt_buf *out, xt_err *err)
{
    xt_buf text = {0};
    char *encoding = xt_encoding_print(model->file.encoding);
    json_t *root = json_pack("{s:o, s:b, s:s, s:s, s:I, s:I, s:o}", "model", xt_json_text(options->args[0]),
                             "checkpoint", model->file.progress != NULL, "xortrain", model->file.version, "checksum",
                             model->file.checksum, "epoch", (json_int_t)model->file.epoch, "parameters",
                             (json_int_t)model->plan.n_params, "tensors", list_tensors(model));
    char *dump = xt_json_dump(root, JSON_COMPACT);
    if (dump && encoding) {
        xt_buf_add(&text, dump, strlen(dump) - 1);
        xt_buf_puts(&text, ",\"config\":");
        xt_config_print_json(model->config, &text);
        xt_buf_printf(&text, ",\"encoding\":%s,\"progress\":%s}", encoding,
                      model->file.progress ? model->file.progress : "null");
        xt_json_indent(xt_buf_text(&text), 0, out);
        xt_buf_puts(out, "\n");
    }
    bool failed = !dump || !encoding || text.failed || out->failed;
    json_decref(root);
    free(dump);
    free(encoding);
    xt_buf_clear(&text);
    return failed ? xt_fail_memory(err, options->args[0], 0) : XT_OK;
}

xt_status xt_cmd_inspect(const xt_options *options, xt_err *err)
{
    xt_model model = {0};
    xt_buf text = {0};
    xt_status status = xt_model_load(options, &model, err);
    if (!status)
        status = check_progress(&model, err);
    if (!status && options->json)
        status = print_json(options, &model, &text, err);
    else if (!status && options->yaml)
        xt_config_print(model.config, false, &text);
    else if (!status && options->values)
        xt_describe_values(&model.plan, model.state, &text);
    else if (!status)
        describe(options, &model, &text);
    /* A checkpoint's progress may come from anybody. */
    if (!status && !options->json && text.data)
        xt_text_mask(text.data);
    if (!status)
        status = xt_print(&text, err);
    xt_model_clear(&model);
    xt_buf_clear(&text);
    return status;
}
