/* tune.h: finds how the gemm engine multiplies fastest on a device, for a
 * network, and keeps it (engine/tuned.h).
 *
 * Each form is compiled, verified (engine/verify.h), then measured against the
 * best one so far (engine/race.h). Here are those of tiles, for CPU devices;
 * engine/tune_ways.h has the others. */
#ifndef XT_ENGINE_TUNE_H
#define XT_ENGINE_TUNE_H

#include "engine/race.h"
#include "engine/tiles.h"

typedef enum xt_tune_verdict {
    XT_TUNE_SUITS,      /* what is used without tuning: the measure of the others */
    XT_TUNE_FASTER,     /* the best so far */
    XT_TUNE_NOT_FASTER,
    XT_TUNE_OTHER_BITS, /* results would change */
    XT_TUNE_WRONG,      /* the device computes wrongly */
    XT_TUNE_FAILED      /* it did not compile or run */
} xt_tune_verdict;

typedef struct xt_tuned_form {
    xt_tiles tiles;  /* or of tune_ways.h, a way of xt_product_way: */
    size_t way;
    char words[128]; /* all of it */
    xt_tune_verdict verdict;
    double rate;  /* training rows a second; 0 where it was not measured */
    double ratio; /* to that of the form that suits the device; likewise */
} xt_tuned_form;

/* Runs work(of, record) in a process of its own, which is to fill n_bytes of record, and waits for it, `seconds` at most,
 * or until *stop is other than 0. XT_FAILED says how that process ended, where it did not come to a whole record. */
typedef xt_status xt_apart_fn(void (*work)(const void *of, void *record), const void *of, double seconds,
                              const volatile sig_atomic_t *stop, void *record, size_t n_bytes, xt_err *err);

typedef struct xt_tune_job {
    const xt_plan *plan; /* with the rows of its batches in spec->batch_size */
    const char *device;  /* base/request.h */
    bool general;        /* what is found is for all networks that have no entry of their own */
    double until;        /* xt_seconds() after which no form is begun but the first beside that which suits */
    const volatile sig_atomic_t *stop; /* other than 0: ends likewise, the one in hand is dropped */
    /* Are told of a form before it is compiled, and of what came of it, with a reason where it is not
     * XT_TUNE_NOT_FASTER or better. */
    void (*begin)(void *teller, const char *words, size_t number);
    void (*tell)(void *teller, const xt_tuned_form *form, const char *why);
    void *teller;
    xt_apart_fn *apart; /* of tune_ways.h alone */
} xt_tune_job;

typedef struct xt_tune_result {
    xt_device device;
    xt_tuned_form best;
    size_t n_measured; /* besides the one that suits */
    bool complete;     /* nothing was left to try */
    bool kept;         /* n_measured is not 0; of tune_ways.h, nor was it interrupted */
    xt_engine_code chosen; /* the engine that `auto` takes for such a network and batch */
} xt_tune_result;

/* XT_FAILED where there is no cache, or the gemm engine does not multiply by tiles on the device; XT_DIFFERS where
 * already the form that suits it computes wrongly. */
xt_status xt_tune(const xt_tune_job *job, xt_tune_result *result, xt_err *err);

#endif
