/* src/cli: the command line: what each command takes, in which order, and in
 * which words the rest is refused. */
#include "cases.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

enum { MAX_ARGS = 24 };

/* "xortrain" and the words of text, between single blanks; '+' stands for a blank in a word. */
typedef struct line {
    char text[300];
    char *argv[MAX_ARGS + 1];
    int argc;
} line;

static void split(const char *text, line *out)
{
    assert_true(strlen(text) < sizeof out->text - 16);
    strcpy(out->text, "xortrain ");
    strcat(out->text, text);
    out->argc = 0;
    for (char *word = strtok(out->text, " "); word; word = strtok(NULL, " ")) {
        assert_true(out->argc < MAX_ARGS);
        for (char *at = word; *at; at++)
            if (*at == '+')
                *at = ' ';
        out->argv[out->argc++] = word;
    }
    out->argv[out->argc] = NULL;
}

static xt_options parse(const char *text, line *words)
{
    xt_options options = {0};
    split(text, words);
    if (xt_options_parse(words->argc, words->argv, &options, &err))
        fail_msg("%s: %s", text, err.text);
    return options;
}

/* *out is left as it was. */
static void refused(const char *text, const char *message)
{
    line words;
    xt_options options, before;
    memset(&options, 0x5A, sizeof options);
    before = options;
    split(text, &words);
    err = (xt_err){.status = XT_OK};
    assert_int_equal(xt_options_parse(words.argc, words.argv, &options, &err), XT_BAD_USAGE);
    assert_int_equal(err.status, XT_BAD_USAGE);
    assert_memory_equal(&options, &before, sizeof options);
    assert_string_equal(err.text, message);
    split(text, &words);
    assert_int_equal(xt_options_parse(words.argc, words.argv, &options, NULL), XT_BAD_USAGE);
}

/* ---- every option on every command ---- */

/* What the table must hold; the help is held against it below. */
typedef struct option_case {
    const char *name;
    char letter;
    const char *arg;      /* NULL: takes none */
    const char *commands; /* that take it */
    const char *source;   /* KEY of what it overrides */
    bool yaml;            /* the value is */
} option_case;

#define WITH_CONFIG "train sweep check config"
#define EVERY "train sweep check config predict evaluate export inspect reproduce tune devices"

static const option_case cases[] = {
    {"config", 'c', "f.yaml", WITH_CONFIG " tune", NULL, false},
    {"set", 0, "loss=mae", WITH_CONFIG " reproduce tune", NULL, true},
    {"seed", 0, "3", WITH_CONFIG, "seed", false},
    {"epochs", 0, "3", WITH_CONFIG, "train.epochs", false},
    {"batch-size", 0, "3", WITH_CONFIG " tune", "train.batch_size", false},
    {"learning-rate", 0, "3", WITH_CONFIG, "optimizer.learning_rate", false},
    {"lr", 0, "3", WITH_CONFIG, "optimizer.learning_rate", false},
    {"out", 'o', "dir", WITH_CONFIG, "output.dir", false},
    {"out", 'o', "file", "export", NULL, false},
    {"to", 0, "c", "export", NULL, false},
    {"max-time", 0, "2m", "train", NULL, false},
    {"max-time", 0, "2m", "tune", NULL, false},
    {"sweep", 0, "seed=1", "sweep", NULL, true},
    {"repeat", 0, "3", "sweep", "sweep.repeat", false},
    {"count", 0, NULL, "sweep", NULL, false},
    {"list", 0, NULL, "sweep", NULL, false},
    {"emit", 0, NULL, "sweep", NULL, false},
    {"jobs", 0, "2", "sweep", NULL, false},
    {"fail-fast", 0, NULL, "sweep", NULL, false},
    {"curves", 0, "all", "sweep", NULL, false},
    {"require", 0, "loss<1", "train evaluate", NULL, false},
    {"csv", 0, "file", "train", NULL, false},
    {"jsonl", 0, "file", "train", NULL, false},
    {"summary", 0, "file", "train", NULL, false},
    {"profile", 0, NULL, "train predict evaluate", NULL, false},
    {"trace", 0, "file", "train predict evaluate", NULL, false},
    {"device", 'd', "0:1", WITH_CONFIG " predict evaluate reproduce tune", "device", false},
    {"engine", 0, "gemm", WITH_CONFIG " predict evaluate reproduce", "engine", false},
    {"no-cache", 0, NULL, "train sweep check predict evaluate reproduce", NULL, false},
    {"no-cache", 0, NULL, "tune", NULL, false},
    {"gradients", 0, NULL, "check", NULL, false},
    {"values", 0, NULL, "check inspect", NULL, false},
    {"origins", 0, NULL, "config", NULL, false},
    {"document", 0, NULL, "config", NULL, false},
    {"json", 0, NULL, "config devices inspect", NULL, false},
    {"yaml", 0, NULL, "inspect", NULL, false},
    {"format", 0, "csv", "evaluate", NULL, false},
    {"keep", 0, NULL, "predict", NULL, false},
    {"quiet", 'q', NULL, EVERY, NULL, false},
    {"verbose", 'v', NULL, EVERY, NULL, false},
    {"no-progress", 0, NULL, "train sweep reproduce tune", NULL, false},
    {"help", 'h', NULL, EVERY, NULL, false},
    {"version", 0, NULL, EVERY, NULL, false},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

static bool is_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (!at[n] || at[n] == ' '))
            return true;
    return false;
}

