/* values.h: the numbers of a binary file, once its header said how they lie. */
#ifndef XT_DATA_VALUES_H
#define XT_DATA_VALUES_H

#include "data/array.h"

#include <stdint.h>

/* ROW(name, type): types of numbers, by the names NumPy gives them; type holds the
 * bits of one. */
#define XT_NUMBER_TYPES(ROW) \
    ROW(b1, uint8_t) \
    ROW(i1, int8_t) \
    ROW(i2, int16_t) \
    ROW(i4, int32_t) \
    ROW(i8, int64_t) \
    ROW(u1, uint8_t) \
    ROW(u2, uint16_t) \
    ROW(u4, uint32_t) \
    ROW(u8, uint64_t) \
    ROW(f2, uint16_t) \
    ROW(f4, float) \
    ROW(f8, double)

#define XT_NUMBER_TYPE(name, type) XT_TYPE_##name,
typedef enum xt_number_type { XT_NUMBER_TYPES(XT_NUMBER_TYPE) XT_N_NUMBER_TYPES } xt_number_type;
#undef XT_NUMBER_TYPE

/* The type so named, -1 when there is none. */
int xt_number_type_find(const char *name);
/* Whether this machine stores the highest byte of a number first. */
bool xt_machine_is_big_endian(void);

enum { XT_MAX_DIMS = 64 }; /* as many as NumPy has */

typedef struct xt_layout {
    xt_number_type type;
    bool big_endian;
    bool fortran;             /* the first dimension is the fastest, else the last */
    size_t n_dims;            /* 1 to XT_MAX_DIMS */
    uint64_t dims[XT_MAX_DIMS];
    size_t dims_at;           /* the byte where they stand in the file, for messages */
} xt_layout;

/* Reads the rest of input: just the numbers of this layout. */
xt_status xt_values_read(xt_input *input, const xt_layout *layout, xt_array *out, xt_err *err);

#endif
