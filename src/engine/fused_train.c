/* What the fused engine does while it trains: as many epochs a launch as the
 * buffers hold, and the form that takes over. */
#include "engine/fused_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/layerwise.h"
#include "model/metrics.h"
#include "model/rng.h"

#include <string.h>

/* What is left must take so long for a specialised form to be loaded, or compiled
 * beside the training: a few times what that takes. */
static const double load_seconds = 0.02, compile_seconds = 8;

static void order_epochs(xt_fused *engine, uint32_t first, uint32_t n)
{
    size_t n_rows = engine->base.data->n_rows;
    engine->first_ordered = first;
    engine->n_ordered = n < engine->max_ordered ? n : engine->max_ordered;
    for (uint32_t i = 0; i < engine->n_ordered; i++)
        xt_shuffle(engine->base.plan->spec->seed, first + i, n_rows, engine->orders + i * n_rows, engine->work);
}

/* The order of the rows of at most *n epochs from `first`, as many as are ready. */
static xt_status write_order(xt_fused *engine, uint32_t first, uint32_t *n, xt_err *err)
{
    if (engine->first_ordered != first || !engine->n_ordered)
        order_epochs(engine, first, *n);
    if (*n > engine->n_ordered)
        *n = engine->n_ordered;
    return xt_buffer_write(engine->context, engine->buffers[ORDER], 0, engine->orders,
                           *n * engine->base.data->n_rows * sizeof *engine->orders, err);
}

/* The numbers of n updates from `first` on: one each, or those before they settle and one for all that follow. */
static xt_status write_steps(xt_fused *engine, uint64_t first, uint64_t n, xt_err *err)
{
    uint64_t settled = xt_engine_settled(&engine->base), left = first < settled ? settled - first : 0;
    size_t n_steps = (size_t)(n <= left ? n : left + 1);
    bool stay = first >= settled;
    if (stay && engine->steps_stay && memcmp(&engine->rate_scale, &engine->base.rate_scale, sizeof(float)) == 0)
        return XT_OK;
    for (size_t i = 0; i < n_steps; i++) {
        xt_hyper hyper = xt_engine_hyper(&engine->base, first + i);
        engine->steps[i] =
            (xt_fused_step){hyper.learning_rate, hyper.first, hyper.correction1, hyper.correction2};
    }
    engine->n_steps = n_steps;
    engine->steps_stay = stay;
    engine->rate_scale = engine->base.rate_scale;
    return xt_buffer_write(engine->context, engine->buffers[STEPS], 0, engine->steps, n_steps * sizeof *engine->steps, err);
}

/* Epochs of one launch that the buffers hold. */
static uint32_t room_for(const xt_fused *engine)
{
    const xt_plan *plan = engine->base.plan;
    uint64_t batches = xt_engine_batches(&engine->base), n_outputs = engine->base.data->n_rows * plan->n_outputs;
    uint64_t room = engine->sizes[RESULTS] / 2;
    if (plan->spec->n_metrics && engine->sizes[KEPT] / n_outputs < room)
        room = engine->sizes[KEPT] / n_outputs;
    if (MAX_UPDATES / batches < room)
        room = MAX_UPDATES / batches;
    return room < 1 ? 1 : (uint32_t)room;
}

static xt_status take_results(const xt_fused *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    const xt_plan *plan = engine->base.plan;
    const xt_spec *spec = plan->spec;
    size_t n_rows = engine->base.data->n_rows, last = engine->n_steps - 1;
    uint64_t batches = xt_engine_batches(&engine->base);
    double rows_of_loss = spec->loss_report == XT_REPORT_EVAL ? xt_layerwise_all_shares(engine->base.data) : (double)n_rows;
    xt_status status = XT_OK;
    for (uint32_t i = 0; !status && i < n; i++) {
        uint64_t update = (i + 1) * batches - 1;
        xt_scored scored = {n_rows, plan->n_outputs, engine->kept + i * n_rows * plan->n_outputs,
                            engine->base.data->targets, spec->shuffle ? engine->orders + i * n_rows : NULL};
        rows[i].loss = xt_fused_mean(engine->staging + 2 * i, rows_of_loss * (double)plan->n_losses);
        rows[i].step = (first + i + 1) * batches;
        rows[i].learning_rate = engine->steps[update < last ? update : last].learning_rate;
        status = xt_metrics_measure(spec->metrics, spec->n_metrics, &scored, rows[i].metrics, err);
    }
    return status;
}

static const xt_form *current(const xt_fused *engine)
{
    return engine->special.kernel.kernel ? &engine->special : &engine->general;
}

/* While the device trains, the host orders the rows of the epochs that follow n others. Not where metrics still
 * need the order of these. */
static void order_next(xt_fused *engine, uint32_t first, uint32_t n)
{
    uint32_t epochs = engine->base.plan->spec->epochs, left = first < epochs ? epochs - first : 0;
    engine->n_ordered = 0;
    /* The next launch takes as many epochs or some times more. */
    if (left)
        order_epochs(engine, first, left < 4 * n ? left : 4 * n);
}

