#include "app/model_file.h"

#include "app/encoding.h"
#include "app/safetensors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char format_name[] = "xortrain-1";

/* ---- writing ---- */

static void name_tensor(xt_tensor *tensor, size_t layer, const char *what)
{
    snprintf(tensor->name, sizeof tensor->name, "layers.%zu.%s", layer, what);
}

static void describe_layers(const xt_plan *plan, const float *params, xt_tensor *tensors)
{
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        tensors[2 * i] = (xt_tensor){.n_dims = 2, .dims = {layer->units, layer->inputs},
                                     .values = params ? params + layer->weight : NULL};
        tensors[2 * i + 1] =
            (xt_tensor){.n_dims = 1, .dims = {layer->units}, .values = params ? params + layer->bias : NULL};
        name_tensor(&tensors[2 * i], i, "weight");
        name_tensor(&tensors[2 * i + 1], i, "bias");
    }
}

/* The checksum of everything that the file says: keys and values of its metadata
 * with their NULs, then the tensors as they lie in it. */
static xt_status sum_up(const xt_pair *pairs, size_t n_pairs, const void *tensors, size_t n_bytes,
                        char hex[XT_HASH_BYTES], xt_err *err)
{
    xt_hash *hash = NULL;
    xt_status status = xt_hash_open(&hash, err);
    if (status)
        return status;
    for (size_t i = 0; i < n_pairs; i++) {
        xt_hash_add(hash, pairs[i].key, strlen(pairs[i].key) + 1);
        xt_hash_add(hash, pairs[i].value, strlen(pairs[i].value) + 1);
    }
    xt_hash_add(hash, tensors, n_bytes);
    xt_hash_hex(hash, hex);
    xt_hash_close(&hash);
    return XT_OK;
}

static xt_status print_encoding(const xt_dataset *data, char **out, xt_err *err)
{
    xt_encoding plain;
    xt_arena arena = {0};
    const xt_encoding *encoding = data->encoding ? data->encoding : &plain;
    xt_status status = XT_OK;
    if (!data->encoding)
        status = xt_encoding_plain((const char *const *)data->input_names, data->n_inputs,
                                   (const char *const *)data->target_names, data->n_targets, &arena, &plain, err);
    if (!status)
        status = xt_encoding_check(data->origin ? data->origin : "the data", encoding, err);
    if (!status) {
        *out = xt_encoding_print(encoding);
        status = *out ? XT_OK : xt_fail_memory(err, "a model file", 0);
    }
    xt_arena_clear(&arena);
    return status;
}

xt_status xt_model_print(const xt_plan *plan, const float *params, const xt_dataset *data, const char *config_yaml,
                         uint32_t epoch, xt_buf *out, xt_err *err)
{
    char checksum[XT_HASH_BYTES], epoch_text[16], *encoding = NULL;
    xt_status status = print_encoding(data, &encoding, err);
    if (status)
        return status;
    xt_tensor *tensors = calloc(2 * plan->n_layers, sizeof *tensors);
    if (!tensors) {
        status = xt_fail_memory(err, "a model file", 0);
        goto done;
    }
    describe_layers(plan, params, tensors);
    snprintf(epoch_text, sizeof epoch_text, "%u", epoch);
    const xt_pair pairs[] = {{"format", format_name}, {"xortrain", XT_VERSION}, {"config", config_yaml},
                             {"epoch", epoch_text},   {"encoding", encoding},   {"checksum", checksum}};
    size_t n_pairs = sizeof pairs / sizeof pairs[0];
    status = sum_up(pairs, n_pairs - 1, params, plan->n_params * sizeof *params, checksum, err);
    if (!status)
        status = xt_safetensors_write(tensors, 2 * plan->n_layers, pairs, n_pairs, out, err);
done:
    free(tensors);
    free(encoding);
    return status;
}

/* ---- reading ---- */

typedef struct inside {
    xt_buf bytes;
    xt_safetensors *file;
    xt_encoding encoding;
    xt_arena arena; /* of the encoding */
} inside;

/* Models of up to the plan's limit of parameters, and their header. */
static const size_t max_bytes = 9ull << 30;

