#include "engine/product.h"

#include "base/log.h"
#include "engine/blas.h"

#include <stdio.h>
#include <stdlib.h>

struct xt_products {
    xt_context *context;
    xt_product_wish wish;
    xt_kernel own, tiled; /* tiled is not open where the device cannot or no product needs it */
    xt_blas *blas;        /* NULL where no product needs it or there is none */
    const char *name;     /* of what multiplies large ones: see xt_products_blas */
    const char *way;      /* see xt_products_way */
    char form[64];
};

xt_work xt_product_work(const xt_product_shape *s)
{
    double m = (double)s->m, n = (double)s->n, k = (double)s->k;
    return (xt_work){2 * m * n * k, (double)sizeof(cl_float) * (m * k + k * n + m * n)};
}

/* ---- who multiplies ---- */

/* Multiply-adds from which CLBlast is the faster. Measured on PoCL, two cores
 * of a Zen 4, us for ours and CLBlast's: 2.5 and 27 for 16 (2-16-1, batch 1),
 * 17 and 28 for 2^15, 35 and 50 for 2^16, 48 and 36 for 2^17, 1000 and 80 for
 * 2^21. Not measured on a GPU, where CLBlast too makes one launch of a small
 * product (its direct kernel) and the threshold matters less. Our tiles are as
 * fast as the plain kernel below it and 1.5 to 10 times as fast above, where
 * they are 1 to 20 times slower than CLBlast: they only stand in for that. */
enum { CLBLAST_FROM = 1 << 17 };

bool xt_product_is_large(const xt_product_shape *s)
{
    return (double)s->m * (double)s->n * (double)s->k >= CLBLAST_FROM;
}

static xt_product_by who(const xt_products *p, const xt_product_shape *s)
{
    if (p->wish.by != XT_PRODUCT_AUTO)
        return p->wish.by;
    if (!xt_product_is_large(s))
        return XT_PRODUCT_OWN;
    return p->blas ? XT_PRODUCT_CLBLAST : p->tiled.kernel ? XT_PRODUCT_TILED : XT_PRODUCT_OWN;
}

/* ---- our own ---- */

/* Of cl/product.cl. */
enum { TILE_SIDE = 8, TILE = 4 * TILE_SIDE, TILE_ITEMS = TILE_SIDE * TILE_SIDE, TILE_DEPTH = 16, TILE_ROW = TILE + 1 };
static const size_t tile_bytes = TILE_DEPTH * TILE_ROW * sizeof(cl_float);

static size_t tiles(size_t n)
{
    return (n + TILE - 1) / TILE;
}

/* Both kernels: the local memory is the tiled one's. */
static xt_status product_by_us(xt_products *p, const xt_kernel *kernel, const xt_product_shape *s, xt_floats a,
                               xt_floats b, xt_floats c, xt_err *err)
{
    bool tiled = kernel == &p->tiled;
    cl_uint m = (cl_uint)s->m, n = (cl_uint)s->n, k = (cl_uint)s->k;
    cl_uint a_at = (cl_uint)a.at, a_row = s->transpose_a ? 1 : k, a_col = s->transpose_a ? m : 1;
    cl_uint b_at = (cl_uint)b.at, b_row = s->transpose_b ? 1 : n, b_col = s->transpose_b ? k : 1;
    cl_uint c_at = (cl_uint)c.at;
    const xt_arg local = {tiled ? tile_bytes : 0, NULL};
    const xt_arg args[] = {XT_ARG(m),     XT_ARG(n),     XT_ARG(k),        XT_ARG(a.buffer), XT_ARG(a_at),
                           XT_ARG(a_row), XT_ARG(a_col), XT_ARG(b.buffer), XT_ARG(b_at),     XT_ARG(b_row),
                           XT_ARG(b_col), XT_ARG(c.buffer), XT_ARG(c_at),  local, local, XT_ARG_END};
    xt_work work = xt_product_work(s);
    xt_context_work(p->context, work.flop, work.bytes);
    return xt_launch(p->context, kernel, tiled ? tiles(s->m) * tiles(s->n) * TILE_ITEMS : s->m * s->n, args, err);
}

static xt_status product_by(xt_products *p, xt_product_by by, const xt_product_shape *s, xt_floats a, xt_floats b,
                            xt_floats c, xt_err *err)
{
    if (by == XT_PRODUCT_CLBLAST)
        return xt_blas_product(p->blas, s, a, b, c, err);
    return product_by_us(p, by == XT_PRODUCT_TILED ? &p->tiled : &p->own, s, a, b, c, err);
}

xt_status xt_product(xt_products *p, const xt_product_shape *s, xt_floats a, xt_floats b, xt_floats c, xt_err *err)
{
    return product_by(p, who(p, s), s, a, b, c, err);
}

/* ---- comparison with the host ---- */

