/* What tuning tries, and what it keeps: the text of an entry, whatever stands in it, and the forms of tiles, which the
 * kernels must be able to be compiled as. */
#include "cases.h"
#include "engine/candidates.h"
#include "engine/tuned.h"

#include <string.h>

static const cl_ulong local_bytes = 1 << 20;
static const xt_tiles suits = {.width = 8, .vectors = 2, .rows = 6, .depth = 256, .block_inputs = 96, .block_panels = 8,
                               .fma = true};

/* ---- entries ---- */

typedef struct entry_case {
    const char *name, *text;
    const char *error; /* NULL: it is taken */
} entry_case;

#define REST "depth=128\nblock_inputs=48\nblock_panels=4\n"

static const entry_case entries[] = {
    {"as it is written", "width=8\nvectors=3\nrows=4\ndepth=240\nblock_inputs=48\nblock_panels=4\n", NULL},
    {"in another order", REST "rows=4\nvectors=2\nwidth=8\n", NULL},
    {"nothing", "", "width is missing"},
    {"a number is missing", "width=8\nvectors=2\n" REST, "rows is missing"},
    {"no end of the last line", "width=8\nvectors=2\n" REST "rows=4", "a line is not of the form name=number"},
    {"an empty line", "\nwidth=8\nvectors=2\nrows=4\n" REST, "a line is not of the form name=number"},
    {"no number", "width\nvectors=2\nrows=4\n" REST, "a line is not of the form name=number"},
    {"an unknown name", "width=8\nvectors=2\nrows=4\nfma=0\n" REST, "'fma' is not known"},
    {"a name twice", "width=8\nvectors=2\nrows=4\nrows=4\n" REST, "rows is there twice"},
    {"a word", "width=eight\nvectors=2\nrows=4\n" REST, "width is 'eight'"},
    {"no value", "width=\nvectors=2\nrows=4\n" REST, "width is ''"},
    {"a negative number", "width=8\nvectors=-2\nrows=4\n" REST, "vectors is '-2'"},
    {"a fraction", "width=8\nvectors=2.5\nrows=4\n" REST, "vectors is '2.5'"},
    {"more than an int", "width=8\nvectors=2\nrows=4294967300\n" REST, "rows is '4294967300'"},
    {"more than any number", "width=8\nvectors=2\nrows=99999999999999999999999\n" REST,
     "rows is '99999999999999999999999'"},
    {"a line without end", "width=8\nvectors=2\nrows=0000000000000000000000000000000000000000000000000000000000000004\n" REST,
     "a line is not of the form name=number"},
    {"vectors that there are none of", "width=2\nvectors=2\nrows=4\n" REST, "vectors of 2 floats"},
    {"tiles of nothing", "width=8\nvectors=2\nrows=0\n" REST, "tiles of 0 rows by 2 vectors"},
    {"tiles beyond all registers", "width=8\nvectors=9\nrows=4\n" REST, "tiles of 4 rows by 9 vectors"},
    {"rows beyond the memory behind a matrix", "width=8\nvectors=1\nrows=12\n" REST, "tiles of 12 rows by 8 columns"},
    {"half a panel in a depth", "width=8\nvectors=3\nrows=4\n" REST, "a depth of 128 with panels of 24"},
    {"no depth", "width=8\nvectors=2\nrows=4\ndepth=0\nblock_inputs=48\nblock_panels=4\n",
     "a depth of 0 with panels of 16"},
    {"half a tile in a block", "width=8\nvectors=2\nrows=5\n" REST, "blocks of 48 inputs by 4 panels"},
    {"no panels", "width=8\nvectors=2\nrows=4\ndepth=128\nblock_inputs=48\nblock_panels=0\n",
     "blocks of 48 inputs by 0 panels"},
    {"more than local memory", "width=8\nvectors=2\nrows=4\ndepth=4096\nblock_inputs=4096\nblock_panels=64\n",
     "58755072 bytes of local memory of 1048576"},
};

