/* dataset.h: rows of numbers in memory, ready to train on.
 *
 * Made by src/data. Plain data; everything lives in the arena. */
#ifndef XT_MODEL_DATASET_H
#define XT_MODEL_DATASET_H

#include "base/arena.h"
#include "model/encoding.h"

#include <stddef.h>

/* What a column held before it was encoded, for previews. */
typedef struct xt_column_facts {
    const char *name;
    size_t n_missing;       /* cells, also of rows that were left out */
    size_t n_values;        /* distinct values of one that is encoded or says classes, else 0 */
    double low, high, mean; /* of its numbers; nan where there are none */
} xt_column_facts;

typedef struct xt_dataset {
    size_t n_rows, n_inputs, n_targets;
    float *inputs;  /* (n_rows, n_inputs) row-major, encoded, every value finite */
    float *targets; /* (n_rows, n_targets) row-major, encoded, every value finite */
    /* For the loss, made by xt_weigh (model/weighing.h): each row's weight in it, NULL: all 1; and what it compares
     * outputs with, NULL: targets. A batch's loss is the sum of its rows' weighted losses over the sum of their
     * shares; shares is NULL where weights is. */
    float *weights, *shares, *loss_targets;
    const xt_encoding *encoding;        /* shared by the parts of one data set; NULL: the rows are numbers as they are */
    const xt_column_facts *input_facts; /* encoding->n_columns; NULL: not known */
    const xt_column_facts *target_facts; /* encoding->n_target_columns; NULL: not known */
    size_t *class_rows;                 /* encoding->n_classes: rows of this part; NULL: no classes */
    const char **input_names;  /* of the table's columns: encoding->n_columns where there is one, else n_inputs; a
                                  column without a name is x1, x2, ... */
    const char **target_names; /* of the table's columns, likewise; y, or y1, y2, ... */
    size_t n_dropped;          /* rows left out by `missing: drop` */
    const char *origin;        /* the file's path, "standard input" or "inline" */
    char hash[33];             /* XXH3-128 of the file's bytes in hex, "" for inline rows */
    char targets_hash[33];     /* likewise of the targets' own file, "" where there is none */
    xt_arena arena;
} xt_dataset;

/* Frees; the data set is as new ({0}). */
void xt_dataset_clear(xt_dataset *data);

#endif
