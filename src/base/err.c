#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

xt_status xt_fail(xt_err *err, xt_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = status;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return status;
}

xt_status xt_fail_errno(xt_err *err, const char *format, ...)
{
    int saved = errno;
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = XT_FAILED;
        int n = vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        if (n >= 0 && (size_t)n < sizeof err->text)
            snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(saved));
    }
    errno = saved;
    return XT_FAILED;
}

void xt_fail_also(xt_err *err, const xt_err *later)
{
    size_t n = err ? strlen(err->text) : 0;
    if (err)
        snprintf(err->text + n, sizeof err->text - n, "\n%s", later->text);
}

xt_status xt_fail_memory(xt_err *err, const char *what, size_t bytes)
{
    if (bytes)
        return xt_fail(err, XT_FAILED, "out of memory: %s needs %zu bytes", what, bytes);
    return xt_fail(err, XT_FAILED, "out of memory: %s", what);
}
