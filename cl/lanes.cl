/* lanes.cl: many trainings at once, one in each lane. Built after device.h,
 * scalar.h, random.h, fused_shape.h and lanes_shape.h.
 *
 * On a CPU a work-item trains a block of XT_W nets, of which each value is a
 * vector: lane l of every vector is net l's. Elsewhere XT_W is 1, a block is a
 * work-group and each work-item has a net. No net has anything to do with
 * another one, so there is no barrier.
 *
 * The network is compiled in. The prelude says XT_W, and where that is 16
 * xt_real, xt_number and words as vectors; XT_JOB and XT_LAYERS, initialisers of
 * the structs of lanes_shape.h; XT_EACH_LAYER(DO) and XT_EACH_LAYER_BACK(DO),
 * DO(i) for every layer; and for small networks XT_UNROLL, said before loops over
 * units. Functions take no structs: copies of them are what a compiler gets
 * rid of last.
 *
 * Every buffer that lanes do not share has value i of lane l of block b at
 * (b * n + i) * lanes + l, n values a lane:
 * state: the parameters as the plan has them, then the optimiser's slots.
 * mem: a batch's inputs, targets and rows' weights; of each layer (rows, units)
 * values before and after activation, z and a, z becoming the gradient by z,
 * and what dropout multiplies by; gradients, where all are needed at once.
 * numbers, words: what is each net's own, at lanes_shape.h's places; the numbers
 * of the update are copied there.
 *
 * The order of summation is that of fused.cl, and each net has the bits that it
 * would have there. Of the sixteen sums that fused.cl takes over a later layer's
 * inputs one without any input is 0: that is left out here, since a zero changes
 * nothing but the sign of another one, which is made up for by adding it last. */

#if XT_W == 16
typedef float16 xt_v;
#define XT_STRIDE 1
#define XT_LANE 0
#define XT_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))
/* A function of single values for each lane: that of vectors may have other bits. */
#define XT_LANEWISE(f, v) \
    ((float16)(f((v).s0), f((v).s1), f((v).s2), f((v).s3), f((v).s4), f((v).s5), f((v).s6), f((v).s7), \
               f((v).s8), f((v).s9), f((v).sa), f((v).sb), f((v).sc), f((v).sd), f((v).se), f((v).sf)))
#define XT_GATHER(p, at) \
    ((float16)((p)[(at).s0], (p)[(at).s1], (p)[(at).s2], (p)[(at).s3], (p)[(at).s4], (p)[(at).s5], (p)[(at).s6], \
               (p)[(at).s7], (p)[(at).s8], (p)[(at).s9], (p)[(at).sa], (p)[(at).sb], (p)[(at).sc], (p)[(at).sd], \
               (p)[(at).se], (p)[(at).sf]))
#define XT_IS_ANY(lanes) any(lanes)
#define XT_PUT(p, at, l, value) ((__global uint *)(p))[(at).s##l * 16u + 0x##l##u] = (value);
#define XT_SCATTER(p, at, value) \
    XT_PUT(p, at, 0, value) XT_PUT(p, at, 1, value) XT_PUT(p, at, 2, value) XT_PUT(p, at, 3, value) \
    XT_PUT(p, at, 4, value) XT_PUT(p, at, 5, value) XT_PUT(p, at, 6, value) XT_PUT(p, at, 7, value) \
    XT_PUT(p, at, 8, value) XT_PUT(p, at, 9, value) XT_PUT(p, at, a, value) XT_PUT(p, at, b, value) \
    XT_PUT(p, at, c, value) XT_PUT(p, at, d, value) XT_PUT(p, at, e, value) XT_PUT(p, at, f, value)
#else
typedef float xt_v;
#define XT_STRIDE ((int)get_local_size(0))
#define XT_LANE ((int)get_local_id(0))
#define XT_GROUP
#define XT_LANEWISE(f, v) f(v)
#define XT_GATHER(p, at) ((p)[at])
#define XT_IS_ANY(lanes) (lanes)
#define XT_SCATTER(p, at, value) XT_AT(p, (int)(at)) = (value);
#endif
#define XT_INLINE static inline __attribute__((always_inline))
#ifndef XT_UNROLL
#define XT_UNROLL
#endif
#define XT_UNROLL_ALL _Pragma("unroll")

