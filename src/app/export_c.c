/* C99. No text of a user's stands outside of a string literal: the file's own
 * names are made of letters, digits and '_'. */
#include "app/export.h"
#include "base/number.h"
#include "engine/prelude.h"
#include "model/ops.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Scratch beyond these floats is not taken from the stack. */
enum { MAX_STACK = 16384 };
enum { MAX_NAME = 40, A_LINE = 6 };

typedef struct source {
    const xt_export *model;
    const xt_encoding *encoding;
    xt_buf *out;
    char name[MAX_NAME + 8], upper[MAX_NAME + 8];
    bool encodes;        /* inputs are changed before the first layer */
    size_t half;         /* floats of scratch before the second of its two parts */
    size_t scratch;      /* floats */
} source;

/* ---- text ---- */

/* A letter, then lower-case letters, digits and '_'. */
static void make_names(source *s)
{
    const char *text = s->model->plan->spec->name;
    char *at = s->name;
    if (!isalpha((unsigned char)text[0]))
        at += sprintf(at, "net_");
    for (; *text && at < s->name + MAX_NAME; text++)
        *at++ = isalnum((unsigned char)*text) ? (char)tolower((unsigned char)*text) : '_';
    *at = '\0';
    for (size_t i = 0; i <= strlen(s->name); i++)
        s->upper[i] = (char)toupper((unsigned char)s->name[i]);
}

/* Appends text in which @ stands for the name and $ for the name in capitals. */
static void put(const source *s, const char *text)
{
    for (size_t n; *text; text += n + (text[n] != '\0')) {
        n = strcspn(text, "@$");
        xt_buf_add(s->out, text, n);
        xt_buf_puts(s->out, text[n] == '@' ? s->name : text[n] == '$' ? s->upper : "");
    }
}

/* What is not plain becomes an octal escape of three digits, which no digit after it
 * changes; with '?' among it there are no trigraphs. */
static void put_literal(const source *s, const char *text)
{
    xt_buf_puts(s->out, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c > '~' || strchr("\"\\?", c))
            xt_buf_printf(s->out, "\\%03o", c);
        else
            xt_buf_add(s->out, text, 1);
    }
    xt_buf_puts(s->out, "\"");
}

/* A number without a point or an exponent would be an integer. */
static void put_number(const source *s, double value, const char *text, const char *suffix)
{
    if (!isfinite(value))
        xt_buf_printf(s->out, "%s%s", value < 0 ? "-" : "", isnan(value) ? "NAN" : "INFINITY");
    else
        xt_buf_printf(s->out, "%s%s%s", text, text[strcspn(text, ".e")] ? "" : ".0", suffix);
}

static void put_float(const source *s, float value)
{
    char text[XT_NUMBER_BYTES + 1];
    *xt_number_put(text, isfinite(value) ? (double)value : 0, 9) = '\0';
    put_number(s, (double)value, text, "f");
}

static void put_double(const source *s, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    put_number(s, value, text, "");
}

static void between(const source *s, size_t i, size_t n)
{
    xt_buf_puts(s->out, i + 1 == n ? "\n};\n" : (i + 1) % A_LINE == 0 ? ",\n    " : ", ");
}

static void put_floats(const source *s, const char *what, size_t layer, const float *values, size_t n)
{
    xt_buf_printf(s->out, "static const float %s_%s_%zu[%zu] = {\n    ", s->name, what, layer, n);
    for (size_t i = 0; i < n; i++) {
        put_float(s, values[i]);
        between(s, i, n);
    }
}

static void put_doubles(const source *s, const char *what, const double *values, size_t n)
{
    xt_buf_printf(s->out, "static const double %s_%s[%zu] = {\n    ", s->name, what, n);
    for (size_t i = 0; i < n; i++) {
        put_double(s, values[i]);
        between(s, i, n);
    }
}

/* ---- what the file says of itself ---- */

