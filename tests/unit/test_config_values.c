/* src/config: what is wrong with a value of each type, in which words and
 * where; the bounds of every number; options. */
#include "base/number.h"
#include "config/schema.h"
#include "configs.h"
#include "model/init.h"
#include "model/ops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const unit_refused_row rows[] = {
    {"name, wrong", SMALL "name: a/b\n", NULL,
     "t.yaml:5:7: name: expected a name of 1 to 100 characters without '/', found 'a/b'\n"
     "     5 | name: a/b\n"
     "       |       ^"},
    {"name, empty", SMALL "name: \"\"\n", NULL,
     "t.yaml:5:7: name: expected a name of 1 to 100 characters without '/', found the quoted text ''\n"
     "     5 | name: \"\"\n"
     "       |       ^"},
    {"name, nothing", SMALL "name:\n", NULL,
     "t.yaml:5:6: name: expected a name of 1 to 100 characters without '/', found nothing\n"
     "     5 | name:\n"
     "       |      ^"},
    {"name, a list", SMALL "name: [a]\n", NULL,
     "t.yaml:5:7: name: expected a name of 1 to 100 characters without '/', found a list\n"
     "     5 | name: [a]\n"
     "       |       ^"},
    {"name, control characters", SMALL "name: \"a\\x1b[31mb\"\n", NULL,
     "t.yaml:5:7: name: expected a name of 1 to 100 characters without '/', found the quoted text 'a?[31mb'\n"
     "     5 | name: \"a\\x1b[31mb\"\n"
     "       |       ^"},
    {"name, dots", SMALL "name: ..\n", NULL,
     "t.yaml:5:7: name: expected a name of 1 to 100 characters without '/', found '..'\n"
     "     5 | name: ..\n"
     "       |       ^"},
    {"template, unknown placeholder", SMALL "output: {dir: \"{nam}/x\"}\n", NULL,
     "t.yaml:5:15: output.dir: '{nam}' is no placeholder; there are {name}, {seed}, {hash} and {trial}\n"
     "     5 | output: {dir: \"{nam}/x\"}\n"
     "       |               ^"},
    {"template, not closed", SMALL "output: {dir: \"a{name\"}\n", NULL,
     "t.yaml:5:15: output.dir: '{name' is no placeholder; there are {name}, {seed}, {hash} and {trial}\n"
     "     5 | output: {dir: \"a{name\"}\n"
     "       |               ^"},
    {"template, empty", SMALL "output: {dir: \"\"}\n", NULL,
     "t.yaml:5:15: output.dir: expected a path of 1 to 1000 printable characters\n"
     "     5 | output: {dir: \"\"}\n"
     "       |               ^"},
    {"template, control characters", SMALL "output: {dir: \"a\\e[1m\"}\n", NULL,
     "t.yaml:5:15: output.dir: expected a path of 1 to 1000 printable characters\n"
     "     5 | output: {dir: \"a\\e[1m\"}\n"
     "       |               ^"},
    {"device, control characters", SMALL, "device=\"name:\\x9b1m\"",
     "--set device=\"name:\\x9b1m\": device: expected auto, cpu, gpu, PLATFORM:DEVICE such as 0:1, name:TEXT or "
     "platform:TEXT, found the quoted text 'name:??1m'"},
    {"path, control characters", TABLE, "data.train.file=\"a\\tb\"",
     "--set data.train.file=\"a\\tb\": data.train.file: expected the path of a file, from the directory of the config that "
     "names it, or - for standard input, found the quoted text 'a?b'"},
    {"template, a mapping", SMALL "output: {dir: {name}}\n", NULL,
     "t.yaml:5:15: output.dir: expected a path, in which {name}, {seed}, {hash} and {trial} may stand, found a mapping\n"
     "     5 | output: {dir: {name}}\n"
     "       |               ^"},
    {"path, a list", "data: {train: {file: [x.csv], targets: y}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:22: data.train.file: expected the path of a file, from the directory of the config that names it, or - for standard input, found a list\n"
     "     1 | data: {train: {file: [x.csv], targets: y}}\n"
     "       |                      ^"},
    {"path, empty", "data: {train: {file: '', targets: y}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:22: data.train.file: expected the path of a file, from the directory of the config that names it, or - for standard input, found the quoted text ''\n"
     "     1 | data: {train: {file: '', targets: y}}\n"
     "       |                      ^"},
    {"device, wrong", SMALL "device: cuda\n", NULL,
     "t.yaml:5:9: device: expected auto, cpu, gpu, PLATFORM:DEVICE such as 0:1, name:TEXT or platform:TEXT, found 'cuda'\n"
     "     5 | device: cuda\n"
     "       |         ^"},
    {"device, numbers", SMALL "device: 0:1000\n", NULL,
     "t.yaml:5:9: device: expected auto, cpu, gpu, PLATFORM:DEVICE such as 0:1, name:TEXT or platform:TEXT, found '0:1000'\n"
     "     5 | device: 0:1000\n"
     "       |         ^"},
    {"device, a list", SMALL "device: [cpu]\n", NULL,
     "t.yaml:5:9: device: expected auto, cpu, gpu, PLATFORM:DEVICE such as 0:1, name:TEXT or platform:TEXT, found a list\n"
     "     5 | device: [cpu]\n"
     "       |         ^"},
    {"engine, near", SMALL "engine: refrence\n", NULL,
     "t.yaml:5:9: engine: expected one of auto, fused, gemm or reference, found 'refrence'; did you mean reference\n"
     "     5 | engine: refrence\n"
     "       |         ^"},
    {"engine, far", SMALL "engine: turbo\n", NULL,
     "t.yaml:5:9: engine: expected one of auto, fused, gemm or reference, found 'turbo'\n"
     "     5 | engine: turbo\n"
     "       |         ^"},
    {"engine, a mapping", SMALL "engine: {type: gemm}\n", NULL,
     "t.yaml:5:9: engine: expected one of auto, fused, gemm or reference, found a mapping\n"
     "     5 | engine: {type: gemm}\n"
     "       |         ^"},
    {"bool, yes", MODEL OPTIMIZER TRAIN "data: {train: {inputs: [[0, 1]], targets: [1]}, shuffle: yes}\n", NULL,
     "t.yaml:4:58: data.shuffle: expected true or false, found 'yes'; write true\n"
     "     4 | data: {train: {inputs: [[0, 1]], targets: [1]}, shuffle: yes}\n"
     "       |                                                          ^"},
    {"bool, off", SMALL, "data.shuffle=off",
     "--set data.shuffle=off: data.shuffle: expected true or false, found 'off'; write false"},
    {"bool, on", SMALL, "data.shuffle=on",
     "--set data.shuffle=on: data.shuffle: expected true or false, found 'on'; write true"},
    {"bool, No", SMALL, "data.shuffle=No",
     "--set data.shuffle=No: data.shuffle: expected true or false, found 'No'; write false"},
    {"bool, True", SMALL, "data.shuffle=True",
     "--set data.shuffle=True: data.shuffle: expected true or false, found 'True'; write true"},
    {"bool, quoted", SMALL, "data.shuffle='true'",
     "--set data.shuffle='true': data.shuffle: expected true or false, found the quoted text 'true'"},
    {"bool, number", SMALL, "data.shuffle=1",
     "--set data.shuffle=1: data.shuffle: expected true or false, found '1'"},
    {"bool, list", SMALL, "data.shuffle=[true]",
     "--set data.shuffle=[true]: data.shuffle: expected true or false, found a list"},
    {"bool, nothing", SMALL, "data.shuffle=",
     "--set data.shuffle=: data.shuffle: expected true or false, found nothing"},
    {"bool of a kind, yes", SMALL, "optimizer.nesterov=yes",
     "--set optimizer.nesterov=yes: optimizer.nesterov: expected true or false, found 'yes'; write true"},
    {"bool of a kind, off", SMALL, "optimizer.nesterov=off",
     "--set optimizer.nesterov=off: optimizer.nesterov: expected true or false, found 'off'; write false"},
    {"bool of a kind, quoted", SMALL, "optimizer.nesterov=\"true\"",
     "--set optimizer.nesterov=\"true\": optimizer.nesterov: expected true or false, found the quoted text 'true'"},
    {"whole number, quoted", DATA MODEL OPTIMIZER "train: {epochs: \"3\"}\n", NULL,
     "t.yaml:4:17: train.epochs: expected a whole number from 0 to 1000000000, found the quoted text '3'; a number has no quotes\n"
     "     4 | train: {epochs: \"3\"}\n"
     "       |                 ^"},
    {"whole number, fraction", SMALL, "train.epochs=3.5",
     "--set train.epochs=3.5: train.epochs: expected a whole number from 0 to 1000000000, found '3.5'"},
    {"whole number, exponent", SMALL, "train.epochs=1e3",
     "--set train.epochs=1e3: train.epochs: expected a whole number from 0 to 1000000000, found '1e3'"},
    {"whole number, negative", SMALL, "train.epochs=-1",
     "--set train.epochs=-1: train.epochs: expected a whole number from 0 to 1000000000, found '-1'"},
    {"whole number, text", SMALL, "train.epochs=many",
     "--set train.epochs=many: train.epochs: expected a whole number from 0 to 1000000000, found 'many'"},
    {"whole number, a mapping", SMALL, "train.epochs={a: 1}",
     "--set train.epochs={a: 1}: train.epochs: expected a whole number from 0 to 1000000000, found a mapping"},
    {"whole number, nothing", SMALL, "train.epochs=",
     "--set train.epochs=: train.epochs: expected a whole number from 0 to 1000000000, found nothing"},
    {"whole number, beyond 64 bits", SMALL, "train.epochs=18446744073709551616",
     "--set train.epochs=18446744073709551616: train.epochs: expected a whole number from 0 to 1000000000, found '18446744073709551616'"},
    {"seed, negative", SMALL, "seed=-1",
     "--set seed=-1: seed: expected a whole number from 0 to 9223372036854775807, found '-1'"},
    {"seed, 2^63", SMALL, "seed=9223372036854775808",
     "--set seed=9223372036854775808: seed: expected a whole number from 0 to 9223372036854775807, found '9223372036854775808'"},
    {"seed, beyond 64 bits", SMALL, "seed=99999999999999999999",
     "--set seed=99999999999999999999: seed: expected a whole number from 0 to 9223372036854775807, found '99999999999999999999'"},
    {"seed, quoted", SMALL, "seed='3'",
     "--set seed='3': seed: expected a whole number from 0 to 9223372036854775807, found the quoted text '3'; a number has no quotes"},
    {"log.every, 0", SMALL, "log.every=0",
     "--set log.every=0: log.every: expected auto or a whole number from 1 to 1000000000, found '0'"},
    {"character, two", "data: {train: {file: x.csv, targets: y, delimiter: ab}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:52: data.train.delimiter: expected one ASCII character, such as ';' or \"\\t\", found 'ab'\n"
     "     1 | data: {train: {file: x.csv, targets: y, delimiter: ab}}\n"
     "       |                                                    ^"},
    {"character, not ASCII", "data: {train: {file: x.csv, targets: y, delimiter: \xC3\xA9""}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:52: data.train.delimiter: expected one ASCII character, such as ';' or \"\\t\", found '\xC3\xA9""'\n"
     "     1 | data: {train: {file: x.csv, targets: y, delimiter: \xC3\xA9""}}\n"
     "       |                                                    ^"},
    {"character, a quote", "data: {train: {file: x.csv, targets: y, delimiter: '\"'}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:52: data.train.delimiter: expected one ASCII character, such as ';' or \"\\t\", found the quoted text '\"'\n"
     "     1 | data: {train: {file: x.csv, targets: y, delimiter: '\"'}}\n"
     "       |                                                    ^"},
    {"character, a line end", "data: {train: {file: x.csv, targets: y, delimiter: \"\\r\"}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:52: data.train.delimiter: expected one ASCII character, such as ';' or \"\\t\", found the quoted text '?'\n"
     "     1 | data: {train: {file: x.csv, targets: y, delimiter: \"\\r\"}}\n"
     "       |                                                    ^"},
    {"names, near", "data: {train: {file: x.csv, targets: y, format: cvs}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:49: data.train.format: expected one of auto, csv, tsv, idx or npy, found 'cvs'; did you mean csv\n"
     "     1 | data: {train: {file: x.csv, targets: y, format: cvs}}\n"
     "       |                                                 ^"},
    {"names, yes", "data: {train: {file: x.csv, targets: y, header: yes}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:49: data.train.header: expected one of auto, true or false, found 'yes'; write true\n"
     "     1 | data: {train: {file: x.csv, targets: y, header: yes}}\n"
     "       |                                                 ^"},
    {"names of two", "data: {train: {file: x.csv, targets: y, missing: dorp}}\n" MODEL OPTIMIZER TRAIN, NULL,
     "t.yaml:1:50: data.train.missing: expected one of error, drop or mean, found 'dorp'; did you mean drop\n"
     "     1 | data: {train: {file: x.csv, targets: y, missing: dorp}}\n"
     "       |                                                  ^"},
    {"names, a list", SMALL, "model.init.keys=[shared]",
     "--set model.init.keys=[shared]: model.init.keys: expected per_layer or shared, found a list"},
    {"kind, near", SMALL "loss: msee\n", NULL,
     "t.yaml:5:7: loss: expected one of <losses>, found 'msee'; did you mean mse\n"
     "     5 | loss: msee\n"
     "       |       ^"},
    {"kind, far", SMALL "loss: frechet\n", NULL,
     "t.yaml:5:7: loss: expected one of <losses>, found 'frechet'\n"
     "     5 | loss: frechet\n"
     "       |       ^"},
    {"kind, a list", SMALL "loss: [mse]\n", NULL,
     "t.yaml:5:7: loss: expected one of <losses>, found a list\n"
     "     5 | loss: [mse]\n"
     "       |       ^"},
    {"kind, nothing", SMALL "loss:\n", NULL,
     "t.yaml:5:6: loss: expected one of <losses>, found nothing\n"
     "     5 | loss:\n"
     "       |      ^"},
    {"kind, type is a list", SMALL "loss: {type: [mse]}\n", NULL,
     "t.yaml:5:14: loss: expected one of <losses>, found a list\n"
     "     5 | loss: {type: [mse]}\n"
     "       |              ^"},
    {"kind, type is nothing", SMALL "loss: {type: }\n", NULL,
     "t.yaml:5:14: loss: expected one of <losses>, found nothing\n"
     "     5 | loss: {type: }\n"
     "       |              ^"},
    {"kind, auto where there is none", SMALL "loss: auto\n", NULL,
     "t.yaml:5:7: loss: expected one of <losses>, found 'auto'\n"
     "     5 | loss: auto\n"
     "       |       ^"},
    {"kind with auto", SMALL, "model.init.weight=autoo",
     "--set model.init.weight=autoo: model.init.weight: expected auto or one of zeros, constant, uniform, normal, truncated_normal, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal, orthogonal, pytorch, found 'autoo'"},
    {"number, quoted", SMALL, "optimizer.lr='0.1'",
     "--set optimizer.lr='0.1': optimizer.learning_rate: expected a number greater than 0, found the quoted text '0.1'; a number has no quotes"},
    {"number, text", SMALL, "optimizer.lr=abc",
     "--set optimizer.lr=abc: optimizer.learning_rate: expected a number greater than 0, found 'abc'"},
    {"number, 0", SMALL, "optimizer.lr=0",
     "--set optimizer.lr=0: optimizer.learning_rate: expected a number greater than 0, found '0'"},
    {"number, infinite", SMALL, "optimizer.lr=.inf",
     "--set optimizer.lr=.inf: optimizer.learning_rate: expected a number greater than 0, found '.inf'"},
    {"number, huge", SMALL, "optimizer.lr=1e39",
     "--set optimizer.lr=1e39: optimizer.learning_rate: expected a number greater than 0, found '1e39', too large for single precision"},
    {"number, hexadecimal", SMALL, "optimizer.lr=0x1p3",
     "--set optimizer.lr=0x1p3: optimizer.learning_rate: expected a number greater than 0, found '0x1p3'"},
    {"number, a list", SMALL, "optimizer.lr=[1]",
     "--set optimizer.lr=[1]: optimizer.learning_rate: expected a number greater than 0, found a list"},
    {"number, a mapping", SMALL, "optimizer.lr={a: 1}",
     "--set optimizer.lr={a: 1}: optimizer.learning_rate: expected a number greater than 0, found a mapping"},
    {"number, nothing", SMALL, "optimizer.lr=",
     "--set optimizer.lr=: optimizer.learning_rate: expected a number greater than 0, found nothing"},
    {"number, momentum 1", SMALL, "optimizer.momentum=1",
     "--set optimizer.momentum=1: optimizer.momentum: expected a number of at least 0 and less than 1, found '1'"},
    {"nesterov without momentum", DATA MODEL TRAIN "optimizer: {type: sgd, lr: 1, nesterov: true}\n", NULL,
     "t.yaml:4:12: optimizer: nesterov needs a momentum greater than 0\n"
     "     4 | optimizer: {type: sgd, lr: 1, nesterov: true}\n"
     "       |            ^"},
    {"uniform from high to low", SMALL, "model.init.weight={type: uniform, low: 1, high: 1}",
     "--set model.init.weight={type: uniform, low: 1, high: 1}: model.init.weight: low must be less than high"},
    {"name of a parameter", SMALL "metrics: {type: accuracy, positive: belov}\n", NULL,
     "t.yaml:5:37: metrics.positive: expected above or below, found 'belov'; did you mean below\n"
     "     5 | metrics: {type: accuracy, positive: belov}\n"
     "       |                                     ^"},
    {"metrics, far", SMALL "metrics: [mae, zzz]\n", NULL,
     "t.yaml:5:16: metrics.1: expected one of <metrics>, found 'zzz'\n"
     "     5 | metrics: [mae, zzz]\n"
     "       |                ^"},
    {"metrics, nothing", SMALL "metrics:\n", NULL,
     "t.yaml:5:9: metrics: expected a list of up to 8 of <metrics>, found nothing\n"
     "     5 | metrics:\n"
     "       |         ^"},
    {"metrics, in one", SMALL "metrics: [{type: accuracy, threshold: high}]\n", NULL,
     "t.yaml:5:39: metrics.0.threshold: expected a number, found 'high'\n"
     "     5 | metrics: [{type: accuracy, threshold: high}]\n"
     "       |                                       ^"},
    {"nine metrics", SMALL, "metrics=[mae, mae, mae, mae, mae, mae, mae, mae, mae]",
     "--set metrics=[mae, mae, mae, mae, mae, mae, mae, mae, mae]: metrics: expected at most 8 of them, found 9"},
    {"orthogonal bias", SMALL, "model.init.bias=orthogonal",
     "--set model.init.bias=orthogonal: model.init.bias: for weights only"},
    {"orthogonal bias of a layer", DATA
     OPTIMIZER
     TRAIN
     "model:\n"
     "  layers:\n"
     "    - units: 1\n"
     "      init: {bias: {type: orthogonal}}\n", NULL,
     "t.yaml:7:20: model.layers.0.init.bias: for weights only\n"
     "     7 |       init: {bias: {type: orthogonal}}\n"
     "       |                    ^"},
    {"override without a key", SMALL, "=3",
     "--set =3: expected a key such as optimizer.learning_rate before '='"},
    {"override ends in a dot", SMALL, "train.=3",
     "--set train.=3: expected a key such as optimizer.learning_rate before '='"},
    {"override with two dots", SMALL, "train..epochs=3",
     "--set train..epochs=3: expected a key such as optimizer.learning_rate before '='"},
    {"override of an element beyond", SMALL, "model.layers.1.units=3",
     "--set model.layers.1.units=3: '1' is no element of the list, which has 1: give an index from 0 to 0"},
    {"override of an element by name", SMALL, "model.layers.first.units=3",
     "--set model.layers.first.units=3: 'first' is no element of the list, which has 1: give an index from 0 to 0"},
    {"override with a bad value", SMALL, "model.layers=[{units: 1}",
     "--set model.layers=[{units: 1}: not valid YAML: while parsing a flow sequence: did not find expected ',' or ']'"},
    {"override of an unknown key", SMALL, "train.epoch=3",
     "--set train.epoch=3: train.epoch: unknown key; did you mean epochs?"},
    {"override through a list's element", SMALL, "data.train.inputs.0.5=1",
     "--set data.train.inputs.0.5=1: '5' is no element of the list, which has 2: give an index from 0 to 1"},
};

