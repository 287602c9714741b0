/* dense.cl: what training does between the matrix products, for the gemm
 * engine. Built after scalar.h and random.h.
 *
 * Every kernel runs over one dimension, one work-item a result, filled up at
 * its end; no barriers, no local memory, so any local size will do. Sums run
 * from 0 in ascending order inside one work-item: the same bits on every run
 * and device of one kind. Buffers are float, row-major; the numbers named
 * *_at are offsets in floats. z is a value before its activation, a after it,
 * gz the gradient by z. Codes and parameters are those of scalar.h. */

/* z += bias, a = f(z).
 * Index space: rows * units. params holds the bias (units) at bias_at;
 * z and a hold (rows, units) at `at`. */
__kernel void xt_bias_activate(uint rows, uint units, __global const float *params, uint bias_at,
                               __global float *z, __global float *a, uint at, int activation, float param)
{
    uint i = (uint)get_global_id(0);
    if (i >= rows * units)
        return;
    float value = z[at + i] + params[bias_at + i % units];
    z[at + i] = value;
    a[at + i] = xt_activate(activation, value, param);
}

/* A softmax layer's values: z less the logarithm of the row's sum of exponentials, the
 * largest taken out; a = exp(z).
 * Index space: rows. z and a hold (rows, units) at `at`. */
__kernel void xt_softmax(uint rows, uint units, __global float *z, __global float *a, uint at)
{
    uint row = (uint)get_global_id(0);
    if (row >= rows)
        return;
    z += at + row * units;
    a += at + row * units;
    float most = z[0], sum = 0.0f;
    for (uint j = 1; j < units; j++)
        most = z[j] > most ? z[j] : most;
    for (uint j = 0; j < units; j++)
        sum += exp(z[j] - most);
    float rest = log(sum);
    for (uint j = 0; j < units; j++) {
        z[j] = z[j] - most - rest;
        a[j] = exp(z[j]);
    }
}

/* Drops outputs, or their gradients: values *= what random.h says.
 * Index space: rows * units. values hold (rows, units) at `at`. */
__kernel void xt_drop(uint rows, uint units, __global float *values, uint at, int layer, uint key_hi, uint key_lo,
                      int drop_below, float scale)
{
    uint i = (uint)get_global_id(0);
    if (i >= rows * units)
        return;
    xt_key key = {key_hi, key_lo};
    values[at + i] *= xt_kept(key, layer, i % units, (int)(i / units), drop_below, scale);
}

/* Each row's loss, summed over its outputs, times its weight.
 * Index space: rows. z and a (rows, outputs) at `at`, y (rows, outputs) at y_at; losses[losses_at + row] is written.
 * weights hold one a row at weights_at where weighted. Where keeps, the outputs are copied to outputs (.., outputs) from
 * row losses_at on. */
__kernel void xt_score(uint rows, uint outputs, __global const float *z, __global const float *a, uint at,
                       __global const float *y, uint y_at, int loss, float param, __global const float *weights,
                       uint weights_at, int weighted, __global float *losses, uint losses_at, __global float *kept,
                       int keeps)
{
    uint row = (uint)get_global_id(0);
    if (row >= rows)
        return;
    z += at + row * outputs;
    a += at + row * outputs;
    y += y_at + row * outputs;
    float sum = 0.0f;
    for (uint j = 0; j < outputs; j++)
        sum += xt_loss(loss, z[j], a[j], y[j], param);
    losses[losses_at + row] = weighted ? sum * weights[weights_at + row] : sum;
    kept += (losses_at + row) * outputs;
    for (uint j = 0; keeps && j < outputs; j++)
        kept[j] = a[j];
}

/* gz of the last layer, of the batch's mean loss: scale is 1 over what its rows' weighted losses are divided by.
 * Index space: rows * outputs. z, a and gz hold (rows, outputs) at `at`, y at y_at; weights as in xt_score. */
__kernel void xt_output_gradient(uint n, uint outputs, __global const float *z, __global const float *a,
                                 __global float *gz, uint at, __global const float *y, uint y_at,
                                 __global const float *weights, uint weights_at, int weighted, float scale, int loss,
                                 float loss_param, int activation, float param)
{
    uint i = (uint)get_global_id(0);
    if (i >= n)
        return;
    gz[at + i] = xt_output_grad(loss, loss_param, activation, param, z[at + i], a[at + i], y[y_at + i],
                                weighted ? weights[weights_at + i / outputs] * scale : scale);
}

