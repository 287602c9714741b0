/* gemm.h: the gemm engine as it is on devices that are no CPUs, opened whatever
 * the device; engine.h opens it by way of gemm.c. */
#ifndef XT_ENGINE_GEMM_H
#define XT_ENGINE_GEMM_H

#include "engine/engines.h"
#include "engine/product.h"

/* Its products by CLBlast where they are large, or as was wished: for tuning, tests and benchmarks. */
xt_status xt_gemm_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context,
                          const xt_product_wish *wish, xt_engine **out, xt_err *err);
/* The same as xt_gemm_open_as with nothing wished for. */
xt_engine_open_fn xt_gemm_open_by_blas;

#endif
