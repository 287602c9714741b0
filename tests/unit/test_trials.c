/* src/app/trials: a sweep's table: rows in their order whatever the order they come in, what is taken up of a file that
 * is there, what is refused, a full disk, many processes at once. */
#include "app/trials.h"
#include "base/file.h"
#include "base/log.h"
#include "cases.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static xt_err err;
static char dir[64]; /* a fresh one for the whole program, and the working directory */
static const char path[] = "trials.csv";
static const char *const columns[] = {"trial", "lr", "loss"};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };
#define HEADER "trial,lr,loss\n"

static void put(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *text)
{
    xt_buf buf = {0};
    assert_int_equal(xt_file_read(path, 10000000, XT_BAD_DATA, &buf, &err), XT_OK);
    assert_string_equal(xt_buf_text(&buf), text);
    xt_buf_clear(&buf);
}

static size_t n_files(void)
{
    DIR *open = opendir(".");
    assert_non_null(open);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(open));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open);
    return n;
}

/* "1|a|0.5": cells, of as many rows as they make. */
static void fill(xt_strings *rows, const char *cells)
{
    char cell[64];
    for (const char *end; *cells; cells = end) {
        end = cells + strcspn(cells, "|");
        snprintf(cell, sizeof cell, "%.*s", (int)(end - cells), cells);
        xt_strings_add(rows, cell);
        if (!*end)
            return;
        if (!*++end)
            xt_strings_add(rows, "");
    }
}

static xt_status add(xt_trials *trials, const char *cells)
{
    xt_strings rows = {0};
    fill(&rows, cells);
    xt_status status = xt_trials_add(trials, &rows, &err);
    xt_strings_clear(&rows);
    return status;
}

static xt_status open_table(xt_trials *out)
{
    return xt_trials_open(path, columns, N_COLUMNS, NULL, NULL, NULL, out, &err);
}

/* ---- what rows make of a file ---- */

typedef struct add_case {
    const char *name, *before, *cells, *then, *after; /* before NULL: there is no file; then: added next, "": nothing */
} add_case;

#define OLD HEADER "1,a,0.5\n3,b,0.25\n"
static const add_case add_cases[] = {
    {"no file", NULL, "0|a|1", "", HEADER "0,a,1\n"},
    {"an empty file", "", "0|a|1", "", HEADER "0,a,1\n"},
    {"a header alone", HEADER, "5|a|1", "6|b|2", HEADER "5,a,1\n6,b,2\n"},
    {"behind all", OLD, "4|x|1|7|y|2", "9|z|3", OLD "4,x,1\n7,y,2\n9,z,3\n"},
    {"before all", OLD, "0|x|1", "", HEADER "0,x,1\n1,a,0.5\n3,b,0.25\n"},
    {"between", OLD, "2|x|1", "4|y|2", HEADER "1,a,0.5\n2,x,1\n3,b,0.25\n4,y,2\n"},
    {"in any order", OLD, "9|i|1|0|x|1|10|t|1|2|y|1", "8|e|1",
     HEADER "0,x,1\n1,a,0.5\n2,y,1\n3,b,0.25\n8,e,1\n9,i,1\n10,t,1\n"},
    {"behind all in any order", OLD, "6|y|2|4|x|1", "", OLD "4,x,1\n6,y,2\n"},
    {"a row that is there", OLD, "1|x|7", "", HEADER "1,x,7\n3,b,0.25\n"},
    {"the last row again", OLD, "3|x|7", "3|y|8", HEADER "1,a,0.5\n3,y,8\n"},
    {"a trial twice", OLD, "4|x|1|4|y|2|4|z|3", "", OLD "4,z,3\n"},
    {"numbers, not texts", HEADER "9,a,1\n", "10|b|2", "", HEADER "9,a,1\n10,b,2\n"},
    {"what needs quotes", OLD, "4|a,\"b\"|1", "2|x\ny|1",
     HEADER "1,a,0.5\n2,\"x\ny\",1\n3,b,0.25\n4,\"a,\"\"b\"\"\",1\n"},
    {"empty cells", OLD, "4||", "", OLD "4,,\n"},
    {"sorted by something else", HEADER "3,b,0.25\n1,a,0.5\n", "5|x|1", "", OLD "5,x,1\n"},
    {"two rows of a trial", HEADER "1,a,0.5\n1,b,1\n", "5|x|1", "", HEADER "1,b,1\n5,x,1\n"},
    {"CR LF", "trial,lr,loss\r\n1,a,0.5\r\n3,b,0.25\r\n", "2|x|1", "", HEADER "1,a,0.5\n2,x,1\n3,b,0.25\n"},
    {"an empty line", HEADER "1,a,0.5\n\n3,b,0.25\n", "2|x|1", "", HEADER "1,a,0.5\n2,x,1\n3,b,0.25\n"},
    {"a quoted name", "\"trial\",lr,\"loss\"\n1,a,0.5\n", "0|x|1", "", HEADER "0,x,1\n1,a,0.5\n"},
    {"a header without its line end", "trial,lr,loss", "2|x|1", "", HEADER "2,x,1\n"},
    {"half a row", OLD "4,x", "5|y|1", "", OLD "5,y,1\n"},
    {"half a row that is longer than the new one", OLD "4,xxxxxxxxxxxxxxxxxxxxxxxx", "5|y|1", "", OLD "5,y,1\n"},
    {"half a row in its quotes", OLD "4,\"x", "5|y|1", "", OLD "5,y,1\n"},
    {"half a row and one before", OLD "4,x", "2|y|1", "", HEADER "1,a,0.5\n2,y,1\n3,b,0.25\n"},
    {"a last number that may have been longer", OLD "4,x,0.1", "5|y|1", "", OLD "5,y,1\n"},
    {"half a row, quotes and a newline", OLD "4,\"x\ny\",0.1", "5|y|1", "", OLD "5,y,1\n"},
    {"nothing", OLD, "", "", OLD},
};

