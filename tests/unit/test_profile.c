/* src/ocl/profile.c and what src/cli prints and writes of it, with commands that are made up. */
#include "base/file.h"
#include "cases.h"
#include "cli/profile.h"
#include "runs.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static xt_profile profile;
static xt_err err;

static const xt_work nothing = {0, 0};

static const xt_profile_row *row(const xt_profile_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_rows; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    fail_msg("there is no row %s", name);
    return NULL;
}

/* ---- rows ---- */

static void commands_add_up(void **state)
{
    (void)state;
    xt_profile_init(&profile);
    xt_profile_add(&profile, "a", 1, 2, (xt_work){100, 10});
    xt_profile_add(&profile, "b", 2, 4, nothing);
    xt_profile_add(&profile, "a", 4, 7, (xt_work){500, 0});
    xt_profile_add(&profile, "a", 7, 11, nothing);
    assert_int_equal(profile.commands.n_rows, 2);
    const xt_profile_row *a = row(&profile.commands, "a");
    assert_int_equal(a->calls, 3);
    unit_near(a->seconds, 8, 1e-12, "seconds");
    /* A rate is of those commands alone that say what they do. */
    unit_near(a->flop, 600, 0, "flop");
    unit_near(a->flop_seconds, 4, 1e-12, "seconds with flop");
    unit_near(a->bytes, 10, 0, "bytes");
    unit_near(a->bytes_seconds, 1, 1e-12, "seconds with bytes");
    assert_int_equal(row(&profile.commands, "b")->calls, 1);
}

/* Of two queues: from begin to end, and what the device was busy after each. */
static const struct busy_row { const char *name; double times[4][3]; } busy_rows[] = {
    {"one after the other", {{0, 1, 1}, {1, 2, 2}, {2, 3, 3}}},
    {"with gaps", {{0, 1, 1}, {5, 6, 2}, {9, 10, 3}}},
    {"overlapping", {{0, 2, 2}, {1, 3, 3}, {2.5, 4, 4}}},
    {"one within another", {{0, 10, 10}, {2, 3, 10}, {9, 11, 11}}},
    {"of no time", {{1, 1, 0}, {1, 2, 1}}},
};

static void time_counts_once(void **state)
{
    const struct busy_row *r = *state;
    xt_profile_init(&profile);
    for (size_t i = 0; i < 4 && r->times[i][1] > 0; i++) {
        xt_profile_add(&profile, "a", r->times[i][0], r->times[i][1], nothing);
        unit_near(profile.busy, r->times[i][2], 1e-12, "busy after command %zu", i);
    }
}

static void names_end_in_others(void **state)
{
    (void)state;
    char name[2 * XT_PROFILE_NAME_BYTES];
    xt_profile_init(&profile);
    for (int i = 0; i < 2 * XT_PROFILE_NAMES; i++) {
        snprintf(name, sizeof name, "kernel %d", i);
        xt_profile_add(&profile, name, i, i + 1, nothing);
    }
    assert_int_equal(profile.commands.n_rows, XT_PROFILE_NAMES);
    assert_int_equal(row(&profile.commands, "kernel 62")->calls, 1);
    assert_int_equal(row(&profile.commands, "others")->calls, XT_PROFILE_NAMES + 1);
    /* A name that is too long is cut, and found again. */
    xt_profile_init(&profile);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 2; i++)
        xt_profile_add(&profile, name, i, i + 1, nothing);
    assert_int_equal(profile.commands.n_rows, 1);
    assert_int_equal(strlen(profile.commands.rows[0].name), XT_PROFILE_NAME_BYTES - 1);
}

static void phases_have_the_busy_time(void **state)
{
    (void)state;
    xt_profile_init(&profile);
    xt_profile_add(&profile, "before", 0, 5, nothing);
    xt_phase phase = xt_profile_begin(&profile);
    xt_profile_add(&profile, "a", 6, 8, nothing);
    xt_profile_end(&profile, "training", phase, 1, 3);
    xt_profile_add(&profile, "after", 8, 9, nothing);
    const xt_profile_row *training = row(&profile.phases, "training");
    assert_int_equal(training->calls, 1);
    assert_true(training->seconds >= 0 && training->seconds < 60);
    unit_near(training->busy, 2, 1e-12, "busy");
    /* Without a profile there is nothing to do. */
    xt_profile_end(NULL, "training", xt_profile_begin(NULL), 0, 0);
}

