/* src/config: the section `sweep`, and the trials that it stands for. */
#include "base/number.h"
#include "config/space.h"
#include "configs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static xt_err err;

#define SWEEP(text) SMALL "sweep:\n" text
#define LIST "  parameters:\n"
#define RANDOM "  method: random\n  num_trials: "

static xt_space *open_space(xt_config *config)
{
    xt_space *space = NULL;
    if (xt_space_open(config, &space, &err))
        fail_msg("%s", err.text);
    return space;
}

/* ---- which trials there are ---- */

static void put_trial(const xt_space *space, uint64_t trial, xt_buf *out)
{
    for (size_t i = 0; i < xt_space_n_keys(space); i++) {
        xt_buf_printf(out, "%s%s=", i ? " " : "", xt_space_key(space, i));
        xt_space_value(space, trial, i, out);
    }
    if (xt_space_seeds(space))
        xt_buf_printf(out, "%s@%" PRIu64, xt_space_n_keys(space) ? " " : "", xt_space_seed(space, trial));
    xt_buf_puts(out, "\n");
}

/* Every trial in a line; what its configuration holds is what these values, set over the base, make of it. */
typedef struct trials_row {
    const char *name, *yaml, *set, *trials;
} trials_row;

static const trials_row trials_rows[] = {
    {"a list", SWEEP(LIST "    optimizer.lr: [0.1, .03, 1e-2]\n"), NULL,
     "optimizer.learning_rate=0.1\noptimizer.learning_rate=0.03\noptimizer.learning_rate=0.01\n"},
    {"the last key is the fastest", SWEEP(LIST "    seed: [5, 3]\n    model.layers.0.activation: {values: [relu, tanh]}\n"), NULL,
     "seed=5 model.layers.0.activation=relu\nseed=5 model.layers.0.activation=tanh\n"
     "seed=3 model.layers.0.activation=relu\nseed=3 model.layers.0.activation=tanh\n"},
    {"one value", SWEEP(LIST "    seed: {value: 7}\n    train.epochs: 2\n"), NULL, "seed=7 train.epochs=2\n"},
    {"the same value twice", SWEEP(LIST "    seed: [7, 7]\n"), NULL, "seed=7\nseed=7\n"},
    {"ranges", SWEEP(LIST "    seed: 9..10\n    train.epochs: {values: 1..6..2}\n"), NULL,
     "seed=9 train.epochs=1\nseed=9 train.epochs=3\nseed=9 train.epochs=5\n"
     "seed=10 train.epochs=1\nseed=10 train.epochs=3\nseed=10 train.epochs=5\n"},
    {"distances", SWEEP(LIST "    optimizer.momentum: linear(0.1, 0.4, 4)\n"), NULL,
     "optimizer.momentum=0.1\noptimizer.momentum=0.2\noptimizer.momentum=0.3\noptimizer.momentum=0.4\n"},
    {"distances downwards", SWEEP(LIST "    model.layers.0.units: \"linear(64, 8, 3)\"\n"), NULL,
     "model.layers.0.units=64\nmodel.layers.0.units=36\nmodel.layers.0.units=8\n"},
    {"ratios", SWEEP(LIST "    optimizer.lr: log(1e-4,0.1,4)\n"), NULL,
     "optimizer.learning_rate=0.0001\noptimizer.learning_rate=0.001\noptimizer.learning_rate=0.01\n"
     "optimizer.learning_rate=0.1\n"},
    {"9 digits", SWEEP(LIST "    optimizer.lr: linear(1, 2, 4)\n"), NULL,
     "optimizer.learning_rate=1\noptimizer.learning_rate=1.33333333\noptimizer.learning_rate=1.66666667\n"
     "optimizer.learning_rate=2\n"},
    {"lists and mappings", SWEEP(LIST "    model.layers: [[{units: 3}, {units: 1, activation: tanh}], [{units: 1}]]\n"
                                      "    optimizer: '{type: adam, lr: 0.5}, {type: sgd, lr: 1}'\n"), NULL,
     "model.layers=[{units: 3}, {units: 1, activation: tanh}] optimizer={type: adam, learning_rate: 0.5}\n"
     "model.layers=[{units: 3}, {units: 1, activation: tanh}] optimizer={type: sgd, learning_rate: 1}\n"
     "model.layers=[{units: 1}] optimizer={type: adam, learning_rate: 0.5}\n"
     "model.layers=[{units: 1}] optimizer={type: sgd, learning_rate: 1}\n"},
    {"a kind before its parameter", SWEEP(LIST "    optimizer.type: [adam, sgd]\n    optimizer.weight_decay: [0, 1]\n"), NULL,
     "optimizer.type=adam optimizer.weight_decay=0\noptimizer.type=adam optimizer.weight_decay=1\n"
     "optimizer.type=sgd optimizer.weight_decay=0\noptimizer.type=sgd optimizer.weight_decay=1\n"},
    {"tied keys", SWEEP(LIST "    seed: [1, 2]\n    train.epochs: [8, 9]\n    train.batch_size: 3..4\n"
                             "  zip: [[train.batch_size, seed]]\n"), NULL,
     "seed=1 train.epochs=8 train.batch_size=3\nseed=1 train.epochs=9 train.batch_size=3\n"
     "seed=2 train.epochs=8 train.batch_size=4\nseed=2 train.epochs=9 train.batch_size=4\n"},
    {"repeat", SWEEP(LIST "    train.epochs: [8, 9]\n  repeat: 2\n"), "seed=41",
     "train.epochs=8 @41\ntrain.epochs=8 @42\ntrain.epochs=9 @41\ntrain.epochs=9 @42\n"},
    {"seeds", SWEEP(LIST "    train.epochs: [8, 9]\n  seeds: [5, 2]\n"), NULL,
     "train.epochs=8 @5\ntrain.epochs=8 @2\ntrain.epochs=9 @5\ntrain.epochs=9 @2\n"},
    {"seeds alone", SWEEP("  seeds: 0..4..2\n"), NULL, "@0\n@2\n@4\n"},
    {"seeds that are the largest", SWEEP("  repeat: 2\n"), "seed=9223372036854775806",
     "@9223372036854775806\n@9223372036854775807\n"},
    /* Golden: these numbers may never change, or a sweep could not be taken up again. */
    {"drawn", SWEEP(RANDOM "3\n" LIST "    optimizer.lr: {distribution: log_uniform, min: 1e-4, max: 0.1}\n"
                    "    model.layers.0.units: int_uniform(1, 64)\n    train.loss_report: [eval, running]\n"
                    "    optimizer.momentum: {distribution: uniform, min: 0, max: 0.99, q: 0.01}\n"), NULL,
     "optimizer.learning_rate=0.000110443521 model.layers.0.units=58 train.loss_report=running optimizer.momentum=0.19\n"
     "optimizer.learning_rate=0.000409181509 model.layers.0.units=18 train.loss_report=eval optimizer.momentum=0.98\n"
     "optimizer.learning_rate=0.002726663 model.layers.0.units=10 train.loss_report=eval optimizer.momentum=0.33\n"},
    {"drawn with another seed, repeated, tied",
     SWEEP(RANDOM "2\n" LIST "    optimizer.lr: normal(5, 0.5)\n    train.epochs: int_log_uniform(1, 1000)\n"
           "    train.batch_size: [1, 2, 3]\n    model.layers.0.units: [1, 2, 3]\n"
           "  zip: [[train.batch_size, model.layers.0.units]]\n  repeat: 2\n  seed: 1\n"), NULL,
     "optimizer.learning_rate=5.3297664 train.epochs=14 train.batch_size=3 model.layers.0.units=3 @0\n"
     "optimizer.learning_rate=5.3297664 train.epochs=14 train.batch_size=3 model.layers.0.units=3 @1\n"
     "optimizer.learning_rate=5.83355195 train.epochs=285 train.batch_size=3 model.layers.0.units=3 @0\n"
     "optimizer.learning_rate=5.83355195 train.epochs=285 train.batch_size=3 model.layers.0.units=3 @1\n"},
};

