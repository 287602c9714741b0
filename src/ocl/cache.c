#include "ocl/cache.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct xt_cache {
    char *path; /* for messages */
    int dir;
    uint64_t max_bytes;
};

static bool forbidden = false;

void xt_cache_forbid(void)
{
    forbidden = true;
}

/* ---- the file: magic, format, 0, the program's bytes, key, its checksum; little-endian ---- */

enum { KEY_CHARS = XT_HASH_BYTES - 1, AT_FORMAT = 8, AT_LENGTH = 16, AT_KEY = 24, AT_SUM = AT_KEY + KEY_CHARS };

static const char magic[] = "xtbinary";

static void put(unsigned char *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

void xt_cache_make_header(const char *key, const void *bytes, size_t n_bytes,
                          unsigned char header[XT_CACHE_HEADER_BYTES])
{
    char sum[XT_HASH_BYTES];
    xt_hash_block(bytes, n_bytes, sum);
    memcpy(header, magic, AT_FORMAT);
    put(header + AT_FORMAT, XT_CACHE_FORMAT);
    put(header + AT_LENGTH, n_bytes);
    memcpy(header + AT_KEY, key, KEY_CHARS);
    memcpy(header + AT_SUM, sum, KEY_CHARS);
}

xt_status xt_cache_parse(const char *key, const void *file, size_t n_file, size_t *n_bytes, xt_err *err)
{
    const unsigned char *header = file;
    char sum[XT_HASH_BYTES];
    if (n_file < XT_CACHE_HEADER_BYTES)
        return xt_fail(err, XT_FAILED, "%zu bytes are too few for a header", n_file);
    if (memcmp(header, magic, AT_FORMAT) != 0 || get(header + AT_FORMAT) != XT_CACHE_FORMAT)
        return xt_fail(err, XT_FAILED, "it is not of this format");
    if (memcmp(header + AT_KEY, key, KEY_CHARS) != 0)
        return xt_fail(err, XT_FAILED, "it is another key's");
    size_t n = n_file - XT_CACHE_HEADER_BYTES;
    if (get(header + AT_LENGTH) != n)
        return xt_fail(err, XT_FAILED, "it holds %zu bytes of %llu", n, (unsigned long long)get(header + AT_LENGTH));
    xt_hash_block(header + XT_CACHE_HEADER_BYTES, n, sum);
    if (memcmp(header + AT_SUM, sum, KEY_CHARS) != 0)
        return xt_fail(err, XT_FAILED, "its checksum is wrong");
    *n_bytes = n;
    return XT_OK;
}

/* ---- the directory ---- */

/* false where no variable names a place. A relative path of XDG_CACHE_HOME or
 * HOME would be another place in every folder. */
static bool find_place(xt_buf *path, bool *asked)
{
    const char *own = xt_variable("XORTRAIN_CACHE_DIR"), *cache = xt_variable("XDG_CACHE_HOME"), *home = xt_variable("HOME");
    *asked = own != NULL;
    if (own)
        xt_buf_puts(path, own);
    else if (cache && cache[0] == '/')
        xt_buf_printf(path, "%s/xortrain", cache);
    else if (home && home[0] == '/')
        xt_buf_printf(path, "%s/.cache/xortrain", home);
    return path->len > 0;
}

/* A file or directory that nobody else can have changed. */
static bool is_ours(const struct stat *info)
{
    return info->st_uid == geteuid() && (info->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

xt_status xt_cache_open_at(const char *path, uint64_t max_bytes, xt_cache **out, xt_err *err)
{
    struct stat info;
    xt_cache *cache = calloc(1, sizeof *cache);
    xt_status status = XT_OK;
    if (!cache)
        return xt_fail_memory(err, "the cache", sizeof *cache);
    cache->max_bytes = max_bytes;
    /* It is held open: what is put in its place later is not used. */
    cache->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache->dir < 0 && errno == ENOENT) {
        status = xt_make_private_dirs(path, err);
        if (status)
            goto out;
        cache->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    cache->path = strdup(path);
    if (cache->dir < 0 || fstat(cache->dir, &info) != 0)
        status = xt_fail_errno(err, "cannot open %s", path);
    else if (!is_ours(&info))
        status = xt_fail(err, XT_FAILED, "%s: %s, and what is in it would be run", path,
                         info.st_uid == geteuid() ? "others may write it" : "it belongs to another user");
    else if (!cache->path)
        status = xt_fail_memory(err, path, strlen(path) + 1);
out:
    if (status)
        xt_cache_close(&cache);
    else
        *out = cache;
    return status;
}

xt_cache *xt_cache_open(void)
{
    xt_cache *cache = NULL;
    xt_buf path = {0};
    xt_err err;
    bool asked;
    if (forbidden)
        return NULL;
    if (!find_place(&path, &asked))
        xt_detail("compiled kernels are not kept: there is no home directory");
    else if (xt_cache_open_at(xt_buf_text(&path), XT_CACHE_MAX_BYTES, &cache, &err) != XT_OK && asked)
        xt_warn("XORTRAIN_CACHE_DIR: compiled kernels are not kept: %s", err.text);
    else if (!cache)
        xt_detail("compiled kernels are not kept: %s", err.text);
    xt_buf_clear(&path);
    return cache;
}

void xt_cache_close(xt_cache **at)
{
    xt_cache *cache = *at;
    if (!cache)
        return;
    if (cache->dir >= 0)
        close(cache->dir);
    free(cache->path);
    free(cache);
    *at = NULL;
}

/* ---- entries ---- */

static const char suffix[] = ".xtbin";

enum { NAME_BYTES = KEY_CHARS + sizeof suffix };

static void name_of(const char *key, char name[NAME_BYTES])
{
    memcpy(name, key, KEY_CHARS);
    memcpy(name + KEY_CHARS, suffix, sizeof suffix);
}

/* So that the least recently used is known, also where the file system notes
 * no reads; seldom, since it is a write. */
static void touch(int fd, const struct stat *info)
{
    if (time(NULL) - info->st_mtime > XT_CACHE_TOUCH_SECONDS)
        (void)futimens(fd, NULL);
}

static xt_status read_bytes(int fd, unsigned char *to, size_t n_bytes, xt_err *err)
{
    while (n_bytes) {
        ssize_t n = read(fd, to, n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? xt_fail_errno(err, "it cannot be read") : xt_fail(err, XT_FAILED, "it became shorter");
        to += n;
        n_bytes -= (size_t)n;
    }
    return XT_OK;
}

xt_status xt_cache_read(const xt_cache *cache, const char *key, xt_cache_entry *out, xt_err *err)
{
    char name[NAME_BYTES];
    struct stat info;
    unsigned char *memory = NULL;
    size_t n_bytes = 0;
    xt_status status;
    name_of(key, name);
    /* O_NONBLOCK: a pipe of that name must not keep us waiting. */
    int fd = openat(cache->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? xt_fail(err, XT_FAILED, "it is not there") : xt_fail_errno(err, "it cannot be opened");
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || !is_ours(&info)) {
        status = xt_fail(err, XT_FAILED, "it is not a file of this user's alone");
        goto out;
    }
    if (info.st_size > XT_CACHE_HEADER_BYTES + XT_CACHE_MAX_ENTRY) {
        status = xt_fail(err, XT_FAILED, "%lld bytes are more than any entry has", (long long)info.st_size);
        goto out;
    }
    memory = malloc((size_t)info.st_size + 1);
    status = memory ? read_bytes(fd, memory, (size_t)info.st_size, err)
                    : xt_fail_memory(err, "an entry of the cache", (size_t)info.st_size);
    if (!status)
        status = xt_cache_parse(key, memory, (size_t)info.st_size, &n_bytes, err);
    if (status)
        goto out;
    touch(fd, &info);
    *out = (xt_cache_entry){memory + XT_CACHE_HEADER_BYTES, n_bytes, memory};
out:
    close(fd);
    if (status)
        free(memory);
    return status;
}

void xt_cache_entry_clear(xt_cache_entry *entry)
{
    free(entry->memory);
    *entry = (xt_cache_entry){0};
}

bool xt_cache_lacks(const xt_cache *cache, const char *key)
{
    char name[NAME_BYTES];
    struct stat info;
    name_of(key, name);
    return fstatat(cache->dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

bool xt_cache_has(const xt_cache *cache, const char *key)
{
    xt_cache_entry entry = {0};
    bool there = xt_cache_read(cache, key, &entry, NULL) == XT_OK;
    xt_cache_entry_clear(&entry);
    return there;
}

/* ---- what goes ---- */

/* 0: a name of nobody's concern; else what of ours it names. */
enum { ENTRY = 1, TEMPORARY };

static int kind_of(const char *name)
{
    if (strspn(name, "0123456789abcdef") != KEY_CHARS || strncmp(name + KEY_CHARS, suffix, sizeof suffix - 1) != 0)
        return 0;
    const char *rest = name + NAME_BYTES - 1;
    if (!*rest)
        return ENTRY;
    return strncmp(rest, ".tmp.", 5) == 0 && rest[5 + strspn(rest + 5, "0123456789.")] == '\0' ? TEMPORARY : 0;
}

typedef struct aged {
    char name[NAME_BYTES];
    struct timespec used;
    uint64_t n_bytes;
} aged;

static int by_age(const void *left, const void *right)
{
    const struct timespec *a = &((const aged *)left)->used, *b = &((const aged *)right)->used;
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* Removes the leftovers of killed processes, and adds up the entries. */
static void look_through(const xt_cache *cache, DIR *files, xt_buf *entries, uint64_t *total)
{
    time_t now = time(NULL);
    for (struct dirent *file; (file = readdir(files));) {
        struct stat info;
        aged entry;
        int kind = kind_of(file->d_name);
        if (!kind || fstatat(cache->dir, file->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
            continue;
        if (kind == TEMPORARY) {
            if (now - info.st_mtime > XT_CACHE_LEFTOVER_SECONDS)
                (void)unlinkat(cache->dir, file->d_name, 0);
            continue;
        }
        memcpy(entry.name, file->d_name, NAME_BYTES);
        entry.used = info.st_mtim;
        entry.n_bytes = (uint64_t)info.st_size;
        *total += entry.n_bytes;
        xt_buf_add(entries, &entry, sizeof entry);
    }
}

/* Others may do the same at the same time: what is gone already is as good. */
static void hold_size(const xt_cache *cache)
{
    /* A descriptor of its own: readdir moves and closedir closes it. */
    int fd = openat(cache->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd < 0 ? NULL : fdopendir(fd);
    xt_buf entries = {0};
    uint64_t total = 0;
    if (!files) {
        if (fd >= 0)
            close(fd);
        return;
    }
    look_through(cache, files, &entries, &total);
    closedir(files);
    size_t n = entries.len / sizeof(aged);
    aged *list = (aged *)(void *)entries.data;
    if (total > cache->max_bytes && !entries.failed)
        qsort(list, n, sizeof *list, by_age);
    for (size_t i = 0; i < n && total > cache->max_bytes && !entries.failed; i++) {
        (void)unlinkat(cache->dir, list[i].name, 0);
        total -= list[i].n_bytes;
    }
    xt_buf_clear(&entries);
}

xt_status xt_cache_write(const xt_cache *cache, const char *key, const void *bytes, size_t n_bytes, xt_err *err)
{
    unsigned char header[XT_CACHE_HEADER_BYTES];
    char name[NAME_BYTES];
    xt_buf temp = {0};
    int fd = -1;
    if (n_bytes > XT_CACHE_MAX_ENTRY || n_bytes + XT_CACHE_HEADER_BYTES > cache->max_bytes)
        return xt_fail(err, XT_FAILED, "a program of %zu bytes is too large for %s", n_bytes, cache->path);
    name_of(key, name);
    xt_cache_make_header(key, bytes, n_bytes, header);
    xt_status status = xt_temp_open(cache->dir, name, cache->path, &temp, &fd, err);
    bool made = !status;
    if (!status && fchmod(fd, S_IRUSR | S_IWUSR) != 0)
        status = xt_fail_errno(err, "cannot write %s", cache->path);
    if (!status)
        status = xt_write_all(fd, cache->path, header, sizeof header, err);
    if (!status)
        status = xt_write_all(fd, cache->path, bytes, n_bytes, err);
    if (made && close(fd) != 0 && !status)
        status = xt_fail_errno(err, "cannot write %s", cache->path);
    /* Not synced: after a crash the checksum tells. */
    if (!status && renameat(cache->dir, temp.data, cache->dir, name) != 0)
        status = xt_fail_errno(err, "cannot replace an entry of %s", cache->path);
    if (made && status)
        unlinkat(cache->dir, temp.data, 0);
    hold_size(cache);
    xt_buf_clear(&temp);
    return status;
}