/* Whether the command takes an option of this name; another case may be of the same name. */
static bool takes(const char *command, const char *name)
{
    for (size_t i = 0; i < N_CASES; i++)
        if (strcmp(cases[i].name, name) == 0 && is_word(cases[i].commands, command))
            return true;
    return false;
}

/* What else the command must have on its line. */
static const char *needs(const char *command)
{
    const char *others = "predict evaluate export inspect reproduce";
    return is_word(others, command) ? "m" : strcmp(command, "devices") == 0 ? "" : "-c x.yaml";
}

static bool flag_of(const xt_options *o, const char *name)
{
    const struct { const char *name; bool value; } flags[] = {
        {"gradients", o->gradients}, {"values", o->values},   {"origins", o->origins}, {"document", o->document},
        {"json", o->json}, {"yaml", o->yaml},           {"keep", o->keep},       {"quiet", o->quiet},     {"verbose", o->verbose},
        {"no-progress", o->no_progress}, {"help", o->help},   {"version", o->version},
        {"no-cache", o->no_cache}, {"profile", o->profile},
        {"count", o->count}, {"list", o->list}, {"emit", o->emit}, {"fail-fast", o->fail_fast},
    };
    size_t i = 0;
    while (strcmp(flags[i].name, name) != 0)
        i++;
    return flags[i].value;
}

/* Whether the option did what it is for. label is what messages call it. */
static void assert_taken(const xt_options *o, const option_case *c, const char *label)
{
    if (!c->arg) {
        assert_true(flag_of(o, c->name));
        for (size_t i = 0; i < N_CASES; i++)
            if (!cases[i].arg && strcmp(cases[i].name, c->name) != 0)
                assert_false(flag_of(o, cases[i].name));
        return;
    }
    for (size_t i = 0; i < N_CASES; i++)
        assert_false(!cases[i].arg && flag_of(o, cases[i].name));
    const struct { const char *name, *value; } texts[] = {
        {"csv", o->csv},       {"jsonl", o->jsonl}, {"summary", o->summary},
        {"format", o->format}, {"to", o->to},       {"out", o->out},
        {"trace", o->trace},   {"jobs", o->jobs},   {"curves", o->curves},
    };
    bool text_taken = false;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool here = strcmp(c->name, texts[i].name) == 0 && !c->source;
        text_taken = text_taken || here;
        if (here)
            assert_string_equal(texts[i].value, c->arg);
        else
            assert_null(texts[i].value);
    }
    if (text_taken)
        return;
    bool timed = strcmp(c->name, "max-time") == 0, required = strcmp(c->name, "require") == 0;
    assert_true(o->max_time == (timed ? 120 : 0));
    assert_int_equal(o->n_requirements, required);
    if (required)
        assert_string_equal(o->requirements[0], c->arg);
    if (timed || required)
        return;
    if (strcmp(c->name, "config") == 0) {
        /* Beside x.yaml, before or after it. */
        assert_int_equal(o->n_files, 2);
        assert_int_equal(o->sources[0].kind, XT_CONFIG_FILE);
        assert_int_equal(o->sources[1].kind, XT_CONFIG_FILE);
        assert_int_equal(strcmp(o->sources[0].text, c->arg) == 0, strcmp(o->sources[1].text, c->arg) != 0);
        return;
    }
    const xt_config_source *source = &o->sources[o->n_sources - 1];
    char text[100];
    snprintf(text, sizeof text, "%s%s%s", c->source ? c->source : "", c->source ? "=" : "", c->arg);
    assert_string_equal(source->text, text);
    assert_string_equal(source->label, label);
    bool sweeps = strcmp(c->name, "sweep") == 0;
    assert_int_equal(source->kind, sweeps ? XT_CONFIG_SWEEP : c->yaml ? XT_CONFIG_SET : XT_CONFIG_VALUE);
}

