/* Which trainings can have a lane each, and the network as the kernel has it. */
#include "engine/lanes_engine.h"

#include "engine/layerwise.h"
#include "model/rng.h"
#include "model/schedule.h"

#include <string.h>

/* What a block of nets and a batch of their values may take: about a core's second cache. With more of them a net alone
 * fills the vectors as well, and waits less for memory (docs/design/017-lanes.md). */
static const size_t most_bytes = 640 * 1024;

/* Parameters of a network so small that loops over its units are unrolled. */
static const int most_unrolled = 256;

/* Rows whose order the kernel finds faster than the host: it compares each with all (docs/design/017-lanes.md). */
static const size_t most_drawn = 128;

/* ---- what can be ---- */

/* Values of a lane that an update goes through. */
static double values_of(const xt_plan *plan, size_t batch)
{
    double copies = 1 + (double)plan->n_slots + (plan->spec->clip_norm > 0);
    double row = (double)plan->n_inputs + (double)plan->n_outputs + 3 * (double)plan->n_values;
    return copies * (double)plan->n_params + (double)batch * row;
}

bool xt_lanes_can(const xt_plan *plan, const xt_dataset *data, const char **why)
{
    const xt_spec *spec = plan->spec;
    const char *against = NULL;
    if (spec->engine != XT_ENGINE_auto && spec->engine != XT_ENGINE_fused)
        against = "it asks for another engine";
    else if (values_of(plan, xt_layerwise_batch_rows(plan, data)) * XT_LANES * sizeof(float) > (double)most_bytes)
        against = "its network, or its batch, is too large for sixteen of them to be in a core's cache";
    if (against)
        *why = against;
    return !against;
}

/* What one has switched on the other has too. */
static bool same_switches(const xt_spec *a, const xt_spec *b)
{
    bool same = (a->clip_norm > 0) == (b->clip_norm > 0) && (a->clip_value > 0) == (b->clip_value > 0);
    for (size_t i = 1; i < XT_MAX_PARAMS; i++)
        same &= (a->optimizer.values[i] != 0) == (b->optimizer.values[i] != 0);
    return same;
}

static bool has_penalties(const xt_plan_layer *layer)
{
    return layer->l1 > 0 || layer->l2 > 0;
}

bool xt_lanes_alike(const xt_plan *a, const xt_plan *b)
{
    const xt_spec *s = a->spec, *t = b->spec;
    bool alike = a->n_layers == b->n_layers && a->n_inputs == b->n_inputs && s->loss.kind == t->loss.kind &&
                 s->optimizer.kind == t->optimizer.kind && s->loss_report == t->loss_report &&
                 s->shuffle == t->shuffle && (s->n_metrics > 0) == (t->n_metrics > 0) && s->batch_size == t->batch_size && strcmp(s->device, t->device) == 0 &&
                 same_switches(s, t);
    for (size_t i = 0; alike && i < a->n_layers; i++) {
        const xt_plan_layer *l = &a->layers[i], *m = &b->layers[i];
        alike = l->units == m->units && l->activation == m->activation && (l->dropout > 0) == (m->dropout > 0) &&
                has_penalties(l) == has_penalties(m);
    }
    return alike;
}

/* ---- the layout ---- */

/* Of the state that the optimiser has, what an update changes: no step is remembered without momentum. */
static int used_slots(const xt_plan *plan)
{
    const xt_choice *optimizer = &plan->spec->optimizer;
    bool remembers = optimizer->kind != XT_OPT_sgd || optimizer->values[1] != 0;
    if (optimizer->kind == XT_OPT_rmsprop && optimizer->values[3] == 0)
        return 1;
    return remembers ? (int)plan->n_slots : 0;
}

static int take(int *end, size_t n)
{
    int at = *end;
    *end += (int)n;
    return at;
}

static void lay_out_layers(const xt_plan *plan, int batch, xt_lanes_shape *shape)
{
    xt_lanes_job *job = &shape->job;
    int x = job->x;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *from = &plan->layers[i];
        size_t n = from->units * (size_t)batch;
        bool drops = from->dropout > 0;
        shape->layers[i] = (xt_lanes_layer){
            .inputs = (int)from->inputs, .units = (int)from->units,
            .weight = (int)from->weight, .bias = (int)from->bias,
            .z = take(&job->n_mem, n), .a = take(&job->n_mem, n), .kept = take(&job->n_mem, drops ? n : 0), .x = x,
            .activation = from->activation, .drops = drops, .penalised = has_penalties(from)};
        job->drops |= drops;
        x = shape->layers[i].a;
    }
}

