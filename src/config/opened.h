/* opened.h: an open configuration, as config.c and space.c know it. */
#ifndef XT_CONFIG_OPENED_H
#define XT_CONFIG_OPENED_H

#include "config/config.h"
#include "config/schema.h"

struct xt_config {
    xt_arena arena;
    xt_diags diags;
    xt_root root;
    const xt_node *tree;     /* all sources, merged, as they were written */
    const xt_node *resolved; /* the whole configuration as a tree with origins */
    char hash[17];
};

/* Decodes the tree into a config whose diags are ready; name is what it is called where it does not say so. What is
 * wrong is in its diags. */
void xt_config_decode(xt_config *config, const xt_node *tree, const char *name);
/* What is left to do once that is all right: defaults by layer, the resolved tree, hash and output directory. */
xt_status xt_config_resolve(xt_config *config, xt_err *err);

#endif
