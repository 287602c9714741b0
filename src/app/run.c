#include "app/run.h"

#include "app/model_file.h"
#include "app/outdir.h"
#include "app/resume.h"
#include "app/training.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct run {
    xt_training t;
    xt_outdir dir;
    xt_resume resume;
    bool set_aside; /* the files of the run before are in `before` now */
    int config;     /* config.yaml, to be synced; -1: closed */
    double setup;   /* seconds of xt_training_setup when the run began */
    char started[32];
} run;

static xt_run_seconds seconds_of(const run *r)
{
    const xt_engine_facts *facts = &r->t.job->engine->facts;
    return (xt_run_seconds){.data = r->t.job->data_seconds,
                            .open_device = facts->device_seconds,
                            .build = facts->build_seconds,
                            .first_launch = facts->launch_seconds,
                            .open_engine = fmax(0, r->t.job->open_seconds - r->setup),
                            .training = r->t.training,
                            .evaluation = r->t.evaluation,
                            .output = r->t.output,
                            .total = xt_seconds()};
}

static xt_status print_record(run *r, const char *word, xt_buf *out, xt_err *err)
{
    r->t.record.status = word;
    r->t.result->seconds = seconds_of(r);
    r->t.record.moment = &r->t.good;
    r->t.record.checkpoint = r->t.checkpoints.written ? r->t.checkpoints.epoch : 0;
    xt_hash_hex(r->t.losses, r->t.result->loss_hash);
    /* Of a column that lacks rows it would be of no use. */
    if (r->t.rows_lost || r->t.good.csv_first != 1)
        r->t.result->loss_hash[0] = '\0';
    return xt_record_print(r->t.job, &r->t.record, out, err);
}

/* Keeps the first status; tells of every failure, once. */
static xt_status both(xt_status status, xt_status later, const xt_err *later_err, xt_err *err)
{
    if (!later || (status && err && strstr(err->text, later_err->text)))
        return status;
    if (!status)
        return xt_fail(err, later, "%s", later_err->text);
    xt_fail_also(err, later_err);
    return status;
}

/* ---- opening ---- */

/* The checkpoint to go on from, where there is one, and loss.csv as it stood then. */
static xt_status load_checkpoint(run *r, xt_err *err)
{
    const xt_run_job *job = r->t.job;
    xt_moment *moment = &r->resume.moment;
    char hash[XT_HASH_BYTES];
    bool has_csv;
    xt_status status = xt_resume_open(job, &r->dir, r->t.states.good, r->t.states.best, &r->resume, err);
    if (!status && !r->resume.found)
        xt_note("%s: no checkpoint to go on from; training from the beginning%s", r->dir.path,
                xt_outdir_has(&r->dir, "before/last.safetensors") ? "; that of the run before is in before/" : "");
    if (status || !r->resume.found)
        return status;
    status = xt_sinks_continue(&r->t.sinks, &r->dir, moment->csv_first, moment->epoch, r->t.losses, &has_csv, err);
    if (status)
        return status;
    xt_hash_hex(r->t.losses, hash);
    if (has_csv && strcmp(hash, moment->loss_hash) != 0)
        return xt_fail(err, XT_BAD_DATA, "%s/loss.csv: its losses until epoch %u are not those of %s", r->dir.path,
                       moment->epoch, xt_buf_text(&r->resume.name));
    if (r->resume.changes.len)
        xt_note("%s: going on with other settings:\n%.*s", xt_buf_text(&r->resume.name),
                (int)(r->resume.changes.len - 1), r->resume.changes.data);
    if (!has_csv) {
        moment->csv_first = moment->epoch + 1;
        xt_note("%s: there is no loss.csv; it will begin with epoch %u", r->dir.path, moment->csv_first);
    }
    r->t.checkpoints.goes_on = has_csv || !job->resume_file;
    r->t.checkpoints.sound = r->resume.is_last;
    r->t.checkpoints.written = r->resume.is_last && !r->resume.changes.len;
    r->t.checkpoints.epoch = moment->epoch;
    r->resume.is_foreign = job->resume_file && !has_csv;
    return xt_training_resume(&r->t, moment, err);
}

static xt_status open_checkpoints(run *r, xt_err *err)
{
    const xt_run_job *job = r->t.job;
    r->t.checkpoints = (xt_checkpoints){.dir = &r->dir, .plan = job->plan, .data = job->data,
                                        .config_yaml = job->config_yaml,
                                        .now = {job->data, job->validation, job->test, &job->engine->facts},
                                        .at = xt_seconds()};
    xt_status status = job->resume ? load_checkpoint(r, err) : XT_OK;
    return status ? status : xt_checkpoints_check(&r->t.checkpoints, &r->t.good, r->t.states.good, r->t.states.best,
                                                  err);
}

