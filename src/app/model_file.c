#include "app/model_file.h"

#include "app/encoding.h"
#include "app/safetensors.h"
#include "base/file.h"
#include "base/number.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char format_name[] = "xortrain-1";

/* ---- tensors ---- */

/* What stands before layers.N.*: nothing of the parameters, one a value of the optimiser, the best epoch's. */
enum { PREFIX_BYTES = 32 };

static void name_tensor(xt_tensor *tensor, const char *prefix, size_t layer, const char *what)
{
    snprintf(tensor->name, sizeof tensor->name, "%slayers.%zu.%s", prefix, layer, what);
}

/* One group of the plan's parameters: 2 * n_layers tensors. values may be NULL. */
static void describe_group(const xt_plan *plan, const char *prefix, const float *values, xt_tensor *tensors)
{
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        tensors[2 * i] = (xt_tensor){.n_dims = 2, .dims = {layer->units, layer->inputs},
                                     .values = values ? values + layer->weight : NULL};
        tensors[2 * i + 1] =
            (xt_tensor){.n_dims = 1, .dims = {layer->units}, .values = values ? values + layer->bias : NULL};
        name_tensor(&tensors[2 * i], prefix, i, "weight");
        name_tensor(&tensors[2 * i + 1], prefix, i, "bias");
    }
}

/* The parameters, n_slots groups of the optimiser, and the best epoch's. Returns how many tensors there are. */
static size_t describe_all(const xt_plan *plan, size_t n_slots, const float *state, bool with_best, const float *best,
                           xt_tensor *tensors)
{
    char prefix[PREFIX_BYTES] = "";
    size_t n = 0;
    for (size_t i = 0; i <= n_slots; i++, n += 2 * plan->n_layers) {
        if (i)
            snprintf(prefix, sizeof prefix, "optimizer.%zu.", i - 1);
        describe_group(plan, prefix, state ? state + i * plan->n_params : NULL, tensors + n);
    }
    if (with_best) {
        describe_group(plan, "best.", best, tensors + n);
        n += 2 * plan->n_layers;
    }
    return n;
}

static xt_tensor *new_tensors(const xt_plan *plan)
{
    return calloc(2 * plan->n_layers * (2 + plan->n_slots), sizeof(xt_tensor));
}

static size_t n_values(const xt_tensor *tensor)
{
    return tensor->dims[0] * (tensor->n_dims == 2 ? tensor->dims[1] : 1);
}

/* ---- the checksum ---- */

static const char checksum_key[] = "checksum";

/* Of everything that the file says: keys and values of its metadata with their
 * NULs, names and shapes of the tensors, and then those as they lie in it. */
static xt_status sum_up(const xt_pair *pairs, size_t n_pairs, const xt_tensor *tensors, size_t n_tensors,
                        const xt_span *spans, size_t n_spans, char hex[XT_HASH_BYTES], xt_err *err)
{
    xt_hash *hash = NULL;
    xt_status status = xt_hash_open(&hash, err);
    if (status)
        return status;
    for (size_t i = 0; i < n_pairs; i++) {
        if (strcmp(pairs[i].key, checksum_key) == 0)
            continue;
        xt_hash_add(hash, pairs[i].key, strlen(pairs[i].key) + 1);
        xt_hash_add(hash, pairs[i].value, strlen(pairs[i].value) + 1);
    }
    for (size_t i = 0; i < n_tensors; i++) {
        const uint64_t shape[3] = {tensors[i].n_dims, tensors[i].dims[0], tensors[i].dims[1]};
        xt_hash_add(hash, tensors[i].name, strlen(tensors[i].name) + 1);
        xt_hash_add(hash, shape, sizeof shape);
    }
    for (size_t i = 0; i < n_spans; i++)
        xt_hash_add(hash, spans[i].at, spans[i].n);
    xt_hash_hex(hash, hex);
    xt_hash_close(&hash);
    return XT_OK;
}

/* ---- writing ---- */

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

/* The spans behind the header: values as they lie in memory. */
static void add_values(xt_model_image *image, const float *values, size_t n)
{
    if (values)
        image->spans[image->n_spans++] = (xt_span){values, n * sizeof *values};
}

xt_status xt_model_lay_out(const xt_model_parts *parts, xt_model_image *out, xt_err *err)
{
    const xt_plan *plan = parts->plan;
    char checksum[XT_HASH_BYTES], epoch[16], *encoding = NULL;
    size_t n_slots = parts->progress ? plan->n_slots : 0;
    xt_status status = print_encoding(parts->data, &encoding, err);
    if (status)
        return status;
    xt_tensor *tensors = new_tensors(plan);
    if (!tensors) {
        status = xt_fail_memory(err, "a model file", 0);
        goto done;
    }
    size_t n = describe_all(plan, n_slots, parts->state, parts->best, parts->best, tensors);
    snprintf(epoch, sizeof epoch, "%u", parts->epoch);
    const xt_pair pairs[] = {{"format", format_name}, {"xortrain", XT_VERSION},       {"config", parts->config_yaml},
                             {"epoch", epoch},        {"encoding", encoding},         {checksum_key, checksum},
                             {"progress", parts->progress}};
    size_t n_pairs = sizeof pairs / sizeof pairs[0] - !parts->progress;
    out->n_spans = 1; /* the header's */
    add_values(out, parts->state, (1 + n_slots) * plan->n_params);
    add_values(out, parts->best, plan->n_params);
    status = sum_up(pairs, n_pairs, tensors, n, out->spans + 1, out->n_spans - 1, checksum, err);
    if (!status)
        status = xt_safetensors_header(tensors, n, pairs, n_pairs, &out->header, err);
    out->spans[0] = (xt_span){out->header.data, out->header.len};
    for (size_t i = 0; i < out->n_spans; i++)
        out->n_bytes += out->spans[i].n;
done:
    free(tensors);
    free(encoding);
    return status;
}

