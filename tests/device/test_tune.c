/* Tuning: what it finds is kept and used, changes no bit, and a form that computes wrongly is refused. */
#include "net.h"

#include "base/clock.h"
#include "engine/candidates.h"
#include "engine/tiled.h"
#include "engine/tune.h"
#include "engine/tuned.h"
#include "engine/verify.h"
#include "ocl/embed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FORMS = 4 };

static char dir[40]; /* the cache, and kernels with faults */
static xt_device device;
static xt_tiles suits, next[2]; /* and the first two candidates beside it */
/* A form so small that sums are taken in several parts, and layers in several blocks. */
static xt_tiles small;

/* Slow under oclgrind, and of tiles only. */
static bool is_skipped(void)
{
    return !xt_tiled_serves(&device);
}

static int begin_group(void **state)
{
    (void)state;
    xt_candidates candidates;
    xt_err err;
    strcpy(dir, "/tmp/xt-test-tune-XXXXXX");
    if (!mkdtemp(dir) || setenv("XORTRAIN_CACHE_DIR", dir, 1) != 0)
        return -1;
    xt_devices_prepare();
    net_ok(xt_device_select("auto", &device, &err), &err);
    if (is_skipped())
        return 0;
    net_ok(xt_tiles_suit(&device, &suits, &err), &err);
    small = (xt_tiles){.width = suits.width, .vectors = 2, .rows = 5, .depth = 2 * suits.width, .block_inputs = 10,
                       .block_panels = 1, .fma = suits.fma};
    net_ok(xt_tiles_check(&small, device.local_bytes, &err), &err);
    xt_candidates_begin(&candidates, &device, &suits, NULL);
    assert_true(xt_candidates_next(&candidates, &suits, &next[0]));
    assert_true(xt_candidates_next(&candidates, &suits, &next[1]));
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* ---- tuning ---- */

typedef struct told {
    volatile sig_atomic_t stop;
    size_t stop_after; /* that many forms */
    size_t n, n_begun;
    xt_tuned_form forms[MAX_FORMS];
} told;

static void begin(void *to, const char *words, size_t number)
{
    told *here = to;
    assert_memory_equal(words, "tiles of ", 9);
    assert_int_equal(number, ++here->n_begun);
}

static void tell(void *to, const xt_tuned_form *form, const char *why)
{
    told *here = to;
    assert_true(here->n < MAX_FORMS);
    assert_int_equal(why != NULL, form->verdict > XT_TUNE_NOT_FASTER);
    here->forms[here->n++] = *form;
    if (here->n == here->stop_after)
        here->stop = SIGINT;
}

/* A small network, whose entry there is none of before. */
static void make_net(test_net *net, uint32_t units)
{
    uint64_t stream = 1;
    net_begin(net);
    net_add_layer(net, units, "tanh");
    net_add_layer(net, 70, "relu");
    net_add_layer(net, 3, "linear");
    net->spec.optimizer = xt_choose(&xt_optimizers, "adam");
    net->spec.batch_size = 50;
    net->spec.shuffle = true;
    net_finish(net, 130, 90, &stream);
}

static xt_status tune(const test_net *net, bool general, size_t stop_after, double seconds, told *to,
                      xt_tune_result *result, xt_err *err)
{
    *to = (told){.stop = stop_after ? 0 : SIGINT, .stop_after = stop_after};
    const xt_tune_job job = {.plan = &net->plan, .device = "auto", .general = general,
                             .until = xt_seconds() + seconds, .stop = &to->stop, .begin = begin, .tell = tell,
                             .teller = to};
    return xt_tune(&job, result, err);
}

static bool find(const test_net *net, xt_tiles *out)
{
    xt_context *context = net_context();
    *out = suits;
    bool found = xt_tuned_find(context, &net->plan, net->spec.batch_size, out);
    xt_context_close(&context);
    return found;
}

/* ---- what is kept is used ---- */

static void assert_form(test_net *net, const xt_tiles *tiles, bool tuned)
{
    char form[64];
    xt_engine *engine = net_open(net, XT_ENGINE_gemm);
    snprintf(form, sizeof form, "tiles of %d x %zu, %d deep%s", tiles->rows, xt_tiles_columns(tiles), tiles->depth,
             tuned ? " (tuned)" : "");
    assert_string_equal(engine->facts.form, form);
    xt_engine_close(&engine);
}

static void assert_found(const test_net *net, const xt_tiles *tiles)
{
    xt_tiles found;
    assert_int_equal(find(net, &found), tiles != NULL);
    assert_true(xt_tiles_same(&found, tiles ? tiles : &suits));
}

static void the_network_s_entry_is_used_else_the_device_s(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    test_net net, other;
    xt_err err;
    xt_context *context = net_context();
    make_net(&net, 100);
    make_net(&other, 101);
    assert_found(&net, NULL);
    net_ok(xt_tuned_keep(context, NULL, 0, &next[0], &err), &err);
    assert_found(&net, &next[0]);
    net_ok(xt_tuned_keep(context, &net.plan, 50, &next[1], &err), &err);
    assert_found(&net, &next[1]);
    assert_found(&other, &next[0]);
    net.spec.batch_size = 49;
    assert_found(&net, &next[0]);
    net.spec.batch_size = 50;
    net.spec.optimizer = xt_choose(&xt_optimizers, "adamw");
    assert_found(&net, &next[0]);
    net_ok(xt_tuned_keep(context, NULL, 0, &suits, &err), &err);
    xt_context_close(&context);
    net_clear(&net);
    net_clear(&other);
}

static void an_entry_that_is_none_is_not_used(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    static const char *const texts[] = {
        "",
        "rows=6\n",
        "width=8\nvectors=2\nrows=999\ndepth=256\nblock_inputs=96\nblock_panels=8\n",
    };
    test_net net;
    xt_tiles tiles;
    char key[XT_HASH_BYTES];
    xt_err err;
    xt_context *context = net_context();
    make_net(&net, 102);
    net_ok(xt_tuned_keep(context, NULL, 0, &next[0], &err), &err);
    net_ok(xt_tuned_key(context, &net.plan, 50, key, &err), &err);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        net_ok(xt_cache_write(context->cache, key, texts[i], strlen(texts[i]), &err), &err);
        assert_false(xt_tuned_read(context, &net.plan, 50, &tiles));
        assert_found(&net, &next[0]);
    }
    net_ok(xt_tuned_keep(context, NULL, 0, &suits, &err), &err);
    xt_context_close(&context);
    net_clear(&net);
}

