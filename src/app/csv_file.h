/* csv_file.h: a CSV file to which many processes add rows at once.
 *
 * Whoever reads or changes the file holds a lock on it meanwhile (flock, which the kernel drops however a process
 * ends). Rows at its end are one write. Anything else is written to a new file that takes the old one's place in one
 * step (xt_file_replace) while the old one is locked: who waited for that lock finds another file there, and locks it.
 *
 * RFC 4180, LF; lines that end in CR LF are taken as they are. */
#ifndef XT_APP_CSV_FILE_H
#define XT_APP_CSV_FILE_H

#include "base/err.h"
#include "base/strings.h"

/* What tells such files from others, and what is asked of their rows. */
typedef struct xt_csv_kind {
    const char *option; /* before the path where a file is refused: "--summary "; "" */
    const char *what;   /* "summary of runs" */
    const char *first;  /* the name of the first column */
    bool ragged;        /* rows may lack their last cells, and the last row its line end: others write such files too */
} xt_csv_kind;

/* Zero but for path, kind and fd: -1. */
typedef struct xt_csv_file {
    const char *path; /* the caller's */
    const xt_csv_kind *kind;
    int fd;             /* which holds the lock; -1: closed */
    bool is_new;        /* the file was made when it was opened */
    size_t n_bytes;     /* of the file */
    size_t end;         /* of them those of the header and of the rows that were read or appended */
    xt_buf text;        /* the header and the rows */
    size_t line;        /* of the next row, from 1 */
    bool unended;       /* the last row that was read, or the header, lacks its line end */
    xt_strings columns; /* of the header; none: the file is empty */
} xt_csv_file;

typedef struct xt_csv_record {
    const char *at, *end, *next; /* end: without its line end */
    size_t n_cells;
} xt_csv_record;

/* ---- text ---- */

/* Appends a cell, in quotes where it needs them. */
void xt_csv_put(const char *text, xt_buf *out);
/* The record at `at`, its cells added to `cells` unless that is NULL. False where it is none: its quotes do not close,
 * or something follows them. */
bool xt_csv_read(const char *at, const char *limit, xt_strings *cells, xt_csv_record *out);

/* ---- the file ---- */

/* Waits for the lock of the file that is at path now; sets n_bytes. A file that is open from before, and still there,
 * stays open with all that is known of it; else `end` is 0. Where there is no file it is made, if it is to be, or fd
 * stays -1. XT_BAD_USAGE: it is no regular file. XT_FAILED: it cannot be opened for writing. */
xt_status xt_csv_file_lock(xt_csv_file *file, bool make, xt_err *err);
/* Reads all of the locked file, and its header. XT_BAD_USAGE: it is none of its kind. */
xt_status xt_csv_file_read(xt_csv_file *file, xt_err *err);
/* The next row, its cells added to `cells` unless that is NULL; behind the last one row->at is NULL, and half a row
 * lies behind `end` where that is less than n_bytes. Valid until the file is unlocked or closed. XT_BAD_USAGE: it is no
 * row of such a file. */
xt_status xt_csv_file_next(xt_csv_file *file, xt_strings *cells, xt_csv_record *row, xt_err *err);
/* Takes away what lies behind `end`, with a warning. */
xt_status xt_csv_file_cut(xt_csv_file *file, xt_err *err);
/* Writes bytes at `end`, behind which nothing lies, and syncs them. After a failure the file is as it was. */
xt_status xt_csv_file_append(xt_csv_file *file, const void *bytes, size_t n_bytes, xt_err *err);
/* Lets others have it: the file stays open, and what is known of its length; its text goes. */
void xt_csv_file_unlock(xt_csv_file *file);
/* Frees, and unlocks; the file is as before it was locked. */
void xt_csv_file_close(xt_csv_file *file);

#endif
