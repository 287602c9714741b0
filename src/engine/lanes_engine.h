/* lanes_engine.h: the struct of many trainings at once, for the files that it is
 * in: lanes.c, which opens, begins and reads them, lanes_shape.c, which lays a
 * network out, lanes_train.c, and lanes_measure.c. */
#ifndef XT_ENGINE_LANES_ENGINE_H
#define XT_ENGINE_LANES_ENGINE_H

#include "engine/engines.h"
#include "engine/lanes.h"
#include "engine/prelude.h"
#include "ocl/context.h"

#include "lanes_shape.h" /* cl/lanes_shape.h */

enum { XT_LANES_STATE, XT_LANES_SAVED, XT_LANES_MEM, XT_LANES_INPUTS, XT_LANES_TARGETS, XT_LANES_WEIGHTS,
       XT_LANES_ORDER, XT_LANES_NUMBERS, XT_LANES_WORDS, XT_LANES_SWITCHES, XT_LANES_STEPS,
       XT_LANES_RESULTS, XT_LANES_KEPT,
       /* of the validation rows */
       XT_LANES_OTHER_INPUTS, XT_LANES_OTHER_TARGETS, XT_LANES_OTHER_WEIGHTS, XT_LANES_SCORES, XT_LANES_OUTPUTS,
       XT_LANES_BUFFERS };

/* A network as the kernel sees it. */
typedef struct xt_lanes_shape {
    xt_lanes_job job;
    xt_lanes_layer layers[XT_MAX_LAYERS];
} xt_lanes_shape;

struct xt_lanes {
    const xt_plan *plan; /* that it was opened with */
    const xt_dataset *data, *validation; /* NULL: none */
    xt_context *context;
    xt_engine_facts facts;
    xt_lanes_shape shape;
    xt_program program;
    xt_kernel kernel, score;
    size_t vector;         /* lanes of a work-item: XT_LANES, or 1 */
    size_t width;          /* lanes of a block */
    size_t room, n;        /* nets: at most, and those that were begun */
    const xt_plan **plans; /* n */
    float *scales;         /* a lane: on the learning rate */
    cl_uint *on;           /* a lane: XT_LANES_ON .. */
    cl_mem buffers[XT_LANES_BUFFERS];
    size_t sizes[XT_LANES_BUFFERS];
    uint32_t max_epochs, max_ordered; /* of a launch: that there are results, and orders that are given, for */
    uint32_t first_kept;              /* epoch of those whose outputs the device keeps */
    size_t read_block;                /* whose outputs of read_epoch were read; SIZE_MAX: none */
    uint32_t read_epoch;
    size_t max_steps;                 /* likewise; at least an epoch's */
    bool switches_stay, steps_stay;   /* since the last launch: the device has them */
    uint64_t settled, within;         /* updates from which on no net's numbers change, and change no more within an epoch */
    void *results;                    /* mapped: of n_trained epochs; NULL: they are the device's */
    void *scores, *scored;            /* likewise, of the validation rows: sums, and outputs */
    double other_divisor;             /* what a sum of their losses is divided by */
    uint32_t n_trained;
    xt_lanes_course *courses;         /* room */
    float *numbers, *steps;           /* as large as their buffers */
    cl_uint *words, *orders;
    float *outputs, *kept;   /* (n_rows, n_outputs) of a net, and of a block an epoch */
    cl_uint *order;          /* n_rows: of a net's epoch */
    uint64_t *order_work;    /* 2 * n_rows */
    float *staging;          /* the state of blocks first_staged .. */
    size_t max_staged;       /* blocks, at least 1 */
    size_t first_staged, n_staged;
};

static inline size_t xt_lanes_blocks(const xt_lanes *lanes)
{
    return (lanes->n + lanes->width - 1) / lanes->width;
}

/* The place of value k of net i, in a buffer of n values a lane. */
static inline size_t xt_lanes_at(const xt_lanes *lanes, size_t i, size_t n, size_t k)
{
    return (i / lanes->width * n + k) * lanes->width + i % lanes->width;
}

/* A mean, of a block's sums: `width` of them, then their roundings. */
static inline double xt_lanes_loss_of(const float *sums, size_t lane, size_t width, double divisor)
{
    return ((double)sums[lane] + (double)sums[width + lane]) / divisor;
}

/* The net that lane i computes: a lane without one does what the first of its block does. */
static inline size_t xt_lanes_net(const xt_lanes *lanes, size_t i)
{
    return i < lanes->n ? i : i / lanes->width * lanes->width;
}

/* As xt_lanes_open, in a form of the caller's choice, for tests: XT_LANES nets a work-item, or 1; 0: what suits. */
xt_status xt_lanes_open_as(const xt_plan *plan, const xt_dataset *data, const xt_dataset *validation, size_t most,
                           size_t vector, xt_lanes **out, xt_err *err);

/* Finds from when on the numbers of the nets that were begun change no more. */
void xt_lanes_settle(xt_lanes *lanes);
/* Updates of an epoch. */
uint64_t xt_lanes_batches(const xt_lanes *lanes);

/* Lays the plan's network out for such data; validation: NULL, or what is scored too. */
void xt_lanes_lay_out(const xt_plan *plan, const xt_dataset *data, const xt_dataset *validation, xt_lanes_shape *out);
/* Appends what goes before the kernel's text: the network as literals, how wide values are, and whether rows are scored
 * that are not trained on. */
void xt_lanes_prelude(const xt_lanes_shape *shape, size_t vector, bool scores, xt_buf *out);
/* Writes net i's numbers and words. */
void xt_lanes_say_numbers(xt_lanes *lanes, size_t i);

/* Does a part of things first .. first + n - 1 of something. */
typedef xt_status xt_lanes_part_fn(xt_lanes *lanes, void *job, size_t first, size_t n, xt_err *err);
/* Has n things done, by as many threads as there are processors; the first failure of any is what comes back. */
xt_status xt_lanes_share_out(xt_lanes *lanes, xt_lanes_part_fn *part, void *job, size_t n, xt_err *err);

/* Copies the validation rows to their buffers, and launches what scores them for none. */
xt_status xt_lanes_open_scores(xt_lanes *lanes, xt_err *err);
/* Gives back what is mapped of the last launches. */
xt_status xt_lanes_unmap(xt_lanes *lanes, xt_err *err);

/* Enqueues n_epochs of all nets from epoch `first` on; those of update `update` on have so many steps, each for `every`
 * updates. */
xt_status xt_lanes_launch(xt_lanes *lanes, uint32_t update, uint32_t first, int n_steps, int every, int n_epochs,
                          xt_err *err);

#endif
