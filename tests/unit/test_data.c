/* From tables to data sets: what loads, what is refused and in which words. */
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static xt_err err;

/* Most tests: a file t.csv whose target is the column y. */
static const xt_source by_name = {.file = "t.csv", .target_columns = NAMES(NAME("y"))};

/* One linear unit; a text that is no number is refused where there are two targets. */
static xt_status load(const xt_source *source, const char *text, size_t n_bytes, xt_parts *parts, xt_err *to)
{
    xt_layer layer;
    xt_spec spec = unit_table_spec(source, "linear", 1, &layer);
    xt_input input = xt_input_of_memory(source->file, text, n_bytes);
    return xt_parts_load_input(&spec, &input, parts, to);
}

static xt_parts load_good(const xt_source *source, const char *text)
{
    xt_parts parts = {0};
    if (load(source, text, strlen(text), &parts, &err))
        fail_msg("%s", err.text);
    return parts;
}

/* On failure the caller's parts must be as they were: they may hold others. */
static void refuse(const xt_source *source, const char *text, size_t n_bytes, xt_status status, const char *message)
{
    xt_parts parts, before;
    memset(&parts, 0x5A, sizeof parts);
    before = parts;
    assert_int_equal(load(source, text, n_bytes, &parts, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, message);
    assert_memory_equal(&parts, &before, sizeof parts);
    /* without a place for the message too */
    assert_int_equal(load(source, text, n_bytes, &parts, NULL), status);
}

static void refuse_data(const xt_source *source, const char *text, const char *message)
{
    refuse(source, text, strlen(text), XT_BAD_DATA, message);
}

static void assert_xor(xt_parts *parts)
{
    const xt_dataset *data = &parts->train;
    assert_int_equal(data->n_rows, 4);
    assert_int_equal(data->n_inputs, 2);
    assert_int_equal(data->n_targets, 1);
    unit_floats(data->inputs, (float[]){0, 0, 0, 1, 1, 0, 1, 1}, 8);
    unit_floats(data->targets, (float[]){1, 0, 0, 1}, 4);
    assert_string_equal(data->input_names[0], "x1");
    assert_string_equal(data->input_names[1], "x2");
    assert_string_equal(data->target_names[0], "y");
    xt_parts_clear(parts);
    assert_null(data->inputs);
}

/* What the first text of a column of inputs is told. */
#define ENCODE "; encode makes an input of each value of a column, ignore leaves it out"

#define XOR_ROWS "0,0,1\n0,1,0\n1,0,0\n1,1,1\n"

/* The same table however it was saved. */
static void forms_of_a_file(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "x1,x2,y\n" XOR_ROWS,
        "\xEF\xBB\xBFx1,x2,y\n" XOR_ROWS,
        "x1,x2,y\r\n0,0,1\r\n0,1,0\r\n1,0,0\r\n1,1,1\r\n",
        "x1,x2,y\r0,0,1\r0,1,0\r1,0,0\r1,1,1",
        "x1,x2,y\n0,0,1\n0,1,0\n1,0,0\n1,1,1",
        "\n\nx1, x2 ,y\n\n 0,0\t,1\n  \n0,1,0\n\n1,0,0\n1,1,1\n\n",
        "\"x1\",\"x2\",\"y\"\n\"0\",\"0\",\"1\"\n0, \"1\" ,0\n\"1\",\" 0 \",0\n1,1,\"1\"",
        "x2,y,x1\n0,1,0\n1,0,0\n0,0,1\n1,1,1\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        xt_source source = by_name;
        source.input_columns = (xt_columns)NAMES(NAME("x1"), NAME("x2"));
        xt_parts parts = load_good(&source, texts[i]);
        assert_string_equal(parts.train.origin, "t.csv");
        assert_int_equal(parts.train.n_dropped, 0);
        assert_xor(&parts);
    }
}

