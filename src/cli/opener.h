/* opener.h: opens the trials of a sweep: a configuration each, rows that trials share. */
#ifndef XT_CLI_OPENER_H
#define XT_CLI_OPENER_H

#include "app/sweep.h"
#include "config/space.h"

typedef struct xt_opener xt_opener;

xt_status xt_opener_open(const xt_space *space, xt_opener **out, xt_err *err);
/* NULL-safe; sets *opener to NULL. All trials are closed. */
void xt_opener_close(xt_opener **opener);

/* A trial's configuration, rows and plan. Rows are those of the trial before it where nothing that they depend on differs. */
xt_status xt_opener_trial(xt_opener *opener, uint64_t number, xt_trial **out, xt_err *err);
void xt_opener_release(xt_opener *opener, xt_trial *trial);

#endif
