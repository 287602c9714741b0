/* record.h: run.json, what was run, on what, and what came of it. */
#ifndef XT_APP_RECORD_H
#define XT_APP_RECORD_H

#include "app/moment.h"
#include "app/run.h"
#include "base/buf.h"
#include "base/hash.h"

typedef struct xt_record {
    const char *status; /* "running", "finished", "interrupted", "max_time", "diverged", "failed" */
    const char *started; /* UTC, ISO 8601 */
    const xt_run_result *result; /* so far */
    xt_run_row last, best;       /* epoch 0: none yet; best by what early stopping monitors, else by the loss */
    const xt_moment *moment;     /* what was resumed, and with which changes */
    uint32_t checkpoint;         /* the epoch of last.safetensors, 0: none */
} xt_record;

/* Appends strict JSON; numbers that are not finite become null. */
xt_status xt_record_print(const xt_run_job *job, const xt_record *record, xt_buf *out, xt_err *err);

/* Whether the run.json at path is that of a run that came to its end, whichever it was. */
bool xt_record_is_finished(const char *path);

#endif
