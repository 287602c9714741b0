/* Any bytes as a run.json: refused with a message, or a record whose configuration is text that can be read. */
#include "app/recorded.h"
#include "config/config.h"

#include "scratch.h"

#include <string.h>

static xt_err err;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const xt_engine_facts facts = {.engine = "reference", .device = "host"};
    static const xt_dataset train = {.n_rows = 4, .origin = "inline"};
    const xt_circumstances now = {&train, NULL, NULL, &facts};
    const char *path = scratch_path(scratch_file(bytes, n_bytes));
    xt_recorded recorded = {.epochs = 77};
    xt_buf data = {0}, engine = {0};
    if (xt_recorded_open(path, &recorded, &err)) {
        REQUIRE(err.status == XT_BAD_DATA && err.text[0] && recorded.epochs == 77 && !recorded.inside);
        return 0;
    }
    REQUIRE(recorded.version && recorded.status && recorded.engine && recorded.loss_hash && recorded.config.len);
    const xt_config_source source = {XT_CONFIG_TEXT, xt_buf_text(&recorded.config), "fuzz"};
    xt_config *config = NULL;
    if (xt_config_open(&source, 1, &config, &err))
        REQUIRE(err.text[0]);
    xt_config_close(&config);
    if (xt_recorded_compare(&recorded, path, &now, &data, &engine, &err))
        REQUIRE(err.status == XT_BAD_DATA && err.text[0]);
    xt_buf_clear(&data);
    xt_buf_clear(&engine);
    xt_recorded_close(&recorded);
    REQUIRE(!recorded.inside);
    return 0;
}
