#include "app/sinks.h"

#include "app/loss_csv.h"
#include "base/file.h"
#include "base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that fit a processor's second cache. */
enum { FULL = 1 << 17 };

/* A format of rows: what comes before the first of them, and a row from the text of its CSV. */
typedef struct format {
    const char *option, *noun;
    void (*begin)(const xt_spec *spec, xt_buf *out); /* NULL: nothing */
    void (*add)(const xt_row_style *style, const char *csv, size_t n_bytes, xt_buf *out);
} format;

static void add_csv(const xt_row_style *style, const char *csv, size_t n_bytes, xt_buf *out)
{
    (void)style;
    xt_buf_add(out, csv, n_bytes);
}

static const format formats[XT_N_ROW_FORMATS] = {
    [XT_ROWS_CSV] = {"--csv", "CSV", xt_csv_header, add_csv},
    [XT_ROWS_JSONL] = {"--jsonl", "JSON", NULL, xt_json_row},
};

void xt_sinks_init(xt_sinks *sinks, const xt_spec *spec, bool lines, const char *csv_path, const char *jsonl_path,
                   const volatile sig_atomic_t *stop)
{
    const char *const paths[XT_N_ROW_FORMATS] = {[XT_ROWS_CSV] = csv_path, [XT_ROWS_JSONL] = jsonl_path};
    *sinks = (xt_sinks){.spec = spec, .csv = {.fd = -1}, .lines = lines, .stdout_open = true, .stop = stop};
    for (xt_row_format i = 0; i < XT_N_ROW_FORMATS; i++) {
        bool on_stdout = paths[i] && strcmp(paths[i], "-") == 0;
        xt_destination to = on_stdout ? XT_TO_STDOUT : XT_TO_NOTHING;
        sinks->copies[i] = (xt_sink){.format = i, .to = to, .fd = -1, .name = paths[i]};
        sinks->lines = sinks->lines && !on_stdout;
    }
    xt_row_style_init(&sinks->style, spec);
}

static xt_status write_stdout(xt_sinks *sinks, const char *text, size_t n_bytes, xt_err *err)
{
    if (!sinks->stdout_open || !n_bytes)
        return XT_OK;
    xt_terminal_clear();
    xt_status status = xt_write_unless(STDOUT_FILENO, "standard output", text, n_bytes, sinks->stop, err);
    if (status && (errno == EPIPE || errno == EBADF)) {
        sinks->stdout_open = false;
        return XT_OK;
    }
    return status;
}

/* On a full disk half a row would be left: a file is cut back to where these rows
 * began; where that fails too there is nothing more to be done. */
static xt_status write_file(const xt_sink *sink, const xt_buf *rows, xt_err *err)
{
    struct stat info;
    off_t start = fstat(sink->fd, &info) == 0 ? info.st_size : -1;
    xt_status status = xt_write_all(sink->fd, sink->name, xt_buf_text(rows), rows->len, err);
    int cut = status && start >= 0 ? ftruncate(sink->fd, start) : 0;
    (void)cut;
    return status;
}

/* Whole rows. A pipe whose reader stalls is given up when the run is to stop. */
static xt_status write_rows(xt_sinks *sinks, const xt_sink *sink, const xt_buf *rows, xt_err *err)
{
    switch (sink->to) {
    case XT_TO_STDOUT:
        return write_stdout(sinks, xt_buf_text(rows), rows->len, err);
    case XT_TO_FILE:
        return write_file(sink, rows, err);
    case XT_TO_STREAM:
        return xt_write_unless(sink->fd, sink->name, xt_buf_text(rows), rows->len, sinks->stop, err);
    case XT_TO_NOTHING:
        break;
    }
    return XT_OK;
}

