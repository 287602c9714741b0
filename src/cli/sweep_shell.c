/* A sweep that a shell, or a cluster's scheduler, hands out: its trials counted, listed, as commands, one of them, or
 * several processes of such ones. */
#include "cli/sweep.h"

#include "base/log.h"
#include "base/number.h"
#include "cli/signals.h"
#include "data/data.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bytes that are printed at once. */
enum { BLOCK = 1 << 16 };

static xt_status print_block(xt_buf *text, bool all, xt_err *err)
{
    if (!all && text->len < BLOCK)
        return XT_OK;
    xt_status status = xt_print(text, err);
    xt_buf_reset(text);
    return status;
}

xt_status xt_search_count(const xt_search *search, xt_err *err)
{
    xt_buf text = {0};
    xt_buf_printf(&text, "%" PRIu64 "\n", xt_space_count(search->space));
    xt_status status = xt_print(&text, err);
    xt_buf_clear(&text);
    return status;
}

/* ---- the list ---- */

static void print_trial(const xt_space *space, uint64_t trial, xt_buf *value, xt_buf *out)
{
    xt_buf_printf(out, "%" PRIu64, trial);
    for (size_t i = 0; i < xt_space_n_keys(space); i++) {
        xt_buf_reset(value);
        xt_space_value(space, trial, i, value);
        xt_buf_puts(out, ",");
        xt_csv_print_text(xt_buf_text(value), out);
    }
    if (xt_space_seeds(space))
        xt_buf_printf(out, ",%" PRIu64, xt_space_seed(space, trial));
    xt_buf_puts(out, "\n");
}

xt_status xt_search_list(const xt_search *search, xt_err *err)
{
    const xt_space *space = search->space;
    xt_buf text = {0}, value = {0};
    xt_status status = XT_OK;
    xt_buf_puts(&text, "trial");
    for (size_t i = 0; i < xt_space_n_keys(space); i++)
        xt_buf_printf(&text, ",%s", xt_space_key(space, i));
    xt_buf_puts(&text, xt_space_seeds(space) ? ",seed\n" : "\n");
    for (uint64_t i = 0; !status && i < xt_space_count(space); i++) {
        print_trial(space, i, &value, &text);
        status = print_block(&text, false, err);
    }
    if (!status)
        status = print_block(&text, true, err);
    xt_buf_clear(&text);
    xt_buf_clear(&value);
    return status;
}

/* ---- commands ---- */

/* As one word for a POSIX shell. */
static void quote(const char *text, xt_buf *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
    if (*text && strspn(text, plain) == strlen(text)) {
        xt_buf_puts(out, text);
        return;
    }
    xt_buf_puts(out, "'");
    for (const char *at = text; *at; at++)
        xt_buf_add(out, *at == '\'' ? "'\\''" : at, *at == '\'' ? 4 : 1);
    xt_buf_puts(out, "'");
}

/* Where options end on the line: what follows would be taken for a KEY=VALUE. */
static int end_of_options(const xt_options *options)
{
    int i = 1;
    while (i < options->argc && strcmp(options->argv[i], "--") != 0)
        i++;
    return i;
}

/* Options that make many trials one line of its own each, with what may follow them. */
static int n_words_left_out(const xt_options *options, int i)
{
    const char *word = options->argv[i];
    if (strcmp(word, "--jobs") == 0)
        return 2;
    return strcmp(word, "--emit") == 0 || strcmp(word, "--fail-fast") == 0 || strncmp(word, "--jobs=", 7) == 0;
}

/* The line for one trial, as words: (argc + 3) of them and NULL. index: room for its option. */
static void words_of(const xt_options *options, char *index, size_t n_bytes, uint64_t trial, char **words)
{
    int n = 0, end = end_of_options(options);
    snprintf(index, n_bytes, "--index=%" PRIu64, trial);
    for (int i = 0; i < options->argc; i++) {
        int left_out = i && i < end ? n_words_left_out(options, i) : 0;
        if (i == end)
            words[n++] = index;
        if (left_out)
            i += left_out - 1;
        else
            words[n++] = options->argv[i];
    }
    if (end == options->argc)
        words[n++] = index;
    words[n] = NULL;
}

static char **open_words(const xt_options *options, xt_err *err)
{
    char **words = calloc((size_t)options->argc + 4, sizeof *words);
    if (!words)
        xt_fail_memory(err, "the command of a trial", (size_t)options->argc * sizeof *words);
    return words;
}

xt_status xt_search_emit(const xt_search *search, xt_err *err)
{
    char index[40], **words = open_words(search->options, err);
    xt_buf text = {0};
    xt_status status = words ? XT_OK : XT_FAILED;
    for (int i = 0; !status && i < search->options->argc; i++)
        if (strchr(search->options->argv[i], '\n'))
            status = xt_fail(err, XT_BAD_USAGE, "--emit: an argument holds a line end, and a command has one line");
    for (uint64_t i = 0; !status && i < xt_space_count(search->space); i++) {
        if (!xt_search_wants(search, i))
            continue;
        words_of(search->options, index, sizeof index, i, words);
        for (size_t k = 0; words[k]; k++) {
            xt_buf_puts(&text, k ? " " : "");
            quote(words[k], &text);
        }
        xt_buf_puts(&text, "\n");
        status = print_block(&text, false, err);
    }
    if (!status)
        status = print_block(&text, true, err);
    xt_buf_clear(&text);
    free(words);
    return status;
}

/* ---- which one ---- */

