/* src/config: what is wrong with a sweep, told with its place. */
#include "config/space.h"
#include "configs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static xt_err err;

/* ---- the section ---- */

#define AT_5(column, message, line, caret) "t.yaml:5:" column ": " message "\n     5 | " line "\n       | " caret "^"

static const unit_refused_row section_rows[] = {
    {"nothing to sweep", SMALL, "sweep={method: grid}",
     "--set sweep={method: grid}: sweep: missing: `parameters`, such as {optimizer.learning_rate: [0.1, 0.01]}, or `repeat` or "
     "`seeds`"},
    {"an unknown method", SMALL, "sweep={method: grit, repeat: 1}",
     "--set sweep={method: grit, repeat: 1}: sweep.method: expected grid or random, found 'grit'; did you mean grid"},
    {"random without a number", SMALL, "sweep={method: random, repeat: 1}",
     "--set sweep={method: random, repeat: 1}: sweep.num_trials: missing: how many combinations method random is to draw"},
    {"a grid with a number", SMALL, "sweep={num_trials: 3, repeat: 1}",
     "--set sweep={num_trials: 3, repeat: 1}: sweep.num_trials: not with method grid, which trains every combination; to draw "
     "some, write `method: random`"},
    {"both repeat and seeds", SMALL, "sweep={repeat: 3, seeds: [1]}",
     "--set sweep={repeat: 3, seeds: [1]}: sweep.seeds: not with `repeat`: either counts seeds up from `seed`, or names them"},
    {"repeat where seed is swept", SMALL, "sweep={repeat: 3, parameters: {seed: [1]}}",
     "--set sweep={repeat: 3, parameters: {seed: [1]}}: sweep.repeat: not where `seed` is one of the parameters"},
    {"seeds that are drawn", SMALL, "sweep={seeds: 'uniform(1, 2)'}",
     "--set sweep={seeds: 'uniform(1, 2)'}: sweep.seeds: expected seeds such as [1, 2, 3] or 0..9: they are not drawn"},
    {"a metric that is no column", SMALL "sweep: {repeat: 2, metric: los}\n", NULL,
     AT_5("28", "sweep.metric.name: expected loss, found 'los'; did you mean loss", "sweep: {repeat: 2, metric: los}",
          "                           ")},
    {"a goal that is near", SMALL "sweep: {repeat: 2, metric: {name: val_loss, goal: minimise}}\n", NULL,
     AT_5("51", "sweep.metric.goal: expected one of auto, minimize or maximize, found 'minimise'; did you mean minimize",
          "sweep: {repeat: 2, metric: {name: val_loss, goal: minimise}}", "                                                  ")},
    {"a drawn value in a grid", SMALL "sweep: {parameters: {optimizer.lr: 'uniform(0.1, 1)'}}\n", NULL,
     AT_5("36", "sweep.parameters.optimizer.learning_rate: uniform is drawn, and a grid has values: write `method: random` with "
                "`num_trials`, or values such as linear(A, B, how many)",
          "sweep: {parameters: {optimizer.lr: 'uniform(0.1, 1)'}}", "                                   ")},
    {"exponents", SMALL "sweep: {parameters: {optimizer.lr: {distribution: log_uniform, min: -9.21, max: 0}}}\n", NULL,
     "t.yaml:5:69: sweep.parameters.optimizer.learning_rate: min of log_uniform: expected a number greater than 0, found "
     "'-9.21'; for exponents of e: exp(-9.21) is 0.0001\n"
     "     5 | sweep: {parameters: {optimizer.lr: {distribution: log_uniform, min: -9.21, max: 0}}}\n"
     "       |                                                                     ^"},
    {"bounds the wrong way", SMALL, "sweep.parameters={a: 'uniform(2, 1)'}",
     "--set sweep.parameters={a: 'uniform(2, 1)'}: sweep.parameters.a: max of uniform: expected at least min, which is 2, found 1"},
    {"a bound that is none", SMALL, "sweep.parameters={a: 'int_uniform(1, 2.5)'}",
     "--set sweep.parameters={a: 'int_uniform(1, 2.5)'}: sweep.parameters.a: max of int_uniform: expected a whole number, found "
     "'2.5'"},
    {"a whole bound that is too large", SMALL, "sweep.parameters={a: 'int_uniform(1, 9007199254740995)'}",
     "--set sweep.parameters={a: 'int_uniform(1, 9007199254740995)'}: sweep.parameters.a: max of int_uniform: expected at most "
     "9007199254740992, up to which whole numbers are drawn, found '9007199254740995'"},
    {"sigma", SMALL, "sweep.parameters={a: 'normal(0, -1)'}",
     "--set sweep.parameters={a: 'normal(0, -1)'}: sweep.parameters.a: sigma of normal: expected a number of at least 0, found "
     "-1"},
    {"q without multiples", SMALL, "sweep.parameters={a: {distribution: uniform, min: 0.3, max: 0.4, q: 0.25}}",
     "--set sweep.parameters={a: {distribution: uniform, min: 0.3, max: 0.4, q: 0.25}}: sweep.parameters.a: no multiple of q, "
     "which is 0.25, is between min and max"},
    {"no q", SMALL, "sweep.parameters={a: {distribution: uniform, min: 0, max: 1, q: 0}}",
     "--set sweep.parameters={a: {distribution: uniform, min: 0, max: 1, q: 0}}: sweep.parameters.a: q: expected a number greater "
     "than 0"},
    {"a distribution that is near", SMALL, "sweep.parameters={a: {distribution: unifrom, min: 1, max: 2}}",
     "--set sweep.parameters={a: {distribution: unifrom, min: 1, max: 2}}: sweep.parameters.a: expected one of uniform, "
     "log_uniform, int_uniform, int_log_uniform or normal, found 'unifrom'; did you mean uniform"},
    {"a parameter missing and one too many", SMALL, "sweep.parameters={a: {distribution: uniform, mn: 1, max: 2}}",
     "--set sweep.parameters={a: {distribution: uniform, mn: 1, max: 2}}: sweep.parameters.a.mn: unknown key; did you mean min?\n"
     "--set sweep.parameters={a: {distribution: uniform, mn: 1, max: 2}}: sweep.parameters.a: missing: uniform needs min"},
    {"a rule that is near", SMALL, "sweep.parameters={a: 'liner(1, 2, 3)'}",
     "--set sweep.parameters={a: 'liner(1, 2, 3)'}: sweep.parameters.a: expected one of uniform, log_uniform, int_uniform, "
     "int_log_uniform, normal, linear, log before '(', found 'liner'; did you mean linear"},
    {"too few of a rule", SMALL, "sweep.parameters={a: 'log(1, 2)'}",
     "--set sweep.parameters={a: 'log(1, 2)'}: sweep.parameters.a: expected log(the first, the last, how many), found 'log(1, 2)'"},
    {"too many of a distribution", SMALL, "sweep.parameters={a: 'normal(1, 2, 3, 4)'}",
     "--set sweep.parameters={a: 'normal(1, 2, 3, 4)'}: sweep.parameters.a: expected normal(mu, sigma), found 'normal(1, 2, 3, 4)'"},
    {"how many", SMALL, "sweep.parameters={a: 'linear(1, 2, 1)'}",
     "--set sweep.parameters={a: 'linear(1, 2, 1)'}: sweep.parameters.a: linear: expected how many values, a whole number from 2 "
     "to 1000000000, found '1'"},
    {"a logarithm of nothing", SMALL, "sweep.parameters={a: 'log(1, 0, 3)'}",
     "--set sweep.parameters={a: 'log(1, 0, 3)'}: sweep.parameters.a: the last of log: expected a number greater than 0, found 0"},
    {"a range downwards", SMALL, "sweep.parameters={a: 3..1}",
     "--set sweep.parameters={a: 3..1}: sweep.parameters.a: expected A..B upwards, found '3..1'"},
    {"a range of no step", SMALL, "sweep.parameters={a: 1..3..0}",
     "--set sweep.parameters={a: 1..3..0}: sweep.parameters.a: expected A..B or A..B..STEP of whole numbers, found '1..3..0'; for "
     "others there is linear(A, B, how many)"},
    {"no values", SMALL, "sweep.parameters={a: [], b: {values: []}, c: , d: {values: {x: 1}}}",
     "--set sweep.parameters={a: [], b: {values: []}, c: , d: {values: {x: 1}}}: sweep.parameters.a: expected at least one value, "
     "found an empty list\n"
     "--set sweep.parameters={a: [], b: {values: []}, c: , d: {values: {x: 1}}}: sweep.parameters.b: expected at least one value, "
     "found an empty list\n"
     "--set sweep.parameters={a: [], b: {values: []}, c: , d: {values: {x: 1}}}: sweep.parameters.c: expected values, found nothing\n"
     "--set sweep.parameters={a: [], b: {values: []}, c: , d: {values: {x: 1}}}: sweep.parameters.d: expected a list of values, "
     "found a mapping"},
    {"keys that are not dotted", SMALL, "sweep.parameters.optimizer.lr=[1]",
     "--set sweep.parameters.optimizer.lr=[1]: sweep.parameters.optimizer: expected one of {values: [...]}, {value: x} and "
     "{distribution: ...}; keys are dotted, such as optimizer.learning_rate"},
    {"no key", SMALL, "sweep.parameters={'': [1]}",
     "--set sweep.parameters={'': [1]}: sweep.parameters: expected a key such as optimizer.learning_rate, of up to 200 printable characters"},
    {"a key of another line", SMALL, "sweep.parameters={\"seed\\n\": [1]}",
     "--set sweep.parameters={\"seed\\n\": [1]}: sweep.parameters: expected a key such as optimizer.learning_rate, of up to 200 "
     "printable characters"},
    {"a tie of what is none", SMALL, "sweep={parameters: {seed: 1..2}, zip: [[seed, sed]]}",
     "--set sweep={parameters: {seed: 1..2}, zip: [[seed, sed]]}: sweep.zip: 'sed' is none of the parameters; did you mean seed"},
    {"a tie of one", SMALL, "sweep={parameters: {seed: 1..2}, zip: [seed]}",
     "--set sweep={parameters: {seed: 1..2}, zip: [seed]}: sweep.zip: expected a list of lists of at least 2 of the parameters, "
     "such as [[model.layers.0.units, train.batch_size]], found a list"},
    {"a tie with itself", SMALL, "sweep={parameters: {seed: 1..2}, zip: [[seed, seed]]}",
     "--set sweep={parameters: {seed: 1..2}, zip: [[seed, seed]]}: sweep.zip: 'seed' is there twice"},
    {"a tie of other lengths", SMALL, "sweep={parameters: {seed: 1..2, train.epochs: [1, 2, 3]}, zip: [[train.epochs, seed]]}",
     "--set sweep={parameters: {seed: 1..2, train.epochs: [1, 2, 3]}, zip: [[train.epochs, seed]]}: sweep.zip: expected equally "
     "many values, found 2 of seed and 3 of train.epochs"},
    {"a tie of what is drawn", SMALL,
     "sweep={method: random, num_trials: 1, parameters: {seed: 1..2, train.epochs: 'int_uniform(1, 2)'}, zip: [[seed, train.epochs]]}",
     "--set sweep={method: random, num_trials: 1, parameters: {seed: 1..2, train.epochs: 'int_uniform(1, 2)'}, zip: [[seed, "
     "train.epochs]]}: sweep.zip: train.epochs is drawn: only values can go together"},
};

