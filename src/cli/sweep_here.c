/* A whole sweep: its trials trained in this process, or in others, and what is left and told of them. */
#include "cli/sweep.h"

#include "app/outdir.h"
#include "app/progress.h"
#include "app/ranking.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cli/curves.h"
#include "cli/opener.h"
#include "cli/signals.h"
#include "ocl/context.h"
#include "ocl/device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows wait so long, in seconds, or until they are so many: each time they are written the disk is waited for. */
static const double write_every = 1;
enum { MOST_ROWS = 4096 };

typedef struct here {
    xt_search *search;
    xt_opener *opener;
    xt_outdir dir; /* which holds the sweep's lock */
    xt_trials trials;
    xt_ranking ranking;
    xt_curves curves;
    xt_strings rows; /* that wait */
    size_t n_rows;
    double start, written_at;
    xt_progress progress;
    xt_buf why; /* of the first trial that failed or diverged now */
    uint64_t n_before, n_done; /* trials that had rows at the start, and that were trained since */
} here;

/* ---- rows ---- */

static xt_status write_rows(here *h, xt_err *err)
{
    xt_status status = h->n_rows ? xt_trials_add(&h->trials, &h->rows, err) : XT_OK;
    if (!status && h->n_rows)
        status = xt_ranking_add(&h->ranking, &h->rows, err);
    xt_strings_reset(&h->rows);
    h->n_rows = 0;
    h->written_at = xt_seconds();
    return status;
}

static xt_status take(void *who, uint64_t number, const xt_trial *trial, const xt_trial_result *result, xt_err *err)
{
    here *h = who;
    if (*result->why && !h->why.len)
        xt_buf_printf(&h->why, "trial %" PRIu64 ": %s", number, result->why);
    if (result->end == XT_OUTCOME_FAILED)
        xt_warn("trial %" PRIu64 " failed: %s", number, result->why);
    else if (result->end == XT_OUTCOME_DIVERGED)
        xt_detail("trial %" PRIu64 " %s", number, result->why);
    xt_search_cells(h->search, number, trial, result, &h->rows);
    if (h->rows.text.failed)
        return xt_fail_memory(err, "the rows of trials", h->rows.text.len);
    h->n_rows++;
    h->n_done++;
    bool due = h->n_rows >= MOST_ROWS || xt_seconds() - h->written_at >= write_every;
    return due ? write_rows(h, err) : XT_OK;
}

static void stand(void *who, double parts)
{
    here *h = who;
    const xt_ranking *ranking = &h->ranking;
    const xt_sweep_standing at = {.trials = xt_space_count(h->search->space), .done = h->n_before + h->n_done,
                                  .before = h->n_before, .parts = parts, .seconds = xt_seconds() - h->start,
                                  .value = h->search->columns[h->search->ranked.value],
                                  .best = ranking->best[0].value, .best_trial = ranking->best[0].trial,
                                  .has_best = ranking->n_best > 0};
    xt_progress_draw_sweep(&h->progress, &at);
}

/* ---- training ---- */

static bool wants(void *who, uint64_t number)
{
    const here *h = who;
    return xt_search_wants(h->search, number);
}

static xt_status open_trial(void *who, uint64_t number, xt_trial **out, xt_err *err)
{
    here *h = who;
    return xt_opener_trial(h->opener, number, out, err);
}

static void close_trial(void *who, xt_trial *trial)
{
    here *h = who;
    xt_opener_release(h->opener, trial);
}

static bool shows(void *who, uint64_t number)
{
    const here *h = who;
    return xt_curves_has(&h->curves, number);
}

static xt_status show(void *who, const xt_trial *trial, const char *rows, size_t n_bytes, xt_err *err)
{
    here *h = who;
    return xt_curves_add(&h->curves, trial->number, trial->plan.spec, rows, n_bytes, err);
}

static xt_status train_here(here *h, xt_err *err)
{
    const xt_sweep_job job = {.n_trials = xt_space_count(h->search->space),
                              .n_repeats = xt_space_repeats(h->search->space), .wants = wants, .open = open_trial,
                              .close = close_trial, .take = take, .stand = stand, .shows = shows, .show = show,
                              .who = h, .fail_fast = h->search->options->fail_fast, .stop = &xt_stop};
    xt_err later;
    xt_devices_prepare();
    xt_contexts_end_with_process(false); /* trials that train alone open one each */
    xt_signals_watch();
    xt_status status = xt_sweep_run(&job, err);
    xt_status written = write_rows(h, &later);
    return written && !status ? xt_fail(err, written, "%s", later.text) : status;
}

