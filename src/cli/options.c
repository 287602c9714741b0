#include "cli/options.h"

#include "base/arena.h"
#include "base/number.h"
#include "cli/commands.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRAIN = 1, CHECK = 2, CONFIG = 4, DEVICES = 8, INSPECT = 16, PREDICT = 32, EVALUATE = 64, REPRODUCE = 128, EXPORT = 256,
    TUNE = 512, SWEEP = 1024, ALL = 2047
};

static const xt_command commands[] = {
    {{"train", "train a network (the default command)"}, "--config FILE [KEY=VALUE...]", TRAIN, 0, 0, XT_NEEDS_CONFIG, xt_cmd_train},
    {{"sweep", "train many trials, in one process or handed to the shell"}, "--config FILE [KEY=VALUE...] [--sweep KEY=VALUES]",
     SWEEP, 0, 0, XT_NEEDS_CONFIG, xt_cmd_sweep},
    {{"check", "validate config, data, network and device without training"}, "--config FILE [KEY=VALUE...]", CHECK, 0,
     0, XT_NEEDS_CONFIG, xt_cmd_check},
    {{"config", "print the resolved configuration"}, "--config FILE [KEY=VALUE...]", CONFIG, 0, 0, XT_NEEDS_CONFIG, xt_cmd_config},
    {{"predict", "outputs of a model for the rows of a table or array"}, "MODEL [FILE|-]", PREDICT, 1, 2, XT_NO_CONFIG,
     xt_cmd_predict},
    {{"evaluate", "loss and metrics of a model on data"}, "MODEL [FILE|-]", EVALUATE, 1, 2, XT_NO_CONFIG, xt_cmd_evaluate},
    {{"export", "a model as a file for other programs"}, "MODEL --to TARGET -o FILE", EXPORT, 1, 1, XT_NO_CONFIG, xt_cmd_export},
    {{"inspect", "what a model holds"}, "MODEL", INSPECT, 1, 1, XT_NO_CONFIG, xt_cmd_inspect},
    {{"reproduce", "train again what a run.json records, and compare every bit"}, "RUN.json", REPRODUCE, 1, 1, XT_NO_CONFIG,
     xt_cmd_reproduce},
    {{"tune", "find how the gemm engine multiplies fastest on a device"}, "[--config FILE] [KEY=VALUE...]", TUNE, 0, 0,
     XT_MAY_HAVE_CONFIG, xt_cmd_tune},
    {{"devices", "every OpenCL device, and why one is unusable"}, "", DEVICES, 0, 0, XT_NO_CONFIG, xt_cmd_devices},
};

const xt_table xt_commands = XT_TABLE("command", commands);

const xt_command *xt_command_at(int index)
{
    return &commands[index];
}

typedef enum effect {
    TO_BOOL,   /* sets the bool at offset */
    TO_TEXT,   /* keeps the argument at offset */
    TO_TIME,   /* a duration, in seconds to the double at offset */
    TO_REQUIREMENTS,
    TO_SWEEP,  /* KEY=VALUES */
    TO_INDEX,  /* whether one trial, and which where the argument says it */
    TO_RESUME, /* whether, and from which file where the argument says it */
    TO_FILES,  /* a config file */
    TO_SET,    /* KEY=VALUE, VALUE is YAML */
    TO_KEY     /* KEY is the row's, the argument the value */
} effect;

typedef struct option_row {
    const char *name;
    char letter;     /* 0: none */
    const char *arg; /* NULL: takes none; in brackets: may have one, behind = */
    unsigned commands;
    effect effect;
    size_t offset;   /* in xt_options */
    const char *key; /* of TO_KEY */
    const char *help; /* NULL: another spelling of the row before */
} option_row;

#define PLACE(member) offsetof(xt_options, member)

