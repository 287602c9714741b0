/* src/app: how a run ends before its last epoch, and what it keeps then, whatever
 * the chunks of epochs. */
#include "app/model_file.h"
#include "base/clock.h"
#include "model/schedule.h"
#include "runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- an engine whose state is its epoch ---- */

/* The first parameter counts the epochs, and is infinite from when `breaks` of them
 * are exceeded; the second sums their learning rates; the loss falls, and is nan from epoch `loses` on. Training goes on
 * from where the state says, or the test fails. */
static struct {
    float *state;
    uint32_t breaks, loses, evaluations;
    size_t n_floats;
    useconds_t reading; /* takes so long */
} fake;

static double loss_at(uint32_t epoch)
{
    return epoch >= fake.loses ? (double)NAN : 64.0 / epoch;
}

static xt_status fake_train(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    (void)err;
    assert_true(isinf(fake.state[0]) || fake.state[0] == (float)first);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (xt_epoch){.loss = loss_at(first + i + 1), .learning_rate = engine->rate_scale, .step = first + i + 1};
    if (!isinf(fake.state[0]))
        fake.state[0] = first + n > fake.breaks ? HUGE_VALF : (float)(first + n);
    fake.state[1] += (float)n * engine->rate_scale;
    return XT_OK;
}

static xt_status fake_read(xt_engine *engine, float *state, xt_err *err)
{
    (void)engine;
    (void)err;
    usleep(fake.reading);
    memcpy(state, fake.state, fake.n_floats * sizeof *state);
    return XT_OK;
}

static xt_status fake_write(xt_engine *engine, const float *state, xt_err *err)
{
    (void)engine;
    (void)err;
    memcpy(fake.state, state, fake.n_floats * sizeof *state);
    return XT_OK;
}

/* A row's loss is the distance from epoch 20. */
static xt_status fake_evaluate(xt_engine *engine, const float *inputs, const float *targets, size_t n_rows,
                               float *outputs, float *losses, xt_err *err)
{
    (void)inputs;
    (void)err;
    fake.evaluations++;
    memcpy(outputs, targets, n_rows * engine->plan->n_outputs * sizeof *outputs);
    for (size_t i = 0; i < n_rows; i++)
        losses[i] = 1 + fabsf(fake.state[0] - 20);
    return XT_OK;
}

static void make_fake(unit_job *j, uint32_t epochs, uint32_t first_chunk)
{
    unit_run_make(j, epochs);
    unit_run_hook(j, 0, NULL);
    unit_run_ops.train = fake_train;
    unit_run_ops.read_state = fake_read;
    unit_run_ops.write_state = fake_write;
    unit_run_ops.evaluate = fake_evaluate;
    j->engine->facts.first_chunk = first_chunk;
    fake.breaks = fake.loses = UINT32_MAX;
    fake.evaluations = 0;
    fake.reading = 0;
    fake.n_floats = unit_net_n_state(&j->net);
    fake.state = calloc(fake.n_floats, sizeof *fake.state);
    j->state[0] = j->state[1] = 0;
}

static void clear_fake(unit_job *j)
{
    free(fake.state);
    unit_run_clear(j);
}

/* What the model's first parameter says, and its metadata. */
static void assert_model(const unit_job *j, uint32_t epoch)
{
    xt_model_file model = {0};
    float params[65];
    assert_int_equal(xt_model_open("out/model.safetensors", &model, &unit_run_err), XT_OK);
    assert_int_equal(model.epoch, epoch);
    assert_int_equal(xt_model_params(&model, "m", &j->net.plan, params, &unit_run_err), XT_OK);
    assert_true(params[0] == (float)epoch);
    assert_true(j->state[0] == (float)epoch);
    assert_int_equal(j->result.kept_epoch, epoch);
    assert_true(j->result.saved);
    xt_model_close(&model);
}

static const uint32_t first_chunks[] = {1, 3, 50, 1000};

/* ---- limits and early stopping, from any chunk ---- */

