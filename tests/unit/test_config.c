/* src/config: what a good configuration becomes. */
#include "base/number.h"
#include "config/schema.h"
#include "configs.h"
#include "model/generate.h"
#include "model/init.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/schedule.h"

#include <stdio.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool are_columns(const xt_columns *columns, const char *first, uint32_t second)
{
    return columns->n == 2 && same(columns->at[0].name, first) && !columns->at[1].name &&
           columns->at[1].index == second;
}

/* ---- every key ---- */

/* Of data.train, data.validation and data.test; w: what the spec has of it. */
#define SOURCE_KEYS(KEY, part, w) \
    KEY(part##_file, "data." #part ".file", "dir/y.csv", same(w.file, "dir/y.csv")) \
    KEY(part##_targets_file, "data." #part ".targets_file", "y.npy", same(w.targets_file, "y.npy")) \
    KEY(part##_generate, "data." #part ".generate", "moons", w.samples && unit_chose(&xt_generators, &w.generator, "moons")) \
    KEY(part##_samples, "data." #part ".samples", "10000000", w.samples == 10000000) \
    KEY(part##_noise, "data." #part ".noise", "0.5", w.noise == 0.5f) \
    KEY(part##_seed, "data." #part ".seed", "9223372036854775807", w.generate_seed == INT64_MAX) \
    KEY(part##_inputs, "data." #part ".inputs", "[a, 3]", are_columns(&w.input_columns, "a", 3)) \
    KEY(part##_targets, "data." #part ".targets", "[b, 0]", are_columns(&w.target_columns, "b", 0)) \
    KEY(part##_ignore, "data." #part ".ignore", "[c c, 65535]", are_columns(&w.ignore_columns, "c c", 65535)) \
    KEY(part##_encode, "data." #part ".encode", "[d, 4]", are_columns(&w.encode_columns, "d", 4)) \
    KEY(part##_format, "data." #part ".format", "tsv", w.format == XT_FORMAT_TSV) \
    KEY(part##_header, "data." #part ".header", "true", w.header == XT_HEADER_TRUE) \
    KEY(part##_delimiter, "data." #part ".delimiter", ";", w.delimiter == ';') \
    KEY(part##_skip_rows, "data." #part ".skip_rows", "7", w.skip_rows == 7) \
    KEY(part##_missing, "data." #part ".missing", "mean", w.missing == XT_MISSING_MEAN)

/* KEY(id, path, value, what the spec s holds then) */
#define KEYS(KEY) \
    KEY(name, "name", "other", same(s->name, "other")) \
    KEY(seed, "seed", "12345678901234567", s->seed == 12345678901234567) \
    KEY(device, "device", "0:1", same(s->device, "0:1")) \
    KEY(engine, "engine", "reference", s->engine == XT_ENGINE_reference) \
    SOURCE_KEYS(KEY, train, s->train) \
    SOURCE_KEYS(KEY, validation, s->validation.source) \
    SOURCE_KEYS(KEY, test, s->test.source) \
    KEY(split, "data.validation.split", "0.25", s->validation.given && s->validation.split == 0.25f) \
    KEY(test_split, "data.test.split", "0.5", s->test.given && s->test.split == 0.5f) \
    KEY(stratify, "data.validation.stratify", "true", s->validation.stratify) \
    KEY(test_stratify, "data.test.stratify", "true", s->test.stratify) \
    KEY(normalize, "data.normalize", "minmax", s->normalize == XT_NORMALIZE_MINMAX) \
    KEY(classes, "data.classes", "[\"1\", b b]", s->n_classes == 2 && same(s->classes[0], "1") && same(s->classes[1], "b b")) \
    KEY(shuffle, "data.shuffle", "false", !s->shuffle) \
    KEY(keys, "model.init.keys", "shared", s->keys == XT_KEYS_SHARED) \
    KEY(weight, "model.init.weight", "lecun_normal", unit_chose(&xt_initializers, &s->layers[1].weight, "lecun_normal")) \
    KEY(bias, "model.init.bias", "normal", unit_chose(&xt_initializers, &s->layers[1].bias, "normal")) \
    KEY(units, "model.layers.0.units", "16777216", s->layers[0].units == 16777216) \
    KEY(activation, "model.layers.1.activation", "tanh", unit_chose(&xt_activations, &s->layers[1].activation, "tanh")) \
    KEY(layer_weight, "model.layers.1.init.weight", "zeros", unit_chose(&xt_initializers, &s->layers[1].weight, "zeros")) \
    KEY(layer_bias, "model.layers.1.init.bias", "pytorch", unit_chose(&xt_initializers, &s->layers[1].bias, "pytorch")) \
    KEY(dropout, "model.dropout", "0.25", s->layers[0].dropout == 0.25f && s->layers[1].dropout == 0) \
    KEY(l1, "model.l1", "0.25", s->layers[0].l1 == 0.25f && s->layers[1].l1 == 0.25f) \
    KEY(l2, "model.l2", "0.5", s->layers[0].l2 == 0.5f && s->layers[1].l2 == 0.5f) \
    KEY(layer_dropout, "model.layers.0.dropout", "0.5", s->layers[0].dropout == 0.5f) \
    KEY(layer_l1, "model.layers.1.l1", "0.5", s->layers[0].l1 == 0 && s->layers[1].l1 == 0.5f) \
    KEY(layer_l2, "model.layers.0.l2", "0.5", s->layers[0].l2 == 0.5f && s->layers[1].l2 == 0) \
    KEY(schedule, "schedule", "{type: step, size: 3}", unit_chose(&xt_schedules, &s->schedule, "step")) \
    KEY(clip_norm, "train.clip_norm", "0.5", s->clip_norm == 0.5f && s->clip_value == 0) \
    KEY(clip_value, "train.clip_value", "1.5", s->clip_value == 1.5f && s->clip_norm == 0) \
    KEY(validate_every, "train.validate_every", "3", s->validate_every == 3) \
    KEY(monitor, "early_stopping.monitor", "loss", same(s->early_stopping.monitor, "loss")) \
    KEY(patience, "early_stopping.patience", "1000000000", s->early_stopping.patience == 1000000000) \
    KEY(min_delta, "early_stopping.min_delta", "0.5", s->early_stopping.min_delta == 0.5f) \
    KEY(mode, "early_stopping.mode", "max", s->early_stopping.mode == XT_MODE_MAX) \
    KEY(restore_best, "early_stopping.restore_best", "false", !s->early_stopping.restore_best) \
    KEY(stop_when, "stop_when", "{val_loss: {above: -0.1}}", \
        s->n_limits == 1 && same(s->limits[0].column, "val_loss") && s->limits[0].above && s->limits[0].value == -0.1) \
    KEY(checkpoint_every, "checkpoint.every", "1000000000", s->checkpoint.every == 1000000000) \
    KEY(checkpoint_seconds, "checkpoint.every_seconds", "0.5", s->checkpoint.every_seconds == 0.5f) \
    KEY(checkpoint_keep, "checkpoint.keep", "1", s->checkpoint.keep == 1) \
    KEY(checkpoint_best, "checkpoint.best", "val_loss", same(s->checkpoint.best, "val_loss")) \
    KEY(loss, "loss", "mae", unit_chose(&xt_losses, &s->loss, "mae")) \
    KEY(optimizer, "optimizer", "{type: sgd, learning_rate: 2}", s->optimizer.values[0] == 2) \
    KEY(epochs, "train.epochs", "1000000000", s->epochs == 1000000000) \
    KEY(batch_size, "train.batch_size", "1", s->batch_size == 1) \
    KEY(loss_report, "train.loss_report", "eval", s->loss_report == XT_REPORT_EVAL) \
    KEY(metrics, "metrics", "rmse", s->n_metrics == 1 && unit_chose(&xt_metrics, s->metrics, "rmse")) \
    KEY(every, "log.every", "9", s->log_every == 9) \
    KEY(dir, "output.dir", "out", same(s->output_template, "out") && same(s->output_dir, "out")) \
    KEY(sweep_method, "sweep.method", "random", sweep(s)->method == XT_SWEEP_RANDOM) \
    KEY(sweep_metric, "sweep.metric.name", "val_loss", same(sweep(s)->metric, "val_loss")) \
    KEY(sweep_goal, "sweep.metric.goal", "maximize", sweep(s)->maximizes) \
    KEY(sweep_parameters, "sweep.parameters", "{loss: [mse, mae]}", sweep(s)->n_swept == 1 && sweep(s)->swept->domain.n == 2) \
    KEY(sweep_zip, "sweep.zip", "[[loss, train.epochs]]", sweep(s)->zip && sweep(s)->swept[1].leader == 0) \
    KEY(sweep_trials, "sweep.num_trials", "1000000000", sweep(s)->num_trials == 1000000000) \
    KEY(sweep_repeat, "sweep.repeat", "1000000000", sweep(s)->repeat == 1000000000) \
    KEY(sweep_seeds, "sweep.seeds", "[4, 2]", sweep(s)->seeds.n == 2) \
    KEY(sweep_seed, "sweep.seed", "9223372036854775807", sweep(s)->seed == INT64_MAX)

/* What else is decoded stands behind the spec: a trainer has no use for it. */
static const xt_sweep *sweep(const xt_spec *spec)
{
    return &((const xt_root *)(const void *)((const char *)spec - offsetof(xt_root, spec)))->sweep;
}

typedef struct key_row {
    const char *path, *value;
    bool (*holds)(const xt_spec *spec);
} key_row;

#define KEY(id, key, text, condition) \
    static bool holds_##id(const xt_spec *s) { return (condition); }
KEYS(KEY)
#undef KEY
#define KEY(id, key, text, condition) {key, text, holds_##id},
static const key_row key_rows[] = {KEYS(KEY)};
#undef KEY
enum { N_KEYS = sizeof key_rows / sizeof key_rows[0] };

static void assert_key(const xt_config *config, const key_row *key)
{
    if (!key->holds(xt_config_spec(config)))
        fail_msg("%s: %s did not arrive", key->path, key->value);
}

/* From an option as YAML, from an option as it stands, and from YAML: what was printed. */
static void key_arrives(void **state)
{
    const key_row *key = *state;
    char set[200];
    snprintf(set, sizeof set, "%s=%s", key->path, key->value);
    const char *base = unit_base(key->path);
    xt_config *config = unit_config(SOURCES(TEXT(base)));
    if (key->holds(xt_config_spec(config)))
        fail_msg("%s: %s is the default, which shows nothing", key->path, key->value);
    xt_config_close(&config);
    xt_config_source sources[2 + UNIT_MAX_NEEDS] = {TEXT(base), {XT_CONFIG_SET, set, set}};
    config = unit_config(sources, 2 + unit_needs(key->value, sources + 2));
    assert_key(config, key);
    unit_round_trip(config);
    xt_config_close(&config);
    if (strpbrk(key->value, "[{"))
        return;
    sources[1].kind = XT_CONFIG_VALUE;
    config = unit_config(sources, 2 + unit_needs(key->value, sources + 2));
    assert_key(config, key);
    xt_config_close(&config);
}

/* "model.layers.0.units" is "model.layers.N.units" for a field of every layer. */
static bool is_path(const char *key, const char *path)
{
    for (; *key && *path; key++, path++)
        if (*key != *path && !(*path == 'N' && (*key == '0' || *key == '1')))
            return false;
    return *key == *path;
}

static size_t walk_schema(const xt_field *fields, const char *above)
{
    size_t n = 0;
    for (; fields->name; fields++) {
        char path[200];
        bool list = fields->type == &xt_type_sections;
        snprintf(path, sizeof path, "%s%s%s", above, fields->name, list ? ".N" : "");
        if (list || xt_is_section(fields)) {
            strcat(path, ".");
            n += walk_schema(fields->fields, path);
            continue;
        }
        bool found = false;
        for (size_t i = 0; i < N_KEYS; i++)
            found |= is_path(key_rows[i].path, path);
        if (!found)
            fail_msg("the schema's key %s has no row in KEYS", path);
        n++;
    }
    return n;
}

static void every_key_of_the_schema_has_a_row(void **state)
{
    (void)state;
    assert_int_equal(walk_schema(xt_schema, ""), N_KEYS);
}

static void all_keys_at_once(void **state)
{
    (void)state;
    static const char yaml[] =
        "name: all\n"
        "seed: 9223372036854775807\n"
        "device: name:a b\n"
        "engine: gemm\n"
        "data:\n"
        "  train:\n"
        "    file: /d/x.csv\n"
        "    inputs: [x1, 2]\n"
        "    targets: [y, 5]\n"
        "    ignore: [\"7\", 7]\n"
        "    format: csv\n"
        "    header: \"false\"\n"
        "    delimiter: \"\\t\"\n"
        "    skip_rows: 3\n"
        "    missing: drop\n"
        "    encode: [x1, 3]\n"
        "  validation: {split: 0.5, stratify: true}\n"
        "  test: {file: /d/t.csv, skip_rows: 1}\n"
        "  normalize: standard\n"
        "  classes: [no, yes]\n"
        "  shuffle: false\n"
        "model:\n"
        "  init: {keys: shared, weight: {type: uniform, low: -1, high: 2}, bias: {type: constant, value: 0.25}}\n"
        "  dropout: 0.5\n"
        "  l1: 1e-3\n"
        "  l2: 2\n"
        "  layers:\n"
        "    - units: 3\n"
        "      activation: {type: leaky_relu, alpha: 0.5}\n"
        "      l2: 0\n"
        "      init: {weight: {type: orthogonal, gain: 2}, bias: {type: normal, mean: 1, stddev: 3}}\n"
        "    - {units: 2, activation: softplus}\n"
        "loss: {type: huber, delta: 3}\n"
        "optimizer: {type: sgd, learning_rate: 0.25, momentum: 0.5, nesterov: true}\n"
        "schedule: {type: step, size: 3}\n"
        "train: {epochs: 10, batch_size: 4, loss_report: post_update, clip_norm: 2, validate_every: 5}\n"
        "early_stopping: {monitor: val_mae, patience: 3, min_delta: 0.25, mode: min, restore_best: false}\n"
        "stop_when: {loss: {below: 0.01}, val_accuracy: {above: .9}}\n"
        "checkpoint: {every: 7, every_seconds: 0.5, keep: 1, best: val_mae}\n"
        "metrics: [mae, {type: accuracy, threshold: 2, positive: below}]\n"
        "log: {every: 5}\n"
        "output: {dir: \"o/{name}-{seed}\"}\n";
    xt_config *config = unit_config(SOURCES(TEXT(yaml)));
    const xt_spec *s = xt_config_spec(config);
    assert_true(same(s->name, "all") && s->seed == INT64_MAX && same(s->device, "name:a b"));
    assert_true(s->engine == XT_ENGINE_gemm && !s->shuffle);
    const xt_source *t = &s->train;
    assert_true(same(t->file, "/d/x.csv") && are_columns(&t->input_columns, "x1", 2));
    assert_true(are_columns(&t->target_columns, "y", 5) && are_columns(&t->ignore_columns, "7", 7));
    assert_true(t->format == XT_FORMAT_CSV && t->header == XT_HEADER_FALSE && t->delimiter == '\t');
    assert_true(t->skip_rows == 3 && t->missing == XT_MISSING_DROP && !t->inputs && !t->n_rows);
    assert_true(are_columns(&t->encode_columns, "x1", 3));
    assert_true(s->validation.given && s->validation.split == 0.5f && s->validation.stratify && !s->validation.source.file);
    t = &s->test.source;
    assert_true(s->test.given && s->test.split == 0 && same(t->file, "/d/t.csv") && t->skip_rows == 1);
    assert_true(t->header == XT_HEADER_FALSE && t->delimiter == '\t' && t->missing == XT_MISSING_DROP);
    assert_true(are_columns(&t->target_columns, "y", 5) && are_columns(&t->encode_columns, "x1", 3));
    assert_true(s->normalize == XT_NORMALIZE_STANDARD && s->n_classes == 2 && same(s->classes[1], "yes"));
    assert_true(s->keys == XT_KEYS_SHARED && s->n_layers == 2);
    const xt_layer *l = s->layers;
    assert_true(l[0].units == 3 && unit_chose(&xt_activations, &l[0].activation, "leaky_relu"));
    assert_true(l[0].activation.values[0] == 0.5f);
    assert_true(unit_chose(&xt_initializers, &l[0].weight, "orthogonal") && l[0].weight.values[0] == 2);
    assert_true(unit_chose(&xt_initializers, &l[0].bias, "normal") && l[0].bias.values[0] == 1 && l[0].bias.values[1] == 3);
    assert_true(l[1].units == 2 && unit_chose(&xt_activations, &l[1].activation, "softplus"));
    assert_true(unit_chose(&xt_initializers, &l[1].weight, "uniform") && l[1].weight.values[0] == -1);
    assert_true(l[1].weight.values[1] == 2 && unit_chose(&xt_initializers, &l[1].bias, "constant"));
    assert_true(l[1].bias.values[0] == 0.25f);
    assert_true(l[0].dropout == 0.5f && l[1].dropout == 0 && l[0].l1 == 1e-3f && l[0].l2 == 0 && l[1].l2 == 2);
    assert_true(unit_chose(&xt_losses, &s->loss, "huber") && s->loss.values[0] == 3);
    assert_true(unit_chose(&xt_schedules, &s->schedule, "step") && s->schedule.values[0] == 3);
    assert_true(s->clip_norm == 2 && s->clip_value == 0 && s->validate_every == 5);
    assert_true(s->early_stopping.given && same(s->early_stopping.monitor, "val_mae"));
    assert_true(s->early_stopping.patience == 3 && s->early_stopping.min_delta == 0.25f);
    assert_true(s->early_stopping.mode == XT_MODE_MIN && !s->early_stopping.restore_best && s->n_limits == 2);
    assert_true(!s->limits[0].above && s->limits[0].value == 0.01 && s->limits[1].above && s->limits[1].value == 0.9);
    assert_true(s->checkpoint.every == 7 && s->checkpoint.every_seconds == 0.5f && s->checkpoint.keep == 1);
    assert_true(same(s->checkpoint.best, "val_mae"));
    assert_true(s->optimizer.values[0] == 0.25f && s->optimizer.values[1] == 0.5f && s->optimizer.values[2] == 1);
    assert_true(s->epochs == 10 && s->batch_size == 4 && s->loss_report == XT_REPORT_POST_UPDATE);
    assert_true(s->n_metrics == 2 && unit_chose(&xt_metrics, &s->metrics[0], "mae"));
    assert_true(unit_chose(&xt_metrics, &s->metrics[1], "accuracy") && s->metrics[1].values[0] == 2);
    assert_true(s->metrics[1].values[1] == 1 && s->log_every == 5);
    assert_string_equal(s->output_template, "o/{name}-{seed}");
    assert_string_equal(s->output_dir, "o/all-9223372036854775807");
    unit_round_trip(config);
    xt_config_close(&config);
}

static void defaults(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(TEXT(SMALL)));
    const xt_spec *s = xt_config_spec(config);
    assert_true(same(s->name, "run") && s->seed == 0 && same(s->device, "auto") && s->engine == XT_ENGINE_auto);
    assert_true(!s->train.file && s->train.n_rows == 1 && s->train.n_inputs == 2 && s->train.n_targets == 1);
    assert_true(s->train.inputs[0] == 0 && s->train.inputs[1] == 1 && s->train.targets[0] == 1);
    assert_true(s->shuffle && s->keys == XT_KEYS_PER_LAYER && s->n_layers == 1);
    assert_true(unit_chose(&xt_activations, &s->layers[0].activation, "linear"));
    assert_true(unit_chose(&xt_initializers, &s->layers[0].weight, "glorot_uniform"));
    assert_true(unit_chose(&xt_initializers, &s->layers[0].bias, "zeros"));
    assert_true(unit_chose(&xt_losses, &s->loss, "mse") && unit_chose(&xt_optimizers, &s->optimizer, "sgd"));
    assert_true(s->optimizer.values[1] == 0 && s->optimizer.values[2] == 0);
    assert_true(s->epochs == 1 && s->batch_size == 32 && s->loss_report == XT_REPORT_RUNNING);
    assert_true(s->n_metrics == 0 && s->log_every == 0);
    /* As a spec that was never filled in has it. */
    static const xt_part none;
    static const xt_early_stopping never;
    assert_memory_equal(&s->validation, &none, sizeof none);
    assert_memory_equal(&s->test, &none, sizeof none);
    assert_memory_equal(&s->early_stopping, &never, sizeof never);
    assert_true(s->train.samples == 0 && s->train.noise == 0 && s->train.generator.kind == 0);
    assert_true(s->normalize == XT_NORMALIZE_NONE && !s->n_classes && !s->n_limits && !s->validate_every);
    assert_true(s->schedule.kind == 0 && unit_chose(&xt_schedules, &s->schedule, "constant"));
    assert_true(s->layers[0].dropout == 0 && s->layers[0].l1 == 0 && s->layers[0].l2 == 0);
    assert_true(s->clip_norm == 0 && s->clip_value == 0);
    assert_true(!s->checkpoint.every && s->checkpoint.every_seconds == 0 && s->checkpoint.keep == 2);
    assert_null(s->checkpoint.best);
    assert_string_equal(s->output_template, "runs/{name}");
    assert_string_equal(s->output_dir, "runs/run");
    unit_round_trip(config);
    xt_config_close(&config);
    config = unit_config(SOURCES(TEXT(TABLE)));
    const xt_source *t = &xt_config_spec(config)->train;
    assert_true(t->format == XT_FORMAT_AUTO && t->header == XT_HEADER_AUTO && t->missing == XT_MISSING_ERROR);
    assert_true(t->delimiter == 0 && t->skip_rows == 0 && !t->input_columns.n && !t->ignore_columns.n);
    xt_config_close(&config);
}

/* ---- short forms ---- */

static void short_forms(void **state)
{
    (void)state;
    xt_config *config =
        unit_config(SOURCES(TEXT("data: {train: {file: x.csv, targets: 0, inputs: a}}\n"
                                 "model: {init: {weight: he_normal}, layers: [{units: 1, activation: relu}]}\n"
                                 "loss: {type: mae}\n"
                                 "optimizer: {type: sgd, lr: 1}\n"
                                 "metrics: {type: accuracy, positive: below}\n"
                                 "train: {epochs: 0}\n")));
    const xt_spec *s = xt_config_spec(config);
    assert_true(s->n_metrics == 1 && s->metrics[0].values[0] == 0.5f && s->metrics[0].values[1] == 1);
    assert_true(unit_chose(&xt_losses, &s->loss, "mae") && s->optimizer.values[0] == 1 && s->epochs == 0);
    assert_true(s->train.target_columns.n == 1 && s->train.target_columns.at[0].index == 0);
    assert_true(s->train.input_columns.n == 1 && same(s->train.input_columns.at[0].name, "a"));
    unit_round_trip(config);
    xt_config_close(&config);
    config = unit_config(SOURCES(TEXT(SMALL "metrics: []\nlog: {every: auto}\n")));
    assert_int_equal(xt_config_spec(config)->n_metrics, 0);
    unit_round_trip(config);
    xt_config_close(&config);
}

static void lr_is_learning_rate(void **state)
{
    (void)state;
    static const char *const sets[] = {"optimizer.lr=0.125", "optimizer.learning_rate=0.125",
                                       "optimizer={type: sgd, lr: .125}"};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        xt_config *config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, sets[i], sets[i]}));
        assert_true(xt_config_spec(config)->optimizer.values[0] == 0.125f);
        xt_config_close(&config);
    }
    /* In two sources the later one wins, whichever name each takes. */
    xt_config *config = unit_config(SOURCES(TEXT(SMALL), OTHER("optimizer: {lr: 2}")));
    assert_true(xt_config_spec(config)->optimizer.values[0] == 2);
    xt_config_close(&config);
}

/* ---- initialisers ---- */

static void initialisers_of_a_layer(void **state)
{
    (void)state;
    static const char layers[] =
        "data: {train: {inputs: [[0]], targets: [1]}}\noptimizer: {type: sgd, lr: 1}\ntrain: {epochs: 1}\n"
        "model: {layers: [{units: 2, activation: relu}, {units: 2, activation: tanh}, "
        "{units: 1, init: {weight: {type: normal, stddev: 2}, bias: pytorch}}]}\n";
    xt_config *config = unit_config(SOURCES(TEXT(layers)));
    const xt_layer *l = xt_config_spec(config)->layers;
    assert_true(unit_chose(&xt_initializers, &l[0].weight, "he_uniform"));
    assert_true(unit_chose(&xt_initializers, &l[1].weight, "glorot_uniform"));
    assert_true(unit_chose(&xt_initializers, &l[2].weight, "normal") && l[2].weight.values[1] == 2);
    assert_true(unit_chose(&xt_initializers, &l[0].bias, "zeros") && unit_chose(&xt_initializers, &l[1].bias, "zeros"));
    assert_true(unit_chose(&xt_initializers, &l[2].bias, "pytorch"));
    unit_round_trip(config);
    xt_config_close(&config);
    config = unit_config(SOURCES(TEXT(layers), SET("model.init={weight: lecun_normal, bias: {type: constant, value: 3}}")));
    l = xt_config_spec(config)->layers;
    assert_true(unit_chose(&xt_initializers, &l[0].weight, "lecun_normal"));
    assert_true(unit_chose(&xt_initializers, &l[1].weight, "lecun_normal"));
    assert_true(unit_chose(&xt_initializers, &l[2].weight, "normal") && unit_chose(&xt_initializers, &l[2].bias, "pytorch"));
    assert_true(l[0].bias.values[0] == 3 && l[1].bias.values[0] == 3);
    unit_round_trip(config);
    xt_config_close(&config);
    config = unit_config(SOURCES(TEXT(layers), SET("model.init.weight=lecun_normal"), SET("model.init.weight=auto")));
    assert_true(unit_chose(&xt_initializers, &xt_config_spec(config)->layers[0].weight, "he_uniform"));
    xt_config_close(&config);
}

/* ---- numbers ---- */

typedef struct number_row {
    const char *text;
    float value;
} number_row;

static const number_row number_rows[] = {
    {"1e-4", 1e-4f},   {".5", 0.5f},     {"+1", 1},        {"1.", 1},         {"1e3", 1000},    {"1E+3", 1000},
    {"+.5e-1", 0.05f}, {"00.25", 0.25f}, {"0.1", 0.1f},    {"3e38", 3e38f},   {"1e-45", 1e-45f}, {"16777217", 16777216},
    {"1.5e-2", 0.015f}, {"5", 5},        {"0.30000001192092896", 0.3f},
};

static void number_is_read(void **state)
{
    const number_row *row = *state;
    char set[100], value[100];
    snprintf(set, sizeof set, "optimizer.lr=%s", row->text);
    snprintf(value, sizeof value, "optimizer.learning_rate=%s", row->text);
    xt_config *config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set, set}));
    assert_true(xt_config_spec(config)->optimizer.values[0] == row->value);
    unit_round_trip(config);
    xt_config_close(&config);
    config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_VALUE, value, value}));
    assert_true(xt_config_spec(config)->optimizer.values[0] == row->value);
    xt_config_close(&config);
    snprintf(set, sizeof set, "data.train.inputs=[[%s, -%s]]", row->text, row->text + (row->text[0] == '+'));
    config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set, set}));
    assert_true(xt_config_spec(config)->train.inputs[0] == row->value);
    assert_true(xt_config_spec(config)->train.inputs[1] == -row->value);
    unit_round_trip(config);
    xt_config_close(&config);
}

static void seeds(void **state)
{
    (void)state;
    static const char *const texts[] = {"0", "007", "+5", "4294967296", "9007199254740993", "9223372036854775807"};
    static const uint64_t values[] = {0, 7, 5, UINT64_C(4294967296), UINT64_C(9007199254740993), INT64_MAX};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char set[60];
        snprintf(set, sizeof set, "seed=%s", texts[i]);
        xt_config *config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set, set}));
        assert_true(xt_config_spec(config)->seed == values[i]);
        unit_round_trip(config);
        xt_config_close(&config);
    }
}

