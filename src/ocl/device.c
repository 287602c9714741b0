#include "ocl/device.h"

#include "base/request.h"
#include "ocl/call.h"
#include "ocl/pocl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_PLATFORMS = 64, MAX_DEVICES = 256 };

void xt_devices_prepare(void)
{
    xt_pocl_prepare();
}

/* A text of a device, or of a platform where device is NULL: a query of either,
 * in full, then cut to its place and without the blanks around it. A text longer
 * than the place it is asked into would be CL_INVALID_VALUE and no text at all. */
static cl_int query_text(cl_platform_id platform, cl_device_id device, cl_uint what, char *out, size_t n_bytes)
{
    size_t used = 0;
    out[0] = '\0';
    cl_int code = device ? clGetDeviceInfo(device, what, 0, NULL, &used)
                         : clGetPlatformInfo(platform, what, 0, NULL, &used);
    if (code != CL_SUCCESS || !used)
        return code;
    char *all = malloc(used + 1);
    if (!all)
        return CL_OUT_OF_HOST_MEMORY;
    code = device ? clGetDeviceInfo(device, what, used, all, NULL)
                  : clGetPlatformInfo(platform, what, used, all, NULL);
    if (code == CL_SUCCESS) {
        all[used] = '\0';
        snprintf(out, n_bytes, "%s", all + strspn(all, " "));
        for (size_t n = strlen(out); n && out[n - 1] == ' '; n--)
            out[n - 1] = '\0';
    }
    free(all);
    return code;
}

static cl_int text_of(cl_device_id id, cl_device_info what, char *out, size_t n_bytes)
{
    return query_text(NULL, id, what, out, n_bytes);
}

static cl_int platform_text(cl_platform_id id, cl_platform_info what, char *out, size_t n_bytes)
{
    return query_text(id, NULL, what, out, n_bytes);
}

/* "OpenCL 1.2 ..." is 102; 0 when it cannot be read. */
static int version_number(const char *text)
{
    int major = 0, minor = 0;
    return sscanf(text, "OpenCL %d.%d", &major, &minor) == 2 ? major * 100 + minor : 0;
}

/* code: of what its platform was asked. */
static void describe(cl_device_id id, cl_int code, xt_device *device)
{
    cl_bool available = CL_FALSE, compiler = CL_FALSE, little = CL_FALSE;
    device->id = id;
    code |= text_of(id, CL_DEVICE_NAME, device->name, sizeof device->name);
    code |= text_of(id, CL_DEVICE_VERSION, device->device_version, sizeof device->device_version);
    code |= text_of(id, CL_DRIVER_VERSION, device->driver_version, sizeof device->driver_version);
    code |= clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof device->type, &device->type, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_ENDIAN_LITTLE, sizeof little, &little, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof device->max_group, &device->max_group, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof device->compute_units, &device->compute_units,
                            NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof device->vector_width,
                            &device->vector_width, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof device->global_bytes, &device->global_bytes, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof device->max_alloc_bytes,
                            &device->max_alloc_bytes, NULL);
    code |= clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof device->local_bytes, &device->local_bytes, NULL);
    const char *why = "";
    if (code != CL_SUCCESS)
        why = "it does not answer queries";
    else if (!available)
        why = "its driver says that it is not available";
    else if (!compiler)
        why = "its driver has no compiler";
    else if (version_number(device->device_version) < 102)
        why = "it is older than OpenCL 1.2";
    else if (!little)
        why = "it is big-endian";
    snprintf(device->unusable, sizeof device->unusable, "%s", why);
}

/* All devices into devices (room for MAX_DEVICES); what went wrong with a
 * platform that has none is appended to trouble. */
static size_t gather(xt_device *devices, xt_buf *trouble)
{
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint n_platforms = 0;
    size_t n = 0;
    cl_int code = clGetPlatformIDs(MAX_PLATFORMS, platforms, &n_platforms);
    if (code != CL_SUCCESS) {
        xt_buf_printf(trouble, "\n  clGetPlatformIDs: %s (%d)", xt_cl_name(code), code);
        return 0;
    }
    for (cl_uint p = 0; p < n_platforms && p < MAX_PLATFORMS; p++) {
        xt_device common = {.platform = platforms[p], .platform_index = p};
        cl_int said = platform_text(platforms[p], CL_PLATFORM_NAME, common.platform_name, sizeof common.platform_name);
        said |= platform_text(platforms[p], CL_PLATFORM_VERSION, common.platform_version, sizeof common.platform_version);
        cl_device_id ids[MAX_DEVICES];
        cl_uint n_ids = 0;
        code = clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &n_ids);
        if (code != CL_SUCCESS || n_ids == 0)
            xt_buf_printf(trouble, "\n  platform %u, %s: no device: %s (%d)", p, common.platform_name,
                          xt_cl_name(code), code);
        for (cl_uint d = 0; code == CL_SUCCESS && d < n_ids && n < MAX_DEVICES; d++) {
            devices[n] = common;
            devices[n].device_index = d;
            describe(ids[d], said, &devices[n++]);
        }
    }
    return n;
}

