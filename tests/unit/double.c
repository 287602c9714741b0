#include "double.h"

#include "model/ops_double.h"

double unit_activate(int code, double z, float p)
{
    return xt_activate(code, z, p);
}

double unit_activate_grad(int code, double z, float p)
{
    return xt_activate_grad(code, z, xt_activate(code, z, p), p);
}

double unit_loss(int code, int activation, double z, double y, float p)
{
    return xt_loss(code, z, xt_activate(activation, z, 0), y, p);
}

double unit_loss_grad(int code, int activation, double z, double y, float p)
{
    return xt_output_grad(code, p, activation, 0, z, xt_activate(activation, z, 0), y, 1);
}
