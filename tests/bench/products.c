/* Multiplies matrices as training does, in this process, and says how fast, for `make bench-large`.
 *
 *     products shapes     a line a product: name, m, n, k, what it is
 *     products blas       OpenBLAS's version
 *     products            answers a line on standard input, "PRODUCT SUBJECT SECONDS", by a line
 *                         "flop/s", having multiplied for about SECONDS
 *
 * A subject is ours, clblast, or blas1 and blas2: OpenBLAS with that many threads. Products are
 * asked for in bursts. Before a subject is measured, its product is compared with OpenBLAS's:
 * the numbers are small and whole, so that every sum is exact in whatever order it is taken. */
#include "base/clock.h"
#include "blas.h"
#include "multiplier.h"
#include "ocl/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds of a burst, about, and how many commands it has at most: CLBlast makes several of a product, and PoCL is slow
 * where hundreds wait. */
static const double burst_seconds = 0.02;
enum { MAX_BURST = 64 };

enum { OURS, CLBLAST, BLAS1, BLAS2, N_SUBJECTS };
static const char *const subject_names[N_SUBJECTS] = {"ours", "clblast", "blas1", "blas2"};
static const multiplier_ops *const subjects[BLAS1] = {&ours_ops, &clblast_ops};

/* The three products of a layer in training; batch rows, inputs, units. */
#define FORWARD(batch, inputs, units) .shape = {batch, units, inputs, false, true}, .what = "forward"
#define BY_WEIGHTS(batch, inputs, units) .shape = {units, inputs, batch, true, false}, .what = "by weights"
#define BY_INPUTS(batch, inputs, units) .shape = {batch, inputs, units, false, false}, .what = "by inputs"

typedef struct product {
    const char *name;
    xt_product_shape shape;
    const char *what;
    float *a, *b, *c; /* filled by prepare; c is OpenBLAS's */
    void *multipliers[BLAS1];
    unsigned burst[N_SUBJECTS]; /* products; 0: the subject is not open */
} product;

static product products[] = {
    {.name = "256^3", FORWARD(256, 256, 256)},
    {.name = "1024^3", FORWARD(1024, 1024, 1024)},
    {.name = "2048^3", FORWARD(2048, 2048, 2048)},
    {.name = "784-128/64", FORWARD(64, 784, 128)},
    {.name = "784-128/64-dW", BY_WEIGHTS(64, 784, 128)},
    {.name = "784-128/64-dX", BY_INPUTS(64, 784, 128)},
    {.name = "784-512/256", FORWARD(256, 784, 512)},
    {.name = "784-512/256-dW", BY_WEIGHTS(256, 784, 512)},
    {.name = "4096-4096/1024", FORWARD(1024, 4096, 4096)},
    {.name = "4096-4096/1024-dW", BY_WEIGHTS(1024, 4096, 4096)},
    {.name = "128-10/64", FORWARD(64, 128, 10)},
    {.name = "128-10/64-dW", BY_WEIGHTS(64, 128, 10)},
    {.name = "128-10/64-dX", BY_INPUTS(64, 128, 10)},
};
enum { N_PRODUCTS = sizeof products / sizeof products[0] };

static _Noreturn void die(const product *p, int subject, const char *why)
{
    fprintf(stderr, "products: %s %s: %s\n", p->name, subject_names[subject], why);
    exit(1);
}

static size_t c_size(const product *p)
{
    return p->shape.m * p->shape.n;
}

/* Whole numbers of -3 to 3, without a period that a wrong stride could fall into. */
static float *whole_numbers(size_t n, uint32_t hash)
{
    float *values = malloc(n * sizeof *values);
    for (size_t i = 0; values && i < n; i++) {
        hash = hash * 1664525 + 1013904223;
        values[i] = (float)((hash >> 16) % 7) - 3;
    }
    return values;
}

