/* NPY: what NumPy saved (tests/golden/npy), headers that it would not write, and
 * every way to be none. */
#include "arrays.h"
#include "base/file.h"
#include "cases.h"
#include "data/format.h"
#include "limits.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static xt_err err;
static json_t *golden;

/* ---- what NumPy saved ---- */

static void read_golden(const char *name, xt_buf *out)
{
    char path[200];
    snprintf(path, sizeof path, "tests/golden/npy/%s.npy", name);
    if (xt_file_read(path, 1 << 20, XT_FAILED, out, &err))
        fail_msg("%s", err.text);
}

static void as_numpy(void **state)
{
    const char *name = *state;
    json_t *entry = json_object_get(json_object_get(golden, "files"), name), *list = json_object_get(entry, "values");
    size_t n = json_array_size(list);
    float *values = malloc(n * sizeof *values);
    xt_buf bytes = {0};
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_array_get(list, i);
        values[i] = json_is_null(value) ? NAN : (float)json_number_value(value);
    }
    read_golden(name, &bytes);
    unit_array_reads(XT_FORMAT_NPY, bytes.data, bytes.len, (size_t)json_integer_value(json_object_get(entry, "rows")),
                     (size_t)json_integer_value(json_object_get(entry, "columns")), values);
    xt_buf_clear(&bytes);
    free(values);
}

static const struct refusal {
    const char *name, *message;
} refusals[] = {
    {"complex", "byte 20: type '<c16': complex numbers: save their parts as columns"},
    {"dates", "byte 20: type '<M8[D]': dates and times: save them as numbers"},
    {"spans", "byte 20: type '<m8[s]': spans of time: save them as numbers"},
    {"long_double", "byte 20: type '<f16': long double, which differs from machine to machine: save it as float64"},
    {"object", "byte 20: type '|O': object arrays are Python pickles: save it as numbers"},
    {"structured", "byte 20: a structured array: save its numbers as an array of one type"},
    {"text", "byte 20: type '|S3': an array of text: save it as numbers"},
    {"unicode", "byte 20: type '<U3': an array of text: save it as numbers"},
    {"void", "byte 20: type '|V3': structures or raw bytes: save it as numbers"},
    {"no_rows", "byte 60: no rows: the first dimension is 0"},
    {"no_columns", "byte 60: no columns: a dimension is 0"},
    {"no_dimensions", "byte 60: a single number without dimensions: expected rows"},
    {"infinite", "byte 132: row 1, column 2: an infinite value\nbyte 136: row 2, column 1: an infinite value"},
    {"too_large", "byte 136: row 1, column 2: 3.4028236e+38 is too large for single precision\n"
                  "byte 144: row 2, column 1: -1e+300 is too large for single precision\n"
                  "byte 152: row 2, column 2: an infinite value"},
    {"infinite_fortran", "byte 140: row 1, column 4: an infinite value"},
};

static void refused_golden(void **state)
{
    const struct refusal *refusal = *state;
    char name[64];
    xt_buf bytes = {0};
    snprintf(name, sizeof name, "refused_%s", refusal->name);
    read_golden(name, &bytes);
    unit_array_refused(XT_FORMAT_NPY, bytes.data, bytes.len, refusal->message, NULL);
    xt_buf_clear(&bytes);
}

/* ---- headers ---- */

/* A file of version 1.0 with this header and three bytes of values. */
static void make_file(const char *header, size_t n_header, xt_buf *out)
{
    unsigned char length[2] = {(unsigned char)(n_header & 0xFF), (unsigned char)(n_header >> 8)};
    xt_buf_add(out, "\x93NUMPY\1\0", 8);
    xt_buf_add(out, length, 2);
    xt_buf_add(out, header, n_header);
    xt_buf_add(out, "\1\2\3", 3);
    assert_false(out->failed);
}

static const char *const good_headers[] = {
    "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }   \n",
    "{'shape': (3,), 'fortran_order': True, 'descr': '<u1'}",
    "{\"fortran_order\":False,\"descr\":\">u1\",\"shape\":(3,1,1)}",
    " { 'descr' : '=u1' ,\n\t'fortran_order' : False , 'shape' : ( 3 , 1 , ) , } \r\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (3L, 1L), }",
};

