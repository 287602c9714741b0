/* feed.h: the rows that an engine of layers trains on, on its device.
 *
 * Resident, where they fit beside what the engine takes: uploaded once; a batch
 * is a place among them, or, in a shuffled order, a copy that a kernel gathers.
 * Streamed, where they do not fit: the host gathers the next of two pieces, of
 * many batches each, and a second queue copies it while the device trains on
 * the other. Which of both makes no difference to a batch's bits. Everything
 * that a batch is read by goes into the context's queue, in order. */
#ifndef XT_ENGINE_FEED_H
#define XT_ENGINE_FEED_H

#include "engine/product.h"
#include "model/dataset.h"

typedef struct xt_feed xt_feed;

/* What the engine wants. The data outlives the feed. */
typedef struct xt_feed_want {
    const xt_dataset *data;
    bool shuffles;       /* an order is not always NULL */
    size_t batch_rows;   /* of the largest batch; a piece is a whole number of them */
    size_t stride;       /* floats from an input row to the next, at least n_inputs; what is between is 0 */
    size_t slack;        /* floats that may be read behind the last input row of a batch */
    size_t engine_bytes; /* of the device's memory that the engine takes itself */
} xt_feed_want;

/* Where a batch is: inputs (n, stride), what its outputs are compared with (n, n_targets), and the rows' weights (n);
 * where the data has none, w is a buffer all the same. Valid until the next call. */
typedef struct xt_feed_batch {
    xt_floats x, y, w;
} xt_feed_batch;

/* What a batch is still to be copied from, by an engine that does it in a kernel of its own: where `wanted`, row r of
 * the batch is row order[first + r] of these, of the same strides. */
typedef struct xt_feed_gather {
    bool wanted;
    size_t first;
    cl_mem order, x, y, w;
} xt_feed_gather;

/* Whether it can be had. *n_bytes becomes the device memory that it takes, the engine's included. Takes nothing. */
xt_status xt_feed_check(const xt_context *context, const xt_feed_want *want, size_t *n_bytes, xt_err *err);
/* program holds feed.cl. */
xt_status xt_feed_open(xt_context *context, cl_program program, const xt_feed_want *want, xt_feed **out, xt_err *err);
/* Waits for what it copies. NULL-safe; sets *feed to NULL. */
void xt_feed_close(xt_feed **feed);

/* The order of the rows from now on, which must stay as it is until the next; NULL: as they are. */
xt_status xt_feed_order(xt_feed *feed, const uint32_t *order, xt_err *err);
/* Rows first .. first + n - 1 of the order; n is at most batch_rows. They are put into their places, or, where gather
 * is not NULL, the caller's next launch does that if it says so. */
xt_status xt_feed_batch_at(xt_feed *feed, size_t first, size_t n, xt_feed_batch *out, xt_feed_gather *gather,
                           xt_err *err);

/* Rows of a piece; 0: all are resident. */
size_t xt_feed_piece_rows(const xt_feed *feed);

#endif
