/* encode.h: from the rows that were read to what a network takes in: an encoding
 * is fitted to training rows, and rows are encoded by it. */
#ifndef XT_DATA_ENCODE_H
#define XT_DATA_ENCODE_H

#include "data/raw.h"
#include "data/split.h"
#include "model/dataset.h"

/* Everything about the targets, which all rows have a say in: a split does not
 * change the classes. The raw's targets become the indices of classes, where there
 * are classes. XT_BAD_CONFIG, beginning with the key, where the last layer does not
 * suit them. Strings and arrays go to the arena. */
xt_status xt_fit_targets(xt_raw *raw, const xt_spec *spec, xt_arena *arena, xt_encoding *out, xt_err *err);
/* Everything about the inputs, and the rows of each class, from the rows i whose
 * part[i] is XT_PART_TRAIN. The raw's codes become indices of the sorted values.
 * facts gets n_columns, of those rows. */
xt_status xt_fit_inputs(xt_raw *raw, const unsigned char *part, xt_missing missing, xt_normalize normalize,
                        xt_arena *arena, xt_encoding *out, xt_column_facts *facts, xt_err *err);
/* The same facts of the targets. */
xt_status xt_target_facts(const xt_raw *raw, const unsigned char *part, const xt_encoding *encoding,
                          xt_column_facts *facts, xt_err *err);

/* What is wrong with a row that xt_encode_inputs refuses. */
#define XT_TOO_FAR "an input is too far from those that normalize was fitted to: single precision cannot hold it"

/* One row of values (cells.h) as the network's n_inputs; false where one is then beyond single precision. */
bool xt_encode_inputs(const xt_encoding *encoding, const float *values, float *inputs);
/* The rows i whose part[i] is code (part NULL: all) as a data set, without facts. */
xt_status xt_encode_rows(const xt_raw *raw, const unsigned char *part, xt_part_code code, const xt_encoding *encoding,
                         xt_dataset *out, xt_err *err);

#endif
