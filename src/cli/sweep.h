/* sweep.h: the sweep command: what its files share. sweep.c opens it and picks what is done, sweep_here.c trains in this
 * process, sweep_shell.c hands trials out, sweep_rows.c makes their rows. */
#ifndef XT_CLI_SWEEP_H
#define XT_CLI_SWEEP_H

#include "app/ranking.h"
#include "app/sweep.h"
#include "app/trials.h"
#include "cli/commands.h"
#include "config/space.h"

typedef struct xt_search {
    const xt_options *options;
    xt_config *config; /* without a trial's values over it */
    const xt_spec *spec;
    xt_space *space;
    xt_buf path;       /* of trials.csv */
    xt_trials_done done; /* trials that have rows there, with --resume */
    xt_arena arena;    /* of columns */
    const char **columns; /* n_columns names of trials.csv */
    size_t n_columns;
    size_t n_jobs;     /* of --jobs; 0: this process */
    xt_ranked_rows ranked; /* these columns, and what trials are compared by */
} xt_search;

/* trials.csv, a new one, or the one that is there where trials go on or are handed out; visit is shown the rows that it
 * has, and `done` says which these are. */
xt_status xt_search_open_trials(xt_search *search, xt_trials_visit *visit, void *visitor, xt_trials *out, xt_err *err);
/* Whether a trial has no row yet. */
bool xt_search_wants(const xt_search *search, uint64_t number);
/* Trains a trial as `train` does it, into the directory `name` of the sweep's, NULL: the one that its configuration says. Its cells go to row where that is not
 * NULL and it came to its end. */
xt_status xt_search_train(const xt_search *search, const char *name, uint64_t number, xt_strings *row, xt_err *err);

/* Trains all trials, in this process or in others, and tells what came of them. */
xt_status xt_search_here(xt_search *search, xt_err *err);

/* ---- rows ---- */

/* The columns of trials.csv: trial, the swept keys, seed, status, epochs, what is measured, best_epoch, the same at its
 * best, seconds. */
xt_status xt_search_columns(xt_search *search, xt_err *err);
/* Adds a trial's cells of its number, its keys and its seed; trial NULL: it is not open. */
void xt_search_key_cells(const xt_search *search, uint64_t number, const xt_trial *trial, xt_strings *row);
/* Adds a trial's cells, n_columns of them; trial NULL: it could not be opened. */
void xt_search_cells(const xt_search *search, uint64_t number, const xt_trial *trial, const xt_trial_result *result,
                     xt_strings *row);

/* ---- handed out ---- */

xt_status xt_search_count(const xt_search *search, xt_err *err);
xt_status xt_search_list(const xt_search *search, xt_err *err);
xt_status xt_search_emit(const xt_search *search, xt_err *err);
/* The number of --index, its own or its environment's. */
xt_status xt_search_number(const xt_search *search, uint64_t *out, xt_err *err);
/* Reads --jobs: before anything of an earlier sweep is replaced. */
xt_status xt_search_jobs(xt_search *search, xt_err *err);
/* All of them, in so many processes at a time. */
xt_status xt_search_hand_out(const xt_search *search, xt_err *err);

#endif