static void put_head(const source *s)
{
    const xt_plan *plan = s->model->plan;
    xt_buf_printf(s->out, "/* A trained network: inputs %zu, outputs %zu, parameters %zu. Written by xortrain %s.\n",
                  plan->n_inputs, plan->n_outputs, plan->n_params, s->model->version);
    put(s, " *\n * @_predict computes $_OUTPUTS outputs of $_INPUTS inputs, which @_input_names and\n"
           " * @_output_names name. Inputs are as the data has them: what was normalised for training\n"
           " * is normalised inside. An input called column=value is 1 where the column has that\n"
           " * value, else 0.");
    if (xt_export_fills(s->encoding))
        put(s, " A missing number is NAN; training's mean of its column stands for it.");
    put(s, "\n *\n * Nothing is allocated or kept: any number of threads may call at once. The arrays must not\n"
           " * overlap. @_predict_with takes $_SCRATCH floats of scratch from its caller");
    put(s, s->scratch <= MAX_STACK ? "; @_predict\n * has them on the stack.\n"
                                   : ", which are\n * too many for a stack.\n");
    if (s->encoding->n_classes)
        put(s, " * @_class tells which of @_class_names outputs say; -1 where they are no numbers.\n");
    put(s, " *\n * Link with -lm. With -DXORTRAIN_MAIN it is a program: rows of inputs in, rows of outputs out. */\n"
           "#include <math.h>\n#include <stddef.h>\n\n");
    xt_buf_printf(s->out, "#define %s_INPUTS %zu\n#define %s_OUTPUTS %zu\n#define %s_SCRATCH %zu\n", s->upper,
                  plan->n_inputs, s->upper, plan->n_outputs, s->upper, s->scratch);
    if (s->encoding->n_classes)
        xt_buf_printf(s->out, "#define %s_CLASSES %zu\n", s->upper, s->encoding->n_classes);
    put(s, "\n");
    if (s->scratch <= MAX_STACK)
        put(s, "void @_predict(const float *inputs, float *outputs);\n");
    put(s, "void @_predict_with(const float *inputs, float *outputs, float *scratch);\n");
    if (s->encoding->n_classes)
        put(s, "int @_class(const float *outputs);\n");
    put(s, "extern const char *const @_input_names[$_INPUTS];\n"
           "extern const char *const @_output_names[$_OUTPUTS];\n");
    if (s->encoding->n_classes)
        put(s, "extern const char *const @_class_names[$_CLASSES];\n");
}

static void put_names(const source *s)
{
    const xt_encoding *e = s->encoding;
    xt_buf name = {0};
    put(s, "\nconst char *const @_input_names[$_INPUTS] = {\n");
    for (size_t i = 0; i < e->n_columns; i++)
        for (size_t k = 0; k == 0 || k < e->columns[i].n_values; k++) {
            xt_buf_reset(&name);
            xt_export_input_name(&e->columns[i], k, &name);
            s->out->failed |= name.failed;
            put(s, "    ");
            put_literal(s, xt_buf_text(&name));
            put(s, ",\n");
        }
    put(s, "};\n\nconst char *const @_output_names[$_OUTPUTS] = {\n");
    for (size_t i = 0; i < e->n_targets; i++) {
        put(s, "    ");
        put_literal(s, xt_export_output_name(e, i));
        put(s, ",\n");
    }
    put(s, "};\n");
    if (e->n_classes)
        put(s, "\nconst char *const @_class_names[$_CLASSES] = {\n");
    for (size_t i = 0; i < e->n_classes; i++) {
        put(s, "    ");
        put_literal(s, e->classes[i]);
        put(s, i + 1 < e->n_classes ? ",\n" : ",\n};\n");
    }
    xt_buf_clear(&name);
}

/* ---- activations: cl/scalar.h's, as expressions of z and the parameter p ---- */

static const char c_linear[] = "z";
static const char c_relu[] = "z < 0.0f ? 0.0f : z";
static const char c_leaky_relu[] = "z > 0.0f ? z : p * z";
static const char c_elu[] = "z > 0.0f ? z : p * expm1f(z)";
static const char c_selu[] = "1.05070099f * (z > 0.0f ? z : 1.67326324f * expm1f(z))";
static const char c_gelu[] = "0.5f * z * (1.0f + erff(z * 0.707106781f))";
static const char c_gelu_tanh[] = "0.5f * z * (1.0f + tanhf(0.797884561f * (z + 0.044715f * z * z * z)))";
static const char c_silu[] = "z / (1.0f + expf(-z))";
static const char c_sigmoid[] = "1.0f / (1.0f + expf(-z))";
static const char c_tanh[] = "tanhf(z)";
static const char c_softplus[] = "(z < 0.0f ? 0.0f : z) + log1pf(expf(-fabsf(z)))";
static const char c_softsign[] = "z / (1.0f + fabsf(z))";
static const char c_hard_sigmoid[] = "((z < -3.0f ? -3.0f : z > 3.0f ? 3.0f : z) + 3.0f) / 6.0f";
static const char c_hard_tanh[] = "z < -1.0f ? -1.0f : z > 1.0f ? 1.0f : z";
static const char c_relu6[] = "z < 0.0f ? 0.0f : z > 6.0f ? 6.0f : z";
static const char c_mish[] = "z * tanhf((z < 0.0f ? 0.0f : z) + log1pf(expf(-fabsf(z))))";
static const char c_softmax[] = "z"; /* of the whole row, afterwards */

#define ROW(id, parameters, relu_like, z, a, text) c_##id,
static const char *const expressions[] = {XT_ACTIVATIONS(ROW)};
#undef ROW

/* ---- the network ---- */

