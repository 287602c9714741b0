/* Trains what a run.json records once more, in a temporary directory, and holds
 * every row and the weights against it. */
#include "app/outdir.h"
#include "app/recorded.h"
#include "app/run.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the session of the record ---- */

/* Its configuration, its engine where it was chosen, and what the command line says. */
static xt_status open_session(const xt_options *options, const xt_recorded *recorded, xt_session *out, xt_err *err)
{
    xt_buf label = {0}, engine = {0};
    xt_options with = *options;
    xt_config_source *sources = calloc(options->n_sources + 2, sizeof *sources);
    xt_buf_printf(&label, "%s, its configuration", options->args[0]);
    xt_buf_printf(&engine, "engine=%s", recorded->engine);
    if (!sources || label.failed || engine.failed) {
        xt_buf_clear(&label);
        xt_buf_clear(&engine);
        free(sources);
        return xt_fail_memory(err, "a configuration", 0);
    }
    sources[0] = (xt_config_source){XT_CONFIG_TEXT, xt_buf_text(&recorded->config), label.data};
    sources[1] = (xt_config_source){XT_CONFIG_VALUE, engine.data, "the engine of the run"};
    if (options->n_sources)
        memcpy(sources + 2, options->sources, options->n_sources * sizeof *sources);
    with.sources = sources;
    with.n_sources = options->n_sources + 2;
    xt_status status = xt_session_open(&with, out, err);
    free(sources);
    xt_buf_clear(&label);
    xt_buf_clear(&engine);
    return status;
}

static xt_dataset *part_of(xt_dataset *part)
{
    return part->n_rows ? part : NULL;
}

static xt_status check_circumstances(const char *path, const xt_recorded *recorded, xt_session *session, xt_err *err)
{
    xt_buf data = {0}, engine = {0};
    const xt_circumstances now = {&session->parts.train, part_of(&session->parts.validation),
                                  part_of(&session->parts.test), &session->engine->facts};
    xt_status status = xt_recorded_compare(recorded, path, &now, &data, &engine, err);
    if (strcmp(recorded->version, XT_VERSION) != 0)
        xt_buf_printf(&engine, "xortrain %s, was %s\n", XT_VERSION, recorded->version);
    if (!status && data.len)
        status = xt_fail(err, XT_DIFFERS, "%s: the data are not those of the run:\n%.*s", path, (int)(data.len - 1),
                         data.data);
    else if (!status && engine.len)
        xt_warn("%s: the run was another program's or another device's, so its bits may not be the same:\n%.*s", path,
                (int)(engine.len - 1), engine.data);
    xt_buf_clear(&data);
    xt_buf_clear(&engine);
    return status;
}

/* ---- a directory that goes again ---- */

static xt_status make_directory(xt_buf *out, xt_err *err)
{
    const char *parent = getenv("TMPDIR");
    xt_buf_printf(out, "%s/xortrain-reproduce.XXXXXX", parent && *parent ? parent : "/tmp");
    if (out->failed)
        return xt_fail_memory(err, "a path", 0);
    return mkdtemp(out->data) ? XT_OK : xt_fail_errno(err, "cannot create the directory %s", out->data);
}

static void remove_directory(const xt_buf *dir)
{
    xt_buf path = {0};
    for (size_t i = 0; i < XT_N_RUN_FILES; i++) {
        xt_buf_reset(&path);
        xt_buf_printf(&path, "%s/%s", xt_buf_text(dir), xt_run_files[i]);
        unlink(xt_buf_text(&path));
    }
    rmdir(xt_buf_text(dir));
    xt_buf_clear(&path);
}

/* ---- training, and the verdict ---- */

static xt_status watch(void *rows, const char *text, size_t n_bytes, xt_err *err)
{
    return xt_recorded_rows_compare(rows, text, n_bytes, err);
}

