/* columns.h: the columns of loss.csv by name: what early stopping, limits, plateau
 * and --require watch. */
#ifndef XT_MODEL_COLUMNS_H
#define XT_MODEL_COLUMNS_H

#include "base/buf.h"
#include "model/spec.h"

enum { XT_COLUMN_BYTES = 32 };

/* A measured column: loss, val_loss, accuracy, val_accuracy, ... */
typedef struct xt_watched {
    bool validation;
    int metric; /* index in the spec's metrics; -1: the loss */
} xt_watched;

/* The names of n_metrics columns: accuracy, and accuracy_2 for a second one. */
void xt_metric_columns(const xt_spec *spec, char (*names)[XT_COLUMN_BYTES]);
/* Whether the spec's loss.csv has such a column. */
bool xt_column_find(const xt_spec *spec, const char *name, xt_watched *out);
/* Appends "loss, val_loss, accuracy, val_accuracy". */
void xt_columns_list(const xt_spec *spec, xt_buf *out);
/* Whether more of it is better. */
bool xt_column_is_gain(const xt_spec *spec, xt_watched watched);

#endif
