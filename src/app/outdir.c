#include "app/outdir.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

xt_status xt_outdir_open(const char *path, xt_outdir *out, xt_err *err)
{
    xt_status status = xt_make_dirs(path, err);
    if (status)
        return status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return xt_fail_errno(err, "cannot open the output directory %s", path);
    /* The kernel drops the lock with the process, however that ends. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            status = xt_fail(err, XT_FAILED, "%s: another run is writing there; give this one its own output.dir", path);
        else
            status = xt_fail_errno(err, "cannot lock the output directory %s", path);
        close(fd);
        return status;
    }
    *out = (xt_outdir){fd, path};
    return XT_OK;
}

void xt_outdir_close(xt_outdir *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
}

void xt_outdir_file(const xt_outdir *dir, const char *name, xt_buf *out)
{
    size_t n = strlen(dir->path);
    xt_buf_printf(out, "%s%s%s", dir->path, n && dir->path[n - 1] == '/' ? "" : "/", name);
}

xt_status xt_outdir_replace(const xt_outdir *dir, const char *name, const void *bytes, size_t n_bytes, xt_err *err)
{
    xt_buf path = {0};
    xt_outdir_file(dir, name, &path);
    xt_status status = path.failed ? xt_fail_memory(err, name, 0) : xt_file_replace(path.data, bytes, n_bytes, err);
    xt_buf_clear(&path);
    return status;
}

xt_status xt_outdir_remove(const xt_outdir *dir, const char *name, xt_err *err)
{
    if (unlinkat(dir->fd, name, 0) != 0 && errno != ENOENT)
        return xt_fail_errno(err, "cannot remove %s/%s", dir->path, name);
    return XT_OK;
}
