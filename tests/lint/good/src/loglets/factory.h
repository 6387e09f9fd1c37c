#ifndef VLOG_LOGLETS_FACTORY_H_
#define VLOG_LOGLETS_FACTORY_H_

#include "loglets/loglet.h"

#endif  // VLOG_LOGLETS_FACTORY_H_