/* ---- no bit changes ---- */

static void train_as(test_net *net, const xt_tiles *tiles, float *state, xt_epoch *rows)
{
    xt_context *context = net_context();
    xt_engine *engine = NULL;
    xt_err err;
    net_ok(xt_tiled_open_as(&net->plan, &net->data, context, tiles, &engine, &err), &err);
    net_ok(engine->ops->write_state(engine, net->state, &err), &err);
    net_ok(engine->ops->train(engine, 0, NET_EPOCHS, rows, &err), &err);
    net_ok(engine->ops->read_state(engine, state, &err), &err);
    xt_engine_close(&engine);
}

static void forms_have_the_same_bits(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    const xt_tiles *others[] = {&next[0], &small};
    test_net net;
    xt_epoch rows[2][NET_EPOCHS];
    make_net(&net, 103);
    size_t n = net_n_state(&net);
    float *expected = calloc(n, sizeof *expected), *got = calloc(n, sizeof *got);
    assert_true(expected && got);
    train_as(&net, &suits, expected, rows[0]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        train_as(&net, others[i], got, rows[1]);
        net_same_rows(&net, rows[1], rows[0], NET_EPOCHS);
        assert_memory_equal(got, expected, n * sizeof *got);
    }
    free(expected);
    free(got);
    net_clear(&net);
}

/* ---- tuning itself ---- */

