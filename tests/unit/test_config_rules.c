/* src/config: what holds between sections: columns that are watched, losses and
 * last layers, what needs validation rows. */
#include "configs.h"

#include <stdio.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

#define VALIDATION "data.validation={split: 0.5}"

/* ---- columns ---- */

static void monitors(void **state)
{
    (void)state;
    static const struct {
        const char *stopping, *validation, *monitor;
    } rows[] = {
        {"early_stopping={patience: 3}", "seed=0", "loss"},
        {"early_stopping={patience: 3}", VALIDATION, "val_loss"},
        {"early_stopping={patience: 3, monitor: loss}", VALIDATION, "loss"},
        {"early_stopping={patience: 3, monitor: mae}", "seed=0", "mae"},
        {"early_stopping={patience: 3, monitor: val_mae_2}", VALIDATION, "val_mae_2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        xt_config *config = unit_config(SOURCES(TEXT(SMALL), SET("metrics=[mae, mae]"),
                                                {XT_CONFIG_SET, rows[i].stopping, "--set"},
                                                {XT_CONFIG_SET, rows[i].validation, "--set"}));
        const xt_early_stopping *early = &xt_config_spec(config)->early_stopping;
        assert_true(early->given && same(early->monitor, rows[i].monitor) && early->patience == 3);
        assert_true(early->min_delta == 0 && early->mode == XT_MODE_AUTO && early->restore_best);
        unit_round_trip(config);
        xt_config_close(&config);
    }
}

/* Numbers are doubles: their shortest digits read back as the same. */
static void limits(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT(SMALL "metrics: [mae, accuracy]\nstop_when: {loss: {below: 1e-2}, mae: {above: +.5},\n"
                   "  accuracy: {above: 0.30000000000000004}}\n"),
        SET("stop_when.mae.above=-1e300")));
    const xt_spec *s = xt_config_spec(config);
    assert_true(s->n_limits == 3 && same(s->limits[0].column, "loss") && !s->limits[0].above);
    assert_true(s->limits[0].value == 0.01 && s->limits[1].above && s->limits[1].value == -1e300);
    assert_true(s->limits[2].value == 0.30000000000000004);
    unit_round_trip(config);
    xt_buf yaml = {0};
    xt_config_print(config, true, &yaml);
    assert_non_null(strstr(yaml.data, "\nstop_when:\n"
                                      "  loss:\n"
                                      "    below: 0.01                         # t.yaml:6\n"
                                      "  mae:\n"
                                      "    above: -1e+300                      # --set stop_when.mae.above=-1e300\n"
                                      "  accuracy:\n"
                                      "    above: 0.30000000000000004          # t.yaml:7\n"));
    xt_buf_clear(&yaml);
    xt_config_close(&config);
}

static void plateau_watches(void **state)
{
    (void)state;
    xt_config *config =
        unit_config(SOURCES(TEXT(SMALL "metrics: mae\n"), SET("schedule={type: plateau, monitor: mae}")));
    assert_string_equal(xt_config_spec(config)->schedule.text, "mae");
    unit_round_trip(config);
    xt_config_close(&config);
    unit_refused(SOURCES(TEXT(SMALL), SET("schedule={type: plateau, monitor: lost}")), XT_BAD_CONFIG,
                 "--set schedule={type: plateau, monitor: lost}: schedule.monitor: expected loss, found 'lost'; did you "
                 "mean loss");
    unit_refused(SOURCES(TEXT(SMALL), SET("schedule={type: plateau, monitor: val_loss}")), XT_BAD_CONFIG,
                 "--set schedule={type: plateau, monitor: val_loss}: schedule.monitor: there is no val_loss without "
                 "data.validation, which is missing");
}

#define STOPPING "early_stopping: {monitor: val_los, patience: 3}\n"

