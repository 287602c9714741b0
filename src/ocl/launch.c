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
    while (group > 1 && (group > limit || group > device->max_group))
        group /= 2;
    context->n_live++;
    *out = (xt_kernel){kernel, name, group};
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

xt_status xt_launch(xt_context *context, const xt_kernel *kernel, size_t n, const xt_arg *args, xt_err *err)
{
    const char *device = context->device.name;
    size_t group = kernel->group, global = (n + group - 1) / group * group;
    if (n == 0)
        return XT_OK;
    for (cl_uint i = 0; args[i].size; i++) {
        cl_int code = clSetKernelArg(kernel->kernel, i, args[i].size, args[i].value);
        if (code != CL_SUCCESS)
            return xt_fail(err, XT_FAILED, "kernel %s, argument %u: clSetKernelArg: %s (%d) on %s", kernel->name, i,
                           xt_cl_name(code), code, device);
    }
    cl_int code = clEnqueueNDRangeKernel(context->queue, kernel->kernel, 1, NULL, &global, &group, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return xt_fail(err, XT_FAILED, "kernel %s over %zu work-items: clEnqueueNDRangeKernel: %s (%d) on %s",
                       kernel->name, n, xt_cl_name(code), code, device);
    return xt_context_queued(context, 1, err);
}
