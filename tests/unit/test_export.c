/* src/app/export: what other programs make of exported models is what our own
 * engine makes of them. */
#include "app/protobuf.h"
#include "base/hash.h"
#include "cli/model.h"
#include "exports.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "nets.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

static void assert_ok(xt_status status)
{
    if (status)
        fail_msg("%s", err.text);
}

/* ---- against ONNX Runtime ---- */

static float *numbers(const json_t *array, size_t *n)
{
    *n = json_array_size(array);
    float *values = calloc(*n, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < *n; i++) {
        const json_t *value = json_array_get(array, i);
        values[i] = json_is_null(value) ? NAN : (float)json_number_value(value);
    }
    return values;
}

static void load_model(const char *name, xt_model *out)
{
    static char path[100];
    snprintf(path, sizeof path, "tests/golden/models/%s.safetensors", name);
    xt_options options = {.args = {path}, .n_args = 1};
    assert_ok(xt_model_load(&options, out, &err));
}

static xt_export job_of(const xt_model *model, const char *version)
{
    return (xt_export){&model->file, &model->plan, model->state, xt_threshold_of(model->plan.spec), version};
}

/* As model/encoding.h says it. */
static void encode(const xt_encoding *encoding, const float *rows, size_t n_rows, float *out)
{
    size_t n = encoding->n_inputs;
    double *fill = calloc(n, sizeof *fill);
    assert_non_null(fill);
    for (size_t i = 0; i < encoding->n_columns; i++)
        fill[encoding->columns[i].at] = encoding->columns[i].fill;
    for (size_t i = 0; i < n_rows * n; i++) {
        double x = isnan(rows[i]) ? fill[i % n] : (double)rows[i];
        out[i] = (float)(encoding->offset ? (x - encoding->offset[i % n]) / encoding->scale[i % n] : x);
    }
    free(fill);
}

static void assert_near(const float *values, const float *expected, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        unit_near((double)values[i], (double)expected[i], 1e-6 * (1 + fabs((double)expected[i])), "%s: output %zu",
                  what, i);
}

/* The bytes are those that ONNX Runtime ran, and its outputs are ours; so are the C file's. */
static void like_onnx_runtime(void **state)
{
    const json_t *golden = *state;
    const char *name = json_string_value(json_object_get(golden, "name"));
    const char *version = json_string_value(json_object_get(golden, "version"));
    char hash[XT_HASH_BYTES];
    size_t n_inputs, n_outputs;
    xt_model model = {0};
    xt_buf bytes = {0}, text = {0};
    load_model(name, &model);
    xt_export job = job_of(&model, version);
    assert_ok(xt_export_onnx(&job, &bytes, &err));
    xt_hash_block(bytes.data, bytes.len, hash);
    assert_string_equal(hash, json_string_value(json_object_get(golden, "xxh3_128")));

    float *inputs = numbers(json_object_get(golden, "inputs"), &n_inputs);
    float *expected = numbers(json_object_get(golden, "outputs"), &n_outputs);
    float *encoded = calloc(n_inputs, sizeof *encoded), *outputs = calloc(n_outputs, sizeof *outputs);
    size_t n_rows = n_inputs / model.plan.n_inputs, m = model.plan.n_outputs;
    assert_true(n_rows > 1 && n_rows * m == n_outputs);
    encode(model.file.encoding, inputs, n_rows, encoded);
    unit_export_run(&model.plan, model.state, encoded, n_rows, outputs);
    assert_near(outputs, expected, n_outputs, "ONNX Runtime");

    assert_ok(xt_export_c(&job, &text, &err));
    void *library = unit_export_load("gcc", &text);
    unit_predict *c_predict = UNIT_FUNCTION(unit_predict, unit_export_symbol(library, name, "predict"));
    unit_class_of *c_class = UNIT_FUNCTION(unit_class_of, unit_export_symbol(library, name, "class"));
    assert_true((c_class != NULL) == (model.file.encoding->n_classes > 0));
    for (size_t r = 0; r < n_rows; r++) {
        c_predict(inputs + r * model.plan.n_inputs, expected + r * m);
        if (c_class)
            assert_int_equal(c_class(expected + r * m), xt_class_of(outputs + r * m, m, job.threshold, false));
    }
    assert_near(expected, outputs, n_outputs, "C");
    const float nan = NAN;
    if (c_class && m == 1)
        assert_int_equal(c_class(&nan), -1);
    dlclose(library);
    free(inputs);
    free(expected);
    free(encoded);
    free(outputs);
    xt_buf_clear(&bytes);
    xt_buf_clear(&text);
    xt_model_clear(&model);
}

