#include "model/schedule.h"

#include <math.h>

#define PI 3.14159265358979323846

/* What a formula takes. */
typedef struct course {
    const float *values, *list; /* the row's parameters */
    size_t n_list;
    double over; /* `over` in units: resolved */
} course;

/* The row's own parameters come first, `over` at the front of those that have one; then unit and warmup. */
typedef struct schedule_row {
    xt_kind kind;
    size_t unit; /* place of `unit`, warmup follows; plateau has only warmup there, which counts epochs */
    bool has_over, is_plateau;
    double (*factor)(const course *c, double t); /* t: epochs or updates after the warmup, from 0 */
    double (*settled)(const course *c);          /* the t from which on the factor stays; HUGE_VAL: none */
} schedule_row;

/* ---- formulas: PyTorch's closed forms ---- */

enum { OVER }; /* place */

static double constant(const course *c, double t)
{
    (void)c;
    (void)t;
    return 1;
}

static double settled_at_once(const course *c)
{
    (void)c;
    return 0;
}

enum { STEP_SIZE, STEP_GAMMA };

static double step(const course *c, double t)
{
    return pow((double)c->values[STEP_GAMMA], floor(t / (double)c->values[STEP_SIZE]));
}

static double step_settled(const course *c)
{
    return c->values[STEP_GAMMA] == 1 ? 0 : HUGE_VAL;
}

enum { MILESTONES, MULTISTEP_GAMMA };

static double multistep(const course *c, double t)
{
    double passed = 0;
    for (size_t i = 0; i < c->n_list; i++)
        passed += t >= (double)c->list[i];
    return pow((double)c->values[MULTISTEP_GAMMA], passed);
}

static double multistep_settled(const course *c)
{
    double last = 0;
    for (size_t i = 0; c->values[MULTISTEP_GAMMA] != 1 && i < c->n_list; i++)
        last = fmax(last, (double)c->list[i]);
    return last;
}

enum { EXPONENTIAL_GAMMA };

static double exponential(const course *c, double t)
{
    return pow((double)c->values[EXPONENTIAL_GAMMA], t);
}

static double exponential_settled(const course *c)
{
    return c->values[EXPONENTIAL_GAMMA] == 1 ? 0 : HUGE_VAL;
}

/* Of those from 1 to an end factor, which comes after over. */
enum { END_FACTOR = OVER + 1, POWER };

static double left_of(const course *c, double t)
{
    return t < c->over ? 1 - t / c->over : 0;
}

/* share goes from 1 to 0. */
static double towards_end(const course *c, double share)
{
    double end = (double)c->values[END_FACTOR];
    return end + (1 - end) * share;
}

static double end_settled(const course *c)
{
    return c->values[END_FACTOR] == 1 ? 0 : c->over;
}

static double linear(const course *c, double t)
{
    return towards_end(c, left_of(c, t));
}

static double polynomial(const course *c, double t)
{
    return towards_end(c, pow(left_of(c, t), (double)c->values[POWER]));
}

/* Half a wave: 1 at 0, 0 at 1. */
static double half_wave(double x)
{
    return (1 + cos(PI * x)) / 2;
}

static double cosine(const course *c, double t)
{
    return towards_end(c, half_wave(1 - left_of(c, t)));
}

enum { FIRST, MULTIPLIER };

static double cosine_restarts(const course *c, double t)
{
    double length = (double)c->values[FIRST], multiplier = (double)c->values[MULTIPLIER];
    if (multiplier == 1)
        return half_wave(fmod(t, length) / length);
    for (; t >= length; length *= multiplier)
        t -= length;
    return half_wave(t / length);
}

static double cosine_restarts_settled(const course *c)
{
    return c->values[FIRST] == 1 && c->values[MULTIPLIER] == 1 ? 0 : HUGE_VAL;
}

enum { PEAK = OVER + 1, DIV_FACTOR, FINAL_DIV_FACTOR };

/* The top is a unit before the share is over. Where that is at once there is no way up: 0.2f * 5 is not quite 1. */
static double one_cycle(const course *c, double t)
{
    double low = 1 / (double)c->values[DIV_FACTOR], least = low / (double)c->values[FINAL_DIV_FACTOR];
    double last = c->over - 1, top = (double)c->values[PEAK] * c->over - 1, at = fmin(t, last);
    if (at <= top)
        return 1 + (low - 1) * half_wave(top > 1e-6 * c->over ? at / top : 1);
    return least + (1 - least) * half_wave((at - top) / (last - top));
}

static double one_cycle_settled(const course *c)
{
    return c->values[DIV_FACTOR] == 1 && c->values[FINAL_DIV_FACTOR] == 1 ? 0 : c->over - 1;
}

