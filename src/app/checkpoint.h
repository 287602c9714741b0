/* checkpoint.h: the files from which a run goes on: last.safetensors, and
 * previous.safetensors, which was that before it; best.safetensors, a model.
 *
 * Each is written to a temporary file, synced and renamed: at every moment there
 * is last or previous, whole. loss.csv is synced before, so that no checkpoint is ahead of it. */
#ifndef XT_APP_CHECKPOINT_H
#define XT_APP_CHECKPOINT_H

#include "app/moment.h"
#include "app/outdir.h"
#include "model/plan.h"

typedef struct xt_checkpoints {
    const xt_outdir *dir; /* the caller's, as are the others */
    const xt_plan *plan;
    const xt_dataset *data;
    const char *config_yaml;
    xt_circumstances now;
    bool goes_on;        /* from a checkpoint: the directory's files are this run's */
    bool sound;          /* last.safetensors is, and may become previous.safetensors */
    bool written;        /* it is this run's after `epoch` */
    uint32_t epoch;
    uint32_t best_epoch; /* of best.safetensors; 0: there is none of this run */
    double at;           /* of xt_seconds: when the last one was written, or the run began */
} xt_checkpoints;

extern const char xt_last[], xt_previous[], xt_best[];

/* Whether the directory's file system has the room that these files and the model will take: XT_FAILED where it has
 * not. moment, state and best (NULL: not kept): as below, any of this run. */
xt_status xt_checkpoints_check(const xt_checkpoints *checkpoints, const xt_moment *moment, const float *state,
                               const float *best, xt_err *err);
/* Whether the configuration wants one after `epoch`, when `now` is the time of xt_seconds. */
bool xt_checkpoints_due(const xt_checkpoints *checkpoints, uint32_t epoch, double now);
/* Writes the checkpoint of a moment, and best.safetensors where that is kept and is of another epoch by now.
 * state: (1 + n_slots) * n_params floats; best: n_params floats of epoch moment->control.best_epoch, NULL: not kept or
 * none yet. */
xt_status xt_checkpoints_write(xt_checkpoints *checkpoints, const xt_moment *moment, const float *state,
                               const float *best, xt_err *err);

#endif
