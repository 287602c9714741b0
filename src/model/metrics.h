/* metrics.h: what is measured beside the loss, by scikit-learn's definitions.
 *
 * Measured on the host, in double precision, from outputs and targets of all rows
 * at once: what an engine computes is outputs. A metric is one row of the table. */
#ifndef XT_MODEL_METRICS_H
#define XT_MODEL_METRICS_H

#include "base/err.h"
#include "base/table.h"

#include <stdint.h>

/* Rows that went forward, and what they should have been. */
typedef struct xt_scored {
    size_t n_rows, n_outputs;
    const float *outputs;  /* (n_rows, n_outputs): after the last activation */
    const float *targets;  /* (.., n_outputs) */
    const uint32_t *order; /* outputs' row i is row order[i] of targets; NULL: row i */
} xt_scored;

extern const xt_table xt_metrics; /* of kinds */

/* values[i] becomes metrics[i] of the rows; nan where it is not defined for them.
 * What is not a number among the outputs is never right, and makes a metric of
 * amounts nan. */
xt_status xt_metrics_measure(const xt_choice *metrics, size_t n_metrics, const xt_scored *rows, double *values,
                             xt_err *err);
/* Whether more is better, as for accuracy; less is for a loss or an error. */
bool xt_metric_is_gain(int code);

/* ---- classes ---- */

/* The class that a row of outputs, or of targets, says: the largest, ties to the
 * lowest; of a single one 1 where it is beyond the threshold, else 0. -1: one of
 * the values is not a number. */
long xt_class_of(const float *values, size_t n, float threshold, bool below);

typedef struct xt_class_scores {
    double precision, recall, f1; /* 0 where there is nothing to divide by */
    size_t support;               /* rows that are of the class */
} xt_class_scores;

/* counts[t * n_classes + p] becomes the rows of class t that were said to be p;
 * n_classes is n_outputs, 2 for one output. Rows whose outputs say nothing are
 * in no cell; their number is returned. */
size_t xt_confusion(const xt_scored *rows, float threshold, bool below, size_t *counts);
/* n_classes of them from the counts; rows that are in no cell do not count. */
void xt_class_scores_of(const size_t *counts, size_t n_classes, xt_class_scores *out);

#endif
