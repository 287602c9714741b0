/* src/config: the parts of the data: where rows come from, and what data.train lends. */
#include "configs.h"
#include "model/generate.h"

#include <stdio.h>
#include <string.h>

#define REST MODEL OPTIMIZER TRAIN

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool is_column(const xt_columns *columns, const char *name)
{
    return columns->n == 1 && same(columns->at[0].name, name);
}

/* ---- what is lent ---- */

static void a_file_is_read_as_the_training_file(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT("data:\n"
             "  train: {file: /d/x.tsv, inputs: a, targets: b, ignore: c, encode: a, format: csv, header: true,\n"
             "          delimiter: ';', skip_rows: 3, missing: drop}\n"
             "  validation: {file: /d/v.csv}\n"
             "  test: {file: /d/t.csv, inputs: d, header: auto, missing: error}\n" REST)));
    const xt_source *v = &xt_config_spec(config)->validation.source, *t = &xt_config_spec(config)->test.source;
    assert_true(same(v->file, "/d/v.csv") && is_column(&v->input_columns, "a") && is_column(&v->target_columns, "b"));
    assert_true(is_column(&v->ignore_columns, "c") && is_column(&v->encode_columns, "a"));
    assert_true(v->format == XT_FORMAT_CSV && v->header == XT_HEADER_TRUE && v->delimiter == ';' && v->skip_rows == 3);
    assert_true(v->missing == XT_MISSING_DROP && v->samples == 0);
    assert_true(same(t->file, "/d/t.csv") && is_column(&t->input_columns, "d") && is_column(&t->target_columns, "b"));
    assert_true(t->header == XT_HEADER_AUTO && t->missing == XT_MISSING_ERROR && t->skip_rows == 3);
    unit_round_trip(config);
    xt_buf yaml = {0};
    xt_config_print(config, true, &yaml);
    /* What is lent has the place where data.train has it. */
    assert_non_null(strstr(yaml.data, "  validation:\n"
                                      "    file: /d/v.csv                      # t.yaml:4\n"
                                      "    inputs: a                           # t.yaml:2\n"));
    assert_non_null(strstr(yaml.data, "    skip_rows: 3                        # t.yaml:3\n"
                                      "    missing: error                      # t.yaml:5\n"
                                      "  normalize: none"));
    xt_buf_clear(&yaml);
    xt_config_close(&config);
}

static void what_is_made_is_made_alike(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT("seed: 40\n"
             "data:\n"
             "  train: {generate: {type: spirals, turns: 3}, samples: 1000, noise: 0.25}\n"
             "  validation: {samples: 50}\n"
             "  test: {generate: moons, seed: 7}\n" REST)));
    const xt_spec *s = xt_config_spec(config);
    const xt_source *v = &s->validation.source, *t = &s->test.source;
    assert_true(unit_chose(&xt_generators, &s->train.generator, "spirals") && s->train.generator.values[1] == 3);
    assert_true(s->train.samples == 1000 && s->train.noise == 0.25f && s->train.generate_seed == 40);
    assert_true(unit_chose(&xt_generators, &v->generator, "spirals") && v->generator.values[1] == 3);
    assert_true(v->samples == 50 && v->noise == 0.25f && v->generate_seed == 41 && s->validation.given);
    assert_true(unit_chose(&xt_generators, &t->generator, "moons") && t->samples == 1000 && t->generate_seed == 7);
    assert_true(s->train.shape_seed == 40 && v->shape_seed == 40 && t->shape_seed == 40);
    unit_round_trip(config);
    xt_config_close(&config);
    /* Nothing but where it goes. */
    config = unit_config(SOURCES(TEXT("data: {train: {generate: xor}, validation: {}, test: {split: 0.5}}\n" REST),
                                 SET("seed=9223372036854775807")));
    s = xt_config_spec(config);
    assert_true(s->train.samples == 200 && s->train.noise == 0 && s->train.generate_seed == INT64_MAX);
    assert_true(s->validation.given && s->validation.source.samples == 200);
    assert_true(s->validation.source.generate_seed == (uint64_t)INT64_MAX + 1);
    assert_true(s->test.split == 0.5f && s->test.source.samples == 0);
    unit_round_trip(config);
    xt_config_close(&config);
}

