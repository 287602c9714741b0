/* encoding.h: an encoding as the JSON of a model file's metadata, and back.
 *
 *   {"columns": [{"name": "mass", "fill": 4201.75}, {"name": "island", "values": ["Biscoe", "Dream"]}],
 *    "offset": [..], "scale": [..],               where inputs are normalised: one number an input
 *    "targets": ["species"],
 *    "classes": [..], "class_rows": [..], "classes_are_text": true,     where the target says a class
 *    "n_targets": 3}
 *
 * Numbers have 17 digits: they read back to the same bits. */
#ifndef XT_APP_ENCODING_H
#define XT_APP_ENCODING_H

#include "base/arena.h"
#include "base/err.h"
#include "model/encoding.h"

/* Whether all of it is as model/encoding.h says, names are printable and sizes
 * bounded. XT_BAD_DATA begins with name: the file that it is of. */
xt_status xt_encoding_check(const char *name, const xt_encoding *encoding, xt_err *err);

/* The encoding of columns of numbers that are taken as they are. */
xt_status xt_encoding_plain(const char *const *inputs, size_t n_inputs, const char *const *targets, size_t n_targets,
                            xt_arena *arena, xt_encoding *out, xt_err *err);

/* Whether both make the same inputs and targets of a row. */
bool xt_encoding_same(const xt_encoding *a, const xt_encoding *b);

/* Compact JSON, malloced; NULL without memory. The encoding must be sound. */
char *xt_encoding_print(const xt_encoding *encoding);
/* Reads and checks; what it holds lives in the arena. On failure *out is untouched. */
xt_status xt_encoding_parse(const char *name, const char *text, xt_arena *arena, xt_encoding *out, xt_err *err);

#endif
