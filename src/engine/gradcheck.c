#include "engine/gradcheck.h"

#include "model/ops_double.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* The step on a parameter whose input is of order 1: near the cube root of
 * double's epsilon, where rounding and the third derivative weigh the same. */
static const double base_step = 1e-5;
/* How much nearer to look where the one-sided slopes disagree. */
static const double closer = 1e-2;

typedef struct check {
    const xt_plan *plan;
    const xt_dataset *data;
    size_t first, n;            /* rows */
    size_t n_chosen;            /* parameters */
    double tolerance;
    double *params;             /* n_params */
    double *x, *a, *z;          /* one row's values on the way through a layer */
    double *slopes, *jumps;     /* n_params: central differences; right less left slope */
    double loss;                /* at params */
    double inputs[XT_MAX_LAYERS]; /* largest magnitude of each layer's inputs */
    double outputs;               /* largest magnitude of outputs and targets */
    double scales[XT_MAX_LAYERS];
} check;

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* ---- the forward pass ---- */

static void take_log_sum_exp(double *z, size_t n)
{
    double most = z[0], sum = 0;
    for (size_t u = 1; u < n; u++)
        most = larger(z[u], most);
    for (size_t u = 0; u < n; u++)
        sum += exp(z[u] - most);
    for (size_t u = 0; u < n; u++)
        z[u] -= most + log(sum);
}

/* c->x goes through layer i and comes out in c->x. */
static void layer_forward(check *c, size_t i)
{
    const xt_plan_layer *layer = &c->plan->layers[i];
    for (size_t u = 0; u < layer->units; u++) {
        const double *weight = c->params + layer->weight + u * layer->inputs;
        double z = c->params[layer->bias + u];
        for (size_t k = 0; k < layer->inputs; k++)
            z += weight[k] * c->x[k];
        c->z[u] = z;
    }
    if (layer->activation == XT_ACT_softmax)
        take_log_sum_exp(c->z, layer->units);
    for (size_t u = 0; u < layer->units; u++)
        c->a[u] = xt_activate(layer->activation, c->z[u], layer->activation_param);
    double *spare = c->x;
    c->x = c->a;
    c->a = spare;
}

static void note_magnitudes(const double *values, size_t n, double *most)
{
    for (size_t i = 0; i < n; i++)
        *most = larger(fabs(values[i]), *most);
}

/* Sum over the outputs of one row's loss, times its weight; `note`: keep magnitudes. */
static double row_loss(check *c, size_t row, bool note)
{
    const xt_plan *plan = c->plan;
    const xt_choice *loss = &plan->spec->loss;
    const float *targets = c->data->loss_targets ? c->data->loss_targets : c->data->targets;
    double sum = 0;
    for (size_t k = 0; k < plan->n_inputs; k++)
        c->x[k] = (double)c->data->inputs[row * plan->n_inputs + k];
    for (size_t i = 0; i < plan->n_layers; i++) {
        if (note)
            note_magnitudes(c->x, plan->layers[i].inputs, &c->inputs[i]);
        layer_forward(c, i);
    }
    for (size_t j = 0; j < plan->n_outputs; j++) {
        double y = (double)targets[row * plan->n_outputs + j];
        sum += xt_loss(loss->kind, c->z[j], c->x[j], y, loss->values[0]);
        if (note)
            c->outputs = larger(c->outputs, larger(fabs(y), fabs(c->x[j])));
    }
    return c->data->weights ? sum * (double)c->data->weights[row] : sum;
}

static double mean_loss(check *c, bool note)
{
    double sum = 0, shares = 0;
    for (size_t r = c->first; r < c->first + c->n; r++) {
        sum += row_loss(c, r, note);
        shares += c->data->shares ? (double)c->data->shares[r] : 1;
    }
    return sum / (shares * (double)c->plan->n_losses);
}

/* ---- finite differences ---- */

/* The i-th parameter chosen. */
static size_t chosen(const check *c, size_t i)
{
    return c->n_chosen > 1 ? (size_t)((unsigned long long)i * (c->plan->n_params - 1) / (c->n_chosen - 1)) : 0;
}

static size_t layer_of(const xt_plan *plan, size_t param)
{
    size_t i = plan->n_layers - 1;
    while (plan->layers[i].weight > param)
        i--;
    return i;
}

/* Slope and jump at one parameter. A weight's step is small where its inputs
 * are large; a share of the parameter keeps the step above its rounding. */
