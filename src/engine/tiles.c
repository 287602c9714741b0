#include "engine/tiles.h"

#include "model/ops.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t divided(size_t n, size_t by)
{
    return (n + by - 1) / by;
}

static size_t rounded(size_t n, size_t to)
{
    return divided(n, to) * to;
}

/* ---- form ---- */

/* By the registers that such vectors come with: sums of 6 x 2 leave four of sixteen for a row of b and a value
 * of a; with AVX-512 there are 32. */
static const xt_tiles forms[] = {
    {.width = 16, .vectors = 2, .rows = 12, .depth = 512, .block_inputs = 96, .block_panels = 8},
    {.width = 8, .vectors = 2, .rows = 6, .depth = 512, .block_inputs = 96, .block_panels = 16},
    {.width = 4, .vectors = 2, .rows = 6, .depth = 512, .block_inputs = 96, .block_panels = 16},
};
enum { N_FORMS = sizeof forms / sizeof forms[0] };

/* A device says in OpenCL that it can fma, not whether that takes a call of a library: x86 before 2013. */
static bool has_fma(void)
{
#if defined __x86_64__ || defined __i386__
    return __builtin_cpu_supports("fma");
#else
    return true;
#endif
}

/* Rows that a weight gradient adds up at once: it has both operands in local memory. */
static size_t stretch_of(const xt_tiles *tiles)
{
    return ((size_t)tiles->depth + 1) / 2;
}

/* Of a kernel that takes most. */
size_t xt_tiles_local_bytes(const xt_tiles *tiles)
{
    size_t columns = xt_tiles_columns(tiles), rows = (size_t)tiles->rows, inputs = (size_t)tiles->block_inputs;
    size_t panels = (size_t)tiles->block_panels, pass = (size_t)tiles->depth * columns;
    size_t x = inputs / rows * (stretch_of(tiles) * rows + (size_t)tiles->width), gz = panels * stretch_of(tiles) * columns;
    size_t weights = x + gz + inputs * panels * columns;
    return (pass > weights ? pass : weights) * sizeof(float);
}

/* What a driver takes of it for itself. */
static const size_t reserve = 2048;

xt_status xt_tiles_suit(const xt_device *device, xt_tiles *out, xt_err *err)
{
    size_t i = 0;
    while (i + 1 < N_FORMS && (cl_uint)forms[i].width > device->vector_width)
        i++;
    xt_tiles tiles = forms[i];
    tiles.fma = has_fma();
    while (xt_tiles_local_bytes(&tiles) + reserve > device->local_bytes) {
        if (tiles.depth > 256)
            tiles.depth /= 2;
        else if (tiles.block_panels > 1)
            tiles.block_panels /= 2;
        else if (tiles.block_inputs > 2 * tiles.rows)
            tiles.block_inputs = (int)rounded((size_t)tiles.block_inputs / 2, (size_t)tiles.rows);
        else if (tiles.depth > 64)
            tiles.depth /= 2;
        else
            return xt_fail(err, XT_FAILED, "%s has %llu bytes of local memory; the gemm engine needs %zu", device->name,
                           (unsigned long long)device->local_bytes, xt_tiles_local_bytes(&tiles) + reserve);
    }
    *out = tiles;
    return XT_OK;
}

/* Beyond these a tile is in no processor's registers and a block in no cache. */
enum { MAX_ROWS = 32, MAX_VECTORS = 8, MAX_DEPTH = 4096, MAX_BLOCK_INPUTS = 4096, MAX_BLOCK_PANELS = 64 };

static bool is_from(int value, int least, int most)
{
    return value >= least && value <= most;
}

