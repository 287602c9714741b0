#include "app/summary.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a row ---- */

static xt_summary_cell *cell_of(const xt_summary_row *row, const char *column)
{
    for (size_t i = 0; i < row->n; i++)
        if (strcmp(row->cells[i].column, column) == 0)
            return &row->cells[i];
    return NULL;
}

static xt_summary_cell *new_cell(xt_summary_row *row, const char *column)
{
    if (row->n == row->room) {
        size_t room = row->room ? 2 * row->room : 32;
        xt_summary_cell *cells = xt_arena_alloc(&row->arena, room, sizeof *cells);
        if (!cells)
            return NULL;
        if (row->n)
            memcpy(cells, row->cells, row->n * sizeof *cells);
        row->cells = cells;
        row->room = room;
    }
    const char *name = xt_arena_strdup(&row->arena, column);
    if (!name)
        return NULL;
    row->cells[row->n] = (xt_summary_cell){name, ""};
    return &row->cells[row->n++];
}

void xt_summary_set(xt_summary_row *row, const char *column, const char *text)
{
    xt_summary_cell *cell = cell_of(row, column);
    const char *copy = xt_arena_strdup(&row->arena, text);
    if (!cell)
        cell = new_cell(row, column);
    if (cell && copy)
        cell->text = copy;
    else
        row->failed = true;
}

const char *xt_summary_get(const xt_summary_row *row, const char *column)
{
    const xt_summary_cell *cell = cell_of(row, column);
    return cell ? cell->text : NULL;
}

void xt_summary_clear(xt_summary_row *row)
{
    xt_arena_clear(&row->arena);
    *row = (xt_summary_row){0};
}

/* ---- text ---- */

static void print_cell(const char *text, xt_buf *out)
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

/* The names of columns, each with its NUL, one behind the other. */
typedef struct names {
    xt_buf text;
    size_t n;
} names;

static const char *first_name(const names *columns)
{
    return columns->n ? columns->text.data : NULL;
}

static const char *next_name(const names *columns, const char *name)
{
    name += strlen(name) + 1;
    return name < columns->text.data + columns->text.len ? name : NULL;
}

static void add_name(names *columns, const char *name)
{
    xt_buf_add(&columns->text, name, strlen(name) + 1);
    columns->n++;
}

static bool has_name(const names *columns, const char *name)
{
    for (const char *one = first_name(columns); one; one = next_name(columns, one))
        if (strcmp(one, name) == 0)
            return true;
    return false;
}

/* The header, where row is NULL, or the row in those columns. */
static void print_line(const names *columns, const xt_summary_row *row, xt_buf *out)
{
    for (const char *name = first_name(columns); name; name = next_name(columns, name)) {
        const char *text = row ? xt_summary_get(row, name) : name;
        if (name != first_name(columns))
            xt_buf_puts(out, ",");
        print_cell(text ? text : "", out);
    }
    xt_buf_puts(out, "\n");
}

static bool ends_cell(const char *at, const char *limit)
{
    return at == limit || *at == ',' || *at == '\n' || (*at == '\r' && at + 1 < limit && at[1] == '\n');
}

/* The end of the cell at `at`, whose text goes to `text` unless that is NULL; NULL
 * where its quotes do not close, or something follows them. */
static const char *read_cell(const char *at, const char *limit, xt_buf *text)
{
    bool quoted = at < limit && *at == '"';
    for (at += quoted; quoted ? at < limit : !ends_cell(at, limit); at++) {
        if (quoted && *at == '"' && (++at == limit || *at != '"'))
            return ends_cell(at, limit) ? at : NULL;
        if (text)
            xt_buf_add(text, at, 1);
    }
    return quoted ? NULL : at;
}

typedef struct record {
    const char *at, *end, *next; /* end: without its line end */
    size_t n_cells;
} record;

/* The record at `at`, its cells to `cells` unless that is NULL. False where it is none. */
static bool read_record(const char *at, const char *limit, names *cells, record *out)
{
    *out = (record){.at = at};
    for (;; at++) {
        at = read_cell(at, limit, cells ? &cells->text : NULL);
        if (!at)
            return false;
        out->n_cells++;
        if (cells)
            add_name(cells, "");
        if (at == limit || *at != ',')
            break;
    }
    out->end = at;
    out->next = at == limit ? limit : at + (*at == '\r') + 1;
    return true;
}

/* ---- the file ---- */

typedef struct table {
    int fd;         /* which holds the lock; -1: closed */
    bool is_new;    /* the file was made for this */
    xt_buf text;    /* all of it, half a row at its end excepted */
    size_t n_bytes; /* with that */
    bool unended;   /* its last row lacks a line end */
    names columns;
} table;

