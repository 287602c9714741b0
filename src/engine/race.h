/* race.h: how fast forms of the gemm engine train a network, one against the other.
 *
 * Whole updates of the network on random rows, with learning rates of 0, so that
 * values stay what they are at the start of a training. Two engines take turns,
 * and what counts is the median of their ratios, or the ratio of their fastest
 * turns where that is less: what else the machine does slows both, but not
 * always alike. */
#ifndef XT_ENGINE_RACE_H
#define XT_ENGINE_RACE_H

#include "engine/gemm.h"

#include <signal.h>

typedef struct xt_race xt_race;

/* For the plan's network, batch and optimiser; plan must outlive it. stop: becomes other than 0 when it is to end. */
xt_status xt_race_open(const xt_plan *plan, const xt_device *device, const volatile sig_atomic_t *stop, xt_race **out,
                       xt_err *err);
/* NULL-safe; sets *race to NULL. */
void xt_race_close(xt_race **race);

/* An engine of such a form that is ready to run, in a context of its own. */
xt_status xt_race_enter(const xt_race *race, const xt_gemm_form *form, xt_engine **out, xt_err *err);
/* The training rows a second of one alone. Says from now on how long a turn is: to be called before others run. */
xt_status xt_race_alone(xt_race *race, xt_engine *engine, double *rate, xt_err *err);
/* How many times as fast as `best` the other is at least; 0 where it was stopped before that was known. */
xt_status xt_race_run(const xt_race *race, xt_engine *best, xt_engine *other, double *ratio, xt_err *err);

#endif
