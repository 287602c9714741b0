#include "engine/engine.h"

#include "engine/layerwise.h"

#include <string.h>

typedef xt_status engine_open(const xt_plan *plan, const xt_dataset *data, xt_engine **out, xt_err *err);

#define ROW(name, help) [XT_ENGINE_##name] = xt_##name##_open,
static engine_open *const openers[XT_N_ENGINES] = {XT_ENGINES(ROW)};
#undef ROW

xt_engine_code xt_engine_choose(const xt_plan *plan, const char **why)
{
    if (plan->spec->engine != XT_ENGINE_auto) {
        *why = "asked for";
        return plan->spec->engine;
    }
    *why = "auto: trains on an OpenCL device";
    return XT_ENGINE_gemm;
}

xt_status xt_engine_open(const xt_plan *plan, const xt_dataset *data, const float *state, xt_engine **out,
                         xt_err *err)
{
    const char *why;
    xt_engine *engine = NULL;
    xt_engine_code code = xt_engine_choose(plan, &why);
    xt_status status = openers[code](plan, data, &engine, err);
    if (status)
        return status;
    engine->facts.engine = xt_table_at(&xt_engine_names, code)->name;
    engine->facts.why = why;
    if (state)
        status = engine->ops->write_state(engine, state, err);
    if (status)
        xt_engine_close(&engine);
    else
        *out = engine;
    return status;
}

void xt_engine_close(xt_engine **engine)
{
    if (*engine)
        (*engine)->ops->close(*engine);
    *engine = NULL;
}
