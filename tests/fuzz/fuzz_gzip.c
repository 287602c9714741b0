/* Any bytes as an input that may be compressed: what comes out does not depend on
 * how much is asked for at a time, nor on how the bytes arrive. */
#include "base/buf.h"
#include "data/input.h"

#include "fuzz.h"

#include <string.h>

static xt_err err;

enum { MAX_BYTES = 1 << 23 };

/* Up to three bytes at a time, as a slow pipe gives them. */
static xt_status fetch_few(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *fault)
{
    (void)fault;
    size_t n = input->n_bytes - input->n_stored;
    n = n < 3 ? n : 3;
    n = n < n_bytes ? n : n_bytes;
    if (n)
        memcpy(bytes, input->bytes + input->n_stored, n);
    *n_fetched = n;
    return XT_OK;
}

static xt_status read_all(xt_input *input, size_t step, xt_buf *out)
{
    static char bytes[65536];
    xt_status status = XT_OK;
    size_t n = 1;
    while (!status && n && out->len < MAX_BYTES) {
        status = xt_input_read(input, bytes, step, &n, &err);
        if (status)
            REQUIRE(status == XT_BAD_DATA && status == err.status && strncmp(err.text, "fuzz: byte ", 11) == 0);
        else
            REQUIRE(n <= step);
        if (!status)
            xt_buf_add(out, bytes, n);
    }
    REQUIRE(out->len >= MAX_BYTES || status || input->n_stored == input->n_bytes);
    xt_input_close(input);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    xt_buf out = {0}, again = {0};
    xt_input input = xt_input_of_memory("fuzz", bytes, n_bytes);
    xt_status status = read_all(&input, 65536, &out);
    input = (xt_input){.name = "fuzz", .fetch = fetch_few, .fd = -1, .bytes = (const char *)bytes, .n_bytes = n_bytes};
    xt_status status_again = read_all(&input, 61, &again);
    REQUIRE(!out.failed && !again.failed);
    if (out.len < MAX_BYTES && again.len < MAX_BYTES) {
        REQUIRE(status == status_again);
        /* A failure may come with more or fewer bytes before it. */
        size_t n = out.len < again.len ? out.len : again.len;
        REQUIRE(status || out.len == again.len);
        REQUIRE(!n || memcmp(out.data, again.data, n) == 0);
    }
    if (!status && !(n_bytes >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B))
        REQUIRE(out.len == n_bytes && (!n_bytes || memcmp(out.data, bytes, n_bytes) == 0));
    xt_buf_clear(&out);
    xt_buf_clear(&again);
    return 0;
}
