/* blas.h: how fast OpenBLAS multiplies, for `make bench` and `make bench-large`. */
#ifndef XT_TESTS_BENCH_BLAS_H
#define XT_TESTS_BENCH_BLAS_H

#include "engine/product.h"

/* Floating-point operations a second of one thread, of single-precision products of square
 * matrices, taken for about `seconds`; 0 when there is no memory. */
double blas_rate(double seconds);

/* c = op(a) op(b) by so many threads; dense and row-major, as product.h has them. */
void blas_product(int threads, const xt_product_shape *shape, const float *a, const float *b, float *c);

/* "OpenBLAS 0.3.21 ..." with the kernels it chose. */
const char *blas_version(void);

#endif
