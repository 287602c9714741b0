/* src/app: a training run and the files that it leaves, whatever ends it. */
#include "app/model_file.h"
#include "base/file.h"
#include "base/hash.h"
#include "runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- finished ---- */

static void assert_keys(const json_t *object, const char *expected)
{
    xt_buf list = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        xt_buf_printf(&list, "%s ", key);
    assert_string_equal(xt_buf_text(&list), expected);
    xt_buf_clear(&list);
}

/* The rows of the engine alone, formatted as documented. */
static void expect_rows(const unit_job *j, uint32_t epochs, xt_buf *out, xt_buf *losses)
{
    xt_engine *engine = unit_net_open(&j->net, NULL);
    xt_epoch *rows = calloc(epochs, sizeof *rows);
    unit_train(engine, 0, epochs, rows);
    xt_buf_puts(out, "epoch,loss,accuracy,mae,learning_rate,step");
    for (uint32_t i = 0; i < epochs; i++) {
        xt_buf_printf(out, "\n%u,%.9g,%.9g,%.9g,0.01,%u", i + 1, rows[i].loss, rows[i].metrics[0], rows[i].metrics[1],
                      4 * (i + 1));
        xt_buf_printf(losses, "%.9g\n", rows[i].loss);
    }
    free(rows);
    xt_engine_close(&engine);
}

static void assert_record(const unit_job *j, const char *losses)
{
    char hash[XT_HASH_BYTES];
    json_t *record = unit_run_record();
    assert_keys(record, "xortrain name status stopped started seconds seed generator engine host data parameters epochs "
                        "kept_epoch checkpoint_epoch resumed changed_when_resumed final best test "
                        "loss_column_xxh3_128 model_xxh3_128 weights_xxh3_128 config ");
    assert_string_equal(json_string_value(json_object_get(record, "xortrain")), XT_VERSION);
    assert_string_equal(json_string_value(json_object_get(record, "name")), "unit \"x\"");
    assert_int_equal(json_integer_value(json_object_get(record, "seed")), INT64_C(9007199254740993));
    assert_int_equal(json_integer_value(json_object_get(record, "parameters")), 65);
    const char *started = json_string_value(json_object_get(record, "started"));
    assert_int_equal(strlen(started), strlen("2026-01-31T12:34:56Z"));
    assert_int_equal(started[10], 'T');
    const json_t *seconds = json_object_get(record, "seconds"), *engine = json_object_get(record, "engine");
    assert_keys(seconds, "data open_device build first_launch open_engine training evaluation output total ");
    assert_true(json_number_value(json_object_get(seconds, "data")) == 0.25);
    assert_true(json_number_value(json_object_get(seconds, "open_engine")) == 0.5);
    assert_true(json_number_value(json_object_get(seconds, "training")) > 0);
    assert_true(json_number_value(json_object_get(seconds, "output")) > 0);
    assert_keys(json_object_get(record, "host"), "system machine libc compiler ");
    assert_keys(engine, "name why device device_index device_type platform driver blas products form built_from_cache device_bytes ");
    assert_string_equal(json_string_value(json_object_get(engine, "name")), "reference");
    assert_string_equal(json_string_value(json_object_get(engine, "device")), "host");
    assert_true(json_is_null(json_object_get(engine, "platform")));
    const json_t *data = json_object_get(record, "data");
    assert_keys(data, "origin xxh3_128 targets_xxh3_128 rows dropped_rows inputs targets validation test ");
    assert_int_equal(json_integer_value(json_object_get(data, "rows")), 4);
    assert_true(json_is_null(json_object_get(data, "xxh3_128")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(data, "inputs"), 1)), "x2");
    const json_t *final = json_object_get(record, "final"), *best = json_object_get(record, "best");
    assert_keys(final, "epoch loss accuracy mae learning_rate step ");
    assert_keys(best, "epoch loss accuracy mae learning_rate step ");
    assert_int_equal(json_integer_value(json_object_get(final, "epoch")), j->result.epochs);
    assert_int_equal(json_integer_value(json_object_get(final, "step")), 4 * j->result.epochs);
    unit_near(json_number_value(json_object_get(final, "loss")), j->result.loss, 1e-9 * j->result.loss, "loss");
    xt_hash_block(losses, strlen(losses), hash);
    assert_string_equal(json_string_value(json_object_get(record, "loss_column_xxh3_128")), hash);
    char *config = json_dumps(json_object_get(record, "config"), JSON_COMPACT);
    assert_string_equal(config, "{\"seed\":0,\"a\":[1.5]}");
    free(config);
    xt_buf model = {0};
    assert_int_equal(xt_file_read("out/model.safetensors", 1 << 24, XT_FAILED, &model, &unit_run_err), XT_OK);
    xt_hash_block(model.data, model.len, hash);
    assert_string_equal(json_string_value(json_object_get(record, "model_xxh3_128")), hash);
    xt_hash_block(j->state, j->net.plan.n_params * sizeof *j->state, hash);
    assert_string_equal(json_string_value(json_object_get(record, "weights_xxh3_128")), hash);
    assert_int_equal(json_integer_value(json_object_get(record, "checkpoint_epoch")), j->result.epochs);
    assert_int_equal(json_integer_value(json_object_get(record, "resumed")), 0);
    assert_int_equal(json_array_size(json_object_get(record, "changed_when_resumed")), 0);
    xt_buf_clear(&model);
    json_decref(record);
}