xt_status xt_tiles_check(const xt_tiles *tiles, cl_ulong local_bytes, xt_err *err)
{
    if (tiles->width != 4 && tiles->width != 8 && tiles->width != 16)
        return xt_fail(err, XT_FAILED, "vectors of %d floats", tiles->width);
    if (!is_from(tiles->rows, 1, MAX_ROWS) || !is_from(tiles->vectors, 1, MAX_VECTORS))
        return xt_fail(err, XT_FAILED, "tiles of %d rows by %d vectors", tiles->rows, tiles->vectors);
    size_t columns = xt_tiles_columns(tiles);
    /* A step of x is read in whole vectors; memory goes on for a tile's columns beyond the last row. */
    if (rounded((size_t)tiles->rows, (size_t)tiles->width) > columns)
        return xt_fail(err, XT_FAILED, "tiles of %d rows by %zu columns", tiles->rows, columns);
    /* The gradient by inputs takes whole panels of a weight matrix at a time. */
    if (!is_from(tiles->depth, 1, MAX_DEPTH) || (size_t)tiles->depth % columns)
        return xt_fail(err, XT_FAILED, "a depth of %d with panels of %zu", tiles->depth, columns);
    if (!is_from(tiles->block_inputs, 1, MAX_BLOCK_INPUTS) || tiles->block_inputs % tiles->rows ||
        !is_from(tiles->block_panels, 1, MAX_BLOCK_PANELS))
        return xt_fail(err, XT_FAILED, "blocks of %d inputs by %d panels", tiles->block_inputs, tiles->block_panels);
    if (xt_tiles_local_bytes(tiles) + reserve > local_bytes)
        return xt_fail(err, XT_FAILED, "%zu bytes of local memory of %llu", xt_tiles_local_bytes(tiles) + reserve,
                       (unsigned long long)local_bytes);
    return XT_OK;
}

void xt_tiles_describe(const xt_tiles *tiles, char *out, size_t n_bytes)
{
    snprintf(out, n_bytes, "tiles of %d x %zu in vectors of %d, %d deep, blocks of %d x %d", tiles->rows,
             xt_tiles_columns(tiles), tiles->width, tiles->depth, tiles->block_inputs, tiles->block_panels);
}

bool xt_tiles_same(const xt_tiles *a, const xt_tiles *b)
{
    return a->width == b->width && a->vectors == b->vectors && a->rows == b->rows && a->depth == b->depth &&
           a->block_inputs == b->block_inputs && a->block_panels == b->block_panels && a->fma == b->fma;
}

size_t xt_tiles_panels(const xt_tiles *tiles, size_t columns)
{
    return divided(columns, xt_tiles_columns(tiles));
}

/* An odd number of cache lines: rows at a distance of a power of two would fall into the same few sets of a cache. */
size_t xt_tiles_stride(const xt_tiles *tiles, size_t columns)
{
    enum { LINE = 16 };
    size_t n = rounded(rounded(columns, xt_tiles_columns(tiles)), LINE);
    return n / LINE % 2 ? n : n + LINE;
}

size_t xt_tiles_rows(const xt_tiles *tiles, size_t n, size_t columns)
{
    return rounded(n, (size_t)tiles->rows) * xt_tiles_stride(tiles, columns) + xt_tiles_columns(tiles);
}

/* ---- the parameters ---- */

void xt_tiles_lay_out(const xt_tiles *tiles, const xt_plan *plan, xt_tiled_params *out)
{
    size_t at = 0, columns = xt_tiles_columns(tiles);
    out->n_layers = plan->n_layers;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *from = &plan->layers[i];
        size_t padded = rounded(from->units, columns);
        out->layers[i] = (xt_tiled_layer){from->inputs, from->units, at, at + from->inputs * padded};
        at += (from->inputs + 1) * padded;
    }
    out->n_floats = at;
}

/* Where unit u's weight for input k is. */
static size_t weight_at(size_t columns, const xt_tiled_layer *layer, size_t u, size_t k)
{
    return layer->weight + (u / columns * layer->inputs + k) * columns + u % columns;
}

/* Which way parameters are copied. */
typedef enum direction { TO_DEVICE, TO_PLAN } direction;

static void copy_params(const xt_tiles *tiles, const xt_plan *plan, const xt_tiled_params *layout, direction to,
                        const float *from, float *out)
{
    size_t columns = xt_tiles_columns(tiles);
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        const xt_tiled_layer *tiled = &layout->layers[i];
        for (size_t u = 0; u < layer->units; u++)
            for (size_t k = 0; k < layer->inputs; k++) {
                size_t planned = layer->weight + u * layer->inputs + k, at = weight_at(columns, tiled, u, k);
                out[to == TO_DEVICE ? at : planned] = from[to == TO_DEVICE ? planned : at];
            }
        size_t planned = layer->bias, at = tiled->bias;
        memcpy(out + (to == TO_DEVICE ? at : planned), from + (to == TO_DEVICE ? planned : at), layer->units * sizeof *out);
    }
}

