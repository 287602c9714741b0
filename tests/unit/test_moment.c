/* src/app: where a training stands, as JSON and back: the same bits, or refused. */
#include "app/moment.h"
#include "model/metrics.h"
#include "nets.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

static const char hash_of_losses[] = "0123456789abcdef0123456789abcdef";

typedef struct fixture {
    unit_net net;
    xt_engine_facts facts;
    xt_circumstances now;
    xt_moment moment;
} fixture;

static xt_run_row a_row(uint32_t epoch, bool validated)
{
    xt_run_row row = {.epoch = epoch, .validated = validated,
                      .train = {.loss = 0.1, .metrics = {1.0 / 3, 0.7}, .learning_rate = 0.01f, .step = 4ull * epoch}};
    if (validated)
        row.validation = (xt_measured){.loss = 0.2, .metrics = {0.9, 2e-7}};
    return row;
}

/* Of an epoch with everything in it: two metrics, early stopping, a plateau, changes. */
static void make(fixture *f)
{
    memset(f, 0, sizeof *f);
    unit_net_xor(&f->net);
    xt_spec *spec = &f->net.spec;
    spec->validation.given = true;
    spec->n_metrics = 2;
    f->net.metrics[0] = xt_choose(&xt_metrics, "mae");
    f->net.metrics[1] = xt_choose(&xt_metrics, "rmse");
    spec->early_stopping = (xt_early_stopping){true, "val_loss", 40, 0, XT_MODE_AUTO, true};
    spec->schedule = xt_choose(&xt_schedules, "plateau");
    spec->schedule.text = "val_loss";
    strcpy(f->net.data.hash, "00112233445566778899aabbccddeeff");
    f->facts = (xt_engine_facts){.engine = "reference", .device = "host"};
    f->now = (xt_circumstances){&f->net.data, &f->net.data, NULL, &f->facts};
    xt_moment *m = &f->moment;
    *m = (xt_moment){.epoch = 17, .seconds = 1.25, .last = a_row(17, true), .best = a_row(12, false), .csv_first = 3,
                     .resumed = 2, .changes = "epoch 2: optimizer.learning_rate: 0.1, was 0.2\n"};
    strcpy(m->loss_hash, hash_of_losses);
    assert_int_equal(xt_control_init(&m->control, spec, &err), XT_OK);
    m->control.best = 0.2;
    m->control.best_epoch = 12;
    m->control.waited = 5;
    m->control.plateau = (xt_plateau){.best = 0.3, .waited = 1, .cooling = 2, .factor = 0.25};
}

static xt_buf print(const fixture *f)
{
    xt_buf text = {0};
    if (xt_moment_print(&f->moment, &f->now, &text, &err))
        fail_msg("%s", err.text);
    return text;
}

/* Differences are appended to lines. */
static xt_status parse(const fixture *f, const char *text, xt_moment *out, xt_buf *lines)
{
    return xt_moment_parse("f", text, &f->net.spec, &f->now, out, lines, lines, &err);
}

/* The same bits, but for the payload of what is not a number. */
static void same_number(double value, double expected)
{
    if (isnan(expected))
        assert_true(isnan(value));
    else
        assert_memory_equal(&value, &expected, sizeof value);
}

static void same_row(const xt_run_row *a, const xt_run_row *b)
{
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->validated, b->validated);
    assert_true(a->train.step == b->train.step);
    same_number((double)a->train.learning_rate, (double)b->train.learning_rate);
    same_number(a->train.loss, b->train.loss);
    same_number(a->validation.loss, b->validation.loss);
    for (size_t i = 0; i < 2; i++) {
        same_number(a->train.metrics[i], b->train.metrics[i]);
        same_number(a->validation.metrics[i], b->validation.metrics[i]);
    }
}

static void comes_back(const fixture *f)
{
    xt_moment got;
    const xt_moment *m = &f->moment;
    xt_buf text = print(f), lines = {0}, again = {0};
    memset(&got, 0x5A, sizeof got);
    if (parse(f, text.data, &got, &lines))
        fail_msg("%s: %s", err.text, text.data);
    assert_int_equal(lines.len, 0);
    assert_int_equal(got.epoch, m->epoch);
    assert_int_equal(got.csv_first, m->csv_first);
    assert_int_equal(got.resumed, m->resumed);
    same_number(got.seconds, m->seconds);
    same_number(got.control.best, m->control.best);
    assert_int_equal(got.control.best_epoch, m->control.best_epoch);
    assert_int_equal(got.control.waited, m->control.waited);
    same_number(got.control.plateau.best, m->control.plateau.best);
    same_number(got.control.plateau.factor, m->control.plateau.factor);
    assert_int_equal(got.control.plateau.waited, m->control.plateau.waited);
    assert_int_equal(got.control.plateau.cooling, m->control.plateau.cooling);
    assert_ptr_equal(got.control.spec, &f->net.spec);
    same_row(&got.last, &m->last);
    same_row(&got.best, &m->best);
    assert_string_equal(got.loss_hash, m->loss_hash);
    assert_string_equal(got.changes, m->changes);
    assert_int_equal(xt_moment_print(&got, &f->now, &again, &err), XT_OK);
    assert_string_equal(again.data, text.data);
    xt_buf_clear(&text);
    xt_buf_clear(&again);
    xt_buf_clear(&lines);
}