static void a_limit_within_a_chunk(void **state)
{
    (void)state;
    static const xt_limit limit = {"loss", false, 1.5}; /* 64/43 is below */
    for (size_t i = 0; i < 4; i++) {
        unit_job j;
        make_fake(&j, 1000, first_chunks[i]);
        j.net.spec.limits = &limit;
        j.net.spec.n_limits = 1;
        assert_int_equal(unit_run_go(&j), XT_OK);
        assert_int_equal(j.result.epochs, 43);
        assert_string_equal(j.result.stopped, "stop_when loss below 1.5");
        assert_int_equal(unit_run_rows("out/loss.csv"), 43);
        assert_model(&j, 43);
        unit_run_status("finished", 43, true);
        json_t *record = unit_run_record();
        unit_run_member(record, "stopped", "stop_when loss below 1.5");
        assert_int_equal(json_integer_value(json_object_get(record, "kept_epoch")), 43);
        json_decref(record);
        clear_fake(&j);
    }
}

/* Epochs that are trained once more have the learning rate that they had, also where
 * the state is read but seldom. */
static void the_rates_of_a_way_back(void **state)
{
    (void)state;
    static const xt_limit limit = {"loss", false, 1.5};
    for (size_t i = 0; i < 8; i++) {
        unit_job j;
        make_fake(&j, 1000, first_chunks[i % 4]);
        unit_run_parts(&j, true, false);
        fake.reading = i < 4 ? 0 : 3000;
        j.net.spec.validate_every = 20;
        j.net.spec.limits = &limit;
        j.net.spec.n_limits = 1;
        /* val_loss is 1, then 21: it falls after epoch 40. */
        j.net.spec.schedule = xt_choose(&xt_schedules, "plateau");
        j.net.spec.schedule.text = "val_loss";
        j.net.spec.schedule.values[1] = 0.25f;
        j.net.spec.schedule.values[2] = 0;
        assert_int_equal(unit_run_go(&j), XT_OK);
        assert_int_equal(j.result.epochs, 43);
        assert_true(j.state[0] == 43 && j.state[1] == 40.75f);
        clear_fake(&j);
    }
}

/* The row that ends it has validation values and a line, whatever its epoch. */
static void the_last_row_is_validated(void **state)
{
    (void)state;
    static const xt_limit limit = {"loss", false, 1.5};
    for (size_t i = 0; i < 4; i++) {
        unit_job j;
        make_fake(&j, 1000, first_chunks[i]);
        unit_run_parts(&j, true, false);
        j.net.spec.n_metrics = 0;
        j.net.spec.validate_every = 40;
        j.net.spec.log_every = 500;
        j.net.spec.limits = &limit;
        j.net.spec.n_limits = 1;
        j.run.lines = true;
        assert_int_equal(unit_run_go_to(&j, "lines"), XT_OK);
        unit_run_same_text("lines", "epoch     1/1000  loss 64\nepoch    43/1000  loss 1.4883721  val_loss 24\n");
        char *csv = unit_run_without_seconds("out/loss.csv");
        assert_non_null(strstr(csv, "\n39,1.64102564,,1,39\n40,1.6,21,1,40\n41,1.56097561,,1,41\n"
                                    "42,1.52380952,,1,42\n43,1.48837209,24,1,43\n"));
        free(csv);
        assert_int_equal(fake.evaluations, 2);
        assert_model(&j, 43);
        clear_fake(&j);
    }
}

static void early_stopping_on_the_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        unit_job j;
        make_fake(&j, 1000, first_chunks[i]);
        /* 64/20 is the last loss that is better by 1 than one before it within 5 epochs. */
        j.net.spec.early_stopping = (xt_early_stopping){true, "loss", 5, 1, XT_MODE_AUTO, false};
        assert_int_equal(unit_run_go(&j), XT_OK);
        assert_string_equal(j.result.stopped, "early_stopping");
        json_t *record = unit_run_record();
        assert_true(unit_run_number(record, "best", "epoch") == 20);
        assert_int_equal(j.result.epochs, 25);
        assert_true(unit_run_number(record, "final", "loss") < unit_run_number(record, "best", "loss"));
        json_decref(record);
        assert_model(&j, 25);
        clear_fake(&j);
    }
}

