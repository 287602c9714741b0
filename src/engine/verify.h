/* verify.h: whether a form of the gemm engine computes rightly on a device.
 *
 * Networks of odd sizes whose numbers are whole, and so small that every order
 * of summation is exact, must come out as the reference engine has them: the
 * outputs, the losses, the gradients and the parameters after an update. With
 * tiles, networks with every activation, loss and optimiser must come out with the
 * bits of the form that suits the device, or tuning would change results. */
#ifndef XT_ENGINE_VERIFY_H
#define XT_ENGINE_VERIFY_H

#include "engine/gemm.h"

typedef struct xt_verifier xt_verifier;

/* Computes what is expected, on the host. Fails where the form that suits the device, `suits`, computes
 * wrongly itself: XT_DIFFERS. */
xt_status xt_verifier_open(const xt_device *device, const xt_tiles *suits, xt_verifier **out, xt_err *err);
/* XT_DIFFERS where the form computes wrongly, or *wrong false, rightly with other bits. Any other failure is the
 * device's: it did not compile, or found no memory. */
xt_status xt_verify(const xt_verifier *verifier, const xt_tiles *tiles, bool *wrong, xt_err *err);
/* The same of products that are not by tiles, whose sums may have any order: wholly right where they are exact.
 * XT_DIFFERS where not. */
xt_status xt_verify_products(const xt_device *device, const xt_product_wish *products, xt_err *err);
/* NULL-safe; sets *verifier to NULL. */
void xt_verifier_close(xt_verifier **verifier);

#endif
