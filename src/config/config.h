/* config.h: from YAML files and KEY=VALUE overrides to an xt_spec.
 *
 * Sources are parsed to trees, merged in order (mappings key by key; scalars
 * and lists replace), and decoded through one schema table (schema.h), which
 * also prints, documents and types. Every error of every source is reported
 * at once (at most 20), each with file, line, column, the source line and a
 * caret, what was expected, and the nearest valid name. */
#ifndef XT_CONFIG_CONFIG_H
#define XT_CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "model/spec.h"

typedef enum xt_config_kind {
    XT_CONFIG_FILE, /* text is a path, "-" standard input */
    XT_CONFIG_SET,   /* text is KEY=VALUE, VALUE is YAML */
    XT_CONFIG_VALUE, /* text is KEY=VALUE, VALUE is one value as it stands: no YAML, no quotes */
    XT_CONFIG_SWEEP, /* text is KEY=SPEC: what KEY takes in sweep.parameters (docs/CONFIG.md), in place of what stood there */
    XT_CONFIG_TEXT   /* text is YAML (a model's own configuration) */
} xt_config_kind;

typedef struct xt_config_source {
    xt_config_kind kind;
    const char *text;
    const char *label; /* what messages call it, such as "--seed 3"; a file's is its path */
} xt_config_source;

typedef struct xt_config xt_config;

/* Parses, merges and decodes. On failure *out is untouched and err says
 * everything that is wrong: XT_BAD_CONFIG, or XT_FAILED where a file cannot
 * be read. The texts need to live only for the call. */
xt_status xt_config_open(const xt_config_source *sources, size_t n_sources, xt_config **out, xt_err *err);
void xt_config_close(xt_config **config);

/* Owned by the config. */
const xt_spec *xt_config_spec(const xt_config *config);
/* What {hash} stands for: 16 hex digits. Owned by the config. */
const char *xt_config_hash(const xt_config *config);

/* Gives a message that begins with a key ("model.layers.1.units: ...") the place
 * where that key was written, with its line and a caret; others stay. For what
 * shows only when the data is there. */
void xt_config_locate(const xt_config *config, xt_err *err);

/* Appends the resolved configuration as YAML that xortrain reads back to the
 * same spec. With origins, each line ends in "# file:line", "# --set ..." or
 * "# default". */
void xt_config_print(const xt_config *config, bool origins, xt_buf *out);
/* The same as one JSON object. */
void xt_config_print_json(const xt_config *config, xt_buf *out);

/* For a training that `was` began and `now` is to go on with: appends a line for each key that differs, "train.batch_size:
 * 8, was 4", to refused where it must not, and to changed where what comes will not be what one run from the start
 * would have come to; at most 20 each. What no result depends on is in neither. */
void xt_config_compare(const xt_config *now, const xt_config *was, xt_buf *refused, xt_buf *changed);

/* The resolved configuration as a tree (config/tree.h), owned by the config. */
const struct xt_node *xt_config_tree(const xt_config *config);

/* The reference of all keys as Markdown, from the schema (docs/CONFIG.md). */
void xt_config_document(xt_buf *out);

#endif
