/* runs.h: a training run in a directory of its own, and what it left there. */
#ifndef XT_UNIT_RUNS_H
#define XT_UNIT_RUNS_H

#include "app/run.h"
#include "nets.h"

/* Points into itself: not to be copied. */
typedef struct unit_job {
    unit_net net;
    float *state;
    xt_engine *engine;
    xt_run_job run;
    xt_run_result result;
} unit_job;

extern xt_err unit_run_err;                    /* of the last run */
extern volatile sig_atomic_t unit_run_stop;    /* the run's flag, 0 at its start */
extern const char unit_run_yaml[];             /* the configuration of every run */

/* The tutorial's network, for so many epochs, to the directory out; with
 * accuracy and mae. Change j->net.spec or j->run at will. */
void unit_run_make(unit_job *j, uint32_t epochs);
/* Opens the engine where none is open, and runs. */
xt_status unit_run_go(unit_job *j);
/* Validation and test rows, or none: those that it trains on. */
void unit_run_parts(unit_job *j, bool validation, bool test);
/* With standard output led to a file. */
xt_status unit_run_go_to(unit_job *j, const char *path);
/* Opens the engine; `what` is called after the chunk of epochs that holds epoch. */
void unit_run_hook(unit_job *j, uint32_t epoch, void (*what)(void));
/* The hooked engine's operations, to be changed. */
extern xt_engine_ops unit_run_ops;
/* Those that it had. */
extern const xt_engine_ops *unit_run_real_ops;
void unit_run_clear(unit_job *j);
/* Fails unless that is the message of the last run. */
void unit_run_said(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Setup and teardown: the working directory is an empty one. */
int unit_run_enter(void **state);
int unit_run_leave(void **state);
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, unit_run_enter, unit_run_leave)

bool unit_run_exists(const char *path);
/* Fails unless these are the names in a directory, sorted, each with a blank. */
void unit_run_files(const char *dir, const char *expected);
/* A file's bytes, with a NUL behind them; the caller frees. */
char *unit_run_bytes(const char *path, size_t *n_bytes);
void unit_run_same_file(const char *path, const char *expected, size_t n_bytes);
/* A file's text; the caller frees. */
char *unit_run_text(const char *path);
void unit_run_same_text(const char *path, const char *expected);
/* The text of a CSV with each row's last cell left out: the seconds. The caller frees. */
char *unit_run_without_seconds(const char *path);
/* Rows of a CSV, without its header. */
uint32_t unit_run_rows(const char *path);
/* out/run.json, strict; the caller decrefs. */
json_t *unit_run_record(void);
/* Fails unless that is the text of a member; NULL: it is null. */
void unit_run_member(const json_t *object, const char *key, const char *expected);
/* A number in one of its objects. */
double unit_run_number(const json_t *record, const char *part, const char *key);
/* What out/run.json says of status and epochs, and whether there is a model. */
void unit_run_status(const char *status, uint32_t epochs, bool model);

#endif