static void reads_header(void **state)
{
    xt_buf bytes = {0};
    make_file(*state, strlen(*state), &bytes);
    unit_array_reads(XT_FORMAT_NPY, bytes.data, bytes.len, 3, 1, (const float[]){1, 2, 3});
    xt_buf_clear(&bytes);
}

#define SHAPE(text) "{'descr': '|u1', 'fortran_order': False, 'shape': " text ", }"
#define DESCR(text) "{'descr': " text ", 'fortran_order': False, 'shape': (3,), }"

static const struct bad_header {
    const char *header, *message, *in_stream;
} bad_headers[] = {
    {"", "byte 10: expected a header that begins with '{', found the end of the header", NULL},
    {"[('descr', '<f4')]", "byte 10: expected a header that begins with '{', found '[('descr', '<f4')]'", NULL},
    {"None", "byte 10: expected a header that begins with '{', found 'None'", NULL},
    {"{}", "byte 11: the header lacks 'descr'", NULL},
    {"{", "byte 11: expected 'descr', 'fortran_order' or 'shape', found the end of the header", NULL},
    {"{,}", "byte 11: expected 'descr', 'fortran_order' or 'shape', found ',}'", NULL},
    {"{'descr': '<f4', 'shape': (3,)}", "byte 40: the header lacks 'fortran_order'", NULL},
    {"{'descr': '<f4', 'fortran_order': False}", "byte 49: the header lacks 'shape'", NULL},
    {"{'descr': '<f4', 'order': 'C'}", "byte 27: expected 'descr', 'fortran_order' or 'shape', found ''order': 'C'}'", NULL},
    {"{'descr': '<f4', 'descr': '<f8'}", "byte 27: 'descr' is there twice", NULL},
    {"{'descr' '<f4'}", "byte 19: expected ':', found ''<f4'}'", NULL},
    {"{'descr': '<f4' 'shape': (3,)}", "byte 26: expected ',' or '}', found ''shape': (3,)}'", NULL},
    {"{1: 2}", "byte 11: expected 'descr', 'fortran_order' or 'shape', found '1: 2}'", NULL},
    {"{'descr", "byte 11: expected 'descr', 'fortran_order' or 'shape', found ''descr'", NULL},
    {"{'a key as long as a line of text': 2}",
     "byte 11: expected 'descr', 'fortran_order' or 'shape', found ''a key as long as a line of text': 2}'", NULL},
    {DESCR("None"), "byte 20: expected a type such as '<f4', found 'None, 'fortran_order': False, 'shape': (...'", NULL},
    {DESCR("'\\x3cf4'"), "byte 20: expected a type such as '<f4', found ''\\x3cf4', 'fortran_order': False, 'shape...'",
     NULL},
    {DESCR("''"), "byte 20: type '': expected a type such as '<f4'", NULL},
    {DESCR("'<'"), "byte 20: type '<': expected a type such as '<f4'", NULL},
    {DESCR("'f4'"), "byte 20: type 'f4': expected a type such as '<f4'", NULL},
    {DESCR("'float32'"), "byte 20: type 'float32': expected a type such as '<f4'", NULL},
    {DESCR("'<f1'"), "byte 20: type '<f1': expected a type such as '<f4'", NULL},
    {DESCR("'<u16'"), "byte 20: type '<u16': expected a type such as '<f4'", NULL},
    {DESCR("'<f4 '"), "byte 20: type '<f4 ': expected a type such as '<f4'", NULL},
    {DESCR("'O'"), "byte 20: type 'O': object arrays are Python pickles: save it as numbers", NULL},
    {DESCR("('<f4', (3,))"), "byte 20: a structured array: save its numbers as an array of one type", NULL},
    {"{'fortran_order': 1}", "byte 28: expected True or False, found '1}'", NULL},
    {SHAPE("3"), "byte 60: expected a shape such as (3, 4), found '3, }'", NULL},
    {SHAPE("[3]"), "byte 60: expected a shape such as (3, 4), found '[3], }'", NULL},
    {SHAPE("(3)"), "byte 62: expected ',' behind a single dimension", NULL},
    {SHAPE("(,)"), "byte 61: expected a dimension, found ',), }'", NULL},
    {SHAPE("(3,,)"), "byte 63: expected a dimension, found ',), }'", NULL},
    {SHAPE("(3 1)"), "byte 63: expected ',' or ')', found '1), }'", NULL},
    {SHAPE("(3.0,)"), "byte 62: expected ',' or ')', found '.0,), }'", NULL},
    {SHAPE("(-3,)"), "byte 61: a negative dimension", NULL},
    {SHAPE("(3, -1)"), "byte 64: a negative dimension", NULL},
    {SHAPE("(+3,)"), "byte 61: expected a dimension, found '+3,), }'", NULL},
    {SHAPE("(True,)"), "byte 61: expected a dimension, found 'True,), }'", NULL},
    {SHAPE("(18446744073709551616,)"), "byte 61: the dimensions are larger than any memory", NULL},
    {SHAPE("(18446744073709551615,)"), "byte 60: the dimensions are larger than any memory", NULL},
    {SHAPE("(4294967296, 4294967297)"), "byte 60: the dimensions are larger than any memory", NULL},
    {SHAPE("(0, 18446744073709551615, 2)"), "byte 60: the dimensions are larger than any memory", NULL},
    {SHAPE("(1152921504606846976, 2)"), "byte 60: the dimensions are larger than any memory", NULL},
    {SHAPE("(1152921504606846976,)"), "byte 85: the header promises 1152921504606846976 bytes of values, the file has 3",
     "byte 88: the header promises 1152921504606846976 bytes of values, the file has 3"},
    {SHAPE("(1, 65537)"), "byte 60: 65537 columns; at most 65536", NULL},
    {SHAPE("(4,)"), "byte 67: the header promises 4 bytes of values, the file has 3",
     "byte 70: the header promises 4 bytes of values, the file has 3"},
    {SHAPE("(2,)"), "byte 67: the header promises 2 bytes of values, the file has 3",
     "byte 69: the header promises 2 bytes of values, more follow"},
    {SHAPE("(3,)") " x", "byte 68: expected blanks behind the header, found 'x'", NULL},
    {SHAPE("(3,)") "}", "byte 67: expected blanks behind the header, found '}'", NULL},
    {SHAPE("(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
           "1,1,1,1,1,1,1,1,1,1,1)"),
     "byte 189: more than 64 dimensions", NULL},
};