/* val_loss is least at epoch 20: the model is that epoch's, and the test rows' loss. */
static void the_best_is_restored(void **state)
{
    (void)state;
    static const xt_early_stopping early = {true, "val_loss", 7, 0, XT_MODE_AUTO, true};
    for (size_t i = 0; i < 4; i++) {
        unit_job j;
        make_fake(&j, 1000, first_chunks[i]);
        unit_run_parts(&j, true, true);
        j.net.spec.n_metrics = 0;
        j.net.spec.early_stopping = early;
        j.net.spec.log_every = 1000;
        j.run.lines = true;
        assert_int_equal(unit_run_go_to(&j, "lines"), XT_OK);
        assert_int_equal(j.result.epochs, 27);
        assert_model(&j, 20);
        unit_run_same_text("lines", "epoch     1/1000  loss 64  val_loss 20\nepoch    27/1000  loss 2.3703704  val_loss 8\n"
                                    "test  loss 1\n");
        assert_true(j.result.tested && j.result.test.loss == 1);
        json_t *record = unit_run_record();
        assert_int_equal(json_integer_value(json_object_get(record, "kept_epoch")), 20);
        unit_run_member(record, "stopped", "early_stopping");
        assert_true(unit_run_number(record, "best", "epoch") == 20 && unit_run_number(record, "best", "val_loss") == 1);
        assert_true(unit_run_number(record, "best", "loss") == 3.2);
        assert_true(unit_run_number(record, "final", "epoch") == 27 && unit_run_number(record, "final", "val_loss") == 8);
        assert_true(unit_run_number(record, "test", "loss") == 1);
        json_decref(record);
        clear_fake(&j);
    }
}

/* Also at the last epoch, by a signal and by time. */
static void the_best_however_it_ends(void **state)
{
    (void)state;
    unit_job j;
    make_fake(&j, 25, 1);
    unit_run_parts(&j, true, true);
    j.net.spec.early_stopping = (xt_early_stopping){true, "val_loss", 100, 0, XT_MODE_AUTO, true};
    assert_int_equal(unit_run_go(&j), XT_OK);
    assert_int_equal(j.result.epochs, 25);
    assert_string_equal(j.result.stopped, "");
    assert_model(&j, 20);
    clear_fake(&j);
    make_fake(&j, 1000000, 1);
    unit_run_parts(&j, true, true);
    j.net.spec.early_stopping = (xt_early_stopping){true, "val_loss", 1000000, 0, XT_MODE_AUTO, true};
    j.run.max_time = xt_seconds() + 0.2;
    assert_int_equal(unit_run_go(&j), XT_TIME_UP);
    assert_true(j.result.epochs > 20);
    assert_model(&j, 20);
    clear_fake(&j);
}

static uint32_t interrupt_at;

static xt_status train_and_interrupt(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    if (first < interrupt_at && interrupt_at <= first + n)
        unit_run_stop = SIGINT;
    return fake_train(engine, first, n, rows, err);
}

static void nothing_is_asked_of_what_was_interrupted(void **state)
{
    (void)state;
    xt_requirement wanted;
    unit_job j;
    make_fake(&j, 1000, 1);
    unit_run_parts(&j, true, true);
    assert_int_equal(xt_require_parse(&j.net.spec, "test_loss<0", &wanted, &unit_run_err), XT_OK);
    j.run.requirements = &wanted;
    j.run.n_requirements = 1;
    unit_run_ops.train = train_and_interrupt;
    interrupt_at = 33;
    assert_int_equal(unit_run_go(&j), XT_OK);
    assert_int_equal(j.result.signal, SIGINT);
    assert_false(j.result.tested);
    assert_int_equal(j.result.epochs, 33);
    assert_model(&j, 33);
    clear_fake(&j);
}

/* ---- diverged ---- */