/* As --name ARG, --name=ARG and with its letter; before and after the command. */
static void option_on_each_command(void **state)
{
    const option_case *c = *state;
    for (size_t k = 0; k < xt_commands.n_rows; k++) {
        const char *command = xt_table_at(&xt_commands, k)->name;
        char forms[4][80], text[200], label[100], message[200];
        size_t n = 0;
        snprintf(forms[n++], sizeof forms[0], "--%s%s%s", c->name, c->arg ? " " : "", c->arg ? c->arg : "");
        if (c->arg)
            snprintf(forms[n++], sizeof forms[0], "--%s=%s", c->name, c->arg);
        if (c->letter)
            snprintf(forms[n++], sizeof forms[0], "-%c%s%s", c->letter, c->arg ? " " : "", c->arg ? c->arg : "");
        if (c->letter && c->arg)
            snprintf(forms[n++], sizeof forms[0], "-%c%s", c->letter, c->arg);
        snprintf(label, sizeof label, "--%s %s", c->name, c->arg ? c->arg : "");
        for (size_t i = 0; i < 2 * n; i++) {
            line words;
            if (i % 2)
                snprintf(text, sizeof text, "%s %s %s", command, needs(command), forms[i / 2]);
            else
                snprintf(text, sizeof text, "%s %s %s", forms[i / 2], command, needs(command));
            if (!is_word(c->commands, command) && takes(command, c->name))
                continue; /* the other case's */
            if (!is_word(c->commands, command)) {
                snprintf(message, sizeof message, "%s takes no option --%s; see xortrain %s --help", command, c->name,
                         command);
                refused(text, message);
                continue;
            }
            xt_options options = parse(text, &words);
            assert_int_equal(options.command, (int)k);
            assert_true(options.named);
            assert_taken(&options, c, label);
            xt_options_clear(&options);
            assert_null(options.sources);
        }
    }
}

static void option_misused(void **state)
{
    const option_case *c = *state;
    char text[200], message[200];
    const char *needed = strcmp(c->name, "config") == 0 ? "" : "-c x ";
    if (!c->arg) {
        snprintf(text, sizeof text, "-c x --%s=3", c->name);
        snprintf(message, sizeof message, "option --%s takes no argument", c->name);
        refused(text, message);
        return;
    }
    snprintf(text, sizeof text, "%s--%s", needed, c->name);
    snprintf(message, sizeof message, "option --%s needs an argument", c->name);
    refused(text, message);
    if (!c->letter)
        return;
    snprintf(text, sizeof text, "%s--quiet -v%c", needed, c->letter);
    snprintf(message, sizeof message, "option -%c needs an argument", c->letter);
    refused(text, message);
}

/* Every row of the help is a case above (or --resume or --index, whose arguments are optional), and every case is in the help of its commands alone. */
static void help_lists_each_option(void **state)
{
    (void)state;
    for (int k = -1; k < (int)xt_commands.n_rows; k++) {
        xt_buf help = {0};
        size_t n = 0;
        xt_options_help(k, &help);
        const char *command = k < 0 ? "" : xt_table_at(&xt_commands, (size_t)k)->name;
        for (size_t i = 0; i < N_CASES; i++) {
            char row[60], letter[] = "-c, ";
            letter[1] = cases[i].letter;
            if (k >= 0 && !is_word(cases[i].commands, command) && takes(command, cases[i].name))
                continue; /* the other case's */
            snprintf(row, sizeof row, "\n  %s--%s ", cases[i].letter ? letter : "    ", cases[i].name);
            bool listed = strstr(help.data, row) != NULL;
            n += listed;
            /* lr is another spelling of learning-rate, told in its row. */
            bool expected = strcmp(cases[i].name, "lr") != 0 && (k < 0 || is_word(cases[i].commands, command));
            if (listed != expected)
                fail_msg("the help of '%s' %s --%s", command, listed ? "has" : "lacks", cases[i].name);
        }
        size_t n_listed = 0;
        const char *at = strstr(help.data, "\noptions:\n");
        assert_non_null(at);
        for (at += 9; at && *at; at = strchr(at + 1, '\n'))
            n_listed += strncmp(at, "\n  -", 4) == 0 || strncmp(at, "\n      --", 9) == 0;
        bool trains = strcmp(command, "train") == 0, sweeps = strcmp(command, "sweep") == 0;
        assert_int_equal(strstr(help.data, "\n      --resume[=FILE] ") != NULL, k < 0 || trains || sweeps);
        assert_int_equal(strstr(help.data, "\n      --index[=N] ") != NULL, k < 0 || sweeps);
        /* --resume has a row for train and one for sweep. */
        assert_int_equal(n_listed, n + (k < 0 ? 3 : trains ? 1 : sweeps ? 2 : 0));
        xt_buf_clear(&help);
    }
}

