#include "cli/trace.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Events gather to so many bytes: one takes some hundred. */
enum { FULL = 1 << 14 };

static const char *const track_names[XT_N_TRACKS] = {
    [XT_TRACK_DEVICE] = "device",
    [XT_TRACK_HOST] = "host",
    [XT_TRACK_BACKGROUND] = "host, in the background",
};

/* ---- opening ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_descriptor(const struct stat *file, int fd)
{
    struct stat other;
    return fstat(fd, &other) == 0 && is_same(file, &other);
}

static bool is_path(const struct stat *file, const char *path)
{
    struct stat other;
    return strcmp(path, "-") == 0 ? is_descriptor(file, STDIN_FILENO) : stat(path, &other) == 0 && is_same(file, &other);
}

static xt_status check_file(const xt_trace *trace, const struct stat *file, const char *const *others, size_t n, xt_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (is_path(file, others[i]))
            return xt_fail(err, XT_BAD_USAGE, "--trace %s: would overwrite %s, which this run reads or writes", trace->path,
                           strcmp(others[i], "-") == 0 ? "standard input" : others[i]);
    if (is_descriptor(file, STDOUT_FILENO) || is_descriptor(file, STDERR_FILENO))
        return xt_fail(err, XT_BAD_USAGE, "--trace %s: standard output or error goes there", trace->path);
    if (flock(trace->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return xt_fail(err, XT_FAILED, "--trace %s: another run is writing there", trace->path);
    return XT_OK;
}

static void name_tracks(xt_buf *text)
{
    xt_buf_puts(text, "[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":\"xortrain\"}}");
    for (int i = 0; i < XT_N_TRACKS; i++)
        xt_buf_printf(text, ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"args\":{\"name\":\"%s\"}}",
                      i, track_names[i]);
}

xt_status xt_trace_open(const char *path, const char *const *others, size_t n, const volatile sig_atomic_t *stop,
                        xt_trace *out, xt_err *err)
{
    struct stat file;
    *out = (xt_trace){.path = path, .stop = stop, .fd = -1};
    /* A new file where there is none, so that what is refused can be taken back. */
    out->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    out->is_new = out->fd >= 0;
    if (out->fd < 0 && errno == EEXIST)
        out->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (out->fd < 0) {
        out->path = NULL;
        return xt_fail_errno(err, "cannot create %s", path);
    }
    xt_status status = fstat(out->fd, &file) == 0 ? XT_OK : xt_fail_errno(err, "cannot look at %s", path);
    out->is_file = !status && S_ISREG(file.st_mode);
    if (out->is_file)
        status = check_file(out, &file, others, n, err);
    if (status)
        xt_trace_close(out, NULL);
    else
        name_tracks(&out->text);
    return status;
}

/* ---- writing ---- */

/* On a full disk half an event would be left: the file is cut back to where these began; where that fails too there is
 * nothing more to be done. */
static void write_out(xt_trace *trace)
{
    struct stat file;
    if (!trace->status && trace->text.failed)
        trace->status = xt_fail_memory(&trace->err, "the trace", trace->text.len);
    if (!trace->status && trace->text.len) {
        off_t start = trace->is_file && fstat(trace->fd, &file) == 0 ? file.st_size : -1;
        trace->status = xt_write_unless(trace->fd, trace->path, trace->text.data, trace->text.len,
                                        trace->is_file ? NULL : trace->stop, &trace->err);
        int cut = trace->status && start >= 0 ? ftruncate(trace->fd, start) : 0;
        (void)cut;
    }
    xt_buf_reset(&trace->text);
}

xt_status xt_trace_start(xt_trace *trace, xt_err *err)
{
    if (trace->is_file && ftruncate(trace->fd, 0) != 0)
        return xt_fail_errno(err, "cannot empty %s", trace->path);
    trace->started = true;
    return XT_OK;
}

/* Names are of kernels and phases, in no need of escapes. */
void xt_trace_add(void *watcher, const xt_profile_span *span)
{
    xt_trace *trace = watcher;
    xt_buf *text = &trace->text;
    if (trace->status)
        return;
    xt_buf_printf(text, ",\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f", span->name,
                  (int)span->track, 1e6 * span->begin, 1e6 * (span->end - span->begin));
    if (span->n)
        xt_buf_printf(text, ",\"args\":{\"first epoch\":%u,\"epochs\":%u}", span->first, span->n);
    else if (span->work.flop > 0 && span->work.bytes > 0)
        xt_buf_printf(text, ",\"args\":{\"flop\":%.0f,\"bytes\":%.0f}", span->work.flop, span->work.bytes);
    else if (span->work.flop > 0 || span->work.bytes > 0)
        xt_buf_printf(text, ",\"args\":{\"%s\":%.0f}", span->work.flop > 0 ? "flop" : "bytes",
                      span->work.flop > 0 ? span->work.flop : span->work.bytes);
    xt_buf_puts(text, "}");
    if (trace->started && text->len >= FULL)
        write_out(trace);
}

xt_status xt_trace_close(xt_trace *trace, xt_err *err)
{
    if (!trace->path)
        return XT_OK;
    if (trace->started) {
        xt_buf_puts(&trace->text, "\n]\n");
        write_out(trace);
    } else if (trace->is_new) {
        unlink(trace->path);
    }
    xt_status status = trace->status ? xt_fail(err, trace->status, "%s", trace->err.text) : XT_OK;
    /* Some file systems tell only now that there was no room. */
    if (trace->started && trace->is_file && fsync(trace->fd) != 0 && !status)
        status = xt_fail_errno(err, "cannot sync %s", trace->path);
    if (close(trace->fd) != 0 && !status)
        status = xt_fail_errno(err, "cannot close %s", trace->path);
    xt_buf_clear(&trace->text);
    trace->path = NULL;
    return status;
}