/* A name may stand in several rows, each for other commands; letter and arg are then there in all or none. */
static const option_row rows[] = {
    {"config", 'c', "FILE", TRAIN | SWEEP | CHECK | CONFIG | TUNE, TO_FILES, 0, NULL,
     "configuration (- for standard input); may repeat, later files override earlier ones"},
    {"set", 0, "KEY=VALUE", TRAIN | SWEEP | CHECK | CONFIG | REPRODUCE | TUNE, TO_SET, 0, NULL,
     "override one key by its dotted path, VALUE as YAML; a bare KEY=VALUE does the same"},
    {"seed", 0, "N", TRAIN | SWEEP | CHECK | CONFIG, TO_KEY, 0, "seed", "short for --set seed=N"},
    {"epochs", 0, "N", TRAIN | SWEEP | CHECK | CONFIG, TO_KEY, 0, "train.epochs", "short for --set train.epochs=N"},
    {"batch-size", 0, "N", TRAIN | SWEEP | CHECK | CONFIG | TUNE, TO_KEY, 0, "train.batch_size", "short for --set train.batch_size=N"},
    {"learning-rate", 0, "X", TRAIN | SWEEP | CHECK | CONFIG, TO_KEY, 0, "optimizer.learning_rate",
     "short for --set optimizer.learning_rate=X; also --lr"},
    {"lr", 0, "X", TRAIN | SWEEP | CHECK | CONFIG, TO_KEY, 0, "optimizer.learning_rate", NULL},
    {"out", 'o', "DIR", TRAIN | SWEEP | CHECK | CONFIG, TO_KEY, 0, "output.dir", "directory for what the run writes"},
    {"out", 'o', "FILE", EXPORT, TO_TEXT, PLACE(out), NULL, "file to write; - for standard output"},
    {"to", 0, "TARGET", EXPORT, TO_TEXT, PLACE(to), NULL, "onnx, c or csv"},
    {"max-time", 0, "DURATION", TRAIN, TO_TIME, PLACE(max_time), NULL,
     "end after this time of the process, model and checkpoint saved: 90, 30s, 10m or 1.5h"},
    {"max-time", 0, "DURATION", TUNE, TO_TIME, PLACE(max_time), NULL,
     "begin with no other form after this time of the process: 90, 30s, 10m or 1.5h; else 60s"},
    {"resume", 0, "[FILE]", TRAIN, TO_RESUME, 0, NULL,
     "go on from the last checkpoint in the output directory, or from FILE; without one start from the beginning"},
    {"resume", 0, "[FILE]", SWEEP, TO_RESUME, 0, NULL,
     "skip the trials that have a row in trials.csv; of a single one, go on from its last checkpoint"},
    {"sweep", 0, "KEY=VALUES", SWEEP, TO_SWEEP, 0, NULL,
     "what a key takes: V1,V2,... or A..B or log(LOW,HIGH,N), or for random search uniform(LOW,HIGH) and others; may repeat"},
    {"repeat", 0, "N", SWEEP, TO_KEY, 0, "sweep.repeat", "every combination with N seeds"},
    {"count", 0, NULL, SWEEP, TO_BOOL, PLACE(count), NULL, "print how many trials there are"},
    {"list", 0, NULL, SWEEP, TO_BOOL, PLACE(list), NULL, "print the trials as CSV"},
    {"emit", 0, NULL, SWEEP, TO_BOOL, PLACE(emit), NULL, "print a command a trial, a line each, for xargs or GNU parallel"},
    {"index", 0, "[N]", SWEEP, TO_INDEX, 0, NULL,
     "train trial N alone, from 0; without N the one that Slurm, PBS or SGE names in the environment"},
    {"jobs", 0, "N", SWEEP, TO_TEXT, PLACE(jobs), NULL, "hand the trials to N processes at a time"},
    {"fail-fast", 0, NULL, SWEEP, TO_BOOL, PLACE(fail_fast), NULL, "begin no other trial after one that failed or diverged"},
    {"curves", 0, "WHICH", SWEEP, TO_TEXT, PLACE(curves), NULL,
     "write the loss of every epoch to curves.csv: of all trials, of the best (best:K), or of some (3,17)"},
    {"require", 0, "CONDITION", TRAIN | EVALUATE, TO_REQUIREMENTS, 0, NULL,
     "exit with 7 unless the model has it, as 'val_accuracy>0.88'; may repeat"},
    {"csv", 0, "FILE", TRAIN, TO_TEXT, PLACE(csv), NULL,
     "write the loss CSV to FILE too; - puts it on standard output in place of the lines"},
    {"jsonl", 0, "FILE", TRAIN, TO_TEXT, PLACE(jsonl), NULL,
     "write a JSON object an epoch to FILE, one a line; - puts them on standard output in place of the lines"},
    {"summary", 0, "FILE", TRAIN, TO_TEXT, PLACE(summary), NULL,
     "append a row on this run to FILE, a CSV that many runs may share, at once too"},
    {"profile", 0, NULL, TRAIN | PREDICT | EVALUATE, TO_BOOL, PLACE(profile), NULL,
     "print where the device's time went, a row a kernel, to standard error at the end"},
    {"trace", 0, "FILE", TRAIN | PREDICT | EVALUATE, TO_TEXT, PLACE(trace), NULL,
     "write all that the device and the host did to FILE, for chrome://tracing or Perfetto"},
    {"device", 'd', "DEVICE", TRAIN | SWEEP | CHECK | CONFIG | PREDICT | EVALUATE | REPRODUCE | TUNE, TO_KEY, 0, "device",
     "auto, cpu, gpu, PLATFORM:DEVICE such as 0:1, name:TEXT or platform:TEXT"},
    {"engine", 0, "ENGINE", TRAIN | SWEEP | CHECK | CONFIG | PREDICT | EVALUATE | REPRODUCE, TO_KEY, 0, "engine", "auto, fused, gemm or reference"},
    {"no-cache", 0, NULL, TRAIN | SWEEP | CHECK | PREDICT | EVALUATE | REPRODUCE, TO_BOOL, PLACE(no_cache), NULL,
     "compile the kernels anew and do not keep them"},
    {"no-cache", 0, NULL, TUNE, TO_BOOL, PLACE(no_cache), NULL, "refused: what is found is kept in the cache"},
    {"gradients", 0, NULL, CHECK, TO_BOOL, PLACE(gradients), NULL,
     "compare the device's gradients with finite differences and with the host's"},
    {"values", 0, NULL, CHECK | INSPECT, TO_BOOL, PLACE(values), NULL,
     "print every parameter; with check --gradients, every gradient"},
    {"origins", 0, NULL, CONFIG, TO_BOOL, PLACE(origins), NULL, "say where each value came from"},
    {"document", 0, NULL, CONFIG, TO_BOOL, PLACE(document), NULL, "print the reference of all keys as Markdown"},
    {"json", 0, NULL, CONFIG | DEVICES | INSPECT, TO_BOOL, PLACE(json), NULL, "print JSON"},
    {"yaml", 0, NULL, INSPECT, TO_BOOL, PLACE(yaml), NULL, "print the configuration that the model was trained with"},
    {"format", 0, "FORMAT", EVALUATE, TO_TEXT, PLACE(format), NULL, "text, csv or json"},
    {"keep", 0, NULL, PREDICT, TO_BOOL, PLACE(keep), NULL, "pass the input's columns through"},
    {"quiet", 'q', NULL, ALL, TO_BOOL, PLACE(quiet), NULL, "no lines, notes or warnings; errors only"},
    {"verbose", 'v', NULL, ALL, TO_BOOL, PLACE(verbose), NULL, "say what was chosen, why, and how long it took"},
    {"no-progress", 0, NULL, TRAIN | SWEEP | REPRODUCE | TUNE, TO_BOOL, PLACE(no_progress), NULL, "no progress bar on a terminal"},
    {"help", 'h', NULL, ALL, TO_BOOL, PLACE(help), NULL, "print this help"},
    {"version", 0, NULL, ALL, TO_BOOL, PLACE(version), NULL, "print the version"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* ---- parsing ---- */

/* What getopt gives back: the same for all rows of a name, which is a number where there is no letter. */
static int code_of(size_t row)
{
    size_t first = 0;
    while (strcmp(rows[first].name, rows[row].name) != 0)
        first++;
    return rows[row].letter ? rows[row].letter : 256 + (int)first;
}

static bool is_optional(const option_row *row)
{
    return row->arg && row->arg[0] == '[';
}

/* The row of a code that is for the command; where there is none, another of that code: it is refused later. */
static size_t row_of(int code, int command)
{
    size_t found = N_ROWS;
    for (size_t i = N_ROWS; i-- > 0;)
        if (code_of(i) == code && (found == N_ROWS || (rows[i].commands & commands[command].bit)))
            found = i;
    return found;
}

/* "-" has getopt give every argument in its place, as code ARGUMENT: the last
 * override wins, whichever form it has, and POSIXLY_CORRECT changes nothing. */
enum { ARGUMENT = 1 };

static void make_tables(char *letters, struct option *names)
{
    *letters++ = '-';
    *letters++ = ':';
    for (size_t i = 0; i < N_ROWS; i++) {
        int argument = !rows[i].arg ? no_argument : is_optional(&rows[i]) ? optional_argument : required_argument;
        names[i] = (struct option){rows[i].name, argument, NULL, code_of(i)};
        if (rows[i].letter)
            *letters++ = rows[i].letter;
        if (rows[i].letter && rows[i].arg)
            *letters++ = ':';
    }
    *letters = '\0';
    names[N_ROWS] = (struct option){0};
}

/* The name of --name or --name=value as typed; NULL where arg is no long option. */
static const char *long_name(const char *arg, size_t *n)
{
    if (strncmp(arg, "--", 2) != 0)
        return NULL;
    *n = strcspn(arg + 2, "=");
    return arg + 2;
}

static xt_status fail_name(const char *name, size_t n, xt_err *err)
{
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)n, name);
    xt_nearest nearest = {.typed = typed};
    for (size_t i = 0; i < N_ROWS; i++)
        xt_nearest_offer(&nearest, rows[i].name);
    if (nearest.name)
        return xt_fail(err, XT_BAD_USAGE, "unknown option --%s; did you mean --%s?", typed, nearest.name);
    return xt_fail(err, XT_BAD_USAGE, "unknown option --%s; see xortrain --help", typed);
}

