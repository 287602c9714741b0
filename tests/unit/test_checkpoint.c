/* src/app: the files of checkpoints: which there are, when, in which order they
 * reach the disk, and that a failure leaves those that were there. */
#include "runs.h"

#include "app/checkpoint.h"
#include "app/model_file.h"
#include "model/ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- in place of the C library's: they write down what they do ---- */

static xt_buf calls;          /* "sync NAME\n" and "rename NAME NAME\n"; temporary files without their endings */
static int calls_until_error; /* this one fails with EIO; 0: none does */
static uint64_t bytes_left;   /* of the file system; 0: as it is */

static bool fails(void)
{
    bool now = calls_until_error == 1;
    calls_until_error -= calls_until_error > 0;
    errno = now ? EIO : errno;
    return now;
}

static void add_name(const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *ending = strstr(name, ".tmp.");
    xt_buf_printf(&calls, " %.*s%s", ending ? (int)(ending - name) : (int)strlen(name), name, ending ? ".tmp" : "");
}

int fsync(int fd)
{
    char link[40], path[500];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    xt_buf_puts(&calls, "sync");
    add_name(path);
    xt_buf_puts(&calls, "\n");
    return fails() ? -1 : 0;
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    xt_buf_puts(&calls, "rename");
    add_name(from);
    add_name(to);
    xt_buf_puts(&calls, "\n");
    return fails() ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int fstatvfs(int fd, struct statvfs *info)
{
    (void)fd;
    *info = (struct statvfs){.f_blocks = bytes_left ? 1000 : 0, .f_frsize = 512, .f_bavail = bytes_left / 512};
    return 0;
}

/* ---- checkpoints in a directory ---- */

typedef struct fixture {
    unit_net net;
    xt_engine_facts facts;
    xt_outdir dir;
    xt_checkpoints c;
    xt_moment moment;
    float *state, *best;
} fixture;

static void make(fixture *f, uint32_t keep, const char *best)
{
    *f = (fixture){.facts = {.engine = "reference", .device = "host"}, .moment = {.csv_first = 1}};
    unit_net_xor(&f->net);
    static const char *names[] = {"x1", "x2", "y"};
    f->net.data.input_names = names;
    f->net.data.target_names = names + 2;
    f->net.spec.optimizer = xt_choose(&xt_optimizers, "adam");
    f->net.spec.checkpoint = (xt_checkpointing){.keep = keep, .best = best};
    unit_net_plan(&f->net);
    f->state = calloc(unit_net_n_state(&f->net), sizeof *f->state);
    f->best = calloc(f->net.plan.n_params, sizeof *f->best);
    assert_int_equal(xt_control_init(&f->moment.control, &f->net.spec, &unit_run_err), XT_OK);
    assert_int_equal(xt_outdir_open("out", &f->dir, &unit_run_err), XT_OK);
    f->c = (xt_checkpoints){.dir = &f->dir, .plan = &f->net.plan, .data = &f->net.data, .config_yaml = "a: 1\n",
                            .now = {&f->net.data, NULL, NULL, &f->facts}};
    calls_until_error = 0;
    bytes_left = 0;
    xt_buf_clear(&calls);
}

static void clear(fixture *f)
{
    free(f->state);
    free(f->best);
    xt_outdir_close(&f->dir);
    unit_net_clear(&f->net);
    xt_buf_clear(&calls);
}

/* The checkpoint of an epoch, its state full of the epoch's number; best: of that epoch, 0: none. */
static xt_status save(fixture *f, uint32_t epoch, uint32_t best)
{
    for (size_t i = 0; i < unit_net_n_state(&f->net); i++)
        f->state[i] = (float)epoch;
    for (size_t i = 0; i < f->net.plan.n_params; i++)
        f->best[i] = -(float)best;
    f->moment.epoch = f->moment.last.epoch = epoch;
    f->moment.control.best_epoch = best;
    return xt_checkpoints_write(&f->c, &f->moment, f->state, best ? f->best : NULL, &unit_run_err);
}

static void saves(fixture *f, uint32_t epoch, uint32_t best)
{
    if (save(f, epoch, best))
        fail_msg("%s", unit_run_err.text);
    assert_true(f->c.sound && f->c.written);
    assert_int_equal(f->c.epoch, epoch);
}

/* What a file holds: its epoch, and values that are those of `number`. */
static void holds(const fixture *f, const char *file, bool checkpoint, uint32_t epoch, float number)
{
    char path[80];
    xt_model_file model = {0};
    float *state = calloc(unit_net_n_state(&f->net), sizeof *state), *best = calloc(f->net.plan.n_params, sizeof *best);
    bool has_best = false;
    snprintf(path, sizeof path, "out/%s", file);
    if (xt_model_open(path, &model, &unit_run_err))
        fail_msg("%s", unit_run_err.text);
    assert_int_equal(model.epoch, epoch);
    assert_int_equal(model.progress != NULL, checkpoint);
    if (checkpoint)
        assert_int_equal(xt_model_state(&model, path, &f->net.plan, state, best, &has_best, &unit_run_err), XT_OK);
    else
        assert_int_equal(xt_model_params(&model, path, &f->net.plan, state, &unit_run_err), XT_OK);
    for (size_t i = 0; i < (checkpoint ? unit_net_n_state(&f->net) : f->net.plan.n_params); i++)
        assert_true(state[i] == number);
    xt_model_close(&model);
    free(state);
    free(best);
}

static void the_last_and_the_one_before(void **state)
{
    (void)state;
    fixture f;
    make(&f, 2, NULL);
    saves(&f, 3, 0);
    unit_run_files("out", "last.safetensors ");
    saves(&f, 5, 0);
    unit_run_files("out", "last.safetensors previous.safetensors ");
    saves(&f, 9, 0);
    holds(&f, "last.safetensors", true, 9, 9);
    holds(&f, "previous.safetensors", true, 5, 5);
    clear(&f);
}

static void the_last_one_alone(void **state)
{
    (void)state;
    fixture f;
    make(&f, 1, NULL);
    saves(&f, 3, 0);
    saves(&f, 5, 0);
    unit_run_files("out", "last.safetensors ");
    holds(&f, "last.safetensors", true, 5, 5);
    clear(&f);
}

static void a_damaged_one_is_not_kept(void **state)
{
    (void)state;
    fixture f;
    make(&f, 2, NULL);
    saves(&f, 3, 0);
    saves(&f, 5, 0);
    f.c.sound = false;
    saves(&f, 9, 0);
    holds(&f, "last.safetensors", true, 9, 9);
    holds(&f, "previous.safetensors", true, 3, 3);
    saves(&f, 11, 0);
    holds(&f, "previous.safetensors", true, 9, 9);
    clear(&f);
}

/* A model of its own, written where the best epoch is another one. */
static void the_best_one(void **state)
{
    (void)state;
    fixture f;
    make(&f, 1, "loss");
    saves(&f, 3, 0);
    unit_run_files("out", "last.safetensors ");
    saves(&f, 5, 4);
    holds(&f, "best.safetensors", false, 4, -4);
    assert_int_equal(unlink("out/best.safetensors"), 0);
    saves(&f, 6, 4);
    unit_run_files("out", "last.safetensors ");
    saves(&f, 7, 7);
    holds(&f, "best.safetensors", false, 7, -7);
    holds(&f, "last.safetensors", true, 7, 7);
    clear(&f);
    /* early stopping keeps one too, in the checkpoint alone. */
    assert_int_equal(unlink("out/best.safetensors"), 0);
    make(&f, 1, NULL);
    saves(&f, 7, 5);
    unit_run_files("out", "last.safetensors ");
    clear(&f);
}

static void in_which_order(void **state)
{
    (void)state;
    fixture f;
    make(&f, 2, "loss");
    saves(&f, 3, 0);
    xt_buf_reset(&calls);
    saves(&f, 5, 4);
    assert_string_equal(calls.data, "sync best.safetensors.tmp\nrename best.safetensors.tmp best.safetensors\n"
                                    "sync last.safetensors.tmp\nrename last.safetensors previous.safetensors\n"
                                    "rename last.safetensors.tmp last.safetensors\nsync out\n");
    clear(&f);
}

/* Whichever call fails, there is a sound checkpoint, of this epoch or the one before, and no temporary file. */
static void a_call_fails(void **state)
{
    (void)state;
    static const struct { const char *message; uint32_t last, previous; } rows[] = {
        {"cannot sync out/last.safetensors: Input/output error", 5, 3},
        {"cannot rename out/last.safetensors to previous.safetensors: Input/output error", 5, 3},
        {"cannot replace out/last.safetensors: Input/output error", 5, 0},
        {"cannot sync the directory out: Input/output error", 9, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        make(&f, 2, NULL);
        saves(&f, 3, 0);
        saves(&f, 5, 0);
        calls_until_error = 1 + (int)i;
        assert_int_equal(save(&f, 9, 0), XT_FAILED);
        assert_string_equal(unit_run_err.text, rows[i].message);
        assert_int_equal(f.c.epoch, 5);
        holds(&f, "last.safetensors", true, rows[i].last, (float)rows[i].last);
        if (rows[i].previous) {
            unit_run_files("out", "last.safetensors previous.safetensors ");
            holds(&f, "previous.safetensors", true, rows[i].previous, (float)rows[i].previous);
        } else {
            unit_run_files("out", "last.safetensors ");
        }
        saves(&f, 11, 0);
        holds(&f, "last.safetensors", true, 11, 11);
        clear(&f);
        assert_int_equal(system("rm -r out"), 0);
    }
}

/* ---- when ---- */

static void when_they_are_due(void **state)
{
    (void)state;
    static const struct { uint32_t every; float seconds; uint32_t epoch; double since; bool due; } rows[] = {
        {0, 0, 10, 1e9, false}, {5, 0, 10, 0, true}, {5, 0, 11, 1e9, false}, {0, 2, 11, 1.5, false}, {0, 2, 11, 2, true},
        {5, 2, 11, 2.5, true},  {5, 2, 10, 0, true}, {5, 2, 11, 1, false},   {1, 0, 1, 0, true},
    };
    fixture f;
    make(&f, 2, NULL);
    f.c.at = 100;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f.net.spec.checkpoint.every = rows[i].every;
        f.net.spec.checkpoint.every_seconds = rows[i].seconds;
        assert_int_equal(xt_checkpoints_due(&f.c, rows[i].epoch, 100 + rows[i].since), rows[i].due);
    }
    clear(&f);
}

/* loss.csv is on the disk before the checkpoint that counts on it; at the end all is. */
static void what_a_run_syncs(void **state)
{
    (void)state;
#define SYNCED "sync loss.csv\nsync last.safetensors.tmp\n"
#define RENAMED "rename last.safetensors.tmp last.safetensors\nsync out\n"
#define AGAIN SYNCED "rename last.safetensors previous.safetensors\n" RENAMED
    static const char expected[] = SYNCED RENAMED AGAIN AGAIN
                              "sync model.safetensors.tmp\nrename model.safetensors.tmp model.safetensors\n"
                              "sync loss.csv\nsync config.yaml\nsync run.json.tmp\nrename run.json.tmp run.json\nsync out\n";
    unit_job j;
    unit_run_make(&j, 6);
    j.net.spec.checkpoint.every = 2;
    xt_buf_clear(&calls);
    bytes_left = 0;
    calls_until_error = 0;
    assert_int_equal(unit_run_go(&j), XT_OK);
    const char *at = strstr(calls.data, "sync loss.csv\n");
    assert_non_null(at);
    assert_string_equal(at, expected);
    unit_run_clear(&j);
    xt_buf_clear(&calls);
}

static volatile sig_atomic_t ask;

static void ask_now(void)
{
    ask = 1;
}

/* Somebody asks, once: after the chunk in hand, and the run goes on. */
static void when_it_is_asked_for(void **state)
{
    (void)state;
    unit_job j;
    char said[100];
    unit_run_make(&j, 50);
    unit_run_hook(&j, 5, ask_now);
    j.run.ask = &ask;
    ask = 0;
    int saved = dup(STDERR_FILENO);
    assert_non_null(freopen("said", "w", stderr));
    assert_int_equal(unit_run_go(&j), XT_OK);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(ask, 0);
    assert_int_equal(j.result.checkpoint, 50);
    xt_model_file model = {0};
    assert_int_equal(xt_model_open("out/previous.safetensors", &model, &unit_run_err), XT_OK);
    assert_true(model.epoch >= 5 && model.epoch < 50);
    snprintf(said, sizeof said, "xortrain: checkpoint: epoch %lu, out/last.safetensors\n", model.epoch);
    xt_model_close(&model);
    unit_run_same_text("said", said);
    unit_run_clear(&j);
}

static void every_so_many_seconds(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        unit_job j;
        unit_run_make(&j, 50);
        j.net.spec.checkpoint.every_seconds = i ? 1e-9f : 1000;
        assert_int_equal(unit_run_go(&j), XT_OK);
        assert_int_equal(unit_run_exists("out/previous.safetensors"), i);
        unit_run_clear(&j);
    }
}

