#include "arrays.h"

#include "cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

static xt_status fetch_few(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    (void)fault;
    size_t n = input->n_bytes - input->n_stored;
    n = n < 7 ? n : 7;
    n = n < n_bytes ? n : n_bytes;
    memcpy(bytes, input->bytes + input->n_stored, n);
    *n_fetched = n;
    return XT_OK;
}

xt_input unit_stream(const char *name, const void *bytes, size_t n_bytes)
{
    return (xt_input){.name = name, .fetch = fetch_few, .fd = -1, .bytes = bytes, .n_bytes = n_bytes};
}

/* In a block of just their size, so that a sanitiser sees a read behind it. */
static void *just(const void *bytes, size_t n_bytes)
{
    void *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    if (n_bytes)
        memcpy(copy, bytes, n_bytes);
    return copy;
}

void unit_array_reads(xt_format format, const void *bytes, size_t n_bytes, size_t n_rows, size_t n_columns,
                      const float *values)
{
    void *copy = just(bytes, n_bytes);
    xt_input inputs[] = {xt_input_of_memory("t", copy, n_bytes), unit_stream("t", copy, n_bytes)};
    for (size_t i = 0; i < 2; i++) {
        xt_array array = {0};
        char hex[XT_HASH_BYTES], expected[XT_HASH_BYTES];
        if (xt_array_read(format, inputs + i, &array, &err))
            fail_msg("%s", err.text);
        assert_int_equal(array.n_rows, n_rows);
        assert_int_equal(array.n_columns, n_columns);
        for (size_t j = 0; j < n_rows * n_columns; j++)
            if (array.values[j] != values[j] && !(isnan(array.values[j]) && isnan(values[j])))
                fail_msg("value %zu: %.9g is not %.9g", j, (double)array.values[j], (double)values[j]);
        /* All of it was seen. */
        xt_input_hash(inputs + i, hex);
        xt_hash_block(bytes, n_bytes, expected);
        assert_string_equal(hex, expected);
        xt_array_clear(&array);
        assert_null(array.values);
        xt_input_close(inputs + i);
    }
    free(copy);
}

/* "t: " before each line. */
static void with_name(const char *message, xt_buf *out)
{
    while (*message) {
        size_t n = strcspn(message, "\n");
        n += message[n] == '\n';
        xt_buf_puts(out, strncmp(message, "...", 3) == 0 ? "" : "t: ");
        xt_buf_add(out, message, n);
        message += n;
    }
}

void unit_array_refused(xt_format format, const void *bytes, size_t n_bytes, const char *message, const char *in_stream)
{
    void *copy = just(bytes, n_bytes);
    xt_input inputs[] = {xt_input_of_memory("t", copy, n_bytes), unit_stream("t", copy, n_bytes)};
    for (size_t i = 0; i < 2; i++) {
        xt_array array = {.n_rows = 77};
        xt_buf expected = {0};
        with_name(i && in_stream ? in_stream : message, &expected);
        xt_status status = xt_array_read(format, inputs + i, &array, &err);
        if (!status)
            fail_msg("read, expected: %s", expected.data);
        assert_string_equal(err.text, expected.data);
        assert_int_equal(status, XT_BAD_DATA);
        assert_int_equal(err.status, XT_BAD_DATA);
        assert_true(array.n_rows == 77 && !array.values);
        xt_buf_clear(&expected);
        xt_input_close(inputs + i);
    }
    free(copy);
}
