#include "model/ops.h"

/* The parameter sets that the lists in cl/scalar.h name. */
#define XT_NO_PARAMS {{0}}
#define XT_ALPHA(value) \
    {{.name = "alpha", .help = "slope or scale of the negative side", .def = (value), .range = XT_RANGE_NON_NEGATIVE}}
#define XT_DELTA(value) \
    {{.name = "delta", .help = "error at which it turns linear", .def = (value), .range = XT_RANGE_POSITIVE}}
#define XT_SGD_PARAMS \
    {{.name = "learning_rate", .help = "step size", .required = true, .range = XT_RANGE_POSITIVE}, \
     {.name = "momentum", .help = "share of the last step that is kept", .range = XT_RANGE_UNIT}, \
     {.name = "nesterov", .help = "Nesterov's form of momentum", .type = XT_PARAM_BOOL}}
#define XT_ACCURACY_PARAMS \
    {{.name = "threshold", .help = "of a single output, between the two classes", .def = 0.5f, .range = XT_RANGE_ANY}, \
     {.name = "positive", .help = "which side of the threshold is the positive class", .type = XT_PARAM_NAME, \
      .names = (const char *const[]){"above", "below", NULL}}}

static const char *check_sgd(const float *values)
{
    return values[2] != 0 && values[1] == 0 ? "nesterov needs a momentum greater than 0" : NULL;
}
#define XT_CHECK_sgd check_sgd

#define ROW(id, parameters, relu_like, z, a, text) \
    {.kind = {.row = {#id, text}, .params = parameters}, .relu_family = (relu_like), .known_z = (z), .known_a = (a)},
static const xt_activation_row activation_rows[] = {XT_ACTIVATIONS(ROW)};
#undef ROW
#define ROW(id, parameters, a, y, value, text) \
    {.kind = {.row = {#id, text}, .params = parameters}, .known_a = (a), .known_y = (y), .known_loss = (value)},
static const xt_loss_row loss_rows[] = {XT_LOSSES(ROW)};
#undef ROW
#define ROW(id, parameters, slots, text) \
    {.kind = {.row = {#id, text}, .params = parameters, .check = XT_CHECK_##id}, .n_slots = (slots)},
static const xt_optimizer_row optimizer_rows[] = {XT_OPTIMIZERS(ROW)};
#undef ROW
#define ROW(id, parameters, element, root, text) \
    {.kind = {.row = {#id, text}, .params = parameters}, .by_element = (element), .square_root = (root)},
static const xt_metric_row metric_rows[] = {XT_METRICS(ROW)};
#undef ROW

const xt_table xt_activations = XT_TABLE("activation", activation_rows);
const xt_table xt_losses = XT_TABLE("loss", loss_rows);
const xt_table xt_optimizers = XT_TABLE("optimizer", optimizer_rows);
const xt_table xt_metrics = XT_TABLE("metric", metric_rows);

const xt_activation_row *xt_activation_at(int code)
{
    return (const xt_activation_row *)(const void *)xt_kind_at(&xt_activations, code);
}

const xt_optimizer_row *xt_optimizer_at(int code)
{
    return (const xt_optimizer_row *)(const void *)xt_kind_at(&xt_optimizers, code);
}

double xt_metric_finish(int code, xt_sum sum, size_t n_rows, size_t n_outputs)
{
    const xt_metric_row *row = (const xt_metric_row *)(const void *)xt_kind_at(&xt_metrics, code);
    double n = (double)n_rows * (row->by_element ? (double)n_outputs : 1.0);
    double mean = ((double)sum.hi + (double)sum.lo) / n;
    return row->square_root ? sqrt(mean) : mean;
}

xt_hyper xt_hyper_at(const xt_choice *optimizer, float factor, unsigned long long t)
{
    xt_hyper hyper = {.learning_rate = optimizer->values[0] * factor, .first = t == 1 ? 1.0f : 0.0f};
    for (size_t i = 0; i < XT_MAX_PARAMS; i++)
        hyper.values[i] = optimizer->values[i];
    return hyper;
}

bool xt_metric_is_gain(int code)
{
    return code == XT_METRIC_accuracy;
}