/* ---- the bounds of every number ---- */

/* A number of the schema, or a parameter of a kind. */
typedef struct bound_row {
    char path[200];        /* of the key */
    const char *kind;      /* NULL: a field */
    const xt_param *param; /* of the kind */
    const xt_kind *of;
    const xt_field *field;
} bound_row;

enum { MAX_BOUNDS = 400 };
static bound_row bounds[MAX_BOUNDS];
static size_t n_bounds;

static bool is_list(const xt_field *field)
{
    return field->type == &xt_type_sections;
}

static void gather(const xt_field *fields, const char *above)
{
    for (; fields->name; fields++) {
        char path[200];
        snprintf(path, sizeof path, "%s%s%s", above, fields->name, is_list(fields) ? ".0" : "");
        if (is_list(fields) || xt_is_section(fields)) {
            strcat(path, ".");
            gather(fields->fields, path);
        } else if (fields->type == &xt_type_uint32 || fields->type == &xt_type_float) {
            assert_true(n_bounds < MAX_BOUNDS);
            bounds[n_bounds] = (bound_row){.field = fields};
            strcpy(bounds[n_bounds++].path, path);
        }
        const xt_choice orthogonal = xt_choose(&xt_initializers, "orthogonal");
        bool kinds = fields->type == &xt_type_kind || fields->type == &xt_type_kinds;
        for (size_t i = 0; kinds && i < fields->table->n_rows; i++) {
            const xt_kind *kind = xt_kind_at(fields->table, (int)i);
            for (const xt_param *param = kind->params; param->name; param++) {
                /* No number makes a bias of what is for weights only. */
                bool never = fields->table == &xt_initializers && (int)i == orthogonal.kind && fields->check;
                if (param->type != XT_PARAM_NUMBER || never)
                    continue;
                assert_true(n_bounds < MAX_BOUNDS);
                bounds[n_bounds] = (bound_row){.kind = kind->row.name, .param = param, .of = kind};
                strcpy(bounds[n_bounds++].path, path);
            }
        }
    }
}

