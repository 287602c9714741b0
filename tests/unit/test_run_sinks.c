/* src/app: what a run writes to, when that fails, goes away or is in use. */
#include "app/outdir.h"
#include "base/file.h"
#include "runs.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- sinks that fail ---- */

static int pipe_ends[2];

static void close_reader(void)
{
    close(pipe_ends[0]);
}

/* The rows so far and the model are there. */
static void the_second_csv_fails_on_the_way(void **state)
{
    (void)state;
    unit_job j;
    char path[40];
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(pipe_ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipe_ends[1]);
    unit_run_make(&j, 200);
    j.run.csv_path = path;
    unit_run_hook(&j, 10, close_reader);
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    unit_run_said("cannot write %s: Broken pipe\nout/last.safetensors holds epoch %u; --resume goes on from there", path,
                  j.result.checkpoint);
    /* loss.csv has all rows. */
    assert_int_equal(j.result.checkpoint, j.result.epochs);
    assert_true(j.result.epochs >= 10 && j.result.epochs < 200);
    unit_run_status("failed", j.result.epochs, true);
    close(pipe_ends[1]);
    signal(SIGPIPE, before);
    unit_run_clear(&j);
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(xt_file_replace(path, text, strlen(text), &unit_run_err), XT_OK);
}

/* What cannot be says so under the option's own name; nothing that was made for the copies stays. */
static void copies_that_cannot_be(void **state)
{
    (void)state;
    static const struct { const char *csv, *jsonl; xt_status status; const char *message; } rows[] = {
        {"a", "a", XT_BAD_USAGE, "--jsonl a: --csv writes there too"},
        {"a", "./a", XT_BAD_USAGE, "--jsonl ./a: --csv writes there too"},
        {"fifo", "fifo", XT_BAD_USAGE, "--jsonl fifo: --csv writes there too"},
        {"a", "data.csv", XT_BAD_USAGE, "--jsonl data.csv: would overwrite ./data.csv, which this run reads"},
        {"a", "locked", XT_FAILED, "--jsonl locked: another run is writing there"},
        {"a", "/dev/full", XT_OK, NULL}, /* nothing comes before the first row */
        {NULL, "out/last.safetensors", XT_BAD_USAGE,
         "--jsonl out/last.safetensors: is the run's own last.safetensors; loss.csv is written there anyway"},
        {NULL, "out/best.safetensors", XT_BAD_USAGE,
         "--jsonl out/best.safetensors: is the run's own best.safetensors; loss.csv is written there anyway"},
        {NULL, "out/previous.safetensors", XT_BAD_USAGE,
         "--jsonl out/previous.safetensors: is the run's own previous.safetensors; loss.csv is written there anyway"},
        {"out/loss.csv", NULL, XT_BAD_USAGE,
         "--csv out/loss.csv: is the run's own loss.csv; loss.csv is written there anyway"},
    };
    static const char *const inputs[] = {"./data.csv"};
    assert_int_equal(mkfifo("fifo", 0666), 0);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK), lock = open("locked", O_RDONLY | O_CREAT, 0666);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    write_text("data.csv", "kept\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unit_job j;
        unit_run_make(&j, 0);
        j.run.inputs = inputs;
        j.run.n_inputs = 1;
        j.run.csv_path = rows[i].csv;
        j.run.jsonl_path = rows[i].jsonl;
        assert_int_equal(unit_run_go(&j), rows[i].status);
        unit_run_clear(&j);
        unit_run_same_text("data.csv", "kept\n");
        if (rows[i].status) {
            assert_string_equal(unit_run_err.text, rows[i].message);
            unit_run_files("out", "");
            unit_run_files(".", "data.csv fifo locked out ");
        } else {
            assert_int_equal(system("rm -r out a"), 0);
        }
    }
    close(lock);
    close(reader);
}

