/* Any bytes as the loss.csv of an interrupted run: refused with a message, or rows that are kept, which by themselves
 * are read to the same. */
#include "app/loss_csv.h"
#include "app/rows.h"

#include "scratch.h"

#include <string.h>

static xt_err err;

static xt_status check(int fd, const xt_spec *spec, uint32_t epoch, char hex[XT_HASH_BYTES], uint64_t *kept)
{
    xt_hash *losses = NULL;
    REQUIRE(xt_hash_open(&losses, &err) == XT_OK);
    xt_status status = xt_loss_csv_check(fd, "fuzz", spec, 1, epoch, losses, kept, &err);
    xt_hash_hex(losses, hex);
    xt_hash_close(&losses);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    xt_spec spec = {.epochs = 100, .validation = {.given = true}};
    char hex[XT_HASH_BYTES], again[XT_HASH_BYTES];
    uint64_t kept = 0, kept_again = 0;
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        if (check(scratch_file(bytes, n_bytes), &spec, epoch, hex, &kept)) {
            REQUIRE(err.status == XT_BAD_DATA && err.text[0]);
            continue;
        }
        REQUIRE(kept <= n_bytes && kept > 0 && bytes[kept - 1] == '\n');
        REQUIRE(check(scratch_file(bytes, kept), &spec, epoch, again, &kept_again) == XT_OK);
        REQUIRE(kept_again == kept && strcmp(hex, again) == 0);
    }
    return 0;
}
