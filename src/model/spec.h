/* spec.h: what a config asks for, decoded: plain data, no files opened yet.
 *
 * Made by src/config, read by everything. Strings and arrays live in the arena
 * of whoever made the spec. Choices index the tables of ops.h and init.h. */
#ifndef XT_MODEL_SPEC_H
#define XT_MODEL_SPEC_H

#include "base/table.h"

#include <stdint.h>

/* ROW(name, help): the engines, as configs name them. src/engine has an
 * xt_<name>_open for each; `auto` weighs them. */
#define XT_ENGINES(ROW) \
    ROW(fused, "many epochs in one launch on an OpenCL device: the fastest for small networks") \
    ROW(gemm, "layer by layer on an OpenCL device, matrix products by tiles of ours on a CPU, else by CLBlast") \
    ROW(reference, "plain C on the host, single precision: the measure of the others")

#define XT_ENGINE_CODE(name, help) XT_ENGINE_##name,
typedef enum xt_engine_code { XT_ENGINE_auto, XT_ENGINES(XT_ENGINE_CODE) XT_N_ENGINES } xt_engine_code;
#undef XT_ENGINE_CODE

extern const xt_table xt_engine_names; /* rows by xt_engine_code, auto first */

/* A column of a table of data: by name, or by index from 0 (name NULL). */
typedef struct xt_column {
    const char *name;
    uint32_t index;
} xt_column;

typedef struct xt_columns {
    const xt_column *at;
    size_t n;
} xt_columns;

/* ROW(CODE, name, help): the formats of files, each read by a file of src/data. */
#define XT_FORMATS(ROW) \
    ROW(CSV, csv, "comma-separated values, RFC 4180") \
    ROW(TSV, tsv, "tab-separated values") \
    ROW(IDX, idx, "arrays of numbers as MNIST has them") \
    ROW(NPY, npy, "arrays of numbers as NumPy saves them")

#define XT_FORMAT_CODE(code, name, help) XT_FORMAT_##code,
typedef enum xt_format { XT_FORMAT_AUTO, XT_FORMATS(XT_FORMAT_CODE) XT_N_FORMATS } xt_format;
#undef XT_FORMAT_CODE

extern const xt_table xt_format_names; /* rows by xt_format, auto first */

typedef enum xt_header { XT_HEADER_AUTO, XT_HEADER_TRUE, XT_HEADER_FALSE } xt_header;
typedef enum xt_missing { XT_MISSING_ERROR, XT_MISSING_DROP, XT_MISSING_MEAN } xt_missing;
typedef enum xt_normalize { XT_NORMALIZE_NONE, XT_NORMALIZE_STANDARD, XT_NORMALIZE_MINMAX } xt_normalize;

/* One set of data: inline rows, a generator, or a file. */
typedef struct xt_source {
    /* generated: samples is not 0 */
    xt_choice generator; /* of xt_generators (model/generate.h) */
    uint32_t samples;
    float noise;            /* standard deviation of what is added to the inputs (sine: to the target) */
    uint64_t shape_seed;    /* of what all parts share, such as the centers of blobs: data.train's generate_seed */
    uint64_t generate_seed; /* where none is given the spec's seed, of validation that + 1, of test that + 2 */
    /* inline: file is NULL too */
    size_t n_rows, n_inputs, n_targets;
    const float *inputs;  /* (n_rows, n_inputs) row-major */
    const float *targets; /* (n_rows, n_targets) row-major */
    /* a file: "-" is standard input; the path is ready to open */
    const char *file;
    const char *targets_file; /* of formats without columns' names (idx, npy): where the targets are, NULL: in file */
    xt_format format; /* auto: by the path's ending, csv where it says nothing (data/format.h) */
    xt_header header; /* auto: the first row is a header when columns are selected by name, or a cell of it is
                         neither a number nor a missing value, in an input that is not encoded or in one of several
                         targets */
    char delimiter;   /* 0: the format's */
    uint32_t skip_rows;         /* lines before the header or first row */
    xt_missing missing;         /* of a selected cell */
    xt_columns input_columns;   /* n 0: all that are neither targets nor ignored */
    xt_columns target_columns;  /* n 0: all of targets_file; never empty where there is none */
    xt_columns ignore_columns;
    xt_columns encode_columns;  /* input columns that become one input a value (one-hot) */
} xt_source;

