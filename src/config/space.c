#include "config/space.h"

#include "base/number.h"
#include "base/text.h"
#include "config/emit.h"
#include "config/opened.h"
#include "config/override.h"
#include "model/rng.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Keys whose values change together. */
typedef struct dimension {
    uint64_t n;      /* values; 0: one key's that are drawn */
    uint64_t stride; /* grid: combinations from one value to the next */
    xt_key random;   /* method random: what its values are drawn by */
} dimension;

struct xt_space {
    xt_arena arena;
    const xt_config *base;
    const xt_sweep *sweep;
    const xt_node *tree; /* the base's, without `sweep` */
    const xt_node *dir;  /* output.dir where {trial} is in it, else NULL */
    dimension *axes;          /* one a key; those of keys that are led by another are not used */
    xt_domain seeds;     /* n 0: none are set */
    uint64_t n_combinations, count;
};

/* ---- which values a trial takes ---- */

static const xt_swept *key_at(const xt_space *space, size_t key)
{
    return &space->sweep->swept[key];
}

/* A whole word as a number from 0 to below 1. */
static double unit(xt_key bits)
{
    return (double)(((uint64_t)bits.hi << 32 | bits.lo) >> 11) * 0x1p-53;
}

static xt_pick draw(const dimension *axis, uint64_t combination)
{
    uint32_t hi = (uint32_t)(combination >> 32), lo = (uint32_t)combination;
    xt_pick pick = {.u = unit(xt_threefry(axis->random, hi, lo)),
                    .v = unit(xt_threefry(xt_key_fold_in(axis->random, 1), hi, lo))};
    pick.index = (uint64_t)(pick.u * (double)axis->n);
    return pick;
}

/* What the axes' values are picked by: a combination, or (probe) the first of each but for one axis'. */
typedef struct selection {
    uint64_t combination;
    bool probe;
    size_t axis;
    xt_pick pick;
} selection;

static xt_pick pick_of(const xt_space *space, const selection *choice, size_t key)
{
    size_t leader = key_at(space, key)->leader;
    const dimension *axis = &space->axes[leader];
    if (choice->probe)
        return leader == choice->axis ? choice->pick : (xt_pick){0};
    if (space->sweep->method == XT_SWEEP_RANDOM)
        return draw(axis, choice->combination);
    return (xt_pick){.index = choice->combination / axis->stride % axis->n};
}

uint64_t xt_space_repeats(const xt_space *space)
{
    return space->seeds.n ? space->seeds.n : 1;
}

static selection choice_of(const xt_space *space, uint64_t trial)
{
    return (selection){.combination = trial / xt_space_repeats(space)};
}

static xt_pick seed_of(const xt_space *space, uint64_t trial)
{
    return (xt_pick){.index = trial % xt_space_repeats(space)};
}

/* ---- a trial's configuration ---- */

/* The tree with a value over it; NULL goes through. A value's place is its own, its key's that of the sweep. */
static const xt_node *set(xt_diags *diags, const xt_node *tree, const char *key, xt_place place, const xt_domain *domain,
                          xt_pick pick)
{
    const xt_node *value = tree ? xt_domain_value(diags->arena, domain, pick) : NULL;
    if (tree && !value)
        xt_diag_memory(diags);
    return value ? xt_override(diags, tree, key, value, place) : NULL;
}

/* output.dir with the number in it: the trial's configuration, which knows of no sweep, has to say the same. */
static const xt_node *set_dir(const xt_space *space, xt_diags *diags, const xt_node *tree, uint64_t trial)
{
    xt_buf text = {0};
    for (const char *at = space->dir->text; *at;) {
        bool number = strncmp(at, "{trial}", 7) == 0;
        if (number)
            xt_buf_printf(&text, "%" PRIu64, trial);
        else
            xt_buf_add(&text, at, 1);
        at += number ? 7 : 1;
    }
    const xt_node *dir =
        text.failed ? NULL : xt_node_scalar(diags->arena, xt_buf_text(&text), XT_SCALAR_TEXT, space->dir->place);
    xt_buf_clear(&text);
    if (!dir)
        xt_diag_memory(diags);
    return dir ? xt_override(diags, tree, "output.dir", dir, dir->place) : NULL;
}

