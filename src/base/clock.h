/* clock.h: time that only goes forward. */
#ifndef XT_BASE_CLOCK_H
#define XT_BASE_CLOCK_H

/* Seconds since the first call, which main makes. */
double xt_seconds(void);

#endif