static void the_fastest_is_kept(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    test_net net;
    xt_tune_result result;
    told to;
    xt_tiles found;
    xt_err err;
    make_net(&net, 104);
    net_ok(tune(&net, false, 2, 600, &to, &result, &err), &err);
    assert_int_equal(to.n, 2);
    assert_int_equal(to.forms[0].verdict, XT_TUNE_SUITS);
    assert_true(xt_tiles_same(&to.forms[0].tiles, &suits));
    assert_true(to.forms[0].rate > 0 && to.forms[0].ratio == 1);
    assert_true(xt_tiles_same(&to.forms[1].tiles, &next[0]));
    assert_true(to.forms[1].verdict == XT_TUNE_FASTER || to.forms[1].verdict == XT_TUNE_NOT_FASTER);
    assert_true(to.forms[1].rate > 0 && to.forms[1].ratio > 0);
    assert_true(result.kept && !result.complete);
    assert_int_equal(result.n_measured, 1);
    bool faster = to.forms[1].verdict == XT_TUNE_FASTER;
    assert_true(xt_tiles_same(&result.best.tiles, faster ? &next[0] : &suits));
    assert_true(find(&net, &found));
    assert_true(xt_tiles_same(&found, &result.best.tiles));
    assert_form(&net, &found, true);
    net_clear(&net);
}

/* What was found before is the first that the default is held against, however little time there is. */
static void what_was_kept_comes_first(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    test_net net;
    xt_tune_result result;
    told to;
    xt_err err;
    xt_context *context = net_context();
    make_net(&net, 105);
    net_ok(xt_tuned_keep(context, &net.plan, 50, &small, &err), &err);
    xt_context_close(&context);
    net_ok(tune(&net, false, MAX_FORMS, 0, &to, &result, &err), &err);
    assert_int_equal(to.n, 2);
    assert_true(xt_tiles_same(&to.forms[1].tiles, &small));
    assert_true(result.kept);
    net_clear(&net);
}

static void interrupted_at_once_it_keeps_nothing(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    test_net net;
    xt_tune_result result;
    told to;
    xt_tiles found;
    xt_err err;
    xt_context *context = net_context();
    make_net(&net, 106);
    net_ok(tune(&net, false, 0, 600, &to, &result, &err), &err);
    assert_int_equal(to.n, 1);
    assert_false(result.kept || result.complete);
    assert_false(xt_tuned_read(context, &net.plan, 50, &found));
    xt_context_close(&context);
    net_clear(&net);
}

static void without_a_cache_there_is_nothing_to_do(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    test_net net;
    xt_tune_result result;
    told to;
    xt_err err;
    make_net(&net, 107);
    setenv("XORTRAIN_CACHE_DIR", "/dev/null", 1);
    assert_int_equal(tune(&net, false, 2, 600, &to, &result, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "no cache"));
    assert_int_equal(to.n, 0);
    setenv("XORTRAIN_CACHE_DIR", dir, 1);
    net_clear(&net);
}

/* ---- faults ---- */

/* What stands in tiles.cl, and what stands there instead. */
typedef struct fault {
    const char *was, *is;
} fault;

