/* fused.cl: whole trainings in one launch. Built after device.h, scalar.h,
 * random.h, fused_shape.h and fused_products.h.
 *
 * One work-group trains n_epochs. On a CPU it is a single work-item whose
 * vectors of XT_W values run across the units of a layer; elsewhere XT_W is 1
 * and the work-items share out the units, a barrier after each stage.
 *
 * The general form takes the network as arguments. A specialised form has it
 * compiled in: its prelude defines XT_JOB, XT_LAST and the XT_EACH_LAYER pair,
 * and what it says comes in place of the arguments. Both run the same
 * statements below.
 *
 * One order of summation for all forms, the reference engine's: a sum begins
 * with its first product and takes the others in ascending order (inputs of
 * the first layer; units behind a gradient; rows of a batch). Only the inputs
 * of later layers are summed in XT_LANES lanes: lane l takes every sixteenth
 * product from the l-th on, then lanes l and l + 8, l + 4, l + 2, l + 1 are
 * added. A unit's bias is added last.
 *
 * state: parameters, then the optimiser's slots, each n_state floats. Layer 0
 * lies as weight[input][unit], units padded; later ones as
 * weight[unit][input], inputs padded; then the bias, padded.
 * mem: a batch's inputs at x, values before and after activation at z and a of
 * a layer (rows, padded units), z becoming the gradient by z; a gradient by a
 * at g; gradients, laid out like the state; scores and a row's losses.
 * Padding is always 0, so that it adds nothing and stays 0.
 *
 * The prelude and fused_products.h say how wide values are and where they lie. */

/* ---- the stages of training ---- */

/* A batch: rows from .. from + n - 1 of the data, in the epoch's order. */
typedef struct xt_batch {
    __global const float *inputs, *targets;
    __global const float2 *weights; /* a row's weight in the loss, and its share of what the loss is divided by */
    __global const uint *order;
    int from, n;
    int drops;  /* outputs are dropped in this pass, by the update's key */
    xt_key key;
} xt_batch;

XT_INLINE int xt_row_of(xt_fused_job job, xt_batch batch, int r)
{
    return job.shuffled ? (int)batch.order[batch.from + r] : batch.from + r;
}

XT_INLINE __global const float *xt_targets_of(xt_fused_job job, xt_batch batch, int r)
{
    return batch.targets + xt_row_of(job, batch, r) * job.n_outputs;
}

/* Of the batch's shares. */
XT_INLINE float xt_shares_of(xt_fused_job job, xt_batch batch)
{
    if (!job.weighted)
        return (float)batch.n;
    xt_sum sum = {0.0f, 0.0f};
    for (int r = 0; r < batch.n; r++)
        sum = xt_sum_add(sum, batch.weights[xt_row_of(job, batch, r)].y);
    return sum.hi + sum.lo;
}

XT_INLINE void xt_gather(XT_MEM float *mem, xt_fused_job job, xt_batch batch)
{
    int width = XT_PADDED(job.n_inputs);
    XT_GRID(r, batch.n, i, XT_VECTORS(job.n_inputs))
        XT_AT(mem + job.x + r * width + i * XT_W) =
            XT_READ(batch.inputs + xt_row_of(job, batch, r) * job.n_inputs + i * XT_W);
    XT_SYNC
}

/* The units of vector i. */
#if XT_W == 16
#define XT_UNITS(i) (convert_uint16(XT_NUMBERS) + (uint)((i) * XT_W))
#else
#define XT_UNITS(i) ((uint)(i))
#endif

/* A softmax layer's z: bias added, and less the logarithm of each row's sum of
 * exponentials, which is taken in lanes like an xt_dot. One work-item a row. */
XT_INLINE void xt_log_softmax(XT_MEM float *z, XT_MEM const float *bias, int units, int rows)
{
    int width = XT_PADDED(units);
    XT_EACH(r, rows) {
        XT_MEM float *row = z + r * width;
        float16 most = (float16)(-INFINITY), sum = (float16)(0);
        XT_UNROLL for (int i = 0; i < width; i += XT_LANES) {
            float16 v = XT_LANES_OF(row + i) + XT_LANES_AT(bias + i);
            XT_LANES_OF(row + i) = v;
            v = XT_NUMBERS < units - i ? v : (float16)(-INFINITY);
            most = v > most ? v : most;
        }
        float8 m8 = most.lo > most.hi ? most.lo : most.hi;
        float4 m4 = m8.lo > m8.hi ? m8.lo : m8.hi;
        float2 m2 = m4.lo > m4.hi ? m4.lo : m4.hi;
        float top = m2.x > m2.y ? m2.x : m2.y;
        XT_UNROLL for (int i = 0; i < width; i += XT_LANES)
            sum += XT_NUMBERS < units - i ? exp(XT_LANES_OF(row + i) - (float16)(top)) : (float16)(0);
        float rest = log(xt_lanes_sum(sum));
        XT_UNROLL for (int i = 0; i < width; i += XT_LANES)
            XT_LANES_OF(row + i) = XT_NUMBERS < units - i ? XT_LANES_OF(row + i) - (float16)(top) - (float16)(rest)
                                                           : (float16)(0);
    }
}