/* Sets the trial's values over the base by hand: the same configuration, but for where it came from. */
static void same_by_hand(const trials_row *row, const xt_space *space, uint64_t trial)
{
    enum { MAX_KEYS = 8 };
    xt_buf sets[MAX_KEYS] = {{0}};
    xt_config_source sources[MAX_KEYS + 2] = {TEXT(row->yaml)};
    size_t n = 1, n_keys = xt_space_n_keys(space);
    xt_config *config = NULL;
    if (row->set)
        sources[n++] = (xt_config_source){XT_CONFIG_SET, row->set, row->set};
    for (size_t i = 0; i < n_keys; i++) {
        xt_buf_printf(&sets[i], "%s=", xt_space_key(space, i));
        xt_space_value(space, trial, i, &sets[i]);
        sources[n++] = (xt_config_source){XT_CONFIG_SET, sets[i].data, sets[i].data};
    }
    if (xt_space_seeds(space)) {
        xt_buf_printf(&sets[n_keys], "seed=%" PRIu64, xt_space_seed(space, trial));
        sources[n++] = (xt_config_source){XT_CONFIG_SET, sets[n_keys].data, "--set"};
    }
    xt_config *by_hand = unit_config(sources, n);
    if (xt_space_config(space, trial, &config, &err))
        fail_msg("%s", err.text);
    unit_same_spec(xt_config_spec(config), xt_config_spec(by_hand));
    assert_string_equal(xt_config_hash(config), xt_config_hash(by_hand));
    unit_round_trip(config);
    xt_config_close(&config);
    xt_config_close(&by_hand);
    for (size_t i = 0; i < MAX_KEYS; i++)
        xt_buf_clear(&sets[i]);
}

