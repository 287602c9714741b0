/* What JAX itself draws and computes (tests/golden/jax.json, made by
 * make_jax.py): random values of odd and even lengths, scaled initialisers,
 * orthogonal matrices, and the tutorial's code run in JAX. */
#include "nets.h"

#include "model/init.h"
#include "model/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;
static json_t *golden;

static int setup(void **state)
{
    (void)state;
    golden = unit_golden("jax.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

static double at(const json_t *array, size_t i)
{
    const json_t *value = json_array_get(array, i);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* A float's last digits may differ: JAX's own documentation prints two values
 * for one key. Near 0 the rounding of what goes into the logarithm counts. */
static void assert_draw(float value, double expected, const char *what, size_t i)
{
    unit_near((double)value, expected, 1e-6 * fmax(fabs(expected), 0.1), "%s %zu", what, i);
}

static void draws(void **state)
{
    (void)state;
    const json_t *rows = json_object_get(golden, "draws");
    assert_true(json_array_size(rows) >= 12);
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        xt_key key = xt_key_of_seed((uint64_t)json_integer_value(json_object_get(row, "seed")));
        size_t n = (size_t)json_integer_value(json_object_get(row, "n"));
        assert_int_equal(json_array_size(json_object_get(row, "normal")), n);
        for (size_t i = 0; i < n; i++) {
            assert_draw(xt_uniform_at(key, n, i, -0.3f, 0.7f), at(json_object_get(row, "uniform"), i), "uniform", i);
            assert_draw(xt_normal_at(key, n, i), at(json_object_get(row, "normal"), i), "normal", i);
            assert_draw(xt_truncated_normal_at(key, n, i, -2, 2), at(json_object_get(row, "truncated_normal"), i),
                        "truncated normal", i);
        }
    }
}

static void initialisers(void **state)
{
    (void)state;
    const json_t *rows = json_object_get(golden, "weights");
    assert_true(json_array_size(rows) >= 21);
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r), *expected = json_object_get(row, "values");
        const char *name = json_string_value(json_object_get(row, "name"));
        size_t units = (size_t)json_integer_value(json_object_get(row, "units"));
        size_t inputs = (size_t)json_integer_value(json_object_get(row, "inputs"));
        xt_choice choice = xt_choose(&xt_initializers, name);
        xt_tensor_shape shape = {units, inputs, inputs, units};
        float values[64];
        assert_true(units * inputs <= 64);
        assert_int_equal(xt_initializer_at(choice.kind)->fill(choice.values, &shape, xt_key_of_seed(3), values, &err),
                         XT_OK);
        /* JAX factors in single precision, xortrain in double. */
        double tolerance = strcmp(name, "orthogonal") == 0 ? 2e-6 : 1e-6;
        for (size_t i = 0; i < units * inputs; i++)
            unit_near((double)values[i], at(expected, i), tolerance * fmax(fabs(at(expected, i)), 0.1), "%s %zu", name,
                      i);
    }
}

static void tutorial(void **state)
{
    (void)state;
    enum { EPOCHS = 500 };
    const json_t *run = json_object_get(golden, "tutorial"), *losses = json_object_get(run, "epoch_loss");
    xt_epoch rows[EPOCHS];
    float outputs[4];
    unit_net net;
    unit_net_xor(&net);
    xt_engine *engine = unit_net_open(&net, NULL);
    unit_train(engine, 0, EPOCHS, rows);
    assert_int_equal(json_array_size(losses), EPOCHS);
    for (size_t i = 0; i < EPOCHS; i++)
        unit_near(rows[i].loss, at(losses, i), 1e-6 * at(losses, i), "epoch %zu", i + 1);
    assert_int_equal(engine->ops->evaluate(engine, net.data.inputs, NULL, 4, outputs, NULL, &err), XT_OK);
    for (size_t i = 0; i < 4; i++)
        unit_near((double)outputs[i], at(json_object_get(run, "outputs"), i), 1e-6, "output %zu", i);
    xt_engine_close(&engine);
    unit_net_clear(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws),
        cmocka_unit_test(initialisers),
        cmocka_unit_test(tutorial),
    };
    return cmocka_run_group_tests_name("jax", tests, setup, teardown);
}
