/* src/config: files that were made to hurt, or are none of ours: each refused
 * with its place, before it costs anything. */
#include "configs.h"
#include "model/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of the processor, with sanitisers on a slow machine; what is measured takes milliseconds. */
static const double max_seconds = 3;

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* The bytes as a file, which goes again; its path to `path`. */
static void write_scratch(const void *bytes, size_t n_bytes, char path[40])
{
    strcpy(path, "/tmp/xt-hostile-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n_bytes), n_bytes);
    assert_int_equal(close(fd), 0);
}

/* message without the name of the file before it. */
static void refuses_bytes(const void *bytes, size_t n_bytes, const char *message)
{
    char path[40];
    xt_buf expected = {0};
    write_scratch(bytes, n_bytes, path);
    double before = seconds();
    xt_buf_printf(&expected, "%s%s", path, message);
    unit_refused(SOURCES(FROM_FILE(path)), XT_BAD_CONFIG, expected.data);
    assert_true(seconds() - before < max_seconds);
    unlink(path);
    xt_buf_clear(&expected);
}

static void refuses(const xt_buf *text, const char *message)
{
    assert_false(text->failed);
    refuses_bytes(text->data, text->len, message);
}

typedef struct bytes_row {
    const char *name, *bytes;
    size_t n_bytes;
    const char *message;
} bytes_row;

#define BYTES(text) text, sizeof(text) - 1

static const bytes_row rows[] = {
    {"nothing", BYTES(""), ": holds no configuration"},
    {"a comment", BYTES("# here is nothing\n\n  # nor here\n"), ": holds no configuration"},
    {"a byte order mark", BYTES("\xEF\xBB\xBF"), ": holds no configuration"},
    {"a marker of a document", BYTES("---\n"), ":1:1: expected a mapping of keys such as `model:` and `train:`\n"
                                               "     1 | ---\n       | ^"},
    {"a list", BYTES("\n- a\n- b\n"), ":1:1: expected a mapping of keys such as `model:` and `train:`\n"
                                    "     1 | \n       | ^"},
    {"a scalar", BYTES("xor\n"), ":1:1: expected a mapping of keys such as `model:` and `train:`\n"
                                 "     1 | xor\n       | ^"},
    {"two documents", BYTES("seed: 1\n---\nseed: 2\n"), ":2:1: a second document starts here; expected one\n"
                                                       "     2 | ---\n       | ^"},
    {"a tag", BYTES("name: !!python/object:os.system x\n"),
     ":1:7: tags are not allowed: a key knows the type of its value\n"
     "     1 | name: !!python/object:os.system x\n       |       ^"},
    {"a tag of a list", BYTES("metrics: ! [mae]\n"), ":1:10: tags are not allowed: a key knows the type of its value\n"
                                                    "     1 | metrics: ! [mae]\n       |          ^"},
    {"a tag of a mapping", BYTES("log: !x {every: 1}\n"), ":1:6: tags are not allowed: a key knows the type of its value\n"
                                                         "     1 | log: !x {every: 1}\n       |      ^"},
    {"a NUL", BYTES("seed: 1\nname: \xC3\xB6\0b\n"), ":2:8: a NUL byte; this is not a text file\n"
                                                   "     2 | name: \xC3\xB6?b\n       |        ^"},
    {"UTF-16", BYTES("\xFF\xFEs\0e\0e\0d\0:\0 \0" "1\0\n\0"),
     ":1:4: a NUL byte; this is not a text file\n"
     "     1 | ??s?e?e?d?:? ?1?\n       |    ^"},
    {"an escaped NUL", BYTES("name: \"a\\0b\"\n"), ":1:7: a NUL character in a value\n"
                                                 "     1 | name: \"a\\0b\"\n       |       ^"},
    {"an escaped NUL in a key", BYTES("\"a\\0b\": 1\n"), ":1:1: a NUL character in a value\n"
                                                      "     1 | \"a\\0b\": 1\n       | ^"},
    {"no UTF-8", BYTES("seed: 1\nname: \xC3\xB6\xC3\xB6 \xFF\n"), ":2:10: not valid YAML: invalid leading UTF-8 octet\n"
                                                                "     2 | name: \xC3\xB6\xC3\xB6 ?\n       |          ^"},
    {"half a character", BYTES("name: \xC3"), ":1:7: not valid YAML: incomplete UTF-8 octet sequence\n"
                                              "     1 | name: ?\n       |       ^"},
    {"an overlong character", BYTES("name: \xC0\xAF\n"), ":1:7: not valid YAML: invalid length of a UTF-8 sequence\n"
                                                       "     1 | name: ??\n       |       ^"},
    {"a surrogate", BYTES("name: \xED\xA0\x80\n"), ":1:7: not valid YAML: invalid Unicode character\n"
                                                 "     1 | name: ???\n       |       ^"},
    {"a control character", BYTES("name: a\x1b[31m\n"), ":1:8: not valid YAML: control characters are not allowed\n"
                                                      "     1 | name: a?[31m\n       |        ^"},
    {"a terminal escape in a key", BYTES("\"\\e]0;x\\a\": 1\n"),
     ":1:1: ?]0;x?: unknown key; known here: name, seed, device, engine, data, model, loss, optimizer, schedule, train, metrics, "
     "early_stopping, stop_when, checkpoint, log, output, sweep\n"
     "     1 | \"\\e]0;x\\a\": 1\n       | ^\n"},
    {"a C1 escape in a value", BYTES("engine: \"\\x9b31m\"\n"),
     ":1:9: engine: expected one of auto, fused, gemm or reference, found the quoted text '??31m'\n"},
    {"an alias in itself", BYTES("a: &a {b: [*a]}\n"), ":1:12: an alias inside the value that it stands for\n"
                                                      "     1 | a: &a {b: [*a]}\n       |            ^"},
    {"an alias to nothing", BYTES("a: *b\nb: &b 1\n"), ":1:4: an alias to an anchor that is not defined before it\n"
                                                     "     1 | a: *b\n       |    ^"},
    {"a key that is a list", BYTES("? [a, b]\n: c\n"), ":1:3: a key must be a plain name\n"
                                                     "     1 | ? [a, b]\n       |   ^"},
    {"a key that is an alias", BYTES("a: &a b\n*a : 1\n"), ":2:1: a key must be a plain name\n"
                                                         "     2 | *a : 1\n       | ^"},
    {"a tab for blanks", BYTES("train:\n\tepochs: 1\n"),
     ":2:1: not valid YAML: while scanning for the next token: found character that cannot start any token\n"
     "     2 |  epochs: 1\n       | ^"},
    {"a quote that stays open", BYTES("name: \"abc\n"),
     ":2:1: not valid YAML: while scanning a quoted scalar: found unexpected end of stream\n     2 | \n       | ^"},
    {"a carriage return alone", BYTES("name: a\rseed: x\r"),
     ":2:7: seed: expected a whole number from 0 to 9223372036854775807, found 'x'"},
};

/* Of a configuration that lacks more than the row is about, only the start. */
static void bytes_are_refused(void **state)
{
    const bytes_row *row = *state;
    size_t n = strlen(row->message);
    if (strcmp(row->name, "a carriage return alone") != 0 && row->message[n - 1] != '\n') {
        refuses_bytes(row->bytes, row->n_bytes, row->message);
        return;
    }
    char path[40];
    write_scratch(row->bytes, row->n_bytes, path);
    const char *message = unit_refusal(SOURCES(FROM_FILE(path)));
    if (!strstr(message, row->message))
        fail_msg("%s", message);
    for (; *message; message++)
        assert_true((unsigned char)*message >= 0x20 || *message == '\n');
    unlink(path);
}

static void a_large_file(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    char *text = malloc(MIB + 1);
    char path[40];
    assert_non_null(text);
    memset(text, '\n', MIB + 1);
    memcpy(text, SMALL, strlen(SMALL));
    write_scratch(text, MIB, path);
    xt_config *config = unit_config(SOURCES(FROM_FILE(path)));
    xt_config_close(&config);
    unlink(path);
    refuses_bytes(text, MIB + 1, ": larger than the limit of 1048576 bytes");
    free(text);
}

/* `open` n times, then `close` as often. */
static void nest(xt_buf *text, const char *open, const char *close, size_t n)
{
    for (size_t i = 0; i < n; i++)
        xt_buf_puts(text, open);
    for (size_t i = 0; i < n; i++)
        xt_buf_puts(text, close);
    xt_buf_puts(text, "\n");
}

/* The root is level 1. */
static void deep_nesting(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_buf_puts(&text, "a: ");
    nest(&text, "[", "]", 63);
    char *message = strdup(unit_refusal(SOURCES(TEXT(text.data))));
    assert_non_null(strstr(message, "a: unknown key"));
    free(message);
    xt_buf_reset(&text);
    xt_buf_puts(&text, "a: ");
    nest(&text, "[", "]", 64);
    refuses(&text, ":1:67: nested deeper than 64 levels\n"
                   "     1 | a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                   "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
                   "       |                                                                   ^");
    xt_buf_clear(&text);
}

static void nested_without_end(void **state)
{
    (void)state;
    xt_buf text = {0};
    for (size_t i = 0; i < 100000; i++)
        xt_buf_puts(&text, i % 2 ? "[" : "{a: ");
    double before = seconds();
    assert_non_null(strstr(unit_refusal(SOURCES(TEXT(text.data))), "nested deeper than 64 levels"));
    xt_buf_reset(&text);
    for (size_t i = 0; i < 200000; i++)
        xt_buf_puts(&text, "- ");
    assert_non_null(strstr(unit_refusal(SOURCES(TEXT(text.data))), "nested deeper than 64 levels"));
    /* Depth that comes together from aliases and options counts as well. */
    xt_buf_reset(&text);
    xt_buf_puts(&text, "a0: &a0 [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n");
    for (int i = 1; i < 4; i++)
        xt_buf_printf(&text, "a%d: &a%d [[[[[[[[[[[[[[[[[[[[*a%d]]]]]]]]]]]]]]]]]]]]\n", i, i, i - 1);
    assert_non_null(strstr(unit_refusal(SOURCES(TEXT(text.data))), "t.yaml:4:29: nested deeper than 64 levels"));
    assert_true(seconds() - before < max_seconds);
    xt_buf_clear(&text);
}

static void alias_bombs(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_buf_puts(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++)
        xt_buf_printf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refuses(&text, ":6:50: too large: more than 1048576 values, aliases counted as what they stand for\n"
                   "     6 | a5: &a5 [*a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4]\n"
                   "       |                                                  ^");
    /* The same with mappings. */
    xt_buf_reset(&text);
    xt_buf_puts(&text, "a0: &a0 {a: x, b: x, c: x, d: x}\n");
    for (int i = 1; i < 30; i++)
        xt_buf_printf(&text, "a%d: &a%d {a: *a%d, b: *a%d, c: *a%d, d: *a%d}\n", i, i, i - 1, i - 1, i - 1, i - 1);
    double before = seconds();
    assert_non_null(strstr(unit_refusal(SOURCES(TEXT(text.data))), "too large: more than 1048576 values"));
    assert_true(seconds() - before < max_seconds);
    xt_buf_clear(&text);
}

/* 1000 are not too many. */
static void many_anchors(void **state)
{
    (void)state;
    for (int n = 1000; n <= 1001; n++) {
        xt_buf text = {0};
        xt_buf_puts(&text, "a:\n");
        for (int i = 0; i < n; i++)
            xt_buf_printf(&text, "- &a%d x\n", i);
        const char *message = unit_refusal(SOURCES(TEXT(text.data)));
        assert_int_equal(!!strstr(message, "t.yaml:1002:3: more than 1000 anchors"), n > 1000);
        xt_buf_clear(&text);
    }
}

static void many_keys(void **state)
{
    (void)state;
    for (int n = 1000; n <= 1001; n++) {
        xt_buf text = {0};
        for (int i = 0; i < n; i++)
            xt_buf_printf(&text, "key_%d: x\n", i);
        double before = seconds();
        const char *message = unit_refusal(SOURCES(TEXT(text.data)));
        assert_int_equal(!!strstr(message, "t.yaml:1:1: a mapping with more than 1000 keys"), n > 1000);
        assert_int_equal(!!strstr(message, "\n... and 984 more errors"), n == 1000);
        assert_true(seconds() - before < max_seconds);
        xt_buf_clear(&text);
    }
}

/* A mapping of many unknown keys in many places: no time goes into names that are near. */
static void many_unknown_keys_by_aliases(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_buf_puts(&text, "model:\n  layers:\n  - &l\n");
    for (int i = 0; i < 990; i++)
        xt_buf_printf(&text, "    a_rather_long_name_of_a_key_that_nobody_knows_%d: x\n", i);
    for (int i = 0; i < 63; i++)
        xt_buf_puts(&text, "  - *l\n");
    double before = seconds();
    assert_non_null(strstr(unit_refusal(SOURCES(TEXT(text.data))), "more errors"));
    assert_true(seconds() - before < max_seconds);
    xt_buf_clear(&text);
}

static void many_keys_twice(void **state)
{
    (void)state;
    xt_buf text = {0};
    for (int i = 0; i < 500; i++)
        xt_buf_printf(&text, "%d: 1\n", i);
    for (int i = 0; i < 100000; i++)
        xt_buf_puts(&text, "499: 1\n");
    double before = seconds();
    const char *message = unit_refusal(SOURCES(TEXT(text.data)));
    assert_non_null(strstr(message, "t.yaml:501:1: the key '499' is given twice, first in line 500"));
    /* 501 of them, and then one that ends it: more than 1000 keys. */
    assert_non_null(strstr(message, "\n... and 482 more errors"));
    assert_true(seconds() - before < max_seconds);
    xt_buf_clear(&text);
}

/* Lists as long as a file has room for: counted, compared and told in no time. */
static void long_lists(void **state)
{
    (void)state;
    static const struct {
        const char *key, *item, *message;
        size_t n;
    } lists[] = {
        {"data.classes", "a,", "data.classes: 'a' is there twice", 65536},
        {"data.classes", "a,", "data.classes: expected 2 to 65536 of them, found 65537", 65537},
        {"data.classes", "[],", "data.classes.0: expected a text, found a list", 65536},
        {"loss", "a,", "loss: expected one of ", 100000},
        {"stop_when", "a,", "stop_when: expected a mapping of 1 to 8 columns", 100000},
        {"early_stopping", "a,", "early_stopping: expected a mapping of monitor", 100000},
        {"data.validation", "[[]],", "data.validation: expected a mapping of split", 100000},
        {"schedule", "{type: multistep},", "schedule: expected one of ", 20000},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        xt_buf set = {0};
        xt_buf_printf(&set, "%s=[", lists[i].key);
        for (size_t k = 0; k < lists[i].n; k++)
            xt_buf_puts(&set, lists[i].item);
        xt_buf_puts(&set, "]");
        double before = seconds();
        const char *message = unit_refusal(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set.data, "--set"}));
        if (!strstr(message, lists[i].message))
            fail_msg("%s", message);
        assert_true(seconds() - before < max_seconds);
        xt_buf_clear(&set);
    }
}

