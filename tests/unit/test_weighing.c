/* Label smoothing and class weights as they come to lie in the data. */
#include "cases.h"
#include "model/ops.h"
#include "model/weighing.h"

#include <string.h>

static xt_err err;

enum { MAX_ROWS = 4, MAX_TARGETS = 3 };

typedef struct weighed {
    const char *loss, *what;
    float smoothing;
    float weights[MAX_TARGETS]; /* first 0: none, -1: balanced */
    size_t n_rows, n_targets;
    float targets[MAX_ROWS * MAX_TARGETS];
    size_t class_rows[MAX_TARGETS]; /* first 0: data without classes */
    /* expected; the first of what is not there is -1 */
    double row_weights[MAX_ROWS], shares[MAX_ROWS], loss_targets[MAX_ROWS * MAX_TARGETS];
} weighed;

static const weighed cases[] = {
    {"mse", "says nothing", 0, {0}, 2, 1, {1, 2}, {0}, {-1}, {-1}, {-1}},
    {"cross_entropy", "says nothing", 0, {0}, 2, 3, {1, 0, 0, 0, 0, 1}, {0}, {-1}, {-1}, {-1}},
    {"cross_entropy", "smoothing", 0.3f, {0}, 2, 3, {1, 0, 0, 0, 0, 1}, {0}, {-1}, {-1},
     {0.8, 0.1, 0.1, 0.1, 0.1, 0.8}},
    {"cross_entropy", "weights", 0, {0.5f, 1, 4}, 3, 3, {1, 0, 0, 0, 0, 1, 0, 1, 0}, {0},
     {0.5, 4, 1}, {0.5, 4, 1}, {1, 0, 0, 0, 0, 1, 0, 1, 0}},
    /* 0.8, 0.1 and 0.1 by 0.5, 1 and 4 are 0.4, 0.1 and 0.4 */
    {"cross_entropy", "both", 0.3f, {0.5f, 1, 4}, 1, 3, {1, 0, 0}, {0}, {0.9}, {0.5},
     {0.4 / 0.9, 0.1 / 0.9, 0.4 / 0.9}},
    {"cross_entropy", "a row without a class", 0, {1, 2, 3}, 1, 3, {0, 0, 0}, {0}, {0}, {1}, {0, 0, 0}},
    /* 10 rows: 10 / (3 * 2), 10 / (3 * 5), 10 / (3 * 3) */
    {"cross_entropy", "balanced", 0, {-1}, 3, 3, {1, 0, 0, 0, 0, 1, 0, 1, 0}, {2, 5, 3},
     {5.0 / 3, 10.0 / 9, 2.0 / 3}, {5.0 / 3, 10.0 / 9, 2.0 / 3}, {1, 0, 0, 0, 0, 1, 0, 1, 0}},
    {"binary_cross_entropy", "says nothing", 0, {0}, 2, 1, {1, 0}, {0}, {-1}, {-1}, {-1}},
    {"binary_cross_entropy", "smoothing", 0.2f, {0}, 2, 1, {1, 0}, {0}, {-1}, {-1}, {0.9, 0.1}},
    {"binary_cross_entropy", "smoothing of several", 0.2f, {0}, 1, 3, {1, 0, 1}, {0}, {-1}, {-1}, {0.9, 0.1, 0.9}},
    {"binary_cross_entropy", "weights", 0, {2, 3}, 4, 1, {1, 0, 0.5f, 0.6f}, {0}, {3, 2, 2, 3}, {3, 2, 2, 3}, {-1}},
    {"binary_cross_entropy", "both", 0.2f, {2, 3}, 2, 1, {1, 0}, {0}, {3, 2}, {3, 2}, {0.9, 0.1}},
    {"binary_cross_entropy", "balanced", 0, {-1}, 2, 1, {1, 0}, {1, 3}, {2.0 / 3, 2}, {2.0 / 3, 2}, {-1}},
    {"binary_cross_entropy", "weights of several classes", 0, {2, 3, 4}, 2, 3, {0, 0, 1, 1, 0, 0}, {3, 3, 3},
     {4, 2}, {4, 2}, {-1}},
};

