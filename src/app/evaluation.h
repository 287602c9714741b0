/* evaluation.h: loss and metrics of rows that a run does not train on.
 *
 * All memory is taken when it opens: whether it suffices shows before the first epoch. */
#ifndef XT_APP_EVALUATION_H
#define XT_APP_EVALUATION_H

#include "engine/engine.h"

typedef struct xt_measured {
    double loss;
    double metrics[XT_MAX_METRICS]; /* in the spec's order */
} xt_measured;

typedef struct xt_evaluation {
    const xt_dataset *data; /* NULL: there are no such rows */
    float *outputs;         /* (n_rows, n_outputs) */
    float *losses;          /* n_rows */
} xt_evaluation;

/* data NULL opens nothing, and must outlive out otherwise. */
xt_status xt_evaluation_open(const xt_plan *plan, const xt_dataset *data, xt_evaluation *out, xt_err *err);
/* Loss and metrics of all rows by the engine's parameters as they are. */
xt_status xt_evaluation_measure(const xt_evaluation *evaluation, xt_engine *engine, xt_measured *out, xt_err *err);
void xt_evaluation_close(xt_evaluation *evaluation);

#endif
