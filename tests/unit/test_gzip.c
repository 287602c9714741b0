/* Inputs that are compressed: what comes out, what is refused and where. */
#include "tables.h"

#include "cases.h"
#include "limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static xt_err err;

/* Appends a member as gzip writes it. */
static void compress_to(const void *bytes, size_t n_bytes, xt_buf *out)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong most = deflateBound(&stream, (uLong)n_bytes);
    char *at = xt_buf_room(out, most);
    assert_non_null(at);
    stream.next_in = (z_const Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)n_bytes;
    stream.next_out = (Bytef *)at;
    stream.avail_out = (uInt)most;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    xt_buf_end(out, (char *)stream.next_out);
    deflateEnd(&stream);
}

/* Reads the input to its end, `step` bytes at a time, and closes it. */
static xt_status read_all(xt_input *input, size_t step, xt_buf *out)
{
    char *bytes = malloc(step);
    xt_status status = XT_OK;
    size_t n = 1;
    assert_non_null(bytes);
    while (!status && n) {
        status = xt_input_read(input, bytes, step, &n, &err);
        if (!status)
            xt_buf_add(out, bytes, n);
    }
    free(bytes);
    xt_input_close(input);
    return status;
}

static void assert_same(const xt_buf *found, const void *bytes, size_t n_bytes)
{
    assert_int_equal(found->len, n_bytes);
    if (n_bytes)
        assert_memory_equal(found->data, bytes, n_bytes);
}

/* Text that compresses some, and not by one pattern alone. */
static void fill_text(xt_buf *out, size_t n_bytes)
{
    for (uint32_t i = 1; out->len < n_bytes; i = i * 1664525u + 1013904223u)
        xt_buf_printf(out, "%u,", i >> 20);
    xt_buf_end(out, out->data + n_bytes);
}

/* ---- what comes out ---- */

static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 300000};

static void comes_back(void **state)
{
    size_t n_bytes = *(const size_t *)*state;
    static const size_t steps[] = {2, 4096, 65536, 1 << 20};
    xt_buf text = {0}, stored = {0};
    if (n_bytes)
        fill_text(&text, n_bytes);
    compress_to(xt_buf_text(&text), n_bytes, &stored);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        xt_buf found = {0};
        xt_input input = xt_input_of_memory("t.gz", stored.data, stored.len);
        assert_int_equal(read_all(&input, steps[i], &found), XT_OK);
        assert_same(&found, text.data, n_bytes);
        xt_buf_clear(&found);
    }
    xt_buf_clear(&text);
    xt_buf_clear(&stored);
}

static void members_are_one_stream(void **state)
{
    (void)state;
    xt_buf stored = {0}, found = {0};
    compress_to("", 0, &stored);
    compress_to("a,b\n", 4, &stored);
    compress_to("", 0, &stored);
    compress_to("1,2\n", 4, &stored);
    xt_input input = xt_input_of_memory("t.gz", stored.data, stored.len);
    assert_int_equal(read_all(&input, 64, &found), XT_OK);
    assert_string_equal(xt_buf_text(&found), "a,b\n1,2\n");
    xt_buf_clear(&stored);
    xt_buf_clear(&found);
}

/* One byte at a time, as from a slow pipe. */
static xt_status fetch_one(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    (void)fault;
    *n_fetched = n_bytes && input->n_stored < input->n_bytes;
    if (*n_fetched)
        *(char *)bytes = input->bytes[input->n_stored];
    return XT_OK;
}

static xt_input trickle(const char *name, const void *bytes, size_t n_bytes)
{
    return (xt_input){.name = name, .fetch = fetch_one, .fd = -1, .bytes = bytes, .n_bytes = n_bytes};
}

static void known_by_its_first_bytes(void **state)
{
    (void)state;
    xt_buf stored = {0}, found = {0};
    compress_to("a,b\n", 4, &stored);
    compress_to("1,2\n", 4, &stored);
    xt_input input = trickle("standard input", stored.data, stored.len);
    assert_int_equal(read_all(&input, 64, &found), XT_OK);
    assert_string_equal(xt_buf_text(&found), "a,b\n1,2\n");
    xt_buf_clear(&stored);
    xt_buf_clear(&found);
}