/* KEY=VALUE that gives the number and what else its kind needs. */
static void write_set(const bound_row *row, double value, xt_buf *out)
{
    xt_buf_printf(out, "%s=", row->path);
    if (row->field) {
        xt_buf_printf(out, "%.17g", value);
        return;
    }
    xt_buf_printf(out, "{type: %s, %s: %.17g", row->kind, row->param->name, value);
    for (const xt_param *other = row->of->params; other->name; other++)
        /* low must be below high, and not too far, whatever the one is. */
        if (other->required && other != row->param) {
            xt_choice ignored;
            xt_buf_printf(out, ", %s: ", other->name);
            if (strcmp(other->name, "low") == 0)
                xt_buf_puts(out, value < 0 ? "-3e38" : "0");
            else if (strcmp(other->name, "high") == 0)
                xt_buf_puts(out, value < 0 ? "0" : "3e38");
            else
                unit_param_value(other, 0, &ignored, out);
        }
    xt_buf_puts(out, "}");
}

/* All that the row's number needs around it, and it. */
static size_t make_sources(const bound_row *row, const char *set, const char *label, xt_config_source *out)
{
    out[0] = (xt_config_source)TEXT(unit_base(row->path));
    size_t n = 1 + (row->kind ? unit_needs(row->kind, out + 1) : 0);
    out[n++] = (xt_config_source){XT_CONFIG_SET, set, label};
    return n;
}

