/* The reference engine gives the JAX XOR tutorial's numbers, to every digit
 * that it prints (tests/golden/article.json), and the curve of its code
 * (article_curve.json). */
#include "nets.h"

#include <math.h>
#include <stdlib.h>

static xt_err err;
static unit_net net;
static json_t *article;
static float *initial;

static int setup(void **state)
{
    (void)state;
    unit_net_xor(&net);
    article = unit_golden("article.json");
    initial = unit_net_state(&net);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(initial);
    json_decref(article);
    unit_net_clear(&net);
    return 0;
}

/* The value at a dotted path of two names at most. */
static json_t *get(const char *name, const char *inner)
{
    json_t *value = json_object_get(article, name);
    if (inner)
        value = json_object_get(value, inner);
    assert_non_null(value);
    return value;
}

/* The tutorial prints arrays with eight decimals. */
static void assert_printed(const float *values, size_t n, json_t *printed, const char *what)
{
    assert_int_equal(json_array_size(printed), n);
    for (size_t i = 0; i < n; i++)
        unit_printed((double)values[i], json_real_value(json_array_get(printed, i)), 8, what, i);
}

static void untrained_outputs(void **state)
{
    (void)state;
    float outputs[4];
    xt_engine *engine = unit_net_open(&net, initial);
    assert_int_equal(engine->ops->evaluate(engine, net.data.inputs, NULL, 4, outputs, NULL, &err), XT_OK);
    /* Printed as doubles, which shows every bit. */
    json_t *printed = get("untrained_outputs", NULL);
    for (size_t i = 0; i < 4; i++)
        unit_near((double)outputs[i], json_real_value(json_array_get(printed, i)), 1e-17, "output %zu", i);
    unit_printed((double)outputs[3], json_real_value(get("sample", "logit")), 8, "logit", 3);
    xt_engine_close(&engine);
}

static void sample_loss_and_gradients(void **state)
{
    (void)state;
    double loss;
    float gradients[65];
    xt_engine *engine = unit_net_open(&net, initial);
    assert_int_equal(net.plan.n_params, 65);
    assert_int_equal(engine->ops->gradients(engine, 3, 1, &loss, gradients, &err), XT_OK);
    unit_printed(loss, json_real_value(get("sample", "loss")), 7, "loss", 3);
    assert_printed(gradients, 32, get("grad_w1", NULL), "grad_w1");
    assert_printed(gradients + 32, 16, get("grad_b1", NULL), "grad_b1");
    xt_engine_close(&engine);
}

/* One update on sample 3 alone. */
static void sample_update(void **state)
{
    (void)state;
    unit_net one;
    unit_net_xor(&one);
    one.data.n_rows = 1;
    one.data.inputs[0] = one.data.inputs[1] = one.data.targets[0] = 1;
    xt_engine *engine = unit_net_open(&one, initial);
    unit_train(engine, 0, 1, NULL);
    float *updated = unit_state_of(engine);
    assert_printed(updated, 32, get("updated", "w1"), "w1");
    assert_printed(updated + 32, 16, get("updated", "b1"), "b1");
    assert_printed(updated + 48, 16, get("updated", "w2"), "w2");
    assert_printed(updated + 64, 1, get("updated", "b2"), "b2");
    free(updated);
    xt_engine_close(&engine);
    unit_net_clear(&one);
}

static void curve_and_decisions(void **state)
{
    (void)state;
    enum { EPOCHS = 500 };
    static const int decisions[] = {0, 1, 1, 0};
    xt_epoch rows[EPOCHS];
    float outputs[4];
    json_t *curve = unit_golden("article_curve.json"), *losses = json_object_get(curve, "epoch_loss_float64"),
           *ends = json_object_get(curve, "outputs_float64");
    xt_engine *engine = unit_net_open(&net, initial);
    unit_train(engine, 0, EPOCHS, rows);
    assert_int_equal(json_array_size(losses), EPOCHS);
    for (size_t i = 0; i < EPOCHS; i++) {
        double expected = json_real_value(json_array_get(losses, i));
        unit_near(rows[i].loss, expected, 1e-5 * expected, "epoch %zu", i + 1);
    }
    assert_int_equal(engine->ops->evaluate(engine, net.data.inputs, NULL, 4, outputs, NULL, &err), XT_OK);
    for (size_t i = 0; i < 4; i++) {
        double expected = json_real_value(json_array_get(ends, i));
        unit_near((double)outputs[i], expected, 1e-5 * expected, "output %zu", i);
        assert_int_equal(outputs[i] < 0.5f, decisions[i]);
    }
    json_decref(curve);
    xt_engine_close(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untrained_outputs),
        cmocka_unit_test(sample_loss_and_gradients),
        cmocka_unit_test(sample_update),
        cmocka_unit_test(curve_and_decisions),
    };
    return cmocka_run_group_tests_name("tutorial", tests, setup, teardown);
}
