/* override.h: KEY=VALUE over a tree. */
#ifndef XT_CONFIG_OVERRIDE_H
#define XT_CONFIG_OVERRIDE_H

#include "config/diag.h"

/* The tree with `value` at the dotted path (elements of lists by index from 0);
 * nodes on the way are copied, mappings made where there are none, a scalar on
 * the way stands for {type: scalar}. NULL when the path leads nowhere, which
 * diags then says. root may be NULL. */
const xt_node *xt_override(xt_diags *diags, const xt_node *root, const char *path, const xt_node *value,
                           xt_place place);

#endif
