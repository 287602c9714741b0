#include "ocl/context.h"

#include <string.h>

static xt_status open_queue(xt_context *context, xt_err *err)
{
    cl_int code;
    if (context->transfers)
        return XT_OK;
    cl_command_queue queue = clCreateCommandQueue(context->context, context->device.id,
                                                  context->profile ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    xt_status status = xt_cl_check(code, "clCreateCommandQueue", context->device.name, err);
    if (!status)
        context->transfers = queue;
    return status;
}

xt_status xt_staging_open(xt_context *context, const char *what, size_t n_bytes, xt_staging *out, xt_err *err)
{
    const char *device = context->device.name;
    cl_int code;
    cl_mem buffer = clCreateBuffer(context->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, n_bytes, NULL, &code);
    if (code != CL_SUCCESS)
        return xt_fail(err, XT_FAILED, "no memory for %s (%zu bytes) beside %s: clCreateBuffer: %s (%d)", what, n_bytes,
                       device, xt_cl_name(code), code);
    context->n_queued = 0;
    void *at = clEnqueueMapBuffer(context->queue, buffer, CL_TRUE, CL_MAP_WRITE, 0, n_bytes, 0, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        clReleaseMemObject(buffer);
        return xt_cl_check(code, "clEnqueueMapBuffer", device, err);
    }
    memset(at, 0, n_bytes);
    context->n_live++;
    *out = (xt_staging){buffer, at};
    return XT_OK;
}

void xt_staging_close(xt_context *context, xt_staging *staging)
{
    if (!staging->buffer)
        return;
    clEnqueueUnmapMemObject(context->queue, staging->buffer, staging->at, 0, NULL, NULL);
    clFinish(context->queue);
    clReleaseMemObject(staging->buffer);
    context->n_live--;
    *staging = (xt_staging){0};
}

/* Takes a new event into the place of one that is there. */
static void keep(xt_context *context, cl_event event, cl_event *at)
{
    xt_event_close(context, at);
    context->n_live++;
    *at = event;
}

/* Who waits for an event from another queue must find its command submitted: hence the flushes here and below. */
xt_status xt_transfer(xt_context *context, cl_mem buffer, const void *from, size_t n_bytes, cl_event after,
                      cl_event *done, xt_err *err)
{
    cl_event event;
    xt_status status = open_queue(context, err);
    if (!status)
        status = XT_CL(context->device.name,
                       clEnqueueWriteBuffer(context->transfers, buffer, CL_FALSE, 0, n_bytes, from, after ? 1 : 0,
                                            after ? &after : NULL, &event),
                       err);
    if (status)
        return status;
    keep(context, event, done);
    if (context->profile && clRetainEvent(event) == CL_SUCCESS)
        xt_context_took(context, NULL, event, "write, beside", (xt_work){0, (double)n_bytes});
    return XT_CL(context->device.name, clFlush(context->transfers), err);
}

xt_status xt_transfers_finish(xt_context *context, xt_err *err)
{
    return context->transfers ? XT_CL(context->device.name, clFinish(context->transfers), err) : XT_OK;
}

xt_status xt_context_mark(xt_context *context, cl_event *out, xt_err *err)
{
    cl_event event;
    xt_status status =
        XT_CL(context->device.name, clEnqueueMarkerWithWaitList(context->queue, 0, NULL, &event), err);
    if (status)
        return status;
    keep(context, event, out);
    status = xt_context_flush(context, err);
    return status ? status : xt_context_queued(context, 1, err);
}

xt_status xt_context_await(xt_context *context, cl_event event, xt_err *err)
{
    xt_status status =
        XT_CL(context->device.name, clEnqueueBarrierWithWaitList(context->queue, 1, &event, NULL), err);
    return status ? status : xt_context_queued(context, 1, err);
}

xt_status xt_event_wait(const xt_context *context, cl_event event, xt_err *err)
{
    return event ? XT_CL(context->device.name, clWaitForEvents(1, &event), err) : XT_OK;
}

void xt_event_close(xt_context *context, cl_event *event)
{
    if (!*event)
        return;
    clReleaseEvent(*event);
    context->n_live--;
    *event = NULL;
}
