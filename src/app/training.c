#include "app/training.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_CHUNK = 65536, /* epochs at most: bounds the memory for their rows */
    GROWTH = 8         /* a chunk has so many times the epochs of the one before at most */
};
/* What a chunk is to take: a long run looks live, and a signal waits no longer. */
static const double chunk_seconds = 0.05;
/* What an epoch in hand may still take when somebody wants the end: more is given up for it. */
static const double patience_seconds = 2;

xt_status xt_training_open(xt_training *t, xt_err *err)
{
    const xt_run_job *job = t->job;
    const xt_spec *spec = job->plan->spec;
    assert(spec->validation.given == (job->validation != NULL) && spec->test.given == (job->test != NULL));
    uint32_t n = spec->epochs > MAX_CHUNK ? MAX_CHUNK : spec->epochs ? spec->epochs : 1;
    t->rows = calloc(n, sizeof *t->rows);
    if (!t->rows)
        return xt_fail_memory(err, "the rows of a chunk", n * sizeof *t->rows);
    xt_status status = xt_control_init(&t->control, spec, err);
    if (!status)
        status = xt_states_open(job->engine, job->state, t->rows, n, xt_control_keeps_best(spec), &t->states, err);
    t->good = (xt_moment){.control = t->control, .csv_first = 1};
    if (!status)
        status = xt_evaluation_open(job->plan, job->validation, &t->validation, err);
    if (!status)
        status = xt_evaluation_open(job->plan, job->test, &t->test, err);
    return status ? status : xt_hash_open(&t->losses, err);
}

void xt_training_close(xt_training *t)
{
    xt_hash_close(&t->losses);
    xt_states_close(&t->states);
    xt_evaluation_close(&t->validation);
    xt_evaluation_close(&t->test);
    free(t->rows);
    t->rows = NULL;
}

double xt_training_setup(const xt_engine_facts *facts)
{
    return facts->device_seconds + facts->build_seconds + facts->launch_seconds;
}

/* Since begin (of xt_seconds), less what of xt_training_setup was not in `setup` yet. */
static double seconds_since(const xt_training *t, double begin, double setup)
{
    return fmax(0, xt_seconds() - begin - (xt_training_setup(&t->job->engine->facts) - setup));
}

xt_status xt_training_flush(xt_training *t, xt_err *err)
{
    xt_progress_clear(&t->progress);
    xt_hash_add(t->losses, t->sinks.losses.data, t->sinks.losses.len);
    const xt_buf *rows = &t->sinks.rows[XT_ROWS_CSV];
    xt_status status = t->job->watch ? t->job->watch(t->job->watcher, xt_buf_text(rows), rows->len, err) : XT_OK;
    if (!status)
        status = xt_sinks_flush(&t->sinks, err);
    t->rows_lost |= t->sinks.csv_failed;
    return status;
}

xt_status xt_training_measure(xt_training *t, const xt_evaluation *rows, xt_measured *out, xt_err *err)
{
    double begin = xt_seconds(), setup = xt_training_setup(&t->job->engine->facts);
    xt_status status = xt_evaluation_measure(rows, t->job->engine, out, err);
    t->evaluation += seconds_since(t, begin, setup);
    return status;
}

/* ---- moments and checkpoints ---- */

static void take_moment(xt_training *t)
{
    t->good.epoch = t->trained;
    t->good.seconds = xt_seconds() - t->start;
    t->good.control = t->control;
    t->good.last = t->record.last;
    t->good.best = t->record.best;
    xt_hash_hex(t->losses, t->good.loss_hash);
}

static xt_status keep_good(xt_training *t, bool needed, xt_err *err)
{
    xt_status status = xt_states_keep(&t->states, t->trained, needed, err);
    t->engine_failed |= status != XT_OK;
    if (!status && t->states.good_epoch == t->trained)
        take_moment(t);
    return status;
}

xt_status xt_training_resume(xt_training *t, const xt_moment *moment, xt_err *err)
{
    xt_engine *engine = t->job->engine;
    t->good = *moment;
    t->control = moment->control;
    t->trained = moment->epoch;
    t->record.last = moment->last;
    t->record.best = moment->best;
    t->result->epochs = t->result->resumed_after = moment->epoch;
    t->result->loss = moment->last.train.loss;
    t->start = xt_seconds() - moment->seconds;
    if (t->control.has_plateau)
        engine->rate_scale = xt_control_rate_scale(&t->control);
    xt_states_resume(&t->states, moment->epoch, t->states.best ? moment->control.best_epoch : 0);
    return engine->ops->write_state(engine, t->states.good, err);
}

