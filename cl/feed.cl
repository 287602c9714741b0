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

/* The same on a device of a few strong cores: a work-group of one work-item copies block_rows rows, by vectors.
 * Index space: work-groups ceil(rows / block_rows). */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void xt_gather_blocks(
    uint rows, uint inputs, uint stride, uint targets, uint weighted, __global const uint *order, uint first,
    __global const float *x, __global const float *y, __global const float *weights, __global float *to_x,
    __global float *to_y, __global float *to_weights, uint block_rows)
{
    uint begin = (uint)get_group_id(0) * block_rows, end = min(begin + block_rows, rows);
    for (uint row = begin; row < end; row++) {
        size_t from = order[first + row];
        __global const float *x_from = x + from * stride;
        __global float *x_to = to_x + (size_t)row * stride;
        uint column = 0;
        for (; column + 16 <= inputs; column += 16)
            vstore16(vload16(0, x_from + column), 0, x_to + column);
        for (; column < inputs; column++)
            x_to[column] = x_from[column];
        for (uint i = 0; i < targets; i++)
            to_y[(size_t)row * targets + i] = y[from * targets + i];
        if (weighted)
            to_weights[row] = weights[from];
    }
}
