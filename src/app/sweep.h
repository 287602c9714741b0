/* sweep.h: many trainings in one process: which of them share launches, and what each came to.
 *
 * Trials whose nets are small, and alike but for numbers, train together, one in each lane of the device's vectors
 * (engine/lanes.h), as many at a time as make it busy; others one after the other. A trial has the same bits either way,
 * and the same as a run of its own. Nothing is written here; memory does not grow with the number of trials. */
#ifndef XT_APP_SWEEP_H
#define XT_APP_SWEEP_H

#include "app/rows.h"
#include "model/dataset.h"
#include "model/plan.h"

#include <signal.h>

/* A trial that is open: whoever opened it owns what it points to. */
typedef struct xt_trial {
    uint64_t number;
    xt_plan plan;                         /* its spec is the trial's */
    const xt_dataset *data;               /* one pointer for all trials that have the same rows */
    const xt_dataset *validation, *test;  /* NULL: none; else the spec has them given */
} xt_trial;

/* ROW(CODE, name): how a trial ended, in a word of trials.csv. */
#define XT_OUTCOMES(ROW) \
    ROW(FINISHED, "finished") \
    ROW(EARLY_STOPPING, "early_stopping") \
    ROW(STOP_WHEN, "stop_when") \
    ROW(DIVERGED, "diverged") /* a run of its own would exit with 6 */ \
    ROW(FAILED, "failed")

#define XT_OUTCOME_CODE(code, name) XT_OUTCOME_##code,
typedef enum xt_outcome { XT_OUTCOMES(XT_OUTCOME_CODE) XT_N_OUTCOMES } xt_outcome;
#undef XT_OUTCOME_CODE

extern const char *const xt_outcomes[XT_N_OUTCOMES]; /* their words */
/* Of a run that ended with status; stopped: as xt_run_result has it. */
xt_outcome xt_outcome_of(xt_status status, const char *stopped);

typedef struct xt_trial_result {
    xt_outcome end;
    uint32_t epochs;         /* trained */
    xt_run_row last, best;   /* epoch 0: none; best as xt_run_result has it */
    double seconds;          /* that it took: of trials that train together, an even share */
    const char *why;         /* of one that failed or diverged; else "" */
} xt_trial_result;

typedef struct xt_sweep_job {
    uint64_t n_trials;  /* 0 .. n_trials - 1 */
    uint64_t n_repeats; /* so many after each other differ in their seed alone; at least 1 */
    /* Whether a trial is to be trained. NULL: all are. */
    bool (*wants)(void *who, uint64_t number);
    /* Opens a trial; what it points to stays until it is closed. A trial that cannot be opened has failed, which is told by
     * `take` with trial NULL. */
    xt_status (*open)(void *who, uint64_t number, xt_trial **out, xt_err *err);
    void (*close)(void *who, xt_trial *trial);
    /* Is told of each trial when it has come to its end, in no certain order. What it returns ends the sweep. */
    xt_status (*take)(void *who, uint64_t number, const xt_trial *trial, const xt_trial_result *result, xt_err *err);
    /* Is told now and then how much of the trials in hand is done, counted in trials. NULL: nobody is. */
    void (*stand)(void *who, double parts);
    /* Is shown the rows of loss.csv of a trial, whole lines, as xt_run_job's watch; asked for by `shows`. NULL: nobody is. */
    bool (*shows)(void *who, uint64_t number);
    xt_status (*show)(void *who, const xt_trial *trial, const char *rows, size_t n_bytes, xt_err *err);
    void *who;
    bool fail_fast;                    /* the first trial that fails or diverges is the last one */
    const volatile sig_atomic_t *stop; /* a signal's number ends the sweep; trials in hand are not told of */
} xt_sweep_job;

/* Trains them. XT_OK also where trials failed. */
xt_status xt_sweep_run(const xt_sweep_job *job, xt_err *err);

#endif
