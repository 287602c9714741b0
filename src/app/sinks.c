#include "app/sinks.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that fit a processor's second cache. */
enum { FULL = 1 << 17 };

void xt_sinks_init(xt_sinks *sinks, const xt_spec *spec, bool lines, const char *csv_path,
                   const volatile sig_atomic_t *stop)
{
    *sinks = (xt_sinks){.spec = spec, .csv = {.fd = -1}, .copy = {.fd = -1}, .stdout_open = true, .stop = stop};
    sinks->csv_on_stdout = csv_path && strcmp(csv_path, "-") == 0;
    sinks->lines = lines && !sinks->csv_on_stdout;
    xt_row_style_init(&sinks->style, spec);
}

static xt_status write_stdout(xt_sinks *sinks, const xt_buf *text, xt_err *err)
{
    if (!sinks->stdout_open || !text->len)
        return XT_OK;
    xt_status status = xt_write_unless(STDOUT_FILENO, "standard output", text->data, text->len, sinks->stop, err);
    if (status && (errno == EPIPE || errno == EBADF)) {
        sinks->stdout_open = false;
        return XT_OK;
    }
    return status;
}

/* The rows that wait. On a full disk half a row would be left: a file is cut back
 * to where they began; where that fails too there is nothing more to be done. A
 * pipe whose reader stalls is given up when the run is to stop. */
static xt_status write_csv(xt_sinks *sinks, const xt_csv_file *file, xt_err *err)
{
    struct stat info;
    const xt_buf *rows = &sinks->rows;
    if (file->fd < 0)
        return XT_OK;
    if (!file->is_file)
        return xt_write_unless(file->fd, xt_buf_text(&file->name), xt_buf_text(rows), rows->len, sinks->stop, err);
    off_t start = fstat(file->fd, &info) == 0 ? info.st_size : -1;
    xt_status status = xt_write_all(file->fd, xt_buf_text(&file->name), xt_buf_text(rows), rows->len, err);
    int cut = status && start >= 0 ? ftruncate(file->fd, start) : 0;
    (void)cut;
    return status;
}

/* ---- opening ---- */

static bool is_same_file(const struct stat *file, int dir, const char *path)
{
    struct stat other;
    int found = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &other) : fstatat(dir, path, &other, 0);
    return found == 0 && other.st_dev == file->st_dev && other.st_ino == file->st_ino;
}

static bool is_descriptor(const struct stat *file, int fd)
{
    struct stat other;
    return fstat(fd, &other) == 0 && other.st_dev == file->st_dev && other.st_ino == file->st_ino;
}

/* What the file that was opened must not be. */
static xt_status check_copy(const char *path, const struct stat *file, const char *const *inputs, size_t n_inputs,
                            const xt_outdir *dir, xt_err *err)
{
    static const char *const own[] = {"loss.csv", "run.json", "config.yaml", "model.safetensors",
                                      "previous.safetensors"};
    for (size_t i = 0; i < n_inputs; i++)
        if (is_same_file(file, AT_FDCWD, inputs[i]))
            return xt_fail(err, XT_BAD_USAGE, "--csv %s: would overwrite %s, which this run reads", path,
                           strcmp(inputs[i], "-") == 0 ? "standard input" : inputs[i]);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (is_same_file(file, dir->fd, own[i]))
            return xt_fail(err, XT_BAD_USAGE, "--csv %s: is the run's own %s; loss.csv is written there anyway", path,
                           own[i]);
    if (is_descriptor(file, STDOUT_FILENO) || is_descriptor(file, STDERR_FILENO))
        return xt_fail(err, XT_BAD_USAGE, "--csv %s: standard output or error goes there; --csv - puts the CSV on "
                                          "standard output",
                       path);
    return XT_OK;
}

/* A new file when there is none, so that what is refused can be taken back. */
static int open_new(const char *path, bool *is_new)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *is_new = fd >= 0;
    return fd >= 0 || errno != EEXIST ? fd : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
}

