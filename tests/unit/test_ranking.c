/* src/app/ranking and aligned: the best trials, how combinations converge over seeds, and their tables. */
#include "app/aligned.h"
#include "app/ranking.h"
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;
static const char *const columns[] = {"trial", "lr", "status", "epochs", "loss", "accuracy"};
enum { N_COLUMNS = sizeof columns / sizeof columns[0], STATUS = 2, EPOCHS = 3, LOSS = 4, ACCURACY = 5 };

static xt_trial_end judge(const char *status)
{
    return strcmp(status, "failed") == 0 ? XT_TRIAL_FAILED
           : strcmp(status, "met") == 0  ? XT_TRIAL_REACHED
                                         : XT_TRIAL_ENDED;
}

static void init(xt_ranking *out, size_t value, bool gain, uint64_t n_trials, uint64_t repeats)
{
    xt_ranked_rows rows = {columns, N_COLUMNS, value, STATUS, EPOCHS, gain, n_trials, repeats, judge};
    assert_int_equal(xt_ranking_init(out, &rows, &err), XT_OK);
}

static void put(xt_strings *rows, unsigned trial, const char *status, unsigned epochs, const char *value)
{
    char number[16];
    snprintf(number, sizeof number, "%u", trial);
    xt_strings_add(rows, number);
    xt_strings_add(rows, "0.1");
    xt_strings_add(rows, status);
    snprintf(number, sizeof number, "%u", epochs);
    xt_strings_add(rows, number);
    xt_strings_add(rows, value);
    xt_strings_add(rows, value);
}

static void add(xt_ranking *ranking, unsigned trial, const char *status, unsigned epochs, const char *value)
{
    xt_strings rows = {0};
    put(&rows, trial, status, epochs, value);
    assert_int_equal(xt_ranking_add(ranking, &rows, &err), XT_OK);
    xt_strings_clear(&rows);
}

/* ---- the best ones ---- */

typedef struct best_case {
    const char *name;
    bool gain;
    const char *values; /* of trials 0, 1, ...; "!" before one that failed */
    const char *order;
} best_case;

static const best_case best_cases[] = {
    {"the smallest", false, "3 1 2", "1 2 0"},
    {"the largest", true, "3 1 2", "0 2 1"},
    {"equal ones by their number", false, "2 1 2 1", "1 3 0 2"},
    {"equal ones by their number, of gains", true, "2 1 2 1", "0 2 1 3"},
    {"what is no number has no rank", false, "nan 1 inf -inf - 0.5", "5 1"},
    {"nor have they among gains", true, "nan 1 inf -inf - 0.5", "1 5"},
    {"nor has what failed", false, "!0.1 1 !0.2 0.5", "3 1"},
    {"none", false, "nan !1", ""},
    {"numbers, not texts", false, "10 9 1e-3 0.1", "2 3 1 0"},
    {"negative ones", false, "-1 0 -2.5", "2 0 1"},
    {"zeros are equal", false, "0 -0 0", "0 1 2"},
    {"ten of more", false, "9 8 7 6 5 4 3 2 1 10 11 0", "11 8 7 6 5 4 3 2 1 0"},
    {"ten of more that are equal", false, "1 1 1 1 1 1 1 1 1 1 1 1", "0 1 2 3 4 5 6 7 8 9"},
};

static void assert_order(const xt_ranking *ranking, const char *expected)
{
    xt_buf order = {0};
    for (size_t i = 0; i < ranking->n_best; i++) {
        xt_buf_printf(&order, "%s%llu", i ? " " : "", (unsigned long long)ranking->best[i].trial);
        assert_int_equal(strtoull(ranking->best[i].cells.data, NULL, 10), ranking->best[i].trial);
    }
    assert_string_equal(xt_buf_text(&order), expected);
    xt_buf_clear(&order);
}

/* From the first row to the last and the other way round: the order in which they come does not count. */
static void best(void **state)
{
    const best_case *c = *state;
    for (int back = 0; back < 2; back++) {
        char copy[128], *values[32], *rest;
        unsigned n = 0, n_failed = 0;
        xt_ranking ranking;
        snprintf(copy, sizeof copy, "%s", c->values);
        for (char *at = strtok_r(copy, " ", &rest); at; at = strtok_r(NULL, " ", &rest))
            values[n++] = at;
        init(&ranking, back ? ACCURACY : LOSS, c->gain, n, 1);
        for (unsigned i = 0; i < n; i++) {
            unsigned trial = back ? n - 1 - i : i;
            bool failed = *values[trial] == '!';
            n_failed += failed;
            add(&ranking, trial, failed ? "failed" : "finished", 5, values[trial] + failed);
        }
        assert_order(&ranking, c->order);
        assert_int_equal(ranking.n_done, n);
        assert_int_equal(ranking.n_failed, n_failed);
        xt_ranking_clear(&ranking);
    }
}

