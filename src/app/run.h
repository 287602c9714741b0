/* run.h: one training, from an open engine to the files that it leaves.
 *
 * In spec->output_dir, which is locked meanwhile: config.yaml, loss.csv (a row
 * an epoch, written as chunks of epochs end), last.safetensors and those beside it
 * (app/checkpoint.h), model.safetensors, run.json
 * (rewritten at the end; "running" until then). What an earlier run left there
 * under these names is replaced when training starts, all at once: a start that
 * fails changes nothing. Where it left a model or a checkpoint, its files are kept in the
 * directory `before` until this run has come to its end. A run that is resumed goes on with the
 * files as they are. */
#ifndef XT_APP_RUN_H
#define XT_APP_RUN_H

#include "app/require.h"
#include "base/hash.h"
#include "engine/engine.h"

#include <signal.h>

/* Holds a checkpoint's configuration, resolved YAML, against that of the run which is to go on from it: lines of what
 * must not differ to refused, of what may to changed ("train.batch_size: 8, was 4"). name is for messages. */
typedef xt_status xt_compare_config(const void *config, const char *name, const char *yaml, xt_buf *refused,
                                    xt_buf *changed, xt_err *err);

typedef struct xt_run_job {
    const xt_plan *plan;
    const xt_dataset *data;
    const xt_dataset *validation, *test; /* NULL: none; else the spec has them given */
    xt_engine *engine;
    const char *config_yaml, *config_json; /* resolved */
    bool resume;                   /* go on from a checkpoint */
    const char *resume_file;       /* this one; NULL: the directory's last one, the one before where that is damaged */
    xt_compare_config *compare;    /* where resume: with this config */
    const void *config;
    float *state;            /* (1 + n_slots) * n_params floats: what the engine holds; afterwards the model's state */
    const char *dir;           /* in place of spec->output_dir; NULL: that */
    uint32_t last_epoch;       /* the last one, where that is before the spec's; 0: that */
    /* Is shown the rows of loss.csv, n_bytes of whole lines, before they are written; what it returns ends the run.
     * NULL: nobody is. */
    xt_status (*watch)(void *watcher, const char *rows, size_t n_bytes, xt_err *err);
    void *watcher;
    const char *const *inputs; /* n_inputs paths that this run reads: csv_path and jsonl_path must be none of them */
    size_t n_inputs;
    const char *csv_path;    /* a second place for the CSV; "-": stdout, in place of lines; NULL: none */
    const char *jsonl_path;  /* a place for the rows as JSON objects, likewise; not both are "-" */
    bool lines;              /* readable lines on stdout */
    bool progress;           /* a line on stderr that is redrawn */
    double data_seconds, open_seconds; /* for the record: loading data, opening the engine */
    double max_time;         /* seconds of the process after which the chunk of epochs is the last, and a long epoch that is
                              * not the first given up; 0: no end */
    const xt_requirement *requirements; /* n_requirements: what the model is to have reached */
    size_t n_requirements;
    const volatile sig_atomic_t *stop; /* a signal's number ends training after the chunk, or in a long epoch */
    volatile sig_atomic_t *ask;        /* 1: write a checkpoint after the chunk; becomes 0. NULL: nobody can */
} xt_run_job;

/* Where the time went, in seconds. The parts do not overlap; reading the
 * configuration and the like is in none of them. */
typedef struct xt_run_seconds {
    double data;                              /* loading it */
    double open_device, build, first_launch;  /* as the engine's facts have them */
    double open_engine;                       /* what else opening the engine took */
    double training;                          /* the chunks, without what of the above fell into them */
    double evaluation;                        /* of validation and test rows, likewise */
    double output;                            /* rows, model and the other files */
    double total;                             /* of the process until now */
} xt_run_seconds;

typedef struct xt_run_result {
    uint32_t epochs; /* completed */
    uint32_t resumed_after; /* epochs that a checkpoint had gone through; 0 where the run began anew */
    uint32_t checkpoint;    /* the epoch of last.safetensors; 0: there is none of this run */
    double loss;     /* of the last one; nan without any */
    xt_run_seconds seconds;
    int signal;      /* that stopped it, or 0 */
    uint32_t kept_epoch;   /* of the model that was saved; 0 where none was, or one without any training */
    bool saved;            /* there is a model */
    char loss_hash[XT_HASH_BYTES];    /* XXH3-128 of the loss column's texts, each with LF; "": not known */
    char model_hash[XT_HASH_BYTES];   /* of model.safetensors; "" when there is none */
    char weights_hash[XT_HASH_BYTES]; /* of its parameters alone, as they lie in the plan */
    char stopped[96];      /* why before the last epoch: "early_stopping", "stop_when loss below 0.01", "max_time"; "" */
    xt_run_row last, best; /* epoch 0: none; best by what early stopping monitors, else by the loss */
    bool tested;
    xt_measured test;        /* where tested: of the test rows, with the model that was kept */
} xt_run_result;

/* Trains, and keeps the model of the last epoch, or of the best one where early
 * stopping restores it. What it does is the same in any chunks of epochs, and when it is interrupted and resumed.
 * XT_DIVERGED when a loss or the weights are not finite: the row is written, and the
 * model is that of the last epoch with finite loss and weights, if there is one.
 * XT_TIME_UP after max_time. XT_NOT_MET when a training that was neither cut short nor
 * failed does not meet the requirements: everything has been saved.
 * After XT_FAILED from a sink the model so far has still been written if
 * that was possible; err tells of everything that could not be. result is filled in every case. */
xt_status xt_run(const xt_run_job *job, xt_run_result *result, xt_err *err);

/* The same training, of which nothing is written: no directory, no checkpoint, no line, and no requirement is held
 * against it. Only `watch` is shown its rows. */
xt_status xt_run_without_files(const xt_run_job *job, xt_run_result *result, xt_err *err);

#endif
