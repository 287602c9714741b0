/* protobuf.h: the wire format of Protocol Buffers, as much as writing takes.
 *
 * A message is its fields one after another, appended to a buffer; a message
 * within a message is a field of bytes, so it is written to a buffer of its own
 * first. Field numbers are the schema's. Nothing is left out for being 0. */
#ifndef XT_APP_PROTOBUF_H
#define XT_APP_PROTOBUF_H

#include "base/buf.h"

#include <stdint.h>

/* int32, int64, uint64, bool and enum, none of them negative. */
void xt_protobuf_uint(xt_buf *message, unsigned field, uint64_t value);
void xt_protobuf_float(xt_buf *message, unsigned field, float value);
/* bytes, string, and a message. */
void xt_protobuf_bytes(xt_buf *message, unsigned field, const void *bytes, size_t n_bytes);
void xt_protobuf_text(xt_buf *message, unsigned field, const char *text);
/* Appends part as a message, and empties it for the next. */
void xt_protobuf_message(xt_buf *message, unsigned field, xt_buf *part);

#endif