/* Value i of a lane, or of all of a vector. */
#define XT_AT(p, i) ((p)[(i) * XT_STRIDE])
/* A block's part of a buffer that has n values a lane. */
#define XT_PART(p, n) ((p) + get_group_id(0) * (size_t)(n) * (size_t)XT_STRIDE + (size_t)XT_LANE)

/* What functions have of their lanes. */
#define XT_OWN __global xt_v *state, __global xt_v *mem, __global xt_v *numbers
#define XT_HERE state, mem, numbers

__constant xt_lanes_job xt_job = XT_JOB;
__constant xt_lanes_layer xt_layers[] = XT_LAYERS;
#define XT_LAST (xt_job.n_layers - 1)

/* Of layer l. */
#define XT_LAYER_NUMBER(l, i) XT_AT(numbers, XT_LANES_LAYERS + (l) * XT_LANES_LAYER_NUMBERS + (i))

/* ---- the order of the rows ---- */

/* That of n rows in an epoch, as the host's xt_shuffle (model/rng.h) has it: stably sorted by random words, which are
 * kept behind it. A row's place is the number of those before it. */
XT_INLINE void xt_draw_order(__global xt_word *order, __global const xt_word *words, int n, uint epoch)
{
    __global xt_word *drawn = &XT_AT(order, n);
    xt_key base = {XT_AT(words, XT_LANES_ORDER_HI), XT_AT(words, XT_LANES_ORDER_LO)}, key;
    xt_word second = (xt_word)(epoch);
    key.hi = xt_threefry(base, (xt_word)(0), &second);
    key.lo = second;
    int pairs = (n + 1) / 2;
    for (int i = 0; i < pairs; i++) {
        bool paired = i + pairs < n;
        second = (xt_word)(paired ? (uint)(i + pairs) : 0u);
        XT_AT(drawn, i) = xt_threefry(key, (xt_word)((uint)i), &second);
        if (paired)
            XT_AT(drawn, i + pairs) = second;
    }
    /* Which 1 that is the compiler must not know: else it widens truths of vectors, of which oclgrind makes 255. */
    volatile uint unknown = 1;
    xt_word one = (xt_word)(unknown), zero = (xt_word)(0);
    for (int i = 0; i < n; i++) {
        xt_word own = XT_AT(drawn, i), place = zero;
        for (int j = 0; j < i; j++)
            place += XT_AT(drawn, j) <= own ? one : zero;
        for (int j = i + 1; j < n; j++)
            place += XT_AT(drawn, j) < own ? one : zero;
        XT_SCATTER(order, place, (uint)i)
    }
}

/* ---- a batch ---- */

/* Value i of the row that is r-th in the epoch, of rows of n values. */
XT_INLINE xt_v xt_value_of(__global const float *from, __global const xt_word *order, int r, int n, int i)
{
    if (!xt_job.shuffled)
        return (xt_v)(from[r * n + i]);
    return XT_GATHER(from, XT_AT(order, r) * (xt_word)((uint)n) + (xt_word)((uint)i));
}

/* n values of each row from `first` on of rows as they come, to mem. */
XT_INLINE void xt_copy(__global xt_v *mem, __global const float *from, int first, int rows, int n)
{
    for (int i = 0; i < rows * n; i++)
        XT_AT(mem, i) = (xt_v)(from[first * n + i]);
}

/* n values of each row from `first` on of the epoch, to mem. */
XT_INLINE void xt_gather(__global xt_v *mem, __global const float *from, __global const xt_word *order, int first,
                         int rows, int n)
{
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++)
            XT_AT(mem, r * n + i) = xt_value_of(from, order, first + r, n, i);
}

/* The rows' weights to mem. Becomes the sum of their shares. */
XT_INLINE xt_v xt_weigh(__global xt_v *mem, __global const float *weights, __global const xt_word *order, int first,
                        int rows)
{
    if (!xt_job.weighted)
        return (xt_v)((float)rows);
    xt_sum shares = {(xt_v)(0), (xt_v)(0)};
    for (int r = 0; r < rows; r++) {
        XT_AT(mem, xt_job.weights + r) = xt_value_of(weights, order, first + r, 2, 0);
        shares = xt_sum_add(shares, xt_value_of(weights, order, first + r, 2, 1));
    }
    return shares.hi + shares.lo;
}