xt_status xt_training_save(xt_training *t, xt_err *err)
{
    xt_checkpoints *c = &t->checkpoints;
    xt_status status = XT_OK;
    bool broken = t->engine_failed || t->rows_lost;
    if (!broken && !t->diverged)
        status = keep_good(t, true, err);
    /* Which epoch an older good state is of depends on the time that things took: what diverges, the same way each
     * time, leaves the checkpoint that it had. The best weights may have gone on since then, too. */
    bool wanted = broken ? t->good.epoch > 0 : t->good.epoch == t->trained;
    bool whole = !t->states.best || t->good.control.best_epoch == t->states.best_epoch;
    bool is_new = !c->written || c->epoch != t->good.epoch;
    if (status || !wanted || !whole || !is_new)
        return status;
    status = xt_sinks_sync(&t->sinks, err);
    if (!status)
        status = xt_checkpoints_write(c, &t->good, t->states.good, t->states.best_epoch ? t->states.best : NULL, err);
    return status;
}

/* The configuration's, and those that somebody asks for. */
static xt_status save_when_due(xt_training *t, xt_err *err)
{
    bool asked = t->job->ask && *t->job->ask;
    if (!asked && !xt_checkpoints_due(&t->checkpoints, t->trained, xt_seconds()))
        return XT_OK;
    if (t->job->ask)
        *t->job->ask = 0;
    double begin = xt_seconds();
    xt_status status = xt_training_save(t, err);
    t->output += xt_seconds() - begin;
    bool saved = t->checkpoints.written && t->checkpoints.epoch == t->trained;
    if (!status && asked && saved)
        xt_note("checkpoint: epoch %u, %s/%s", t->trained, t->checkpoints.dir->path, xt_last);
    else if (!status && asked)
        xt_note("no checkpoint: the weights after epoch %u are not finite", t->trained);
    return status;
}

/* ---- rows ---- */

static xt_status return_to(xt_training *t, uint32_t epoch, xt_err *err)
{
    double begin = xt_seconds();
    xt_status status = xt_states_return(&t->states, epoch, err);
    t->training += xt_seconds() - begin;
    t->engine_failed |= status != XT_OK;
    if (!status)
        t->trained = epoch;
    return status;
}

/* What follows from a row with a finite loss. One that ends training has validation
 * values too, and the engine in its state. */
static xt_status decide(xt_training *t, xt_run_row *row, xt_err *err)
{
    const xt_spec *spec = t->job->plan->spec;
    xt_status status = XT_OK;
    bool ends = false;
    if (xt_control_decides(&t->control)) {
        xt_control ahead = t->control;
        xt_control_add(&ahead, row);
        ends = ahead.ended;
    }
    if (ends && row->epoch < t->trained)
        status = return_to(t, row->epoch, err);
    if (!status && t->validation.data && (ends || xt_control_validates(spec, row->epoch))) {
        status = xt_training_measure(t, &t->validation, &row->validation, err);
        row->validated = !status;
    }
    if (status)
        return status;
    xt_control_add(&t->control, row);
    if (t->control.has_plateau)
        t->job->engine->rate_scale = xt_control_rate_scale(&t->control);
    if (t->control.improved && t->states.best)
        status = xt_states_keep_best(&t->states, row->epoch, err);
    t->diverged |= status == XT_DIVERGED;
    t->engine_failed |= status && status != XT_DIVERGED;
    return status;
}

/* A run of a million short epochs spends its time here: what was not measured is not copied. */
static void keep_row(xt_run_row *to, const xt_run_row *row)
{
    to->epoch = row->epoch;
    to->train = row->train;
    to->validated = row->validated;
    if (row->validated)
        to->validation = row->validation;
}

static void add_row(xt_training *t, const xt_run_row *row, double seconds)
{
    xt_sinks_add(&t->sinks, row, seconds, t->control.ended || t->diverged);
    keep_row(&t->record.last, row);
    t->result->epochs = row->epoch;
    t->result->loss = row->train.loss;
    if (t->control.improved)
        keep_row(&t->record.best, row);
}

xt_status xt_training_fail_diverged(uint32_t epoch, xt_err *err)
{
    return xt_fail(err, XT_DIVERGED, "diverged: the loss of epoch %u is not finite; a smaller learning_rate may help", epoch);
}

/* Rows first .. first + n - 1 of a chunk that took until `end`; the time of an
 * epoch inside is its share. XT_DIVERGED at the first loss that is not finite. */
