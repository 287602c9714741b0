/* src/config: how files and options come together, and what names and paths
 * become. */
#include "configs.h"
#include "model/init.h"
#include "model/metrics.h"
#include "model/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* ---- merging ---- */

static void files_merge(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        TEXT(SMALL "loss: huber\nmetrics: [mae, rmse]\nlog: {every: 3}\n"),
        OTHER("train: {batch_size: 7}\nloss: {delta: 2}\nmetrics: [accuracy]\nlog:\n"),
        {XT_CONFIG_TEXT, "model: {layers: [{units: 4, activation: relu}, {units: 1}]}\nlog: {every: 4}\n", "v.yaml"},
        SET("train.epochs=9"), VALUE("--seed 3", "seed=3"), SET("seed=4"), SET("train.epochs=8"),
        SET("model.layers.0.units=5")));
    const xt_spec *s = xt_config_spec(config);
    assert_true(s->epochs == 8 && s->batch_size == 7 && s->seed == 4);
    assert_true(unit_chose(&xt_losses, &s->loss, "huber") && s->loss.values[0] == 2);
    assert_true(s->n_metrics == 1 && unit_chose(&xt_metrics, s->metrics, "accuracy"));
    assert_true(s->n_layers == 2 && s->layers[0].units == 5 && s->layers[1].units == 1 && s->log_every == 4);
    assert_true(unit_chose(&xt_activations, &s->layers[0].activation, "relu"));
    unit_round_trip(config);
    xt_config_close(&config);
    /* A scalar over a mapping replaces it. */
    config = unit_config(SOURCES(TEXT(SMALL "loss: {type: huber, delta: 5}\n"), SET("loss=mae")));
    assert_true(unit_chose(&xt_losses, &xt_config_spec(config)->loss, "mae"));
    xt_config_close(&config);
}

/* A mapping that becomes one of another type keeps what both types have. */
typedef struct kind_over_row {
    const char *name, *base, *over; /* over: of a file, or an override without its `--set` */
    const char *printed;            /* a part of what is printed then */
} kind_over_row;

static const kind_over_row kinds_over[] = {
    {"optimizer", "optimizer: {type: sgd, lr: 0.5, momentum: 0.9, nesterov: true}\n", "optimizer.type=adam",
     "\noptimizer:\n  type: adam\n  learning_rate: 0.5\n  beta1: 0.9\n"},
    {"loss", "loss: {type: huber, delta: 5}\n", "loss.type=mae", "\nloss: mae\n"},
    {"loss of a file", "loss: {type: huber, delta: 5}\n", "loss: {type: mae}\n", "\nloss: mae\n"},
    {"the same loss", "loss: {type: huber, delta: 5}\n", "loss: {type: huber}\n", "\nloss:\n  type: huber\n  delta: 5\n"},
    {"the same loss again", "loss: {type: huber, delta: 5}\n", "loss.type=huber", "\nloss:\n  type: huber\n  delta: 5\n"},
    {"activation, shared", "model: {layers: [{units: 1, activation: {type: leaky_relu, alpha: 0.5}}]}\n",
     "model.layers.0.activation.type=elu", "activation:\n        type: elu\n        alpha: 0.5\n"},
    {"activation, none", "model: {layers: [{units: 1, activation: {type: leaky_relu, alpha: 0.5}}]}\n",
     "model.layers.0.activation.type=tanh", "      activation: tanh\n"},
    {"init, one of two", "model: {init: {weight: {type: normal, mean: 3, stddev: 2}}}\n",
     "model.init.weight.type=truncated_normal", "    weight:\n      type: truncated_normal\n      stddev: 2\n"},
    {"init of a file, and its own", "model: {init: {weight: {type: normal, mean: 3, stddev: 2}}}\n",
     "model: {init: {weight: {type: uniform, low: 1, high: 2}}}\n",
     "    weight:\n      type: uniform\n      low: 1\n      high: 2\n"},
    {"init of a layer", "model: {layers: [{units: 1, init: {bias: {type: normal, mean: 3}}}]}\n",
     "model.layers.0.init.bias.type=zeros", "        bias: zeros\n"},
    {"schedule", "schedule: {type: step, size: 3, gamma: 0.5}\n", "schedule: {type: multistep, milestones: [1, 2]}\n",
     "  type: multistep\n  milestones: [1, 2]\n  gamma: 0.5\n"},
    {"schedule without parameters", "schedule: {type: step, size: 3, gamma: 0.5}\n", "schedule.type=constant",
     "\nschedule:\n  type: constant\n  unit: epoch\n  warmup: 0\ntrain:"},
    {"one of a list", "metrics: [mae, {type: accuracy, threshold: 3}]\n", "metrics.1.type=rmse", "\nmetrics: [mae, rmse]\n"},
    {"a generator", "data: {train: {generate: {type: spirals, classes: 5, turns: 2}}}\n", "data.train.generate.type=blobs",
     "      type: blobs\n      classes: 5\n      features: 2\n"},
};