static xt_status read_metadata(const char *path, inside *in, xt_model_file *model, xt_err *err)
{
    uint64_t epoch = 0;
    const char *format = xt_safetensors_value(in->file, "format"), *epoch_text = xt_safetensors_value(in->file, "epoch");
    const char *encoding = xt_safetensors_value(in->file, "encoding");
    model->config = xt_safetensors_value(in->file, "config");
    model->version = xt_safetensors_value(in->file, "xortrain");
    model->checksum = xt_safetensors_value(in->file, "checksum");
    if (!format || strcmp(format, format_name) != 0)
        return xt_fail(err, XT_BAD_DATA, "%s: not one of xortrain's models: its metadata says format '%.40s', not '%s'",
                       path, format && xt_text_is_printable(format) ? format : "", format_name);
    if (!model->config || !model->version || !model->checksum || !epoch_text || !encoding ||
        !xt_text_is_printable(model->version) || xt_number_uint(epoch_text, &epoch) != XT_NUMBER_OK)
        return xt_fail(err, XT_BAD_DATA, "%s: its metadata is not complete", path);
    model->epoch = (unsigned long)epoch;
    model->encoding = &in->encoding;
    return xt_encoding_parse(path, encoding, &in->arena, &in->encoding, err);
}

static xt_status verify(const char *path, const inside *in, const char *expected, xt_err *err)
{
    static const char *const keys[] = {"format", "xortrain", "config", "epoch", "encoding"};
    enum { N_KEYS = sizeof keys / sizeof keys[0] };
    xt_pair pairs[N_KEYS];
    char checksum[XT_HASH_BYTES];
    size_t n = 0;
    const void *bytes = xt_safetensors_bytes(in->file, &n);
    for (size_t i = 0; i < N_KEYS; i++)
        pairs[i] = (xt_pair){keys[i], xt_safetensors_value(in->file, keys[i])};
    xt_status status = sum_up(pairs, N_KEYS, bytes, n, checksum, err);
    if (!status && strcmp(checksum, expected) != 0)
        return xt_fail(err, XT_BAD_DATA, "%s: damaged: it does not have the checksum that was written with it", path);
    return status;
}

/* The first bytes say whether the rest is worth reading: a file that is no model
 * may be of any size. What cannot be read twice is left to be read once. */
static xt_status check_start(const char *path, xt_err *err)
{
    struct stat info;
    unsigned char bytes[XT_SAFETENSORS_START];
    if (stat(path, &info) != 0 || S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || strcmp(path, "-") == 0)
        return XT_OK;
    FILE *file = fopen(path, "re");
    if (!file)
        return XT_OK;
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return n == sizeof bytes ? xt_safetensors_check_start(path, bytes, err) : XT_OK;
}

xt_status xt_model_open(const char *path, xt_model_file *out, xt_err *err)
{
    xt_model_file model = {0};
    inside *in = calloc(1, sizeof *in);
    if (!in)
        return xt_fail_memory(err, path, sizeof *in);
    model.inside = in;
    xt_status status = check_start(path, err);
    if (!status)
        status = xt_file_read(path, max_bytes, XT_BAD_DATA, &in->bytes, err);
    if (!status)
        status = xt_safetensors_open(path, xt_buf_text(&in->bytes), in->bytes.len, &in->file, err);
    if (!status)
        status = read_metadata(path, in, &model, err);
    if (!status)
        status = verify(path, in, model.checksum, err);
    if (status)
        xt_model_close(&model);
    else
        *out = model;
    return status;
}

void xt_model_close(xt_model_file *model)
{
    inside *in = model->inside;
    if (in) {
        xt_safetensors_close(&in->file);
        xt_arena_clear(&in->arena);
        xt_buf_clear(&in->bytes);
        free(in);
    }
    *model = (xt_model_file){0};
}

static bool same_shape(const xt_tensor *a, const xt_tensor *b)
{
    bool same = a && a->n_dims == b->n_dims;
    for (size_t i = 0; same && i < b->n_dims; i++)
        same = a->dims[i] == b->dims[i];
    return same;
}

xt_status xt_model_params(const xt_model_file *model, const char *path, const xt_plan *plan, float *params, xt_err *err)
{
    const inside *in = model->inside;
    size_t n = 2 * plan->n_layers, at = 0;
    xt_tensor *expected = calloc(n, sizeof *expected);
    if (!expected)
        return xt_fail_memory(err, path, n * sizeof *expected);
    describe_layers(plan, NULL, expected);
    xt_status status = XT_OK;
    if (xt_safetensors_count(in->file) != n)
        status = xt_fail(err, XT_BAD_DATA, "%s: %zu tensors where its configuration needs %zu", path,
                         xt_safetensors_count(in->file), n);
    for (size_t i = 0; !status && i < n; i++) {
        const xt_tensor *tensor = xt_safetensors_tensor(in->file, expected[i].name);
        size_t count = expected[i].dims[0] * (expected[i].n_dims == 2 ? expected[i].dims[1] : 1);
        if (!same_shape(tensor, &expected[i])) {
            status = xt_fail(err, XT_BAD_DATA, "%s: tensor %s is missing or has not the shape that its configuration needs",
                             path, expected[i].name);
            break;
        }
        memcpy(params + at, tensor->values, count * sizeof *params);
        at += count;
    }
    free(expected);
    return status;
}
