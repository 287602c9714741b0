/* src/app: a training run and the files that it leaves, whatever ends it. */
#include "app/model_file.h"
#include "app/outdir.h"
#include "app/rows.h"
#include "app/run.h"
#include "base/file.h"
#include "base/hash.h"
#include "model/ops.h"
#include "nets.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static xt_err err;

/* ---- a run in a directory of its own ---- */

static volatile sig_atomic_t stop;
static char here[4096], scratch[64];

typedef struct job {
    unit_net net;
    float *state;
    xt_engine *engine;
    xt_run_job run;
    xt_run_result result;
} job;

static const char config_yaml[] = "seed: 0 # as resolved\n", config_json[] = "{\"seed\": 0, \"a\": [1.5]}";

static const char *names[] = {"x1", "x2", "y"};

static void make_job(job *j, uint32_t epochs)
{
    *j = (job){.engine = NULL};
    unit_net_xor(&j->net);
    xt_spec *spec = &j->net.spec;
    spec->epochs = epochs;
    spec->name = "unit \"x\"";
    spec->seed = UINT64_C(9007199254740993);
    spec->output_dir = "out";
    spec->n_metrics = 2;
    j->net.metrics[0] = xt_choose(&xt_metrics, "accuracy");
    j->net.metrics[0].values[1] = 1;
    j->net.metrics[1] = xt_choose(&xt_metrics, "mae");
    unit_net_plan(&j->net);
    j->net.data.input_names = names;
    j->net.data.target_names = names + 2;
    j->net.data.origin = "inline";
}

/* Opens what is not open, and runs. */
static xt_status run_job(job *j)
{
    stop = 0;
    if (!j->engine) {
        j->state = unit_net_state(&j->net);
        j->engine = unit_net_open(&j->net, NULL);
    }
    j->run.plan = &j->net.plan;
    j->run.data = &j->net.data;
    j->run.engine = j->engine;
    j->run.config_yaml = config_yaml;
    j->run.config_json = config_json;
    j->run.state = j->state;
    j->run.data_seconds = 0.25;
    j->run.open_seconds = 0.5;
    j->run.stop = &stop;
    err = (xt_err){.status = XT_OK};
    xt_status status = xt_run(&j->run, &j->result, &err);
    if (status)
        assert_int_equal(status, err.status);
    return status;
}

static void clear_job(job *j)
{
    /* The names were ours. */
    xt_engine_close(&j->engine);
    free(j->state);
    unit_net_clear(&j->net);
}

static int enter(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/xt-run-XXXXXX");
    return !getcwd(here, sizeof here) || !mkdtemp(scratch) || chdir(scratch) != 0;
}

static int leave(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", scratch);
    return chdir(here) != 0 || system(command) != 0;
}

/* ---- what it left ---- */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The caller frees. */
static char *read_text(const char *path)
{
    xt_buf text = {0};
    if (xt_file_read(path, 1 << 24, XT_FAILED, &text, &err))
        fail_msg("%s", err.text);
    xt_buf_add(&text, "", 0);
    return text.data ? text.data : strdup("");
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(xt_file_replace(path, text, strlen(text), &err), XT_OK);
}

static void assert_text(const char *path, const char *expected)
{
    char *text = read_text(path);
    assert_string_equal(text, expected);
    free(text);
}