/* Adds a source; label is copied. text NULL: it is "key=value". */
static xt_status add_source(xt_options *options, xt_config_kind kind, const char *text, const char *key,
                            const char *value, const char *option, xt_err *err)
{
    xt_arena *arena = options->owned;
    xt_buf label = {0}, joined = {0};
    if (key)
        xt_buf_printf(&joined, "%s=%s", key, value);
    xt_buf_printf(&label, "%s%s%s", option, *option ? " " : "", key ? value : text);
    xt_config_source *source = &options->sources[options->n_sources++];
    source->kind = kind;
    source->text = key ? xt_arena_strdup(arena, xt_buf_text(&joined)) : text;
    source->label = xt_arena_strdup(arena, xt_buf_text(&label));
    bool fine = source->text && source->label && !label.failed && !joined.failed;
    xt_buf_clear(&label);
    xt_buf_clear(&joined);
    return fine ? XT_OK : xt_fail_memory(err, "the command line", 0);
}

/* "1.5h" in seconds; false for what is none, or not more than 0. */
static bool read_duration(const char *text, double *seconds)
{
    static const struct { const char *unit; double seconds; } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char number[64];
    int n = snprintf(number, sizeof number, "%.*s", (int)strcspn(text, "smh"), text);
    if (n >= (int)sizeof number || xt_number_double(number, (size_t)n, seconds) != XT_NUMBER_OK)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(text + n, units[i].unit) == 0) {
            *seconds *= units[i].seconds;
            return *seconds > 0;
        }
    return false;
}