static void refused_header(void **state)
{
    const struct bad_header *bad = *state;
    xt_buf bytes = {0};
    make_file(bad->header, strlen(bad->header), &bytes);
    unit_array_refused(XT_FORMAT_NPY, bytes.data, bytes.len, bad->message, bad->in_stream);
    xt_buf_clear(&bytes);
}

static void zero_in_header(void **state)
{
    (void)state;
    static const char first[] = "\0", last[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}\0 ";
    xt_buf bytes = {0};
    make_file(first, 1, &bytes);
    unit_array_refused(XT_FORMAT_NPY, bytes.data, bytes.len, "byte 10: expected a header that begins with '{', found ''", NULL);
    xt_buf_reset(&bytes);
    make_file(last, sizeof last - 1, &bytes);
    unit_array_refused(XT_FORMAT_NPY, bytes.data, bytes.len, "byte 65: expected blanks behind the header, found ''", NULL);
    xt_buf_clear(&bytes);
}

/* ---- before the header ---- */

#define BYTES(text) (text), sizeof(text) - 1

static const struct bad_start {
    const char *what, *bytes;
    size_t n_bytes;
    const char *message;
} bad_starts[] = {
    {"empty", BYTES(""), "byte 0: the file is empty"},
    {"text", BYTES("x,y\n1,2\n"), "byte 0: not an NPY file: expected 93 and the letters NUMPY"},
    {"a zip", BYTES("PK\3\4"), "byte 0: not an NPY file: expected 93 and the letters NUMPY"},
    {"a short text", BYTES("1"), "byte 0: not an NPY file: expected 93 and the letters NUMPY"},
    {"half a magic number", BYTES("\x93NUM"), "byte 4: the file ends within the header"},
    {"no version", BYTES("\x93NUMPY\1"), "byte 7: the file ends within the header"},
    {"version 0.0", BYTES("\x93NUMPY\0\0\0\0"), "byte 6: expected version 1.0, 2.0 or 3.0 of the format, found 0.0"},
    {"version 4.0", BYTES("\x93NUMPY\4\0\0\0\0\0"), "byte 6: expected version 1.0, 2.0 or 3.0 of the format, found 4.0"},
    {"version 1.1", BYTES("\x93NUMPY\1\1\0\0"), "byte 6: expected version 1.0, 2.0 or 3.0 of the format, found 1.1"},
    {"no length", BYTES("\x93NUMPY\1\0\1"), "byte 9: the file ends within the header"},
    {"no long length", BYTES("\x93NUMPY\2\0\0\0\0"), "byte 11: the file ends within the header"},
    {"no header", BYTES("\x93NUMPY\1\0\x76\0"), "byte 8: a header of 118 bytes, the file has 0"},
    {"half a header", BYTES("\x93NUMPY\1\0\x76\0{'descr'"), "byte 8: a header of 118 bytes, the file has 8"},
    {"a header of 4 GiB", BYTES("\x93NUMPY\2\0\xff\xff\xff\xff{'descr'"), "byte 8: a header of 4294967295 bytes; at most 65536"},
    {"a header of 64 KiB and a byte", BYTES("\x93NUMPY\3\0\1\0\1\0{'descr'"), "byte 8: a header of 65537 bytes; at most 65536"},
};

