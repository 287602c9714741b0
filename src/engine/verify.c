#include "engine/verify.h"

#include "model/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the networks ---- */

typedef struct exact_case {
    size_t rows, inputs;
    size_t shares; /* of all rows together: with the outputs' number, what sums are divided by, a power of two */
    size_t n_layers;
    uint32_t units[3]; /* the last a power of two */
} exact_case;

/* Of the last two each product has more terms than any depth that is tried, and several blocks. */
static const exact_case exact_cases[] = {
    {1, 1, 1, 1, {1}},
    {7, 3, 8, 2, {5, 1}},
    {64, 130, 64, 2, {97, 16}},
    {33, 65, 64, 3, {49, 31, 2}},
    {13, 611, 16, 3, {33, 541, 4}},
    {545, 201, 1024, 2, {77, 4}},
};
enum { N_EXACT = sizeof exact_cases / sizeof exact_cases[0], N_SMOOTH = XT_N_LOSSES, N_NETS = N_EXACT + N_SMOOTH };

/* Rows not a multiple of the batch, units of no vector. */
enum { SMOOTH_ROWS = 45, SMOOTH_BATCH = 20, SMOOTH_INPUTS = 13, SMOOTH_OUTPUTS = 11, SMOOTH_EPOCHS = 2 };

typedef struct net {
    xt_spec spec;
    xt_layer layers[XT_N_ACTIVATIONS];
    xt_plan plan;
    xt_dataset data;
    float *state;
    size_t batch;    /* rows whose gradients are compared */
    float *expected; /* n_results */
    size_t n_results;
} net;

struct xt_verifier {
    xt_device device;
    float *got; /* the most that any net has */
    net nets[N_NETS];
};

/* -1 and 1 in one of so many cases each, else 0. */
static float whole(xt_key key, size_t index, uint32_t of)
{
    uint32_t value = (xt_threefry(key, 0, (uint32_t)index).hi >> 8) % of;
    return value == 0 ? -1.0f : value == 1 ? 1.0f : 0.0f;
}

static xt_status make_data(net *self, size_t n_rows, size_t n_inputs, size_t n_outputs, xt_err *err)
{
    xt_dataset *data = &self->data;
    data->n_rows = n_rows;
    data->n_inputs = n_inputs;
    data->n_targets = n_outputs;
    data->origin = "verification";
    data->inputs = xt_arena_alloc(&data->arena, n_rows * n_inputs, sizeof(float));
    data->targets = xt_arena_alloc(&data->arena, n_rows * n_outputs, sizeof(float));
    data->weights = xt_arena_alloc(&data->arena, n_rows, sizeof(float));
    data->shares = xt_arena_alloc(&data->arena, n_rows, sizeof(float));
    if (!data->inputs || !data->targets || !data->weights || !data->shares)
        return xt_fail_memory(err, "rows to verify with", n_rows * (n_inputs + n_outputs + 2) * sizeof(float));
    for (size_t i = 0; i < n_rows; i++)
        data->weights[i] = data->shares[i] = 1;
    return XT_OK;
}

static xt_status lay_out(net *self, xt_err *err)
{
    self->spec.layers = self->layers;
    xt_status status = xt_plan_make(&self->spec, self->data.n_inputs, self->data.n_targets, &self->plan, err);
    if (status)
        return status;
    size_t n_state = (1 + self->plan.n_slots) * self->plan.n_params, m = self->plan.n_outputs;
    self->n_results = self->data.n_rows * (m + 1) + 1 + self->plan.n_params + self->spec.epochs + n_state;
    self->state = calloc(n_state, sizeof(float));
    self->expected = calloc(self->n_results, sizeof(float));
    return self->state && self->expected
               ? XT_OK
               : xt_fail_memory(err, "what is verified", (n_state + self->n_results) * sizeof(float));
}

static xt_status make_exact(const exact_case *from, net *self, xt_err *err)
{
    xt_key inputs = xt_key_of_seed(1), params = xt_key_of_seed(2), targets = xt_key_of_seed(3);
    self->batch = from->rows;
    self->spec = (xt_spec){.name = "exact", .n_layers = from->n_layers, .loss = xt_choose(&xt_losses, "mse"),
                           .optimizer = xt_choose(&xt_optimizers, "sgd"), .epochs = 1,
                           .schedule = {.kind = 0}, .batch_size = (uint32_t)from->rows};
    self->spec.optimizer.values[0] = 1;
    for (size_t i = 0; i < from->n_layers; i++)
        self->layers[i] = (xt_layer){.units = from->units[i],
                                     .activation = xt_choose(&xt_activations, i + 1 < from->n_layers ? "relu" : "linear")};
    xt_status status = make_data(self, from->rows, from->inputs, from->units[from->n_layers - 1], err);
    if (!status)
        status = lay_out(self, err);
    if (status)
        return status;
    for (size_t i = 0; i < from->rows * from->inputs; i++)
        self->data.inputs[i] = whole(inputs, i, 4);
    for (size_t i = 0; i < from->rows * self->data.n_targets; i++)
        self->data.targets[i] = whole(targets, i, 3);
    /* Few of them, so that values stay small. */
    for (size_t i = 0; i < self->plan.n_params; i++)
        self->state[i] = whole(params, i, 16);
    self->data.shares[0] = (float)(from->shares - (from->rows - 1));
    return XT_OK;
}