/* `taken` is the option as it was typed, for messages. */
static xt_status apply(const option_row *row, const char *taken, const char *value, xt_options *options, xt_err *err)
{
    switch (row->effect) {
    case TO_BOOL:
        memcpy((char *)options + row->offset, &(bool){true}, sizeof(bool));
        return XT_OK;
    case TO_TEXT:
        memcpy((char *)options + row->offset, &value, sizeof value);
        return XT_OK;
    case TO_TIME:
        if (!read_duration(value, &options->max_time))
            return xt_fail(err, XT_BAD_USAGE, "%s '%.100s': expected a duration, as 90, 30s, 10m or 1.5h", taken, value);
        return XT_OK;
    case TO_RESUME:
        options->resume = true;
        options->resume_file = value;
        return XT_OK;
    case TO_INDEX:
        options->index = value ? value : "";
        return XT_OK;
    case TO_SWEEP:
        return add_source(options, XT_CONFIG_SWEEP, value, NULL, NULL, taken, err);
    case TO_REQUIREMENTS:
        options->requirements[options->n_requirements++] = value;
        return XT_OK;
    case TO_FILES:
        /* Files come before all overrides: what is in the way moves up. */
        memmove(options->sources + options->n_files + 1, options->sources + options->n_files,
                (options->n_sources - options->n_files) * sizeof *options->sources);
        options->sources[options->n_files++] = (xt_config_source){XT_CONFIG_FILE, value, NULL};
        options->n_sources++;
        return XT_OK;
    case TO_SET:
        return add_source(options, XT_CONFIG_SET, value, NULL, NULL, taken, err);
    case TO_KEY:
        return add_source(options, XT_CONFIG_VALUE, NULL, row->key, value, taken, err);
    }
    return XT_OK;
}

