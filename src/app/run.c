#include "app/run.h"

#include "app/model_file.h"
#include "app/outdir.h"
#include "app/progress.h"
#include "app/record.h"
#include "app/rows.h"
#include "app/sinks.h"
#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_CHUNK = 65536, /* epochs at most: bounds the memory for their rows */
    GROWTH = 8         /* a chunk has so many times the epochs of the one before at most */
};
/* What a chunk is to take: a long run looks live, and a signal waits no longer. */
static const double chunk_seconds = 0.05;

static const char previous[] = "previous.safetensors";

typedef struct run {
    const xt_run_job *job;
    xt_run_result *result;
    xt_outdir dir;
    xt_sinks sinks;
    bool diverged;  /* whatever else goes wrong then: there is no model to save */
    bool set_aside; /* the model of the run before is previous.safetensors now */
    xt_epoch *rows; /* of a chunk */
    int config;     /* config.yaml, to be synced; -1: closed */
    xt_hash *losses;
    xt_record record;
    xt_progress progress;
    double start;
    double setup;                    /* seconds of setup_of when the run began */
    double training, output;         /* seconds in the engine, and in what writes */
    char started[32];
} run;

static void add_row(run *r, uint32_t epoch, const xt_epoch *row, double seconds)
{
    xt_sinks_add(&r->sinks, epoch, row, seconds);
    r->record.epochs = r->result->epochs = epoch;
    r->record.last = *row;
    r->result->loss = row->loss;
    if (isfinite(row->loss) && (!r->record.best_epoch || row->loss < r->record.best.loss)) {
        r->record.best_epoch = epoch;
        r->record.best = *row;
    }
}

static xt_status flush_rows(run *r, xt_err *err)
{
    xt_progress_clear(&r->progress);
    xt_hash_add(r->losses, r->sinks.losses.data, r->sinks.losses.len);
    return xt_sinks_flush(&r->sinks, err);
}

/* An engine does this while it opens, or with its first epochs. */
static double setup_of(const xt_engine_facts *facts)
{
    return facts->device_seconds + facts->build_seconds + facts->launch_seconds;
}

static xt_run_seconds seconds_of(const run *r)
{
    const xt_engine_facts *facts = &r->job->engine->facts;
    return (xt_run_seconds){.data = r->job->data_seconds,
                            .open_device = facts->device_seconds,
                            .build = facts->build_seconds,
                            .first_launch = facts->launch_seconds,
                            .open_engine = fmax(0, r->job->open_seconds - r->setup),
                            .training = fmax(0, r->training - (setup_of(facts) - r->setup)),
                            .output = r->output,
                            .total = xt_seconds()};
}

/* rows_lost: loss.csv may lack rows that were trained, so its column has no hash. */
static xt_status print_record(run *r, const char *word, bool rows_lost, xt_buf *out, xt_err *err)
{
    r->record.status = word;
    r->record.seconds = r->result->seconds = seconds_of(r);
    xt_hash_hex(r->losses, r->record.loss_hash);
    if (rows_lost)
        r->record.loss_hash[0] = '\0';
    return xt_record_print(r->job, &r->record, out, err);
}

/* ---- opening ---- */

/* Everything of this run under temporary names; the second CSV is emptied last.
 * What fails until then leaves the run before as it was. run.json goes into place
 * first: what a killed start leaves does not call itself finished. */
static xt_status stage_files(run *r, xt_err *err)
{
    const xt_run_job *job = r->job;
    xt_buf record = {0};
    xt_status status = xt_outdir_open(job->plan->spec->output_dir, &r->dir, err);
    if (!status)
        status = xt_sinks_open_copy(&r->sinks, job->csv_path, job->inputs, job->n_inputs, &r->dir, err);
    if (!status)
        status = xt_sinks_stage_csv(&r->sinks, &r->dir, err);
    if (!status)
        status = xt_outdir_stage(&r->dir, "config.yaml", job->config_yaml, strlen(job->config_yaml), &r->config, err);
    if (!status)
        status = print_record(r, "running", false, &record, err);
    if (!status)
        status = xt_outdir_stage(&r->dir, "run.json", record.data, record.len, NULL, err);
    if (!status)
        status = xt_sinks_start(&r->sinks, err);
    xt_buf_clear(&record);
    return status;
}

/* A model of another run must not stand beside this one's files, and must not be
 * lost before this run has one to put into its place. */
