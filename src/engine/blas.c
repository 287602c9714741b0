/* dlinfo: the real name of the library that was found. */
#define _GNU_SOURCE
#include "engine/blas.h"

#include "base/log.h"

#include <clblast_c.h>
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/* CLBlast's functions that are used, by the types that its header gives. */
typedef struct library {
    void *handle;
    char name[64]; /* of the file, without its folder */
    __typeof__(CLBlastSgemmWithTempBuffer) *gemm;
    __typeof__(CLBlastSGemmTempBufferSize) *temp_bytes;
    __typeof__(CLBlastOverrideParameters) *set_parameters;
    __typeof__(CLBlastClearCache) *clear_cache;
} library;

struct xt_blas {
    xt_context *context;
    library lib;
    cl_mem temp; /* its workspace, enough for every shape */
    size_t temp_bytes;
};

/* ---- the library ---- */

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

static xt_status check(const xt_blas *blas, CLBlastStatusCode code, const char *call, xt_err *err)
{
    if (code == CLBlastSuccess)
        return XT_OK;
    return xt_fail(err, XT_FAILED, "%s failed: %s (%d) on %s", call, clblast_name(code), (int)code,
                   blas->context->device.name);
}

/* dlsym gives an object's pointer where ISO C wants a function's. */
static xt_status find(void *handle, const char *name, void *function, size_t bytes, xt_err *err)
{
    void *symbol = dlsym(handle, name);
    if (!symbol)
        return xt_fail(err, XT_FAILED, "the CLBlast library has no %s: it is older than 1.5 (Debian's package is "
                                       "libclblast1)",
                       name);
    memcpy(function, &symbol, bytes);
    return XT_OK;
}

static void name_library(library *lib)
{
    struct link_map *map = NULL;
    char *path = dlinfo(lib->handle, RTLD_DI_LINKMAP, &map) == 0 && map ? realpath(map->l_name, NULL) : NULL;
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : "libclblast";
    size_t n = strnlen(name, sizeof lib->name - 1);
    memcpy(lib->name, name, n);
    lib->name[n] = '\0';
    free(path);
}