static void keeps_the_last_good(uint32_t breaks, uint32_t loses, uint32_t epochs, uint32_t chunk, useconds_t reading)
{
    unit_job j;
    char message[300];
    uint32_t good = breaks < loses ? breaks : loses - 1, ends = loses <= epochs ? loses : epochs;
    make_fake(&j, epochs, chunk);
    fake.breaks = breaks;
    fake.loses = loses;
    fake.reading = reading;
    assert_int_equal(unit_run_go(&j), XT_DIVERGED);
    assert_int_equal(j.result.epochs, ends);
    assert_int_equal(unit_run_rows("out/loss.csv"), ends);
    unit_run_status("diverged", ends, good > 0);
    if (good)
        assert_model(&j, good);
    int n = loses <= epochs ? snprintf(message, sizeof message, "diverged: the loss of epoch %u is not finite; a smaller "
                                                                "learning_rate may help", loses)
                            : snprintf(message, sizeof message, "diverged: the last update left weights that are not "
                                                                "finite; a smaller learning_rate may help");
    if (good)
        snprintf(message + n, sizeof message - (size_t)n,
                 "\nthe weights of epoch %u are kept as out/model.safetensors", good);
    assert_string_equal(unit_run_err.text, message);
    clear_fake(&j);
    assert_int_equal(system("rm -r out"), 0);
}

/* Whether weights break before the loss shows it, with it, or unnoticed until the end. */
static void the_last_good_weights_are_kept(void **state)
{
    (void)state;
    static const uint32_t rows[][2] = {{0, 1}, {0, 7}, {1, 2}, {1, 900}, {5, 6}, {5, 5000}, {64, 65}, {63, 80}, {299, 301},
                                       {299, 5000}, {UINT32_MAX, 1}, {UINT32_MAX, 2}, {UINT32_MAX, 78}, {UINT32_MAX, 300}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t k = 0; k < 4; k++)
            keeps_the_last_good(rows[i][0], rows[i][1], 300, first_chunks[k], 0);
    /* Where the state is read but seldom. */
    keeps_the_last_good(200, 250, 300, 1, 2000);
    keeps_the_last_good(200, 5000, 300, 1, 2000);
}

/* More epochs behind the good state than rows have room. */
static void a_long_way_back(void **state)
{
    (void)state;
    keeps_the_last_good(190000, 199999, 200000, 65536, 20000);
    keeps_the_last_good(65536, 65537, 200000, 65536, 0);
}

/* The best state is kept as ever where there is one. */
static void diverged_after_the_best(void **state)
{
    (void)state;
    unit_job j;
    make_fake(&j, 100, 1);
    unit_run_parts(&j, true, true);
    fake.loses = 31;
    j.net.spec.early_stopping = (xt_early_stopping){true, "val_loss", 50, 0, XT_MODE_AUTO, true};
    assert_int_equal(unit_run_go(&j), XT_DIVERGED);
    assert_string_equal(unit_run_err.text,
                        "diverged: the loss of epoch 31 is not finite; a smaller learning_rate may help\n"
                        "the weights of epoch 20 are kept as out/model.safetensors");
    assert_model(&j, 20);
    assert_false(j.result.tested);
    clear_fake(&j);
    assert_int_equal(system("rm -r out"), 0);
    /* An improvement whose weights are broken is none. */
    make_fake(&j, 100, 1);
    unit_run_parts(&j, true, false);
    fake.breaks = 8;
    j.net.spec.early_stopping = (xt_early_stopping){true, "loss", 50, 0, XT_MODE_AUTO, true};
    assert_int_equal(unit_run_go(&j), XT_DIVERGED);
    assert_string_equal(unit_run_err.text, "diverged: the updates of epoch 9 left weights that are not finite; a smaller "
                                           "learning_rate may help\n"
                                           "the weights of epoch 8 are kept as out/model.safetensors");
    assert_int_equal(unit_run_rows("out/loss.csv"), 9);
    assert_model(&j, 8);
    clear_fake(&j);
}

/* ---- time ---- */

