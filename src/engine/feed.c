#include "engine/feed.h"

#include "base/log.h"
#include "engine/engines.h"

#include <stdlib.h>
#include <string.h>

enum { INPUTS, TARGETS, WEIGHTS, ORDER, BATCH_X, BATCH_Y, BATCH_W, N_BUFFERS };
enum { N_PIECES = 2 };

/* For messages. */
static const char *const buffer_names[N_BUFFERS] = {
    [INPUTS] = "the training inputs",
    [TARGETS] = "the training targets",
    [WEIGHTS] = "the rows' weights",
    [ORDER] = "the order of the rows",
    [BATCH_X] = "a batch's inputs",
    [BATCH_Y] = "a batch's targets",
    [BATCH_W] = "a batch's weights",
};
static const char *const piece_names[N_PIECES] = {"a piece of the training rows", "the next piece of the rows"};

/* Enough that what a copy costs beside its bytes is nothing. */
static const size_t piece_bytes = (size_t)32 << 20;
/* Of the device's memory, one part in so many is left to the driver and others before rows are taken for resident. */
enum { SPARED_PART = 8 };
/* Floats that targets and weights in a piece are aligned to. */
enum { ALIGNMENT = 16 };
/* The next piece is gathered so many times as fast as the current one is trained on, so that its copy has the rest of
 * that time. */
enum { AHEAD = 2 };
/* Work-groups a core of a gather by blocks, which even out what they differ in. */
enum { BLOCKS = 4 };

typedef struct piece {
    cl_mem buffer;
    xt_staging staging;
    size_t first, n;  /* rows of the order that it holds, or is to hold; n 0: none */
    size_t gathered;  /* of them in the staging */
    cl_event written; /* the copy to the device; NULL before the first */
    cl_event used;    /* by all that was put into the queue until another piece's turn; NULL likewise */
} piece;

struct xt_feed {
    xt_context *context;
    xt_feed_want want;
    xt_kernel gather;
    bool by_blocks;            /* of rows, one work-item each; else a work-item a number */
    cl_mem buffers[N_BUFFERS]; /* where resident */
    const uint32_t *order;
    size_t first, n;           /* what the batch's buffers hold, gathered; n 0: nothing */
    size_t piece_rows;         /* 0: resident */
    piece pieces[N_PIECES];    /* where streamed */
    piece *current;            /* that a batch was given from; NULL: neither */
};

/* ---- how much it takes ---- */

typedef struct layout {
    size_t sizes[N_BUFFERS]; /* floats, where resident */
    size_t piece_rows;       /* 0: resident */
    size_t piece_sizes[N_PIECES];
    size_t n_bytes;          /* with the engine's */
} layout;