static void add_writes(void **state)
{
    const add_case *c = *state;
    xt_trials trials;
    unlink(path);
    if (c->before)
        put(c->before);
    if (open_table(&trials) || add(&trials, c->cells) || add(&trials, c->then))
        fail_msg("%s", err.text);
    assert_holds(c->after);
    xt_trials_close(&trials);
    assert_int_equal(n_files(), 1);
}

static void a_new_table_takes_the_old_ones_place(void **state)
{
    (void)state;
    static const char *const before[] = {NULL, "", "trial,other\n1,2\n", OLD, "trial\n1,\"\n"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        xt_trials trials;
        unlink(path);
        if (before[i])
            put(before[i]);
        if (xt_trials_begin(path, columns, N_COLUMNS, &trials, &err))
            fail_msg("%s", err.text);
        assert_holds(HEADER);
        assert_int_equal(add(&trials, "2|x|1"), XT_OK);
        assert_int_equal(add(&trials, "0|y|1"), XT_OK);
        assert_holds(HEADER "0,y,1\n2,x,1\n");
        xt_trials_close(&trials);
        assert_int_equal(n_files(), 1);
    }
}

/* ---- what is taken up ---- */

static xt_status list(void *context, uint64_t trial, const char *cells, xt_err *unused)
{
    (void)unused;
    assert_int_equal(trial, strtoull(cells, NULL, 10));
    xt_buf_printf(context, "%llu %s %s;", (unsigned long long)trial, xt_strings_skip(cells, 1),
                  xt_strings_skip(cells, 2));
    return XT_OK;
}

static void rows_are_taken_up(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_trials trials;
    xt_trials_done done = {0};
    put(HEADER "7,\"a\n,\",nan\n3,b,\n5,c,1\n3,d,2\n9,torn");
    assert_int_equal(xt_trials_open(path, columns, N_COLUMNS, &done, list, &text, &trials, &err), XT_OK);
    assert_string_equal(text.data, "3 d 2;5 c 1;7 a\n, nan;");
    static const uint64_t with[] = {3, 5, 7}, without[] = {0, 2, 4, 6, 8, 9, UINT64_MAX};
    assert_int_equal(done.n, 3);
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
        assert_true(xt_trials_has(&done, with[i]));
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
        assert_false(xt_trials_has(&done, without[i]));
    /* Half a row is gone, what stands before it is as it was. */
    assert_holds(HEADER "7,\"a\n,\",nan\n3,b,\n5,c,1\n3,d,2\n");
    xt_trials_close(&trials);
    xt_trials_done_clear(&done);
    assert_false(xt_trials_has(&done, 3));
    xt_buf_clear(&text);
}