static void an_entry_is_read(void **state)
{
    const entry_case *row = *state;
    xt_tiles tiles = suits;
    xt_buf text = {0};
    xt_err err = {.text = ""};
    xt_status status = xt_tuned_parse(row->text, strlen(row->text), local_bytes, &tiles, &err);
    if (row->error) {
        assert_int_equal(status, XT_FAILED);
        assert_string_equal(err.text, row->error);
        assert_true(xt_tiles_same(&tiles, &suits));
        return;
    }
    assert_int_equal(status, XT_OK);
    assert_true(tiles.fma);
    assert_int_equal(tiles.rows, 4);
    xt_tiles again = suits;
    xt_tuned_print(&tiles, &text);
    assert_int_equal(xt_tuned_parse(text.data, text.len, local_bytes, &again, &err), XT_OK);
    assert_true(xt_tiles_same(&tiles, &again));
    xt_buf_clear(&text);
}

/* Bytes of all kinds: none of them is read beyond. */
static void other_bytes_are_no_entry(void **state)
{
    (void)state;
    xt_tiles tiles = suits;
    xt_buf text = {0};
    xt_err err;
    xt_tuned_print(&suits, &text);
    for (size_t n = 0; n < text.len; n++)
        assert_int_equal(xt_tuned_parse(text.data, n, local_bytes, &tiles, &err), XT_FAILED);
    for (size_t i = 0; i < text.len; i++) {
        char was = text.data[i];
        text.data[i] = '\0';
        assert_int_equal(xt_tuned_parse(text.data, text.len, local_bytes, &tiles, &err), XT_FAILED);
        text.data[i] = was;
    }
    while (text.len < 2000)
        xt_buf_puts(&text, "rows=4\n");
    assert_int_equal(xt_tuned_parse(text.data, text.len, local_bytes, &tiles, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "too many"));
    assert_true(xt_tiles_same(&tiles, &suits));
    xt_buf_clear(&text);
}

/* ---- entries of products ---- */

typedef struct way_case {
    const char *name, *text;
    size_t n_bytes;    /* 0: all of the text */
    const char *error; /* NULL: it is taken */
} way_case;

static const way_case way_entries[] = {
    {"a set", "products=square\n", 0, NULL},
    {"ours", "products=own\n", 0, NULL},
    {"nothing", "", 0, "it is not of the form products=NAME"},
    {"less than the name of it", "prod\n", 0, "it is not of the form products=NAME"},
    {"tiles", "width=8\n", 0, "it is not of the form products=NAME"},
    {"no name", "products=\n", 0, "it is not of the form products=NAME"},
    {"no end of the line", "products=square", 0, "it is not of the form products=NAME"},
    {"a set that there is none of", "products=round\n", 0, "there are no products 'round'"},
    {"the beginning of one", "products=squ\n", 0, "there are no products 'squ'"},
    {"more than one", "products=square\nproducts=own\n", 0, "there are no products 'square\nproducts=own'"},
    {"a byte 0 behind it", "products=square\0\n", 17, "there are no products 'square'"},
    {"a long name", "products=0000000000000000000000000000000000000000000000000000000000000000000000000000\n", 0,
     "it is not of the form products=NAME"},
};

static void an_entry_of_products_is_read(void **state)
{
    const way_case *row = *state;
    const size_t none = 99;
    size_t way = none, again = none;
    xt_buf text = {0};
    xt_err err = {.text = ""};
    xt_status status = xt_tuned_parse_way(row->text, row->n_bytes ? row->n_bytes : strlen(row->text), &way, &err);
    assert_string_equal(err.text, row->error ? row->error : "");
    assert_int_equal(status, row->error ? XT_FAILED : XT_OK);
    if (row->error) {
        assert_int_equal(way, none);
        return;
    }
    xt_tuned_print_way(way, &text);
    assert_string_equal(xt_buf_text(&text), row->text);
    assert_int_equal(xt_tuned_parse_way(text.data, text.len, &again, &err), XT_OK);
    assert_int_equal(again, way);
    xt_buf_clear(&text);
}

