/* src/config: parameters of kinds that are lists, texts and whole numbers, by a
 * table of our own. */
#include "base/table.h"
#include "configs.h"
#include "config/emit.h"
#include "config/schema.h"
#include "config/yaml.h"

#include <math.h>
#include <string.h>

static const char *const words[] = {"none", "balanced", NULL};

static const xt_kind kinds[] = {
    {.row = {"plain", "no parameters"}},
    {.row = {"weighted", "a list or a word, and a text"},
     .params = {{.name = "weights", .help = "of classes", .type = XT_PARAM_LIST, .range = XT_RANGE_POSITIVE, .names = words},
                {.name = "note", .help = "to show", .type = XT_PARAM_TEXT, .def_text = "nothing much"}}},
    {.row = {"marked", "a list that has to be there"},
     .params = {{.name = "marks", .help = "epochs", .type = XT_PARAM_LIST, .required = true, .whole = true,
                 .range = {.min = 1, .max = 1e9}}}},
    {.row = {"listed", "a list that may be missing, a text without a default"},
     .params = {{.name = "list", .help = "numbers", .type = XT_PARAM_LIST, .range = XT_RANGE_ANY},
                {.name = "text", .help = "text", .type = XT_PARAM_TEXT}}},
    {.row = {"counted", "a whole number"},
     .params = {{.name = "n", .help = "count", .whole = true, .def = 3, .range = {.min = 0, .max = 1e9}}}},
};
static const xt_table table = XT_TABLE("kind", kinds);
static const xt_field field = {.name = "k", .type = &xt_type_kind, .table = &table, .def = "plain", .help = "a kind"};

/* Decodes yaml as the value of `k`. On XT_OK what it was becomes JSON in *json. */
static xt_status decode(const char *yaml, xt_choice *choice, xt_buf *json, xt_arena *arena, xt_err *err)
{
    xt_source_text text = {.name = "k.yaml", .text = yaml, .n_bytes = strlen(yaml)};
    xt_diags diags = {.arena = arena, .sources = &text};
    xt_walk walk = {.diags = &diags, .arena = arena, .path = "k"};
    const xt_node *node = NULL;
    if (!xt_yaml_parse(&diags, 0, &node))
        return xt_diags_finish(&diags, err);
    xt_type_kind.decode(&walk, &field, node, choice);
    if (!diags.n_total) {
        const xt_node *tree = xt_type_kind.encode(&walk, &field, choice, node);
        assert_non_null(tree);
        assert_false(walk.failed);
        xt_emit_json(tree, json);
    }
    return xt_diags_finish(&diags, err);
}

/* ---- what arrives ---- */

typedef struct good_row {
    const char *yaml, *json;
    float value; /* of the first parameter */
    size_t n_list;
    float last; /* of the list */
    const char *text;
} good_row;

static const good_row good[] = {
    {"plain", "\"plain\"", 0, 0, 0, NULL},
    {"weighted", "{\"type\":\"weighted\",\"weights\":\"none\",\"note\":\"nothing much\"}", 0, 0, 0, "nothing much"},
    {"{type: weighted, weights: balanced, note: \"3\"}", "{\"type\":\"weighted\",\"weights\":\"balanced\",\"note\":\"3\"}",
     1, 0, 0, "3"},
    {"{type: weighted, weights: [+1, .5, 1e-3]}",
     "{\"type\":\"weighted\",\"weights\":[1,0.5,0.001],\"note\":\"nothing much\"}", XT_LISTED, 3, 1e-3f, "nothing much"},
    {"{note: true, type: weighted, weights: [2]}", "{\"type\":\"weighted\",\"weights\":[2],\"note\":\"true\"}", XT_LISTED, 1, 2,
     "true"},
    {"{type: marked, marks: [1, 3e2, 16777216]}", "{\"type\":\"marked\",\"marks\":[1,300,16777216]}", XT_LISTED, 3, 16777216,
     NULL},
    {"listed", "{\"type\":\"listed\"}", 0, 0, 0, NULL},
    {"{type: listed, list: [-1e30, 0], text: a b}", "{\"type\":\"listed\",\"list\":[-1e+30,0],\"text\":\"a b\"}", XT_LISTED, 2, 0,
     "a b"},
    {"counted", "{\"type\":\"counted\",\"n\":3}", 3, 0, 0, NULL},
    {"{type: counted, n: 5.0}", "{\"type\":\"counted\",\"n\":5}", 5, 0, 0, NULL},
};

static void arrives(void **state)
{
    const good_row *row = *state;
    const char *yaml = row->yaml;
    xt_buf json[2] = {{0}};
    xt_arena arena = {0};
    /* Once more from what was printed. */
    for (size_t i = 0; i < 2; i++, yaml = json[0].data) {
        xt_choice choice = {.kind = -7};
        xt_err err;
        if (decode(yaml, &choice, &json[i], &arena, &err))
            fail_msg("%s", err.text);
        assert_string_equal(json[i].data, row->json);
        assert_true(choice.values[0] == row->value && choice.n_list == row->n_list);
        assert_int_equal(!choice.list, !row->n_list);
        if (row->n_list)
            assert_true(choice.list[row->n_list - 1] == row->last);
        assert_int_equal(!choice.text, !row->text);
        if (row->text)
            assert_string_equal(choice.text, row->text);
    }
    xt_buf_clear(&json[0]);
    xt_buf_clear(&json[1]);
    xt_arena_clear(&arena);
}

