/* emit.h: trees as YAML or JSON text. */
#ifndef XT_CONFIG_EMIT_H
#define XT_CONFIG_EMIT_H

#include "base/buf.h"
#include "config/diag.h"

/* Appends the mapping as block YAML that reads back as the same tree. With
 * origins (whose names diags has) each line ends in a comment that says where
 * its value came from; NULL: none. */
void xt_emit_yaml(const xt_node *map, const xt_diags *origins, xt_buf *out);

/* Appends the tree as YAML in one line, such as stands behind KEY= on a command line. */
void xt_emit_flow(const xt_node *node, xt_buf *out);

/* Appends the tree as one line of strict JSON. */
void xt_emit_json(const xt_node *node, xt_buf *out);

#endif
