/* together.h: trials of a sweep that train in the same launches, a lane each. sweep.c alone includes it. */
#ifndef XT_APP_TOGETHER_H
#define XT_APP_TOGETHER_H

#include "app/sweep.h"

/* As many as keep a large CPU busy, in memory that does not matter. */
enum { XT_MOST_TOGETHER = 2048 };

typedef struct xt_together xt_together;

typedef struct xt_together_job {
    const xt_sweep_job *sweep;
    const xt_trial *const *trials; /* n of them, at most XT_MOST_TOGETHER, alike, on the same rows */
    size_t n;
    /* Is told of each that has come to its end; result NULL: the trial is to be trained alone, since what it came to cannot be
     * told from here. n_shown: the first rows of its curve that were shown, which are the same then. */
    xt_status (*take)(void *who, const xt_trial *trial, const xt_trial_result *result, uint32_t n_shown, xt_err *err);
    void *who;
    const bool *ended; /* true after `take`: no more is wanted */
} xt_together_job;

/* Room for trials like this one, which is to stay open. *out NULL: the device has not room for a block of them. */
xt_status xt_together_open(const xt_trial *like, xt_together **out, xt_err *err);
/* Whether it is like the one that it was opened with. */
bool xt_together_suits(const xt_together *self, const xt_trial *trial);
/* Trains them. */
xt_status xt_together_train(xt_together *self, const xt_together_job *job, xt_err *err);
/* NULL-safe; sets *self to NULL. */
void xt_together_close(xt_together **self);

#endif
