/* log.h: messages for a person, on stderr.
 *
 * Not for data (that is stdout's) and not for errors (src/cli prints those).
 * -q leaves warnings out, -v adds what was chosen and why. */
#ifndef XT_BASE_LOG_H
#define XT_BASE_LOG_H

typedef enum xt_log_level { XT_QUIET, XT_NORMAL, XT_VERBOSE } xt_log_level;

/* Set once, before threads start. Default XT_NORMAL. */
void xt_log_set(xt_log_level level);
/* "xortrain: warning: ..." unless quiet. */
void xt_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "xortrain: ..." unless quiet. */
void xt_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "xortrain: ..." when verbose. */
void xt_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
