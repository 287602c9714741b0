#include "app/protobuf.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are written as they lie in memory");

/* What a field's key says of how long its value is. */
enum { VARINT = 0, LENGTH_FIRST = 2, FOUR_BYTES = 5 };

/* Seven bits a byte, the lowest first; the eighth says that more follow. */
static void add_varint(xt_buf *message, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value > 0x7F; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    xt_buf_add(message, bytes, n);
}

static void add_key(xt_buf *message, unsigned field, unsigned type)
{
    add_varint(message, (uint64_t)field << 3 | type);
}

void xt_protobuf_uint(xt_buf *message, unsigned field, uint64_t value)
{
    add_key(message, field, VARINT);
    add_varint(message, value);
}

void xt_protobuf_float(xt_buf *message, unsigned field, float value)
{
    add_key(message, field, FOUR_BYTES);
    xt_buf_add(message, &value, sizeof value);
}

void xt_protobuf_bytes(xt_buf *message, unsigned field, const void *bytes, size_t n_bytes)
{
    add_key(message, field, LENGTH_FIRST);
    add_varint(message, n_bytes);
    xt_buf_add(message, bytes, n_bytes);
}

void xt_protobuf_text(xt_buf *message, unsigned field, const char *text)
{
    xt_protobuf_bytes(message, field, text, strlen(text));
}

void xt_protobuf_message(xt_buf *message, unsigned field, xt_buf *part)
{
    xt_protobuf_bytes(message, field, xt_buf_text(part), part->len);
    message->failed |= part->failed;
    xt_buf_reset(part);
}