/* Odd, different, and more than one block of most kernels. */
enum { CHECK_M = 67, CHECK_N = 41, CHECK_K = 53, CHECK_OFFSET = 3 };
enum { CHECK_A = CHECK_M * CHECK_K, CHECK_B = CHECK_K * CHECK_N, CHECK_C = CHECK_M * CHECK_N };

typedef struct check_data {
    float a[CHECK_OFFSET + CHECK_A], b[CHECK_OFFSET + CHECK_B], c[CHECK_OFFSET + CHECK_C];
} check_data;

/* Small integers: every order of summation gives the exact result. */
static void fill(float *to, size_t n, unsigned factor)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)((int)(i * factor % 17u) - 8);
}

static bool is_right(const check_data *d, const xt_product_shape *s)
{
    const float *a = d->a + CHECK_OFFSET, *b = d->b + CHECK_OFFSET, *c = d->c + CHECK_OFFSET;
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            float sum = 0;
            for (size_t l = 0; l < s->k; l++)
                sum += (s->transpose_a ? a[l * s->m + i] : a[i * s->k + l]) *
                       (s->transpose_b ? b[j * s->k + l] : b[l * s->n + j]);
            if (!(c[i * s->n + j] >= sum && c[i * s->n + j] <= sum))
                return false;
        }
    return true;
}

static const xt_product_shape check_shapes[] = {
    {CHECK_M, CHECK_N, CHECK_K, false, true}, /* forward */
    {CHECK_M, CHECK_N, CHECK_K, false, false}, /* input gradient */
    {CHECK_M, CHECK_N, CHECK_K, true, false}, /* weight gradient */
};
enum { N_CHECKS = sizeof check_shapes / sizeof check_shapes[0] };

static xt_status compare(xt_products *p, xt_product_by by, check_data *d, xt_floats a, xt_floats b, xt_floats c,
                         xt_err *err)
{
    bool by_blas = by == XT_PRODUCT_CLBLAST;
    for (size_t i = 0; i < N_CHECKS; i++) {
        const xt_product_shape *s = &check_shapes[i];
        xt_status status = product_by(p, by, s, a, b, c, err);
        if (!status)
            status = xt_buffer_read(p->context, c.buffer, 0, d->c, sizeof d->c, err);
        if (status)
            return status;
        if (!is_right(d, s))
            return xt_fail(err, XT_FAILED, "%s (driver %s) multiplies matrices wrongly%s%s%s", p->context->device.name,
                           p->context->device.driver_version, by_blas ? " by " : "",
                           by_blas ? xt_blas_name(p->blas) : "",
                           by_blas ? "" : ": its results cannot be trusted; choose another device, or `--engine reference`");
    }
    return XT_OK;
}

static xt_status check_products(xt_products *p, xt_product_by by, xt_err *err)
{
    xt_floats a = {NULL, CHECK_OFFSET}, b = a, c = a;
    check_data *d = calloc(1, sizeof *d);
    if (!d)
        return xt_fail_memory(err, "the check of the products", sizeof *d);
    fill(d->a, sizeof d->a / sizeof(float), 7);
    fill(d->b, sizeof d->b / sizeof(float), 11);
    /* A phase without its commands: CLBlast compiles for seconds between those of its first product, which look like one. */
    xt_profile *profile = p->context->profile;
    xt_phase phase = xt_profile_begin(profile);
    p->context->profile = NULL;
    xt_status status = xt_buffer_open(p->context, "the check's a", sizeof d->a, &a.buffer, err);
    if (!status)
        status = xt_buffer_open(p->context, "the check's b", sizeof d->b, &b.buffer, err);
    if (!status)
        status = xt_buffer_open(p->context, "the check's c", sizeof d->c, &c.buffer, err);
    if (!status)
        status = xt_buffer_write(p->context, a.buffer, 0, d->a, sizeof d->a, err);
    if (!status)
        status = xt_buffer_write(p->context, b.buffer, 0, d->b, sizeof d->b, err);
    if (!status)
        status = compare(p, by, d, a, b, c, err);
    xt_buffer_close(p->context, &a.buffer);
    xt_buffer_close(p->context, &b.buffer);
    xt_buffer_close(p->context, &c.buffer);
    p->context->profile = profile;
    xt_profile_end(profile, "checking products", phase, 0, 0);
    free(d);
    return status;
}

/* ---- open and close ---- */

/* Leaves it closed where the device has not its work-items or its local memory. */
static xt_status open_tiled(xt_products *p, cl_program program, xt_err *err)
{
    xt_status status = xt_kernel_open(p->context, program, "xt_product_tiled", &p->tiled, err);
    if (status)
        return status;
    if (p->tiled.group == TILE_ITEMS && 2 * tile_bytes <= p->context->device.local_bytes)
        return check_products(p, XT_PRODUCT_TILED, err);
    xt_kernel_close(p->context, &p->tiled);
    if (p->wish.by == XT_PRODUCT_TILED)
        return xt_fail(err, XT_FAILED, "%s has not the work-items or the local memory for products by tiles",
                       p->context->device.name);
    return XT_OK;
}

