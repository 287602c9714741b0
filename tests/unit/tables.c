#include "tables.h"

#include "cases.h"
#include "model/ops.h"

#include <string.h>

static xt_err err;

xt_spec unit_table_spec(const xt_source *source, const char *activation, uint32_t units, xt_layer *layer)
{
    *layer = (xt_layer){.units = units, .activation = xt_choose(&xt_activations, activation)};
    return (xt_spec){.train = *source, .n_layers = 1, .layers = layer};
}

xt_parts unit_parts(const xt_spec *spec, const char *text)
{
    xt_parts parts = {0};
    xt_input input = xt_input_of_memory(spec->train.file, text, strlen(text));
    if (xt_parts_load_input(spec, &input, &parts, &err))
        fail_msg("%s", err.text);
    xt_input_close(&input);
    return parts;
}

void unit_parts_refused(const xt_spec *spec, const char *text, xt_status status, const char *message)
{
    xt_parts parts, before;
    memset(&parts, 0x5A, sizeof parts);
    before = parts;
    xt_input input = xt_input_of_memory(spec->train.file, text, strlen(text));
    assert_int_equal(xt_parts_load_input(spec, &input, &parts, &err), status);
    assert_string_equal(err.text, message);
    assert_memory_equal(&parts, &before, sizeof parts);
    xt_input_close(&input);
}

void unit_floats(const float *values, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] != expected[i])
            fail_msg("value %zu is %.9g, not %.9g", i, (double)values[i], (double)expected[i]);
}
