/* safetensors.h: named float tensors and text metadata in one file.
 *
 * The format of https://github.com/huggingface/safetensors: 8 bytes length of
 * the header, a JSON header, the tensors one after another, little-endian
 * float32. Python's safetensors package reads what is written here. */
#ifndef XT_APP_SAFETENSORS_H
#define XT_APP_SAFETENSORS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct xt_tensor {
    char name[64];
    size_t n_dims, dims[2];
    const float *values; /* product of dims; when read, within the file's bytes */
} xt_tensor;

typedef struct xt_pair {
    const char *key, *value;
} xt_pair;

/* Appends what a file of these tensors and pairs begins with: their values follow, one after another. */
xt_status xt_safetensors_header(const xt_tensor *tensors, size_t n_tensors, const xt_pair *pairs, size_t n_pairs,
                                xt_buf *out, xt_err *err);

typedef struct xt_safetensors xt_safetensors;

enum { XT_SAFETENSORS_START = 9 };
/* Whether a file may begin so: a sane length of the header, and its brace. */
xt_status xt_safetensors_check_start(const char *name, const unsigned char bytes[XT_SAFETENSORS_START], xt_err *err);

/* Reads a file's bytes, which must be aligned for float and outlive *out. Only
 * float32 tensors of one or two dimensions that lie one after another are
 * taken. name is for messages. XT_BAD_DATA when anything is wrong. */
xt_status xt_safetensors_open(const char *name, const void *bytes, size_t n_bytes, xt_safetensors **out, xt_err *err);
void xt_safetensors_close(xt_safetensors **file);

/* NULL where there is none; owned by the file. */
const xt_tensor *xt_safetensors_tensor(const xt_safetensors *file, const char *name);
const char *xt_safetensors_value(const xt_safetensors *file, const char *key);
size_t xt_safetensors_count(const xt_safetensors *file);
/* Tensor i of them, in the order of the file. */
const xt_tensor *xt_safetensors_at(const xt_safetensors *file, size_t i);
/* The metadata, n pairs in the order of the file. */
const xt_pair *xt_safetensors_pairs(const xt_safetensors *file, size_t *n);
/* The tensors' bytes as they lie in the file. */
const void *xt_safetensors_bytes(const xt_safetensors *file, size_t *n_bytes);

#endif
