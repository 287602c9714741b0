/* Initial values: every initialiser's distribution, and which key draws what. */
#include "model/init.h"
#include "model/ops.h"
#include "nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;
static const xt_key key = {123, 456};

typedef struct stats {
    float *values;
    double mean, sd, least, most;
} stats;

/* The caller frees values. */
static stats fill(const char *name, const float *params, xt_tensor_shape shape)
{
    size_t n = shape.rows * shape.cols;
    stats s = {.values = calloc(n, sizeof *s.values), .least = HUGE_VAL, .most = -HUGE_VAL};
    assert_non_null(s.values);
    xt_status status = xt_initializer_at(xt_table_find(&xt_initializers, name))->fill(params, &shape, key, s.values, &err);
    if (status)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < n; i++) {
        double x = (double)s.values[i];
        s.mean += x / (double)n;
        s.least = x < s.least ? x : s.least;
        s.most = x > s.most ? x : s.most;
    }
    for (size_t i = 0; i < n; i++)
        s.sd += ((double)s.values[i] - s.mean) * ((double)s.values[i] - s.mean) / (double)n;
    s.sd = sqrt(s.sd);
    return s;
}

/* ---- a large draw of each: 400 units on 300 inputs ---- */

static const xt_tensor_shape large = {400, 300, 300, 400};

typedef struct drawn {
    const char *name;
    float params[XT_MAX_PARAMS];
    double mean, sd, least, most; /* what is asked of the draw; bounds are never passed and nearly reached */
} drawn;

#define S3 1.7320508075688772
static const drawn drawn_rows[] = {
    {"zeros", {0}, 0, 0, 0, 0},
    {"constant", {0.25f}, 0.25, 0, 0.25, 0.25},
    {"uniform", {-1, 3}, 1, 4 / (2 * S3), -1, 3},
    {"uniform", {2, 2.5f}, 2.25, 0.5 / (2 * S3), 2, 2.5},
    {"normal", {3, 0.5f}, 3, 0.5, -HUGE_VAL, HUGE_VAL},
    {"normal", {0, 0.01f}, 0, 0.01, -HUGE_VAL, HUGE_VAL},
    {"truncated_normal", {2}, 0, 2 * 0.87962566103423978, -4, 4},
    {"glorot_uniform", {0}, 0, 0.05345224838248488, -0.05345224838248488 * S3, 0.05345224838248488 * S3},
    {"glorot_normal", {0}, 0, 0.05345224838248488, -0.12153402543, 0.12153402543},
    {"he_uniform", {0}, 0, 0.08164965809277261, -0.14142135623730951, 0.14142135623730951},
    {"he_normal", {0}, 0, 0.08164965809277261, -0.18564637, 0.18564637},
    {"lecun_uniform", {0}, 0, 0.05773502691896258, -0.1, 0.1},
    {"lecun_normal", {0}, 0, 0.05773502691896258, -0.131271807, 0.131271807},
    {"pytorch", {0}, 0, 0.05773502691896258 / S3, -0.05773502691896258, 0.05773502691896258},
    {"orthogonal", {1}, 0, 0.05, -1, 1}, /* 300 orthonormal columns of 400: the mean square is 1 / 400 */
};

static void distribution(void **state)
{
    const drawn *row = *state;
    stats s = fill(row->name, row->params, large);
    double n = (double)(large.rows * large.cols), width = row->most - row->least;
    unit_near(s.mean, row->mean, 5 * row->sd / sqrt(n) + 1e-12, "mean");
    unit_near(s.sd, row->sd, 0.02 * row->sd + 1e-10, "standard deviation");
    /* The bound is a float: it may lie half a step beyond the double. */
    assert_true(s.least >= row->least - 1e-7 * fabs(row->least) && s.most <= row->most + 1e-7 * fabs(row->most));
    if (row->sd > 0 && isfinite(width) && strcmp(row->name, "orthogonal") != 0)
        assert_true(s.least < row->least + 1e-3 * width && s.most > row->most - 1e-3 * width);
    free(s.values);
}

static void row_is_drawn(void **state)
{
    const xt_row *row = *state;
    size_t n = 0;
    for (size_t i = 0; i < sizeof drawn_rows / sizeof drawn_rows[0]; i++)
        n += strcmp(drawn_rows[i].name, row->name) == 0;
    assert_true(n > 0);
}

/* The parameters of the first row of that name. */
static const float *params_of(const xt_row *row)
{
    size_t i = 0;
    while (strcmp(drawn_rows[i].name, row->name) != 0)
        i++;
    return drawn_rows[i].params;
}

static void is_deterministic(void **state)
{
    const xt_row *row = *state;
    stats once = fill(row->name, params_of(row), large), again = fill(row->name, params_of(row), large);
    assert_memory_equal(once.values, again.values, large.rows * large.cols * sizeof(float));
    free(once.values);
    free(again.values);
}

