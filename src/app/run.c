#include "app/run.h"

#include "app/model_file.h"
#include "app/outdir.h"
#include "app/progress.h"
#include "app/record.h"
#include "app/rows.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Epochs a chunk at most: bounds the rows that wait, and how long a signal does. */
enum { MAX_CHUNK = 4096 };
/* A chunk doubles while it takes less than this: a long run looks live. */
static const double chunk_seconds = 0.05;

typedef struct run {
    const xt_run_job *job;
    xt_run_result *result;
    xt_outdir dir;
    int csv_fd, copy_fd;  /* DIR/loss.csv; csv_path's file, -1: none */
    bool stdout_open;     /* false once its reader has gone away */
    bool diverged;        /* whatever else goes wrong then: there is no model to save */
    xt_buf csv_name, csv, lines;
    xt_epoch *rows;       /* MAX_CHUNK */
    xt_hash *losses;
    xt_record record;
    xt_progress progress;
    double start;
    char started[32];
} run;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- sinks ---- */

/* A reader that has gone away (or never was) is no failure: the run's files go on. */
static xt_status write_stdout(run *r, const xt_buf *text, xt_err *err)
{
    if (!r->stdout_open || !text->len)
        return XT_OK;
    xt_progress_clear(&r->progress);
    xt_status status = xt_write_all(STDOUT_FILENO, "standard output", text->data, text->len, err);
    if (status && (errno == EPIPE || errno == EBADF)) {
        r->stdout_open = false;
        return XT_OK;
    }
    return status;
}

static bool csv_to_stdout(const run *r)
{
    return r->job->csv_path && strcmp(r->job->csv_path, "-") == 0;
}

static xt_status write_rows(run *r, xt_err *err)
{
    double before = now();
    if (r->csv.failed || r->lines.failed)
        return xt_fail_memory(err, "the rows of a chunk", r->csv.len);
    xt_status status = xt_write_all(r->csv_fd, xt_buf_text(&r->csv_name), xt_buf_text(&r->csv), r->csv.len, err);
    if (!status && r->copy_fd >= 0)
        status = xt_write_all(r->copy_fd, r->job->csv_path, xt_buf_text(&r->csv), r->csv.len, err);
    if (!status)
        status = write_stdout(r, csv_to_stdout(r) ? &r->csv : &r->lines, err);
    xt_buf_reset(&r->csv);
    xt_buf_reset(&r->lines);
    r->record.output_seconds += now() - before;
    return status;
}

static void add_row(run *r, uint32_t epoch, const xt_epoch *row, double seconds)
{
    const xt_spec *spec = r->job->plan->spec;
    char loss[32];
    xt_csv_number(row->loss, loss);
    xt_hash_add(r->losses, loss, strlen(loss));
    xt_hash_add(r->losses, "\n", 1);
    xt_csv_row(spec, epoch, row, seconds, &r->csv);
    if (r->job->lines && (xt_line_due(spec, epoch) || !isfinite(row->loss)))
        xt_line_row(spec, epoch, row, &r->lines);
    r->record.epochs = r->result->epochs = epoch;
    r->record.last = *row;
    r->result->loss = row->loss;
    if (isfinite(row->loss) && (!r->record.best_epoch || row->loss < r->record.best.loss)) {
        r->record.best_epoch = epoch;
        r->record.best = *row;
    }
}

static xt_status write_record(run *r, const char *word, xt_err *err)
{
    xt_buf text = {0};
    r->record.status = word;
    r->record.train_seconds = r->result->train_seconds;
    xt_hash_hex(r->losses, r->record.loss_hash);
    xt_status status = xt_record_print(r->job, &r->record, &text, err);
    if (!status)
        status = xt_outdir_replace(&r->dir, "run.json", text.data, text.len, err);
    xt_buf_clear(&text);
    return status;
}

/* ---- opening ---- */

static xt_status open_csv(const char *path, int *fd, xt_err *err)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return *fd < 0 ? xt_fail_errno(err, "cannot create %s", path) : XT_OK;
}

/* The second CSV first: when it fails, the directory is as it was. */
static xt_status open_copy(run *r, const xt_buf *header, xt_err *err)
{
    const char *path = r->job->csv_path;
    if (csv_to_stdout(r))
        return write_stdout(r, header, err);
    xt_status status = path ? open_csv(path, &r->copy_fd, err) : XT_OK;
    return path && !status ? xt_write_all(r->copy_fd, path, header->data, header->len, err) : status;
}

/* Everything of an earlier run is replaced or removed here, so that the
 * directory never holds the files of two runs. */
static xt_status replace_files(run *r, const xt_buf *header, xt_err *err)
{
    const xt_run_job *job = r->job;
    xt_outdir_file(&r->dir, "loss.csv", &r->csv_name);
    xt_status status = r->csv_name.failed ? xt_fail_memory(err, "a path", 0)
                                          : open_csv(r->csv_name.data, &r->csv_fd, err);
    if (!status)
        status = xt_write_all(r->csv_fd, r->csv_name.data, header->data, header->len, err);
    if (!status)
        status = xt_outdir_remove(&r->dir, "model.safetensors", err);
    if (!status)
        status = xt_outdir_replace(&r->dir, "config.yaml", job->config_yaml, strlen(job->config_yaml), err);
    return status ? status : write_record(r, "running", err);
}