/* ---- round trips ---- */

static void as_it_is(void **state)
{
    (void)state;
    fixture f;
    make(&f);
    comes_back(&f);
    unit_net_clear(&f.net);
}

static const double odd_numbers[] = {(double)NAN, HUGE_VAL, -HUGE_VAL, 0, -0.0, 0.1, 1.0 / 3, -1e-310, 4.9406564584124654e-324,
                                     DBL_MAX, -DBL_MAX, DBL_MIN, 1e22, 123456789, 0.30000000000000004};

static void every_member(void **state)
{
    const double value = *(const double *)*state;
    fixture f;
    make(&f);
    xt_moment *m = &f.moment;
    double *const members[] = {&m->control.best, &m->control.plateau.best, &m->last.train.loss, &m->last.validation.loss,
                               &m->best.train.loss, &m->last.train.metrics[0], &m->last.train.metrics[1],
                               &m->last.validation.metrics[0], &m->last.validation.metrics[1], &m->best.train.metrics[0]};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        double was = *members[i];
        *members[i] = value;
        comes_back(&f);
        *members[i] = was;
    }
    m->last.train.learning_rate = fabs(value) > (double)FLT_MAX ? 1 : (float)value;
    m->seconds = isfinite(value) ? value : 0;
    m->control.plateau.factor = value >= 0 && value <= 1 ? value : 1;
    comes_back(&f);
    unit_net_clear(&f.net);
}

static void counts_at_their_ends(void **state)
{
    (void)state;
    fixture f;
    make(&f);
    xt_moment *m = &f.moment;
    m->epoch = m->last.epoch = m->best.epoch = m->control.best_epoch = UINT32_MAX - 1;
    m->csv_first = m->control.waited = m->control.plateau.waited = m->control.plateau.cooling = UINT32_MAX;
    m->resumed = UINT32_MAX - 1;
    m->last.train.step = INT64_MAX;
    memset(m->changes, 'x', sizeof m->changes - 1);
    comes_back(&f);
    unit_net_clear(&f.net);
}

/* Before the first epoch, and where no epoch was a best one. */
static void nothing_yet(void **state)
{
    (void)state;
    fixture f;
    make(&f);
    f.moment.best = (xt_run_row){0};
    f.moment.control.best_epoch = 0;
    comes_back(&f);
    f.moment.epoch = f.moment.resumed = 0;
    f.moment.csv_first = 1;
    f.moment.last = (xt_run_row){0};
    f.moment.changes[0] = '\0';
    comes_back(&f);
    unit_net_clear(&f.net);
}