XT_INLINE void xt_forward(XT_MEM float *mem, XT_MEM const float *state, xt_fused_layer l, int is_first, xt_batch batch)
{
    int width = XT_PADDED(l.units), rows = batch.n;
    XT_MEM float *z = mem + l.z, *a = mem + l.a;
    if (is_first)
        xt_products(z, width, mem + l.x, XT_PADDED(l.inputs), 1, state + l.weight, width, rows, l.units, l.inputs);
    else
        xt_rows_forward(z, mem + l.x, state + l.weight, l, rows);
    XT_SYNC
    int is_softmax = l.activation == XT_ACT_softmax;
    if (is_softmax)
        xt_log_softmax(z, state + l.bias, l.units, rows);
    XT_SYNC
    XT_GRID(r, rows, i, XT_VECTORS(l.units)) {
        int at = r * width + i * XT_W;
        xt_v value = is_softmax ? XT_AT(z + at) : XT_AT(z + at) + XT_AT(state + l.bias + i * XT_W);
        XT_AT(z + at) = value;
        value = xt_activate(l.activation, value, l.param);
        if (batch.drops && l.drop_below > 0)
            value *= xt_kept(batch.key, l.index, XT_UNITS(i), r, l.drop_below, l.drop_scale);
        XT_AT(a + at) = xt_padded(value, i, l.units);
    }
    XT_SYNC
}

/* The gradient by a is at g, or follows from the targets in the last layer. */
XT_INLINE void xt_backward(XT_MEM float *mem, XT_MEM const float *state, xt_fused_layer l, int is_first, int is_last,
                           xt_fused_job job, xt_batch batch)
{
    int rows = batch.n, width = XT_PADDED(l.units), depth = XT_PADDED(l.inputs);
    float scale = is_last ? 1.0f / (xt_shares_of(job, batch) * (float)job.loss_values) : 0.0f;
    XT_MEM float *z = mem + l.z, *a = mem + l.a, *g = mem + job.g, *gradients = mem + job.gradients;
    XT_GRID(r, rows, i, XT_VECTORS(l.units)) {
        int at = r * width + i * XT_W;
        xt_v before = XT_AT(z + at), after = XT_AT(a + at), gradient;
        if (is_last) {
            float factor = job.weighted ? batch.weights[xt_row_of(job, batch, r)].x * scale : scale;
            gradient = xt_output_grad(job.loss, job.loss_param, l.activation, l.param, before, after,
                                      XT_READ(xt_targets_of(job, batch, r) + i * XT_W), XT_R(factor));
        } else {
            gradient = XT_AT(g + at);
            if (batch.drops && l.drop_below > 0) {
                gradient *= xt_kept(batch.key, l.index, XT_UNITS(i), r, l.drop_below, l.drop_scale);
                after = xt_activate(l.activation, before, l.param); /* what it was before */
            }
            gradient *= xt_activate_grad(l.activation, before, after, l.param);
        }
        XT_AT(z + at) = xt_padded(gradient, i, l.units);
    }
    XT_SYNC
    if (!is_first)
        xt_products(g, depth, z, width, 1, state + l.weight, depth, rows, l.inputs, l.units);
    /* Weights lie by input in the first layer and by unit in others; the sum over rows is one and the same. */
    xt_products(gradients + l.weight, is_first ? width : depth, is_first ? mem + l.x : z, 1, is_first ? depth : width,
                is_first ? z : mem + l.x, is_first ? width : depth, is_first ? l.inputs : l.units,
                is_first ? l.units : l.inputs, rows);
    XT_EACH(i, XT_VECTORS(l.units)) {
        xt_v sum = XT_AT(z + i * XT_W);
        XT_UNROLL for (int r = 1; r < rows; r++)
            sum += XT_AT(z + r * width + i * XT_W);
        XT_AT(gradients + l.bias + i * XT_W) = sum;
    }
    XT_SYNC
}