/* ---- CSV, and what goes wrong ---- */

static void csv_of_a_model(void **state)
{
    (void)state;
    xt_model model = {0};
    xt_buf text = {0};
    load_model("side", &model);
    xt_export job = job_of(&model, "0");
    assert_ok(xt_export_csv(&job, &text, &err));
    size_t n_lines = 0, n = model.plan.n_inputs;
    char first[100], last[100];
    for (const char *at = text.data; *at; at++)
        n_lines += *at == '\n';
    assert_int_equal(n_lines, 1 + model.plan.n_params);
    assert_int_equal(model.plan.n_params, n + 1);
    snprintf(first, sizeof first, "tensor,row,column,value\nlayers.0.weight,0,0,%.9g\nlayers.0.weight,0,1,",
             (double)model.state[0]);
    snprintf(last, sizeof last, "\nlayers.0.weight,0,%zu,%.9g\nlayers.0.bias,0,0,%.9g\n", n - 1,
             (double)model.state[n - 1], (double)model.state[n]);
    assert_memory_equal(text.data, first, strlen(first));
    assert_string_equal(text.data + text.len - strlen(last), last);
    xt_buf_clear(&text);
    xt_model_clear(&model);
}

static void too_large_for_onnx(void **state)
{
    (void)state;
    unit_model m;
    xt_buf text = {0};
    unit_model_make(&m, "large", 1, 0, "linear");
    m.plan.n_params = 500000001;
    xt_export job = unit_model_job(&m);
    assert_int_equal(xt_export_onnx(&job, &text, &err), XT_FAILED);
    assert_string_equal(err.text, "too large for ONNX: 500000001 parameters; a file holds 500000000");
    assert_int_equal(text.len, 0);
    unit_model_clear(&m);
}

/* The encodings of the format's own documentation. */
static void protobuf(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        0x08, 0x96, 0x01,                                           /* 1: 150 */
        0x12, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g',              /* 2: "testing" */
        0x1A, 0x03, 0x08, 0x96, 0x01,                               /* 3: {1: 150} */
        0xA0, 0x01, 0x00,                                           /* 20: 0 */
        0x25, 0x00, 0x00, 0xC0, 0x3F,                               /* 4: 1.5f */
        0x28, 0x7F, 0x30, 0x80, 0x01,                               /* 5: 127, 6: 128 */
        0x38, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, /* 7: the largest */
        0x42, 0x00,                                                 /* 8: "" */
    };
    xt_buf message = {0}, part = {0};
    xt_protobuf_uint(&message, 1, 150);
    xt_protobuf_text(&message, 2, "testing");
    xt_protobuf_uint(&part, 1, 150);
    xt_protobuf_message(&message, 3, &part);
    assert_int_equal(part.len, 0);
    xt_protobuf_uint(&message, 20, 0);
    xt_protobuf_float(&message, 4, 1.5f);
    xt_protobuf_uint(&message, 5, 127);
    xt_protobuf_uint(&message, 6, 128);
    xt_protobuf_uint(&message, 7, UINT64_MAX);
    xt_protobuf_bytes(&message, 8, "", 0);
    assert_int_equal(message.len, sizeof expected);
    assert_memory_equal(message.data, expected, sizeof expected);
    xt_buf_clear(&message);
    xt_buf_clear(&part);
}

int main(void)
{
    json_t *golden = unit_golden("onnx.json");
    json_t *models = json_object_get(golden, "models");
    for (size_t i = 0; i < json_array_size(models); i++) {
        json_t *model = json_array_get(models, i);
        json_object_set(model, "version", json_object_get(golden, "version"));
        unit_case(like_onnx_runtime, model, "exported: %s", json_string_value(json_object_get(model, "name")));
    }
    UNIT_CASE(csv_of_a_model);
    UNIT_CASE(too_large_for_onnx);
    UNIT_CASE(protobuf);
    int failed = unit_run("export");
    json_decref(golden);
    return failed;
}