/* The names in a directory, sorted, each with a blank. */
static void assert_files(const char *dir, const char *expected)
{
    struct dirent **entries;
    xt_buf list = {0};
    int n = scandir(dir, &entries, NULL, alphasort);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
            xt_buf_printf(&list, "%s ", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    assert_string_equal(xt_buf_text(&list), expected);
    xt_buf_clear(&list);
}

static json_t *read_record(void)
{
    json_error_t error;
    json_t *record = json_load_file("out/run.json", JSON_REJECT_DUPLICATES, &error);
    if (!record)
        fail_msg("run.json:%d: %s", error.line, error.text);
    return record;
}

static void assert_status(const char *status, uint32_t epochs, bool model)
{
    json_t *record = read_record();
    assert_string_equal(json_string_value(json_object_get(record, "status")), status);
    assert_int_equal(json_integer_value(json_object_get(record, "epochs")), epochs);
    assert_int_equal(json_is_string(json_object_get(record, "model_xxh3_128")), model);
    assert_int_equal(exists("out/model.safetensors"), model);
    json_decref(record);
}

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

/* Text of a CSV with each row's last cell left out: the seconds. The caller frees. */
static char *without_seconds(const char *path)
{
    xt_buf out = {0};
    char *text = read_text(path);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *comma = strrchr(line, ',');
        assert_non_null(comma);
        xt_buf_add(&out, line, (size_t)(comma - line));
        xt_buf_puts(&out, "\n");
    }
    free(text);
    return out.data;
}

/* The rows of the engine alone, formatted as documented. */
static void expect_rows(const job *j, uint32_t epochs, xt_buf *out, xt_buf *losses)
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

static void assert_record(const job *j, const char *losses)
{
    char hash[XT_HASH_BYTES];
    json_t *record = read_record();
    assert_keys(record, "xortrain name status started seconds seed generator engine data parameters epochs final best "
                        "loss_column_xxh3_128 model_xxh3_128 config ");
    assert_string_equal(json_string_value(json_object_get(record, "xortrain")), XT_VERSION);
    assert_string_equal(json_string_value(json_object_get(record, "name")), "unit \"x\"");
    assert_int_equal(json_integer_value(json_object_get(record, "seed")), INT64_C(9007199254740993));
    assert_int_equal(json_integer_value(json_object_get(record, "parameters")), 65);
    const char *started = json_string_value(json_object_get(record, "started"));
    assert_int_equal(strlen(started), strlen("2026-01-31T12:34:56Z"));
    assert_int_equal(started[10], 'T');
    const json_t *seconds = json_object_get(record, "seconds"), *engine = json_object_get(record, "engine");
    assert_keys(seconds, "data open_engine training output ");
    assert_true(json_number_value(json_object_get(seconds, "data")) == 0.25);
    assert_true(json_number_value(json_object_get(seconds, "open_engine")) == 0.5);
    assert_true(json_number_value(json_object_get(seconds, "training")) > 0);
    assert_true(json_number_value(json_object_get(seconds, "output")) > 0);
    assert_keys(engine, "name why device device_index device_type platform driver blas device_bytes ");
    assert_string_equal(json_string_value(json_object_get(engine, "name")), "reference");
    assert_string_equal(json_string_value(json_object_get(engine, "device")), "host");
    assert_true(json_is_null(json_object_get(engine, "platform")));
    const json_t *data = json_object_get(record, "data");
    assert_keys(data, "origin xxh3_128 rows dropped_rows inputs targets ");
    assert_int_equal(json_integer_value(json_object_get(data, "rows")), 4);
    assert_true(json_is_null(json_object_get(data, "xxh3_128")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(data, "inputs"), 1)), "x2");
    const json_t *final = json_object_get(record, "final"), *best = json_object_get(record, "best");
    assert_keys(final, "epoch loss accuracy mae step ");
    assert_keys(best, "epoch loss accuracy mae step ");
    assert_int_equal(json_integer_value(json_object_get(final, "epoch")), j->result.epochs);
    assert_int_equal(json_integer_value(json_object_get(final, "step")), 4 * j->result.epochs);
    unit_near(json_number_value(json_object_get(final, "loss")), j->result.loss, 1e-9 * j->result.loss, "loss");
    xt_hash_block(losses, strlen(losses), hash);
    assert_string_equal(json_string_value(json_object_get(record, "loss_column_xxh3_128")), hash);
    char *config = json_dumps(json_object_get(record, "config"), JSON_COMPACT);
    assert_string_equal(config, "{\"seed\":0,\"a\":[1.5]}");
    free(config);
    xt_buf model = {0};
    assert_int_equal(xt_file_read("out/model.safetensors", 1 << 24, XT_FAILED, &model, &err), XT_OK);
    xt_hash_block(model.data, model.len, hash);
    assert_string_equal(json_string_value(json_object_get(record, "model_xxh3_128")), hash);
    xt_buf_clear(&model);
    json_decref(record);
}

