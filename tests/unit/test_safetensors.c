/* src/app: safetensors files and models in them: written, read back, and
 * whatever bytes may come instead. */
#include "app/model_file.h"
#include "app/safetensors.h"
#include "base/file.h"
#include "base/hash.h"
#include "config/config.h"
#include "model/ops.h"
#include "nets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static xt_err err;

/* ---- the format ---- */

static void write_file(const xt_tensor *tensors, size_t n_tensors, const xt_pair *pairs, size_t n_pairs, xt_buf *out)
{
    if (xt_safetensors_write(tensors, n_tensors, pairs, n_pairs, out, &err))
        fail_msg("%s", err.text);
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
        const xt_pair pairs[] = {{"config", "a: \"\\\"\n# \xF0\x9F\x98\x80\t\x01\x7f"}, {"pad", "xxxxxxxx" + pad}};
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
    assert_int_equal(xt_safetensors_write(NULL, 0, pairs, 1, &file, &err), XT_FAILED);
    assert_string_equal(err.text, "the configuration is too large for a model file: 100000032 bytes");
    assert_int_equal(file.len, 0);
    free(text);
}

/* ---- models ---- */

static char path[64];

static const char config_yaml[] = "data: {train: {file: x.csv, targets: y}}\n"
                                  "model: {layers: [{units: 3, activation: tanh}, {units: 1}]}\n"
                                  "optimizer: {type: sgd, learning_rate: 0.5}\n"
                                  "train: {epochs: 7}\n";

typedef struct saved {
    unit_net net;
    float *params;
    xt_buf bytes; /* of the file */
} saved;

static const char *names[] = {"x \"1\"", "\xC3\xB6,2", "y"};

