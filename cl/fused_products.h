/* fused_products.h: values many at a time, and the matrix products of fused.cl, in
 * the order of summation that is described there.
 *
 * The prelude says XT_W, XT_MEM (the address space of mem) and xt_real, and
 *   XT_OWN_STATE   state is in mem (at n_mem), copied from and to global memory
 *   XT_PRIVATE     that many floats of mem are private: arrays that become
 *                  registers once every loop is unrolled
 *   XT_TILE_ROWS   rows of a product that one tile computes
 *   XT_UNROLL      said before a loop over a layer's parts */

#if XT_W == 16
typedef float16 xt_v;
#define XT_ID 0
#define XT_ITEMS 1
#define XT_SYNC
#define XT_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))
#else
typedef float xt_v;
#define XT_ID ((int)get_local_id(0))
#define XT_ITEMS ((int)get_local_size(0))
#define XT_SYNC barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
#define XT_GROUP
#endif
#ifndef XT_UNROLL
#define XT_UNROLL
#endif
#define XT_UNROLL_ALL _Pragma("unroll")

/* A compiler that inlines anyway reads the program faster without being told;
 * registers want it told. */
#ifdef XT_PRIVATE
#define XT_INLINE static inline __attribute__((always_inline))
#else
#define XT_INLINE static inline
#endif
#define XT_VECTORS(n) (((n) + XT_W - 1) / XT_W)

/* In mem and state, where every row is aligned. */
#define XT_AT(p) (*(XT_MEM xt_v *)(p))
#define XT_LANES_AT(p) (*(XT_MEM const float16 *)(p))
#define XT_LANES_OF(p) (*(XT_MEM float16 *)(p))
#define XT_NUMBERS ((int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))

/* In the data, where rows are not padded: the last vector reads on into what
 * follows, which the host provides for. */
#if XT_W == 16
#define XT_READ(p) vload16(0, (p))
#else
#define XT_READ(p) (*(p))
#endif

/* Work-items take turns over n things; over a (rows, n) grid of vectors. On a
 * CPU the one takes them all, row by row. */
#define XT_EACH(i, n) XT_UNROLL for (int i = XT_ID; i < (n); i += XT_ITEMS)
#if XT_W == 16
#define XT_GRID(r, rows, v, n) XT_UNROLL for (int r = 0; r < (rows); r++) XT_UNROLL for (int v = 0; v < (n); v++)
#else
#define XT_GRID(r, rows, v, n) \
    for (int i_ = XT_ID, r, v; i_ < (rows) * (n) && (r = i_ / (n), v = i_ - r * (n), 1); i_ += XT_ITEMS)
#endif

/* Vector i of a row of n values: what is beyond them becomes 0. */
XT_INLINE xt_v xt_padded(xt_v v, int i, int n)
{
#if XT_W == 16
    return XT_NUMBERS < n - i * XT_W ? v : (xt_v)(0);
#else
    return v;
#endif
}

/* ---- products ---- */

/* A tile of M rows by N vectors of out = sum over k of s[row][k] * v[k]: s
 * steps sm from row to row and sk from k to k, v sv from k to k, out so from
 * row to row. n: values of a row from here on. */
#define XT_TILE(M, N) \
    XT_INLINE void xt_tile_##M##_##N(XT_MEM float *out, int so, XT_MEM const float *s, int sm, int sk, \
                                     XT_MEM const float *v, int sv, int depth, int n) \
    { \
        xt_v sum[M][N]; \
        XT_UNROLL_ALL for (int i = 0; i < M; i++) \
            XT_UNROLL_ALL for (int j = 0; j < N; j++) \
                sum[i][j] = s[i * sm] * XT_AT(v + j * XT_W); \
        XT_UNROLL for (int k = 1; k < depth; k++) { \
            XT_UNROLL_ALL for (int i = 0; i < M; i++) \
                XT_UNROLL_ALL for (int j = 0; j < N; j++) \
                    sum[i][j] += s[i * sm + k * sk] * XT_AT(v + k * sv + j * XT_W); \
        } \
        XT_UNROLL_ALL for (int i = 0; i < M; i++) \
            XT_UNROLL_ALL for (int j = 0; j < N; j++) \
                XT_AT(out + i * so + j * XT_W) = xt_padded(sum[i][j], j, n); \
    }

XT_TILE(1, 1)

/* The whole of it, for rows and n values a row. A last tile that would stick
 * out overlaps its neighbour: the same sums once more. */
#if XT_W == 16
#define XT_TILES(M, N) \
    XT_UNROLL for (int i = 0; i < rows; i += M) { \
        int row = min(i, rows - M); \
        XT_UNROLL for (int j = 0; j < n_vectors; j += N) { \
            int at = min(j, n_vectors - N) * XT_W; \
            xt_tile_##M##_##N(out + row * so + at, so, s + row * sm, sm, sk, v + at, sv, depth, n - at); \
        } \
    }
XT_TILE(4, 1)
#if XT_TILE_ROWS == 8
XT_TILE(8, 1)
XT_TILE(8, 2)
#else
XT_TILE(4, 2)
#endif

XT_INLINE void xt_products(XT_MEM float *out, int so, XT_MEM const float *s, int sm, int sk, XT_MEM const float *v,
                           int sv, int rows, int n, int depth)
{
    int n_vectors = XT_VECTORS(n);
#if XT_TILE_ROWS == 8
    if (rows >= 8 && n_vectors > 1)
        XT_TILES(8, 2)
    else if (rows >= 8)
        XT_TILES(8, 1)
#else
    if (rows >= 4 && n_vectors > 1)
        XT_TILES(4, 2)
#endif
    else if (rows >= 4)
        XT_TILES(4, 1)
    else
        XT_TILES(1, 1)
}
#else
XT_INLINE void xt_products(XT_MEM float *out, int so, XT_MEM const float *s, int sm, int sk, XT_MEM const float *v,
                           int sv, int rows, int n, int depth)
{
    XT_GRID(row, rows, j, n)
        xt_tile_1_1(out + row * so + j, so, s + row * sm, sm, sk, v + j, sv, depth, n - j);
}
#endif

