#include "app/loss_csv.h"

#include "app/rows.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

xt_status xt_lines_next(xt_lines *lines, const char **line, size_t *n, xt_err *err)
{
    for (;;) {
        char *start = lines->block + lines->at, *lf = memchr(start, '\n', lines->len - lines->at);
        ssize_t got = 0;
        if (!lf) {
            lines->len -= lines->at;
            memmove(lines->block, start, lines->len);
            lines->at = 0;
            start = lines->block;
            do
                got = pread(lines->fd, start + lines->len, sizeof lines->block - lines->len, (off_t)lines->offset);
            while (got < 0 && errno == EINTR);
        }
        if (got < 0)
            return xt_fail_errno(err, "cannot read %s", lines->name);
        if (!got) {
            *line = start;
            *n = lf ? (size_t)(lf + 1 - start) : lines->len;
            lines->at += *n;
            return XT_OK;
        }
        lines->len += (size_t)got;
        lines->offset += (uint64_t)got;
    }
}

/* What a check knows. */
typedef struct check {
    xt_lines lines;
    char columns[XT_MAX_ROW_COLUMNS][XT_ROW_COLUMN_BYTES];
    size_t n_columns;
    uint64_t line; /* its number in the file, from 1 */
    const char *text;
    size_t n;      /* bytes of the line */
} check;

static bool is_torn(const check *c)
{
    return c->text[c->n - 1] != '\n';
}

/* The cell's bytes, for a message: at most so many of them. */
static int shown(size_t n)
{
    return n > 60 ? 60 : (int)n;
}

/* The bytes of the cell at `at`; its line ends there or goes on. */
static size_t cell_bytes(const check *c, const char *at)
{
    size_t n = 0, most = (size_t)(c->text + c->n - at);
    while (n < most && at[n] != ',' && at[n] != '\n')
        n++;
    return n;
}

/* What crashes and other programs do to a whole line; false: nothing of that kind. */
static bool fail_bytes(const check *c, xt_err *err)
{
    const char *nul = memchr(c->text, '\0', c->n);
    if (nul)
        xt_fail(err, XT_BAD_DATA, "%s:%" PRIu64 ": has a NUL byte, as a crash of the machine may leave it",
                c->lines.name, c->line);
    else if (c->n == sizeof c->lines.block && is_torn(c))
        xt_fail(err, XT_BAD_DATA, "%s:%" PRIu64 ": a line of more than %zu bytes", c->lines.name, c->line, c->n);
    else
        return false;
    return true;
}

/* ---- the header ---- */

/* The header is not this run's: its first column that is not. */
static xt_status fail_header(const check *c, xt_err *err)
{
    const char *at = c->text;
    if (!c->n)
        return xt_fail(err, XT_BAD_DATA, "%s: is empty; expected a header", c->lines.name);
    if (fail_bytes(c, err))
        return XT_BAD_DATA;
    for (size_t i = 0;; i++) {
        bool here = at < c->text + c->n;
        size_t n = here ? cell_bytes(c, at) : 0;
        if (i < c->n_columns && here && n == strlen(c->columns[i]) && memcmp(at, c->columns[i], n) == 0) {
            at += n + 1;
            continue;
        }
        if (!here && i == c->n_columns)
            return xt_fail(err, XT_BAD_DATA, "%s:1: the header has no end", c->lines.name);
        if (!here)
            return xt_fail(err, XT_BAD_DATA, "%s:1: the header has no column %zu, which is '%s' in this run",
                           c->lines.name, i + 1, c->columns[i]);
        if (i == c->n_columns)
            return xt_fail(err, XT_BAD_DATA, "%s:1: the header has '%.*s' as column %zu, where this run has none",
                           c->lines.name, shown(n), at, i + 1);
        return xt_fail(err, XT_BAD_DATA, "%s:1: the header has '%.*s' as column %zu, where this run has '%s'",
                       c->lines.name, shown(n), at, i + 1, c->columns[i]);
    }
}

static xt_status check_header(check *c, const xt_spec *spec, xt_err *err)
{
    xt_buf header = {0};
    xt_csv_header(spec, &header);
    xt_status status = header.failed ? xt_fail_memory(err, "the CSV header", 0)
                       : c->n == header.len && memcmp(c->text, header.data, c->n) == 0 ? XT_OK
                                                                                       : fail_header(c, err);
    xt_buf_clear(&header);
    return status;
}

/* ---- rows ---- */

static const char *skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* The end of a number as rows have them, or of nan or inf; `at` itself: none is there.
 * The line's LF ends it at the latest. */
