/* src/app: safetensors files: written, read back, and whatever may come instead. */
#include "app/safetensors.h"
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

/* ---- the format ---- */

static void write_file(const xt_tensor *tensors, size_t n_tensors, const xt_pair *pairs, size_t n_pairs, xt_buf *out)
{
    if (xt_safetensors_header(tensors, n_tensors, pairs, n_pairs, out, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < n_tensors; i++)
        xt_buf_add(out, tensors[i].values, tensors[i].dims[0] * (tensors[i].n_dims > 1 ? tensors[i].dims[1] : 1) * sizeof(float));
}

static void exact_bytes(void **state)
{
    (void)state;
    static const float values[] = {1, -2, 0.5f};
    const xt_tensor tensors[] = {{.name = "a.weight", .n_dims = 2, .dims = {1, 2}, .values = values},
                                 {.name = "a.bias", .n_dims = 1, .dims = {1}, .values = values + 2}};
    const xt_pair pairs[] = {{"k", "v\"\n"}};
    static const char expected[] =
        "\x98\0\0\0\0\0\0\0"
        "{\"__metadata__\":{\"k\":\"v\\\"\\n\"},"
        "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
        "\"a.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}} "
        "\0\0\x80\x3F\0\0\0\xC0\0\0\0\x3F";
    xt_buf file = {0};
    xt_buf_puts(&file, "before");
    write_file(tensors, 2, pairs, 1, &file);
    assert_int_equal(file.len, 6 + sizeof expected - 1);
    assert_memory_equal(file.data, "before", 6);
    assert_memory_equal(file.data + 6, expected, sizeof expected - 1);
    xt_buf_clear(&file);
}

static void nothing_in_it(void **state)
{
    (void)state;
    xt_buf file = {0};
    xt_safetensors *read = NULL;
    size_t n = 7;
    write_file(NULL, 0, NULL, 0, &file);
    assert_int_equal(xt_safetensors_open("t", file.data, file.len, &read, &err), XT_OK);
    assert_int_equal(xt_safetensors_count(read), 0);
    assert_null(xt_safetensors_tensor(read, "a"));
    assert_null(xt_safetensors_value(read, "k"));
    xt_safetensors_bytes(read, &n);
    assert_int_equal(n, 0);
    xt_safetensors_close(&read);
    assert_null(read);
    xt_safetensors_close(&read);
    xt_buf_clear(&file);
}

static void write_and_read(void **state)
{
    (void)state;
    static const float values[6] = {1e-45f, -0.0f, 3.4e38f, 4, 5, 6};
    const xt_tensor tensors[] = {{.name = "w", .n_dims = 2, .dims = {3, 2}, .values = values},
                                 {.name = "b.\xC3\xB6", .n_dims = 1, .dims = {1}, .values = values + 1},
                                 {.name = "c", .n_dims = 1, .dims = {6}, .values = values}};
    /* Every length of the header modulo 8. */
    for (size_t pad = 0; pad < 8; pad++) {
        const xt_pair pairs[] = {{"config", "a: \"\\\"\n# \xF0\x9F\x98\x80\t\x01\x7f"}, {"pad", &"xxxxxxxx"[pad]}};
        xt_buf file = {0};
        xt_safetensors *read = NULL;
        write_file(tensors, 3, pairs, 2, &file);
        assert_int_equal((unsigned char)file.data[0] % 8, 0);
        assert_int_equal(xt_safetensors_open("t", file.data, file.len, &read, &err), XT_OK);
        assert_int_equal(xt_safetensors_count(read), 3);
        for (size_t i = 0; i < 3; i++) {
            const xt_tensor *tensor = xt_safetensors_tensor(read, tensors[i].name);
            assert_non_null(tensor);
            assert_int_equal(tensor->n_dims, tensors[i].n_dims);
            assert_memory_equal(tensor->dims, tensors[i].dims, sizeof tensor->dims);
            size_t n = tensor->dims[0] * (tensor->n_dims == 2 ? tensor->dims[1] : 1);
            assert_memory_equal(tensor->values, tensors[i].values, n * sizeof *values);
        }
        assert_string_equal(xt_safetensors_value(read, "config"), pairs[0].value);
        assert_string_equal(xt_safetensors_value(read, "pad"), pairs[1].value);
        assert_null(xt_safetensors_value(read, "w"));
        assert_null(xt_safetensors_tensor(read, "config"));
        size_t n_bytes = 0;
        assert_ptr_equal((const char *)xt_safetensors_bytes(read, &n_bytes) + n_bytes, file.data + file.len);
        assert_int_equal(n_bytes, 13 * sizeof(float));
        xt_safetensors_close(&read);
        xt_buf_clear(&file);
    }
}

/* ---- what is refused ---- */

typedef struct header_row {
    const char *name, *header;
    size_t n_bytes; /* of tensors behind it */
    const char *message; /* NULL: it is taken */
} header_row;

#define TENSOR(name, dtype, shape, from, to) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static const header_row header_rows[] = {
    {"one tensor", "{" TENSOR("a", "F32", "[1,2]", "0", "8") "}", 8, NULL},
    {"blanks around", " \n{ " TENSOR("a", "F32", "[2]", "0", "8") " } ", 8, NULL},
    {"no JSON", "{", 0, "t: not a model file (safetensors): its header is no JSON object"},
    {"an array", "[]", 0, "t: not a model file (safetensors): its header is no JSON object"},
    {"nothing", "", 0, "t: not a model file (safetensors): its header is no JSON object"},
    {"something behind it", "{} x", 0, "t: not a model file (safetensors): its header is no JSON object"},
    {"a key twice", "{" TENSOR("a", "F32", "[1]", "0", "4") "," TENSOR("a", "F32", "[1]", "0", "4") "}", 4,
     "t: not a model file (safetensors): its header is no JSON object"},
    {"no UTF-8", "{\"\xFF\":1}", 0, "t: not a model file (safetensors): its header is no JSON object"},
    {"a NUL in a key", "{\"a\\u0000\":1}", 0, "t: not a model file (safetensors): its header is no JSON object"},
    {"no alignment", "{} ", 0, NULL},
    {"another type", "{" TENSOR("a", "F64", "[1]", "0", "8") "}", 8, "t: tensor 'a' is not of float32"},
    {"a type that is a number", "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "t: tensor 'a' is not of float32"},
    {"a tensor that is a number", "{\"a\":1}", 0, "t: tensor 'a' is not of float32"},
    {"no dimensions", "{" TENSOR("a", "F32", "[]", "0", "4") "}", 4, "t: tensor 'a' is not one of xortrain's"},
    {"three dimensions", "{" TENSOR("a", "F32", "[1,1,1]", "0", "4") "}", 4, "t: tensor 'a' is not one of xortrain's"},
    {"a shape that is a number", "{" TENSOR("a", "F32", "1", "0", "4") "}", 4, "t: tensor 'a' is not one of xortrain's"},
    {"one offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
     "t: tensor 'a' is not one of xortrain's"},
    {"no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "t: tensor 'a' is not one of xortrain's"},
    {"a long name",
     "{" TENSOR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "F32", "[1]", "0", "4") "}", 4,
     "t: tensor 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is not one of xortrain's"},
    {"a name as long as can be",
     "{" TENSOR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "F32", "[1]", "0", "4") "}", 4, NULL},
    {"a name that commands the terminal", "{" TENSOR("a\\u001b[31m", "F64", "[1]", "0", "8") "}", 8,
     "t: a tensor's name is not printable"},
    {"a dimension of 0", "{" TENSOR("a", "F32", "[0]", "0", "0") "}", 0, "t: tensor 'a' is larger than the file"},
    {"a negative dimension", "{" TENSOR("a", "F32", "[-1]", "0", "4") "}", 4, "t: tensor 'a' is larger than the file"},
    {"a fraction", "{" TENSOR("a", "F32", "[1.0]", "0", "4") "}", 4, "t: tensor 'a' is larger than the file"},
    {"larger than the file", "{" TENSOR("a", "F32", "[2]", "0", "8") "}", 4, "t: tensor 'a' is larger than the file"},
    {"dimensions that overflow", "{" TENSOR("a", "F32", "[4294967296,4294967296]", "0", "4") "}", 4,
     "t: tensor 'a' is larger than the file"},
    {"dimensions that overflow to the right size", "{" TENSOR("a", "F32", "[1,4611686018427387905]", "0", "4") "}", 4,
     "t: tensor 'a' is larger than the file"},
    {"a dimension beyond 63 bits", "{" TENSOR("a", "F32", "[18446744073709551616]", "0", "4") "}", 4,
     "t: not a model file (safetensors): its header is no JSON object"},
    {"a hole", "{" TENSOR("a", "F32", "[1]", "0", "4") "," TENSOR("b", "F32", "[1]", "8", "12") "}", 12,
     "t: tensor 'b' does not lie where it should"},
    {"an overlap", "{" TENSOR("a", "F32", "[2]", "0", "8") "," TENSOR("b", "F32", "[2]", "4", "12") "}", 12,
     "t: tensor 'b' does not lie where it should"},
    {"the same place", "{" TENSOR("a", "F32", "[1]", "0", "4") "," TENSOR("b", "F32", "[1]", "0", "4") "}", 4,
     "t: tensor 'b' does not lie where it should"},
    {"a hole before the first", "{" TENSOR("a", "F32", "[1]", "4", "8") "}", 8, "t: tensor 'a' does not lie where it should"},
    {"backwards", "{" TENSOR("a", "F32", "[1]", "0", "-4") "}", 4, "t: tensor 'a' does not lie where it should"},
    {"before the start", "{" TENSOR("a", "F32", "[1]", "-4", "0") "}", 4, "t: tensor 'a' does not lie where it should"},
    {"beyond the end", "{" TENSOR("a", "F32", "[1]", "0", "9223372036854775807") "}", 4,
     "t: tensor 'a' does not lie where it should"},
    {"an end that is no number", "{" TENSOR("a", "F32", "[1]", "0", "\"4\"") "}", 4, "t: tensor 'a' is not one of xortrain's"},
    {"a start that is no number", "{" TENSOR("a", "F32", "[1]", "null", "4") "}", 4,
     "t: tensor 'a' is not one of xortrain's"},
    {"less than its shape", "{" TENSOR("a", "F32", "[2]", "0", "4") "}", 8, "t: tensor 'a' does not lie where it should"},
    {"more than its shape", "{" TENSOR("a", "F32", "[1]", "0", "8") "}", 8, "t: tensor 'a' does not lie where it should"},
    {"bytes behind the last", "{" TENSOR("a", "F32", "[1]", "0", "4") "}", 5,
     "t: 5 bytes of tensors where the header tells of 4"},
    {"bytes of no tensor", "{}", 1, "t: 1 bytes of tensors where the header tells of 0"},
};

