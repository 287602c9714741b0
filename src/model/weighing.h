/* weighing.h: label smoothing and class weights, folded into the data once, so
 * that every engine's loss is a plain sum over elements times a row's weight.
 *
 * PyTorch's CrossEntropyLoss: the loss of a batch is the sum of its rows' losses
 * over the sum of their classes' weights. */
#ifndef XT_MODEL_WEIGHING_H
#define XT_MODEL_WEIGHING_H

#include "base/err.h"
#include "model/dataset.h"
#include "model/spec.h"

/* Sets data->weights, data->shares and data->loss_targets (in its arena) as the
 * spec's loss says; leaves them NULL where it says nothing. A row's share is its
 * class's weight. XT_BAD_CONFIG for weights that do not fit the classes: those of
 * one output are targets up to 0.5 and above. */
xt_status xt_weigh(const xt_spec *spec, xt_dataset *data, xt_err *err);

#endif