/* Every activation in its hidden layers, with one of the losses. */
static xt_status make_smooth(int loss, net *self, xt_err *err)
{
    const size_t n_hidden = XT_N_ACTIVATIONS - 1; /* softmax is a last layer's */
    xt_key inputs = xt_key_of_seed((uint64_t)loss);
    int head = xt_loss_at(loss)->head;
    self->batch = SMOOTH_BATCH;
    self->spec = (xt_spec){.name = "smooth", .n_layers = n_hidden + 1, .epochs = SMOOTH_EPOCHS,
                           .batch_size = SMOOTH_BATCH, .schedule = {.kind = 0}, .shuffle = true,
                           .loss = xt_choose(&xt_losses, xt_table_at(&xt_losses, (size_t)loss)->name),
                           .optimizer = xt_choose(&xt_optimizers,
                                                  xt_table_at(&xt_optimizers, (size_t)loss % XT_N_OPTIMIZERS)->name)};
    self->spec.optimizer.values[0] = 0.01f;
    /* Below the norms that there are, whose squares are summed as the parameters lie: panels of another width change that.
     * With this loss goes adam, whose means show every digit of a gradient. */
    self->spec.clip_norm = loss == XT_LOSS_mae ? 0.01f : 0;
    for (size_t i = 0; i <= n_hidden; i++) {
        size_t activation = i < n_hidden ? i : head < 0 ? (size_t)loss : (size_t)head;
        xt_choice choice = xt_choose(&xt_activations, xt_table_at(&xt_activations, activation)->name);
        self->layers[i] = (xt_layer){.units = i < n_hidden ? (uint32_t)(19 + i) : SMOOTH_OUTPUTS, .activation = choice,
                                     .weight = xt_choose(&xt_initializers, "he_uniform"),
                                     .bias = xt_choose(&xt_initializers, "normal"), .dropout = i % 5 == 4 ? 0.1f : 0};
    }
    xt_status status = make_data(self, SMOOTH_ROWS, SMOOTH_INPUTS, SMOOTH_OUTPUTS, err);
    if (!status)
        status = lay_out(self, err);
    if (status)
        return status;
    if (loss % 2)
        self->data.weights = self->data.shares = NULL;
    for (size_t i = 0; i < SMOOTH_ROWS * SMOOTH_INPUTS; i++)
        self->data.inputs[i] = xt_uniform_at(inputs, SMOOTH_ROWS * SMOOTH_INPUTS, i, -1.5f, 1.5f);
    for (size_t i = 0; i < SMOOTH_ROWS; i++)
        self->data.targets[i * SMOOTH_OUTPUTS + i * 7 % SMOOTH_OUTPUTS] = 1;
    return xt_plan_init_params(&self->plan, self->state, err);
}

/* ---- what they come to ---- */

/* All that an engine makes of the net: n_results numbers, one after the other. */
static xt_status compute(const net *self, xt_engine *engine, float *out, xt_err *err)
{
    const xt_dataset *data = &self->data;
    double loss;
    xt_epoch rows[SMOOTH_EPOCHS];
    float *outputs = out, *losses = outputs + data->n_rows * self->plan.n_outputs;
    float *mean = losses + data->n_rows, *gradients = mean + 1, *epochs = gradients + self->plan.n_params;
    xt_status status = engine->ops->write_state(engine, self->state, err);
    if (!status)
        status = engine->ops->evaluate(engine, data->inputs, data->targets, data->n_rows, outputs, losses, err);
    if (!status)
        status = engine->ops->gradients(engine, 0, self->batch, &loss, gradients, err);
    if (!status)
        status = engine->ops->train(engine, 0, self->spec.epochs, rows, err);
    if (!status)
        status = engine->ops->read_state(engine, epochs + self->spec.epochs, err);
    if (status)
        return status;
    *mean = (float)loss;
    for (uint32_t i = 0; i < self->spec.epochs; i++)
        epochs[i] = (float)rows[i].loss;
    return XT_OK;
}

static xt_status compute_here(const net *self, float *out, xt_err *err)
{
    xt_engine *engine = NULL;
    xt_status status = xt_reference_open(&self->plan, &self->data, NULL, &engine, err);
    if (!status)
        status = compute(self, engine, out, err);
    xt_engine_close(&engine);
    return status;
}