static void finished(void **state)
{
    (void)state;
    unit_job j;
    xt_buf rows = {0}, losses = {0};
    unit_run_make(&j, 37);
    j.run.csv_path = "copy.csv";
    assert_int_equal(unit_run_go(&j), XT_OK);
    assert_int_equal(j.result.epochs, 37);
    assert_int_equal(j.result.signal, 0);
    assert_true(j.result.seconds.training > 0);
    unit_run_files("out", "config.yaml last.safetensors loss.csv model.safetensors run.json ");
    unit_run_status("finished", 37, true);
    expect_rows(&j, 37, &rows, &losses);
    char *csv = unit_run_without_seconds("out/loss.csv"), *copy = unit_run_text("copy.csv");
    xt_buf_puts(&rows, "\n");
    assert_string_equal(csv, rows.data);
    unit_run_same_text("out/loss.csv", copy);
    unit_run_same_text("out/config.yaml", unit_run_yaml);
    assert_record(&j, losses.data);
    free(csv);
    free(copy);
    xt_buf_clear(&rows);
    xt_buf_clear(&losses);
    unit_run_clear(&j);
}

/* Seconds since training began: never less than in the row before. */
static void seconds_grow(void **state)
{
    (void)state;
    unit_job j;
    double last = 0;
    unit_run_make(&j, 50);
    assert_int_equal(unit_run_go(&j), XT_OK);
    char *csv = unit_run_text("out/loss.csv");
    for (char *line = strtok(csv, "\n"); (line = strtok(NULL, "\n"));) {
        double seconds = strtod(strrchr(line, ',') + 1, NULL);
        assert_true(seconds >= last && seconds < 60);
        last = seconds;
    }
    assert_true(last > 0);
    free(csv);
    unit_run_clear(&j);
}

/* The final state, in the file and in the caller's room. */
static void model_of_the_last_epoch(void **state)
{
    (void)state;
    unit_job j;
    xt_model_file model = {0};
    float params[65];
    unit_run_make(&j, 20);
    assert_int_equal(unit_run_go(&j), XT_OK);
    xt_engine *engine = unit_net_open(&j.net, NULL);
    unit_train(engine, 0, 20, NULL);
    float *expected = unit_state_of(engine);
    assert_int_equal(xt_model_open("out/model.safetensors", &model, &unit_run_err), XT_OK);
    assert_int_equal(model.epoch, 20);
    assert_string_equal(model.config, unit_run_yaml);
    assert_string_equal(model.encoding->columns[1].name, "x2");
    assert_int_equal(xt_model_params(&model, "m", &j.net.plan, params, &unit_run_err), XT_OK);
    assert_memory_equal(params, expected, sizeof params);
    assert_memory_equal(j.state, expected, unit_net_n_state(&j.net) * sizeof *expected);
    xt_model_close(&model);
    free(expected);
    xt_engine_close(&engine);
    unit_run_clear(&j);
}

static void no_epochs(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 0);
    assert_int_equal(unit_run_go(&j), XT_OK);
    assert_int_equal(j.result.epochs, 0);
    assert_true(isnan(j.result.loss));
    unit_run_same_text("out/loss.csv", "epoch,loss,accuracy,mae,learning_rate,step,seconds\n");
    unit_run_status("finished", 0, true);
    json_t *record = unit_run_record();
    assert_true(json_is_null(json_object_get(record, "final")) && json_is_null(json_object_get(record, "best")));
    json_decref(record);
    unit_run_clear(&j);
}

