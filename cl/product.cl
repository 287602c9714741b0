/* product.cl: matrix products of our own: element by element for small shapes,
 * where the launches of a BLAS cost more than the arithmetic, and by tiles for
 * large ones where there is no BLAS. Built after scalar.h. */

/* ---- element by element ---- */

/* c = op(a) op(b), row-major: c is (m, n), the inner size is k.
 * Index space: m * n, one work-item an element of c, filled up at its end.
 * Element (i, l) of op(a) is a[a_at + i * a_row + l * a_col], element (l, j)
 * of op(b) is b[b_at + l * b_row + j * b_col]; c starts at c_at and is dense.
 * The sum runs from 0 in ascending order of l, without fma: the bits of the
 * reference engine. No barriers, no local memory; any local size will do. */
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

/* ---- by tiles ---- */

/* These are in src/engine/product.c too. */
#define XT_TILE_SIDE 8             /* work-items along a side of a tile of c, four elements of each */
#define XT_TILE (4 * XT_TILE_SIDE)
#define XT_TILE_ITEMS (XT_TILE_SIDE * XT_TILE_SIDE)
#define XT_TILE_DEPTH 16           /* of the inner size, in local memory at once */
#define XT_TILE_ROW (XT_TILE + 1)  /* of local memory: neighbours in a column are in different banks */

/* Elements `from` and on of the inner size, of the rows (a) or columns (b) `first` and on, to tile[depth][row]: zero
 * where there are none. Element (i, l) is x[i * along + l * inner]; work-items that are neighbours read neighbours. */
void xt_load_tile(uint first, uint n, uint from, uint k, __global const float *x, uint along, uint inner,
                  __local float *tile)
{
    for (uint at = (uint)get_local_id(0); at < XT_TILE * XT_TILE_DEPTH; at += XT_TILE_ITEMS) {
        uint i = inner == 1 ? at / XT_TILE_DEPTH : at % XT_TILE;
        uint l = inner == 1 ? at % XT_TILE_DEPTH : at / XT_TILE;
        bool is_in = first + i < n && from + l < k;
        tile[l * XT_TILE_ROW + i] = is_in ? x[(first + i) * along + (from + l) * inner] : 0.0f;
    }
}

/* One row of a work-item's elements, every XT_TILE_SIDE-th from col on, as far as they are in c. */
void xt_store_row(uint row, uint m, uint col, uint n, float4 sums, __global float *c)
{
    if (row >= m)
        return;
    c += row * n;
    if (col < n)
        c[col] = sums.s0;
    if (col + XT_TILE_SIDE < n)
        c[col + XT_TILE_SIDE] = sums.s1;
    if (col + 2 * XT_TILE_SIDE < n)
        c[col + 2 * XT_TILE_SIDE] = sums.s2;
    if (col + 3 * XT_TILE_SIDE < n)
        c[col + 3 * XT_TILE_SIDE] = sums.s3;
}

/* The same product, with the same arguments and the same bits, for devices whose work-groups share local memory.
 * Index space: tiles of XT_TILE by XT_TILE elements of c, row by row, XT_TILE_ITEMS work-items each; the local size must
 * be XT_TILE_ITEMS. a_tile and b_tile are XT_TILE_DEPTH * XT_TILE_ROW floats.
 * Barriers: two a round; every work-item runs all ceil(k / XT_TILE_DEPTH) rounds. */
__kernel void xt_product_tiled(uint m, uint n, uint k, __global const float *a, uint a_at, uint a_row, uint a_col,
                               __global const float *b, uint b_at, uint b_row, uint b_col, __global float *c, uint c_at,
                               __local float *a_tile, __local float *b_tile)
{
    uint across = (n + XT_TILE - 1) / XT_TILE, group = (uint)get_group_id(0);
    uint top = group / across * XT_TILE, left = group % across * XT_TILE;
    uint down = (uint)get_local_id(0) / XT_TILE_SIDE, right = (uint)get_local_id(0) % XT_TILE_SIDE;
    float4 sums0 = 0.0f, sums1 = 0.0f, sums2 = 0.0f, sums3 = 0.0f;
    for (uint from = 0; from < k; from += XT_TILE_DEPTH) {
        xt_load_tile(top, m, from, k, a + a_at, a_row, a_col, a_tile);
        xt_load_tile(left, n, from, k, b + b_at, b_col, b_row, b_tile);
        barrier(CLK_LOCAL_MEM_FENCE);
        /* Beyond k zeros are added to sums that began at +0, which changes no bit. */
        for (uint l = 0; l < XT_TILE_DEPTH; l++) {
            __local const float *x = a_tile + l * XT_TILE_ROW + down, *y = b_tile + l * XT_TILE_ROW + right;
            float4 row = (float4)(y[0], y[XT_TILE_SIDE], y[2 * XT_TILE_SIDE], y[3 * XT_TILE_SIDE]);
            sums0 += x[0] * row;
            sums1 += x[XT_TILE_SIDE] * row;
            sums2 += x[2 * XT_TILE_SIDE] * row;
            sums3 += x[3 * XT_TILE_SIDE] * row;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    uint row = top + down, col = left + right;
    c += c_at;
    xt_store_row(row, m, col, n, sums0, c);
    xt_store_row(row + XT_TILE_SIDE, m, col, n, sums1, c);
    xt_store_row(row + 2 * XT_TILE_SIDE, m, col, n, sums2, c);
    xt_store_row(row + 3 * XT_TILE_SIDE, m, col, n, sums3, c);
}