/* What dropout multiplies layer l's outputs by, to mem. */
XT_INLINE void xt_drop(__global xt_v *mem, __global const xt_v *numbers, __global const xt_word *words, int l, int rows,
                       xt_word second)
{
    if (!xt_layers[l].drops)
        return;
    xt_key base = {XT_AT(words, XT_LANES_KEY_HI), XT_AT(words, XT_LANES_KEY_LO)}, key;
    key.hi = xt_threefry(base, (xt_word)(0), &second);
    key.lo = second;
    for (int r = 0; r < rows; r++)
        for (int u = 0; u < xt_layers[l].units; u++)
            XT_AT(mem, xt_layers[l].kept + r * xt_layers[l].units + u) =
                xt_kept(key, l, (xt_word)((uint)u), r, XT_AT(words, XT_LANES_DROPS + l),
                        XT_LAYER_NUMBER(l, XT_LANES_SCALE));
}

/* ---- updates ---- */

/* What is switched off is a 0 that the compiler sees. */
#define XT_HYPER(k) (xt_job.hyper_on & 1 << (k) ? XT_AT(numbers, XT_LANES_HYPER + (k)) : (xt_v)(0))

/* Parameter i, of layer l, by its gradient g. */
XT_INLINE void xt_apply(XT_OWN, int l, int begins, int i, xt_v g)
{
    xt_hyper hyper = {XT_AT(numbers, XT_LANES_RATE), begins ? 1.0f : 0.0f, XT_AT(numbers, XT_LANES_CORRECTION1),
                      XT_AT(numbers, XT_LANES_CORRECTION2),
                      {(xt_v)(0), XT_HYPER(1), XT_HYPER(2), XT_HYPER(3), XT_HYPER(4), XT_HYPER(5)}};
    xt_cell cell = {XT_AT(state, i), (xt_v)(0), (xt_v)(0)};
    if (xt_job.clips_value)
        g = xt_clip_value(g, XT_AT(numbers, XT_LANES_CLIP_VALUE));
    if (xt_layers[l].penalised && i < xt_layers[l].bias)
        g = xt_penalise(g, cell.p, XT_LAYER_NUMBER(l, XT_LANES_L1), XT_LAYER_NUMBER(l, XT_LANES_L2));
    if (xt_job.n_slots > 0)
        cell.s0 = XT_AT(state, xt_job.n_params + i);
    if (xt_job.n_slots > 1)
        cell.s1 = XT_AT(state, 2 * xt_job.n_params + i);
    cell = xt_update(xt_job.optimizer, cell, g, hyper);
    XT_AT(state, i) = cell.p;
    if (xt_job.n_slots > 0)
        XT_AT(state, xt_job.n_params + i) = cell.s0;
    if (xt_job.n_slots > 1)
        XT_AT(state, 2 * xt_job.n_params + i) = cell.s1;
}

/* Where the norm of all is needed first, a gradient waits in mem. */
XT_INLINE void xt_take_gradient(XT_OWN, int l, int begins, int i, xt_v g)
{
    if (xt_job.clips_norm)
        XT_AT(mem, xt_job.gradients + i) = g;
    else
        xt_apply(XT_HERE, l, begins, i, g);
}

/* ---- products ---- */

/* For n values j the sum over k of s[k] * v[j][k], ascending from the first product
 * on; s steps sk from k to k, v vk and from j to j vj. Four are worked out at
 * once, and TAKE has each of them while it is in a register, with the layer, a
 * flag and the row i. */
#define XT_TILE(NAME, N, TAKE) \
    XT_INLINE void NAME##_##N(XT_OWN, int l, int flag, int i, int j, __global const xt_v *s, int sk, \
                              __global const xt_v *v, int vj, int vk, int depth) \
    { \
        xt_v sum[N], x = XT_AT(s, 0); \
        XT_UNROLL_ALL for (int t = 0; t < N; t++) \
            sum[t] = x * XT_AT(v, t * vj); \
        XT_UNROLL for (int k = 1; k < depth; k++) { \
            x = XT_AT(s, k * sk); \
            XT_UNROLL_ALL for (int t = 0; t < N; t++) \
                sum[t] += x * XT_AT(v, k * vk + t * vj); \
        } \
        XT_UNROLL_ALL for (int t = 0; t < N; t++) \
            TAKE(XT_HERE, l, flag, i, j + t, sum[t]); \
    }

