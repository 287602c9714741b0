/* tiled.h: the gemm engine as it is on CPU devices; engine.h opens it by way of gemm.c. */
#ifndef XT_ENGINE_TILED_H
#define XT_ENGINE_TILED_H

#include "engine/engines.h"
#include "engine/tiles.h"

/* The files of cl/ that are compiled with a form of tiles. */
enum { XT_TILED_FILES = 4 };
extern const char *const xt_tiled_files[XT_TILED_FILES];

/* Whether the gemm engine computes by tiles on such a device. */
bool xt_tiled_serves(const xt_device *device);
/* As an xt_engine_open_fn: with the tiles that were found fastest for the network, or for the device (engine/tuned.h),
 * else with those that suit it. */
xt_status xt_tiled_open(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out, xt_err *err);
/* The same with tiles of the caller's choice, for tuning, tests and benchmarks. */
xt_status xt_tiled_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context, const xt_tiles *tiles,
                           xt_engine **out, xt_err *err);

#endif