static void help_lists_each_command(void **state)
{
    (void)state;
    xt_buf help = {0};
    xt_options_help(-1, &help);
    for (size_t k = 0; k < xt_commands.n_rows; k++) {
        const xt_command *command = xt_command_at((int)k);
        xt_buf one = {0}, expected = {0};
        xt_options_help((int)k, &one);
        xt_buf_printf(&expected, "xortrain %s: %s\n\nusage: xortrain %s %s\n", command->row.name, command->row.help,
                      command->row.name, command->usage);
        assert_memory_equal(one.data, expected.data, expected.len);
        xt_buf_reset(&expected);
        xt_buf_printf(&expected, "\n  %-9s %-29s %s\n", command->row.name, command->usage, command->row.help);
        assert_non_null(strstr(help.data, expected.data));
        xt_buf_clear(&one);
        xt_buf_clear(&expected);
    }
    xt_buf_clear(&help);
}

/* ---- the order of sources ---- */

static void assert_sources(const char *text, const char *expected, size_t n_files)
{
    line words;
    xt_options options = parse(text, &words);
    xt_buf list = {0};
    for (size_t i = 0; i < options.n_sources; i++) {
        const xt_config_source *s = &options.sources[i];
        const char *kind = s->kind == XT_CONFIG_FILE ? "file" : s->kind == XT_CONFIG_SET ? "set" : "value";
        xt_buf_printf(&list, "%s %s (%s)\n", kind, s->text, s->label ? s->label : "");
    }
    assert_string_equal(xt_buf_text(&list), expected);
    assert_int_equal(options.n_files, n_files);
    xt_buf_clear(&list);
    xt_options_clear(&options);
}

/* Files first, whatever stands between them; then all overrides in their order. */
static void files_before_overrides(void **state)
{
    (void)state;
    assert_sources("-c a.yaml", "file a.yaml ()\n", 1);
    assert_sources("seed=1 --lr 2 -c a.yaml --set seed=3 train.epochs=4 --config=b.yaml --seed=5 -o d -c -",
                   "file a.yaml ()\nfile b.yaml ()\nfile - ()\n"
                   "set seed=1 (seed=1)\n"
                   "value optimizer.learning_rate=2 (--lr 2)\n"
                   "set seed=3 (--set seed=3)\n"
                   "set train.epochs=4 (train.epochs=4)\n"
                   "value seed=5 (--seed 5)\n"
                   "value output.dir=d (--out d)\n",
                   3);
}

static void values_are_taken_as_they_are(void **state)
{
    (void)state;
    assert_sources("-c a --set x=a=b --out=a=b --seed -3 y=+'z' --lr=",
                   "file a ()\nset x=a=b (--set x=a=b)\nvalue output.dir=a=b (--out a=b)\nvalue seed=-3 (--seed -3)\n"
                   "set y= 'z' (y= 'z')\nvalue optimizer.learning_rate= (--lr )\n",
                   1);
    /* predict has a configuration inside the model, and these go over it. */
    assert_sources("predict m --device cpu --engine gemm", "value device=cpu (--device cpu)\nvalue engine=gemm (--engine gemm)\n",
                   0);
}

/* ---- --resume[=FILE] ---- */

