/* encoding.h: how rows of a table become what a network takes in, fitted on the
 * training rows and kept with the model, so that later rows are encoded alike.
 *
 * A column of numbers is one input; a column that is encoded is one input a value
 * (one-hot). Made by src/data, written and read by app/model_file. Plain data;
 * everything lives in the arena of whoever made it. */
#ifndef XT_MODEL_ENCODING_H
#define XT_MODEL_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

/* A column of the table, in the order in which the inputs take them. */
typedef struct xt_input_column {
    const char *name;               /* of the column; x1, x2, ... where it has none */
    size_t n_values;                /* distinct values that are told apart; 0: a number */
    const char *const *values;      /* their texts, sorted by their bytes */
    size_t at;                      /* its first input */
    bool has_fill;                  /* `missing: mean`: fill stands for a missing value of the column */
    double fill;                    /* its mean over the training rows; of encoded ones none */
} xt_input_column;

typedef struct xt_encoding {
    size_t n_columns;
    const xt_input_column *columns;
    size_t n_inputs;                /* of the network: 1 for a number, n_values otherwise */
    /* x becomes (x - offset) / scale in double precision, rounded to float. NULL where nothing is normalised; an
     * encoded input has offset 0 and scale 1. */
    const double *offset, *scale;   /* n_inputs each */
    size_t n_target_columns;
    const char *const *target_names; /* of the table's columns */
    /* One target column that says a class: its classes, in their order, and how many training rows each has.
     * n_classes 0: targets are numbers as they are. */
    size_t n_classes;
    const char *const *classes;
    const size_t *class_rows;
    bool classes_are_text;          /* the column holds these texts; else whole numbers from 0 (names are for show) */
    size_t n_targets;               /* of the network: n_classes (one-hot), 1 (two classes, one output: 0 and 1), or
                                       n_target_columns */
} xt_encoding;

#endif
