#include "cli/opener.h"

#include "base/hash.h"
#include "cli/session.h"
#include "config/emit.h"
#include "config/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows that the opener keeps: of so many kinds, and beside those of the last trial of so many values at most. */
enum { MOST_KEPT = 32, KEPT_VALUES = 1 << 25 };

/* Rows that trials share, until the last of them is closed. */
typedef struct rows {
    xt_parts parts;
    char key[XT_HASH_BYTES]; /* of all that they depend on */
    size_t users;
} rows;

struct xt_opener {
    const xt_space *space;
    rows *kept[MOST_KEPT]; /* which it uses itself, for trials to come: those that were asked for last come first */
    size_t n_kept;
};

typedef struct open_trial {
    xt_trial trial; /* first: a pointer to it is one to this */
    xt_config *config;
    rows *rows;
} open_trial;

/* ---- rows ---- */

static void leave(rows **at)
{
    rows *r = *at;
    *at = NULL;
    if (!r || --r->users)
        return;
    xt_parts_clear(&r->parts);
    free(r);
}

/* A split is drawn by the seed; so is what is generated, whose seeds the spec has resolved. */
static void print_seeds(const xt_spec *spec, xt_buf *out)
{
    const xt_source *sources[] = {&spec->train, &spec->validation.source, &spec->test.source};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (sources[i]->samples)
            xt_buf_printf(out, " %" PRIu64 " %" PRIu64, sources[i]->shape_seed, sources[i]->generate_seed);
    if (spec->validation.split > 0 || spec->test.split > 0)
        xt_buf_printf(out, " %" PRIu64, spec->seed);
}

/* What the rows depend on: the data, the loss, which weighs them, and the last layer, which says how targets are encoded. */
static xt_status key_of(const xt_config *config, char *key, xt_err *err)
{
    const xt_spec *spec = xt_config_spec(config);
    const xt_node *tree = xt_config_tree(config), *data = xt_node_get(tree, "data"), *loss = xt_node_get(tree, "loss");
    const xt_layer *last = &spec->layers[spec->n_layers - 1];
    xt_buf text = {0};
    if (data)
        xt_emit_json(data, &text);
    if (loss)
        xt_emit_json(loss, &text);
    xt_buf_printf(&text, " %" PRIu32 " %d", last->units, last->activation.kind);
    print_seeds(spec, &text);
    xt_status status = text.failed ? xt_fail_memory(err, "the data of a trial", text.len) : XT_OK;
    if (!status)
        xt_hash_block(text.data, text.len, key);
    xt_buf_clear(&text);
    return status;
}

static xt_status load(const xt_spec *spec, const char *key, rows **out, xt_err *err)
{
    rows *r = calloc(1, sizeof *r);
    if (!r)
        return xt_fail_memory(err, "the data of a trial", sizeof *r);
    r->users = 1;
    memcpy(r->key, key, sizeof r->key);
    xt_status status = xt_load_rows(spec, &r->parts, err);
    if (status)
        leave(&r);
    else
        *out = r;
    return status;
}

static size_t values_of(const rows *r)
{
    const xt_dataset *parts[] = {&r->parts.train, &r->parts.validation, &r->parts.test};
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        n += parts[i]->n_rows * (parts[i]->n_inputs + parts[i]->n_targets);
    return n;
}

/* Leaves those that are too many behind the first one. */
static void forget(xt_opener *opener)
{
    size_t n = 0, values = 0;
    while (n < opener->n_kept && (n == 0 || values + values_of(opener->kept[n]) <= KEPT_VALUES))
        values += values_of(opener->kept[n++]);
    while (opener->n_kept > n)
        leave(&opener->kept[--opener->n_kept]);
}

static void put_first(xt_opener *opener, size_t at)
{
    rows *first = opener->kept[at];
    memmove(opener->kept + 1, opener->kept, at * sizeof *opener->kept);
    opener->kept[0] = first;
}

static xt_status rows_for(xt_opener *opener, const xt_config *config, rows **out, xt_err *err)
{
    char key[XT_HASH_BYTES];
    rows *loaded = NULL;
    size_t at = 0;
    xt_status status = key_of(config, key, err);
    while (!status && at < opener->n_kept && strcmp(opener->kept[at]->key, key) != 0)
        at++;
    if (!status && at == opener->n_kept)
        status = load(xt_config_spec(config), key, &loaded, err);
    if (status)
        return status;
    if (loaded) {
        if (at == MOST_KEPT)
            leave(&opener->kept[--at]);
        opener->kept[at] = loaded;
        opener->n_kept = at + 1;
    }
    put_first(opener, at);
    forget(opener);
    opener->kept[0]->users++;
    *out = opener->kept[0];
    return XT_OK;
}

/* ---- trials ---- */

static const xt_dataset *part_of(const xt_dataset *part)
{
    return part->n_rows ? part : NULL;
}

static xt_status fill(xt_opener *opener, uint64_t number, open_trial *t, xt_err *err)
{
    xt_status status = xt_space_config(opener->space, number, &t->config, err);
    if (!status)
        status = rows_for(opener, t->config, &t->rows, err);
    if (status)
        return status;
    const xt_parts *parts = &t->rows->parts;
    t->trial = (xt_trial){.number = number, .data = &parts->train, .validation = part_of(&parts->validation),
                          .test = part_of(&parts->test)};
    status = xt_plan_make(xt_config_spec(t->config), parts->train.n_inputs, parts->train.n_targets, &t->trial.plan, err);
    if (status == XT_BAD_CONFIG)
        xt_config_locate(t->config, err);
    return status;
}

static void release(open_trial *t)
{
    leave(&t->rows);
    xt_config_close(&t->config);
    free(t);
}

xt_status xt_opener_trial(xt_opener *opener, uint64_t number, xt_trial **out, xt_err *err)
{
    open_trial *t = calloc(1, sizeof *t);
    if (!t)
        return xt_fail_memory(err, "a trial", sizeof *t);
    xt_status status = fill(opener, number, t, err);
    if (status)
        release(t);
    else
        *out = &t->trial;
    return status;
}

void xt_opener_release(xt_opener *opener, xt_trial *trial)
{
    (void)opener;
    release((open_trial *)(void *)trial);
}

xt_status xt_opener_open(const xt_space *space, xt_opener **out, xt_err *err)
{
    xt_opener *opener = calloc(1, sizeof *opener);
    if (!opener)
        return xt_fail_memory(err, "the trials of a sweep", sizeof *opener);
    opener->space = space;
    *out = opener;
    return XT_OK;
}

void xt_opener_close(xt_opener **opener)
{
    for (size_t i = 0; *opener && i < (*opener)->n_kept; i++)
        leave(&(*opener)->kept[i]);
    free(*opener);
    *opener = NULL;
}