/* The argument stands behind = alone; what comes after a blank is not its. */
static void resume_with_and_without_a_file(void **state)
{
    (void)state;
    static const struct { const char *text, *file; bool resume; } rows[] = {
        {"-c x", NULL, false}, {"-c x --resume", NULL, true}, {"--resume -c x -q", NULL, true},
        {"--resume=a.b -c x", "a.b", true}, {"train -c x --resume=a=b", "a=b", true}, {"--resume train -c x", NULL, true},
        {"-c x --resume seed=1", NULL, true},
    };
    line words;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        xt_options options = parse(rows[i].text, &words);
        assert_int_equal(options.resume, rows[i].resume);
        if (rows[i].file)
            assert_string_equal(options.resume_file, rows[i].file);
        else
            assert_null(options.resume_file);
        assert_int_equal(options.n_files, 1);
        xt_options_clear(&options);
    }
    refused("-c x --resume=", "option --resume needs an argument");
    refused("-c x --resume --resume", "option --resume is given twice");
    refused("-c x --resume=a --resume", "option --resume is given twice");
    refused("-c x --resum", "unknown option --resum; did you mean --resume?");
    refused("train -c x --resume f", "unexpected argument 'f'; usage: xortrain train --config FILE [KEY=VALUE...]");
    refused("check -c x --resume", "check takes no option --resume; see xortrain check --help");
    refused("predict m --resume=f", "predict takes no option --resume; see xortrain predict --help");
}

/* ---- --index[=N] ---- */

/* A whole number may follow as an argument of its own. */
static void index_with_and_without_a_number(void **state)
{
    (void)state;
    static const struct { const char *text, *index; } rows[] = {
        {"sweep -c x", NULL}, {"sweep -c x --index", ""}, {"sweep -c x --index 7", "7"}, {"sweep --index=7 -c x", "7"},
        {"--index 7 sweep -c x", "7"}, {"sweep --index -c x", ""}, {"sweep -c x --index seed=1", ""}, {"sweep -c x --index=-1", "-1"},
    };
    line words;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        xt_options options = parse(rows[i].text, &words);
        if (rows[i].index)
            assert_string_equal(options.index, rows[i].index);
        else
            assert_null(options.index);
        assert_int_equal(options.n_files, 1);
        xt_options_clear(&options);
    }
    refused("sweep -c x --index=", "option --index needs an argument");
    refused("sweep -c x --index 1 --index 2", "option --index is given twice");
    refused("sweep -c x --index 1 --list", "sweep takes one of --count, --list, --emit, --index and --jobs");
    refused("train -c x --index 1", "train takes no option --index; see xortrain train --help");
}

/* ---- durations ---- */

static const struct duration_row {
    const char *text;
    double seconds; /* 0: none */
} duration_rows[] = {
    {"90", 90},      {"30s", 30},  {"10m", 600},  {"1.5h", 5400}, {".5", 0.5},  {"1e2s", 100}, {"0.001", 0.001},
    {"0", 0},        {"-3", 0},    {"-1h", 0},    {"5d", 0},      {"1h30m", 0}, {"ms", 0},     {"s", 0},
    {"10min", 0},    {"1 h", 0},   {"nan", 0},    {"inf", 0},     {"1e400", 0}, {"0x10", 0},   {"0.0h", 0},
    {"1,5h", 0},     {"3ss", 0},
};

static void duration(void **state)
{
    const struct duration_row *row = *state;
    char text[80], message[160];
    line words;
    snprintf(text, sizeof text, "-c x --max-time %s", row->text);
    for (char *at = text + strlen("-c x --max-time "); *at; at++)
        *at = *at == ' ' ? '+' : *at;
    if (row->seconds > 0) {
        xt_options options = parse(text, &words);
        assert_true(options.max_time == row->seconds);
        xt_options_clear(&options);
        return;
    }
    snprintf(message, sizeof message, "--max-time '%s': expected a duration, as 90, 30s, 10m or 1.5h", row->text);
    refused(text, message);
}

static void requirements_in_their_order(void **state)
{
    (void)state;
    line words;
    xt_options options = parse("-c x --require loss<1 --require=accuracy>=0.5 --require +a+<+2+", &words);
    assert_int_equal(options.n_requirements, 3);
    assert_string_equal(options.requirements[0], "loss<1");
    assert_string_equal(options.requirements[1], "accuracy>=0.5");
    assert_string_equal(options.requirements[2], " a < 2 ");
    xt_options_clear(&options);
    refused("-c x --max-time 3 --max-time 4", "option --max-time is given twice");
    refused("-c x --jsonl a --jsonl a", "option --jsonl is given twice");
    refused("-c x --trace -", "--trace -: a file is expected: standard output has the results");
    refused("-c x --trace a --trace a", "option --trace is given twice");
    refused("-c x --csv - --jsonl -", "--csv - and --jsonl -: standard output takes one of them");
}

