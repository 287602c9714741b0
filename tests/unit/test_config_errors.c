/* src/config: what is wrong with keys, sections, rows and columns, in which
 * words and where; how errors of several sources come together. */
#include "configs.h"

#include <stdio.h>
#include <string.h>

static const unit_refused_row rows[] = {
    {"unknown key, near", SMALL "metric: mae\n", NULL,
     "t.yaml:5:1: metric: unknown key; did you mean metrics?\n"
     "     5 | metric: mae\n"
     "       | ^"},
    {"unknown key, far", SMALL "zebra: 1\n", NULL,
     "t.yaml:5:1: zebra: unknown key; known here: name, seed, device, engine, data, model, loss, optimizer, schedule, train, metrics, early_stopping, stop_when, checkpoint, log, output, sweep\n"
     "     5 | zebra: 1\n"
     "       | ^"},
    {"unknown key in a section", DATA MODEL OPTIMIZER "train: {epochs: 1, batchsize: 3}\n", NULL,
     "t.yaml:4:20: train.batchsize: unknown key; did you mean batch_size?\n"
     "     4 | train: {epochs: 1, batchsize: 3}\n"
     "       |                    ^"},
    {"unknown key in a layer", DATA OPTIMIZER TRAIN "model:\n" "  layers:\n" "  - units: 1\n" "    Activation: relu\n", NULL,
     "t.yaml:7:5: model.layers.0.Activation: unknown key; did you mean activation?\n"
     "     7 |     Activation: relu\n"
     "       |     ^"},
    {"unknown key in a kind, near", SMALL "loss: {type: huber, deltas: 1}\n", NULL,
     "t.yaml:5:21: loss.deltas: unknown key; did you mean delta?\n"
     "     5 | loss: {type: huber, deltas: 1}\n"
     "       |                     ^"},
    {"unknown key in a kind, far", SMALL "loss: {type: huber, gamma: 1}\n", NULL,
     "t.yaml:5:21: loss.gamma: huber has no such parameter; it has delta\n"
     "     5 | loss: {type: huber, gamma: 1}\n"
     "       |                     ^"},
    {"unknown key in a kind without any", SMALL "loss: {type: mse, delta: 1}\n", NULL,
     "t.yaml:5:19: loss.delta: mse has no parameters\n"
     "     5 | loss: {type: mse, delta: 1}\n"
     "       |                   ^"},
    {"a key of three letters is not near everything", SMALL "abc: 1\n", NULL,
     "t.yaml:5:1: abc: unknown key; known here: name, seed, device, engine, data, model, loss, optimizer, schedule, train, metrics, early_stopping, stop_when, checkpoint, log, output, sweep\n"
     "     5 | abc: 1\n"
     "       | ^"},
    {"duplicate key", SMALL "seed: 1\n" "log: {every: 1}\n" "seed: 2\n", NULL,
     "t.yaml:7:1: the key 'seed' is given twice, first in line 5\n"
     "     7 | seed: 2\n"
     "       | ^"},
    {"duplicate key in a flow", DATA MODEL OPTIMIZER "train: {epochs: 1, epochs: 2}\n", NULL,
     "t.yaml:4:20: the key 'epochs' is given twice, first in line 4\n"
     "     4 | train: {epochs: 1, epochs: 2}\n"
     "       |                    ^"},
    {"lr and learning_rate", DATA MODEL TRAIN "optimizer:\n" "  type: sgd\n" "  lr: 0.1\n" "  learning_rate: 0.2\n", NULL,
     "t.yaml:7:3: the key 'learning_rate' is given twice, first in line 6 (lr is another name of it)\n"
     "     7 |   learning_rate: 0.2\n"
     "       |   ^"},
    {"learning_rate and lr in an option", SMALL, "optimizer={type: sgd, learning_rate: 1, lr: 2}",
     "--set optimizer={type: sgd, learning_rate: 1, lr: 2}: the key 'learning_rate' is given twice (lr is another name of it)"},
    {"missing sections", "seed: 1\n", NULL,
     "t.yaml:1:1: data: missing: the data\n"
     "     1 | seed: 1\n"
     "       | ^\n"
     "t.yaml:1:1: model: missing: the network\n"
     "     1 | seed: 1\n"
     "       | ^\n"
     "t.yaml:1:1: optimizer: missing: how parameters follow their gradients, such as {type: sgd, learning_rate: 0.1}\n"
     "     1 | seed: 1\n"
     "       | ^\n"
     "t.yaml:1:1: train: missing: the length and grain of training\n"
     "     1 | seed: 1\n"
     "       | ^"},
    {"missing keys of sections", "data: {shuffle: true}\n"
     "model: {}\n"
     "optimizer: {type: sgd}\n"
     "train: {batch_size: 3}\n", NULL,
     "t.yaml:1:7: data.train: missing: the training rows\n"
     "     1 | data: {shuffle: true}\n"
     "       |       ^\n"
     "t.yaml:2:8: model.layers: missing: dense layers from the inputs on; the last one's units are the targets\n"
     "     2 | model: {}\n"
     "       |        ^\n"
     "t.yaml:3:12: optimizer: sgd needs learning_rate: write {type: sgd, learning_rate: ...}\n"
     "     3 | optimizer: {type: sgd}\n"
     "       |            ^\n"
     "t.yaml:4:8: train.epochs: missing: passes over the training rows; 0 writes the untrained model\n"
     "     4 | train: {batch_size: 3}\n"
     "       |        ^"},
    {"missing type", SMALL "loss: {delta: 1}\n", NULL,
     "t.yaml:5:7: loss: missing key 'type': expected a mapping such as {type: mse, ...}\n"
     "     5 | loss: {delta: 1}\n"
     "       |       ^"},
    {"missing parameter", DATA MODEL TRAIN "optimizer: sgd\n", NULL,
     "t.yaml:4:12: optimizer: sgd needs learning_rate: write {type: sgd, learning_rate: ...}\n"
     "     4 | optimizer: sgd\n"
     "       |            ^"},
    {"missing parameters of an initialiser", SMALL, "model.init.weight=uniform",
     "--set model.init.weight=uniform: model.init.weight: uniform needs low: write {type: uniform, low: ...}\n"
     "--set model.init.weight=uniform: model.init.weight: uniform needs high: write {type: uniform, high: ...}"},
    {"no rows and no file", MODEL OPTIMIZER TRAIN "data: {train: {targets: [1]}}\n", NULL,
     "t.yaml:4:15: data.train: missing: `file`, `generate`, or rows of numbers as `inputs` and `targets`\n"
     "     4 | data: {train: {targets: [1]}}\n"
     "       |               ^"},
    {"no targets", MODEL OPTIMIZER TRAIN "data: {train: {file: x.csv}}\n", NULL,
     "t.yaml:4:15: data.train.targets: missing: target columns, or the rows themselves\n"
     "     4 | data: {train: {file: x.csv}}\n"
     "       |               ^"},
    {"needs file", MODEL
     OPTIMIZER
     TRAIN
     "data:\n"
     "  train:\n"
     "    inputs: [[0, 1]]\n"
     "    targets: [1]\n"
     "    header: true\n"
     "    skip_rows: 1\n"
     "    ignore: [a]\n"
     "    format: csv\n"
     "    delimiter: ;\n"
     "    missing: drop\n", NULL,
     "t.yaml:8:13: data.train.header: means nothing without 'file' beside it\n"
     "     8 |     header: true\n"
     "       |             ^\n"
     "t.yaml:9:16: data.train.skip_rows: means nothing without 'file' beside it\n"
     "     9 |     skip_rows: 1\n"
     "       |                ^\n"
     "t.yaml:10:13: data.train.ignore: means nothing without 'file' beside it\n"
     "    10 |     ignore: [a]\n"
     "       |             ^\n"
     "t.yaml:11:13: data.train.format: means nothing without 'file' beside it\n"
     "    11 |     format: csv\n"
     "       |             ^\n"
     "t.yaml:12:16: data.train.delimiter: means nothing without 'file' beside it\n"
     "    12 |     delimiter: ;\n"
     "       |                ^\n"
     "t.yaml:13:14: data.train.missing: means nothing without 'file' beside it\n"
     "    13 |     missing: drop\n"
     "       |              ^"},
    {"names need file", MODEL OPTIMIZER TRAIN "data: {train: {inputs: [a, b], targets: y}}\n", NULL,
     "t.yaml:4:25: data.train.inputs.0: expected a number, found 'a'; names of columns need `file`\n"
     "     4 | data: {train: {inputs: [a, b], targets: y}}\n"
     "       |                         ^\n"
     "t.yaml:4:28: data.train.inputs.1: expected a number, found 'b'; names of columns need `file`\n"
     "     4 | data: {train: {inputs: [a, b], targets: y}}\n"
     "       |                            ^\n"
     "t.yaml:4:41: data.train.targets: expected rows of numbers such as [[0, 1], [1, 0]]; names of columns need `file`\n"
     "     4 | data: {train: {inputs: [a, b], targets: y}}\n"
     "       |                                         ^"},
    {"ragged rows", MODEL
     OPTIMIZER
     TRAIN
     "data:\n"
     "  train:\n"
     "    inputs: [[0, 1], [2], 3, [4, 5, 6]]\n"
     "    targets: [1, 2, 3, 4]\n", NULL,
     "t.yaml:6:22: data.train.inputs.1: expected 2 values as in the first row, found 1\n"
     "     6 |     inputs: [[0, 1], [2], 3, [4, 5, 6]]\n"
     "       |                      ^\n"
     "t.yaml:6:27: data.train.inputs.2: expected 2 values as in the first row, found 1\n"
     "     6 |     inputs: [[0, 1], [2], 3, [4, 5, 6]]\n"
     "       |                           ^\n"
     "t.yaml:6:30: data.train.inputs.3: expected 2 values as in the first row, found 3\n"
     "     6 |     inputs: [[0, 1], [2], 3, [4, 5, 6]]\n"
     "       |                              ^"},
    {"ragged rows of one", MODEL OPTIMIZER TRAIN "data: {train: {inputs: [0, [1, 2]], targets: [1, 2]}}\n", NULL,
     "t.yaml:4:28: data.train.inputs.1: expected 1 value as in the first row, found 2\n"
     "     4 | data: {train: {inputs: [0, [1, 2]], targets: [1, 2]}}\n"
     "       |                            ^"},
    {"different number of rows", MODEL OPTIMIZER TRAIN "data: {train: {inputs: [[0, 1], [2, 3]], targets: [1, 2, 3]}}\n", NULL,
     "t.yaml:4:51: data.train.targets: expected 2 rows as in inputs, found 3\n"
     "     4 | data: {train: {inputs: [[0, 1], [2, 3]], targets: [1, 2, 3]}}\n"
     "       |                                                   ^"},
    {"rows with other things", MODEL
     OPTIMIZER
     TRAIN
     "data:\n"
     "  train:\n"
     "    inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0], [0x10, 0]]\n"
     "    targets: [1]\n", NULL,
     "t.yaml:6:15: data.train.inputs.0: expected a number, found the quoted text '1'; a number has no quotes\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |               ^\n"
     "t.yaml:6:25: data.train.inputs.1: expected a number, found 'x'; names of columns need `file`\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                         ^\n"
     "t.yaml:6:33: data.train.inputs.2: '1e39' is too large for single precision\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                                 ^\n"
     "t.yaml:6:44: data.train.inputs.3: expected a number, found a list\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                                            ^\n"
     "t.yaml:6:54: data.train.inputs.4: expected a number, found a mapping\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                                                      ^\n"
     "t.yaml:6:66: data.train.inputs.5: expected a list of numbers, found a mapping\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                                                                  ^\n"
     "t.yaml:6:75: data.train.inputs.6: expected a number, found the quoted text 'a'; names of columns need `file`\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                                                                           ^\n"
     "t.yaml:6:85: data.train.inputs.7: expected a number, found 'nan'; names of columns need `file`\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                                                                                     ^\n"
     "t.yaml:6:95: data.train.inputs.8: expected a number, found 'inf'; names of columns need `file`\n"
     "     6 |     inputs: [[\"1\", 0], [x, 0], [1e39, 0], [[1], 0], [{a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0\n"
     "       |                                                                                               ^\n"
     "t.yaml:6:105: data.train.inputs.9: expected a number, found '0x10'; names of columns need `file`\n"
     "     6 | a: 1}, 0], {a: 1}, [\"a\", 0], [nan, 0], [inf, 0], [0x10, 0]]\n"
     "       |                                                   ^"},
    {"empty rows", MODEL OPTIMIZER TRAIN "data: {train: {inputs: [], targets: [[]]}}\n", NULL,
     "t.yaml:4:24: data.train.inputs: expected rows of numbers such as [[0, 1], [1, 0]]; names of columns need `file`\n"
     "     4 | data: {train: {inputs: [], targets: [[]]}}\n"
     "       |                        ^\n"
     "t.yaml:4:38: data.train.targets: expected at least one number in a row\n"
     "     4 | data: {train: {inputs: [], targets: [[]]}}\n"
     "       |                                      ^"},
    {"rows that are none", MODEL OPTIMIZER TRAIN "data: {train: {inputs: 3, targets: {a: 1}}}\n", NULL,
     "t.yaml:4:36: data.train.targets: expected columns of `file`, by name or by index from 0; without `file`, rows of numbers, found a mapping\n"
     "     4 | data: {train: {inputs: 3, targets: {a: 1}}}\n"
     "       |                                    ^"},
    {"columns, none", "data: {train: {file: x.csv, inputs: [], targets: []}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:37: data.train.inputs: expected at least one column\n"
     "     1 | data: {train: {file: x.csv, inputs: [], targets: []}}\n"
     "       |                                     ^\n"
     "t.yaml:1:50: data.train.targets: expected at least one column\n"
     "     1 | data: {train: {file: x.csv, inputs: [], targets: []}}\n"
     "       |                                                  ^"},
    {"columns, wrong", "data:\n"
     "  train:\n"
     "    file: x.csv\n"
     "    inputs: [a, 65536]\n"
     "    targets: [[y]]\n"
     MODEL
     OPTIMIZER
     TRAIN, NULL,
     "t.yaml:4:17: data.train.inputs: expected a list of columns, by name or by index from 0, found '65536'\n"
     "     4 |     inputs: [a, 65536]\n"
     "       |                 ^\n"
     "t.yaml:5:15: data.train.targets: expected a list of columns, by name or by index from 0, found a list\n"
     "     5 |     targets: [[y]]\n"
     "       |               ^"},
    {"columns, wrong ignored ones", "data:\n"
     "  train:\n"
     "    file: x.csv\n"
     "    targets: y\n"
     "    ignore: [{a: b}]\n"
     MODEL
     OPTIMIZER
     TRAIN, NULL,
     "t.yaml:5:14: data.train.ignore: expected a list of columns, by name or by index from 0, found a mapping\n"
     "     5 |     ignore: [{a: b}]\n"
     "       |              ^"},
    {"columns, an empty name", "data: {train: {file: x.csv, targets: \"\"}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:38: data.train.targets: expected a list of columns, by name or by index from 0, found the quoted text ''\n"
     "     1 | data: {train: {file: x.csv, targets: \"\"}}\n"
     "       |                                      ^"},
    {"columns, a mapping", "data: {train: {file: x.csv, targets: {a: b}}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:38: data.train.targets: expected columns of `file`, by name or by index from 0; without `file`, rows of numbers, found a mapping\n"
     "     1 | data: {train: {file: x.csv, targets: {a: b}}}\n"
     "       |                                      ^"},
    {"section is a scalar", SMALL "log: 3\n", NULL,
     "t.yaml:5:6: log: expected a mapping of every, found '3'\n"
     "     5 | log: 3\n"
     "       |      ^"},
    {"section is a list", SMALL "log: [every, 3]\n", NULL,
     "t.yaml:5:6: log: expected a mapping of every, found a list\n"
     "     5 | log: [every, 3]\n"
     "       |      ^"},
    {"section is empty", SMALL "log:\n", NULL,
     "t.yaml:5:5: log: expected a mapping of every, found nothing\n"
     "     5 | log:\n"
     "       |     ^"},
    {"layers is a scalar", SMALL, "model.layers=16",
     "--set model.layers=16: model.layers: expected a list of 1 to 64 mappings of units, activation, init, dropout, l1, l2, found '16'"},
    {"layers is empty", SMALL, "model.layers=[]",
     "--set model.layers=[]: model.layers: expected 1 to 64 of them, found 0"},
    {"layers is a mapping", SMALL, "model.layers={units: 3}",
     "--set model.layers={units: 3}: model.layers: expected a list of 1 to 64 mappings of units, activation, init, dropout, l1, l2, found a mapping"},
    {"layer is a scalar", SMALL, "model.layers=[16, relu]",
     "--set model.layers=[16, relu]: model.layers.0: expected a mapping such as {units: 16, activation: relu}\n"
     "--set model.layers=[16, relu]: model.layers.1: expected a mapping such as {units: 16, activation: relu}"},
    {"a row without a number", MODEL
     OPTIMIZER
     TRAIN
     "data:\n"
     "  train:\n"
     "    targets: [1, 2]\n"
     "    inputs:\n"
     "    - 1\n"
     "    -\n", NULL,
     "t.yaml:9:6: data.train.inputs.1: expected a number, found nothing\n"
     "     9 |     -\n"
     "       |      ^"},
    {"row that is a mapping", MODEL OPTIMIZER TRAIN "data: {train: {inputs: [1, {a: 1}], targets: [1, 2]}}\n", NULL,
     "t.yaml:4:28: data.train.inputs.1: expected a list of numbers, found a mapping\n"
     "     4 | data: {train: {inputs: [1, {a: 1}], targets: [1, 2]}}\n"
     "       |                            ^"},
    {"one row of inputs", MODEL OPTIMIZER TRAIN "data: {train: {inputs: [1], targets: [1, 2]}}\n", NULL,
     "t.yaml:4:38: data.train.targets: expected 1 row as in inputs, found 2\n"
     "     4 | data: {train: {inputs: [1], targets: [1, 2]}}\n"
     "       |                                      ^"},
};

