/* blas.h: how fast one thread of OpenBLAS multiplies, for `make bench`. */
#ifndef XT_TESTS_BENCH_BLAS_H
#define XT_TESTS_BENCH_BLAS_H

/* Floating-point operations a second of single-precision products of square
 * matrices, taken for about `seconds`; 0 when there is no memory. */
double blas_rate(double seconds);

/* "OpenBLAS 0.3.21 ..." with the kernels it chose. */
const char *blas_version(void);

#endif
