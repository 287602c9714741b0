/* What an engine is called for as phases of a profile: the engine knows nothing of
 * it, and one that is not profiled is not here at all. */
#include "engine/engines.h"

static xt_status train(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    xt_phase phase = xt_profile_begin(engine->profile);
    xt_status status = engine->untimed->train(engine, first, n, rows, err);
    xt_profile_end(engine->profile, "training", phase, first + 1, n);
    return status;
}

static xt_status evaluate(xt_engine *engine, const float *inputs, const float *targets, size_t n_rows, float *outputs,
                          float *losses, xt_err *err)
{
    xt_phase phase = xt_profile_begin(engine->profile);
    xt_status status = engine->untimed->evaluate(engine, inputs, targets, n_rows, outputs, losses, err);
    xt_profile_end(engine->profile, "evaluating", phase, 0, 0);
    return status;
}

static xt_status gradients(xt_engine *engine, size_t first, size_t n, double *loss, float *out, xt_err *err)
{
    xt_phase phase = xt_profile_begin(engine->profile);
    xt_status status = engine->untimed->gradients(engine, first, n, loss, out, err);
    xt_profile_end(engine->profile, "gradients", phase, 0, 0);
    return status;
}

static xt_status read_state(xt_engine *engine, float *state, xt_err *err)
{
    xt_phase phase = xt_profile_begin(engine->profile);
    xt_status status = engine->untimed->read_state(engine, state, err);
    xt_profile_end(engine->profile, "reading the state", phase, 0, 0);
    return status;
}

static xt_status write_state(xt_engine *engine, const float *state, xt_err *err)
{
    xt_phase phase = xt_profile_begin(engine->profile);
    xt_status status = engine->untimed->write_state(engine, state, err);
    xt_profile_end(engine->profile, "writing the state", phase, 0, 0);
    return status;
}

static void close_engine(xt_engine *engine)
{
    engine->untimed->close(engine);
}

static const xt_engine_ops timed = {train, evaluate, gradients, read_state, write_state, close_engine};

void xt_engine_time(xt_engine *engine, xt_profile *profile)
{
    engine->untimed = engine->ops;
    engine->profile = profile;
    engine->ops = &timed;
}
