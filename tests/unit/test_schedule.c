/* Schedules worked out by hand, and what holds for all of them: warmup, units, from where on they are settled.
 * tests/unit/test_torch.c has PyTorch's numbers. */
#include "cases.h"
#include "model/schedule.h"

#include <math.h>
#include <string.h>

enum { N_EPOCHS = 12, N_UPDATES = 3 };
static const xt_pace pace = {N_UPDATES, N_EPOCHS};
static const float milestones[] = {7, 2, 7};

static size_t place_of(const char *name, const char *param)
{
    const xt_param *params = xt_kind_at(&xt_schedules, xt_table_find(&xt_schedules, name))->params;
    for (size_t i = 0; params[i].name; i++)
        if (strcmp(params[i].name, param) == 0)
            return i;
    fail_msg("%s has no %s", name, param);
    return 0;
}

/* A schedule of "name" with values for the parameters named; NULL ends them. */
typedef struct setting {
    const char *param;
    float value;
} setting;

static xt_choice choose(const char *name, const setting *settings)
{
    xt_choice choice = xt_choose(&xt_schedules, name);
    for (; settings->param; settings++)
        choice.values[place_of(name, settings->param)] = settings->value;
    if (strcmp(name, "multistep") == 0) {
        choice.list = milestones;
        choice.n_list = sizeof milestones / sizeof milestones[0];
    }
    return choice;
}

static double at_epoch(const xt_choice *schedule, uint64_t epoch)
{
    return xt_schedule_factor(schedule, &pace, epoch * N_UPDATES);
}

/* ---- values by hand ---- */

typedef struct known {
    const char *name, *what;
    setting settings[6];
    struct {
        uint64_t epoch;
        double factor;
    } at[6]; /* the first that is 0, 0 ends them */
} known;

static const known knowns[] = {
    {"constant", "as it is", {{0}}, {{0, 1}, {11, 1}, {1000, 1}}},
    {"constant", "warmup", {{"warmup", 3}}, {{0, 0.25}, {1, 0.5}, {2, 0.75}, {3, 1}, {4, 1}}},
    {"step", "size and gamma", {{"size", 4}, {"gamma", 0.5f}}, {{3, 1}, {4, 0.5}, {7, 0.5}, {8, 0.25}}},
    {"multistep", "in any order, one twice", {{"gamma", 0.5f}}, {{1, 1}, {2, 0.5}, {6, 0.5}, {7, 0.125}, {40, 0.125}}},
    {"exponential", "gamma", {{"gamma", 0.5f}}, {{0, 1}, {1, 0.5}, {5, 0.03125}}},
    {"linear", "over the whole training", {{0}}, {{0, 1}, {3, 0.75}, {6, 0.5}, {11, 1.0 / 12}}},
    {"linear", "held at the end", {{"over", 4}, {"end_factor", 0.5f}}, {{0, 1}, {2, 0.75}, {4, 0.5}, {9, 0.5}}},
    {"linear", "the warmup is no part of the training", {{"warmup", 4}}, {{3, 0.8}, {4, 1}, {8, 0.5}}},
    {"linear", "rises", {{"over", 4}, {"end_factor", 3}}, {{0, 1}, {2, 2}, {5, 3}}},
    {"linear", "a warmup longer than the training", {{"warmup", 20}},
     {{0, 1.0 / 21}, {19, 20.0 / 21}, {20, 1}, {22, 0}}},
    {"polynomial", "power", {{"over", 4}, {"power", 2}}, {{0, 1}, {2, 0.25}, {3, 0.0625}, {5, 0}}},
    {"polynomial", "end factor", {{"over", 4}, {"power", 2}, {"end_factor", 0.5f}}, {{0, 1}, {2, 0.625}, {4, 0.5}}},
    {"cosine", "half a wave", {{0}}, {{0, 1}, {4, 0.75}, {6, 0.5}, {8, 0.25}, {30, 0}}},
    {"cosine", "end factor", {{"over", 6}, {"end_factor", 0.5f}}, {{0, 1}, {3, 0.75}, {6, 0.5}, {7, 0.5}}},
    {"cosine_restarts", "equal waves", {{"first", 4}}, {{0, 1}, {2, 0.5}, {4, 1}, {6, 0.5}, {8, 1}}},
    {"cosine_restarts", "longer waves", {{"first", 2}, {"multiplier", 2}},
     {{1, 0.5}, {2, 1}, {4, 0.5}, {6, 1}, {10, 0.5}}},
    /* the top is after 0.5 * 10 - 1 = 4, the end at 9 */
    {"one_cycle", "up and down", {{"over", 10}, {"peak", 0.5f}, {"div_factor", 5}, {"final_div_factor", 2}},
     {{0, 0.2}, {2, 0.6}, {4, 1}, {9, 0.1}, {10, 0.1}}},
    {"one_cycle", "down alone", {{"over", 5}, {"peak", 0.2f}, {"div_factor", 5}, {"final_div_factor", 2}},
     {{0, 1}, {2, 0.55}, {4, 0.1}}},
    {"one_cycle", "up alone", {{"over", 5}, {"peak", 1}, {"div_factor", 5}, {"final_div_factor", 2}},
     {{0, 0.2}, {2, 0.6}, {4, 1}, {7, 1}}},
    {"inverse_time", "rate", {{"rate", 0.5f}}, {{0, 1}, {2, 0.5}, {6, 0.25}}},
    {"plateau", "its warmup alone", {{"warmup", 1}}, {{0, 0.5}, {1, 1}, {11, 1}}},
};

