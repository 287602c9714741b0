/* Any bytes as a summary: refused with a message and left as they are, or a row is appended, and then another one that
 * fits. */
#include "app/summary.h"
#include "base/file.h"
#include "base/log.h"

#include "fuzz.h"

#include <string.h>
#include <unistd.h>

static xt_err err;
static char path[64], directory[] = "/tmp/xt-fuzz-summary.XXXXXX";

static void remove_directory(void)
{
    unlink(path);
    rmdir(directory);
}

static void enter(void)
{
    if (path[0])
        return;
    REQUIRE(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/runs.csv", directory);
    atexit(remove_directory);
    xt_log_set(XT_QUIET);
}

static xt_status append(void)
{
    xt_summary_row row = {0};
    xt_summary_set(&row, "run", "fuzz, \"quoted\"\nand long");
    xt_summary_set(&row, "a column", "");
    xt_status status = xt_summary_append(path, &row, &err);
    xt_summary_clear(&row);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    xt_buf now = {0};
    enter();
    FILE *file = fopen(path, "wb");
    REQUIRE(file && fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0);
    xt_status status = append();
    REQUIRE(xt_file_read(path, 1 << 24, XT_FAILED, &now, &err) == XT_OK);
    if (status) {
        REQUIRE(status == XT_BAD_USAGE && now.len == n_bytes && memcmp(xt_buf_text(&now), bytes, n_bytes) == 0);
    } else {
        size_t before = now.len;
        REQUIRE(now.data[now.len - 1] == '\n' && append() == XT_OK);
        xt_buf_reset(&now);
        REQUIRE(xt_file_read(path, 1 << 24, XT_FAILED, &now, &err) == XT_OK && now.len > before);
    }
    xt_buf_clear(&now);
    return 0;
}
