#include "model/ops.h"

/* The parameter sets that the lists in cl/scalar.h name. */
#define XT_NO_PARAMS {{0}}
#define XT_ALPHA(value) \
    {{.name = "alpha", .help = "slope or scale of the negative side", .def = (value), .range = XT_RANGE_NON_NEGATIVE}}
#define XT_DELTA(value) \
    {{.name = "delta", .help = "error at which it turns linear", .def = (value), .range = XT_RANGE_POSITIVE}}
#define XT_RATE {.name = "learning_rate", .help = "step size", .required = true, .range = XT_RANGE_POSITIVE}
#define XT_RATE_OF(value) {.name = "learning_rate", .help = "step size", .def = (value), .range = XT_RANGE_POSITIVE}
#define XT_DECAY(value) \
    {.name = "weight_decay", .help = "share of every parameter that is added to its gradient", .def = (value), \
     .range = XT_RANGE_NON_NEGATIVE}
#define XT_EPSILON(value) \
    {.name = "epsilon", .help = "added to what is divided by", .def = (value), .range = XT_RANGE_NON_NEGATIVE}
#define XT_MOMENTUM {.name = "momentum", .help = "share of the last step that is kept", .range = XT_RANGE_UNIT}
#define XT_SGD_PARAMS \
    {XT_RATE, XT_MOMENTUM, {.name = "nesterov", .help = "Nesterov's form of momentum", .type = XT_PARAM_BOOL}, XT_DECAY(0)}
#define XT_ADAM_PARAMS(decay) \
    {XT_RATE_OF(1e-3f), \
     {.name = "beta1", .help = "share of the gradient's mean that is kept", .def = 0.9f, .range = XT_RANGE_UNIT}, \
     {.name = "beta2", .help = "share of the mean square that is kept", .def = 0.999f, .range = XT_RANGE_UNIT}, \
     XT_EPSILON(1e-8f), XT_DECAY(decay)}
#define XT_RMSPROP_PARAMS \
    {XT_RATE_OF(1e-2f), \
     {.name = "alpha", .help = "share of the mean square that is kept", .def = 0.99f, .range = XT_RANGE_UNIT}, \
     XT_EPSILON(1e-8f), XT_MOMENTUM, XT_DECAY(0)}
#define XT_ADAGRAD_PARAMS {XT_RATE_OF(1e-2f), XT_EPSILON(1e-10f), XT_DECAY(0)}
#define XT_SMOOTHING \
    {.name = "label_smoothing", .help = "share of every target that is spread over all classes", .range = XT_RANGE_UNIT}
#define XT_CLASS_WEIGHTS \
    {.name = "class_weights", .help = "weight of each class in the loss; balanced: rows / (classes * rows of the class)", \
     .type = XT_PARAM_LIST, .range = XT_RANGE_POSITIVE, .names = (const char *const[]){"none", "balanced", NULL}}
#define XT_BINARY_PARAMS {XT_SMOOTHING, XT_CLASS_WEIGHTS}
#define XT_CLASS_PARAMS {XT_SMOOTHING, XT_CLASS_WEIGHTS}

static const char *check_sgd(const float *values)
{
    return values[2] != 0 && values[1] == 0 ? "nesterov needs a momentum greater than 0" : NULL;
}
#define XT_CHECK_sgd check_sgd
#define XT_CHECK_adam NULL
#define XT_CHECK_adamw NULL
#define XT_CHECK_rmsprop NULL
#define XT_CHECK_adagrad NULL

#define ROW(id, parameters, relu_like, z, a, text) \
    {.kind = {.row = {#id, text}, .params = parameters}, .relu_family = (relu_like), .known_z = (z), .known_a = (a)},
static const xt_activation_row activation_rows[] = {XT_ACTIVATIONS(ROW)};
#undef ROW
#define ROW(id, parameters, last, element, z, y, value, text) \
    {.kind = {.row = {#id, text}, .params = parameters}, .head = (last), .by_element = (element), \
     .known_z = (z), .known_y = (y), .known_loss = (value)},
static const xt_loss_row loss_rows[] = {XT_LOSSES(ROW)};
#undef ROW
#define ROW(id, parameters, slots, place, text) \
    {.kind = {.row = {#id, text}, .params = parameters, .check = XT_CHECK_##id}, .n_slots = (slots), .beta = (place)},
static const xt_optimizer_row optimizer_rows[] = {XT_OPTIMIZERS(ROW)};
#undef ROW
const xt_table xt_activations = XT_TABLE("activation", activation_rows);
const xt_table xt_losses = XT_TABLE("loss", loss_rows);
const xt_table xt_optimizers = XT_TABLE("optimizer", optimizer_rows);

const xt_activation_row *xt_activation_at(int code)
{
    return (const xt_activation_row *)(const void *)xt_kind_at(&xt_activations, code);
}

const xt_optimizer_row *xt_optimizer_at(int code)
{
    return (const xt_optimizer_row *)(const void *)xt_kind_at(&xt_optimizers, code);
}

const xt_loss_row *xt_loss_at(int code)
{
    return (const xt_loss_row *)(const void *)xt_kind_at(&xt_losses, code);
}

/* 1 - beta^t; beta^t is at most e^-18 where it says 1, and then single precision does too of what is made of it. */
static double correction(double beta, double t)
{
    return t * (1 - beta) >= 18 ? 1 : 1 - pow(beta, t);
}

xt_hyper xt_hyper_at(const xt_choice *optimizer, double factor, unsigned long long t)
{
    unsigned beta = xt_optimizer_at(optimizer->kind)->beta;
    xt_hyper hyper = {.learning_rate = xt_rate_at(optimizer, factor),
                      .first = t == 1 ? 1.0f : 0.0f,
                      .correction1 = 1,
                      .correction2 = 1};
    for (size_t i = 0; i < XT_MAX_PARAMS; i++)
        hyper.values[i] = optimizer->values[i];
    if (beta) {
        hyper.correction1 = (float)(1 / correction((double)hyper.values[beta], (double)t));
        hyper.correction2 = (float)(1 / sqrt(correction((double)hyper.values[beta + 1], (double)t)));
    }
    return hyper;
}

/* From where on correction() is 1. */
static double settled(double beta)
{
    return ceil(18 / (1 - beta));
}

unsigned long long xt_hyper_settled(const xt_choice *optimizer)
{
    unsigned beta = xt_optimizer_at(optimizer->kind)->beta;
    double t = 2;
    for (unsigned i = beta; beta && i < beta + 2; i++)
        t = fmax(t, settled((double)optimizer->values[i]));
    return (unsigned long long)t;
}