#if XT_W != 16
/* The sum of a lane of the gradient's squares, of XT_LANES. */
XT_INLINE float xt_square_lane(XT_MEM const float *gradients, int lane, int n)
{
    float sum = gradients[lane] * gradients[lane];
    for (int k = lane + XT_LANES; k < n; k += XT_LANES)
        sum += gradients[k] * gradients[k];
    return sum;
}
#endif

/* No barrier depends on what is asked for: they cost little, and compilers much
 * when they do. */
XT_INLINE void xt_clip(XT_MEM float *mem, xt_fused_job job)
{
    XT_MEM float *gradients = mem + job.gradients;
    int n = job.n_state;
    float factor = 1.0f;
#if XT_W == 16
    if (job.clip_norm > 0.0f)
        factor = xt_clip_factor(sqrt(xt_dot(gradients, gradients, n)), job.clip_norm);
#else
    XT_MEM float *lanes = mem + job.scores;
    if (job.clip_norm > 0.0f)
        XT_EACH(l, XT_LANES)
            lanes[l] = xt_square_lane(gradients, l, n);
    XT_SYNC
    if (job.clip_norm > 0.0f)
        factor = xt_clip_factor(sqrt(xt_lanes_sum(XT_LANES_AT(lanes))), job.clip_norm);
#endif
    if (job.clip_norm > 0.0f)
        XT_EACH(i, n / XT_W)
            XT_AT(gradients + i * XT_W) *= factor;
    if (job.clip_value > 0.0f)
        XT_EACH(i, n / XT_W)
            XT_AT(gradients + i * XT_W) = xt_clip_value(XT_AT(gradients + i * XT_W), job.clip_value);
    XT_SYNC
}

/* Weights alone, which lie before the layer's bias; padding is 0 and stays so. */
XT_INLINE void xt_penalties(XT_MEM float *gradients, XT_MEM const float *state, xt_fused_layer l)
{
    if (l.l1 > 0.0f || l.l2 > 0.0f) {
        XT_EACH(i, (l.bias - l.weight) / XT_W) {
            int at = l.weight + i * XT_W;
            XT_AT(gradients + at) = xt_penalise(XT_AT(gradients + at), XT_AT(state + at), l.l1, l.l2);
        }
    }
}

XT_INLINE void xt_apply(XT_MEM float *state, XT_MEM const float *gradients, xt_fused_job job, xt_fused_step step)
{
    xt_hyper hyper = {step.learning_rate, step.first, step.correction1, step.correction2,
                      {job.hyper[0], job.hyper[1], job.hyper[2], job.hyper[3], job.hyper[4], job.hyper[5]}};
    int n = job.n_state;
    XT_EACH(i, n / XT_W) {
        int at = i * XT_W;
        xt_cell cell = {XT_AT(state + at), (xt_v)(0), (xt_v)(0)};
        if (job.n_slots > 0)
            cell.s0 = XT_AT(state + n + at);
        if (job.n_slots > 1)
            cell.s1 = XT_AT(state + 2 * n + at);
        cell = xt_update(job.optimizer, cell, XT_AT(gradients + at), hyper);
        XT_AT(state + at) = cell.p;
        if (job.n_slots > 0)
            XT_AT(state + n + at) = cell.s0;
        if (job.n_slots > 1)
            XT_AT(state + 2 * n + at) = cell.s1;
    }
    XT_SYNC
}

/* ---- scores ---- */

/* row: room for a row's values, so that what picks single ones out does not
 * keep the compiler from holding mem in registers. */
XT_INLINE float xt_row_loss(XT_MEM float *mem, XT_MEM float *row, xt_fused_layer l, xt_fused_job job, xt_batch batch,
                            int r)
{
    __global const float *targets = xt_targets_of(job, batch, r);
    int at = r * XT_PADDED(l.units);
    XT_MEM const float *z = mem + l.z + at, *a = mem + l.a + at;
    float loss = 0.0f;
#if XT_W == 16
    XT_UNROLL for (int i = 0; i < XT_VECTORS(l.units); i++)
        XT_AT(row + i * XT_W) = xt_loss(job.loss, XT_AT(z + i * XT_W), XT_AT(a + i * XT_W), XT_READ(targets + i * XT_W),
                                        job.loss_param);
    XT_UNROLL for (int u = 0; u < l.units; u++)
        loss += row[u];
#else
    for (int u = 0; u < l.units; u++)
        loss += xt_loss(job.loss, z[u], a[u], targets[u], job.loss_param);
#endif
    return loss;
}

