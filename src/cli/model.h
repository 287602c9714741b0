/* model.h: a model file opened for use: its configuration, plan and parameters. */
#ifndef XT_CLI_MODEL_H
#define XT_CLI_MODEL_H

#include "app/model_file.h"
#include "cli/options.h"

typedef struct xt_model {
    const char *path;
    xt_model_file file;
    xt_config *config;
    xt_plan plan;
    float *state; /* parameters and zeros for the optimiser's slots */
} xt_model;

/* Opens args[0]; the options' sources (--device, --engine) override its config.
 * On failure nothing is left open. */
xt_status xt_model_load(const xt_options *options, xt_model *out, xt_err *err);
void xt_model_clear(xt_model *model);

/* Above which a single output says the second of two classes: the threshold of the
 * first of the config's metrics that has one, else what the loss trains towards. */
float xt_threshold_of(const xt_spec *spec);

#endif
