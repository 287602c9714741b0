#include "cli/curves.h"

#include "app/ranking.h"
#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Columns of loss.csv that are left out, its last ones: learning_rate, step, seconds. */
enum { LEFT_OUT = 3, MAX_CURVES_BYTES = 1 << 30 };

/* ---- which ---- */

static xt_status choose(xt_curves *curves, const char *which, uint64_t n_trials, xt_err *err)
{
    char number[24];
    curves->chosen = calloc(strlen(which) / 2 + 1, sizeof *curves->chosen);
    if (!curves->chosen)
        return xt_fail_memory(err, "the trials whose curves are wanted", 0);
    for (const char *at = which;; at++) {
        size_t n = strcspn(at, ",");
        uint64_t trial = 0;
        snprintf(number, sizeof number, "%.*s", (int)(n < sizeof number ? n : sizeof number - 1), at);
        if (n >= sizeof number || xt_number_uint(number, &trial) != XT_NUMBER_OK || trial >= n_trials)
            return xt_fail(err, XT_BAD_USAGE, "--curves %.100s: expected all, best:K, or trials from 0 to %" PRIu64 " as 3,17",
                           which, n_trials - 1);
        curves->chosen[curves->n_chosen++] = trial;
        at += n;
        if (!*at)
            return XT_OK;
    }
}

xt_status xt_curves_init(xt_curves *curves, const char *which, uint64_t n_trials, xt_err *err)
{
    uint64_t best;
    *curves = (xt_curves){.wanted = which != NULL, .fd = -1};
    if (!which)
        return XT_OK;
    curves->all = strcmp(which, "all") == 0;
    if (curves->all)
        return XT_OK;
    if (strncmp(which, "best:", 5) != 0)
        return choose(curves, which, n_trials, err);
    if (xt_number_uint(which + 5, &best) != XT_NUMBER_OK || best < 1 || best > XT_RANKED)
        return xt_fail(err, XT_BAD_USAGE, "--curves %.100s: expected best:1 to best:%d", which, XT_RANKED);
    curves->n_best = (size_t)best;
    return XT_OK;
}

bool xt_curves_has(const xt_curves *curves, uint64_t trial)
{
    bool found = curves->all;
    for (size_t i = 0; !found && i < curves->n_chosen; i++)
        found = curves->chosen[i] == trial;
    return found;
}

size_t xt_curves_n_best(const xt_curves *curves)
{
    return curves->n_best;
}

/* ---- the file ---- */

static void put_header(const xt_curves *curves, xt_buf *out)
{
    xt_buf_puts(out, "trial");
    for (size_t i = 0; i < curves->n_columns; i++)
        xt_buf_printf(out, ",%s", curves->columns[i]);
    xt_buf_puts(out, "\n");
}

/* Rows of trials that are done, of a file with this header: others come again. */
static xt_status keep_rows(xt_curves *curves, const xt_trials_done *done, xt_err *err)
{
    xt_buf old = {0};
    if (access(xt_buf_text(&curves->path), F_OK) != 0)
        return XT_OK;
    xt_status status = xt_file_read(curves->path.data, MAX_CURVES_BYTES, XT_FAILED, &old, err);
    const char *at = xt_buf_text(&old), *end;
    if (!status && old.len && (old.len < curves->rows.len || memcmp(at, curves->rows.data, curves->rows.len) != 0))
        status = xt_fail(err, XT_BAD_USAGE, "%s: has other columns: remove it, or leave --resume out", curves->path.data);
    for (at += status || !old.len ? 0 : curves->rows.len; !status && (end = strchr(at, '\n')); at = end + 1) {
        char *after;
        uint64_t trial = strtoull(at, &after, 10);
        if (after != at && *after == ',' && xt_trials_has(done, trial))
            xt_buf_add(&curves->rows, at, (size_t)(end - at) + 1);
    }
    xt_buf_clear(&old);
    if (!status && curves->rows.failed)
        status = xt_fail_memory(err, "the rows of curves.csv", curves->rows.len);
    return status;
}

