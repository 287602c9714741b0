#include "app/run.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/session.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

/* The first signal ends training after the epochs in hand; a second one the process. */
static void on_signal(int number)
{
    if (stop) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop = number;
}

static void watch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM};
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
    xt_config_print(session->config, false, &yaml);
    xt_config_print_json(session->config, &json);
    xt_status status;
    if (yaml.failed || json.failed) {
        status = xt_fail_memory(err, "the configuration", yaml.len);
    } else {
        xt_run_job job = {.plan = &session->plan,
                          .data = &session->data,
                          .engine = session->engine,
                          .config_yaml = yaml.data,
                          .config_json = json.data,
                          .state = session->state,
                          .csv_path = options->csv,
                          .lines = !options->quiet,
                          .progress = !options->quiet && !options->no_progress && isatty(STDERR_FILENO),
                          .data_seconds = session->data_seconds,
                          .open_seconds = session->open_seconds,
                          .stop = &stop};
        watch_signals();
        status = xt_run(&job, result, err);
    }
    xt_buf_clear(&yaml);
    xt_buf_clear(&json);
    return status;
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
    if (!status)
        xt_note("%s%u epoch%s in %.3f s (%s on %s); %s/model.safetensors", result.signal ? "interrupted: " : "",
                result.epochs, result.epochs == 1 ? "" : "s", result.train_seconds, session.engine->facts.engine, session.engine->facts.device,
                session.spec->output_dir);
    xt_session_close(&session);
    if (!status && result.signal) {
        /* So that the shell's loop around it stops too. */
        signal(result.signal, SIG_DFL);
        raise(result.signal);
    }
    return status;
}