void xt_tiles_pack(const xt_tiles *tiles, const xt_plan *plan, const xt_tiled_params *layout, const float *from,
                   float *to)
{
    copy_params(tiles, plan, layout, TO_DEVICE, from, to);
}

void xt_tiles_unpack(const xt_tiles *tiles, const xt_plan *plan, const xt_tiled_params *layout, const float *from,
                     float *to)
{
    copy_params(tiles, plan, layout, TO_PLAN, from, to);
}

/* ---- text ---- */

/* Compiled in by themselves they take a compiler two seconds fewer than all of them. */
static const int usual[] = {XT_ACT_linear, XT_ACT_relu, XT_ACT_sigmoid, XT_ACT_tanh, XT_ACT_softmax};
enum { N_USUAL = sizeof usual / sizeof usual[0] };

static bool is_usual(int code)
{
    for (size_t i = 0; i < N_USUAL; i++)
        if (usual[i] == code)
            return true;
    return false;
}

static void print_activations(const xt_plan *plan, xt_buf *out)
{
    bool all = false;
    for (size_t i = 0; i < plan->n_layers; i++)
        all |= !is_usual(plan->layers[i].activation);
    xt_buf_puts(out, "#define XT_TILE_ACTIVATIONS(DO)");
    for (int code = 0; code < XT_N_ACTIVATIONS; code++)
        if (all || is_usual(code))
            xt_buf_printf(out, " DO(%s)", xt_table_at(&xt_activations, (size_t)code)->name);
    xt_buf_puts(out, "\n");
}

void xt_tiles_prelude(const xt_tiles *tiles, const xt_plan *plan, xt_buf *out)
{
    int width = tiles->width;
    /* xt_transpose takes whole panels, xt_weight_gradient whole tiles: others would write beyond local memory. */
    assert((size_t)tiles->depth % xt_tiles_columns(tiles) == 0 && tiles->block_inputs % tiles->rows == 0);
    xt_buf_printf(out, "#define XT_W %d\n#define xt_real float%d\n#define XT_R(c) ((float%d)(c))\n", width, width, width);
    xt_buf_printf(out, "#define XT_WORDS\n#define xt_word uint%d\n", width);
    xt_buf_printf(out, "#define XT_NV %d\n#define XT_MR %d\n#define XT_DEPTH %d\n#define XT_STRETCH %zu\n", tiles->vectors,
                  tiles->rows, tiles->depth, stretch_of(tiles));
    xt_buf_printf(out, "#define XT_BLOCK_INPUTS %d\n#define XT_BLOCK_PANELS %d\n", tiles->block_inputs,
                  tiles->block_panels);
    if (tiles->fma)
        xt_buf_puts(out, "#define XT_FMA\n");
    print_activations(plan, out);
}

/* ---- blocks ---- */

/* What a core spends, in steps of one multiply-add of a vector: measured on a Zen 3, where two of them go in a
 * cycle. Only the ratios matter, and not much. */
static const double group_steps = 1000;     /* a work-group's begin */
static const double visit_steps = 3;        /* a vector of sums that goes to memory and back */
static const double transpose_steps = 1.5;  /* a float */
static const double pack_steps = 0.4;       /* a float that is copied to local memory */
static const double update_steps[] = {6, 10, 24}; /* a vector of parameters by the optimiser's slots */
static const double near_steps = 0.25;      /* a float that comes from the second cache, for the first time */
static const double far_steps = 1.5;        /* the same from beyond the last cache */
static const double wake_steps = 70000;     /* until a thread that waits has begun with its share of a launch */
static const double launch_steps = 70000;   /* what a launch costs beside that */

enum {
    BLOCK_BYTES = 256 << 10,  /* half of a second cache: for a block of rows */
    FAR_BYTES = 16 << 20,     /* what is larger does not stay in the last cache */
    MOST_PASS_ROWS = 192      /* of a block that goes through all layers: its values stay near */
};

