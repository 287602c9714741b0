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

double unit_loss(int code, double a, double y, float p)
{
    return xt_loss(code, a, y, p);
}

double unit_loss_grad(int code, double a, double y, float p)
{
    return xt_loss_grad(code, a, y, p);
}
