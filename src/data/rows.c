#include "base/number.h"
#include "data/array.h"
#include "data/cell.h"
#include "data/encode.h"
#include "data/format.h"
#include "data/load.h"

#include <stdlib.h>
#include <string.h>

struct xt_rows {
    xt_input *input;
    xt_input own; /* what xt_rows_open opened, input points at it */
    const xt_encoding *encoding;
    xt_csv *csv;                  /* NULL: an array */
    xt_array array;
    size_t n_taken;               /* rows of the array */
    size_t n_columns, first_line; /* of the first row */
    xt_csv_row pending;           /* the first row where it is no header; n_cells 0: none */
    xt_cells cells;
    float *values;                /* of one row */
    xt_buf header;
    const char **names; /* n_columns, from the header; NULL where there is none; in cells.arena */
};

static xt_status keep_names(xt_rows *rows, const xt_csv_row *row, xt_err *err)
{
    rows->names = xt_arena_alloc(&rows->cells.arena, row->n_cells, sizeof *rows->names);
    for (size_t i = 0; rows->names && i < row->n_cells; i++) {
        rows->names[i] = xt_arena_strdup(&rows->cells.arena, row->cells[i].text);
        if (!rows->names[i])
            rows->names = NULL;
    }
    return rows->names ? XT_OK : xt_fail_memory(err, "the names of columns", 0);
}

static xt_status keep_header(xt_rows *rows, const xt_csv_row *row, bool has_header, xt_err *err)
{
    xt_status status = XT_OK;
    if (has_header) {
        xt_csv_print(row, &rows->header);
        status = keep_names(rows, row, err);
    } else {
        for (size_t i = 0; i < row->n_cells; i++)
            xt_buf_printf(&rows->header, "%sc%zu", i ? "," : "", i + 1);
        rows->pending = *row;
    }
    return !status && rows->header.failed ? xt_fail_memory(err, "the header", 0) : status;
}

static xt_status match_first_row(xt_rows *rows, xt_err *err)
{
    xt_cells *cells = &rows->cells;
    xt_csv_row row;
    xt_status status = xt_csv_next(rows->csv, &row, err);
    if (status || !row.n_cells)
        return status;
    rows->n_columns = row.n_cells;
    rows->first_line = row.cells[0].line;
    xt_selection selection;
    status = xt_match_inputs(rows->encoding, cells->name, &row, &cells->arena, &selection, err);
    if (!status)
        status = xt_cells_open(cells, &selection, err);
    if (!status)
        status = xt_cells_like(cells, rows->encoding, err);
    return status ? status : keep_header(rows, &row, selection.has_header, err);
}

/* ---- arrays ---- */

static xt_status open_array(xt_rows *rows, xt_format format, xt_err *err)
{
    const xt_encoding *encoding = rows->encoding;
    xt_cells *cells = &rows->cells;
    size_t n = encoding->n_columns;
    xt_status status = xt_array_read(format, rows->input, &rows->array, err);
    if (status)
        return status;
    if (rows->array.n_columns != n)
        return xt_fail(err, XT_BAD_DATA, "%s: the model has %zu input%s, the array has %zu column%s", cells->name, n,
                       n == 1 ? "" : "s", rows->array.n_columns, rows->array.n_columns == 1 ? "" : "s");
    rows->n_columns = n;
    status = xt_cells_open_numbers(cells, n, 0, err);
    if (!status)
        status = xt_cells_like(cells, encoding, err);
    for (size_t i = 0; i < n; i++)
        xt_buf_printf(&rows->header, "%sc%zu", i ? "," : "", i + 1);
    return !status && rows->header.failed ? xt_fail_memory(err, "the header", 0) : status;
}

static void print_numbers(const float *values, size_t n, xt_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        char number[XT_NUMBER_BYTES];
        xt_cell_print(values[i], number);
        xt_buf_printf(out, "%s%s", i ? "," : "", number);
    }
}

/* The next row's inputs, and its text. */
static xt_status take_array_row(xt_rows *rows, float *inputs, xt_buf *kept, xt_err *err)
{
    xt_cells *cells = &rows->cells;
    float *values = rows->array.values + rows->n_taken++ * rows->n_columns;
    bool missing = false;
    if (kept)
        print_numbers(values, rows->n_columns, kept);
    xt_status status = xt_cells_take_numbers(cells, rows->n_taken, values, NULL, &missing, err);
    if (!status && !cells->problems.n && !xt_encode_inputs(rows->encoding, values, inputs))
        xt_problem(&cells->problems, "%s: row %zu: " XT_TOO_FAR, cells->name, rows->n_taken);
    return status;
}

/* ---- opening ---- */

static xt_format format_of(const xt_source *like, const char *path)
{
    bool known = like && like->file;
    if (known && strcmp(path, "-") == 0)
        return xt_format_of(like->format, like->file);
    xt_format format = xt_format_of(XT_FORMAT_AUTO, path);
    /* A table's ending often says nothing: .txt, .dat, .data. */
    bool tables = known && !xt_format_is_array(format) && !xt_format_is_array(like->format);
    return tables ? xt_format_of(like->format, path) : format;
}

/* What the model was trained on says how its user writes tables; a file whose
 * name says something else is taken at its name. */
