/* product.cl: a matrix product for small shapes, where the launches of a BLAS
 * cost more than the arithmetic. Built after scalar.h.
 *
 * No barriers and no local memory; any local size will do. */

/* c = op(a) op(b), row-major: c is (m, n), the inner size is k.
 * Index space: m * n, one work-item an element of c, filled up at its end.
 * Element (i, l) of op(a) is a[a_at + i * a_row + l * a_col], element (l, j)
 * of op(b) is b[b_at + l * b_row + j * b_col]; c starts at c_at and is dense.
 * The sum runs from 0 in ascending order of l, without fma: the bits of the
 * reference engine. */
__kernel void xt_product(uint m, uint n, uint k, __global const float *a, uint a_at, uint a_row, uint a_col,
                         __global const float *b, uint b_at, uint b_row, uint b_col, __global float *c, uint c_at)
{
    uint at = (uint)get_global_id(0);
    if (at >= m * n)
        return;
    uint i = at / n, j = at - i * n;
    a += a_at + i * a_row;
    b += b_at + j * b_col;
    float sum = 0.0f;
    for (uint l = 0; l < k; l++)
        sum += a[l * a_col] * b[l * b_row];
    c[c_at + at] = sum;
}
