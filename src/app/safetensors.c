#include "app/safetensors.h"

#include "app/json.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are written as they lie in memory");

/* The format's own limit. The header holds a configuration, resolved and escaped. */
enum { MAX_HEADER = 100000000, LENGTH_BYTES = 8 };

static size_t n_values(const xt_tensor *tensor)
{
    size_t n = 1;
    for (size_t i = 0; i < tensor->n_dims; i++)
        n *= tensor->dims[i];
    return n;
}

static json_t *describe_tensor(const xt_tensor *tensor, size_t start)
{
    json_t *shape = json_array();
    for (size_t i = 0; i < tensor->n_dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)tensor->dims[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)start,
                     (json_int_t)(start + n_values(tensor) * sizeof(float)));
}

static json_t *describe_all(const xt_tensor *tensors, size_t n_tensors, const xt_pair *pairs, size_t n_pairs)
{
    json_t *header = json_object(), *metadata = json_object();
    size_t start = 0;
    bool fine = header && metadata;
    for (size_t i = 0; fine && i < n_pairs; i++)
        fine = json_object_set_new(metadata, pairs[i].key, json_string(pairs[i].value)) == 0;
    fine = fine && json_object_set(header, "__metadata__", metadata) == 0;
    for (size_t i = 0; fine && i < n_tensors; i++) {
        fine = json_object_set_new(header, tensors[i].name, describe_tensor(&tensors[i], start)) == 0;
        start += n_values(&tensors[i]) * sizeof(float);
    }
    json_decref(metadata);
    if (fine)
        return header;
    json_decref(header);
    return NULL;
}

xt_status xt_safetensors_header(const xt_tensor *tensors, size_t n_tensors, const xt_pair *pairs, size_t n_pairs,
                                xt_buf *out, xt_err *err)
{
    json_t *header = describe_all(tensors, n_tensors, pairs, n_pairs);
    char *text = xt_json_dump(header, JSON_COMPACT);
    xt_status status = XT_OK;
    json_decref(header);
    if (!text)
        return xt_fail_memory(err, "the header of a model file", 0);
    /* Blanks after the header, so that the tensors are aligned. */
    size_t n = strlen(text), padded = (n + 7) / 8 * 8;
    uint64_t length = padded;
    if (padded > MAX_HEADER) {
        free(text);
        return xt_fail(err, XT_FAILED, "the configuration is too large for a model file: %zu bytes", padded);
    }
    xt_buf_add(out, &length, LENGTH_BYTES);
    xt_buf_printf(out, "%-*s", (int)padded, text);
    free(text);
    if (out->failed)
        status = xt_fail_memory(err, "a model file", out->len);
    return status;
}

struct xt_safetensors {
    json_t *header;
    xt_tensor *tensors;
    size_t n_tensors;
    xt_pair *pairs; /* the metadata */
    size_t n_pairs;
    const char *bytes; /* of the tensors */
    size_t n_bytes;
};

/* One entry of the header; tensors must follow each other without holes, at *end. */
static xt_status read_tensor(const char *file, const char *name, const json_t *entry, const xt_safetensors *all,
                             size_t *end, xt_tensor *out, xt_err *err)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    json_int_t from = json_integer_value(json_array_get(offsets, 0)), to = json_integer_value(json_array_get(offsets, 1));
    size_t n = 1;
    if (!*name || !xt_text_is_printable(name))
        return xt_fail(err, XT_BAD_DATA, "%s: a tensor's name is not printable", file);
    if (!dtype || strcmp(dtype, "F32") != 0)
        return xt_fail(err, XT_BAD_DATA, "%s: tensor '%.60s' is not of float32", file, name);
    if (strlen(name) >= sizeof out->name || json_array_size(shape) < 1 || json_array_size(shape) > 2 ||
        json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return xt_fail(err, XT_BAD_DATA, "%s: tensor '%.60s' is not one of xortrain's", file, name);
    *out = (xt_tensor){.n_dims = json_array_size(shape)};
    memcpy(out->name, name, strlen(name) + 1);
    for (size_t i = 0; i < out->n_dims; i++) {
        json_int_t dim = json_integer_value(json_array_get(shape, i));
        if (dim < 1 || (uint64_t)dim > all->n_bytes / sizeof(float) / n)
            return xt_fail(err, XT_BAD_DATA, "%s: tensor '%s' is larger than the file", file, name);
        out->dims[i] = (size_t)dim;
        n *= (size_t)dim;
    }
    if (from < 0 || (size_t)from != *end || to < from || (size_t)to > all->n_bytes ||
        (size_t)(to - from) != n * sizeof(float))
        return xt_fail(err, XT_BAD_DATA, "%s: tensor '%s' does not lie where it should", file, name);
    out->values = (const float *)(const void *)(all->bytes + from);
    *end = (size_t)to;
    return XT_OK;
}

