/* network.h: what the targets have to suit: the network's last layer. */
#ifndef XT_DATA_NETWORK_H
#define XT_DATA_NETWORK_H

#include "model/spec.h"

bool xt_last_is(const xt_spec *spec, const char *activation);
size_t xt_last_units(const xt_spec *spec);
/* Whether the loss takes probabilities, one an output: binary_cross_entropy. */
bool xt_loss_of_shares(const xt_spec *spec);

#endif
