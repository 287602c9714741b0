/* src/app: a training that was interrupted and goes on ends in the bits of one
 * that never was: after every epoch, whatever its configuration holds. */
#include "trainings.h"

#include "model/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In place of the C library's: hundreds of runs would wait for the disk alone. What is synced is for test_checkpoint. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

/* 23 rows in batches of 4: the last one is short. */
static const char base[] = "name: r\n"
                           "seed: 3\n"
                           "engine: reference\n"
                           "data:\n"
                           "  train: {generate: sine, samples: 23, noise: 0.25}\n"
                           "  validation: {generate: sine, samples: 7, noise: 0.25}\n"
                           "  test: {generate: sine, samples: 5}\n"
                           "model: {layers: [{units: 5, activation: tanh}, {units: 1}]}\n"
                           "loss: mse\n"
                           "optimizer: {type: sgd, learning_rate: 0.1}\n"
                           "train: {epochs: 9, batch_size: 4}\n";

/* ---- every configuration, every epoch ---- */

typedef struct config_row {
    const char *name, *sets[UNIT_MAX_SETS];
    uint32_t ends; /* after this epoch, 0: with the last one */
} config_row;

#define STOPPING(monitor, rest) "early_stopping={monitor: " monitor ", " rest "}"
#define ALONE "data={train: {generate: sine, samples: 23}}"
#define ADAM "optimizer={type: adam, learning_rate: 0.03}"
#define MOMENTUM "optimizer={type: sgd, learning_rate: 0.05, momentum: 0.9, nesterov: true}"

static const config_row config_rows[] = {
    {"plain", {"data.shuffle=false"}, 0},
    {"nothing held back", {ALONE}, 0},
    {"nothing held back, everything random", {ALONE, ADAM, "model.dropout=0.25", "schedule={type: one_cycle}"}, 0},
    {"nothing held back, stop_when", {ALONE, MOMENTUM, "stop_when={loss: {below: 0.25}}"}, 1},
    {"momentum, shuffled", {MOMENTUM}, 0},
    {"dropout and penalties", {ADAM, "model.dropout=0.25", "model.l1=1e-3", "model.l2=1e-3"}, 0},
    {"cosine with a warm-up", {ADAM, "schedule={type: cosine, warmup: 3}", "model.dropout=0.5"}, 0},
    {"step by updates", {"schedule={type: step, size: 11, unit: step}"}, 0},
    {"exponential", {"schedule={type: exponential, gamma: 0.7}"}, 0},
    {"plateau of val_loss", {"schedule={type: plateau, monitor: val_loss, factor: 0.5, patience: 1}"}, 0},
    {"plateau of the loss", {MOMENTUM, "schedule={type: plateau, monitor: loss, factor: 0.5, patience: 1, cooldown: 1}"}, 0},
    {"best of val_loss restored", {MOMENTUM, STOPPING("val_loss", "patience: 20")}, 0},
    {"best of the loss restored", {MOMENTUM, STOPPING("loss", "patience: 20, min_delta: 0.01")}, 0},
    {"stopped early", {STOPPING("val_loss", "patience: 2, min_delta: 0.05, restore_best: false")}, 1},
    {"stopped early, restored", {STOPPING("val_loss", "patience: 3, min_delta: 0.05")}, 1},
    {"stopped early by the loss", {STOPPING("loss", "patience: 2, min_delta: 0.1")}, 1},
    {"stop_when", {"stop_when={loss: {below: 0.25}}"}, 1},
    {"stop_when, seldom validated", {"stop_when={loss: {below: 0.25}}", "train.validate_every=4"}, 1},
    {"validated every third epoch", {"train.validate_every=3", "checkpoint.best=val_loss"}, 0},
    {"best.safetensors of the loss", {"checkpoint.best=loss"}, 0},
    {"best.safetensors and early stopping", {MOMENTUM, "checkpoint={best: val_loss, keep: 1}", STOPPING("val_loss", "patience: 20")}, 0},
    {"post_update", {"train.loss_report=post_update"}, 0},
    {"eval", {"train.loss_report=eval", "metrics=[mae, rmse]"}, 0},
    {"metrics", {"metrics=[mae, r2]", "checkpoint.best=val_r2"}, 0},
    {"clip_norm", {"train.clip_norm=0.3", MOMENTUM}, 0},
    {"clip_value", {"train.clip_value=0.05", ADAM}, 0},
    {"one batch", {"train.batch_size=23"}, 0},
};

