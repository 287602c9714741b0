/* Devices, buffers, programs and launches. */
#include "net.h"

#include "ocl/context.h"
#include "ocl/pocl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_context(xt_context *context)
{
    assert_int_equal(context->n_live, 0);
    xt_context_close(&context);
    assert_null(context);
    xt_context_close(&context);
}

static void buffers_are_zeroed(void **state)
{
    (void)state;
    xt_context *context = net_context();
    static const size_t sizes[] = {0, 1, 3, 4096, 1000003};
    xt_err err;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        unsigned char *bytes = malloc(n + 1);
        cl_mem buffer = NULL;
        assert_non_null(bytes);
        memset(bytes, 0xA5, n + 1);
        net_ok(xt_buffer_open(context, "a buffer", n, &buffer, &err), &err);
        assert_int_equal(context->n_live, 1);
        net_ok(xt_buffer_read(context, buffer, 0, bytes, n, &err), &err);
        for (size_t j = 0; j < n; j++)
            assert_int_equal(bytes[j], 0);
        assert_int_equal(bytes[n], 0xA5);
        xt_buffer_close(context, &buffer);
        assert_null(buffer);
        xt_buffer_close(context, &buffer);
        free(bytes);
    }
    close_context(context);
}

static void too_large_a_buffer_is_refused(void **state)
{
    (void)state;
    xt_context *context = net_context();
    cl_mem buffer = NULL;
    xt_err err;
    size_t n = (size_t)context->device.max_alloc_bytes + 1;
    assert_int_equal(xt_buffer_open(context, "the training inputs", n, &buffer, &err), XT_FAILED);
    assert_null(buffer);
    assert_non_null(strstr(err.text, "the training inputs"));
    assert_non_null(strstr(err.text, context->device.name));
    close_context(context);
}

static void bytes_go_round(void **state)
{
    (void)state;
    xt_context *context = net_context();
    cl_mem buffer = NULL;
    xt_err err;
    char got[8] = "";
    net_ok(xt_buffer_open(context, "a buffer", 64, &buffer, &err), &err);
    net_ok(xt_buffer_write(context, buffer, 13, "abcdefg", 8, &err), &err);
    net_ok(xt_buffer_read(context, buffer, 13, got, 8, &err), &err);
    assert_string_equal(got, "abcdefg");
    /* Past its end: the driver says so, and we do. */
    assert_int_equal(xt_buffer_write(context, buffer, 60, "abcdefg", 8, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "clEnqueueWriteBuffer failed: CL_INVALID_VALUE"));
    xt_buffer_close(context, &buffer);
    close_context(context);
}

/* ---- programs from a directory ---- */

static char dir[32];

static void write_source(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/xt-test-cl-XXXXXX");
    return mkdtemp(dir) && setenv("XORTRAIN_CL_DIR", dir, 1) == 0 ? 0 : -1;
}

static const char *const file_names[] = {"first.cl", "second.cl"};
static const xt_program_source first = {NULL, file_names, 1}, both = {NULL, file_names, 2};

static int remove_dir(void **state)
{
    (void)state;
    char path[128];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, file_names[i]);
        unlink(path);
    }
    unsetenv("XORTRAIN_CL_DIR");
    return rmdir(dir);
}

