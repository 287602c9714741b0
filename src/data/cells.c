#include "data/cells.h"

#include "base/number.h"
#include "base/text.h"
#include "data/cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- columns ---- */

/* "x1", "x2", ... or, for one target alone, "y". */
static const char *made_up_name(xt_cells *cells, size_t i)
{
    char name[32];
    if (i < cells->n_inputs)
        snprintf(name, sizeof name, "x%zu", i + 1);
    else if (cells->n_targets == 1)
        snprintf(name, sizeof name, "y");
    else
        snprintf(name, sizeof name, "y%zu", i - cells->n_inputs + 1);
    return xt_arena_strdup(&cells->arena, name);
}

static xt_status open_columns(xt_cells *cells, size_t n_inputs, size_t n_targets, xt_err *err)
{
    size_t n = n_inputs + n_targets;
    cells->n_inputs = n_inputs;
    cells->n_targets = n_targets;
    cells->columns = xt_arena_alloc(&cells->arena, n, sizeof *cells->columns);
    if (!cells->columns)
        return xt_fail_memory(err, "the columns of a table", n * sizeof *cells->columns);
    for (size_t i = 0; i < n; i++)
        cells->columns[i].is_target = i >= n_inputs;
    return XT_OK;
}

xt_status xt_cells_open(xt_cells *cells, const xt_selection *selection, xt_err *err)
{
    xt_status status = open_columns(cells, selection->inputs.n, selection->targets.n, err);
    for (size_t i = 0; !status && i < cells->n_inputs + cells->n_targets; i++) {
        xt_table_column *column = cells->columns + i;
        const xt_pick *pick =
            i < cells->n_inputs ? selection->inputs.at + i : selection->targets.at + i - cells->n_inputs;
        column->index = pick->column;
        column->named = pick->name != NULL;
        column->name = pick->name ? xt_arena_strdup(&cells->arena, pick->name) : made_up_name(cells, i);
        column->kind = pick->encoded ? XT_COLUMN_TEXTS : XT_COLUMN_OPEN;
        if (!column->name)
            status = xt_fail_memory(err, "the names of columns", 0);
    }
    return status;
}

xt_status xt_cells_open_numbers(xt_cells *cells, size_t n_inputs, size_t n_targets, xt_err *err)
{
    xt_status status = open_columns(cells, n_inputs, n_targets, err);
    for (size_t i = 0; !status && i < n_inputs + n_targets; i++) {
        xt_table_column *column = cells->columns + i;
        column->index = i;
        column->named = true;
        column->name = made_up_name(cells, i);
        column->kind = XT_COLUMN_NUMBERS;
        if (!column->name)
            status = xt_fail_memory(err, "the names of columns", 0);
    }
    return status;
}

xt_status xt_cells_like(xt_cells *cells, const xt_encoding *encoding, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < cells->n_inputs; i++) {
        const xt_input_column *like = encoding->columns + i;
        xt_table_column *column = cells->columns + i;
        column->kind = like->n_values ? XT_COLUMN_TEXTS : XT_COLUMN_NUMBERS;
        column->can_be_missing = like->has_fill;
        if (like->n_values)
            status = xt_texts_close_with(&column->values, like->values, like->n_values, err);
    }
    for (size_t i = 0; !status && i < cells->n_targets; i++) {
        xt_table_column *column = cells->columns + cells->n_inputs + i;
        column->kind = encoding->classes_are_text ? XT_COLUMN_TEXTS : XT_COLUMN_NUMBERS;
        if (encoding->classes_are_text)
            status = xt_texts_close_with(&column->values, encoding->classes, encoding->n_classes, err);
        else
            column->n_whole = encoding->n_classes;
    }
    return status;
}

void xt_cells_clear(xt_cells *cells)
{
    for (size_t i = 0; cells->columns && i < cells->n_inputs + cells->n_targets; i++)
        xt_texts_clear(&cells->columns[i].values);
    xt_problems_clear(&cells->problems);
    xt_arena_clear(&cells->arena);
    *cells = (xt_cells){0};
}

/* ---- what is wrong with a cell ---- */

