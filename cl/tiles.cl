/* tiles.cl: dense layers on a device of a few strong cores, where one work-item
 * is a core's whole work for a while. Built after scalar.h and random.h with
 * xt_real a vector of XT_W floats.
 *
 * Every product is cut into tiles of XT_MR rows by XT_NR = XT_NV * XT_W columns,
 * whose sums stay in registers: a step adds one row of b, in vectors, times
 * XT_MR single values of a. What follows the sums happens while they are near:
 * bias and activation, the activation's derivative, the optimiser's update. There
 * codes are arguments, chosen once a block: one program serves many networks.
 *
 * How matrices lie:
 * - rows: row-major, each row at a multiple of `ld` floats, at least a tile wide
 *   and with zeros or finite values beyond its columns. Tiles read and write up to XT_MR - 1 rows
 *   beyond the last one, which must be there.
 * - panels: a weight matrix (units, inputs) as [unit / XT_NR][input][unit % XT_NR],
 *   zeros where there is no unit: what a forward product reads is in one piece.
 * Numbers named *_at are offsets in floats. A sum runs over its terms in ascending order
 * from 0, whatever the blocks are: they never change a bit.
 *
 * Index space of every kernel: work-groups of one work-item, a block of the result each. With 0 rows they do nothing.
 * XT_TILE_ACTIVATIONS lists the activations that there are, XT_DEPTH is a multiple of XT_NR. */

#define XT_CAT_(a, b) a##b
#define XT_CAT(a, b) XT_CAT_(a, b)
#define XT_LOAD(at) XT_CAT(vload, XT_W)(0, at)
#define XT_STORE(value, at) XT_CAT(vstore, XT_W)(value, 0, at)
#define XT_NR (XT_NV * XT_W)
#define XT_UNROLL _Pragma("clang loop unroll(full)")
#define XT_ONE __attribute__((reqd_work_group_size(1, 1, 1)))
/* EACH_VALUE: i of a tile's rows, j of its vectors. */
#define XT_EACH_ROW XT_UNROLL for (int i = 0; i < XT_MR; i++)
#define XT_EACH_VECTOR XT_UNROLL for (int j = 0; j < XT_NV; j++)
#define XT_EACH_VALUE XT_EACH_ROW XT_EACH_VECTOR