static void by_hand(void **state)
{
    const known *k = *state;
    xt_choice schedule = choose(k->name, k->settings);
    for (size_t i = 0; i < 6 && (i == 0 || k->at[i].epoch); i++) {
        /* float parameters such as 0.2 are not quite what they are printed as */
        unit_near(at_epoch(&schedule, k->at[i].epoch), k->at[i].factor, 1e-7, "epoch %d", (int)k->at[i].epoch);
        assert_true(xt_schedule_factor(&schedule, &pace, k->at[i].epoch * N_UPDATES + N_UPDATES - 1) ==
                    at_epoch(&schedule, k->at[i].epoch));
    }
}

/* ---- what holds for all ---- */

/* What a variant, a sum of bits, takes for a parameter: the first value, or the second where it has the bit. */
enum { WARM = 1, IN_UPDATES = 2, SHORTER = 4, CONSTANT = 8, N_VARIANTS = 16, FAR = 400 };

static const struct {
    const char *param;
    unsigned bit;
    float values[2];
} variations[] = {
    {"warmup", WARM, {0, 4}},          {"unit", IN_UPDATES, {0, 1}},     {"over", SHORTER, {0, 7}},
    {"end_factor", CONSTANT, {0.25f, 1}}, {"gamma", CONSTANT, {0.5f, 1}}, {"rate", CONSTANT, {0.5f, 0}},
    {"div_factor", CONSTANT, {10, 1}}, {"final_div_factor", CONSTANT, {10, 1}},
    {"first", CONSTANT, {3, 1}},       {"size", CONSTANT, {3, 1}},
};

static xt_choice varied(const char *name, unsigned variant)
{
    xt_choice schedule = choose(name, &(setting){NULL, 0});
    const xt_param *params = xt_kind_at(&xt_schedules, schedule.kind)->params;
    for (size_t i = 0; params[i].name; i++)
        for (size_t j = 0; j < sizeof variations / sizeof variations[0]; j++)
            if (strcmp(params[i].name, variations[j].param) == 0)
                schedule.values[i] = variations[j].values[(variant & variations[j].bit) != 0];
    return schedule;
}

/* It stays from there on, and did not before; where it says never there is a change late. */
static void settled_is_exact(void **state)
{
    const char *name = ((const xt_row *)*state)->name;
    for (unsigned variant = 0; variant < N_VARIANTS; variant++) {
        xt_choice schedule = varied(name, variant);
        uint64_t settled = xt_schedule_settled(&schedule, &pace), last = 0;
        for (uint64_t u = 1; u < FAR; u++)
            if (xt_schedule_factor(&schedule, &pace, u) != xt_schedule_factor(&schedule, &pace, u - 1))
                last = u;
        if (settled == UINT64_MAX)
            assert_true(last >= FAR - 4 * N_UPDATES);
        else
            assert_int_equal(settled, last);
    }
}

static void counts_in_its_unit(void **state)
{
    const char *name = ((const xt_row *)*state)->name;
    if (strcmp(name, "plateau") == 0)
        return; /* counts epochs */
    for (unsigned variant = 0; variant < N_VARIANTS; variant++) {
        if (variant & IN_UPDATES)
            continue;
        xt_choice epochs = varied(name, variant), updates = varied(name, variant | IN_UPDATES);
        const xt_pace of_updates = {N_EPOCHS, 1}, of_epochs = {N_UPDATES, N_EPOCHS};
        assert_int_equal(xt_schedule_unit(&epochs, &of_epochs), N_UPDATES);
        assert_int_equal(xt_schedule_unit(&updates, &of_epochs), 1);
        for (uint64_t u = 0; u < 60; u++)
            assert_true(xt_schedule_factor(&epochs, &of_epochs, u) ==
                        xt_schedule_factor(&updates, &of_updates, u / N_UPDATES));
    }
}