/* The rows are those of the processes. */
static xt_status hand_out(here *h, xt_err *err)
{
    xt_search *search = h->search;
    xt_status status = xt_search_hand_out(search, err);
    xt_err later;
    xt_trials_close(&h->trials);
    xt_ranking_clear(&h->ranking);
    xt_status read = xt_ranking_init(&h->ranking, &search->ranked, &later);
    if (!read)
        read = xt_trials_open(xt_buf_text(&search->path), search->columns, search->n_columns, NULL, xt_ranking_visit,
                              &h->ranking, &h->trials, &later);
    return read && !status ? xt_fail(err, read, "%s", later.text) : status;
}

/* ---- the best ---- */

static xt_status copy_model(const here *h, xt_err *err)
{
    xt_buf path = {0}, bytes = {0};
    xt_buf_printf(&path, "%s/best/model.safetensors", h->search->spec->output_dir);
    xt_status status = path.failed ? xt_fail_memory(err, "a path", path.len)
                                   : xt_file_read(path.data, SIZE_MAX / 2, XT_FAILED, &bytes, err);
    const xt_span span = {bytes.data, bytes.len};
    if (!status)
        status = xt_outdir_replace(&h->dir, "best.safetensors", NULL, &span, 1, err);
    xt_buf_clear(&path);
    xt_buf_clear(&bytes);
    return status;
}

/* Rows that were trained with other settings, before --resume, or on another device show here. */
static xt_status compare(const here *h, const xt_strings *row, xt_err *err)
{
    const xt_ranked *best = &h->ranking.best[0];
    size_t column = h->search->ranked.value;
    if (row->text.failed)
        return xt_fail_memory(err, "the row of the best trial", row->text.len);
    const char *now = row->n ? xt_strings_skip(xt_strings_first(row), column) : NULL;
    const char *was = xt_strings_skip(best->cells.data, column);
    if (!now || strcmp(now, was) == 0)
        return XT_OK;
    return xt_fail(err, XT_DIFFERS, "trial %" PRIu64 " trained again has %s %s, and %s in %s: was its row made with other settings?",
                   best->trial, h->search->columns[column], now, was, xt_buf_text(&h->search->path));
}

/* Trained again, the same bits, for its files. */
static xt_status keep_best(here *h, xt_err *err)
{
    if (!h->ranking.n_best || xt_stop)
        return XT_OK;
    xt_options options = *h->search->options;
    xt_search best = *h->search;
    options.quiet = true;
    options.resume = false;
    best.options = &options;
    xt_strings row = {0};
    xt_status status = xt_search_train(&best, "best", h->ranking.best[0].trial, &row, err);
    if (!status && !xt_stop)
        status = compare(h, &row, err);
    if (!status && !xt_stop)
        status = copy_model(h, err);
    xt_strings_clear(&row);
    return status ? status : xt_outdir_sync(&h->dir, err);
}

/* Those that only the end has chosen. */
static bool wants_curve(void *who, uint64_t number)
{
    const here *h = who;
    size_t n = xt_curves_n_best(&h->curves);
    for (size_t i = 0; i < h->ranking.n_best && i < n; i++)
        if (h->ranking.best[i].trial == number)
            return true;
    return false;
}

static xt_status take_nothing(void *who, uint64_t number, const xt_trial *trial, const xt_trial_result *result, xt_err *err)
{
    (void)who;
    (void)number;
    (void)trial;
    (void)result;
    (void)err;
    return XT_OK;
}

static xt_status keep_curves(here *h, xt_err *err)
{
    const xt_sweep_job job = {.n_trials = xt_space_count(h->search->space),
                              .n_repeats = xt_space_repeats(h->search->space), .wants = wants_curve, .open = open_trial,
                              .close = close_trial, .take = take_nothing, .shows = wants_curve, .show = show, .who = h,
                              .stop = &xt_stop};
    return xt_curves_n_best(&h->curves) && !xt_stop ? xt_sweep_run(&job, err) : XT_OK;
}

/* ---- what is told ---- */

static void print_combination(const void *context, uint64_t combination, xt_strings *cells)
{
    const xt_space *space = context;
    xt_buf value = {0};
    for (size_t i = 0; i < xt_space_n_keys(space); i++) {
        xt_buf_reset(&value);
        xt_space_value(space, combination * xt_space_repeats(space), i, &value);
        xt_strings_add(cells, xt_buf_text(&value));
    }
    cells->text.failed |= value.failed;
    xt_buf_clear(&value);
}