static const unit_refused_row rows[] = {
    {"a column that is near", SMALL STOPPING, VALIDATION,
     "t.yaml:5:27: early_stopping.monitor: expected one of loss, val_loss, found 'val_los'; did you mean val_loss\n"
     "     5 | early_stopping: {monitor: val_los, patience: 3}\n"
     "       |                           ^"},
    {"a column that is not", SMALL "metrics: mae\n", "early_stopping={monitor: entropy, patience: 3}",
     "--set early_stopping={monitor: entropy, patience: 3}: early_stopping.monitor: expected one of loss, mae, found 'entropy'"},
    {"a column without validation rows", SMALL "metrics: mae\n", "early_stopping={monitor: val_mae, patience: 3}",
     "--set early_stopping={monitor: val_mae, patience: 3}: early_stopping.monitor: there is no val_mae without "
     "data.validation, which is missing"},
    {"no monitor", SMALL, "early_stopping={monitor: , patience: 3}",
     "--set early_stopping={monitor: , patience: 3}: early_stopping.monitor: expected a text, found nothing"},
    {"no patience", SMALL "early_stopping: {monitor: loss}\n", NULL,
     "t.yaml:5:17: early_stopping.patience: missing: epochs in which the column is measured without an improvement that end training\n"
     "     5 | early_stopping: {monitor: loss}\n"
     "       |                 ^"},
    {"patience alone", SMALL, "early_stopping=3",
     "--set early_stopping=3: early_stopping: expected a mapping of monitor, patience, min_delta, mode, restore_best, found "
     "'3'"},
    {"patience elsewhere", SMALL "patience: 3\n", NULL,
     "t.yaml:5:1: patience: unknown key; did you mean early_stopping.patience?\n"
     "     5 | patience: 3\n"
     "       | ^"},
    {"mode", SMALL, "early_stopping={patience: 3, mode: minimum}",
     "--set early_stopping={patience: 3, mode: minimum}: early_stopping.mode: expected one of auto, min or max, found "
     "'minimum'"},
    {"a limit of no column", SMALL "stop_when: {lost: {below: 1}}\n", NULL,
     "t.yaml:5:13: stop_when: expected loss, found 'lost'; did you mean loss\n"
     "     5 | stop_when: {lost: {below: 1}}\n"
     "       |             ^"},
    {"a limit without validation rows", SMALL "stop_when:\n  val_loss:\n    below: 1\n", NULL,
     "t.yaml:6:3: stop_when: there is no val_loss without data.validation, which is missing\n"
     "     6 |   val_loss:\n"
     "       |   ^"},
    {"a limit on both sides", SMALL, "stop_when={loss: {below: 1, above: 2}}",
     "--set stop_when={loss: {below: 1, above: 2}}: stop_when.loss: expected either {below: x} or {above: x}, found both"},
    {"a limit on no side", SMALL, "stop_when={loss: {}}",
     "--set stop_when={loss: {}}: stop_when.loss: expected either {below: x} or {above: x}"},
    {"a limit that is a number", SMALL, "stop_when={loss: 1}",
     "--set stop_when={loss: 1}: stop_when.loss: expected either {below: x} or {above: x}"},
    {"a side that is near", SMALL, "stop_when={loss: {bellow: 1}}",
     "--set stop_when={loss: {bellow: 1}}: stop_when.loss.bellow: unknown key; did you mean below?"},
    {"a side that is not", SMALL, "stop_when={loss: {value: 1}}",
     "--set stop_when={loss: {value: 1}}: stop_when.loss.value: unknown key; known here: below, above"},
    {"no limits", SMALL, "stop_when={}", "--set stop_when={}: stop_when: expected 1 to 8 columns, found 0"},
    {"limits of nothing", SMALL "stop_when:\n", NULL,
     "t.yaml:5:11: stop_when: expected a mapping of 1 to 8 columns, each to {below: x} or {above: x}, found nothing\n"
     "     5 | stop_when:\n"
     "       |           ^"},
    {"nine limits", SMALL, "stop_when={a: , b: , c: , d: , e: , f: , g: , h: , i: }",
     "--set stop_when={a: , b: , c: , d: , e: , f: , g: , h: , i: }: stop_when: expected 1 to 8 columns, found 9"},
    {"validate_every without validation rows", SMALL, "train.validate_every=2",
     "--set train.validate_every=2: train.validate_every: means nothing without data.validation, which is missing"},
    {"clipped twice", DATA MODEL OPTIMIZER "train: {epochs: 1, clip_norm: 1, clip_value: 2}\n", NULL,
     "t.yaml:4:46: train.clip_value: not with `clip_norm`: the gradient is clipped in one way\n"
     "     4 | train: {epochs: 1, clip_norm: 1, clip_value: 2}\n"
     "       |                                              ^"},
    {"dropout of the last layer", SMALL, "model.layers.0.dropout=0.5",
     "--set model.layers.0.dropout=0.5: model.layers.0.dropout: the last layer's outputs are the predictions: it has no "
     "dropout"},
    {"all dropped", SMALL, "model.dropout=1",
     "--set model.dropout=1: model.dropout: expected a number of at least 0 and less than 1, found '1'"},
    {"a quoted number", SMALL, "model.l2='1'",
     "--set model.l2='1': model.l2: expected a number of at least 0, found the quoted text '1'; a number has no quotes"},
    /* Together, each at its place. */
    {"several", SMALL STOPPING "stop_when: {lost: {above: 1}}\n", "train.validate_every=2",
     "t.yaml:5:27: early_stopping.monitor: expected loss, found 'val_los'\n"
     "     5 | early_stopping: {monitor: val_los, patience: 3}\n"
     "       |                           ^\n"
     "t.yaml:6:13: stop_when: expected loss, found 'lost'; did you mean loss\n"
     "     6 | stop_when: {lost: {above: 1}}\n"
     "       |             ^\n"
     "--set train.validate_every=2: train.validate_every: means nothing without data.validation, which is missing"},
};

