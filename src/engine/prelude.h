/* prelude.h: a network as the fused kernel sees it, and the text that goes
 * before the kernel's source.
 *
 * The text is made of the numbers below alone, never of a user's words. A
 * general form's says how to compute; a specialised form's has the network in
 * it too, so that every size is a constant. What may change without the
 * network doing so stays an argument: rows, epochs, learning rate. */
#ifndef XT_ENGINE_PRELUDE_H
#define XT_ENGINE_PRELUDE_H

#include "base/buf.h"
#include "base/err.h"
#include "model/plan.h"

#include "fused_shape.h" /* cl/fused_shape.h */

/* One thread with vectors, or a work-group; and where the kernel keeps mem. */
typedef enum xt_fused_memory {
    XT_FUSED_GLOBAL, /* mem and state in global memory */
    XT_FUSED_LOCAL,  /* both in local memory */
    XT_FUSED_PRIVATE /* both in private arrays, every loop unrolled: only for special ones */
} xt_fused_memory;

typedef struct xt_fused_form {
    int width;       /* values a vector: XT_LANES for one work-item, 1 for a work-group */
    int tile_rows;   /* rows of a product's tile: 4 or 8, as many as keep its sums in registers */
    xt_fused_memory memory;
    bool special;    /* the network is compiled in */
} xt_fused_form;

typedef struct xt_fused_shape {
    xt_fused_job job;
    xt_fused_layer layers[XT_MAX_LAYERS];
} xt_fused_shape;

/* Lays the network out for batches of at most `batch` rows. XT_FAILED where it
 * is too large to address. */
xt_status xt_fused_lay_out(const xt_plan *plan, size_t batch, xt_fused_shape *out, xt_err *err);

/* Floats of the parameters with the optimiser's state, as the kernel has them. */
size_t xt_fused_n_state(const xt_fused_shape *shape);

/* Bytes of mem and state together, and whether a kernel can have them in a device's
 * local memory of so many bytes. */
size_t xt_fused_bytes(const xt_fused_shape *shape);
bool xt_fused_fits(const xt_fused_shape *shape, uint64_t local_bytes);

/* Copies between the plan's layout (n_params floats) and one copy of the
 * parameters as the kernel has them (job.n_state floats). Padding is not
 * touched. */
void xt_fused_pack(const xt_plan *plan, const xt_fused_shape *shape, const float *from, float *to);
void xt_fused_unpack(const xt_plan *plan, const xt_fused_shape *shape, const float *from, float *to);

/* Steps that one update takes when every loop is unrolled: what decides whether
 * a specialised form pays and can be compiled. */
size_t xt_fused_n_steps(const xt_fused_shape *shape);

/* Appends the text. */
void xt_fused_prelude(const xt_fused_shape *shape, const xt_fused_form *form, xt_buf *out);

#endif
