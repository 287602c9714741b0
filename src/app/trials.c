#include "app/trials.h"

#include "base/file.h"
#include "base/number.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const xt_csv_kind trials_kind = {"", "table of trials", "trial", false};

/* ---- lines ---- */

typedef struct line {
    uint64_t trial;
    size_t order;     /* the later one of two of a trial counts */
    const char *text; /* without its line end */
    size_t n;
} line;

/* Zero-initialise them. */
typedef struct lines {
    line *at;
    size_t n, room;
} lines;

static line *new_line(lines *all)
{
    if (all->n == all->room) {
        size_t room = all->room ? 2 * all->room : 64;
        line *at = realloc(all->at, room * sizeof *at);
        if (!at)
            return NULL;
        all->at = at;
        all->room = room;
    }
    all->at[all->n] = (line){.order = all->n};
    return &all->at[all->n++];
}

static void clear_lines(lines *all)
{
    free(all->at);
    *all = (lines){0};
}

static bool are_sorted(const lines *all)
{
    for (size_t i = 1; i < all->n; i++)
        if (all->at[i].trial <= all->at[i - 1].trial)
            return false;
    return true;
}

static int by_trial(const void *left, const void *right)
{
    const line *a = left, *b = right;
    if (a->trial != b->trial)
        return a->trial < b->trial ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Each trial once. */
static void sort_lines(lines *all)
{
    size_t n = 0;
    if (are_sorted(all))
        return;
    qsort(all->at, all->n, sizeof *all->at, by_trial);
    for (size_t i = 0; i < all->n; i++)
        if (i + 1 == all->n || all->at[i].trial != all->at[i + 1].trial)
            all->at[n++] = all->at[i];
    all->n = n;
}

static void print_lines(const lines *all, xt_buf *out)
{
    for (size_t i = 0; i < all->n; i++) {
        xt_buf_add(out, all->at[i].text, all->at[i].n);
        xt_buf_puts(out, "\n");
    }
}

static bool parse_trial(const char *text, uint64_t *out)
{
    return xt_number_uint(text, out) == XT_NUMBER_OK && *out < UINT64_MAX;
}

/* Of rows that are to be added, printed to `out`. */
static xt_status print_rows(const xt_trials *trials, const xt_strings *rows, xt_buf *out, lines *all, xt_err *err)
{
    size_t n = rows->n / trials->n_columns, start = 0;
    const char *cell = xt_strings_first(rows);
    bool failed = rows->text.failed;
    for (size_t i = 0; !failed && i < n; i++) {
        line *one = new_line(all);
        bool fine = one && parse_trial(cell, &one->trial);
        assert(!one || fine);
        for (size_t c = 0; c < trials->n_columns; c++, cell = xt_strings_skip(cell, 1)) {
            xt_buf_puts(out, c ? "," : "");
            xt_csv_put(cell, out);
        }
        if (fine)
            one->n = out->len - start;
        start = out->len;
        failed = !one || out->failed;
    }
    if (failed)
        return xt_fail_memory(err, "the rows of trials", out->len);
    const char *text = xt_buf_text(out);
    for (size_t i = 0; i < n; text += all->at[i].n, i++)
        all->at[i].text = text;
    sort_lines(all);
    return XT_OK;
}

/* ---- the file ---- */

static void print_header(const xt_trials *trials, xt_buf *out)
{
    for (size_t i = 0; i < trials->n_columns; i++) {
        xt_buf_puts(out, i ? "," : "");
        xt_csv_put(trials->columns[i], out);
    }
    xt_buf_puts(out, "\n");
}

static bool has_columns(const xt_trials *trials)
{
    const char *name = xt_strings_first(&trials->file.columns);
    for (size_t i = 0; name && i < trials->n_columns; i++, name = xt_strings_next(&trials->file.columns, name))
        if (strcmp(name, trials->columns[i]) != 0)
            return false;
    return trials->file.columns.n == trials->n_columns;
}

static xt_status fail_columns(const xt_trials *trials, xt_err *err)
{
    xt_buf ours = {0};
    const char *theirs = xt_buf_text(&trials->file.text);
    print_header(trials, &ours);
    xt_status status = xt_fail(err, XT_BAD_USAGE, "%s: has the columns %.*s, where this sweep has %.*s",
                               trials->file.path, (int)strcspn(theirs, "\r\n"), theirs,
                               (int)strcspn(xt_buf_text(&ours), "\n"), xt_buf_text(&ours));
    xt_buf_clear(&ours);
    return status;
}

/* Of the locked file. */
static xt_status read_header(xt_trials *trials, xt_err *err)
{
    xt_status status = xt_csv_file_read(&trials->file, err);
    if (!status && trials->file.columns.n && !has_columns(trials))
        status = fail_columns(trials, err);
    return status;
}

static xt_status read_line(xt_trials *trials, const xt_strings *cells, const xt_csv_record *row, lines *all,
                           xt_err *err)
{
    const xt_csv_file *file = &trials->file;
    line *one = new_line(all);
    if (!one)
        return xt_fail_memory(err, file->path, file->text.len);
    if (!parse_trial(cells->text.data, &one->trial))
        return xt_fail(err, XT_BAD_USAGE, "%s: line %zu: expected the number of a trial, found '%s'", file->path,
                       file->line - 1, cells->text.data);
    one->text = row->at;
    one->n = (size_t)(row->end - row->at);
    return XT_OK;
}

/* The rows behind the header, valid until the file is unlocked. Half a row behind them is cut. */
static xt_status read_lines(xt_trials *trials, lines *all, xt_err *err)
{
    xt_csv_file *file = &trials->file;
    xt_csv_record row = {0};
    xt_strings cells = {0};
    xt_status status = XT_OK;
    do {
        xt_strings_reset(&cells);
        status = xt_csv_file_next(file, &cells, &row, err);
        if (!status && row.end > row.at)
            status = read_line(trials, &cells, &row, all, err);
    } while (!status && row.at);
    xt_strings_clear(&cells);
    if (!status)
        status = xt_csv_file_cut(file, err);
    /* Where it lacks a line end, its header or its order nothing is to be written at its end. */
    bool plain = file->columns.n && !file->unended && are_sorted(all);
    trials->next = plain ? all->n ? all->at[all->n - 1].trial + 1 : 0 : UINT64_MAX;
    sort_lines(all);
    return status;
}

static xt_status read_all(xt_trials *trials, lines *all, xt_err *err)
{
    xt_status status = read_header(trials, err);
    return status ? status : read_lines(trials, all, err);
}

/* The header and those lines, in place of what is there: which is another file then, that others may have at once. */
static xt_status replace(xt_trials *trials, const lines *all, xt_err *err)
{
    xt_buf text = {0};
    print_header(trials, &text);
    print_lines(all, &text);
    xt_status status = text.failed ? xt_fail_memory(err, "the rows of trials", text.len)
                                   : xt_file_replace(trials->file.path, text.data, text.len, err);
    xt_buf_clear(&text);
    /* Under the lock: nobody else has put a row into a file that is taken back. */
    if (status && trials->file.is_new && !trials->file.n_bytes)
        unlink(trials->file.path);
    xt_csv_file_close(&trials->file);
    return status;
}

static xt_status append(xt_trials *trials, const lines *more, xt_err *err)
{
    xt_buf text = {0};
    print_lines(more, &text);
    xt_status status = text.failed ? xt_fail_memory(err, "the rows of trials", text.len)
                                   : xt_csv_file_append(&trials->file, text.data, text.len, err);
    xt_buf_clear(&text);
    if (!status)
        trials->next = more->at[more->n - 1].trial + 1;
    return status;
}

static xt_status merge(xt_trials *trials, lines *all, const lines *more, xt_err *err)
{
    for (size_t i = 0; i < more->n; i++) {
        line *one = new_line(all);
        if (!one)
            return xt_fail_memory(err, "the rows of trials", 0);
        size_t order = one->order;
        *one = more->at[i];
        one->order = order;
    }
    sort_lines(all);
    return replace(trials, all, err);
}

/* ---- the interface ---- */

/* After a failure nothing is known of the file. */
static void leave(xt_trials *trials, xt_status status)
{
    if (status)
        xt_csv_file_close(&trials->file);
    else
        xt_csv_file_unlock(&trials->file);
}

xt_status xt_trials_begin(const char *path, const char *const *columns, size_t n_columns, xt_trials *out, xt_err *err)
{
    xt_trials trials = {{.path = path, .kind = &trials_kind, .fd = -1}, columns, n_columns, UINT64_MAX};
    xt_status status = xt_csv_file_lock(&trials.file, true, err);
    if (!status)
        status = xt_csv_file_read(&trials.file, err);
    if (!status)
        status = replace(&trials, &(lines){0}, err);
    leave(&trials, status);
    if (!status)
        *out = trials;
    return status;
}

static xt_status visit_lines(const xt_trials *trials, const lines *all, xt_trials_visit *visit, void *context,
                             xt_err *err)
{
    xt_strings cells = {0};
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < all->n; i++) {
        const line *one = &all->at[i];
        xt_csv_record record;
        xt_strings_reset(&cells);
        xt_csv_read(one->text, one->text + one->n, &cells, &record);
        status = cells.text.failed ? xt_fail_memory(err, trials->file.path, one->n)
                                   : visit(context, one->trial, cells.text.data, err);
    }
    xt_strings_clear(&cells);
    return status;
}

