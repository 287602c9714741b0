/* IDX: every type and number of dimensions, and every way to be none. */
#include "arrays.h"
#include "cases.h"
#include "limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes as a string literal, which may hold zeros. */
#define BYTES(text) (text), sizeof(text) - 1

/* ---- what is read ---- */

static const struct good {
    const char *what, *bytes;
    size_t n_bytes, n_rows, n_columns;
    float values[8];
} goods[] = {
    {"unsigned bytes", BYTES("\0\0\x08\1" "\0\0\0\4" "\0\1\x7f\xff"), 4, 1, {0, 1, 127, 255}},
    {"signed bytes", BYTES("\0\0\x09\1" "\0\0\0\4" "\0\1\x7f\xff"), 4, 1, {0, 1, 127, -1}},
    {"shorts", BYTES("\0\0\x0b\2" "\0\0\0\2" "\0\0\0\2" "\0\1" "\xff\xfe" "\x7f\xff" "\x80\0"), 2, 2,
     {1, -2, 32767, -32768}},
    {"ints", BYTES("\0\0\x0c\2" "\0\0\0\1" "\0\0\0\3" "\0\0\1\0" "\xff\xff\xff\xff" "\x7f\xff\xff\xff"), 1, 3,
     {256, -1, 2147483648.0f}},
    {"floats", BYTES("\0\0\x0d\1" "\0\0\0\3" "\x3f\x80\0\0" "\x7f\x7f\xff\xff" "\x7f\xc0\0\0"), 3, 1,
     {1, 3.40282347e38f, NAN}},
    {"doubles", BYTES("\0\0\x0e\1" "\0\0\0\2" "\x3f\xb9\x99\x99\x99\x99\x99\x9a" "\xc0\x08\0\0\0\0\0\0"), 2, 1,
     {0.1f, -3}},
    {"eight dimensions", BYTES("\0\0\x08\x08" "\0\0\0\2" "\0\0\0\1" "\0\0\0\1" "\0\0\0\3" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1"
                               "\0\0\0\1" "\1\2\3\4\5\6"), 2, 3, {1, 2, 3, 4, 5, 6}},
    {"images", BYTES("\0\0\x08\3" "\0\0\0\2" "\0\0\0\2" "\0\0\0\2" "\1\2\3\4\5\6\7\x08"), 2, 4, {1, 2, 3, 4, 5, 6, 7, 8}},
};

static void reads(void **state)
{
    const struct good *good = *state;
    unit_array_reads(XT_FORMAT_IDX, good->bytes, good->n_bytes, good->n_rows, good->n_columns, good->values);
}

/* More than a chunk is read at a time, and the values grow as they come. */
static void many(void **state)
{
    (void)state;
    enum { N_ROWS = 700, N_COLUMNS = 784, N = N_ROWS * N_COLUMNS };
    xt_buf bytes = {0};
    float *values = malloc(N * sizeof *values);
    assert_non_null(values);
    xt_buf_add(&bytes, "\0\0\x08\3\0\0\2\xbc\0\0\0\x1c\0\0\0\x1c", 16);
    for (size_t i = 0; i < N; i++) {
        unsigned char byte = (unsigned char)(i * 7 + i / 784);
        xt_buf_add(&bytes, &byte, 1);
        values[i] = byte;
    }
    unit_array_reads(XT_FORMAT_IDX, bytes.data, bytes.len, N_ROWS, N_COLUMNS, values);
    xt_buf_clear(&bytes);
    free(values);
}

/* ---- what is refused ---- */

