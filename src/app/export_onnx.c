/* ONNX: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto has the fields,
 * docs/Operators.md there the operators. */
#include "app/encoding.h"
#include "app/export.h"
#include "app/json.h"
#include "app/protobuf.h"
#include "base/hash.h"
#include "base/number.h"
#include "model/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Operators as of 2020: every runtime since then has them. */
enum { IR_VERSION = 7, OPSET = 13 };
/* A file has 2 GB at most, of which the metadata may take a part. */
enum { MAX_WEIGHT_BYTES = 2000000000 };

/* onnx.proto's numbers: of fields, as message_field, and of its enums. */
enum {
    MODEL_IR_VERSION = 1, MODEL_PRODUCER_NAME = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8,
    MODEL_METADATA = 14,
    OPSET_VERSION = 2,
    PAIR_KEY = 1, PAIR_VALUE = 2,
    GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
    NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5,
    ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INT = 3, ATTRIBUTE_TYPE = 20,
    TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9,
    VALUE_NAME = 1, VALUE_TYPE = 2,
    TYPE_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1, TENSOR_TYPE_SHAPE = 2,
    SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2
};
typedef enum element { FLOAT = 1, DOUBLE = 11 } element;
typedef enum attribute_type { A_FLOAT = 1, AN_INT = 2 } attribute_type;

/* ---- a graph: nodes that name what they take and what they give ---- */

typedef struct name {
    char text[48];
} name;

typedef struct node {
    const char *op; /* NULL: no node */
    size_t n_inputs;
    name inputs[3], output;
    const char *attribute; /* NULL: none */
    attribute_type type;
    float value;
} node;

typedef struct graph {
    xt_buf nodes, initializers; /* fields of the graph */
    node last;                  /* not among them yet: what the last one gives gets another name */
    char prefix[32];            /* of names */
    unsigned n_names;           /* with the prefix */
} graph;

static void print_node(graph *g)
{
    xt_buf message = {0}, attribute = {0};
    const node *n = &g->last;
    for (size_t i = 0; i < n->n_inputs; i++)
        xt_protobuf_text(&message, NODE_INPUT, n->inputs[i].text);
    xt_protobuf_text(&message, NODE_OUTPUT, n->output.text);
    xt_protobuf_text(&message, NODE_NAME, n->output.text);
    xt_protobuf_text(&message, NODE_OP, n->op);
    if (n->attribute) {
        xt_protobuf_text(&attribute, ATTRIBUTE_NAME, n->attribute);
        if (n->type == A_FLOAT)
            xt_protobuf_float(&attribute, ATTRIBUTE_FLOAT, n->value);
        else
            xt_protobuf_uint(&attribute, ATTRIBUTE_INT, (uint64_t)n->value);
        xt_protobuf_uint(&attribute, ATTRIBUTE_TYPE, n->type);
        xt_protobuf_message(&message, NODE_ATTRIBUTE, &attribute);
    }
    xt_protobuf_message(&g->nodes, GRAPH_NODE, &message);
    xt_buf_clear(&message);
    xt_buf_clear(&attribute);
}

static name named(const char *text)
{
    name made;
    snprintf(made.text, sizeof made.text, "%s", text);
    return made;
}

static name next_name(graph *g)
{
    name made;
    snprintf(made.text, sizeof made.text, "%s.%u", g->prefix, ++g->n_names);
    return made;
}

/* Adds the node; what it gives. */
static name add(graph *g, node n)
{
    if (g->last.op)
        print_node(g);
    n.output = next_name(g);
    g->last = n;
    return n.output;
}

static name unary(graph *g, const char *op, name a)
{
    return add(g, (node){.op = op, .n_inputs = 1, .inputs = {a}});
}

static name binary(graph *g, const char *op, name a, name b)
{
    return add(g, (node){.op = op, .n_inputs = 2, .inputs = {a, b}});
}

static name with_alpha(graph *g, const char *op, name a, float alpha)
{
    return add(g, (node){.op = op, .n_inputs = 1, .inputs = {a}, .attribute = "alpha", .type = A_FLOAT,
                         .value = alpha});
}

static name cast(graph *g, name a, element to)
{
    return add(g, (node){.op = "Cast", .n_inputs = 1, .inputs = {a}, .attribute = "to", .type = AN_INT,
                         .value = (float)to});
}

