/* compiler.h: what a compiled program depends on, as the key of the cache.
 *
 * Whatever may change the code a driver makes belongs into the key; too much
 * in it costs one compilation, too little is a wrong program. */
#ifndef XT_OCL_COMPILER_H
#define XT_OCL_COMPILER_H

#include "base/hash.h"
#include "ocl/device.h"

/* The options of every program. */
extern const char xt_compiler_options[];

/* Everything but the text: this program's version and its options, what the
 * device, its driver and its platform say of themselves, the processor where it
 * is the device, and the environment variables that drivers compile by. */
xt_status xt_compiler_hash(const xt_device *device, char hex[XT_HASH_BYTES], xt_err *err);

/* The key of a program: that hash and its text. */
xt_status xt_compiler_key(const char *compiler, const char *text, size_t n_bytes, char key[XT_HASH_BYTES],
                          xt_err *err);

/* Adds the variables of environ that change what drivers compile, in an order
 * of their own. */
xt_status xt_compiler_add_environment(xt_hash *hash, char *const *environment, xt_err *err);

#endif
