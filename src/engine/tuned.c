#include "engine/tuned.h"

#include "base/log.h"
#include "base/number.h"
#include "engine/gemm.h"
#include "engine/tiled.h"
#include "model/ops.h"
#include "ocl/cache.h"
#include "ocl/compiler.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* ---- text ---- */

static const struct {
    const char *name;
    size_t offset; /* of an int of xt_tiles */
} numbers[] = {
    {"width", offsetof(xt_tiles, width)},
    {"vectors", offsetof(xt_tiles, vectors)},
    {"rows", offsetof(xt_tiles, rows)},
    {"depth", offsetof(xt_tiles, depth)},
    {"block_inputs", offsetof(xt_tiles, block_inputs)},
    {"block_panels", offsetof(xt_tiles, block_panels)},
};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

/* Longer than any line and text of ours. */
enum { MAX_LINE = 64, MAX_TEXT = 1024 };

void xt_tuned_print(const xt_tiles *tiles, xt_buf *out)
{
    for (size_t i = 0; i < N_NUMBERS; i++) {
        int value;
        memcpy(&value, (const char *)tiles + numbers[i].offset, sizeof value);
        xt_buf_printf(out, "%s=%d\n", numbers[i].name, value);
    }
}

/* A line without its end, to the number that it names; seen: those that lines before it named. */
static xt_status parse_line(char *line, bool seen[N_NUMBERS], xt_tiles *tiles, xt_err *err)
{
    uint64_t value;
    char *equals = strchr(line, '=');
    if (!equals)
        return xt_fail(err, XT_FAILED, "a line is not of the form name=number");
    *equals = '\0';
    size_t i = 0;
    while (i < N_NUMBERS && strcmp(numbers[i].name, line) != 0)
        i++;
    if (i == N_NUMBERS)
        return xt_fail(err, XT_FAILED, "'%s' is not known", line);
    if (seen[i])
        return xt_fail(err, XT_FAILED, "%s is there twice", line);
    if (xt_number_uint(equals + 1, &value) != XT_NUMBER_OK || value > INT_MAX)
        return xt_fail(err, XT_FAILED, "%s is '%s'", line, equals + 1);
    seen[i] = true;
    memcpy((char *)tiles + numbers[i].offset, &(int){(int)value}, sizeof(int));
    return XT_OK;
}

xt_status xt_tuned_parse(const char *text, size_t n_bytes, cl_ulong local_bytes, xt_tiles *tiles, xt_err *err)
{
    bool seen[N_NUMBERS] = {false};
    xt_tiles read = *tiles;
    xt_status status = XT_OK;
    if (n_bytes > MAX_TEXT)
        return xt_fail(err, XT_FAILED, "%zu bytes are too many", n_bytes);
    for (size_t at = 0; !status && at < n_bytes;) {
        char line[MAX_LINE];
        const char *end = memchr(text + at, '\n', n_bytes - at);
        size_t n = end ? (size_t)(end - text) - at : 0;
        if (!end || n >= sizeof line || memchr(text + at, '\0', n))
            return xt_fail(err, XT_FAILED, "a line is not of the form name=number");
        memcpy(line, text + at, n);
        line[n] = '\0';
        status = parse_line(line, seen, &read, err);
        at += n + 1;
    }
    for (size_t i = 0; !status && i < N_NUMBERS; i++)
        if (!seen[i])
            status = xt_fail(err, XT_FAILED, "%s is missing", numbers[i].name);
    if (!status)
        status = xt_tiles_check(&read, local_bytes, err);
    if (!status)
        *tiles = read;
    return status;
}

static const char way_name[] = "products=";

void xt_tuned_print_way(size_t way, xt_buf *out)
{
    xt_buf_printf(out, "%s%s\n", way_name, xt_product_way_name(way));
}

xt_status xt_tuned_parse_way(const char *text, size_t n_bytes, size_t *way, xt_err *err)
{
    char name[MAX_LINE];
    size_t before = sizeof way_name - 1, n = n_bytes - before - 1;
    if (n_bytes <= before + 1 || n >= sizeof name || memcmp(text, way_name, before) != 0 || text[n_bytes - 1] != '\n')
        return xt_fail(err, XT_FAILED, "it is not of the form products=NAME");
    memcpy(name, text + before, n);
    name[n] = '\0';
    size_t found = strlen(name) == n ? xt_product_way_find(name) : XT_PRODUCT_WAYS;
    if (found == XT_PRODUCT_WAYS)
        return xt_fail(err, XT_FAILED, "there are no products '%s'", name);
    *way = found;
    return XT_OK;
}

/* ---- in the cache ---- */

/* What is kept of one kind of devices. */
typedef struct kind {
    const char *noun;
    const char *const *files; /* of the kernels */
    size_t n_files;
    void (*name)(xt_buf *text); /* appends what else the key holds; NULL: nothing */
    void (*print)(const void *value, xt_buf *out);
    xt_status (*parse)(const xt_context *context, const xt_cache_entry *entry, void *value, xt_err *err);
} kind;

static void print_tiles(const void *value, xt_buf *out)
{
    xt_tuned_print(value, out);
}

static xt_status parse_tiles(const xt_context *context, const xt_cache_entry *entry, void *value, xt_err *err)
{
    return xt_tuned_parse((const char *)entry->bytes, entry->n_bytes, context->device.local_bytes, value, err);
}