#define XT_PRODUCT(NAME, TAKE) \
    XT_TILE(NAME, 4, TAKE) \
    XT_TILE(NAME, 2, TAKE) \
    XT_TILE(NAME, 1, TAKE) \
    XT_INLINE void NAME(XT_OWN, int l, int flag, int i, int n, __global const xt_v *s, int sk, __global const xt_v *v, \
                        int vj, int vk, int depth) \
    { \
        int whole = n / 4 * 4, rest = n % 4 / 2 * 2; \
        XT_UNROLL for (int j = 0; j < whole; j += 4) \
            NAME##_4(XT_HERE, l, flag, i, j, s, sk, &XT_AT(v, j * vj), vj, vk, depth); \
        if (rest) \
            NAME##_2(XT_HERE, l, flag, i, whole, s, sk, &XT_AT(v, whole * vj), vj, vk, depth); \
        if (n % 2) \
            NAME##_1(XT_HERE, l, flag, i, n - 1, s, sk, &XT_AT(v, (n - 1) * vj), vj, vk, depth); \
    }

/* The products of inputs k, k + 16, .. of n. */
XT_INLINE xt_v xt_dot_16(__global const xt_v *x, __global const xt_v *w, int k, int n)
{
    xt_v sum = XT_AT(x, k) * XT_AT(w, k);
    for (k += XT_LANES; k < n; k += XT_LANES)
        sum += XT_AT(x, k) * XT_AT(w, k);
    return sum;
}

/* Those of k, k + STEP, ..: half of them and the other half. */
#define XT_HALVES(WHOLE, HALF, STEP) \
    XT_INLINE xt_v WHOLE(__global const xt_v *x, __global const xt_v *w, int k, int n) \
    { \
        xt_v sum = HALF(x, w, k, n); \
        if (k + STEP < n) \
            sum += HALF(x, w, k + STEP, n); \
        return sum; \
    }
XT_HALVES(xt_dot_8, xt_dot_16, 8)
XT_HALVES(xt_dot_4, xt_dot_8, 4)
XT_HALVES(xt_dot_2, xt_dot_4, 2)
XT_HALVES(xt_dot_1, xt_dot_2, 1)

XT_INLINE xt_v xt_dot(__global const xt_v *x, __global const xt_v *w, int n)
{
    xt_v sum = xt_dot_1(x, w, 0, n);
    return n % XT_LANES ? sum + (xt_v)(0) : sum;
}

/* The sum of XT_LANES values, as xt_dot adds them. */
XT_INLINE xt_v xt_lanes_sum(xt_v *v)
{
    for (int far = XT_LANES / 2; far; far /= 2)
        for (int k = 0; k < far; k++)
            v[k] += v[k + far];
    return v[0];
}

/* ---- forward ---- */

/* Unit u's sum of products in row r. Back to z only training goes. */
XT_INLINE void xt_take_z(XT_OWN, int l, int trains, int r, int u, xt_v sum)
{
    int place = r * xt_layers[l].units + u;
    xt_v value = sum + XT_AT(state, xt_layers[l].bias + u);
    if (trains || l == XT_LAST)
        XT_AT(mem, xt_layers[l].z + place) = value;
    value = xt_activate(xt_layers[l].activation, value, XT_LAYER_NUMBER(l, XT_LANES_PARAM));
    if (trains && xt_layers[l].drops)
        value *= XT_AT(mem, xt_layers[l].kept + place);
    XT_AT(mem, xt_layers[l].a + place) = value;
}

XT_PRODUCT(xt_first_forward, xt_take_z)

/* A row of a softmax layer's z less the logarithm of its sum of exponentials, and a. */
XT_INLINE void xt_log_softmax(__global xt_v *z, __global xt_v *a, int units)
{
    xt_v v[XT_LANES], top;
    for (int k = 0; k < XT_LANES; k++)
        v[k] = (xt_v)(-INFINITY);
    for (int u = 0; u < units; u++)
        v[u % XT_LANES] = XT_AT(z, u) > v[u % XT_LANES] ? XT_AT(z, u) : v[u % XT_LANES];
    for (int far = XT_LANES / 2; far; far /= 2)
        for (int k = 0; k < far; k++)
            v[k] = v[k] > v[k + far] ? v[k] : v[k + far];
    top = v[0];
    for (int k = 0; k < XT_LANES; k++)
        v[k] = (xt_v)(0);
    for (int u = 0; u < units; u++)
        v[u % XT_LANES] += xt_exp(XT_AT(z, u) - top);
    xt_v sum = xt_lanes_sum(v), rest = XT_LANEWISE(log, sum);
    for (int u = 0; u < units; u++) {
        xt_v value = XT_AT(z, u) - top - rest;
        XT_AT(z, u) = value;
        XT_AT(a, u) = xt_activate(XT_ACT_softmax, value, (xt_v)(0));
    }
}