/* What ended the training is found again from the last row. */
static void what_has_ended(void **state)
{
    (void)state;
    static const xt_limit limits[] = {{"mae", true, 0.5}, {"loss", false, 0.15}};
    static const struct { uint32_t waited; size_t n_limits; bool ended; int limit; } rows[] = {
        {39, 0, false, -1}, {40, 0, true, -1}, {39, 1, false, -1}, {39, 2, true, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        xt_moment got;
        xt_buf lines = {0};
        make(&f);
        f.moment.control.waited = rows[i].waited;
        f.net.spec.limits = limits;
        f.net.spec.n_limits = rows[i].n_limits;
        xt_buf text = print(&f);
        assert_int_equal(parse(&f, text.data, &got, &lines), XT_OK);
        assert_int_equal(got.control.ended, rows[i].ended);
        if (rows[i].ended)
            assert_int_equal(got.control.limit, rows[i].limit);
        assert_false(got.control.improved);
        xt_buf_clear(&text);
        unit_net_clear(&f.net);
    }
}

/* ---- refused ---- */

/* The text is refused, and nothing else changes. */
static void refused(const fixture *f, const char *text, const char *what)
{
    xt_moment got, before;
    xt_buf lines = {0};
    memset(&got, 0x5A, sizeof got);
    before = got;
    if (parse(f, text, &got, &lines) != XT_BAD_DATA)
        fail_msg("%s is taken: %s", what, text);
    assert_string_equal(err.text, "f: its progress is not that of a training");
    assert_memory_equal(&got, &before, sizeof got);
    xt_buf_clear(&lines);
}

typedef enum kind { COUNT, INTEGER, NUMBER, FINITE, TEXT, LIST, OBJECT, OPTIONAL } kind;

/* Every member, "above.key". */
static const struct member_row { const char *path; kind kind; } member_rows[] = {
    {"epoch", COUNT}, {"seconds", FINITE}, {"watched", OBJECT}, {"watched.best", NUMBER}, {"watched.best_epoch", COUNT},
    {"watched.waited", COUNT}, {"plateau", OBJECT}, {"plateau.best", NUMBER}, {"plateau.waited", COUNT},
    {"plateau.cooling", COUNT}, {"plateau.factor", FINITE}, {"last", OBJECT}, {"last.epoch", COUNT}, {"last.step", COUNT},
    {"last.learning_rate", NUMBER}, {"last.loss", NUMBER}, {"last.metrics", LIST}, {"last.val_loss", OPTIONAL},
    {"last.val_metrics", LIST}, {"best", OBJECT}, {"best.epoch", COUNT}, {"best.step", COUNT},
    {"best.learning_rate", NUMBER}, {"best.loss", NUMBER}, {"best.metrics", LIST}, {"loss_csv", OBJECT},
    {"loss_csv.first", COUNT}, {"loss_csv.xxh3_128", TEXT}, {"resumed", COUNT}, {"changes", TEXT}, {"data", OBJECT},
    {"data.train", OBJECT}, {"data.train.rows", INTEGER}, {"data.validation", OBJECT}, {"data.validation.rows", INTEGER},
    {"data.test", OPTIONAL},
};

/* Its text with one member set to JSON text, or without it (NULL). */
static void set(const fixture *f, const char *path, const char *value)
{
    xt_buf text = print(f);
    char name[40], what[200];
    json_t *root = json_loads(text.data, 0, NULL), *object = root;
    const char *key = strchr(path, '.') ? strrchr(path, '.') + 1 : path;
    strcpy(name, path);
    for (char *part = strtok(name, "."); part && strcmp(part, key) != 0; part = strtok(NULL, "."))
        object = json_object_get(object, part);
    assert_non_null(json_object_get(object, key));
    if (value)
        json_object_set_new(object, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(object, key);
    char *edited = json_dumps(root, JSON_COMPACT);
    snprintf(what, sizeof what, "%s %s", path, value ? value : "left out");
    refused(f, edited, what);
    free(edited);
    json_decref(root);
    xt_buf_clear(&text);
}

static void every_member_malformed(void **state)
{
    static const char *const wrong[][9] = {
        [COUNT] = {"-1", "1.5", "\"1\"", "true", "null", "[]", "{}", "4294967296000000000000.0"},
        [INTEGER] = {"1.5", "\"1\"", "true", "null", "[]", "{}"},
        [NUMBER] = {"\"Infinity\"", "\"\"", "true", "null", "[]", "{}"},
        [FINITE] = {"\"nan\"", "\"inf\"", "\"-inf\"", "\"1\"", "true", "null", "[]", "{}"},
        [TEXT] = {"1", "null", "[]", "{}"},
        [LIST] = {"[]", "[1]", "[1, 2, 3]", "[1, null]", "[1, [2]]", "{}", "1", "null"},
        [OBJECT] = {"1", "\"\"", "[]", "{}", "true"},
        [OPTIONAL] = {"true", "[]", "\"x\""},
    };
    const struct member_row *row = *state;
    fixture f;
    make(&f);
    if (row->kind != OPTIONAL || strcmp(row->path, "data.test") == 0)
        set(&f, row->path, NULL);
    for (size_t i = 0; i < 9 && wrong[row->kind][i]; i++)
        set(&f, row->path, wrong[row->kind][i]);
    unit_net_clear(&f.net);
}

/* Each of the right kind, and none of them possible beside the others (epoch 17). */
static const struct member_value { const char *path, *value; } impossible_rows[] = {
    {"epoch", "16"}, {"epoch", "18"}, {"epoch", "4294967295"}, {"last.epoch", "16"}, {"best.epoch", "18"},
    {"watched.best_epoch", "18"}, {"watched.waited", "4294967296"}, {"loss_csv.first", "0"}, {"loss_csv.first", "19"},
    {"plateau.factor", "-0.5"}, {"plateau.factor", "1.5"}, {"resumed", "4294967295"},
    {"loss_csv.xxh3_128", "\"0123456789abcdef0123456789abcdef0\""}, {"last", "null"},
};

static void impossible(void **state)
{
    const struct member_value *row = *state;
    fixture f;
    make(&f);
    set(&f, row->path, row->value);
    unit_net_clear(&f.net);
}

static void a_change_that_is_too_long(void **state)
{
    (void)state;
    fixture f;
    char text[XT_CHANGES_BYTES + 3];
    make(&f);
    memset(text, 'x', sizeof text);
    text[0] = text[XT_CHANGES_BYTES + 1] = '"';
    text[XT_CHANGES_BYTES + 2] = '\0';
    set(&f, "changes", text);
    unit_net_clear(&f.net);
}

static void texts_that_are_no_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", "{", "}", "[]", "null", "1", "\"epoch\"", "{}", "{\"epoch\": 17}",
                                        "{\"epoch\": 17, \"epoch\": 17}", "{\"a\":\xff}"};
    fixture f;
    char *deep = malloc(200001);
    make(&f);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refused(&f, texts[i], "a text");
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    refused(&f, deep, "nested deeply");
    free(deep);
    xt_buf text = print(&f);
    for (size_t n = 0; n < text.len; n++) {
        char was = text.data[n];
        text.data[n] = '\0';
        refused(&f, text.data, "a part");
        text.data[n] = was;
    }
    xt_buf_clear(&text);
    unit_net_clear(&f.net);
}

