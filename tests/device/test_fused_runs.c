/* The fused engine over a run: the form that takes over while it trains, the
 * padding of the state, gradients and outputs of every general form. */
#include "forms.h"

#include "../unit/cases.h"
#include "engine/forms.h"
#include "engine/gradcheck.h"
#include "model/ops.h"
#include "model/rng.h"
#include "model/schedule.h"
#include "ocl/embed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed;

/* ---- the form that takes over ---- */

static const xt_fused_wish automatic = {.speciality = XT_FUSED_AUTO};

/* A net whose training is so long that a specialised form pays at any speed.
 * New numbers in it make it one that no cache has. */
static void long_net(test_net *net, bool is_new)
{
    uint64_t stream = seed;
    shape_net(net, 1, seed);
    net->spec.epochs = 1000000000;
    net->spec.loss = xt_choose(&xt_losses, "huber");
    if (is_new)
        net->spec.loss.values[0] = net_uniform(&stream, 0.5f, 1.5f);
}

static bool has_special_form(const xt_engine *engine)
{
    return strcmp(engine->facts.form, "general, then specialised") == 0;
}

/* Two engines train the same epochs by ones, until the first has taken the
 * specialised form and gone on with it a while. */
static void train_beside(const test_net *net, xt_engine *engine, xt_engine *general, uint32_t limit)
{
    size_t n = net_n_state(net);
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    time_t end = time(NULL) + 60;
    uint32_t after = 0;
    xt_err err;
    assert_non_null(got);
    assert_string_equal(engine->facts.form, "general");
    for (uint32_t epoch = 0; after < 5; epoch++) {
        xt_epoch row, expected_row;
        net_ok(engine->ops->train(engine, epoch, 1, &row, &err), &err);
        net_ok(general->ops->train(general, epoch, 1, &expected_row, &err), &err);
        net_same_rows(net, &row, &expected_row, 1);
        after += has_special_form(engine);
        assert_true(epoch < limit && time(NULL) < end);
    }
    net_ok(engine->ops->read_state(engine, got, &err), &err);
    net_ok(general->ops->read_state(general, expected, &err), &err);
    assert_memory_equal(got, expected, n * sizeof *got);
    free(got);
}

static void special_form_takes_over_when_compiled(void **state)
{
    (void)state;
    test_net net;
    long_net(&net, true);
    xt_engine *engine = form_open_wish(&net, &automatic, &net.data);
    xt_engine *general = form_open(&net, &forms[FORM_GENERAL]);
    train_beside(&net, engine, general, UINT32_MAX);
    xt_engine_close(&engine);
    xt_engine_close(&general);
    net_clear(&net);
}

/* What is in the cache is taken after the first launch. */
static void special_form_is_taken_from_the_cache(void **state)
{
    (void)state;
    test_net net;
    trained special;
    long_net(&net, false);
    train_all(&net, form_open_wish(&net, &(xt_fused_wish){.speciality = XT_FUSED_SPECIAL}, &net.data), 1, &special);
    trained_clear(&special);
    xt_engine *engine = form_open_wish(&net, &automatic, &net.data);
    xt_engine *general = form_open(&net, &forms[FORM_GENERAL]);
    bool is_cached = getenv("XORTRAIN_CACHE_DIR") != NULL;
    train_beside(&net, engine, general, is_cached ? 6 : UINT32_MAX);
    xt_engine_close(&engine);
    xt_engine_close(&general);
    net_clear(&net);
}

static void closes_while_it_compiles(void **state)
{
    (void)state;
    test_net net;
    xt_epoch row;
    xt_err err;
    long_net(&net, true);
    net.spec.loss.values[0] += 1;
    xt_engine *engine = form_open_wish(&net, &automatic, &net.data);
    net_ok(engine->ops->train(engine, 0, 1, &row, &err), &err);
    assert_string_equal(engine->facts.form, "general");
    xt_engine_close(&engine);
    net_clear(&net);
}

/* The kernels' files in a fresh directory, of which none compiles specialised. */
static void make_broken_kernels(char *dir)
{
    char path[256];
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < xt_n_cl_files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, xt_cl_files[i].name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs("#ifdef XT_PRIVATE\n#error broken\n#endif\n", file);
        fputs(xt_cl_files[i].text, file);
        assert_int_equal(fclose(file), 0);
    }
}

static void remove_kernels(const char *dir)
{
    char path[256];
    for (size_t i = 0; i < xt_n_cl_files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, xt_cl_files[i].name);
        unlink(path);
    }
    rmdir(dir);
}