XT_INLINE void xt_forward(XT_OWN, int l, int rows, int trains)
{
    int inputs = xt_layers[l].inputs, units = xt_layers[l].units;
    __global const xt_v *weight = &XT_AT(state, xt_layers[l].weight);
    for (int r = 0; r < rows; r++) {
        __global const xt_v *x = &XT_AT(mem, xt_layers[l].x + r * inputs);
        if (l == 0) {
            xt_first_forward(XT_HERE, l, trains, r, units, x, 1, weight, inputs, 1, inputs);
        } else {
            XT_UNROLL for (int u = 0; u < units; u++)
                xt_take_z(XT_HERE, l, trains, r, u, xt_dot(x, &XT_AT(weight, u * inputs), inputs));
        }
        if (xt_layers[l].activation == XT_ACT_softmax)
            xt_log_softmax(&XT_AT(mem, xt_layers[l].z + r * units), &XT_AT(mem, xt_layers[l].a + r * units), units);
    }
}

/* Row r's loss. */
XT_INLINE xt_v xt_row_loss(__global const xt_v *mem, __global const xt_v *numbers, int r)
{
    xt_v loss = (xt_v)(0);
    XT_UNROLL for (int u = 0; u < xt_job.n_outputs; u++) {
        int place = r * xt_job.n_outputs + u;
        loss += xt_loss(xt_job.loss, XT_AT(mem, xt_layers[XT_LAST].z + place), XT_AT(mem, xt_layers[XT_LAST].a + place),
                        XT_AT(mem, xt_job.y + place), XT_AT(numbers, XT_LANES_LOSS));
    }
    return loss;
}

/* ---- back ---- */

/* The last layer's gradients by z of the mean loss, for which a batch's shares are divided by. */
XT_INLINE void xt_output_gradients(__global xt_v *mem, __global const xt_v *numbers, int rows, xt_v shares)
{
    xt_v scale = (xt_v)(1.0f) / (shares * (xt_v)((float)xt_job.loss_values));
    for (int r = 0; r < rows; r++) {
        xt_v factor = xt_job.weighted ? XT_AT(mem, xt_job.weights + r) * scale : scale;
        XT_UNROLL for (int u = 0; u < xt_job.n_outputs; u++) {
            int place = r * xt_job.n_outputs + u;
            XT_AT(mem, xt_layers[XT_LAST].z + place) =
                xt_output_grad(xt_job.loss, XT_AT(numbers, XT_LANES_LOSS), xt_layers[XT_LAST].activation,
                               XT_LAYER_NUMBER(XT_LAST, XT_LANES_PARAM), XT_AT(mem, xt_layers[XT_LAST].z + place),
                               XT_AT(mem, xt_layers[XT_LAST].a + place), XT_AT(mem, xt_job.y + place), factor);
        }
    }
}

/* Unit u's gradient by a in row r: that by z. */
XT_INLINE void xt_take_back(XT_OWN, int l, int drops, int r, int u, xt_v g)
{
    int place = r * xt_layers[l].units + u;
    xt_v param = XT_LAYER_NUMBER(l, XT_LANES_PARAM);
    xt_v before = XT_AT(mem, xt_layers[l].z + place), after = XT_AT(mem, xt_layers[l].a + place);
    if (drops && xt_layers[l].drops) {
        g *= XT_AT(mem, xt_layers[l].kept + place);
        after = xt_activate(xt_layers[l].activation, before, param); /* what it was before */
    }
    XT_AT(mem, xt_layers[l].z + place) = g * xt_activate_grad(xt_layers[l].activation, before, after, param);
}

