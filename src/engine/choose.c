#include "engine/engines.h"
#include "engine/layerwise.h"
#include "engine/prelude.h"

/* Figures: docs/design/007-fused.md. Multiply-adds that a batch takes forward
 * decide, since that is what launches and a pool of threads are shared out over. */

/* On a CPU fused wakes no thread; gemm has the better products and all cores, of which it may be one: it passed
 * fused between 2^19 and 2^20 on two cores, and on one. */
static const double most_of_a_core = (double)(1 << 20);

/* A GPU's work-group has a small part of it, but a launch costs as much as this many;
 * and an epoch, which cannot be cut, must stay below the 2 s that a display allows. */
static const double most_of_a_group = (double)(1 << 18), most_of_a_group_epoch = (double)(1u << 31);

static bool fits_group(const xt_plan *plan, size_t batch, const xt_device *device)
{
    xt_fused_shape shape;
    return xt_fused_lay_out(plan, batch, &shape, NULL) == XT_OK && xt_fused_fits(&shape, device->local_bytes);
}

/* Padding makes narrow layers up to sixteen times as large, and fused has them in one buffer, and all rows in another. */
static bool fits_memory(const xt_plan *plan, const xt_dataset *data, size_t batch, const xt_device *device)
{
    xt_fused_shape shape;
    const double bytes = sizeof(float);
    if (xt_fused_lay_out(plan, batch, &shape, NULL))
        return false;
    double most = (double)device->max_alloc_bytes, rows = data ? (double)data->n_rows * (double)data->n_inputs * bytes : 0;
    return (double)shape.job.n_mem * bytes <= most && (double)xt_fused_n_state(&shape) * bytes <= most && rows <= most &&
           (double)xt_fused_bytes(&shape) + rows <= (double)device->global_bytes;
}

xt_engine_code xt_engine_choose(const xt_plan *plan, const xt_dataset *data, const xt_device *device,
                                const char **why)
{
    size_t rows = xt_layerwise_batch_rows(plan, data);
    double params = (double)plan->n_params, batch = params * (double)rows;
    if (xt_device_is_cpu(device)) {
        if (!fits_memory(plan, data, rows, device)) {
            *why = "auto: a batch, or all rows, are too large for fused";
            return XT_ENGINE_gemm;
        }
        if (batch <= most_of_a_core) {
            *why = "auto: a batch is too little work to share out";
            return XT_ENGINE_fused;
        }
        *why = "auto: a batch is work enough for tiles";
        return XT_ENGINE_gemm;
    }
    if (batch <= most_of_a_group && params * (double)(data ? data->n_rows : 0) <= most_of_a_group_epoch &&
        fits_group(plan, rows, device)) {
        *why = "auto: a batch is too little work for more than one work-group";
        return XT_ENGINE_fused;
    }
    *why = "auto: a batch is work enough for the whole device";
    return XT_ENGINE_gemm;
}