/* ---- candidates ---- */

typedef struct device_case {
    const char *name;
    cl_uint vector_width;
    cl_ulong local_bytes;
    bool better; /* each candidate is the best so far; else none is */
    size_t least; /* candidates */
} device_case;

static const device_case devices[] = {
    {"vectors of 16", 16, 1 << 20, false, 12},  {"vectors of 8", 8, 1 << 20, false, 12},
    {"vectors of 4", 4, 1 << 20, false, 10},    {"no vectors", 1, 1 << 20, false, 10},
    {"always better", 8, 1 << 20, true, 10},    {"always better, wide", 16, 1 << 20, true, 10},
    {"little local memory", 8, 48 << 10, false, 3},
};

static void candidates_are_forms(void **state)
{
    const device_case *row = *state;
    const xt_device device = {.type = CL_DEVICE_TYPE_CPU, .vector_width = row->vector_width,
                              .local_bytes = row->local_bytes, .name = "a device"};
    xt_tiles seen[XT_MAX_CANDIDATES + 1], best;
    xt_candidates self;
    size_t n = 0;
    xt_err err;
    assert_int_equal(xt_tiles_suit(&device, &best, &err), XT_OK);
    seen[n++] = best;
    xt_candidates_begin(&self, &device, &best, NULL);
    while (xt_candidates_next(&self, &best, &seen[n])) {
        const xt_tiles *tiles = &seen[n];
        if (xt_tiles_check(tiles, row->local_bytes, &err))
            fail_msg("%s", err.text);
        assert_true(tiles->fma == seen[0].fma);
        assert_true(tiles->width == seen[0].width || tiles->width == seen[0].width / 2);
        assert_true(tiles->rows * tiles->vectors + tiles->vectors < (row->vector_width == 16 ? 32 : 16));
        for (size_t i = 0; i < n; i++)
            assert_false(xt_tiles_same(tiles, &seen[i]));
        if (row->better)
            best = *tiles;
        n++;
        assert_true(n <= XT_MAX_CANDIDATES);
    }
    assert_true(n > row->least);
    assert_false(xt_candidates_next(&self, &best, &seen[0]));
}

/* What was kept is not tried again. */
static void what_is_known_does_not_come(void **state)
{
    (void)state;
    const xt_device device = {.type = CL_DEVICE_TYPE_CPU, .vector_width = 8, .local_bytes = local_bytes};
    xt_tiles kept = suits, next;
    xt_candidates self;
    kept.depth = 128;
    xt_candidates_begin(&self, &device, &suits, &kept);
    while (xt_candidates_next(&self, &suits, &next))
        assert_false(xt_tiles_same(&next, &kept) || xt_tiles_same(&next, &suits));
}

/* ---- what suits is a form ---- */

static void what_suits_can_be_compiled(void **state)
{
    const device_case *row = *state;
    const xt_device device = {.vector_width = row->vector_width, .local_bytes = row->local_bytes};
    xt_tiles tiles;
    xt_err err;
    assert_int_equal(xt_tiles_suit(&device, &tiles, &err), XT_OK);
    assert_int_equal(xt_tiles_check(&tiles, row->local_bytes, &err), XT_OK);
}

int main(void)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        unit_case(an_entry_is_read, &entries[i], "an_entry_is_read: %s", entries[i].name);
    UNIT_CASE(other_bytes_are_no_entry);
    for (size_t i = 0; i < sizeof way_entries / sizeof *way_entries; i++)
        unit_case(an_entry_of_products_is_read, &way_entries[i], "an_entry_of_products_is_read: %s", way_entries[i].name);
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        unit_case(what_suits_can_be_compiled, &devices[i], "what_suits_can_be_compiled: %s", devices[i].name);
        unit_case(candidates_are_forms, &devices[i], "candidates_are_forms: %s", devices[i].name);
    }
    UNIT_CASE(what_is_known_does_not_come);
    return unit_run("tuned");
}
