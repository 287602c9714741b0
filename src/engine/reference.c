/* The reference engine: plain loops on the host, from the same operations as
 * the kernels; tests hold the other engines against it. Its order of summation
 * is the fused kernel's, which cl/fused.cl describes. */
#include "engine/engines.h"
#include "engine/layerwise.h"
#include "engine/prelude.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

typedef struct reference {
    xt_layerwise base;
    const uint32_t *order; /* of the current epoch, NULL: as they are */
    float *state;          /* parameters, then the optimiser's slots */
    float *gradients;      /* n_params */
    float *z, *a;          /* (n_layers) blocks of (batch_rows, units) */
    float *gz;             /* the same shape: gradients by z */
    float *x, *y, *weights; /* the batch: (batch_rows, n_inputs), (batch_rows, n_outputs), (batch_rows) */
    float *losses;         /* [n_rows] */
    float *outputs;        /* [n_rows][n_outputs], where they are measured */
    float *packed;         /* where clip_norm needs it: the gradients in the fused kernel's layout */
    xt_fused_shape *shape; /* likewise */
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

static float lanes_sum(float *lanes)
{
    for (size_t half = XT_LANES / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
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
    return lanes_sum(lanes);
}

/* A softmax layer's z of one row: less their log-sum-exp. The largest is taken out first: a sum of both would have the
 * rounding of that one. */
static void take_log_sum_exp(float *z, size_t n)
{
    float most = -INFINITY, lanes[XT_LANES] = {0};
    for (size_t u = 0; u < n; u++)
        most = z[u] > most ? z[u] : most;
    for (size_t u = 0; u < n; u++)
        lanes[u % XT_LANES] += expf(z[u] - most);
    float rest = logf(lanes_sum(lanes));
    for (size_t u = 0; u < n; u++)
        z[u] = z[u] - most - rest;
}

/* What dropout multiplies an output by: 0, or what makes up for the others. */
static float kept(const xt_plan_layer *layer, size_t index, size_t unit, size_t row, const xt_key *key)
{
    uint32_t bits = xt_threefry(*key, (uint32_t)(index << 24 | unit), (uint32_t)row).hi;
    return bits >> 8 < xt_drop_below(layer->dropout) ? 0.0f : 1.0f / (1.0f - layer->dropout);
}

/* dropout NULL: nothing is dropped. */
static void forward_rows(reference *engine, size_t n, const xt_key *dropout)
{
    const xt_plan *plan = plan_of(engine);
    const float *x = engine->x;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        const float *weight = engine->state + layer->weight, *bias = engine->state + layer->bias;
        float *z = engine->z + block(engine, i), *a = engine->a + block(engine, i);
        for (size_t r = 0; r < n; r++, z += layer->units, a += layer->units) {
            for (size_t u = 0; u < layer->units; u++) {
                const float *row = x + r * layer->inputs, *w = weight + u * layer->inputs;
                float sum = i ? lanes_dot(row, w, layer->inputs) : plain_dot(row, w, layer->inputs);
                z[u] = sum + bias[u];
            }
            if (layer->activation == XT_ACT_softmax)
                take_log_sum_exp(z, layer->units);
            for (size_t u = 0; u < layer->units; u++)
                a[u] = xt_activate(layer->activation, z[u], layer->activation_param);
            for (size_t u = 0; dropout && layer->dropout > 0 && u < layer->units; u++)
                a[u] *= kept(layer, i, u, r, dropout);
        }
        x = engine->a + block(engine, i);
    }
}

static xt_status order(xt_layerwise *base, const uint32_t *rows, xt_err *err)
{
    (void)err;
    ((reference *)base)->order = rows;
    return XT_OK;
}

static void forward(reference *engine, size_t first, size_t n, const xt_key *dropout)
{
    const xt_dataset *data = engine->base.base.data;
    for (size_t r = 0; r < n; r++) {
        size_t row = engine->order ? engine->order[first + r] : first + r;
        memcpy(engine->x + r * data->n_inputs, data->inputs + row * data->n_inputs,
               data->n_inputs * sizeof *engine->x);
        memcpy(engine->y + r * data->n_targets, xt_engine_targets(data) + row * data->n_targets,
               data->n_targets * sizeof *engine->y);
        engine->weights[r] = data->weights ? data->weights[row] : 1;
    }
    forward_rows(engine, n, dropout);
}

/* Of row r of the batch against its targets y. */
static float row_loss(const reference *engine, size_t r, const float *y)
{
    const xt_plan *plan = plan_of(engine);
    const xt_choice *loss = &plan->spec->loss;
    size_t m = plan->n_outputs, last = block(engine, plan->n_layers - 1) + r * m;
    const float *z = engine->z + last, *a = engine->a + last;
    float sum = 0;
    for (size_t j = 0; j < m; j++)
        sum += xt_loss(loss->kind, z[j], a[j], y[j], loss->values[0]);
    return sum;
}

/* Of the batch that went forward last. */
static void score(reference *engine, size_t first, size_t n)
{
    const xt_plan *plan = plan_of(engine);
    size_t m = plan->n_outputs;
    bool weighted = engine->base.base.data->weights != NULL;
    for (size_t r = 0; r < n; r++) {
        float loss = row_loss(engine, r, engine->y + r * m);
        engine->losses[first + r] = weighted ? loss * engine->weights[r] : loss;
    }
    if (engine->base.has_metrics)
        memcpy(engine->outputs + first * m, engine->a + block(engine, plan->n_layers - 1), n * m * sizeof *engine->outputs);
}

/* Gradients by the last layer's z of the batch's mean loss. */
static void output_gradients(reference *engine, size_t n, float scale)
{
    const xt_plan *plan = plan_of(engine);
    const xt_choice *loss = &plan->spec->loss;
    const xt_plan_layer *last = &plan->layers[plan->n_layers - 1];
    bool weighted = engine->base.base.data->weights != NULL;
    size_t at = block(engine, plan->n_layers - 1);
    for (size_t i = 0; i < n * last->units; i++)
        engine->gz[at + i] = xt_output_grad(loss->kind, loss->values[0], last->activation, last->activation_param,
                                            engine->z[at + i], engine->a[at + i], engine->y[i],
                                            weighted ? engine->weights[i / last->units] * scale : scale);
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
static void input_gradients(reference *engine, size_t i, size_t n, const xt_key *dropout)
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
    for (size_t j = 0; j < n * below->units; j++) {
        float z = engine->z[at + j], a = engine->a[at + j];
        if (dropout && below->dropout > 0) {
            out[j] *= kept(below, i - 1, j % below->units, j / below->units, dropout);
            a = xt_activate(below->activation, z, below->activation_param); /* what it was before */
        }
        out[j] *= xt_activate_grad(below->activation, z, a, below->activation_param);
    }
}

/* Likewise. */
static void backward(reference *engine, size_t n, float scale, const xt_key *dropout)
{
    output_gradients(engine, n, scale);
    for (size_t i = plan_of(engine)->n_layers; i-- > 0;) {
        weight_gradients(engine, i, n);
        if (i)
            input_gradients(engine, i, n, dropout);
    }
}

/* In the order of the fused kernel, so that both take the same bits. */
static float gradient_norm(reference *engine)
{
    size_t n = (size_t)engine->shape->job.n_state;
    xt_fused_pack(plan_of(engine), engine->shape, engine->gradients, engine->packed);
    return sqrtf(lanes_dot(engine->packed, engine->packed, n));
}

static void clip(reference *engine)
{
    const xt_plan *plan = plan_of(engine);
    float *g = engine->gradients, limit = plan->spec->clip_value;
    if (engine->packed) {
        float factor = xt_clip_factor(gradient_norm(engine), plan->spec->clip_norm);
        for (size_t i = 0; i < plan->n_params; i++)
            g[i] *= factor;
    }
    for (size_t i = 0; limit > 0 && i < plan->n_params; i++)
        g[i] = xt_clip_value(g[i], limit);
}

/* Weights alone. */
static void penalise(reference *engine)
{
    const xt_plan *plan = plan_of(engine);
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        for (size_t at = layer->weight; (layer->l1 > 0 || layer->l2 > 0) && at < layer->bias; at++)
            engine->gradients[at] = xt_penalise(engine->gradients[at], engine->state[at], layer->l1, layer->l2);
    }
}

