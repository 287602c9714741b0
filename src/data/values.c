#include "data/values.h"

#include "data/problems.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 65536 };

/* ---- one type to single precision ---- */

/* Subnormal ones too: 2^-24 is the step below 2^-14. */
static float from_half(uint16_t bits)
{
    unsigned exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
    float size = exponent == 0x1F ? (fraction ? NAN : INFINITY)
                 : exponent       ? ldexpf((float)(fraction | 0x400), (int)exponent - 25)
                                  : ldexpf((float)fraction, -24);
    return bits & 0x8000 ? -size : size;
}

#define TO_FLOAT_b1(v) ((v) ? 1.0f : 0.0f)
#define TO_FLOAT_i1(v) ((float)(v))
#define TO_FLOAT_i2(v) ((float)(v))
#define TO_FLOAT_i4(v) ((float)(v))
#define TO_FLOAT_i8(v) ((float)(v))
#define TO_FLOAT_u1(v) ((float)(v))
#define TO_FLOAT_u2(v) ((float)(v))
#define TO_FLOAT_u4(v) ((float)(v))
#define TO_FLOAT_u8(v) ((float)(v))
#define TO_FLOAT_f2(v) from_half(v)
#define TO_FLOAT_f4(v) (v)
#define TO_FLOAT_f8(v) ((float)(v))

/* n numbers in the machine's byte order, aligned or not. */
#define ROW(name, type) \
    static void decode_##name(const unsigned char *bytes, size_t n, float *out) \
    { \
        for (size_t i = 0; i < n; i++) { \
            type value; \
            memcpy(&value, bytes + i * sizeof value, sizeof value); \
            out[i] = TO_FLOAT_##name(value); \
        } \
    }
XT_NUMBER_TYPES(ROW)
#undef ROW

#define ROW(name, type) {#name, sizeof(type), decode_##name},
static const struct {
    const char *name;
    size_t n_bytes;
    void (*decode)(const unsigned char *bytes, size_t n, float *out);
} types[] = {XT_NUMBER_TYPES(ROW)};
#undef ROW

int xt_number_type_find(const char *name)
{
    for (int i = 0; i < XT_N_NUMBER_TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return i;
    return -1;
}

static void swap_bytes(unsigned char *bytes, size_t n, size_t width)
{
    for (unsigned char *at = bytes; at < bytes + n * width; at += width)
        for (size_t i = 0; i < width / 2; i++) {
            unsigned char byte = at[i];
            at[i] = at[width - 1 - i];
            at[width - 1 - i] = byte;
        }
}

bool xt_machine_is_big_endian(void)
{
    return *(const unsigned char *)&(uint16_t){1} == 0;
}

/* ---- reading ---- */

typedef struct reader {
    xt_input *input;
    const xt_layout *layout;
    size_t width;     /* bytes of a number */
    size_t n_rows, n_columns, n_values;
    bool known;       /* the file has as many bytes as it should */
    unsigned char *chunk;
    float *values;    /* n_taken of them, in the file's order */
    size_t n_taken, cap;
    xt_problems problems;
} reader;

static bool multiply(size_t a, uint64_t b, size_t *product)
{
    if (b && a > SIZE_MAX / b)
        return false;
    *product = a * (size_t)b;
    return true;
}

static xt_status fail_dims(const reader *self, const char *what, xt_err *err)
{
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: %s", self->input->name, self->layout->dims_at, what);
}

static xt_status measure(reader *self, xt_err *err)
{
    const xt_layout *layout = self->layout;
    bool fits = multiply(1, layout->dims[0], &self->n_rows);
    self->n_columns = 1;
    for (size_t i = 1; fits && i < layout->n_dims; i++)
        fits = multiply(self->n_columns, layout->dims[i], &self->n_columns);
    size_t n_bytes = 0;
    fits = fits && multiply(self->n_rows, self->n_columns, &self->n_values) &&
           multiply(self->n_values, sizeof(double), &n_bytes);
    if (!fits)
        return fail_dims(self, "the dimensions are larger than any memory", err);
    if (!self->n_rows)
        return fail_dims(self, "no rows: the first dimension is 0", err);
    if (!self->n_columns)
        return fail_dims(self, "no columns: a dimension is 0", err);
    if (self->n_columns > XT_MAX_COLUMNS)
        return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: %zu columns; at most %d", self->input->name, layout->dims_at,
                       self->n_columns, XT_MAX_COLUMNS);
    return XT_OK;
}

static xt_status fail_size(const reader *self, size_t at, size_t n_found, xt_err *err)
{
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: the header promises %zu bytes of values, the file has %zu",
                   self->input->name, at, self->n_values * self->width, n_found);
}

/* Before anything is allocated, where the file's size is known. */
static xt_status check_size(reader *self, xt_err *err)
{
    size_t n_bytes = 0, at = self->input->n_read;
    self->known = xt_input_size(self->input, &n_bytes);
    if (self->known && n_bytes - at != self->n_values * self->width)
        return fail_size(self, at, n_bytes - at, err);
    return XT_OK;
}

static xt_status reserve(reader *self, size_t n_values, xt_err *err)
{
    if (n_values <= self->cap)
        return XT_OK;
    size_t cap = 2 * self->cap > CHUNK_BYTES ? 2 * self->cap : CHUNK_BYTES;
    if (self->known || cap > self->n_values)
        cap = self->n_values;
    float *values = realloc(self->values, cap * sizeof *values);
    if (!values)
        return xt_fail_memory(err, self->input->name, cap * sizeof *values);
    self->values = values;
    self->cap = cap;
    return XT_OK;
}

