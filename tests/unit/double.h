/* double.h: the operations of cl/scalar.h in double precision, under names of
 * their own, so that a test can hold the single-precision ones against them.
 * Codes are those of model/ops.h. */
#ifndef XT_UNIT_DOUBLE_H
#define XT_UNIT_DOUBLE_H

double unit_activate(int code, double z, float p);
/* By z; a is worked out. */
double unit_activate_grad(int code, double z, float p);
/* At z with the last layer's activation (code). */
double unit_loss(int code, int activation, double z, double y, float p);
/* By z. */
double unit_loss_grad(int code, int activation, double z, double y, float p);

#endif
