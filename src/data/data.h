/* data.h: from files (or inline rows) to a data set.
 *
 * Every error names file, line and column: "data.csv:12:8: ...", up to 20 of
 * them at once. A bad row is never skipped in silence. */
#ifndef XT_DATA_DATA_H
#define XT_DATA_DATA_H

#include "base/buf.h"
#include "base/err.h"
#include "model/dataset.h"
#include "model/spec.h"

#include <stdbool.h>

/* Loads everything that the source describes. XT_BAD_DATA for what is wrong in
 * the data, XT_BAD_CONFIG for a source that contradicts itself (columns by name
 * and header: false), XT_FAILED for files that cannot be read. On failure *out
 * is untouched. */
xt_status xt_data_load(const xt_source *source, xt_dataset *out, xt_err *err);

/* ---- rows to predict, in blocks: memory does not grow with the file ---- */

typedef struct xt_rows xt_rows;

/* Opens a CSV or TSV file ("-": standard input) that holds the inputs of a
 * model, whose input columns have these names. Columns are matched by name
 * when the file has a header, whatever their order and whatever other columns
 * there are; without one there must be exactly n_names columns. The first row is
 * a header when a cell of it is neither a number nor a missing value, or when
 * all the names are among its cells. An empty file has no rows. Cells are
 * delimited as in `like`, the model's training data (NULL: as the path's ending
 * says); standard input is taken for a file of the same ending. */
xt_status xt_rows_open(const char *path, const xt_source *like, const char *const *names, size_t n_names,
                       xt_rows **out, xt_err *err);
/* Reads up to max_rows rows into inputs (max_rows, n_names); *n_rows 0 at the
 * end. When kept is not NULL, the text of each row's cells, quoted as CSV where
 * needed, without line end, is appended to kept[i]. A missing value is an error.
 * After a failure *n_rows is untouched, inputs and kept hold anything, and the
 * reader can only be closed. */
xt_status xt_rows_read(xt_rows *rows, size_t max_rows, float *inputs, xt_buf *kept, size_t *n_rows, xt_err *err);
/* The header of all columns of the file as CSV text, for --keep; names c1, c2,
 * ... where the file has none. Owned by rows. */
const char *xt_rows_header(const xt_rows *rows);
/* Whether the file has a header with a column of this name. */
bool xt_rows_has(const xt_rows *rows, const char *name);
void xt_rows_close(xt_rows **rows);

/* Appends text as a cell of a CSV file, quoted where it must be. */
void xt_csv_print_text(const char *text, xt_buf *out);

#endif
