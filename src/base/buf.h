/* buf.h: a growable byte buffer for building text and files in memory.
 *
 * Zero-initialise it ({0}), append, look at data and len, free with
 * xt_buf_clear. An append that finds no memory sets `failed` and leaves the
 * contents as they were; later appends do nothing. So a chain of appends is
 * checked once, at its end. data is always NUL-terminated once something was
 * appended (the NUL is not counted in len). */
#ifndef XT_BASE_BUF_H
#define XT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct xt_buf {
    char *data;
    size_t len, cap;
    bool failed;
} xt_buf;

void xt_buf_add(xt_buf *buf, const void *bytes, size_t n_bytes);
void xt_buf_puts(xt_buf *buf, const char *text);
void xt_buf_printf(xt_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For what is written in place: where n_bytes more may be written behind the
 * contents, NULL without memory; and where they end then. */
char *xt_buf_room(xt_buf *buf, size_t n_bytes);
void xt_buf_end(xt_buf *buf, char *end);
/* Drops the contents, keeps the memory. */
void xt_buf_reset(xt_buf *buf);
/* Frees; the buffer is as new. */
void xt_buf_clear(xt_buf *buf);
/* The text, "" when nothing was appended. Owned by the buffer. */
const char *xt_buf_text(const xt_buf *buf);

#endif
