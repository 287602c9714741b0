/* Profiles of a device's commands: all are in them, inside the time that they had, and change no bit. */
#include "net.h"

#include "base/clock.h"
#include "cli/trace.h"
#include "engine/product.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static xt_profile profile;

static const xt_profile_row *row(const xt_profile_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_rows; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    return NULL;
}

static uint64_t calls(const xt_profile_table *table, const char *name)
{
    const xt_profile_row *found = row(table, name);
    return found ? found->calls : 0;
}

static void profiling(bool on)
{
    xt_profile_init(&profile);
    xt_contexts_profile(on ? &profile : NULL);
}

/* ---- contexts ---- */

static cl_command_queue_properties properties(const xt_context *context)
{
    cl_command_queue_properties got = 0;
    assert_int_equal(clGetCommandQueueInfo(context->queue, CL_QUEUE_PROPERTIES, sizeof got, &got, NULL), CL_SUCCESS);
    return got;
}

static void only_when_asked(void **state)
{
    (void)state;
    cl_mem buffer = NULL;
    xt_err err;
    profiling(false);
    xt_context *context = net_context();
    assert_null(context->profile);
    assert_int_equal(properties(context) & CL_QUEUE_PROFILING_ENABLE, 0);
    net_ok(xt_buffer_open(context, "a buffer", 64, &buffer, &err), &err);
    xt_buffer_close(context, &buffer);
    xt_context_close(&context);
    assert_int_equal(profile.commands.n_rows, 0);
    profiling(true);
    context = net_context();
    assert_int_equal(properties(context) & CL_QUEUE_PROFILING_ENABLE, CL_QUEUE_PROFILING_ENABLE);
    xt_context_close(&context);
    profiling(false);
}

/* More than may wait, of which none is lost; and in the time of this test, by the host's clock. */
static void every_command_is_counted(void **state)
{
    (void)state;
    enum { N = 3 * XT_PROFILE_PENDING };
    cl_mem buffer = NULL;
    xt_err err;
    unsigned char bytes[64] = {0}, zero = 0;
    profiling(true);
    double before = xt_seconds();
    xt_context *context = net_context();
    net_ok(xt_buffer_open(context, "a buffer", sizeof bytes, &buffer, &err), &err);
    for (int i = 0; i < N; i++) {
        /* Past the bound that the context itself keeps. */
        cl_event event = NULL;
        net_ok(XT_CL(NULL, clEnqueueFillBuffer(context->queue, buffer, &zero, 1, 0, 64, 0, NULL, &event), &err), &err);
        xt_context_took(context, NULL, event, "fill", (xt_work){0, 64});
        assert_true(profile.n_pending <= XT_PROFILE_PENDING);
    }
    net_ok(xt_buffer_write(context, buffer, 0, bytes, sizeof bytes, &err), &err);
    net_ok(xt_buffer_read(context, buffer, 0, bytes, 16, &err), &err);
    net_ok(xt_context_finish(context, &err), &err);
    double took = xt_seconds() - before;
    assert_int_equal(profile.n_pending, 0);
    assert_int_equal(profile.n_lost, 0);
    assert_int_equal(calls(&profile.commands, "fill"), N + 1);
    assert_int_equal(calls(&profile.commands, "write"), 1);
    assert_int_equal(calls(&profile.commands, "read"), 1);
    assert_true(row(&profile.commands, "read")->bytes >= 16 && row(&profile.commands, "read")->bytes <= 16);
    assert_true(profile.busy > 0 && profile.busy <= took);
    xt_buffer_close(context, &buffer);
    xt_context_close(&context);
    profiling(false);
}

