#include "ocl/context.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/terminal.h"
#include "ocl/compiler.h"
#include "ocl/embed.h"
#include "ocl/pocl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kernel sources are ours; more than this is a mistake in XORTRAIN_CL_DIR. */
enum { MAX_SOURCE_BYTES = 1 << 20 };

/* The same sum is the same bits whether or not a device has a fused multiply-add. */
static const char rules[] = "#pragma OPENCL FP_CONTRACT OFF\n";

static xt_status add_file(const char *dir, const char *name, xt_buf *source, xt_err *err)
{
    if (dir) {
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

static xt_status fail_build(const xt_context *context, cl_program program, cl_int code, xt_err *err)
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

static xt_status make_text(const xt_context *context, const xt_program_source *source, xt_buf *text, xt_err *err)
{
    xt_status status = XT_OK;
    xt_buf_puts(text, rules);
    if (source->prelude)
        xt_buf_printf(text, "#line 1 \"prelude\"\n%s\n", source->prelude);
    for (size_t i = 0; !status && i < source->n_files; i++)
        status = add_file(context->cl_dir, source->files[i], text, err);
    if (!status && text->failed)
        status = xt_fail_memory(err, "kernel source", text->len);
    return status;
}

static xt_status compile(const xt_context *context, const xt_buf *text, cl_program *out, xt_err *err)
{
    const xt_device *device = &context->device;
    const char *data = text->data;
    cl_int code;
    cl_program program = clCreateProgramWithSource(context->context, 1, &data, &text->len, &code);
    xt_status status = xt_cl_check(code, "clCreateProgramWithSource", device->name, err);
    if (status)
        return status;
    code = clBuildProgram(program, 1, &device->id, xt_compiler_options, NULL, NULL);
    if (code != CL_SUCCESS) {
        status = fail_build(context, program, code, err);
        clReleaseProgram(program);
        return status;
    }
    *out = program;
    return XT_OK;
}

/* Stands until something else is written: some drivers go on compiling when a kernel is launched first. */
static void draw_compiling(const xt_context *context)
{
    char line[400];
    snprintf(line, sizeof line, "compiling kernels for %s%s", context->device.name,
             context->cache ? "; they are kept for the next time" : "");
    xt_terminal_draw(line);
}

/* The program as the cache has it; why not in words else. */
static xt_status load(const xt_context *context, const char *key, cl_program *out, xt_err *err)
{
    const xt_device *device = &context->device;
    xt_cache_entry entry = {0};
    cl_int code, accepted = CL_SUCCESS;
    xt_status status = xt_cache_read(context->cache, key, &entry, err);
    if (status)
        return status;
    cl_program program = clCreateProgramWithBinary(context->context, 1, &device->id, &entry.n_bytes, &entry.bytes,
                                                   &accepted, &code);
    status = xt_cl_check(code == CL_SUCCESS ? accepted : code, "clCreateProgramWithBinary", NULL, err);
    if (!status)
        status = XT_CL(NULL, clBuildProgram(program, 1, &device->id, xt_compiler_options, NULL, NULL), err);
    if (!status)
        *out = program;
    else if (program)
        clReleaseProgram(program);
    xt_cache_entry_clear(&entry);
    return status;
}

xt_status xt_program_open(xt_context *context, const xt_program_source *source, xt_program *out, xt_err *err)
{
    double start = xt_seconds();
    xt_phase phase = xt_profile_begin(context->profile);
    xt_program program = {.stored = !context->cache};
    xt_buf text = {0};
    xt_err why;
    xt_status status = xt_device_is_pocl(&context->device) ? xt_pocl_check_cache(err) : XT_OK;
    if (!status)
        status = make_text(context, source, &text, err);
    if (status)
        goto out;
    if (context->cache)
        status = xt_compiler_key(context->compiler, text.data, text.len, program.key, err);
    if (status)
        goto out;
    if (context->cache && load(context, program.key, &program.program, &why) == XT_OK) {
        program.from_cache = program.stored = true;
        xt_detail("kernels %s loaded in %.4f s", program.key, xt_seconds() - start);
    } else {
        draw_compiling(context);
        status = compile(context, &text, &program.program, err);
        if (status)
            goto out;
        if (context->cache)
            xt_detail("kernels compiled in %.3f s; entry %s of the cache: %s", xt_seconds() - start, program.key,
                      why.text);
        else
            xt_detail("kernels compiled in %.3f s; there is no cache", xt_seconds() - start);
    }
    xt_profile_end(context->profile, program.from_cache ? "loading kernels" : "compiling kernels", phase, 0, 0);
    context->n_live++;
    *out = program;
out:
    xt_buf_clear(&text);
    return status;
}

static xt_status store(const xt_context *context, const xt_program *program, size_t *n_bytes, xt_err *err)
{
    size_t n = 0;
    unsigned char *bytes = NULL;
    /* To give the binary PoCL compiles, and writes what it compiled. */
    xt_status status = xt_device_is_pocl(&context->device) ? xt_pocl_check_cache(err) : XT_OK;
    if (!status && xt_device_is_pocl(&context->device))
        status = xt_pocl_check_memory(err);
    if (!status)
        status = XT_CL(NULL, clGetProgramInfo(program->program, CL_PROGRAM_BINARY_SIZES, sizeof n, &n, NULL), err);
    if (!status && !n)
        status = xt_fail(err, XT_FAILED, "the driver gives no binaries");
    if (!status && n > XT_CACHE_MAX_ENTRY)
        status = xt_fail(err, XT_FAILED, "%zu bytes are too many", n);
    if (status)
        return status;
    bytes = calloc(n, 1);
    if (!bytes)
        return xt_fail_memory(err, "the kernels' binary", n);
    status = XT_CL(NULL, clGetProgramInfo(program->program, CL_PROGRAM_BINARIES, sizeof bytes, &bytes, NULL), err);
    if (!status)
        status = xt_cache_write(context->cache, program->key, bytes, n, err);
    free(bytes);
    *n_bytes = n;
    return status;
}

void xt_program_keep(const xt_context *context, xt_program *program)
{
    double start = xt_seconds();
    size_t n_bytes = 0;
    xt_err err;
    if (!program->program || program->stored)
        return;
    if (store(context, program, &n_bytes, &err) == XT_OK) {
        program->stored = true;
        xt_detail("kernels %s kept, %zu bytes in %.3f s", program->key, n_bytes, xt_seconds() - start);
    } else {
        xt_detail("kernels are not kept: %s", err.text);
    }
}

xt_status xt_program_key(const xt_context *context, const xt_program_source *source, char key[XT_HASH_BYTES],
                         xt_err *err)
{
    xt_buf text = {0};
    xt_status status = make_text(context, source, &text, err);
    if (!status)
        status = xt_compiler_key(context->compiler, text.data, text.len, key, err);
    xt_buf_clear(&text);
    return status;
}

bool xt_program_is_cached(const xt_context *context, const xt_program_source *source)
{
    char key[XT_HASH_BYTES];
    return context->cache && xt_program_key(context, source, key, NULL) == XT_OK && xt_cache_has(context->cache, key);
}

void xt_program_close(xt_context *context, xt_program *program)
{
    if (!program->program)
        return;
    if (!xt_contexts_are_left())
        clReleaseProgram(program->program);
    context->n_live--;
    *program = (xt_program){0};
}