/* Of unit u's weight for input k. */
XT_INLINE void xt_take_weight(XT_OWN, int l, int begins, int u, int k, xt_v g)
{
    xt_take_gradient(XT_HERE, l, begins, xt_layers[l].weight + u * xt_layers[l].inputs + k, g);
}

XT_PRODUCT(xt_input_gradients, xt_take_back)
XT_PRODUCT(xt_weight_gradients, xt_take_weight)

/* Layer l's gradients by z are there. Those of the layer below become so before this one's weights change. */
XT_INLINE void xt_backward(XT_OWN, int l, int rows, int begins)
{
    int inputs = xt_layers[l].inputs, units = xt_layers[l].units;
    __global const xt_v *z = &XT_AT(mem, xt_layers[l].z), *x = &XT_AT(mem, xt_layers[l].x);
    __global const xt_v *weight = &XT_AT(state, xt_layers[l].weight);
    for (int r = 0; l > 0 && r < rows; r++)
        xt_input_gradients(XT_HERE, l - 1, xt_job.drops, r, inputs, &XT_AT(z, r * units), 1, weight, 1, inputs, units);
    for (int u = 0; u < units; u++) {
        xt_weight_gradients(XT_HERE, l, begins, u, inputs, &XT_AT(z, u), units, x, 1, inputs, rows);
        xt_v sum = XT_AT(z, u);
        for (int r = 1; r < rows; r++)
            sum += XT_AT(z, r * units + u);
        xt_take_gradient(XT_HERE, l, begins, xt_layers[l].bias + u, sum);
    }
}

/* Adds the squares of rows of n gradients to the sums: those of fused.cl, where rows are padded. */
XT_INLINE void xt_add_squares(xt_v *sums, __global const xt_v *g, int rows, int row_step, int n, int step)
{
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < n; i++) {
            xt_v value = XT_AT(g, r * row_step + i * step);
            sums[i % XT_LANES] += value * value;
        }
}

/* Layers lie as in fused.cl: the first by input, later ones by unit. */
XT_INLINE void xt_squares(__global const xt_v *gradients, int l, xt_v *sums)
{
    int inputs = xt_layers[l].inputs, units = xt_layers[l].units;
    if (l == 0)
        xt_add_squares(sums, &XT_AT(gradients, xt_layers[l].weight), inputs, 1, units, inputs);
    else
        xt_add_squares(sums, &XT_AT(gradients, xt_layers[l].weight), units, inputs, inputs, 1);
    xt_add_squares(sums, &XT_AT(gradients, xt_layers[l].bias), 1, 0, units, 1);
}

/* What waited in mem. */
XT_INLINE void xt_apply_layer(XT_OWN, int l, int begins, xt_v factor)
{
    for (int i = xt_layers[l].weight; i < xt_layers[l].bias + xt_layers[l].units; i++)
        xt_apply(XT_HERE, l, begins, i, XT_AT(mem, xt_job.gradients + i) * factor);
}

/* ---- the kernel ---- */

#define XT_DO_DROP(l) xt_drop(mem, numbers, words, l, rows, (xt_word)(update + (uint)step));
/* Between layers, so that a compiler loads what it stored, which is in the cache, rather than keep a network in
 * registers that it does not have: of a CPU's updates this saves a twentieth. */
#if XT_W == 16
#define XT_LOAD_AGAIN mem_fence(CLK_GLOBAL_MEM_FENCE);
#else
#define XT_LOAD_AGAIN
#endif

/* Adds the losses of a batch that went forward, times their weights and `factor`, to `sum`. */
#define XT_ADD_LOSSES(weighted, factor) \
    for (int r = 0; r < rows; r++) { \
        xt_v loss = xt_row_loss(mem, numbers, r); \
        if (weighted) \
            loss = loss * XT_AT(mem, xt_job.weights + r) * (factor); \
        sum = xt_sum_add(sum, loss); \
    }
/* Its outputs, for metrics; it begins with row `from`. */
#define XT_KEEP_OUTPUTS \
    for (int i = 0; xt_job.keeps && i < rows * xt_job.n_outputs; i++) \
        XT_AT(kept, from * xt_job.n_outputs + i) = XT_AT(mem, xt_layers[XT_LAST].a + i);