static void no_file_has_no_rows(void **state)
{
    (void)state;
    xt_trials trials;
    xt_trials_done done = {0};
    unlink(path);
    assert_int_equal(xt_trials_open(path, columns, N_COLUMNS, &done, list, NULL, &trials, &err), XT_OK);
    assert_int_equal(done.n, 0);
    assert_holds(HEADER);
    xt_trials_close(&trials);
    xt_trials_done_clear(&done);
}

static xt_status refuse(void *context, uint64_t trial, const char *cells, xt_err *e)
{
    (void)context;
    (void)cells;
    return trial == 3 ? xt_fail(e, XT_BAD_CONFIG, "not this one") : XT_OK;
}

static void a_visit_may_refuse(void **state)
{
    (void)state;
    xt_trials trials;
    xt_trials_done done = {0};
    put(OLD);
    assert_int_equal(xt_trials_open(path, columns, N_COLUMNS, &done, refuse, NULL, &trials, &err), XT_BAD_CONFIG);
    assert_string_equal(err.text, "not this one");
    assert_null(done.at);
}

/* ---- what is refused ---- */

typedef struct refused_case {
    const char *text, *message;
    bool begins; /* a new table takes its place all the same */
} refused_case;

#define NO_TABLE "is no table of trials, whose first column is 'trial'"
static const refused_case refused_cases[] = {
    {"run,loss\n1,2\n", NO_TABLE, false},
    {"trials,lr,loss\n", NO_TABLE, false},
    {"trial: 1\n", NO_TABLE, false},
    {"\n", NO_TABLE, false},
    {"\"trial,lr,loss\n", NO_TABLE, false},
    {"trial,lr\n1,2\n", "has the columns trial,lr, where this sweep has trial,lr,loss", true},
    {"trial,lr,loss,x\r\n", "has the columns trial,lr,loss,x, where this sweep has trial,lr,loss", true},
    {"trial,loss,lr\n", "has the columns trial,loss,lr, where this sweep has trial,lr,loss", true},
    {"trial,lr,\"lo,ss\"\n", "has the columns trial,lr,\"lo,ss\", where this sweep has trial,lr,loss", true},
    {OLD "4,x\n5,y,1\n", "line 4 has 2 cells, and the header 3", true},
    {OLD "4,x,1,2\n", "line 4 has 4 cells, and the header 3", true},
    {OLD "four,x,1\n", "line 4: expected the number of a trial, found 'four'", true},
    {OLD "-1,x,1\n", "line 4: expected the number of a trial, found '-1'", true},
    {OLD ",x,1\n", "line 4: expected the number of a trial, found ''", true},
    {OLD "18446744073709551615,x,1\n", "line 4: expected the number of a trial, found '18446744073709551615'", true},
    {HEADER "1,\"a\",0.5\n2,\"x\"y,1\n", "line 3: a quote is not closed, or something follows it", true},
    {HEADER "1,\"a,0.5\n2,b,1\n", "line 2: a quote is not closed, or something follows it", true},
};

