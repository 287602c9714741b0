/* space.h: the trials of a sweep: which values its keys take, and what trial N of them is.
 *
 * A pure function of the configuration: trial N alone is the same trial as in the whole sweep. A grid runs through its
 * keys in the order in which they are written, the last one fastest; keys that are tied by `zip` count as one, at the place of
 * the first. What is random is drawn from Threefry by (sweep.seed, combination, key). Every combination is repeated with
 * each seed in turn (repeat, seeds), which is fastest of all. */
#ifndef XT_CONFIG_SPACE_H
#define XT_CONFIG_SPACE_H

#include "config/config.h"

typedef struct xt_space xt_space;

/* The space of an open configuration, which must outlive it. XT_BAD_CONFIG tells all that is wrong in it, with places:
 * no `sweep`, unknown keys, values that a key does not take. */
xt_status xt_space_open(const xt_config *config, xt_space **out, xt_err *err);
void xt_space_close(xt_space **space);

/* Trials, numbered from 0. Of them `xt_space_repeats` in a row are one combination with other seeds. */
uint64_t xt_space_count(const xt_space *space);
uint64_t xt_space_repeats(const xt_space *space);
/* Whether repeats sets the seed (repeat or seeds is given): then it is no swept key, and a column of its own. */
bool xt_space_seeds(const xt_space *space);
/* The swept keys, canonical, in the order of their columns. */
size_t xt_space_n_keys(const xt_space *space);
const char *xt_space_key(const xt_space *space, size_t key);
/* Appends a trial's value of a key as YAML in one line, such as stands behind KEY= on a command line. */
void xt_space_value(const xt_space *space, uint64_t trial, size_t key, xt_buf *out);
/* The trial's seed where xt_space_seeds. */
uint64_t xt_space_seed(const xt_space *space, uint64_t trial);

/* What trials are compared by: a column of loss.csv or, and whether more is better. Owned by the space. */
const char *xt_space_metric(const xt_space *space);
bool xt_space_maximizes(const xt_space *space);

/* Opens the configuration of a trial: the space's with the trial's values over it and without `sweep`. Messages call
 * the values "trial 12: optimizer.learning_rate=0.1". The space and its configuration outlive it. */
xt_status xt_space_config(const xt_space *space, uint64_t trial, xt_config **out, xt_err *err);

#endif