static void run_and_keep(const char *dir, char **csv, char **model, size_t *n_model)
{
    unit_job j;
    xt_buf bytes = {0};
    char path[40];
    unit_run_make(&j, 60);
    j.net.spec.output_dir = dir;
    assert_int_equal(unit_run_go(&j), XT_OK);
    snprintf(path, sizeof path, "%s/loss.csv", dir);
    *csv = unit_run_without_seconds(path);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    assert_int_equal(xt_file_read(path, 1 << 24, XT_FAILED, &bytes, &unit_run_err), XT_OK);
    *model = bytes.data;
    *n_model = bytes.len;
    unit_run_clear(&j);
}

static void two_runs_are_the_same(void **state)
{
    (void)state;
    char *csv[3], *model[3];
    size_t n[3];
    /* The third over the first. */
    run_and_keep("a", &csv[0], &model[0], &n[0]);
    run_and_keep("b/deep/er", &csv[1], &model[1], &n[1]);
    run_and_keep("a/", &csv[2], &model[2], &n[2]);
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(csv[0], csv[i]);
        assert_int_equal(n[0], n[i]);
        assert_memory_equal(model[0], model[i], n[0]);
    }
    for (size_t i = 0; i < 3; i++) {
        free(csv[i]);
        free(model[i]);
    }
}

/* ---- diverged ---- */

static void diverged(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 3);
    assert_int_equal(unit_run_go(&j), XT_OK);
    size_t n_model;
    char *model = unit_run_bytes("out/model.safetensors", &n_model);
    j.net.spec.epochs = 30;
    j.net.spec.optimizer.values[0] = 30;
    j.run.csv_path = "copy.csv";
    xt_engine_close(&j.engine);
    free(j.state);
    assert_int_equal(unit_run_go(&j), XT_DIVERGED);
    char message[300];
    snprintf(message, sizeof message,
             "diverged: the loss of epoch %u is not finite; a smaller learning_rate may help\n"
             "the weights of epoch %u are kept as out/model.safetensors\n"
             "the files of the run before are kept in out/before",
             j.result.epochs, j.result.kept_epoch);
    assert_string_equal(unit_run_err.text, message);
    assert_int_equal(j.result.kept_epoch, j.result.epochs - 1);
    assert_true(j.result.epochs > 1 && j.result.epochs < 30 && !isfinite(j.result.loss));
    /* The model of the run before is not lost. */
    unit_run_files("out", "before config.yaml loss.csv model.safetensors run.json ");
    unit_run_files("out/before", "config.yaml last.safetensors loss.csv model.safetensors run.json ");
    unit_run_same_file("out/before/model.safetensors", model, n_model);
    free(model);
    unit_run_status("diverged", j.result.epochs, true);
    char *csv = unit_run_text("out/loss.csv"), *last = csv;
    uint32_t n_rows = 0;
    for (char *line = strtok(csv, "\n"); (line = strtok(NULL, "\n")); n_rows++)
        last = line;
    assert_int_equal(n_rows, j.result.epochs);
    char *loss = strchr(last, ',') + 1;
    assert_true(strncmp(loss, "nan,", 4) == 0 || strncmp(loss, "inf,", 4) == 0);
    free(csv);
    csv = unit_run_text("out/loss.csv");
    unit_run_same_text("copy.csv", csv);
    free(csv);
    /* JSON knows no nan; the best epoch was a good one. */
    json_t *record = unit_run_record();
    assert_true(json_is_null(json_object_get(json_object_get(record, "final"), "loss")));
    assert_true(json_is_number(json_object_get(json_object_get(record, "best"), "loss")));
    json_decref(record);
    unit_run_clear(&j);
}

static void diverged_at_first(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 30);
    j.net.spec.optimizer.values[0] = 3e38f;
    assert_int_equal(unit_run_go(&j), XT_DIVERGED);
    assert_string_equal(unit_run_err.text,
                        "diverged: the loss of epoch 1 is not finite; a smaller learning_rate may help");
    unit_run_files("out", "config.yaml loss.csv run.json ");
    unit_run_status("diverged", 1, false);
    json_t *record = unit_run_record();
    assert_true(json_is_null(json_object_get(record, "best")));
    json_decref(record);
    unit_run_clear(&j);
}

/* ---- engines that do as they are told ---- */

static const uint32_t fail_epoch = 5;

static xt_status train_and_fail(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *e)
{
    if (first + n > fail_epoch)
        return xt_fail(e, XT_FAILED, "the device is lost");
    return unit_run_real_ops->train(engine, first, n, rows, e);
}

static xt_status read_nothing(xt_engine *engine, float *state, xt_err *e)
{
    (void)engine;
    (void)state;
    return xt_fail(e, XT_FAILED, "the state is lost");
}

static void stop_now(void)
{
    unit_run_stop = SIGTERM;
}

