#ifndef VLOG_LOGLETS_LOGLET_H_
#define VLOG_LOGLETS_LOGLET_H_

#include "env/env.h"
#include "loglets/memory/memory_loglet.h"  // BAD
#include "storage/journal.h"               // BAD

#endif  // VLOG_LOGLETS_LOGLET_H_
