/* Many trainings at once: every lane against the fused engine alone, bit for bit. */
#include "forms.h"

#include "../unit/cases.h"
#include "engine/lanes_engine.h"
#include "model/init.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

/* A case: a net by its number, how many like it, and whether each has a lane of a vector or a work-item. */
typedef struct lanes_case {
    size_t which, n;
    bool is_vector, exact;
    size_t rows; /* 0: some */
} lanes_case;

/* TURNS: nets so many numbers apart are of one kind. */
enum { MAX_NETS = 40, TURNS = 510 };

/* Nets that share a shape and data, the first's. */
typedef struct lanes_nets {
    size_t n;
    test_net nets[MAX_NETS];
    const xt_plan *plans[MAX_NETS];
    trained alone[MAX_NETS];
    double losses[MAX_NETS * NET_EPOCHS], metrics[MAX_NETS * NET_EPOCHS][XT_MAX_METRICS];
    bool is_vector, stopped[MAX_NETS];
    bool validates;
    xt_dataset others; /* what is validated, if so: all rows but the first */
} lanes_nets;

/* ---- nets ---- */

static void shape_of(test_net *net, size_t which, bool exact, uint64_t *stream)
{
    static const uint32_t widths[] = {1, 2, 3, 5, 16, 17, 15, 31, 32, 33};
    static const char *const exact_activations[] = {"relu", "linear", "leaky_relu", "softsign", "hard_tanh"};
    size_t n_layers = 1 + (which + 1) % 3, n_widths = net_small() ? 6 : sizeof widths / sizeof *widths;
    net_begin(net);
    for (size_t i = 0; i < n_layers; i++) {
        size_t activation = i + 1 == n_layers ? which : net_below(stream, XT_N_ACTIVATIONS);
        net_add_layer(net, widths[net_below(stream, n_widths)],
                      exact ? exact_activations[activation % 5] : net_activation(activation));
    }
}

/* Two metrics, or none. */
static void set_metrics(test_net *net, size_t which)
{
    net->spec.n_metrics = which % 3 ? 2 : 0;
    for (size_t m = 0; m < net->spec.n_metrics; m++)
        net->metrics[m] = xt_choose(&xt_metrics, net_metric(which + m));
    net->spec.metrics = net->metrics;
}

/* Every activation, loss, optimiser, report and batch by turns. */
static void first_net(test_net *net, const lanes_case *row)
{
    static const uint32_t batches[] = {1, 2, 3, 5, 8, 100};
    uint64_t number = seed + row->which, start = net_random(&number), *stream = &start;
    size_t which = row->which;
    shape_of(net, which, row->exact, stream);
    net_set_loss(net, row->exact ? which % 3 : which % XT_N_LOSSES);
    net->spec.seed = net_random(stream);
    net->spec.loss_report = (xt_loss_report)(which % 3);
    net->spec.shuffle = which / 2 % 2;
    net->spec.batch_size = batches[which % 6];
    net_set_extras(net, which, stream);
    set_metrics(net, which);
    if (xt_plateau_monitor(&net->spec.schedule))
        net->spec.schedule = xt_choose(&xt_schedules, "constant");
    size_t some = 1 + net_below(stream, net_small() ? 5 : 30);
    net_finish(net, row->rows ? row->rows : some, 1 + net_below(stream, net_small() ? 3 : 17), stream);
    snprintf(net->text, sizeof net->text, "net %zu: %zu layers, %zu inputs, %zu outputs, batch %u of %zu, optimizer %d",
             which, net->plan.n_layers, net->plan.n_inputs, net->plan.n_outputs, net->spec.batch_size, net->data.n_rows,
             net->spec.optimizer.kind);
}