static const struct bad {
    const char *what, *bytes;
    size_t n_bytes;
    const char *message, *in_stream;
} bads[] = {
    {"empty", BYTES(""), "byte 0: the file is empty", NULL},
    {"a byte", BYTES("\0"), "byte 1: the file ends within the header", NULL},
    {"half a magic number", BYTES("\0\0\x08"), "byte 3: the file ends within the header", NULL},
    {"no dimensions", BYTES("\0\0\x08\1"), "byte 4: the file ends within the header", NULL},
    {"half the dimensions", BYTES("\0\0\x08\2" "\0\0\0\1" "\0\0"), "byte 10: the file ends within the header", NULL},
    {"text", BYTES("x,y\n1,2\n"), "byte 0: not an IDX file: expected two zero bytes, found 78 2c", NULL},
    {"a byte too early", BYTES("\0\x08\1\0\0\0\1\1"), "byte 0: not an IDX file: expected two zero bytes, found 00 08", NULL},
    {"no such type", BYTES("\0\0\x0a\1" "\0\0\0\1" "\1"),
     "byte 2: expected the type 08, 09, 0b, 0c, 0d or 0e, found 0a", NULL},
    {"0 dimensions", BYTES("\0\0\x08\0" "\1"), "byte 3: expected 1 to 8 dimensions, found 0", NULL},
    {"9 dimensions", BYTES("\0\0\x08\x09" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1"
                           "\0\0\0\1" "\0\0\0\1" "\1"),
     "byte 3: expected 1 to 8 dimensions, found 9", NULL},
    {"no rows", BYTES("\0\0\x08\2" "\0\0\0\0" "\0\0\0\3"), "byte 4: no rows: the first dimension is 0", NULL},
    {"no columns", BYTES("\0\0\x08\3" "\0\0\0\1" "\xff\xff\xff\xff" "\0\0\0\0"), "byte 4: no columns: a dimension is 0", NULL},
    {"too many columns", BYTES("\0\0\x08\3" "\0\0\0\1" "\0\0\1\0" "\0\0\1\1" "\1"), "byte 4: 65792 columns; at most 65536", NULL},
    {"a product beyond 64 bits", BYTES("\0\0\x0e\3" "\xff\xff\xff\xff" "\xff\xff\xff\xff" "\xff\xff\xff\xff" "\1"),
     "byte 4: the dimensions are larger than any memory", NULL},
    {"a product that wraps to little", BYTES("\0\0\x08\5" "\0\1\0\0" "\0\1\0\0" "\0\1\0\0" "\0\1\0\0" "\0\0\0\1" "\1"),
     "byte 4: the dimensions are larger than any memory", NULL},
    {"four thousand million rows", BYTES("\0\0\x0e\1" "\xff\xff\xff\xff" "\1\2\3\4\5\6\7\x08"),
     "byte 8: the header promises 34359738360 bytes of values, the file has 8",
     "byte 16: the header promises 34359738360 bytes of values, the file has 8"},
    {"2^48 values", BYTES("\0\0\x08\2" "\xff\xff\xff\xff" "\0\1\0\0" "\1\2\3\4\5\6\7\x08"),
     "byte 12: the header promises 281474976645120 bytes of values, the file has 8",
     "byte 20: the header promises 281474976645120 bytes of values, the file has 8"},
    {"cut short", BYTES("\0\0\x0b\1" "\0\0\0\3" "\0\1\0\2\0"), "byte 8: the header promises 6 bytes of values, the file has 5",
     "byte 13: the header promises 6 bytes of values, the file has 5"},
    {"no values", BYTES("\0\0\x08\1" "\0\0\0\3"), "byte 8: the header promises 3 bytes of values, the file has 0", NULL},
    {"bytes behind", BYTES("\0\0\x08\1" "\0\0\0\3" "\1\2\3\4\5"), "byte 8: the header promises 3 bytes of values, the file has 5",
     "byte 11: the header promises 3 bytes of values, more follow"},
    {"infinite", BYTES("\0\0\x0d\2" "\0\0\0\2" "\0\0\0\2" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\xff\x80\0\0"),
     "byte 24: row 2, column 2: an infinite value", NULL},
    {"too large", BYTES("\0\0\x0e\1" "\0\0\0\2" "\x7f\xe1\xcc\xf3\x85\xeb\xc8\xa0" "\x47\xef\xff\xff\xf0\0\0\0"),
     "byte 8: row 1, column 1: 1e+308 is too large for single precision\n"
     "byte 16: row 2, column 1: 3.40282357e+38 is too large for single precision", NULL},
};

static void refused(void **state)
{
    const struct bad *bad = *state;
    unit_array_refused(XT_FORMAT_IDX, bad->bytes, bad->n_bytes, bad->message, bad->in_stream);
}

/* A value's fault comes before the end that is missing behind it. */
static void both(void **state)
{
    (void)state;
    static const char bytes[] = "\0\0\x0d\1" "\0\0\x80\0" "\x7f\x80\0\0";
    enum { N = 16384 * 4 + 8 + 3 };
    char *cut = calloc(1, N);
    assert_non_null(cut);
    memcpy(cut, bytes, sizeof bytes - 1);
    unit_array_refused(XT_FORMAT_IDX, cut, N, "byte 8: the header promises 131072 bytes of values, the file has 65539",
                       "byte 8: row 1, column 1: an infinite value\n"
                       "byte 65547: the header promises 131072 bytes of values, the file has 65539");
    free(cut);
}

/* Memory grows with what arrives, not to what is claimed: 2^50 bytes. */
static void a_stream_that_claims_much(void **state)
{
    (void)state;
    enum { N = 12 + 70000 };
    char *bytes = calloc(1, N);
    assert_non_null(bytes);
    memcpy(bytes, "\0\0\x08\2" "\xff\xff\xff\xff" "\0\1\0\0", 12);
    unit_array_refused(XT_FORMAT_IDX, bytes, N,
                       "byte 12: the header promises 281474976645120 bytes of values, the file has 70000",
                       "byte 70012: the header promises 281474976645120 bytes of values, the file has 70000");
    free(bytes);
}

static void not_more_than_twenty(void **state)
{
    (void)state;
    enum { N = 100 };
    char bytes[8 + 4 * N] = "\0\0\x0d\1\0\0\0\x64";
    xt_buf expected = {0};
    for (size_t i = 0; i < N; i++)
        memcpy(bytes + 8 + 4 * i, "\x7f\x80\0\0", 4);
    for (size_t i = 0; i < 20; i++)
        xt_buf_printf(&expected, "byte %zu: row %zu, column 1: an infinite value\n", 8 + 4 * i, i + 1);
    xt_buf_puts(&expected, "... and more");
    unit_array_refused(XT_FORMAT_IDX, bytes, sizeof bytes, expected.data, NULL);
    xt_buf_clear(&expected);
}

int main(void)
{
    unit_limit_memory(64 << 20);
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++)
        unit_case(reads, goods + i, "%s", goods[i].what);
    UNIT_CASE(many);
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++)
        unit_case(refused, bads + i, "refused: %s", bads[i].what);
    UNIT_CASE(both);
    UNIT_CASE(a_stream_that_claims_much);
    UNIT_CASE(not_more_than_twenty);
    return unit_run("idx");
}
