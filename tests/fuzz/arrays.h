/* arrays.h: any bytes as an array of numbers, for the targets of its formats. */
#ifndef XT_TESTS_FUZZ_ARRAYS_H
#define XT_TESTS_FUZZ_ARRAYS_H

#include "data/array.h"

#include "fuzz.h"

#include <math.h>
#include <string.h>

static xt_err err, again;

/* Up to three bytes at a time, and nobody knows how many. */
static xt_status fetch_few(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    (void)fault;
    size_t n = input->n_bytes - input->n_stored;
    n = n < 3 ? n : 3;
    n = n < n_bytes ? n : n_bytes;
    if (n)
        memcpy(bytes, input->bytes + input->n_stored, n);
    *n_fetched = n;
    return XT_OK;
}

/* Values that are not infinite, or a message; the same of bytes that are known as
 * a whole and of such that trickle in. */
static void fuzz_array(xt_format format, const uint8_t *bytes, size_t n_bytes)
{
    xt_input input = xt_input_of_memory("fuzz", bytes, n_bytes);
    xt_input stream = {.name = "fuzz", .fetch = fetch_few, .fd = -1, .bytes = (const char *)bytes, .n_bytes = n_bytes};
    xt_array array = {.n_rows = 77}, other = {.n_rows = 77};
    xt_status status = xt_array_read(format, &input, &array, &err);
    REQUIRE(xt_array_read(format, &stream, &other, &again) == status);
    if (status) {
        REQUIRE(status == XT_BAD_DATA && err.status == status && strncmp(err.text, "fuzz: byte ", 11) == 0);
        REQUIRE(array.n_rows == 77 && !array.values && other.n_rows == 77 && !other.values);
    } else {
        size_t n = array.n_rows * array.n_columns;
        REQUIRE(n && other.n_rows == array.n_rows && other.n_columns == array.n_columns);
        for (size_t i = 0; i < n; i++)
            REQUIRE(!isinf(array.values[i]));
        REQUIRE(memcmp(array.values, other.values, n * sizeof(float)) == 0);
        REQUIRE(input.n_stored == n_bytes && stream.n_stored == n_bytes);
        xt_array_clear(&array);
        xt_array_clear(&other);
    }
    xt_input_close(&input);
    xt_input_close(&stream);
}

#endif