static void update(reference *engine, xt_hyper hyper)
{
    const xt_plan *plan = plan_of(engine);
    size_t n = plan->n_params;
    float *p = engine->state, *s0 = p + n, *s1 = p + 2 * n;
    clip(engine);
    penalise(engine);
    for (size_t i = 0; i < n; i++) {
        xt_cell cell = {p[i], plan->n_slots > 0 ? s0[i] : 0, plan->n_slots > 1 ? s1[i] : 0};
        cell = xt_update(plan->spec->optimizer.kind, cell, engine->gradients[i], hyper);
        p[i] = cell.p;
        if (plan->n_slots > 0)
            s0[i] = cell.s0;
        if (plan->n_slots > 1)
            s1[i] = cell.s1;
    }
}

static xt_status train(xt_layerwise *base, const xt_layerwise_batch *batch, xt_err *err)
{
    (void)err;
    reference *engine = (reference *)base;
    forward(engine, batch->first, batch->n, batch->dropout);
    if (batch->scored)
        score(engine, batch->first, batch->n);
    backward(engine, batch->n, batch->scale, batch->dropout);
    update(engine, batch->hyper);
    return XT_OK;
}

static xt_status measure(xt_layerwise *base, size_t first, size_t n, xt_err *err)
{
    (void)err;
    reference *engine = (reference *)base;
    forward(engine, first, n, NULL);
    score(engine, first, n);
    return XT_OK;
}

