#include "data/encode.h"

#include <math.h>
#include <string.h>

/* ---- rows ---- */

static float normalised(const xt_encoding *encoding, size_t input, double x)
{
    return encoding->offset ? (float)((x - encoding->offset[input]) / encoding->scale[input]) : (float)x;
}

bool xt_encode_inputs(const xt_encoding *encoding, const float *values, float *inputs)
{
    bool finite = true;
    for (size_t i = 0; i < encoding->n_columns; i++) {
        const xt_input_column *column = encoding->columns + i;
        float *at = inputs + column->at;
        if (column->n_values) {
            memset(at, 0, column->n_values * sizeof *at);
            at[(size_t)values[i]] = 1;
        } else {
            *at = normalised(encoding, column->at, isnan(values[i]) ? column->fill : (double)values[i]);
            finite = finite && isfinite(*at);
        }
    }
    return finite;
}

static void encode_targets(const xt_encoding *encoding, const float *values, float *targets)
{
    if (!encoding->n_classes || encoding->n_targets == 1) {
        memcpy(targets, values, encoding->n_targets * sizeof *targets);
        return;
    }
    memset(targets, 0, encoding->n_targets * sizeof *targets);
    targets[(size_t)values[0]] = 1;
}

/* ---- data sets ---- */

static xt_status alloc_rows(xt_dataset *data, const xt_encoding *encoding, xt_err *err)
{
    data->n_inputs = encoding->n_inputs;
    data->n_targets = encoding->n_targets;
    data->inputs = xt_arena_alloc(&data->arena, data->n_rows, data->n_inputs * sizeof *data->inputs);
    data->targets = xt_arena_alloc(&data->arena, data->n_rows, data->n_targets * sizeof *data->targets);
    data->class_rows = xt_arena_alloc(&data->arena, encoding->n_classes, sizeof *data->class_rows);
    data->input_names = xt_arena_alloc(&data->arena, encoding->n_columns, sizeof *data->input_names);
    data->target_names = xt_arena_alloc(&data->arena, encoding->n_target_columns, sizeof *data->target_names);
    if (!data->inputs || !data->targets || !data->class_rows || !data->input_names || !data->target_names)
        return xt_fail_memory(err, data->origin, data->n_rows * (data->n_inputs + data->n_targets) * sizeof(float));
    for (size_t i = 0; i < encoding->n_columns; i++)
        data->input_names[i] = encoding->columns[i].name;
    for (size_t i = 0; i < encoding->n_target_columns; i++)
        data->target_names[i] = encoding->target_names[i];
    if (!encoding->n_classes)
        data->class_rows = NULL;
    return XT_OK;
}

static xt_status encode_all(const xt_raw *raw, const unsigned char *part, xt_part_code code, xt_dataset *data,
                            xt_err *err)
{
    const xt_encoding *encoding = data->encoding;
    float *inputs = data->inputs, *targets = data->targets;
    for (size_t i = 0; i < raw->n_rows; i++) {
        if (part && part[i] != code)
            continue;
        const float *y = raw->targets + i * raw->cells.n_targets;
        if (!xt_encode_inputs(encoding, raw->inputs + i * raw->cells.n_inputs, inputs))
            return xt_fail(err, XT_BAD_DATA, "%s: row %zu: " XT_TOO_FAR, raw->cells.name, i + 1);
        encode_targets(encoding, y, targets);
        if (encoding->n_classes)
            data->class_rows[(size_t)y[0]]++;
        inputs += data->n_inputs;
        targets += data->n_targets;
    }
    return XT_OK;
}

xt_status xt_encode_rows(const xt_raw *raw, const unsigned char *part, xt_part_code code, const xt_encoding *encoding,
                         xt_dataset *out, xt_err *err)
{
    xt_dataset data = {.encoding = encoding, .n_dropped = raw->n_dropped};
    for (size_t i = 0; i < raw->n_rows; i++)
        data.n_rows += !part || part[i] == code;
    memcpy(data.hash, raw->hash, sizeof data.hash);
    memcpy(data.targets_hash, raw->targets_hash, sizeof data.targets_hash);
    data.origin = xt_arena_strdup(&data.arena, raw->origin);
    xt_status status = data.origin ? alloc_rows(&data, encoding, err) : xt_fail_memory(err, raw->cells.name, 0);
    if (!status)
        status = encode_all(raw, part, code, &data, err);
    if (status)
        xt_dataset_clear(&data);
    else
        *out = data;
    return status;
}