xt_status xt_sinks_open_copy(xt_sinks *sinks, const char *csv_path, const char *const *inputs, size_t n_inputs,
                             const xt_outdir *dir, xt_err *err)
{
    struct stat file;
    bool is_new;
    if (!csv_path || sinks->csv_on_stdout)
        return XT_OK;
    int fd = open_new(csv_path, &is_new);
    if (fd < 0)
        return xt_fail_errno(err, "cannot create %s", csv_path);
    xt_status status = XT_OK;
    if (fstat(fd, &file) != 0)
        status = xt_fail_errno(err, "cannot look at %s", csv_path);
    else if (S_ISREG(file.st_mode))
        status = check_copy(csv_path, &file, inputs, n_inputs, dir, err);
    if (status && is_new)
        unlink(csv_path);
    if (!status && S_ISREG(file.st_mode) && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        status = xt_fail(err, XT_FAILED, "--csv %s: another run is writing there", csv_path);
    if (status) {
        close(fd);
        return status;
    }
    sinks->copy.fd = fd;
    sinks->copy.is_file = S_ISREG(file.st_mode);
    xt_buf_puts(&sinks->copy.name, csv_path);
    return XT_OK;
}

xt_status xt_sinks_start(xt_sinks *sinks, xt_err *err)
{
    xt_status status = XT_OK;
    xt_csv_header(sinks->spec, &sinks->rows);
    if (sinks->rows.failed)
        return xt_fail_memory(err, "the CSV header", 0);
    if (sinks->csv_on_stdout)
        status = write_stdout(sinks, &sinks->rows, err);
    else if (sinks->copy.is_file && ftruncate(sinks->copy.fd, 0) != 0)
        status = xt_fail_errno(err, "cannot empty %s", xt_buf_text(&sinks->copy.name));
    if (!status)
        status = write_csv(sinks, &sinks->copy, err);
    xt_buf_reset(&sinks->rows);
    return status;
}

xt_status xt_sinks_stage_csv(xt_sinks *sinks, xt_outdir *dir, xt_err *err)
{
    xt_buf header = {0};
    xt_csv_header(sinks->spec, &header);
    xt_outdir_file(dir, "loss.csv", &sinks->csv.name);
    xt_status status = header.failed || sinks->csv.name.failed
                           ? xt_fail_memory(err, "the CSV header", 0)
                           : xt_outdir_stage(dir, "loss.csv", header.data, header.len, &sinks->csv.fd, err);
    sinks->csv.is_file = true;
    xt_buf_clear(&header);
    return status;
}

/* ---- rows ---- */

void xt_sinks_add(xt_sinks *sinks, const xt_run_row *row, double seconds, bool is_last)
{
    xt_csv_row(&sinks->style, row, seconds, &sinks->rows, &sinks->losses);
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
    return sinks->rows.len + sinks->text.len >= FULL;
}

xt_status xt_sinks_flush(xt_sinks *sinks, xt_err *err)
{
    if (sinks->rows.failed || sinks->text.failed || sinks->losses.failed)
        return xt_fail_memory(err, "the rows of a chunk", sinks->rows.len);
    xt_status status = write_csv(sinks, &sinks->csv, err);
    if (!status)
        status = write_csv(sinks, &sinks->copy, err);
    if (!status)
        status = write_stdout(sinks, sinks->csv_on_stdout ? &sinks->rows : &sinks->text, err);
    xt_buf_reset(&sinks->rows);
    xt_buf_reset(&sinks->text);
    xt_buf_reset(&sinks->losses);
    return status;
}

static xt_status close_csv(xt_csv_file *file, xt_err *err)
{
    xt_status status = XT_OK;
    /* A device or a pipe cannot be synced. Some file systems tell only now that there was no room. */
    if (file->fd >= 0 && fsync(file->fd) != 0 && errno != EINVAL && errno != EROFS)
        status = xt_fail_errno(err, "cannot sync %s", xt_buf_text(&file->name));
    if (file->fd >= 0 && close(file->fd) != 0 && !status)
        status = xt_fail_errno(err, "cannot close %s", xt_buf_text(&file->name));
    file->fd = -1;
    xt_buf_clear(&file->name);
    return status;
}

xt_status xt_sinks_close(xt_sinks *sinks, xt_err *err)
{
    xt_status status = close_csv(&sinks->csv, err);
    xt_status later = close_csv(&sinks->copy, status ? NULL : err);
    xt_buf_clear(&sinks->rows);
    xt_buf_clear(&sinks->text);
    xt_buf_clear(&sinks->losses);
    return status ? status : later;
}
