/* Tables in real files and on standard input: data/, what cannot be read, checksums. */
#include "base/hash.h"
#include "tables.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static xt_err err;
static char dir[] = "/tmp/xortrain-data-XXXXXX", path[sizeof dir + 16];

static const xt_column y = {"y", 0};

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

/* path becomes a file of this name in the directory, with this text. */
static void write_file(const char *name, const char *text, size_t n_bytes)
{
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

static xt_status load(const xt_source *source, xt_parts *parts)
{
    xt_layer layer;
    xt_spec spec = unit_table_spec(source, "linear", 1, &layer);
    return xt_parts_load(&spec, parts, &err);
}

static xt_status load_input(const xt_source *source, xt_input *input, xt_parts *parts)
{
    xt_layer layer;
    xt_spec spec = unit_table_spec(source, "linear", 1, &layer);
    return xt_parts_load_input(&spec, input, parts, &err);
}

static void assert_loads(const char *file, xt_parts *parts)
{
    if (load(&(xt_source){.file = file, .target_columns = {&y, 1}}, parts))
        fail_msg("%s", err.text);
}

/* data/xor.csv and its checksum as `xxhsum -H2 data/xor.csv` shows it. */
static void tutorial_table(void **state)
{
    (void)state;
    xt_parts parts = {0};
    assert_loads("data/xor.csv", &parts);
    assert_int_equal(parts.train.n_rows, 4);
    assert_string_equal(parts.train.hash, "9d11df333d4334fb34c911bedcafa8ff");
    assert_string_equal(parts.train.origin, "data/xor.csv");
    xt_parts_clear(&parts);
}

static void penguins(void **state)
{
    (void)state;
    static const xt_column inputs[] = {{"bill_length_mm", 0}, {"bill_depth_mm", 0}, {"flipper_length_mm", 0}};
    static const xt_column mass = {"body_mass_g", 0};
    xt_source source = {.file = "data/penguins.csv", .missing = XT_MISSING_DROP, .input_columns = {inputs, 3},
                        .target_columns = {&mass, 1}};
    xt_parts parts = {0};
    assert_int_equal(load(&source, &parts), XT_OK);
    assert_int_equal(parts.train.n_rows, 342);
    assert_int_equal(parts.train.n_dropped, 2);
    double sum = 0;
    for (size_t i = 0; i < parts.train.n_rows; i++)
        sum += (double)parts.train.targets[i];
    assert_true(fabs(sum / 342 - 4201.754386) < 1e-5);
    assert_true(parts.train.inputs[3] == 39.5f && parts.train.inputs[4] == 17.4f && parts.train.inputs[5] == 186);
    xt_parts_clear(&parts);
    source.input_columns.n = 0;
    assert_int_equal(load(&source, &parts), XT_BAD_DATA);
    assert_memory_equal(err.text, "data/penguins.csv:2:1: 'Adelie' is not a number (column 'species'); encode", 74);
}

/* A pipe gives its bytes in pieces of any size: here one at a time, so that the
 * byte order mark and every CRLF are torn apart. */
static void standard_input(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBFx,y\r\n1,2\r\n\"3\",\"4\"\r\n";
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        for (size_t i = 0; i < sizeof text - 1; i++)
            if (write(ends[1], text + i, 1) != 1 || usleep(100) != 0)
                _exit(1);
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    xt_parts parts = {0};
    assert_loads("-", &parts);
    /* it is not ours to close */
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    dup2(saved, STDIN_FILENO);
    close(saved);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(parts.train.n_rows, 2);
    assert_true(parts.train.inputs[1] == 3 && parts.train.targets[1] == 4);
    assert_string_equal(parts.train.input_names[0], "x");
    assert_string_equal(parts.train.origin, "standard input");
    xt_parts_clear(&parts);
}

static void refuse(const xt_source *source, xt_status status, const char *expected)
{
    xt_parts parts, before;
    memset(&parts, 0x5A, sizeof parts);
    before = parts;
    assert_int_equal(load(source, &parts), status);
    assert_string_equal(err.text, expected);
    assert_memory_equal(&parts, &before, sizeof parts);
}

static void refuse_file(const char *file, xt_status status, const char *expected)
{
    refuse(&(xt_source){.file = file, .target_columns = {&y, 1}}, status, expected);
}

static void unreadable(void **state)
{
    (void)state;
    refuse_file("data/none.csv", XT_FAILED, "cannot open data/none.csv: No such file or directory");
    refuse_file("data", XT_FAILED, "cannot read data: Is a directory");
    int saved = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    refuse_file("-", XT_FAILED, "cannot read standard input: Bad file descriptor");
    dup2(saved, STDIN_FILENO);
    close(saved);
}

/* Only a folder of that name says that the package is there; it is never there for these. */
static void a_package_would_have_it(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"/usr/share/datasets/no-such/train.csv", "; Debian's package dataset-no-such has it"},
        {"/usr/share/datasets/no-such/part/train.npy", "; Debian's package dataset-no-such has it"},
        {"/usr/share/datasets/no-such", ""},
        {"/usr/share/datasets//train.csv", ""},
        {"/usr/share/datasets/../no-such.csv", ""},
        {"/usr/share/no-such/datasets/x/train.csv", ""},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char expected[200];
        snprintf(expected, sizeof expected, "cannot open %s: No such file or directory%s", files[i][0], files[i][1]);
        refuse_file(files[i][0], XT_FAILED, expected);
    }
}

