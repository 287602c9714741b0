/* Training in lanes: as many epochs a launch as the buffers hold. */
#include "engine/lanes_engine.h"

#include "engine/layerwise.h"
#include "model/metrics.h"
#include "model/rng.h"
#include "model/schedule.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- steps ---- */

/* What a launch's updates need. */
typedef struct steps_job {
    uint64_t update; /* the first */
    size_t n, every;
} steps_job;

static xt_pace pace_of(const xt_lanes *lanes, const xt_spec *spec)
{
    return (xt_pace){xt_lanes_batches(lanes), spec->epochs};
}

static bool same_schedule(const xt_spec *a, const xt_spec *b)
{
    return a->schedule.kind == b->schedule.kind && a->schedule.list == b->schedule.list &&
           a->schedule.n_list == b->schedule.n_list && a->epochs == b->epochs &&
           memcmp(a->schedule.values, b->schedule.values, sizeof a->schedule.values) == 0;
}

static bool same_betas(const xt_spec *a, const xt_spec *b, unsigned beta)
{
    return memcmp(a->optimizer.values + beta, b->optimizer.values + beta, 2 * sizeof *a->optimizer.values) == 0;
}

/* A net's factors on the learning rate, and its corrections. They take longer than a small net's update, and are mostly
 * those of the net before. */
typedef struct course {
    const xt_spec *spec; /* whose they are; NULL: nobody's yet */
    double *factors;
    xt_hyper *hypers;
} course;

static void follow(course *own, const xt_lanes *lanes, const steps_job *job, const xt_spec *spec)
{
    unsigned beta = xt_optimizer_at(spec->optimizer.kind)->beta;
    xt_pace pace = pace_of(lanes, spec);
    if (!own->spec || !same_schedule(own->spec, spec))
        for (size_t k = 0; k < job->n; k++)
            own->factors[k] = xt_schedule_factor(&spec->schedule, &pace, job->update + k * job->every);
    if (!own->spec || (beta && !same_betas(own->spec, spec, beta)))
        for (size_t k = 0; k < job->n; k++)
            own->hypers[k] = xt_hyper_at(&spec->optimizer, 1, job->update + k * job->every + 1);
    own->spec = spec;
}

static xt_status make_steps(xt_lanes *lanes, void *argument, size_t first, size_t n, xt_err *err)
{
    const steps_job *job = argument;
    course own = {NULL, malloc(job->n * sizeof *own.factors), malloc(job->n * sizeof *own.hypers)};
    xt_status status = XT_OK;
    if (!own.factors || !own.hypers)
        status = xt_fail_memory(err, "the steps", job->n * sizeof *own.hypers);
    for (size_t i = first; !status && i < first + n; i++) {
        const xt_spec *spec = lanes->plans[xt_lanes_net(lanes, i)]->spec;
        follow(&own, lanes, job, spec);
        for (size_t k = 0; k < job->n; k++) {
            float *step = lanes->steps + xt_lanes_at(lanes, i, job->n * XT_LANES_STEP, k * XT_LANES_STEP);
            step[0] = xt_rate_at(&spec->optimizer, own.factors[k]);
            step[lanes->width] = own.hypers[k].correction1;
            step[2 * lanes->width] = own.hypers[k].correction2;
        }
    }
    free(own.factors);
    free(own.hypers);
    return status;
}

/* From which update on no net's numbers change (UINT64_MAX: never surely); *within: until which one they change within
 * an epoch. */
static uint64_t settled(const xt_lanes *lanes, uint64_t *within)
{
    uint64_t last = 0;
    *within = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        const xt_spec *spec = lanes->plans[i]->spec;
        xt_pace pace = pace_of(lanes, spec);
        bool corrects = xt_optimizer_at(spec->optimizer.kind)->beta > 0;
        uint64_t schedule = xt_schedule_settled(&spec->schedule, &pace);
        uint64_t optimizer = corrects ? xt_hyper_settled(&spec->optimizer) - 1 : 0;
        bool by_update = xt_schedule_unit(&spec->schedule, &pace) < pace.updates;
        uint64_t own = by_update && schedule > optimizer ? schedule : optimizer;
        last = schedule > last ? schedule : last;
        last = optimizer > last ? optimizer : last;
        *within = own > *within ? own : *within;
    }
    return last;
}

