#include "data/array.h"

#include "data/format.h"
#include "data/idx.h"
#include "data/npy.h"

#include <assert.h>
#include <stdlib.h>

static xt_status (*const readers[XT_N_FORMATS])(xt_input *input, xt_array *out, xt_err *err) = {
    [XT_FORMAT_IDX] = xt_idx_read,
    [XT_FORMAT_NPY] = xt_npy_read,
};

bool xt_format_is_array(xt_format format)
{
    return readers[format] != NULL;
}

xt_status xt_array_read(xt_format format, xt_input *input, xt_array *out, xt_err *err)
{
    assert(xt_format_is_array(format));
    return readers[format](input, out, err);
}

void xt_array_clear(xt_array *array)
{
    free(array->values);
    *array = (xt_array){0};
}