static void save(saved *model)
{
    char hash[XT_HASH_BYTES], expected[XT_HASH_BYTES];
    *model = (saved){.params = NULL};
    strcpy(path, "/tmp/xt-model-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unit_net_make(&model->net, &(unit_shape){4, 2, {3, 1}, "tanh", "mse", 2, 5});
    xt_dataset *data = &model->net.data;
    data->input_names = names;
    data->target_names = names + 2;
    model->params = unit_net_state(&model->net);
    if (xt_model_save(path, &model->net.plan, model->params, data, config_yaml, 7, hash, &err))
        fail_msg("%s", err.text);
    assert_int_equal(xt_file_read(path, 1 << 20, XT_FAILED, &model->bytes, &err), XT_OK);
    xt_hash_block(model->bytes.data, model->bytes.len, expected);
    assert_string_equal(hash, expected);
}

static void forget(saved *model)
{
    unlink(path);
    free(model->params);
    unit_net_clear(&model->net);
    xt_buf_clear(&model->bytes);
}

static void write_bytes(const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

/* Of the model in `path`; the file is left alone on failure. */
static xt_status load(const saved *model, float *params)
{
    xt_model_file file, before;
    memset(&file, 0x5A, sizeof file);
    before = file;
    xt_status status = xt_model_open(path, &file, &err);
    if (status) {
        assert_memory_equal(&file, &before, sizeof file);
        assert_int_equal(status, err.status);
        assert_int_equal(xt_model_open(path, &file, NULL), status);
        assert_memory_equal(&file, &before, sizeof file);
        return status;
    }
    status = xt_model_params(&file, path, &model->net.plan, params, &err);
    xt_model_close(&file);
    assert_null(file.inside);
    xt_model_close(&file);
    return status;
}

static void model_round_trip(void **state)
{
    (void)state;
    saved model;
    xt_model_file file = {0};
    float params[13];
    char checksum[XT_HASH_BYTES];
    save(&model);
    assert_int_equal(model.net.plan.n_params, 13);
    assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
    assert_string_equal(file.config, config_yaml);
    assert_string_equal(file.version, XT_VERSION);
    assert_int_equal(file.epoch, 7);
    assert_int_equal(file.n_inputs, 2);
    assert_int_equal(file.n_targets, 1);
    assert_string_equal(file.input_names[0], names[0]);
    assert_string_equal(file.input_names[1], names[1]);
    assert_string_equal(file.target_names[0], names[2]);
    xt_hash_block(model.params, sizeof params, checksum);
    assert_string_equal(file.checksum, checksum);
    assert_int_equal(xt_model_params(&file, path, &model.net.plan, params, &err), XT_OK);
    assert_memory_equal(params, model.params, sizeof params);
    xt_model_close(&file);
    /* The same training, the same bytes. */
    saved again;
    char first[64];
    strcpy(first, path);
    save(&again);
    assert_int_equal(again.bytes.len, model.bytes.len);
    assert_memory_equal(again.bytes.data, model.bytes.data, model.bytes.len);
    forget(&again);
    strcpy(path, first);
    forget(&model);
}

/* Names and shapes as they are documented; the tensors lie one after another. */
static void model_is_a_safetensors_file(void **state)
{
    (void)state;
    saved model;
    save(&model);
    xt_safetensors *file = NULL;
    assert_int_equal(xt_safetensors_open("t", model.bytes.data, model.bytes.len, &file, &err), XT_OK);
    static const struct { const char *name; size_t n_dims, dims[2], at; } rows[] = {
        {"layers.0.weight", 2, {3, 2}, 0}, {"layers.0.bias", 1, {3, 0}, 6},
        {"layers.1.weight", 2, {1, 3}, 9}, {"layers.1.bias", 1, {1, 0}, 12},
    };
    assert_int_equal(xt_safetensors_count(file), 4);
    for (size_t i = 0; i < 4; i++) {
        const xt_tensor *tensor = xt_safetensors_tensor(file, rows[i].name);
        assert_non_null(tensor);
        assert_int_equal(tensor->n_dims, rows[i].n_dims);
        assert_memory_equal(tensor->dims, rows[i].dims, sizeof tensor->dims);
        size_t n = tensor->dims[0] * (tensor->n_dims == 2 ? tensor->dims[1] : 1);
        assert_memory_equal(tensor->values, model.params + rows[i].at, n * sizeof(float));
    }
    assert_string_equal(xt_safetensors_value(file, "format"), "xortrain-1");
    assert_string_equal(xt_safetensors_value(file, "epoch"), "7");
    xt_safetensors_close(&file);
    forget(&model);
}

static void every_truncation(void **state)
{
    (void)state;
    saved model;
    float params[13];
    save(&model);
    for (size_t n = 0; n < model.bytes.len; n++) {
        write_bytes(model.bytes.data, n);
        if (load(&model, params) != XT_BAD_DATA)
            fail_msg("%zu bytes of %zu are taken: %s", n, model.bytes.len, err.text);
    }
    /* One byte more is one too many. */
    xt_buf_add(&model.bytes, "", 1);
    write_bytes(model.bytes.data, model.bytes.len);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    forget(&model);
}

/* Refused, or the very same values. */
static void every_byte_flipped(void **state)
{
    (void)state;
    static const unsigned char masks[] = {0x01, 0x02, 0x08, 0x20, 0x80, 0xFF};
    saved model;
    size_t n_refused = 0;
    save(&model);
    for (size_t i = 0; i < model.bytes.len; i++) {
        for (size_t k = 0; k < sizeof masks; k++) {
            float params[13] = {0};
            model.bytes.data[i] = (char)(model.bytes.data[i] ^ masks[k]);
            write_bytes(model.bytes.data, model.bytes.len);
            model.bytes.data[i] = (char)(model.bytes.data[i] ^ masks[k]);
            xt_status status = load(&model, params);
            if (status) {
                assert_int_equal(status, XT_BAD_DATA);
                n_refused++;
                continue;
            }
            if (i >= model.bytes.len - sizeof params)
                fail_msg("byte %zu of the weights with %02x goes unnoticed", i, masks[k]);
            assert_memory_equal(params, model.params, sizeof params);
        }
    }
    assert_true(n_refused > model.bytes.len);
    forget(&model);
}

typedef struct edit_row {
    const char *name, *from, *to; /* of one length; in the file's text */
    const char *message;          /* "%s: ..." */
} edit_row;

static const edit_row edit_rows[] = {
    {"another format", "xortrain-1", "xortrain-2",
     "%s: not one of xortrain's models: its metadata says format 'xortrain-2', not 'xortrain-1'"},
    {"no metadata", "__metadata__", "__metadata_x", "%s: tensor '__metadata_x' is not of float32"},
    {"no config", "\"config\"", "\"confix\"", "%s: its metadata is not complete"},
    {"no epoch", "\"epoch\"", "\"epocx\"", "%s: its metadata is not complete"},
    {"an epoch that is no number", "\"7\"", "\"x\"", "%s: its metadata is not complete"},
    {"no version", "\"xortrain\"", "\"xortraix\"", "%s: its metadata is not complete"},
    {"no checksum", "\"checksum\"", "\"checksux\"", "%s: its metadata is not complete"},
    {"no inputs", "\"inputs\"", "\"inputx\"", "%s: its metadata has no list of inputs"},
    {"no targets", "\"targets\"", "\"targetx\"", "%s: its metadata has no list of targets"},
    {"targets that are no list", "[\\\"y\\\"]", "{}     ", "%s: its metadata has no list of targets"},
    {"an empty list of targets", "[\\\"y\\\"]", "[]     ", "%s: its metadata has no list of targets"},
    {"a target that is a number", "[\\\"y\\\"]", "[12345]", "%s: its list of targets holds something that is no name"},
    {"a target that commands the terminal", "[\\\"y\\\"]", "[\\\"\x7f\\\"]",
     "%s: its list of targets holds something that is no name"},
    {"a target without a name", "[\\\"y\\\"]", "[\\\"\\\"] ", "%s: its list of targets holds something that is no name"},
    {"a tensor of another name", "layers.1.bias", "layers.1.biax",
     "%s: tensor layers.1.bias is missing or has not the shape that its configuration needs"},
    {"a tensor of another shape", "[1,3]", "[3,1]",
     "%s: tensor layers.1.weight is missing or has not the shape that its configuration needs"},
    {"tensors in another place", "\"data_offsets\":[0,24]", "\"data_offsets\":[4,28]",
     "%s: tensor 'layers.0.weight' does not lie where it should"},
};

/* The text `from` of the file becomes `to`. */
static void edit(saved *model, const char *from, const char *to)
{
    size_t n = strlen(from);
    assert_int_equal(n, strlen(to));
    for (size_t i = 0; i + n <= model->bytes.len; i++)
        if (memcmp(model->bytes.data + i, from, n) == 0) {
            memcpy(model->bytes.data + i, to, n);
            write_bytes(model->bytes.data, model->bytes.len);
            return;
        }
    fail_msg("the file holds no %s", from);
}

static void edited_model_is_refused(void **state)
{
    const edit_row *row = *state;
    saved model;
    float params[13];
    char message[300];
    save(&model);
    edit(&model, row->from, row->to);
    snprintf(message, sizeof message, row->message[0] == '%' ? "%s%s" : "%s", path, row->message + 2);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    forget(&model);
}

static void a_version_that_commands_the_terminal(void **state)
{
    (void)state;
    static const char from[] = "\"xortrain\":\"" XT_VERSION;
    char to[sizeof from], message[100];
    float params[13];
    saved model;
    save(&model);
    memcpy(to, from, sizeof from);
    to[sizeof from - 2] = 0x7f;
    edit(&model, from, to);
    snprintf(message, sizeof message, "%s: its metadata is not complete", path);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    forget(&model);
}

static void another_checksum(void **state)
{
    (void)state;
    saved model;
    float params[13];
    char message[200], checksum[XT_HASH_BYTES];
    save(&model);
    xt_hash_block(model.params, sizeof params, checksum);
    edit(&model, checksum, "0123456789abcdef0123456789abcdef");
    snprintf(message, sizeof message, "%s: damaged: its weights do not have the checksum that was written with them", path);
    assert_int_equal(load(&model, params), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    forget(&model);
}

/* The plan is what the configuration inside says. */
static void another_configuration(void **state)
{
    (void)state;
    saved model, other;
    float params[40];
    xt_model_file file = {0};
    char message[300];
    save(&model);
    assert_int_equal(xt_model_open(path, &file, &err), XT_OK);
    unit_net_make(&other.net, &(unit_shape){4, 2, {3, 2, 1}, "tanh", "mse", 2, 5});
    snprintf(message, sizeof message, "%s: 4 tensors where its configuration needs 6", path);
    assert_int_equal(xt_model_params(&file, path, &other.net.plan, params, &err), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    unit_net_clear(&other.net);
    unit_net_make(&other.net, &(unit_shape){4, 2, {4, 1}, "tanh", "mse", 2, 5});
    snprintf(message, sizeof message,
             "%s: tensor layers.0.weight is missing or has not the shape that its configuration needs", path);
    assert_int_equal(xt_model_params(&file, path, &other.net.plan, params, &err), XT_BAD_DATA);
    assert_string_equal(err.text, message);
    unit_net_clear(&other.net);
    xt_model_close(&file);
    forget(&model);
}

static void files_that_are_none(void **state)
{
    (void)state;
    xt_model_file file = {0};
    assert_int_equal(xt_model_open("/tmp/xt-no-such-model", &file, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot open /tmp/xt-no-such-model: No such file or directory");
    assert_int_equal(xt_model_open("configs/xor.yaml", &file, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "configs/xor.yaml: not a model file (safetensors): no header");
    assert_int_equal(xt_model_open("/dev/null", &file, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "/dev/null: not a model file: only 0 bytes");
    assert_null(file.inside);
}

static void no_room_to_save(void **state)
{
    (void)state;
    saved model;
    char hash[XT_HASH_BYTES];
    save(&model);
    assert_int_equal(xt_model_save("/dev/full", &model.net.plan, model.params, &model.net.data, config_yaml, 7, hash, &err),
                     XT_FAILED);
    assert_string_equal(err.text, "cannot write /dev/full: No space left on device");
    assert_int_equal(xt_model_save("/tmp/xt-no-such-dir/m", &model.net.plan, model.params, &model.net.data, config_yaml, 7,
                                   hash, &err),
                     XT_FAILED);
    assert_string_equal(err.text, "cannot create /tmp/xt-no-such-dir/m: No such file or directory");
    forget(&model);
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
    UNIT_CASE(model_round_trip);
    UNIT_CASE(model_is_a_safetensors_file);
    UNIT_CASE(every_truncation);
    UNIT_CASE(every_byte_flipped);
    for (size_t i = 0; i < sizeof edit_rows / sizeof edit_rows[0]; i++)
        unit_case(edited_model_is_refused, &edit_rows[i], "model: %s", edit_rows[i].name);
    UNIT_CASE(a_version_that_commands_the_terminal);
    UNIT_CASE(another_checksum);
    UNIT_CASE(another_configuration);
    UNIT_CASE(files_that_are_none);
    UNIT_CASE(no_room_to_save);
    return unit_run("safetensors");
}