static void interrupted_and_gone_on(const config_row *row, uint32_t epoch, uint32_t epochs)
{
    /* By turns with a checkpoint that is due, and with that of the end alone. */
    unit_doing first = {.every = epoch % 2 ? epoch : 0, .first_chunk = epoch, .stop_at = epoch};
    unit_doing then = {.resume = true, .first_chunk = 1 + epoch % 3};
    memcpy(first.sets, row->sets, sizeof row->sets);
    memcpy(then.sets, row->sets, sizeof row->sets);
    unit_training_runs(base, &first);
    uint32_t stopped = unit_training_result.epochs;
    assert_true(stopped >= epoch && (!first.every || stopped == epoch));
    assert_int_equal(unit_training_result.checkpoint, stopped);
    unit_training_runs(base, &then);
    assert_int_equal(unit_training_result.resumed_after, stopped);
    assert_int_equal(unit_training_result.epochs, epochs);
    unit_training_same("out", "straight");
    unit_training_said("");
    unit_shell("rm -r out");
}

static void after_every_epoch(void **state)
{
    const config_row *row = *state;
    unit_training_begin();
    unit_doing straight = {.dir = "straight"};
    memcpy(straight.sets, row->sets, sizeof row->sets);
    unit_training_runs(base, &straight);
    uint32_t epochs = unit_training_result.epochs;
    assert_int_equal(epochs < 9, row->ends);
    for (uint32_t epoch = 1; epoch <= epochs; epoch++)
        interrupted_and_gone_on(row, epoch, epochs);
}

/* Every optimiser's state comes back. */
static void every_optimizer(void **state)
{
    char set[80];
    unit_training_begin();
    const config_row row = {*state, {set}, 0};
    snprintf(set, sizeof set, "optimizer={type: %s, learning_rate: 0.01}", row.name);
    unit_training_runs(base, &(unit_doing){.dir = "straight", .sets = {set}});
    for (uint32_t epoch = 1; epoch <= 9; epoch += 4)
        interrupted_and_gone_on(&row, epoch, 9);
}

/* ---- interrupted more than once, killed, damaged ---- */

#define EVERYTHING ADAM, "schedule={type: cosine, warmup: 2}", "model.dropout=0.25", "checkpoint.best=val_loss", "metrics=mae"

static void run_straight(void)
{
    unit_training_begin();
    unit_training_runs(base, &(unit_doing){.dir = "straight", .sets = {EVERYTHING}});
}

static void interrupted_again_and_again(void **state)
{
    (void)state;
    run_straight();
    for (uint32_t epoch = 1; epoch < 9; epoch++) {
        unit_doing doing = {.resume = true, .every = epoch, .stop_at = epoch, .sets = {EVERYTHING}};
        unit_training_runs(base, &doing);
        assert_int_equal(unit_training_result.epochs, epoch);
        if (epoch == 1)
            unit_training_said("xortrain: out: no checkpoint to go on from; training from the beginning\n");
    }
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {EVERYTHING}});
    unit_training_same("out", "straight");
    json_t *record = unit_training_record("out");
    assert_int_equal(json_integer_value(json_object_get(record, "resumed")), 8);
    json_decref(record);
    /* What has finished is only written again. */
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {EVERYTHING}});
    assert_int_equal(unit_training_result.resumed_after, 9);
    unit_training_same("out", "straight");
}

/* As a process that is killed leaves them. */
static void copy_files(void)
{
    unit_shell("rm -rf killed; cp -r out killed");
}

