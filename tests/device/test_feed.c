/* The feed of training rows: batches against the host's rows, resident and streamed. */
#include "net.h"

#include "../unit/cases.h"
#include "base/log.h"
#include "engine/engines.h"
#include "engine/feed.h"
#include "model/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct feed_case {
    const char *name;
    size_t rows, inputs, targets, batch, pad, slack;
    bool weighted, shuffles;
    size_t piece_batches; /* 0: resident */
    bool by_numbers;      /* rows are copied as on devices that are no CPUs */
} feed_case;

static const feed_case feed_cases[] = {
    {"resident", 37, 5, 3, 8, 0, 0, false, false, 0, false},
    {"resident, weighted", 37, 5, 3, 8, 0, 0, true, false, 0, false},
    {"resident, padded", 37, 5, 3, 8, 11, 7, true, false, 0, false},
    {"resident, shuffled", 37, 5, 3, 8, 0, 0, false, true, 0, false},
    {"resident, shuffled, padded, weighted", 37, 5, 3, 8, 3, 9, true, true, 0, false},
    {"resident, shuffled, one column", 129, 1, 1, 65, 0, 0, true, true, 0, false},
    {"resident, shuffled, one batch", 19, 7, 2, 64, 1, 1, true, true, 0, false},
    {"resident, shuffled, one row", 1, 3, 1, 1, 5, 0, false, true, 0, false},
    {"streamed, short last batch", 101, 5, 3, 8, 0, 0, false, false, 3, false},
    {"streamed, a batch a piece", 101, 5, 3, 8, 0, 0, true, false, 1, false},
    {"streamed, padded, weighted", 101, 5, 3, 8, 11, 7, true, false, 2, false},
    {"streamed, shuffled", 101, 5, 3, 8, 0, 0, false, true, 2, false},
    {"streamed, shuffled, padded, weighted", 101, 5, 3, 8, 3, 9, true, true, 4, false},
    {"streamed, two pieces", 96, 5, 3, 8, 0, 0, true, false, 6, false},
    {"streamed, shuffled, two pieces", 96, 5, 3, 8, 0, 0, true, true, 6, false},
    {"streamed, shuffled, wide", 300, 130, 10, 32, 14, 16, false, true, 2, false},
    {"resident, shuffled, by numbers", 37, 5, 3, 8, 0, 0, false, true, 0, true},
    {"resident, shuffled, padded, weighted, by numbers", 37, 5, 3, 8, 3, 9, true, true, 0, true},
};
enum { N_FEED_CASES = sizeof feed_cases / sizeof feed_cases[0] };

typedef struct fixture {
    const feed_case *c;
    xt_context *context;
    xt_program program;
    test_net net; /* for its data */
    xt_feed_want want;
    xt_feed *feed;
    uint32_t *order; /* NULL: as they are */
} fixture;

static void begin(fixture *f, const feed_case *c)
{
    uint64_t stream = net_seed();
    *f = (fixture){.c = c, .context = net_context()};
    if (c->by_numbers)
        f->context->device.type = CL_DEVICE_TYPE_GPU;
    net_begin(&f->net);
    net_add_layer(&f->net, (uint32_t)c->targets, "linear");
    f->net.weighted = c->weighted;
    net_finish(&f->net, c->rows, c->inputs, &stream);
    f->want = (xt_feed_want){.data = &f->net.data,
                             .shuffles = c->shuffles,
                             .batch_rows = c->batch,
                             .stride = c->inputs + c->pad,
                             .slack = c->slack};
    const char *files[] = {"feed.cl"};
    const xt_program_source source = {NULL, files, 1};
    xt_err err;
    net_ok(xt_program_open(f->context, &source, &f->program, &err), &err);
}

static void end(fixture *f)
{
    xt_feed_close(&f->feed);
    xt_program_close(f->context, &f->program);
    xt_context_close(&f->context);
    net_clear(&f->net);
    free(f->order);
}

/* A device whose buffers hold pieces of so many batches and not all rows. */
static void limit(fixture *f)
{
    const feed_case *c = f->c;
    enum { ALIGNED = 2 * 16 };
    size_t rows = c->piece_batches * c->batch;
    if (c->piece_batches)
        f->context->device.max_alloc_bytes =
            (rows * (f->want.stride + c->targets + 1) + c->slack + ALIGNED) * sizeof(float);
}

