/* 2-16-1, relu, mse, plain SGD at 0.01, one row at a time. The Makefile compiles
 * this text once for each set of flags and names the function by TUTORIAL. */
#include "tutorial.h"

#ifndef TUTORIAL
#define TUTORIAL tutorial_plain
#endif

enum { N_ROWS = 4 };

#ifdef TUNED
/* Partial sums: a compiler must not reorder floats, but may keep these in one
 * register. Which number is fastest was measured. */
#ifdef __AVX__
enum { LANES = 4 };
#else
enum { LANES = 8 };
#endif
/* Left alone, GCC unrolls 16 rounds first and then finds no loop to vectorise. */
#define VECTORISE _Pragma("GCC unroll 1")
#else
enum { LANES = 1 };
#define VECTORISE
#endif

/* One array for each input's weights, so that units lie side by side. */
typedef struct network {
    float w0[TUTORIAL_HIDDEN], w1[TUTORIAL_HIDDEN], bias[TUTORIAL_HIDDEN], out[TUTORIAL_HIDDEN];
    float out_bias;
} network;

static const float inputs[N_ROWS][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[N_ROWS] = {1, 0, 0, 1};
static const float rate = 0.01f;

static inline float forward(const network *net, const float *x, float *hidden)
{
    float part[LANES] = {0};
    VECTORISE
    for (int j = 0; j < TUTORIAL_HIDDEN; j++) {
        float z = net->w0[j] * x[0] + net->w1[j] * x[1] + net->bias[j];
        hidden[j] = z > 0 ? z : 0;
    }
    for (int j = 0; j < TUTORIAL_HIDDEN; j += LANES)
        for (int i = 0; i < LANES; i++)
            part[i] += hidden[j + i] * net->out[j + i];
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            part[i] += part[i + width];
    return part[0] + net->out_bias;
}

static inline void update(network *net, const float *x, float y)
{
    float hidden[TUTORIAL_HIDDEN];
    float step = rate * 2 * (forward(net, x, hidden) - y);
    VECTORISE
    for (int j = 0; j < TUTORIAL_HIDDEN; j++) {
        float g = hidden[j] > 0 ? step * net->out[j] : 0;
        net->out[j] -= step * hidden[j];
        net->w0[j] -= g * x[0];
        net->w1[j] -= g * x[1];
        net->bias[j] -= g;
    }
    net->out_bias -= step;
}

void TUTORIAL(float params[TUTORIAL_PARAMS], unsigned epochs, float *losses)
{
    float *bias = params + 2 * TUTORIAL_HIDDEN, *out = bias + TUTORIAL_HIDDEN;
    network net = {.out_bias = params[TUTORIAL_PARAMS - 1]};
    for (int j = 0; j < TUTORIAL_HIDDEN; j++) {
        net.w0[j] = params[2 * j];
        net.w1[j] = params[2 * j + 1];
        net.bias[j] = bias[j];
        net.out[j] = out[j];
    }
    for (unsigned epoch = 0; epoch < epochs; epoch++) {
        float sum = 0, hidden[TUTORIAL_HIDDEN];
        for (int r = 0; r < N_ROWS; r++) {
            update(&net, inputs[r], targets[r]);
            float d = forward(&net, inputs[r], hidden) - targets[r];
            sum += d * d;
        }
        losses[epoch] = sum / N_ROWS;
    }
    for (int j = 0; j < TUTORIAL_HIDDEN; j++) {
        params[2 * j] = net.w0[j];
        params[2 * j + 1] = net.w1[j];
        bias[j] = net.bias[j];
        out[j] = net.out[j];
    }
    params[TUTORIAL_PARAMS - 1] = net.out_bias;
}
