/* options.h: the command line, from one table.
 *
 * A row of the table says an option's names, argument, help, the commands that
 * take it, and what it does; parsing and --help come from it. */
#ifndef XT_CLI_OPTIONS_H
#define XT_CLI_OPTIONS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/table.h"
#include "config/config.h"

#include <stdbool.h>

typedef struct xt_options {
    int command; /* index into xt_commands */
    bool named;  /* the command was, not taken by default */
    xt_config_source *sources; /* --config files first, then what overrides them, each in its order */
    size_t n_sources;
    size_t n_files; /* of them --config */
    const char *args[4]; /* MODEL, FILE */
    size_t n_args;
    const char *csv, *jsonl, *summary, *trace;
    const char *resume_file;   /* of --resume=FILE */
    const char **requirements; /* --require, in their order */
    size_t n_requirements;
    double max_time;           /* seconds; 0: not given */
    const char *format;        /* of evaluate */
    const char *index;         /* of sweep; "": as the environment says; NULL: not one trial */
    const char *jobs, *curves;
    bool count, list, emit, fail_fast;
    int argc;                  /* the line itself, for the commands that sweep makes of it */
    char **argv;
    const char *to, *out;      /* of export */
    bool resume;
    bool quiet, verbose, no_progress, no_cache, profile, help, version;
    bool origins, document, json, yaml, gradients, values, keep;
    void *owned; /* labels */
} xt_options;

typedef enum xt_command_config { XT_NO_CONFIG, XT_NEEDS_CONFIG, XT_MAY_HAVE_CONFIG } xt_command_config;

typedef struct xt_command {
    xt_row row;
    const char *usage;       /* what follows the name */
    unsigned bit;            /* in the masks of options */
    size_t min_args, max_args;
    xt_command_config config; /* --config; where there may be one KEY=VALUE arguments are overrides */
    xt_status (*run)(const xt_options *options, xt_err *err);
} xt_command;

extern const xt_table xt_commands; /* of xt_command, train first */
const xt_command *xt_command_at(int index);

/* Parses argv. XT_BAD_USAGE says what is wrong. With
 * help or version set nothing else is required. */
xt_status xt_options_parse(int argc, char **argv, xt_options *out, xt_err *err);
void xt_options_clear(xt_options *options);

/* Appends the help of the program (command -1) or of one command. */
void xt_options_help(int command, xt_buf *out);

#endif