static void merged_files(void **state)
{
    (void)state;
    unit_refused(SOURCES(TEXT(SMALL "seed: x\n"), OTHER("\n\nseed: y\nlog: {every: z}\n")), XT_BAD_CONFIG,
                 "u.yaml:3:7: seed: expected a whole number from 0 to 9223372036854775807, found 'y'\n"
                 "     3 | seed: y\n"
                 "       |       ^\n"
                 "u.yaml:4:14: log.every: expected auto or a whole number from 1 to 1000000000, found 'z'\n"
                 "     4 | log: {every: z}\n"
                 "       |              ^");
}

static void in_the_order_of_sources_and_lines(void **state)
{
    (void)state;
    unit_refused(SOURCES(TEXT("zz: 1\ntrain: {epochs: x}\n" DATA MODEL),
                         OTHER("log: {evry: 1}\noptimizer: {type: sgd, lr: 0}\n"), SET("seed=-1"), SET("enginee=1")),
                 XT_BAD_CONFIG,
                 "t.yaml:1:1: zz: unknown key; known here: name, seed, device, engine, data, model, loss, optimizer, "
                 "schedule, train, metrics, early_stopping, stop_when, checkpoint, log, output, sweep\n"
                 "     1 | zz: 1\n"
                 "       | ^\n"
                 "t.yaml:2:17: train.epochs: expected a whole number from 0 to 1000000000, found 'x'\n"
                 "     2 | train: {epochs: x}\n"
                 "       |                 ^\n"
                 "u.yaml:1:7: log.evry: unknown key; did you mean every?\n"
                 "     1 | log: {evry: 1}\n"
                 "       |       ^\n"
                 "u.yaml:2:28: optimizer.learning_rate: expected a number greater than 0, found '0'\n"
                 "     2 | optimizer: {type: sgd, lr: 0}\n"
                 "       |                            ^\n"
                 "--set seed=-1: seed: expected a whole number from 0 to 9223372036854775807, found '-1'\n"
                 "--set enginee=1: enginee: unknown key; did you mean engine?");
}

