#include "engine/engines.h"

/* Kernels count in 32 bits, with room for a filled-up last work-group. */
static const size_t max_elements = INT32_MAX - 65536;

static size_t bytes_of(size_t n)
{
    return (n ? n : 1) * sizeof(cl_float);
}

xt_status xt_buffers_check(const xt_context *context, const char *const *names, const size_t *sizes, int n_buffers,
                           size_t n_extra, size_t *n_bytes, xt_err *err)
{
    const xt_device *device = &context->device;
    size_t total = n_extra;
    for (int i = 0; i < n_buffers; i++) {
        if (sizes[i] > max_elements)
            return xt_fail(err, XT_FAILED, "%s: %zu numbers are more than kernels can address (%zu); a smaller "
                                           "train.batch_size needs fewer",
                           names[i], sizes[i], max_elements);
        total += bytes_of(sizes[i]);
    }
    *n_bytes = total;
    if (total <= device->global_bytes)
        return XT_OK;
    return xt_fail(err, XT_FAILED, "training needs %zu bytes of memory on %s, which has %llu; a smaller network, or a "
                                   "smaller train.batch_size, needs less",
                   total, device->name, (unsigned long long)device->global_bytes);
}

xt_status xt_buffers_open(xt_context *context, const char *const *names, const size_t *sizes, int n_buffers,
                          bool filled, cl_mem *out, xt_err *err)
{
    xt_status status = XT_OK;
    for (int i = 0; !status && i < n_buffers; i++)
        status = (filled ? xt_buffer_open : xt_buffer_open_raw)(context, names[i], bytes_of(sizes[i]), &out[i], err);
    return status;
}

void xt_buffers_close(xt_context *context, int n_buffers, cl_mem *buffers)
{
    for (int i = 0; i < n_buffers; i++)
        xt_buffer_close(context, &buffers[i]);
}