xt_status xt_model_image_hash(const xt_model_image *image, char hex[XT_HASH_BYTES], xt_err *err)
{
    xt_hash *hash = NULL;
    xt_status status = xt_hash_open(&hash, err);
    if (status)
        return status;
    for (size_t i = 0; i < image->n_spans; i++)
        xt_hash_add(hash, image->spans[i].at, image->spans[i].n);
    xt_hash_hex(hash, hex);
    xt_hash_close(&hash);
    return XT_OK;
}

void xt_model_image_clear(xt_model_image *image)
{
    xt_buf_clear(&image->header);
    *image = (xt_model_image){0};
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
    model->checksum = xt_safetensors_value(in->file, checksum_key);
    model->progress = xt_safetensors_value(in->file, "progress");
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
    char checksum[XT_HASH_BYTES];
    size_t n_pairs, n_bytes = 0, n_tensors = xt_safetensors_count(in->file);
    const xt_pair *pairs = xt_safetensors_pairs(in->file, &n_pairs);
    const void *bytes = xt_safetensors_bytes(in->file, &n_bytes);
    xt_status status = sum_up(pairs, n_pairs, n_tensors ? xt_safetensors_at(in->file, 0) : NULL, n_tensors,
                              &(xt_span){bytes, n_bytes}, 1, checksum, err);
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

/* Whether the file has the tensors that the plan says, and no others. */
static xt_status check_tensors(const xt_model_file *model, const char *path, const xt_plan *plan, bool *has_best,
                               xt_err *err)
{
    const inside *in = model->inside;
    xt_status status = XT_OK;
    xt_tensor *expected = new_tensors(plan);
    if (!expected)
        return xt_fail_memory(err, path, 0);
    *has_best = model->progress && xt_safetensors_tensor(in->file, "best.layers.0.weight");
    size_t n = describe_all(plan, model->progress ? plan->n_slots : 0, NULL, *has_best, NULL, expected);
    if (xt_safetensors_count(in->file) != n)
        status = xt_fail(err, XT_BAD_DATA, "%s: %zu tensors where its configuration needs %zu", path,
                         xt_safetensors_count(in->file), n);
    for (size_t i = 0; !status && i < n; i++)
        if (!same_shape(xt_safetensors_tensor(in->file, expected[i].name), &expected[i]))
            status = xt_fail(err, XT_BAD_DATA, "%s: tensor %s is missing or has not the shape that its configuration needs",
                             path, expected[i].name);
    free(expected);
    return status;
}

/* Copies one group after check_tensors. */
static void copy_group(const inside *in, const xt_plan *plan, const char *prefix, float *to)
{
    xt_tensor name;
    for (size_t i = 0; i < 2 * plan->n_layers; i++) {
        name_tensor(&name, prefix, i / 2, i % 2 ? "bias" : "weight");
        const xt_tensor *tensor = xt_safetensors_tensor(in->file, name.name);
        const xt_plan_layer *layer = &plan->layers[i / 2];
        memcpy(to + (i % 2 ? layer->bias : layer->weight), tensor->values, n_values(tensor) * sizeof *to);
    }
}

xt_status xt_model_params(const xt_model_file *model, const char *path, const xt_plan *plan, float *params, xt_err *err)
{
    bool has_best;
    xt_status status = check_tensors(model, path, plan, &has_best, err);
    if (!status)
        copy_group(model->inside, plan, "", params);
    return status;
}

xt_status xt_model_state(const xt_model_file *model, const char *path, const xt_plan *plan, float *state, float *best,
                         bool *has_best, xt_err *err)
{
    char prefix[PREFIX_BYTES] = "";
    xt_status status = check_tensors(model, path, plan, has_best, err);
    if (!status && *has_best && !best)
        status = xt_fail(err, XT_BAD_DATA, "%s: has weights of a best epoch, which its configuration does not keep", path);
    for (size_t i = 0; !status && i <= plan->n_slots; i++) {
        if (i)
            snprintf(prefix, sizeof prefix, "optimizer.%zu.", i - 1);
        copy_group(model->inside, plan, prefix, state + i * plan->n_params);
    }
    if (!status && *has_best)
        copy_group(model->inside, plan, "best.", best);
    return status;
}

const xt_tensor *xt_model_tensors(const xt_model_file *model, size_t *n)
{
    const inside *in = model->inside;
    *n = xt_safetensors_count(in->file);
    return *n ? xt_safetensors_at(in->file, 0) : NULL;
}