xt_status xt_curves_open(xt_curves *curves, const xt_outdir *dir, const xt_spec *spec, const xt_trials_done *done, xt_err *err)
{
    if (!curves->wanted)
        return XT_OK;
    curves->n_columns = xt_row_columns(spec, curves->columns) - LEFT_OUT;
    xt_outdir_file(dir, "curves.csv", &curves->path);
    put_header(curves, &curves->rows);
    if (curves->path.failed || curves->rows.failed)
        return xt_fail_memory(err, "the rows of curves.csv", curves->rows.len);
    xt_status status = done ? keep_rows(curves, done, err) : XT_OK;
    if (!status)
        status = xt_file_replace(curves->path.data, curves->rows.data, curves->rows.len, err);
    xt_buf_reset(&curves->rows);
    if (status)
        return status;
    curves->fd = open(curves->path.data, O_WRONLY | O_APPEND | O_CLOEXEC);
    return curves->fd < 0 ? xt_fail_errno(err, "cannot open %s", curves->path.data) : XT_OK;
}

/* Where the columns of the file are among those of a trial, which may measure something else; n: it has none. */
static size_t map_columns(const xt_curves *curves, const xt_spec *spec, size_t *places)
{
    char names[XT_MAX_ROW_COLUMNS][XT_ROW_COLUMN_BYTES];
    size_t n = xt_row_columns(spec, names);
    for (size_t i = 0; i < curves->n_columns; i++)
        for (places[i] = 0; places[i] < n && strcmp(curves->columns[i], names[places[i]]) != 0;)
            places[i]++;
    return n;
}

/* A line of numbers, which are never in quotes. */
static void put_line(const char *line, const char *end, uint64_t trial, const size_t *places, size_t n_places, size_t n,
                     xt_buf *out)
{
    const char *cells[XT_MAX_ROW_COLUMNS + 1];
    size_t found = 0;
    for (const char *at = line; at && found < n; at = memchr(at, ',', (size_t)(end - at)), at = at ? at + 1 : NULL)
        cells[found++] = at;
    cells[found] = end + 1;
    xt_buf_printf(out, "%" PRIu64, trial);
    for (size_t i = 0; i < n_places; i++) {
        xt_buf_puts(out, ",");
        if (places[i] < found)
            xt_buf_add(out, cells[places[i]], (size_t)(cells[places[i] + 1] - cells[places[i]] - 1));
    }
    xt_buf_puts(out, "\n");
}

xt_status xt_curves_add(xt_curves *curves, uint64_t trial, const xt_spec *spec, const char *rows, size_t n_bytes, xt_err *err)
{
    size_t places[XT_MAX_ROW_COLUMNS], n = map_columns(curves, spec, places);
    const char *limit = rows + n_bytes;
    xt_buf_reset(&curves->rows);
    for (const char *at = rows, *end; at < limit && (end = memchr(at, '\n', (size_t)(limit - at))); at = end + 1)
        put_line(at, end, trial, places, curves->n_columns, n, &curves->rows);
    if (curves->rows.failed)
        return xt_fail_memory(err, "the rows of curves.csv", curves->rows.len);
    return xt_write_all(curves->fd, curves->path.data, xt_buf_text(&curves->rows), curves->rows.len, err);
}

xt_status xt_curves_close(xt_curves *curves, xt_err *err)
{
    xt_status status = XT_OK;
    if (curves->wanted && curves->fd >= 0) {
        if (fsync(curves->fd) != 0)
            status = xt_fail_errno(err, "cannot sync %s", xt_buf_text(&curves->path));
        if (close(curves->fd) != 0 && !status)
            status = xt_fail_errno(err, "cannot close %s", xt_buf_text(&curves->path));
    }
    free(curves->chosen);
    xt_buf_clear(&curves->path);
    xt_buf_clear(&curves->rows);
    *curves = (xt_curves){.fd = -1};
    return status;
}
