/* Tuning where gemm multiplies by CLBlast: what is measured in processes is kept and used, whatever comes of one. On a CPU
 * the engine is opened as it is on other devices. */
#include "net.h"

#include "../unit/cases.h"
#include "base/clock.h"
#include "cli/apart.h"
#include "engine/engines.h"
#include "engine/gemm.h"
#include "engine/tune_ways.h"
#include "engine/tuned.h"
#include "engine/verify.h"
#include "ocl/embed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SHIPPED, POCL, SMALL, SQUARE };

static char dir[40]; /* the cache */

static int begin_group(void)
{
    strcpy(dir, "/tmp/xt-test-ways-XXXXXX");
    if (!mkdtemp(dir) || setenv("XORTRAIN_CACHE_DIR", dir, 1) != 0)
        return -1;
    xt_devices_prepare();
    return 0;
}

static int end_group(void)
{
    char command[80];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* Its products are large. */
static void make_net(test_net *net, uint32_t units)
{
    uint64_t stream = 1;
    net_begin(net);
    net_add_layer(net, units, "relu");
    net_add_layer(net, 3, "linear");
    net->spec.optimizer = xt_choose(&xt_optimizers, "adam");
    net->spec.batch_size = 50;
    net_finish(net, 100, 90, &stream);
}

/* ---- what is told, and what processes find where it is made up ---- */

enum { MAX_TOLD = XT_PRODUCT_WAYS + 4 };

static struct told {
    volatile sig_atomic_t stop;
    size_t n, n_begun;
    xt_tuned_form forms[MAX_TOLD];
    char why[MAX_TOLD][200];
    char hand[128]; /* what was begun last */
    size_t times[XT_PRODUCT_WAYS]; /* that it was measured */
} told;

static void begin(void *to, const char *words, size_t number)
{
    (void)to;
    assert_int_equal(number, ++told.n_begun);
    snprintf(told.hand, sizeof told.hand, "%s", words);
}

static void tell(void *to, const xt_tuned_form *form, const char *why)
{
    (void)to;
    assert_true(told.n < MAX_TOLD);
    assert_int_equal(why != NULL, form->verdict > XT_TUNE_NOT_FASTER);
    snprintf(told.why[told.n], sizeof told.why[0], "%s", why ? why : "");
    told.forms[told.n++] = *form;
}

static xt_tune_job job_of(const test_net *net, double seconds, xt_apart_fn *apart)
{
    memset(&told, 0, sizeof told);
    return (xt_tune_job){.plan = &net->plan, .device = "auto", .until = xt_seconds() + seconds, .stop = &told.stop,
                         .begin = begin, .tell = tell, .apart = apart};
}

/* ---- in processes ---- */

/* OpenCL is not open here yet. */
static void keep_square(const void *of, void *record)
{
    const test_net *net = of;
    xt_context *context = net_context();
    xt_err err;
    *(xt_status *)record = xt_tuned_keep_way(context, &net->plan, net->spec.batch_size, SQUARE, &err);
    xt_context_close(&context);
}

/* The first of all tests: from then on OpenCL is open here. Two ways, for little time: what suits and what was kept. */
static void it_is_measured_kept_and_used(void **state)
{
    (void)state;
    test_net net;
    xt_ways_found found;
    xt_tune_result result;
    xt_status kept = XT_FAILED;
    xt_err err;
    make_net(&net, 101);
    xt_tune_job job = job_of(&net, 0, xt_apart);
    net_ok(xt_apart(keep_square, &net, 60, job.stop, &kept, sizeof kept, &err), &err);
    net_ok(kept, &err);
    net_ok(xt_ways_find(&job, &found, &err), &err);
    assert_int_equal(found.kept, found.by_tiles ? XT_PRODUCT_WAYS : SQUARE);
    found.kept = found.suits == SQUARE ? SMALL : SQUARE;
    net_ok(xt_tune_ways(&job, &found, &result, &err), &err);
    assert_int_equal(told.n, 2);
    assert_int_equal(told.forms[0].verdict, XT_TUNE_SUITS);
    assert_int_equal(told.forms[0].way, found.suits);
    assert_int_equal(told.forms[1].way, found.kept);
    assert_true(told.forms[0].rate > 0 && told.forms[1].rate > 0);
    assert_true(result.kept && !result.complete);
    assert_int_equal(result.n_measured, 1);

    char form[80];
    xt_context *context = net_context();
    xt_engine *engine = NULL;
    snprintf(form, sizeof form, "large products by CLBlast, set %s (tuned)", xt_product_way_name(result.best.way));
    net_ok(xt_gemm_open_by_blas(&net.plan, &net.data, context, &engine, &err), &err);
    assert_string_equal(engine->facts.form, form);
    assert_string_equal(engine->facts.products, xt_product_way_name(result.best.way));
    assert_non_null(strstr(engine->facts.blas, "clblast"));
    xt_engine_close(&engine);
    net_clear(&net);
}

/* ---- what was kept ---- */

static void keep(const test_net *net, size_t way)
{
    xt_context *context = net_context();
    xt_err err;
    net_ok(xt_tuned_keep_way(context, &net->plan, net->spec.batch_size, way, &err), &err);
    xt_context_close(&context);
}

static void ours_is_used_where_it_was_faster(void **state)
{
    (void)state;
    test_net net;
    xt_err err;
    make_net(&net, 102);
    keep(&net, XT_PRODUCT_WAY_OWN);
    xt_context *context = net_context();
    xt_engine *engine = NULL;
    net_ok(xt_gemm_open_by_blas(&net.plan, &net.data, context, &engine, &err), &err);
    assert_string_equal(engine->facts.form, "products by tiles of our own (tuned)");
    assert_string_equal(engine->facts.blas, "own");
    assert_string_equal(engine->facts.products, "own");
    xt_engine_close(&engine);
    net_clear(&net);
}

/* A device that has lost what the set takes. */
static void what_cannot_be_had_any_more_gives_way(void **state)
{
    (void)state;
    test_net net;
    xt_err err;
    make_net(&net, 103);
    keep(&net, SQUARE);
    xt_context *context = net_context();
    context->device.local_bytes = 0;
    xt_engine *engine = NULL;
    net_ok(xt_gemm_open_by_blas(&net.plan, &net.data, context, &engine, &err), &err);
    assert_non_null(strstr(engine->facts.form, "large products by "));
    assert_null(strstr(engine->facts.form, "tuned"));
    assert_string_not_equal(engine->facts.products, "square");
    xt_engine_close(&engine);
    net_clear(&net);
}

static void the_network_s_entry_is_found_else_the_device_s(void **state)
{
    (void)state;
    test_net net, other;
    size_t way = 99;
    xt_err err;
    make_net(&net, 104);
    make_net(&other, 105);
    xt_context *context = net_context();
    assert_false(xt_tuned_find_way(context, &net.plan, 50, &way));
    assert_int_equal(way, 99);
    net_ok(xt_tuned_keep_way(context, NULL, 0, SMALL, &err), &err);
    assert_true(xt_tuned_find_way(context, &net.plan, 50, &way));
    assert_int_equal(way, SMALL);
    net_ok(xt_tuned_keep_way(context, &net.plan, 50, SQUARE, &err), &err);
    assert_true(xt_tuned_find_way(context, &net.plan, 50, &way));
    assert_int_equal(way, SQUARE);
    assert_true(xt_tuned_find_way(context, &other.plan, 50, &way));
    assert_int_equal(way, SMALL);
    assert_true(xt_tuned_find_way(context, &net.plan, 49, &way));
    assert_int_equal(way, SMALL);
    xt_context_close(&context);
    net_clear(&net);
    net_clear(&other);
}

/* ---- made up ---- */

enum { WRONG = -1, CRASHED = -2, GARBAGE = -3 };

/* What each way's process finds, by the table of ways: rates, the last one ever after, or one of the above. */
typedef struct made_up {
    const char *name;
    int rates[XT_PRODUCT_WAYS][3];
    size_t best; /* XT_PRODUCT_WAYS: nothing is kept */
    size_t times; /* that it is measured */
    xt_status status;
    size_t told_way;
    xt_tune_verdict verdict; /* of that way, told first */
    const char *why; /* likewise */
} made_up;

#define OFTEN(rate) {(rate), (rate), (rate)}
#define ALL(rate) OFTEN(rate), OFTEN(rate), OFTEN(rate), OFTEN(rate)

static const made_up cases[] = {
    {"all are as fast", {ALL(1000), ALL(1000)}, POCL, 1, XT_OK, SHIPPED, XT_TUNE_NOT_FASTER, ""},
    {"one is faster", {OFTEN(1000), OFTEN(1000), OFTEN(1000), OFTEN(1100), ALL(1000)}, SQUARE, 3, XT_OK, SQUARE,
     XT_TUNE_FASTER, ""},
    {"a little faster is not", {OFTEN(1000), OFTEN(1000), OFTEN(1000), OFTEN(1015), ALL(1000)}, POCL, 1, XT_OK, SQUARE,
     XT_TUNE_NOT_FASTER, ""},
    {"ours is faster", {OFTEN(1000), OFTEN(1000), OFTEN(1000), OFTEN(1000), OFTEN(1), OFTEN(2), OFTEN(3), OFTEN(2000)},
     XT_PRODUCT_WAY_OWN, 3, XT_OK, XT_PRODUCT_WAY_OWN, XT_TUNE_FASTER, ""},
    {"faster once is not", {OFTEN(1000), OFTEN(1000), OFTEN(1000), {1100, 1000, 1000}, ALL(1000)}, POCL, 2, XT_OK, SQUARE,
     XT_TUNE_FASTER, ""},
    {"faster twice is not", {OFTEN(1000), OFTEN(1000), OFTEN(1000), {1100, 1100, 1000}, ALL(1000)}, POCL, 3, XT_OK, SQUARE,
     XT_TUNE_FASTER, ""},
    {"the next best", {OFTEN(1000), OFTEN(1000), OFTEN(1080), {1100, 900, 900}, ALL(1000)}, SMALL, 3, XT_OK, SQUARE,
     XT_TUNE_FASTER, ""},
    {"it crashes the second time", {OFTEN(1000), OFTEN(1000), OFTEN(1080), {1100, CRASHED, 0}, ALL(1000)}, SMALL, 3, XT_OK,
     SQUARE, XT_TUNE_FASTER, ""},
    {"one is wrong", {OFTEN(1000), OFTEN(1000), OFTEN(1000), OFTEN(WRONG), ALL(1000)}, POCL, 1, XT_OK, SQUARE,
     XT_TUNE_WRONG, "it computes wrongly"},
    {"one crashes", {OFTEN(1000), OFTEN(1000), OFTEN(1000), OFTEN(CRASHED), ALL(1000)}, POCL, 1, XT_OK, SQUARE,
     XT_TUNE_FAILED, "it crashed"},
    {"one gives garbage", {OFTEN(1000), OFTEN(1000), OFTEN(1000), OFTEN(GARBAGE), ALL(1000)}, POCL, 1, XT_OK, SQUARE,
     XT_TUNE_FAILED, "its process gave what is no result"},
    {"what suits crashes", {OFTEN(1000), OFTEN(CRASHED), OFTEN(1000), OFTEN(1100), ALL(1000)}, SQUARE, 1, XT_OK, POCL,
     XT_TUNE_FAILED, "it crashed"},
    {"what suits is wrong, and another is faster than the next", {OFTEN(1000), OFTEN(WRONG), OFTEN(1000), OFTEN(900),
     ALL(1000)}, SHIPPED, 3, XT_OK, POCL, XT_TUNE_WRONG, "it computes wrongly"},
    {"only what suits can be measured", {OFTEN(CRASHED), OFTEN(1000), OFTEN(CRASHED), OFTEN(CRASHED), ALL(CRASHED)},
     XT_PRODUCT_WAYS, 0, XT_OK, POCL, XT_TUNE_SUITS, ""},
    {"none can be measured", {ALL(CRASHED), ALL(CRASHED)}, XT_PRODUCT_WAYS, 0, XT_FAILED, POCL, XT_TUNE_FAILED,
     "it crashed"},
};

static const made_up *made;

/* The way in hand. */
static size_t way_in_hand(void)
{
    for (size_t way = 0; way < XT_PRODUCT_WAY_OWN; way++) {
        char words[64];
        size_t n = (size_t)snprintf(words, sizeof words, "CLBlast, set %s", xt_product_way_name(way));
        if (strncmp(told.hand, words, n) == 0 && (told.hand[n] == '\0' || told.hand[n] == ','))
            return way;
    }
    return XT_PRODUCT_WAY_OWN;
}

static xt_status find_made_up(void (*work)(const void *of, void *record), const void *of, double seconds,
                              const volatile sig_atomic_t *stop, void *to, size_t n_bytes, xt_err *err)
{
    (void)work, (void)of, (void)stop;
    xt_way_record *record = to;
    size_t way = way_in_hand(), times = told.times[way]++;
    int rate = made->rates[way][times < 2 ? times : 2];
    assert_int_equal(n_bytes, sizeof *record);
    assert_true(seconds > 0);
    if (rate == CRASHED)
        return xt_fail(err, XT_FAILED, "it crashed");
    record->mark = rate == GARBAGE ? 7 : XT_WAY_MARK;
    record->status = rate == WRONG ? XT_DIFFERS : XT_OK;
    if (rate == WRONG)
        strcpy(record->why, "it computes wrongly");
    record->rate = rate;
    return XT_OK;
}

static void the_fastest_is_kept(void **state)
{
    made = *state;
    test_net net;
    size_t way = 99, at = 0;
    xt_tune_result result;
    xt_err err;
    const xt_ways_found found = {.suits = POCL, .kept = SQUARE};
    make_net(&net, (uint32_t)(200 + (made - cases)));
    xt_tune_job job = job_of(&net, 600, find_made_up);
    assert_int_equal(xt_tune_ways(&job, &found, &result, &err), made->status);
    while (at < told.n && told.forms[at].way != made->told_way)
        at++;
    assert_true(at < told.n);
    assert_int_equal(told.forms[at].verdict, made->verdict);
    assert_string_equal(told.why[at], made->why);
    assert_int_equal(told.forms[0].way, POCL);
    assert_int_equal(told.forms[1].way, SQUARE);
    assert_true(result.complete);
    assert_int_equal(result.kept, made->best != XT_PRODUCT_WAYS);
    xt_context *context = net_context();
    assert_int_equal(xt_tuned_read_way(context, &net.plan, 50, &way), result.kept);
    xt_context_close(&context);
    if (result.kept) {
        assert_int_equal(way, made->best);
        assert_int_equal(result.best.way, made->best);
        assert_int_equal(told.times[way], made->times);
        assert_true(result.best.rate > 0 && result.best.ratio >= 1);
    }
    net_clear(&net);
}

/* An interrupt while something is measured, and while that is confirmed. */
static size_t stop_at;

static xt_status find_until_stopped(void (*work)(const void *of, void *record), const void *of, double seconds,
                                    const volatile sig_atomic_t *stop, void *to, size_t n_bytes, xt_err *err)
{
    if (told.n_begun == stop_at) {
        told.stop = SIGINT;
        return xt_fail(err, XT_FAILED, "interrupted");
    }
    return find_made_up(work, of, seconds, stop, to, n_bytes, err);
}

static void interrupted_it_keeps_nothing(void **state)
{
    const size_t *at = *state;
    stop_at = *at;
    test_net net;
    size_t way;
    xt_tune_result result;
    xt_err err;
    const xt_ways_found found = {.suits = POCL, .kept = XT_PRODUCT_WAYS};
    made = &cases[1];
    make_net(&net, (uint32_t)(300 + stop_at));
    xt_tune_job job = job_of(&net, 600, find_until_stopped);
    net_ok(xt_tune_ways(&job, &found, &result, &err), &err);
    assert_int_equal(told.n_begun, stop_at);
    assert_int_equal(told.n, stop_at <= XT_PRODUCT_WAYS ? stop_at - 1 : XT_PRODUCT_WAYS);
    assert_false(result.kept);
    xt_context *context = net_context();
    assert_false(xt_tuned_read_way(context, &net.plan, 50, &way));
    xt_context_close(&context);
    net_clear(&net);
}

/* ---- records ---- */

static const struct record_case {
    const char *name;
    bool measured;
    xt_way_record record;
    const char *error; /* NULL: none */
} records[] = {
    {"a rate", true, {.mark = XT_WAY_MARK, .rate = 1}, NULL},
    {"no mark", true, {.rate = 1}, "its process gave what is no result"},
    {"no rate", true, {.mark = XT_WAY_MARK}, "its process gave what is no result"},
    {"a rate below 0", true, {.mark = XT_WAY_MARK, .rate = -1}, "its process gave what is no result"},
    {"no number", true, {.mark = XT_WAY_MARK, .rate = (double)NAN}, "its process gave what is no result"},
    {"no end to it", true, {.mark = XT_WAY_MARK, .rate = HUGE_VAL}, "its process gave what is no result"},
    {"a failure", true, {.mark = XT_WAY_MARK, .status = XT_NO_DEVICE, .why = "none"}, "none"},
    {"a status that is none", true, {.mark = XT_WAY_MARK, .status = 1000}, "its process gave what is no result"},
    {"a device", false, {.mark = XT_WAY_MARK, .found = {.suits = 1, .kept = XT_PRODUCT_WAYS}}, NULL},
    {"a way beyond them", false, {.mark = XT_WAY_MARK, .found = {.suits = XT_PRODUCT_WAYS}},
     "its process gave what is no result"},
    {"a kept way beyond them", false, {.mark = XT_WAY_MARK, .found = {.kept = XT_PRODUCT_WAYS + 1}},
     "its process gave what is no result"},
};

static void a_record_is_checked(void **state)
{
    const struct record_case *row = *state;
    xt_err err = {.text = ""};
    xt_status status = xt_way_record_check(&row->record, row->measured, &err);
    assert_string_equal(err.text, row->error ? row->error : "");
    assert_int_equal(status != XT_OK, row->error != NULL);
}

static void a_reason_without_end_is_none(void **state)
{
    (void)state;
    xt_way_record record = {.mark = XT_WAY_MARK, .status = XT_FAILED};
    xt_err err;
    memset(record.why, 'x', sizeof record.why);
    assert_int_equal(xt_way_record_check(&record, true, &err), XT_FAILED);
    assert_string_equal(err.text, "its process gave what is no result");
}

/* ---- faults ---- */

/* Kernels in `dir`/cl, of which product.cl has `is` where `was` stands. */
static void plant(const char *was, const char *is)
{
    char path[128];
    snprintf(path, sizeof path, "%s/cl", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < xt_n_cl_files; i++) {
        const char *text = xt_cl_files[i].text, *at = strstr(text, was);
        snprintf(path, sizeof path, "%s/cl/%s", dir, xt_cl_files[i].name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        if (strcmp(xt_cl_files[i].name, "product.cl") == 0) {
            assert_non_null(at);
            fprintf(file, "%.*s%s", (int)(at - text), text, is);
            text = at + strlen(was);
        }
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
    }
    snprintf(path, sizeof path, "%s/cl", dir);
    setenv("XORTRAIN_CL_DIR", path, 1);
}

/* Tiles that leave the terms of long sums out: what an engine's own check, of 53, does not see. */
static void wrong_products_are_found(void **state)
{
    (void)state;
    const xt_product_wish own = xt_product_way(XT_PRODUCT_WAY_OWN);
    xt_device device;
    xt_err err;
    net_ok(xt_device_select("auto", &device, &err), &err);
    net_ok(xt_verify_products(&device, &own, &err), &err);
    plant("sums0 += x[0] * row", "sums0 += from > 99u ? (float4)(0) : x[0] * row");
    assert_int_equal(xt_verify_products(&device, &own, &err), XT_DIFFERS);
    assert_non_null(strstr(err.text, "computes wrongly with products of our own"));
    unsetenv("XORTRAIN_CL_DIR");
}

int main(void)
{
    static size_t stops[] = {2, XT_PRODUCT_WAYS, XT_PRODUCT_WAYS + 2};
    if (begin_group() != 0)
        return 1;
    UNIT_CASE(it_is_measured_kept_and_used); /* first */
    UNIT_CASE(ours_is_used_where_it_was_faster);
    UNIT_CASE(what_cannot_be_had_any_more_gives_way);
    UNIT_CASE(the_network_s_entry_is_found_else_the_device_s);
    UNIT_CASE(wrong_products_are_found);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        unit_case(the_fastest_is_kept, &cases[i], "the fastest is kept: %s", cases[i].name);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        unit_case(interrupted_it_keeps_nothing, &stops[i], "interrupted at %zu it keeps nothing", stops[i]);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        unit_case(a_record_is_checked, &records[i], "a record: %s", records[i].name);
    UNIT_CASE(a_reason_without_end_is_none);
    int failed = unit_run("ways of products");
    return end_group() == 0 ? failed : 1;
}
