/* states.h: the parameters and optimiser states that a run can go back to.
 *
 * Good: of some earlier epoch, its weights finite. Training on from there gives
 * the same bits again, so that a run which finds that it went too far (a limit in the
 * middle of a chunk of epochs, weights that broke there) ends where single
 * epochs would have ended. Best: of the epoch that early stopping keeps. */
#ifndef XT_APP_STATES_H
#define XT_APP_STATES_H

#include "engine/engine.h"

typedef struct xt_states {
    xt_engine *engine;
    size_t n_params, n_floats;
    float *good, *spare, *best; /* the caller's and the two that are owned, in any order; best NULL: not kept */
    float *owned[2];
    xt_epoch *rows;        /* n_rows of them: for epochs that are trained once more */
    uint32_t n_rows;
    uint32_t good_epoch, best_epoch; /* completed epochs; best_epoch 0: none */
    float good_scale;      /* the engine's rate_scale then, and since */
    uint32_t broken;       /* an epoch after which weights are not finite, 0: none is known */
    double kept_at, cost;  /* seconds: when good was read, and how long that takes */
} xt_states;

/* state: the engine's as it is (n_floats), used as room from now on, after no epoch. rows: as above. All outlive out. */
xt_status xt_states_open(xt_engine *engine, float *state, xt_epoch *rows, uint32_t n_rows, bool with_best,
                         xt_states *out, xt_err *err);
void xt_states_close(xt_states *states);

/* Takes what a checkpoint held: the good state (as `good` has it), the best one where best_epoch is not 0 (as `best`
 * has it), and the engine's rate_scale. */
void xt_states_resume(xt_states *states, uint32_t epoch, uint32_t best_epoch);
/* Keeps the engine's state after `epoch` as the good one: good_epoch is that then, unless its weights are not finite.
 * Where it is not `needed`, not if that was done so lately that it would take a noticeable share of the time; always
 * where rate_scale changed. */
xt_status xt_states_keep(xt_states *states, uint32_t epoch, bool needed, xt_err *err);
/* Keeps it as the best one. XT_DIVERGED where its weights are not finite. */
xt_status xt_states_keep_best(xt_states *states, uint32_t epoch, xt_err *err);
/* Has the engine as it was after `epoch`, which is not before the good one. */
xt_status xt_states_return(xt_states *states, uint32_t epoch, xt_err *err);
/* Makes the good state the last one before epoch `bad` whose weights are finite. */
xt_status xt_states_find_last(xt_states *states, uint32_t bad, xt_err *err);

#endif
