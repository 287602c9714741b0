/* columns.h: which columns of a table are used, what for, and their numbers. */
#ifndef XT_DATA_COLUMNS_H
#define XT_DATA_COLUMNS_H

#include "data/csv.h"
#include "data/problems.h"

/* A column that is used. */
typedef struct xt_pick {
    size_t column;    /* from 0 */
    const char *name; /* from the header; NULL when there is none */
    bool encoded;     /* an input that becomes one a value */
} xt_pick;

typedef struct xt_picks {
    xt_pick *at;
    size_t n;
} xt_picks;

/* ---- names in a header ---- */

/* The cells of a row in the order of their text. Zero-initialise it. */
typedef struct xt_names {
    const xt_csv_row *row;
    const xt_cell **sorted;
} xt_names;

/* row must outlive names. */
xt_status xt_names_open(const xt_csv_row *row, xt_names *out, xt_err *err);
/* The first cell with this text, or NULL. */
const xt_cell *xt_names_find(const xt_names *names, const char *name);
/* The first cell with the same text as cell that is another one, or NULL. */
const xt_cell *xt_names_twin(const xt_names *names, const xt_cell *cell);
void xt_names_close(xt_names *names);
/* Appends "'a', 'b', 'c'", cut when there are many. */
void xt_names_list(const xt_csv_row *row, xt_buf *out);

/* ---- what a source selects ---- */

typedef struct xt_selection {
    xt_picks inputs, targets; /* in the source's order; they live in the arena */
    bool has_header;          /* the first row is names */
} xt_selection;

/* file is for messages; an array has a first row of numbers in line 0. XT_BAD_DATA says everything that is wrong with the
 * selection. On failure *out is untouched. */
xt_status xt_columns_select(const xt_source *source, const char *file, const xt_csv_row *first, xt_arena *arena,
                            xt_selection *out, xt_err *err);

/* Whether the row has as many cells as the first row, in line first_line; a problem if not. */
bool xt_row_fits(const char *file, const xt_csv_row *row, size_t n_cells, size_t first_line, xt_problems *problems);

#endif
