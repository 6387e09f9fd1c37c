#ifndef VLOG_TESTING_CLUSTER_H_
#define VLOG_TESTING_CLUSTER_H_

#include "env/real/real_env.h"
#include "env/sim/sim_env.h"
#include "server/node.h"

#endif  // VLOG_TESTING_CLUSTER_H_
