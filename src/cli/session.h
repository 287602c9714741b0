/* session.h: from a command line to an open engine, step by step. */
#ifndef XT_CLI_SESSION_H
#define XT_CLI_SESSION_H

#include "cli/options.h"
#include "data/data.h"
#include "engine/engine.h"

typedef struct xt_session {
    xt_config *config;
    const xt_spec *spec;
    xt_parts parts; /* encoded, with the weights of the loss */
    xt_plan plan;
    float *state; /* (1 + n_slots) * n_params floats: initial parameters once the engine is open, zeros */
    xt_engine *engine;
    double data_seconds, open_seconds;
} xt_session;

/* Config, data and plan. On failure nothing is left open. */
xt_status xt_session_open(const xt_options *options, xt_session *out, xt_err *err);
/* The engine that the config asks for, with the initial parameters; says with -v
 * which and why. */
xt_status xt_session_open_engine(xt_session *session, xt_err *err);
void xt_session_close(xt_session *session);

#endif