/* Options that were given, to be held against the command once it is known. */
typedef struct given {
    bool rows[N_ROWS];
} given;

/* Unknown letters, and arguments that nobody takes: names were looked at before. */
static xt_status fail_option(int code, xt_err *err)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (code_of(i) == code)
            return xt_fail(err, XT_BAD_USAGE, "option --%s takes no argument", rows[i].name);
    return xt_fail(err, XT_BAD_USAGE, "unknown option -%c; see xortrain --help", code);
}

/* Whether --index is followed by its number as an argument of its own. */
static bool has_index(const option_row *row, const char *next)
{
    return row->effect == TO_INDEX && next && *next && strspn(next, "0123456789") == strlen(next);
}

static xt_status parse_option(int code, char **argv, xt_options *options, given *given_options, xt_err *err)
{
    size_t n = 0;
    const char *arg = argv[optind - 1];
    if (code == '?')
        return fail_option(optopt, err);
    if (code == ':') {
        const char *what = long_name(arg, &n);
        return xt_fail(err, XT_BAD_USAGE, "option %s%.*s needs an argument", what ? "" : "-", what ? (int)n + 2 : 1,
                       what ? arg : (const char[]){(char)optopt, '\0'});
    }
    size_t row = row_of(code, options->command);
    char taken[40];
    snprintf(taken, sizeof taken, "--%s", rows[row].name);
    bool is_text = rows[row].effect == TO_TEXT || rows[row].effect == TO_RESUME || rows[row].effect == TO_INDEX;
    bool once = is_text || rows[row].effect == TO_TIME;
    if (is_text && optarg && !*optarg)
        return xt_fail(err, XT_BAD_USAGE, "option %s needs an argument", taken);
    if (once && given_options->rows[row])
        return xt_fail(err, XT_BAD_USAGE, "option %s is given twice", taken);
    given_options->rows[row] = true;
    const char *value = optarg;
    if (!value && has_index(&rows[row], argv[optind]))
        value = argv[optind++];
    return apply(&rows[row], taken, value, options, err);
}

/* Whether the next argument is that of the last letter of -qc. */
static bool wants_next(const char *arg)
{
    for (const char *at = arg + 1; arg[0] == '-' && *at; at++)
        for (size_t i = 0; i < N_ROWS; i++)
            if (rows[i].letter == *at && rows[i].arg)
                return !at[1];
    return false;
}

