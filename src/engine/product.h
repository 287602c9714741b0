/* product.h: matrix products on a device.
 *
 * Large ones go to CLBlast, small ones to a kernel of ours (cl/product.cl),
 * whose one launch costs less than the several that CLBlast makes of a
 * product. Where CLBlast cannot be had or multiplies wrongly, large ones go to
 * another kernel of ours, by tiles, with a warning. Which is which depends on
 * the shape alone, so a product has the same bits on every run. Nobody else
 * knows CLBlast but blas.h. */
#ifndef XT_ENGINE_PRODUCT_H
#define XT_ENGINE_PRODUCT_H

#include "base/table.h"
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

/* What a profile is told of one: its matrices once each, whatever is copied on the way. */
xt_work xt_product_work(const xt_product_shape *shape);

/* ---- CLBlast's parameters ---- */

enum { XT_BLAS_PARAMETERS = 16 };
/* Those of CLBlast's kernel Xgemm. */
extern const char *const xt_blas_parameters[XT_BLAS_PARAMETERS];

typedef struct xt_blas_set {
    xt_row row;
    bool overrides; /* else CLBlast keeps what it ships, and chooses its kernel itself */
    size_t values[XT_BLAS_PARAMETERS];
} xt_blas_set;

/* Of xt_blas_set. One holds for the process: CLBlast can take another, but not what it ships again. */
extern const xt_table xt_blas_sets;
/* The row for a device of which nothing was measured. */
size_t xt_blas_set_for(const xt_device *device);
/* 0 where there is no such parameter. */
size_t xt_blas_set_value(const xt_blas_set *set, const char *parameter);
/* Whether the device has the work-items and the local memory for it. */
bool xt_blas_set_fits(const xt_blas_set *set, const xt_device *device);

/* ---- products ---- */

/* Who multiplies: our kernel element by element, or by tiles, or CLBlast; AUTO: what suits the shape. */
typedef enum xt_product_by { XT_PRODUCT_AUTO, XT_PRODUCT_OWN, XT_PRODUCT_TILED, XT_PRODUCT_CLBLAST } xt_product_by;

/* Everything but zero is for tuning, tests and measurements. */
typedef struct xt_product_wish {
    xt_product_by by;
    const char *set; /* of xt_blas_sets; NULL or "": what suits the device */
} xt_product_wish;

/* What tuning chooses among, by number: the sets as they stand in their table, then our own tiles. */
enum { XT_PRODUCT_WAYS = 8, XT_PRODUCT_WAY_OWN = XT_PRODUCT_WAYS - 1 };
xt_product_wish xt_product_way(size_t way);
/* The set's name, or "own". */
const char *xt_product_way_name(size_t way);
/* XT_PRODUCT_WAYS where none is named so. */
size_t xt_product_way_find(const char *name);

/* Makes ready for products of at most these shapes (each of a form that
 * occurs, the largest of its kind), and compares one small product of each
 * form with the host: a device that gets ours wrong is an error. A CLBlast that
 * cannot be had, or multiplies wrongly, is a warning, but an error where it or
 * its set was wished for. program holds product.cl. The context must stay open
 * until the products are closed. */
xt_status xt_products_open(xt_context *context, cl_program program, const xt_product_shape *shapes, size_t n_shapes,
                           const xt_product_wish *wish, xt_products **out, xt_err *err);
/* NULL-safe; sets *products to NULL. */
void xt_products_close(xt_products **products);

/* Whether AUTO leaves a product of this shape to CLBlast, where there is one. */
bool xt_product_is_large(const xt_product_shape *shape);

/* Enqueues c = op(a) op(b); c must not overlap a or b. */
xt_status xt_product(xt_products *products, const xt_product_shape *shape, xt_floats a, xt_floats b, xt_floats c,
                     xt_err *err);

/* The file name of CLBlast's library, which ends in its version; "" where no
 * product needs it, "own" where a kernel of ours takes its place. */
const char *xt_products_blas(const xt_products *products);
/* The name of the way by which large products go, as of xt_product_way_name, whose sums another way takes in another order;
 * "" where none is large. */
const char *xt_products_way(const xt_products *products);
/* Who multiplies, in words; it lives as long as the products. */
const char *xt_products_form(const xt_products *products);
/* Device memory that it took. */
size_t xt_products_bytes(const xt_products *products);

#endif