static xt_status open_files(run *r, xt_err *err)
{
    double before = xt_seconds();
    xt_status status = stage_files(r, err);
    if (!status)
        status = xt_outdir_rename(&r->dir, "model.safetensors", previous, &r->set_aside, err);
    if (status)
        return status;
    status = xt_outdir_commit(&r->dir, err);
    if (status && r->set_aside)
        xt_outdir_rename(&r->dir, previous, "model.safetensors", &r->set_aside, NULL);
    r->output += xt_seconds() - before;
    return status;
}

static xt_status open_run(run *r, xt_err *err)
{
    time_t clock = time(NULL);
    struct tm utc;
    gmtime_r(&clock, &utc);
    strftime(r->started, sizeof r->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    r->record.started = r->started;
    r->progress.wanted = r->job->progress;
    uint32_t epochs = r->job->plan->spec->epochs;
    size_t n = epochs > MAX_CHUNK ? MAX_CHUNK : epochs ? epochs : 1;
    r->rows = calloc(n, sizeof *r->rows);
    if (!r->rows)
        return xt_fail_memory(err, "the rows of a chunk", n * sizeof *r->rows);
    return xt_hash_open(&r->losses, err);
}

/* ---- training ---- */

/* Rows first .. first + n - 1 of a chunk that took until `end`; the time of an
 * epoch inside is its share. XT_DIVERGED at the first loss that is not finite. */
static xt_status take_chunk(run *r, uint32_t first, uint32_t n, double begin, double end, xt_err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        double seconds = begin + (end - begin) * (double)(i + 1) / (double)n;
        add_row(r, first + i + 1, &r->rows[i], seconds);
        if (!isfinite(r->rows[i].loss)) {
            r->diverged = true;
            xt_status status = flush_rows(r, err);
            return status ? status
                          : xt_fail(err, XT_DIVERGED,
                                    "diverged: the loss of epoch %u is not finite; a smaller learning_rate may help",
                                    first + i + 1);
        }
        if (xt_sinks_full(&r->sinks)) {
            xt_status status = flush_rows(r, err);
            if (status)
                return status;
        }
    }
    return flush_rows(r, err);
}

/* Epochs of the next chunk, after n that took so long. A short time says little,
 * so it grows in steps; where a first launch made a chunk slow that is made up for soon. */
static uint32_t next_chunk(uint32_t n, double seconds)
{
    double wanted = seconds * GROWTH > chunk_seconds ? (double)n * chunk_seconds / seconds : (double)n * GROWTH;
    return wanted < 1 ? 1 : wanted > MAX_CHUNK ? MAX_CHUNK : (uint32_t)wanted;
}

static uint32_t first_chunk(const xt_engine_facts *facts)
{
    return facts->first_chunk > MAX_CHUNK ? MAX_CHUNK : facts->first_chunk ? facts->first_chunk : 1;
}

static xt_status train(run *r, xt_err *err)
{
    const xt_run_job *job = r->job;
    uint32_t epochs = job->plan->spec->epochs, chunk = first_chunk(&job->engine->facts);
    xt_status status = XT_OK;
    for (uint32_t done = 0; !status && done < epochs && !*job->stop;) {
        uint32_t n = epochs - done < chunk ? epochs - done : chunk;
        double begin = xt_seconds() - r->start;
        status = job->engine->ops->train(job->engine, done, n, r->rows, err);
        double end = xt_seconds() - r->start;
        r->training += end - begin;
        if (!status)
            status = take_chunk(r, done, n, begin, end, err);
        r->output += xt_seconds() - r->start - end;
        done += n;
        chunk = next_chunk(n, end - begin);
        if (!status)
            xt_progress_draw(&r->progress, done, epochs, r->result->loss, end);
    }
    r->result->signal = *job->stop;
    xt_progress_clear(&r->progress);
    return status;
}

static bool is_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* The losses may have been measured before the update that broke the weights. */
static xt_status save_model(run *r, xt_err *err)
{
    const xt_run_job *job = r->job;
    xt_buf file = {0};
    xt_status status = job->engine->ops->read_state(job->engine, job->state, err);
    if (!status && !is_finite(job->state, job->plan->n_params)) {
        r->diverged = true;
        return xt_fail(err, XT_DIVERGED, "diverged: the last update left weights that are not finite; a smaller "
                                         "learning_rate may help");
    }
    if (!status)
        status = xt_model_print(job->plan, job->state, job->data, job->config_yaml, r->result->epochs, &file, err);
    if (!status)
        status = xt_outdir_replace(&r->dir, "model.safetensors", file.data, file.len, err);
    if (!status)
        xt_hash_block(file.data, file.len, r->record.model_hash);
    xt_buf_clear(&file);
    return status;
}

