// Several client processes of one log on the fake quorum loglet: competing reconfigurers, zombies,
// lost replies, stores that are cut off, clients that are killed; then healed, read whole and
// judged.
#ifndef VLOG_TESTING_QUORUM_SIM_H_
#define VLOG_TESTING_QUORUM_SIM_H_

#include "testing/sim.h"

namespace vlog::testing {

SimVerdict RunQuorumSim(const SimScenario& scenario, uint64_t seed, bool keep_history);

}  // namespace vlog::testing

#endif  // VLOG_TESTING_QUORUM_SIM_H_
