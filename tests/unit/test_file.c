/* src/base/file: reading with limits, replacing in one step, directories. */
#include "base/file.h"
#include "cases.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static xt_err err;
static char dir[64]; /* a fresh one for the whole program */

/* Path of a file in dir, in one of four static buffers. */
static const char *in(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *path, const char *text)
{
    xt_buf buf = {0};
    assert_int_equal(xt_file_read(path, 1000000, XT_BAD_DATA, &buf, &err), XT_OK);
    assert_string_equal(xt_buf_text(&buf), text);
    xt_buf_clear(&buf);
}

/* Names in a directory besides . and .. */
static size_t n_files(const char *path)
{
    DIR *open = opendir(path);
    assert_non_null(open);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(open));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open);
    return n;
}

/* ---- reading ---- */

static void read_appends_all_bytes(void **state)
{
    (void)state;
    xt_buf buf = {0}, large = {0};
    for (int i = 0; i < 20000; i++)
        xt_buf_printf(&large, "%07d\n", i);
    assert_int_equal(xt_file_replace(in("large"), large.data, large.len, &err), XT_OK);
    xt_buf_puts(&buf, "before:");
    assert_int_equal(xt_file_read(in("large"), large.len, XT_BAD_DATA, &buf, &err), XT_OK);
    assert_int_equal(buf.len, 7 + large.len);
    assert_memory_equal(buf.data + 7, large.data, large.len);
    xt_buf_clear(&buf);
    xt_buf_clear(&large);
    unlink(in("large"));
}

static void read_keeps_to_the_limit(void **state)
{
    (void)state;
    char expected[300];
    xt_buf buf = {0};
    put(in("five"), "12345");
    assert_int_equal(xt_file_read(in("five"), 5, XT_BAD_CONFIG, &buf, &err), XT_OK);
    assert_int_equal(xt_file_read(in("five"), 4, XT_BAD_CONFIG, &buf, &err), XT_BAD_CONFIG);
    snprintf(expected, sizeof expected, "%s: larger than the limit of 4 bytes", in("five"));
    assert_string_equal(err.text, expected);
    xt_buf_clear(&buf);
    unlink(in("five"));
}

static void read_of_an_endless_device_stops(void **state)
{
    (void)state;
    xt_buf buf = {0};
    assert_int_equal(xt_file_read("/dev/zero", 100000, XT_BAD_DATA, &buf, &err), XT_BAD_DATA);
    assert_true(buf.len <= 100000);
    xt_buf_clear(&buf);
}

typedef struct unreadable {
    const char *path, *message;
} unreadable;

static const unreadable unreadables[] = {
    {"/nowhere/at/all", "cannot open /nowhere/at/all: No such file or directory"},
    {"/", "cannot read /: Is a directory"},
    {"/dev/null/file", "cannot open /dev/null/file: Not a directory"},
    {"", "cannot open : No such file or directory"},
};

static void read_says_what_failed(void **state)
{
    const unreadable *row = *state;
    xt_buf buf = {0};
    assert_int_equal(xt_file_read(row->path, 10, XT_BAD_DATA, &buf, &err), XT_FAILED);
    assert_string_equal(err.text, row->message);
    xt_buf_clear(&buf);
}

static void read_takes_standard_input(void **state)
{
    (void)state;
    xt_buf buf = {0};
    put(in("piped"), "from stdin");
    int saved = dup(STDIN_FILENO), fd = open(in("piped"), O_RDONLY);
    assert_true(fd >= 0);
    dup2(fd, STDIN_FILENO);
    close(fd);
    xt_status all = xt_file_read("-", 100, XT_BAD_DATA, &buf, &err);
    lseek(STDIN_FILENO, 0, SEEK_SET);
    xt_status cut = xt_file_read("-", 3, XT_BAD_DATA, NULL, &err);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
    assert_int_equal(all, XT_OK);
    assert_string_equal(xt_buf_text(&buf), "from stdin");
    assert_int_equal(cut, XT_BAD_DATA);
    assert_string_equal(err.text, "standard input: larger than the limit of 3 bytes");
    xt_buf_clear(&buf);
    unlink(in("piped"));
}

/* ---- writing ---- */

