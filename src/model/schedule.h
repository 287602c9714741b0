/* schedule.h: the factor on the learning rate, from epoch or update.
 *
 * A pure function, worked out on the host: nothing here has state but plateau,
 * whose factor follows what was measured. PyTorch's formulas where it has them. */
#ifndef XT_MODEL_SCHEDULE_H
#define XT_MODEL_SCHEDULE_H

#include "base/table.h"

#include <stdbool.h>
#include <stdint.h>

extern const xt_table xt_schedules; /* of kinds */

/* The length of a training. */
typedef struct xt_pace {
    uint64_t updates; /* of an epoch: batches */
    uint32_t epochs;
} xt_pace;

/* The factor of update `update` (0-based, from the start of the training). plateau's is its warmup alone. */
double xt_schedule_factor(const xt_choice *schedule, const xt_pace *pace, uint64_t update);
/* Whether the factor depends on the number of epochs that there will be. */
bool xt_schedule_has_length(const xt_choice *schedule);
/* Updates that have one factor together: those of an epoch, or 1. */
uint64_t xt_schedule_unit(const xt_choice *schedule, const xt_pace *pace);
/* From which update on (0-based) the factor stays what it is; UINT64_MAX: never surely. */
uint64_t xt_schedule_settled(const xt_choice *schedule, const xt_pace *pace);

/* ---- plateau: PyTorch's ReduceLROnPlateau, threshold absolute ---- */

typedef struct xt_plateau {
    double best;        /* of what is watched */
    uint32_t waited;    /* epochs since */
    uint32_t cooling;   /* epochs until it waits again */
    double factor;      /* on the learning rate: begins at 1 */
} xt_plateau;

/* The column that it watches, NULL where the schedule is not plateau. */
const char *xt_plateau_monitor(const xt_choice *schedule);
void xt_plateau_begin(xt_plateau *plateau);
/* Takes the value of one more epoch; gain: more is better. */
void xt_plateau_add(xt_plateau *plateau, const xt_choice *schedule, double value, bool gain);

#endif
