/* trials.h: trials.csv, the table of a sweep: a row a trial, in their order, whatever the order in which they end.
 *
 * Many processes may add rows at once, each through a table that it opened itself (not across a fork). Rows that follow
 * all others are one write at the file's end; others take a new file that is put into the old one's place. So a row is
 * whole or not there, however a process ends. Half a row at the end is removed with a warning, and so is a whole one
 * without its line end: its last number may have been longer.
 *
 * The columns are fixed by the header. This room knows nothing of what they mean, but that the first is `trial`: a
 * whole number. A row is as many texts, one behind the other, each with its NUL. */
#ifndef XT_APP_TRIALS_H
#define XT_APP_TRIALS_H

#include "app/csv_file.h"

#include <stdint.h>

/* An open table; zero but for file.fd, -1, it is closed. */
typedef struct xt_trials {
    xt_csv_file file;
    const char *const *columns; /* the caller's, and so is the path */
    size_t n_columns;
    uint64_t next;              /* rows of trials from here on follow all those of the file as it was left */
} xt_trials;

/* The trials that have rows, in their order. */
typedef struct xt_trials_done {
    uint64_t *at;
    size_t n;
} xt_trials_done;

/* What is to be done with a row; cells[0] is the number's text. */
typedef xt_status xt_trials_visit(void *context, uint64_t trial, const char *cells, xt_err *err);

/* A new table without rows: one that an earlier sweep left at path, of whatever columns, is replaced. path and columns
 * must outlive out. XT_BAD_USAGE: there is something else at path. XT_FAILED: it cannot be written. */
xt_status xt_trials_begin(const char *path, const char *const *columns, size_t n_columns, xt_trials *out, xt_err *err);
/* The table that is at path, a new one where there is none. With `done` and `visit` (NULL: not wanted) says what it
 * holds: each trial once, in their order. XT_BAD_USAGE also where it has other columns, or what is no row; *done and
 * *out are untouched then. */
xt_status xt_trials_open(const char *path, const char *const *columns, size_t n_columns, xt_trials_done *done,
                         xt_trials_visit *visit, void *context, xt_trials *out, xt_err *err);
/* Adds rows in any order, waiting for others to finish with the file; when it returns XT_OK they are on the disk. The
 * row of a trial that has one takes its place, and so does the later one of two. After a failure those that were there
 * still are, and none of these. What has become of the file since it was opened is looked at again: errors as above. */
xt_status xt_trials_add(xt_trials *trials, const xt_strings *rows, xt_err *err);
void xt_trials_close(xt_trials *trials);

bool xt_trials_has(const xt_trials_done *done, uint64_t trial);
/* Frees. */
void xt_trials_done_clear(xt_trials_done *done);

#endif