static bool is_whole(const bound_row *row)
{
    return row->field ? row->field->type == &xt_type_uint32 : row->param->whole;
}

static void accepts(const bound_row *row, double value)
{
    xt_buf set = {0};
    /* A parameter that counts is exact or refused. */
    if (row->param && row->param->whole && (double)(float)value != value)
        return;
    xt_config_source sources[2 + UNIT_MAX_NEEDS];
    write_set(row, value, &set);
    xt_config *config = unit_config(sources, make_sources(row, set.data, set.data, sources));
    unit_round_trip(config);
    xt_config_close(&config);
    xt_buf_clear(&set);
}

static void refuses(const bound_row *row, const xt_range *range, double value)
{
    xt_buf set = {0}, expected = {0};
    bool is_auto = row->field && row->field->def && strcmp(row->field->def, "auto") == 0;
    write_set(row, value, &set);
    xt_buf_printf(&expected, "--x: %s%s%s: expected %s", row->path, row->field ? "" : ".",
                  row->field ? "" : row->param->name, is_auto ? "auto or " : "");
    xt_range_describe(range, is_whole(row) ? "a whole number" : "a number", &expected);
    xt_buf_printf(&expected, ", found '%.17g'%s", value,
                  fabs(value) > 3.5e38 ? ", too large for single precision"
                  : row->param && row->param->whole && value > 1 << 24 && (double)(float)value != value
                      ? ", which single precision would round"
                      : "");
    xt_config_source sources[2 + UNIT_MAX_NEEDS];
    unit_refused(sources, make_sources(row, set.data, "--x", sources), XT_BAD_CONFIG, expected.data);
    xt_buf_clear(&set);
    xt_buf_clear(&expected);
}