static xt_status put_encoding(const source *s, xt_err *err)
{
    const xt_encoding *e = s->encoding;
    bool fills = xt_export_fills(e);
    if (!s->encodes)
        return XT_OK;
    put(s, "\n");
    if (fills) {
        double *fill = malloc(e->n_inputs * sizeof *fill);
        if (!fill)
            return xt_fail_memory(err, "a C file", e->n_inputs * sizeof *fill);
        xt_export_fill(e, fill);
        put_doubles(s, "fill", fill, e->n_inputs);
        free(fill);
    }
    if (e->offset) {
        put_doubles(s, "offset", e->offset, e->n_inputs);
        put_doubles(s, "scale", e->scale, e->n_inputs);
    }
    put(s, "\nstatic void @_encode(const float *inputs, float *x)\n{\n"
           "    for (size_t i = 0; i < $_INPUTS; i++) {\n"
           "        double value = (double)inputs[i];\n");
    if (fills)
        put(s, "        if (isnan(value))\n            value = @_fill[i];\n");
    if (e->offset)
        put(s, "        value = (value - @_offset[i]) / @_scale[i];\n");
    put(s, "        x[i] = (float)value;\n    }\n}\n");
    return XT_OK;
}

/* Both orders of summation are the engines': the first layer's and the others'. */
static void put_sums(const source *s)
{
    put(s, "\n/* Sums are taken in the order in which they were taken in training. */\n"
           "static float @_dot(const float *x, const float *weight, size_t n)\n{\n"
           "    float sum = x[0] * weight[0];\n"
           "    for (size_t k = 1; k < n; k++)\n"
           "        sum += x[k] * weight[k];\n"
           "    return sum;\n}\n");
    if (s->model->plan->n_layers == 1)
        return;
    put(s, "\nstatic float @_dot_of_lanes(const float *x, const float *weight, size_t n)\n{\n");
    xt_buf_printf(s->out, "    enum { LANES = %d };\n", XT_LANES);
    put(s, "    float lanes[LANES] = {0.0f};\n"
           "    size_t k = 0;\n"
           "    for (; k + LANES <= n; k += LANES)\n"
           "        for (size_t l = 0; l < LANES; l++)\n"
           "            lanes[l] += x[k + l] * weight[k + l];\n"
           "    for (size_t l = 0; k < n; k++, l++)\n"
           "        lanes[l] += x[k] * weight[k];\n"
           "    for (size_t half = LANES / 2; half > 0; half /= 2)\n"
           "        for (size_t l = 0; l < half; l++)\n"
           "            lanes[l] += lanes[l + half];\n"
           "    return lanes[0];\n}\n");
}

static void put_layer(const source *s, size_t i)
{
    const xt_plan_layer *layer = &s->model->plan->layers[i];
    const xt_kind *activation = xt_kind_at(&xt_activations, layer->activation);
    put(s, "\n");
    put_floats(s, "weight", i, s->model->params + layer->weight, layer->units * layer->inputs);
    put_floats(s, "bias", i, s->model->params + layer->bias, layer->units);
    xt_buf_printf(s->out, "\n/* Inputs %zu, units %zu, %s. */\nstatic void %s_layer_%zu(const float *x, float *a)\n{\n",
                  layer->inputs, layer->units, activation->row.name, s->name, i);
    if (activation->params[0].name) {
        put(s, "    const float p = ");
        put_float(s, layer->activation_param);
        put(s, ";\n");
    }
    xt_buf_printf(s->out, "    for (size_t u = 0; u < %zu; u++) {\n", layer->units);
    xt_buf_printf(s->out, "        const float *weight = %s_weight_%zu + u * %zu;\n", s->name, i, layer->inputs);
    xt_buf_printf(s->out, "        const float z = %s_dot%s(x, weight, %zu) + %s_bias_%zu[u];\n", s->name,
                  i ? "_of_lanes" : "", layer->inputs, s->name, i);
    xt_buf_printf(s->out, "        a[u] = %s;\n    }\n}\n", expressions[layer->activation]);
}

static void put_softmax(const source *s)
{
    put(s, "\nstatic void @_softmax(float *z)\n{\n"
           "    float most = z[0], sum = 0.0f;\n"
           "    for (size_t u = 1; u < $_OUTPUTS; u++)\n"
           "        most = z[u] > most ? z[u] : most;\n"
           "    for (size_t u = 0; u < $_OUTPUTS; u++)\n"
           "        sum += expf(z[u] - most);\n"
           "    sum = logf(sum);\n"
           "    for (size_t u = 0; u < $_OUTPUTS; u++)\n"
           "        z[u] = expf(z[u] - most - sum);\n}\n");
}

