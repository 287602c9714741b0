/* model_file.h: a trained network, or a training in the middle, in a safetensors
 * file, and back.
 *
 * A model: tensors layers.N.weight (units, inputs) and layers.N.bias (units);
 * metadata (all text): format, xortrain, config (resolved YAML), epoch, encoding (how the
 * columns of a table become inputs and targets, JSON: app/encoding.h), checksum
 * (XXH3-128 of all other metadata, the tensors' names and shapes, and their values).
 * A checkpoint is a model that can be trained on: it has optimizer.S.layers.N.* too, as
 * many S as the optimiser has values a parameter, best.layers.N.* where the weights of a
 * best epoch are kept, and in its metadata progress (JSON: app/moment.h).
 * The same training gives the same model, byte for byte. */
#ifndef XT_APP_MODEL_FILE_H
#define XT_APP_MODEL_FILE_H

#include "app/safetensors.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "model/dataset.h"
#include "model/plan.h"

/* What a file is made of. */
typedef struct xt_model_parts {
    const xt_plan *plan;
    const xt_dataset *data; /* where it has no encoding, its columns are numbers as they are */
    const char *config_yaml;
    uint32_t epoch;
    const float *state;   /* n_params floats; of a checkpoint (1 + n_slots) * n_params */
    const char *progress; /* of a checkpoint; NULL: a model */
    const float *best;    /* of a checkpoint, n_params floats; NULL: none */
} xt_model_parts;

/* A file as it is to be written: its spans point into header and into the parts. */
typedef struct xt_model_image {
    xt_buf header;
    xt_span spans[3];
    size_t n_spans, n_bytes;
} xt_model_image;

/* out needs to be cleared, also after a failure. */
xt_status xt_model_lay_out(const xt_model_parts *parts, xt_model_image *out, xt_err *err);
/* The checksum of the whole file, as `xxhsum -H2` prints it. */
xt_status xt_model_image_hash(const xt_model_image *image, char hex[XT_HASH_BYTES], xt_err *err);
void xt_model_image_clear(xt_model_image *image);

typedef struct xt_model_file {
    const char *config; /* YAML */
    unsigned long epoch;
    const char *version;  /* of the xortrain that wrote it */
    const char *checksum; /* verified */
    const char *progress; /* NULL: a model, no checkpoint */
    const xt_encoding *encoding; /* sound */
    void *inside; /* what owns all of it */
} xt_model_file;

/* Reads and checks everything but the tensors' shapes. XT_BAD_DATA for what is
 * wrong in the file, XT_FAILED when it cannot be read. */
xt_status xt_model_open(const char *path, xt_model_file *out, xt_err *err);
void xt_model_close(xt_model_file *model);

/* The parameters in the plan's layout (n_params floats), after checking that
 * the tensors are the plan's. path is for messages. */
xt_status xt_model_params(const xt_model_file *model, const char *path, const xt_plan *plan, float *params,
                          xt_err *err);
/* All floats of a checkpoint: state (1 + n_slots) * n_params, and best n_params where it has them (*has_best), for
 * which the caller has room whenever its training keeps a best epoch; else NULL. */
xt_status xt_model_state(const xt_model_file *model, const char *path, const xt_plan *plan, float *state, float *best,
                         bool *has_best, xt_err *err);

/* The n tensors of the file, in its order: owned by the model. */
const xt_tensor *xt_model_tensors(const xt_model_file *model, size_t *n);

#endif