static void close_table(table *t)
{
    if (t->fd >= 0)
        close(t->fd);
    xt_buf_clear(&t->text);
    xt_buf_clear(&t->columns.text);
    *t = (table){.fd = -1};
}

static xt_status fail_kind(const char *path, xt_err *err)
{
    return xt_fail(err, XT_BAD_USAGE, "--summary %s: is no regular file, to which rows could be appended", path);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What is refused later can be taken back where it was new. */
static void open_or_make(const char *path, bool make, table *t)
{
    enum { FLAGS = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };
    t->is_new = false;
    t->fd = open(path, FLAGS);
    if (t->fd >= 0 || errno != ENOENT || !make)
        return;
    t->fd = open(path, FLAGS | O_CREAT | O_EXCL, 0666);
    t->is_new = t->fd >= 0;
    /* Another process was faster, or path is a link to nothing yet. */
    if (t->fd < 0 && errno == EEXIST)
        t->fd = open(path, FLAGS | O_CREAT, 0666);
}

/* The file at path, locked. Whoever had the lock before may have put another file
 * there: this is the one that is there now. Where there is none and none is to be
 * made the table stays closed. */
static xt_status open_locked(const char *path, bool make, table *t, xt_err *err)
{
    for (;;) {
        struct stat ours, there;
        open_or_make(path, make, t);
        if (t->fd < 0 && errno == ENOENT && !make)
            return XT_OK;
        if (t->fd < 0 && (errno == EISDIR || errno == ENXIO))
            return fail_kind(path, err);
        if (t->fd < 0)
            return xt_fail_errno(err, errno == ENOENT ? "cannot create %s" : "cannot open %s", path);
        if (fstat(t->fd, &ours) != 0)
            return xt_fail_errno(err, "cannot look at %s", path);
        if (!S_ISREG(ours.st_mode))
            return fail_kind(path, err);
        /* Interrupted, it waits no longer. */
        if (flock(t->fd, LOCK_EX) != 0)
            return xt_fail_errno(err, "cannot lock %s", path);
        if (stat(path, &there) == 0 && is_same(&ours, &there))
            return XT_OK;
        close(t->fd);
    }
}

static xt_status read_text(const char *path, table *t, xt_err *err)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = read(t->fd, chunk, sizeof chunk);
        if (n < 0 && errno != EINTR)
            return xt_fail_errno(err, "cannot read %s", path);
        if (n == 0)
            break;
        if (n > 0)
            xt_buf_add(&t->text, chunk, (size_t)n);
    }
    t->n_bytes = t->text.len;
    return t->text.failed ? xt_fail_memory(err, path, 0) : XT_OK;
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

/* Whether the columns are known, and every row fits them. */
static xt_status parse(const char *path, table *t, xt_err *err)
{
    const char *start = xt_buf_text(&t->text), *limit = start + t->text.len;
    size_t line = 1;
    record one;
    for (const char *at = start; at < limit; at = one.next) {
        bool is_header = at == start, fine = read_record(at, limit, is_header ? &t->columns : NULL, &one);
        if (t->columns.text.failed)
            return xt_fail_memory(err, path, t->text.len);
        if (is_header && (!fine || strcmp(first_name(&t->columns), "run") != 0))
            return xt_fail(err, XT_BAD_USAGE, "--summary %s: is no summary of runs, whose first column is 'run'", path);
        bool is_last_line = !memchr(at, '\n', (size_t)(limit - at));
        if (is_last_line && !is_header && (!fine || one.n_cells < t->columns.n)) {
            t->text.len = (size_t)(at - start);
            return XT_OK;
        }
        if (!fine)
            return xt_fail(err, XT_BAD_USAGE, "--summary %s: line %zu: a quote is not closed, or something follows it",
                           path, line);
        if (one.n_cells > t->columns.n)
            return xt_fail(err, XT_BAD_USAGE, "--summary %s: line %zu has %zu cells, and the header %zu", path, line,
                           one.n_cells, t->columns.n);
        t->unended = one.end == limit;
        line += count_lines(at, one.next);
    }
    return XT_OK;
}

static xt_status open_table(const char *path, bool make, table *t, xt_err *err)
{
    *t = (table){.fd = -1};
    xt_status status = open_locked(path, make, t, err);
    if (status || t->fd < 0)
        return status;
    status = read_text(path, t, err);
    if (!status && t->text.len && memchr(t->text.data, '\0', t->text.len))
        status = xt_fail(err, XT_BAD_USAGE, "--summary %s: is no summary of runs: it holds NUL bytes", path);
    return status ? status : parse(path, t, err);
}