/* Rows first .. first + n - 1, as the device has them. */
static void compare_batch(const fixture *f, size_t first, size_t n)
{
    const xt_dataset *data = &f->net.data;
    size_t stride = f->want.stride, m = data->n_targets;
    float *x = calloc(n * stride + f->want.slack, sizeof *x), *y = calloc(n * m, sizeof *y), *w = calloc(n, sizeof *w);
    xt_feed_batch at;
    xt_err err;
    assert_true(x && y && w);
    net_ok(xt_feed_batch_at(f->feed, first, n, &at, NULL, &err), &err);
    size_t n_x = n * stride + f->want.slack;
    net_ok(xt_buffer_read(f->context, at.x.buffer, at.x.at * sizeof *x, x, n_x * sizeof *x, &err), &err);
    net_ok(xt_buffer_read(f->context, at.y.buffer, at.y.at * sizeof *y, y, n * m * sizeof *y, &err), &err);
    assert_non_null(at.w.buffer);
    if (data->weights)
        net_ok(xt_buffer_read(f->context, at.w.buffer, at.w.at * sizeof *w, w, n * sizeof *w, &err), &err);
    for (size_t r = 0; r < n; r++) {
        size_t row = f->order ? f->order[first + r] : first + r;
        assert_memory_equal(x + r * stride, data->inputs + row * data->n_inputs, data->n_inputs * sizeof *x);
        for (size_t i = data->n_inputs; i < stride; i++)
            assert_true(x[r * stride + i] == 0);
        assert_memory_equal(y + r * m, data->targets + row * m, m * sizeof *y);
        if (data->weights)
            assert_memory_equal(w + r, data->weights + row, sizeof *w);
    }
    free(x);
    free(y);
    free(w);
}

/* An epoch as engines take it: batches, each asked for again; all rows once more in halves of them; and, last, rows
 * that no batch begins with. */
static void compare_epoch(const fixture *f)
{
    size_t rows = f->c->rows, batch = f->c->batch, half = (batch + 1) / 2;
    for (size_t first = 0; first < rows; first += batch) {
        size_t n = rows - first < batch ? rows - first : batch;
        compare_batch(f, first, n);
        compare_batch(f, first, n);
    }
    for (size_t first = 0; first < rows; first += half)
        compare_batch(f, first, rows - first < half ? rows - first : half);
    compare_batch(f, rows / 2, rows / 2 + half < rows ? half : 1);
}

static void gives_the_rows(void **state)
{
    const feed_case *c = *state;
    fixture f;
    xt_err err;
    size_t n_bytes;
    begin(&f, c);
    limit(&f);
    net_ok(xt_feed_check(f.context, &f.want, &n_bytes, &err), &err);
    net_ok(xt_feed_open(f.context, f.program.program, &f.want, &f.feed, &err), &err);
    assert_int_equal(xt_feed_piece_rows(f.feed), c->piece_batches * c->batch);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        if (c->shuffles && !f.order)
            f.order = calloc(c->rows, sizeof *f.order);
        uint64_t *work = calloc(2 * c->rows, sizeof *work);
        assert_non_null(work);
        if (f.order)
            xt_shuffle(epoch, epoch, c->rows, f.order, work);
        net_ok(xt_feed_order(f.feed, f.order, &err), &err);
        compare_epoch(&f);
        free(work);
    }
    /* And as they are after an order. */
    free(f.order);
    f.order = NULL;
    net_ok(xt_feed_order(f.feed, NULL, &err), &err);
    compare_epoch(&f);
    end(&f);
}

/* All rows are a batch: they and its copy take a little more than two pieces of them do. */
static void streams_one_piece(void **state)
{
    (void)state;
    static const feed_case c = {"one piece", 200, 5, 3, 200, 0, 0, true, true, 1, false};
    fixture f;
    xt_err err;
    size_t n_bytes;
    begin(&f, &c);
    net_ok(xt_feed_check(f.context, &f.want, &n_bytes, &err), &err);
    f.context->device.global_bytes = n_bytes;
    net_ok(xt_feed_open(f.context, f.program.program, &f.want, &f.feed, &err), &err);
    assert_int_equal(xt_feed_piece_rows(f.feed), c.rows);
    net_ok(xt_feed_order(f.feed, NULL, &err), &err);
    compare_epoch(&f);
    end(&f);
}