/* A constant tensor; n_dims 0: a number. */
static void initializer(graph *g, name of, element type, const size_t *dims, size_t n_dims, const void *values)
{
    xt_buf tensor = {0};
    size_t n_bytes = type == DOUBLE ? sizeof(double) : sizeof(float);
    for (size_t i = 0; i < n_dims; i++) {
        xt_protobuf_uint(&tensor, TENSOR_DIMS, dims[i]);
        n_bytes *= dims[i];
    }
    xt_protobuf_uint(&tensor, TENSOR_TYPE, type);
    xt_protobuf_text(&tensor, TENSOR_NAME, of.text);
    xt_protobuf_bytes(&tensor, TENSOR_RAW, values, n_bytes);
    xt_protobuf_message(&g->initializers, GRAPH_INITIALIZER, &tensor);
    xt_buf_clear(&tensor);
}

static name number(graph *g, float value)
{
    name made = next_name(g);
    initializer(g, made, FLOAT, NULL, 0, &value);
    return made;
}

/* ---- activations: cl/scalar.h's, p their parameter ----
 *
 * No call stands among another's arguments: their order would be the compiler's,
 * and with it the order of nodes. */

#define ACTIVATION(id) static name act_##id(graph *g, name z, float p)

ACTIVATION(linear) { (void)g; (void)p; return z; }
ACTIVATION(relu) { (void)p; return unary(g, "Relu", z); }
ACTIVATION(leaky_relu) { return with_alpha(g, "LeakyRelu", z, p); }
ACTIVATION(elu) { return with_alpha(g, "Elu", z, p); }
ACTIVATION(selu) { (void)p; return unary(g, "Selu", z); }
ACTIVATION(sigmoid) { (void)p; return unary(g, "Sigmoid", z); }
ACTIVATION(tanh) { (void)p; return unary(g, "Tanh", z); }
ACTIVATION(softplus) { (void)p; return unary(g, "Softplus", z); }
ACTIVATION(softsign) { (void)p; return unary(g, "Softsign", z); }
ACTIVATION(hard_sigmoid) { (void)p; return with_alpha(g, "HardSigmoid", z, 1.0f / 6); }
ACTIVATION(softmax) { (void)p; return unary(g, "Softmax", z); }

static name held(graph *g, name z, float low, float high)
{
    name least = number(g, low), most = number(g, high);
    return add(g, (node){.op = "Clip", .n_inputs = 3, .inputs = {z, least, most}});
}

ACTIVATION(hard_tanh) { (void)p; return held(g, z, -1, 1); }
ACTIVATION(relu6) { (void)p; return held(g, z, 0, 6); }

static name times(graph *g, name a, float factor)
{
    name b = number(g, factor);
    return binary(g, "Mul", a, b);
}

static name plus(graph *g, name a, float summand)
{
    name b = number(g, summand);
    return binary(g, "Add", a, b);
}

ACTIVATION(gelu)
{
    (void)p;
    name u = times(g, z, 0.70710678f);
    name phi = plus(g, unary(g, "Erf", u), 1);
    name half = times(g, z, 0.5f);
    return binary(g, "Mul", half, phi);
}

ACTIVATION(gelu_tanh)
{
    (void)p;
    name square = binary(g, "Mul", z, z);
    name cube = binary(g, "Mul", square, z);
    name small = times(g, cube, 0.044715f);
    name sum = binary(g, "Add", z, small);
    name u = times(g, sum, 0.79788456f);
    name phi = plus(g, unary(g, "Tanh", u), 1);
    name half = times(g, z, 0.5f);
    return binary(g, "Mul", half, phi);
}

/* Not z Sigmoid(z): what a runtime's sigmoid leaves far below 0, z would multiply. */
ACTIVATION(silu)
{
    (void)p;
    name e = unary(g, "Exp", unary(g, "Neg", z));
    name sum = plus(g, e, 1);
    return binary(g, "Div", z, sum);
}

/* tanh(softplus(z)) is n / (n + 2) with n = e^z (e^z + 2), which loses nothing where
 * softplus is small, and is 1 long before 20, where e^z is held. */