static size_t aligned(size_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* A piece of n rows is one buffer, and so one copy: inputs, targets, weights. */
static size_t targets_at(const xt_feed_want *want, size_t n)
{
    return aligned(n * want->stride + want->slack);
}

static size_t weights_at(const xt_feed_want *want, size_t n)
{
    return targets_at(want, n) + aligned(n * want->data->n_targets);
}

static size_t piece_floats(const xt_feed_want *want, size_t n)
{
    return weights_at(want, n) + (want->data->weights ? n : 0);
}

static void size_resident(const xt_feed_want *want, size_t *sizes)
{
    const xt_dataset *data = want->data;
    size_t n = data->n_rows, batch = want->batch_rows < n ? want->batch_rows : n;
    sizes[INPUTS] = n * want->stride + want->slack;
    sizes[TARGETS] = n * data->n_targets;
    sizes[WEIGHTS] = data->weights ? n : 0;
    sizes[ORDER] = want->shuffles ? n : 0;
    sizes[BATCH_X] = want->shuffles ? batch * want->stride + want->slack : 0;
    sizes[BATCH_Y] = want->shuffles ? batch * data->n_targets : 0;
    sizes[BATCH_W] = want->shuffles && data->weights ? batch : 0;
}

static bool fits(const xt_context *context, const xt_feed_want *want, layout *out)
{
    const xt_device *device = &context->device;
    for (int i = 0; i < N_BUFFERS; i++)
        if (out->sizes[i] > device->max_alloc_bytes / sizeof(float))
            return false;
    return !xt_buffers_check(context, buffer_names, out->sizes, N_BUFFERS, want->engine_bytes, &out->n_bytes, NULL) &&
           out->n_bytes <= device->global_bytes - device->global_bytes / SPARED_PART;
}

/* As many batches as make a piece of the usual size, or of what the device can give, and at least one. */
static size_t choose_piece_rows(const xt_context *context, const xt_feed_want *want)
{
    const xt_device *device = &context->device;
    size_t room = device->global_bytes - device->global_bytes / SPARED_PART, n_rows = want->data->n_rows;
    size_t most = room > want->engine_bytes ? (room - want->engine_bytes) / N_PIECES : 0;
    most = most < piece_bytes ? most : piece_bytes;
    most = (most < device->max_alloc_bytes ? most : (size_t)device->max_alloc_bytes) / sizeof(float);
    size_t empty = want->slack + 2 * (size_t)ALIGNMENT, a_row = want->stride + want->data->n_targets + 1;
    size_t n = most > empty ? (most - empty) / a_row / want->batch_rows * want->batch_rows : 0;
    n = n ? n : want->batch_rows;
    return n < n_rows ? n : n_rows;
}

static xt_status lay_out(const xt_context *context, const xt_feed_want *want, layout *out, xt_err *err)
{
    *out = (layout){0};
    size_resident(want, out->sizes);
    if (fits(context, want, out))
        return XT_OK;
    out->piece_rows = choose_piece_rows(context, want);
    for (int i = 0; i < N_PIECES; i++)
        out->piece_sizes[i] = piece_floats(want, out->piece_rows);
    return xt_buffers_check(context, piece_names, out->piece_sizes, N_PIECES, want->engine_bytes, &out->n_bytes, err);
}

xt_status xt_feed_check(const xt_context *context, const xt_feed_want *want, size_t *n_bytes, xt_err *err)
{
    layout l;
    xt_status status = lay_out(context, want, &l, err);
    if (!status)
        *n_bytes = l.n_bytes;
    return status;
}

/* ---- resident ---- */

static xt_status open_resident(xt_feed *feed, const layout *l, xt_err *err)
{
    const xt_dataset *data = feed->want.data;
    size_t row_bytes = data->n_inputs * sizeof(float);
    xt_status status = xt_buffers_open(feed->context, buffer_names, l->sizes, N_BUFFERS, true, feed->buffers, err);
    if (!status)
        status = xt_buffer_write_rows(feed->context, feed->buffers[INPUTS], feed->want.stride * sizeof(float),
                                      data->inputs, row_bytes, data->n_rows, err);
    if (!status)
        status = xt_buffer_write(feed->context, feed->buffers[TARGETS], 0, xt_engine_targets(data),
                                 l->sizes[TARGETS] * sizeof(float), err);
    if (!status && data->weights)
        status = xt_buffer_write(feed->context, feed->buffers[WEIGHTS], 0, data->weights,
                                 l->sizes[WEIGHTS] * sizeof(float), err);
    return status;
}

static xt_status gather(xt_feed *feed, size_t first, size_t n, xt_err *err)
{
    const xt_dataset *data = feed->want.data;
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)data->n_inputs, stride = (cl_uint)feed->want.stride;
    cl_uint targets = (cl_uint)data->n_targets, weighted = data->weights != NULL, start = (cl_uint)first;
    const cl_mem *b = feed->buffers;
    size_t groups = BLOCKS * (size_t)feed->context->device.compute_units;
    cl_uint block_rows = (cl_uint)((n - 1) / groups + 1);
    xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(stride), XT_ARG(targets), XT_ARG(weighted), XT_ARG(b[ORDER]),
                     XT_ARG(start), XT_ARG(b[INPUTS]), XT_ARG(b[TARGETS]), XT_ARG(b[WEIGHTS]), XT_ARG(b[BATCH_X]),
                     XT_ARG(b[BATCH_Y]), XT_ARG(b[BATCH_W]), XT_ARG(block_rows), XT_ARG_END};
    if (feed->by_blocks)
        return xt_launch(feed->context, &feed->gather, (n - 1) / block_rows + 1, args, err);
    args[sizeof args / sizeof *args - 2] = (xt_arg)XT_ARG_END;
    return xt_launch(feed->context, &feed->gather, n * (data->n_inputs + data->n_targets + weighted), args, err);
}