static void launches_of_every_size(void **state)
{
    (void)state;
    /* Each work-item counts itself; none beyond n may. */
    write_source("first.cl", "/* a first file */\n");
    write_source("second.cl", "__kernel void mark(__global int *to, int n)\n"
                              "{ int i = (int)get_global_id(0); if (i < n) to[i] += i + 1; }\n");
    xt_context *context = net_context();
    xt_program program = {0};
    xt_kernel kernel = {0};
    cl_mem buffer = NULL;
    xt_err err;
    enum { MAX = 1000 };
    cl_int got[MAX];
    net_ok(xt_program_open(context, &both, &program, &err), &err);
    net_ok(xt_kernel_open(context, program.program, "mark", &kernel, &err), &err);
    assert_true(kernel.group >= 1 && kernel.group <= context->device.max_group);
    static const cl_int sizes[] = {0, 1, 2, 63, 64, 65, 129, 997};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        cl_int n = sizes[s];
        net_ok(xt_buffer_open(context, "marks", sizeof got, &buffer, &err), &err);
        const xt_arg args[] = {XT_ARG(buffer), XT_ARG(n), XT_ARG_END};
        net_ok(xt_launch(context, &kernel, (size_t)n, args, &err), &err);
        net_ok(xt_buffer_read(context, buffer, 0, got, sizeof got, &err), &err);
        for (cl_int i = 0; i < MAX; i++)
            assert_int_equal(got[i], i < n ? i + 1 : 0);
        xt_buffer_close(context, &buffer);
    }
    /* More commands than the queue is allowed to hold. */
    cl_int one = 1;
    net_ok(xt_buffer_open(context, "marks", sizeof got, &buffer, &err), &err);
    const xt_arg args[] = {XT_ARG(buffer), XT_ARG(one), XT_ARG_END};
    for (int i = 0; i < 1000; i++)
        net_ok(xt_launch(context, &kernel, 1, args, &err), &err);
    assert_true(context->n_queued < 1000);
    net_ok(xt_buffer_read(context, buffer, 0, got, sizeof got, &err), &err);
    assert_int_equal(got[0], 1000);
    /* A wrong argument names the kernel and the argument. */
    const xt_arg wrong[] = {XT_ARG(buffer), {1, &one}, XT_ARG_END};
    assert_int_equal(xt_launch(context, &kernel, 1, wrong, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "kernel mark, argument 1: clSetKernelArg: CL_INVALID_ARG_SIZE"));
    xt_buffer_close(context, &buffer);
    xt_kernel_close(context, &kernel);
    xt_kernel_close(context, &kernel);
    xt_program_close(context, &program);
    xt_program_close(context, &program);
    close_context(context);
}

static void a_build_failure_names_file_and_line(void **state)
{
    (void)state;
    write_source("first.cl", "/* three\n * lines\n */\n");
    write_source("second.cl", "__kernel void good(__global int *to)\n{\n    to[0] = nonsense;\n}\n");
    xt_context *context = net_context();
    xt_program program = {0};
    xt_err err;
    char place[64];
    snprintf(place, sizeof place, "%s/second.cl:3", dir);
    assert_int_equal(xt_program_open(context, &both, &program, &err), XT_FAILED);
    assert_null(program.program);
    assert_non_null(strstr(err.text, "clBuildProgram: CL_BUILD_PROGRAM_FAILURE"));
    assert_non_null(strstr(err.text, context->device.name));
    /* oclgrind's compiler does not look at #line. */
    if (xt_device_is_pocl(&context->device))
        assert_non_null(strstr(err.text, place));
    close_context(context);
}

static void missing_files_and_kernels(void **state)
{
    (void)state;
    static const char *const absent_name[] = {"absent.cl"};
    const xt_program_source absent = {NULL, absent_name, 1};
    write_source("first.cl", "__kernel void only(__global int *to) { to[0] = 1; }\n");
    xt_context *context = net_context();
    xt_program program = {0};
    xt_kernel kernel = {0};
    xt_err err;
    assert_int_equal(xt_program_open(context, &absent, &program, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "absent.cl"));
    net_ok(xt_program_open(context, &first, &program, &err), &err);
    assert_int_equal(xt_kernel_open(context, program.program, "other", &kernel, &err), XT_FAILED);
    assert_null(kernel.kernel);
    assert_non_null(strstr(err.text, "kernel other: clCreateKernel: CL_INVALID_KERNEL_NAME"));
    xt_program_close(context, &program);
    close_context(context);
    setenv("XORTRAIN_CL_DIR", "/tmp/\"\n#error", 1);
    context = net_context();
    assert_int_equal(xt_program_open(context, &first, &program, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "XORTRAIN_CL_DIR"));
    setenv("XORTRAIN_CL_DIR", dir, 1);
    close_context(context);
}

/* ---- requests ---- */

