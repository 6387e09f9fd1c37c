#ifndef VLOG_LOGLETS_LOGLET_H_
#define VLOG_LOGLETS_LOGLET_H_

#include "async/task.h"
#include "base/ids.h"
#include "env/env.h"

#endif  // VLOG_LOGLETS_LOGLET_H_
