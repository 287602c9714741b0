/* The sweep command: opens the space and picks what is done with it; one trial of it. */
#include "cli/sweep.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/train.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- open and close ---- */

static bool reads_stdin(const xt_source *source)
{
    return (source->file && strcmp(source->file, "-") == 0) || (source->targets_file && strcmp(source->targets_file, "-") == 0);
}

/* Trials that differ in what they take of the data read it again, and so does the best one. */
static xt_status check_inputs(const xt_spec *spec, xt_err *err)
{
    const xt_source *sources[] = {&spec->train, &spec->validation.source, &spec->test.source};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (reads_stdin(sources[i]))
            return xt_fail(err, XT_BAD_USAGE, "a sweep cannot take its data from standard input: it reads them more than once");
    return XT_OK;
}

/* It is read again for the best trial, and by each process. */
static xt_status check_files(const xt_options *options, xt_err *err)
{
    struct stat info;
    for (size_t i = 0; !options->count && !options->list && i < options->n_files; i++) {
        const char *path = options->sources[i].text;
        if (strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
            return xt_fail(err, XT_BAD_USAGE, "--config %s: a sweep needs a file: it reads its configuration more than once", path);
    }
    if (options->curves && (options->jobs || options->index || options->emit))
        return xt_fail(err, XT_BAD_USAGE, "--curves: only a sweep in one process writes them; each trial that is handed out has its "
                                          "loss.csv");
    return XT_OK;
}

/* The configuration and its space; dir: in place of its output directory, NULL: that. */
static xt_status open_space(const xt_options *options, const char *dir, xt_config **config, xt_space **space, xt_err *err)
{
    xt_config_source *sources = calloc(options->n_sources + 1, sizeof *sources);
    xt_buf out = {0};
    if (!sources)
        return xt_fail_memory(err, "the command line", 0);
    memcpy(sources, options->sources, options->n_sources * sizeof *sources);
    size_t n = options->n_sources;
    if (dir) {
        xt_buf_printf(&out, "output.dir=%s", dir);
        sources[n++] = (xt_config_source){XT_CONFIG_VALUE, xt_buf_text(&out), "the directory of a trial"};
    }
    xt_status status = out.failed ? xt_fail_memory(err, "the directory of a trial", out.len)
                                  : xt_config_open(sources, n, config, err);
    if (!status)
        status = xt_space_open(*config, space, err);
    xt_buf_clear(&out);
    free(sources);
    return status;
}

static xt_status open_search(const xt_options *options, xt_search *search, xt_err *err)
{
    search->options = options;
    if (options->resume_file)
        return xt_fail(err, XT_BAD_USAGE, "--resume takes no file in a sweep");
    xt_status status = check_files(options, err);
    if (!status)
        status = xt_search_jobs(search, err);
    if (!status)
        status = open_space(options, NULL, &search->config, &search->space, err);
    if (status)
        return status;
    search->spec = xt_config_spec(search->config);
    xt_buf_printf(&search->path, "%s/trials.csv", search->spec->output_dir);
    status = search->path.failed ? xt_fail_memory(err, "the path of trials.csv", search->path.len)
                                 : check_inputs(search->spec, err);
    return status ? status : xt_search_columns(search, err);
}

static void close_search(xt_search *search)
{
    xt_space_close(&search->space);
    xt_config_close(&search->config);
    xt_trials_done_clear(&search->done);
    xt_buf_clear(&search->path);
    xt_arena_clear(&search->arena);
}

bool xt_search_wants(const xt_search *search, uint64_t number)
{
    return !xt_trials_has(&search->done, number);
}

/* What looks at the rows that are there. */
typedef struct visiting {
    const xt_search *search;
    xt_trials_visit *visit; /* NULL: nobody else */
    void *visitor;
    xt_strings wanted;
} visiting;

/* Rows of another sweep with the same columns would be taken for this one's. */
static xt_status visit_row(void *context, uint64_t trial, const char *cells, xt_err *err)
{
    visiting *v = context;
    const xt_search *search = v->search;
    const char *cell = cells, *wanted;
    if (trial < xt_space_count(search->space)) {
        xt_strings_reset(&v->wanted);
        xt_search_key_cells(search, trial, NULL, &v->wanted);
        if (v->wanted.text.failed)
            return xt_fail_memory(err, "a row of trials.csv", v->wanted.text.len);
        wanted = xt_strings_first(&v->wanted);
        for (size_t i = 0; i < v->wanted.n; i++, cell = xt_strings_skip(cell, 1), wanted = xt_strings_skip(wanted, 1))
            if (*wanted && strcmp(cell, wanted) != 0)
                return xt_fail(err, XT_BAD_USAGE, "%s is of another sweep: trial %" PRIu64 " has %s %s there, and %s here",
                               xt_buf_text(&search->path), trial, search->columns[i], cell, wanted);
    }
    return v->visit ? v->visit(v->visitor, trial, cells, err) : XT_OK;
}

xt_status xt_search_open_trials(xt_search *search, xt_trials_visit *visit, void *visitor, xt_trials *out, xt_err *err)
{
    const char *path = xt_buf_text(&search->path);
    bool begins = !search->options->resume && !search->options->index;
    visiting v = {.search = search, .visit = visit, .visitor = visitor};
    xt_status status = xt_make_dirs(search->spec->output_dir, err);
    if (!status && begins)
        status = xt_trials_begin(path, search->columns, search->n_columns, out, err);
    else if (!status)
        status = xt_trials_open(path, search->columns, search->n_columns, &search->done, visit_row, &v, out, err);
    xt_strings_clear(&v.wanted);
    return status;
}

/* ---- a run of a trial ---- */

static xt_status train(const xt_options *options, const xt_space *space, uint64_t number, xt_session *session,
                       xt_run_result *result, xt_err *err)
{
    xt_status status = xt_space_config(space, number, &session->config, err);
    if (!status)
        status = xt_session_load(session, err);
    if (!status)
        status = xt_session_open_engine(session, err);
    return status ? status : xt_train_session(options, session, NULL, result, err);
}

/* The row of a run, where it came to its end, whichever that was: not where a file or the device failed it, since that
 * may be another time. */
static void put_row(const xt_search *search, uint64_t number, const xt_session *session, const xt_run_result *run,
                    xt_status status, xt_strings *row)
{
    const xt_trial trial = {.number = number, .plan = session->plan};
    const xt_trial_result result = {.end = xt_outcome_of(status, run->stopped), .epochs = run->epochs, .last = run->last,
                                    .best = run->best, .seconds = run->seconds.training};
    if (!run->signal && status != XT_TIME_UP && !(status == XT_FAILED && session->engine))
        xt_search_cells(search, number, session->plan.spec ? &trial : NULL, &result, row);
}

xt_status xt_search_train(const xt_search *search, const char *name, uint64_t number, xt_strings *row, xt_err *err)
{
    xt_buf dir = {0};
    xt_config *config = NULL;
    xt_space *space = NULL;
    xt_session session = {0};
    xt_run_result result = {0};
    if (name)
        xt_buf_printf(&dir, "%s/%s", search->spec->output_dir, name);
    xt_status status = dir.failed ? xt_fail_memory(err, "the directory of a trial", dir.len)
                                  : open_space(search->options, name ? dir.data : NULL, &config, &space, err);
    if (!status) {
        status = train(search->options, space, number, &session, &result, err);
        if (row)
            put_row(search, number, &session, &result, status, row);
    }
    xt_session_close(&session);
    xt_space_close(&space);
    xt_config_close(&config);
    xt_buf_clear(&dir);
    return status;
}

static xt_status tell_number(uint64_t number, xt_status status, xt_err *err)
{
    xt_buf text = {0};
    xt_buf_printf(&text, "trial %" PRIu64 ": %s", number, err->text);
    xt_fail(err, status, "%s", xt_buf_text(&text));
    xt_buf_clear(&text);
    return status;
}

/* --index */
static xt_status train_one(xt_search *search, xt_err *err)
{
    uint64_t number;
    xt_err later;
    char name[40];
    xt_trials trials = {.file.fd = -1};
    xt_strings row = {0};
    xt_status status = xt_search_number(search, &number, err);
    if (!status)
        status = xt_search_open_trials(search, NULL, NULL, &trials, err);
    if (status)
        return status;
    if (search->options->resume && !xt_search_wants(search, number)) {
        xt_note("trial %" PRIu64 " has a row in %s already", number, xt_buf_text(&search->path));
        xt_trials_close(&trials);
        return XT_OK;
    }
    snprintf(name, sizeof name, "trial-%" PRIu64, number);
    bool has_own = strstr(search->spec->output_template, "{trial}") != NULL;
    status = xt_search_train(search, has_own ? NULL : name, number, &row, err);
    /* One of many processes, maybe. What is wrong with a configuration or data has its place. */
    if (status && status != XT_BAD_CONFIG && status != XT_BAD_DATA)
        status = tell_number(number, status, err);
    xt_status added = row.n ? xt_trials_add(&trials, &row, &later) : XT_OK;
    if (added && status)
        xt_fail_also(err, &later);
    else if (added)
        status = xt_fail(err, added, "%s", later.text);
    xt_trials_close(&trials);
    xt_strings_clear(&row);
    return status;
}

/* ---- the command ---- */

/* Which trials have rows: of those there is nothing to be done. */
static xt_status look_at_trials(xt_search *search, xt_err *err)
{
    xt_trials trials = {.file.fd = -1};
    if (!search->options->resume || access(xt_buf_text(&search->path), F_OK) != 0)
        return XT_OK;
    xt_status status = xt_search_open_trials(search, NULL, NULL, &trials, err);
    if (!status)
        xt_trials_close(&trials);
    return status;
}

static xt_status emit(xt_search *search, xt_err *err)
{
    xt_status status = look_at_trials(search, err);
    return status ? status : xt_search_emit(search, err);
}

xt_status xt_cmd_sweep(const xt_options *options, xt_err *err)
{
    xt_search search = {0};
    xt_status status = open_search(options, &search, err);
    if (!status)
        status = options->count   ? xt_search_count(&search, err)
                 : options->list  ? xt_search_list(&search, err)
                 : options->emit  ? emit(&search, err)
                 : options->index ? train_one(&search, err)
                                  : xt_search_here(&search, err);
    close_search(&search);
    return status;
}