/* Rows of a run whose checkpoint is older, and half of one. */
static void killed_behind_its_checkpoint(void **state)
{
    (void)state;
    run_straight();
    for (uint32_t every = 2; every <= 4; every++)
        for (uint32_t more = 0; more <= 3; more++) {
            unit_training_runs(base, &(unit_doing){.every = every, .look_at = 2 * every + 1, .look = copy_files,
                                                   .sets = {EVERYTHING}});
            assert_int_equal(unit_training_epoch("killed/last.safetensors"), 2 * every);
            assert_int_equal(unit_training_epoch("killed/previous.safetensors"), every);
            json_t *record = unit_training_record("killed");
            unit_run_member(record, "status", "running");
            json_decref(record);
            if (more)
                unit_shell("tail -n +%u straight/loss.csv | head -n %u | head -c -9 >>killed/loss.csv", 2 * every + 2,
                           more < 9 - 2 * every ? more : 9 - 2 * every);
            if (every == 4)
                unit_shell(": >killed/last.safetensors.tmp.1.0");
            unit_training_runs(base, &(unit_doing){.dir = "killed", .resume = true, .sets = {EVERYTHING}});
            assert_int_equal(unit_training_result.resumed_after, 2 * every);
            unit_training_said("");
            unit_training_same("killed", "straight");
            unit_run_files("killed", "best.safetensors config.yaml last.safetensors loss.csv model.safetensors "
                                     "previous.safetensors run.json ");
        }
}

/* A last checkpoint that is cut or gone: the one before, whichever epoch it is of, and it stays as it is until a
 * sound one is there. */
static void the_last_one_is_damaged(void **state)
{
    (void)state;
    static const long cuts[] = {0, 1, 8, 9, 400, 2000, -1, -5, -300};
    char said[300];
    run_straight();
    for (size_t i = 0; i <= sizeof cuts / sizeof cuts[0]; i++) {
        bool gone = i == sizeof cuts / sizeof cuts[0];
        unit_training_runs(base, &(unit_doing){.every = 3, .stop_at = 6, .sets = {EVERYTHING}});
        if (gone)
            unit_shell("rm out/last.safetensors");
        else
            unit_shell("head -c %ld out/last.safetensors >cut; mv cut out/last.safetensors", cuts[i]);
        unit_training_runs(base, &(unit_doing){.resume = true, .every = 3, .look_at = 7, .look = copy_files,
                                               .sets = {EVERYTHING}});
        assert_int_equal(unit_training_result.resumed_after, 3);
        unit_training_same("out", "straight");
        /* The first checkpoint after it is that of epoch 6. */
        assert_int_equal(unit_training_epoch("killed/previous.safetensors"), 3);
        assert_int_equal(unit_training_epoch("killed/last.safetensors"), 6);
        assert_int_equal(unit_training_epoch("out/previous.safetensors"), 6);
        if (!gone)
            continue;
        snprintf(said, sizeof said, "xortrain: warning: out/last.safetensors is missing; going on from "
                                    "out/previous.safetensors, after epoch 3\n");
        unit_training_said(said);
    }
}

/* loss.csv is cut to the epoch that it went back to: no checkpoint may stand that is ahead of it. */
static void back_to_the_one_before(void **state)
{
    (void)state;
    run_straight();
    unit_training_runs(base, &(unit_doing){.every = 3, .stop_at = 6, .sets = {EVERYTHING}});
    assert_int_equal(unit_training_epoch("out/last.safetensors"), 6);
    unit_training_runs(base, &(unit_doing){.resume = true, .file = "out/previous.safetensors", .look_at = 4,
                                           .look = copy_files, .sets = {EVERYTHING}});
    assert_int_equal(unit_training_result.resumed_after, 3);
    assert_int_equal(unit_training_epoch("killed/last.safetensors"), 3);
    unit_training_same("out", "straight");
}

