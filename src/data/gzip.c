#include "data/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct xt_gzip {
    z_stream stream;
    bool between, ended; /* a member is over: another may begin; none did */
    unsigned char chunk[XT_GZIP_CHUNK];
};

static const unsigned char magic[] = {0x1F, 0x8B};

bool xt_gzip_begins(const void *bytes, size_t n_bytes)
{
    return n_bytes >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

xt_status xt_gzip_open(const void *first, size_t n_first, xt_gzip **out, xt_err *err)
{
    enum { LARGEST_WINDOW = 15, GZIP_ONLY = 16 };
    xt_gzip *gzip = calloc(1, sizeof *gzip);
    if (!gzip || inflateInit2(&gzip->stream, LARGEST_WINDOW + GZIP_ONLY) != Z_OK) {
        free(gzip);
        return xt_fail_memory(err, "decompression", sizeof *gzip);
    }
    memcpy(gzip->chunk, first, n_first);
    gzip->stream.next_in = gzip->chunk;
    gzip->stream.avail_in = (uInt)n_first;
    *out = gzip;
    return XT_OK;
}

void xt_gzip_close(xt_gzip **gzip)
{
    if (!*gzip)
        return;
    inflateEnd(&(*gzip)->stream);
    free(*gzip);
    *gzip = NULL;
}

/* The byte of the file that comes next. */
static size_t place(const xt_gzip *gzip, const xt_input *input)
{
    return input->n_stored - gzip->stream.avail_in;
}

static xt_status fail_behind(const xt_input *input, size_t at, xt_err *err)
{
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: something follows the end of the gzip data", input->name, at);
}

/* More of the file. Its end is fine between members alone. */
static xt_status fill(xt_gzip *gzip, xt_input *input, xt_err *err)
{
    size_t n = 0;
    xt_status status = xt_input_fetch(input, gzip->chunk, sizeof gzip->chunk, &n, err);
    if (status)
        return status;
    gzip->stream.next_in = gzip->chunk;
    gzip->stream.avail_in = (uInt)n;
    gzip->ended = n == 0;
    if (gzip->ended && !gzip->between)
        return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: the file ends before its gzip data do", input->name,
                       input->n_stored);
    return XT_OK;
}

/* A first byte that no member has is told from one whose member was cut short. */
static xt_status begin_member(xt_gzip *gzip, const xt_input *input, xt_err *err)
{
    if (gzip->stream.next_in[0] != magic[0])
        return fail_behind(input, place(gzip, input), err);
    inflateReset(&gzip->stream);
    gzip->between = false;
    return XT_OK;
}

static xt_status inflate_some(xt_gzip *gzip, const xt_input *input, xt_err *err)
{
    z_stream *stream = &gzip->stream;
    int code = inflate(stream, Z_NO_FLUSH);
    gzip->between = code == Z_STREAM_END;
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
        return XT_OK;
    if (code == Z_MEM_ERROR)
        return xt_fail_memory(err, input->name, 0);
    size_t at = place(gzip, input);
    /* The first member's magic number was seen before. */
    if (stream->total_in <= sizeof magic)
        return fail_behind(input, at - stream->total_in, err);
    return xt_fail(err, XT_BAD_DATA, "%s: byte %zu: damaged gzip data: %s", input->name, at,
                   stream->msg ? stream->msg : "not gzip");
}

xt_status xt_gzip_read(xt_gzip *gzip, xt_input *input, void *bytes, size_t n_bytes, size_t *n_read, xt_err *err)
{
    z_stream *stream = &gzip->stream;
    uInt room = n_bytes < UINT_MAX ? (uInt)n_bytes : UINT_MAX;
    stream->next_out = bytes;
    stream->avail_out = room;
    while (stream->avail_out == room && !gzip->ended) {
        xt_status status = stream->avail_in ? XT_OK : fill(gzip, input, err);
        if (!status && gzip->between && !gzip->ended)
            status = begin_member(gzip, input, err);
        if (!status && !gzip->ended)
            status = inflate_some(gzip, input, err);
        if (status)
            return status;
    }
    *n_read = room - stream->avail_out;
    return XT_OK;
}