/* The seed stays what the top one makes it when a printed configuration is run with another. */
static void a_printed_seed_follows(void **state)
{
    (void)state;
    xt_buf yaml = {0};
    xt_config *config = unit_config(SOURCES(TEXT("data: {train: {generate: xor}, validation: {}}\n" REST)));
    xt_config_print(config, false, &yaml);
    xt_config_close(&config);
    config = unit_config(SOURCES(TEXT(yaml.data), SET("seed=5")));
    assert_int_equal(xt_config_spec(config)->train.generate_seed, 5);
    assert_int_equal(xt_config_spec(config)->validation.source.generate_seed, 6);
    xt_buf_clear(&yaml);
    xt_config_close(&config);
}

static void rows_of_every_part(void **state)
{
    (void)state;
    xt_config *config = unit_config(
        SOURCES(TEXT("data:\n"
                     "  train: {inputs: [[0, 1], [2, 3]], targets: [4, 5]}\n"
                     "  validation: {inputs: [[6, 7]], targets: [8]}\n"
                     "  test: {file: /t.csv, targets: y, inputs: [a, b]}\n" REST)));
    const xt_source *v = &xt_config_spec(config)->validation.source;
    assert_true(v->n_rows == 1 && v->n_inputs == 2 && v->inputs[1] == 7 && v->targets[0] == 8);
    assert_int_equal(xt_config_spec(config)->test.source.input_columns.n, 2);
    unit_round_trip(config);
    xt_config_close(&config);
    /* A training file lends nothing to rows. */
    config = unit_config(SOURCES(TEXT("data: {train: {file: /x.csv, targets: y, missing: drop},\n"
                                      "       validation: {inputs: [[6, 7]], targets: [8]}}\n" REST)));
    v = &xt_config_spec(config)->validation.source;
    assert_true(v->n_rows == 1 && !v->file && !v->target_columns.n && v->missing == XT_MISSING_ERROR);
    unit_round_trip(config);
    xt_config_close(&config);
}

/* Files of arrays have no columns to choose from. */
static void targets_of_their_own_file(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT("data:\n"
             "  train: {file: /x.idx, targets_file: /y.idx}\n"
             "  test: {file: /t.idx, targets_file: /ty.idx, targets: 0}\n" REST)));
    const xt_spec *s = xt_config_spec(config);
    assert_true(same(s->train.targets_file, "/y.idx") && s->train.target_columns.n == 0);
    assert_true(same(s->test.source.targets_file, "/ty.idx") && s->test.source.target_columns.n == 1);
    unit_round_trip(config);
    xt_config_close(&config);
}

static void splits(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(TEXT(SMALL), SET("data.validation={split: 0.5, stratify: true}"),
                                            SET("data.test.split=0.49")));
    const xt_spec *s = xt_config_spec(config);
    assert_true(s->validation.given && s->validation.split == 0.5f && s->validation.stratify);
    assert_true(s->test.given && s->test.split == 0.49f && !s->test.stratify && !s->test.source.file);
    unit_round_trip(config);
    xt_config_close(&config);
}

/* ---- what is refused ---- */

#define FILE_TRAIN "train: {file: /x.csv, targets: y}"

