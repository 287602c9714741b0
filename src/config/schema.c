/* The table. A new key is one row here and its place in spec.h. */
#include "config/schema.h"

#include "model/init.h"
#include "model/metrics.h"
#include "model/ops.h"

#include <string.h>

/* offsetof, which does not compile when the member has another type. */
#define AT(holder, member, member_type) \
    (offsetof(holder, member) + 0 * sizeof(_Generic(((holder *)0)->member, member_type: 'x')))
#define ROOT(member, member_type) .offset = AT(xt_root, member, member_type)
#define WHOLE(low, high) {.min = (low), .max = (high)}

static const xt_row header_rows[] = {{"auto", "the first row is a header when columns are chosen by name, or a chosen cell of it is text"},
                                     {"true", "the first row names the columns"},
                                     {"false", "the first row is data"}};
static const xt_row missing_rows[] = {{"error", "a missing value is an error"},
                                      {"drop", "rows with a missing value are left out, and counted"}};
static const xt_row keys_rows[] = {{"per_layer", "every weight and bias has its own random key"},
                                   {"shared", "all weights are drawn from one key, all biases from another"}};
static const xt_row report_rows[] = {
    {"running", "each batch's loss before its update, averaged over the epoch"},
    {"post_update", "the loss of the same batch right after its update, averaged over the epoch"},
    {"eval", "a pass over the training rows after the epoch"}};

static const xt_table headers = XT_TABLE("header", header_rows);
static const xt_table missings = XT_TABLE("missing", missing_rows);
static const xt_table keys_table = XT_TABLE("keys", keys_rows);
static const xt_table reports = XT_TABLE("loss_report", report_rows);

/* Columns as `inputs` or `targets` of a file; not given is for others to tell. */
static void finish_columns(xt_walk *walk, const char *key, xt_values *values, xt_columns *out)
{
    if (!values->node)
        return;
    size_t before = xt_walk_down(walk, key), errors = walk->diags->n_total;
    values->columns = true;
    xt_values_columns(walk, values, out);
    if (!out->n && errors == walk->diags->n_total)
        xt_complain(walk, values->node->place, "expected at least one column");
    xt_walk_up(walk, before);
}

/* data.train: columns of a file, or the rows themselves. */
static void finish_train(xt_walk *walk, const xt_node *node, void *at)
{
    xt_root *root = at;
    xt_source *train = &root->spec.train;
    if (train->file) {
        finish_columns(walk, "inputs", &root->inputs, &train->input_columns);
        finish_columns(walk, "targets", &root->targets, &train->target_columns);
        return;
    }
    if (!root->inputs.node) {
        xt_complain(walk, node->place, "missing: `file`, or rows of numbers as `inputs` and `targets`");
        return;
    }
    size_t n_targets = 0, before = xt_walk_down(walk, "inputs");
    xt_values_rows(walk, &root->inputs, &train->n_rows, &train->n_inputs, &train->inputs);
    xt_walk_up(walk, before);
    xt_walk_down(walk, "targets");
    xt_values_rows(walk, &root->targets, &n_targets, &train->n_targets, &train->targets);
    if (train->inputs && train->targets && n_targets != train->n_rows)
        xt_complain(walk, root->targets.node->place, "expected %zu row%s as in inputs, found %zu", train->n_rows,
                    train->n_rows == 1 ? "" : "s", n_targets);
    xt_walk_up(walk, before);
}