/* Everything that may differ does. */
static void vary(test_net *net, uint64_t *stream)
{
    xt_spec *spec = &net->spec;
    spec->seed = net_random(stream);
    spec->epochs = NET_EPOCHS + (uint32_t)net_below(stream, 5);
    spec->schedule = xt_choose(&xt_schedules, net_below(stream, 2) ? "cosine" : "exponential");
    spec->schedule.values[0] = spec->schedule.kind == 6 ? 0 : net_uniform(stream, 0.5f, 1);
    for (size_t i = 0; i < XT_MAX_PARAMS; i++)
        if (spec->optimizer.kind != XT_OPT_sgd || i != 2)
            spec->optimizer.values[i] *= net_uniform(stream, 0.5f, 1);
    spec->clip_norm *= net_uniform(stream, 0.5f, 2);
    spec->clip_value *= net_uniform(stream, 0.5f, 2);
    if (spec->loss.kind == XT_LOSS_huber)
        spec->loss.values[0] = net_uniform(stream, 0.1f, 2);
    for (size_t i = 0; i < spec->n_layers; i++) {
        net->layers[i].dropout *= net_uniform(stream, 0.5f, 1);
        net->layers[i].l1 *= net_uniform(stream, 0.5f, 1);
        net->layers[i].l2 *= net_uniform(stream, 0.5f, 1);
        net->layers[i].activation.values[0] *= net_uniform(stream, 0.5f, 2);
    }
}

/* Lays out net i and draws its parameters: another one than the first, with the first's data. */
static void plan_net(lanes_nets *all, size_t i)
{
    test_net *net = &all->nets[i];
    xt_err err;
    net->spec.layers = net->layers;
    net_ok(xt_plan_make(&net->spec, net->data.n_inputs, net->data.n_targets, &net->plan, &err), &err);
    free(net->state);
    net->state = calloc(net_n_state(net), sizeof *net->state);
    assert_non_null(net->state);
    net_ok(xt_plan_init_params(&net->plan, net->state, &err), &err);
    all->plans[i] = &net->plan;
    assert_true(xt_lanes_alike(&all->nets[0].plan, &net->plan));
}

static lanes_nets *nets_of(const lanes_case *row)
{
    lanes_nets *all = calloc(1, sizeof *all);
    const char *why = "";
    uint64_t stream = seed + row->which;
    assert_non_null(all);
    all->is_vector = row->is_vector;
    all->n = row->n;
    lanes_case turn = *row;
    first_net(&all->nets[0], &turn);
    /* The first of its kind that is small enough. */
    while (!xt_lanes_can(&all->nets[0].plan, &all->nets[0].data, &why)) {
        net_clear(&all->nets[0]);
        turn.which += TURNS;
        first_net(&all->nets[0], &turn);
    }
    for (size_t i = 0; i < all->n; i++) {
        if (i) {
            all->nets[i] = all->nets[0];
            all->nets[i].state = NULL;
            vary(&all->nets[i], &stream);
        }
        plan_net(all, i);
        assert_true(xt_lanes_can(all->plans[i], &all->nets[0].data, &why));
    }
    printf("    %s, %zu nets\n", all->nets[0].text, all->n);
    return all;
}

static void nets_clear(lanes_nets *all)
{
    for (size_t i = 0; i < all->n; i++) {
        trained_clear(&all->alone[i]);
        if (i)
            free(all->nets[i].state);
    }
    net_clear(&all->nets[0]);
    free(all);
}

/* ---- training ---- */

static xt_lanes *open_lanes(lanes_nets *all)
{
    xt_lanes *lanes = NULL;
    xt_err err;
    xt_devices_prepare();
    size_t vector = all->is_vector ? XT_LANES : 1;
    net_ok(xt_lanes_open_as(all->plans[0], &all->nets[0].data, all->validates ? &all->others : NULL, all->n, vector,
                            &lanes, &err),
           &err);
    assert_int_equal(xt_lanes_room(lanes), all->n);
    net_ok(xt_lanes_begin(lanes, all->plans, all->n, &err), &err);
    return lanes;
}