static xt_status read_pairs(const char *name, json_t *metadata, xt_safetensors *file, xt_err *err)
{
    const char *key;
    json_t *value;
    file->pairs = calloc(json_object_size(metadata) + 1, sizeof *file->pairs);
    if (!file->pairs)
        return xt_fail_memory(err, name, 0);
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value))
            return xt_fail(err, XT_BAD_DATA, "%s: its metadata holds what is no text", name);
        file->pairs[file->n_pairs++] = (xt_pair){key, json_string_value(value)};
    }
    return XT_OK;
}

static xt_status read_header(const char *name, xt_safetensors *file, xt_err *err)
{
    const char *key;
    json_t *entry;
    size_t end = 0;
    file->tensors = calloc(json_object_size(file->header) + 1, sizeof *file->tensors);
    if (!file->tensors)
        return xt_fail_memory(err, name, 0);
    xt_status status = read_pairs(name, json_object_get(file->header, "__metadata__"), file, err);
    if (status)
        return status;
    json_object_foreach(file->header, key, entry) {
        if (strcmp(key, "__metadata__") == 0)
            continue;
        status = read_tensor(name, key, entry, file, &end, &file->tensors[file->n_tensors], err);
        if (status)
            return status;
        file->n_tensors++;
    }
    if (end != file->n_bytes)
        return xt_fail(err, XT_BAD_DATA, "%s: %zu bytes of tensors where the header tells of %zu", name,
                       file->n_bytes, end);
    return XT_OK;
}

xt_status xt_safetensors_check_start(const char *name, const unsigned char bytes[XT_SAFETENSORS_START], xt_err *err)
{
    uint64_t length;
    memcpy(&length, bytes, LENGTH_BYTES);
    if (length > MAX_HEADER || bytes[LENGTH_BYTES] != '{')
        return xt_fail(err, XT_BAD_DATA, "%s: not a model file (safetensors): no header", name);
    return XT_OK;
}

xt_status xt_safetensors_open(const char *name, const void *bytes, size_t n_bytes, xt_safetensors **out, xt_err *err)
{
    uint64_t length;
    json_error_t error;
    if (n_bytes < LENGTH_BYTES)
        return xt_fail(err, XT_BAD_DATA, "%s: not a model file: only %zu bytes", name, n_bytes);
    memcpy(&length, bytes, LENGTH_BYTES);
    if (length > MAX_HEADER)
        return xt_fail(err, XT_BAD_DATA, "%s: not a model file (safetensors): no header", name);
    if (length > n_bytes - LENGTH_BYTES)
        return xt_fail(err, XT_BAD_DATA, "%s: cut off: the header has %llu bytes, the file %zu", name,
                       (unsigned long long)length, n_bytes);
    xt_safetensors *file = calloc(1, sizeof *file);
    if (!file)
        return xt_fail_memory(err, name, sizeof *file);
    file->bytes = (const char *)bytes + LENGTH_BYTES + length;
    file->n_bytes = n_bytes - LENGTH_BYTES - (size_t)length;
    file->header = json_loadb((const char *)bytes + LENGTH_BYTES, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    xt_status status;
    if (xt_json_starved())
        status = xt_fail_memory(err, name, (size_t)length);
    else if (!json_is_object(file->header))
        status = xt_fail(err, XT_BAD_DATA, "%s: not a model file (safetensors): its header is no JSON object", name);
    else if (length % sizeof(float) != 0)
        status = xt_fail(err, XT_BAD_DATA, "%s: its tensors are not aligned", name);
    else
        status = read_header(name, file, err);
    if (status)
        xt_safetensors_close(&file);
    else
        *out = file;
    return status;
}

void xt_safetensors_close(xt_safetensors **file)
{
    if (!*file)
        return;
    json_decref((*file)->header);
    free((*file)->tensors);
    free((*file)->pairs);
    free(*file);
    *file = NULL;
}

const xt_tensor *xt_safetensors_tensor(const xt_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *xt_safetensors_value(const xt_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

size_t xt_safetensors_count(const xt_safetensors *file)
{
    return file->n_tensors;
}

const xt_tensor *xt_safetensors_at(const xt_safetensors *file, size_t i)
{
    return &file->tensors[i];
}

const xt_pair *xt_safetensors_pairs(const xt_safetensors *file, size_t *n)
{
    *n = file->n_pairs;
    return file->pairs;
}

const void *xt_safetensors_bytes(const xt_safetensors *file, size_t *n_bytes)
{
    *n_bytes = file->n_bytes;
    return file->bytes;
}
