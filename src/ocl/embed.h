/* embed.h: the kernel sources of cl/, as the build put them into the program. */
#ifndef XT_OCL_EMBED_H
#define XT_OCL_EMBED_H

#include <stddef.h>

typedef struct xt_cl_file {
    const char *name; /* "dense.cl" */
    const char *text; /* NUL-terminated */
    size_t n_bytes;   /* without the NUL */
} xt_cl_file;

/* Sorted by name. Generated. */
extern const xt_cl_file xt_cl_files[];
extern const size_t xt_n_cl_files;

#endif
