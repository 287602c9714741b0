/* Matrix products, ours and CLBlast's, against sums in double precision. */
#include "net.h"

#include "engine/product.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void bench_open(bench *t, xt_product_by by)
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
    net_ok(xt_products_open(t->context, t->program.program, largest, 3, by, &t->products, &err), &err);
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

static void check_all(xt_product_by by)
{
    static const size_t sides[] = {1, 2, 3, 7, 16, 17, 31, 33, 64, 129};
    size_t n = net_small() ? 6 : sizeof sides / sizeof *sides;
    uint64_t stream = net_seed();
    xt_err err;
    bench t;
    bench_open(&t, by);
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)stream);
    for (size_t i = 0; i < MAX_FLOATS; i++) {
        t.a[i] = net_uniform(&stream, -1, 1);
        t.b[i] = net_uniform(&stream, -1, 1);
    }
    net_ok(xt_buffer_write(t.context, t.buffers[0], 0, t.a, MAX_FLOATS * sizeof(float), &err), &err);
    net_ok(xt_buffer_write(t.context, t.buffers[1], 0, t.b, MAX_FLOATS * sizeof(float), &err), &err);
    for (size_t form = 0; form < 3; form++)
        for (size_t m = 0; m < n; m++)
            for (size_t k = 0; k < n; k++)
                for (size_t j = 0; j < n; j++) {
                    xt_product_shape s = {sides[m], sides[j], sides[k], form == 1, form == 2};
                    check_shape(&t, &s);
                }
    bench_close(&t);
}

static void ours(void **state)
{
    (void)state;
    check_all(XT_PRODUCT_OWN);
}

static void by_clblast(void **state)
{
    (void)state;
    if (net_small())
        skip(); /* oclgrind would check CLBlast's kernels, not ours */
    check_all(XT_PRODUCT_CLBLAST);
}

static void by_whichever_is_faster(void **state)
{
    (void)state;
    if (net_small())
        skip();
    check_all(XT_PRODUCT_AUTO);
}

static void clblast_is_loaded_when_needed(void **state)
{
    (void)state;
    const xt_product_shape small = {1, 16, 2, false, true}, large = {128, 128, 784, false, true};
    xt_context *context = net_context();
    xt_program program = {0};
    xt_products *products = NULL;
    xt_err err;
    net_ok(xt_program_open(context, &source, &program, &err), &err);
    net_ok(xt_products_open(context, program.program, &small, 1, XT_PRODUCT_AUTO, &products, &err), &err);
    assert_string_equal(xt_products_blas(products), "");
    assert_int_equal(xt_products_bytes(products), 0);
    xt_products_close(&products);
    if (!net_small()) {
        net_ok(xt_products_open(context, program.program, &large, 1, XT_PRODUCT_AUTO, &products, &err), &err);
        assert_non_null(strstr(xt_products_blas(products), "clblast"));
        assert_true(xt_products_bytes(products) > 0);
        xt_products_close(&products);
    }
    xt_program_close(context, &program);
    assert_int_equal(context->n_live, 0);
    xt_context_close(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours),
        cmocka_unit_test(by_clblast),
        cmocka_unit_test(by_whichever_is_faster),
        cmocka_unit_test(clblast_is_loaded_when_needed),
    };
    return cmocka_run_group_tests_name("product", tests, NULL, NULL);
}