static void not_compressed(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "\x1f", "\x1f\x8a", "x,y\n1,2\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        xt_buf found = {0};
        xt_input input = trickle("standard input", texts[i], strlen(texts[i]));
        assert_int_equal(read_all(&input, 64, &found), XT_OK);
        assert_string_equal(xt_buf_text(&found), texts[i]);
        xt_buf_clear(&found);
    }
}

/* ---- files and standard input ---- */

static void make_file(char *path, const xt_buf *bytes)
{
    int fd = mkstemps(path, 3);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes->data, bytes->len), (ssize_t)bytes->len);
    close(fd);
}

static void assert_table(const char *file, const xt_buf *stored)
{
    static const xt_column y = {"y", 0};
    xt_source source = {.file = file, .target_columns = {&y, 1}};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = {0};
    char hex[XT_HASH_BYTES];
    if (xt_parts_load(&spec, &parts, &err))
        fail_msg("%s", err.text);
    assert_int_equal(parts.train.n_rows, 2);
    assert_true(parts.train.inputs[1] == 3 && parts.train.targets[1] == 4);
    /* The checksum is that of the file, not of what comes out of it. */
    xt_hash_block(stored->data, stored->len, hex);
    assert_string_equal(parts.train.hash, hex);
    xt_parts_clear(&parts);
}

static void tables(void **state)
{
    (void)state;
    char path[] = "/tmp/xortrain-XXXXXX.gz";
    xt_buf stored = {0};
    compress_to("x,y\n1,2\n", 8, &stored);
    compress_to("3,4\n", 4, &stored);
    make_file(path, &stored);
    assert_table(path, &stored);
    int saved = dup(STDIN_FILENO), fd = open(path, O_RDONLY);
    dup2(fd, STDIN_FILENO);
    assert_table("-", &stored);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(fd);
    unlink(path);
    xt_buf_clear(&stored);
}

/* What is wrong in the table has its place in the table, what breaks in the
 * middle comes after that. */
static void table_cut_short(void **state)
{
    (void)state;
    xt_buf text = {0}, stored = {0};
    char expected[200];
    xt_buf_puts(&text, "x,y\n1,2\n1,male\n");
    for (int i = 0; i < 30000; i++)
        xt_buf_printf(&text, "%d,1\n", i);
    compress_to(text.data, text.len, &stored);
    size_t n_bytes = stored.len / 2;
    xt_source source = {.file = "t.csv.gz", .target_columns = {&(xt_column){"y", 0}, 1}};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = {.train.n_rows = 5};
    xt_input input = xt_input_of_memory("t.csv.gz", stored.data, n_bytes);
    assert_int_equal(xt_parts_load_input(&spec, &input, &parts, &err), XT_BAD_DATA);
    xt_input_close(&input);
    snprintf(expected, sizeof expected,
             "t.csv.gz:3:3: 'male' is not a number (column 'y')\n"
             "t.csv.gz: byte %zu: the file ends before its gzip data do", n_bytes);
    assert_string_equal(err.text, expected);
    assert_int_equal(parts.train.n_rows, 5);
    xt_buf_clear(&text);
    xt_buf_clear(&stored);
}

/* ---- sizes and checksums ---- */

static void sizes_known_ahead(void **state)
{
    (void)state;
    char bytes[4];
    size_t n = 0;
    xt_buf stored = {0};
    compress_to("1234", 4, &stored);
    xt_input plain = xt_input_of_memory("t", "1234567", 7), packed = xt_input_of_memory("t", stored.data, stored.len),
             file, pipe = trickle("t", "1234567", 7);
    assert_int_equal(xt_input_open("data/xor.csv", &file, &err), XT_OK);
    xt_input *inputs[] = {&plain, &packed, &file, &pipe};
    for (size_t i = 0; i < 4; i++) {
        assert_false(xt_input_size(inputs[i], &n));
        assert_int_equal(xt_input_read_whole(inputs[i], bytes, 4, &n, &err), XT_OK);
        assert_int_equal(inputs[i]->n_read, 4);
    }
    assert_true(xt_input_size(&plain, &n) && n == 7);
    assert_true(xt_input_size(&file, &n) && n == 32);
    assert_false(xt_input_size(&packed, &n) || xt_input_size(&pipe, &n));
    for (size_t i = 0; i < 4; i++)
        xt_input_close(inputs[i]);
    xt_buf_clear(&stored);
}