static xt_status find_set(const xt_products *p, size_t *set, xt_err *err)
{
    const char *name = p->wish.set;
    int found = name && *name ? xt_table_find(&xt_blas_sets, name) : (int)xt_blas_set_for(&p->context->device);
    if (found < 0)
        return xt_fail(err, XT_FAILED, "there is no %s '%s'", xt_blas_sets.noun, name);
    *set = (size_t)found;
    return XT_OK;
}

/* With a workspace for these shapes, and those of the check. */
static xt_status open_blas(xt_products *p, const xt_product_shape *shapes, size_t n_shapes, xt_err *err)
{
    size_t set = 0, n = n_shapes + N_CHECKS;
    xt_status status = find_set(p, &set, err);
    if (status)
        return status;
    xt_product_shape *all = calloc(n, sizeof *all);
    if (!all)
        return xt_fail_memory(err, "the shapes of products", n * sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = i < n_shapes ? shapes[i] : check_shapes[i - n_shapes];
    status = xt_blas_open(p->context, set, all, n, &p->blas, err);
    if (!status)
        status = check_products(p, XT_PRODUCT_CLBLAST, err);
    free(all);
    if (status) {
        xt_blas_close(&p->blas);
        return status;
    }
    p->name = xt_blas_name(p->blas);
    p->way = xt_product_way_name(set);
    snprintf(p->form, sizeof p->form, "large products by CLBlast, set %s", xt_table_at(&xt_blas_sets, set)->name);
    return XT_OK;
}

/* CLBlast, or a kernel of ours in its place. */
static xt_status open_large(xt_products *p, cl_program program, const xt_product_shape *shapes, size_t n_shapes,
                            xt_err *err)
{
    xt_err why;
    xt_status status = open_blas(p, shapes, n_shapes, &why);
    if (!status)
        return XT_OK;
    if (p->wish.by == XT_PRODUCT_CLBLAST || (p->wish.set && *p->wish.set))
        return xt_fail(err, status, "%s", why.text);
    status = open_tiled(p, program, err);
    if (status)
        return status;
    p->name = p->way = "own";
    snprintf(p->form, sizeof p->form, "large products by %s of our own", p->tiled.kernel ? "tiles" : "a kernel");
    xt_warn("%s; large products are computed by %s of our own instead, which is slower", why.text,
            p->tiled.kernel ? "a kernel" : "the simplest kernel");
    return XT_OK;
}

static bool any_is_large(const xt_product_shape *shapes, size_t n_shapes)
{
    bool any = false;
    for (size_t i = 0; i < n_shapes; i++)
        any |= xt_product_is_large(&shapes[i]);
    return any;
}

xt_status xt_products_open(xt_context *context, cl_program program, const xt_product_shape *shapes, size_t n_shapes,
                           const xt_product_wish *wish, xt_products **out, xt_err *err)
{
    xt_product_by by = wish->by;
    xt_products *p = calloc(1, sizeof *p);
    if (!p)
        return xt_fail_memory(err, "matrix products", sizeof *p);
    p->context = context;
    p->wish = *wish;
    p->name = p->way = "";
    snprintf(p->form, sizeof p->form, "products by a kernel of our own");
    xt_status status = xt_kernel_open(context, program, "xt_product", &p->own, err);
    if (!status)
        status = check_products(p, XT_PRODUCT_OWN, err);
    if (!status && by == XT_PRODUCT_TILED) {
        p->name = p->way = "own";
        snprintf(p->form, sizeof p->form, "products by tiles of our own");
        status = open_tiled(p, program, err);
    }
    if (!status && (by == XT_PRODUCT_CLBLAST || (by == XT_PRODUCT_AUTO && any_is_large(shapes, n_shapes))))
        status = open_large(p, program, shapes, n_shapes, err);
    if (status)
        xt_products_close(&p);
    else
        *out = p;
    return status;
}

void xt_products_close(xt_products **products)
{
    xt_products *p = *products;
    if (!p)
        return;
    xt_blas_close(&p->blas);
    xt_kernel_close(p->context, &p->tiled);
    xt_kernel_close(p->context, &p->own);
    free(p);
    *products = NULL;
}

const char *xt_products_blas(const xt_products *products)
{
    return products->name;
}

const char *xt_products_way(const xt_products *products)
{
    return products->way;
}

const char *xt_products_form(const xt_products *products)
{
    return products->form;
}

size_t xt_products_bytes(const xt_products *products)
{
    return products->blas ? xt_blas_bytes(products->blas) : 0;
}