/* Makes *n epochs from `first` fewer where their updates have more numbers than there is room for. */
static void limit_steps(const xt_fused *engine, uint32_t first, uint32_t *n)
{
    uint64_t batches = xt_engine_batches(&engine->base), settled = xt_engine_settled(&engine->base), begin = first * batches;
    uint64_t left = begin < settled ? settled - begin : 0;
    if (left >= engine->max_steps && *n > engine->max_steps / batches)
        *n = (uint32_t)(engine->max_steps / batches);
}

/* Trains at most *n epochs, as many as fit into one launch. */
static xt_status launch_epochs(xt_fused *engine, uint32_t first, uint32_t *n, xt_epoch *rows, xt_err *err)
{
    const xt_spec *spec = engine->base.plan->spec;
    xt_status status = XT_OK;
    uint32_t room = room_for(engine);
    if (*n > room)
        *n = room;
    if (spec->shuffle)
        status = write_order(engine, first, n, err);
    limit_steps(engine, first, n);
    if (!status)
        status = write_steps(engine, first * xt_engine_batches(&engine->base), *n * xt_engine_batches(&engine->base), err);
    if (status)
        return status;
    xt_fused_call call = engine->call;
    call.update = (cl_uint)(first * xt_engine_batches(&engine->base));
    call.n_steps = (cl_int)engine->n_steps;
    call.n_rows = (cl_int)engine->base.data->n_rows;
    call.n_epochs = (cl_int)*n;
    xt_fused_say_work(engine, &call);
    status = xt_form_launch(engine->context, current(engine), &call, err);
    if (!status && spec->shuffle && !spec->n_metrics) {
        status = xt_context_flush(engine->context, err);
        order_next(engine, first + *n, *n);
    }
    if (!status)
        status = xt_buffer_read(engine->context, engine->buffers[RESULTS], 0, engine->staging,
                                *n * 2 * sizeof(cl_float), err);
    if (!status && spec->n_metrics)
        status = xt_buffer_read(engine->context, engine->buffers[KEPT], 0, engine->kept,
                                *n * engine->base.data->n_rows * engine->base.plan->n_outputs * sizeof(cl_float), err);
    if (!status)
        status = take_results(engine, first, *n, rows, err);
    if (spec->shuffle && spec->n_metrics)
        engine->n_ordered = 0;
    return status;
}

/* ---- the specialised form ---- */

void xt_fused_count_seconds(xt_fused *engine, const xt_form *form)
{
    xt_engine_facts *facts = &engine->base.facts;
    facts->build_seconds += form->build_seconds;
    facts->launch_seconds += form->launch_seconds;
    facts->built_from_cache = form->program.from_cache && (form == &engine->general || facts->built_from_cache);
}

xt_status xt_fused_open_special(xt_fused *engine, xt_err *err)
{
    xt_status status = xt_form_open(engine->context, &engine->shape, &engine->special_form, &engine->call,
                                    &engine->special, err);
    if (!status)
        xt_fused_count_seconds(engine, &engine->special);
    return status;
}

void xt_fused_tell_failure(xt_status status, const xt_err *err)
{
    if (status)
        xt_detail("the general form trains on: %s", err->text);
}

/* What is left takes so many seconds: whether to get a specialised form. */
static void consider_special(xt_fused *engine, double seconds)
{
    xt_err err;
    if (engine->forming && xt_forming_done(engine->forming)) {
        xt_status status = xt_forming_finish(&engine->forming, &engine->special, &err);
        xt_fused_tell_failure(status, &err);
        if (!status)
            engine->base.facts.form = "general, then specialised";
        return;
    }
    if (!engine->may_specialise || seconds < load_seconds)
        return;
    if (xt_form_is_cached(engine->context, &engine->shape, &engine->special_form)) {
        xt_status status = xt_fused_open_special(engine, &err);
        xt_fused_tell_failure(status, &err);
        if (!status)
            engine->base.facts.form = "general, then specialised";
        engine->may_specialise = false;
    } else if (seconds >= compile_seconds) {
        engine->forming =
            xt_forming_start(engine->context, &engine->shape, &engine->special_form, &engine->call);
        engine->may_specialise = false;
    }
}

xt_status xt_fused_train(xt_engine *base, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    xt_fused *engine = (xt_fused *)base;
    xt_status status = XT_OK;
    for (uint32_t done = 0; !status && done < n;) {
        uint32_t some = n - done;
        double before = xt_seconds();
        status = launch_epochs(engine, first + done, &some, rows + done, err);
        done += some;
        if (!status && (engine->may_specialise || engine->forming))
            consider_special(engine, (xt_seconds() - before) / some *
                                         ((double)base->plan->spec->epochs - (double)(first + done)));
    }
    return status;
}