enum { RATE };

static double inverse_time(const course *c, double t)
{
    return 1 / (1 + (double)c->values[RATE] * t);
}

static double inverse_time_settled(const course *c)
{
    return c->values[RATE] == 0 ? 0 : HUGE_VAL;
}

enum { MONITOR, PLATEAU_FACTOR, PATIENCE, MIN_DELTA, COOLDOWN };

/* ---- the table ---- */

static const char *const units[] = {"epoch", "step", NULL};
enum { UNIT_EPOCH, UNIT_STEP };

#define COUNT_MAX 1e9
#define COUNTS(least) {(least), COUNT_MAX, false, false}
#define WARMUP \
    {.name = "warmup", .help = "epochs or updates before it in which the rate rises to the full one", .whole = true, \
     .range = COUNTS(0)}
#define TIMED \
    {.name = "unit", .help = "what it counts: epochs or updates", .type = XT_PARAM_NAME, .names = units}, WARMUP
#define GAMMA {.name = "gamma", .help = "what the rate is multiplied by", .def = 0.1f, .range = XT_RANGE_POSITIVE}
#define OVER_PARAM \
    {.name = "over", .help = "epochs or updates that it takes; 0: the whole training", .whole = true, \
     .range = COUNTS(0)}
#define END {.name = "end_factor", .help = "factor at the end, and from then on", .range = XT_RANGE_NON_NEGATIVE}
#define DIVISOR(id, value, text) {.name = (id), .help = (text), .def = (value), .range = XT_RANGE_POSITIVE}

static const schedule_row rows[] = {
    {.kind = {{"constant", "the learning rate as it is"}, {TIMED}, NULL},
     .unit = 0, .factor = constant, .settled = settled_at_once},
    {.kind = {{"step", "times gamma after every so many"},
              {{.name = "size", .help = "epochs or updates between two drops", .required = true, .whole = true,
                .range = COUNTS(1)}, GAMMA, TIMED}, NULL},
     .unit = 2, .factor = step, .settled = step_settled},
    {.kind = {{"multistep", "times gamma at every milestone"},
              {{.name = "milestones", .help = "epochs or updates after which it drops", .type = XT_PARAM_LIST,
                .required = true, .whole = true, .range = COUNTS(1)}, GAMMA, TIMED}, NULL},
     .unit = 2, .factor = multistep, .settled = multistep_settled},
    {.kind = {{"exponential", "gamma to the power of the epoch or update"},
              {{.name = "gamma", .help = "what the rate is multiplied by each time", .required = true,
                .range = XT_RANGE_POSITIVE}, TIMED}, NULL},
     .unit = 1, .factor = exponential, .settled = exponential_settled},
    {.kind = {{"linear", "in a line from 1 to the end factor"}, {OVER_PARAM, END, TIMED}, NULL},
     .unit = 2, .has_over = true, .factor = linear, .settled = end_settled},
    {.kind = {{"polynomial", "the part that is left, to a power, from 1 to the end factor"},
              {OVER_PARAM, END, {.name = "power", .help = "of the part that is left", .def = 1,
                                 .range = XT_RANGE_POSITIVE}, TIMED}, NULL},
     .unit = 3, .has_over = true, .factor = polynomial, .settled = end_settled},
    {.kind = {{"cosine", "half a cosine wave from 1 to the end factor"}, {OVER_PARAM, END, TIMED}, NULL},
     .unit = 2, .has_over = true, .factor = cosine, .settled = end_settled},
    {.kind = {{"cosine_restarts", "half cosine waves from 1 to 0, one after the other"},
              {{.name = "first", .help = "epochs or updates of the first wave", .required = true, .whole = true,
                .range = COUNTS(1)},
               {.name = "multiplier", .help = "length of a wave over that of the one before", .def = 1, .whole = true,
                .range = COUNTS(1)}, TIMED}, NULL},
     .unit = 2, .factor = cosine_restarts, .settled = cosine_restarts_settled},
    {.kind = {{"one_cycle", "up to the learning rate and down to nearly 0, by half cosine waves"},
              {OVER_PARAM, {.name = "peak", .help = "share of it after which the rate is at its highest", .def = 0.3f,
                            .range = {0, 1, false, false}},
               DIVISOR("div_factor", 25, "learning rate over the first rate"),
               DIVISOR("final_div_factor", 1e4f, "first rate over the last one"), TIMED}, NULL},
     .unit = 4, .has_over = true, .factor = one_cycle, .settled = one_cycle_settled},
    {.kind = {{"inverse_time", "1 / (1 + rate t)"},
              {{.name = "rate", .help = "how fast it falls", .required = true, .range = XT_RANGE_NON_NEGATIVE},
               TIMED}, NULL},
     .unit = 1, .factor = inverse_time, .settled = inverse_time_settled},
    {.kind = {{"plateau", "times factor when what is watched has stopped improving"},
              {{.name = "monitor", .type = XT_PARAM_TEXT,
                .help = "column of loss.csv that is watched (default: val_loss where there are validation rows, else loss)"},
               {.name = "factor", .help = "what the rate is multiplied by", .def = 0.1f, .range = {0, 1, true, true}},
               {.name = "patience", .help = "epochs in which the column is measured without an improvement that it waits", .def = 10, .whole = true,
                .range = COUNTS(0)},
               {.name = "min_delta", .help = "an improvement is more than this", .def = 1e-4f,
                .range = XT_RANGE_NON_NEGATIVE},
               {.name = "cooldown", .help = "epochs after a drop in which it does not wait", .whole = true,
                .range = COUNTS(0)}, WARMUP}, NULL},
     .unit = 5, .is_plateau = true, .factor = constant, .settled = settled_at_once},
};

