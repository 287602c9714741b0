/* Gradients of the reference engine on random networks of every activation
 * with every loss against finite differences, and the check itself. */
#include "engine/gradcheck.h"
#include "model/ops.h"
#include "nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

/* 1 to 4 layers of odd widths; the last batch is short or the only one. */
static const struct {
    size_t n_rows, n_inputs;
    uint32_t batch_size, units[UNIT_MAX_LAYERS];
} shapes[] = {
    {5, 3, 5, {2}},  {7, 3, 4, {5, 1}},    {9, 1, 2, {3, 7, 2}}, {3, 5, 8, {9, 5, 3, 3}},
    {11, 4, 5, {1, 1}}, {6, 2, 4, {13, 3}}, {4, 7, 3, {7, 2, 5}},
};

static void net_of(unit_net *net, size_t activation, size_t loss)
{
    size_t at = (activation + 3 * loss) % (sizeof shapes / sizeof shapes[0]);
    unit_shape shape = {.n_rows = shapes[at].n_rows,
                        .n_inputs = shapes[at].n_inputs,
                        .batch_size = shapes[at].batch_size,
                        .activation = xt_table_at(&xt_activations, activation)->name,
                        .loss = xt_table_at(&xt_losses, loss)->name,
                        .seed = 100 * activation + loss};
    memcpy(shape.units, shapes[at].units, sizeof shape.units);
    unit_net_make(net, &shape);
}

/* Largest difference in one layer, by its own largest slope. */
static double layer_difference(const xt_plan_layer *layer, const float *gradients, const double *slopes)
{
    double most = 0, difference = 0;
    for (size_t i = layer->weight; i < layer->bias + layer->units; i++) {
        if (isnan(slopes[i]))
            continue;
        most = fabs(slopes[i]) > most ? fabs(slopes[i]) : most;
        double d = fabs((double)gradients[i] - slopes[i]);
        difference = d > difference ? d : difference;
    }
    return most > 0 ? difference / most : difference;
}

static void check_batch(const unit_net *net, xt_engine *engine, const float *params, size_t first, size_t n)
{
    const xt_plan *plan = &net->plan;
    float *gradients = calloc(plan->n_params, sizeof *gradients);
    double loss, *slopes = calloc(plan->n_params, sizeof *slopes);
    xt_gradcheck check;
    assert_non_null(gradients);
    assert_non_null(slopes);
    assert_int_equal(engine->ops->gradients(engine, first, n, &loss, gradients, &err), XT_OK);
    assert_int_equal(xt_gradcheck_run(plan, &net->data, params, first, n, gradients, 0, 1e-5, slopes, &check, &err), XT_OK);
    if (!check.passed) {
        char name[64];
        xt_plan_param_name(plan, check.worst, name, sizeof name);
        fail_msg("%s: gradient %.9g, finite difference %.9g", name, (double)gradients[check.worst], check.worst_slope);
    }
    assert_int_equal(check.n_checked + check.n_skipped, plan->n_params);
    assert_true(check.n_skipped <= plan->n_params / 10);
    unit_near(loss, check.loss, 1e-6 * (1 + check.loss), "loss");
    for (size_t i = 0; i < plan->n_layers; i++)
        unit_near(layer_difference(&plan->layers[i], gradients, slopes), 0, 2e-5, "layer %zu", i);
    free(gradients);
    free(slopes);
}

/* state: activation * losses + loss, as a number in the pointer. */
static void gradients(void **state)
{
    size_t which = (uintptr_t)*state;
    unit_net net;
    net_of(&net, which / XT_N_LOSSES, which % XT_N_LOSSES);
    float *initial = unit_net_state(&net);
    xt_engine *engine = unit_net_open(&net, initial);
    size_t batch = net.spec.batch_size, n_rows = net.data.n_rows;
    for (size_t first = 0; first < n_rows; first += batch)
        check_batch(&net, engine, initial, first, n_rows - first < batch ? n_rows - first : batch);
    xt_engine_close(&engine);
    free(initial);
    unit_net_clear(&net);
}

/* ---- the check itself ---- */

typedef struct checked {
    unit_net net;
    float *params, *gradients;
} checked;

static void checked_open(checked *c, const char *activation)
{
    double loss;
    unit_net_make(&c->net, &(unit_shape){6, 3, {5, 2}, activation, "mse", 6, 3});
    c->params = unit_net_state(&c->net);
    c->gradients = calloc(c->net.plan.n_params, sizeof *c->gradients);
    xt_engine *engine = unit_net_open(&c->net, c->params);
    assert_int_equal(engine->ops->gradients(engine, 0, 6, &loss, c->gradients, &err), XT_OK);
    xt_engine_close(&engine);
}

static void checked_close(checked *c)
{
    free(c->params);
    free(c->gradients);
    unit_net_clear(&c->net);
}

static xt_gradcheck run_check(const checked *c, size_t max_params, double *slopes)
{
    xt_gradcheck check;
    assert_int_equal(xt_gradcheck_run(&c->net.plan, &c->net.data, c->params, 0, 6, c->gradients, max_params, 1e-5, slopes,
                                      &check, &err),
                     XT_OK);
    return check;
}