void xt_cells_blame(xt_cells *cells, const xt_table_column *column, const xt_cell *cell, const char *what,
                    const char *hint)
{
    char place[64], number[32];
    if (cell->column)
        snprintf(place, sizeof place, ":%zu:%zu", cell->line, cell->column);
    else
        snprintf(place, sizeof place, ": row %zu", cell->line);
    snprintf(number, sizeof number, "%zu", column->index);
    xt_problem(&cells->problems, "%s%s: %s %s (column %s)%s", column->file ? column->file : cells->name, place,
               xt_show(cell->text).text, what, column->named ? xt_show(column->name).text : number, hint);
}

void xt_cells_blame_unknown(xt_cells *cells, const xt_table_column *column, const xt_cell *cell)
{
    xt_buf what = {0};
    xt_buf_puts(&what, column->is_target ? "is none of the classes " : "was not there in training, only ");
    xt_texts_list(&column->values, &what);
    xt_cells_blame(cells, column, cell, xt_buf_text(&what), "");
    xt_buf_clear(&what);
}

static void blame_not_whole(xt_cells *cells, const xt_table_column *column, const xt_cell *cell)
{
    char what[100];
    snprintf(what, sizeof what, "is no class: expected a whole number from 0 to %zu", column->n_whole - 1);
    xt_cells_blame(cells, column, cell, what, "");
}

static void blame_text(xt_cells *cells, xt_table_column *column, const xt_cell *cell)
{
    const char *hint = "";
    if (column->kind == XT_COLUMN_REFUSED)
        return;
    if (column->kind == XT_COLUMN_OPEN) {
        column->kind = XT_COLUMN_REFUSED;
        if (!column->is_target)
            hint = "; encode makes an input of each value of a column, ignore leaves it out";
    } else if (column->may_be_texts && column->n_whole) {
        hint = "; if all are classes, list them in data.classes";
    }
    xt_cells_blame(cells, column, cell, "is not a number", hint);
}

/* ---- cells ---- */

/* A model file, which is JSON, holds the values of columns. */
static bool can_be_kept(const char *text, size_t n_bytes)
{
    enum { MAX_VALUE_BYTES = 255 };
    return n_bytes <= MAX_VALUE_BYTES && xt_text_is_printable(text);
}

static xt_status take_text(xt_cells *cells, xt_table_column *column, const xt_cell *cell, float *value, xt_err *err)
{
    long code = xt_texts_find(&column->values, cell->text);
    *value = (float)code;
    if (code != XT_NO_TEXT)
        return XT_OK;
    if (column->values.closed) {
        xt_cells_blame_unknown(cells, column, cell);
        return XT_OK;
    }
    if (!can_be_kept(cell->text, cell->n_bytes)) {
        xt_cells_blame(cells, column, cell, "cannot be told from others by a name: it is long, or not printable UTF-8", "");
        return XT_OK;
    }
    if (column->values.n == XT_MAX_TEXTS) {
        xt_cells_blame(cells, column, cell, "is one value too many for a column of texts, which may have 65536", "");
        cells->problems.full = true;
        return XT_OK;
    }
    *value = (float)column->values.n;
    return xt_texts_add(&column->values, cell->text, cell->line, cell->column, err);
}

static void take_missing(xt_cells *cells, xt_table_column *column, const xt_cell *cell, float *value, bool *missing)
{
    column->n_missing++;
    *value = NAN;
    if (cells->missing == XT_MISSING_DROP)
        *missing = true;
    else if (cells->missing == XT_MISSING_MEAN && !column->can_be_missing)
        xt_cells_blame(cells, column, cell, "is a missing value",
              column->is_target                 ? "; missing: mean does not fill targets"
              : column->kind == XT_COLUMN_TEXTS ? "; missing: mean does not fill columns of texts"
                                                : cells->hint);
    else if (cells->missing != XT_MISSING_MEAN)
        xt_cells_blame(cells, column, cell, "is a missing value", cells->hint);
}

static void take_number(xt_cells *cells, const xt_table_column *column, const xt_cell *cell, float value)
{
    if (cells->unit && column->is_target && !column->n_whole && !(value >= 0 && value <= 1))
        xt_cells_blame(cells, column, cell, "is no probability, which binary_cross_entropy takes: from 0 to 1",
                       "; data.classes makes classes of other values, in their order");
    if (column->n_whole && !(value >= 0 && value < (float)column->n_whole && value == floorf(value)))
        blame_not_whole(cells, column, cell);
}

