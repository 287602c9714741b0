/* train.h: the training of a session, as `train` does it, for the commands that train too. */
#ifndef XT_CLI_TRAIN_H
#define XT_CLI_TRAIN_H

#include "app/run.h"
#include "cli/session.h"

/* Trains a session whose engine is open, to the files and the output that the options ask for, and tells what came of it.
 * requirements: options->n_requirements of them. Statuses as xt_run; result is filled in every case. */
xt_status xt_train_session(const xt_options *options, xt_session *session, const xt_requirement *requirements,
                           xt_run_result *result, xt_err *err);

#endif
