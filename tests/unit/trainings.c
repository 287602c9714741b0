#include "trainings.h"

#include "app/model_file.h"
#include "base/clock.h"
#include "cli/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

xt_run_result unit_training_result;
xt_err unit_training_err;
volatile sig_atomic_t unit_training_ask;

/* ---- running ---- */

static const unit_doing *now;
static const xt_engine_ops *real_ops;
static volatile sig_atomic_t stop;
static xt_run_job job;
static xt_status (*real_watch)(void *watcher, uint64_t batch, uint64_t batches, xt_err *err);

static xt_status watch_slowly(void *watcher, uint64_t batch, uint64_t batches, xt_err *err)
{
    if (batch == now->slow_batch && now->late)
        job.max_time = xt_seconds();
    else if (batch == now->slow_batch)
        stop = SIGINT;
    if (batch >= now->slow_batch && batch < now->slow_batch + 4)
        usleep(20000);
    return real_watch(watcher, batch, batches, err);
}

static xt_status train(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    if (now->fail_at && first < now->fail_at && now->fail_at <= first + n) {
        xt_status before = real_ops->train(engine, first, now->fail_at - first, rows, err);
        return before ? before : xt_fail(err, XT_FAILED, "the device is lost");
    }
    if (now->slow_at == first + 1) {
        assert_int_equal(n, 1);
        real_watch = engine->watch;
        engine->watch = watch_slowly;
    }
    xt_status status = real_ops->train(engine, first, n, rows, err);
    if (now->look && first < now->look_at && now->look_at <= first + n)
        now->look();
    if (first < now->stop_at && now->stop_at <= first + n)
        stop = SIGINT;
    return status;
}

static xt_status read_state(xt_engine *engine, float *state, xt_err *err)
{
    usleep(now->reading);
    return real_ops->read_state(engine, state, err);
}

static xt_status compare(const void *config, const char *name, const char *yaml, xt_buf *refused, xt_buf *changed,
                         xt_err *err)
{
    const xt_config_source source = {XT_CONFIG_TEXT, yaml, name};
    xt_config *was = NULL;
    xt_status status = xt_config_open(&source, 1, &was, err);
    if (!status)
        xt_config_compare(config, was, refused, changed);
    xt_config_close(&was);
    return status;
}

static xt_status run(xt_session *session, const unit_doing *doing, const xt_spec *spec)
{
    xt_buf yaml = {0}, json = {0};
    xt_engine_ops ops = *session->engine->ops;
    xt_config_print(session->config, false, &yaml);
    xt_config_print_json(session->config, &json);
    now = doing;
    real_ops = session->engine->ops;
    ops.train = train;
    ops.read_state = read_state;
    session->engine->ops = &ops;
    if (doing->first_chunk)
        session->engine->facts.first_chunk = doing->first_chunk;
    stop = unit_training_ask = 0;
    session->plan.spec = spec;
    job = (xt_run_job){.plan = &session->plan,
                       .data = &session->parts.train,
                       .validation = session->parts.validation.n_rows ? &session->parts.validation : NULL,
                       .test = session->parts.test.n_rows ? &session->parts.test : NULL,
                       .engine = session->engine,
                       .config_yaml = yaml.data,
                       .config_json = json.data,
                       .resume = doing->resume || doing->file,
                       .resume_file = doing->file,
                       .compare = compare,
                       .config = session->config,
                       .state = session->state,
                       .stop = &stop,
                       .ask = &unit_training_ask};
    xt_status status = xt_run(&job, &unit_training_result, &unit_training_err);
    session->engine->ops = real_ops;
    xt_buf_clear(&yaml);
    xt_buf_clear(&json);
    return status;
}

void unit_training_begin(void)
{
    unit_shell("case $PWD in /tmp/xt-run-*) rm -rf ./* ;; *) exit 1 ;; esac");
}

