/* dlinfo: the real name of the library that was found. */
#define _GNU_SOURCE
#include "engine/product.h"

#include "base/log.h"

#include <clblast_c.h>
#include <dlfcn.h>
#include <link.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* CLBlast's functions that are used, by the types that its header gives. */
typedef struct blas {
    void *library; /* NULL where no product needs it */
    char name[64]; /* of the file, without its folder */
    __typeof__(CLBlastSgemmWithTempBuffer) *gemm;
    __typeof__(CLBlastSGemmTempBufferSize) *temp_bytes;
    __typeof__(CLBlastOverrideParameters) *set_parameters;
    __typeof__(CLBlastClearCache) *clear_cache;
} blas;

struct xt_products {
    xt_context *context;
    xt_product_by by;
    xt_kernel own;
    blas blas;
    cl_mem temp; /* CLBlast's workspace, enough for every shape */
    size_t temp_bytes;
};

/* ---- who multiplies ---- */

/* Multiply-adds from which CLBlast is the faster. Measured on PoCL, two cores
 * of a Zen 4, us for ours and CLBlast's: 2.5 and 27 for 16 (2-16-1, batch 1),
 * 17 and 28 for 2^15, 35 and 50 for 2^16, 48 and 36 for 2^17, 1000 and 80 for
 * 2^21. Not measured on a GPU, where CLBlast too makes one launch of a small
 * product (its direct kernel) and the threshold matters less. */
enum { CLBLAST_FROM = 1 << 17 };

static bool by_clblast(xt_product_by by, const xt_product_shape *s)
{
    if (by != XT_PRODUCT_AUTO)
        return by == XT_PRODUCT_CLBLAST;
    return (double)s->m * (double)s->n * (double)s->k >= CLBLAST_FROM;
}

bool xt_product_is_large(const xt_product_shape *shape)
{
    return by_clblast(XT_PRODUCT_AUTO, shape);
}

/* ---- CLBlast ---- */

static const char *clblast_name(CLBlastStatusCode code)
{
    switch ((int)code) {
    case CLBlastInsufficientMemoryTemp: return "workspace too small";
    case CLBlastMissingOverrideParameter: return "a kernel parameter is missing";
    case CLBlastInvalidOverrideKernel: return "no such kernel";
    case CLBlastUnknownError: return "unknown error";
    case CLBlastUnexpectedError: return "unexpected C++ exception";
    default: return code > -1024 ? xt_cl_name((cl_int)code) : "a CLBlast error";
    }
}

static xt_status check(const xt_products *p, CLBlastStatusCode code, const char *call, xt_err *err)
{
    if (code == CLBlastSuccess)
        return XT_OK;
    return xt_fail(err, XT_FAILED, "%s failed: %s (%d) on %s; `--engine reference` works without CLBlast", call,
                   clblast_name(code), (int)code, p->context->device.name);
}

/* dlsym gives an object's pointer where ISO C wants a function's. */
static xt_status find(void *library, const char *name, void *function, size_t bytes, xt_err *err)
{
    void *symbol = dlsym(library, name);
    if (!symbol)
        return xt_fail(err, XT_FAILED, "the CLBlast library has no %s: it is older than 1.5 (Debian's package is "
                                       "libclblast1)",
                       name);
    memcpy(function, &symbol, bytes);
    return XT_OK;
}

static void name_library(blas *lib)
{
    struct link_map *map = NULL;
    char *path = dlinfo(lib->library, RTLD_DI_LINKMAP, &map) == 0 && map ? realpath(map->l_name, NULL) : NULL;
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : "libclblast";
    size_t n = strnlen(name, sizeof lib->name - 1);
    memcpy(lib->name, name, n);
    lib->name[n] = '\0';
    free(path);
}

