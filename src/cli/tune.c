#include "engine/tune_ways.h"

#include "base/log.h"
#include "base/terminal.h"
#include "cli/apart.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "ocl/device.h"

#include <stdio.h>
#include <stdlib.h>

/* Seconds of the process. */
static const double usual_time = 60;

/* What is tuned for where there is no config. */
static const char usual_network[] = "name: tune\n"
                                    "data: {train: {generate: {type: blobs, classes: 10, features: 784}, samples: 1280}}\n"
                                    "model:\n"
                                    "  layers:\n"
                                    "    - {units: 512, activation: relu}\n"
                                    "    - {units: 256, activation: relu}\n"
                                    "    - {units: 10, activation: softmax}\n"
                                    "loss: cross_entropy\n"
                                    "optimizer: {type: adam, learning_rate: 0.001}\n"
                                    "train: {epochs: 1, batch_size: 128}\n";

static const char *const verdicts[] = {
    [XT_TUNE_SUITS] = "default",           [XT_TUNE_FASTER] = "faster", [XT_TUNE_NOT_FASTER] = "not faster",
    [XT_TUNE_OTHER_BITS] = "other bits", [XT_TUNE_WRONG] = "wrong",   [XT_TUNE_FAILED] = "failed",
};

typedef struct teller {
    bool lines;
    xt_status status; /* of standard output */
    xt_err err;
} teller;

static void print_form(teller *to, const xt_tuned_form *form, const char *verdict)
{
    xt_buf line = {0};
    if (!to->lines || to->status)
        return;
    xt_buf_printf(&line, "%-67s", form->words);
    if (form->rate > 0)
        xt_buf_printf(&line, " %9.0f rows/s  %.3f  %s\n", form->rate, form->ratio, verdict);
    else
        xt_buf_printf(&line, " %24s%s\n", "", verdict);
    xt_terminal_clear();
    to->status = xt_print(&line, &to->err);
    xt_buf_clear(&line);
}

static void begin(void *to, const char *words, size_t number)
{
    char line[160];
    (void)to;
    /* The device is open, where it is in this process: what its driver does to signals is done. */
    if (number == 1)
        xt_signals_watch();
    snprintf(line, sizeof line, "%zu: %s", number, words);
    xt_terminal_draw(line);
}

static void tell(void *to, const xt_tuned_form *form, const char *why)
{
    print_form(to, form, verdicts[form->verdict]);
    if (form->verdict == XT_TUNE_OTHER_BITS)
        xt_detail("not taken: %s", why);
    else if (why)
        xt_warn("not taken: %s", why);
}

static void tell_result(const xt_tune_job *job, const xt_tune_result *result)
{
    const char *whom = job->general ? "any network" : "this network and batch";
    if (!result->kept) {
        xt_note("%s%s; nothing is kept", *job->stop ? "interrupted: " : "",
                result->n_measured ? "the fastest form is not known" : "no other form was measured");
        return;
    }
    xt_note("kept for %s on %s, %zu other form%s measured%s", whom, result->device.name, result->n_measured,
            result->n_measured == 1 ? "" : "s",
            result->complete ? "" : *job->stop ? "; interrupted" : "; the time was up: another tune gets further");
    if (!job->general && result->chosen != XT_ENGINE_gemm)
        xt_note("engine auto takes %s for such a network: --engine gemm uses what was found",
                xt_table_at(&xt_engine_names, result->chosen)->name);
}

/* The rows of a batch are those that training has. */
static xt_status tune(const xt_options *options, const xt_session *session, xt_err *err)
{
    xt_spec spec = *session->spec;
    xt_plan plan = session->plan;
    xt_tune_result result;
    teller to = {.lines = !options->quiet};
    if (spec.batch_size > session->parts.train.n_rows)
        spec.batch_size = (uint32_t)session->parts.train.n_rows;
    plan.spec = &spec;
    const xt_tune_job job = {.plan = &plan,
                             .device = spec.device,
                             .general = options->n_files == 0,
                             .until = options->max_time > 0 ? options->max_time : usual_time,
                             .stop = &xt_stop,
                             .begin = begin,
                             .tell = tell,
                             .teller = &to,
                             .apart = xt_apart};
    xt_ways_found found;
    xt_devices_prepare();
    /* Before anything of OpenCL is open in this process: children could not use it. */
    xt_status status = xt_ways_find(&job, &found, err);
    if (!status)
        status = found.by_tiles ? xt_tune(&job, &result, err) : xt_tune_ways(&job, &found, &result, err);
    if (status)
        return status;
    if (result.kept)
        print_form(&to, &result.best, "best");
    tell_result(&job, &result);
    return to.status ? xt_fail(err, to.status, "%s", to.err.text) : XT_OK;
}

xt_status xt_cmd_tune(const xt_options *options, xt_err *err)
{
    xt_options with = *options;
    xt_session session = {0};
    if (options->no_cache)
        return xt_fail(err, XT_BAD_USAGE, "--no-cache: what tune finds is kept in the cache");
    with.sources = calloc(options->n_sources + 1, sizeof *with.sources);
    if (!with.sources)
        return xt_fail_memory(err, "the command line", 0);
    with.n_sources = 0;
    if (options->n_files == 0)
        with.sources[with.n_sources++] = (xt_config_source){XT_CONFIG_TEXT, usual_network, "the usual network"};
    for (size_t i = 0; i < options->n_sources; i++)
        with.sources[with.n_sources++] = options->sources[i];
    xt_status status = xt_session_open(&with, &session, err);
    if (!status)
        status = tune(options, &session, err);
    xt_session_close(&session);
    free(with.sources);
    return status;
}
