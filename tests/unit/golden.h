/* golden.h: what files of tests/golden hold, as the program has it. */
#ifndef XT_UNIT_GOLDEN_H
#define XT_UNIT_GOLDEN_H

#include "nets.h"

enum { UNIT_MAX_LIST = 16 };

const char *unit_text_at(const json_t *object, const char *key);
/* 0 where there is none. */
double unit_number_at(const json_t *object, const char *key);
size_t unit_length_at(const json_t *object, const char *key);
/* The numbers of an array; the caller frees. */
float *unit_floats_at(const json_t *object, const char *key);
/* {"type": a row's name, PARAMETER: number, name, boolean or list, ...}; other keys are passed over, what is not given
 * is the default. list has the choice's list. */
xt_choice unit_choice(const xt_table *table, const json_t *object, float list[UNIT_MAX_LIST]);

#endif