/* Everything of this run under temporary names; copies of loss.csv are emptied last.
 * What fails until then leaves the run before as it was. run.json goes into place
 * first: what a killed start leaves does not call itself finished. */
static xt_status stage_files(run *r, xt_err *err)
{
    const xt_run_job *job = r->t.job;
    xt_buf record = {0};
    xt_status status = xt_outdir_open(job->dir ? job->dir : job->plan->spec->output_dir, &r->dir, err);
    if (!status)
        status = xt_sinks_open_copies(&r->t.sinks, job->inputs, job->n_inputs, &r->dir, err);
    if (!status)
        status = open_checkpoints(r, err);
    if (!status && r->t.sinks.csv.fd < 0)
        status = xt_sinks_stage_csv(&r->t.sinks, &r->dir, err);
    if (!status)
        status = xt_outdir_stage(&r->dir, "config.yaml", job->config_yaml, strlen(job->config_yaml), &r->config, err);
    if (!status)
        status = print_record(r, "running", &record, err);
    if (!status)
        status = xt_outdir_stage(&r->dir, "run.json", record.data, record.len, NULL, err);
    if (!status)
        status = xt_outdir_reserve(&r->dir, record.len, err);
    /* loss.csv will be cut to this epoch: the last checkpoint must not be ahead of it. */
    if (!status && r->resume.found && !r->resume.is_last && !r->resume.is_foreign)
        status = xt_training_save(&r->t, err);
    if (!status)
        status = xt_sinks_start(&r->t.sinks, err);
    xt_buf_clear(&record);
    return status;
}

static bool left_unfinished(const run *r)
{
    xt_buf path = {0};
    xt_outdir_file(&r->dir, "run.json", &path);
    bool finished = xt_record_is_finished(xt_buf_text(&path));
    xt_buf_clear(&path);
    return !finished && xt_outdir_has(&r->dir, xt_last);
}

/* What an earlier run left must not stand beside this one's files, and must not be
 * lost before this run has come to something. */
static xt_status open_files(run *r, xt_err *err)
{
    double before = xt_seconds();
    xt_status status = stage_files(r, err);
    bool begins = !r->resume.found || r->resume.is_foreign;
    bool unfinished = !status && begins && left_unfinished(r);
    if (!status && begins)
        status = xt_outdir_set_aside(&r->dir, &r->set_aside, err);
    if (status)
        return status;
    if (unfinished && r->set_aside)
        xt_note("%s: the run before had not come to its end: its files are in %s/before until this one has; --resume would "
                "have gone on from it",
                r->dir.path, r->dir.path);
    status = xt_outdir_commit(&r->dir, err);
    if (!status && r->resume.is_foreign)
        status = xt_training_save(&r->t, err);
    if (status && r->set_aside)
        xt_outdir_take_back(&r->dir);
    r->t.output += xt_seconds() - before;
    return status;
}