/* Fills a config whose arena is empty; what is wrong is in its diags. */
static void decode(const xt_space *space, const selection *choice, uint64_t trial, xt_config *config)
{
    const xt_node *tree = space->tree;
    xt_diags *diags = &config->diags;
    diags->arena = &config->arena;
    diags->sources = space->base->diags.sources;
    for (size_t i = 0; tree && i < space->sweep->n_swept; i++) {
        const xt_swept *swept = key_at(space, i);
        tree = set(diags, tree, swept->key, swept->place, &swept->domain, pick_of(space, choice, i));
    }
    if (space->seeds.n)
        tree = set(diags, tree, "seed", space->seeds.node->place, &space->seeds, seed_of(space, trial));
    if (tree && space->dir)
        tree = set_dir(space, diags, tree, trial);
    if (tree)
        xt_config_decode(config, tree, space->base->root.spec.name);
}

/* "trial 12: optimizer.learning_rate=0.1 seed=3" before what is wrong with it. */
static xt_status fail_trial(const xt_space *space, uint64_t trial, xt_status status, xt_err *err)
{
    enum { MAX_LINE = 1000 };
    xt_buf line = {0}, text = {0};
    if (!err)
        return status;
    xt_buf_printf(&line, "trial %" PRIu64 ":", trial);
    for (size_t i = 0; i < space->sweep->n_swept; i++) {
        xt_buf_printf(&line, " %s=", xt_space_key(space, i));
        xt_space_value(space, trial, i, &line);
    }
    if (space->seeds.n)
        xt_buf_printf(&line, " seed=%" PRIu64, xt_space_seed(space, trial));
    if (line.len > MAX_LINE)
        line.data[MAX_LINE] = '\0';
    if (line.data)
        xt_text_mask(line.data);
    xt_buf_printf(&text, "%s%s\n%s", xt_buf_text(&line), line.len > MAX_LINE ? " ..." : "", err->text);
    if (!text.failed)
        xt_fail(err, status, "%s", text.data);
    xt_buf_clear(&line);
    xt_buf_clear(&text);
    return status;
}

xt_status xt_space_config(const xt_space *space, uint64_t trial, xt_config **out, xt_err *err)
{
    xt_config *config = calloc(1, sizeof *config);
    if (!config)
        return xt_fail_memory(err, "a trial's configuration", sizeof *config);
    selection choice = choice_of(space, trial);
    decode(space, &choice, trial, config);
    xt_status status = xt_diags_finish(&config->diags, err);
    if (!status)
        status = xt_config_resolve(config, err);
    if (status) {
        xt_config_close(&config);
        return status == XT_BAD_CONFIG ? fail_trial(space, trial, status, err) : status;
    }
    *out = config;
    return XT_OK;
}

/* ---- what is wrong with a space ---- */

/* Adds what is wrong with a probe, but for what is there already: each probe of a wrong value tells of it again. */
static void add_diags(xt_diags *all, const xt_diags *more)
{
    if (more->no_memory)
        xt_diag_memory(all);
    for (size_t i = 0; i < more->n_shown; i++) {
        xt_place place = more->shown[i].place;
        bool known = false;
        for (size_t k = 0; k < all->n_shown && !known; k++)
            known = memcmp(&all->shown[k].place, &place, sizeof place) == 0 &&
                    strcmp(all->shown[k].text, more->shown[i].text) == 0;
        if (!known)
            xt_diag(all, place, "%s", more->shown[i].text);
    }
}

static void probe(const xt_space *space, const selection *choice, uint64_t seed, xt_diags *all)
{
    xt_config *config = calloc(1, sizeof *config);
    if (!config) {
        xt_diag_memory(all);
        return;
    }
    decode(space, choice, seed, config);
    add_diags(all, &config->diags);
    xt_config_close(&config);
}

enum { MAX_PROBES = 16 };

static bool is_written_out(const xt_space *space, size_t leader)
{
    for (size_t i = leader; i < space->sweep->n_swept; i++)
        if (key_at(space, i)->leader == leader && key_at(space, i)->domain.values)
            return true;
    return false;
}