ACTIVATION(mish)
{
    (void)p;
    name most = number(g, 20);
    name e = unary(g, "Exp", binary(g, "Min", z, most));
    name e2 = plus(g, e, 2);
    name n = binary(g, "Mul", e, e2);
    name n2 = plus(g, n, 2);
    name share = binary(g, "Div", n, n2);
    return binary(g, "Mul", z, share);
}

#define ROW(id, parameters, relu_like, z, a, text) act_##id,
static name (*const activations[])(graph *g, name z, float p) = {XT_ACTIVATIONS(ROW)};
#undef ROW

/* ---- the network ---- */

/* As data/encode does it: in double precision, rounded to float at the end. */
static xt_status add_encoding(graph *g, const xt_encoding *encoding, name *x, xt_err *err)
{
    size_t n = encoding->n_inputs;
    bool fills = xt_export_fills(encoding);
    if (!fills && !encoding->offset)
        return XT_OK;
    name given = *x, fill = named("encode.fill"), offset = named("encode.offset"), scale = named("encode.scale");
    *x = cast(g, given, DOUBLE);
    if (fills) {
        double *values = malloc(n * sizeof *values);
        if (!values)
            return xt_fail_memory(err, "an ONNX model", n * sizeof *values);
        xt_export_fill(encoding, values);
        initializer(g, fill, DOUBLE, &n, 1, values);
        free(values);
        name missing = unary(g, "IsNaN", given);
        *x = add(g, (node){.op = "Where", .n_inputs = 3, .inputs = {missing, fill, *x}});
    }
    if (encoding->offset) {
        initializer(g, offset, DOUBLE, &n, 1, encoding->offset);
        initializer(g, scale, DOUBLE, &n, 1, encoding->scale);
        name distance = binary(g, "Sub", *x, offset);
        *x = binary(g, "Div", distance, scale);
    }
    *x = cast(g, *x, FLOAT);
    return XT_OK;
}

static name add_layer(graph *g, const xt_plan_layer *layer, const float *params, name x)
{
    name weight, bias;
    snprintf(weight.text, sizeof weight.text, "%s.weight", g->prefix);
    snprintf(bias.text, sizeof bias.text, "%s.bias", g->prefix);
    initializer(g, weight, FLOAT, (const size_t[]){layer->units, layer->inputs}, 2, params + layer->weight);
    initializer(g, bias, FLOAT, &layer->units, 1, params + layer->bias);
    name z = add(g, (node){.op = "Gemm", .n_inputs = 3, .inputs = {x, weight, bias}, .attribute = "transB",
                           .type = AN_INT, .value = 1});
    return activations[layer->activation](g, z, layer->activation_param);
}

/* A float matrix of N rows. */
static void add_value(xt_buf *message, unsigned field, const char *called, size_t n_columns)
{
    xt_buf dim = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    xt_protobuf_text(&dim, DIM_PARAM, "N");
    xt_protobuf_message(&shape, SHAPE_DIM, &dim);
    xt_protobuf_uint(&dim, DIM_VALUE, n_columns);
    xt_protobuf_message(&shape, SHAPE_DIM, &dim);
    xt_protobuf_uint(&tensor, TENSOR_TYPE_ELEMENT, FLOAT);
    xt_protobuf_message(&tensor, TENSOR_TYPE_SHAPE, &shape);
    xt_protobuf_message(&type, TYPE_TENSOR, &tensor);
    xt_protobuf_text(&value, VALUE_NAME, called);
    xt_protobuf_message(&value, VALUE_TYPE, &type);
    xt_protobuf_message(message, field, &value);
    xt_buf *parts[] = {&dim, &shape, &tensor, &type, &value};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        xt_buf_clear(parts[i]);
}

static xt_status print_graph(const xt_export *model, xt_buf *out, xt_err *err)
{
    const xt_plan *plan = model->plan;
    graph g = {.prefix = "encode"};
    name x = named("inputs");
    xt_status status = add_encoding(&g, model->file->encoding, &x, err);
    for (size_t i = 0; !status && i < plan->n_layers; i++) {
        snprintf(g.prefix, sizeof g.prefix, "layers.%zu", i);
        g.n_names = 0;
        x = add_layer(&g, &plan->layers[i], model->params, x);
    }
    if (!status) {
        g.last.output = named("outputs");
        print_node(&g);
        xt_buf_add(out, xt_buf_text(&g.nodes), g.nodes.len);
        xt_protobuf_text(out, GRAPH_NAME, plan->spec->name);
        xt_buf_add(out, xt_buf_text(&g.initializers), g.initializers.len);
        add_value(out, GRAPH_INPUT, "inputs", plan->n_inputs);
        add_value(out, GRAPH_OUTPUT, "outputs", plan->n_outputs);
        out->failed |= g.nodes.failed || g.initializers.failed;
    }
    xt_buf_clear(&g.nodes);
    xt_buf_clear(&g.initializers);
    return status;
}