static xt_status list_done(const lines *all, xt_trials_done *out, xt_err *err)
{
    uint64_t *at = malloc((all->n ? all->n : 1) * sizeof *at);
    if (!at)
        return xt_fail_memory(err, "the trials that are done", all->n * sizeof *at);
    for (size_t i = 0; i < all->n; i++)
        at[i] = all->at[i].trial;
    *out = (xt_trials_done){at, all->n};
    return XT_OK;
}

xt_status xt_trials_open(const char *path, const char *const *columns, size_t n_columns, xt_trials_done *done,
                         xt_trials_visit *visit, void *context, xt_trials *out, xt_err *err)
{
    xt_trials trials = {{.path = path, .kind = &trials_kind, .fd = -1}, columns, n_columns, UINT64_MAX};
    lines all = {0};
    xt_trials_done found = {0};
    xt_status status = xt_csv_file_lock(&trials.file, true, err);
    if (!status)
        status = read_all(&trials, &all, err);
    if (!status && visit)
        status = visit_lines(&trials, &all, visit, context, err);
    if (!status && done)
        status = list_done(&all, &found, err);
    if (!status && !trials.file.columns.n)
        status = replace(&trials, &all, err);
    clear_lines(&all);
    leave(&trials, status);
    if (status) {
        xt_trials_done_clear(&found);
        return status;
    }
    *out = trials;
    if (done)
        *done = found;
    return XT_OK;
}

