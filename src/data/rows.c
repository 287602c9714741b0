#include "data/columns.h"
#include "data/input.h"
#include "data/cell.h"

#include <stdlib.h>
#include <string.h>

struct xt_rows {
    xt_input *input;
    xt_input own; /* what xt_rows_open opened, input points at it */
    xt_csv *csv;
    size_t n_columns, first_line; /* of the first row */
    xt_csv_row pending;           /* the first row where it is no header; n_cells 0: none */
    xt_picks picks;
    xt_buf header;
    const char **names; /* n_columns, from the header; NULL where there is none */
    xt_arena arena;     /* picks, names */
};

static const xt_cell *first_text(const xt_csv_row *row)
{
    for (size_t i = 0; i < row->n_cells; i++) {
        float value;
        if (xt_cell_parse(row->cells[i].text, row->cells[i].n_bytes, &value) == XT_CELL_TEXT)
            return row->cells + i;
    }
    return NULL;
}

static bool has_all(const xt_names *found, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++)
        if (!xt_names_find(found, names[i]))
            return false;
    return true;
}

static xt_status fail_missing(const xt_rows *rows, const xt_csv_row *row, const xt_names *found,
                              const char *const *names, size_t n_names, xt_err *err)
{
    enum { MAX_NAMED_BYTES = 4000 };
    xt_buf missing = {0}, list = {0};
    size_t n_missing = 0, n_more = 0;
    for (size_t i = 0; i < n_names; i++) {
        if (xt_names_find(found, names[i]))
            continue;
        if (missing.len < MAX_NAMED_BYTES)
            xt_buf_printf(&missing, "%s%s", n_missing ? ", " : "", xt_show(names[i]).text);
        else
            n_more++;
        n_missing++;
    }
    if (n_more)
        xt_buf_printf(&missing, " and %zu more", n_more);
    xt_names_list(row, &list);
    xt_fail(err, XT_BAD_DATA, "%s:%zu: the header lacks the model's input%s %s; the columns are %s",
            rows->input->name, rows->first_line, n_missing == 1 ? "" : "s", xt_buf_text(&missing), xt_buf_text(&list));
    xt_buf_clear(&missing);
    xt_buf_clear(&list);
    return XT_BAD_DATA;
}

static xt_status keep_names(xt_rows *rows, const xt_csv_row *row, xt_err *err)
{
    rows->names = xt_arena_alloc(&rows->arena, row->n_cells, sizeof *rows->names);
    for (size_t i = 0; rows->names && i < row->n_cells; i++) {
        rows->names[i] = xt_arena_strdup(&rows->arena, row->cells[i].text);
        if (!rows->names[i])
            rows->names = NULL;
    }
    return rows->names ? XT_OK : xt_fail_memory(err, "the names of columns", 0);
}

/* Matches the columns by the names in the header. */
static xt_status match_names(xt_rows *rows, const xt_csv_row *row, const xt_names *found, const char *const *names,
                             xt_err *err)
{
    if (!has_all(found, names, rows->picks.n))
        return fail_missing(rows, row, found, names, rows->picks.n, err);
    for (size_t i = 0; i < rows->picks.n; i++) {
        const xt_cell *cell = xt_names_find(found, names[i]), *twin = xt_names_twin(found, cell);
        if (twin)
            return xt_fail(err, XT_BAD_DATA, "%s:%zu:%zu: column %s is there twice, as column %zu and as column %zu",
                           rows->input->name, twin->line, twin->column, xt_show(names[i]).text,
                           (size_t)(cell - row->cells), (size_t)(twin - row->cells));
        rows->picks.at[i].column = (size_t)(cell - row->cells);
        rows->picks.at[i].name = xt_arena_strdup(&rows->arena, names[i]);
        if (!rows->picks.at[i].name)
            return xt_fail_memory(err, "the names of columns", 0);
    }
    xt_csv_print(row, &rows->header);
    return keep_names(rows, row, err);
}

/* Without a header the columns are the inputs in their order. */
static xt_status match_places(xt_rows *rows, const xt_csv_row *row, xt_err *err)
{
    if (row->n_cells != rows->picks.n)
        return xt_fail(err, XT_BAD_DATA,
                       "%s:%zu: the model has %zu input%s, the file has %zu column%s and no header to find them by",
                       rows->input->name, rows->first_line, rows->picks.n, rows->picks.n == 1 ? "" : "s", row->n_cells,
                       row->n_cells == 1 ? "" : "s");
    for (size_t i = 0; i < rows->picks.n; i++) {
        rows->picks.at[i].column = i;
        xt_buf_printf(&rows->header, "%sc%zu", i ? "," : "", i + 1);
    }
    rows->pending = *row;
    return XT_OK;
}

/* The first row is a header when a cell of it is neither a number nor a missing
 * value, or when all the names are among its cells (they may be numbers). */