/* ---- room ---- */

static void no_room(void **state)
{
    (void)state;
    fixture f;
    char message[200];
    make(&f, 2, NULL);
    saves(&f, 0, 0);
    /* Adam has three floats a parameter: at least 780 bytes of tensors, so a block of 4 KiB each; and four for the
     * small files. */
    enum { BLOCK = 4096 };
    for (uint32_t keep = 1; keep <= 2; keep++)
        for (int with_best = 0; with_best <= 1; with_best++)
            for (int short_of = 0; short_of <= 1; short_of++) {
                uint64_t need = (keep + 1 + 1 + (uint64_t)with_best + 4) * BLOCK;
                f.net.spec.checkpoint = (xt_checkpointing){.keep = keep, .best = with_best ? "loss" : NULL};
                bytes_left = need - (short_of ? 512 : 0);
                xt_status status =
                    xt_checkpoints_check(&f.c, &f.moment, f.state, with_best ? f.best : NULL, &unit_run_err);
                assert_int_equal(status, short_of ? XT_FAILED : XT_OK);
                snprintf(message, sizeof message, "out: the model and its checkpoints will take %llu bytes, and its file "
                                                  "system has %llu left", (unsigned long long)need,
                         (unsigned long long)bytes_left);
                if (short_of)
                    assert_string_equal(unit_run_err.text, message);
            }
    /* What is there of the run that goes on is not needed again. */
    saves(&f, 1, 1);
    bytes_left = 512;
    assert_int_equal(xt_checkpoints_check(&f.c, &f.moment, f.state, f.net.spec.checkpoint.best ? f.best : NULL, &unit_run_err), XT_FAILED);
    uint64_t need = strtoull(strstr(unit_run_err.text, "take ") + 5, NULL, 10), taken = xt_outdir_taken(&f.dir);
    assert_true(taken >= 3 * 512 && need > taken + 512);
    f.c.goes_on = true;
    bytes_left = need - taken - 512;
    assert_int_equal(xt_checkpoints_check(&f.c, &f.moment, f.state, f.net.spec.checkpoint.best ? f.best : NULL, &unit_run_err), XT_FAILED);
    bytes_left = need - taken;
    assert_int_equal(xt_checkpoints_check(&f.c, &f.moment, f.state, f.net.spec.checkpoint.best ? f.best : NULL, &unit_run_err), XT_OK);
    /* A file system that says 0 of everything does not count. */
    f.c.goes_on = false;
    bytes_left = 0;
    assert_int_equal(xt_checkpoints_check(&f.c, &f.moment, f.state, f.net.spec.checkpoint.best ? f.best : NULL, &unit_run_err), XT_OK);
    clear(&f);
}

