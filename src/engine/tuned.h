/* tuned.h: what `tune` found the fastest on a device, as the cache keeps it: the
 * form of tiles on a CPU, on others the way of products (engine/product.h).
 *
 * There is an entry a network (the sizes of its layers, rows of a batch,
 * optimiser) and a general one for all others. Its key holds the device, its
 * driver and the kernels' text, so that what was tuned and verified is what
 * runs. The entry is text, a line a number ("rows=6"), and is read as if
 * anybody had written it. */
#ifndef XT_ENGINE_TUNED_H
#define XT_ENGINE_TUNED_H

#include "engine/tiles.h"
#include "ocl/context.h"

enum { XT_TUNED_FORMAT = 1 }; /* of the text and of the key */

/* ---- tiles ---- */

/* Appends the text of an entry. */
void xt_tuned_print(const xt_tiles *tiles, xt_buf *out);
/* Reads n_bytes of text into *tiles but for its fma, which stays. XT_FAILED says what is wrong, also where the kernels
 * could not be compiled so or take more than local_bytes; *tiles is then as it was. */
xt_status xt_tuned_parse(const char *text, size_t n_bytes, cl_ulong local_bytes, xt_tiles *tiles, xt_err *err);

/* The name of the entry for a network with batches of so many rows; plan NULL: of the general one. The context has a
 * cache. */
xt_status xt_tuned_key(const xt_context *context, const xt_plan *plan, size_t batch_rows, char key[XT_HASH_BYTES],
                       xt_err *err);

/* Whether there is an entry for the network, else a general one; it goes to *tiles as by xt_tuned_parse. What is wrong
 * with one is told with -v, as which one was taken. */
bool xt_tuned_find(const xt_context *context, const xt_plan *plan, size_t batch_rows, xt_tiles *tiles);
/* The same of one entry alone: the network's, or with plan NULL the general one. */
bool xt_tuned_read(const xt_context *context, const xt_plan *plan, size_t batch_rows, xt_tiles *tiles);
/* Writes that entry. The context has a cache. */
xt_status xt_tuned_keep(const xt_context *context, const xt_plan *plan, size_t batch_rows, const xt_tiles *tiles,
                        xt_err *err);

/* ---- the way of products: the same, with *way of xt_product_way, which stays where there is none ---- */

void xt_tuned_print_way(size_t way, xt_buf *out);
xt_status xt_tuned_parse_way(const char *text, size_t n_bytes, size_t *way, xt_err *err);
bool xt_tuned_find_way(const xt_context *context, const xt_plan *plan, size_t batch_rows, size_t *way);
bool xt_tuned_read_way(const xt_context *context, const xt_plan *plan, size_t batch_rows, size_t *way);
xt_status xt_tuned_keep_way(const xt_context *context, const xt_plan *plan, size_t batch_rows, size_t way, xt_err *err);

#endif
