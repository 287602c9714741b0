/* blas.h: CLBlast, for product.c alone.
 *
 * A shared library that is loaded when it is needed: linking it would cost
 * every process 4-5 ms, and its first product compiles for seconds. It wants
 * one in-order queue and one calling thread, and checks nothing that it is
 * told: whoever opens it compares its products with the host's. */
#ifndef XT_ENGINE_BLAS_H
#define XT_ENGINE_BLAS_H

#include "engine/product.h"

typedef struct xt_blas xt_blas;

/* Loads it, gives it the parameters of a row of xt_blas_sets, and takes a
 * workspace for products of at most these shapes. What fails is said as a
 * reason, not as a verdict on the run: there are other kernels. The context
 * must stay open until it is closed. */
xt_status xt_blas_open(xt_context *context, size_t set, const xt_product_shape *shapes, size_t n_shapes, xt_blas **out,
                       xt_err *err);
/* NULL-safe; sets *blas to NULL. */
void xt_blas_close(xt_blas **blas);

/* As xt_product. */
xt_status xt_blas_product(xt_blas *blas, const xt_product_shape *shape, xt_floats a, xt_floats b, xt_floats c,
                          xt_err *err);

/* The file name of the library, which ends in its version. */
const char *xt_blas_name(const xt_blas *blas);
/* Device memory of the workspace. */
size_t xt_blas_bytes(const xt_blas *blas);

#endif