/* Results do not depend on the form, so one that fails to compile is no error. */
static void general_form_goes_on_where_the_other_fails(void **state)
{
    (void)state;
    char dir[] = "/tmp/xortrain-test-XXXXXX";
    test_net net;
    xt_epoch row, expected;
    xt_err err;
    make_broken_kernels(dir);
    long_net(&net, true);
    setenv("XORTRAIN_CL_DIR", dir, 1);
    xt_engine *engine = form_open_wish(&net, &automatic, &net.data);
    unsetenv("XORTRAIN_CL_DIR");
    xt_engine *general = form_open(&net, &forms[FORM_GENERAL]);
    time_t end = time(NULL) + 3;
    for (uint32_t epoch = 0; time(NULL) < end; epoch++) {
        net_ok(engine->ops->train(engine, epoch, 1, &row, &err), &err);
        net_ok(general->ops->train(general, epoch, 1, &expected, &err), &err);
        net_same_rows(&net, &row, &expected, 1);
    }
    assert_string_equal(engine->facts.form, "general");
    xt_engine_close(&engine);
    xt_engine_close(&general);
    remove_kernels(dir);
    net_clear(&net);
}

static void short_training_stays_general(void **state)
{
    (void)state;
    test_net net;
    xt_epoch row;
    xt_err err;
    long_net(&net, true);
    net.spec.epochs = 1;
    xt_engine *engine = form_open_wish(&net, &automatic, &net.data);
    net_ok(engine->ops->train(engine, 0, 1, &row, &err), &err);
    assert_string_equal(engine->facts.form, "general");
    xt_engine_close(&engine);
    net_clear(&net);
}

/* ---- padding ---- */

typedef struct kernel_case {
    const test_form *form;
    size_t which;
} kernel_case;

enum { PARAMETERS, SCRATCH, INPUTS, TARGETS, WEIGHTS, ORDER, LAYERS, STEPS, RESULTS, KEPT, OUT, N_BUFFERS };

/* Every update of the nets here has numbers of its own. */
enum { MAX_STEPS = 256 };

typedef struct kernel_run {
    xt_context *context;
    xt_fused_shape shape;
    cl_mem buffers[N_BUFFERS];
    xt_form form;
} kernel_run;

static void put(kernel_run *run, int buffer, const void *from, size_t n)
{
    xt_err err;
    net_ok(xt_buffer_open(run->context, "a buffer", n * sizeof(float), &run->buffers[buffer], &err), &err);
    if (from)
        net_ok(xt_buffer_write(run->context, run->buffers[buffer], 0, from, n * sizeof(float), &err), &err);
}

/* The data, followed by what must not count. */
static void put_data(kernel_run *run, int buffer, const float *from, size_t n)
{
    float *with_tail = calloc(n + XT_LANES, sizeof *with_tail);
    assert_non_null(with_tail);
    memcpy(with_tail, from, n * sizeof *with_tail);
    for (size_t i = 0; i < XT_LANES; i++)
        with_tail[n + i] = NAN;
    put(run, buffer, with_tail, n + XT_LANES);
    free(with_tail);
}

static void put_all(kernel_run *run, const test_net *net)
{
    const xt_fused_job *job = &run->shape.job;
    size_t n = xt_fused_n_state(&run->shape), rows = net->data.n_rows;
    float *state = calloc(n, sizeof *state), *mem = calloc((size_t)job->n_mem, sizeof *mem);
    uint32_t *order = calloc(NET_EPOCHS * rows, sizeof *order);
    float *weights = calloc(2 * rows, sizeof *weights);
    xt_fused_step steps[MAX_STEPS];
    xt_pace pace = {(rows - 1) / (size_t)job->batch + 1, net->spec.epochs};
    for (size_t i = 0; i < MAX_STEPS; i++) {
        xt_hyper hyper = xt_hyper_at(&net->spec.optimizer, xt_schedule_factor(&net->spec.schedule, &pace, i), i + 1);
        steps[i] = (xt_fused_step){hyper.learning_rate, hyper.first, hyper.correction1, hyper.correction2};
    }
    assert_true(state && mem && order && weights);
    for (size_t i = 0; net->weighted && i < rows; i++) {
        weights[2 * i] = net->data.weights[i];
        weights[2 * i + 1] = net->data.shares[i];
    }
    for (size_t i = 0; i <= net->plan.n_slots; i++)
        xt_fused_pack(&net->plan, &run->shape, net->state + i * net->plan.n_params, state + i * (size_t)job->n_state);
    for (size_t i = 0; i < (size_t)job->n_mem; i++)
        mem[i] = NAN; /* what another program left there */
    for (size_t i = 0; i < NET_EPOCHS * rows; i++)
        order[i] = (uint32_t)(i % rows);
    put(run, PARAMETERS, state, n);
    put(run, SCRATCH, mem, (size_t)job->n_mem);
    put_data(run, INPUTS, net->data.inputs, rows * net->data.n_inputs);
    put_data(run, TARGETS, net->data.targets, rows * net->data.n_targets);
    put(run, ORDER, order, NET_EPOCHS * rows);
    put(run, LAYERS, run->shape.layers, (size_t)job->n_layers * sizeof run->shape.layers[0] / sizeof(float));
    put(run, STEPS, steps, MAX_STEPS * sizeof steps[0] / sizeof(float));
    put(run, RESULTS, NULL, 2 * NET_EPOCHS);
    put(run, KEPT, NULL, NET_EPOCHS * rows * net->data.n_targets);
    put(run, WEIGHTS, weights, 2 * rows);
    put(run, OUT, NULL, (size_t)job->n_state);
    free(state);
    free(mem);
    free(order);
    free(weights);
}