#define XT_DO_FORWARD(l) XT_LOAD_AGAIN xt_forward(XT_HERE, l, rows, pass == 0);
#define XT_DO_BACKWARD(l) XT_LOAD_AGAIN xt_backward(XT_HERE, l, rows, begins);
#define XT_DO_SQUARES(l) xt_squares(&XT_AT(mem, xt_job.gradients), l, sums);
#define XT_DO_APPLY(l) xt_apply_layer(XT_HERE, l, begins, factor);

/* Trains n_epochs of every block that has a lane on.
 * Index space: as many work-groups as blocks, on CPUs of one work-item.
 * saved: laid out like the state, what lanes had when they were stopped.
 * inputs (.., n_inputs), targets (.., n_outputs); weights: (.., 2) where
 * weighted, a row's weight in the loss and its share of what the loss is divided
 * by. order: where it is given (n_epochs, n_rows) a lane; where it is drawn room for (2, n_rows), and first_epoch what
 * the first epoch is drawn for. on: 1 a lane. steps:
 * (n_steps, XT_LANES_STEP) a lane, each for `every` updates, the last for all
 * that follow. kept: (n_epochs, n_rows, n_outputs) a lane where kept, rows as they came. update: the number of the first. results: (n_epochs, 2) a lane,
 * sums and their rounding. */
__kernel XT_GROUP void xt_lanes(__global xt_v *restrict state, __global xt_v *restrict saved,
                                __global xt_v *restrict mem, __global const float *restrict inputs,
                                __global const float *restrict targets, __global const float *restrict weights,
                                __global xt_word *restrict order, __global xt_v *restrict numbers,
                                __global const xt_word *restrict words, __global const xt_word *restrict on,
                                __global const xt_v *restrict steps, int n_steps, int every, uint update,
                                uint first_epoch, int n_rows, int n_epochs, __global xt_v *restrict results,
                                __global xt_v *restrict kept)
{
    /* To compile it, a driver may want a launch of no epoch. */
    if (n_epochs == 0)
        return;
    xt_word is_on = XT_AT(XT_PART(on, 1), 0);
    if (!XT_IS_ANY(is_on == (xt_word)(XT_LANES_ON)))
        return;
    state = XT_PART(state, xt_job.n_state);
    saved = XT_PART(saved, xt_job.n_state);
    mem = XT_PART(mem, xt_job.n_mem);
    numbers = XT_PART(numbers, xt_job.n_numbers);
    words = XT_PART(words, xt_job.n_words);
    steps = XT_PART(steps, n_steps * XT_LANES_STEP);
    results = XT_PART(results, n_epochs * 2);
    if (xt_job.shuffled)
        order = XT_PART(order, (xt_job.shuffled == XT_LANES_DRAWN ? 2 : n_epochs) * n_rows);
    if (xt_job.keeps)
        kept = XT_PART(kept, n_epochs * n_rows * xt_job.n_outputs);
    /* Those that are stopped go on with the others, but not what they had. */
    if (XT_IS_ANY(is_on == (xt_word)(XT_LANES_STOPPED)))
        for (int i = 0; i < xt_job.n_state; i++)
            XT_AT(saved, i) = is_on == (xt_word)(XT_LANES_STOPPED) ? XT_AT(state, i) : XT_AT(saved, i);
    int step = 0;
    for (int epoch = 0; epoch < n_epochs; epoch++) {
        xt_sum sum = {(xt_v)(0), (xt_v)(0)};
        if (xt_job.shuffled == XT_LANES_DRAWN)
            xt_draw_order(order, words, n_rows, first_epoch + (uint)epoch);
        /* Visit 0 trains, visit 1 goes forward alone. */
        int n_visits = xt_job.report == XT_FUSED_EVAL ? 2 : 1;
        XT_UNROLL_ALL for (int visit = 0; visit < n_visits; visit++) {
            for (int from = 0; from < n_rows; from += xt_job.batch) {
                int rows = xt_job.batch == 1 ? 1 : min(xt_job.batch, n_rows - from);
                int last = xt_job.report == XT_FUSED_POST_UPDATE ? 1 : visit;
                xt_gather(&XT_AT(mem, xt_job.x), inputs, order, from, rows, xt_job.n_inputs);
                xt_gather(&XT_AT(mem, xt_job.y), targets, order, from, rows, xt_job.n_outputs);
                xt_v shares = xt_weigh(mem, weights, order, from, rows);
                XT_UNROLL_ALL for (int pass = visit; pass <= last; pass++) {
                    if (xt_job.drops && pass == 0) {
                        XT_EACH_LAYER(XT_DO_DROP)
                    }
                    XT_EACH_LAYER(XT_DO_FORWARD)
                    if (pass == 1 || xt_job.report == XT_FUSED_RUNNING) {
                        xt_v factor = visit == 1 ? (xt_v)(1.0f) : (xt_v)((float)rows) / shares;
                        XT_ADD_LOSSES(xt_job.weighted, factor)
                        XT_KEEP_OUTPUTS
                    }
                    if (pass == 0) {
                        int begins = update + (uint)step == 0, own = min(step / every, n_steps - 1) * XT_LANES_STEP;
                        for (int i = 0; i < XT_LANES_STEP; i++)
                            XT_AT(numbers, XT_LANES_RATE + i) = XT_AT(steps, own + i);
                        xt_output_gradients(mem, numbers, rows, shares);
                        XT_EACH_LAYER_BACK(XT_DO_BACKWARD)
                        if (xt_job.clips_norm) {
                            xt_v sums[XT_LANES];
                            for (int k = 0; k < XT_LANES; k++)
                                sums[k] = (xt_v)(0);
                            XT_EACH_LAYER(XT_DO_SQUARES)
                            xt_v square = xt_lanes_sum(sums), norm = XT_LANEWISE(sqrt, square);
                            xt_v factor = xt_clip_factor(norm, XT_AT(numbers, XT_LANES_CLIP_NORM));
                            XT_EACH_LAYER(XT_DO_APPLY)
                        }
                        step++;
                    }
                }
            }
        }
        XT_AT(results, 2 * epoch) = sum.hi;
        XT_AT(results, 2 * epoch + 1) = sum.lo;
        if (xt_job.shuffled == XT_LANES_GIVEN)
            order += n_rows * XT_STRIDE;
        if (xt_job.keeps)
            kept += n_rows * xt_job.n_outputs * XT_STRIDE;
    }
}

