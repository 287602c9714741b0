/* profile.h: --profile and --trace: where the time of a command goes. */
#ifndef XT_CLI_PROFILE_H
#define XT_CLI_PROFILE_H

#include "cli/options.h"
#include "cli/trace.h"

/* Zero-initialised it is closed. */
typedef struct xt_profiling {
    xt_profile *profile; /* NULL: neither is asked for */
    bool table;
    xt_trace trace;
} xt_profiling;

/* Has contexts that open from now on profiled, where options ask for it. The trace must be nothing that the command
 * reads or writes, the run's own files in dir (NULL: there are none) among it; it is not changed yet. XT_BAD_USAGE with
 * an engine that opens no device. At most one is open. */
xt_status xt_profiling_open(const xt_options *options, const xt_spec *spec, const char *dir, xt_profiling *out,
                            xt_err *err);
/* To be called when the engine is open: the trace is begun. */
xt_status xt_profiling_start(xt_profiling *profiling, xt_err *err);
/* To be called when the device has come to rest: prints the table and ends the trace. Returns
 * status, or what failed of the trace where it is XT_OK; err tells of both. */
xt_status xt_profiling_close(xt_profiling *profiling, xt_status status, xt_err *err);

/* Appends the tables of commands and phases, those first that took longest. No other thread may add to them meanwhile. */
void xt_profile_print(const xt_profile *profile, xt_buf *out);

#endif