static void finished(void **state)
{
    (void)state;
    job j;
    xt_buf rows = {0}, losses = {0};
    make_job(&j, 37);
    j.run.csv_path = "copy.csv";
    assert_int_equal(run_job(&j), XT_OK);
    assert_int_equal(j.result.epochs, 37);
    assert_int_equal(j.result.signal, 0);
    assert_true(j.result.train_seconds > 0);
    assert_files("out", "config.yaml loss.csv model.safetensors run.json ");
    assert_status("finished", 37, true);
    expect_rows(&j, 37, &rows, &losses);
    char *csv = without_seconds("out/loss.csv"), *copy = read_text("copy.csv");
    xt_buf_puts(&rows, "\n");
    assert_string_equal(csv, rows.data);
    assert_text("out/loss.csv", copy);
    assert_text("out/config.yaml", config_yaml);
    assert_record(&j, losses.data);
    free(csv);
    free(copy);
    xt_buf_clear(&rows);
    xt_buf_clear(&losses);
    clear_job(&j);
}

/* Seconds since training began: never less than in the row before. */
static void seconds_grow(void **state)
{
    (void)state;
    job j;
    double last = 0;
    make_job(&j, 50);
    assert_int_equal(run_job(&j), XT_OK);
    char *csv = read_text("out/loss.csv");
    for (char *line = strtok(csv, "\n"); (line = strtok(NULL, "\n"));) {
        double seconds = strtod(strrchr(line, ',') + 1, NULL);
        assert_true(seconds >= last && seconds < 60);
        last = seconds;
    }
    assert_true(last > 0);
    free(csv);
    clear_job(&j);
}

/* The final state, in the file and in the caller's room. */
static void model_of_the_last_epoch(void **state)
{
    (void)state;
    job j;
    xt_model_file model = {0};
    float params[65];
    make_job(&j, 20);
    assert_int_equal(run_job(&j), XT_OK);
    xt_engine *engine = unit_net_open(&j.net, NULL);
    unit_train(engine, 0, 20, NULL);
    float *expected = unit_state_of(engine);
    assert_int_equal(xt_model_open("out/model.safetensors", &model, &err), XT_OK);
    assert_int_equal(model.epoch, 20);
    assert_string_equal(model.config, config_yaml);
    assert_string_equal(model.input_names[1], "x2");
    assert_int_equal(xt_model_params(&model, "m", &j.net.plan, params, &err), XT_OK);
    assert_memory_equal(params, expected, sizeof params);
    assert_memory_equal(j.state, expected, unit_net_n_state(&j.net) * sizeof *expected);
    xt_model_close(&model);
    free(expected);
    xt_engine_close(&engine);
    clear_job(&j);
}

static void no_epochs(void **state)
{
    (void)state;
    job j;
    make_job(&j, 0);
    assert_int_equal(run_job(&j), XT_OK);
    assert_int_equal(j.result.epochs, 0);
    assert_true(isnan(j.result.loss));
    assert_text("out/loss.csv", "epoch,loss,accuracy,mae,learning_rate,step,seconds\n");
    assert_status("finished", 0, true);
    json_t *record = read_record();
    assert_true(json_is_null(json_object_get(record, "final")) && json_is_null(json_object_get(record, "best")));
    json_decref(record);
    clear_job(&j);
}

