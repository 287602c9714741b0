#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for n_bytes more and a NUL. */
static bool reserve(xt_buf *buf, size_t n_bytes)
{
    if (buf->failed)
        return false;
    if (n_bytes > SIZE_MAX / 2 - buf->len - 1) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + n_bytes + 1;
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap < need)
        cap *= 2;
    char *data = realloc(buf->data, cap);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void xt_buf_add(xt_buf *buf, const void *bytes, size_t n_bytes)
{
    if (!reserve(buf, n_bytes))
        return;
    if (n_bytes)
        memcpy(buf->data + buf->len, bytes, n_bytes);
    buf->len += n_bytes;
    buf->data[buf->len] = '\0';
}

void xt_buf_puts(xt_buf *buf, const char *text)
{
    xt_buf_add(buf, text, strlen(text));
}

void xt_buf_printf(xt_buf *buf, const char *format, ...)
{
    va_list args, again;
    if (!reserve(buf, 0))
        return;
    va_start(args, format);
    va_copy(again, args);
    /* Mostly there is room enough. */
    size_t room = buf->cap - buf->len;
    int n = vsnprintf(buf->data + buf->len, room, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n >= room && reserve(buf, (size_t)n))
        n = vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
    va_end(again);
    buf->failed = buf->failed || n < 0;
    if (!buf->failed)
        buf->len += (size_t)n;
    buf->data[buf->len] = '\0';
}

char *xt_buf_room(xt_buf *buf, size_t n_bytes)
{
    return reserve(buf, n_bytes) ? buf->data + buf->len : NULL;
}

void xt_buf_end(xt_buf *buf, char *end)
{
    buf->len = (size_t)(end - buf->data);
    *end = '\0';
}

void xt_buf_reset(xt_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

void xt_buf_clear(xt_buf *buf)
{
    free(buf->data);
    *buf = (xt_buf){0};
}

const char *xt_buf_text(const xt_buf *buf)
{
    return buf->data ? buf->data : "";
}
