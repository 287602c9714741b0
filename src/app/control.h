/* control.h: what is decided from each epoch's row: whether training goes on,
 * whether this is the best epoch, the factor on the learning rate.
 *
 * Plain data and a pure function of the rows, in their order: a copy may look
 * ahead. A column that was not measured decides nothing; a value that is
 * not a number is measured, and no improvement. */
#ifndef XT_APP_CONTROL_H
#define XT_APP_CONTROL_H

#include "app/rows.h"
#include "model/schedule.h"

typedef struct xt_control {
    const xt_spec *spec;
    xt_watched monitor;          /* early stopping's column, else that of checkpoint.best, else the loss */
    bool gain;                   /* more of it is better */
    double best;
    uint32_t best_epoch;         /* 0: none yet */
    uint32_t waited;             /* epochs measured since */
    xt_watched limits[XT_MAX_LIMITS];
    bool has_plateau, plateau_gain;
    xt_watched plateau_column;
    xt_plateau plateau;
    bool improved;               /* the last row is the best one */
    bool ended;                  /* training ends with the last row */
    int limit;                   /* that ended it; -1: early stopping did */
} xt_control;

/* XT_BAD_CONFIG where a column that is watched is none of the spec's, which must outlive out. */
xt_status xt_control_init(xt_control *out, const xt_spec *spec, xt_err *err);

/* Whether the state of the best epoch is kept. */
bool xt_control_keeps_best(const xt_spec *spec);
/* Whether it becomes the model. */
bool xt_control_restores_best(const xt_spec *spec);

/* Whether rows can end the training or change what follows: without that adding
 * them only finds the best one. */
bool xt_control_decides(const xt_control *control);
/* Whether a row can end the training that has no validation values. */
bool xt_control_ends_by_training(const xt_control *control);
/* Whether something follows from a metric. */
bool xt_control_watches_metrics(const xt_control *control);
/* Whether the validation rows are measured after this epoch, from 1. */
bool xt_control_validates(const xt_spec *spec, uint32_t epoch);
/* The epoch with which epochs that follow `done` must stop, at the latest: for a look, or for a checkpoint. */
uint32_t xt_control_reach(const xt_control *control, uint32_t done);

/* Sets `ended` and `limit` after the last row again: of a control whose numbers (best, best_epoch, waited,
 * plateau) come from a checkpoint. */
void xt_control_look_back(xt_control *control, const xt_run_row *last);

/* Takes the next row; before the one that ends it. */
void xt_control_add(xt_control *control, const xt_run_row *row);
/* On every learning rate from now on. */
float xt_control_rate_scale(const xt_control *control);
/* Appends why it has ended: "early_stopping", "stop_when loss below 0.01". */
void xt_control_reason(const xt_control *control, xt_buf *out);

#endif
