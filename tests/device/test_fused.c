/* The fused engine's forms against each other and against the reference, bit for
 * bit. */
#include "forms.h"

#include "../unit/cases.h"
#include "model/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

/* A case: a net by its number, and a form where one is meant. */
typedef struct forms_case {
    size_t which, form;
    bool exact;
} forms_case;

static void train_form(test_net *net, size_t form, uint32_t chunk, trained *out)
{
    train_all(net, form_open(net, &forms[form]), chunk, out);
}

/* ---- forms ---- */

/* All vectors have one exponential function, single values may have another. */
static void compare_forms(test_net *net, size_t form, const trained *got, const trained *expected)
{
    if (forms[form].wish.width == XT_LANES || is_exact(net))
        same_training(net, forms[form].name, got, expected);
    else
        near_training(net, forms[form].name, got, expected);
}

static void general_forms_agree(void **state)
{
    const forms_case *row = *state;
    test_net net;
    trained expected, got;
    forms_net(&net, row->which, row->exact, seed);
    train_form(&net, FORM_GENERAL, NET_EPOCHS, &expected);
    for (size_t form = FORM_GENERAL + 1; form < FORM_SPECIAL; form++) {
        if (!form_allowed(&net, &forms[form]))
            continue;
        train_form(&net, form, NET_EPOCHS, &got);
        compare_forms(&net, form, &got, &expected);
        trained_clear(&got);
    }
    trained_clear(&expected);
    net_clear(&net);
}

static void special_form_agrees(void **state)
{
    const forms_case *row = *state;
    test_net net;
    trained expected, got;
    shape_net(&net, row->which, seed);
    if (!form_allowed(&net, &forms[row->form])) {
        net_clear(&net);
        skip();
    }
    train_form(&net, FORM_GENERAL, NET_EPOCHS, &expected);
    train_form(&net, row->form, NET_EPOCHS, &got);
    compare_forms(&net, row->form, &got, &expected);
    trained_clear(&got);
    /* One epoch a launch, then five and one. */
    for (uint32_t chunk = 1; chunk < net_epochs(); chunk += 4) {
        train_form(&net, row->form, chunk, &got);
        compare_forms(&net, row->form, &got, &expected);
        trained_clear(&got);
    }
    trained_clear(&expected);
    net_clear(&net);
}

static void same_bits_whatever_the_chunks(void **state)
{
    const forms_case *row = *state;
    test_net net;
    trained expected, got;
    forms_net(&net, row->which, false, seed);
    net.spec.shuffle = true;
    for (size_t form = FORM_GENERAL; form < FORM_SPECIAL; form += 3) {
        if (!form_allowed(&net, &forms[form]))
            continue;
        train_form(&net, form, NET_EPOCHS, &expected);
        for (uint32_t chunk = 1; chunk < NET_EPOCHS; chunk++) {
            train_form(&net, form, chunk, &got);
            same_training(&net, forms[form].name, &got, &expected);
            trained_clear(&got);
        }
        trained_clear(&expected);
    }
    net_clear(&net);
}

/* ---- the reference ---- */

static bool is_on_cpu(void)
{
    xt_device device;
    xt_err err;
    xt_devices_prepare();
    net_ok(xt_device_select("auto", &device, &err), &err);
    return xt_device_is_cpu(&device);
}

/* Trains both, and gradients before: the same bits on a CPU; another device may
 * divide less exactly. */
static void compare_with_reference(test_net *net)
{
    size_t n = net->plan.n_params, rows = net->spec.batch_size < net->data.n_rows ? net->spec.batch_size : net->data.n_rows;
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    double loss, expected_loss;
    trained a, b;
    xt_err err;
    assert_non_null(got);
    xt_engine *engine = form_open(net, &forms[FORM_GENERAL]), *reference = net_open(net, XT_ENGINE_reference);
    net_ok(engine->ops->gradients(engine, net->data.n_rows - rows, rows, &loss, got, &err), &err);
    net_ok(reference->ops->gradients(reference, net->data.n_rows - rows, rows, &expected_loss, expected, &err), &err);
    train_all(net, engine, NET_EPOCHS, &a);
    train_all(net, reference, NET_EPOCHS, &b);
    if (is_on_cpu()) {
        assert_memory_equal(got, expected, n * sizeof *got);
        assert_memory_equal(&loss, &expected_loss, sizeof loss);
        same_training(net, "reference", &a, &b);
    } else if (isfinite(b.rows[net_epochs() - 1].loss)) {
        near_training(net, "reference", &a, &b);
    }
    trained_clear(&a);
    trained_clear(&b);
    free(got);
}

static void same_bits_as_the_reference(void **state)
{
    const forms_case *row = *state;
    test_net net;
    forms_net(&net, row->which, true, seed);
    compare_with_reference(&net);
    net_clear(&net);
}