/* ---- the tables ---- */

static void tables_are_sorted(void **state)
{
    (void)state;
    xt_buf text = {0};
    xt_profile_init(&profile);
    xt_profile_add(&profile, "write", 0, 0.25, (xt_work){0, 5e8});
    xt_profile_add(&profile, "xt_product", 1, 1.5, (xt_work){1e9, 2e9});
    xt_profile_add(&profile, "xt_score", 2, 2.25, nothing);
    xt_profile_add(&profile, "CLBlast", 3, 4, (xt_work){5e10, 0});
    profile.phases.n_rows = 2;
    profile.phases.rows[0] = (xt_profile_row){.name = "opening", .calls = 1, .seconds = 0.5};
    profile.phases.rows[1] = (xt_profile_row){.name = "training", .calls = 3, .seconds = 4, .busy = 1};
    xt_profile_print(&profile, &text);
    assert_string_equal(xt_buf_text(&text),
                        "command                       calls      seconds   GFLOP/s      GB/s   share\n"
                        "CLBlast                           1     1.000000        50            50.0 %\n"
                        "xt_product                        1     0.500000         2         4  25.0 %\n"
                        "write                             1     0.250000                   2  12.5 %\n"
                        "xt_score                          1     0.250000                      12.5 %\n"
                        "host                          calls      seconds  device busy\n"
                        "training                          3     4.000000     1.000000  25.0 %\n"
                        "opening                           1     0.500000     0.000000   0.0 %\n");
    xt_buf_reset(&text);
    profile.n_lost = 2;
    profile.lost_code = CL_PROFILING_INFO_NOT_AVAILABLE;
    xt_profile_print(&profile, &text);
    assert_non_null(strstr(xt_buf_text(&text), "\nof 2 more commands the driver has no times: "
                                               "CL_PROFILING_INFO_NOT_AVAILABLE (-7)\n"));
    xt_buf_clear(&text);
}

/* ---- the trace ---- */

static void assert_ok(xt_status status)
{
    if (status)
        fail_msg("%s", err.text);
}

static void write_text(const char *path, const char *text)
{
    assert_ok(xt_file_replace(path, text, strlen(text), &err));
}

