#include "ocl/compiler.h"

#include "ocl/cache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

extern char **environ;

const char xt_compiler_options[] = "-cl-std=CL1.2 -cl-single-precision-constant -w";

/* With its length, so that the end of one is never the start of the next. */
static void add(xt_hash *hash, const void *bytes, size_t n_bytes)
{
    uint64_t n = n_bytes;
    xt_hash_add(hash, &n, sizeof n);
    xt_hash_add(hash, bytes, n_bytes);
}

static void add_text(xt_hash *hash, const char *text)
{
    add(hash, text, strlen(text));
}

static void add_number(xt_hash *hash, uint64_t number)
{
    add(hash, &number, sizeof number);
}

/* ---- the device ---- */

/* In full: the texts of xt_device may be cut. One that a driver does not have is empty. */
static xt_status add_info(xt_hash *hash, const xt_device *device, bool of_device, cl_uint what, xt_err *err)
{
    size_t n = 0;
    cl_int code = of_device ? clGetDeviceInfo(device->id, what, 0, NULL, &n)
                            : clGetPlatformInfo(device->platform, what, 0, NULL, &n);
    if (code != CL_SUCCESS)
        n = 0;
    char *text = calloc(n + 1, 1);
    if (!text)
        return xt_fail_memory(err, "what a device says of itself", n);
    code = of_device ? clGetDeviceInfo(device->id, what, n, text, NULL)
                     : clGetPlatformInfo(device->platform, what, n, text, NULL);
    add(hash, text, code == CL_SUCCESS ? n : 0);
    free(text);
    return XT_OK;
}

static xt_status add_device(xt_hash *hash, const xt_device *device, xt_err *err)
{
    static const cl_uint of_platform[] = {CL_PLATFORM_NAME, CL_PLATFORM_VENDOR, CL_PLATFORM_VERSION};
    static const cl_uint of_device[] = {CL_DEVICE_NAME, CL_DEVICE_VENDOR, CL_DEVICE_VENDOR_ID, CL_DEVICE_VERSION,
                                        CL_DRIVER_VERSION, CL_DEVICE_OPENCL_C_VERSION, CL_DEVICE_EXTENSIONS,
                                        CL_DEVICE_ADDRESS_BITS, CL_DEVICE_MAX_WORK_GROUP_SIZE};
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < sizeof of_platform / sizeof *of_platform; i++)
        status = add_info(hash, device, false, of_platform[i], err);
    for (size_t i = 0; !status && i < sizeof of_device / sizeof *of_device; i++)
        status = add_info(hash, device, true, of_device[i], err);
    return status;
}

/* A compiler for the host may use whatever this processor has, and two that
 * drivers call by one name need not have the same: a home directory is shared
 * by many machines, and a virtual machine may hide features. */
static void add_processor(xt_hash *hash)
{
#ifdef AT_HWCAP
    add_number(hash, getauxval(AT_HWCAP));
#endif
#ifdef AT_HWCAP2
    add_number(hash, getauxval(AT_HWCAP2));
#endif
#if defined(__x86_64__) || defined(__i386__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    /* Model and features; b of the first holds the number of the core. */
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        const unsigned words[] = {a, c, d};
        add(hash, words, sizeof words);
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        const unsigned words[] = {b, c, d};
        add(hash, words, sizeof words);
    }
#endif
}

/* ---- the environment ---- */

/* What drivers compile by: PoCL's, and those of Intel's CPU and GPU compilers. */
static const char *const prefixes[] = {"POCL_", "CL_CONFIG_", "IGC_"};
/* Of those, what says where something lies and not how it is compiled. */
static const char *const places[] = {"POCL_CACHE_DIR="};

static bool starts_with_one_of(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(text, list[i], strlen(list[i])) == 0)
            return true;
    return false;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

xt_status xt_compiler_add_environment(xt_hash *hash, char *const *environment, xt_err *err)
{
    size_t n = 0, n_all = 0;
    while (environment[n_all])
        n_all++;
    char **found = calloc(n_all + 1, sizeof *found);
    if (!found)
        return xt_fail_memory(err, "the environment", n_all * sizeof *found);
    for (size_t i = 0; i < n_all; i++)
        if (starts_with_one_of(environment[i], prefixes, sizeof prefixes / sizeof *prefixes) &&
            !starts_with_one_of(environment[i], places, sizeof places / sizeof *places))
            found[n++] = environment[i];
    qsort(found, n, sizeof *found, by_text);
    add_number(hash, n);
    for (size_t i = 0; i < n; i++)
        add_text(hash, found[i]);
    free(found);
    return XT_OK;
}

/* ---- the key ---- */

xt_status xt_compiler_hash(const xt_device *device, char hex[XT_HASH_BYTES], xt_err *err)
{
    xt_hash *hash = NULL;
    xt_status status = xt_hash_open(&hash, err);
    if (status)
        return status;
    add_number(hash, XT_CACHE_FORMAT);
    add_text(hash, XT_VERSION);
    add_text(hash, xt_compiler_options);
    add_number(hash, sizeof(void *));
    status = add_device(hash, device, err);
    if (xt_device_is_cpu(device))
        add_processor(hash);
    if (!status)
        status = xt_compiler_add_environment(hash, environ, err);
    if (!status)
        xt_hash_hex(hash, hex);
    xt_hash_close(&hash);
    return status;
}

xt_status xt_compiler_key(const char *compiler, const char *text, size_t n_bytes, char key[XT_HASH_BYTES], xt_err *err)
{
    xt_hash *hash = NULL;
    xt_status status = xt_hash_open(&hash, err);
    if (status)
        return status;
    add_text(hash, compiler);
    add(hash, text, n_bytes);
    xt_hash_hex(hash, key);
    xt_hash_close(&hash);
    return XT_OK;
}