/* Of the next launch, and of no other. */
static void work_is_of_one_launch(void **state)
{
    (void)state;
    static const char *const files[] = {"product.cl"};
    const xt_program_source source = {NULL, files, 1};
    const xt_product_shape shape = {3, 4, 5, false, false};
    const xt_product_wish own = {XT_PRODUCT_OWN, NULL};
    xt_program program = {0};
    xt_products *products = NULL;
    cl_mem buffer = NULL;
    xt_err err;
    profiling(true);
    xt_context *context = net_context();
    net_ok(xt_program_open(context, &source, &program, &err), &err);
    net_ok(xt_products_open(context, program.program, &shape, 1, &own, &products, &err), &err);
    net_ok(xt_buffer_open(context, "matrices", 64 * sizeof(float), &buffer, &err), &err);
    assert_int_equal(calls(&profile.commands, "xt_product"), 0); /* the check's are not in it */
    xt_floats a = {buffer, 0}, b = {buffer, 15}, c = {buffer, 35};
    for (int i = 0; i < 2; i++)
        net_ok(xt_product(products, &shape, a, b, c, &err), &err);
    net_ok(xt_context_finish(context, &err), &err);
    const xt_profile_row *product = row(&profile.commands, "xt_product");
    assert_non_null(product);
    assert_int_equal(product->calls, 2);
    assert_int_equal((int)product->flop, 2 * 2 * 3 * 4 * 5);
    assert_int_equal((int)product->bytes, 2 * 4 * (15 + 20 + 12));
    assert_true(context->work.flop <= 0 && context->work.bytes <= 0);
    xt_products_close(&products);
    xt_buffer_close(context, &buffer);
    xt_program_close(context, &program);
    xt_context_close(&context);
    profiling(false);
}

/* ---- engines ---- */

static char trace_path[48]; /* of this process: variants run side by side */