/* Row r's outputs, to row `to` of out. */
XT_INLINE void xt_write_outputs(XT_MEM const float *mem, XT_MEM float *row, xt_fused_layer l, int r,
                                __global float *out, int to)
{
    XT_MEM const float *a = mem + l.a + r * XT_PADDED(l.units);
#if XT_W == 16
    XT_UNROLL for (int i = 0; i < XT_VECTORS(l.units); i++)
        XT_AT(row + i * XT_W) = XT_AT(a + i * XT_W);
    a = row;
#endif
    XT_UNROLL for (int u = 0; u < l.units; u++)
        out[to * l.units + u] = a[u];
}

/* Adds a batch's losses to the epoch's sum, the first work-item's; kept: where the epoch's outputs go. */
XT_INLINE void xt_score(XT_MEM float *mem, XT_MEM float *row, xt_fused_layer l, xt_fused_job job, xt_batch batch,
                        __global float *kept, xt_sum *sum)
{
    /* A batch's mean counts as often as it has rows. In a pass after the epoch all rows are one batch: the host divides. */
    int by_batch = job.weighted && !(job.mode == XT_FUSED_TRAIN && job.report == XT_FUSED_EVAL);
    float factor = by_batch ? (float)batch.n / xt_shares_of(job, batch) : 1.0f;
    XT_MEM float *scores = mem + job.scores;
    XT_EACH(r, batch.n) {
        float loss = xt_row_loss(mem, row, l, job, batch, r);
        if (job.weighted)
            loss = loss * batch.weights[xt_row_of(job, batch, r)].x * factor;
#if XT_W == 16
        *sum = xt_sum_add(*sum, loss);
#else
        scores[r] = loss;
#endif
        if (job.keeps)
            xt_write_outputs(mem, row, l, r, kept, batch.from + r);
    }
#if XT_W != 16
    XT_SYNC
    if (XT_ID == 0)
        for (int r = 0; r < batch.n; r++)
            *sum = xt_sum_add(*sum, scores[r]);
    XT_SYNC
#endif
}

/* ---- the kernel ---- */

#ifdef XT_JOB
#define XT_MODE XT_FUSED_TRAIN
#else
#define XT_JOB given
#define XT_MODE given.mode
#define XT_LAST layers[given.n_layers - 1]
#define XT_EACH_LAYER(DO) \
    for (int i = 0; i < given.n_layers; i++) { \
        xt_fused_layer layer = layers[i]; \
        DO(layer, i == 0, i == given.n_layers - 1) \
    }
#define XT_EACH_LAYER_BACK(DO) \
    for (int i = given.n_layers - 1; i >= 0; i--) { \
        xt_fused_layer layer = layers[i]; \
        DO(layer, i == 0, i == given.n_layers - 1) \
    }
#endif

#define XT_DO_FORWARD(layer, is_first, is_last) xt_forward(mem, state, layer, is_first, batch);
#define XT_DO_BACKWARD(layer, is_first, is_last) xt_backward(mem, state, layer, is_first, is_last, job, batch);
#define XT_DO_PENALTIES(layer, is_first, is_last) xt_penalties(mem + job.gradients, state, layer);

#ifdef XT_LOCAL
#define XT_SCRATCH __local
#else
#define XT_SCRATCH __global
#endif

/* Trains n_epochs, or works out the gradient or the outputs of n_rows rows from
 * row `first`.
 * Index space: one work-group, on a CPU of one work-item.
 * parameters: the state. scratch: mem, with the state behind it where
 * XT_OWN_STATE says so, not used where XT_PRIVATE does; its type is one that has
 * local memory aligned for vectors. inputs (.., n_inputs) and targets (..,
 * n_outputs) are followed by XT_LANES floats more. weights: (..) where weighted.
 * order: (n_epochs, n_rows) where shuffled. layers: n_layers. steps: the first
 * updates' numbers, the last for all that follow. key, update: what dropout's
 * keys are folded from, and the number of the first update. results: (n_epochs,
 * 2), sums and their rounding; in XT_FUSED_EVALUATE the rows' losses (n_rows).
 * kept: (n_epochs, n_rows, n_outputs) where kept, in the epoch's order. out: the
 * gradient, laid out like the state, or outputs (n_rows, n_outputs). */
