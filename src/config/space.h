/* space.h: the trials of a sweep: which values its keys take, and what trial N of them is.
 *
 * A pure function of the configuration: trial N alone is the same trial as in the whole sweep. A grid runs through its
 * keys in the order in which they are written, the last one fastest; keys that are tied by `zip` count as one, at the place of
 * the first. What is random is drawn from Threefry by (sweep.seed, the key's name, combination). Every combination is
 * repeated with each seed in turn (repeat, seeds), which is fastest of all. A space is never changed once it is open:
 * threads may share it. */
#ifndef XT_CONFIG_SPACE_H
#define XT_CONFIG_SPACE_H

#include "config/config.h"

typedef struct xt_space xt_space;

/* The space of an open configuration, which must outlive it. XT_BAD_CONFIG tells all that is wrong in it, with places:
 * no `sweep`, unknown keys, values that a key does not take, more than 10^9 trials. All values that are written out are
 * tried, the bounds of those that are drawn, and of those by a rule a few, each with the first values of the other keys. */
xt_status xt_space_open(const xt_config *config, xt_space **out, xt_err *err);
void xt_space_close(xt_space **space);

/* Trials, numbered from 0, at least one. Of them `xt_space_repeats` in a row are one combination with other seeds. */
uint64_t xt_space_count(const xt_space *space);
uint64_t xt_space_repeats(const xt_space *space);
/* Whether repeats sets the seed (repeat or seeds is given): then it is no swept key, and a column of its own. */
bool xt_space_seeds(const xt_space *space);
/* The swept keys, canonical, in the order of their columns. */
size_t xt_space_n_keys(const xt_space *space);
const char *xt_space_key(const xt_space *space, size_t key);
/* Appends a trial's value of a key as YAML in one line, such as stands behind KEY= on a command line: set there, it is
 * the same value to the bit. */
void xt_space_value(const xt_space *space, uint64_t trial, size_t key, xt_buf *out);
/* The trial's seed where xt_space_seeds, which must hold. */
uint64_t xt_space_seed(const xt_space *space, uint64_t trial);

/* What trials are compared by: a column of loss.csv, and whether more of it is better. Owned by the space. */
const char *xt_space_metric(const xt_space *space);
bool xt_space_maximizes(const xt_space *space);

/* Opens the configuration of a trial (trial < xt_space_count): the space's with the trial's values over it and without
 * `sweep`, {trial} in output.dir filled in. Values are placed where they, or the rule that they are by, were written;
 * paths are from there. XT_BAD_CONFIG where no single value showed what is wrong: the message begins with a line such as
 * "trial 12: optimizer.learning_rate=0.1 seed=3". The space and its configuration must outlive what is opened. */
xt_status xt_space_config(const xt_space *space, uint64_t trial, xt_config **out, xt_err *err);

#endif