/* A tab between two tabs is an empty cell, not white space. */
static void tabs_and_other_delimiters(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.file = "t.TSV";
    xt_parts parts = load_good(&source, "x1\tx2\ty\n0\t0\t1\n0\t1\t0\n1\t 0\t0\n1\t1\t1\n");
    assert_xor(&parts);
    refuse_data(&source, "x1\tx2\ty\n1\t\t3\n",
                "t.TSV:2:3: '' is a missing value (column 'x2'); missing: drop leaves such rows out");
    source.file = "t.txt";
    source.format = XT_FORMAT_TSV;
    parts = load_good(&source, "x1\tx2\ty\n0\t0\t1\n0\t1\t0\n1\t0\t0\n1\t1\t1\n");
    assert_xor(&parts);
    source.delimiter = ';';
    parts = load_good(&source, "x1;x2;y\n0;0;1\n0;1;0\n1;0;0\n1;1;1\n");
    assert_xor(&parts);
    source.delimiter = ' ';
    parts = load_good(&source, "x1 x2 y\n0 0 1\n0 1 0\n1 0 0\n1 1 1\n");
    assert_xor(&parts);
    source.delimiter = '"';
    refuse(&source, "", 0, XT_BAD_CONFIG, "the delimiter cannot be a quote, a line end or NUL");
}

/* The place must be right after cells that hold line ends, delimiters and
 * letters of several bytes: an editor is sent there. */
static void places(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.ignore_columns = (xt_columns)NAMES(NAME("text"));
    refuse_data(&source, "text,y,x\n\"a\nb,\"\"c\"\"\", 1 ,male\n",
                "t.csv:3:14: 'male' is not a number (column 'x')" ENCODE);
    refuse_data(&source, "text,x,y\r\n\"a\r\nb\",1,2\r\n\r\na,  male,2\r\n",
                "t.csv:5:5: 'male' is not a number (column 'x')");
    refuse_data(&source, "text,x,y\rgr\xC3\xB6\xC3\x9F,male,2",
                "t.csv:2:6: 'male' is not a number (column 'x')" ENCODE);
    refuse_data(&source, "\xEF\xBB\xBFtext,y,x\na,1, \"b\x01\" \n",
                "t.csv:2:6: 'b\\x01' is not a number (column 'x')" ENCODE);
    refuse_data(&source, "text,x,y\na,,1\n",
                "t.csv:2:3: '' is a missing value (column 'x'); missing: drop leaves such rows out");
    refuse_data(&source, "text,x,y\na,1,NA",
                "t.csv:2:5: 'NA' is a missing value (column 'y'); missing: drop leaves such rows out");
    refuse_data(&source, "text,x,y\na,1e39,1e400",
                "t.csv:2:3: '1e39' is too large for single precision (column 'x')\n"
                "t.csv:2:8: '1e400' is too large for single precision (column 'y')");
    source.skip_rows = 2;
    refuse_data(&source, "a \"title\r\nand another\r\ntext,x,y\r\na,b,1\r\n",
                "t.csv:4:3: 'b' is not a number (column 'x')" ENCODE);
    xt_source numbered = {.file = "t.csv", .header = XT_HEADER_FALSE, .target_columns = NAMES(AT(0))};
    refuse_data(&numbered, "1,2\n3,x\n", "t.csv:2:3: 'x' is not a number (column 1)");
}

/* Never within a letter: a terminal shows half of one as rubbish. */
static void long_texts_are_cut(void **state)
{
    (void)state;
    refuse_data(&by_name, "y,x\n1,abcdefghijklmnopqrstuvwxyz012345678\xC3\xB6\xC3\xB6\xC3\xB6zzzz\n",
                "t.csv:2:3: 'abcdefghijklmnopqrstuvwxyz012345678\xC3\xB6\xC3\xB6...' is not a number (column 'x')" ENCODE);
}

