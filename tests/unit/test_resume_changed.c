/* src/app, src/config: what a run may go on from: a checkpoint elsewhere, other
 * settings; and what it may not, with each difference in the message. */
#include "trainings.h"

#include "app/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char base[] = "name: r\n"
                           "seed: 3\n"
                           "engine: reference\n"
                           "data:\n"
                           "  train: {file: train.csv, targets: y}\n"
                           "  validation: {generate: sine, samples: 7}\n"
                           "model: {layers: [{units: 5, activation: tanh}, {units: 1}]}\n"
                           "loss: mse\n"
                           "optimizer: {type: sgd, learning_rate: 0.1}\n"
                           "train: {epochs: 9, batch_size: 4}\n";

static void begin(void)
{
    unit_training_begin();
    FILE *file = fopen("train.csv", "w");
    assert_non_null(file);
    fputs("x,y\n", file);
    for (int i = 0; i < 13; i++)
        fprintf(file, "%.2f,%.3f\n", i / 13.0, (i * i % 7) / 7.0);
    assert_int_equal(fclose(file), 0);
}

static void stop_at(uint32_t epoch)
{
    unit_training_runs(base, &(unit_doing){.every = epoch, .stop_at = epoch});
    assert_int_equal(unit_training_result.checkpoint, epoch);
}

static void assert_changes(const char *dir, const char *const *expected, size_t n)
{
    json_t *record = unit_training_record(dir), *changes = json_object_get(record, "changed_when_resumed");
    assert_int_equal(json_array_size(changes), n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(json_string_value(json_array_get(changes, i)), expected[i]);
    json_decref(record);
}

/* ---- from a file ---- */

static void from_another_directory(void **state)
{
    (void)state;
    begin();
    unit_training_runs(base, &(unit_doing){.dir = "straight"});
    stop_at(4);
    unit_training_runs(base, &(unit_doing){.dir = "other", .file = "out/last.safetensors"});
    unit_training_said("xortrain: other: there is no loss.csv; it will begin with epoch 5\n");
    unit_training_same_from("other", "straight", 5);
    /* Interrupted there, and gone on with. */
    unit_training_runs(base, &(unit_doing){.dir = "third", .file = "out/last.safetensors", .every = 7, .stop_at = 7});
    unit_training_runs(base, &(unit_doing){.dir = "third", .resume = true});
    unit_training_said("");
    assert_int_equal(unit_training_result.resumed_after, 7);
    unit_training_same_from("third", "straight", 5);
    json_t *record = unit_training_record("third");
    assert_int_equal(json_integer_value(json_object_get(record, "resumed")), 2);
    json_decref(record);
    /* The first one is as it was. */
    assert_int_equal(unit_training_epoch("out/last.safetensors"), 4);
    assert_int_equal(unit_run_rows("out/loss.csv"), 4);
}

/* Its own older one: loss.csv goes back with it. */
static void from_the_one_before(void **state)
{
    (void)state;
    begin();
    unit_training_runs(base, &(unit_doing){.dir = "straight"});
    unit_training_runs(base, &(unit_doing){.every = 3, .stop_at = 6});
    unit_training_runs(base, &(unit_doing){.file = "out/previous.safetensors"});
    assert_int_equal(unit_training_result.resumed_after, 3);
    unit_training_said("");
    unit_training_same("out", "straight");
}

static void without_its_loss_csv(void **state)
{
    (void)state;
    begin();
    unit_training_runs(base, &(unit_doing){.dir = "straight"});
    stop_at(4);
    unit_shell("rm out/loss.csv");
    unit_training_runs(base, &(unit_doing){.resume = true});
    unit_training_said("xortrain: out: there is no loss.csv; it will begin with epoch 5\n");
    unit_training_same_from("out", "straight", 5);
}

/* ---- other settings ---- */

typedef struct change_row {
    const char *name, *set;
    const char *lines[3]; /* what is noted; none: nothing depends on it */
} change_row;

static const change_row change_rows[] = {
    {"learning rate", "optimizer.learning_rate=0.05", {"optimizer.learning_rate: 0.05, was 0.1"}},
    {"momentum", "optimizer.momentum=0.5", {"optimizer.momentum: 0.5, was 0"}},
    {"schedule", "schedule=cosine", {"schedule.type: cosine, was constant", "schedule.over: 0, was not given",
                                    "schedule.end_factor: 0, was not given"}},
    {"clip_norm", "train.clip_norm=0.01", {"train.clip_norm: 0.01, was not given"}},
    {"stop_when", "stop_when={loss: {below: 0.001}}", {"stop_when.loss.below: 0.001, was not given"}},
    {"name", "name=s", {NULL}},
    {"log.every", "log.every=3", {NULL}},
    {"output.dir", "output.dir=elsewhere", {NULL}},
    {"checkpoint", "checkpoint={every: 2, keep: 1, every_seconds: 100}", {NULL}},
    {"device", "device=0:0", {NULL}},
};

static void another_setting(void **state)
{
    const change_row *row = *state;
    char texts[3][200];
    const char *lines[3];
    size_t n = 0;
    xt_buf said = {0};
    begin();
    stop_at(4);
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {row->set}});
    assert_int_equal(unit_training_result.resumed_after, 4);
    assert_int_equal(unit_run_rows("out/loss.csv"), 9);
    if (row->lines[0])
        xt_buf_puts(&said, "xortrain: out/last.safetensors: going on with other settings:\n");
    for (; n < 3 && row->lines[n]; n++) {
        xt_buf_printf(&said, "%s\n", row->lines[n]);
        snprintf(texts[n], sizeof texts[n], "epoch 4: %s", row->lines[n]);
        lines[n] = texts[n];
    }
    unit_training_said(xt_buf_text(&said));
    assert_changes("out", lines, n);
    xt_buf_clear(&said);
    /* They were taken. */
    char *csv = unit_run_text("out/loss.csv");
    assert_int_equal(strcmp(row->name, "learning rate") == 0, strstr(csv, ",0.05,") != NULL);
    free(csv);
}