/* The steps of at most *n epochs from update `update` on, as many as there is room for. */
static steps_job plan_steps(const xt_lanes *lanes, uint64_t update, uint32_t *n)
{
    uint64_t within, last = settled(lanes, &within), batches = xt_lanes_batches(lanes);
    steps_job job = {update, 1, 1};
    if (update >= last)
        return job;
    job.every = update >= within ? (size_t)batches : 1;
    uint64_t an_epoch = batches / job.every, left = (last - update) / job.every;
    if (left >= lanes->max_steps && *n > lanes->max_steps / an_epoch)
        *n = (uint32_t)(lanes->max_steps / an_epoch);
    /* The step that is under way, and the one that all others have. */
    uint64_t all = *n * an_epoch;
    job.n = (size_t)(left < all && left + 2 < all ? left + 2 : all);
    return job;
}

static xt_status write_steps(xt_lanes *lanes, steps_job *job, xt_err *err)
{
    size_t n_lanes = xt_lanes_blocks(lanes) * lanes->width;
    xt_status status = xt_lanes_share_out(lanes, make_steps, job, n_lanes, err);
    if (!status)
        status = xt_buffer_write(lanes->context, lanes->buffers[XT_LANES_STEPS], 0, lanes->steps,
                                 n_lanes * job->n * XT_LANES_STEP * sizeof *lanes->steps, err);
    return status;
}

/* ---- orders ---- */

typedef struct order_job {
    uint32_t first, n; /* epochs */
} order_job;

/* A lane that is off takes any rows. */
static xt_status make_orders(xt_lanes *lanes, void *argument, size_t first, size_t n, xt_err *err)
{
    const order_job *job = argument;
    size_t n_rows = lanes->data->n_rows;
    uint32_t *order = malloc(n_rows * sizeof *order);
    uint64_t *work = malloc(2 * n_rows * sizeof *work);
    xt_status status = order && work ? XT_OK : xt_fail_memory(err, "an order of the rows", 5 * n_rows * sizeof *order);
    for (size_t i = first; !status && i < first + n; i++) {
        cl_uint *out = lanes->orders + xt_lanes_at(lanes, i, job->n * n_rows, 0);
        for (uint32_t epoch = 0; lanes->on[i] == XT_LANES_ON && epoch < job->n; epoch++) {
            xt_shuffle(lanes->plans[i]->spec->seed, job->first + epoch, n_rows, order, work);
            for (size_t r = 0; r < n_rows; r++, out += lanes->width)
                *out = order[r];
        }
    }
    free(order);
    free(work);
    return status;
}

static xt_status write_orders(xt_lanes *lanes, uint32_t first, uint32_t n, xt_err *err)
{
    order_job job = {first, n};
    size_t n_lanes = xt_lanes_blocks(lanes) * lanes->width;
    xt_status status = xt_lanes_share_out(lanes, make_orders, &job, n_lanes, err);
    if (!status)
        status = xt_buffer_write(lanes->context, lanes->buffers[XT_LANES_ORDER], 0, lanes->orders,
                                 n_lanes * n * lanes->data->n_rows * sizeof *lanes->orders, err);
    return status;
}

/* ---- launches ---- */

/* Whether a lane that shares vectors with lane i is on. */
static bool is_computed(const xt_lanes *lanes, size_t i)
{
    size_t first = i / lanes->vector * lanes->vector;
    for (size_t l = first; l < first + lanes->vector; l++)
        if (lanes->on[l] == XT_LANES_ON)
            return true;
    return false;
}

/* What the kernel saved for those that were stopped is theirs from now on. */
static void count_saved(xt_lanes *lanes)
{
    for (size_t i = 0; i < lanes->n; i++)
        if (lanes->on[i] == XT_LANES_STOPPED && is_computed(lanes, i))
            lanes->on[i] = XT_LANES_OFF;
}

/* n epochs from `done` on of all of a call. */
static void take_losses(const xt_lanes *lanes, uint32_t done, uint32_t n, uint32_t all, double *losses)
{
    const xt_plan *plan = lanes->plan;
    bool eval = plan->spec->loss_report == XT_REPORT_EVAL;
    double rows = eval ? xt_layerwise_all_shares(lanes->data) : (double)lanes->data->n_rows;
    double over = rows * (double)plan->n_losses;
    for (size_t i = 0; i < lanes->n; i++) {
        const float *sums = lanes->results + xt_lanes_at(lanes, i, 2 * (size_t)n, 0);
        for (uint32_t e = 0; lanes->on[i] == XT_LANES_ON && e < n; e++, sums += 2 * lanes->width)
            losses[i * all + done + e] = ((double)sums[0] + (double)sums[lanes->width]) / over;
    }
}

