/* Programs from the cache: the same as compiled ones, or compiled again. */
#include "net.h"

#include "ocl/context.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_VALUES = 64 };

static char dir[40]; /* the cache of one test */

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/xt-test-cache-XXXXXX");
    return mkdtemp(dir) && setenv("XORTRAIN_CACHE_DIR", dir, 1) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static const char *const names[] = {"device.h", "scalar.h", "product.cl"};
static const xt_program_source plain = {NULL, names, 3};

static void close_all(xt_context *context, xt_program *program)
{
    xt_program_close(context, program);
    assert_null(program->program);
    assert_int_equal(context->n_live, 0);
    xt_context_close(&context);
}

/* c = a b for 8x8 matrices of the same numbers each time. */
static void multiply(xt_context *context, const xt_program *program, float *c)
{
    float a[N_VALUES], b[N_VALUES];
    cl_mem at[3] = {NULL};
    xt_kernel kernel = {0};
    cl_uint side = 8, one = 1, zero = 0;
    xt_err err;
    for (int i = 0; i < N_VALUES; i++) {
        a[i] = 1.0f / (float)(i + 1);
        b[i] = (float)(i % 7) - 2.7f;
    }
    net_ok(xt_kernel_open(context, program->program, "xt_product", &kernel, &err), &err);
    for (int i = 0; i < 3; i++)
        net_ok(xt_buffer_open(context, "a matrix", sizeof a, &at[i], &err), &err);
    net_ok(xt_buffer_write(context, at[0], 0, a, sizeof a, &err), &err);
    net_ok(xt_buffer_write(context, at[1], 0, b, sizeof b, &err), &err);
    const xt_arg args[] = {XT_ARG(side), XT_ARG(side), XT_ARG(side), XT_ARG(at[0]), XT_ARG(zero), XT_ARG(side),
                           XT_ARG(one), XT_ARG(at[1]), XT_ARG(zero), XT_ARG(side), XT_ARG(one), XT_ARG(at[2]),
                           XT_ARG(zero), XT_ARG_END};
    net_ok(xt_launch(context, &kernel, N_VALUES, args, &err), &err);
    net_ok(xt_buffer_read(context, at[2], 0, c, sizeof a, &err), &err);
    for (int i = 0; i < 3; i++)
        xt_buffer_close(context, &at[i]);
    xt_kernel_close(context, &kernel);
}

/* Opens and runs the plain program in a context of its own; whether it came from the cache. */
static bool run(float *c)
{
    xt_context *context = net_context();
    xt_program program = {0};
    xt_err err;
    net_ok(xt_program_open(context, &plain, &program, &err), &err);
    multiply(context, &program, c);
    bool hit = program.from_cache;
    assert_int_equal(program.stored, hit);
    xt_program_keep(context, &program);
    assert_true(program.stored);
    assert_int_equal(program.from_cache, hit);
    close_all(context, &program);
    return hit;
}

static void a_hit_computes_the_same(void **state)
{
    (void)state;
    float compiled[N_VALUES], loaded[N_VALUES] = {0};
    xt_context *context = net_context();
    assert_false(xt_program_is_cached(context, &plain));
    assert_false(run(compiled));
    assert_true(xt_program_is_cached(context, &plain));
    assert_true(run(loaded));
    assert_memory_equal(compiled, loaded, sizeof compiled);
    xt_context_close(&context);
}

/* The one file in the cache. */
static void entry_path(char path[128])
{
    xt_context *context = net_context();
    xt_program program = {0};
    xt_err err;
    net_ok(xt_program_open(context, &plain, &program, &err), &err);
    assert_int_equal(strlen(program.key), 32);
    snprintf(path, 128, "%s/%s.xtbin", dir, program.key);
    close_all(context, &program);
}

static void a_damaged_entry_is_made_anew(void **state)
{
    (void)state;
    float compiled[N_VALUES], again[N_VALUES];
    char path[128], byte;
    struct stat info;
    assert_false(run(compiled));
    entry_path(path);
    assert_int_equal(stat(path, &info), 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, info.st_size / 2), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, info.st_size / 2), 1);
    close(fd);
    assert_false(run(again));
    assert_memory_equal(compiled, again, sizeof compiled);
    assert_true(run(again));
    assert_int_equal(truncate(path, info.st_size - 1), 0);
    assert_false(run(again));
    assert_true(run(again));
    assert_memory_equal(compiled, again, sizeof compiled);
}

