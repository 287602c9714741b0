#include "app/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cli/commands.h"
#include "cli/profile.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/summary.h"
#include "cli/train.h"

#include <stdlib.h>
#include <string.h>

/* All that is wrong with --require, before anything is trained. */
static xt_status parse_requirements(const xt_options *options, const xt_spec *spec, xt_requirement **out, xt_err *err)
{
    xt_status status = XT_OK;
    xt_err one;
    xt_requirement *requirements = calloc(options->n_requirements + 1, sizeof *requirements);
    if (!requirements)
        return xt_fail_memory(err, "the requirements", 0);
    for (size_t i = 0; i < options->n_requirements; i++) {
        xt_status failed = xt_require_parse(spec, options->requirements[i], &requirements[i], &one);
        if (failed && status)
            xt_fail_also(err, &one);
        else if (failed)
            status = xt_fail(err, failed, "%s", one.text);
    }
    if (status)
        free(requirements);
    else
        *out = requirements;
    return status;
}

/* The xt_compare_config of a run; config: of this one. */
static xt_status compare_config(const void *config, const char *name, const char *yaml, xt_buf *refused, xt_buf *changed,
                                xt_err *err)
{
    xt_buf label = {0};
    xt_config *was = NULL;
    xt_buf_printf(&label, "%s, its configuration", name);
    const xt_config_source source = {XT_CONFIG_TEXT, yaml, xt_buf_text(&label)};
    xt_status status = xt_config_open(&source, 1, &was, err);
    if (!status)
        xt_config_compare(config, was, refused, changed);
    xt_config_close(&was);
    xt_buf_clear(&label);
    return status;
}

static xt_status train(const xt_options *options, xt_session *session, const xt_requirement *requirements,
                       xt_run_result *result, xt_err *err)
{
    xt_buf yaml = {0}, json = {0};
    const char **inputs = NULL;
    size_t n_inputs = 0;
    xt_status status = xt_session_inputs(options, session->spec, &inputs, &n_inputs, err);
    xt_config_print(session->config, false, &yaml);
    xt_config_print_json(session->config, &json);
    if (!status && (yaml.failed || json.failed))
        status = xt_fail_memory(err, "the configuration", yaml.len);
    if (!status) {
        xt_run_job job = {.plan = &session->plan,
                          .data = &session->parts.train,
                          .validation = session->parts.validation.n_rows ? &session->parts.validation : NULL,
                          .test = session->parts.test.n_rows ? &session->parts.test : NULL,
                          .engine = session->engine,
                          .config_yaml = yaml.data,
                          .config_json = json.data,
                          .resume = options->resume,
                          .resume_file = options->resume_file,
                          .compare = compare_config,
                          .config = session->config,
                          .state = session->state,
                          .inputs = inputs,
                          .n_inputs = n_inputs,
                          .csv_path = options->csv,
                          .jsonl_path = options->jsonl,
                          .lines = !options->quiet,
                          .progress = xt_terminal_is_allowed(),
                          .data_seconds = session->data_seconds,
                          .open_seconds = session->open_seconds,
                          .max_time = options->max_time,
                          .requirements = requirements,
                          .n_requirements = options->n_requirements,
                          .stop = &xt_stop,
                          .ask = &xt_ask};
        xt_signals_watch();
        status = xt_run(&job, result, err);
    }
    xt_buf_clear(&yaml);
    xt_buf_clear(&json);
    free(inputs);
    return status;
}

static void tell_seconds(const xt_run_seconds *s, bool built_from_cache)
{
    xt_detail("milliseconds: data %.3f, opening the device %.3f, building %.3f%s, first launch %.3f, else in opening %.3f, "
              "training %.3f, evaluation %.3f, output %.3f; %.3f in all",
              1e3 * s->data, 1e3 * s->open_device, 1e3 * s->build, built_from_cache ? " (from the cache)" : "",
              1e3 * s->first_launch, 1e3 * s->open_engine, 1e3 * s->training, 1e3 * s->evaluation, 1e3 * s->output,
              1e3 * s->total);
}

/* Where standard output has the CSV or JSON: it holds no line. */
static void tell_test(const xt_spec *spec, const xt_measured *test)
{
    xt_buf text = {0};
    xt_line_measured(spec, test, &text);
    xt_note("test  %s", xt_buf_text(&text));
    xt_buf_clear(&text);
}

static void tell_result(const xt_options *options, const xt_session *session, const xt_run_result *result)
{
    const xt_engine_facts *facts = &session->engine->facts;
    bool no_lines = (options->csv && strcmp(options->csv, "-") == 0) ||
                    (options->jsonl && strcmp(options->jsonl, "-") == 0);
    if (result->tested && no_lines)
        tell_test(session->spec, &result->test);
    if (result->signal && !result->epochs) {
        xt_note("interrupted before the first epoch; no model is saved");
        return;
    }
    xt_buf kept = {0}, from = {0};
    if (result->kept_epoch != result->epochs)
        xt_buf_printf(&kept, " of epoch %u", result->kept_epoch);
    if (result->signal && result->checkpoint)
        xt_buf_printf(&kept, "; --resume goes on after epoch %u", result->checkpoint);
    if (result->resumed_after)
        xt_buf_printf(&from, ", after %u of a checkpoint,", result->resumed_after);
    xt_note("%s%s%s%u epoch%s%s in %.*f s (%s on %s); %s/model.safetensors%s", result->signal ? "interrupted: " : "",
            result->stopped, *result->stopped ? ": " : "", result->epochs - result->resumed_after,
            result->epochs - result->resumed_after == 1 ? "" : "s", xt_buf_text(&from),
            result->seconds.training < 0.1 ? 6 : 3, result->seconds.training, facts->engine, facts->device,
            session->spec->output_dir, xt_buf_text(&kept));
    xt_buf_clear(&kept);
    xt_buf_clear(&from);
}

xt_status xt_train_session(const xt_options *options, xt_session *session, const xt_requirement *requirements,
                           xt_run_result *result, xt_err *err)
{
    xt_status status = train(options, session, requirements, result, err);
    if (!options->quiet && (!status || status == XT_NOT_MET))
        tell_result(options, session, result);
    if (!options->quiet && (!status || status == XT_NOT_MET || status == XT_TIME_UP))
        tell_seconds(&result->seconds, session->engine->facts.built_from_cache);
    return status;
}

xt_status xt_cmd_train(const xt_options *options, xt_err *err)
{
    xt_session session = {0};
    xt_profiling profiling = {0};
    xt_run_result result = {0};
    xt_requirement *requirements = NULL;
    xt_signals_watch_ask();
    xt_status status = xt_run_summary_check(options, NULL, err);
    if (!status)
        status = xt_session_open(options, &session, err);
    if (!status)
        status = xt_run_summary_check(options, session.spec, err);
    if (!status)
        status = parse_requirements(options, session.spec, &requirements, err);
    if (!status)
        status = xt_profiling_open(options, session.spec, session.spec->output_dir, &profiling, err);
    if (!status)
        status = xt_session_open_engine(&session, err);
    if (!status)
        status = xt_profiling_start(&profiling, err);
    if (!status)
        status = xt_train_session(options, &session, requirements, &result, err);
    free(requirements);
    status = xt_profiling_close(&profiling, status, err);
    status = xt_run_summary_append(options, &session, &result, status, err);
    xt_session_close(&session);
    return status;
}