const xt_table xt_schedules = XT_TABLE("schedule", rows);

/* ---- from updates ---- */

/* A choice in units. */
typedef struct timing {
    const schedule_row *row;
    course course;
    double warmup;
    uint64_t updates; /* of a unit */
} timing;

static timing timing_of(const xt_choice *schedule, const xt_pace *pace)
{
    const schedule_row *row = (const schedule_row *)(const void *)xt_kind_at(&xt_schedules, schedule->kind);
    const float *values = schedule->values;
    bool in_updates = !row->is_plateau && (int)values[row->unit] == UNIT_STEP;
    double whole = (double)pace->epochs * (in_updates ? (double)pace->updates : 1);
    double warmup = (double)values[row->is_plateau ? row->unit : row->unit + 1];
    double over = row->has_over ? (double)values[OVER] : 0;
    return (timing){.row = row,
                    .course = {values, schedule->list, schedule->n_list, over > 0 ? over : fmax(whole - warmup, 1)},
                    .warmup = warmup,
                    .updates = in_updates ? 1 : pace->updates};
}

bool xt_schedule_has_length(const xt_choice *schedule)
{
    const schedule_row *row = (const schedule_row *)(const void *)xt_kind_at(&xt_schedules, schedule->kind);
    return row->has_over && schedule->values[OVER] <= 0;
}

double xt_schedule_factor(const xt_choice *schedule, const xt_pace *pace, uint64_t update)
{
    timing at = timing_of(schedule, pace);
    double t = (double)(update / at.updates);
    if (t < at.warmup)
        return (t + 1) / (at.warmup + 1);
    return at.row->factor(&at.course, t - at.warmup);
}

uint64_t xt_schedule_unit(const xt_choice *schedule, const xt_pace *pace)
{
    return timing_of(schedule, pace).updates;
}

uint64_t xt_schedule_settled(const xt_choice *schedule, const xt_pace *pace)
{
    timing at = timing_of(schedule, pace);
    double t = at.warmup + at.row->settled(&at.course);
    return t * (double)at.updates < 9e18 ? (uint64_t)t * at.updates : UINT64_MAX;
}

/* ---- plateau ---- */

const char *xt_plateau_monitor(const xt_choice *schedule)
{
    const schedule_row *row = (const schedule_row *)(const void *)xt_kind_at(&xt_schedules, schedule->kind);
    if (!row->is_plateau)
        return NULL;
    return schedule->text ? schedule->text : "loss";
}

void xt_plateau_begin(xt_plateau *plateau)
{
    *plateau = (xt_plateau){.best = (double)NAN, .factor = 1};
}

/* What is not a number, or infinite at first, is no improvement. */
static bool improves(const xt_plateau *plateau, double value, double min_delta, bool gain)
{
    double best = isnan(plateau->best) ? (gain ? -HUGE_VAL : HUGE_VAL) : plateau->best;
    return gain ? value > best + min_delta : value < best - min_delta;
}

void xt_plateau_add(xt_plateau *plateau, const xt_choice *schedule, double value, bool gain)
{
    const float *values = schedule->values;
    if (improves(plateau, value, (double)values[MIN_DELTA], gain)) {
        plateau->best = value;
        plateau->waited = 0;
    } else {
        plateau->waited++;
    }
    if (plateau->cooling) {
        plateau->cooling--;
        plateau->waited = 0;
    }
    if ((double)plateau->waited > (double)values[PATIENCE]) {
        plateau->factor *= (double)values[PLATEAU_FACTOR];
        plateau->cooling = (uint32_t)values[COOLDOWN];
        plateau->waited = 0;
    }
}
