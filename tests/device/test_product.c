/* Matrix products, ours and CLBlast's, against sums in double precision. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "net.h"

#include "../unit/cases.h"
#include "../unit/runs.h"
#include "engine/product.h"

#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

enum { MAX_SIDE = 131, OFFSET = 5, MAX_FLOATS = MAX_SIDE * MAX_SIDE + 2 * OFFSET };

static const char *const files[] = {"product.cl"};
static const xt_program_source source = {NULL, files, 1};

typedef struct bench {
    xt_context *context;
    xt_program program;
    xt_products *products;
    cl_mem buffers[3];
    float *a, *b, *c; /* MAX_FLOATS each */
} bench;

static void bench_open(bench *t, const xt_product_wish *wish)
{
    xt_err err;
    const xt_product_shape largest[] = {
        {MAX_SIDE, MAX_SIDE, MAX_SIDE, false, true},
        {MAX_SIDE, MAX_SIDE, MAX_SIDE, false, false},
        {MAX_SIDE, MAX_SIDE, MAX_SIDE, true, false},
    };
    memset(t, 0, sizeof *t);
    t->context = net_context();
    net_ok(xt_program_open(t->context, &source, &t->program, &err), &err);
    net_ok(xt_products_open(t->context, t->program.program, largest, 3, wish, &t->products, &err), &err);
    for (size_t i = 0; i < 3; i++)
        net_ok(xt_buffer_open(t->context, "a matrix", MAX_FLOATS * sizeof(float), &t->buffers[i], &err), &err);
    t->a = calloc(3 * MAX_FLOATS, sizeof(float));
    assert_non_null(t->a);
    t->b = t->a + MAX_FLOATS;
    t->c = t->b + MAX_FLOATS;
}

static void bench_close(bench *t)
{
    xt_products_close(&t->products);
    assert_null(t->products);
    xt_products_close(&t->products);
    for (size_t i = 0; i < 3; i++)
        xt_buffer_close(t->context, &t->buffers[i]);
    xt_program_close(t->context, &t->program);
    assert_int_equal(t->context->n_live, 0);
    xt_context_close(&t->context);
    free(t->a);
}

/* Around and inside c there is a value that no product gives. */
static const float untouched = 12345.0f;

/* Any order of a sum of k products is within k roundings of the sum of their sizes. */
static void compare(const bench *t, const xt_product_shape *s)
{
    const float *a = t->a + OFFSET, *b = t->b + OFFSET, *c = t->c + OFFSET;
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            double sum = 0, size = 0;
            for (size_t l = 0; l < s->k; l++) {
                double term = (double)(s->transpose_a ? a[l * s->m + i] : a[i * s->k + l]) *
                              (double)(s->transpose_b ? b[j * s->k + l] : b[l * s->n + j]);
                sum += term;
                size += fabs(term);
            }
            double got = (double)c[i * s->n + j];
            if (!(fabs(got - sum) <= (double)s->k * (double)FLT_EPSILON * size))
                fail_msg("%zu x %zu x %zu%s%s: [%zu, %zu] is %.9g, not %.9g", s->m, s->n, s->k,
                         s->transpose_a ? ", a transposed" : "", s->transpose_b ? ", b transposed" : "", i, j, got,
                         sum);
        }
    for (size_t i = 0; i < OFFSET; i++)
        assert_true(t->c[i] >= untouched && c[s->m * s->n + i] >= untouched);
}

static void check_shape(bench *t, const xt_product_shape *s)
{
    xt_err err;
    const size_t bytes = MAX_FLOATS * sizeof(float);
    for (size_t i = 0; i < MAX_FLOATS; i++)
        t->c[i] = i % 2 ? NAN : untouched; /* beta is 0: what was there does not count */
    for (size_t i = 0; i < OFFSET; i++)
        t->c[i] = t->c[OFFSET + s->m * s->n + i] = untouched;
    net_ok(xt_buffer_write(t->context, t->buffers[2], 0, t->c, bytes, &err), &err);
    net_ok(xt_product(t->products, s, (xt_floats){t->buffers[0], OFFSET}, (xt_floats){t->buffers[1], OFFSET},
                      (xt_floats){t->buffers[2], OFFSET}, &err),
           &err);
    net_ok(xt_buffer_read(t->context, t->buffers[2], 0, t->c, bytes, &err), &err);
    compare(t, s);
}