static void fills_odd_sizes(void **state)
{
    const xt_row *row = *state;
    static const size_t sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {3, 5}, {5, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        stats s = fill(row->name, params_of(row), (xt_tensor_shape){sizes[i][0], sizes[i][1], sizes[i][1], sizes[i][0]});
        assert_true(isfinite(s.mean) && isfinite(s.sd));
        free(s.values);
    }
}

/* ---- uniform's bounds ---- */

static void uniform_never_reaches_high(void **state)
{
    (void)state;
    /* One float apart from 1: every draw is low. Where low is large, rounding would reach high. */
    static const float bounds[][2] = {{0, 1}, {100, 101}, {-101, -100}, {1, 1.0000001f}, {16777214, 16777216}};
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        stats s = fill("uniform", bounds[b], (xt_tensor_shape){1000, 1000, 1000, 1000});
        assert_true(s.least >= (double)bounds[b][0] && s.most < (double)bounds[b][1]);
        free(s.values);
    }
}

static void uniform_needs_an_interval(void **state)
{
    (void)state;
    const xt_kind *uniform = xt_kind_at(&xt_initializers, xt_table_find(&xt_initializers, "uniform"));
    assert_null(uniform->check((const float[]){-1, 1}));
    assert_string_equal(uniform->check((const float[]){1, 1}), "low must be less than high");
    assert_non_null(uniform->check((const float[]){2, 1}));
}

/* ---- orthogonal ---- */

typedef struct ortho {
    size_t rows, cols;
    float gain;
} ortho;

static const ortho orthos[] = {{64, 64, 1}, {80, 30, 1}, {30, 80, 1}, {30, 80, 2.5f}, {33, 7, 0.5f}, {1, 9, 3}, {9, 1, 3}, {1, 1, 2}};

/* Row i times row k, or column i times column k. */
static double dot(const float *w, const ortho *shape, bool rows, size_t i, size_t k)
{
    double sum = 0;
    size_t n = rows ? shape->cols : shape->rows, step = rows ? 1 : shape->cols, line = rows ? shape->cols : 1;
    for (size_t j = 0; j < n; j++)
        sum += (double)w[i * line + j * step] * (double)w[k * line + j * step];
    return sum;
}

static void orthogonal_is(void **state)
{
    const ortho *row = *state;
    bool wide = row->rows <= row->cols;
    size_t n = wide ? row->rows : row->cols;
    double square = (double)row->gain * (double)row->gain;
    stats s = fill("orthogonal", &row->gain, (xt_tensor_shape){row->rows, row->cols, row->cols, row->rows});
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++)
            unit_near(dot(s.values, row, wide, i, k), i == k ? square : 0, 1e-6 * square, "lines %zu and %zu", i, k);
    free(s.values);
}

/* ---- which key draws what ---- */

static void shared_keys_are_the_tutorials(void **state)
{
    (void)state;
    json_t *golden = unit_golden("article.json"), *prng = json_object_get(golden, "prng");
    for (size_t layer = 0; layer < 3; layer++) {
        xt_key weight, bias;
        xt_layer_keys(0, XT_KEYS_SHARED, 3, layer, &weight, &bias);
        assert_int_equal(weight.hi, json_integer_value(json_array_get(json_object_get(prng, "w_key"), 0)));
        assert_int_equal(weight.lo, json_integer_value(json_array_get(json_object_get(prng, "w_key"), 1)));
        assert_int_equal(bias.hi, json_integer_value(json_array_get(json_object_get(prng, "b_key"), 0)));
        assert_int_equal(bias.lo, json_integer_value(json_array_get(json_object_get(prng, "b_key"), 1)));
    }
    json_decref(golden);
}

static void keys_per_layer_are_a_split(void **state)
{
    (void)state;
    for (size_t layer = 0; layer < 3; layer++) {
        xt_key weight, bias, w = xt_key_split(xt_key_of_seed(9), 6, (uint32_t)(2 * layer)),
                             b = xt_key_split(xt_key_of_seed(9), 6, (uint32_t)(2 * layer + 1));
        xt_layer_keys(9, XT_KEYS_PER_LAYER, 3, layer, &weight, &bias);
        assert_true(weight.hi == w.hi && weight.lo == w.lo && bias.hi == b.hi && bias.lo == b.lo);
    }
}

/* Layer 1 stays as it is whatever layers 0 and 2 are drawn by. */
static void a_tensor_does_not_depend_on_others(void **state)
{
    (void)state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){3, 5, {7, 9, 2}, "tanh", "mse", 1, 5});
    float *one = unit_net_state(&net);
    net.layers[0].weight = xt_choose(&xt_initializers, "zeros");
    net.layers[1].bias = xt_choose(&xt_initializers, "zeros");
    net.layers[2].weight = xt_choose(&xt_initializers, "orthogonal");
    net.data.n_targets = net.layers[2].units = 3;
    unit_net_plan(&net);
    float *other = unit_net_state(&net);
    const xt_plan_layer *layer = &net.plan.layers[1];
    assert_memory_equal(one + layer->weight, other + layer->weight, 7 * 9 * sizeof *one);
    assert_memory_not_equal(one + layer->bias, other + layer->bias, 9 * sizeof *one);
    free(one);
    free(other);
    unit_net_clear(&net);
}

