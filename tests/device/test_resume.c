/* Engines that compute on a device: a training that is interrupted and goes on has
 * the bits of one that never was. */
#include "net.h"

#include "../unit/trainings.h"

#include <string.h>

static const char yaml[] = "name: r\n"
                           "seed: 3\n"
                           "data:\n"
                           "  train: {generate: sine, samples: 23, noise: 0.25}\n"
                           "  validation: {generate: sine, samples: 7}\n"
                           "model: {layers: [{units: 5, activation: tanh}, {units: 1}]}\n"
                           "loss: mse\n"
                           "train: {epochs: 7, batch_size: 4}\n";

#define MOMENTUM "optimizer={type: sgd, learning_rate: 0.05, momentum: 0.9}"
#define ADAM "optimizer={type: adam, learning_rate: 0.03}", "schedule={type: cosine, warmup: 2}", "model.dropout=0.25"
#define PLATEAU "schedule={type: plateau, monitor: val_loss, factor: 0.5, patience: 1}", "checkpoint.best=val_loss"

static const struct resume_row { const char *name, *sets[UNIT_MAX_SETS]; } rows[] = {
    {"fused, momentum", {"engine=fused", MOMENTUM}},
    {"fused, adam with dropout and a schedule", {"engine=fused", ADAM}},
    {"fused, plateau and a best epoch", {"engine=fused", MOMENTUM, PLATEAU}},
    {"gemm, momentum", {"engine=gemm", MOMENTUM}},
    {"gemm, adam with dropout and a schedule", {"engine=gemm", ADAM}},
};

static void goes_on_with_the_same_bits(void **state)
{
    const struct resume_row *row = *state;
    unit_doing straight = {.dir = "straight"}, then = {.resume = true};
    unit_training_begin();
    memcpy(straight.sets, row->sets, sizeof row->sets);
    memcpy(then.sets, row->sets, sizeof row->sets);
    unit_training_runs(yaml, &straight);
    for (uint32_t epoch = 1; epoch <= 7; epoch += 2) {
        unit_doing first = {.every = epoch, .stop_at = epoch};
        memcpy(first.sets, row->sets, sizeof row->sets);
        unit_training_runs(yaml, &first);
        assert_int_equal(unit_training_result.checkpoint, epoch);
        unit_training_runs(yaml, &then);
        assert_int_equal(unit_training_result.resumed_after, epoch);
        unit_training_said("");
        unit_training_same("out", "straight");
        unit_shell("rm -r out");
    }
}

/* An engine that fails in the middle leaves an older epoch, and no other bits. */
static void goes_on_after_a_failure(void **state)
{
    const struct resume_row *row = *state;
    unit_doing straight = {.dir = "straight"}, fails = {.every = 2, .fail_at = 5}, then = {.resume = true};
    unit_training_begin();
    memcpy(straight.sets, row->sets, sizeof row->sets);
    memcpy(fails.sets, row->sets, sizeof row->sets);
    memcpy(then.sets, row->sets, sizeof row->sets);
    unit_training_runs(yaml, &straight);
    assert_int_equal(unit_training_run(yaml, &fails), XT_FAILED);
    assert_int_equal(unit_training_result.checkpoint, 4);
    unit_training_runs(yaml, &then);
    unit_training_same("out", "straight");
}

int main(void)
{
    if (unit_run_enter(NULL))
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unit_case(goes_on_with_the_same_bits, &rows[i], "%s", rows[i].name);
        unit_case(goes_on_after_a_failure, &rows[i], "%s, after a failure", rows[i].name);
    }
    int failed = unit_run("resume on a device");
    return unit_run_leave(NULL) || failed;
}