__kernel XT_GROUP void xt_fused(__global float *restrict parameters, XT_SCRATCH float16 *restrict scratch,
                                __global const float *restrict inputs, __global const float *restrict targets,
                                __global const float2 *restrict weights, __global const uint *restrict order,
                                __global const xt_fused_layer *restrict layers, xt_fused_job given,
                                __global const xt_fused_step *restrict steps, int n_steps, uint key_hi, uint key_lo,
                                uint update, int first, int n_rows, int n_epochs, __global float *restrict results,
                                __global float *restrict kept, __global float *restrict out)
{
    const xt_fused_job job = XT_JOB;
    int mode = XT_MODE;
    int n_all = job.n_state * (1 + job.n_slots);
    /* To compile it, a driver may want a launch of no epoch while another one trains. */
    if (n_epochs == 0)
        return;
#ifdef XT_PRIVATE
    float mem[XT_PRIVATE] __attribute__((aligned(64)));
    float row[XT_PRIVATE_ROW] __attribute__((aligned(64)));
#else
    XT_MEM float *mem = (XT_MEM float *)scratch, *row = mem + job.row;
#endif
    XT_EACH(i, job.n_mem / XT_W)
        XT_AT(mem + i * XT_W) = (xt_v)(0);
#ifdef XT_OWN_STATE
    XT_MEM float *state = mem + job.n_mem;
    XT_EACH(i, n_all / XT_W)
        XT_AT(state + i * XT_W) = *(__global xt_v *)(parameters + i * XT_W);
#else
    XT_MEM float *state = parameters;
#endif
    XT_SYNC
    int step = 0, is_training = mode == XT_FUSED_TRAIN, is_forward = mode == XT_FUSED_OUTPUTS || mode == XT_FUSED_EVALUATE;
    for (int epoch = 0; epoch < n_epochs; epoch++) {
        xt_sum sum = {0.0f, 0.0f};
        /* Visit 0 trains, visit 1 goes forward alone. */
        int n_visits = is_training && job.report == XT_FUSED_EVAL ? 2 : 1;
        XT_UNROLL for (int visit = 0; visit < n_visits; visit++) {
            for (int from = 0; from < n_rows; from += job.batch) {
                xt_batch batch = {inputs, targets, weights, order + (job.shuffled ? epoch * n_rows : 0), first + from,
                                  job.batch == 1 ? 1 : min(job.batch, n_rows - from), 0, {0, 0}};
                int from_pass = visit == 1 || is_forward ? 1 : 0;
                int to_pass = is_training && job.report == XT_FUSED_POST_UPDATE ? 1 : from_pass;
                if (job.drops) {
                    xt_key base = {key_hi, key_lo};
                    uint second = update + (uint)step;
                    batch.key.hi = xt_threefry_1(base, 0, &second);
                    batch.key.lo = second;
                }
                xt_gather(mem, job, batch);
                XT_UNROLL for (int pass = from_pass; pass <= to_pass; pass++) {
                    batch.drops = job.drops && is_training && pass == 0;
                    XT_EACH_LAYER(XT_DO_FORWARD)
                    if (is_forward) {
                        XT_EACH(r, batch.n) {
                            xt_write_outputs(mem, row, XT_LAST, r, out, from + r);
                            if (mode == XT_FUSED_EVALUATE)
                                results[from + r] = xt_row_loss(mem, row, XT_LAST, job, batch, r);
                        }
                        XT_SYNC
                    } else if (pass == 1 || job.report == XT_FUSED_RUNNING || mode == XT_FUSED_GRADIENTS) {
                        xt_score(mem, row, XT_LAST, job, batch, kept + epoch * n_rows * job.n_outputs, &sum);
                    }
                    if (pass == 0) {
                        XT_EACH_LAYER_BACK(XT_DO_BACKWARD)
                        if (is_training) {
                            xt_clip(mem, job);
                            XT_EACH_LAYER(XT_DO_PENALTIES)
                            XT_SYNC
                            xt_apply(state, mem + job.gradients, job, steps[min(step, n_steps - 1)]);
                        }
                        step++;
                    }
                }
            }
        }
        if (XT_ID == 0 && !is_forward) {
            results[2 * epoch] = sum.hi;
            results[2 * epoch + 1] = sum.lo;
        }
    }
    if (mode == XT_FUSED_GRADIENTS) {
        XT_EACH(i, job.n_state)
            out[i] = mem[job.gradients + i];
    }
#ifdef XT_OWN_STATE
    if (mode == XT_FUSED_TRAIN) {
        XT_EACH(i, n_all / XT_W)
            *(__global xt_v *)(parameters + i * XT_W) = XT_AT(state + i * XT_W);
    }
#endif
}