static void run_and_keep(const char *dir, char **csv, char **model, size_t *n_model)
{
    job j;
    xt_buf bytes = {0};
    char path[40];
    make_job(&j, 60);
    j.net.spec.output_dir = dir;
    assert_int_equal(run_job(&j), XT_OK);
    snprintf(path, sizeof path, "%s/loss.csv", dir);
    *csv = without_seconds(path);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    assert_int_equal(xt_file_read(path, 1 << 24, XT_FAILED, &bytes, &err), XT_OK);
    *model = bytes.data;
    *n_model = bytes.len;
    clear_job(&j);
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
    job j;
    make_job(&j, 3);
    assert_int_equal(run_job(&j), XT_OK);
    assert_true(exists("out/model.safetensors"));
    j.net.spec.epochs = 30;
    j.net.spec.optimizer.values[0] = 30;
    j.run.csv_path = "copy.csv";
    xt_engine_close(&j.engine);
    free(j.state);
    assert_int_equal(run_job(&j), XT_DIVERGED);
    char message[200];
    snprintf(message, sizeof message,
             "diverged: the loss of epoch %u is not finite; a smaller learning_rate may help", j.result.epochs);
    assert_string_equal(err.text, message);
    assert_true(j.result.epochs > 1 && j.result.epochs < 30 && !isfinite(j.result.loss));
    /* The model of the run before has gone, and no other came. */
    assert_files("out", "config.yaml loss.csv run.json ");
    assert_status("diverged", j.result.epochs, false);
    char *csv = read_text("out/loss.csv"), *last = csv;
    uint32_t n_rows = 0;
    for (char *line = strtok(csv, "\n"); (line = strtok(NULL, "\n")); n_rows++)
        last = line;
    assert_int_equal(n_rows, j.result.epochs);
    char *loss = strchr(last, ',') + 1;
    assert_true(strncmp(loss, "nan,", 4) == 0 || strncmp(loss, "inf,", 4) == 0);
    free(csv);
    csv = read_text("out/loss.csv");
    assert_text("copy.csv", csv);
    free(csv);
    /* JSON knows no nan; the best epoch was a good one. */
    json_t *record = read_record();
    assert_true(json_is_null(json_object_get(json_object_get(record, "final"), "loss")));
    assert_true(json_is_number(json_object_get(json_object_get(record, "best"), "loss")));
    json_decref(record);
    clear_job(&j);
}

/* ---- engines that do as they are told ---- */

static const xt_engine_ops *real;
static xt_engine_ops hooked;
static uint32_t hook_epoch;
static void (*hook)(void);

/* Trains as ever; the hook comes after the chunk that holds its epoch. */
static xt_status train_and_hook(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *e)
{
    xt_status status = real->train(engine, first, n, rows, e);
    if (first < hook_epoch && hook_epoch <= first + n)
        hook();
    return status;
}

static xt_status train_and_fail(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *e)
{
    if (first + n > hook_epoch)
        return xt_fail(e, XT_FAILED, "the device is lost");
    return real->train(engine, first, n, rows, e);
}

static xt_status read_nothing(xt_engine *engine, float *state, xt_err *e)
{
    (void)engine;
    (void)state;
    return xt_fail(e, XT_FAILED, "the state is lost");
}

static void open_hooked(job *j, uint32_t epoch, void (*what)(void))
{
    j->state = unit_net_state(&j->net);
    j->engine = unit_net_open(&j->net, NULL);
    real = j->engine->ops;
    hooked = *real;
    hooked.train = train_and_hook;
    hook_epoch = epoch;
    hook = what;
    j->engine->ops = &hooked;
}

static void stop_now(void)
{
    stop = SIGTERM;
}

static void interrupted(void **state)
{
    (void)state;
    job j;
    xt_model_file model = {0};
    make_job(&j, 100000);
    open_hooked(&j, 10, stop_now);
    assert_int_equal(run_job(&j), XT_OK);
    assert_int_equal(j.result.signal, SIGTERM);
    assert_true(j.result.epochs >= 10 && j.result.epochs < 100000);
    assert_status("interrupted", j.result.epochs, true);
    assert_int_equal(xt_model_open("out/model.safetensors", &model, &err), XT_OK);
    assert_int_equal(model.epoch, j.result.epochs);
    xt_model_close(&model);
    clear_job(&j);
}

