/* file.h: files, whole and safely.
 *
 * Every message names the path and what the system said. Paths are bytes, as
 * the system has them. */
#ifndef XT_BASE_FILE_H
#define XT_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <signal.h>

/* Appends the file's bytes (path "-": standard input) to out. A file over
 * max_bytes is refused with `over` as the status; other failures are
 * XT_FAILED. */
xt_status xt_file_read(const char *path, size_t max_bytes, xt_status over, xt_buf *out, xt_err *err);

/* Writes all bytes to fd, over short writes and EINTR. name is for messages. */
xt_status xt_write_all(int fd, const char *name, const void *bytes, size_t n_bytes, xt_err *err);

/* As xt_write_all, but when the reader keeps it waiting and *stop is set it gives
 * up what is left and returns XT_OK. stop may be NULL. */
xt_status xt_write_unless(int fd, const char *name, const void *bytes, size_t n_bytes, const volatile sig_atomic_t *stop,
                          xt_err *err);

/* Creates and opens a new file in an open directory that nobody else has, for
 * what will be renamed to name; its own name goes to temp. Messages say `shown`. */
xt_status xt_temp_open(int dir, const char *name, const char *shown, xt_buf *temp, int *fd, xt_err *err);

/* Bytes somewhere in memory: a file is written from several of them without a copy that holds them all. */
typedef struct xt_span {
    const void *at;
    size_t n;
} xt_span;

/* Replaces path in one step: a temporary file beside it, fsync, rename, fsync
 * of the directory. On failure the old file is as it was and no temporary
 * file is left. The new file has the old one's permissions. A link is followed; a device or a pipe (/dev/null,
 * /dev/stdout) is written to as it is. */
xt_status xt_file_replace(const char *path, const void *bytes, size_t n_bytes, xt_err *err);

/* The same for a name in an open directory, which may have been renamed since,
 * but the directory is left to xt_dir_sync: a crash before that may bring the
 * old file back. A link is replaced. older NULL: the old file goes; else it has that name afterwards, and for a
 * moment there is none called `name`. Messages say `shown`. */
xt_status xt_file_replace_at(int dir, const char *name, const char *older, const char *shown, const xt_span *spans,
                             size_t n_spans, xt_err *err);

/* Makes what was created, renamed and removed in an open directory last. */
xt_status xt_dir_sync(int dir, const char *shown, xt_err *err);

/* Creates a directory and its parents (mode 0777 less umask). Existing is fine. */
xt_status xt_make_dirs(const char *path, xt_err *err);
/* The same with mode 0700, for what is no business of others. */
xt_status xt_make_private_dirs(const char *path, xt_err *err);

/* Appends path, taken relative to the directory that holds `beside` unless it
 * is absolute or beside is NULL. */
void xt_path_beside(const char *beside, const char *path, xt_buf *out);

#endif
