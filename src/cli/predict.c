#include "app/rows.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "data/data.h"
#include "engine/engine.h"
#include "ocl/device.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_ROWS = 1024 };

/* What one block needs. */
typedef struct block {
    float *inputs, *outputs;
    xt_buf *kept; /* BLOCK_ROWS, where --keep */
    xt_buf text;
} block;

static xt_status open_block(const xt_model *model, bool keep, block *out, xt_err *err)
{
    out->inputs = calloc(BLOCK_ROWS * model->plan.n_inputs, sizeof *out->inputs);
    out->outputs = calloc(BLOCK_ROWS * model->plan.n_outputs, sizeof *out->outputs);
    out->kept = keep ? calloc(BLOCK_ROWS, sizeof *out->kept) : NULL;
    if (!out->inputs || !out->outputs || (keep && !out->kept))
        return xt_fail_memory(err, "a block of rows", BLOCK_ROWS * model->plan.n_inputs * sizeof *out->inputs);
    return XT_OK;
}

static void close_block(block *b)
{
    for (size_t i = 0; b->kept && i < BLOCK_ROWS; i++)
        xt_buf_clear(&b->kept[i]);
    free(b->kept);
    free(b->inputs);
    free(b->outputs);
    xt_buf_clear(&b->text);
}

/* What a model file does not say yet: columns of numbers as they are. */
static xt_status make_encoding(const xt_model_file *file, xt_arena *arena, xt_encoding *out, xt_err *err)
{
    xt_input_column *columns = xt_arena_alloc(arena, file->n_inputs, sizeof *columns);
    if (!columns)
        return xt_fail_memory(err, "the model's columns", file->n_inputs * sizeof *columns);
    for (size_t i = 0; i < file->n_inputs; i++)
        columns[i] = (xt_input_column){.name = file->input_names[i], .at = i};
    *out = (xt_encoding){.n_columns = file->n_inputs,
                         .columns = columns,
                         .n_inputs = file->n_inputs,
                         .n_target_columns = file->n_targets,
                         .target_names = file->target_names,
                         .n_targets = file->n_targets};
    return XT_OK;
}

static xt_status print_header(const xt_model *model, const xt_rows *rows, bool keep, xt_buf *out, xt_err *err)
{
    if (keep)
        xt_buf_printf(out, "%s,", xt_rows_header(rows));
    for (size_t i = 0; i < model->file.n_targets; i++) {
        const char *name = model->file.target_names[i];
        xt_buf unique = {0};
        /* A table that holds the targets too keeps their names. */
        xt_buf_printf(&unique, "%s%s", name, keep && xt_rows_has(rows, name) ? "_predicted" : "");
        xt_buf_puts(out, i ? "," : "");
        xt_csv_print_text(xt_buf_text(&unique), out);
        out->failed |= unique.failed;
        xt_buf_clear(&unique);
    }
    xt_buf_puts(out, "\n");
    return xt_print(out, err);
}

static void add_output(double value, bool comma, xt_buf *out)
{
    char number[32];
    xt_csv_number(value, number);
    xt_buf_printf(out, "%s%s", comma ? "," : "", number);
}

static xt_status print_block(const xt_model *model, block *b, size_t n, xt_err *err)
{
    size_t m = model->plan.n_outputs;
    xt_buf_reset(&b->text);
    for (size_t r = 0; r < n; r++) {
        if (b->kept)
            xt_buf_printf(&b->text, "%s,", xt_buf_text(&b->kept[r]));
        for (size_t j = 0; j < m; j++)
            add_output((double)b->outputs[r * m + j], j > 0, &b->text);
        xt_buf_puts(&b->text, "\n");
    }
    return xt_print(&b->text, err);
}

static xt_status predict(const xt_model *model, xt_engine *engine, xt_rows *rows, bool keep, xt_err *err)
{
    block b = {0};
    xt_status status = open_block(model, keep, &b, err);
    if (!status)
        status = print_header(model, rows, keep, &b.text, err);
    for (size_t n = 1; !status && n;) {
        for (size_t i = 0; keep && i < BLOCK_ROWS; i++)
            xt_buf_reset(&b.kept[i]);
        status = xt_rows_read(rows, BLOCK_ROWS, b.inputs, b.kept, &n, err);
        if (!status && n)
            status = engine->ops->evaluate(engine, b.inputs, NULL, n, b.outputs, NULL, err);
        if (!status && n)
            status = print_block(model, &b, n, err);
    }
    close_block(&b);
    return status;
}

xt_status xt_cmd_predict(const xt_options *options, xt_err *err)
{
    const char *path = options->n_args > 1 ? options->args[1] : "-";
    xt_model model = {0};
    xt_rows *rows = NULL;
    xt_engine *engine = NULL;
    xt_arena arena = {0};
    xt_encoding encoding = {0};
    xt_status status = xt_model_load(options, &model, err);
    if (!status && strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
        xt_note("reading rows of %zu inputs from the terminal; end with Ctrl-D", model.file.n_inputs);
    if (!status)
        status = make_encoding(&model.file, &arena, &encoding, err);
    if (!status)
        status = xt_rows_open(path, &xt_config_spec(model.config)->train, &encoding, &rows, err);
    if (!status) {
        xt_devices_prepare();
        status = xt_engine_open(&model.plan, NULL, model.state, &engine, err);
    }
    if (!status)
        status = predict(&model, engine, rows, options->keep, err);
    xt_engine_close(&engine);
    xt_rows_close(&rows);
    xt_arena_clear(&arena);
    xt_model_clear(&model);
    return status;
}
