/* json.h: values for the JSON that xortrain writes. The caller owns what is returned. */
#ifndef XT_APP_JSON_H
#define XT_APP_JSON_H

#include <jansson.h>
#include <stddef.h>

/* A string; null for NULL, "", and what is no UTF-8 (drivers and paths may hold it). */
json_t *xt_json_text(const char *text);
/* A number, or null when it is not finite: JSON has no nan. */
json_t *xt_json_number(double value);
/* An array of n strings. */
json_t *xt_json_names(const char *const *names, size_t n);

#endif
