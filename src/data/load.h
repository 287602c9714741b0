/* load.h: the loading of data.h from bytes that come from anywhere. */
#ifndef XT_DATA_LOAD_H
#define XT_DATA_LOAD_H

#include "data/input.h"

/* As in data.h, the bytes of data.train, of the source or of the rows coming from
 * input, which the caller closes after the call or after the reader. source->file
 * only says which format it is; path likewise. */
xt_status xt_parts_load_input(const xt_spec *spec, xt_input *input, xt_parts *out, xt_err *err);
xt_status xt_data_load_like_input(const xt_source *source, xt_input *input, const xt_encoding *encoding,
                                  xt_dataset *out, xt_err *err);
xt_status xt_rows_open_input(const char *path, xt_input *input, const xt_source *like, const xt_encoding *encoding,
                             xt_rows **out, xt_err *err);

#endif