/* Three rows and then a bad disk. */
static xt_status read_badly(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    (void)n_bytes;
    if (!input->n_bytes--) {
        errno = EIO;
        return xt_fail_errno(fault, "cannot read %s", input->name);
    }
    memcpy(bytes, "a,1\n", 4);
    *n_fetched = 4;
    return XT_OK;
}

/* A short read must not pass for the end of the file: half the data would be lost. */
static void read_error_in_the_middle(void **state)
{
    (void)state;
    xt_input input = {.name = "disk", .fetch = read_badly, .n_bytes = 3};
    xt_source source = {.file = "disk", .header = XT_HEADER_FALSE, .target_columns = {&(xt_column){NULL, 1}, 1}};
    xt_parts parts = {.train.n_rows = 5};
    assert_int_equal(load_input(&source, &input, &parts), XT_FAILED);
    assert_string_equal(err.text, "cannot read disk: Input/output error");
    assert_int_equal(parts.train.n_rows, 5);
    xt_input_close(&input);
}

/* Cells of 1 MiB without a line end, for ever. */
static xt_status read_one_row(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    (void)fault;
    memset(bytes, '0', n_bytes);
    input->n_bytes += n_bytes;
    if (input->n_bytes % (1 << 20) == 0)
        ((char *)bytes)[n_bytes - 1] = ',';
    *n_fetched = n_bytes;
    return XT_OK;
}

/* The wrong file on a pipe must not fill the memory before it is refused. */
static void row_without_end(void **state)
{
    (void)state;
    xt_input input = {.name = "pipe", .fetch = read_one_row};
    xt_source source = {.file = "pipe", .target_columns = {&y, 1}};
    xt_parts parts = {0};
    assert_int_equal(load_input(&source, &input, &parts), XT_BAD_DATA);
    assert_string_equal(err.text, "pipe:1:67108865: the row is longer than 64 MiB");
    xt_input_close(&input);
}

static void messages_name_the_file(void **state)
{
    (void)state;
    char expected[300];
    write_file("a.tsv", "y\tx\n1\tmale\n", 11);
    snprintf(expected, sizeof expected, "%s:2:3: 'male' is not a number (column 'x'); encode makes an input of each value of a column, ignore leaves it out", path);
    refuse_file(path, XT_BAD_DATA, expected);
    unlink(path);
}

/* Cells, line ends and quotes across the ends of chunks of 64 KiB. */
static void many_chunks(void **state)
{
    (void)state;
    enum { N = 60000 };
    xt_buf text = {0};
    xt_buf_puts(&text, "x,y,\"text\"\r\n");
    for (int i = 0; i < N; i++)
        xt_buf_printf(&text, "%d,%d.25,\"%.*s,\"\"\n\"\r\n", i, i, i % 13, "gr\xC3\xB6\xC3\x9F" "er als 1");
    write_file("big.csv", text.data, text.len);
    static const xt_column ignored = {"text", 0};
    xt_source source = {.file = path, .target_columns = {&y, 1}, .ignore_columns = {&ignored, 1}};
    xt_parts parts = {0};
    assert_int_equal(load(&source, &parts), XT_OK);
    assert_int_equal(parts.train.n_rows, N);
    for (int i = 0; i < N; i++)
        assert_true(parts.train.inputs[i] == (float)i && parts.train.targets[i] == (float)i + 0.25f);
    char hex[33];
    xt_hash_block(text.data, text.len, hex);
    assert_string_equal(parts.train.hash, hex);
    xt_parts_clear(&parts);
    /* the place of the last cell, two lines a row and one for the header */
    xt_buf_puts(&text, "1,bad,");
    write_file("big.csv", text.data, text.len);
    char expected[200];
    snprintf(expected, sizeof expected, "%s:%d:3: 'bad' is not a number (column 'y')", path, 2 * N + 2);
    refuse(&source, XT_BAD_DATA, expected);
    unlink(path);
    xt_buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tutorial_table),           cmocka_unit_test(penguins),
        cmocka_unit_test(standard_input),           cmocka_unit_test(unreadable),
        cmocka_unit_test(a_package_would_have_it),
        cmocka_unit_test(read_error_in_the_middle), cmocka_unit_test(messages_name_the_file),
        cmocka_unit_test(many_chunks),              cmocka_unit_test(row_without_end),
    };
    return cmocka_run_group_tests_name("table files", tests, make_dir, remove_dir);
}