/* Every class once, as many as there may be. */
static void many_classes(void **state)
{
    (void)state;
    xt_buf set = {0};
    xt_buf_puts(&set, "data.classes=[");
    for (int k = 65536; k > 0; k--)
        xt_buf_printf(&set, "c%d,", k);
    xt_buf_puts(&set, "]");
    double before = seconds();
    xt_config *config = unit_config(SOURCES(TEXT(SMALL), {XT_CONFIG_SET, set.data, "--set"}));
    assert_int_equal(xt_config_spec(config)->n_classes, 65536);
    assert_true(seconds() - before < max_seconds);
    xt_config_close(&config);
    xt_buf_clear(&set);
}

/* Of a long line, what is around the column: by characters, never half of one. */
static void long_lines_are_cut(void **state)
{
    (void)state;
    xt_buf text = {0}, expected = {0};
    xt_buf_puts(&text, DATA MODEL OPTIMIZER "train: {epochs: 1}   # ");
    for (int i = 0; i < 1000; i++)
        xt_buf_puts(&text, "\xC3\xB6");
    xt_buf_puts(&text, "\nmetrics: [");
    for (int i = 0; i < 7; i++)
        xt_buf_puts(&text, "mae,                         ");
    xt_buf_puts(&text, "m"); /* column 214 */
    for (int i = 0; i < 100; i++)
        xt_buf_puts(&text, " \xC3\xB6");
    xt_buf_puts(&text, "]\n");
    xt_buf_puts(&expected, ":5:214: metrics.7: expected one of ");
    xt_table_names(&xt_metrics, &expected);
    xt_buf_puts(&expected, ", found 'm");
    for (int i = 0; i < 19; i++)
        xt_buf_puts(&expected, " \xC3\xB6");
    xt_buf_puts(&expected, " ?'\n     5 |                      mae,                         m");
    for (int i = 0; i < 24; i++)
        xt_buf_puts(&expected, " \xC3\xB6");
    xt_buf_puts(&expected, " \n       |                                                   ^");
    refuses(&text, expected.data);
    xt_buf_reset(&text);
    xt_buf_puts(&text, "name: [");
    for (int i = 0; i < 900000; i++)
        xt_buf_puts(&text, "x");
    double before = seconds();
    const char *message = unit_refusal(SOURCES(TEXT(text.data)));
    assert_true(seconds() - before < max_seconds && strlen(message) < 500);
    xt_buf_clear(&text);
    xt_buf_clear(&expected);
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        unit_case(bytes_are_refused, &rows[i], "%s", rows[i].name);
    UNIT_CASE(a_large_file);
    UNIT_CASE(deep_nesting);
    UNIT_CASE(nested_without_end);
    UNIT_CASE(alias_bombs);
    UNIT_CASE(many_anchors);
    UNIT_CASE(many_keys);
    UNIT_CASE(many_unknown_keys_by_aliases);
    UNIT_CASE(many_keys_twice);
    UNIT_CASE(long_lists);
    UNIT_CASE(many_classes);
    UNIT_CASE(long_lines_are_cut);
    return unit_run("hostile configurations");
}
