/* gemm.h: the gemm engine as it is on devices that are no CPUs, opened whatever
 * the device; engine.h opens it by way of gemm.c. */
#ifndef XT_ENGINE_GEMM_H
#define XT_ENGINE_GEMM_H

#include "engine/engines.h"
#include "engine/product.h"
#include "engine/tiles.h"

/* The files of cl/ that are compiled for it. */
enum { XT_GEMM_FILES = 6 };
extern const char *const xt_gemm_files[XT_GEMM_FILES];

/* Its products by CLBlast where they are large, or as was wished: for tuning, tests and benchmarks. */
xt_status xt_gemm_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context,
                          const xt_product_wish *wish, xt_engine **out, xt_err *err);
/* The same with what was found fastest for the network, or for the device (engine/tuned.h), else with nothing wished
 * for. What was found and cannot be had any more, or computes wrongly now, is a warning. */
xt_engine_open_fn xt_gemm_open_by_blas;

/* One of the forms that tuning tries: by tiles, as on CPU devices, or with tiles NULL as was wished. */
typedef struct xt_gemm_form {
    const xt_tiles *tiles;
    xt_product_wish products;
} xt_gemm_form;

/* An engine of that form, in a context of its own. */
xt_status xt_gemm_open_form(const xt_plan *plan, const xt_dataset *data, const xt_device *device,
                            const xt_gemm_form *form, xt_engine **out, xt_err *err);

#endif