/* Every resumption adds its own, and those of before stay. */
static void settings_change_again(void **state)
{
    (void)state;
    static const char *const lines[] = {"epoch 2: optimizer.learning_rate: 0.05, was 0.1", "epoch 2: train.clip_value: 1, was not given",
                                        "epoch 6: optimizer.learning_rate: 0.1, was 0.05"};
    begin();
    stop_at(2);
    unit_training_runs(base, &(unit_doing){.resume = true, .every = 6, .stop_at = 6,
                                           .sets = {"optimizer.learning_rate=0.05", "train.clip_value=1"}});
    assert_changes("out", lines, 2);
    unit_training_runs(base, &(unit_doing){.resume = true, .every = 8, .stop_at = 8, .sets = {"train.clip_value=1"}});
    assert_changes("out", lines, 3);
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {"train.clip_value=1"}});
    unit_training_said("");
    assert_changes("out", lines, 3);
    assert_int_equal(unit_training_result.epochs, 9);
}

/* A change that is made where nothing is left to train is in the checkpoint too. */
static void settings_of_a_finished_run(void **state)
{
    (void)state;
    static const char *const lines[] = {"epoch 9: optimizer.learning_rate: 0.05, was 0.1"};
    begin();
    unit_training_runs(base, &(unit_doing){.dir = NULL});
    for (size_t i = 0; i < 2; i++) {
        unit_training_runs(base, &(unit_doing){.resume = true, .sets = {"optimizer.learning_rate=0.05"}});
        assert_changes("out", lines, 1);
    }
    unit_training_said("");
}

/* ---- longer ---- */

static void more_epochs(void **state)
{
    (void)state;
    static const char *const lines[] = {"epoch 5: train.epochs: 9, was 5"};
    static const struct { const char *set; bool matters; } rows[] = {
        {"schedule=constant", false}, {"train.validate_every=2", true}, {"schedule={type: linear, end_factor: 0.5}", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        unit_training_runs(base, &(unit_doing){.dir = "straight", .sets = {rows[i].set}});
        unit_training_runs(base, &(unit_doing){.sets = {rows[i].set, "train.epochs=5"}});
        unit_training_runs(base, &(unit_doing){.resume = true, .sets = {rows[i].set}});
        assert_int_equal(unit_training_result.resumed_after, 5);
        assert_int_equal(unit_training_result.epochs, 9);
        assert_changes("out", lines, rows[i].matters);
        if (!rows[i].matters)
            unit_training_same("out", "straight");
    }
}

/* Of a model that was not trained at all there is a checkpoint too. */
static void from_no_epoch(void **state)
{
    (void)state;
    begin();
    unit_training_runs(base, &(unit_doing){.dir = "straight"});
    unit_training_runs(base, &(unit_doing){.sets = {"train.epochs=0"}});
    assert_int_equal(unit_training_epoch("out/last.safetensors"), 0);
    unit_training_runs(base, &(unit_doing){.resume = true});
    unit_training_said("");
    unit_training_same("out", "straight");
}

/* What had stopped early goes on where it may wait for longer. */
static void more_patience(void **state)
{
    (void)state;
    static const char longer[] = "early_stopping={monitor: val_loss, patience: 20, min_delta: 0.05}";
    char line[80];
    const char *const lines[] = {line};
    begin();
    unit_training_runs(base, &(unit_doing){.dir = "straight", .sets = {longer}});
    unit_training_runs(base, &(unit_doing){.sets = {"early_stopping={monitor: val_loss, patience: 2, min_delta: 0.05}"}});
    assert_string_equal(unit_training_result.stopped, "early_stopping");
    uint32_t stopped = unit_training_result.epochs;
    assert_true(stopped < 9);
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {longer}});
    assert_int_equal(unit_training_result.resumed_after, stopped);
    unit_training_same("out", "straight");
    snprintf(line, sizeof line, "epoch %u: early_stopping.patience: 20, was 2", stopped);
    assert_changes("out", lines, 1);
}

