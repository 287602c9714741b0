#include "app/progress.h"
#include "app/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/session.h"

#include <signal.h>
#include <stdlib.h>

static volatile sig_atomic_t stop;

/* The first signal ends training after the epochs in hand; a second Ctrl-C the
 * process. Two at once are one: timeout(1) signals the process and then its
 * whole group. */
static void on_signal(int number)
{
    static double first;
    double now = xt_seconds(); /* clock_gettime may be called here */
    if (!stop) {
        first = now;
        stop = number;
    } else if (number == SIGINT && now - first > 0.3) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void watch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action = {.sa_handler = on_signal}, old;
        /* Whoever started us with a signal ignored (nohup, a background job) meant it. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

static xt_status train(const xt_options *options, xt_session *session, xt_run_result *result, xt_err *err)
{
    xt_buf yaml = {0}, json = {0};
    const char **inputs = calloc(options->n_files + 1, sizeof *inputs);
    size_t n_inputs = 0;
    if (!inputs)
        return xt_fail_memory(err, "the paths of inputs", 0);
    for (size_t i = 0; i < options->n_files; i++)
        inputs[n_inputs++] = options->sources[i].text;
    if (session->spec->train.file)
        inputs[n_inputs++] = session->spec->train.file;
    xt_config_print(session->config, false, &yaml);
    xt_config_print_json(session->config, &json);
    xt_status status;
    if (yaml.failed || json.failed) {
        status = xt_fail_memory(err, "the configuration", yaml.len);
    } else {
        xt_run_job job = {.plan = &session->plan,
                          .data = &session->parts.train,
                          .engine = session->engine,
                          .config_yaml = yaml.data,
                          .config_json = json.data,
                          .state = session->state,
                          .inputs = inputs,
                          .n_inputs = n_inputs,
                          .csv_path = options->csv,
                          .lines = !options->quiet,
                          .progress = !options->quiet && !options->no_progress && xt_progress_possible(),
                          .data_seconds = session->data_seconds,
                          .open_seconds = session->open_seconds,
                          .stop = &stop};
        watch_signals();
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
              "training %.3f, output %.3f; %.3f in all",
              1e3 * s->data, 1e3 * s->open_device, 1e3 * s->build, built_from_cache ? " (from the cache)" : "",
              1e3 * s->first_launch, 1e3 * s->open_engine, 1e3 * s->training, 1e3 * s->output, 1e3 * s->total);
}

xt_status xt_cmd_train(const xt_options *options, xt_err *err)
{
    xt_session session = {0};
    xt_run_result result = {0};
    xt_status status = xt_session_open(options, &session, err);
    if (!status)
        status = xt_session_open_engine(&session, err);
    if (!status)
        status = train(options, &session, &result, err);
    if (!status && result.signal && !result.epochs)
        xt_note("interrupted before the first epoch; no model is saved");
    else if (!status)
        xt_note("%s%u epoch%s in %.*f s (%s on %s); %s/model.safetensors", result.signal ? "interrupted: " : "",
                result.epochs, result.epochs == 1 ? "" : "s", result.seconds.training < 0.1 ? 6 : 3,
                result.seconds.training, session.engine->facts.engine, session.engine->facts.device,
                session.spec->output_dir);
    if (!status)
        tell_seconds(&result.seconds, session.engine->facts.built_from_cache);
    xt_session_close(&session);
    if (!status && result.signal) {
        /* So that the shell's loop around it stops too. */
        signal(result.signal, SIG_DFL);
        raise(result.signal);
    }
    return status;
}