/* Beside stdout, whichever of the two is there. */
static void a_copy_where_stdout_goes(void **state)
{
    (void)state;
    static const struct { const char *csv, *jsonl, *message; } rows[] = {
        {"-", "to", "--jsonl to: --csv writes there too"},
        {"to", "-", "--csv to: --jsonl writes there too"},
        {"to", NULL, "--csv to: standard output or error goes there; --csv - puts the CSV on standard output"},
        {NULL, "to", "--jsonl to: standard output or error goes there; --jsonl - puts the JSON on standard output"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unit_job j;
        unit_run_make(&j, 3);
        j.run.csv_path = rows[i].csv;
        j.run.jsonl_path = rows[i].jsonl;
        assert_int_equal(unit_run_go_to(&j, "to"), XT_BAD_USAGE);
        assert_string_equal(unit_run_err.text, rows[i].message);
        unit_run_same_text("to", "");
        unit_run_clear(&j);
    }
}

/* A second CSV that cannot be: nothing has happened yet, an earlier run's files are as they were. */
static void the_second_csv_cannot_be(void **state)
{
    (void)state;
    static const struct { const char *path; xt_status status; const char *message; } rows[] = {
        {"/dev/full", XT_FAILED, "cannot write /dev/full: No space left on device"},
        {"no/such/dir.csv", XT_FAILED, "cannot create no/such/dir.csv: No such file or directory"},
        {".", XT_FAILED, "cannot create .: Is a directory"},
        {"locked.csv", XT_FAILED, "--csv locked.csv: another run is writing there"},
        {"data.csv", XT_BAD_USAGE, "--csv data.csv: would overwrite ./data.csv, which this run reads"},
        {"link.csv", XT_BAD_USAGE, "--csv link.csv: would overwrite ./data.csv, which this run reads"},
        {"out/../out/loss.csv", XT_BAD_USAGE,
         "--csv out/../out/loss.csv: is the run's own loss.csv; loss.csv is written there anyway"},
        {"out/run.json", XT_BAD_USAGE, "--csv out/run.json: is the run's own run.json; loss.csv is written there anyway"},
    };
    static const char *const inputs[] = {"-", "./data.csv"};
    unit_job j;
    write_text("data.csv", "kept\n");
    write_text("locked.csv", "kept\n");
    assert_int_equal(symlink("data.csv", "link.csv"), 0);
    int lock = open("locked.csv", O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    unit_run_make(&j, 3);
    j.run.inputs = inputs;
    j.run.n_inputs = 2;
    assert_int_equal(unit_run_go(&j), XT_OK);
    char *before[] = {unit_run_text("out/loss.csv"), unit_run_text("out/run.json")};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        j.run.csv_path = rows[i].path;
        assert_int_equal(unit_run_go(&j), rows[i].status);
        assert_string_equal(unit_run_err.text, rows[i].message);
        assert_int_equal(j.result.epochs, 0);
        unit_run_files("out", "config.yaml last.safetensors loss.csv model.safetensors run.json ");
        unit_run_same_text("out/loss.csv", before[0]);
        unit_run_same_text("out/run.json", before[1]);
        unit_run_same_text("data.csv", "kept\n");
        unit_run_same_text("locked.csv", "kept\n");
        unit_run_files(".", "data.csv link.csv locked.csv out ");
    }
    free(before[0]);
    free(before[1]);
    close(lock);
    unit_run_clear(&j);
}

static void lines_on_stdout(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 12);
    j.net.spec.log_every = 5;
    j.run.lines = true;
    assert_int_equal(unit_run_go_to(&j, "lines"), XT_OK);
    xt_engine *engine = unit_net_open(&j.net, NULL);
    xt_epoch rows[12];
    xt_buf expected = {0};
    unit_train(engine, 0, 12, rows);
    static const uint32_t due[] = {1, 5, 10, 12};
    for (size_t i = 0; i < 4; i++) {
        const xt_epoch *row = &rows[due[i] - 1];
        xt_buf_printf(&expected, "epoch  %2u/12  loss %.8g  accuracy %.8g  mae %.8g\n", due[i], row->loss, row->metrics[0],
                      row->metrics[1]);
    }
    unit_run_same_text("lines", expected.data);
    xt_buf_clear(&expected);
    xt_engine_close(&engine);
    unit_run_clear(&j);
}