static xt_status tell(const here *h, xt_err *err)
{
    const xt_search *search = h->search;
    xt_buf text = {0};
    xt_ranking_print(&h->ranking, &text);
    if (xt_space_repeats(search->space) > 1 && search->spec->n_limits) {
        xt_buf_puts(&text, text.len ? "\n" : "");
        xt_ranking_print_convergence(&h->ranking, search->columns + 1, xt_space_n_keys(search->space), print_combination,
                                     search->space, &text);
    }
    xt_status status = text.failed ? xt_fail_memory(err, "the table of trials", text.len)
                       : search->options->quiet ? XT_OK
                                                : xt_print(&text, err);
    xt_buf_clear(&text);
    return status;
}

static void tell_end(const here *h)
{
    double seconds = xt_seconds() - h->start;
    uint64_t n = xt_space_count(h->search->space), ended = h->ranking.n_done;
    if (ended < n)
        xt_note("%s%" PRIu64 " of %" PRIu64 " trials have rows in %s; --resume goes on", xt_stop ? "interrupted: " : "", ended,
                n, xt_buf_text(&h->search->path));
    else
        xt_note("%" PRIu64 " trial%s in %.3f s; %s", n, n == 1 ? "" : "s", seconds, xt_buf_text(&h->search->path));
}

/* ---- from the beginning to the end ---- */

/* What an earlier sweep left must not stand beside the rows of a new one. */
static void forget(const here *h)
{
    xt_buf path = {0};
    for (size_t i = 0; i < XT_N_RUN_FILES + 3; i++) {
        static const char *const others[] = {"best", "best.safetensors", "curves.csv"};
        bool is_run_file = i < XT_N_RUN_FILES;
        xt_buf_reset(&path);
        xt_buf_printf(&path, "%s/%s%s", h->search->spec->output_dir, is_run_file ? "best/" : "",
                      is_run_file ? xt_run_files[i] : others[i - XT_N_RUN_FILES]);
        if (!path.failed)
            remove(path.data); /* what is not there, or holds something else, stays */
    }
    xt_buf_clear(&path);
}

static xt_status open_here(here *h, xt_err *err)
{
    xt_search *search = h->search;
    xt_status status = xt_ranking_init(&h->ranking, &search->ranked, err);
    if (!status)
        status = xt_opener_open(search->space, &h->opener, err);
    if (!status)
        status = xt_outdir_open(search->spec->output_dir, &h->dir, err);
    if (!status)
        status = xt_curves_init(&h->curves, search->options->curves, xt_space_count(search->space), err);
    if (!status)
        status = xt_search_open_trials(search, xt_ranking_visit, &h->ranking, &h->trials, err);
    h->n_before = h->ranking.n_done;
    if (!status && !search->options->resume)
        forget(h);
    return status ? status : xt_curves_open(&h->curves, &h->dir, search->spec, search->options->resume ? &search->done : NULL, err);
}

static xt_status run(here *h, xt_err *err)
{
    bool apart = h->search->n_jobs > 0;
    xt_status status = apart ? hand_out(h, err) : train_here(h, err);
    if (!status)
        status = keep_curves(h, err);
    if (!status)
        status = keep_best(h, err);
    if (!status)
        status = tell(h, err);
    if (!status)
        tell_end(h);
    if (status || xt_stop)
        return status;
    uint64_t n = xt_space_count(h->search->space), n_failed = h->ranking.n_failed, done = h->ranking.n_done;
    if (n_failed)
        return xt_fail(err, XT_TRIALS_FAILED, "%" PRIu64 " of %" PRIu64 " trials failed or diverged%s%s", n_failed, done,
                       h->why.len ? "; " : "", xt_buf_text(&h->why));
    return done < n ? xt_fail(err, XT_FAILED, "%" PRIu64 " of %" PRIu64 " trials have no row", n - done, n) : XT_OK;
}

xt_status xt_search_here(xt_search *search, xt_err *err)
{
    here h = {.search = search, .dir.fd = -1, .trials.file.fd = -1, .start = xt_seconds(),
              .progress.wanted = xt_terminal_is_allowed()};
    xt_err later;
    h.written_at = h.start;
    xt_status status = open_here(&h, err);
    if (!status)
        status = run(&h, err);
    xt_status closed = xt_curves_close(&h.curves, &later);
    if (closed && !status)
        status = xt_fail(err, closed, "%s", later.text);
    xt_opener_close(&h.opener);
    xt_trials_close(&h.trials);
    xt_ranking_clear(&h.ranking);
    xt_strings_clear(&h.rows);
    xt_buf_clear(&h.why);
    xt_outdir_close(&h.dir);
    return status;
}
