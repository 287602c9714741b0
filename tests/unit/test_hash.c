/* Checksums: what xxhsum prints, whatever the pieces. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Published values: a change here would make every recorded checksum wrong. */
static void known_answers(void **state)
{
    (void)state;
    char hex[XT_HASH_BYTES];
    xt_hash_block(NULL, 0, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
    xt_hash_block("abc", 3, hex);
    assert_string_equal(hex, "06b05ab6733a618578af5f94892f3950");
}

static void fill(unsigned char *bytes, size_t n)
{
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(x >> 24);
    }
}

/* Files are read in pieces of any size: the checksum must not show them. */
static void pieces_do_not_matter(void **state)
{
    (void)state;
    enum { N = 5000 };
    static unsigned char bytes[N];
    fill(bytes, N);
    char whole[XT_HASH_BYTES], pieces[XT_HASH_BYTES];
    xt_hash_block(bytes, N, whole);
    for (size_t size = 1; size < N; size = size * 3 + 1) {
        xt_hash *hash = NULL;
        assert_int_equal(xt_hash_open(&hash, NULL), XT_OK);
        for (size_t at = 0; at < N; at += size) {
            xt_hash_add(hash, bytes + at, size < N - at ? size : N - at);
            /* looking does not end it */
            xt_hash_hex(hash, pieces);
        }
        assert_string_equal(pieces, whole);
        xt_hash_close(&hash);
        assert_null(hash);
        xt_hash_close(&hash);
    }
}

/* run.json promises that `xxhsum -H2` shows the same. */
static void same_as_xxhsum(void **state)
{
    (void)state;
    enum { N = 100000 };
    static unsigned char bytes[N];
    fill(bytes, N);
    char path[] = "/tmp/xortrain-hash-XXXXXX", command[100], line[200] = "", hex[XT_HASH_BYTES];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, N), N);
    close(fd);
    snprintf(command, sizeof command, "xxhsum -H2 %s 2>/dev/null", path);
    FILE *tool = popen(command, "r");
    assert_non_null(tool);
    char *got = fgets(line, sizeof line, tool);
    pclose(tool);
    unlink(path);
    if (!got)
        skip();
    xt_hash_block(bytes, N, hex);
    line[32] = '\0';
    assert_string_equal(line, hex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(same_as_xxhsum),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