/* A signal in the last chunk came too late to matter, and is told all the same. */
static void interrupted_at_the_end(void **state)
{
    (void)state;
    job j;
    make_job(&j, 10);
    open_hooked(&j, 10, stop_now);
    assert_int_equal(run_job(&j), XT_OK);
    assert_int_equal(j.result.signal, SIGTERM);
    assert_status("interrupted", 10, true);
    clear_job(&j);
}

static void the_engine_fails(void **state)
{
    (void)state;
    job j;
    make_job(&j, 40);
    open_hooked(&j, 5, NULL);
    hooked.train = train_and_fail;
    assert_int_equal(run_job(&j), XT_FAILED);
    assert_string_equal(err.text, "the device is lost");
    assert_true(j.result.epochs >= 1 && j.result.epochs <= 5);
    assert_status("failed", j.result.epochs, true);
    clear_job(&j);
}

static void the_state_cannot_be_read(void **state)
{
    (void)state;
    job j;
    make_job(&j, 4);
    open_hooked(&j, 0, NULL);
    hooked.read_state = read_nothing;
    assert_int_equal(run_job(&j), XT_FAILED);
    assert_string_equal(err.text, "the state is lost");
    assert_status("failed", 4, false);
    clear_job(&j);
}

static bool said_running;

/* While it runs, the record says so, and a reader of the CSV has rows. */
static void look_at_files(void)
{
    json_t *record = read_record();
    said_running = strcmp(json_string_value(json_object_get(record, "status")), "running") == 0;
    json_decref(record);
    assert_false(exists("out/model.safetensors"));
    char *csv = read_text("out/loss.csv");
    assert_non_null(strstr(csv, "\n1,"));
    free(csv);
}

static void files_while_it_runs(void **state)
{
    (void)state;
    job j;
    make_job(&j, 20);
    open_hooked(&j, 10, look_at_files);
    said_running = false;
    assert_int_equal(run_job(&j), XT_OK);
    assert_true(said_running);
    assert_status("finished", 20, true);
    clear_job(&j);
}

/* ---- sinks that fail ---- */

static int pipe_ends[2];

static void close_reader(void)
{
    close(pipe_ends[0]);
}

/* The rows so far and the model are there. */
static void the_second_csv_fails_on_the_way(void **state)
{
    (void)state;
    job j;
    char path[40], message[100];
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(pipe_ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipe_ends[1]);
    make_job(&j, 200);
    j.run.csv_path = path;
    open_hooked(&j, 10, close_reader);
    assert_int_equal(run_job(&j), XT_FAILED);
    snprintf(message, sizeof message, "cannot write %s: Broken pipe", path);
    assert_string_equal(err.text, message);
    assert_true(j.result.epochs >= 10 && j.result.epochs < 200);
    assert_status("failed", j.result.epochs, true);
    close(pipe_ends[1]);
    signal(SIGPIPE, before);
    clear_job(&j);
}

/* A second CSV that cannot be: nothing has happened yet, an earlier run's files are as they were. */
static void the_second_csv_cannot_be(void **state)
{
    (void)state;
    static const struct { const char *path, *message; } rows[] = {
        {"/dev/full", "cannot write /dev/full: No space left on device"},
        {"no/such/dir.csv", "cannot create no/such/dir.csv: No such file or directory"},
        {".", "cannot create .: Is a directory"},
    };
    job j;
    make_job(&j, 3);
    assert_int_equal(run_job(&j), XT_OK);
    char *before[] = {read_text("out/loss.csv"), read_text("out/run.json")};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        j.run.csv_path = rows[i].path;
        assert_int_equal(run_job(&j), XT_FAILED);
        assert_string_equal(err.text, rows[i].message);
        assert_int_equal(j.result.epochs, 0);
        assert_text("out/loss.csv", before[0]);
        assert_text("out/run.json", before[1]);
        assert_true(exists("out/model.safetensors"));
    }
    free(before[0]);
    free(before[1]);
    clear_job(&j);
}