static xt_status train(const xt_recorded *recorded, xt_session *session, xt_recorded_rows *rows, xt_run_result *result,
                       xt_err *err)
{
    xt_buf yaml = {0}, json = {0}, dir = {0};
    xt_config_print(session->config, false, &yaml);
    xt_config_print_json(session->config, &json);
    xt_signals_watch();
    xt_status status = yaml.failed || json.failed ? xt_fail_memory(err, "the configuration", yaml.len)
                                                  : make_directory(&dir, err);
    if (!status) {
        const xt_run_job job = {.plan = &session->plan,
                                .data = &session->parts.train,
                                .validation = part_of(&session->parts.validation),
                                .test = part_of(&session->parts.test),
                                .engine = session->engine,
                                .config_yaml = yaml.data,
                                .config_json = json.data,
                                .state = session->state,
                                .dir = dir.data,
                                .last_epoch = recorded->epochs,
                                .watch = rows ? watch : NULL,
                                .watcher = rows,
                                .progress = xt_terminal_is_allowed(),
                                .data_seconds = session->data_seconds,
                                .open_seconds = session->open_seconds,
                                .stop = &xt_stop};
        status = xt_run(&job, result, err);
        remove_directory(&dir);
    }
    xt_buf_clear(&yaml);
    xt_buf_clear(&json);
    xt_buf_clear(&dir);
    return status;
}

/* After a training whose rows were all the same, or were not to be had: NULL. */
static xt_status compare(const char *path, const xt_recorded *recorded, xt_recorded_rows *rows,
                         const xt_run_result *result, xt_err *err)
{
    if (result->epochs != recorded->epochs)
        return xt_fail(err, XT_DIFFERS, "epoch %u: is the last one, and the run of %s had %u", result->epochs, path,
                       recorded->epochs);
    xt_status status = rows ? xt_recorded_rows_end(rows, err) : XT_OK;
    if (status)
        return status;
    if (strcmp(result->loss_hash, recorded->loss_hash) != 0)
        return xt_fail(err, XT_DIFFERS, "%s: the loss column is another one (XXH3-128 %s, was %s); %s", path,
                       result->loss_hash, recorded->loss_hash,
                       rows ? "the loss.csv beside it is not that of this record"
                            : "without its loss.csv there is no telling from which epoch on");
    if (strcmp(result->weights_hash, recorded->weights_hash ? recorded->weights_hash : "") != 0)
        return xt_fail(err, XT_DIFFERS, "%s: the losses are the same, and the weights after epoch %u are not (XXH3-128 %s, was %s)",
                       path, result->kept_epoch, *result->weights_hash ? result->weights_hash : "none",
                       recorded->weights_hash ? recorded->weights_hash : "none");
    return XT_OK;
}

static xt_status print_verdict(const xt_run_result *result, xt_err *err)
{
    xt_buf text = {0};
    xt_buf_printf(&text, "reproduced: %u epoch%s\nloss column  %s\nweights      %s\n", result->epochs,
                  result->epochs == 1 ? "" : "s", result->loss_hash,
                  *result->weights_hash ? result->weights_hash : "none");
    xt_status status = xt_print(&text, err);
    xt_buf_clear(&text);
    return status;
}

static xt_status reproduce(const xt_options *options, const xt_recorded *recorded, xt_session *session,
                           xt_recorded_rows *rows, xt_err *err)
{
    const char *path = options->args[0];
    xt_run_result result = {0};
    xt_status status = train(recorded, session, rows, &result, err);
    /* A training that diverged does so again. */
    if (status == XT_DIVERGED && strcmp(recorded->status, "diverged") == 0)
        status = XT_OK;
    if (!status && result.signal) {
        xt_note("interrupted after epoch %u: %s", result.epochs,
                rows ? "the same until there" : "without loss.csv nothing was compared until there");
        return XT_OK; /* main dies by the signal */
    }
    if (!status)
        status = compare(path, recorded, rows, &result, err);
    return status ? status : print_verdict(&result, err);
}

xt_status xt_cmd_reproduce(const xt_options *options, xt_err *err)
{
    const char *path = options->args[0];
    xt_recorded recorded = {0};
    xt_session session = {0};
    xt_recorded_rows *rows = NULL;
    xt_status status = xt_recorded_open(path, &recorded, err);
    if (!status)
        status = open_session(options, &recorded, &session, err);
    if (!status)
        status = xt_recorded_rows_open(path, session.spec, &rows, err);
    if (!status && !rows)
        xt_warn("there is no loss.csv beside %s: only checksums can be compared", path);
    if (!status)
        status = xt_session_open_engine(&session, err);
    if (!status)
        status = check_circumstances(path, &recorded, &session, err);
    if (!status)
        status = reproduce(options, &recorded, &session, rows, err);
    xt_recorded_rows_close(&rows);
    xt_session_close(&session);
    xt_recorded_close(&recorded);
    return status;
}