static void write_all_says_what_failed(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(xt_write_all(fd, "the loss", "1\n", 2, &err), XT_FAILED);
    close(fd);
    assert_string_equal(err.text, "cannot write the loss: No space left on device");
    assert_int_equal(xt_write_all(-1, "nothing", "", 0, &err), XT_OK);
}

static void replace_makes_and_replaces(void **state)
{
    (void)state;
    size_t before = n_files(dir);
    assert_int_equal(xt_file_replace(in("new"), "one", 3, &err), XT_OK);
    assert_holds(in("new"), "one");
    assert_int_equal(xt_file_replace(in("new"), "", 0, &err), XT_OK);
    assert_holds(in("new"), "");
    assert_int_equal(xt_file_replace(in("new"), "three", 5, &err), XT_OK);
    assert_holds(in("new"), "three");
    assert_int_equal(n_files(dir), before + 1);
    unlink(in("new"));
}

/* Who has the old file open keeps the old bytes: it is a new file. */
static void replace_is_in_one_step(void **state)
{
    (void)state;
    char old[8] = "";
    put(in("kept"), "old");
    int fd = open(in("kept"), O_RDONLY);
    assert_int_equal(xt_file_replace(in("kept"), "newer", 5, &err), XT_OK);
    assert_int_equal(read(fd, old, sizeof old - 1), 3);
    close(fd);
    assert_string_equal(old, "old");
    assert_holds(in("kept"), "newer");
    unlink(in("kept"));
}

/* A device without room, as far as a process can have one without mounting. */
static void replace_on_a_full_device(void **state)
{
    (void)state;
    struct rlimit limit, small;
    static char bytes[100000];
    char expected[300];
    put(in("safe"), "old");
    size_t before = n_files(dir);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){4096, limit.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    xt_status status = xt_file_replace(in("safe"), bytes, sizeof bytes, &err);
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, XT_FAILED);
    snprintf(expected, sizeof expected, "cannot write %s: File too large", in("safe"));
    assert_string_equal(err.text, expected);
    assert_holds(in("safe"), "old");
    assert_int_equal(n_files(dir), before);
    unlink(in("safe"));
}

static void replace_keeps_permissions(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0666, 0444};
    struct stat info;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        put(in("shared"), "old");
        assert_int_equal(chmod(in("shared"), modes[i]), 0);
        assert_int_equal(xt_file_replace(in("shared"), "new", 3, &err), XT_OK);
        assert_int_equal(stat(in("shared"), &info), 0);
        assert_int_equal(info.st_mode & 0777, modes[i]);
        assert_holds(in("shared"), "new");
        unlink(in("shared"));
    }
}

/* Root may write anywhere: then as nobody. */
static void replace_in_an_unwritable_directory(void **state)
{
    (void)state;
    enum { NOBODY = 65534 };
    char expected[300];
    bool root = geteuid() == 0;
    assert_int_equal(mkdir(in("locked"), 0755), 0);
    put(in("locked/file"), "old");
    assert_int_equal(chmod(in("locked"), 0555), 0);
    if (root && seteuid(NOBODY) != 0)
        skip();
    xt_status status = xt_file_replace(in("locked/file"), "new", 3, &err);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, XT_FAILED);
    snprintf(expected, sizeof expected, "cannot create %s: Permission denied", in("locked/file"));
    assert_string_equal(err.text, expected);
    assert_holds(in("locked/file"), "old");
    assert_int_equal(n_files(in("locked")), 1);
    chmod(in("locked"), 0755);
    unlink(in("locked/file"));
    rmdir(in("locked"));
}

static void replace_says_what_failed(void **state)
{
    (void)state;
    char expected[300];
    assert_int_equal(xt_file_replace(in("absent/file"), "x", 1, &err), XT_FAILED);
    snprintf(expected, sizeof expected, "cannot create %s: No such file or directory", in("absent/file"));
    assert_string_equal(err.text, expected);
    assert_int_equal(xt_file_replace(dir, "x", 1, &err), XT_FAILED);
    snprintf(expected, sizeof expected, "cannot open %s: Is a directory", dir);
    assert_string_equal(err.text, expected);
}

