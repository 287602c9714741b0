#include "blas.h"

#include "base/clock.h"

#include <stdlib.h>

enum { SIZE = 1024 };

/* Declared here: the lint compiles every file, and its machine need not have
 * OpenBLAS's headers. The numbers are CBLAS's. */
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void openblas_set_num_threads(int n);
char *openblas_get_config(void);

double blas_rate(double seconds)
{
    static float *a, *b, *c;
    const size_t n = (size_t)SIZE * SIZE;
    double elapsed, products = 0;
    if (!a) {
        a = malloc(n * sizeof *a);
        b = malloc(n * sizeof *b);
        c = calloc(n, sizeof *c);
        if (!a || !b || !c)
            return 0;
        for (size_t i = 0; i < n; i++) {
            a[i] = (float)(i % 7) - 3;
            b[i] = (float)(i % 5) - 2;
        }
        openblas_set_num_threads(1);
        cblas_sgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0, c, SIZE);
    }
    double before = xt_seconds();
    do {
        cblas_sgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0, c, SIZE);
        products++;
        elapsed = xt_seconds() - before;
    } while (elapsed < seconds);
    return products * 2 * (double)n * SIZE / elapsed;
}

void blas_product(int threads, const xt_product_shape *s, const float *a, const float *b, float *c)
{
    int m = (int)s->m, n = (int)s->n, k = (int)s->k;
    openblas_set_num_threads(threads);
    cblas_sgemm(ROW_MAJOR, s->transpose_a ? TRANS : NO_TRANS, s->transpose_b ? TRANS : NO_TRANS, m, n, k, 1, a,
                s->transpose_a ? m : k, b, s->transpose_b ? k : n, 0, c, n);
}

const char *blas_version(void)
{
    return openblas_get_config();
}
