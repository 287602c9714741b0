/* moment.h: where a training stands between two epochs, but for its floats.
 *
 * With the floats that is all there is: what comes after depends on nothing
 * else, since random numbers, shuffles and schedules are functions of seed and epoch. A
 * checkpoint has it as its `progress`, a JSON object. */
#ifndef XT_APP_MOMENT_H
#define XT_APP_MOMENT_H

#include "app/control.h"
#include "app/json.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "model/dataset.h"

enum { XT_CHANGES_BYTES = 4096 };

typedef struct xt_moment {
    uint32_t epoch;        /* completed */
    double seconds;        /* of training until then, as loss.csv has them */
    xt_control control;
    xt_run_row last, best; /* what the record has of them */
    uint32_t csv_first;    /* the epoch of loss.csv's first row: 1 but where a checkpoint was taken elsewhere */
    char loss_hash[XT_HASH_BYTES]; /* of the loss column's texts until then, each with LF */
    uint32_t resumed;      /* how often the training was resumed */
    char changes[XT_CHANGES_BYTES]; /* settings that were changed then, "epoch 100: optimizer.learning_rate: 0.1, was 0.2";
                                       a line each; "" */
} xt_moment;

/* What a moment holds true for: the rows that were trained on and measured (NULL: none), and the engine. */
typedef struct xt_circumstances {
    const xt_dataset *train, *validation, *test;
    const xt_engine_facts *facts;
} xt_circumstances;

/* Appends the JSON. Numbers come back to the bit. */
xt_status xt_moment_print(const xt_moment *moment, const xt_circumstances *now, xt_buf *out, xt_err *err);

/* Reads it back; spec is that of the run which goes on and must outlive out. Appends a line to `data` for each part
 * whose rows are others than now ("data.train: ..."), and to `engine` for what is not the same of the engine and the
 * device. XT_BAD_DATA, with name, for what is no such object. */
xt_status xt_moment_parse(const char *name, const char *text, const xt_spec *spec, const xt_circumstances *now,
                          xt_moment *out, xt_buf *data, xt_buf *engine, xt_err *err);

/* Appends a line for each of engine, device, platform, driver and products that is not what the JSON object `saved` says. */
void xt_engine_differences(const json_t *saved, const xt_engine_facts *now, xt_buf *out);

#endif
