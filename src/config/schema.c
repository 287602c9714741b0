/* The table. A new key is one row here and its place in spec.h. */
#include "config/schema.h"

#include "model/init.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/schedule.h"

#include <string.h>

#define AT XT_AT
#define ROOT XT_ROOT
#define WHOLE XT_WHOLE

static const xt_row keys_rows[] = {{"per_layer", "every weight and bias has its own random key"},
                                   {"shared", "all weights are drawn from one key, all biases from another"}};
static const xt_row report_rows[] = {
    {"running", "each batch's loss before its update, averaged over the epoch"},
    {"post_update", "the loss of the same batch right after its update, averaged over the epoch"},
    {"eval", "a pass over the training rows after the epoch"}};

static const xt_row mode_rows[] = {{"auto", "less is better for a loss or an error, more for another metric"},
                                   {"min", "less is better"},
                                   {"max", "more is better"}};

static const xt_table keys_table = XT_TABLE("keys", keys_rows);
static const xt_table reports = XT_TABLE("loss_report", report_rows);
static const xt_table modes = XT_TABLE("mode", mode_rows);

static const char *check_bias(const void *at)
{
    const xt_choice *choice = at;
    return choice->kind >= 0 && xt_initializer_at(choice->kind)->weights_only ? "for weights only" : NULL;
}

static const xt_field init_fields[] = {
    {.name = "keys", .type = &xt_type_names, ROOT(spec.keys, xt_keys), .def = "per_layer", .table = &keys_table,
     .help = "which random key draws what"},
    {.name = "weight", .type = &xt_type_kind, ROOT(weight, xt_choice), .def = "auto", .table = &xt_initializers,
     .optional_kind = true,
     .help = "initial weights; auto is he_uniform where the activation is of the ReLU family, else glorot_uniform"},
    {.name = "bias", .type = &xt_type_kind, ROOT(bias, xt_choice), .def = "zeros", .table = &xt_initializers,
     .check = check_bias, .help = "initial biases"},
    {0},
};

static const xt_field layer_init_fields[] = {
    {.name = "weight", .type = &xt_type_kind, .offset = AT(xt_layer, weight, xt_choice), .table = &xt_initializers,
     .help = "this layer's initial weights (default: model.init.weight)"},
    {.name = "bias", .type = &xt_type_kind, .offset = AT(xt_layer, bias, xt_choice), .table = &xt_initializers,
     .check = check_bias, .help = "this layer's initial biases (default: model.init.bias)"},
    {0},
};

static const xt_field layer_fields[] = {
    {.name = "units", .type = &xt_type_uint32, .offset = AT(xt_layer, units, uint32_t), .required = true,
     .range = WHOLE(1, 1 << 24), .help = "outputs of the layer"},
    {.name = "activation", .type = &xt_type_kind, .offset = AT(xt_layer, activation, xt_choice), .def = "linear",
     .table = &xt_activations, .help = "function of the layer's sums"},
    {.name = "init", .type = &xt_type_section, .fields = layer_init_fields,
     .help = "initial values of this layer alone"},
    {.name = "dropout", .type = &xt_type_float, .offset = AT(xt_layer, dropout, float), .range = XT_RANGE_UNIT,
     .unset = -1, .help = "this layer's dropout (default: model.dropout; the last layer has none)"},
    {.name = "l1", .type = &xt_type_float, .offset = AT(xt_layer, l1, float), .range = XT_RANGE_NON_NEGATIVE,
     .unset = -1, .help = "this layer's l1 (default: model.l1)"},
    {.name = "l2", .type = &xt_type_float, .offset = AT(xt_layer, l2, float), .range = XT_RANGE_NON_NEGATIVE,
     .unset = -1, .help = "this layer's l2 (default: model.l2)"},
    {0},
};

/* What leaves out outputs would leave out predictions. */
static void finish_model(xt_walk *walk, const xt_node *node, void *at)
{
    const xt_spec *spec = &((const xt_root *)at)->spec;
    const xt_node *layers = xt_node_get(node, "layers");
    size_t last = spec->n_layers - 1;
    if (spec->layers[last].dropout <= 0)
        return;
    size_t before = xt_walk_down(walk, "layers");
    xt_walk_down_index(walk, last);
    xt_walk_down(walk, "dropout");
    xt_complain(walk, xt_node_get(layers->items[last], "dropout")->place,
                "the last layer's outputs are the predictions: it has no dropout");
    xt_walk_up(walk, before);
}