/* Whether the file, which is locked, is still the one that was left, and as long. */
static bool is_as_left(const xt_csv_file *file)
{
    return file->end && file->end == file->n_bytes;
}

xt_status xt_trials_add(xt_trials *trials, const xt_strings *rows, xt_err *err)
{
    assert(rows->n % trials->n_columns == 0);
    xt_buf text = {0};
    lines all = {0}, more = {0};
    xt_status status = print_rows(trials, rows, &text, &more, err);
    if (!status && more.n) {
        uint64_t first = more.at[0].trial;
        status = xt_csv_file_lock(&trials->file, true, err);
        if (!status && (!is_as_left(&trials->file) || first < trials->next))
            status = read_all(trials, &all, err);
        if (!status)
            status = first >= trials->next ? append(trials, &more, err) : merge(trials, &all, &more, err);
        leave(trials, status);
    }
    clear_lines(&all);
    clear_lines(&more);
    xt_buf_clear(&text);
    return status;
}

void xt_trials_close(xt_trials *trials)
{
    xt_csv_file_close(&trials->file);
}

bool xt_trials_has(const xt_trials_done *done, uint64_t trial)
{
    size_t low = 0, high = done->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (done->at[middle] == trial)
            return true;
        if (done->at[middle] < trial)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

void xt_trials_done_clear(xt_trials_done *done)
{
    free(done->at);
    *done = (xt_trials_done){0};
}