/* All three forms, all sizes. */
static void check_all(bench *t)
{
    /* Few: a sliver of a tile, and a tile with a sliver of the next one. */
    static const size_t all[] = {1, 2, 3, 7, 16, 17, 31, 33, 64, 129}, few[] = {1, 33};
    const size_t *sides = net_small() ? few : all;
    size_t n = net_small() ? sizeof few / sizeof *few : sizeof all / sizeof *all;
    uint64_t stream = net_seed();
    xt_err err;
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)stream);
    for (size_t i = 0; i < MAX_FLOATS; i++) {
        t->a[i] = net_uniform(&stream, -1, 1);
        t->b[i] = net_uniform(&stream, -1, 1);
    }
    net_ok(xt_buffer_write(t->context, t->buffers[0], 0, t->a, MAX_FLOATS * sizeof(float), &err), &err);
    net_ok(xt_buffer_write(t->context, t->buffers[1], 0, t->b, MAX_FLOATS * sizeof(float), &err), &err);
    for (size_t form = 0; form < 3; form++)
        for (size_t m = 0; m < n; m++)
            for (size_t k = 0; k < n; k++)
                for (size_t j = 0; j < n; j++) {
                    xt_product_shape s = {sides[m], sides[j], sides[k], form == 1, form == 2};
                    check_shape(t, &s);
                }
}

static const struct by_row { const char *name; xt_product_by by; } bys[] = {
    {"element by element", XT_PRODUCT_OWN},
    {"by tiles", XT_PRODUCT_TILED},
    {"by CLBlast", XT_PRODUCT_CLBLAST},
    {"by whichever is faster", XT_PRODUCT_AUTO},
};
enum { N_BYS = sizeof bys / sizeof bys[0], N_OURS = 2 };

static void multiplies(void **state)
{
    const struct by_row *row = *state;
    const xt_product_wish wish = {row->by, NULL};
    bench t;
    bench_open(&t, &wish);
    check_all(&t);
    bench_close(&t);
}

/* Which of our kernels multiplies changes no bit. */
static void tiles_have_the_same_bits(void **state)
{
    (void)state;
    static const xt_product_shape shapes[] = {
        {33, 17, 131, false, true}, {65, 31, 16, false, false}, {31, 64, 33, true, false}, {1, 1, 129, true, true}};
    enum { N_SHAPES = sizeof shapes / sizeof shapes[0], N = 65 * 31 };
    static const xt_product_by both[] = {XT_PRODUCT_OWN, XT_PRODUCT_TILED};
    static float got[2][N_SHAPES][N];
    xt_err err;
    for (size_t by = 0; by < 2; by++) {
        const xt_product_wish wish = {both[by], NULL};
        uint64_t stream = 11;
        bench t;
        bench_open(&t, &wish);
        for (size_t i = 0; i < MAX_FLOATS; i++)
            t.a[i] = net_uniform(&stream, -1, 1);
        net_ok(xt_buffer_write(t.context, t.buffers[0], 0, t.a, MAX_FLOATS * sizeof(float), &err), &err);
        for (size_t i = 0; i < N_SHAPES; i++) {
            xt_floats a = {t.buffers[0], OFFSET}, b = {t.buffers[0], 0}, c = {t.buffers[2], 0};
            net_ok(xt_product(t.products, &shapes[i], a, b, c, &err), &err);
            net_ok(xt_buffer_read(t.context, c.buffer, 0, got[by][i], shapes[i].m * shapes[i].n * sizeof(float), &err),
                   &err);
        }
        bench_close(&t);
    }
    assert_memory_equal(got[1], got[0], sizeof got[0]);
}

static void tiles_need_work_items_and_local_memory(void **state)
{
    (void)state;
    const xt_product_shape shape = {8, 8, 8, false, false};
    const xt_product_wish wish = {XT_PRODUCT_TILED, NULL};
    for (int which = 0; which < 2; which++) {
        xt_context *context = net_context();
        xt_program program = {0};
        xt_products *products = NULL;
        xt_err err;
        net_ok(xt_program_open(context, &source, &program, &err), &err);
        if (which == 0)
            context->device.max_group = 32;
        else
            context->device.local_bytes = 4096;
        assert_int_equal(xt_products_open(context, program.program, &shape, 1, &wish, &products, &err), XT_FAILED);
        assert_non_null(strstr(err.text, "products by tiles"));
        assert_null(products);
        xt_program_close(context, &program);
        assert_int_equal(context->n_live, 0);
        xt_context_close(&context);
    }
}