/* A run that would end on a full disk does not begin, and leaves what was there. */
static void a_run_without_room(void **state)
{
    (void)state;
    unit_job j;
    bytes_left = 0;
    calls_until_error = 0;
    unit_run_make(&j, 3);
    assert_int_equal(unit_run_go(&j), XT_OK);
    unit_run_clear(&j);
    assert_int_equal(system("cp -r out copy"), 0);
    unit_run_make(&j, 3);
    bytes_left = 1024;
    assert_int_equal(unit_run_go(&j), XT_FAILED);
    assert_non_null(strstr(unit_run_err.text, "its file system has 1024 left"));
    assert_int_equal(system("diff -r out copy"), 0);
    unit_run_clear(&j);
    bytes_left = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(the_last_and_the_one_before),
        IN_SCRATCH(the_last_one_alone),
        IN_SCRATCH(a_damaged_one_is_not_kept),
        IN_SCRATCH(the_best_one),
        IN_SCRATCH(in_which_order),
        IN_SCRATCH(a_call_fails),
        IN_SCRATCH(when_they_are_due),
        IN_SCRATCH(what_a_run_syncs),
        IN_SCRATCH(when_it_is_asked_for),
        IN_SCRATCH(every_so_many_seconds),
        IN_SCRATCH(no_room),
        IN_SCRATCH(a_run_without_room),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
