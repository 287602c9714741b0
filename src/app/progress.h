/* progress.h: a line on stderr that is redrawn while training runs. */
#ifndef XT_APP_PROGRESS_H
#define XT_APP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct xt_progress {
    bool wanted; /* stderr is a terminal and nobody said no */
    bool shown;  /* stands on the terminal now */
    double last; /* when it was drawn, in seconds of the training */
} xt_progress;

/* Whether stderr is a terminal that can take a line back. */
bool xt_progress_possible(void);
/* Redraws it at most ten times a second; never in the first half second. */
void xt_progress_draw(xt_progress *progress, uint32_t epoch, uint32_t epochs, double loss, double seconds);
/* Takes it away before something else is written to the terminal. */
void xt_progress_clear(xt_progress *progress);

#endif