/* From one probed value to the next: all of those that someone wrote, a few of those that are worked out. */
static uint64_t probe_step(uint64_t n, bool all)
{
    return all ? 1 : n / MAX_PROBES + 1;
}

/* Each value of an axis, with the first ones of the others: all that is wrong then is of a real combination. Of values
 * by one rule the first wrong one is told. */
static void probe_axis(const xt_space *space, size_t leader, xt_diags *all)
{
    const dimension *axis = &space->axes[leader];
    bool written = is_written_out(space, leader);
    selection choice = {.probe = true, .axis = leader};
    size_t before = all->n_total;
    uint64_t step = probe_step(axis->n, written);
    for (uint64_t i = 0; i < axis->n && all->n_shown < XT_MAX_DIAGS && (written || all->n_total == before); i += step) {
        choice.pick.index = i;
        probe(space, &choice, 0, all);
    }
    choice.pick = axis->n ? (xt_pick){.index = axis->n - 1} : (xt_pick){.u = 1};
    if (all->n_total == before && (axis->n || xt_domain_is_bounded(&key_at(space, leader)->domain)))
        probe(space, &choice, 0, all);
}

static bool is_apart(const char *key)
{
    static const char *const apart[] = {"sweep", "name", "log", "output"};
    size_t n = strcspn(key, ".");
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++)
        if (strlen(apart[i]) == n && strncmp(key, apart[i], n) == 0)
            return true;
    return false;
}

static void probe_all(const xt_space *space, xt_diags *all)
{
    selection first = {.probe = true};
    size_t before = all->n_total;
    for (size_t i = 0; i < space->sweep->n_swept; i++)
        if (is_apart(key_at(space, i)->key))
            xt_diag(all, key_at(space, i)->place, "%s: no training depends on it: it cannot be swept", key_at(space, i)->key);
    if (all->n_total != before)
        return;
    probe(space, &first, 0, all);
    for (size_t i = 0; i < space->sweep->n_swept; i++)
        if (key_at(space, i)->leader == i)
            probe_axis(space, i, all);
    uint64_t n = space->seeds.n, step = probe_step(n, space->seeds.values != NULL);
    for (uint64_t i = step; i < n && all->n_shown < XT_MAX_DIAGS; i += step)
        probe(space, &first, i, all);
    if (n && step > 1)
        probe(space, &first, n - 1, all);
}

/* ---- opening ---- */

/* repeat counts up from the base's seed. */
static void find_seeds(xt_space *space, xt_diags *all)
{
    const xt_sweep *sweep = space->sweep;
    const xt_node *repeat = xt_node_get(xt_node_get(space->base->tree, "sweep"), "repeat");
    space->seeds = sweep->seeds;
    if (!sweep->repeat)
        return;
    space->seeds = (xt_domain){.node = repeat, .from = space->base->root.spec.seed, .step = 1, .n = sweep->repeat};
    if (space->seeds.from > INT64_MAX - (uint64_t)sweep->repeat + 1)
        xt_diag(all, repeat->place, "sweep.repeat: `seed` + %" PRIu32 " is more than 9223372036854775807, the largest seed",
                sweep->repeat - 1);
}

/* false after a complaint: there are too many. */
static bool multiply(const xt_space *space, uint64_t *product, uint64_t n, xt_diags *all)
{
    if (n > XT_MAX_TRIALS / *product) {
        xt_diag(all, xt_node_get(space->base->tree, "sweep")->place,
                "sweep: more than %d trials: take fewer values, or `method: random` with `num_trials`", XT_MAX_TRIALS);
        return false;
    }
    *product *= n;
    return true;
}

/* The last axis is the fastest. */
static void count(xt_space *space, xt_diags *all)
{
    const xt_sweep *sweep = space->sweep;
    bool grid = sweep->method == XT_SWEEP_GRID, fine = true;
    space->n_combinations = grid ? 1 : sweep->num_trials;
    for (size_t i = sweep->n_swept; grid && fine && i-- > 0;) {
        if (sweep->swept[i].leader != i)
            continue;
        space->axes[i].stride = space->n_combinations;
        fine = multiply(space, &space->n_combinations, space->axes[i].n, all);
    }
    space->count = space->n_combinations;
    if (fine)
        multiply(space, &space->count, xt_space_repeats(space), all);
}

