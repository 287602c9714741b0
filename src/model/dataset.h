/* dataset.h: rows of numbers in memory, ready to train on.
 *
 * Made by src/data. Plain data; everything lives in the arena. */
#ifndef XT_MODEL_DATASET_H
#define XT_MODEL_DATASET_H

#include "base/arena.h"

#include <stddef.h>

typedef struct xt_dataset {
    size_t n_rows, n_inputs, n_targets;
    float *inputs;  /* (n_rows, n_inputs) row-major, every value finite */
    float *targets; /* (n_rows, n_targets) row-major, every value finite */
    const char **input_names;  /* n_inputs; a column without a name is x1, x2, ... */
    const char **target_names; /* n_targets; y, or y1, y2, ... */
    size_t n_dropped;          /* rows left out by `missing: drop` */
    const char *origin;        /* the file's path, "standard input" or "inline" */
    char hash[33];             /* XXH3-128 of the file's bytes in hex, "" for inline rows */
    xt_arena arena;
} xt_dataset;

/* Frees; the data set is as new ({0}). */
void xt_dataset_clear(xt_dataset *data);

#endif