static void csv_on_stdout(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 12);
    j.run.lines = true;
    j.run.csv_path = "-";
    assert_int_equal(unit_run_go_to(&j, "csv"), XT_OK);
    char *csv = unit_run_text("out/loss.csv");
    unit_run_same_text("csv", csv);
    free(csv);
    unit_run_clear(&j);
    unit_run_make(&j, 3);
    assert_int_equal(unit_run_go_to(&j, "quiet"), XT_OK);
    unit_run_same_text("quiet", "");
    unit_run_clear(&j);
}

/* The CSV's rows as objects: the same values, read back by another's parser. */
static void json_is_the_csv(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 300);
    unit_run_parts(&j, true, false);
    j.net.spec.validate_every = 7;
    j.run.lines = true;
    j.run.jsonl_path = "-";
    j.run.csv_path = "copy.csv";
    assert_int_equal(unit_run_go_to(&j, "rows"), XT_OK);
    char *csv = unit_run_text("out/loss.csv"), *rows = unit_run_text("rows"), *at = csv, *row = rows;
    unit_run_same_text("copy.csv", csv);
    char *columns[16], *header = strsep(&at, "\n");
    size_t n_columns = 0, n_null = 0;
    while (header)
        columns[n_columns++] = strsep(&header, ",");
    for (char *line = strsep(&at, "\n"); *line; line = strsep(&at, "\n")) {
        size_t i = 0;
        const char *key;
        json_t *value, *object;
        object = json_loads(strsep(&row, "\n"), JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
        assert_int_equal(json_object_size(object), n_columns);
        json_object_foreach (object, key, value) {
            const char *cell = strsep(&line, ",");
            assert_string_equal(key, columns[i++]);
            n_null += json_is_null(value);
            if (*cell)
                assert_true(json_is_real(value) && json_real_value(value) == strtod(cell, NULL));
            else
                assert_true(json_is_null(value));
        }
        assert_null(line);
        json_decref(object);
    }
    assert_string_equal(row, "");
    assert_int_equal(n_null, 3 * (300 - 300 / 7 - 1));
    free(csv);
    free(rows);
    unit_run_clear(&j);
}

static void stdout_is_full(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 200);
    j.run.lines = true;
    assert_int_equal(unit_run_go_to(&j, "/dev/full"), XT_FAILED);
    assert_string_equal(unit_run_err.text, "cannot write standard output: No space left on device\n"
                                           "out/last.safetensors holds epoch 1; --resume goes on from there");
    assert_int_equal(j.result.epochs, 1);
    unit_run_status("failed", 1, true);
    unit_run_clear(&j);
    /* Nothing is saved of what has diverged, whatever else went wrong. */
    unit_run_make(&j, 200);
    j.run.lines = true;
    j.net.spec.optimizer.values[0] = 3e38f;
    assert_int_equal(unit_run_go_to(&j, "/dev/full"), XT_FAILED);
    unit_run_status("diverged", 1, false);
    unit_run_clear(&j);
}

static void the_reader_of_stdout_goes_away(void **state)
{
    (void)state;
    unit_job j;
    char path[40];
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(pipe_ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipe_ends[1]);
    unit_run_make(&j, 100);
    j.run.lines = true;
    j.net.spec.log_every = 1;
    unit_run_hook(&j, 10, close_reader);
    assert_int_equal(unit_run_go_to(&j, path), XT_OK);
    unit_run_status("finished", 100, true);
    close(pipe_ends[1]);
    signal(SIGPIPE, before);
    unit_run_clear(&j);
}

