/* lanes.h: many small trainings at once, one in each lane of a device's vectors.
 *
 * The nets share shape and data; each has its own seed (initial parameters, order of the
 * rows, dropped outputs), learning rate, schedule and settings of its optimiser. Each has the
 * bits of the same training done alone by the fused engine. */
#ifndef XT_ENGINE_LANES_H
#define XT_ENGINE_LANES_H

#include "engine/engine.h"

typedef struct xt_lanes xt_lanes;

/* Whether trainings of such a plan on such data can have a lane each; else *why becomes a constant that says what is
 * against it, in words ("it asks for another engine"). What only the caller acts on, such as early_stopping or a
 * plateau, is not. */
bool xt_lanes_can(const xt_plan *plan, const xt_dataset *data, const char **why);
/* Whether two plans, for both of which that holds on the same data, can be in one launch: numbers may differ, but not
 * which of them are 0, since that is what switches a momentum, a penalty or dropout off. Transitive. */
bool xt_lanes_alike(const xt_plan *a, const xt_plan *b);

/* Opens room for up to `most` nets (at least 1) at once that are like plan, on the device that its spec names.
 * validation: the rows that xt_lanes_validate scores, or NULL. The kernel has the network compiled in, which takes 2 s
 * or so where it is not in the cache. plan and data outlive the lanes. There is room for fewer where memory is short:
 * xt_lanes_room says for how many, a multiple of a block of lanes unless it is `most`. *out becomes NULL where the device
 * has not room for a block. All memory is taken here, whatever the number of epochs. */
xt_status xt_lanes_open(const xt_plan *plan, const xt_dataset *data, const xt_dataset *validation, size_t most,
                        xt_lanes **out, xt_err *err);
size_t xt_lanes_room(const xt_lanes *lanes);
/* Device, memory, times: as an engine's. first_chunk: epochs that surely take less than a chunk's time (50 ms) with all
 * room in use; where one epoch takes longer it is 1. */
const xt_engine_facts *xt_lanes_facts(const xt_lanes *lanes);

/* Begins n trainings (at most xt_lanes_room) in place of those before: plans[i], alike and like the one that it was
 * opened with, whose specs say seeds and settings and outlive them; parameters are drawn as each spec says, by several
 * threads. All are on. */
xt_status xt_lanes_begin(xt_lanes *lanes, const xt_plan *const *plans, size_t n, xt_err *err);
/* How many of n epochs from `first` on are one launch, at least 1 of them. */
uint32_t xt_lanes_reach(const xt_lanes *lanes, uint32_t first, uint32_t n);
/* Trains n epochs from `first` (0-based, the same for all), which xt_lanes_reach allows. Whether a net's own spec has so
 * many is the caller's affair. */
xt_status xt_lanes_train(xt_lanes *lanes, uint32_t first, uint32_t n, xt_err *err);
/* What the losses of that launch came to, as xt_epoch has them, up to the first that is not finite. */
typedef struct xt_lanes_course {
    uint32_t n;           /* epochs with that one, or all of the launch */
    double last;          /* the loss of the last of them */
    double least;         /* of those that are finite */
    uint32_t least_epoch; /* the first that has it, counted from 1; 0: the first of the launch was not finite */
} xt_lanes_course;
/* Net i's, which was on. Valid until the next launch. */
const xt_lanes_course *xt_lanes_course_of(const xt_lanes *lanes, size_t i);
/* All its losses of that launch, n of them: for who has to look at each. */
void xt_lanes_losses(const xt_lanes *lanes, size_t i, double *losses);
/* The metrics of net i in the spec's order, of an epoch of the last launch: what the outputs that its loss was measured on
 * come to. Its spec has metrics. */
xt_status xt_lanes_measure(xt_lanes *lanes, size_t i, uint32_t epoch, double *metrics, xt_err *err);
/* Scores the validation rows with the parameters of all that are on. */
xt_status xt_lanes_validate(xt_lanes *lanes, xt_err *err);
/* What that came to for net i until the next launch: the mean loss, as xt_engine_mean_loss has it, and the metrics in
 * the spec's order. */
double xt_lanes_validation_loss(const xt_lanes *lanes, size_t i);
xt_status xt_lanes_validation_metrics(xt_lanes *lanes, size_t i, double *metrics, xt_err *err);
/* Every learning rate of net i from now on is times `scale`, 1 when it begins. */
void xt_lanes_scale(xt_lanes *lanes, size_t i, float scale);
/* Takes net i out: it is not trained any more, and its lane goes idle. A block of which no net is on costs nothing. */
void xt_lanes_stop(xt_lanes *lanes, size_t i);
/* Net i's parameters and its optimiser's state in the plan's layout, (1 + n_slots) * n_params floats: of the last epoch
 * that it was on in. Many are read at once, so reading them in order is cheap. */
xt_status xt_lanes_read_state(xt_lanes *lanes, size_t i, float *state, xt_err *err);
/* NULL-safe; sets *lanes to NULL. */
void xt_lanes_close(xt_lanes **lanes);

#endif