/* ---- the engine fails ---- */

/* Whether its state was read after every epoch or seldom: the checkpoint is of one that it had finished. */
static void fails_and_goes_on(uint32_t epoch, uint32_t every, uint32_t reading)
{
    unit_doing doing = {.fail_at = epoch, .every = every, .reading = reading, .sets = {EVERYTHING}};
    char message[200];
    assert_int_equal(unit_training_run(base, &doing), XT_FAILED);
    uint32_t kept = unit_training_result.checkpoint;
    assert_true(kept >= (every ? (epoch - 1) / every * every : 0) && kept < epoch);
    snprintf(message, sizeof message, "the device is lost\n"
                                      "out/last.safetensors holds epoch %u; --resume goes on from there", kept);
    assert_string_equal(unit_training_err.text, kept ? message : "the device is lost");
    assert_int_equal(kept > 0, unit_run_exists("out/last.safetensors"));
    if (kept)
        assert_int_equal(unit_training_epoch("out/last.safetensors"), kept);
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {EVERYTHING}});
    assert_int_equal(unit_training_result.resumed_after, kept);
    unit_training_same("out", "straight");
    unit_shell("rm -r out");
}

static void the_engine_fails(void **state)
{
    (void)state;
    run_straight();
    for (uint32_t epoch = 2; epoch <= 9; epoch++)
        for (uint32_t every = 0; every <= 3; every += 3)
            for (uint32_t reading = 0; reading <= 2000; reading += 2000)
                fails_and_goes_on(epoch, every, reading);
}

/* Without a best epoch to keep there always is one, however seldom the state is read. */
static void the_engine_fails_between_two_readings(void **state)
{
    (void)state;
    unit_training_begin();
    unit_training_runs(base, &(unit_doing){.dir = "straight", .sets = {ADAM}});
    for (uint32_t epoch = 2; epoch <= 9; epoch++) {
        unit_doing doing = {.fail_at = epoch, .reading = 2000, .sets = {ADAM}};
        assert_int_equal(unit_training_run(base, &doing), XT_FAILED);
        uint32_t kept = unit_training_result.checkpoint;
        assert_true(kept >= 1 && kept < epoch);
        unit_training_runs(base, &(unit_doing){.resume = true, .sets = {ADAM}});
        assert_int_equal(unit_training_result.resumed_after, kept);
        unit_training_same("out", "straight");
    }
}

/* Before there is any state to keep: what was there is there again, and goes on. */
static void the_engine_fails_at_first(void **state)
{
    (void)state;
    run_straight();
    unit_shell("cp -r straight out");
    assert_int_equal(unit_training_run(base, &(unit_doing){.fail_at = 1, .sets = {EVERYTHING}}), XT_FAILED);
    assert_string_equal(unit_training_err.text, "the device is lost");
    unit_shell("diff -r out straight");
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {EVERYTHING}});
    assert_int_equal(unit_training_result.resumed_after, 9);
    unit_training_same("out", "straight");
}

int main(void)
{
    if (unit_run_enter(NULL))
        return 1;
    for (size_t i = 0; i < sizeof config_rows / sizeof config_rows[0]; i++)
        unit_case(after_every_epoch, &config_rows[i], "after every epoch: %s", config_rows[i].name);
    for (size_t i = 0; i < xt_optimizers.n_rows; i++)
        unit_case(every_optimizer, xt_table_at(&xt_optimizers, i)->name, "%s", xt_table_at(&xt_optimizers, i)->name);
    UNIT_CASE(interrupted_again_and_again);
    UNIT_CASE(killed_behind_its_checkpoint);
    UNIT_CASE(the_last_one_is_damaged);
    UNIT_CASE(back_to_the_one_before);
    UNIT_CASE(the_engine_fails);
    UNIT_CASE(the_engine_fails_between_two_readings);
    UNIT_CASE(the_engine_fails_at_first);
    int failed = unit_run("resume");
    return unit_run_leave(NULL) || failed;
}