static void values_of_limits(void **state)
{
    (void)state;
    static const char set[] =
        "stop_when={loss: {below: nan}, a: {above: '3'}, b: {below: }, c: {above: [1]}, d: {above: 1e999}}";
    unit_refused(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set, "--set"}), XT_BAD_CONFIG,
                 "--set: stop_when.loss.below: expected a number, found 'nan'\n"
                 "--set: stop_when.a.above: expected a number, found the quoted text '3'; a number has no quotes\n"
                 "--set: stop_when.b.below: expected a number, found nothing\n"
                 "--set: stop_when.c.above: expected a number, found a list\n"
                 "--set: stop_when.d.above: expected a number, found '1e999', too large");
}

/* ---- losses and last layers ---- */

#define NET(layers) DATA OPTIMIZER TRAIN "model:\n  layers:\n" layers

static const unit_refused_row pairs[] = {
    {"softmax before the last layer",
     NET("    - {units: 3, activation: softmax}\n    - {units: 2, activation: softmax}\n") "loss: cross_entropy\n", NULL,
     "t.yaml:6:30: model.layers.0.activation: softmax is for the last layer: write another, such as relu\n"
     "     6 |     - {units: 3, activation: softmax}\n"
     "       |                              ^"},
    {"softmax with another loss", NET("    - {units: 2, activation: softmax}\n"), NULL,
     "t.yaml:6:30: model.layers.0.activation: softmax needs the loss that belongs to it: write `loss: cross_entropy`\n"
     "     6 |     - {units: 2, activation: softmax}\n"
     "       |                              ^"},
    {"cross_entropy without softmax", NET("    - {units: 2, activation: sigmoid}\n") "loss: cross_entropy\n", NULL,
     "t.yaml:6:30: model.layers.0.activation: cross_entropy needs softmax in the last layer: write `activation: softmax`\n"
     "     6 |     - {units: 2, activation: sigmoid}\n"
     "       |                              ^"},
    {"cross_entropy without an activation", NET("    - units: 4\n    - units: 2\n") "loss: cross_entropy\n", NULL,
     "t.yaml:7:7: model.layers.1.activation: cross_entropy needs softmax in the last layer: write `activation: softmax`\n"
     "     7 |     - units: 2\n"
     "       |       ^"},
    {"cross_entropy of one unit", NET("    - {units: 1, activation: softmax}\n") "loss: cross_entropy\n", NULL,
     "t.yaml:6:15: model.layers.0.units: cross_entropy needs at least 2 units, one a class; one unit for two classes takes "
     "`activation: sigmoid` with `loss: binary_cross_entropy`\n"
     "     6 |     - {units: 1, activation: softmax}\n"
     "       |               ^"},
    {"binary_cross_entropy without sigmoid", NET("    - {units: 1, activation: {type: leaky_relu}}\n"),
     "loss=binary_cross_entropy",
     "t.yaml:6:37: model.layers.0.activation: binary_cross_entropy needs sigmoid in the last layer: write `activation: "
     "sigmoid`\n"
     "     6 |     - {units: 1, activation: {type: leaky_relu}}\n"
     "       |                                     ^"},
};

static void pairs_that_fit(void **state)
{
    (void)state;
    static const char *const fitting[] = {
        NET("    - units: 4\n    - {units: 2, activation: softmax}\n") "loss: cross_entropy\n",
        NET("    - {units: 3, activation: {type: softmax}}\n") "loss: {type: cross_entropy}\n",
        NET("    - {units: 1, activation: sigmoid}\n") "loss: binary_cross_entropy\n",
        NET("    - {units: 3, activation: sigmoid}\n") "loss: binary_cross_entropy\n",
        NET("    - {units: 3, activation: sigmoid}\n") "loss: mse\n",
    };
    for (size_t i = 0; i < sizeof fitting / sizeof fitting[0]; i++) {
        xt_config *config = unit_config(SOURCES(TEXT(fitting[i])));
        unit_round_trip(config);
        xt_config_close(&config);
    }
}

/* Layers that say nothing have what the model says. */
static void penalties_of_layers(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(TEXT(
        DATA OPTIMIZER TRAIN "model: {dropout: 0.5, l1: 1, l2: 2,\n"
                             "  layers: [{units: 3}, {units: 3, dropout: 0, l1: 0, l2: 4}, {units: 1, dropout: 0}]}\n")));
    const xt_layer *l = xt_config_spec(config)->layers;
    assert_true(l[0].dropout == 0.5f && l[1].dropout == 0 && l[2].dropout == 0);
    assert_true(l[0].l1 == 1 && l[1].l1 == 0 && l[2].l1 == 1 && l[0].l2 == 2 && l[1].l2 == 4 && l[2].l2 == 2);
    unit_round_trip(config);
    xt_config_close(&config);
}

int main(void)
{
    UNIT_CASE(monitors);
    UNIT_CASE(limits);
    UNIT_CASE(plateau_watches);
    UNIT_CASE(penalties_of_layers);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        unit_case(unit_row_is_refused, &rows[i], "%s", rows[i].name);
    UNIT_CASE(values_of_limits);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        unit_case(unit_row_is_refused, &pairs[i], "%s", pairs[i].name);
    UNIT_CASE(pairs_that_fit);
    return unit_run("config rules");
}
