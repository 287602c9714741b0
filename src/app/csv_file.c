#include "app/csv_file.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- text ---- */

void xt_csv_put(const char *text, xt_buf *out)
{
    if (!strpbrk(text, ",\"\r\n")) {
        xt_buf_puts(out, text);
        return;
    }
    xt_buf_puts(out, "\"");
    for (const char *at = text; *at; at++)
        xt_buf_add(out, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    xt_buf_puts(out, "\"");
}

static bool ends_cell(const char *at, const char *limit)
{
    return at == limit || *at == ',' || *at == '\n' || (*at == '\r' && at + 1 < limit && at[1] == '\n');
}

static void add_text(xt_buf *text, const char *from, const char *to)
{
    if (text)
        xt_buf_add(text, from, (size_t)(to - from));
}

/* The end of the cell at `at`, whose text goes to `text` unless that is NULL; NULL
 * where its quotes do not close, or something follows them. */
static const char *read_cell(const char *at, const char *limit, xt_buf *text)
{
    const char *start = at;
    if (at == limit || *at != '"') {
        while (!ends_cell(at, limit))
            at++;
        add_text(text, start, at);
        return at;
    }
    /* Of two quotes in it the second one begins what follows. */
    for (start = ++at; (at = memchr(at, '"', (size_t)(limit - at))); at++) {
        add_text(text, start, at);
        start = ++at;
        if (at == limit || *at != '"')
            return ends_cell(at, limit) ? at : NULL;
    }
    return NULL;
}

bool xt_csv_read(const char *at, const char *limit, xt_strings *cells, xt_csv_record *out)
{
    *out = (xt_csv_record){.at = at};
    for (;; at++) {
        at = read_cell(at, limit, cells ? &cells->text : NULL);
        if (!at)
            return false;
        out->n_cells++;
        if (cells)
            xt_strings_add(cells, "");
        if (at == limit || *at != ',')
            break;
    }
    out->end = at;
    out->next = at == limit ? limit : at + (*at == '\r') + 1;
    return true;
}

/* ---- opening ---- */

void xt_csv_file_unlock(xt_csv_file *file)
{
    if (file->fd >= 0)
        flock(file->fd, LOCK_UN);
    xt_buf_clear(&file->text);
    xt_strings_clear(&file->columns);
}

void xt_csv_file_close(xt_csv_file *file)
{
    xt_csv_file_unlock(file);
    if (file->fd >= 0)
        close(file->fd);
    *file = (xt_csv_file){.path = file->path, .kind = file->kind, .fd = -1};
}

static xt_status fail_kind(const xt_csv_file *file, xt_err *err)
{
    return xt_fail(err, XT_BAD_USAGE, "%s%s: is no regular file, to which rows could be appended", file->kind->option,
                   file->path);
}

/* What is refused later can be taken back where it was new. */
static void open_or_make(xt_csv_file *file, bool make)
{
    enum { FLAGS = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
    file->is_new = false;
    file->fd = open(file->path, FLAGS);
    if (file->fd >= 0 || errno != ENOENT || !make)
        return;
    file->fd = open(file->path, FLAGS | O_CREAT | O_EXCL, 0666);
    file->is_new = file->fd >= 0;
    /* Another process was faster, or path is a link to nothing yet. */
    if (file->fd < 0 && errno == EEXIST)
        file->fd = open(file->path, FLAGS | O_CREAT, 0666);
}

/* Whoever had the lock before may have put another file there. */
xt_status xt_csv_file_lock(xt_csv_file *file, bool make, xt_err *err)
{
    for (;;) {
        struct stat ours, there;
        if (file->fd < 0)
            open_or_make(file, make);
        if (file->fd < 0 && errno == ENOENT && !make)
            return XT_OK;
        if (file->fd < 0 && (errno == EISDIR || errno == ENXIO))
            return fail_kind(file, err);
        if (file->fd < 0)
            return xt_fail_errno(err, errno == ENOENT ? "cannot create %s" : "cannot open %s", file->path);
        if (fstat(file->fd, &ours) != 0)
            return xt_fail_errno(err, "cannot look at %s", file->path);
        if (!S_ISREG(ours.st_mode))
            return fail_kind(file, err);
        /* Interrupted, it waits no longer. */
        if (flock(file->fd, LOCK_EX) != 0)
            return xt_fail_errno(err, "cannot lock %s", file->path);
        if (stat(file->path, &there) == 0 && there.st_dev == ours.st_dev && there.st_ino == ours.st_ino) {
            file->n_bytes = (size_t)there.st_size;
            return XT_OK;
        }
        xt_csv_file_close(file);
    }
}

/* ---- reading ---- */

static xt_status read_text(xt_csv_file *file, xt_err *err)
{
    char chunk[65536];
    xt_buf_reset(&file->text);
    for (;;) {
        ssize_t n = pread(file->fd, chunk, sizeof chunk, (off_t)file->text.len);
        if (n < 0 && errno != EINTR)
            return xt_fail_errno(err, "cannot read %s", file->path);
        if (n == 0)
            break;
        if (n > 0)
            xt_buf_add(&file->text, chunk, (size_t)n);
        if (file->text.failed)
            return xt_fail_memory(err, file->path, 0);
    }
    file->n_bytes = file->text.len;
    return XT_OK;
}

static size_t count_lines(const char *at, const char *end)
{
    size_t n = 0;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        n++;
        at++;
    }
    return n;
}

static void pass(xt_csv_file *file, const xt_csv_record *record)
{
    file->end += (size_t)(record->next - record->at);
    file->line += count_lines(record->at, record->next);
    file->unended = record->next == record->end;
}

static xt_status check_bytes(const xt_csv_file *file, const char *at, const char *end, xt_err *err)
{
    if (!memchr(at, '\0', (size_t)(end - at)))
        return XT_OK;
    return xt_fail(err, XT_BAD_USAGE, "%s%s: is no %s: it holds NUL bytes", file->kind->option, file->path,
                   file->kind->what);
}

xt_status xt_csv_file_read(xt_csv_file *file, xt_err *err)
{
    xt_csv_record header;
    xt_strings_clear(&file->columns);
    file->end = 0;
    file->line = 1;
    file->unended = false;
    xt_status status = read_text(file, err);
    if (status || !file->text.len)
        return status;
    const char *start = file->text.data, *limit = start + file->text.len;
    bool fine = xt_csv_read(start, limit, &file->columns, &header);
    if (file->columns.text.failed)
        return xt_fail_memory(err, file->path, file->text.len);
    if (!fine || strcmp(xt_strings_first(&file->columns), file->kind->first) != 0)
        return xt_fail(err, XT_BAD_USAGE, "%s%s: is no %s, whose first column is '%s'", file->kind->option, file->path,
                       file->kind->what, file->kind->first);
    pass(file, &header);
    return check_bytes(file, start, header.next, err);
}

/* A quote that swallows whole rows must not cost them: half a row has no further line. */
static bool is_half(const xt_csv_file *file, const char *limit, bool fine, const xt_csv_record *record)
{
    if (fine && record->end == limit && !file->kind->ragged)
        return true;
    return !memchr(record->at, '\n', (size_t)(limit - record->at)) && (!fine || record->n_cells < file->columns.n);
}

xt_status xt_csv_file_next(xt_csv_file *file, xt_strings *cells, xt_csv_record *row, xt_err *err)
{
    const char *at = xt_buf_text(&file->text) + file->end, *limit = xt_buf_text(&file->text) + file->text.len;
    *row = (xt_csv_record){0};
    if (at == limit)
        return XT_OK;
    xt_csv_record one;
    bool fine = xt_csv_read(at, limit, cells, &one);
    if (cells && cells->text.failed)
        return xt_fail_memory(err, file->path, file->text.len);
    if (is_half(file, limit, fine, &one)) {
        file->text.len = file->end;
        return XT_OK;
    }
    xt_status status = check_bytes(file, at, fine ? one.next : limit, err);
    if (status)
        return status;
    if (!fine)
        return xt_fail(err, XT_BAD_USAGE, "%s%s: line %zu: a quote is not closed, or something follows it",
                       file->kind->option, file->path, file->line);
    /* An empty line is none of the rows, and harmless. */
    bool few = one.n_cells < file->columns.n && !file->kind->ragged && one.end > one.at;
    if (few || one.n_cells > file->columns.n)
        return xt_fail(err, XT_BAD_USAGE, "%s%s: line %zu has %zu cells, and the header %zu", file->kind->option,
                       file->path, file->line, one.n_cells, file->columns.n);
    pass(file, &one);
    *row = one;
    return XT_OK;
}

/* ---- changing ---- */

xt_status xt_csv_file_cut(xt_csv_file *file, xt_err *err)
{
    if (file->end == file->n_bytes)
        return XT_OK;
    xt_warn("%s: half a row at its end is removed: it was being written when the machine or the process died",
            file->path);
    if (ftruncate(file->fd, (off_t)file->end) != 0)
        return xt_fail_errno(err, "cannot cut %s", file->path);
    file->n_bytes = file->end;
    return XT_OK;
}

/* What was written of it goes again when it fails; where that fails too there is nothing more to be done. */
xt_status xt_csv_file_append(xt_csv_file *file, const void *bytes, size_t n_bytes, xt_err *err)
{
    off_t end = (off_t)file->end;
    if (lseek(file->fd, end, SEEK_SET) != end)
        return xt_fail_errno(err, "cannot write %s", file->path);
    xt_status status = xt_write_all(file->fd, file->path, bytes, n_bytes, err);
    int cut = status ? ftruncate(file->fd, end) : 0;
    (void)cut;
    if (!status && fsync(file->fd) != 0)
        status = xt_fail_errno(err, "cannot sync %s", file->path);
    if (!status)
        file->end = file->n_bytes = file->end + n_bytes;
    return status;
}
