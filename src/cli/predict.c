#include "app/rows.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "cli/profile.h"
#include "data/data.h"
#include "engine/engine.h"
#include "model/metrics.h"
#include "model/ops.h"
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

/* ---- what a row says ---- */

typedef enum answer_kind {
    AMOUNTS, /* the target columns */
    SHARES,  /* `class`, then an output a class */
    SHARE,   /* likewise, of one output: the second class's probability */
    SIDE     /* `class`, then the output that tells it */
} answer_kind;

typedef struct answer {
    const xt_encoding *encoding;
    float threshold; /* of a single output */
    answer_kind kind;
    bool keep;
} answer;

static answer answer_of(const xt_model *model, bool keep)
{
    const xt_encoding *encoding = model->file.encoding;
    bool sigmoid = model->plan.layers[model->plan.n_layers - 1].activation == XT_ACT_sigmoid;
    answer_kind kind = !encoding->n_classes ? AMOUNTS : encoding->n_targets > 1 ? SHARES : sigmoid ? SHARE : SIDE;
    return (answer){encoding, xt_threshold_of(model->plan.spec), kind, keep};
}

/* A table that holds the targets too keeps their names, and a class may be called `class`. */
static void add_name(const char *name, bool taken, bool comma, xt_buf *out)
{
    xt_buf unique = {0};
    xt_buf_printf(&unique, "%s%s", name, taken ? "_predicted" : "");
    xt_buf_puts(out, comma ? "," : "");
    xt_csv_print_text(xt_buf_text(&unique), out);
    out->failed |= unique.failed;
    xt_buf_clear(&unique);
}

static const char class_name[] = "class";

static xt_status print_header(const answer *how, const xt_rows *rows, xt_buf *out, xt_err *err)
{
    const xt_encoding *encoding = how->encoding;
    bool classes = how->kind != AMOUNTS, shares = how->kind == SHARES || how->kind == SHARE;
    size_t n = shares ? encoding->n_classes : encoding->n_target_columns;
    if (how->keep)
        xt_buf_printf(out, "%s,", xt_rows_header(rows));
    if (classes)
        add_name(class_name, how->keep && xt_rows_has(rows, class_name), false, out);
    for (size_t i = 0; i < n; i++) {
        const char *name = shares ? encoding->classes[i] : encoding->target_names[i];
        bool taken = (classes && strcmp(name, class_name) == 0) || (how->keep && xt_rows_has(rows, name));
        add_name(name, taken, classes || i > 0, out);
    }
    xt_buf_puts(out, "\n");
    return xt_print(out, err);
}

static void add_number(double value, bool comma, xt_buf *out)
{
    char number[32];
    xt_csv_number(value, number);
    xt_buf_printf(out, "%s%s", comma ? "," : "", number);
}

/* Outputs that are no numbers say no class: the cell stays empty. */
static void add_class(const answer *how, const float *outputs, size_t n, xt_buf *out)
{
    long class = xt_class_of(outputs, n, how->threshold, false);
    if (class >= 0)
        xt_csv_print_text(how->encoding->classes[class], out);
}

static void add_row(const answer *how, const float *outputs, size_t n, xt_buf *out)
{
    if (how->kind != AMOUNTS)
        add_class(how, outputs, n, out);
    if (how->kind == SHARE)
        add_number(1 - (double)outputs[0], true, out);
    for (size_t i = 0; i < n; i++)
        add_number((double)outputs[i], how->kind != AMOUNTS || i > 0, out);
    xt_buf_puts(out, "\n");
}

static xt_status print_block(const answer *how, const xt_model *model, block *b, size_t n, xt_err *err)
{
    size_t m = model->plan.n_outputs;
    xt_buf_reset(&b->text);
    for (size_t r = 0; r < n; r++) {
        if (b->kept)
            xt_buf_printf(&b->text, "%s,", xt_buf_text(&b->kept[r]));
        add_row(how, b->outputs + r * m, m, &b->text);
    }
    return xt_print(&b->text, err);
}

static xt_status predict(const xt_model *model, xt_engine *engine, xt_rows *rows, bool keep, xt_err *err)
{
    block b = {0};
    answer how = answer_of(model, keep);
    xt_status status = open_block(model, keep, &b, err);
    if (!status)
        status = print_header(&how, rows, &b.text, err);
    for (size_t n = 1; !status && n;) {
        for (size_t i = 0; keep && i < BLOCK_ROWS; i++)
            xt_buf_reset(&b.kept[i]);
        status = xt_rows_read(rows, BLOCK_ROWS, b.inputs, b.kept, &n, err);
        if (!status && n)
            status = engine->ops->evaluate(engine, b.inputs, NULL, n, b.outputs, NULL, err);
        if (!status && n)
            status = print_block(&how, model, &b, n, err);
    }
    close_block(&b);
    return status;
}

xt_status xt_cmd_predict(const xt_options *options, xt_err *err)
{
    const char *path = options->n_args > 1 ? options->args[1] : "-";
    xt_model model = {0};
    xt_profiling profiling = {0};
    xt_rows *rows = NULL;
    xt_engine *engine = NULL;
    xt_status status = xt_model_load(options, &model, err);
    if (!status && strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
        xt_note("reading rows of %zu columns from the terminal; end with Ctrl-D", model.file.encoding->n_columns);
    if (!status)
        status = xt_rows_open(path, &xt_config_spec(model.config)->train, model.file.encoding, &rows, err);
    if (!status)
        status = xt_profiling_open(options, model.plan.spec, NULL, &profiling, err);
    if (!status) {
        xt_devices_prepare();
        status = xt_engine_open(&model.plan, NULL, model.state, &engine, err);
    }
    if (!status)
        status = xt_profiling_start(&profiling, err);
    if (!status)
        status = predict(&model, engine, rows, options->keep, err);
    status = xt_profiling_close(&profiling, status, err);
    xt_engine_close(&engine);
    xt_rows_close(&rows);
    xt_model_clear(&model);
    return status;
}
