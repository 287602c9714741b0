/* cells.h: from the cells of a table's rows to values: numbers, and texts as the
 * codes of their column's values. What they must be is in the columns; what is
 * wrong with them is collected, with places. */
#ifndef XT_DATA_CELLS_H
#define XT_DATA_CELLS_H

#include "data/columns.h"
#include "data/problems.h"
#include "data/texts.h"
#include "model/encoding.h"
#include "model/spec.h"

typedef enum xt_column_kind {
    XT_COLUMN_OPEN,    /* its first value decides */
    XT_COLUMN_NUMBERS,
    XT_COLUMN_TEXTS,   /* numbers in it are texts too */
    XT_COLUMN_REFUSED  /* texts where numbers should be: told once */
} xt_column_kind;

typedef struct xt_table_column {
    const char *name;  /* from the header, or made up */
    const char *file;  /* for messages, where it is not that of the others; NULL: it is */
    size_t index;      /* of its cell in a row */
    bool named;        /* messages call it by its name, else by its index */
    xt_column_kind kind;
    bool is_target;
    bool may_be_texts; /* of an open one: it says classes */
    bool can_be_missing; /* `missing: mean` fills it */
    size_t n_whole;    /* its numbers are whole ones below this; 0: any */
    xt_texts values;   /* of texts; closed: no others may come */
    size_t n_missing;  /* cells */
} xt_table_column;

/* Zero-initialise it; free with xt_cells_clear. */
typedef struct xt_cells {
    const char *name;     /* of the file, for messages */
    xt_missing missing;
    const char *hint;     /* follows the message about a missing value */
    bool shares;          /* the targets of a row are probabilities: they sum to 1 */
    bool unit;            /* each target is a probability */
    size_t n_inputs, n_targets;
    xt_table_column *columns; /* inputs, then targets */
    xt_problems problems;
    xt_arena arena;       /* columns and their names */
} xt_cells;

/* Makes columns of a selection: their names, all open; encoded ones are texts. */
xt_status xt_cells_open(xt_cells *cells, const xt_selection *selection, xt_err *err);
/* Columns of arrays: x1, ... and y, ..., all numbers. */
xt_status xt_cells_open_numbers(xt_cells *cells, size_t n_inputs, size_t n_targets, xt_err *err);
/* The columns are what the encoding says; columns are as many as it has, targets or none at all. */
xt_status xt_cells_like(xt_cells *cells, const xt_encoding *encoding, xt_err *err);

/* One row of cells as n_inputs values x and n_targets values y: a number, a code,
 * or nan for a missing value that is filled later. *missing becomes true where the
 * row is to be left out. x and y are of no use where problems were met. */
xt_status xt_cells_take(xt_cells *cells, const xt_csv_row *row, float *x, float *y, bool *missing, xt_err *err);
/* The same for row `number` (from 1) of arrays: x and y hold it already, nan for missing values. */
xt_status xt_cells_take_numbers(xt_cells *cells, size_t number, float *x, float *y, bool *missing, xt_err *err);

/* Adds the problem "FILE:LINE:COLUMN: 'TEXT' WHAT (column NAME)HINT". A cell of an
 * array has its row for a line, and no column. */
void xt_cells_blame(xt_cells *cells, const xt_table_column *column, const xt_cell *cell, const char *what,
                    const char *hint);
/* The same for a value that an encoding does not have. */
void xt_cells_blame_unknown(xt_cells *cells, const xt_table_column *column, const xt_cell *cell);
void xt_cells_clear(xt_cells *cells);

#endif
