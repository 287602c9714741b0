/* outdir.h: the directory of a run: made, locked, its files replaced. */
#ifndef XT_APP_OUTDIR_H
#define XT_APP_OUTDIR_H

#include "base/buf.h"
#include "base/err.h"

typedef struct xt_outdir {
    int fd;           /* of the directory, which holds the lock; -1: closed */
    const char *path; /* the caller's */
} xt_outdir;

/* Makes the directory and takes its lock: a second process is refused. path
 * must outlive out. */
xt_status xt_outdir_open(const char *path, xt_outdir *out, xt_err *err);
void xt_outdir_close(xt_outdir *dir);

/* Appends the path of a file in it. */
void xt_outdir_file(const xt_outdir *dir, const char *name, xt_buf *out);
/* Replaces a file in it in one step. */
xt_status xt_outdir_replace(const xt_outdir *dir, const char *name, const void *bytes, size_t n_bytes, xt_err *err);
/* Removes a file in it; none there is fine. */
xt_status xt_outdir_remove(const xt_outdir *dir, const char *name, xt_err *err);

#endif
