#include "app/ranking.h"

#include "app/aligned.h"
#include "base/number.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of a trial, in place of its epochs. */
static const uint32_t no_row = 0, not_reached = UINT32_MAX;

xt_status xt_ranking_init(xt_ranking *out, const xt_ranked_rows *rows, xt_err *err)
{
    assert(rows->repeats > 0);
    xt_ranking ranking = {.rows = *rows};
    if (rows->repeats > 1) {
        ranking.epochs = calloc(rows->n_trials + 1, sizeof *ranking.epochs);
        ranking.some = malloc(rows->repeats * sizeof *ranking.some);
        if (!ranking.epochs || !ranking.some) {
            xt_ranking_clear(&ranking);
            return xt_fail_memory(err, "the epochs of trials", rows->n_trials * sizeof *ranking.epochs);
        }
    }
    *out = ranking;
    return XT_OK;
}

void xt_ranking_clear(xt_ranking *ranking)
{
    for (size_t i = 0; i < XT_RANKED; i++)
        xt_buf_clear(&ranking->best[i].cells);
    free(ranking->epochs);
    free(ranking->some);
    *ranking = (xt_ranking){0};
}

/* ---- rows ---- */

static bool is_better(const xt_ranking *ranking, double value, uint64_t trial, const xt_ranked *than)
{
    if (value != than->value)
        return ranking->rows.gain ? value > than->value : value < than->value;
    return trial < than->trial;
}

/* The row that falls out at the end leaves its memory to the new one. */
static xt_status rank(xt_ranking *ranking, double value, uint64_t trial, const char *cells, xt_err *err)
{
    size_t at = ranking->n_best, last = at < XT_RANKED ? at : XT_RANKED - 1;
    while (at && is_better(ranking, value, trial, &ranking->best[at - 1]))
        at--;
    if (at == XT_RANKED)
        return XT_OK;
    xt_ranked one = {trial, value, ranking->best[last].cells};
    xt_buf_reset(&one.cells);
    xt_buf_add(&one.cells, cells, (size_t)(xt_strings_skip(cells, ranking->rows.n_columns) - cells));
    memmove(&ranking->best[at + 1], &ranking->best[at], (last - at) * sizeof one);
    ranking->best[at] = one;
    ranking->n_best = last + 1;
    return one.cells.failed ? xt_fail_memory(err, "the best trials", 0) : XT_OK;
}

static void note_epochs(xt_ranking *ranking, uint64_t trial, xt_trial_end end, const char *text)
{
    uint64_t epochs;
    bool counts = end == XT_TRIAL_REACHED && xt_number_uint(text, &epochs) == XT_NUMBER_OK && epochs > 0 &&
                  epochs < not_reached;
    ranking->epochs[trial] = counts ? (uint32_t)epochs : not_reached;
}

xt_status xt_ranking_visit(void *context, uint64_t trial, const char *cells, xt_err *err)
{
    xt_ranking *ranking = context;
    const xt_ranked_rows *rows = &ranking->rows;
    const char *text = xt_strings_skip(cells, rows->value);
    xt_trial_end end = rows->judge(xt_strings_skip(cells, rows->status));
    double value;
    if (trial >= rows->n_trials)
        return XT_OK;
    ranking->n_done++;
    ranking->n_failed += end == XT_TRIAL_FAILED;
    if (ranking->epochs)
        note_epochs(ranking, trial, end, xt_strings_skip(cells, rows->epochs));
    /* Neither nan nor inf is of the form of a number. */
    if (end == XT_TRIAL_FAILED || xt_number_double(text, strlen(text), &value) != XT_NUMBER_OK)
        return XT_OK;
    return rank(ranking, value, trial, cells, err);
}

xt_status xt_ranking_add(xt_ranking *ranking, const xt_strings *rows, xt_err *err)
{
    size_t n = rows->n / ranking->rows.n_columns;
    const char *cells = xt_strings_first(rows);
    if (rows->text.failed)
        return xt_fail_memory(err, "the rows of trials", 0);
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < n; i++, cells = xt_strings_skip(cells, ranking->rows.n_columns)) {
        uint64_t trial;
        bool fine = xt_number_uint(cells, &trial) == XT_NUMBER_OK;
        assert(fine);
        if (fine)
            status = xt_ranking_visit(ranking, trial, cells, err);
    }
    return status;
}

/* ---- convergence ---- */

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Of sorted numbers. */
static uint32_t percentile(const uint32_t *sorted, size_t n, size_t percent)
{
    return n ? sorted[(n * percent + 99) / 100 - 1] : 0;
}