/* ---- commands and arguments ---- */

typedef struct args_row {
    const char *text, *command;
    const char *args; /* each with a blank */
    size_t n_sources;
} args_row;

static const args_row args_rows[] = {
    {"-c a", "train", "", 1},
    {"train -c a", "train", "", 1},
    {"-c a train", "train", "", 1},
    {"-c a train seed=1", "train", "", 2},
    {"check -qc a", "check", "", 1},
    {"predict m", "predict", "m ", 0},
    {"predict m -", "predict", "m - ", 0},
    {"--keep predict -q m f.csv", "predict", "m f.csv ", 0},
    {"-o f export m", "export", "m ", 0},
    {"--out train export m", "export", "m ", 0},
    {"-qo train -- export m", "export", "m ", 0},
    {"-o train -c x", "train", "", 2},
    {"predict a=b c=d", "predict", "a=b c=d ", 0},
    {"predict -- -m --x", "predict", "-m --x ", 0},
    {"-- predict m", "predict", "m ", 0},
    {"inspect train", "inspect", "train ", 0},
    {"-c a -- --x=1", "train", "", 2},
    {"-c a -- seed=1", "train", "", 2},
    {"devices", "devices", "", 0},
    {"config --document", "config", "", 0},
    {"--help", "train", "", 0},
    {"--version", "train", "", 0},
    {"evaluate m f.csv", "evaluate", "m f.csv ", 0},
    {"predict --help", "predict", "", 0},
    {"-h inspect", "inspect", "", 0},
    {"-c --odd-name", "train", "", 1},
    {"-o --odd-name -c x", "train", "", 2},
    {"-qo --odd-name -c x", "train", "", 2},
    {"--set --quiet=3 -c x", "train", "", 2},
    {"-o -- -c x", "train", "", 2},
};

static void arguments(void **state)
{
    const args_row *row = *state;
    line words;
    xt_options options = parse(row->text, &words);
    xt_buf args = {0};
    for (size_t i = 0; i < options.n_args; i++)
        xt_buf_printf(&args, "%s ", options.args[i]);
    assert_string_equal(xt_table_at(&xt_commands, (size_t)options.command)->name, row->command);
    assert_string_equal(xt_buf_text(&args), row->args);
    assert_int_equal(options.n_sources, row->n_sources);
    xt_buf_clear(&args);
    xt_options_clear(&options);
    xt_options_clear(&options);
}

static const struct refused_row { const char *text, *message; } refused_rows[] = {
    {"", "train needs --config FILE; see xortrain --help"},
    {"train", "train needs --config FILE; see xortrain --help"},
    {"check seed=1", "check needs --config FILE; see xortrain --help"},
    {"config --origins", "config needs --config FILE; see xortrain --help"},
    {"trian -c a", "unknown command 'trian'; did you mean train?"},
    {"pedict m", "unknown command 'pedict'; did you mean predict?"},
    {"xor.yaml", "unknown command 'xor.yaml'; see xortrain --help (a config is given with --config)"},
    {"-c a -- -x", "unknown command '-x'; see xortrain --help (a config is given with --config)"},
    {"train xor.yaml", "unexpected argument 'xor.yaml'; usage: xortrain train --config FILE [KEY=VALUE...]"},
    {"-c a seed=1 train", "unexpected argument 'train'; usage: xortrain train --config FILE [KEY=VALUE...]"},
    {"train train -c a", "unexpected argument 'train'; usage: xortrain train --config FILE [KEY=VALUE...]"},
    {"predict", "usage: xortrain predict MODEL [FILE|-]"},
    {"inspect", "usage: xortrain inspect MODEL"},
    {"inspect a b", "unexpected argument 'b'; usage: xortrain inspect MODEL"},
    {"predict a b c", "unexpected argument 'c'; usage: xortrain predict MODEL [FILE|-]"},
    {"devices a", "unexpected argument 'a'; usage: xortrain devices "},
    /* options */
    {"--epoch 3 -c a", "unknown option --epoch; did you mean --epochs?"},
    {"--ep 3 -c a", "unknown option --ep; see xortrain --help"},
    {"--verb -c a", "unknown option --verb; see xortrain --help"},
    {"--no-prog -c a", "unknown option --no-prog; see xortrain --help"},
    {"--batch_size 3 -c a", "unknown option --batch_size; did you mean --batch-size?"},
    {"--Seed=3 -c a", "unknown option --Seed; did you mean --seed?"},
    {"-c a --frobnicate", "unknown option --frobnicate; see xortrain --help"},
    {"-c a --frobnicate=1", "unknown option --frobnicate; see xortrain --help"},
    {"-o -- -c x --ep 3", "unknown option --ep; see xortrain --help"},
    {"-x", "unknown option -x; see xortrain --help"},
    {"-qx", "unknown option -x; see xortrain --help"},
    {"--quiet -xq -c a", "unknown option -x; see xortrain --help"},
    {"--seed 3 -xq -c a", "unknown option -x; see xortrain --help"},
    {"-c a -5", "unknown option -5; see xortrain --help"},
    {"-c", "option -c needs an argument"},
    {"-qc", "option -c needs an argument"},
    {"--quiet -c", "option -c needs an argument"},
    {"--config", "option --config needs an argument"},
    {"-q=3 -c a", "unknown option -=; see xortrain --help"},
};

