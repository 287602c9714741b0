/* input.h: where the bytes of a table come from: a file, standard input, memory.
 *
 * Only src/data and its tests use it. A new kind of source (a compressed file)
 * is a new `read`. */
#ifndef XT_DATA_INPUT_H
#define XT_DATA_INPUT_H

#include "data/data.h"

#include <stddef.h>

typedef struct xt_input {
    const char *name; /* for messages */
    /* Up to n_bytes bytes; how many they were, 0 at the end, -1 with errno. */
    ptrdiff_t (*read)(struct xt_input *input, void *bytes, size_t n_bytes);
    int fd;                  /* a file, else -1 */
    const char *bytes;       /* memory: what is left of it */
    size_t n_bytes;
} xt_input;

/* A file, or standard input for "-". path must outlive the input. */
xt_status xt_input_open(const char *path, xt_input *out, xt_err *err);
/* Bytes that the caller keeps. Nothing to close. */
xt_input xt_input_of_memory(const char *name, const void *bytes, size_t n_bytes);
/* Closes what was opened; standard input stays open. A zeroed input is fine. */
void xt_input_close(xt_input *input);

/* As xt_data_load and xt_rows_open, the bytes coming from input, which the
 * caller closes after the call or after the reader. source->file only says
 * whether the format is TSV; path likewise. */
xt_status xt_data_load_input(const xt_source *source, xt_input *input, xt_dataset *out, xt_err *err);
xt_status xt_rows_open_input(const char *path, xt_input *input, const xt_source *like, const char *const *names,
                             size_t n_names, xt_rows **out, xt_err *err);

#endif