/* The lanes' sum. By quarters: fewer dependent steps than by halves. */
XT_INLINE float xt_lanes_sum(float16 v)
{
    float4 a = (v.s0123 + v.s89ab) + (v.s4567 + v.scdef);
    float2 b = a.lo + a.hi;
    return b.x + b.y;
}

/* Of two rows of n values, n a multiple of XT_LANES. */
XT_INLINE float xt_dot(XT_MEM const float *x, XT_MEM const float *w, int n)
{
    float16 sum = XT_LANES_AT(x) * XT_LANES_AT(w);
    XT_UNROLL for (int k = XT_LANES; k < n; k += XT_LANES)
        sum += XT_LANES_AT(x + k) * XT_LANES_AT(w + k);
    return xt_lanes_sum(sum);
}

#if XT_W == 16
/* Sixteen lanes picked from a (0 to 15) and b (16 to 31): where the compiler
 * has a word for it, its program is read faster. */
#ifdef __clang__
#define XT_PICK(a, b, literal, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define XT_PICK(a, b, literal, ...) (float16) literal
#endif

/* Steps of sixteen xt_lanes_sum at once: each takes two vectors of sums in
 * progress and halves the lanes of each sum. */
XT_INLINE float16 xt_fold_8(float16 a, float16 b)
{
    return XT_PICK(a, b, (a.lo, b.lo), 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           XT_PICK(a, b, (a.hi, b.hi), 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

XT_INLINE float16 xt_fold_4(float16 a, float16 b)
{
    return XT_PICK(a, b, (a.s0123, a.s89ab, b.s0123, b.s89ab), 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           XT_PICK(a, b, (a.s4567, a.scdef, b.s4567, b.scdef), 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

XT_INLINE float16 xt_fold_2(float16 a, float16 b)
{
    return XT_PICK(a, b, (a.s01, b.s01, a.s45, b.s45, a.s89, b.s89, a.scd, b.scd),
                   0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           XT_PICK(a, b, (a.s23, b.s23, a.s67, b.s67, a.sab, b.sab, a.sef, b.sef),
                   2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}

XT_INLINE float16 xt_fold_1(float16 a, float16 b)
{
    return XT_PICK(a, b, (a.s02, b.s02, a.s46, b.s46, a.s8a, b.s8a, a.sce, b.sce),
                   0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30) +
           XT_PICK(a, b, (a.s13, b.s13, a.s57, b.s57, a.s9b, b.s9b, a.sdf, b.sdf),
                   1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31);
}

/* xt_dot of x with sixteen rows of w. The folds leave the sums in the order
 * 0 4 8 12 1 5 .., so they begin in the order that this undoes. */
XT_INLINE float16 xt_dots(XT_MEM const float *x, XT_MEM const float *w, int n)
{
    float16 s[16];
    XT_UNROLL_ALL for (int j = 0; j < 16; j++)
        s[j] = XT_LANES_AT(x) * XT_LANES_AT(w + j * n);
    XT_UNROLL for (int k = XT_LANES; k < n; k += XT_LANES) {
        XT_UNROLL_ALL for (int j = 0; j < 16; j++)
            s[j] += XT_LANES_AT(x + k) * XT_LANES_AT(w + j * n + k);
    }
    float16 a = xt_fold_4(xt_fold_8(s[0], s[4]), xt_fold_8(s[8], s[12]));
    float16 b = xt_fold_4(xt_fold_8(s[1], s[5]), xt_fold_8(s[9], s[13]));
    float16 c = xt_fold_4(xt_fold_8(s[2], s[6]), xt_fold_8(s[10], s[14]));
    float16 d = xt_fold_4(xt_fold_8(s[3], s[7]), xt_fold_8(s[11], s[15]));
    return xt_fold_1(xt_fold_2(a, b), xt_fold_2(c, d));
}

/* z of a later layer, without bias. */
XT_INLINE void xt_rows_forward(XT_MEM float *z, XT_MEM const float *x, XT_MEM const float *weight, xt_fused_layer l,
                               int rows)
{
    int width = XT_PADDED(l.units), depth = XT_PADDED(l.inputs);
    XT_UNROLL for (int r = 0; r < rows; r++) {
        if (l.units < 16) {
            float16 dots = (float16)(0);
            XT_UNROLL for (int u = 0; u < l.units; u++) {
                float dot = xt_dot(x + r * depth, weight + u * depth, depth);
                dots = XT_NUMBERS == u ? (float16)(dot) : dots;
            }
            XT_AT(z + r * width) = dots;
        } else {
            XT_UNROLL for (int i = 0; i < l.units; i += 16) {
                int u = min(i, l.units - 16);
                vstore16(xt_dots(x + r * depth, weight + u * depth, depth), 0, z + r * width + u);
            }
        }
    }
}
#else
XT_INLINE void xt_rows_forward(XT_MEM float *z, XT_MEM const float *x, XT_MEM const float *weight, xt_fused_layer l,
                               int rows)
{
    int width = XT_PADDED(l.units), depth = XT_PADDED(l.inputs);
    XT_GRID(r, rows, u, l.units)
        z[r * width + u] = xt_dot(x + r * depth, weight + u * depth, depth);
}
#endif
