#include "data/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static ptrdiff_t read_file(xt_input *input, void *bytes, size_t n_bytes)
{
    ssize_t n;
    do
        n = read(input->fd, bytes, n_bytes);
    while (n < 0 && errno == EINTR);
    return n;
}

static ptrdiff_t read_memory(xt_input *input, void *bytes, size_t n_bytes)
{
    size_t n = n_bytes < input->n_bytes ? n_bytes : input->n_bytes;
    if (n)
        memcpy(bytes, input->bytes, n);
    input->bytes += n;
    input->n_bytes -= n;
    return (ptrdiff_t)n;
}

xt_status xt_input_open(const char *path, xt_input *out, xt_err *err)
{
    if (strcmp(path, "-") == 0) {
        *out = (xt_input){.name = "standard input", .read = read_file, .fd = STDIN_FILENO};
        return XT_OK;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return xt_fail_errno(err, "cannot open %s", path);
    *out = (xt_input){.name = path, .read = read_file, .fd = fd};
    return XT_OK;
}

xt_input xt_input_of_memory(const char *name, const void *bytes, size_t n_bytes)
{
    return (xt_input){.name = name, .read = read_memory, .fd = -1, .bytes = n_bytes ? bytes : "", .n_bytes = n_bytes};
}

void xt_input_close(xt_input *input)
{
    if (input->read == read_file && input->fd != STDIN_FILENO)
        close(input->fd);
    *input = (xt_input){.fd = -1};
}