/* ---- opening ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_same_file(const struct stat *file, int dir, const char *path)
{
    struct stat other;
    int found = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &other) : fstatat(dir, path, &other, 0);
    return found == 0 && is_same(file, &other);
}

static bool is_descriptor(const struct stat *file, int fd)
{
    struct stat other;
    return fd >= 0 && fstat(fd, &other) == 0 && is_same(file, &other);
}

/* What the regular file that was opened must not be. */
static xt_status check_copy(const xt_sink *copy, const struct stat *file, const char *const *inputs, size_t n_inputs,
                            const xt_outdir *dir, xt_err *err)
{
    const char *option = formats[copy->format].option, *path = copy->name;
    for (size_t i = 0; i < n_inputs; i++)
        if (is_same_file(file, AT_FDCWD, inputs[i]))
            return xt_fail(err, XT_BAD_USAGE, "%s %s: would overwrite %s, which this run reads", option, path,
                           strcmp(inputs[i], "-") == 0 ? "standard input" : inputs[i]);
    for (size_t i = 0; i < XT_N_RUN_FILES; i++)
        if (is_same_file(file, dir->fd, xt_run_files[i]))
            return xt_fail(err, XT_BAD_USAGE, "%s %s: is the run's own %s; loss.csv is written there anyway", option,
                           path, xt_run_files[i]);
    if (is_descriptor(file, STDOUT_FILENO) || is_descriptor(file, STDERR_FILENO))
        return xt_fail(err, XT_BAD_USAGE, "%s %s: standard output or error goes there; %s - puts the %s on standard "
                                          "output",
                       option, path, option, formats[copy->format].noun);
    return XT_OK;
}

/* A new file when there is none, so that what is refused can be taken back. */
static int open_new(const char *path, bool *is_new)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *is_new = fd >= 0;
    return fd >= 0 || errno != EEXIST ? fd : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
}

/* Whether another copy is written to the file; a terminal or /dev/null may have both. */
static bool goes_to(const xt_sink *other, const xt_sink *copy, const struct stat *file)
{
    return other != copy && !S_ISCHR(file->st_mode) &&
           is_descriptor(file, other->to == XT_TO_STDOUT ? STDOUT_FILENO : other->fd);
}