/* What a layer gives goes by turns to the two parts of scratch; the last layer's are the outputs. */
static void measure_scratch(source *s)
{
    const xt_plan *plan = s->model->plan;
    size_t parts[2] = {s->encodes ? plan->n_inputs : 0, 0};
    for (size_t i = 0; i + 1 < plan->n_layers; i++) {
        size_t *part = &parts[(i + s->encodes) % 2];
        *part = plan->layers[i].units > *part ? plan->layers[i].units : *part;
    }
    s->half = parts[0];
    s->scratch = parts[0] + parts[1] ? parts[0] + parts[1] : 1; /* an array has an element */
}

static void put_predict(const source *s)
{
    const xt_plan *plan = s->model->plan;
    char parts[2][40], *x = NULL;
    strcpy(parts[0], "scratch");
    snprintf(parts[1], sizeof parts[1], "scratch + %zu", s->half);
    put(s, "\nvoid @_predict_with(const float *inputs, float *outputs, float *scratch)\n{\n");
    if (s->encodes) {
        put(s, "    @_encode(inputs, scratch);\n");
        x = parts[0];
    } else if (plan->n_layers == 1) {
        put(s, "    (void)scratch;\n");
    }
    for (size_t i = 0; i < plan->n_layers; i++) {
        char *a = parts[(i + s->encodes) % 2];
        xt_buf_printf(s->out, "    %s_layer_%zu(%s, %s);\n", s->name, i, x ? x : "inputs",
                      i + 1 < plan->n_layers ? a : "outputs");
        x = a;
    }
    if (plan->layers[plan->n_layers - 1].activation == XT_ACT_softmax)
        put(s, "    @_softmax(outputs);\n");
    put(s, "}\n");
    if (s->scratch <= MAX_STACK)
        put(s, "\nvoid @_predict(const float *inputs, float *outputs)\n{\n"
               "    float scratch[$_SCRATCH];\n"
               "    @_predict_with(inputs, outputs, scratch);\n}\n");
}

static void put_class(const source *s)
{
    if (!s->encoding->n_classes)
        return;
    put(s, "\nint @_class(const float *outputs)\n{\n");
    if (s->encoding->n_targets == 1) {
        put(s, "    return isnan(outputs[0]) ? -1 : outputs[0] > ");
        put_float(s, s->model->threshold);
        put(s, ";\n}\n");
        return;
    }
    put(s, "    int largest = 0;\n"
           "    for (int i = 0; i < $_OUTPUTS; i++) {\n"
           "        if (isnan(outputs[i]))\n"
           "            return -1;\n"
           "        if (outputs[i] > outputs[largest])\n"
           "            largest = i;\n    }\n"
           "    return largest;\n}\n");
}

static void put_main(const source *s)
{
    put(s, "\n#ifdef XORTRAIN_MAIN\n"
           "#include <stdio.h>\n\n"
           "/* Numbers may be apart by blanks, commas and line ends. */\n"
           "int main(void)\n{\n"
           "    static float inputs[$_INPUTS], outputs[$_OUTPUTS], scratch[$_SCRATCH];\n"
           "    size_t n = 0;\n"
           "    int n_read;\n"
           "    while ((n_read = scanf(\"%f%*[ ,\\t\\r\\n]\", &inputs[n])) == 1) {\n"
           "        if (++n < $_INPUTS)\n"
           "            continue;\n"
           "        n = 0;\n"
           "        @_predict_with(inputs, outputs, scratch);\n"
           "        for (size_t i = 0; i < $_OUTPUTS; i++)\n"
           "            printf(\"%s%.9g\", i ? \",\" : \"\", (double)outputs[i]);\n"
           "        printf(\"\\n\");\n"
           "    }\n"
           "    if (n_read != EOF || n != 0) {\n"
           "        fprintf(stderr, \"expected rows of %d numbers\\n\", $_INPUTS);\n"
           "        return 1;\n"
           "    }\n"
           "    return fflush(stdout) != 0;\n}\n"
           "#endif\n");
}

xt_status xt_export_c(const xt_export *model, xt_buf *out, xt_err *err)
{
    const xt_plan *plan = model->plan;
    source s = {.model = model, .encoding = model->file->encoding, .out = out};
    s.encodes = s.encoding->offset || xt_export_fills(s.encoding);
    make_names(&s);
    measure_scratch(&s);
    put_head(&s);
    put_names(&s);
    xt_status status = put_encoding(&s, err);
    if (status)
        return status;
    put_sums(&s);
    for (size_t i = 0; i < plan->n_layers; i++)
        put_layer(&s, i);
    if (plan->layers[plan->n_layers - 1].activation == XT_ACT_softmax)
        put_softmax(&s);
    put_predict(&s);
    put_class(&s);
    put_main(&s);
    return out->failed ? xt_fail_memory(err, "a C file", out->len) : XT_OK;
}