/* Goes over the line before anything is done. Whole names are known options:
 * getopt_long takes --ep for --epochs, and a script written so would break with
 * the next option. *command is the one that the first argument names, else train:
 * it says what options mean, those before it too. */
static xt_status survey(int argc, char **argv, int *command, xt_err *err)
{
    const char *first = NULL;
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        size_t n, row = 0;
        const char *name = long_name(argv[i], &n);
        if (!name) {
            first = first || (argv[i][0] == '-' && argv[i][1]) ? first : argv[i];
            i += wants_next(argv[i]);
            continue;
        }
        while (row < N_ROWS && !(strlen(rows[row].name) == n && strncmp(rows[row].name, name, n) == 0))
            row++;
        if (row == N_ROWS)
            return fail_name(name, n, err);
        if (rows[row].arg && !name[n] && (!is_optional(&rows[row]) || has_index(&rows[row], argv[i + 1])))
            i++;
    }
    if (!first && i + 1 < argc)
        first = argv[i + 1];
    int found = first ? xt_table_find(&xt_commands, first) : -1;
    *command = found >= 0 ? found : 0;
    return XT_OK;
}

static bool takes_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

static xt_status check_command(const xt_options *options, const given *given_options, xt_err *err)
{
    const xt_command *command = &commands[options->command];
    for (size_t i = 0; i < N_ROWS; i++)
        if (given_options->rows[i] && !(rows[i].commands & command->bit))
            return xt_fail(err, XT_BAD_USAGE, "%s takes no option --%s; see xortrain %s --help", command->row.name,
                           rows[i].name, command->row.name);
    if (options->help || options->version)
        return XT_OK;
    if (options->json + options->yaml + options->values > 1)
        return xt_fail(err, XT_BAD_USAGE, "%s prints one of --json, --yaml and --values", command->row.name);
    if (options->json && options->origins)
        return xt_fail(err, XT_BAD_USAGE, "--origins are comments, which JSON does not have");
    if (takes_stdout(options->csv) && takes_stdout(options->jsonl))
        return xt_fail(err, XT_BAD_USAGE, "--csv - and --jsonl -: standard output takes one of them");
    if (options->count + options->list + options->emit + (options->index != NULL) + (options->jobs != NULL) > 1)
        return xt_fail(err, XT_BAD_USAGE, "%s takes one of --count, --list, --emit, --index and --jobs", command->row.name);
    if (takes_stdout(options->trace))
        return xt_fail(err, XT_BAD_USAGE, "--trace -: a file is expected: standard output has the results");
    if (command->config == XT_NEEDS_CONFIG && options->n_files == 0 && !options->document)
        return xt_fail(err, XT_BAD_USAGE, "%s needs --config FILE; see xortrain --help", command->row.name);
    if (options->n_args < command->min_args)
        return xt_fail(err, XT_BAD_USAGE, "usage: xortrain %s %s", command->row.name, command->usage);
    return XT_OK;
}

/* The command, overrides, and the rest. */
static xt_status parse_argument(const char *arg, bool first, xt_options *options, xt_err *err)
{
    const xt_command *command = &commands[options->command];
    if (first && xt_table_find(&xt_commands, arg) >= 0) {
        options->named = true; /* survey saw which */
        return XT_OK;
    }
    if (command->config && strchr(arg, '='))
        return add_source(options, XT_CONFIG_SET, arg, NULL, NULL, "", err);
    if (!command->config && options->n_args < command->max_args) {
        options->args[options->n_args++] = arg;
        return XT_OK;
    }
    if (!first)
        return xt_fail(err, XT_BAD_USAGE, "unexpected argument '%.100s'; usage: xortrain %s %s", arg, command->row.name,
                       command->usage);
    const char *near = xt_table_nearest(&xt_commands, arg);
    if (near)
        return xt_fail(err, XT_BAD_USAGE, "unknown command '%.100s'; did you mean %s?", arg, near);
    return xt_fail(err, XT_BAD_USAGE, "unknown command '%.100s'; see xortrain --help (a config is given with --config)",
                   arg);
}