/* ---- checking ---- */

static bool is_standard(const struct stat *file, int fd)
{
    struct stat other;
    return fstat(fd, &other) == 0 && is_same(file, &other);
}

static xt_status check_others(const char *path, int fd, const char *const *others, size_t n_others, xt_err *err)
{
    struct stat file, other;
    if (fstat(fd, &file) != 0)
        return xt_fail_errno(err, "cannot look at %s", path);
    if (is_standard(&file, STDOUT_FILENO) || is_standard(&file, STDERR_FILENO))
        return xt_fail(err, XT_BAD_USAGE, "--summary %s: standard output or error goes there", path);
    for (size_t i = 0; i < n_others; i++) {
        bool is_stdin = strcmp(others[i], "-") == 0;
        if (is_stdin ? is_standard(&file, STDIN_FILENO) : stat(others[i], &other) == 0 && is_same(&file, &other))
            return xt_fail(err, XT_BAD_USAGE, "--summary %s: is %s, which this run reads or writes itself", path,
                           is_stdin ? "standard input" : others[i]);
    }
    return XT_OK;
}

xt_status xt_summary_check(const char *path, bool make, const char *const *others, size_t n_others, xt_err *err)
{
    table t;
    xt_status status = open_table(path, make, &t, err);
    if (!status && t.fd >= 0)
        status = check_others(path, t.fd, others, n_others, err);
    /* Under the lock: nobody else has put a row into it. */
    if (status && t.is_new && t.fd >= 0 && !t.n_bytes)
        unlink(path);
    close_table(&t);
    return status;
}

/* ---- appending ---- */

/* All of the file with new columns: a row gets the commas that it lacks, before its
 * line end. An empty line stays one. */
static void widen(const table *t, xt_buf *out)
{
    const char *at = xt_buf_text(&t->text), *limit = at + t->text.len;
    record one;
    print_line(&t->columns, NULL, out);
    for (bool is_header = true; at < limit && read_record(at, limit, NULL, &one); at = one.next, is_header = false) {
        if (is_header)
            continue;
        xt_buf_add(out, one.at, (size_t)(one.end - one.at));
        for (size_t i = one.n_cells; one.end > one.at && i < t->columns.n; i++)
            xt_buf_puts(out, ",");
        if (one.next > one.end)
            xt_buf_add(out, one.end, (size_t)(one.next - one.end));
        else
            xt_buf_puts(out, "\n");
    }
}

/* At the file's end. What was written of it goes again when it fails; where that
 * fails too there is nothing more to be done. */
static xt_status write_end(const char *path, const table *t, const xt_buf *text, xt_err *err)
{
    off_t end = (off_t)t->text.len;
    if (t->text.len < t->n_bytes && ftruncate(t->fd, end) != 0)
        return xt_fail_errno(err, "cannot cut %s", path);
    if (lseek(t->fd, end, SEEK_SET) != end)
        return xt_fail_errno(err, "cannot write %s", path);
    xt_status status = xt_write_all(t->fd, path, text->data, text->len, err);
    int cut = status ? ftruncate(t->fd, end) : 0;
    (void)cut;
    if (!status && fsync(t->fd) != 0)
        status = xt_fail_errno(err, "cannot sync %s", path);
    return status;
}

xt_status xt_summary_append(const char *path, const xt_summary_row *row, xt_err *err)
{
    table t;
    xt_buf out = {0};
    xt_status status = open_table(path, true, &t, err);
    if (!status && t.text.len < t.n_bytes)
        xt_warn("%s: half a row at its end is removed: it was being written when the machine or the process died",
                path);
    size_t before = t.columns.n;
    for (size_t i = 0; !status && i < row->n; i++)
        if (!has_name(&t.columns, row->cells[i].column))
            add_name(&t.columns, row->cells[i].column);
    bool widened = t.columns.n > before;
    if (!status && widened)
        widen(&t, &out);
    if (!status && t.unended && !widened)
        xt_buf_puts(&out, "\n");
    if (!status)
        print_line(&t.columns, row, &out);
    if (!status && (row->failed || out.failed || t.columns.text.failed))
        status = xt_fail_memory(err, "the row of the summary", out.len);
    if (!status)
        status = widened ? xt_file_replace(path, out.data, out.len, err) : write_end(path, &t, &out, err);
    xt_buf_clear(&out);
    close_table(&t);
    return status;
}
