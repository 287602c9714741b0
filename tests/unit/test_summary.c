/* src/app/summary: a table that many runs append to: columns that come later, what
 * stays of a file that others wrote, a full disk, many processes at once. */
#include "app/summary.h"
#include "base/file.h"
#include "cases.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static xt_err err;
static char dir[64]; /* a fresh one for the whole program, and the working directory */
static const char path[] = "summary.csv";

static void put(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *name, const char *text)
{
    xt_buf buf = {0};
    assert_int_equal(xt_file_read(name, 10000000, XT_BAD_DATA, &buf, &err), XT_OK);
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

/* "run=a|loss=0.5": a cell each. */
static void fill(xt_summary_row *row, const char *cells)
{
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", cells);
    for (char *cell = strtok(copy, "|"); cell; cell = strtok(NULL, "|")) {
        char *equals = strchr(cell, '=');
        assert_non_null(equals);
        *equals = '\0';
        xt_summary_set(row, cell, equals + 1);
    }
}

static xt_status append(const char *cells)
{
    xt_summary_row row = {0};
    fill(&row, cells);
    xt_status status = xt_summary_append(path, &row, &err);
    xt_summary_clear(&row);
    return status;
}

static void row_keeps_its_order(void **state)
{
    (void)state;
    xt_summary_row row = {0};
    char column[16];
    for (int i = 0; i < 100; i++) {
        snprintf(column, sizeof column, "c%d", i);
        xt_summary_set(&row, column, column);
    }
    xt_summary_set(&row, "c7", "other");
    assert_int_equal(row.n, 100);
    assert_string_equal(row.cells[99].column, "c99");
    assert_string_equal(row.cells[99].text, "c99");
    assert_string_equal(xt_summary_get(&row, "c7"), "other");
    assert_string_equal(row.cells[7].text, "other");
    assert_null(xt_summary_get(&row, "c"));
    xt_summary_clear(&row);
    assert_int_equal(row.n, 0);
}

/* ---- what one row makes of a file ---- */

typedef struct append_case {
    const char *name, *before, *cells, *after; /* before NULL: there is no file */
} append_case;

#define HEADER "run,loss,lr\n"
static const append_case append_cases[] = {
    {"no file", NULL, "run=a|loss=0.5", "run,loss\na,0.5\n"},
    {"an empty file", "", "run=a|loss=0.5", "run,loss\na,0.5\n"},
    {"the same columns", HEADER "a,1,2\n", "run=b|loss=3|lr=4", HEADER "a,1,2\nb,3,4\n"},
    {"the file's order", HEADER "a,1,2\n", "lr=4|run=b|loss=3", HEADER "a,1,2\nb,3,4\n"},
    {"fewer columns", HEADER "a,1,2\n", "run=b", HEADER "a,1,2\nb,,\n"},
    {"a new column", HEADER "a,1,2\n", "run=b|x=5|lr=4", "run,loss,lr,x\na,1,2,\nb,,4,5\n"},
    {"new columns alone", HEADER "a,1,2\nb,3,4\n", "x=5|y=6", "run,loss,lr,x,y\na,1,2,,\nb,3,4,,\n,,,5,6\n"},
    {"quotes, commas, newlines", "run\na\n", "run=c,\"d\"\ne\r", "run\na\n\"c,\"\"d\"\"\ne\r\"\n"},
    {"a quoted name", "run\na\n", "run=b|x,\"y\"\nz=1", "run,\"x,\"\"y\"\"\nz\"\na,\nb,1\n"},
    {"a quoted name that is there", "run,\"x,\"\"y\"\"\nz\"\na,1\n", "run=b|x,\"y\"\nz=2",
     "run,\"x,\"\"y\"\"\nz\"\na,1\nb,2\n"},
    {"quoted newlines in rows", "run,loss\n\"a\n,\"\"b\n\",1\nc,2\n", "run=d|x=3",
     "run,loss,x\n\"a\n,\"\"b\n\",1,\nc,2,\nd,,3\n"},
    {"quotes that need not be", "\"run\",\"loss\"\n\"a\",\"1\"\n", "run=b|loss=2",
     "\"run\",\"loss\"\n\"a\",\"1\"\nb,2\n"},
    {"CR LF", "run,loss\r\na,1\r\n", "run=b|loss=2", "run,loss\r\na,1\r\nb,2\n"},
    {"CR LF and a new column", "run,loss\r\na,1\r\n\"b\",2\r\n", "run=c|x=3", "run,loss,x\na,1,\r\n\"b\",2,\r\nc,,3\n"},
    {"a short row", HEADER "a\n", "run=b|x=1", "run,loss,lr,x\na,,,\nb,,,1\n"},
    {"an empty line", HEADER "\na,1,2\n", "run=b|x=1", "run,loss,lr,x\n\na,1,2,\nb,,,1\n"},
    {"a header without its line end", "run,lr", "run=a|lr=1", "run,lr\na,1\n"},
    {"a header without its line end and a new column", "run,lr", "run=a|x=1", "run,lr,x\na,,1\n"},
    {"a row without its line end", HEADER "a,1,2", "run=b|lr=3", HEADER "a,1,2\nb,,3\n"},
    {"a row without its line end and a new column", HEADER "a,1,2", "run=b|x=3", "run,loss,lr,x\na,1,2,\nb,,,3\n"},
    {"a last cell with a newline and no line end", "run,x\na,\"1\n2\"", "run=b|x=3", "run,x\na,\"1\n2\"\nb,3\n"},
    {"half a row", HEADER "a,1,2\nhalf,3", "run=b|lr=4", HEADER "a,1,2\nb,,4\n"},
    {"half a row that is longer than the new one", HEADER "a,1,2\nhalf,3333333333333333", "run=b",
     HEADER "a,1,2\nb,,\n"},
    {"half a row in its quotes", HEADER "a,1,2\nb,3,\"4", "run=b|lr=4", HEADER "a,1,2\nb,,4\n"},
    {"half a row and a new column", HEADER "a,1,2\nhalf,3", "run=b|x=4", "run,loss,lr,x\na,1,2,\nb,,,4\n"},
};

static void append_writes(void **state)
{
    const append_case *c = *state;
    unlink(path);
    if (c->before)
        put(c->before);
    if (append(c->cells))
        fail_msg("%s", err.text);
    assert_holds(path, c->after);
    assert_int_equal(n_files(), 1);
}

/* ---- what is refused ---- */

typedef struct refused_case {
    const char *text, *message;
} refused_case;

#define NO_SUMMARY "is no summary of runs, whose first column is 'run'"
static const refused_case refused_cases[] = {
    {"epoch,loss\n1,2\n", NO_SUMMARY},
    {"runs,loss\n", NO_SUMMARY},
    {"run: 1\n", NO_SUMMARY},
    {"\n", NO_SUMMARY},
    {"ru", NO_SUMMARY},
    {"\"run,loss\na,1\n", NO_SUMMARY},
    {"run,\"loss\na,1\n", NO_SUMMARY},
    {"run,\"lo\"ss\n", NO_SUMMARY},
    {HEADER "a,1,2\nb,\"x\"y,3\n", "line 3: a quote is not closed, or something follows it"},
    /* A quote that swallows whole rows must not cost them. */
    {HEADER "\"a,1,2\nb,3,4\nc,5,6\n", "line 2: a quote is not closed, or something follows it"},
    {HEADER "\"a\nb\",1,2\nc,1,2,3\n", "line 4 has 4 cells, and the header 3"},
    {HEADER "a,1,2,3", "line 2 has 4 cells, and the header 3"},
};

static void append_refuses(void **state)
{
    const refused_case *c = *state;
    char expected[256];
    put(c->text);
    snprintf(expected, sizeof expected, "--summary %s: %s", path, c->message);
    assert_int_equal(append("run=z|loss=1"), XT_BAD_USAGE);
    assert_string_equal(err.text, expected);
    assert_int_equal(append("run=z|new=1"), XT_BAD_USAGE);
    assert_int_equal(xt_summary_check(path, true, NULL, 0, &err), XT_BAD_USAGE);
    assert_string_equal(err.text, expected);
    assert_holds(path, c->text);
    assert_int_equal(n_files(), 1);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_int_equal(write(fd, "run,x\na,\0\n", 10), 10);
    close(fd);
    assert_int_equal(append("run=z"), XT_BAD_USAGE);
    assert_string_equal(err.text, "--summary summary.csv: is no summary of runs: it holds NUL bytes");
}

static void check_makes_what_it_is_to_make(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(xt_summary_check(path, false, NULL, 0, &err), XT_OK);
    assert_int_equal(n_files(), 0);
    assert_int_equal(xt_summary_check(path, true, NULL, 0, &err), XT_OK);
    assert_holds(path, "");
    assert_int_equal(xt_summary_check("absent/s.csv", false, NULL, 0, &err), XT_OK);
    assert_int_equal(xt_summary_check("absent/s.csv", true, NULL, 0, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot create absent/s.csv: No such file or directory");
}

static void check_refuses_what_is_no_file(void **state)
{
    (void)state;
    const char *const names[] = {".", "/dev/null", "pipe"};
    char expected[256];
    assert_int_equal(mkfifo("pipe", 0666), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(xt_summary_check(names[i], true, NULL, 0, &err), XT_BAD_USAGE);
        snprintf(expected, sizeof expected, "--summary %s: is no regular file, to which rows could be appended",
                 names[i]);
        assert_string_equal(err.text, expected);
    }
    unlink("pipe");
}

static void check_refuses_the_files_of_a_run(void **state)
{
    (void)state;
    const char *const others[] = {"absent", "other.csv", "-"};
    unlink(path);
    assert_int_equal(symlink(path, "other.csv"), 0);
    /* A new one is taken back, and the link to it stays. */
    assert_int_equal(xt_summary_check(path, true, others, 2, &err), XT_BAD_USAGE);
    assert_string_equal(err.text, "--summary summary.csv: is other.csv, which this run reads or writes itself");
    assert_int_equal(n_files(), 1);
    put("run\na\n");
    assert_int_equal(xt_summary_check(path, true, others, 2, &err), XT_BAD_USAGE);
    assert_holds(path, "run\na\n");
    assert_int_equal(xt_summary_check(path, true, others, 1, &err), XT_OK);
    unlink("other.csv");
    int before = dup(STDIN_FILENO), fd = open(path, O_RDONLY);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    xt_status unused = xt_summary_check(path, true, others, 2, &err);
    xt_status used = xt_summary_check(path, true, others, 3, &err);
    dup2(before, STDIN_FILENO);
    close(before);
    close(fd);
    assert_int_equal(unused, XT_OK);
    assert_int_equal(used, XT_BAD_USAGE);
    assert_string_equal(err.text, "--summary summary.csv: is standard input, which this run reads or writes itself");
}

static void check_refuses_where_output_goes(void **state)
{
    (void)state;
    put("run\n");
    fflush(stdout);
    int before = dup(STDOUT_FILENO), fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    xt_status status = xt_summary_check(path, true, NULL, 0, &err);
    dup2(before, STDOUT_FILENO);
    close(before);
    close(fd);
    assert_int_equal(status, XT_BAD_USAGE);
    assert_string_equal(err.text, "--summary summary.csv: standard output or error goes there");
}

/* ---- the file as such ---- */

static void links_and_permissions_stay(void **state)
{
    (void)state;
    struct stat info;
    unlink(path);
    assert_int_equal(mkdir("real", 0777), 0);
    assert_int_equal(symlink("real/s.csv", path), 0);
    assert_int_equal(append("run=a"), XT_OK);
    assert_int_equal(chmod("real/s.csv", 0660), 0);
    assert_int_equal(append("run=b|x=1"), XT_OK);
    assert_int_equal(append("run=c|x=2"), XT_OK);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat("real/s.csv", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0660);
    assert_holds("real/s.csv", "run,x\na,\nb,1\nc,2\n");
    unlink("real/s.csv");
    unlink(path);
    assert_int_equal(rmdir("real"), 0);
}

/* SIGXFSZ is ignored, so a file at its limit fails as a full disk does. */
static void a_full_disk_costs_no_row(void **state)
{
    (void)state;
    static const char *const rows[] = {"run=a-row-that-does-not-fit|loss=0.5", "run=b|a-new-column=1"};
    static const char before[] = HEADER "a,1,2\nb,3,4\n";
    for (size_t i = 0; i < 2; i++) {
        struct rlimit limit, small;
        put(before);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        small = (struct rlimit){sizeof before + 4, limit.rlim_max};
        void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        xt_status status = append(rows[i]);
        setrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, handler);
        assert_int_equal(status, XT_FAILED);
        assert_string_equal(err.text, "cannot write summary.csv: File too large");
        assert_holds(path, before);
        assert_int_equal(n_files(), 1);
        assert_int_equal(append(rows[i]), XT_OK);
    }
}

/* Who waits while another process puts a new file there appends to the new one. */
static void whoever_waited_takes_the_new_file(void **state)
{
    (void)state;
    int code = -1;
    put("run\nold\n");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fd); /* the lock is the open file's, which the child has too */
        _exit((int)append("run=child"));
    }
    struct timespec moment = {0, 50000000};
    nanosleep(&moment, NULL); /* so that it waits, mostly */
    assert_int_equal(xt_file_replace(path, "run\nnew\n", 8, &err), XT_OK);
    close(fd);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    assert_holds(path, "run\nnew\nchild\n");
}

