/* outdir.h: the directory of a run: made, locked, its files replaced.
 *
 * What a run needs at its start is staged under temporary names, and put into
 * place when nothing can fail any more: a start that fails leaves the files of
 * the run before as they were. What that left to be used or resumed goes to a directory
 * `before` in it until it is no longer needed. */
#ifndef XT_APP_OUTDIR_H
#define XT_APP_OUTDIR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

#include <stdbool.h>
#include <stdint.h>

enum { XT_MAX_STAGED = 4, XT_N_RUN_FILES = 7 };

/* The files that a run owns in its directory. */
extern const char *const xt_run_files[XT_N_RUN_FILES];

typedef struct xt_outdir {
    int fd;           /* of the directory, which holds the lock; -1: closed */
    const char *path; /* the caller's */
    struct {
        const char *name; /* the caller's */
        xt_buf temp;      /* what will have that name is called so now */
    } staged[XT_MAX_STAGED];
    size_t n_staged;
    xt_buf reserve; /* what the file that keeps room for run.json is called; "": there is none */
    int reserve_fd; /* where there is one */
} xt_outdir;

/* Makes the directory and takes its lock: a second process is refused. path
 * must outlive out. */
xt_status xt_outdir_open(const char *path, xt_outdir *out, xt_err *err);
/* Removes what is staged and was not put into place. */
void xt_outdir_close(xt_outdir *dir);

/* Appends the path of a file in it. */
void xt_outdir_file(const xt_outdir *dir, const char *name, xt_buf *out);

/* Writes bytes to a temporary file that is to become `name`. fd NULL: closed; else
 * the open file goes to *fd, which the caller closes. Nothing is synced: with a
 * crash of the machine the run is lost, and what a killed process has written is not. */
xt_status xt_outdir_stage(xt_outdir *dir, const char *name, const void *bytes, size_t n_bytes, int *fd, xt_err *err);
/* Puts everything staged into place, the last one first. */
xt_status xt_outdir_commit(xt_outdir *dir, xt_err *err);

/* Keeps room for a run.json of so many bytes and some more, so that on a disk that has filled up it can still be told
 * how the run ended: in a temporary file, which xt_outdir_use_reserve writes, syncs and puts into run.json's place. */
xt_status xt_outdir_reserve(xt_outdir *dir, size_t n_bytes, xt_err *err);
xt_status xt_outdir_use_reserve(xt_outdir *dir, const void *bytes, size_t n_bytes, xt_err *err);

/* Replaces a file in it in one step, its bytes synced; xt_outdir_sync makes it last. older: what the file there was
 * is called then; NULL: it goes. */
xt_status xt_outdir_replace(const xt_outdir *dir, const char *name, const char *older, const xt_span *spans,
                            size_t n_spans, xt_err *err);
/* Whether there is a file of this name, or may be one: only what is surely not there is taken for missing. */
bool xt_outdir_has(const xt_outdir *dir, const char *name);
/* Makes what was replaced, renamed and removed last. */
xt_status xt_outdir_sync(const xt_outdir *dir, xt_err *err);

/* Where there is a model or a checkpoint, moves all of xt_run_files to the directory `before` (what an earlier run left
 * there goes) and sets *moved. On failure they are back. */
xt_status xt_outdir_set_aside(const xt_outdir *dir, bool *moved, xt_err *err);
/* Undoes that after it was done: they are where they were, in place of what this run has put there. */
void xt_outdir_take_back(const xt_outdir *dir);
/* Removes them, and `before` with them; none there is fine. */
xt_status xt_outdir_forget(const xt_outdir *dir, xt_err *err);
/* Bytes that the run's files take, and those that the file system has left for us; UINT64_MAX where it does not say. */
uint64_t xt_outdir_taken(const xt_outdir *dir);
uint64_t xt_outdir_left(const xt_outdir *dir);

#endif