/* Schedulers that number the tasks of an array, in the environment of each. SGE's begin with 1. */
static const struct {
    const char *name;
    uint64_t first;
} schedulers[] = {{"SLURM_ARRAY_TASK_ID", 0}, {"PBS_ARRAY_INDEX", 0}, {"SGE_TASK_ID", 1}};
enum { N_SCHEDULERS = sizeof schedulers / sizeof schedulers[0] };

/* Outside of an array SGE says "undefined". */
static bool is_said(size_t i)
{
    const char *text = getenv(schedulers[i].name);
    return text && *text && strcmp(text, "undefined") != 0;
}

xt_status xt_search_number(const xt_search *search, uint64_t *out, xt_err *err)
{
    uint64_t first = 0, n = xt_space_count(search->space);
    const char *text = search->options->index, *name = "--index";
    if (!*text) {
        size_t i = 0;
        while (i < N_SCHEDULERS && !is_said(i))
            i++;
        if (i == N_SCHEDULERS)
            return xt_fail(err, XT_BAD_USAGE, "--index: which trial? Neither a number is given nor one of SLURM_ARRAY_TASK_ID, "
                                              "PBS_ARRAY_INDEX and SGE_TASK_ID set");
        name = schedulers[i].name;
        first = schedulers[i].first;
        text = getenv(name);
    }
    uint64_t number;
    if (xt_number_uint(text, &number) != XT_NUMBER_OK || number < first || number - first >= n)
        return xt_fail(err, XT_BAD_USAGE, "%s %.40s: expected a whole number from %" PRIu64 " to %" PRIu64, name, text, first,
                       n - 1 + first);
    *out = number - first;
    return XT_OK;
}

/* ---- processes ---- */

typedef struct jobs {
    const xt_search *search;
    char **words;
    pid_t *running; /* n of them, at most `most` */
    size_t n, most;
    uint64_t n_failed;
    int signal;     /* that ended one of them, as Ctrl-C does */
} jobs;

/* The child's lines would be those of many at once. */
static _Noreturn void become_trial(const jobs *j)
{
    static char quiet[] = "--quiet";
    size_t n = 0;
    while (j->words[n])
        n++;
    memmove(j->words + 2, j->words + 1, n * sizeof *j->words);
    j->words[1] = quiet;
    execv("/proc/self/exe", j->words);
    execvp(j->words[0], j->words);
    xt_warn("cannot start %s: %s", j->words[0], strerror(errno));
    _exit(XT_FAILED);
}

static xt_status start(jobs *j, uint64_t trial, xt_err *err)
{
    char index[40];
    words_of(j->search->options, index, sizeof index, trial, j->words);
    pid_t child = fork();
    if (child < 0)
        return xt_fail_errno(err, "cannot start a process for trial %" PRIu64, trial);
    if (child == 0)
        become_trial(j);
    j->running[j->n++] = child;
    return XT_OK;
}

/* Until one of them ends. A signal that ends us ends them too. */
static void wait_for_one(jobs *j)
{
    int how;
    pid_t child;
    bool told = false;
    while ((child = waitpid(-1, &how, 0)) < 0 && errno == EINTR)
        for (size_t i = 0; xt_stop && !told && i < j->n; i++, told = i == j->n)
            kill(j->running[i], xt_stop);
    if (child < 0) {
        j->n = 0; /* there is none any more */
        return;
    }
    for (size_t i = 0; i < j->n; i++)
        if (j->running[i] == child)
            j->running[i] = j->running[--j->n];
    if (child > 0 && WIFSIGNALED(how))
        j->signal = WTERMSIG(how);
    j->n_failed += child > 0 && !(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static bool goes_on(const jobs *j)
{
    return !xt_stop && !j->signal && !(j->n_failed && j->search->options->fail_fast);
}

static xt_status run_all(jobs *j, xt_err *err)
{
    xt_status status = XT_OK;
    xt_signals_watch();
    signal(SIGCHLD, SIG_DFL); /* whoever ignored it would have us wait for nothing */
    for (uint64_t i = 0; !status && goes_on(j) && i < xt_space_count(j->search->space); i++) {
        if (!xt_search_wants(j->search, i))
            continue;
        if (j->n == j->most)
            wait_for_one(j);
        if (goes_on(j))
            status = start(j, i, err);
    }
    while (j->n)
        wait_for_one(j);
    return status;
}

xt_status xt_search_jobs(xt_search *search, xt_err *err)
{
    const char *text = search->options->jobs;
    uint64_t n = 0;
    if (text && (xt_number_uint(text, &n) != XT_NUMBER_OK || n < 1 || n > 1024))
        return xt_fail(err, XT_BAD_USAGE, "--jobs %.40s: expected a whole number from 1 to 1024", text);
    search->n_jobs = (size_t)n;
    return XT_OK;
}

xt_status xt_search_hand_out(const xt_search *search, xt_err *err)
{
    jobs j = {.search = search, .most = search->n_jobs};
    j.words = open_words(search->options, err);
    j.running = calloc(j.most, sizeof *j.running);
    xt_status status = j.words ? XT_OK : XT_FAILED;
    if (!status && !j.running)
        status = xt_fail_memory(err, "the processes of a sweep", j.most * sizeof *j.running);
    if (!status)
        status = run_all(&j, err);
    /* A child that a signal ended is one that somebody wanted to end, as where that signal was ours. */
    if (!status && !xt_stop && j.signal)
        status = xt_fail(err, XT_FAILED, "a process was ended by signal %d; --resume goes on", j.signal);
    free(j.words);
    free(j.running);
    return status;
}
