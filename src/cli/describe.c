#include "cli/describe.h"

#include "base/number.h"
#include "model/init.h"
#include "model/ops.h"

#include <inttypes.h>

void xt_describe_label(const char *label, xt_buf *out)
{
    xt_buf_printf(out, "%-12s", label);
}

enum { MAX_NAMES = 12 };

void xt_describe_names(const char *const *names, size_t n, xt_buf *out)
{
    for (size_t i = 0; i < n && i < MAX_NAMES; i++)
        xt_buf_printf(out, "%s%s", i ? ", " : "", names[i]);
    if (n > MAX_NAMES)
        xt_buf_printf(out, " and %zu more", n - MAX_NAMES);
}

void xt_describe_choice(const xt_table *table, const xt_choice *choice, xt_buf *out)
{
    const xt_kind *kind = xt_kind_at(table, choice->kind);
    xt_buf_puts(out, kind->row.name);
    for (size_t i = 0; kind->params[i].name; i++) {
        const xt_param *param = &kind->params[i];
        char text[32];
        xt_number_print(choice->values[i], text);
        const char *value = param->type == XT_PARAM_BOOL   ? choice->values[i] != 0 ? "true" : "false"
                            : param->type == XT_PARAM_NAME ? param->names[(size_t)choice->values[i]]
                                                           : text;
        xt_buf_printf(out, "%s%s %s", i ? ", " : "(", param->name, value);
    }
    if (kind->params[0].name)
        xt_buf_puts(out, ")");
}

static void describe_init(const char *what, const xt_choice *choice, xt_key key, xt_buf *out)
{
    xt_describe_label("", out);
    xt_buf_printf(out, "    %-6s  ", what);
    xt_describe_choice(&xt_initializers, choice, out);
    xt_buf_printf(out, ", key %" PRIu32 " %" PRIu32 "\n", key.hi, key.lo);
}

static void describe_layer(const xt_plan *plan, size_t index, bool keys, xt_buf *out)
{
    const xt_plan_layer *layer = &plan->layers[index];
    const xt_layer *given = &plan->spec->layers[index];
    xt_describe_label("", out);
    xt_buf_printf(out, "%zu: %zu -> %zu ", index, layer->inputs, layer->units);
    xt_describe_choice(&xt_activations, &given->activation, out);
    xt_buf_printf(out, ", %zu parameters\n", (layer->inputs + 1) * layer->units);
    if (!keys)
        return;
    xt_key weight, bias;
    xt_layer_keys(plan->spec->seed, plan->spec->keys, plan->n_layers, index, &weight, &bias);
    describe_init("weight", &given->weight, weight, out);
    describe_init("bias", &given->bias, bias, out);
}

void xt_describe_network(const xt_plan *plan, bool keys, xt_buf *out)
{
    xt_describe_label("network", out);
    xt_buf_printf(out, "%zu", plan->n_inputs);
    for (size_t i = 0; i < plan->n_layers; i++)
        xt_buf_printf(out, "-%zu", plan->layers[i].units);
    xt_buf_printf(out, ", %zu parameters\n", plan->n_params);
    for (size_t i = 0; i < plan->n_layers; i++)
        describe_layer(plan, i, keys, out);
}

void xt_describe_objective(const xt_spec *spec, xt_buf *out)
{
    xt_describe_label("loss", out);
    xt_describe_choice(&xt_losses, &spec->loss, out);
    xt_buf_puts(out, "\n");
    xt_describe_label("optimizer", out);
    xt_describe_choice(&xt_optimizers, &spec->optimizer, out);
    xt_buf_puts(out, "\n");
}

void xt_describe_values(const xt_plan *plan, const float *values, xt_buf *out)
{
    char name[64];
    for (size_t i = 0; i < plan->n_params; i++) {
        xt_plan_param_name(plan, i, name, sizeof name);
        xt_buf_printf(out, "%s %.9g\n", name, (double)values[i]);
    }
}
