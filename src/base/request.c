#include "base/request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char xt_request_forms[] = "auto, cpu, gpu, PLATFORM:DEVICE such as 0:1, name:TEXT or platform:TEXT";

/* PLATFORM:DEVICE, both decimal. */
static bool numbers(const char *request, unsigned *platform, unsigned *device)
{
    char *end;
    if (!isdigit((unsigned char)request[0]))
        return false;
    unsigned long p = strtoul(request, &end, 10);
    if (*end != ':' || !isdigit((unsigned char)end[1]))
        return false;
    unsigned long d = strtoul(end + 1, &end, 10);
    *platform = (unsigned)p;
    *device = (unsigned)d;
    return !*end && p < 1000 && d < 1000;
}

bool xt_request_ok(const char *request, unsigned *platform, unsigned *device)
{
    return strcmp(request, "auto") == 0 || strcmp(request, "cpu") == 0 || strcmp(request, "gpu") == 0 ||
           (strncmp(request, "name:", 5) == 0 && request[5]) ||
           (strncmp(request, "platform:", 9) == 0 && request[9]) || numbers(request, platform, device);
}
