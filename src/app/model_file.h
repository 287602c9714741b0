/* model_file.h: a trained network in a safetensors file, and back.
 *
 * Tensors layers.N.weight (units, inputs) and layers.N.bias (units); metadata
 * (all text): format, xortrain, config (resolved YAML), epoch, encoding (how the
 * columns of a table become inputs and targets, JSON: app/encoding.h), checksum
 * (XXH3-128 of the other metadata and the tensors). The same training gives the
 * same bytes. */
#ifndef XT_APP_MODEL_FILE_H
#define XT_APP_MODEL_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "model/dataset.h"
#include "model/plan.h"

/* Appends a model file to out. Where data has no encoding, its columns are numbers as they are. */
xt_status xt_model_print(const xt_plan *plan, const float *params, const xt_dataset *data, const char *config_yaml,
                         uint32_t epoch, xt_buf *out, xt_err *err);

typedef struct xt_model_file {
    const char *config; /* YAML */
    unsigned long epoch;
    const char *version;  /* of the xortrain that wrote it */
    const char *checksum; /* verified */
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

#endif