/* ---- what else there is to know ---- */

static void add_pair(xt_buf *message, const char *key, const char *value)
{
    xt_buf pair = {0};
    xt_protobuf_text(&pair, PAIR_KEY, key);
    xt_protobuf_text(&pair, PAIR_VALUE, value ? value : "");
    xt_protobuf_message(message, MODEL_METADATA, &pair);
    message->failed |= !value;
    xt_buf_clear(&pair);
}

static json_t *input_names(const xt_encoding *encoding)
{
    json_t *names = json_array();
    xt_buf text = {0};
    for (size_t i = 0; i < encoding->n_columns; i++)
        for (size_t k = 0; k == 0 || k < encoding->columns[i].n_values; k++) {
            xt_buf_reset(&text);
            xt_export_input_name(&encoding->columns[i], k, &text);
            json_array_append_new(names, text.failed ? NULL : json_string(xt_buf_text(&text)));
        }
    xt_buf_clear(&text);
    return names;
}

static json_t *output_names(const xt_encoding *encoding)
{
    json_t *names = json_array();
    for (size_t i = 0; i < encoding->n_targets; i++)
        json_array_append_new(names, json_string(xt_export_output_name(encoding, i)));
    return names;
}

/* Takes the JSON, which has n elements unless there was no memory. */
static void add_json(xt_buf *message, const char *key, json_t *value, size_t n)
{
    char *text = xt_json_dump(json_array_size(value) == n ? value : NULL, JSON_COMPACT);
    add_pair(message, key, text);
    free(text);
    json_decref(value);
}

static void add_metadata(const xt_export *model, xt_buf *message)
{
    const xt_model_file *file = model->file;
    const xt_encoding *encoding = file->encoding;
    char epoch[24], number[XT_NUMBER_BYTES], hash[XT_HASH_BYTES];
    char *json = xt_encoding_print(encoding);
    snprintf(epoch, sizeof epoch, "%lu", file->epoch);
    xt_hash_block(file->config, strlen(file->config), hash);
    add_json(message, "inputs", input_names(encoding), encoding->n_inputs);
    add_json(message, "outputs", output_names(encoding), encoding->n_targets);
    add_pair(message, "encoding", json);
    if (encoding->n_classes && encoding->n_targets == 1) {
        xt_number_print(model->threshold, number);
        add_pair(message, "threshold", number);
    }
    add_pair(message, "epoch", epoch);
    add_pair(message, "config_xxh3_128", hash);
    add_pair(message, "checksum", file->checksum);
    free(json);
}

xt_status xt_export_onnx(const xt_export *model, xt_buf *out, xt_err *err)
{
    const xt_plan *plan = model->plan;
    if (plan->n_params > MAX_WEIGHT_BYTES / sizeof(float))
        return xt_fail(err, XT_FAILED, "too large for ONNX: %zu parameters; a file holds %zu", plan->n_params,
                       MAX_WEIGHT_BYTES / sizeof(float));
    xt_buf graph_message = {0}, opset = {0};
    xt_status status = print_graph(model, &graph_message, err);
    if (!status) {
        xt_protobuf_uint(out, MODEL_IR_VERSION, IR_VERSION);
        xt_protobuf_text(out, MODEL_PRODUCER_NAME, "xortrain");
        xt_protobuf_text(out, MODEL_PRODUCER_VERSION, model->version);
        xt_protobuf_message(out, MODEL_GRAPH, &graph_message);
        xt_protobuf_uint(&opset, OPSET_VERSION, OPSET);
        xt_protobuf_message(out, MODEL_OPSET, &opset);
        add_metadata(model, out);
        if (out->failed)
            status = xt_fail_memory(err, "an ONNX model", plan->n_params * sizeof(float));
    }
    xt_buf_clear(&graph_message);
    xt_buf_clear(&opset);
    return status;
}