/* ---- CLBlast's sets ---- */

static const xt_product_shape large = {128, 128, 784, false, true};

/* Of those for GPUs a CPU does one: each compiles for 10 s. What CLBlast ships PoCL compiles for 40. */
static bool is_asked_for(const xt_blas_set *set, const xt_device *device)
{
    if (!xt_blas_set_fits(set, device))
        return false;
    return !xt_device_is_cpu(device) || strcmp(set->row.name, "pocl") == 0 || strcmp(set->row.name, "square") == 0;
}

static void set_multiplies(void **state)
{
    const xt_blas_set *set = *state;
    const xt_product_wish wish = {XT_PRODUCT_CLBLAST, set->row.name};
    bench t;
    xt_context *context = net_context();
    bool asked_for = is_asked_for(set, &context->device);
    xt_context_close(&context);
    if (!asked_for)
        skip();
    bench_open(&t, &wish); /* which checks one product of each form */
    assert_non_null(strstr(xt_products_form(t.products), set->row.name));
    bench_close(&t);
}

/* After the others: CLBlast has no way back. */
static void a_set_that_cannot_be_had(void **state)
{
    (void)state;
    static const struct { const char *name, *word; } wishes[] = {{"shipped", "for the rest of this process"},
                                                                 {"none such", "none such"}};
    xt_context *context = net_context();
    xt_program program = {0};
    xt_err err;
    net_ok(xt_program_open(context, &source, &program, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        const xt_product_wish wish = {XT_PRODUCT_AUTO, wishes[i].name};
        xt_products *products = NULL;
        assert_int_equal(xt_products_open(context, program.program, &large, 1, &wish, &products, &err), XT_FAILED);
        assert_non_null(strstr(err.text, wishes[i].word));
        assert_null(products);
    }
    xt_program_close(context, &program);
    assert_int_equal(context->n_live, 0);
    xt_context_close(&context);
}

/* ---- without CLBlast ---- */

/* What stands in for its library: a path, or "" for none at all; NULL: itself. */
static const char *stand_in;

/* What the C library keeps for its message is known to a thread's local storage alone, in which leaks are not looked for
 * (tests/run), and its function has a name only where symbols of the library are installed. */
static void look_for_leaks(bool looks)
{
#ifdef __SANITIZE_ADDRESS__
    (looks ? __lsan_enable : __lsan_disable)();
#else
    (void)looks;
#endif
}

void *dlopen(const char *name, int flags);
void *dlopen(const char *name, int flags)
{
    void *(*real)(const char *, int), *symbol = dlsym(RTLD_NEXT, "dlopen");
    memcpy(&real, &symbol, sizeof real);
    bool is_blas = stand_in && name && strncmp(name, "libclblast", 10) == 0;
    look_for_leaks(false);
    void *library = real(is_blas ? *stand_in ? stand_in : "/nowhere/libclblast.so" : name, flags);
    look_for_leaks(true);
    return library;
}

/* One that does nothing, which is a wrong product. */
static const char idle[] =
    "int CLBlastSgemmWithTempBuffer(void) { return 0; }\n"
    "int CLBlastOverrideParameters(void) { return 0; }\n"
    "int CLBlastClearCache(void) { return 0; }\n"
    "int CLBlastSGemmTempBufferSize(int layout, int ta, int tb, unsigned long m, unsigned long n, unsigned long k,\n"
    "    unsigned long ao, unsigned long al, unsigned long bo, unsigned long bl, unsigned long co, unsigned long cl,\n"
    "    void *queue, unsigned long *bytes) { *bytes = 4; return 0; }\n";

static void build_idle(void)
{
    FILE *file = fopen("idle.c", "w");
    assert_non_null(file);
    fputs(idle, file);
    fclose(file);
    assert_int_equal(system("gcc -shared -fPIC -o idle.so idle.c"), 0);
}

/* What went to stderr while products were opened. */
static xt_status open_hearing(xt_context *context, cl_program program, const xt_product_wish *wish, xt_products **out,
                              char *said, size_t n_said, xt_err *err)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    xt_status status = xt_products_open(context, program, &large, 1, wish, out, err);
    fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    rewind(file);
    size_t n = fread(said, 1, n_said - 1, file);
    said[n] = '\0';
    fclose(file);
    return status;
}