static xt_status open_copy(xt_sinks *sinks, xt_sink *copy, const char *const *inputs, size_t n_inputs,
                           const xt_outdir *dir, xt_err *err)
{
    struct stat file;
    const char *option = formats[copy->format].option;
    copy->fd = open_new(copy->name, &copy->is_new);
    if (copy->fd < 0)
        return xt_fail_errno(err, "cannot create %s", copy->name);
    if (fstat(copy->fd, &file) != 0)
        return xt_fail_errno(err, "cannot look at %s", copy->name);
    for (size_t i = 0; i < XT_N_ROW_FORMATS; i++)
        if (goes_to(&sinks->copies[i], copy, &file))
            return xt_fail(err, XT_BAD_USAGE, "%s %s: %s writes there too", option, copy->name, formats[i].option);
    copy->to = S_ISREG(file.st_mode) ? XT_TO_FILE : XT_TO_STREAM;
    if (copy->to == XT_TO_STREAM)
        return XT_OK;
    xt_status status = check_copy(copy, &file, inputs, n_inputs, dir, err);
    if (!status && flock(copy->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        status = xt_fail(err, XT_FAILED, "%s %s: another run is writing there", option, copy->name);
    return status;
}

xt_status xt_sinks_open_copies(xt_sinks *sinks, const char *const *inputs, size_t n_inputs, const xt_outdir *dir,
                               xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < XT_N_ROW_FORMATS; i++)
        if (sinks->copies[i].name && sinks->copies[i].to != XT_TO_STDOUT)
            status = open_copy(sinks, &sinks->copies[i], inputs, n_inputs, dir, err);
    return status;
}

static xt_status name_csv(xt_sinks *sinks, const xt_outdir *dir, xt_err *err)
{
    xt_buf_reset(&sinks->csv_name);
    xt_outdir_file(dir, "loss.csv", &sinks->csv_name);
    sinks->csv.name = xt_buf_text(&sinks->csv_name);
    return sinks->csv_name.failed ? xt_fail_memory(err, "the path of loss.csv", 0) : XT_OK;
}

xt_status xt_sinks_stage_csv(xt_sinks *sinks, xt_outdir *dir, xt_err *err)
{
    xt_buf header = {0};
    xt_csv_header(sinks->spec, &header);
    xt_status status = header.failed ? xt_fail_memory(err, "the CSV header", 0) : name_csv(sinks, dir, err);
    if (!status)
        status = xt_outdir_stage(dir, "loss.csv", header.data, header.len, &sinks->csv.fd, err);
    if (!status)
        sinks->csv.to = XT_TO_FILE;
    xt_buf_clear(&header);
    return status;
}

/* dir's loss.csv to read and append to; *fd is -1 where there is none. No link:
 * what it leads to is not this run's to cut. */
static xt_status open_csv(const xt_outdir *dir, const char *name, int *fd, xt_err *err)
{
    struct stat file;
    *fd = openat(dir->fd, "loss.csv", O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT)
        return XT_OK;
    if (*fd < 0 && errno != ELOOP)
        return xt_fail_errno(err, "cannot open %s", name);
    if (*fd >= 0 && fstat(*fd, &file) != 0)
        return xt_fail_errno(err, "cannot look at %s", name);
    if (*fd < 0 || !S_ISREG(file.st_mode))
        return xt_fail(err, XT_FAILED, "cannot continue %s: it is no regular file", name);
    return XT_OK;
}

xt_status xt_sinks_continue(xt_sinks *sinks, const xt_outdir *dir, uint32_t first, uint32_t epoch, xt_hash *losses,
                            bool *found, xt_err *err)
{
    int fd = -1;
    xt_status status = name_csv(sinks, dir, err);
    if (!status)
        status = open_csv(dir, sinks->csv.name, &fd, err);
    if (!status && fd >= 0)
        status = xt_loss_csv_check(fd, sinks->csv.name, sinks->spec, first, epoch, losses, &sinks->kept, err);
    if (status) {
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (fd >= 0) {
        sinks->csv.fd = fd;
        sinks->csv.to = XT_TO_FILE;
    }
    *found = fd >= 0;
    return XT_OK;
}

/* ---- starting ---- */

/* The rows that loss.csv keeps, in the copy's format. */
static xt_status copy_rows(xt_sinks *sinks, const xt_sink *copy, xt_err *err)
{
    xt_lines lines = {.fd = sinks->csv.fd, .name = sinks->csv.name};
    xt_buf *rows = &sinks->rows[copy->format];
    const char *line = NULL;
    size_t n = 0;
    xt_status status = xt_lines_next(&lines, &line, &n, err); /* the header */
    for (uint64_t at = n; !status && at < sinks->kept; at += n) {
        status = xt_lines_next(&lines, &line, &n, err);
        if (!status && !n)
            status = xt_fail(err, XT_FAILED, "%s became shorter while it was read", sinks->csv.name);
        if (status)
            break;
        formats[copy->format].add(&sinks->style, line, n, rows);
        if (rows->len < FULL && at + n < sinks->kept)
            continue;
        status = rows->failed ? xt_fail_memory(err, "the rows of a copy", rows->len) : write_file(copy, rows, err);
        xt_buf_reset(rows);
    }
    return status;
}

static xt_status start_copy(xt_sinks *sinks, xt_sink *copy, xt_err *err)
{
    const format *f = &formats[copy->format];
    xt_buf *rows = &sinks->rows[copy->format];
    if (copy->to == XT_TO_FILE && ftruncate(copy->fd, 0) != 0)
        return xt_fail_errno(err, "cannot empty %s", copy->name);
    if (f->begin)
        f->begin(sinks->spec, rows);
    xt_status status = rows->failed ? xt_fail_memory(err, "the rows of a copy", 0) : write_rows(sinks, copy, rows, err);
    xt_buf_reset(rows);
    if (!status && copy->to == XT_TO_FILE && sinks->kept)
        status = copy_rows(sinks, copy, err);
    return status;
}

xt_status xt_sinks_start(xt_sinks *sinks, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < XT_N_ROW_FORMATS; i++)
        if (sinks->copies[i].to != XT_TO_NOTHING)
            status = start_copy(sinks, &sinks->copies[i], err);
    if (!status && sinks->kept && ftruncate(sinks->csv.fd, (off_t)sinks->kept) != 0)
        status = xt_fail_errno(err, "cannot cut %s", sinks->csv.name);
    for (size_t i = 0; !status && i < XT_N_ROW_FORMATS; i++)
        sinks->copies[i].is_new = false;
    return status;
}

/* ---- rows ---- */

/* A row in each format that is wanted; all of them are made of its CSV. */
static void add_row(xt_sinks *sinks, const xt_run_row *row, double seconds)
{
    xt_buf *csv = &sinks->rows[XT_ROWS_CSV];
    size_t start = csv->len;
    xt_csv_row(&sinks->style, row, seconds, csv, &sinks->losses);
    for (size_t i = XT_ROWS_CSV + 1; i < XT_N_ROW_FORMATS; i++)
        if (sinks->copies[i].to != XT_TO_NOTHING && csv->len > start)
            formats[i].add(&sinks->style, csv->data + start, csv->len - start, &sinks->rows[i]);
}

void xt_sinks_add(xt_sinks *sinks, const xt_run_row *row, double seconds, bool is_last)
{
    add_row(sinks, row, seconds);
    if (sinks->lines && (is_last || xt_line_due(sinks->spec, row->epoch)))
        xt_line_row(&sinks->style, row, &sinks->text);
}

void xt_sinks_add_test(xt_sinks *sinks, const xt_measured *test)
{
    if (!sinks->lines)
        return;
    xt_buf_puts(&sinks->text, "test  ");
    xt_line_measured(sinks->spec, test, &sinks->text);
    xt_buf_puts(&sinks->text, "\n");
}

bool xt_sinks_full(const xt_sinks *sinks)
{
    size_t waiting = sinks->text.len;
    for (size_t i = 0; i < XT_N_ROW_FORMATS; i++)
        waiting += sinks->rows[i].len;
    return waiting >= FULL;
}

xt_status xt_sinks_flush(xt_sinks *sinks, xt_err *err)
{
    bool failed = sinks->text.failed || sinks->losses.failed;
    for (size_t i = 0; i < XT_N_ROW_FORMATS; i++)
        failed = failed || sinks->rows[i].failed;
    sinks->csv_failed |= failed;
    if (failed)
        return xt_fail_memory(err, "the rows of a chunk", sinks->rows[XT_ROWS_CSV].len);
    xt_status status = write_rows(sinks, &sinks->csv, &sinks->rows[XT_ROWS_CSV], err);
    sinks->csv_failed |= status != XT_OK;
    for (size_t i = 0; !status && i < XT_N_ROW_FORMATS; i++)
        status = write_rows(sinks, &sinks->copies[i], &sinks->rows[i], err);
    if (!status)
        status = write_stdout(sinks, xt_buf_text(&sinks->text), sinks->text.len, err);
    for (size_t i = 0; i < XT_N_ROW_FORMATS; i++)
        xt_buf_reset(&sinks->rows[i]);
    xt_buf_reset(&sinks->text);
    xt_buf_reset(&sinks->losses);
    return status;
}

/* A device or a pipe cannot be synced, and says so. */
static bool no_sync(void)
{
    return errno == EINVAL || errno == EROFS;
}

xt_status xt_sinks_sync(const xt_sinks *sinks, xt_err *err)
{
    if (sinks->csv.fd >= 0 && fdatasync(sinks->csv.fd) != 0 && !no_sync())
        return xt_fail_errno(err, "cannot sync %s", sinks->csv.name);
    return XT_OK;
}

static xt_status close_sink(xt_sink *sink, xt_err *err)
{
    xt_status status = XT_OK;
    if (sink->fd >= 0 && sink->is_new)
        unlink(sink->name);
    /* Some file systems tell only now that there was no room. */
    if (sink->fd >= 0 && fsync(sink->fd) != 0 && !no_sync())
        status = xt_fail_errno(err, "cannot sync %s", sink->name);
    if (sink->fd >= 0 && close(sink->fd) != 0 && !status)
        status = xt_fail_errno(err, "cannot close %s", sink->name);
    *sink = (xt_sink){.format = sink->format, .fd = -1};
    return status;
}

xt_status xt_sinks_close(xt_sinks *sinks, xt_err *err)
{
    xt_err later;
    xt_status status = close_sink(&sinks->csv, err);
    for (size_t i = 0; i < XT_N_ROW_FORMATS; i++) {
        xt_status failed = close_sink(&sinks->copies[i], &later);
        if (failed && !status)
            status = xt_fail(err, failed, "%s", later.text);
        xt_buf_clear(&sinks->rows[i]);
    }
    xt_buf_clear(&sinks->csv_name);
    xt_buf_clear(&sinks->text);
    xt_buf_clear(&sinks->losses);
    return status;
}