/* Zeros of both signs in the data and the parameters, some values to a row. */
static void negative_zeros_too(void **state)
{
    const forms_case *row = *state;
    static const float values[] = {-0.0f, 0.0f, -1.0f, 0.5f};
    uint64_t stream = seed + row->which;
    test_net net;
    forms_net(&net, row->which, true, seed);
    for (size_t i = 0; i < net.data.n_rows * net.data.n_inputs; i++)
        net.data.inputs[i] = values[net_below(&stream, 4)];
    for (size_t i = 0; i < net.data.n_rows * net.data.n_targets; i++)
        net.data.targets[i] = values[net_below(&stream, 4)];
    for (size_t i = 0; i < net.plan.n_params; i++)
        net.state[i] = values[net_below(&stream, net_below(&stream, 2) ? 2 : 4)];
    compare_with_reference(&net);
    net_clear(&net);
}

/* The loss stops to be finite in the same epoch, in every form. */
static void diverges_alike(void **state)
{
    const forms_case *row = *state;
    static const float rates[] = {30, 1e4f, 1e18f, 3e38f};
    test_net net;
    trained expected;
    shape_net(&net, row->which, seed);
    net.spec.optimizer.values[0] = rates[row->form % 4];
    train_all(&net, net_open(&net, XT_ENGINE_reference), NET_EPOCHS, &expected);
    for (size_t form = 0; form < N_FORMS; form++) {
        trained got;
        if (!form_allowed(&net, &forms[form]))
            continue;
        train_form(&net, form, NET_EPOCHS, &got);
        for (size_t i = 0; i < NET_EPOCHS; i++)
            assert_int_equal(isfinite(got.rows[i].loss) != 0, isfinite(expected.rows[i].loss) != 0);
        if (is_on_cpu())
            same_training(&net, forms[form].name, &got, &expected);
        trained_clear(&got);
    }
    trained_clear(&expected);
    net_clear(&net);
}

/* ---- the cases ---- */

enum { GENERAL_CASES = 48, EXACT_CASES = 42, CHUNK_CASES = 4, ZERO_CASES = 14, RATES = 4 };

static forms_case *new_case(forms_case row)
{
    static forms_case cases[GENERAL_CASES + 2 * EXACT_CASES + CHUNK_CASES + ZERO_CASES + N_SHAPES * N_FORMS + 8 * RATES];
    static size_t n;
    assert_true(n < sizeof cases / sizeof *cases);
    cases[n] = row;
    return &cases[n++];
}

static void add_general_forms(size_t which, bool exact)
{
    unit_case(general_forms_agree, new_case((forms_case){which, 0, exact}), "general_forms_agree%s %zu",
              exact ? " to the bit" : "", which);
}

static void add_special_form(size_t which)
{
    unit_case(special_form_agrees, new_case((forms_case){which, FORM_SPECIAL, false}), "%s agrees on shape %zu",
              forms[FORM_SPECIAL].name, which);
}

static void add_reference(size_t which)
{
    unit_case(same_bits_as_the_reference, new_case((forms_case){which, 0, true}), "same_bits_as_the_reference %zu", which);
}

static void add_all(void)
{
    static const size_t exact_shapes[] = {0, 1, 3, 6, 7};
    for (size_t i = 0; i < GENERAL_CASES; i++)
        add_general_forms(i, false);
    for (size_t i = 0; i < EXACT_CASES; i++)
        add_general_forms(i, true);
    for (size_t i = 0; i < N_SHAPES; i++)
        add_special_form(i);
    for (size_t i = 0; i < CHUNK_CASES; i++)
        unit_case(same_bits_whatever_the_chunks, new_case((forms_case){i, 0, false}),
                  "same_bits_whatever_the_chunks %zu", i);
    for (size_t i = 0; i < EXACT_CASES; i++)
        add_reference(i);
    for (size_t i = 0; i < ZERO_CASES; i++)
        unit_case(negative_zeros_too, new_case((forms_case){i, 0, true}), "negative_zeros_too %zu", i);
    for (size_t i = 0; i < sizeof exact_shapes / sizeof *exact_shapes; i++)
        for (size_t rate = 0; rate < RATES; rate++)
            unit_case(diverges_alike, new_case((forms_case){exact_shapes[i], rate, true}),
                      "diverges_alike shape %zu, rate %zu", exact_shapes[i], rate);
}

/* Where what is read and written counts and values do not: every statement of the kernel, once in each form. */
static void add_few(void)
{
    static const size_t cases[] = {
        418, /* softmax, rows after the epoch; dropout, penalties, a clipped norm, weights, one batch */
        109, /* batches of 8 and less while it trains; dropout, clipped values */
        15,  /* batches of 2 again after the update; momentum */
        6,   /* weights while it trains; penalties, two slots */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        add_general_forms(cases[i], false);
    for (size_t i = 0; i < 2; i++)
        add_special_form(i);
    add_reference(0); /* gradients alone */
}

int main(void)
{
    seed = net_seed();
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)seed);
    if (net_small())
        add_few();
    else
        add_all();
    return unit_run("fused");
}