void xt_ranking_convergence(const xt_ranking *ranking, uint64_t combination, xt_convergence *out)
{
    uint64_t start = combination * ranking->rows.repeats, left = ranking->rows.n_trials - start;
    uint64_t n = left < ranking->rows.repeats ? left : ranking->rows.repeats;
    xt_convergence found = {.combination = combination};
    for (uint64_t i = start; i < start + n; i++) {
        uint32_t epochs = ranking->epochs[i];
        found.of += epochs != no_row;
        if (epochs != no_row && epochs != not_reached)
            ranking->some[found.reached++] = epochs;
    }
    qsort(ranking->some, found.reached, sizeof *ranking->some, by_number);
    found.p10 = percentile(ranking->some, found.reached, 10);
    found.p50 = percentile(ranking->some, found.reached, 50);
    found.p90 = percentile(ranking->some, found.reached, 90);
    *out = found;
}

static bool converges_better(const xt_convergence *one, const xt_convergence *than)
{
    if (one->reached != than->reached)
        return one->reached > than->reached;
    return one->p50 < than->p50;
}

/* The best ones first, of equal ones the earlier; their number. */
static size_t best_combinations(const xt_ranking *ranking, uint64_t n_combinations, xt_convergence best[XT_RANKED])
{
    size_t n = 0;
    for (uint64_t i = 0; i < n_combinations; i++) {
        xt_convergence one;
        xt_ranking_convergence(ranking, i, &one);
        size_t at = n;
        while (at && converges_better(&one, &best[at - 1]))
            at--;
        if (at == XT_RANKED)
            continue;
        n += n < XT_RANKED;
        memmove(&best[at + 1], &best[at], (n - 1 - at) * sizeof one);
        best[at] = one;
    }
    return n;
}

/* ---- tables ---- */

void xt_ranking_print(const xt_ranking *ranking, xt_buf *out)
{
    xt_strings cells = {0};
    for (size_t i = 0; i < ranking->rows.n_columns; i++)
        xt_strings_add(&cells, ranking->rows.columns[i]);
    for (size_t i = 0; i < ranking->n_best; i++) {
        xt_buf_add(&cells.text, ranking->best[i].cells.data, ranking->best[i].cells.len);
        cells.n += ranking->rows.n_columns;
    }
    if (ranking->n_best)
        xt_aligned_print(&cells, ranking->rows.n_columns, out);
    xt_strings_clear(&cells);
}

static void add_count(xt_strings *cells, uint64_t count)
{
    char text[XT_NUMBER_BYTES];
    *xt_number_put_uint(text, count) = '\0';
    xt_strings_add(cells, text);
}

static void add_convergence(const xt_convergence *one, xt_combination_cells *print, const void *context,
                            xt_strings *cells)
{
    const uint32_t epochs[] = {one->p10, one->p50, one->p90};
    add_count(cells, one->combination);
    print(context, one->combination, cells);
    add_count(cells, one->reached);
    add_count(cells, one->of);
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++)
        if (one->reached)
            add_count(cells, epochs[i]);
        else
            xt_strings_add(cells, "-");
}

void xt_ranking_print_convergence(const xt_ranking *ranking, const char *const *keys, size_t n_keys,
                                  xt_combination_cells *print, const void *context, xt_buf *out)
{
    static const char *const last[] = {"reached", "of", "epochs p10", "p50", "p90"};
    enum { N_LAST = sizeof last / sizeof last[0] };
    uint64_t n = (ranking->rows.n_trials + ranking->rows.repeats - 1) / ranking->rows.repeats;
    xt_convergence best[XT_RANKED], one;
    size_t n_best = n > XT_ALL_CONVERGENCE ? best_combinations(ranking, n, best) : 0;
    xt_strings cells = {0};
    xt_strings_add(&cells, "combination");
    for (size_t i = 0; i < n_keys; i++)
        xt_strings_add(&cells, keys[i]);
    for (size_t i = 0; i < N_LAST; i++)
        xt_strings_add(&cells, last[i]);
    for (size_t i = 0; i < n_best; i++)
        add_convergence(&best[i], print, context, &cells);
    for (uint64_t i = 0; !n_best && i < n; i++) {
        xt_ranking_convergence(ranking, i, &one);
        add_convergence(&one, print, context, &cells);
    }
    xt_aligned_print(&cells, 1 + n_keys + N_LAST, out);
    if (n_best)
        xt_buf_printf(out, "the best %zu of %" PRIu64 " combinations\n", n_best, n);
    xt_strings_clear(&cells);
}
