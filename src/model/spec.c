#include "model/spec.h"

#define ROW(name, help) {#name, help},
static const xt_row engine_rows[] = {{"auto", "the engine that suits the network and the device"}, XT_ENGINES(ROW)};
#undef ROW

const xt_table xt_engine_names = XT_TABLE("engine", engine_rows);