static const xt_field model_fields[] = {
    {.name = "init", .type = &xt_type_section, .fields = init_fields, .help = "initial values of all layers"},
    {.name = "layers", .type = &xt_type_sections, ROOT(spec.layers, const xt_layer *),
     .count_offset = AT(xt_root, spec.n_layers, size_t), .required = true, .fields = layer_fields,
     .item_bytes = sizeof(xt_layer), .max_items = XT_MAX_LAYERS,
     .help = "dense layers from the inputs on; the last one's units are the targets"},
    {.name = "dropout", .type = &xt_type_float, ROOT(dropout, float), .def = "0", .range = XT_RANGE_UNIT,
     .help = "share of a layer's outputs that training sets to 0, in all layers but the last"},
    {.name = "l1", .type = &xt_type_float, ROOT(l1, float), .def = "0", .range = XT_RANGE_NON_NEGATIVE,
     .help = "penalty on the size of all layers' weights: l1 times their signs is added to their gradients"},
    {.name = "l2", .type = &xt_type_float, ROOT(l2, float), .def = "0", .range = XT_RANGE_NON_NEGATIVE,
     .help = "penalty on the square of all layers' weights: l2 times them is added to their gradients"},
    {0},
};

static const xt_field training_fields[] = {
    {.name = "epochs", .type = &xt_type_uint32, ROOT(spec.epochs, uint32_t), .required = true,
     .range = WHOLE(0, 1e9), .help = "passes over the training rows; 0 writes the untrained model"},
    {.name = "batch_size", .type = &xt_type_uint32, ROOT(spec.batch_size, uint32_t), .def = "32",
     .range = WHOLE(1, 1e9), .help = "rows an update; the last batch of an epoch may be smaller"},
    {.name = "loss_report", .type = &xt_type_names, ROOT(spec.loss_report, xt_loss_report), .def = "running",
     .table = &reports, .help = "which loss of an epoch is reported"},
    {.name = "clip_norm", .type = &xt_type_float, ROOT(spec.clip_norm, float), .range = XT_RANGE_POSITIVE,
     .help = "longest that a batch's gradient may be, all layers taken together; a longer one is scaled down"},
    {.name = "clip_value", .type = &xt_type_float, ROOT(spec.clip_value, float), .range = XT_RANGE_POSITIVE,
     .help = "largest that each element of the gradient may be, in size"},
    {.name = "validate_every", .type = &xt_type_uint32, ROOT(spec.validate_every, uint32_t), .range = WHOLE(1, 1e9),
     .help = "epochs from one measurement of data.validation to the next (default: 1); the last one always is"},
    {0},
};

static void finish_training(xt_walk *walk, const xt_node *node, void *at)
{
    const xt_spec *spec = &((const xt_root *)at)->spec;
    if (spec->clip_norm <= 0 || spec->clip_value <= 0)
        return;
    size_t before = xt_walk_down(walk, "clip_value");
    xt_complain(walk, xt_node_get(node, "clip_value")->place, "not with `clip_norm`: the gradient is clipped in one way");
    xt_walk_up(walk, before);
}

static void finish_stopping(xt_walk *walk, const xt_node *node, void *at)
{
    (void)walk;
    ((xt_root *)at)->spec.early_stopping.given = node != NULL;
}

static const xt_field stopping_fields[] = {
    {.name = "monitor", .type = &xt_type_text, ROOT(spec.early_stopping.monitor, const char *),
     .help = "column of loss.csv that is watched (default: val_loss where there is data.validation, else loss)"},
    {.name = "patience", .type = &xt_type_uint32, ROOT(spec.early_stopping.patience, uint32_t), .required = true,
     .range = WHOLE(1, 1e9), .help = "epochs in which the column is measured without an improvement that end training"},
    {.name = "min_delta", .type = &xt_type_float, ROOT(spec.early_stopping.min_delta, float), .def = "0",
     .range = XT_RANGE_NON_NEGATIVE, .help = "an improvement is more than this"},
    {.name = "mode", .type = &xt_type_names, ROOT(spec.early_stopping.mode, xt_mode), .def = "auto", .table = &modes,
     .help = "what an improvement is"},
    {.name = "restore_best", .type = &xt_type_bool, ROOT(spec.early_stopping.restore_best, bool), .def = "true",
     .help = "the model is that of the best epoch, not of the last"},
    {0},
};

static const xt_field checkpoint_fields[] = {
    {.name = "every", .type = &xt_type_uint32, ROOT(spec.checkpoint.every, uint32_t), .range = WHOLE(1, 1e9),
     .help = "epochs from one checkpoint to the next; one is written at the end of a run in any case"},
    {.name = "every_seconds", .type = &xt_type_float, ROOT(spec.checkpoint.every_seconds, float),
     .range = XT_RANGE_POSITIVE, .help = "seconds from one checkpoint to the next; with `every`, whichever comes first"},
    {.name = "keep", .type = &xt_type_uint32, ROOT(spec.checkpoint.keep, uint32_t), .def = "2", .range = WHOLE(1, 2),
     .help = "1 keeps last.safetensors; 2 keeps the one before it too, as previous.safetensors"},
    {.name = "best", .type = &xt_type_text, ROOT(spec.checkpoint.best, const char *),
     .help = "column of loss.csv whose best epoch is kept as best.safetensors"},
    {0},
};