/* The column of a row whose values lie `at` apart from the row's first in Fortran
 * order, the first of the other dimensions fastest. */
static size_t fortran_column(const xt_layout *layout, size_t at, size_t n_columns)
{
    size_t column = 0, step = n_columns;
    for (size_t i = 1; i < layout->n_dims; i++) {
        size_t dim = (size_t)layout->dims[i];
        step /= dim;
        column += at % dim * step;
        at /= dim;
    }
    return column;
}

/* Value `index` of the file, which is chunk's `at`, is infinite in single precision. */
static void complain(reader *self, size_t index, size_t at)
{
    bool fortran = self->layout->fortran;
    size_t row = fortran ? index % self->n_rows : index / self->n_columns;
    size_t column = fortran ? fortran_column(self->layout, index / self->n_rows, self->n_columns) : index % self->n_columns;
    size_t n_behind = (self->n_taken - index) * self->width;
    double value = (double)self->values[index];
    if (self->layout->type == XT_TYPE_f8)
        memcpy(&value, self->chunk + at * sizeof value, sizeof value);
    if (isinf(value))
        xt_problem(&self->problems, "%s: byte %zu: row %zu, column %zu: an infinite value", self->input->name,
                   self->input->n_read - n_behind, row + 1, column + 1);
    else
        xt_problem(&self->problems, "%s: byte %zu: row %zu, column %zu: %.9g is too large for single precision",
                   self->input->name, self->input->n_read - n_behind, row + 1, column + 1, value);
}

static void check_values(reader *self, size_t n)
{
    const float *values = self->values + self->n_taken - n;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= fabsf(values[i]) > FLT_MAX;
    for (size_t i = 0; any && i < n && !self->problems.full; i++)
        if (isinf(values[i]))
            complain(self, self->n_taken - n + i, i);
}

static xt_status take_chunk(reader *self, xt_err *err)
{
    size_t n_left = self->n_values - self->n_taken, n = CHUNK_BYTES / self->width, n_read = 0;
    n = n < n_left ? n : n_left;
    xt_status status = xt_input_read_whole(self->input, self->chunk, n * self->width, &n_read, err);
    if (status)
        return status;
    if (n_read < n * self->width)
        return fail_size(self, self->input->n_read, self->n_taken * self->width + n_read, err);
    status = reserve(self, self->n_taken + n, err);
    if (status)
        return status;
    if (self->width > 1 && self->layout->big_endian != xt_machine_is_big_endian())
        swap_bytes(self->chunk, n, self->width);
    types[self->layout->type].decode(self->chunk, n, self->values + self->n_taken);
    self->n_taken += n;
    check_values(self, n);
    return XT_OK;
}

static xt_status take_end(reader *self, xt_err *err)
{
    size_t n = 0, at = self->input->n_read;
    xt_status status = xt_input_read(self->input, self->chunk, CHUNK_BYTES, &n, err);
    if (!status && n)
        return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: the header promises %zu bytes of values, more follow",
                       self->input->name, at, self->n_values * self->width);
    return status;
}

static xt_status take_all(reader *self, xt_err *err)
{
    self->chunk = malloc(CHUNK_BYTES);
    if (!self->chunk)
        return xt_fail_memory(err, self->input->name, CHUNK_BYTES);
    /* Where the file breaks off comes after what is wrong before. */
    xt_err broken = {.text = ""};
    xt_status status = XT_OK;
    while (!status && self->n_taken < self->n_values && !self->problems.full)
        status = take_chunk(self, &broken);
    if (!status && !self->problems.full)
        status = take_end(self, &broken);
    if (status && status != XT_BAD_DATA)
        return xt_fail(err, status, "%s", broken.text);
    if (status)
        xt_problem(&self->problems, "%s", broken.text);
    return xt_problems_report(&self->problems, err);
}

/* From the file's Fortran order to rows; some rows at a time, so that what is
 * written lies close together. */
static xt_status transpose(reader *self, xt_err *err)
{
    enum { ROWS = 64 };
    float *out = malloc(self->n_values * sizeof *out);
    if (!out)
        return xt_fail_memory(err, self->input->name, self->n_values * sizeof *out);
    for (size_t first = 0; first < self->n_rows; first += ROWS) {
        size_t end = self->n_rows - first < ROWS ? self->n_rows : first + ROWS;
        for (size_t at = 0; at < self->n_columns; at++) {
            size_t column = fortran_column(self->layout, at, self->n_columns);
            for (size_t row = first; row < end; row++)
                out[row * self->n_columns + column] = self->values[at * self->n_rows + row];
        }
    }
    free(self->values);
    self->values = out;
    return XT_OK;
}

xt_status xt_values_read(xt_input *input, const xt_layout *layout, xt_array *out, xt_err *err)
{
    reader self = {.input = input, .layout = layout, .width = types[layout->type].n_bytes};
    xt_status status = measure(&self, err);
    if (!status)
        status = check_size(&self, err);
    if (!status)
        status = take_all(&self, err);
    if (!status && layout->fortran && self.n_columns > 1)
        status = transpose(&self, err);
    if (!status) {
        *out = (xt_array){self.n_rows, self.n_columns, self.values};
        self.values = NULL;
    }
    free(self.values);
    free(self.chunk);
    xt_problems_clear(&self.problems);
    return status;
}
