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
#include <sys/statvfs.h>
#include <unistd.h>

const char *const xt_run_files[XT_N_RUN_FILES] = {"loss.csv",         "run.json",           "config.yaml",
                                                 "model.safetensors", "last.safetensors", "previous.safetensors",
                                                 "best.safetensors"};
/* Those that a run is worth being kept for. */
static const char *const treasures[] = {"model.safetensors", "last.safetensors", "previous.safetensors",
                                        "best.safetensors"};
enum { N_TREASURES = sizeof treasures / sizeof *treasures };

static const char aside[] = "before", gathering[] = "before.tmp";

static bool is_directory(const xt_outdir *dir, const char *name);
static void release(xt_outdir *dir);
static void ungather(const xt_outdir *dir);

/* Temporary files that killed runs left; the lock says that nobody else's are here. */
static void remove_leftovers(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        for (size_t i = 0; i < XT_N_RUN_FILES; i++) {
            size_t n = strlen(xt_run_files[i]);
            if (strncmp(entry->d_name, xt_run_files[i], n) == 0 && strncmp(entry->d_name + n, ".tmp.", 5) == 0)
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
    ungather(out);
    for (size_t i = 0; !status && i < XT_N_RUN_FILES; i++)
        if (is_directory(out, xt_run_files[i]))
            status = xt_fail(err, XT_FAILED, "cannot replace %s/%s: it is a directory", path, xt_run_files[i]);
    if (status)
        xt_outdir_close(out);
    return status;
}

void xt_outdir_close(xt_outdir *dir)
{
    for (size_t i = 0; i < dir->n_staged; i++) {
        unlinkat(dir->fd, xt_buf_text(&dir->staged[i].temp), 0);
        xt_buf_clear(&dir->staged[i].temp);
    }
    dir->n_staged = 0;
    release(dir);
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
    return fstatat(dir->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
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

/* Gives the room free where it was not used. */
static void release(xt_outdir *dir)
{
    if (dir->reserve.len && dir->reserve_fd >= 0) {
        close(dir->reserve_fd);
        unlinkat(dir->fd, xt_buf_text(&dir->reserve), 0);
    }
    xt_buf_clear(&dir->reserve);
}

static const char record_name[] = "run.json";

xt_status xt_outdir_reserve(xt_outdir *dir, size_t n_bytes, xt_err *err)
{
    enum { MORE = 4096 };
    xt_buf path = {0};
    xt_outdir_file(dir, record_name, &path);
    xt_status status = path.failed ? xt_fail_memory(err, record_name, 0)
                                   : xt_temp_open(dir->fd, record_name, path.data, &dir->reserve, &dir->reserve_fd, err);
    if (!status) {
        errno = posix_fallocate(dir->reserve_fd, 0, (off_t)(n_bytes + MORE));
        /* Where a file system cannot do that, it is done without. */
        if (errno == ENOSPC || errno == EFBIG || errno == EDQUOT)
            status = xt_fail_errno(err, "cannot write %s", path.data);
    }
    xt_buf_clear(&path);
    return status;
}

xt_status xt_outdir_use_reserve(xt_outdir *dir, const void *bytes, size_t n_bytes, xt_err *err)
{
    xt_buf path = {0};
    xt_outdir_file(dir, record_name, &path);
    const char *shown = xt_buf_text(&path);
    int fd = dir->reserve_fd;
    xt_status status = path.failed ? xt_fail_memory(err, record_name, 0) : xt_write_all(fd, shown, bytes, n_bytes, err);
    if (!status && (ftruncate(fd, (off_t)n_bytes) != 0 || fsync(fd) != 0))
        status = xt_fail_errno(err, "cannot sync %s", shown);
    if (!status && renameat(dir->fd, xt_buf_text(&dir->reserve), dir->fd, record_name) != 0)
        status = xt_fail_errno(err, "cannot replace %s", shown);
    if (!status) {
        close(fd); /* synced: it can fail no more */
        xt_buf_clear(&dir->reserve);
    }
    release(dir);
    xt_buf_clear(&path);
    return status;
}

xt_status xt_outdir_replace(const xt_outdir *dir, const char *name, const char *older, const xt_span *spans,
                            size_t n_spans, xt_err *err)
{
    xt_buf path = {0};
    xt_outdir_file(dir, name, &path);
    xt_status status = path.failed ? xt_fail_memory(err, name, 0)
                                   : xt_file_replace_at(dir->fd, name, older, path.data, spans, n_spans, err);
    xt_buf_clear(&path);
    return status;
}

xt_status xt_outdir_sync(const xt_outdir *dir, xt_err *err)
{
    return xt_dir_sync(dir->fd, dir->path, err);
}

/* ---- the run before ---- */

/* A directory in it, made where it is missing and said so; -1 with errno. */
static int open_inside(const xt_outdir *dir, const char *name, bool make)
{
    if (make && mkdirat(dir->fd, name, 0777) != 0 && errno != EEXIST)
        return -1;
    return openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Moves the run's files from one directory to another; the name of one that cannot be to *name. */
static bool move_all(int from, int to, const char **name)
{
    for (size_t i = 0; i < XT_N_RUN_FILES; i++) {
        *name = xt_run_files[i];
        if (renameat(from, *name, to, *name) != 0 && errno != ENOENT)
            return false;
    }
    return true;
}

/* Removes the run's files in a directory of that name, and it; none there is fine. Somebody's own file may be in it
 * too: then it stays. */
static xt_status remove_inside(const xt_outdir *dir, const char *name, xt_err *err)
{
    int at = open_inside(dir, name, false);
    xt_status status = XT_OK;
    /* Somebody's own file or link of that name is none of ours. */
    if (at < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return XT_OK;
    if (at < 0)
        return xt_fail_errno(err, "cannot remove %s/%s", dir->path, name);
    for (size_t i = 0; !status && i < XT_N_RUN_FILES; i++)
        if (unlinkat(at, xt_run_files[i], 0) != 0 && errno != ENOENT)
            status = xt_fail_errno(err, "cannot remove %s/%s/%s", dir->path, name, xt_run_files[i]);
    close(at);
    if (!status)
        unlinkat(dir->fd, name, AT_REMOVEDIR);
    return status;
}

/* Moves back what was gathered when that was interrupted: no newer file is there yet. */
static void ungather(const xt_outdir *dir)
{
    const char *name;
    int from = open_inside(dir, gathering, false);
    if (from < 0)
        return;
    move_all(from, dir->fd, &name);
    close(from);
    unlinkat(dir->fd, gathering, AT_REMOVEDIR);
}

/* Where `before` holds somebody's own files it stays, and what was gathered goes beside them. */
static xt_status fill_aside(const xt_outdir *dir, xt_err *err)
{
    const char *name = gathering;
    int from = open_inside(dir, gathering, false), to = open_inside(dir, aside, false);
    xt_status status = from >= 0 && to >= 0 && move_all(from, to, &name)
                           ? XT_OK
                           : xt_fail_errno(err, "cannot move %s/%s to %s", dir->path, name, aside);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    if (!status)
        unlinkat(dir->fd, gathering, AT_REMOVEDIR);
    return status;
}

/* First everything into one directory, and then that into the place of the older one: whenever it is interrupted, the
 * files of one run are together, or the next process brings them together. */
static xt_status gather(const xt_outdir *dir, xt_err *err)
{
    const char *name = aside;
    int to = open_inside(dir, gathering, true);
    if (to < 0)
        return xt_fail_errno(err, "cannot create the directory %s/%s", dir->path, gathering);
    bool moved = move_all(dir->fd, to, &name);
    xt_status status = moved ? XT_OK : xt_fail_errno(err, "cannot move %s/%s to %s", dir->path, name, gathering);
    close(to);
    if (!status)
        status = remove_inside(dir, aside, err);
    if (status || renameat(dir->fd, gathering, dir->fd, aside) == 0)
        return status;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return xt_fail_errno(err, "cannot replace the directory %s/%s", dir->path, aside);
    return fill_aside(dir, err);
}

xt_status xt_outdir_set_aside(const xt_outdir *dir, bool *moved, xt_err *err)
{
    bool worth = false;
    for (size_t i = 0; i < N_TREASURES; i++)
        worth |= xt_outdir_has(dir, treasures[i]);
    *moved = false;
    if (!worth)
        return XT_OK;
    xt_status status = gather(dir, err);
    if (status)
        ungather(dir);
    *moved = !status;
    return status;
}

void xt_outdir_take_back(const xt_outdir *dir)
{
    const char *name;
    int from = open_inside(dir, aside, false);
    if (from < 0)
        return;
    for (size_t i = 0; i < XT_N_RUN_FILES; i++)
        unlinkat(dir->fd, xt_run_files[i], 0);
    move_all(from, dir->fd, &name);
    close(from);
    unlinkat(dir->fd, aside, AT_REMOVEDIR);
}

xt_status xt_outdir_forget(const xt_outdir *dir, xt_err *err)
{
    return remove_inside(dir, aside, err);
}

/* ---- room ---- */

uint64_t xt_outdir_taken(const xt_outdir *dir)
{
    uint64_t n_bytes = 0;
    struct stat info;
    for (size_t i = 0; i < XT_N_RUN_FILES; i++)
        if (fstatat(dir->fd, xt_run_files[i], &info, AT_SYMLINK_NOFOLLOW) == 0)
            n_bytes += (uint64_t)info.st_blocks * 512;
    return n_bytes;
}

uint64_t xt_outdir_left(const xt_outdir *dir)
{
    struct statvfs info;
    /* Some file systems do not count, and say 0 of everything. */
    if (fstatvfs(dir->fd, &info) != 0 || info.f_blocks == 0)
        return UINT64_MAX;
    return (uint64_t)info.f_bavail * info.f_frsize;
}