static void trials(void **state)
{
    const trials_row *row = *state;
    xt_config_source sources[2] = {TEXT(row->yaml), {XT_CONFIG_SET, row->set, row->set}};
    xt_config *config = unit_config(sources, row->set ? 2 : 1);
    xt_space *space = open_space(config);
    xt_buf all = {0}, backwards = {0};
    uint64_t n = xt_space_count(space);
    for (uint64_t i = 0; i < n; i++)
        put_trial(space, i, &all);
    assert_string_equal(all.data, row->trials);
    /* A trial is what it is whatever was asked for before. */
    for (uint64_t i = n; i-- > 0;) {
        size_t at = backwards.len;
        put_trial(space, i, &backwards);
        assert_non_null(strstr(row->trials, backwards.data + at));
        same_by_hand(row, space, i);
    }
    assert_int_equal(n % xt_space_repeats(space), 0);
    unit_round_trip(config);
    xt_space_close(&space);
    xt_config_close(&config);
    xt_buf_clear(&all);
    xt_buf_clear(&backwards);
}

static void another_key_changes_no_draw(void **state)
{
    (void)state;
    xt_config *one = unit_config(SOURCES(TEXT(SWEEP(RANDOM "5\n" LIST "    optimizer.lr: uniform(1, 2)\n"))));
    xt_config *two = unit_config(SOURCES(
        TEXT(SWEEP(RANDOM "5\n" LIST "    optimizer.momentum: uniform(0, 0.5)\n    optimizer.lr: uniform(1, 2)\n"))));
    xt_space *space = open_space(one), *other = open_space(two);
    for (uint64_t i = 0; i < 5; i++) {
        xt_buf a = {0}, b = {0};
        xt_space_value(space, i, 0, &a);
        xt_space_value(other, i, 1, &b);
        assert_string_equal(a.data, b.data);
        xt_buf_clear(&a);
        xt_buf_clear(&b);
    }
    xt_space_close(&space);
    xt_space_close(&other);
    xt_config_close(&one);
    xt_config_close(&two);
}

