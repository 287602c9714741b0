/* feed.cl: the batch that a shuffled epoch takes from the training rows. Needs no other file. */

/* Copies a batch's inputs, targets and weights in one launch, a work-item a number.
 * Index space: rows * (inputs + targets + weighted), filled up at its end; no barriers. order (n_rows); x (n_rows,
 * stride) with `inputs` numbers at each row's start, y (n_rows, targets), weights (n_rows) where weighted; to_x, to_y
 * and to_weights likewise, of `rows` rows: row r is row order[first + r]. What is behind a row's inputs stays. */
__kernel void xt_gather(uint rows, uint inputs, uint stride, uint targets, uint weighted, __global const uint *order,
                        uint first, __global const float *x, __global const float *y, __global const float *weights,
                        __global float *to_x, __global float *to_y, __global float *to_weights)
{
    uint width = inputs + targets + weighted, at = (uint)get_global_id(0);
    uint row = at / width, column = at - row * width;
    if (row >= rows)
        return;
    uint from = order[first + row];
    if (column < inputs)
        to_x[row * stride + column] = x[from * stride + column];
    else if (column < inputs + targets)
        to_y[row * targets + (column - inputs)] = y[from * targets + (column - inputs)];
    else
        to_weights[row] = weights[from];
}