/* Renaming over a device would make a plain file of it. */
static void replace_leaves_devices_and_links_in_place(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(xt_file_replace("/dev/null", "x", 1, &err), XT_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    assert_int_equal(xt_file_replace("/dev/full", "x", 1, &err), XT_FAILED);
    put(in("target"), "old");
    assert_int_equal(symlink("target", in("link")), 0);
    assert_int_equal(xt_file_replace(in("link"), "new", 3, &err), XT_OK);
    assert_int_equal(lstat(in("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_holds(in("target"), "new");
    unlink(in("link"));
    unlink(in("target"));
}

/* ---- directories and paths ---- */

static void make_dirs_makes_parents(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(xt_make_dirs(in("a/b/c"), &err), XT_OK);
    assert_int_equal(xt_make_dirs(in("a/b//c/"), &err), XT_OK);
    assert_int_equal(stat(in("a/b/c"), &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    rmdir(in("a/b/c"));
    rmdir(in("a/b"));
    rmdir(in("a"));
    assert_int_equal(xt_make_dirs("/", &err), XT_OK);
    assert_int_equal(xt_make_dirs(".", &err), XT_OK);
}

static void make_dirs_says_what_failed(void **state)
{
    (void)state;
    char expected[300];
    put(in("file"), "");
    assert_int_equal(xt_make_dirs(in("file"), &err), XT_FAILED);
    snprintf(expected, sizeof expected, "cannot create directory %s: a file of that name exists", in("file"));
    assert_string_equal(err.text, expected);
    assert_int_equal(xt_make_dirs(in("file/below"), &err), XT_FAILED);
    snprintf(expected, sizeof expected, "cannot create directory %s: Not a directory", in("file/below"));
    assert_string_equal(err.text, expected);
    assert_int_equal(xt_make_dirs("", &err), XT_FAILED);
    unlink(in("file"));
}

typedef struct beside_row {
    const char *beside, *path, *expected;
} beside_row;

static const beside_row beside_rows[] = {
    {"configs/xor.yaml", "xor.csv", "configs/xor.csv"},
    {"configs/xor.yaml", "../data/xor.csv", "configs/../data/xor.csv"},
    {"configs/xor.yaml", "/data/xor.csv", "/data/xor.csv"},
    {"xor.yaml", "xor.csv", "xor.csv"},
    {"/xor.yaml", "xor.csv", "/xor.csv"},
    {NULL, "xor.csv", "xor.csv"},
    {"-", "xor.csv", "xor.csv"},
};

static void path_beside(void **state)
{
    const beside_row *row = *state;
    xt_buf buf = {0};
    xt_path_beside(row->beside, row->path, &buf);
    assert_string_equal(xt_buf_text(&buf), row->expected);
    xt_buf_clear(&buf);
}

int main(void)
{
    const char *temp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%.40s/xortrain-XXXXXX", temp && *temp ? temp : "/tmp");
    if (!mkdtemp(dir) || chmod(dir, 0755) != 0)
        return 1;
    UNIT_CASE(read_appends_all_bytes);
    UNIT_CASE(read_keeps_to_the_limit);
    UNIT_CASE(read_of_an_endless_device_stops);
    for (size_t i = 0; i < sizeof unreadables / sizeof unreadables[0]; i++)
        unit_case(read_says_what_failed, &unreadables[i], "read_says_what_failed '%s'", unreadables[i].path);
    UNIT_CASE(read_takes_standard_input);
    UNIT_CASE(write_all_says_what_failed);
    UNIT_CASE(replace_makes_and_replaces);
    UNIT_CASE(replace_is_in_one_step);
    UNIT_CASE(replace_on_a_full_device);
    UNIT_CASE(replace_keeps_permissions);
    UNIT_CASE(replace_in_an_unwritable_directory);
    UNIT_CASE(replace_says_what_failed);
    UNIT_CASE(replace_leaves_devices_and_links_in_place);
    UNIT_CASE(make_dirs_makes_parents);
    UNIT_CASE(make_dirs_says_what_failed);
    for (size_t i = 0; i < sizeof beside_rows / sizeof beside_rows[0]; i++)
        unit_case(path_beside, &beside_rows[i], "path_beside %s of %s", beside_rows[i].path,
                  beside_rows[i].beside ? beside_rows[i].beside : "nothing");
    int failed = unit_run("file");
    rmdir(dir);
    return failed;
}