static xt_status load(blas *out, xt_err *err)
{
    blas lib = {0};
    xt_status status;
    /* NODELETE: its C++ runtime state is not made for being unloaded. */
    lib.library = dlopen("libclblast.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!lib.library)
        lib.library = dlopen("libclblast.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!lib.library)
        return xt_fail(err, XT_FAILED,
                       "the gemm engine needs CLBlast for matrix products of this size, and it does not load: %s\n"
                       "on Debian, `apt install libclblast1` installs it. `--engine reference` needs no CLBlast",
                       dlerror());
#define FIND(member, name) \
    if ((status = find(lib.library, name, &lib.member, sizeof lib.member, err)) != XT_OK) \
        goto out
    FIND(gemm, "CLBlastSgemmWithTempBuffer");
    FIND(temp_bytes, "CLBlastSGemmTempBufferSize");
    FIND(set_parameters, "CLBlastOverrideParameters");
    FIND(clear_cache, "CLBlastClearCache");
#undef FIND
    name_library(&lib);
    xt_detail("%s multiplies; the first time on a device its kernels compile for some seconds", lib.name);
out:
    if (status)
        dlclose(lib.library);
    else
        *out = lib;
    return status;
}

/* CLBlast knows no PoCL: what it takes for an unknown CPU runs at a tenth of
 * the speed of this set, and its tuner does not reach it, since it never tries
 * one work-item a work-group. The direct kernel is left to nobody: it compiles
 * for 40 s. The setting holds for the whole process. */
static xt_status tune_for_pocl(const xt_products *p, xt_err *err)
{
    const char *names[] = {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB",
                           "NDIMC", "NWG",  "SA",  "SB",  "STRM",  "STRN",  "VWM", "VWN"};
    const size_t values[] = {0, 1, 32, 1, 1, 1, 32, 1, 1, 12, 0, 0, 0, 0, 16, 4};
    const char *routine[] = {"XGEMM_MIN_INDIRECT_SIZE"};
    const size_t always[] = {1};
    const xt_device *device = &p->context->device;
    if (!xt_device_is_cpu(device) || !xt_device_is_pocl(device))
        return XT_OK;
    xt_status status = check(p, p->blas.set_parameters(device->id, "Xgemm", CLBlastPrecisionSingle,
                                                       sizeof values / sizeof *values, names, values),
                             "CLBlastOverrideParameters", err);
    if (status)
        return status;
    return check(p, p->blas.set_parameters(device->id, "GemmRoutine", CLBlastPrecisionSingle, 1, routine, always),
                 "CLBlastOverrideParameters", err);
}

static CLBlastTranspose flag(bool transpose)
{
    return transpose ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static size_t row_of_a(const xt_product_shape *s)
{
    return s->transpose_a ? s->m : s->k;
}

static size_t row_of_b(const xt_product_shape *s)
{
    return s->transpose_b ? s->k : s->n;
}

/* Workspace for this shape and all smaller ones of its form. An offset makes
 * CLBlast copy where it would use the matrix as it lies, so one is given. */
static xt_status grow_temp(xt_products *p, const xt_product_shape *s, xt_err *err)
{
    size_t bytes = 0;
    CLBlastStatusCode code =
        p->blas.temp_bytes(CLBlastLayoutRowMajor, flag(s->transpose_a), flag(s->transpose_b), s->m, s->n, s->k, 1,
                           row_of_a(s), 1, row_of_b(s), 1, s->n, &p->context->queue, &bytes);
    if (bytes > p->temp_bytes)
        p->temp_bytes = bytes;
    return check(p, code, "CLBlastSGemmTempBufferSize", err);
}

/* At most: copies of a, b and c that pad or transpose, the product, a copy back. */
enum { CLBLAST_COMMANDS = 5 };

/* Its matrices once each, whatever is copied on the way. */
static xt_work work_of(const xt_product_shape *s)
{
    double m = (double)s->m, n = (double)s->n, k = (double)s->k;
    return (xt_work){2 * m * n * k, (double)sizeof(cl_float) * (m * k + k * n + m * n)};
}

/* CLBlast gives the event of its last command alone, which may be a copy: a profile has all from a marker to that. */
static xt_status product_by_clblast(xt_products *p, const xt_product_shape *s, xt_floats a, xt_floats b, xt_floats c,
                                    xt_err *err)
{
    cl_event from = NULL, last = NULL;
    xt_status status = xt_context_begin(p->context, &from, err);
    if (status)
        return status;
    CLBlastStatusCode code = p->blas.gemm(CLBlastLayoutRowMajor, flag(s->transpose_a), flag(s->transpose_b), s->m,
                                          s->n, s->k, 1.0f, a.buffer, a.at, row_of_a(s), b.buffer, b.at, row_of_b(s),
                                          0.0f, c.buffer, c.at, s->n, &p->context->queue, from ? &last : NULL, p->temp);
    xt_context_took(p->context, from, last, "CLBlast", work_of(s));
    status = check(p, code, "CLBlastSgemmWithTempBuffer", err);
    return status ? status : xt_context_queued(p->context, CLBLAST_COMMANDS, err);
}

/* ---- our own ---- */

static xt_status product_by_us(xt_products *p, const xt_product_shape *s, xt_floats a, xt_floats b, xt_floats c,
                               xt_err *err)
{
    cl_uint m = (cl_uint)s->m, n = (cl_uint)s->n, k = (cl_uint)s->k;
    cl_uint a_at = (cl_uint)a.at, a_row = s->transpose_a ? 1 : k, a_col = s->transpose_a ? m : 1;
    cl_uint b_at = (cl_uint)b.at, b_row = s->transpose_b ? 1 : n, b_col = s->transpose_b ? k : 1;
    cl_uint c_at = (cl_uint)c.at;
    const xt_arg args[] = {XT_ARG(m),     XT_ARG(n),     XT_ARG(k),        XT_ARG(a.buffer), XT_ARG(a_at),
                           XT_ARG(a_row), XT_ARG(a_col), XT_ARG(b.buffer), XT_ARG(b_at),     XT_ARG(b_row),
                           XT_ARG(b_col), XT_ARG(c.buffer), XT_ARG(c_at),  XT_ARG_END};
    xt_work work = work_of(s);
    xt_context_work(p->context, work.flop, work.bytes);
    return xt_launch(p->context, &p->own, s->m * s->n, args, err);
}

xt_status xt_product(xt_products *p, const xt_product_shape *s, xt_floats a, xt_floats b, xt_floats c, xt_err *err)
{
    return by_clblast(p->by, s) ? product_by_clblast(p, s, a, b, c, err) : product_by_us(p, s, a, b, c, err);
}

/* ---- comparison with the host ---- */

/* Odd, different, and more than one block of any kernel's. */
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
    for (size_t i = 0; i < N_CHECKS; i++) {
        const xt_product_shape *s = &check_shapes[i];
        xt_status status = by == XT_PRODUCT_CLBLAST ? product_by_clblast(p, s, a, b, c, err)
                                                    : product_by_us(p, s, a, b, c, err);
        if (!status)
            status = xt_buffer_read(p->context, c.buffer, 0, d->c, sizeof d->c, err);
        if (status)
            return status;
        if (!is_right(d, s))
            return xt_fail(err, XT_FAILED,
                           "%s (driver %s) multiplies matrices wrongly%s%s: its results cannot be trusted; choose "
                           "another device, or `--engine reference`",
                           p->context->device.name, p->context->device.driver_version,
                           by == XT_PRODUCT_CLBLAST ? " by " : "", by == XT_PRODUCT_CLBLAST ? p->blas.name : "");
    }
    return XT_OK;
}

static xt_status check_products(xt_products *p, xt_err *err)
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
        status = compare(p, XT_PRODUCT_OWN, d, a, b, c, err);
    if (!status && p->blas.library)
        status = compare(p, XT_PRODUCT_CLBLAST, d, a, b, c, err);
    xt_buffer_close(p->context, &a.buffer);
    xt_buffer_close(p->context, &b.buffer);
    xt_buffer_close(p->context, &c.buffer);
    p->context->profile = profile;
    xt_profile_end(profile, "checking products", phase, 0, 0);
    free(d);
    return status;
}

/* ---- open and close ---- */

static xt_status open_clblast(xt_products *p, const xt_product_shape *shapes, size_t n_shapes, xt_err *err)
{
    xt_status status = load(&p->blas, err);
    if (!status)
        status = tune_for_pocl(p, err);
    for (size_t i = 0; !status && i < n_shapes; i++)
        status = grow_temp(p, &shapes[i], err);
    for (size_t i = 0; !status && i < N_CHECKS; i++)
        status = grow_temp(p, &check_shapes[i], err);
    return status ? status : xt_buffer_open(p->context, "CLBlast's workspace", p->temp_bytes, &p->temp, err);
}

xt_status xt_products_open(xt_context *context, cl_program program, const xt_product_shape *shapes, size_t n_shapes,
                           xt_product_by by, xt_products **out, xt_err *err)
{
    bool needs_clblast = false;
    for (size_t i = 0; i < n_shapes; i++)
        needs_clblast |= by_clblast(by, &shapes[i]);
    xt_products *p = calloc(1, sizeof *p);
    if (!p)
        return xt_fail_memory(err, "matrix products", sizeof *p);
    p->context = context;
    p->by = by;
    xt_status status = xt_kernel_open(context, program, "xt_product", &p->own, err);
    if (!status && needs_clblast)
        status = open_clblast(p, shapes, n_shapes, err);
    if (!status)
        status = check_products(p, err);
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
    xt_kernel_close(p->context, &p->own);
    xt_buffer_close(p->context, &p->temp);
    if (p->blas.library) {
        /* Its programs and kernels hold the context; what it enqueued must be
         * over before they go. */
        xt_context_finish(p->context, NULL);
        p->blas.clear_cache();
        dlclose(p->blas.library);
    }
    free(p);
    *products = NULL;
}

const char *xt_products_blas(const xt_products *products)
{
    return products->blas.name;
}

size_t xt_products_bytes(const xt_products *products)
{
    return products->temp_bytes;
}
