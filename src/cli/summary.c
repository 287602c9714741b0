#include "cli/summary.h"

#include "app/outdir.h"
#include "app/summary.h"
#include "base/clock.h"
#include "base/file.h"
#include "model/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it must not be ---- */

static xt_status check_file(const xt_options *options, const xt_spec *spec, const char *const *inputs, size_t n_inputs,
                            xt_arena *arena, xt_err *err)
{
    const char *const copies[] = {options->csv, options->jsonl};
    size_t n = n_inputs;
    const char **paths = xt_arena_alloc(arena, n_inputs + 2 + XT_N_RUN_FILES, sizeof *paths);
    if (!paths)
        return xt_fail_memory(err, "the paths of a run", 0);
    memcpy(paths, inputs, n_inputs * sizeof *paths);
    for (size_t i = 0; i < 2; i++)
        if (copies[i] && strcmp(copies[i], "-") != 0)
            paths[n++] = copies[i];
    for (size_t i = 0; spec && i < XT_N_RUN_FILES; i++) {
        xt_buf path = {0};
        xt_buf_printf(&path, "%s/%s", spec->output_dir, xt_run_files[i]);
        paths[n] = path.failed ? NULL : xt_arena_strdup(arena, xt_buf_text(&path));
        xt_buf_clear(&path);
        if (!paths[n++])
            return xt_fail_memory(err, "the paths of a run", 0);
    }
    /* Before the configuration is known a new file might be one of the run's own. */
    return xt_summary_check(options->summary, spec, paths, n, err);
}

xt_status xt_run_summary_check(const xt_options *options, const xt_spec *spec, xt_err *err)
{
    xt_arena arena = {0};
    const char **inputs = NULL;
    size_t n_inputs = 0;
    if (!options->summary)
        return XT_OK;
    if (strcmp(options->summary, "-") == 0)
        return xt_fail(err, XT_BAD_USAGE,
                       "--summary -: a file is expected: nothing can be appended to standard output");
    xt_status status = xt_session_inputs(options, spec, &inputs, &n_inputs, err);
    if (!status)
        status = check_file(options, spec, inputs, n_inputs, &arena, err);
    free(inputs);
    xt_arena_clear(&arena);
    return status;
}

/* ---- the row ---- */

static void set_number(xt_summary_row *row, const char *column, double value)
{
    char text[XT_NUMBER_BYTES];
    xt_csv_number(value, text);
    xt_summary_set(row, column, text);
}

/* Empty where it is not known. */
static void set_count(xt_summary_row *row, const char *column, bool known, uint32_t value)
{
    char text[XT_NUMBER_BYTES] = "";
    if (known)
        *xt_number_put_uint(text, value) = '\0';
    xt_summary_set(row, column, text);
}

/* Of an epoch the columns "loss[,val_loss][,metric[,val_metric]]...", each behind the
 * prefix; without a spec the loss alone, which every run has. */
static void set_epoch(xt_summary_row *row, const xt_spec *spec, const char *prefix, bool validated,
                      const xt_run_row *epoch)
{
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES], column[XT_COLUMN_BYTES + 16];
    size_t n_metrics = spec ? spec->n_metrics : 0;
    if (spec)
        xt_metric_columns(spec, names);
    for (int i = -1; i < (int)n_metrics; i++)
        for (int validation = 0; validation <= validated; validation++) {
            double value;
            snprintf(column, sizeof column, "%s%s%s", prefix, validation ? "val_" : "", i < 0 ? "loss" : names[i]);
            xt_summary_set(row, column, "");
            if (xt_row_value(epoch, (xt_watched){validation, i}, &value))
                set_number(row, column, value);
        }
}

static void set_test(xt_summary_row *row, const xt_spec *spec, const xt_run_result *result)
{
    xt_run_row test = {.epoch = result->tested, .train.loss = result->test.loss};
    memcpy(test.train.metrics, result->test.metrics, sizeof test.train.metrics);
    set_epoch(row, spec, "test_", false, &test);
}

/* The text that the command line has for a key; "": none. */
static const char *given_text(const xt_options *options, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = options->n_sources; i-- > options->n_files;)
        if (strncmp(options->sources[i].text, key, n) == 0 && options->sources[i].text[n] == '=')
            return options->sources[i].text + n + 1;
    return "";
}

/* The run's name; of a configuration that could not be read what it would be by its
 * file's. */
static void set_name(xt_summary_row *row, const xt_options *options, const xt_spec *spec)
{
    char name[256];
    const char *given = given_text(options, "name");
    const char *path = options->sources[0].text, *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
    xt_summary_set(row, "run", spec ? spec->name : *given ? given : strcmp(base, "-") != 0 ? name : "run");
}

static const char *word_of(xt_status status, const xt_run_result *result)
{
    switch (status) {
    case XT_OK:
        return result->signal ? "interrupted" : "finished";
    case XT_NOT_MET:
        return "finished";
    case XT_TIME_UP:
        return "max_time";
    case XT_DIVERGED:
        return "diverged";
    default:
        return "failed";
    }
}

