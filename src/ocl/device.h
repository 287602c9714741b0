/* device.h: which OpenCL devices there are, and which one a config means. */
#ifndef XT_OCL_DEVICE_H
#define XT_OCL_DEVICE_H

#include "base/buf.h"
#include "base/err.h"

#include <CL/cl.h>
#include <stdbool.h>

/* What the rest of the program needs to know of a device, queried once. */
typedef struct xt_device {
    cl_platform_id platform;
    cl_device_id id;
    unsigned platform_index, device_index; /* "0:1" */
    cl_device_type type;
    char name[256];
    char platform_name[128];
    char device_version[128], driver_version[128], platform_version[256];
    size_t max_group;       /* work-items a work-group */
    cl_uint compute_units;
    cl_uint vector_width;   /* floats in a register of it; 1 where there are no vectors */
    cl_ulong global_bytes, max_alloc_bytes, local_bytes;
    char unusable[128];     /* why it cannot be used; "" when it can */
} xt_device;

/* Sets the environment that drivers read at their first call, where the user
 * has not: call before anything else of OpenCL, while there is one thread. */
void xt_devices_prepare(void);

/* All devices of all platforms, usable or not, in the platforms' order. *out
 * is malloced. No device at all is XT_NO_DEVICE, with every .icd file seen and
 * what is wrong with each. */
xt_status xt_devices_list(xt_device **out, size_t *n_devices, xt_err *err);

/* The device that `request` means, one of base/request.h's forms: auto (the first GPU, else accelerator, else
 * CPU), cpu, gpu, PLATFORM:DEVICE by number, name:TEXT or platform:TEXT (part
 * of the name, case ignored). XT_NO_DEVICE lists what there is. */
xt_status xt_device_select(const char *request, xt_device *out, xt_err *err);

/* "cpu", "gpu", "accelerator" or "custom". */
const char *xt_device_type_name(const xt_device *device);
static inline bool xt_device_is_cpu(const xt_device *device)
{
    return (device->type & CL_DEVICE_TYPE_CPU) != 0;
}

bool xt_device_is_pocl(const xt_device *device);

/* Appends the state of the installed drivers: each .icd file, the library that
 * it names, and why that does not load. */
void xt_icd_describe(xt_buf *out);

#endif