static const xt_field train_fields[] = {
    {.name = "file", .type = &xt_type_path, ROOT(spec.train.file, const char *),
     .help = "file with the training rows; without it the rows stand in the config"},
    {.name = "inputs", .type = &xt_type_values, ROOT(inputs, xt_values),
     .help = "input columns (default: all that are neither targets nor ignored), or the rows themselves"},
    {.name = "targets", .type = &xt_type_values, ROOT(targets, xt_values), .required = true,
     .help = "target columns, or the rows themselves"},
    {.name = "ignore", .type = &xt_type_columns, ROOT(spec.train.ignore_columns, xt_columns), .needs = "file",
     .help = "columns to leave out"},
    {.name = "format", .type = &xt_type_names, ROOT(spec.train.format, xt_format), .def = "auto",
     .table = &xt_format_names, .needs = "file", .help = "format of the file"},
    {.name = "header", .type = &xt_type_names, ROOT(spec.train.header, xt_header), .def = "auto", .table = &headers,
     .needs = "file", .help = "whether the first row names the columns"},
    {.name = "delimiter", .type = &xt_type_character, ROOT(spec.train.delimiter, char), .needs = "file",
     .help = "between cells (default: what the format says)"},
    {.name = "skip_rows", .type = &xt_type_uint32, ROOT(spec.train.skip_rows, uint32_t), .def = "0",
     .range = WHOLE(0, 1e9), .needs = "file", .help = "lines to pass over before the header or first row"},
    {.name = "missing", .type = &xt_type_names, ROOT(spec.train.missing, xt_missing), .def = "error",
     .table = &missings, .needs = "file", .help = "what to do with an empty cell, NA, NaN, null or ?"},
    {0},
};

static const xt_field data_fields[] = {
    {.name = "train", .type = &xt_type_section, .required = true, .fields = train_fields, .finish = finish_train,
     .help = "the training rows"},
    {.name = "shuffle", .type = &xt_type_bool, ROOT(spec.shuffle, bool), .def = "true",
     .help = "another order of the rows in every epoch, drawn from the seed"},
    {0},
};

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
    {0},
};

static const xt_field model_fields[] = {
    {.name = "init", .type = &xt_type_section, .fields = init_fields, .help = "initial values of all layers"},
    {.name = "layers", .type = &xt_type_sections, ROOT(spec.layers, const xt_layer *),
     .count_offset = AT(xt_root, spec.n_layers, size_t), .required = true, .fields = layer_fields,
     .item_bytes = sizeof(xt_layer), .max_items = XT_MAX_LAYERS,
     .help = "dense layers from the inputs on; the last one's units are the targets"},
    {0},
};

static const xt_field training_fields[] = {
    {.name = "epochs", .type = &xt_type_uint32, ROOT(spec.epochs, uint32_t), .required = true,
     .range = WHOLE(0, 1e9), .help = "passes over the training rows; 0 writes the untrained model"},
    {.name = "batch_size", .type = &xt_type_uint32, ROOT(spec.batch_size, uint32_t), .def = "32",
     .range = WHOLE(1, 1e9), .help = "rows an update; the last batch of an epoch may be smaller"},
    {.name = "loss_report", .type = &xt_type_names, ROOT(spec.loss_report, xt_loss_report), .def = "running",
     .table = &reports, .help = "which loss of an epoch is reported"},
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
    {.name = "data", .type = &xt_type_section, .required = true, .fields = data_fields, .help = "the data"},
    {.name = "model", .type = &xt_type_section, .required = true, .fields = model_fields, .help = "the network"},
    {.name = "loss", .type = &xt_type_kind, ROOT(spec.loss, xt_choice), .def = "mse", .table = &xt_losses,
     .help = "what training makes small: a mean over all outputs of all rows of a batch"},
    {.name = "optimizer", .type = &xt_type_kind, ROOT(spec.optimizer, xt_choice), .required = true,
     .table = &xt_optimizers, .help = "how parameters follow their gradients, such as {type: sgd, learning_rate: 0.1}"},
    {.name = "train", .type = &xt_type_section, .required = true, .fields = training_fields,
     .help = "the length and grain of training"},
    {.name = "metrics", .type = &xt_type_kinds, ROOT(spec.metrics, const xt_choice *),
     .count_offset = AT(xt_root, spec.n_metrics, size_t), .table = &xt_metrics, .max_items = XT_MAX_METRICS,
     .help = "measured beside the loss, in the same passes"},
    {.name = "log", .type = &xt_type_section, .fields = log_fields, .help = "lines on stdout"},
    {.name = "output", .type = &xt_type_section, .fields = output_fields, .help = "files"},
    {0},
};

const xt_field xt_schema_root = {.name = "", .type = &xt_type_section, .fields = xt_schema};

const char *xt_key_canonical(const char *key)
{
    return strcmp(key, "lr") == 0 ? "learning_rate" : key;
}
