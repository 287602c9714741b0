/* tutorial.h: the XOR tutorial's training as plain C, for `make bench`: what a
 * good programmer gets from one loop with its sizes known at compile time.
 *
 * tutorial.c is compiled twice, with -O3 alone and with -O3 -march=native. */
#ifndef XT_TESTS_BENCH_TUTORIAL_H
#define XT_TESTS_BENCH_TUTORIAL_H

enum { TUTORIAL_HIDDEN = 16, TUTORIAL_PARAMS = 4 * TUTORIAL_HIDDEN + 1 };

/* Trains from `params`, which lie as in a plan (model/plan.h), and leaves the
 * trained ones there; losses[i] becomes the loss of epoch i, measured again after
 * each update as the tutorial does. */
typedef void tutorial_train(float params[TUTORIAL_PARAMS], unsigned epochs, float *losses);

tutorial_train tutorial_plain, tutorial_native;

#endif