/* What they come to, as it is put in words. */
static void is_their_course(const xt_lanes_course *course, const double *losses, uint32_t n)
{
    uint32_t counted = 0, least = 0;
    while (counted < n && isfinite(losses[counted])) {
        if (!least || losses[counted] < losses[least - 1])
            least = counted + 1;
        counted++;
    }
    counted += counted < n;
    assert_int_equal(course->n, counted);
    assert_int_equal(course->least_epoch, least);
    assert_true(course->last == losses[counted - 1] || (isnan(course->last) && isnan(losses[counted - 1])));
    assert_true(!least || course->least == losses[least - 1]);
}

/* A launch of epochs first .. of all that are on. */
static void launch(lanes_nets *all, xt_lanes *lanes, uint32_t first, uint32_t n)
{
    xt_err err;
    net_ok(xt_lanes_train(lanes, first, n, &err), &err);
    for (size_t i = 0; i < all->n; i++) {
        double *losses = all->losses + i * NET_EPOCHS + first;
        if (all->stopped[i])
            continue;
        xt_lanes_losses(lanes, i, losses);
        is_their_course(xt_lanes_course_of(lanes, i), losses, n);
        for (uint32_t e = 0; e < n && all->nets[0].spec.n_metrics; e++)
            net_ok(xt_lanes_measure(lanes, i, first + e, all->metrics[i * NET_EPOCHS + first + e], &err), &err);
    }
}

static void train(lanes_nets *all, xt_lanes *lanes, uint32_t first, uint32_t n)
{
    for (uint32_t end = first + n, some; first < end; first += some) {
        some = xt_lanes_reach(lanes, first, end - first);
        assert_true(some > 0);
        launch(all, lanes, first, some);
    }
}

/* The fused engine with values as wide, one net after the other. */
static void train_alone(lanes_nets *all, size_t i)
{
    test_net *net = &all->nets[i];
    const xt_fused_wish wish = {XT_FUSED_GENERAL, all->is_vector ? XT_LANES : 1, true, XT_FUSED_GLOBAL};
    train_epochs(net, form_open_wish(net, &wish, &net->data), NET_EPOCHS, NET_EPOCHS, &all->alone[i]);
}

/* Net i's first n epochs, and its state where those are all. */
static void same_losses(const lanes_nets *all, size_t i, size_t n, const trained *expected)
{
    for (size_t e = 0; e < n && isfinite(expected->rows[e].loss); e++) {
        double got = all->losses[i * NET_EPOCHS + e];
        if (memcmp(&got, &expected->rows[e].loss, sizeof got))
            fail_msg("net %zu of %zu, epoch %zu: loss %.17g is not %.17g", i, all->n, e, got, expected->rows[e].loss);
        for (size_t m = 0; m < all->nets[0].spec.n_metrics; m++)
            if (memcmp(&all->metrics[i * NET_EPOCHS + e][m], &expected->rows[e].metrics[m], sizeof(double)))
                fail_msg("net %zu of %zu, epoch %zu: metric %zu is %.17g, not %.17g", i, all->n, e, m,
                         all->metrics[i * NET_EPOCHS + e][m], expected->rows[e].metrics[m]);
    }
}

static void same_state(lanes_nets *all, xt_lanes *lanes, size_t i, const float *expected)
{
    size_t n = net_n_state(&all->nets[i]);
    float *got = calloc(n, sizeof *got);
    xt_err err;
    assert_non_null(got);
    net_ok(xt_lanes_read_state(lanes, i, got, &err), &err);
    for (size_t k = 0; k < n; k++)
        if (memcmp(&got[k], &expected[k], sizeof *got))
            fail_msg("net %zu of %zu, state %zu of %zu: %.9g is not %.9g", i, all->n, k, n, (double)got[k],
                     (double)expected[k]);
    free(got);
}

static void same_as_alone(lanes_nets *all, xt_lanes *lanes, size_t i, const trained *alone)
{
    same_losses(all, i, NET_EPOCHS, alone);
    if (isfinite(alone->rows[NET_EPOCHS - 1].loss))
        same_state(all, lanes, i, alone->state);
}

/* ---- validation ---- */

