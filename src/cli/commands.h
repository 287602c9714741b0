/* commands.h: what xortrain can be told to do. Each returns the exit code and,
 * when that is not XT_OK, says why in err. */
#ifndef XT_CLI_COMMANDS_H
#define XT_CLI_COMMANDS_H

#include "cli/options.h"

xt_status xt_cmd_train(const xt_options *options, xt_err *err);
xt_status xt_cmd_sweep(const xt_options *options, xt_err *err);
xt_status xt_cmd_check(const xt_options *options, xt_err *err);
xt_status xt_cmd_config(const xt_options *options, xt_err *err);
xt_status xt_cmd_predict(const xt_options *options, xt_err *err);
xt_status xt_cmd_evaluate(const xt_options *options, xt_err *err);
xt_status xt_cmd_export(const xt_options *options, xt_err *err);
xt_status xt_cmd_inspect(const xt_options *options, xt_err *err);
xt_status xt_cmd_reproduce(const xt_options *options, xt_err *err);
xt_status xt_cmd_tune(const xt_options *options, xt_err *err);
xt_status xt_cmd_devices(const xt_options *options, xt_err *err);

/* Writes to standard output, all of it. */
xt_status xt_print(const xt_buf *text, xt_err *err);

#endif
