/* override.h: a tree over a tree, KEY=VALUE over a tree.
 *
 * Both know by the schema which mappings are a kind with parameters. Where such
 * a mapping becomes one of another `type`, the old kind's parameters go, except
 * what the new one has too: {type: adam} over {type: sgd, learning_rate: 0.1,
 * momentum: 0.9} is {type: adam, learning_rate: 0.1}. */
#ifndef XT_CONFIG_OVERRIDE_H
#define XT_CONFIG_OVERRIDE_H

#include "config/schema.h"

/* Base with overlay's values over it: mappings key by key, everything else
 * replaced, and so is each of sweep.parameters. A scalar under a mapping stands for {type: scalar}, its short form;
 * one of no text, as after `log:`, for nothing. field is the mapping's (the
 * root's: xt_schema_root), NULL where the schema knows none. base may be NULL;
 * NULL without memory. */
const xt_node *xt_merge(xt_arena *arena, const xt_field *field, const xt_node *base, const xt_node *overlay);

/* The tree with `value` at the dotted path (elements of lists by index from 0);
 * nodes on the way are copied, mappings made where there are none, a scalar on
 * the way stands for {type: scalar}. NULL when the path leads nowhere, which
 * diags then says. root may be NULL. */
const xt_node *xt_override(xt_diags *diags, const xt_node *root, const char *path, const xt_node *value,
                           xt_place place);

#endif