static void the_second_csv_is_the_first(void **state)
{
    (void)state;
    job j;
    make_job(&j, 9);
    assert_int_equal(run_job(&j), XT_OK);
    char *expected = without_seconds("out/loss.csv");
    xt_engine_close(&j.engine);
    free(j.state);
    j.run.csv_path = "out/../out/loss.csv";
    assert_int_equal(run_job(&j), XT_OK);
    char *csv = without_seconds("out/loss.csv");
    assert_string_equal(csv, expected);
    free(csv);
    free(expected);
    clear_job(&j);
}

/* Runs with standard output led to a file. */
static xt_status run_to(job *j, const char *path)
{
    int saved = dup(STDOUT_FILENO), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(saved >= 0 && to >= 0);
    fflush(stdout);
    dup2(to, STDOUT_FILENO);
    xt_status status = run_job(j);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(to);
    return status;
}

static void lines_on_stdout(void **state)
{
    (void)state;
    job j;
    make_job(&j, 12);
    j.net.spec.log_every = 5;
    j.run.lines = true;
    assert_int_equal(run_to(&j, "lines"), XT_OK);
    xt_engine *engine = unit_net_open(&j.net, NULL);
    xt_epoch rows[12];
    xt_buf expected = {0};
    unit_train(engine, 0, 12, rows);
    static const uint32_t due[] = {1, 5, 10, 12};
    for (size_t i = 0; i < 4; i++) {
        const xt_epoch *row = &rows[due[i] - 1];
        xt_buf_printf(&expected, "epoch  %2u/12  loss %.8g  accuracy %.8g  mae %.8g\n", due[i], row->loss, row->metrics[0],
                      row->metrics[1]);
    }
    assert_text("lines", expected.data);
    xt_buf_clear(&expected);
    xt_engine_close(&engine);
    clear_job(&j);
}

static void csv_on_stdout(void **state)
{
    (void)state;
    job j;
    make_job(&j, 12);
    j.run.lines = true;
    j.run.csv_path = "-";
    assert_int_equal(run_to(&j, "csv"), XT_OK);
    char *csv = read_text("out/loss.csv");
    assert_text("csv", csv);
    free(csv);
    clear_job(&j);
    make_job(&j, 3);
    assert_int_equal(run_to(&j, "quiet"), XT_OK);
    assert_text("quiet", "");
    clear_job(&j);
}

static void stdout_is_full(void **state)
{
    (void)state;
    job j;
    make_job(&j, 200);
    j.run.lines = true;
    assert_int_equal(run_to(&j, "/dev/full"), XT_FAILED);
    assert_string_equal(err.text, "cannot write standard output: No space left on device");
    assert_int_equal(j.result.epochs, 1);
    assert_status("failed", 1, true);
    clear_job(&j);
    /* Nothing is saved of what has diverged, whatever else went wrong. */
    make_job(&j, 200);
    j.run.lines = true;
    j.net.spec.optimizer.values[0] = 3e38f;
    assert_int_equal(run_to(&j, "/dev/full"), XT_FAILED);
    assert_status("diverged", 1, false);
    clear_job(&j);
}

static void the_reader_of_stdout_goes_away(void **state)
{
    (void)state;
    job j;
    char path[40];
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(pipe_ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipe_ends[1]);
    make_job(&j, 100);
    j.run.lines = true;
    j.net.spec.log_every = 1;
    open_hooked(&j, 10, close_reader);
    assert_int_equal(run_to(&j, path), XT_OK);
    assert_status("finished", 100, true);
    close(pipe_ends[1]);
    signal(SIGPIPE, before);
    clear_job(&j);
}

/* ---- directories that cannot be ---- */

static void refused_dir(const char *dir, const char *message)
{
    job j;
    make_job(&j, 3);
    j.net.spec.output_dir = dir;
    assert_int_equal(run_job(&j), XT_FAILED);
    assert_string_equal(err.text, message);
    assert_int_equal(j.result.epochs, 0);
    assert_true(isnan(j.result.loss));
    clear_job(&j);
}