static const xt_field log_fields[] = {
    {.name = "every", .type = &xt_type_uint32, ROOT(spec.log_every, uint32_t), .def = "auto",
     .range = WHOLE(0, 1e9), .help = "a line on stdout every so many epochs; auto is about 20 lines in all"},
    {0},
};

static const xt_field output_fields[] = {
    {.name = "dir", .type = &xt_type_template, ROOT(spec.output_template, const char *), .def = "runs/{name}",
     .help = "directory for what the run writes, from the working directory"},
    {0},
};

const xt_field xt_schema[] = {
    {.name = "name", .type = &xt_type_name_text, ROOT(spec.name, const char *),
     .help = "what this run is called (default: the name of the config file without its ending, else run)"},
    {.name = "seed", .type = &xt_type_uint64, ROOT(spec.seed, uint64_t), .def = "0",
     .help = "seed of everything random: initial values and shuffles"},
    {.name = "device", .type = &xt_type_device, ROOT(spec.device, const char *), .def = "auto",
     .help = "OpenCL device to train on; auto takes a GPU before a CPU"},
    {.name = "engine", .type = &xt_type_names, ROOT(spec.engine, xt_engine_code), .def = "auto",
     .table = &xt_engine_names, .help = "how to train"},
    {.name = "data", .type = &xt_type_section, .required = true, .fields = xt_schema_data,
     .finish = xt_finish_data, .help = "the data"},
    {.name = "model", .type = &xt_type_section, .required = true, .fields = model_fields,
     .finish = finish_model, .help = "the network"},
    {.name = "loss", .type = &xt_type_kind, ROOT(spec.loss, xt_choice), .def = "mse", .table = &xt_losses,
     .help = "what training makes small: a mean over all outputs of all rows of a batch"},
    {.name = "optimizer", .type = &xt_type_kind, ROOT(spec.optimizer, xt_choice), .required = true,
     .table = &xt_optimizers, .help = "how parameters follow their gradients, such as {type: sgd, learning_rate: 0.1}"},
    {.name = "schedule", .type = &xt_type_kind, ROOT(spec.schedule, xt_choice), .def = "constant",
     .table = &xt_schedules, .help = "factor on the learning rate as training goes on"},
    {.name = "train", .type = &xt_type_section, .required = true, .fields = training_fields,
     .finish = finish_training, .help = "the length and grain of training"},
    {.name = "metrics", .type = &xt_type_kinds, ROOT(spec.metrics, const xt_choice *),
     .count_offset = AT(xt_root, spec.n_metrics, size_t), .table = &xt_metrics, .max_items = XT_MAX_METRICS,
     .help = "measured beside the loss, in the same passes"},
    {.name = "early_stopping", .type = &xt_type_section, .optional = true, .fields = stopping_fields,
     .finish = finish_stopping, .help = "ends training once it gets no better"},
    {.name = "stop_when", .type = &xt_type_limits, ROOT(spec.limits, const xt_limit *),
     .count_offset = AT(xt_root, spec.n_limits, size_t), .max_items = XT_MAX_LIMITS,
     .help = "ends training once any of these columns of loss.csv is there, such as {loss: {below: 0.01}}"},
    {.name = "checkpoint", .type = &xt_type_section, .fields = checkpoint_fields,
     .help = "files from which an interrupted run goes on (--resume)"},
    {.name = "log", .type = &xt_type_section, .fields = log_fields, .help = "lines on stdout"},
    {.name = "output", .type = &xt_type_section, .fields = output_fields, .help = "files"},
    {.name = "sweep", .type = &xt_type_section, .optional = true, .fields = xt_schema_sweep, .finish = xt_finish_sweep,
     .help = "many trainings of this configuration, each with other values"},
    {0},
};

const xt_field xt_schema_root = {.name = "", .type = &xt_type_section, .fields = xt_schema};

const char *xt_key_canonical(xt_arena *arena, const char *key)
{
    size_t n = strlen(key);
    if (n < 2 || strcmp(key + n - 2, "lr") != 0 || (n > 2 && key[n - 3] != '.'))
        return key;
    char *name = xt_arena_alloc(arena, n + sizeof "learning_rate", 1);
    if (name) {
        memcpy(name, key, n - 2);
        strcpy(name + n - 2, "learning_rate");
    }
    return name;
}