static xt_status resident_batch(xt_feed *feed, size_t first, size_t n, xt_feed_batch *out, xt_feed_gather *to_do,
                                xt_err *err)
{
    const xt_dataset *data = feed->want.data;
    const cl_mem *b = feed->buffers;
    if (!feed->order) {
        *out = (xt_feed_batch){{b[INPUTS], first * feed->want.stride},
                               {b[TARGETS], first * data->n_targets},
                               {b[WEIGHTS], data->weights ? first : 0}};
        return XT_OK;
    }
    /* Measured after its update, a batch is asked for twice. */
    bool is_there = feed->n == n && feed->first == first;
    xt_status status = is_there || to_do ? XT_OK : gather(feed, first, n, err);
    if (status)
        return status;
    if (to_do && !is_there)
        *to_do = (xt_feed_gather){true, first, b[ORDER], b[INPUTS], b[TARGETS], b[WEIGHTS]};
    feed->first = first;
    feed->n = n;
    *out = (xt_feed_batch){{b[BATCH_X], 0}, {b[BATCH_Y], 0}, {b[BATCH_W], 0}};
    return XT_OK;
}

/* ---- streamed ---- */

static xt_status open_streamed(xt_feed *feed, const layout *l, xt_err *err)
{
    xt_status status = XT_OK;
    for (int i = 0; !status && i < N_PIECES; i++) {
        piece *p = &feed->pieces[i];
        size_t n_bytes = l->piece_sizes[i] * sizeof(float);
        status = xt_buffer_open_raw(feed->context, piece_names[i], n_bytes, &p->buffer, err);
        if (!status)
            status = xt_staging_open(feed->context, piece_names[i], n_bytes, &p->staging, err);
    }
    return status;
}

/* Row i of a piece into its staging. */
static void gather_row(const xt_feed *feed, const piece *p, size_t i)
{
    const xt_feed_want *want = &feed->want;
    const xt_dataset *data = want->data;
    size_t row = feed->order ? feed->order[p->first + i] : p->first + i, n = data->n_inputs, m = data->n_targets;
    float *floats = p->staging.at, *x = floats + i * want->stride;
    memcpy(x, data->inputs + row * n, n * sizeof *x);
    memset(x + n, 0, (want->stride - n) * sizeof *x);
    memcpy(floats + targets_at(want, p->n) + i * m, xt_engine_targets(data) + row * m, m * sizeof *x);
    if (data->weights)
        floats[weights_at(want, p->n) + i] = data->weights[row];
}

/* Lets a piece become rows from `first` on. The host may be ahead of the copy that it had before. */
static xt_status begin(xt_feed *feed, piece *p, size_t first, xt_err *err)
{
    size_t left = feed->want.data->n_rows - first;
    xt_status status = xt_event_wait(feed->context, p->written, err);
    if (status)
        return status;
    p->first = first;
    p->n = left < feed->piece_rows ? left : feed->piece_rows;
    p->gathered = 0;
    memset((float *)p->staging.at + p->n * feed->want.stride, 0, feed->want.slack * sizeof(float));
    return XT_OK;
}

/* Gathers up to n rows more of it, and has it copied when that was all. */
static xt_status fill(xt_feed *feed, piece *p, size_t n, xt_err *err)
{
    size_t left = p->n - p->gathered;
    if (!left)
        return XT_OK;
    n = n < left ? n : left;
    for (size_t i = 0; i < n; i++)
        gather_row(feed, p, p->gathered + i);
    p->gathered += n;
    if (p->gathered < p->n)
        return XT_OK;
    size_t n_bytes = piece_floats(&feed->want, p->n) * sizeof(float);
    return xt_transfer(feed->context, p->buffer, p->staging.at, n_bytes, p->used, &p->written, err);
}

/* No more is put into the queue that reads the current piece. */
static xt_status leave(xt_feed *feed, xt_err *err)
{
    piece *p = feed->current;
    feed->current = NULL;
    return p ? xt_context_mark(feed->context, &p->used, err) : XT_OK;
}

static bool holds(const piece *p, size_t first, size_t n)
{
    return first >= p->first && first + n <= p->first + p->n;
}

/* Makes the piece with these rows the current one: the next that was begun, or one begun now. */
static xt_status turn_to(xt_feed *feed, size_t first, size_t n, xt_err *err)
{
    piece *p = &feed->pieces[feed->current == &feed->pieces[0]];
    xt_status status = leave(feed, err);
    if (!status && !holds(p, first, n))
        status = begin(feed, p, first, err);
    if (!status)
        status = fill(feed, p, p->n, err);
    if (!status)
        status = xt_context_await(feed->context, p->written, err);
    if (!status)
        feed->current = p;
    return status;
}

/* Goes on with the piece behind the current one, by n rows. */
static xt_status prepare(xt_feed *feed, size_t n, xt_err *err)
{
    const piece *current = feed->current;
    piece *next = &feed->pieces[current == &feed->pieces[0]];
    size_t first = current->first + current->n;
    if (first == feed->want.data->n_rows)
        return XT_OK;
    xt_status status = next->n && next->first == first ? XT_OK : begin(feed, next, first, err);
    return status ? status : fill(feed, next, n, err);
}

