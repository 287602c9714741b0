/* preview.h: what check shows of the data before anything is trained. */
#ifndef XT_CLI_PREVIEW_H
#define XT_CLI_PREVIEW_H

#include "cli/session.h"

/* Where the rows are from and how they are split, the table of columns, the
 * balance of classes, the normalisation. */
void xt_preview_data(const xt_session *session, xt_buf *out);

/* Bytes of the data on the host. */
size_t xt_preview_host_bytes(const xt_parts *parts);

#endif