/* Without `data` the rest of SMALL is under it. */
static void a_kind_over_another(void **state)
{
    const kind_over_row *row = *state;
    const char *under = strncmp(row->base, "data", 4) == 0 ? MODEL OPTIMIZER TRAIN : SMALL;
    xt_config_source over = {strchr(row->over, ':') ? XT_CONFIG_TEXT : XT_CONFIG_SET, row->over, "over"};
    xt_config *config = unit_config(SOURCES(TEXT(under), OTHER(row->base), over));
    xt_buf yaml = {0};
    xt_config_print(config, false, &yaml);
    if (!strstr(yaml.data, row->printed))
        fail_msg("%s", yaml.data);
    unit_round_trip(config);
    xt_buf_clear(&yaml);
    xt_config_close(&config);
}

/* What neither kind has was a mistake and stays one; so is what comes with the new kind. */
static void a_kind_over_mistakes(void **state)
{
    (void)state;
    unit_refused(SOURCES(TEXT(SMALL "loss: {type: huber, dleta: 5}\n"), SET("loss.type=mae")), XT_BAD_CONFIG,
                 "t.yaml:5:21: loss.dleta: mae has no parameters\n"
                 "     5 | loss: {type: huber, dleta: 5}\n"
                 "       |                     ^");
    unit_refused(SOURCES(TEXT(SMALL "loss: {type: huber, delta: 5}\n"), OTHER("loss: {type: mae, delta: 3}\n")),
                 XT_BAD_CONFIG,
                 "u.yaml:1:19: loss.delta: mae has no parameters\n"
                 "     1 | loss: {type: mae, delta: 3}\n"
                 "       |                   ^");
    assert_non_null(strstr(unit_refusal(SOURCES(TEXT(SMALL "loss: {type: huber, delta: 5}\n"), SET("loss.type=maee"))),
                           ", found 'maee'; did you mean mae"));
}

/* Overrides make what is not there, and go through short forms. */
static void overrides_make_mappings(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(
        SET("data.train.inputs=[[1], [2]]"), SET("data.train.targets=[3, 4]"), SET("model.layers=[{units: 1}]"),
        SET("optimizer=sgd"), SET("optimizer.lr=2"), SET("train.epochs=3"), SET("metrics=[accuracy, mae]"),
        SET("metrics.0.threshold=0.25"), SET("model.layers.0.init.weight.type=normal"), SET("data.train.targets.1=5"),
        SET("data.train.inputs.1.0=6")));
    const xt_spec *s = xt_config_spec(config);
    assert_true(s->optimizer.values[0] == 2 && s->metrics[0].values[0] == 0.25f);
    assert_true(unit_chose(&xt_metrics, &s->metrics[1], "mae"));
    assert_true(unit_chose(&xt_initializers, &s->layers[0].weight, "normal"));
    assert_true(s->train.targets[0] == 3 && s->train.targets[1] == 5);
    assert_true(s->train.inputs[0] == 1 && s->train.inputs[1] == 6);
    unit_round_trip(config);
    xt_config_close(&config);
    /* A section left empty in the file is as good as none. */
    config = unit_config(SOURCES(TEXT(SMALL "log:\noutput:\n"), SET("log.every=2"), SET("output.dir=o")));
    assert_true(xt_config_spec(config)->log_every == 2);
    xt_config_close(&config);
    /* A value as it stands is no YAML. */
    config = unit_config(SOURCES(TEXT(SMALL), VALUE("-o", "output.dir={name} # a: [b'"), VALUE("", "name=\"q\"")));
    assert_string_equal(xt_config_spec(config)->output_template, "{name} # a: [b'");
    assert_string_equal(xt_config_spec(config)->name, "\"q\"");
    unit_round_trip(config);
    xt_config_close(&config);
}

