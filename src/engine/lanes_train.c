/* Training in lanes: a launch of some epochs, and what its losses come to. */
#include "engine/lanes_engine.h"

#include "engine/layerwise.h"
#include "model/rng.h"
#include "model/schedule.h"

#include <assert.h>
#include <math.h>
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
            step[0] = xt_rate_at(&spec->optimizer, own.factors[k] * (double)lanes->scales[i]);
            step[lanes->width] = own.hypers[k].correction1;
            step[2 * lanes->width] = own.hypers[k].correction2;
        }
    }
    free(own.factors);
    free(own.hypers);
    return status;
}

void xt_lanes_settle(xt_lanes *lanes)
{
    lanes->settled = lanes->within = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        const xt_spec *spec = lanes->plans[i]->spec;
        xt_pace pace = pace_of(lanes, spec);
        bool corrects = xt_optimizer_at(spec->optimizer.kind)->beta > 0;
        uint64_t schedule = xt_schedule_settled(&spec->schedule, &pace);
        uint64_t optimizer = corrects ? xt_hyper_settled(&spec->optimizer) - 1 : 0;
        bool by_update = xt_schedule_unit(&spec->schedule, &pace) < pace.updates;
        uint64_t own = by_update && schedule > optimizer ? schedule : optimizer;
        uint64_t last = schedule > optimizer ? schedule : optimizer;
        lanes->settled = last > lanes->settled ? last : lanes->settled;
        lanes->within = own > lanes->within ? own : lanes->within;
    }
}