static xt_status load(library *out, xt_err *err)
{
    library lib = {0};
    xt_status status;
    /* NODELETE: its C++ runtime state is not made for being unloaded. */
    lib.handle = dlopen("libclblast.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!lib.handle)
        lib.handle = dlopen("libclblast.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!lib.handle)
        return xt_fail(err, XT_FAILED, "CLBlast does not load: %s (on Debian, `apt install libclblast1` installs it)",
                       dlerror());
#define FIND(member, name) \
    if ((status = find(lib.handle, name, &lib.member, sizeof lib.member, err)) != XT_OK) \
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
        dlclose(lib.handle);
    else
        *out = lib;
    return status;
}

/* ---- its parameters ---- */

/* CLBlast's parameters are the process's, and what it ships does not come back. */
static struct {
    cl_device_id device;
    const xt_blas_set *set; /* NULL: none was given to it */
} given;

/* The set's, and that all products go to the kernel that they are of: what CLBlast would choose for small ones is not
 * checked then, and its compilation takes PoCL 40 s. */
static xt_status give(const xt_blas *blas, const xt_blas_set *set, xt_err *err)
{
    const char *routine[] = {"XGEMM_MIN_INDIRECT_SIZE"}, *names[XT_BLAS_PARAMETERS];
    const size_t always[] = {1};
    cl_device_id id = blas->context->device.id;
    memcpy(names, xt_blas_parameters, sizeof names);
    given.device = id;
    given.set = set;
    xt_status status = check(blas, blas->lib.set_parameters(id, "Xgemm", CLBlastPrecisionSingle, XT_BLAS_PARAMETERS,
                                                            names, set->values),
                             "CLBlastOverrideParameters", err);
    if (status)
        return status;
    return check(blas, blas->lib.set_parameters(id, "GemmRoutine", CLBlastPrecisionSingle, 1, routine, always),
                 "CLBlastOverrideParameters", err);
}

static xt_status set_up(const xt_blas *blas, const xt_blas_set *set, xt_err *err)
{
    const xt_device *device = &blas->context->device;
    bool was_given = given.set && given.device == device->id;
    if (!set->overrides && was_given)
        return xt_fail(err, XT_FAILED, "CLBlast has the set %s for the rest of this process: %s is gone",
                       given.set->row.name, set->row.name);
    if (!xt_blas_set_fits(set, device))
        return xt_fail(err, XT_FAILED, "%s has not the work-items or the local memory for CLBlast's set %s", device->name,
                       set->row.name);
    return set->overrides ? give(blas, set, err) : XT_OK;
}

/* ---- products ---- */

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
static xt_status grow_temp(xt_blas *blas, const xt_product_shape *s, xt_err *err)
{
    size_t bytes = 0;
    CLBlastStatusCode code = blas->lib.temp_bytes(CLBlastLayoutRowMajor, flag(s->transpose_a), flag(s->transpose_b),
                                                  s->m, s->n, s->k, 1, row_of_a(s), 1, row_of_b(s), 1, s->n,
                                                  &blas->context->queue, &bytes);
    if (bytes > blas->temp_bytes)
        blas->temp_bytes = bytes;
    return check(blas, code, "CLBlastSGemmTempBufferSize", err);
}

/* At most: copies of a, b and c that pad or transpose, the product, a copy back. */
enum { CLBLAST_COMMANDS = 5 };

/* CLBlast gives the event of its last command alone, which may be a copy: a profile has all from a marker to that. */
xt_status xt_blas_product(xt_blas *blas, const xt_product_shape *s, xt_floats a, xt_floats b, xt_floats c, xt_err *err)
{
    cl_event from = NULL, last = NULL;
    xt_status status = xt_context_begin(blas->context, &from, err);
    if (status)
        return status;
    CLBlastStatusCode code = blas->lib.gemm(CLBlastLayoutRowMajor, flag(s->transpose_a), flag(s->transpose_b), s->m,
                                            s->n, s->k, 1.0f, a.buffer, a.at, row_of_a(s), b.buffer, b.at, row_of_b(s),
                                            0.0f, c.buffer, c.at, s->n, &blas->context->queue, from ? &last : NULL,
                                            blas->temp);
    xt_context_took(blas->context, from, last, "CLBlast", xt_product_work(s));
    status = check(blas, code, "CLBlastSgemmWithTempBuffer", err);
    return status ? status : xt_context_queued(blas->context, CLBLAST_COMMANDS, err);
}

/* ---- open and close ---- */

xt_status xt_blas_open(xt_context *context, size_t set, const xt_product_shape *shapes, size_t n_shapes, xt_blas **out,
                       xt_err *err)
{
    xt_blas *blas = calloc(1, sizeof *blas);
    if (!blas)
        return xt_fail_memory(err, "CLBlast", sizeof *blas);
    blas->context = context;
    xt_status status = load(&blas->lib, err);
    if (!status)
        status = set_up(blas, (const xt_blas_set *)xt_table_at(&xt_blas_sets, set), err);
    for (size_t i = 0; !status && i < n_shapes; i++)
        status = grow_temp(blas, &shapes[i], err);
    if (!status)
        status = xt_buffer_open(context, "CLBlast's workspace", blas->temp_bytes, &blas->temp, err);
    if (status)
        xt_blas_close(&blas);
    else
        *out = blas;
    return status;
}

void xt_blas_close(xt_blas **blas)
{
    xt_blas *b = *blas;
    if (!b)
        return;
    if (b->lib.handle) {
        /* Its programs and kernels hold the context; what it enqueued must be
         * over before they go. */
        xt_context_finish(b->context, NULL);
        b->lib.clear_cache();
        dlclose(b->lib.handle);
    }
    xt_buffer_close(b->context, &b->temp);
    free(b);
    *blas = NULL;
}

const char *xt_blas_name(const xt_blas *blas)
{
    return blas->lib.name;
}

size_t xt_blas_bytes(const xt_blas *blas)
{
    return blas->temp_bytes;
}
