/* exports.h: models to export, and C files compiled and loaded. */
#ifndef XT_UNIT_EXPORTS_H
#define XT_UNIT_EXPORTS_H

#include "app/export.h"
#include "cases.h"

/* What is exported as C, once loaded. */
typedef void unit_predict(const float *inputs, float *outputs);
typedef void unit_predict_with(const float *inputs, float *outputs, float *scratch);
typedef int unit_class_of(const float *outputs);

/* A function by its address as an object, which ISO C has no cast for. */
#define UNIT_FUNCTION(type, from) (*(type **)(void *)&(void *){(from)})

/* Whether the compiler can be called. */
bool unit_export_has(const char *compiler);
/* The text compiled by gcc or clang, every warning an error, and loaded; for dlclose. Fails the test otherwise. */
void *unit_export_load(const char *compiler, const xt_buf *text);
/* NAME_WHAT of a loaded library; NULL where it has none. */
void *unit_export_symbol(void *library, const char *name, const char *what);

/* A model without a file. Points into itself: not to be copied. */
typedef struct unit_model {
    xt_spec spec;
    xt_layer layers[2];
    xt_input_column *columns;
    xt_encoding encoding;
    xt_model_file file;
    xt_plan plan;
    float *params; /* and zeros for the optimiser */
    const char *target;
} unit_model;

/* Columns of numbers, all called x, and one target y; hidden 0: there is one layer, of one unit with that activation,
 * else it is the hidden layer's and the last is linear. Parameters go up and down in eighths. */
void unit_model_make(unit_model *m, const char *name, size_t n_inputs, uint32_t hidden, const char *activation);
void unit_model_clear(unit_model *m);
xt_export unit_model_job(const unit_model *m);

/* Outputs of the reference engine, of inputs as the network takes them. */
void unit_export_run(const xt_plan *plan, const float *params, const float *inputs, size_t n_rows, float *outputs);

#endif
