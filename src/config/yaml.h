/* yaml.h: YAML text to a tree. The only user of libyaml.
 *
 * Refused, each with its place: more than one document, tags, NUL, invalid
 * UTF-8, keys given twice, nesting beyond XT_MAX_DEPTH, aliases that expand
 * beyond XT_MAX_NODES nodes. */
#ifndef XT_CONFIG_YAML_H
#define XT_CONFIG_YAML_H

#include "config/diag.h"

enum { XT_MAX_DEPTH = 64, XT_MAX_NODES = 1 << 20, XT_MAX_YAML_BYTES = 1 << 20 };

/* Parses diags->sources[source]. *out becomes the root, NULL for an empty
 * document; false when it is no YAML that could be used, which diags then says.
 * A key given twice is told too, and the first one taken. */
bool xt_yaml_parse(xt_diags *diags, uint32_t source, const xt_node **out);
/* The same of a text that stands in one value: the place is that of all in it. */
bool xt_yaml_parse_at(xt_diags *diags, xt_place place, const char *text, const xt_node **out);

#endif
