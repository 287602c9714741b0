/* double.h: the operations of cl/scalar.h in double precision, under names of
 * their own, so that a test can hold the single-precision ones against them.
 * Codes are those of model/ops.h. */
#ifndef XT_UNIT_DOUBLE_H
#define XT_UNIT_DOUBLE_H

double unit_activate(int code, double z, float p);
/* By z; a is worked out. */
double unit_activate_grad(int code, double z, float p);
double unit_loss(int code, double a, double y, float p);
double unit_loss_grad(int code, double a, double y, float p);

#endif
