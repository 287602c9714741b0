/* call.h: every OpenCL call's result is checked through here.
 *
 *     status = XT_CL(device_name, clFinish(queue), err);
 * A failure names the call as written, the code by name, and the device. */
#ifndef XT_OCL_CALL_H
#define XT_OCL_CALL_H

#include "base/err.h"

#include <CL/cl.h>

/* "CL_OUT_OF_RESOURCES"; "unknown OpenCL error" for a code that has no name here. */
const char *xt_cl_name(cl_int code);

/* XT_OK for CL_SUCCESS, else fills err with XT_FAILED. device may be NULL. */
xt_status xt_cl_check(cl_int code, const char *call, const char *device, xt_err *err);

#define XT_CL(device, call, err) xt_cl_check((call), #call, (device), (err))

#endif