static void ragged_rows(void **state)
{
    (void)state;
    refuse_data(&by_name, "\na,b,c,y\n1,2,3,4\n1,2,3\n1,2,3,4,5\n\"1\n\",2\n",
                "t.csv:4:6: expected 4 cells as in line 2, found 3\n"
                "t.csv:5:9: expected 4 cells as in line 2, found 5\n"
                "t.csv:7:4: expected 4 cells as in line 2, found 2");
    xt_source one = {.file = "t.csv", .header = XT_HEADER_TRUE, .target_columns = {NULL, 0}};
    refuse_data(&one, "a\n1\n2,3", "t.csv:3:3: expected 1 cell as in line 1, found 2");
}

static void broken_files(void **state)
{
    (void)state;
    refuse_data(&by_name, "x,y\n1,\"2\n3,4\n5,6\n", "t.csv:2:3: the quote that opens here is never closed");
    refuse_data(&by_name, "x,y\n1,  \"2\"\"", "t.csv:2:5: the quote that opens here is never closed");
    refuse_data(&by_name, "x,y\n1,\xC3\xB6 2\"\n",
                "t.csv:2:6: a quote in an unquoted cell: quote the cell and double its quotes");
    refuse_data(&by_name, "x,y\n1,\"2\" 3\n", "t.csv:2:7: text after the closing quote of a cell");
    /* what was found before is told as well */
    refuse_data(&by_name, "x,y\na,1\n1,\"2\"3\n",
                "t.csv:2:1: 'a' is not a number (column 'x')" ENCODE "\nt.csv:3:6: text after the closing quote of a cell");
    static const char with_nul[] = "x,y\n1,2\n1,\0002\n", utf16[] = "\xFF\xFEx\0,\0y\0\n";
    refuse(&by_name, with_nul, sizeof with_nul - 1, XT_BAD_DATA,
           "t.csv:3:3: a NUL byte: not a text file, or one in UTF-16; arrays need format: idx or npy");
    refuse(&by_name, utf16, sizeof utf16 - 1, XT_BAD_DATA, "t.csv:1:4: a NUL byte: not a text file, or one in UTF-16; arrays need format: idx or npy");
}

/* A file that is one long line by mistake must not fill the memory. */
static void limits(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    char *text = malloc(4 * MIB);
    assert_non_null(text);
    memcpy(text, "x,y\n1,", 6);
    memset(text + 6, '0', MIB);
    memcpy(text + 6 + MIB, "\n2,3\n", 6);
    xt_parts parts = load_good(&by_name, text);
    unit_floats(parts.train.targets, (float[]){0, 3}, 2);
    xt_parts_clear(&parts);
    memset(text + 6, '0', 2 * MIB);
    refuse(&by_name, text, 2 * MIB, XT_BAD_DATA, "t.csv:2:3: the cell is longer than 1 MiB");
    for (size_t i = 0; i < 65535; i++)
        memcpy(text + 2 * i, "1,", 2);
    memcpy(text + 2 * 65535, "1\n", 3);
    xt_source wide = {.file = "t.csv", .target_columns = NAMES(AT(65535))};
    parts = load_good(&wide, text);
    assert_int_equal(parts.train.n_inputs, 65535);
    xt_parts_clear(&parts);
    memcpy(text + 2 * 65535, "1,1\n", 5);
    refuse_data(&wide, text, "t.csv:1:131073: more than 65536 columns");
    free(text);
}

static void twenty_errors_at_once(void **state)
{
    (void)state;
    xt_buf text = {0}, expected = {0};
    xt_buf_puts(&text, "x,y\n0,0\n");
    for (int i = 0; i < 20; i++) {
        xt_buf_printf(&text, "1,bad\n");
        xt_buf_printf(&expected, "%st.csv:%d:3: 'bad' is not a number (column 'y')", i ? "\n" : "", i + 3);
    }
    refuse_data(&by_name, xt_buf_text(&text), xt_buf_text(&expected));
    xt_buf_puts(&text, "1,2\n1,\"bad\"\n1,worse\n");
    xt_buf_puts(&expected, "\n... and more");
    refuse_data(&by_name, xt_buf_text(&text), xt_buf_text(&expected));
    xt_buf_clear(&text);
    xt_buf_clear(&expected);
}