static void layers_differ_unless_shared(void **state)
{
    (void)state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){3, 5, {5, 5}, "tanh", "mse", 1, 5});
    for (int shared = 0; shared < 2; shared++) {
        net.spec.keys = shared ? XT_KEYS_SHARED : XT_KEYS_PER_LAYER;
        float *w = unit_net_state(&net);
        bool same = memcmp(w + net.plan.layers[0].weight, w + net.plan.layers[1].weight, 25 * sizeof *w) == 0;
        assert_int_equal(same, shared);
        free(w);
    }
    unit_net_clear(&net);
}

/* A bias is one column of a layer with the layer's own fans. */
static void bias_has_its_layers_fans(void **state)
{
    (void)state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){3, 100, {4000}, "tanh", "mse", 1, 5});
    net.layers[0].bias = xt_choose(&xt_initializers, "pytorch");
    float *w = unit_net_state(&net), *bias = w + net.plan.layers[0].bias, most = 0;
    for (size_t i = 0; i < 4000; i++)
        most = fabsf(bias[i]) > most ? fabsf(bias[i]) : most;
    assert_true(most <= 0.1f && most > 0.0999f);
    free(w);
    unit_net_clear(&net);
}

static void defaults(void **state)
{
    (void)state;
    int he = xt_table_find(&xt_initializers, "he_uniform"), glorot = xt_table_find(&xt_initializers, "glorot_uniform");
    assert_int_equal(xt_default_weight_init(XT_ACT_relu).kind, he);
    assert_int_equal(xt_default_weight_init(XT_ACT_gelu).kind, he);
    assert_int_equal(xt_default_weight_init(XT_ACT_linear).kind, glorot);
    assert_int_equal(xt_default_weight_init(XT_ACT_tanh).kind, glorot);
    assert_int_equal(xt_default_weight_init(XT_ACT_sigmoid).kind, glorot);
}

static void only_orthogonal_is_for_weights_only(void **state)
{
    const xt_row *row = *state;
    bool only = xt_initializer_at(xt_table_find(&xt_initializers, row->name))->weights_only;
    assert_int_equal(only, strcmp(row->name, "orthogonal") == 0);
}

static void tutorial_weights_to_every_digit(void **state)
{
    (void)state;
    unit_net net;
    unit_net_xor(&net);
    json_t *golden = unit_golden("article.json"), *w1 = json_object_get(golden, "w1");
    float *params = unit_net_state(&net);
    assert_int_equal(json_array_size(w1), 32);
    for (size_t i = 0; i < 32; i++)
        unit_printed((double)params[i], json_real_value(json_array_get(w1, i)), 8, "w1", i);
    free(params);
    json_decref(golden);
    unit_net_clear(&net);
}

static void each(CMUnitTestFunction test, const char *what)
{
    for (size_t i = 0; i < xt_initializers.n_rows; i++)
        unit_case(test, xt_table_at(&xt_initializers, i), "%s %s", xt_table_at(&xt_initializers, i)->name, what);
}

int main(void)
{
    for (size_t i = 0; i < sizeof drawn_rows / sizeof drawn_rows[0]; i++)
        unit_case(distribution, &drawn_rows[i], "%s(%g, %g) distribution", drawn_rows[i].name,
                  (double)drawn_rows[i].params[0], (double)drawn_rows[i].params[1]);
    each(row_is_drawn, "is drawn above");
    each(is_deterministic, "is deterministic");
    each(fills_odd_sizes, "fills odd sizes");
    each(only_orthogonal_is_for_weights_only, "weights only");
    UNIT_CASE(uniform_never_reaches_high);
    UNIT_CASE(uniform_needs_an_interval);
    for (size_t i = 0; i < sizeof orthos / sizeof orthos[0]; i++)
        unit_case(orthogonal_is, &orthos[i], "orthogonal %zu x %zu, gain %g", orthos[i].rows, orthos[i].cols,
                  (double)orthos[i].gain);
    UNIT_CASE(shared_keys_are_the_tutorials);
    UNIT_CASE(keys_per_layer_are_a_split);
    UNIT_CASE(a_tensor_does_not_depend_on_others);
    UNIT_CASE(layers_differ_unless_shared);
    UNIT_CASE(bias_has_its_layers_fans);
    UNIT_CASE(defaults);
    UNIT_CASE(tutorial_weights_to_every_digit);
    return unit_run("init");
}