static void other_files_are_refused(void **state)
{
    const refused_case *c = *state;
    xt_trials trials;
    xt_trials_done done = {0};
    char expected[256];
    snprintf(expected, sizeof expected, "%s: %s", path, c->message);
    put(c->text);
    assert_int_equal(xt_trials_open(path, columns, N_COLUMNS, &done, NULL, NULL, &trials, &err), XT_BAD_USAGE);
    assert_string_equal(err.text, expected);
    assert_null(done.at);
    assert_holds(c->text);
    /* What becomes of a file that was fine is seen before it is changed. */
    unlink(path);
    assert_int_equal(open_table(&trials), XT_OK);
    put(c->text);
    assert_int_equal(add(&trials, "0|x|1"), XT_BAD_USAGE);
    assert_string_equal(err.text, expected);
    assert_holds(c->text);
    assert_int_equal(xt_trials_begin(path, columns, N_COLUMNS, &trials, &err), c->begins ? XT_OK : XT_BAD_USAGE);
    assert_holds(c->begins ? HEADER : c->text);
    xt_trials_close(&trials);
    assert_int_equal(n_files(), 1);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    const char *const names[] = {".", "/dev/null", "pipe"};
    char expected[256];
    xt_trials trials;
    unlink(path);
    assert_int_equal(mkfifo("pipe", 0666), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(expected, sizeof expected, "%s: is no regular file, to which rows could be appended", names[i]);
        assert_int_equal(xt_trials_begin(names[i], columns, N_COLUMNS, &trials, &err), XT_BAD_USAGE);
        assert_string_equal(err.text, expected);
        assert_int_equal(xt_trials_open(names[i], columns, N_COLUMNS, NULL, NULL, NULL, &trials, &err), XT_BAD_USAGE);
        assert_string_equal(err.text, expected);
    }
    unlink("pipe");
    assert_int_equal(xt_trials_begin("absent/t.csv", columns, N_COLUMNS, &trials, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot create absent/t.csv: No such file or directory");
}

/* ---- the file as such ---- */

/* SIGXFSZ is ignored, so a file at its limit fails as a full disk does. */
static xt_status add_at_limit(xt_trials *trials, const char *cells, size_t n_bytes)
{
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){n_bytes, limit.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    xt_status status = add(trials, cells);
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, handler);
    return status;
}

static void a_full_disk_costs_no_row(void **state)
{
    (void)state;
    static const char *const cells[] = {"4|at-the-end|1|5|y|2", "2|between|1"};
    for (size_t i = 0; i < 2; i++) {
        xt_trials trials;
        put(OLD);
        assert_int_equal(open_table(&trials), XT_OK);
        assert_int_equal(add_at_limit(&trials, cells[i], sizeof OLD + 4), XT_FAILED);
        assert_string_equal(err.text, "cannot write trials.csv: File too large");
        assert_holds(OLD);
        assert_int_equal(n_files(), 1);
        assert_int_equal(add(&trials, cells[i]), XT_OK);
        assert_holds(i ? HEADER "1,a,0.5\n2,between,1\n3,b,0.25\n" : OLD "4,at-the-end,1\n5,y,2\n");
        xt_trials_close(&trials);
    }
}

static void a_new_file_is_taken_back(void **state)
{
    (void)state;
    xt_trials trials = {{.fd = -1}, NULL, 0, 0};
    unlink(path);
    assert_int_equal(open_table(&trials), XT_OK);
    unlink(path);
    assert_int_equal(add_at_limit(&trials, "1|x|1", 4), XT_FAILED);
    assert_int_equal(n_files(), 0);
    xt_trials_close(&trials);
}

/* Two tables of one file see what the other wrote: longer, another one, shorter, none. */
static void others_rows_are_seen(void **state)
{
    (void)state;
    xt_trials one, other;
    unlink(path);
    assert_int_equal(xt_trials_begin(path, columns, N_COLUMNS, &one, &err), XT_OK);
    assert_int_equal(open_table(&other), XT_OK);
    assert_int_equal(add(&one, "5|a|1"), XT_OK);
    assert_int_equal(add(&other, "7|b|1"), XT_OK);
    assert_int_equal(add(&one, "6|c|1"), XT_OK);
    assert_int_equal(add(&other, "8|d|1"), XT_OK);
    assert_int_equal(add(&other, "9|e|1"), XT_OK);
    assert_int_equal(add(&one, "10|f|1"), XT_OK);
    assert_holds(HEADER "5,a,1\n6,c,1\n7,b,1\n8,d,1\n9,e,1\n10,f,1\n");
    assert_int_equal(truncate(path, sizeof HEADER - 1 + 8), 0);
    assert_int_equal(add(&one, "11|g|1"), XT_OK);
    assert_holds(HEADER "5,a,1\n11,g,1\n");
    unlink(path);
    assert_int_equal(add(&one, "12|h|1"), XT_OK);
    assert_int_equal(add(&other, "1|i|1"), XT_OK);
    assert_holds(HEADER "1,i,1\n12,h,1\n");
    xt_trials_close(&one);
    xt_trials_close(&other);
}

/* ---- many rows, many processes ---- */

static void add_numbers(xt_trials *trials, unsigned first, unsigned n, unsigned step)
{
    xt_strings rows = {0};
    char text[32];
    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%u", first + i * step);
        xt_strings_add(&rows, text);
        xt_strings_add(&rows, "learning rate");
        xt_strings_add(&rows, text);
    }
    if (xt_trials_add(trials, &rows, &err))
        fail_msg("%s", err.text);
    xt_strings_clear(&rows);
}

