#ifndef VLOG_VIRTUALLOG_CHAIN_H_
#define VLOG_VIRTUALLOG_CHAIN_H_

#include "base/ids.h"

#endif  // VLOG_VIRTUALLOG_CHAIN_H_