static void interrupted(void **state)
{
    (void)state;
    unit_job j;
    xt_model_file model = {0};
    unit_run_make(&j, 100000);
    unit_run_hook(&j, 10, stop_now);
    assert_int_equal(unit_run_go(&j), XT_OK);
    assert_int_equal(j.result.signal, SIGTERM);
    assert_true(j.result.epochs >= 10 && j.result.epochs < 100000);
    unit_run_status("interrupted", j.result.epochs, true);
    assert_int_equal(xt_model_open("out/model.safetensors", &model, &unit_run_err), XT_OK);
    assert_int_equal(model.epoch, j.result.epochs);
    xt_model_close(&model);
    unit_run_clear(&j);
}

/* A signal in the last chunk came too late to matter, and is told all the same. */
static void interrupted_at_the_end(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 10);
    unit_run_hook(&j, 10, stop_now);
    assert_int_equal(unit_run_go(&j), XT_OK);
    assert_int_equal(j.result.signal, SIGTERM);
    unit_run_status("interrupted", 10, true);
    unit_run_clear(&j);
}

static void the_engine_fails(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 40);
    unit_run_hook(&j, 0, NULL);
    unit_run_ops.train = train_and_fail;
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    unit_run_said("the device is lost\nout/last.safetensors holds epoch %u; --resume goes on from there",
                  j.result.checkpoint);
    assert_true(j.result.epochs >= 1 && j.result.epochs <= 5);
    assert_true(j.result.checkpoint >= 1 && j.result.checkpoint <= j.result.epochs);
    unit_run_status("failed", j.result.epochs, true);
    unit_run_clear(&j);
}

/* A model that was set aside goes when there is another; a run that fails keeps it. */
static void the_run_before_is_replaced(void **state)
{
    (void)state;
    unit_job j;
    size_t n_model, n_again;
    unit_run_make(&j, 3);
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_clear(&j);
    char *model = unit_run_bytes("out/model.safetensors", &n_model);
    unit_run_make(&j, 4);
    unit_run_hook(&j, 0, NULL);
    unit_run_ops.read_state = read_nothing;
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    assert_string_equal(unit_run_err.text, "the state is lost\n"
                                           "the files of the run before are kept in out/before");
    unit_run_files("out", "before config.yaml loss.csv run.json ");
    unit_run_same_file("out/before/model.safetensors", model, n_model);
    unit_run_clear(&j);
    free(model);
    unit_run_make(&j, 5);
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_clear(&j);
    model = unit_run_bytes("out/model.safetensors", &n_model);
    unit_run_make(&j, 6);
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_clear(&j);
    unit_run_files("out", "config.yaml last.safetensors loss.csv model.safetensors run.json ");
    char *again = unit_run_bytes("out/model.safetensors", &n_again);
    assert_true(n_model != n_again || memcmp(model, again, n_model) != 0);
    free(model);
    free(again);
}

static void the_state_cannot_be_read(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 4);
    unit_run_hook(&j, 0, NULL);
    unit_run_ops.read_state = read_nothing;
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    assert_string_equal(unit_run_err.text, "the state is lost");
    unit_run_status("failed", 1, false);
    unit_run_clear(&j);
}

static bool said_running;

/* While it runs, the record says so, and a reader of the CSV has rows. */
static void look_at_files(void)
{
    json_t *record = unit_run_record();
    said_running = strcmp(json_string_value(json_object_get(record, "status")), "running") == 0;
    json_decref(record);
    assert_false(unit_run_exists("out/model.safetensors"));
    char *csv = unit_run_text("out/loss.csv");
    assert_non_null(strstr(csv, "\n1,"));
    free(csv);
}

static void files_while_it_runs(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 20);
    unit_run_hook(&j, 10, look_at_files);
    said_running = false;
    assert_int_equal(unit_run_go(&j), XT_OK);
    assert_true(said_running);
    unit_run_status("finished", 20, true);
    unit_run_clear(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(finished),
        IN_SCRATCH(seconds_grow),
        IN_SCRATCH(model_of_the_last_epoch),
        IN_SCRATCH(no_epochs),
        IN_SCRATCH(two_runs_are_the_same),
        IN_SCRATCH(diverged),
        IN_SCRATCH(diverged_at_first),
        IN_SCRATCH(the_run_before_is_replaced),
        IN_SCRATCH(interrupted),
        IN_SCRATCH(interrupted_at_the_end),
        IN_SCRATCH(the_engine_fails),
        IN_SCRATCH(the_state_cannot_be_read),
        IN_SCRATCH(files_while_it_runs),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