/* A file in a block of just its size, so that a sanitiser sees a read past the end. */
static void *pack(const char *header, size_t n_header, size_t length, size_t n_tensors, size_t *n_bytes)
{
    *n_bytes = 8 + n_header + n_tensors;
    unsigned char *bytes = calloc(1, *n_bytes);
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, n_header);
    return bytes;
}

/* *out is left as it was. */
static void refused(const void *bytes, size_t n_bytes, const char *message)
{
    xt_safetensors *const before = (xt_safetensors *)(uintptr_t)&err, *file = before;
    assert_int_equal(xt_safetensors_open("t", bytes, n_bytes, &file, &err), XT_BAD_DATA);
    assert_int_equal(err.status, XT_BAD_DATA);
    if (message)
        assert_string_equal(err.text, message);
    assert_ptr_equal(file, before);
    assert_int_equal(xt_safetensors_open("t", bytes, n_bytes, &file, NULL), XT_BAD_DATA);
    assert_ptr_equal(file, before);
}

static void header_is_judged(void **state)
{
    const header_row *row = *state;
    char header[400];
    size_t n = strlen(row->header), n_bytes;
    /* Blanks, as writers add them for the alignment. */
    snprintf(header, sizeof header, "%-*s", (int)((n + 7) / 8 * 8), row->header);
    void *bytes = pack(header, strlen(header), strlen(header), row->n_bytes, &n_bytes);
    xt_safetensors *file = NULL;
    if (row->message)
        refused(bytes, n_bytes, row->message);
    else if (xt_safetensors_open("t", bytes, n_bytes, &file, &err))
        fail_msg("%s", err.text);
    xt_safetensors_close(&file);
    free(bytes);
}