uint32_t xt_lanes_reach(const xt_lanes *lanes, uint32_t first, uint32_t n)
{
    uint32_t most = lanes->max_epochs;
    if (lanes->shape.job.shuffled && most > lanes->max_ordered)
        most = lanes->max_ordered;
    n = n < most ? n : most;
    plan_steps(lanes, first * xt_lanes_batches(lanes), &n);
    return n;
}

/* Trains at most *n epochs, as many as fit into one launch. */
static xt_status launch_epochs(xt_lanes *lanes, uint32_t first, uint32_t *n, xt_err *err)
{
    uint64_t update = first * xt_lanes_batches(lanes);
    size_t n_lanes = xt_lanes_blocks(lanes) * lanes->width;
    *n = xt_lanes_reach(lanes, first, *n);
    steps_job steps = plan_steps(lanes, update, n);
    xt_status status = write_steps(lanes, &steps, err);
    if (!status && lanes->shape.job.shuffled)
        status = write_orders(lanes, first, *n, err);
    if (!status)
        status = xt_buffer_write(lanes->context, lanes->buffers[XT_LANES_SWITCHES], 0, lanes->on,
                                 n_lanes * sizeof *lanes->on, err);
    if (!status)
        status = xt_lanes_launch(lanes, (uint32_t)update, (int)steps.n, (int)steps.every, (int)*n, err);
    if (!status)
        status = xt_buffer_read(lanes->context, lanes->buffers[XT_LANES_RESULTS], 0, lanes->results,
                                n_lanes * *n * 2 * sizeof *lanes->results, err);
    return status;
}

/* ---- metrics ---- */

/* A block's outputs of an epoch, which other nets of it may want next. */
static xt_status read_kept(xt_lanes *lanes, size_t block, uint32_t epoch, xt_err *err)
{
    size_t n = lanes->data->n_rows * lanes->data->n_targets * lanes->width, at = block * lanes->n_kept + epoch - lanes->first_kept;
    if (lanes->read_block == block && lanes->read_epoch == epoch)
        return XT_OK;
    lanes->read_block = SIZE_MAX;
    xt_status status = xt_buffer_read(lanes->context, lanes->buffers[XT_LANES_KEPT], at * n * sizeof(float), lanes->kept,
                                      n * sizeof(float), err);
    if (!status) {
        lanes->read_block = block;
        lanes->read_epoch = epoch;
    }
    return status;
}

xt_status xt_lanes_measure(xt_lanes *lanes, size_t i, uint32_t epoch, double *metrics, xt_err *err)
{
    const xt_spec *spec = lanes->plans[i]->spec;
    size_t n_rows = lanes->data->n_rows, n_outputs = lanes->data->n_targets;
    assert(i < lanes->n && epoch >= lanes->first_kept && epoch - lanes->first_kept < lanes->n_kept);
    xt_status status = read_kept(lanes, i / lanes->width, epoch, err);
    if (status)
        return status;
    for (size_t k = 0; k < n_rows * n_outputs; k++)
        lanes->outputs[k] = lanes->kept[k * lanes->width + i % lanes->width];
    if (spec->shuffle)
        xt_shuffle(spec->seed, epoch, n_rows, lanes->order, lanes->order_work);
    const xt_scored rows = {n_rows, n_outputs, lanes->outputs, lanes->data->targets, spec->shuffle ? lanes->order : NULL};
    return xt_metrics_measure(spec->metrics, spec->n_metrics, &rows, metrics, err);
}

/* ---- a call ---- */

xt_status xt_lanes_train(xt_lanes *lanes, uint32_t first, uint32_t n, double *losses, xt_err *err)
{
    xt_status status = XT_OK;
    lanes->n_staged = 0;
    for (uint32_t done = 0; !status && done < n;) {
        uint32_t some = n - done;
        status = launch_epochs(lanes, first + done, &some, err);
        if (!status) {
            take_losses(lanes, done, some, n, losses);
            lanes->first_kept = first + done;
            lanes->n_kept = some;
            lanes->read_block = SIZE_MAX;
            count_saved(lanes);
        }
        done += some;
    }
    return status;
}
