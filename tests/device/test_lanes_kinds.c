/* Which trainings can have a lane each, and which of them together. No device is opened. */
#include "net.h"

#include "../unit/cases.h"
#include "engine/lanes.h"
#include "model/ops.h"

#include <string.h>

typedef struct can_row {
    const char *name, *why; /* why NULL: it can */
    void (*change)(test_net *net);
} can_row;

static void change_nothing(test_net *net) { (void)net; }
static void change_engine(test_net *net) { net->spec.engine = XT_ENGINE_gemm; }
static void change_size(test_net *net) { net->layers[0].units = 20000; }

static const can_row can_rows[] = {
    {"a small net", NULL, change_nothing},
    {"another engine", "it asks for another engine", change_engine},
    {"a large net", "its network, or its batch, is too large for sixteen of them to be in a core's cache", change_size},
};

static void can_or_says_why(void **state)
{
    const can_row *row = *state;
    test_net net;
    xt_plan plan;
    xt_err err;
    const char *why = NULL;
    net_xor(&net);
    row->change(&net);
    net_ok(xt_plan_make(&net.spec, 2, 1, &plan, &err), &err);
    assert_int_equal(xt_lanes_can(&plan, &net.data, &why), row->why == NULL);
    if (row->why)
        assert_string_equal(why, row->why);
    else
        assert_null(why);
    net_clear(&net);
}

static void change_rate(test_net *net) { net->spec.optimizer.values[0] = 7; }
static void change_seed(test_net *net) { net->spec.seed++; }
static void change_momentum(test_net *net) { net->spec.optimizer.values[1] = 0.5f; }
static void change_loss(test_net *net) { net->spec.loss = xt_choose(&xt_losses, "mae"); }
static void change_units(test_net *net) { net->layers[0].units = 15; }
static void change_batch(test_net *net) { net->spec.batch_size = 2; }
static void change_dropout(test_net *net) { net->layers[0].dropout = 0.5f; }
static void change_penalty(test_net *net) { net->layers[1].l1 = 0.5f; }
static void change_clip(test_net *net) { net->spec.clip_value = 1; }
static void change_order(test_net *net) { net->spec.shuffle = true; }
static void change_report(test_net *net) { net->spec.loss_report = XT_REPORT_EVAL; }
static void change_activation(test_net *net) { net->layers[0].activation = xt_choose(&xt_activations, "tanh"); }
static void change_optimizer(test_net *net) { net->spec.optimizer = xt_choose(&xt_optimizers, "adam"); }

static const struct {
    const char *name;
    bool alike;
    void (*change)(test_net *net);
} alike_rows[] = {
    {"nothing", true, change_nothing},       {"learning rate", true, change_rate}, {"seed", true, change_seed},
    {"momentum", false, change_momentum},    {"loss", false, change_loss},         {"units", false, change_units},
    {"batch", false, change_batch},          {"dropout", false, change_dropout},   {"penalty", false, change_penalty},
    {"clipping", false, change_clip},        {"shuffle", false, change_order},     {"report", false, change_report},
    {"activation", false, change_activation}, {"optimizer", false, change_optimizer},
};

static void alike_or_not(void **state)
{
    size_t i = *(const size_t *)*state;
    test_net net, other;
    xt_plan plan;
    xt_err err;
    net_xor(&net);
    other = net;
    other.spec.layers = other.layers;
    alike_rows[i].change(&other);
    net_ok(xt_plan_make(&other.spec, 2, 1, &plan, &err), &err);
    assert_int_equal(xt_lanes_alike(&net.plan, &plan), alike_rows[i].alike);
    assert_int_equal(xt_lanes_alike(&plan, &net.plan), alike_rows[i].alike);
    net_clear(&net);
}

int main(void)
{
    enum { N_ALIKE = sizeof alike_rows / sizeof *alike_rows };
    static size_t places[N_ALIKE];
    for (size_t i = 0; i < sizeof can_rows / sizeof *can_rows; i++)
        unit_case(can_or_says_why, &can_rows[i], "can_or_says_why: %s", can_rows[i].name);
    for (size_t i = 0; i < N_ALIKE; i++) {
        places[i] = i;
        unit_case(alike_or_not, &places[i], "alike_or_not: %s", alike_rows[i].name);
    }
    return unit_run("lanes_kinds");
}