static void counts_its_bytes(void **state)
{
    (void)state;
    static const feed_case c = {"bytes", 1000, 6, 1, 10, 2, 4, true, true, 5, false};
    enum { ENGINE = 12345, PIECE = 416 + 64 + 50 }; /* 50 rows of 8 and the slack, 50 targets, both aligned; weights */
    fixture f;
    xt_err err;
    size_t n_bytes = 0;
    begin(&f, &c);
    f.want.engine_bytes = ENGINE;
    net_ok(xt_feed_check(f.context, &f.want, &n_bytes, &err), &err);
    assert_int_equal(n_bytes, ENGINE + ((8000 + 4) + 1000 + 1000 + 1000 + (80 + 4) + 10 + 10) * sizeof(float));
    limit(&f);
    net_ok(xt_feed_check(f.context, &f.want, &n_bytes, &err), &err);
    assert_int_equal(n_bytes, ENGINE + 2 * PIECE * sizeof(float));
    /* What the engine leaves decides too. */
    f.context->device.max_alloc_bytes = f.context->device.global_bytes;
    f.want.engine_bytes = f.context->device.global_bytes - f.context->device.global_bytes / 8 - 40000;
    net_ok(xt_feed_check(f.context, &f.want, &n_bytes, &err), &err);
    assert_true(n_bytes > f.want.engine_bytes && n_bytes <= f.want.engine_bytes + 40000);
    end(&f);
}

static void too_little_memory_is_an_error(void **state)
{
    (void)state;
    static const feed_case c = {"too little", 1000, 6, 1, 100, 0, 0, false, false, 1, false};
    fixture f;
    xt_err err;
    size_t n_bytes = 7;
    begin(&f, &c);
    f.context->device.global_bytes = 1000;
    assert_int_equal(xt_feed_check(f.context, &f.want, &n_bytes, &err), XT_FAILED);
    assert_int_equal(n_bytes, 7);
    assert_non_null(strstr(err.text, "train.batch_size"));
    assert_int_equal(xt_feed_open(f.context, f.program.program, &f.want, &f.feed, &err), XT_FAILED);
    assert_null(f.feed);
    /* Pieces that no buffer holds. */
    f.context->device.global_bytes = (cl_ulong)1 << 30;
    f.context->device.max_alloc_bytes = 1000;
    assert_int_equal(xt_feed_open(f.context, f.program.program, &f.want, &f.feed, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "a piece of the training rows"));
    assert_null(f.feed);
    end(&f);
}

/* What -v says while a feed of 5 pieces is opened. */
static void says_that_rows_are_streamed(void **state)
{
    (void)state;
    static const feed_case c = {"said", 100, 6, 1, 5, 0, 0, false, true, 4, false};
    char text[1000];
    fixture f;
    xt_err err;
    FILE *said = tmpfile();
    int saved = dup(STDERR_FILENO);
    begin(&f, &c);
    limit(&f);
    assert_non_null(said);
    assert_true(saved >= 0 && dup2(fileno(said), STDERR_FILENO) >= 0);
    xt_log_set(XT_VERBOSE);
    xt_status status = xt_feed_open(f.context, f.program.program, &f.want, &f.feed, &err);
    xt_log_set(XT_NORMAL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(said);
    text[fread(text, 1, sizeof text - 1, said)] = '\0';
    fclose(said);
    net_ok(status, &err);
    assert_non_null(strstr(text, "the training rows take 1 MiB beside the network's 0, too much for the memory of "));
    assert_non_null(strstr(text, "1 in one buffer): they are streamed, 5 pieces an epoch of up to 1 MiB\n"));
    end(&f);
}

int main(void)
{
    for (size_t i = 0; i < N_FEED_CASES; i++)
        unit_case(gives_the_rows, &feed_cases[i], "%s", feed_cases[i].name);
    UNIT_CASE(streams_one_piece);
    UNIT_CASE(counts_its_bytes);
    UNIT_CASE(says_that_rows_are_streamed);
    UNIT_CASE(too_little_memory_is_an_error);
    return unit_run("feed");
}
