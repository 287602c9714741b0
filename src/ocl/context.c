#include "ocl/context.h"

#include "base/text.h"
#include "ocl/compiler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool are_left;

void xt_contexts_end_with_process(bool say)
{
    are_left = say;
}

bool xt_contexts_are_left(void)
{
    return are_left;
}

static xt_profile *next_profile;

void xt_contexts_profile(xt_profile *profile)
{
    next_profile = profile;
}

xt_status xt_context_open(const xt_device *device, xt_context **out, xt_err *err)
{
    cl_int code;
    xt_status status;
    xt_context *context = calloc(1, sizeof *context);
    if (!context)
        return xt_fail_memory(err, "an OpenCL context", sizeof *context);
    const char *cl_dir = xt_variable("XORTRAIN_CL_DIR");
    context->device = *device;
    if (cl_dir && !(context->cl_dir = strdup(cl_dir))) {
        status = xt_fail_memory(err, cl_dir, strlen(cl_dir) + 1);
        goto out;
    }
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->platform, 0};
    context->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &code);
    status = xt_cl_check(code, "clCreateContext", device->name, err);
    if (status)
        goto out;
    context->queue = clCreateCommandQueue(context->context, device->id, next_profile ? CL_QUEUE_PROFILING_ENABLE : 0,
                                          &code);
    status = xt_cl_check(code, "clCreateCommandQueue", device->name, err);
    if (status)
        goto out;
    context->profile = next_profile;
    if (context->profile)
        status = xt_profile_set_clock(context->profile, context->queue, device->name, err);
    if (status)
        goto out;
    context->cache = xt_cache_open();
    if (context->cache)
        status = xt_compiler_hash(device, context->compiler, err);
out:
    if (status)
        xt_context_close(&context);
    else
        *out = context;
    return status;
}

static void drain(xt_context *context)
{
    if (context->profile)
        xt_profile_drain(context->profile);
}

void xt_context_close(xt_context **at)
{
    xt_context *context = *at;
    if (!context)
        return;
    assert(context->n_live == 0);
    if (context->transfers) {
        clFinish(context->transfers);
        if (!are_left)
            clReleaseCommandQueue(context->transfers);
    }
    if (context->queue) {
        clFinish(context->queue);
        drain(context);
        if (!are_left)
            clReleaseCommandQueue(context->queue);
    }
    if (context->context && !are_left)
        clReleaseContext(context->context);
    xt_cache_close(&context->cache);
    free(context->cl_dir);
    free(context);
    *at = NULL;
}

xt_status xt_context_flush(xt_context *context, xt_err *err)
{
    return XT_CL(context->device.name, clFlush(context->queue), err);
}

xt_status xt_context_finish(xt_context *context, xt_err *err)
{
    context->n_queued = 0;
    xt_status status = XT_CL(context->device.name, clFinish(context->queue), err);
    drain(context);
    return status;
}

/* Waiting costs and so does a long queue, whose commands PoCL walks. 28,000
 * launches of small kernels took 88 ms with at most 32 in the queue, 63 with
 * 256, 60 with 2048, 67 with no bound; with CLBlast's among them 25.5, 23.3,
 * 24.6 and 25 to 43. */
enum { MAX_QUEUED = 256 };

xt_status xt_context_queued(xt_context *context, unsigned n, xt_err *err)
{
    context->n_queued += n;
    return context->n_queued < MAX_QUEUED ? XT_OK : xt_context_finish(context, err);
}

/* ---- what a profile is told ---- */

/* Where a command's event is wanted. */
static cl_event *wanted(const xt_context *context, cl_event *event)
{
    *event = NULL;
    return context->profile ? event : NULL;
}

void xt_context_work(xt_context *context, double flop, double bytes)
{
    context->work = (xt_work){flop, bytes};
}

xt_status xt_context_begin(xt_context *context, cl_event *out, xt_err *err)
{
    *out = NULL;
    return context->profile
               ? XT_CL(context->device.name, clEnqueueMarkerWithWaitList(context->queue, 0, NULL, out), err)
               : XT_OK;
}

void xt_context_took(xt_context *context, cl_event from, cl_event last, const char *name, xt_work work)
{
    if (last)
        xt_profile_take(context->profile, from, last, name, work);
    else if (from)
        clReleaseEvent(from);
}

/* ---- buffers ---- */

xt_status xt_buffer_open_raw(xt_context *context, const char *what, size_t n_bytes, cl_mem *out, xt_err *err)
{
    const xt_device *device = &context->device;
    cl_int code;
    if (n_bytes == 0)
        n_bytes = 1;
    if (n_bytes > device->max_alloc_bytes)
        return xt_fail(err, XT_FAILED, "%s needs %zu bytes in one piece, but %s gives at most %llu", what, n_bytes,
                       device->name, (unsigned long long)device->max_alloc_bytes);
    cl_mem buffer = clCreateBuffer(context->context, CL_MEM_READ_WRITE, n_bytes, NULL, &code);
    if (code != CL_SUCCESS)
        return xt_fail(err, XT_FAILED, "no memory for %s (%zu bytes) on %s: clCreateBuffer: %s (%d)", what, n_bytes,
                       device->name, xt_cl_name(code), code);
    context->n_live++;
    *out = buffer;
    return XT_OK;
}

