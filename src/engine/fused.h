/* fused.h: the fused engine in a form of the caller's choice, for tests and
 * benchmarks; engine.h opens it in the one that suits. */
#ifndef XT_ENGINE_FUSED_H
#define XT_ENGINE_FUSED_H

#include "engine/engines.h"
#include "engine/prelude.h"

typedef enum xt_fused_speciality {
    XT_FUSED_AUTO,    /* the general form, then a specialised one where it pays */
    XT_FUSED_GENERAL, /* never specialised */
    XT_FUSED_SPECIAL  /* from the start; XT_FAILED where there is no such form */
} xt_fused_speciality;

typedef struct xt_fused_wish {
    xt_fused_speciality speciality;
    int width;             /* of the general form: values a vector; 0: what suits the device */
    bool memory_given;     /* memory says where the general form computes, else it is chosen */
    xt_fused_memory memory;
} xt_fused_wish;

/* As an xt_engine_open_fn. */
xt_status xt_fused_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context, const xt_fused_wish *wish,
                           xt_engine **out, xt_err *err);

#endif
