#include "cli/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "ocl/device.h"

#include <stdlib.h>
#include <string.h>

static xt_status check_stdin(const xt_options *options, const xt_spec *spec, xt_err *err)
{
    bool data = spec->train.file && strcmp(spec->train.file, "-") == 0;
    for (size_t i = 0; data && i < options->n_files; i++)
        if (strcmp(options->sources[i].text, "-") == 0)
            return xt_fail(err, XT_BAD_USAGE, "standard input cannot be both the configuration and the data");
    return XT_OK;
}

xt_status xt_session_open(const xt_options *options, xt_session *out, xt_err *err)
{
    xt_session session = {0};
    xt_status status = xt_config_open(options->sources, options->n_sources, &session.config, err);
    if (!status) {
        session.spec = xt_config_spec(session.config);
        status = check_stdin(options, session.spec, err);
    }
    if (!status) {
        double before = xt_seconds();
        status = xt_parts_load(session.spec, &session.parts, err);
        if (status)
            xt_config_locate(session.config, err);
        session.data_seconds = xt_seconds() - before;
    }
    if (!status) {
        status = xt_plan_make(session.spec, session.parts.train.n_inputs, session.parts.train.n_targets, &session.plan, err);
        if (status)
            xt_config_locate(session.config, err);
    }
    if (!status) {
        session.state = calloc((1 + session.plan.n_slots) * session.plan.n_params, sizeof *session.state);
        if (!session.state)
            status = xt_fail_memory(err, "the parameters", session.plan.n_params * sizeof *session.state);
    }
    if (status)
        xt_session_close(&session);
    else
        *out = session;
    /* The plan was made here and points to the spec, which did not move. */
    return status;
}

xt_status xt_session_open_engine(xt_session *session, xt_err *err)
{
    double before = xt_seconds();
    if (session->spec->engine == XT_ENGINE_reference && strcmp(session->spec->device, "auto") != 0)
        xt_warn("device %s is not used: the reference engine runs on the host", session->spec->device);
    xt_devices_prepare();
    /* The engine first: whether the network fits the device shows at once, while
     * drawing the values of a very large one takes its time. */
    xt_status status = xt_engine_open(&session->plan, &session->parts.train, NULL, &session->engine, err);
    if (!status)
        status = xt_plan_init_params(&session->plan, session->state, err);
    if (!status)
        status = session->engine->ops->write_state(session->engine, session->state, err);
    session->open_seconds = xt_seconds() - before;
    if (status)
        return status;
    const xt_engine_facts *facts = &session->engine->facts;
    const char *form = facts->form ? facts->form : "";
    xt_detail("engine %s%s%s (%s) on %s %s, %s; %zu bytes on the device", facts->engine, *form ? ", " : "", form,
              facts->why, facts->device_index, facts->device, facts->driver, facts->device_bytes);
    return XT_OK;
}

void xt_session_close(xt_session *session)
{
    xt_engine_close(&session->engine);
    free(session->state);
    xt_parts_clear(&session->parts);
    xt_config_close(&session->config);
    *session = (xt_session){0};
}
