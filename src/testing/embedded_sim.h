// A whole embedded life in the simulated world: a process with its disk, several logs and their
// clients, killed and started again under faults; then healed, read whole and judged.
#ifndef VLOG_TESTING_EMBEDDED_SIM_H_
#define VLOG_TESTING_EMBEDDED_SIM_H_

#include "testing/sim.h"

namespace vlog::testing {

SimVerdict RunEmbeddedSim(const SimScenario& scenario, uint64_t seed, bool keep_history);

}  // namespace vlog::testing

#endif  // VLOG_TESTING_EMBEDDED_SIM_H_