static void run_close(kernel_run *run)
{
    xt_form_close(run->context, &run->form);
    for (int i = 0; i < N_BUFFERS; i++)
        xt_buffer_close(run->context, &run->buffers[i]);
    xt_context_close(&run->context);
}

/* The state that the kernel leaves, padding and all, is the reference's with zeros around. */
static void check_state(kernel_run *run, test_net *net)
{
    size_t n = xt_fused_n_state(&run->shape), n_copy = (size_t)run->shape.job.n_state, n_params = net->plan.n_params;
    float *got = calloc(2 * n + n_params, sizeof *got), *expected = got + n, *unpacked = expected + n;
    trained reference;
    xt_err err;
    assert_non_null(got);
    net_ok(xt_buffer_read(run->context, run->buffers[PARAMETERS], 0, got, n * sizeof *got, &err), &err);
    for (size_t i = 0; i <= net->plan.n_slots; i++) {
        xt_fused_unpack(&net->plan, &run->shape, got + i * n_copy, unpacked);
        xt_fused_pack(&net->plan, &run->shape, unpacked, expected + i * n_copy);
    }
    assert_memory_equal(got, expected, n * sizeof *got);
    net->spec.shuffle = false;
    train_all(net, net_open(net, XT_ENGINE_reference), NET_EPOCHS, &reference);
    xt_fused_unpack(&net->plan, &run->shape, got, unpacked);
    double drift = net_drift(unpacked, reference.state, net->state, n_params);
    if (!net_explains(net, net_epochs(), drift, net_can_jump(net) ? 0.05 : 1e-3))
        fail_msg("%s: parameters differ by %g of what training changed", net->text, drift);
    trained_clear(&reference);
    free(got);
}

static void padding_stays_zero(void **state)
{
    const kernel_case *row = *state;
    const xt_fused_wish *wish = &row->form->wish;
    xt_fused_form form = {wish->width, 4, wish->memory, wish->speciality == XT_FUSED_SPECIAL};
    kernel_run run;
    test_net net;
    xt_err err;
    memset(&run, 0, sizeof run);
    shape_net(&net, row->which, seed);
    if (!form_allowed(&net, row->form)) {
        net_clear(&net);
        skip();
    }
    size_t batch = net.spec.batch_size < net.data.n_rows ? net.spec.batch_size : net.data.n_rows;
    run.context = net_context();
    net_ok(xt_fused_lay_out(&net.plan, batch, &run.shape, &err), &err);
    run.shape.job.weighted = net.weighted;
    put_all(&run, &net);
    const cl_mem *b = run.buffers;
    xt_key key = xt_key_fold_in(xt_key_of_seed(net.spec.seed), XT_FOLD_DROPOUT);
    xt_fused_call call = {.parameters = b[PARAMETERS], .scratch = b[SCRATCH], .inputs = b[INPUTS],
                          .targets = b[TARGETS], .weights = b[WEIGHTS], .order = b[ORDER], .layers = b[LAYERS],
                          .steps = b[STEPS], .results = b[RESULTS], .kept = b[KEPT], .out = b[OUT],
                          .job = run.shape.job, .key_hi = key.hi, .key_lo = key.lo, .n_steps = MAX_STEPS,
                          .n_rows = (cl_int)net.data.n_rows, .n_epochs = (cl_int)net_epochs()};
    net_ok(xt_form_open(run.context, &run.shape, &form, &call, &run.form, &err), &err);
    net_ok(xt_form_launch(run.context, &run.form, &call, &err), &err);
    xt_program_keep(run.context, &run.form.program);
    check_state(&run, &net);
    run_close(&run);
    net_clear(&net);
}

/* ---- gradients and outputs ---- */