static xt_status open_run(run *r, xt_err *err)
{
    time_t clock = time(NULL);
    struct tm utc;
    gmtime_r(&clock, &utc);
    strftime(r->started, sizeof r->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    r->t.record.started = r->started;
    r->t.record.result = r->t.result;
    r->t.progress.wanted = r->t.job->progress;
    return xt_training_open(&r->t, err);
}

/* ---- what is kept ---- */

/* The state that is to be the model's and its epoch; NULL: there is none. The
 * losses may have been measured before the update that broke the weights. */
static xt_status choose_state(run *r, const float **state, xt_err *err)
{
    xt_training *t = &r->t;
    xt_states *states = &t->states;
    uint32_t bad = t->result->epochs;
    xt_status status = XT_OK, diverged = XT_OK;
    bool best = states->best_epoch && xt_control_restores_best(t->job->plan->spec);
    t->result->kept_epoch = best ? states->best_epoch : states->good_epoch;
    *state = best ? states->best : states->good_epoch || !t->trained ? states->good : NULL;
    if (best || t->engine_failed)
        return XT_OK;
    if (!t->diverged) {
        status = xt_states_keep(states, t->trained, true, err);
        t->result->kept_epoch = states->good_epoch;
        *state = states->good;
        if (status || states->good_epoch == t->trained)
            return status;
        t->diverged = true;
        bad = t->trained;
        diverged = xt_fail(err, XT_DIVERGED, "diverged: the last update left weights that are not finite; a smaller "
                                             "learning_rate may help");
    }
    status = xt_states_find_last(states, bad, err);
    t->result->kept_epoch = states->good_epoch;
    *state = states->good_epoch ? states->good : NULL;
    return status ? status : diverged;
}

/* The job's state becomes that one; *there: there is one. */
static xt_status take_state(run *r, bool *there, xt_err *err)
{
    const float *state = NULL;
    xt_status status = choose_state(r, &state, err);
    *there = state && (!status || status == XT_DIVERGED);
    if (*there && state != r->t.job->state)
        memcpy(r->t.job->state, state, r->t.states.n_floats * sizeof *state);
    return status;
}

static xt_status save_model(run *r, xt_err *err)
{
    const xt_run_job *job = r->t.job;
    xt_model_image image = {0};
    bool there;
    xt_err later;
    xt_status status = take_state(r, &there, err);
    if (!there)
        return status;
    const xt_model_parts parts = {.plan = job->plan, .data = job->data, .config_yaml = job->config_yaml,
                                  .epoch = r->t.result->kept_epoch, .state = job->state};
    xt_status saved = xt_model_lay_out(&parts, &image, &later);
    if (!saved)
        saved = xt_outdir_replace(&r->dir, "model.safetensors", NULL, image.spans, image.n_spans, &later);
    if (!saved)
        saved = xt_model_image_hash(&image, r->t.result->model_hash, &later);
    if (!saved)
        xt_hash_block(job->state, job->plan->n_params * sizeof *job->state, r->t.result->weights_hash);
    r->t.result->saved = !saved;
    xt_model_image_clear(&image);
    return both(status, saved, &later, err);
}

static xt_status replace_record(run *r, const char *word, xt_err *err)
{
    xt_buf text = {0};
    xt_status status = print_record(r, word, &text, err);
    if (!status)
        status = xt_outdir_use_reserve(&r->dir, text.data, text.len, err);
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

static bool came_to_its_end(const run *r)
{
    return !r->t.diverged && !r->t.result->signal && !r->t.time_is_up;
}

/* What is known of the model that was kept, the test rows' scores among it. */
static xt_status measure_kept(run *r, xt_run_row *kept, xt_err *err)
{
    const xt_run_job *job = r->t.job;
    bool is_best = r->t.states.best_epoch && xt_control_restores_best(job->plan->spec);
    bool unseen = kept->epoch && !kept->validated && r->t.validation.data;
    xt_status status = XT_OK;
    if (!r->t.test.data && !unseen)
        return XT_OK;
    if (r->t.result->kept_epoch != r->t.trained)
        status = job->engine->ops->write_state(job->engine, job->state, err);
    if (!status && unseen)
        status = xt_training_measure(&r->t, &r->t.validation, &kept->validation, err);
    if (!status && r->t.test.data)
        status = xt_training_measure(&r->t, &r->t.test, &r->t.result->test, err);
    if (status)
        return status;
    kept->validated = kept->validated || unseen;
    *(is_best ? &r->t.record.best : &r->t.record.last) = *kept;
    r->t.result->tested = r->t.test.data;
    if (r->t.test.data)
        xt_sinks_add_test(&r->t.sinks, &r->t.result->test);
    return xt_training_flush(&r->t, err);
}

/* Whether it ended before it came to anything. */
static bool is_empty(const run *r)
{
    return r->t.result->epochs == 0 && r->t.job->plan->spec->epochs > 0;
}

/* The row of the model that is kept. */
static xt_run_row kept_row(const run *r)
{
    bool is_best = r->t.states.best_epoch && xt_control_restores_best(r->t.job->plan->spec);
    return is_best ? r->t.record.best : r->t.record.last;
}

/* The checkpoint and the model of this run, where there are any. What there was before goes only for a training that
 * came to its end: *whole. */
static xt_status keep_model(run *r, xt_status status, xt_run_row *kept, bool *whole, xt_err *err)
{
    xt_err later;
    if (is_empty(r))
        return status;
    xt_status saved = xt_training_save(&r->t, &later);
    status = both(status, saved, &later, err);
    saved = save_model(r, &later);
    status = both(status, saved, &later, err);
    *whole = !status && came_to_its_end(r);
    *kept = kept_row(r);
    return *whole ? measure_kept(r, kept, err) : status;
}

static const char *word_of(const run *r, xt_status status)
{
    return r->t.diverged         ? "diverged"
           : status              ? "failed"
           : r->t.result->signal ? "interrupted"
           : r->t.time_is_up     ? "max_time"
                                 : "finished";
}

/* The record, and what makes all of it last; then the old model may go. */
static xt_status finish_files(run *r, xt_status status, bool whole, xt_err *err)
{
    xt_err later;
    double before = xt_seconds();
    status = both(status, replace_record(r, word_of(r, status), &later), &later, err);
    xt_status synced = xt_outdir_sync(&r->dir, &later);
    status = both(status, synced, &later, err);
    if (whole && !status) {
        xt_status forgotten = xt_outdir_forget(&r->dir, &later);
        status = both(status, forgotten, &later, err);
    }
    r->t.output += xt_seconds() - before;
    r->t.result->seconds = seconds_of(r);
    r->t.result->checkpoint = r->t.record.checkpoint;
    return status;
}

/* What the message ends with: what there is to use and to go on from. */
static void tell_files(const run *r, xt_status status, xt_err *err)
{
    xt_err line;
    const xt_run_result *result = r->t.result;
    const xt_checkpoints *checkpoints = &r->t.checkpoints;
    if (!status || r->t.job->watch)
        return;
    if (result->saved && (r->t.diverged || status == XT_TIME_UP)) {
        xt_fail(&line, status, "the weights of epoch %u are kept as %s/model.safetensors", result->kept_epoch,
                r->dir.path);
        xt_fail_also(err, &line);
    }
    if (checkpoints->written) {
        xt_fail(&line, status, "%s/%s holds epoch %u; --resume goes on from there", r->dir.path, xt_last,
                checkpoints->epoch);
        xt_fail_also(err, &line);
    }
    if (status != XT_TIME_UP && xt_outdir_has(&r->dir, "before")) {
        xt_fail(&line, status, "the files of the run before are kept in %s/before", r->dir.path);
        xt_fail_also(err, &line);
    }
}

/* What is left behind, whatever ended the training: each part is tried. */
static xt_status finish(run *r, xt_status status, xt_err *err)
{
    const xt_run_job *job = r->t.job;
    const xt_run_result *result = r->t.result;
    double before = xt_seconds(), evaluation = r->t.evaluation;
    xt_err later;
    xt_run_row kept = {0};
    bool whole = false;
    status = keep_model(r, status, &kept, &whole, err);
    status = both(status, xt_sinks_close(&r->t.sinks, &later), &later, err);
    status = both(status, sync_config(r, &later), &later, err);
    r->t.output += xt_seconds() - before - (r->t.evaluation - evaluation);
    if (is_empty(r) && r->set_aside) {
        xt_outdir_take_back(&r->dir);
        return status;
    }
    status = finish_files(r, status, whole, err);
    if (!status && r->t.time_is_up && !result->signal)
        status = xt_fail(err, XT_TIME_UP, "--max-time: the time was up after epoch %u of %u", result->epochs,
                         job->plan->spec->epochs);
    tell_files(r, status, err);
    if (status || !whole)
        return status;
    return xt_require_check(job->requirements, job->n_requirements, &kept, result->tested ? &result->test : NULL, err);
}

static run begin(const xt_run_job *job, xt_run_result *result)
{
    *result = (xt_run_result){.loss = (double)NAN};
    return (run){.t = {.job = job, .result = result, .start = xt_seconds()}, .dir = {.fd = -1}, .config = -1,
                 .setup = xt_training_setup(&job->engine->facts)};
}

static void end(run *r)
{
    r->t.result->last = r->t.record.last;
    r->t.result->best = r->t.record.best;
    xt_sinks_close(&r->t.sinks, NULL);
    if (r->config >= 0)
        close(r->config);
    xt_outdir_close(&r->dir);
    xt_resume_clear(&r->resume);
    xt_training_close(&r->t);
}

xt_status xt_run(const xt_run_job *job, xt_run_result *result, xt_err *err)
{
    run r = begin(job, result);
    xt_sinks_init(&r.t.sinks, job->plan->spec, job->lines, job->csv_path, job->jsonl_path, job->stop);
    xt_status status = open_run(&r, err);
    if (!status)
        status = open_files(&r, err);
    if (!status)
        status = finish(&r, xt_training_go(&r.t, err), err);
    end(&r);
    return status;
}

xt_status xt_run_without_files(const xt_run_job *job, xt_run_result *result, xt_err *err)
{
    run r = begin(job, result);
    bool there;
    xt_err later;
    xt_sinks_init(&r.t.sinks, job->plan->spec, false, NULL, NULL, job->stop);
    xt_status status = open_run(&r, err);
    if (!status)
        status = xt_training_go(&r.t, err);
    if (!is_empty(&r)) {
        xt_status taken = take_state(&r, &there, &later);
        status = both(status, taken, &later, err);
    }
    if (!status && came_to_its_end(&r)) {
        xt_run_row kept = kept_row(&r);
        status = measure_kept(&r, &kept, err);
    }
    result->seconds = seconds_of(&r);
    end(&r);
    return status;
}
