/* Any bytes as trials.csv: refused with a message and left as they are, or taken up; then rows before, among and behind
 * those that are there are added, and what is read again is all of them. */
#include "app/trials.h"
#include "base/file.h"
#include "base/log.h"

#include "fuzz.h"

#include <string.h>
#include <unistd.h>

static xt_err err;
static char path[64], directory[] = "/tmp/xt-fuzz-trials.XXXXXX";
static const char *const columns[] = {"trial", "a \"key\"", "loss"};

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
    snprintf(path, sizeof path, "%s/trials.csv", directory);
    atexit(remove_directory);
    xt_log_set(XT_QUIET);
}

/* Counts rows, which come in their order, each with its cells. */
typedef struct seen {
    size_t n;
    uint64_t last;
} seen;

static xt_status visit(void *context, uint64_t trial, const char *cells, xt_err *unused)
{
    seen *all = context;
    (void)unused;
    REQUIRE(!all->n || trial > all->last);
    REQUIRE(strlen(xt_strings_skip(cells, 1)) < 5000 && strlen(xt_strings_skip(cells, 2)) < 5000);
    all->n++;
    all->last = trial;
    return XT_OK;
}

static xt_status open_table(xt_trials_done *done, seen *all, xt_trials *out)
{
    xt_status status = xt_trials_open(path, columns, sizeof columns / sizeof columns[0], done, visit, all, out, &err);
    REQUIRE(status == XT_OK || status == XT_BAD_USAGE);
    REQUIRE(status || done->n == all->n);
    return status;
}

static void add(xt_trials *trials)
{
    static const char *const numbers[] = {"4000000000", "0", "5", "5000000000"};
    xt_strings rows = {0};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        xt_strings_add(&rows, numbers[i]);
        xt_strings_add(&rows, "fuzz, \"quoted\"\nand long");
        xt_strings_add(&rows, "");
        if (i % 2) {
            REQUIRE(xt_trials_add(trials, &rows, &err) == XT_OK);
            xt_strings_reset(&rows);
        }
    }
    xt_strings_clear(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    xt_buf now = {0};
    xt_trials trials;
    xt_trials_done before = {0}, after = {0};
    seen all = {0}, more = {0};
    enter();
    FILE *file = fopen(path, "wb");
    REQUIRE(file && fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0);
    if (open_table(&before, &all, &trials)) {
        REQUIRE(xt_file_read(path, 1 << 24, XT_FAILED, &now, &err) == XT_OK);
        REQUIRE(now.len == n_bytes && memcmp(xt_buf_text(&now), bytes, n_bytes) == 0);
        xt_buf_clear(&now);
        return 0;
    }
    add(&trials);
    xt_trials_close(&trials);
    REQUIRE(open_table(&after, &more, &trials) == XT_OK);
    xt_trials_close(&trials);
    static const uint64_t added[] = {4000000000, 0, 5, 5000000000};
    size_t n_new = 0;
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        REQUIRE(xt_trials_has(&after, added[i]));
        n_new += !xt_trials_has(&before, added[i]);
    }
    for (size_t i = 0; i < before.n; i++)
        REQUIRE(xt_trials_has(&after, before.at[i]));
    REQUIRE(after.n == before.n + n_new);
    xt_trials_done_clear(&before);
    xt_trials_done_clear(&after);
    return 0;
}