/* Its last checkpoint is one that was asked for before, and takes a smaller learning rate. */
static void diverged_and_gone_on(void **state)
{
    (void)state;
    begin();
    unit_doing doing = {.every = 2, .sets = {"optimizer.learning_rate=3", "train.epochs=400"}};
    assert_int_equal(unit_training_run(base, &doing), XT_DIVERGED);
    uint32_t kept = unit_training_result.checkpoint;
    assert_true(kept >= 2 && kept % 2 == 0 && kept < unit_training_result.epochs);
    assert_int_equal(unit_training_epoch("out/last.safetensors"), kept);
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {"optimizer.learning_rate=1e-30", "train.epochs=400"}});
    assert_int_equal(unit_training_result.resumed_after, kept);
    assert_int_equal(unit_training_result.epochs, 400);
    assert_int_equal(unit_run_rows("out/loss.csv"), 400);
}

/* ---- refused ---- */

typedef struct refused_row {
    const char *name, *shell; /* what happens to the files first */
    const char *sets[UNIT_MAX_SETS];
    xt_status status;
    const char *message; /* "..." stands for any text, once */
} refused_row;

#define HEAD "out/last.safetensors: this run is not the one that was saved there:\n"
#define FOOT "\nwithout --resume the run starts from the beginning; --out DIR leaves the files of the other one"

static const refused_row refused_rows[] = {
    {"units", ":", {"model.layers.0.units=6"}, XT_BAD_CONFIG, HEAD "  model.layers.0.units: 6, was 5" FOOT},
    {"loss", ":", {"loss=mae"}, XT_BAD_CONFIG, HEAD "  loss: mae, was mse" FOOT},
    {"seed", ":", {"seed=4"}, XT_BAD_CONFIG, HEAD "  seed: 4, was 3" FOOT},
    {"batch size", ":", {"train.batch_size=8"}, XT_BAD_CONFIG, HEAD "  train.batch_size: 8, was 4" FOOT},
    {"one layer more", ":", {"model.layers=[{units: 5, activation: tanh}, {units: 2}, {units: 1}]"}, XT_BAD_CONFIG,
     HEAD "  model.layers: 3 items, was 2 items" FOOT},
    {"several", ":", {"model.layers.0.units=6", "data.shuffle=false", "metrics=mae", "train.loss_report=eval"},
     XT_BAD_CONFIG, HEAD "  data.shuffle: false, was true\n  model.layers.0.units: 6, was 5\n"
                         "  train.loss_report: eval, was running\n  metrics: 1 items, was not given" FOOT},
    {"what is kept as best", ":", {"checkpoint.best=loss"}, XT_BAD_CONFIG, HEAD "  checkpoint.best: loss, was not given" FOOT},
    {"a row more", "echo 1,1 >>train.csv", {NULL}, XT_BAD_DATA,
     HEAD "  data.train: other contents (XXH3-128 ...)" FOOT},
    {"another digit", "sed -i 's/0.143/0.144/' train.csv", {NULL}, XT_BAD_DATA,
     HEAD "  data.train: other contents (XXH3-128 ...)" FOOT},
    {"a loss.csv that was changed", "sed -i '3s/,0/,1/' out/loss.csv", {NULL}, XT_BAD_DATA,
     "out/loss.csv: its losses until epoch 4 are not those of out/last.safetensors"},
    {"a loss.csv that lacks rows", "sed -i 4,5d out/loss.csv", {NULL}, XT_BAD_DATA,
     "out/loss.csv:4: ends before the row of epoch 3; expected rows up to epoch 4"},
    {"both damaged", "for f in last previous; do head -c 700 out/$f.safetensors >cut; cp cut out/$f.safetensors; done",
     {NULL}, XT_BAD_DATA, "out/last.safetensors: cut off: the header has ...bytes, the file 700"},
    {"damaged, and none before", "rm out/previous.safetensors; printf x >>out/last.safetensors", {NULL}, XT_BAD_DATA,
     "out/last.safetensors: 129 bytes of tensors where the header tells of 128\n"
     "there is no previous.safetensors to go on from; without --resume the run starts from the beginning"},
};