/* ---- the space: what is well said, and no training takes ---- */

static const unit_refused_row space_rows[] = {
    {"no sweep", SMALL, NULL,
     "there is nothing to sweep: the configuration has no `sweep`, such as\nsweep:\n  parameters:\n    optimizer.learning_rate: "
     "[0.1, 0.03, 0.01]"},
    {"a value", SMALL "sweep: {parameters: {optimizer.lr: [0.1, abc, 0], seed: [-1]}}\n", NULL,
     AT_5("42", "optimizer.learning_rate: expected a number greater than 0, found 'abc'",
          "sweep: {parameters: {optimizer.lr: [0.1, abc, 0], seed: [-1]}}", "                                         ") "\n"
     AT_5("47", "optimizer.learning_rate: expected a number greater than 0, found '0'",
          "sweep: {parameters: {optimizer.lr: [0.1, abc, 0], seed: [-1]}}", "                                              ") "\n"
     AT_5("58", "seed: expected a whole number from 0 to 9223372036854775807, found '-1'",
          "sweep: {parameters: {optimizer.lr: [0.1, abc, 0], seed: [-1]}}",
          "                                                         ")},
    {"a key that is near", SMALL "sweep: {parameters: {optimizer.learning_rat: [0.1, 1]}}\n", NULL,
     AT_5("22", "optimizer.learning_rat: unknown key; did you mean learning_rate?",
          "sweep: {parameters: {optimizer.learning_rat: [0.1, 1]}}", "                     ")},
    {"a layer that is not", SMALL, "sweep={parameters: {model.layers.1.units: [3]}}",
     "--set sweep={parameters: {model.layers.1.units: [3]}}: '1' is no element of the list, which has 1: give an index from 0 to 0"},
    {"keys apart", SMALL, "sweep={parameters: {output.dir: [a], log.every: [1], name: [b], sweep.seed: [1]}}",
     "--set sweep={parameters: {output.dir: [a], log.every: [1], name: [b], sweep.seed: [1]}}: output.dir: no training depends on "
     "it: it cannot be swept\n"
     "--set sweep={parameters: {output.dir: [a], log.every: [1], name: [b], sweep.seed: [1]}}: log.every: no training depends on "
     "it: it cannot be swept\n"
     "--set sweep={parameters: {output.dir: [a], log.every: [1], name: [b], sweep.seed: [1]}}: name: no training depends on it: it "
     "cannot be swept\n"
     "--set sweep={parameters: {output.dir: [a], log.every: [1], name: [b], sweep.seed: [1]}}: sweep.seed: no training depends on "
     "it: it cannot be swept"},
    {"halves of units", SMALL, "sweep={parameters: {model.layers.0.units: 'linear(1, 2, 3)'}}",
     "--set sweep={parameters: {model.layers.0.units: 'linear(1, 2, 3)'}}: model.layers.0.units: expected a whole number from 1 to "
     "16777216, found '1.5'"},
    {"a bound that the key does not take", SMALL "sweep: {method: random, num_trials: 9, parameters: {optimizer.momentum: "
                                                "{distribution: uniform, min: 0, max: 1}}}\n", NULL,
     "t.yaml:5:110: optimizer.momentum: expected a number of at least 0 and less than 1, found '1'\n"
     "     5 | er.momentum: {distribution: uniform, min: 0, max: 1}}}\n"
     "       |                                                   ^"},
    {"a combination", SMALL, "sweep={parameters: {loss: [mse, cross_entropy]}}",
     "t.yaml:2:18: model.layers.0.activation: cross_entropy needs softmax in the last layer: write `activation: softmax`\n"
     "     2 | model: {layers: [{units: 1}]}\n       |                  ^\n"
     "t.yaml:2:26: model.layers.0.units: cross_entropy needs at least 2 units, one a class; one unit for two classes takes "
     "`activation: sigmoid` with `loss: binary_cross_entropy`\n"
     "     2 | model: {layers: [{units: 1}]}\n       |                          ^"},
    {"too many", SMALL, "sweep={parameters: {seed: 0..1000000000}}",
     "--set sweep={parameters: {seed: 0..1000000000}}: sweep: more than 1000000000 trials: take fewer values, or `method: random` "
     "with `num_trials`"},
    {"far too many", SMALL, "sweep={parameters: {seed: 0..9223372036854775807, data.train.inputs: [[[0, 1]], [[1, 1]]]}}",
     "--set sweep={parameters: {seed: 0..9223372036854775807, data.train.inputs: [[[0, 1]], [[1, 1]]]}}: sweep: more than 1000000000 "
     "trials: take fewer values, or `method: random` with `num_trials`"},
    {"seeds beyond the largest", SMALL "seed: 9223372036854775807\n", "sweep={repeat: 2}",
     "--set sweep={repeat: 2}: sweep.repeat: `seed` + 1 is more than 9223372036854775807, the largest seed"},
};

