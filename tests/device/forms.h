/* forms.h: the fused engine in each of its forms, and networks to compare them on. */
#ifndef XT_TESTS_DEVICE_FORMS_H
#define XT_TESTS_DEVICE_FORMS_H

#include "net.h"

#include "engine/fused.h"

typedef struct test_form {
    const char *name;
    xt_fused_wish wish;
} test_form;

/* The first is the measure of the others: general, vectors, global memory. Then
 * the other general ones, then the specialised one. */
enum { FORM_GENERAL, FORM_SPECIAL = 4, N_FORMS = 5 };
extern const test_form forms[N_FORMS];

/* Whether the device and the net's size allow it. */
bool form_allowed(const test_net *net, const test_form *form);

/* Opens the fused engine in that form on the net with its first state; without
 * data when asked. */
xt_engine *form_open(test_net *net, const test_form *form);
xt_engine *form_open_to_predict(test_net *net, const test_form *form);
xt_engine *form_open_wish(test_net *net, const xt_fused_wish *wish, const xt_dataset *data);

/* ---- trained ---- */

typedef struct trained {
    xt_epoch rows[NET_EPOCHS];
    float *state;
} trained;

/* Trains net_epochs() epochs, at most `chunk` of them a call, and closes the engine. */
void train_all(test_net *net, xt_engine *engine, uint32_t chunk, trained *out);
/* The same for `all` epochs, at most NET_EPOCHS. */
void train_epochs(test_net *net, xt_engine *engine, uint32_t all, uint32_t chunk, trained *out);
void trained_clear(trained *t);
/* Fails unless all bits are the same. Rows count up to the first whose loss is
 * not finite in both; then the state does not. */
void same_training(const test_net *net, const char *what, const trained *got, const trained *expected);
/* The same within what two exponential functions differ in. */
void near_training(test_net *net, const char *what, const trained *got, const trained *expected);

/* ---- networks ---- */

/* Whether a net computes with nothing but + - * / and comparisons. */
bool is_exact(const test_net *net);

/* Case `which` of a seed: widths around multiples of 16, every activation (or the
 * exact ones), loss, report, batch size and number of metrics by turns. */
void forms_net(test_net *net, size_t which, bool exact, uint64_t seed);

/* The networks that specialised forms are compiled for: few, for each takes a
 * while, with every activation in one of them. Their values are the seed's. */
enum { N_SHAPES = 12 };
void shape_net(test_net *net, size_t which, uint64_t seed);

#endif
