#include "ocl/context.h"

#include "base/file.h"
#include "ocl/embed.h"
#include "ocl/pocl.h"

#include <stdlib.h>
#include <string.h>

/* Kernel sources are ours; more than this is a mistake in XORTRAIN_CL_DIR. */
enum { MAX_SOURCE_BYTES = 1 << 20 };

/* OpenCL C has static inline, no headers, and its own address spaces. */
static const char prelude[] = "#pragma OPENCL FP_CONTRACT OFF\n"
                              "#define xt_real float\n"
                              "#define XT_R(c) ((float)(c))\n"
                              "#define XT_FN static inline\n"
                              "#define XT_ROWS __global\n"
                              "#define xt_exp exp\n"
                              "#define xt_expm1 expm1\n"
                              "#define xt_log1p log1p\n"
                              "#define xt_tanh tanh\n"
                              "#define xt_erf erf\n"
                              "#define xt_fabs fabs\n"
                              "#define xt_sqrt sqrt\n";

static xt_status add_file(const char *dir, const char *name, xt_buf *source, xt_err *err)
{
    if (dir && *dir) {
        xt_buf path = {0};
        xt_status status = XT_OK;
        xt_buf_printf(&path, "%s/%s", dir, name);
        /* The name becomes part of the source. */
        if (strpbrk(dir, "\"\\\n\r"))
            status = xt_fail(err, XT_FAILED, "XORTRAIN_CL_DIR: a quote, backslash or line end cannot be in it");
        xt_buf_printf(source, "#line 1 \"%s\"\n", xt_buf_text(&path));
        if (!status)
            status = xt_file_read(xt_buf_text(&path), MAX_SOURCE_BYTES, XT_FAILED, source, err);
        xt_buf_puts(source, "\n");
        xt_buf_clear(&path);
        return status;
    }
    for (size_t i = 0; i < xt_n_cl_files; i++)
        if (strcmp(xt_cl_files[i].name, name) == 0) {
            xt_buf_printf(source, "#line 1 \"cl/%s\"\n", name);
            xt_buf_add(source, xt_cl_files[i].text, xt_cl_files[i].n_bytes);
            xt_buf_puts(source, "\n");
            return XT_OK;
        }
    return xt_fail(err, XT_FAILED, "kernel source cl/%s is not in this program", name);
}

static xt_status fail_build(xt_context *context, cl_program program, cl_int code, xt_err *err)
{
    const xt_device *device = &context->device;
    size_t n = 0;
    char *log = NULL;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &n) == CL_SUCCESS && n)
        log = calloc(n + 1, 1);
    if (log)
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, n, log, NULL);
    for (size_t end = log ? strlen(log) : 0; end && strchr(" \n\r", log[end - 1]); end--)
        log[end - 1] = '\0';
    xt_status status =
        xt_fail(err, XT_FAILED, "%s cannot build xortrain's kernels: clBuildProgram: %s (%d), driver %s\n%s",
                device->name, xt_cl_name(code), code, device->driver_version,
                log && *log ? log : "the driver gave no build log");
    free(log);
    return status;
}

xt_status xt_program_open(xt_context *context, const char *const *files, size_t n_files, cl_program *out, xt_err *err)
{
    const xt_device *device = &context->device;
    const char *dir = getenv("XORTRAIN_CL_DIR");
    cl_program program = NULL;
    xt_buf source = {0};
    cl_int code;
    xt_status status = xt_device_is_pocl(device) ? xt_pocl_check_cache(err) : XT_OK;
    if (status)
        goto out;
    xt_buf_puts(&source, prelude);
    for (size_t i = 0; i < n_files; i++) {
        status = add_file(dir, files[i], &source, err);
        if (status)
            goto out;
    }
    if (source.failed) {
        status = xt_fail_memory(err, "kernel source", source.len);
        goto out;
    }
    const char *text = source.data;
    program = clCreateProgramWithSource(context->context, 1, &text, &source.len, &code);
    status = xt_cl_check(code, "clCreateProgramWithSource", device->name, err);
    if (status)
        goto out;
    code = clBuildProgram(program, 1, &device->id, "-cl-std=CL1.2 -cl-single-precision-constant", NULL, NULL);
    if (code != CL_SUCCESS) {
        status = fail_build(context, program, code, err);
        clReleaseProgram(program);
        goto out;
    }
    context->n_live++;
    *out = program;
out:
    xt_buf_clear(&source);
    return status;
}

void xt_program_close(xt_context *context, cl_program *program)
{
    if (!*program)
        return;
    clReleaseProgram(*program);
    context->n_live--;
    *program = NULL;
}
