#include "engine/candidates.h"

/* A tile's sums, a row of b and a value of a are to be in registers. Those that have other panels than the default come
 * last: they cannot have its bits where gradients are clipped. */
static const struct {
    int rows, vectors;
} shapes[] = {{6, 2}, {5, 2}, {4, 2}, {12, 2}, {14, 2}, {8, 2}, {4, 3}, {8, 1}, {8, 3}, {6, 4}};
static const int depths[] = {128, 256, 384}, inputs[] = {48, 192}, panels[] = {4, 8, 16};

enum { SHAPES, HALF, DEPTHS, INPUTS, PANELS, N_STAGES };
#define N_OF(list) (sizeof(list) / sizeof(list)[0])
static const size_t n_values[N_STAGES] = {
    [SHAPES] = N_OF(shapes), [HALF] = 1, [DEPTHS] = N_OF(depths), [INPUTS] = N_OF(inputs), [PANELS] = N_OF(panels)};

/* With vectors of 16 floats come 32 of them. */
static int registers(const xt_device *device)
{
    return device->vector_width >= 16 ? 32 : 16;
}

/* Whether a tile fills the registers, and not more than those. */
static bool fills(const xt_device *device, int rows, int vectors)
{
    int sums = rows * vectors;
    return sums + vectors + 1 <= registers(device) && sums >= registers(device) / 2;
}

/* What goes with the tile's shape. */
static void adapt(xt_tiles *tiles)
{
    int columns = (int)xt_tiles_columns(tiles), more = tiles->block_inputs + tiles->rows - 1;
    tiles->depth = tiles->depth / columns * columns;
    tiles->block_inputs = more / tiles->rows * tiles->rows;
}

/* false: the value is nothing for the device. */
static bool vary(const xt_candidates *self, size_t stage, size_t at, xt_tiles *tiles)
{
    switch (stage) {
    case SHAPES:
        tiles->rows = shapes[at].rows;
        tiles->vectors = shapes[at].vectors;
        if (!fills(&self->device, tiles->rows, tiles->vectors))
            return false;
        break;
    case HALF: tiles->width /= 2; break;
    case DEPTHS: tiles->depth = depths[at]; break;
    case INPUTS: tiles->block_inputs = inputs[at]; break;
    case PANELS: tiles->block_panels = panels[at]; break;
    }
    adapt(tiles);
    return xt_tiles_check(tiles, self->device.local_bytes, NULL) == XT_OK;
}

static bool was_tried(const xt_candidates *self, const xt_tiles *tiles)
{
    for (size_t i = 0; i < self->n_tried; i++)
        if (xt_tiles_same(&self->tried[i], tiles))
            return true;
    return false;
}

/* Whether it is the first time; it is not any more. */
static bool try(xt_candidates *self, const xt_tiles *tiles)
{
    if (self->n_tried == XT_MAX_CANDIDATES || was_tried(self, tiles))
        return false;
    self->tried[self->n_tried++] = *tiles;
    return true;
}

void xt_candidates_begin(xt_candidates *self, const xt_device *device, const xt_tiles *suits, const xt_tiles *kept)
{
    *self = (xt_candidates){.device = *device};
    try(self, suits);
    if (kept)
        try(self, kept);
}

bool xt_candidates_next(xt_candidates *self, const xt_tiles *best, xt_tiles *out)
{
    for (; self->stage < N_STAGES; self->stage++, self->at = 0)
        while (self->at < n_values[self->stage]) {
            xt_tiles tiles = *best;
            if (vary(self, self->stage, self->at++, &tiles) && try(self, &tiles)) {
                *out = tiles;
                return true;
            }
        }
    return false;
}