/* Validation or test rows: a source of their own, or a share of the training rows. */
typedef struct xt_part {
    bool given;
    xt_source source; /* where split is 0; what it does not say is as in data.train */
    float split;      /* share of the rows of data.train, 0: not so */
    bool stratify;    /* each class has the same share */
} xt_part;

typedef struct xt_layer {
    uint32_t units;
    xt_choice activation;
    xt_choice weight, bias; /* initialisers, resolved: never kind -1 */
    float dropout;          /* share of its outputs that training sets to 0, resolved: never negative; 0 in the last */
    float l1, l2;           /* penalties on its weights, resolved: never negative */
} xt_layer;

typedef enum xt_keys { XT_KEYS_PER_LAYER, XT_KEYS_SHARED } xt_keys;
typedef enum xt_loss_report { XT_REPORT_RUNNING, XT_REPORT_POST_UPDATE, XT_REPORT_EVAL } xt_loss_report;

typedef enum xt_mode { XT_MODE_AUTO, XT_MODE_MIN, XT_MODE_MAX } xt_mode;

enum { XT_MAX_METRICS = 8, XT_MAX_LAYERS = 64, XT_MAX_COLUMNS = 65536, XT_MAX_LIMITS = 8 };

/* What is watched is a column of loss.csv: loss, val_loss, accuracy, val_accuracy, ... */
typedef struct xt_early_stopping {
    bool given;
    const char *monitor;
    uint32_t patience; /* epochs without an improvement that end training */
    float min_delta;   /* an improvement is more than this */
    xt_mode mode;      /* auto: less is better for a loss or an error, more for the other metrics */
    bool restore_best; /* the model is that of the best epoch, not of the last */
} xt_early_stopping;

/* A column and the value beyond which it has to be. */
typedef struct xt_limit {
    const char *column;
    bool above; /* else below */
    double value;
} xt_limit;

/* When last.safetensors is written beside the end of a run, and what else is kept. */
typedef struct xt_checkpointing {
    uint32_t every;      /* epochs, 0: none */
    float every_seconds; /* 0: none */
    uint32_t keep;       /* 1: the last one; 2: and the one before it */
    const char *best;    /* column of loss.csv whose best epoch becomes best.safetensors; NULL: none does */
} xt_checkpointing;

typedef struct xt_spec {
    const char *name;
    uint64_t seed;
    const char *device; /* base/request.h */
    xt_engine_code engine;
    xt_source train;
    xt_part validation, test;
    xt_normalize normalize;     /* of the inputs that are numbers, fitted on the training rows */
    size_t n_classes;           /* names of the target's classes, in their order; 0: as the data has them */
    const char *const *classes;
    bool shuffle;
    xt_keys keys;
    size_t n_layers;
    const xt_layer *layers;
    xt_choice loss, optimizer, schedule;
    float clip_norm, clip_value; /* of the gradient, 0: not; at most one of them */
    uint32_t epochs, batch_size;
    uint32_t validate_every;     /* epochs (0: 1); the last one always is. 0 without validation */
    xt_loss_report loss_report;
    size_t n_metrics;
    const xt_choice *metrics;
    xt_early_stopping early_stopping;
    size_t n_limits;             /* stop_when: any of them ends training */
    const xt_limit *limits;
    xt_checkpointing checkpoint;
    uint32_t log_every;     /* lines on stdout: every so many epochs; 0: about 20 in all */
    const char *output_template; /* as configured: {name}, {seed}, {hash} may stand in it */
    const char *output_dir;      /* with the placeholders filled in */
} xt_spec;

#endif
