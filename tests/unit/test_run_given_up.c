/* src/app: a long epoch that is given up when the end is wanted, and what is left then. */
#include "trainings.h"
#include "cases.h"

#include <signal.h>
#include <unistd.h>

/* 2300 batches an epoch: four slow ones at its begin make one of many seconds of it. An epoch is a chunk, as each is
 * validated. */
static const char yaml[] = "name: r\n"
                           "seed: 3\n"
                           "engine: reference\n"
                           "data:\n"
                           "  train: {generate: sine, samples: 2300, noise: 0.25}\n"
                           "  validation: {generate: sine, samples: 7, noise: 0.25}\n"
                           "model: {layers: [{units: 5, activation: tanh}, {units: 1}], dropout: 0.25}\n"
                           "loss: mse\n"
                           "optimizer: {type: adam, learning_rate: 0.001}\n"
                           "train: {epochs: 5, batch_size: 1}\n";

static const struct row {
    const char *name;
    unit_doing doing; /* every: the state is read after each epoch, whatever that takes */
    uint32_t before; /* epochs of a run before, which it goes on from */
    uint32_t epochs; /* that it has in the end */
} rows[] = {
    {"a signal at the begin of a long epoch", {.slow_at = 3, .slow_batch = 8, .every = 1}, 0, 2},
    {"of the first one", {.slow_at = 1, .slow_batch = 8}, 0, 0},
    {"of the first one after resuming", {.slow_at = 3, .slow_batch = 8, .resume = true}, 2, 2},
    {"at the end of an epoch", {.slow_at = 3, .slow_batch = 2295}, 0, 3},
    {"where the state is read but seldom", {.slow_at = 3, .slow_batch = 8, .reading = 100000}, 0, 3},
    {"where it broke off and the best is kept",
     {.slow_at = 4, .slow_batch = 8, .every = 1, .sets = {"early_stopping={monitor: val_loss, patience: 20}"}}, 0, 3},
    {"where the learning rate fell",
     {.slow_at = 4, .slow_batch = 8, .every = 1,
      .sets = {"schedule={type: plateau, monitor: loss, factor: 0.5, patience: 0, min_delta: 10}"}}, 0, 3},
    {"the time is up in a long epoch", {.slow_at = 3, .slow_batch = 8, .every = 1, .late = true}, 0, 2},
    {"in the first one", {.slow_at = 1, .slow_batch = 8, .late = true}, 0, 1},
    {"in the first one after resuming", {.slow_at = 3, .slow_batch = 8, .late = true, .resume = true}, 2, 3},
    {"at the end of one", {.slow_at = 3, .slow_batch = 2295, .late = true}, 0, 3},
};

static void with_sets(const struct row *row, unit_doing *doing)
{
    for (size_t i = 0; i < UNIT_MAX_SETS; i++)
        doing->sets[i] = row->doing.sets[i];
}

/* What it leaves is the run until then, and goes on to the bits of a run that nothing stopped. */
static void given_up(void **state)
{
    const struct row *row = *state;
    unit_doing whole = {.dir = "whole"}, until = {.dir = "until", .stop_at = row->epochs}, rest = {.resume = true};
    unit_doing before = {.stop_at = row->before};
    with_sets(row, &whole);
    with_sets(row, &until);
    with_sets(row, &rest);
    with_sets(row, &before);
    unit_training_begin();
    unit_training_runs(yaml, &whole);
    if (row->before)
        unit_training_runs(yaml, &before);
    assert_int_equal(unit_training_run(yaml, &row->doing), row->doing.late ? XT_TIME_UP : XT_OK);
    assert_int_equal(unit_training_result.signal, row->doing.late ? 0 : SIGINT);
    assert_int_equal(unit_training_result.epochs, row->epochs);
    assert_int_equal(unit_run_rows("out/loss.csv"), row->epochs);
    assert_int_equal(unit_run_exists("out/model.safetensors"), row->epochs > 0);
    if (row->epochs) {
        assert_int_equal(unit_training_epoch("out/last.safetensors"), row->epochs);
        unit_training_runs(yaml, &until);
        unit_shell("cmp out/model.safetensors until/model.safetensors");
    }
    unit_training_runs(yaml, &rest);
    unit_training_same("out", "whole");
}

/* It says so: with the batch and what the rest would have taken, which are not the same from run to run. */
static void it_is_told(void **state)
{
    (void)state;
    unit_training_begin();
    unit_training_runs(yaml, &rows[0].doing);
    unit_shell("grep -qE '^xortrain: epoch 3 is given up at batch [0-9]+ of 2300: the rest would take [0-9]+ s$' said");
    unit_training_runs(yaml, &rows[3].doing);
    unit_shell("! grep 'given up' said");
}

int main(void)
{
    if (unit_run_enter(NULL) != 0)
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        unit_case(given_up, &rows[i], "given_up %s", rows[i].name);
    UNIT_CASE(it_is_told);
    int failed = unit_run("given up");
    return unit_run_leave(NULL) || failed;
}