static void refused_start(void **state)
{
    const struct bad_start *bad = *state;
    unit_array_refused(XT_FORMAT_NPY, bad->bytes, bad->n_bytes, bad->message, NULL);
}

/* ---- files ---- */

static xt_status read_file(const char *path, xt_array *array, char hex[XT_HASH_BYTES])
{
    xt_input input;
    if (xt_input_open(path, &input, &err))
        fail_msg("%s", err.text);
    xt_status status = xt_array_read(xt_format_of(XT_FORMAT_AUTO, path), &input, array, &err);
    xt_input_hash(&input, hex);
    xt_input_close(&input);
    return status;
}

/* The size is compared before anything is read; the checksum is of all. */
static void file_of_known_size(void **state)
{
    (void)state;
    char path[] = "/tmp/xortrain-XXXXXX.npy", expected[200], hex[XT_HASH_BYTES], whole[XT_HASH_BYTES];
    static const char header[] = SHAPE("(4,)");
    xt_buf bytes = {0};
    xt_array array = {0};
    make_file(header, strlen(header), &bytes);
    int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(xt_file_replace(path, bytes.data, bytes.len, &err), XT_OK);
    assert_int_equal(read_file(path, &array, hex), XT_BAD_DATA);
    snprintf(expected, sizeof expected, "%s: byte 67: the header promises 4 bytes of values, the file has 3", path);
    assert_string_equal(err.text, expected);
    xt_buf_add(&bytes, "\4", 1);
    assert_int_equal(xt_file_replace(path, bytes.data, bytes.len, &err), XT_OK);
    assert_int_equal(read_file(path, &array, hex), XT_OK);
    assert_true(array.n_rows == 4 && array.n_columns == 1 && array.values[3] == 4);
    xt_hash_block(bytes.data, bytes.len, whole);
    assert_string_equal(hex, whole);
    xt_array_clear(&array);
    remove(path);
    xt_buf_clear(&bytes);
}

