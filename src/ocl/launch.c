#include "ocl/context.h"

/* Wide enough for a GPU's SIMD, and one size for all launches: PoCL compiles a
 * kernel again for each new one. */
enum { GROUP = 64 };

xt_status xt_kernel_open(xt_context *context, cl_program program, const char *name, xt_kernel *out, xt_err *err)
{
    const xt_device *device = &context->device;
    size_t limit = 0, group = GROUP;
    cl_int code;
    cl_kernel kernel = clCreateKernel(program, name, &code);
    if (code != CL_SUCCESS)
        return xt_fail(err, XT_FAILED, "kernel %s: clCreateKernel: %s (%d) on %s", name, xt_cl_name(code), code,
                       device->name);
    code = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL);
    if (code != CL_SUCCESS) {
        clReleaseKernel(kernel);
        return xt_fail(err, XT_FAILED, "kernel %s: clGetKernelWorkGroupInfo: %s (%d) on %s", name, xt_cl_name(code),
                       code, device->name);
    }
    if (limit > device->max_group)
        limit = device->max_group;
    while (group > 1 && group > limit)
        group /= 2;
    context->n_live++;
    *out = (xt_kernel){kernel, name, group, limit, 0};
    return XT_OK;
}

void xt_kernel_close(xt_context *context, xt_kernel *kernel)
{
    if (!kernel->kernel)
        return;
    clReleaseKernel(kernel->kernel);
    context->n_live--;
    *kernel = (xt_kernel){0};
}

static xt_status set_args(const xt_context *context, const xt_kernel *kernel, const xt_arg *args, xt_err *err)
{
    for (cl_uint i = 0; args[i].size; i++) {
        cl_int code = clSetKernelArg(kernel->kernel, i, args[i].size, args[i].value);
        if (code != CL_SUCCESS)
            return xt_fail(err, XT_FAILED, "kernel %s, argument %u: clSetKernelArg: %s (%d) on %s", kernel->name, i,
                           xt_cl_name(code), code, context->device.name);
    }
    return XT_OK;
}

static xt_status enqueue(const xt_context *context, cl_command_queue queue, const xt_kernel *kernel, size_t n,
                         const xt_arg *args, cl_event *event, xt_err *err)
{
    size_t group = kernel->group, global = (n + group - 1) / group * group;
    xt_status status = set_args(context, kernel, args, err);
    if (status)
        return status;
    cl_int code = clEnqueueNDRangeKernel(queue, kernel->kernel, 1, NULL, &global, &group, 0, NULL, event);
    if (code != CL_SUCCESS)
        return xt_fail(err, XT_FAILED, "kernel %s over %zu work-items: clEnqueueNDRangeKernel: %s (%d) on %s",
                       kernel->name, n, xt_cl_name(code), code, context->device.name);
    return XT_OK;
}

xt_status xt_launch(xt_context *context, const xt_kernel *kernel, size_t n, const xt_arg *args, xt_err *err)
{
    xt_work work = context->work;
    cl_event event = NULL;
    context->work = (xt_work){0, 0};
    if (n == 0)
        return XT_OK;
    xt_status status = enqueue(context, context->queue, kernel, n, args, context->profile ? &event : NULL, err);
    if (work.bytes <= 0)
        work.bytes = (double)n * kernel->item_bytes;
    xt_context_took(context, NULL, event, kernel->name, work);
    return status ? status : xt_context_queued(context, 1, err);
}

xt_status xt_launch_apart(const xt_context *context, const xt_kernel *kernel, const xt_arg *args, xt_err *err)
{
    const char *device = context->device.name;
    cl_int code;
    cl_command_queue queue = clCreateCommandQueue(context->context, context->device.id, 0, &code);
    xt_status status = xt_cl_check(code, "clCreateCommandQueue", device, err);
    if (status)
        return status;
    status = enqueue(context, queue, kernel, kernel->group, args, NULL, err);
    if (!status)
        status = XT_CL(device, clFinish(queue), err);
    clReleaseCommandQueue(queue);
    return status;
}
