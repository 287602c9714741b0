#include "data/network.h"

#include "model/ops.h"

#include <string.h>

bool xt_last_is(const xt_spec *spec, const char *activation)
{
    int kind = spec->layers[spec->n_layers - 1].activation.kind;
    return strcmp(xt_table_at(&xt_activations, (size_t)kind)->name, activation) == 0;
}

size_t xt_last_units(const xt_spec *spec)
{
    return spec->layers[spec->n_layers - 1].units;
}

bool xt_loss_of_shares(const xt_spec *spec)
{
    return xt_loss_at(spec->loss.kind)->head == XT_ACT_sigmoid;
}