static void prepare(product *p)
{
    const xt_product_shape *s = &p->shape;
    p->a = whole_numbers(s->m * s->k, 1);
    p->b = whole_numbers(s->k * s->n, 2);
    p->c = malloc(c_size(p) * sizeof *p->c);
    if (!p->a || !p->b || !p->c)
        die(p, BLAS1, "out of memory");
    blas_product(1, s, p->a, p->b, p->c);
}

/* Seconds of n products. */
static double run(product *p, int subject, unsigned n)
{
    xt_err err;
    double before = xt_seconds();
    if (subject >= BLAS1) {
        for (unsigned i = 0; i < n; i++)
            blas_product(subject == BLAS1 ? 1 : 2, &p->shape, p->a, p->b, p->c);
    } else if (subjects[subject]->run(p->multipliers[subject], n, &err)) {
        die(p, subject, err.text);
    }
    return xt_seconds() - before;
}

static void compare(const product *p, int subject)
{
    xt_err err;
    float *c = malloc(c_size(p) * sizeof *c);
    if (!c)
        die(p, subject, "out of memory");
    if (subjects[subject]->read(p->multipliers[subject], c, &err))
        die(p, subject, err.text);
    for (size_t i = 0; i < c_size(p); i++)
        if (c[i] != p->c[i])
            die(p, subject, "its product is not OpenBLAS's");
    free(c);
}

static void open_subject(product *p, int subject)
{
    xt_err err;
    if (!p->a)
        prepare(p);
    if (subject < BLAS1) {
        if (subjects[subject]->open(&p->shape, p->a, p->b, &p->multipliers[subject], &err))
            die(p, subject, err.text);
        compare(p, subject);
    }
    double seconds = run(p, subject, 1);
    for (int i = 0; i < 3 && seconds < 1; i++)
        seconds = fmin(seconds, run(p, subject, 1));
    p->burst[subject] = 1;
    if (seconds < burst_seconds / MAX_BURST)
        p->burst[subject] = MAX_BURST;
    else if (seconds < burst_seconds)
        p->burst[subject] = (unsigned)(burst_seconds / seconds);
}

static double measure(product *p, int subject, double seconds)
{
    const xt_product_shape *s = &p->shape;
    double elapsed = 0, n = 0;
    if (!p->burst[subject])
        open_subject(p, subject);
    do {
        elapsed += run(p, subject, p->burst[subject]);
        n += p->burst[subject];
    } while (elapsed < seconds);
    return n * 2 * (double)s->m * (double)s->n * (double)s->k / elapsed;
}

/* ---- requests ---- */

static bool answer(const char *name, const char *subject, double seconds)
{
    for (size_t i = 0; i < N_PRODUCTS; i++)
        for (int k = 0; k < N_SUBJECTS; k++)
            if (strcmp(products[i].name, name) == 0 && strcmp(subject_names[k], subject) == 0) {
                printf("%.6g\n", measure(&products[i], k, seconds));
                return true;
            }
    fprintf(stderr, "products: there is no %s %s\n", name, subject);
    return false;
}

static int serve(void)
{
    char name[32], subject[32];
    double seconds;
    bool known = true;
    xt_devices_prepare();
    while (known && scanf("%31s %31s %lf", name, subject, &seconds) == 3) {
        known = answer(name, subject, seconds);
        fflush(stdout);
    }
    for (size_t i = 0; i < N_PRODUCTS; i++) {
        for (int k = 0; k < BLAS1; k++)
            subjects[k]->close(products[i].multipliers[k]);
        free(products[i].a);
        free(products[i].b);
        free(products[i].c);
    }
    return known ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return serve();
    if (argc == 2 && strcmp(argv[1], "shapes") == 0) {
        for (size_t i = 0; i < N_PRODUCTS; i++) {
            const xt_product_shape *s = &products[i].shape;
            printf("%s %zu %zu %zu %s\n", products[i].name, s->m, s->n, s->k, products[i].what);
        }
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "blas") == 0) {
        puts(blas_version());
        return 0;
    }
    fprintf(stderr, "usage: products [shapes|blas]\n");
    return 2;
}