static const char *skip_number(const char *at)
{
    const char *start = at, *digits = at + (*at == '-'), *end = skip_digits(digits);
    if (strncmp(digits, "inf", 3) == 0 || strncmp(start, "nan", 3) == 0)
        return digits + 3;
    if (end == digits || (*digits == '0' && end > digits + 1))
        return start;
    if (*end == '.') {
        at = end + 1;
        end = skip_digits(at);
        if (end == at)
            return start;
    }
    if (*end == 'e') {
        at = end + 1 + (end[1] == '-' || end[1] == '+');
        end = skip_digits(at);
        if (end == at)
            return start;
    }
    return end;
}

/* The end of what column i may hold, NULL where it holds nothing of that: only
 * validation may not have been measured. */
static const char *skip_cell(const check *c, size_t i, const char *at)
{
    const char *end = skip_number(at);
    return end > at || strncmp(c->columns[i], "val_", 4) == 0 ? end : NULL;
}

static xt_status fail_row(const check *c, uint32_t epoch, xt_err *err)
{
    size_t n = cell_bytes(c, c->text), i = 0;
    char number[XT_NUMBER_BYTES];
    if (fail_bytes(c, err))
        return XT_BAD_DATA;
    if ((size_t)(xt_number_put_uint(number, epoch) - number) != n || memcmp(number, c->text, n) != 0)
        return xt_fail(err, XT_BAD_DATA, "%s:%" PRIu64 ": expected the row of epoch %" PRIu32 ", found '%.*s'",
                       c->lines.name, c->line, epoch, shown(n), c->text);
    for (const char *at = c->text; at < c->text + c->n; at += n + 1, i++) {
        n = cell_bytes(c, at);
        if (i < c->n_columns && skip_cell(c, i, at) != at + n)
            return xt_fail(err, XT_BAD_DATA, "%s:%" PRIu64 ": column '%s': expected a number, found '%.*s'",
                           c->lines.name, c->line, c->columns[i], shown(n), at);
    }
    return xt_fail(err, XT_BAD_DATA, "%s:%" PRIu64 ": expected %zu columns, found %zu", c->lines.name, c->line,
                   c->n_columns, i);
}

/* A whole line as a row of `epoch`; its loss is *loss, of *n_loss bytes. */
static bool is_row(const check *c, uint32_t epoch, const char **loss, size_t *n_loss)
{
    char number[XT_NUMBER_BYTES];
    const char *at = c->text, *last = c->text + c->n - 1;
    size_t n = (size_t)(xt_number_put_uint(number, epoch) - number);
    if (n > c->n || memcmp(at, number, n) != 0)
        return false;
    at += n;
    for (size_t i = 1; i < c->n_columns; i++) {
        if (*at++ != ',')
            return false;
        const char *end = skip_cell(c, i, at);
        if (!end)
            return false;
        if (i == 1) {
            *loss = at;
            *n_loss = (size_t)(end - at);
        }
        at = end;
    }
    return at == last;
}

static xt_status next_line(check *c, xt_err *err)
{
    c->line++;
    return xt_lines_next(&c->lines, &c->text, &c->n, err);
}

static xt_status check_row(check *c, uint32_t epoch, uint32_t last, xt_hash *losses, xt_err *err)
{
    const char *loss = NULL;
    size_t n_loss = 0;
    xt_status status = next_line(c, err);
    if (status)
        return status;
    if (!c->n || (is_torn(c) && c->n < sizeof c->lines.block))
        return xt_fail(err, XT_BAD_DATA, "%s:%" PRIu64 ": ends %s the row of epoch %" PRIu32 "; expected rows up to "
                                         "epoch %" PRIu32,
                       c->lines.name, c->line, c->n ? "within" : "before", epoch, last);
    if (is_torn(c) || !is_row(c, epoch, &loss, &n_loss))
        return fail_row(c, epoch, err);
    xt_hash_add(losses, loss, n_loss);
    xt_hash_add(losses, "\n", 1);
    return XT_OK;
}

xt_status xt_loss_csv_check(int fd, const char *name, const xt_spec *spec, uint32_t first, uint32_t epoch,
                            xt_hash *losses, uint64_t *kept, xt_err *err)
{
    assert(first >= 1 && epoch >= first - 1);
    check c = {.lines = {.fd = fd, .name = name}};
    c.n_columns = xt_row_columns(spec, c.columns);
    xt_status status = next_line(&c, err);
    if (!status)
        status = check_header(&c, spec, err);
    uint64_t bytes = c.n;
    for (uint64_t i = first; !status && i <= epoch; i++) {
        status = check_row(&c, (uint32_t)i, epoch, losses, err);
        bytes += c.n;
    }
    if (!status)
        *kept = bytes;
    return status;
}
