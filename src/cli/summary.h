/* summary.h: --summary FILE: a row on every run, however it ends. */
#ifndef XT_CLI_SUMMARY_H
#define XT_CLI_SUMMARY_H

#include "app/run.h"
#include "cli/session.h"

/* Whether a row can be appended to FILE: it is a summary or a new file, and none of
 * what the run reads and writes, as far as that is known (spec may be NULL).
 * XT_BAD_USAGE says what it is instead. Without --summary all is well. */
xt_status xt_run_summary_check(const xt_options *options, const xt_spec *spec, xt_err *err);

/* Appends the row of a run that ends with status, with what the session knows; the
 * last thing before the process ends. Returns that status, or XT_FAILED where it was
 * XT_OK and the row could not be written, which err tells in every case. A wrong
 * command line has no row. */
xt_status xt_run_summary_append(const xt_options *options, const xt_session *session, const xt_run_result *result,
                                xt_status status, xt_err *err);

#endif
