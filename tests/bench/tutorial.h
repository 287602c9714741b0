/* tutorial.h: the XOR tutorial's training as C, for `make bench`: one loop with
 * its sizes known at compile time.
 *
 * tutorial.c is compiled three times: plain is the loop as one writes it, with
 * -O3; tuned has its sums cut into lanes by hand, which changes their order,
 * and hints for GCC; native is tuned with -O3 -march=native. */
#ifndef XT_TESTS_BENCH_TUTORIAL_H
#define XT_TESTS_BENCH_TUTORIAL_H

enum { TUTORIAL_HIDDEN = 16, TUTORIAL_PARAMS = 4 * TUTORIAL_HIDDEN + 1 };

/* Trains from `params`, which lie as in a plan (model/plan.h), and leaves the
 * trained ones there; losses[i] becomes the loss of epoch i, measured again after
 * each update as the tutorial does. */
typedef void tutorial_train(float params[TUTORIAL_PARAMS], unsigned epochs, float *losses);

tutorial_train tutorial_plain, tutorial_tuned, tutorial_native;

#endif
