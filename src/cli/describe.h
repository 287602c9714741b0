/* describe.h: networks and their parts in words, for check and inspect. */
#ifndef XT_CLI_DESCRIBE_H
#define XT_CLI_DESCRIBE_H

#include "base/buf.h"
#include "model/plan.h"

/* "label" padded to the column of values. */
void xt_describe_label(const char *label, xt_buf *out);
/* "x1, x2 and 3 more" */
void xt_describe_names(const char *const *names, size_t n, xt_buf *out);
/* "huber(delta 1)" */
void xt_describe_choice(const xt_table *table, const xt_choice *choice, xt_buf *out);
/* "2-16-1, 65 parameters" and a line a layer; with keys, the initialisers and
 * the random keys that draw them. */
void xt_describe_network(const xt_plan *plan, bool keys, xt_buf *out);
/* The lines "loss" and "optimizer". */
void xt_describe_objective(const xt_spec *spec, xt_buf *out);
/* A line "layers.0.weight[0][0] -0.00797431" a parameter. */
void xt_describe_values(const xt_plan *plan, const float *values, xt_buf *out);

#endif