/* Well kept, but the driver does not take it. */
static void what_the_driver_refuses_is_made_anew(void **state)
{
    (void)state;
    static const char nonsense[1 << 16] = "no binary of any driver";
    static const size_t sizes[] = {0, sizeof nonsense};
    float compiled[N_VALUES], again[N_VALUES];
    char path[128];
    xt_err err;
    assert_false(run(compiled));
    entry_path(path);
    path[strlen(path) - strlen(".xtbin")] = '\0';
    for (size_t i = 0; i < 2; i++) {
        xt_context *context = net_context();
        net_ok(xt_cache_write(context->cache, strrchr(path, '/') + 1, nonsense, sizes[i], &err), &err);
        xt_context_close(&context);
        assert_false(run(again));
        assert_memory_equal(compiled, again, sizeof compiled);
        assert_true(run(again));
    }
}

static void a_prelude_comes_first(void **state)
{
    (void)state;
    const xt_program_source with = {"#define XT_FN static", names, 3};
    const xt_program_source wrong = {"#define XT_FN nonsense", names, 3};
    xt_context *context = net_context();
    xt_program programs[2] = {{0}};
    float c[N_VALUES];
    xt_err err;
    net_ok(xt_program_open(context, &plain, &programs[0], &err), &err);
    net_ok(xt_program_open(context, &with, &programs[1], &err), &err);
    assert_string_not_equal(programs[0].key, programs[1].key);
    multiply(context, &programs[1], c);
    xt_program_keep(context, &programs[1]);
    assert_true(xt_program_is_cached(context, &with));
    assert_false(xt_program_is_cached(context, &plain));
    assert_false(xt_program_is_cached(context, &wrong));
    xt_program_close(context, &programs[1]);
    assert_int_equal(xt_program_open(context, &wrong, &programs[1], &err), XT_FAILED);
    assert_null(programs[1].program);
    assert_non_null(strstr(err.text, "clBuildProgram: CL_BUILD_PROGRAM_FAILURE"));
    close_all(context, &programs[0]);
}

static void without_a_cache(void **state)
{
    (void)state;
    xt_program program = {0};
    float c[N_VALUES];
    xt_err err;
    setenv("XORTRAIN_CACHE_DIR", "/dev/null", 1);
    xt_context *context = net_context();
    assert_null(context->cache);
    net_ok(xt_program_open(context, &plain, &program, &err), &err);
    assert_true(!program.from_cache && program.stored);
    assert_string_equal(program.key, "");
    multiply(context, &program, c);
    xt_program_keep(context, &program);
    assert_false(xt_program_is_cached(context, &plain));
    close_all(context, &program);
}

typedef struct work {
    xt_context *context;
    xt_program program;
    xt_status status;
    xt_err err;
} work;

static void *build(void *at)
{
    work *job = at;
    const xt_program_source other = {"#define XT_OTHER 1", names, 3};
    job->status = xt_program_open(job->context, &other, &job->program, &job->err);
    return NULL;
}

/* One thread builds while another launches. */
static void building_leaves_the_queue_alone(void **state)
{
    (void)state;
    static work job;
    xt_program program = {0};
    float first[N_VALUES], again[N_VALUES];
    xt_err err;
    pthread_t thread;
    for (int round = 0; round < 2; round++) {
        xt_context *context = net_context();
        net_ok(xt_program_open(context, &plain, &program, &err), &err);
        multiply(context, &program, first);
        memset(&job, 0, sizeof job);
        job.context = context;
        assert_int_equal(pthread_create(&thread, NULL, build, &job), 0);
        for (int i = 0; i < 20; i++) {
            multiply(context, &program, again);
            assert_memory_equal(first, again, sizeof first);
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        net_ok(job.status, &job.err);
        assert_int_equal(job.program.from_cache, round);
        assert_int_equal(context->n_live, 2);
        multiply(context, &job.program, again);
        assert_memory_equal(first, again, sizeof first);
        xt_program_keep(context, &job.program);
        xt_program_close(context, &job.program);
        close_all(context, &program);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(a_hit_computes_the_same),
        TEST(a_damaged_entry_is_made_anew),
        TEST(what_the_driver_refuses_is_made_anew),
        TEST(a_prelude_comes_first),
        TEST(without_a_cache),
        TEST(building_leaves_the_queue_alone),
    };
    return cmocka_run_group_tests_name("programs in the cache", tests, NULL, NULL);
}