/* Standard input may be a file that somebody has read some of. */
static void rest_of_a_file(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    int saved = dup(STDIN_FILENO);
    xt_buf bytes = {0};
    xt_array array = {0};
    xt_input input;
    read_golden("one_dimension", &bytes);
    assert_non_null(file);
    assert_int_equal(fwrite("read before", 1, 11, file), 11);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    rewind(file);
    lseek(fileno(file), 11, SEEK_SET);
    dup2(fileno(file), STDIN_FILENO);
    assert_int_equal(xt_input_open("-", &input, &err), XT_OK);
    if (xt_array_read(XT_FORMAT_NPY, &input, &array, &err))
        fail_msg("%s", err.text);
    xt_input_close(&input);
    dup2(saved, STDIN_FILENO);
    close(saved);
    fclose(file);
    assert_true(array.n_rows == 5 && array.n_columns == 1 && array.values[4] == 4);
    xt_array_clear(&array);
    xt_buf_clear(&bytes);
}

static void compressed(void **state)
{
    (void)state;
    char hex[XT_HASH_BYTES], plain_hex[XT_HASH_BYTES];
    xt_array array = {0}, plain = {0};
    if (read_file("tests/golden/npy/compressed.npy.gz", &array, hex))
        fail_msg("%s", err.text);
    assert_int_equal(read_file("tests/golden/npy/fortran_three_dimensions.npy", &plain, plain_hex), XT_OK);
    assert_true(array.n_rows == 4 && array.n_columns == 6);
    assert_memory_equal(array.values, plain.values, 24 * sizeof(float));
    assert_string_equal(hex, "64fb3cc77e415bd9205d7ec2499600b8");
    xt_array_clear(&array);
    xt_array_clear(&plain);
}

/* The header, an infinite value, and then a bad disk. */
static xt_status fetch_then_fail(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    if (input->n_stored == input->n_bytes)
        return xt_fail(fault, XT_FAILED, "cannot read %s: Input/output error", input->name);
    *n_fetched = input->n_bytes - input->n_stored;
    *n_fetched = *n_fetched < n_bytes ? *n_fetched : n_bytes;
    memcpy(bytes, input->bytes + input->n_stored, *n_fetched);
    return XT_OK;
}

static void read_error(void **state)
{
    (void)state;
    xt_buf bytes = {0};
    read_golden("refused_infinite", &bytes);
    for (size_t n = 0; n <= bytes.len; n++) {
        xt_array array = {.n_rows = 77};
        xt_input input = {.name = "disk", .fetch = fetch_then_fail, .fd = -1, .bytes = bytes.data, .n_bytes = n};
        assert_int_equal(xt_array_read(XT_FORMAT_NPY, &input, &array, &err), XT_FAILED);
        assert_int_equal(err.status, XT_FAILED);
        assert_string_equal(err.text, "cannot read disk: Input/output error");
        assert_true(array.n_rows == 77 && !array.values);
        xt_input_close(&input);
    }
    xt_buf_clear(&bytes);
}

int main(void)
{
    json_error_t error;
    golden = json_load_file("tests/golden/npy/expected.json", 0, &error);
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(golden, "files"), name, entry)
        unit_case(as_numpy, name, "numpy's %s", name);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        unit_case(refused_golden, refusals + i, "numpy's %s is refused", refusals[i].name);
    for (size_t i = 0; i < sizeof good_headers / sizeof good_headers[0]; i++)
        unit_case(reads_header, good_headers[i], "header %zu", i);
    for (size_t i = 0; i < sizeof bad_headers / sizeof bad_headers[0]; i++)
        unit_case(refused_header, bad_headers + i, "refused: header '%s'", bad_headers[i].header);
    UNIT_CASE(zero_in_header);
    for (size_t i = 0; i < sizeof bad_starts / sizeof bad_starts[0]; i++)
        unit_case(refused_start, bad_starts + i, "refused: %s", bad_starts[i].what);
    UNIT_CASE(file_of_known_size);
    UNIT_CASE(rest_of_a_file);
    UNIT_CASE(compressed);
    UNIT_CASE(read_error);
    unit_limit_memory(64 << 20);
    int status = unit_run("npy");
    json_decref(golden);
    return status;
}