static void take_others(lanes_nets *all)
{
    const xt_dataset *data = &all->nets[0].data;
    size_t skip = data->n_rows > 1;
    all->validates = true;
    all->others = *data;
    all->others.n_rows -= skip;
    all->others.inputs += skip * data->n_inputs;
    all->others.targets += skip * data->n_targets;
    all->others.loss_targets += data->loss_targets ? skip * data->n_targets : 0;
    all->others.weights += data->weights ? skip : 0;
    all->others.shares += data->shares ? skip : 0;
}

/* As a run of its own does it. */
static void validate_alone(const lanes_nets *all, size_t i, xt_engine *engine, double *loss, double *metrics)
{
    const xt_dataset *rows = &all->others;
    const xt_spec *spec = &all->nets[i].spec;
    float *outputs = calloc(rows->n_rows * (rows->n_targets + 1), sizeof *outputs), *losses = outputs + rows->n_rows * rows->n_targets;
    const xt_scored scored = {rows->n_rows, rows->n_targets, outputs, rows->targets, NULL};
    xt_err err;
    assert_non_null(outputs);
    net_ok(engine->ops->evaluate(engine, rows->inputs, rows->loss_targets ? rows->loss_targets : rows->targets, rows->n_rows,
                                 outputs, losses, &err),
           &err);
    *loss = xt_engine_mean_loss(&all->nets[i].plan, losses, rows);
    net_ok(xt_metrics_measure(spec->metrics, spec->n_metrics, &scored, metrics, &err), &err);
    free(outputs);
}

/* Of all nets as they are, in engines that `open` opens. */
static void same_validation(lanes_nets *all, xt_lanes *lanes, xt_engine *(*open)(lanes_nets *all, size_t i))
{
    xt_err err;
    float *state = calloc(net_n_state(&all->nets[0]), sizeof *state);
    assert_non_null(state);
    net_ok(xt_lanes_validate(lanes, &err), &err);
    for (size_t i = 0; i < all->n; i++) {
        double loss, metrics[2][XT_MAX_METRICS] = {{0}}, got = xt_lanes_validation_loss(lanes, i);
        xt_engine *engine = open(all, i);
        net_ok(xt_lanes_read_state(lanes, i, state, &err), &err);
        net_ok(engine->ops->write_state(engine, state, &err), &err);
        validate_alone(all, i, engine, &loss, metrics[0]);
        xt_engine_close(&engine);
        if (all->nets[0].spec.n_metrics)
            net_ok(xt_lanes_validation_metrics(lanes, i, metrics[1], &err), &err);
        if (isfinite(loss) && (memcmp(&got, &loss, sizeof loss) || memcmp(metrics[0], metrics[1], sizeof metrics[0])))
            fail_msg("net %zu of %zu: validation loss %.17g is not %.17g, metrics %.17g not %.17g", i, all->n, got, loss,
                     metrics[1][0], metrics[0][0]);
    }
    free(state);
}

static xt_engine *open_fused(lanes_nets *all, size_t i)
{
    const xt_fused_wish wish = {XT_FUSED_GENERAL, all->is_vector ? XT_LANES : 1, true, XT_FUSED_GLOBAL};
    return form_open_wish(&all->nets[i], &wish, &all->nets[i].data);
}

static xt_engine *open_reference(lanes_nets *all, size_t i)
{
    return net_open(&all->nets[i], XT_ENGINE_reference);
}

/* ---- tests ---- */

/* What OpenCL's function of a vector and of a single value may differ in. */
static bool is_comparable(const lanes_nets *all)
{
    const xt_plan *plan = &all->nets[0].plan;
    return all->is_vector || plan->layers[plan->n_layers - 1].activation != XT_ACT_softmax;
}

static void as_the_fused_engine(void **state)
{
    lanes_nets *all = nets_of(*state);
    if (!is_comparable(all)) {
        nets_clear(all);
        skip();
    }
    take_others(all);
    xt_lanes *lanes = open_lanes(all);
    train(all, lanes, 0, 2);
    same_validation(all, lanes, open_fused);
    train(all, lanes, 2, NET_EPOCHS - 2);
    for (size_t i = 0; i < all->n; i++) {
        train_alone(all, i);
        same_as_alone(all, lanes, i, &all->alone[i]);
    }
    same_validation(all, lanes, open_fused);
    xt_lanes_close(&lanes);
    nets_clear(all);
}