static xt_status open_files(run *r, xt_err *err)
{
    xt_buf header = {0};
    xt_status status = xt_outdir_open(r->job->plan->spec->output_dir, &r->dir, err);
    xt_csv_header(r->job->plan->spec, &header);
    if (!status && header.failed)
        status = xt_fail_memory(err, "the CSV header", 0);
    if (!status)
        status = open_copy(r, &header, err);
    if (!status)
        status = replace_files(r, &header, err);
    xt_buf_clear(&header);
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
    r->rows = calloc(MAX_CHUNK, sizeof *r->rows);
    if (!r->rows)
        return xt_fail_memory(err, "the rows of a chunk", MAX_CHUNK * sizeof *r->rows);
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
            xt_status status = write_rows(r, err);
            return status ? status
                          : xt_fail(err, XT_DIVERGED,
                                    "diverged: the loss of epoch %u is not finite; a smaller learning_rate may help",
                                    first + i + 1);
        }
    }
    return write_rows(r, err);
}

static xt_status train(run *r, xt_err *err)
{
    const xt_run_job *job = r->job;
    uint32_t epochs = job->plan->spec->epochs, chunk = 1;
    xt_status status = XT_OK;
    for (uint32_t done = 0; !status && done < epochs && !*job->stop;) {
        uint32_t n = epochs - done < chunk ? epochs - done : chunk;
        double begin = now() - r->start;
        status = job->engine->ops->train(job->engine, done, n, r->rows, err);
        double end = now() - r->start;
        r->result->train_seconds += end - begin;
        if (!status)
            status = take_chunk(r, done, n, begin, end, err);
        done += n;
        if (end - begin < chunk_seconds / 2 && chunk < MAX_CHUNK)
            chunk *= 2;
        else if (end - begin > chunk_seconds && chunk > 1)
            chunk /= 2;
        if (!status)
            xt_progress_draw(&r->progress, done, epochs, r->result->loss, end);
    }
    r->result->signal = *job->stop;
    xt_progress_clear(&r->progress);
    return status;
}

static xt_status save_model(run *r, xt_err *err)
{
    const xt_run_job *job = r->job;
    xt_buf path = {0};
    xt_outdir_file(&r->dir, "model.safetensors", &path);
    xt_status status = path.failed ? xt_fail_memory(err, "a path", 0)
                                   : job->engine->ops->read_state(job->engine, job->state, err);
    if (!status)
        status = xt_model_save(path.data, job->plan, job->state, job->data, job->config_yaml, r->result->epochs,
                               r->record.model_hash, err);
    xt_buf_clear(&path);
    return status;
}

static xt_status close_csv(int *fd, const char *name, xt_err *err)
{
    int was = *fd;
    *fd = -1;
    /* Some file systems tell only now that there was no room. */
    return was >= 0 && close(was) != 0 ? xt_fail_errno(err, "cannot close %s", name) : XT_OK;
}

/* What is left behind, whatever ended the training. The first failure is the
 * one that is told; what follows is still tried. */
static xt_status finish(run *r, xt_status status, xt_err *err)
{
    double before = now();
    xt_status later;
    if (!r->diverged) {
        later = save_model(r, status ? NULL : err);
        status = status ? status : later;
    }
    later = close_csv(&r->csv_fd, xt_buf_text(&r->csv_name), status ? NULL : err);
    status = status ? status : later;
    later = close_csv(&r->copy_fd, r->job->csv_path, status ? NULL : err);
    status = status ? status : later;
    r->record.output_seconds += now() - before;
    const char *word = r->diverged ? "diverged" : status ? "failed" : r->result->signal ? "interrupted" : "finished";
    later = write_record(r, word, status ? NULL : err);
    return status ? status : later;
}

xt_status xt_run(const xt_run_job *job, xt_run_result *result, xt_err *err)
{
    *result = (xt_run_result){.loss = (double)NAN};
    run r = {.job = job, .result = result, .dir = {.fd = -1}, .csv_fd = -1, .copy_fd = -1, .stdout_open = true};
    r.start = now();
    xt_status status = open_run(&r, err);
    if (!status)
        status = open_files(&r, err);
    if (!status)
        status = finish(&r, train(&r, err), err);
    if (r.csv_fd >= 0)
        close(r.csv_fd);
    if (r.copy_fd >= 0)
        close(r.copy_fd);
    xt_outdir_close(&r.dir);
    xt_hash_close(&r.losses);
    xt_buf_clear(&r.csv_name);
    xt_buf_clear(&r.csv);
    xt_buf_clear(&r.lines);
    free(r.rows);
    return status;
}