static void starts_at_the_full_rate_and_warms_up(void **state)
{
    const char *name = ((const xt_row *)*state)->name;
    xt_choice plain = varied(name, SHORTER), warm = varied(name, SHORTER | WARM);
    for (uint64_t epoch = 0; epoch < 4; epoch++)
        unit_near(at_epoch(&warm, epoch), (double)(epoch + 1) / 5, 1e-15, "warmup %d", (int)epoch);
    for (uint64_t epoch = 0; epoch < 20; epoch++)
        assert_true(at_epoch(&warm, epoch + 4) == at_epoch(&plain, epoch));
    if (strcmp(name, "one_cycle") != 0)
        unit_near(at_epoch(&plain, 0), 1, 1e-15, "start");
}

static void far_out_is_finite(void **state)
{
    const char *name = ((const xt_row *)*state)->name;
    const xt_pace long_pace = {4000000000u, 4000000000u};
    for (unsigned variant = 0; variant < N_VARIANTS; variant++) {
        xt_choice schedule = varied(name, variant);
        double factor = xt_schedule_factor(&schedule, &long_pace, UINT64_MAX - 1);
        assert_true(factor >= 0 && factor <= 1);
        xt_schedule_settled(&schedule, &long_pace);
    }
}

/* ---- plateau ---- */

static void plateau_monitors_a_column(void **state)
{
    (void)state;
    xt_choice plateau = xt_choose(&xt_schedules, "plateau"), constant = xt_choose(&xt_schedules, "constant");
    assert_string_equal(xt_plateau_monitor(&plateau), "loss");
    plateau.text = "val_loss";
    assert_string_equal(xt_plateau_monitor(&plateau), "val_loss");
    assert_null(xt_plateau_monitor(&constant));
}

typedef struct watched {
    const char *what;
    setting settings[4];
    bool gain;
    double values[10], factors[10];
} watched;

static const watched watches[] = {
    {"falls", {{"patience", 1}}, false, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"waits for patience", {{"patience", 2}, {"factor", 0.5f}}, false,
     {5, 5, 5, 5, 5, 5, 5, 5, 5, 5}, {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125}},
    {"an improvement ends the wait", {{"patience", 2}, {"factor", 0.5f}}, false,
     {5, 5, 5, 4, 4, 4, 4, 3, 4, 4}, {1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5}},
    {"no patience", {{"patience", 0}, {"factor", 0.5f}}, false, {5, 6, 4, 4, 3, 2, 2, 1, 0, 0},
     {1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.0625}},
    {"more is better", {{"patience", 1}, {"factor", 0.5f}}, true, {1, 2, 3, 2, 2, 2, 2, 4, 3, 3},
     {1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125}},
    {"less than min_delta is no improvement", {{"patience", 1}, {"factor", 0.5f}, {"min_delta", 1}}, false,
     {9, 8.5, 8, 7.5, 7, 6.5, 5, 4, 3, 1}, {1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25}},
    {"cooldown", {{"patience", 0}, {"factor", 0.5f}, {"cooldown", 2}}, false, {5, 5, 5, 5, 5, 5, 5, 5, 4, 4},
     {1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125}},
    {"nan is no improvement", {{"patience", 1}, {"factor", 0.5f}}, false,
     {(double)NAN, (double)NAN, 5, (double)NAN, (double)NAN, 4, 4, 3, 3, 2},
     {1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25}},
};

static void plateau_follows(void **state)
{
    const watched *w = *state;
    xt_choice schedule = choose("plateau", w->settings);
    xt_plateau plateau;
    memset(&plateau, 0xff, sizeof plateau);
    xt_plateau_begin(&plateau);
    assert_true(plateau.factor == 1);
    for (size_t i = 0; i < 10; i++) {
        xt_plateau_add(&plateau, &schedule, w->values[i], w->gain);
        unit_near(plateau.factor, w->factors[i], 1e-15, "after epoch %zu", i);
    }
}

static void each(CMUnitTestFunction test, const char *what)
{
    for (size_t i = 0; i < xt_schedules.n_rows; i++)
        unit_case(test, xt_table_at(&xt_schedules, i), "%s %s", xt_table_at(&xt_schedules, i)->name, what);
}

static void has_values_by_hand(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof knowns / sizeof knowns[0]; i++)
        n += strcmp(knowns[i].name, ((const xt_row *)*state)->name) == 0;
    assert_true(n > 0);
}

int main(void)
{
    for (size_t i = 0; i < sizeof knowns / sizeof knowns[0]; i++)
        unit_case(by_hand, &knowns[i], "%s: %s", knowns[i].name, knowns[i].what);
    each(has_values_by_hand, "has values by hand");
    each(settled_is_exact, "is settled from where it says");
    each(counts_in_its_unit, "counts epochs or updates");
    each(starts_at_the_full_rate_and_warms_up, "starts and warms up");
    each(far_out_is_finite, "is finite far out");
    UNIT_CASE(plateau_monitors_a_column);
    for (size_t i = 0; i < sizeof watches / sizeof watches[0]; i++)
        unit_case(plateau_follows, &watches[i], "plateau: %s", watches[i].what);
    return unit_run("schedule");
}