static void as_the_reference(void **state)
{
    lanes_nets *all = nets_of(*state);
    take_others(all);
    xt_lanes *lanes = open_lanes(all);
    bool on_cpu = strcmp(xt_lanes_facts(lanes)->device_type, "cpu") == 0;
    train(all, lanes, 0, NET_EPOCHS);
    /* Another device may divide less exactly. */
    for (size_t i = 0; on_cpu && i < all->n; i++) {
        train_epochs(&all->nets[i], net_open(&all->nets[i], XT_ENGINE_reference), NET_EPOCHS, NET_EPOCHS, &all->alone[i]);
        same_as_alone(all, lanes, i, &all->alone[i]);
    }
    if (on_cpu)
        same_validation(all, lanes, open_reference);
    xt_lanes_close(&lanes);
    nets_clear(all);
}

/* Epochs after which net i is stopped: of the first block every third one soon and the next ones later, so that what
 * was saved first is there still; all of the second block at once. */
static uint32_t stop_of(size_t i)
{
    return i % 3 == 0 || i >= 16 ? 2 : i % 3 == 1 ? 4 : NET_EPOCHS;
}

static void stopped_ones_stay(void **state)
{
    lanes_nets *all = nets_of(*state);
    xt_lanes *lanes = open_lanes(all);
    size_t n = net_n_state(&all->nets[0]);
    float *states = calloc(all->n * n, sizeof *states);
    xt_err err;
    assert_non_null(states);
    for (uint32_t epochs = 2; epochs <= NET_EPOCHS; epochs += 2) {
        train(all, lanes, epochs - 2, 2);
        for (size_t i = 0; i < all->n; i++) {
            if (stop_of(i) != epochs)
                continue;
            net_ok(xt_lanes_read_state(lanes, i, states + i * n, &err), &err);
            xt_lanes_stop(lanes, i);
            all->stopped[i] = true;
        }
    }
    for (size_t i = 0; i < all->n; i++) {
        train_alone(all, i);
        same_losses(all, i, stop_of(i), &all->alone[i]);
        same_state(all, lanes, i, stop_of(i) < NET_EPOCHS ? states + i * n : all->alone[i].state);
    }
    free(states);
    /* And all begin anew. */
    memset(all->stopped, 0, sizeof all->stopped);
    net_ok(xt_lanes_begin(lanes, all->plans, all->n, &err), &err);
    train(all, lanes, 0, NET_EPOCHS);
    for (size_t i = 0; i < all->n; i++)
        same_as_alone(all, lanes, i, &all->alone[i]);
    xt_lanes_close(&lanes);
    nets_clear(all);
}

/* One whose loss is soon not a number changes nothing for the others. */
static void one_that_diverges_is_alone(void **state)
{
    lanes_nets *all = nets_of(*state);
    /* Also times a gradient of 0, of a dead unit, no number. */
    all->nets[1].spec.optimizer.values[0] = INFINITY;
    xt_lanes *lanes = open_lanes(all);
    train(all, lanes, 0, NET_EPOCHS);
    assert_true(isfinite(all->losses[2 * NET_EPOCHS - 1]) == 0);
    for (size_t i = 0; i < all->n; i++) {
        train_alone(all, i);
        same_as_alone(all, lanes, i, &all->alone[i]);
    }
    assert_true(isfinite(all->alone[0].rows[NET_EPOCHS - 1].loss) != 0);
    xt_lanes_close(&lanes);
    nets_clear(all);
}

