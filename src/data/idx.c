#include "data/idx.h"

#include "data/values.h"

enum { MAGIC_BYTES = 4, DIM_BYTES = 4, MAX_DIMS = 8 };

static xt_status fail_short(const xt_input *input, xt_err *err)
{
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: the file ends within the header", input->name, input->n_read);
}

static bool find_type(unsigned char code, xt_number_type *type)
{
    static const struct {
        unsigned char code;
        xt_number_type type;
    } codes[] = {{0x08, XT_TYPE_u1}, {0x09, XT_TYPE_i1}, {0x0B, XT_TYPE_i2},
                 {0x0C, XT_TYPE_i4}, {0x0D, XT_TYPE_f4}, {0x0E, XT_TYPE_f8}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code) {
            *type = codes[i].type;
            return true;
        }
    return false;
}

static xt_status read_magic(xt_input *input, xt_layout *layout, xt_err *err)
{
    unsigned char magic[MAGIC_BYTES];
    size_t n = 0;
    xt_status status = xt_input_read_whole(input, magic, sizeof magic, &n, err);
    if (status)
        return status;
    if (!n)
        return xt_fail(err, XT_BAD_DATA, "%s: byte 0: the file is empty", input->name);
    if (n >= 2 && (magic[0] || magic[1]))
        return xt_fail(err, XT_BAD_DATA, "%s: byte 0: not an IDX file: expected two zero bytes, found %02x %02x",
                       input->name, magic[0], magic[1]);
    if (n < sizeof magic)
        return fail_short(input, err);
    if (!find_type(magic[2], &layout->type))
        return xt_fail(err, XT_BAD_DATA, "%s: byte 2: expected the type 08, 09, 0b, 0c, 0d or 0e, found %02x",
                       input->name, magic[2]);
    if (!magic[3] || magic[3] > MAX_DIMS)
        return xt_fail(err, XT_BAD_DATA, "%s: byte 3: expected 1 to %d dimensions, found %d", input->name, MAX_DIMS,
                       magic[3]);
    layout->n_dims = magic[3];
    return XT_OK;
}

xt_status xt_idx_read(xt_input *input, xt_array *out, xt_err *err)
{
    xt_layout layout = {.big_endian = true, .dims_at = MAGIC_BYTES};
    unsigned char dims[MAX_DIMS * DIM_BYTES];
    size_t n = 0;
    xt_status status = read_magic(input, &layout, err);
    if (!status)
        status = xt_input_read_whole(input, dims, layout.n_dims * DIM_BYTES, &n, err);
    if (status)
        return status;
    if (n < layout.n_dims * DIM_BYTES)
        return fail_short(input, err);
    for (size_t i = 0; i < n; i++)
        layout.dims[i / DIM_BYTES] = layout.dims[i / DIM_BYTES] << 8 | dims[i];
    return xt_values_read(input, &layout, out, err);
}