static double number(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Every event has a name that the tables know, as often as they say, and lies between begin and end. */
static void check_trace(double begin, double end)
{
    json_error_t wrong;
    json_t *events = json_load_file(trace_path, JSON_REJECT_DUPLICATES, &wrong), *event;
    uint64_t n_events = 0, n_calls = 0;
    size_t i;
    if (!events)
        fail_msg("%s:%d: %s", trace_path, wrong.line, wrong.text);
    json_array_foreach(events, i, event) {
        const char *name = json_string_value(json_object_get(event, "name"));
        if (strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0)
            continue;
        n_events++;
        double from = number(event, "ts") * 1e-6, to = from + number(event, "dur") * 1e-6;
        assert_true(number(event, "dur") >= 0);
        assert_non_null(row((int)number(event, "tid") == XT_TRACK_DEVICE ? &profile.commands : &profile.phases, name));
        /* To the microsecond; a device is late by what its clock could not be told. */
        if (from < begin - 1e-5 || to > end + 0.01)
            fail_msg("%s from %.6f to %.6f is not between %.6f and %.6f", name, from, to, begin, end);
    }
    for (i = 0; i < profile.commands.n_rows; i++)
        n_calls += profile.commands.rows[i].calls;
    for (i = 0; i < profile.phases.n_rows; i++)
        n_calls += profile.phases.rows[i].calls;
    assert_int_equal(n_events, n_calls);
    json_decref(events);
}

static const struct engine_row { net_subject subject; bool large; } engines[] = {
    {{"fused", XT_ENGINE_fused, false}, false},
    {{"gemm", XT_ENGINE_gemm, false}, false},
    {{"gemm with products of our own", XT_ENGINE_gemm, true}, false},
    {{"gemm with CLBlast", XT_ENGINE_gemm, true}, true},
};

static void train(test_net *net, const net_subject *subject, xt_epoch *rows, float *params)
{
    xt_err err;
    xt_engine *engine = net_open_subject(net, subject);
    for (uint32_t i = 0; i < NET_EPOCHS; i += 2)
        net_ok(engine->ops->train(engine, i, 2, rows + i, &err), &err);
    net_ok(engine->ops->read_state(engine, params, &err), &err);
    xt_engine_close(&engine);
}

static void changes_no_bit(void **state)
{
    const struct engine_row *r = *state;
    test_net net;
    xt_epoch plain[NET_EPOCHS], profiled[NET_EPOCHS];
    xt_trace trace;
    xt_err err;
    if (r->subject.by_blas && net_small())
        skip(); /* opening it checks products, which takes long */
    net_full(&net, r->large);
    size_t n_bytes = net_n_state(&net) * sizeof(float);
    float *before = calloc(1, n_bytes), *after = calloc(1, n_bytes);
    assert_true(before && after);
    profiling(false);
    train(&net, &r->subject, plain, before);
    profiling(true);
    net_ok(xt_trace_open(trace_path, NULL, 0, NULL, &trace, &err), &err);
    net_ok(xt_trace_start(&trace, &err), &err);
    xt_profile_watch(&profile, xt_trace_add, &trace);
    double begin = xt_seconds();
    train(&net, &r->subject, profiled, after);
    double end = xt_seconds();
    net_ok(xt_trace_close(&trace, &err), &err);
    net_same_rows(&net, profiled, plain, NET_EPOCHS);
    assert_memory_equal(after, before, n_bytes);
    check_trace(begin, end);
    assert_int_equal(profile.n_lost, 0);
    assert_int_equal(calls(&profile.commands, "CLBlast") > 0, r->large);
    assert_int_equal(calls(&profile.phases, "training"), NET_EPOCHS / 2);
    assert_int_equal(calls(&profile.phases, "reading the state"), 1);
    const xt_profile_row *training = row(&profile.phases, "training");
    assert_true(training->busy > 0 && training->busy <= training->seconds + 0.01);
    profiling(false);
    unlink(trace_path);
    free(before);
    free(after);
    net_clear(&net);
}

/* Two for each multiply-add, of which a row has as many as there are weights: forward, for the weights' gradients, and
 * forward again to report the loss; for the values between the layers as many as the second layer's weights. */
static void the_fused_engine_says_its_work(void **state)
{
    (void)state;
    test_net net;
    xt_err err;
    xt_epoch rows[NET_EPOCHS];
    net_xor(&net);
    profiling(true);
    xt_engine *engine = net_open(&net, XT_ENGINE_fused);
    net_ok(engine->ops->train(engine, 0, 3, rows, &err), &err);
    double forward = 2 * (2 * 16 + 16 * 1), between = 2 * 16 * 1;
    double report = net.spec.loss_report == XT_REPORT_RUNNING ? 0 : forward;
    double expected = 3 * 4 * (2 * forward + between + report);
    assert_non_null(row(&profile.commands, "xt_fused"));
    assert_int_equal((int)row(&profile.commands, "xt_fused")->flop, (int)expected);
    float inputs[10] = {0}, outputs[5];
    net_ok(engine->ops->evaluate(engine, inputs, NULL, 5, outputs, NULL, &err), &err);
    assert_int_equal((int)row(&profile.commands, "xt_fused")->flop, (int)(expected + 5 * forward));
    assert_int_equal(calls(&profile.phases, "evaluating"), 1);
    xt_engine_close(&engine);
    profiling(false);
    net_clear(&net);
}

int main(void)
{
    snprintf(trace_path, sizeof trace_path, "/tmp/xt-test-profile-%ld.json", (long)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_when_asked),
        cmocka_unit_test(every_command_is_counted),
        cmocka_unit_test(work_is_of_one_launch),
        {engines[0].subject.name, changes_no_bit, NULL, NULL, (void *)(size_t)&engines[0]},
        {engines[1].subject.name, changes_no_bit, NULL, NULL, (void *)(size_t)&engines[1]},
        {engines[2].subject.name, changes_no_bit, NULL, NULL, (void *)(size_t)&engines[2]},
        {engines[3].subject.name, changes_no_bit, NULL, NULL, (void *)(size_t)&engines[3]},
        cmocka_unit_test(the_fused_engine_says_its_work),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
