/* rows.h: the rows of a run as they stream out: CSV, JSON and lines.
 *
 * A row is formatted into buffers and written at the end of a chunk of epochs,
 * in one write a sink. CSV is RFC 4180 with LF, numbers %.9g (learning_rate the
 * shortest text of its float), `nan` and `inf` for what is not finite; its columns
 * are fixed before the first epoch: epoch,loss[,val_loss][,metric[,val_metric]]...,
 * learning_rate,step,seconds. What was not measured is empty there, and left out of lines.
 * JSON is an object a row, with the columns' names and the CSV's very digits; null is
 * what was not measured or is not finite. */
#ifndef XT_APP_ROWS_H
#define XT_APP_ROWS_H

#include "app/evaluation.h"
#include "base/buf.h"
#include "base/number.h"
#include "engine/engine.h"
#include "model/columns.h"

#include <stdbool.h>

/* What is known of a trained epoch. */
typedef struct xt_run_row {
    uint32_t epoch;       /* completed ones, from 1; 0: none is */
    xt_epoch train;
    bool validated;
    xt_measured validation; /* where validated */
} xt_run_row;

/* The value of a column; false where it was not measured. */
bool xt_row_value(const xt_run_row *row, xt_watched watched, double *out);

/* epoch, loss and metrics with their validation, learning_rate, step, seconds */
enum { XT_MAX_ROW_COLUMNS = 1 + 2 * (1 + XT_MAX_METRICS) + 3, XT_ROW_COLUMN_BYTES = XT_COLUMN_BYTES + 4 };

/* The names of the columns, in their order; returns their number. */
size_t xt_row_columns(const xt_spec *spec, char (*names)[XT_ROW_COLUMN_BYTES]);

/* What is the same in every row of a run, as text. */
typedef struct xt_row_style {
    const xt_spec *spec;
    char names[XT_MAX_METRICS][XT_COLUMN_BYTES];
    size_t n_columns;
    char keys[XT_MAX_ROW_COLUMNS][XT_ROW_COLUMN_BYTES + 5]; /* of JSON: {"epoch": and then ,"loss": */
    int width;                      /* of the last epoch's number */
    float learning_rate;            /* of the row before */
    char rate[XT_NUMBER_BYTES];     /* its text; "" before the first row */
} xt_row_style;

/* spec must outlive the style. */
void xt_row_style_init(xt_row_style *style, const xt_spec *spec);

/* Appends the CSV header, with LF. */
void xt_csv_header(const xt_spec *spec, xt_buf *out);
/* Appends one CSV row, with LF, and to losses the text of its loss, with LF. */
void xt_csv_row(xt_row_style *style, const xt_run_row *row, double seconds, xt_buf *out, xt_buf *losses);
/* Appends the JSON object, with LF, of a row that xt_csv_row wrote, its LF included. */
void xt_json_row(const xt_row_style *style, const char *csv, size_t n_bytes, xt_buf *out);
/* Appends "epoch   10/500  loss 0.29183048  val_loss 0.3  accuracy 0.75  val_accuracy 0.7", with LF. */
void xt_line_row(const xt_row_style *style, const xt_run_row *row, xt_buf *out);
/* Appends "loss 0.3  accuracy 0.7". */
void xt_line_measured(const xt_spec *spec, const xt_measured *scores, xt_buf *out);
/* Whether the epoch has a line: the first, the last, and every log.every-th. */
bool xt_line_due(const xt_spec *spec, uint32_t epoch);

/* A %.9g number in which nan has no sign. out has room for 32. */
void xt_csv_number(double value, char *out);

#endif
