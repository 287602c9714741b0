/* engines.h: what the engines of this folder share with engine.c, which opens
 * them. Nobody else includes it. */
#ifndef XT_ENGINE_ENGINES_H
#define XT_ENGINE_ENGINES_H

#include "engine/engine.h"
#include "model/ops.h"
#include "ocl/context.h"

/* Opens an engine on the plan's network, whose parameters are all 0 then. data
 * is NULL for one that only predicts; plan and data outlive it. On success it
 * owns the context and closes it at its end; on failure the caller still does.
 * The reference has none (NULL). */
typedef xt_status xt_engine_open_fn(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out,
                                    xt_err *err);

#define XT_ENGINE_OPEN(name, help) xt_engine_open_fn xt_##name##_open;
XT_ENGINES(XT_ENGINE_OPEN)
#undef XT_ENGINE_OPEN

/* Opens the device of the spec, which all but the reference need; *seconds becomes what that took. */
xt_status xt_engine_open_context(const xt_plan *plan, xt_context **out, double *seconds, xt_err *err);
/* Writes what the facts say of a device. */
void xt_engine_describe(const xt_device *device, xt_engine_facts *facts);

/* ---- training ---- */

/* Updates of an epoch. */
uint64_t xt_engine_batches(const xt_engine *engine);
/* Tells whoever watches that an epoch's batch (1: the first) was trained, or handed to a device. */
xt_status xt_engine_tell(const xt_engine *engine, uint64_t batch, xt_err *err);
/* The numbers of update `update` (0-based, from the start of the training): the optimiser's, the schedule's and the
 * engine's scale. */
xt_hyper xt_engine_hyper(const xt_engine *engine, uint64_t update);
/* From which update on they stay; UINT64_MAX: never surely. */
uint64_t xt_engine_settled(const xt_engine *engine);
/* What the loss compares outputs with, (n_rows, n_outputs). */
static inline const float *xt_engine_targets(const xt_dataset *data)
{
    return data->loss_targets ? data->loss_targets : data->targets;
}

/* The engine for `auto`: the one that was measured to train such a network
 * fastest on such a device (docs/design/007-fused.md). *why becomes a constant
 * that says so in words. data may be NULL. */
xt_engine_code xt_engine_choose(const xt_plan *plan, const xt_dataset *data, const xt_device *device,
                                const char **why);

/* Makes every call of an open engine a phase of the profile, which outlives it. */
void xt_engine_time(xt_engine *engine, xt_profile *profile);

/* ---- device buffers by table ---- */

/* Whether n_buffers buffers of sizes[i] 4-byte elements (0 is taken as 1) can be
 * had: each counted in 32 bits, all of them, with n_extra bytes more, in the
 * device's memory. *n_bytes becomes the total. names are for messages. */
xt_status xt_buffers_check(const xt_context *context, const char *const *names, const size_t *sizes, int n_buffers,
                           size_t n_extra, size_t *n_bytes, xt_err *err);
/* Opens them all, or as many as it can, filled with zeros if so said: out is
 * zeroed before. */
xt_status xt_buffers_open(xt_context *context, const char *const *names, const size_t *sizes, int n_buffers,
                          bool filled, cl_mem *out, xt_err *err);
/* Safe on zeroed ones. */
void xt_buffers_close(xt_context *context, int n_buffers, cl_mem *buffers);

#endif