static void check_finds_a_wrong_gradient(void **state)
{
    (void)state;
    checked c;
    checked_open(&c, "tanh");
    assert_true(run_check(&c, 0, NULL).passed);
    for (size_t i = 0; i < c.net.plan.n_params; i += 7) {
        float right = c.gradients[i];
        const float wrong[] = {right + 0.001f, NAN, INFINITY};
        for (size_t k = 0; k < 3; k++) {
            c.gradients[i] = wrong[k];
            xt_gradcheck check = run_check(&c, 0, NULL);
            assert_false(check.passed);
            assert_int_equal(check.worst, i);
            unit_near(check.worst_slope, (double)right, 1e-5, "slope");
        }
        c.gradients[i] = right;
    }
    memset(c.gradients, 0, c.net.plan.n_params * sizeof *c.gradients);
    assert_false(run_check(&c, 0, NULL).passed);
    checked_close(&c);
}

static void check_spreads_over_the_parameters(void **state)
{
    (void)state;
    checked c;
    checked_open(&c, "tanh");
    double slopes[32];
    size_t n = c.net.plan.n_params, found = 0;
    assert_int_equal(n, 32);
    assert_int_equal(run_check(&c, 5, slopes).n_checked, 5);
    for (size_t i = 0; i < n; i++)
        found += isnan(slopes[i]) ? 0 : 1;
    assert_int_equal(found, 5);
    assert_true(!isnan(slopes[0]) && !isnan(slopes[15]) && !isnan(slopes[31]));
    assert_int_equal(run_check(&c, 1, slopes).n_checked, 1);
    assert_int_equal(run_check(&c, 1000, slopes).n_checked, 32);
    checked_close(&c);
}

/* A unit whose z is exactly 0 on a row: its weights and bias have no derivative. */
static void check_skips_kinks(void **state)
{
    (void)state;
    checked c;
    double slopes[32];
    checked_open(&c, "relu");
    const xt_plan_layer *layer = &c.net.plan.layers[0];
    size_t before = run_check(&c, 0, slopes).n_skipped;
    for (size_t k = 0; k < 3; k++)
        c.net.data.inputs[k] = 1;
    c.params[layer->weight] = 1;
    c.params[layer->weight + 1] = -2;
    c.params[layer->weight + 2] = 0.5f;
    c.params[layer->bias] = 0.5f;
    xt_engine *engine = unit_net_open(&c.net, c.params);
    double loss;
    assert_int_equal(engine->ops->gradients(engine, 0, 6, &loss, c.gradients, &err), XT_OK);
    xt_engine_close(&engine);
    xt_gradcheck check = run_check(&c, 0, slopes);
    assert_true(check.passed);
    assert_int_equal(before, 0);
    assert_int_equal(check.n_skipped, 4);
    assert_int_equal(check.n_checked, 28);
    assert_true(isnan(slopes[layer->weight]) && isnan(slopes[layer->weight + 2]) && isnan(slopes[layer->bias]));
    assert_true(!isnan(slopes[layer->weight + 3]));
    checked_close(&c);
}

/* At a perfect fit the gradients are rounding errors. */
static void check_forgives_rounding_at_the_optimum(void **state)
{
    (void)state;
    checked c;
    checked_open(&c, "tanh");
    xt_engine *engine = unit_net_open(&c.net, c.params);
    assert_int_equal(engine->ops->evaluate(engine, c.net.data.inputs, NULL, 6, c.net.data.targets, NULL, &err), XT_OK);
    double loss;
    assert_int_equal(engine->ops->gradients(engine, 0, 6, &loss, c.gradients, &err), XT_OK);
    assert_true(loss < 1e-12);
    assert_true(run_check(&c, 0, NULL).passed);
    c.gradients[3] = 0.01f;
    assert_false(run_check(&c, 0, NULL).passed);
    xt_engine_close(&engine);
    checked_close(&c);
}

static void check_refuses_what_diverged(void **state)
{
    (void)state;
    checked c;
    xt_gradcheck check;
    checked_open(&c, "relu");
    c.params[31] = INFINITY;
    assert_int_equal(xt_gradcheck_run(&c.net.plan, &c.net.data, c.params, 2, 3, c.gradients, 0, 1e-5, NULL, &check, &err),
                     XT_DIVERGED);
    assert_string_equal(err.text, "the loss of rows 2 to 4 is not finite: no gradients to check");
    checked_close(&c);
}

int main(void)
{
    for (uintptr_t a = 0; a < XT_ACT_softmax; a++) /* it is the last: cross_entropy brings it */
        for (uintptr_t l = 0; l < XT_N_LOSSES; l++)
            unit_case(gradients, (const void *)(a * XT_N_LOSSES + l), "gradients %s %s",
                      xt_table_at(&xt_activations, a)->name, xt_table_at(&xt_losses, l)->name);
    UNIT_CASE(check_finds_a_wrong_gradient);
    UNIT_CASE(check_spreads_over_the_parameters);
    UNIT_CASE(check_skips_kinks);
    UNIT_CASE(check_forgives_rounding_at_the_optimum);
    UNIT_CASE(check_refuses_what_diverged);
    return unit_run("gradcheck");
}
