#include "engine/prelude.h"

#include "model/ops.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static_assert((int)XT_FUSED_RUNNING == (int)XT_REPORT_RUNNING && (int)XT_FUSED_POST_UPDATE == (int)XT_REPORT_POST_UPDATE &&
                  (int)XT_FUSED_EVAL == (int)XT_REPORT_EVAL,
              "reports of the loss");
static_assert(XT_MAX_PARAMS <= 6, "values of an optimiser");

/* With room for sums of a few of them in the kernel's 32-bit ints. */
static const size_t max_floats = 1u << 29;

/* Takes n floats at *end, which stays beyond max_floats once it is. */
static int take(size_t *end, size_t n)
{
    size_t at = *end;
    *end = at > max_floats || n > max_floats ? max_floats + 1 : at + XT_PADDED(n);
    return (int)(at < max_floats ? at : max_floats);
}

static void lay_out_layers(const xt_plan *plan, size_t batch, xt_fused_shape *shape, size_t *n_state, size_t *n_mem)
{
    int x = shape->job.x;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *from = &plan->layers[i];
        xt_fused_layer *to = &shape->layers[i];
        to->inputs = (int)from->inputs;
        to->units = (int)from->units;
        to->weight = take(n_state, i ? from->units * XT_PADDED(from->inputs) : from->inputs * XT_PADDED(from->units));
        to->bias = take(n_state, from->units);
        to->z = take(n_mem, batch * XT_PADDED(from->units));
        to->a = take(n_mem, batch * XT_PADDED(from->units));
        to->x = x;
        to->activation = from->activation;
        to->param = from->activation_param;
        to->index = (int)i;
        to->drop_below = (int)xt_drop_below(from->dropout);
        to->drop_scale = 1.0f / (1.0f - from->dropout);
        to->l1 = from->l1;
        to->l2 = from->l2;
        shape->job.drops |= to->drop_below > 0;
        x = to->a;
    }
}

static void take_choices(const xt_spec *spec, xt_fused_job *job)
{
    job->report = (int)spec->loss_report;
    job->shuffled = spec->shuffle;
    job->loss = spec->loss.kind;
    job->loss_param = spec->loss.values[0];
    job->optimizer = spec->optimizer.kind;
    /* Not the first, the learning rate: a step has it. */
    for (size_t i = 1; i < XT_MAX_PARAMS; i++)
        job->hyper[i] = spec->optimizer.values[i];
    job->keeps = spec->n_metrics > 0;
    job->clip_norm = spec->clip_norm;
    job->clip_value = spec->clip_value;
}

xt_status xt_fused_lay_out(const xt_plan *plan, size_t batch, xt_fused_shape *out, xt_err *err)
{
    size_t n_state = 0, n_mem = 0, widest = XT_PADDED(plan->max_units > plan->n_inputs ? plan->max_units : plan->n_inputs);
    memset(out, 0, sizeof *out);
    xt_fused_job *job = &out->job;
    take_choices(plan->spec, job);
    job->mode = XT_FUSED_TRAIN;
    job->n_layers = (int)plan->n_layers;
    job->n_inputs = (int)plan->n_inputs;
    job->n_outputs = (int)plan->n_outputs;
    job->batch = (int)batch;
    job->n_slots = (int)plan->n_slots;
    job->loss_values = (int)plan->n_losses;
    job->x = take(&n_mem, batch * XT_PADDED(plan->n_inputs));
    lay_out_layers(plan, batch, out, &n_state, &n_mem);
    job->n_state = (int)n_state;
    job->g = take(&n_mem, batch * widest);
    job->gradients = take(&n_mem, n_state);
    job->scores = take(&n_mem, batch);
    job->row = take(&n_mem, plan->n_outputs);
    job->n_mem = (int)n_mem;
    if (n_mem > max_floats || n_state * (1 + plan->n_slots) > max_floats)
        return xt_fail(err, XT_FAILED, "the network is too large for the fused engine: %zu numbers and %zu for a batch, "
                                       "of at most %zu each; a smaller train.batch_size or another engine will do",
                       n_state * (1 + plan->n_slots), n_mem, max_floats);
    return XT_OK;
}

size_t xt_fused_n_state(const xt_fused_shape *shape)
{
    return (size_t)shape->job.n_state * (1 + (size_t)shape->job.n_slots);
}

size_t xt_fused_bytes(const xt_fused_shape *shape)
{
    return ((size_t)shape->job.n_mem + xt_fused_n_state(shape)) * sizeof(float);
}

bool xt_fused_fits(const xt_fused_shape *shape, uint64_t local_bytes)
{
    /* What the kernel or the driver takes for itself. */
    static const uint64_t reserve = 2048;
    return xt_fused_bytes(shape) + reserve <= local_bytes;
}

/* Where the kernel has the weight of unit u for input k of layer i. */
static size_t weight_at(const xt_fused_layer *layer, size_t i, size_t u, size_t k)
{
    size_t at = i ? u * XT_PADDED((size_t)layer->inputs) + k : k * XT_PADDED((size_t)layer->units) + u;
    return (size_t)layer->weight + at;
}

void xt_fused_pack(const xt_plan *plan, const xt_fused_shape *shape, const float *from, float *to)
{
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        for (size_t u = 0; u < layer->units; u++)
            for (size_t k = 0; k < layer->inputs; k++)
                to[weight_at(&shape->layers[i], i, u, k)] = from[layer->weight + u * layer->inputs + k];
        memcpy(to + shape->layers[i].bias, from + layer->bias, layer->units * sizeof *to);
    }
}

