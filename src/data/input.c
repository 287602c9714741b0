#include "data/input.h"

#include "data/format.h"
#include "data/gzip.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static xt_status fetch_file(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *err)
{
    ssize_t n;
    do
        n = read(input->fd, bytes, n_bytes);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return xt_fail_errno(err, "cannot read %s", input->name);
    *n_fetched = (size_t)n;
    return XT_OK;
}

static xt_status fetch_memory(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *err)
{
    (void)err;
    size_t n_left = input->n_bytes - input->n_stored, n = n_bytes < n_left ? n_bytes : n_left;
    memcpy(bytes, input->bytes + input->n_stored, n);
    *n_fetched = n;
    return XT_OK;
}

/* Debian's packages of data, dataset-NAME, have a folder NAME each in one place. */
static const char datasets[] = "/usr/share/datasets/";

/* Where path is a file of such a folder that is not there, its NAME and the
 * length of that; else NULL. In a folder that is there, only the file's name is wrong. */
static const char *missing_dataset(const char *path, int *length)
{
    char folder[256];
    size_t n_prefix = sizeof datasets - 1;
    if (strncmp(path, datasets, n_prefix) != 0)
        return NULL;
    const char *name = path + n_prefix;
    size_t n = strcspn(name, "/");
    if (n == 0 || *name == '.' || name[n] == '\0' || n_prefix + n >= sizeof folder)
        return NULL;
    *length = (int)n;
    snprintf(folder, sizeof folder, "%s%.*s", datasets, *length, name);
    return access(folder, F_OK) != 0 && errno == ENOENT ? name : NULL;
}

static xt_status fail_open(const char *path, xt_err *err)
{
    int n = 0, saved = errno;
    const char *name = saved == ENOENT ? missing_dataset(path, &n) : NULL;
    errno = saved;
    if (!name)
        return xt_fail_errno(err, "cannot open %s", path);
    return xt_fail(err, XT_FAILED, "cannot open %s: %s; Debian's package dataset-%.*s has it", path, strerror(saved), n,
                   name);
}

xt_status xt_input_open(const char *path, xt_input *out, xt_err *err)
{
    if (strcmp(path, "-") == 0) {
        *out = (xt_input){.name = "standard input", .fetch = fetch_file, .fd = STDIN_FILENO};
        return XT_OK;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_open(path, err);
    *out = (xt_input){.name = path, .fetch = fetch_file, .fd = fd};
    return XT_OK;
}

xt_input xt_input_of_memory(const char *name, const void *bytes, size_t n_bytes)
{
    return (xt_input){.name = name, .fetch = fetch_memory, .fd = -1, .bytes = n_bytes ? bytes : "", .n_bytes = n_bytes};
}

void xt_input_close(xt_input *input)
{
    if (input->fetch == fetch_file && input->fd != STDIN_FILENO)
        close(input->fd);
    xt_hash_close(&input->hash);
    xt_gzip_close(&input->gzip);
    *input = (xt_input){.fd = -1};
}

xt_status xt_input_fetch(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *err)
{
    /* Memory is still there when its checksum is asked for. */
    bool hashed = input->fetch != fetch_memory;
    xt_status status = hashed && !input->hash ? xt_hash_open(&input->hash, err) : XT_OK;
    size_t n = 0;
    if (!status)
        status = input->fetch(input, bytes, n_bytes, &n, err);
    if (status)
        return status;
    if (hashed)
        xt_hash_add(input->hash, bytes, n);
    input->n_stored += n;
    *n_fetched = n;
    return XT_OK;
}

void xt_input_hash(const xt_input *input, char hex[XT_HASH_BYTES])
{
    if (input->hash)
        xt_hash_hex(input->hash, hex);
    else
        xt_hash_block(input->bytes, input->n_stored, hex);
}

/* The first bytes say whether they are compressed. They are fetched to where the
 * reader wants them, so that those of a plain file are not copied. */
static xt_status begin(xt_input *input, void *bytes, size_t n_bytes, size_t *n_read, xt_err *err)
{
    assert(n_bytes >= 2);
    size_t most = n_bytes < XT_GZIP_CHUNK ? n_bytes : XT_GZIP_CHUNK, n = 0;
    for (size_t n_more = 1; n < 2 && n_more; n += n_more) {
        xt_status status = xt_input_fetch(input, (char *)bytes + n, most - n, &n_more, err);
        if (status)
            return status;
    }
    input->begun = true;
    if (xt_gzip_begins(bytes, n)) {
        xt_status status = xt_gzip_open(bytes, n, &input->gzip, err);
        return status ? status : xt_gzip_read(input->gzip, input, bytes, n_bytes, n_read, err);
    }
    if (xt_ends_in(input->name, strlen(input->name), ".gz"))
        return xt_fail(err, XT_BAD_DATA, "%s: byte 0: not a gzip file, though its name ends in .gz", input->name);
    *n_read = n;
    return XT_OK;
}

xt_status xt_input_read(xt_input *input, void *bytes, size_t n_bytes, size_t *n_read, xt_err *err)
{
    size_t n = 0;
    xt_status status = !input->begun ? begin(input, bytes, n_bytes, &n, err)
                       : input->gzip ? xt_gzip_read(input->gzip, input, bytes, n_bytes, &n, err)
                                     : xt_input_fetch(input, bytes, n_bytes, &n, err);
    if (status)
        return status;
    input->n_read += n;
    *n_read = n;
    return XT_OK;
}

xt_status xt_input_read_whole(xt_input *input, void *bytes, size_t n_bytes, size_t *n_read, xt_err *err)
{
    size_t n = 0;
    for (size_t n_more = 1; n < n_bytes && n_more; n += n_more) {
        xt_status status = xt_input_read(input, (char *)bytes + n, n_bytes - n, &n_more, err);
        if (status)
            return status;
    }
    *n_read = n;
    return XT_OK;
}

bool xt_input_size(const xt_input *input, size_t *n_bytes)
{
    if (!input->begun || input->gzip)
        return false;
    if (input->fetch == fetch_memory) {
        *n_bytes = input->n_bytes;
        return true;
    }
    struct stat info;
    if (input->fetch != fetch_file || fstat(input->fd, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    /* Standard input may begin anywhere in a file; some files, as those in /proc, say 0. */
    off_t at = lseek(input->fd, 0, SEEK_CUR);
    if (at < 0 || info.st_size < at)
        return false;
    *n_bytes = input->n_stored + (size_t)(info.st_size - at);
    return true;
}
