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

/* The rows of a spec's data, with the weights of its loss; warns of what is hardly meant. parts are zero-initialised. */
xt_status xt_load_rows(const xt_spec *spec, xt_parts *parts, xt_err *err);
/* Config, data and plan. A zero-initialised session has what was opened of them
 * before a failure too; it is to be closed in every case. */
xt_status xt_session_open(const xt_options *options, xt_session *session, xt_err *err);
/* Data and plan of a session whose config is open. */
xt_status xt_session_load(xt_session *session, xt_err *err);
/* The engine that the config asks for, with the initial parameters; says with -v
 * which and why. */
xt_status xt_session_open_engine(xt_session *session, xt_err *err);

/* The paths that a run reads ("-": standard input): configurations and, where the
 * spec is known, data. The list goes to *out, which the caller frees, its length to *n. */
xt_status xt_session_inputs(const xt_options *options, const xt_spec *spec, const char ***out, size_t *n, xt_err *err);
void xt_session_close(xt_session *session);

#endif