static xt_status open_table(xt_rows *rows, xt_format format, const xt_source *like, xt_err *err)
{
    bool same = like && like->file && xt_format_of(like->format, like->file) == format;
    char delimiter = same && like->delimiter ? like->delimiter : xt_format_delimiter(format, "");
    xt_status status = xt_csv_open(rows->input, delimiter, same ? like->skip_rows : 0, &rows->csv, err);
    return status ? status : match_first_row(rows, err);
}

static xt_status open_rows(xt_rows *rows, const char *path, const xt_source *like, xt_err *err)
{
    size_t n = rows->encoding->n_columns;
    bool filled = false;
    for (size_t i = 0; i < n; i++)
        filled = filled || rows->encoding->columns[i].has_fill;
    rows->cells.name = rows->input->name;
    rows->cells.missing = filled ? XT_MISSING_MEAN : XT_MISSING_ERROR;
    rows->cells.hint = "; a model trained with missing: mean fills it";
    rows->values = malloc(n * sizeof *rows->values);
    if (!rows->values)
        return xt_fail_memory(err, rows->input->name, n * sizeof *rows->values);
    xt_format format = format_of(like, path);
    return xt_format_is_array(format) ? open_array(rows, format, err) : open_table(rows, format, like, err);
}

/* input NULL: the file at path. */
static xt_status open_any(const char *path, xt_input *input, const xt_source *like, const xt_encoding *encoding,
                          xt_rows **out, xt_err *err)
{
    xt_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return xt_fail_memory(err, path, sizeof *rows);
    rows->input = input ? input : &rows->own;
    rows->encoding = encoding;
    xt_status status = input ? XT_OK : xt_input_open(path, &rows->own, err);
    if (!status)
        status = open_rows(rows, path, like, err);
    if (status)
        xt_rows_close(&rows);
    else
        *out = rows;
    return status;
}

xt_status xt_rows_open_input(const char *path, xt_input *input, const xt_source *like, const xt_encoding *encoding,
                             xt_rows **out, xt_err *err)
{
    return open_any(path, input, like, encoding, out, err);
}

xt_status xt_rows_open(const char *path, const xt_source *like, const xt_encoding *encoding, xt_rows **out,
                       xt_err *err)
{
    return open_any(path, NULL, like, encoding, out, err);
}

/* ---- rows ---- */

static xt_status next_row(xt_rows *rows, xt_csv_row *row, xt_err *err)
{
    if (!rows->pending.n_cells)
        return xt_csv_next(rows->csv, row, err);
    *row = rows->pending;
    rows->pending.n_cells = 0;
    return XT_OK;
}

static xt_status take_cells(xt_rows *rows, const xt_csv_row *row, float *inputs, xt_buf *kept, xt_err *err)
{
    xt_cells *cells = &rows->cells;
    if (!xt_row_fits(cells->name, row, rows->n_columns, rows->first_line, &cells->problems))
        return XT_OK;
    bool missing = false;
    xt_status status = xt_cells_take(cells, row, rows->values, NULL, &missing, err);
    if (status || cells->problems.n)
        return status;
    if (!xt_encode_inputs(rows->encoding, rows->values, inputs))
        xt_problem(&cells->problems, "%s:%zu: " XT_TOO_FAR, cells->name, row->cells[0].line);
    if (kept)
        xt_csv_print(row, kept);
    return XT_OK;
}

/* The next row; *end where there is none. */
static xt_status take_row(xt_rows *rows, float *inputs, xt_buf *kept, bool *end, xt_err *err)
{
    xt_csv_row row = {0};
    xt_status status = XT_OK;
    if (rows->csv) {
        status = next_row(rows, &row, err);
        *end = !status && !row.n_cells;
    } else {
        *end = rows->n_taken == rows->array.n_rows;
    }
    if (status || *end)
        return status;
    status = rows->csv ? take_cells(rows, &row, inputs, kept, err) : take_array_row(rows, inputs, kept, err);
    return !status && kept && kept->failed ? xt_fail_memory(err, "the rows to keep", 0) : status;
}

xt_status xt_rows_read(xt_rows *rows, size_t max_rows, float *inputs, xt_buf *kept, size_t *n_rows, xt_err *err)
{
    xt_err broken = {.text = ""};
    xt_problems *problems = &rows->cells.problems;
    xt_status status = XT_OK;
    size_t n = 0;
    while (!status && n < max_rows && !problems->full) {
        bool end = false;
        status = take_row(rows, inputs + n * rows->encoding->n_inputs, kept ? kept + n : NULL, &end, &broken);
        if (end)
            break;
        n++;
    }
    /* What breaks the grammar of the file comes after the problems before it. */
    if (status == XT_BAD_DATA)
        xt_problem(problems, "%s", broken.text);
    else if (status)
        return xt_fail(err, status, "%s", broken.text);
    status = xt_problems_report(problems, err);
    if (!status)
        *n_rows = n;
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
    xt_array_clear(&(*rows)->array);
    xt_input_close(&(*rows)->own);
    xt_buf_clear(&(*rows)->header);
    xt_cells_clear(&(*rows)->cells);
    free((*rows)->values);
    free(*rows);
    *rows = NULL;
}
