#include "model/init.h"

#include "model/ops.h"

#include <math.h>
#include <stdlib.h>

/* Standard deviation of a normal distribution cut off at two of its own. */
#define TRUNCATED_SD 0.87962566103423978

static size_t count(const xt_tensor_shape *shape)
{
    return shape->rows * shape->cols;
}

static xt_status fill_constant(const float *params, const xt_tensor_shape *shape, xt_key key, float *out,
                               xt_err *err)
{
    (void)key;
    (void)err;
    for (size_t i = 0; i < count(shape); i++)
        out[i] = params[0];
    return XT_OK;
}

static xt_status fill_zeros(const float *params, const xt_tensor_shape *shape, xt_key key, float *out,
                            xt_err *err)
{
    (void)params;
    return fill_constant(&(float){0}, shape, key, out, err);
}

static void draw_uniform(const xt_tensor_shape *shape, xt_key key, double bound, float *out)
{
    xt_uniform_fill(key, count(shape), -(float)bound, (float)bound, out);
}

static void draw_truncated(const xt_tensor_shape *shape, xt_key key, double sd, float *out)
{
    xt_truncated_normal_fill(key, count(shape), -2, 2, out);
    for (size_t i = 0; i < count(shape); i++)
        out[i] *= (float)sd;
}

static xt_status fill_uniform(const float *params, const xt_tensor_shape *shape, xt_key key, float *out,
                              xt_err *err)
{
    (void)err;
    xt_uniform_fill(key, count(shape), params[0], params[1], out);
    return XT_OK;
}

static xt_status fill_normal(const float *params, const xt_tensor_shape *shape, xt_key key, float *out,
                             xt_err *err)
{
    (void)err;
    xt_normal_fill(key, count(shape), out);
    for (size_t i = 0; i < count(shape); i++) {
        float z = params[1] * out[i];
        /* Adding a mean of 0 would turn -0 into 0. */
        out[i] = params[0] != 0 ? params[0] + z : z;
    }
    return XT_OK;
}

static xt_status fill_truncated(const float *params, const xt_tensor_shape *shape, xt_key key, float *out,
                                xt_err *err)
{
    (void)err;
    draw_truncated(shape, key, (double)params[0], out);
    return XT_OK;
}

static double mean_fan(const xt_tensor_shape *shape)
{
    return ((double)shape->fan_in + (double)shape->fan_out) / 2;
}

#define UNIFORM_ROW(function, scale, fan) \
    static xt_status function(const float *params, const xt_tensor_shape *shape, xt_key key, float *out, \
                              xt_err *err) \
    { \
        (void)params; \
        (void)err; \
        draw_uniform(shape, key, sqrt(3 * (scale) / (fan)), out); \
        return XT_OK; \
    }
#define NORMAL_ROW(function, scale, fan) \
    static xt_status function(const float *params, const xt_tensor_shape *shape, xt_key key, float *out, \
                              xt_err *err) \
    { \
        (void)params; \
        (void)err; \
        draw_truncated(shape, key, sqrt((scale) / (fan)) / TRUNCATED_SD, out); \
        return XT_OK; \
    }
UNIFORM_ROW(fill_glorot_uniform, 1.0, mean_fan(shape))
NORMAL_ROW(fill_glorot_normal, 1.0, mean_fan(shape))
UNIFORM_ROW(fill_he_uniform, 2.0, (double)shape->fan_in)
NORMAL_ROW(fill_he_normal, 2.0, (double)shape->fan_in)
UNIFORM_ROW(fill_lecun_uniform, 1.0, (double)shape->fan_in)
NORMAL_ROW(fill_lecun_normal, 1.0, (double)shape->fan_in)
UNIFORM_ROW(fill_pytorch, 1.0 / 3.0, (double)shape->fan_in)

/* q becomes the orthonormal factor of the tall matrix that it holds (m rows of
 * n, n <= m, column j at q + j * m), as Gram and Schmidt do it, each column
 * cleared twice so that rounding leaves nothing. The triangular factor's
 * diagonal is positive, which makes q unique: it is torch's and JAX's, whose
 * sign correction has the same end. false: the columns are not independent. */
static bool orthonormalise(double *q, size_t m, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        double *column = q + j * m;
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < j; k++) {
                const double *done = q + k * m;
                double dot = 0;
                for (size_t i = 0; i < m; i++)
                    dot += done[i] * column[i];
                for (size_t i = 0; i < m; i++)
                    column[i] -= dot * done[i];
            }
        double norm = 0;
        for (size_t i = 0; i < m; i++)
            norm += column[i] * column[i];
        norm = sqrt(norm);
        if (!(norm > 1e-12))
            return false;
        for (size_t i = 0; i < m; i++)
            column[i] /= norm;
    }
    return true;
}

