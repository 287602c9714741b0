/* progress.h: a line on stderr that is redrawn while training runs, or a sweep. */
#ifndef XT_APP_PROGRESS_H
#define XT_APP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a training stands. */
typedef struct xt_standing {
    uint32_t epoch, epochs;  /* completed, and in all */
    double loss;             /* of the last one; not shown within one */
    double seconds;          /* since the first one would have begun */
    uint64_t batch, batches; /* of the epoch in hand; 0 where it stands between two */
    double rows;             /* of those batches */
    double epoch_seconds;    /* since it began */
} xt_standing;

/* Where a sweep stands. */
typedef struct xt_sweep_standing {
    uint64_t trials, done, before; /* in all; of them those that have ended; of those the ones that had at the start */
    double parts;                  /* what is done of those in hand, in trials */
    double seconds;                /* since the start */
    const char *value;             /* what trials are ranked by: "loss" */
    double best;
    uint64_t best_trial;
    bool has_best;
} xt_sweep_standing;

typedef struct xt_progress {
    bool wanted; /* nobody said no */
    bool shown;  /* stands on the terminal now */
    double last; /* when it was drawn, in seconds of the training */
} xt_progress;

/* The line, as wide as it may be: a bar where there is room for one. At least one batch, or one epoch, is done. */
void xt_progress_text(const xt_standing *at, size_t width, char *out, size_t n_bytes);
/* Redraws it at most ten times a second; never in the first half second, and within an epoch only where that takes
 * longer than one. */
void xt_progress_draw(xt_progress *progress, const xt_standing *at);
/* The line of a sweep; pace and end are left out until something was trained. */
void xt_progress_sweep_text(const xt_sweep_standing *at, char *out, size_t n_bytes);
/* Redraws that as often, and as late for the first time. */
void xt_progress_draw_sweep(xt_progress *progress, const xt_sweep_standing *at);
/* Takes it, and whatever else stands there, away before something else is written to the terminal. */
void xt_progress_clear(xt_progress *progress);

/* The seconds that the rest of the epoch in hand takes at its pace until now. */
double xt_progress_epoch_left(const xt_standing *at);
/* After so many batches in so many seconds: the batch at which to look at the clock again. Batches may take longer than
 * the first ones made believe, which a device had only been handed: at most twice as many. */
uint64_t xt_progress_next_look(uint64_t batch, double seconds);

#endif
