/* multiplier.h: who multiplies matrices in `make bench-large`, each behind the same functions.
 *
 * Adding one is its file and its row in products.c. */
#ifndef XT_TESTS_BENCH_MULTIPLIER_H
#define XT_TESTS_BENCH_MULTIPLIER_H

#include "engine/product.h"

typedef struct multiplier_ops {
    /* Makes ready for c = op(a) op(b) of this shape, on copies of a and b; what a first product compiles is done. On
     * success *out is owned by the caller. */
    xt_status (*open)(const xt_product_shape *shape, const float *a, const float *b, void **out, xt_err *err);
    /* Computes c n times, one after another, and waits once, at the end: as training does, which waits for no product. */
    xt_status (*run)(void *multiplier, unsigned n, xt_err *err);
    /* c (m, n), as the last product left it. */
    xt_status (*read)(void *multiplier, float *c, xt_err *err);
    /* NULL-safe. */
    void (*close)(void *multiplier);
} multiplier_ops;

/* The product that the gemm engine trains with (ours.c). */
extern const multiplier_ops ours_ops;
/* CLBlast as it comes (device_product.c). */
extern const multiplier_ops clblast_ops;

/* xt_product by one of those who can, for both. */
xt_status device_product_open(const xt_product_shape *shape, xt_product_by by, const float *a, const float *b,
                              void **out, xt_err *err);
xt_status device_product_run(void *multiplier, unsigned n, xt_err *err);
xt_status device_product_read(void *multiplier, float *c, xt_err *err);
void device_product_close(void *multiplier);

#endif
