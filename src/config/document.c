/* docs/CONFIG.md from the schema and the tables that it names. */
#include "config/config.h"

#include "config/schema.h"

#include <math.h>
#include <string.h>

static const char intro[] =
    "# Configuration reference\n"
    "\n"
    "Generated from the program's schema by `xortrain config --document`; a test fails when it drifts.\n"
    "\n"
    "A configuration is one YAML mapping. Several `--config` files are merged in order, mappings key by key, lists\n"
    "and values replaced; then come `--set KEY=VALUE` and bare `KEY=VALUE`, which replace the value at KEY, the dotted\n"
    "path of the tables below with list elements by index: `model.layers.0.units=32`. The last one wins. Where a kind\n"
    "gets another `type`, as by `optimizer.type=adam`, it keeps the parameters that both types have.\n"
    "\n"
    "Values are typed by their key: `1e-4`, `.5` and `+1` are numbers wherever a number is expected, a quoted `\"3\"` is\n"
    "not, and only `true` and `false` are booleans. Where a key takes a kind with parameters, the bare name is its short\n"
    "form: `loss: mse` is `loss: {type: mse}`. `lr` is another name of `learning_rate`. Unknown keys, keys given twice,\n"
    "wrong types and values out of range are errors, told all at once with file, line, column and the nearest name.\n"
    "\n"
    "Rows come from one of `file`, `generate`, or `inputs` and `targets` written out; those of `data.validation` and\n"
    "`data.test` from `split` too. What these two do not say of a file or a generator is as in `data.train`.\n"
    "\n"
    "`sweep` stands for many trainings, the trials, each with other values of some keys; what trains or checks one\n"
    "configuration passes over it. Values may be written out, count up (`0..99`, `8..64..8`), lie at equal distances or\n"
    "ratios (`linear(0, 1, 5)`, `log(1e-4, 0.1, 7)`), or, by method random, be drawn (`log_uniform(1e-4, 0.1)`; as a\n"
    "mapping with `q`, of which they are then multiples). `--sweep KEY=VALUES` adds a parameter or replaces one, in the\n"
    "same words: `--sweep optimizer.lr=0.1,0.03`. Trials are numbered from 0, the last parameter's value changes first,\n"
    "and before all others the seed of `repeat` or `seeds`; trial N is the same however many are trained. `{trial}` in\n"
    "`output.dir` is its number, and `base` in a configuration that is no trial.\n"
    "\n"
    "```yaml\n"
    "sweep:\n"
    "  metric: loss\n"
    "  parameters:\n"
    "    optimizer.learning_rate: [0.1, 0.03, 0.01]\n"
    "    model.layers.0.units: 8..32..8\n"
    "  repeat: 5\n"
    "```\n"
    "\n"
    "A configuration file has at most 1 MiB, 64 levels and one document; tags, NUL bytes and invalid UTF-8 are refused.\n"
    "`xortrain config --config FILE` prints the resolved configuration, `--origins` where each value came from.\n";

/* '|' would end a cell of a Markdown table. */
static void add_cell(const char *text, xt_buf *out)
{
    for (; *text; text++)
        xt_buf_printf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static const char lender[] = "data.train.";

static void document_field(const xt_field *field, const char *path, xt_buf *out)
{
    xt_buf what = {0};
    field->type->describe(field, &what);
    xt_buf_printf(out, "| `%s%s` | ", path, field->name);
    add_cell(xt_buf_text(&what), out);
    if (field->required)
        xt_buf_puts(out, " | required | ");
    else if (field->lent_with && strncmp(path, lender, strlen(lender)) != 0)
        xt_buf_puts(out, " | as in `data.train` | ");
    else if (field->def)
        xt_buf_printf(out, " | `%s` | ", field->def);
    else
        xt_buf_puts(out, " | | ");
    add_cell(field->help, out);
    if (field->needs)
        xt_buf_printf(out, " (with `%s`)", field->needs);
    xt_buf_puts(out, " |\n");
    xt_buf_clear(&what);
}

static void document_fields(const xt_field *fields, const char *path, xt_buf *out)
{
    for (const xt_field *field = fields; field->name; field++)
        if (!field->fields)
            document_field(field, path, out);
    for (const xt_field *field = fields; field->name; field++) {
        if (!field->fields)
            continue;
        xt_buf inner = {0};
        xt_buf_printf(&inner, "%s%s%s", path, field->name, field->type == &xt_type_sections ? ".N." : ".");
        document_fields(field->fields, xt_buf_text(&inner), out);
        xt_buf_clear(&inner);
    }
}

/* The rows of a table that are names only. */
static void document_names(const xt_table *table, xt_buf *out)
{
    xt_buf_printf(out, "\n### %s\n\n", table->noun);
    for (size_t i = 0; i < table->n_rows; i++)
        xt_buf_printf(out, "- `%s`: %s\n", xt_table_at(table, i)->name, xt_table_at(table, i)->help);
}

static void document_param(const xt_param *param, xt_buf *out)
{
    xt_buf_printf(out, "  - `%s`: ", param->name);
    xt_describe_param(param, out);
    xt_buf_printf(out, ", %s; ", param->help);
    if (param->required)
        xt_buf_puts(out, "required\n");
    else if (param->type == XT_PARAM_TEXT && !param->def_text)
        xt_buf_puts(out, "optional\n"); /* its help says what it is then */
    else if (param->type == XT_PARAM_TEXT)
        xt_buf_printf(out, "default `%s`\n", param->def_text);
    else if (param->type == XT_PARAM_LIST && !param->names)
        xt_buf_puts(out, "default none\n");
    else if (param->type == XT_PARAM_NUMBER)
        xt_buf_printf(out, "default `%.9g`\n", (double)param->def);
    else if (param->type == XT_PARAM_BOOL)
        xt_buf_printf(out, "default `%s`\n", param->def != 0 ? "true" : "false");
    else
        xt_buf_printf(out, "default `%s`\n", param->names[(size_t)param->def]);
}

static void document_kinds(const xt_table *table, xt_buf *out)
{
    xt_buf_printf(out, "\n### %s\n\n", table->noun);
    for (size_t i = 0; i < table->n_rows; i++) {
        const xt_kind *kind = xt_kind_at(table, (int)i);
        xt_buf_printf(out, "- `%s`: %s\n", kind->row.name, kind->row.help);
        for (const xt_param *param = kind->params; param->name; param++)
            document_param(param, out);
    }
}

enum { MAX_TABLES = 32 };

/* Every table that a field names, once, in the order of the fields. */
static size_t gather_tables(const xt_field *fields, const xt_field *found[MAX_TABLES], size_t n)
{
    for (const xt_field *field = fields; field->name; field++) {
        if (field->fields)
            n = gather_tables(field->fields, found, n);
        bool known = !field->table;
        for (size_t i = 0; i < n; i++)
            known |= found[i]->table == field->table;
        if (!known && n < MAX_TABLES)
            found[n++] = field;
    }
    return n;
}

void xt_config_document(xt_buf *out)
{
    const xt_field *found[MAX_TABLES];
    size_t n = gather_tables(xt_schema, found, 0);
    xt_buf_puts(out, intro);
    xt_buf_puts(out, "\n## Keys\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    document_fields(xt_schema, "", out);
    xt_buf_puts(out, "\n## Names\n");
    for (size_t i = 0; i < n; i++)
        if (found[i]->type == &xt_type_kind || found[i]->type == &xt_type_kinds)
            document_kinds(found[i]->table, out);
        else
            document_names(found[i]->table, out);
}