static xt_status replace_record(run *r, const char *word, bool rows_lost, xt_err *err)
{
    xt_buf text = {0};
    xt_status status = print_record(r, word, rows_lost, &text, err);
    if (!status)
        status = xt_outdir_replace(&r->dir, "run.json", text.data, text.len, err);
    xt_buf_clear(&text);
    return status;
}

/* What waits for the end of the training, which has it on the disk by then mostly. */
static xt_status sync_config(run *r, xt_err *err)
{
    xt_status status = XT_OK;
    if (r->config >= 0 && fsync(r->config) != 0 && errno != EINVAL)
        status = xt_fail_errno(err, "cannot sync %s/config.yaml", r->dir.path);
    if (r->config >= 0 && close(r->config) != 0 && !status)
        status = xt_fail_errno(err, "cannot close %s/config.yaml", r->dir.path);
    r->config = -1;
    return status;
}

/* Keeps the first status; tells of every failure. */
static xt_status both(xt_status status, xt_status later, const xt_err *later_err, xt_err *err)
{
    if (!later)
        return status;
    if (!status)
        return xt_fail(err, later, "%s", later_err->text);
    xt_fail_also(err, later_err);
    return status;
}

/* The model of this run, where there is one. That of the run before goes only for
 * a training that came to its end: *whole. */
static xt_status keep_model(run *r, xt_status status, bool *whole, xt_err *err)
{
    xt_err later;
    bool untrained = r->result->epochs == 0 && r->job->plan->spec->epochs > 0;
    if (r->diverged)
        return status;
    if (untrained) {
        if (r->set_aside)
            xt_outdir_rename(&r->dir, previous, "model.safetensors", &r->set_aside, NULL);
        return status;
    }
    xt_status saved = save_model(r, &later);
    *whole = !status && !saved && !r->result->signal;
    return both(status, saved, &later, err);
}

/* What is left behind, whatever ended the training: each part is tried. */
static xt_status finish(run *r, xt_status status, xt_err *err)
{
    double before = xt_seconds();
    xt_err later;
    bool rows_lost = status == XT_FAILED, whole = false;
    status = keep_model(r, status, &whole, err);
    status = both(status, xt_sinks_close(&r->sinks, &later), &later, err);
    status = both(status, sync_config(r, &later), &later, err);
    r->output += xt_seconds() - before;
    const char *word = r->diverged ? "diverged" : status ? "failed" : r->result->signal ? "interrupted" : "finished";
    before = xt_seconds();
    status = both(status, replace_record(r, word, rows_lost, &later), &later, err);
    /* Once for the model and the record; not before the new model lasts the old one goes. */
    xt_status synced = xt_outdir_sync(&r->dir, &later);
    status = both(status, synced, &later, err);
    if (whole && !synced && xt_outdir_has(&r->dir, previous))
        status = both(status, xt_outdir_remove(&r->dir, previous, &later), &later, err);
    r->output += xt_seconds() - before;
    r->result->seconds = seconds_of(r);
    if (status && xt_outdir_has(&r->dir, previous)) {
        xt_fail(&later, XT_FAILED, "the model of the run before is kept as %s/previous.safetensors", r->dir.path);
        xt_fail_also(err, &later);
    }
    return status;
}

xt_status xt_run(const xt_run_job *job, xt_run_result *result, xt_err *err)
{
    *result = (xt_run_result){.loss = (double)NAN};
    run r = {.job = job, .result = result, .dir = {.fd = -1}, .config = -1, .setup = setup_of(&job->engine->facts)};
    r.start = xt_seconds();
    xt_sinks_init(&r.sinks, job->plan->spec, job->lines, job->csv_path, job->stop);
    xt_status status = open_run(&r, err);
    if (!status)
        status = open_files(&r, err);
    if (!status)
        status = finish(&r, train(&r, err), err);
    xt_sinks_close(&r.sinks, NULL);
    if (r.config >= 0)
        close(r.config);
    xt_outdir_close(&r.dir);
    xt_hash_close(&r.losses);
    free(r.rows);
    return status;
}