static void space_is_refused(void **state)
{
    const unit_refused_row *row = *state;
    xt_config_source sources[2] = {TEXT(row->yaml), {XT_CONFIG_SET, row->set, ""}};
    char label[200];
    xt_space *space = NULL;
    if (row->set)
        snprintf(label, sizeof label, "--set %s", row->set);
    sources[1].label = label;
    xt_config *config = unit_config(sources, row->set ? 2 : 1);
    assert_int_equal(xt_space_open(config, &space, &err), XT_BAD_CONFIG);
    assert_int_equal(err.status, XT_BAD_CONFIG);
    assert_null(space);
    assert_string_equal(err.text, row->message);
    assert_int_equal(xt_space_open(config, &space, NULL), XT_BAD_CONFIG);
    xt_config_close(&config);
}

/* What no single value shows is told by the trial. */
static void a_trial_is_refused(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT(SMALL "sweep:\n  parameters:\n    optimizer.type: [sgd, adam]\n    optimizer.momentum: [0, 0.5]\n  seeds: [7]\n")));
    /* momentum with adam is the first of both, and told at once. */
    xt_space *space = NULL;
    assert_int_equal(xt_space_open(config, &space, &err), XT_BAD_CONFIG);
    assert_string_equal(err.text,
                        "t.yaml:8:5: optimizer.momentum: adam has no such parameter; it has learning_rate, beta1, beta2, epsilon, "
                        "weight_decay\n     8 |     optimizer.momentum: [0, 0.5]\n       |     ^");
    xt_config_close(&config);
    config = unit_config(SOURCES(TEXT(SMALL "sweep:\n  method: random\n  num_trials: 400\n  parameters:\n    optimizer.lr: normal(3, 1)\n  seeds: [7]\n")));
    assert_int_equal(xt_space_open(config, &space, &err), XT_OK);
    xt_config *trial = NULL;
    uint64_t bad = 0;
    while (bad < 400 && !xt_space_config(space, bad, &trial, &err)) {
        xt_config_close(&trial);
        bad++;
    }
    assert_true(bad < 400 && !trial);
    xt_buf expected = {0}, value = {0};
    xt_space_value(space, bad, 0, &value);
    xt_buf_printf(&expected, "trial %" PRIu64 ": optimizer.learning_rate=%s seed=7\n"
                             "t.yaml:9:19: optimizer.learning_rate: expected a number greater than 0, found '%s'\n"
                             "     9 |     optimizer.lr: normal(3, 1)\n       |                   ^", bad, value.data, value.data);
    assert_string_equal(err.text, expected.data);
    xt_buf_clear(&expected);
    xt_buf_clear(&value);
    xt_space_close(&space);
    xt_config_close(&config);
}

