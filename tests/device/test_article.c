/* The tutorial's numbers on every engine: tests/golden/article.json to every
 * printed digit, tests/golden/article_curve.json to 1e-5 relative. */
#include "net.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *article, *curve;

static int load(void **state)
{
    (void)state;
    json_error_t error;
    article = json_load_file("tests/golden/article.json", 0, &error);
    curve = json_load_file("tests/golden/article_curve.json", 0, &error);
    return article && curve ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(article);
    json_decref(curve);
    return 0;
}

static json_t *get(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    assert_non_null(value);
    return value;
}

/* NumPy prints 8 decimals: half of the last one, and the rounding of a float. */
static void assert_printed(const char *what, const float *values, json_t *expected)
{
    for (size_t i = 0; i < json_array_size(expected); i++) {
        double printed = json_number_value(json_array_get(expected, i)), value = (double)values[i];
        if (!(fabs(value - printed) <= 0.5e-8 + 6e-8 * fabs(value)))
            fail_msg("%s %zu: %.9g is not %.9g", what, i, value, printed);
    }
}

static void assert_near(const char *what, size_t i, double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-5 * fabs(expected)))
        fail_msg("%s %zu: %.9g is not %.9g", what, i, value, expected);
}

/* Parameters or gradients in the plan's layout: w1 (16, 2), b1 (16), w2 (1, 16), b2 (1). */
enum { W1 = 0, B1 = 32, W2 = 48, B2 = 64, N_PARAMS = 65, N_STATE = 2 * N_PARAMS };

static void check_gradients(xt_engine *engine)
{
    float gradients[N_PARAMS];
    double loss;
    xt_err err;
    net_ok(engine->ops->gradients(engine, 3, 1, &loss, gradients, &err), &err);
    assert_printed("gradient w1", gradients + W1, get(article, "grad_w1"));
    assert_printed("gradient b1", gradients + B1, get(article, "grad_b1"));
    if (!(fabs(loss - json_real_value(get(get(article, "sample"), "loss"))) <= 6e-8))
        fail_msg("loss %.9g of sample 3", loss);
}

static void check_untrained(test_net *net, xt_engine *engine)
{
    float outputs[4];
    xt_err err;
    json_t *expected = get(article, "untrained_outputs");
    net_ok(engine->ops->evaluate(engine, net->data.inputs, NULL, 4, outputs, NULL, &err), &err);
    for (size_t i = 0; i < 4; i++)
        if (!(fabs((double)outputs[i] - json_real_value(json_array_get(expected, i))) <= 1.5e-9))
            fail_msg("untrained output %zu: %.9g", i, (double)outputs[i]);
}

/* One update on sample 3 alone. */
static void check_update(const net_subject *subject)
{
    test_net net;
    float state[N_STATE];
    xt_epoch row;
    xt_err err;
    json_t *updated = get(article, "updated");
    net_xor(&net);
    net.data.inputs += 3 * net.data.n_inputs;
    net.data.targets += 3;
    net.data.n_rows = 1;
    xt_engine *engine = net_open_subject(&net, subject);
    net_ok(engine->ops->train(engine, 0, 1, &row, &err), &err);
    net_ok(engine->ops->read_state(engine, state, &err), &err);
    assert_printed("updated w1", state + W1, get(updated, "w1"));
    assert_printed("updated b1", state + B1, get(updated, "b1"));
    assert_printed("updated w2", state + W2, get(updated, "w2"));
    assert_printed("updated b2", state + B2, get(updated, "b2"));
    xt_engine_close(&engine);
    net_clear(&net);
}

static void check_curve(test_net *net, xt_engine *engine)
{
    enum { EPOCHS = 500 };
    xt_epoch rows[EPOCHS];
    float outputs[4];
    xt_err err;
    json_t *losses = get(curve, "epoch_loss_float64"), *expected = get(curve, "outputs_float64");
    assert_int_equal(json_array_size(losses), EPOCHS);
    net_ok(engine->ops->train(engine, 0, EPOCHS, rows, &err), &err);
    for (size_t i = 0; i < EPOCHS; i++)
        assert_near("loss of epoch", i, rows[i].loss, json_real_value(json_array_get(losses, i)));
    net_ok(engine->ops->evaluate(engine, net->data.inputs, NULL, 4, outputs, NULL, &err), &err);
    for (size_t i = 0; i < 4; i++)
        assert_near("output", i, (double)outputs[i], json_real_value(json_array_get(expected, i)));
}

static void check_engine(const net_subject *subject)
{
    test_net net;
    net_xor(&net);
    xt_engine *engine = net_open_subject(&net, subject);
    check_untrained(&net, engine);
    check_gradients(engine);
    check_update(subject);
    if (!net_small())
        check_curve(&net, engine);
    xt_engine_close(&engine);
    net_clear(&net);
}

static void initial_weights(void **state)
{
    (void)state;
    test_net net;
    net_xor(&net);
    assert_int_equal(net.plan.n_params, N_PARAMS);
    assert_printed("w1", net.state + W1, get(article, "w1"));
    net_clear(&net);
}

static void article_on(void **state)
{
    check_engine(*state);
}

int main(void)
{
    struct CMUnitTest tests[1 + NET_N_SUBJECTS] = {cmocka_unit_test(initial_weights)};
    for (size_t i = 0; i < NET_N_SUBJECTS; i++)
        tests[1 + i] =
            (struct CMUnitTest){net_subjects[i].name, article_on, NULL, NULL, (void *)(size_t)&net_subjects[i]};
    return cmocka_run_group_tests_name("article", tests, load, unload);
}
