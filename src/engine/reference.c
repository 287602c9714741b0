/* The reference engine: plain loops on the host, from the same operations as
 * the kernels; tests hold the other engines against it. Its order of summation
 * is the fused kernel's, which cl/fused.cl describes. */
#include "engine/engines.h"
#include "engine/layerwise.h"
#include "engine/prelude.h"

#include <stdlib.h>
#include <string.h>

typedef struct reference {
    xt_layerwise base;
    const uint32_t *order; /* of the current epoch, NULL: as they are */
    float *state;          /* parameters, then the optimiser's slots */
    float *gradients;      /* n_params */
    float *z, *a;          /* (n_layers) blocks of (batch_rows, units) */
    float *gz;             /* the same shape: gradients by z */
    float *x, *y;          /* the batch: (batch_rows, n_inputs), (batch_rows, n_outputs) */
    float *scores;         /* [1 + n_metrics][n_rows] */
} reference;

static const xt_plan *plan_of(const reference *engine)
{
    return engine->base.base.plan;
}

/* A layer's block in z, a and gz. */
static size_t block(const reference *engine, size_t layer)
{
    return plan_of(engine)->layers[layer].z * engine->base.batch_rows;
}

/* The first layer's: ascending. */
static float plain_dot(const float *x, const float *weight, size_t n)
{
    float sum = x[0] * weight[0];
    for (size_t k = 1; k < n; k++)
        sum += x[k] * weight[k];
    return sum;
}

