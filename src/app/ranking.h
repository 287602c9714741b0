/* ranking.h: the rows of a sweep as they come, in any order, for what is said of it in the end: the best trials, and
 * over repeats with other seeds how many reached their target, and after how many epochs.
 *
 * Pure functions of the rows, each trial given once: the same for those that were read from trials.csv (trials.h has
 * what a row is). Memory is that of the best rows and, with repeats, 4 bytes a trial. */
#ifndef XT_APP_RANKING_H
#define XT_APP_RANKING_H

#include "base/err.h"
#include "base/strings.h"

#include <stdint.h>

enum {
    XT_RANKED = 10,         /* trials, or combinations */
    XT_ALL_CONVERGENCE = 50 /* so many combinations are all printed */
};

typedef enum xt_trial_end {
    XT_TRIAL_ENDED,
    XT_TRIAL_REACHED, /* its target: stop_when ended it */
    XT_TRIAL_FAILED   /* it has no rank */
} xt_trial_end;

/* What the rows are. Column 0 is the trial's number. */
typedef struct xt_ranked_rows {
    const char *const *columns; /* the caller's */
    size_t n_columns;
    size_t value, status, epochs; /* columns: what is ranked by, how the trial ended, how many epochs it took */
    bool gain;                    /* more of the value is better */
    uint64_t n_trials;            /* of the sweep; rows of later ones are passed over */
    uint64_t repeats;             /* trials that follow each other are of one combination; 1: there are no repeats */
    xt_trial_end (*judge)(const char *status);
} xt_ranked_rows;

typedef struct xt_ranked {
    uint64_t trial;
    double value;
    xt_buf cells;
} xt_ranked;

typedef struct xt_ranking {
    xt_ranked_rows rows;
    xt_ranked best[XT_RANKED]; /* the best first; of equal ones the earlier trial */
    size_t n_best;
    uint64_t n_done, n_failed;  /* trials that have a row; those of them that failed */
    uint32_t *epochs, *some;    /* with repeats: of each trial, and room for those of a combination */
} xt_ranking;

/* Of one combination. The epochs are of those that reached the target: the smallest number that so many percent of them
 * did not exceed (nearest rank), 0 where none did. */
typedef struct xt_convergence {
    uint64_t combination;
    uint64_t reached, of; /* its trials that reached the target, and all that have a row */
    uint32_t p10, p50, p90;
} xt_convergence;

/* Appends to cells what combination number `combination` has in the columns between its number and `reached`. */
typedef void xt_combination_cells(const void *context, uint64_t combination, xt_strings *cells);

/* columns must outlive out. */
xt_status xt_ranking_init(xt_ranking *out, const xt_ranked_rows *rows, xt_err *err);
/* Takes a row; context is the ranking: a visit of xt_trials_open. Values that are not finite have no rank. */
xt_status xt_ranking_visit(void *context, uint64_t trial, const char *cells, xt_err *err);
/* Takes rows as xt_trials_add does. */
xt_status xt_ranking_add(xt_ranking *ranking, const xt_strings *rows, xt_err *err);
/* Frees. */
void xt_ranking_clear(xt_ranking *ranking);

/* Of a sweep with repeats. */
void xt_ranking_convergence(const xt_ranking *ranking, uint64_t combination, xt_convergence *out);

/* Appends the best trials as a table of all columns; nothing where none has a rank. */
void xt_ranking_print(const xt_ranking *ranking, xt_buf *out);
/* Appends a table of the combinations: combination, the n_keys columns that `print` (with its context) has cells for,
 * reached, of, p10, p50, p90. All of them in their order, or of more than XT_ALL_CONVERGENCE those XT_RANKED that
 * reached the target most often, and of equal ones soonest (p50), with a line that says so. */
void xt_ranking_print_convergence(const xt_ranking *ranking, const char *const *keys, size_t n_keys,
                                  xt_combination_cells *print, const void *context, xt_buf *out);

#endif