xt_status unit_training_run(const char *yaml, const unit_doing *doing)
{
    xt_config_source sources[1 + UNIT_MAX_SETS] = {{XT_CONFIG_TEXT, yaml, "t.yaml"}};
    xt_options options = {.sources = sources, .n_sources = 1};
    xt_session session = {0};
    for (size_t i = 0; i < UNIT_MAX_SETS && doing->sets[i]; i++)
        sources[options.n_sources++] = (xt_config_source){XT_CONFIG_SET, doing->sets[i], doing->sets[i]};
    unit_training_err = (xt_err){.status = XT_OK};
    if (xt_session_open(&options, &session, &unit_training_err) ||
        xt_session_open_engine(&session, &unit_training_err))
        fail_msg("%s", unit_training_err.text);
    xt_spec spec = *session.spec;
    spec.output_dir = doing->dir ? doing->dir : "out";
    spec.checkpoint.every = doing->every ? doing->every : spec.checkpoint.every;
    int saved = dup(STDERR_FILENO), said = open("said", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(saved >= 0 && said >= 0);
    dup2(said, STDERR_FILENO);
    xt_status status = run(&session, doing, &spec);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(said);
    xt_session_close(&session);
    assert_int_equal(status, unit_training_err.status);
    return status;
}

void unit_training_runs(const char *yaml, const unit_doing *doing)
{
    if (unit_training_run(yaml, doing))
        fail_msg("%s", unit_training_err.text);
}

void unit_training_said(const char *expected)
{
    unit_run_same_text("said", expected);
}

/* ---- comparing ---- */

static char *in(const char *dir, const char *file)
{
    static char paths[2][200];
    static size_t which;
    char *path = paths[which++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", dir, file);
    return path;
}

json_t *unit_training_record(const char *dir)
{
    json_error_t error;
    json_t *record = json_load_file(in(dir, "run.json"), JSON_REJECT_DUPLICATES, &error);
    if (!record)
        fail_msg("%s/run.json:%d: %s", dir, error.line, error.text);
    return record;
}

static xt_model_file open_model(const char *path)
{
    xt_model_file model;
    xt_err err;
    if (xt_model_open(path, &model, &err))
        fail_msg("%s", err.text);
    return model;
}

uint32_t unit_training_epoch(const char *path)
{
    xt_model_file model = open_model(path);
    uint32_t epoch = (uint32_t)model.epoch;
    xt_model_close(&model);
    return epoch;
}

static void same_bytes(const char *dir, const char *expected, const char *file)
{
    size_t n;
    char *bytes = unit_run_bytes(in(expected, file), &n);
    unit_run_same_file(in(dir, file), bytes, n);
    free(bytes);
}

static void same_csv(const char *dir, const char *expected, uint32_t first)
{
    char *csv = unit_run_without_seconds(in(dir, "loss.csv")), *whole = unit_run_without_seconds(in(expected, "loss.csv"));
    char *rows = strchr(whole, '\n') + 1, *from = rows;
    for (uint32_t i = 1; i < first; i++)
        from = strchr(from, '\n') + 1;
    memmove(rows, from, strlen(from) + 1);
    assert_string_equal(csv, whole);
    free(csv);
    free(whole);
}

/* What tells of the circumstances is left out. */
static json_t *progress_of(const xt_model_file *model)
{
    static const char *const aside[] = {"seconds", "resumed", "changes", "loss_csv"};
    assert_non_null(model->progress);
    json_t *progress = json_loads(model->progress, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(progress);
    for (size_t i = 0; i < sizeof aside / sizeof aside[0]; i++)
        assert_int_equal(json_object_del(progress, aside[i]), 0);
    return progress;
}

static void same_json(json_t *a, json_t *b, const char *what)
{
    if (json_equal(a, b))
        return;
    char *texts[] = {json_dumps(a, JSON_COMPACT | JSON_ENCODE_ANY), json_dumps(b, JSON_COMPACT | JSON_ENCODE_ANY)};
    print_error("%s: %s != %s\n", what, texts[0], texts[1]);
    fail();
}

static void same_checkpoint(const char *dir, const char *expected)
{
    xt_model_file models[] = {open_model(in(dir, "last.safetensors")), open_model(in(expected, "last.safetensors"))};
    const xt_tensor *tensors[2];
    size_t n[2];
    for (size_t i = 0; i < 2; i++)
        tensors[i] = xt_model_tensors(&models[i], &n[i]);
    assert_int_equal(n[0], n[1]);
    for (size_t i = 0; i < n[0]; i++) {
        const xt_tensor *a = &tensors[0][i], *b = &tensors[1][i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->dims, b->dims, sizeof a->dims);
        size_t n_values = a->dims[0] * (a->n_dims == 2 ? a->dims[1] : 1);
        if (memcmp(a->values, b->values, n_values * sizeof *a->values) != 0)
            fail_msg("%s of %s/last.safetensors has other bits", a->name, dir);
    }
    assert_string_equal(models[0].config, models[1].config);
    assert_int_equal(models[0].epoch, models[1].epoch);
    json_t *progress[] = {progress_of(&models[0]), progress_of(&models[1])};
    same_json(progress[0], progress[1], "progress");
    for (size_t i = 0; i < 2; i++) {
        json_decref(progress[i]);
        xt_model_close(&models[i]);
    }
}

static void same_record(const char *dir, const char *expected, bool whole_csv)
{
    static const char *const members[] = {"status", "stopped", "epochs", "kept_epoch", "checkpoint_epoch", "final", "best",
                                          "test", "model_xxh3_128", "weights_xxh3_128", "loss_column_xxh3_128"};
    size_t n = sizeof members / sizeof members[0] - !whole_csv;
    json_t *records[] = {unit_training_record(dir), unit_training_record(expected)};
    for (size_t i = 0; i < n; i++) {
        assert_non_null(json_object_get(records[0], members[i]));
        same_json(json_object_get(records[0], members[i]), json_object_get(records[1], members[i]), members[i]);
    }
    if (!whole_csv)
        unit_run_member(records[0], "loss_column_xxh3_128", NULL);
    json_decref(records[0]);
    json_decref(records[1]);
}

void unit_training_same_from(const char *dir, const char *expected, uint32_t first)
{
    same_csv(dir, expected, first);
    same_bytes(dir, expected, "model.safetensors");
    bool has_best = unit_run_exists(in(expected, "best.safetensors"));
    assert_int_equal(unit_run_exists(in(dir, "best.safetensors")), has_best);
    if (has_best)
        same_bytes(dir, expected, "best.safetensors");
    same_checkpoint(dir, expected);
    same_record(dir, expected, first == 1);
}

void unit_training_same(const char *dir, const char *expected)
{
    unit_training_same_from(dir, expected, 1);
}

void unit_shell(const char *format, ...)
{
    char command[500];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s failed", command);
}