static xt_status match_first_row(xt_rows *rows, const char *const *names, xt_err *err)
{
    xt_csv_row row;
    xt_status status = xt_csv_next(rows->csv, &row, err);
    if (status || !row.n_cells)
        return status;
    rows->n_columns = row.n_cells;
    rows->first_line = row.cells[0].line;
    xt_names found = {0};
    status = xt_names_open(&row, &found, err);
    if (status)
        return status;
    if (first_text(&row) || has_all(&found, names, rows->picks.n))
        status = match_names(rows, &row, &found, names, err);
    else
        status = match_places(rows, &row, err);
    if (!status && rows->header.failed)
        status = xt_fail_memory(err, "the header", 0);
    xt_names_close(&found);
    return status;
}

/* What the model was trained on says how its user writes tables; a file whose
 * name says something else is taken at its name. */
static char delimiter_like(const xt_source *like, const char *path)
{
    if (!like || !like->file)
        return xt_format_delimiter(XT_FORMAT_AUTO, path);
    if (like->delimiter)
        return like->delimiter;
    return xt_format_delimiter(like->format, strcmp(path, "-") == 0 ? like->file : path);
}

static xt_status open_rows(xt_rows *rows, const char *path, const xt_source *like, const char *const *names,
                           size_t n_names, xt_err *err)
{
    rows->picks.n = n_names;
    rows->picks.at = xt_arena_alloc(&rows->arena, n_names, sizeof *rows->picks.at);
    if (!rows->picks.at)
        return xt_fail_memory(err, rows->input->name, n_names * sizeof *rows->picks.at);
    xt_status status = xt_csv_open(rows->input, delimiter_like(like, path), 0, &rows->csv, err);
    return status ? status : match_first_row(rows, names, err);
}

xt_status xt_rows_open_input(const char *path, xt_input *input, const xt_source *like, const char *const *names,
                             size_t n_names, xt_rows **out, xt_err *err)
{
    xt_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return xt_fail_memory(err, input->name, sizeof *rows);
    rows->input = input;
    xt_status status = open_rows(rows, path, like, names, n_names, err);
    if (status)
        xt_rows_close(&rows);
    else
        *out = rows;
    return status;
}

xt_status xt_rows_open(const char *path, const xt_source *like, const char *const *names, size_t n_names,
                       xt_rows **out, xt_err *err)
{
    xt_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return xt_fail_memory(err, path, sizeof *rows);
    rows->input = &rows->own;
    xt_status status = xt_input_open(path, &rows->own, err);
    if (!status)
        status = open_rows(rows, path, like, names, n_names, err);
    if (status)
        xt_rows_close(&rows);
    else
        *out = rows;
    return status;
}

static xt_status next_row(xt_rows *rows, xt_csv_row *row, xt_err *err)
{
    if (!rows->pending.n_cells)
        return xt_csv_next(rows->csv, row, err);
    *row = rows->pending;
    rows->pending.n_cells = 0;
    return XT_OK;
}

static void take_row(const xt_rows *rows, const xt_csv_row *row, float *inputs, xt_buf *kept, xt_problems *problems)
{
    if (!xt_row_fits(rows->input->name, row, rows->n_columns, rows->first_line, problems))
        return;
    xt_row_numbers(rows->input->name, row, &rows->picks, "", inputs, NULL, problems);
    if (kept)
        xt_csv_print(row, kept);
}

xt_status xt_rows_read(xt_rows *rows, size_t max_rows, float *inputs, xt_buf *kept, size_t *n_rows, xt_err *err)
{
    xt_err broken = {.text = ""};
    xt_problems problems = {0};
    xt_status status = XT_OK;
    size_t n = 0;
    bool no_memory = false;
    while (n < max_rows && !problems.full) {
        xt_csv_row row;
        status = next_row(rows, &row, &broken);
        if (status == XT_BAD_DATA)
            xt_problem(&problems, "%s", broken.text);
        if (status || !row.n_cells)
            break;
        take_row(rows, &row, inputs + n * rows->picks.n, kept ? kept + n : NULL, &problems);
        no_memory = no_memory || (kept && kept[n].failed);
        n++;
    }
    if (broken.status && status != XT_BAD_DATA)
        xt_fail(err, status, "%s", broken.text);
    else if (no_memory)
        status = xt_fail_memory(err, "the rows to keep", 0);
    else
        status = xt_problems_report(&problems, err);
    if (!status)
        *n_rows = n;
    xt_problems_clear(&problems);
    return status;
}

bool xt_rows_has(const xt_rows *rows, const char *name)
{
    for (size_t i = 0; rows->names && i < rows->n_columns; i++)
        if (strcmp(rows->names[i], name) == 0)
            return true;
    return false;
}

const char *xt_rows_header(const xt_rows *rows)
{
    return xt_buf_text(&rows->header);
}

void xt_rows_close(xt_rows **rows)
{
    if (!*rows)
        return;
    xt_csv_close(&(*rows)->csv);
    xt_input_close(&(*rows)->own);
    xt_buf_clear(&(*rows)->header);
    xt_arena_clear(&(*rows)->arena);
    free(*rows);
    *rows = NULL;
}
