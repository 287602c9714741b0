/* json.h: values for the JSON that xortrain writes and reads again. The caller owns what is returned. */
#ifndef XT_APP_JSON_H
#define XT_APP_JSON_H

#include "base/buf.h"
#include "model/dataset.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* From here on jansson's memory is watched: most of its functions leave out what finds
 * none and go on. Called once, before any other. */
void xt_json_watch(void);
/* Whether it was refused memory since the last call of this or of xt_json_dump. */
bool xt_json_starved(void);
/* json_dumps, but NULL too where value is NULL or lacks something for want of memory. */
char *xt_json_dump(const json_t *value, size_t flags);

/* A string; null for NULL, "", and what is no UTF-8 (drivers and paths may hold it). */
json_t *xt_json_text(const char *text);
/* A number, or null when it is not finite: JSON has no nan. */
json_t *xt_json_number(double value);
/* An array of n strings. */
json_t *xt_json_names(const char *const *names, size_t n);

/* Where rows come from and how many there are, with the checksums of their files; null for NULL. */
json_t *xt_json_rows(const xt_dataset *data);
/* Appends a line when rows are not those that xt_json_rows said: "data.train: 4 rows, was 3". part is what they are
 * called. False where saved is neither null nor such an object. */
bool xt_json_same_rows(const char *part, const json_t *saved, const xt_dataset *now, xt_buf *out);

/* Appends JSON text with each member of its objects on a line of its own, arrays as they are. depth: of the object in
 * what is around it. */
void xt_json_indent(const char *text, unsigned depth, xt_buf *out);

#endif
