#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

xt_status xt_file_read(const char *path, size_t max_bytes, xt_status over, xt_buf *out, xt_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return xt_fail_errno(err, "cannot open %s", name);
    xt_status status = XT_OK;
    size_t total = 0;
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            status = xt_fail_errno(err, "cannot read %s", name);
            break;
        }
        if (n == 0)
            break;
        if ((size_t)n > max_bytes - total) {
            status = xt_fail(err, over, "%s: larger than the limit of %zu bytes", name, max_bytes);
            break;
        }
        total += (size_t)n;
        xt_buf_add(out, chunk, (size_t)n);
        if (out->failed) {
            status = xt_fail_memory(err, name, total);
            break;
        }
    }
    if (!is_stdin)
        close(fd);
    return status;
}

xt_status xt_write_all(int fd, const char *name, const void *bytes, size_t n_bytes, xt_err *err)
{
    return xt_write_unless(fd, name, bytes, n_bytes, NULL, err);
}

/* Whether fd takes bytes now; false when *stop says to wait no longer. An error
 * is left for write to find. */
static bool wait_writable(int fd, const volatile sig_atomic_t *stop)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    for (;;) {
        int n = poll(&poll_fd, 1, stop ? 100 : -1);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
        if (stop && *stop)
            return false;
    }
}

xt_status xt_write_unless(int fd, const char *name, const void *bytes, size_t n_bytes, const volatile sig_atomic_t *stop,
                          xt_err *err)
{
    const char *at = bytes;
    while (n_bytes) {
        if (stop && !wait_writable(fd, stop))
            return XT_OK;
        /* A pipe that poll calls writable takes PIPE_BUF bytes without blocking. */
        ssize_t n = write(fd, at, stop && n_bytes > PIPE_BUF ? PIPE_BUF : n_bytes);
        if (n < 0 && errno == EAGAIN && wait_writable(fd, stop))
            continue;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return xt_fail_errno(err, "cannot write %s", name);
        at += n;
        n_bytes -= (size_t)n;
    }
    return XT_OK;
}

/* The directory part of path: "." when it has none; *name is the rest. */
static void parent_of(const char *path, xt_buf *out, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!slash)
        xt_buf_puts(out, ".");
    else
        xt_buf_add(out, path, slash == path ? 1 : (size_t)(slash - path));
}

/* A device or a pipe has no old contents to keep. */
static xt_status write_through(const char *path, const void *bytes, size_t n_bytes, xt_err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return xt_fail_errno(err, "cannot open %s", path);
    xt_status status = xt_write_all(fd, path, bytes, n_bytes, err);
    if (close(fd) != 0 && !status)
        status = xt_fail_errno(err, "cannot close %s", path);
    return status;
}