static void lengths_of_the_header(void **state)
{
    (void)state;
    size_t n_bytes;
    void *bytes = pack("{}", 2, 2, 0, &n_bytes);
    refused(bytes, n_bytes, "t: its tensors are not aligned");
    for (size_t n = 0; n < 8; n++) {
        char message[60];
        snprintf(message, sizeof message, "t: not a model file: only %zu bytes", n);
        refused(bytes, n, message);
    }
    free(bytes);
    static const uint64_t lengths[] = {9, 4096, 100000001, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX,
                                       UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        bytes = pack("{}      ", 8, (size_t)lengths[i], 0, &n_bytes);
        refused(bytes, n_bytes,
                lengths[i] > 100000000 ? "t: not a model file (safetensors): no header"
                : i                   ? "t: cut off: the header has 4096 bytes, the file 16"
                                      : "t: cut off: the header has 9 bytes, the file 16");
        free(bytes);
    }
}

static void deep_json(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    char *header = malloc(N);
    size_t n_bytes;
    assert_non_null(header);
    for (size_t i = 0; i < 2; i++) {
        memset(header, '[', N);
        for (size_t k = 0; i && k + 5 <= N; k += 5)
            memcpy(header + k, "{\"a\":", 5);
        void *bytes = pack(header, N, N, 0, &n_bytes);
        refused(bytes, n_bytes, "t: not a model file (safetensors): its header is no JSON object");
        free(bytes);
    }
    free(header);
}

/* What is written can be read: a header beyond the format's limit is not written. */
static void a_header_that_is_too_large(void **state)
{
    (void)state;
    enum { N = 100000000 };
    char *text = malloc(N + 1);
    xt_buf file = {0};
    assert_non_null(text);
    memset(text, 'x', N);
    text[N] = '\0';
    const xt_pair pairs[] = {{"config", text}};
    assert_int_equal(xt_safetensors_header(NULL, 0, pairs, 1, &file, &err), XT_FAILED);
    assert_string_equal(err.text, "the configuration is too large for a model file: 100000032 bytes");
    assert_int_equal(file.len, 0);
    free(text);
}

int main(void)
{
    UNIT_CASE(exact_bytes);
    UNIT_CASE(nothing_in_it);
    UNIT_CASE(write_and_read);
    for (size_t i = 0; i < sizeof header_rows / sizeof header_rows[0]; i++)
        unit_case(header_is_judged, &header_rows[i], "header: %s", header_rows[i].name);
    UNIT_CASE(lengths_of_the_header);
    UNIT_CASE(deep_json);
    UNIT_CASE(a_header_that_is_too_large);
    return unit_run("safetensors");
}
