/* loss_csv.h: the loss.csv that an interrupted run left, read to be continued.
 *
 * In blocks: memory does not grow with the rows. */
#ifndef XT_APP_LOSS_CSV_H
#define XT_APP_LOSS_CSV_H

#include "base/err.h"
#include "base/hash.h"
#include "model/spec.h"

#include <stddef.h>
#include <stdint.h>

enum { XT_LINES_BLOCK = 1 << 16 };

/* Lines of an open file, from its start whatever its offset is. Begin with
 * {.fd = ..., .name = ...}; some 64 KB, which the caller has. */
typedef struct xt_lines {
    int fd;
    const char *name;   /* for messages */
    uint64_t offset;    /* of what was not read yet */
    size_t at, len;     /* of what was not given yet, in block */
    char block[XT_LINES_BLOCK];
} xt_lines;

/* The next line, n bytes with its LF, in the block until the next call. Without LF
 * it is torn: the file ends there, or it is longer than a block. n 0: the end. */
xt_status xt_lines_next(xt_lines *lines, const char **line, size_t *n, xt_err *err);

/* Checks that the header is byte for byte that of spec and that the rows are those
 * of epochs first..epoch as a run writes them; what follows is not looked at.
 * Publishes the bytes of all that. Adds each loss's text and LF to losses.
 * XT_BAD_DATA names the line of what is wrong. */
xt_status xt_loss_csv_check(int fd, const char *name, const xt_spec *spec, uint32_t first, uint32_t epoch,
                            xt_hash *losses, uint64_t *kept, xt_err *err);

#endif