static void bounds_hold(void **state)
{
    const bound_row *row = *state;
    xt_range range = row->field ? row->field->range : row->param->range;
    if (row->field && row->field->def && strcmp(row->field->def, "auto") == 0)
        range.min = 1;
    double step = is_whole(row) ? 1 : 1e-3;
    /* What is just outside, on and inside of each bound; single precision has the last word. */
    if (isfinite(range.min)) {
        refuses(row, &range, range.min - step);
        if (range.min_open)
            refuses(row, &range, range.min);
        else
            accepts(row, range.min);
        accepts(row, range.min + step);
    } else {
        accepts(row, -2.5e38);
        refuses(row, &range, -4e38);
    }
    if (isfinite(range.max)) {
        refuses(row, &range, range.max + step);
        if (range.max_open)
            refuses(row, &range, range.max);
        else
            accepts(row, range.max);
        accepts(row, range.max - step);
    } else {
        accepts(row, 2.5e38);
        refuses(row, &range, 4e38);
    }
}

/* ---- options ---- */

static void options_are_named(void **state)
{
    (void)state;
    unit_refused(SOURCES(TEXT(SMALL), VALUE("--epochs abc", "train.epochs=abc")), XT_BAD_CONFIG,
                 "--epochs abc: train.epochs: expected a whole number from 0 to 1000000000, found 'abc'");
    /* Quotes are YAML's, and here there is none. */
    unit_refused(SOURCES(TEXT(SMALL), VALUE("--epochs '3'", "train.epochs='3'")), XT_BAD_CONFIG,
                 "--epochs '3': train.epochs: expected a whole number from 0 to 1000000000, found ''3''");
    unit_refused(SOURCES(TEXT(SMALL), VALUE("-o ", "output.dir=")), XT_BAD_CONFIG,
                 "-o : output.dir: expected a path, in which {name}, {seed}, {hash} and {trial} may stand, found nothing");
    unit_refused(SOURCES(TEXT(SMALL), VALUE("-o", "output.dir=a\xFF")), XT_BAD_CONFIG,
                 "-o: the value is not valid UTF-8");
    unit_refused(SOURCES(TEXT(SMALL), SET("no equals")), XT_BAD_USAGE, "--set no equals: expected KEY=VALUE");
    unit_refused(SOURCES(TEXT(SMALL), SET("metrics=[]"), SET("metrics.0=mae")), XT_BAD_CONFIG,
                 "--set metrics.0=mae: '0' is no element of the list, which is empty");
    /* Every bad option is told. */
    unit_refused(SOURCES(TEXT(SMALL), SET("seed=[1"), SET("train.x=1"), SET("a.b=c")), XT_BAD_CONFIG,
                 "--set seed=[1: not valid YAML: while parsing a flow sequence: did not find expected ',' or ']'\n"
                 "--set train.x=1: train.x: unknown key; known here: epochs, batch_size, loss_report, "
                 "clip_norm, clip_value, validate_every\n"
                 "--set a.b=c: a: unknown key; known here: name, seed, device, engine, data, model, loss, optimizer, "
                 "schedule, train, metrics, early_stopping, stop_when, checkpoint, log, output, sweep");
}