static void anchors_and_aliases(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(TEXT("name: &n aa\n"
                                                 "output: {dir: *n}\n"
                                                 "data: {train: {inputs: [&r [0, 1], *r, *r], targets: &t [1, 2, 3]}}\n"
                                                 "model:\n"
                                                 "  layers:\n"
                                                 "    - &l {units: &u 3, activation: tanh}\n"
                                                 "    - *l\n"
                                                 "    - {units: &u 1}\n"
                                                 "optimizer: {type: sgd, lr: *u}\n"
                                                 "train: {epochs: *u, batch_size: *u}\n")));
    const xt_spec *s = xt_config_spec(config);
    assert_true(same(s->name, "aa") && same(s->output_dir, "aa") && s->train.n_rows == 3 && s->train.inputs[5] == 1);
    assert_true(s->n_layers == 3 && s->layers[1].units == 3 && s->layers[2].units == 1);
    assert_true(unit_chose(&xt_activations, &s->layers[1].activation, "tanh"));
    /* The latest of a name counts. */
    assert_true(s->epochs == 1 && s->optimizer.values[0] == 1);
    unit_round_trip(config);
    xt_config_close(&config);
}

/* ---- names and paths ---- */

static char here[4096], scratch[64];

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static int enter_scratch(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/xt-config-XXXXXX");
    return !getcwd(here, sizeof here) || !mkdtemp(scratch) || chdir(scratch) != 0 || mkdir("sub", 0777) != 0;
}

static int leave_scratch(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", scratch);
    return chdir(here) != 0 || system(command) != 0;
}

static void assert_named(const char *path, const char *name)
{
    write_file(path, SMALL);
    xt_config *config = unit_config(SOURCES(FROM_FILE(path)));
    assert_string_equal(xt_config_spec(config)->name, name);
    unit_round_trip(config);
    xt_config_close(&config);
}

static void name_of_the_file(void **state)
{
    (void)state;
    assert_int_equal(enter_scratch(NULL), 0);
    assert_named("xor.yaml", "xor");
    assert_named("sub/a.b.yaml", "a");
    assert_named("./plain", "plain");
    assert_named("a b: 'c'#.yaml", "a b: 'c'#");
    /* Names that could not be given with `name:` are not taken from a file either. */
    assert_named("sub/.hidden", "run");
    assert_named("tab\there.yaml", "run");
    assert_named("not\xFFutf8.yaml", "run");
    char name[120];
    memset(name, 'n', sizeof name);
    strcpy(name + 101, ".yaml");
    assert_named(name, "run");
    assert_named("null.yaml", "null");
    /* The first file names it, unless a key does. */
    write_file("two.yaml", "seed: 1");
    xt_config *config = unit_config(SOURCES(FROM_FILE("xor.yaml"), FROM_FILE("two.yaml"), SET("seed=2")));
    assert_string_equal(xt_config_spec(config)->name, "xor");
    assert_string_equal(xt_config_spec(config)->output_dir, "runs/xor");
    xt_config_close(&config);
    config = unit_config(SOURCES(FROM_FILE("xor.yaml"), SET("name=other")));
    assert_string_equal(xt_config_spec(config)->name, "other");
    xt_config_close(&config);
    assert_int_equal(leave_scratch(NULL), 0);
}

static void assert_input(const xt_config_source *sources, size_t n, const char *path)
{
    xt_config *config = unit_config(sources, n);
    assert_string_equal(xt_config_spec(config)->train.file, path);
    xt_config_close(&config);
}