void xt_fused_unpack(const xt_plan *plan, const xt_fused_shape *shape, const float *from, float *to)
{
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        for (size_t u = 0; u < layer->units; u++)
            for (size_t k = 0; k < layer->inputs; k++)
                to[layer->weight + u * layer->inputs + k] = from[weight_at(&shape->layers[i], i, u, k)];
        memcpy(to + layer->bias, from + shape->layers[i].bias, layer->units * sizeof *to);
    }
}

size_t xt_fused_n_steps(const xt_fused_shape *shape)
{
    size_t steps = 0, batch = (size_t)shape->job.batch;
    for (int i = 0; i < shape->job.n_layers; i++) {
        size_t units = (size_t)shape->layers[i].units, inputs = (size_t)shape->layers[i].inputs;
        /* forward, the gradients of weights and of inputs, activations; each in vectors */
        size_t product = i ? units * (XT_PADDED(inputs) / XT_LANES) : inputs * (XT_PADDED(units) / XT_LANES);
        size_t vectors = XT_PADDED(units) / XT_LANES;
        /* random words are twenty rounds each, forward and back */
        steps += batch * (3 * product + (shape->layers[i].drop_below > 0 ? 30 : 4) * vectors) + product;
        /* Beyond any use; and no product overflows, each below 2^58. */
        if (steps > max_floats)
            return max_floats;
    }
    return steps;
}

/* ---- text ---- */

/* A struct of n_ints ints and then n_floats floats, as an initialiser. */
static void print_cells(const void *cells, size_t n_ints, size_t n_floats, xt_buf *out)
{
    const char *at = cells;
    for (size_t i = 0; i < n_ints; i++, at += sizeof(int)) {
        int value;
        memcpy(&value, at, sizeof value);
        xt_buf_printf(out, "%s%d", i ? ", " : "{", value);
    }
    for (size_t i = 0; i < n_floats; i++, at += sizeof(float)) {
        float value;
        memcpy(&value, at, sizeof value);
        xt_buf_printf(out, ", %af", (double)value);
    }
    xt_buf_puts(out, "}");
}

static void print_layer(const xt_fused_layer *layer, xt_buf *out)
{
    size_t n_ints = offsetof(xt_fused_layer, param) / sizeof(int);
    print_cells(layer, n_ints, sizeof *layer / sizeof(int) - n_ints, out);
}

static void print_network(const xt_fused_shape *shape, xt_buf *out)
{
    int n = shape->job.n_layers;
    size_t n_ints = offsetof(xt_fused_job, loss_param) / sizeof(int);
    xt_buf_puts(out, "#define XT_JOB ");
    print_cells(&shape->job, n_ints, sizeof shape->job / sizeof(int) - n_ints, out);
    xt_buf_puts(out, "\n");
    for (int i = 0; i < n; i++) {
        xt_buf_printf(out, "#define XT_LAYER_%d (xt_fused_layer)", i);
        print_layer(&shape->layers[i], out);
        xt_buf_puts(out, "\n");
    }
    xt_buf_printf(out, "#define XT_LAST XT_LAYER_%d\n", n - 1);
    xt_buf_puts(out, "#define XT_EACH_LAYER(DO)");
    for (int i = 0; i < n; i++)
        xt_buf_printf(out, " DO(XT_LAYER_%d, %d, %d)", i, i == 0, i == n - 1);
    xt_buf_puts(out, "\n#define XT_EACH_LAYER_BACK(DO)");
    for (int i = n; i-- > 0;)
        xt_buf_printf(out, " DO(XT_LAYER_%d, %d, %d)", i, i == 0, i == n - 1);
    xt_buf_puts(out, "\n");
}

void xt_fused_prelude(const xt_fused_shape *shape, const xt_fused_form *form, xt_buf *out)
{
    static const char *const spaces[] = {
        [XT_FUSED_GLOBAL] = "__global", [XT_FUSED_LOCAL] = "__local", [XT_FUSED_PRIVATE] = "__private"};
    const char *real = form->width == 1 ? "float" : "float16";
    xt_buf_printf(out, "#define XT_W %d\n#define xt_real %s\n#define XT_R(c) ((%s)(c))\n", form->width, real, real);
    if (form->width > 1)
        xt_buf_printf(out, "#define XT_WORDS\n#define xt_word uint%d\n", form->width);
    xt_buf_printf(out, "#define XT_MEM %s\n", spaces[form->memory]);
    xt_buf_printf(out, "#define XT_TILE_ROWS %d\n", form->tile_rows);
    if (form->memory != XT_FUSED_GLOBAL)
        xt_buf_puts(out, "#define XT_OWN_STATE\n");
    if (form->memory == XT_FUSED_LOCAL)
        xt_buf_puts(out, "#define XT_LOCAL\n");
    if (form->memory == XT_FUSED_PRIVATE)
        xt_buf_printf(out, "#define XT_PRIVATE %zu\n#define XT_PRIVATE_ROW %zu\n"
                           "#define XT_UNROLL _Pragma(\"clang loop unroll(full)\")\n",
                      (size_t)shape->job.n_mem + xt_fused_n_state(shape), XT_PADDED((size_t)shape->job.n_outputs));
    if (form->special)
        print_network(shape, out);
}