static const unit_refused_row rows[] = {
    {"nothing", "data: {train: {}}\n" REST, NULL,
     "t.yaml:1:15: data.train: missing: `file`, `generate`, or rows of numbers as `inputs` and `targets`\n"
     "     1 | data: {train: {}}\n"
     "       |               ^"},
    {"nothing of a part", "data: {" FILE_TRAIN ", test: {}}\n" REST, NULL,
     "t.yaml:1:49: data.test: missing: `split`, `file`, `generate`, or rows of numbers as `inputs` and `targets`\n"
     "     1 | data: {train: {file: /x.csv, targets: y}, test: {}}\n"
     "       |                                                 ^"},
    {"a part of nothing", SMALL, "data.test=", "--set data.test=: data.test: expected a mapping of split, stratify, file, "
     "targets_file, generate, samples, noise, seed, inputs, targets, ignore, encode, format, header, delimiter, skip_rows, "
     "missing, found nothing"},
    {"a part that is a number", SMALL, "data.validation=0.2",
     "--set data.validation=0.2: data.validation: expected a mapping of split, stratify, file, targets_file, generate, "
     "samples, noise, seed, inputs, targets, ignore, encode, format, header, delimiter, skip_rows, missing, found '0.2'"},
    {"file and generate", "data: {train: {file: /x.csv, targets: y, generate: xor}}\n" REST, NULL,
     "t.yaml:1:52: data.train.generate: not with `file`: rows are read or made, not both\n"
     "     1 | data: {train: {file: /x.csv, targets: y, generate: xor}}\n"
     "       |                                                    ^"},
    {"generate and targets", "data: {train: {generate: xor, targets: y}}\n" REST, NULL,
     "t.yaml:1:40: data.train.targets: not with `generate`, which makes inputs and targets\n"
     "     1 | data: {train: {generate: xor, targets: y}}\n"
     "       |                                        ^"},
    {"generate and columns to leave out", "data: {train: {generate: xor, ignore: y}}\n" REST, NULL,
     "t.yaml:1:39: data.train.ignore: means nothing without 'file' beside it\n"
     "     1 | data: {train: {generate: xor, ignore: y}}\n"
     "       |                                       ^"},
    {"split and file", SMALL, "data.validation={split: 0.5, file: v.csv}",
     "--set data.validation={split: 0.5, file: v.csv}: data.validation.file: not with `split`, which takes its rows from "
     "data.train"},
    {"split and rows", SMALL, "data.validation={split: 0.5, inputs: [[1, 2]]}",
     "--set data.validation={split: 0.5, inputs: [[1, 2]]}: data.validation.inputs: not with `split`, which takes its rows "
     "from data.train"},
    {"split of the training rows", SMALL, "data.train.split=0.5",
     "--set data.train.split=0.5: data.train.split: unknown key; did you mean data.validation.split?"},
    {"stratify without split", SMALL, "data.validation={stratify: true}",
     "--set data.validation={stratify: true}: data.validation.stratify: means nothing without 'split' beside it"},
    {"split of all", SMALL, "data.validation.split=1",
     "--set data.validation.split=1: data.validation.split: expected a number greater than 0 and less than 1, found '1'"},
    {"splits of all", "data: {" FILE_TRAIN ", validation: {split: 0.9}, test: {split: 0.1}}\n" REST, NULL,
     "t.yaml:1:83: data.test.split: nothing would be left to train on: the sum of the splits has to be less than 1\n"
     "     1 | data: {train: {file: /x.csv, targets: y}, validation: {split: 0.9}, test: {split: 0.1}}\n"
     "       |                                                                                   ^"},
    {"one sample", "data: {train: {generate: xor}}\n" REST, "data.train.samples=1",
     "--set data.train.samples=1: data.train.samples: expected a whole number from 2 to 10000000, found '1'"},
    {"noise without generate", SMALL, "data.train.noise=1",
     "--set data.train.noise=1: data.train.noise: means nothing without 'generate' beside it"},
    {"seed without generate", "data: {" FILE_TRAIN "}\n" REST, "data.train.seed=1",
     "--set data.train.seed=1: data.train.seed: means nothing without 'generate' beside it"},
    {"targets_file without file", SMALL, "data.train.targets_file=y.idx",
     "--set data.train.targets_file=y.idx: data.train.targets_file: means nothing without 'file' beside it"},
    {"an unknown generator", "data: {train: {generate: xorr}}\n" REST, NULL,
     "t.yaml:1:26: data.train.generate: expected one of <generators>, found 'xorr'; "
     "did you mean xor\n"
     "     1 | data: {train: {generate: xorr}}\n"
     "       |                          ^"},
    {"targets alone of a part", SMALL, "data.test={targets: [1]}",
     "--set data.test={targets: [1]}: data.test: missing: `split`, `file`, `generate`, or rows of numbers as `inputs` and "
     "`targets`"},
    {"inputs alone of a part", SMALL, "data.test={inputs: [[1, 2]]}",
     "--set data.test={inputs: [[1, 2]]}: data.test.targets: missing: target columns, or the rows themselves"},
    {"rows of another width", "data: {train: {inputs: [[0, 1]], targets: [1]}, test: {inputs: [[0]], targets: [1]}}\n" REST,
     NULL,
     "t.yaml:1:64: data.test.inputs: expected 2 values a row as in data.train, found 1\n"
     "     1 | data: {train: {inputs: [[0, 1]], targets: [1]}, test: {inputs: [[0]], targets: [1]}}\n"
     "       |                                                                ^"},
    {"targets of another width", SMALL, "data.test={inputs: [[0, 1]], targets: [[1, 2]]}",
     "--set data.test={inputs: [[0, 1]], targets: [[1, 2]]}: data.test.targets: expected 1 value a row as in data.train, "
     "found 2"},
    {"no targets of a part's file", "data: {train: {generate: xor}, test: {file: /t.csv}}\n" REST, NULL,
     "t.yaml:1:38: data.test.targets: missing: target columns, or the rows themselves\n"
     "     1 | data: {train: {generate: xor}, test: {file: /t.csv}}\n"
     "       |                                      ^"},
    {"standard input twice", "data: {train: {file: '-', targets: y}, test: {file: '-'}}\n" REST, NULL,
     "t.yaml:1:46: data.test.file: standard input can be read only once\n"
     "     1 | data: {train: {file: '-', targets: y}, test: {file: '-'}}\n"
     "       |                                              ^"},
    /* What is wrong in data.train is told once. */
    {"wrong and lent", "data: {train: {file: /x.csv, targets: y, skip_rows: x}, test: {file: /t.csv}}\n" REST, NULL,
     "t.yaml:1:53: data.train.skip_rows: expected a whole number from 0 to 1000000000, found 'x'\n"
     "     1 | data: {train: {file: /x.csv, targets: y, skip_rows: x}, test: {file: /t.csv}}\n"
     "       |                                                     ^"},
    {"wrong, lent and wrong", "data: {train: {file: /x.csv, targets: y, skip_rows: x}, test: {file: /t.csv, header: 1}}\n" REST,
     NULL,
     "t.yaml:1:53: data.train.skip_rows: expected a whole number from 0 to 1000000000, found 'x'\n"
     "     1 | data: {train: {file: /x.csv, targets: y, skip_rows: x}, test: {file: /t.csv, header: 1}}\n"
     "       |                                                     ^\n"
     "t.yaml:1:86: data.test.header: expected one of auto, true or false, found '1'\n"
     "     1 | data: {train: {file: /x.csv, targets: y, skip_rows: x}, test: {file: /t.csv, header: 1}}\n"
     "       |                                                                                      ^"},
    {"wrong and made", "data: {train: {generate: xor, noise: -1}, test: {samples: 5}}\n" REST, NULL,
     "t.yaml:1:38: data.train.noise: expected a number of at least 0, found '-1'\n"
     "     1 | data: {train: {generate: xor, noise: -1}, test: {samples: 5}}\n"
     "       |                                      ^"},
    {"no training data", "data: {test: {file: /t.csv}}\n" REST, NULL,
     "t.yaml:1:7: data.train: missing: the training rows\n"
     "     1 | data: {test: {file: /t.csv}}\n"
     "       |       ^"},
    {"one class", SMALL, "data.classes=[a]", "--set data.classes=[a]: data.classes: expected 2 to 65536 of them, found 1"},
    {"classes of one word", SMALL, "data.classes=a",
     "--set data.classes=a: data.classes: expected a list of at least 2 texts, each of them once, found 'a'"},
    {"a class twice", SMALL "name: x\n", "data.classes=[a, b, a, c, b]",
     "--set data.classes=[a, b, a, c, b]: data.classes: 'a' is there twice\n"
     "--set data.classes=[a, b, a, c, b]: data.classes: 'b' is there twice"},
    {"a class that is a list", SMALL, "data.classes=[a, [b], '']",
     "--set data.classes=[a, [b], '']: data.classes.1: expected a text, found a list\n"
     "--set data.classes=[a, [b], '']: data.classes.2: expected a text, found the quoted text ''"},
    {"normalize", SMALL, "data.normalize=min_max",
     "--set data.normalize=min_max: data.normalize: expected one of none, standard or minmax, found 'min_max'; did you "
     "mean minmax"},
};

int main(void)
{
    UNIT_CASE(a_file_is_read_as_the_training_file);
    UNIT_CASE(what_is_made_is_made_alike);
    UNIT_CASE(a_printed_seed_follows);
    UNIT_CASE(rows_of_every_part);
    UNIT_CASE(targets_of_their_own_file);
    UNIT_CASE(splits);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        unit_case(unit_row_is_refused, &rows[i], "%s", rows[i].name);
    return unit_run("config data");
}