/* Kernels with faults, in `dir`/cl: in the order in which they stand in tiles.cl, up to one with .was NULL. */
static void plant(const fault *faults)
{
    char path[128];
    snprintf(path, sizeof path, "mkdir -p '%s/cl'", dir);
    assert_int_equal(system(path), 0);
    for (size_t i = 0; i < xt_n_cl_files; i++) {
        const char *from = xt_cl_files[i].text;
        snprintf(path, sizeof path, "%s/cl/%s", dir, xt_cl_files[i].name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        for (const fault *next_fault = faults; strcmp(xt_cl_files[i].name, "tiles.cl") == 0 && next_fault->was; next_fault++) {
            const char *at = strstr(from, next_fault->was);
            assert_non_null(at);
            fprintf(file, "%.*s%s", (int)(at - from), from, next_fault->is);
            from = at + strlen(next_fault->was);
        }
        fputs(from, file);
        assert_int_equal(fclose(file), 0);
    }
    snprintf(path, sizeof path, "%s/cl", dir);
    setenv("XORTRAIN_CL_DIR", path, 1);
}

static const char terms_text[] = "unroll_count(4)\") for (uint k = 0; k < n; k++)", fma_text[] = "#ifdef XT_FMA";

/* The first candidate leaves the last term of long sums out; the second is right where sums are exact, and rounds
 * otherwise, or on a device without fma is as good as any. */
static void wrong_forms_are_refused(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    test_net net;
    xt_tune_result result;
    told to;
    char terms[200], fma[200];
    xt_err err;
    make_net(&net, 108);
    snprintf(fma, sizeof fma, "#if defined XT_FMA && !(XT_MR == %d && XT_NV == %d)", next[1].rows, next[1].vectors);
    snprintf(terms, sizeof terms, "unroll_count(4)\") for (uint k = XT_MR == %d && XT_NV == %d && n > 99; k < n; k++)",
             next[0].rows, next[0].vectors);
    plant((const fault[]){{fma_text, fma}, {terms_text, terms}, {NULL, NULL}});
    net_ok(tune(&net, true, 3, 600, &to, &result, &err), &err);
    assert_int_equal(to.n, 3);
    assert_int_equal(to.forms[1].verdict, XT_TUNE_WRONG);
    assert_true(to.forms[1].rate == 0);
    if (suits.fma)
        assert_int_equal(to.forms[2].verdict, XT_TUNE_OTHER_BITS);
    assert_true(result.kept == !suits.fma);
    /* Nor are they found by what was tuned for other kernels. */
    if (suits.fma)
        assert_found(&net, NULL);
    unsetenv("XORTRAIN_CL_DIR");
    net_clear(&net);
}

/* Other panels add the squares of clip_norm up in another order: right, but not the default's bits. */
static void panels_of_another_width_are_other_bits(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    xt_verifier *verifier = NULL;
    xt_tiles other = small;
    bool wrong = true;
    xt_err err;
    other.vectors = 3;
    other.rows = 4;
    other.block_inputs = 8;
    other.depth = 2 * other.vectors * other.width;
    net_ok(xt_tiles_check(&other, device.local_bytes, &err), &err);
    net_ok(xt_verifier_open(&device, &suits, &verifier, &err), &err);
    net_ok(xt_verify(verifier, &small, &wrong, &err), &err);
    assert_int_equal(xt_verify(verifier, &other, &wrong, &err), XT_DIFFERS);
    assert_false(wrong);
    xt_verifier_close(&verifier);
}

static void a_wrong_default_is_an_error(void **state)
{
    (void)state;
    if (is_skipped())
        skip();
    test_net net;
    xt_tune_result result;
    told to;
    xt_err err;
    make_net(&net, 110);
    plant((const fault[]){{terms_text, "unroll_count(4)\") for (uint k = n > 99; k < n; k++)"}, {NULL, NULL}});
    assert_int_equal(tune(&net, true, 2, 600, &to, &result, &err), XT_DIFFERS);
    assert_non_null(strstr(err.text, "computes wrongly"));
    assert_int_equal(to.n, 0);
    assert_false(result.kept);
    unsetenv("XORTRAIN_CL_DIR");
    net_clear(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_network_s_entry_is_used_else_the_device_s),
        cmocka_unit_test(an_entry_that_is_none_is_not_used),
        cmocka_unit_test(forms_have_the_same_bits),
        cmocka_unit_test(the_fastest_is_kept),
        cmocka_unit_test(what_was_kept_comes_first),
        cmocka_unit_test(interrupted_at_once_it_keeps_nothing),
        cmocka_unit_test(without_a_cache_there_is_nothing_to_do),
        cmocka_unit_test(wrong_forms_are_refused),
        cmocka_unit_test(panels_of_another_width_are_other_bits),
        cmocka_unit_test(a_wrong_default_is_an_error),
    };
    return cmocka_run_group_tests_name("tuning", tests, begin_group, end_group);
}
