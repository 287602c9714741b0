#include "app/export.h"
#include "app/rows.h"

xt_status xt_export_csv(const xt_export *model, xt_buf *out, xt_err *err)
{
    size_t n_tensors;
    const xt_tensor *tensor = xt_model_tensors(model->file, &n_tensors);
    xt_buf_puts(out, "tensor,row,column,value\n");
    for (size_t i = 0; i < n_tensors; i++, tensor++) {
        size_t n_columns = tensor->n_dims == 2 ? tensor->dims[1] : 1;
        for (size_t k = 0; k < tensor->dims[0] * n_columns; k++) {
            char number[XT_NUMBER_BYTES];
            xt_csv_number((double)tensor->values[k], number);
            xt_buf_printf(out, "%s,%zu,%zu,%s\n", tensor->name, k / n_columns, k % n_columns, number);
        }
    }
    return out->failed ? xt_fail_memory(err, "the table", out->len) : XT_OK;
}