static void requests(void **state)
{
    (void)state;
    xt_device *devices = NULL, device;
    size_t n = 0;
    char request[64];
    xt_err err;
    xt_devices_prepare();
    net_ok(xt_devices_list(&devices, &n, &err), &err);
    for (size_t i = 0; i < n; i++) {
        if (devices[i].unusable[0])
            continue;
        snprintf(request, sizeof request, "%u:%u", devices[i].platform_index, devices[i].device_index);
        net_ok(xt_device_select(request, &device, &err), &err);
        assert_ptr_equal(device.id, devices[i].id);
    }
    assert_int_equal(xt_device_select("name:no such device", &device, &err), XT_NO_DEVICE);
    assert_non_null(strstr(err.text, devices[0].name));
    assert_int_equal(xt_device_select("99:0", &device, &err), XT_NO_DEVICE);
    free(devices);
}

/* ---- PoCL's cache ---- */

static void expect_cache(const char *tmp, const char *expected, bool exact)
{
    unsetenv("POCL_CACHE_DIR");
    xt_pocl_prepare();
    const char *got = getenv("POCL_CACHE_DIR");
    struct stat info;
    assert_non_null(got);
    assert_true(strncmp(got, tmp, strlen(tmp)) == 0);
    assert_true((strcmp(got, expected) == 0) == exact);
    assert_int_equal(lstat(got, &info), 0);
    assert_true(S_ISDIR(info.st_mode) && (info.st_mode & 077) == 0 && info.st_uid == geteuid());
    if (!exact)
        rmdir(got);
}

static void the_cache_is_private(void **state)
{
    (void)state;
    char tmp[] = "/tmp/xt-test-tmp-XXXXXX", expected[128];
    char *kept[] = {getenv("HOME"), getenv("XDG_CACHE_HOME"), getenv("POCL_CACHE_DIR"), getenv("TMPDIR")};
    static const char *const names[] = {"HOME", "XDG_CACHE_HOME", "POCL_CACHE_DIR", "TMPDIR"};
    for (size_t i = 0; i < 4; i++)
        kept[i] = kept[i] ? strdup(kept[i]) : NULL;
    assert_non_null(mkdtemp(tmp));
    snprintf(expected, sizeof expected, "%s/xortrain-pocl-%lu", tmp, (unsigned long)geteuid());
    for (size_t i = 0; i < 3; i++)
        unsetenv(names[i]);
    setenv("TMPDIR", tmp, 1);
    expect_cache(tmp, expected, true);
    expect_cache(tmp, expected, true);
    /* Open to others, a file, a link: somebody else's. */
    assert_int_equal(chmod(expected, 0755), 0);
    expect_cache(tmp, expected, false);
    rmdir(expected);
    FILE *file = fopen(expected, "w");
    assert_non_null(file);
    fclose(file);
    expect_cache(tmp, expected, false);
    unlink(expected);
    assert_int_equal(symlink("/tmp", expected), 0);
    expect_cache(tmp, expected, false);
    unlink(expected);
    /* What the user set stays. */
    setenv("POCL_CACHE_DIR", "/nonexistent/mine", 1);
    xt_pocl_prepare();
    assert_string_equal(getenv("POCL_CACHE_DIR"), "/nonexistent/mine");
    rmdir(tmp);
    for (size_t i = 0; i < 4; i++) {
        if (kept[i])
            setenv(names[i], kept[i], 1);
        else
            unsetenv(names[i]);
        free(kept[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: the environment is read once, at the first OpenCL call. */
        cmocka_unit_test(the_cache_is_private),
        cmocka_unit_test(buffers_are_zeroed),
        cmocka_unit_test(too_large_a_buffer_is_refused),
        cmocka_unit_test(bytes_go_round),
        cmocka_unit_test_setup_teardown(launches_of_every_size, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_build_failure_names_file_and_line, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(missing_files_and_kernels, make_dir, remove_dir),
        cmocka_unit_test(requests),
    };
    return cmocka_run_group_tests_name("ocl", tests, NULL, NULL);
}