/* ---- what is drawn ---- */

typedef struct drawn_row {
    const char *domain;
    double low, high, mean, deviation; /* of the values themselves */
    double q;                          /* 0: none */
} drawn_row;

static const drawn_row drawn_rows[] = {
    {"uniform(2, 3)", 2, 3, 2.5, 0.28868, 0},
    {"{distribution: uniform, min: 0.5, max: 2.2, q: 0.25}", 0.5, 2, 1.338235, 0.46, 0.25},
    {"log_uniform(1, 1e4)", 1, 1e4, 9999 / 9.21034, 1960, 0},
    {"int_uniform(1, 6)", 1, 6, 3.5, 1.70783, 1},
    {"{distribution: int_uniform, min: 1, max: 100, q: 10}", 10, 100, 51.4, 28.8, 10},
    {"int_uniform(7, 7)", 7, 7, 7, 0.001, 1},
    {"int_log_uniform(1, 3)", 1, 3, 1.60835, 0.78, 1},
    {"normal(9, 1.5)", 0, 20, 9, 1.5, 0},
    {"{distribution: normal, mu: 9, sigma: 1, q: 0.5}", 0, 20, 9, 1.01, 0.5},
    {"3, 5, 10", 3, 10, 6, 2.94392, 1},
    {"1..4", 1, 4, 2.5, 1.11803, 1},
};

static void drawn(void **state)
{
    const drawn_row *row = *state;
    enum { N = 20000 };
    double sum = 0, least = HUGE_VAL, most = -HUGE_VAL, value = 0;
    char sweep[200];
    xt_buf text = {0};
    snprintf(sweep, sizeof sweep, "optimizer.lr=%s", row->domain);
    xt_config *config = unit_config(SOURCES(TEXT(SMALL "sweep: {method: random, num_trials: 20000}\n"),
                                            {XT_CONFIG_SWEEP, sweep, "--sweep"}));
    xt_space *space = open_space(config);
    assert_int_equal(xt_space_count(space), N);
    for (uint64_t i = 0; i < N; i++) {
        xt_buf_reset(&text);
        xt_space_value(space, i, 0, &text);
        assert_int_equal(xt_number_double(text.data, text.len, &value), XT_NUMBER_OK);
        assert_true(value >= row->low && value <= row->high);
        assert_true(row->q <= 0 || fabs(value / row->q - round(value / row->q)) < 1e-9);
        sum += value;
        least = fmin(least, value);
        most = fmax(most, value);
    }
    unit_near(sum / N, row->mean, 4 * row->deviation / sqrt(N), "the mean of %s", row->domain);
    /* What can be counted comes up, to both ends. */
    if (row->q > 0 && !strstr(row->domain, "normal"))
        assert_true(least == row->low && most == row->high);
    xt_buf_clear(&text);
    xt_space_close(&space);
    xt_config_close(&config);
}

/* ---- beside other configurations ---- */

static void overlay(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT(SWEEP("  metric: loss\n" LIST "    optimizer.lr: {distribution: uniform, min: 1, max: 2}\n    seed: 0..9\n")),
        OTHER("sweep: {parameters: {optimizer.learning_rate: {values: [1, 2]}}}\nmetrics: accuracy\n"),
        SET("sweep.metric.name=accuracy"), {XT_CONFIG_SWEEP, "seed=8,9", "--sweep seed=8,9"},
        {XT_CONFIG_SWEEP, "model.layers.0.units=[3, 4],[5]", "--sweep"},
        {XT_CONFIG_SWEEP, "model.layers.0.units=[3]", "--sweep"}));
    xt_space *space = open_space(config);
    xt_buf all = {0};
    for (uint64_t i = 0; i < xt_space_count(space); i++)
        put_trial(space, i, &all);
    assert_string_equal(all.data, "optimizer.learning_rate=1 seed=8 model.layers.0.units=3\n"
                                  "optimizer.learning_rate=1 seed=9 model.layers.0.units=3\n"
                                  "optimizer.learning_rate=2 seed=8 model.layers.0.units=3\n"
                                  "optimizer.learning_rate=2 seed=9 model.layers.0.units=3\n");
    assert_string_equal(xt_space_metric(space), "accuracy");
    assert_true(xt_space_maximizes(space));
    unit_round_trip(config);
    xt_buf_clear(&all);
    xt_space_close(&space);
    xt_config_close(&config);
}

