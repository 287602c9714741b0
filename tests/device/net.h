/* net.h: networks with their data, made by hand, for the tests of engines. */
#ifndef XT_TESTS_DEVICE_NET_H
#define XT_TESTS_DEVICE_NET_H

#include "engine/engine.h"
#include "ocl/context.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { NET_MAX_LAYERS = 4, NET_EPOCHS = 6 };

typedef struct test_net {
    xt_spec spec;
    xt_layer layers[NET_MAX_LAYERS];
    xt_choice metrics[XT_MAX_METRICS];
    xt_plan plan;
    xt_dataset data;
    bool weighted; /* its rows have weights and shares */
    float *state; /* the first: initial parameters and zeros */
    char text[200]; /* what it is, for messages */
} test_net;

/* What the environment asks for: XT_TEST_SMALL is set (under oclgrind, which is slow: what kernels read and write
 * counts there, not their values), and the seed of random inputs, XT_TEST_SEED or the clock. */
bool net_small(void);
uint64_t net_seed(void);
/* Epochs of trainings that are compared: NET_EPOCHS, or the fewest that can be trained in parts. */
uint32_t net_epochs(void);

/* A stream of random numbers for tests: splitmix64. */
uint64_t net_random(uint64_t *stream);
size_t net_below(uint64_t *stream, size_t n);          /* 0 .. n - 1 */
float net_uniform(uint64_t *stream, float low, float high);

/* The tutorial's XOR network, 2-16-1. */
void net_xor(test_net *net);
/* Any activation but softmax, which is one of a whole layer; a metric that goes with any outputs. */
const char *net_activation(size_t number);
const char *net_metric(size_t number);
enum { NET_N_METRICS = 3 };
/* The loss by its code, and the last layer's activation that it needs. */
void net_set_loss(test_net *net, size_t code);
/* An optimiser, dropout, penalties, clipping and weights of rows, by turns. */
void net_set_extras(test_net *net, size_t which, uint64_t *stream);
/* Defaults for a network that the caller then changes: no layers yet, NET_EPOCHS epochs. */
void net_begin(test_net *net);
void net_add_layer(test_net *net, uint32_t units, const char *activation);
/* Random data; lays out the plan and draws the first state. */
void net_finish(test_net *net, size_t n_rows, size_t n_inputs, uint64_t *stream);
void net_clear(test_net *net);

/* Random networks by number: every activation, loss, report and form of momentum
 * comes by turns. No row of theirs has a value so near a jump of a derivative
 * that rounding could take it to the other side. Large ones have products for
 * CLBlast. The same seed and number give the same net. */
void net_random_case(test_net *net, size_t which, bool large, uint64_t seed);
/* The choices of case `which` but for the layers: loss, report, batch and so on. */
void net_random_training(test_net *net, size_t which, uint64_t *stream);
/* Whether a derivative of its operations jumps at all. */
bool net_can_jump(const test_net *net);
/* A net with everything: shuffle, a short last batch, momentum, all metrics. */
void net_full(test_net *net, bool large);

/* Opens an engine on the net with its first state; without data when asked. */
xt_engine *net_open(test_net *net, xt_engine_code code);
xt_engine *net_open_to_predict(test_net *net, xt_engine_code code);

/* What is tested: every engine, and the way of one that it takes on other devices only. */
typedef struct net_subject {
    const char *name;
    xt_engine_code code;
    bool by_blas; /* gemm as on devices that are no CPUs; its facts are those of xt_gemm_open_by_blas alone */
} net_subject;
enum { NET_N_SUBJECTS = XT_N_ENGINES }; /* auto is no engine */
extern const net_subject net_subjects[NET_N_SUBJECTS];
xt_engine *net_open_subject(test_net *net, const net_subject *subject);
xt_engine *net_open_subject_to_predict(test_net *net, const net_subject *subject);
/* Opens it on the net with its first state, on the spec's device, or says why not. */
xt_status net_try_subject(test_net *net, const net_subject *subject, xt_engine **out, xt_err *err);

size_t net_n_state(const test_net *net);

/* The device of `auto`, open. */
xt_context *net_context(void);

/* Fails the test with err's text unless status is XT_OK. */
void net_ok(xt_status status, const xt_err *err);

/* Fails unless the rows have the same bits; metrics that the net has none of do
 * not count. */
void net_same_rows(const test_net *net, const xt_epoch *a, const xt_epoch *b, size_t n);

/* The largest |a - b| over the largest |b|, or over 0.1 where all b are smaller:
 * they are differences of values around 1, and have the rounding of those. */
double net_distance(const float *a, const float *b, size_t n);

/* How far parameters are from the expected ones, as a share of the way that
 * these went from the start: the norms of both. */
double net_drift(const float *got, const float *expected, const float *start, size_t n);
/* How far `epochs` of the reference's training drift when its first parameters change by a millionth: of a training that
 * is chaotic, as far as anything. */
double net_sensitivity(test_net *net, uint32_t epochs);
/* Whether a drift, or a difference in the loss as a share, is no more than rounding explains: at most tolerance, or what
 * the training makes of small changes. */
bool net_explains(test_net *net, uint32_t epochs, double drift, double tolerance);

#endif