static double number(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void a_trace_is_json(void **state)
{
    (void)state;
    xt_trace trace;
    json_error_t wrong;
    xt_profile_init(&profile);
    write_text("t.json", "what was there before, and is longer than nothing");
    assert_ok(xt_trace_open("t.json", NULL, 0, NULL, &trace, &err));
    xt_profile_watch(&profile, xt_trace_add, &trace);
    xt_profile_add(&profile, "early", 0.25, 0.5, nothing);
    unit_run_same_text("t.json", "what was there before, and is longer than nothing");
    assert_ok(xt_trace_start(&trace, &err));
    xt_profile_add(&profile, "a", 1, 1.5, (xt_work){100, 0});
    xt_profile_add(&profile, "b", 2, 3, (xt_work){100, 8});
    xt_profile_end(&profile, "training", xt_profile_begin(&profile), 11, 5);
    assert_ok(xt_trace_close(&trace, &err));
    assert_ok(xt_trace_close(&trace, &err));
    json_t *events = json_load_file("t.json", JSON_REJECT_DUPLICATES, &wrong), *event;
    if (!events)
        fail_msg("line %d: %s", wrong.line, wrong.text);
    size_t i, n_complete = 0;
    json_array_foreach(events, i, event)
        n_complete += strcmp(json_string_value(json_object_get(event, "ph")), "X") == 0;
    assert_int_equal(n_complete, 4);
    event = json_array_get(events, json_array_size(events) - 2);
    assert_string_equal(json_string_value(json_object_get(event, "name")), "b");
    unit_near(number(event, "ts"), 2e6, 1e-9, "ts");
    unit_near(number(event, "dur"), 1e6, 1e-9, "dur");
    unit_near(number(event, "tid"), XT_TRACK_DEVICE, 0, "tid");
    unit_near(number(json_object_get(event, "args"), "flop"), 100, 0, "flop");
    unit_near(number(json_object_get(event, "args"), "bytes"), 8, 0, "bytes");
    event = json_array_get(events, json_array_size(events) - 1);
    unit_near(number(event, "tid"), XT_TRACK_HOST, 0, "tid");
    unit_near(number(json_object_get(event, "args"), "first epoch"), 11, 0, "first epoch");
    unit_near(number(json_object_get(event, "args"), "epochs"), 5, 0, "epochs");
    json_decref(events);
}

/* However many events there are, no more of them wait than are worth a write. */
static void memory_is_bounded(void **state)
{
    (void)state;
    xt_trace trace;
    size_t most = 0;
    xt_profile_init(&profile);
    assert_ok(xt_trace_open("/dev/null", NULL, 0, NULL, &trace, &err));
    assert_ok(xt_trace_start(&trace, &err));
    xt_profile_watch(&profile, xt_trace_add, &trace);
    for (int i = 0; i < 100000; i++) {
        xt_profile_add(&profile, "a", i, i + 1, nothing);
        most = trace.text.cap > most ? trace.text.cap : most;
    }
    assert_true(most < 1 << 17);
    assert_ok(xt_trace_close(&trace, &err));
}

/* Told once, at the end; until then whoever adds does not notice. */
static void a_full_disk_is_told(void **state)
{
    (void)state;
    xt_trace trace;
    xt_profile_init(&profile);
    assert_ok(xt_trace_open("/dev/full", NULL, 0, NULL, &trace, &err));
    assert_ok(xt_trace_start(&trace, &err));
    xt_profile_watch(&profile, xt_trace_add, &trace);
    for (int i = 0; i < 1000; i++)
        xt_profile_add(&profile, "a", i, i + 1, nothing);
    assert_int_equal(profile.commands.rows[0].calls, 1000);
    assert_int_equal(xt_trace_close(&trace, &err), XT_FAILED);
    assert_string_equal(err.text, "cannot write /dev/full: No space left on device");
}

static void what_a_trace_must_not_be(void **state)
{
    (void)state;
    static const struct { const char *path; xt_status status; const char *message; } rows[] = {
        {"data.csv", XT_BAD_USAGE, "--trace data.csv: would overwrite ./data.csv, which this run reads or writes"},
        {"new", XT_BAD_USAGE, "--trace new: would overwrite ./new, which this run reads or writes"},
        {"none/t", XT_FAILED, "cannot create none/t: No such file or directory"},
        {".", XT_FAILED, "cannot create .: Is a directory"},
        {"locked", XT_FAILED, "--trace locked: another run is writing there"},
    };
    static const char *const others[] = {"./none", "./data.csv", "./new"};
    write_text("data.csv", "kept\n");
    int lock = open("locked", O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        xt_trace trace;
        assert_int_equal(xt_trace_open(rows[i].path, others, 3, NULL, &trace, &err), rows[i].status);
        assert_string_equal(err.text, rows[i].message);
        assert_null(trace.path);
        unit_run_files(".", "data.csv locked ");
        unit_run_same_text("data.csv", "kept\n");
    }
    close(lock);
}

/* Where the command fails before it begins, what stood there stays. */
static void a_trace_that_was_not_begun(void **state)
{
    (void)state;
    static const char *const paths[] = {"old", "new"};
    write_text("old", "kept\n");
    for (size_t i = 0; i < 2; i++) {
        xt_trace trace;
        assert_ok(xt_trace_open(paths[i], NULL, 0, NULL, &trace, &err));
        xt_trace_add(&trace, &(xt_profile_span){.name = "a", .end = 1});
        assert_ok(xt_trace_close(&trace, &err));
    }
    unit_run_files(".", "old ");
    unit_run_same_text("old", "kept\n");
}

int main(void)
{
    UNIT_CASE(commands_add_up);
    for (size_t i = 0; i < sizeof busy_rows / sizeof busy_rows[0]; i++)
        unit_case(time_counts_once, &busy_rows[i], "time counts once: %s", busy_rows[i].name);
    UNIT_CASE(names_end_in_others);
    UNIT_CASE(phases_have_the_busy_time);
    UNIT_CASE(tables_are_sorted);
    const struct CMUnitTest traces[] = {
        IN_SCRATCH(a_trace_is_json),
        IN_SCRATCH(memory_is_bounded),
        IN_SCRATCH(a_full_disk_is_told),
        IN_SCRATCH(what_a_trace_must_not_be),
        IN_SCRATCH(a_trace_that_was_not_begun),
    };
    int failed = unit_run("profile");
    return cmocka_run_group_tests_name("trace", traces, NULL, NULL) || failed;
}
