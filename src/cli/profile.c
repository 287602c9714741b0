#include "cli/profile.h"

#include "app/outdir.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "ocl/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not of the profiling's own memory: a compiler that is left running at the end of the process may still end a phase. */
static xt_profile the_profile;

/* ---- the tables ---- */

static const char command_head[] = "command", phase_head[] = "host";
enum { NAME_WIDTH = 24 };

static int by_seconds(const void *a, const void *b)
{
    const xt_profile_row *const *first = a, *const *second = b;
    double x = (*first)->seconds, y = (*second)->seconds;
    return (x < y) - (x > y);
}

/* The rows in the order of print. */
static size_t sort_rows(const xt_profile_table *table, const xt_profile_row *rows[XT_PROFILE_NAMES])
{
    size_t n = 0;
    for (size_t i = 0; i < table->n_rows; i++)
        if (table->rows[i].calls)
            rows[n++] = &table->rows[i];
    qsort(rows, n, sizeof rows[0], by_seconds);
    return n;
}

/* Empty where no command said what it does. */
static void add_rate(double amount, double seconds, xt_buf *out)
{
    if (amount > 0 && seconds > 0)
        xt_buf_printf(out, " %9.4g", amount / seconds * 1e-9);
    else
        xt_buf_printf(out, " %9s", "");
}

static void print_commands(const xt_profile *profile, xt_buf *out)
{
    const xt_profile_row *rows[XT_PROFILE_NAMES];
    size_t n = sort_rows(&profile->commands, rows);
    double all = 0;
    for (size_t i = 0; i < n; i++)
        all += rows[i]->seconds;
    xt_buf_printf(out, "%-*s %10s %12s %9s %9s %7s\n", NAME_WIDTH, command_head, "calls", "seconds", "GFLOP/s", "GB/s",
                  "share");
    for (size_t i = 0; i < n; i++) {
        const xt_profile_row *row = rows[i];
        xt_buf_printf(out, "%-*s %10llu %12.6f", NAME_WIDTH, row->name, (unsigned long long)row->calls, row->seconds);
        add_rate(row->flop, row->flop_seconds, out);
        add_rate(row->bytes, row->bytes_seconds, out);
        xt_buf_printf(out, " %5.1f %%\n", all > 0 ? 100 * row->seconds / all : 0);
    }
    if (profile->n_lost)
        xt_buf_printf(out, "of %llu more commands the driver has no times: %s (%d)\n",
                      (unsigned long long)profile->n_lost, xt_cl_name(profile->lost_code), profile->lost_code);
}

static void print_phases(const xt_profile *profile, xt_buf *out)
{
    const xt_profile_row *rows[XT_PROFILE_NAMES];
    size_t n = sort_rows(&profile->phases, rows);
    xt_buf_printf(out, "%-*s %10s %12s  %s\n", NAME_WIDTH, phase_head, "calls", "seconds", "device busy");
    for (size_t i = 0; i < n; i++)
        xt_buf_printf(out, "%-*s %10llu %12.6f %12.6f %5.1f %%\n", NAME_WIDTH, rows[i]->name,
                      (unsigned long long)rows[i]->calls, rows[i]->seconds, rows[i]->busy,
                      rows[i]->seconds > 0 ? 100 * rows[i]->busy / rows[i]->seconds : 0);
}

void xt_profile_print(const xt_profile *profile, xt_buf *out)
{
    print_commands(profile, out);
    print_phases(profile, out);
}

/* ---- open and close ---- */

enum { MAX_COPIES = 3, MAX_ARGS = 2 };

/* What the command reads and writes, as far as its path is known: n paths of inputs, and what options and dir name. */
static xt_status open_trace(const xt_options *options, const char *const *inputs, size_t n, const char *dir,
                            xt_trace *out, xt_err *err)
{
    const char *const copies[MAX_COPIES] = {options->csv, options->jsonl, options->summary};
    xt_buf own[XT_N_RUN_FILES] = {{0}};
    xt_status status = XT_OK;
    const char **others = calloc(n + MAX_ARGS + MAX_COPIES + XT_N_RUN_FILES, sizeof *others);
    if (!others)
        return xt_fail_memory(err, "the paths of a run", 0);
    for (size_t i = 0; i < n; i++)
        others[i] = inputs[i];
    for (size_t i = 0; i < options->n_args; i++)
        others[n++] = options->args[i];
    if (options->n_args == 1)
        others[n++] = "-"; /* predict's rows, where no file is given */
    for (size_t i = 0; i < MAX_COPIES; i++)
        if (copies[i] && strcmp(copies[i], "-") != 0)
            others[n++] = copies[i];
    for (size_t i = 0; dir && i < XT_N_RUN_FILES; i++) {
        xt_buf_printf(&own[i], "%s/%s", dir, xt_run_files[i]);
        if (own[i].failed)
            status = xt_fail_memory(err, "the paths of a run", 0);
        others[n++] = xt_buf_text(&own[i]);
    }
    if (!status)
        status = xt_trace_open(options->trace, others, n, &xt_stop, out, err);
    for (size_t i = 0; i < XT_N_RUN_FILES; i++)
        xt_buf_clear(&own[i]);
    free(others);
    return status;
}

xt_status xt_profiling_open(const xt_options *options, const xt_spec *spec, const char *dir, xt_profiling *out,
                            xt_err *err)
{
    const char **inputs = NULL;
    size_t n = 0;
    xt_status status = XT_OK;
    if (!options->profile && !options->trace)
        return XT_OK;
    if (spec->engine == XT_ENGINE_reference)
        return xt_fail(err, XT_BAD_USAGE, "--%s: the reference engine runs on the host: there is no device to profile",
                       options->profile ? "profile" : "trace");
    if (options->trace) {
        status = xt_session_inputs(options, spec, &inputs, &n, err);
        if (!status)
            status = open_trace(options, inputs, n, dir, &out->trace, err);
        free(inputs);
    }
    if (status)
        return status;
    xt_profile_init(&the_profile);
    out->profile = &the_profile;
    out->table = options->profile;
    if (options->trace)
        xt_profile_watch(&the_profile, xt_trace_add, &out->trace);
    xt_contexts_profile(&the_profile);
    return XT_OK;
}

xt_status xt_profiling_start(xt_profiling *profiling, xt_err *err)
{
    return profiling->trace.path ? xt_trace_start(&profiling->trace, err) : XT_OK;
}

xt_status xt_profiling_close(xt_profiling *profiling, xt_status status, xt_err *err)
{
    xt_err later;
    if (!profiling->profile)
        return status;
    xt_contexts_profile(NULL);
    xt_profile_watch(profiling->profile, NULL, NULL);
    if (profiling->table && profiling->profile->commands.n_rows) {
        xt_buf text = {0};
        pthread_mutex_lock(&profiling->profile->lock);
        xt_profile_print(profiling->profile, &text);
        pthread_mutex_unlock(&profiling->profile->lock);
        fputs(xt_buf_text(&text), stderr);
        xt_buf_clear(&text);
    }
    xt_status failed = xt_trace_close(&profiling->trace, &later);
    *profiling = (xt_profiling){0};
    if (failed && status)
        xt_fail_also(err, &later);
    else if (failed)
        status = xt_fail(err, failed, "%s", later.text);
    return status;
}
