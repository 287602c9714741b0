/* init.h: initial values of parameters.
 *
 * A row draws a tensor from a key; nothing else decides its bits. Formulas:
 * Glorot & Bengio 2010, He et al. 2015, LeCun et al. 1998, with the truncated
 * normal of JAX and Keras; `pytorch` is torch.nn.Linear's default. */
#ifndef XT_MODEL_INIT_H
#define XT_MODEL_INIT_H

#include "base/table.h"
#include "model/rng.h"
#include "model/spec.h"

/* A tensor to fill: n = rows * cols values in row-major order. A weight has
 * shape (units, inputs); a bias is one column of `units` rows. fan_in and
 * fan_out are the layer's, for its bias too. */
typedef struct xt_tensor_shape {
    size_t rows, cols;
    size_t fan_in, fan_out;
} xt_tensor_shape;

typedef struct xt_init_row {
    xt_kind kind;
    bool weights_only; /* orthogonal: makes no sense for a bias */
    xt_status (*fill)(const float *params, const xt_tensor_shape *shape, xt_key key, float *out, xt_err *err);
} xt_init_row;

extern const xt_table xt_initializers;

const xt_init_row *xt_initializer_at(int code);

/* The default of a weight: glorot_uniform, he_uniform where the activation is of
 * the ReLU family. */
xt_choice xt_default_weight_init(int activation);

/* The keys that draw layer `index` of n_layers' weight and bias. */
void xt_layer_keys(uint64_t seed, xt_keys keys, size_t n_layers, size_t index, xt_key *weight, xt_key *bias);

#endif