/* ---- directories that cannot be ---- */

static void refused_dir(const char *dir, const char *message)
{
    unit_job j;
    unit_run_make(&j, 3);
    j.net.spec.output_dir = dir;
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    assert_string_equal(unit_run_err.text, message);
    assert_int_equal(j.result.epochs, 0);
    assert_true(isnan(j.result.loss));
    unit_run_clear(&j);
}

static void directories_that_are_none(void **state)
{
    (void)state;
    write_text("file", "kept");
    refused_dir("file", "cannot create directory file: a file of that name exists");
    refused_dir("file/below", "cannot create directory file/below: Not a directory");
    refused_dir("/proc/xt-none/x", "cannot create directory /proc/xt-none: No such file or directory");
    unit_run_same_text("file", "kept");
}

static void a_directory_that_is_read_only(void **state)
{
    (void)state;
    assert_int_equal(mkdir("out", 0555), 0);
    /* Root writes there all the same. */
    if (access("out", W_OK) != 0)
        refused_dir("out", "cannot create out/loss.csv: Permission denied");
    assert_int_equal(chmod("out", 0777), 0);
}

static void a_directory_in_use(void **state)
{
    (void)state;
    xt_outdir dir = {.fd = -1};
    unit_job j;
    unit_run_make(&j, 3);
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_clear(&j);
    char *before = unit_run_text("out/run.json");
    assert_int_equal(xt_outdir_open("out", &dir, &unit_run_err), XT_OK);
    refused_dir("out", "out: another run is writing there; give this one its own output.dir");
    refused_dir("./out/", "./out/: another run is writing there; give this one its own output.dir");
    unit_run_same_text("out/run.json", before);
    free(before);
    xt_outdir_close(&dir);
    xt_outdir_close(&dir);
    unit_run_make(&j, 3);
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_clear(&j);
    /* A run has let go of it. */
    assert_int_equal(xt_outdir_open("out", &dir, &unit_run_err), XT_OK);
    xt_outdir_close(&dir);
}

static void files_of_a_directory(void **state)
{
    (void)state;
    xt_outdir dir = {.fd = -1};
    xt_buf path = {0};
    assert_int_equal(xt_outdir_open("a/b", &dir, &unit_run_err), XT_OK);
    xt_outdir_file(&dir, "f", &path);
    assert_string_equal(path.data, "a/b/f");
    xt_buf_clear(&path);
    assert_int_equal(xt_outdir_replace(&dir, "f", NULL, &(xt_span){"one", 3}, 1, &unit_run_err), XT_OK);
    assert_int_equal(xt_outdir_replace(&dir, "f", NULL, &(xt_span){"two!", 4}, 1, &unit_run_err), XT_OK);
    unit_run_same_text("a/b/f", "two!");
    assert_int_equal(xt_outdir_replace(&dir, "f", "g", &(xt_span){"three", 5}, 1, &unit_run_err), XT_OK);
    unit_run_same_text("a/b/g", "two!");
    unit_run_same_text("a/b/f", "three");
    xt_outdir_close(&dir);
    assert_int_equal(dir.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(the_second_csv_fails_on_the_way),
        IN_SCRATCH(the_second_csv_cannot_be),
        IN_SCRATCH(copies_that_cannot_be),
        IN_SCRATCH(a_copy_where_stdout_goes),
        IN_SCRATCH(lines_on_stdout),
        IN_SCRATCH(csv_on_stdout),
        IN_SCRATCH(json_is_the_csv),
        IN_SCRATCH(stdout_is_full),
        IN_SCRATCH(the_reader_of_stdout_goes_away),
        IN_SCRATCH(directories_that_are_none),
        IN_SCRATCH(a_directory_that_is_read_only),
        IN_SCRATCH(a_directory_in_use),
        IN_SCRATCH(files_of_a_directory),
    };
    return cmocka_run_group_tests_name("run sinks", tests, NULL, NULL);
}
