/* outdir.h: the directory of a run: made, locked, its files replaced.
 *
 * What a run needs at its start is staged under temporary names, and put into
 * place when nothing can fail any more: a start that fails leaves the files of
 * the run before as they were. */
#ifndef XT_APP_OUTDIR_H
#define XT_APP_OUTDIR_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

enum { XT_MAX_STAGED = 4 };

typedef struct xt_outdir {
    int fd;           /* of the directory, which holds the lock; -1: closed */
    const char *path; /* the caller's */
    struct {
        const char *name; /* the caller's */
        xt_buf temp;      /* what will have that name is called so now */
    } staged[XT_MAX_STAGED];
    size_t n_staged;
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

/* Replaces a file in it in one step, its bytes synced; xt_outdir_sync makes it last. */
xt_status xt_outdir_replace(const xt_outdir *dir, const char *name, const void *bytes, size_t n_bytes, xt_err *err);
/* Whether there is a file of this name. */
bool xt_outdir_has(const xt_outdir *dir, const char *name);
/* Gives a file in it another name; *moved says whether there was one. A
 * directory of that name is an error. */
xt_status xt_outdir_rename(const xt_outdir *dir, const char *from, const char *to, bool *moved, xt_err *err);
/* Makes what was replaced, renamed and removed last. */
xt_status xt_outdir_sync(const xt_outdir *dir, xt_err *err);
/* Removes a file in it; none there is fine. */
xt_status xt_outdir_remove(const xt_outdir *dir, const char *name, xt_err *err);

#endif
