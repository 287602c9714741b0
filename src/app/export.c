#include "app/export.h"

#include <math.h>

static const xt_export_target targets[] = {
    {{"onnx", "for ONNX Runtime and what else reads ONNX: normalisation inside, names in its metadata"}, true,
     xt_export_onnx},
    {{"c", "one C99 file without dependencies: void NAME_predict(const float *inputs, float *outputs)"}, false,
     xt_export_c},
    {{"csv", "every number of the file: tensor,row,column,value"}, false, xt_export_csv},
};

const xt_table xt_export_targets = XT_TABLE("target", targets);

const xt_export_target *xt_export_target_at(int index)
{
    return &targets[index];
}

void xt_export_input_name(const xt_input_column *column, size_t value, xt_buf *out)
{
    xt_buf_puts(out, column->name);
    if (column->n_values)
        xt_buf_printf(out, "=%s", column->values[value]);
}

const char *xt_export_output_name(const xt_encoding *encoding, size_t output)
{
    return encoding->n_targets == encoding->n_classes ? encoding->classes[output] : encoding->target_names[output];
}

bool xt_export_fills(const xt_encoding *encoding)
{
    for (size_t i = 0; i < encoding->n_columns; i++)
        if (encoding->columns[i].has_fill)
            return true;
    return false;
}

void xt_export_fill(const xt_encoding *encoding, double *out)
{
    for (size_t i = 0; i < encoding->n_inputs; i++)
        out[i] = (double)NAN;
    for (size_t i = 0; i < encoding->n_columns; i++)
        if (encoding->columns[i].has_fill)
            out[encoding->columns[i].at] = encoding->columns[i].fill;
}
