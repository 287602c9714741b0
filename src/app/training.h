/* training.h: the training inside a run: chunks of epochs, what is measured of
 * them and decided from that, and their rows on the way out. run.c begins and
 * ends it. */
#ifndef XT_APP_TRAINING_H
#define XT_APP_TRAINING_H

#include "app/checkpoint.h"
#include "app/control.h"
#include "app/progress.h"
#include "app/record.h"
#include "app/sinks.h"
#include "app/states.h"

/* The epoch in hand, where it is watched. */
typedef struct xt_inside {
    double begin;     /* of xt_seconds */
    uint64_t look_at; /* the batch at which to look at the clock again */
    bool given_up;    /* somebody wants the end, and what is left of it takes too long */
} xt_inside;

typedef struct xt_training {
    const xt_run_job *job;
    xt_run_result *result;
    xt_sinks sinks;
    xt_record record;
    xt_progress progress;
    xt_inside inside;
    xt_hash *losses;
    xt_epoch *rows;    /* of a chunk */
    uint32_t trained;  /* epochs that the engine's state has gone through */
    bool diverged;
    bool time_is_up;
    bool engine_failed; /* what it holds is not known */
    bool rows_lost;     /* loss.csv may lack rows that were trained */
    xt_control control;
    xt_states states;
    xt_moment good;    /* of the good state */
    xt_checkpoints checkpoints;
    xt_evaluation validation, test;
    double start; /* of xt_seconds, when the first epoch would have begun */
    double training, evaluation, output; /* seconds in the engine, and in what writes */
} xt_training;

/* Memory for all of it. The sinks are the caller's, and so is what is left when it fails. */
xt_status xt_training_open(xt_training *t, xt_err *err);
/* Goes on from a moment whose floats states has (good, and best where it has a best epoch): the engine gets them. */
xt_status xt_training_resume(xt_training *t, const xt_moment *moment, xt_err *err);
/* Keeps the state as it is now and writes a checkpoint of it. Where the engine failed or rows are lost, of the last good
 * one, if that is newer than what is written; where weights are not finite, none. */
xt_status xt_training_save(xt_training *t, xt_err *err);
/* Trains to the end, whatever it is; result has it. XT_DIVERGED at the first loss that is not finite. */
xt_status xt_training_go(xt_training *t, xt_err *err);
void xt_training_close(xt_training *t);
/* XT_DIVERGED, in words. */
xt_status xt_training_fail_diverged(uint32_t epoch, xt_err *err);

/* Measures rows with the engine's parameters as they are. */
xt_status xt_training_measure(xt_training *t, const xt_evaluation *rows, xt_measured *out, xt_err *err);
/* Writes the rows that wait. */
xt_status xt_training_flush(xt_training *t, xt_err *err);
/* Seconds that an engine has spent on its device, programs and first launch:
 * it does that while it opens, or with its first epochs. */
double xt_training_setup(const xt_engine_facts *facts);

#endif