static void no_rows(void **state)
{
    (void)state;
    refuse_data(&by_name, "", "t.csv: no rows");
    refuse_data(&by_name, " \n\n", "t.csv: no rows");
    refuse_data(&by_name, "x,y\n", "t.csv: no rows after the header");
    xt_source source = by_name;
    source.skip_rows = 3;
    refuse_data(&source, "x,y\n1,2\n", "t.csv: no rows");
    source = by_name;
    source.missing = XT_MISSING_DROP;
    refuse_data(&source, "x,y\n1,\nNA,1\n", "t.csv: no rows are left: 2 with missing values were dropped");
}

static void dropped_rows(void **state)
{
    (void)state;
    xt_source source = by_name;
    source.missing = XT_MISSING_DROP;
    source.ignore_columns = (xt_columns)NAMES(NAME("n"));
    xt_parts parts = load_good(&source, "x,y,n\n1,2,NA\n,3,0\n4,?,0\nNA,null,0\n5,6,0\n");
    assert_int_equal(parts.train.n_dropped, 3);
    assert_int_equal(parts.train.n_rows, 2);
    unit_floats(parts.train.inputs, (float[]){1, 5}, 2);
    unit_floats(parts.train.targets, (float[]){2, 6}, 2);
    xt_parts_clear(&parts);
    /* a row that is left out still must be one */
    refuse_data(&source, "x,y,n\n1,2,3\nNA,male,1\n", "t.csv:3:4: 'male' is not a number (column 'y')");
}

static void assert_header(xt_header header, const char *text, size_t n_rows, const char *input, const char *target)
{
    xt_source source = {.file = "t.csv", .header = header, .target_columns = NAMES(AT(1)),
                        .ignore_columns = NAMES(AT(2))};
    xt_parts parts = load_good(&source, text);
    assert_int_equal(parts.train.n_rows, n_rows);
    assert_string_equal(parts.train.input_names[0], input);
    assert_string_equal(parts.train.target_names[0], target);
    xt_parts_clear(&parts);
}

/* A header read as a row is an error; a row read as a header is lost in silence.
 * So a text in the one target, or in an input that is encoded, does not make one. */
static void headers(void **state)
{
    (void)state;
    assert_header(XT_HEADER_AUTO, "a,b,c\n1,2,3\n", 1, "a", "b");
    assert_header(XT_HEADER_AUTO, "1,2,3\n4,5,6\n", 2, "x1", "y");
    assert_header(XT_HEADER_AUTO, "1,2,text\n4,5,text\n", 2, "x1", "y");
    assert_header(XT_HEADER_AUTO, "a,2,3\n4,5,6\n", 1, "a", "2");
    assert_header(XT_HEADER_TRUE, "1,2,3\n4,5,6\n", 1, "1", "2");
    assert_header(XT_HEADER_FALSE, "1,2,3\n4,5,6\n", 2, "x1", "y");
    xt_source source = {.file = "t.csv", .target_columns = NAMES(AT(1))};
    refuse_data(&source, "1,NA\n2,3\n",
                "t.csv:1:3: 'NA' is a missing value (column 1); missing: drop leaves such rows out");
    source = by_name;
    source.header = XT_HEADER_FALSE;
    refuse(&source, "x,y\n1,2\n", 8, XT_BAD_CONFIG,
           "t.csv: column 'y' is selected by name, but header: false says that columns have none");
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(AT(1))};
    xt_parts parts = load_good(&source, "1,a\n2,b\n");
    assert_int_equal(parts.train.n_rows, 2);
    xt_parts_clear(&parts);
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(AT(1), AT(2))};
    parts = load_good(&source, "1,a,4\n2,3,5\n");
    assert_string_equal(parts.train.target_names[0], "a");
    xt_parts_clear(&parts);
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(AT(1)), .encode_columns = NAMES(AT(0))};
    refuse_data(&source, "a,b\nc,d\n",
                "t.csv:1: whether the first row holds names does not show, as every column may hold texts: say header: "
                "true or header: false");
    /* names that are numbers are names where columns are selected by name */
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(NAME("2020"))};
    parts = load_good(&source, "2019,2020\n1,2\n");
    assert_string_equal(parts.train.input_names[0], "2019");
    assert_int_equal(parts.train.n_rows, 1);
    xt_parts_clear(&parts);
}

