/* sweep.h: the section `sweep` as it decodes: which values the keys of a configuration are to take.
 *
 * A domain is what stands behind a key: values that are written out, values by a rule (0..99, log(1e-4, 0.1, 7)), or a
 * distribution to draw from. Only the first takes memory by its values. */
#ifndef XT_CONFIG_SWEEP_H
#define XT_CONFIG_SWEEP_H

#include "base/table.h"
#include "config/diag.h"

enum { XT_MAX_TRIALS = 1000000000 };

typedef struct xt_walk xt_walk;
typedef struct xt_law xt_law;

typedef struct xt_domain {
    const xt_node *node;          /* as given; NULL: nothing is */
    const xt_law *law;            /* by which values come about; NULL: they are written out, or a range */
    uint64_t n;                   /* values; 0: they are drawn */
    const xt_node *const *values; /* as written; NULL where they are not */
    const xt_node *const *shown;  /* the same for printing, numbers as numbers */
    uint64_t from, step;          /* of a range of whole numbers, where there is neither a law nor values */
    double low, high;             /* the law's bounds; of normal mu and sigma */
    double q;                     /* what is drawn is a multiple of it; 0: of nothing */
    xt_place low_at, high_at;     /* where these were written */
} xt_domain;

/* Which of a domain's values: the index, or of what is drawn two numbers from 0 to 1 (normal takes both). */
typedef struct xt_pick {
    uint64_t index;
    double u, v;
} xt_pick;

/* Reads a domain: a list, a mapping, or a scalar in the short forms; tells the walk what is wrong with it. The values
 * themselves are not held against their key here. */
void xt_domain_decode(xt_walk *walk, const xt_node *node, xt_domain *out);
/* As it is printed: values as a list, everything else as it was written. */
const xt_node *xt_domain_encode(xt_walk *walk, const xt_domain *domain);
/* The names of distributions with their parameters. */
extern const xt_table xt_distributions;
/* Of a domain that is drawn: its distribution, and whether low and high bound what is drawn. */
const char *xt_domain_name(const xt_domain *domain);
bool xt_domain_is_bounded(const xt_domain *domain);

/* The value as a node, placed where the domain, the bound or the value itself was written; NULL without memory. What
 * is worked out has at most 9 significant digits where it is no whole number. */
const xt_node *xt_domain_value(xt_arena *arena, const xt_domain *domain, xt_pick pick);
/* Appends it as YAML in one line. */
void xt_domain_put(const xt_domain *domain, xt_pick pick, xt_buf *out);

typedef enum xt_sweep_method { XT_SWEEP_GRID, XT_SWEEP_RANDOM } xt_sweep_method;
typedef enum xt_goal { XT_GOAL_AUTO, XT_GOAL_MINIMIZE, XT_GOAL_MAXIMIZE } xt_goal;

/* A key that takes values. */
typedef struct xt_swept {
    const char *key; /* dotted, canonical */
    xt_place place;
    xt_domain domain;
    size_t leader; /* the first key that `zip` ties it to; itself where none is before it */
} xt_swept;

typedef struct xt_sweep {
    bool given;
    xt_sweep_method method;
    const char *metric; /* a column of loss.csv */
    xt_goal goal;
    bool maximizes;     /* the goal, resolved */
    size_t n_swept;
    const xt_swept *swept; /* in the order in which they are written */
    const xt_node *zip;    /* as given, NULL: nothing is tied */
    uint32_t num_trials;   /* combinations that are drawn; 0: not given */
    uint32_t repeat;       /* 0: not given */
    xt_domain seeds;       /* n 0: not given */
    uint64_t seed;         /* of what is drawn */
} xt_sweep;

#endif