static xt_status compute_there(const xt_verifier *self, const net *with, const xt_gemm_form *form, float *out, xt_err *err)
{
    xt_engine *engine = NULL;
    xt_status status = xt_gemm_open_form(&with->plan, &with->data, &self->device, form, &engine, err);
    if (status)
        return status;
    status = compute(with, engine, out, err);
    xt_engine_close(&engine);
    return status;
}

/* -0 is 0. */
static bool are_equal(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(a[i] == b[i]))
            return false;
    return true;
}

static xt_status fail_wrong(const xt_verifier *self, const net *with, const xt_gemm_form *form, xt_err *err)
{
    char words[64];
    const xt_tiles *tiles = form->tiles;
    if (tiles)
        snprintf(words, sizeof words, "tiles of %d x %zu, %d deep", tiles->rows, xt_tiles_columns(tiles), tiles->depth);
    else if (form->products.set)
        snprintf(words, sizeof words, "CLBlast's set %s", form->products.set);
    else
        snprintf(words, sizeof words, "products of our own");
    return xt_fail(err, XT_DIFFERS, "%s computes wrongly with %s: %zu rows of %zu inputs", self->device.name, words,
                   with->data.n_rows, with->data.n_inputs);
}

static xt_status check_exact(const xt_verifier *self, const xt_gemm_form *form, xt_err *err)
{
    for (size_t i = 0; i < N_EXACT; i++) {
        const net *with = &self->nets[i];
        xt_status status = compute_there(self, with, form, self->got, err);
        if (status)
            return status;
        if (!are_equal(self->got, with->expected, with->n_results))
            return fail_wrong(self, with, form, err);
    }
    return XT_OK;
}

xt_status xt_verify(const xt_verifier *self, const xt_tiles *tiles, bool *wrong, xt_err *err)
{
    const xt_gemm_form form = {.tiles = tiles};
    xt_status status = check_exact(self, &form, err);
    *wrong = status == XT_DIFFERS;
    for (size_t i = N_EXACT; !status && i < N_NETS; i++) {
        const net *with = &self->nets[i];
        status = compute_there(self, with, &form, self->got, err);
        if (!status && memcmp(self->got, with->expected, with->n_results * sizeof(float)) != 0)
            status = xt_fail(err, XT_DIFFERS, "tiles of %d x %zu, %d deep, have other bits, with %s", tiles->rows,
                             xt_tiles_columns(tiles), tiles->depth,
                             xt_table_at(&xt_losses, (size_t)with->spec.loss.kind)->name);
    }
    return status;
}

/* ---- open and close ---- */

static xt_status make_nets(xt_verifier *self, xt_err *err)
{
    size_t most = 0;
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < N_NETS; i++) {
        net *made = &self->nets[i];
        status = i < N_EXACT ? make_exact(&exact_cases[i], made, err) : make_smooth((int)(i - N_EXACT), made, err);
        most = made->n_results > most ? made->n_results : most;
    }
    self->got = calloc(most ? most : 1, sizeof(float));
    return status || self->got ? status : xt_fail_memory(err, "what is verified", most * sizeof(float));
}

/* What is exact, and whether a form comes to it. */
static xt_status open_exact(const xt_device *device, const xt_gemm_form *form, xt_verifier **out, xt_err *err)
{
    xt_verifier *self = calloc(1, sizeof *self);
    if (!self)
        return xt_fail_memory(err, "what is verified", sizeof *self);
    self->device = *device;
    xt_status status = make_nets(self, err);
    for (size_t i = 0; !status && i < N_EXACT; i++)
        status = compute_here(&self->nets[i], self->nets[i].expected, err);
    if (!status)
        status = check_exact(self, form, err);
    if (status)
        xt_verifier_close(&self);
    else
        *out = self;
    return status;
}

xt_status xt_verifier_open(const xt_device *device, const xt_tiles *suits, xt_verifier **out, xt_err *err)
{
    const xt_gemm_form form = {.tiles = suits};
    xt_verifier *self = NULL;
    xt_status status = open_exact(device, &form, &self, err);
    for (size_t i = N_EXACT; !status && i < N_NETS; i++)
        status = compute_there(self, &self->nets[i], &form, self->nets[i].expected, err);
    if (status)
        xt_verifier_close(&self);
    else
        *out = self;
    return status;
}

xt_status xt_verify_products(const xt_device *device, const xt_product_wish *products, xt_err *err)
{
    const xt_gemm_form form = {.products = *products};
    xt_verifier *self = NULL;
    xt_status status = open_exact(device, &form, &self, err);
    xt_verifier_close(&self);
    return status;
}

void xt_verifier_close(xt_verifier **at)
{
    xt_verifier *self = *at;
    if (!self)
        return;
    for (size_t i = 0; i < N_NETS; i++) {
        xt_dataset_clear(&self->nets[i].data);
        free(self->nets[i].state);
        free(self->nets[i].expected);
    }
    free(self->got);
    free(self);
    *at = NULL;
}
