/* export.h: a trained network in the words of other programs.
 *
 * A target is a row of the table: its name, help, and a function that appends
 * the whole file. Nothing that varies from run to run goes in: the same model
 * and version give the same bytes. */
#ifndef XT_APP_EXPORT_H
#define XT_APP_EXPORT_H

#include "app/model_file.h"
#include "base/table.h"

/* Borrowed, all of it. */
typedef struct xt_export {
    const xt_model_file *file;
    const xt_plan *plan; /* of the file's configuration */
    const float *params; /* in the plan's layout, n_params */
    float threshold;     /* above which a single output says the second of two classes */
    const char *version; /* of the program that exports */
} xt_export;

typedef struct xt_export_target {
    xt_row row;
    bool binary; /* not for terminals */
    /* XT_FAILED: no memory, or more than the format holds. */
    xt_status (*print)(const xt_export *model, xt_buf *out, xt_err *err);
} xt_export_target;

extern const xt_table xt_export_targets;
const xt_export_target *xt_export_target_at(int index);

/* The targets: ONNX (export_onnx.c), C99 (export_c.c), a table of all tensors (export_csv.c). */
xt_status xt_export_onnx(const xt_export *model, xt_buf *out, xt_err *err);
xt_status xt_export_c(const xt_export *model, xt_buf *out, xt_err *err);
xt_status xt_export_csv(const xt_export *model, xt_buf *out, xt_err *err);

/* ---- for targets ---- */

/* Appends what an input is called: the column, and of an encoded one "=" and the value of that index. */
void xt_export_input_name(const xt_input_column *column, size_t value, xt_buf *out);
/* What an output is called: its class where each has an output, else the target's column. */
const char *xt_export_output_name(const xt_encoding *encoding, size_t output);
/* Whether a missing number (nan) has something that stands for it, in any column. */
bool xt_export_fills(const xt_encoding *encoding);
/* Each input's fill, nan where it has none, to out (n_inputs). */
void xt_export_fill(const xt_encoding *encoding, double *out);

#endif
