/* Any bytes as the progress of a checkpoint: refused with a message, or a moment that prints and reads back as it is. */
#include "app/moment.h"
#include "config/config.h"

#include "fuzz.h"

#include <string.h>

static const char yaml[] = "data: {train: {inputs: [[0, 1], [1, 0]], targets: [0, 1]}, validation: {split: 0.5}}\n"
                           "model: {layers: [{units: 1, activation: sigmoid}]}\n"
                           "optimizer: {type: sgd, learning_rate: 0.1}\n"
                           "schedule: {type: plateau, factor: 0.5, patience: 2}\n"
                           "metrics: [accuracy, mae]\n"
                           "early_stopping: {patience: 3}\n"
                           "stop_when: {loss: {below: 0.01}}\n"
                           "train: {epochs: 50}\n";
static xt_err err;

/* Numbers in JSON come back to the bit, so texts can be compared. */
static void print(const xt_moment *moment, const xt_circumstances *now, xt_buf *out)
{
    REQUIRE(xt_moment_print(moment, now, out, &err) == XT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static xt_config *config;
    const xt_config_source source = {XT_CONFIG_TEXT, yaml, "fuzz"};
    static const xt_engine_facts facts = {.engine = "reference", .device = "host"};
    static const xt_dataset train = {.n_rows = 1, .origin = "inline"}, validation = {.n_rows = 1, .origin = "inline"};
    const xt_circumstances now = {&train, &validation, NULL, &facts};
    xt_buf data = {0}, engine = {0}, first = {0}, second = {0};
    xt_moment moment = {.epoch = 77}, again;
    if (!config)
        REQUIRE(xt_config_open(&source, 1, &config, &err) == XT_OK);
    char *text = calloc(n_bytes + 1, 1);
    REQUIRE(text);
    if (n_bytes)
        memcpy(text, bytes, n_bytes);
    if (xt_moment_parse("fuzz", text, xt_config_spec(config), &now, &moment, &data, &engine, &err)) {
        REQUIRE(err.status == XT_BAD_DATA && err.text[0] && moment.epoch == 77);
    } else {
        REQUIRE(moment.last.epoch == moment.epoch && moment.control.best_epoch <= moment.epoch);
        print(&moment, &now, &first);
        xt_buf_reset(&data);
        xt_buf_reset(&engine);
        REQUIRE(xt_moment_parse("again", first.data, xt_config_spec(config), &now, &again, &data, &engine, &err) == XT_OK);
        REQUIRE(!data.len && !engine.len);
        print(&again, &now, &second);
        REQUIRE(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    }
    free(text);
    xt_buf_clear(&data);
    xt_buf_clear(&engine);
    xt_buf_clear(&first);
    xt_buf_clear(&second);
    return 0;
}
