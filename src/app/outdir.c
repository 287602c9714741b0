#include "app/outdir.h"

#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Temporary files that killed runs left; the lock says that nobody else's are here. */
static void remove_leftovers(int fd)
{
    static const char *const names[] = {"loss.csv", "run.json", "config.yaml", "model.safetensors"};
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            size_t n = strlen(names[i]);
            if (strncmp(entry->d_name, names[i], n) == 0 && strncmp(entry->d_name + n, ".tmp.", 5) == 0)
                unlinkat(fd, entry->d_name, 0);
        }
    if (entries)
        closedir(entries);
    else if (copy >= 0)
        close(copy);
}

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
    remove_leftovers(fd);
    *out = (xt_outdir){.fd = fd, .path = path};
    return XT_OK;
}

void xt_outdir_close(xt_outdir *dir)
{
    for (size_t i = 0; i < dir->n_staged; i++) {
        unlinkat(dir->fd, xt_buf_text(&dir->staged[i].temp), 0);
        xt_buf_clear(&dir->staged[i].temp);
    }
    dir->n_staged = 0;
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
}

void xt_outdir_file(const xt_outdir *dir, const char *name, xt_buf *out)
{
    size_t n = strlen(dir->path);
    xt_buf_printf(out, "%s%s%s", dir->path, n && dir->path[n - 1] == '/' ? "" : "/", name);
}

static bool is_directory(const xt_outdir *dir, const char *name)
{
    struct stat info;
    return fstatat(dir->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

bool xt_outdir_has(const xt_outdir *dir, const char *name)
{
    struct stat info;
    return fstatat(dir->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

xt_status xt_outdir_stage(xt_outdir *dir, const char *name, const void *bytes, size_t n_bytes, int *fd, xt_err *err)
{
    assert(dir->n_staged < XT_MAX_STAGED);
    xt_buf path = {0}, *temp = &dir->staged[dir->n_staged].temp;
    int file = -1;
    xt_status status = XT_OK;
    xt_outdir_file(dir, name, &path);
    if (path.failed)
        status = xt_fail_memory(err, name, 0);
    else if (is_directory(dir, name))
        status = xt_fail(err, XT_FAILED, "cannot replace %s: it is a directory", path.data);
    else
        status = xt_temp_open(dir->fd, name, path.data, temp, &file, err);
    if (file >= 0) {
        dir->staged[dir->n_staged++].name = name;
        status = xt_write_all(file, path.data, bytes, n_bytes, err);
    }
    if (!status && fd)
        *fd = file;
    else if (file >= 0 && close(file) != 0 && !status)
        status = xt_fail_errno(err, "cannot close %s", path.data);
    if (file < 0)
        xt_buf_clear(temp);
    xt_buf_clear(&path);
    return status;
}

xt_status xt_outdir_commit(xt_outdir *dir, xt_err *err)
{
    while (dir->n_staged) {
        size_t last = dir->n_staged - 1;
        if (renameat(dir->fd, dir->staged[last].temp.data, dir->fd, dir->staged[last].name) != 0)
            return xt_fail_errno(err, "cannot replace %s/%s", dir->path, dir->staged[last].name);
        xt_buf_clear(&dir->staged[last].temp);
        dir->n_staged = last;
    }
    return XT_OK;
}

xt_status xt_outdir_rename(const xt_outdir *dir, const char *from, const char *to, bool *moved, xt_err *err)
{
    *moved = false;
    if (is_directory(dir, from))
        return xt_fail(err, XT_FAILED, "cannot replace %s/%s: it is a directory", dir->path, from);
    *moved = renameat(dir->fd, from, dir->fd, to) == 0;
    if (!*moved && errno != ENOENT)
        return xt_fail_errno(err, "cannot rename %s/%s to %s", dir->path, from, to);
    return XT_OK;
}

xt_status xt_outdir_replace(const xt_outdir *dir, const char *name, const void *bytes, size_t n_bytes, xt_err *err)
{
    xt_buf path = {0};
    xt_outdir_file(dir, name, &path);
    xt_status status = path.failed ? xt_fail_memory(err, name, 0) : xt_file_replace_at(dir->fd, name, path.data, bytes, n_bytes, err);
    xt_buf_clear(&path);
    return status;
}

xt_status xt_outdir_sync(const xt_outdir *dir, xt_err *err)
{
    return xt_dir_sync(dir->fd, dir->path, err);
}

xt_status xt_outdir_remove(const xt_outdir *dir, const char *name, xt_err *err)
{
    if (unlinkat(dir->fd, name, 0) != 0 && errno != ENOENT)
        return xt_fail_errno(err, "cannot remove %s/%s", dir->path, name);
    return XT_OK;
}
