/* describe.h: networks and their parts in words, for check and inspect. */
#ifndef XT_CLI_DESCRIBE_H
#define XT_CLI_DESCRIBE_H

#include "base/buf.h"
#include "model/encoding.h"
#include "model/plan.h"

enum { XT_SHOWN_COLUMNS = 12 }; /* of columns, classes: what more there are is only counted */

/* "label" padded to the column of values. */
void xt_describe_label(const char *label, xt_buf *out);
/* "x1, x2 and 3 more"; at most XT_SHOWN_COLUMNS */
void xt_describe_names(const char *const *names, size_t n, xt_buf *out);
/* text and blanks up to that width. */
void xt_describe_padded(const char *text, size_t width, xt_buf *out);
/* "row" or "rows" */
const char *xt_rows_noun(size_t n);
/* "none", "standard: ...", in words */
const char *xt_describe_normalize(xt_normalize normalize);
/* The lines "inputs", "targets", and where there are any "classes" and "normalize":
 * how a row becomes inputs. */
void xt_describe_encoding(const xt_encoding *encoding, xt_normalize normalize, xt_buf *out);
/* "huber(delta 1)" */
void xt_describe_choice(const xt_table *table, const xt_choice *choice, xt_buf *out);
/* "2-16-1, 65 parameters" and a line a layer, with its dropout and penalties; with
 * keys, the initialisers and the random keys that draw them. */
void xt_describe_network(const xt_plan *plan, bool keys, xt_buf *out);
/* The lines "loss" and "optimizer", and where they are set "schedule", "clipping",
 * "early stop" and "stop when". */
void xt_describe_objective(const xt_spec *spec, xt_buf *out);
/* A line "layers.0.weight[0][0] -0.00797431" a parameter. */
void xt_describe_values(const xt_plan *plan, const float *values, xt_buf *out);

#endif