/* The steps of at most *n epochs from update `update` on, as many as there is room for. */
static steps_job plan_steps(const xt_lanes *lanes, uint64_t update, uint32_t *n)
{
    uint64_t last = lanes->settled, batches = xt_lanes_batches(lanes);
    steps_job job = {update, 1, 1};
    if (update >= last)
        return job;
    job.every = update >= lanes->within ? (size_t)batches : 1;
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

/* Whether one of n lanes is on. */
static bool is_any_on(const xt_lanes *lanes, size_t first, size_t n)
{
    for (size_t l = first; l < first + n; l++)
        if (lanes->on[l] == XT_LANES_ON)
            return true;
    return false;
}

/* Whether a lane that shares vectors with lane i is on. */
static bool is_computed(const xt_lanes *lanes, size_t i)
{
    return is_any_on(lanes, i / lanes->vector * lanes->vector, lanes->vector);
}

/* What the kernel saved for those that were stopped is theirs from now on. */
static void count_saved(xt_lanes *lanes)
{
    for (size_t i = 0; i < lanes->n; i++)
        if (lanes->on[i] == XT_LANES_STOPPED && is_computed(lanes, i)) {
            lanes->on[i] = XT_LANES_OFF;
            lanes->switches_stay = false;
        }
}

/* Block b's losses of an epoch of the last launch: sums, then their rounding, of which so much is one. */
static const float *sums_of(const xt_lanes *lanes, size_t b, uint32_t epoch)
{
    return (const float *)lanes->results + (b * lanes->n_trained + epoch) * 2 * lanes->width;
}

static double loss_divisor(const xt_lanes *lanes)
{
    const xt_plan *plan = lanes->plan;
    bool eval = plan->spec->loss_report == XT_REPORT_EVAL;
    double rows = eval ? xt_layerwise_all_shares(lanes->data) : (double)lanes->data->n_rows;
    return rows * (double)plan->n_losses;
}

void xt_lanes_losses(const xt_lanes *lanes, size_t i, double *losses)
{
    double divisor = loss_divisor(lanes);
    for (uint32_t e = 0; e < lanes->n_trained; e++)
        losses[e] = xt_lanes_loss_of(sums_of(lanes, i / lanes->width, e), i % lanes->width, lanes->width, divisor);
}

const xt_lanes_course *xt_lanes_course_of(const xt_lanes *lanes, size_t i)
{
    return &lanes->courses[i];
}

static xt_lanes_course follow_losses(const xt_lanes *lanes, size_t i)
{
    xt_lanes_course own = {0};
    double divisor = loss_divisor(lanes);
    while (own.n < lanes->n_trained) {
        own.last = xt_lanes_loss_of(sums_of(lanes, i / lanes->width, own.n), i % lanes->width, lanes->width, divisor);
        own.n++;
        if (!isfinite(own.last))
            break;
        if (!own.least_epoch || own.last < own.least) {
            own.least = own.last;
            own.least_epoch = own.n;
        }
    }
    return own;
}

/* Sixteen courses abreast, as vectors. false: a loss is not finite, and a lane wants a look of its own. */
static bool follow_vectors(const xt_lanes *lanes, size_t b, xt_lanes_course *courses)
{
    double divisor = loss_divisor(lanes), loss[XT_LANES], least[XT_LANES], at[XT_LANES], zeros[XT_LANES] = {0};
    bool finite = true;
    for (size_t l = 0; l < XT_LANES; l++) {
        least[l] = HUGE_VAL;
        at[l] = 0;
    }
    for (uint32_t e = 0; e < lanes->n_trained; e++) {
        const float *sums = sums_of(lanes, b, e);
        for (size_t l = 0; l < XT_LANES; l++)
            loss[l] = xt_lanes_loss_of(sums, l, XT_LANES, divisor);
        for (size_t l = 0; l < XT_LANES; l++)
            zeros[l] += loss[l] * 0;
        for (size_t l = 0; l < XT_LANES; l++) {
            bool less = loss[l] < least[l];
            double now_at = less ? e + 1.0 : at[l], now_least = less ? loss[l] : least[l];
            at[l] = now_at;
            least[l] = now_least;
        }
    }
    const float *sums = sums_of(lanes, b, lanes->n_trained - 1);
    for (size_t l = 0; l < XT_LANES; l++) {
        finite = finite && zeros[l] == 0;
        courses[l] = (xt_lanes_course){lanes->n_trained, xt_lanes_loss_of(sums, l, XT_LANES, divisor), least[l], (uint32_t)at[l]};
    }
    return finite;
}

/* Of blocks. */
static xt_status follow_blocks(xt_lanes *lanes, void *argument, size_t first, size_t n, xt_err *err)
{
    xt_lanes_course courses[XT_LANES];
    (void)argument;
    (void)err;
    for (size_t b = first; b < first + n; b++) {
        size_t begin = b * lanes->width, end = begin + lanes->width < lanes->n ? begin + lanes->width : lanes->n;
        if (!is_any_on(lanes, begin, end - begin))
            continue;
        bool together = lanes->width == XT_LANES && follow_vectors(lanes, b, courses);
        for (size_t i = begin; i < end; i++)
            lanes->courses[i] = together ? courses[i - begin] : follow_losses(lanes, i);
    }
    return XT_OK;
}

uint32_t xt_lanes_reach(const xt_lanes *lanes, uint32_t first, uint32_t n)
{
    uint32_t most = lanes->max_epochs;
    if (lanes->shape.job.shuffled == XT_LANES_GIVEN && most > lanes->max_ordered)
        most = lanes->max_ordered;
    n = n < most ? n : most;
    plan_steps(lanes, first * xt_lanes_batches(lanes), &n);
    return n;
}

xt_status xt_lanes_train(xt_lanes *lanes, uint32_t first, uint32_t n, xt_err *err)
{
    uint64_t update = first * xt_lanes_batches(lanes);
    size_t n_blocks = xt_lanes_blocks(lanes), n_lanes = n_blocks * lanes->width;
    uint32_t reach = n;
    steps_job steps = plan_steps(lanes, update, &reach);
    assert(reach == n && n <= xt_lanes_reach(lanes, first, n));
    lanes->n_staged = 0;
    xt_status status = xt_lanes_unmap(lanes, err);
    bool stay = update >= lanes->settled;
    if (!status && (!stay || !lanes->steps_stay))
        status = write_steps(lanes, &steps, err);
    if (!status && lanes->shape.job.shuffled == XT_LANES_GIVEN)
        status = write_orders(lanes, first, n, err);
    if (!status && !lanes->switches_stay)
        status = xt_buffer_write(lanes->context, lanes->buffers[XT_LANES_SWITCHES], 0, lanes->on,
                                 n_lanes * sizeof *lanes->on, err);
    if (!status)
        status = xt_lanes_launch(lanes, (uint32_t)update, first, (int)steps.n, (int)steps.every, (int)n, err);
    if (!status)
        status = xt_buffer_map(lanes->context, lanes->buffers[XT_LANES_RESULTS], n_lanes * n * 2 * sizeof(cl_float),
                               &lanes->results, err);
    if (status)
        return status;
    lanes->steps_stay = stay;
    lanes->switches_stay = true;
    lanes->n_trained = n;
    lanes->first_kept = first;
    lanes->read_block = SIZE_MAX;
    count_saved(lanes);
    return xt_lanes_share_out(lanes, follow_blocks, NULL, n_blocks, err);
}