static void hash_of_what_was_read(void **state)
{
    (void)state;
    char bytes[4], hex[XT_HASH_BYTES], expected[XT_HASH_BYTES];
    size_t n = 0;
    xt_input memory = xt_input_of_memory("t", "12345678", 8), pipe = trickle("t", "12345678", 8);
    xt_input *inputs[] = {&memory, &pipe};
    for (size_t i = 0; i < 2; i++) {
        xt_input_hash(inputs[i], hex);
        assert_string_equal(hex, "99aa06d3014798d86001c324468d497f"); /* of nothing */
        assert_int_equal(xt_input_read_whole(inputs[i], bytes, 4, &n, &err), XT_OK);
        xt_input_hash(inputs[i], hex);
        xt_hash_block("1234", 4, expected);
        assert_string_equal(hex, expected);
        xt_input_close(inputs[i]);
    }
}

/* ---- what is refused ---- */

/* "abc\n" as gzip -n stores it. */
static const unsigned char whole[24] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B, 0x4C, 0x4A, 0xE6, 2, 0,
                                        0x4E, 0x81, 0x88, 0x47, 4, 0, 0, 0};

static const struct bad {
    const char *what;
    size_t n_bytes; /* of whole that are kept */
    size_t at;      /* the byte that is changed, 0: none */
    unsigned char value;
    const char *behind; /* what follows */
    size_t n_behind;
    const char *message;
} bads[] = {
    {"nothing", 0, 0, 0, NULL, 0, "byte 0: not a gzip file, though its name ends in .gz"},
    {"plain text", 0, 0, 0, "x,y\n1,2\n", 8, "byte 0: not a gzip file, though its name ends in .gz"},
    {"one byte", 1, 0, 0, NULL, 0, "byte 0: not a gzip file, though its name ends in .gz"},
    {"two bytes", 2, 0, 0, NULL, 0, "byte 2: the file ends before its gzip data do"},
    {"half a header", 9, 0, 0, NULL, 0, "byte 9: the file ends before its gzip data do"},
    {"no data", 10, 0, 0, NULL, 0, "byte 10: the file ends before its gzip data do"},
    {"half the data", 13, 0, 0, NULL, 0, "byte 13: the file ends before its gzip data do"},
    {"half the checksum", 18, 0, 0, NULL, 0, "byte 18: the file ends before its gzip data do"},
    {"half the length", 23, 0, 0, NULL, 0, "byte 23: the file ends before its gzip data do"},
    {"another method", 24, 2, 7, NULL, 0, "byte 4: damaged gzip data: unknown compression method"},
    {"unknown flags", 24, 3, 0xE0, NULL, 0, "byte 4: damaged gzip data: unknown header flags set"},
    {"a bad block", 24, 10, 0x07, NULL, 0, "byte 11: damaged gzip data: invalid block type"},
    {"a bad checksum", 24, 16, 0, NULL, 0, "byte 20: damaged gzip data: incorrect data check"},
    {"a bad length", 24, 20, 5, NULL, 0, "byte 24: damaged gzip data: incorrect length check"},
    {"text behind", 24, 0, 0, "abc", 3, "byte 24: something follows the end of the gzip data"},
    {"a byte behind", 24, 0, 0, "x", 1, "byte 24: something follows the end of the gzip data"},
    {"zeros behind", 24, 0, 0, "\0\0", 2, "byte 24: something follows the end of the gzip data"},
    {"a magic number that is none behind", 24, 0, 0, "\x1f\x8a", 2, "byte 24: something follows the end of the gzip data"},
    {"half a member behind", 24, 0, 0, "\x1f\x8b\x08", 3, "byte 27: the file ends before its gzip data do"},
    {"a byte of a member behind", 24, 0, 0, "\x1f", 1, "byte 25: the file ends before its gzip data do"},
};