/* Twenty are told, what is beyond is counted. */
static void at_most_twenty(void **state)
{
    (void)state;
    for (int n = 19; n <= 23; n++) {
        xt_buf yaml = {0}, expected = {0};
        xt_buf_puts(&yaml, SMALL);
        for (int i = 0; i < n; i++) {
            xt_buf_printf(&yaml, "key_%c_q: 1\n", 'a' + i);
            if (i < 20)
                xt_buf_printf(&expected,
                              "%st.yaml:%d:1: key_%c_q: unknown key; known here: name, seed, device, engine, data, "
                              "model, loss, optimizer, schedule, train, metrics, early_stopping, stop_when, checkpoint, log, output, sweep\n%6d | key_%c_q: 1\n       | ^",
                              i ? "\n" : "", 5 + i, 'a' + i, 5 + i, 'a' + i);
        }
        if (n > 20)
            xt_buf_printf(&expected, "\n... and %d more error%s", n - 20, n == 21 ? "" : "s");
        unit_refused(SOURCES(TEXT(yaml.data)), XT_BAD_CONFIG, expected.data);
        xt_buf_clear(&yaml);
        xt_buf_clear(&expected);
    }
}

static void too_many_layers(void **state)
{
    (void)state;
    for (size_t n = 64; n <= 65; n++) {
        xt_buf set = {0};
        xt_buf_puts(&set, "model.layers=[");
        for (size_t i = 0; i < n; i++)
            xt_buf_puts(&set, "{units: 1},");
        xt_buf_puts(&set, "]");
        if (n == 64) {
            xt_config *config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set.data, "--set"}));
            assert_int_equal(xt_config_spec(config)->n_layers, 64);
            unit_round_trip(config);
            xt_config_close(&config);
        } else {
            unit_refused(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set.data, "--set"}), XT_BAD_CONFIG,
                         "--set: model.layers: expected 1 to 64 of them, found 65");
        }
        xt_buf_clear(&set);
    }
}

static void eight_metrics_are_not_too_many(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(TEXT(SMALL), SET("metrics=[mae, mae, mae, mae, mae, mae, mae, rmse]")));
    assert_int_equal(xt_config_spec(config)->n_metrics, 8);
    unit_round_trip(config);
    xt_config_close(&config);
}

static void no_sources(void **state)
{
    (void)state;
    unit_refused(NULL, 0, XT_BAD_CONFIG, "there is no configuration");
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    unit_refused(SOURCES(FROM_FILE("tests/unit/no/such.yaml")), XT_FAILED,
                 "cannot open tests/unit/no/such.yaml: No such file or directory");
    unit_refused(SOURCES(FROM_FILE("tests/unit")), XT_FAILED, "cannot read tests/unit: Is a directory");
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        unit_case(unit_row_is_refused, &rows[i], "%s", rows[i].name);
    UNIT_CASE(merged_files);
    UNIT_CASE(in_the_order_of_sources_and_lines);
    UNIT_CASE(at_most_twenty);
    UNIT_CASE(too_many_layers);
    UNIT_CASE(eight_metrics_are_not_too_many);
    UNIT_CASE(no_sources);
    UNIT_CASE(files_that_cannot_be_read);
    return unit_run("config errors");
}
