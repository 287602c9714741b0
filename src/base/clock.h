/* clock.h: time that only goes forward. */
#ifndef XT_BASE_CLOCK_H
#define XT_BASE_CLOCK_H

/* Seconds since some moment before the process began. */
double xt_seconds(void);

#endif
