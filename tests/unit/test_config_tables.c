/* src/config: every row of every table that a configuration chooses from, with
 * its parameters. A new row is tested without a line of its own. */
#include "configs.h"
#include "model/generate.h"
#include "model/init.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/schedule.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

typedef struct kind_row {
    const char *path; /* where it is given */
    const xt_table *table;
    size_t index;
} kind_row;

static const xt_choice *chosen(const xt_spec *spec, const kind_row *row)
{
    return same(row->path, "loss")                         ? &spec->loss
           : same(row->path, "optimizer")                  ? &spec->optimizer
           : same(row->path, "schedule")                   ? &spec->schedule
           : same(row->path, "data.train.generate")        ? &spec->train.generator
           : same(row->path, "metrics")                    ? &spec->metrics[0]
           : same(row->path, "model.layers.0.activation")  ? &spec->layers[0].activation
           : same(row->path, "model.init.weight")          ? &spec->layers[0].weight
                                                           : NULL;
}

static void assert_kind(const kind_row *row, const char *set, const xt_choice *expected)
{
    const char *name = xt_table_at(row->table, row->index)->name;
    xt_config_source sources[2 + UNIT_MAX_NEEDS] = {TEXT(unit_base(row->path))};
    size_t n = 1 + unit_needs(name, sources + 1);
    sources[n++] = (xt_config_source){XT_CONFIG_SET, set, set};
    xt_config *config = unit_config(sources, n);
    unit_same_choice(chosen(xt_config_spec(config), row), expected);
    unit_round_trip(config);
    xt_config_close(&config);
}

/* {type: NAME, required: value}, and with all parameters. */
static void kind_arrives(void **state)
{
    const kind_row *row = *state;
    const xt_kind *kind = xt_kind_at(row->table, (int)row->index);
    xt_buf set = {0}, all = {0};
    xt_choice expected = xt_choose(row->table, kind->row.name), every = expected;
    xt_buf_printf(&set, "%s={type: %s", row->path, kind->row.name);
    xt_buf_puts(&all, set.data);
    for (size_t i = 0; kind->params[i].name; i++) {
        xt_buf_printf(&all, ", %s: ", kind->params[i].name);
        unit_param_value(&kind->params[i], i, &every, &all);
        /* Of plateau: the nets here have validation rows. */
        if (kind->params[i].type == XT_PARAM_TEXT && !kind->params[i].def_text)
            expected.text = "val_loss";
        if (!kind->params[i].required)
            continue;
        xt_buf_printf(&set, ", %s: ", kind->params[i].name);
        unit_param_value(&kind->params[i], i, &expected, &set);
    }
    xt_buf_puts(&set, "}");
    xt_buf_puts(&all, "}");
    assert_kind(row, set.data, &expected);
    assert_kind(row, all.data, &every);
    xt_buf_clear(&set);
    xt_buf_clear(&all);
}

int main(void)
{
    static const struct { const char *path; const xt_table *table; } tables[] = {
        {"loss", &xt_losses},
        {"optimizer", &xt_optimizers},
        {"schedule", &xt_schedules},
        {"data.train.generate", &xt_generators},
        {"metrics", &xt_metrics},
        {"model.layers.0.activation", &xt_activations},
        {"model.init.weight", &xt_initializers},
    };
    static kind_row kinds[200];
    size_t n_kinds = 0;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (size_t i = 0; i < tables[t].table->n_rows; i++) {
            kinds[n_kinds] = (kind_row){tables[t].path, tables[t].table, i};
            unit_case(kind_arrives, &kinds[n_kinds++], "%s %s", tables[t].path, xt_table_at(tables[t].table, i)->name);
        }
    return unit_run("config tables");
}
