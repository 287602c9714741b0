/* dense.cl: what training does between the matrix products, for the gemm
 * engine. Built after scalar.h.
 *
 * Every kernel runs over one dimension, one work-item a result, filled up at
 * its end; no barriers, no local memory, so any local size will do. Sums run
 * from 0 in ascending order inside one work-item: the same bits on every run
 * and device of one kind. Buffers are float, row-major; the numbers named
 * *_at are offsets in floats. z is a value before its activation, a after it,
 * gz the gradient by z. Codes and parameters are those of scalar.h. */

/* Copies the rows that a shuffled batch consists of.
 * Index space: rows * cols. order (n_rows), from (n_rows, cols), to (rows, cols):
 * row r of `to` is row order[first + r] of `from`. */
__kernel void xt_gather(uint rows, uint cols, __global const uint *order, uint first, __global const float *from,
                        __global float *to)
{
    uint at = (uint)get_global_id(0);
    if (at >= rows * cols)
        return;
    uint row = at / cols, col = at - row * cols;
    to[at] = from[order[first + row] * cols + col];
}

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

/* Each row's loss, summed over its outputs.
 * Index space: rows. a (rows, outputs) at a_at, y (rows, outputs) at y_at;
 * scores[scores_at + row] is written. */
__kernel void xt_score_loss(uint rows, uint outputs, __global const float *a, uint a_at, __global const float *y,
                            uint y_at, int loss, float param, __global float *scores, uint scores_at)
{
    uint row = (uint)get_global_id(0);
    if (row >= rows)
        return;
    a += a_at + row * outputs;
    y += y_at + row * outputs;
    float sum = 0.0f;
    for (uint j = 0; j < outputs; j++)
        sum += xt_loss(loss, a[j], y[j], param);
    scores[scores_at + row] = sum;
}

/* Each row's part of one metric. Index space and buffers as xt_score_loss. */
__kernel void xt_score_metric(uint rows, uint outputs, __global const float *a, uint a_at, __global const float *y,
                              uint y_at, int metric, float p, float q, __global float *scores, uint scores_at)
{
    uint row = (uint)get_global_id(0);
    if (row >= rows)
        return;
    scores[scores_at + row] = xt_metric(metric, a + a_at + row * outputs, y + y_at + row * outputs, (int)outputs, p, q);
}

/* gz of the last layer, of the batch's mean loss: scale is 1 / (rows * outputs).
 * Index space: rows * outputs. z, a and gz hold (rows, outputs) at `at`, y at y_at. */
__kernel void xt_output_gradient(uint n, __global const float *z, __global const float *a, __global float *gz,
                                 uint at, __global const float *y, uint y_at, float scale, int loss,
                                 float loss_param, int activation, float param)
{
    uint i = (uint)get_global_id(0);
    if (i >= n)
        return;
    gz[at + i] = xt_loss_grad(loss, a[at + i], y[y_at + i], loss_param) * scale *
                 xt_activate_grad(activation, z[at + i], a[at + i], param);
}

/* gz holds the gradient by a and becomes that by z.
 * Index space: rows * units. z, a and gz hold (rows, units) at `at`. */
__kernel void xt_activation_gradient(uint n, __global const float *z, __global const float *a, __global float *gz,
                                     uint at, int activation, float param)
{
    uint i = (uint)get_global_id(0);
    if (i >= n)
        return;
    gz[at + i] *= xt_activate_grad(activation, z[at + i], a[at + i], param);
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
