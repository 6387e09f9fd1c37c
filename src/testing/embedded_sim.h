// A whole embedded life in the simulated world: a process with its disk, several logs and their
// clients, killed and started again under faults; then healed, read whole and judged.
#ifndef VLOG_TESTING_EMBEDDED_SIM_H_
#define VLOG_TESTING_EMBEDDED_SIM_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vlog::testing {

struct SimScenario {
  std::string name;
  std::string about;
  int lives = 5;
  uint64_t steps_a_life = 6000;  // about
  bool crashes = true;           // else each life stops in good order
  bool failed_syncs = false;
  bool full_disk = false;
  bool slow_disk = false;
  bool bit_rot = false;
  // Fault counters that must be above zero over all seeds of a run.
  std::vector<std::string> expected_faults;
};

const std::vector<SimScenario>& SimScenarios();
// Null if there is none of this name.
const SimScenario* FindSimScenario(const std::string& name);

struct SimVerdict {
  bool ok = true;
  std::string why;                   // what was violated, with the explanation
  std::vector<std::string> history;  // if `keep_history`
  uint64_t trace_hash = 0;
  uint64_t steps = 0;
  uint64_t acked = 0;
  uint64_t swaps_under_load = 0;
  std::map<std::string, uint64_t> faults;
};

// Same scenario and seed: same verdict and same trace hash, in every process.
SimVerdict RunEmbeddedSim(const SimScenario& scenario, uint64_t seed, bool keep_history);

}  // namespace vlog::testing

#endif  // VLOG_TESTING_EMBEDDED_SIM_H_