#ifdef XT_FMA
#define XT_MUL_ADD(a, b, c) fma(a, b, c)
#else
#define XT_MUL_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* zip: the first, or last, halves of two vectors taken in turns. */
#if XT_W == 4
#define XT_LANE_NUMBERS (int4)(0, 1, 2, 3)
#define XT_ZIP_LOW(a, b) (float4)(a.s0, b.s0, a.s1, b.s1)
#define XT_ZIP_HIGH(a, b) (float4)(a.s2, b.s2, a.s3, b.s3)
#define XT_ZIPS 2
#elif XT_W == 8
#define XT_LANE_NUMBERS (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define XT_ZIP_LOW(a, b) (float8)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3)
#define XT_ZIP_HIGH(a, b) (float8)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define XT_ZIPS 3
#else
#define XT_LANE_NUMBERS (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define XT_ZIP_LOW(a, b) \
    (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define XT_ZIP_HIGH(a, b) \
    (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf)
#define XT_ZIPS 4
#endif
#define xt_lanes XT_CAT(int, XT_W)

/* Brings a cache line nearer, where the compiler is the processor's own: drivers do nothing for OpenCL's prefetch. */
#if (defined __x86_64__ || defined __aarch64__) && defined __clang__
#define XT_PREFETCH(at) __builtin_prefetch((const void *)(size_t)(at), 0, 2)
#else
#define XT_PREFETCH(at)
#endif
#define XT_LINE 16 /* floats */

/* ---- tiles ---- */

/* sums += a b over n steps. The value of row i at step k is a[i * a_row + k * a_step];
 * b has a row of XT_NR floats a step. */
#define XT_TILE(name, a_space, b_space) \
    static inline void name(xt_real sums[XT_MR][XT_NV], const a_space float *a, size_t a_row, size_t a_step, \
                            const b_space float *b, uint n) \
    { \
        _Pragma("clang loop unroll_count(4)") for (uint k = 0; k < n; k++) \
        { \
            xt_real v[XT_NV]; \
            XT_EACH_VECTOR v[j] = XT_LOAD(b + j * XT_W); \
            XT_EACH_ROW \
            { \
                xt_real s = (xt_real)(a[i * a_row]); \
                XT_EACH_VECTOR sums[i][j] = XT_MUL_ADD(s, v[j], sums[i][j]); \
            } \
            a += a_step; \
            b += XT_NR; \
        } \
    }
XT_TILE(xt_add_panel, __global, __global)
XT_TILE(xt_add_transposed, __global, __local)
XT_TILE(xt_add_packed, __local, __local)

#define XT_MOVES(get, put, space) \
    static inline void get(xt_real sums[XT_MR][XT_NV], const space float *from, size_t ld) \
    { \
        XT_EACH_VALUE sums[i][j] = XT_LOAD(from + i * ld + j * XT_W); \
    } \
    static inline void put(const xt_real sums[XT_MR][XT_NV], space float *to, size_t ld) \
    { \
        XT_EACH_VALUE XT_STORE(sums[i][j], to + i * ld + j * XT_W); \
    }
XT_MOVES(xt_get, xt_put, __global)
XT_MOVES(xt_get_local, xt_put_local, __local)

static inline void xt_clear(xt_real sums[XT_MR][XT_NV])
{
    XT_EACH_VALUE sums[i][j] = XT_R(0);
}

/* Terms of a sum of n, which is not 0, that are added at once: at most so many, and about the same each time. */
static inline uint xt_part(uint n, uint most)
{
    uint times = (n + most - 1) / most;
    return (n + times - 1) / times;
}

/* Of a product with weights: whole panels. */
static inline uint xt_depth(uint n)
{
    return (xt_part(n, XT_DEPTH) + XT_NR - 1) / XT_NR * XT_NR;
}

/* ---- layers and blocks ---- */

/* A layer: all that is the same for every batch. */
typedef struct xt_layer {
    uint inputs, units;
    uint weight_at, bias_at;           /* in params, and what lies as they do */
    uint at, ld;                       /* its block in z, a and gz, and the distance of rows there */
    int activation, drop_below;        /* outputs are dropped where drop_below is above 0 */
    float param, drop_scale;
    float l1, l2;                      /* penalties on its weights */
    uint block_inputs, block_panels;   /* that a work-group of its weight gradient takes */
    uint turn, groups;                 /* of place i: the layer whose weights come i-th, and their work-groups until then */
} xt_layer;

/* What a work-group has of a result: rows and panels. Groups that follow each other have the same panels: of a wide layer
 * these are more than a cache holds, its rows are not. */
typedef struct xt_block {
    uint row_0, row_1, panel_0, panel_1;
} xt_block;

static inline xt_block xt_block_of(uint group, uint rows, uint panels, uint block_rows, uint block_panels)
{
    uint down = (rows + block_rows - 1) / block_rows;
    xt_block b;
    b.row_0 = group % down * block_rows;
    b.row_1 = min(b.row_0 + block_rows, rows);
    b.panel_0 = group / down * block_panels;
    b.panel_1 = min(b.panel_0 + block_panels, panels);
    return b;
}

static inline uint xt_panels(uint n)
{
    return (n + XT_NR - 1) / XT_NR;
}

/* ---- products with weights ---- */

/* z = x w' + bias. x: the rows below, z: the layer's block. */
static inline void xt_multiply(const xt_layer *layer, const xt_block *b, __global const float *x, uint x_ld,
                               __global const float *params, __global float *z)
{
    uint inputs = layer->inputs, ld = layer->ld, depth = xt_depth(inputs);
    for (uint k = 0; k < inputs; k += depth)
        for (uint p = b->panel_0; p < b->panel_1; p++)
            for (uint r = b->row_0; r < b->row_1; r += XT_MR) {
                xt_real sums[XT_MR][XT_NV];
                __global float *to = z + (size_t)r * ld + p * XT_NR;
                if (k)
                    xt_get(sums, to, ld);
                else
                    xt_clear(sums);
                xt_add_panel(sums, x + (size_t)r * x_ld + k, x_ld, 1,
                             params + layer->weight_at + ((size_t)p * inputs + k) * XT_NR, min(depth, inputs - k));
                if (k + depth >= inputs) {
                    XT_EACH_VALUE sums[i][j] += XT_LOAD(params + layer->bias_at + p * XT_NR + j * XT_W);
                }
                xt_put(sums, to, ld);
            }
}

/* A block of a weight matrix as b of a product over units: to[u][i] = w[i][u] for the XT_NR inputs from `first`
 * on (0 beyond the last) and n units of the panels at w. */
static inline void xt_transpose(__global const float *w, uint inputs, uint first, uint n, __local float *to)
{
    for (uint q = 0; q * XT_NR < n; q++)
        for (uint x = 0; x < XT_NR; x += XT_W)
            for (uint y = 0; y < XT_NR; y += XT_W) {
                xt_real from[XT_W], zipped[XT_W];
                __global const float *block = w + ((size_t)q * inputs + first + x) * XT_NR + y;
                XT_UNROLL for (int i = 0; i < XT_W; i++)
                    from[i] = first + x + i < inputs ? XT_LOAD(block + i * XT_NR) : XT_R(0);
                /* Zipping the halves of a list of vectors as often as its length can be halved transposes it. */
                XT_UNROLL for (int s = 0; s < XT_ZIPS; s++)
                {
                    XT_UNROLL for (int i = 0; i < XT_W / 2; i++)
                    {
                        zipped[2 * i] = XT_ZIP_LOW(from[i], from[i + XT_W / 2]);
                        zipped[2 * i + 1] = XT_ZIP_HIGH(from[i], from[i + XT_W / 2]);
                    }
                    XT_UNROLL for (int i = 0; i < XT_W; i++)
                        from[i] = zipped[i];
                }
                XT_UNROLL for (int i = 0; i < XT_W; i++)
                    XT_STORE(from[i], to + (q * XT_NR + y + i) * XT_NR + x);
            }
}

/* to = gz w: the gradient by a layer's inputs, of distance ld. gz has zeros beyond its columns; pack holds XT_DEPTH
 * * XT_NR floats. */
static inline void xt_multiply_back(const xt_layer *layer, const xt_block *b, __global const float *params,
                                    __global const float *gz, __global float *to_all, uint ld, __local float *pack)
{
    uint inputs = layer->inputs, units = layer->units, depth = xt_depth(units);
    for (uint k = 0; k < units; k += depth)
        for (uint p = b->panel_0; p < b->panel_1; p++) {
            uint n = min(depth, units - k);
            xt_transpose(params + layer->weight_at + (size_t)k * inputs, inputs, p * XT_NR, n, pack);
            for (uint r = b->row_0; r < b->row_1; r += XT_MR) {
                xt_real sums[XT_MR][XT_NV];
                __global float *to = to_all + (size_t)r * ld + p * XT_NR;
                if (k)
                    xt_get(sums, to, ld);
                else
                    xt_clear(sums);
                xt_add_transposed(sums, gz + (size_t)r * layer->ld + k, layer->ld, 1, pack, n);
                xt_put(sums, to, ld);
            }
        }
}

/* ---- what follows a product, of a block of the layer that has its result ---- */

/* Loops that stay loops: unrolled for every operation they take a compiler seconds. */
#define XT_ROLLED _Pragma("clang loop unroll(disable)")
/* v: the places of a block's vectors in z, a and gz. */
#define XT_EACH_PLACE(layer, b) \
    XT_ROLLED for (uint r = (b)->row_0; r < (b)->row_1; r++) \
        XT_ROLLED for (size_t v = (layer)->at + (size_t)r * (layer)->ld + (b)->panel_0 * XT_NR, \
                       end = v + ((b)->panel_1 - (b)->panel_0) * XT_NR; \
                       v < end; v += XT_W)

/* a = f(z) */
static inline void xt_activate_block(const xt_layer *layer, const xt_block *b, __global const float *z, __global float *a)
{
    float p = layer->param;
#define XT_CASE(name) \
    case XT_ACT_##name: XT_EACH_PLACE(layer, b) XT_STORE(xt_act_##name(XT_LOAD(z + v), p), a + v); break;
    switch (layer->activation) { XT_TILE_ACTIVATIONS(XT_CASE) }
#undef XT_CASE
}

/* gz *= f'(z) */
static inline void xt_activate_grad_block(const xt_layer *layer, const xt_block *b, __global const float *z,
                                          __global const float *a, __global float *gz)
{
    float p = layer->param;
#define XT_CASE(name) \
    case XT_ACT_##name: \
        XT_EACH_PLACE(layer, b) XT_STORE(XT_LOAD(gz + v) * xt_dact_##name(XT_LOAD(z + v), XT_LOAD(a + v), p), gz + v); \
        break;
    switch (layer->activation) { XT_TILE_ACTIVATIONS(XT_CASE) }
#undef XT_CASE
}

/* What layer i's outputs are multiplied by to drop some: it takes longer to work out than to keep. */
static inline void xt_draw_block(const xt_layer *layer, uint i, const xt_block *b, xt_key key, __global float *factors)
{
    xt_word lanes = XT_CAT(convert_uint, XT_W)(XT_LANE_NUMBERS);
    XT_EACH_PLACE(layer, b)
    {
        uint unit = (uint)(v - layer->at - (size_t)r * layer->ld);
        XT_STORE(xt_kept(key, (int)i, (xt_word)(unit) + lanes, (int)r, layer->drop_below, layer->drop_scale), factors + v);
    }
}

/* values *= factors */
static inline void xt_drop_block(const xt_layer *layer, const xt_block *b, __global const float *factors,
                                 __global float *values)
{
    XT_EACH_PLACE(layer, b) XT_STORE(XT_LOAD(values + v) * XT_LOAD(factors + v), values + v);
}

/* ---- the last layer ---- */

/* z of whole rows less their log-sum-exp; work is their a. */
static inline void xt_normalise_rows(const xt_layer *layer, const xt_block *b, __global float *z_all,
                                     __global float *work_all)
{
    uint units = layer->units;
    for (uint r = b->row_0; r < b->row_1; r++) {
        __global float *z = z_all + layer->at + (size_t)r * layer->ld, *work = work_all + layer->at + (size_t)r * layer->ld;
        float most = z[0], sum = 0.0f;
        for (uint j = 1; j < units; j++)
            most = z[j] > most ? z[j] : most;
        for (uint j = 0; j < units; j += XT_W)
            XT_STORE(exp(XT_LOAD(z + j) - most), work + j);
        for (uint j = 0; j < units; j++)
            sum += work[j];
        float rest = log(sum);
        for (uint j = 0; j < units; j += XT_W)
            XT_STORE(XT_LOAD(z + j) - most - rest, z + j);
    }
}

/* What the last layer does with a batch: where `scores`, losses from losses_at on get the rows' losses times their
 * weights, and where `keeps` kept gets a, (.., units) without padding; where `trains`, gz gets the gradient, scale: as
 * xt_output_gradient in dense.cl. */
typedef struct xt_scoring {
    uint y_at, weights_at, losses_at; /* y (rows, units) without padding */
    int weighted, scores, keeps, trains;
    int loss;
    float loss_param, scale;
} xt_scoring;

/* A vector of a row without padding; zeros beyond it. */
static inline xt_real xt_load_part(__global const float *row, uint j, uint n)
{
    if (j + XT_W <= n)
        return XT_LOAD(row + j);
    float part[XT_W];
    for (uint i = 0; i < XT_W; i++)
        part[i] = j + i < n ? row[j + i] : 0.0f;
    return XT_LOAD(part);
}

/* Rows' losses, outputs and gradients of the loss: by a, or by z where the loss goes with its activation. */
static inline void xt_score_rows(const xt_layer *layer, const xt_block *b, const xt_scoring *s,
                                 __global const float *z_all, __global const float *a_all, __global float *gz_all,
                                 __global const float *y, __global const float *weights, __global float *losses,
                                 __global float *kept)
{
    uint units = layer->units;
    for (uint r = b->row_0; r < b->row_1; r++) {
        size_t at = layer->at + (size_t)r * layer->ld;
        __global const float *z = z_all + at, *a = a_all + at, *target = y + s->y_at + (size_t)r * units;
        __global float *gz = gz_all + at;
        float weight = s->weighted ? weights[s->weights_at + r] : 1.0f, scale = s->weighted ? weight * s->scale : s->scale;
        if (s->scores) {
            float sum = 0.0f;
            for (uint j = 0; j < units; j += XT_W)
                XT_STORE(xt_loss(s->loss, XT_LOAD(z + j), XT_LOAD(a + j), xt_load_part(target, j, units), s->loss_param),
                         gz + j);
            for (uint j = 0; j < units; j++)
                sum += gz[j];
            losses[s->losses_at + r] = s->weighted ? sum * weight : sum;
        }
        for (uint j = 0; s->keeps && j < units; j++)
            kept[(size_t)(s->losses_at + r) * units + j] = a[j];
        /* Zeros where there is no unit: what is summed over whole tiles later. */
        for (uint j = 0; s->trains && j < xt_panels(units) * XT_NR; j += XT_W) {
            xt_real g = xt_loss_grad(s->loss, XT_LOAD(a + j), xt_load_part(target, j, units), s->loss_param) * XT_R(scale);
            XT_STORE(XT_LANE_NUMBERS + (int)j < (xt_lanes)((int)units) ? g : XT_R(0), gz + j);
        }
    }
}

/* ---- rows through layers ---- */

/* Where the rows of a batch come from: with an order, rows order[first + ..] of x, y and weights are copied to the
 * batch's own places first. */
typedef struct xt_gathering {
    int gathers;
    uint first, targets;
} xt_gathering;

/* Steps step_0 .. step_1 - 1 of those that rows go: step i is layer i forward, the last layer with its scoring; the
 * n_layers - 1 that follow lead back, to the gradients of the layer below the last and so on.
 * Work-groups: ceil(rows / block_rows) * ceil(panels / block_panels), panels of the step's result; block_rows is a
 * multiple of XT_MR. The last layer forward needs blocks of all panels, and so do many steps at once: everything that
 * one row has to itself can be one launch. x (rows, inputs) at x_at, and y and weights where scoring says; where rows
 * are gathered, in step 0, these are the places that they are copied to, and from_* are where they come from. z, a, gz
 * and, where outputs are dropped, factors have a block a layer. */
__kernel XT_ONE void xt_pass(uint rows, uint n_layers, uint step_0, uint step_1, __global const xt_layer *layers,
                             __global float *x, uint x_at, uint x_ld, __global const float *params, __global float *z,
                             __global float *a, __global float *gz, uint block_rows, uint block_panels, __global float *y,
                             __global float *weights, __global float *losses, __global float *kept, xt_scoring scoring,
                             int drops, uint key_hi, uint key_lo, __global float *factors, xt_gathering gathering,
                             __global const uint *order,
                             __global const float *from_x, __global const float *from_y,
                             __global const float *from_weights)
{
    __local float pack[XT_DEPTH * XT_NR];
    xt_key key = {key_hi, key_lo};
    if (rows == 0)
        return;
    for (uint s = step_0; s < step_1; s++) {
        int back = s >= n_layers;
        uint i = back ? 2 * n_layers - 2 - s : s; /* the layer that has the result */
        xt_layer layer = layers[i];
        xt_block b = xt_block_of((uint)get_group_id(0), rows, xt_panels(layer.units), block_rows,
                                 min(block_panels, xt_panels(layer.units)));
        if (s == 0 && gathering.gathers)
            for (uint r = b.row_0; r < b.row_1; r++) {
                uint from = order[gathering.first + r], n = gathering.targets;
                for (uint k = 0; k < x_ld; k += 16)
                    vstore16(vload16(0, from_x + (size_t)from * x_ld + k), 0, x + x_at + (size_t)r * x_ld + k);
                for (uint k = 0; k < n; k++)
                    y[scoring.y_at + (size_t)r * n + k] = from_y[(size_t)from * n + k];
                if (scoring.weighted)
                    weights[scoring.weights_at + r] = from_weights[from];
            }
        if (back) {
            xt_layer above = layers[i + 1];
            xt_multiply_back(&above, &b, params, gz + above.at, gz + layer.at, layer.ld, pack);
        } else {
            xt_multiply(&layer, &b, i ? a + layers[i - 1].at : x + x_at, i ? layers[i - 1].ld : x_ld, params, z + layer.at);
        }
        int last = !back && i + 1 == n_layers, dropped = drops && layer.drop_below > 0;
        if (last && layer.activation == XT_ACT_softmax)
            xt_normalise_rows(&layer, &b, z, a);
        /* On the way back f' wants a as it was before it was dropped. */
        if (!back || dropped)
            xt_activate_block(&layer, &b, z, a);
        if (last)
            xt_score_rows(&layer, &b, &scoring, z, a, gz, y, weights, losses, kept);
        if (!back && dropped)
            xt_draw_block(&layer, i, &b, key, factors);
        if (back && dropped)
            xt_drop_block(&layer, &b, factors, gz);
        if (back || (last && scoring.trains && xt_loss_head(scoring.loss) < 0))
            xt_activate_grad_block(&layer, &b, z, a, gz);
        if (dropped)
            xt_drop_block(&layer, &b, factors, a);
    }
}

/* ---- the gradient by a layer's weights, and their update ---- */

/* Parameters at `at` and the n - 1 vectors behind, with their gradients g: these are kept for later, or applied. */
static inline void xt_apply(const __local float *g, size_t at, uint n, __global float *params, __global float *s0,
                            __global float *s1, int n_slots, __global float *gradients, int stores, int optimizer,
                            float l1, float l2, xt_hyper hyper)
{
    if (stores) {
        for (uint v = 0; v < n * XT_W; v += XT_W)
            XT_STORE(XT_LOAD(g + v), gradients + at + v);
        return;
    }
    params += at;
    s0 += n_slots > 0 ? at : 0;
    s1 += n_slots > 1 ? at : 0;
#define XT_CASE(name, x, b, c, d) \
    case XT_OPT_##name: \
        XT_ROLLED for (uint v = 0; v < n * XT_W; v += XT_W) \
        { \
            xt_cell cell = {XT_LOAD(params + v), n_slots > 0 ? XT_LOAD(s0 + v) : XT_R(0), \
                            n_slots > 1 ? XT_LOAD(s1 + v) : XT_R(0)}; \
            xt_real gradient = XT_LOAD(g + v); \
            if (l1 > 0 || l2 > 0) \
                gradient = xt_penalise(gradient, cell.p, l1, l2); \
            cell = xt_opt_##name(cell, gradient, hyper); \
            XT_STORE(cell.p, params + v); \
            if (n_slots > 0) \
                XT_STORE(cell.s0, s0 + v); \
            if (n_slots > 1) \
                XT_STORE(cell.s1, s1 + v); \
        } \
        break;
    switch (optimizer) { XT_OPTIMIZERS(XT_CASE) }
#undef XT_CASE
}

/* g = x' gz summed over rows, for the weights and biases of all layers in their turns; where `stores` to
 * gradients, which lie as params do, else each parameter is updated.
 * Work-groups: those until the last turn, ceil(inputs / block_inputs) * ceil(panels / block_panels) of each;
 * block_inputs, a multiple of XT_MR, is at most XT_BLOCK_INPUTS, block_panels at most XT_BLOCK_PANELS. x (rows, inputs)
 * of the first layer at x_at. */
__kernel XT_ONE void xt_weight_gradients(uint rows, __global const xt_layer *layers, __global const float *x, uint x_at,
                                         uint x_ld, __global const float *a, __global const float *gz,
                                         __global float *params, __global float *s0, __global float *s1, int n_slots,
                                         __global float *gradients, int stores, int optimizer, xt_hyper hyper)
{
    /* A step of a tile of x is written as vectors; the next step writes over what was too much. */
    const uint x_tile = XT_STRETCH * XT_MR + XT_W, gz_panel = XT_STRETCH * XT_NR;
    const uint ahead = 8; /* rows, until which memory has answered */
    __local float pack_x[XT_BLOCK_INPUTS / XT_MR * (XT_STRETCH * XT_MR + XT_W)];
    __local float pack_gz[XT_BLOCK_PANELS * XT_STRETCH * XT_NR];
    __local float partial[XT_BLOCK_INPUTS * XT_BLOCK_PANELS * XT_NR];
    uint group = (uint)get_group_id(0), i = 0, depth;
    if (rows == 0)
        return;
    depth = xt_part(rows, XT_STRETCH);
    while (group >= layers[i].groups)
        i++;
    group -= i ? layers[i - 1].groups : 0;
    i = layers[i].turn;
    xt_layer layer = layers[i];
    x = i ? a + layers[i - 1].at : x + x_at;
    x_ld = i ? layers[i - 1].ld : x_ld;
    gz += layer.at;
    /* Inputs are the rows of this product, and rows its terms. */
    xt_block b = xt_block_of(group, layer.inputs, xt_panels(layer.units), layer.block_inputs, layer.block_panels);
    for (uint k = 0; k < rows; k += depth) {
        uint n = min(depth, rows - k);
        /* Row by row: each may be a page of its own. */
        for (uint s = 0; s < n; s++) {
            __global const float *from_x = x + (size_t)(k + s) * x_ld + b.row_0;
            __global const float *from_gz = gz + (size_t)(k + s) * layer.ld + b.panel_0 * XT_NR;
            for (uint t = 0; t < b.row_1 - b.row_0; t += XT_LINE)
                XT_PREFETCH(from_x + ahead * x_ld + t);
            for (uint t = 0; t < (b.panel_1 - b.panel_0) * XT_NR; t += XT_LINE)
                XT_PREFETCH(from_gz + ahead * layer.ld + t);
            for (uint t = 0; t * XT_MR < b.row_1 - b.row_0; t++)
                XT_UNROLL for (int v = 0; v < XT_MR; v += XT_W)
                    XT_STORE(XT_LOAD(from_x + t * XT_MR + v), pack_x + t * x_tile + s * XT_MR + v);
            for (uint p = 0; p < b.panel_1 - b.panel_0; p++)
                XT_EACH_VECTOR XT_STORE(XT_LOAD(from_gz + p * XT_NR + j * XT_W), pack_gz + p * gz_panel + s * XT_NR + j * XT_W);
        }
        for (uint p = b.panel_0; p < b.panel_1; p++)
            for (uint r = b.row_0; r < b.row_1; r += XT_MR) {
                xt_real sums[XT_MR][XT_NV];
                __local float *part = partial + ((p - b.panel_0) * XT_BLOCK_INPUTS + r - b.row_0) * XT_NR;
                if (k)
                    xt_get_local(sums, part, XT_NR);
                else
                    xt_clear(sums);
                xt_add_packed(sums, pack_x + (r - b.row_0) / XT_MR * x_tile, 1, XT_MR, pack_gz + (p - b.panel_0) * gz_panel, n);
                xt_put_local(sums, part, XT_NR);
                if (k + depth >= rows)
                    xt_apply(part, layer.weight_at + ((size_t)p * layer.inputs + r) * XT_NR,
                             min((uint)XT_MR, layer.inputs - r) * XT_NV, params, s0, s1, n_slots, gradients, stores,
                             optimizer, layer.l1, layer.l2, hyper);
            }
    }
    for (uint u = b.panel_0 * XT_NR; b.row_0 == 0 && u < b.panel_1 * XT_NR; u += XT_W) {
        xt_real sum = XT_R(0);
        for (uint r = 0; r < rows; r++)
            sum += XT_LOAD(gz + (size_t)r * layer.ld + u);
        XT_STORE(sum, partial);
        xt_apply(partial, layer.bias_at + u, 1, params, s0, s1, n_slots, gradients, stores, optimizer, 0.0f, 0.0f, hyper);
    }
}