/* An input path is relative to the file that names it; an option's to the working directory. */
static void input_paths(void **state)
{
    (void)state;
    assert_int_equal(enter_scratch(NULL), 0);
    write_file("sub/t.yaml", TABLE);
    write_file("u.yaml", "data: {train: {file: v.csv}}");
    write_file("sub/x.csv", "a,y\n");
    assert_input(SOURCES(FROM_FILE("sub/t.yaml")), "sub/x.csv");
    assert_input(SOURCES(FROM_FILE("sub/t.yaml"), FROM_FILE("u.yaml")), "v.csv");
    assert_input(SOURCES(FROM_FILE("u.yaml"), FROM_FILE("sub/t.yaml")), "sub/x.csv");
    assert_input(SOURCES(FROM_FILE("sub/t.yaml"), SET("data.train.file=w.csv")), "w.csv");
    assert_input(SOURCES(FROM_FILE("sub/t.yaml"), SET("data.train.file=/w.csv")), "/w.csv");
    assert_input(SOURCES(FROM_FILE("sub/t.yaml"), SET("data.train.file=-")), "-");
    assert_input(SOURCES(TEXT(TABLE)), "x.csv");
    write_file("sub/dash.yaml", "data: {train: {file: '-'}}");
    assert_input(SOURCES(FROM_FILE("sub/t.yaml"), FROM_FILE("sub/dash.yaml")), "-");
    /* What is printed is absolute, so that it can be kept anywhere. */
    xt_config *config = unit_config(SOURCES(FROM_FILE("sub/t.yaml")));
    char path[200];
    xt_buf yaml = {0};
    snprintf(path, sizeof path, "\n    file: %s/sub/x.csv\n", scratch);
    xt_config_print(config, false, &yaml);
    assert_non_null(strstr(yaml.data, path));
    xt_buf_clear(&yaml);
    xt_config_close(&config);
    assert_int_equal(leave_scratch(NULL), 0);
}

static char *dir_of(const xt_config_source *sources, size_t n)
{
    xt_config *config = unit_config(sources, n);
    char *dir = strdup(xt_config_spec(config)->output_dir);
    assert_non_null(dir);
    unit_round_trip(config);
    xt_config_close(&config);
    return dir;
}

static void placeholders(void **state)
{
    (void)state;
    char *dir = dir_of(SOURCES(TEXT(SMALL), SET("output.dir='{seed}/{name}{name}/x{seed}'"), SET("seed=12"), SET("name=n")));
    assert_string_equal(dir, "12/nn/x12");
    free(dir);
    dir = dir_of(SOURCES(TEXT(SMALL), SET("output.dir='a}b'")));
    assert_string_equal(dir, "a}b");
    free(dir);
}

/* {hash} changes with everything but the run's name, its directory and its log. */
static void hash_placeholder(void **state)
{
    (void)state;
    static const struct { const char *set; bool changes; } rows[] = {
        {"name=zzz", false},      {"log.every=3", false},     {"seed=1", true},          {"device=cpu", true},
        {"train.epochs=2", true}, {"loss=mae", true},         {"data.shuffle=false", true}, {"optimizer.lr=0.25", true},
        {"metrics=mae", true},    {"model.init.keys=shared", true}, {"data.train.targets=[2]", true},
        {"optimizer={type: sgd, lr: 0.5}", false},
    };
    char *plain = dir_of(SOURCES(TEXT(SMALL), SET("output.dir='{hash}'")));
    assert_int_equal(strlen(plain), 16);
    assert_int_equal(strspn(plain, "0123456789abcdef"), 16);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *dir = dir_of(SOURCES(TEXT(SMALL), SET("output.dir='{hash}'"), {XT_CONFIG_SET, rows[i].set, rows[i].set}));
        if ((strcmp(dir, plain) != 0) != rows[i].changes)
            fail_msg("%s: {hash} %s", rows[i].set, rows[i].changes ? "should change" : "should not change");
        free(dir);
    }
    char *again = dir_of(SOURCES(TEXT(SMALL), SET("output.dir='x/{hash}'")));
    assert_string_equal(again + 2, plain);
    free(again);
    free(plain);
}

static void the_shipped_configurations(void **state)
{
    (void)state;
    xt_config *config = unit_config(SOURCES(FROM_FILE("configs/xor.yaml")));
    const xt_spec *s = xt_config_spec(config);
    assert_true(same(s->name, "xor") && s->epochs == 500 && s->batch_size == 1 && s->log_every == 25);
    assert_true(s->layers[0].weight.values[1] == 0.01f && same(s->output_dir, "runs/xor"));
    unit_round_trip(config);
    xt_config_close(&config);
}

int main(void)
{
    UNIT_CASE(files_merge);
    for (size_t i = 0; i < sizeof kinds_over / sizeof kinds_over[0]; i++)
        unit_case(a_kind_over_another, &kinds_over[i], "another kind: %s", kinds_over[i].name);
    UNIT_CASE(a_kind_over_mistakes);
    UNIT_CASE(overrides_make_mappings);
    UNIT_CASE(anchors_and_aliases);
    UNIT_CASE(name_of_the_file);
    UNIT_CASE(input_paths);
    UNIT_CASE(placeholders);
    UNIT_CASE(hash_placeholder);
    UNIT_CASE(the_shipped_configurations);
    return unit_run("config files");
}