/* What the first value of an open column says about the others. */
static xt_column_kind kind_of(const xt_table_column *column, const xt_cell *cell, xt_cell_kind kind)
{
    if (!column->may_be_texts)
        return kind == XT_CELL_TEXT ? XT_COLUMN_OPEN : XT_COLUMN_NUMBERS;
    /* Classes that are given may look like numbers. */
    return kind == XT_CELL_TEXT || xt_texts_find(&column->values, cell->text) != XT_NO_TEXT ? XT_COLUMN_TEXTS
                                                                                              : XT_COLUMN_NUMBERS;
}

static xt_status take_cell(xt_cells *cells, xt_table_column *column, const xt_cell *cell, float *value, bool *missing,
                           xt_err *err)
{
    xt_cell_kind kind = xt_cell_parse(cell->text, cell->n_bytes, value);
    if (kind == XT_CELL_MISSING) {
        take_missing(cells, column, cell, value, missing);
        return XT_OK;
    }
    if (column->kind == XT_COLUMN_OPEN)
        column->kind = kind_of(column, cell, kind);
    if (column->kind == XT_COLUMN_TEXTS)
        return take_text(cells, column, cell, value, err);
    if (kind == XT_CELL_TEXT)
        blame_text(cells, column, cell);
    else if (kind == XT_CELL_HUGE)
        xt_cells_blame(cells, column, cell, "is too large for single precision", "");
    else
        take_number(cells, column, cell, *value);
    return XT_OK;
}

/* first is the cell of the first target. */
static void check_shares(xt_cells *cells, const xt_cell *first, const float *y)
{
    double sum = 0;
    bool negative = false;
    for (size_t i = 0; i < cells->n_targets; i++) {
        sum += (double)y[i];
        negative = negative || y[i] < 0;
    }
    if (!negative && fabs(sum - 1) <= 1e-4)
        return;
    char what[160];
    snprintf(what, sizeof what,
             "and the row's other targets %s %.6g: where the last layer is softmax they are probabilities that sum to 1",
             negative ? "are not all positive and sum to" : "sum to", sum);
    xt_cells_blame(cells, cells->columns + cells->n_inputs, first, what, "");
}

xt_status xt_cells_take(xt_cells *cells, const xt_csv_row *row, float *x, float *y, bool *missing, xt_err *err)
{
    size_t n_before = cells->problems.n;
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < cells->n_inputs + cells->n_targets; i++) {
        xt_table_column *column = cells->columns + i;
        float *value = i < cells->n_inputs ? x + i : y + (i - cells->n_inputs);
        status = take_cell(cells, column, row->cells + column->index, value, missing, err);
    }
    if (!status && cells->shares && !*missing && cells->problems.n == n_before)
        check_shares(cells, row->cells + cells->columns[cells->n_inputs].index, y);
    return status;
}

/* ---- numbers of arrays ---- */

/* What a number of an array looks like. text has room for XT_NUMBER_BYTES. */
static xt_cell cell_of(float value, size_t number, char *text)
{
    xt_cell_print(value, text);
    return (xt_cell){.text = text, .n_bytes = strlen(text), .line = number};
}

static xt_status take_value(xt_cells *cells, xt_table_column *column, size_t number, float *value, bool *missing,
                            xt_err *err)
{
    char text[XT_NUMBER_BYTES];
    xt_cell cell = cell_of(*value, number, text);
    if (isnan(*value))
        take_missing(cells, column, &cell, value, missing);
    else if (!isfinite(*value))
        xt_cells_blame(cells, column, &cell, "is not a finite number", "");
    else if (column->kind == XT_COLUMN_TEXTS)
        return take_text(cells, column, &cell, value, err);
    else
        take_number(cells, column, &cell, *value);
    return XT_OK;
}

xt_status xt_cells_take_numbers(xt_cells *cells, size_t number, float *x, float *y, bool *missing, xt_err *err)
{
    size_t n_before = cells->problems.n;
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < cells->n_inputs + cells->n_targets; i++) {
        xt_table_column *column = cells->columns + i;
        float *value = i < cells->n_inputs ? x + i : y + (i - cells->n_inputs);
        /* Nearly all of them are numbers as they are. */
        if (!isfinite(*value) || column->kind != XT_COLUMN_NUMBERS || column->n_whole || (cells->unit && column->is_target))
            status = take_value(cells, column, number, value, missing, err);
    }
    if (!status && cells->shares && !*missing && cells->problems.n == n_before) {
        char text[XT_NUMBER_BYTES];
        xt_cell first = cell_of(y[0], number, text);
        check_shares(cells, &first, y);
    }
    return status;
}