static xt_status streamed_batch(xt_feed *feed, size_t first, size_t n, xt_feed_batch *out, xt_err *err)
{
    xt_status status = feed->current && holds(feed->current, first, n) ? XT_OK : turn_to(feed, first, n, err);
    if (!status)
        status = prepare(feed, AHEAD * n, err);
    if (status)
        return status;
    const xt_feed_want *want = &feed->want;
    const piece *p = feed->current;
    size_t at = first - p->first;
    *out = (xt_feed_batch){{p->buffer, at * want->stride},
                           {p->buffer, targets_at(want, p->n) + at * want->data->n_targets},
                           {p->buffer, want->data->weights ? weights_at(want, p->n) + at : 0}};
    return XT_OK;
}

/* ---- both ---- */

xt_status xt_feed_order(xt_feed *feed, const uint32_t *order, xt_err *err)
{
    bool stays = !order && !feed->order;
    feed->order = order;
    feed->n = 0;
    if (stays)
        return XT_OK;
    if (!feed->piece_rows)
        return order ? xt_buffer_write(feed->context, feed->buffers[ORDER], 0, order,
                                       feed->want.data->n_rows * sizeof *order, err)
                     : XT_OK;
    for (int i = 0; i < N_PIECES; i++)
        feed->pieces[i].n = 0;
    return leave(feed, err);
}

xt_status xt_feed_batch_at(xt_feed *feed, size_t first, size_t n, xt_feed_batch *out, xt_feed_gather *gather,
                           xt_err *err)
{
    if (gather)
        *gather = (xt_feed_gather){0};
    return feed->piece_rows ? streamed_batch(feed, first, n, out, err)
                            : resident_batch(feed, first, n, out, gather, err);
}

size_t xt_feed_piece_rows(const xt_feed *feed)
{
    return feed->piece_rows;
}

static size_t mebibytes(size_t n_bytes)
{
    return (n_bytes >> 20) + ((n_bytes & ((1 << 20) - 1)) != 0);
}

static void tell(const xt_feed *feed, const layout *l)
{
    const xt_device *device = &feed->context->device;
    size_t n_bytes = 0, n_rows = feed->want.data->n_rows;
    for (int i = 0; i < N_BUFFERS; i++)
        n_bytes += l->sizes[i] * sizeof(float);
    xt_detail("the training rows take %zu MiB beside the network's %zu, too much for the memory of %s (%zu MiB, %zu in "
              "one buffer): they are streamed, %zu pieces an epoch of up to %zu MiB",
              mebibytes(n_bytes), mebibytes(feed->want.engine_bytes), device->name, mebibytes(device->global_bytes),
              mebibytes(device->max_alloc_bytes), (n_rows - 1) / l->piece_rows + 1,
              mebibytes(l->piece_sizes[0] * sizeof(float)));
}

xt_status xt_feed_open(xt_context *context, cl_program program, const xt_feed_want *want, xt_feed **out, xt_err *err)
{
    layout l;
    xt_status status = lay_out(context, want, &l, err);
    if (status)
        return status;
    xt_feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return xt_fail_memory(err, "the training rows' places", sizeof *feed);
    feed->context = context;
    feed->want = *want;
    feed->piece_rows = l.piece_rows;
    if (l.piece_rows)
        tell(feed, &l);
    feed->by_blocks = xt_device_is_cpu(&context->device);
    status = xt_kernel_open(context, program, feed->by_blocks ? "xt_gather_blocks" : "xt_gather", &feed->gather, err);
    if (feed->by_blocks)
        feed->gather.group = 1;
    if (!status)
        status = (l.piece_rows ? open_streamed : open_resident)(feed, &l, err);
    if (status)
        xt_feed_close(&feed);
    else
        *out = feed;
    return status;
}

void xt_feed_close(xt_feed **at)
{
    xt_feed *feed = *at;
    if (!feed)
        return;
    xt_transfers_finish(feed->context, NULL);
    for (int i = 0; i < N_PIECES; i++) {
        piece *p = &feed->pieces[i];
        xt_event_close(feed->context, &p->written);
        xt_event_close(feed->context, &p->used);
        xt_staging_close(feed->context, &p->staging);
        xt_buffer_close(feed->context, &p->buffer);
    }
    xt_buffers_close(feed->context, N_BUFFERS, feed->buffers);
    xt_kernel_close(feed->context, &feed->gather);
    free(feed);
    *at = NULL;
}