static xt_status fill_orthogonal(const float *params, const xt_tensor_shape *shape, xt_key key, float *out,
                                 xt_err *err)
{
    bool tall = shape->rows >= shape->cols;
    size_t m = tall ? shape->rows : shape->cols, n = tall ? shape->cols : shape->rows;
    double *q = malloc(m * n * sizeof *q);
    if (!q)
        return xt_fail_memory(err, "orthogonal initial weights", m * n * sizeof *q);
    /* The normal values fill (rows, cols) row by row, which for a wide matrix
     * is its transpose column by column. */
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            q[j * m + i] = (double)xt_normal_at(key, m * n, tall ? i * n + j : j * m + i);
    xt_status status = XT_OK;
    if (!orthonormalise(q, m, n))
        status = xt_fail(err, XT_FAILED, "orthogonal initial weights: the %zu x %zu draw is singular; use another seed",
                         shape->rows, shape->cols);
    for (size_t i = 0; !status && i < m; i++)
        for (size_t j = 0; j < n; j++)
            out[tall ? i * n + j : j * m + i] = (float)((double)params[0] * q[j * m + i]);
    free(q);
    return status;
}

static const char *check_uniform(const float *values)
{
    if (!isfinite(values[1] - values[0]))
        return "low and high are too far apart for single precision";
    return values[0] < values[1] ? NULL : "low must be less than high";
}

#define NUMBER(id, text, value, bounds) {.name = id, .help = text, .def = (value), .range = bounds}
#define NEEDED(id, text, bounds) {.name = id, .help = text, .required = true, .range = bounds}

static const xt_init_row rows[] = {
    {{{"zeros", "all 0"}, {{0}}, NULL}, false, fill_zeros},
    {{{"constant", "all the same value"}, {NEEDED("value", "the value", XT_RANGE_ANY)}, NULL}, false, fill_constant},
    {{{"uniform", "uniform from low to high"},
      {NEEDED("low", "least value", XT_RANGE_ANY), NEEDED("high", "bound, never reached", XT_RANGE_ANY)},
      check_uniform},
     false, fill_uniform},
    {{{"normal", "normal distribution"},
      {NUMBER("mean", "mean", 0, XT_RANGE_ANY), NUMBER("stddev", "standard deviation", 1, XT_RANGE_NON_NEGATIVE)},
      NULL},
     false, fill_normal},
    {{{"truncated_normal", "normal distribution cut off at two standard deviations"},
      {NUMBER("stddev", "standard deviation before the cut", 1, XT_RANGE_NON_NEGATIVE)},
      NULL},
     false, fill_truncated},
    {{{"glorot_uniform", "uniform, variance 2 / (inputs + units)"}, {{0}}, NULL}, false, fill_glorot_uniform},
    {{{"glorot_normal", "truncated normal, variance 2 / (inputs + units)"}, {{0}}, NULL}, false, fill_glorot_normal},
    {{{"he_uniform", "uniform, variance 2 / inputs"}, {{0}}, NULL}, false, fill_he_uniform},
    {{{"he_normal", "truncated normal, variance 2 / inputs"}, {{0}}, NULL}, false, fill_he_normal},
    {{{"lecun_uniform", "uniform, variance 1 / inputs"}, {{0}}, NULL}, false, fill_lecun_uniform},
    {{{"lecun_normal", "truncated normal, variance 1 / inputs"}, {{0}}, NULL}, false, fill_lecun_normal},
    {{{"orthogonal", "orthonormal rows or columns, times gain"},
      {NUMBER("gain", "factor", 1, XT_RANGE_ANY)},
      NULL},
     true, fill_orthogonal},
    {{{"pytorch", "torch.nn.Linear's default: uniform within 1 / sqrt(inputs)"}, {{0}}, NULL}, false, fill_pytorch},
};

const xt_table xt_initializers = XT_TABLE("initializer", rows);

const xt_init_row *xt_initializer_at(int code)
{
    return (const xt_init_row *)(const void *)xt_kind_at(&xt_initializers, code);
}

xt_choice xt_default_weight_init(int activation)
{
    return xt_choose(&xt_initializers, xt_activation_at(activation)->relu_family ? "he_uniform" : "glorot_uniform");
}

void xt_layer_keys(uint64_t seed, xt_keys keys, size_t n_layers, size_t index, xt_key *weight, xt_key *bias)
{
    xt_key key = xt_key_of_seed(seed);
    uint32_t n = keys == XT_KEYS_SHARED ? 2 : (uint32_t)(2 * n_layers);
    uint32_t first = keys == XT_KEYS_SHARED ? 0 : (uint32_t)(2 * index);
    *weight = xt_key_split(key, n, first);
    *bias = xt_key_split(key, n, first + 1);
}