/* The later layers': by lanes, those beyond n hold 0. */
static float lanes_dot(const float *x, const float *weight, size_t n)
{
    float lanes[XT_LANES] = {0};
    size_t whole = n / XT_LANES * XT_LANES;
    for (size_t l = 0; l < XT_LANES && l < n; l++)
        lanes[l] = x[l] * weight[l];
    for (size_t k = XT_LANES; k < whole; k += XT_LANES)
        for (size_t l = 0; l < XT_LANES; l++)
            lanes[l] += x[k + l] * weight[k + l];
    if (n > XT_LANES && whole < n)
        for (size_t l = 0; l < XT_LANES; l++)
            lanes[l] += whole + l < n ? x[whole + l] * weight[whole + l] : 0.0f;
    for (size_t half = XT_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

static void forward_rows(reference *engine, size_t n)
{
    const xt_plan *plan = plan_of(engine);
    const float *x = engine->x;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        const float *weight = engine->state + layer->weight, *bias = engine->state + layer->bias;
        float *z = engine->z + block(engine, i), *a = engine->a + block(engine, i);
        for (size_t r = 0; r < n; r++)
            for (size_t u = 0; u < layer->units; u++) {
                const float *row = x + r * layer->inputs, *w = weight + u * layer->inputs;
                float sum = i ? lanes_dot(row, w, layer->inputs) : plain_dot(row, w, layer->inputs);
                size_t at = r * layer->units + u;
                z[at] = sum + bias[u];
                a[at] = xt_activate(layer->activation, z[at], layer->activation_param);
            }
        x = a;
    }
}

static xt_status order(xt_layerwise *base, const uint32_t *rows, xt_err *err)
{
    (void)err;
    ((reference *)base)->order = rows;
    return XT_OK;
}

static xt_status forward(xt_layerwise *base, size_t first, size_t n, xt_err *err)
{
    (void)err;
    reference *engine = (reference *)base;
    const xt_dataset *data = base->base.data;
    for (size_t r = 0; r < n; r++) {
        size_t row = engine->order ? engine->order[first + r] : first + r;
        memcpy(engine->x + r * data->n_inputs, data->inputs + row * data->n_inputs,
               data->n_inputs * sizeof *engine->x);
        memcpy(engine->y + r * data->n_targets, data->targets + row * data->n_targets,
               data->n_targets * sizeof *engine->y);
    }
    forward_rows(engine, n);
    return XT_OK;
}

static xt_status score(xt_layerwise *base, size_t first, size_t n, xt_err *err)
{
    (void)err;
    reference *engine = (reference *)base;
    const xt_plan *plan = plan_of(engine);
    const xt_spec *spec = plan->spec;
    size_t m = plan->n_outputs, n_rows = base->base.data->n_rows;
    const float *outputs = engine->a + block(engine, plan->n_layers - 1);
    for (size_t r = 0; r < n; r++) {
        const float *a = outputs + r * m, *y = engine->y + r * m;
        float sum = 0;
        for (size_t j = 0; j < m; j++)
            sum += xt_loss(spec->loss.kind, a[j], y[j], spec->loss.values[0]);
        engine->scores[first + r] = sum;
        for (size_t i = 0; i < spec->n_metrics; i++) {
            const xt_choice *metric = &spec->metrics[i];
            engine->scores[(1 + i) * n_rows + first + r] =
                xt_metric(metric->kind, a, y, (int)m, metric->values[0], metric->values[1]);
        }
    }
    return XT_OK;
}

/* Gradients by the last layer's z of the batch's mean loss. */
static void output_gradients(reference *engine, size_t n)
{
    const xt_plan *plan = plan_of(engine);
    const xt_choice *loss = &plan->spec->loss;
    const xt_plan_layer *last = &plan->layers[plan->n_layers - 1];
    size_t at = block(engine, plan->n_layers - 1);
    float scale = 1.0f / (float)(n * last->units);
    for (size_t i = 0; i < n * last->units; i++) {
        float z = engine->z[at + i], a = engine->a[at + i];
        engine->gz[at + i] = xt_loss_grad(loss->kind, a, engine->y[i], loss->values[0]) * scale *
                             xt_activate_grad(last->activation, z, a, last->activation_param);
    }
}

/* out = factor * from, or is added to. */
static void add_scaled(float *restrict out, const float *restrict from, float factor, size_t n, bool begin)
{
    if (begin)
        for (size_t k = 0; k < n; k++)
            out[k] = factor * from[k];
    else
        for (size_t k = 0; k < n; k++)
            out[k] += factor * from[k];
}

static void weight_gradients(reference *engine, size_t i, size_t n)
{
    const xt_plan_layer *layer = &plan_of(engine)->layers[i];
    const float *gz = engine->gz + block(engine, i);
    const float *x = i ? engine->a + block(engine, i - 1) : engine->x;
    float *weight = engine->gradients + layer->weight, *bias = engine->gradients + layer->bias;
    for (size_t r = 0; r < n; r++) {
        for (size_t u = 0; u < layer->units; u++)
            add_scaled(weight + u * layer->inputs, x + r * layer->inputs, gz[r * layer->units + u], layer->inputs,
                       r == 0);
        add_scaled(bias, gz + r * layer->units, 1, layer->units, r == 0);
    }
}

/* Gradients by z of the layer below layer i. */
static void input_gradients(reference *engine, size_t i, size_t n)
{
    const xt_plan *plan = plan_of(engine);
    const xt_plan_layer *layer = &plan->layers[i], *below = &plan->layers[i - 1];
    const float *gz = engine->gz + block(engine, i), *weight = engine->state + layer->weight;
    size_t at = block(engine, i - 1);
    float *out = engine->gz + at;
    for (size_t r = 0; r < n; r++)
        for (size_t u = 0; u < layer->units; u++)
            add_scaled(out + r * layer->inputs, weight + u * layer->inputs, gz[r * layer->units + u], layer->inputs,
                       u == 0);
    for (size_t j = 0; j < n * below->units; j++)
        out[j] *= xt_activate_grad(below->activation, engine->z[at + j], engine->a[at + j], below->activation_param);
}

static xt_status backward(xt_layerwise *base, size_t first, size_t n, xt_err *err)
{
    (void)first;
    (void)err;
    reference *engine = (reference *)base;
    output_gradients(engine, n);
    for (size_t i = plan_of(engine)->n_layers; i-- > 0;) {
        weight_gradients(engine, i, n);
        if (i)
            input_gradients(engine, i, n);
    }
    return XT_OK;
}

static xt_status update(xt_layerwise *base, xt_hyper hyper, xt_err *err)
{
    (void)err;
    reference *engine = (reference *)base;
    const xt_plan *plan = plan_of(engine);
    size_t n = plan->n_params;
    float *p = engine->state, *s0 = p + n, *s1 = p + 2 * n;
    for (size_t i = 0; i < n; i++) {
        xt_cell cell = {p[i], plan->n_slots > 0 ? s0[i] : 0, plan->n_slots > 1 ? s1[i] : 0};
        cell = xt_update(plan->spec->optimizer.kind, cell, engine->gradients[i], hyper);
        p[i] = cell.p;
        if (plan->n_slots > 0)
            s0[i] = cell.s0;
        if (plan->n_slots > 1)
            s1[i] = cell.s1;
    }
    return XT_OK;
}

static size_t n_scores(const reference *engine)
{
    return (1 + plan_of(engine)->spec->n_metrics) * engine->base.base.data->n_rows;
}

static xt_status scores(xt_layerwise *base, float *out, xt_err *err)
{
    (void)err;
    const reference *engine = (const reference *)base;
    memcpy(out, engine->scores, n_scores(engine) * sizeof *out);
    return XT_OK;
}

static xt_status evaluate(xt_engine *base, const float *inputs, const float *targets, size_t n_rows, float *out,
                          float *losses, xt_err *err)
{
    (void)targets;
    (void)losses;
    (void)err;
    reference *engine = (reference *)base;
    const xt_plan *plan = base->plan;
    const float *last = engine->a + block(engine, plan->n_layers - 1);
    for (size_t first = 0; first < n_rows; first += engine->base.batch_rows) {
        size_t n = n_rows - first < engine->base.batch_rows ? n_rows - first : engine->base.batch_rows;
        memcpy(engine->x, inputs + first * plan->n_inputs, n * plan->n_inputs * sizeof *inputs);
        forward_rows(engine, n);
        memcpy(out + first * plan->n_outputs, last, n * plan->n_outputs * sizeof *out);
    }
    return XT_OK;
}

static xt_status gradients(xt_engine *base, size_t first, size_t n, double *loss, float *out, xt_err *err)
{
    reference *engine = (reference *)base;
    const xt_plan *plan = base->plan;
    engine->order = NULL;
    forward(&engine->base, first, n, err);
    score(&engine->base, first, n, err);
    backward(&engine->base, first, n, err);
    memcpy(out, engine->gradients, plan->n_params * sizeof *out);
    *loss = xt_layerwise_mean_loss(engine->scores + first, n, plan->n_outputs);
    return XT_OK;
}

static size_t state_bytes(const xt_plan *plan)
{
    return (1 + plan->n_slots) * plan->n_params * sizeof(float);
}

static xt_status read_state(xt_engine *base, float *state, xt_err *err)
{
    (void)err;
    memcpy(state, ((reference *)base)->state, state_bytes(base->plan));
    return XT_OK;
}

static xt_status write_state(xt_engine *base, const float *state, xt_err *err)
{
    (void)err;
    memcpy(((reference *)base)->state, state, state_bytes(base->plan));
    return XT_OK;
}

static void reference_close(xt_engine *base)
{
    reference *engine = (reference *)base;
    free(engine->state);
    free(engine->gradients);
    free(engine->z);
    free(engine->a);
    free(engine->gz);
    free(engine->x);
    free(engine->y);
    free(engine->scores);
    xt_layerwise_clear(&engine->base);
    free(engine);
}

static const xt_layerwise_steps steps = {order, forward, score, backward, update, scores};
static const xt_engine_ops ops = {xt_layerwise_train, evaluate, gradients, read_state, write_state, reference_close};

xt_status xt_reference_open(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out,
                            xt_err *err)
{
    (void)context;
    reference *engine = calloc(1, sizeof *engine);
    if (!engine)
        return xt_fail_memory(err, "the reference engine", sizeof *engine);
    engine->base.base.ops = &ops;
    engine->base.steps = &steps;
    xt_status status = xt_layerwise_init(&engine->base, plan, data, err);
    size_t batch = engine->base.batch_rows;
    if (!status) {
        engine->state = calloc(1, state_bytes(plan));
        engine->gradients = calloc(plan->n_params, sizeof(float));
        engine->z = calloc(plan->n_values * batch, sizeof(float));
        engine->a = calloc(plan->n_values * batch, sizeof(float));
        engine->gz = calloc(plan->n_values * batch, sizeof(float));
        engine->x = calloc(plan->n_inputs * batch, sizeof(float));
        engine->y = calloc(plan->n_outputs * batch, sizeof(float));
        if (data)
            engine->scores = calloc(n_scores(engine), sizeof(float));
        if (!engine->state || !engine->gradients || !engine->z || !engine->a || !engine->gz || !engine->x ||
            !engine->y || (data && !engine->scores))
            status = xt_fail_memory(err, "the reference engine's buffers",
                                    state_bytes(plan) + 3 * plan->n_values * batch * sizeof(float));
    }
    if (status) {
        reference_close(&engine->base.base);
        return status;
    }
    strcpy(engine->base.base.facts.device, "host");
    *out = &engine->base.base;
    return XT_OK;
}