static const struct absence { const char *name, *library, *says; size_t max_group; } absences[] = {
    {"no library", "", "does not load", 0},
    {"a library that is too old", "libm.so.6", "older than 1.5", 0},
    {"a library that multiplies wrongly", "./idle.so", "multiplies matrices wrongly by", 0},
    {"no library and no work-groups", "", "simplest kernel", 1},
};

static void goes_on_without_clblast(void **state)
{
    const struct absence *row = *state;
    const xt_product_wish none = {XT_PRODUCT_AUTO, NULL}, wished = {XT_PRODUCT_AUTO, "small"};
    xt_context *context = net_context();
    xt_program program = {0};
    xt_products *products = NULL;
    char said[2048];
    xt_err err;
    net_ok(xt_program_open(context, &source, &program, &err), &err);
    if (row->max_group)
        context->device.max_group = row->max_group;
    if (*row->library == '.')
        build_idle();
    stand_in = row->library;
    net_ok(open_hearing(context, program.program, &none, &products, said, sizeof said, &err), &err);
    assert_non_null(strstr(said, "warning: "));
    assert_non_null(strstr(said, row->says));
    assert_non_null(strstr(said, "slower"));
    assert_string_equal(xt_products_blas(products), "own");
    assert_non_null(strstr(xt_products_form(products), row->max_group ? "a kernel of our own" : "tiles of our own"));
    assert_int_equal(xt_products_bytes(products), 0);
    xt_products_close(&products);
    /* A set that was asked for is not replaced. */
    assert_int_equal(open_hearing(context, program.program, &wished, &products, said, sizeof said, &err), XT_FAILED);
    assert_string_equal(said, "");
    stand_in = NULL;
    xt_program_close(context, &program);
    assert_int_equal(context->n_live, 0);
    xt_context_close(&context);
}

static void clblast_is_loaded_when_needed(void **state)
{
    (void)state;
    const xt_product_shape small = {1, 16, 2, false, true};
    const xt_product_wish none = {XT_PRODUCT_AUTO, NULL};
    xt_context *context = net_context();
    xt_program program = {0};
    xt_products *products = NULL;
    xt_err err;
    net_ok(xt_program_open(context, &source, &program, &err), &err);
    net_ok(xt_products_open(context, program.program, &small, 1, &none, &products, &err), &err);
    assert_string_equal(xt_products_blas(products), "");
    assert_int_equal(xt_products_bytes(products), 0);
    xt_products_close(&products);
    net_ok(xt_products_open(context, program.program, &large, 1, &none, &products, &err), &err);
    assert_non_null(strstr(xt_products_blas(products), "clblast"));
    assert_true(xt_products_bytes(products) > 0);
    xt_products_close(&products);
    xt_program_close(context, &program);
    assert_int_equal(context->n_live, 0);
    xt_context_close(&context);
}

/* What is not of our kernels alone. */
static void add_others(void)
{
    UNIT_CASE(tiles_have_the_same_bits);
    UNIT_CASE(tiles_need_work_items_and_local_memory);
    UNIT_CASE(clblast_is_loaded_when_needed);
    for (size_t i = 0; i < xt_blas_sets.n_rows; i++)
        unit_case(set_multiplies, xt_table_at(&xt_blas_sets, i), "set %s multiplies", xt_table_at(&xt_blas_sets, i)->name);
    UNIT_CASE(a_set_that_cannot_be_had);
    for (size_t i = 0; i < sizeof absences / sizeof absences[0]; i++)
        unit_case(goes_on_without_clblast, &absences[i], "goes on with %s", absences[i].name);
}

int main(void)
{
    if (unit_run_enter(NULL))
        return 1;
    /* Before the sets: CLBlast is then as it always is. */
    for (size_t i = 0; i < (net_small() ? N_OURS : N_BYS); i++)
        unit_case(multiplies, &bys[i], "multiplies %s", bys[i].name);
    if (!net_small())
        add_others();
    int failed = unit_run("product");
    return unit_run_leave(NULL) || failed;
}
