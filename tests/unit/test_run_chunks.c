/* src/app: how many epochs at once, and that this changes no result. */
#include "base/hash.h"
#include "runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 64, MAX_CHUNK = 65536 };

static uint32_t calls[MAX_CALLS];
static size_t n_calls;

static void note(uint32_t n)
{
    assert_true(n_calls < MAX_CALLS);
    calls[n_calls++] = n;
}

static xt_status train_and_note(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    note(n);
    return unit_run_real_ops->train(engine, first, n, rows, err);
}

static xt_status train_singly(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    xt_status status = XT_OK;
    for (uint32_t i = 0; !status && i < n; i++)
        status = unit_run_real_ops->train(engine, first + i, 1, rows + i, err);
    return status;
}

/* Rows without any training, at once. */
static xt_status pretend(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    (void)engine;
    (void)err;
    note(n);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (xt_epoch){.loss = 1.0 / (first + i + 1), .learning_rate = 0.5f, .step = first + i + 1};
    return XT_OK;
}

typedef xt_status train_fn(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err);

static void go(unit_job *j, uint32_t epochs, uint32_t first_chunk, train_fn *train)
{
    n_calls = 0;
    unit_run_make(j, epochs);
    unit_run_hook(j, 0, NULL);
    unit_run_ops.train = train;
    j->engine->facts.first_chunk = first_chunk;
    assert_int_equal(unit_run_go(j), XT_OK);
    assert_int_equal(j->result.epochs, epochs);
}

/* Growth by at most 8, so that nothing that was measured badly lasts long. */
static void assert_calls(uint32_t epochs, uint32_t first)
{
    uint32_t sum = 0;
    assert_int_equal(calls[0], first);
    for (size_t i = 0; i < n_calls; i++) {
        assert_true(calls[i] >= 1 && calls[i] <= MAX_CHUNK);
        assert_true(!i || calls[i] <= 8 * calls[i - 1]);
        sum += calls[i];
    }
    assert_int_equal(sum, epochs);
}

static void an_engine_that_says_nothing(void **state)
{
    (void)state;
    unit_job j;
    go(&j, 500, 0, train_and_note);
    assert_calls(500, 1);
    unit_run_clear(&j);
}

static void a_short_run_is_one_call(void **state)
{
    (void)state;
    unit_job j;
    go(&j, 500, 4096, train_and_note);
    assert_int_equal(n_calls, 1);
    assert_calls(500, 500);
    unit_run_clear(&j);
    go(&j, 500, 100, train_and_note);
    assert_calls(500, 100);
    unit_run_clear(&j);
}

/* However fast the engine and whatever it says: the rows that wait are bounded, and none is lost. */
static void rows_are_bounded(void **state)
{
    (void)state;
    static const uint32_t first[] = {UINT32_MAX, 0};
    for (size_t i = 0; i < 2; i++) {
        unit_job j;
        uint32_t n = 0;
        go(&j, 200000, first[i], pretend);
        assert_calls(200000, first[i] ? MAX_CHUNK : 1);
        char *csv = unit_run_text("out/loss.csv");
        strtok(csv, "\n");
        for (char *line; (line = strtok(NULL, "\n"));) {
            char start[64];
            snprintf(start, sizeof start, "%u,%.9g,0,0,0.5,%u,", n + 1, 1.0 / (n + 1), n + 1);
            n++;
            if (strncmp(line, start, strlen(start)) != 0)
                fail_msg("'%s', not '%s'", line, start);
        }
        assert_int_equal(n, 200000);
        free(csv);
        unit_run_clear(&j);
    }
}

/* The checksum is of the column as it stands in the file. */
static void assert_loss_hash(const char *csv)
{
    char hash[XT_HASH_BYTES];
    xt_buf losses = {0};
    for (const char *line = strchr(csv, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        const char *loss = strchr(line, ',') + 1;
        xt_buf_add(&losses, loss, strcspn(loss, ","));
        xt_buf_puts(&losses, "\n");
    }
    xt_hash_block(losses.data, losses.len, hash);
    xt_buf_clear(&losses);
    json_t *record = unit_run_record();
    assert_string_equal(json_string_value(json_object_get(record, "loss_column_xxh3_128")), hash);
    json_decref(record);
}

static void the_same_in_any_chunks(void **state)
{
    (void)state;
    static const struct { uint32_t first_chunk; train_fn *train; } rows[] = {
        {0, train_and_note}, {0, train_singly}, {1, train_and_note}, {7, train_and_note}, {UINT32_MAX, train_and_note},
        {UINT32_MAX, train_singly},
    };
    char *csv[6], *model[6];
    size_t n[6];
    for (size_t i = 0; i < 6; i++) {
        unit_job j;
        go(&j, 6000, rows[i].first_chunk, rows[i].train);
        csv[i] = unit_run_without_seconds("out/loss.csv");
        model[i] = unit_run_bytes("out/model.safetensors", &n[i]);
        assert_string_equal(csv[i], csv[0]);
        assert_int_equal(n[i], n[0]);
        assert_memory_equal(model[i], model[0], n[0]);
        assert_loss_hash(csv[i]);
        unit_run_clear(&j);
    }
    for (size_t i = 0; i < 6; i++) {
        free(csv[i]);
        free(model[i]);
    }
}

/* ---- seconds ---- */

/* As an engine that compiles more with its first epochs. */
static xt_status train_and_launch(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    engine->facts.launch_seconds = 3600;
    return unit_run_real_ops->train(engine, first, n, rows, err);
}

static double second(const json_t *record, const char *part)
{
    return json_number_value(json_object_get(json_object_get(record, "seconds"), part));
}

/* Opening took 0.5 s in all: what the engine accounts for is not in it twice, nor in the training. */
static void parts_do_not_overlap(void **state)
{
    (void)state;
    unit_job j;
    unit_run_make(&j, 5);
    unit_run_hook(&j, 0, NULL);
    xt_engine_facts *facts = &j.engine->facts;
    facts->form = "two at a time";
    facts->device_seconds = 0.125;
    facts->build_seconds = 0.25;
    facts->built_from_cache = true;
    facts->launch_seconds = 0.0625;
    assert_int_equal(unit_run_go(&j), XT_OK);
    json_t *record = unit_run_record();
    assert_true(second(record, "data") == 0.25);
    assert_true(second(record, "open_device") == 0.125);
    assert_true(second(record, "build") == 0.25);
    assert_true(second(record, "first_launch") == 0.0625);
    assert_true(second(record, "open_engine") == 0.0625);
    assert_true(second(record, "training") > 0);
    assert_true(second(record, "total") >= second(record, "training") + second(record, "output"));
    const json_t *engine = json_object_get(record, "engine");
    assert_string_equal(json_string_value(json_object_get(engine, "form")), "two at a time");
    assert_true(json_is_true(json_object_get(engine, "built_from_cache")));
    json_decref(record);
    unit_run_ops.train = train_and_launch;
    facts->launch_seconds = 0;
    facts->first_chunk = 5;
    assert_int_equal(unit_run_go(&j), XT_OK);
    record = unit_run_record();
    assert_true(second(record, "first_launch") == 3600);
    assert_true(second(record, "open_engine") == 0.125);
    assert_true(second(record, "training") == 0);
    json_decref(record);
    unit_run_clear(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(an_engine_that_says_nothing), IN_SCRATCH(a_short_run_is_one_call), IN_SCRATCH(rows_are_bounded),
        IN_SCRATCH(the_same_in_any_chunks),      IN_SCRATCH(parts_do_not_overlap),
    };
    return cmocka_run_group_tests_name("run chunks", tests, NULL, NULL);
}
