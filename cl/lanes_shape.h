/* lanes_shape.h: what the host tells the kernel of lanes.cl about the networks that
 * it trains at once, one text for both.
 *
 * Structs of ints, which the host prints as literals. Offsets and sizes count values, each
 * of which is there once for every lane; `state`, `mem`, `numbers` and `words`
 * are described in lanes.cl. */

/* Places among a lane's numbers. */
enum {
    XT_LANES_HYPER = 0, /* the optimiser's six values, of which the first is not used */
    XT_LANES_CLIP_NORM = 6,
    XT_LANES_CLIP_VALUE = 7,
    XT_LANES_LOSS = 8, /* the loss's parameter */
    XT_LANES_RATE = 9, /* the kernel's: those of the step that it makes */
    XT_LANES_CORRECTION1 = 10,
    XT_LANES_CORRECTION2 = 11,
    XT_LANES_LAYERS = 12, /* of each layer the following ones */
    XT_LANES_PARAM = 0, /* its activation's */
    XT_LANES_SCALE = 1, /* of the outputs that dropout keeps */
    XT_LANES_L1 = 2,
    XT_LANES_L2 = 3,
    XT_LANES_LAYER_NUMBERS = 4
};

/* Places among a lane's words: dropout's key, that of the rows' orders, and of each layer the bound of its random words. */
enum { XT_LANES_KEY_HI = 0, XT_LANES_KEY_LO = 1, XT_LANES_ORDER_HI = 2, XT_LANES_ORDER_LO = 3, XT_LANES_DROPS = 4 };

/* Where the rows' order of an epoch is from, if not as they come. */
enum { XT_LANES_GIVEN = 1, XT_LANES_DRAWN = 2 };

/* Whether a lane is trained. */
enum {
    XT_LANES_ON = 0,
    XT_LANES_STOPPED = 1, /* since the last launch: its state is to be saved */
    XT_LANES_OFF = 2
};

/* Numbers of a step, in the order of their places. */
enum { XT_LANES_STEP = 3 };

typedef struct xt_lanes_job {
    int n_layers, n_inputs, n_outputs;
    int batch;       /* rows, at most */
    int report;      /* of the loss: XT_FUSED_RUNNING .. */
    int shuffled;    /* each lane takes the rows in its own order: XT_LANES_GIVEN .. */
    int loss, optimizer;
    int n_slots;     /* of the optimiser's state that an update changes */
    int loss_values; /* of a row, that the loss is the mean of */
    int weighted;    /* rows have weights and shares */
    int scores_weighted; /* rows that are not trained on have weights */
    int drops;       /* a layer has dropout */
    int keeps;       /* outputs that were scored are kept, for metrics */
    int hyper_on;    /* bit k: the optimiser's value k is not 0 */
    int clips_norm, clips_value;
    int n_params, n_state; /* n_state: all slots with them */
    int x, y, weights;     /* places in mem: a batch's inputs, targets, and the weights of its rows */
    int gradients;         /* likewise, where clips_norm */
    int n_mem, n_numbers, n_words;
} xt_lanes_job;

typedef struct xt_lanes_layer {
    int inputs, units;
    int weight, bias;  /* places in the state: the plan's */
    int z, a, kept, x; /* places in mem; kept: what dropout multiplied by; x: what it takes in */
    int activation;
    int drops;         /* has dropout */
    int penalised;     /* has penalties */
} xt_lanes_layer;