xt_status xt_temp_open(int dir, const char *name, const char *shown, xt_buf *temp, int *fd, xt_err *err)
{
    /* Others may write this directory too: a name that is taken, by a file or
     * by a link laid for us, is passed over, never opened. */
    for (unsigned i = 0; i < 100; i++) {
        xt_buf_reset(temp);
        xt_buf_printf(temp, "%s.tmp.%ld.%u", name, (long)getpid(), i);
        if (temp->failed)
            return xt_fail_memory(err, shown, 0);
        *fd = openat(dir, temp->data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (*fd >= 0)
            return XT_OK;
        if (errno != EEXIST)
            break;
    }
    return xt_fail_errno(err, "cannot create %s", shown);
}

/* Who may read and write the old file may the new one, as far as the file system
 * knows such things. */
static void keep_mode(int dir, const char *name, int fd)
{
    struct stat old;
    int kept = fstatat(dir, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode)
                   ? fchmod(fd, old.st_mode & 0777)
                   : 0;
    (void)kept;
}

/* What was called so is as before when the new file cannot be. */
static xt_status put_in_place(int dir, const char *temp, const char *name, const char *older, const char *shown,
                              xt_err *err)
{
    bool moved = older && renameat(dir, name, dir, older) == 0;
    if (older && !moved && errno != ENOENT)
        return xt_fail_errno(err, "cannot rename %s to %s", shown, older);
    if (renameat(dir, temp, dir, name) == 0)
        return XT_OK;
    xt_status status = xt_fail_errno(err, "cannot replace %s", shown);
    if (moved)
        renameat(dir, older, dir, name);
    return status;
}

xt_status xt_file_replace_at(int dir, const char *name, const char *older, const char *shown, const xt_span *spans,
                             size_t n_spans, xt_err *err)
{
    int fd = -1;
    xt_buf temp = {0};
    xt_status status = xt_temp_open(dir, name, shown, &temp, &fd, err);
    bool made = !status;
    for (size_t i = 0; !status && i < n_spans; i++)
        status = xt_write_all(fd, shown, spans[i].at, spans[i].n, err);
    if (!status && fsync(fd) != 0)
        status = xt_fail_errno(err, "cannot sync %s", shown);
    if (made)
        keep_mode(dir, name, fd);
    if (made && close(fd) != 0 && !status)
        status = xt_fail_errno(err, "cannot close %s", shown);
    if (!status)
        status = put_in_place(dir, temp.data, name, older, shown, err);
    if (made && status)
        unlinkat(dir, temp.data, 0);
    xt_buf_clear(&temp);
    return status;
}

xt_status xt_dir_sync(int dir, const char *shown, xt_err *err)
{
    /* Some file systems cannot sync a directory and say EINVAL: nothing more can be done there. */
    if (fsync(dir) != 0 && errno != EINVAL)
        return xt_fail_errno(err, "cannot sync the directory %s", shown);
    return XT_OK;
}

static xt_status replace_file(const char *path, const void *bytes, size_t n_bytes, xt_err *err)
{
    const char *name;
    xt_buf parent = {0};
    parent_of(path, &parent, &name);
    if (parent.failed)
        return xt_fail_memory(err, path, 0);
    int dir = open(parent.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    xt_status status = dir < 0 ? xt_fail_errno(err, "cannot create %s", path)
                               : xt_file_replace_at(dir, name, NULL, path, &(xt_span){bytes, n_bytes}, 1, err);
    if (!status)
        status = xt_dir_sync(dir, parent.data, err);
    if (dir >= 0)
        close(dir);
    xt_buf_clear(&parent);
    return status;
}

xt_status xt_file_replace(const char *path, const void *bytes, size_t n_bytes, xt_err *err)
{
    struct stat info;
    /* A link stays one: what it leads to is replaced. */
    char *target = lstat(path, &info) == 0 && S_ISLNK(info.st_mode) ? realpath(path, NULL) : NULL;
    const char *at = target ? target : path;
    bool through = stat(at, &info) == 0 && !S_ISREG(info.st_mode);
    xt_status status = through ? write_through(at, bytes, n_bytes, err) : replace_file(at, bytes, n_bytes, err);
    free(target);
    return status;
}

static xt_status make_dirs(const char *path, mode_t mode, xt_err *err)
{
    char *copy = strdup(path);
    if (!copy)
        return xt_fail_memory(err, path, strlen(path) + 1);
    xt_status status = XT_OK;
    for (char *at = copy; !status && *at;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char end = *at;
        *at = '\0';
        if (*copy && mkdir(copy, mode) != 0 && errno != EEXIST)
            status = xt_fail_errno(err, "cannot create directory %s", copy);
        *at = end;
    }
    struct stat info;
    if (!status && stat(path, &info) != 0)
        status = xt_fail_errno(err, "cannot create directory %s", path);
    else if (!status && !S_ISDIR(info.st_mode))
        status = xt_fail(err, XT_FAILED, "cannot create directory %s: a file of that name exists", path);
    free(copy);
    return status;
}

xt_status xt_make_dirs(const char *path, xt_err *err)
{
    return make_dirs(path, 0777, err);
}

xt_status xt_make_private_dirs(const char *path, xt_err *err)
{
    return make_dirs(path, 0700, err);
}

void xt_path_beside(const char *beside, const char *path, xt_buf *out)
{
    const char *slash = beside && path[0] != '/' ? strrchr(beside, '/') : NULL;
    if (slash)
        xt_buf_add(out, beside, (size_t)(slash - beside) + 1);
    xt_buf_puts(out, path);
}
