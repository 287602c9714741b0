/* Which engine auto takes, by network, batch and device. */
#include "cases.h"
#include "engine/engines.h"
#include "model/ops.h"

enum { MAX_LAYERS = 64 };

typedef struct choice_case {
    const char *name;
    uint32_t n_inputs, units, n_layers, batch;
    cl_device_type type;
    cl_uint cores;
    cl_ulong bytes, local_bytes; /* of the device's memory */
    xt_engine_code expected;
} choice_case;

#define CPU CL_DEVICE_TYPE_CPU
#define GPU CL_DEVICE_TYPE_GPU
#define MIB ((cl_ulong)1 << 20)

static choice_case cases[] = {
    {"the tutorial's network", 2, 16, 2, 1, CPU, 2, 4096 * MIB, MIB, XT_ENGINE_fused},
    {"a table's, by 64", 30, 64, 3, 64, CPU, 2, 4096 * MIB, MIB, XT_ENGINE_fused},
    {"a table's, by many rows", 30, 64, 3, 1000, CPU, 2, 4096 * MIB, MIB, XT_ENGINE_gemm},
    {"small images, by 8", 784, 128, 2, 8, CPU, 2, 4096 * MIB, MIB, XT_ENGINE_fused},
    {"small images, by 64", 784, 128, 2, 64, CPU, 2, 4096 * MIB, MIB, XT_ENGINE_gemm},
    {"a large network, by 256", 784, 1024, 3, 256, CPU, 2, 4096 * MIB, MIB, XT_ENGINE_gemm},
    {"a large network on one core", 784, 1024, 3, 256, CPU, 1, 4096 * MIB, MIB, XT_ENGINE_gemm},
    {"rows that fit no buffer", 2000000, 1, 1, 1, CPU, 2, 16 * MIB, MIB, XT_ENGINE_gemm},
    {"small images on many cores", 784, 128, 2, 64, CPU, 64, 4096 * MIB, MIB, XT_ENGINE_gemm},
    /* 60 layers of 1 unit are 960 floats a row, padded; their z, a and g fit no buffer. */
    {"narrow layers, by too many rows", 1, 1, 60, 524288, CPU, 2, 4096 * MIB, MIB, XT_ENGINE_gemm},
    {"the same on one core", 1, 1, 60, 524288, CPU, 1, 4096 * MIB, MIB, XT_ENGINE_gemm},
    {"more than the kernel can address", 40000, 40000, 1, 1, CPU, 1, 65536 * MIB, MIB, XT_ENGINE_gemm},
    {"the tutorial's on a GPU", 2, 16, 2, 1, GPU, 80, 4096 * MIB, 48 << 10, XT_ENGINE_fused},
    {"more than a GPU's local memory", 64, 64, 3, 16, GPU, 80, 4096 * MIB, 16 << 10, XT_ENGINE_gemm},
    {"small images on a GPU", 784, 128, 2, 64, GPU, 80, 4096 * MIB, 48 << 10, XT_ENGINE_gemm},
};

static void auto_takes(void **state)
{
    const choice_case *row = *state;
    const char *why = NULL;
    xt_layer layers[MAX_LAYERS];
    xt_spec spec = {.layers = layers, .n_layers = row->n_layers, .batch_size = row->batch,
                    .loss = xt_choose(&xt_losses, "mse"), .optimizer = xt_choose(&xt_optimizers, "sgd")};
    xt_dataset data = {.n_rows = row->batch, .n_inputs = row->n_inputs, .n_targets = row->units};
    xt_device device = {.type = row->type, .compute_units = row->cores, .global_bytes = row->bytes,
                        .max_alloc_bytes = row->bytes / 4, .local_bytes = row->local_bytes};
    xt_plan plan;
    xt_err err;
    for (size_t i = 0; i < spec.n_layers; i++)
        layers[i] = (xt_layer){.units = row->units, .activation = xt_choose(&xt_activations, "relu")};
    xt_status status = xt_plan_make(&spec, data.n_inputs, data.n_targets, &plan, &err);
    if (status)
        fail_msg("%s", err.text);
    assert_int_equal(xt_engine_choose(&plan, &data, &device, &why), row->expected);
    assert_memory_equal(why, "auto: ", 6);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        unit_case(auto_takes, &cases[i], "auto_takes: %s", cases[i].name);
    return unit_run("choose");
}
