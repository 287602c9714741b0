#include "ocl/pocl.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Where PoCL keeps what it compiled: the rule of its documentation. false
 * where it would fall to a directory in /tmp that all users share. */
static bool cache_dir(xt_buf *out)
{
    const char *own = xt_variable("POCL_CACHE_DIR"), *cache = xt_variable("XDG_CACHE_HOME"), *home = xt_variable("HOME");
    if (own)
        xt_buf_puts(out, own);
    else if (cache)
        xt_buf_printf(out, "%s/pocl/kcache", cache);
    else if (home)
        xt_buf_printf(out, "%s/.cache/pocl/kcache", home);
    return own || cache || home;
}

/* Whether PoCL could make the directory, or write it where it is there: by
 * the nearest folder that exists. Nothing is made: PoCL may not even be here. */
static bool looks_writable(const char *path)
{
    struct stat info;
    bool found = false, writable = false;
    char *at = strdup(path);
    while (at && !found && *at) {
        char *slash = strrchr(at, '/');
        found = stat(at, &info) == 0;
        writable = found && S_ISDIR(info.st_mode) && access(at, W_OK | X_OK) == 0;
        if (found || errno != ENOENT || !slash)
            break;
        *slash = '\0';
    }
    free(at);
    return writable;
}

/* A directory in a place that others write too, and what is in it will be run:
 * it must be a directory, no link, ours, and closed to others. */
static bool is_private(const char *path)
{
    struct stat info;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return false;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/* A private directory under `place`, which many may write, into path. */
static bool make_private_dir(const char *place, xt_buf *path)
{
    xt_buf_reset(path);
    xt_buf_printf(path, "%s/xortrain-pocl-%lu", place, (unsigned long)geteuid());
    if (path->failed || is_private(path->data))
        return !path->failed;
    /* Somebody else was there first: a fresh one, at the price of compiling anew. */
    xt_buf_puts(path, "-XXXXXX");
    return !path->failed && mkdtemp(path->data);
}

static void use_private_dir(void)
{
    const char *place = xt_variable("TMPDIR");
    xt_buf path = {0};
    if ((place && place[0] == '/' && make_private_dir(place, &path)) || make_private_dir("/tmp", &path))
        xt_detail("PoCL has no home to keep compiled kernels in, they go to %s", xt_buf_text(&path));
    /* Where nothing can be written, rather no device than other people's files. */
    setenv("POCL_CACHE_DIR", path.len && access(path.data, W_OK) == 0 ? path.data : "/dev/null", 0);
    xt_buf_clear(&path);
}

void xt_pocl_prepare(void)
{
    xt_buf dir = {0};
    /* Stops two workers of PoCL from sharing a core: up to twice as fast on
     * launches of few work-groups. */
    setenv("POCL_AFFINITY", "1", 0);
    /* Otherwise PoCL compiles a kernel at its first launch for that very size, and
     * once more for any size when its binary is asked for. The first was not
     * measured to be faster with any of our kernels or CLBlast's. */
    setenv("POCL_WORK_GROUP_SPECIALIZATION", "0", 0);
    /* What the user set is left alone, even where it cannot work. */
    if (!xt_variable("POCL_CACHE_DIR") && (!cache_dir(&dir) || !looks_writable(xt_buf_text(&dir))))
        use_private_dir();
    xt_buf_clear(&dir);
}

/* What compiling our kernels and CLBlast's takes, a few times over. */
static const unsigned long long cache_bytes = 8 << 20;

xt_status xt_pocl_check_cache(xt_err *err)
{
    static const char advice[] = "set POCL_CACHE_DIR to a directory of yours";
    struct statvfs space;
    xt_err why;
    xt_buf dir = {0};
    xt_status status = XT_OK;
    if (!cache_dir(&dir))
        return XT_OK;
    if (dir.failed)
        return xt_fail_memory(err, "the path of PoCL's cache directory", 0);
    const char *path = dir.data;
    /* Made as PoCL would make it, to learn why it could not. */
    if (xt_make_dirs(path, &why) != XT_OK)
        status = xt_fail(err, XT_FAILED, "PoCL has no cache directory: %s; %s", why.text, advice);
    else if (access(path, W_OK | X_OK) != 0)
        status = xt_fail(err, XT_FAILED, "PoCL cannot write its cache directory %s: %s; %s", path, strerror(errno),
                         advice);
    else if (statvfs(path, &space) == 0 && (unsigned long long)space.f_bavail * space.f_frsize < cache_bytes)
        status = xt_fail(err, XT_FAILED, "PoCL's cache directory %s is on a full disk: it needs %llu bytes; %s", path,
                         cache_bytes, advice);
    xt_buf_clear(&dir);
    return status;
}

xt_status xt_pocl_check_memory(xt_err *err)
{
    static const size_t n_bytes = (size_t)257 << 20;
    void *volatile memory = malloc(n_bytes);
    if (!memory)
        return xt_fail_memory(err, "PoCL's copy of the kernels", n_bytes);
    free(memory);
    return XT_OK;
}

void xt_pocl_describe(xt_buf *out)
{
    const char *devices = getenv("POCL_DEVICES");
    xt_err err;
    if (devices)
        xt_buf_printf(out, "\nPOCL_DEVICES is '%s': PoCL offers the devices that it names, and none for another name; "
                           "`unset POCL_DEVICES` brings back the CPU",
                      devices);
    if (xt_pocl_check_cache(&err) != XT_OK)
        xt_buf_printf(out, "\n%s", err.text);
}
