/* summary.h: a table of many runs: a CSV file to which each appends its row.
 *
 * Many processes may append at once. Whoever reads or changes the file holds a
 * lock on it meanwhile (flock). A row in columns that are there is one write at
 * the end of the file. Columns that are not there yet are added at the right, with
 * empty cells in the rows before: the file is then written anew and put into the
 * old one's place in one step.
 *
 * RFC 4180, LF; lines that end in CR LF are taken as they are. This room knows
 * nothing of what the columns mean, but that a summary's first one is `run`. */
#ifndef XT_APP_SUMMARY_H
#define XT_APP_SUMMARY_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

typedef struct xt_summary_cell {
    const char *column, *text; /* the arena's */
} xt_summary_cell;

/* A row to be, zero-initialised: its cells in the order in which a new file has
 * their columns. The first is to be `run`. */
typedef struct xt_summary_row {
    xt_arena arena;
    xt_summary_cell *cells;
    size_t n, room;
    bool failed; /* there was no memory for one of them; append says so */
} xt_summary_row;

/* Adds a cell, or changes the text of the one in that column. Copies both. */
void xt_summary_set(xt_summary_row *row, const char *column, const char *text);
/* The text in a column; NULL where the row has no such cell. */
const char *xt_summary_get(const xt_summary_row *row, const char *column);
/* Frees; the row is as new. */
void xt_summary_clear(xt_summary_row *row);

/* Whether rows can be appended to the file at path. Where there is none it is made,
 * if it is to be, and stays empty until the first. XT_BAD_USAGE: it is no regular
 * file, no summary, what standard output or error goes to, or one of `others`
 * (n_others paths, "-" standard input; those that do not exist are passed over),
 * which the run reads or writes itself; it is not made then. XT_FAILED: it cannot be
 * opened for writing. */
xt_status xt_summary_check(const char *path, bool make, const char *const *others, size_t n_others, xt_err *err);

/* Appends the row, waiting for others to finish with the file; when it returns
 * XT_OK the row is on the disk. After any failure the rows that were there still
 * are, and no half one. A half row at the end, as a crash of the machine may leave
 * it, is removed with a warning; a whole one that only lacks its line end gets that.
 * XT_BAD_USAGE: the file has become none that rows can be appended to. */
xt_status xt_summary_append(const char *path, const xt_summary_row *row, xt_err *err);

#endif
