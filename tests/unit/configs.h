/* configs.h: configurations for tests: opened, refused, compared. */
#ifndef XT_UNIT_CONFIGS_H
#define XT_UNIT_CONFIGS_H

#include "cases.h"
#include "config/config.h"

/* Sources, as a call has them. */
#define TEXT(yaml) {XT_CONFIG_TEXT, (yaml), "t.yaml"}
#define OTHER(yaml) {XT_CONFIG_TEXT, (yaml), "u.yaml"}
#define FROM_FILE(path) {XT_CONFIG_FILE, (path), NULL}
#define SET(key_value) {XT_CONFIG_SET, (key_value), "--set " key_value}
#define VALUE(option, key_value) {XT_CONFIG_VALUE, (key_value), (option)}
#define SOURCES(...) (const xt_config_source[]){__VA_ARGS__}, \
    sizeof((const xt_config_source[]){__VA_ARGS__}) / sizeof(xt_config_source)

/* Four lines with all that is required, the rows inline. */
#define DATA "data: {train: {inputs: [[0, 1]], targets: [1]}}\n"
#define MODEL "model: {layers: [{units: 1}]}\n"
#define OPTIMIZER "optimizer: {type: sgd, learning_rate: 0.5}\n"
#define TRAIN "train: {epochs: 1}\n"
#define SMALL DATA MODEL OPTIMIZER TRAIN

/* The same, the rows a file's. */
#define TABLE "data: {train: {file: x.csv, targets: y}}\n" MODEL_2 OPTIMIZER TRAIN
#define MODEL_2 "model: {layers: [{units: 2}, {units: 1}]}\n"

/* A configuration in which the key at this path may be given. */
const char *unit_base(const char *path);
/* What a kind needs beside it, as overrides; their number, at most UNIT_MAX_NEEDS. */
enum { UNIT_MAX_NEEDS = 2 };
size_t unit_needs(const char *kind, xt_config_source out[UNIT_MAX_NEEDS]);
/* Appends a value that the parameter takes, as YAML, and puts it into the choice as its parameter i. */
void unit_param_value(const xt_param *param, size_t i, xt_choice *choice, xt_buf *out);

/* Opens or fails the test; the caller closes. */
xt_config *unit_config(const xt_config_source *sources, size_t n);
/* Fails unless they are refused with this status and message, *out left alone. */
void unit_refused(const xt_config_source *sources, size_t n, xt_status status, const char *message);
/* The message of sources that are refused, until the next call. */
const char *unit_refusal(const xt_config_source *sources, size_t n);

/* What is wrong with `yaml`, a text t.yaml, once `set` (NULL: none) is over it.
 * <losses>, <metrics>, <generators> in message stand for those tables' names. */
typedef struct unit_refused_row {
    const char *name, *yaml, *set, *message;
} unit_refused_row;

/* A test of such a row, found in *state. */
void unit_row_is_refused(void **state);

/* Whether a choice is the table's row of that name. */
bool unit_chose(const xt_table *table, const xt_choice *choice, const char *name);
void unit_same_choice(const xt_choice *a, const xt_choice *b);
/* Fails unless the specs are equal in every member. */
void unit_same_spec(const xt_spec *a, const xt_spec *b);
/* Fails unless the configuration survives printing: YAML and JSON read back to
 * the same spec and print the same once more. */
void unit_round_trip(const xt_config *config);

#endif