xt_status xt_options_parse(int argc, char **argv, xt_options *out, xt_err *err)
{
    char letters[2 * N_ROWS + 3];
    size_t n_arguments = 0;
    struct option names[N_ROWS + 1];
    given given_options = {{false}};
    xt_options options = {.argc = argc, .argv = argv};
    xt_status status = survey(argc, argv, &options.command, err);
    if (status)
        return status;
    options.sources = calloc((size_t)argc + 1, sizeof *options.sources);
    options.owned = calloc(1, sizeof(xt_arena));
    options.requirements = calloc((size_t)argc, sizeof *options.requirements);
    if (!options.sources || !options.owned || !options.requirements)
        status = xt_fail_memory(err, "the command line", 0);
    make_tables(letters, names);
    opterr = 0;
    optind = 0; /* from the start, even where an earlier call ended within -abc */
    for (int code; !status && (code = getopt_long(argc, argv, letters, names, NULL)) != -1;)
        status = code == ARGUMENT ? parse_argument(optarg, n_arguments++ == 0, &options, err)
                                  : parse_option(code, argv, &options, &given_options, err);
    for (int i = optind; !status && i < argc; i++)
        status = parse_argument(argv[i], n_arguments++ == 0, &options, err);
    if (!status)
        status = check_command(&options, &given_options, err);
    if (status)
        xt_options_clear(&options);
    else
        *out = options;
    return status;
}

void xt_options_clear(xt_options *options)
{
    if (options->owned)
        xt_arena_clear(options->owned);
    free(options->owned);
    free(options->sources);
    free(options->requirements);
    *options = (xt_options){0};
}

/* ---- help ---- */

static void help_option(const option_row *row, xt_buf *out)
{
    xt_buf left = {0};
    if (row->letter)
        xt_buf_printf(&left, "-%c, --%s", row->letter, row->name);
    else
        xt_buf_printf(&left, "    --%s", row->name);
    if (is_optional(row))
        xt_buf_printf(&left, "[=%.*s", (int)strlen(row->arg) - 1, row->arg + 1);
    else if (row->arg)
        xt_buf_printf(&left, " %s", row->arg);
    xt_buf_printf(out, "  %-28s %s\n", xt_buf_text(&left), row->help);
    xt_buf_clear(&left);
}

static const char exit_codes[] =
    "Exit codes: 0 finished, 1 run-time failure, 2 bad command line, 3 bad config, 4 bad data or model, 5 no usable\n"
    "device, 6 diverged (loss not finite), 7 --require not met, 8 trials of a sweep failed, 9 check, tune or reproduce found a difference, 75 --max-time reached, a\n"
    "checkpoint saved. SIGINT, SIGTERM and SIGHUP end the run after the epochs in hand, or give a long one up, model and checkpoint saved, and\n"
    "then the process by that signal (130, 143, 129 in a shell); SIGUSR1 writes a checkpoint, and the run goes on.\n";

void xt_options_help(int command, xt_buf *out)
{
    const xt_command *one = command >= 0 ? &commands[command] : NULL;
    if (one) {
        xt_buf_printf(out, "xortrain %s: %s\n\nusage: xortrain %s %s\n", one->row.name, one->row.help, one->row.name,
                      one->usage);
    } else {
        xt_buf_puts(out, "xortrain trains multi-layer perceptrons on any OpenCL device from a YAML file.\n\n"
                         "usage: xortrain [COMMAND] [OPTION...]\n\ncommands:\n");
        for (size_t i = 0; i < xt_commands.n_rows; i++)
            xt_buf_printf(out, "  %-9s %-29s %s\n", commands[i].row.name, commands[i].usage, commands[i].row.help);
    }
    xt_buf_puts(out, "\noptions:\n");
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].help && (!one || (rows[i].commands & one->bit)))
            help_option(&rows[i], out);
    if (!one)
        xt_buf_printf(out, "\nxortrain COMMAND --help lists the options of one command.\n%s", exit_codes);
}
