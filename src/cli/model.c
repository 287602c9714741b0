#include "cli/model.h"

#include "model/metrics.h"
#include "model/ops.h"

#include <stdlib.h>
#include <string.h>

static xt_status open_config(const xt_options *options, const xt_model_file *file, xt_config **out, xt_err *err)
{
    xt_buf label = {0};
    xt_config_source *sources = calloc(options->n_sources + 1, sizeof *sources);
    xt_buf_printf(&label, "%s, its configuration", options->args[0]);
    if (!sources || label.failed) {
        free(sources);
        xt_buf_clear(&label);
        return xt_fail_memory(err, "a configuration", 0);
    }
    sources[0] = (xt_config_source){XT_CONFIG_TEXT, file->config, label.data};
    if (options->n_sources)
        memcpy(sources + 1, options->sources, options->n_sources * sizeof *sources);
    xt_status status = xt_config_open(sources, options->n_sources + 1, out, err);
    free(sources);
    xt_buf_clear(&label);
    return status;
}

xt_status xt_model_load(const xt_options *options, xt_model *out, xt_err *err)
{
    const char *path = options->args[0];
    xt_model model = {.path = path};
    xt_status status = xt_model_open(path, &model.file, err);
    if (!status)
        status = open_config(options, &model.file, &model.config, err);
    if (!status)
        status = xt_plan_make(xt_config_spec(model.config), model.file.encoding->n_inputs,
                              model.file.encoding->n_targets, &model.plan, err);
    if (!status) {
        model.state = calloc((1 + model.plan.n_slots) * model.plan.n_params, sizeof *model.state);
        status = model.state ? xt_model_params(&model.file, path, &model.plan, model.state, err)
                             : xt_fail_memory(err, "the parameters", model.plan.n_params * sizeof *model.state);
    }
    if (status)
        xt_model_clear(&model);
    else
        *out = model;
    return status;
}

void xt_model_clear(xt_model *model)
{
    free(model->state);
    xt_config_close(&model->config);
    xt_model_close(&model->file);
    *model = (xt_model){0};
}

float xt_threshold_of(const xt_spec *spec)
{
    for (size_t i = 0; i < spec->n_metrics; i++) {
        const xt_param *first = xt_kind_at(&xt_metrics, spec->metrics[i].kind)->params;
        if (first->name && strcmp(first->name, "threshold") == 0)
            return spec->metrics[i].values[0];
    }
    /* hinge's classes are on both sides of 0, the others' targets are 0 and 1. */
    return spec->loss.kind == XT_LOSS_hinge ? 0.0f : 0.5f;
}