static void assert_like(const char *text, const char *expected)
{
    const char *gap = strstr(expected, "...");
    size_t before = gap ? (size_t)(gap - expected) : 0, after = gap ? strlen(gap + 3) : 0, n = strlen(text);
    if (gap && n >= before + after && strncmp(text, expected, before) == 0 && strcmp(text + n - after, gap + 3) == 0)
        return;
    assert_string_equal(text, expected);
}

/* Nothing changes on the disk. */
static void another_run_is_refused(void **state)
{
    const refused_row *row = *state;
    unit_doing doing = {.resume = true};
    memcpy(doing.sets, row->sets, sizeof row->sets);
    begin();
    unit_training_runs(base, &(unit_doing){.every = 2, .stop_at = 4});
    unit_shell("%s", row->shell);
    unit_shell("cp -r out copy");
    assert_int_equal(unit_training_run(base, &doing), row->status);
    assert_like(unit_training_err.text, row->message);
    unit_shell("diff -r out copy");
    /* What it says about another run works. */
    unit_training_runs(base, &(unit_doing){.dir = "new", .resume = true});
    assert_int_equal(unit_training_result.resumed_after, 0);
}

static void files_that_are_no_checkpoints(void **state)
{
    (void)state;
    begin();
    stop_at(4);
    assert_int_equal(unit_training_run(base, &(unit_doing){.file = "nope"}), XT_FAILED);
    assert_string_equal(unit_training_err.text, "cannot open nope: No such file or directory");
    assert_int_equal(unit_training_run(base, &(unit_doing){.file = "out/model.safetensors"}), XT_BAD_DATA);
    assert_string_equal(unit_training_err.text, "out/model.safetensors: a model, no checkpoint: it does not say where its "
                                                "training stands");
    assert_int_equal(unit_training_run(base, &(unit_doing){.file = "train.csv"}), XT_BAD_DATA);
    assert_int_equal(unit_training_epoch("out/last.safetensors"), 4);
}

static void fewer_epochs(void **state)
{
    (void)state;
    begin();
    stop_at(6);
    assert_int_equal(unit_training_run(base, &(unit_doing){.resume = true, .sets = {"train.epochs=5"}}), XT_BAD_CONFIG);
    assert_string_equal(unit_training_err.text, "out/last.safetensors: trained for 6 epochs already, and train.epochs is 5");
    unit_training_runs(base, &(unit_doing){.resume = true, .sets = {"train.epochs=6"}});
    assert_int_equal(unit_training_result.epochs, 6);
}

int main(void)
{
    if (unit_run_enter(NULL))
        return 1;
    UNIT_CASE(from_another_directory);
    UNIT_CASE(from_the_one_before);
    UNIT_CASE(without_its_loss_csv);
    for (size_t i = 0; i < sizeof change_rows / sizeof change_rows[0]; i++)
        unit_case(another_setting, &change_rows[i], "changed: %s", change_rows[i].name);
    UNIT_CASE(settings_change_again);
    UNIT_CASE(settings_of_a_finished_run);
    UNIT_CASE(more_epochs);
    UNIT_CASE(from_no_epoch);
    UNIT_CASE(more_patience);
    UNIT_CASE(diverged_and_gone_on);
    for (size_t i = 0; i < sizeof refused_rows / sizeof refused_rows[0]; i++)
        unit_case(another_run_is_refused, &refused_rows[i], "refused: %s", refused_rows[i].name);
    UNIT_CASE(files_that_are_no_checkpoints);
    UNIT_CASE(fewer_epochs);
    int failed = unit_run("resume, changed");
    return unit_run_leave(NULL) || failed;
}
