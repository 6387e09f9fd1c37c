#ifndef VLOG_STORAGE_JOURNAL_H_
#define VLOG_STORAGE_JOURNAL_H_

#include "env/env.h"

#endif  // VLOG_STORAGE_JOURNAL_H_
