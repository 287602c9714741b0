#include "engine/engine.h"

#include "base/clock.h"
#include "engine/engines.h"
#include "model/ops.h"
#include "model/schedule.h"

#include <stdio.h>

#define ROW(name, help) [XT_ENGINE_##name] = xt_##name##_open,
static xt_engine_open_fn *const openers[XT_N_ENGINES] = {XT_ENGINES(ROW)};
#undef ROW

xt_status xt_engine_open_context(const xt_plan *plan, xt_context **out, double *seconds, xt_err *err)
{
    double before = xt_seconds();
    xt_device device = {0};
    xt_status status = xt_device_select(plan->spec->device, &device, err);
    if (!status)
        status = xt_context_open(&device, out, err);
    if (!status)
        xt_profile_end((*out)->profile, "opening the device", (xt_phase){before, 0}, 0, 0);
    *seconds = xt_seconds() - before;
    return status;
}

void xt_engine_describe(const xt_device *device, xt_engine_facts *facts)
{
    snprintf(facts->device, sizeof facts->device, "%s", device->name);
    snprintf(facts->platform, sizeof facts->platform, "%s", device->platform_name);
    snprintf(facts->driver, sizeof facts->driver, "%s", device->driver_version);
    snprintf(facts->device_type, sizeof facts->device_type, "%s", xt_device_type_name(device));
    snprintf(facts->device_index, sizeof facts->device_index, "%u:%u", device->platform_index, device->device_index);
}

xt_status xt_engine_open(const xt_plan *plan, const xt_dataset *data, const float *state, xt_engine **out,
                         xt_err *err)
{
    const char *why = "asked for";
    double device_seconds = 0;
    xt_context *context = NULL;
    xt_engine *engine = NULL;
    xt_engine_code code = plan->spec->engine;
    xt_status status = code == XT_ENGINE_reference ? XT_OK : xt_engine_open_context(plan, &context, &device_seconds, err);
    if (status)
        return status;
    if (code == XT_ENGINE_auto)
        code = xt_engine_choose(plan, data, &context->device, &why);
    xt_profile *profile = context ? context->profile : NULL;
    xt_phase phase = xt_profile_begin(profile);
    status = openers[code](plan, data, context, &engine, err);
    if (status) {
        xt_context_close(&context);
        return status;
    }
    xt_profile_end(profile, "opening the engine", phase, 0, 0);
    if (profile)
        xt_engine_time(engine, profile);
    engine->facts.engine = xt_table_at(&xt_engine_names, code)->name;
    engine->facts.why = why;
    engine->facts.device_seconds = device_seconds;
    if (context)
        xt_engine_describe(&context->device, &engine->facts);
    if (state)
        status = engine->ops->write_state(engine, state, err);
    if (status)
        xt_engine_close(&engine);
    else
        *out = engine;
    return status;
}

uint64_t xt_engine_batches(const xt_engine *engine)
{
    size_t rows = engine->data->n_rows, batch = engine->plan->spec->batch_size;
    return batch < rows ? (rows + batch - 1) / batch : 1;
}

xt_status xt_engine_tell(const xt_engine *engine, uint64_t batch, xt_err *err)
{
    return engine->watch ? engine->watch(engine->watcher, batch, xt_engine_batches(engine), err) : XT_OK;
}

static xt_pace pace_of(const xt_engine *engine)
{
    return (xt_pace){xt_engine_batches(engine), engine->plan->spec->epochs};
}

xt_hyper xt_engine_hyper(const xt_engine *engine, uint64_t update)
{
    const xt_spec *spec = engine->plan->spec;
    xt_pace pace = pace_of(engine);
    double factor = xt_schedule_factor(&spec->schedule, &pace, update) * (double)engine->rate_scale;
    return xt_hyper_at(&spec->optimizer, factor, update + 1);
}

uint64_t xt_engine_settled(const xt_engine *engine)
{
    const xt_spec *spec = engine->plan->spec;
    xt_pace pace = pace_of(engine);
    uint64_t optimizer = xt_hyper_settled(&spec->optimizer) - 1, schedule = xt_schedule_settled(&spec->schedule, &pace);
    return optimizer > schedule ? optimizer : schedule;
}

double xt_engine_mean_loss(const xt_plan *plan, const float *losses, const xt_dataset *rows)
{
    xt_sum sum = {0, 0};
    double shares = rows->shares ? 0 : (double)rows->n_rows;
    for (size_t i = 0; i < rows->n_rows; i++) {
        sum = xt_sum_add(sum, rows->weights ? rows->weights[i] * losses[i] : losses[i]);
        shares += rows->shares ? (double)rows->shares[i] : 0;
    }
    return ((double)sum.hi + (double)sum.lo) / (shares * (double)plan->n_losses);
}

void xt_engine_close(xt_engine **engine)
{
    if (*engine)
        (*engine)->ops->close(*engine);
    *engine = NULL;
}