static void time_is_up(void **state)
{
    (void)state;
    xt_requirement wanted;
    unit_job j;
    make_fake(&j, 1000, 4);
    unit_run_parts(&j, false, true);
    assert_int_equal(xt_require_parse(&j.net.spec, "loss<0", &wanted, &unit_run_err), XT_OK);
    j.run.requirements = &wanted;
    j.run.n_requirements = 1;
    j.run.max_time = 1e-9; /* is over: there is one chunk all the same */
    assert_int_equal(unit_run_go(&j), XT_TIME_UP);
    assert_int_equal(j.result.epochs, 4);
    unit_run_said("--max-time: the time was up after epoch 4 of 1000\n"
                  "the weights of epoch 4 are kept as out/model.safetensors\n"
                  "out/last.safetensors holds epoch 4; --resume goes on from there");
    unit_run_status("max_time", 4, true);
    assert_model(&j, 4);
    json_t *record = unit_run_record();
    unit_run_member(record, "stopped", "max_time");
    assert_true(json_is_null(json_object_get(record, "test")));
    json_decref(record);
    clear_fake(&j);
    /* After the last epoch it does not matter any more. */
    make_fake(&j, 4, 4);
    j.run.max_time = 1e-9;
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_status("finished", 4, true);
    clear_fake(&j);
    make_fake(&j, 50, 4);
    j.run.max_time = 3600 + xt_seconds();
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_status("finished", 50, true);
    clear_fake(&j);
}

/* ---- requirements ---- */

static xt_status run_requiring(unit_job *j, const char *text)
{
    xt_requirement wanted;
    if (xt_require_parse(&j->net.spec, text, &wanted, &unit_run_err))
        fail_msg("%s", unit_run_err.text);
    j->run.requirements = &wanted;
    j->run.n_requirements = 1;
    return unit_run_go(j);
}

/* Of the last epoch, or of the best one where it is restored, also where that was not validated as it passed. */
static void requirements_are_of_the_model(void **state)
{
    (void)state;
    static const struct { const char *text, *monitor, *message; } rows[] = {
        {"loss<2.57", NULL, NULL},
        {"loss>2.57", NULL, "required loss > 2.57, but it is 2.56"},
        {"val_loss>=6", NULL, NULL},
        {"val_loss<6", NULL, "required val_loss < 6, but it is 6"},
        {"val_loss<=1", "val_loss", NULL},
        {"loss<3.2", "val_loss", "required loss < 3.2, but it is 3.2"},
        {"test_loss<=1", "val_loss", NULL},
        {"test_loss>1", "val_loss", "required test_loss > 1, but it is 1"},
        {"val_loss<=5", "loss", NULL},
        {"val_loss<4", "loss", "required val_loss < 4, but it is 5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unit_job j;
        make_fake(&j, 25, 5);
        unit_run_parts(&j, true, true);
        j.net.spec.validate_every = 5;
        /* 64/24 is the last loss that is so much better than the one before. */
        if (rows[i].monitor)
            j.net.spec.early_stopping = (xt_early_stopping){true, rows[i].monitor, 99, 0, XT_MODE_AUTO, true};
        if (rows[i].monitor && strcmp(rows[i].monitor, "loss") == 0)
            j.net.spec.early_stopping.min_delta = 0.107f;
        assert_int_equal(run_requiring(&j, rows[i].text), rows[i].message ? XT_NOT_MET : XT_OK);
        if (rows[i].message)
            assert_string_equal(unit_run_err.text, rows[i].message);
        unit_run_status("finished", 25, true);
        unit_run_files("out", "config.yaml last.safetensors loss.csv model.safetensors run.json ");
        clear_fake(&j);
        assert_int_equal(system("rm -r out"), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_limit_within_a_chunk),
        IN_SCRATCH(the_rates_of_a_way_back),
        IN_SCRATCH(the_last_row_is_validated),
        IN_SCRATCH(early_stopping_on_the_loss),
        IN_SCRATCH(the_best_is_restored),
        IN_SCRATCH(the_best_however_it_ends),
        IN_SCRATCH(nothing_is_asked_of_what_was_interrupted),
        IN_SCRATCH(the_last_good_weights_are_kept),
        IN_SCRATCH(a_long_way_back),
        IN_SCRATCH(diverged_after_the_best),
        IN_SCRATCH(time_is_up),
        IN_SCRATCH(requirements_are_of_the_model),
    };
    return cmocka_run_group_tests_name("run ends", tests, NULL, NULL);
}