xt_status xt_devices_list(xt_device **out, size_t *n_devices, xt_err *err)
{
    xt_device *devices = calloc(MAX_DEVICES, sizeof *devices);
    if (!devices)
        return xt_fail_memory(err, "the list of devices", MAX_DEVICES * sizeof *devices);
    xt_buf trouble = {0};
    size_t n = gather(devices, &trouble);
    if (n == 0) {
        xt_buf_puts(&trouble, "\ninstalled OpenCL drivers:");
        xt_icd_describe(&trouble);
        xt_pocl_describe(&trouble);
        xt_status status =
            xt_fail(err, XT_NO_DEVICE,
                    "no OpenCL device found%s\n"
                    "on Debian, `apt install pocl-opencl-icd` makes the CPU an OpenCL device; for a GPU install its "
                    "vendor's driver. `--engine reference` needs no device",
                    xt_buf_text(&trouble));
        xt_buf_clear(&trouble);
        free(devices);
        return status;
    }
    xt_buf_clear(&trouble);
    *out = devices;
    *n_devices = n;
    return XT_OK;
}

const char *xt_device_type_name(const xt_device *device)
{
    if (device->type & CL_DEVICE_TYPE_GPU)
        return "gpu";
    if (device->type & CL_DEVICE_TYPE_CPU)
        return "cpu";
    return device->type & CL_DEVICE_TYPE_ACCELERATOR ? "accelerator" : "custom";
}

bool xt_device_is_pocl(const xt_device *device)
{
    return strstr(device->platform_name, "Portable Computing Language") != NULL;
}

static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; strlen(text) >= n; text++)
        if (strncasecmp(text, part, n) == 0)
            return true;
    return false;
}

/* How well a device answers a request: 0 not at all, more is better. */
static int score(const xt_device *device, const char *request)
{
    unsigned p, d;
    if (strcmp(request, "auto") == 0)
        return device->type & CL_DEVICE_TYPE_GPU ? 3 : device->type & CL_DEVICE_TYPE_ACCELERATOR ? 2 : 1;
    if (strcmp(request, "cpu") == 0)
        return device->type & CL_DEVICE_TYPE_CPU ? 1 : 0;
    if (strcmp(request, "gpu") == 0)
        return device->type & CL_DEVICE_TYPE_GPU ? 1 : 0;
    if (strncmp(request, "name:", 5) == 0)
        return contains(device->name, request + 5);
    if (strncmp(request, "platform:", 9) == 0)
        return contains(device->platform_name, request + 9);
    return xt_request_ok(request, &p, &d) && device->platform_index == p && device->device_index == d;
}

xt_status xt_device_select(const char *request, xt_device *out, xt_err *err)
{
    xt_device *devices = NULL;
    size_t n = 0;
    xt_status status = xt_devices_list(&devices, &n, err);
    if (status)
        return status;
    const xt_device *best = NULL;
    int best_score = 0;
    for (size_t i = 0; i < n; i++) {
        int points = score(&devices[i], request);
        /* A device that was asked for and cannot be used is an error below, never passed over;
         * "auto" takes what works. */
        if (points && devices[i].unusable[0] && strcmp(request, "auto") == 0)
            continue;
        if (points > best_score) {
            best = &devices[i];
            best_score = points;
        }
    }
    if (best && !best->unusable[0]) {
        *out = *best;
    } else {
        xt_buf list = {0};
        for (size_t i = 0; i < n; i++)
            xt_buf_printf(&list, "\n  %u:%u %s (%s, %s)%s%s", devices[i].platform_index, devices[i].device_index,
                          devices[i].name, xt_device_type_name(&devices[i]), devices[i].platform_name,
                          devices[i].unusable[0] ? ": unusable, " : "", devices[i].unusable);
        status = xt_fail(err, XT_NO_DEVICE, "device: no usable device is '%s'%s%s; there are:%s", request,
                         best ? ": " : "", best ? best->unusable : "", xt_buf_text(&list));
        xt_buf_clear(&list);
    }
    free(devices);
    return status;
}
