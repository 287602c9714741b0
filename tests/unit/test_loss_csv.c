/* src/app: a loss.csv that is continued, and what the copies of its rows get. */
#include "app/loss_csv.h"
#include "app/sinks.h"
#include "base/file.h"
#include "base/hash.h"
#include "cases.h"
#include "model/metrics.h"
#include "runs.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[] = "epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds\n";

static volatile sig_atomic_t stop;
static xt_choice metric;
static xt_spec spec;
static xt_outdir dir;
static xt_sinks sinks;
static xt_hash *losses;
static xt_err err;

static void open_sinks(const char *csv_path, const char *jsonl_path)
{
    metric = xt_choose(&xt_metrics, "accuracy");
    spec = (xt_spec){.epochs = 100, .n_metrics = 1, .metrics = &metric, .validation.given = true};
    err = (xt_err){.status = XT_OK};
    assert_int_equal(xt_outdir_open("out", &dir, &err), XT_OK);
    assert_int_equal(xt_hash_open(&losses, &err), XT_OK);
    xt_sinks_init(&sinks, &spec, false, csv_path, jsonl_path, &stop);
    if (xt_sinks_open_copies(&sinks, NULL, 0, &dir, &err))
        fail_msg("%s", err.text);
}

static void close_sinks(void)
{
    assert_int_equal(xt_sinks_close(&sinks, &err), XT_OK);
    xt_outdir_close(&dir);
    xt_hash_close(&losses);
}

/* Rows that depend on their epoch alone; every second one is validated. */
static void add_rows(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i <= to; i++) {
        xt_run_row row = {.epoch = i, .validated = i % 2 == 0, .validation = {0.25, {(double)NAN}}};
        row.train = (xt_epoch){.loss = 1 / (double)i, .metrics = {0.5}, .learning_rate = 0.1f, .step = 4 * (uint64_t)i};
        xt_sinks_add(&sinks, &row, i / 1024.0, false);
        if (xt_sinks_full(&sinks))
            assert_int_equal(xt_sinks_flush(&sinks, &err), XT_OK);
    }
    assert_int_equal(xt_sinks_flush(&sinks, &err), XT_OK);
    assert_int_equal(xt_sinks_sync(&sinks, &err), XT_OK);
}

/* out/loss.csv and copies of a run that nothing interrupts. */
static void whole_run(uint32_t from, uint32_t to, const char *csv_path, const char *jsonl_path)
{
    open_sinks(csv_path, jsonl_path);
    assert_int_equal(xt_sinks_stage_csv(&sinks, &dir, &err), XT_OK);
    assert_int_equal(xt_sinks_start(&sinks, &err), XT_OK);
    assert_int_equal(xt_outdir_commit(&dir, &err), XT_OK);
    add_rows(from, to);
    close_sinks();
}

static void write_bytes(const char *path, const char *bytes, size_t n)
{
    assert_int_equal(xt_file_replace(path, bytes, n, &err), XT_OK);
}

static void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