xt_status xt_buffer_open(xt_context *context, const char *what, size_t n_bytes, cl_mem *out, xt_err *err)
{
    /* The largest pattern that there is: PoCL writes one after the other. */
    static const unsigned char zeros[128];
    cl_event event;
    cl_mem buffer = NULL;
    xt_status status = xt_buffer_open_raw(context, what, n_bytes, &buffer, err);
    if (status)
        return status;
    n_bytes = n_bytes ? n_bytes : 1;
    size_t pattern = sizeof zeros;
    while (n_bytes % pattern)
        pattern /= 2;
    status = XT_CL(context->device.name, clEnqueueFillBuffer(context->queue, buffer, zeros, pattern, 0, n_bytes, 0, NULL,
                                                             wanted(context, &event)), err);
    xt_context_took(context, NULL, event, "fill", (xt_work){0, (double)n_bytes});
    if (!status)
        status = xt_context_queued(context, 1, err);
    if (status)
        xt_buffer_close(context, &buffer);
    else
        *out = buffer;
    return status;
}

void xt_buffer_close(xt_context *context, cl_mem *buffer)
{
    if (!*buffer)
        return;
    clReleaseMemObject(*buffer);
    context->n_live--;
    *buffer = NULL;
}

/* A blocking command on an in-order queue leaves it empty. */
static void waited(xt_context *context, cl_event event, const char *name, size_t n_bytes)
{
    context->n_queued = 0;
    xt_context_took(context, NULL, event, name, (xt_work){0, (double)n_bytes});
    drain(context);
}

xt_status xt_buffer_write(xt_context *context, cl_mem buffer, size_t offset, const void *from, size_t n_bytes,
                          xt_err *err)
{
    if (!n_bytes)
        return XT_OK;
    cl_event event;
    xt_status status = XT_CL(context->device.name, clEnqueueWriteBuffer(context->queue, buffer, CL_TRUE, offset, n_bytes,
                                                                        from, 0, NULL, wanted(context, &event)), err);
    waited(context, event, "write", n_bytes);
    return status;
}

xt_status xt_buffer_write_rows(xt_context *context, cl_mem buffer, size_t stride_bytes, const void *from,
                               size_t row_bytes, size_t n_rows, xt_err *err)
{
    const size_t origin[] = {0, 0, 0}, region[] = {row_bytes, n_rows, 1};
    if (row_bytes == stride_bytes)
        return xt_buffer_write(context, buffer, 0, from, row_bytes * n_rows, err);
    cl_event event;
    xt_status status = XT_CL(context->device.name,
                             clEnqueueWriteBufferRect(context->queue, buffer, CL_TRUE, origin, origin, region,
                                                      stride_bytes, 0, row_bytes, 0, from, 0, NULL,
                                                      wanted(context, &event)),
                             err);
    waited(context, event, "write", row_bytes * n_rows);
    return status;
}

xt_status xt_buffer_map(xt_context *context, cl_mem buffer, size_t n_bytes, void **at, xt_err *err)
{
    cl_event event;
    cl_int code;
    void *mapped = clEnqueueMapBuffer(context->queue, buffer, CL_TRUE, CL_MAP_READ, 0, n_bytes, 0, NULL,
                                      wanted(context, &event), &code);
    xt_status status = xt_cl_check(code, "clEnqueueMapBuffer", context->device.name, err);
    if (status)
        return status;
    context->n_live++;
    waited(context, event, "map", n_bytes);
    *at = mapped;
    return XT_OK;
}

xt_status xt_buffer_unmap(xt_context *context, cl_mem buffer, void **at, xt_err *err)
{
    if (!*at)
        return XT_OK;
    xt_status status = XT_CL(context->device.name, clEnqueueUnmapMemObject(context->queue, buffer, *at, 0, NULL, NULL), err);
    context->n_live--;
    *at = NULL;
    return status ? status : xt_context_queued(context, 1, err);
}

xt_status xt_buffer_read(xt_context *context, cl_mem buffer, size_t offset, void *to, size_t n_bytes, xt_err *err)
{
    if (!n_bytes)
        return XT_OK;
    cl_event event;
    xt_status status = XT_CL(context->device.name, clEnqueueReadBuffer(context->queue, buffer, CL_TRUE, offset, n_bytes,
                                                                       to, 0, NULL, wanted(context, &event)), err);
    waited(context, event, "read", n_bytes);
    return status;
}