/* ---- what was made to hurt ---- */

static void sweep_is_refused(const xt_buf *text, const char *message)
{
    xt_buf expected = {0};
    assert_false(text->failed);
    xt_buf_printf(&expected, "--sweep: %s", message);
    unit_refused(SOURCES(TEXT(SMALL), {XT_CONFIG_SWEEP, text->data, "--sweep"}), XT_BAD_CONFIG, expected.data);
    xt_buf_clear(&expected);
}

static void hostile(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_buf_puts(&text, "a=");
    for (size_t i = 0; i < 60; i++)
        xt_buf_puts(&text, "[");
    xt_buf_puts(&text, "1");
    for (size_t i = 0; i < 60; i++)
        xt_buf_puts(&text, "]");
    sweep_is_refused(&text, "sweep.parameters.a: a value nested deeper than 56 levels");
    xt_buf_reset(&text);
    xt_buf_puts(&text, "seed=0");
    for (size_t i = 0; i < 20000; i++)
        xt_buf_puts(&text, ",1");
    sweep_is_refused(&text, "sweep.parameters.seed: more than 10000 values; many numbers are A..B or linear(A, B, how many)");
    xt_buf_reset(&text);
    xt_buf_puts(&text, "a={b");
    for (size_t i = 0; i < 300; i++)
        xt_buf_puts(&text, "b");
    xt_buf_puts(&text, ": 1}");
    sweep_is_refused(&text, "sweep.parameters.a: a key of more than 200 characters");
    xt_buf_clear(&text);
}

int main(void)
{
    for (size_t i = 0; i < sizeof section_rows / sizeof section_rows[0]; i++)
        unit_case(unit_row_is_refused, &section_rows[i], "section: %s", section_rows[i].name);
    for (size_t i = 0; i < sizeof space_rows / sizeof space_rows[0]; i++)
        unit_case(space_is_refused, &space_rows[i], "space: %s", space_rows[i].name);
    UNIT_CASE(a_trial_is_refused);
    UNIT_CASE(hostile);
    return unit_run("sweep errors");
}