static void made_up_names(void **state)
{
    (void)state;
    xt_source source = {.file = "t.csv", .target_columns = NAMES(AT(3), AT(0)), .input_columns = NAMES(AT(2), AT(1))};
    xt_parts parts = load_good(&source, "1,2,3,4\n5,6,7,8\n");
    unit_floats(parts.train.inputs, (float[]){3, 2, 7, 6}, 4);
    unit_floats(parts.train.targets, (float[]){4, 1, 8, 5}, 4);
    assert_string_equal(parts.train.input_names[1], "x2");
    assert_string_equal(parts.train.target_names[0], "y1");
    assert_string_equal(parts.train.target_names[1], "y2");
    xt_parts_clear(&parts);
}

static void wrong_columns(void **state)
{
    (void)state;
    xt_source source = {.file = "t.csv", .target_columns = NAMES(NAME("Sexx"), NAME("q"))};
    refuse_data(&source, "species,sex\n1,2\n",
                "t.csv:1: there is no column 'Sexx'; did you mean 'sex'?\nt.csv:1: there is no column 'q'\n"
                "t.csv:1: the columns are 'species', 'sex'");
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(AT(2))};
    refuse_data(&source, "a,b\n1,2\n", "t.csv:1: there is no column 2: the columns are 0 to 1");
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(NAME("b")), .input_columns = NAMES(AT(1), NAME("a"))};
    refuse_data(&source, "a,b\n1,2\n", "t.csv: column 1 is a target and an input");
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(NAME("b")), .input_columns = NAMES(NAME("a"), AT(0))};
    refuse_data(&source, "a,b\n1,2\n", "t.csv: column 0 is an input and is listed twice");
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(NAME("b")), .ignore_columns = NAMES(NAME("b"))};
    refuse_data(&source, "a,b\n1,2\n", "t.csv: column 'b' is a target and ignored");
    source = (xt_source){.file = "t.csv", .target_columns = NAMES(NAME("b")), .ignore_columns = NAMES(NAME("a"))};
    refuse_data(&source, "a,b\n1,2\n", "t.csv:1: no column is left for the inputs");
    refuse_data(&by_name, "y,x,y\n1,2,3\n", "t.csv:1:1: column 'y' is there twice, as column 0 and as column 2");
    refuse_data(&by_name, ",y\n1,2\n", "t.csv:1:1: column 0 has no name; name it or ignore it");
}

/* The list of columns must not push the rest out of the message. */
static void long_lists_are_cut(void **state)
{
    (void)state;
    refuse_data(&by_name,
                "aa,ab,ac,ad,ae,af,ag,ah,ai,aj,ak,al,am,an,ao,ap,aq,ar,as,at,au,av,aw,ax,ba,bb,bc,bd,be,bf,bg,bh\n",
                "t.csv:1: there is no column 'y'\n"
                "t.csv:1: the columns are 'aa', 'ab', 'ac', 'ad', 'ae', 'af', 'ag', 'ah', 'ai', 'aj', 'ak', 'al', "
                "'am', 'an', 'ao', 'ap', 'aq', 'ar', 'as', 'at', 'au', 'av', 'aw', 'ax', 'ba', 'bb', 'bc', 'bd', 'be', "
                "'bf' and 2 more");
}

/* ---- inline rows ---- */