/* The file is trials 0 to n, each once. */
static void assert_complete(unsigned n)
{
    xt_buf expected = {0};
    xt_buf_puts(&expected, HEADER);
    for (unsigned i = 0; i < n; i++)
        xt_buf_printf(&expected, "%u,learning rate,%u\n", i, i);
    assert_holds(expected.data);
    xt_buf_clear(&expected);
}

static void many_rows_fit_between_many(void **state)
{
    (void)state;
    xt_trials trials;
    assert_int_equal(xt_trials_begin(path, columns, N_COLUMNS, &trials, &err), XT_OK);
    add_numbers(&trials, 1, 50000, 2);
    add_numbers(&trials, 0, 50000, 2);
    assert_complete(100000);
    xt_trials_close(&trials);
}

enum { N_PROCESSES = 8, N_ROWS = 50 };

/* Its rows in a random order, one or a few at a time. */
static void write_rows(unsigned process)
{
    unsigned order[N_ROWS], random = process + 1;
    xt_trials trials;
    for (unsigned i = 0; i < N_ROWS; i++) {
        random = random * 1103515245 + 12345;
        unsigned j = random / 65536 % (i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    if (open_table(&trials))
        _exit(1);
    for (unsigned i = 0; i < N_ROWS;) {
        xt_strings rows = {0};
        for (unsigned n = 1 + i % 3; n && i < N_ROWS; n--, i++) {
            char text[32];
            snprintf(text, sizeof text, "%u", process + order[i] * N_PROCESSES);
            xt_strings_add(&rows, text);
            xt_strings_add(&rows, "learning rate");
            xt_strings_add(&rows, text);
        }
        if (xt_trials_add(&trials, &rows, &err))
            _exit(1);
        xt_strings_clear(&rows);
    }
    xt_trials_close(&trials);
    _exit(0);
}

static void many_processes_lose_nothing(void **state)
{
    (void)state;
    pid_t children[N_PROCESSES];
    unlink(path);
    for (unsigned i = 0; i < N_PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            write_rows(i);
    }
    for (unsigned i = 0; i < N_PROCESSES; i++) {
        int code = -1;
        assert_int_equal(waitpid(children[i], &code, 0), children[i]);
        assert_int_equal(code, 0);
    }
    assert_complete(N_PROCESSES * N_ROWS);
    assert_int_equal(n_files(), 1);
}

/* Processes that are killed while they write leave whole rows, and the others go on. */
static void killed_processes_leave_whole_rows(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        xt_trials trials;
        unlink(path);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_rows(round % N_PROCESSES);
        usleep(100 * round);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_int_equal(open_table(&trials), XT_OK);
        for (unsigned i = 0; i < N_PROCESSES; i++)
            add_numbers(&trials, i, N_ROWS, N_PROCESSES);
        xt_trials_close(&trials);
        assert_complete(N_PROCESSES * N_ROWS);
    }
}

/* A file that a killed process was about to put into place may be left. */
static void remove_all(void)
{
    DIR *open = opendir(".");
    for (struct dirent *entry; open && (entry = readdir(open));)
        unlink(entry->d_name);
    if (open)
        closedir(open);
    if (chdir("/") == 0)
        rmdir(dir);
}

#define ROWS(rows, test, label) \
    for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
        unit_case(test, &(rows)[i], #test " %s", (rows)[i].label)

int main(void)
{
    strcpy(dir, "/tmp/xt-trials.XXXXXX");
    if (!mkdtemp(dir) || chdir(dir) != 0)
        return 1;
    xt_log_set(XT_QUIET);
    ROWS(add_cases, add_writes, name);
    UNIT_CASE(a_new_table_takes_the_old_ones_place);
    UNIT_CASE(rows_are_taken_up);
    UNIT_CASE(no_file_has_no_rows);
    UNIT_CASE(a_visit_may_refuse);
    ROWS(refused_cases, other_files_are_refused, message);
    UNIT_CASE(what_is_no_file_is_refused);
    UNIT_CASE(a_full_disk_costs_no_row);
    UNIT_CASE(a_new_file_is_taken_back);
    UNIT_CASE(others_rows_are_seen);
    UNIT_CASE(many_rows_fit_between_many);
    UNIT_CASE(many_processes_lose_nothing);
    UNIT_CASE(killed_processes_leave_whole_rows);
    int code = unit_run("trials");
    remove_all();
    return code;
}