static void append(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void keep_rows(uint32_t first, uint32_t epoch)
{
    bool found = false;
    if (xt_sinks_continue(&sinks, &dir, first, epoch, losses, &found, &err))
        fail_msg("%s", err.text);
    assert_true(found);
}

static void start(void)
{
    if (xt_sinks_start(&sinks, &err))
        fail_msg("%s", err.text);
}

static void expect_losses(uint32_t first, uint32_t epoch)
{
    xt_buf column = {0};
    char expected[XT_HASH_BYTES], hex[XT_HASH_BYTES], number[32];
    for (uint32_t i = first; i <= epoch; i++) {
        xt_csv_number(1 / (double)i, number);
        xt_buf_printf(&column, "%s\n", number);
    }
    xt_hash_block(xt_buf_text(&column), column.len, expected);
    xt_hash_hex(losses, hex);
    assert_string_equal(hex, expected);
    xt_buf_clear(&column);
}

/* ---- what is continued ---- */

typedef struct kept_row {
    const char *name;
    uint32_t first, kept, had, to;
    const char *tail; /* behind the rows that it had */
} kept_row;

static const kept_row kept_rows[] = {
    {"at its end", 1, 5, 5, 8, ""},
    {"with rows beyond", 1, 3, 9, 8, ""},
    {"with a torn row beyond", 1, 5, 5, 8, "6,0.1666"},
    {"with bytes beyond", 1, 5, 5, 8, "x\r\ny\n\n"},
    {"before its first row", 1, 0, 3, 8, ""},
    {"that has no row", 1, 0, 0, 8, ""},
    {"of a later run", 41, 45, 50, 60, ""},
    {"of a later run before its first row", 41, 40, 50, 60, ""},
    {"larger than blocks, copies too", 1, 6000, 9000, 12000, "9001,0."},
};

static void goes_on(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    const kept_row *k = *state;
    whole_run(k->first, k->to, "whole.csv", "whole.jsonl");
    char *csv = unit_run_text("whole.csv"), *jsonl = unit_run_text("whole.jsonl");
    unit_run_same_text("out/loss.csv", csv);
    /* Whatever stood in the copies. */
    write_text("copy.csv", "longer than nothing\n");
    whole_run(k->first, k->had, "copy.csv", NULL);
    write_text("copy.jsonl", "{\"epoch\":7}\n{\"epo");
    append("out/loss.csv", k->tail);
    char *before = unit_run_text("out/loss.csv"), *copy_before = unit_run_text("copy.csv");
    open_sinks("copy.csv", "copy.jsonl");
    keep_rows(k->first, k->kept);
    expect_losses(k->first, k->kept);
    unit_run_same_text("out/loss.csv", before);
    unit_run_same_text("copy.csv", copy_before);
    start();
    add_rows(k->kept + 1, k->to);
    close_sinks();
    unit_run_same_text("out/loss.csv", csv);
    unit_run_same_text("copy.csv", csv);
    unit_run_same_text("copy.jsonl", jsonl);
    unit_run_files("out", "loss.csv ");
    free(csv);
    free(jsonl);
    free(before);
    free(copy_before);
    assert_int_equal(unit_run_leave(state), 0);
}

/* A stream cannot take back what it had: it gets the rows from now on. */
static void streams_begin_with_the_next_row(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    char text[512], expected[512];
    whole_run(1, 9, NULL, NULL);
    assert_int_equal(mkfifo("fifo", 0666), 0);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    open_sinks("fifo", NULL);
    keep_rows(1, 5);
    start();
    add_rows(6, 6);
    close_sinks();
    ssize_t n = read(reader, text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    close(reader);
    snprintf(expected, sizeof expected, "%s6,0.166666667,0.25,0.5,nan,0.1,24,0.005859\n", header);
    assert_string_equal(text, expected);
    assert_int_equal(unit_run_leave(state), 0);
}

static void there_is_none(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    bool found = true;
    open_sinks(NULL, NULL);
    assert_int_equal(xt_sinks_continue(&sinks, &dir, 1, 5, losses, &found, &err), XT_OK);
    assert_false(found);
    expect_losses(1, 0);
    unit_run_files("out", "");
    /* A new one takes its place. */
    assert_int_equal(xt_sinks_stage_csv(&sinks, &dir, &err), XT_OK);
    start();
    assert_int_equal(xt_outdir_commit(&dir, &err), XT_OK);
    close_sinks();
    unit_run_same_text("out/loss.csv", header);
    assert_int_equal(xt_sinks_sync(&sinks, &err), XT_OK);
    assert_int_equal(unit_run_leave(state), 0);
}

/* ---- what is not ---- */

#define ROW1 "1,1,,0.5,,0.1,4,0.000977\n"
#define ROW2 "2,0.5,0.25,0.5,nan,0.1,8,0.001953\n"
#define ROW3 "3,0.333333333,,0.5,,0.1,12,0.002930\n"
#define HEADER "epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds\n"

typedef struct refused_row {
    const char *text, *message; /* without "out/loss.csv:" */
} refused_row;

/* Continued after epoch 3. */
static const refused_row refused_rows[] = {
    {"", " is empty; expected a header"},
    {"epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds", "1: the header has no end"},
    {"epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds\r\n" ROW1 ROW2 ROW3,
     "1: the header has 'seconds\r' as column 8, where this run has 'seconds'"},
    {"epoch,loss,accuracy,learning_rate,step,seconds\n" ROW1 ROW2 ROW3,
     "1: the header has 'accuracy' as column 3, where this run has 'val_loss'"},
    {"epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step\n" ROW1 ROW2 ROW3,
     "1: the header has no column 8, which is 'seconds' in this run"},
    {"epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds,x\n" ROW1 ROW2 ROW3,
     "1: the header has 'x' as column 9, where this run has none"},
    {"epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,step,seconds,\n" ROW1 ROW2 ROW3,
     "1: the header has '' as column 9, where this run has none"},
    {"\n", "1: the header has '' as column 1, where this run has 'epoch'"},
    {ROW1 ROW2 ROW3, "1: the header has '1' as column 1, where this run has 'epoch'"},
    {HEADER, "2: ends before the row of epoch 1; expected rows up to epoch 3"},
    {HEADER ROW1 ROW2, "4: ends before the row of epoch 3; expected rows up to epoch 3"},
    {HEADER ROW1 ROW2 "3,0.333333333,,0.5,,0.1,12,0.002930",
     "4: ends within the row of epoch 3; expected rows up to epoch 3"},
    {HEADER ROW1 ROW3, "3: expected the row of epoch 2, found '3'"},
    {HEADER ROW1 ROW1 ROW2 ROW3, "3: expected the row of epoch 2, found '1'"},
    {HEADER ROW2 ROW1 ROW3, "2: expected the row of epoch 1, found '2'"},
    {HEADER HEADER ROW1 ROW2 ROW3, "2: expected the row of epoch 1, found 'epoch'"},
    {HEADER "01" ROW1, "2: expected the row of epoch 1, found '011'"},
    {HEADER "1.0,1,,0.5,,0.1,4,0.1\n", "2: expected the row of epoch 1, found '1.0'"},
    {HEADER ROW1 "\n" ROW2 ROW3, "3: expected the row of epoch 2, found ''"},
    {HEADER "1\n", "2: expected 8 columns, found 1"},
    {HEADER "1,1,,0.5,,0.1,4\n", "2: expected 8 columns, found 7"},
    {HEADER "1,1,,0.5,,0.1,4,0.1,\n", "2: expected 8 columns, found 9"},
    {HEADER "1,1,,0.5,,0.1,4,0.1,2\n", "2: expected 8 columns, found 9"},
    {HEADER "1,,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found ''"},
    {HEADER "1,1,,0.5,,0.1,4,\n", "2: column 'seconds': expected a number, found ''"},
    {HEADER "1,1,,0.5,,0.1,4,0.1\r\n", "2: column 'seconds': expected a number, found '0.1\r'"},
    {HEADER "1,1,x,0.5,,0.1,4,0.1\n", "2: column 'val_loss': expected a number, found 'x'"},
    {HEADER "1,\"1\",,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '\"1\"'"},
    {HEADER "1,01,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '01'"},
    {HEADER "1,.5,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '.5'"},
    {HEADER "1,5.,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '5.'"},
    {HEADER "1,-,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '-'"},
    {HEADER "1,1e,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '1e'"},
    {HEADER "1,1e+,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '1e+'"},
    {HEADER "1,-nan,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found '-nan'"},
    {HEADER "1,infinity,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found 'infinity'"},
    {HEADER "1, 1,,0.5,,0.1,4,0.1\n", "2: column 'loss': expected a number, found ' 1'"},
};

static void expect_refusal(const char *message)
{
    char text[300];
    bool found = true;
    size_t n, n_after;
    char *before = unit_run_bytes("out/loss.csv", &n);
    open_sinks(NULL, NULL);
    assert_int_equal(xt_sinks_continue(&sinks, &dir, 1, 3, losses, &found, &err), XT_BAD_DATA);
    assert_int_equal(err.status, XT_BAD_DATA);
    snprintf(text, sizeof text, "out/loss.csv:%s", message);
    assert_string_equal(err.text, text);
    assert_true(found);
    close_sinks();
    char *after = unit_run_bytes("out/loss.csv", &n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
}

static void refused(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    const refused_row *row = *state;
    assert_int_equal(mkdir("out", 0777), 0);
    write_text("out/loss.csv", row->text);
    expect_refusal(row->message);
    assert_int_equal(unit_run_leave(state), 0);
}

/* What numbers may look like, and what is not looked at. */
static void taken(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    assert_int_equal(mkdir("out", 0777), 0);
    write_text("out/loss.csv", HEADER "1,-1.5e-08,inf,-inf,,0.1,4,0.1\n2,nan,-0,0,1e+20,1e-08,8,0.2\n"
                                      "3,0,,0,,0,0,0\nx\n");
    open_sinks(NULL, "rows.jsonl");
    keep_rows(1, 2);
    start();
    close_sinks();
    unit_run_same_text("rows.jsonl",
                       "{\"epoch\":1,\"loss\":-1.5e-08,\"val_loss\":null,\"accuracy\":null,\"val_accuracy\":null,"
                       "\"learning_rate\":0.1,\"step\":4,\"seconds\":0.1}\n"
                       "{\"epoch\":2,\"loss\":null,\"val_loss\":-0,\"accuracy\":0,\"val_accuracy\":1e+20,"
                       "\"learning_rate\":1e-08,\"step\":8,\"seconds\":0.2}\n");
    unit_run_same_text("out/loss.csv", HEADER "1,-1.5e-08,inf,-inf,,0.1,4,0.1\n2,nan,-0,0,1e+20,1e-08,8,0.2\n");
    assert_int_equal(unit_run_leave(state), 0);
}

static void refused_bytes(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    static const char nul_in_row[] = HEADER ROW1 "2,0.5,0.25,\0\0\0\0\0\0,8,0.001953\n" ROW3;
    static const char nul_in_header[] = "epoch,loss\0\n" ROW1;
    static char long_line[XT_LINES_BLOCK + 100];
    assert_int_equal(mkdir("out", 0777), 0);
    write_bytes("out/loss.csv", nul_in_row, sizeof nul_in_row - 1);
    expect_refusal("3: has a NUL byte, as a crash of the machine may leave it");
    write_bytes("out/loss.csv", nul_in_header, sizeof nul_in_header - 1);
    expect_refusal("1: has a NUL byte, as a crash of the machine may leave it");
    memset(long_line, '1', sizeof long_line);
    write_bytes("out/loss.csv", long_line, sizeof long_line);
    expect_refusal("1: a line of more than 65536 bytes");
    memcpy(long_line, HEADER, strlen(HEADER));
    write_bytes("out/loss.csv", long_line, sizeof long_line);
    expect_refusal("2: a line of more than 65536 bytes");
    assert_int_equal(unit_run_leave(state), 0);
}

static void files_that_are_none(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    bool found;
    static const char message[] = "cannot continue out/loss.csv: it is no regular file";
    assert_int_equal(mkdir("out", 0777), 0);
    write_text("elsewhere", HEADER ROW1);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            assert_int_equal(symlink("../elsewhere", "out/loss.csv"), 0);
        else
            assert_int_equal(mkfifo("out/loss.csv", 0666), 0);
        open_sinks(NULL, NULL);
        assert_int_equal(xt_sinks_continue(&sinks, &dir, 1, 1, losses, &found, &err), XT_FAILED);
        assert_string_equal(err.text, message);
        close_sinks();
        assert_int_equal(remove("out/loss.csv"), 0);
    }
    unit_run_same_text("elsewhere", HEADER ROW1);
    /* A directory is found before. */
    assert_int_equal(mkdir("out/loss.csv", 0777), 0);
    assert_int_equal(xt_outdir_open("out", &dir, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot replace out/loss.csv: it is a directory");
    assert_int_equal(unit_run_leave(state), 0);
}

/* ---- a start that fails ---- */

/* loss.csv is cut last; a copy on a full disk has whole rows. */
static void a_copy_that_fails(void **state)
{
    assert_int_equal(unit_run_enter(state), 0);
    struct rlimit limit;
    whole_run(1, 9000, NULL, NULL);
    char *before = unit_run_text("out/loss.csv");
    open_sinks("/dev/full", NULL);
    keep_rows(1, 8000);
    assert_int_equal(xt_sinks_start(&sinks, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot write /dev/full: No space left on device");
    close_sinks();
    unit_run_same_text("out/loss.csv", before);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    write_text("copy.csv", "old\n");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){200000, limit.rlim_max}), 0);
    open_sinks("copy.csv", "new.jsonl");
    keep_rows(1, 8000);
    xt_status status = xt_sinks_start(&sinks, &err);
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, XT_FAILED);
    assert_string_equal(err.text, "cannot write copy.csv: File too large");
    close_sinks();
    unit_run_same_text("out/loss.csv", before);
    char *copy = unit_run_text("copy.csv");
    size_t n = strlen(copy);
    assert_true(n > strlen(header) && n < 200000 && copy[n - 1] == '\n');
    assert_memory_equal(copy, before, n);
    /* And a file that was not there is not there. */
    unit_run_files(".", "copy.csv out ");
    free(copy);
    free(before);
    assert_int_equal(unit_run_leave(state), 0);
}

int main(void)
{
    for (size_t i = 0; i < sizeof kept_rows / sizeof kept_rows[0]; i++)
        unit_case(goes_on, &kept_rows[i], "goes on: one %s", kept_rows[i].name);
    UNIT_CASE(streams_begin_with_the_next_row);
    UNIT_CASE(there_is_none);
    for (size_t i = 0; i < sizeof refused_rows / sizeof refused_rows[0]; i++)
        unit_case(refused, &refused_rows[i], "refused %zu:%s", i, refused_rows[i].message);
    UNIT_CASE(taken);
    UNIT_CASE(refused_bytes);
    UNIT_CASE(files_that_are_none);
    UNIT_CASE(a_copy_that_fails);
    return unit_run("loss.csv");
}
