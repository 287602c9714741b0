/* apart.h: work in a process of its own, so that what crashes, hangs, or holds
 * for a whole process, as a library's state does, is none of this one's. */
#ifndef XT_CLI_APART_H
#define XT_CLI_APART_H

#include "engine/tune.h"

/* The child is a copy of this process as it is, but for its threads, with what signals usually do. It ends when work
 * returns, without destructors. Nothing of OpenCL may be open: a driver's threads do not come along. */
xt_apart_fn xt_apart;

#endif
