/* tune_ways.h: tune.h for devices on which the gemm engine multiplies by
 * CLBlast: which set of its parameters is the fastest for a network there, or
 * whether tiles of our own are.
 *
 * CLBlast's parameters hold for a whole process, so each way (engine/product.h)
 * is verified and measured in one of its own, and this one opens nothing of
 * OpenCL before all are known. So they cannot take turns; of ways that seem
 * faster the fastest is held against what suits twice more. */
#ifndef XT_ENGINE_TUNE_WAYS_H
#define XT_ENGINE_TUNE_WAYS_H

#include "engine/product.h"
#include "engine/tune.h"

/* What a process of its own finds out of a device. */
typedef struct xt_ways_found {
    bool by_tiles; /* gemm multiplies by tiles there: xt_tune is for it */
    size_t suits;  /* the way that is taken without tuning */
    size_t kept;   /* the one that was found before, else XT_PRODUCT_WAYS */
} xt_ways_found;

/* XT_NO_DEVICE, or XT_FAILED where there is no cache; as of xt_apart_fn too. */
xt_status xt_ways_find(const xt_tune_job *job, xt_ways_found *out, xt_err *err);

/* As xt_tune. A way that crashes, hangs or computes wrongly, that which suits among them, is told and is none. */
xt_status xt_tune_ways(const xt_tune_job *job, const xt_ways_found *found, xt_tune_result *result, xt_err *err);

/* What a process of its own hands back, byte by byte. */
enum { XT_WAY_MARK = 0x77617973 };
typedef struct xt_way_record {
    uint32_t mark;   /* XT_WAY_MARK */
    uint32_t status; /* of xt_status; other than XT_OK: why says it */
    char why[XT_ERR_BYTES];
    double rate;     /* rows a second, of a measurement */
    xt_ways_found found; /* else */
} xt_way_record;
/* XT_FAILED where it is none, else its status. */
xt_status xt_way_record_check(const xt_way_record *record, bool measured, xt_err *err);

#endif
