#ifndef VLOG_ENV_SIM_SIM_ENV_H_
#define VLOG_ENV_SIM_SIM_ENV_H_

#include "env/env.h"

#endif  // VLOG_ENV_SIM_SIM_ENV_H_