static void set_end(xt_summary_row *row, xt_status status, const xt_run_result *result)
{
    /* A process that a signal ends has this code in a shell. */
    uint32_t code = (uint32_t)status + (!status && result->signal ? 128 + (uint32_t)result->signal : 0);
    xt_summary_set(row, "status", word_of(status, result));
    set_count(row, "exit_code", true, code);
    xt_summary_set(row, "stopped", result->stopped);
    set_count(row, "epochs", true, result->epochs);
    set_count(row, "kept_epoch", result->saved, result->kept_epoch);
}

/* Where it ran and from what: what is known, else what was asked for. */
static void set_origin(xt_summary_row *row, const xt_options *options, const xt_session *session)
{
    char text[XT_NUMBER_BYTES];
    const xt_engine_facts *facts = session->engine ? &session->engine->facts : NULL;
    const xt_spec *spec = session->spec;
    *xt_number_put_micros(text, xt_seconds()) = '\0';
    xt_summary_set(row, "seconds", text);
    xt_summary_set(row, "engine", facts ? facts->engine : given_text(options, "engine"));
    xt_summary_set(row, "device", facts ? facts->device : given_text(options, "device"));
    xt_summary_set(row, "dir", spec ? spec->output_dir : given_text(options, "output.dir"));
    xt_summary_set(row, "config_hash", spec ? xt_config_hash(session->config) : "");
    if (spec)
        *xt_number_put_uint(text, spec->seed) = '\0';
    xt_summary_set(row, "seed", spec ? text : given_text(options, "seed"));
}

/* ---- what the command line changed ---- */

static bool starts(const char **name, const char *prefix)
{
    size_t n = strlen(prefix);
    bool found = strncmp(*name, prefix, n) == 0;
    *name += found ? n : 0;
    return found;
}

/* Whether some run has a result of this name: best_val_accuracy_2. */
static bool is_result(const char *name)
{
    char metric[XT_COLUMN_BYTES];
    starts(&name, "best_");
    if (!starts(&name, "val_"))
        starts(&name, "test_");
    size_t n = strlen(name);
    while (n && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--;
    n = n && n < strlen(name) && name[n - 1] == '_' ? n - 1 : strlen(name);
    snprintf(metric, sizeof metric, "%.*s", (int)n, name);
    return strcmp(metric, "loss") == 0 || xt_table_find(&xt_metrics, metric) >= 0;
}

static bool has_column(const char *key)
{
    static const char *const keys[] = {"name", "engine", "device", "output.dir", "seed"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

/* A column each key: where a result is called so, "config." and the key. The keys
 * may be none of a configuration: that is what such a run failed of. */
static void set_overrides(xt_summary_row *row, const xt_options *options)
{
    xt_summary_row results = *row;
    for (size_t i = options->n_files; i < options->n_sources; i++) {
        const char *text = options->sources[i].text, *equals = strchr(text, '=');
        xt_buf column = {0};
        if (!equals || equals == text)
            continue;
        xt_buf_add(&column, text, (size_t)(equals - text));
        if (!column.failed && has_column(column.data)) {
            xt_buf_clear(&column);
            continue;
        }
        if (!column.failed && (xt_summary_get(&results, column.data) || is_result(column.data))) {
            xt_buf_reset(&column);
            xt_buf_printf(&column, "config.%.*s", (int)(equals - text), text);
        }
        row->failed = row->failed || column.failed;
        xt_summary_set(row, xt_buf_text(&column), equals + 1);
        xt_buf_clear(&column);
    }
}

static void fill(xt_summary_row *row, const xt_options *options, const xt_session *session, const xt_run_result *result,
                 xt_status status)
{
    const xt_spec *spec = session->spec;
    bool validated = spec && spec->validation.given;
    set_name(row, options, spec);
    set_end(row, status, result);
    set_epoch(row, spec, "", validated, &result->last);
    set_count(row, "best_epoch", result->best.epoch, result->best.epoch);
    set_epoch(row, spec, "best_", validated, &result->best);
    if (spec && spec->test.given)
        set_test(row, spec, result);
    set_origin(row, options, session);
    set_overrides(row, options);
}

xt_status xt_run_summary_append(const xt_options *options, const xt_session *session, const xt_run_result *result,
                                xt_status status, xt_err *err)
{
    xt_err later;
    xt_summary_row row = {0};
    if (!options->summary || status == XT_BAD_USAGE)
        return status;
    /* A run may have failed before all that it reads was known. */
    xt_status failed = xt_run_summary_check(options, session->spec, &later);
    if (!failed) {
        fill(&row, options, session, result, status);
        failed = xt_summary_append(options->summary, &row, &later);
    }
    xt_summary_clear(&row);
    if (failed && !status)
        return xt_fail(err, XT_FAILED, "%s", later.text);
    /* What ended the run may have been just that. */
    if (failed && !strstr(err->text, later.text))
        xt_fail_also(err, &later);
    return status;
}
