/* curves.h: curves.csv, the losses of every epoch of the trials of a sweep that somebody wants to see. */
#ifndef XT_CLI_CURVES_H
#define XT_CLI_CURVES_H

#include "app/outdir.h"
#include "app/rows.h"
#include "app/trials.h"

typedef struct xt_curves {
    bool wanted, all;
    uint64_t *chosen; /* n_chosen numbers of trials */
    size_t n_chosen;
    size_t n_best;    /* of those that turn out to be the best */
    int fd;           /* of the file; -1: closed */
    xt_buf path, rows;
    char columns[XT_MAX_ROW_COLUMNS][XT_ROW_COLUMN_BYTES]; /* epoch, loss, ...: n_columns of them, behind trial */
    size_t n_columns;
} xt_curves;

/* which: "all", "best:K", or numbers of trials, less than n_trials; NULL: none. XT_BAD_USAGE says what it is instead. */
xt_status xt_curves_init(xt_curves *curves, const char *which, uint64_t n_trials, xt_err *err);
/* Opens the file in dir, whose columns are those of spec's loss.csv without learning_rate, step and seconds. done: NULL
 * begins it anew; else it goes on with the rows of the trials that are done. */
xt_status xt_curves_open(xt_curves *curves, const xt_outdir *dir, const xt_spec *spec, const xt_trials_done *done, xt_err *err);
/* Whether a trial's rows are to be added while it trains, and how many trials' when all have trained. */
bool xt_curves_has(const xt_curves *curves, uint64_t trial);
size_t xt_curves_n_best(const xt_curves *curves);
/* Adds rows of a trial: n_bytes of whole lines of its loss.csv, whose columns follow from its spec. */
xt_status xt_curves_add(xt_curves *curves, uint64_t trial, const xt_spec *spec, const char *rows, size_t n_bytes, xt_err *err);
/* Syncs and closes the file, and frees; a second time does nothing. */
xt_status xt_curves_close(xt_curves *curves, xt_err *err);

#endif
