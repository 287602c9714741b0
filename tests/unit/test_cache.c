/* The cache of compiled programs, as files and directories: no device. */
#include "ocl/cache.h"
#include "ocl/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char key[] = "0123456789abcdef0123456789abcdef", other[] = "0123456789abcdef0123456789abcdee";
static const char program[] = "what a driver gave, with a \0 in it";
enum { N = sizeof program, N_FILE = N + XT_CACHE_HEADER_BYTES };

static char dir[40]; /* of one test */

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/xt-test-cache-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* dir/name, in one of a few places that are used in turn. */
static const char *in_dir(const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static const char *entry_path(const char *of)
{
    char name[256];
    snprintf(name, sizeof name, "%s.xtbin", of);
    return in_dir(name);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void set_age(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static size_t n_files(void)
{
    DIR *files = opendir(dir);
    size_t n = 0;
    assert_non_null(files);
    while (readdir(files))
        n++;
    closedir(files);
    return n - 2;
}

static xt_cache *open_cache(uint64_t max_bytes)
{
    xt_cache *cache = NULL;
    xt_err err;
    assert_int_equal(xt_cache_open_at(dir, max_bytes, &cache, &err), XT_OK);
    return cache;
}

/* ---- the file ---- */

static void only_what_was_written_is_read(void **state)
{
    (void)state;
    unsigned char file[N_FILE + 1] = {0};
    size_t n = 0;
    xt_err err;
    xt_cache_make_header(key, program, N, file);
    memcpy(file + XT_CACHE_HEADER_BYTES, program, N);
    assert_int_equal(xt_cache_parse(key, file, N_FILE, &n, &err), XT_OK);
    assert_int_equal(n, N);
    n = 7;
    assert_int_equal(xt_cache_parse(other, file, N_FILE, &n, &err), XT_FAILED);
    assert_string_equal(err.text, "it is another key's");
    for (size_t cut = 0; cut < N_FILE; cut++)
        assert_int_equal(xt_cache_parse(key, file, cut, &n, &err), XT_FAILED);
    assert_int_equal(xt_cache_parse(key, file, N_FILE + 1, &n, &err), XT_FAILED);
    for (size_t at = 0; at < N_FILE; at++)
        for (int bit = 0; bit < 8; bit++) {
            file[at] ^= (unsigned char)(1 << bit);
            assert_int_equal(xt_cache_parse(key, file, N_FILE, &n, &err), XT_FAILED);
            assert_true(err.text[0]);
            file[at] ^= (unsigned char)(1 << bit);
        }
    assert_int_equal(n, 7);
    xt_cache_make_header(key, "", 0, file);
    assert_int_equal(xt_cache_parse(key, file, XT_CACHE_HEADER_BYTES, &n, &err), XT_OK);
    assert_int_equal(n, 0);
}

static void an_entry_goes_round(void **state)
{
    (void)state;
    xt_cache *cache = open_cache(1 << 20);
    xt_cache_entry entry = {0};
    struct stat info;
    xt_err err;
    assert_false(xt_cache_has(cache, key));
    assert_int_equal(xt_cache_read(cache, key, &entry, &err), XT_FAILED);
    assert_string_equal(err.text, "it is not there");
    assert_int_equal(xt_cache_write(cache, key, "before", 6, &err), XT_OK);
    assert_int_equal(xt_cache_write(cache, key, program, N, &err), XT_OK);
    assert_true(xt_cache_has(cache, key));
    assert_int_equal(xt_cache_read(cache, key, &entry, &err), XT_OK);
    assert_int_equal(entry.n_bytes, N);
    assert_memory_equal(entry.bytes, program, N);
    xt_cache_entry_clear(&entry);
    assert_null(entry.memory);
    assert_int_equal(stat(entry_path(key), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(n_files(), 1);
    xt_cache_close(&cache);
    xt_cache_close(&cache);
}

static void expect_miss(const xt_cache *cache, const char *why)
{
    xt_cache_entry entry = {0};
    xt_err err;
    assert_int_equal(xt_cache_read(cache, key, &entry, &err), XT_FAILED);
    assert_null(entry.memory);
    assert_false(xt_cache_has(cache, key));
    if (!strstr(err.text, why))
        fail_msg("expected '%s' in '%s'", why, err.text);
}

static void what_is_no_entry_is_not_there(void **state)
{
    (void)state;
    xt_cache *cache = open_cache(1 << 20);
    const char *path = strdup(entry_path(key)), *kept = strdup(in_dir("kept"));
    xt_cache_entry entry = {0};
    xt_err err;
    assert_true(path && kept);
    write_file(path, "", 0);
    expect_miss(cache, "too few for a header");
    assert_int_equal(xt_cache_write(cache, key, program, N, &err), XT_OK);
    assert_int_equal(chmod(path, 0620), 0);
    expect_miss(cache, "this user's alone");
    if (geteuid() == 0) {
        assert_int_equal(chmod(path, 0600) | chown(path, 65534, (gid_t)-1), 0);
        expect_miss(cache, "this user's alone");
        assert_int_equal(chown(path, geteuid(), (gid_t)-1), 0);
    }
    assert_int_equal(chmod(path, 0600) | rename(path, kept), 0);
    assert_int_equal(symlink(kept, path), 0);
    expect_miss(cache, "cannot be opened");
    assert_false(xt_cache_has(cache, key));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_miss(cache, "this user's alone");
    unlink(path);
    /* Far larger than any, without a byte on the disk. */
    write_file(path, "", 0);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    expect_miss(cache, "more than any entry has");
    /* Each is replaced by the next that is written, links too. */
    unlink(path);
    assert_int_equal(symlink(kept, path), 0);
    assert_int_equal(xt_cache_write(cache, key, "new", 3, &err), XT_OK);
    assert_int_equal(xt_cache_read(cache, key, &entry, &err), XT_OK);
    assert_int_equal(entry.n_bytes, 3);
    xt_cache_entry_clear(&entry);
    assert_int_equal(unlink(path) | rename(kept, path), 0);
    assert_int_equal(xt_cache_read(cache, key, &entry, &err), XT_OK);
    assert_int_equal(entry.n_bytes, N);
    xt_cache_entry_clear(&entry);
    /* A folder cannot be replaced: said, and nothing is left. */
    assert_int_equal(unlink(path) | mkdir(path, 0700), 0);
    expect_miss(cache, "this user's alone");
    assert_int_equal(xt_cache_write(cache, key, program, N, &err), XT_FAILED);
    assert_int_equal(n_files(), 1);
    xt_cache_close(&cache);
    free((void *)(uintptr_t)path);
    free((void *)(uintptr_t)kept);
}

/* ---- the directory ---- */

static void a_directory_that_others_may_write_is_refused(void **state)
{
    (void)state;
    xt_cache *cache = NULL;
    struct stat info;
    xt_err err;
    const char *path = in_dir("a/b");
    assert_int_equal(xt_cache_open_at(path, 1, &cache, &err), XT_OK);
    xt_cache_close(&cache);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(xt_cache_open_at(path, 1, &cache, &err), XT_OK);
    xt_cache_close(&cache);
    static const mode_t modes[] = {0770, 0702, 0777};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(xt_cache_open_at(path, 1, &cache, &err), XT_FAILED);
        assert_non_null(strstr(err.text, "others may write it"));
        assert_null(cache);
    }
    assert_int_equal(chmod(path, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
        assert_int_equal(xt_cache_open_at(path, 1, &cache, &err), XT_FAILED);
        assert_non_null(strstr(err.text, "another user"));
    }
    path = in_dir("file");
    write_file(path, "", 0);
    assert_int_equal(xt_cache_open_at(path, 1, &cache, &err), XT_FAILED);
    assert_int_equal(xt_cache_open_at(in_dir("file/below"), 1, &cache, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "Not a directory"));
}

/* Opens the user's cache and says whether it is at that path. */
static bool opens(const char *path)
{
    xt_cache *cache = xt_cache_open();
    xt_err err;
    if (!cache)
        return path == NULL;
    assert_int_equal(xt_cache_write(cache, key, "", 0, &err), XT_OK);
    xt_cache_close(&cache);
    char name[400];
    snprintf(name, sizeof name, "%s/%s.xtbin", path ? path : "", key);
    return unlink(name) == 0;
}

static void the_environment_says_where(void **state)
{
    (void)state;
    static const char *const names[] = {"XORTRAIN_CACHE_DIR", "XDG_CACHE_HOME", "HOME"};
    char *kept[3];
    for (size_t i = 0; i < 3; i++)
        kept[i] = getenv(names[i]) ? strdup(getenv(names[i])) : NULL;
    assert_int_equal(chdir(dir), 0);
    setenv(names[0], "own", 1);
    setenv(names[1], in_dir("xdg"), 1);
    setenv(names[2], in_dir("home"), 1);
    assert_true(opens(in_dir("own")));
    setenv(names[0], "", 1);
    assert_true(opens(in_dir("xdg/xortrain")));
    setenv(names[1], "relative", 1);
    assert_true(opens(in_dir("home/.cache/xortrain")));
    unsetenv(names[1]);
    assert_true(opens(in_dir("home/.cache/xortrain")));
    setenv(names[2], "relative", 1);
    assert_true(opens(NULL));
    unsetenv(names[2]);
    assert_true(opens(NULL));
    assert_false(is_there("relative"));
    setenv(names[2], "/dev/null", 1);
    assert_true(opens(NULL));
    for (size_t i = 0; i < 3; i++) {
        if (kept[i])
            setenv(names[i], kept[i], 1);
        else
            unsetenv(names[i]);
        free(kept[i]);
    }
    assert_int_equal(chdir("/"), 0);
}

/* ---- what goes ---- */

static void name_key(char name[33], unsigned i)
{
    snprintf(name, 33, "%032x", i);
}

static void the_least_recently_used_goes_first(void **state)
{
    (void)state;
    enum { ROOM = 4 * N_FILE };
    xt_cache *cache = open_cache(ROOM);
    xt_cache_entry entry = {0};
    char names[6][33];
    xt_err err;
    for (unsigned i = 0; i < 6; i++)
        name_key(names[i], i);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(xt_cache_write(cache, names[i], program, N, &err), XT_OK);
        set_age(entry_path(names[i]), 10 * XT_CACHE_TOUCH_SECONDS - (time_t)i);
    }
    /* A use is noted, once a day. */
    assert_int_equal(xt_cache_read(cache, names[0], &entry, &err), XT_OK);
    xt_cache_entry_clear(&entry);
    assert_int_equal(xt_cache_write(cache, names[4], program, N, &err), XT_OK);
    assert_false(xt_cache_has(cache, names[1]));
    assert_int_equal(n_files(), 4);
    set_age(entry_path(names[0]), XT_CACHE_TOUCH_SECONDS / 2);
    assert_int_equal(xt_cache_read(cache, names[0], &entry, &err), XT_OK);
    xt_cache_entry_clear(&entry);
    set_age(entry_path(names[2]), 60);
    set_age(entry_path(names[3]), 60);
    assert_int_equal(xt_cache_write(cache, names[5], program, N, &err), XT_OK);
    assert_false(xt_cache_has(cache, names[0]));
    assert_true(xt_cache_has(cache, names[2]) && xt_cache_has(cache, names[5]));
    /* What has no room at all is not written. */
    char large[ROOM] = {0};
    assert_int_equal(xt_cache_write(cache, key, large, sizeof large, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "too large"));
    assert_int_equal(n_files(), 4);
    xt_cache_close(&cache);
}

static void only_ours_goes(void **state)
{
    (void)state;
    static const char *const foreign[] = {"notes.txt", "0123456789abcdef0123456789abcdeF.xtbin",
                                          "0123456789abcdef0123456789abcdef.xtbin.bak",
                                          "0123456789abcdef0123456789abcdef.xtbin.tmp.1x",
                                          "0123456789abcdef0123456789abcdef0.xtbin", ".xtbin"};
    enum { N_FOREIGN = sizeof foreign / sizeof *foreign };
    xt_cache *cache = open_cache(2 * N_FILE);
    char bytes[4 * N_FILE] = {0};
    xt_err err;
    for (size_t i = 0; i < N_FOREIGN; i++) {
        write_file(in_dir(foreign[i]), bytes, sizeof bytes);
        set_age(in_dir(foreign[i]), 100 * XT_CACHE_TOUCH_SECONDS);
    }
    /* Named as ours, but a link and a folder: they neither count nor go. */
    const char *link = in_dir("00000000000000000000000000000001.xtbin");
    assert_int_equal(symlink("notes.txt", link), 0);
    assert_int_equal(mkdir(in_dir("00000000000000000000000000000002.xtbin"), 0700), 0);
    /* Of killed processes: one long ago, one that may still be writing. */
    const char *old = in_dir("00000000000000000000000000000003.xtbin.tmp.123.0");
    write_file(old, bytes, sizeof bytes);
    set_age(old, XT_CACHE_LEFTOVER_SECONDS + 60);
    assert_int_equal(xt_cache_write(cache, key, program, N, &err), XT_OK);
    assert_false(is_there(old));
    const char *young = in_dir("00000000000000000000000000000003.xtbin.tmp.124.0");
    write_file(young, bytes, sizeof bytes);
    set_age(young, XT_CACHE_LEFTOVER_SECONDS - 60);
    set_age(entry_path(key), 60);
    assert_int_equal(xt_cache_write(cache, other, bytes, N + 1, &err), XT_OK);
    assert_false(xt_cache_has(cache, key));
    assert_true(is_there(in_dir("00000000000000000000000000000003.xtbin.tmp.124.0")));
    assert_true(is_there(in_dir("00000000000000000000000000000001.xtbin")));
    assert_int_equal(n_files(), N_FOREIGN + 4);
    xt_cache_close(&cache);
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    xt_cache *cache = open_cache(1 << 20);
    struct rlimit before, limit;
    char bytes[5000] = {1};
    xt_err err;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    xt_status status = xt_cache_write(cache, key, bytes, sizeof bytes, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, XT_FAILED);
    assert_int_equal(n_files(), 0);
    xt_cache_close(&cache);
}

/* ---- the key ---- */

static void key_of(char *const *environment, char hex[XT_HASH_BYTES])
{
    xt_hash *hash = NULL;
    xt_err err;
    assert_int_equal(xt_hash_open(&hash, &err), XT_OK);
    assert_int_equal(xt_compiler_add_environment(hash, environment, &err), XT_OK);
    xt_hash_hex(hash, hex);
    xt_hash_close(&hash);
}

static void the_key_holds_what_changes_code(void **state)
{
    (void)state;
    char a[XT_HASH_BYTES], b[XT_HASH_BYTES], work[] = "POCL_WORK_GROUP_METHOD=loops",
         cbs[] = "POCL_WORK_GROUP_METHOD=cbs", flags[] = "POCL_EXTRA_BUILD_FLAGS=-g", home[] = "HOME=/x",
         place[] = "POCL_CACHE_DIR=/x", igc[] = "IGC_X=1";
    key_of((char *[]){work, flags, home, NULL}, a);
    key_of((char *[]){place, flags, work, NULL}, b);
    assert_string_equal(a, b);
    key_of((char *[]){cbs, flags, home, NULL}, b);
    assert_string_not_equal(a, b);
    key_of((char *[]){work, flags, igc, NULL}, b);
    assert_string_not_equal(a, b);
    key_of((char *[]){NULL}, b);
    assert_string_not_equal(a, b);
    assert_int_equal(xt_compiler_key("ab", "text", 4, a, NULL), XT_OK);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_int_equal(xt_compiler_key("ab", "text", 4, b, NULL), XT_OK);
    assert_string_equal(a, b);
    assert_int_equal(xt_compiler_key("ab", "texT", 4, b, NULL), XT_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(xt_compiler_key("abt", "ext", 3, b, NULL), XT_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(xt_compiler_key("ac", "text", 4, b, NULL), XT_OK);
    assert_string_not_equal(a, b);
}

/* Last: it stays. */
static void the_cache_can_be_forbidden(void **state)
{
    (void)state;
    setenv("XORTRAIN_CACHE_DIR", dir, 1);
    assert_true(opens(dir));
    xt_cache_forbid();
    assert_true(opens(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_written_is_read),
        TEST(an_entry_goes_round),
        TEST(what_is_no_entry_is_not_there),
        TEST(a_directory_that_others_may_write_is_refused),
        TEST(the_environment_says_where),
        TEST(the_least_recently_used_goes_first),
        TEST(only_ours_goes),
        TEST(a_full_disk_leaves_nothing),
        cmocka_unit_test(the_key_holds_what_changes_code),
        TEST(the_cache_can_be_forbidden),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