static void long_options_are_cut(void **state)
{
    (void)state;
    char set[300], expected[700];
    memset(set, 'a', sizeof set);
    strcpy(set + 201, "=3");
    snprintf(expected, sizeof expected, "%.200s: a key of more than 200 characters", set);
    unit_refused(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set, set}), XT_BAD_CONFIG, expected);
    unit_refused(SOURCES(TEXT(SMALL "name: " "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                              "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\n")),
                 XT_BAD_CONFIG,
                 "t.yaml:5:7: name: expected a name of 1 to 100 characters without '/', found "
                 "'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn'\n"
                 "     5 | name: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
                 "nnnnnnnnnnnn\n"
                 "       |       ^");
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        unit_case(unit_row_is_refused, &rows[i], "%s", rows[i].name);
    gather(xt_schema, "");
    for (size_t i = 0; i < n_bounds; i++)
        unit_case(bounds_hold, &bounds[i], "bounds of %s%s%s%s%s", bounds[i].path, bounds[i].kind ? " " : "",
                  bounds[i].kind ? bounds[i].kind : "", bounds[i].kind ? "." : "",
                  bounds[i].kind ? bounds[i].param->name : "");
    UNIT_CASE(options_are_named);
    UNIT_CASE(long_options_are_cut);
    return unit_run("config values");
}
