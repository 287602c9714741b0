/* csv.h: a CSV or TSV file as rows of cells, each with its place in the file.
 *
 * RFC 4180 and no less: quoted cells may hold delimiters, line ends and doubled
 * quotes; a quote anywhere else, or one that is never closed, is an error.
 * Lines end in LF, CRLF or CR. Blank lines are not rows. Blanks around an
 * unquoted cell do not belong to it. A UTF-8 byte order mark at the start is
 * skipped. Lines and columns count from 1, columns in characters. Not here:
 * what the cells mean. */
#ifndef XT_DATA_CSV_H
#define XT_DATA_CSV_H

#include "data/input.h"

#include <stdint.h>

typedef struct xt_cell {
    const char *text; /* n_bytes and a NUL; holds no other NUL */
    size_t n_bytes;
    size_t line, column; /* of its first character or opening quote */
} xt_cell;

typedef struct xt_csv_row {
    const xt_cell *cells;
    size_t n_cells;              /* 0: there are no more rows */
    size_t end_line, end_column; /* where the row's line ends */
} xt_csv_row;

typedef struct xt_csv xt_csv;

/* ',' or '\t', as xt_format_of has it. */
char xt_format_delimiter(xt_format format, const char *path);

/* Reads from input, which must outlive the reader, leaving out n_skip lines. */
xt_status xt_csv_open(xt_input *input, char delimiter, uint32_t n_skip, xt_csv **out, xt_err *err);
/* The next row, n_cells 0 at the end; good until the next call. After a
 * failure the reader can only be closed. */
xt_status xt_csv_next(xt_csv *csv, xt_csv_row *row, xt_err *err);
void xt_csv_close(xt_csv **csv);

/* Appends the row as CSV that reads back to the same cells, without line end. */
void xt_csv_print(const xt_csv_row *row, xt_buf *out);

#endif