static void set(xt_spec *spec, const char *name, float value)
{
    const xt_param *params = xt_kind_at(&xt_losses, spec->loss.kind)->params;
    for (size_t i = 0; params[i].name; i++)
        if (strcmp(params[i].name, name) == 0) {
            spec->loss.values[i] = value;
            return;
        }
    assert_true(value == 0);
}

static xt_spec spec_of(const char *loss, float smoothing, const float *weights, size_t n_weights)
{
    xt_spec spec = {.loss = xt_choose(&xt_losses, loss)};
    set(&spec, "label_smoothing", smoothing);
    set(&spec, "class_weights", weights[0] == 0 ? 0 : weights[0] < 0 ? 1 : XT_LISTED);
    spec.loss.list = weights;
    spec.loss.n_list = n_weights;
    return spec;
}

static void same(const char *what, const float *values, const double *expected, size_t n)
{
    if (expected[0] < 0)
        assert_null(values);
    else
        assert_non_null(values);
    for (size_t i = 0; expected[0] >= 0 && i < n; i++)
        unit_near((double)values[i], expected[i], 2e-7, "%s %zu", what, i);
}

static void weighs(void **state)
{
    const weighed *c = *state;
    xt_spec spec = spec_of(c->loss, c->smoothing, c->weights, c->n_targets == 1 ? 2 : c->n_targets);
    float targets[MAX_ROWS * MAX_TARGETS];
    memcpy(targets, c->targets, sizeof targets);
    xt_encoding encoding = {.n_classes = c->n_targets == 1 ? 2 : c->n_targets, .class_rows = c->class_rows};
    xt_dataset data = {.n_rows = c->n_rows, .n_targets = c->n_targets, .targets = targets,
                       .encoding = c->class_rows[0] ? &encoding : NULL};
    assert_int_equal(xt_weigh(&spec, &data, &err), XT_OK);
    same("weight", data.weights, c->row_weights, c->n_rows);
    same("share", data.shares, c->shares, c->n_rows);
    same("target", data.loss_targets, c->loss_targets, c->n_rows * c->n_targets);
    assert_memory_equal(targets, c->targets, sizeof targets);
    xt_dataset_clear(&data);
}

typedef struct refused {
    const char *loss;
    float weights[MAX_TARGETS];
    size_t n_weights, n_targets;
    size_t class_rows[MAX_TARGETS]; /* first 0: data without classes */
    const char *message;
} refused;

static const refused refusals[] = {
    {"cross_entropy", {1, 2}, 2, 3, {0}, "loss.class_weights: expected 3 numbers, one a class, found 2"},
    {"binary_cross_entropy", {1, 2, 3}, 3, 1, {0}, "loss.class_weights: expected 2 numbers, one a class, found 3"},
    {"binary_cross_entropy", {1, 2, 3}, 3, 3, {0},
     "loss.class_weights: the data has no classes: 3 target columns of numbers"},
    {"cross_entropy", {-1}, 1, 3, {0},
     "loss.class_weights: 'balanced' needs a target column of classes, whose rows it counts; "
     "give a list of numbers, one a class"},
    {"cross_entropy", {-1}, 1, 3, {5, 0, 2},
     "loss.class_weights: 'balanced' divides by the rows of each class, but no training row is of class 'two'"},
};

static void refuses(void **state)
{
    const refused *c = *state;
    static const char *const names[] = {"one", "two", "three"};
    xt_spec spec = spec_of(c->loss, 0, c->weights, c->n_weights);
    float targets[MAX_TARGETS] = {1};
    xt_encoding encoding = {.n_classes = c->n_targets, .class_rows = c->class_rows, .classes = names};
    xt_dataset data = {.n_rows = 1, .n_targets = c->n_targets, .targets = targets,
                       .encoding = c->class_rows[0] ? &encoding : NULL};
    assert_int_equal(xt_weigh(&spec, &data, &err), XT_BAD_CONFIG);
    assert_string_equal(err.text, c->message);
    assert_null(data.weights);
    xt_dataset_clear(&data);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        unit_case(weighs, &cases[i], "%s: %s", cases[i].loss, cases[i].what);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        unit_case(refuses, &refusals[i], "refuses: %s", refusals[i].message);
    return unit_run("weighing");
}