static void directories_that_are_none(void **state)
{
    (void)state;
    write_text("file", "kept");
    refused_dir("file", "cannot create directory file: a file of that name exists");
    refused_dir("file/below", "cannot create directory file/below: Not a directory");
    refused_dir("/proc/xt-none/x", "cannot create directory /proc/xt-none: No such file or directory");
    assert_text("file", "kept");
}

static void a_directory_that_is_read_only(void **state)
{
    (void)state;
    assert_int_equal(mkdir("out", 0555), 0);
    /* Root writes there all the same. */
    if (access("out", W_OK) != 0)
        refused_dir("out", "cannot create out/loss.csv: Permission denied");
    assert_int_equal(chmod("out", 0777), 0);
}

static void a_directory_in_use(void **state)
{
    (void)state;
    xt_outdir dir = {.fd = -1};
    job j;
    make_job(&j, 3);
    assert_int_equal(run_job(&j), XT_OK);
    clear_job(&j);
    char *before = read_text("out/run.json");
    assert_int_equal(xt_outdir_open("out", &dir, &err), XT_OK);
    refused_dir("out", "out: another run is writing there; give this one its own output.dir");
    refused_dir("./out/", "./out/: another run is writing there; give this one its own output.dir");
    assert_text("out/run.json", before);
    free(before);
    xt_outdir_close(&dir);
    xt_outdir_close(&dir);
    make_job(&j, 3);
    assert_int_equal(run_job(&j), XT_OK);
    clear_job(&j);
    /* A run has let go of it. */
    assert_int_equal(xt_outdir_open("out", &dir, &err), XT_OK);
    xt_outdir_close(&dir);
}

static void files_of_a_directory(void **state)
{
    (void)state;
    xt_outdir dir = {.fd = -1};
    xt_buf path = {0};
    assert_int_equal(xt_outdir_open("a/b", &dir, &err), XT_OK);
    xt_outdir_file(&dir, "f", &path);
    assert_string_equal(path.data, "a/b/f");
    xt_buf_clear(&path);
    assert_int_equal(xt_outdir_replace(&dir, "f", "one", 3, &err), XT_OK);
    assert_int_equal(xt_outdir_replace(&dir, "f", "two!", 4, &err), XT_OK);
    assert_text("a/b/f", "two!");
    assert_int_equal(xt_outdir_remove(&dir, "f", &err), XT_OK);
    assert_false(exists("a/b/f"));
    assert_int_equal(xt_outdir_remove(&dir, "f", &err), XT_OK);
    assert_int_equal(mkdir("a/b/d", 0777), 0);
    assert_int_equal(xt_outdir_remove(&dir, "d", &err), XT_FAILED);
    assert_string_equal(err.text, "cannot remove a/b/d: Is a directory");
    xt_outdir_close(&dir);
    assert_int_equal(dir.fd, -1);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(finished),
        IN_SCRATCH(seconds_grow),
        IN_SCRATCH(model_of_the_last_epoch),
        IN_SCRATCH(no_epochs),
        IN_SCRATCH(two_runs_are_the_same),
        IN_SCRATCH(diverged),
        IN_SCRATCH(interrupted),
        IN_SCRATCH(interrupted_at_the_end),
        IN_SCRATCH(the_engine_fails),
        IN_SCRATCH(the_state_cannot_be_read),
        IN_SCRATCH(files_while_it_runs),
        IN_SCRATCH(the_second_csv_fails_on_the_way),
        IN_SCRATCH(the_second_csv_cannot_be),
        IN_SCRATCH(the_second_csv_is_the_first),
        IN_SCRATCH(lines_on_stdout),
        IN_SCRATCH(csv_on_stdout),
        IN_SCRATCH(stdout_is_full),
        IN_SCRATCH(the_reader_of_stdout_goes_away),
        IN_SCRATCH(directories_that_are_none),
        IN_SCRATCH(a_directory_that_is_read_only),
        IN_SCRATCH(a_directory_in_use),
        IN_SCRATCH(files_of_a_directory),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