/* The section changes nothing of the configuration that it stands in; {trial} is a trial's number. */
static void directories(void **state)
{
    (void)state;
    xt_config *plain = unit_config(SOURCES(TEXT(SMALL), SET("output.dir=r/{trial}/{seed}")));
    xt_config *config = unit_config(SOURCES(TEXT(SMALL "name: n\nsweep: {seeds: 5..7}\n"), SET("output.dir=r/{trial}/{seed}")));
    xt_config *trial = NULL;
    xt_space *space = open_space(config);
    assert_string_equal(xt_config_hash(config), xt_config_hash(plain));
    assert_string_equal(xt_config_spec(plain)->output_dir, "r/base/0");
    assert_string_equal(xt_config_spec(config)->output_dir, "r/base/0");
    assert_int_equal(xt_space_config(space, 2, &trial, &err), XT_OK);
    assert_string_equal(xt_config_spec(trial)->output_dir, "r/2/7");
    assert_string_equal(xt_config_spec(trial)->name, "n");
    unit_round_trip(trial);
    xt_buf refused = {0}, changed = {0};
    xt_config_compare(plain, config, &refused, &changed);
    assert_true(!refused.len && !changed.len);
    xt_space_close(&space);
    xt_config_close(&trial);
    xt_config_close(&config);
    xt_config_close(&plain);
}

/* Files are where the configuration that names them is. */
static void paths(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(FROM_FILE("configs/penguins-species.yaml"),
                                            {XT_CONFIG_SWEEP, "data.train.skip_rows=0,1", "--sweep"}));
    xt_space *space = open_space(config);
    xt_config *trial = NULL;
    assert_int_equal(xt_space_config(space, 1, &trial, &err), XT_OK);
    assert_string_equal(xt_config_spec(trial)->train.file, xt_config_spec(config)->train.file);
    assert_string_equal(xt_config_spec(trial)->name, "penguins-species");
    xt_space_close(&space);
    xt_config_close(&trial);
    xt_config_close(&config);
}

/* ---- much of it ---- */

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* As many trials as may be take no time and no memory until they are asked for. */
static void a_billion_trials(void **state)
{
    (void)state;
    double before = seconds();
    xt_config *config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_SWEEP, "seed=0..999999999", "--sweep"}));
    xt_space *space = open_space(config);
    xt_config *trial = NULL;
    assert_int_equal(xt_space_count(space), 1000000000);
    assert_int_equal(xt_space_config(space, 999999999, &trial, &err), XT_OK);
    assert_int_equal(xt_config_spec(trial)->seed, 999999999);
    assert_true(seconds() - before < 3);
    xt_config_close(&trial);
    xt_space_close(&space);
    xt_config_close(&config);
}

int main(void)
{
    for (size_t i = 0; i < sizeof trials_rows / sizeof trials_rows[0]; i++)
        unit_case(trials, &trials_rows[i], "trials: %s", trials_rows[i].name);
    UNIT_CASE(another_key_changes_no_draw);
    for (size_t i = 0; i < sizeof drawn_rows / sizeof drawn_rows[0]; i++)
        unit_case(drawn, &drawn_rows[i], "drawn: %s", drawn_rows[i].domain);
    UNIT_CASE(overlay);
    UNIT_CASE(directories);
    UNIT_CASE(paths);
    UNIT_CASE(a_billion_trials);
    return unit_run("space");
}
