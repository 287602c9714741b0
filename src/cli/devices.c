#include "app/json.h"
#include "cli/commands.h"
#include "ocl/device.h"

#include <stdlib.h>

static xt_status print_json(const xt_device *devices, size_t n, xt_buf *out, xt_err *err)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        const xt_device *device = &devices[i];
        json_t *object = json_object();
        char index[32];
        snprintf(index, sizeof index, "%u:%u", device->platform_index, device->device_index);
        json_object_set_new(object, "device", json_string(index));
        json_object_set_new(object, "type", json_string(xt_device_type_name(device)));
        json_object_set_new(object, "name", xt_json_text(device->name));
        json_object_set_new(object, "platform", xt_json_text(device->platform_name));
        json_object_set_new(object, "version", xt_json_text(device->device_version));
        json_object_set_new(object, "driver", xt_json_text(device->driver_version));
        json_object_set_new(object, "compute_units", json_integer(device->compute_units));
        json_object_set_new(object, "max_work_group", json_integer((json_int_t)device->max_group));
        json_object_set_new(object, "global_bytes", json_integer((json_int_t)device->global_bytes));
        json_object_set_new(object, "max_alloc_bytes", json_integer((json_int_t)device->max_alloc_bytes));
        json_object_set_new(object, "local_bytes", json_integer((json_int_t)device->local_bytes));
        json_object_set_new(object, "unusable", xt_json_text(device->unusable));
        json_array_append_new(array, object);
    }
    char *dump = xt_json_dump(array, JSON_INDENT(2));
    json_decref(array);
    if (!dump)
        return xt_fail_memory(err, "the list of devices", 0);
    xt_buf_printf(out, "%s\n", dump);
    free(dump);
    return XT_OK;
}

static void print_text(const xt_device *devices, size_t n, xt_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        const xt_device *device = &devices[i];
        xt_buf_printf(out, "%u:%u  %s  %s\n", device->platform_index, device->device_index,
                      xt_device_type_name(device), device->name);
        xt_buf_printf(out, "     %s, %s, driver %s\n", device->platform_name, device->device_version,
                      device->driver_version);
        xt_buf_printf(out, "     %u compute units, %.1f GiB memory, %llu KiB local memory, work-groups up to %zu\n",
                      device->compute_units, (double)device->global_bytes / (1 << 30),
                      (unsigned long long)device->local_bytes / 1024, device->max_group);
        if (device->unusable[0])
            xt_buf_printf(out, "     unusable: %s\n", device->unusable);
    }
}

xt_status xt_cmd_devices(const xt_options *options, xt_err *err)
{
    xt_device *devices = NULL;
    size_t n = 0;
    xt_buf text = {0};
    xt_devices_prepare();
    xt_status status = xt_devices_list(&devices, &n, err);
    if (!status && options->json)
        status = print_json(devices, n, &text, err);
    else if (!status)
        print_text(devices, n, &text);
    if (!status)
        status = xt_print(&text, err);
    xt_buf_clear(&text);
    free(devices);
    return status;
}
