/* trainings.h: trainings from a configuration, in directories: run, interrupted,
 * gone on with, and compared to the bit. */
#ifndef XT_UNIT_TRAININGS_H
#define XT_UNIT_TRAININGS_H

#include "runs.h"

#include "app/moment.h"

enum { UNIT_MAX_SETS = 6 };

/* What a run is to do beside its configuration. */
typedef struct unit_doing {
    const char *sets[UNIT_MAX_SETS]; /* KEY=VALUE over the configuration, NULL ends them */
    const char *dir;                 /* NULL: "out" */
    bool resume;
    const char *file;                /* --resume=FILE */
    uint32_t every;                  /* checkpoint.every, without being part of the configuration */
    uint32_t stop_at;                /* an interruption during this epoch, 0: none */
    uint32_t slow_at, slow_batch;    /* four batches of this epoch, from that one on, take 20 ms each, and with the first
                                      * comes an interruption */
    bool late;                       /* or the end of its time instead */
    uint32_t fail_at;                /* the engine trains it and fails, its chunk half done, 0: never */
    uint32_t reading;                /* microseconds that reading the engine's state takes longer: it is read seldom */
    uint32_t first_chunk;            /* of the engine, 0: as it is */
    void (*look)(void);              /* after the chunk that holds epoch look_at */
    uint32_t look_at;
} unit_doing;

extern xt_run_result unit_training_result;   /* of the last run */
extern xt_err unit_training_err;
extern volatile sig_atomic_t unit_training_ask; /* SIGUSR1's flag, 0 when a run starts */

/* Empties the working directory, that of unit_run_enter. */
void unit_training_begin(void);
/* Runs a configuration; what it says on stderr goes to the file `said`. */
xt_status unit_training_run(const char *yaml, const unit_doing *doing);
/* The same, or fails the test. */
void unit_training_runs(const char *yaml, const unit_doing *doing);
/* What the last run said on stderr. */
void unit_training_said(const char *expected);

/* Fails unless two directories hold the same training: loss.csv but for the seconds, model.safetensors, and
 * best.safetensors where there is one, byte for byte, last.safetensors but for seconds and resumptions, and what
 * run.json has of the training. */
void unit_training_same(const char *dir, const char *expected);
/* The same, where loss.csv begins with the row of another epoch: `first`. */
void unit_training_same_from(const char *dir, const char *expected, uint32_t first);
/* run.json of a directory; the caller decrefs. */
json_t *unit_training_record(const char *dir);
/* The epoch of a checkpoint or a model. */
uint32_t unit_training_epoch(const char *path);
/* A shell's command, or the test fails. */
void unit_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
