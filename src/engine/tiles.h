/* tiles.h: how cl/tiles.cl cuts the products of a network for a CPU device, and
 * how its matrices lie there.
 *
 * The form of the tiles is compiled in; sizes and operations are arguments, so
 * networks share their program. Blocks are chosen by a model of what a
 * core does (xt_tiles_forward and the like); they change no bit. Nor does the form
 * of sums, but by its `fma`; it does of what is summed over the parameters as they
 * lie (clip_norm) and of what a driver's functions of vectors differ in. */
#ifndef XT_ENGINE_TILES_H
#define XT_ENGINE_TILES_H

#include "base/buf.h"
#include "model/plan.h"
#include "ocl/device.h"

typedef struct xt_tiles {
    int width;         /* floats of a vector: 4, 8 or 16 */
    int vectors, rows; /* of a tile */
    int depth;         /* terms of a sum between two visits of memory: a multiple of a tile's columns */
    int block_inputs;  /* of a weight gradient, a multiple of rows, and ... */
    int block_panels;  /* ... panels, at most: they are in local memory */
    bool fma;          /* the device has a fused multiply-add */
} xt_tiles;

/* What suits a device. XT_FAILED where its local memory is too small for any. */
xt_status xt_tiles_suit(const xt_device *device, xt_tiles *out, xt_err *err);
/* Whether the kernels can be compiled so, and a device has so many bytes of local memory for them; else XT_FAILED says
 * what is wrong. Of what came from elsewhere than xt_tiles_suit. */
xt_status xt_tiles_check(const xt_tiles *tiles, cl_ulong local_bytes, xt_err *err);
/* All of it in words. */
void xt_tiles_describe(const xt_tiles *tiles, char *out, size_t n_bytes);
bool xt_tiles_same(const xt_tiles *a, const xt_tiles *b);
/* Bytes of local memory that the kernels take. */
size_t xt_tiles_local_bytes(const xt_tiles *tiles);
static inline size_t xt_tiles_columns(const xt_tiles *tiles)
{
    return (size_t)(tiles->vectors * tiles->width);
}
size_t xt_tiles_panels(const xt_tiles *tiles, size_t columns);

/* Floats from a row of so many columns to the next. */
size_t xt_tiles_stride(const xt_tiles *tiles, size_t columns);
/* Floats of n such rows, with what tiles read and write beyond them. */
size_t xt_tiles_rows(const xt_tiles *tiles, size_t n, size_t columns);

/* ---- the parameters ---- */

typedef struct xt_tiled_layer {
    size_t inputs, units;
    size_t weight, bias; /* offsets in floats */
} xt_tiled_layer;

/* Where a network's parameters are, in floats; the optimiser's slots and the gradients lie alike. */
typedef struct xt_tiled_params {
    size_t n_layers, n_floats;
    xt_tiled_layer layers[XT_MAX_LAYERS];
} xt_tiled_params;

void xt_tiles_lay_out(const xt_tiles *tiles, const xt_plan *plan, xt_tiled_params *out);
/* Copies between the plan's layout (n_params floats) and the device's (n_floats); padding is not touched. */
void xt_tiles_pack(const xt_tiles *tiles, const xt_plan *plan, const xt_tiled_params *layout, const float *from,
                   float *to);
void xt_tiles_unpack(const xt_tiles *tiles, const xt_plan *plan, const xt_tiled_params *layout, const float *from,
                     float *to);

/* Appends the text that goes before the source: the form, and the usual activations, or all where the plan has another. */
void xt_tiles_prelude(const xt_tiles *tiles, const xt_plan *plan, xt_buf *out);

/* ---- blocks ---- */

/* How a product is shared out: a work-group takes so many rows (inputs, of a weight gradient) and panels. */
typedef struct xt_block {
    size_t rows, panels;
    size_t n_groups;
    double steps; /* what the model says that it takes */
} xt_block;

/* For `threads` cores, the sizes of layer and batch. */
xt_block xt_tiles_forward(const xt_tiles *tiles, size_t threads, size_t rows, size_t inputs, size_t units);
xt_block xt_tiles_input_gradient(const xt_tiles *tiles, size_t threads, size_t rows, size_t inputs, size_t units);
/* slots: the optimiser's, of which an update has to take care. */
xt_block xt_tiles_weight_gradient(const xt_tiles *tiles, size_t threads, size_t rows, size_t inputs, size_t units,
                                  size_t slots);
/* Of the last layer of so many units, whose groups have whole rows. */
xt_block xt_tiles_head(const xt_tiles *tiles, size_t threads, size_t rows, size_t units);
/* For blocks of rows that go through all layers at once; and whether that is faster than layer by layer: it spares
 * launches, where rows are enough to be shared out and weights few enough to be read by every group. */
xt_block xt_tiles_pass(const xt_tiles *tiles, size_t threads, size_t rows, const xt_plan *plan);
bool xt_tiles_pass_pays(const xt_tiles *tiles, size_t threads, size_t rows, const xt_plan *plan);

#endif
