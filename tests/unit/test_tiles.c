/* How tiles are chosen for a device, where parameters lie for them, and how products are cut into blocks. */
#include "../device/net.h"
#include "cases.h"
#include "engine/tiles.h"
#include "nets.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint64_t seed = 20240607;

/* Other than what a device gets: odd numbers of vectors and rows, one row, blocks of one tile. */
static const xt_tiles forms[] = {
    {16, 2, 12, 256, 96, 8, true}, {8, 2, 6, 256, 96, 8, true}, {4, 2, 6, 256, 96, 8, true},
    {4, 3, 4, 24, 8, 1, false},    {16, 1, 8, 16, 8, 2, false}, {8, 2, 12, 32, 12, 3, true},
    {4, 1, 1, 4, 1, 1, false},     {8, 2, 3, 16, 9, 2, false},
};
enum { N_TILE_FORMS = sizeof forms / sizeof *forms };

static size_t rounded(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- what suits a device ---- */

typedef struct device_case {
    const char *name;
    cl_uint vector_width;
    cl_ulong local_bytes;
    int width, vectors, rows; /* expected; width 0: an error */
} device_case;

static const device_case devices[] = {
    {"no vectors", 1, 1 << 20, 4, 2, 6},
    {"vectors of 2", 2, 1 << 20, 4, 2, 6},
    {"vectors of 4", 4, 1 << 20, 4, 2, 6},
    {"vectors of 8", 8, 1 << 20, 8, 2, 6},
    {"vectors of 16", 16, 1 << 20, 16, 2, 12},
    {"vectors of 32", 32, 1 << 20, 16, 2, 12},
    {"vectors of 4, 512 KiB", 4, 512 << 10, 4, 2, 6},
    {"vectors of 16, 256 KiB", 16, 256 << 10, 16, 2, 12},
    {"vectors of 16, 128 KiB", 16, 128 << 10, 16, 2, 12},
    {"vectors of 16, 64 KiB", 16, 64 << 10, 16, 2, 12},
    {"vectors of 16, 48 KiB", 16, 48 << 10, 16, 2, 12},
    {"vectors of 16, 32 KiB", 16, 32 << 10, 16, 2, 12},
    {"vectors of 8, 32 KiB", 8, 32 << 10, 8, 2, 6},
    {"vectors of 8, 16 KiB", 8, 16 << 10, 8, 2, 6},
    {"vectors of 4, 16 KiB", 4, 16 << 10, 4, 2, 6},
    {"vectors of 16, 16 KiB", 16, 16 << 10, 16, 2, 12},
    {"vectors of 16, 8 KiB", 16, 8 << 10, 0, 0, 0},
    {"vectors of 4, 2 KiB", 4, 2 << 10, 0, 0, 0},
    {"no local memory", 8, 0, 0, 0, 0},
};

/* What cl/tiles.cl asks of a form. */
static void is_a_form(const xt_tiles *tiles)
{
    size_t columns = xt_tiles_columns(tiles);
    assert_true(tiles->width == 4 || tiles->width == 8 || tiles->width == 16);
    assert_true(tiles->vectors > 0 && tiles->rows > 0 && tiles->block_panels > 0 && tiles->block_inputs > 0);
    assert_int_equal((size_t)tiles->depth % columns, 0);
    assert_int_equal(tiles->block_inputs % tiles->rows, 0);
}

static void suits(void **state)
{
    const device_case *row = *state;
    xt_device device = {.name = "made up", .vector_width = row->vector_width, .local_bytes = row->local_bytes};
    xt_tiles tiles = {.width = -1};
    xt_err err;
    xt_status status = xt_tiles_suit(&device, &tiles, &err);
    if (!row->width) {
        assert_int_equal(status, XT_FAILED);
        assert_int_equal(tiles.width, -1);
        assert_non_null(strstr(err.text, "made up"));
        assert_non_null(strstr(err.text, "local memory"));
        return;
    }
    net_ok(status, &err);
    assert_int_equal(tiles.width, row->width);
    assert_int_equal(tiles.vectors, row->vectors);
    assert_int_equal(tiles.rows, row->rows);
    is_a_form(&tiles);
    assert_true(xt_tiles_local_bytes(&tiles) < row->local_bytes);
    /* All of a large memory is used for blocks. */
    assert_true(row->local_bytes < 512 << 10 || (tiles.block_inputs == 96 && tiles.depth == 512));
}

/* ---- where rows and parameters lie ---- */

static void strides_hold_tiles(void **state)
{
    const xt_tiles *tiles = *state;
    size_t columns = xt_tiles_columns(tiles);
    for (size_t n = 1; n < 3000; n++) {
        size_t stride = xt_tiles_stride(tiles, n), panels = xt_tiles_panels(tiles, n);
        assert_true(panels * columns >= n && (panels - 1) * columns < n);
        assert_true(stride >= panels * columns);
        assert_int_equal(stride % 32, 16);
        assert_true(stride < panels * columns + 32);
        /* The last tile's last vector ends in it, wherever its first row is. */
        assert_true(xt_tiles_rows(tiles, n, 5) >= rounded(n, (size_t)tiles->rows) * xt_tiles_stride(tiles, 5));
    }
}

/* No size wraps around before it is compared with what kernels can address. */
static void large_sizes_do_not_wrap(void **state)
{
    const xt_tiles *tiles = *state;
    const size_t rows = (size_t)1 << 22, units = 65536;
    xt_plan plan = {.n_layers = 2, .layers = {{.inputs = units, .units = units}, {.inputs = units, .units = 1}}};
    xt_tiled_params layout;
    assert_true(xt_tiles_rows(tiles, rows, 4096) >= rows * 4096);
    xt_tiles_lay_out(tiles, &plan, &layout);
    assert_true(layout.layers[1].weight >= (units + 1) * units);
    assert_true(layout.n_floats >= layout.layers[1].weight + units + 1);
}

/* Parameters go to places of their own, those of the header, and come back; what is between stays. */
static void check_packing(const xt_tiles *tiles, const unit_shape *shape)
{
    unit_net net;
    xt_tiled_params layout;
    unit_net_make(&net, shape);
    xt_tiles_lay_out(tiles, &net.plan, &layout);
    size_t n = net.plan.n_params, columns = xt_tiles_columns(tiles), n_found = 0;
    float *from = calloc(2 * n + layout.n_floats, sizeof *from), *back = from + n, *to = back + n;
    assert_non_null(from);
    for (size_t i = 0; i < n; i++)
        from[i] = (float)(i + 1);
    for (size_t i = 0; i < layout.n_floats; i++)
        to[i] = -1;
    xt_tiles_pack(tiles, &net.plan, &layout, from, to);
    for (size_t i = 0; i < layout.n_floats; i++)
        n_found += to[i] > 0;
    assert_int_equal(n_found, n);
    for (size_t l = 0; l < net.plan.n_layers; l++) {
        const xt_plan_layer *layer = &net.plan.layers[l];
        const float *weight = to + layout.layers[l].weight, *bias = to + layout.layers[l].bias;
        assert_int_equal(layout.layers[l].bias - layout.layers[l].weight, layer->inputs * rounded(layer->units, columns));
        for (size_t u = 0; u < layer->units; u++) {
            for (size_t k = 0; k < layer->inputs; k++)
                assert_true(weight[(u / columns * layer->inputs + k) * columns + u % columns] ==
                            from[layer->weight + u * layer->inputs + k]);
            assert_true(bias[u] == from[layer->bias + u]);
        }
    }
    xt_tiles_unpack(tiles, &net.plan, &layout, to, back);
    assert_memory_equal(back, from, n * sizeof *from);
    free(from);
    unit_net_clear(&net);
}

static void packs_and_unpacks(void **state)
{
    enum { SHAPES = 40, WIDEST = 70 };
    const xt_tiles *tiles = *state;
    uint64_t stream = seed;
    for (size_t i = 0; i < SHAPES; i++) {
        unit_shape shape = {2, 1 + net_below(&stream, WIDEST), {0}, "relu", "mse", 1, 1};
        size_t n_layers = 1 + net_below(&stream, UNIT_MAX_LAYERS);
        for (size_t l = 0; l < n_layers; l++)
            shape.units[l] = (uint32_t)(1 + net_below(&stream, WIDEST));
        check_packing(tiles, &shape);
    }
}

/* ---- blocks ---- */

typedef struct product {
    size_t rows, panels, most_rows, most_panels;
} product;

/* As the kernels count them: every tile belongs to one group, and every group has some. */
static void check_blocks(const xt_tiles *tiles, const xt_block *b, const product *p)
{
    assert_true(b->rows && b->panels && b->n_groups);
    size_t down = (p->rows - 1) / b->rows + 1, across = (p->panels - 1) / b->panels + 1;
    assert_int_equal(b->rows % (size_t)tiles->rows, 0);
    assert_int_equal(b->n_groups, down * across);
    assert_true(b->rows <= rounded(p->most_rows, (size_t)tiles->rows));
    assert_true(b->panels <= p->most_panels);
    assert_true(b->n_groups <= UINT32_MAX);
}

static void check_product(const xt_tiles *tiles, size_t threads, size_t rows, size_t inputs, size_t units)
{
    size_t in = xt_tiles_panels(tiles, inputs), out = xt_tiles_panels(tiles, units);
    xt_block forward = xt_tiles_forward(tiles, threads, rows, inputs, units);
    xt_block back = xt_tiles_input_gradient(tiles, threads, rows, inputs, units);
    xt_block head = xt_tiles_head(tiles, threads, rows, units);
    check_blocks(tiles, &forward, &(product){rows, out, rows, out});
    check_blocks(tiles, &back, &(product){rows, in, rows, in});
    check_blocks(tiles, &head, &(product){rows, out, rows, out});
    assert_int_equal(head.panels, out);
    for (size_t slots = 0; slots <= 2; slots++) {
        /* What is beyond would not be in local memory. */
        product p = {inputs, out, (size_t)tiles->block_inputs, (size_t)tiles->block_panels};
        xt_block b = xt_tiles_weight_gradient(tiles, threads, rows, inputs, units, slots);
        check_blocks(tiles, &b, &p);
    }
}

/* Sizes as likely in each power of two, on 1 to 64 threads. */
static void blocks_cover_all(void **state)
{
    enum { PRODUCTS = 300, LARGEST = 14 };
    const xt_tiles *tiles = *state;
    uint64_t stream = seed;
    for (size_t i = 0; i < PRODUCTS; i++) {
        size_t sizes[3];
        for (size_t k = 0; k < 3; k++)
            sizes[k] = 1 + net_below(&stream, (size_t)1 << net_below(&stream, LARGEST));
        check_product(tiles, 1 + net_below(&stream, 64), sizes[0], sizes[1], sizes[2]);
    }
}

typedef struct size_case {
    const char *name;
    size_t threads, rows, inputs, units;
} size_case;

/* Among them such as need more blocks than the choice would like to make. */
static const size_case sizes[] = {
    {"one of each", 1, 1, 1, 1},
    {"one of each, many threads", 64, 1, 1, 1},
    {"many rows of wide layers", 2, 40000, 256, 256},
    {"many rows of wide layers, one thread", 1, 20000, 1024, 1024},
    {"many inputs, one thread", 1, 64, 8192, 16},
    {"many inputs", 2, 64, 20000, 10},
    {"many units, one thread", 1, 64, 16, 40000},
    {"many of all", 128, 65536, 65536, 65536},
    {"many of all, one thread", 1, 65536, 65536, 65536},
    /* Rows of 16 floats that a buffer just holds. */
    {"as many rows as there can be", 2, (size_t)1 << 27, 16, 1},
    {"as many inputs as there can be", 2, 1, (size_t)1 << 27, 1},
    {"as many units as there can be", 2, 1, 1, (size_t)1 << 27},
};

/* The choice is made for each launch of a batch that is not whole: it takes no time beside such a product. */
static void blocks_of_size(void **state)
{
    const double most_seconds = 1;
    const size_case *row = *state;
    clock_t before = clock();
    for (size_t i = 0; i < 3; i++)
        check_product(&forms[i], row->threads, row->rows, row->inputs, row->units);
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    if (!(seconds < most_seconds))
        fail_msg("%g s to cut six products of three forms", seconds);
}

/* A large product has work for most threads: for 33 of them 32 even groups may be better than 66 smaller ones. */
static void blocks_are_for_the_threads(void **state)
{
    const xt_tiles *tiles = *state;
    for (size_t threads = 1; threads <= 64; threads++) {
        assert_true(xt_tiles_forward(tiles, threads, 4096, 1024, 4096).n_groups > threads / 2);
        assert_true(xt_tiles_input_gradient(tiles, threads, 4096, 1024, 4096).n_groups > threads / 2);
        assert_true(xt_tiles_weight_gradient(tiles, threads, 4096, 1024, 4096, 2).n_groups > threads / 2);
        assert_true(xt_tiles_head(tiles, threads, 4096, 10).n_groups > threads / 2);
    }
}

static void for_each_form(CMUnitTestFunction test, const char *name)
{
    for (size_t i = 0; i < N_TILE_FORMS; i++)
        unit_case(test, &forms[i], "%s: %d x %d of %d", name, forms[i].rows, forms[i].vectors, forms[i].width);
}

int main(void)
{
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        unit_case(suits, &devices[i], "suits: %s", devices[i].name);
    for_each_form(strides_hold_tiles, "strides hold tiles");
    for_each_form(large_sizes_do_not_wrap, "large sizes do not wrap");
    for_each_form(packs_and_unpacks, "packs and unpacks");
    for_each_form(blocks_cover_all, "blocks cover all");
    for_each_form(blocks_are_for_the_threads, "blocks are for the threads");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        unit_case(blocks_of_size, &sizes[i], "blocks of %s", sizes[i].name);
    return unit_run("tiles");
}
