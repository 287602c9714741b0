/* fused_shape.h: what the host tells the fused kernel about a network, one text for
 * both.
 *
 * Structs of ints and floats, ints first, so that they lie alike on both sides
 * and the host can print them as literals for a specialised form. Offsets and
 * sizes count floats; `mem` and `state` are described in fused.cl. A row of
 * values is padded to a multiple of XT_LANES, and so is every offset. */

enum { XT_LANES = 16 };
#define XT_PADDED(n) (((n) + XT_LANES - 1) / XT_LANES * XT_LANES)

enum {
    /* modes */
    XT_FUSED_TRAIN = 0,
    XT_FUSED_GRADIENTS = 1, /* loss and gradient of one batch, nothing is updated */
    XT_FUSED_OUTPUTS = 2,   /* forward alone */
    XT_FUSED_EVALUATE = 3,  /* forward, and each row's loss */
    /* reports of the loss, the codes of model/spec.h */
    XT_FUSED_RUNNING = 0,
    XT_FUSED_POST_UPDATE = 1,
    XT_FUSED_EVAL = 2
};

typedef struct xt_fused_job {
    int mode;
    int n_layers, n_inputs, n_outputs;
    int batch;      /* rows, at most */
    int report;
    int shuffled;   /* rows are taken in the order that is given */
    int loss, optimizer, n_slots;
    int loss_values; /* of a row, that the loss is the mean of */
    int weighted;    /* rows have weights and shares */
    int keeps;       /* outputs that were scored are written out */
    int drops;       /* a layer has dropout */
    int n_state;    /* of one copy of the parameters: the state is 1 + n_slots of them */
    int x, g, gradients, scores, row; /* places in mem */
    int n_mem;      /* floats of mem */
    float loss_param;
    float clip_norm, clip_value; /* 0: not */
    float hyper[6]; /* the optimiser's values; the step says the learning rate */
} xt_fused_job;

typedef struct xt_fused_layer {
    int inputs, units;
    int weight, bias; /* places in the state */
    int z, a, x;      /* places in mem; x is that of what it takes in */
    int activation;
    int index, drop_below; /* for the random words of its dropout; 0: none */
    float param;
    float drop_scale;
    float l1, l2; /* on its weights */
} xt_fused_layer;

/* What changes from update to update. */
typedef struct xt_fused_step {
    float learning_rate, first, correction1, correction2; /* as xt_hyper has them */
} xt_fused_step;