static void refused(void **state)
{
    const struct bad *bad = *state;
    unsigned char bytes[64];
    char expected[200];
    memcpy(bytes, whole, bad->n_bytes);
    if (bad->at)
        bytes[bad->at] = bad->value;
    if (bad->behind)
        memcpy(bytes + bad->n_bytes, bad->behind, bad->n_behind);
    snprintf(expected, sizeof expected, "t.csv.gz: %s", bad->message);
    size_t n_bytes = bad->n_bytes + bad->n_behind;
    xt_input inputs[] = {xt_input_of_memory("t.csv.gz", bytes, n_bytes), trickle("t.csv.gz", bytes, n_bytes)};
    for (size_t i = 0; i < 2; i++) {
        xt_buf found = {0};
        assert_int_equal(read_all(inputs + i, 64, &found), XT_BAD_DATA);
        assert_int_equal(err.status, XT_BAD_DATA);
        assert_string_equal(err.text, expected);
        xt_buf_clear(&found);
    }
}

static void the_whole_one_is_good(void **state)
{
    (void)state;
    xt_buf found = {0};
    xt_input input = xt_input_of_memory("t.csv.gz", whole, sizeof whole);
    assert_int_equal(read_all(&input, 64, &found), XT_OK);
    assert_string_equal(xt_buf_text(&found), "abc\n");
    xt_buf_clear(&found);
}

/* The disk's fault is told from the file's. */
static xt_status fetch_then_fail(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    (void)n_bytes;
    if (input->n_stored)
        return xt_fail(fault, XT_FAILED, "cannot read %s: Input/output error", input->name);
    memcpy(bytes, whole, 12);
    *n_fetched = 12;
    return XT_OK;
}

static void read_error(void **state)
{
    (void)state;
    xt_buf found = {0};
    xt_input input = {.name = "t.gz", .fetch = fetch_then_fail, .fd = -1};
    assert_int_equal(read_all(&input, 64, &found), XT_FAILED);
    assert_string_equal(err.text, "cannot read t.gz: Input/output error");
    xt_buf_clear(&found);
}

/* 64 KiB become 64 MiB, which are never there at once. */
static void bounded_memory(void **state)
{
    (void)state;
    enum { MEMBERS = 64, MEMBER_BYTES = 1 << 20 };
    char *zeros = calloc(1, MEMBER_BYTES);
    xt_buf stored = {0};
    for (int i = 0; i < MEMBERS; i++)
        compress_to(zeros, MEMBER_BYTES, &stored);
    unit_limit_memory(8 << 20);
    xt_input input = xt_input_of_memory("t.gz", stored.data, stored.len);
    size_t n = 1;
    while (n)
        if (xt_input_read(&input, zeros, MEMBER_BYTES, &n, &err))
            fail_msg("%s", err.text);
    assert_int_equal(input.n_read, (size_t)MEMBERS * MEMBER_BYTES);
    xt_input_close(&input);
    xt_buf_clear(&stored);
    free(zeros);
}

int main(void)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        unit_case(comes_back, sizes + i, "%zu bytes come back", sizes[i]);
    UNIT_CASE(members_are_one_stream);
    UNIT_CASE(known_by_its_first_bytes);
    UNIT_CASE(not_compressed);
    UNIT_CASE(tables);
    UNIT_CASE(table_cut_short);
    UNIT_CASE(sizes_known_ahead);
    UNIT_CASE(hash_of_what_was_read);
    UNIT_CASE(the_whole_one_is_good);
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++)
        unit_case(refused, bads + i, "refused: %s", bads[i].what);
    UNIT_CASE(read_error);
    UNIT_CASE(bounded_memory);
    return unit_run("gzip");
}