typedef struct cost {
    double tile;   /* of a tile, all its terms */
    double row;    /* of a row of the block, once a group */
    double panel;  /* of a panel, once a group */
} cost;

enum { MOST_THREADS = 64 };

/* When the last of n groups of so many steps is over, the last of `last`. Drivers give the threads shares of what is
 * left, the same to each as if all came at once, down to single groups. */
static double finish(size_t threads, size_t n, double each, double last)
{
    double busy[MOST_THREADS], end = 0;
    if (threads > MOST_THREADS || n > 8 * threads)
        return ((double)(n - 1) * each + last) / (double)threads + each / 2 + wake_steps;
    for (size_t t = 0; t < threads; t++)
        busy[t] = t ? wake_steps : 0;
    for (size_t left = n; left;) {
        size_t next = 0, share = divided(left, threads);
        for (size_t t = 1; t < threads; t++)
            next = busy[t] < busy[next] ? t : next;
        left -= share;
        busy[next] += (double)share * each + (left ? 0 : last - each);
        end = fmax(end, busy[next]);
    }
    return end;
}

static double group_cost(const xt_tiles *tiles, const cost *c, size_t rows, size_t panels)
{
    return group_steps + c->tile * (double)(divided(rows, (size_t)tiles->rows) * panels) + c->row * (double)rows +
           c->panel * (double)panels;
}

static double makespan(const xt_tiles *tiles, size_t threads, const cost *c, size_t rows, size_t panels, const xt_block *b)
{
    size_t last_rows = rows - (rows - 1) / b->rows * b->rows, last_panels = panels - (panels - 1) / b->panels * b->panels;
    return finish(threads, b->n_groups, group_cost(tiles, c, b->rows < rows ? b->rows : rows, b->panels),
                  group_cost(tiles, c, last_rows, last_panels));
}

/* The next number of parts that is worth a try. */
static size_t next_parts(size_t parts)
{
    return parts + 1 + parts / 12;
}

/* More groups a thread make nothing more even. */
enum { GROUPS_A_THREAD = 32 };

/* The best of many ways to cut rows and panels into blocks of at most so many: into as few groups as that takes, and up to
 * GROUPS_A_THREAD, or twice as many. */
static xt_block choose(const xt_tiles *tiles, size_t threads, const cost *c, size_t rows, size_t panels, size_t most_rows,
                       size_t most_panels)
{
    size_t tile = (size_t)tiles->rows, n_tiles = divided(rows, tile);
    size_t least_down = divided(n_tiles * tile, most_rows), least_across = divided(panels, most_panels);
    size_t enough = GROUPS_A_THREAD * threads, twice = 2 * least_down * least_across, most = enough > twice ? enough : twice;
    xt_block best = {0};
    double least = HUGE_VAL;
    for (size_t down = least_down; down <= n_tiles && down * least_across <= most; down = next_parts(down))
        for (size_t across = least_across; across <= panels && down * across <= most; across = next_parts(across)) {
            xt_block b = {divided(n_tiles, down) * tile, divided(panels, across), 0, 0};
            b.n_groups = divided(n_tiles * tile, b.rows) * divided(panels, b.panels);
            b.steps = makespan(tiles, threads, c, rows, panels, &b);
            if (b.steps < least) {
                least = b.steps;
                best = b;
            }
        }
    assert(best.n_groups);
    return best;
}

static size_t at_most(size_t n, size_t most, size_t multiple_of)
{
    size_t floor = most / multiple_of * multiple_of;
    return n < floor ? n : floor < multiple_of ? multiple_of : floor;
}

/* The tile's sums over k terms: their multiply-adds, and visits of memory. */
static double tile_steps(const xt_tiles *tiles, size_t k)
{
    double sums = tiles->rows * tiles->vectors;
    return sums * ((double)k + visit_steps * (double)divided(k, (size_t)tiles->depth));
}

/* What a block of a product over k terms may have: rows whose part of the terms, and panels whose sums between two
 * parts, stay in the second cache. */
