#include "model/spec.h"

#define ROW(name, help) {#name, help},
static const xt_row engine_rows[] = {{"auto", "the engine that suits the network and the device"}, XT_ENGINES(ROW)};
#undef ROW

#define ROW(code, name, help) {#name, help},
static const xt_row format_rows[] = {{"auto", "by the ending of the file's name; csv where that says nothing"},
                                     XT_FORMATS(ROW)};
#undef ROW

const xt_table xt_engine_names = XT_TABLE("engine", engine_rows);
const xt_table xt_format_names = XT_TABLE("format", format_rows);
