/* network.h: what the targets have to suit: the network's last layer. */
#ifndef XT_DATA_NETWORK_H
#define XT_DATA_NETWORK_H

#include "model/spec.h"

bool xt_last_is(const xt_spec *spec, const char *activation);
size_t xt_last_units(const xt_spec *spec);

#endif