/* gz holds the gradient by a and becomes that by z.
 * Index space: rows * units. z, a and gz hold (rows, units) at `at`. Where the layer dropped outputs, a is not what it
 * was before: it is worked out anew. */
__kernel void xt_activation_gradient(uint n, __global const float *z, __global const float *a, __global float *gz,
                                     uint at, int activation, float param, int dropped)
{
    uint i = (uint)get_global_id(0);
    if (i >= n)
        return;
    float before = z[at + i], after = dropped ? xt_activate(activation, before, param) : a[at + i];
    gz[at + i] *= xt_activate_grad(activation, before, after, param);
}

/* The gradient of a layer's bias: gz summed over the rows.
 * Index space: units. gz (rows, units) at gz_at; gradients get (units) at bias_at. */
__kernel void xt_bias_gradient(uint rows, uint units, __global const float *gz, uint gz_at,
                               __global float *gradients, uint bias_at)
{
    uint unit = (uint)get_global_id(0);
    if (unit >= units)
        return;
    gz += gz_at + unit;
    float sum = 0.0f;
    for (uint row = 0; row < rows; row++)
        sum += gz[row * units];
    gradients[bias_at + unit] = sum;
}

/* Sums of squares: partial[i] of elements i * share to (i + 1) * share - 1.
 * Index space: n_partial. gradients hold n. */
__kernel void xt_square_sums(uint n, uint share, uint n_partial, __global const float *gradients,
                             __global float *partial)
{
    uint i = (uint)get_global_id(0);
    if (i >= n_partial)
        return;
    uint end = min((i + 1) * share, n);
    float sum = 0.0f;
    for (uint k = i * share; k < end; k++)
        sum += gradients[k] * gradients[k];
    partial[i] = sum;
}

/* partial[0] becomes the factor that brings the gradient's norm down to `most`.
 * Index space: 1. */
__kernel void xt_norm_factor(uint n_partial, __global float *partial, float most)
{
    if (get_global_id(0) > 0)
        return;
    float sum = 0.0f;
    for (uint i = 0; i < n_partial; i++)
        sum += partial[i];
    partial[0] = xt_clip_factor(sqrt(sum), most);
}

/* Clips gradients: by the factor in partial[0] where by_norm, by their magnitude where limit is above 0.
 * Index space: n. */
__kernel void xt_clip(uint n, __global float *gradients, __global const float *partial, int by_norm, float limit)
{
    uint i = (uint)get_global_id(0);
    if (i >= n)
        return;
    float g = gradients[i];
    if (by_norm)
        g *= partial[0];
    gradients[i] = limit > 0.0f ? xt_clip_value(g, limit) : g;
}

/* Adds the gradient of the penalties on one layer's weights.
 * Index space: n. params and gradients hold n at `at`. */
__kernel void xt_penalties(uint n, __global const float *params, __global float *gradients, uint at, float l1, float l2)
{
    uint i = (uint)get_global_id(0);
    if (i >= n)
        return;
    gradients[at + i] = xt_penalise(gradients[at + i], params[at + i], l1, l2);
}

/* One update of every parameter.
 * Index space: n, the parameters. params, gradients and, as many as n_slots
 * says, s0 and s1 hold n floats; the others are not touched. */
__kernel void xt_update_params(uint n, __global float *params, __global const float *gradients, __global float *s0,
                               __global float *s1, int n_slots, int optimizer, xt_hyper hyper)
{
    uint i = (uint)get_global_id(0);
    if (i >= n)
        return;
    xt_cell cell = {params[i], 0.0f, 0.0f};
    if (n_slots > 0)
        cell.s0 = s0[i];
    if (n_slots > 1)
        cell.s1 = s1[i];
    cell = xt_update(optimizer, cell, gradients[i], hyper);
    params[i] = cell.p;
    if (n_slots > 0)
        s0[i] = cell.s0;
    if (n_slots > 1)
        s1[i] = cell.s1;
}