static void gradients_are_slopes(void **state)
{
    const test_form *form = ((const kernel_case *)*state)->form;
    test_net net;
    xt_gradcheck check;
    double loss;
    xt_err err;
    net_full(&net, false);
    float *gradients = calloc(net.plan.n_params, sizeof *gradients);
    assert_non_null(gradients);
    xt_engine *engine = form_open(&net, form);
    net_ok(engine->ops->gradients(engine, 3, 3, &loss, gradients, &err), &err);
    net_ok(xt_gradcheck_run(&net.plan, &net.data, net.state, 3, 3, gradients, 0, 1e-3, NULL, &check, &err), &err);
    assert_int_equal(check.n_checked, net.plan.n_params);
    assert_true(check.passed);
    assert_true(fabs(loss - check.loss) < 1e-6);
    xt_engine_close(&engine);
    free(gradients);
    net_clear(&net);
}

static void check_outputs(test_net *net, xt_engine *engine, size_t n_rows)
{
    uint64_t stream = seed;
    size_t n_in = n_rows * net->plan.n_inputs, n_out = n_rows * net->plan.n_outputs;
    float *inputs = calloc(n_in + 2 * n_out, sizeof *inputs), *got = inputs + n_in, *expected = got + n_out;
    xt_engine *reference = net_open_to_predict(net, XT_ENGINE_reference);
    xt_err err;
    assert_non_null(inputs);
    for (size_t i = 0; i < n_in; i++)
        inputs[i] = net_uniform(&stream, -2, 2);
    net_ok(engine->ops->evaluate(engine, inputs, NULL, n_rows, got, NULL, &err), &err);
    net_ok(reference->ops->evaluate(reference, inputs, NULL, n_rows, expected, NULL, &err), &err);
    assert_true(net_distance(got, expected, n_out) < 2e-5);
    xt_engine_close(&reference);
    xt_engine_close(&engine);
    free(inputs);
}

/* Many more than a batch, and more than a launch takes. */
static void outputs_of_many_rows(void **state)
{
    const test_form *form = ((const kernel_case *)*state)->form;
    test_net net;
    net_full(&net, false);
    check_outputs(&net, form_open(&net, form), net_small() ? 9 : 203);
    /* Predicting takes 256 rows a batch: more than the local memory of oclgrind's device holds. */
    if (!net_small() || form->wish.memory != XT_FUSED_LOCAL)
        check_outputs(&net, form_open_to_predict(&net, form), net_small() ? 9 : 5003);
    net_clear(&net);
}

/* ---- the cases ---- */

/* Its inputs are taken by as many rows as fit a few MiB, however wide they are. */
static void predicting_from_wide_rows_takes_little(void **state)
{
    (void)state;
    uint64_t stream = seed;
    test_net net;
    net_begin(&net);
    net_add_layer(&net, 1, "linear");
    net_finish(&net, 3, 20000, &stream);
    xt_engine *engine = net_open_to_predict(&net, XT_ENGINE_fused);
    assert_true(engine->facts.device_bytes < 64 << 20);
    xt_engine_close(&engine);
    net_clear(&net);
}

int main(void)
{
    static kernel_case cases[N_SHAPES][N_FORMS];
    bool small = net_small();
    seed = net_seed();
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)seed);
    xt_devices_prepare();
    for (size_t i = 0; i < N_SHAPES; i++)
        for (size_t form = 0; form < N_FORMS; form++) {
            cases[i][form] = (kernel_case){&forms[form], i};
            /* Three vectors a row; and single values, which are slower. */
            bool is_few = (i == 6 && form == FORM_GENERAL) || (i == 2 && form == FORM_SPECIAL - 1);
            if (small ? is_few : form < FORM_SPECIAL || i % 2 == 0)
                unit_case(padding_stays_zero, &cases[i][form], "padding_stays_zero: shape %zu, %s", i, forms[form].name);
        }
    for (size_t form = 0; form < FORM_SPECIAL; form += small ? 3 : 1) {
        unit_case(gradients_are_slopes, &cases[0][form], "gradients_are_slopes: %s", forms[form].name);
        unit_case(outputs_of_many_rows, &cases[0][form], "outputs_of_many_rows: %s", forms[form].name);
    }
    UNIT_CASE(short_training_stays_general);
    if (!small) {
        UNIT_CASE(predicting_from_wide_rows_takes_little);
        UNIT_CASE(special_form_takes_over_when_compiled);
        UNIT_CASE(special_form_is_taken_from_the_cache);
        UNIT_CASE(closes_while_it_compiles);
        UNIT_CASE(general_form_goes_on_where_the_other_fails);
    }
    return unit_run("fused runs");
}