/* By its name: other keys beside it change nothing of what a key draws. */
static xt_key random_key(uint64_t seed, const char *name)
{
    xt_key key = xt_key_fold_in(xt_key_of_seed(seed), XT_FOLD_SWEEP);
    for (; *name; name++)
        key = xt_key_fold_in(key, (unsigned char)*name);
    return key;
}

static bool without_sweep(xt_space *space)
{
    const xt_node *tree = space->base->tree, *dir = xt_node_get(xt_node_get(tree, "output"), "dir");
    xt_entry *entries = xt_arena_alloc(&space->arena, tree->n, sizeof *entries);
    size_t n = 0;
    for (size_t i = 0; entries && i < tree->n; i++)
        if (strcmp(tree->entries[i].key, "sweep") != 0)
            entries[n++] = tree->entries[i];
    space->dir = dir && strstr(dir->text, "{trial}") ? dir : NULL;
    space->tree = entries ? xt_node_map(&space->arena, entries, n, tree->place) : NULL;
    return space->tree != NULL;
}

static bool prepare(xt_space *space)
{
    const xt_sweep *sweep = space->sweep;
    space->axes = xt_arena_alloc(&space->arena, sweep->n_swept, sizeof *space->axes);
    for (size_t i = 0; space->axes && i < sweep->n_swept; i++)
        space->axes[i] = (dimension){.n = sweep->swept[i].domain.n, .random = random_key(sweep->seed, sweep->swept[i].key)};
    return space->axes && without_sweep(space);
}

xt_status xt_space_open(const xt_config *config, xt_space **out, xt_err *err)
{
    if (!config->root.sweep.given)
        return xt_fail(err, XT_BAD_CONFIG, "there is nothing to sweep: the configuration has no `sweep`, such as\n"
                                           "sweep:\n  parameters:\n    optimizer.learning_rate: [0.1, 0.03, 0.01]");
    xt_space *space = calloc(1, sizeof *space);
    if (!space)
        return xt_fail_memory(err, "a sweep", sizeof *space);
    xt_diags all = {.arena = &space->arena, .sources = config->diags.sources};
    space->base = config;
    space->sweep = &config->root.sweep;
    if (prepare(space)) {
        find_seeds(space, &all);
        count(space, &all);
        if (!all.n_total)
            probe_all(space, &all);
    } else {
        xt_diag_memory(&all);
    }
    xt_status status = xt_diags_finish(&all, err);
    if (status)
        xt_space_close(&space);
    else
        *out = space;
    return status;
}

void xt_space_close(xt_space **space)
{
    if (!*space)
        return;
    xt_arena_clear(&(*space)->arena);
    free(*space);
    *space = NULL;
}

/* ---- what there is to know of it ---- */

uint64_t xt_space_count(const xt_space *space)
{
    return space->count;
}

bool xt_space_seeds(const xt_space *space)
{
    return space->seeds.n != 0;
}

size_t xt_space_n_keys(const xt_space *space)
{
    return space->sweep->n_swept;
}

const char *xt_space_key(const xt_space *space, size_t key)
{
    return key_at(space, key)->key;
}

void xt_space_value(const xt_space *space, uint64_t trial, size_t key, xt_buf *out)
{
    selection choice = choice_of(space, trial);
    xt_domain_put(&key_at(space, key)->domain, pick_of(space, &choice, key), out);
}

uint64_t xt_space_seed(const xt_space *space, uint64_t trial)
{
    xt_buf text = {0};
    uint64_t seed = 0;
    xt_domain_put(&space->seeds, seed_of(space, trial), &text);
    xt_number_uint(xt_buf_text(&text), &seed);
    xt_buf_clear(&text);
    return seed;
}

const char *xt_space_metric(const xt_space *space)
{
    return space->sweep->metric;
}

bool xt_space_maximizes(const xt_space *space)
{
    return space->sweep->maximizes;
}
