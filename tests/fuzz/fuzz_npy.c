/* Any bytes as NPY: see arrays.h. */
#include "arrays.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    fuzz_array(XT_FORMAT_NPY, bytes, n_bytes);
    return 0;
}