static xt_block most_of(const xt_tiles *tiles, size_t rows, size_t panels, size_t k)
{
    size_t tile = (size_t)tiles->rows, depth = k < (size_t)tiles->depth ? k : (size_t)tiles->depth;
    xt_block most = {at_most(rounded(rows, tile), BLOCK_BYTES / sizeof(float) / depth, tile), panels, 0, 0};
    if (k > depth)
        most.panels = at_most(panels, BLOCK_BYTES / sizeof(float) / most.rows / xt_tiles_columns(tiles), 1);
    return most;
}

xt_block xt_tiles_forward(const xt_tiles *tiles, size_t threads, size_t rows, size_t inputs, size_t units)
{
    double columns = (double)xt_tiles_columns(tiles), k = (double)inputs;
    size_t panels = xt_tiles_panels(tiles, units);
    cost c = {tile_steps(tiles, inputs), near_steps * k, near_steps * k * columns};
    xt_block most = most_of(tiles, rows, panels, inputs);
    return choose(tiles, threads, &c, rows, panels, most.rows, most.panels);
}

xt_block xt_tiles_input_gradient(const xt_tiles *tiles, size_t threads, size_t rows, size_t inputs, size_t units)
{
    double columns = (double)xt_tiles_columns(tiles), k = (double)units;
    size_t panels = xt_tiles_panels(tiles, inputs);
    cost c = {tile_steps(tiles, units), near_steps * k, transpose_steps * k * columns};
    xt_block most = most_of(tiles, rows, panels, units);
    return choose(tiles, threads, &c, rows, panels, most.rows, most.panels);
}

xt_block xt_tiles_weight_gradient(const xt_tiles *tiles, size_t threads, size_t rows, size_t inputs, size_t units,
                                  size_t slots)
{
    double columns = (double)xt_tiles_columns(tiles), k = (double)rows;
    cost c = {tile_steps(tiles, rows) + update_steps[slots] * tiles->rows * tiles->vectors, pack_steps * k,
              pack_steps * k * columns};
    return choose(tiles, threads, &c, inputs, xt_tiles_panels(tiles, units), (size_t)tiles->block_inputs,
                  (size_t)tiles->block_panels);
}

xt_block xt_tiles_head(const xt_tiles *tiles, size_t threads, size_t rows, size_t units)
{
    size_t tile = (size_t)tiles->rows, n_tiles = divided(rows, tile);
    /* Four a thread smooth out what rows differ in. */
    size_t each = divided(n_tiles, 4 * threads);
    return (xt_block){each * tile, xt_tiles_panels(tiles, units), divided(n_tiles, each), 0};
}

xt_block xt_tiles_pass(const xt_tiles *tiles, size_t threads, size_t rows, const xt_plan *plan)
{
    cost c = {0, 0, 0};
    double once = 0; /* for a group, whatever its rows */
    for (size_t i = 0; i < plan->n_layers; i++) {
        size_t inputs = plan->layers[i].inputs, units = plan->layers[i].units;
        size_t panels = xt_tiles_panels(tiles, units), below = xt_tiles_panels(tiles, inputs);
        double weights = (double)inputs * (double)(panels * xt_tiles_columns(tiles));
        double far = weights * sizeof(float) > FAR_BYTES ? far_steps : near_steps;
        c.tile += tile_steps(tiles, inputs) * (double)panels + (i ? tile_steps(tiles, units) * (double)below : 0);
        once += weights * (far + (i ? transpose_steps : 0));
    }
    c.panel = once;
    /* All panels are one here. */
    xt_block b = choose(tiles, threads, &c, rows, 1, MOST_PASS_ROWS / (size_t)tiles->rows * (size_t)tiles->rows, 1);
    b.panels = xt_tiles_panels(tiles, plan->max_units);
    return b;
}

bool xt_tiles_pass_pays(const xt_tiles *tiles, size_t threads, size_t rows, const xt_plan *plan)
{
    double by_layer = 0;
    for (size_t i = 0; i < plan->n_layers; i++) {
        size_t inputs = plan->layers[i].inputs, units = plan->layers[i].units;
        by_layer += launch_steps + xt_tiles_forward(tiles, threads, rows, inputs, units).steps;
        if (i)
            by_layer += launch_steps + xt_tiles_input_gradient(tiles, threads, rows, inputs, units).steps;
    }
    return launch_steps + xt_tiles_pass(tiles, threads, rows, plan).steps < by_layer;
}