/* ---- many processes ---- */

enum { N_PROCESSES = 50, N_ROWS = 4, N_KEYS = 10 };

/* Each row has one of ten keys of its own, the other way round in every second process. */
static void write_rows(int process)
{
    for (int i = 0; i < N_ROWS; i++) {
        int id = process * N_ROWS + i, key = (process + i) % N_KEYS;
        char cells[128];
        if (process % 2)
            snprintf(cells, sizeof cells, "run=r%d|key%d=v%d|id=%d", id, key, id, id);
        else
            snprintf(cells, sizeof cells, "run=r%d|id=%d|key%d=v%d", id, id, key, id);
        if (append(cells))
            _exit(1);
    }
    _exit(0);
}

/* The cells of a line, which has no quotes; their number. */
static size_t split(char *line, char **cells, size_t max)
{
    size_t n = 0;
    for (char *at = line; at && n < max; n++) {
        cells[n] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
    return n;
}

static void assert_row(char **names, char **cells, bool *seen)
{
    int id = -1;
    char expected[32];
    for (size_t i = 0; i < N_KEYS + 2; i++)
        if (strcmp(names[i], "id") == 0)
            id = atoi(cells[i]);
    assert_in_range(id, 0, N_PROCESSES * N_ROWS - 1);
    assert_false(seen[id]);
    seen[id] = true;
    int key = (id / N_ROWS + id % N_ROWS) % N_KEYS;
    for (size_t i = 0; i < N_KEYS + 2; i++) {
        if (strcmp(names[i], "id") == 0)
            continue;
        bool empty = i > 0 && atoi(names[i] + 3) != key;
        snprintf(expected, sizeof expected, "%c%d", i == 0 ? 'r' : 'v', id);
        assert_string_equal(cells[i], empty ? "" : expected);
    }
}

static void many_processes_lose_nothing(void **state)
{
    (void)state;
    pid_t children[N_PROCESSES];
    bool seen[N_PROCESSES * N_ROWS] = {false};
    char *names[N_KEYS + 3], *cells[N_KEYS + 3], *rest;
    size_t n_rows = 0;
    unlink(path);
    for (int i = 0; i < N_PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            write_rows(i);
    }
    for (int i = 0; i < N_PROCESSES; i++) {
        int code = -1;
        assert_int_equal(waitpid(children[i], &code, 0), children[i]);
        assert_int_equal(code, 0);
    }
    xt_buf text = {0};
    assert_int_equal(xt_file_read(path, 1000000, XT_BAD_DATA, &text, &err), XT_OK);
    assert_int_equal(text.data[text.len - 1], '\n');
    char *line = strtok_r(text.data, "\n", &rest);
    assert_int_equal(split(line, names, N_KEYS + 3), N_KEYS + 2);
    assert_string_equal(names[0], "run");
    while ((line = strtok_r(NULL, "\n", &rest))) {
        assert_int_equal(split(line, cells, N_KEYS + 3), N_KEYS + 2);
        assert_row(names, cells, seen);
        n_rows++;
    }
    assert_int_equal(n_rows, N_PROCESSES * N_ROWS);
    assert_int_equal(n_files(), 1);
    xt_buf_clear(&text);
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/xortrain-summary.XXXXXX");
    if (!mkdtemp(dir) || chdir(dir) != 0)
        return 1;
    UNIT_CASE(row_keeps_its_order);
    for (size_t i = 0; i < sizeof append_cases / sizeof append_cases[0]; i++)
        unit_case(append_writes, &append_cases[i], "append_writes: %s", append_cases[i].name);
    for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++)
        unit_case(append_refuses, &refused_cases[i], "append_refuses %zu: %s", i, refused_cases[i].message);
    UNIT_CASE(bytes_that_are_no_text_are_refused);
    UNIT_CASE(check_makes_what_it_is_to_make);
    UNIT_CASE(check_refuses_what_is_no_file);
    UNIT_CASE(check_refuses_the_files_of_a_run);
    UNIT_CASE(check_refuses_where_output_goes);
    UNIT_CASE(links_and_permissions_stay);
    UNIT_CASE(a_full_disk_costs_no_row);
    UNIT_CASE(whoever_waited_takes_the_new_file);
    UNIT_CASE(many_processes_lose_nothing);
    int failed = unit_run("summary");
    unlink(path);
    if (chdir("/") != 0 || rmdir(dir) != 0)
        return 1;
    return failed;
}