static void rows_of_no_trial_are_passed_over(void **state)
{
    (void)state;
    xt_ranking ranking;
    init(&ranking, LOSS, false, 3, 2);
    add(&ranking, 3, "met", 1, "0");
    add(&ranking, 2, "met", 1, "1");
    assert_order(&ranking, "2");
    assert_int_equal(ranking.n_done, 1);
    xt_ranking_clear(&ranking);
}

/* ---- convergence ---- */

typedef struct convergence_case {
    const char *rows; /* epochs of trials in a row; "-": it has no row, "x9": ended without the target, "!9": failed */
    uint64_t reached, of;
    uint32_t p10, p50, p90;
} convergence_case;

static const convergence_case convergence_cases[] = {
    {"", 0, 0, 0, 0, 0},
    {"- x9 !9", 0, 2, 0, 0, 0},
    {"7", 1, 1, 7, 7, 7},
    {"9 3", 2, 2, 3, 3, 9},
    {"5 x1 3 !2 - 4", 3, 5, 3, 4, 5},
    {"10 9 8 7 6 5 4 3 2 1", 10, 10, 1, 5, 9},
    {"11 10 9 8 7 6 5 4 3 2 1", 11, 11, 2, 6, 10},
    {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", 20, 20, 2, 10, 18},
    {"4000000000 1", 2, 2, 1, 1, 4000000000},
};

static void convergence(void **state)
{
    enum { REPEATS = 20 };
    const convergence_case *c = *state;
    char copy[128], *rest;
    xt_ranking ranking;
    xt_convergence found;
    init(&ranking, LOSS, false, 3 * REPEATS, REPEATS);
    /* What stands on both sides is of others. */
    for (unsigned i = 0; i < REPEATS; i++) {
        add(&ranking, i, "met", 77, "1");
        add(&ranking, 2 * REPEATS + i, "met", 78, "1");
    }
    snprintf(copy, sizeof copy, "%s", c->rows);
    unsigned trial = REPEATS;
    for (char *at = strtok_r(copy, " ", &rest); at; at = strtok_r(NULL, " ", &rest), trial++) {
        bool ended = *at == 'x', failed = *at == '!';
        if (*at != '-')
            add(&ranking, trial, ended ? "finished" : failed ? "failed" : "met",
                (unsigned)strtoul(at + (ended || failed), NULL, 10), "1");
    }
    xt_ranking_convergence(&ranking, 1, &found);
    assert_int_equal(found.combination, 1);
    assert_int_equal(found.reached, c->reached);
    assert_int_equal(found.of, c->of);
    assert_int_equal(found.p10, c->p10);
    assert_int_equal(found.p50, c->p50);
    assert_int_equal(found.p90, c->p90);
    xt_ranking_convergence(&ranking, 2, &found);
    assert_int_equal(found.p10, 78);
    xt_ranking_clear(&ranking);
}

/* ---- tables ---- */

typedef struct aligned_case {
    const char *name, *cells, *expected; /* "a|b\n": a line a row */
} aligned_case;

static const aligned_case aligned_cases[] = {
    {"a header alone", "a|b\n", "a  b\n"},
    {"numbers at the right", "trial|lr|seed|loss\n17|0.03|2|0.00012345\n4|0.1|10|1\n",
     "trial  lr    seed  loss\n   17  0.03     2  0.00012345\n    4  0.1     10  1\n"},
    {"an empty cell at the end", "n|text\n1|a\n2|\n3|abc\n", "n  text\n1  a\n2\n3  abc\n"},
    {"empty cells", "text|n|x\na||y\n|22|\n||\n", "text  n   x\na         y\n      22\n\n"},
    {"a dash for no number", "n|m\n-|1\n10|-\n", " n  m\n -  1\n10  -\n"},
    {"UTF-8", "\xc3\xa4|b\nabc|1\n\xc3\xa4\xc3\xb6|2\n", "\xc3\xa4    b\nabc  1\n\xc3\xa4\xc3\xb6   2\n"},
    {"what is not printable", "a|b\n\033[2J\xff|1\n\t|2\n", "a      b\n?[2J?  1\n?      2\n"},
};

static void aligned(void **state)
{
    const aligned_case *c = *state;
    xt_strings cells = {0};
    xt_buf out = {0};
    size_t n_columns = 0;
    char cell[64];
    for (const char *at = c->cells; *at; at++) {
        size_t n = strcspn(at, "|\n");
        snprintf(cell, sizeof cell, "%.*s", (int)n, at);
        xt_strings_add(&cells, cell);
        at += n;
        n_columns = !n_columns && *at == '\n' ? cells.n : n_columns;
    }
    xt_aligned_print(&cells, n_columns, &out);
    assert_string_equal(xt_buf_text(&out), c->expected);
    xt_buf_clear(&out);
    xt_strings_clear(&cells);
}

static void a_line_end_in_a_cell_breaks_no_line(void **state)
{
    (void)state;
    xt_strings cells = {0};
    xt_buf out = {0};
    xt_strings_add(&cells, "a\n\nb");
    xt_aligned_print(&cells, 1, &out);
    assert_string_equal(xt_buf_text(&out), "a??b\n");
    xt_buf_clear(&out);
    xt_strings_clear(&cells);
}

static void best_table(void **state)
{
    (void)state;
    xt_ranking ranking;
    xt_buf out = {0};
    init(&ranking, LOSS, false, 20, 1);
    xt_ranking_print(&ranking, &out);
    assert_string_equal(xt_buf_text(&out), "");
    add(&ranking, 17, "finished", 500, "0.00012345");
    add(&ranking, 3, "met", 20, "0.5");
    xt_ranking_print(&ranking, &out);
    assert_string_equal(xt_buf_text(&out), "trial  lr   status    epochs  loss        accuracy\n"
                                           "   17  0.1  finished     500  0.00012345  0.00012345\n"
                                           "    3  0.1  met           20  0.5         0.5\n");
    xt_buf_clear(&out);
    xt_ranking_clear(&ranking);
}

static void print_keys(const void *context, uint64_t combination, xt_strings *cells)
{
    char text[32];
    snprintf(text, sizeof text, "%s%llu", (const char *)context, (unsigned long long)combination);
    xt_strings_add(cells, text);
}

static void convergence_table(void **state)
{
    (void)state;
    static const char *const keys[] = {"units"};
    xt_ranking ranking;
    xt_buf out = {0};
    init(&ranking, LOSS, false, 5, 2);
    add(&ranking, 0, "met", 100, "1");
    add(&ranking, 1, "met", 20, "1");
    add(&ranking, 2, "finished", 500, "1");
    add(&ranking, 4, "met", 7, "1");
    xt_ranking_print_convergence(&ranking, keys, 1, print_keys, "u", &out);
    assert_string_equal(xt_buf_text(&out), "combination  units  reached  of  epochs p10  p50  p90\n"
                                           "          0  u0           2   2          20   20  100\n"
                                           "          1  u1           0   1           -    -    -\n"
                                           "          2  u2           1   1           7    7    7\n");
    xt_buf_clear(&out);
    xt_ranking_clear(&ranking);
}

static void of_many_combinations_the_best(void **state)
{
    (void)state;
    enum { N = XT_ALL_CONVERGENCE + 1 };
    xt_ranking ranking;
    xt_buf out = {0};
    init(&ranking, LOSS, false, 2 * N, 2);
    /* 50 reaches the target twice and late, 49 once and soonest, 0 to 47 once, the later the sooner; 48 never. */
    for (unsigned i = 0; i < N; i++) {
        add(&ranking, 2 * i, i == 48 ? "finished" : "met", i == 50 ? 900 : i == 49 ? 1 : 100 - i / 2, "1");
        add(&ranking, 2 * i + 1, i == 50 ? "met" : "finished", 950, "1");
    }
    static const char *const keys[] = {"key"};
    xt_ranking_print_convergence(&ranking, keys, 1, print_keys, "k", &out);
    assert_string_equal(xt_buf_text(&out), "combination  key  reached  of  epochs p10  p50  p90\n"
                                           "         50  k50        2   2         900  900  950\n"
                                           "         49  k49        1   2           1    1    1\n"
                                           "         46  k46        1   2          77   77   77\n"
                                           "         47  k47        1   2          77   77   77\n"
                                           "         44  k44        1   2          78   78   78\n"
                                           "         45  k45        1   2          78   78   78\n"
                                           "         42  k42        1   2          79   79   79\n"
                                           "         43  k43        1   2          79   79   79\n"
                                           "         40  k40        1   2          80   80   80\n"
                                           "         41  k41        1   2          80   80   80\n"
                                           "the best 10 of 51 combinations\n");
    xt_buf_clear(&out);
    xt_ranking_clear(&ranking);
}

#define ROWS(rows, test, label) \
    for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
        unit_case(test, &(rows)[i], #test " %zu: %s", i, (rows)[i].label)

int main(void)
{
    ROWS(best_cases, best, name);
    UNIT_CASE(rows_of_no_trial_are_passed_over);
    ROWS(convergence_cases, convergence, rows);
    ROWS(aligned_cases, aligned, name);
    UNIT_CASE(a_line_end_in_a_cell_breaks_no_line);
    UNIT_CASE(best_table);
    UNIT_CASE(convergence_table);
    UNIT_CASE(of_many_combinations_the_best);
    return unit_run("ranking");
}