static xt_status scores(xt_layerwise *base, float *losses, float *outputs, xt_err *err)
{
    (void)err;
    const reference *engine = (const reference *)base;
    size_t n = base->base.data->n_rows;
    memcpy(losses, engine->losses, n * sizeof *losses);
    if (base->has_metrics)
        memcpy(outputs, engine->outputs, n * base->base.plan->n_outputs * sizeof *outputs);
    return XT_OK;
}

static xt_status evaluate(xt_engine *base, const float *inputs, const float *targets, size_t n_rows, float *out,
                          float *losses, xt_err *err)
{
    (void)err;
    reference *engine = (reference *)base;
    const xt_plan *plan = base->plan;
    size_t m = plan->n_outputs;
    const float *last = engine->a + block(engine, plan->n_layers - 1);
    for (size_t first = 0; first < n_rows; first += engine->base.batch_rows) {
        size_t n = n_rows - first < engine->base.batch_rows ? n_rows - first : engine->base.batch_rows;
        memcpy(engine->x, inputs + first * plan->n_inputs, n * plan->n_inputs * sizeof *inputs);
        forward_rows(engine, n, NULL);
        memcpy(out + first * m, last, n * m * sizeof *out);
        for (size_t r = 0; losses && r < n; r++)
            losses[first + r] = row_loss(engine, r, targets + (first + r) * m);
    }
    return XT_OK;
}

static xt_status gradients(xt_engine *base, size_t first, size_t n, double *loss, float *out, xt_err *err)
{
    (void)err;
    reference *engine = (reference *)base;
    const xt_plan *plan = base->plan;
    float shares = xt_layerwise_shares(base->data, NULL, first, n);
    engine->order = NULL;
    forward(engine, first, n, NULL);
    score(engine, first, n);
    backward(engine, n, 1.0f / (shares * (float)plan->n_losses), NULL);
    memcpy(out, engine->gradients, plan->n_params * sizeof *out);
    *loss = xt_layerwise_mean_loss(plan, engine->losses + first, n, shares);
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
    free(engine->weights);
    free(engine->losses);
    free(engine->outputs);
    free(engine->packed);
    free(engine->shape);
    xt_layerwise_clear(&engine->base);
    free(engine);
}

static const xt_layerwise_steps steps = {order, train, measure, scores};
static const xt_engine_ops ops = {xt_layerwise_train, evaluate, gradients, read_state, write_state, reference_close};

static xt_status open_buffers(reference *engine, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    const xt_dataset *data = engine->base.base.data;
    size_t batch = engine->base.batch_rows, n_rows = data ? data->n_rows : 1;
    size_t n_outputs = data && engine->base.has_metrics ? n_rows * plan->n_outputs : 1;
    engine->state = calloc(1, state_bytes(plan));
    engine->gradients = calloc(plan->n_params, sizeof(float));
    engine->z = calloc(plan->n_values * batch, sizeof(float));
    engine->a = calloc(plan->n_values * batch, sizeof(float));
    engine->gz = calloc(plan->n_values * batch, sizeof(float));
    engine->x = calloc(plan->n_inputs * batch, sizeof(float));
    engine->y = calloc(plan->n_outputs * batch, sizeof(float));
    engine->weights = calloc(batch, sizeof(float));
    engine->losses = calloc(n_rows, sizeof(float));
    engine->outputs = calloc(n_outputs, sizeof(float));
    if (!engine->state || !engine->gradients || !engine->z || !engine->a || !engine->gz || !engine->x || !engine->y ||
        !engine->weights || !engine->losses || !engine->outputs)
        return xt_fail_memory(err, "the reference engine's buffers",
                              state_bytes(plan) + (3 * plan->n_values * batch + n_outputs) * sizeof(float));
    return XT_OK;
}

static xt_status open_packed(reference *engine, xt_err *err)
{
    engine->shape = calloc(1, sizeof *engine->shape);
    if (!engine->shape)
        return xt_fail_memory(err, "the packed gradients", sizeof *engine->shape);
    xt_status status = xt_fused_lay_out(plan_of(engine), 1, engine->shape, err);
    if (status)
        return status;
    engine->packed = calloc((size_t)engine->shape->job.n_state, sizeof *engine->packed);
    return engine->packed ? XT_OK
                          : xt_fail_memory(err, "the packed gradients", (size_t)engine->shape->job.n_state * sizeof(float));
}

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
    if (!status)
        status = open_buffers(engine, err);
    if (!status && data && plan->spec->clip_norm > 0)
        status = open_packed(engine, err);
    if (status) {
        reference_close(&engine->base.base);
        return status;
    }
    strcpy(engine->base.base.facts.device, "host");
#ifdef __GLIBC__
    /* Its exponentials and the like are the C library's. */
    snprintf(engine->base.base.facts.driver, sizeof engine->base.base.facts.driver, "glibc %s", gnu_get_libc_version());
#endif
    *out = &engine->base.base;
    return XT_OK;
}