void xt_lanes_lay_out(const xt_plan *plan, const xt_dataset *data, const xt_dataset *validation, xt_lanes_shape *out)
{
    const xt_spec *spec = plan->spec;
    bool scores_weighted = validation && validation->weights;
    size_t batch = xt_layerwise_batch_rows(plan, data);
    memset(out, 0, sizeof *out);
    out->job = (xt_lanes_job){
        .n_layers = (int)plan->n_layers, .n_inputs = (int)plan->n_inputs, .n_outputs = (int)plan->n_outputs,
        .batch = (int)batch, .report = (int)spec->loss_report, .loss = spec->loss.kind,
        .optimizer = spec->optimizer.kind, .n_slots = used_slots(plan), .loss_values = (int)plan->n_losses,
        .weighted = data->weights != NULL, .scores_weighted = scores_weighted, .keeps = spec->n_metrics > 0, .clips_norm = spec->clip_norm > 0, .clips_value = spec->clip_value > 0,
        .n_params = (int)plan->n_params, .n_state = (int)((1 + plan->n_slots) * plan->n_params),
        .n_numbers = XT_LANES_LAYERS + (int)plan->n_layers * XT_LANES_LAYER_NUMBERS,
        .n_words = XT_LANES_DROPS + (int)plan->n_layers};
    xt_lanes_job *job = &out->job;
    if (spec->shuffle)
        job->shuffled = data->n_rows > most_drawn ? XT_LANES_GIVEN : XT_LANES_DRAWN;
    job->x = take(&job->n_mem, batch * plan->n_inputs);
    job->y = take(&job->n_mem, batch * plan->n_outputs);
    job->weights = take(&job->n_mem, data->weights || scores_weighted ? batch : 0);
    job->gradients = take(&job->n_mem, job->clips_norm ? plan->n_params : 0);
    for (size_t i = 1; i < XT_MAX_PARAMS; i++)
        job->hyper_on |= spec->optimizer.values[i] != 0 ? 1 << i : 0;
    lay_out_layers(plan, (int)batch, out);
}

void xt_lanes_say_numbers(xt_lanes *lanes, size_t i)
{
    const xt_plan *plan = lanes->plans[xt_lanes_net(lanes, i)];
    const xt_spec *spec = plan->spec;
    const xt_lanes_job *job = &lanes->shape.job;
    float *numbers = lanes->numbers + xt_lanes_at(lanes, i, (size_t)job->n_numbers, 0);
    cl_uint *words = lanes->words + xt_lanes_at(lanes, i, (size_t)job->n_words, 0);
    size_t step = lanes->width;
    xt_key key = xt_key_fold_in(xt_key_of_seed(spec->seed), XT_FOLD_DROPOUT);
    xt_key order = xt_key_fold_in(xt_key_of_seed(spec->seed), XT_FOLD_SHUFFLE);
    for (size_t k = 1; k < XT_MAX_PARAMS; k++)
        numbers[(XT_LANES_HYPER + k) * step] = spec->optimizer.values[k];
    numbers[XT_LANES_CLIP_NORM * step] = spec->clip_norm;
    numbers[XT_LANES_CLIP_VALUE * step] = spec->clip_value;
    numbers[XT_LANES_LOSS * step] = spec->loss.values[0];
    words[XT_LANES_KEY_HI * step] = key.hi;
    words[XT_LANES_KEY_LO * step] = key.lo;
    words[XT_LANES_ORDER_HI * step] = order.hi;
    words[XT_LANES_ORDER_LO * step] = order.lo;
    for (size_t k = 0; k < plan->n_layers; k++) {
        const xt_plan_layer *layer = &plan->layers[k];
        float *own = numbers + (XT_LANES_LAYERS + k * XT_LANES_LAYER_NUMBERS) * step;
        own[XT_LANES_PARAM * step] = layer->activation_param;
        own[XT_LANES_SCALE * step] = 1.0f / (1.0f - layer->dropout);
        own[XT_LANES_L1 * step] = layer->l1;
        own[XT_LANES_L2 * step] = layer->l2;
        words[(XT_LANES_DROPS + k) * step] = xt_drop_below(layer->dropout);
    }
}

/* ---- text ---- */

/* A struct of ints as an initialiser. */
static void print_ints(const void *cells, size_t n_bytes, xt_buf *out)
{
    const char *at = cells;
    for (size_t i = 0; i < n_bytes / sizeof(int); i++, at += sizeof(int)) {
        int value;
        memcpy(&value, at, sizeof value);
        xt_buf_printf(out, "%s%d", i ? ", " : "{", value);
    }
    xt_buf_puts(out, "}");
}

static void print_network(const xt_lanes_shape *shape, xt_buf *out)
{
    int n = shape->job.n_layers;
    xt_buf_puts(out, "#define XT_JOB ");
    print_ints(&shape->job, sizeof shape->job, out);
    xt_buf_puts(out, "\n#define XT_LAYERS {");
    for (int i = 0; i < n; i++) {
        xt_buf_puts(out, i ? ", " : "");
        print_ints(&shape->layers[i], sizeof shape->layers[i], out);
    }
    xt_buf_puts(out, "}\n#define XT_EACH_LAYER(DO)");
    for (int i = 0; i < n; i++)
        xt_buf_printf(out, " DO(%d)", i);
    xt_buf_puts(out, "\n#define XT_EACH_LAYER_BACK(DO)");
    for (int i = n; i-- > 0;)
        xt_buf_printf(out, " DO(%d)", i);
    xt_buf_puts(out, "\n");
}

void xt_lanes_prelude(const xt_lanes_shape *shape, size_t vector, bool scores, xt_buf *out)
{
    xt_buf_printf(out, "#define XT_W %zu\n%s", vector, scores ? "#define XT_SCORES\n" : "");
    if (vector > 1)
        xt_buf_puts(out, "#define xt_real float16\n#define XT_R(c) ((float16)(c))\n"
                         "#define xt_number float16\n#define XT_N(c) ((float16)(c))\n#define XT_ON(x) ((x).s0 != 0)\n"
                         "#define XT_WORDS\n#define xt_word uint16\n#define xt_key_word uint16\n");
    if (shape->job.n_params <= most_unrolled)
        xt_buf_puts(out, "#define XT_UNROLL _Pragma(\"clang loop unroll(full)\")\n");
    print_network(shape, out);
}