/* ---- what it holds true for ---- */

/* What `tune` found since then gives other bits. */
static void products_of_another_set(void **state)
{
    (void)state;
    fixture f;
    xt_moment got;
    xt_buf lines = {0};
    make(&f);
    strcpy(f.facts.products, "square");
    xt_buf text = print(&f);
    assert_int_equal(parse(&f, text.data, &got, &lines), XT_OK);
    assert_string_equal(xt_buf_text(&lines), "");
    strcpy(f.facts.products, "own");
    assert_int_equal(parse(&f, text.data, &got, &lines), XT_OK);
    assert_string_equal(xt_buf_text(&lines), "products own, was square\n");
    xt_buf_clear(&lines);
    xt_buf_clear(&text);
    unit_net_clear(&f.net);
}

static void other_circumstances(void **state)
{
    (void)state;
    fixture f;
    xt_moment got;
    xt_buf lines = {0};
    make(&f);
    xt_buf text = print(&f);
    xt_dataset other = f.net.data;
    other.n_rows = 9;
    f.facts.engine = "fused";
    strcpy(f.facts.device, "a GPU");
    strcpy(f.facts.driver, "1.0");
    f.now = (xt_circumstances){&other, NULL, &f.net.data, &f.facts};
    assert_int_equal(parse(&f, text.data, &got, &lines), XT_OK);
    assert_string_equal(xt_buf_text(&lines), "data.train: 9 rows, was 4\n"
                                             "data.validation: is no longer there\n"
                                             "data.test: was not there\n"
                                             "engine fused, was reference\ndevice a GPU, was host\ndriver 1.0, was none\n");
    xt_buf_reset(&lines);
    strcpy(other.hash, "");
    other.n_rows = 4;
    f.facts = (xt_engine_facts){.engine = "reference", .device = "host"};
    f.now = (xt_circumstances){&other, &f.net.data, NULL, &f.facts};
    assert_int_equal(parse(&f, text.data, &got, &lines), XT_OK);
    assert_string_equal(xt_buf_text(&lines), "data.train: other contents (XXH3-128 none, was "
                                             "00112233445566778899aabbccddeeff)\n");
    xt_buf_clear(&lines);
    xt_buf_clear(&text);
    unit_net_clear(&f.net);
}

/* Of another configuration: as many metrics as that has. */
static void another_number_of_metrics(void **state)
{
    (void)state;
    fixture f;
    make(&f);
    xt_buf text = print(&f);
    f.net.spec.n_metrics = 1;
    refused(&f, text.data, "a metric more");
    xt_buf_clear(&text);
    unit_net_clear(&f.net);
}

int main(void)
{
    UNIT_CASE(as_it_is);
    for (size_t i = 0; i < sizeof odd_numbers / sizeof odd_numbers[0]; i++)
        unit_case(every_member, &odd_numbers[i], "every member: %g", odd_numbers[i]);
    UNIT_CASE(counts_at_their_ends);
    UNIT_CASE(nothing_yet);
    UNIT_CASE(what_has_ended);
    for (size_t i = 0; i < sizeof member_rows / sizeof member_rows[0]; i++)
        unit_case(every_member_malformed, &member_rows[i], "malformed: %s", member_rows[i].path);
    for (size_t i = 0; i < sizeof impossible_rows / sizeof impossible_rows[0]; i++)
        unit_case(impossible, &impossible_rows[i], "impossible: %s %s", impossible_rows[i].path, impossible_rows[i].value);
    UNIT_CASE(a_change_that_is_too_long);
    UNIT_CASE(texts_that_are_no_object);
    UNIT_CASE(other_circumstances);
    UNIT_CASE(products_of_another_set);
    UNIT_CASE(another_number_of_metrics);
    return unit_run("moment");
}
