// A whole simulated cluster: three nodes as vlogd runs them, and clients in processes of their own.
#ifndef VLOG_TESTING_CLUSTER_SIM_H_
#define VLOG_TESTING_CLUSTER_SIM_H_

#include "testing/sim.h"

namespace vlog::testing {

SimVerdict RunClusterSim(const SimScenario& scenario, uint64_t seed, bool keep_history);

}  // namespace vlog::testing

#endif  // VLOG_TESTING_CLUSTER_SIM_H_