static const kind tiles_kind = {"tiles", xt_tiled_files, XT_TILED_FILES, NULL, print_tiles, parse_tiles};

/* A set is its parameters, not its name. */
static void name_sets(xt_buf *text)
{
    xt_buf_puts(text, "products");
    for (size_t i = 0; i < xt_blas_sets.n_rows; i++) {
        const xt_blas_set *set = (const xt_blas_set *)xt_table_at(&xt_blas_sets, i);
        xt_buf_printf(text, " %s", set->row.name);
        for (size_t j = 0; j < XT_BLAS_PARAMETERS; j++)
            xt_buf_printf(text, " %zu", set->values[j]);
    }
    xt_buf_puts(text, ", ");
}

static void print_way(const void *value, xt_buf *out)
{
    xt_tuned_print_way(*(const size_t *)value, out);
}

static xt_status parse_way(const xt_context *context, const xt_cache_entry *entry, void *value, xt_err *err)
{
    (void)context;
    return xt_tuned_parse_way((const char *)entry->bytes, entry->n_bytes, value, err);
}

static const kind way_kind = {"products", xt_gemm_files, XT_GEMM_FILES, name_sets, print_way, parse_way};

static xt_status make_key(const kind *of, const xt_context *context, const xt_plan *plan, size_t batch_rows,
                          char key[XT_HASH_BYTES], xt_err *err)
{
    const xt_program_source source = {NULL, of->files, of->n_files};
    char program[XT_HASH_BYTES];
    xt_buf text = {0};
    xt_status status = xt_program_key(context, &source, program, err);
    if (status)
        return status;
    if (of->name)
        of->name(&text);
    xt_buf_printf(&text, "tune %d, %u threads", XT_TUNED_FORMAT, context->device.compute_units);
    for (size_t i = 0; plan && i < plan->n_layers; i++)
        xt_buf_printf(&text, ", %zu to %zu", plan->layers[i].inputs, plan->layers[i].units);
    if (plan)
        xt_buf_printf(&text, ", batch %zu, %s", batch_rows,
                      xt_table_at(&xt_optimizers, (size_t)plan->spec->optimizer.kind)->name);
    status = text.failed ? xt_fail_memory(err, "the name of an entry", text.len)
                         : xt_compiler_key(program, text.data, text.len, key, err);
    xt_buf_clear(&text);
    return status;
}

static bool read_entry(const kind *of, const xt_context *context, const xt_plan *plan, size_t batch_rows, void *value)
{
    const char *what = plan ? "this network" : "the device";
    char key[XT_HASH_BYTES];
    xt_cache_entry entry = {0};
    xt_err err;
    /* Few networks were tuned: that is not worth a line. */
    if (!context->cache || make_key(of, context, plan, batch_rows, key, &err) || xt_cache_lacks(context->cache, key))
        return false;
    xt_status status = xt_cache_read(context->cache, key, &entry, &err);
    if (!status)
        status = of->parse(context, &entry, value, &err);
    if (status)
        xt_detail("%s tuned for %s, entry %s of the cache, are not used: %s", of->noun, what, key, err.text);
    else
        xt_detail("%s tuned for %s, entry %s of the cache", of->noun, what, key);
    xt_cache_entry_clear(&entry);
    return !status;
}

static xt_status keep_entry(const kind *of, const xt_context *context, const xt_plan *plan, size_t batch_rows,
                            const void *value, xt_err *err)
{
    char key[XT_HASH_BYTES];
    xt_buf text = {0};
    xt_status status = make_key(of, context, plan, batch_rows, key, err);
    of->print(value, &text);
    if (!status && text.failed)
        status = xt_fail_memory(err, "what was found", text.len);
    if (!status)
        status = xt_cache_write(context->cache, key, text.data, text.len, err);
    xt_buf_clear(&text);
    return status;
}

xt_status xt_tuned_key(const xt_context *context, const xt_plan *plan, size_t batch_rows, char key[XT_HASH_BYTES],
                       xt_err *err)
{
    return make_key(&tiles_kind, context, plan, batch_rows, key, err);
}

bool xt_tuned_read(const xt_context *context, const xt_plan *plan, size_t batch_rows, xt_tiles *tiles)
{
    return read_entry(&tiles_kind, context, plan, batch_rows, tiles);
}

bool xt_tuned_find(const xt_context *context, const xt_plan *plan, size_t batch_rows, xt_tiles *tiles)
{
    return xt_tuned_read(context, plan, batch_rows, tiles) || xt_tuned_read(context, NULL, 0, tiles);
}

xt_status xt_tuned_keep(const xt_context *context, const xt_plan *plan, size_t batch_rows, const xt_tiles *tiles,
                        xt_err *err)
{
    return keep_entry(&tiles_kind, context, plan, batch_rows, tiles, err);
}

bool xt_tuned_read_way(const xt_context *context, const xt_plan *plan, size_t batch_rows, size_t *way)
{
    return read_entry(&way_kind, context, plan, batch_rows, way);
}

bool xt_tuned_find_way(const xt_context *context, const xt_plan *plan, size_t batch_rows, size_t *way)
{
    return xt_tuned_read_way(context, plan, batch_rows, way) || xt_tuned_read_way(context, NULL, 0, way);
}

xt_status xt_tuned_keep_way(const xt_context *context, const xt_plan *plan, size_t batch_rows, size_t way, xt_err *err)
{
    return keep_entry(&way_kind, context, plan, batch_rows, &way, err);
}
