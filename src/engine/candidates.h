/* candidates.h: which forms of tiles are tried on a device, in which order.
 *
 * One number after the other is varied around the best form so far: the shape
 * of the tile, the width of vectors, the depth, the blocks. The order depends
 * on the device and on which ones were best alone. */
#ifndef XT_ENGINE_CANDIDATES_H
#define XT_ENGINE_CANDIDATES_H

#include "engine/tiles.h"

enum { XT_MAX_CANDIDATES = 32 };

typedef struct xt_candidates {
    xt_device device;
    size_t stage, at;                  /* what is varied, and the next value of it */
    xt_tiles tried[XT_MAX_CANDIDATES]; /* n_tried of them: none comes twice */
    size_t n_tried;
} xt_candidates;

/* The first two are the form that suits the device and, where kept is not NULL, one that was found before. */
void xt_candidates_begin(xt_candidates *self, const xt_device *device, const xt_tiles *suits, const xt_tiles *kept);
/* The next one, with `best` the fastest of those until now; false: there is none. */
bool xt_candidates_next(xt_candidates *self, const xt_tiles *best, xt_tiles *out);

#endif