static xt_status take_chunk(xt_training *t, uint32_t first, uint32_t n, double begin, double end, xt_err *err)
{
    xt_status status = XT_OK;
    xt_run_row row;
    for (uint32_t i = 0; !status && i < n && !t->control.ended; i++) {
        row.epoch = first + i + 1;
        row.train = t->rows[i];
        row.validated = false;
        t->diverged = !isfinite(row.train.loss);
        t->control.improved = false;
        status = t->diverged ? xt_training_fail_diverged(row.epoch, err) : decide(t, &row, err);
        if (status && status != XT_DIVERGED)
            break;
        add_row(t, &row, begin + (end - begin) * (double)(i + 1) / (double)n);
        if (!status && xt_sinks_full(&t->sinks))
            status = xt_training_flush(t, err);
    }
    xt_err later;
    xt_status flushed = xt_training_flush(t, &later);
    t->rows_lost |= status && status != XT_DIVERGED && t->result->epochs < t->trained;
    return flushed ? xt_fail(err, flushed, "%s", later.text) : status;
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

static uint32_t last_epoch(const xt_training *t)
{
    uint32_t epochs = t->job->plan->spec->epochs, last = t->job->last_epoch;
    return last && last < epochs ? last : epochs;
}

/* ---- within an epoch ---- */

/* A signal, or the end of the time. That is not in the first epoch: going on from there again and again would
 * come to nothing. */
static bool end_is_wanted(const xt_training *t, double now)
{
    const xt_run_job *job = t->job;
    bool late = job->max_time > 0 && now >= job->max_time && t->trained > t->result->resumed_after;
    return *job->stop || late;
}

/* Is told of each batch. Where the state before the epoch is at hand, the epoch can be given up. */
static xt_status watch(void *watcher, uint64_t batch, uint64_t batches, xt_err *err)
{
    xt_training *t = watcher;
    const xt_spec *spec = t->job->plan->spec;
    if (batch < t->inside.look_at)
        return XT_OK;
    double now = xt_seconds(), spent = now - t->inside.begin, all_rows = (double)t->job->data->n_rows;
    const xt_standing at = {.epoch = t->trained, .epochs = spec->epochs, .seconds = now - t->start, .batch = batch,
                            .batches = batches, .rows = fmin((double)batch * (double)spec->batch_size, all_rows),
                            .epoch_seconds = spent};
    double left = xt_progress_epoch_left(&at);
    t->inside.look_at = xt_progress_next_look(batch, spent);
    if (end_is_wanted(t, now) && left > patience_seconds && t->states.good_epoch == t->trained) {
        t->inside.given_up = true;
        return xt_fail(err, XT_FAILED, "epoch %u is given up at batch %llu of %llu: the rest would take %.0f s",
                       t->trained + 1, (unsigned long long)batch, (unsigned long long)batches, left);
    }
    xt_progress_draw(&t->progress, &at);
    return XT_OK;
}

static xt_status train_watched(xt_training *t, uint32_t n, xt_err *err)
{
    xt_engine *engine = t->job->engine;
    t->inside = (xt_inside){.begin = xt_seconds()};
    /* More than one are short. */
    engine->watch = n == 1 ? watch : NULL;
    engine->watcher = t;
    xt_status status = engine->ops->train(engine, t->trained, n, t->rows, err);
    engine->watch = NULL;
    return status;
}

/* As if it had not begun. */
static xt_status give_up(xt_training *t, const char *why, xt_err *err)
{
    xt_note("%s", why);
    xt_progress_clear(&t->progress);
    return return_to(t, t->trained, err);
}

static void draw(xt_training *t, double now)
{
    const xt_standing at = {.epoch = t->trained, .epochs = t->job->plan->spec->epochs, .loss = t->result->loss,
                            .seconds = now - t->start};
    xt_progress_draw(&t->progress, &at);
}

/* ---- chunks ---- */

static xt_status train_chunk(xt_training *t, uint32_t *chunk, xt_err *err)
{
    xt_engine *engine = t->job->engine;
    uint32_t first = t->trained, n = xt_control_reach(&t->control, first) - first, left = last_epoch(t) - first;
    n = n < left ? n : left;
    n = n < *chunk ? n : *chunk;
    xt_err why;
    xt_status status = keep_good(t, false, err);
    if (status)
        return status;
    double begin = xt_seconds(), setup = xt_training_setup(&engine->facts);
    status = train_watched(t, n, &why);
    double end = xt_seconds();
    t->training += seconds_since(t, begin, setup);
    *chunk = next_chunk(n, end - begin);
    if (t->inside.given_up)
        return give_up(t, why.text, err);
    t->engine_failed = status != XT_OK;
    if (status)
        return xt_fail(err, status, "%s", why.text);
    t->trained += n;
    double busy = t->training + t->evaluation;
    status = take_chunk(t, first, n, begin - t->start, end - t->start, err);
    t->output += xt_seconds() - end - (t->training + t->evaluation - busy);
    if (!status)
        draw(t, end);
    return status;
}

xt_status xt_training_go(xt_training *t, xt_err *err)
{
    const xt_run_job *job = t->job;
    uint32_t epochs = last_epoch(t), chunk = first_chunk(&job->engine->facts);
    xt_status status = XT_OK;
    while (!status && t->trained < epochs && !*job->stop && !t->control.ended && !t->time_is_up) {
        status = train_chunk(t, &chunk, err);
        if (!status)
            status = save_when_due(t, err);
        t->time_is_up = !status && job->max_time > 0 && xt_seconds() >= job->max_time && t->trained < epochs &&
                        !t->control.ended;
    }
    t->result->signal = *job->stop;
    xt_buf why = {0};
    xt_control_reason(&t->control, &why);
    snprintf(t->result->stopped, sizeof t->result->stopped, "%s", t->time_is_up ? "max_time" : xt_buf_text(&why));
    xt_buf_clear(&why);
    xt_progress_clear(&t->progress);
    return status;
}