static void inline_rows(void **state)
{
    (void)state;
    float inputs[] = {1, 2, 3, 4}, targets[] = {5, 6};
    xt_source source = {.n_rows = 2, .n_inputs = 2, .n_targets = 1, .inputs = inputs, .targets = targets};
    xt_layer layer;
    xt_spec spec = unit_table_spec(&source, "linear", 1, &layer);
    xt_parts parts = {0};
    assert_int_equal(xt_parts_load(&spec, &parts, &err), XT_OK);
    unit_floats(parts.train.inputs, inputs, 4);
    unit_floats(parts.train.targets, targets, 2);
    assert_string_equal(parts.train.input_names[0], "x1");
    assert_string_equal(parts.train.input_names[1], "x2");
    assert_string_equal(parts.train.target_names[0], "y");
    assert_string_equal(parts.train.origin, "inline");
    assert_string_equal(parts.train.hash, "");
    xt_parts before = parts;
    inputs[2] = INFINITY;
    targets[0] = NAN;
    assert_int_equal(xt_parts_load(&spec, &parts, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "inline data: row 1: 'nan' is a missing value (column 'y'); missing: drop leaves such "
                                  "rows out\n"
                                  "inline data: row 2: 'inf' is not a finite number (column 'x1')");
    assert_memory_equal(&parts, &before, sizeof parts);
    spec.train.n_rows = 0;
    assert_int_equal(xt_parts_load(&spec, &parts, &err), XT_BAD_DATA);
    assert_string_equal(err.text, "inline data: no rows");
    assert_memory_equal(&parts, &before, sizeof parts);
    xt_parts_clear(&parts);
}

/* ---- any bytes ---- */

static void random_bytes(uint64_t *seed, char *text, size_t n)
{
    static const char *const pieces[] = {"1,",  "2\n", "-2.5,", "0\r\n", "1e38,",  "7,8\n",    "\"3\",", "1e39", "nan",
                                         "inf", "NA,", "y",     "x",     "1e-99,", "\xC3\xB6", " ",       "\t",   "\""};
    for (size_t at = 0; at < n;) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const char *piece = pieces[(*seed >> 33) % (sizeof pieces / sizeof pieces[0])];
        for (; *piece && at < n; at++)
            text[at] = *piece++;
        if ((*seed >> 50) % 199 == 0)
            text[at - 1] = (char)(*seed >> 40);
    }
}

/* Training takes every number that is here to be finite. */
static void never_a_number_that_is_not_finite(void **state)
{
    (void)state;
    xt_source source = {.file = "t.csv", .missing = XT_MISSING_DROP, .target_columns = NAMES(AT(0))};
    uint64_t seed = 1;
    size_t n_good = 0;
    for (size_t i = 0; i < 30000; i++) {
        char text[64];
        size_t n = 1 + i % sizeof text;
        random_bytes(&seed, text, n);
        xt_parts parts = {0};
        if (load(&source, text, n, &parts, &err)) {
            assert_true(err.text[0] && !parts.train.inputs);
            continue;
        }
        for (size_t j = 0; j < parts.train.n_rows * parts.train.n_inputs; j++)
            assert_true(isfinite(parts.train.inputs[j]));
        for (size_t j = 0; j < parts.train.n_rows; j++)
            assert_true(isfinite(parts.train.targets[j]));
        n_good++;
        xt_parts_clear(&parts);
    }
    /* or the test shows nothing */
    assert_true(n_good > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_a_file),       cmocka_unit_test(tabs_and_other_delimiters),
        cmocka_unit_test(places),                cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(ragged_rows),           cmocka_unit_test(broken_files),
        cmocka_unit_test(limits),                cmocka_unit_test(twenty_errors_at_once),
        cmocka_unit_test(no_rows),               cmocka_unit_test(dropped_rows),
        cmocka_unit_test(headers),               cmocka_unit_test(made_up_names),
        cmocka_unit_test(wrong_columns),         cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(inline_rows),           cmocka_unit_test(never_a_number_that_is_not_finite),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
