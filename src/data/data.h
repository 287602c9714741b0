/* data.h: from files (or inline rows) to the parts of a data set, encoded.
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

/* Rows to train on, and those that are held back. Zero-initialise it. */
typedef struct xt_parts {
    xt_dataset train, validation, test; /* n_rows 0: not given */
    xt_arena arena;                     /* the encoding that they share */
} xt_parts;

/* Loads all that the spec describes. The encoding is fitted to the rows that train,
 * after a split took the others away; the classes are those of all rows of
 * data.train. XT_BAD_DATA for what is wrong in the data, XT_BAD_CONFIG for a source
 * that contradicts itself (columns by name and header: false) or a network that
 * does not suit the data, XT_FAILED for files that cannot be read. Only train has
 * facts. On failure *out is untouched. */
xt_status xt_parts_load(const xt_spec *spec, xt_parts *out, xt_err *err);
/* Frees; the parts are as new ({0}). */
void xt_parts_clear(xt_parts *parts);

/* Rows with targets under an encoding that was fitted before, which must outlive
 * them. A source that does not choose its inputs is matched by the encoding's names
 * where it has a header, else by place: the inputs, then the targets. */
xt_status xt_data_load_like(const xt_source *source, const xt_encoding *encoding, xt_dataset *out, xt_err *err);

/* ---- rows to predict, in blocks: memory does not grow with the file ---- */

typedef struct xt_rows xt_rows;

/* Opens a file ("-": standard input) that holds the inputs of a model, whose
 * encoding must outlive the reader. Columns are matched by name when the file has a
 * header, whatever their order and whatever other columns there are; without one
 * there must be exactly as many as the encoding has. The first row is a header when
 * all the names are among its cells, or when a cell is a text where the model has a
 * number. An empty file has no rows. `like` is the model's training data (NULL:
 * nothing is known): a file of the same kind is read with its delimiter and
 * skip_rows, and a missing value is filled where `missing: mean` filled them;
 * standard input is taken for a file of that kind. */
xt_status xt_rows_open(const char *path, const xt_source *like, const xt_encoding *encoding, xt_rows **out,
                       xt_err *err);
/* Reads up to max_rows rows into inputs (max_rows, encoding->n_inputs), encoded;
 * *n_rows 0 at the end. When kept is not NULL, the text of each row's cells, quoted
 * as CSV where needed, without line end, is appended to kept[i]. After a failure
 * *n_rows is untouched, inputs and kept hold anything, and the reader can only be
 * closed. */
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
