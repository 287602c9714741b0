/* product.h: matrix products on a device.
 *
 * Large ones go to CLBlast, small ones to a kernel of ours (cl/product.cl),
 * whose one launch costs less than the several that CLBlast makes of a
 * product. Which is which depends on the shape alone, so a product has the
 * same bits on every run. CLBlast is a shared library that is loaded when a
 * product needs it: linking it would cost every process 4-5 ms, and its first
 * product compiles for seconds. No other file knows CLBlast. */
#ifndef XT_ENGINE_PRODUCT_H
#define XT_ENGINE_PRODUCT_H

#include "ocl/context.h"

typedef struct xt_products xt_products;

/* c = op(a) op(b), all row-major and dense: op(a) is (m, k), op(b) is (k, n),
 * c is (m, n). A transposed a lies in memory as (k, m), a transposed b as
 * (n, k). The three forms of training: plain, a transposed, b transposed. */
typedef struct xt_product_shape {
    size_t m, n, k;
    bool transpose_a, transpose_b;
} xt_product_shape;

/* A place in a buffer. */
typedef struct xt_floats {
    cl_mem buffer;
    size_t at; /* in floats */
} xt_floats;

/* Who multiplies. Everything but AUTO is for tests and measurements. */
typedef enum xt_product_by { XT_PRODUCT_AUTO, XT_PRODUCT_OWN, XT_PRODUCT_CLBLAST } xt_product_by;

/* Makes ready for products of at most these shapes (each of a form that
 * occurs, the largest of its kind), and compares one small product of each
 * form with the host: a device that gets it wrong is an error. program holds
 * product.cl. The context must stay open until the products are closed. */
xt_status xt_products_open(xt_context *context, cl_program program, const xt_product_shape *shapes, size_t n_shapes,
                           xt_product_by by, xt_products **out, xt_err *err);
/* NULL-safe; sets *products to NULL. */
void xt_products_close(xt_products **products);

/* Whether AUTO leaves a product of this shape to CLBlast. */
bool xt_product_is_large(const xt_product_shape *shape);

/* Enqueues c = op(a) op(b); c must not overlap a or b. */
xt_status xt_product(xt_products *products, const xt_product_shape *shape, xt_floats a, xt_floats b, xt_floats c,
                     xt_err *err);

/* The file name of CLBlast's library, which ends in its version; "" where no
 * product needs it. */
const char *xt_products_blas(const xt_products *products);
/* Device memory that it took. */
size_t xt_products_bytes(const xt_products *products);

#endif
