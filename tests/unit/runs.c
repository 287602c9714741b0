#include "runs.h"

#include "base/file.h"
#include "model/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

xt_err unit_run_err;
volatile sig_atomic_t unit_run_stop;

static char here[4096], scratch[64];

const char unit_run_yaml[] = "seed: 0 # as resolved\n";
static const char config_json[] = "{\"seed\": 0, \"a\": [1.5]}";

static const char *names[] = {"x1", "x2", "y"};

void unit_run_make(unit_job *j, uint32_t epochs)
{
    *j = (unit_job){.engine = NULL};
    unit_net_xor(&j->net);
    xt_spec *spec = &j->net.spec;
    spec->epochs = epochs;
    spec->name = "unit \"x\"";
    spec->seed = UINT64_C(9007199254740993);
    spec->output_dir = "out";
    spec->checkpoint.keep = 2;
    spec->n_metrics = 2;
    j->net.metrics[0] = xt_choose(&xt_metrics, "accuracy");
    j->net.metrics[0].values[1] = 1;
    j->net.metrics[1] = xt_choose(&xt_metrics, "mae");
    unit_net_plan(&j->net);
    j->net.data.input_names = names;
    j->net.data.target_names = names + 2;
    j->net.data.origin = "inline";
}

xt_status unit_run_go(unit_job *j)
{
    unit_run_stop = 0;
    if (!j->engine) {
        j->state = unit_net_state(&j->net);
        j->engine = unit_net_open(&j->net, NULL);
    }
    j->run.plan = &j->net.plan;
    j->run.data = &j->net.data;
    j->run.engine = j->engine;
    j->run.config_yaml = unit_run_yaml;
    j->run.config_json = config_json;
    j->run.state = j->state;
    j->run.data_seconds = 0.25;
    j->run.open_seconds = 0.5;
    j->run.stop = &unit_run_stop;
    unit_run_err = (xt_err){.status = XT_OK};
    xt_status status = xt_run(&j->run, &j->result, &unit_run_err);
    if (status)
        assert_int_equal(status, unit_run_err.status);
    return status;
}

void unit_run_parts(unit_job *j, bool validation, bool test)
{
    j->net.spec.validation.given = validation;
    j->net.spec.test.given = test;
    j->run.validation = validation ? &j->net.data : NULL;
    j->run.test = test ? &j->net.data : NULL;
}

xt_status unit_run_go_to(unit_job *j, const char *path)
{
    int saved = dup(STDOUT_FILENO), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(saved >= 0 && to >= 0);
    fflush(stdout);
    dup2(to, STDOUT_FILENO);
    xt_status status = unit_run_go(j);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(to);
    return status;
}

void unit_run_clear(unit_job *j)
{
    xt_engine_close(&j->engine);
    free(j->state);
    unit_net_clear(&j->net);
}

void unit_run_said(const char *format, ...)
{
    char message[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    assert_string_equal(unit_run_err.text, message);
}

int unit_run_enter(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/xt-run-XXXXXX");
    return !getcwd(here, sizeof here) || !mkdtemp(scratch) || chdir(scratch) != 0;
}

int unit_run_leave(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", scratch);
    return chdir(here) != 0 || system(command) != 0;
}

/* ---- what it left ---- */

bool unit_run_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *unit_run_bytes(const char *path, size_t *n_bytes)
{
    xt_err err;
    xt_buf bytes = {0};
    if (xt_file_read(path, 1 << 24, XT_FAILED, &bytes, &err))
        fail_msg("%s", err.text);
    xt_buf_add(&bytes, "", 0);
    assert_non_null(bytes.data);
    *n_bytes = bytes.len;
    return bytes.data;
}

char *unit_run_text(const char *path)
{
    size_t n;
    return unit_run_bytes(path, &n);
}

void unit_run_same_file(const char *path, const char *expected, size_t n_bytes)
{
    size_t n;
    char *bytes = unit_run_bytes(path, &n);
    assert_int_equal(n, n_bytes);
    assert_memory_equal(bytes, expected, n);
    free(bytes);
}

void unit_run_same_text(const char *path, const char *expected)
{
    char *text = unit_run_text(path);
    assert_string_equal(text, expected);
    free(text);
}

void unit_run_files(const char *dir, const char *expected)
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

uint32_t unit_run_rows(const char *path)
{
    char *csv = unit_run_text(path);
    uint32_t n = 0;
    /* Not strchr, which under ASan looks at the whole of what follows each time. */
    for (const char *at = csv; *at; at++)
        n += *at == '\n';
    free(csv);
    return n - 1;
}

json_t *unit_run_record(void)
{
    json_error_t error;
    json_t *record = json_load_file("out/run.json", JSON_REJECT_DUPLICATES, &error);
    if (!record)
        fail_msg("run.json:%d: %s", error.line, error.text);
    return record;
}

void unit_run_member(const json_t *object, const char *key, const char *expected)
{
    const json_t *value = json_object_get(object, key);
    if (expected)
        assert_string_equal(json_string_value(value), expected);
    else
        assert_true(json_is_null(value));
}

double unit_run_number(const json_t *record, const char *part, const char *key)
{
    return json_number_value(json_object_get(json_object_get(record, part), key));
}

void unit_run_status(const char *status, uint32_t epochs, bool model)
{
    json_t *record = unit_run_record();
    assert_string_equal(json_string_value(json_object_get(record, "status")), status);
    assert_int_equal(json_integer_value(json_object_get(record, "epochs")), epochs);
    assert_int_equal(json_is_string(json_object_get(record, "model_xxh3_128")), model);
    assert_int_equal(unit_run_exists("out/model.safetensors"), model);
    json_decref(record);
}

char *unit_run_without_seconds(const char *path)
{
    xt_buf out = {0};
    char *text = unit_run_text(path);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *comma = strrchr(line, ',');
        assert_non_null(comma);
        xt_buf_add(&out, line, (size_t)(comma - line));
        xt_buf_puts(&out, "\n");
    }
    free(text);
    return out.data;
}

/* ---- engines that do as they are told ---- */

const xt_engine_ops *unit_run_real_ops;
xt_engine_ops unit_run_ops;
static uint32_t hook_epoch;
static void (*hook)(void);

/* Trains as ever; the hook comes after the chunk that holds its epoch. */
static xt_status train_and_hook(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *e)
{
    xt_status status = unit_run_real_ops->train(engine, first, n, rows, e);
    if (first < hook_epoch && hook_epoch <= first + n)
        hook();
    return status;
}

void unit_run_hook(unit_job *j, uint32_t epoch, void (*what)(void))
{
    j->state = unit_net_state(&j->net);
    j->engine = unit_net_open(&j->net, NULL);
    unit_run_real_ops = j->engine->ops;
    unit_run_ops = *unit_run_real_ops;
    unit_run_ops.train = train_and_hook;
    hook_epoch = epoch;
    hook = what;
    j->engine->ops = &unit_run_ops;
}