static void line_is_refused(void **state)
{
    const struct refused_row *row = *state;
    refused(row->text, row->message);
}

/* Shells in POSIX mode set it; options after the command are promised all the same. */
static void posix_mode_changes_nothing(void **state)
{
    (void)state;
    line words;
    assert_int_equal(setenv("POSIXLY_CORRECT", "1", 1), 0);
    xt_options options = parse("train seed=1 -c a.yaml -q", &words);
    assert_int_equal(options.n_files, 1);
    assert_true(options.quiet);
    assert_int_equal(options.n_sources, 2);
    xt_options_clear(&options);
    unsetenv("POSIXLY_CORRECT");
}

static void many_overrides(void **state)
{
    (void)state;
    enum { N = 3000 };
    static char *argv[2 * N + 4], words[N][32];
    int n = 0;
    static char program[] = "xortrain", c[] = "-c", file[] = "a", set[] = "--set";
    argv[n++] = program;
    for (int i = 0; i < N; i++) {
        snprintf(words[i], sizeof words[i], "a%d=%d", i, i);
        argv[n++] = set;
        argv[n++] = words[i];
    }
    argv[n++] = c;
    argv[n++] = file;
    xt_options options = {0};
    assert_int_equal(xt_options_parse(n, argv, &options, &err), XT_OK);
    assert_int_equal(options.n_sources, N + 1);
    assert_string_equal(options.sources[0].text, "a");
    assert_string_equal(options.sources[N].text, "a2999=2999");
    xt_options_clear(&options);
}

int main(void)
{
    for (size_t i = 0; i < N_CASES; i++)
        unit_case(option_on_each_command, &cases[i], "--%s on each command", cases[i].name);
    for (size_t i = 0; i < N_CASES; i++)
        unit_case(option_misused, &cases[i], "--%s misused", cases[i].name);
    UNIT_CASE(help_lists_each_option);
    UNIT_CASE(help_lists_each_command);
    UNIT_CASE(files_before_overrides);
    UNIT_CASE(values_are_taken_as_they_are);
    UNIT_CASE(resume_with_and_without_a_file);
    UNIT_CASE(index_with_and_without_a_number);
    for (size_t i = 0; i < sizeof duration_rows / sizeof duration_rows[0]; i++)
        unit_case(duration, &duration_rows[i], "duration: %s", duration_rows[i].text);
    UNIT_CASE(requirements_in_their_order);
    for (size_t i = 0; i < sizeof args_rows / sizeof args_rows[0]; i++)
        unit_case(arguments, &args_rows[i], "line: %s", args_rows[i].text);
    for (size_t i = 0; i < sizeof refused_rows / sizeof refused_rows[0]; i++)
        unit_case(line_is_refused, &refused_rows[i], "refused: %s", refused_rows[i].text);
    UNIT_CASE(posix_mode_changes_nothing);
    UNIT_CASE(many_overrides);
    return unit_run("options");
}