static void difference(check *c, size_t param, double share)
{
    double p = c->params[param], input = c->inputs[layer_of(c->plan, param)];
    double step = share * base_step / larger(input, 1) + 1e-9 * fabs(p);
    double right = p + step, left = p - step;
    c->params[param] = right;
    double above = mean_loss(c, false);
    c->params[param] = left;
    double below = mean_loss(c, false);
    c->params[param] = p;
    c->slopes[param] = (above - below) / (right - left);
    c->jumps[param] = (above - c->loss) / (right - p) - (c->loss - below) / (p - left);
}

static void set_scales(check *c)
{
    const xt_plan *plan = c->plan;
    double most = 0;
    for (size_t i = 0; i < plan->n_layers; i++)
        c->scales[i] = 0;
    for (size_t i = 0; i < c->n_chosen; i++) {
        double slope = fabs(c->slopes[chosen(c, i)]), *scale = &c->scales[layer_of(plan, chosen(c, i))];
        *scale = larger(slope, *scale);
        most = larger(slope, most);
    }
    /* An output's rounding is an error of its gradient that no scale of slopes shows near the optimum. */
    double least = larger(1e-3 * most, (double)FLT_EPSILON * larger(c->outputs, (double)FLT_MIN) / c->tolerance);
    for (size_t i = 0; i < plan->n_layers; i++)
        c->scales[i] = larger(c->scales[i], least);
}

/* A kink within the step puts the central difference wrong by up to half the jump. */
static bool jumps(const check *c, size_t param)
{
    return fabs(c->jumps[param]) > 0.5 * c->tolerance * c->scales[layer_of(c->plan, param)];
}

/* Curvature's jump goes with the step and a kink may lie outside a closer
 * one; what still jumps there has no derivative. */
static void settle_kinks(check *c)
{
    for (size_t i = 0; i < c->n_chosen; i++) {
        size_t param = chosen(c, i);
        if (jumps(c, param))
            difference(c, param, closer);
        if (jumps(c, param))
            c->slopes[param] = (double)NAN;
    }
}

static void compare(const check *c, const float *gradients, xt_gradcheck *out)
{
    *out = (xt_gradcheck){.loss = c->loss};
    for (size_t i = 0; i < c->n_chosen; i++) {
        size_t param = chosen(c, i);
        if (jumps(c, param)) {
            out->n_skipped++;
            continue;
        }
        double difference = fabs((double)gradients[param] - c->slopes[param]) / c->scales[layer_of(c->plan, param)];
        if (isnan(difference))
            difference = HUGE_VAL;
        if (!out->n_checked++ || difference > out->max_difference) {
            out->max_difference = difference;
            out->worst = param;
            out->worst_slope = c->slopes[param];
        }
    }
    out->passed = out->max_difference <= c->tolerance;
}

static xt_status run(check *c, const float *gradients, xt_gradcheck *out, xt_err *err)
{
    c->loss = mean_loss(c, true);
    if (!isfinite(c->loss))
        return xt_fail(err, XT_DIVERGED, "the loss of rows %zu to %zu is not finite: no gradients to check", c->first,
                       c->first + c->n - 1);
    for (size_t i = 0; i < c->plan->n_params; i++)
        c->slopes[i] = (double)NAN;
    for (size_t i = 0; i < c->n_chosen; i++)
        difference(c, chosen(c, i), 1);
    set_scales(c);
    settle_kinks(c);
    compare(c, gradients, out);
    return XT_OK;
}

xt_status xt_gradcheck_run(const xt_plan *plan, const xt_dataset *data, const float *params, size_t first, size_t n,
                           const float *gradients, size_t max_params, double tolerance, double *slopes,
                           xt_gradcheck *out, xt_err *err)
{
    assert(n && first + n <= data->n_rows && tolerance > 0);
    xt_status status = XT_OK;
    size_t n_params = plan->n_params, width = plan->n_inputs > plan->max_units ? plan->n_inputs : plan->max_units;
    double *memory = calloc(3 * n_params + 3 * width, sizeof *memory);
    if (!memory)
        return xt_fail_memory(err, "the gradient check", (3 * n_params + 3 * width) * sizeof *memory);
    check c = {.plan = plan,
               .data = data,
               .first = first,
               .n = n,
               .n_chosen = max_params && max_params < n_params ? max_params : n_params,
               .tolerance = tolerance,
               .params = memory,
               .jumps = memory + n_params,
               .slopes = slopes ? slopes : memory + 2 * n_params,
               .x = memory + 3 * n_params,
               .a = memory + 3 * n_params + width,
               .z = memory + 3 * n_params + 2 * width};
    for (size_t i = 0; i < n_params; i++)
        c.params[i] = (double)params[i];
    status = run(&c, gradients, out, err);
    free(memory);
    return status;
}
