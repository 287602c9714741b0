/* request.h: how a user names an OpenCL device. */
#ifndef XT_BASE_REQUEST_H
#define XT_BASE_REQUEST_H

#include <stdbool.h>

/* Whether request has one of the forms auto, cpu, gpu, PLATFORM:DEVICE (numbers,
 * to *platform and *device), name:TEXT, platform:TEXT. */
bool xt_request_ok(const char *request, unsigned *platform, unsigned *device);
/* Those forms in words, for messages and documentation. */
extern const char xt_request_forms[];

#endif