static void rows_of_one_number(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(TEXT(SMALL), SET("data.train.inputs=[1, [2], 3]"),
                                            SET("data.train.targets=[[1, 2], [3, 4], [5, 6]]")));
    const xt_source *t = &xt_config_spec(config)->train;
    assert_true(t->n_rows == 3 && t->n_inputs == 1 && t->n_targets == 2);
    assert_true(t->inputs[1] == 2 && t->targets[5] == 6);
    unit_round_trip(config);
    xt_config_close(&config);
}

int main(void)
{
    UNIT_CASE(every_key_of_the_schema_has_a_row);
    for (size_t i = 0; i < N_KEYS; i++)
        unit_case(key_arrives, &key_rows[i], "key %s", key_rows[i].path);
    UNIT_CASE(all_keys_at_once);
    UNIT_CASE(defaults);
    UNIT_CASE(short_forms);
    UNIT_CASE(lr_is_learning_rate);
    UNIT_CASE(initialisers_of_a_layer);
    for (size_t i = 0; i < sizeof number_rows / sizeof number_rows[0]; i++)
        unit_case(number_is_read, &number_rows[i], "number %s", number_rows[i].text);
    UNIT_CASE(seeds);
    UNIT_CASE(rows_of_one_number);
    return unit_run("config");
}