#ifdef XT_SCORES
/* Loss and outputs of n_rows rows that are not trained on, by every block that has a lane on.
 * Index space: that of xt_lanes. inputs (.., n_inputs), targets (.., n_outputs), weights (..) where
 * scores_weighted: as they come. results: 2 a lane, the sum of the losses and its rounding. kept: (n_rows,
 * n_outputs) a lane where outputs are kept. */
__kernel XT_GROUP void xt_lanes_score(__global xt_v *restrict state, __global xt_v *restrict mem,
                                      __global const float *restrict inputs, __global const float *restrict targets,
                                      __global const float *restrict weights, __global xt_v *restrict numbers,
                                      __global const xt_word *restrict on, int n_rows, __global xt_v *restrict results,
                                      __global xt_v *restrict kept)
{
    if (n_rows == 0 || !XT_IS_ANY(XT_AT(XT_PART(on, 1), 0) == (xt_word)(XT_LANES_ON)))
        return;
    state = XT_PART(state, xt_job.n_state);
    mem = XT_PART(mem, xt_job.n_mem);
    numbers = XT_PART(numbers, xt_job.n_numbers);
    results = XT_PART(results, 2);
    if (xt_job.keeps)
        kept = XT_PART(kept, n_rows * xt_job.n_outputs);
    xt_sum sum = {(xt_v)(0), (xt_v)(0)};
    const int pass = 1;
    for (int from = 0; from < n_rows; from += xt_job.batch) {
        int rows = xt_job.batch == 1 ? 1 : min(xt_job.batch, n_rows - from);
        xt_copy(&XT_AT(mem, xt_job.x), inputs, from, rows, xt_job.n_inputs);
        xt_copy(&XT_AT(mem, xt_job.y), targets, from, rows, xt_job.n_outputs);
        if (xt_job.scores_weighted)
            xt_copy(&XT_AT(mem, xt_job.weights), weights, from, rows, 1);
        XT_EACH_LAYER(XT_DO_FORWARD)
        XT_ADD_LOSSES(xt_job.scores_weighted, (xt_v)(1.0f))
        XT_KEEP_OUTPUTS
    }
    XT_AT(results, 0) = sum.hi;
    XT_AT(results, 1) = sum.lo;
}
#endif