/* ---- what is refused ---- */

static const struct bad_row {
    const char *yaml, *message;
} bad[] = {
    {"{type: weighted, weights: balancd}",
     "k.weights: expected none, balanced or a list of numbers greater than 0, found 'balancd'; did you mean balanced"},
    {"{type: weighted, weights: 3}", "k.weights: expected none, balanced or a list of numbers greater than 0, found '3'"},
    {"{type: weighted, weights: }", "k.weights: expected none, balanced or a list of numbers greater than 0, found nothing"},
    {"{type: weighted, weights: {a: 1}}",
     "k.weights: expected none, balanced or a list of numbers greater than 0, found a mapping"},
    {"{type: weighted, weights: []}", "k.weights: expected 1 to 65536 numbers, found 0"},
    {"{type: weighted, weights: [1, 0]}", "k.weights.1: expected a number greater than 0, found '0'"},
    {"{type: weighted, weights: [1, none]}", "k.weights.1: expected a number greater than 0, found 'none'"},
    {"{type: weighted, weights: [[1]]}", "k.weights.0: expected a number greater than 0, found a list"},
    {"{type: weighted, weights: [1e39, nan, '2']}",
     "k.weights.0: expected a number greater than 0, found '1e39', too large for single precision\n"
     "k.yaml: k.weights.1: expected a number greater than 0, found 'nan'\n"
     "k.yaml: k.weights.2: expected a number greater than 0, found the quoted text '2'; a number has no quotes"},
    {"{type: weighted, note: [a]}", "k.note: expected a text, found a list"},
    {"{type: weighted, note: ''}", "k.note: expected a text, found nothing"},
    {"{type: marked, marks: balanced}",
     "k.marks: expected a list of whole numbers from 1 to 1000000000, found 'balanced'"},
    {"{type: marked, marks: [2, 1.5]}", "k.marks.1: expected a whole number from 1 to 1000000000, found '1.5'"},
    {"{type: marked, marks: [16777217]}",
     "k.marks.0: expected a whole number from 1 to 1000000000, found '16777217', which single precision would round"},
    {"{type: counted, n: 2.5}", "k.n: expected a whole number from 0 to 1000000000, found '2.5'"},
    {"{type: counted, n: 3.00000000001}", "k.n: expected a whole number from 0 to 1000000000, found '3.00000000001'"},
    {"{type: counted, n: 1000000001}",
     "k.n: expected a whole number from 0 to 1000000000, found '1000000001', which single precision would round"},
};

/* After the source's name; one without lines, as an option is, has no more. */
static const char *without_place(const char *message)
{
    return strchr(message, ' ') + 1;
}

static void is_refused(void **state)
{
    const struct bad_row *row = *state;
    xt_choice choice;
    xt_buf json = {0};
    xt_arena arena = {0};
    xt_err err;
    assert_int_equal(decode(row->yaml, &choice, &json, &arena, &err), XT_BAD_CONFIG);
    assert_string_equal(without_place(err.text), row->message);
    xt_arena_clear(&arena);
}

static void required_and_long(void **state)
{
    (void)state;
    xt_choice choice;
    xt_buf json = {0}, yaml = {0};
    xt_arena arena = {0};
    xt_err err;
    assert_int_equal(decode("marked", &choice, &json, &arena, &err), XT_BAD_CONFIG);
    assert_string_equal(without_place(err.text), "k: marked needs marks: write {type: marked, marks: ...}");
    for (size_t n = XT_MAX_COLUMNS; n <= XT_MAX_COLUMNS + 1; n++) {
        xt_buf_reset(&yaml);
        xt_buf_puts(&yaml, "{type: marked, marks: [1");
        for (size_t i = 1; i < n; i++)
            xt_buf_puts(&yaml, ",1");
        xt_buf_puts(&yaml, "]}");
        assert_int_equal(decode(yaml.data, &choice, &json, &arena, &err), n > XT_MAX_COLUMNS ? XT_BAD_CONFIG : XT_OK);
    }
    assert_string_equal(without_place(err.text), "k.marks: expected 1 to 65536 numbers, found 65537");
    xt_buf_clear(&yaml);
    xt_buf_clear(&json);
    xt_arena_clear(&arena);
}

static void described(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_describe_param(&kinds[1].params[0], &text);
    xt_buf_puts(&text, "; ");
    xt_describe_param(&kinds[1].params[1], &text);
    xt_buf_puts(&text, "; ");
    xt_describe_param(&kinds[4].params[0], &text);
    assert_string_equal(text.data, "none, balanced or a list of numbers greater than 0; a text; a whole number from 0 to "
                                   "1000000000");
    xt_buf_clear(&text);
}

int main(void)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        unit_case(arrives, &good[i], "%s", good[i].yaml);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        unit_case(is_refused, &bad[i], "%s", bad[i].yaml);
    UNIT_CASE(required_and_long);
    UNIT_CASE(described);
    return unit_run("config kinds");
}
