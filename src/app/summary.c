#include "app/summary.h"

#include "app/csv_file.h"
#include "base/file.h"

#include <string.h>
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

/* ---- the file ---- */

static const xt_csv_kind summary_kind = {"--summary ", "summary of runs", "run", true};

/* Locked and read, every row of it; where there is none and none is to be made it stays closed. */
static xt_status open_table(const char *path, bool make, xt_csv_file *table, xt_err *err)
{
    xt_csv_record row = {0};
    *table = (xt_csv_file){.path = path, .kind = &summary_kind, .fd = -1};
    xt_status status = xt_csv_file_lock(table, make, err);
    if (status || table->fd < 0)
        return status;
    status = xt_csv_file_read(table, err);
    do
        status = status ? status : xt_csv_file_next(table, NULL, &row, err);
    while (!status && row.at);
    return status;
}

/* ---- checking ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

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
    xt_csv_file table;
    xt_status status = open_table(path, make, &table, err);
    if (!status && table.fd >= 0)
        status = check_others(path, table.fd, others, n_others, err);
    /* Under the lock: nobody else has put a row into it. */
    if (status && table.is_new && table.fd >= 0 && !table.n_bytes)
        unlink(path);
    xt_csv_file_close(&table);
    return status;
}

/* ---- appending ---- */

/* The header, where row is NULL, or the row in those columns. */
static void print_line(const xt_strings *columns, const xt_summary_row *row, xt_buf *out)
{
    for (const char *name = xt_strings_first(columns); name; name = xt_strings_next(columns, name)) {
        const char *text = row ? xt_summary_get(row, name) : name;
        if (name != xt_strings_first(columns))
            xt_buf_puts(out, ",");
        xt_csv_put(text ? text : "", out);
    }
    xt_buf_puts(out, "\n");
}

/* All of the file with new columns: a row gets the commas that it lacks, before its
 * line end. An empty line stays one. */
static void widen(const xt_csv_file *table, xt_buf *out)
{
    const char *at = xt_buf_text(&table->text), *limit = at + table->end;
    xt_csv_record one;
    print_line(&table->columns, NULL, out);
    for (bool is_header = true; at < limit && xt_csv_read(at, limit, NULL, &one); at = one.next, is_header = false) {
        if (is_header)
            continue;
        xt_buf_add(out, one.at, (size_t)(one.end - one.at));
        for (size_t i = one.n_cells; one.end > one.at && i < table->columns.n; i++)
            xt_buf_puts(out, ",");
        if (one.next > one.end)
            xt_buf_add(out, one.end, (size_t)(one.next - one.end));
        else
            xt_buf_puts(out, "\n");
    }
}

xt_status xt_summary_append(const char *path, const xt_summary_row *row, xt_err *err)
{
    xt_csv_file table;
    xt_buf out = {0};
    xt_status status = open_table(path, true, &table, err);
    if (!status)
        status = xt_csv_file_cut(&table, err);
    size_t before = table.columns.n;
    for (size_t i = 0; !status && i < row->n; i++)
        if (!xt_strings_has(&table.columns, row->cells[i].column))
            xt_strings_add(&table.columns, row->cells[i].column);
    bool widened = table.columns.n > before;
    if (!status && widened)
        widen(&table, &out);
    if (!status && table.unended && !widened)
        xt_buf_puts(&out, "\n");
    if (!status)
        print_line(&table.columns, row, &out);
    if (!status && (row->failed || out.failed || table.columns.text.failed))
        status = xt_fail_memory(err, "the row of the summary", out.len);
    if (!status)
        status = widened ? xt_file_replace(path, out.data, out.len, err)
                         : xt_csv_file_append(&table, out.data, out.len, err);
    xt_buf_clear(&out);
    xt_csv_file_close(&table);
    return status;
}