/* Zeros of both signs in data and biases: what is left out of a sum may not change its sign. */
static void negative_zeros_too(void **state)
{
    lanes_nets *all = nets_of(*state);
    const test_net *net = &all->nets[0];
    uint64_t stream = seed;
    for (size_t i = 0; i < net->data.n_rows * net->data.n_inputs; i++)
        net->data.inputs[i] = net_below(&stream, 2) ? -0.0f : 0.0f;
    for (size_t i = 0; i < net->data.n_rows * net->data.n_targets; i++)
        net->data.targets[i] = net_below(&stream, 2) ? -0.0f : 0.0f;
    for (size_t i = 0; i < all->n; i++) {
        for (size_t l = 0; l < net->spec.n_layers; l++) {
            all->nets[i].layers[l].bias = xt_choose(&xt_initializers, "constant");
            all->nets[i].layers[l].bias.values[0] = -0.0f;
        }
        plan_net(all, i);
    }
    xt_lanes *lanes = open_lanes(all);
    train(all, lanes, 0, NET_EPOCHS);
    for (size_t i = 0; i < all->n; i++) {
        train_alone(all, i);
        same_as_alone(all, lanes, i, &all->alone[i]);
    }
    xt_lanes_close(&lanes);
    nets_clear(all);
}

/* Outputs of so many validation rows are too many for one block already: whoever asked trains alone. */
static void no_room_is_no_error(void **state)
{
    (void)state;
    test_net net;
    xt_lanes *lanes = NULL;
    xt_err err;
    net_xor(&net);
    set_metrics(&net, 1);
    net_ok(xt_plan_make(&net.spec, 2, 1, &net.plan, &err), &err);
    xt_dataset many = net.data;
    many.n_rows = (size_t)1 << 27;
    xt_devices_prepare();
    net_ok(xt_lanes_open(&net.plan, &net.data, &many, 16, &lanes, &err), &err);
    assert_null(lanes);
    net_clear(&net);
}

/* ---- the cases ---- */

/* Each compiles a kernel: a few a run, other ones by another seed. */
enum { CASES = 3, REFERENCE_CASES = 1 };

static lanes_case *new_case(lanes_case row)
{
    static lanes_case cases[2 * (CASES + REFERENCE_CASES) + 16];
    static size_t n;
    assert_true(n < sizeof cases / sizeof *cases);
    cases[n] = row;
    return &cases[n++];
}

int main(void)
{
    static const size_t numbers[] = {17, 1, 15, 16, 40};
    bool small = net_small();
    seed = net_seed();
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (size_t vector = 0; vector < 2; vector++) {
        const char *form = vector ? "a lane each" : "a work-item each";
        /* The second has two layers more, dropout and batches of two. */
        for (size_t i = small; i < (small ? 2 : CASES); i++)
            unit_case(as_the_fused_engine,
                      new_case((lanes_case){small ? i : (seed + 2 * i + vector) % TURNS, small ? 2 : numbers[i % 5], vector, false, 0}),
                      "as_the_fused_engine, %s: %zu", form, i);
        for (size_t i = 0; i < (small ? 0 : REFERENCE_CASES); i++)
            unit_case(as_the_reference, new_case((lanes_case){(seed + i) % TURNS, numbers[(i + 3) % 5], vector, true, 0}),
                      "as_the_reference, %s: %zu", form, i);
        unit_case(stopped_ones_stay, new_case((lanes_case){6, small ? 3 : 20, vector, true, 0}), "stopped_ones_stay, %s",
                  form);
        if (!small && vector)
            unit_case(no_room_is_no_error, NULL, "no_room_is_no_error");
        if (!small) {
            size_t i = 3 + (seed + vector) % 3;
            unit_case(negative_zeros_too, new_case((lanes_case){i, 5, vector, true, 0}), "negative_zeros_too, %s: %zu", form, i);
            /* Orders that the host makes: of more rows than the kernel sorts itself. */
            unit_case(as_the_fused_engine, new_case((lanes_case){2, 5, vector, true, 129 + seed % 20}),
                      "as_the_fused_engine, %s: many rows", form);
            unit_case(one_that_diverges_is_alone, new_case((lanes_case){0, 4, vector, true, 0}),
                      "one_that_diverges_is_alone, %s", form);
        }
    }
    return unit_run("lanes");
}
