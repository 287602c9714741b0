#include "multiplier.h"

#include <stdlib.h>

static const char *const files[] = {"product.cl"};
static const xt_program_source source = {NULL, files, 1};

enum { A, B, C, N_MATRICES };

typedef struct device_product {
    xt_product_shape shape;
    xt_context *context;
    xt_program program;
    xt_products *products;
    cl_mem matrices[N_MATRICES];
} device_product;

void device_product_close(void *multiplier)
{
    device_product *p = multiplier;
    if (!p)
        return;
    xt_products_close(&p->products);
    if (p->context) {
        for (int i = 0; i < N_MATRICES; i++)
            xt_buffer_close(p->context, &p->matrices[i]);
        xt_program_close(p->context, &p->program);
    }
    xt_context_close(&p->context);
    free(p);
}

static xt_status fill(device_product *p, int matrix, const float *values, size_t n, xt_err *err)
{
    xt_status status = xt_buffer_open(p->context, "a matrix", n * sizeof(float), &p->matrices[matrix], err);
    if (!status && values)
        status = xt_buffer_write(p->context, p->matrices[matrix], 0, values, n * sizeof(float), err);
    return status;
}

xt_status device_product_open(const xt_product_shape *shape, xt_product_by by, const float *a, const float *b,
                              void **out, xt_err *err)
{
    xt_device device;
    device_product *p = calloc(1, sizeof *p);
    if (!p)
        return xt_fail(err, XT_FAILED, "out of memory");
    p->shape = *shape;
    xt_status status = xt_device_select("auto", &device, err);
    if (!status)
        status = xt_context_open(&device, &p->context, err);
    if (!status)
        status = xt_program_open(p->context, &source, &p->program, err);
    if (!status)
        status = xt_products_open(p->context, p->program.program, shape, 1, &(xt_product_wish){by, NULL}, &p->products,
                                  err);
    if (!status)
        status = fill(p, A, a, shape->m * shape->k, err);
    if (!status)
        status = fill(p, B, b, shape->k * shape->n, err);
    if (!status)
        status = fill(p, C, NULL, shape->m * shape->n, err);
    if (!status)
        status = device_product_run(p, 1, err);
    if (status) {
        device_product_close(p);
        return status;
    }
    xt_program_keep(p->context, &p->program);
    *out = p;
    return XT_OK;
}

xt_status device_product_run(void *multiplier, unsigned n, xt_err *err)
{
    device_product *p = multiplier;
    xt_status status = XT_OK;
    for (unsigned i = 0; !status && i < n; i++)
        status = xt_product(p->products, &p->shape, (xt_floats){p->matrices[A], 0}, (xt_floats){p->matrices[B], 0},
                            (xt_floats){p->matrices[C], 0}, err);
    return status ? status : xt_context_finish(p->context, err);
}

xt_status device_product_read(void *multiplier, float *c, xt_err *err)
{
    device_product *p = multiplier;
    return xt_buffer_read(p->context, p->matrices[C], 0, c, p->shape.m * p->shape.n * sizeof *c, err);
}

static xt_status clblast_open(const xt_product_shape *shape, const float *a, const float *b, void **out, xt_err *err)
{
    return device_product_open(shape, XT_PRODUCT_CLBLAST, a, b, out, err);
}

const multiplier_ops clblast_ops = {clblast_open, device_product_run, device_product_read, device_product_close};
