/* diag.h: what is wrong with a configuration, all of it, with the place.
 *
 *     xor.yaml:12:3: optimizer.momentun: unknown key; did you mean momentum?
 *        12 |   momentun: 0.9
 *           |   ^
 * Sources are registered first; the texts must outlive the diags. */
#ifndef XT_CONFIG_DIAG_H
#define XT_CONFIG_DIAG_H

#include "base/buf.h"
#include "base/err.h"
#include "config/tree.h"

enum { XT_MAX_DIAGS = 20 };

typedef struct xt_source_text {
    const char *name;  /* the file's path, "--set KEY=VALUE", ... */
    const char *text;
    size_t n_bytes;
    bool has_lines;    /* worth showing; not of a --set */
    bool is_file;      /* paths in it are relative to its directory */
} xt_source_text;

typedef struct xt_diags {
    xt_arena *arena;
    const xt_source_text *sources;
    size_t n_shown, n_total;
    bool no_memory; /* what is shown may follow from that alone */
    struct {
        xt_place place;
        const char *text;
    } shown[XT_MAX_DIAGS];
} xt_diags;

/* Adds a message; beyond XT_MAX_DIAGS it is only counted. */
void xt_diag(xt_diags *diags, xt_place place, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Memory was missing: no mistake of a configuration's, and all that is told. */
void xt_diag_memory(xt_diags *diags);

/* XT_OK when there are none, else XT_BAD_CONFIG with all of them in err, in
 * the order of sources and lines. XT_FAILED where memory was missing. */
xt_status xt_diags_finish(xt_diags *diags, xt_err *err);

/* Appends "file:12", "--set ..." or "default". */
void xt_place_describe(const xt_diags *diags, xt_place place, xt_buf *out);

#endif
