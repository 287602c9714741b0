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
    ROW(gemm, "layer by layer on an OpenCL device, matrix products by CLBlast") \
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

typedef enum xt_format { XT_FORMAT_AUTO, XT_FORMAT_CSV, XT_FORMAT_TSV } xt_format;
typedef enum xt_header { XT_HEADER_AUTO, XT_HEADER_TRUE, XT_HEADER_FALSE } xt_header;
typedef enum xt_missing { XT_MISSING_ERROR, XT_MISSING_DROP } xt_missing;

/* One set of data: inline rows, or a file. */
typedef struct xt_source {
    /* inline: file is NULL */
    size_t n_rows, n_inputs, n_targets;
    const float *inputs;  /* (n_rows, n_inputs) row-major */
    const float *targets; /* (n_rows, n_targets) row-major */
    /* a file: "-" is standard input; the path is ready to open */
    const char *file;
    xt_format format; /* auto: tsv for *.tsv, else csv */
    xt_header header; /* auto: the first row is a header when columns are selected by name, or a
                         selected cell of it is neither a number nor a missing value */
    char delimiter;   /* 0: the format's */
    uint32_t skip_rows;         /* lines before the header or first row */
    xt_missing missing;         /* of a selected cell */
    xt_columns input_columns;   /* n 0: all that are neither targets nor ignored */
    xt_columns target_columns;  /* never empty for training */
    xt_columns ignore_columns;
} xt_source;

typedef struct xt_layer {
    uint32_t units;
    xt_choice activation;
    xt_choice weight, bias; /* initialisers, resolved: never kind -1 */
} xt_layer;

typedef enum xt_keys { XT_KEYS_PER_LAYER, XT_KEYS_SHARED } xt_keys;
typedef enum xt_loss_report { XT_REPORT_RUNNING, XT_REPORT_POST_UPDATE, XT_REPORT_EVAL } xt_loss_report;

enum { XT_MAX_METRICS = 8, XT_MAX_LAYERS = 64, XT_MAX_COLUMNS = 65536 };

typedef struct xt_spec {
    const char *name;
    uint64_t seed;
    const char *device; /* base/request.h */
    xt_engine_code engine;
    xt_source train;
    bool shuffle;
    xt_keys keys;
    size_t n_layers;
    const xt_layer *layers;
    xt_choice loss, optimizer;
    uint32_t epochs, batch_size;
    xt_loss_report loss_report;
    size_t n_metrics;
    const xt_choice *metrics;
    uint32_t log_every;     /* lines on stdout: every so many epochs; 0: about 20 in all */
    const char *output_template; /* as configured: {name}, {seed}, {hash} may stand in it */
    const char *output_dir;      /* with the placeholders filled in */
} xt_spec;

#endif
