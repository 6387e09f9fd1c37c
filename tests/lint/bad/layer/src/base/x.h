#ifndef VLOG_BASE_X_H_
#define VLOG_BASE_X_H_

#include "storage/journal.h"  // BAD

#endif  // VLOG_BASE_X_H_
